// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: a sentence for each refusal
 *
 * Every refusal has its sentence: a table of calls that are refused, each with the
 * errno, words of the sentence, and the ids and the range it has to name; and who can
 * read which.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>
#include <linux/vfio.h>
#include <linux/vfio_cdev_ext.h>

#include "dma.h"
#include "ioasid.h"
#include "test.h"
#include "vfio.h"

#define OTHER_IOVA (64 * MB)

/* What a row of the table works on, and what it expects beside errno and words. */
struct stage {
	struct setup s;
	uint8_t *va;
	/* The file that is asked, s.ctx unless the row says otherwise. */
	int fd;
	uint32_t ids[2];
	bool range;
	uint64_t start;
	uint64_t last;
};

struct row {
	const char *name;
	int (*call)(struct stage *st);
	/* 0 for a call that is no ioctl. */
	unsigned long cmd;
	int err;
	const char *text;
	bool device;
};

static void expect_range(struct stage *st, uint64_t start, uint64_t last)
{
	st->range = true;
	st->start = start;
	st->last = last;
}

static int map(struct stage *st, uint64_t iova)
{
	return ioas_map_fixed(st->s.ctx, st->s.ioas, st->va, PAGE, iova,
			      MAP_RW);
}

static int raw_map(struct stage *st, uint32_t flags, uint64_t va, uint64_t len,
		   uint64_t iova)
{
	struct ioasid_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = st->s.ioas,
		.user_va = va,
		.length = len,
		.iova = iova,
	};

	return ioctl(st->s.ctx, IOASID_IOAS_MAP, &cmd);
}

/* ---- any command ---- */

static int unknown_ioctl(struct stage *st)
{
	return ioctl(st->s.ctx, _IO(IOASID_TYPE, 0xfe));
}

static int short_structure(struct stage *st)
{
	struct ioasid_destroy cmd = { .size = 4 };

	return ioctl(st->s.ctx, IOASID_DESTROY, &cmd);
}

static int long_tail(struct stage *st)
{
	struct {
		struct ioasid_destroy cmd;
		uint32_t tail;
	} cmd = { .cmd.size = sizeof(cmd), .tail = 1 };

	return ioctl(st->s.ctx, IOASID_DESTROY, &cmd);
}

static int null_pointer(struct stage *st)
{
	return ioctl(st->s.ctx, IOASID_DESTROY, NULL);
}

/* ---- objects and options ---- */

static int destroy_absent(struct stage *st)
{
	st->ids[0] = ABSENT_ID;
	return ioasid_destroy(st->s.ctx, ABSENT_ID);
}

static int alloc_flags(struct stage *st)
{
	struct ioasid_ioas_alloc cmd = { .size = sizeof(cmd), .flags = 8 };

	return ioctl(st->s.ctx, IOASID_IOAS_ALLOC, &cmd);
}

static int option_unknown(struct stage *st)
{
	return option_set(st->s.ctx, 77, 0, 0);
}

static int option_operation(struct stage *st)
{
	struct ioasid_option_cmd cmd = {
		.size = sizeof(cmd),
		.option_id = IOASID_OPTION_HUGE_PAGES,
		.op = 9,
		.object_id = st->s.ioas,
	};

	return ioctl(st->s.ctx, IOASID_OPTION, &cmd);
}

static int rlimit_object(struct stage *st)
{
	return option_set(st->s.ctx, IOASID_OPTION_RLIMIT_MODE, st->s.ioas, 1);
}

static int rlimit_busy(struct stage *st)
{
	return option_set(st->s.ctx, IOASID_OPTION_RLIMIT_MODE, 0, 1);
}

static int rlimit_value(struct stage *st)
{
	st->fd = ioasid_open();
	return option_set(st->fd, IOASID_OPTION_RLIMIT_MODE, 0, 2);
}

static int rlimit_capability(struct stage *st)
{
	int rc;

	st->fd = ioasid_open();
	assert_ok(seteuid(LIMIT_UID));
	rc = option_set(st->fd, IOASID_OPTION_RLIMIT_MODE, 0, 1) ? errno : 0;
	assert_ok(seteuid(0));
	errno = rc;
	return rc ? -1 : 0;
}

static int huge_pages_value(struct stage *st)
{
	return option_set(st->s.ctx, IOASID_OPTION_HUGE_PAGES, st->s.ioas, 2);
}

/* ---- IOVAs ---- */

static int ranges_reserved_member(struct stage *st)
{
	struct ioasid_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = st->s.ioas,
		.__reserved = 1,
	};

	return ioctl(st->s.ctx, IOASID_IOAS_IOVA_RANGES, &cmd);
}

static int ranges_absent(struct stage *st)
{
	uint32_t num = 0;

	st->ids[0] = ABSENT_ID;
	return ioas_ranges(st->s.ctx, ABSENT_ID, NULL, &num, NULL);
}

static int ranges_room(struct stage *st)
{
	uint32_t num = 0;

	st->ids[0] = st->s.ioas;
	return ioas_ranges(st->s.ctx, st->s.ioas, NULL, &num, NULL);
}

static int allow_empty(struct stage *st)
{
	struct ioasid_iova_range range = { 2 * PAGE, PAGE };

	st->ids[0] = st->s.ioas;
	expect_range(st, 2 * PAGE, PAGE);
	return ioas_allow(st->s.ctx, st->s.ioas, &range, 1);
}

/* ---- mappings ---- */

static int map_flags(struct stage *st)
{
	return raw_map(st, 0x100 | MAP_RW, (uintptr_t)st->va, PAGE, IOVA);
}

static int map_no_access(struct stage *st)
{
	return raw_map(st, IOASID_IOAS_MAP_FIXED_IOVA, (uintptr_t)st->va, PAGE,
		       IOVA);
}

static int map_large_iova(struct stage *st)
{
	return map(st, UINT64_MAX);
}

static int map_large_length(struct stage *st)
{
	return raw_map(st, MAP_RW, (uintptr_t)st->va, UINT64_MAX, IOVA);
}

static int map_absent(struct stage *st)
{
	st->ids[0] = ABSENT_ID;
	return ioas_map_fixed(st->s.ctx, ABSENT_ID, st->va, PAGE, IOVA, MAP_RW);
}

static int map_empty(struct stage *st)
{
	return raw_map(st, MAP_RW, (uintptr_t)st->va, 0, IOVA);
}

static int map_wraps(struct stage *st)
{
	return raw_map(st, MAP_RW, UINT64_MAX - PAGE + 1, 2 * PAGE, IOVA);
}

static int map_beyond(struct stage *st)
{
	st->ids[0] = st->s.ioas;
	return raw_map(st, MAP_RW | IOASID_IOAS_MAP_FIXED_IOVA,
		       (uintptr_t)st->va, 2 * PAGE, UINT64_MAX - PAGE + 1);
}

static int map_occupied(struct stage *st)
{
	assert_ok(map(st, IOVA));
	st->ids[0] = st->s.ioas;
	expect_range(st, IOVA, IOVA + PAGE - 1);
	return map(st, IOVA);
}

static int map_full(struct stage *st)
{
	struct ioasid_iova_range range = { IOVA, IOVA + PAGE - 1 };
	uint64_t iova;

	st->ids[0] = st->s.ioas;
	assert_ok(ioas_allow(st->s.ctx, st->s.ioas, &range, 1));
	return ioas_map(st->s.ctx, st->s.ioas, st->va, 2 * PAGE, &iova, MAP_RW);
}

static int map_file_closed(struct stage *st)
{
	return ioas_map_file_fixed(st->s.ctx, st->s.ioas, 9999, 0, PAGE, IOVA,
				   MAP_RW);
}

static int map_file_kind(struct stage *st)
{
	int fd = assert_ok(keep_fd(open("/proc/self/exe", O_RDONLY)));

	return ioas_map_file_fixed(st->s.ctx, st->s.ioas, fd, 0, PAGE, IOVA,
				   MAP_R);
}

static int copy_hole(struct stage *st)
{
	st->ids[0] = st->s.ioas;
	expect_range(st, IOVA, IOVA + PAGE - 1);
	return ioas_copy_fixed(st->s.ctx, st->s.ioas, OTHER_IOVA, st->s.ioas,
			       IOVA, PAGE, MAP_RW);
}

static int copy_empty(struct stage *st)
{
	return ioas_copy_fixed(st->s.ctx, st->s.ioas, OTHER_IOVA, st->s.ioas,
			       IOVA, 0, MAP_RW);
}

static int copy_read_only(struct stage *st)
{
	assert_ok(ioas_map_fixed(st->s.ctx, st->s.ioas, st->va, PAGE, IOVA,
				 MAP_R));
	st->ids[0] = st->s.ioas;
	return ioas_copy_fixed(st->s.ctx, st->s.ioas, OTHER_IOVA, st->s.ioas,
			       IOVA, PAGE, MAP_RW);
}

static int unmap_nothing(struct stage *st)
{
	st->ids[0] = st->s.ioas;
	expect_range(st, IOVA, IOVA + PAGE - 1);
	return ioas_unmap_exact(st->s.ctx, st->s.ioas, IOVA, PAGE);
}

static int unmap_part(struct stage *st)
{
	assert_ok(ioas_map_fixed(st->s.ctx, st->s.ioas, st->va, 2 * PAGE, IOVA,
				 MAP_RW));
	st->ids[0] = st->s.ioas;
	expect_range(st, IOVA, IOVA + 2 * PAGE - 1);
	return ioas_unmap_exact(st->s.ctx, st->s.ioas, IOVA, PAGE);
}

static int unmap_empty(struct stage *st)
{
	return ioas_unmap_exact(st->s.ctx, st->s.ioas, IOVA, 0);
}

static int unmap_beyond(struct stage *st)
{
	return ioas_unmap_exact(st->s.ctx, st->s.ioas, UINT64_MAX - PAGE + 1,
				2 * PAGE);
}

static int change_process_memory(struct stage *st)
{
	assert_ok(map(st, IOVA));
	st->ids[0] = st->s.ioas;
	expect_range(st, IOVA, IOVA + PAGE - 1);
	return change_process(st->s.ctx);
}

/* ---- the ioctls of a container ---- */

static int container_without(struct stage *st)
{
	uint32_t id;

	return vfio_ioas(st->s.ctx, IOASID_VFIO_IOAS_GET, &id);
}

static int container_operation(struct stage *st)
{
	uint32_t id = 0;

	return vfio_ioas(st->s.ctx, 7, &id);
}

static int container_argsz(struct stage *st)
{
	struct vfio_iommu_type1_dma_map cmd = { .argsz = 4 };

	return ioctl(st->s.ctx, VFIO_IOMMU_MAP_DMA, &cmd);
}

static int container_flags(struct stage *st)
{
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.flags = 0x80,
	};

	return ioctl(st->s.ctx, VFIO_IOMMU_MAP_DMA, &cmd);
}

static int container_no_access(struct stage *st)
{
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.vaddr = (uintptr_t)st->va,
		.iova = IOVA,
		.size = PAGE,
	};

	assert_ok(vfio_ioas(st->s.ctx, IOASID_VFIO_IOAS_SET, &st->s.ioas));
	return ioctl(st->s.ctx, VFIO_IOMMU_MAP_DMA, &cmd);
}

static int container_type(struct stage *st)
{
	return ioctl(st->s.ctx, VFIO_SET_IOMMU, 99);
}

/* ---- page tables, and queries ---- */

static int hwpt_no_device(struct stage *st)
{
	uint32_t id;

	st->ids[0] = ABSENT_ID;
	return hwpt_alloc(st->s.ctx, ABSENT_ID, st->s.ioas, 0, &id);
}

static int list_entry_size(struct stage *st)
{
	struct ioasid_list cmd = { .size = sizeof(cmd), .entry_size = 4 };

	return ioctl(st->s.ctx, IOASID_LIST, &cmd);
}

static int map_context(struct stage *st, int prot, int flags)
{
	void *map = mmap(NULL, PAGE, prot, flags, st->s.ctx, 0);

	return map == MAP_FAILED ? -1 : 0;
}

static int mmap_private(struct stage *st)
{
	return map_context(st, PROT_READ, MAP_PRIVATE);
}

static int mmap_exec(struct stage *st)
{
	return map_context(st, PROT_READ | PROT_EXEC, MAP_SHARED);
}

static int mmap_offset(struct stage *st)
{
	return map_context(st, PROT_READ, MAP_SHARED);
}

static int fault_flags(struct stage *st)
{
	struct ioasid_fault_alloc cmd = { .size = sizeof(cmd), .flags = 1 };

	return ioctl(st->s.ctx, IOASID_FAULT_QUEUE_ALLOC, &cmd);
}

static int vdevice_absent(struct stage *st)
{
	struct ioasid_vdevice_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = ABSENT_ID,
	};

	st->ids[0] = ABSENT_ID;
	return ioctl(st->s.ctx, IOASID_VDEVICE_ALLOC, &cmd);
}

static int veventq_depth(struct stage *st)
{
	struct ioasid_veventq_alloc cmd = { .size = sizeof(cmd), .type = 1 };

	return ioctl(st->s.ctx, IOASID_VEVENTQ_ALLOC, &cmd);
}

static int hw_queue_wraps(struct stage *st)
{
	struct ioasid_hw_queue_alloc cmd = {
		.size = sizeof(cmd),
		.type = 1,
		.nesting_parent_iova = -PAGE,
		.length = 2 * PAGE,
	};

	return ioctl(st->s.ctx, IOASID_HW_QUEUE_ALLOC, &cmd);
}

static int partial_nothing(struct stage *st)
{
	uint64_t len = PAGE;

	st->ids[0] = st->s.ioas;
	expect_range(st, IOVA, IOVA + PAGE - 1);
	return ioas_unmap_partial(st->s.ctx, st->s.ioas, IOVA, &len, 0);
}

static int answer_lost(struct stage *st)
{
	struct ioasid_ioas_alloc *cmd = (void *)st->va;

	cmd->size = sizeof(*cmd);
	assert_ok(mprotect(cmd, PAGE, PROT_READ));
	return ioctl(st->s.ctx, IOASID_IOAS_ALLOC, cmd);
}

/* ---- with a device ---- */

static int destroy_used_ioas(struct stage *st)
{
	uint32_t hwpt;

	assert_ok(cdev_attach(st->s.dev, st->s.ioas, &hwpt));
	st->ids[0] = st->s.ioas;
	st->ids[1] = hwpt;
	return ioasid_destroy(st->s.ctx, st->s.ioas);
}

static int destroy_used_hwpt(struct stage *st)
{
	uint32_t hwpt;

	assert_ok(cdev_attach(st->s.dev, st->s.ioas, &hwpt));
	st->ids[0] = hwpt;
	st->ids[1] = st->s.devid;
	return ioasid_destroy(st->s.ctx, hwpt);
}

static int destroy_device(struct stage *st)
{
	st->ids[0] = st->s.devid;
	return ioasid_destroy(st->s.ctx, st->s.devid);
}

static int wrong_type(struct stage *st)
{
	st->ids[0] = st->s.devid;
	return ioas_map_fixed(st->s.ctx, st->s.devid, st->va, PAGE, IOVA,
			      MAP_RW);
}

static void attach(struct stage *st)
{
	assert_ok(cdev_attach(st->s.dev, st->s.ioas, NULL));
}

static int map_reserved(struct stage *st)
{
	attach(st);
	st->ids[0] = st->s.ioas;
	st->ids[1] = st->s.devid;
	expect_range(st, MSI_WINDOW, MSI_WINDOW_LAST);
	return map(st, MSI_WINDOW + PAGE);
}

static int map_misaligned(struct stage *st)
{
	attach(st);
	st->ids[0] = st->s.ioas;
	expect_range(st, IOVA + 8, IOVA + 8 + PAGE - 1);
	return map(st, IOVA + 8);
}

static int map_nothing_there(struct stage *st)
{
	attach(st);
	assert_ok(munmap(st->va, PAGE));
	expect_range(st, (uintptr_t)st->va, (uintptr_t)st->va + PAGE - 1);
	return map(st, IOVA);
}

static int map_not_writable(struct stage *st)
{
	attach(st);
	assert_ok(mprotect(st->va, PAGE, PROT_READ));
	expect_range(st, (uintptr_t)st->va, (uintptr_t)st->va + PAGE - 1);
	return map(st, IOVA);
}

static int map_bar(struct stage *st)
{
	struct vfio_region_info info = { .argsz = sizeof(info) };
	void *bar;

	attach(st);
	assert_ok(vfio_region(st->s.dev, VFIO_PCI_BAR0_REGION_INDEX, &info));
	bar = keep_map(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    st->s.dev, (off_t)info.offset),
		       PAGE);
	expect_range(st, (uintptr_t)bar, (uintptr_t)bar + PAGE - 1);
	return ioas_map_fixed(st->s.ctx, st->s.ioas, bar, PAGE, IOVA, MAP_RW);
}

static int memfd_of(size_t pages)
{
	int fd = assert_ok(keep_fd(memfd_create("error", MFD_ALLOW_SEALING)));

	assert_ok(ftruncate(fd, (off_t)(pages * PAGE)));
	return fd;
}

static int map_file_short(struct stage *st)
{
	attach(st);
	expect_range(st, PAGE, 2 * PAGE - 1);
	return ioas_map_file_fixed(st->s.ctx, st->s.ioas, memfd_of(1), PAGE,
				   PAGE, IOVA, MAP_RW);
}

static int map_file_sealed(struct stage *st)
{
	int fd = memfd_of(1);

	attach(st);
	assert_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	return ioas_map_file_fixed(st->s.ctx, st->s.ioas, fd, 0, PAGE, IOVA,
				   MAP_RW);
}

static int map_file_read_only(struct stage *st)
{
	char path[64];
	int fd;

	attach(st);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd_of(1));
	fd = assert_ok(keep_fd(open(path, O_RDONLY)));
	return ioas_map_file_fixed(st->s.ctx, st->s.ioas, fd, 0, PAGE, IOVA,
				   MAP_RW);
}

static int map_file_write_only(struct stage *st)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd_of(1));
	fd = assert_ok(keep_fd(open(path, O_WRONLY)));
	return ioas_map_file_fixed(st->s.ctx, st->s.ioas, fd, 0, PAGE, IOVA,
				   MAP_R);
}

static int huge_pages_in_use(struct stage *st)
{
	attach(st);
	assert_ok(map(st, IOVA));
	st->ids[0] = st->s.ioas;
	return option_set(st->s.ctx, IOASID_OPTION_HUGE_PAGES, st->s.ioas, 0);
}

static int hwpt_flags(struct stage *st)
{
	uint32_t id;

	return hwpt_alloc(st->s.ctx, st->s.devid, st->s.ioas, 0x8000, &id);
}

static int alloc_with(struct stage *st, uint32_t pt, uint32_t type,
		      uint32_t len)
{
	struct ioasid_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = st->s.devid,
		.pt_id = pt,
		.data_type = type,
		.data_len = len,
		.data_uptr = (uintptr_t)st->va,
	};

	return ioctl(st->s.ctx, IOASID_HWPT_ALLOC, &cmd);
}

static int hwpt_data(struct stage *st)
{
	return alloc_with(st, st->s.ioas, IOASID_HWPT_DATA_NONE, 4);
}

static int hwpt_no_data(struct stage *st)
{
	return alloc_with(st, st->s.ioas, 1, 0);
}

static int hwpt_absent(struct stage *st)
{
	return alloc_with(st, ABSENT_ID, IOASID_HWPT_DATA_NONE, 0);
}

static int hwpt_type(struct stage *st)
{
	st->ids[0] = st->s.devid;
	return alloc_with(st, st->s.devid, IOASID_HWPT_DATA_NONE, 0);
}

/* Made without tracking. */
static uint32_t new_hwpt(struct stage *st)
{
	uint32_t id;

	assert_ok(hwpt_alloc(st->s.ctx, st->s.devid, st->s.ioas, 0, &id));
	st->ids[0] = id;
	return id;
}

static int dirty_set(struct stage *st)
{
	struct ioasid_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = IOASID_HWPT_DIRTY_TRACKING_ENABLE,
		.hwpt_id = new_hwpt(st),
	};

	return ioctl(st->s.ctx, IOASID_HWPT_SET_DIRTY_TRACKING, &cmd);
}

static int dirty_get(struct stage *st, uint32_t hwpt, uint64_t iova,
		     uint64_t len)
{
	struct ioasid_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = hwpt,
		.iova = iova,
		.length = len,
		.page_size = PAGE,
		.data = (uintptr_t)st->va,
	};

	return ioctl(st->s.ctx, IOASID_HWPT_GET_DIRTY_BITMAP, &cmd);
}

/* One that is known, and one that is not. */
static int dirty_get_flags(struct stage *st)
{
	struct ioasid_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.flags = IOASID_HWPT_GET_DIRTY_BITMAP_NO_CLEAR | 0x80,
	};

	return ioctl(st->s.ctx, IOASID_HWPT_GET_DIRTY_BITMAP, &cmd);
}

static int dirty_get_absent(struct stage *st)
{
	st->ids[0] = ABSENT_ID;
	return dirty_get(st, ABSENT_ID, 0, PAGE);
}

static int dirty_get_misaligned(struct stage *st)
{
	expect_range(st, 8, PAGE + 7);
	return dirty_get(st, new_hwpt(st), 8, PAGE);
}

static int dirty_get_wraps(struct stage *st)
{
	uint32_t hwpt = new_hwpt(st);

	st->ids[0] = 0;
	return dirty_get(st, hwpt, -PAGE, 2 * PAGE);
}

static int invalidate(struct stage *st, uint32_t num)
{
	struct ioasid_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = new_hwpt(st),
		.entry_num = num,
	};

	return ioctl(st->s.ctx, IOASID_HWPT_INVALIDATE, &cmd);
}

static int invalidate_type(struct stage *st)
{
	return invalidate(st, 0);
}

static int invalidate_array(struct stage *st)
{
	int rc = invalidate(st, 1);

	st->ids[0] = 0;
	return rc;
}

static int viommu_none(struct stage *st)
{
	struct ioasid_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = 1,
		.dev_id = st->s.devid,
	};

	return ioctl(st->s.ctx, IOASID_VIOMMU_ALLOC, &cmd);
}

static int hw_info_flags(struct stage *st)
{
	struct ioasid_hw_info cmd = {
		.size = sizeof(cmd),
		.flags = IOASID_HW_INFO_FLAG_INPUT_TYPE | 0x80,
	};

	return ioctl(st->s.ctx, IOASID_GET_HW_INFO, &cmd);
}

static int hw_info_buffer(struct stage *st)
{
	struct ioasid_hw_info info;

	return hw_info(st->s.ctx, st->s.devid, (void *)1, PAGE, &info);
}

static int allow_reserved(struct stage *st)
{
	struct ioasid_iova_range range = { IOVA, MSI_WINDOW };

	attach(st);
	st->ids[0] = st->s.ioas;
	expect_range(st, MSI_WINDOW, MSI_WINDOW_LAST);
	return ioas_allow(st->s.ctx, st->s.ioas, &range, 1);
}

static int group_room(struct stage *st)
{
	struct ioasid_group_info info;

	return group_info(st->s.ctx, st->s.devid, &info, NULL, 0);
}

/* ---- on the device's file ---- */

static int attach_flags(struct stage *st)
{
	struct vfio_cdev_attach cmd = { .argsz = sizeof(cmd), .flags = 0x80 };

	st->fd = st->s.dev;
	return ioctl(st->fd, VFIO_CDEV_ATTACH, &cmd);
}

static int detach_short(struct stage *st)
{
	struct vfio_cdev_detach cmd = { .argsz = 4 };

	st->fd = st->s.dev;
	return ioctl(st->fd, VFIO_CDEV_DETACH, &cmd);
}

static int attach_absent(struct stage *st)
{
	st->fd = st->s.dev;
	st->ids[0] = ABSENT_ID;
	return cdev_attach(st->s.dev, ABSENT_ID, NULL);
}

static int attach_type(struct stage *st)
{
	st->fd = st->s.dev;
	st->ids[0] = st->s.devid;
	return cdev_attach(st->s.dev, st->s.devid, NULL);
}

static int attach_mapped(struct stage *st)
{
	uint64_t iova = MSI_WINDOW + PAGE;

	st->fd = st->s.dev;
	assert_ok(map(st, iova));
	st->ids[0] = st->s.ioas;
	st->ids[1] = st->s.devid;
	expect_range(st, iova, iova + PAGE - 1);
	return cdev_attach(st->s.dev, st->s.ioas, NULL);
}

static int attach_pins(struct stage *st)
{
	st->fd = st->s.dev;
	assert_ok(map(st, IOVA));
	assert_ok(munmap(st->va, PAGE));
	expect_range(st, (uintptr_t)st->va, (uintptr_t)st->va + PAGE - 1);
	return cdev_attach(st->s.dev, st->s.ioas, NULL);
}

static int bind_again(struct stage *st)
{
	st->fd = st->s.dev;
	return cdev_bind(st->s.dev, st->s.ctx, NULL);
}

static int bind_in_use(struct stage *st)
{
	st->fd = assert_ok(cdev_open(edu_bdf));
	return cdev_bind(st->fd, st->s.ctx, NULL);
}

static int bind_closed(struct stage *st)
{
	need_nvme();
	pci_bind(nvme_bdf, DRIVER_EXT);
	st->fd = assert_ok(cdev_open(nvme_bdf));
	return cdev_bind(st->fd, 9999, NULL);
}

static int bind_kind(struct stage *st)
{
	need_nvme();
	pci_bind(nvme_bdf, DRIVER_EXT);
	st->fd = assert_ok(cdev_open(nvme_bdf));
	return cdev_bind(st->fd, st->fd, NULL);
}

static int bind_short(struct stage *st)
{
	struct vfio_cdev_bind cmd = { .argsz = 4 };

	st->fd = st->s.dev;
	return ioctl(st->fd, VFIO_CDEV_BIND, &cmd);
}

static int bind_flags(struct stage *st)
{
	struct vfio_cdev_bind cmd = { .argsz = sizeof(cmd), .flags = 0x80 };

	st->fd = st->s.dev;
	return ioctl(st->fd, VFIO_CDEV_BIND, &cmd);
}

static int parked_ioctl(struct stage *st)
{
	st->fd = assert_ok(cdev_open(edu_bdf));
	return ioctl(st->fd, VFIO_DEVICE_RESET);
}

static int parked_read(struct stage *st)
{
	char byte;

	st->fd = assert_ok(cdev_open(edu_bdf));
	return (int)read(st->fd, &byte, 1);
}

static int driver_refuses(struct stage *st)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = 10000,
	};

	st->fd = st->s.dev;
	return ioctl(st->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);
}

static int feature_unknown(struct stage *st)
{
	struct vfio_device_feature cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_FEATURE_GET | 0x7777,
	};

	st->fd = st->s.dev;
	return ioctl(st->fd, VFIO_DEVICE_FEATURE, &cmd);
}

static int feature_get_set(struct stage *st)
{
	struct vfio_device_feature cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET,
	};

	st->fd = st->s.dev;
	return ioctl(st->fd, VFIO_DEVICE_FEATURE, &cmd);
}

static int reset_none(struct stage *st)
{
	struct vfio_pci_hot_reset cmd = { .argsz = sizeof(cmd) };

	st->fd = st->s.dev;
	return ioctl(st->fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd);
}

static int read_beyond(struct stage *st)
{
	char byte;

	st->fd = st->s.dev;
	return (int)pread(st->fd, &byte, 1, 1L << 62);
}

static int mmap_device(struct stage *st)
{
	void *map =
		mmap(NULL, PAGE, PROT_READ, MAP_SHARED, st->s.dev, 1L << 62);

	st->fd = st->s.dev;
	return map == MAP_FAILED ? -1 : 0;
}

static int reset_count(struct stage *st)
{
	struct vfio_pci_hot_reset cmd = { .argsz = sizeof(cmd), .count = 1 };

	st->fd = st->s.dev;
	return ioctl(st->fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd);
}

static int query_dev_id(struct stage *st)
{
	struct ioasid_features cmd;

	st->fd = st->s.dev;
	return features(st->fd, 1, &cmd);
}

/* ---- a group of two ---- */

static int shared_fd(const char *bdf)
{
	need_shared();
	return (int)assert_ok(cdev_open(bdf));
}

static int bind_blocked(struct stage *st)
{
	int rc;

	st->fd = shared_fd(shared2);
	if (system("modprobe -q e1000") || pci_try_bind(shared1, "e1000"))
		skip_test("no host driver for SHARED_BDF1");
	rc = cdev_bind(st->fd, st->s.ctx, NULL) ? errno : 0;
	pci_bind(shared1, DRIVER_EXT);
	errno = rc;
	return rc ? -1 : 0;
}

static int bind_other_context(struct stage *st)
{
	int first = shared_fd(shared1);

	st->fd = shared_fd(shared2);
	assert_ok(cdev_bind(first, st->s.ctx, NULL));
	return cdev_bind(st->fd, ioasid_open(), NULL);
}

static int attach_apart(struct stage *st)
{
	int first = shared_fd(shared1);

	st->fd = shared_fd(shared2);
	assert_ok(cdev_bind(first, st->s.ctx, NULL));
	assert_ok(cdev_bind(st->fd, st->s.ctx, NULL));
	assert_ok(cdev_attach(first, st->s.ioas, NULL));
	return cdev_attach(st->fd, ioas_new(st->s.ctx), NULL);
}

#define ROW(name_, cmd_, err_, text_)                   \
	{                                               \
#name_, name_, cmd_, err_, text_, false \
	}
#define DEVICE_ROW(name_, cmd_, err_, text_)           \
	{                                              \
#name_, name_, cmd_, err_, text_, true \
	}

static const struct row rows[] = {
	ROW(unknown_ioctl, _IO(IOASID_TYPE, 0xfe), ENOTTY, "does not know"),
	ROW(short_structure, IOASID_DESTROY, EINVAL,
	    "IOASID_DESTROY: size 4 is less than 8"),
	ROW(long_tail, IOASID_DESTROY, E2BIG, "the others are not all 0"),
	ROW(null_pointer, IOASID_DESTROY, EFAULT,
	    "the structure at 0x0 is not in memory"),
	ROW(destroy_absent, IOASID_DESTROY, ENOENT,
	    "there is no object with id 2147483632"),
	ROW(alloc_flags, IOASID_IOAS_ALLOC, EOPNOTSUPP, "flags 0x8"),
	ROW(option_unknown, IOASID_OPTION, EOPNOTSUPP, "no option 77"),
	ROW(option_operation, IOASID_OPTION, EOPNOTSUPP,
	    "no option operation 9"),
	ROW(rlimit_object, IOASID_OPTION, EOPNOTSUPP, "belongs to no object"),
	ROW(rlimit_busy, IOASID_OPTION, EBUSY, "the file has objects"),
	ROW(rlimit_value, IOASID_OPTION, EINVAL, "0 or 1, not 2"),
	ROW(rlimit_capability, IOASID_OPTION, EPERM, "CAP_SYS_RESOURCE"),
	ROW(huge_pages_value, IOASID_OPTION, EINVAL, "HUGE_PAGES is 0 or 1"),
	ROW(ranges_reserved_member, IOASID_IOAS_IOVA_RANGES, EOPNOTSUPP,
	    "reserved member"),
	ROW(ranges_absent, IOASID_IOAS_IOVA_RANGES, ENOENT,
	    "there is no IOAS with id"),
	ROW(ranges_room, IOASID_IOAS_IOVA_RANGES, EMSGSIZE,
	    "room for 0 ranges, and there are 1"),
	ROW(allow_empty, IOASID_IOAS_ALLOW_IOVAS, EINVAL,
	    "entry 0, 0x2000-0x1000,"),
	ROW(map_flags, IOASID_IOAS_MAP, EOPNOTSUPP, "flags 0x100"),
	ROW(map_no_access, IOASID_IOAS_MAP, EINVAL, "neither READABLE"),
	ROW(map_large_iova, IOASID_IOAS_MAP, EOVERFLOW,
	    "IOVA 0xffffffffffffffff is too large"),
	ROW(map_large_length, IOASID_IOAS_MAP, EOVERFLOW, "length"),
	ROW(map_absent, IOASID_IOAS_MAP, ENOENT, "there is no IOAS with id"),
	ROW(map_empty, IOASID_IOAS_MAP, EINVAL, "length 0"),
	ROW(map_wraps, IOASID_IOAS_MAP, EOVERFLOW, "does not end"),
	ROW(map_beyond, IOASID_IOAS_MAP, EOVERFLOW, "beyond the last IOVA"),
	ROW(map_occupied, IOASID_IOAS_MAP, EEXIST,
	    "occupied by the mapping at 0x100000-0x100fff"),
	ROW(map_full, IOASID_IOAS_MAP, ENOSPC,
	    "no free range of 0x2000 bytes at a multiple"),
	ROW(map_file_closed, IOASID_IOAS_MAP_FILE, EBADF, "9999 is not open"),
	ROW(map_file_kind, IOASID_IOAS_MAP_FILE, EINVAL,
	    "neither a memfd nor a dma-buf"),
	ROW(copy_hole, IOASID_IOAS_COPY, ENOENT,
	    "nothing is mapped at IOVA 0x100000"),
	ROW(copy_empty, IOASID_IOAS_COPY, EINVAL, "the length is 0"),
	ROW(copy_read_only, IOASID_IOAS_COPY, EPERM, "for reading only"),
	ROW(unmap_nothing, IOASID_IOAS_UNMAP, ENOENT,
	    "nothing is mapped at 0x100000-0x100fff"),
	ROW(unmap_part, IOASID_IOAS_UNMAP, ENOENT,
	    "cuts the mapping at 0x100000-0x101fff"),
	ROW(unmap_empty, IOASID_IOAS_UNMAP, EINVAL, "the length is 0"),
	ROW(unmap_beyond, IOASID_IOAS_UNMAP, EOVERFLOW, "beyond the last IOVA"),
	ROW(change_process_memory, IOASID_IOAS_CHANGE_PROCESS, EINVAL,
	    "of process memory"),
	ROW(container_without, IOASID_VFIO_IOAS, ENODEV, "no IOAS is chosen"),
	ROW(container_operation, IOASID_VFIO_IOAS, EOPNOTSUPP,
	    "no operation 7"),
	ROW(container_argsz, VFIO_IOMMU_MAP_DMA, EINVAL, "argsz 4 is less"),
	ROW(container_flags, VFIO_IOMMU_MAP_DMA, EINVAL, "flags 0x80"),
	ROW(container_no_access, VFIO_IOMMU_MAP_DMA, EINVAL,
	    "neither for reading nor for writing"),
	ROW(container_type, VFIO_SET_IOMMU, EINVAL, "no IOMMU type 99"),
	ROW(hwpt_no_device, IOASID_HWPT_ALLOC, ENOENT,
	    "there is no device with id"),
	ROW(list_entry_size, IOASID_LIST, EINVAL, "entry_size is 4"),
	ROW(mmap_private, 0, EINVAL, "is not shared"),
	ROW(mmap_exec, 0, EPERM, "is executable"),
	ROW(mmap_offset, 0, ENXIO, "nothing is at offset 0"),
	ROW(fault_flags, IOASID_FAULT_QUEUE_ALLOC, EOPNOTSUPP, "flags 0x1"),
	ROW(hw_info_flags, IOASID_GET_HW_INFO, EOPNOTSUPP, "flags 0x80"),
	ROW(dirty_get_flags, IOASID_HWPT_GET_DIRTY_BITMAP, EOPNOTSUPP,
	    "flags 0x80"),
	ROW(vdevice_absent, IOASID_VDEVICE_ALLOC, ENOENT,
	    "no virtual IOMMU with id"),
	ROW(veventq_depth, IOASID_VEVENTQ_ALLOC, EINVAL, "hold 0 events"),
	ROW(hw_queue_wraps, IOASID_HW_QUEUE_ALLOC, EOVERFLOW,
	    "beyond the last IOVA"),
	ROW(partial_nothing, IOASID_IOAS_UNMAP_PARTIAL, ENOENT,
	    "nothing is mapped"),
	ROW(answer_lost, IOASID_IOAS_ALLOC, EFAULT, "for the answer"),

	DEVICE_ROW(destroy_used_ioas, IOASID_DESTROY, EBUSY,
		   "is in use by page table"),
	DEVICE_ROW(destroy_used_hwpt, IOASID_DESTROY, EBUSY,
		   "is in use by device"),
	DEVICE_ROW(destroy_device, IOASID_DESTROY, EBUSY,
		   "belongs to a driver"),
	DEVICE_ROW(wrong_type, IOASID_IOAS_MAP, ENOENT,
		   "is of type device, not IOAS"),
	DEVICE_ROW(map_reserved, IOASID_IOAS_MAP, EINVAL,
		   "reserves " MSI_WINDOW_TEXT),
	DEVICE_ROW(map_misaligned, IOASID_IOAS_MAP, EINVAL,
		   "in multiples of 0x1000"),
	DEVICE_ROW(map_nothing_there, IOASID_IOAS_MAP, EFAULT,
		   "nothing is mapped there"),
	DEVICE_ROW(map_not_writable, IOASID_IOAS_MAP, EFAULT,
		   "may not write there"),
	DEVICE_ROW(map_bar, IOASID_IOAS_MAP, EFAULT, "device memory"),
	DEVICE_ROW(map_file_short, IOASID_IOAS_MAP_FILE, EINVAL,
		   "beyond the end of the file, at 0x1000"),
	DEVICE_ROW(map_file_sealed, IOASID_IOAS_MAP_FILE, EPERM,
		   "sealed against writing"),
	DEVICE_ROW(map_file_read_only, IOASID_IOAS_MAP_FILE, EACCES,
		   "for reading only"),
	DEVICE_ROW(map_file_write_only, IOASID_IOAS_MAP_FILE, EACCES,
		   "not open for reading"),
	DEVICE_ROW(huge_pages_in_use, IOASID_OPTION, EINVAL,
		   "mappings in a page table"),
	DEVICE_ROW(hwpt_flags, IOASID_HWPT_ALLOC, EOPNOTSUPP, "flags 0x8000"),
	DEVICE_ROW(hwpt_data, IOASID_HWPT_ALLOC, EINVAL,
		   "4 bytes of data have no type"),
	DEVICE_ROW(hwpt_no_data, IOASID_HWPT_ALLOC, EINVAL,
		   "no data for the type 1"),
	DEVICE_ROW(hwpt_absent, IOASID_HWPT_ALLOC, EINVAL,
		   "no IOAS or page table"),
	DEVICE_ROW(hwpt_type, IOASID_HWPT_ALLOC, EINVAL, "neither an IOAS nor"),
	DEVICE_ROW(dirty_set, IOASID_HWPT_SET_DIRTY_TRACKING, EOPNOTSUPP,
		   "does not track dirty pages"),
	DEVICE_ROW(dirty_get_absent, IOASID_HWPT_GET_DIRTY_BITMAP, ENOENT,
		   "there is no page table with id"),
	DEVICE_ROW(dirty_get_misaligned, IOASID_HWPT_GET_DIRTY_BITMAP, EINVAL,
		   "is not in multiples of"),
	DEVICE_ROW(dirty_get_wraps, IOASID_HWPT_GET_DIRTY_BITMAP, EOVERFLOW,
		   "beyond the last IOVA"),
	DEVICE_ROW(invalidate_type, IOASID_HWPT_INVALIDATE, EINVAL,
		   "is not a nested page table"),
	DEVICE_ROW(invalidate_array, IOASID_HWPT_INVALIDATE, EINVAL,
		   "are no array"),
	DEVICE_ROW(viommu_none, IOASID_VIOMMU_ALLOC, EOPNOTSUPP,
		   "makes virtual IOMMUs"),
	DEVICE_ROW(hw_info_buffer, IOASID_GET_HW_INFO, EFAULT,
		   "the buffer for the data at 0x1"),
	DEVICE_ROW(allow_reserved, IOASID_IOAS_ALLOW_IOVAS, EADDRINUSE,
		   "reserves " MSI_WINDOW_TEXT),
	DEVICE_ROW(group_room, IOASID_GROUP_INFO, EMSGSIZE,
		   "room for 0 members"),
	DEVICE_ROW(attach_flags, VFIO_CDEV_ATTACH, EINVAL, "flags 0x80"),
	DEVICE_ROW(detach_short, VFIO_CDEV_DETACH, EINVAL, "argsz 4 is less"),
	DEVICE_ROW(feature_get_set, VFIO_DEVICE_FEATURE, EINVAL,
		   "GET and SET together"),
	DEVICE_ROW(reset_none, VFIO_DEVICE_PCI_HOT_RESET, ENODEV,
		   "neither the slot nor the bus"),
	DEVICE_ROW(read_beyond, 0, EINVAL, "refuses 1 bytes at offset"),
	DEVICE_ROW(mmap_device, 0, EINVAL, "mmap: driver"),
	DEVICE_ROW(attach_absent, VFIO_CDEV_ATTACH, ENOENT,
		   "there is no object with id"),
	DEVICE_ROW(attach_type, VFIO_CDEV_ATTACH, EINVAL,
		   "neither IOAS nor page table"),
	DEVICE_ROW(attach_mapped, VFIO_CDEV_ATTACH, EADDRINUSE,
		   "needs IOVAs " MSI_WINDOW_TEXT " kept free"),
	DEVICE_ROW(attach_pins, VFIO_CDEV_ATTACH, EFAULT,
		   "nothing is mapped there"),
	DEVICE_ROW(bind_again, VFIO_CDEV_BIND, EINVAL,
		   "this file has bound it already"),
	DEVICE_ROW(bind_in_use, VFIO_CDEV_BIND, EINVAL, "(error_test)"),
	DEVICE_ROW(bind_closed, VFIO_CDEV_BIND, EBADF,
		   "9999 is no open /dev/ioasid"),
	DEVICE_ROW(bind_kind, VFIO_CDEV_BIND, EBADFD, "is no open /dev/ioasid"),
	DEVICE_ROW(bind_short, VFIO_CDEV_BIND, EINVAL, "argsz 4 is less"),
	DEVICE_ROW(bind_flags, VFIO_CDEV_BIND, EINVAL, "flags 0x80"),
	DEVICE_ROW(parked_ioctl, VFIO_DEVICE_RESET, EINVAL, "is not bound"),
	DEVICE_ROW(parked_read, 0, EINVAL, "is not bound"),
	DEVICE_ROW(driver_refuses, VFIO_DEVICE_GET_IRQ_INFO, EINVAL,
		   "VFIO_DEVICE_GET_IRQ_INFO: driver vfio_cdev_ext refuses"),
	DEVICE_ROW(feature_unknown, VFIO_DEVICE_FEATURE, ENOTTY,
		   "feature 30583: the device does not have it"),
	DEVICE_ROW(reset_count, VFIO_DEVICE_PCI_HOT_RESET, EINVAL,
		   "count is 1, not 0"),
	DEVICE_ROW(query_dev_id, IOASID_FEATURES, EINVAL, "dev_id is 1"),
	DEVICE_ROW(bind_blocked, VFIO_CDEV_BIND, EBUSY,
		   "is in use by driver e1000"),
	DEVICE_ROW(bind_other_context, VFIO_CDEV_BIND, EPERM,
		   "belongs to another /dev/ioasid file, of process"),
	DEVICE_ROW(attach_apart, VFIO_CDEV_ATTACH, EINVAL,
		   "shares IOMMU group"),
};

static void test_row(void **state)
{
	const struct row *row = test_arg(state);
	struct stage st = { 0 };
	struct refusal r;

	if (row->device) {
		st.s = setup_bound();
	} else {
		st.s.ctx = ioasid_open();
		st.s.ioas = ioas_new(st.s.ctx);
	}
	st.va = page_alloc(4 * PAGE);
	st.fd = st.s.ctx;

	assert_errno(row->err, row->call(&st));
	check_refusal(st.fd, row->err, row->text, &r);
	check_eq(row->cmd, r.error.out_cmd);
	/* Not a generic one, either. */
	check_eq(st.range ? IOASID_ERROR_RANGE : 0, r.error.out_flags);
	check_eq(st.start, r.error.out_start);
	check_eq(st.last, r.error.out_last);
	if (st.ids[0])
		check_eq(st.ids[0], r.error.out_ids[0]);
	if (st.ids[1])
		check_eq(st.ids[1], r.error.out_ids[1]);
}

/* The text says who is in the way, by name. */
static void test_blocked_names(void **state)
{
	struct stage st = { .s.ctx = ioasid_open() };
	char want[128];
	struct refusal r;

	(void)state;
	assert_errno(EBUSY, bind_blocked(&st));
	snprintf(want, sizeof(want),
		 "cannot bind %s: %s in the same IOMMU group %d is in use by driver e1000",
		 shared2, shared1, pci_group(shared2));
	check_refusal(st.fd, EBUSY, want, &r);
}

/*
 * An answer that goes over the end of what can be written is not there in part: the
 * kernel writes what it can before it meets the end.
 */
static void check_no_half(int fd, uint32_t dev)
{
	size_t first = offsetof(struct ioasid_features, out_commands[1]);
	struct ioasid_features cmd = { .size = sizeof(cmd), .dev_id = dev };
	char *pages = page_alloc(2 * PAGE), *at = pages + PAGE - first;

	memcpy(at, &cmd, sizeof(cmd));
	assert_ok(mprotect(pages + PAGE, PAGE, PROT_READ));
	assert_errno(EFAULT, ioctl(fd, IOASID_FEATURES, at));
	check(!memcmp(at, &cmd, sizeof(cmd)));
	assert_ok(mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE));
	assert_ok(ioctl(fd, IOASID_FEATURES, at));
	check(memcmp(at, &cmd, sizeof(cmd)));
	drop_map(pages);
}

static void test_half_answer(void **state)
{
	struct setup s;

	(void)state;
	need_edu();
	s = setup_bound();
	check_no_half(s.ctx, s.devid);
	check_no_half(s.dev, 0);
}

/* Beyond what any IOMMU translates. */
#define FAR_IOVA (1ULL << 60)

static void check_outside(const struct setup *s, int fd)
{
	struct refusal r;
	char want[128];

	snprintf(want, sizeof(want), "the IOMMU of %s needs IOVAs ", edu_bdf);
	check_refusal(fd, EADDRINUSE, want, &r);
	snprintf(want, sizeof(want), "and IOAS %u has the mapping ", s->ioas);
	check_refusal(fd, EADDRINUSE, want, &r);
	check_eq(s->ioas, r.error.out_ids[0]);
	check_eq(s->devid, r.error.out_ids[1]);
	check_eq(IOASID_ERROR_RANGE, r.error.out_flags);
	check_eq(FAR_IOVA, r.error.out_start);
	check_eq(FAR_IOVA + PAGE - 1, r.error.out_last);
}

/*
 * The page table that an attach makes has an id that nobody ever gets if that fails. What
 * does not fit is the device.
 */
static void test_attach_outside(void **state)
{
	struct setup s = setup_bound();
	uint32_t id, next = ioas_new(s.ctx) + 1;

	(void)state;
	map_at(&s, page_alloc(PAGE), PAGE, FAR_IOVA);
	assert_errno(EADDRINUSE, cdev_attach(s.dev, s.ioas, NULL));
	check_outside(&s, s.dev);
	/* A page table that knows what it translates when it is made says so then. */
	if (hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &id)) {
		check_eq(EADDRINUSE, errno);
		check_outside(&s, s.ctx);
	} else {
		check_eq(next, id);
		assert_ok(ioasid_destroy(s.ctx, id));
	}
	unmap_at(&s, FAR_IOVA, PAGE);
	assert_ok(cdev_attach(s.dev, s.ioas, &id));
	check_eq(next, id);
}

/* ---- who can read it ---- */

static void test_none(void **state)
{
	int fd = ioasid_open(), other = ioasid_open();
	struct refusal r;

	(void)state;
	assert_errno(ENODATA, get_error(fd, &r));
	/* Success leaves nothing. */
	ioas_new(fd);
	assert_errno(ENODATA, get_error(fd, &r));
	assert_errno(ENOENT, ioasid_destroy(fd, ABSENT_ID));
	check_refusal(fd, ENOENT, "no object", &r);
	/* Another file has nothing to say about it. */
	assert_errno(ENODATA, get_error(other, &r));
	/* Neither reading it nor what succeeds changes it. */
	ioas_new(fd);
	check_refusal(fd, ENOENT, "no object", &r);
}

static void test_replaced(void **state)
{
	int fd = ioasid_open();
	struct refusal r;

	(void)state;
	assert_errno(ENOENT, ioasid_destroy(fd, ABSENT_ID));
	assert_errno(EOPNOTSUPP, option_set(fd, 77, 0, 0));
	check_refusal(fd, EOPNOTSUPP, "no option 77", &r);
	check_eq(0, r.error.out_ids[0]);
}

/* What is wrong with the question is no refusal to remember. */
static void test_bad_question(void **state)
{
	int fd = ioasid_open();
	struct refusal r;

	(void)state;
	assert_errno(ENOENT, ioasid_destroy(fd, ABSENT_ID));
	assert_errno(EFAULT, ioctl(fd, IOASID_GET_ERROR, NULL));
	memset(&r, 0, sizeof(r));
	r.error.size = 4;
	assert_errno(EINVAL, ioctl(fd, IOASID_GET_ERROR, &r.error));
	r.error.size = sizeof(r.error);
	r.error.flags = 1;
	assert_errno(EOPNOTSUPP, ioctl(fd, IOASID_GET_ERROR, &r.error));
	check_refusal(fd, ENOENT, "no object", &r);
}

static void test_short_buffer(void **state)
{
	struct ioasid_get_error error = { .size = sizeof(error) };
	int fd = ioasid_open();
	char text[9] = "xxxxxxxx";

	(void)state;
	assert_errno(ENOENT, ioasid_destroy(fd, ABSENT_ID));
	assert_ok(ioctl(fd, IOASID_GET_ERROR, &error));
	check(error.text_len > sizeof(text));
	error.text_uptr = (uintptr_t)text;
	error.text_len = 6;
	assert_ok(ioctl(fd, IOASID_GET_ERROR, &error));
	check(!memcmp(text, "there\0xx", sizeof(text)));
}

struct thread_arg {
	int fd;
	uint32_t option;
	pthread_barrier_t *barrier;
	bool good;
};

static void *refused_thread(void *data)
{
	struct thread_arg *arg = data;
	struct refusal r;
	char want[32];

	arg->good = get_error(arg->fd, &r) && errno == ENODATA;
	option_set(arg->fd, arg->option, 0, 0);
	pthread_barrier_wait(arg->barrier);
	snprintf(want, sizeof(want), "no option %u", arg->option);
	arg->good = arg->good && !get_error(arg->fd, &r) &&
		    strstr(r.text, want);
	return NULL;
}

#define THREADS 16

static void test_threads(void **state)
{
	struct thread_arg args[THREADS];
	pthread_t threads[THREADS];
	pthread_barrier_t barrier;
	int i, fd = ioasid_open();
	struct refusal r;

	(void)state;
	assert_errno(ENOENT, ioasid_destroy(fd, ABSENT_ID));
	check_eq(0, pthread_barrier_init(&barrier, NULL, THREADS));
	for (i = 0; i < THREADS; i++) {
		args[i] = (struct thread_arg){ fd, 100 + (uint32_t)i, &barrier,
					       false };
		check_eq(0, pthread_create(&threads[i], NULL, refused_thread,
					   &args[i]));
	}
	for (i = 0; i < THREADS; i++) {
		check_eq(0, pthread_join(threads[i], NULL));
		check(args[i].good);
	}
	pthread_barrier_destroy(&barrier);
	check_refusal(fd, ENOENT, "no object", &r);
}

static void *one_refusal(void *data)
{
	option_set(*(int *)data, 77, 0, 0);
	return NULL;
}

/* The file keeps so many, and the oldest go first. */
static void test_bounded(void **state)
{
	int i, fd = ioasid_open();
	pthread_t thread;
	struct refusal r;

	(void)state;
	assert_errno(ENOENT, ioasid_destroy(fd, ABSENT_ID));
	for (i = 0; i < 63; i++) {
		check_eq(0, pthread_create(&thread, NULL, one_refusal, &fd));
		check_eq(0, pthread_join(thread, NULL));
	}
	check_refusal(fd, ENOENT, "no object", &r);
	check_eq(0, pthread_create(&thread, NULL, one_refusal, &fd));
	check_eq(0, pthread_join(thread, NULL));
	assert_errno(ENODATA, get_error(fd, &r));
}

static void child_has_none(void *arg)
{
	struct refusal r;

	assert_errno(ENODATA, get_error(*(int *)arg, &r));
}

static void test_fork(void **state)
{
	int fd = ioasid_open();

	(void)state;
	assert_errno(ENOENT, ioasid_destroy(fd, ABSENT_ID));
	run_child(child_has_none, &fd);
}

/*
 * On its way to success, an attach meets a page table that does not suit. That is
 * nobody's refusal, and not the reason of what fails next.
 */
static void test_swallowed(void **state)
{
	struct setup s = setup_bound();
	uint32_t other = ioas_new(s.ctx);
	struct vfio_device_info info;
	struct refusal r;

	(void)state;
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_errno(ENODATA, get_error(s.dev, &r));
	assert_errno(ENODATA, get_error(s.ctx, &r));
	/* A refusal on the device's file is there, and only there. */
	assert_errno(ENOENT, cdev_attach(s.dev, ABSENT_ID, NULL));
	check_refusal(s.dev, ENOENT, "no object", &r);
	assert_errno(ENODATA, get_error(s.ctx, &r));
	/* It does not touch what the context has refused before. */
	assert_errno(EOPNOTSUPP, option_set(s.ctx, 77, 0, 0));
	assert_errno(ENOENT, cdev_attach(s.dev, ABSENT_ID, NULL));
	check_refusal(s.ctx, EOPNOTSUPP, "no option 77", &r);
	check_refusal(s.dev, ENOENT, "no object", &r);
	assert_ok(cdev_attach(s.dev, other, NULL));
	check_refusal(s.ctx, EOPNOTSUPP, "no option 77", &r);
	memset(&info, 0, sizeof(info));
	assert_errno(EINVAL, ioctl(s.dev, VFIO_DEVICE_GET_INFO, &info));
	check_refusal(s.dev, EINVAL, "driver vfio_cdev_ext refuses it", &r);
}

static void limited_child(void *arg)
{
	struct setup *s = arg;
	uint8_t *va = page_alloc((LIMIT_PAGES + 1) * PAGE);
	struct refusal r;

	become_limited(LIMIT_PAGES);
	assert_errno(ENOMEM,
		     ioas_map_fixed(s->ctx, s->ioas, va,
				    (LIMIT_PAGES + 1) * PAGE, IOVA, MAP_RW));
	check_refusal(s->ctx, ENOMEM, "RLIMIT_MEMLOCK: ", &r);
	check(strstr(r.text, " of a limit of 256 KiB "));
}

static void test_limit(void **state)
{
	struct setup s = setup_limit((uintptr_t)test_arg(state));

	run_child(limited_child, &s);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };
	size_t i;

	test_before = use_all;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_add(&list, test_row, (void *)&rows[i], "row.%s",
			 rows[i].name);
	ADD(blocked_names);
	ADD(half_answer);
	ADD(attach_outside);
	ADD(none);
	ADD(replaced);
	ADD(bad_question);
	ADD(short_buffer);
	ADD(threads);
	ADD(bounded);
	ADD(fork);
	ADD(swallowed);
	test_add(&list, test_limit, NULL, "limit.user");
	test_add(&list, test_limit, (void *)1, "limit.process");
	return test_main(argc, argv, "error", &list, NULL, NULL);
}
