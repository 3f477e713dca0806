/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mock: an IOMMU without hardware, and devices behind it.
 *
 * It is a driver like any other, registered with the IOMMU core, so what the
 * selftest does to its devices goes the way of real ones.
 */
#ifndef _IOMMUFD_EXT_SELFTEST_MOCK_H
#define _IOMMUFD_EXT_SELFTEST_MOCK_H

#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/platform_device.h>
#include <linux/xarray.h>

#include "abi.h"

/**
 * struct mock_dev - a device behind the mock
 * @pdev: the device, without a driver
 * @flags: MOCK_DEVICE_*; constant
 * @cache: what the selftest believes an ATC to be; constant
 */
struct mock_dev {
	struct platform_device *pdev;
	u32 flags;
	u32 cache[MOCK_DEV_CACHES];
};

static inline struct mock_dev *to_mock_dev(struct device *dev)
{
	return dev_get_drvdata(dev);
}

/* iommu.c */
int mock_iommu_init(void);
void mock_iommu_exit(void);
struct mock_dev *mock_dev_create(u32 flags);
void mock_dev_destroy(struct mock_dev *mdev);
bool is_mock_dev(const struct device *dev);

/* page_table.c */
struct iommu_domain *mock_page_table_alloc(enum mock_page_table format);
bool is_mock_page_table(const struct iommu_domain *domain);

#endif
