// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of an IOAS for drivers that use it without DMA.
 *
 * The device of such a driver is emulated: it reads and writes what its user mapped
 * with the CPU, or hands the pages to hardware in a way of its own. When a mapping
 * goes, its accesses are told, and the pages they have pinned must be back before
 * it does.
 *
 * An area counts the pins of accesses and the accesses at work on it. While there are
 * any, it is not removed and not cut. Accesses work with domains_rwsem read-held: who
 * takes it for writing knows that those who began before are done.
 */
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "compat/module.h"
#include "device.h"

/**
 * iommufd_ext_access_create() - let a driver use memory by IOVA
 * @ictx: the context
 * @ops: what to tell the driver; stays the caller's
 * @data: for @ops
 * @id: the user's name for the access; a user cannot destroy it
 *
 * The access is attached to no IOAS.
 *
 * Context: may sleep.
 * Return: the access, or an ERR_PTR: -ENOMEM, or -EBUSY if the ids are used up.
 */
struct iommufd_ext_access *
iommufd_ext_access_create(struct iommufd_ext_ctx *ictx,
			  const struct iommufd_ext_access_ops *ops, void *data,
			  u32 *id)
{
	struct iommufd_ext_access *access;
	int rc;

	access = kzalloc(sizeof(*access), GFP_KERNEL_ACCOUNT);
	if (!access)
		return ERR_PTR(-ENOMEM);
	access->ictx = ictx;
	access->listener.obj = &access->obj;
	access->listener.ops = ops;
	access->listener.data = data;
	access->listener.iova_alignment = ops->needs_pin_pages ? PAGE_SIZE : 1;
	mutex_init(&access->lock);

	rc = obj_reserve(ictx, &access->obj, OBJ_ACCESS);
	if (rc) {
		kfree(access);
		return ERR_PTR(rc);
	}
	/* The driver is a user. */
	refcount_inc(&access->obj.users);
	iommufd_ext_ctx_get(ictx);
	*id = access->obj.id;
	obj_publish(ictx, &access->obj);
	return access;
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_create);

/* Nothing new is pinned in the old IOAS any more. */
static void access_leave(struct iommufd_ext_access *access)
{
	struct ioas *old = access->ioas_unpin;

	lockdep_assert_held(&access->lock);

	if (access->listener.ops->unmap) {
		/* The driver unpins, which takes the lock. */
		mutex_unlock(&access->lock);
		access->listener.ops->unmap(access->listener.data, 0,
					    ULONG_MAX);
		mutex_lock(&access->lock);
	}
	ioas_remove_listener(old, access->index);
	obj_put(access->ictx, &old->obj);
}

/* Go from the IOAS it is attached to, if any, to @new, if any. */
static int access_move(struct iommufd_ext_access *access, struct ioas *new)
{
	struct ioas *old = access->ioas;
	u32 index;
	int rc;

	lockdep_assert_held(&access->lock);

	/* Another thread is about to. */
	if (old != access->ioas_unpin)
		return refuse_id(access->ictx, -EBUSY, access->obj.id,
				 "access %u is being detached", access->obj.id);
	if (old == new)
		return 0;

	if (new) {
		rc = ioas_add_listener(new, &access->listener, &index);
		if (rc)
			return rc;
		refcount_inc(&new->obj.users);
	}
	if (old) {
		access->ioas = NULL;
		access_leave(access);
	}
	access->ioas = new;
	access->ioas_unpin = new;
	if (new)
		access->index = index;
	return 0;
}

static int access_move_to_id(struct iommufd_ext_access *access, u32 ioas_id)
{
	struct ioas *ioas = ioas_get(access->ictx, ioas_id);
	int rc;

	if (!ioas)
		return -ENOENT;
	rc = access_move(access, ioas);
	obj_put(access->ictx, &ioas->obj);
	return rc;
}

static int refuse_no_ioas(struct iommufd_ext_access *access)
{
	return refuse_id(access->ictx, -ENOENT, access->obj.id,
			 "access %u has no IOAS", access->obj.id);
}

/**
 * iommufd_ext_access_attach() - give an access an IOAS
 * @access: an access without one
 * @ioas_id: the user's name for the IOAS
 *
 * Context: may sleep.
 * Return: 0; -ENOENT for an unknown id; -EINVAL if the access has one; -EADDRINUSE
 * if a mapping is not aligned as the access needs it; -ENOMEM; -EINTR if the process
 * is being killed.
 */
int iommufd_ext_access_attach(struct iommufd_ext_access *access, u32 ioas_id)
{
	int rc;

	mutex_lock(&access->lock);
	if (WARN_ON(access->ioas))
		rc = refuse_id(access->ictx, -EINVAL, access->obj.id,
			       "access %u has an IOAS", access->obj.id);
	else
		rc = access_move_to_id(access, ioas_id);
	mutex_unlock(&access->lock);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_attach);

/**
 * iommufd_ext_access_replace() - give an access another IOAS
 * @access: an access that has one
 * @ioas_id: the user's name for the new one
 *
 * The driver is told to unpin what it has pinned in the old one.
 *
 * Context: may sleep, calls the driver.
 * Return: 0; -ENOENT for an unknown id, or if the access has none; -EADDRINUSE if
 * a mapping is not aligned as the access needs it; -EBUSY if it is being detached;
 * -ENOMEM; -EINTR if the process is being killed. On failure nothing changes.
 */
int iommufd_ext_access_replace(struct iommufd_ext_access *access, u32 ioas_id)
{
	int rc;

	mutex_lock(&access->lock);
	if (!access->ioas)
		rc = refuse_no_ioas(access);
	else
		rc = access_move_to_id(access, ioas_id);
	mutex_unlock(&access->lock);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_replace);

/**
 * iommufd_ext_access_detach() - undo iommufd_ext_access_attach()
 * @access: an access that has an IOAS
 *
 * The driver is told to unpin what it has pinned.
 *
 * Context: may sleep, calls the driver.
 */
void iommufd_ext_access_detach(struct iommufd_ext_access *access)
{
	mutex_lock(&access->lock);
	if (!WARN_ON(!access->ioas))
		WARN_ON(access_move(access, NULL));
	mutex_unlock(&access->lock);
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_detach);

/**
 * iommufd_ext_access_destroy() - undo iommufd_ext_access_create()
 * @access: an access its driver no longer uses; it is detached first if it is
 *	attached
 *
 * When it returns, the driver is not being told anything and will not be any more.
 * So the driver must hold no lock that its unmap operation takes.
 *
 * Context: may sleep, calls the driver.
 */
void iommufd_ext_access_destroy(struct iommufd_ext_access *access)
{
	struct iommufd_ext_ctx *ictx = access->ictx;

	mutex_lock(&access->lock);
	WARN_ON(access_move(access, NULL));
	mutex_unlock(&access->lock);
	obj_remove_sync(ictx, &access->obj);
	mutex_destroy(&access->lock);
	kfree(access);
	iommufd_ext_ctx_put(ictx);
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_destroy);

/**
 * struct access_range - memory an access works on
 * @ioas: where
 * @iova: first IOVA
 * @last: last IOVA
 * @flags: IOMMUFD_EXT_ACCESS_RW_*
 */
struct access_range {
	struct ioas *ioas;
	unsigned long iova;
	unsigned long last;
	unsigned int flags;
};

/**
 * struct access_part - the part of an access_range that is in one area
 * @area: the area, held by area->accesses
 * @iova: first IOVA
 * @last: last IOVA
 */
struct access_part {
	struct area *area;
	unsigned long iova;
	unsigned long last;
};

static int refuse_part(const struct access_range *range, int rc,
		       unsigned long iova, const char *why)
{
	return refuse_range(range->ioas->ictx, rc, range->ioas->obj.id, iova,
			    range->last, "IOVA %#lx %s", iova, why);
}

static int check_area(const struct access_range *range, const struct area *area,
		      unsigned long iova)
{
	bool write = range->flags & IOMMUFD_EXT_ACCESS_RW_WRITE;

	if (!area || !area_is_ready(area))
		return refuse_part(range, -ENOENT, iova, "is not mapped");
	if (area->revoked)
		return refuse_part(range, -EINVAL, iova,
				   "is of a mapping that is being removed");
	if (!(area->prot & (write ? IOMMU_WRITE : IOMMU_READ)))
		return refuse_part(range, -EPERM, iova,
				   write ? "is mapped, but not for writing" :
					   "is mapped, but not for reading");
	if (area->accesses == U32_MAX)
		return refuse_part(range, -EOVERFLOW, iova,
				   "is used by too many at once");
	return 0;
}

/* The range of a call, or why it is none. */
static int range_init(struct access_range *range,
		      struct iommufd_ext_access *access, unsigned long iova,
		      size_t length, unsigned int flags)
{
	range->iova = iova;
	range->flags = flags;
	if (!length)
		return refuse_id(access->ictx, -EINVAL, access->obj.id,
				 "the length is 0");
	if (check_add_overflow(iova, length - 1, &range->last))
		return refuse_id(access->ictx, -EOVERFLOW, access->obj.id,
				 "%#zx bytes from IOVA %#lx reach beyond the last IOVA",
				 length, iova);
	return 0;
}

/* Hold the area at @iova. */
static int hold_part(const struct access_range *range, unsigned long iova,
		     struct access_part *part)
{
	struct ioas *ioas = range->ioas;
	int rc;

	lockdep_assert_held(&ioas->domains_rwsem);

	mutex_lock(&ioas->iova_lock);
	part->area = iova_find_area(ioas, iova, iova);
	rc = check_area(range, part->area, iova);
	if (!rc) {
		part->area->accesses++;
		part->iova = iova;
		part->last = min(part->area->last, range->last);
	}
	mutex_unlock(&ioas->iova_lock);
	return rc;
}

static void release_part(const struct access_range *range,
			 const struct access_part *part)
{
	mutex_lock(&range->ioas->iova_lock);
	part->area->accesses--;
	mutex_unlock(&range->ioas->iova_lock);
}

/* Find the area at @iova again. */
static bool find_held_part(const struct access_range *range, unsigned long iova,
			   struct access_part *part)
{
	struct ioas *ioas = range->ioas;
	bool held;

	mutex_lock(&ioas->iova_lock);
	part->area = iova_find_area(ioas, iova, iova);
	held = part->area && area_is_ready(part->area) && part->area->accesses;
	if (held) {
		part->iova = iova;
		part->last = min(part->area->last, range->last);
	}
	mutex_unlock(&ioas->iova_lock);
	return held;
}

static int share_areas(const struct access_range *range)
{
	struct ioas *ioas = range->ioas;
	bool pinned = !list_empty(&ioas->tables);
	struct area *area;
	int rc = 0;

	lockdep_assert_held_write(&ioas->domains_rwsem);

	mutex_lock(&ioas->iova_lock);
	for (area = iova_find_area(ioas, range->iova, range->last);
	     area && area->iova <= range->last && !rc;
	     area = iova_next_area(area)) {
		if (area_is_ready(area) && !area_share(area, pinned))
			rc = -ENOMEM;
		else
			rc = resched_killable();
	}
	mutex_unlock(&ioas->iova_lock);
	return rc;
}

static bool areas_are_shared(const struct access_range *range)
{
	struct ioas *ioas = range->ioas;
	bool shared = true;
	struct area *area;

	mutex_lock(&ioas->iova_lock);
	for (area = iova_find_area(ioas, range->iova, range->last);
	     area && area->iova <= range->last && shared;
	     area = iova_next_area(area)) {
		shared = !area_is_ready(area) || area->pages->shared;
		cond_resched();
	}
	mutex_unlock(&ioas->iova_lock);
	return shared;
}

/* Take domains_rwsem for reading, with all memory of the range in a shared place. */
static int lock_shared(const struct access_range *range)
{
	struct ioas *ioas = range->ioas;
	int rc;

	down_read(&ioas->domains_rwsem);
	if (areas_are_shared(range))
		return 0;
	up_read(&ioas->domains_rwsem);

	down_write(&ioas->domains_rwsem);
	rc = share_areas(range);
	downgrade_write(&ioas->domains_rwsem);
	if (rc)
		up_read(&ioas->domains_rwsem);
	return rc;
}

/* Pages are handed out whole: only the range as such may end inside one. */
static bool part_is_aligned(const struct access_range *range,
			    const struct access_part *part)
{
	unsigned long shift = area_start(part->area) - part->area->iova;

	return PAGE_ALIGNED(shift + part->iova) &&
	       (part->last == range->last ||
		PAGE_ALIGNED(shift + part->last + 1));
}

static int pin_part(const struct access_range *range,
		    const struct access_part *part, struct page **out_pages,
		    unsigned long *npages)
{
	unsigned long first = area_page(part->area, part->iova);
	unsigned long last = area_page(part->area, part->last);
	int rc;

	/* Mapped since lock_shared() looked: the pin came first. */
	if (!part->area->pages->shared)
		return refuse_part(range, -ENOENT, part->iova,
				   "was not mapped when the pin began");
	if (!part_is_aligned(range, part))
		return refuse_part(range, -EINVAL, part->iova,
				   "and what follows are not whole pages of the memory");
	if (area_dmabuf(part->area))
		return refuse_part(range, -EINVAL, part->iova,
				   "is of a dma-buf, which has no pages");
	rc = shared_pages_pin(area_shared(part->area), first, last);
	if (rc)
		return rc;
	*npages = last - first + 1;
	shared_pages_get(area_shared(part->area), first, *npages, out_pages);
	return 0;
}

static void unpin_range(const struct access_range *range)
{
	unsigned long iova = range->iova;
	struct access_part part;

	do {
		if (WARN_ON(!find_held_part(range, iova, &part)))
			return;
		shared_pages_unpin(area_shared(part.area),
				   area_page(part.area, part.iova),
				   area_page(part.area, part.last));
		release_part(range, &part);
		iova = part.last + 1;
		cond_resched();
	} while (part.last != range->last);
}

static int pin_range(struct access_range *range, struct page **out_pages)
{
	unsigned long iova = range->iova;
	struct access_part part;
	unsigned long npages;
	int rc;

	do {
		rc = resched_killable();
		if (!rc)
			rc = hold_part(range, iova, &part);
		if (rc)
			goto err_unpin;
		rc = pin_part(range, &part, out_pages, &npages);
		if (rc) {
			release_part(range, &part);
			goto err_unpin;
		}
		out_pages += npages;
		iova = part.last + 1;
	} while (part.last != range->last);
	return 0;

err_unpin:
	if (iova > range->iova) {
		range->last = iova - 1;
		unpin_range(range);
	}
	return rc;
}

/**
 * iommufd_ext_access_pin_pages() - let the memory behind a range of IOVAs stay
 * @access: an access with needs_pin_pages
 * @iova: first IOVA
 * @length: size of the range, in bytes
 * @out_pages: the pages, in order
 * @flags: IOMMUFD_EXT_ACCESS_RW_WRITE if the pages will be written
 *
 * The pages stay, and are charged to the owner of the memory, until the driver calls
 * iommufd_ext_access_unpin_pages() for the same range. It has to when its unmap
 * operation is called, which can be at any time: also before this returns.
 *
 * Context: may sleep, may fault.
 * Return: 0; -EINVAL if @length is 0, if the range does not begin a page of the
 * memory in each mapping, or if a mapping is being removed; -EOVERFLOW if the range
 * wraps; -ENOENT if the access has no IOAS, or if anything in the range is not
 * mapped; -EPERM if a mapping is not for reading, or not for writing; -EFAULT if the
 * memory is not there; -ENOMEM without memory or over the owner's RLIMIT_MEMLOCK;
 * -EINTR if the process is being killed. On failure nothing is pinned.
 */
int iommufd_ext_access_pin_pages(struct iommufd_ext_access *access,
				 unsigned long iova, unsigned long length,
				 struct page **out_pages, unsigned int flags)
{
	struct access_range range;
	int rc;

	if (WARN_ON_ONCE(!access->listener.ops->needs_pin_pages ||
			 !access->listener.ops->unmap))
		return refuse_id(access->ictx, -EINVAL, access->obj.id,
				 "access %u is of a driver that pins nothing",
				 access->obj.id);
	rc = range_init(&range, access, iova, length, flags);
	if (rc)
		return rc;

	mutex_lock(&access->lock);
	range.ioas = access->ioas;
	rc = range.ioas ? lock_shared(&range) : refuse_no_ioas(access);
	if (!rc) {
		rc = pin_range(&range, out_pages);
		up_read(&range.ioas->domains_rwsem);
	}
	mutex_unlock(&access->lock);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_pin_pages);

/**
 * iommufd_ext_access_unpin_pages() - undo iommufd_ext_access_pin_pages()
 * @access: the access
 * @iova: first IOVA, as pinned
 * @length: size of the range, in bytes, as pinned
 *
 * Context: may sleep; also in the driver's unmap operation.
 */
void iommufd_ext_access_unpin_pages(struct iommufd_ext_access *access,
				    unsigned long iova, unsigned long length)
{
	struct access_range range = { .iova = iova };

	if (WARN_ON(!length) ||
	    WARN_ON(check_add_overflow(iova, length - 1, &range.last)))
		return;

	mutex_lock(&access->lock);
	range.ioas = access->ioas_unpin;
	if (!WARN_ON(!range.ioas)) {
		down_read(&range.ioas->domains_rwsem);
		unpin_range(&range);
		up_read(&range.ioas->domains_rwsem);
	}
	mutex_unlock(&access->lock);
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_unpin_pages);

/* What is copied before others may run, in bytes. */
#define RW_BATCH ((size_t)SZ_1M)

/* Through the address space of the process the memory belongs to, which is in use. */
static int rw_user(unsigned long uptr, void *data, size_t size, bool write)
{
	unsigned long left = 0;
	size_t n;

	for (; size && !left; uptr += n, data += n, size -= n) {
		n = min(size, RW_BATCH);
		if (write)
			left = copy_to_user((void __user *)uptr, data, n);
		else
			left = copy_from_user(data, (void __user *)uptr, n);
		cond_resched();
	}
	return left ? -EFAULT : 0;
}

/* Of a file, the process may have mapped something else at the address. */
static bool can_rw_user(const struct area *area)
{
	return !area->pages->shared || !area_shared(area)->file;
}

static int rw_part_in_mm(const struct access_range *range,
			 const struct access_part *part, void *data,
			 bool in_mm)
{
	bool write = range->flags & IOMMUFD_EXT_ACCESS_RW_WRITE;
	bool pinned = !list_empty(&range->ioas->tables);
	size_t size = part->last - part->iova + 1;
	struct area *area = part->area;
	int rc;

	if (!in_mm || !can_rw_user(area))
		return area_rw(area, pinned, part->iova, data, size, write);
	rc = rw_user(area_start(area) + (part->iova - area->iova), data, size,
		     write);
	if (rc)
		refuse_part(range, rc, part->iova,
			    "is mapped, but its memory is not there");
	return rc;
}

/*
 * The address space that the memory is from, with a reference, if it may be used.
 * Shared memory can get another owner at any time, and then the last reference to the
 * former one may be gone.
 */
static struct mm_struct *get_owner_mm(const struct access_range *range,
				      const struct area *area)
{
	struct mm_struct *mm;

	area_lock_runs(area);
	mm = area->pages->owner->mm;
	if (!(range->flags & IOMMUFD_EXT_ACCESS_RW_KTHREAD) &&
	    (mm != current->mm ||
	     (range->flags & __IOMMUFD_EXT_ACCESS_RW_SLOW_PATH)))
		mm = NULL;
	if (mm && !mmget_not_zero(mm))
		mm = NULL;
	area_unlock_runs(area);
	return mm;
}

static int rw_part(const struct access_range *range,
		   const struct access_part *part, void *data)
{
	struct mm_struct *mm;
	bool borrow;
	int rc;

	if (area_dmabuf(part->area))
		return refuse_part(range, -EINVAL, part->iova,
				   "is of a dma-buf, which cannot be read or written");
	mm = get_owner_mm(range, part->area);
	/* Where a file has to be mapped to be pinned, that, too, needs one. */
	borrow = mm && current->mm != mm;
	if (borrow)
		kthread_use_mm(mm);
	rc = rw_part_in_mm(range, part, data, mm);
	if (borrow)
		kthread_unuse_mm(mm);
	if (mm)
		mmput(mm);
	return rc;
}

static int rw_range(const struct access_range *range, void *data)
{
	unsigned long iova = range->iova;
	struct access_part part;
	int rc;

	do {
		rc = hold_part(range, iova, &part);
		if (rc)
			return rc;
		rc = rw_part(range, &part, data);
		release_part(range, &part);
		if (rc)
			return rc;
		data += part.last - iova + 1;
		iova = part.last + 1;
		cond_resched();
	} while (part.last != range->last);
	return 0;
}

/**
 * iommufd_ext_access_rw() - read or write the memory behind a range of IOVAs
 * @access: an access
 * @iova: first IOVA
 * @data: what to write, or where to put what is read
 * @len: size of the range, in bytes
 * @flags: IOMMUFD_EXT_ACCESS_RW_WRITE to write; IOMMUFD_EXT_ACCESS_RW_KTHREAD if the
 *	caller is a kernel thread
 *
 * The memory need not be pinned, and can be that of another process.
 *
 * Context: may sleep, may fault.
 * Return: 0; -EINVAL if @len is 0, or a mapping is being removed; -EOVERFLOW if the
 * range wraps; -ENOENT if the access has no IOAS, or anything in the range is not
 * mapped; -EPERM if a mapping is not for reading, or not for writing; -EFAULT if the
 * memory is not there; -ENOMEM; -EINTR if the process is being killed. On failure part
 * of the range may be done. Where a file has to be mapped to pin its memory (on 6.1,
 * and if it is of huge pages), a kernel thread gets -EFAULT for memory of a file that
 * is not pinned, unless it may borrow the address space of the owner.
 */
int iommufd_ext_access_rw(struct iommufd_ext_access *access, unsigned long iova,
			  void *data, size_t len, unsigned int flags)
{
	struct access_range range;
	int rc;

	rc = range_init(&range, access, iova, len, flags);
	if (rc)
		return rc;

	mutex_lock(&access->lock);
	range.ioas = access->ioas;
	if (range.ioas) {
		down_read(&range.ioas->domains_rwsem);
		rc = rw_range(&range, data);
		up_read(&range.ioas->domains_rwsem);
	} else {
		rc = refuse_no_ioas(access);
	}
	mutex_unlock(&access->lock);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_rw);
