/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every ioctl that takes a structure, and what each member of it is: the table from
 * which uapi_test and badinput_test make their tests, and tests/differential its calls.
 */
#ifndef TEST_COMMANDS_H
#define TEST_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for the largest structure of the table. */
#define CMD_MAX 96

/* Where the container's ioctls map, and what is unmapped in part: a page. */
#define FIXED_IOVA (512 * MB)
/* Where the source of copies is, out of the way of automatic IOVAs. */
#define SOURCE_IOVA (256 * MB)

/* Which file takes the command. */
enum command_file {
	ON_CONTEXT,
	/* A device's file before BIND, and after it. */
	ON_PARKED,
	ON_BOUND,
};

/* The types of objects, as bits of field.good. */
enum object_type {
	OBJ_IOAS = 1 << 0,
	OBJ_DEVICE = 1 << 1,
	OBJ_HWPT = 1 << 2,
};

#define NUM_OBJECT_TYPES 3

/* What a member is, which decides how it can be wrong. */
enum field_kind {
	/* An answer; or a value whose errors the tests of its area know. */
	FIELD_VALUE,
	/* @good are the bits that may be set. */
	FIELD_BITS,
	/* An id of an object; @good are the types. */
	FIELD_ID,
	/* One whose errors the tests of its area know; and that of a new object, an answer. */
	FIELD_OTHER_ID,
	FIELD_NEW_ID,
	/* Memory that is read or written by the call itself. */
	FIELD_IN,
	FIELD_OUT,
	/* Memory that is to be mapped. */
	FIELD_VA,
	/* A range: a start, and the length that follows the last start. */
	FIELD_IOVA,
	FIELD_LENGTH,
	/* An open file; and one the call opens. */
	FIELD_FD,
	FIELD_NEW_FD,
};

struct field {
	const char *name;
	/* What tests/differential calls it in sequences; NULL or "" for its name. */
	const char *label;
	size_t offset;
	size_t size;
	enum field_kind kind;
	uint64_t good;
	/* What a wrong value gives, and an object of a wrong type. */
	int err;
	int type_err;
};

#define MAX_FIELDS 14

/* What the structures are filled from. */
struct world {
	int ctx;
	uint32_t ioas;
	/* Ordinary memory, and the page of it that arrays are in. */
	uint8_t *va;
	uint8_t *array;
	/* A file that can be mapped. */
	int memfd;
	/* -1 without a device; @devid is then absent, and @hwpt. */
	int dev;
	int parked;
	uint32_t devid;
	uint32_t hwpt;
	/* For DESTROY, until it is gone. */
	uint32_t victim;
	/* For the feature that takes one; 0 for none yet. */
	int eventfd;
};

struct command {
	const char *name;
	/* The name of the number, for people. */
	const char *title;
	enum command_file file;
	/* The device is that of a vendor's driver, which can do more. */
	bool variant;
	unsigned long cmd;
	size_t size;
	/* End of the last member of the structure's first version. */
	size_t min;
	/*
	 * Mainline's older rule, that of VFIO: a structure that is too long is
	 * fine, whatever is behind the part that is known, which is not read.
	 */
	bool argsz;
	/* The kernel writes to the structure. */
	bool answers;
	/* Also when it fails. */
	bool answers_errors;
	/*
	 * Fill a structure that is good, of zeros; each call uses it up. Returns
	 * what the call then gives: 0, or a negative errno.
	 */
	int (*fill)(struct world *world, void *cmd);
	struct field fields[MAX_FIELDS];
};

extern const struct command commands[];
extern const size_t num_commands;
/* NULL for no such name. */
const struct command *command_by_name(const char *name);

/* An IOAS and memory; with a device, too, bound and with a page table. */
struct world world_new(void);
struct world world_new_device(void);
/* The least that the command's good structure needs. */
struct world world_for(const struct command *c);
/* The file that takes the command; -1 if the world has none. */
int world_file(const struct world *world, const struct command *c);
/* @cmd has CMD_MAX bytes. Returns what the call gives. */
int good_cmd(const struct command *c, struct world *world, void *cmd,
	     uint32_t size);
/*
 * For programs of @bits; what the call opens is closed. If it is refused, its extended
 * error is checked, too: it is this call's, and gives a reason.
 */
int command_call(const struct command *c, const struct world *world, void *cmd,
		 int bits);

#endif
