// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: interrupts: INTx, MSI, MSI-X, errors, requests
 * vm: --topology ports
 *
 * Interrupts of a device: INTx, MSI and MSI-X at eventfds, what changes while they are
 * on, errors and requests. The source is QEMU's e1000e, on vfio_cdev_ext ("ext.") and on
 * stock vfio-pci ("stock.").
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/pci_regs.h>

#include "edu.h"
#include "ioasid.h"
#include "nic.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define INTX VFIO_PCI_INTX_IRQ_INDEX
#define MSI VFIO_PCI_MSI_IRQ_INDEX
#define MSIX VFIO_PCI_MSIX_IRQ_INDEX
#define NONE VFIO_IRQ_SET_DATA_NONE
#define BOOL VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD VFIO_IRQ_SET_DATA_EVENTFD
#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER
#define MASK VFIO_IRQ_SET_ACTION_MASK
#define UNMASK VFIO_IRQ_SET_ACTION_UNMASK
/* How long an interrupt may take, and how long to wait for none. */
#define SOON 2000
#define NOT 50

static const char *nic_bdf;

static void use_driver(void *arg)
{
	nic_bdf = topology("NIC_BDF");
	if (nic_bdf)
		pci_bind(nic_bdf, arg);
}

/* From a reset of its bus: a vector that is masked may be pending from the test before. */
static struct nic nic_bound(int ctx, uint32_t *devid)
{
	struct nic nic;
	int fd;

	if (!nic_bdf)
		skip_test("no NIC_BDF");
	fd = cdev_open_bound(nic_bdf, ctx, devid);
	assert_ok(vfio_hot_reset(fd));
	nic_open(&nic, fd);
	return nic;
}

static struct nic nic_new(void)
{
	int ctx = ioasid_open();
	struct nic nic = nic_bound(ctx, NULL);

	if (MSI_TRANSLATED)
		assert_ok(cdev_attach(nic.fd, ioas_new(ctx), NULL));
	return nic;
}

static int irq_set(int fd, uint32_t flags, uint32_t index, uint32_t start,
		   uint32_t count, const void *data, size_t size)
{
	struct {
		struct vfio_irq_set head;
		uint8_t data[64];
	} set = {
		.head.argsz = sizeof(set.head) + size,
		.head.flags = flags,
		.head.index = index,
		.head.start = start,
		.head.count = count,
	};

	check(size <= sizeof(set.data));
	if (size)
		memcpy(set.head.data, data, size);
	return ioctl(fd, VFIO_DEVICE_SET_IRQS, &set);
}

static int set_eventfds(int fd, uint32_t index, uint32_t start, uint32_t count,
			const int *efds)
{
	return irq_set(fd, EVENTFD | TRIGGER, index, start, count, efds,
		       count * sizeof(*efds));
}

static void new_eventfds(int *efds, int count)
{
	int i;

	for (i = 0; i < count; i++)
		efds[i] = eventfd_new();
}

/* The interrupt comes to this eventfd, and only there. */
static void check_vector(struct nic *nic, const int *efds, int vector)
{
	int i;

	nic_raise(nic, vector);
	check_eq(1, eventfd_wait(efds[vector], SOON));
	nic_ack(nic);
	for (i = 0; i < NIC_VECTORS; i++)
		check_eq(0, eventfd_wait(efds[i], 0));
}

static void check_silent(struct nic *nic, int efd, int vector)
{
	nic_raise(nic, vector);
	check_eq(0, eventfd_wait(efd, NOT));
	nic_ack(nic);
}

/* ---- INTx ---- */

static void test_intx(void **state)
{
	struct nic nic = nic_new();
	int efd = eventfd_new(), i;
	struct vfio_irq_info info;
	uint8_t yes = 1;

	(void)state;
	assert_ok(vfio_irq_info(nic.fd, INTX, &info));
	check_eq(1, info.count);
	check_eq(VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			 VFIO_IRQ_INFO_AUTOMASKED,
		 info.flags);
	assert_ok(vfio_irq_eventfd(nic.fd, INTX, 0, efd));
	for (i = 0; i < 3; i++) {
		nic_raise(&nic, 0);
		check_eq(1, eventfd_wait(efd, SOON));
		/* Masked by itself, for as long as nobody unmasks it. */
		check_eq(0, eventfd_wait(efd, NOT));
		/* The level is still high: it comes again. */
		assert_ok(vfio_irq_unmask(nic.fd, INTX));
		check_eq(1, eventfd_wait(efd, SOON));
		nic_ack(&nic);
		assert_ok(vfio_irq_unmask(nic.fd, INTX));
		check_eq(0, eventfd_wait(efd, NOT));
	}
	/* Masked by the user, with data and without. */
	assert_ok(irq_set(nic.fd, NONE | MASK, INTX, 0, 1, NULL, 0));
	nic_raise(&nic, 0);
	check_eq(0, eventfd_wait(efd, NOT));
	assert_ok(irq_set(nic.fd, BOOL | UNMASK, INTX, 0, 1, &yes, 1));
	check_eq(1, eventfd_wait(efd, SOON));
	nic_ack(&nic);
	assert_ok(vfio_irq_disable(nic.fd, INTX));
	check_silent(&nic, efd, 0);
}

/* An eventfd that unmasks, as VMMs use for the end of a guest's interrupt. */
static void test_intx_unmask_eventfd(void **state)
{
	struct nic nic = nic_new();
	int efd = eventfd_new(), unmask = eventfd_new(), i;
	uint64_t one = 1;

	(void)state;
	assert_errno(EINVAL, irq_set(nic.fd, EVENTFD | UNMASK, INTX, 0, 1,
				     &unmask, sizeof(unmask)));
	assert_ok(vfio_irq_eventfd(nic.fd, INTX, 0, efd));
	assert_ok(irq_set(nic.fd, EVENTFD | UNMASK, INTX, 0, 1, &unmask,
			  sizeof(unmask)));
	assert_errno(EBUSY, irq_set(nic.fd, EVENTFD | UNMASK, INTX, 0, 1,
				    &unmask, sizeof(unmask)));
	for (i = 0; i < 3; i++) {
		nic_raise(&nic, 0);
		check_eq(1, eventfd_wait(efd, SOON));
		check_eq(8, assert_ok(write(unmask, &one, sizeof(one))));
		check_eq(1, eventfd_wait(efd, SOON));
		nic_ack(&nic);
		check_eq(8, assert_ok(write(unmask, &one, sizeof(one))));
		check_eq(0, eventfd_wait(efd, NOT));
	}
	/* It goes with the eventfd. */
	drop_fd(unmask);
	nic_raise(&nic, 0);
	check_eq(1, eventfd_wait(efd, SOON));
	check_eq(0, eventfd_wait(efd, NOT));
	nic_ack(&nic);
	assert_ok(vfio_irq_unmask(nic.fd, INTX));
}

/* ---- MSI and MSI-X ---- */

static void test_msi(void **state)
{
	struct nic nic = nic_new();
	int efd = eventfd_new(), other = eventfd_new();
	struct vfio_irq_info info;

	(void)state;
	assert_ok(vfio_irq_info(nic.fd, MSI, &info));
	check_eq(1, info.count);
	check_eq(VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE, info.flags);
	assert_ok(vfio_irq_eventfd(nic.fd, MSI, 0, efd));
	nic_raise(&nic, 0);
	check_eq(1, eventfd_wait(efd, SOON));
	nic_ack(&nic);
	/* To another eventfd, without a gap. */
	assert_ok(vfio_irq_eventfd(nic.fd, MSI, 0, other));
	nic_raise(&nic, 1);
	check_eq(1, eventfd_wait(other, SOON));
	check_eq(0, eventfd_wait(efd, 0));
	nic_ack(&nic);
	/* To none: enabled, and silent. */
	assert_ok(vfio_irq_eventfd(nic.fd, MSI, 0, -1));
	check_silent(&nic, other, 0);
	assert_ok(vfio_irq_disable(nic.fd, MSI));
	assert_ok(vfio_irq_eventfd(nic.fd, MSI, 0, efd));
	nic_raise(&nic, 2);
	check_eq(1, eventfd_wait(efd, SOON));
	nic_ack(&nic);
}

static void test_msix(void **state)
{
	struct nic nic = nic_new();
	struct vfio_irq_info info;
	int efds[NIC_VECTORS], i;

	(void)state;
	assert_ok(vfio_irq_info(nic.fd, MSIX, &info));
	check_eq(NIC_VECTORS, info.count);
	new_eventfds(efds, NIC_VECTORS);
	assert_ok(set_eventfds(nic.fd, MSIX, 0, NIC_VECTORS, efds));
	for (i = 0; i < NIC_VECTORS; i++)
		check_vector(&nic, efds, i);
	/* One of them off, the others on. */
	assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 2, -1));
	check_silent(&nic, efds[2], 2);
	check_vector(&nic, efds, 1);
	check_vector(&nic, efds, 3);
	/* Two on one eventfd. */
	assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 2, efds[1]));
	/* What was raised while it had none may be pending. */
	eventfd_wait(efds[1], NOT);
	nic_raise(&nic, 2);
	check_eq(1, eventfd_wait(efds[1], SOON));
	nic_ack(&nic);
	assert_ok(vfio_irq_disable(nic.fd, MSIX));
	for (i = 0; i < NIC_VECTORS; i++)
		check_silent(&nic, efds[i], i);
}

/*
 * Vectors that come while others are in use: since 6.4 without stopping those, but not with
 * the interrupt controller of arm64.
 */
static void test_msix_dynamic(void **state)
{
	struct nic nic = nic_new();
	struct vfio_irq_info info;
	bool grows = kernel_since(6, 4) && !MSI_TRANSLATED;
	int efds[NIC_VECTORS];

	(void)state;
	new_eventfds(efds, NIC_VECTORS);
	assert_ok(vfio_irq_info(nic.fd, MSIX, &info));
	check_eq(grows, !(info.flags & VFIO_IRQ_INFO_NORESIZE));
	assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 0, efds[0]));
	check_vector(&nic, efds, 0);
	if (!grows) {
		assert_errno(EINVAL,
			     vfio_irq_eventfd(nic.fd, MSIX, 3, efds[3]));
		check_vector(&nic, efds, 0);
		return;
	}
	assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 3, efds[3]));
	check_vector(&nic, efds, 3);
	check_vector(&nic, efds, 0);
	assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 1, efds[1]));
	check_vector(&nic, efds, 1);
	assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 0, -1));
	check_silent(&nic, efds[0], 0);
	check_vector(&nic, efds, 3);
	assert_errno(EINVAL,
		     vfio_irq_eventfd(nic.fd, MSIX, NIC_VECTORS, efds[0]));
}

/* The table is the kernel's: what a user writes there changes nothing. */
static void test_msix_table(void **state)
{
	struct vfio_region_info info;
	struct nic nic = nic_new();
	uint8_t zero[64] = { 0 };
	int efds[NIC_VECTORS], i;
	uint64_t table;
	uint32_t cap;

	(void)state;
	new_eventfds(efds, NIC_VECTORS);
	assert_ok(set_eventfds(nic.fd, MSIX, 0, NIC_VECTORS, efds));
	assert_ok(vfio_region(nic.fd, NIC_MSIX_REGION, &info));
	cap = vfio_find_cap(nic.fd, PCI_CAP_ID_MSIX);
	check_eq(NIC_MSIX_REGION,
		 vfio_config16(nic.fd, cap + PCI_MSIX_TABLE) & 7);
	table = info.offset +
		(vfio_config16(nic.fd, cap + PCI_MSIX_TABLE) & ~7);
	check_eq(sizeof(zero),
		 assert_ok(pwrite(nic.fd, zero, sizeof(zero), table)));
	check_eq(sizeof(zero),
		 assert_ok(pread(nic.fd, zero, sizeof(zero), table)));
	for (i = 0; i < (int)sizeof(zero); i++)
		check_eq(0xff, zero[i]);
	for (i = 0; i < NIC_VECTORS; i++)
		check_vector(&nic, efds, i);
}

/* ---- one kind at a time, and bad calls ---- */

static void test_one_kind(void **state)
{
	static const uint32_t kinds[] = { INTX, MSI, MSIX };
	struct nic nic = nic_new();
	int efd = eventfd_new();
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		assert_ok(vfio_irq_eventfd(nic.fd, kinds[i], 0, efd));
		for (j = 0; j < ARRAY_SIZE(kinds); j++) {
			if (i == j)
				continue;
			assert_errno(EINVAL, vfio_irq_eventfd(nic.fd, kinds[j],
							      0, efd));
			assert_errno(EINVAL,
				     vfio_irq_disable(nic.fd, kinds[j]));
		}
		nic_raise(&nic, 0);
		check_eq(1, eventfd_wait(efd, SOON));
		nic_ack(&nic);
		assert_ok(vfio_irq_disable(nic.fd, kinds[i]));
	}
}

static void test_bad(void **state)
{
	int efds[NIC_VECTORS + 1], null;
	struct vfio_irq_set head = { .argsz = sizeof(head) };
	struct nic nic = nic_new();

	(void)state;
	new_eventfds(efds, NIC_VECTORS + 1);
	null = assert_ok(keep_fd(open("/dev/null", O_RDWR)));
	assert_errno(EFAULT, ioctl(nic.fd, VFIO_DEVICE_SET_IRQS, NULL));
	head.argsz--;
	assert_errno(EINVAL, ioctl(nic.fd, VFIO_DEVICE_SET_IRQS, &head));
	/* No flags, flags that are not known, two kinds of data, two actions. */
	assert_errno(EINVAL, irq_set(nic.fd, 0, MSIX, 0, 1, NULL, 0));
	assert_errno(EINVAL, irq_set(nic.fd, 1 << 6 | NONE | TRIGGER, MSIX, 0,
				     0, NULL, 0));
	assert_errno(EINVAL, irq_set(nic.fd, NONE | BOOL | TRIGGER, MSIX, 0, 1,
				     efds, 4));
	assert_errno(ENOTTY, irq_set(nic.fd, NONE | MASK | UNMASK, INTX, 0, 1,
				     NULL, 0));
	/* Fewer descriptors than vectors; more vectors than there are. */
	assert_errno(EINVAL,
		     irq_set(nic.fd, EVENTFD | TRIGGER, MSIX, 0, 2, efds, 4));
	assert_errno(EINVAL,
		     set_eventfds(nic.fd, MSIX, 0, NIC_VECTORS + 1, efds));
	assert_errno(EINVAL, set_eventfds(nic.fd, MSIX, NIC_VECTORS, 1, efds));
	assert_errno(EINVAL, set_eventfds(nic.fd, MSIX, ~0U, 2, efds));
	assert_errno(EINVAL,
		     set_eventfds(nic.fd, VFIO_PCI_NUM_IRQS, 0, 1, efds));
	/* One of several is bad: none is enabled. */
	efds[3] = null;
	assert_errno(EINVAL, set_eventfds(nic.fd, MSIX, 0, 4, efds));
	efds[3] = 1000;
	assert_errno(EBADF, set_eventfds(nic.fd, MSIX, 0, 4, efds));
	assert_errno(EINVAL,
		     irq_set(nic.fd, NONE | TRIGGER, MSIX, 0, 1, NULL, 0));
	check_silent(&nic, efds[0], 0);
	assert_ok(vfio_irq_eventfd(nic.fd, INTX, 0, efds[0]));
	/* MSI-X has no masks of its own. */
	assert_ok(vfio_irq_disable(nic.fd, INTX));
	assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 0, efds[0]));
	assert_errno(ENOTTY, irq_set(nic.fd, NONE | MASK, MSIX, 0, 1, NULL, 0));
}

/* What a user triggers himself, to see that the way is open. */
static void test_loopback(void **state)
{
	static const uint32_t kinds[] = {
		INTX, MSI, MSIX, VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX,
	};
	struct nic nic = nic_new();
	uint8_t bools[2] = { 0, 1 };
	int efd = eventfd_new();
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		assert_errno(EINVAL, irq_set(nic.fd, NONE | TRIGGER, kinds[i],
					     0, 1, NULL, 0));
		assert_ok(vfio_irq_eventfd(nic.fd, kinds[i], 0, efd));
		assert_ok(irq_set(nic.fd, NONE | TRIGGER, kinds[i], 0, 1, NULL,
				  0));
		check_eq(1, eventfd_wait(efd, 0));
		assert_ok(irq_set(nic.fd, BOOL | TRIGGER, kinds[i], 0, 1,
				  &bools[0], 1));
		check_eq(0, eventfd_wait(efd, 0));
		assert_ok(irq_set(nic.fd, BOOL | TRIGGER, kinds[i], 0, 1,
				  &bools[1], 1));
		check_eq(1, eventfd_wait(efd, 0));
		assert_ok(vfio_irq_disable(nic.fd, kinds[i]));
	}
}

/* ---- page tables that come and go ---- */

static void check_all_vectors(struct nic *nic, const int *efds)
{
	int i;

	for (i = 0; i < NIC_VECTORS; i++)
		check_vector(nic, efds, i);
}

/*
 * What is set up goes on when the device gets another page table, whichever it was set up
 * in, and whether that is still there.
 */
static void test_moved(void **state)
{
	int ctx = ioasid_open(), efds[NIC_VECTORS];
	struct nic nic = nic_bound(ctx, NULL);
	uint32_t ioas[2], i;

	(void)state;
	ioas[0] = ioas_new(ctx);
	ioas[1] = ioas_new(ctx);
	new_eventfds(efds, NIC_VECTORS);
	assert_ok(cdev_attach(nic.fd, ioas[0], NULL));
	assert_ok(set_eventfds(nic.fd, MSIX, 0, NIC_VECTORS, efds));
	check_all_vectors(&nic, efds);
	/* To none, and to one of its own each time. */
	for (i = 0; i < 4; i++) {
		assert_ok(cdev_detach(nic.fd));
		assert_ok(cdev_attach(nic.fd, ioas[i % 2], NULL));
		check_all_vectors(&nic, efds);
	}
	for (i = 0; i < 4; i++) {
		assert_ok(cdev_attach(nic.fd, ioas[i % 2], NULL));
		check_all_vectors(&nic, efds);
	}
	/* Another eventfd: the vector begins anew in a page table it was not set up in. */
	assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 1, -1));
	assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 1, efds[1]));
	check_all_vectors(&nic, efds);
	assert_ok(vfio_irq_disable(nic.fd, MSIX));
	/* All in another one, and of another kind. */
	assert_ok(vfio_irq_eventfd(nic.fd, MSI, 0, efds[0]));
	for (i = 0; i < 4; i++) {
		check_vector(&nic, efds, 0);
		assert_ok(cdev_attach(nic.fd, ioas[i % 2], NULL));
	}
	check_vector(&nic, efds, 0);
	/* Into one whose IOVAs it used before, with that IOAS gone. */
	assert_ok(ioasid_destroy(ctx, ioas[0]));
	check_vector(&nic, efds, 0);
}

/* More page tables than can keep interrupts at one time, one after another. */
static void test_moved_often(void **state)
{
	int ctx = ioasid_open(), efds[NIC_VECTORS], i;
	struct nic nic = nic_bound(ctx, NULL);
	uint32_t ioas[2];

	(void)state;
	ioas[0] = ioas_new(ctx);
	ioas[1] = ioas_new(ctx);
	new_eventfds(efds, NIC_VECTORS);
	for (i = 0; i < 70; i++) {
		assert_ok(cdev_attach(nic.fd, ioas[i % 2], NULL));
		if (i) {
			check_vector(&nic, efds, 0);
			assert_ok(vfio_irq_disable(nic.fd, MSIX));
		}
		assert_ok(vfio_irq_eventfd(nic.fd, MSIX, 0, efds[0]));
		check_vector(&nic, efds, 0);
	}
}

/* Two devices, each with interrupts from a page table of its own, meet in one. */
static void test_moved_together(void **state)
{
	int ctx = ioasid_open(), efds[NIC_VECTORS], efd = eventfd_new(), fd, i;
	const char *edu_bdf = topology("PLUG_BDF1");
	struct nic nic = nic_bound(ctx, NULL);
	uint32_t ioas[2], hwpt[2], devid;
	struct edu edu;

	(void)state;
	pci_bind(edu_bdf, DRIVER_EXT);
	fd = cdev_open_bound(edu_bdf, ctx, &devid);
	edu_open(&edu, fd);
	for (i = 0; i < 2; i++) {
		ioas[i] = ioas_new(ctx);
		assert_ok(hwpt_alloc(ctx, devid, ioas[i], 0, &hwpt[i]));
	}
	new_eventfds(efds, NIC_VECTORS);
	assert_ok(cdev_attach(fd, hwpt[0], NULL));
	assert_ok(cdev_attach(nic.fd, hwpt[1], NULL));
	assert_ok(set_eventfds(nic.fd, MSIX, 0, NIC_VECTORS, efds));
	assert_ok(vfio_irq_eventfd(fd, MSI, 0, efd));
	for (i = 0; i < 4; i++) {
		assert_ok(cdev_attach(fd, hwpt[i & 1], NULL));
		assert_ok(cdev_attach(nic.fd, hwpt[i >> 1], NULL));
		check_all_vectors(&nic, efds);
		edu_raise_irq(&edu, 1);
		check_eq(1, eventfd_wait(efd, SOON));
		edu_ack_irq(&edu, 1);
	}
	edu_close(&edu);
	drop_fd(fd);
	pci_bind(edu_bdf, NULL);
}

/*
 * A page table keeps what the kernel has mapped in it for interrupts: nothing else gets there
 * while no device is attached. One that is empty without devices has nothing to lose, and
 * the next attach is refused.
 */
static void test_moved_out(void **state)
{
	bool keeps = MSI_TRANSLATED && kernel_since(6, 12);
	int ctx = ioasid_open(), efds[NIC_VECTORS];
	uint32_t ioas = ioas_new(ctx), hwpt, devid;
	struct nic nic = nic_bound(ctx, &devid);
	uint8_t *page = page_alloc(PAGE);

	(void)state;
	new_eventfds(efds, NIC_VECTORS);
	assert_ok(hwpt_alloc(ctx, devid, ioas, 0, &hwpt));
	assert_ok(cdev_attach(nic.fd, hwpt, NULL));
	assert_ok(set_eventfds(nic.fd, MSIX, 0, NIC_VECTORS, efds));
	assert_ok(cdev_detach(nic.fd));
	if (keeps) {
		assert_errno(EINVAL, ioas_map_fixed(ctx, ioas, page, PAGE,
						    MSI_WINDOW, MAP_RW));
	} else {
		assert_ok(ioas_map_fixed(ctx, ioas, page, PAGE, MSI_WINDOW,
					 MAP_RW));
		assert_errno(EADDRINUSE, cdev_attach(nic.fd, hwpt, NULL));
		assert_ok(ioas_unmap_exact(ctx, ioas, MSI_WINDOW, PAGE));
	}
	assert_ok(cdev_attach(nic.fd, hwpt, NULL));
	check_all_vectors(&nic, efds);
	/* It goes with the page table. */
	assert_ok(cdev_detach(nic.fd));
	assert_ok(ioasid_destroy(ctx, hwpt));
	assert_ok(ioas_map_fixed(ctx, ioas, page, PAGE, MSI_WINDOW, MAP_RW));
}

/* ---- reset, close ---- */

static void test_reset(void **state)
{
	int efds[NIC_VECTORS], i;
	struct nic nic = nic_new();

	(void)state;
	new_eventfds(efds, NIC_VECTORS);
	assert_ok(set_eventfds(nic.fd, MSIX, 0, NIC_VECTORS, efds));
	check_vector(&nic, efds, 4);
	assert_ok(vfio_hot_reset(nic.fd));
	vfio_bus_master(nic.fd);
	for (i = 0; i < NIC_VECTORS; i++)
		check_vector(&nic, efds, i);
	assert_ok(ioctl(nic.fd, VFIO_DEVICE_RESET));
	vfio_bus_master(nic.fd);
	for (i = 0; i < NIC_VECTORS; i++)
		check_vector(&nic, efds, i);
}

/* Interrupts of VFIO devices that the kernel has registered. */
static int count_handlers(void)
{
	FILE *file = fopen("/proc/interrupts", "re");
	char line[1024];
	int count = 0;

	check(file);
	while (fgets(line, sizeof(line), file))
		count += !!strstr(line, "vfio-");
	fclose(file);
	return count;
}

static void test_close(void **state)
{
	static const uint32_t kinds[] = { INTX, MSI, MSIX };
	int ctx = ioasid_open(), efd = eventfd_new(), fd;
	size_t i;

	(void)state;
	if (!nic_bdf)
		skip_test("no NIC_BDF");
	check_eq(0, count_handlers());
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		fd = cdev_open_bound(nic_bdf, ctx, NULL);
		assert_ok(vfio_irq_eventfd(fd, kinds[i], 0, efd));
		check_eq(1, count_handlers());
		drop_fd(fd);
		check_eq(0, count_handlers());
	}
}

/* ---- errors ---- */

/* What /dev/aer_inject takes. */
struct aer_error {
	uint8_t bus;
	uint8_t dev;
	uint8_t fn;
	uint32_t uncor_status;
	uint32_t cor_status;
	uint32_t header_log[4];
	uint32_t domain;
};

/* An error that the device reports to its root port reaches the eventfd. */
static void test_error(void **state)
{
	struct aer_error error = { .uncor_status = PCI_ERR_UNC_POISON_TLP };
	struct nic nic = nic_new();
	int efd = eventfd_new(), fd;
	struct vfio_irq_info info;

	(void)state;
	assert_ok(vfio_irq_info(nic.fd, VFIO_PCI_ERR_IRQ_INDEX, &info));
	check_eq(1, info.count);
	assert_ok(vfio_irq_eventfd(nic.fd, VFIO_PCI_ERR_IRQ_INDEX, 0, efd));
	fd = system("modprobe -q aer_inject") ?
		     -1 :
		     open("/dev/aer_inject", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		skip_test("no error injection in this kernel");
	keep_fd(fd);
	/* DOMAIN:BUS:DEVICE.FUNCTION */
	error.bus = strtoul(strchr(nic_bdf, ':') + 1, NULL, 16);
	assert_ok(write(fd, &error, sizeof(error)));
	check_eq(1, eventfd_wait(efd, SOON));
	check_eq(0x8086, vfio_config16(nic.fd, 0));
}

static int finish(void **state)
{
	(void)state;
	if (nic_bdf)
		pci_bind(nic_bdf, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
#define T(fn) { #fn, test_##fn }
		T(intx),
		T(intx_unmask_eventfd),
		T(msi),
		T(msix),
		T(msix_dynamic),
		T(msix_table),
		T(one_kind),
		T(bad),
		T(loopback),
		T(reset),
		T(close),
		T(error),
		T(moved),
		T(moved_often),
		T(moved_together),
		T(moved_out),
	};
	struct test_list list = { 0 };

	test_before = use_driver;
	test_add_drivers(&list, tests, ARRAY_SIZE(tests));
	return test_main(argc, argv, "irq", &list, NULL, finish);
}
