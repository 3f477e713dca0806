// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does class->devnode take a const struct device?
 * Yes since 6.2 (ff62b8e6588f). Used by EXT_DEVNODE_CONST.
 */
#include <linux/device.h>

static char *devnode(const struct device *dev, umode_t *mode)
{
	return NULL;
}

struct class ext_probe_class = {
	.name = "ext_probe",
	.devnode = devnode,
};
