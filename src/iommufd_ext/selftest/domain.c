// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock's domains other than page tables, and which one a request gets.
 */
#include <linux/slab.h>

#include "../../compat/iommu_driver.h"
#include "mock.h"

static int mock_blocked_attach_dev(EXT_ATTACH_DEV_ARGS)
{
	return 0;
}

static void mock_blocked_free(struct iommu_domain *domain)
{
	if (domain != &mock_blocked_domain)
		kfree(domain);
}

static const struct iommu_domain_ops mock_blocked_ops = {
	.attach_dev = mock_blocked_attach_dev,
	.free = mock_blocked_free,
};

struct iommu_domain mock_blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &mock_blocked_ops,
};

/**
 * mock_alloc_blocked() - make a domain without entries
 *
 * Return: the domain or ERR_PTR(-ENOMEM).
 */
struct iommu_domain *mock_alloc_blocked(void)
{
	struct iommu_domain *domain;

	domain = kzalloc(sizeof(*domain), GFP_KERNEL_ACCOUNT);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	domain->ops = &mock_blocked_ops;
	return domain;
}

/**
 * mock_alloc_paging() - make an empty page table
 * @dev: for which device, or NULL
 * @flags: IOASID_HWPT_ALLOC_*
 * @data: driver data or NULL
 *
 * Return: the domain or an ERR_PTR.
 */
struct iommu_domain *mock_alloc_paging(struct device *dev, u32 flags,
				       const struct iommu_user_data *data)
{
	if (flags || data)
		return ERR_PTR(-EOPNOTSUPP);
	return mock_page_table_alloc(MOCK_PAGE_TABLE_DEFAULT);
}

/**
 * mock_alloc_nested() - make a domain within another
 * @parent: a page table
 * @flags: IOASID_HWPT_ALLOC_*
 * @data: driver data
 *
 * Return: the domain or an ERR_PTR.
 */
struct iommu_domain *mock_alloc_nested(struct iommu_domain *parent, u32 flags,
				       const struct iommu_user_data *data)
{
	return ERR_PTR(-EOPNOTSUPP);
}
