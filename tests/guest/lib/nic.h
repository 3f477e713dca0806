/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's e1000e: a register that a reset clears, power states, and interrupts of every
 * kind that can be raised at will.
 */
#ifndef TEST_NIC_H
#define TEST_NIC_H

#include <stdint.h>

#define NIC_VECTORS 5
#define NIC_BAR_SIZE 0x20000UL
/* The region that holds the MSI-X table, and its size. */
#define NIC_MSIX_REGION 3
#define NIC_MSIX_SIZE 0x4000UL

struct nic {
	int fd;
	volatile uint8_t *bar;
};

void nic_open(struct nic *nic, int fd);
/* A register without a meaning for us, which is 0 after a reset. */
void nic_scratch_set(struct nic *nic, uint32_t value);
uint32_t nic_scratch(struct nic *nic);
/* Raise an interrupt: @vector counts if MSI-X is on. */
void nic_raise(struct nic *nic, unsigned int vector);
/* End it, so that INTx goes down, and the next one is raised. */
void nic_ack(struct nic *nic);

/* Where the capability is in configuration space; fails the test without it. */
uint32_t vfio_find_cap(int fd, uint8_t id);

#endif
