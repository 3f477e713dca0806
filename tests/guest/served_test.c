// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: what each kernel serves
 *
 * What this kernel serves: each command and flag is tried once, on a machine with
 * the IOMMU of the tests, and the answer printed as "# served: WHAT = ANSWER".
 * scripts/served-table makes a table of it, and compares it with the one there is.
 * What is not served has to say so as mainline does without the hardware.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "commands.h"
#include "dma.h"
#include "ioasid.h"
#include "test.h"
#include "vfio.h"

/* 0 for what is served, else the errno, negative; ENODATA for success with nothing. */
static int answer(long rc)
{
	return rc == -1 ? -errno : 0;
}

/* ---- page tables ---- */

static int hwpt_with(struct world *w, uint32_t flags, uint32_t *id)
{
	return answer(hwpt_alloc(w->ctx, w->devid, w->ioas, flags, id));
}

static int try_parent(struct world *w)
{
	uint32_t id;

	return hwpt_with(w, IOASID_HWPT_ALLOC_NEST_PARENT, &id);
}

static int try_dirty_hwpt(struct world *w)
{
	uint32_t id;

	return hwpt_with(w, IOASID_HWPT_ALLOC_DIRTY_TRACKING, &id);
}

static int try_pasid_hwpt(struct world *w)
{
	uint32_t id;

	return hwpt_with(w, IOASID_HWPT_ALLOC_PASID, &id);
}

static int try_fault_hwpt(struct world *w)
{
	struct ioasid_fault_alloc queue = { .size = sizeof(queue) };
	struct ioasid_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOASID_HWPT_FAULT_ID_VALID,
		.dev_id = w->devid,
		.pt_id = w->ioas,
	};

	/* Without queues, what is said to a queue that is none. */
	if (!ioctl(w->ctx, IOASID_FAULT_QUEUE_ALLOC, &queue))
		keep_fd(queue.out_fault_fd);
	cmd.fault_id = queue.out_fault_id;
	return answer(ioctl(w->ctx, IOASID_HWPT_ALLOC, &cmd));
}

static int nested(struct world *w, uint32_t *id)
{
	struct ioasid_hwpt_vtd_s1 *data = (void *)w->array;
	struct ioasid_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = w->devid,
		.data_type = IOASID_HWPT_DATA_VTD_S1,
		.data_len = sizeof(*data),
		.data_uptr = (uintptr_t)data,
	};
	uint32_t parent = w->hwpt;
	int rc;

	*data = (struct ioasid_hwpt_vtd_s1){ .addr_width = 48 };
	rc = hwpt_with(w, IOASID_HWPT_ALLOC_NEST_PARENT, &parent);
	if (rc)
		return rc;
	cmd.pt_id = parent;
	rc = answer(ioctl(w->ctx, IOASID_HWPT_ALLOC, &cmd));
	*id = cmd.out_hwpt_id;
	return rc;
}

static int try_nested(struct world *w)
{
	uint32_t id;

	return nested(w, &id);
}

static int try_invalidate(struct world *w)
{
	struct ioasid_hwpt_invalidate cmd = { .size = sizeof(cmd) };

	/* Without nested page tables, there are only those that are not. */
	if (nested(w, &cmd.hwpt_id))
		cmd.hwpt_id = w->hwpt;
	return answer(ioctl(w->ctx, IOASID_HWPT_INVALIDATE, &cmd));
}

/* A page table that tracks, or one that does not. */
static uint32_t dirty_hwpt(struct world *w)
{
	uint32_t id;

	if (hwpt_with(w, IOASID_HWPT_ALLOC_DIRTY_TRACKING, &id))
		return w->hwpt;
	return id;
}

static int set_dirty(struct world *w, uint32_t hwpt)
{
	struct ioasid_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = IOASID_HWPT_DIRTY_TRACKING_ENABLE,
		.hwpt_id = hwpt,
	};

	return answer(ioctl(w->ctx, IOASID_HWPT_SET_DIRTY_TRACKING, &cmd));
}

static int try_set_dirty(struct world *w)
{
	return set_dirty(w, dirty_hwpt(w));
}

static int try_get_dirty(struct world *w)
{
	struct ioasid_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = dirty_hwpt(w),
		.length = PAGE,
		.page_size = PAGE,
		.data = (uintptr_t)w->array,
	};

	set_dirty(w, cmd.hwpt_id);
	return answer(ioctl(w->ctx, IOASID_HWPT_GET_DIRTY_BITMAP, &cmd));
}

/* ---- what the IOMMU says of itself ---- */

static int hw_info_of(struct world *w, struct ioasid_hw_info *info)
{
	return answer(hw_info(w->ctx, w->devid, w->array, PAGE, info));
}

static int try_hw_data(struct world *w)
{
	struct ioasid_hw_info info;
	int rc = hw_info_of(w, &info);

	if (rc)
		return rc;
	return info.out_data_type == IOASID_HW_INFO_TYPE_NONE ? -ENODATA : 0;
}

static int try_input_type(struct world *w)
{
	struct ioasid_hw_info cmd = {
		.size = sizeof(cmd),
		.flags = IOASID_HW_INFO_FLAG_INPUT_TYPE,
		.dev_id = w->devid,
		.out_data_type = IOASID_HW_INFO_TYPE_INTEL_VTD,
	};

	return answer(ioctl(w->ctx, IOASID_GET_HW_INFO, &cmd));
}

/* ---- memory ---- */

static int map_memfd(struct world *w, size_t len, unsigned int flags)
{
	int fd = assert_ok(keep_fd(memfd_create("test", MFD_CLOEXEC | flags)));
	uint64_t iova;

	assert_ok(ftruncate(fd, len));
	return answer(ioas_map_file(w->ctx, w->ioas, fd, 0, len, &iova,
				    MAP_RW));
}

static int try_hugetlb(struct world *w)
{
	int rc;

	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "1"));
	rc = map_memfd(w, 2 * MB, MFD_HUGETLB);
	release_all();
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
	return rc;
}

static int try_rlimit_mode(struct world *w)
{
	int ctx = ioasid_open();

	(void)w;
	return answer(option_set(ctx, IOASID_OPTION_RLIMIT_MODE, 0, 1));
}

static int try_small_pages(struct world *w)
{
	uint32_t ioas = ioas_new(w->ctx);

	return answer(option_set(w->ctx, IOASID_OPTION_HUGE_PAGES, ioas, 0));
}

/* ---- the container's ---- */

static int set_iommu(struct world *w, unsigned long type)
{
	uint32_t ioas = ioas_new(w->ctx);

	assert_ok(vfio_ioas(w->ctx, IOASID_VFIO_IOAS_SET, &ioas));
	return answer(ioctl(w->ctx, VFIO_SET_IOMMU, type));
}

static int try_type1(struct world *w)
{
	return set_iommu(w, VFIO_TYPE1_IOMMU);
}

static int try_type1v2(struct world *w)
{
	return set_iommu(w, VFIO_TYPE1v2_IOMMU);
}

/* ---- the device's file ---- */

static int try_token(struct world *w)
{
	struct vfio_cdev_bind cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_CDEV_BIND_FLAG_TOKEN,
		.iommufd = w->ctx,
		.token_uuid_ptr = (uintptr_t)w->array,
	};
	int fd;

	drop_fd(w->dev);
	fd = assert_ok(cdev_open(edu_bdf));
	return answer(ioctl(fd, VFIO_CDEV_BIND, &cmd));
}

static int try_attach_pasid(struct world *w)
{
	struct vfio_cdev_attach cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_CDEV_ATTACH_PASID,
		.pt_id = w->ioas,
		.pasid = 1,
	};

	return answer(ioctl(w->dev, VFIO_CDEV_ATTACH, &cmd));
}

static int try_detach_pasid(struct world *w)
{
	struct vfio_cdev_detach cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_CDEV_DETACH_PASID,
		.pasid = 1,
	};

	return answer(ioctl(w->dev, VFIO_CDEV_DETACH, &cmd));
}

static int try_replace(struct world *w)
{
	uint32_t other = ioas_new(w->ctx);

	assert_ok(cdev_attach(w->dev, w->ioas, NULL));
	return answer(cdev_attach(w->dev, other, NULL));
}

static int shared_bound(struct world *w)
{
	need_shared();
	pci_bind(shared1, DRIVER_EXT);
	pci_bind(shared2, DRIVER_EXT);
	return cdev_open_bound(shared2, w->ctx, NULL);
}

static int try_hot_reset(struct world *w)
{
	return answer(vfio_hot_reset(shared_bound(w)));
}

static int try_hot_reset_info(struct world *w)
{
	struct vfio_pci_hot_reset_info *info = (void *)w->array;

	info->argsz = PAGE;
	return answer(ioctl(shared_bound(w), VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
			    info));
}

static int feature(struct world *w, uint32_t number)
{
	struct vfio_device_feature cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_FEATURE_PROBE | number,
	};

	return answer(ioctl(w->dev, VFIO_DEVICE_FEATURE, &cmd));
}

/* ---- the list ---- */

struct item {
	const char *what;
	int (*try)(struct world *world);
	/* Instead of @try: a command of the table, or a feature by its number. */
	const struct command *command;
	int feature;
};

static const struct item items[] = {
	{ "IOASID_IOAS_MAP_FILE of a hugetlb memfd", .try = try_hugetlb },
	{ "IOASID_OPTION RLIMIT_MODE", .try = try_rlimit_mode },
	{ "IOASID_OPTION HUGE_PAGES", .try = try_small_pages },
	{ "IOASID_GET_HW_INFO: data of the IOMMU driver", .try = try_hw_data },
	{ "IOASID_GET_HW_INFO INPUT_TYPE", .try = try_input_type },
	{ "IOASID_HWPT_ALLOC NEST_PARENT", .try = try_parent },
	{ "IOASID_HWPT_ALLOC DIRTY_TRACKING", .try = try_dirty_hwpt },
	{ "IOASID_HWPT_ALLOC FAULT_ID_VALID", .try = try_fault_hwpt },
	{ "IOASID_HWPT_ALLOC PASID", .try = try_pasid_hwpt },
	{ "IOASID_HWPT_ALLOC of a nested page table", .try = try_nested },
	{ "IOASID_HWPT_INVALIDATE", .try = try_invalidate },
	{ "IOASID_HWPT_SET_DIRTY_TRACKING", .try = try_set_dirty },
	{ "IOASID_HWPT_GET_DIRTY_BITMAP", .try = try_get_dirty },
	{ "VFIO_SET_IOMMU TYPE1", .try = try_type1 },
	{ "VFIO_SET_IOMMU TYPE1v2", .try = try_type1v2 },
	{ "VFIO_CDEV_BIND TOKEN", .try = try_token },
	{ "VFIO_CDEV_ATTACH PASID", .try = try_attach_pasid },
	{ "VFIO_CDEV_ATTACH: to another address space", .try = try_replace },
	{ "VFIO_CDEV_DETACH PASID", .try = try_detach_pasid },
	{ "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", .try = try_hot_reset_info },
	{ "VFIO_DEVICE_PCI_HOT_RESET", .try = try_hot_reset },
	{ "VFIO_DEVICE_FEATURE PCI_VF_TOKEN", .feature = 0 },
	{ "VFIO_DEVICE_FEATURE MIGRATION", .feature = 1 },
	{ "VFIO_DEVICE_FEATURE MIG_DEVICE_STATE", .feature = 2 },
	{ "VFIO_DEVICE_FEATURE LOW_POWER_ENTRY", .feature = 3 },
	{ "VFIO_DEVICE_FEATURE LOW_POWER_ENTRY_WITH_WAKEUP", .feature = 4 },
	{ "VFIO_DEVICE_FEATURE LOW_POWER_EXIT", .feature = 5 },
	{ "VFIO_DEVICE_FEATURE DMA_LOGGING_START", .feature = 6 },
	{ "VFIO_DEVICE_FEATURE DMA_LOGGING_STOP", .feature = 7 },
	{ "VFIO_DEVICE_FEATURE DMA_LOGGING_REPORT", .feature = 8 },
	{ "VFIO_DEVICE_FEATURE MIG_DATA_SIZE", .feature = 9 },
	{ "VFIO_DEVICE_FEATURE BUS_MASTER", .feature = 10 },
	{ "VFIO_DEVICE_FEATURE DMA_BUF", .feature = 11 },
	{ "VFIO_DEVICE_FEATURE MIG_PRECOPY_INFOv2", .feature = 12 },
};

/* A command that has an item of its own, or came already. */
static bool has_item(size_t number)
{
	const char *what = commands[number].title;
	size_t i;

	for (i = 0; i < number; i++)
		if (!strcmp(commands[i].title, what))
			return true;
	for (i = 0; i < ARRAY_SIZE(items); i++)
		if (!strcmp(items[i].what, what))
			return true;
	return false;
}

static int try_command(const struct command *c)
{
	struct world world = c->file == ON_CONTEXT ? world_new_device() :
						     world_for(c);
	uint8_t cmd[CMD_MAX];

	good_cmd(c, &world, cmd, c->size);
	return answer(command_call(c, &world, cmd, 64));
}

static int try_item(const struct item *item)
{
	struct world world;

	if (item->command)
		return try_command(item->command);
	world = world_new_device();
	return item->try ? item->try(&world) : feature(&world, item->feature);
}

/* What a command may say that is known, but not served here. */
static bool is_refusal(int err)
{
	static const int refusals[] = {
		EOPNOTSUPP, ENOTTY, ENOENT, EINVAL, ENODATA,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refusals); i++)
		if (err == refusals[i])
			return true;
	return false;
}

static void test_served(void **state)
{
	const struct item *item = test_arg(state);
	int err = -try_item(item);

	print_message("# served: %s = %s\n", item->what,
		      !err	     ? "yes" :
		      err == ENODATA ? "none" :
				       errno_name(err));
	if (err && !is_refusal(err))
		fail_test("%s: %s", item->what, errno_name(err));
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };
	struct item *item;
	size_t i;

	test_before = use_edu;
	for (i = 0; i < num_commands; i++) {
		if (has_item(i))
			continue;
		item = calloc(1, sizeof(*item));
		if (!item)
			abort();
		item->what = commands[i].title;
		item->command = &commands[i];
		test_add(&list, test_served, item, "%s", commands[i].name);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_add(&list, test_served, (void *)&items[i], "%s",
			 items[i].what);
	return test_main(argc, argv, "served", &list, NULL, NULL);
}
