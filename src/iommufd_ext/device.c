// SPDX-License-Identifier: GPL-2.0-only
/*
 * Binding devices to a context, and ownership of their groups.
 *
 * A driver binds its device for a user. Who owns the DMA of one device of an
 * IOMMU group owns that of all, and the IOMMU core lets a group be claimed once,
 * by anyone: a kernel driver, the VFIO group interface, or a context here. The
 * devices of a group that are bound to one context share its claim.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/coherency.h"
#include "compat/iommu.h"
#include "compat/module.h"
#include "private.h"
#include "trace.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Bind devices on platforms without interrupt remapping. A user can then raise any interrupt with a device's DMA. (default: off)");

/*
 * Groups owned by any context; igroups_lock also makes claim and list one step. The
 * list changes with igroups_list_lock held, too, for who only reads it.
 */
static LIST_HEAD(igroups);
static DEFINE_MUTEX(igroups_lock);
static DEFINE_SPINLOCK(igroups_list_lock);

static struct igroup *igroup_find(struct iommu_group *group)
{
	struct igroup *igroup;

	lockdep_assert_held(&igroups_lock);

	list_for_each_entry(igroup, &igroups, item)
		if (igroup->group == group)
			return igroup;
	return NULL;
}

/**
 * device_interrupts_allowed() - are interrupts no reason to refuse a device?
 * @group: its group
 * @dev: the device
 *
 * Return: true if they are isolated, or the administrator does not mind.
 */
bool device_interrupts_allowed(struct iommu_group *group, struct device *dev)
{
	return allow_unsafe_interrupts ||
	       ext_iommu_group_has_isolated_msi(group, dev);
}

static int check_isolated_msi(struct iommufd_ext_ctx *ictx,
			      struct iommu_group *group, struct device *dev)
{
	if (ext_iommu_group_has_isolated_msi(group, dev))
		return 0;
	if (!allow_unsafe_interrupts)
		return refuse(ictx, -EPERM,
			      "cannot bind %s: without interrupt remapping its user could raise any interrupt (parameter allow_unsafe_interrupts)",
			      dev_name(dev));
	/* A user can bind as often as he likes. */
	dev_warn_ratelimited(dev,
			     "interrupts are not isolated: a user of the device can raise those of others\n");
	return 0;
}

/* Takes over the reference to @group on success. */
static struct igroup *igroup_claim(struct iommufd_ext_ctx *ictx,
				   struct iommu_group *group,
				   struct device *dev)
{
	struct igroup *igroup;
	int coherent, rc;

	lockdep_assert_held(&igroups_lock);

	rc = check_isolated_msi(ictx, group, dev);
	if (rc)
		return ERR_PTR(rc);

	coherent = ext_iommu_enforces_coherency(dev);
	if (coherent < 0)
		return ERR_PTR(coherent);

	igroup = kzalloc(sizeof(*igroup), GFP_KERNEL_ACCOUNT);
	if (!igroup)
		return ERR_PTR(-ENOMEM);

	rc = iommu_group_claim_dma_owner(group, ictx);
	if (rc) {
		kfree(igroup);
		/* No context has it: a kernel driver or a VFIO container does. */
		return ERR_PTR(refuse_claim(ictx, group, dev,
					    rc == -EPERM ? -EBUSY : rc));
	}

	INIT_LIST_HEAD(&igroup->idevs);
	INIT_LIST_HEAD(&igroup->endpoints);
	xa_init_flags(&igroup->pasids, XA_FLAGS_ACCOUNT);
	igroup->ictx = ictx;
	igroup->user = get_pid(task_tgid(current));
	igroup->group = group;
	igroup->msi_window = NO_MSI_WINDOW;
	igroup->coherent = coherent;
	spin_lock(&igroups_list_lock);
	list_add_tail(&igroup->item, &igroups);
	spin_unlock(&igroups_list_lock);
	return igroup;
}

static struct igroup *igroup_get(struct iommufd_ext_ctx *ictx,
				 struct device *dev)
{
	struct iommu_group *group;
	struct igroup *igroup;

	group = iommu_group_get(dev);
	if (!group)
		return ERR_PTR(refuse(ictx, -ENODEV, "%s is in no IOMMU group",
				      dev_name(dev)));

	mutex_lock(&igroups_lock);
	igroup = igroup_find(group);
	if (!igroup) {
		igroup = igroup_claim(ictx, group, dev);
		if (!IS_ERR(igroup))
			group = NULL;
	} else if (igroup->ictx != ictx) {
		igroup = ERR_PTR(refuse_owned(ictx, igroup, dev));
	}
	if (!IS_ERR(igroup))
		igroup->devices++;
	mutex_unlock(&igroups_lock);

	/* iommu_group_put() takes NULL for nothing. */
	iommu_group_put(group);
	return igroup;
}

static void igroup_put(struct igroup *igroup)
{
	mutex_lock(&igroups_lock);
	if (--igroup->devices) {
		mutex_unlock(&igroups_lock);
		return;
	}
	spin_lock(&igroups_list_lock);
	list_del(&igroup->item);
	spin_unlock(&igroups_list_lock);
	iommu_group_release_dma_owner(igroup->group);
	mutex_unlock(&igroups_lock);

	WARN_ON(igroup->hwpt);
	WARN_ON(!xa_empty(&igroup->pasids));
	iommu_group_put(igroup->group);
	put_pid(igroup->user);
	kfree(igroup);
}

static const char *idev_name(const struct obj *obj)
{
	const struct iommufd_ext_device *idev =
		container_of(obj, struct iommufd_ext_device, obj);

	return dev_name(idev->dev);
}

/**
 * idev_bind() - iommufd_ext_device_bind() without a reference to the context
 * @ictx: the context, which outlives the bound device
 * @dev: see there
 * @id: see there
 *
 * Return: see there.
 */
struct iommufd_ext_device *idev_bind(struct iommufd_ext_ctx *ictx,
				     struct device *dev, u32 *id)
{
	struct iommufd_ext_device *idev;
	struct igroup *igroup;
	int rc;

	iommufd_ext_used(&ictx->last_user);
	iommufd_ext_errors_begin(&ictx->errors);
	if (!dev->iommu_group)
		return ERR_PTR(refuse(ictx, -ENODEV,
				      "cannot bind %s: it is in no IOMMU group",
				      dev_name(dev)));
	if (!iommufd_ext_device_supported(dev))
		return ERR_PTR(refuse(ictx, -EINVAL,
				      "cannot bind %s: its DMA is not cache coherent",
				      dev_name(dev)));

	igroup = igroup_get(ictx, dev);
	if (IS_ERR(igroup))
		return ERR_CAST(igroup);

	idev = kzalloc(sizeof(*idev), GFP_KERNEL_ACCOUNT);
	if (!idev) {
		rc = -ENOMEM;
		goto err_put_igroup;
	}
	idev->ictx = ictx;
	idev->dev = dev;
	idev->igroup = igroup;
	idev->obj.name = idev_name;

	rc = obj_reserve(ictx, &idev->obj, OBJ_DEVICE);
	if (rc)
		goto err_free_idev;
	/* The driver's own, so that no user destroys the device under it. */
	refcount_inc(&idev->obj.users);
	*id = idev->obj.id;
	mutex_lock(&igroups_lock);
	list_add_tail(&idev->igroup_item, &igroup->idevs);
	mutex_unlock(&igroups_lock);
	obj_publish(ictx, &idev->obj);
	return idev;

err_free_idev:
	kfree(idev);
err_put_igroup:
	igroup_put(igroup);
	return ERR_PTR(rc);
}

/**
 * igroup_get_owner() - which context owns a group
 * @group: the group
 * @ictx: the context that asks, or NULL
 * @owner: filled in
 */
void igroup_get_owner(struct iommu_group *group, struct iommufd_ext_ctx *ictx,
		      struct igroup_owner *owner)
{
	struct iommufd_ext_whose whose;
	struct igroup *igroup;

	mutex_lock(&igroups_lock);
	igroup = igroup_find(group);
	owner->is_context = igroup;
	owner->is_ictx = igroup && igroup->ictx == ictx;
	owner->pid = 0;
	if (igroup) {
		iommufd_ext_describe_whose(&whose, igroup->user, NULL, false);
		owner->pid = whose.holder.pid;
	}
	mutex_unlock(&igroups_lock);
}

static u32 idev_id_locked(const struct igroup *igroup, const struct device *dev)
{
	struct iommufd_ext_device *idev;

	lockdep_assert_held(&igroups_lock);

	list_for_each_entry(idev, &igroup->idevs, igroup_item)
		if (idev->dev == dev)
			return idev->obj.id;
	return 0;
}

/**
 * igroup_get_ids() - the ids that devices of a group have in a context
 * @group: the group
 * @ictx: the context, which need not own the group
 * @devs: devices of the group; the caller holds references
 * @members: dev_id is filled in, with 0 for a device that is not bound to @ictx
 * @nr: how many devices there are
 *
 * It looks at the bound devices of the group alone, however many objects the context
 * has.
 */
void igroup_get_ids(struct iommu_group *group, struct iommufd_ext_ctx *ictx,
		    struct device *const *devs,
		    struct ioasid_group_member *members, u32 nr)
{
	struct igroup *igroup;
	u32 i;

	mutex_lock(&igroups_lock);
	igroup = igroup_find(group);
	if (igroup && igroup->ictx != ictx)
		igroup = NULL;
	for (i = 0; i < nr; i++)
		members[i].dev_id =
			igroup ? idev_id_locked(igroup, devs[i]) : 0;
	mutex_unlock(&igroups_lock);
}

/**
 * igroups_show() - print the numbers of the groups of a context
 * @ictx: the context
 * @m: where to print
 */
void igroups_show(struct iommufd_ext_ctx *ictx, struct seq_file *m)
{
	struct igroup *igroup;

	/* A claim under way waits for the IOMMU core, perhaps. */
	spin_lock(&igroups_list_lock);
	list_for_each_entry(igroup, &igroups, item)
		if (igroup->ictx == ictx)
			seq_printf(m, " %d", iommu_group_id(igroup->group));
	spin_unlock(&igroups_list_lock);
}

/**
 * iommufd_ext_device_bind() - take ownership of a device for a context
 * @ictx: the context; the device keeps a reference
 * @dev: the device; its driver keeps it alive and sets driver_managed_dma
 * @id: the user's name for it
 *
 * The whole IOMMU group is claimed, and its DMA blocked until a device of it is
 * attached.
 *
 * Context: may sleep.
 * Return: the bound device or an ERR_PTR: -ENODEV without an IOMMU group;
 * -EINVAL if DMA is not cache coherent; -EPERM if another context has the group,
 * or interrupts are not isolated; -EBUSY if a kernel driver or a VFIO container
 * has it; -ENOMEM.
 */
struct iommufd_ext_device *iommufd_ext_device_bind(struct iommufd_ext_ctx *ictx,
						   struct device *dev, u32 *id)
{
	struct iommufd_ext_device *idev;

	idev = idev_bind(ictx, dev, id);
	if (!IS_ERR(idev))
		iommufd_ext_ctx_get(ictx);
	trace_ioasid_bind(ictx->id, dev, IS_ERR(idev) ? 0 : *id,
			  PTR_ERR_OR_ZERO(idev));
	return idev;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_bind);

/**
 * idev_unbind() - undo idev_bind()
 * @idev: see iommufd_ext_device_unbind()
 */
void idev_unbind(struct iommufd_ext_device *idev)
{
	idev_detach_all(idev);
	mutex_lock(&igroups_lock);
	list_del(&idev->igroup_item);
	mutex_unlock(&igroups_lock);
	obj_remove_sync(idev->ictx, &idev->obj);
	/* Once it gives the group back, another context may have it. */
	trace_ioasid_unbind(idev->ictx->id, idev->dev, idev->obj.id);
	igroup_put(idev->igroup);
	kfree(idev);
}

/**
 * iommufd_ext_device_unbind() - undo iommufd_ext_device_bind()
 * @idev: the bound device; it is detached first if it is attached
 *
 * Context: may sleep, and waits for ioctls that use the device's id.
 */
void iommufd_ext_device_unbind(struct iommufd_ext_device *idev)
{
	struct iommufd_ext_ctx *ictx = idev->ictx;

	idev_unbind(idev);
	iommufd_ext_ctx_put(ictx);
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_unbind);

/**
 * iommufd_ext_device_to_ictx() - the context a device is bound to
 * @idev: the bound device
 *
 * Return: the context, without a reference of its own.
 */
struct iommufd_ext_ctx *
iommufd_ext_device_to_ictx(struct iommufd_ext_device *idev)
{
	return idev->ictx;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_to_ictx);

/**
 * iommufd_ext_device_to_id() - the user's name for a device
 * @idev: the bound device
 *
 * Return: the id, greater than 0.
 */
u32 iommufd_ext_device_to_id(struct iommufd_ext_device *idev)
{
	return idev->obj.id;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_to_id);

/**
 * iommufd_ext_ctx_has_group() - does a context own a group?
 * @ictx: the context
 * @group: the group
 *
 * Return: true if at least one device of the group is bound to the context.
 */
bool iommufd_ext_ctx_has_group(struct iommufd_ext_ctx *ictx,
			       struct iommu_group *group)
{
	struct igroup *igroup;
	bool has;

	mutex_lock(&igroups_lock);
	igroup = igroup_find(group);
	has = igroup && igroup->ictx == ictx;
	mutex_unlock(&igroups_lock);
	return has;
}
EXT_EXPORT_SYMBOL(iommufd_ext_ctx_has_group);

/**
 * iommufd_ext_device_supported() - can a device ever be bound?
 * @dev: the device
 *
 * Return: true if it is behind an IOMMU and its DMA is cache coherent.
 */
bool iommufd_ext_device_supported(struct device *dev)
{
	return dev->iommu_group &&
	       device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY);
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_supported);

/**
 * iommufd_ext_device_enforced_coherent() - can the device's DMA bypass caches?
 * @dev: the device, bound or not
 *
 * KVM asks, to know whether it must emulate a guest's WBINVD. It asks before the
 * device is bound, and while others have its group: the answer is one of the
 * IOMMU's alone, it does not change, and nobody is disturbed for it.
 *
 * Context: may sleep.
 * Return: true if no-snoop DMA is impossible for every page table of the
 * device; false if it is possible, or if memory is too short to tell.
 */
bool iommufd_ext_device_enforced_coherent(struct device *dev)
{
	return iommufd_ext_device_supported(dev) &&
	       ext_iommu_enforces_coherency(dev) > 0;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_enforced_coherent);
