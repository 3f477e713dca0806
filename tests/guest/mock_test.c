// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: dirty pages and fault queues, of a made-up IOMMU
 * vm: --test-build --topology none --append intel_iommu=off --module-args allow_unsafe_interrupts=1
 *
 * What needs an IOMMU that no emulated one is: one that tells dirty pages, and reports page
 * faults. It is the mock of the test build, whose own tests are the kernel's iommufd selftest
 * (tests/kselftest); here it meets what only our interface has.
 */
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>

#include "ioasid.h"
#include "dma.h"
#include "held.h"
#include "state.h"
#include "test.h"

/* As in src/iommufd_ext/selftest/abi.h, of which this is what is used. */
#define SELFTEST _IO(IOASID_TYPE, IOASID_CMD_BASE + 32)
#define SELFTEST_MOCK_DOMAIN 2
#define SELFTEST_MOCK_DOMAIN_REPLACE 10
#define SELFTEST_MOCK_DOMAIN_FLAGS 12
#define SELFTEST_DIRTY 13
#define SELFTEST_TRIGGER_IOPF 15
#define SELFTEST_PASID_ATTACH 18
#define MOCK_DEVICE_PASID (1U << 2)
#define MOCK_DEVICE_SHARED (1U << 31)
#define MOCK_HWPT_DATA 0xdead
#define MOCK_LARGE_PAGES 1

struct selftest {
	uint32_t size;
	uint32_t op;
	uint32_t id;
	uint32_t reserved;
	union {
		struct {
			uint32_t out_stdev_id;
			uint32_t out_hwpt_id;
			uint32_t out_idev_id;
			uint32_t dev_flags;
		} mock_domain;
		struct {
			uint32_t pt_id;
		} replace;
		struct {
			uint32_t flags;
			uint64_t iova;
			uint64_t length;
			uint64_t page_size;
			uint64_t uptr;
			uint64_t nr_dirty;
		} dirty;
		struct {
			uint32_t dev_id;
			uint32_t pasid;
			uint32_t grpid;
			uint32_t perm;
			uint64_t addr;
		} trigger_iopf;
		struct {
			uint32_t pasid;
			uint32_t pt_id;
		} pasid;
	};
	uint32_t last;
};

struct mock_hwpt_data {
	uint32_t iotlb;
	uint32_t page_table;
};

/*
 * The mock's large page, and where memory is mapped: in blocks of one large page, two, and
 * one, where it goes through the core of the kernel, whatever of it is contiguous.
 */
#define LARGE MB
#define START (17 * MB)
#define SIZE (4 * MB)

struct mock {
	int ctx;
	uint32_t ioas;
	uint32_t stdev;
	uint32_t devid;
	uint32_t hwpt;
	uint8_t *memory;
};

#define PARAMETER(name) "/sys/module/iommufd_ext/parameters/" name

/* One more device behind the mock, attached to an IOAS or a page table. */
static void mock_add(struct mock *m, uint32_t pt_id, uint32_t flags)
{
	struct selftest cmd = {
		.size = sizeof(cmd),
		.op = flags ? SELFTEST_MOCK_DOMAIN_FLAGS : SELFTEST_MOCK_DOMAIN,
		.id = pt_id,
		.mock_domain.dev_flags = flags,
	};

	assert_ok(ioctl(m->ctx, SELFTEST, &cmd));
	m->stdev = cmd.mock_domain.out_stdev_id;
	m->devid = cmd.mock_domain.out_idev_id;
}

static struct mock mock_with(uint32_t flags)
{
	struct mock m = { .ctx = ioasid_open() };

	m.ioas = ioas_new(m.ctx);
	mock_add(&m, m.ioas, flags);
	return m;
}

/* A device behind the mock, attached to an IOAS. */
static struct mock mock_new(void)
{
	return mock_with(0);
}

/* It moves to a page table of its own. */
static void use_hwpt(struct mock *m, struct ioasid_hwpt_alloc *alloc)
{
	struct selftest cmd = {
		.size = sizeof(cmd),
		.op = SELFTEST_MOCK_DOMAIN_REPLACE,
		.id = m->stdev,
	};

	alloc->size = sizeof(*alloc);
	alloc->dev_id = m->devid;
	alloc->pt_id = m->ioas;
	assert_ok(ioctl(m->ctx, IOASID_HWPT_ALLOC, alloc));
	m->hwpt = alloc->out_hwpt_id;
	cmd.replace.pt_id = m->hwpt;
	assert_ok(ioctl(m->ctx, SELFTEST, &cmd));
}

/* A page table with large pages that tells dirty ones, and memory in it. */
static struct mock mock_dirty(bool large)
{
	struct mock_hwpt_data data = { .page_table = MOCK_LARGE_PAGES };
	struct ioasid_hwpt_alloc alloc = {
		.flags = IOASID_HWPT_ALLOC_DIRTY_TRACKING,
		.data_type = MOCK_HWPT_DATA,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};
	struct mock m = mock_new();

	if (!large)
		assert_ok(option_set(m.ctx, IOASID_OPTION_HUGE_PAGES, m.ioas,
				     0));
	use_hwpt(&m, &alloc);
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "4"));
	m.memory = huge_alloc(SIZE, true);
	assert_ok(ioas_map_fixed(m.ctx, m.ioas, m.memory, SIZE, START, MAP_RW));
	return m;
}

struct held_data {
	struct mock m;
	struct held held;
	int err;
};

static void *alloc_held(void *arg)
{
	struct held_data *h = arg;
	struct ioasid_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.dev_id = h->m.devid,
		.pt_id = h->m.ioas,
		.data_type = MOCK_HWPT_DATA,
		.data_len = sizeof(struct mock_hwpt_data),
		.data_uptr = (uintptr_t)h->held.va,
	};

	h->err = ioctl(h->m.ctx, IOASID_HWPT_ALLOC, &alloc) ? errno : 0;
	return NULL;
}

static void *unbind_mock(void *arg)
{
	struct held_data *h = arg;

	assert_ok(ioasid_destroy(h->m.ctx, h->m.stdev));
	return NULL;
}

/* An IOMMU driver reads the data itself. The device does not wait for that. */
static void test_alloc_held(void **state)
{
	struct held_data h = { .m = mock_new(), .held = held_alloc(PAGE) };

	(void)state;
	check(held_meanwhile(&h.held, alloc_held, unbind_mock, &h));
	check_eq(ENOENT, h.err);
}

static void dirty_end(void)
{
	release_all();
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
}

static void tracking(struct mock *m, bool on)
{
	struct ioasid_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.hwpt_id = m->hwpt,
		.flags = on ? IOASID_HWPT_DIRTY_TRACKING_ENABLE : 0,
	};

	assert_ok(ioctl(m->ctx, IOASID_HWPT_SET_DIRTY_TRACKING, &cmd));
}

/* A device writes to a page. */
static void make_dirty(struct mock *m, uint64_t iova)
{
	uint64_t bits = 1;
	struct selftest cmd = {
		.size = sizeof(cmd), .op = SELFTEST_DIRTY, .id = m->hwpt,
		.dirty = {
			.iova = iova, .length = PAGE, .page_size = PAGE,
			.uptr = (uintptr_t)&bits,
		},
	};

	assert_ok(ioctl(m->ctx, SELFTEST, &cmd));
	check(cmd.dirty.nr_dirty > 0);
}

/* How many pages of the range are dirty; they no longer are. */
static unsigned int take_dirty(struct mock *m, uint64_t iova, uint64_t len)
{
	uint64_t bits[SIZE / PAGE / 64] = { 0 };
	struct ioasid_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = m->hwpt,
		.iova = iova,
		.length = len,
		.page_size = PAGE,
		.data = (uintptr_t)bits,
	};
	unsigned int i, sum = 0;

	assert_ok(ioctl(m->ctx, IOASID_HWPT_GET_DIRTY_BITMAP, &cmd));
	for (i = 0; i < ARRAY_SIZE(bits); i++)
		sum += __builtin_popcountll(bits[i]);
	return sum;
}

static int partial(struct mock *m, uint64_t iova, uint64_t len, uint32_t flags)
{
	return ioas_unmap_partial(m->ctx, m->ioas, iova, &len, flags);
}

/* A large page that is replaced would forget that it is dirty. */
static void test_partial_dirty(void **state)
{
	struct mock m = mock_dirty(true);
	struct refusal refusal;

	(void)state;
	tracking(&m, true);
	make_dirty(&m, START);
	make_dirty(&m, START + 3 * LARGE);
	assert_errno(EADDRINUSE, partial(&m, START + PAGE, PAGE, 0));
	check_refusal(m.ctx, EADDRINUSE, "an IOMMU page may be on both sides",
		      &refusal);
	assert_errno(EADDRINUSE, partial(&m, START, PAGE, 0));
	assert_errno(EADDRINUSE,
		     partial(&m, START + LARGE, 2 * LARGE + PAGE, 0));
	assert_errno(EADDRINUSE, partial(&m, START + SIZE - PAGE, PAGE,
					 IOASID_UNMAP_PARTIAL_SPLIT));
	check_pinned(SIZE / PAGE);
	/* Between two large pages there is nothing to forget. */
	assert_ok(partial(&m, START + LARGE, 2 * LARGE, 0));
	check_pinned((SIZE - 2 * LARGE) / PAGE);
	check_eq(LARGE / PAGE, take_dirty(&m, START, LARGE));
	check_eq(LARGE / PAGE, take_dirty(&m, START + 3 * LARGE, LARGE));
	/* Nobody tracks: it may forget. */
	tracking(&m, false);
	assert_ok(partial(&m, START + PAGE, PAGE, 0));
	check_pinned((SIZE - 2 * LARGE) / PAGE - 1);
	/* The pages around the hole are smaller now, and may stay dirty. */
	tracking(&m, true);
	make_dirty(&m, START);
	assert_ok(partial(&m, START + 2 * PAGE, 2 * PAGE, 0));
	check_eq(1, take_dirty(&m, START, PAGE));
	assert_ok(partial(&m, START, PAGE, 0));
	assert_errno(EADDRINUSE, partial(&m, START + 3 * LARGE, PAGE, 0));
	dirty_end();
}

/* Small pages have no part on the other side. */
static void test_partial_dirty_small(void **state)
{
	struct mock m = mock_dirty(false);

	(void)state;
	tracking(&m, true);
	make_dirty(&m, START + PAGE);
	make_dirty(&m, START + 3 * PAGE);
	assert_ok(partial(&m, START + 2 * PAGE, PAGE, 0));
	check_eq(1, take_dirty(&m, START, 2 * PAGE));
	check_eq(1, take_dirty(&m, START + 3 * PAGE, PAGE));
	check_eq(0, take_dirty(&m, START + 3 * PAGE, PAGE));
	dirty_end();
}

/* A page table that cannot be split faults for a moment; told not to, it is refused. */
static void test_partial_no_fault(void **state)
{
	struct mock m = mock_dirty(true);

	(void)state;
	assert_errno(EADDRINUSE, partial(&m, START + PAGE, PAGE,
					 IOASID_UNMAP_PARTIAL_NO_FAULT));
	assert_ok(partial(&m, START + LARGE, 2 * LARGE,
			  IOASID_UNMAP_PARTIAL_NO_FAULT));
	assert_ok(partial(&m, START + PAGE, PAGE, 0));
	dirty_end();
}

struct slow_dirty {
	struct mock m;
	bool ended;
};

static void *start_tracking(void *arg)
{
	struct slow_dirty *slow = arg;

	tracking(&slow->m, true);
	__atomic_store_n(&slow->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Who looks for dirty pages for long holds up nobody who attaches something else. */
static void test_dirty_alone(void **state)
{
	struct slow_dirty slow = { .m = mock_dirty(false) };
	pthread_t thread;
	struct mock other;

	(void)state;
	check_eq(0, write_file(PARAMETER("mock_dirty_ms"), "3000"));
	check_eq(0, pthread_create(&thread, NULL, start_tracking, &slow));
	usleep(300000);
	other = mock_new();
	assert_ok(ioasid_destroy(other.ctx, other.stdev));
	check(!__atomic_load_n(&slow.ended, __ATOMIC_ACQUIRE));
	check_eq(0, write_file(PARAMETER("mock_dirty_ms"), "0"));
	pthread_join(thread, NULL);
	dirty_end();
}

/* Two pages that are one in memory, so that the second does not lie behind the first. */
static uint8_t *page_twice(void)
{
	int file = assert_ok(keep_fd(memfd_create("test", MFD_CLOEXEC)));
	uint8_t *pages = page_alloc(2 * PAGE);
	int i;

	assert_ok(ftruncate(file, PAGE));
	for (i = 0; i < 2; i++)
		check(mmap(pages + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED);
	return pages;
}

/*
 * IOMMU pages of which a page of memory has eight. A range may begin and end inside of pages,
 * and touch two more than its length has.
 */
static void test_small_units(void **state)
{
	uint8_t *memory = page_twice();
	unsigned int offset;
	struct mock m;

	(void)state;
	check_eq(0, write_file(PARAMETER("mock_unit"), "512"));
	m = mock_new();
	check_eq(0, write_file(PARAMETER("mock_unit"), "2048"));
	for (offset = 512; offset < PAGE; offset += 512) {
		assert_ok(ioas_map_fixed(m.ctx, m.ioas, memory + offset, PAGE,
					 START + offset, MAP_RW));
		check_pinned(2);
		assert_ok(ioas_unmap_exact(m.ctx, m.ioas, START + offset, PAGE));
	}
	offset = PAGE - 512;
	assert_ok(ioas_map_fixed(m.ctx, m.ioas, memory + offset, 1024,
				 START + offset, MAP_RW));
	check_pinned(2);
	assert_ok(ioas_unmap_exact(m.ctx, m.ioas, START + offset, 1024));
	check_pinned(0);
}

/* ---- page faults ---- */

/* An address no device asks for but this one, and what its driver calls the request. */
#define FAULT_ADDR 0xdeadb000UL
#define FAULT_GROUP 2

/* The queue's file, or -1 on a kernel that says it has none. */
static int queue_new(struct mock *m, uint32_t *id)
{
	struct ioasid_fault_alloc cmd = { .size = sizeof(cmd) };
	struct ioasid_features has;
	struct refusal r;

	assert_ok(features(m->ctx, 0, &has));
	if (!(has.out_features & IOASID_FEATURE_FAULT_QUEUE)) {
		assert_errno(EOPNOTSUPP,
			     ioctl(m->ctx, IOASID_FAULT_QUEUE_ALLOC, &cmd));
		check_refusal(m->ctx, EOPNOTSUPP, "page faults", &r);
		return -1;
	}
	assert_ok(ioctl(m->ctx, IOASID_FAULT_QUEUE_ALLOC, &cmd));
	*id = cmd.out_fault_id;
	return keep_fd((int)cmd.out_fault_fd);
}

/* The device waits for an answer. */
static void make_fault(struct mock *m)
{
	struct selftest cmd = {
		.size = sizeof(cmd), .op = SELFTEST_TRIGGER_IOPF,
		.trigger_iopf = {
			.dev_id = m->devid,
			.grpid = FAULT_GROUP,
			.perm = IOASID_PGFAULT_PERM_READ,
			.addr = FAULT_ADDR,
		},
	};

	assert_ok(ioctl(m->ctx, SELFTEST, &cmd));
}

static void check_said(int queue, int err, const char *text)
{
	struct refusal r;

	check_refusal(queue, err, text, &r);
	check_eq(0, r.error.out_cmd);
	check_eq(0, r.error.out_flags);
}

static void *nowhere(void)
{
	void *page = page_alloc(PAGE);

	drop_map(page);
	return page;
}

static void refused_reads(int queue)
{
	struct ioasid_hwpt_pgfault fault;

	assert_errno(ESPIPE, read(queue, &fault, sizeof(fault) - 1));
	check_said(queue, ESPIPE, "39 bytes are not a multiple of the 40");
	assert_errno(EINVAL, read(queue, &fault, 0));
	check_said(queue, EINVAL, "take 40 bytes, and there is room for 0");
	assert_errno(EFAULT, read(queue, nowhere(), sizeof(fault)));
	check_said(queue, EFAULT, "the buffer for faults at 0x");
}

static void refused_writes(int queue, uint32_t cookie)
{
	struct ioasid_hwpt_page_response response = {
		.cookie = cookie,
		.code = 7,
	};

	assert_errno(ESPIPE, write(queue, &response, sizeof(response) - 1));
	check_said(queue, ESPIPE, "7 bytes are not a multiple of the 8");
	assert_errno(EFAULT, write(queue, nowhere(), sizeof(response)));
	check_said(queue, EFAULT, "an answer at 0x");
	assert_errno(EINVAL, write(queue, &response, sizeof(response)));
	check_said(queue, EINVAL, "there is no code 7");
	response.code = IOASID_PAGE_RESP_SUCCESS;
	response.cookie++;
	assert_errno(EINVAL, write(queue, &response, sizeof(response)));
	check_said(queue, EINVAL, "wait for an answer");
}

/* What the queue refuses it explains itself, and the context knows nothing of it. */
static void test_fault_queue(void **state)
{
	struct ioasid_hwpt_alloc alloc = {
		.flags = IOASID_HWPT_FAULT_ID_VALID,
	};
	struct ioasid_hwpt_page_response answers[2] = { 0 };
	struct ioasid_hwpt_pgfault fault;
	struct mock m = mock_new();
	int queue = queue_new(&m, &alloc.fault_id);
	struct refusal r;

	(void)state;
	if (queue < 0)
		return;
	use_hwpt(&m, &alloc);
	assert_errno(ENODATA, get_error(queue, &r));
	check_eq(0, read(queue, &fault, sizeof(fault)));
	assert_errno(ENODATA, get_error(queue, &r));

	make_fault(&m);
	refused_reads(queue);
	/* None of that has taken it away. */
	check_eq(sizeof(fault), read(queue, &fault, sizeof(fault)));
	check_eq(FAULT_ADDR, fault.addr);
	check_eq(FAULT_GROUP, fault.grpid);
	check_eq(m.devid, fault.dev_id);
	refused_writes(queue, fault.cookie);

	/* The first of two is taken, so the write has not failed. */
	answers[0].cookie = fault.cookie;
	answers[1].cookie = fault.cookie;
	answers[1].code = 7;
	check_eq(sizeof(answers[0]), write(queue, answers, sizeof(answers)));
	check_said(queue, EINVAL, "wait for an answer");
	assert_errno(EINVAL, write(queue, answers, sizeof(answers[0])));
	assert_errno(ENODATA, get_error(m.ctx, &r));
}

/* Of ioctls the queue has this one, where mainline's has none. */
static void test_fault_queue_ioctls(void **state)
{
	struct ioasid_destroy cmd = { .size = sizeof(cmd) };
	struct mock m = mock_new();
	struct refusal r;
	uint32_t id;
	int queue = queue_new(&m, &id);

	(void)state;
	if (queue < 0)
		return;
	cmd.id = m.ioas;
	assert_errno(ENOTTY, ioctl(queue, IOASID_DESTROY, &cmd));
	check_refusal(queue, ENOTTY, "does not know the command", &r);
	check_eq(IOASID_DESTROY, r.error.out_cmd);
	assert_errno(ENOTTY, ioctl(queue, _IO(IOASID_TYPE, 0xfe), NULL));
	assert_errno(ENOTTY, ioctl(queue, SELFTEST, NULL));
	assert_errno(EFAULT, ioctl(queue, IOASID_GET_ERROR, NULL));
	check_refusal(queue, ENOTTY, "does not know the command", &r);
	check_eq(SELFTEST, r.error.out_cmd);
}

/* A device that leaves a group that stays attached leaves no faults behind. */
static void test_fault_left(void **state)
{
	struct ioasid_hwpt_alloc alloc = {
		.flags = IOASID_HWPT_FAULT_ID_VALID,
	};
	struct ioasid_hwpt_page_response answer = {
		.code = IOASID_PAGE_RESP_SUCCESS,
	};
	struct mock m = mock_with(MOCK_DEVICE_SHARED), left = m, waits = m;
	int queue = queue_new(&m, &alloc.fault_id);
	struct ioasid_hwpt_pgfault fault;

	(void)state;
	if (queue < 0)
		return;
	use_hwpt(&m, &alloc);
	mock_add(&left, m.hwpt, MOCK_DEVICE_SHARED);
	mock_add(&waits, m.hwpt, MOCK_DEVICE_SHARED);

	make_fault(&waits);
	check_eq(sizeof(fault), read(queue, &fault, sizeof(fault)));
	check_eq(waits.devid, fault.dev_id);
	answer.cookie = fault.cookie;
	make_fault(&left);
	make_fault(&m);
	assert_ok(ioasid_destroy(m.ctx, left.stdev));
	assert_ok(ioasid_destroy(m.ctx, waits.stdev));

	assert_errno(EINVAL, write(queue, &answer, sizeof(answer)));
	check_said(queue, EINVAL, "wait for an answer");
	check_eq(sizeof(fault), read(queue, &fault, sizeof(fault)));
	check_eq(m.devid, fault.dev_id);
	answer.cookie = fault.cookie;
	check_eq(sizeof(answer), write(queue, &answer, sizeof(answer)));
	check_eq(0, read(queue, &fault, sizeof(fault)));
}

/* A page table that only a PASID is attached to is in use by the device of that. */
static void test_destroy_pasid(void **state)
{
	struct ioasid_hwpt_alloc alloc = { .flags = IOASID_HWPT_ALLOC_PASID };
	struct mock m = mock_with(MOCK_DEVICE_PASID);
	struct selftest cmd = {
		.size = sizeof(cmd),
		.op = SELFTEST_PASID_ATTACH,
		.id = m.stdev,
		.pasid.pasid = 1,
	};
	struct ioasid_features has;
	struct refusal r;
	char text[64];

	(void)state;
	assert_ok(features(m.ctx, m.devid, &has));
	if (!(has.out_features & IOASID_FEATURE_PASID))
		return;
	use_hwpt(&m, &alloc);
	assert_ok(ioctl(m.ctx, IOASID_HWPT_ALLOC, &alloc));
	cmd.pasid.pt_id = alloc.out_hwpt_id;
	assert_ok(ioctl(m.ctx, SELFTEST, &cmd));
	assert_errno(EBUSY, ioasid_destroy(m.ctx, alloc.out_hwpt_id));
	snprintf(text, sizeof(text), "page table %u is in use by device %u",
		 alloc.out_hwpt_id, m.devid);
	check_refusal(m.ctx, EBUSY, text, &r);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	ADD(alloc_held);
	ADD(partial_dirty);
	ADD(partial_dirty_small);
	ADD(partial_no_fault);
	ADD(dirty_alone);
	ADD(small_units);
	ADD(fault_queue);
	ADD(fault_queue_ioctls);
	ADD(fault_left);
	ADD(destroy_pasid);
	return test_main(argc, argv, "mock", &list, NULL, NULL);
}
