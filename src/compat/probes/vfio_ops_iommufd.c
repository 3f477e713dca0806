// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a VFIO driver tell the core how to use the kernel's iommufd?
 * Yes since 6.2 (a4d1f91db502). NULL without CONFIG_IOMMUFD. Used by EXT_VFIO_PCI_OPS_IOMMUFD.
 */
#include <linux/vfio.h>

const struct vfio_device_ops ext_probe_ops = {
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
};
