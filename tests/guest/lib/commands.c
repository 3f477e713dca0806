// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "commands.h"
#include "compat32.h"
#include "dma.h"
#include "ioasid.h"
#include "test.h"
#include "vfio.h"

static int fill_nothing(struct world *world, void *cmd)
{
	(void)world;
	(void)cmd;
	return 0;
}

static int fill_destroy(struct world *world, void *cmd)
{
	uint64_t value;

	if (option_get(world->ctx, IOASID_OPTION_HUGE_PAGES, world->victim,
		       &value))
		world->victim = ioas_new(world->ctx);
	((struct ioasid_destroy *)cmd)->id = world->victim;
	return 0;
}

static int fill_ranges(struct world *world, void *cmd)
{
	struct ioasid_ioas_iova_ranges *ranges = cmd;

	ranges->ioas_id = world->ioas;
	ranges->num_iovas = 8;
	ranges->allowed_iovas = (uintptr_t)world->array;
	return 0;
}

static int fill_map(struct world *world, void *cmd)
{
	struct ioasid_ioas_map *map = cmd;

	map->flags = MAP_RW;
	map->ioas_id = world->ioas;
	map->user_va = (uintptr_t)world->va;
	map->length = PAGE;
	return 0;
}

static int fill_unmap(struct world *world, void *cmd)
{
	struct ioasid_ioas_unmap *unmap = cmd;

	unmap->ioas_id = world->ioas;
	unmap->length = UINT64_MAX;
	return 0;
}

static int fill_option(struct world *world, void *cmd)
{
	struct ioasid_option_cmd *option = cmd;

	option->option_id = IOASID_OPTION_HUGE_PAGES;
	option->op = IOASID_OPTION_OP_GET;
	option->object_id = world->ioas;
	return 0;
}

static int fill_hwpt(struct world *world, void *cmd)
{
	struct ioasid_hwpt_alloc *hwpt = cmd;

	hwpt->dev_id = world->devid;
	hwpt->pt_id = world->ioas;
	return world->dev < 0 ? -ENOENT : 0;
}

static int fill_info(struct world *world, void *cmd)
{
	struct ioasid_hw_info *info = cmd;

	info->dev_id = world->devid;
	info->data_len = PAGE;
	info->data_uptr = (uintptr_t)world->array;
	return world->dev < 0 ? -ENOENT : 0;
}

static int fill_allow(struct world *world, void *cmd)
{
	static const struct ioasid_iova_range range = { PAGE, GB - 1 };
	struct ioasid_ioas_allow_iovas *allow = cmd;

	memcpy(world->array, &range, sizeof(range));
	allow->ioas_id = world->ioas;
	allow->num_iovas = 1;
	allow->allowed_iovas = (uintptr_t)world->array;
	return 0;
}

static int fill_copy(struct world *world, void *cmd)
{
	struct ioasid_ioas_copy *copy = cmd;

	if (ioas_map_fixed(world->ctx, world->ioas, world->va, PAGE,
			   SOURCE_IOVA, MAP_RW))
		check_eq(EEXIST, errno);
	copy->flags = MAP_RW;
	copy->dst_ioas_id = world->ioas;
	copy->src_ioas_id = world->ioas;
	copy->length = PAGE;
	copy->src_iova = SOURCE_IOVA;
	return 0;
}

static void set_vfio_ioas(struct world *world)
{
	uint32_t id = world->ioas;

	assert_ok(vfio_ioas(world->ctx, IOASID_VFIO_IOAS_SET, &id));
}

static int fill_vfio_ioas(struct world *world, void *cmd)
{
	struct ioasid_vfio_ioas *vfio = cmd;

	vfio->ioas_id = world->ioas;
	vfio->op = IOASID_VFIO_IOAS_SET;
	return 0;
}

static int fill_vfio_ioas_get(struct world *world, void *cmd)
{
	set_vfio_ioas(world);
	((struct ioasid_vfio_ioas *)cmd)->op = IOASID_VFIO_IOAS_GET;
	return 0;
}

static int fill_map_file(struct world *world, void *cmd)
{
	struct ioasid_ioas_map_file *map = cmd;

	map->flags = MAP_RW;
	map->ioas_id = world->ioas;
	map->fd = world->memfd;
	map->length = PAGE;
	return 0;
}

/* Made without the flag, the page table cannot track. */
static int fill_set_dirty(struct world *world, void *cmd)
{
	((struct ioasid_hwpt_set_dirty_tracking *)cmd)->hwpt_id = world->hwpt;
	return world->dev < 0 ? -ENOENT : -EOPNOTSUPP;
}

static int fill_get_dirty(struct world *world, void *cmd)
{
	struct ioasid_hwpt_get_dirty_bitmap *get = cmd;

	get->hwpt_id = world->hwpt;
	get->length = PAGE;
	get->page_size = PAGE;
	get->data = (uintptr_t)world->array;
	return world->dev < 0 ? -ENOENT : -EOPNOTSUPP;
}

/* It is not nested. */
static int fill_invalidate(struct world *world, void *cmd)
{
	((struct ioasid_hwpt_invalidate *)cmd)->hwpt_id = world->hwpt;
	return world->dev < 0 ? -ENOENT : -EINVAL;
}

/* Served or not, by the kernel's abilities. */
static int fill_fault_queue(struct world *world, void *cmd)
{
	struct ioasid_fault_alloc try = { .size = sizeof(try) };
	int ctx = ioasid_open(), rc;

	(void)world;
	(void)cmd;
	rc = ioctl(ctx, IOASID_FAULT_QUEUE_ALLOC, &try) ? -errno : 0;
	if (!rc)
		close(try.out_fault_fd);
	else
		check_eq(EOPNOTSUPP, -rc);
	drop_fd(ctx);
	return rc;
}

/* No kernel this is for has the drivers. */
static int fill_viommu(struct world *world, void *cmd)
{
	struct ioasid_viommu_alloc *viommu = cmd;

	viommu->type = 1;
	viommu->dev_id = world->devid;
	viommu->hwpt_id = world->hwpt;
	return world->dev < 0 ? -ENOENT : -EOPNOTSUPP;
}

static int fill_vdevice(struct world *world, void *cmd)
{
	struct ioasid_vdevice_alloc *vdevice = cmd;

	vdevice->viommu_id = ABSENT_ID;
	vdevice->dev_id = world->devid;
	return -ENOENT;
}

static int fill_veventq(struct world *world, void *cmd)
{
	struct ioasid_veventq_alloc *queue = cmd;

	(void)world;
	queue->viommu_id = ABSENT_ID;
	queue->type = 1;
	queue->veventq_depth = 1;
	return -ENOENT;
}

static int fill_hw_queue(struct world *world, void *cmd)
{
	struct ioasid_hw_queue_alloc *queue = cmd;

	(void)world;
	queue->viommu_id = ABSENT_ID;
	queue->type = 1;
	queue->length = PAGE;
	return -ENOENT;
}

static int fill_get_error(struct world *world, void *cmd)
{
	struct ioasid_get_error *error = cmd;

	/* Each file keeps its own refusals. */
	if (world->parked >= 0)
		assert_errno(EINVAL, cdev_detach(world->parked));
	if (world->dev >= 0)
		assert_errno(ENOENT, cdev_attach(world->dev, ABSENT_ID, NULL));
	assert_errno(ENOENT, ioasid_destroy(world->ctx, ABSENT_ID));
	error->text_uptr = (uintptr_t)world->array;
	error->text_len = PAGE;
	return 0;
}

static int fill_list(struct world *world, void *cmd)
{
	struct ioasid_list *list = cmd;

	list->num = 8;
	list->entry_size = sizeof(struct ioasid_object);
	list->objects = (uintptr_t)world->array;
	return 0;
}

static int fill_list_mappings(struct world *world, void *cmd)
{
	struct ioasid_list_mappings *list = cmd;

	if (ioas_map_fixed(world->ctx, world->ioas, world->va, PAGE,
			   SOURCE_IOVA, MAP_RW))
		check_eq(EEXIST, errno);
	list->ioas_id = world->ioas;
	list->num = 8;
	list->entry_size = sizeof(struct ioasid_mapping);
	list->mappings = (uintptr_t)world->array;
	return 0;
}

static int fill_group_info(struct world *world, void *cmd)
{
	struct ioasid_group_info *info = cmd;

	info->dev_id = world->devid;
	info->num = 16;
	info->entry_size = sizeof(struct ioasid_group_member);
	info->members = (uintptr_t)world->array;
	return world->dev < 0 ? -ENOENT : 0;
}

static int fill_device_group_info(struct world *world, void *cmd)
{
	fill_group_info(world, cmd);
	((struct ioasid_group_info *)cmd)->dev_id = 0;
	return 0;
}

static int fill_container_map(struct world *world, void *cmd)
{
	struct vfio_iommu_type1_dma_map *map = cmd;

	set_vfio_ioas(world);
	ioas_unmap_exact(world->ctx, world->ioas, FIXED_IOVA, PAGE);
	map->flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	map->vaddr = (uintptr_t)world->va;
	map->iova = FIXED_IOVA;
	map->size = PAGE;
	return 0;
}

static int fill_unmap_partial(struct world *world, void *cmd)
{
	struct ioasid_ioas_unmap_partial *partial = cmd;

	(void)ioas_map_fixed(world->ctx, world->ioas, world->va, PAGE,
			     FIXED_IOVA, MAP_RW);
	partial->ioas_id = world->ioas;
	partial->iova = FIXED_IOVA;
	partial->length = PAGE;
	return 0;
}

static int fill_container_unmap(struct world *world, void *cmd)
{
	struct vfio_iommu_type1_dma_unmap *unmap = cmd;

	set_vfio_ioas(world);
	unmap->iova = FIXED_IOVA;
	unmap->size = PAGE;
	return 0;
}

static int fill_container_info(struct world *world, void *cmd)
{
	(void)cmd;
	set_vfio_ioas(world);
	return 0;
}

static int fill_bind(struct world *world, void *cmd)
{
	/* One file can be bound once. */
	drop_fd(world->parked);
	world->parked = assert_ok(cdev_open(edu_bdf));
	((struct vfio_cdev_bind *)cmd)->iommufd = world->ctx;
	return 0;
}

static int fill_attach(struct world *world, void *cmd)
{
	((struct vfio_cdev_attach *)cmd)->pt_id = world->ioas;
	return 0;
}

static int fill_feature(struct world *world, void *cmd)
{
	(void)world;
	((struct vfio_device_feature *)cmd)->flags =
		VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY;
	return 0;
}

/* ---- what some features of a device take, behind the head that all have ---- */

struct feature_mig_state {
	uint32_t argsz;
	uint32_t flags;
	uint32_t device_state;
	int32_t data_fd;
};

struct feature_log_start {
	uint32_t argsz;
	uint32_t flags;
	uint64_t page_size;
	uint32_t num_ranges;
	uint32_t reserved;
	uint64_t ranges;
};

struct feature_log_report {
	uint32_t argsz;
	uint32_t flags;
	uint64_t iova;
	uint64_t length;
	uint64_t page_size;
	uint64_t bitmap;
};

struct feature_wakeup {
	uint32_t argsz;
	uint32_t flags;
	int32_t wakeup_eventfd;
	uint32_t reserved;
};

static int fill_mig_state(struct world *world, void *cmd)
{
	struct feature_mig_state *f = cmd;

	(void)world;
	f->flags = VFIO_DEVICE_FEATURE_SET |
		   VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
	f->device_state = VFIO_DEVICE_STATE_RUNNING;
	return 0;
}

static void log_stop(struct world *world)
{
	struct vfio_device_feature stop = {
		.argsz = sizeof(stop),
		.flags = VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
	};

	ioctl(world->dev, VFIO_DEVICE_FEATURE, &stop);
}

/* A device logs once at a time. */
static int fill_log_start(struct world *world, void *cmd)
{
	static const struct vfio_device_feature_dma_logging_range range = {
		.iova = 0,
		.length = MB,
	};
	struct feature_log_start *f = cmd;

	log_stop(world);
	memcpy(world->array, &range, sizeof(range));
	f->flags = VFIO_DEVICE_FEATURE_SET |
		   VFIO_DEVICE_FEATURE_DMA_LOGGING_START;
	f->page_size = PAGE;
	f->num_ranges = 1;
	f->ranges = (uintptr_t)world->array;
	return 0;
}

/* Drivers of 6.7 and later cannot mark pages in a kernel without iommufd. */
static int fill_log_report(struct world *world, void *cmd)
{
	struct feature_log_start start = { .argsz = sizeof(start) };
	struct feature_log_report *f = cmd, try;

	fill_log_start(world, &start);
	ioctl(world->dev, VFIO_DEVICE_FEATURE, &start);
	f->flags = VFIO_DEVICE_FEATURE_GET |
		   VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT;
	f->length = MB;
	f->page_size = PAGE;
	f->bitmap = (uintptr_t)world->array;
	try = *f;
	try.argsz = sizeof(try);
	if (!ioctl(world->dev, VFIO_DEVICE_FEATURE, &try))
		return 0;
	/* Before BIND it is nothing else, either. */
	check(errno == EOPNOTSUPP || errno == ENOTTY);
	return -errno;
}

static int fill_wakeup(struct world *world, void *cmd)
{
	struct vfio_device_feature leave = {
		.argsz = sizeof(leave),
		.flags = VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
	};
	struct feature_wakeup *f = cmd;

	ioctl(world->dev, VFIO_DEVICE_FEATURE, &leave);
	if (world->eventfd > 0)
		drop_fd(world->eventfd);
	world->eventfd = eventfd_new();
	f->flags = VFIO_DEVICE_FEATURE_SET |
		   VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP;
	f->wakeup_eventfd = world->eventfd;
	return 0;
}

/* The device is on the root bus, which nobody resets. */
static int fill_hot_reset(struct world *world, void *cmd)
{
	(void)world;
	(void)cmd;
	return -ENODEV;
}

#define END_OF(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))

#define COMMAND(cmd_, type, last)                                 \
	.title = #cmd_, .cmd = cmd_, .size = sizeof(struct type), \
	.min = END_OF(struct type, last)

#define FIELD(type, member, ...)                                          \
	{                                                                 \
		.name = #member, .offset = offsetof(struct type, member), \
		.size = sizeof(((struct type *)0)->member), __VA_ARGS__   \
	}
/* Behind what the others take comes the label, if there is one. */
#define LABEL(...) .label = "" __VA_ARGS__
#define VALUE(type, member, ...) \
	FIELD(type, member, .kind = FIELD_VALUE, LABEL(__VA_ARGS__))
#define NEW_ID(type, member, ...) \
	FIELD(type, member, .kind = FIELD_NEW_ID, LABEL(__VA_ARGS__))
#define OTHER_ID(type, member, ...) \
	FIELD(type, member, .kind = FIELD_OTHER_ID, LABEL(__VA_ARGS__))
/* Flags and operations: what is not known is unsupported, so users can probe. */
#define BITS(type, member, known, ...)                           \
	FIELD(type, member, .kind = FIELD_BITS, .good = (known), \
	      .err = EOPNOTSUPP, LABEL(__VA_ARGS__))
#define RESERVED(type, member) BITS(type, member, 0)
/* VFIO knows no such rule. */
#define VFIO_BITS(type, member, known, ...)                      \
	FIELD(type, member, .kind = FIELD_BITS, .good = (known), \
	      .err = EINVAL, LABEL(__VA_ARGS__))
#define ID(type, member, types, ...)                                          \
	FIELD(type, member, .kind = FIELD_ID, .good = (types), .err = ENOENT, \
	      .type_err = ENOENT, LABEL(__VA_ARGS__))
#define OUT(type, member, ...)                                \
	FIELD(type, member, .kind = FIELD_OUT, .err = EFAULT, \
	      LABEL(__VA_ARGS__))
#define IN(type, member, ...) \
	FIELD(type, member, .kind = FIELD_IN, .err = EFAULT, LABEL(__VA_ARGS__))
#define VA(type, member, ...) \
	FIELD(type, member, .kind = FIELD_VA, LABEL(__VA_ARGS__))
#define START(type, member, ...) \
	FIELD(type, member, .kind = FIELD_IOVA, LABEL(__VA_ARGS__))
#define LENGTH(type, member, ...) \
	FIELD(type, member, .kind = FIELD_LENGTH, LABEL(__VA_ARGS__))

/* The same on each kind of file. */
#define GET_ERROR(file_)                                                      \
	.file = file_, COMMAND(IOASID_GET_ERROR, ioasid_get_error, out_last), \
	.answers = true, .fill = fill_get_error,                              \
	.fields = {                                                           \
		RESERVED(ioasid_get_error, flags),                            \
		OUT(ioasid_get_error, text_uptr),                             \
		VALUE(ioasid_get_error, text_len),                            \
		VALUE(ioasid_get_error, out_flags),                           \
		VALUE(ioasid_get_error, out_errno),                           \
		VALUE(ioasid_get_error, out_cmd),                             \
		VALUE(ioasid_get_error, out_ids),                             \
		VALUE(ioasid_get_error, out_start),                           \
		VALUE(ioasid_get_error, out_last),                            \
	}

/* On a device's own file, before BIND and after it; the device needs no id. */
#define DEVICE_GROUP_INFO(file_)                                               \
	.file = file_, COMMAND(IOASID_GROUP_INFO, ioasid_group_info, members), \
	.answers = true, .fill = fill_device_group_info,                       \
	.fields = {                                                            \
		RESERVED(ioasid_group_info, flags),                            \
		VFIO_BITS(ioasid_group_info, dev_id, 0),                       \
		VALUE(ioasid_group_info, num),                                 \
		VALUE(ioasid_group_info, entry_size),                          \
		VALUE(ioasid_group_info, out_flags),                           \
		VALUE(ioasid_group_info, out_group),                           \
		VALUE(ioasid_group_info, out_owner_pid),                       \
		OUT(ioasid_group_info, members),                               \
	}

#define DEVICE_FEATURES(file_)                                   \
	.file = file_,                                           \
	COMMAND(IOASID_FEATURES, ioasid_features, out_features), \
	.answers = true, .fill = fill_nothing,                   \
	.fields = {                                              \
		RESERVED(ioasid_features, flags),                \
		VFIO_BITS(ioasid_features, dev_id, 0),           \
		RESERVED(ioasid_features, __reserved),           \
		VALUE(ioasid_features, out_commands),            \
		VALUE(ioasid_features, out_features),            \
	}

const struct command commands[] = {
	{
		.name = "destroy",
		COMMAND(IOASID_DESTROY, ioasid_destroy, id),
		.fill = fill_destroy,
		.fields = {
			FIELD(ioasid_destroy, id, .kind = FIELD_ID,
			      .good = OBJ_IOAS | OBJ_HWPT, .err = ENOENT,
			      .type_err = EBUSY),
		},
	}, {
		.name = "ioas_alloc",
		COMMAND(IOASID_IOAS_ALLOC, ioasid_ioas_alloc, out_ioas_id),
		.answers = true,
		.fill = fill_nothing,
		.fields = {
			RESERVED(ioasid_ioas_alloc, flags),
			NEW_ID(ioasid_ioas_alloc, out_ioas_id, "as"),
		},
	}, {
		.name = "allow_iovas",
		COMMAND(IOASID_IOAS_ALLOW_IOVAS, ioasid_ioas_allow_iovas,
			allowed_iovas),
		.fill = fill_allow,
		.fields = {
			ID(ioasid_ioas_allow_iovas, ioas_id, OBJ_IOAS, "ioas"),
			VALUE(ioasid_ioas_allow_iovas, num_iovas, "num"),
			RESERVED(ioasid_ioas_allow_iovas, __reserved),
			IN(ioasid_ioas_allow_iovas, allowed_iovas, "ranges"),
		},
	}, {
		.name = "copy",
		COMMAND(IOASID_IOAS_COPY, ioasid_ioas_copy, src_iova),
		.answers = true,
		.fill = fill_copy,
		.fields = {
			BITS(ioasid_ioas_copy, flags, 7),
			ID(ioasid_ioas_copy, dst_ioas_id, OBJ_IOAS, "dst"),
			ID(ioasid_ioas_copy, src_ioas_id, OBJ_IOAS, "src"),
			LENGTH(ioasid_ioas_copy, length, "len"),
			START(ioasid_ioas_copy, dst_iova, "iova"),
			START(ioasid_ioas_copy, src_iova, "from"),
		},
	}, {
		.name = "iova_ranges",
		COMMAND(IOASID_IOAS_IOVA_RANGES, ioasid_ioas_iova_ranges,
			out_iova_alignment),
		.answers = true,
		.fill = fill_ranges,
		.fields = {
			ID(ioasid_ioas_iova_ranges, ioas_id, OBJ_IOAS, "ioas"),
			VALUE(ioasid_ioas_iova_ranges, num_iovas, "num"),
			RESERVED(ioasid_ioas_iova_ranges, __reserved),
			OUT(ioasid_ioas_iova_ranges, allowed_iovas, "ranges"),
			VALUE(ioasid_ioas_iova_ranges, out_iova_alignment, "align"),
		},
	}, {
		.name = "map",
		COMMAND(IOASID_IOAS_MAP, ioasid_ioas_map, iova),
		.answers = true,
		.fill = fill_map,
		.fields = {
			BITS(ioasid_ioas_map, flags, 7),
			ID(ioasid_ioas_map, ioas_id, OBJ_IOAS, "ioas"),
			RESERVED(ioasid_ioas_map, __reserved),
			VA(ioasid_ioas_map, user_va, "va"),
			LENGTH(ioasid_ioas_map, length, "len"),
			START(ioasid_ioas_map, iova),
		},
	}, {
		.name = "unmap",
		COMMAND(IOASID_IOAS_UNMAP, ioasid_ioas_unmap, length),
		.answers = true,
		.fill = fill_unmap,
		.fields = {
			ID(ioasid_ioas_unmap, ioas_id, OBJ_IOAS, "ioas"),
			START(ioasid_ioas_unmap, iova),
			LENGTH(ioasid_ioas_unmap, length, "len"),
		},
	}, {
		.name = "unmap_partial",
		COMMAND(IOASID_IOAS_UNMAP_PARTIAL, ioasid_ioas_unmap_partial,
			length),
		.answers = true,
		.fill = fill_unmap_partial,
		.fields = {
			BITS(ioasid_ioas_unmap_partial, flags, 3),
			ID(ioasid_ioas_unmap_partial, ioas_id, OBJ_IOAS),
			RESERVED(ioasid_ioas_unmap_partial, __reserved),
			START(ioasid_ioas_unmap_partial, iova),
			LENGTH(ioasid_ioas_unmap_partial, length),
		},
	}, {
		.name = "option",
		COMMAND(IOASID_OPTION, ioasid_option_cmd, val64),
		.answers = true,
		.fill = fill_option,
		.fields = {
			BITS(ioasid_option_cmd, option_id, 1, "option"),
			BITS(ioasid_option_cmd, op, 1),
			RESERVED(ioasid_option_cmd, __reserved),
			ID(ioasid_option_cmd, object_id, OBJ_IOAS, "object"),
			VALUE(ioasid_option_cmd, val64, "val"),
		},
	}, {
		.name = "vfio_ioas",
		COMMAND(IOASID_VFIO_IOAS, ioasid_vfio_ioas, __reserved),
		.fill = fill_vfio_ioas,
		.fields = {
			ID(ioasid_vfio_ioas, ioas_id, OBJ_IOAS, "ioas"),
			/* SET; with the bits of the others it is unknown. */
			BITS(ioasid_vfio_ioas, op, 1),
			RESERVED(ioasid_vfio_ioas, __reserved),
		},
	}, {
		.name = "vfio_ioas_get",
		COMMAND(IOASID_VFIO_IOAS, ioasid_vfio_ioas, __reserved),
		.answers = true,
		.fill = fill_vfio_ioas_get,
		.fields = {
			VALUE(ioasid_vfio_ioas, ioas_id),
			BITS(ioasid_vfio_ioas, op, 3),
			RESERVED(ioasid_vfio_ioas, __reserved),
		},
	}, {
		.name = "hwpt_alloc",
		COMMAND(IOASID_HWPT_ALLOC, ioasid_hwpt_alloc, __reserved),
		.answers = true,
		.fill = fill_hwpt,
		.fields = {
			BITS(ioasid_hwpt_alloc, flags, 15),
			ID(ioasid_hwpt_alloc, dev_id, OBJ_DEVICE, "dev"),
			FIELD(ioasid_hwpt_alloc, pt_id, .kind = FIELD_ID,
			      .good = OBJ_IOAS | OBJ_HWPT, .err = EINVAL,
			      .type_err = EINVAL, .label = "pt"),
			NEW_ID(ioasid_hwpt_alloc, out_hwpt_id, "as"),
			RESERVED(ioasid_hwpt_alloc, __reserved),
			/* A type without data. */
			VFIO_BITS(ioasid_hwpt_alloc, data_type, 0, "type"),
			VFIO_BITS(ioasid_hwpt_alloc, data_len, 0, "len"),
			VALUE(ioasid_hwpt_alloc, data_uptr, "data"),
			OTHER_ID(ioasid_hwpt_alloc, fault_id, "fault"),
			VALUE(ioasid_hwpt_alloc, __reserved2),
		},
	}, {
		.name = "hw_info",
		COMMAND(IOASID_GET_HW_INFO, ioasid_hw_info, __reserved),
		.answers = true,
		.fill = fill_info,
		.fields = {
			BITS(ioasid_hw_info, flags, 1),
			ID(ioasid_hw_info, dev_id, OBJ_DEVICE, "dev"),
			VALUE(ioasid_hw_info, data_len, "len"),
			OUT(ioasid_hw_info, data_uptr, "data"),
			VALUE(ioasid_hw_info, out_data_type, "type"),
			VALUE(ioasid_hw_info, out_max_pasid_log2, "pasid"),
			RESERVED(ioasid_hw_info, __reserved),
			VALUE(ioasid_hw_info, out_capabilities, "caps"),
		},
	}, {
		.name = "set_dirty",
		COMMAND(IOASID_HWPT_SET_DIRTY_TRACKING,
			ioasid_hwpt_set_dirty_tracking, __reserved),
		.fill = fill_set_dirty,
		.fields = {
			BITS(ioasid_hwpt_set_dirty_tracking, flags, 1),
			ID(ioasid_hwpt_set_dirty_tracking, hwpt_id, OBJ_HWPT, "hwpt"),
			VALUE(ioasid_hwpt_set_dirty_tracking, __reserved),
		},
	}, {
		.name = "get_dirty",
		COMMAND(IOASID_HWPT_GET_DIRTY_BITMAP,
			ioasid_hwpt_get_dirty_bitmap, data),
		.fill = fill_get_dirty,
		.fields = {
			ID(ioasid_hwpt_get_dirty_bitmap, hwpt_id, OBJ_HWPT, "hwpt"),
			BITS(ioasid_hwpt_get_dirty_bitmap, flags, 1),
			RESERVED(ioasid_hwpt_get_dirty_bitmap, __reserved),
			START(ioasid_hwpt_get_dirty_bitmap, iova),
			LENGTH(ioasid_hwpt_get_dirty_bitmap, length, "len"),
			VALUE(ioasid_hwpt_get_dirty_bitmap, page_size, "page"),
			VALUE(ioasid_hwpt_get_dirty_bitmap, data),
		},
	}, {
		.name = "invalidate",
		COMMAND(IOASID_HWPT_INVALIDATE, ioasid_hwpt_invalidate,
			__reserved),
		.answers = true,
		.answers_errors = true,
		.fill = fill_invalidate,
		.fields = {
			FIELD(ioasid_hwpt_invalidate, hwpt_id,
			      .kind = FIELD_ID, .err = ENOENT,
			      .type_err = EINVAL, .label = "hwpt"),
			VALUE(ioasid_hwpt_invalidate, data_uptr, "data"),
			VALUE(ioasid_hwpt_invalidate, data_type, "type"),
			VALUE(ioasid_hwpt_invalidate, entry_len),
			VALUE(ioasid_hwpt_invalidate, entry_num, "num"),
			RESERVED(ioasid_hwpt_invalidate, __reserved),
		},
	}, {
		.name = "fault_queue",
		COMMAND(IOASID_FAULT_QUEUE_ALLOC, ioasid_fault_alloc,
			out_fault_fd),
		.answers = true,
		.fill = fill_fault_queue,
		.fields = {
			RESERVED(ioasid_fault_alloc, flags),
			NEW_ID(ioasid_fault_alloc, out_fault_id, "as"),
			FIELD(ioasid_fault_alloc, out_fault_fd,
			      .kind = FIELD_NEW_FD, .label = "file"),
		},
	}, {
		.name = "viommu",
		COMMAND(IOASID_VIOMMU_ALLOC, ioasid_viommu_alloc,
			out_viommu_id),
		.answers = true,
		.fill = fill_viommu,
		.fields = {
			RESERVED(ioasid_viommu_alloc, flags),
			VALUE(ioasid_viommu_alloc, type),
			ID(ioasid_viommu_alloc, dev_id, OBJ_DEVICE, "dev"),
			OTHER_ID(ioasid_viommu_alloc, hwpt_id, "hwpt"),
			NEW_ID(ioasid_viommu_alloc, out_viommu_id, "as"),
			VALUE(ioasid_viommu_alloc, data_len, "len"),
			VALUE(ioasid_viommu_alloc, __reserved),
			VALUE(ioasid_viommu_alloc, data_uptr, "data"),
		},
	}, {
		.name = "vdevice",
		COMMAND(IOASID_VDEVICE_ALLOC, ioasid_vdevice_alloc, virt_id),
		.answers = true,
		.fill = fill_vdevice,
		.fields = {
			ID(ioasid_vdevice_alloc, viommu_id, 0, "viommu"),
			OTHER_ID(ioasid_vdevice_alloc, dev_id, "dev"),
			NEW_ID(ioasid_vdevice_alloc, out_vdevice_id, "as"),
			VALUE(ioasid_vdevice_alloc, virt_id, "id"),
		},
	}, {
		.name = "veventq",
		COMMAND(IOASID_VEVENTQ_ALLOC, ioasid_veventq_alloc,
			out_veventq_fd),
		.answers = true,
		.fill = fill_veventq,
		.fields = {
			RESERVED(ioasid_veventq_alloc, flags),
			ID(ioasid_veventq_alloc, viommu_id, 0, "viommu"),
			VALUE(ioasid_veventq_alloc, type),
			VALUE(ioasid_veventq_alloc, veventq_depth, "depth"),
			NEW_ID(ioasid_veventq_alloc, out_veventq_id, "as"),
			FIELD(ioasid_veventq_alloc, out_veventq_fd,
			      .kind = FIELD_NEW_FD, .label = "file"),
			RESERVED(ioasid_veventq_alloc, __reserved),
		},
	}, {
		.name = "hw_queue",
		COMMAND(IOASID_HW_QUEUE_ALLOC, ioasid_hw_queue_alloc, length),
		.answers = true,
		.fill = fill_hw_queue,
		.fields = {
			RESERVED(ioasid_hw_queue_alloc, flags),
			ID(ioasid_hw_queue_alloc, viommu_id, 0, "viommu"),
			VALUE(ioasid_hw_queue_alloc, type),
			VALUE(ioasid_hw_queue_alloc, index),
			NEW_ID(ioasid_hw_queue_alloc, out_hw_queue_id, "as"),
			START(ioasid_hw_queue_alloc, nesting_parent_iova, "iova"),
			LENGTH(ioasid_hw_queue_alloc, length, "len"),
		},
	}, {
		.name = "map_file",
		COMMAND(IOASID_IOAS_MAP_FILE, ioasid_ioas_map_file, iova),
		.answers = true,
		.fill = fill_map_file,
		.fields = {
			BITS(ioasid_ioas_map_file, flags, 7),
			ID(ioasid_ioas_map_file, ioas_id, OBJ_IOAS, "ioas"),
			FIELD(ioasid_ioas_map_file, fd, .kind = FIELD_FD,
			      .err = EBADF, .type_err = EINVAL),
			VALUE(ioasid_ioas_map_file, start),
			LENGTH(ioasid_ioas_map_file, length, "len"),
			START(ioasid_ioas_map_file, iova),
		},
	}, {
		.name = "change_process",
		COMMAND(IOASID_IOAS_CHANGE_PROCESS, ioasid_ioas_change_process,
			__reserved),
		.fill = fill_nothing,
		.fields = {
			RESERVED(ioasid_ioas_change_process, __reserved),
		},
	}, {
		.name = "get_error",
		GET_ERROR(ON_CONTEXT),
	}, {
		.name = "get_error_parked",
		GET_ERROR(ON_PARKED),
	}, {
		.name = "get_error_bound",
		GET_ERROR(ON_BOUND),
	}, {
		.name = "list",
		COMMAND(IOASID_LIST, ioasid_list, objects),
		.answers = true,
		.fill = fill_list,
		.fields = {
			RESERVED(ioasid_list, flags),
			VALUE(ioasid_list, num),
			VALUE(ioasid_list, entry_size),
			VALUE(ioasid_list, cursor),
			OUT(ioasid_list, objects),
		},
	}, {
		.name = "list_mappings",
		COMMAND(IOASID_LIST_MAPPINGS, ioasid_list_mappings, mappings),
		.answers = true,
		.fill = fill_list_mappings,
		.fields = {
			RESERVED(ioasid_list_mappings, flags),
			ID(ioasid_list_mappings, ioas_id, OBJ_IOAS),
			VALUE(ioasid_list_mappings, num),
			VALUE(ioasid_list_mappings, entry_size),
			VALUE(ioasid_list_mappings, out_flags),
			VALUE(ioasid_list_mappings, iova),
			OUT(ioasid_list_mappings, mappings),
		},
	}, {
		.name = "group_info",
		COMMAND(IOASID_GROUP_INFO, ioasid_group_info, members),
		.answers = true,
		.fill = fill_group_info,
		.fields = {
			RESERVED(ioasid_group_info, flags),
			ID(ioasid_group_info, dev_id, OBJ_DEVICE),
			VALUE(ioasid_group_info, num),
			VALUE(ioasid_group_info, entry_size),
			VALUE(ioasid_group_info, out_flags),
			VALUE(ioasid_group_info, out_group),
			VALUE(ioasid_group_info, out_owner_pid),
			OUT(ioasid_group_info, members),
		},
	}, {
		.name = "features",
		COMMAND(IOASID_FEATURES, ioasid_features, out_features),
		.answers = true,
		.fill = fill_nothing,
		.fields = {
			RESERVED(ioasid_features, flags),
			VALUE(ioasid_features, dev_id),
			RESERVED(ioasid_features, __reserved),
			VALUE(ioasid_features, out_commands),
			VALUE(ioasid_features, out_features),
		},
	}, {
		.name = "group_info_parked",
		DEVICE_GROUP_INFO(ON_PARKED),
	}, {
		.name = "group_info_bound",
		DEVICE_GROUP_INFO(ON_BOUND),
	}, {
		.name = "features_parked",
		DEVICE_FEATURES(ON_PARKED),
	}, {
		.name = "features_bound",
		DEVICE_FEATURES(ON_BOUND),
	}, {
		.name = "container_map",
		COMMAND(VFIO_IOMMU_MAP_DMA, vfio_iommu_type1_dma_map, size),
		.argsz = true,
		.fill = fill_container_map,
		.fields = {
			VFIO_BITS(vfio_iommu_type1_dma_map, flags, 3),
			VA(vfio_iommu_type1_dma_map, vaddr, "va"),
			START(vfio_iommu_type1_dma_map, iova),
			LENGTH(vfio_iommu_type1_dma_map, size, "len"),
		},
	}, {
		.name = "container_unmap",
		COMMAND(VFIO_IOMMU_UNMAP_DMA, vfio_iommu_type1_dma_unmap, size),
		.argsz = true,
		.answers = true,
		.fill = fill_container_unmap,
		.fields = {
			/* ALL is of a range that is none. */
			VFIO_BITS(vfio_iommu_type1_dma_unmap, flags, 0),
			START(vfio_iommu_type1_dma_unmap, iova),
			LENGTH(vfio_iommu_type1_dma_unmap, size, "len"),
		},
	}, {
		.name = "container_info",
		COMMAND(VFIO_IOMMU_GET_INFO, vfio_iommu_type1_info,
			iova_pgsizes),
		.argsz = true,
		.answers = true,
		.fill = fill_container_info,
		.fields = {
			VALUE(vfio_iommu_type1_info, flags),
			VALUE(vfio_iommu_type1_info, iova_pgsizes, "pages"),
			VALUE(vfio_iommu_type1_info, cap_offset, "caps"),
		},
	}, {
		.name = "bind",
		.file = ON_PARKED,
		COMMAND(VFIO_CDEV_BIND, vfio_cdev_bind, out_devid),
		.answers = true,
		.fill = fill_bind,
		.fields = {
			/* A device without virtual functions has no token. */
			VFIO_BITS(vfio_cdev_bind, flags, 1),
			FIELD(vfio_cdev_bind, iommufd, .kind = FIELD_FD,
			      .err = EBADF, .type_err = EBADFD, .label = "fd"),
			NEW_ID(vfio_cdev_bind, out_devid, "as"),
			VALUE(vfio_cdev_bind, token_uuid_ptr, "token"),
		},
	}, {
		.name = "attach",
		.file = ON_BOUND,
		COMMAND(VFIO_CDEV_ATTACH, vfio_cdev_attach, pt_id),
		.argsz = true,
		.answers = true,
		.fill = fill_attach,
		.fields = {
			VFIO_BITS(vfio_cdev_attach, flags, 1),
			FIELD(vfio_cdev_attach, pt_id, .kind = FIELD_ID,
			      .good = OBJ_IOAS | OBJ_HWPT, .err = ENOENT,
			      .type_err = EINVAL, .label = "pt"),
			VALUE(vfio_cdev_attach, pasid),
		},
	}, {
		.name = "detach",
		.file = ON_BOUND,
		COMMAND(VFIO_CDEV_DETACH, vfio_cdev_detach, flags),
		.argsz = true,
		.fill = fill_nothing,
		.fields = {
			VFIO_BITS(vfio_cdev_detach, flags, 1),
			VALUE(vfio_cdev_detach, pasid),
		},
	}, {
		.name = "feature",
		.file = ON_BOUND,
		COMMAND(VFIO_DEVICE_FEATURE, vfio_device_feature, flags),
		.argsz = true,
		.fill = fill_feature,
		.fields = {
			VFIO_BITS(vfio_device_feature, flags, 0x7ffff),
		},
	}, {
		.name = "feature_mig_state",
		.file = ON_BOUND,
		.variant = true,
		COMMAND(VFIO_DEVICE_FEATURE, feature_mig_state, data_fd),
		.argsz = true,
		.answers = true,
		.fill = fill_mig_state,
		.fields = {
			/* The flags say which feature it is. */
			VALUE(feature_mig_state, flags),
			VFIO_BITS(feature_mig_state, device_state, 7),
			VALUE(feature_mig_state, data_fd),
		},
	}, {
		.name = "feature_log_start",
		.file = ON_BOUND,
		.variant = true,
		COMMAND(VFIO_DEVICE_FEATURE, feature_log_start, ranges),
		.argsz = true,
		.answers = true,
		.fill = fill_log_start,
		.fields = {
			VALUE(feature_log_start, flags),
			VALUE(feature_log_start, page_size),
			VALUE(feature_log_start, num_ranges),
			VALUE(feature_log_start, reserved),
			IN(feature_log_start, ranges),
		},
	}, {
		.name = "feature_log_report",
		.file = ON_BOUND,
		.variant = true,
		COMMAND(VFIO_DEVICE_FEATURE, feature_log_report, bitmap),
		.argsz = true,
		.fill = fill_log_report,
		.fields = {
			VALUE(feature_log_report, flags),
			VALUE(feature_log_report, iova),
			VALUE(feature_log_report, length),
			VALUE(feature_log_report, page_size),
			OUT(feature_log_report, bitmap),
		},
	}, {
		.name = "feature_wakeup",
		.file = ON_BOUND,
		COMMAND(VFIO_DEVICE_FEATURE, feature_wakeup, reserved),
		.argsz = true,
		.fill = fill_wakeup,
		.fields = {
			VALUE(feature_wakeup, flags),
			FIELD(feature_wakeup, wakeup_eventfd, .kind = FIELD_FD,
			      .err = EBADF, .type_err = EINVAL),
			VALUE(feature_wakeup, reserved),
		},
	}, {
		.name = "hot_reset_info",
		.file = ON_BOUND,
		COMMAND(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
			vfio_pci_hot_reset_info, count),
		.argsz = true,
		.fill = fill_hot_reset,
		.fields = {
			VALUE(vfio_pci_hot_reset_info, flags),
			VALUE(vfio_pci_hot_reset_info, count),
		},
	}, {
		.name = "hot_reset",
		.file = ON_BOUND,
		COMMAND(VFIO_DEVICE_PCI_HOT_RESET, vfio_pci_hot_reset, count),
		.argsz = true,
		.fill = fill_hot_reset,
		.fields = {
			VFIO_BITS(vfio_pci_hot_reset, flags, 0),
			/* Files of groups are for files of groups. */
			VFIO_BITS(vfio_pci_hot_reset, count, 0),
		},
	},
};

const size_t num_commands = ARRAY_SIZE(commands);

const struct command *command_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < num_commands; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

struct world world_new(void)
{
	struct world world = {
		.ctx = ioasid_open(),
		.dev = -1,
		.parked = -1,
		.devid = ABSENT_ID,
		.hwpt = ABSENT_ID,
	};

	world.ioas = ioas_new(world.ctx);
	world.va = page_alloc(PAGE);
	world.array = page_alloc(PAGE);
	world.memfd = assert_ok(keep_fd(memfd_create("test", MFD_CLOEXEC)));
	assert_ok(ftruncate(world.memfd, PAGE));
	return world;
}

struct world world_new_device(void)
{
	struct world world;

	need_edu();
	world = world_new();
	world.dev = cdev_open_bound(edu_bdf, world.ctx, &world.devid);
	if (hwpt_alloc(world.ctx, world.devid, world.ioas, 0, &world.hwpt))
		fail_test("no page table: %s", errno_name(errno));
	return world;
}

struct world world_for(const struct command *c)
{
	struct world world;

	if (c->file != ON_CONTEXT)
		need_edu();
	if (c->variant)
		variant_bind(edu_bdf);
	if (c->file == ON_BOUND)
		return world_new_device();
	world = world_new();
	if (c->file == ON_PARKED)
		world.parked = assert_ok(cdev_open(edu_bdf));
	return world;
}

int world_file(const struct world *world, const struct command *c)
{
	switch (c->file) {
	case ON_PARKED:
		return world->parked;
	case ON_BOUND:
		return world->dev;
	default:
		return world->ctx;
	}
}

int good_cmd(const struct command *c, struct world *world, void *cmd,
	     uint32_t size)
{
	int result;

	memset(cmd, 0, CMD_MAX);
	result = c->fill(world, cmd);
	memcpy(cmd, &size, sizeof(size));
	return -result;
}

/* Each refusal says why, and in words of its own. */
static void check_said(const struct command *c, int fd, int err)
{
	struct refusal r;

	check_refusal(fd, err, "", &r);
	check_eq(c->cmd, r.error.out_cmd);
	if (r.error.out_flags & IOASID_ERROR_GENERIC || !r.text[0])
		fail_test("%s gives %s and no reason: \"%s\"", c->name,
			  errno_name(err), r.text);
}

int command_call(const struct command *c, const struct world *world, void *cmd,
		 int bits)
{
	int fd = world_file(world, c), rc, new_fd, err;
	const struct field *f;

	if (bits == 32)
		rc = ioctl32(fd, c->cmd, cmd);
	else
		rc = ioctl(fd, c->cmd, cmd);
	if (rc) {
		err = errno;
		if (c->cmd != IOASID_GET_ERROR)
			check_said(c, fd, err);
		errno = err;
		return rc;
	}
	for (f = c->fields; f < c->fields + MAX_FIELDS && f->name; f++) {
		if (f->kind != FIELD_NEW_FD)
			continue;
		memcpy(&new_fd, (char *)cmd + f->offset, sizeof(new_fd));
		close(new_fd);
	}
	return 0;
}
