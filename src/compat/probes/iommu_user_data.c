// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can an IOMMU driver get a structure from user space?
 * Yes since 6.8, no before. Used by src/compat/iommu_driver.h.
 */
#include <linux/iommu.h>

int ext_probe(u32 *to, const struct iommu_user_data *data);
int ext_probe(u32 *to, const struct iommu_user_data *data)
{
	struct {
		u32 value;
	} copy;
	int rc = iommu_copy_struct_from_user(&copy, data, 1, value);

	*to = copy.value;
	return rc;
}
