// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "kvm.h"
#include "test.h"

/* What is where in the guest's memory, which begins at 0. */
#define RAM_SIZE (64 * KB)
#define RAM_GDT 0x1000
#define RAM_IDT 0x2000
#define RAM_IDLE 0x3000
#define RAM_HANDLERS 0x4000
#define RAM_STACK 0x8000
#define HANDLER_SIZE 32

#define SELECTOR_CODE 8
#define SELECTOR_DATA 16
/* Handlers write their vector there. */
#define PORT 0x10

#define APIC_SPIV 0xf0
#define APIC_SPIV_ENABLE 0x1ff
#define APIC_IRR 0x200
#define MSI_ADDRESS 0xfee00000U
#define IOAPIC_LEVEL 0x8000

static const uint64_t gdt[] = { 0, 0x00cf9b000000ffffULL,
				0x00cf93000000ffffULL };
/* sti; hlt; jmp to the hlt */
static const uint8_t idle[] = { 0xfb, 0xf4, 0xeb, 0xfd };

static void put_handler(uint8_t *ram, uint8_t vector)
{
	/*
	 * mov al, vector; out PORT, al; mov dword [0xfee000b0], 0, which ends the
	 * interrupt; iret
	 */
	const uint8_t code[] = {
		0xb0, vector, 0xe6, PORT, 0xc7, 0x05, 0xb0, 0x00,
		0xe0, 0xfe,   0x00, 0x00, 0x00, 0x00, 0xcf,
	};
	uint32_t at = RAM_HANDLERS + vector * HANDLER_SIZE;
	uint64_t gate = (uint64_t)(at >> 16) << 48 | 0x8e0000000000ULL |
			SELECTOR_CODE << 16 | (at & 0xffff);

	memcpy(ram + at, code, sizeof(code));
	memcpy(ram + RAM_IDT + vector * sizeof(gate), &gate, sizeof(gate));
}

static void add_ram(struct vm *vm)
{
	uint8_t *ram = page_alloc(RAM_SIZE);
	struct kvm_userspace_memory_region region = {
		.memory_size = RAM_SIZE,
		.userspace_addr = (uintptr_t)ram,
	};
	int i;

	memcpy(ram + RAM_GDT, gdt, sizeof(gdt));
	memcpy(ram + RAM_IDLE, idle, sizeof(idle));
	put_handler(ram, VM_VECTOR_INTX);
	for (i = 0; i < VM_GSIS_MSI; i++)
		put_handler(ram, VM_VECTOR_MSI(i));
	assert_ok(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region));
}

static void add_routes(struct vm *vm)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[1 + VM_GSIS_MSI];
	} table = {
		.head.nr = 1 + VM_GSIS_MSI,
		.entries[0] = {
			.gsi = VM_GSI_INTX,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { KVM_IRQCHIP_IOAPIC, VM_GSI_INTX },
		},
	};
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int i;

	for (i = 0; i < VM_GSIS_MSI; i++)
		table.entries[1 + i] = (struct kvm_irq_routing_entry){
			.gsi = VM_GSI_MSI(i),
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi.address_lo = MSI_ADDRESS,
			.u.msi.data = VM_VECTOR_MSI(i),
		};
	assert_ok(ioctl(vm->fd, KVM_SET_GSI_ROUTING, &table));
	assert_ok(ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
	chip.chip.ioapic.redirtbl[VM_GSI_INTX].bits = IOAPIC_LEVEL |
						      VM_VECTOR_INTX;
	assert_ok(ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
}

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = ~0U,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

/* 32 bits, without paging, about to wait for the first interrupt. */
static void add_vcpu(struct vm *vm, int kvm)
{
	struct kvm_regs regs = {
		.rip = RAM_IDLE,
		.rsp = RAM_STACK,
		.rflags = 2,
	};
	struct kvm_lapic_state lapic;
	uint32_t spiv = APIC_SPIV_ENABLE;
	struct kvm_sregs sregs;
	size_t size;

	vm->vcpu = assert_ok(keep_fd(ioctl(vm->fd, KVM_CREATE_VCPU, 0)));
	size = assert_ok(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	vm->run = keep_map(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
				vm->vcpu, 0),
			   size);
	check(vm->run != MAP_FAILED);

	assert_ok(ioctl(vm->vcpu, KVM_GET_SREGS, &sregs));
	sregs.cs = flat(SELECTOR_CODE, 0xb);
	sregs.ds = flat(SELECTOR_DATA, 3);
	sregs.es = sregs.ds;
	sregs.fs = sregs.ds;
	sregs.gs = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.gdt.base = RAM_GDT;
	sregs.gdt.limit = sizeof(gdt) - 1;
	sregs.idt.base = RAM_IDT;
	sregs.idt.limit = 256 * sizeof(uint64_t) - 1;
	sregs.cr0 |= 1;
	assert_ok(ioctl(vm->vcpu, KVM_SET_SREGS, &sregs));
	assert_ok(ioctl(vm->vcpu, KVM_SET_REGS, &regs));

	assert_ok(ioctl(vm->vcpu, KVM_GET_LAPIC, &lapic));
	memcpy(lapic.regs + APIC_SPIV, &spiv, sizeof(spiv));
	assert_ok(ioctl(vm->vcpu, KVM_SET_LAPIC, &lapic));
}

static int kvm_open(void)
{
	int kvm;

	if (system("modprobe -q kvm-amd || modprobe -q kvm-intel"))
		skip_test("no KVM");
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		skip_test("no /dev/kvm");
	return keep_fd(kvm);
}

static struct vm vm_open(int kvm)
{
	return (struct vm){
		.fd = assert_ok(keep_fd(ioctl(kvm, KVM_CREATE_VM, 0))),
		.vfio = -1,
		.vcpu = -1,
	};
}

static int vm_file_set(struct vm *vm, uint64_t what, int file)
{
	struct kvm_create_device dev = { .type = KVM_DEV_TYPE_VFIO };
	struct kvm_device_attr attr = {
		.group = KVM_DEV_VFIO_GROUP,
		.attr = what,
		.addr = (uintptr_t)&file,
	};

	if (vm->vfio < 0) {
		assert_ok(ioctl(vm->fd, KVM_CREATE_DEVICE, &dev));
		vm->vfio = keep_fd(dev.fd);
	}
	return ioctl(vm->vfio, KVM_SET_DEVICE_ATTR, &attr);
}

int vm_file_add(struct vm *vm, int file)
{
	return vm_file_set(vm, KVM_DEV_VFIO_GROUP_ADD, file);
}

int vm_file_del(struct vm *vm, int file)
{
	return vm_file_set(vm, KVM_DEV_VFIO_GROUP_DEL, file);
}

int kvm_file_add(int file)
{
	struct vm vm = vm_empty();
	int rc, err;

	rc = vm_file_add(&vm, file);
	err = errno;
	vm_drop(&vm);
	errno = err;
	return rc;
}

struct vm vm_empty(void)
{
	int kvm = kvm_open();
	struct vm vm = vm_open(kvm);

	drop_fd(kvm);
	return vm;
}

struct vm vm_new(void)
{
	int kvm = kvm_open();
	struct vm vm = vm_open(kvm);

	assert_ok(ioctl(vm.fd, KVM_CREATE_IRQCHIP, 0));
	add_ram(&vm);
	add_routes(&vm);
	add_vcpu(&vm, kvm);
	drop_fd(kvm);
	return vm;
}

void vm_drop(struct vm *vm)
{
	if (vm->run)
		drop_map(vm->run);
	if (vm->vcpu >= 0)
		drop_fd(vm->vcpu);
	if (vm->vfio >= 0)
		drop_fd(vm->vfio);
	drop_fd(vm->fd);
}

int vm_irqfd(struct vm *vm, int efd, uint32_t gsi)
{
	struct kvm_irqfd cmd = { .fd = efd, .gsi = gsi };

	return ioctl(vm->fd, KVM_IRQFD, &cmd);
}

int vm_irqfd_drop(struct vm *vm, int efd, uint32_t gsi)
{
	struct kvm_irqfd cmd = {
		.fd = efd,
		.gsi = gsi,
		.flags = KVM_IRQFD_FLAG_DEASSIGN,
	};

	return ioctl(vm->fd, KVM_IRQFD, &cmd);
}

int vm_irqfd_level(struct vm *vm, int efd, uint32_t gsi, int resample)
{
	struct kvm_irqfd cmd = {
		.fd = efd,
		.gsi = gsi,
		.flags = KVM_IRQFD_FLAG_RESAMPLE,
		.resamplefd = resample,
	};

	return ioctl(vm->fd, KVM_IRQFD, &cmd);
}

bool vm_pending(struct vm *vm, uint8_t vector)
{
	/* 32 vectors each 16 bytes. */
	unsigned int at = APIC_IRR + vector / 32 * 16 + vector % 32 / 8;
	struct kvm_lapic_state lapic;

	assert_ok(ioctl(vm->vcpu, KVM_GET_LAPIC, &lapic));
	return lapic.regs[at] & 1 << vector % 8;
}

static void on_tick(int sig)
{
	(void)sig;
}

/* Ends KVM_RUN: with a second tick, should the first come before the call. */
static timer_t ticks_start(int ms)
{
	struct sigaction action = { .sa_handler = on_tick };
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGUSR1,
	};
	struct itimerspec times = {
		.it_value = { ms / 1000, ms % 1000 * 1000000L },
		.it_interval = { 0, 100000000L },
	};
	timer_t timer;

	assert_ok(sigaction(SIGUSR1, &action, NULL));
	assert_ok(timer_create(CLOCK_MONOTONIC, &event, &timer));
	assert_ok(timer_settime(timer, 0, &times, NULL));
	return timer;
}

uint8_t vm_interrupt(struct vm *vm, int ms)
{
	timer_t ticks = ticks_start(ms);
	struct kvm_run *run = vm->run;
	int rc, err;

	rc = ioctl(vm->vcpu, KVM_RUN, 0);
	err = errno;
	timer_delete(ticks);
	if (rc == -1 && err == EINTR)
		return 0;
	if (rc)
		fail_test("KVM_RUN: %s", errno_name(err));
	check_eq(KVM_EXIT_IO, run->exit_reason);
	check_eq(PORT, run->io.port);
	return *((uint8_t *)run + run->io.data_offset);
}
