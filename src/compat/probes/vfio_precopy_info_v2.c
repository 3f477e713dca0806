// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the VFIO core keep for drivers whether the user knows precopy info version 2?
 * Yes since 7.1. Used by ext_vfio_set_precopy_info_v2().
 */
#include <linux/vfio.h>

void ext_probe(struct vfio_device *vdev)
{
	vdev->precopy_info_v2 = 1;
}
