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

#include "diff.h"
#include "program.h"
#include "test.h"

#define FIELD_AS(label, type, member, kind_)                      \
	{                                                         \
		label, offsetof(struct type, member),             \
			sizeof(((struct type *)0)->member), kind_ \
	}
#define N(label, type, member) FIELD_AS(label, type, member, NUMBER)

#define IOCTL(name_, on, cmd_, type) \
	.name = name_, .target = on, .cmd = cmd_, .size = sizeof(struct type)
/* A field of what the program does itself. */
#define P(label, kind_)            \
	{                          \
		label, 0, 8, kind_ \
	}

static const struct command commands[] = {
	{
		IOCTL("destroy", ON_CONTEXT, IOASID_DESTROY, ioasid_destroy),
		.ranges = true,
		.fields = { FIELD_AS("id", ioasid_destroy, id, ID) },
	}, {
		IOCTL("alloc", ON_CONTEXT, IOASID_IOAS_ALLOC,
		      ioasid_ioas_alloc),
		.ranges = true,
		.fields = {
			N("flags", ioasid_ioas_alloc, flags),
			FIELD_AS("as", ioasid_ioas_alloc, out_ioas_id, NEW_ID),
		},
	}, {
		IOCTL("allow", ON_CONTEXT, IOASID_IOAS_ALLOW_IOVAS,
		      ioasid_ioas_allow_iovas),
		.ranges = true,
		.fields = {
			FIELD_AS("ioas", ioasid_ioas_allow_iovas, ioas_id, ID),
			N("num", ioasid_ioas_allow_iovas, num_iovas),
			N("reserved", ioasid_ioas_allow_iovas, __reserved),
			N("ranges", ioasid_ioas_allow_iovas, allowed_iovas),
		},
	}, {
		IOCTL("copy", ON_CONTEXT, IOASID_IOAS_COPY, ioasid_ioas_copy),
		.fields = {
			N("flags", ioasid_ioas_copy, flags),
			FIELD_AS("dst", ioasid_ioas_copy, dst_ioas_id, ID),
			FIELD_AS("src", ioasid_ioas_copy, src_ioas_id, ID),
			N("len", ioasid_ioas_copy, length),
			N("iova", ioasid_ioas_copy, dst_iova),
			N("from", ioasid_ioas_copy, src_iova),
		},
	}, {
		IOCTL("ranges", ON_CONTEXT, IOASID_IOAS_IOVA_RANGES,
		      ioasid_ioas_iova_ranges),
		.fields = {
			FIELD_AS("ioas", ioasid_ioas_iova_ranges, ioas_id, ID),
			N("num", ioasid_ioas_iova_ranges, num_iovas),
			N("reserved", ioasid_ioas_iova_ranges, __reserved),
			N("ranges", ioasid_ioas_iova_ranges, allowed_iovas),
			N("align", ioasid_ioas_iova_ranges, out_iova_alignment),
		},
	}, {
		IOCTL("map", ON_CONTEXT, IOASID_IOAS_MAP, ioasid_ioas_map),
		.fields = {
			N("flags", ioasid_ioas_map, flags),
			FIELD_AS("ioas", ioasid_ioas_map, ioas_id, ID),
			N("reserved", ioasid_ioas_map, __reserved),
			N("va", ioasid_ioas_map, user_va),
			N("len", ioasid_ioas_map, length),
			N("iova", ioasid_ioas_map, iova),
		},
	}, {
		IOCTL("map_file", ON_CONTEXT, IOASID_IOAS_MAP_FILE,
		      ioasid_ioas_map_file),
		.fields = {
			N("flags", ioasid_ioas_map_file, flags),
			FIELD_AS("ioas", ioasid_ioas_map_file, ioas_id, ID),
			FIELD_AS("fd", ioasid_ioas_map_file, fd, FD),
			N("start", ioasid_ioas_map_file, start),
			N("len", ioasid_ioas_map_file, length),
			N("iova", ioasid_ioas_map_file, iova),
		},
	}, {
		IOCTL("unmap", ON_CONTEXT, IOASID_IOAS_UNMAP,
		      ioasid_ioas_unmap),
		.fields = {
			FIELD_AS("ioas", ioasid_ioas_unmap, ioas_id, ID),
			N("iova", ioasid_ioas_unmap, iova),
			N("len", ioasid_ioas_unmap, length),
		},
	}, {
		IOCTL("option", ON_CONTEXT, IOASID_OPTION, ioasid_option_cmd),
		.ranges = true,
		.fields = {
			N("option", ioasid_option_cmd, option_id),
			N("op", ioasid_option_cmd, op),
			N("reserved", ioasid_option_cmd, __reserved),
			FIELD_AS("object", ioasid_option_cmd, object_id, ID),
			N("val", ioasid_option_cmd, val64),
		},
	}, {
		IOCTL("vfio_ioas", ON_CONTEXT, IOASID_VFIO_IOAS,
		      ioasid_vfio_ioas),
		.fields = {
			FIELD_AS("ioas", ioasid_vfio_ioas, ioas_id, ID),
			N("op", ioasid_vfio_ioas, op),
			N("reserved", ioasid_vfio_ioas, __reserved),
		},
	}, {
		IOCTL("hwpt", ON_CONTEXT, IOASID_HWPT_ALLOC, ioasid_hwpt_alloc),
		.ranges = true,
		.fields = {
			N("flags", ioasid_hwpt_alloc, flags),
			FIELD_AS("dev", ioasid_hwpt_alloc, dev_id, ID),
			FIELD_AS("pt", ioasid_hwpt_alloc, pt_id, ID),
			FIELD_AS("as", ioasid_hwpt_alloc, out_hwpt_id, NEW_ID),
			N("reserved", ioasid_hwpt_alloc, __reserved),
			N("type", ioasid_hwpt_alloc, data_type),
			N("len", ioasid_hwpt_alloc, data_len),
			N("data", ioasid_hwpt_alloc, data_uptr),
			FIELD_AS("fault", ioasid_hwpt_alloc, fault_id, ID),
			N("reserved2", ioasid_hwpt_alloc, __reserved2),
		},
	}, {
		IOCTL("hw_info", ON_CONTEXT, IOASID_GET_HW_INFO,
		      ioasid_hw_info),
		.fields = {
			N("flags", ioasid_hw_info, flags),
			FIELD_AS("dev", ioasid_hw_info, dev_id, ID),
			N("len", ioasid_hw_info, data_len),
			N("data", ioasid_hw_info, data_uptr),
			N("type", ioasid_hw_info, out_data_type),
			N("pasid", ioasid_hw_info, out_max_pasid_log2),
			N("reserved", ioasid_hw_info, __reserved[0]),
			N("reserved1", ioasid_hw_info, __reserved[1]),
			N("reserved2", ioasid_hw_info, __reserved[2]),
			N("caps", ioasid_hw_info, out_capabilities),
		},
	}, {
		IOCTL("set_dirty", ON_CONTEXT, IOASID_HWPT_SET_DIRTY_TRACKING,
		      ioasid_hwpt_set_dirty_tracking),
		.fields = {
			N("flags", ioasid_hwpt_set_dirty_tracking, flags),
			FIELD_AS("hwpt", ioasid_hwpt_set_dirty_tracking,
				 hwpt_id, ID),
			N("reserved", ioasid_hwpt_set_dirty_tracking,
			  __reserved),
		},
	}, {
		IOCTL("get_dirty", ON_CONTEXT, IOASID_HWPT_GET_DIRTY_BITMAP,
		      ioasid_hwpt_get_dirty_bitmap),
		.fields = {
			FIELD_AS("hwpt", ioasid_hwpt_get_dirty_bitmap, hwpt_id,
				 ID),
			N("flags", ioasid_hwpt_get_dirty_bitmap, flags),
			N("reserved", ioasid_hwpt_get_dirty_bitmap, __reserved),
			N("iova", ioasid_hwpt_get_dirty_bitmap, iova),
			N("len", ioasid_hwpt_get_dirty_bitmap, length),
			N("page", ioasid_hwpt_get_dirty_bitmap, page_size),
			N("data", ioasid_hwpt_get_dirty_bitmap, data),
		},
	}, {
		IOCTL("invalidate", ON_CONTEXT, IOASID_HWPT_INVALIDATE,
		      ioasid_hwpt_invalidate),
		.fields = {
			FIELD_AS("hwpt", ioasid_hwpt_invalidate, hwpt_id, ID),
			N("data", ioasid_hwpt_invalidate, data_uptr),
			N("type", ioasid_hwpt_invalidate, data_type),
			N("entry_len", ioasid_hwpt_invalidate, entry_len),
			N("num", ioasid_hwpt_invalidate, entry_num),
			N("reserved", ioasid_hwpt_invalidate, __reserved),
		},
	}, {
		IOCTL("fault_queue", ON_CONTEXT, IOASID_FAULT_QUEUE_ALLOC,
		      ioasid_fault_alloc),
		.fields = {
			N("flags", ioasid_fault_alloc, flags),
			FIELD_AS("as", ioasid_fault_alloc, out_fault_id,
				 NEW_ID),
			FIELD_AS("file", ioasid_fault_alloc, out_fault_fd,
				 NEW_FD),
		},
	}, {
		IOCTL("viommu", ON_CONTEXT, IOASID_VIOMMU_ALLOC,
		      ioasid_viommu_alloc),
		.fields = {
			N("flags", ioasid_viommu_alloc, flags),
			N("type", ioasid_viommu_alloc, type),
			FIELD_AS("dev", ioasid_viommu_alloc, dev_id, ID),
			FIELD_AS("hwpt", ioasid_viommu_alloc, hwpt_id, ID),
			FIELD_AS("as", ioasid_viommu_alloc, out_viommu_id,
				 NEW_ID),
			N("len", ioasid_viommu_alloc, data_len),
			N("reserved", ioasid_viommu_alloc, __reserved),
			N("data", ioasid_viommu_alloc, data_uptr),
		},
	}, {
		IOCTL("vdevice", ON_CONTEXT, IOASID_VDEVICE_ALLOC,
		      ioasid_vdevice_alloc),
		.fields = {
			FIELD_AS("viommu", ioasid_vdevice_alloc, viommu_id, ID),
			FIELD_AS("dev", ioasid_vdevice_alloc, dev_id, ID),
			FIELD_AS("as", ioasid_vdevice_alloc, out_vdevice_id,
				 NEW_ID),
			N("id", ioasid_vdevice_alloc, virt_id),
		},
	}, {
		IOCTL("veventq", ON_CONTEXT, IOASID_VEVENTQ_ALLOC,
		      ioasid_veventq_alloc),
		.fields = {
			N("flags", ioasid_veventq_alloc, flags),
			FIELD_AS("viommu", ioasid_veventq_alloc, viommu_id, ID),
			N("type", ioasid_veventq_alloc, type),
			N("depth", ioasid_veventq_alloc, veventq_depth),
			FIELD_AS("as", ioasid_veventq_alloc, out_veventq_id,
				 NEW_ID),
			FIELD_AS("file", ioasid_veventq_alloc, out_veventq_fd,
				 NEW_FD),
			N("reserved", ioasid_veventq_alloc, __reserved),
		},
	}, {
		IOCTL("hw_queue", ON_CONTEXT, IOASID_HW_QUEUE_ALLOC,
		      ioasid_hw_queue_alloc),
		.fields = {
			N("flags", ioasid_hw_queue_alloc, flags),
			FIELD_AS("viommu", ioasid_hw_queue_alloc, viommu_id,
				 ID),
			N("type", ioasid_hw_queue_alloc, type),
			N("index", ioasid_hw_queue_alloc, index),
			FIELD_AS("as", ioasid_hw_queue_alloc, out_hw_queue_id,
				 NEW_ID),
			N("iova", ioasid_hw_queue_alloc, nesting_parent_iova),
			N("len", ioasid_hw_queue_alloc, length),
		},
	}, {
		IOCTL("change_process", ON_CONTEXT, IOASID_IOAS_CHANGE_PROCESS,
		      ioasid_ioas_change_process),
		.fields = {
			N("reserved", ioasid_ioas_change_process, __reserved),
		},
	}, {
		.name = "api_version", .target = ON_CONTEXT_NUMBER,
		.cmd = VFIO_GET_API_VERSION, .fields = { P("arg", NUMBER) },
	}, {
		.name = "extension", .target = ON_CONTEXT_NUMBER,
		.cmd = VFIO_CHECK_EXTENSION, .fields = { P("arg", NUMBER) },
	}, {
		.name = "set_iommu", .target = ON_CONTEXT_NUMBER,
		.ranges = true,
		.cmd = VFIO_SET_IOMMU, .fields = { P("arg", NUMBER) },
	}, {
		IOCTL("get_info", ON_CONTEXT, VFIO_IOMMU_GET_INFO,
		      vfio_iommu_type1_info),
		.fields = {
			N("flags", vfio_iommu_type1_info, flags),
			N("pages", vfio_iommu_type1_info, iova_pgsizes),
			N("caps", vfio_iommu_type1_info, cap_offset),
		},
	}, {
		IOCTL("map_dma", ON_CONTEXT, VFIO_IOMMU_MAP_DMA,
		      vfio_iommu_type1_dma_map),
		.fields = {
			N("flags", vfio_iommu_type1_dma_map, flags),
			N("va", vfio_iommu_type1_dma_map, vaddr),
			N("iova", vfio_iommu_type1_dma_map, iova),
			N("len", vfio_iommu_type1_dma_map, size),
		},
	}, {
		IOCTL("unmap_dma", ON_CONTEXT, VFIO_IOMMU_UNMAP_DMA,
		      vfio_iommu_type1_dma_unmap),
		.fields = {
			N("flags", vfio_iommu_type1_dma_unmap, flags),
			N("iova", vfio_iommu_type1_dma_unmap, iova),
			N("len", vfio_iommu_type1_dma_unmap, size),
		},
	}, {
		IOCTL("bind", ON_DEVICE, VFIO_CDEV_BIND, vfio_cdev_bind),
		.fields = {
			N("flags", vfio_cdev_bind, flags),
			FIELD_AS("fd", vfio_cdev_bind, iommufd, FD),
			FIELD_AS("as", vfio_cdev_bind, out_devid, NEW_ID),
			N("token", vfio_cdev_bind, token_uuid_ptr),
		},
	}, {
		IOCTL("attach", ON_DEVICE, VFIO_CDEV_ATTACH, vfio_cdev_attach),
		.ranges = true,
		.fields = {
			N("flags", vfio_cdev_attach, flags),
			FIELD_AS("pt", vfio_cdev_attach, pt_id, ID),
			FIELD_AS("as", vfio_cdev_attach, pt_id, GOT_ID),
			N("pasid", vfio_cdev_attach, pasid),
		},
	}, {
		IOCTL("detach", ON_DEVICE, VFIO_CDEV_DETACH, vfio_cdev_detach),
		.ranges = true,
		.fields = {
			N("flags", vfio_cdev_detach, flags),
			N("pasid", vfio_cdev_detach, pasid),
		},
	}, {
		IOCTL("device_info", ON_DEVICE, VFIO_DEVICE_GET_INFO,
		      vfio_device_info),
		.fields = {
			N("flags", vfio_device_info, flags),
			N("regions", vfio_device_info, num_regions),
			N("irqs", vfio_device_info, num_irqs),
			N("caps", vfio_device_info, cap_offset),
		},
	}, {
		IOCTL("feature", ON_DEVICE, VFIO_DEVICE_FEATURE,
		      vfio_device_feature),
		.fields = { N("flags", vfio_device_feature, flags) },
	},
	/* With "data" as the argument, or another address. */
	{
		.name = "raw_context", .target = ON_PROGRAM,
		.run = run_raw_context,
		.fields = { P("cmd", NUMBER), P("arg", NUMBER) },
	}, {
		.name = "raw_device", .target = ON_PROGRAM,
		.run = run_raw_device,
		.fields = { P("cmd", NUMBER), P("arg", NUMBER) },
	}, {
		.name = "open", .target = ON_PROGRAM, .run = run_open,
	}, {
		.name = "close", .target = ON_PROGRAM, .run = run_close,
	}, {
		.name = "open_device", .target = ON_PROGRAM,
		.run = run_open_device,
	}, {
		.name = "close_device", .target = ON_PROGRAM,
		.run = run_close_device,
	}, {
		/* enum file_type of program.h */
		.name = "file", .target = ON_PROGRAM, .run = run_file,
		.fields = {
			P("as", NUMBER), P("type", NUMBER), P("len", NUMBER),
		},
	}, {
		.name = "read", .target = ON_PROGRAM, .run = run_read,
		.fields = { P("fd", FD), P("len", NUMBER), P("pos", NUMBER) },
	}, {
		.name = "write", .target = ON_PROGRAM, .run = run_write,
		.fields = { P("fd", FD), P("len", NUMBER), P("pos", NUMBER) },
	}, {
		.name = "mmap", .target = ON_PROGRAM, .run = run_mmap,
		.fields = {
			P("fd", FD), P("len", NUMBER), P("prot", NUMBER),
			P("flags", NUMBER), P("offset", NUMBER),
		},
	}, {
		/* The memory is gone; and is there again, another. */
		.name = "munmap", .target = ON_PROGRAM, .run = run_munmap,
		.fields = { P("va", NUMBER), P("len", NUMBER) },
	}, {
		.name = "renew", .target = ON_PROGRAM, .run = run_renew,
		.fields = { P("va", NUMBER), P("len", NUMBER) },
	}, {
		/* Become a user who may lock that many pages. */
		.name = "user", .target = ON_PROGRAM, .run = run_user,
		.fields = { P("pages", NUMBER) },
	}, {
		.name = "fork", .target = ON_PROGRAM, .run = run_fork,
	}, {
		.name = "exit", .target = ON_PROGRAM, .run = run_exit,
	}, {
		/* What the edu, attached to the IOAS, reaches of all that was mapped. */
		.name = "dma", .target = ON_PROGRAM, .run = run_dma,
		.ranges = true,
		.fields = { P("ioas", ID) },
	},
};

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

const struct command *command_named(const char *name)
{
	const struct command *command = find_command(name);

	if (!command)
		fail_test("no command %s", name);
	return command;
}

static int find_field(const struct command *command, const char *name)
{
	int i;

	for (i = 0; i < MAX_FIELDS && command->fields[i].name; i++)
		if (!strcmp(command->fields[i].name, name))
			return i;
	return -1;
}

uint64_t *call_value(struct call *call, const char *name)
{
	int i = find_field(call->command, name);

	if (i < 0)
		fail_test("%s has no %s", call->command->name, name);
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
	call->command = word ? find_command(word) : NULL;
	if (!call->command) {
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
		field = find_field(call->command, word);
		if (field < 0 ? !parse_common(call, word, equals + 1) :
				!parse_value(equals + 1, &call->value[field]))
			goto bad;
	}
	return true;
bad:
	snprintf(error, size, "not understood: %s of %s", word ? word : "->",
		 call->command->name);
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
	const struct command *command = call->command;
	char words[MAX_WORDS * 24] = "", word[32];
	int i;

	snprintf(text, size, "%s", command->name);
	if (call->on)
		append(text, size, "on", call->on);
	if (call->by)
		append(text, size, "by", call->by);
	for (i = 0; i < MAX_FIELDS && command->fields[i].name; i++)
		if (call->value[i])
			append(text, size, command->fields[i].name,
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
