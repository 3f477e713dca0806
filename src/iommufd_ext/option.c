// SPDX-License-Identifier: GPL-2.0-only
/* Options of a context and of an IOAS. */
#include <linux/capability.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "ioctl.h"

static int refuse_value(struct iommufd_ext_ctx *ictx, const char *option,
			u64 val)
{
	return refuse(ictx, -EINVAL, "%s is 0 or 1, not %llu", option, val);
}

static int refuse_op(struct iommufd_ext_ctx *ictx, u16 op)
{
	return refuse(ictx, -EOPNOTSUPP, "there is no option operation %u", op);
}

static int set_rlimit_mode(struct iommufd_ext_ctx *ictx, u64 val)
{
	int rc = 0;

	if (!capable(CAP_SYS_RESOURCE))
		return refuse(ictx, -EPERM,
			      "RLIMIT_MODE needs the capability CAP_SYS_RESOURCE");

	xa_lock(&ictx->objects);
	if (!xa_empty(&ictx->objects))
		rc = -EBUSY;
	else if (val > 1)
		rc = -EINVAL;
	else
		ictx->charge_mm = val;
	xa_unlock(&ictx->objects);

	if (rc == -EBUSY)
		refuse(ictx, rc,
		       "RLIMIT_MODE cannot change any more: the file has objects");
	else if (rc)
		refuse_value(ictx, "RLIMIT_MODE", val);
	return rc;
}

static int option_rlimit_mode(struct ucmd *ucmd)
{
	struct ioasid_option_cmd *cmd = ucmd->cmd;

	if (cmd->object_id)
		return refuse(ucmd->ictx, -EOPNOTSUPP,
			      "RLIMIT_MODE belongs to no object: object_id must be 0");

	switch (cmd->op) {
	case IOASID_OPTION_OP_GET:
		cmd->val64 = ucmd->ictx->charge_mm;
		return 0;
	case IOASID_OPTION_OP_SET:
		return set_rlimit_mode(ucmd->ictx, cmd->val64);
	default:
		return refuse_op(ucmd->ictx, cmd->op);
	}
}

static int option_huge_pages(struct ucmd *ucmd)
{
	struct ioasid_option_cmd *cmd = ucmd->cmd;
	struct ioas *ioas;
	int rc = 0;

	ioas = ioas_get(ucmd->ictx, cmd->object_id);
	if (!ioas)
		return -ENOENT;

	switch (cmd->op) {
	case IOASID_OPTION_OP_GET:
		cmd->val64 = READ_ONCE(ioas->large_pages);
		break;
	case IOASID_OPTION_OP_SET:
		if (cmd->val64 > 1)
			rc = refuse_value(ucmd->ictx, "HUGE_PAGES", cmd->val64);
		else
			rc = ioas_set_large_pages(ioas, cmd->val64);
		break;
	default:
		rc = refuse_op(ucmd->ictx, cmd->op);
	}
	obj_put(ucmd->ictx, &ioas->obj);
	return rc;
}

/* IOASID_OPTION */
int option_ioctl(struct ucmd *ucmd)
{
	struct ioasid_option_cmd *cmd = ucmd->cmd;
	struct ioasid_option_cmd __user *ucmd_option = ucmd->ubuffer;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved(ucmd->ictx);

	switch (cmd->option_id) {
	case IOASID_OPTION_RLIMIT_MODE:
		rc = option_rlimit_mode(ucmd);
		break;
	case IOASID_OPTION_HUGE_PAGES:
		rc = option_huge_pages(ucmd);
		break;
	default:
		rc = refuse(ucmd->ictx, -EOPNOTSUPP, "there is no option %u",
			    cmd->option_id);
	}
	if (rc)
		return rc;
	if (iommufd_ext_answer(&ucmd->ictx->errors, &ucmd_option->val64,
			       &cmd->val64, sizeof(cmd->val64)))
		return ucmd_refuse_answer(ucmd);
	return 0;
}
