// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: SR-IOV: tokens, and a PF that leaves
 * vm: --topology sriov
 *
 * Virtual functions of a device that a user drives: the token that its user and theirs
 * share, and what becomes of them when it is closed or leaves. The devices are QEMU's
 * nvme and igb; on vfio_cdev_ext ("ext.") and on stock vfio-pci ("stock.").
 */
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define NUM_VFS 2

/* What each test runs with. */
struct setting {
	const char *prefix;
	const char *topology;
	const char *driver;
	uint16_t vendor;
};

static const struct setting settings[] = {
	{ "nvme.ext", "SRIOV_BDF", DRIVER_EXT, 0x1b36 },
	{ "nvme.stock", "SRIOV_BDF", DRIVER_STOCK, 0x1b36 },
	{ "igb.ext", "IGB_BDF", DRIVER_EXT, 0x8086 },
	{ "igb.stock", "IGB_BDF", DRIVER_STOCK, 0x8086 },
};

static const char *driver;
static const char *pf;
static uint16_t vendor;
static char vf[NUM_VFS][16];

static uint8_t token[16] = "ours to share...";
static uint8_t other_token[16] = "somebody else's.";

static void write_pf(const char *file, const char *text, int err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", pf, file);
	assert_errno(err, write_file(path, text));
}

/* The parameter of the driver that says whether it makes VFs. */
static void allow_vfs(const char *yes)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/enable_sriov",
		 strcmp(driver, DRIVER_EXT) ? "vfio_pci" : DRIVER_EXT);
	assert_ok(write_file(path, yes));
}

static void find_vf(int i)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/virtfn%d", pf, i);
	n = assert_ok(readlink(path, target, sizeof(target) - 1));
	target[n] = 0;
	snprintf(vf[i], sizeof(vf[i]), "%.15s", strrchr(target, '/') + 1);
}

/* Each test begins with new VFs, and so with a token nobody knows. */
static void use_setting(void *arg)
{
	const struct setting *setting = arg;
	int i;

	driver = setting->driver;
	vendor = setting->vendor;
	pf = topology(setting->topology);
	if (!pf)
		return;
	pci_bind(pf, NULL);
	pci_bind(pf, driver);
	/* Older QEMU loses its VFs when the PF is reset, and does not say so. */
	write_pf("reset_method", "\n", 0);
	allow_vfs("1");
	write_pf("sriov_numvfs", "2", 0);
	for (i = 0; i < NUM_VFS; i++)
		find_vf(i);
}

static void need_pf(void)
{
	if (!pf)
		skip_test("no device with virtual functions");
}

static int bind_with(int fd, int ctx, const uint8_t *uuid)
{
	struct vfio_cdev_bind cmd = {
		.argsz = sizeof(cmd),
		.flags = uuid ? VFIO_CDEV_BIND_FLAG_TOKEN : 0,
		.iommufd = ctx,
		.token_uuid_ptr = (uintptr_t)uuid,
	};

	return ioctl(fd, VFIO_CDEV_BIND, &cmd);
}

/* Open @bdf, and BIND to a context of its own. */
static int open_with(const char *bdf, const uint8_t *uuid)
{
	int fd = assert_ok(cdev_open(bdf)), rc, err;

	rc = bind_with(fd, ioasid_open(), uuid);
	err = errno;
	if (!rc)
		return fd;
	drop_fd(fd);
	errno = err;
	return -1;
}

static int set_token(int fd, const uint8_t *uuid, uint32_t flags)
{
	struct {
		struct vfio_device_feature head;
		uint8_t uuid[16];
	} f = {
		.head.argsz = sizeof(f),
		.head.flags = VFIO_DEVICE_FEATURE_PCI_VF_TOKEN | flags,
	};

	memcpy(f.uuid, uuid, sizeof(f.uuid));
	return ioctl(fd, VFIO_DEVICE_FEATURE, &f);
}

static void test_not_allowed(void **state)
{
	(void)state;
	need_pf();
	write_pf("sriov_numvfs", "0", 0);
	allow_vfs("0");
	write_pf("sriov_numvfs", "1", ENOENT);
	check(!pci_present(vf[0]));
}

/* VFs go to the driver of their PF, and have nodes and groups of their own. */
static void test_nodes(void **state)
{
	int i;

	(void)state;
	need_pf();
	for (i = 0; i < NUM_VFS; i++) {
		check(!strcmp(pci_driver(vf[i]), driver));
		check(pci_group(vf[i]) != pci_group(pf));
		assert_ok(cdev_open(vf[i]));
	}
	check(pci_group(vf[0]) != pci_group(vf[1]));
}

/* Before anybody has set a token, nobody can know it. */
static void test_vf_first(void **state)
{
	(void)state;
	need_pf();
	assert_errno(EACCES, open_with(vf[0], NULL));
	assert_errno(EACCES, open_with(vf[0], token));
	/* The PF's user is not bound to have one. */
	assert_ok(open_with(pf, NULL));
	assert_errno(EACCES, open_with(vf[0], NULL));
	assert_errno(EACCES, open_with(vf[0], token));
}

static void test_bind_token(void **state)
{
	int fd;

	(void)state;
	need_pf();
	assert_ok(open_with(pf, token));
	assert_errno(EACCES, open_with(vf[0], NULL));
	assert_errno(EACCES, open_with(vf[0], other_token));
	/* A file that was refused can try again. */
	fd = assert_ok(cdev_open(vf[0]));
	assert_errno(EACCES, bind_with(fd, ioasid_open(), NULL));
	assert_errno(EFAULT, bind_with(fd, ioasid_open(), (void *)1));
	assert_ok(bind_with(fd, ioasid_open(), token));
	/* Two of them at once, in two contexts. */
	assert_ok(open_with(vf[1], token));
	check_eq(vendor, vfio_config16(fd, 0));
}

static void test_feature_token(void **state)
{
	int fd, fd_vf;

	(void)state;
	need_pf();
	fd = assert_ok(open_with(pf, NULL));
	assert_ok(set_token(fd, token, VFIO_DEVICE_FEATURE_SET |
					       VFIO_DEVICE_FEATURE_PROBE));
	assert_errno(EINVAL, set_token(fd, token, VFIO_DEVICE_FEATURE_GET));
	assert_ok(set_token(fd, token, VFIO_DEVICE_FEATURE_SET));
	fd_vf = assert_ok(open_with(vf[0], token));
	assert_ok(set_token(fd, other_token, VFIO_DEVICE_FEATURE_SET));
	assert_errno(EACCES, open_with(vf[1], token));
	assert_ok(open_with(vf[1], other_token));
	/* A VF has no say in it. */
	assert_errno(ENOTTY, set_token(fd_vf, token, VFIO_DEVICE_FEATURE_SET));
}

/* Who comes to the PF while VFs are in use must be who gave them away. */
static void test_pf_after_vf(void **state)
{
	int fd, fd_vf;

	(void)state;
	need_pf();
	fd = assert_ok(open_with(pf, token));
	fd_vf = assert_ok(open_with(vf[0], token));
	drop_fd(fd);
	/* PF closed first: the VF stays, and the token does. */
	check_eq(vendor, vfio_config16(fd_vf, 0));
	assert_errno(EACCES, open_with(pf, NULL));
	assert_errno(EACCES, open_with(pf, other_token));
	fd = assert_ok(open_with(pf, token));
	assert_ok(open_with(vf[1], token));
	drop_fd(fd);
	drop_fd(fd_vf);
}

/* Without users of VFs the next user of the PF may set a new one. */
static void test_new_token(void **state)
{
	int fd;

	(void)state;
	need_pf();
	fd = assert_ok(open_with(pf, token));
	drop_fd(assert_ok(open_with(vf[0], token)));
	drop_fd(fd);
	fd = assert_ok(open_with(pf, other_token));
	assert_errno(EACCES, open_with(vf[0], token));
	assert_ok(open_with(vf[0], other_token));
}

/* The PF leaves: the user of a VF is asked to let go, and waited for. */
static void leave(const char *file, const char *text)
{
	int fd, efd = eventfd_new();
	char path[PATH_MAX];
	pid_t child;

	need_pf();
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", pf, file);
	drop_fd(assert_ok(open_with(pf, token)));
	fd = assert_ok(open_with(vf[1], token));
	assert_ok(vfio_irq_eventfd(fd, VFIO_PCI_REQ_IRQ_INDEX, 0, efd));
	child = write_start(path, text);
	check_eq(1, eventfd_wait(efd, 10000));
	sleep_ms(200);
	check_eq(0, waitpid(child, NULL, WNOHANG));
	drop_fd(fd);
	child_ok(child);
	check(!pci_present(vf[0]));
	check(!pci_present(vf[1]));
}

static void test_no_more_vfs(void **state)
{
	(void)state;
	leave("sriov_numvfs", "0");
	assert_ok(open_with(pf, NULL));
}

static void test_pf_unbind(void **state)
{
	(void)state;
	need_pf();
	leave("driver/unbind", pf);
	check(!*pci_driver(pf));
}

static void test_pf_remove(void **state)
{
	(void)state;
	leave("remove", "1");
	check(!pci_present(pf));
	assert_ok(write_file("/sys/bus/pci/rescan", "1"));
	check(pci_present(pf));
}

static int finish(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		pf = topology(settings[i].topology);
		if (pf)
			pci_bind(pf, NULL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
#define T(fn) { #fn, test_##fn }
		T(not_allowed),
		T(nodes),
		T(vf_first),
		T(bind_token),
		T(feature_token),
		T(pf_after_vf),
		T(new_token),
		T(no_more_vfs),
		T(pf_unbind),
		T(pf_remove),
	};
	struct test_list list = { 0 };
	size_t s, i;

	test_before = use_setting;
	for (s = 0; s < ARRAY_SIZE(settings); s++)
		for (i = 0; i < ARRAY_SIZE(tests); i++)
			test_add(&list, tests[i].fn, (void *)&settings[s],
				 "%s.%s", settings[s].prefix, tests[i].name);
	return test_main(argc, argv, "sriov", &list, NULL, finish);
}
