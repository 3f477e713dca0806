// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which domain of the mock a request gets, and what all of them do.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mock.h"

/* -EINVAL for a device that cannot track what it writes, and a domain that does. */
int mock_attach(struct iommu_domain *domain, struct device *dev)
{
	struct mock_dev *mdev = to_mock_dev(dev);
	int rc;

	if (mock_dirty_ops_of(domain) && mdev->flags & MOCK_DEVICE_NO_DIRTY)
		return -EINVAL;
	rc = ext_driver_follow_iopf(dev, domain, mdev->domain);
	if (!rc)
		mdev->domain = domain;
	return rc;
}

/*
 * Every other attach of MOCK_PASID_FAILS fails with -ENOMEM, for tests of how the caller gets
 * over it. @old is NULL where the kernel does not tell.
 */
int mock_attach_pasid(struct iommu_domain *domain, struct device *dev,
		      u32 pasid, struct iommu_domain *old)
{
	struct mock_dev *mdev = to_mock_dev(dev);

	if (mock_dirty_ops_of(domain) && mdev->flags & MOCK_DEVICE_NO_DIRTY)
		return -EINVAL;
	if (pasid == MOCK_PASID_FAILS) {
		mdev->pasid_fails = domain != &mock_blocked_domain &&
				    !mdev->pasid_fails;
		if (domain != &mock_blocked_domain && !mdev->pasid_fails)
			return -ENOMEM;
	}
	return ext_driver_follow_iopf(dev, domain, old);
}

static void mock_blocked_free(struct iommu_domain *domain)
{
	if (domain != &mock_blocked_domain)
		kfree(domain);
}

static const struct iommu_domain_ops mock_blocked_ops = {
	.attach_dev = ext_driver_attach_dev,
	.free = mock_blocked_free,
	EXT_SET_DEV_PASID_OP
};

struct iommu_domain mock_blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &mock_blocked_ops,
};

struct iommu_domain *mock_alloc_blocked(void)
{
	struct iommu_domain *domain;

	domain = kzalloc(sizeof(*domain), GFP_KERNEL_ACCOUNT);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	domain->ops = &mock_blocked_ops;
	return domain;
}

/* -EINVAL for a size that never was, -E2BIG, -EFAULT. @data is of type MOCK_HWPT_DATA. */
int mock_copy_data(struct mock_hwpt_data *config,
		   const struct ext_driver_user_data *data)
{
	/* @page_table came later. */
	if (data->len < offsetofend(struct mock_hwpt_data, iotlb) ||
	    data->len > sizeof(*config))
		return -EINVAL;
	return copy_struct_from_user(config, sizeof(*config), data->uptr,
				     data->len);
}

/* -EOPNOTSUPP for unknown flags or other data than struct mock_hwpt_data. */
struct iommu_domain *mock_alloc_paging(struct device *dev, u32 flags,
				       const struct ext_driver_user_data *data)
{
	bool dirty = flags & IOASID_HWPT_ALLOC_DIRTY_TRACKING;
	struct mock_hwpt_data config = {};
	int rc;

	if (flags & ~(u32)(IOASID_HWPT_ALLOC_NEST_PARENT |
			   IOASID_HWPT_ALLOC_DIRTY_TRACKING |
			   IOASID_HWPT_ALLOC_PASID))
		return ERR_PTR(-EOPNOTSUPP);
	if (dirty && to_mock_dev(dev)->flags & MOCK_DEVICE_NO_DIRTY)
		return ERR_PTR(-EOPNOTSUPP);
	if (data && data->type != MOCK_HWPT_DATA)
		return ERR_PTR(-EOPNOTSUPP);
	if (data) {
		rc = mock_copy_data(&config, data);
		if (rc)
			return ERR_PTR(rc);
	}
	return mock_page_table_alloc(config.page_table, dirty);
}
