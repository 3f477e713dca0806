// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: removal: hot-unplug, asked and not, siblings, rmmod
 * vm: --topology ports --smp 1
 *
 * Devices that leave while they are in use: a slot that is switched off, a device that is
 * pulled out, a driver's module that is unloaded, another member of the group. With the
 * devices on vfio_cdev_ext ("ext.") and on stock vfio-pci ("stock.").
 *
 * Each device in a slot leaves for good, so there is one for each test and driver.
 *
 * Where lockdep looks, slots are let alone: pciehp_unconfigure_device() takes its reset_lock below
 * pci_rescan_remove_lock, and that one below reset_lock. After this circle of the kernel's own,
 * lockdep sees nothing else.
 *
 * No other program asks for --smp 1, so this one has a boot of its own: what has left is missing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/pci_regs.h>

#include "dma.h"
#include "edu.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define SOON 10000
#define PAGES 600UL

static const char *driver;
/* Two edus, functions of one device, in one group. */
static char multi[2][16];

static void use_driver(void *arg)
{
	const char *first = topology("MULTI_BDF");
	int i;

	driver = arg;
	if (!first)
		return;
	for (i = 0; i < 2; i++) {
		snprintf(multi[i], sizeof(multi[i]), "%.11s%d", first, i);
		pci_bind(multi[i], driver);
	}
}

static void need_ports(void)
{
	if (!multi[0][0])
		skip_test("no topology of ports");
}

/* The device of a slot that no test has used, on the driver. */
static const char *plugged(int number)
{
	const char *bdf;
	char name[16];

	need_ports();
	if (kernel_has_lockdep())
		skip_test("hot-plug of slots would end lockdep");
	snprintf(name, sizeof(name), "PLUG_BDF%d",
		 number + (strcmp(driver, DRIVER_EXT) ? 2 : 0));
	bdf = topology(name);
	if (!bdf)
		skip_test("no %s", name);
	pci_bind(bdf, driver);
	return bdf;
}

/* The switch of the slot that the device is in; skips the test if nobody drives that. */
static void power_path(char *path, const char *bdf)
{
	char address[32];
	struct dirent *ent;
	DIR *dir = opendir("/sys/bus/pci/slots");

	check(dir);
	while ((ent = readdir(dir))) {
		if (ent->d_name[0] == '.')
			continue;
		snprintf(path, PATH_MAX, "/sys/bus/pci/slots/%s/address",
			 ent->d_name);
		read_file(path, address, sizeof(address));
		if (strncmp(address, bdf, strlen("0000:00:00")))
			continue;
		snprintf(path, PATH_MAX, "/sys/bus/pci/slots/%s/power",
			 ent->d_name);
		closedir(dir);
		return;
	}
	closedir(dir);
	skip_test("no hot-plug of slots in this kernel");
}

/*
 * Cut the power of the slot behind the back of the kernel's driver for it, which gets to
 * see, when its interrupt is on again, that the device is gone from a slot with power.
 */
static void pull_out(const char *bdf)
{
	char path[PATH_MAX], real[PATH_MAX];
	uint8_t pos, id;
	uint16_t word, off;
	char *end;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", bdf);
	check(realpath(path, real));
	end = strrchr(real, '/');
	check(end);
	snprintf(end, sizeof(real) - (end - real), "/config");
	fd = assert_ok(keep_fd(open(real, O_RDWR | O_CLOEXEC)));
	check_eq(1, assert_ok(pread(fd, &pos, 1, PCI_CAPABILITY_LIST)));
	for (;;) {
		check(pos);
		check_eq(1, assert_ok(pread(fd, &id, 1, pos)));
		if (id == PCI_CAP_ID_EXP)
			break;
		check_eq(1, assert_ok(pread(fd, &pos, 1, pos + 1)));
	}
	check_eq(2, assert_ok(pread(fd, &word, 2, pos + PCI_EXP_SLTCTL)));
	off = word & ~PCI_EXP_SLTCTL_HPIE;
	off |= PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF;
	check_eq(2, assert_ok(pwrite(fd, &off, 2, pos + PCI_EXP_SLTCTL)));
	check_eq(2, assert_ok(pwrite(fd, &word, 2, pos + PCI_EXP_SLTCTL)));
	drop_fd(fd);
}

static void wait_gone(const char *bdf)
{
	long long end = now_ms() + SOON;

	while (pci_present(bdf)) {
		if (now_ms() > end)
			fail_test("%s does not go", bdf);
		sleep_ms(20);
	}
}

/* A device at work, with what a user has of it. */
struct user {
	int ctx;
	int fd;
	int request;
	uint32_t ioas;
	struct edu edu;
	uint8_t *mem;
};

static void user_open(struct user *u, const char *bdf)
{
	u->ctx = ioasid_open();
	u->fd = cdev_open_bound(bdf, u->ctx, NULL);
	u->request = eventfd_new();
	u->ioas = ioas_new(u->ctx);
	u->mem = page_alloc(PAGES * PAGE);
	edu_open(&u->edu, u->fd);
	assert_ok(vfio_irq_eventfd(u->fd, VFIO_PCI_REQ_IRQ_INDEX, 0,
				   u->request));
	assert_ok(vfio_irq_eventfd(u->fd, VFIO_PCI_MSI_IRQ_INDEX, 0,
				   eventfd_new()));
	assert_ok(cdev_attach(u->fd, u->ioas, NULL));
	assert_ok(ioas_map_fixed(u->ctx, u->ioas, u->mem, PAGES * PAGE, IOVA,
				 MAP_RW));
	check_pinned(PAGES);
	u->mem[0] = 0x44;
	edu_read_ram(&u->edu, IOVA, SPOT, COPY);
}

static void check_dma_works(struct user *u)
{
	u->mem[0] = 0;
	edu_write_ram(&u->edu, IOVA, SPOT, COPY);
	check_eq(0x44, u->mem[0]);
}

static void check_log(int mark, const char *bdf)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "(%d)", getpid());
	check(klog_wait(mark, bdf, pid, SOON));
}

static bool is_gone(int err)
{
	return err == ENOENT || err == ENXIO || err == ENODEV;
}

static void check_no_node(const char *path)
{
	check(open(path, O_RDWR | O_CLOEXEC) < 0);
	check(is_gone(errno));
}

/* The slot is switched off: nothing happens to the device until its user lets go. */
static void test_switch_off(void **state)
{
	const char *bdf = plugged(1);
	char power[PATH_MAX], node[PATH_MAX];
	int mark = klog_mark();
	struct user u;
	pid_t child;

	(void)state;
	power_path(power, bdf);
	cdev_path(bdf, node, sizeof(node));
	user_open(&u, bdf);
	child = write_start(power, "0");
	check(eventfd_wait(u.request, SOON));
	check_log(mark, bdf);
	check_no_node(node);
	check_dma_works(&u);
	check_eq(0x1234, vfio_config16(u.fd, 0));
	drop_fd(u.fd);
	/* The mapping is a use, too. */
	sleep_ms(300);
	check_eq(0, waitpid(child, NULL, WNOHANG));
	check_dma_works(&u);
	edu_close(&u.edu);
	child_ok(child);
	wait_gone(bdf);
	/* The memory stays mapped in the context, which has no device any more. */
	check_pinned(0);
	assert_ok(ioas_unmap_exact(u.ctx, u.ioas, IOVA, PAGES * PAGE));
}

/* The device is gone at once; what its user does is harmless, and ends. */
static void test_pull_out(void **state)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	const char *bdf = plugged(2);
	char power[PATH_MAX], node[PATH_MAX];
	int mark = klog_mark(), sig;
	struct user u;

	(void)state;
	power_path(power, bdf);
	cdev_path(bdf, node, sizeof(node));
	user_open(&u, bdf);
	pull_out(bdf);
	check(eventfd_wait(u.request, SOON));
	check_log(mark, bdf);
	check_no_node(node);
	/* Nothing answers, or the mapping has gone. */
	sig = touch(u.edu.bar);
	check(!sig || sig == SIGBUS);
	assert_ok(ioctl(u.fd, VFIO_DEVICE_GET_INFO, &info));
	assert_ok(vfio_irq_disable(u.fd, VFIO_PCI_MSI_IRQ_INDEX));
	/* Its driver is on the way out. */
	assert_errno(EAGAIN, ioctl(u.fd, VFIO_DEVICE_RESET));
	assert_errno(EAGAIN, vfio_hot_reset(u.fd));
	check_pinned(PAGES);
	assert_ok(ioas_unmap_exact(u.ctx, u.ioas, IOVA, PAGES * PAGE));
	check_pinned(0);
	assert_ok(ioas_map_fixed(u.ctx, u.ioas, u.mem, PAGE, IOVA, MAP_RW));
	assert_ok(cdev_detach(u.fd));
	assert_ok(cdev_attach(u.fd, u.ioas, NULL));
	edu_close(&u.edu);
	check(pci_present(bdf));
	drop_fd(u.fd);
	wait_gone(bdf);
	check_pinned(0);
}

struct binder {
	struct gate stop;
	atomic_int bound;
};

/* Take the device whenever it is there, and let go at once. */
static void bind_for_ever(void *arg)
{
	int ctx = ioasid_open(), fd;
	uint32_t ioas = ioas_new(ctx);
	struct binder *binder = arg;
	char path[PATH_MAX];
	const char *name;

	while (!gate_wait_ms(&binder->stop, 0)) {
		name = cdev_name(multi[0]);
		if (!name)
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			check(is_gone(errno));
			continue;
		}
		if (cdev_bind(fd, ctx, NULL)) {
			/* It has left, or cannot be reset as it is leaving. */
			check(errno == ENODEV || errno == EAGAIN);
		} else {
			assert_ok(cdev_attach(fd, ioas, NULL));
			binder->bound++;
		}
		close(fd);
	}
}

/* A driver that comes and goes, under one who is always about to open the device. */
static void test_meets_bind(void **state)
{
	long long end, enough;
	struct binder *binder;
	int round, last;
	pid_t child;

	(void)state;
	need_ports();
	binder = keep_map(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0),
			  PAGE);
	check(binder != MAP_FAILED);
	gate_init(&binder->stop);
	child = child_start(bind_for_ever, binder);
	enough = now_ms() + 2000;
	for (round = 0; round < 3 || now_ms() < enough; round++) {
		end = now_ms() + SOON;
		last = binder->bound;
		while (binder->bound == last) {
			check(now_ms() < end);
			sleep_ms(1);
		}
		pci_bind(multi[0], NULL);
		check(!cdev_name(multi[0]));
		pci_bind(multi[0], driver);
	}
	gate_open(&binder->stop);
	child_ok(child);
}

/* ---- a member of a group ---- */

/* One that nobody has open leaves, and comes back, beside one in use. */
static void test_sibling(void **state)
{
	int ctx2 = ioasid_open(), fd;
	char path[PATH_MAX];
	struct user u;

	(void)state;
	need_ports();
	user_open(&u, multi[0]);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove",
		 multi[1]);
	assert_ok(write_file(path, "1"));
	check(!pci_present(multi[1]));
	check_dma_works(&u);
	assert_ok(write_file("/sys/bus/pci/rescan", "1"));
	check(pci_present(multi[1]));
	check_eq(pci_group(multi[0]), pci_group(multi[1]));
	pci_bind(multi[1], driver);
	check_dma_works(&u);
	/* It is the context's, like the rest of its group. */
	fd = assert_ok(cdev_open(multi[1]));
	assert_errno(EPERM, cdev_bind(fd, ctx2, NULL));
	assert_ok(cdev_bind(fd, u.ctx, NULL));
	assert_ok(cdev_attach(fd, u.ioas, NULL));
	check_dma_works(&u);
}

/* The one in use leaves, beside one in use. */
static void test_one_of_two(void **state)
{
	char path[PATH_MAX];
	struct user u;
	int fd, efd;
	pid_t child;

	(void)state;
	need_ports();
	user_open(&u, multi[0]);
	fd = cdev_open_bound(multi[1], u.ctx, NULL);
	efd = eventfd_new();
	assert_ok(vfio_irq_eventfd(fd, VFIO_PCI_REQ_IRQ_INDEX, 0, efd));
	assert_ok(cdev_attach(fd, u.ioas, NULL));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove",
		 multi[1]);
	child = write_start(path, "1");
	check(eventfd_wait(efd, SOON));
	check_eq(0, eventfd_wait(u.request, 0));
	check_dma_works(&u);
	drop_fd(fd);
	child_ok(child);
	check_dma_works(&u);
	check_pinned(PAGES);
	assert_ok(write_file("/sys/bus/pci/rescan", "1"));
	check(pci_present(multi[1]));
}

/* ---- modules ---- */

/* The module of an adopted driver: held by users, not by parked files. */
static void test_rmmod(void **state)
{
	char node[PATH_MAX];
	struct user u;
	int fd;

	(void)state;
	need_ports();
	user_open(&u, multi[0]);
	assert_errno(EAGAIN,
		     syscall(SYS_delete_module, "vfio_pci", O_NONBLOCK));
	check_dma_works(&u);
	edu_close(&u.edu);
	drop_fd(u.fd);
	cdev_path(multi[0], node, sizeof(node));
	fd = assert_ok(cdev_open(multi[0]));
	assert_ok(syscall(SYS_delete_module, "vfio_pci", O_NONBLOCK));
	check_no_node(node);
	/* Too late to begin. */
	assert_errno(ENODEV, cdev_bind(fd, u.ctx, NULL));
	check(!path_exists("/sys/module/vfio_pci"));
	pci_bind(multi[0], driver);
	user_open(&u, multi[0]);
}

static int finish(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 2 && multi[i][0]; i++)
		pci_bind(multi[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
#define T(fn) { #fn, test_##fn }
		T(switch_off),
		T(pull_out),
		T(meets_bind),
		T(sibling),
		T(one_of_two),
	};
	struct test_list list = { 0 };

	test_before = use_driver;
	test_add_drivers(&list, tests, ARRAY_SIZE(tests));
	test_add(&list, test_rmmod, DRIVER_STOCK, "stock.rmmod");
	return test_main(argc, argv, "removal", &list, NULL, finish);
}
