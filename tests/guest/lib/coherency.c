// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM asks of each of its VFIO files, whenever one comes or goes, and calls
 * kvm_arch_register_noncoherent_dma() once when the first is not coherent, and
 * its opposite when none is any more.
 */
#include "coherency.h"
#include "dma.h"
#include "ioasid.h"
#include "kvm.h"
#include "test.h"
#include "trace.h"
#include "vfio.h"

static bool machine_coherent;

/* A VM, and who follows what is told about it. */
static struct vm watch_start(void)
{
	struct vm vm = vm_empty();

	trace_start("kvm_arch_*register_noncoherent_dma");
	return vm;
}

/* How often the VM has been told since then that it has such DMA, and that it has none. */
static void check_told(int some, int none)
{
	check_eq(some, traced("kvm_arch_register_noncoherent_dma"));
	check_eq(none, traced("kvm_arch_unregister_noncoherent_dma"));
}

void coherency_check(int file, bool coherent)
{
	struct vm vm = watch_start();

	assert_ok(vm_file_add(&vm, file));
	check_told(!coherent, 0);
	assert_ok(vm_file_del(&vm, file));
	check_told(!coherent, !coherent);
	trace_stop();
	vm_drop(&vm);
}

static int parked(const char *bdf)
{
	return assert_ok(cdev_open(bdf));
}

static void test_parked(void **state)
{
	(void)state;
	need_edu();
	coherency_check(parked(edu_bdf), machine_coherent);
}

static void test_bound(void **state)
{
	struct setup s = setup_bound();

	(void)state;
	coherency_check(s.dev, machine_coherent);
	/* Also of another file of the device. */
	coherency_check(parked(edu_bdf), machine_coherent);
}

static void test_attached(void **state)
{
	struct setup s = setup_attached();

	(void)state;
	coherency_check(s.dev, machine_coherent);
}

/* BIND does not change the answer, which KVM asks for again with another file. */
static void test_bind_between(void **state)
{
	int fd, other, noncoherent = !machine_coherent;
	struct vm vm;

	(void)state;
	need_edu();
	fd = parked(edu_bdf);
	other = parked(edu_bdf);
	vm = watch_start();
	assert_ok(vm_file_add(&vm, fd));
	check_told(noncoherent, 0);
	assert_ok(cdev_bind(fd, ioasid_open(), NULL));
	assert_ok(vm_file_add(&vm, other));
	assert_ok(vm_file_del(&vm, other));
	check_told(noncoherent, 0);
	assert_ok(vm_file_del(&vm, fd));
	check_told(noncoherent, noncoherent);
	trace_stop();
}

/* The end of the VM takes every file from it. */
static void test_vm_end(void **state)
{
	int noncoherent = !machine_coherent;
	struct vm vm;

	(void)state;
	need_edu();
	vm = watch_start();
	assert_ok(vm_file_add(&vm, parked(edu_bdf)));
	vm_drop(&vm);
	check_told(noncoherent, noncoherent);
	trace_stop();
}

/* While a program has the device through its group: of its file the same is said. */
static void test_group_owned(void **state)
{
	int fd, group;

	(void)state;
	need_edu();
	fd = parked(edu_bdf);
	group = assert_ok(group_open(pci_group(edu_bdf)));
	container_with(group);
	coherency_check(fd, machine_coherent);
	coherency_check(group, machine_coherent);
	assert_ok(group_device(group, edu_bdf));
	coherency_check(fd, machine_coherent);
}

/* While a driver of the host has a device of the group, so that nobody can claim it. */
static void test_group_blocked(void **state)
{
	(void)state;
	need_shared();
	pci_bind(shared2, test_arg(state));
	if (system("modprobe -q e1000") || pci_try_bind(shared1, "e1000"))
		skip_test("no host driver for SHARED_BDF1");
	coherency_check(parked(shared2), machine_coherent);
	pci_bind(shared1, NULL);
}

/* The driver has left: nothing is known of the device, and that is for the worse. */
static void test_left(void **state)
{
	int fd;

	(void)state;
	need_edu();
	fd = parked(edu_bdf);
	pci_bind(edu_bdf, NULL);
	coherency_check(fd, false);
}

void coherency_add_tests(struct test_list *list, bool coherent)
{
	static const struct driver_test tests[] = {
		{ "coherency_parked", test_parked },
		{ "coherency_bound", test_bound },
		{ "coherency_attached", test_attached },
		{ "coherency_bind_between", test_bind_between },
		{ "coherency_vm_end", test_vm_end },
		{ "coherency_group_owned", test_group_owned },
		{ "coherency_group_blocked", test_group_blocked },
		{ "coherency_left", test_left },
	};

	machine_coherent = coherent;
	test_add_drivers(list, tests, ARRAY_SIZE(tests));
}
