// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: copies, and IOVAs that were promised
 *
 * IOASID_IOAS_COPY and IOASID_IOAS_ALLOW_IOVAS: what may be copied where, how long
 * memory that is mapped twice stays pinned, and which IOVAs the kernel gives out.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>

#include "dma.h"
#include "edu.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

/* Where copies go; sources begin at IOVA. */
#define COPY_IOVA (32 * MB)

/* Two IOASs that nothing is attached to. */
struct spaces {
	int fd;
	uint32_t src;
	uint32_t dst;
	uint8_t *va;
};

static struct spaces spaces_new(size_t pages)
{
	struct spaces s = { .fd = ioasid_open() };

	s.src = ioas_new(s.fd);
	s.dst = ioas_new(s.fd);
	s.va = page_alloc(pages * PAGE);
	return s;
}

static void map_src(struct spaces *s, size_t page, size_t pages, uint64_t iova)
{
	assert_ok(ioas_map_fixed(s->fd, s->src, s->va + page * PAGE,
				 pages * PAGE, iova, MAP_RW));
}

static int copy(struct spaces *s, uint64_t src_iova, uint64_t len,
		uint64_t dst_iova)
{
	return ioas_copy_fixed(s->fd, s->dst, dst_iova, s->src, src_iova, len,
			       MAP_RW);
}

/* ---- without a device ---- */

static void test_copy(void **state)
{
	struct spaces s = spaces_new(4);

	(void)state;
	map_src(&s, 0, 4, IOVA);
	assert_ok(copy(&s, IOVA, 4 * PAGE, COPY_IOVA));
	/* Either can go first, and it is a mapping like any other. */
	assert_errno(ENOENT, ioas_unmap_exact(s.fd, s.dst, COPY_IOVA, PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.src, IOVA, 4 * PAGE));
	check_empty(s.fd, s.src);
	assert_ok(ioas_unmap_exact(s.fd, s.dst, COPY_IOVA, 4 * PAGE));
	check_empty(s.fd, s.dst);
}

static void test_copy_within(void **state)
{
	struct spaces s = spaces_new(4);

	(void)state;
	s.dst = s.src;
	map_src(&s, 0, 4, IOVA);
	assert_ok(copy(&s, IOVA, 4 * PAGE, COPY_IOVA));
	assert_ok(copy(&s, IOVA + PAGE, PAGE, IOVA + 4 * PAGE));
	/* Over two areas, one of which is a copy. */
	assert_ok(copy(&s, IOVA, 5 * PAGE, COPY_IOVA + MB));
	assert_ok(ioas_unmap_exact(s.fd, s.src, IOVA, 5 * PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.src, COPY_IOVA, 4 * PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.src, COPY_IOVA + MB, 4 * PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.src, COPY_IOVA + MB + 4 * PAGE,
				   PAGE));
	check_empty(s.fd, s.src);
}

static void test_copy_flags(void **state)
{
	struct spaces s = spaces_new(1);
	uint32_t bit;

	(void)state;
	map_src(&s, 0, 1, IOVA);
	assert_errno(EINVAL, ioas_copy_fixed(s.fd, s.dst, COPY_IOVA, s.src,
					     IOVA, PAGE, 0));
	for (bit = 8; bit; bit <<= 1)
		assert_errno(EOPNOTSUPP,
			     ioas_copy_fixed(s.fd, s.dst, COPY_IOVA, s.src,
					     IOVA, PAGE, MAP_RW | bit));
	assert_ok(ioas_copy_fixed(s.fd, s.dst, COPY_IOVA, s.src, IOVA, PAGE,
				  MAP_R));
	assert_ok(ioas_copy_fixed(s.fd, s.dst, COPY_IOVA + PAGE, s.src, IOVA,
				  PAGE, MAP_W));
}

static void test_copy_bad_ids(void **state)
{
	struct spaces s = spaces_new(1);
	int other = ioasid_open();
	uint32_t foreign = 0;

	(void)state;
	map_src(&s, 0, 1, IOVA);
	while (foreign < 5)
		foreign = ioas_new(other);
	assert_errno(ENOENT, ioas_copy_fixed(s.fd, ABSENT_ID, COPY_IOVA, s.src,
					     IOVA, PAGE, MAP_RW));
	assert_errno(ENOENT, ioas_copy_fixed(s.fd, s.dst, COPY_IOVA, ABSENT_ID,
					     IOVA, PAGE, MAP_RW));
	assert_errno(ENOENT, ioas_copy_fixed(s.fd, s.dst, COPY_IOVA, foreign,
					     IOVA, PAGE, MAP_RW));
	assert_errno(ENOENT, ioas_copy_fixed(s.fd, 0, COPY_IOVA, 0, IOVA, PAGE,
					     MAP_RW));
	check_empty(s.fd, s.dst);
}

static void test_copy_bad_length(void **state)
{
	struct spaces s = spaces_new(1);

	(void)state;
	map_src(&s, 0, 1, IOVA);
	assert_errno(EINVAL, copy(&s, IOVA, 0, COPY_IOVA));
	/* Also where nothing is mapped. */
	assert_errno(EINVAL, copy(&s, 3 * MB, 0, COPY_IOVA));
	assert_errno(EOVERFLOW, copy(&s, IOVA, UINT64_MAX, COPY_IOVA));
	assert_errno(EOVERFLOW, copy(&s, UINT64_MAX, PAGE, COPY_IOVA));
	assert_errno(EOVERFLOW, copy(&s, IOVA, PAGE, UINT64_MAX));
	assert_errno(EOVERFLOW, copy(&s, IOVA, UINT64_MAX - IOVA + 2,
				     COPY_IOVA));
	assert_errno(EOVERFLOW, copy(&s, IOVA, PAGE, UINT64_MAX - PAGE + 2));
	/* The largest that does not wrap: it is not mapped. */
	assert_errno(ENOENT, copy(&s, IOVA, UINT64_MAX - IOVA + 1, COPY_IOVA));
	check_empty(s.fd, s.dst);
	/* The very end of all IOVAs is one. */
	assert_ok(copy(&s, IOVA, PAGE, UINT64_MAX - PAGE + 1));
}

static void test_copy_holes(void **state)
{
	struct spaces s = spaces_new(8);

	(void)state;
	/* Pages 0 to 1, 3 to 4, and 5 to 7. */
	map_src(&s, 0, 2, IOVA);
	map_src(&s, 3, 2, IOVA + 3 * PAGE);
	map_src(&s, 5, 3, IOVA + 5 * PAGE);
	assert_errno(ENOENT, copy(&s, IOVA, 8 * PAGE, COPY_IOVA));
	assert_errno(ENOENT, copy(&s, IOVA, 3 * PAGE, COPY_IOVA));
	assert_errno(ENOENT, copy(&s, IOVA + PAGE, 2 * PAGE, COPY_IOVA));
	assert_errno(ENOENT, copy(&s, IOVA + 2 * PAGE, PAGE, COPY_IOVA));
	assert_errno(ENOENT, copy(&s, IOVA + 2 * PAGE, 2 * PAGE, COPY_IOVA));
	assert_errno(ENOENT, copy(&s, IOVA + 7 * PAGE, 2 * PAGE, COPY_IOVA));
	assert_errno(ENOENT, copy(&s, IOVA + 7 * PAGE, PAGE + 1, COPY_IOVA));
	assert_errno(ENOENT, copy(&s, IOVA - 1, 2, COPY_IOVA));
	assert_errno(ENOENT, copy(&s, IOVA - PAGE, PAGE, COPY_IOVA));
	assert_errno(ENOENT, copy(&s, 0, PAGE, COPY_IOVA));
	check_empty(s.fd, s.dst);
	assert_ok(copy(&s, IOVA + 3 * PAGE, 5 * PAGE, COPY_IOVA));
}

/* Every slice of three areas in a row. */
static void test_copy_slices(void **state)
{
	static const size_t edges[] = { 0, 2, 3, 6 };
	struct spaces s = spaces_new(6);
	uint64_t at, len;
	size_t first, end, i, from, to;

	(void)state;
	for (i = 0; i < 3; i++)
		map_src(&s, edges[i], edges[i + 1] - edges[i],
			IOVA + edges[i] * PAGE);
	for (first = 0; first < 6; first++) {
		for (end = first + 1; end <= 6; end++) {
			assert_ok(copy(&s, IOVA + first * PAGE,
				       (end - first) * PAGE, COPY_IOVA));
			/* One mapping for each area it has a part of. */
			at = COPY_IOVA;
			for (i = 0; i < 3; i++) {
				from = first > edges[i] ? first : edges[i];
				to = end < edges[i + 1] ? end : edges[i + 1];
				if (from >= to)
					continue;
				len = (to - from) * PAGE;
				assert_ok(ioas_unmap_exact(s.fd, s.dst, at,
							   len));
				at += len;
			}
			check_eq(COPY_IOVA + (end - first) * PAGE, at);
			check_empty(s.fd, s.dst);
		}
	}
}

static void test_copy_occupied(void **state)
{
	struct spaces s = spaces_new(8);

	(void)state;
	map_src(&s, 0, 2, IOVA);
	map_src(&s, 2, 2, IOVA + 2 * PAGE);
	assert_ok(ioas_map_fixed(s.fd, s.dst, s.va, PAGE,
				 COPY_IOVA + 3 * PAGE, MAP_RW));
	/* The second half of the copy does not fit: no half stays. */
	assert_errno(EEXIST, copy(&s, IOVA, 4 * PAGE, COPY_IOVA));
	assert_errno(EEXIST, copy(&s, IOVA, 4 * PAGE, COPY_IOVA + 3 * PAGE));
	assert_ok(copy(&s, IOVA, 3 * PAGE, COPY_IOVA));
	assert_ok(copy(&s, IOVA, 4 * PAGE, COPY_IOVA + 4 * PAGE));
	/* Onto itself. */
	s.dst = s.src;
	assert_errno(EEXIST, copy(&s, IOVA, 4 * PAGE, IOVA));
	assert_errno(EEXIST, copy(&s, IOVA, PAGE, IOVA + PAGE));
	assert_errno(EEXIST, copy(&s, IOVA, 4 * PAGE, IOVA + 3 * PAGE));
	assert_ok(copy(&s, IOVA, 4 * PAGE, IOVA + 4 * PAGE));
}

static void test_copy_permission(void **state)
{
	struct spaces s = spaces_new(4);

	(void)state;
	assert_ok(ioas_map_fixed(s.fd, s.src, s.va, PAGE, IOVA, MAP_RW));
	assert_ok(ioas_map_fixed(s.fd, s.src, s.va + PAGE, PAGE, IOVA + PAGE,
				 MAP_R));
	assert_ok(ioas_map_fixed(s.fd, s.src, s.va + 2 * PAGE, PAGE,
				 IOVA + 2 * PAGE, MAP_W));
	assert_errno(EPERM, copy(&s, IOVA + PAGE, PAGE, COPY_IOVA));
	assert_errno(EPERM, ioas_copy_fixed(s.fd, s.dst, COPY_IOVA, s.src,
					    IOVA + PAGE, PAGE, MAP_W));
	/* All or none. */
	assert_errno(EPERM, copy(&s, IOVA, 3 * PAGE, COPY_IOVA));
	check_empty(s.fd, s.dst);
	assert_ok(ioas_copy_fixed(s.fd, s.dst, COPY_IOVA, s.src, IOVA,
				  3 * PAGE, MAP_R));
	/* What can be written may also be read, and the other way round. */
	assert_ok(copy(&s, IOVA + 2 * PAGE, PAGE, COPY_IOVA + MB));
	/* A copy for reading of memory for writing can be copied for writing. */
	s.src = s.dst;
	assert_ok(copy(&s, COPY_IOVA, PAGE, COPY_IOVA + 2 * MB));
	assert_errno(EPERM, copy(&s, COPY_IOVA + PAGE, PAGE,
				 COPY_IOVA + 3 * MB));
}

/* The place is looked at before the memory. */
static void test_copy_error_order(void **state)
{
	struct spaces s = spaces_new(4);

	(void)state;
	assert_ok(ioas_map_fixed(s.fd, s.src, s.va, PAGE, IOVA, MAP_R));
	map_src(&s, 1, 1, IOVA + PAGE);
	assert_ok(ioas_map_fixed(s.fd, s.dst, s.va, PAGE, COPY_IOVA + PAGE,
				 MAP_RW));
	assert_errno(EEXIST, copy(&s, IOVA, 2 * PAGE, COPY_IOVA));
	assert_errno(EEXIST, copy(&s, IOVA, PAGE, COPY_IOVA + PAGE));
	/* The source before the destination. */
	assert_errno(ENOENT, ioas_copy_fixed(s.fd, ABSENT_ID, COPY_IOVA, s.src,
					     3 * MB, PAGE, MAP_RW));
	assert_errno(EINVAL, ioas_copy_fixed(s.fd, ABSENT_ID, COPY_IOVA, s.src,
					     IOVA, 0, MAP_RW));
}

static void test_copy_auto(void **state)
{
	struct spaces s = spaces_new(4);
	uint64_t iova = 0, other = 0;

	(void)state;
	map_src(&s, 0, 4, IOVA);
	assert_ok(ioas_copy(s.fd, s.dst, &iova, s.src, IOVA, 4 * PAGE,
			    MAP_RW));
	check(iova >= PAGE);
	check_eq(0, iova % PAGE);
	assert_ok(ioas_copy(s.fd, s.dst, &other, s.src, IOVA + PAGE, 2 * PAGE,
			    MAP_RW));
	check(other + 2 * PAGE <= iova || other >= iova + 4 * PAGE);
	assert_ok(ioas_unmap_exact(s.fd, s.dst, iova, 4 * PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.dst, other, 2 * PAGE));
	/* In the IOAS it comes from. */
	assert_ok(ioas_copy(s.fd, s.src, &iova, s.src, IOVA, 4 * PAGE,
			    MAP_RW));
	check(iova + 4 * PAGE <= IOVA || iova >= IOVA + 4 * PAGE);
	assert_ok(ioas_unmap_exact(s.fd, s.src, iova, 4 * PAGE));
}

/* Without an IOMMU bytes can be mapped; so they can be copied. */
static void test_copy_bytes(void **state)
{
	struct spaces s = spaces_new(4);
	uint64_t iova = 0;

	(void)state;
	assert_ok(ioas_map_fixed(s.fd, s.src, s.va + 5, PAGE + 7, IOVA + 1,
				 MAP_RW));
	assert_ok(copy(&s, IOVA + 1, PAGE + 7, COPY_IOVA + 3));
	assert_ok(copy(&s, IOVA + 11, 5, COPY_IOVA + MB + 1));
	assert_errno(ENOENT, copy(&s, IOVA, 5, COPY_IOVA + 2 * MB));
	assert_errno(ENOENT, copy(&s, IOVA + PAGE, 9, COPY_IOVA + 2 * MB));
	assert_ok(ioas_unmap_exact(s.fd, s.dst, COPY_IOVA + 3, PAGE + 7));
	assert_ok(ioas_unmap_exact(s.fd, s.dst, COPY_IOVA + MB + 1, 5));
	/* An automatic IOVA keeps the offset of the memory in its page. */
	assert_ok(ioas_copy(s.fd, s.dst, &iova, s.src, IOVA + 11, 5, MAP_RW));
	check_eq(((uintptr_t)s.va + 5 + 10) % PAGE, iova % PAGE);
}

static void test_copy_of_copy(void **state)
{
	struct spaces s = spaces_new(8);
	uint64_t at = COPY_IOVA;
	int i;

	(void)state;
	s.dst = s.src;
	map_src(&s, 0, 8, IOVA);
	assert_ok(copy(&s, IOVA, 8 * PAGE, at));
	for (i = 7; i > 0; i--) {
		/* Of the last copy all but its first page. */
		assert_ok(copy(&s, at + PAGE, i * PAGE, at + MB));
		assert_ok(ioas_unmap_exact(s.fd, s.src, at, (i + 1) * PAGE));
		at += MB;
	}
	assert_ok(ioas_unmap_exact(s.fd, s.src, at, PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.src, IOVA, 8 * PAGE));
	check_empty(s.fd, s.src);
}

static void test_copy_destroy(void **state)
{
	struct spaces s = spaces_new(4);
	uint32_t third = ioas_new(s.fd);

	(void)state;
	map_src(&s, 0, 4, IOVA);
	assert_ok(copy(&s, IOVA, 4 * PAGE, COPY_IOVA));
	/* A copy does not keep the IOAS it comes from. */
	assert_ok(ioasid_destroy(s.fd, s.src));
	assert_ok(ioas_copy_fixed(s.fd, third, IOVA, s.dst, COPY_IOVA + PAGE,
				  2 * PAGE, MAP_RW));
	assert_ok(ioasid_destroy(s.fd, s.dst));
	assert_ok(ioas_unmap_exact(s.fd, third, IOVA, 2 * PAGE));
}

/* More areas than fit in any array on a stack. */
static void test_copy_many(void **state)
{
	struct spaces s = spaces_new(1);
	uint64_t len = UINT64_MAX;
	size_t i;

	(void)state;
	for (i = 0; i < 3000; i++)
		map_src(&s, 0, 1, IOVA + i * PAGE);
	assert_ok(copy(&s, IOVA, 3000 * PAGE, COPY_IOVA));
	assert_errno(EEXIST, copy(&s, IOVA, 3000 * PAGE,
				  COPY_IOVA - 2999 * PAGE));
	assert_ok(ioas_unmap(s.fd, s.dst, 0, &len));
	check_eq(3000 * PAGE, len);
	/* Left behind for close() to clean up. */
	assert_ok(copy(&s, IOVA, 3000 * PAGE, COPY_IOVA));
}

static void test_copy_answer(void **state)
{
	struct spaces s = spaces_new(1);
	struct ioasid_ioas_copy *cmd = page_alloc(PAGE), old;

	(void)state;
	map_src(&s, 0, 1, IOVA);
	*cmd = (struct ioasid_ioas_copy){
		.size = sizeof(*cmd), .flags = MAP_RW, .dst_ioas_id = s.dst,
		.src_ioas_id = s.src, .length = PAGE, .dst_iova = 5,
		.src_iova = IOVA,
	};
	old = *cmd;
	assert_ok(ioctl(s.fd, IOASID_IOAS_COPY, cmd));
	old.dst_iova = cmd->dst_iova;
	check(!memcmp(cmd, &old, sizeof(old)));
	assert_ok(ioas_unmap_exact(s.fd, s.dst, cmd->dst_iova, PAGE));
	/* A failure changes nothing. */
	cmd->src_iova = 3 * MB;
	cmd->dst_iova = 5;
	old = *cmd;
	assert_errno(ENOENT, ioctl(s.fd, IOASID_IOAS_COPY, cmd));
	check(!memcmp(cmd, &old, sizeof(old)));
	/* An answer that cannot be given undoes the copy. */
	cmd->src_iova = IOVA;
	assert_ok(mprotect(cmd, PAGE, PROT_READ));
	assert_errno(EFAULT, ioctl(s.fd, IOASID_IOAS_COPY, cmd));
	check_empty(s.fd, s.dst);
}

/* ---- with a device ---- */

static void copy_within(struct setup *s, uint64_t from, uint64_t len,
			uint64_t to)
{
	assert_ok(ioas_copy_fixed(s->ctx, s->ioas, to, s->ioas, from, len,
				  MAP_RW));
}

static void test_dma_within(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(4 * PAGE);

	(void)state;
	map_at(&s, va, 4 * PAGE, IOVA);
	check_pinned(4);
	copy_within(&s, IOVA, 4 * PAGE, COPY_IOVA);
	check_pinned(4);
	check_dma(&s, va + 3 * PAGE, COPY_IOVA + 3 * PAGE, 1);
	unmap_at(&s, IOVA, 4 * PAGE);
	check_pinned(4);
	check_dma(&s, va, COPY_IOVA, 2);
	check_no_write(&s, va, IOVA);
	/* And back. */
	copy_within(&s, COPY_IOVA, 4 * PAGE, IOVA);
	unmap_at(&s, COPY_IOVA, 4 * PAGE);
	check_dma(&s, va + PAGE, IOVA + PAGE, 3);
	check_no_write(&s, va, COPY_IOVA);
	unmap_at(&s, IOVA, 4 * PAGE);
	check_pinned(0);
}

/* From an IOAS where nothing is pinned. */
static void test_dma_between(void **state)
{
	struct setup s = setup_attached();
	uint32_t src = ioas_new(s.ctx);
	uint8_t *va = page_alloc(4 * PAGE);

	(void)state;
	assert_ok(ioas_map_fixed(s.ctx, src, va, 4 * PAGE, IOVA, MAP_RW));
	check_pinned(0);
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA, src, IOVA,
				  4 * PAGE, MAP_RW));
	check_pinned(4);
	check_dma(&s, va + 2 * PAGE, COPY_IOVA + 2 * PAGE, 1);
	assert_ok(ioas_unmap_exact(s.ctx, src, IOVA, 4 * PAGE));
	assert_ok(ioasid_destroy(s.ctx, src));
	check_pinned(4);
	check_dma(&s, va + PAGE, COPY_IOVA + PAGE, 2);
	unmap_at(&s, COPY_IOVA, 4 * PAGE);
	check_pinned(0);
	check_no_write(&s, va, COPY_IOVA);
}

/* A slice keeps its own pages, not those of its source. */
static void test_slice_keeps_itself(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(64 * PAGE);
	long pins = state_pins();

	(void)state;
	map_at(&s, va, 64 * PAGE, IOVA);
	copy_within(&s, IOVA + 5 * PAGE, 20 * PAGE, COPY_IOVA);
	copy_within(&s, IOVA + 24 * PAGE, 2 * PAGE, COPY_IOVA + MB);
	copy_within(&s, IOVA + 63 * PAGE, PAGE, COPY_IOVA + 2 * MB);
	check_pinned(64);
	unmap_at(&s, IOVA, 64 * PAGE);
	/* 5 to 25, and 63. */
	check_pinned(22);
	check_eq(pins + 22, state_pins());
	check_dma(&s, va + 5 * PAGE, COPY_IOVA, 1);
	check_dma(&s, va + 24 * PAGE, COPY_IOVA + 19 * PAGE, 2);
	check_dma(&s, va + 24 * PAGE, COPY_IOVA + MB, 3);
	check_dma(&s, va + 63 * PAGE, COPY_IOVA + 2 * MB, 4);
	unmap_at(&s, COPY_IOVA, 20 * PAGE);
	check_pinned(3);
	check_dma(&s, va + 25 * PAGE, COPY_IOVA + MB + PAGE, 5);
	unmap_at(&s, COPY_IOVA + MB, 2 * PAGE);
	unmap_at(&s, COPY_IOVA + 2 * MB, PAGE);
	check_pinned(0);
	check_eq(pins, state_pins());
}

/* From where nothing is pinned, a slice pins its own pages. */
static void test_slice_pins_itself(void **state)
{
	struct setup s = setup_attached();
	uint32_t src = ioas_new(s.ctx);
	uint8_t *va = page_alloc(64 * PAGE);
	long pins = state_pins();
	int second;

	(void)state;
	assert_ok(ioas_map_fixed(s.ctx, src, va, 64 * PAGE, IOVA, MAP_RW));
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA, src,
				  IOVA + 10 * PAGE, 4 * PAGE, MAP_RW));
	check_pinned(4);
	/* Half of it is pinned already. */
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA + MB, src,
				  IOVA + 12 * PAGE, 4 * PAGE, MAP_RW));
	check_pinned(6);
	check_eq(pins + 6, state_pins());
	/* All of it, and back. */
	second = attach_second(&s, src);
	check_pinned(64);
	check_eq(pins + 64, state_pins());
	check_dma(&s, va + 12 * PAGE, COPY_IOVA + 2 * PAGE, 1);
	assert_ok(cdev_detach(second));
	check_pinned(6);
	unmap_at(&s, COPY_IOVA, 4 * PAGE);
	check_pinned(4);
	check_dma(&s, va + 15 * PAGE, COPY_IOVA + MB + 3 * PAGE, 2);
	assert_ok(ioasid_destroy(s.ctx, src));
	unmap_at(&s, COPY_IOVA + MB, 4 * PAGE);
	check_pinned(0);
	check_eq(pins, state_pins());
}

#define CROWD 24

/* A copy of some of the memory, or none. */
struct crowd_slice {
	unsigned int first;
	unsigned int pages;
};

static unsigned long union_of(const struct crowd_slice *slices,
			      unsigned int memory)
{
	unsigned long pages = 0;
	unsigned int i, page;

	for (page = 0; page < memory; page++) {
		for (i = 0; i < CROWD; i++)
			if (page - slices[i].first < slices[i].pages)
				break;
		pages += i < CROWD;
	}
	return pages;
}

/* Whatever comes and goes, pinned is what at least one of them has. */
static void test_slice_crowd(void **state)
{
	unsigned int memory = (uintptr_t)test_arg(state), i, n;
	struct crowd_slice slices[CROWD] = { 0 }, *slice;
	struct setup s = setup_attached();
	uint32_t src = ioas_new(s.ctx);
	uint8_t *va = page_alloc(memory * PAGE);
	long pins = state_pins();

	assert_ok(ioas_map_fixed(s.ctx, src, va, memory * PAGE, IOVA, MAP_RW));
	srandom(memory);
	for (n = 0; n < 400; n++) {
		i = random() % CROWD;
		slice = &slices[i];
		if (slice->pages) {
			unmap_at(&s, COPY_IOVA + i * 4 * MB,
				 slice->pages * PAGE);
			slice->pages = 0;
		} else {
			slice->first = random() % memory;
			slice->pages = 1 + random() % (memory - slice->first);
			assert_ok(ioas_copy_fixed(s.ctx, s.ioas,
						  COPY_IOVA + i * 4 * MB, src,
						  IOVA + slice->first * PAGE,
						  slice->pages * PAGE, MAP_RW));
		}
		check_pinned(union_of(slices, memory));
		check_eq(pins + union_of(slices, memory), state_pins());
	}
	for (i = 0; i < CROWD; i++)
		if (slices[i].pages)
			break;
	check(i < CROWD);
	check_dma(&s, va + slices[i].first * PAGE, COPY_IOVA + i * 4 * MB, 1);
	assert_ok(cdev_detach(s.dev));
	check_pinned(0);
	check_eq(pins, state_pins());
}

/* Both IOASs have a page table; which of the mappings goes first? */
static void test_pins_both(void **state)
{
	bool source_first = test_arg(state);
	struct setup s = setup_attached();
	uint32_t other = ioas_new(s.ctx);
	uint8_t *va = page_alloc(8 * PAGE);
	long pins = state_pins();

	attach_second(&s, other);
	map_at(&s, va, 8 * PAGE, IOVA);
	check_eq(pins + 8, state_pins());
	assert_ok(ioas_copy_fixed(s.ctx, other, COPY_IOVA, s.ioas, IOVA,
				  8 * PAGE, MAP_RW));
	check_pinned(8);
	check_eq(pins + 8, state_pins());
	if (source_first)
		unmap_at(&s, IOVA, 8 * PAGE);
	else
		assert_ok(ioas_unmap_exact(s.ctx, other, COPY_IOVA, 8 * PAGE));
	check_pinned(8);
	check_eq(pins + 8, state_pins());
	if (source_first)
		assert_ok(ioas_unmap_exact(s.ctx, other, COPY_IOVA, 8 * PAGE));
	else
		unmap_at(&s, IOVA, 8 * PAGE);
	check_pinned(0);
	check_eq(pins, state_pins());
}

/* The page tables go, and not the mappings. */
static void test_pins_follow_tables(void **state)
{
	struct setup s = setup_bound();
	uint32_t other = ioas_new(s.ctx);
	uint8_t *va = page_alloc(8 * PAGE);
	int second;

	(void)state;
	map_at(&s, va, 8 * PAGE, IOVA);
	assert_ok(ioas_copy_fixed(s.ctx, other, COPY_IOVA, s.ioas, IOVA,
				  8 * PAGE, MAP_RW));
	check_pinned(0);
	/* Attached after the copy. */
	assert_ok(cdev_attach(s.dev, other, NULL));
	check_pinned(8);
	check_dma(&s, va, COPY_IOVA, 1);
	second = attach_second(&s, s.ioas);
	check_pinned(8);
	assert_ok(cdev_detach(s.dev));
	check_pinned(8);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_dma(&s, va + PAGE, IOVA + PAGE, 2);
	/* From one IOAS to the other. */
	assert_ok(cdev_attach(s.dev, other, NULL));
	check_pinned(8);
	assert_ok(cdev_detach(second));
	check_pinned(8);
	check_dma(&s, va, COPY_IOVA, 3);
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
	check_pinned(8);
	check_dma(&s, va, COPY_IOVA, 4);
	assert_ok(cdev_detach(s.dev));
	check_pinned(0);
}

static void test_dma_slices(void **state)
{
	struct setup s = setup_attached();
	uint32_t src = ioas_new(s.ctx);
	uint8_t *a = page_alloc(4 * PAGE), *b = page_alloc(4 * PAGE);
	uint8_t *c = page_alloc(4 * PAGE);

	(void)state;
	assert_ok(ioas_map_fixed(s.ctx, src, a, 4 * PAGE, IOVA, MAP_RW));
	assert_ok(ioas_map_fixed(s.ctx, src, b, 4 * PAGE, IOVA + 4 * PAGE,
				 MAP_RW));
	assert_ok(ioas_map_fixed(s.ctx, src, c, 4 * PAGE, IOVA + 8 * PAGE,
				 MAP_RW));
	/* The last page of a, all of b, the first page of c. */
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA, src,
				  IOVA + 3 * PAGE, 6 * PAGE, MAP_RW));
	check_dma(&s, a + 3 * PAGE, COPY_IOVA, 1);
	check_dma(&s, b, COPY_IOVA + PAGE, 2);
	check_dma(&s, b + 3 * PAGE, COPY_IOVA + 4 * PAGE, 3);
	check_dma(&s, c, COPY_IOVA + 5 * PAGE, 4);
	check_no_write(&s, c + PAGE, COPY_IOVA + 6 * PAGE);
	assert_ok(ioasid_destroy(s.ctx, src));
	check_dma(&s, b + PAGE, COPY_IOVA + 2 * PAGE, 5);
	/* A piece out of the middle of a copy. */
	unmap_at(&s, COPY_IOVA + PAGE, 4 * PAGE);
	check_no_write(&s, b, COPY_IOVA + PAGE);
	check_dma(&s, a + 3 * PAGE, COPY_IOVA, 6);
	check_dma(&s, c, COPY_IOVA + 5 * PAGE, 7);
}

static void test_dma_read_only_copy(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(PAGE), *back = page_alloc(PAGE);

	(void)state;
	map_at(&s, va, PAGE, IOVA);
	map_at(&s, back, PAGE, IOVA + PAGE);
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA, s.ioas, IOVA, PAGE,
				  MAP_R));
	pattern(va, COPY, 1);
	edu_read_ram(&s.edu, COPY_IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
	check_no_write(&s, va, COPY_IOVA);
	edu_write_ram(&s.edu, IOVA, SPOT, COPY);
	check(has_pattern(va, COPY, 1));
}

static void test_dma_copy_of_copy(void **state)
{
	struct setup s = setup_attached();
	uint32_t other = ioas_new(s.ctx);
	uint8_t *va = page_alloc(8 * PAGE);

	(void)state;
	map_at(&s, va, 8 * PAGE, IOVA);
	assert_ok(ioas_copy_fixed(s.ctx, other, COPY_IOVA, s.ioas,
				  IOVA + PAGE, 7 * PAGE, MAP_RW));
	unmap_at(&s, IOVA, 8 * PAGE);
	check_pinned(0);
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, IOVA, other, COPY_IOVA + PAGE,
				  6 * PAGE, MAP_RW));
	assert_ok(ioasid_destroy(s.ctx, other));
	check_dma(&s, va + 2 * PAGE, IOVA, 1);
	check_dma(&s, va + 7 * PAGE, IOVA + 5 * PAGE, 2);
	unmap_at(&s, IOVA, 6 * PAGE);
	check_pinned(0);
}

static void test_copy_reserved(void **state)
{
	struct setup s = setup_attached();
	uint32_t src = ioas_new(s.ctx);
	uint8_t *va = page_alloc(2 * PAGE);

	(void)state;
	assert_ok(ioas_map_fixed(s.ctx, src, va, 2 * PAGE, IOVA, MAP_RW));
	assert_errno(EINVAL, ioas_copy_fixed(s.ctx, s.ioas, MSI_WINDOW, src,
					     IOVA, PAGE, MAP_RW));
	assert_errno(EINVAL, ioas_copy_fixed(s.ctx, s.ioas, MSI_WINDOW - PAGE,
					     src, IOVA, 2 * PAGE, MAP_RW));
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, MSI_WINDOW - PAGE, src, IOVA,
				  PAGE, MAP_RW));
}

/* What an IOMMU cannot map cannot be copied to where one is. */
static void test_copy_misaligned(void **state)
{
	struct setup s = setup_attached();
	uint32_t src = ioas_new(s.ctx);
	uint8_t *va = page_alloc(4 * PAGE);
	uint64_t iova = 0;

	(void)state;
	assert_ok(ioas_map_fixed(s.ctx, src, va, 2 * PAGE, IOVA, MAP_RW));
	assert_ok(ioas_map_fixed(s.ctx, src, va + 8, PAGE, MB + IOVA, MAP_RW));
	assert_errno(EINVAL, ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA, src,
					     IOVA, 8, MAP_RW));
	assert_errno(EINVAL, ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA + 8, src,
					     IOVA, PAGE, MAP_RW));
	assert_errno(EINVAL, ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA, src,
					     IOVA + 8, PAGE, MAP_RW));
	assert_errno(EINVAL, ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA, src,
					     MB + IOVA, PAGE, MAP_RW));
	assert_errno(EINVAL, ioas_copy(s.ctx, s.ioas, &iova, src, MB + IOVA,
				       PAGE, MAP_RW));
	assert_errno(EINVAL, ioas_copy(s.ctx, s.ioas, &iova, src, IOVA,
				       PAGE + 8, MAP_RW));
	check_empty(s.ctx, s.ioas);
	check_pinned(0);
}

/* Memory that cannot be pinned: it is as if nothing had been asked. */
static void test_copy_pin_fails(void **state)
{
	struct setup s = setup_attached();
	uint32_t src = ioas_new(s.ctx);
	uint8_t *va = page_alloc(2 * PAGE);

	(void)state;
	assert_ok(ioas_map_fixed(s.ctx, src, va, PAGE, IOVA, MAP_RW));
	assert_ok(ioas_map_fixed(s.ctx, src, va + PAGE, PAGE, IOVA + PAGE,
				 MAP_RW));
	assert_ok(munmap(va + PAGE, PAGE));
	assert_errno(EFAULT, ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA, src,
					     IOVA, 2 * PAGE, MAP_RW));
	check_pinned(0);
	check_empty(s.ctx, s.ioas);
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA, src, IOVA, PAGE,
				  MAP_RW));
	check_pinned(1);
}

static void test_dma_huge(void **state)
{
	bool hugetlb = test_arg(state);
	struct setup s;
	uint8_t *va;

	if (hugetlb)
		check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "4"));
	s = setup_attached();
	va = huge_alloc(4 * MB, hugetlb);
	map_at(&s, va, 4 * MB, 16 * MB);
	check_pinned(1024);
	/* All of it, at the alignment of a huge page. */
	copy_within(&s, 16 * MB, 4 * MB, COPY_IOVA);
	/* From the middle of one to the middle of the other, and askew. */
	copy_within(&s, 17 * MB, 2 * MB, 64 * MB);
	copy_within(&s, 17 * MB + PAGE, 2 * MB, 96 * MB);
	/* A page of it. */
	copy_within(&s, 18 * MB + 5 * PAGE, PAGE, 144 * MB);
	check_pinned(1024);
	unmap_at(&s, 16 * MB, 4 * MB);
	check_pinned(1024);
	check_dma(&s, va + 2 * MB - COPY / 2, COPY_IOVA + 2 * MB - COPY / 2, 1);
	check_dma(&s, va + 2 * MB - COPY / 2, 65 * MB - COPY / 2, 2);
	check_dma(&s, va + 2 * MB - COPY / 2, 97 * MB - PAGE - COPY / 2, 3);
	check_dma(&s, va + 2 * MB + 5 * PAGE, 144 * MB, 4);
	unmap_at(&s, COPY_IOVA, 4 * MB);
	check_pinned(513);
	unmap_at(&s, 64 * MB, 2 * MB);
	check_pinned(512);
	check_no_write(&s, va + 2 * MB, 65 * MB);
	check_dma(&s, va + 3 * MB, 98 * MB - PAGE, 5);
	unmap_at(&s, 96 * MB, 2 * MB);
	check_pinned(1);
	check_dma(&s, va + 2 * MB + 5 * PAGE, 144 * MB, 6);
	unmap_at(&s, 144 * MB, PAGE);
	check_pinned(0);
	release_all();
	if (hugetlb)
		check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
}

struct copy_child {
	struct setup *s;
	uint32_t src;
	uint8_t *va;
	uint64_t mode;
	struct gate done;
	struct gate go;
};

static void map_and_copy(void *arg)
{
	struct copy_child *c = arg;

	pattern(c->va, COPY, 1);
	map_at(c->s, c->va, 4 * PAGE, IOVA);
	copy_within(c->s, IOVA, 4 * PAGE, COPY_IOVA);
	check_pinned(4);
	unmap_at(c->s, IOVA, 4 * PAGE);
	check_pinned(4);
}

static void map_source(void *arg)
{
	struct copy_child *c = arg;

	pattern(c->va, COPY, 1);
	assert_ok(ioas_map_fixed(c->s->ctx, c->src, c->va, 4 * PAGE, IOVA,
				 MAP_RW));
	gate_open(&c->done);
	gate_wait(&c->go);
}

/* The process that mapped and copied is gone, its memory is not. */
static void test_mapper_exits(void **state)
{
	struct setup s = setup_attached();
	struct copy_child c = { .s = &s, .va = page_alloc(4 * PAGE) };
	uint8_t *back = page_alloc(PAGE);
	long pins = state_pins();

	(void)state;
	run_child(map_and_copy, &c);
	check_eq(pins + 4, state_pins());
	copy_within(&s, COPY_IOVA, 4 * PAGE, IOVA);
	unmap_at(&s, COPY_IOVA, 4 * PAGE);
	check_eq(pins + 4, state_pins());
	map_at(&s, back, PAGE, 8 * MB);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, 8 * MB, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
	unmap_at(&s, 8 * MB, PAGE);
	unmap_at(&s, IOVA, 4 * PAGE);
	check_eq(pins, state_pins());
}

/* Copied by another process than the one that mapped. */
static void test_copy_for_other(void **state)
{
	struct setup s = setup_attached();
	struct copy_child c = {
		.s = &s, .va = page_alloc(4 * PAGE), .src = ioas_new(s.ctx),
	};
	uint8_t *back = page_alloc(PAGE);
	long pins = state_pins();
	pid_t child;

	(void)state;
	gate_init(&c.done);
	gate_init(&c.go);
	child = child_start(map_source, &c);
	gate_wait(&c.done);
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, IOVA, c.src, IOVA, 4 * PAGE,
				  MAP_RW));
	/* It is the mapper's memory, and the mapper's charge. */
	check_pinned(0);
	check_eq(pins + 4, state_pins());
	map_at(&s, back, PAGE, 8 * MB);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, 8 * MB, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
	unmap_at(&s, IOVA, 4 * PAGE);
	gate_open(&c.go);
	child_ok(child);
	/* There is nobody any more to take the memory from. */
	assert_errno(EFAULT, ioas_copy_fixed(s.ctx, s.ioas, IOVA, c.src, IOVA,
					     4 * PAGE, MAP_RW));
	unmap_at(&s, 8 * MB, PAGE);
	check_eq(pins, state_pins());
}

/* What is pinned already does not need the process's memory again. */
static void test_copy_after_munmap(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(2 * PAGE), *back = page_alloc(PAGE);

	(void)state;
	map_at(&s, va, 2 * PAGE, IOVA);
	map_at(&s, back, PAGE, 8 * MB);
	pattern(va + PAGE, COPY, 1);
	drop_map(va);
	copy_within(&s, IOVA + PAGE, PAGE, COPY_IOVA);
	unmap_at(&s, IOVA, 2 * PAGE);
	edu_read_ram(&s.edu, COPY_IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, 8 * MB, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
}

static void copy_under_limit(void *arg)
{
	struct copy_child *c = arg;
	struct setup *s = c->s;
	uint32_t other;
	uint8_t *va;

	become_limited(LIMIT_PAGES);
	va = page_alloc(2 * LIMIT_PAGES * PAGE);
	other = ioas_new(s->ctx);
	map_at(s, va, LIMIT_PAGES * PAGE, IOVA);
	/* As often as you like. */
	copy_within(s, IOVA, LIMIT_PAGES * PAGE, COPY_IOVA);
	copy_within(s, COPY_IOVA, LIMIT_PAGES * PAGE, 2 * COPY_IOVA);
	assert_ok(ioas_copy_fixed(s->ctx, other, IOVA, s->ioas, IOVA,
				  LIMIT_PAGES * PAGE, MAP_RW));
	check_pinned(LIMIT_PAGES);
	check_eq(c->mode ? LIMIT_PAGES * PAGE / KB : 0, state_vm("VmLck"));
	check_room(s, va, 0);
	unmap_at(s, IOVA, LIMIT_PAGES * PAGE);
	check_room(s, va, 0);
	unmap_at(s, COPY_IOVA, LIMIT_PAGES * PAGE);
	check_room(s, va, 0);
	unmap_at(s, 2 * COPY_IOVA, LIMIT_PAGES * PAGE);
	check_pinned(0);
	check_eq(0, state_vm("VmLck"));
	check_room(s, va, LIMIT_PAGES);
	/* The copy that is left fits exactly. */
	assert_ok(ioas_copy_fixed(s->ctx, s->ioas, IOVA, other, IOVA,
				  LIMIT_PAGES * PAGE, MAP_RW));
	check_room(s, va, 0);
	unmap_at(s, IOVA, LIMIT_PAGES * PAGE);
	/* More than that does not. */
	assert_ok(ioas_map_fixed(s->ctx, other, va, (LIMIT_PAGES + 1) * PAGE,
				 COPY_IOVA, MAP_RW));
	assert_errno(ENOMEM, ioas_copy_fixed(s->ctx, s->ioas, COPY_IOVA, other,
					     COPY_IOVA,
					     (LIMIT_PAGES + 1) * PAGE,
					     MAP_RW));
	check_pinned(0);
	check_room(s, va, LIMIT_PAGES);
	assert_ok(ioasid_destroy(s->ctx, other));
}

static void test_limit(void **state)
{
	struct copy_child c = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(c.mode);

	c.s = &s;
	run_child(copy_under_limit, &c);
}

static void test_copy_many_attached(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(300 * PAGE);
	uint64_t len = UINT64_MAX;
	size_t i;

	(void)state;
	for (i = 0; i < 300; i++)
		map_at(&s, va + i * PAGE, PAGE, IOVA + i * PAGE);
	copy_within(&s, IOVA, 300 * PAGE, COPY_IOVA);
	check_pinned(300);
	for (i = 0; i < 300; i += 2)
		unmap_at(&s, IOVA + i * PAGE, PAGE);
	check_pinned(300);
	check_dma(&s, va + 298 * PAGE, COPY_IOVA + 298 * PAGE, 1);
	for (i = 0; i < 300; i += 2)
		unmap_at(&s, COPY_IOVA + i * PAGE, PAGE);
	check_pinned(150);
	assert_ok(ioas_unmap(s.ctx, s.ioas, 0, &len));
	check_eq(300 * PAGE, len);
	check_pinned(0);
}

static void test_copy_bad_types(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(PAGE);
	uint32_t hwpt = 0;

	(void)state;
	assert_ok(cdev_attach(s.dev, s.ioas, &hwpt));
	map_at(&s, va, PAGE, IOVA);
	assert_errno(ENOENT, ioas_copy_fixed(s.ctx, hwpt, COPY_IOVA, s.ioas,
					     IOVA, PAGE, MAP_RW));
	assert_errno(ENOENT, ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA, hwpt,
					     IOVA, PAGE, MAP_RW));
	assert_errno(ENOENT, ioas_copy_fixed(s.ctx, s.devid, COPY_IOVA,
					     s.ioas, IOVA, PAGE, MAP_RW));
	assert_errno(ENOENT, ioas_copy_fixed(s.ctx, s.ioas, COPY_IOVA,
					     s.devid, IOVA, PAGE, MAP_RW));
}

/* ---- ALLOW_IOVAS ---- */

static void test_allow(void **state)
{
	static const struct ioasid_iova_range ranges[] = {
		/* In any order. */
		{ 8 * MB, 8 * MB + 2 * PAGE - 1 },
		{ 4 * MB, 4 * MB + PAGE - 1 },
	};
	struct spaces s = spaces_new(4);
	uint64_t iova = 0;

	(void)state;
	assert_ok(ioas_allow(s.fd, s.src, ranges, 2));
	assert_ok(ioas_map(s.fd, s.src, s.va, 2 * PAGE, &iova, MAP_RW));
	check_eq(8 * MB, iova);
	assert_ok(ioas_map(s.fd, s.src, s.va, PAGE, &iova, MAP_RW));
	check_eq(4 * MB, iova);
	assert_errno(ENOSPC, ioas_map(s.fd, s.src, s.va, PAGE, &iova, MAP_RW));
	/* A fixed IOVA goes anywhere. */
	assert_ok(ioas_map_fixed(s.fd, s.src, s.va, PAGE, IOVA, MAP_RW));
	/* Copies are no different. */
	assert_errno(ENOSPC, ioas_copy(s.fd, s.src, &iova, s.src, IOVA, PAGE,
				       MAP_RW));
	assert_ok(ioas_allow(s.fd, s.dst, ranges, 1));
	assert_ok(ioas_copy(s.fd, s.dst, &iova, s.src, IOVA, PAGE, MAP_RW));
	check_eq(8 * MB, iova);
	/* Another list replaces this one, none allows everything. */
	assert_ok(ioas_allow(s.fd, s.dst, ranges + 1, 1));
	assert_ok(ioas_map(s.fd, s.dst, s.va, PAGE, &iova, MAP_RW));
	check_eq(4 * MB, iova);
	assert_errno(ENOSPC, ioas_map(s.fd, s.dst, s.va, PAGE, &iova, MAP_RW));
	assert_ok(ioas_allow(s.fd, s.dst, NULL, 0));
	assert_ok(ioas_map(s.fd, s.dst, s.va, PAGE, &iova, MAP_RW));
	check_eq(PAGE, iova);
}

static void test_allow_bad(void **state)
{
	static const struct {
		struct ioasid_iova_range ranges[2];
		uint32_t num;
	} bad[] = {
		{ { { 0, 0 } }, 1 },
		{ { { MB, MB } }, 1 },
		{ { { MB, MB - 1 } }, 1 },
		{ { { UINT64_MAX, 0 } }, 1 },
		{ { { MB, 2 * MB }, { 2 * MB, 3 * MB } }, 2 },
		{ { { 2 * MB, 3 * MB }, { MB, 2 * MB } }, 2 },
		{ { { MB, 4 * MB }, { 2 * MB, 3 * MB } }, 2 },
		{ { { 2 * MB, 3 * MB }, { MB, 4 * MB } }, 2 },
		{ { { MB, 4 * MB }, { MB, 4 * MB } }, 2 },
		{ { { 0, UINT64_MAX }, { 5, 6 } }, 2 },
		{ { { MB, 2 * MB }, { 3 * MB, 3 * MB } }, 2 },
	};
	static const struct ioasid_iova_range good[] = {
		{ 2 * MB, 3 * MB - 1 }, { MB, 2 * MB - 1 },
	};
	struct spaces s = spaces_new(1);
	uint64_t iova = 0;
	size_t i;

	(void)state;
	assert_ok(ioas_allow(s.fd, s.src, good, 1));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_errno(EINVAL, ioas_allow(s.fd, s.src, bad[i].ranges,
						bad[i].num));
	/* The list from before is still good. */
	assert_ok(ioas_map(s.fd, s.src, s.va, PAGE, &iova, MAP_RW));
	check_eq(2 * MB, iova);
	/* Side by side is no overlap. */
	assert_ok(ioas_allow(s.fd, s.src, good, 2));
	assert_errno(ENOENT, ioas_allow(s.fd, ABSENT_ID, good, 2));
}

/*
 * Memory of 12K at a multiple of 16K goes to a multiple of 16K, wherever there are 12K
 * behind one. Where allowed ranges meet does not matter.
 */
static const struct fit {
	struct ioasid_iova_range ranges[3];
	uint32_t num;
	uint64_t occupied; /* a page that is, or 0 */
	uint64_t want; /* 0 if there is no room */
} fits[] = {
	{ { { 64 * KB, 76 * KB - 1 } }, 1, 0, 64 * KB },
	{ { { 64 * KB, 76 * KB - 2 } }, 1, 0, 0 },
	{ { { 64 * KB + 1, 76 * KB } }, 1, 0, 0 },
	{ { { 77 * KB, 92 * KB - 1 } }, 1, 0, 80 * KB },
	{ { { 77 * KB, 92 * KB - 2 } }, 1, 0, 0 },
	/* As much as is needed, without a multiple of 16K, or behind one. */
	{ { { 68 * KB, 80 * KB - 1 } }, 1, 0, 0 },
	{ { { 68 * KB, 88 * KB - 1 } }, 1, 0, 0 },
	/* Side by side, in any order. */
	{ { { 64 * KB, 68 * KB - 1 }, { 68 * KB, 76 * KB - 1 } },
	  2, 0, 64 * KB },
	{ { { 72 * KB, 76 * KB - 1 }, { 64 * KB, 68 * KB - 1 },
	    { 68 * KB, 72 * KB - 1 } }, 3, 0, 64 * KB },
	{ { { 60 * KB, 78 * KB - 1 }, { 78 * KB, 84 * KB },
	    { 84 * KB + 1, 92 * KB - 1 } }, 3, 68 * KB, 80 * KB },
	/* A byte between them is not allowed. */
	{ { { 64 * KB, 68 * KB - 1 }, { 68 * KB + 1, 76 * KB - 1 } }, 2, 0, 0 },
	{ { { 64 * KB, 68 * KB - 1 }, { 68 * KB + 1, 92 * KB - 1 } },
	  2, 0, 80 * KB },
	/* What is mapped ends a hole as the end of a range does. */
	{ { { 64 * KB, 92 * KB - 1 } }, 1, 76 * KB, 64 * KB },
	{ { { 64 * KB, 92 * KB - 1 } }, 1, 72 * KB, 80 * KB },
	{ { { 64 * KB, 92 * KB - 1 } }, 1, 84 * KB, 64 * KB },
	{ { { 66 * KB, 92 * KB - 1 } }, 1, 88 * KB, 0 },
	/* All of it, but for the first page and the last. */
	{ { { 0, UINT64_MAX / 2 }, { UINT64_MAX / 2 + 1, UINT64_MAX } },
	  2, 0, 16 * KB },
	{ { { UINT64_MAX - 16 * KB + 1, UINT64_MAX } },
	  1, 0, UINT64_MAX - 16 * KB + 1 },
	{ { { 0, 16 * KB - 1 } }, 1, 0, 0 },
};

static void check_fit(struct spaces *s, const struct fit *fit, int file)
{
	uint8_t *va = (uint8_t *)(((uintptr_t)s->va + 16 * KB - 1) &
				  -(16 * KB));
	uint64_t iova = 0, len = 12 * KB, all = UINT64_MAX;
	int want = fit->want ? 0 : ENOSPC;

	assert_ok(ioas_allow(s->fd, s->dst, fit->ranges, fit->num));
	if (fit->occupied)
		assert_ok(ioas_map_fixed(s->fd, s->dst, s->va, PAGE,
					 fit->occupied, MAP_RW));
	assert_errno(want, ioas_map(s->fd, s->dst, va, len, &iova, MAP_RW));
	if (!want) {
		check_eq(fit->want, iova);
		assert_ok(ioas_unmap_exact(s->fd, s->dst, iova, len));
	}
	/* The source is aligned as @va is. */
	assert_errno(want, ioas_copy(s->fd, s->dst, &iova, s->src, IOVA, len,
				     MAP_RW));
	if (!want) {
		check_eq(fit->want, iova);
		assert_ok(ioas_unmap_exact(s->fd, s->dst, iova, len));
	}
	/* Of a file, the offset is. */
	assert_errno(want, ioas_map_file(s->fd, s->dst, file, 16 * KB, len,
					 &iova, MAP_RW));
	if (!want)
		check_eq(fit->want, iova);
	assert_ok(ioas_unmap(s->fd, s->dst, 0, &all));
}

static void test_allow_fits(void **state)
{
	struct spaces s = spaces_new(8);
	int file = assert_ok(keep_fd(memfd_create("fits", MFD_CLOEXEC)));
	uint8_t *va = (uint8_t *)(((uintptr_t)s.va + 16 * KB - 1) &
				  -(16 * KB));
	size_t i;

	(void)state;
	need_thp();
	assert_ok(ftruncate(file, 64 * KB));
	assert_ok(ioas_map_fixed(s.fd, s.src, va, 12 * KB, IOVA, MAP_RW));
	for (i = 0; i < ARRAY_SIZE(fits); i++) {
		print_message("# fit %zu\n", i);
		check_fit(&s, &fits[i], file);
	}
}

/* A small part of the IOVAs, page by page: the simplest way to find the first fit. */
#define WINDOW_PAGES 96UL

struct window {
	bool allowed[WINDOW_PAGES];
	bool used[WINDOW_PAGES];
};

static size_t first_fit(const struct window *w, size_t pages, size_t align)
{
	size_t at, n;

	/* It begins at a multiple of any alignment there is. */
	for (at = 0; at + pages <= WINDOW_PAGES; at += align) {
		for (n = 0; n < pages; n++)
			if (!w->allowed[at + n] || w->used[at + n])
				break;
		if (n == pages)
			break;
	}
	return at + pages <= WINDOW_PAGES ? at : WINDOW_PAGES;
}

/* Ranges of random lengths, with and without a gap between them. */
static void allow_random(struct spaces *s, struct window *w)
{
	struct ioasid_iova_range ranges[WINDOW_PAGES];
	size_t at, n, pages;

	memset(w->allowed, 0, sizeof(w->allowed));
	for (at = random() % 3, n = 0; at < WINDOW_PAGES;
	     at += pages + (random() % 3 ? 0 : random() % 6)) {
		pages = 1 + random() % 12;
		if (at + pages > WINDOW_PAGES)
			pages = WINDOW_PAGES - at;
		memset(w->allowed + at, true, pages);
		ranges[n].start = COPY_IOVA + at * PAGE;
		ranges[n++].last = COPY_IOVA + (at + pages) * PAGE - 1;
	}
	assert_ok(ioas_allow(s->fd, s->dst, ranges, n));
}

static void map_random(struct spaces *s, struct window *w)
{
	uint64_t iova = 0, all = UINT64_MAX;
	size_t pages = 1 + random() % 9, skip = 1 + random() % 16;
	size_t align, at;

	for (align = 1; align < pages && !(skip & align); align *= 2)
		;
	at = first_fit(w, pages, align);
	assert_errno(at < WINDOW_PAGES ? 0 : ENOSPC,
		     ioas_map(s->fd, s->dst, (void *)(MB + skip * PAGE),
			      pages * PAGE, &iova, MAP_RW));
	if (at < WINDOW_PAGES) {
		check_eq(COPY_IOVA + at * PAGE, iova);
		memset(w->used + at, true, pages);
	} else if (random() % 2) {
		assert_ok(ioas_unmap(s->fd, s->dst, 0, &all));
		memset(w->used, 0, sizeof(w->used));
	}
	/* And one somewhere, which is not asked for what is allowed. */
	at = random() % WINDOW_PAGES;
	assert_errno(w->used[at] ? EEXIST : 0,
		     ioas_map_fixed(s->fd, s->dst, s->va, PAGE,
				    COPY_IOVA + at * PAGE, MAP_RW));
	w->used[at] = true;
}

static void test_allow_model(void **state)
{
	struct spaces s = spaces_new(1);
	struct window w = { 0 };
	unsigned int i;

	(void)state;
	need_thp();
	srandom(13);
	for (i = 0; i < 2000; i++) {
		if (i % 8 == 0)
			allow_random(&s, &w);
		map_random(&s, &w);
	}
}

/* Up to what a device cannot use, from both sides. */
static void test_allow_beside_reserved(void **state)
{
	static const struct ioasid_iova_range below[] = {
		{ MSI_WINDOW - 16 * KB, MSI_WINDOW - 8 * KB - 1 },
		{ MSI_WINDOW - 8 * KB, MSI_WINDOW - 1 },
	}, behind = { MSI_WINDOW_LAST + 1, MSI_WINDOW_LAST + 12 * KB };
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(32 * KB);
	uint64_t iova = 0;

	(void)state;
	/* Too high for the device's own DMA: it is about who gets which IOVA. */
	va = (uint8_t *)(((uintptr_t)va + 16 * KB - 1) & -(16 * KB));
	assert_ok(ioas_allow(s.ctx, s.ioas, below, 2));
	assert_ok(ioas_map(s.ctx, s.ioas, va, 16 * KB, &iova, MAP_RW));
	check_eq(below[0].start, iova);
	assert_errno(ENOSPC, ioas_map(s.ctx, s.ioas, va, PAGE, &iova, MAP_RW));
	assert_ok(ioas_allow(s.ctx, s.ioas, &behind, 1));
	assert_ok(ioas_map(s.ctx, s.ioas, va, 12 * KB, &iova, MAP_RW));
	check_eq(behind.start, iova);
	assert_errno(ENOSPC, ioas_map(s.ctx, s.ioas, va, PAGE, &iova, MAP_RW));
}

/* Against what a device cannot use, whichever came first. */
static void test_allow_reserved(void **state)
{
	static const struct ioasid_iova_range window[] = {
		{ MB, 2 * MB - 1 }, { MSI_WINDOW_LAST, MSI_WINDOW_LAST + 1 },
	}, below[] = {
		{ MB, 2 * MB - 1 }, { 2 * MB, MSI_WINDOW - 1 },
	}, top = { 1ULL << 63, UINT64_MAX };
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(PAGE);
	struct ioasid_iova_range ranges[32];
	uint32_t num = ARRAY_SIZE(ranges);
	uint64_t iova = 0;
	bool reaches_top;

	(void)state;
	assert_ok(ioas_ranges(s.ctx, s.ioas, ranges, &num, NULL));
	reaches_top = ranges[num - 1].last == UINT64_MAX;
	assert_errno(EADDRINUSE, ioas_allow(s.ctx, s.ioas, window, 2));
	if (!reaches_top)
		assert_errno(EADDRINUSE, ioas_allow(s.ctx, s.ioas, &top, 1));
	assert_ok(ioas_allow(s.ctx, s.ioas, below, 2));
	assert_errno(EADDRINUSE, ioas_allow(s.ctx, s.ioas, window, 2));
	assert_ok(ioas_map(s.ctx, s.ioas, va, PAGE, &iova, MAP_RW));
	check_eq(MB, iova);
	check_dma(&s, va, iova, 1);
	assert_ok(cdev_detach(s.dev));
	/* The promise binds those who come later. */
	assert_ok(ioas_allow(s.ctx, s.ioas, window, 2));
	assert_errno(EADDRINUSE, cdev_attach(s.dev, s.ioas, NULL));
	check_pinned(0);
	if (!reaches_top) {
		assert_ok(ioas_allow(s.ctx, s.ioas, &top, 1));
		assert_errno(EADDRINUSE, cdev_attach(s.dev, s.ioas, NULL));
		check_pinned(0);
	}
	assert_ok(ioas_allow(s.ctx, s.ioas, below, 2));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_dma(&s, va, iova, 2);
	assert_ok(ioas_allow(s.ctx, s.ioas, NULL, 0));
}

/* A replacement that breaks the promise leaves the old attachment at work. */
static void test_allow_replace(void **state)
{
	static const struct ioasid_iova_range window = {
		MSI_WINDOW, MSI_WINDOW_LAST,
	};
	struct setup s = setup_attached();
	uint32_t other = ioas_new(s.ctx), hwpt;
	uint8_t *va = page_alloc(PAGE);

	(void)state;
	map_at(&s, va, PAGE, IOVA);
	assert_ok(ioas_allow(s.ctx, other, &window, 1));
	assert_errno(EADDRINUSE, cdev_attach(s.dev, other, NULL));
	check_dma(&s, va, IOVA, 1);
	/* A page table alone does not reserve what the device does. */
	assert_ok(hwpt_alloc(s.ctx, s.devid, other, 0, &hwpt));
	assert_errno(EADDRINUSE, cdev_attach(s.dev, hwpt, NULL));
	check_dma(&s, va, IOVA, 2);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	ADD(copy);
	ADD(copy_within);
	ADD(copy_flags);
	ADD(copy_bad_ids);
	ADD(copy_bad_length);
	ADD(copy_holes);
	ADD(copy_slices);
	ADD(copy_occupied);
	ADD(copy_permission);
	ADD(copy_error_order);
	ADD(copy_auto);
	ADD(copy_bytes);
	ADD(copy_of_copy);
	ADD(copy_destroy);
	ADD(copy_many);
	ADD(copy_answer);
	ADD(dma_within);
	ADD(dma_between);
	test_add(&list, test_pins_both, (void *)1, "pins_both.source_first");
	test_add(&list, test_pins_both, NULL, "pins_both.copy_first");
	ADD(pins_follow_tables);
	ADD(slice_keeps_itself);
	ADD(slice_pins_itself);
	test_add(&list, test_slice_crowd, (void *)12, "slice_crowd.small");
	test_add(&list, test_slice_crowd, (void *)700, "slice_crowd.large");
	ADD(dma_slices);
	ADD(dma_read_only_copy);
	ADD(dma_copy_of_copy);
	ADD(copy_reserved);
	ADD(copy_misaligned);
	ADD(copy_pin_fails);
	test_add(&list, test_dma_huge, NULL, "dma_huge.thp");
	test_add(&list, test_dma_huge, (void *)1, "dma_huge.hugetlb");
	ADD(mapper_exits);
	ADD(copy_for_other);
	ADD(copy_after_munmap);
	test_add(&list, test_limit, NULL, "limit.user");
	test_add(&list, test_limit, (void *)1, "limit.process");
	ADD(copy_many_attached);
	ADD(copy_bad_types);
	ADD(allow);
	ADD(allow_bad);
	ADD(allow_fits);
	ADD(allow_model);
	ADD(allow_beside_reserved);
	ADD(allow_reserved);
	ADD(allow_replace);
	return test_main(argc, argv, "copy", &list, NULL, NULL);
}
