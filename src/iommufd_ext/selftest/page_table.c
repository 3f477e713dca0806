// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock's page table: an entry for each unit that is mapped, of 2048 bytes unless
 * it is told to have smaller ones.
 *
 * It believes nothing: a map over a mapping, an unmap of a hole or of a part of
 * a large page, and a page table that is freed with something in it are warned
 * of, and a warning fails the boot. Told to, it is a driver that falls short itself.
 */
#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "mock.h"

static unsigned long mock_stuck_iova;
module_param(mock_stuck_iova, ulong, 0644);
MODULE_PARM_DESC(mock_stuck_iova,
		 "Test build only: unmapping ends in front of this IOVA of the mock's page tables; 0, the default, for none");

static unsigned int mock_unit = MOCK_PAGE_SIZE;
module_param(mock_unit, uint, 0644);
MODULE_PARM_DESC(mock_unit,
		 "Test build only: smallest page of page tables that the mock makes from now on, in bytes: 2048, the default, 1024 or 512");

static unsigned int mock_dirty_ms;
module_param(mock_dirty_ms, uint, 0644);
MODULE_PARM_DESC(mock_dirty_ms,
		 "Test build only: how long the mock takes to look for dirty pages, in milliseconds; 0 by default");

/* On the first entry of a dirty page. */
#define DIRTY XA_MARK_0

/**
 * struct mock_page_table_domain - an IOMMU domain of the mock
 * @domain: what the IOMMU core knows
 * @unit: its smallest page, in bytes; constant
 * @entries: by IOVA / @unit; its xa_lock protects them
 * @dirty_ops: it can track dirty pages; constant
 * @tracking: it does; changed by one caller at a time
 * @fell_short: something was not unmapped, because of mock_stuck_iova
 */
struct mock_page_table_domain {
	struct iommu_domain domain;
	unsigned int unit;
	struct xarray entries;
	const struct ext_driver_dirty_ops *dirty_ops;
	bool tracking;
	bool fell_short;
};

static struct mock_page_table_domain *to_page_table(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_page_table_domain, domain);
}

/* An entry: the address in units, and the size of the page it is part of. */
#define ENTRY_ORDER GENMASK(3, 0)
#define ENTRY_ADDRESS GENMASK(BITS_PER_LONG - 2, 4)

static void *make_entry(const struct mock_page_table_domain *table,
			phys_addr_t paddr, size_t pgsize)
{
	return xa_mk_value(FIELD_PREP(ENTRY_ADDRESS, paddr / table->unit) |
			   FIELD_PREP(ENTRY_ORDER,
				      ilog2(pgsize / table->unit)));
}

/* In units. */
static unsigned long entry_size(void *entry)
{
	return 1UL << FIELD_GET(ENTRY_ORDER, xa_to_value(entry));
}

static void erase_range(struct mock_page_table_domain *table,
			unsigned long first, unsigned long count)
{
	while (count--)
		xa_erase(&table->entries, first++);
}

/* All of a page or nothing. */
static int map_page(struct mock_page_table_domain *table, unsigned long iova,
		    phys_addr_t paddr, size_t pgsize, gfp_t gfp)
{
	unsigned long first = iova / table->unit;
	unsigned long i;
	int rc;

	for (i = 0; i < pgsize / table->unit; i++) {
		rc = xa_insert(&table->entries, first + i,
			       make_entry(table, paddr + i * table->unit,
					  pgsize),
			       gfp);
		if (rc) {
			WARN_ON(rc == -EBUSY);
			erase_range(table, first, i);
			return rc;
		}
	}
	return 0;
}

static int mock_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t paddr, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct mock_page_table_domain *table = to_page_table(domain);
	int rc;

	if (WARN_ON(!(pgsize & domain->pgsize_bitmap) ||
		    (iova | paddr) & (pgsize - 1) ||
		    iova < domain->geometry.aperture_start ||
		    iova + pgsize * pgcount - 1 > domain->geometry.aperture_end))
		return -EINVAL;

	for (; pgcount; pgcount--) {
		rc = map_page(table, iova, paddr, pgsize, gfp);
		if (rc)
			return rc;
		iova += pgsize;
		paddr += pgsize;
		*mapped += pgsize;
	}
	return 0;
}

static size_t mock_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	struct mock_page_table_domain *table = to_page_table(domain);
	unsigned long first = iova / table->unit;
	unsigned long end = first + pgsize / table->unit * pgcount;
	unsigned long i;
	void *entry;

	for (i = first; i < end; i++) {
		if (mock_stuck_iova && i == mock_stuck_iova / table->unit) {
			table->fell_short = true;
			break;
		}
		entry = xa_erase(&table->entries, i);
		if (WARN_ON(!entry))
			break;
		/* Nobody takes away a part of a page. */
		WARN_ON(i == first && i % entry_size(entry));
		WARN_ON(i == end - 1 && end % entry_size(entry));
	}
	return (i - first) * table->unit;
}

static phys_addr_t mock_iova_to_phys(struct iommu_domain *domain,
				     dma_addr_t iova)
{
	struct mock_page_table_domain *table = to_page_table(domain);
	void *entry;

	entry = xa_load(&table->entries, iova / table->unit);
	if (!entry)
		return 0;
	return FIELD_GET(ENTRY_ADDRESS, xa_to_value(entry)) * table->unit +
	       iova % table->unit;
}

static void mock_page_table_free(struct iommu_domain *domain)
{
	struct mock_page_table_domain *table = to_page_table(domain);

	WARN_ON(!xa_empty(&table->entries) && !table->fell_short);
	xa_destroy(&table->entries);
	kfree(table);
}

static const struct iommu_domain_ops mock_page_table_ops = {
	.attach_dev = ext_driver_attach_dev,
	.map_pages = mock_map_pages,
	.unmap_pages = mock_unmap_pages,
	.iova_to_phys = mock_iova_to_phys,
	.free = mock_page_table_free,
	EXT_SET_DEV_PASID_OP
};

static int mock_set_dirty_tracking(struct iommu_domain *domain, bool enabled)
{
	to_page_table(domain)->tracking = enabled;
	return 0;
}

static int mock_read_and_clear_dirty(struct iommu_domain *domain,
				     unsigned long iova, size_t size,
				     unsigned long flags,
				     struct ext_driver_dirty_bitmap *dirty)
{
	struct mock_page_table_domain *table = to_page_table(domain);
	unsigned long i = iova / table->unit;
	unsigned long last = (iova + size - 1) / table->unit;
	unsigned long npages;
	void *entry;

	if (mock_dirty_ms)
		msleep(mock_dirty_ms);
	while ((entry = xa_find(&table->entries, &i, last, XA_PRESENT))) {
		npages = entry_size(entry);
		i = round_down(i, npages);
		if (xa_get_mark(&table->entries, i, DIRTY)) {
			if (!(flags & EXT_DIRTY_NO_CLEAR))
				xa_clear_mark(&table->entries, i, DIRTY);
			ext_driver_record_dirty(dirty, i * table->unit,
						npages * table->unit);
		}
		i += npages;
		if (i > last)
			break;
	}
	return 0;
}

static const struct ext_driver_dirty_ops mock_dirty_ops = {
	.set_dirty_tracking = mock_set_dirty_tracking,
	.read_and_clear_dirty = mock_read_and_clear_dirty,
};

/* Does as a device that writes to memory. -EINVAL if the page table does not track that. */
int mock_page_table_dirty(struct iommu_domain *domain, unsigned long iova)
{
	struct mock_page_table_domain *table = to_page_table(domain);
	unsigned long i = iova / table->unit;
	void *entry;

	if (!table->tracking)
		return -EINVAL;
	entry = xa_load(&table->entries, i);
	if (entry)
		xa_set_mark(&table->entries, round_down(i, entry_size(entry)),
			    DIRTY);
	return 0;
}

const struct ext_driver_dirty_ops *mock_dirty_ops_of(struct iommu_domain *domain)
{
	return is_mock_page_table(domain) ? to_page_table(domain)->dirty_ops :
					    NULL;
}

/* An ERR_PTR is -EOPNOTSUPP for an unknown format, or -ENOMEM. */
struct iommu_domain *mock_page_table_alloc(enum mock_page_table format,
					   bool tracks_dirty)
{
	struct mock_page_table_domain *table;
	struct iommu_domain *domain;

	if (format > MOCK_PAGE_TABLE_HUGE)
		return ERR_PTR(-EOPNOTSUPP);

	table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return ERR_PTR(-ENOMEM);
	table->unit = clamp(rounddown_pow_of_two(READ_ONCE(mock_unit) | 1),
			    512U, (unsigned int)MOCK_PAGE_SIZE);
	xa_init_flags(&table->entries, XA_FLAGS_ACCOUNT);

	domain = &table->domain;
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	domain->ops = &mock_page_table_ops;
	if (format == MOCK_PAGE_TABLE_HUGE) {
		/* User space takes care that all is large. */
		domain->pgsize_bitmap = MOCK_HUGE_PAGE_SIZE | PAGE_SIZE;
		domain->geometry.aperture_end = ULONG_MAX;
	} else {
		domain->pgsize_bitmap =
			table->unit | PAGE_SIZE | MOCK_HUGE_PAGE_SIZE;
		domain->geometry.aperture_start = MOCK_APERTURE_START;
		domain->geometry.aperture_end = MOCK_APERTURE_LAST;
	}
	domain->geometry.force_aperture = true;
	if (tracks_dirty) {
		table->dirty_ops = &mock_dirty_ops;
		ext_domain_set_dirty_ops(domain, &mock_dirty_ops);
	}
	return domain;
}

/* Whether a domain, of any driver, is one whose entries can be looked at. */
bool is_mock_page_table(const struct iommu_domain *domain)
{
	return domain->ops == &mock_page_table_ops;
}
