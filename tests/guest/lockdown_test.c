// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: a kernel under lockdown
 * vm: --topology edu
 *
 * A kernel under lockdown, which Debian's are when they start with secure boot: what is
 * loaded keeps working, and what is not signed is not loaded. Lockdown cannot be undone,
 * so this program has its machine to itself, and the order of its tests counts.
 */
#include "dma.h"
#include "ioasid.h"
#include "kvm.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

static void check_works(void)
{
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);
	int efd = eventfd_new();

	map_at(&s, page, PAGE, IOVA);
	check_dma(&s, page, IOVA, 1);
	assert_ok(vfio_irq_eventfd(s.dev, VFIO_PCI_MSI_IRQ_INDEX, 0, efd));
	edu_raise_irq(&s.edu, 1);
	check_eq(1, eventfd_wait(efd, 2000));
	edu_ack_irq(&s.edu, 1);
	check_eq(0x1234, vfio_config16(s.dev, 0));
	release_all();
}

static void test_unlocked(void **state)
{
	(void)state;
	check_works();
}

static void lock_down(void)
{
	char levels[128];

	lockdown_read(levels, sizeof(levels));
	if (strstr(levels, "[none]"))
		assert_ok(write_file(LOCKDOWN, "integrity"));
}

static void test_integrity(void **state)
{
	(void)state;
	lock_down();
	check_works();
	/* From one driver to the other, and what that registers. */
	pci_bind(edu_bdf, DRIVER_STOCK);
	check_works();
	pci_bind(edu_bdf, DRIVER_EXT);
	check_works();
}

/* Lockdown does not keep modules from patching: KVM takes the node as ever. */
static void test_kvm(void **state)
{
	(void)state;
	lock_down();
	need_edu();
	assert_ok(kvm_file_add(assert_ok(cdev_open(edu_bdf))));
}

static void test_unsigned(void **state)
{
	int mark = klog_mark();

	(void)state;
	lock_down();
	check_eq(EPERM, module_load("ext_test_variant", ""));
	check(klog_wait(mark, "Lockdown", "unsigned module", 1000));
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	test_add(&list, test_unlocked, NULL, "unlocked");
	test_add(&list, test_integrity, NULL, "integrity");
	test_add(&list, test_kvm, NULL, "kvm");
	test_add(&list, test_unsigned, NULL, "unsigned");
	return test_main(argc, argv, "lockdown", &list, NULL, NULL);
}
