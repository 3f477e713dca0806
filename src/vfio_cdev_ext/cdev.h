/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layer 3, files: cdev.c. Above it is main.c alone.
 *
 * Calls come in and answers go out. It promises that a file is parked until BIND: nothing else
 * gets at the device before. It has no state of its own.
 */
#ifndef _VFIO_CDEV_EXT_CDEV_H
#define _VFIO_CDEV_EXT_CDEV_H

#ifdef _VFIO_CDEV_EXT_DEVICE_H
#error "cdev.h is above what uses a device: include it in place of device.h, or not at all"
#endif

#include "device.h"

/* cdev.c */
extern const struct file_operations cdev_ext_fops;

#endif
