// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells: where devices write their interrupts to.
 *
 * Some platforms (SMMUv3, virtio-iommu) translate the writes of interrupts, too. The page
 * that takes them, the doorbell, has to be in the page table of the device, in a window
 * of IOVAs that is reserved for that. The kernel maps it when an interrupt is set up, in
 * the page table that the device has at that moment, at the first free page of what
 * iommu_get_msi_cookie() was told; and the device keeps writing there, whatever page
 * table it has later.
 *
 * So doorbells follow a group into its next page table, to the IOVA where its interrupts
 * go. For that an IOVA has to mean one doorbell in all page tables of a context: each gets
 * a slot of the window, a few pages for the kernel to take, which no other page table has.
 * The slot of one that is gone is not given away while an interrupt goes there.
 *
 * What is set up while a group is attached to nothing goes to the doorbell's own address
 * for as long as it is set up, and no page table has that.
 */
#include <linux/bitmap.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "compat/iommu.h"
#include "compat/msi.h"
#include "device.h"

/* Page tables of a context that can have a window, if it has so many pages. */
#define MAX_SLOTS 64

/* As the kernel maps doorbells. */
#define DOORBELL_PROT (IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO)

/**
 * struct doorbells - what the window of a context is used for
 * @start: IOVA of the window; constant
 * @nr_pages: size of the window, in pages; constant
 * @slot_pages: size of a slot, in pages; constant
 * @nr_slots: how many there are; constant
 * @taken: slots that page tables have; a bit is set with attach_lock held, and cleared
 *	without
 * @pages: for each page of the window the address of the doorbell that the kernel mapped
 *	there in the page table that has the slot; 0 if not known. Protected by
 *	attach_lock
 */
struct doorbells {
	u64 start;
	unsigned int nr_pages;
	unsigned int slot_pages;
	unsigned int nr_slots;
	DECLARE_BITMAP(taken, MAX_SLOTS);
	phys_addr_t pages[];
};

static struct doorbells *doorbells_new(const struct igroup *igroup)
{
	unsigned int nr_pages = igroup->msi_length >> PAGE_SHIFT;
	struct doorbells *doorbells;

	doorbells = kzalloc(struct_size(doorbells, pages, nr_pages),
			    GFP_KERNEL_ACCOUNT);
	if (!doorbells)
		return NULL;
	doorbells->start = igroup->msi_window;
	doorbells->nr_pages = nr_pages;
	doorbells->slot_pages = max(nr_pages / MAX_SLOTS, 1U);
	doorbells->nr_slots =
		min_t(unsigned int, nr_pages / doorbells->slot_pages, MAX_SLOTS);
	return doorbells;
}

/* For a context without page tables. */
void doorbells_free(struct iommufd_ext_ctx *ictx)
{
	kfree(ictx->doorbells);
}

/* The page of the window an interrupt goes to; -1 if it goes elsewhere. */
static int doorbell_page(const struct doorbells *doorbells, u64 iova)
{
	if (iova < doorbells->start ||
	    (iova - doorbells->start) >> PAGE_SHIFT >= doorbells->nr_pages)
		return -1;
	return (iova - doorbells->start) >> PAGE_SHIFT;
}

static u64 page_iova(const struct doorbells *doorbells, unsigned int page)
{
	return doorbells->start + ((u64)page << PAGE_SHIFT);
}

/**
 * struct doorbell_walk - the interrupts of some devices, one by one
 * @doorbells: of the context
 * @hwpt: page table that is looked at, or NULL
 * @slots: those that interrupts go to
 */
struct doorbell_walk {
	struct doorbells *doorbells;
	struct hwpt *hwpt;
	DECLARE_BITMAP(slots, MAX_SLOTS);
};

static int note_slot(u64 iova, void *data)
{
	struct doorbell_walk *walk = data;
	int page = doorbell_page(walk->doorbells, iova);
	unsigned int slot;

	if (page < 0)
		return 0;
	slot = page / walk->doorbells->slot_pages;
	if (slot < walk->doorbells->nr_slots)
		__set_bit(slot, walk->slots);
	return 0;
}

static int idev_note_slots(struct iommufd_ext_device *idev, void *data)
{
	return ext_msi_walk_iovas(idev->dev, note_slot, data);
}

/*
 * As far from others as can be: a page table of devices behind several doorbells may need more
 * pages than its slot has, and the kernel goes on behind it.
 */
static int slot_choose(const unsigned long *used, unsigned int nr)
{
	unsigned int step, slot;

	for (step = nr; step; step /= 2)
		for (slot = 0; slot < nr; slot += step)
			if (!test_bit(slot, used))
				return slot;
	return -ENOSPC;
}

/* One that no page table has and no interrupt goes to. */
static int slot_take(struct iommufd_ext_ctx *ictx)
{
	struct doorbells *doorbells = ictx->doorbells;
	struct doorbell_walk walk = { .doorbells = doorbells };
	int slot;

	lockdep_assert_held(&ictx->attach_lock);

	igroups_walk_idevs(ictx, NULL, idev_note_slots, &walk);
	bitmap_or(walk.slots, walk.slots, doorbells->taken, MAX_SLOTS);
	slot = slot_choose(walk.slots, doorbells->nr_slots);
	if (slot < 0)
		return slot;
	set_bit(slot, doorbells->taken);
	/* Whoever had it before has left. */
	memset(&doorbells->pages[slot * doorbells->slot_pages], 0,
	       doorbells->slot_pages * sizeof(*doorbells->pages));
	return slot;
}

/*
 * Reserves the window for a page table until it leaves its IOAS. What the kernel maps stays in
 * one that is filled without devices, and the endpoints that reserve the window, too, are gone
 * then.
 * Context: holds attach_lock; takes ioas->iova_lock. An endpoint has the window reserved, so
 * that this fails without memory alone.
 */
int doorbells_reserve(struct hwpt *hwpt)
{
	struct ioas *ioas = hwpt->ioas;
	const struct doorbells *doorbells = ioas->ictx->doorbells;
	int rc;

	lockdep_assert_held(&ioas->ictx->attach_lock);

	mutex_lock(&ioas->iova_lock);
	rc = iova_reserve_for_table(ioas, doorbells->start,
				    page_iova(doorbells, doorbells->nr_pages) - 1,
				    &hwpt->table);
	mutex_unlock(&ioas->iova_lock);
	return rc;
}

/*
 * Lets interrupts be set up for a group that is about to be attached to @hwpt, which is
 * not nested.
 * Context: holds attach_lock; may sleep. Returns -ENOSPC if too many page tables have a
 * part of the window; -EINVAL if the context has another window; -EOPNOTSUPP if no page
 * table is safe from the kernel's interrupts; -ENOMEM.
 */
int doorbells_prepare(struct igroup *igroup, struct hwpt *hwpt)
{
	struct iommufd_ext_ctx *ictx = igroup->ictx;
	struct doorbells *doorbells;
	int slot, rc;

	lockdep_assert_held(&ictx->attach_lock);

	if (!EXT_KERNEL_MAPS_DOORBELLS || igroup->msi_window == NO_MSI_WINDOW)
		return 0;
	if (EXT_MSI_POINTS_INTO_TABLE)
		return refuse(ictx, -EOPNOTSUPP,
			      "interrupts of IOMMU group %d pass through page tables, which this kernel would use after they are gone",
			      iommu_group_id(igroup->group));
	if (!ictx->doorbells)
		ictx->doorbells = doorbells_new(igroup);
	doorbells = ictx->doorbells;
	if (!doorbells)
		return -ENOMEM;
	/* Linux has one window for all. */
	if (doorbells->start != igroup->msi_window ||
	    doorbells->nr_pages != igroup->msi_length >> PAGE_SHIFT)
		return refuse(ictx, -EINVAL,
			      "IOMMU group %d wants its interrupts at other IOVAs than a group before",
			      iommu_group_id(igroup->group));
	if (hwpt->doorbell_slot)
		return 0;

	slot = slot_take(ictx);
	if (slot < 0)
		return refuse_id(ictx, slot, hwpt->obj.id,
				 "%u page tables have interrupts of devices, and there is no room for one more",
				 doorbells->nr_slots);
	/* If it is filled later, hwpt_fill() does this. */
	rc = hwpt->filled ? doorbells_reserve(hwpt) : 0;
	if (!rc)
		rc = iommu_get_msi_cookie(hwpt->table.domain,
					  page_iova(doorbells,
						    slot * doorbells->slot_pages));
	if (rc) {
		clear_bit(slot, doorbells->taken);
		return rc;
	}
	hwpt->doorbell_slot = slot + 1;
	return 0;
}

/* Undoes doorbells_prepare() for a page table that was freed, but for its memory. */
void doorbells_release(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt)
{
	if (hwpt->doorbell_slot)
		clear_bit(hwpt->doorbell_slot - 1, ictx->doorbells->taken);
}

static int note_doorbell(u64 iova, void *data)
{
	struct doorbell_walk *walk = data;
	int page = doorbell_page(walk->doorbells, iova);
	phys_addr_t phys;

	if (page < 0)
		return 0;
	phys = iommu_iova_to_phys(walk->hwpt->table.domain,
				  page_iova(walk->doorbells, page));
	if (phys)
		walk->doorbells->pages[page] = phys;
	return 0;
}

static int idev_note_doorbells(struct iommufd_ext_device *idev, void *data)
{
	return ext_msi_walk_iovas(idev->dev, note_doorbell, data);
}

/*
 * Notes the doorbells of a group in the page table that it leaves or has left, which may
 * be nested. An interrupt that was being set up while the group left is in the page
 * table that it left. So who does not want to miss it asks afterwards; and who frees that
 * page table has to, as the kernel looks at it without a lock until the interrupt is set up.
 * Context: holds attach_lock; may sleep. Neither allocates nor fails.
 */
void doorbells_note(struct igroup *igroup, struct hwpt *hwpt)
{
	struct doorbell_walk walk = {
		.doorbells = igroup->ictx->doorbells,
		.hwpt = hwpt->parent ?: hwpt,
	};

	lockdep_assert_held(&igroup->ictx->attach_lock);
	if (walk.hwpt->doorbell_slot)
		igroups_walk_idevs(igroup->ictx, igroup, idev_note_doorbells,
				   &walk);
}

static int map_doorbell(u64 iova, void *data)
{
	struct doorbell_walk *walk = data;
	struct doorbells *doorbells = walk->doorbells;
	struct iommu_domain *domain = walk->hwpt->table.domain;
	int page = doorbell_page(doorbells, iova);
	phys_addr_t now;

	/* In its own slot the kernel has mapped what there is. */
	if (page < 0 || !doorbells->pages[page] ||
	    page / doorbells->slot_pages == walk->hwpt->doorbell_slot - 1)
		return 0;
	iova = page_iova(doorbells, page);
	now = iommu_iova_to_phys(domain, iova);
	if (now == doorbells->pages[page])
		return 0;
	/* Of one that had the slot before. */
	if (now)
		iommu_unmap(domain, iova, PAGE_SIZE);
	return ext_iommu_map(domain, iova, doorbells->pages[page], PAGE_SIZE,
			     DOORBELL_PROT);
}

static int idev_map_doorbells(struct iommufd_ext_device *idev, void *data)
{
	return ext_msi_walk_iovas(idev->dev, map_doorbell, data);
}

/*
 * Maps the doorbells of a group into the page table it will have or has got, which may
 * be nested; it was given to doorbells_prepare(), and knows its page sizes.
 * Context: holds attach_lock; may sleep. Returns 0 or the error of the IOMMU driver.
 */
int doorbells_follow(struct igroup *igroup, struct hwpt *hwpt)
{
	struct iommufd_ext_ctx *ictx = igroup->ictx;
	struct doorbell_walk walk = {
		.doorbells = ictx->doorbells,
		.hwpt = hwpt->parent ?: hwpt,
	};
	int rc;

	lockdep_assert_held(&ictx->attach_lock);
	if (!walk.hwpt->doorbell_slot)
		return 0;
	rc = igroups_walk_idevs(ictx, igroup, idev_map_doorbells, &walk);
	if (rc)
		return refuse_id(ictx, rc, hwpt->obj.id,
				 "the doorbells of IOMMU group %d cannot be mapped (error %d)",
				 iommu_group_id(igroup->group), -rc);
	return 0;
}
