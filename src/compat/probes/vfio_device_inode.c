// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do all mappings of a VFIO device belong to one inode?
 * Yes since 6.10 (b7c5e64fecfa); before, vfio-pci-core keeps a list of them. Used by
 * ext_vfio_get_inode().
 */
#include <linux/fs.h>
#include <linux/vfio.h>

struct address_space *ext_probe(struct vfio_device *vdev)
{
	return vdev->inode->i_mapping;
}
