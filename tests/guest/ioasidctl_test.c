// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: ioasidctl with real devices
 * vm: --file build/guest/ioasidctl:/ioasidctl
 *
 * ioasidctl with a real kernel: what it lists, binds, refuses and shows, and a program that is
 * run with devices. What it says of other machines is in tests/ioasidctl.
 */
#include <sys/wait.h>

#include "dma.h"
#include "ioasid.h"
#include "test.h"
#include "vfio.h"

/* Of the program, documented in its manual page. */
enum { YES, NO, BAD_USAGE, NO_DEVICE, NOT_PERMITTED, FAILED };

#define PROGRAM "LD_LIBRARY_PATH=/ioasidctl NO_COLOR=1 /ioasidctl/ioasidctl "

static char said[64 * KB];

/* Runs it; its exit status, and in @said what it wrote. */
static int run(const char *fmt, ...)
{
	char command[512] = PROGRAM;
	size_t len = strlen(command);
	va_list args;
	FILE *pipe;
	int status;

	va_start(args, fmt);
	vsnprintf(command + len, sizeof(command) - len, fmt, args);
	va_end(args);
	strncat(command, " 2>&1", sizeof(command) - strlen(command) - 1);
	pipe = popen(command, "r");
	check(pipe);
	len = fread(said, 1, sizeof(said) - 1, pipe);
	said[len] = '\0';
	status = pclose(pipe);
	check(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define check_run(want, ...)                                                \
	do {                                                                \
		int status_ = run(__VA_ARGS__);                             \
		if (status_ != (want))                                      \
			fail_test("status %d, not %d: %s", status_, (want), \
				  said);                                    \
	} while (0)

static void check_driver(const char *bdf, const char *driver)
{
	if (strcmp(pci_driver(bdf), driver))
		fail_test("%s is on \"%s\", not on \"%s\"", bdf,
			  pci_driver(bdf), driver);
}

/* As a user finds them: nobody has told a driver to take one. */
static void use_plain(void *arg)
{
	(void)arg;
	use_devices(NULL);
	if (edu_bdf)
		pci_bind_host(edu_bdf);
}

static void test_list(void **state)
{
	(void)state;
	need_edu();
	check_run(YES, "list");
	check_contains(said, "IOMMU group %d: ", pci_group(edu_bdf));
	check_contains(said, "    %s ", edu_bdf);
	check_run(YES, "list --json");
	check_contains(said, "\"%s\"", edu_bdf);
}

static void test_bind(void **state)
{
	int fd;

	(void)state;
	need_edu();
	check_run(NO, "why %s", edu_bdf);
	check_contains(said,
		       "can be assigned once it is bound: ioasidctl bind %s\n",
		       edu_bdf);
	check_run(YES, "bind %s", edu_bdf);
	check_contains(said, "%s vfio-pci /dev/vfio/devices/%s\n", edu_bdf,
		       cdev_name(edu_bdf));
	check_driver(edu_bdf, "vfio-pci");
	check_run(YES, "why %s", edu_bdf);
	check_contains(said, "can be assigned: /dev/vfio/devices/");
	/* A driver by another name, and what is in use. */
	check_run(YES, "bind --driver vfio_cdev_ext %s", edu_bdf);
	check_driver(edu_bdf, "vfio_cdev_ext");
	fd = cdev_open_bound(edu_bdf, ioasid_open(), NULL);
	check_run(NO, "why %s", edu_bdf);
	check_contains(said, "it is in use by ");
	check_run(NO, "bind %s", edu_bdf);
	check_contains(said, "nothing was changed");
	check_driver(edu_bdf, "vfio_cdev_ext");
	check_run(NO, "unbind %s", edu_bdf);
	drop_fd(fd);
	check_run(YES, "unbind %s", edu_bdf);
	check_driver(edu_bdf, "");
}

/* All of a group or, if it is not asked for, one, and then it says which are in the way. */
static void test_group(void **state)
{
	char host1[64], host2[64];

	(void)state;
	need_shared();
	pci_bind_host(shared1);
	pci_bind_host(shared2);
	/* None, or that which another program of this boot has loaded. */
	strcpy(host1, pci_driver(shared1));
	strcpy(host2, pci_driver(shared2));
	check_run(YES, "bind --group %s", shared1);
	check_driver(shared1, "vfio-pci");
	check_driver(shared2, "vfio-pci");
	check_run(YES, "unbind --group %s", shared2);
	check_driver(shared1, host1);
	check_driver(shared2, host2);
}

static void test_persist(void **state)
{
	char path[128], text[64] = "";

	(void)state;
	need_edu();
	snprintf(path, sizeof(path), "/etc/driverctl.d/pci-%s", edu_bdf);
	check_run(YES, "bind --persist %s", edu_bdf);
	check_contains(said, "apt install driverctl");
	read_file(path, text, sizeof(text));
	check(!strcmp(text, "vfio-pci\n"));
	check_run(YES, "unbind %s", edu_bdf);
	check(!path_exists(path));
}

/* A driver that does not take it leaves it where it was. */
static void test_bind_refused(void **state)
{
	(void)state;
	need_edu();
	check_run(YES, "bind %s", edu_bdf);
	check_run(FAILED, "bind --driver no_such_driver %s", edu_bdf);
	check_driver(edu_bdf, "vfio-pci");
	check_run(FAILED, "bind --driver virtio-pci %s", edu_bdf);
	check_contains(said, "driver virtio-pci does not take %s", edu_bdf);
	check_driver(edu_bdf, "vfio-pci");
	check_run(NO_DEVICE, "bind 0000:7f:1f.7");
	check_run(BAD_USAGE, "bind");
	check_run(YES, "unbind %s", edu_bdf);
}

static void as_user(void *arg)
{
	(void)arg;
	become_user(LIMIT_UID, 16);
	check_run(NOT_PERMITTED, "bind %s", edu_bdf);
	check_run(YES, "list");
	check_contains(said, "    %s ", edu_bdf);
	check_run(NO, "why --memory 1G %s", edu_bdf);
	check_contains(said, "do not fit into the limit for locked memory");
	check_run(YES, "show");
	check_contains(said, "root can see them");
}

/* Looking needs no rights. */
static void test_user(void **state)
{
	(void)state;
	need_edu();
	run_child(as_user, NULL);
}

static void test_show(void **state)
{
	uint8_t *va = page_alloc(4 * PAGE);
	struct setup s;

	(void)state;
	need_edu();
	pci_bind(edu_bdf, DRIVER_EXT);
	s = setup_attached();
	map_at(&s, va, 4 * PAGE, IOVA);
	check_run(YES, "show");
	check_contains(said, "ioasidctl_test (%d)", getpid());
	check_contains(said, "%s", edu_bdf);
	check_contains(said, "pinned 16 KiB");
	check_run(YES, "show --json %d", getpid());
	check_contains(said, "\"%s\"", edu_bdf);
	check_run(YES, "list");
	check_contains(said, "ioasidctl_test");
}

/* A user without rights gets descriptors of both nodes, a limit, and nothing else of root's. */
static void test_exec(void **state)
{
	static const char see[] =
		"id -u; ulimit -l; cd /proc/self/fd; readlink {iommu} {0}";

	(void)state;
	need_edu();
	check_run(YES, "bind %s", edu_bdf);
	check_run(YES,
		  "exec --device %s --memory 64M --user nobody -- sh -c '%s'",
		  edu_bdf, see);
	check_contains(said,
		       "65534\n327680\n/dev/iommu\n/dev/vfio/devices/%s\n",
		       cdev_name(edu_bdf));
	check_run(YES,
		  "exec --device %s --user nobody -- grep CapEff /proc/self/status",
		  edu_bdf);
	check_contains(said, "CapEff:\t0000000000000000\n");
	check_run(YES, "unbind %s", edu_bdf);
	check_run(NO, "exec --device %s --user nobody -- true", edu_bdf);
	check_contains(said, "has no node");
}

static void test_explain(void **state)
{
	(void)state;
	check_run(YES, "explain EBUSY");
	check_run(YES, "doctor");
	check_run(YES, "report");
	check_contains(said, "iommufd_ext");
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_plain;
	ADD(list);
	ADD(bind);
	ADD(group);
	ADD(persist);
	ADD(bind_refused);
	ADD(user);
	ADD(show);
	ADD(exec);
	ADD(explain);
	return test_main(argc, argv, "ioasidctl", &list, NULL, NULL);
}
