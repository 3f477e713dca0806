/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver model.
 */
#ifndef EXT_COMPAT_DEVICE_H
#define EXT_COMPAT_DEVICE_H

#include <linux/device.h>

#include "ext_probes.h"

/* How class->devnode takes its device. */
#if EXT_PROBE_CLASS_DEVNODE_CONST
#define EXT_DEVNODE_CONST const
#else
#define EXT_DEVNODE_CONST
#endif

#endif
