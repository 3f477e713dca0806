/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layer 1, memory: account.c, pages.c, error_pin.c, shared.c, dmabuf.c.
 *
 * It keeps memory of users as runs of page frames: pins and charges it, shares it among
 * those who need it, splits it, reads and writes it. It promises that pinned memory stays
 * where it is, that it is charged once, and that unpinning neither allocates nor fails.
 * It knows no IOMMU, and of an IOAS no more than where it has mapped memory of a dma-buf,
 * which is taken from it when the exporter wants that. The locks it takes are inside those
 * of an IOAS, but for dmabufs_lock, which is outside those of page tables.
 */
#ifndef _IOMMUFD_EXT_MEMORY_H
#define _IOMMUFD_EXT_MEMORY_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/stddef.h>

#include "core.h"

struct cred;
struct dma_buf;
struct mm_struct;
struct page;
struct task_struct;
struct user_struct;

/**
 * struct pages_owner - whom pinned memory belongs to and is charged to
 * @users: one per area, one for the context's cache
 * @ictx: the context its memory is mapped in, which outlives it
 * @mm: the address space, kept as a structure, not alive
 * @task: leader of the process, for its RLIMIT_MEMLOCK
 * @user: for the charge of all processes of a user
 * @cred: keeps @user. Not each kernel lets modules drop a reference to that
 *
 * All but @users is constant. One serves all mappings a process makes.
 */
struct pages_owner {
	refcount_t users;
	struct iommufd_ext_ctx *ictx;
	struct mm_struct *mm;
	struct task_struct *task;
	struct user_struct *user;
	const struct cred *cred;
};

/**
 * enum pages_charge - how pinned memory is charged
 * @CHARGE_NONE: not limited: the process had CAP_IPC_LOCK
 * @CHARGE_USER: to the user, all processes together
 * @CHARGE_MM: to the process, as mlock() is
 */
enum pages_charge {
	CHARGE_NONE,
	CHARGE_USER,
	CHARGE_MM,
};

/**
 * struct pfn_run - pinned memory that is physically contiguous
 * @npages: length, in pages
 * @folios: pinned once per folio rather than once per page
 * @pfn: number of the first page frame
 */
struct pfn_run {
	u64 npages : 23;
	u64 folios : 1;
	u64 pfn : 40;
};

#define PFN_RUN_MAX_PAGES ((1UL << 23) - 1)

/*
 * Memory of up to this many pages has room for its runs in struct pages, and is
 * pinned with an array on the stack.
 */
#define SMALL_PAGES 16

/**
 * struct pfn_run_chunk - some of the runs of a large mapping
 * @next: the following ones
 * @nr: used entries
 * @max: entries there are
 * @runs: the runs
 */
struct pfn_run_chunk {
	struct pfn_run_chunk *next;
	unsigned int nr;
	unsigned int max;
	struct pfn_run runs[];
};

/**
 * struct pages - user memory, and where it is while it is pinned
 * @owner: whose memory
 * @start: user address of the first byte; of a file's memory, its offset
 * @writable: pinned for writing
 * @charge: enum pages_charge, chosen when it was mapped
 * @shared: the memory is that of a struct shared_pages; constant
 * @nr_runs: used entries of @runs
 * @max_runs: entries of @runs there is room for; 0 if the runs are in @chunks
 * @chunks: runs of memory too large for @runs, in order
 * @runs: runs of small memory
 *
 * Memory of one area is written by whoever makes or fills the area: the creator
 * alone before the area is published, later the holder of ioas.domains_rwsem.
 * Shared memory is protected by shared_pages.lock. It has no runs itself: they are
 * in its segments.
 */
struct pages {
	struct pages_owner *owner;
	unsigned long start;
	u8 writable;
	u8 charge;
	u8 shared;
	u8 nr_runs;
	u8 max_runs;
	union {
		struct pfn_run_chunk *chunks;
		DECLARE_FLEX_ARRAY(struct pfn_run, runs);
	};
};

/**
 * struct pfn_run_iter - walks the runs of pinned memory
 * @chunk: current chunk, for memory that is kept in chunks
 * @next: the run that comes next
 * @end: behind the last of those that follow it directly
 */
struct pfn_run_iter {
	const struct pfn_run_chunk *chunk;
	const struct pfn_run *next;
	const struct pfn_run *end;
};

static inline void pfn_run_iter_init(struct pfn_run_iter *iter,
				     const struct pages *pages)
{
	if (pages->max_runs) {
		iter->next = pages->runs;
		iter->end = iter->next + pages->nr_runs;
	} else {
		iter->chunk = pages->chunks;
		iter->next = iter->chunk->runs;
		iter->end = iter->next + iter->chunk->nr;
	}
}

/*
 * The runs cover the memory: who asks for no more than its length gets an answer each
 * time.
 */
static inline const struct pfn_run *pfn_run_next(struct pfn_run_iter *iter)
{
	if (iter->next == iter->end) {
		iter->chunk = iter->chunk->next;
		iter->next = iter->chunk->runs;
		iter->end = iter->next + iter->chunk->nr;
	}
	return iter->next++;
}

/**
 * struct segment - part of shared memory that is pinned
 * @node: in shared_pages.segments
 * @first: where in the memory it begins, in pages
 * @npages: size, in pages
 * @users: how many areas and accesses need it pinned
 * @pages: where it is; the owner is that of the shared memory, without a reference
 *
 * All protected by shared_pages.lock.
 */
struct segment {
	struct rb_node node;
	unsigned long first;
	unsigned long npages;
	unsigned long users;
	/* Last: its size depends on the size of the memory. */
	struct pages pages;
};

/**
 * struct dmabuf_memory - the memory of a dma-buf, for one mapping and its copies
 * @buf: the dma-buf, with a reference
 * @item: in the list of all
 * @paddr: where its first byte is; constant
 * @revoked: nothing may be mapped any more
 * @mapped: where page tables map it. Empty when it is freed
 *
 * All but @buf and @paddr is protected by dmabufs_lock.
 */
struct dmabuf_memory {
	struct dma_buf *buf;
	struct list_head item;
	phys_addr_t paddr;
	bool revoked;
	struct rb_root mapped;
};

/**
 * struct shared_pages - memory of more than one area, of a file, or of an access
 * @users: one per area
 * @lock: protects the fields below; segments that an area or an access needs are
 *	split with it write-held, and otherwise stay
 * @segments: struct segment by place in the memory; they do not overlap
 * @npinned: size of all segments, in pages
 * @ictx: the context; constant
 * @file: the file the memory is in, or NULL; constant
 * @dmabuf: the dma-buf the memory is, or NULL; constant
 * @kept: some of it stays pinned for good; protected by @lock
 * @moving: links memory that changes its owner; see change_process.c. Protected by
 *	iommufd_ext_ctx.copy_rwsem
 * @charged: what the owner to be is charged for it, in pages; as @moving
 * @pages: the memory
 *
 * An area has its memory to itself until it is copied or cut, or an access pins
 * some of it; that is when the memory moves here.
 */
struct shared_pages {
	refcount_t users;
	struct rw_semaphore lock; /* protects segments, npinned and pages */
	struct rb_root segments;
	unsigned long npinned;
	struct iommufd_ext_ctx *ictx;
	struct file *file;
	struct dmabuf_memory *dmabuf;
	bool kept;
	struct list_head moving;
	unsigned long charged;
	struct pages pages;
};

/**
 * struct pfn_range - contiguous page frames
 * @pfn: number of the first one
 * @npages: how many there are
 */
struct pfn_range {
	unsigned long pfn;
	unsigned long npages;
};

/**
 * struct area_iter - walks the memory of a pinned area
 * @runs: in the current segment, or in the area's own memory
 * @segment: the current segment, NULL for the area's own memory
 * @left: pages of @segment behind @runs
 */
struct area_iter {
	struct pfn_run_iter runs;
	struct segment *segment;
	unsigned long left;
};

/* account.c */
struct pages_owner *pages_owner_get_current(struct iommufd_ext_ctx *ictx);
void pages_owner_put(struct pages_owner *owner);
enum pages_charge pages_owner_charge_between(const struct pages_owner *from,
					     const struct pages_owner *to,
					     enum pages_charge charge);
int pages_owner_charge(struct pages_owner *owner, enum pages_charge charge,
		       unsigned long npages);
void pages_owner_charge_always(struct pages_owner *owner,
			       enum pages_charge charge, unsigned long npages);
void pages_owner_uncharge(struct pages_owner *owner, enum pages_charge charge,
			  unsigned long npages);

/* pages.c */
unsigned int pages_max_runs(unsigned long npages);
size_t pages_runs_size(unsigned int max_runs);
int pages_pin(struct pages *pages, unsigned long npages, struct file *file);
void pages_unpin(struct pages *pages, unsigned long npages);
void pages_forget(struct pages *pages);
int pages_split(struct pages *pages, unsigned long npages, struct pages *rest);
void pages_rw(const struct pages *pages, size_t skip, void *data, size_t size,
	      bool write);
int pages_rw_unpinned(const struct pages *pages, struct file *file, size_t skip,
		      void *data, size_t size, bool write);

/* error_pin.c */
int refuse_pin(struct iommufd_ext_ctx *ictx, int rc, struct mm_struct *mm,
	       unsigned long addr, bool write);
int refuse_pin_file(struct iommufd_ext_ctx *ictx, int rc, struct file *file,
		    unsigned long first, unsigned long last);

/* shared.c */
struct shared_pages *shared_pages_alloc(struct iommufd_ext_ctx *ictx,
					struct file *file);
void shared_pages_put(struct shared_pages *shared);
struct segment *shared_pages_segment(struct shared_pages *shared,
				     unsigned long page);
int shared_pages_adopt(struct shared_pages *shared, const struct pages *own,
		       unsigned long npages);
int shared_pages_pin(struct shared_pages *shared, unsigned long first,
		     unsigned long last);
void shared_pages_unpin(struct shared_pages *shared, unsigned long first,
			unsigned long last);
void shared_pages_keep(struct shared_pages *shared);
int shared_pages_cut(struct shared_pages *shared, unsigned long last,
		     unsigned long first);
void shared_pages_get(struct shared_pages *shared, unsigned long first,
		      unsigned long npages, struct page **out_pages);
int shared_pages_rw(struct shared_pages *shared, size_t skip, void *data,
		    size_t size, bool write);
int shared_pages_set_owner(struct shared_pages *shared,
			   struct pages_owner *owner, enum pages_charge charge,
			   unsigned long charged);
void shared_iter_init(struct area_iter *iter, struct shared_pages *shared,
		      unsigned long page);
void shared_iter_next(struct area_iter *iter, struct pfn_range *range);

/* dmabuf.c */
extern struct mutex dmabufs_lock;
bool dmabuf_has_exporters(void);
struct dmabuf_memory *dmabuf_memory_alloc(struct iommufd_ext_ctx *ictx, int fd,
					  unsigned long start,
					  unsigned long length);
void dmabuf_memory_free(struct dmabuf_memory *memory, bool keep);
unsigned int dmabuf_max_runs(unsigned long npages);
void dmabuf_fill(const struct dmabuf_memory *memory, struct pages *pages,
		 unsigned long npages);
struct dmabuf_memory *dmabuf_next_memory(const struct dma_buf *buf,
					 struct dmabuf_memory *memory);

#endif
