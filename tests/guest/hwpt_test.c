// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: page tables: nesting, dirty pages, faults, PASIDs
 *
 * What page tables can do beyond following an IOAS: nesting, dirty tracking, faults,
 * PASIDs. The emulated IOMMUs can do little of it; here is what is refused, in
 * which order, and what a refusal leaves behind. The mock IOMMU of the kernel's
 * selftest (tests/kselftest) can do more.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/dma.h"
#include "lib/ioasid.h"
#include "lib/test.h"
#include "lib/vfio.h"

#define VTD_DATA sizeof(struct ioasid_hwpt_vtd_s1)

/*
 * Is an IOMMU driver asked for more than an empty page table? Not all have an operation for
 * it; AMD's has, and on 7.2 no longer for what this IOMMU lacks; SMMUv3's has in 6.12.
 */
static bool kernel_asks_driver(void)
{
	switch (iommu_kind()) {
	case IOMMU_INTEL:
		return kernel_since(6, 7);
	case IOMMU_AMD:
		return kernel_since(6, 7) && !kernel_since(6, 14);
	case IOMMU_ARM:
		return kernel_since(6, 12) && !kernel_since(6, 14);
	default:
		return false;
	}
}

static bool kernel_has_faults(void)
{
	return kernel_since(6, 11);
}

static int alloc_data(struct setup *s, uint32_t pt, uint32_t flags,
		      uint32_t type, uint32_t len, uint32_t *out)
{
	struct ioasid_hwpt_vtd_s1 data = { .addr_width = 48 };
	struct ioasid_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = s->devid,
		.pt_id = pt,
		.data_type = type,
		.data_len = len,
		.data_uptr = (uintptr_t)&data,
	};
	int rc = ioctl(s->ctx, IOASID_HWPT_ALLOC, &cmd);

	*out = cmd.out_hwpt_id;
	return rc;
}

static int alloc_fault(struct setup *s, uint32_t flags, uint32_t fault,
		       uint32_t *out)
{
	struct ioasid_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags | IOASID_HWPT_FAULT_ID_VALID,
		.dev_id = s->devid,
		.pt_id = s->ioas,
		.fault_id = fault,
	};
	int rc = ioctl(s->ctx, IOASID_HWPT_ALLOC, &cmd);

	*out = cmd.out_hwpt_id;
	return rc;
}

static int fault_queue(int ctx, uint32_t *id, int *fd)
{
	struct ioasid_fault_alloc cmd = { .size = sizeof(cmd) };
	int rc = ioctl(ctx, IOASID_FAULT_QUEUE_ALLOC, &cmd);

	*id = cmd.out_fault_id;
	*fd = rc ? -1 : keep_fd((int)cmd.out_fault_fd);
	return rc;
}

/* None of these is offered by an IOMMU that has nothing special. */
static void test_flags(void **state)
{
	static const uint32_t flags[] = {
		IOASID_HWPT_ALLOC_NEST_PARENT,
		IOASID_HWPT_ALLOC_DIRTY_TRACKING,
		IOASID_HWPT_ALLOC_NEST_PARENT | IOASID_HWPT_FAULT_ID_VALID,
		1 << 4,
		1U << 31,
	};
	struct setup s = setup_bound();
	uint32_t id;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		assert_errno(EOPNOTSUPP, hwpt_alloc(s.ctx, s.devid, s.ioas,
						    flags[i], &id));
	/* Intel's driver knows this one since 6.14; no device needs PASIDs. */
	if (kernel_since(6, 14) && iommu_kind() == IOMMU_INTEL) {
		assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas,
				     IOASID_HWPT_ALLOC_PASID, &id));
		assert_ok(cdev_attach(s.dev, id, NULL));
		assert_ok(cdev_detach(s.dev));
		assert_ok(ioasid_destroy(s.ctx, id));
	} else {
		assert_errno(EOPNOTSUPP,
			     hwpt_alloc(s.ctx, s.devid, s.ioas,
					IOASID_HWPT_ALLOC_PASID, &id));
	}
	/* Nothing is left of them: the IOAS has no page table. */
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
}

/* How long it takes to close a file with @num page tables of one IOAS, in ms. */
static long long close_page_tables(unsigned int num)
{
	struct setup s = setup_bound();
	long long begin;
	uint32_t hwpt;

	while (num--)
		assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	edu_close(&s.edu);
	drop_fd(s.dev);
	begin = now_ms();
	drop_fd(s.ctx);
	return now_ms() - begin;
}

/* Four times as many take four times as long, not sixteen times. */
static void test_close_many(void **state)
{
	unsigned int num = path_exists("/proc/lockdep") ? 200 : 4000;

	(void)state;
	check_grows(close_page_tables, num, 4 * num, 8);
}

static void test_data(void **state)
{
	struct setup s = setup_bound();
	uint32_t id;

	(void)state;
	assert_errno(EINVAL, alloc_data(&s, s.ioas, 0, IOASID_HWPT_DATA_NONE, 1,
					&id));
	assert_errno(EINVAL, alloc_data(&s, s.ioas, 0,
					IOASID_HWPT_DATA_VTD_S1, 0, &id));
	/* A page table that follows an IOAS takes no data from any driver. */
	assert_errno(EOPNOTSUPP, alloc_data(&s, s.ioas, 0,
					    IOASID_HWPT_DATA_VTD_S1, VTD_DATA,
					    &id));
	assert_errno(EOPNOTSUPP, alloc_data(&s, s.ioas, 0, ~0U, VTD_DATA, &id));
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
}

/* Under a page table that cannot be a parent. */
static void test_nested_parent(void **state)
{
	struct setup s = setup_bound();
	uint32_t plain, automatic, id;
	int err = kernel_asks_driver() ? EINVAL : EOPNOTSUPP;

	(void)state;
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &plain));
	assert_errno(EOPNOTSUPP, alloc_data(&s, plain, 0, IOASID_HWPT_DATA_NONE,
					    0, &id));
	assert_errno(EOPNOTSUPP, alloc_data(&s, plain,
					    IOASID_HWPT_ALLOC_NEST_PARENT,
					    IOASID_HWPT_DATA_VTD_S1, VTD_DATA,
					    &id));
	assert_errno(err, alloc_data(&s, plain, 0, IOASID_HWPT_DATA_VTD_S1,
				     VTD_DATA, &id));
	assert_ok(cdev_attach(s.dev, s.ioas, &automatic));
	assert_errno(err, alloc_data(&s, automatic, 0, IOASID_HWPT_DATA_VTD_S1,
				     VTD_DATA, &id));
	assert_ok(cdev_detach(s.dev));
	/* The one the attach made is gone with it. */
	assert_errno(ENOENT, ioasid_destroy(s.ctx, automatic));
	assert_ok(ioasid_destroy(s.ctx, plain));
}

static int invalidate(int ctx, uint32_t id, const void *data, uint32_t len,
		      uint32_t *num)
{
	struct ioasid_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = id,
		.data_uptr = (uintptr_t)data,
		.entry_len = len,
		.entry_num = *num,
	};
	int rc = ioctl(ctx, IOASID_HWPT_INVALIDATE, &cmd);

	*num = cmd.entry_num;
	return rc;
}

/* The number of entries that were served is told on failure, too. */
static void check_invalidate(int err, int ctx, uint32_t id, const void *data,
			     uint32_t len, uint32_t num)
{
	assert_errno(err, invalidate(ctx, id, data, len, &num));
	check_eq(0, num);
}

static void test_invalidate(void **state)
{
	struct setup s = setup_bound();
	uint8_t *data = page_alloc(2 * PAGE);
	uint32_t hwpt;

	(void)state;
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	check_invalidate(EINVAL, s.ctx, hwpt, NULL, 24, 1);
	check_invalidate(EINVAL, s.ctx, hwpt, data, 0, 1);
	check_invalidate(EINVAL, s.ctx, hwpt, data, PAGE + 1, 1);
	check_invalidate(EINVAL, s.ctx, hwpt, data, 24, (1 << 19) + 1);
	/* The array is looked at before the page table, an empty one is not. */
	check_invalidate(EINVAL, s.ctx, 1000, data, 0, 1);
	check_invalidate(ENOENT, s.ctx, 1000, data, PAGE, 1 << 19);
	check_invalidate(ENOENT, s.ctx, 1000, NULL, 0, 0);
	/* These are not nested. */
	check_invalidate(EINVAL, s.ctx, hwpt, data, 24, 1);
	check_invalidate(EINVAL, s.ctx, hwpt, NULL, 0, 0);
	check_invalidate(EINVAL, s.ctx, s.ioas, data, 24, 1);
	check_invalidate(EINVAL, s.ctx, s.devid, data, 24, 1);
	assert_ok(ioasid_destroy(s.ctx, hwpt));
}

static int set_dirty(int ctx, uint32_t id, uint32_t flags)
{
	struct ioasid_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.hwpt_id = id,
	};

	return ioctl(ctx, IOASID_HWPT_SET_DIRTY_TRACKING, &cmd);
}

static void test_set_dirty(void **state)
{
	struct setup s = setup_bound();
	uint32_t hwpt;

	(void)state;
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_errno(EOPNOTSUPP, set_dirty(s.ctx, 1000, 2));
	assert_errno(ENOENT, set_dirty(s.ctx, 1000, 1));
	assert_errno(ENOENT, set_dirty(s.ctx, s.ioas, 1));
	assert_errno(ENOENT, set_dirty(s.ctx, s.devid, 1));
	assert_errno(EOPNOTSUPP, set_dirty(s.ctx, hwpt, 1));
	assert_errno(EOPNOTSUPP, set_dirty(s.ctx, hwpt, 0));
	assert_ok(ioasid_destroy(s.ctx, hwpt));
}

static int get_dirty(int ctx, uint32_t id, uint32_t flags, uint64_t iova,
		     uint64_t len, uint64_t page_size)
{
	static uint8_t bitmap[16];
	struct ioasid_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = id,
		.flags = flags,
		.iova = iova,
		.length = len,
		.page_size = page_size,
		.data = (uintptr_t)bitmap,
	};

	return ioctl(ctx, IOASID_HWPT_GET_DIRTY_BITMAP, &cmd);
}

static void test_get_dirty(void **state)
{
	struct setup s = setup_bound();
	uint32_t hwpt;

	(void)state;
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_errno(EOPNOTSUPP, get_dirty(s.ctx, 1000, 2, 0, PAGE, PAGE));
	assert_errno(ENOENT, get_dirty(s.ctx, 1000, 0, 0, PAGE, PAGE));
	assert_errno(ENOENT, get_dirty(s.ctx, s.ioas, 0, 0, PAGE, PAGE));
	/* The range comes before what the page table can do. */
	assert_errno(EOVERFLOW, get_dirty(s.ctx, hwpt, 0, PAGE, -PAGE + 1,
					  PAGE));
	assert_errno(EINVAL, get_dirty(s.ctx, hwpt, 0, PAGE, 0, PAGE));
	assert_errno(EINVAL, get_dirty(s.ctx, hwpt, 0, 0, 0, PAGE));
	assert_errno(EINVAL, get_dirty(s.ctx, hwpt, 0, 0, PAGE, 0));
	assert_errno(EINVAL, get_dirty(s.ctx, hwpt, 0, 0, PAGE, 2 * PAGE));
	assert_errno(EINVAL, get_dirty(s.ctx, hwpt, 0, PAGE, PAGE, 2 * PAGE));
	assert_errno(EINVAL, get_dirty(s.ctx, hwpt, 0, PAGE / 2, PAGE, PAGE));
	assert_errno(EOPNOTSUPP, get_dirty(s.ctx, hwpt, 0, 0, PAGE, PAGE));
	assert_errno(EOPNOTSUPP, get_dirty(s.ctx, hwpt, 1, 0, -PAGE, PAGE));
	assert_ok(ioasid_destroy(s.ctx, hwpt));
}

static void test_fault_queue(void **state)
{
	struct setup s = setup_bound();
	struct ioasid_hwpt_page_response answers[2] = {};
	struct ioasid_hwpt_pgfault faults[2];
	struct ioasid_fault_alloc cmd = { .size = sizeof(cmd), .flags = 1 };
	struct pollfd p = { .events = POLLIN | POLLOUT };
	uint32_t id;

	(void)state;
	assert_errno(EOPNOTSUPP, ioctl(s.ctx, IOASID_FAULT_QUEUE_ALLOC, &cmd));
	if (!kernel_has_faults()) {
		assert_errno(EOPNOTSUPP, fault_queue(s.ctx, &id, &p.fd));
		return;
	}
	assert_ok(fault_queue(s.ctx, &id, &p.fd));
	check_eq(FD_CLOEXEC, fcntl(p.fd, F_GETFD));

	assert_errno(ESPIPE, read(p.fd, faults, sizeof(faults[0]) - 1));
	assert_errno(ESPIPE, read(p.fd, faults, sizeof(faults[0]) + 1));
	assert_errno(ESPIPE, pread(p.fd, faults, sizeof(faults[0]), 1));
	check_eq(0, read(p.fd, faults, sizeof(faults)));
	check_eq(0, read(p.fd, faults, 0));
	check_eq(1, poll(&p, 1, 0));
	check_eq(POLLOUT, p.revents);

	assert_errno(ESPIPE, write(p.fd, answers, sizeof(answers[0]) - 1));
	assert_errno(ESPIPE, pwrite(p.fd, answers, sizeof(answers[0]), 8));
	assert_errno(EFAULT, write(p.fd, (void *)-PAGE, sizeof(answers[0])));
	assert_errno(EINVAL, write(p.fd, answers, sizeof(answers)));
	answers[0].code = 2;
	assert_errno(EINVAL, write(p.fd, answers, sizeof(answers)));
	check_eq(0, write(p.fd, answers, 0));

	assert_errno(EBUSY, ioasid_destroy(s.ctx, id));
	drop_fd(p.fd);
	assert_ok(ioasid_destroy(s.ctx, id));
}

static void test_fault_hwpt(void **state)
{
	struct setup s = setup_bound();
	uint32_t id, hwpt, out;
	int fd;

	(void)state;
	if (!kernel_has_faults() || iommu_kind() == IOMMU_OTHER) {
		assert_errno(EOPNOTSUPP, alloc_fault(&s, 0, s.ioas, &hwpt));
		return;
	}
	assert_errno(ENOENT, alloc_fault(&s, 0, 1000, &hwpt));
	assert_errno(ENOENT, alloc_fault(&s, 0, s.ioas, &hwpt));
	assert_ok(fault_queue(s.ctx, &id, &fd));
	assert_ok(alloc_fault(&s, 0, id, &hwpt));
	drop_fd(fd);
	/* The page table holds the queue. */
	assert_errno(EBUSY, ioasid_destroy(s.ctx, id));
	/* It cannot ask for pages. AMD's driver attaches it all the same. */
	if (iommu_kind() == IOMMU_AMD) {
		assert_ok(cdev_attach(s.dev, hwpt, &out));
		assert_ok(cdev_detach(s.dev));
	} else {
		assert_errno(iommu_kind() == IOMMU_ARM ? EINVAL : ENODEV,
			     cdev_attach(s.dev, hwpt, &out));
	}
	assert_ok(ioasid_destroy(s.ctx, hwpt));
	assert_ok(ioasid_destroy(s.ctx, id));
	assert_ok(cdev_attach(s.dev, s.ioas, &out));
}

/* The queue's file keeps the context, as a device does. */
static void test_fault_queue_outlives(void **state)
{
	struct ioasid_hwpt_pgfault fault;
	int ctx = ioasid_open(), fd;
	uint32_t id;

	(void)state;
	if (!kernel_has_faults()) {
		assert_errno(EOPNOTSUPP, fault_queue(ctx, &id, &fd));
		return;
	}
	assert_ok(fault_queue(ctx, &id, &fd));
	drop_fd(ctx);
	check_eq(0, read(fd, &fault, sizeof(fault)));
	drop_fd(fd);
}

static int attach_pasid(struct setup *s, uint32_t pt, uint32_t pasid)
{
	struct vfio_cdev_attach cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_CDEV_ATTACH_PASID,
		.pt_id = pt,
		.pasid = pasid,
	};

	return ioctl(s->dev, VFIO_CDEV_ATTACH, &cmd);
}

/* The device has none. */
static void test_pasid(void **state)
{
	struct setup s = setup_bound();
	bool has = kernel_since(6, 11);
	struct vfio_cdev_detach detach = {
		.argsz = sizeof(detach),
		.flags = VFIO_CDEV_DETACH_PASID,
		.pasid = 5,
	};
	struct vfio_cdev_attach attach = {
		.argsz = offsetof(struct vfio_cdev_attach, pasid),
		.flags = VFIO_CDEV_ATTACH_PASID,
		.pt_id = s.ioas,
	};
	uint32_t hwpt;

	(void)state;
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_errno(has ? EINVAL : EOPNOTSUPP, attach_pasid(&s, hwpt, 5));
	assert_errno(has ? EINVAL : EOPNOTSUPP, attach_pasid(&s, s.ioas, 5));
	assert_errno(has ? EINVAL : EOPNOTSUPP, attach_pasid(&s, hwpt, 0));
	assert_errno(has ? ENOENT : EOPNOTSUPP, attach_pasid(&s, 1000, 5));
	assert_errno(has ? EINVAL : EOPNOTSUPP,
		     ioctl(s.dev, VFIO_CDEV_ATTACH, &attach));
	assert_errno(has ? 0 : EOPNOTSUPP,
		     ioctl(s.dev, VFIO_CDEV_DETACH, &detach));
	detach.argsz = offsetof(struct vfio_cdev_detach, pasid);
	assert_errno(has ? EINVAL : EOPNOTSUPP,
		     ioctl(s.dev, VFIO_CDEV_DETACH, &detach));
	/* Nothing is attached, and nothing in the way. */
	assert_ok(cdev_attach(s.dev, hwpt, NULL));
	assert_ok(cdev_detach(s.dev));
	assert_ok(ioasid_destroy(s.ctx, hwpt));
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
}

static int hw_info_of(struct setup *s, uint32_t type, void *buf, uint32_t len,
		      struct ioasid_hw_info *info)
{
	*info = (struct ioasid_hw_info){
		.size = sizeof(*info),
		.flags = IOASID_HW_INFO_FLAG_INPUT_TYPE,
		.dev_id = s->devid,
		.data_len = len,
		.data_uptr = (uintptr_t)buf,
		.out_data_type = type,
	};
	return ioctl(s->ctx, IOASID_GET_HW_INFO, info);
}

static uint64_t sysfs_register(const char *name)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "/sys/class/iommu/dmar0/intel-iommu/%s",
		 name);
	read_file(path, text, sizeof(text));
	return strtoull(text, NULL, 16);
}

/* What the driver says of itself is what it says elsewhere. */
static void test_hw_info_vtd(void **state)
{
	struct setup s = setup_bound();
	struct ioasid_hw_info_vtd vtd = {};
	struct ioasid_hw_info info;
	uint8_t part[12];

	(void)state;
	assert_ok(hw_info(s.ctx, s.devid, NULL, 0, &info));
	if (iommu_kind() != IOMMU_INTEL &&
	    info.out_data_type != IOASID_HW_INFO_TYPE_NONE) {
		check(info.out_data_type != IOASID_HW_INFO_TYPE_INTEL_VTD);
		assert_errno(EOPNOTSUPP,
			     hw_info_of(&s, IOASID_HW_INFO_TYPE_INTEL_VTD, &vtd,
					sizeof(vtd), &info));
		return;
	}
	if (!kernel_asks_driver() || iommu_kind() != IOMMU_INTEL) {
		assert_ok(hw_info_of(&s, IOASID_HW_INFO_TYPE_INTEL_VTD, &vtd,
				     sizeof(vtd), &info));
		check_eq(IOASID_HW_INFO_TYPE_NONE, info.out_data_type);
		check_eq(0, info.data_len);
		return;
	}
	assert_ok(hw_info(s.ctx, s.devid, &vtd, sizeof(vtd), &info));
	check_eq(IOASID_HW_INFO_TYPE_INTEL_VTD, info.out_data_type);
	check_eq(sizeof(vtd), info.data_len);
	check_eq(sysfs_register("cap"), vtd.cap_reg);
	check_eq(sysfs_register("ecap"), vtd.ecap_reg);
	/* A short buffer gets the beginning, and is told how long it is. */
	memset(part, 0xaa, sizeof(part));
	assert_ok(hw_info(s.ctx, s.devid, part, sizeof(part) - 2, &info));
	check_eq(sizeof(vtd), info.data_len);
	check(!memcmp(part, &vtd, sizeof(part) - 2));
	check_eq(0xaa, part[sizeof(part) - 2]);

	assert_ok(hw_info_of(&s, IOASID_HW_INFO_TYPE_INTEL_VTD, &vtd,
			     sizeof(vtd), &info));
	check_eq(IOASID_HW_INFO_TYPE_INTEL_VTD, info.out_data_type);
	assert_errno(EOPNOTSUPP, hw_info_of(&s, IOASID_HW_INFO_TYPE_ARM_SMMUV3,
					    &vtd, sizeof(vtd), &info));
	/* Without the flag, the member is not looked at. */
	info.flags = 0;
	assert_ok(ioctl(s.ctx, IOASID_GET_HW_INFO, &info));
}

int main(int argc, char **argv)
{
	struct test_list list = {};

	test_before = use_edu;
	test_add(&list, test_flags, NULL, "flags");
	test_add(&list, test_close_many, NULL, "close_many");
	test_add(&list, test_data, NULL, "data");
	test_add(&list, test_nested_parent, NULL, "nested.parent");
	test_add(&list, test_invalidate, NULL, "invalidate");
	test_add(&list, test_set_dirty, NULL, "dirty.set");
	test_add(&list, test_get_dirty, NULL, "dirty.get");
	test_add(&list, test_fault_queue, NULL, "fault.queue");
	test_add(&list, test_fault_hwpt, NULL, "fault.hwpt");
	test_add(&list, test_fault_queue_outlives, NULL, "fault.outlives");
	test_add(&list, test_pasid, NULL, "pasid");
	test_add(&list, test_hw_info_vtd, NULL, "hw_info.vtd");
	return test_main(argc, argv, "hwpt", &list, NULL, NULL);
}
