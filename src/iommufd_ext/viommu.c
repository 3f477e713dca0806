// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs, and what belongs to them.
 *
 * An IOMMU with hardware for virtual machines gives away a slice of itself. The
 * drivers that can are built only into kernels with an iommufd of their own, and
 * call back into it, so no driver here makes a virtual IOMMU. What is left of
 * these commands is the answer of a machine without such an IOMMU.
 */
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/overflow.h>

#include <uapi/linux/ioasid.h>

#include "ioctl.h"

#define VEVENTQ_MAX_DEPTH BIT(19)

static int refuse_no_driver(struct iommufd_ext_ctx *ictx)
{
	return refuse(ictx, -EOPNOTSUPP,
		      "no IOMMU driver of this kernel makes virtual IOMMUs");
}

static int refuse_no_viommu(struct iommufd_ext_ctx *ictx, u32 id)
{
	return refuse_id(ictx, -ENOENT, id,
			 "there is no virtual IOMMU with id %u", id);
}

/* IOASID_VIOMMU_ALLOC. Of all that is in this file, there is no success. */
int viommu_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_viommu_alloc *cmd = ucmd->cmd;
	struct iommufd_ext_device *idev;

	if (cmd->flags || cmd->type == IOASID_VIOMMU_TYPE_DEFAULT)
		return refuse_no_driver(ucmd->ictx);
	idev = idev_get(ucmd->ictx, cmd->dev_id);
	if (!idev)
		return -ENOENT;
	obj_put(ucmd->ictx, &idev->obj);
	return refuse_no_driver(ucmd->ictx);
}

/* IOASID_VDEVICE_ALLOC */
int vdevice_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_vdevice_alloc *cmd = ucmd->cmd;

	if (cmd->virt_id > ULONG_MAX)
		return refuse(ucmd->ictx, -EINVAL, "virt_id %#llx is too large",
			      cmd->virt_id);
	return refuse_no_viommu(ucmd->ictx, cmd->viommu_id);
}

/* IOASID_VEVENTQ_ALLOC */
int veventq_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_veventq_alloc *cmd = ucmd->cmd;

	if (cmd->flags || cmd->__reserved ||
	    cmd->type == IOASID_VEVENTQ_TYPE_DEFAULT)
		return refuse_no_driver(ucmd->ictx);
	if (!cmd->veventq_depth || cmd->veventq_depth > VEVENTQ_MAX_DEPTH)
		return refuse(ucmd->ictx, -EINVAL,
			      "a queue cannot hold %u events",
			      cmd->veventq_depth);
	return refuse_no_viommu(ucmd->ictx, cmd->viommu_id);
}

/* IOASID_HW_QUEUE_ALLOC */
int hw_queue_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hw_queue_alloc *cmd = ucmd->cmd;
	u64 last;

	if (cmd->flags || cmd->type == IOASID_HW_QUEUE_TYPE_DEFAULT)
		return refuse_no_driver(ucmd->ictx);
	if (!cmd->length)
		return refuse(ucmd->ictx, -EINVAL, "the length is 0");
	if (check_add_overflow(cmd->nesting_parent_iova, cmd->length - 1,
			       &last))
		return refuse(ucmd->ictx, -EOVERFLOW,
			      "%#llx bytes from IOVA %#llx reach beyond the last IOVA",
			      cmd->length, cmd->nesting_parent_iova);
	return refuse_no_viommu(ucmd->ictx, cmd->viommu_id);
}
