// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a VF token be checked without making a device name of it?
 * Yes since 6.17. Used by ext_vfio_check_token(), EXT_VFIO_PCI_OPS_TOKEN.
 */
#include <linux/vfio_pci_core.h>

const struct vfio_device_ops ext_probe_ops = {
	.match_token_uuid = vfio_pci_core_match_token_uuid,
};
