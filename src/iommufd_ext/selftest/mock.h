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
#include <linux/rwsem.h>
#include <linux/xarray.h>

#include "../../compat/iommu_driver.h"
#include "abi.h"

/**
 * struct mock_dev - a device behind the mock
 * @pdev: the device, without a driver
 * @flags: MOCK_DEVICE_*; constant
 * @cache: what the selftest believes an ATC to be; constant
 * @iopf_lock: keeps faults away while the device changes its domain
 * @iopf_users: domains with a fault handler that the device is attached to;
 *	protected by the mutex of the group
 * @domain: what it is attached to; protected by the mutex of the group
 * @pasid_fails: the next attach of MOCK_PASID_FAILS will fail; protected by the
 *	mutex of the group
 */
struct mock_dev {
	struct platform_device *pdev;
	u32 flags;
	u32 cache[MOCK_DEV_CACHES];
	struct rw_semaphore iopf_lock; /* keeps faults away */
	unsigned int iopf_users;
	struct iommu_domain *domain;
	bool pasid_fails;
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

/* domain.c */
int mock_copy_data(struct mock_hwpt_data *config,
		   const struct ext_driver_user_data *data);

/* nested.c */
const u32 *mock_nested_iotlb(struct iommu_domain *domain, u32 id);

/* page_table.c */
struct iommu_domain *mock_page_table_alloc(enum mock_page_table format,
					   bool tracks_dirty);
int mock_page_table_dirty(struct iommu_domain *domain, unsigned long iova);
bool is_mock_page_table(const struct iommu_domain *domain);

/* command.c */
struct page *selftest_user_page(unsigned long uptr);

/* access.c */
struct ucmd;
int selftest_create_access(struct ucmd *ucmd);
int selftest_access_replace_ioas(struct ucmd *ucmd);
int selftest_access_pages(struct ucmd *ucmd);
int selftest_destroy_access_pages(struct ucmd *ucmd);
int selftest_access_rw(struct ucmd *ucmd);

/* dmabuf.c */
void selftest_dmabuf_init(void);
void selftest_dmabuf_exit(void);
int selftest_dmabuf_get(struct ucmd *ucmd);
int selftest_dmabuf_revoke(struct ucmd *ucmd);

#endif
