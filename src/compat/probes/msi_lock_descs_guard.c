// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there __msi_lock_descs(), and are the interrupts of a device listed?
 *
 * Since 6.15 ("genirq/msi: Rename msi_[un]lock_descs()"), with CONFIG_GENERIC_MSI_IRQ.
 * Used by ext_msi_walk_iovas().
 */
#include <linux/device.h>
#include <linux/msi.h>

unsigned int ext_probe(struct device *dev);
unsigned int ext_probe(struct device *dev)
{
	struct msi_desc *desc;
	unsigned int irq = 0;

	if (!dev->msi.data)
		return 0;
	__msi_lock_descs(dev);
	msi_for_each_desc(desc, dev, MSI_DESC_ASSOCIATED)
		irq = desc->irq;
	__msi_unlock_descs(dev);
	return irq;
}
