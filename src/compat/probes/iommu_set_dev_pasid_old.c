// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is a driver told which domain a PASID leaves?
 * Yes since 6.13, and in Debian's 6.12. Used by ext_driver_set_dev_pasid().
 */
#include <linux/iommu.h>

int ext_probe(struct iommu_domain *domain, struct device *dev);
int ext_probe(struct iommu_domain *domain, struct device *dev)
{
	return domain->ops->set_dev_pasid(domain, dev, 1, domain);
}
