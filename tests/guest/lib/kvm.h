/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest guest of KVM: it waits for interrupts, and says of each which it was.
 * Its interrupt controllers are the kernel's, as with QEMU.
 */
#ifndef TEST_KVM_H
#define TEST_KVM_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/kvm.h>

/* The lines of the guest's interrupt controllers that eventfds can be tied to. */
#define VM_GSI_MSI(i) (24 + (i))
#define VM_GSIS_MSI 4
#define VM_GSI_INTX 10
#define VM_VECTOR_MSI(i) (0x50 + (i))
#define VM_VECTOR_INTX 0x41

struct vm {
	int fd;
	/* Of its one device for VFIO files, -1 before the first. */
	int vfio;
	/* -1 and NULL without a processor. */
	int vcpu;
	struct kvm_run *run;
};

/* What a VMM does first with the node of a device, bound or not; skips the test without KVM. */
int kvm_file_add(int file);

/* Skips the test without KVM. */
struct vm vm_new(void);
/* The same without memory and processor. */
struct vm vm_empty(void);
/* An end of the VM like that of its process. */
void vm_drop(struct vm *vm);

/* The file is that of a device of the guest. */
int vm_file_add(struct vm *vm, int file);
int vm_file_del(struct vm *vm, int file);

/* Let an eventfd raise a line of the guest; vm_irqfd_drop() takes it back. */
int vm_irqfd(struct vm *vm, int efd, uint32_t gsi);
int vm_irqfd_drop(struct vm *vm, int efd, uint32_t gsi);
/* The same with a level: @resample hears when the guest has handled it. */
int vm_irqfd_level(struct vm *vm, int efd, uint32_t gsi, int resample);

/* Is the vector waiting in the guest's local APIC? Its processor has to rest. */
bool vm_pending(struct vm *vm, uint8_t vector);
/* Let the guest run until it has an interrupt: its vector, or 0 after @ms. */
uint8_t vm_interrupt(struct vm *vm, int ms);

#endif
