/* SPDX-License-Identifier: GPL-2.0-only */
/* Drivers of PCI devices, and who of them has a device. */
#ifndef IOASIDCTL_DRIVER_H
#define IOASIDCTL_DRIVER_H

#include <stdbool.h>

#include "device.h"

bool driver_name_valid(const char *name);
bool driver_manages_dma(const char *name);
bool driver_is_vfio(const char *name);
int driver_load(const char *name);
int driver_move(struct device *dev, const char *driver);
int driver_restore(struct device *dev, const struct device *before);

#endif
