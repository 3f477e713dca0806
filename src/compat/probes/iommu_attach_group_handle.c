// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a group be attached with a handle, by which a fault finds what it was
 * attached to?
 *
 * From 6.11 ("iommu: Extend domain attach group with handle support"). Exported
 * to iommufd, which is what the caller is here; declared in a private header.
 * Used by ext_iommu_attach_group(), ext_iommu_detach_group() and
 * ext_iommu_replace_group().
 */
/* namespaces: IOMMUFD_INTERNAL */
#include <linux/iommu.h>

int iommu_attach_group_handle(struct iommu_domain *domain,
			      struct iommu_group *group,
			      struct iommu_attach_handle *handle);
void iommu_detach_group_handle(struct iommu_domain *domain,
			       struct iommu_group *group);
int iommu_replace_group_handle(struct iommu_group *group,
			       struct iommu_domain *new_domain,
			       struct iommu_attach_handle *handle);

int ext_probe(struct iommu_group *group, struct iommu_domain *domain);
int ext_probe(struct iommu_group *group, struct iommu_domain *domain)
{
	static struct iommu_attach_handle handle;

	if (iommu_attach_group_handle(domain, group, &handle))
		return iommu_replace_group_handle(group, domain, &handle);
	iommu_detach_group_handle(domain, group);
	return 0;
}
