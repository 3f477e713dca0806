// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs, and what belongs to them.
 *
 * An IOMMU with hardware for virtual machines gives away a slice of itself. The
 * drivers that can are built only into kernels with an iommufd of their own, and
 * call back into it, so no driver here makes a virtual IOMMU. What is left of
 * these commands is the answer of a machine without such an IOMMU.
 */
#include <linux/limits.h>
#include <linux/overflow.h>

#include <uapi/linux/ioasid.h>

#include "private.h"

#define VEVENTQ_MAX_DEPTH (1U << 19)

/**
 * viommu_alloc_ioctl() - IOASID_VIOMMU_ALLOC
 * @ucmd: the command
 *
 * Return: see struct ioasid_viommu_alloc for the errors; there is no success.
 */
int viommu_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_viommu_alloc *cmd = ucmd->cmd;
	struct iommufd_ext_device *idev;

	if (cmd->flags || cmd->type == IOASID_VIOMMU_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	idev = idev_get(ucmd->ictx, cmd->dev_id);
	if (!idev)
		return -ENOENT;
	obj_put(ucmd->ictx, &idev->obj);
	return -EOPNOTSUPP;
}

/**
 * vdevice_alloc_ioctl() - IOASID_VDEVICE_ALLOC
 * @ucmd: the command
 *
 * Return: see struct ioasid_vdevice_alloc for the errors; there is no success.
 */
int vdevice_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_vdevice_alloc *cmd = ucmd->cmd;

	return cmd->virt_id > ULONG_MAX ? -EINVAL : -ENOENT;
}

/**
 * veventq_alloc_ioctl() - IOASID_VEVENTQ_ALLOC
 * @ucmd: the command
 *
 * Return: see struct ioasid_veventq_alloc for the errors; there is no success.
 */
int veventq_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_veventq_alloc *cmd = ucmd->cmd;

	if (cmd->flags || cmd->__reserved ||
	    cmd->type == IOASID_VEVENTQ_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	if (!cmd->veventq_depth || cmd->veventq_depth > VEVENTQ_MAX_DEPTH)
		return -EINVAL;
	return -ENOENT;
}

/**
 * hw_queue_alloc_ioctl() - IOASID_HW_QUEUE_ALLOC
 * @ucmd: the command
 *
 * Return: see struct ioasid_hw_queue_alloc for the errors; there is no success.
 */
int hw_queue_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hw_queue_alloc *cmd = ucmd->cmd;
	u64 last;

	if (cmd->flags || cmd->type == IOASID_HW_QUEUE_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	if (!cmd->length)
		return -EINVAL;
	if (check_add_overflow(cmd->nesting_parent_iova, cmd->length - 1,
			       &last))
		return -EOVERFLOW;
	return -ENOENT;
}
