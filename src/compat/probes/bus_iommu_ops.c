// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there one IOMMU driver for all devices of a bus?
 * Yes until 6.6, since then each device has its own.
 * Used by ext_iommu_device_unregister().
 */
#include <linux/device/bus.h>
#include <linux/iommu.h>

const struct iommu_ops *ext_probe(struct bus_type *bus);
const struct iommu_ops *ext_probe(struct bus_type *bus)
{
	return bus->iommu_ops;
}
