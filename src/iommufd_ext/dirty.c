// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking: which pages devices have written to.
 */
#include <linux/overflow.h>

#include <uapi/linux/ioasid.h>

#include "private.h"

static struct hwpt *hwpt_get(struct iommufd_ext_ctx *ictx, u32 id)
{
	struct obj *obj = obj_get(ictx, id, OBJ_HWPT);

	return obj ? container_of(obj, struct hwpt, obj) : NULL;
}

static int refuse_untracked(struct iommufd_ext_ctx *ictx, u32 id)
{
	return refuse_id(ictx, -EOPNOTSUPP, id,
			 "page table %u does not track dirty pages", id);
}

static int check_range(struct ioas *ioas,
		       const struct ioasid_hwpt_get_dirty_bitmap *cmd)
{
	u64 last, edges;
	u64 align;

	if (check_add_overflow(cmd->iova, cmd->length - 1, &last) ||
	    last > ULONG_MAX)
		return refuse(ioas->ictx, -EOVERFLOW,
			      "%#llx bytes from IOVA %#llx reach beyond the last IOVA",
			      cmd->length, cmd->iova);

	mutex_lock(&ioas->iova_lock);
	align = ioas->iova_alignment;
	mutex_unlock(&ioas->iova_lock);

	edges = cmd->iova | (last + 1);
	if ((edges & (align - 1)) || !cmd->page_size ||
	    (edges & (cmd->page_size - 1)))
		return refuse_range(ioas->ictx, -EINVAL, cmd->hwpt_id,
				    cmd->iova, last,
				    "%#llx-%#llx is not in multiples of %#llx and of the page size %#llx",
				    cmd->iova, last, align, cmd->page_size);
	return 0;
}

/**
 * hwpt_set_dirty_ioctl() - IOASID_HWPT_SET_DIRTY_TRACKING
 * @ucmd: the command
 *
 * Return: 0; see struct ioasid_hwpt_set_dirty_tracking for the errors.
 */
int hwpt_set_dirty_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hwpt_set_dirty_tracking *cmd = ucmd->cmd;
	struct hwpt *hwpt;

	if (cmd->flags & ~IOASID_HWPT_DIRTY_TRACKING_ENABLE)
		return refuse_flags(ucmd->ictx,
				    cmd->flags &
					    ~IOASID_HWPT_DIRTY_TRACKING_ENABLE);
	hwpt = hwpt_get(ucmd->ictx, cmd->hwpt_id);
	if (!hwpt)
		return -ENOENT;
	pt_put(ucmd->ictx, &hwpt->obj);
	return refuse_untracked(ucmd->ictx, cmd->hwpt_id);
}

/**
 * hwpt_get_dirty_ioctl() - IOASID_HWPT_GET_DIRTY_BITMAP
 * @ucmd: the command
 *
 * Return: 0; see struct ioasid_hwpt_get_dirty_bitmap for the errors.
 */
int hwpt_get_dirty_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hwpt_get_dirty_bitmap *cmd = ucmd->cmd;
	struct hwpt *hwpt;
	int rc;

	if (cmd->flags & ~IOASID_HWPT_GET_DIRTY_BITMAP_NO_CLEAR)
		return refuse_flags(ucmd->ictx, cmd->flags);
	if (cmd->__reserved)
		return refuse_reserved(ucmd->ictx);
	hwpt = hwpt_get(ucmd->ictx, cmd->hwpt_id);
	if (!hwpt)
		return -ENOENT;
	rc = check_range(hwpt->ioas, cmd);
	if (!rc)
		rc = refuse_untracked(ucmd->ictx, cmd->hwpt_id);
	pt_put(ucmd->ictx, &hwpt->obj);
	return rc;
}
