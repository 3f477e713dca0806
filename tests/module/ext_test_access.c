// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver of emulated devices, as a vendor would port it from mainline's iommufd: it reads,
 * writes and pins memory by IOVA when a test program says so (ext_test_access.h). It uses
 * nothing but the kernel's headers and <iommufd_ext.h>.
 */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <iommufd_ext.h>

#include "compat/module.h"
#include "ext_test_access.h"

/* More than any test wants, and less than kvmalloc() warns about. */
#define MAX_LENGTH SZ_16M

/**
 * struct emulated - an emulated device
 * @life: held for writing while @access is made or destroyed, for reading by the
 *	other ioctls
 * @access: what it is to iommufd_ext, or NULL; protected by @life
 * @needs_pin: it may pin; protected by @life
 * @lock: protects the rest. Pinning and noting it is one step, so that the unmap
 *	operation sees all that is pinned
 * @pins: struct pin
 * @next_id: of the next pin
 * @unmaps: what the unmap operation is to do, and what it was told
 */
struct emulated {
	struct rw_semaphore life;
	struct iommufd_ext_access *access;
	bool needs_pin;
	struct mutex lock; /* protects pins, next_id and unmaps */
	struct list_head pins;
	u32 next_id;
	struct ext_test_unmaps unmaps;
};

/**
 * struct pin - pinned memory
 * @item: in emulated.pins
 * @id: the program's name for it
 * @iova: as it was asked for
 * @length: as it was asked for
 * @pages: the pages
 */
struct pin {
	struct list_head item;
	u32 id;
	unsigned long iova;
	unsigned long length;
	struct page *pages[];
};

static void unpin(struct emulated *emu, struct pin *pin)
{
	lockdep_assert_held(&emu->lock);

	iommufd_ext_access_unpin_pages(emu->access, pin->iova, pin->length);
	list_del(&pin->item);
	emu->unmaps.pins--;
	kvfree(pin);
}

static void emulated_unmap(void *data, unsigned long iova, unsigned long length)
{
	struct emulated *emu = data;
	struct pin *pin, *next;

	mutex_lock(&emu->lock);
	emu->unmaps.told++;
	emu->unmaps.iova = iova;
	emu->unmaps.length = length;
	if (emu->unmaps.attach)
		emu->unmaps.attach_error =
			iommufd_ext_access_attach(emu->access,
						  emu->unmaps.attach);
	if (emu->unmaps.keep) {
		emu->unmaps.keep--;
		goto unlock;
	}
	list_for_each_entry_safe(pin, next, &emu->pins, item)
		if (pin->iova <= iova + length - 1 &&
		    iova <= pin->iova + pin->length - 1)
			unpin(emu, pin);
unlock:
	mutex_unlock(&emu->lock);
}

static const struct iommufd_ext_access_ops pin_ops = {
	.needs_pin_pages = 1,
	.unmap = emulated_unmap,
};

/* It holds on to nothing, so it need not be told either. */
static const struct iommufd_ext_access_ops rw_ops;

static int create(struct emulated *emu, struct ext_test_access *cmd)
{
	const struct iommufd_ext_access_ops *ops = &rw_ops;
	struct iommufd_ext_access *access;
	struct iommufd_ext_ctx *ictx;
	int rc = 0;

	ictx = iommufd_ext_ctx_from_fd(cmd->id);
	if (IS_ERR(ictx))
		return PTR_ERR(ictx);

	down_write(&emu->life);
	if (emu->access) {
		rc = -EEXIST;
		goto unlock;
	}
	emu->needs_pin = cmd->flags & EXT_TEST_NEEDS_PIN;
	if (emu->needs_pin)
		ops = &pin_ops;
	access = iommufd_ext_access_create(ictx, ops, emu, &cmd->id);
	if (IS_ERR(access))
		rc = PTR_ERR(access);
	else
		emu->access = access;
unlock:
	up_write(&emu->life);
	/* The access has a reference of its own. */
	iommufd_ext_ctx_put(ictx);
	return rc;
}

static int destroy(struct emulated *emu)
{
	struct iommufd_ext_access *access;

	down_write(&emu->life);
	access = emu->access;
	/* While it is attached, the unmap operation uses it. */
	if (access)
		iommufd_ext_access_destroy(access);
	emu->access = NULL;
	up_write(&emu->life);
	return access ? 0 : -ENODEV;
}

static int pin_pages(struct emulated *emu, struct ext_test_access *cmd)
{
	struct pin *pin;
	size_t npages;
	int rc;

	if (!emu->needs_pin)
		return -EOPNOTSUPP;
	npages = DIV_ROUND_UP(offset_in_page(cmd->iova) +
				      min_t(u64, cmd->length, MAX_LENGTH),
			      PAGE_SIZE);
	pin = kvzalloc(struct_size(pin, pages, npages), GFP_KERNEL);
	if (!pin)
		return -ENOMEM;
	pin->iova = cmd->iova;
	pin->length = cmd->length;

	mutex_lock(&emu->lock);
	rc = iommufd_ext_access_pin_pages(emu->access, pin->iova, pin->length,
					  pin->pages, cmd->flags);
	if (rc) {
		kvfree(pin);
		goto unlock;
	}
	pin->id = emu->next_id++;
	cmd->id = pin->id;
	list_add_tail(&pin->item, &emu->pins);
	emu->unmaps.pins++;
unlock:
	mutex_unlock(&emu->lock);
	return rc;
}

static struct pin *find_pin(struct emulated *emu, u32 id)
{
	struct pin *pin;

	lockdep_assert_held(&emu->lock);

	list_for_each_entry(pin, &emu->pins, item)
		if (pin->id == id)
			return pin;
	return NULL;
}

static int unpin_pages(struct emulated *emu, struct ext_test_access *cmd)
{
	struct pin *pin;

	mutex_lock(&emu->lock);
	pin = find_pin(emu, cmd->id);
	if (pin)
		unpin(emu, pin);
	mutex_unlock(&emu->lock);
	return pin ? 0 : -ENOENT;
}

/* Through the pinned pages, as a device with a page table of its own would. */
static int copy_pinned(struct emulated *emu, const struct ext_test_access *cmd,
		       void *buf)
{
	size_t offset = cmd->iova, left = cmd->length, n;
	struct pin *pin;
	int rc = -ENOENT;

	mutex_lock(&emu->lock);
	pin = find_pin(emu, cmd->id);
	if (!pin)
		goto unlock;
	rc = -ERANGE;
	if (offset > pin->length || left > pin->length - offset)
		goto unlock;
	for (rc = 0; left; left -= n, offset += n, buf += n) {
		struct page *page = pin->pages[offset / PAGE_SIZE];

		n = min(left, PAGE_SIZE - offset_in_page(offset));
		if (cmd->flags)
			memcpy_to_page(page, offset_in_page(offset), buf, n);
		else
			memcpy_from_page(buf, page, offset_in_page(offset), n);
	}
unlock:
	mutex_unlock(&emu->lock);
	return rc;
}

/**
 * struct kthread_rw - rw by a kernel thread
 * @work: runs in one
 * @emu: the device
 * @cmd: EXT_TEST_RW
 * @buf: what to write, or where to put what is read
 * @rc: the result
 */
struct kthread_rw {
	struct work_struct work;
	struct emulated *emu;
	const struct ext_test_access *cmd;
	void *buf;
	int rc;
};

static void kthread_rw(struct work_struct *work)
{
	struct kthread_rw *rw = container_of(work, struct kthread_rw, work);

	rw->rc = iommufd_ext_access_rw(rw->emu->access, rw->cmd->iova, rw->buf,
				       rw->cmd->length, rw->cmd->flags);
}

static int rw(struct emulated *emu, const struct ext_test_access *cmd,
	      void *buf)
{
	struct kthread_rw work = { .emu = emu, .cmd = cmd, .buf = buf };

	if (!(cmd->flags & IOMMUFD_EXT_ACCESS_RW_KTHREAD))
		return iommufd_ext_access_rw(emu->access, cmd->iova, buf,
					     cmd->length, cmd->flags);
	INIT_WORK_ONSTACK(&work.work, kthread_rw);
	schedule_work(&work.work);
	flush_work(&work.work);
	destroy_work_on_stack(&work.work);
	return work.rc;
}

/* EXT_TEST_RW and EXT_TEST_PIN_RW: the program's buffer is copied around the call. */
static int with_buffer(struct emulated *emu, unsigned int ioctl,
		       const struct ext_test_access *cmd)
{
	bool write = cmd->flags & IOMMUFD_EXT_ACCESS_RW_WRITE;
	void __user *data = u64_to_user_ptr(cmd->data);
	void *buf;
	int rc;

	/* What is longer is for errors that are found before anything is copied. */
	buf = kvzalloc(min_t(u64, cmd->length, MAX_LENGTH) + 1, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	rc = -EFAULT;
	if (write && cmd->length <= MAX_LENGTH &&
	    copy_from_user(buf, data, cmd->length))
		goto free;
	rc = ioctl == EXT_TEST_RW ? rw(emu, cmd, buf) :
				    copy_pinned(emu, cmd, buf);
	if (!rc && !write && copy_to_user(data, buf, cmd->length))
		rc = -EFAULT;
free:
	kvfree(buf);
	return rc;
}

static int set_unmaps(struct emulated *emu, const void __user *arg)
{
	struct ext_test_unmaps unmaps;

	if (copy_from_user(&unmaps, arg, sizeof(unmaps)))
		return -EFAULT;
	mutex_lock(&emu->lock);
	emu->unmaps = (struct ext_test_unmaps){
		.keep = unmaps.keep,
		.attach = unmaps.attach,
		.pins = emu->unmaps.pins,
	};
	mutex_unlock(&emu->lock);
	return 0;
}

static int get_unmaps(struct emulated *emu, void __user *arg)
{
	struct ext_test_unmaps unmaps;

	mutex_lock(&emu->lock);
	unmaps = emu->unmaps;
	mutex_unlock(&emu->lock);
	return copy_to_user(arg, &unmaps, sizeof(unmaps)) ? -EFAULT : 0;
}

/* Ioctls of an access. */
static int use(struct emulated *emu, unsigned int ioctl,
	       struct ext_test_access *cmd)
{
	switch (ioctl) {
	case EXT_TEST_ATTACH:
		return iommufd_ext_access_attach(emu->access, cmd->id);
	case EXT_TEST_REPLACE:
		return iommufd_ext_access_replace(emu->access, cmd->id);
	case EXT_TEST_DETACH:
		iommufd_ext_access_detach(emu->access);
		return 0;
	case EXT_TEST_PIN:
		return pin_pages(emu, cmd);
	case EXT_TEST_UNPIN:
		return unpin_pages(emu, cmd);
	case EXT_TEST_RW:
	case EXT_TEST_PIN_RW:
		return with_buffer(emu, ioctl, cmd);
	default:
		return -ENOTTY;
	}
}

static long emulated_ioctl(struct file *filp, unsigned int ioctl,
			   unsigned long arg)
{
	struct emulated *emu = filp->private_data;
	void __user *uarg = (void __user *)arg;
	struct ext_test_access cmd = {};
	int rc;

	if (ioctl == EXT_TEST_DESTROY)
		return destroy(emu);
	if (ioctl == EXT_TEST_SET_UNMAPS)
		return set_unmaps(emu, uarg);
	if (ioctl == EXT_TEST_GET_UNMAPS)
		return get_unmaps(emu, uarg);
	if (_IOC_SIZE(ioctl) == sizeof(cmd) &&
	    copy_from_user(&cmd, uarg, sizeof(cmd)))
		return -EFAULT;

	if (ioctl == EXT_TEST_CREATE) {
		rc = create(emu, &cmd);
	} else {
		down_read(&emu->life);
		rc = emu->access ? use(emu, ioctl, &cmd) : -ENODEV;
		up_read(&emu->life);
	}
	/* Nothing else is an answer, and no test makes this fail, with all done, as a copy. */
	if (!rc && _IOC_SIZE(ioctl) == sizeof(cmd) &&
	    put_user(cmd.id, &((struct ext_test_access __user *)uarg)->id))
		rc = -EFAULT;
	return rc;
}

static int emulated_open(struct inode *inode, struct file *filp)
{
	struct emulated *emu = kzalloc(sizeof(*emu), GFP_KERNEL);

	if (!emu)
		return -ENOMEM;
	init_rwsem(&emu->life);
	mutex_init(&emu->lock);
	INIT_LIST_HEAD(&emu->pins);
	filp->private_data = emu;
	return 0;
}

static int emulated_release(struct inode *inode, struct file *filp)
{
	struct emulated *emu = filp->private_data;

	destroy(emu);
	WARN_ON(!list_empty(&emu->pins));
	mutex_destroy(&emu->lock);
	kfree(emu);
	return 0;
}

static const struct file_operations emulated_fops = {
	.owner = THIS_MODULE,
	.open = emulated_open,
	.release = emulated_release,
	.unlocked_ioctl = emulated_ioctl,
};

static struct miscdevice emulated_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ext_test_access",
	.fops = &emulated_fops,
};
module_misc_device(emulated_misc);

EXT_IMPORT_NS_IOMMUFD_EXT;
MODULE_DESCRIPTION("A driver of emulated devices, for tests of the access API");
MODULE_LICENSE("GPL");
