/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the files of iommufd_ext. main.c explains how they fit together.
 *
 * Lock order, outermost first:
 *
 *   contexts_lock (debugfs.c), below which attach_lock is only tried
 *   iommufd_ext_ctx.copy_rwsem
 *   iommufd_ext_ctx.attach_lock, iommufd_ext_access.lock
 *     ioas.domains_rwsem
 *       ioas.iova_lock
 *         shared_pages.lock
 *           mmap_lock
 *           dmabufs_lock (dmabuf.c)
 *             table.revoke_lock
 *               table.driver_lock
 *               group->mutex of the IOMMU core
 *     fault_queue.lock (fault.c)
 *       the IOMMU core's lock of a device's faults
 *       fault_queue.list_lock
 *   igroups_lock (group.c)
 *     group->mutex of the IOMMU core
 *   iommufd_ext_ctx.objects.xa_lock, iommufd_ext_ctx.owner_lock,
 *   ioas.listeners.xa_lock, igroups_list_lock (group.c): innermost, but for
 *   iommufd_ext_errors.lock and iommufd_ext_last_user.lock
 *
 * Drivers call in with locks of their own held (vfio: the device set's), never
 * with mmap_lock.
 */
#ifndef _IOMMUFD_EXT_PRIVATE_H
#define _IOMMUFD_EXT_PRIVATE_H

#include <asm/barrier.h>

#include <linux/atomic.h>
#include <linux/interval_tree.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <iommufd_ext.h>

#include "compat/iommu.h"

struct area;
struct cred;
struct dma_buf;
struct dmabuf_memory;
struct device;
struct fault_queue;
struct file;
struct hwpt;
struct ioas;
struct ioasid_group_member;
struct mm_struct;
struct pfn_run_chunk;
struct seq_file;
struct task_struct;
struct user_struct;

/**
 * enum obj_type - what an object id names
 * @OBJ_ANY: for look-ups that take each type
 * @OBJ_IOAS: struct ioas
 * @OBJ_HWPT: struct hwpt that follows an IOAS
 * @OBJ_HWPT_NESTED: struct hwpt that the user fills
 * @OBJ_FAULT: struct fault_queue
 * @OBJ_DEVICE: struct iommufd_ext_device
 * @OBJ_ACCESS: struct iommufd_ext_access
 * @OBJ_SELFTEST: struct selftest_device; in the test build
 */
enum obj_type {
	OBJ_ANY,
	OBJ_IOAS,
	OBJ_HWPT,
	OBJ_HWPT_NESTED,
	OBJ_FAULT,
	OBJ_DEVICE,
	OBJ_ACCESS,
	OBJ_SELFTEST,
};

/**
 * struct obj - what every object with an id begins with
 * @users: one for the object store, one for each object or driver that needs
 *	this one, one for each ioctl at work on it
 * @id: the user's name for it, constant
 * @type: constant
 * @name: says what it is called beside its id, as a device is; NULL for nothing. Set
 *	before it is published, constant. Called with xa_lock of the objects held
 */
struct obj {
	refcount_t users;
	u32 id;
	enum obj_type type;
	const char *(*name)(const struct obj *obj);
};

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
 * struct ctx_counts - what a context holds, for who reads that without a lock
 * @objects: how many objects there are, by enum obj_type; protected by xa_lock of
 *	iommufd_ext_ctx.objects
 * @endpoints: how many endpoints there are; written with attach_lock held
 * @mappings: how many areas are in the trees and not being removed
 * @bytes: size of them together
 * @pinned: how many pages are pinned for areas; what they share counts each time
 *
 * Users hold up the locks that protect what is counted: with memory that takes its
 * time to fault, for example.
 */
struct ctx_counts {
	unsigned long objects[OBJ_SELFTEST + 1];
	unsigned long endpoints;
	atomic_long_t mappings;
	atomic64_t bytes;
	atomic_long_t pinned;
};

/**
 * struct iommufd_ext_ctx - an open /dev/ioasid
 * @file: the open file; a reference to the context is one to the file
 * @id: its number in debugfs and trace events; constant
 * @objects: id to object; its xa_lock protects the content and makes look-up
 *	and taking a reference one step
 * @object_wait: waits for the users of a vanishing object to go
 * @copy_rwsem: read: memory goes from one IOAS to another; write: it changes its
 *	owner in all of them
 * @attach_lock: protects the relations between devices, groups, endpoints and
 *	page tables
 * @owner: the process that mapped last; protected by @owner_lock
 * @owner_lock: see @owner
 * @charge_mm: charge processes rather than users; changes under xa_lock of
 *	@objects and only while there are none
 * @vfio_ioas: the IOAS of ioctls that name none, or NULL; protected by xa_lock
 *	of @objects, and cleared when the IOAS goes
 * @spare_area: memory for the next area, or NULL; taken and given by xchg()
 * @kept_pages: pages that stay pinned for good, because an IOMMU driver did not
 *	remove them from a page table
 * @counts: how much there is of everything
 * @last_user: the process that has called the file last, or has bound a device to it
 * @errors: the last refusals
 */
struct iommufd_ext_ctx {
	struct file *file;
	u32 id;
	struct xarray objects;
	wait_queue_head_t object_wait;
	struct rw_semaphore copy_rwsem;
	struct mutex attach_lock;
	struct pages_owner *owner;
	spinlock_t owner_lock;
	bool charge_mm;
	struct ioas *vfio_ioas;
	struct area *spare_area;
	atomic_long_t kept_pages;
	struct ctx_counts counts;
	struct iommufd_ext_last_user last_user;
	struct iommufd_ext_errors errors;
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

/**
 * area_is_ready() - is an area in every page table of its IOAS?
 * @area: an area in the tree
 *
 * The mapper does not hold iova_lock when it is done, so finding the area with that lock
 * held is not enough to see what the mapper has written. Who sees the area ready sees it
 * whole.
 *
 * Context: holds ioas.iova_lock, so that it does not become unready meanwhile.
 * Return: true if it is; false while it is being made or removed.
 */
static inline bool area_is_ready(const struct area *area)
{
	/* Pairs with area_set_ready(). */
	return smp_load_acquire(&area->ready);
}

/**
 * area_set_ready() - let a new area be used
 * @area: an area that is complete, and in every page table
 *
 * Context: holds ioas.domains_rwsem, for reading.
 */
static inline void area_set_ready(struct area *area)
{
	/* Pairs with area_is_ready(). */
	smp_store_release(&area->ready, true);
}

/**
 * area_clear_ready() - make an area the caller's own, to remove it
 * @area: an area that is ready
 *
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
 * struct hwpt - a hardware page table
 * @obj: object header
 * @table: what it is to the IOAS
 * @ioas: what it follows, of which the page table is a user; that of @parent if
 *	it is nested
 * @parent: translates the output of a nested page table, which is a user of it;
 *	else NULL
 * @fault: queue for the faults of attached devices, of which the page table is a
 *	user, or NULL; constant once the page table is published
 * @endpoints: devices attached; protected by iommufd_ext_ctx.attach_lock
 * @aperture: what is not reserved in the name of the page table; protected by
 *	attach_lock
 * @auto_domain: made by an attach, goes with the last endpoint; constant
 * @nest_parent: can be the parent of nested ones; constant
 * @pasid: suits PASIDs, and devices with PASIDs attached; constant
 * @final: the driver knows page sizes and aperture before an attach; constant
 * @coherent: DMA through it cannot bypass caches; constant
 * @filled: holds the content of the IOAS; protected by attach_lock
 * @msi_cookie: has a window for MSI doorbells; protected by attach_lock
 *
 * While it is @filled, it is in ioas.tables.
 */
struct hwpt {
	struct obj obj;
	struct table table;
	struct ioas *ioas;
	struct hwpt *parent;
	struct fault_queue *fault;
	struct list_head endpoints;
	struct iommu_domain_geometry aperture;
	bool auto_domain;
	bool nest_parent;
	bool pasid;
	bool final;
	bool coherent;
	bool filled;
	bool msi_cookie;
};

/**
 * struct attach_handle - what a fault of an attached group finds
 * @core: known to the IOMMU core
 * @hwpt: what the group, or a PASID of it, is attached to; constant
 * @dev_id: id of the device that was attached first; constant
 */
struct attach_handle {
	struct ext_iommu_attach_handle core;
	struct hwpt *hwpt;
	u32 dev_id;
};

/* Interrupts of most platforms need no mapping. */
#define NO_MSI_WINDOW (~(phys_addr_t)0)

/**
 * struct igroup - an IOMMU group owned by a context
 * @item: in the list of all owned groups; protected by igroups_lock
 * @ictx: the owner
 * @user: the process that claimed it for the owner, referenced; constant
 * @group: the IOMMU core's object
 * @devices: how many devices of it are bound, or about to be; protected by
 *	igroups_lock
 * @idevs: those of them that have an id; protected by igroups_lock
 * @coherent: page tables can ignore no-snoop; constant
 * @msi_window: where its devices expect MSI doorbells to be mapped, or
 *	NO_MSI_WINDOW; protected by iommufd_ext_ctx.attach_lock
 * @hwpt: what the group is attached to; protected by attach_lock
 * @handle: of that attachment; protected by attach_lock
 * @endpoints: devices of the group that are attached; protected by attach_lock
 * @pasids: PASID to struct pasid_attach; protected by attach_lock
 *
 * The IOMMU core lets a group be claimed once. Bound devices share the claim.
 */
struct igroup {
	struct list_head item;
	struct iommufd_ext_ctx *ictx;
	struct pid *user;
	struct iommu_group *group;
	unsigned int devices;
	struct list_head idevs;
	bool coherent;
	phys_addr_t msi_window;
	struct hwpt *hwpt;
	struct attach_handle *handle;
	struct list_head endpoints;
	struct xarray pasids;
};

/**
 * struct iommufd_ext_device - a bound device
 * @obj: object header; the driver that bound the device is a user
 * @ictx: the context, of which the device holds a reference
 * @dev: the device
 * @igroup: the group it shares with other bound devices
 * @igroup_item: in igroup.idevs; protected by igroups_lock
 * @endpoint: its attachment or NULL; protected by iommufd_ext_ctx.attach_lock
 * @faults: how many of its attachments report faults; protected by attach_lock
 */
struct iommufd_ext_device {
	struct obj obj;
	struct iommufd_ext_ctx *ictx;
	struct device *dev;
	struct igroup *igroup;
	struct list_head igroup_item;
	struct endpoint *endpoint;
	unsigned int faults;
};

/**
 * struct endpoint - a device, or a PASID of it, attached to a page table
 * @idev: the device
 * @pasid: the PASID, or IOMMU_NO_PASID
 * @hwpt: the page table, of which the endpoint is a user
 * @hwpt_item: in hwpt.endpoints
 * @igroup_item: in igroup.endpoints, or in pasid_attach.endpoints
 *
 * All protected by iommufd_ext_ctx.attach_lock. The endpoint is the owner of the
 * reserved ranges its device brings into the IOAS.
 */
struct endpoint {
	struct iommufd_ext_device *idev;
	u32 pasid;
	struct hwpt *hwpt;
	struct list_head hwpt_item;
	struct list_head igroup_item;
};

/**
 * struct pasid_attach - a PASID of a group that is attached
 * @hwpt: to what
 * @handle: of the attachment
 * @endpoints: of the group's devices
 *
 * All protected by iommufd_ext_ctx.attach_lock.
 */
struct pasid_attach {
	struct hwpt *hwpt;
	struct attach_handle *handle;
	struct list_head endpoints;
};

/**
 * struct iommufd_ext_access - a driver that uses the memory of an IOAS without DMA
 * @obj: object header; the driver is a user
 * @ictx: the context, of which the access holds a reference
 * @listener: what the driver is to the IOAS
 * @lock: protects the fields below
 * @ioas: what it is attached to, or NULL; the access is a user of it
 * @ioas_unpin: the same, or what it is being detached from: pages are unpinned
 *	there
 * @index: in ioas.listeners of @ioas_unpin
 */
struct iommufd_ext_access {
	struct obj obj;
	struct iommufd_ext_ctx *ictx;
	struct listener listener;
	struct mutex lock; /* protects what follows */
	struct ioas *ioas;
	struct ioas *ioas_unpin;
	u32 index;
};

/**
 * struct ucmd - an ioctl under way
 * @ictx: the context
 * @ubuffer: the user's structure
 * @user_size: its size, in bytes
 * @cmd: the kernel's copy, complete and zero-extended
 * @new_obj: object to publish if the command succeeds, to abort if not
 */
struct ucmd {
	struct iommufd_ext_ctx *ictx;
	void __user *ubuffer;
	u32 user_size;
	void *cmd;
	struct obj *new_obj;
};

/**
 * resched_killable() - let others run, in the middle of work that can fail
 *
 * Work that cannot fail calls cond_resched() alone.
 *
 * Context: may sleep.
 * Return: 0, or -EINTR if the process is being killed.
 */
static inline int resched_killable(void)
{
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* error.c */
__printf(3, 4) __cold
	int refuse(struct iommufd_ext_ctx *ictx, int rc, const char *fmt, ...);
__printf(4, 5) __cold int refuse_id(struct iommufd_ext_ctx *ictx, int rc,
				    u32 id, const char *fmt, ...);
__printf(5, 6) __cold int refuse_ids(struct iommufd_ext_ctx *ictx, int rc,
				     u32 id, u32 other, const char *fmt, ...);
__printf(6, 7) __cold
	int refuse_range(struct iommufd_ext_ctx *ictx, int rc, u32 id,
			 u64 start, u64 last, const char *fmt, ...);
int refuse_reserved(struct iommufd_ext_ctx *ictx);
int refuse_flags(struct iommufd_ext_ctx *ictx, u32 unknown);
__cold int refuse_fault(struct iommufd_ext_ctx *ictx, const char *what,
			const void __user *uptr);

/* error_pin.c */
int refuse_pin(struct iommufd_ext_ctx *ictx, int rc, struct mm_struct *mm,
	       unsigned long addr, bool write);
int refuse_pin_file(struct iommufd_ext_ctx *ictx, int rc, struct file *file,
		    unsigned long first, unsigned long last);

/* object.c */
void obj_init(void);
int obj_reserve(struct iommufd_ext_ctx *ictx, struct obj *obj,
		enum obj_type type);
void obj_publish(struct iommufd_ext_ctx *ictx, struct obj *obj);
void obj_abort(struct iommufd_ext_ctx *ictx, struct obj *obj);
const char *obj_type_name(enum obj_type type);
bool obj_is_published(struct iommufd_ext_ctx *ictx, const struct obj *obj);
bool obj_describe(struct iommufd_ext_ctx *ictx, u32 id, char *buf, size_t size);
struct obj *obj_get(struct iommufd_ext_ctx *ictx, u32 id, enum obj_type type);
struct obj *obj_get_next(struct iommufd_ext_ctx *ictx, u32 *id,
			 enum obj_type type);
void obj_put(struct iommufd_ext_ctx *ictx, struct obj *obj);
void obj_remove_sync(struct iommufd_ext_ctx *ictx, struct obj *obj);
bool obj_remove_unused(struct iommufd_ext_ctx *ictx, struct obj *obj);
int obj_remove_unused_locked(struct iommufd_ext_ctx *ictx, struct obj *obj);
__cold int ucmd_refuse_answer(struct ucmd *ucmd);
int ucmd_respond(struct ucmd *ucmd, size_t size);

/**
 * ioas_get() - find an IOAS by id
 * @ictx: the context
 * @id: as the user named it
 *
 * Return: the IOAS, to be put with obj_put(), or NULL.
 */
static inline struct ioas *ioas_get(struct iommufd_ext_ctx *ictx, u32 id)
{
	struct obj *obj = obj_get(ictx, id, OBJ_IOAS);

	return obj ? container_of(obj, struct ioas, obj) : NULL;
}

/**
 * idev_get() - find a bound device by id
 * @ictx: the context
 * @id: as the user named it
 *
 * Return: the device, to be put with obj_put(), or NULL.
 */
static inline struct iommufd_ext_device *idev_get(struct iommufd_ext_ctx *ictx,
						  u32 id)
{
	struct obj *obj = obj_get(ictx, id, OBJ_DEVICE);

	return obj ? container_of(obj, struct iommufd_ext_device, obj) : NULL;
}

/* destroy.c */
void obj_destroy(struct iommufd_ext_ctx *ictx, struct obj *obj);
void obj_destroy_all(struct iommufd_ext_ctx *ictx);
int destroy_ioctl(struct ucmd *ucmd);

/* debugfs.c */
int debugfs_add_context(struct iommufd_ext_ctx *ictx);
void debugfs_remove_context(struct iommufd_ext_ctx *ictx);
void debugfs_init(void);
void debugfs_exit(void);

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

/**
 * pfn_run_iter_init() - begin at the first run
 * @iter: the iterator
 * @pages: pinned memory
 */
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

/**
 * pfn_run_next() - the next run
 * @iter: the iterator
 *
 * Return: the run. The runs cover the memory: a caller that asks for no more
 * than the length of the memory gets an answer each time.
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

/* shared.c */
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

/**
 * area_iter_next() - the next contiguous part of the memory
 * @iter: the iterator
 * @range: where it is
 *
 * The caller asks for no more than the area has.
 */
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

/* dmabuf.c */
/**
 * struct dmabuf_memory - the memory of a dma-buf, for one mapping and its copies
 * @buf: the dma-buf, with a reference
 * @item: in the list of all
 * @paddr: where its first byte is; constant
 * @revoked: nothing may be mapped any more
 * @mapped: of who maps it: where it is mapped. Empty when it is freed
 *
 * Changes between dmabufs_lock_out() and dmabufs_let_in().
 */
struct dmabuf_memory {
	struct dma_buf *buf;
	struct list_head item;
	phys_addr_t paddr;
	bool revoked;
	struct rb_root mapped;
};

void dmabufs_lock_out(void);
void dmabufs_let_in(void);
void dmabufs_assert_locked_out(void);
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

/* iova.c */
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
int iova_reserve_outside(struct ioas *ioas,
			 const struct iommu_domain_geometry *geometry,
			 struct table *table);
void iova_unreserve(struct ioas *ioas, const void *owner);
bool iova_next_range(struct ioas *ioas, unsigned long from,
		     unsigned long *start, unsigned long *last);
int iova_update_alignment(struct ioas *ioas, struct table *joining);

/* mapping.c */
/**
 * struct table_name - a page table as a sentence names it
 * @id: of the page table, or of its IOAS if it has no id that a user knows
 * @text: the words
 */
struct table_name {
	u32 id;
	char text[48];
};

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
int ioas_disable_large_pages(struct ioas *ioas);
int ioas_enable_large_pages(struct ioas *ioas);

/* cut.c */
int ioas_cut(struct ioas *ioas, unsigned long iova);
int ioas_split(struct ioas *ioas, unsigned long iova, unsigned long last,
	       bool no_fault);

/* domain.c */
void domain_choose_path(struct table *table, struct device *dev);
void domain_flush(struct table *table, struct iommu_iotlb_gather *gather);
int domain_map_area(struct table *table, struct area *area, bool large_pages);
bool domain_has_page_across(const struct table *table, const struct area *area,
			    unsigned long iova);
int domain_split_at(struct table *table, struct area *area, unsigned long iova);
void domain_unmap_area(struct table *table, struct area *area,
		       struct iommu_iotlb_gather *gather);

/* ioas.c */
int ioas_map_fixed(struct iommufd_ext_ctx *ictx, struct ioas *ioas, u64 iova,
		   u64 uptr, u64 length, int prot);
void ioas_free(struct iommufd_ext_ctx *ictx, struct ioas *ioas);
int ioas_allow_iovas_ioctl(struct ucmd *ucmd);
int ioas_copy_ioctl(struct ucmd *ucmd);
int ioas_alloc_ioctl(struct ucmd *ucmd);
int ioas_iova_ranges_ioctl(struct ucmd *ucmd);
int ioas_map_ioctl(struct ucmd *ucmd);
int ioas_map_file_ioctl(struct ucmd *ucmd);
int ioas_unmap_ioctl(struct ucmd *ucmd);
int ioas_unmap_partial_ioctl(struct ucmd *ucmd);

/* change_process.c */
int change_process_ioctl(struct ucmd *ucmd);

/* option.c */
int option_ioctl(struct ucmd *ucmd);

/* vfio_compat.c */
const char *vfio_compat_name(unsigned int cmd);
long vfio_compat_ioctl(struct iommufd_ext_ctx *ictx, unsigned int cmd,
		       unsigned long arg);
int vfio_ioas_ioctl(struct ucmd *ucmd);

/* hwpt.c */
struct hwpt *hwpt_alloc(struct iommufd_ext_device *idev, struct ioas *ioas,
			u32 flags, const struct ext_user_data *data);
int hwpt_fill(struct hwpt *hwpt);
void hwpt_unfill(struct hwpt *hwpt);
void hwpt_free(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt);
void hwpt_put(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt);
void pt_put(struct iommufd_ext_ctx *ictx, struct obj *obj);
void hwpt_destroy(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt);
void hwpt_lock(struct hwpt *hwpt);
void hwpt_unlock(struct hwpt *hwpt);
void hwpt_lock_two(struct hwpt *old, struct hwpt *new);
void hwpt_unlock_two(struct hwpt *old, struct hwpt *new);
bool domain_reads_dirty(struct iommu_domain *domain);
int hwpt_alloc_ioctl(struct ucmd *ucmd);
int hwpt_invalidate_ioctl(struct ucmd *ucmd);

/* dirty.c */
bool device_tracks_dirty(struct device *dev);
int hwpt_set_dirty_ioctl(struct ucmd *ucmd);
int hwpt_get_dirty_ioctl(struct ucmd *ucmd);

/* attach.c */
int idev_attach(struct iommufd_ext_device *idev, u32 pasid, struct hwpt *hwpt);
int idev_replace(struct iommufd_ext_device *idev, u32 pasid, struct hwpt *hwpt);
bool idev_attached(struct iommufd_ext_device *idev, u32 pasid);
void idev_detach(struct iommufd_ext_device *idev, u32 pasid);
void idev_detach_all(struct iommufd_ext_device *idev);

/* fault.c */
int hwpt_set_fault_queue(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt,
			 u32 id);
void hwpt_put_fault_queue(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt);
int idev_faults_get(struct iommufd_ext_device *idev, struct hwpt *hwpt);
void idev_faults_put(struct iommufd_ext_device *idev, struct hwpt *hwpt);
void fault_queue_flush(struct fault_queue *queue,
		       const struct attach_handle *handle);
void fault_queue_free(struct obj *obj);
int fault_queue_alloc_ioctl(struct ucmd *ucmd);

/* viommu.c */
int viommu_alloc_ioctl(struct ucmd *ucmd);
int vdevice_alloc_ioctl(struct ucmd *ucmd);
int veventq_alloc_ioctl(struct ucmd *ucmd);
int hw_queue_alloc_ioctl(struct ucmd *ucmd);

/**
 * struct igroup_owner - who owns a group
 * @is_context: a context does
 * @is_ictx: the one that asks does
 * @pid: the process that claimed it for the context, or 0 if it has ended or the caller
 *	may not see it
 */
struct igroup_owner {
	bool is_context;
	bool is_ictx;
	pid_t pid;
};

/* query.c */
int group_info_ioctl(struct ucmd *ucmd);
int list_ioctl(struct ucmd *ucmd);
int list_mappings_ioctl(struct ucmd *ucmd);
void ctx_show_fdinfo(struct iommufd_ext_ctx *ictx, struct seq_file *m);

/* features.c */
void features_add_command(unsigned int cmd);
int copy_query(struct iommufd_ext_errors *errors, void *cmd, size_t known,
	       size_t minsz, void __user *arg, u32 *size);
int check_query(struct iommufd_ext_errors *errors, u32 flags, u32 dev_id);
int features_ioctl(struct ucmd *ucmd);

/* group.c */
struct igroup *igroup_get(struct iommufd_ext_ctx *ictx, struct device *dev);
void igroup_put(struct igroup *igroup);
void igroup_add_idev(struct iommufd_ext_device *idev);
void igroup_remove_idev(struct iommufd_ext_device *idev);
bool device_interrupts_allowed(struct iommu_group *group, struct device *dev);
void igroup_get_owner(struct iommu_group *group, struct iommufd_ext_ctx *ictx,
		      struct igroup_owner *owner);
void igroup_get_ids(struct iommu_group *group, struct iommufd_ext_ctx *ictx,
		    struct device *const *devs,
		    struct ioasid_group_member *members, u32 nr);
void igroups_show(struct iommufd_ext_ctx *ictx, struct seq_file *m);

/* device.c */
struct iommufd_ext_device *idev_bind(struct iommufd_ext_ctx *ictx,
				     struct device *dev, u32 *id);
void idev_unbind(struct iommufd_ext_device *idev);

/* hw_info.c */
int hw_info_ioctl(struct ucmd *ucmd);

#endif
