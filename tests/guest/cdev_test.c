// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: device nodes: parked, exclusion, reset, removal, kill -9
 *
 * The char device of a VFIO device: what it does before BIND and after, who
 * else may use the device meanwhile, reset, removal, sudden death. Every test
 * runs with the device on vfio_cdev_ext ("ext.") and again with the device on
 * the stock vfio-pci ("stock."), which vfio_cdev_ext adopts.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <linux/ioasid.h>
#include <linux/pci_regs.h>
#include <linux/userfaultfd.h>
#include <linux/vfio_cdev_ext.h>

#include "compat32.h"
#include "dma.h"
#include "edu.h"
#include "held.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

static const char *driver;

static void use_driver(void *arg)
{
	driver = arg;
	use_devices(driver);
}

/* Both devices of the shared group on the driver. */
static void bind_shared(void)
{
	need_shared();
	pci_bind(shared1, driver);
	pci_bind(shared2, driver);
}

static int edu_bound(int ctx)
{
	need_edu();
	return cdev_open_bound(edu_bdf, ctx, NULL);
}

/* ---- before BIND ---- */

static void test_parked(void **state)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_device_feature feature = { .argsz = sizeof(feature) };
	char buf[8] = { 0 };
	int fd;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	assert_errno(EINVAL, read(fd, buf, sizeof(buf)));
	assert_errno(EINVAL, write(fd, buf, sizeof(buf)));
	assert_errno(EINVAL, pread(fd, buf, 4, 7ULL << 40));
	assert_errno(EINVAL, pwrite(fd, buf, 4, 7ULL << 40));
	check(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
	      MAP_FAILED);
	check_eq(EINVAL, errno);
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_GET_INFO, &info));
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_GET_INFO, NULL));
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_RESET));
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_FEATURE, &feature));
	assert_errno(EINVAL,
		     ioctl(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, NULL));
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, NULL));
	assert_errno(EINVAL, cdev_attach(fd, 1, NULL));
	assert_errno(EINVAL, cdev_detach(fd));
	assert_errno(EINVAL, ioctl(fd, _IO('Z', 200), NULL));
	/* Any number of files can be open and parked. */
	assert_ok(cdev_open(edu_bdf));
	assert_ok(cdev_open(edu_bdf));
}

/* Whatever it is, and whatever it is called with: EINVAL until BIND. */
static void test_parked_ioctls(void **state)
{
	static const unsigned int cmds[] = {
		VFIO_DEVICE_GET_INFO,
		VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO,
		VFIO_DEVICE_SET_IRQS,
		VFIO_DEVICE_RESET,
		VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
		VFIO_DEVICE_PCI_HOT_RESET,
		VFIO_DEVICE_QUERY_GFX_PLANE,
		VFIO_DEVICE_GET_GFX_DMABUF,
		VFIO_DEVICE_IOEVENTFD,
		VFIO_DEVICE_FEATURE,
		VFIO_CDEV_ATTACH,
		VFIO_CDEV_DETACH,
		/* Of a group, of a container, of nothing. */
		VFIO_GROUP_GET_STATUS,
		VFIO_GET_API_VERSION,
		VFIO_IOMMU_MAP_DMA,
		_IO(VFIO_TYPE, 255),
		0,
		~0U,
	};
	uint32_t argsz[64] = { sizeof(argsz) };
	size_t i;
	int fd;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		assert_errno(EINVAL, ioctl(fd, cmds[i], NULL));
		assert_errno(EINVAL, ioctl(fd, cmds[i], argsz));
		assert_errno(EINVAL, ioctl(fd, cmds[i], -1UL));
	}
}

#define PARKED_FILES 1000

static void open_many(void *arg)
{
	struct gate *gates = arg;
	struct rlimit limit = { PARKED_FILES + 64, PARKED_FILES + 64 };
	char path[PATH_MAX];
	int i;

	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
	cdev_path(edu_bdf, path, sizeof(path));
	/* They end with this process. */
	for (i = 0; i < PARKED_FILES; i++)
		assert_ok(open(path, O_RDWR | O_CLOEXEC));
	check_eq(0, state_vm("VmPin"));
	check_eq(0, state_vm("VmLck"));
	gate_open(&gates[0]);
	gate_wait(&gates[1]);
}

/* By one interface and by the other, how long it takes to have the device, in ms. */
static long long use_both_ways(void)
{
	long long start = now_ms();
	int fd, container, group;

	fd = edu_bound(ioasid_open());
	check_eq(0x1234, vfio_config16(fd, 0));
	drop_fd(fd);
	container = container_open();
	group = assert_ok(group_open(pci_group(edu_bdf)));
	assert_ok(group_set_container(group, container));
	assert_ok(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	fd = assert_ok(group_device(group, edu_bdf));
	start = now_ms() - start;
	drop_fd(fd);
	drop_fd(group);
	drop_fd(container);
	return start;
}

/* A thousand files that are only open are in nobody's way. */
static void test_parked_many(void **state)
{
	char before[64], after[64], path[PATH_MAX];
	struct gate gates[2];
	long long crowded;
	pid_t child;

	(void)state;
	need_edu();
	gate_init(&gates[0]);
	gate_init(&gates[1]);
	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/power/runtime_status", edu_bdf);
	read_file(path, before, sizeof(before));
	child = child_start(open_many, gates);
	gate_wait(&gates[0]);
	/* The device sleeps on, if it does. */
	read_file(path, after, sizeof(after));
	check(!strcmp(before, after));
	crowded = use_both_ways();
	gate_open(&gates[1]);
	child_ok(child);
	check(crowded < 20 * use_both_ways() + 1000);
}

static void test_bind_bad(void **state)
{
	struct {
		struct vfio_cdev_bind cmd;
		uint64_t tail;
	} bind = { 0 };
	struct vfio_cdev_bind *cmd = &bind.cmd;
	size_t min = offsetof(struct vfio_cdev_bind, token_uuid_ptr);
	uint8_t token[16] = { 1 };
	int ctx = ioasid_open(), fd, other;
	uint32_t bit;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	other = assert_ok(keep_fd(open("/dev/null", O_RDWR)));
	cmd->iommufd = ctx;
	assert_errno(EFAULT, ioctl(fd, VFIO_CDEV_BIND, NULL));
	for (cmd->argsz = 0; cmd->argsz < min; cmd->argsz++)
		assert_errno(EINVAL, ioctl(fd, VFIO_CDEV_BIND, cmd));
	cmd->argsz = sizeof(*cmd);
	for (bit = 2; bit; bit <<= 1) {
		cmd->flags = bit;
		assert_errno(EINVAL, ioctl(fd, VFIO_CDEV_BIND, cmd));
	}
	/* A token, where there is nothing to prove. */
	cmd->flags = VFIO_CDEV_BIND_FLAG_TOKEN;
	cmd->token_uuid_ptr = (uintptr_t)token;
	assert_errno(EINVAL, ioctl(fd, VFIO_CDEV_BIND, cmd));
	cmd->flags = 0;
	cmd->token_uuid_ptr = 0;
	cmd->iommufd = -1;
	assert_errno(EINVAL, ioctl(fd, VFIO_CDEV_BIND, cmd));
	cmd->iommufd = INT_MIN;
	assert_errno(EINVAL, ioctl(fd, VFIO_CDEV_BIND, cmd));
	cmd->iommufd = 1000;
	assert_errno(EBADF, ioctl(fd, VFIO_CDEV_BIND, cmd));
	/* Wrong in two ways: the token is looked at first. */
	cmd->flags = VFIO_CDEV_BIND_FLAG_TOKEN;
	assert_errno(EFAULT, ioctl(fd, VFIO_CDEV_BIND, cmd));
	cmd->token_uuid_ptr = (uintptr_t)token;
	assert_errno(EINVAL, ioctl(fd, VFIO_CDEV_BIND, cmd));
	cmd->flags = 0;
	cmd->token_uuid_ptr = 0;
	cmd->iommufd = other;
	assert_errno(EBADFD, ioctl(fd, VFIO_CDEV_BIND, cmd));
	cmd->iommufd = fd;
	assert_errno(EBADFD, ioctl(fd, VFIO_CDEV_BIND, cmd));
	cmd->iommufd = ctx;
	cmd->argsz = sizeof(bind);
	bind.tail = 1;
	assert_errno(E2BIG, ioctl(fd, VFIO_CDEV_BIND, cmd));
	/* Still parked, and nothing was used up. */
	assert_errno(EINVAL, cdev_detach(fd));
	bind.tail = 0;
	assert_ok(ioctl(fd, VFIO_CDEV_BIND, cmd));
	check_eq(1, cmd->out_devid);
}

/* The first version of the structure ends before the token. */
static void test_bind_short(void **state)
{
	struct vfio_cdev_bind cmd = {
		.argsz = offsetof(struct vfio_cdev_bind, token_uuid_ptr),
		.iommufd = ioasid_open(),
		.token_uuid_ptr = 0xaaaa,
	};
	int fd;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	assert_ok(ioctl(fd, VFIO_CDEV_BIND, &cmd));
	check_eq(1, cmd.out_devid);
	check_eq(0xaaaa, cmd.token_uuid_ptr);
}

static void test_bind_unwritable(void **state)
{
	struct vfio_cdev_bind *cmd = page_alloc(PAGE);
	int ctx = ioasid_open(), fd;
	uint32_t devid = 0;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	cmd->argsz = sizeof(*cmd);
	cmd->iommufd = ctx;
	assert_ok(mprotect(cmd, PAGE, PROT_READ));
	assert_errno(EFAULT, ioctl(fd, VFIO_CDEV_BIND, cmd));
	assert_errno(EINVAL, cdev_detach(fd));
	assert_ok(cdev_bind(fd, ctx, &devid));
	check_eq(1, devid);
}

static void test_bind_twice(void **state)
{
	int ctx = ioasid_open(), ctx2 = ioasid_open(), fd, fd2;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	fd2 = assert_ok(cdev_open(edu_bdf));
	assert_ok(cdev_bind(fd, ctx, NULL));
	assert_errno(EINVAL, cdev_bind(fd, ctx, NULL));
	assert_errno(EINVAL, cdev_bind(fd, ctx2, NULL));
	assert_errno(EINVAL, cdev_bind(fd2, ctx, NULL));
	assert_errno(EINVAL, cdev_bind(fd2, ctx2, NULL));
	/* The other one stays parked, and its turn comes. */
	assert_errno(EINVAL, cdev_attach(fd2, ioas_new(ctx), NULL));
	drop_fd(fd);
	assert_ok(cdev_bind(fd2, ctx2, NULL));
}

struct race {
	struct gate go;
	struct gate done;
	struct gate end;
};

/* Ends with the errno of BIND; a winner holds the device until told. */
static void bind_race(void *arg)
{
	struct race *race = arg;
	int fd = cdev_open(edu_bdf), ctx = ioasid_open(), rc;

	check(fd >= 0);
	gate_open(&race->done);
	gate_wait(&race->go);
	rc = cdev_bind(fd, ctx, NULL) ? errno : 0;
	gate_open(&race->done);
	gate_wait(&race->end);
	_exit(rc);
}

static void test_bind_race(void **state)
{
	struct race race = { 0 };
	pid_t child[2];
	int status[2], round, i;

	(void)state;
	need_edu();
	gate_init(&race.go);
	gate_init(&race.done);
	gate_init(&race.end);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < 2; i++)
			child[i] = child_start(bind_race, &race);
		for (i = 0; i < 2; i++)
			gate_wait(&race.done);
		check_eq(2, assert_ok(write(race.go.fd[1], "xx", 2)));
		for (i = 0; i < 2; i++)
			gate_wait(&race.done);
		check_eq(2, assert_ok(write(race.end.fd[1], "xx", 2)));
		for (i = 0; i < 2; i++)
			status[i] = WEXITSTATUS(child_status(child[i]));
		check_eq(EINVAL, status[0] + status[1]);
		check(!status[0] || !status[1]);
	}
}

/* ---- the legacy path ---- */

static void test_legacy_after_bind(void **state)
{
	int container, group, fd;
	uint32_t flags = 0;

	(void)state;
	need_edu();
	container = container_open();
	fd = edu_bound(ioasid_open());
	group = assert_ok(group_open(pci_group(edu_bdf)));
	assert_ok(group_status(group, &flags));
	check(!(flags & VFIO_GROUP_FLAGS_VIABLE));
	assert_errno(EPERM, group_set_container(group, container));
	assert_errno(EINVAL, group_device(group, edu_bdf));
	drop_fd(fd);
	assert_ok(group_status(group, &flags));
	check(flags & VFIO_GROUP_FLAGS_VIABLE);
	assert_ok(group_set_container(group, container));
	assert_ok(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	assert_ok(group_device(group, edu_bdf));
}

static void test_bind_after_legacy(void **state)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int container, group, dev, fd, ctx = ioasid_open();

	(void)state;
	need_edu();
	container = container_open();
	fd = assert_ok(cdev_open(edu_bdf));
	group = assert_ok(group_open(pci_group(edu_bdf)));
	assert_ok(group_set_container(group, container));
	assert_errno(EBUSY, cdev_bind(fd, ctx, NULL));
	assert_ok(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	assert_errno(EBUSY, cdev_bind(fd, ctx, NULL));
	dev = assert_ok(group_device(group, edu_bdf));
	assert_errno(EBUSY, cdev_bind(fd, ctx, NULL));
	/* It does its work beside the parked file. */
	assert_ok(ioctl(dev, VFIO_DEVICE_GET_INFO, &info));
	drop_fd(dev);
	assert_errno(EBUSY, cdev_bind(fd, ctx, NULL));
	drop_fd(group);
	drop_fd(container);
	assert_ok(cdev_bind(fd, ctx, NULL));
}

/* A file of the legacy path is no cdev. */
static void test_legacy_device_bind(void **state)
{
	int container, group, dev;

	(void)state;
	need_edu();
	container = container_open();
	group = assert_ok(group_open(pci_group(edu_bdf)));
	assert_ok(group_set_container(group, container));
	assert_ok(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	dev = assert_ok(group_device(group, edu_bdf));
	check(cdev_bind(dev, ioasid_open(), NULL) == -1);
}

struct both_ways {
	struct gate go;
	struct gate done;
	struct gate end;
	bool group;
};

/* Ends with the errno of what takes the device; a winner holds it until told. */
static void take_device(void *arg)
{
	struct both_ways *race = arg;
	int fd, other, rc;

	if (race->group) {
		other = container_open();
		fd = assert_ok(group_open(pci_group(edu_bdf)));
	} else {
		other = ioasid_open();
		fd = assert_ok(cdev_open(edu_bdf));
	}
	gate_open(&race->done);
	gate_wait(&race->go);
	rc = race->group ? group_set_container(fd, other) :
			   cdev_bind(fd, other, NULL);
	rc = rc ? errno : 0;
	gate_open(&race->done);
	gate_wait(&race->end);
	_exit(rc);
}

/* Both at once: one of them, and the other learns it in its own words. */
static void test_race_with_legacy(void **state)
{
	struct both_ways race[2] = { 0 };
	int status[2], round, i;
	pid_t child[2];

	(void)state;
	need_edu();
	drop_fd(container_open());
	gate_init(&race[0].go);
	gate_init(&race[0].done);
	gate_init(&race[0].end);
	race[1] = race[0];
	race[1].group = true;
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 2; i++)
			child[i] = child_start(take_device, &race[i]);
		for (i = 0; i < 2; i++)
			gate_wait(&race[0].done);
		check_eq(2, assert_ok(write(race[0].go.fd[1], "xx", 2)));
		for (i = 0; i < 2; i++)
			gate_wait(&race[0].done);
		check_eq(2, assert_ok(write(race[0].end.fd[1], "xx", 2)));
		for (i = 0; i < 2; i++)
			status[i] = WEXITSTATUS(child_status(child[i]));
		if (status[0])
			check_eq(EBUSY, status[0]);
		check_eq(status[0] ? 0 : EPERM, status[1]);
	}
}

/* ---- groups of more than one device ---- */

/* The two paths within one group: the first takes all of it. */
static void test_group_mixed(void **state)
{
	int container, group, dev, fd1, fd2, ctx = ioasid_open();

	(void)state;
	bind_shared();
	container = container_open();
	fd1 = cdev_open_bound(shared1, ctx, NULL);
	group = assert_ok(group_open(pci_group(shared2)));
	assert_errno(EPERM, group_set_container(group, container));
	assert_errno(EINVAL, group_device(group, shared2));
	drop_fd(fd1);
	assert_ok(group_set_container(group, container));
	assert_ok(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	dev = assert_ok(group_device(group, shared2));
	fd1 = assert_ok(cdev_open(shared1));
	fd2 = assert_ok(cdev_open(shared2));
	assert_errno(EBUSY, cdev_bind(fd1, ctx, NULL));
	assert_errno(EBUSY, cdev_bind(fd2, ctx, NULL));
	drop_fd(dev);
	assert_errno(EBUSY, cdev_bind(fd1, ctx, NULL));
	drop_fd(group);
	drop_fd(container);
	assert_ok(cdev_bind(fd1, ctx, NULL));
	assert_ok(cdev_bind(fd2, ctx, NULL));
}

/* Which VFIO driver has a device of the group makes no difference. */
static void test_group_two_drivers(void **state)
{
	const char *other = strcmp(driver, DRIVER_EXT) ? DRIVER_EXT :
							 DRIVER_STOCK;
	int ctx = ioasid_open(), ctx2 = ioasid_open(), fd1, fd2;
	uint8_t *page = page_alloc(PAGE);
	struct edu edu;
	uint32_t ioas;

	(void)state;
	bind_shared();
	pci_bind(shared1, other);
	fd1 = cdev_open_bound(shared1, ctx, NULL);
	fd2 = assert_ok(cdev_open(shared2));
	assert_errno(EPERM, cdev_bind(fd2, ctx2, NULL));
	assert_ok(cdev_bind(fd2, ctx, NULL));
	ioas = ioas_new(ctx);
	assert_ok(ioas_map_fixed(ctx, ioas, page, PAGE, IOVA, MAP_RW));
	assert_ok(cdev_attach(fd1, ioas, NULL));
	assert_ok(cdev_attach(fd2, ioas, NULL));
	edu_open(&edu, fd2);
	memset(page, 0x33, COPY);
	edu_read_ram(&edu, IOVA, 0, COPY);
	drop_fd(fd1);
	pci_bind(shared1, NULL);
	/* A member that changes its driver takes nothing from the other. */
	memset(page, 0, COPY);
	edu_write_ram(&edu, IOVA, 0, COPY);
	check_eq(0x33, page[COPY - 1]);
	pci_bind(shared1, driver);
}

static void test_sibling_host_driver(void **state)
{
	int fd, ctx = ioasid_open();

	(void)state;
	need_shared();
	pci_bind(shared2, driver);
	if (system("modprobe -q e1000") || pci_try_bind(shared1, "e1000"))
		skip_test("no host driver for SHARED_BDF1");
	fd = assert_ok(cdev_open(shared2));
	assert_errno(EBUSY, cdev_bind(fd, ctx, NULL));
	pci_bind(shared1, NULL);
	assert_ok(cdev_bind(fd, ctx, NULL));
	/* And the other way round: no host driver beside a bound device. */
	assert_errno(EINVAL, pci_try_bind(shared1, "e1000"));
	/* Asked for by its name, it says what was in the way. */
	assert_errno(EBUSY,
		     write_file("/sys/bus/pci/drivers/e1000/bind", shared1));
	check(!*pci_driver(shared1));
	drop_fd(fd);
	pci_bind(shared1, "e1000");
	pci_bind(shared1, NULL);
}

static void test_group_two_contexts(void **state)
{
	int ctx = ioasid_open(), ctx2 = ioasid_open(), fd1, fd2;

	(void)state;
	bind_shared();
	check_eq(pci_group(shared1), pci_group(shared2));
	fd1 = assert_ok(cdev_open(shared1));
	fd2 = assert_ok(cdev_open(shared2));
	assert_ok(cdev_bind(fd1, ctx, NULL));
	assert_errno(EPERM, cdev_bind(fd2, ctx2, NULL));
	assert_ok(cdev_bind(fd2, ctx, NULL));
	/* The group is the context's until its last device is closed. */
	drop_fd(fd1);
	fd1 = assert_ok(cdev_open(shared1));
	assert_errno(EPERM, cdev_bind(fd1, ctx2, NULL));
	drop_fd(fd2);
	assert_ok(cdev_bind(fd1, ctx2, NULL));
}

static void test_group_attach(void **state)
{
	int ctx = ioasid_open(), fd1, fd2;
	uint8_t *page = page_alloc(PAGE);
	uint32_t ioas, other, pt1 = 0, pt2 = 0, hwpt = 0, dev1;
	struct edu edu;

	(void)state;
	bind_shared();
	fd1 = cdev_open_bound(shared1, ctx, &dev1);
	fd2 = cdev_open_bound(shared2, ctx, NULL);
	ioas = ioas_new(ctx);
	other = ioas_new(ctx);
	assert_ok(ioas_map_fixed(ctx, ioas, page, PAGE, IOVA, MAP_RW));
	assert_ok(cdev_attach(fd1, ioas, &pt1));
	/* One group, one page table. */
	assert_errno(EINVAL, cdev_attach(fd2, other, NULL));
	assert_ok(hwpt_alloc(ctx, dev1, ioas, 0, &hwpt));
	assert_errno(EINVAL, cdev_attach(fd2, hwpt, NULL));
	assert_ok(cdev_attach(fd2, ioas, &pt2));
	check_eq(pt1, pt2);
	edu_open(&edu, fd2);
	memset(page, 0x77, COPY);
	edu_read_ram(&edu, IOVA, 0, COPY);
	/* It stays for the second when the first goes. */
	assert_ok(cdev_detach(fd1));
	memset(page, 0, COPY);
	edu_write_ram(&edu, IOVA, 0, COPY);
	check_eq(0x77, page[COPY - 1]);
	assert_ok(cdev_attach(fd1, ioas, NULL));
	/* A replacement moves the whole group. */
	assert_ok(cdev_attach(fd1, other, &pt1));
	memset(page, 0, COPY);
	edu_write_ram(&edu, IOVA, 0, COPY);
	check_eq(0, page[0]);
	assert_errno(EBUSY, ioasid_destroy(ctx, other));
	assert_ok(cdev_detach(fd2));
	assert_ok(cdev_detach(fd1));
	assert_ok(ioasid_destroy(ctx, other));
}

/* ---- after BIND ---- */

static void test_forward(void **state)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region;
	struct vfio_irq_info irq;
	uint8_t config[64], *bad = page_alloc(PAGE);
	uint64_t base;
	int fd = edu_bound(ioasid_open());

	(void)state;
	assert_ok(ioctl(fd, VFIO_DEVICE_GET_INFO, &info));
	check(info.flags & VFIO_DEVICE_FLAGS_PCI);
	check_eq(VFIO_PCI_NUM_REGIONS, info.num_regions);
	check_eq(VFIO_PCI_NUM_IRQS, info.num_irqs);
	info.argsz = 4;
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_GET_INFO, &info));
	assert_errno(EFAULT, ioctl(fd, VFIO_DEVICE_GET_INFO, NULL));
	assert_ok(vfio_region(fd, VFIO_PCI_BAR0_REGION_INDEX, &region));
	check_eq(MB, region.size);
	check_eq(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
			 VFIO_REGION_INFO_FLAG_MMAP,
		 region.flags);
	assert_errno(EINVAL, vfio_region(fd, 1000, &region));
	assert_ok(vfio_irq_info(fd, VFIO_PCI_REQ_IRQ_INDEX, &irq));
	check_eq(1, irq.count);
	assert_errno(EINVAL, vfio_irq_info(fd, 1000, &irq));
	assert_ok(vfio_region(fd, VFIO_PCI_CONFIG_REGION_INDEX, &region));
	base = region.offset;
	drop_map(bad);
	check_eq(64, assert_ok(pread(fd, config, 64, base)));
	check_eq(0x34, config[0]);
	check_eq(0x12, config[1]);
	check_eq(0, assert_ok(pread(fd, config, 0, base)));
	assert_errno(EINVAL, pread(fd, config, 4, 1000ULL << 40));
	assert_errno(EFAULT, pread(fd, bad, 4, base));
	assert_errno(ENOTTY, ioctl(fd, _IO(VFIO_TYPE, 250), NULL));
	assert_errno(ENOTTY, ioctl(fd, _IO('Z', 200), NULL));
}

static int ioeventfd(int fd, uint32_t flags, uint64_t offset, uint64_t data,
		     int efd)
{
	struct vfio_device_ioeventfd cmd = {
		.argsz = sizeof(cmd),
		.flags = flags,
		.offset = offset,
		.data = data,
		.fd = efd,
	};

	return ioctl(fd, VFIO_DEVICE_IOEVENTFD, &cmd);
}

/* The edu's second register inverts what is written to it. */
#define LIVENESS 4

static bool inverts(struct edu *edu, uint32_t value)
{
	long long end = now_ms() + 1000;

	while (*(volatile uint32_t *)(edu->bar + LIVENESS) != ~value) {
		if (now_ms() > end)
			return false;
		sleep_ms(1);
	}
	return true;
}

/* An eventfd that writes to the device, in place of its user. */
static void test_ioeventfd(void **state)
{
	int ctx = ioasid_open(), fd = edu_bound(ctx), efd = eventfd_new();
	struct vfio_region_info info;
	const uint64_t one = 1;
	uint64_t offset;
	struct edu edu;

	(void)state;
	assert_ok(vfio_region(fd, VFIO_PCI_BAR0_REGION_INDEX, &info));
	offset = info.offset + LIVENESS;
	edu_open(&edu, fd);
	check_eq(~4U, edu_liveness(&edu, 4));
	assert_ok(ioeventfd(fd, VFIO_DEVICE_IOEVENTFD_32, offset, 5, efd));
	check_eq(8, assert_ok(write(efd, &one, sizeof(one))));
	check(inverts(&edu, 5));
	assert_errno(EEXIST,
		     ioeventfd(fd, VFIO_DEVICE_IOEVENTFD_32, offset, 5, efd));
	assert_errno(EINVAL, ioeventfd(fd, 0, offset, 5, efd));
	assert_errno(EINVAL, ioeventfd(fd, VFIO_DEVICE_IOEVENTFD_32,
				       info.offset + info.size, 5, efd));
	assert_errno(EINVAL,
		     ioeventfd(fd, VFIO_DEVICE_IOEVENTFD_32, offset, 6, ctx));
	/* Taken back, it writes no more; and so does closing the device. */
	assert_ok(ioeventfd(fd, VFIO_DEVICE_IOEVENTFD_32, offset, 5, -1));
	assert_errno(ENODEV,
		     ioeventfd(fd, VFIO_DEVICE_IOEVENTFD_32, offset, 5, -1));
	check_eq(~7U, edu_liveness(&edu, 7));
	check_eq(8, assert_ok(write(efd, &one, sizeof(one))));
	sleep_ms(20);
	check(inverts(&edu, 7));
	assert_ok(ioeventfd(fd, VFIO_DEVICE_IOEVENTFD_32, offset, 5, efd));
	edu_close(&edu);
	drop_fd(fd);
	fd = edu_bound(ctx);
	edu_open(&edu, fd);
	check_eq(~8U, edu_liveness(&edu, 8));
	check_eq(8, assert_ok(write(efd, &one, sizeof(one))));
	sleep_ms(20);
	check(inverts(&edu, 8));
}

static void test_feature(void **state)
{
	struct {
		struct vfio_device_feature head;
		uint8_t data[64];
	} f = { .head.argsz = sizeof(f) };
	int fd = edu_bound(ioasid_open());
	uint32_t bit;

	(void)state;
	/* Migration, dirty logging: this driver has none. */
	f.head.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION;
	assert_errno(ENOTTY, ioctl(fd, VFIO_DEVICE_FEATURE, &f));
	f.head.flags = VFIO_DEVICE_FEATURE_GET |
		       VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
	assert_errno(ENOTTY, ioctl(fd, VFIO_DEVICE_FEATURE, &f));
	f.head.flags = VFIO_DEVICE_FEATURE_PROBE |
		       VFIO_DEVICE_FEATURE_DMA_LOGGING_START;
	assert_errno(ENOTTY, ioctl(fd, VFIO_DEVICE_FEATURE, &f));
	/* Dma-bufs of BARs, which vfio-pci has since 6.19 and a hot reset would move. */
	f.head.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_PROBE | 11;
	assert_errno(ENOTTY, ioctl(fd, VFIO_DEVICE_FEATURE, &f));
	f.head.flags = VFIO_DEVICE_FEATURE_GET | 0xfff0;
	assert_errno(ENOTTY, ioctl(fd, VFIO_DEVICE_FEATURE, &f));
	/* No VF, no token. */
	f.head.flags = VFIO_DEVICE_FEATURE_SET |
		       VFIO_DEVICE_FEATURE_PCI_VF_TOKEN;
	assert_errno(ENOTTY, ioctl(fd, VFIO_DEVICE_FEATURE, &f));
	f.head.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET |
		       VFIO_DEVICE_FEATURE_MIGRATION;
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_FEATURE, &f));
	for (bit = VFIO_DEVICE_FEATURE_PROBE << 1; bit; bit <<= 1) {
		f.head.flags = bit | VFIO_DEVICE_FEATURE_GET;
		assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_FEATURE, &f));
	}
	f.head.flags = VFIO_DEVICE_FEATURE_GET;
	f.head.argsz = 7;
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_FEATURE, &f));
	assert_errno(EFAULT, ioctl(fd, VFIO_DEVICE_FEATURE, NULL));
}

static void test_mmap(void **state)
{
	int prot = PROT_READ | PROT_WRITE, fd = edu_bound(ioasid_open());
	volatile uint32_t *a, *b;
	struct edu edu;

	(void)state;
	edu_open(&edu, fd);
	a = keep_map(mmap(NULL, PAGE, prot, MAP_SHARED, fd, 0), PAGE);
	b = keep_map(mmap(NULL, MB, prot, MAP_SHARED, fd, 0), MB);
	check(a != MAP_FAILED && b != MAP_FAILED);
	a[1] = 5;
	check_eq(~5U, b[1]);
	check_eq(~5U, ((volatile uint32_t *)edu.bar)[1]);
	check(mmap(NULL, PAGE, prot, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	check_eq(EINVAL, errno);
	check(mmap(NULL, 2 * MB, prot, MAP_SHARED, fd, 0) == MAP_FAILED);
	check_eq(EINVAL, errno);
	check(mmap(NULL, PAGE, prot, MAP_SHARED, fd, MB) == MAP_FAILED);
	check_eq(EINVAL, errno);
	/* Memory decoding off: an access is a fault, not a crash. */
	vfio_config16_set(fd, PCI_COMMAND, 0);
	drop_map((void *)b);
	vfio_config16_set(fd, PCI_COMMAND, PCI_COMMAND_MEMORY);
	check_eq(~5U, a[1]);
}

static void test_mmap_disabled(void **state)
{
	int fd = edu_bound(ioasid_open());
	struct edu edu;

	(void)state;
	edu_open(&edu, fd);
	vfio_config16_set(fd, PCI_COMMAND, 0);
	check_eq(SIGBUS, touch(edu.bar));
}

static void use_passed(void *arg)
{
	int *fds = arg;
	struct edu edu;

	edu_open(&edu, fds[1]);
	check_eq(~1U, edu_liveness(&edu, 1));
	assert_ok(cdev_attach(fds[1], ioas_new(fds[0]), NULL));
}

/* A bound file is usable by whoever has it. */
static void test_passed_on(void **state)
{
	int fds[2] = { ioasid_open() };
	uint32_t out = 0;

	(void)state;
	fds[1] = edu_bound(fds[0]);
	run_child(use_passed, fds);
	assert_ok(cdev_detach(fds[1]));
	assert_ok(cdev_attach(fds[1], 2, &out));
}

struct passing {
	int pair[2];
};

static void send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	check_eq(1, assert_ok(sendmsg(sock, &msg, 0)));
}

static int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	check_eq(1, assert_ok(recvmsg(sock, &msg, 0)));
	check(CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return keep_fd(fd);
}

static void open_and_send(void *arg)
{
	struct passing *p = arg;
	int ctx = ioasid_open();

	send_fd(p->pair[1], ctx);
	send_fd(p->pair[1], cdev_open_bound(edu_bdf, ctx, NULL));
}

/* The way of a manager that opens for a process without the right to. */
static void test_received(void **state)
{
	struct passing p;
	int ctx, dev;

	(void)state;
	need_edu();
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, p.pair));
	keep_fd(p.pair[0]);
	keep_fd(p.pair[1]);
	run_child(open_and_send, &p);
	ctx = receive_fd(p.pair[0]);
	dev = receive_fd(p.pair[0]);
	assert_ok(cdev_attach(dev, ioas_new(ctx), NULL));
}

/* A file that is on its way in a socket when both ends are closed. */
static void test_lost_in_socket(void **state)
{
	struct passing p;

	(void)state;
	need_edu();
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, p.pair));
	keep_fd(p.pair[0]);
	keep_fd(p.pair[1]);
	run_child(open_and_send, &p);
}

/* ---- closing ---- */

static void test_close_orders(void **state)
{
	static const uint8_t orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	uint8_t *pages = page_alloc(64 * PAGE);
	int fds[3], round, i;
	uint32_t ioas;

	(void)state;
	need_edu();
	need_nvme();
	pci_bind(nvme_bdf, driver);
	for (round = 0; round < 6; round++) {
		fds[0] = ioasid_open();
		fds[1] = cdev_open_bound(edu_bdf, fds[0], NULL);
		fds[2] = cdev_open_bound(nvme_bdf, fds[0], NULL);
		ioas = ioas_new(fds[0]);
		assert_ok(ioas_map_fixed(fds[0], ioas, pages, 64 * PAGE, IOVA,
					 MAP_RW));
		assert_ok(cdev_attach(fds[1], ioas, NULL));
		assert_ok(cdev_attach(fds[2], ioas, NULL));
		check_eq(256, state_vm("VmPin"));
		for (i = 0; i < 3; i++)
			drop_fd(fds[orders[round][i]]);
		check_eq(0, state_vm("VmPin"));
	}
}

enum kill_state { PARKED, BOUND, ATTACHED, MAPPED, DMA };

struct victim {
	enum kill_state at;
	struct gate ready;
	uint8_t *shared;
};

static void victim_run(void *arg)
{
	struct victim *v = arg;
	int ctx = -1, fd = assert_ok(cdev_open(edu_bdf));
	struct edu edu = { 0 };
	uint32_t ioas = 0;

	if (v->at >= BOUND) {
		ctx = ioasid_open();
		assert_ok(cdev_bind(fd, ctx, NULL));
		edu_open(&edu, fd);
	}
	if (v->at >= ATTACHED) {
		ioas = ioas_new(ctx);
		assert_ok(cdev_attach(fd, ioas, NULL));
	}
	if (v->at >= MAPPED) {
		assert_ok(ioas_map_fixed(ctx, ioas, v->shared, PAGE, IOVA,
					 MAP_RW));
		assert_ok(ioas_map_fixed(ctx, ioas, page_alloc(600 * PAGE),
					 600 * PAGE, 2 * MB, MAP_RW));
		assert_ok(vfio_irq_eventfd(fd, VFIO_PCI_MSI_IRQ_INDEX, 0,
					   eventfd_new()));
	}
	if (v->at >= DMA) {
		memset(v->shared, 0x55, COPY);
		edu_read_ram(&edu, IOVA, 0, COPY);
		memset(v->shared, 0, COPY);
		edu_start_write(&edu, IOVA, 0, COPY);
	}
	gate_open(&v->ready);
	for (;;)
		pause();
}

/* Start it, and wait until it is in its state. */
static pid_t victim_start(struct victim *v)
{
	int fd = assert_ok(keep_fd(memfd_create("shared", MFD_CLOEXEC)));
	pid_t child;

	assert_ok(ftruncate(fd, PAGE));
	v->shared = keep_map(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED, fd, 0),
			     PAGE);
	check(v->shared != MAP_FAILED);
	gate_init(&v->ready);
	child = child_start(victim_run, v);
	gate_wait(&v->ready);
	return child;
}

static void kill_at(enum kill_state at)
{
	struct victim v = { .at = at };

	need_edu();
	child_kill(victim_start(&v));
	memset(v.shared, 0, PAGE);
	/* Free for the next user at once; a late write does not come. */
	edu_bound(ioasid_open());
	if (at >= DMA)
		sleep_ms(200);
	check_eq(0, v.shared[0]);
	check_eq(0, v.shared[COPY - 1]);
}

static void test_kill_parked(void **state)
{
	(void)state;
	kill_at(PARKED);
}

static void test_kill_bound(void **state)
{
	(void)state;
	kill_at(BOUND);
}

static void test_kill_attached(void **state)
{
	(void)state;
	kill_at(ATTACHED);
}

static void test_kill_mapped(void **state)
{
	(void)state;
	kill_at(MAPPED);
}

static void test_kill_dma(void **state)
{
	(void)state;
	kill_at(DMA);
}

/* ---- removal ---- */

static bool child_lives(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static void check_no_open(const char *bdf, const char *path)
{
	int fd;

	(void)bdf;
	fd = open(path, O_RDWR);
	check(fd < 0);
	if (errno != ENODEV && errno != ENOENT && errno != ENXIO)
		fail_test("open of a device that leaves: %s",
			  errno_name(errno));
}

/* What a file is good for that was not bound in time: nothing, and it harms nobody. */
static void check_left(int fd)
{
	char path[PATH_MAX], info[PAGE];
	struct ioasid_features f;
	struct refusal r;

	assert_errno(ENODEV, cdev_bind(fd, ioasid_open(), NULL));
	check_refusal(fd, ENODEV, "has left its driver", &r);
	assert_errno(ENODEV, features(fd, 0, &f));
	assert_errno(EINVAL, cdev_detach(fd));
	assert_errno(EINVAL, read(fd, info, 4));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	read_file(path, info, sizeof(info));
	check(strstr(info, "vfio-device-syspath: "));
}

/*
 * Ask the driver to leave while the device is in use. It asks the user, waits,
 * and goes when the last file is closed.
 */
static void leave_while_bound(const char *path, const char *text)
{
	int ctx = ioasid_open(), efd = eventfd_new(), fd, parked;
	char node[PATH_MAX];
	pid_t child;

	need_edu();
	cdev_path(edu_bdf, node, sizeof(node));
	parked = assert_ok(cdev_open(edu_bdf));
	fd = cdev_open_bound(edu_bdf, ctx, NULL);
	assert_ok(vfio_irq_eventfd(fd, VFIO_PCI_REQ_IRQ_INDEX, 0, efd));
	assert_ok(cdev_attach(fd, ioas_new(ctx), NULL));
	child = write_start(path, text);
	check_eq(1, eventfd_wait(efd, 5000));
	check(child_lives(child));
	check_no_open(edu_bdf, node);
	/* Until then everything works. */
	check_eq(0x1234, vfio_config16(fd, 0));
	assert_errno(EINVAL, cdev_bind(fd, ctx, NULL));
	drop_fd(fd);
	child_ok(child);
	check(!path_exists(node));
	check_left(parked);
}

static char leave_path[PATH_MAX];

static void test_unbind_bound(void **state)
{
	(void)state;
	need_edu();
	snprintf(leave_path, sizeof(leave_path),
		 "/sys/bus/pci/devices/%s/driver/unbind", edu_bdf);
	leave_while_bound(leave_path, edu_bdf);
	pci_bind(edu_bdf, driver);
	edu_bound(ioasid_open());
}

/* ---- memory that takes its time ---- */

/*
 * A page that takes for ever to read; or, if it has content, to write. It is this process's
 * alone, and given up with it.
 */
static void *slow_page(const void *content, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_writeprotect protect = {
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int uffd = assert_ok(syscall(SYS_userfaultfd, O_CLOEXEC));
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(page != MAP_FAILED);
	if (content) {
		api.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP;
		reg.mode = UFFDIO_REGISTER_MODE_WP;
		memcpy(page, content, size);
	}
	reg.range.start = (uintptr_t)page;
	reg.range.len = PAGE;
	protect.range = reg.range;
	assert_ok(ioctl(uffd, UFFDIO_API, &api));
	assert_ok(ioctl(uffd, UFFDIO_REGISTER, &reg));
	if (content)
		assert_ok(ioctl(uffd, UFFDIO_WRITEPROTECT, &protect));
	return page;
}

struct slow_call {
	void (*call)(void);
	struct gate begins;
};

static void slow_child(void *arg)
{
	struct slow_call *c = arg;

	gate_open(&c->begins);
	c->call();
	fail_test("the call does not wait for the memory");
}

/* While a process waits in a call, the driver of a device leaves at once. */
static void check_leaves(const char *bdf, void (*call)(void))
{
	struct slow_call c = { .call = call };
	pid_t waits, leaves;
	int ms = 0;

	gate_init(&c.begins);
	waits = child_start(slow_child, &c);
	gate_wait(&c.begins);
	sleep_ms(300);
	check(child_lives(waits));
	snprintf(leave_path, sizeof(leave_path),
		 "/sys/bus/pci/devices/%s/driver/unbind", bdf);
	leaves = write_start(leave_path, bdf);
	while (!waitpid(leaves, NULL, WNOHANG)) {
		if (ms > 10000)
			fail_test("the driver of %s waits", bdf);
		sleep_ms(50);
		ms += 50;
	}
	child_forget(leaves);
	check(child_lives(waits));
	check(!*pci_driver(bdf));
	child_kill(waits);
	pci_bind(bdf, driver);
}

static void slow_group_info(void)
{
	ioctl(cdev_open(edu_bdf), IOASID_GROUP_INFO, slow_page(NULL, 0));
}

static void slow_group_answer(void)
{
	struct ioasid_group_info info = {
		.size = sizeof(info),
		.entry_size = sizeof(struct ioasid_group_member),
	};

	ioctl(cdev_open(edu_bdf), IOASID_GROUP_INFO,
	      slow_page(&info, sizeof(info)));
}

static void slow_features(void)
{
	ioctl(cdev_open(edu_bdf), IOASID_FEATURES, slow_page(NULL, 0));
}

static void slow_features_answer(void)
{
	struct ioasid_features f = { .size = sizeof(f) };

	ioctl(cdev_open(edu_bdf), IOASID_FEATURES, slow_page(&f, sizeof(f)));
}

static void slow_bind(void)
{
	ioctl(cdev_open(edu_bdf), VFIO_CDEV_BIND, slow_page(NULL, 0));
}

static void slow_token(void)
{
	struct vfio_cdev_bind bind = {
		.argsz = sizeof(bind),
		.flags = VFIO_CDEV_BIND_FLAG_TOKEN,
		.iommufd = ioasid_open(),
		.token_uuid_ptr = (uintptr_t)slow_page(NULL, 0),
	};

	ioctl(cdev_open(edu_bdf), VFIO_CDEV_BIND, &bind);
}

static void slow_bind_answer(void)
{
	struct vfio_cdev_bind bind = {
		.argsz = sizeof(bind),
		.iommufd = ioasid_open(),
	};

	ioctl(cdev_open(edu_bdf), VFIO_CDEV_BIND,
	      slow_page(&bind, sizeof(bind)));
}

static void check_all_leave(void (*const *calls)(void), size_t nr)
{
	size_t i;

	need_edu();
	for (i = 0; i < nr; i++)
		check_leaves(edu_bdf, calls[i]);
	edu_bound(ioasid_open());
}

/* A file that is not bound is in nobody's way, whatever it is asked. */
static void test_unbind_slow(void **state)
{
	static void (*const calls[])(void) = {
		slow_group_info,
		slow_features,
		slow_bind,
		slow_token,
	};

	(void)state;
	check_all_leave(calls, ARRAY_SIZE(calls));
}

/* Nor when it answers. */
static void test_unbind_slow_answer(void **state)
{
	static void (*const calls[])(void) = {
		slow_group_answer,
		slow_features_answer,
		slow_bind_answer,
	};

	(void)state;
	/* Skips where no memory can be slow to write. */
	held_answer("", 1);
	check_all_leave(calls, ARRAY_SIZE(calls));
}

static void slow_attach(void)
{
	int ctx = ioasid_open(), fd = cdev_open_bound(shared1, ctx, NULL);
	uint32_t ioas = ioas_new(ctx);
	uint64_t iova;

	assert_ok(ioas_map(ctx, ioas, slow_page(NULL, 0), PAGE, &iova, MAP_RW));
	cdev_attach(fd, ioas, NULL);
}

/*
 * A device on the bus of one that is being attached to such memory. Pinning does not wait
 * for that before 6.5.
 */
static void test_unbind_beside_slow(void **state)
{
	(void)state;
	bind_shared();
	if (!kernel_since(6, 5))
		return;
	check_leaves(shared2, slow_attach);
}

struct slow_directory {
	struct held held;
	int dir;
	int ctx;
	int file;
	pthread_t unbinds;
};

static void *list_nodes(void *arg)
{
	struct slow_directory *slow = arg;

	check(syscall(SYS_getdents64, slow->dir, slow->held.va,
		      slow->held.len) > 0);
	return NULL;
}

static void *unbind_shared(void *arg)
{
	pci_bind(shared1, NULL);
	return arg;
}

static void *bind_and_close(void *arg)
{
	struct slow_directory *slow = arg;

	check_eq(0, pthread_create(&slow->unbinds, NULL, unbind_shared, NULL));
	/* Its node cannot be removed from the directory. */
	usleep(300000);
	assert_ok(cdev_bind(slow->file, slow->ctx, NULL));
	drop_fd(slow->file);
	return NULL;
}

/* Who reads the directory of the nodes holds up who makes them, and nobody who has one. */
static void test_slow_directory(void **state)
{
	struct slow_directory slow = {
		.held = held_alloc(PAGE),
		.ctx = ioasid_open(),
	};

	(void)state;
	need_edu();
	bind_shared();
	slow.file = assert_ok(cdev_open(edu_bdf));
	slow.dir = assert_ok(keep_fd(open("/dev/vfio/devices",
					  O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
	check(held_meanwhile(&slow.held, list_nodes, bind_and_close, &slow));
	pthread_join(slow.unbinds, NULL);
	check(!cdev_name(shared1));
	pci_bind(shared1, driver);
}

/*
 * The answer of BIND does not fit the memory, in each of the two pages it lies in. What
 * is there stays, and the file can be bound.
 */
static void test_bind_two_pages(void **state)
{
	size_t offset = offsetof(struct vfio_cdev_bind, out_devid) + 2;
	struct vfio_cdev_bind bind = {
		.argsz = sizeof(bind),
		.iommufd = ioasid_open(),
	};
	char *pages = page_alloc(2 * PAGE), *at = pages + PAGE - offset;
	int fd, i;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	memcpy(at, &bind, sizeof(bind));
	for (i = 0; i < 2; i++) {
		assert_ok(mprotect(pages + i * PAGE, PAGE, PROT_READ));
		assert_errno(EFAULT, ioctl(fd, VFIO_CDEV_BIND, at));
		assert_ok(mprotect(pages + i * PAGE, PAGE,
				   PROT_READ | PROT_WRITE));
	}
	check(!memcmp(at, &bind, sizeof(bind)));
	assert_ok(ioctl(fd, VFIO_CDEV_BIND, at));
	memcpy(&bind, at, sizeof(bind));
	check(bind.out_devid);
}

/* A user of the group path is waited for, too, and the log names the group. */
static void test_unbind_group(void **state)
{
	int mark = klog_mark(), group, container, dev;
	char why[64];
	pid_t child;

	(void)state;
	need_edu();
	group = assert_ok(group_open(pci_group(edu_bdf)));
	container = container_with(group);
	dev = assert_ok(group_device(group, edu_bdf));
	snprintf(leave_path, sizeof(leave_path),
		 "/sys/bus/pci/devices/%s/driver/unbind", edu_bdf);
	child = write_start(leave_path, edu_bdf);
	snprintf(why, sizeof(why), "waits for a user of /dev/vfio/%d ",
		 pci_group(edu_bdf));
	check(klog_wait(mark, edu_bdf, why, 5000));
	check(child_lives(child));
	drop_fd(dev);
	drop_fd(group);
	drop_fd(container);
	child_ok(child);
	pci_bind(edu_bdf, driver);
	edu_bound(ioasid_open());
}

/* Files that are only open are not waited for, and another life is none of theirs. */
static void test_unbind_parked(void **state)
{
	int fd;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	pci_bind(edu_bdf, NULL);
	check_left(fd);
	pci_bind(edu_bdf, driver);
	check_left(fd);
	edu_bound(ioasid_open());
}

static void test_remove(void **state)
{
	(void)state;
	need_edu();
	snprintf(leave_path, sizeof(leave_path),
		 "/sys/bus/pci/devices/%s/remove", edu_bdf);
	leave_while_bound(leave_path, "1");
	check(!pci_present(edu_bdf));
	assert_ok(write_file("/sys/bus/pci/rescan", "1"));
	check(pci_present(edu_bdf));
	pci_bind(edu_bdf, driver);
	edu_bound(ioasid_open());
}

static dev_t number_of(const char *bdf)
{
	char node[PATH_MAX];
	struct stat st;

	cdev_path(bdf, node, sizeof(node));
	assert_ok(stat(node, &st));
	return st.st_rdev;
}

/* The same number stands for the device that has it now, whoever has an older one open. */
static void test_number_again(void **state)
{
	static const char made[] = "/tmp/cdev_test.node";
	dev_t number;

	(void)state;
	need_edu();
	number = number_of(edu_bdf);
	assert_ok(mknod(made, S_IFCHR | 0600, number));
	assert_ok(keep_fd(open(made, O_RDWR | O_CLOEXEC)));
	pci_bind(edu_bdf, NULL);
	assert_errno(ENODEV, open(made, O_RDWR | O_CLOEXEC));
	pci_bind(edu_bdf, driver);
	check_eq(number, number_of(edu_bdf));
	assert_ok(cdev_bind(assert_ok(keep_fd(open(made, O_RDWR | O_CLOEXEC))),
			    ioasid_open(), NULL));
	assert_ok(unlink(made));
}

/* With nobody there the driver just goes, and comes back. */
static void test_rebind(void **state)
{
	char node[PATH_MAX];
	int i;

	(void)state;
	need_edu();
	for (i = 0; i < 3; i++) {
		cdev_path(edu_bdf, node, sizeof(node));
		pci_bind(edu_bdf, NULL);
		check(!path_exists(node));
		check(!cdev_name(edu_bdf));
		pci_bind(edu_bdf, driver);
		drop_fd(edu_bound(ioasid_open()));
	}
	/* From the one driver to the other and back. */
	pci_bind(edu_bdf,
		 strcmp(driver, DRIVER_EXT) ? DRIVER_EXT : DRIVER_STOCK);
	drop_fd(edu_bound(ioasid_open()));
	pci_bind(edu_bdf, driver);
	edu_bound(ioasid_open());
}

/*
 * Nobody lets go: the log says who has the device, and when that process is killed
 * the driver leaves, with nothing pinned (see state.c).
 */
static void test_unbind_and_kill(void **state)
{
	struct victim v = { .at = MAPPED };
	int mark = klog_mark();
	pid_t holder, child;
	char pid[32];

	(void)state;
	need_edu();
	holder = victim_start(&v);
	snprintf(leave_path, sizeof(leave_path),
		 "/sys/bus/pci/devices/%s/driver/unbind", edu_bdf);
	child = write_start(leave_path, edu_bdf);
	snprintf(pid, sizeof(pid), "(%d)", holder);
	check(klog_wait(mark, edu_bdf, pid, 5000));
	sleep_ms(300);
	check(child_lives(child));
	/* A signal ends no wait for a device in use, and the writer is not lost. */
	kill(child, SIGINT);
	check(klog_wait(mark, edu_bdf, "blocked until device is released",
			5000));
	check(child_lives(child));
	child_kill(holder);
	child_status(child);
	check(!*pci_driver(edu_bdf));
	pci_bind(edu_bdf, driver);
	edu_bound(ioasid_open());
}

static void test_rmmod(void **state)
{
	int ctx, fd;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	assert_errno(EAGAIN,
		     syscall(SYS_delete_module, "vfio_cdev_ext", O_NONBLOCK));
	ctx = ioasid_open();
	assert_errno(EAGAIN,
		     syscall(SYS_delete_module, "iommufd_ext", O_NONBLOCK));
	assert_ok(cdev_bind(fd, ctx, NULL));
	drop_fd(ctx);
	assert_errno(EAGAIN,
		     syscall(SYS_delete_module, "vfio_cdev_ext", O_NONBLOCK));
	assert_errno(EAGAIN,
		     syscall(SYS_delete_module, "iommufd_ext", O_NONBLOCK));
}

/* ---- sysfs ---- */

static void test_sysfs(void **state)
{
	char path[PATH_MAX], node[PATH_MAX], dev[32], want[32];
	char real[PATH_MAX], pci[PATH_MAX];
	struct dirent *ent;
	int entries = 0;
	struct stat st;
	DIR *dir;

	(void)state;
	need_edu();
	cdev_path(edu_bdf, node, sizeof(node));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev",
		 edu_bdf);
	dir = opendir(path);
	check(dir);
	while ((ent = readdir(dir)))
		entries += ent->d_name[0] != '.';
	closedir(dir);
	check_eq(1, entries);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev/%s/dev",
		 edu_bdf, cdev_name(edu_bdf));
	read_file(path, dev, sizeof(dev));
	assert_ok(lstat(node, &st));
	check(S_ISCHR(st.st_mode));
	check_eq(0600, st.st_mode & 07777);
	snprintf(want, sizeof(want), "%u:%u\n", major(st.st_rdev),
		 minor(st.st_rdev));
	check(!strcmp(want, dev));
	/* From the number to the PCI device, as libraries go. */
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
	check(realpath(path, real));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", edu_bdf);
	check(realpath(path, pci));
	check(!strncmp(real, pci, strlen(pci)));
}

static void test_no_cdev_without_vfio(void **state)
{
	(void)state;
	need_edu();
	pci_bind(edu_bdf, NULL);
	check(!cdev_name(edu_bdf));
}

/* The disk of an NVMe that its own driver has, or nothing yet. */
static bool nvme_disk(char *path, size_t size)
{
	char dir[PATH_MAX];
	struct dirent *ent;
	int ctrl = -1;
	DIR *d;

	snprintf(dir, sizeof(dir), "/sys/bus/pci/devices/%s/nvme", nvme_bdf);
	d = opendir(dir);
	if (!d)
		return false;
	while ((ent = readdir(d)))
		if (sscanf(ent->d_name, "nvme%d", &ctrl) == 1)
			break;
	closedir(d);
	snprintf(path, size, "/dev/nvme%dn1", ctrl);
	return path_exists(path);
}

/* The host's driver gets the device back, and its DMA works. */
static void test_host_driver_again(void **state)
{
	uint8_t *page = page_alloc(16 * PAGE);
	int ctx = ioasid_open(), fd;
	char path[64];
	uint32_t ioas;
	long long end;

	(void)state;
	need_nvme();
	pci_bind(nvme_bdf, driver);
	fd = cdev_open_bound(nvme_bdf, ctx, NULL);
	ioas = ioas_new(ctx);
	assert_ok(ioas_map_fixed(ctx, ioas, page, 16 * PAGE, 0, MAP_RW));
	assert_ok(cdev_attach(fd, ioas, NULL));
	vfio_bus_master(fd);
	drop_fd(fd);
	if (system("modprobe -q nvme"))
		skip_test("no driver for the NVMe");
	pci_bind(nvme_bdf, "nvme");
	for (end = now_ms() + 10000; !nvme_disk(path, sizeof(path));) {
		if (now_ms() > end)
			fail_test("the NVMe does not come back");
		sleep_ms(20);
	}
	fd = assert_ok(keep_fd(open(path, O_RDONLY | O_DIRECT)));
	check_eq(16 * PAGE, assert_ok(pread(fd, page, 16 * PAGE, 0)));
	drop_fd(fd);
	pci_bind(nvme_bdf, NULL);
}

static void test_compat32(void **state)
{
	struct vfio_cdev_bind *bind = page_alloc32(PAGE);
	struct vfio_cdev_attach *attach = (void *)(bind + 1);
	struct vfio_device_info *info = (void *)(attach + 1);
	int ctx = ioasid_open(), fd;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	if (!has_ioctl32())
		return;
	info->argsz = sizeof(*info);
	assert_errno(EINVAL, ioctl32(fd, VFIO_DEVICE_GET_INFO, info));
	bind->argsz = sizeof(*bind);
	bind->iommufd = ctx;
	assert_ok(ioctl32(fd, VFIO_CDEV_BIND, bind));
	check_eq(1, bind->out_devid);
	attach->argsz = sizeof(*attach);
	attach->pt_id = ioas_new(ctx);
	assert_ok(ioctl32(fd, VFIO_CDEV_ATTACH, attach));
	assert_ok(ioctl32(fd, VFIO_DEVICE_GET_INFO, info));
	check_eq(VFIO_PCI_NUM_REGIONS, info->num_regions);
}

/* ---- hot reset ---- */

#define RESET_HEAD sizeof(struct vfio_pci_hot_reset_info)
#define RESET_OWNED                        \
	(VFIO_CDEV_HOT_RESET_FLAG_DEV_ID | \
	 VFIO_CDEV_HOT_RESET_FLAG_DEV_ID_OWNED)

static void test_hot_reset_info(void **state)
{
	struct reset_info info = { 0 };
	int ctx = ioasid_open(), fd1, fd2;
	uint32_t dev1, dev2;

	(void)state;
	bind_shared();
	fd1 = cdev_open_bound(shared1, ctx, &dev1);
	/* The sibling is closed: ours by the group. */
	vfio_reset_info(fd1, &info);
	check_eq(2, info.head.count);
	check_eq(RESET_OWNED, info.head.flags);
	check_eq(dev1, vfio_reset_devid(&info, shared1));
	check_eq(VFIO_CDEV_DEVID_OWNED, vfio_reset_devid(&info, shared2));
	/* Open: by its id. */
	fd2 = cdev_open_bound(shared2, ctx, &dev2);
	vfio_reset_info(fd1, &info);
	check_eq(dev1, vfio_reset_devid(&info, shared1));
	check_eq(dev2, vfio_reset_devid(&info, shared2));
	check_eq(RESET_OWNED, info.head.flags);
	vfio_reset_info(fd2, &info);
	check_eq(dev1, vfio_reset_devid(&info, shared1));
	/* Too little room: how many there are. */
	info.head.argsz = RESET_HEAD;
	info.head.count = 0;
	assert_errno(ENOSPC,
		     ioctl(fd1, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info));
	check_eq(2, info.head.count);
	info.head.argsz = RESET_HEAD + sizeof(info.devices[0]);
	assert_errno(ENOSPC,
		     ioctl(fd1, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info));
	check_eq(2, info.head.count);
	info.head.argsz = RESET_HEAD - 1;
	assert_errno(EINVAL,
		     ioctl(fd1, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info));
	assert_errno(EFAULT,
		     ioctl(fd1, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, NULL));
}

/* A device of the bus without a VFIO driver is not ours to reset. */
static void test_hot_reset_not_owned(void **state)
{
	(void)state;
	bind_shared();
	pci_bind(shared2, NULL);
	check_reset_refused(cdev_open_bound(shared1, ioasid_open(), NULL),
			    shared2, "does not belong to this");
}

static void test_hot_reset_bad(void **state)
{
	struct {
		struct vfio_pci_hot_reset head;
		int32_t fd;
	} cmd = { .head.argsz = sizeof(cmd) };
	int fd;

	(void)state;
	bind_shared();
	fd = cdev_open_bound(shared1, ioasid_open(), NULL);
	cmd.head.flags = 1;
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd));
	cmd.head.flags = 0;
	cmd.head.argsz = sizeof(cmd.head) - 1;
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd));
	/* Proof by group is the legacy path's. */
	cmd.head.argsz = sizeof(cmd);
	cmd.head.count = 1;
	cmd.fd = fd;
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd));
	assert_errno(EFAULT, ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, NULL));
}

static void test_hot_reset(void **state)
{
	int ctx = ioasid_open(), fd1, fd2;
	uint8_t *page = page_alloc(PAGE);
	struct edu edu;
	uint32_t ioas;

	(void)state;
	bind_shared();
	fd1 = cdev_open_bound(shared1, ctx, NULL);
	fd2 = cdev_open_bound(shared2, ctx, NULL);
	ioas = ioas_new(ctx);
	assert_ok(cdev_attach(fd1, ioas, NULL));
	assert_ok(cdev_attach(fd2, ioas, NULL));
	assert_ok(ioas_map_fixed(ctx, ioas, page, PAGE, IOVA, MAP_RW));
	edu_open(&edu, fd2);
	memset(page, 0x77, COPY);
	edu_read_ram(&edu, IOVA, 0, COPY);
	assert_ok(vfio_hot_reset(fd1));
	assert_ok(vfio_hot_reset(fd2));
	/* Mapped BARs come back, and so does what the driver had set up. */
	vfio_bus_master(fd2);
	check_eq(~3U, edu_liveness(&edu, 3));
	memset(page, 0x78, COPY);
	edu_read_ram(&edu, IOVA, 0, COPY);
	memset(page, 0, COPY);
	edu_write_ram(&edu, IOVA, 0, COPY);
	check_eq(0x78, page[COPY - 1]);
}

/* With one device open the group's owner may reset the bus as well. */
static void test_hot_reset_one_open(void **state)
{
	struct edu edu;
	int fd;

	(void)state;
	bind_shared();
	fd = cdev_open_bound(shared2, ioasid_open(), NULL);
	edu_open(&edu, fd);
	assert_ok(vfio_hot_reset(fd));
	vfio_bus_master(fd);
	check_eq(~4U, edu_liveness(&edu, 4));
}

/* No slot and no bus below the root complex that could be reset. */
static void test_hot_reset_root_bus(void **state)
{
	struct reset_info info = { .head.argsz = sizeof(info) };
	int fd = edu_bound(ioasid_open());

	(void)state;
	assert_errno(ENODEV,
		     ioctl(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info));
	assert_errno(ENODEV, vfio_hot_reset(fd));
}

/* Leave the devices to nobody, for whatever runs next. */
static int finish(void **state)
{
	(void)state;
	if (edu_bdf)
		pci_bind(edu_bdf, DRIVER_EXT);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
#define T(fn) { #fn, test_##fn }
		T(parked),
		T(parked_ioctls),
		T(parked_many),
		T(bind_bad),
		T(bind_short),
		T(bind_unwritable),
		T(bind_twice),
		T(bind_race),
		T(legacy_after_bind),
		T(bind_after_legacy),
		T(legacy_device_bind),
		T(race_with_legacy),
		T(group_mixed),
		T(group_two_drivers),
		T(sibling_host_driver),
		T(group_two_contexts),
		T(group_attach),
		T(forward),
		T(ioeventfd),
		T(feature),
		T(mmap),
		T(mmap_disabled),
		T(passed_on),
		T(received),
		T(lost_in_socket),
		T(close_orders),
		T(kill_parked),
		T(kill_bound),
		T(kill_attached),
		T(kill_mapped),
		T(kill_dma),
		T(unbind_bound),
		T(unbind_parked),
		T(unbind_group),
		T(unbind_slow),
		T(unbind_slow_answer),
		T(unbind_beside_slow),
		T(slow_directory),
		T(number_again),
		T(bind_two_pages),
		T(remove),
		T(rebind),
		T(unbind_and_kill),
		T(rmmod),
		T(sysfs),
		T(no_cdev_without_vfio),
		T(host_driver_again),
		T(compat32),
		T(hot_reset_info),
		T(hot_reset_not_owned),
		T(hot_reset_bad),
		T(hot_reset),
		T(hot_reset_one_open),
		T(hot_reset_root_bus),
	};
	struct test_list list = { 0 };

	test_before = use_driver;
	test_add_drivers(&list, tests, ARRAY_SIZE(tests));
	return test_main(argc, argv, "cdev", &list, NULL, finish);
}
