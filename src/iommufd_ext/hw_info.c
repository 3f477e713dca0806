// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device and its IOMMU can do.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/hw_info.h"
#include "compat/pasid.h"
#include "ioctl.h"

static int refuse_buffer(struct ucmd *ucmd)
{
	struct ioasid_hw_info *cmd = ucmd->cmd;

	return refuse_fault(ucmd->ictx, "the buffer for the data",
			    u64_to_user_ptr(cmd->data_uptr));
}

/* What of the user's buffer is cleared at a time: he chooses the size, up to 4 GiB. */
#define CLEAR_BATCH ((u32)SZ_1M)

static int clear_rest(struct ucmd *ucmd, u8 __user *uptr, u32 size)
{
	int rc = 0;
	u32 n;

	for (; size && !rc; uptr += n, size -= n) {
		n = min(size, CLEAR_BATCH);
		if (clear_user(uptr, n))
			return refuse_buffer(ucmd);
		rc = resched_killable();
	}
	return rc;
}

/* The driver's data, and zeros behind it to the end of the user's buffer. */
static int put_data(struct ucmd *ucmd, const void *data, u32 len)
{
	struct ioasid_hw_info *cmd = ucmd->cmd;
	u8 __user *uptr = u64_to_user_ptr(cmd->data_uptr);
	u32 copied = min(cmd->data_len, len);
	int rc;

	if (copied && copy_to_user(uptr, data, copied))
		return refuse_buffer(ucmd);
	rc = clear_rest(ucmd, uptr + copied, cmd->data_len - copied);
	if (!rc)
		cmd->data_len = len;
	return rc;
}

/* Return: the driver's data, to be freed, or an ERR_PTR. */
static void *get_data(struct iommufd_ext_device *idev,
		      struct ioasid_hw_info *cmd, u32 *len)
{
	u32 type = 0;
	void *data;

	if (cmd->flags & IOASID_HW_INFO_FLAG_INPUT_TYPE)
		type = cmd->out_data_type;
	data = ext_iommu_hw_info(idev->dev, len, &type);
	if (IS_ERR(data))
		refuse_id(idev->ictx, PTR_ERR(data), idev->obj.id,
			  "the IOMMU of %s has no hardware information of type %u",
			  dev_name(idev->dev), cmd->out_data_type);
	else
		cmd->out_data_type = type;
	return data;
}

/* PASIDs count only if the IOMMU driver has enabled them. */
static void answer_pasids(struct device *dev, struct ioasid_hw_info *cmd)
{
	u32 max_pasids = ext_max_pasids(dev);
	int control = PCI_PASID_CTRL_ENABLE;

	cmd->out_max_pasid_log2 = 0;
	if (!max_pasids)
		return;
	if (dev_is_pci(dev))
		control = ext_pasid_control(to_pci_dev(dev));
	if (control < 0 || !(control & PCI_PASID_CTRL_ENABLE))
		return;
	cmd->out_max_pasid_log2 = ilog2(max_pasids);
	if (control & PCI_PASID_CTRL_EXEC)
		cmd->out_capabilities |= IOASID_HW_CAP_PCI_PASID_EXEC;
	if (control & PCI_PASID_CTRL_PRIV)
		cmd->out_capabilities |= IOASID_HW_CAP_PCI_PASID_PRIV;
}

static void answer_capabilities(struct iommufd_ext_device *idev,
				struct ioasid_hw_info *cmd)
{
	cmd->out_capabilities = 0;
	if (device_tracks_dirty(idev->dev))
		cmd->out_capabilities |= IOASID_HW_CAP_DIRTY_TRACKING;
	if (ext_ats_impossible(idev->dev))
		cmd->out_capabilities |= IOASID_HW_CAP_PCI_ATS_NOT_SUPPORTED;
	answer_pasids(idev->dev, cmd);
}

/* IOASID_GET_HW_INFO */
int hw_info_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hw_info *cmd = ucmd->cmd;
	struct iommufd_ext_device *idev;
	u32 len = 0;
	void *data;
	int rc;

	if (cmd->flags & ~IOASID_HW_INFO_FLAG_INPUT_TYPE)
		return refuse_flags(ucmd->ictx,
				    cmd->flags &
					    ~IOASID_HW_INFO_FLAG_INPUT_TYPE);
	if (cmd->__reserved[0] || cmd->__reserved[1] || cmd->__reserved[2])
		return refuse_reserved(ucmd->ictx);

	idev = idev_get(ucmd->ictx, cmd->dev_id);
	if (!idev)
		return -ENOENT;
	data = get_data(idev, cmd, &len);
	if (!IS_ERR(data))
		answer_capabilities(idev, cmd);
	/* The user can delay what is written to him, and not a device's close. */
	obj_put(ucmd->ictx, &idev->obj);
	if (IS_ERR(data))
		return PTR_ERR(data);

	rc = put_data(ucmd, data, len);
	kfree(data);
	return rc ?: ucmd_respond(ucmd, sizeof(*cmd));
}
