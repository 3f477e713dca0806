// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver without a device: it pins memory of an IOAS, and reads and writes it,
 * when the selftest says so.
 *
 * The selftest knows it as a file. It lets go of everything when that is closed.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../device.h"
#include "mock.h"

/* More than any test wants, and less than kvmalloc() warns about. */
#define MAX_LENGTH SZ_16M

/**
 * struct selftest_access - a driver without a device
 * @access: what it is to the IOAS; constant once the file can be found
 * @needs_pin: it was made to pin; constant
 * @lock: protects the rest. Pinning and noting it is one step, so that who is
 *	told to let go of a range sees all that is pinned
 * @pins: struct selftest_pin
 * @next_id: of the next pin
 */
struct selftest_access {
	struct iommufd_ext_access *access;
	bool needs_pin;
	struct mutex lock; /* protects pins and next_id */
	struct list_head pins;
	u32 next_id;
};

/**
 * struct selftest_pin - a range that is pinned
 * @item: in selftest_access.pins
 * @iova: as it was asked for
 * @length: in bytes
 * @id: the selftest's name for it
 */
struct selftest_pin {
	struct list_head item;
	unsigned long iova;
	unsigned long length;
	u32 id;
};

static void unpin(struct selftest_access *sacc, struct selftest_pin *pin)
{
	lockdep_assert_held(&sacc->lock);

	list_del(&pin->item);
	iommufd_ext_access_unpin_pages(sacc->access, pin->iova, pin->length);
	kfree(pin);
}

static void selftest_access_unmap(void *data, unsigned long iova,
				  unsigned long length)
{
	struct selftest_access *sacc = data;
	struct selftest_pin *pin, *next;

	mutex_lock(&sacc->lock);
	list_for_each_entry_safe(pin, next, &sacc->pins, item)
		if (pin->iova <= iova + length - 1 &&
		    iova <= pin->iova + pin->length - 1)
			unpin(sacc, pin);
	mutex_unlock(&sacc->lock);
}

static const struct iommufd_ext_access_ops access_ops = {
	.unmap = selftest_access_unmap,
};

static const struct iommufd_ext_access_ops access_pin_ops = {
	.needs_pin_pages = 1,
	.unmap = selftest_access_unmap,
};

static int selftest_access_release(struct inode *inode, struct file *filp)
{
	struct selftest_access *sacc = filp->private_data;

	if (sacc->access) {
		selftest_access_unmap(sacc, 0, ULONG_MAX);
		iommufd_ext_access_destroy(sacc->access);
	}
	mutex_destroy(&sacc->lock);
	kfree(sacc);
	return 0;
}

static const struct file_operations selftest_access_fops = {
	.owner = THIS_MODULE,
	.release = selftest_access_release,
};

/* To be put with fput(). */
static struct file *access_file(u32 fd)
{
	struct file *filp = fget(fd);

	if (filp && filp->f_op != &selftest_access_fops) {
		fput(filp);
		filp = NULL;
	}
	return filp ?: ERR_PTR(-EBADFD);
}

static struct file *make_access_file(bool needs_pin)
{
	struct selftest_access *sacc;
	struct file *filp;

	sacc = kzalloc(sizeof(*sacc), GFP_KERNEL_ACCOUNT);
	if (!sacc)
		return ERR_PTR(-ENOMEM);
	sacc->needs_pin = needs_pin;
	mutex_init(&sacc->lock);
	INIT_LIST_HEAD(&sacc->pins);

	filp = anon_inode_getfile("[iommufd_ext_selftest_access]",
				  &selftest_access_fops, sacc, O_RDWR);
	if (IS_ERR(filp)) {
		mutex_destroy(&sacc->lock);
		kfree(sacc);
	}
	return filp;
}

/* SELFTEST_CREATE_ACCESS */
int selftest_create_access(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	u32 flags = cmd->create_access.flags;
	bool needs_pin = flags & SELFTEST_ACCESS_NEEDS_PIN;
	struct iommufd_ext_access *access;
	struct file *filp;
	int fd, rc;
	u32 id;

	if (flags & ~(u32)SELFTEST_ACCESS_NEEDS_PIN)
		return -EOPNOTSUPP;

	filp = make_access_file(needs_pin);
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		rc = -ENOMEM;
		goto err_put_file;
	}
	access = iommufd_ext_access_create(ucmd->ictx,
					   needs_pin ? &access_pin_ops :
						       &access_ops,
					   filp->private_data, &id);
	if (IS_ERR(access)) {
		rc = PTR_ERR(access);
		goto err_put_fd;
	}
	rc = iommufd_ext_access_attach(access, cmd->id);
	if (rc)
		goto err_destroy;
	cmd->create_access.out_access_fd = fd;
	rc = ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		goto err_destroy;

	((struct selftest_access *)filp->private_data)->access = access;
	fd_install(fd, filp);
	return 0;

err_destroy:
	iommufd_ext_access_destroy(access);
err_put_fd:
	put_unused_fd(fd);
err_put_file:
	fput(filp);
	return rc;
}

/* SELFTEST_ACCESS_REPLACE_IOAS */
int selftest_access_replace_ioas(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	struct selftest_access *sacc;
	struct file *filp;
	int rc;

	filp = access_file(cmd->id);
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	sacc = filp->private_data;
	rc = iommufd_ext_access_replace(sacc->access,
					cmd->access_replace_ioas.ioas_id);
	fput(filp);
	return rc;
}

/* Are they the pages behind a user address? */
static int check_pages(unsigned long uptr, struct page **pages, size_t npages)
{
	struct page *page;

	for (; npages; npages--) {
		page = selftest_user_page(uptr);
		if (IS_ERR(page))
			return PTR_ERR(page);
		put_page(page);
		if (page != *pages)
			return -EBADE;
		pages++;
		uptr += PAGE_SIZE;
	}
	return 0;
}

static int pin_range(struct ucmd *ucmd, struct selftest_access *sacc,
		     struct page **pages, size_t npages)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	unsigned long iova = cmd->access_pages.iova;
	unsigned long length = cmd->access_pages.length;
	unsigned int flags = IOMMUFD_EXT_ACCESS_RW_READ;
	struct selftest_pin *pin;
	int rc;

	lockdep_assert_held(&sacc->lock);

	pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	if (!pin)
		return -ENOMEM;
	pin->iova = iova;
	pin->length = length;
	pin->id = sacc->next_id++;

	if (cmd->access_pages.flags & SELFTEST_ACCESS_WRITE)
		flags = IOMMUFD_EXT_ACCESS_RW_WRITE;
	rc = iommufd_ext_access_pin_pages(sacc->access, iova, length, pages,
					  flags);
	if (rc) {
		kfree(pin);
		return rc;
	}
	list_add_tail(&pin->item, &sacc->pins);

	if (cmd->access_pages.uptr)
		rc = check_pages(cmd->access_pages.uptr - offset_in_page(iova),
				 pages, npages);
	cmd->access_pages.out_access_pages_id = pin->id;
	if (!rc)
		rc = ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		unpin(sacc, pin);
	return rc;
}

/* SELFTEST_ACCESS_PAGES. -EBADE if other pages are pinned than those of the user address. */
int selftest_access_pages(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	struct selftest_access *sacc;
	struct page **pages;
	struct file *filp;
	size_t npages;
	int rc;

	if (cmd->access_pages.length > MAX_LENGTH)
		return -ENOMEM;
	if (cmd->access_pages.flags & ~(u32)SELFTEST_ACCESS_WRITE)
		return -EOPNOTSUPP;

	filp = access_file(cmd->id);
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	sacc = filp->private_data;
	if (!sacc->needs_pin) {
		rc = -EOPNOTSUPP;
		goto out_put;
	}

	npages = DIV_ROUND_UP(offset_in_page(cmd->access_pages.iova) +
				      cmd->access_pages.length,
			      PAGE_SIZE);
	/* One is added: nothing is pinned without an array to look at. */
	pages = kvcalloc(npages + 1, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages) {
		rc = -ENOMEM;
		goto out_put;
	}
	mutex_lock(&sacc->lock);
	rc = pin_range(ucmd, sacc, pages, npages);
	mutex_unlock(&sacc->lock);
	kvfree(pages);
out_put:
	fput(filp);
	return rc;
}

/* SELFTEST_DESTROY_ACCESS_PAGES */
int selftest_destroy_access_pages(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	struct selftest_access *sacc;
	struct selftest_pin *pin;
	struct file *filp;
	int rc = -ENOENT;

	filp = access_file(cmd->id);
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	sacc = filp->private_data;
	mutex_lock(&sacc->lock);
	list_for_each_entry(pin, &sacc->pins, item) {
		if (pin->id != cmd->destroy_access_pages.access_pages_id)
			continue;
		unpin(sacc, pin);
		rc = 0;
		break;
	}
	mutex_unlock(&sacc->lock);
	fput(filp);
	return rc;
}

static int access_rw(struct selftest_access *sacc,
		     const struct selftest_cmd *cmd, void *data)
{
	void __user *uptr = u64_to_user_ptr(cmd->access_rw.uptr);
	bool write = cmd->access_rw.flags & IOMMUFD_EXT_ACCESS_RW_WRITE;
	size_t length = cmd->access_rw.length;
	int rc;

	if (write && copy_from_user(data, uptr, length))
		return -EFAULT;
	rc = iommufd_ext_access_rw(sacc->access, cmd->access_rw.iova, data,
				   length, cmd->access_rw.flags);
	if (!rc && !write && copy_to_user(uptr, data, length))
		rc = -EFAULT;
	return rc;
}

/* SELFTEST_ACCESS_RW */
int selftest_access_rw(struct ucmd *ucmd)
{
	const struct selftest_cmd *cmd = ucmd->cmd;
	struct file *filp;
	void *data;
	int rc;

	if (cmd->access_rw.length > MAX_LENGTH)
		return -ENOMEM;
	if (cmd->access_rw.flags & ~(u32)(IOMMUFD_EXT_ACCESS_RW_WRITE |
					  __IOMMUFD_EXT_ACCESS_RW_SLOW_PATH))
		return -EOPNOTSUPP;

	filp = access_file(cmd->id);
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	data = kvzalloc(cmd->access_rw.length, GFP_KERNEL_ACCOUNT);
	if (data)
		rc = access_rw(filp->private_data, cmd, data);
	else
		rc = -ENOMEM;
	kvfree(data);
	fput(filp);
	return rc;
}
