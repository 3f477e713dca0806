// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables: the user's own, whose output another page table translates.
 */
#include <linux/mm.h>

#include <uapi/linux/ioasid.h>

#include "private.h"

#define INVALIDATE_MAX_ENTRIES (1U << 19)

static int hwpt_invalidate(struct iommufd_ext_ctx *ictx,
			   const struct ioasid_hwpt_invalidate *cmd)
{
	struct obj *obj;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	/* The bounds keep one call from running for long. */
	if (cmd->entry_num &&
	    (!cmd->data_uptr || !cmd->entry_len || cmd->entry_len > PAGE_SIZE ||
	     cmd->entry_num > INVALIDATE_MAX_ENTRIES))
		return -EINVAL;

	obj = obj_get(ictx, cmd->hwpt_id, OBJ_ANY);
	if (!obj)
		return -ENOENT;
	rc = -EINVAL;
	pt_put(ictx, obj);
	return rc;
}

/**
 * hwpt_invalidate_ioctl() - IOASID_HWPT_INVALIDATE
 * @ucmd: the command
 *
 * Return: 0; see struct ioasid_hwpt_invalidate for the errors.
 */
int hwpt_invalidate_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hwpt_invalidate *cmd = ucmd->cmd;
	int rc;

	rc = hwpt_invalidate(ucmd->ictx, cmd);
	cmd->entry_num = 0;
	if (ucmd_respond(ucmd, sizeof(*cmd)))
		return -EFAULT;
	return rc;
}
