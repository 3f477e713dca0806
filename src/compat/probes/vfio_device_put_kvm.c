// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the VFIO core hold a reference on vdev->kvm while the device is open?
 * Yes since 6.2 (2b48f52f2bff), which keeps how to drop it in vdev->put_kvm. Used by
 * EXT_VFIO_KVM_REFERENCED.
 */
#include <linux/vfio.h>

void ext_probe(struct vfio_device *vdev)
{
	vdev->put_kvm(vdev->kvm);
}
