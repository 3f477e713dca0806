// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the VFIO core keep whether a device was opened through its cdev?
 * Yes since 6.6, even where it has no cdevs. Used by ext_vfio_set_cdev_opened().
 */
#include <linux/vfio.h>

void ext_probe(struct vfio_device *vdev)
{
	vdev->cdev_opened = true;
}
