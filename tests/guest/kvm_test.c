// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: a guest of KVM: interrupts, and cache coherency
 *
 * Devices and guests of KVM, the device on vfio_cdev_ext ("ext.") and on stock vfio-pci
 * ("stock."): what KVM is told about its DMA, and interrupts that go to the guest,
 * which are eventfds that the device writes and KVM reads, both in the kernel.
 *
 * Such an eventfd has a producer, the device, and may have a consumer, the guest, for
 * irqbypass to bring together; where the IOMMU can post interrupts, they then reach the
 * guest without the kernel. No emulated IOMMU can, so here the kernel carries each.
 */
#include <limits.h>
#include <stdio.h>

#include "coherency.h"
#include "dma.h"
#include "ioasid.h"
#include "kvm.h"
#include "nic.h"
#include "state.h"
#include "test.h"
#include "trace.h"
#include "vfio.h"

#define INTX VFIO_PCI_INTX_IRQ_INDEX
#define MSI VFIO_PCI_MSI_IRQ_INDEX
#define MSIX VFIO_PCI_MSIX_IRQ_INDEX
/* How long an interrupt may take, in ms, and how long to wait for none. */
#define SOON 5000
#define NOT 200

static const char *nic_bdf;

static void use_driver(void *arg)
{
	use_devices(arg);
	nic_bdf = topology("E1000E_BDF");
	if (nic_bdf)
		pci_bind(nic_bdf, arg);
	if (nvme_bdf)
		pci_bind(nvme_bdf, arg);
}

/* The edu, as the device of a guest. */
struct guest {
	struct setup s;
	struct vm vm;
	int efd;
};

static struct guest guest_new(void)
{
	struct guest g = { .s = setup_bound() };

	g.vm = vm_new();
	assert_ok(vm_file_add(&g.vm, g.s.dev));
	g.efd = eventfd_new();
	return g;
}

/* With its MSI tied to the guest, at both ends. */
static struct guest guest_with_msi(void)
{
	struct guest g = guest_new();

	assert_ok(vm_irqfd(&g.vm, g.efd, VM_GSI_MSI(0)));
	assert_ok(vfio_irq_eventfd(g.s.dev, MSI, 0, g.efd));
	return g;
}

/* KVM has its file, too. */
static void close_device(struct guest *g)
{
	assert_ok(vm_file_del(&g->vm, g->s.dev));
	drop_fd(g->s.dev);
	edu_close(&g->s.edu);
}

static void interrupt(struct guest *g)
{
	edu_raise_irq(&g->s.edu, 1);
}

/* The guest has it, once, and nobody else. */
static void check_arrives(struct guest *g)
{
	interrupt(g);
	check_eq(VM_VECTOR_MSI(0), vm_interrupt(&g->vm, SOON));
	check_eq(0, vm_interrupt(&g->vm, NOT));
	check_eq(0, eventfd_wait(g->efd, 0));
	edu_ack_irq(&g->s.edu, 1);
}

/* While its processor rests: its local APIC has it. */
static void test_msi_pending(void **state)
{
	struct guest g = guest_with_msi();
	long long end = now_ms() + SOON;

	(void)state;
	check(!vm_pending(&g.vm, VM_VECTOR_MSI(0)));
	interrupt(&g);
	while (!vm_pending(&g.vm, VM_VECTOR_MSI(0)) && now_ms() < end)
		sleep_ms(5);
	check(vm_pending(&g.vm, VM_VECTOR_MSI(0)));
	check_eq(VM_VECTOR_MSI(0), vm_interrupt(&g.vm, SOON));
	check(!vm_pending(&g.vm, VM_VECTOR_MSI(0)));
	edu_ack_irq(&g.s.edu, 1);
}

/* Either end first. Each can be taken away, and come back. */
static void test_msi(void **state)
{
	struct guest g = guest_new();
	int i;

	(void)state;
	assert_ok(vfio_irq_eventfd(g.s.dev, MSI, 0, g.efd));
	assert_ok(vm_irqfd(&g.vm, g.efd, VM_GSI_MSI(0)));
	for (i = 0; i < 3; i++)
		check_arrives(&g);

	assert_ok(vm_irqfd_drop(&g.vm, g.efd, VM_GSI_MSI(0)));
	interrupt(&g);
	check_eq(1, eventfd_wait(g.efd, SOON));
	check_eq(0, vm_interrupt(&g.vm, NOT));
	edu_ack_irq(&g.s.edu, 1);

	assert_ok(vm_irqfd(&g.vm, g.efd, VM_GSI_MSI(0)));
	check_arrives(&g);
	assert_ok(vfio_irq_disable(g.s.dev, MSI));
	interrupt(&g);
	check_eq(0, vm_interrupt(&g.vm, NOT));
	edu_ack_irq(&g.s.edu, 1);

	assert_ok(vfio_irq_eventfd(g.s.dev, MSI, 0, g.efd));
	check_arrives(&g);
}

static void test_msix(void **state)
{
	int efd = eventfd_new(), i;
	struct nic nic;
	struct vm vm;

	(void)state;
	if (!nic_bdf)
		skip_test("no E1000E_BDF");
	nic_open(&nic, cdev_open_bound(nic_bdf, ioasid_open(), NULL));
	nic_ack(&nic);
	vm = vm_new();
	assert_ok(vm_file_add(&vm, nic.fd));
	assert_ok(vm_irqfd(&vm, efd, VM_GSI_MSI(1)));
	assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 0, efd));
	for (i = 0; i < 3; i++) {
		nic_raise(&nic, 0);
		check_eq(VM_VECTOR_MSI(1), vm_interrupt(&vm, SOON));
		nic_ack(&nic);
		check_eq(0, vm_interrupt(&vm, NOT));
		check_eq(0, eventfd_wait(efd, 0));
	}
	assert_ok(vm_irqfd_drop(&vm, efd, VM_GSI_MSI(1)));
	nic_raise(&nic, 0);
	check_eq(1, eventfd_wait(efd, SOON));
	nic_ack(&nic);
}

/* While the guest has not said it is done, the device's line is masked. */
static void test_intx(void **state)
{
	struct guest g = guest_new();
	int resample = eventfd_new(), i;

	(void)state;
	assert_ok(vfio_irq_eventfd(g.s.dev, INTX, 0, g.efd));
	assert_ok(vm_irqfd_level(&g.vm, g.efd, VM_GSI_INTX, resample));
	assert_ok(vfio_irq_unmask_eventfd(g.s.dev, INTX, resample));
	interrupt(&g);
	/* The line stays high, so it comes again and again. */
	for (i = 0; i < 3; i++)
		check_eq(VM_VECTOR_INTX, vm_interrupt(&g.vm, SOON));
	edu_ack_irq(&g.s.edu, 1);
	/* One may have been on its way. */
	vm_interrupt(&g.vm, NOT);
	check_eq(0, vm_interrupt(&g.vm, NOT));
	interrupt(&g);
	check_eq(VM_VECTOR_INTX, vm_interrupt(&g.vm, SOON));
	edu_ack_irq(&g.s.edu, 1);
}

/*
 * A device with a vector announces its eventfd to irqbypass, and takes that back with the
 * vector: an eventfd has one producer at a time, and the kernel's log says of a second
 * one that it came too late.
 */
static void test_producer(void **state)
{
	struct guest g = guest_with_msi();
	int disk, mark;

	(void)state;
	need_nvme();
	disk = cdev_open_bound(nvme_bdf, g.s.ctx, NULL);
	mark = klog_mark();
	assert_ok(vfio_irq_eventfd(disk, MSIX, 0, g.efd));
	check(klog_wait(mark, nvme_bdf, "irq bypass producer", SOON));
	/* What matters is the interrupt, and that is carried. */
	check_arrives(&g);

	/* Now the edu leaves it to the disk, and comes too late. */
	assert_ok(vfio_irq_disable(disk, MSIX));
	assert_ok(vfio_irq_disable(g.s.dev, MSI));
	mark = klog_mark();
	assert_ok(vfio_irq_eventfd(disk, MSIX, 0, g.efd));
	assert_ok(vfio_irq_eventfd(g.s.dev, MSI, 0, g.efd));
	check(klog_wait(mark, edu_bdf, "irq bypass producer", SOON));
	check(!klog_wait(mark, nvme_bdf, "irq bypass producer", 0));
	check_arrives(&g);
	/* A closed device has none. */
	drop_fd(disk);
	assert_ok(vfio_irq_disable(g.s.dev, MSI));
	mark = klog_mark();
	assert_ok(vfio_irq_eventfd(g.s.dev, MSI, 0, g.efd));
	check(!klog_wait(mark, edu_bdf, "irq bypass producer", NOT));
	check_arrives(&g);
}

/*
 * The two ends find each other: 6.1 tells KVM each time, later kernels where the IOMMU
 * can post interrupts only.
 */
static void test_pairs(void **state)
{
	int pairs = kernel_since(6, 2) ? 0 : 2;
	struct guest g = guest_new();

	(void)state;
	trace_start("kvm_arch_irq_bypass_*_producer");
	assert_ok(vfio_irq_eventfd(g.s.dev, MSI, 0, g.efd));
	check_eq(0, traced("add_producer"));
	assert_ok(vm_irqfd(&g.vm, g.efd, VM_GSI_MSI(0)));
	check_eq(pairs / 2, traced("add_producer"));
	assert_ok(vfio_irq_disable(g.s.dev, MSI));
	check_eq(pairs / 2, traced("del_producer"));
	assert_ok(vfio_irq_eventfd(g.s.dev, MSI, 0, g.efd));
	check_eq(pairs, traced("add_producer"));
	close_device(&g);
	check_eq(pairs, traced("del_producer"));
	trace_stop();
}

/* ---- the end of either ---- */

/* The device goes, and its eventfd stays tied to the guest. */
static void test_device_first(void **state)
{
	struct guest g = guest_with_msi();
	uint64_t one = 1;

	(void)state;
	interrupt(&g);
	close_device(&g);
	drop_fd(g.s.ctx);
	check_eq(VM_VECTOR_MSI(0), vm_interrupt(&g.vm, SOON));
	check_eq(8, assert_ok(write(g.efd, &one, sizeof(one))));
	check_eq(VM_VECTOR_MSI(0), vm_interrupt(&g.vm, SOON));
}

/* The guest goes, and the eventfd counts for who still has it. */
static void test_guest_first(void **state)
{
	struct guest g = guest_with_msi();

	(void)state;
	check_arrives(&g);
	vm_drop(&g.vm);
	interrupt(&g);
	check_eq(1, eventfd_wait(g.efd, SOON));
	edu_ack_irq(&g.s.edu, 1);
}

static void run_guest(void *arg)
{
	struct guest g = guest_with_msi();

	check_arrives(&g);
	interrupt(&g);
	gate_open(arg);
	pause();
}

/* Both at once, in the middle of it. */
static void test_killed(void **state)
{
	struct gate gate;
	struct guest g;
	pid_t child;
	int i;

	(void)state;
	need_edu();
	for (i = 0; i < 3; i++) {
		gate_init(&gate);
		child = child_start(run_guest, &gate);
		gate_wait(&gate);
		child_kill(child);
	}
	g = guest_with_msi();
	check_arrives(&g);
}

/* ---- what KVM asks, and who else is in the kernel at that time ---- */

/* How long to try, in ms: a try takes long on a kernel with its checks on. */
#define TRY 3000

struct asking {
	struct gate begun;
	int files[2];
};

static void ask_forever(void *arg)
{
	struct asking *asking = arg;
	struct vm vm = vm_empty();

	assert_ok(vm_file_add(&vm, asking->files[0]));
	gate_open(&asking->begun);
	for (;;) {
		assert_ok(vm_file_add(&vm, asking->files[1]));
		assert_ok(vm_file_del(&vm, asking->files[1]));
	}
}

/* KVM asks about files of a device that is not bound: others may still take it, all the time. */
static void test_disturbs_nobody(void **state)
{
	struct asking asking;
	char viable[PATH_MAX];
	int group, container;
	long long end;
	pid_t child;

	(void)state;
	need_edu();
	snprintf(viable, sizeof(viable),
		 "/sys/bus/pci/devices/%s/vfio-dev/%s/viable", edu_bdf,
		 cdev_name(edu_bdf));
	asking.files[0] = assert_ok(cdev_open(edu_bdf));
	asking.files[1] = assert_ok(cdev_open(edu_bdf));
	gate_init(&asking.begun);
	child = child_start(ask_forever, &asking);
	gate_wait(&asking.begun);
	end = now_ms() + TRY;
	do {
		check_eq(1, read_long(viable));
		group = assert_ok(group_open(pci_group(edu_bdf)));
		container = container_open();
		assert_ok(group_set_container(group, container));
		drop_fd(group);
		drop_fd(container);
	} while (now_ms() < end);
	child_kill(child);
}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
#define T(fn) { #fn, test_##fn }
		T(msi_pending),	 T(msi),
		T(msix),	 T(intx),
		T(producer),	 T(pairs),
		T(device_first), T(guest_first),
		T(killed),	 T(disturbs_nobody),
	};
	struct test_list list = { 0 };

	test_before = use_driver;
	test_add_drivers(&list, tests, ARRAY_SIZE(tests));
	coherency_add_tests(&list, true);
	return test_main(argc, argv, "kvm", &list, NULL, NULL);
}
