// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is served here.
 *
 * The answer is made of what the code itself goes by: the table of commands, the
 * constants of the shims, and the operations of the IOMMU's driver.
 */
#include <linux/cache.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/dirty.h"
#include "compat/fault.h"
#include "compat/iommu.h"
#include "compat/mm.h"
#include "compat/module.h"
#include "compat/pasid.h"
#include "ioctl.h"

/* Bit N is set for the command IOASID_CMD_BASE + N. */
static u64 commands[2] __ro_after_init;

/* Called for each command that is served, while the module is being loaded. */
void __init features_add_command(unsigned int cmd)
{
	unsigned int nr = _IOC_NR(cmd) - IOASID_CMD_BASE;

	commands[nr / 64] |= 1ULL << (nr % 64);
}

/*
 * The structure of a query on a driver's file. @known: its size, as the kernel knows it;
 * @minsz: that of its first version; *@size gets that of the user's. All in bytes.
 * Returns -EINVAL if that is too short; -E2BIG; -EFAULT.
 */
int copy_query(struct iommufd_ext_errors *errors, void *cmd, size_t known,
	       size_t minsz, void __user *arg, u32 *size)
{
	if (get_user(*size, (u32 __user *)arg))
		return iommufd_ext_refuse_fault(errors, "the structure", arg);
	if (*size < minsz)
		return iommufd_ext_refuse(errors, -EINVAL, NULL,
					  "size %u is less than %zu", *size,
					  minsz);
	return iommufd_ext_copy_struct(errors, cmd, known, arg, *size);
}

/*
 * What every query on a driver's file is refused for: -EOPNOTSUPP for @flags, -EINVAL
 * for a @dev_id, as the file names the device.
 */
int check_query(struct iommufd_ext_errors *errors, u32 flags, u32 dev_id)
{
	if (flags)
		return iommufd_ext_refuse(errors, -EOPNOTSUPP, NULL,
					  "this kernel does not know the flags %#x",
					  flags);
	if (dev_id)
		return iommufd_ext_refuse(errors, -EINVAL, NULL,
					  "dev_id is %u, and has to be 0 on a device's own file",
					  dev_id);
	return 0;
}

static u64 kernel_features(void)
{
	u64 features = IOASID_FEATURE_MAP_FILE | IOASID_FEATURE_CHANGE_PROCESS |
		       IOASID_FEATURE_VFIO_COMPAT | IOASID_FEATURE_ACCESS |
		       IOASID_FEATURE_UNMAP_PARTIAL;

	if (EXT_HAS_MEMFD_PIN_FOLIOS)
		features |= IOASID_FEATURE_MAP_FILE_DIRECT;
	if (EXT_IOMMU_REPLACES_ATOMICALLY)
		features |= IOASID_FEATURE_ATOMIC_REPLACE;
	if (dmabuf_has_exporters())
		features |= IOASID_FEATURE_MAP_DMABUF;
	if (EXT_HAS_IOPF)
		features |= IOASID_FEATURE_FAULT_QUEUE;
	return features;
}

/* What the IOMMU's driver would have to add, if it did. */
static u64 driver_features(void)
{
	u64 features = 0;

	if (EXT_IOMMU_HAS_NESTED)
		features |= IOASID_FEATURE_NESTED;
	if (EXT_HAS_DIRTY)
		features |= IOASID_FEATURE_DIRTY_TRACKING;
	if (EXT_HAS_PASID)
		features |= IOASID_FEATURE_PASID;
	return features;
}

/* The operations can be there and the hardware not, so a parent is made. */
static bool device_can_nest(struct device *dev)
{
	const u32 flags = IOASID_HWPT_ALLOC_NEST_PARENT;
	struct iommu_domain *parent;

	if (!ext_iommu_can_nest(dev))
		return false;
	parent = ext_iommu_domain_alloc_flags(dev, flags, NULL);
	if (IS_ERR(parent))
		return false;
	iommu_domain_free(parent);
	return true;
}

static u64 device_features(struct device *dev)
{
	u64 features = 0;

	if (device_can_nest(dev))
		features |= IOASID_FEATURE_NESTED;
	if (device_tracks_dirty(dev))
		features |= IOASID_FEATURE_DIRTY_TRACKING;
	if (EXT_HAS_PASID && ext_max_pasids(dev))
		features |= IOASID_FEATURE_PASID;
	return features;
}

static void answer(struct ioasid_features *cmd, u64 features)
{
	memcpy(cmd->out_commands, commands, sizeof(cmd->out_commands));
	cmd->out_features = kernel_features() | features;
}

/* IOASID_FEATURES */
int features_ioctl(struct ucmd *ucmd)
{
	struct ioasid_features *cmd = ucmd->cmd;
	struct iommufd_ext_device *idev;
	u64 features;

	if (cmd->flags)
		return refuse_flags(ucmd->ictx, cmd->flags);
	if (cmd->__reserved)
		return refuse_reserved(ucmd->ictx);
	if (!cmd->dev_id) {
		answer(cmd, driver_features());
		return ucmd_respond(ucmd, sizeof(*cmd));
	}
	idev = idev_get(ucmd->ictx, cmd->dev_id);
	if (!idev)
		return -ENOENT;
	features = device_features(idev->dev);
	answer(cmd, features);
	obj_put(ucmd->ictx, &idev->obj);
	return ucmd_respond(ucmd, sizeof(*cmd));
}

/**
 * iommufd_ext_features_ioctl() - IOASID_FEATURES on a driver's file
 * @errors: of the file
 * @subject: the device
 * @more: enum ioasid_feature: what the driver adds
 * @arg: struct ioasid_features of the user
 *
 * Context: may fault.
 * Return: 0; see struct ioasid_features for the errors.
 */
int iommufd_ext_features_ioctl(struct iommufd_ext_errors *errors,
			       struct iommufd_ext_subject *subject, u64 more,
			       void __user *arg)
{
	struct ioasid_features cmd;
	u32 size;
	int rc;

	rc = copy_query(errors, &cmd, sizeof(cmd),
			offsetofend(struct ioasid_features, out_features), arg,
			&size);
	if (rc)
		return rc;
	rc = check_query(errors, cmd.flags | cmd.__reserved, cmd.dev_id);
	if (!rc)
		rc = subject->hold(subject);
	if (rc)
		return rc;
	answer(&cmd, device_features(subject->dev) | more);
	subject->release(subject);
	return iommufd_ext_answer(errors, arg, &cmd,
				  min_t(size_t, size, sizeof(cmd)));
}
EXT_EXPORT_SYMBOL(iommufd_ext_features_ioctl);
