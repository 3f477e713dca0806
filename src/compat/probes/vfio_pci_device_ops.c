// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does vfio-pci-core ask its driver for what makes a dma-buf of a BAR?
 * Yes since 6.19. Used by ext_vfio_pci_offer_dmabufs().
 */
#include <linux/vfio_pci_core.h>

const struct vfio_pci_device_ops ext_probe_ops = {
	.get_dmabuf_phys = vfio_pci_core_get_dmabuf_phys,
};

void ext_probe(struct vfio_pci_core_device *core)
{
	core->pci_ops = &ext_probe_ops;
}
