// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel under lockdown, which Debian's are when they start with secure boot: what is
 * loaded keeps working, and what is not signed is not loaded. Lockdown cannot be undone,
 * so this program has its machine to itself, and the order of its tests counts.
 *
 * vm: --topology edu
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "dma.h"
#include "ioasid.h"
#include "kvm.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define SECURITYFS "/sys/kernel/security"
#define LOCKDOWN SECURITYFS "/lockdown"

/* As insmod says it: 0, or an errno. */
static int try_load(const char *path)
{
	int fd = assert_ok(keep_fd(open(path, O_RDONLY | O_CLOEXEC))), rc;

	rc = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	drop_fd(fd);
	return rc;
}

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

	if (!path_exists(LOCKDOWN))
		mount("securityfs", SECURITYFS, "securityfs", 0, NULL);
	if (!path_exists(LOCKDOWN))
		skip_test("no lockdown in this kernel");
	read_file(LOCKDOWN, levels, sizeof(levels));
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
	check_eq(EPERM, try_load("/ext/modules/ext_test_variant.ko"));
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
