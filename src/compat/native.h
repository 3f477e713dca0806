/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel has of its own, and whether our nodes can be beside it. It is compiled for
 * programs, too: tests/kconfig/natives asks it about each combination of options.
 */
#ifndef EXT_COMPAT_NATIVE_H
#define EXT_COMPAT_NATIVE_H

#include "ext_probes.h"

/* Device nodes in /dev/vfio/devices. Kconfig has them only beside iommufd. */
#define EXT_VFIO_HAS_CDEVS IS_ENABLED(CONFIG_VFIO_DEVICE_CDEV)

/*
 * Whether devices can be used through group files. Kernels that can do without those
 * came with this function.
 */
#define EXT_VFIO_HAS_GROUPS \
	(!EXT_PROBE_VFIO_FILE_IS_VALID || IS_ENABLED(CONFIG_VFIO_GROUP))

/*
 * Whether a group can be in use and its DMA not be claimed: that of a kernel whose
 * groups take an iommufd in place of a container.
 */
#define EXT_VFIO_GROUP_CLAIMS_LATE \
	(IS_ENABLED(CONFIG_IOMMUFD) && EXT_VFIO_HAS_GROUPS)

/*
 * enum ext_native - why our nodes cannot be made
 * @EXT_NATIVE_NOTHING: they can
 * @EXT_NATIVE_CDEVS: the kernel has nodes of its own
 * @EXT_NATIVE_DIRECTORY: ours would be in the same directory
 * @EXT_NATIVE_GROUPS: the user of a group could get past the user of a node, unless that
 *	keeps the group from everybody else, which is asked for
 * @EXT_NATIVE_NO_GROUPS: the kernel has nodes of its own and no groups, by which the two kinds
 *	are kept apart
 */
enum ext_native {
	EXT_NATIVE_NOTHING,
	EXT_NATIVE_CDEVS,
	EXT_NATIVE_DIRECTORY,
	EXT_NATIVE_GROUPS,
	EXT_NATIVE_NO_GROUPS,
};

/*
 * @coexist: our nodes are wanted beside what the kernel has
 * @devices: our nodes are to be in /dev/vfio/devices
 */
static inline enum ext_native ext_native_in_the_way(bool coexist, bool devices)
{
	if (EXT_VFIO_HAS_CDEVS && !coexist)
		return EXT_NATIVE_CDEVS;
	if (EXT_VFIO_HAS_CDEVS && !EXT_VFIO_HAS_GROUPS)
		return EXT_NATIVE_NO_GROUPS;
	if (EXT_VFIO_HAS_CDEVS && devices)
		return EXT_NATIVE_DIRECTORY;
	if (EXT_VFIO_GROUP_CLAIMS_LATE && !coexist)
		return EXT_NATIVE_GROUPS;
	return EXT_NATIVE_NOTHING;
}

#endif
