// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault queues: page faults of devices, for user space to resolve.
 */
#include <uapi/linux/ioasid.h>

#include "private.h"

/**
 * fault_queue_alloc_ioctl() - IOASID_FAULT_QUEUE_ALLOC
 * @ucmd: the command
 *
 * Return: see struct ioasid_fault_alloc for the errors.
 */
int fault_queue_alloc_ioctl(struct ucmd *ucmd)
{
	return -EOPNOTSUPP;
}
