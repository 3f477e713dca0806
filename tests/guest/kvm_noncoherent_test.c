// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: KVM with an IOMMU that does not enforce coherency
 * vm: --iommu intremap=on,caching-mode=on,snoop-control=off
 *
 * An IOMMU that cannot ignore the no-snoop attribute of DMA: KVM has to be told
 * of its devices. Of others it must not be, which kvm_test looks at with the
 * same tests.
 */
#include "coherency.h"
#include "dma.h"
#include "test.h"

static void use_driver(void *arg)
{
	use_devices(arg);
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_driver;
	coherency_add_tests(&list, false);
	return test_main(argc, argv, "kvm_noncoherent", &list, NULL, NULL);
}
