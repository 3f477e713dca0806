// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a VFIO driver tell the core how to detach from the kernel's iommufd?
 * Yes since 6.6. NULL without CONFIG_IOMMUFD. Used by EXT_VFIO_PCI_OPS_DETACH.
 */
#include <linux/vfio.h>

const struct vfio_device_ops ext_probe_ops = {
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
};
