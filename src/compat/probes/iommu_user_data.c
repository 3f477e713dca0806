// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can an IOMMU driver get a structure from user space?
 * Yes since 6.7, no before. Used by ext_iommu_user_data(), and by
 * struct ext_driver_user_data of src/compat/iommu_driver.h.
 */
#include <linux/iommu.h>

struct iommu_user_data ext_probe(void __user *uptr, size_t len);
struct iommu_user_data ext_probe(void __user *uptr, size_t len)
{
	return (struct iommu_user_data){
		.type = 1,
		.uptr = uptr,
		.len = len,
	};
}
