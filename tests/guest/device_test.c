// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: devices: bind, attach, DMA, interrupts, accounting
 *
 * A device that does DMA, on vfio_cdev_ext: binding, attaching, what reaches
 * memory and what does not, how memory is charged, interrupts.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "dma.h"
#include "edu.h"
#include "held.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

/* ---- objects ---- */

static void test_bind(void **state)
{
	int ctx, dev;
	uint32_t devid = 0;

	(void)state;
	need_edu();
	ctx = ioasid_open();
	dev = assert_ok(cdev_open(edu_bdf));
	assert_ok(cdev_bind(dev, ctx, &devid));
	/* The first object of the context. */
	check_eq(1, devid);
	check_eq(2, ioas_new(ctx));
	assert_errno(EBUSY, ioasid_destroy(ctx, devid));
	drop_fd(dev);
	assert_errno(ENOENT, ioasid_destroy(ctx, devid));
	/* Another BIND of the same device, another time. */
	dev = assert_ok(cdev_open(edu_bdf));
	assert_ok(cdev_bind(dev, ctx, &devid));
	check_eq(1, devid);
}

static void test_bind_new_context(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	map_at(&s, page, PAGE, IOVA);
	edu_close(&s.edu);
	drop_fd(s.dev);
	/* The old context lives on, without the device. */
	assert_ok(cdev_open_bound(edu_bdf, ioasid_open(), NULL));
	unmap_at(&s, IOVA, PAGE);
}

/* ---- a device that goes while a call waits for memory of its user ---- */

struct slow_call {
	struct setup s;
	struct held held;
	/* The command, and its structure. */
	unsigned long cmd;
	void *arg;
};

static void *call_slowly(void *arg)
{
	struct slow_call *c = arg;

	ioctl(c->s.ctx, c->cmd, c->arg);
	return NULL;
}

static void *close_device(void *arg)
{
	struct slow_call *c = arg;

	/* The last file of the device: it is unbound before this returns. */
	drop_fd(c->s.dev);
	return NULL;
}

static void hold_hw_info_data(struct slow_call *c)
{
	static struct ioasid_hw_info cmd;

	c->held = held_alloc(PAGE);
	cmd = (struct ioasid_hw_info){
		.size = sizeof(cmd),
		.dev_id = c->s.devid,
		.data_len = PAGE,
		.data_uptr = (uintptr_t)c->held.va,
	};
	c->cmd = IOASID_GET_HW_INFO;
	c->arg = &cmd;
}

static void hold_hw_info(struct slow_call *c)
{
	struct ioasid_hw_info cmd = {
		.size = sizeof(cmd),
		.dev_id = c->s.devid,
	};

	c->held = held_answer(&cmd, sizeof(cmd));
	c->cmd = IOASID_GET_HW_INFO;
	c->arg = c->held.va;
}

static void hold_group_members(struct slow_call *c)
{
	static struct ioasid_group_info cmd;

	c->held = held_alloc(PAGE);
	cmd = (struct ioasid_group_info){
		.size = sizeof(cmd),
		.dev_id = c->s.devid,
		.num = 1,
		.entry_size = sizeof(struct ioasid_group_member),
		.members = (uintptr_t)c->held.va,
	};
	c->cmd = IOASID_GROUP_INFO;
	c->arg = &cmd;
}

static void hold_features(struct slow_call *c)
{
	struct ioasid_features cmd = {
		.size = sizeof(cmd),
		.dev_id = c->s.devid,
	};

	c->held = held_answer(&cmd, sizeof(cmd));
	c->cmd = IOASID_FEATURES;
	c->arg = c->held.va;
}

static void hold_hwpt_alloc(struct slow_call *c)
{
	struct ioasid_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = c->s.devid,
		.pt_id = c->s.ioas,
	};

	c->held = held_answer(&cmd, sizeof(cmd));
	c->cmd = IOASID_HWPT_ALLOC;
	c->arg = c->held.va;
}

/* While the page table is filled with what the IOAS has. */
static void hold_hwpt_fill(struct slow_call *c)
{
	static struct ioasid_hwpt_alloc cmd;

	c->held = held_alloc(PAGE);
	assert_ok(ioas_map_fixed(c->s.ctx, c->s.ioas, c->held.va, PAGE, IOVA,
				 MAP_RW));
	cmd = (struct ioasid_hwpt_alloc){
		.size = sizeof(cmd),
		.dev_id = c->s.devid,
		.pt_id = c->s.ioas,
	};
	c->cmd = IOASID_HWPT_ALLOC;
	c->arg = &cmd;
}

static void test_close_under_call(void **state)
{
	static const struct {
		const char *name;
		void (*hold)(struct slow_call *c);
	} calls[] = {
		{ "GET_HW_INFO, data", hold_hw_info_data },
		{ "GET_HW_INFO, answer", hold_hw_info },
		{ "GROUP_INFO, members", hold_group_members },
		{ "FEATURES, answer", hold_features },
		{ "HWPT_ALLOC, answer", hold_hwpt_alloc },
		/* The last: elsewhere it is filled at its first attach. */
		{ "HWPT_ALLOC, memory", hold_hwpt_fill },
	};
	bool fills = kernel_since(6, 12) && iommu_kind() == IOMMU_INTEL;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(calls) - !fills; i++) {
		struct slow_call c = { .s = setup_bound() };

		/* A mapping of the BAR is a user of the file. */
		edu_close(&c.s.edu);
		calls[i].hold(&c);
		if (!held_meanwhile(&c.held, call_slowly, close_device, &c))
			fail_test("%s: the device cannot be closed",
				  calls[i].name);
		release_all();
	}
}

static void test_attach_ioas(void **state)
{
	struct setup s = setup_bound();
	uint32_t hwpt = 0, again = 0;

	(void)state;
	assert_ok(cdev_attach(s.dev, s.ioas, &hwpt));
	check(hwpt != s.ioas && hwpt != s.devid);
	check(hwpt > 0);
	assert_errno(EBUSY, ioasid_destroy(s.ctx, hwpt));
	assert_errno(EBUSY, ioasid_destroy(s.ctx, s.ioas));
	assert_errno(EBUSY, ioasid_destroy(s.ctx, s.devid));
	/* The same again changes nothing. */
	assert_ok(cdev_attach(s.dev, s.ioas, &again));
	check_eq(hwpt, again);
	assert_ok(cdev_attach(s.dev, hwpt, &again));
	check_eq(hwpt, again);
	/* The page table the kernel made goes with the attachment. */
	assert_ok(cdev_detach(s.dev));
	assert_errno(ENOENT, ioasid_destroy(s.ctx, hwpt));
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
}

static void test_attach_hwpt(void **state)
{
	struct setup s = setup_bound();
	uint32_t hwpt = 0, out = 0;

	(void)state;
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_errno(EBUSY, ioasid_destroy(s.ctx, s.ioas));
	assert_ok(cdev_attach(s.dev, hwpt, &out));
	check_eq(hwpt, out);
	assert_errno(EBUSY, ioasid_destroy(s.ctx, hwpt));
	assert_ok(cdev_detach(s.dev));
	assert_errno(EBUSY, ioasid_destroy(s.ctx, s.ioas));
	/* One the user made stays until the user drops it. */
	assert_ok(cdev_attach(s.dev, hwpt, &out));
	assert_ok(cdev_detach(s.dev));
	assert_ok(ioasid_destroy(s.ctx, hwpt));
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
}

/* Attaching to an IOAS never takes a page table the user made. */
static void test_attach_auto_is_own(void **state)
{
	struct setup s = setup_bound();
	uint32_t hwpt = 0, out = 0;

	(void)state;
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_ok(cdev_attach(s.dev, s.ioas, &out));
	check(out != hwpt);
	assert_ok(ioasid_destroy(s.ctx, hwpt));
}

static void test_attach_bad(void **state)
{
	struct setup s = setup_bound();
	struct vfio_cdev_attach cmd = {
		.argsz = offsetof(struct vfio_cdev_attach, pasid),
		.pt_id = s.ioas,
	};
	int other = ioasid_open();
	uint32_t bit;

	(void)state;
	assert_errno(ENOENT, cdev_attach(s.dev, 0, NULL));
	assert_errno(ENOENT, cdev_attach(s.dev, 1000, NULL));
	assert_errno(ENOENT, cdev_attach(s.dev, UINT32_MAX, NULL));
	assert_errno(EINVAL, cdev_attach(s.dev, s.devid, NULL));
	/* What another context calls by that id is not ours. */
	while (ioas_new(other) < 9)
		;
	assert_errno(ENOENT, cdev_attach(s.dev, 9, NULL));
	assert_errno(EFAULT, ioctl(s.dev, VFIO_CDEV_ATTACH, NULL));
	cmd.argsz--;
	assert_errno(EINVAL, ioctl(s.dev, VFIO_CDEV_ATTACH, &cmd));
	cmd.argsz = sizeof(cmd);
	for (bit = 2; bit; bit <<= 1) {
		cmd.flags = bit;
		assert_errno(EINVAL, ioctl(s.dev, VFIO_CDEV_ATTACH, &cmd));
	}
	/* The first version of the structure, without pasid, will do. */
	cmd.flags = 0;
	cmd.argsz = offsetof(struct vfio_cdev_attach, pasid);
	assert_ok(ioctl(s.dev, VFIO_CDEV_ATTACH, &cmd));
}

static void test_attach_unwritable(void **state)
{
	struct setup s = setup_bound();
	struct vfio_cdev_attach *cmd = page_alloc(PAGE);

	(void)state;
	cmd->argsz = sizeof(*cmd);
	cmd->pt_id = s.ioas;
	assert_ok(mprotect(cmd, PAGE, PROT_READ));
	assert_errno(EFAULT, ioctl(s.dev, VFIO_CDEV_ATTACH, cmd));
	/* It is as if it had not been tried. */
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
}

static void test_detach(void **state)
{
	struct setup s = setup_bound();
	struct vfio_cdev_detach cmd = {
		.argsz = offsetof(struct vfio_cdev_detach, pasid),
	};

	(void)state;
	assert_ok(cdev_detach(s.dev));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_ok(ioctl(s.dev, VFIO_CDEV_DETACH, &cmd));
	assert_ok(cdev_detach(s.dev));
	cmd.argsz--;
	assert_errno(EINVAL, ioctl(s.dev, VFIO_CDEV_DETACH, &cmd));
	cmd.argsz = sizeof(cmd);
	cmd.flags = 2;
	assert_errno(EINVAL, ioctl(s.dev, VFIO_CDEV_DETACH, &cmd));
	cmd.flags = 1U << 31;
	assert_errno(EINVAL, ioctl(s.dev, VFIO_CDEV_DETACH, &cmd));
	assert_errno(EFAULT, ioctl(s.dev, VFIO_CDEV_DETACH, NULL));
}

static void test_replace(void **state)
{
	struct setup s = setup_attached();
	uint8_t *a = page_alloc(PAGE), *b = page_alloc(PAGE);
	uint32_t other = ioas_new(s.ctx), hwpt = 0, out = 0;

	(void)state;
	map_at(&s, a, PAGE, IOVA);
	assert_ok(ioas_map_fixed(s.ctx, other, b, PAGE, IOVA, MAP_RW));
	check_dma(&s, a, IOVA, 1);
	/* The same IOVA is the other page now. */
	assert_ok(cdev_attach(s.dev, other, &out));
	check_dma(&s, b, IOVA, 2);
	check(has_pattern(a, COPY, 1));
	assert_errno(EBUSY, ioasid_destroy(s.ctx, other));
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
	/* To a page table of the user's, and back. */
	assert_ok(hwpt_alloc(s.ctx, s.devid, other, 0, &hwpt));
	assert_ok(cdev_attach(s.dev, hwpt, NULL));
	assert_errno(ENOENT, ioasid_destroy(s.ctx, out));
	check_dma(&s, b, IOVA, 3);
	assert_ok(cdev_attach(s.dev, other, NULL));
	check_dma(&s, b, IOVA, 4);
	assert_ok(ioasid_destroy(s.ctx, hwpt));
}

/* A replacement that fails leaves the old attachment at work. */
static void test_replace_fails(void **state)
{
	struct setup s = setup_attached();
	uint8_t *a = page_alloc(PAGE);
	uint32_t other = ioas_new(s.ctx);

	(void)state;
	map_at(&s, a, PAGE, IOVA);
	assert_ok(ioas_map_fixed(s.ctx, other, a, PAGE, MSI_WINDOW, MAP_RW));
	assert_errno(EADDRINUSE, cdev_attach(s.dev, other, NULL));
	assert_errno(ENOENT, cdev_attach(s.dev, 1000, NULL));
	assert_errno(EINVAL, cdev_attach(s.dev, s.devid, NULL));
	check_dma(&s, a, IOVA, 1);
	assert_ok(ioasid_destroy(s.ctx, other));
	assert_errno(EBUSY, ioasid_destroy(s.ctx, s.ioas));
}

/* A replacement that fails when memory is pinned. */
static void test_replace_fails_late(void **state)
{
	struct setup s = setup_attached();
	uint8_t *a = page_alloc(PAGE);
	uint32_t other = ioas_new(s.ctx);

	(void)state;
	map_at(&s, a, PAGE, IOVA);
	assert_ok(ioas_map_fixed(s.ctx, other, a, PAGE, 0, MAP_RW));
	assert_ok(ioas_map_fixed(s.ctx, other, NULL, PAGE, PAGE, MAP_RW));
	assert_errno(EFAULT, cdev_attach(s.dev, other, NULL));
	check_dma(&s, a, IOVA, 1);
	assert_ok(ioasid_destroy(s.ctx, other));
}

static void test_hwpt_bad(void **state)
{
	struct setup s = setup_bound();
	struct ioasid_hwpt_alloc cmd = { .size = sizeof(cmd) };
	uint32_t hwpt = 0, id = 0, bit;

	(void)state;
	assert_errno(ENOENT, hwpt_alloc(s.ctx, 0, s.ioas, 0, &id));
	assert_errno(ENOENT, hwpt_alloc(s.ctx, s.ioas, s.ioas, 0, &id));
	assert_errno(EINVAL, hwpt_alloc(s.ctx, s.devid, 0, 0, &id));
	assert_errno(EINVAL, hwpt_alloc(s.ctx, s.devid, 1000, 0, &id));
	assert_errno(EINVAL, hwpt_alloc(s.ctx, s.devid, s.devid, 0, &id));
	for (bit = 16; bit; bit <<= 1)
		assert_errno(EOPNOTSUPP, hwpt_alloc(s.ctx, s.devid, s.ioas,
						    bit, &id));
	assert_errno(EOPNOTSUPP,
		     hwpt_alloc(s.ctx, s.devid, s.ioas,
				IOASID_HWPT_ALLOC_DIRTY_TRACKING, &id));
	assert_errno(EOPNOTSUPP,
		     hwpt_alloc(s.ctx, s.devid, s.ioas,
				IOASID_HWPT_ALLOC_NEST_PARENT, &id));
	/* A page table on a page table needs data. */
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_errno(EOPNOTSUPP, hwpt_alloc(s.ctx, s.devid, hwpt, 0, &id));
	assert_errno(ENOENT, hwpt_alloc(s.ctx, hwpt, s.ioas, 0, &id));
	cmd.dev_id = s.devid;
	cmd.pt_id = s.ioas;
	cmd.data_len = 8;
	assert_errno(EINVAL, ioctl(s.ctx, IOASID_HWPT_ALLOC, &cmd));
	cmd.data_type = 1;
	cmd.data_len = 0;
	assert_errno(EINVAL, ioctl(s.ctx, IOASID_HWPT_ALLOC, &cmd));
	/* No id was used up. */
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &id));
	check_eq(hwpt + 1, id);
}

/* Objects of one type where another is meant. */
static void test_wrong_types(void **state)
{
	struct setup s = setup_bound();
	struct ioasid_hw_info info;
	uint64_t iova, len = PAGE, val;
	uint8_t *page = page_alloc(PAGE);
	uint32_t hwpt = 0, num = 0, ids[2];
	size_t i;

	(void)state;
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	ids[0] = s.devid;
	ids[1] = hwpt;
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		assert_errno(ENOENT, ioas_map(s.ctx, ids[i], page, PAGE, &iova,
					      MAP_RW));
		assert_errno(ENOENT, ioas_unmap(s.ctx, ids[i], 0, &len));
		assert_errno(ENOENT, ioas_ranges(s.ctx, ids[i], NULL, &num,
						 NULL));
		assert_errno(ENOENT, option_get(s.ctx,
						IOASID_OPTION_HUGE_PAGES,
						ids[i], &val));
	}
	assert_errno(ENOENT, hw_info(s.ctx, hwpt, NULL, 0, &info));
	assert_errno(EBUSY, option_set(s.ctx, IOASID_OPTION_RLIMIT_MODE, 0, 1));
}

static void test_hw_info(void **state)
{
	struct setup s = setup_bound();
	struct ioasid_hw_info info;
	uint8_t buf[256];
	uint32_t got;

	(void)state;
	assert_ok(hw_info(s.ctx, s.devid, NULL, 0, &info));
	got = info.data_len;
	check((info.out_data_type == IOASID_HW_INFO_TYPE_NONE) == !got);
	/* Some kernels say that it cannot use ATS, either. */
	check_eq(0, info.out_capabilities &
			    ~(uint64_t)IOASID_HW_CAP_PCI_ATS_NOT_SUPPORTED);
	check_eq(0, info.out_max_pasid_log2);
	memset(buf, 0xaa, sizeof(buf));
	assert_ok(hw_info(s.ctx, s.devid, buf, sizeof(buf) - 1, &info));
	check_eq(got, info.data_len);
	/* What the kernel does not fill is zero; beyond is not touched. */
	check(got < sizeof(buf));
	check(all_bytes(buf + got, sizeof(buf) - 1 - got, 0));
	check_eq(0xaa, buf[sizeof(buf) - 1]);
	assert_errno(EFAULT, hw_info(s.ctx, s.devid, NULL, 64, &info));
	assert_errno(EFAULT, hw_info(s.ctx, s.devid, (void *)-PAGE, 64,
				     &info));
}

/* The first version of the structure has no capabilities to answer. */
static void test_hw_info_short(void **state)
{
	struct setup s = setup_bound();
	struct ioasid_hw_info info;

	(void)state;
	memset(&info, 0xaa, sizeof(info));
	memset(&info, 0, offsetof(struct ioasid_hw_info, out_capabilities));
	info.size = offsetof(struct ioasid_hw_info, out_capabilities);
	info.dev_id = s.devid;
	assert_ok(ioctl(s.ctx, IOASID_GET_HW_INFO, &info));
	check_eq(0xaaaaaaaaaaaaaaaaULL, info.out_capabilities);
}

/* ---- ranges ---- */

#define MAX_RANGES 32

static uint32_t ranges_of(struct setup *s, struct ioasid_iova_range *ranges,
			  uint64_t *align)
{
	uint32_t num = MAX_RANGES;

	assert_ok(ioas_ranges(s->ctx, s->ioas, ranges, &num, align));
	return num;
}

static void test_ranges(void **state)
{
	struct setup s = setup_bound();
	struct ioasid_iova_range ranges[MAX_RANGES];
	uint64_t align = 0;
	uint32_t num, i, one = 1;

	(void)state;
	check_eq(1, ranges_of(&s, ranges, &align));
	check_eq(1, align);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	num = ranges_of(&s, ranges, &align);
	check_eq(PAGE, align);
	check(num >= 2);
	check_eq(0, ranges[0].start);
	for (i = 0; i < num; i++) {
		check(ranges[i].start < ranges[i].last);
		check(ranges[i].last < MSI_WINDOW ||
		      ranges[i].start > MSI_WINDOW_LAST);
		check(!i || ranges[i].start > ranges[i - 1].last + 1);
		check_eq(0, ranges[i].start % PAGE);
		check_eq(PAGE - 1, ranges[i].last % PAGE);
	}
	/* Others may reach the end of 64 bits. */
	if (iommu_kind() == IOMMU_INTEL)
		check(ranges[num - 1].last < UINT64_MAX);
	check(ranges[num - 1].last > 1ULL << 32);
	/* Too few entries: how many there are, and the first of them. */
	memset(ranges, 0, sizeof(ranges));
	assert_errno(EMSGSIZE, ioas_ranges(s.ctx, s.ioas, ranges, &one, NULL));
	check_eq(num, one);
	check(ranges[0].last > 0);
	check_eq(0, ranges[1].last);
	/* Back to everything. */
	assert_ok(cdev_detach(s.dev));
	check_eq(1, ranges_of(&s, ranges, &align));
	check_eq(UINT64_MAX, ranges[0].last);
	check_eq(1, align);
}

static void test_ranges_close(void **state)
{
	struct setup s = setup_attached();
	struct ioasid_iova_range ranges[MAX_RANGES];

	(void)state;
	check(ranges_of(&s, ranges, NULL) > 1);
	edu_close(&s.edu);
	drop_fd(s.dev);
	check_eq(1, ranges_of(&s, ranges, NULL));
}

static void test_map_reserved(void **state)
{
	struct setup s = setup_attached();
	struct ioasid_iova_range ranges[MAX_RANGES];
	uint8_t *page = page_alloc(2 * PAGE);
	uint64_t last;
	uint32_t num;

	(void)state;
	num = ranges_of(&s, ranges, NULL);
	last = ranges[num - 1].last;
	assert_errno(EINVAL, ioas_map_fixed(s.ctx, s.ioas, page, PAGE,
					    MSI_WINDOW, MAP_RW));
	assert_errno(EINVAL, ioas_map_fixed(s.ctx, s.ioas, page, PAGE,
					    MSI_WINDOW_LAST + 1 - PAGE,
					    MAP_RW));
	assert_errno(EINVAL, ioas_map_fixed(s.ctx, s.ioas, page, 2 * PAGE,
					    MSI_WINDOW - PAGE, MAP_RW));
	if (last < UINT64_MAX) {
		assert_errno(EINVAL, ioas_map_fixed(s.ctx, s.ioas, page, PAGE,
						    last + 1, MAP_RW));
		assert_errno(EINVAL,
			     ioas_map_fixed(s.ctx, s.ioas, page, 2 * PAGE,
					    last + 1 - PAGE, MAP_RW));
	}
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, page, PAGE,
				 MSI_WINDOW - PAGE, MAP_RW));
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, page, PAGE,
				 MSI_WINDOW_LAST + 1, MAP_RW));
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, page, PAGE, last + 1 - PAGE,
				 MAP_RW));
}

static void test_attach_over_mapping(void **state)
{
	static const uint64_t at[] = {
		MSI_WINDOW, MSI_WINDOW_LAST + 1 - PAGE, MSI_WINDOW - PAGE,
		UINT64_MAX - 2 * PAGE + 1,
	};
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(2 * PAGE);
	struct ioasid_iova_range ranges[MAX_RANGES];
	uint32_t num = ranges_of(&s, ranges, NULL);
	size_t i, count = ARRAY_SIZE(at);

	(void)state;
	/* The last is for an IOMMU that does not reach it. */
	if (ranges[num - 1].last == UINT64_MAX)
		count--;
	assert_ok(cdev_detach(s.dev));
	for (i = 0; i < count; i++) {
		map_at(&s, page, 2 * PAGE, at[i]);
		assert_errno(EADDRINUSE, cdev_attach(s.dev, s.ioas, NULL));
		/* Nothing of the attempt is left. */
		check_eq(1, ranges_of(&s, ranges, NULL));
		unmap_at(&s, at[i], 2 * PAGE);
	}
	/* A mapping that is no multiple of the IOMMU's page. */
	map_at(&s, page, 8, IOVA);
	assert_errno(EADDRINUSE, cdev_attach(s.dev, s.ioas, NULL));
	check_eq(1, ranges_of(&s, ranges, NULL));
	unmap_at(&s, IOVA, 8);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
}

static void test_map_misaligned(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(2 * PAGE);
	uint64_t iova;

	(void)state;
	assert_errno(EINVAL, ioas_map_fixed(s.ctx, s.ioas, page, PAGE,
					    IOVA + 8, MAP_RW));
	assert_errno(EINVAL, ioas_map_fixed(s.ctx, s.ioas, page, 8, IOVA,
					    MAP_RW));
	assert_errno(EINVAL, ioas_map_fixed(s.ctx, s.ioas, page + 8, PAGE,
					    IOVA, MAP_RW));
	assert_errno(EINVAL, ioas_map(s.ctx, s.ioas, page + 8, PAGE, &iova,
				      MAP_RW));
	assert_errno(EINVAL, ioas_map(s.ctx, s.ioas, page, PAGE + 1, &iova,
				      MAP_RW));
}

static void test_alloc_attached(void **state)
{
	struct setup s = setup_attached();
	struct ioasid_iova_range ranges[MAX_RANGES];
	uint8_t *page = page_alloc(2 * PAGE);
	uint64_t iova = 0;
	uint32_t num;

	(void)state;
	num = ranges_of(&s, ranges, NULL);
	assert_ok(ioas_map(s.ctx, s.ioas, page, PAGE, &iova, MAP_RW));
	check_eq(PAGE, iova);
	check_dma(&s, page, iova, 1);
	/* A length that does not fit in the last range, which is the largest. */
	if (ranges[num - 1].last == UINT64_MAX)
		return;
	assert_errno(ENOSPC, ioas_map(s.ctx, s.ioas, NULL,
				      ranges[num - 1].last -
					      ranges[num - 1].start + 1 + PAGE,
				      &iova, MAP_R));
}

/* ---- DMA ---- */

static void test_dma_both_ways(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(4 * PAGE);

	(void)state;
	map_at(&s, page, 4 * PAGE, IOVA);
	check_dma(&s, page, IOVA, 1);
	check_dma(&s, page + 3 * PAGE, IOVA + 3 * PAGE, 2);
	/* Across a page boundary, and to the last byte. */
	check_dma(&s, page + 2 * PAGE - COPY / 2, IOVA + 2 * PAGE - COPY / 2,
		  3);
	check_dma(&s, page + 4 * PAGE - COPY, IOVA + 4 * PAGE - COPY, 4);
	check(has_pattern(page, COPY, 1));
	/* And nothing but what was asked for. */
	check(all_bytes(page + COPY, PAGE, 0));
}

static void test_dma_two_mappings(void **state)
{
	struct setup s = setup_attached();
	uint8_t *a = page_alloc(PAGE), *b = page_alloc(PAGE);

	(void)state;
	/* Neighbours in IOVA, not in memory. */
	map_at(&s, a, PAGE, IOVA + PAGE);
	map_at(&s, b, PAGE, IOVA);
	check_dma(&s, a, IOVA + PAGE, 1);
	check_dma(&s, b, IOVA, 2);
	unmap_at(&s, IOVA, PAGE);
	check_no_write(&s, b, IOVA);
	check_dma(&s, a, IOVA + PAGE, 3);
}

/* The same memory twice. */
static void test_dma_alias(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	map_at(&s, page, PAGE, IOVA);
	map_at(&s, page, PAGE, IOVA + 16 * PAGE);
	check_dma(&s, page, IOVA, 1);
	unmap_at(&s, IOVA, PAGE);
	check_dma(&s, page, IOVA + 16 * PAGE, 2);
	check_no_write(&s, page, IOVA);
}

/* The kernel logs no more than some faults in five seconds, whoever has made them. */
static void check_fault_logged(struct setup *s, uint64_t iova)
{
	long long end = now_ms() + 15000;
	int log = klog_mark();
	char addr[64];
	bool logged;

	snprintf(addr, sizeof(addr), "fault addr %#lx", iova);
	do {
		edu_write_ram(&s->edu, iova, SPOT, COPY);
		logged = klog_wait(log, "DMAR", addr, 1000);
	} while (!logged && now_ms() < end);
	check(logged);
}

static void test_dma_unmapped(void **state)
{
	/* Two neighbours that stay as they are, and a hole between them. */
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(3 * PAGE);

	(void)state;
	edu_load(&s, 1);
	map_at(&s, page, PAGE, IOVA);
	map_at(&s, page + 2 * PAGE, PAGE, IOVA + 2 * PAGE);
	edu_write_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	check(all_bytes(page, 3 * PAGE, 0));
	if (path_exists("/sys/class/iommu/dmar0"))
		check_fault_logged(&s, IOVA + PAGE);
	edu_write_ram(&s.edu, EDU_IOVA_END - PAGE, SPOT, COPY);
	check(all_bytes(page, 3 * PAGE, 0));
	/* A write that begins in the mapping ends with it. */
	edu_write_ram(&s.edu, IOVA + PAGE - COPY / 2, SPOT, COPY);
	check(all_bytes(page + PAGE, 2 * PAGE, 0));
	check(all_bytes(page, PAGE - COPY / 2, 0));
}

/* Bytes the device may not see do not get into it either. */
static void test_dma_read_unmapped(void **state)
{
	struct setup s = setup_attached();
	uint8_t *secret = page_alloc(PAGE), *page = page_alloc(PAGE);

	(void)state;
	map_at(&s, page, PAGE, IOVA);
	map_at(&s, secret, PAGE, IOVA + PAGE);
	pattern(secret, COPY, 7);
	unmap_at(&s, IOVA + PAGE, PAGE);
	edu_read_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA, SPOT, COPY);
	check(!has_pattern(page, COPY, 7));
}

static void test_dma_after_unmap(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(8 * PAGE);
	uint64_t len = UINT64_MAX;

	(void)state;
	edu_load(&s, 1);
	map_at(&s, page, 8 * PAGE, IOVA);
	edu_write_ram(&s.edu, IOVA, SPOT, COPY);
	check(has_pattern(page, COPY, 1));
	unmap_at(&s, IOVA, 8 * PAGE);
	check_no_write(&s, page, IOVA);
	check_no_write(&s, page + 7 * PAGE, IOVA + 7 * PAGE);
	/* And after the unmapping of everything. */
	map_at(&s, page, PAGE, IOVA);
	map_at(&s, page + PAGE, PAGE, IOVA + 3 * PAGE);
	assert_ok(ioas_unmap(s.ctx, s.ioas, 0, &len));
	check_eq(2 * PAGE, len);
	check_no_write(&s, page, IOVA);
	check_no_write(&s, page + PAGE, IOVA + 3 * PAGE);
}

/* A write that was on its way when the memory was taken back. */
static void test_dma_unmap_in_flight(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	edu_load(&s, 1);
	map_at(&s, page, PAGE, IOVA);
	/* So that the IOMMU has something to forget. */
	edu_write_ram(&s.edu, IOVA, SPOT, COPY);
	edu_start_write(&s.edu, IOVA, SPOT, COPY);
	unmap_at(&s, IOVA, PAGE);
	memset(page, 0, PAGE);
	edu_wait(&s.edu);
	check(all_bytes(page, PAGE, 0));
}

/* An IOVA that is mapped anew leads to the new memory at once. */
static void test_dma_remap(void **state)
{
	struct setup s = setup_attached();
	uint8_t *a = page_alloc(PAGE), *b = page_alloc(PAGE);

	(void)state;
	map_at(&s, a, PAGE, IOVA);
	check_dma(&s, a, IOVA, 1);
	unmap_at(&s, IOVA, PAGE);
	map_at(&s, b, PAGE, IOVA);
	check_dma(&s, b, IOVA, 2);
	check(has_pattern(a, COPY, 1));
}

static void test_dma_detach(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	edu_load(&s, 1);
	map_at(&s, page, PAGE, IOVA);
	assert_ok(cdev_detach(s.dev));
	check_no_write(&s, page, IOVA);
	/* The mapping is still there for whoever attaches next. */
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_dma(&s, page, IOVA, 2);
	edu_start_write(&s.edu, IOVA, SPOT, COPY);
	assert_ok(cdev_detach(s.dev));
	memset(page, 0, PAGE);
	edu_wait(&s.edu);
	check(all_bytes(page, PAGE, 0));
}

/* Bound, but attached to nothing. */
static void test_dma_before_attach(void **state)
{
	struct setup s = setup_bound();
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	map_at(&s, page, PAGE, IOVA);
	check_no_write(&s, page, IOVA);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_dma(&s, page, IOVA, 1);
}

static void test_dma_destroy_hwpt(void **state)
{
	struct setup s = setup_bound();
	uint8_t *page = page_alloc(PAGE);
	uint32_t hwpt = 0;

	(void)state;
	map_at(&s, page, PAGE, IOVA);
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_ok(cdev_attach(s.dev, hwpt, NULL));
	check_dma(&s, page, IOVA, 1);
	assert_ok(cdev_detach(s.dev));
	assert_ok(ioasid_destroy(s.ctx, hwpt));
	check_no_write(&s, page, IOVA);
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
	check_eq(0, state_vm("VmPin"));
}

/*
 * The device's file is closed while a write is on its way. The page must not
 * change after it was given back, neither while the context is still there nor
 * after it.
 */
static void test_close_device_first(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	edu_load(&s, 1);
	map_at(&s, page, PAGE, IOVA);
	edu_start_write(&s.edu, IOVA, SPOT, COPY);
	edu_close(&s.edu);
	drop_fd(s.dev);
	memset(page, 0, PAGE);
	check_eq(0, state_vm("VmPin"));
	sleep_ms(250);
	check(all_bytes(page, PAGE, 0));
	unmap_at(&s, IOVA, PAGE);
	drop_fd(s.ctx);
}

/* The way QEMU goes: the device keeps the context it is bound to. */
static void test_close_context_first(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	map_at(&s, page, PAGE, IOVA);
	drop_fd(s.ctx);
	check_dma(&s, page, IOVA, 1);
	check_eq(4, state_vm("VmPin"));
	edu_start_write(&s.edu, IOVA, SPOT, COPY);
	edu_close(&s.edu);
	drop_fd(s.dev);
	memset(page, 0, PAGE);
	sleep_ms(250);
	check(all_bytes(page, PAGE, 0));
}

/* DETACH and ATTACH go on without the context's file. */
static void test_attach_without_context(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	map_at(&s, page, PAGE, IOVA);
	drop_fd(s.ctx);
	assert_ok(cdev_detach(s.dev));
	check_no_write(&s, page, IOVA);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_dma(&s, page, IOVA, 1);
}

static void test_close_both_unmapped(void **state)
{
	struct setup s = setup_bound();

	(void)state;
	edu_close(&s.edu);
	drop_fd(s.ctx);
	drop_fd(s.dev);
	s = setup_bound();
	edu_close(&s.edu);
	drop_fd(s.dev);
	drop_fd(s.ctx);
}

/* A mapping of the BAR keeps the device's file open. */
static void test_close_with_bar_mapped(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);
	int parked;

	(void)state;
	map_at(&s, page, PAGE, IOVA);
	drop_fd(s.dev);
	drop_fd(s.ctx);
	check_dma(&s, page, IOVA, 1);
	parked = assert_ok(cdev_open(edu_bdf));
	assert_errno(EINVAL, cdev_bind(parked, ioasid_open(), NULL));
	edu_close(&s.edu);
	assert_ok(cdev_bind(parked, ioasid_open(), NULL));
}

static void test_dma_read_only(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE), *back = page_alloc(PAGE);

	(void)state;
	pattern(page, COPY, 1);
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, page, PAGE, IOVA, MAP_R));
	map_at(&s, back, PAGE, IOVA + PAGE);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
	check_no_write(&s, page, IOVA);
}

/*
 * That the device can write. That it cannot read is not for every IOMMU driver
 * to give: Intel's sets the bit that means "may be read" in every entry.
 */
static void test_dma_write_only(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	edu_load(&s, 1);
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, page, PAGE, IOVA, MAP_W));
	edu_write_ram(&s.edu, IOVA, SPOT, COPY);
	check(has_pattern(page, COPY, 1));
}

/* Memory the process may only read: the device may too. */
static void test_read_only_memory(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE), *back = page_alloc(PAGE);

	(void)state;
	pattern(page, COPY, 1);
	assert_ok(mprotect(page, PAGE, PROT_READ));
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas, page, PAGE, IOVA,
					    MAP_RW));
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas, page, PAGE, IOVA,
					    MAP_W));
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, page, PAGE, IOVA, MAP_R));
	map_at(&s, back, PAGE, IOVA + PAGE);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
}

static void test_map_bad_memory(void **state)
{
	struct setup s = setup_attached();
	uint8_t *pages = page_alloc(4 * PAGE);

	(void)state;
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas, NULL, PAGE, IOVA,
					    MAP_RW));
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas, (void *)-MB, PAGE,
					    IOVA, MAP_RW));
	assert_ok(mprotect(pages + 2 * PAGE, PAGE, PROT_NONE));
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas, pages, 4 * PAGE,
					    IOVA, MAP_RW));
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas, pages, 4 * PAGE,
					    IOVA, MAP_R));
	assert_ok(mprotect(pages + 2 * PAGE, PAGE, PROT_WRITE));
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, pages, 4 * PAGE, IOVA,
				 MAP_RW));
	unmap_at(&s, IOVA, 4 * PAGE);
	assert_ok(munmap(pages + 2 * PAGE, PAGE));
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas, pages, 4 * PAGE,
					    IOVA, MAP_RW));
	check_eq(0, state_vm("VmPin"));
	/* The IOVA is not held by a mapping that failed. */
	map_at(&s, pages, 2 * PAGE, IOVA);
	check_eq(8, state_vm("VmPin"));
}

/* QEMU takes EFAULT for "a BAR" and goes on; anything else ends it. */
static void test_map_bar(void **state)
{
	struct setup s = setup_attached();

	(void)state;
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas,
					    (void *)s.edu.bar, PAGE, IOVA,
					    MAP_RW));
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas,
					    (void *)s.edu.bar, MB, IOVA,
					    MAP_R));
	assert_errno(ENOENT, ioas_unmap_exact(s.ctx, s.ioas, IOVA, PAGE));
}

/* Without a page table it is not looked at until there is one. */
static void test_map_bar_late(void **state)
{
	struct setup s = setup_bound();
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	map_at(&s, page, PAGE, 0);
	map_at(&s, (void *)s.edu.bar, PAGE, IOVA);
	assert_errno(EFAULT, cdev_attach(s.dev, s.ioas, NULL));
	check_eq(0, state_vm("VmPin"));
	unmap_at(&s, IOVA, PAGE);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
}

/* ---- memory of all kinds ---- */

static void test_sizes(void **state)
{
	/* Around the engine's batches. */
	static const size_t sizes[] = { 1, 2, 511, 512, 513, 1025 };
	struct setup s = setup_attached();
	uint8_t *pages = page_alloc(1025 * PAGE);
	size_t i, last;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		map_at(&s, pages, sizes[i] * PAGE, IOVA);
		check_eq(4 * sizes[i], state_vm("VmPin"));
		last = (sizes[i] - 1) * PAGE;
		check_dma(&s, pages + last, IOVA + last, i);
		if (sizes[i] > 512) {
			last = 511 * PAGE + PAGE - COPY / 2;
			check_dma(&s, pages + last, IOVA + last, i + 10);
		}
		unmap_at(&s, IOVA, sizes[i] * PAGE);
		check_eq(0, state_vm("VmPin"));
	}
}

static void test_hugetlb(void **state)
{
	struct setup s;
	uint8_t *pages;

	(void)state;
	write_file("/proc/sys/vm/nr_hugepages", "4");
	s = setup_attached();
	pages = keep_map(mmap(NULL, 4 * MB, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1,
			      0), 4 * MB);
	if (pages == MAP_FAILED)
		skip_test("no hugetlb pages: %s", errno_name(errno));
	map_at(&s, pages, 4 * MB, 2 * MB);
	check_eq(4096, state_vm("VmPin"));
	check_dma(&s, pages + 2 * MB - COPY / 2, 4 * MB - COPY / 2, 1);
	check_dma(&s, pages + 4 * MB - COPY, 6 * MB - COPY, 2);
	/* Part of a huge page, at another alignment. */
	map_at(&s, pages + PAGE, PAGE, 16 * MB);
	check_dma(&s, pages + PAGE, 16 * MB, 3);
	unmap_at(&s, 2 * MB, 4 * MB);
	check_dma(&s, pages + PAGE, 16 * MB, 4);
	unmap_at(&s, 16 * MB, PAGE);
	drop_map(pages);
	write_file("/proc/sys/vm/nr_hugepages", "0");
}

static void test_thp(void **state)
{
	struct setup s = setup_attached();
	uint8_t *area = keep_map(mmap(NULL, 6 * MB, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
				 6 * MB);
	uint8_t *pages = (uint8_t *)(((uintptr_t)area + 2 * MB - 1) &
				     -(2 * MB));

	(void)state;
	check(area != MAP_FAILED);
	/* A kernel without THP has no such advice, and the rest still holds. */
	madvise(pages, 4 * MB, MADV_HUGEPAGE);
	memset(pages, 0, 4 * MB);
	map_at(&s, pages, 4 * MB, 2 * MB);
	check_eq(4096, state_vm("VmPin"));
	check_dma(&s, pages + 2 * MB - COPY / 2, 4 * MB - COPY / 2, 1);
	unmap_at(&s, 2 * MB, 4 * MB);
	/* From the middle of one to the middle of the other. */
	map_at(&s, pages + MB + PAGE, 2 * MB, 2 * MB);
	check_eq(2048, state_vm("VmPin"));
	check_dma(&s, pages + MB + PAGE, 2 * MB, 2);
	check_dma(&s, pages + 3 * MB + PAGE - COPY, 4 * MB - COPY, 3);
}

static void test_memfd(void **state)
{
	struct setup s = setup_attached();
	uint8_t *pages, *view, buf[COPY];
	int fd;

	(void)state;
	fd = assert_ok(keep_fd(memfd_create("test", MFD_CLOEXEC)));
	assert_ok(ftruncate(fd, 4 * PAGE));
	pages = keep_map(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0), 4 * PAGE);
	check(pages != MAP_FAILED);
	map_at(&s, pages, 4 * PAGE, IOVA);
	pattern(buf, COPY, 1);
	check_eq(COPY, assert_ok(pwrite(fd, buf, COPY, PAGE)));
	edu_read_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + 3 * PAGE, SPOT, COPY);
	memset(buf, 0, COPY);
	check_eq(COPY, assert_ok(pread(fd, buf, COPY, 3 * PAGE)));
	check(has_pattern(buf, COPY, 1));
	/* Through a view that cannot write. */
	view = keep_map(mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0),
			4 * PAGE);
	check(view != MAP_FAILED);
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas, view, 4 * PAGE,
					    IOVA + MB, MAP_RW));
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, view, 4 * PAGE, IOVA + MB,
				 MAP_R));
	pattern(pages, COPY, 5);
	edu_read_ram(&s.edu, IOVA + MB, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + 2 * PAGE, SPOT, COPY);
	check(has_pattern(pages + 2 * PAGE, COPY, 5));
}

/* The memory is the device's as long as the mapping is, come what may. */
static void test_munmap(void **state)
{
	struct setup s = setup_attached();
	int fd = assert_ok(keep_fd(memfd_create("test", MFD_CLOEXEC)));
	uint8_t *page, buf[COPY];

	(void)state;
	assert_ok(ftruncate(fd, PAGE));
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(page != MAP_FAILED);
	edu_load(&s, 1);
	map_at(&s, page, PAGE, IOVA);
	assert_ok(munmap(page, PAGE));
	edu_write_ram(&s.edu, IOVA, SPOT, COPY);
	check_eq(COPY, assert_ok(pread(fd, buf, COPY, 0)));
	check(has_pattern(buf, COPY, 1));
	unmap_at(&s, IOVA, PAGE);
}

/* Pages the zero page stands for get memory of their own. */
static void test_zero_page(void **state)
{
	struct setup s = setup_attached();
	volatile uint8_t *page = keep_map(mmap(NULL, PAGE,
					       PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS,
					       -1, 0), PAGE);

	(void)state;
	check_eq(0, page[5]);
	map_at(&s, (void *)page, PAGE, IOVA);
	check_dma(&s, (uint8_t *)page, IOVA, 1);
}

/* And for a mapping that only reads: what is written later is seen. */
static void test_zero_page_read_only(void **state)
{
	struct setup s = setup_attached();
	volatile uint8_t *page = keep_map(mmap(NULL, PAGE,
					       PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS,
					       -1, 0), PAGE);
	uint8_t *back = page_alloc(PAGE);

	(void)state;
	check_eq(0, page[5]);
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, (void *)page, PAGE, IOVA,
				 MAP_R));
	map_at(&s, back, PAGE, IOVA + PAGE);
	pattern((uint8_t *)page, COPY, 1);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
}

struct fork_arg {
	struct setup *s;
	uint8_t *page;
	struct gate go;
	struct gate done;
};

static void fork_writes(void *arg)
{
	struct fork_arg *f = arg;

	memset(f->page, 0xee, PAGE);
	gate_open(&f->done);
	gate_wait(&f->go);
}

/* A fork does not part the process from the pages its device has. */
static void test_fork(void **state)
{
	struct setup s = setup_attached();
	struct fork_arg f = { .s = &s, .page = page_alloc(PAGE) };
	pid_t child;

	(void)state;
	gate_init(&f.go);
	gate_init(&f.done);
	map_at(&s, f.page, PAGE, IOVA);
	child = child_start(fork_writes, &f);
	gate_wait(&f.done);
	check(f.page[0] == 0);
	check_dma(&s, f.page, IOVA, 1);
	gate_open(&f.go);
	child_ok(child);
	check_dma(&s, f.page, IOVA, 2);
	check_eq(4, state_vm("VmPin"));
}

static void fork_maps(void *arg)
{
	struct fork_arg *f = arg;

	/* The child's copy of the page. */
	memset(f->page, 0, PAGE);
	map_at(f->s, f->page, PAGE, IOVA);
	check_eq(4, state_vm("VmPin"));
	check_dma(f->s, f->page, IOVA, 1);
	gate_open(&f->done);
	gate_wait(&f->go);
}

/* The process that mapped is gone; its pages stay until they are unmapped. */
static void test_mapper_exits(void **state)
{
	struct setup s = setup_attached();
	struct fork_arg f = { .s = &s, .page = page_alloc(PAGE) };
	uint8_t *back = page_alloc(PAGE);
	pid_t child;
	long pins;

	(void)state;
	gate_init(&f.go);
	gate_init(&f.done);
	memset(f.page, 0x11, PAGE);
	pins = state_pins();
	child = child_start(fork_maps, &f);
	gate_wait(&f.done);
	gate_open(&f.go);
	child_ok(child);
	check_eq(pins + 1, state_pins());
	check(all_bytes(f.page, PAGE, 0x11));
	/* The device still reads what the child left there. */
	map_at(&s, back, PAGE, IOVA + PAGE);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
	unmap_at(&s, IOVA, PAGE);
	unmap_at(&s, IOVA + PAGE, PAGE);
	check_eq(pins, state_pins());
}

static void fork_maps_later(void *arg)
{
	struct fork_arg *f = arg;

	pattern(f->page, COPY, 3);
	map_at(f->s, f->page, PAGE, IOVA);
	gate_open(&f->done);
	gate_wait(&f->go);
}

/* Mapped by one process, pinned on behalf of it by another's attach. */
static void test_attach_for_other(void **state)
{
	struct setup s = setup_bound();
	struct fork_arg f = { .s = &s, .page = page_alloc(PAGE) };
	uint8_t *back = page_alloc(PAGE);
	pid_t child;

	(void)state;
	gate_init(&f.go);
	gate_init(&f.done);
	child = child_start(fork_maps_later, &f);
	gate_wait(&f.done);
	map_at(&s, back, PAGE, IOVA + PAGE);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	check(has_pattern(back, COPY, 3));
	assert_ok(cdev_detach(s.dev));
	gate_open(&f.go);
	child_ok(child);
	/* Now there is nobody any more to take the memory from. */
	assert_errno(EFAULT, cdev_attach(s.dev, s.ioas, NULL));
	check_eq(0, state_vm("VmPin"));
	unmap_at(&s, IOVA, PAGE);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
}

static void map_and_exec(void *arg)
{
	struct fork_arg *f = arg;

	map_at(f->s, f->page, PAGE, IOVA);
	execl("/bin/true", "true", NULL);
	_exit(2);
}

static void test_mapper_execs(void **state)
{
	struct setup s = setup_attached();
	struct fork_arg f = { .s = &s, .page = page_alloc(PAGE) };
	uint8_t *back = page_alloc(PAGE);

	(void)state;
	pattern(f.page, COPY, 1);
	run_child(map_and_exec, &f);
	map_at(&s, back, PAGE, IOVA + PAGE);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
	unmap_at(&s, IOVA, PAGE);
}

static void test_mapper_execs_before_attach(void **state)
{
	struct setup s = setup_bound();
	struct fork_arg f = { .s = &s, .page = page_alloc(PAGE) };

	(void)state;
	run_child(map_and_exec, &f);
	assert_errno(EFAULT, cdev_attach(s.dev, s.ioas, NULL));
	unmap_at(&s, IOVA, PAGE);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
}

/* Pins are taken with the first page table, not with the mapping. */
static void test_pins_follow_attach(void **state)
{
	struct setup s = setup_bound();
	uint8_t *pages = page_alloc(100 * PAGE);
	long pins = state_pins();

	(void)state;
	map_at(&s, pages, 100 * PAGE, IOVA);
	check_eq(0, state_vm("VmPin"));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_eq(400, state_vm("VmPin"));
	check_eq(pins + 100, state_pins());
	assert_ok(cdev_detach(s.dev));
	check_eq(0, state_vm("VmPin"));
	check_eq(pins, state_pins());
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_eq(400, state_vm("VmPin"));
	unmap_at(&s, IOVA, 100 * PAGE);
	check_eq(0, state_vm("VmPin"));
	check_eq(pins, state_pins());
}

/* Two page tables of one IOAS: the pages are pinned, and charged, once. */
static void test_two_page_tables(void **state)
{
	struct setup s;
	uint8_t *pages;
	uint32_t devid, out1, out2;
	int dev;

	(void)state;
	need_nvme();
	pci_bind(nvme_bdf, DRIVER_EXT);
	s = setup_bound();
	pages = page_alloc(100 * PAGE);
	dev = cdev_open_bound(nvme_bdf, s.ctx, &devid);
	check(devid != s.devid);
	map_at(&s, pages, 50 * PAGE, IOVA);
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &out1));
	assert_ok(hwpt_alloc(s.ctx, devid, s.ioas, 0, &out2));
	assert_ok(cdev_attach(s.dev, out1, NULL));
	assert_ok(cdev_attach(dev, out2, NULL));
	check_eq(200, state_vm("VmPin"));
	map_at(&s, pages + 50 * PAGE, 50 * PAGE, IOVA + MB);
	check_eq(400, state_vm("VmPin"));
	check_dma(&s, pages + 99 * PAGE, IOVA + MB + 49 * PAGE, 1);
	/* The first one goes: the second keeps the pages. */
	assert_ok(cdev_detach(s.dev));
	assert_ok(ioasid_destroy(s.ctx, out1));
	check_eq(400, state_vm("VmPin"));
	assert_ok(cdev_attach(s.dev, out2, NULL));
	check_dma(&s, pages, IOVA, 2);
	unmap_at(&s, IOVA, 50 * PAGE);
	check_eq(200, state_vm("VmPin"));
	check_no_write(&s, pages, IOVA);
	check_dma(&s, pages + 50 * PAGE, IOVA + MB, 3);
	assert_ok(cdev_detach(dev));
	assert_ok(cdev_detach(s.dev));
	assert_ok(ioasid_destroy(s.ctx, out2));
	check_eq(0, state_vm("VmPin"));
}

/* Two devices that the IOMMU can serve with one page table share it. */
static void test_two_devices(void **state)
{
	struct setup s;
	uint8_t *page;
	uint32_t devid, out1 = 0, out2 = 0;
	int dev;

	(void)state;
	need_nvme();
	pci_bind(nvme_bdf, DRIVER_EXT);
	s = setup_attached();
	page = page_alloc(PAGE);
	map_at(&s, page, PAGE, IOVA);
	dev = cdev_open_bound(nvme_bdf, s.ctx, &devid);
	assert_ok(cdev_attach(s.dev, s.ioas, &out1));
	assert_ok(cdev_attach(dev, s.ioas, &out2));
	check_eq(out1, out2);
	check_eq(4, state_vm("VmPin"));
	assert_ok(cdev_detach(dev));
	check_dma(&s, page, IOVA, 1);
	assert_ok(cdev_attach(dev, s.ioas, &out2));
	drop_fd(dev);
	check_dma(&s, page, IOVA, 2);
}

static void test_huge_pages_off(void **state)
{
	struct setup s = setup_bound();
	uint8_t *pages = page_alloc(4 * MB);

	(void)state;
	assert_ok(option_set(s.ctx, IOASID_OPTION_HUGE_PAGES, s.ioas, 0));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_ok(option_set(s.ctx, IOASID_OPTION_HUGE_PAGES, s.ioas, 1));
	assert_ok(option_set(s.ctx, IOASID_OPTION_HUGE_PAGES, s.ioas, 0));
	map_at(&s, pages, 4 * MB, 2 * MB);
	check_dma(&s, pages + 3 * MB, 5 * MB, 1);
	assert_ok(option_set(s.ctx, IOASID_OPTION_HUGE_PAGES, s.ioas, 1));
	/* Too late: large ones may be in use. */
	assert_errno(EINVAL, option_set(s.ctx, IOASID_OPTION_HUGE_PAGES,
					s.ioas, 0));
	unmap_at(&s, 2 * MB, 4 * MB);
	assert_ok(option_set(s.ctx, IOASID_OPTION_HUGE_PAGES, s.ioas, 0));
}

/* ---- RLIMIT_MEMLOCK ---- */

struct limit_arg {
	struct setup *s;
	/* 1: charged to the process, 0: to the user */
	uint64_t mode;
};

/*
 * A program that does not ask for the sentence says only that it is out of memory. The log has
 * ten lines in five seconds.
 */
static void check_limit_logged(struct setup *s, uint8_t *va, int mark)
{
	long long end = now_ms() + 10000;
	char process[64];
	bool logged;

	snprintf(process, sizeof(process), "[%d] may not lock that much",
		 getpid());
	do {
		check_room(s, va, LIMIT_PAGES);
		logged = klog_wait(mark, process, "of a limit of 256 KiB", 500);
	} while (!logged && now_ms() < end);
	check(logged);
}

static void use_limit(void *arg)
{
	struct limit_arg *l = arg;
	struct setup *s = l->s;
	int mark = klog_mark();
	uint8_t *va;

	become_limited(LIMIT_PAGES);
	va = page_alloc(2 * LIMIT_PAGES * PAGE);
	check_limit_logged(s, va, mark);
	map_at(s, va, 10 * PAGE, IOVA);
	check_eq(40, state_vm("VmPin"));
	check_eq(l->mode ? 40 : 0, state_vm("VmLck"));
	check_room(s, va, LIMIT_PAGES - 10);
	/* The same memory again is charged again. */
	map_at(s, va, 10 * PAGE, IOVA + MB);
	check_eq(80, state_vm("VmPin"));
	check_eq(l->mode ? 80 : 0, state_vm("VmLck"));
	check_room(s, va, LIMIT_PAGES - 20);
	unmap_at(s, IOVA, 10 * PAGE);
	check_room(s, va, LIMIT_PAGES - 10);
	/* Not charged while nothing is pinned. */
	assert_ok(cdev_detach(s->dev));
	check_eq(0, state_vm("VmPin"));
	check_eq(0, state_vm("VmLck"));
	map_at(s, va, 2 * LIMIT_PAGES * PAGE, 32 * MB);
	assert_errno(ENOMEM, cdev_attach(s->dev, s->ioas, NULL));
	check_eq(0, state_vm("VmPin"));
	check_eq(0, state_vm("VmLck"));
	unmap_at(s, 32 * MB, 2 * LIMIT_PAGES * PAGE);
	assert_ok(cdev_attach(s->dev, s->ioas, NULL));
	check_eq(40, state_vm("VmPin"));
	check_room(s, va, LIMIT_PAGES - 10);
	unmap_at(s, IOVA + MB, 10 * PAGE);
	check_room(s, va, LIMIT_PAGES);
	check_eq(0, state_vm("VmPin"));
	check_eq(0, state_vm("VmLck"));
}

/* Memory the program locks itself counts with it in process mode alone. */
static void use_limit_and_mlock(void *arg)
{
	struct limit_arg *l = arg;
	uint8_t *va;

	become_limited(LIMIT_PAGES);
	va = page_alloc(2 * LIMIT_PAGES * PAGE);
	assert_ok(mlock(va, 20 * PAGE));
	check_eq(80, state_vm("VmLck"));
	check_room(l->s, va, l->mode ? LIMIT_PAGES - 20 : LIMIT_PAGES);
	check_eq(80, state_vm("VmLck"));
	assert_ok(munlock(va, 20 * PAGE));
	check_room(l->s, va, LIMIT_PAGES);
}

/* Ends with pages mapped: they stay charged until they are unmapped. */
static void exit_charged(void *arg)
{
	struct limit_arg *l = arg;
	uint8_t *va;

	become_limited(LIMIT_PAGES);
	va = page_alloc(LIMIT_PAGES * PAGE);
	map_at(l->s, va, 10 * PAGE, IOVA);
}

static void room_left(void *arg)
{
	struct limit_arg *l = arg;
	uint8_t *va;

	become_limited(LIMIT_PAGES);
	va = page_alloc(2 * LIMIT_PAGES * PAGE);
	check_room(l->s, va, LIMIT_PAGES);
}

static void less_room_left(void *arg)
{
	struct limit_arg *l = arg;
	uint8_t *va;

	become_limited(LIMIT_PAGES);
	va = page_alloc(2 * LIMIT_PAGES * PAGE);
	check_room(l->s, va, LIMIT_PAGES - 10);
}

static void test_limit(void **state)
{
	struct limit_arg l = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(l.mode);

	l.s = &s;
	run_child(use_limit, &l);
	/* Nothing stays charged to the user. */
	run_child(room_left, &l);
}

static void test_limit_mlock(void **state)
{
	struct limit_arg l = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(l.mode);

	l.s = &s;
	run_child(use_limit_and_mlock, &l);
}

static void test_limit_exit(void **state)
{
	struct limit_arg l = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(l.mode);

	l.s = &s;
	run_child(exit_charged, &l);
	/* A user owes them, a process that is gone does not. */
	run_child(l.mode ? room_left : less_room_left, &l);
	unmap_at(&s, IOVA, 10 * PAGE);
	run_child(room_left, &l);
	/* The same through the close of everything. */
	run_child(exit_charged, &l);
	edu_close(&s.edu);
	drop_fd(s.dev);
	drop_fd(s.ctx);
	s = setup_limit(l.mode);
	run_child(room_left, &l);
}

struct charge_arg {
	struct limit_arg l;
	struct gate go;
	struct gate done;
};

static void be_charged(void *arg)
{
	struct charge_arg *c = arg;
	uint8_t *va;

	become_limited(LIMIT_PAGES);
	va = page_alloc(10 * PAGE);
	map_at(c->l.s, va, 10 * PAGE, IOVA);
	check_eq(0, state_vm("VmPin"));
	gate_open(&c->done);
	gate_wait(&c->go);
	check_eq(40, state_vm("VmPin"));
	check_eq(c->l.mode ? 40 : 0, state_vm("VmLck"));
	gate_open(&c->done);
	gate_wait(&c->go);
	check_eq(0, state_vm("VmPin"));
	check_eq(0, state_vm("VmLck"));
}

/* Whoever mapped is charged, whoever attaches and unmaps. */
static void test_limit_of_mapper(void **state)
{
	struct charge_arg c = { .l.mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(c.l.mode);
	pid_t child;

	c.l.s = &s;
	gate_init(&c.go);
	gate_init(&c.done);
	assert_ok(cdev_detach(s.dev));
	child = child_start(be_charged, &c);
	gate_wait(&c.done);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_eq(0, state_vm("VmPin"));
	check_eq(0, state_vm("VmLck"));
	gate_open(&c.go);
	gate_wait(&c.done);
	if (!c.l.mode)
		run_child(less_room_left, &c.l);
	unmap_at(&s, IOVA, 10 * PAGE);
	run_child(room_left, &c.l);
	gate_open(&c.go);
	child_ok(child);
}

static void limit_zero(void *arg)
{
	struct limit_arg *l = arg;
	uint8_t *va;

	become_limited(0);
	va = page_alloc(PAGE);
	assert_errno(ENOMEM, ioas_map_fixed(l->s->ctx, l->s->ioas, va, PAGE,
					    IOVA, MAP_RW));
}

/* The memory is looked at first: QEMU must hear of a BAR, not of a limit. */
static void bar_over_limit(void *arg)
{
	struct limit_arg *l = arg;

	become_limited(LIMIT_PAGES);
	assert_errno(EFAULT, ioas_map_fixed(l->s->ctx, l->s->ioas,
					    (void *)l->s->edu.bar, MB, IOVA,
					    MAP_RW));
	check_eq(0, state_vm("VmPin"));
	check_eq(0, state_vm("VmLck"));
}

static void test_limit_bar(void **state)
{
	struct limit_arg l = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(l.mode);

	l.s = &s;
	run_child(bar_over_limit, &l);
}

static void test_limit_zero(void **state)
{
	struct limit_arg l = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(l.mode);

	l.s = &s;
	run_child(limit_zero, &l);
}

/* With CAP_IPC_LOCK there is no limit, and no charge. */
static void test_limit_privileged(void **state)
{
	uint64_t mode = (uintptr_t)test_arg(state);
	struct setup s = setup_limit(mode);
	struct rlimit old, none = { 0, 0 };
	uint8_t *va = page_alloc(32 * PAGE);

	assert_ok(getrlimit(RLIMIT_MEMLOCK, &old));
	none.rlim_max = old.rlim_max;
	assert_ok(setrlimit(RLIMIT_MEMLOCK, &none));
	if (ioas_map_fixed(s.ctx, s.ioas, va, 32 * PAGE, IOVA, MAP_RW)) {
		setrlimit(RLIMIT_MEMLOCK, &old);
		fail_test("MAP with CAP_IPC_LOCK: %s", errno_name(errno));
	}
	assert_ok(setrlimit(RLIMIT_MEMLOCK, &old));
	check_eq(128, state_vm("VmPin"));
	check_eq(0, state_vm("VmLck"));
}

/* ---- interrupts and registers ---- */

static void test_registers(void **state)
{
	struct setup s = setup_bound();
	struct vfio_region_info info;
	uint32_t value = 0;

	(void)state;
	check_eq(~0x12345678U, edu_liveness(&s.edu, 0x12345678));
	/* The same register through read() and write(). */
	assert_ok(vfio_region(s.dev, VFIO_PCI_BAR0_REGION_INDEX, &info));
	check_eq(4, assert_ok(pread(s.dev, &value, 4, info.offset + 4)));
	check_eq(~0x12345678U, value);
	value = 0xcafe;
	check_eq(4, assert_ok(pwrite(s.dev, &value, 4, info.offset + 4)));
	check_eq(4, assert_ok(pread(s.dev, &value, 4, info.offset + 4)));
	check_eq(~0xcafeU, value);
	check_eq(0x1234, vfio_config16(s.dev, 0));
	check_eq(0x11e8, vfio_config16(s.dev, 2));
}

static void test_msi(void **state)
{
	struct setup s = MSI_TRANSLATED ? setup_attached() : setup_bound();
	struct vfio_irq_info info;
	int efd = eventfd_new(), i;

	(void)state;
	assert_ok(vfio_irq_info(s.dev, VFIO_PCI_MSI_IRQ_INDEX, &info));
	check_eq(1, info.count);
	assert_ok(vfio_irq_eventfd(s.dev, VFIO_PCI_MSI_IRQ_INDEX, 0, efd));
	check_eq(0, eventfd_wait(efd, 50));
	for (i = 1; i <= 5; i++) {
		edu_raise_irq(&s.edu, i);
		check_eq(1, eventfd_wait(efd, 2000));
		check_eq(i, edu_irq_status(&s.edu));
		edu_ack_irq(&s.edu, i);
		check_eq(0, edu_irq_status(&s.edu));
	}
	assert_ok(vfio_irq_disable(s.dev, VFIO_PCI_MSI_IRQ_INDEX));
	edu_raise_irq(&s.edu, 1);
	check_eq(0, eventfd_wait(efd, 100));
	edu_ack_irq(&s.edu, 1);
}

/* An interrupt has nothing to do with the address space, unless it passes through that. */
static void test_msi_attached(void **state)
{
	struct setup s = setup_attached();
	int efd = eventfd_new();

	(void)state;
	assert_ok(vfio_irq_eventfd(s.dev, VFIO_PCI_MSI_IRQ_INDEX, 0, efd));
	edu_raise_irq(&s.edu, 1);
	check_eq(1, eventfd_wait(efd, 2000));
	edu_ack_irq(&s.edu, 1);
	assert_ok(cdev_detach(s.dev));
	edu_raise_irq(&s.edu, 1);
	if (MSI_TRANSLATED)
		check_eq(0, eventfd_wait(efd, 100));
	else
		check_eq(1, eventfd_wait(efd, 2000));
	edu_ack_irq(&s.edu, 1);
	/* And goes with the file, without being turned off. */
	drop_fd(s.ctx);
}

static void test_intx(void **state)
{
	struct setup s = setup_bound();
	struct vfio_irq_info info;
	int efd = eventfd_new(), i;

	(void)state;
	/* Behind its own host bridge, as QEMU's firmware describes that. */
	if (iommu_kind() == IOMMU_OTHER)
		skip_test("no INTx arrives in this topology");
	assert_ok(vfio_irq_info(s.dev, VFIO_PCI_INTX_IRQ_INDEX, &info));
	check_eq(1, info.count);
	check(info.flags & VFIO_IRQ_INFO_AUTOMASKED);
	assert_ok(vfio_irq_eventfd(s.dev, VFIO_PCI_INTX_IRQ_INDEX, 0, efd));
	check_eq(0, eventfd_wait(efd, 50));
	for (i = 0; i < 3; i++) {
		edu_raise_irq(&s.edu, 1);
		check_eq(1, eventfd_wait(efd, 2000));
		/* Masked until it is unmasked: the level is still high. */
		check_eq(0, eventfd_wait(efd, 50));
		edu_ack_irq(&s.edu, 1);
		assert_ok(vfio_irq_unmask(s.dev, VFIO_PCI_INTX_IRQ_INDEX));
	}
	check_eq(0, eventfd_wait(efd, 50));
	assert_ok(vfio_irq_disable(s.dev, VFIO_PCI_INTX_IRQ_INDEX));
}

static void test_reset(void **state)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int rc;

	(void)state;
	map_at(&s, page, PAGE, IOVA);
	check_dma(&s, page, IOVA, 1);
	assert_ok(ioctl(s.dev, VFIO_DEVICE_GET_INFO, &info));
	check(info.flags & VFIO_DEVICE_FLAGS_PCI);
	rc = ioctl(s.dev, VFIO_DEVICE_RESET);
	if (!(info.flags & VFIO_DEVICE_FLAGS_RESET)) {
		check(rc == -1);
		return;
	}
	check_eq(0, rc);
	vfio_bus_master(s.dev);
	check_dma(&s, page, IOVA, 2);
}

#define ADD(fn) test_add(&list, test_##fn, NULL, #fn)

static void add_limit_tests(struct test_list *list)
{
	static const struct {
		test_fn fn;
		const char *name;
	} tests[] = {
		{ test_limit, "limit" },
		{ test_limit_mlock, "limit_mlock" },
		{ test_limit_exit, "limit_exit" },
		{ test_limit_of_mapper, "limit_of_mapper" },
		{ test_limit_bar, "limit_bar" },
		{ test_limit_zero, "limit_zero" },
		{ test_limit_privileged, "limit_privileged" },
	};
	uintptr_t mode;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tests); i++)
		for (mode = 0; mode < 2; mode++)
			test_add(list, tests[i].fn, (void *)mode, "%s.%s",
				 tests[i].name, mode ? "process" : "user");
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	/* First, while the kernel still logs every fault. */
	ADD(dma_unmapped);
	ADD(bind);
	ADD(bind_new_context);
	ADD(attach_ioas);
	ADD(attach_hwpt);
	ADD(attach_auto_is_own);
	ADD(attach_bad);
	ADD(attach_unwritable);
	ADD(detach);
	ADD(replace);
	ADD(replace_fails);
	ADD(replace_fails_late);
	ADD(hwpt_bad);
	ADD(wrong_types);
	ADD(hw_info);
	ADD(hw_info_short);
	ADD(ranges);
	ADD(ranges_close);
	ADD(map_reserved);
	ADD(attach_over_mapping);
	ADD(map_misaligned);
	ADD(alloc_attached);
	ADD(dma_both_ways);
	ADD(dma_two_mappings);
	ADD(dma_alias);
	ADD(dma_read_unmapped);
	ADD(dma_after_unmap);
	ADD(dma_unmap_in_flight);
	ADD(dma_remap);
	ADD(dma_detach);
	ADD(dma_before_attach);
	ADD(dma_destroy_hwpt);
	ADD(close_device_first);
	ADD(close_context_first);
	ADD(close_under_call);
	ADD(attach_without_context);
	ADD(close_both_unmapped);
	ADD(close_with_bar_mapped);
	ADD(dma_read_only);
	ADD(dma_write_only);
	ADD(read_only_memory);
	ADD(map_bad_memory);
	ADD(map_bar);
	ADD(map_bar_late);
	ADD(sizes);
	ADD(hugetlb);
	ADD(thp);
	ADD(memfd);
	ADD(munmap);
	ADD(zero_page);
	ADD(zero_page_read_only);
	ADD(fork);
	ADD(mapper_exits);
	ADD(attach_for_other);
	ADD(mapper_execs);
	ADD(mapper_execs_before_attach);
	ADD(pins_follow_attach);
	ADD(two_page_tables);
	ADD(two_devices);
	ADD(huge_pages_off);
	add_limit_tests(&list);
	ADD(registers);
	ADD(msi);
	ADD(msi_attached);
	ADD(intx);
	ADD(reset);
	return test_main(argc, argv, "device", &list, NULL, NULL);
}
