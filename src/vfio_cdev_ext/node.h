/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layer 1, nodes: sysfs.c, node.c, adopt.c.
 *
 * It keeps which devices have a node, and the files beside it in sysfs. It promises that there
 * is a node only while the device has its driver and can be used through it, that a device can
 * be held while it does something with it and no longer, and that who polls the state of a
 * device is woken when that changes. It is told what the operations of a file are, and knows
 * none of them: neither BIND nor an ioctl.
 */
#ifndef _VFIO_CDEV_EXT_NODE_H
#define _VFIO_CDEV_EXT_NODE_H

#ifdef _VFIO_CDEV_EXT_CORE_H
#error "node.h is above the core: include it in place of core.h, or not at all"
#endif

#include <linux/cdev.h>
#include <linux/list.h>
#include <linux/pci.h>

#include "core.h"

struct inode;

/**
 * struct cdev_ext_node - the char device of one VFIO device
 * @dev: the struct device behind the node; its references are the life of this
 *	structure. Each open file holds one, and so does @cdev while it was opened
 * @cdev: the char device
 * @entry: link in the list of nodes; protected by the list's lock in node.c
 * @told: what those who poll the state of the device were last woken for; protected as
 *	@entry
 * @pdev: the PCI device; set once, referenced
 * @inode: of the VFIO device, where mappings of its BARs are found; set once, referenced;
 *	NULL where the core has none
 * @lock: protects @vdev
 * @vdev: the VFIO device, or NULL from the moment its driver starts to leave.
 *	No reference is held on it: one that outlived the driver would run the
 *	driver's release function after its module is gone. Bound files hold a
 *	registration instead, which the driver's removal waits for.
 */
struct cdev_ext_node {
	struct device dev;
	struct cdev cdev;
	struct list_head entry;
	unsigned int told;
	struct pci_dev *pdev;
	struct inode *inode;
	struct mutex lock; /* protects vdev */
	struct vfio_device *vdev;
};

/* sysfs.c */
int cdev_ext_sysfs_add(struct cdev_ext_node *node);
void cdev_ext_sysfs_del(struct cdev_ext_node *node);
void cdev_ext_sysfs_notify(struct cdev_ext_node *node);
void cdev_ext_sysfs_check(struct cdev_ext_node *node);

/* node.c */
int cdev_ext_node_init(const char *directory,
		       const struct file_operations *fops);
void cdev_ext_node_exit(void);
int cdev_ext_node_create(struct pci_dev *pdev, struct vfio_device *vdev);
struct cdev_ext_node *cdev_ext_node_find(struct pci_dev *pdev);
void cdev_ext_node_destroy(struct cdev_ext_node *node);
void cdev_ext_node_destroy_all(void);
void cdev_ext_group_changed(struct device *dev);
struct cdev_ext_node *cdev_ext_get_node(const struct inode *inode);
struct vfio_device *cdev_ext_get_vdev(struct cdev_ext_node *node);
struct vfio_device *cdev_ext_file_vdev(struct cdev_ext_file *file);
void cdev_ext_put_vdev(struct vfio_device *vdev);

/* adopt.c */
int cdev_ext_adopt_init(const struct pci_driver *only);
void cdev_ext_adopt_exit(void);

#endif
