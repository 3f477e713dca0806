// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock's nested domains: no translation, but a cache to be invalidated.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mock.h"

/**
 * struct mock_nested_domain - a domain within another
 * @domain: what the IOMMU core knows
 * @iotlb: what the selftest looks at
 */
struct mock_nested_domain {
	struct iommu_domain domain;
	u32 iotlb[MOCK_NESTED_IOTLBS];
};

static struct mock_nested_domain *to_nested(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_nested_domain, domain);
}

static void mock_nested_free(struct iommu_domain *domain)
{
	kfree(to_nested(domain));
}

static int invalidate(struct mock_nested_domain *nested,
		      const struct mock_invalidate *entry)
{
	unsigned int i;

	if (entry->flags & ~(u32)MOCK_INVALIDATE_ALL)
		return -EOPNOTSUPP;
	if (entry->iotlb_id >= MOCK_NESTED_IOTLBS)
		return -EINVAL;
	for (i = 0; i < MOCK_NESTED_IOTLBS; i++)
		if (i == entry->iotlb_id || entry->flags & MOCK_INVALIDATE_ALL)
			nested->iotlb[i] = 0;
	return 0;
}

static int __maybe_unused
mock_cache_invalidate(struct iommu_domain *domain,
		      struct ext_driver_user_data_array *array)
{
	u32 num = array->entry_num;
	struct mock_invalidate entry;
	int rc = 0;

	array->entry_num = 0;
	if (array->type != MOCK_INVALIDATE_DATA)
		return -EINVAL;
	for (; !rc && array->entry_num < num; array->entry_num++) {
		void __user *uptr = array->uptr +
				    array->entry_num * array->entry_len;

		/* There is but one version of the structure. */
		if (array->entry_len != sizeof(entry))
			return -EINVAL;
		if (copy_from_user(&entry, uptr, sizeof(entry)))
			return -EFAULT;
		rc = invalidate(to_nested(domain), &entry);
		if (rc)
			return rc;
	}
	return 0;
}

static const struct iommu_domain_ops mock_nested_ops = {
	.attach_dev = ext_driver_attach_dev,
	.free = mock_nested_free,
	EXT_SET_DEV_PASID_OP EXT_CACHE_INVALIDATE_USER(mock_cache_invalidate)
};

/* -EOPNOTSUPP for unknown flags or other data, -EINVAL if @parent is no page table of the mock. */
struct iommu_domain *mock_alloc_nested(struct iommu_domain *parent, u32 flags,
				       const struct ext_driver_user_data *data)
{
	struct mock_nested_domain *nested;
	struct mock_hwpt_data config;
	unsigned int i;
	int rc;

	if (flags & ~(u32)IOASID_HWPT_ALLOC_PASID ||
	    data->type != MOCK_HWPT_DATA)
		return ERR_PTR(-EOPNOTSUPP);
	if (!is_mock_page_table(parent))
		return ERR_PTR(-EINVAL);
	rc = mock_copy_data(&config, data);
	if (rc)
		return ERR_PTR(rc);

	nested = kzalloc(sizeof(*nested), GFP_KERNEL_ACCOUNT);
	if (!nested)
		return ERR_PTR(-ENOMEM);
	nested->domain.type = EXT_DOMAIN_NESTED;
	nested->domain.ops = &mock_nested_ops;
	for (i = 0; i < MOCK_NESTED_IOTLBS; i++)
		nested->iotlb[i] = config.iotlb;
	return &nested->domain;
}

/* An entry of the cache of a domain of any driver, or NULL if there is none. */
const u32 *mock_nested_iotlb(struct iommu_domain *domain, u32 id)
{
	if (domain->ops != &mock_nested_ops || id >= MOCK_NESTED_IOTLBS)
		return NULL;
	return &to_nested(domain)->iotlb[id];
}
