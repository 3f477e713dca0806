/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of PCI ids, as lspci has them. */
#ifndef IOASIDCTL_PCI_NAMES_H
#define IOASIDCTL_PCI_NAMES_H

#include <stddef.h>

void pci_class_name(unsigned int class, char *buf, size_t size);
void pci_device_name(unsigned int vendor, unsigned int product, char *buf,
		     size_t size);

#endif
