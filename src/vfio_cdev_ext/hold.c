// SPDX-License-Identifier: GPL-2.0-only
/*
 * The modules beside an iommufd of the kernel, and who has a device then.
 *
 * Such a kernel has four ways to a device of its own: a group file with a container, a group
 * file that was given an iommufd in its place, a device node that was bound to an iommufd, and
 * KVM's handle of either. With the parameter coexist there are /dev/ioasid and a directory of
 * our nodes as well. The rules are mainline's for its groups and its nodes, with our nodes as
 * one more kind of the latter:
 *
 *  1. Nothing has two names. The directory of our nodes is another than the kernel's, and
 *     neither side takes the other's files: BIND and SET_CONTAINER answer EBADFD.
 *  2. While the group file of a device is open, BIND answers EBUSY.
 *  3. While a device is bound through a node of either side, its group file cannot be opened,
 *     and no other device of the group be bound through a node of the other side: EBUSY.
 *  4. Devices of one group that are bound through our nodes are bound to one context, as ever.
 *  5. close() of the last file of one side lets the other in.
 *
 * How. A file of ours that binds a device opens the file of its group, as a user of the group
 * would, and keeps it until it is closed. The VFIO core keeps group files and its own nodes
 * apart under the lock of the group (vfio_group_fops_open() and vfio_device_block_group() in
 * drivers/vfio/group.c), so that it does the same with ours, before it has touched the device.
 *
 * Why DMA ownership and open_count do not suffice, which do without an iommufd of the kernel. A
 * group that is given an iommufd claims nothing (vfio_group_ioctl_set_container()), and who
 * opens a device that is already open is asked for nothing more if he comes from a group
 * (vfio_df_open() in vfio_main.c): he would share the device with its user. And a BIND of the
 * kernel's node that is refused for open_count takes the VM of the device's user away
 * (vfio_df_ioctl_bind_iommufd() in device_cdev.c).
 *
 * A group file of before, closed since, may have left a file of the device open that was had
 * through it. That one counts: bind.c looks at open_count under dev_set->lock.
 *
 * The file is opened by its number. That is in the VFIO core's struct vfio_group, which is
 * private and begins with a struct device; what does not look like that gets no node
 * (ext_vfio_group_devt() in compat/vfio.h).
 */
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

#include "compat/vfio.h"

#include "device.h"

/* "ioas", for whoever looks at what is mounted in the kernel. */
#define HOLD_MAGIC 0x696f6173

/**
 * struct cdev_ext_hold - a VFIO group that is kept from others
 * @entry: link in the list of holds; protected by holds_lock
 * @devt: number of the group's file; set once. A group stays while one of its devices is
 *	registered or its file is open, so nobody else gets the number meanwhile
 * @users: bound files and calls of BIND; protected by holds_lock
 * @lock: makes calls of BIND wait for the one that opens the file; before the locks of the VFIO
 *	core, whose lock of the group a user of that group can hold up
 * @file: the open file of the group, or NULL; protected by @lock, and constant while a bound
 *	file is among @users
 */
struct cdev_ext_hold {
	struct list_head entry;
	dev_t devt;
	unsigned int users;
	struct mutex lock; /* protects file */
	struct file *file;
};

static DEFINE_MUTEX(holds_lock);
static LIST_HEAD(holds);

static int hold_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, HOLD_MAGIC) ? 0 : -ENOMEM;
}

/* What is mounted of it has one inode, and is gone when its file is closed. */
static struct file_system_type hold_fs = {
	.name = "vfio_cdev_ext",
	.owner = THIS_MODULE,
	.init_fs_context = hold_init_fs_context,
	.kill_sb = kill_anon_super,
};

static struct file *hold_open_in(struct vfsmount *mnt, dev_t devt)
{
	struct path path = { .mnt = mnt };
	struct inode *inode;
	struct file *file;

	inode = new_inode(mnt->mnt_sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	/* It is not for users, so no security module need be asked. */
	inode->i_flags |= S_PRIVATE;
	init_special_inode(inode, S_IFCHR | 0600, devt);

	/* This takes over the reference. */
	path.dentry = d_obtain_alias(inode);
	if (IS_ERR(path.dentry))
		return ERR_CAST(path.dentry);
	file = dentry_open(&path, O_RDWR, current_cred());
	dput(path.dentry);
	return file;
}

static struct file *hold_open(dev_t devt)
{
	struct vfsmount *mnt = NULL;
	struct file *file;
	int users = 0, ret;

	ret = simple_pin_fs(&hold_fs, &mnt, &users);
	if (ret)
		return ERR_PTR(ret);
	file = hold_open_in(mnt, devt);
	/* The file has its own reference. */
	simple_release_fs(&mnt, &users);
	if (IS_ERR(file) || vfio_file_is_group(file))
		return file;

	fput(file);
	return ERR_PTR(-ENODEV);
}

/* The hold of a group, with one more user. */
static struct cdev_ext_hold *hold_join(dev_t devt)
{
	struct cdev_ext_hold *hold;

	mutex_lock(&holds_lock);
	list_for_each_entry(hold, &holds, entry)
		if (hold->devt == devt)
			goto join;

	hold = kzalloc(sizeof(*hold), GFP_KERNEL_ACCOUNT);
	if (!hold)
		goto unlock;
	hold->devt = devt;
	mutex_init(&hold->lock);
	list_add(&hold->entry, &holds);
join:
	hold->users++;
unlock:
	mutex_unlock(&holds_lock);
	return hold;
}

static int hold_open_file(struct cdev_ext_hold *hold)
{
	struct file *file;
	int ret = 0;

	if (mutex_lock_killable(&hold->lock))
		return -EINTR;
	if (!hold->file) {
		file = hold_open(hold->devt);
		if (IS_ERR(file))
			ret = PTR_ERR(file);
		else
			hold->file = file;
	}
	mutex_unlock(&hold->lock);
	return ret;
}

static int hold_refuse(struct cdev_ext_file *file, struct vfio_device *vdev,
		       int rc)
{
	int group = iommu_group_id(vdev->dev->iommu_group);

	if (rc != -EBUSY)
		return cdev_ext_refuse(file, rc,
				       "cannot bind %s: the file of its VFIO group, /dev/vfio/%d, cannot be kept from others (error %d)",
				       dev_name(vdev->dev), group, -rc);
	return cdev_ext_refuse(file, rc,
			       "cannot bind %s: /dev/vfio/%d is open, or a device of that group is bound through a node of the kernel",
			       dev_name(vdev->dev), group);
}

/**
 * cdev_ext_hold_get - keep everybody else from the group of a device
 * @file: the file that binds the device
 * @vdev: the device; the caller holds a registration of it
 *
 * Does nothing in a kernel without iommufd, whose groups claim DMA before they give a device.
 *
 * Context: may wait for a user of the group. Not under dev_set->lock, which the VFIO core takes
 * under its lock of the group.
 *
 * Return: the hold, for cdev_ext_hold_put(); NULL if none is needed; or an ERR_PTR: -EBUSY if
 * somebody has the group, -EINTR if the caller is being killed, -ENOMEM, or what opening the
 * file of the group answers.
 */
struct cdev_ext_hold *cdev_ext_hold_get(struct cdev_ext_file *file,
					struct vfio_device *vdev)
{
	struct cdev_ext_hold *hold;
	int ret;

	if (!EXT_VFIO_GROUP_CLAIMS_LATE)
		return NULL;

	hold = hold_join(ext_vfio_group_devt(vdev));
	if (!hold)
		return ERR_PTR(-ENOMEM);
	ret = hold_open_file(hold);
	if (!ret)
		return hold;

	cdev_ext_hold_put(hold);
	return ERR_PTR(hold_refuse(file, vdev, ret));
}

/**
 * cdev_ext_hold_put - undo cdev_ext_hold_get()
 * @hold: what that returned, which may be NULL
 *
 * When the call of the user that led here returns to him, the group is free. A BIND of a device
 * of the group by another thread may still find it busy until then.
 */
void cdev_ext_hold_put(struct cdev_ext_hold *hold)
{
	if (!hold)
		return;

	mutex_lock(&holds_lock);
	if (--hold->users) {
		mutex_unlock(&holds_lock);
		return;
	}
	list_del(&hold->entry);
	mutex_unlock(&holds_lock);

	if (hold->file)
		fput(hold->file);
	mutex_destroy(&hold->lock);
	kfree(hold);
}
