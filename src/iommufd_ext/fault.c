// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault queues: page faults of devices, for user space to resolve.
 *
 * A device that faults waits for an answer to a group of faults. The IOMMU core
 * hands the group to the page table's handler, which queues it. Read from the
 * queue's file it gets a cookie and waits on; the answer, written to the file,
 * names the cookie. A group is in one of three hands: in the queue, waiting, or
 * answered and gone.
 *
 * Once a device is detached its driver reports no more faults, and what is left of
 * its groups is answered: there is no such page. The same happens when a device leaves
 * a group that stays attached: it may be gone soon, and an answer needs it.
 *
 * Why a read or a write was refused, the file says itself.
 */
#include <linux/anon_inodes.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/fault.h"
#include "device.h"

/**
 * struct fault_source - a device whose faults a queue takes
 * @item: in fault_queue.sources
 * @dev: the device, which is bound
 * @dev_id: its id
 * @users: its attachments to page tables with this queue
 *
 * Changes with attach_lock and fault_queue.list_lock held.
 */
struct fault_source {
	struct list_head item;
	const struct device *dev;
	u32 dev_id;
	unsigned int users;
};

/**
 * struct fault_queue - page faults on their way to a user
 * @obj: object header; the open file is a user
 * @ictx: the context, of which the open file holds a reference
 * @lock: serialises readers, writers and fault_queue_flush(); protects @waiting
 * @list_lock: protects @groups and @sources
 * @sources: struct fault_source
 * @groups: struct ext_iopf_group that have not been read
 * @waiting: cookie to struct ext_iopf_group that has been read
 * @wait: of poll()
 * @errors: the last refusals of the file
 */
struct fault_queue {
	struct obj obj;
	struct iommufd_ext_ctx *ictx;
	struct mutex lock; /* protects waiting */
	spinlock_t list_lock; /* protects groups and sources */
	struct list_head sources;
	struct list_head groups;
	struct xarray waiting;
	wait_queue_head_t wait;
	struct iommufd_ext_errors errors;
};

#define refuse_queue(_queue, _rc, ...) \
	iommufd_ext_refuse(&(_queue)->errors, _rc, NULL, __VA_ARGS__)

#define refuse_buffer(_queue, _what, _uptr) \
	iommufd_ext_refuse_fault(&(_queue)->errors, _what, _uptr)

static struct attachment *group_attachment(struct ext_iopf_group *group)
{
	return container_of(group->attach_handle, struct attachment, core);
}

static void answer_group(struct ext_iopf_group *group,
			 enum iommu_page_response_code code)
{
	ext_iopf_group_response(group, code);
	ext_iopf_free_group(group);
}

static struct fault_source *find_source(struct fault_queue *queue,
					const struct device *dev)
{
	struct fault_source *source;

	lockdep_assert_held(&queue->list_lock);

	list_for_each_entry(source, &queue->sources, item)
		if (source->dev == dev)
			return source;
	return NULL;
}

static int queue_group(struct ext_iopf_group *group)
{
	struct fault_queue *queue = group_attachment(group)->hwpt->fault;
	bool queued;

	/* Nobody but us answers it now. */
	ext_iopf_group_dequeue(group);

	spin_lock(&queue->list_lock);
	queued = find_source(queue, ext_iopf_group_dev(group));
	if (queued)
		list_add_tail(&group->node, &queue->groups);
	spin_unlock(&queue->list_lock);
	/* A device that is not bound, or no longer, can go at any time. */
	if (!queued)
		answer_group(group, IOMMU_PAGE_RESP_INVALID);
	else
		wake_up_interruptible(&queue->wait);
	return 0;
}

static struct ext_iopf_group *take_group(struct fault_queue *queue)
{
	struct ext_iopf_group *group;

	spin_lock(&queue->list_lock);
	group = list_first_entry_or_null(&queue->groups, struct ext_iopf_group,
					 node);
	if (group)
		list_del(&group->node);
	spin_unlock(&queue->list_lock);
	return group;
}

static void put_back_group(struct fault_queue *queue, struct ext_iopf_group *group)
{
	spin_lock(&queue->list_lock);
	list_add(&group->node, &queue->groups);
	spin_unlock(&queue->list_lock);
}

static bool is_of(struct ext_iopf_group *group,
		  const struct attachment *attachment, const struct device *dev)
{
	return (!attachment || group_attachment(group) == attachment) &&
	       (!dev || ext_iopf_group_dev(group) == dev);
}

/*
 * Answers the faults of an attachment that is detached, or, if that is NULL, those of a
 * device that leaves.
 * Context: may sleep. Neither allocates nor fails.
 */
void fault_queue_flush(struct fault_queue *queue,
		       const struct attachment *attachment,
		       const struct device *dev)
{
	struct ext_iopf_group *group, *next;
	unsigned long cookie;
	LIST_HEAD(flushed);

	mutex_lock(&queue->lock);
	spin_lock(&queue->list_lock);
	list_for_each_entry_safe(group, next, &queue->groups, node)
		if (is_of(group, attachment, dev))
			list_move_tail(&group->node, &flushed);
	spin_unlock(&queue->list_lock);

	xa_for_each(&queue->waiting, cookie, group) {
		if (!is_of(group, attachment, dev))
			continue;
		xa_erase(&queue->waiting, cookie);
		list_add_tail(&group->node, &flushed);
	}
	list_for_each_entry_safe(group, next, &flushed, node) {
		list_del(&group->node);
		answer_group(group, IOMMU_PAGE_RESP_INVALID);
	}
	mutex_unlock(&queue->lock);
}

static int add_source(struct fault_queue *queue,
		      const struct iommufd_ext_device *idev)
{
	struct fault_source *source, *new;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	spin_lock(&queue->list_lock);
	source = find_source(queue, idev->dev);
	if (!source) {
		source = new;
		source->dev = idev->dev;
		source->dev_id = idev->obj.id;
		list_add_tail(&source->item, &queue->sources);
		new = NULL;
	}
	source->users++;
	spin_unlock(&queue->list_lock);
	kfree(new);
	return 0;
}

static void remove_source(struct fault_queue *queue, const struct device *dev)
{
	struct fault_source *source;

	spin_lock(&queue->list_lock);
	source = find_source(queue, dev);
	if (--source->users)
		source = NULL;
	else
		list_del(&source->item);
	spin_unlock(&queue->list_lock);
	if (!source)
		return;
	kfree(source);
	fault_queue_flush(queue, NULL, dev);
}

/* Whole records, and no others than those that come next. */
static int check_records(struct fault_queue *queue, loff_t pos, size_t count,
			 size_t size)
{
	if (pos)
		return refuse_queue(queue, -ESPIPE,
				    "a fault queue has no offset %lld", pos);
	if (count % size)
		return refuse_queue(queue, -ESPIPE,
				    "%zu bytes are not a multiple of the %zu of a record",
				    count, size);
	return 0;
}

static size_t group_size(const struct ext_iopf_group *group)
{
	return group->fault_count * sizeof(struct ioasid_hwpt_pgfault);
}

/* The attachment has that of the group's first device. */
static u32 faulting_id(struct fault_queue *queue, struct ext_iopf_group *group)
{
	const struct fault_source *source;
	u32 id;

	spin_lock(&queue->list_lock);
	source = find_source(queue, ext_iopf_group_dev(group));
	id = source ? source->dev_id : group_attachment(group)->dev_id;
	spin_unlock(&queue->list_lock);
	return id;
}

static void describe_group(struct fault_queue *queue,
			   struct ext_iopf_group *group,
			   struct ioasid_hwpt_pgfault *out)
{
	const u32 dev_id = faulting_id(queue, group);
	const struct ext_iopf_fault *fault;

	list_for_each_entry(fault, &group->faults, list) {
		*out = (struct ioasid_hwpt_pgfault){
			.flags = fault->fault.prm.flags,
			.dev_id = dev_id,
			.pasid = fault->fault.prm.pasid,
			.grpid = fault->fault.prm.grpid,
			.perm = fault->fault.prm.perm,
			.addr = fault->fault.prm.addr,
			.cookie = group->cookie,
		};
		out++;
	}
}

/**
 * struct group_copy - a group that is being read
 * @group: the group, which waits for its answer, and may have got it by now
 * @cookie: its cookie
 * @size: of @faults, in bytes
 * @faults: what the user gets
 */
struct group_copy {
	struct ext_iopf_group *group;
	u32 cookie;
	size_t size;
	struct ioasid_hwpt_pgfault *faults;
};

/* Lets @group wait for its answer; on failure it is as before. */
static int begin_waiting(struct fault_queue *queue, struct ext_iopf_group *group,
			 struct group_copy *copy)
{
	int rc;

	copy->faults = kvzalloc(copy->size, GFP_KERNEL_ACCOUNT);
	if (!copy->faults)
		return -ENOMEM;
	rc = xa_alloc(&queue->waiting, &group->cookie, group, xa_limit_32b,
		      GFP_KERNEL_ACCOUNT);
	if (rc) {
		kvfree(copy->faults);
		return rc;
	}
	describe_group(queue, group, copy->faults);
	copy->group = group;
	copy->cookie = group->cookie;
	return 0;
}

/*
 * Takes the next group, if it fits into @room bytes. Returns 1 if there is one, 0 if
 * not, or an error; then it is not read. What does not fit behind others is for the
 * next call.
 */
static int read_group(struct fault_queue *queue, size_t room, bool is_first,
		      struct group_copy *copy)
{
	struct ext_iopf_group *group;
	int rc = 0;

	mutex_lock(&queue->lock);
	group = take_group(queue);
	if (!group)
		goto out_unlock;
	copy->size = group_size(group);
	if (copy->size <= room)
		rc = begin_waiting(queue, group, copy) ?: 1;
	else if (is_first)
		rc = refuse_queue(queue, -EINVAL,
				  "the next faults take %zu bytes, and there is room for %zu",
				  copy->size, room);
	if (rc <= 0)
		put_back_group(queue, group);

out_unlock:
	mutex_unlock(&queue->lock);
	return rc;
}

/*
 * The user has not got it: it is the next one again, unless it was flushed or answered
 * meanwhile. If another group has its place and its cookie by then, the user reads that
 * one twice.
 */
static void unread_group(struct fault_queue *queue,
			 const struct group_copy *copy)
{
	mutex_lock(&queue->lock);
	if (xa_load(&queue->waiting, copy->cookie) == copy->group) {
		xa_erase(&queue->waiting, copy->cookie);
		put_back_group(queue, copy->group);
	}
	mutex_unlock(&queue->lock);
}

/*
 * Memory of the user is written to without the lock, which whoever detaches a device
 * takes to flush the queue.
 */
static ssize_t read_groups(struct fault_queue *queue, char __user *buf,
			   size_t count, loff_t pos)
{
	struct group_copy copy;
	ssize_t done = 0;
	int rc;

	rc = check_records(queue, pos, count,
			   sizeof(struct ioasid_hwpt_pgfault));
	if (rc)
		return rc;

	while ((rc = read_group(queue, count - done, !done, &copy)) > 0) {
		if (copy_to_user(buf + done, copy.faults, copy.size)) {
			unread_group(queue, &copy);
			rc = refuse_buffer(queue, "the buffer for faults",
					   buf + done);
		}
		kvfree(copy.faults);
		if (rc < 0)
			break;
		done += copy.size;
	}
	return done ?: rc;
}

static ssize_t fault_queue_read(struct file *filp, char __user *buf,
				size_t count, loff_t *ppos)
{
	struct fault_queue *queue = filp->private_data;
	ssize_t rc;

	iommufd_ext_errors_begin(&queue->errors);
	rc = read_groups(queue, buf, count, *ppos);
	if (rc >= 0)
		return rc;
	return iommufd_ext_errors_end(&queue->errors, rc, 0, "read");
}

static int answer_response(struct fault_queue *queue,
			   const struct ioasid_hwpt_page_response *response)
{
	struct ext_iopf_group *group;

	if (response->code != IOASID_PAGE_RESP_SUCCESS &&
	    response->code != IOASID_PAGE_RESP_INVALID)
		return refuse_queue(queue, -EINVAL, "there is no code %u",
				    response->code);
	group = xa_erase(&queue->waiting, response->cookie);
	if (!group)
		return refuse_queue(queue, -EINVAL,
				    "no faults with the cookie %u wait for an answer",
				    response->cookie);
	answer_group(group, response->code == IOASID_PAGE_RESP_SUCCESS ?
				    IOMMU_PAGE_RESP_SUCCESS :
				    IOMMU_PAGE_RESP_INVALID);
	return 0;
}

static ssize_t write_responses(struct fault_queue *queue,
			       const char __user *buf, size_t count, loff_t pos)
{
	struct ioasid_hwpt_page_response response;
	ssize_t done;
	int rc;

	rc = check_records(queue, pos, count, sizeof(response));
	if (rc)
		return rc;

	for (done = 0; done < count; done += sizeof(response)) {
		if (copy_from_user(&response, buf + done, sizeof(response))) {
			rc = refuse_buffer(queue, "an answer", buf + done);
		} else {
			mutex_lock(&queue->lock);
			rc = answer_response(queue, &response);
			mutex_unlock(&queue->lock);
		}
		if (rc)
			break;
	}
	return done ?: rc;
}

static ssize_t fault_queue_write(struct file *filp, const char __user *buf,
				 size_t count, loff_t *ppos)
{
	struct fault_queue *queue = filp->private_data;
	ssize_t rc;

	iommufd_ext_errors_begin(&queue->errors);
	rc = write_responses(queue, buf, count, *ppos);
	if (rc >= 0)
		return rc;
	return iommufd_ext_errors_end(&queue->errors, rc, 0, "write");
}

/* Mainline's file has none. */
static long fault_queue_ioctl(struct file *filp, unsigned int cmd,
			      unsigned long arg)
{
	struct fault_queue *queue = filp->private_data;

	if (cmd == IOASID_GET_ERROR)
		return iommufd_ext_get_error_ioctl(&queue->errors,
						   (void __user *)arg);

	iommufd_ext_errors_begin(&queue->errors);
	return iommufd_ext_errors_end(&queue->errors, -ENOTTY, cmd,
				      "unknown ioctl");
}

static __poll_t fault_queue_poll(struct file *filp, poll_table *wait)
{
	struct fault_queue *queue = filp->private_data;
	__poll_t events = EPOLLOUT;

	poll_wait(filp, &queue->wait, wait);
	spin_lock(&queue->list_lock);
	if (!list_empty(&queue->groups))
		events |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&queue->list_lock);
	return events;
}

static int fault_queue_release(struct inode *inode, struct file *filp)
{
	struct fault_queue *queue = filp->private_data;
	struct iommufd_ext_ctx *ictx = queue->ictx;

	obj_put(ictx, &queue->obj);
	iommufd_ext_ctx_put(ictx);
	return 0;
}

static const struct file_operations fault_queue_fops = {
	.owner = THIS_MODULE,
	.read = fault_queue_read,
	.write = fault_queue_write,
	.poll = fault_queue_poll,
	.unlocked_ioctl = fault_queue_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = fault_queue_release,
};

void fault_queue_free(struct obj *obj)
{
	struct fault_queue *queue = container_of(obj, struct fault_queue, obj);

	/* Whoever was attached has been detached, and that flushed. */
	WARN_ON(!list_empty(&queue->sources) || !list_empty(&queue->groups) ||
		!xa_empty(&queue->waiting));
	iommufd_ext_errors_destroy(&queue->errors);
	xa_destroy(&queue->waiting);
	mutex_destroy(&queue->lock);
	kfree(queue);
}

static struct fault_queue *fault_queue_alloc(struct iommufd_ext_ctx *ictx)
{
	struct fault_queue *queue;
	int rc;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return ERR_PTR(-ENOMEM);
	queue->ictx = ictx;
	mutex_init(&queue->lock);
	spin_lock_init(&queue->list_lock);
	INIT_LIST_HEAD(&queue->sources);
	INIT_LIST_HEAD(&queue->groups);
	xa_init_flags(&queue->waiting, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	init_waitqueue_head(&queue->wait);
	iommufd_ext_errors_init(&queue->errors);
	rc = obj_reserve(ictx, &queue->obj, OBJ_FAULT);
	if (rc) {
		kfree(queue);
		return ERR_PTR(rc);
	}
	return queue;
}

/* The file, once made, cannot be unmade at once: it comes after the answer. */
static int fault_queue_open(struct ucmd *ucmd, struct fault_queue *queue)
{
	struct ioasid_fault_alloc *cmd = ucmd->cmd;
	struct file *filp;
	int fd, rc;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	cmd->out_fault_id = queue->obj.id;
	cmd->out_fault_fd = fd;
	rc = ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		goto err_put_fd;

	filp = anon_inode_getfile("[ioasid-fault]", &fault_queue_fops, queue,
				  O_RDWR);
	if (IS_ERR(filp)) {
		rc = PTR_ERR(filp);
		goto err_put_fd;
	}
	refcount_inc(&queue->obj.users);
	iommufd_ext_ctx_get(ucmd->ictx);
	fd_install(fd, filp);
	return 0;

err_put_fd:
	put_unused_fd(fd);
	return rc;
}

/* IOASID_FAULT_QUEUE_ALLOC */
int fault_queue_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_fault_alloc *cmd = ucmd->cmd;
	struct fault_queue *queue;

	if (cmd->flags)
		return refuse_flags(ucmd->ictx, cmd->flags);
	if (!EXT_HAS_IOPF)
		return refuse(ucmd->ictx, -EOPNOTSUPP,
			      "this kernel does not hand out page faults of devices");

	queue = fault_queue_alloc(ucmd->ictx);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	ucmd->new_obj = &queue->obj;
	return fault_queue_open(ucmd, queue);
}

/* Lets a page table that is not published queue faults. Returns 0 or -ENOENT. */
int hwpt_set_fault_queue(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt,
			 u32 id)
{
	struct obj *obj = obj_get(ictx, id, OBJ_FAULT);

	if (!obj)
		return -ENOENT;
	hwpt->fault = container_of(obj, struct fault_queue, obj);
	ext_set_iopf_handler(hwpt->table.domain, queue_group);
	return 0;
}

/* For a page table, with a queue or without, that is being freed. */
void hwpt_put_fault_queue(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt)
{
	if (hwpt->fault)
		obj_put(ictx, &hwpt->fault->obj);
}

/*
 * Lets a device fault, if the page table wants it to that it will be attached to.
 * Context: holds attach_lock; may sleep. Returns -EINVAL if its faults are those of
 * another device, too; -ENOMEM; the IOMMU driver's error.
 */
int idev_faults_get(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	int rc;

	lockdep_assert_held(&idev->ictx->attach_lock);

	if (!hwpt->fault)
		return 0;
	if (ext_shares_page_requests(idev->dev))
		return refuse_ids(idev->ictx, -EINVAL, idev->obj.id,
				  hwpt->obj.id,
				  "%s shares its page requests with its physical function",
				  dev_name(idev->dev));
	rc = add_source(hwpt->fault, idev);
	if (rc)
		return rc;
	if (!idev->faults) {
		rc = ext_iopf_enable(idev->dev);
		if (rc) {
			remove_source(hwpt->fault, idev->dev);
			return refuse_ids(idev->ictx, rc, idev->obj.id,
					  hwpt->obj.id,
					  "the IOMMU of %s cannot report page faults",
					  dev_name(idev->dev));
		}
	}
	idev->faults++;
	return 0;
}

/*
 * Undoes idev_faults_get(), when the device is detached from @hwpt. What it has in the
 * queue is answered, though its group may remain attached: when the caller is done, the
 * device may be unbound and leave.
 * Context: holds attach_lock; may sleep. Does not allocate.
 */
void idev_faults_put(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	lockdep_assert_held(&idev->ictx->attach_lock);

	if (!hwpt->fault)
		return;
	if (!--idev->faults)
		ext_iopf_disable(idev->dev);
	remove_source(hwpt->fault, idev->dev);
}
