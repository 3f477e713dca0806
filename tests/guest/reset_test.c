// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: resets: of one device, hot reset of several, power
 * vm: --topology ports
 *
 * Resets: of a bus with several functions, by device id; of one function, by each
 * method the kernel knows; power states. Who may, what the others on the bus see, and
 * what becomes of mapped BARs. With the devices on vfio_cdev_ext ("ext.") and on stock
 * vfio-pci ("stock.").
 */
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/pci_regs.h>

#include "edu.h"
#include "ioasid.h"
#include "nic.h"
#include "state.h"
#include "test.h"
#include "trace.h"
#include "vfio.h"

#define FUNCTIONS 3
#define EDU_ID 0x10000edU
#define NOT_OURS "does not belong to this"
#define RESET_OWNED                        \
	(VFIO_CDEV_HOT_RESET_FLAG_DEV_ID | \
	 VFIO_CDEV_HOT_RESET_FLAG_DEV_ID_OWNED)

static const char *driver;
static const char *nic_bdf, *pf;
/* Two edus and a piece of memory: functions of one device, in one group. */
static char multi[FUNCTIONS][16];

static void use_driver(void *arg)
{
	const char *first = topology("MULTI_BDF");
	int i;

	driver = arg;
	nic_bdf = topology("NIC_BDF");
	pf = topology("SRIOV_BDF");
	if (!first || !nic_bdf || !pf)
		return;
	for (i = 0; i < FUNCTIONS; i++) {
		snprintf(multi[i], sizeof(multi[i]), "%.11s%d", first, i);
		pci_bind(multi[i], driver);
	}
	pci_bind(nic_bdf, driver);
	pci_bind(pf, driver);
}

static void need_ports(void)
{
	if (!multi[0][0])
		skip_test("no topology of ports");
}

static const char *other_driver(void)
{
	return strcmp(driver, DRIVER_EXT) ? DRIVER_EXT : DRIVER_STOCK;
}

static uint32_t edu_id(const struct edu *edu)
{
	return *(volatile uint32_t *)edu->bar;
}

/* ---- who may ---- */

static void test_functions(void **state)
{
	int ctx = ioasid_open(), fd[FUNCTIONS], i, j;
	uint32_t devid[FUNCTIONS];
	struct reset_info info;

	(void)state;
	need_ports();
	fd[0] = cdev_open_bound(multi[0], ctx, &devid[0]);
	/* The closed ones are ours by their group. */
	vfio_reset_info(fd[0], &info);
	check_eq(FUNCTIONS, info.head.count);
	check_eq(RESET_OWNED, info.head.flags);
	for (i = 1; i < FUNCTIONS; i++) {
		check_eq(VFIO_CDEV_DEVID_OWNED,
			 vfio_reset_devid(&info, multi[i]));
		fd[i] = cdev_open_bound(multi[i], ctx, &devid[i]);
	}
	for (i = 0; i < FUNCTIONS; i++) {
		vfio_reset_info(fd[i], &info);
		check_eq(RESET_OWNED, info.head.flags);
		for (j = 0; j < FUNCTIONS; j++)
			check_eq(devid[j], vfio_reset_devid(&info, multi[j]));
	}
	/* Any of them resets all. */
	assert_ok(vfio_hot_reset(fd[2]));
	assert_ok(vfio_hot_reset(fd[0]));
	for (i = 0; i < FUNCTIONS; i++)
		vfio_bus_master(fd[i]);
}

/* A function that no user can have, as it has no driver, or the host's. */
static void test_function_outside(void **state)
{
	struct reset_info info;
	struct refusal refusal;
	struct edu edu;
	int fd;

	(void)state;
	need_ports();
	fd = cdev_open_bound(multi[0], ioasid_open(), NULL);
	edu_open(&edu, fd);
	pci_bind(multi[2], NULL);
	vfio_reset_info(fd, &info);
	check_eq(FUNCTIONS, info.head.count);
	check_eq(VFIO_CDEV_HOT_RESET_FLAG_DEV_ID, info.head.flags);
	check_eq(VFIO_CDEV_DEVID_OWNED, vfio_reset_devid(&info, multi[1]));
	check_eq((uint32_t)VFIO_CDEV_DEVID_NOT_OWNED,
		 vfio_reset_devid(&info, multi[2]));
	assert_errno(EINVAL, vfio_hot_reset(fd));
	check_refusal(fd, EINVAL, multi[2], &refusal);
	/* Nothing was touched, and nothing taken away for good. */
	check_eq(EDU_ID, edu_id(&edu));
	pci_bind(multi[2], driver);
	assert_ok(vfio_hot_reset(fd));
	check_eq(EDU_ID, edu_id(&edu));
}

/* Which VFIO driver a function has makes no difference. */
static void test_two_drivers(void **state)
{
	int ctx = ioasid_open(), fd, fd1;
	struct reset_info info;
	struct edu edu, edu1;
	uint32_t devid1;

	(void)state;
	need_ports();
	pci_bind(multi[1], other_driver());
	fd = cdev_open_bound(multi[0], ctx, NULL);
	fd1 = cdev_open_bound(multi[1], ctx, &devid1);
	edu_open(&edu, fd);
	edu_open(&edu1, fd1);
	vfio_reset_info(fd, &info);
	check_eq(RESET_OWNED, info.head.flags);
	check_eq(devid1, vfio_reset_devid(&info, multi[1]));
	assert_ok(vfio_hot_reset(fd));
	assert_ok(vfio_hot_reset(fd1));
	check_eq(EDU_ID, edu_id(&edu));
	check_eq(EDU_ID, edu_id(&edu1));
}

/* ---- devices of one bus in several groups: a PF and its VFs ---- */

static char vf[16];

static void write_pf(const char *file, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", pf, file);
	assert_ok(write_file(path, text));
}

static void make_vf(void)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	need_ports();
	snprintf(path, sizeof(path), "/sys/module/%s/parameters/enable_sriov",
		 strcmp(driver, DRIVER_EXT) ? "vfio_pci" : DRIVER_EXT);
	assert_ok(write_file(path, "1"));
	write_pf("sriov_numvfs", "0");
	/* Older QEMU loses its VFs when the PF is reset, and does not say so. */
	write_pf("reset_method", "\n");
	write_pf("sriov_numvfs", "1");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/virtfn0", pf);
	n = assert_ok(readlink(path, target, sizeof(target) - 1));
	target[n] = 0;
	snprintf(vf, sizeof(vf), "%.15s", strrchr(target, '/') + 1);
	check(pci_group(vf) != pci_group(pf));
}

static int bind_token(const char *bdf, int ctx)
{
	static const uint8_t token[16] = "ours to share...";
	struct vfio_cdev_bind cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_CDEV_BIND_FLAG_TOKEN,
		.iommufd = ctx,
		.token_uuid_ptr = (uintptr_t)token,
	};
	int fd = assert_ok(cdev_open(bdf));

	assert_ok(ioctl(fd, VFIO_CDEV_BIND, &cmd));
	return fd;
}

static void test_other_context(void **state)
{
	int ctx = ioasid_open(), fd, fd_vf;

	(void)state;
	make_vf();
	fd = bind_token(pf, ctx);
	/* Nobody's, and anybody's next. */
	check_reset_refused(fd, vf, NOT_OURS);
	/* Somebody else's: neither may. */
	fd_vf = bind_token(vf, ioasid_open());
	check_reset_refused(fd, vf, NOT_OURS);
	check_reset_refused(fd_vf, pf, NOT_OURS);
	check_eq(0x1b36, vfio_config16(fd_vf, 0));
	drop_fd(fd_vf);
	/* Even ours: a VF is in a set of its own, as it does not survive its PF's reset. */
	fd_vf = bind_token(vf, ctx);
	check_reset_refused(fd, vf, NOT_OURS);
	check_reset_refused(fd_vf, pf, NOT_OURS);
}

static void test_group_path(void **state)
{
	char name[64];
	int fd, group, dev;

	(void)state;
	make_vf();
	fd = bind_token(pf, ioasid_open());
	group = assert_ok(group_open(pci_group(vf)));
	container_with(group);
	snprintf(name, sizeof(name),
		 "%s vf_token=6f757273-2074-6f20-7368-6172652e2e2e", vf);
	dev = assert_ok(group_device(group, name));
	check_reset_refused(fd, vf, NOT_OURS);
	/* Nor may the group's user, with proof for his own device only. */
	assert_errno(EINVAL, vfio_group_hot_reset(dev, &group, 1));
	drop_fd(dev);
	/* The group is taken even with no device of it open. */
	check_reset_refused(fd, vf, NOT_OURS);
}

/* ---- mapped BARs ---- */

struct reader {
	struct edu edu;
	int fd;
	struct gate ready;
	struct gate stop;
};

/* The device is there, or the mapping: never what a bus without a device answers. */
static void read_bar(void *arg)
{
	struct reader *r = arg;

	check_eq(EDU_ID, edu_id(&r->edu));
	gate_open(&r->ready);
	while (!gate_wait_ms(&r->stop, 0))
		check_eq(EDU_ID, edu_id(&r->edu));
}

static void read_config(void *arg)
{
	struct reader *r = arg;

	gate_open(&r->ready);
	while (!gate_wait_ms(&r->stop, 0)) {
		check_eq(0x1234, vfio_config16(r->fd, 0));
		vfio_config16_set(r->fd, PCI_COMMAND, PCI_COMMAND_MEMORY);
	}
}

/* Readers of two functions, in processes of their own, while one is reset. */
static void test_reset_and_access(void **state)
{
	int ctx = ioasid_open(), round, done = 0, i;
	const long long end = now_ms() + 20000;
	struct reader reader[2];
	pid_t child[3];

	(void)state;
	need_ports();
	for (i = 0; i < 2; i++) {
		reader[i].fd = cdev_open_bound(multi[i], ctx, NULL);
		edu_open(&reader[i].edu, reader[i].fd);
		gate_init(&reader[i].ready);
		gate_init(&reader[i].stop);
		child[i] = child_start(read_bar, &reader[i]);
		gate_wait(&reader[i].ready);
	}
	child[2] = child_start(read_config, &reader[1]);
	gate_wait(&reader[1].ready);
	/* A fault or an access in flight is contention, and the answer is EBUSY. */
	for (round = 0; done < 3 && now_ms() < end; round++) {
		if (!vfio_hot_reset(reader[round % 2].fd)) {
			done++;
			continue;
		}
		check_eq(EBUSY, errno);
		/* Whoever holds the lock may be waiting for this very processor. */
		sleep_ms(1);
	}
	check_eq(3, done);
	check_eq(3, assert_ok(write(reader[0].stop.fd[1], "x", 1)) +
			    assert_ok(write(reader[1].stop.fd[1], "xx", 2)));
	for (i = 0; i < 3; i++)
		child_ok(child[i]);
	check_eq(EDU_ID, edu_id(&reader[0].edu));
	check_eq(EDU_ID, edu_id(&reader[1].edu));
}

/* ---- one function ---- */

static int set_method(const char *method)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset_method",
		 nic_bdf);
	return write_file(path, method);
}

static bool can_reset(int fd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	assert_ok(ioctl(fd, VFIO_DEVICE_GET_INFO, &info));
	return info.flags & VFIO_DEVICE_FLAGS_RESET;
}

/*
 * The NIC, with its BAR mapped. @function is that of the method in the kernel: a method
 * that clears nothing leaves no other trace.
 */
static void check_reset(const char *method, const char *function, bool clears)
{
	struct nic nic;
	int fd;

	assert_ok(set_method(method));
	fd = cdev_open_bound(nic_bdf, ioasid_open(), NULL);
	check(can_reset(fd));
	nic_open(&nic, fd);
	nic_scratch_set(&nic, 0x5a5a);
	check_eq(0x5a5a, nic_scratch(&nic));
	trace_start(function);
	assert_ok(ioctl(fd, VFIO_DEVICE_RESET));
	check_eq(1, traced(function));
	check_eq(0, touch(nic.bar));
	check_eq(clears ? 0 : 0x5a5a, nic_scratch(&nic));
	nic_scratch_set(&nic, 0x1111);
	check_eq(0x1111, nic_scratch(&nic));
	/* Also from a state without power. */
	vfio_config16_set(fd, vfio_find_cap(fd, PCI_CAP_ID_PM) + PCI_PM_CTRL,
			  3);
	assert_ok(ioctl(fd, VFIO_DEVICE_RESET));
	check_eq(2, traced(function));
	trace_stop();
	vfio_bus_master(fd);
	check_eq(clears ? 0 : 0x1111, nic_scratch(&nic));
	drop_fd(fd);
}

static void test_reset_bus(void **state)
{
	(void)state;
	need_ports();
	check_reset("bus", "pci_reset_bus_function", true);
}

/* QEMU's NIC keeps its registers over D3; the kernel does what it can. */
static void test_reset_pm(void **state)
{
	(void)state;
	need_ports();
	check_reset("pm", "pci_pm_reset", false);
}

static void test_reset_none(void **state)
{
	struct nic nic;
	int fd;

	(void)state;
	need_ports();
	assert_ok(set_method("\n"));
	fd = cdev_open_bound(nic_bdf, ioasid_open(), NULL);
	check(!can_reset(fd));
	nic_open(&nic, fd);
	nic_scratch_set(&nic, 0x5a5a);
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_RESET));
	check_eq(0x5a5a, nic_scratch(&nic));
	/* That of its bus is another matter. */
	assert_ok(vfio_hot_reset(fd));
	check_eq(0, nic_scratch(&nic));
}

static void test_reset_flr(void **state)
{
	volatile uint32_t *bar;
	uint32_t version;
	int fd;

	(void)state;
	need_ports();
	write_pf("sriov_numvfs", "0");
	write_pf("reset_method", "flr");
	fd = cdev_open_bound(pf, ioasid_open(), NULL);
	check(can_reset(fd));
	vfio_bus_master(fd);
	bar = vfio_map(fd, VFIO_PCI_BAR0_REGION_INDEX, PAGE);
	check(bar != MAP_FAILED);
	version = bar[2];
	check(version && version != ~0U);
	/* The mask of its interrupts, which a reset of the function clears. */
	bar[3] = 0x5a;
	check_eq(0x5a, bar[3]);
	assert_ok(ioctl(fd, VFIO_DEVICE_RESET));
	check_eq(0, touch(bar));
	check_eq(version, bar[2]);
	check_eq(0, bar[3]);
}

/* ---- power ---- */

static void test_d3(void **state)
{
	struct vfio_region_info info;
	uint32_t pm, value;
	struct nic nic;
	int fd;

	(void)state;
	need_ports();
	fd = cdev_open_bound(nic_bdf, ioasid_open(), NULL);
	nic_open(&nic, fd);
	assert_ok(vfio_region(fd, VFIO_PCI_BAR0_REGION_INDEX, &info));
	pm = vfio_find_cap(fd, PCI_CAP_ID_PM) + PCI_PM_CTRL;
	check_eq(0, touch(nic.bar));
	vfio_config16_set(fd, pm, 3);
	check_eq(3, vfio_config16(fd, pm) & PCI_PM_CTRL_STATE_MASK);
	/* Configuration space is there, memory is not. */
	check_eq(0x8086, vfio_config16(fd, 0));
	check_eq(SIGBUS, touch(nic.bar));
	assert_errno(EIO, pread(fd, &value, 4, info.offset));
	assert_errno(EIO, pwrite(fd, &value, 4, info.offset));
	vfio_config16_set(fd, pm, 0);
	check_eq(0, vfio_config16(fd, pm) & PCI_PM_CTRL_STATE_MASK);
	vfio_bus_master(fd);
	check_eq(0, touch(nic.bar));
	check_eq(4, assert_ok(pread(fd, &value, 4, info.offset)));
	/* A reset of the bus finds it asleep and leaves it awake. */
	vfio_config16_set(fd, pm, 3);
	assert_ok(vfio_hot_reset(fd));
	check_eq(0, vfio_config16(fd, pm) & PCI_PM_CTRL_STATE_MASK);
	vfio_bus_master(fd);
	check_eq(0, touch(nic.bar));
	/* And so does closing it. */
	vfio_config16_set(fd, pm, 3);
	drop_map((void *)nic.bar);
	drop_fd(fd);
	fd = cdev_open_bound(nic_bdf, ioasid_open(), NULL);
	nic_open(&nic, fd);
	nic_scratch_set(&nic, 0x77);
	check_eq(0x77, nic_scratch(&nic));
}

static int finish(void **state)
{
	int i;

	(void)state;
	if (!multi[0][0])
		return 0;
	assert_ok(set_method("default"));
	for (i = 0; i < FUNCTIONS; i++)
		pci_bind(multi[i], NULL);
	pci_bind(nic_bdf, NULL);
	pci_bind(pf, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
#define T(fn) { #fn, test_##fn }
		T(functions),	T(function_outside),
		T(two_drivers), T(other_context),
		T(group_path),	T(reset_and_access),
		T(reset_bus),	T(reset_pm),
		T(reset_none),	T(reset_flr),
		T(d3),
	};
	struct test_list list = { 0 };

	test_before = use_driver;
	test_add_drivers(&list, tests, ARRAY_SIZE(tests));
	return test_main(argc, argv, "reset", &list, NULL, finish);
}
