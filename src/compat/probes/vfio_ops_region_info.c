// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the VFIO core answer VFIO_DEVICE_GET_REGION_INFO, with the driver's help?
 * Yes since 6.19; before, the driver's ioctl() does. Used by ext_vfio_region_info(),
 * EXT_VFIO_CORE_HAS_REGION_INFO, EXT_VFIO_PCI_OPS_REGION.
 */
#include <linux/vfio_pci_core.h>

const struct vfio_device_ops ext_probe_ops = {
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
};

int ext_probe(struct vfio_device *vdev, struct vfio_region_info *info,
	      struct vfio_info_cap *caps)
{
	return vdev->ops->get_region_info_caps(vdev, info, caps);
}
