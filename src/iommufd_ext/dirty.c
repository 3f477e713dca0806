// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking: which pages devices have written to.
 *
 * The IOMMU sets a bit in the entry of a page when a device writes to it. Asking
 * the driver about a range says where in it the first and the last dirty page are
 * (compat/dirty.h). So the range is asked about in pieces of the size of a table
 * first, without clearing, and where something is dirty, page by page, clearing:
 * each page that is made clean is one of which it is then known that it was dirty.
 *
 * The user's bitmap is served in windows. A window is checked to be writable
 * before anything is made clean for it, and written after the locks are dropped.
 */
#include <linux/bitmap.h>
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/dirty.h"
#include "compat/iommu.h"
#include "device.h"

/* Bytes of the user's bitmap that are served at a time. */
#define WINDOW_BYTES 2048UL
#define WINDOW_BITS (WINDOW_BYTES * BITS_PER_BYTE)

/* What is asked about before its pages are: what one table covers. */
#define PIECE_SIZE (PTRS_PER_PTE * PAGE_SIZE)

/* What is made clean before others may run, in bytes. */
#define CLEAN_SIZE (64 * PIECE_SIZE)

/**
 * struct dirty_reader - a bitmap under way
 * @hwpt: the page table
 * @base: IOVA of bit 0 of the user's bitmap
 * @shift: log2 of what a bit stands for, in bytes
 * @clear: make dirty pages clean
 * @step: size of the smallest entry, in bytes
 * @iova: IOVA of bit 0 of the window
 * @last: last IOVA of the window
 * @dirty_end: end of the last IOMMU page known to be dirty, which can be behind
 *	the window
 * @any: a bit of @bits is set
 * @cleaned: what was made clean, to be flushed
 * @bits: dirty pages of the window
 * @user: content of the user's bitmap in the window
 */
struct dirty_reader {
	struct hwpt *hwpt;
	unsigned long base;
	unsigned int shift;
	bool clear;
	unsigned long step;
	unsigned long iova;
	unsigned long last;
	unsigned long dirty_end;
	bool any;
	struct iommu_iotlb_gather cleaned;
	DECLARE_BITMAP(bits, WINDOW_BITS);
	DECLARE_BITMAP(user, WINDOW_BITS);
};

static struct hwpt *hwpt_get(struct iommufd_ext_ctx *ictx, u32 id)
{
	struct obj *obj = obj_get(ictx, id, OBJ_HWPT);

	return obj ? container_of(obj, struct hwpt, obj) : NULL;
}

/* The next area in the page table from @iova on, or NULL. */
static struct area *next_ready_area(struct ioas *ioas, unsigned long iova,
				    unsigned long last)
{
	struct area *area = iova_find_area(ioas, iova, last);

	while (area && !area_is_ready(area)) {
		area = iova_next_area(area);
		cond_resched();
	}
	return area && area->iova <= last ? area : NULL;
}

/*
 * Can page tables of a device track dirty pages? A domain is made for the question.
 * Context: may sleep.
 */
bool device_tracks_dirty(struct device *dev)
{
	struct iommu_domain *domain;
	bool reads;

	if (!ext_iommu_dirty_capable(dev))
		return false;
	domain = ext_iommu_domain_alloc_flags(dev,
					      IOASID_HWPT_ALLOC_DIRTY_TRACKING,
					      NULL);
	if (IS_ERR(domain))
		return false;
	reads = domain_reads_dirty(domain);
	iommu_domain_free(domain);
	return reads;
}

static bool found_any(const struct iommu_iotlb_gather *found)
{
	return found->start <= found->end;
}

static void add_cleaned(struct iommu_iotlb_gather *cleaned,
			const struct iommu_iotlb_gather *found)
{
	if (found_any(found))
		iommu_iotlb_gather_add_range(cleaned, found->start,
					     found->end - found->start + 1);
}

static void flush_cleaned(struct hwpt *hwpt, struct iommu_iotlb_gather *cleaned)
{
	/* An entry the IOMMU remembers as dirty is not marked again. */
	if (found_any(cleaned))
		iommu_iotlb_sync(hwpt->table.domain, cleaned);
}

static int clean_area(struct hwpt *hwpt, const struct area *area,
		      struct iommu_iotlb_gather *cleaned)
{
	struct iommu_iotlb_gather found;
	unsigned long iova, last;
	int rc;

	for (iova = area->iova;; iova = last + 1) {
		last = min(area->last, iova | (CLEAN_SIZE - 1));
		rc = ext_iommu_read_dirty(hwpt->table.domain, iova,
					  last - iova + 1, true, &found);
		if (rc)
			return rc;
		add_cleaned(cleaned, &found);
		rc = resched_killable();
		if (rc || last == area->last)
			return rc;
	}
}

static int clean_everything(struct hwpt *hwpt)
{
	struct iommu_iotlb_gather cleaned;
	struct ioas *ioas = hwpt->ioas;
	unsigned long iova = 0;
	struct area *area;
	int rc = 0;

	iommu_iotlb_gather_init(&cleaned);
	while ((area = next_ready_area(ioas, iova, ULONG_MAX))) {
		rc = clean_area(hwpt, area, &cleaned);
		if (rc || area->last == ULONG_MAX)
			break;
		iova = area->last + 1;
	}
	flush_cleaned(hwpt, &cleaned);
	return rc;
}

/* Nobody maps or unmaps meanwhile: the driver frees tables that it walks here. */
static int lock_tables(struct hwpt *hwpt)
{
	int rc;

	rc = ioas_lock_content(hwpt->ioas);
	/* Memory that is revoked leaves without these locks. */
	if (!rc)
		mutex_lock(&hwpt->table.revoke_lock);
	return rc;
}

static void unlock_tables(struct hwpt *hwpt)
{
	mutex_unlock(&hwpt->table.revoke_lock);
	ioas_unlock_content(hwpt->ioas);
}

static int set_tracking(struct hwpt *hwpt, bool enable)
{
	int rc;

	rc = lock_tables(hwpt);
	if (rc)
		return rc;
	if (enable)
		rc = clean_everything(hwpt);
	if (!rc)
		rc = ext_iommu_set_dirty_tracking(hwpt->table.domain, enable);
	if (!rc)
		hwpt->table.tracking = enable;
	unlock_tables(hwpt);
	return rc;
}

static int check_ops(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt)
{
	if (ext_iommu_has_dirty_ops(hwpt->table.domain))
		return 0;
	return refuse_id(ictx, -EOPNOTSUPP, hwpt->obj.id,
			 "page table %u does not track dirty pages",
			 hwpt->obj.id);
}

/* IOASID_HWPT_SET_DIRTY_TRACKING */
int hwpt_set_dirty_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hwpt_set_dirty_tracking *cmd = ucmd->cmd;
	struct hwpt *hwpt;
	int rc;

	if (cmd->flags & ~IOASID_HWPT_DIRTY_TRACKING_ENABLE)
		return refuse_flags(ucmd->ictx,
				    cmd->flags &
					    ~IOASID_HWPT_DIRTY_TRACKING_ENABLE);
	hwpt = hwpt_get(ucmd->ictx, cmd->hwpt_id);
	if (!hwpt)
		return -ENOENT;
	rc = check_ops(ucmd->ictx, hwpt);
	if (!rc) {
		rc = set_tracking(hwpt, cmd->flags &
					IOASID_HWPT_DIRTY_TRACKING_ENABLE);
		if (rc && rc != -EINTR)
			refuse_id(ucmd->ictx, rc, cmd->hwpt_id,
				  "the IOMMU driver does not change the tracking of page table %u (error %d)",
				  cmd->hwpt_id, -rc);
	}
	pt_put(ucmd->ictx, &hwpt->obj);
	return rc;
}

static void record(struct dirty_reader *reader, unsigned long iova,
		   unsigned long last)
{
	unsigned long first_bit, last_bit;

	if (last != ULONG_MAX)
		reader->dirty_end = max(reader->dirty_end, last + 1);
	reader->any = true;
	first_bit = (iova - reader->iova) >> reader->shift;
	last_bit = (min(last, reader->last) - reader->iova) >> reader->shift;
	bitmap_set(reader->bits, first_bit, last_bit - first_bit + 1);
}

/*
 * One entry, of which @iova is part. @next is raised to where it ends if it is dirty.
 *
 * An entry that was clean when its beginning was read can be dirty now. It is reported
 * from here on, and stays dirty, so that its beginning is reported next time.
 */
static int read_entry(struct dirty_reader *reader, unsigned long iova,
		      unsigned long *next)
{
	struct iommu_domain *domain = reader->hwpt->table.domain;
	unsigned long length = *next - iova + 1;
	struct iommu_iotlb_gather found;
	unsigned long start, size;
	int rc;

	rc = ext_iommu_read_dirty(domain, iova, length, false, &found);
	if (rc || !found_any(&found))
		return rc;
	/* Some drivers say where the entry begins, some where it was read. */
	size = found.end - found.start + 1;
	start = round_down(found.start, size);
	if (reader->clear && start == iova) {
		rc = ext_iommu_read_dirty(domain, iova, length, true, &found);
		if (rc)
			return rc;
		add_cleaned(&reader->cleaned, &found);
	}
	*next = max(*next, start + (size - 1));
	record(reader, iova, *next);
	return 0;
}

/* Pages of a range in which some are dirty. */
static int read_pages(struct dirty_reader *reader, unsigned long iova,
		      unsigned long last)
{
	unsigned long next;
	int rc;

	while (true) {
		next = min(last, iova | (reader->step - 1));
		rc = read_entry(reader, iova, &next);
		if (rc || next >= last)
			return rc;
		iova = next + 1;
	}
}

static int read_range(struct dirty_reader *reader, unsigned long iova,
		      unsigned long last)
{
	struct iommu_iotlb_gather found;
	unsigned long next;
	int rc;

	while (true) {
		/* It is part of a larger page, whose entry has been read. */
		if (reader->dirty_end > last)
			return 0;
		iova = max(iova, reader->dirty_end);
		next = min(last, iova | (PIECE_SIZE - 1));
		rc = ext_iommu_read_dirty(reader->hwpt->table.domain, iova,
					  next - iova + 1, false, &found);
		if (!rc && found_any(&found))
			rc = read_pages(reader, max(iova, found.start),
					min(next, found.end));
		if (rc || next == last)
			return rc;
		iova = next + 1;
		rc = resched_killable();
		if (rc)
			return rc;
	}
}

/* The tables are locked. */
static int read_window(struct dirty_reader *reader)
{
	struct ioas *ioas = reader->hwpt->ioas;
	unsigned long iova = reader->iova;
	struct area *area;
	int rc;

	if (reader->dirty_end > iova)
		record(reader, iova, reader->dirty_end - 1);

	while ((area = next_ready_area(ioas, iova, reader->last))) {
		rc = read_range(reader, max(iova, area->iova),
				min(reader->last, area->last));
		if (rc)
			return rc;
		if (area->last >= reader->last)
			break;
		iova = area->last + 1;
		/* Where a bit stands for much, a window can have many areas. */
		rc = resched_killable();
		if (rc)
			return rc;
	}
	return 0;
}

static int serve_window(struct dirty_reader *reader, u8 __user *data)
{
	struct hwpt *hwpt = reader->hwpt;
	unsigned long bits, bytes;
	int rc;

	bits = ((reader->last - reader->iova) >> reader->shift) + 1;
	bytes = DIV_ROUND_UP(bits, BITS_PER_BYTE);
	data += ((reader->iova - reader->base) >> reader->shift) /
		BITS_PER_BYTE;
	if (copy_from_user(reader->user, data, bytes) ||
	    copy_to_user(data, reader->user, bytes))
		return refuse_fault(hwpt->ioas->ictx, "the bitmap", data);

	bitmap_zero(reader->bits, WINDOW_BITS);
	reader->any = false;
	iommu_iotlb_gather_init(&reader->cleaned);
	rc = lock_tables(hwpt);
	if (rc)
		return rc;
	if (hwpt->table.tracking)
		rc = read_window(reader);
	flush_cleaned(hwpt, &reader->cleaned);
	unlock_tables(hwpt);

	if (!reader->any)
		return rc;
	bitmap_or(reader->user, reader->user, reader->bits, bits);
	if (copy_to_user(data, reader->user, bytes))
		return refuse_fault(hwpt->ioas->ictx, "the bitmap", data);
	return rc;
}

/*
 * Where the next window begins: a whole byte at or before the next area. Returns 1 if
 * there is one, 0 if not, or -EINTR.
 */
static int find_window(struct dirty_reader *reader, unsigned long last)
{
	struct ioas *ioas = reader->hwpt->ioas;
	unsigned long offset;
	struct area *area;
	int rc;

	if (reader->dirty_end <= reader->iova) {
		rc = ioas_lock_content(ioas);
		if (rc)
			return rc;
		area = next_ready_area(ioas, reader->iova, last);
		if (area && area->iova > reader->iova) {
			offset = (area->iova - reader->base) >> reader->shift;
			offset = round_down(offset, BITS_PER_BYTE);
			reader->iova = reader->base + (offset << reader->shift);
		}
		ioas_unlock_content(ioas);
		if (!area)
			return 0;
	}
	if ((last - reader->iova) >> reader->shift >= WINDOW_BITS)
		reader->last =
			reader->iova + (WINDOW_BITS << reader->shift) - 1;
	else
		reader->last = last;
	return 1;
}

static int read_dirty(struct hwpt *hwpt,
		      const struct ioasid_hwpt_get_dirty_bitmap *cmd)
{
	unsigned long last = cmd->iova + cmd->length - 1;
	struct dirty_reader *reader;
	int rc;

	reader = kmalloc(sizeof(*reader), GFP_KERNEL_ACCOUNT);
	if (!reader)
		return -ENOMEM;
	reader->hwpt = hwpt;
	reader->base = cmd->iova;
	reader->shift = __ffs64(cmd->page_size);
	reader->clear = !(cmd->flags & IOASID_HWPT_GET_DIRTY_BITMAP_NO_CLEAR);
	reader->step = 1UL << __ffs(hwpt->table.domain->pgsize_bitmap);
	reader->iova = cmd->iova;
	reader->dirty_end = 0;

	while ((rc = find_window(reader, last)) > 0) {
		rc = serve_window(reader, u64_to_user_ptr(cmd->data));
		if (rc || reader->last == last)
			break;
		rc = resched_killable();
		if (rc)
			break;
		reader->iova = reader->last + 1;
	}
	kfree(reader);
	return rc;
}

static int check_range(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt,
		       const struct ioasid_hwpt_get_dirty_bitmap *cmd)
{
	struct ioas *ioas = hwpt->ioas;
	u64 last, edges, align;

	if (!cmd->length)
		return refuse(ictx, -EINVAL, "the length is 0");
	if (check_add_overflow(cmd->iova, cmd->length - 1, &last) ||
	    last > ULONG_MAX)
		return refuse(ictx, -EOVERFLOW,
			      "%#llx bytes from IOVA %#llx reach beyond the last IOVA",
			      cmd->length, cmd->iova);

	align = READ_ONCE(ioas->iova_alignment);
	edges = cmd->iova | (last + 1);
	if ((edges & (align - 1)) || !cmd->page_size ||
	    (edges & (cmd->page_size - 1)))
		return refuse_range(ictx, -EINVAL, hwpt->obj.id, cmd->iova, last,
				    "%#llx-%#llx is not in multiples of %#llx and of the page size %#llx",
				    cmd->iova, last, align, cmd->page_size);
	return 0;
}

/* IOASID_HWPT_GET_DIRTY_BITMAP */
int hwpt_get_dirty_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hwpt_get_dirty_bitmap *cmd = ucmd->cmd;
	struct hwpt *hwpt;
	int rc;

	if (cmd->flags & ~IOASID_HWPT_GET_DIRTY_BITMAP_NO_CLEAR)
		return refuse_flags(ucmd->ictx,
				    cmd->flags &
					    ~IOASID_HWPT_GET_DIRTY_BITMAP_NO_CLEAR);
	if (cmd->__reserved)
		return refuse_reserved(ucmd->ictx);
	hwpt = hwpt_get(ucmd->ictx, cmd->hwpt_id);
	if (!hwpt)
		return -ENOENT;
	rc = check_range(ucmd->ictx, hwpt, cmd);
	if (!rc)
		rc = check_ops(ucmd->ictx, hwpt);
	if (!rc)
		rc = read_dirty(hwpt, cmd);
	pt_put(ucmd->ictx, &hwpt->obj);
	return rc;
}
