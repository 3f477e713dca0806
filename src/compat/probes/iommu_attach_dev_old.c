// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is a driver told which domain a device leaves when it is attached to another?
 * Yes since 7.1, no before. Used by ext_driver_attach_dev().
 */
#include <linux/iommu.h>

int ext_probe(struct iommu_domain *domain, struct device *dev);
int ext_probe(struct iommu_domain *domain, struct device *dev)
{
	return domain->ops->attach_dev(domain, dev, domain);
}
