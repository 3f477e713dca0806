// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a migration driver estimate the size of its data?
 * Yes since 6.2. Used by ext_vfio_mig_data_size(), EXT_VFIO_HAS_MIG_DATA_SIZE.
 */
#include <linux/vfio.h>

int ext_probe(struct vfio_device *vdev, unsigned long *length)
{
	return vdev->mig_ops->migration_get_data_size(vdev, length);
}
