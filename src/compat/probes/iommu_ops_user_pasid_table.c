// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a driver of IOMMUs say that with nested domains PASIDs are the user's?
 *
 * From 6.11. Used by EXT_IOPF_OPS.
 */
#include <linux/iommu.h>

bool ext_probe(const struct iommu_ops *ops);
bool ext_probe(const struct iommu_ops *ops)
{
	return ops->user_pasid_table;
}
