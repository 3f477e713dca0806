// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM and our files.
 *
 * KVM lets a VM know about its VFIO files through three functions of the VFIO core,
 * each of which starts with the question whether the file is the core's own. If it is
 * ours, they continue here (redirect.c); nothing changes for the core's files.
 *
 * A replacement cannot be left behind by rmmod: it is only entered with a file of
 * ours, whose owner is this module, and the caller holds the file.
 *
 * KVM needs all three. If one cannot be had, the module works without KVM and says so.
 */
#include <linux/kvm_host.h>
#include <linux/vfio.h>

#include "compat/vfio.h"

#include "device.h"
#include "redirect.h"

/* What a program is told that has been refused by KVM, which does not ask us. */
static char no_kvm_text[192];
static const struct iommufd_ext_standing no_kvm = {
	.error = EINVAL,
	.cmd = KVM_SET_DEVICE_ATTR,
	.text = no_kvm_text,
};

/* Before the first file is open. */
static void set_no_kvm(const char *why)
{
	scnprintf(no_kvm_text, sizeof(no_kvm_text),
		  "KVM will not accept VFIO char devices: %s", why);
}

/* What tells our files from others. Set before the first call is redirected. */
static const struct file_operations *kvm_fops;

/* The first argument of all three. */
static bool is_our_file(void *file, void *unused)
{
	return ((struct file *)file)->f_op == kvm_fops;
}

/*
 * Up to 6.5 the question is whether the file is a group's. Besides KVM the legacy hot
 * reset asks it, and goes on to ask vfio_file_has_dev(), which compares our private data
 * with a group's address: never equal, so a file of ours there gives EINVAL as it should.
 */
static bool replaced_is_valid(struct file *filp)
{
	return true;
}

/*
 * Asked before BIND, so it is about the device's IOMMU and not about what it is
 * attached to. Of a device whose driver leaves nothing is known: KVM is to expect
 * the worse.
 */
static bool replaced_enforced_coherent(struct file *filp)
{
	struct vfio_device *vdev = cdev_ext_file_vdev(filp->private_data);
	bool coherent;

	if (!vdev)
		return false;

	coherent = iommufd_ext_device_enforced_coherent(vdev->dev);
	cdev_ext_put_vdev(vdev);
	return coherent;
}

static void replaced_set_kvm(struct file *filp, struct kvm *kvm)
{
	struct cdev_ext_file *file = filp->private_data;

	mutex_lock(&file->kvm_lock);
	file->kvm = kvm;
	mutex_unlock(&file->kvm_lock);
}

static struct cdev_ext_redirect redirects[] = {
	CDEV_EXT_REDIRECT(EXT_VFIO_FILE_IS_VALID, replaced_is_valid,
			  is_our_file),
	CDEV_EXT_REDIRECT(vfio_file_enforced_coherent,
			  replaced_enforced_coherent, is_our_file),
	CDEV_EXT_REDIRECT(vfio_file_set_kvm, replaced_set_kvm, is_our_file),
};

/* How many of them are in place, from the first on. */
static unsigned int nr_redirected;

static void redirect_all(void)
{
	char why[96];

	/* A fourth function there takes any file that passes the first for a group's. */
	if (IS_ENABLED(CONFIG_SPAPR_TCE_IOMMU)) {
		set_no_kvm("not supported with SPAPR");
		return;
	}

	for (; nr_redirected < ARRAY_SIZE(redirects); nr_redirected++) {
		if (cdev_ext_redirect(&redirects[nr_redirected], why,
				      sizeof(why)))
			continue;
		set_no_kvm(why);
		cdev_ext_kvm_exit();
		return;
	}
}

/* Makes KVM accept our files, if this is wanted, and this kernel allows it. */
void cdev_ext_kvm_init(bool wanted, const struct file_operations *fops)
{
	kvm_fops = fops;
	if (wanted)
		redirect_all();
	else
		set_no_kvm("switched off by the parameter kvm");
	if (!cdev_ext_kvm_works())
		pr_notice("vfio_cdev_ext: %s\n", no_kvm_text);
}

/* The reason for refusals of KVM, or NULL if it accepts our files. */
const struct iommufd_ext_standing *cdev_ext_no_kvm(void)
{
	return cdev_ext_kvm_works() ? NULL : &no_kvm;
}

/* Does KVM accept our files? */
bool cdev_ext_kvm_works(void)
{
	return nr_redirected == ARRAY_SIZE(redirects);
}

void cdev_ext_kvm_exit(void)
{
	while (nr_redirected)
		cdev_ext_redirect_undo(&redirects[--nr_redirected]);
}

/*
 * Where the VM is not referenced, the driver takes a reference in open_device(), or never uses
 * it. KVM is a module that may not be there, so it must not be linked to.
 */
static void take_kvm(struct cdev_ext_file *file)
{
	struct vfio_device *vdev = file->vdev;
	bool (*get)(struct kvm *kvm);
	void (*put)(struct kvm *kvm);

	if (!EXT_VFIO_KVM_REFERENCED) {
		vdev->kvm = file->kvm;
		return;
	}

	put = symbol_get(kvm_put_kvm);
	if (!put)
		return;

	get = symbol_get(kvm_get_kvm_safe);
	if (get && get(file->kvm)) {
		vdev->kvm = file->kvm;
		file->put_kvm = put;
	} else {
		symbol_put(kvm_put_kvm);
	}
	if (get)
		symbol_put(kvm_get_kvm_safe);
}

/*
 * Offers the VM to the driver that is about to open the device. May return with kvm_lock held,
 * which cdev_ext_kvm_lent() drops: the caller calls it when the driver is done.
 */
void cdev_ext_kvm_lend(struct cdev_ext_file *file)
{
	lockdep_assert_held(&file->vdev->dev_set->lock);

	mutex_lock(&file->kvm_lock);
	if (file->kvm)
		take_kvm(file);
	/* With a reference, KVM need not be kept out, and it takes locks in there. */
	if (EXT_VFIO_KVM_REFERENCED)
		mutex_unlock(&file->kvm_lock);
}

/* The driver has opened the device, or failed to. */
void cdev_ext_kvm_lent(struct cdev_ext_file *file)
{
	if (!EXT_VFIO_KVM_REFERENCED)
		mutex_unlock(&file->kvm_lock);
}

/* The driver has closed the device. */
void cdev_ext_kvm_return(struct cdev_ext_file *file)
{
	lockdep_assert_held(&file->vdev->dev_set->lock);

	if (file->put_kvm) {
		file->put_kvm(file->vdev->kvm);
		file->put_kvm = NULL;
		symbol_put(kvm_put_kvm);
	}
	file->vdev->kvm = NULL;
}
