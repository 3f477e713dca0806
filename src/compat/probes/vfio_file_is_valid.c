// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does KVM ask vfio_file_is_valid() about a file?
 * Yes since 6.6; before, vfio_file_is_group(). Used by EXT_VFIO_FILE_IS_VALID.
 */
#include <linux/vfio.h>

bool ext_probe(struct file *file)
{
	return vfio_file_is_valid(file);
}
