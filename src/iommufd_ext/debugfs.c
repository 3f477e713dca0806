// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/iommufd_ext/contexts: what every open file holds, for the administrator.
 *
 * IOASID_LIST and fdinfo tell that of one file, to who has it. Here is a line for each file,
 * and below it one for each of its objects:
 *
 *	context id=1 pid=801 ioases=1 page_tables=1 devices=1 endpoints=1 accesses=0 ...
 *	 ioas id=1
 *	 device id=2 group=4 attached=3 name=0000:01:00.0
 *	 page_table id=3 ioas=1
 *
 * Reading waits for nobody: what a device is attached to is under a lock that is held while
 * memory of a user is pinned, and is "busy" then.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/xarray.h>

#include "ioctl.h"

/* The open files, by a number of their own. A file is not freed while @contexts_lock is held. */
static DEFINE_XARRAY_FLAGS(contexts, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
static DEFINE_MUTEX(contexts_lock);
static u32 last_context;

static struct dentry *debugfs_dir;

/* Shows a file that is being opened. Returns 0 or -ENOMEM. */
int debugfs_add_context(struct iommufd_ext_ctx *ictx)
{
	int rc = xa_alloc_cyclic(&contexts, &ictx->id, ictx,
				 XA_LIMIT(1, INT_MAX), &last_context,
				 GFP_KERNEL);

	return rc < 0 ? -ENOMEM : 0;
}

/* Context: waits for a reader, which waits for nobody. */
void debugfs_remove_context(struct iommufd_ext_ctx *ictx)
{
	mutex_lock(&contexts_lock);
	xa_erase(&contexts, ictx->id);
	mutex_unlock(&contexts_lock);
}

/*
 * A position in the file is the number of a context and, below it, the id of an object of it; 0
 * is the line of the context. So a reader goes on where it was, whatever has come or gone.
 */
#define POSITION(_context, _object) ((loff_t)(_context) << 32 | (_object))

/* The line at *@pos or behind it, and *@pos moved there. */
static struct iommufd_ext_ctx *find_line(loff_t *pos)
{
	unsigned long number = *pos >> 32, id = (u32)*pos;
	struct iommufd_ext_ctx *ictx;

	lockdep_assert_held(&contexts_lock);

	ictx = xa_find(&contexts, &number, INT_MAX, XA_PRESENT);
	if (number != *pos >> 32)
		id = 0;
	if (ictx && id &&
	    !xa_find(&ictx->objects, &id, U32_MAX, XA_PRESENT)) {
		id = 0;
		number++;
		ictx = xa_find(&contexts, &number, INT_MAX, XA_PRESENT);
	}
	if (ictx)
		*pos = POSITION(number, id);
	return ictx;
}

static void *contexts_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&contexts_lock);
	return find_line(pos);
}

static void *contexts_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return find_line(pos);
}

static void contexts_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&contexts_lock);
}

static void show_context(struct seq_file *m, struct iommufd_ext_ctx *ictx)
{
	const struct ctx_counts *counts = &ictx->counts;
	struct pid *pid = iommufd_ext_last_user_get(&ictx->last_user);
	struct iommufd_ext_whose whose = {};

	if (pid)
		iommufd_ext_describe_whose(&whose, pid, NULL, true);
	put_pid(pid);

	seq_printf(m, "context id=%u pid=%d", ictx->id,
		   whose.holder.pid);
	xa_lock(&ictx->objects);
	seq_printf(m, " ioases=%lu page_tables=%lu devices=%lu endpoints=%lu accesses=%lu",
		   counts->objects[OBJ_IOAS],
		   counts->objects[OBJ_HWPT] +
			   counts->objects[OBJ_HWPT_NESTED],
		   counts->objects[OBJ_DEVICE], READ_ONCE(counts->endpoints),
		   counts->objects[OBJ_ACCESS]);
	xa_unlock(&ictx->objects);
	/* A process chooses its name: the reader's terminal does not see all of it. */
	seq_printf(m, " mappings=%ld mapped=%llu pinned=%llu kept=%llu comm=%*pEop\n",
		   atomic_long_read(&counts->mappings),
		   (u64)atomic64_read(&counts->bytes),
		   (u64)atomic_long_read(&counts->pinned) << PAGE_SHIFT,
		   (u64)atomic_long_read(&ictx->kept_pages) << PAGE_SHIFT,
		   (int)strlen(whose.holder.comm), whose.holder.comm);
}

static void show_device(struct seq_file *m, struct iommufd_ext_device *idev,
			bool locked)
{
	struct endpoint *endpoint;

	seq_printf(m, " device id=%u group=%d ", idev->obj.id,
		   iommu_group_id(idev->igroup->group));
	if (locked) {
		endpoint = idev_endpoint(idev, IOMMU_NO_PASID);
		seq_printf(m, "attached=%u ",
			   endpoint ? endpoint->hwpt->obj.id : 0);
	} else {
		seq_puts(m, "attached=busy ");
	}
	seq_printf(m, "name=%s\n", dev_name(idev->dev));
}

static void show_page_table(struct seq_file *m, const struct hwpt *hwpt)
{
	seq_printf(m, " page_table id=%u ioas=%u", hwpt->obj.id,
		   hwpt->ioas->obj.id);
	if (hwpt->parent)
		seq_printf(m, " parent=%u", hwpt->parent->obj.id);
	seq_putc(m, '\n');
}

static void show_object(struct seq_file *m, struct obj *obj, bool locked)
{
	switch (obj->type) {
	case OBJ_IOAS:
		seq_printf(m, " ioas id=%u\n", obj->id);
		break;
	case OBJ_HWPT:
	case OBJ_HWPT_NESTED:
		show_page_table(m, container_of(obj, struct hwpt, obj));
		break;
	case OBJ_DEVICE:
		show_device(m,
			    container_of(obj, struct iommufd_ext_device, obj),
			    locked);
		break;
	case OBJ_ACCESS:
		seq_printf(m, " access id=%u\n", obj->id);
		break;
	case OBJ_FAULT:
		seq_printf(m, " fault_queue id=%u\n", obj->id);
		break;
	default:
		break;
	}
}

static int contexts_show(struct seq_file *m, void *v)
{
	struct iommufd_ext_ctx *ictx = v;
	u32 id = (u32)m->index;
	struct obj *obj;
	bool locked;

	if (!id) {
		show_context(m, ictx);
		return 0;
	}

	/* An object that is found cannot go while xa_lock is held. */
	locked = mutex_trylock(&ictx->attach_lock);
	xa_lock(&ictx->objects);
	obj = xa_load(&ictx->objects, id);
	if (obj)
		show_object(m, obj, locked);
	xa_unlock(&ictx->objects);
	if (locked)
		mutex_unlock(&ictx->attach_lock);
	return 0;
}

static const struct seq_operations contexts_sops = {
	.start = contexts_start,
	.next = contexts_next,
	.stop = contexts_stop,
	.show = contexts_show,
};
DEFINE_SEQ_ATTRIBUTE(contexts);

/* A kernel without debugfs, or one that forbids it, goes without. */
void debugfs_init(void)
{
	debugfs_dir = debugfs_create_dir("iommufd_ext", NULL);
	debugfs_create_file("contexts", 0400, debugfs_dir, NULL,
			    &contexts_fops);
}

/* Context: waits for readers. */
void debugfs_exit(void)
{
	debugfs_remove(debugfs_dir);
}
