// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives a PCI device the vendor and device ids of another, as the kernel has them, until
 * it is unloaded: for the drivers that are asked meanwhile, it is that device.
 */
#include <linux/module.h>
#include <linux/pci.h>

static char *device;
module_param(device, charp, 0);
MODULE_PARM_DESC(device, "Which device: DOMAIN:BUS:SLOT.FUNCTION");

static ushort vendor_id;
module_param(vendor_id, ushort, 0);
MODULE_PARM_DESC(vendor_id, "The vendor it is to have");

static ushort device_id;
module_param(device_id, ushort, 0);
MODULE_PARM_DESC(device_id, "The device it is to be");

static struct pci_dev *changed;
static unsigned short old_vendor, old_device;

static int __init id_init(void)
{
	unsigned int domain, bus, slot, function;

	if (!device ||
	    sscanf(device, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return -EINVAL;

	changed = pci_get_domain_bus_and_slot(domain, bus,
					      PCI_DEVFN(slot, function));
	if (!changed)
		return -ENODEV;

	old_vendor = changed->vendor;
	old_device = changed->device;
	changed->vendor = vendor_id;
	changed->device = device_id;
	return 0;
}
module_init(id_init);

static void __exit id_exit(void)
{
	changed->vendor = old_vendor;
	changed->device = old_device;
	pci_dev_put(changed);
}
module_exit(id_exit);

MODULE_DESCRIPTION("Changes the ids of a PCI device, for tests");
MODULE_LICENSE("GPL");
