/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layer 2, the address space: area.c, iova.c, domain.c, mapping.c, cut.c.
 *
 * It keeps what is mapped where in an IOAS, and two kinds of followers: page tables, and
 * drivers that use the memory without DMA. It promises that each ready area is in every
 * page table, that entries leave page tables before memory is unpinned, and that no area
 * goes while such a driver has pages of it. Of a page table it knows struct table, of such
 * a driver struct listener: the layer above embeds them in what it has. A listener is asked
 * to unpin memory through its ops, with a reference to it and no lock held. This layer knows
 * no group and no ioctl, and of a bound device only its id, for sentences.
 */
#ifndef _IOMMUFD_EXT_SPACE_H
#define _IOMMUFD_EXT_SPACE_H

#include <asm/barrier.h>

#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/xarray.h>

#include "memory.h"

/**
 * struct area - one mapping of an IOAS
 * @node: in ioas.areas; protected by ioas.iova_lock
 * @iova: first IOVA, constant
 * @last: last IOVA; changes with domains_rwsem write-held and iova_lock held
 * @next: links areas that are being unmapped together; the unmapper's
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE; constant
 * @ready: the area is in every page table of the IOAS. In the tree, for area_is_ready(),
 *	area_set_ready() and area_clear_ready() alone. Set with domains_rwsem held by the
 *	mapper, cleared by the unmapper with also iova_lock held. While it is clear,
 *	the area holds its IOVA and belongs to whoever makes or removes it
 * @going: it is being removed; set with iova_lock held
 * @revoked: it is to be removed, and no access may begin to use it; set with
 *	iova_lock held
 * @kept: an IOMMU driver did not remove it from a page table: its memory stays
 *	pinned and its IOVAs occupied, even when the user has unmapped it. Set by
 *	whoever fills or empties page tables, never cleared
 * @accesses: how many pins of accesses, and accesses at work, keep it from being
 *	removed; protected by iova_lock
 * @pages: the memory: @own, or shared memory; changes with domains_rwsem
 *	write-held
 * @own: memory of this area alone
 * @offset: of an area that shares its memory: where in it the area begins, in bytes
 */
struct area {
	struct rb_node node;
	unsigned long iova;
	unsigned long last;
	struct area *next;
	u8 prot;
	bool ready;
	bool kept;
	/* Under one lock. */
	u8 going : 1;
	u8 revoked : 1;
	u32 accesses;
	struct pages *pages;
	union {
		/* Its size depends on the size of the memory. */
		struct pages own;
		unsigned long offset;
	};
};

/* One of a page, of which there may be millions, takes 96 bytes of slab and not 128. */
static_assert(offsetof(struct area, own.runs) + sizeof(struct pfn_run) <= 96);

/*
 * Is an area of the tree in every page table of its IOAS? False while it is being made
 * or removed.
 *
 * The mapper does not hold iova_lock when it is done, so finding the area with that lock
 * held is not enough to see what the mapper has written. Who sees the area ready sees it
 * whole.
 * Context: holds ioas.iova_lock, so that it does not become unready meanwhile.
 */
static inline bool area_is_ready(const struct area *area)
{
	/* Pairs with area_set_ready(). */
	return smp_load_acquire(&area->ready);
}

/*
 * Lets a new area be used, which is complete, and in every page table.
 * Context: holds ioas.domains_rwsem, for reading.
 */
static inline void area_set_ready(struct area *area)
{
	/* Pairs with area_is_ready(). */
	smp_store_release(&area->ready, true);
}

/*
 * Makes a ready area the caller's own, to remove it.
 * Context: holds ioas.domains_rwsem, for reading, and ioas.iova_lock.
 */
static inline void area_clear_ready(struct area *area)
{
	/*
	 * This pairs with no barrier: all who look hold iova_lock, as the caller does,
	 * and what is done to the area from here on is ordered by that lock.
	 */
	WRITE_ONCE(area->ready, false);
}

/*
 * Has the user unmapped an area that an IOMMU driver has not? It keeps its IOVAs, and is
 * no mapping any more.
 * Context: holds ioas.iova_lock.
 */
static inline bool area_is_left(const struct area *area)
{
	return area->going && READ_ONCE(area->kept);
}

static inline unsigned long area_length(const struct area *area)
{
	return area->last - area->iova + 1;
}

/* Where in its memory the area begins, in bytes. */
static inline unsigned long area_offset(const struct area *area)
{
	return area->pages->shared ? area->offset : 0;
}

/* The memory of an area that shares it. */
static inline struct shared_pages *area_shared(const struct area *area)
{
	return container_of(area->pages, struct shared_pages, pages);
}

/* The dma-buf whose memory the area is, which is not pinned, or NULL. */
static inline struct dmabuf_memory *area_dmabuf(const struct area *area)
{
	return area->pages->shared ? area_shared(area)->dmabuf : NULL;
}

/* User address, or offset in the file, of the first byte. */
static inline unsigned long area_start(const struct area *area)
{
	return area->pages->start + area_offset(area);
}

/* Count areas that come, or that go if the numbers are negative. */
static inline void ctx_count_areas(struct iommufd_ext_ctx *ictx, long nr,
				   long bytes)
{
	atomic_long_add(nr, &ictx->counts.mappings);
	atomic64_add(bytes, &ictx->counts.bytes);
}

/**
 * struct slice - part of mapped memory, for a copy of it
 * @item: in the list of what is copied
 * @shared: the memory, of which the slice is a user
 * @offset: where in it the slice begins, in bytes
 * @length: size, in bytes
 */
struct slice {
	struct list_head item;
	struct shared_pages *shared;
	unsigned long offset;
	unsigned long length;
};

/**
 * enum map_path - how areas go into and out of the page table of an IOMMU driver
 * @MAP_CORE: iommu_map_sg() and iommu_unmap_fast() of the IOMMU core
 * @MAP_PAGES: the domain operations map_pages and unmap_pages
 * @MAP_RANGE: map_range and unmap_range of a generic page table
 */
enum map_path {
	MAP_CORE,
	MAP_PAGES,
	MAP_RANGE,
};

/**
 * struct table - a page table, as the IOAS knows it that it follows
 * @obj: object header of what it is part of
 * @dev_name: name of the device it is made for, or NULL if it is nested; constant
 * @dev_id: id of that device; constant
 * @domain: the page table proper
 * @map_path: how areas go into it; constant
 * @parallel: its driver bears calls on several processors; constant
 * @driver_lock: of a driver that does not: held for each call of it
 * @revoke_lock: memory of dma-bufs, which is revoked without the locks of the IOAS,
 *	enters and leaves with it held; not used of a nested one
 * @item: in ioas.tables; protected by ioas.domains_rwsem
 * @tracking: dirty pages are noted; changes with ioas.domains_rwsem write-held
 */
struct table {
	const struct obj *obj;
	const char *dev_name;
	u32 dev_id;
	struct iommu_domain *domain;
	enum map_path map_path;
	bool parallel;
	struct mutex driver_lock; /* serialises calls of the IOMMU driver */
	struct mutex revoke_lock; /* keeps memory from being revoked */
	struct list_head item;
	bool tracking;
};

/**
 * struct listener - a driver that uses the memory of an IOAS without DMA
 * @obj: object header of what it is part of
 * @ops: what the driver is told; constant
 * @data: for @ops; constant
 * @iova_alignment: what the IOAS must be aligned to, in bytes; constant
 */
struct listener {
	struct obj *obj;
	const struct iommufd_ext_access_ops *ops;
	void *data;
	unsigned long iova_alignment;
};

/**
 * struct ioas - an I/O address space
 * @obj: object header
 * @ictx: the context; constant
 * @domains_rwsem: write: the set of page tables changes; read: an area goes into
 *	or out of all of them. Never held while a new mapping pins its memory
 * @tables: the page tables that follow the IOAS; changes with @domains_rwsem
 *	write-held and iommufd_ext_ctx.attach_lock held
 * @iova_lock: protects the fields below; held over slow work only while a page
 *	table is filled or emptied
 * @areas: struct area by IOVA; they do not overlap
 * @reserved: struct reserved_range: IOVAs that cannot be mapped
 * @reserved_by: the same, by owner
 * @allowed: struct allowed_range: IOVAs that may not become reserved, and of
 *	which automatic ones are chosen; empty for all
 * @iova_alignment: every IOVA and length is a multiple, in bytes
 * @large_pages: contiguous memory may become large IOMMU pages; changes with
 *	@domains_rwsem write-held too
 * @listeners: drivers that use the memory without DMA; changes with @domains_rwsem
 *	write-held too. Its xa_lock makes look-up and taking a reference one step
 */
struct ioas {
	struct obj obj;
	struct iommufd_ext_ctx *ictx;
	struct rw_semaphore domains_rwsem;
	struct list_head tables;
	struct mutex iova_lock;
	struct rb_root areas;
	struct rb_root_cached reserved;
	struct rb_root reserved_by;
	struct rb_root_cached allowed;
	unsigned long iova_alignment;
	bool large_pages;
	struct xarray listeners;
};

/* To be put with obj_put(). */
static inline struct ioas *ioas_get(struct iommufd_ext_ctx *ictx, u32 id)
{
	struct obj *obj = obj_get(ictx, id, OBJ_IOAS);

	return obj ? container_of(obj, struct ioas, obj) : NULL;
}

/**
 * struct iova_owner - in whose name IOVAs are kept from being mapped
 * @key: what iova_unreserve() finds them by
 * @id: id of the page table or device, published or not, or 0 for none
 * @dev_name: name of the device, or of the one that the page table is made for; NULL
 *	for none
 * @dev_id: id of that device, or 0 for none
 */
struct iova_owner {
	const void *key;
	u32 id;
	const char *dev_name;
	u32 dev_id;
};

/**
 * struct table_name - a page table as a sentence names it
 * @id: of the page table, or of its IOAS if it has no id that a user knows
 * @text: the words
 */
struct table_name {
	u32 id;
	char text[48];
};

/* area.c */
struct area *area_alloc(struct iommufd_ext_ctx *ictx, unsigned long uptr,
			unsigned long length, int prot);
struct area *area_alloc_file(struct iommufd_ext_ctx *ictx, struct file *file,
			     unsigned long start, unsigned long length,
			     int prot);
struct area *area_alloc_dmabuf(struct iommufd_ext_ctx *ictx,
			       struct dmabuf_memory *memory,
			       unsigned long start, unsigned long length,
			       int prot);
unsigned long area_page(const struct area *area, unsigned long iova);
struct area *area_alloc_slice(const struct slice *slice, int prot);
struct shared_pages *area_share(struct area *area, bool pinned);
struct area *area_cut_begin(struct area *area, unsigned long iova, bool pinned);
void area_cut_abort(struct area *area, struct area *second, bool pinned);
void area_cut_end(struct area *area, struct area *second);
void area_free(struct area *area);
void area_drop(struct area *area);
int area_pin(struct area *area);
void area_unpin(struct area *area);
unsigned long area_npages(const struct area *area);
int area_rw(const struct area *area, bool pinned, unsigned long iova,
	    void *data, size_t size, bool write);
void area_lock_runs(const struct area *area);
void area_unlock_runs(const struct area *area);
size_t area_iter_init(struct area_iter *iter, const struct area *area,
		      unsigned long iova);

/* The next contiguous part of the memory. The caller asks for no more than the area has. */
static inline void area_iter_next(struct area_iter *iter,
				  struct pfn_range *range)
{
	const struct pfn_run *run;

	if (iter->segment) {
		shared_iter_next(iter, range);
		return;
	}
	run = pfn_run_next(&iter->runs);
	range->pfn = run->pfn;
	range->npages = run->npages;
}

/* iova.c */
struct area *iova_find_area(struct ioas *ioas, unsigned long iova,
			    unsigned long last);
struct area *iova_next_area(struct area *area);
int iova_insert(struct ioas *ioas, struct area **areas, unsigned int nr,
		bool fixed, unsigned long *iova);
void iova_remove_areas(struct ioas *ioas, struct area **areas, unsigned int nr);
void iova_insert_cut(struct ioas *ioas, struct area *area);
void iova_remove_area(struct ioas *ioas, struct area *area);
int iova_add_allowed(struct rb_root_cached *allowed, unsigned long start,
		     unsigned long last);
int iova_swap_allowed(struct ioas *ioas, struct rb_root_cached *allowed);
void iova_free_allowed(struct rb_root_cached *allowed);
int iova_reserve(struct ioas *ioas, unsigned long start, unsigned long last,
		 const struct iova_owner *owner);
int iova_reserve_for_table(struct ioas *ioas, unsigned long start,
			   unsigned long last, const struct table *table);
int iova_reserve_outside(struct ioas *ioas,
			 const struct iommu_domain_geometry *geometry,
			 const struct table *table);
void iova_unreserve(struct ioas *ioas, const void *owner);
bool iova_next_range(struct ioas *ioas, unsigned long from,
		     unsigned long *start, unsigned long *last);
int iova_update_alignment(struct ioas *ioas, struct table *joining);

/* domain.c */
void domain_choose_path(struct table *table, struct device *dev);
void domain_flush(struct table *table, struct iommu_iotlb_gather *gather);
int domain_map_area(struct table *table, struct area *area, bool large_pages);
bool domain_has_page_across(const struct table *table, const struct area *area,
			    unsigned long iova);
int domain_split_at(struct table *table, struct area *area, unsigned long iova);
void domain_unmap_area(struct table *table, struct area *area,
		       struct iommu_iotlb_gather *gather);

/* mapping.c */
int ioas_lock_content(struct ioas *ioas);
void ioas_unlock_content(struct ioas *ioas);
void table_get_name(struct ioas *ioas, const struct table *table,
		    struct table_name *name);
int refuse_unready(struct ioas *ioas, const struct area *area);
int ioas_publish_areas(struct ioas *ioas, struct area **areas, unsigned int nr);
int ioas_take_slices(struct ioas *ioas, unsigned long iova, unsigned long last,
		     struct list_head *slices);
int ioas_unmap(struct ioas *ioas, unsigned long iova, unsigned long last,
	       unsigned long *unmapped);
int ioas_add_table(struct ioas *ioas, struct table *table);
void ioas_remove_table(struct ioas *ioas, struct table *table);
int ioas_add_listener(struct ioas *ioas, struct listener *listener, u32 *index);
void ioas_remove_listener(struct ioas *ioas, u32 index);
int ioas_set_large_pages(struct ioas *ioas, bool large_pages);

/* cut.c */
int ioas_cut(struct ioas *ioas, unsigned long iova);
int ioas_split(struct ioas *ioas, unsigned long iova, unsigned long last,
	       bool no_fault);

#endif
