/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/ext_test_access: each open file is an emulated device (ext_test_access.c), and these
 * ioctls make its driver call the access API. Each returns what the call returned.
 */
#ifndef EXT_TEST_ACCESS_H
#define EXT_TEST_ACCESS_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum {
	/* The driver pins pages; without, it can only read and write. */
	EXT_TEST_NEEDS_PIN = 1 << 0,
};

/**
 * struct ext_test_access - the argument of each ioctl; what a command does not use is
 *	ignored
 * @id: CREATE: file descriptor of /dev/ioasid, and out: id of the access; ATTACH,
 *	REPLACE: id of the IOAS; PIN: out: the pin; UNPIN, PIN_RW: the pin
 * @flags: CREATE: EXT_TEST_NEEDS_PIN; PIN, RW: flags of the API; PIN_RW: 1 to write
 * @iova: PIN, RW: first IOVA; PIN_RW: offset in the pinned pages
 * @length: PIN, RW, PIN_RW: in bytes
 * @data: RW, PIN_RW: the program's buffer
 */
struct ext_test_access {
	__u32 id;
	__u32 flags;
	__u64 iova;
	__u64 length;
	__u64 data;
};

/**
 * struct ext_test_unmaps - what the driver was told by its unmap operation
 * @keep: SET: how many times the operation unpins nothing
 * @attach: SET: id of an IOAS that the operation tries to attach, or 0
 * @told: GET: how often it was called since SET
 * @attach_error: GET: what that attach gave, a negative errno
 * @iova: GET: of the last call
 * @length: GET: of the last call
 * @pins: GET: how many pins there are
 */
struct ext_test_unmaps {
	__u32 keep;
	__u32 attach;
	__u32 told;
	__s32 attach_error;
	__u64 iova;
	__u64 length;
	__u64 pins;
};

#define EXT_TEST_ACCESS 'X'
#define EXT_TEST_CREATE _IOWR(EXT_TEST_ACCESS, 0, struct ext_test_access)
#define EXT_TEST_DESTROY _IO(EXT_TEST_ACCESS, 1)
#define EXT_TEST_ATTACH _IOWR(EXT_TEST_ACCESS, 2, struct ext_test_access)
#define EXT_TEST_REPLACE _IOWR(EXT_TEST_ACCESS, 3, struct ext_test_access)
#define EXT_TEST_DETACH _IO(EXT_TEST_ACCESS, 4)
#define EXT_TEST_PIN _IOWR(EXT_TEST_ACCESS, 5, struct ext_test_access)
#define EXT_TEST_UNPIN _IOWR(EXT_TEST_ACCESS, 6, struct ext_test_access)
#define EXT_TEST_PIN_RW _IOWR(EXT_TEST_ACCESS, 7, struct ext_test_access)
#define EXT_TEST_RW _IOWR(EXT_TEST_ACCESS, 8, struct ext_test_access)
#define EXT_TEST_SET_UNMAPS _IOWR(EXT_TEST_ACCESS, 9, struct ext_test_unmaps)
#define EXT_TEST_GET_UNMAPS _IOWR(EXT_TEST_ACCESS, 10, struct ext_test_unmaps)

#endif
