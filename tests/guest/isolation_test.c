// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: a platform that does not isolate interrupts
 * vm: --topology edu --iommu intremap=off,caching-mode=on,snoop-control=on
 *
 * A platform that does not isolate interrupts: without interrupt remapping a device can
 * raise anybody's by DMA. No device is bound there, unless the administrator says so:
 * allow_unsafe_interrupts.
 */
#include <linux/ioasid.h>

#include "dma.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define ALLOW "/sys/module/iommufd_ext/parameters/allow_unsafe_interrupts"

/* Each test begins with the default. */
static void use_default(void *arg)
{
	use_edu(arg);
	assert_ok(write_file(ALLOW, "0"));
}

static uint32_t group_flags(int fd)
{
	struct ioasid_group_member members[4];
	struct ioasid_group_info info;

	assert_ok(group_info(fd, 0, &info, members, ARRAY_SIZE(members)));
	return info.out_flags;
}

static void check_refused(int fd, int ctx)
{
	struct ioasid_object object;
	struct refusal refusal;
	uint64_t cursor = 0;
	uint32_t num = 1;

	assert_errno(EPERM, cdev_bind(fd, ctx, NULL));
	check_refusal(fd, EPERM, "without interrupt remapping", &refusal);
	check_refusal(fd, EPERM, "allow_unsafe_interrupts", &refusal);
	check_refusal(fd, EPERM, edu_bdf, &refusal);
	/* Nobody has it, and it is in no list. */
	check_eq(0, group_flags(fd));
	assert_ok(list_objects(ctx, &cursor, &object, &num));
	check_eq(0, num);
}

/* A parameter that is written counts from the next BIND on. */
static void check_allowed(int fd, int ctx)
{
	int mark = klog_mark();
	uint32_t devid;

	assert_ok(write_file(ALLOW, "1"));
	check_eq(IOASID_GROUP_VIABLE, group_flags(fd));
	assert_ok(cdev_bind(fd, ctx, &devid));
	check(klog_wait(mark, edu_bdf, "interrupts are not isolated", 1000));
}

static void test_refused(void **state)
{
	int ctx = ioasid_open(), fd, group, container;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	check_refused(fd, ctx);
	check_refused(fd, ctx);
	/* Its DMA is not claimed: a container can be given the group. */
	group = assert_ok(group_open(pci_group(edu_bdf)));
	container = container_open();
	assert_ok(group_set_container(group, container));
	drop_fd(group);
	drop_fd(container);
	check_refused(fd, ctx);
}

static void test_allowed(void **state)
{
	uint8_t *page = page_alloc(PAGE);
	struct setup s;
	int fd;

	(void)state;
	need_edu();
	s = (struct setup){ .ctx = ioasid_open() };
	s.dev = assert_ok(cdev_open(edu_bdf));
	check_refused(s.dev, s.ctx);
	check_allowed(s.dev, s.ctx);
	s.ioas = ioas_new(s.ctx);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	edu_open(&s.edu, s.dev);
	map_at(&s, page, PAGE, IOVA);
	check_dma(&s, page, IOVA, 1);
	/* Taken back, it leaves who is bound, and refuses the next. */
	assert_ok(write_file(ALLOW, "0"));
	check_dma(&s, page, IOVA, 2);
	edu_close(&s.edu);
	drop_fd(s.dev);
	fd = assert_ok(cdev_open(edu_bdf));
	check_refused(fd, ioasid_open());
}

static void raise_interrupt(int fd, struct edu *edu)
{
	int efd = eventfd_new();

	assert_ok(vfio_irq_eventfd(fd, VFIO_PCI_MSI_IRQ_INDEX, 0, efd));
	edu_raise_irq(edu, 1);
	check_eq(1, eventfd_wait(efd, 1000));
	edu_ack_irq(edu, 1);
	assert_ok(vfio_irq_disable(fd, VFIO_PCI_MSI_IRQ_INDEX));
}

/* Interrupts do arrive: in compatibility format, in the window that is theirs. */
static void test_interrupts(void **state)
{
	int ctx = ioasid_open(), fd;
	struct edu edu;
	uint32_t ioas;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	check_allowed(fd, ctx);
	ioas = ioas_new(ctx);
	assert_ok(cdev_attach(fd, ioas, NULL));
	edu_open(&edu, fd);
	raise_interrupt(fd, &edu);
	assert_errno(EINVAL, ioas_map_fixed(ctx, ioas, page_alloc(PAGE), PAGE,
					    MSI_WINDOW, MAP_RW));
}

static int finish(void **state)
{
	(void)state;
	return write_file(ALLOW, "0");
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_default;
	ADD(refused);
	ADD(allowed);
	ADD(interrupts);
	return test_main(argc, argv, "isolation", &list, NULL, finish);
}
