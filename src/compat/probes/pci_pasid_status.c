// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a PCI device be asked what its PASID capability is set to?
 *
 * From 6.12 ("PCI/ATS: Add PASID capability helpers"), in Debian's 6.12, too.
 * Used by ext_pasid_control().
 */
#include <linux/pci-ats.h>
#include <linux/pci.h>

int ext_probe(struct pci_dev *pdev);
int ext_probe(struct pci_dev *pdev)
{
	return pci_pasid_status(pdev);
}
