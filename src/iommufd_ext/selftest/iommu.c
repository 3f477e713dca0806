// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock's driver, and the devices behind it.
 *
 * The devices are on the platform bus: drivers of IOMMUs are asked about those
 * on every kernel, and nothing binds to them.
 */
#include <linux/module.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "compat/pasid.h"

#include "../core.h"
#include "mock.h"
#include "selftest.h"

#define DRIVER_NAME SELFTEST_IOMMU

static struct platform_device *mock_pdev;
static struct iommu_device mock_iommu;
static struct iopf_queue *mock_iopf_queue;

bool is_mock_dev(const struct device *dev)
{
	return dev->parent == &mock_pdev->dev;
}

bool mock_capable(struct device *dev, enum iommu_cap cap)
{
	if (cap == EXT_CAP_DIRTY_TRACKING)
		return !(to_mock_dev(dev)->flags & MOCK_DEVICE_NO_DIRTY);
	return cap == IOMMU_CAP_CACHE_COHERENCY;
}

/* @type: in: what is wanted, 0 for any. The result is freed with kfree(). */
void *mock_hw_info(struct device *dev, u32 *len, u32 *type)
{
	struct mock_hw_info *info;

	if (*type && *type != MOCK_HW_INFO_TYPE)
		return ERR_PTR(-EOPNOTSUPP);
	info = kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return ERR_PTR(-ENOMEM);
	info->test_reg = MOCK_HW_INFO_REGISTER;
	*len = sizeof(*info);
	*type = MOCK_HW_INFO_TYPE;
	return info;
}

static struct iommu_device *mock_probe_device(struct device *dev)
{
	if (!is_mock_dev(dev))
		return ERR_PTR(-ENODEV);
	return &mock_iommu;
}

/* It may leave a group that stays attached. */
static void mock_release_device(struct device *dev)
{
	struct mock_dev *mdev = to_mock_dev(dev);

	if (mdev->iopf_users)
		ext_iopf_queue_remove(mock_iopf_queue, dev);
	mdev->iopf_users = 0;
}

static int find_shared_group(struct device *dev, void *data)
{
	struct iommu_group **group = data;

	if (!(to_mock_dev(dev)->flags & MOCK_DEVICE_SHARED))
		return 0;
	*group = iommu_group_get(dev);
	return *group ? 1 : 0;
}

static struct iommu_group *mock_device_group(struct device *dev)
{
	struct iommu_group *group = NULL;

	if (to_mock_dev(dev)->flags & MOCK_DEVICE_SHARED)
		device_for_each_child(&mock_pdev->dev, &group,
				      find_shared_group);
	return group ?: generic_device_group(dev);
}

/* clang-format off */
static const struct iommu_ops mock_ops = {
	.owner = THIS_MODULE,
	.capable = mock_capable,
	.probe_device = mock_probe_device,
	.release_device = mock_release_device,
	.device_group = mock_device_group,
	EXT_HW_INFO_OP(mock_hw_info)
	EXT_PASID_OPS
	EXT_IOPF_OPS
	EXT_DOMAIN_ALLOC_OPS,
};

/* clang-format on */

/* Calls for one device do not overlap. -ENODEV without a queue. */
int mock_iopf_enable(struct device *dev)
{
	struct mock_dev *mdev = to_mock_dev(dev);
	int rc = 0;

	if (!mock_iopf_queue)
		return -ENODEV;
	if (!mdev->iopf_users)
		rc = ext_iopf_queue_add(mock_iopf_queue, dev);
	if (!rc)
		mdev->iopf_users++;
	return rc;
}

void mock_iopf_disable(struct device *dev)
{
	if (!--to_mock_dev(dev)->iopf_users)
		ext_iopf_queue_remove(mock_iopf_queue, dev);
}

static void init_cache(struct mock_dev *mdev)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mdev->cache); i++)
		mdev->cache[i] = MOCK_DEV_CACHE_DEFAULT;
}

static int add_pasid_property(struct device *dev)
{
	const struct property_entry properties[] = {
		PROPERTY_ENTRY_U32("pasid-num-bits", MOCK_PASID_BITS),
		{},
	};

	return device_create_managed_software_node(dev, properties, NULL);
}

/* An ERR_PTR is -EINVAL for unknown flags, or -ENOMEM. */
struct mock_dev *mock_dev_create(u32 flags)
{
	struct platform_device *pdev;
	struct mock_dev *mdev;
	int rc = -ENOMEM;

	if (flags & ~(u32)(MOCK_DEVICE_NO_DIRTY | MOCK_DEVICE_PASID |
			   MOCK_DEVICE_SHARED))
		return ERR_PTR(-EINVAL);

	mdev = kzalloc(sizeof(*mdev), GFP_KERNEL_ACCOUNT);
	if (!mdev)
		return ERR_PTR(-ENOMEM);
	mdev->flags = flags;
	init_rwsem(&mdev->iopf_lock);
	init_cache(mdev);

	pdev = platform_device_alloc(DRIVER_NAME, PLATFORM_DEVID_AUTO);
	if (!pdev)
		goto err_free;
	mdev->pdev = pdev;
	pdev->dev.parent = &mock_pdev->dev;
	dev_set_drvdata(&pdev->dev, mdev);

	if (flags & MOCK_DEVICE_PASID) {
		rc = add_pasid_property(&pdev->dev);
		if (rc)
			goto err_put;
	}
	rc = platform_device_add(pdev);
	if (rc)
		goto err_node;
	if (!pdev->dev.iommu_group) {
		/* Adding a device does not fail if its IOMMU does. */
		platform_device_del(pdev);
		rc = -ENOMEM;
		goto err_node;
	}
	return mdev;

err_node:
	/* A device that was never there would keep its properties. */
	device_remove_software_node(&pdev->dev);
err_put:
	platform_device_put(pdev);
err_free:
	kfree(mdev);
	return ERR_PTR(rc);
}

/* The device is not bound. */
void mock_dev_destroy(struct mock_dev *mdev)
{
	platform_device_unregister(mdev->pdev);
	kfree(mdev);
}

/*
 * The mock is the IOMMU of devices of which no firmware says what they are behind, as Intel's
 * and AMD's are. There is one such driver: boot with intel_iommu=off. -EBUSY where the kernel
 * has room for one IOMMU driver and another is there.
 */
int mock_iommu_init(void)
{
	int rc;

	mock_pdev = platform_device_register_simple(DRIVER_NAME "_iommu",
						    PLATFORM_DEVID_NONE,
						    NULL, 0);
	if (IS_ERR(mock_pdev))
		return PTR_ERR(mock_pdev);

	rc = iommu_device_sysfs_add(&mock_iommu, &mock_pdev->dev, NULL,
				    DRIVER_NAME);
	if (rc)
		goto err_pdev;
	/* A kernel without page faults has no queue. */
	mock_iopf_queue = ext_iopf_queue_alloc(DRIVER_NAME);
	ext_iommu_set_max_pasids(&mock_iommu, 1U << MOCK_PASID_BITS);
	rc = iommu_device_register(&mock_iommu, &mock_ops, NULL);
	if (rc)
		goto err_queue;
	return 0;

err_queue:
	ext_iopf_queue_free(mock_iopf_queue);
	iommu_device_sysfs_remove(&mock_iommu);
err_pdev:
	platform_device_unregister(mock_pdev);
	return rc;
}

void mock_iommu_exit(void)
{
	ext_iommu_device_unregister(&mock_iommu);
	ext_iopf_queue_free(mock_iopf_queue);
	iommu_device_sysfs_remove(&mock_iommu);
	platform_device_unregister(mock_pdev);
}
