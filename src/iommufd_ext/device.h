/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layer 3, devices: group.c, doorbell.c, fault.c, hwpt.c, dirty.c, attach.c, device.c, access.c.
 *
 * It keeps who may do DMA where: groups that are claimed, page tables that are made, and
 * endpoints, which attach a device to a page table. Drivers of emulated devices have an
 * access instead. It promises that a device reaches what its page table holds and nothing
 * else, and that an IOAS, a page table or a fault queue stays while something here needs
 * it. Who is attached to what changes with iommufd_ext_ctx.attach_lock held; a page
 * table's list of them with the xa_lock of the objects held, too. The ioctls of page tables
 * and fault queues are here. It does not know how an IOAS is made, or how a user asks for
 * memory to be mapped there.
 */
#ifndef _IOMMUFD_EXT_DEVICE_H
#define _IOMMUFD_EXT_DEVICE_H

#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "compat/iommu.h"
#include "space.h"

struct device;
struct fault_queue;
struct ioasid_group_member;
struct pid;
struct seq_file;

/**
 * struct hwpt - a hardware page table
 * @obj: object header
 * @table: what it is to the IOAS
 * @ioas: what it follows, of which the page table is a user; that of @parent if
 *	it is nested
 * @parent: translates the output of a nested page table, which is a user of it;
 *	else NULL
 * @fault: queue for the faults of attached devices, of which the page table is a
 *	user, or NULL; constant once the page table is published
 * @endpoints: attached devices, and PASIDs of them; changes with
 *	iommufd_ext_ctx.attach_lock and the xa_lock of the objects held, so that
 *	DESTROY, which must not wait for the former, may look
 * @aperture: what is not reserved in the name of the page table; protected by
 *	attach_lock
 * @auto_domain: made by an attach, goes with the last endpoint; constant
 * @nest_parent: can be the parent of nested ones; constant
 * @pasid: suits PASIDs, and devices with PASIDs attached; constant
 * @final: the driver knows page sizes and aperture before an attach; constant
 * @coherent: DMA through it cannot bypass caches; constant
 * @filled: holds the content of the IOAS; protected by attach_lock
 * @doorbell_slot: 1 + the number of its part of the window for interrupts, or 0 if it
 *	has none; protected by attach_lock
 *
 * While it is @filled, it is in ioas.tables.
 */
struct hwpt {
	struct obj obj;
	struct table table;
	struct ioas *ioas;
	struct hwpt *parent;
	struct fault_queue *fault;
	struct list_head endpoints;
	struct iommu_domain_geometry aperture;
	bool auto_domain;
	bool nest_parent;
	bool pasid;
	bool final;
	bool coherent;
	bool filled;
	unsigned int doorbell_slot;
};

/**
 * struct attachment - a group, or a PASID of it, that is attached to a page table
 * @core: known to the IOMMU core, so that a fault finds it
 * @hwpt: the page table; constant
 * @pasid: the PASID, or IOMMU_NO_PASID; constant
 * @dev_id: id of the device that was attached first, or moved here; constant
 * @endpoints: of the group's devices; protected by iommufd_ext_ctx.attach_lock
 */
struct attachment {
	struct ext_iommu_attach_handle core;
	struct hwpt *hwpt;
	u32 pasid;
	u32 dev_id;
	struct list_head endpoints;
};

/* Interrupts of most platforms need no mapping. */
#define NO_MSI_WINDOW (~(phys_addr_t)0)

/**
 * struct igroup - an IOMMU group owned by a context
 * @item: in the list of all owned groups; protected by igroups_lock
 * @ictx: the owner
 * @user: the process that claimed it for the owner, referenced; constant
 * @group: the IOMMU core's object
 * @devices: how many devices of it are bound, or about to be; protected by
 *	igroups_lock
 * @idevs: those of them that have an id; protected by igroups_lock
 * @coherent: page tables can ignore no-snoop; constant
 * @msi_window: where its devices expect MSI doorbells to be mapped, or
 *	NO_MSI_WINDOW; protected by iommufd_ext_ctx.attach_lock
 * @msi_length: size of that window, in bytes; protected by attach_lock
 * @attachments: PASID to struct attachment, IOMMU_NO_PASID among them; protected by
 *	attach_lock
 *
 * The IOMMU core lets a group be claimed once. Bound devices share the claim.
 */
struct igroup {
	struct list_head item;
	struct iommufd_ext_ctx *ictx;
	struct pid *user;
	struct iommu_group *group;
	unsigned int devices;
	struct list_head idevs;
	bool coherent;
	phys_addr_t msi_window;
	size_t msi_length;
	struct xarray attachments;
};

/**
 * struct iommufd_ext_device - a bound device
 * @obj: object header; the driver that bound the device is a user
 * @ictx: the context, of which the device holds a reference
 * @dev: the device
 * @igroup: the group it shares with other bound devices
 * @igroup_item: in igroup.idevs; protected by igroups_lock
 * @endpoints: how many it has; written with iommufd_ext_ctx.attach_lock held
 * @faults: how many of them report faults; protected by attach_lock
 */
struct iommufd_ext_device {
	struct obj obj;
	struct iommufd_ext_ctx *ictx;
	struct device *dev;
	struct igroup *igroup;
	struct list_head igroup_item;
	unsigned int endpoints;
	unsigned int faults;
};

/**
 * struct endpoint - a device, or a PASID of it, attached to a page table
 * @idev: the device; constant
 * @pasid: the PASID, or IOMMU_NO_PASID; constant
 * @hwpt: the page table, of which the endpoint is a user
 * @hwpt_item: in hwpt.endpoints, and protected like these
 * @igroup_item: in attachment.endpoints
 *
 * The others are protected by iommufd_ext_ctx.attach_lock. The endpoint is the owner of the
 * reserved ranges its device brings into the IOAS.
 */
struct endpoint {
	struct iommufd_ext_device *idev;
	u32 pasid;
	struct hwpt *hwpt;
	struct list_head hwpt_item;
	struct list_head igroup_item;
};

/**
 * struct iommufd_ext_access - a driver that uses the memory of an IOAS without DMA
 * @obj: object header; the driver is a user
 * @ictx: the context, of which the access holds a reference
 * @listener: what the driver is to the IOAS
 * @lock: protects the fields below
 * @ioas: what it is attached to, or NULL; the access is a user of it
 * @ioas_unpin: the same, or what it is being detached from: pages are unpinned
 *	there
 * @index: in ioas.listeners of @ioas_unpin
 */
struct iommufd_ext_access {
	struct obj obj;
	struct iommufd_ext_ctx *ictx;
	struct listener listener;
	struct mutex lock; /* protects what follows */
	struct ioas *ioas;
	struct ioas *ioas_unpin;
	u32 index;
};

/**
 * struct igroup_owner - who owns a group
 * @is_context: a context does
 * @is_ictx: the one that asks does
 * @pid: the process that claimed it for the context, or 0 if it has ended or the caller
 *	may not see it
 */
struct igroup_owner {
	bool is_context;
	bool is_ictx;
	pid_t pid;
};

/* To be put with obj_put(). */
static inline struct iommufd_ext_device *idev_get(struct iommufd_ext_ctx *ictx,
						  u32 id)
{
	struct obj *obj = obj_get(ictx, id, OBJ_DEVICE);

	return obj ? container_of(obj, struct iommufd_ext_device, obj) : NULL;
}

/* group.c */
struct igroup *igroup_get(struct iommufd_ext_ctx *ictx, struct device *dev);
void igroup_put(struct igroup *igroup);
void igroup_add_idev(struct iommufd_ext_device *idev);
void igroup_remove_idev(struct iommufd_ext_device *idev);
int igroups_walk_idevs(struct iommufd_ext_ctx *ictx, struct igroup *igroup,
		       int (*fn)(struct iommufd_ext_device *idev, void *data),
		       void *data);
bool device_interrupts_allowed(struct iommu_group *group, struct device *dev);
void igroup_get_owner(struct iommu_group *group, struct iommufd_ext_ctx *ictx,
		      struct igroup_owner *owner);
void igroup_get_ids(struct iommu_group *group, struct iommufd_ext_ctx *ictx,
		    struct device *const *devs,
		    struct ioasid_group_member *members, u32 nr);
void igroups_show(struct iommufd_ext_ctx *ictx, struct seq_file *m);

/* doorbell.c */
int doorbells_reserve(struct hwpt *hwpt);
int doorbells_prepare(struct igroup *igroup, struct hwpt *hwpt);
void doorbells_release(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt);
void doorbells_note(struct igroup *igroup, struct hwpt *hwpt);
int doorbells_follow(struct igroup *igroup, struct hwpt *hwpt);
void doorbells_free(struct iommufd_ext_ctx *ictx);

/* fault.c */
int hwpt_set_fault_queue(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt,
			 u32 id);
void hwpt_put_fault_queue(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt);
int idev_faults_get(struct iommufd_ext_device *idev, struct hwpt *hwpt);
void idev_faults_put(struct iommufd_ext_device *idev, struct hwpt *hwpt);
void fault_queue_flush(struct fault_queue *queue,
		       const struct attachment *attachment,
		       const struct device *dev);
void fault_queue_free(struct obj *obj);
int fault_queue_alloc_ioctl(struct ucmd *ucmd);

/* hwpt.c */
struct hwpt *hwpt_alloc(struct iommufd_ext_device *idev, struct ioas *ioas,
			u32 flags, const struct ext_user_data *data);
int hwpt_fill(struct hwpt *hwpt);
void hwpt_unfill(struct hwpt *hwpt);
void hwpt_free(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt);
void hwpt_put(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt);
void pt_put(struct iommufd_ext_ctx *ictx, struct obj *obj);
void hwpt_destroy(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt);
bool domain_reads_dirty(struct iommu_domain *domain);
int hwpt_alloc_ioctl(struct ucmd *ucmd);
int hwpt_invalidate_ioctl(struct ucmd *ucmd);

/* dirty.c */
bool device_tracks_dirty(struct device *dev);
int hwpt_set_dirty_ioctl(struct ucmd *ucmd);
int hwpt_get_dirty_ioctl(struct ucmd *ucmd);

/* attach.c */
struct endpoint *idev_endpoint(struct iommufd_ext_device *idev, u32 pasid);
int idev_attach(struct iommufd_ext_device *idev, u32 pasid, struct hwpt *hwpt);
int idev_replace(struct iommufd_ext_device *idev, u32 pasid, struct hwpt *hwpt);
void idev_detach(struct iommufd_ext_device *idev, u32 pasid);
void idev_detach_all(struct iommufd_ext_device *idev);

/* device.c */
struct iommufd_ext_device *idev_bind(struct iommufd_ext_ctx *ictx,
				     struct device *dev, u32 *id);
void idev_unbind(struct iommufd_ext_device *idev);

#endif
