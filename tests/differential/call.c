// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls there are, and how they are written:
 *
 *	NAME [FIELD=VALUE]... [-> ERRNO]
 *
 * Behind the arrow is the errno that the kernel is expected to give, 0 for success. What is not
 * named is 0. A VALUE is a number; a letter, the object or file that an earlier call put there with
 * as=LETTER; c0 or c1, a context; mem or data with +OFFSET, an address (diff.h).
 *
 * Every call takes
 *
 *	on=N		of which context (0, 1) or which device (0 an edu, 1 an nvme)
 *	by=1		made by the second process, which the call "fork" starts
 *	size=N		what the structure says its size is
 *	tail=N		the byte behind the structure, for a size that is larger
 *	at=N		where the structure is in its buffer, after whose 0x2000 bytes there is
 *			nothing; at=null for no pointer
 *	ro=1		the structure cannot be written to
 *	words=A:B:...	what is at "data" before the call
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "commands.h"
#include "diff.h"
#include "program.h"
#include "test.h"

#define MEMBER(label, type, member, kind_)                        \
	{                                                         \
		label, offsetof(struct type, member),             \
			sizeof(((struct type *)0)->member), kind_ \
	}
#define CALL(name_, target_, command_, ...)                            \
	{                                                              \
		.name = name_, .target = target_, .command = command_, \
		##__VA_ARGS__                                          \
	}
/* A value of what the program does itself. */
#define P(label, kind_)            \
	{                          \
		label, 0, 8, kind_ \
	}

/* Their structures are in tests/guest/lib/commands.c; values that stand here come behind those. */
static struct call_type types[] = {
	CALL("destroy", TO_CONTEXT, "destroy", .ranges = true),
	CALL("alloc", TO_CONTEXT, "ioas_alloc", .ranges = true),
	CALL("allow", TO_CONTEXT, "allow_iovas", .ranges = true),
	CALL("copy", TO_CONTEXT, "copy"),
	CALL("ranges", TO_CONTEXT, "iova_ranges"),
	CALL("map", TO_CONTEXT, "map"),
	CALL("map_file", TO_CONTEXT, "map_file"),
	CALL("unmap", TO_CONTEXT, "unmap"),
	CALL("option", TO_CONTEXT, "option", .ranges = true),
	CALL("vfio_ioas", TO_CONTEXT, "vfio_ioas"),
	CALL("hwpt", TO_CONTEXT, "hwpt_alloc", .ranges = true),
	CALL("hw_info", TO_CONTEXT, "hw_info"),
	CALL("set_dirty", TO_CONTEXT, "set_dirty"),
	CALL("get_dirty", TO_CONTEXT, "get_dirty"),
	CALL("invalidate", TO_CONTEXT, "invalidate"),
	CALL("fault_queue", TO_CONTEXT, "fault_queue"),
	CALL("viommu", TO_CONTEXT, "viommu"),
	CALL("vdevice", TO_CONTEXT, "vdevice"),
	CALL("veventq", TO_CONTEXT, "veventq"),
	CALL("hw_queue", TO_CONTEXT, "hw_queue"),
	CALL("change_process", TO_CONTEXT, "change_process"),
	{
		.name = "api_version", .target = TO_CONTEXT_NUMBER,
		.cmd = VFIO_GET_API_VERSION, .values = { P("arg", NUMBER) },
	}, {
		.name = "extension", .target = TO_CONTEXT_NUMBER,
		.cmd = VFIO_CHECK_EXTENSION, .values = { P("arg", NUMBER) },
	}, {
		.name = "set_iommu", .target = TO_CONTEXT_NUMBER,
		.ranges = true,
		.cmd = VFIO_SET_IOMMU, .values = { P("arg", NUMBER) },
	},
	CALL("get_info", TO_CONTEXT, "container_info"),
	CALL("map_dma", TO_CONTEXT, "container_map"),
	CALL("unmap_dma", TO_CONTEXT, "container_unmap"),
	CALL("bind", TO_DEVICE, "bind"),
	{
		.name = "attach", .target = TO_DEVICE, .command = "attach",
		.ranges = true,
		.values = {
			MEMBER("as", vfio_cdev_attach, pt_id, GOT_ID),
		},
	},
	CALL("detach", TO_DEVICE, "detach", .ranges = true),
	{
		/* The VFIO core's own, which nobody else calls. */
		.name = "device_info", .target = TO_DEVICE,
		.cmd = VFIO_DEVICE_GET_INFO,
		.size = sizeof(struct vfio_device_info),
		.values = {
			MEMBER("flags", vfio_device_info, flags, NUMBER),
			MEMBER("regions", vfio_device_info, num_regions,
			       NUMBER),
			MEMBER("irqs", vfio_device_info, num_irqs, NUMBER),
			MEMBER("caps", vfio_device_info, cap_offset, NUMBER),
		},
	},
	CALL("feature", TO_DEVICE, "feature"),
	/* With "data" as the argument, or another address. */
	{
		.name = "raw_context", .target = TO_PROGRAM,
		.run = run_raw_context,
		.values = { P("cmd", NUMBER), P("arg", NUMBER) },
	}, {
		.name = "raw_device", .target = TO_PROGRAM,
		.run = run_raw_device,
		.values = { P("cmd", NUMBER), P("arg", NUMBER) },
	}, {
		.name = "open", .target = TO_PROGRAM, .run = run_open,
	}, {
		.name = "close", .target = TO_PROGRAM, .run = run_close,
	}, {
		.name = "open_device", .target = TO_PROGRAM,
		.run = run_open_device,
	}, {
		.name = "close_device", .target = TO_PROGRAM,
		.run = run_close_device,
	}, {
		/* enum file_type of program.h */
		.name = "file", .target = TO_PROGRAM, .run = run_file,
		.values = {
			P("as", NUMBER), P("type", NUMBER), P("len", NUMBER),
		},
	}, {
		.name = "read", .target = TO_PROGRAM, .run = run_read,
		.values = { P("fd", FD), P("len", NUMBER), P("pos", NUMBER) },
	}, {
		.name = "write", .target = TO_PROGRAM, .run = run_write,
		.values = { P("fd", FD), P("len", NUMBER), P("pos", NUMBER) },
	}, {
		.name = "mmap", .target = TO_PROGRAM, .run = run_mmap,
		.values = {
			P("fd", FD), P("len", NUMBER), P("prot", NUMBER),
			P("flags", NUMBER), P("offset", NUMBER),
		},
	}, {
		/* The memory is gone; and is there again, another. */
		.name = "munmap", .target = TO_PROGRAM, .run = run_munmap,
		.values = { P("va", NUMBER), P("len", NUMBER) },
	}, {
		.name = "renew", .target = TO_PROGRAM, .run = run_renew,
		.values = { P("va", NUMBER), P("len", NUMBER) },
	}, {
		/* Become a user who may lock that many pages. */
		.name = "user", .target = TO_PROGRAM, .run = run_user,
		.values = { P("pages", NUMBER) },
	}, {
		.name = "fork", .target = TO_PROGRAM, .run = run_fork,
	}, {
		.name = "exit", .target = TO_PROGRAM, .run = run_exit,
	}, {
		/* What the edu, attached to the IOAS, reaches of all that was mapped. */
		.name = "dma", .target = TO_PROGRAM, .run = run_dma,
		.ranges = true,
		.values = { P("ioas", ID) },
	},
};

/* Of a member, for who calls it; what it is wrong with is nothing here. */
static enum kind kind_of(enum field_kind kind)
{
	switch (kind) {
	case FIELD_ID:
	case FIELD_OTHER_ID:
		return ID;
	case FIELD_NEW_ID:
		return NEW_ID;
	case FIELD_FD:
		return FD;
	case FIELD_NEW_FD:
		return NEW_FD;
	default:
		return NUMBER;
	}
}

/* Without a label, the name without the underscores in front. */
static const char *label_of(const struct field *f)
{
	return f->label && *f->label ? f->label :
				       f->name + strspn(f->name, "_");
}

static void add_members(struct call_type *type)
{
	const struct command *c = command_by_name(type->command);
	struct value_type values[MAX_VALUES] = { 0 };
	const struct field *f;
	size_t n = 0, i;

	if (!c)
		fail_test("no command %s", type->command);
	type->cmd = c->cmd;
	type->size = c->size;
	for (f = c->fields; f < c->fields + MAX_FIELDS && f->name; f++)
		values[n++] = (struct value_type){ label_of(f), f->offset,
						   f->size, kind_of(f->kind) };
	for (i = 0; n < MAX_VALUES && type->values[i].name; i++)
		values[n++] = type->values[i];
	memcpy(type->values, values, sizeof(values));
}

static void prepare_types(void)
{
	static bool done;
	size_t i;

	if (done)
		return;
	done = true;
	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].command)
			add_members(&types[i]);
}

static const struct call_type *find_type(const char *name)
{
	size_t i;

	prepare_types();
	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}

const struct call_type *type_named(const char *name)
{
	const struct call_type *type = find_type(name);

	if (!type)
		fail_test("no command %s", name);
	return type;
}

static int find_value(const struct call_type *type, const char *name)
{
	int i;

	for (i = 0; i < MAX_VALUES && type->values[i].name; i++)
		if (!strcmp(type->values[i].name, name))
			return i;
	return -1;
}

uint64_t *call_value(struct call *call, const char *name)
{
	int i = find_value(call->type, name);

	if (i < 0)
		fail_test("%s has no %s", call->type->name, name);
	return &call->value[i];
}

/* ---- as text ---- */

static const struct {
	const char *name;
	uint64_t base;
	uint64_t size;
} places[] = {
	{ "mem", MEM, MEM_END },
	{ "data", DATA, 0x2000 },
};

static bool parse_value(const char *text, uint64_t *value)
{
	uint64_t base = 0;
	size_t i, len;
	char *end;

	if (text[0] >= 'A' && text[0] <= 'Z' && !text[1]) {
		*value = SLOT(text[0] - 'A');
		return true;
	}
	if (text[0] == 'c' && text[1] >= '0' && text[1] <= '1' && !text[2]) {
		*value = CONTEXT(text[1] - '0');
		return true;
	}
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		len = strlen(places[i].name);
		if (strncmp(text, places[i].name, len))
			continue;
		*value = places[i].base;
		if (!text[len])
			return true;
		if (text[len] != '+')
			return false;
		base = places[i].base;
		text += len + 1;
		break;
	}
	errno = 0;
	*value = base + strtoull(text, &end, 0);
	return *text && !*end && !errno;
}

static bool parse_words(struct call *call, char *text)
{
	char *word, *rest = NULL;

	for (word = strtok_r(text, ":", &rest); word;
	     word = strtok_r(NULL, ":", &rest)) {
		if (call->num_words == MAX_WORDS ||
		    !parse_value(word, &call->words[call->num_words++]))
			return false;
	}
	return true;
}

/* What every call takes. */
static bool parse_common(struct call *call, const char *name, char *text)
{
	uint64_t value = 0;

	if (!strcmp(name, "words"))
		return parse_words(call, text);
	if (!strcmp(name, "at") && !strcmp(text, "null")) {
		call->at = AT_NULL;
		return true;
	}
	if (!parse_value(text, &value))
		return false;
	if (!strcmp(name, "on") && value < NUM_CONTEXTS)
		call->on = value;
	else if (!strcmp(name, "by") && value < 2)
		call->by = value;
	else if (!strcmp(name, "size") && value <= UINT32_MAX)
		call->size = value;
	else if (!strcmp(name, "tail") && value < 256)
		call->tail = value;
	else if (!strcmp(name, "ro") && value < 2)
		call->readonly = value;
	else if (!strcmp(name, "at") && value < BUFFER_SIZE)
		call->at = value;
	else
		return false;
	return true;
}

static bool parse_errno(struct call *call, const char *name)
{
	int err;

	call->expects = true;
	if (name && !strcmp(name, "0"))
		return true;
	for (err = 1; err < 134; err++) {
		if (name && strerrorname_np(err) &&
		    !strcmp(strerrorname_np(err), name)) {
			call->err = err;
			return true;
		}
	}
	return false;
}

bool call_parse(struct call *call, const char *text, char *error, size_t size)
{
	char line[512], *word, *equals, *rest = NULL;
	int field;

	memset(call, 0, sizeof(*call));
	snprintf(line, sizeof(line), "%s", text);
	word = strtok_r(line, " \t\n", &rest);
	call->type = word ? find_type(word) : NULL;
	if (!call->type) {
		snprintf(error, size, "no command %s", word ? word : "");
		return false;
	}
	while ((word = strtok_r(NULL, " \t\n", &rest))) {
		if (!strcmp(word, "->")) {
			word = strtok_r(NULL, " \t\n", &rest);
			if (!parse_errno(call, word))
				goto bad;
			continue;
		}
		equals = strchr(word, '=');
		if (!equals)
			goto bad;
		*equals = 0;
		field = find_value(call->type, word);
		if (field < 0 ? !parse_common(call, word, equals + 1) :
				!parse_value(equals + 1, &call->value[field]))
			goto bad;
	}
	return true;
bad:
	snprintf(error, size, "not understood: %s of %s", word ? word : "->",
		 call->type->name);
	return false;
}

static void print_value(uint64_t value, char *text, size_t size)
{
	size_t i;

	if (IS_SLOT(value)) {
		snprintf(text, size, "%c", (char)('A' + (value & 0xff)));
		return;
	}
	if (IS_CONTEXT(value)) {
		snprintf(text, size, "c%d", (int)(value & 0xff));
		return;
	}
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		if (value < places[i].base ||
		    value - places[i].base >= places[i].size)
			continue;
		snprintf(text, size, "%s+%#llx", places[i].name,
			 (unsigned long long)(value - places[i].base));
		return;
	}
	snprintf(text, size, value < 10 ? "%lld" : "%#llx",
		 (unsigned long long)value);
}

static void append(char *text, size_t size, const char *name, uint64_t value)
{
	size_t used = strlen(text);

	used += snprintf(text + used, size - used, " %s=", name);
	if (used < size)
		print_value(value, text + used, size - used);
}

void call_print(const struct call *call, char *text, size_t size)
{
	const struct call_type *type = call->type;
	char words[MAX_WORDS * 24] = "", word[32];
	int i;

	snprintf(text, size, "%s", type->name);
	if (call->on)
		append(text, size, "on", call->on);
	if (call->by)
		append(text, size, "by", call->by);
	for (i = 0; i < MAX_VALUES && type->values[i].name; i++)
		if (call->value[i])
			append(text, size, type->values[i].name,
			       call->value[i]);
	if (call->size)
		append(text, size, "size", call->size);
	if (call->tail)
		append(text, size, "tail", call->tail);
	if (call->readonly)
		append(text, size, "ro", 1);
	if (call->at == AT_NULL)
		strncat(text, " at=null", size - strlen(text) - 1);
	else if (call->at)
		append(text, size, "at", call->at);
	for (i = 0; i < call->num_words; i++) {
		print_value(call->words[i], word, sizeof(word));
		strncat(words,
			i ? ":" : " words=", sizeof(words) - strlen(words) - 1);
		strncat(words, word, sizeof(words) - strlen(words) - 1);
	}
	strncat(text, words, size - strlen(text) - 1);
}
