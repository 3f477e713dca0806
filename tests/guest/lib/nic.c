// SPDX-License-Identifier: GPL-2.0-only
#include <sys/mman.h>
#include <linux/pci_regs.h>

#include "nic.h"
#include "test.h"
#include "vfio.h"

#define NIC_ICR 0x00c0
#define NIC_ICS 0x00c8
#define NIC_IMS 0x00d0
#define NIC_IVAR 0x00e4
/* The second receive address, low half. */
#define NIC_RAL1 0x5408

#define NIC_CAUSE(vector) (1U << (20 + (vector)))
#define NIC_CAUSES (0x1fU << 20)
/* Cause N on vector N, each valid. */
#define NIC_VECTOR_OF_CAUSE 0xcba98U

static uint32_t reg(struct nic *nic, uint32_t offset)
{
	return *(volatile uint32_t *)(nic->bar + offset);
}

static void reg_set(struct nic *nic, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(nic->bar + offset) = value;
}

void nic_open(struct nic *nic, int fd)
{
	void *bar;

	vfio_bus_master(fd);
	bar = vfio_map(fd, VFIO_PCI_BAR0_REGION_INDEX, NIC_BAR_SIZE);
	if (bar == MAP_FAILED)
		fail_test("mmap of BAR 0: %s", errno_name(errno));
	nic->fd = fd;
	nic->bar = bar;
}

void nic_scratch_set(struct nic *nic, uint32_t value)
{
	reg_set(nic, NIC_RAL1, value);
}

uint32_t nic_scratch(struct nic *nic)
{
	return reg(nic, NIC_RAL1);
}

void nic_raise(struct nic *nic, unsigned int vector)
{
	reg_set(nic, NIC_IVAR, NIC_VECTOR_OF_CAUSE);
	reg_set(nic, NIC_IMS, NIC_CAUSES);
	reg_set(nic, NIC_ICS, NIC_CAUSE(vector));
}

void nic_ack(struct nic *nic)
{
	/* QEMU ends itself if MSI-X goes off while it holds the next interrupt back. */
	sleep_ms(2);
	reg_set(nic, NIC_ICR, ~0U);
}

uint32_t vfio_find_cap(int fd, uint8_t id)
{
	uint32_t pos = vfio_config16(fd, PCI_CAPABILITY_LIST) & 0xfc;
	uint16_t head;

	while (pos) {
		head = vfio_config16(fd, pos);
		if ((head & 0xff) == id)
			return pos;
		pos = head >> 8 & 0xfc;
	}
	fail_test("no capability %#x", id);
}
