/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layer 0, the core: error.c, object.c, process.c.
 *
 * It keeps what an open file is: the ids of its objects, what was refused there, who uses
 * it, and an ioctl under way. It promises that a call that fails has a sentence, that an
 * id finds a complete object or none, and that an object that was found stays until it is
 * put. It knows the types of objects, and what a type is called; nothing here looks into an
 * IOAS or a page table. How a device is called, the device's own obj.name() says. The locks
 * it takes are innermost. A device that an ioctl holds is like a lock to whoever unbinds it;
 * what that may wait for is said at obj_init().
 *
 * Each layer has a header that includes the one of the layer below: memory.h, space.h,
 * device.h, ioctl.h. A file includes the header of its own layer, so what is above is not
 * declared there, but for what drivers call, in <iommufd_ext.h>. selftest/, of the test
 * build, is beside the layers. The order of all locks is in main.c.
 */
#ifndef _IOMMUFD_EXT_CORE_H
#define _IOMMUFD_EXT_CORE_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <iommufd_ext.h>

struct area;
struct doorbells;
struct file;
struct ioas;
struct pages_owner;

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
 *	and taking a reference one step; see also hwpt.endpoints
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
 * @doorbells: what the window for interrupts is used for, or NULL if none was needed;
 *	set once, with attach_lock held
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
	struct doorbells *doorbells;
	atomic_long_t kept_pages;
	struct ctx_counts counts;
	struct iommufd_ext_last_user last_user;
	struct iommufd_ext_errors errors;
};

/**
 * struct ucmd - an ioctl under way
 * @ictx: the context
 * @ubuffer: the user's structure
 * @user_size: its size, in bytes
 * @cmd: the kernel's copy, complete and zero-extended
 * @new_obj: object to publish if the command succeeds, to abort if not
 *
 * A function NAME_ioctl() serves the command that stands above it. Its errors are at the
 * command's structure in <uapi/linux/ioasid.h>, but for those that any command has: for
 * flags and reserved members, for ids, for memory, and for a process that is being killed.
 */
struct ucmd {
	struct iommufd_ext_ctx *ictx;
	void __user *ubuffer;
	u32 user_size;
	void *cmd;
	struct obj *new_obj;
};

/*
 * Lets others run, in the middle of work that can fail: -EINTR if the process is being
 * killed. Work that cannot fail calls cond_resched() alone.
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

#endif
