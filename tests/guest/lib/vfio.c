// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <linux/pci_regs.h>

#include "ioasid.h"
#include "test.h"
#include "vfio.h"

#define TOPOLOGY "/run/topology"

const char *topology(const char *name)
{
	const char *value = getenv(name);
	char line[128], *end;
	size_t len = strlen(name);
	FILE *file;

	if (value)
		return *value ? value : NULL;
	file = fopen(TOPOLOGY, "re");
	if (!file)
		return NULL;
	while (fgets(line, sizeof(line), file)) {
		end = strchr(line, '\n');
		if (end)
			*end = 0;
		if (strncmp(line, name, len) || line[len] != '=')
			continue;
		setenv(name, line + len + 1, 1);
		break;
	}
	fclose(file);
	value = getenv(name);
	return value && *value ? value : NULL;
}

static void pci_path(char *path, const char *bdf, const char *file)
{
	snprintf(path, PATH_MAX, "/sys/bus/pci/devices/%s%s%s", bdf,
		 *file ? "/" : "", file);
}

bool pci_present(const char *bdf)
{
	char path[PATH_MAX];

	pci_path(path, bdf, "");
	return path_exists(path);
}

const char *pci_driver(const char *bdf)
{
	static char name[64];
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	pci_path(path, bdf, "driver");
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return "";
	target[n] = 0;
	snprintf(name, sizeof(name), "%.63s", strrchr(target, '/') + 1);
	return name;
}

static int pci_probe(const char *bdf, const char *override)
{
	char path[PATH_MAX];

	pci_path(path, bdf, "driver_override");
	if (write_file(path, override))
		return -1;
	pci_path(path, bdf, "driver/unbind");
	if (*pci_driver(bdf) && write_file(path, bdf))
		return -1;
	if (!strcmp(override, "none"))
		return 0;
	return write_file("/sys/bus/pci/drivers_probe", bdf);
}

int pci_try_bind(const char *bdf, const char *driver)
{
	char path[PATH_MAX];

	if (!driver)
		return pci_probe(bdf, "none");
	if (!strcmp(pci_driver(bdf), driver))
		return 0;
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s", driver);
	if (!path_exists(path) && !strcmp(driver, DRIVER_STOCK) &&
	    system("modprobe vfio-pci"))
		return -1;
	if (pci_probe(bdf, driver))
		return -1;
	if (strcmp(pci_driver(bdf), driver)) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

void pci_bind(const char *bdf, const char *driver)
{
	if (pci_try_bind(bdf, driver))
		fail_test("cannot give %s to %s: %s", bdf,
			  driver ? driver : "no driver", errno_name(errno));
}

void pci_bind_host(const char *bdf)
{
	if (pci_probe(bdf, "\n"))
		fail_test("cannot give %s back: %s", bdf, errno_name(errno));
}

void variant_bind(const char *bdf)
{
	if (!path_exists("/sys/module/" DRIVER_VARIANT))
		check_eq(0,
			 system("insmod /ext/modules/" DRIVER_VARIANT ".ko"));
	pci_bind(bdf, DRIVER_VARIANT);
}

void variant_unload(const char *bdf)
{
	pci_bind(bdf, DRIVER_EXT);
	if (path_exists("/sys/module/" DRIVER_VARIANT))
		check_eq(0, system("rmmod " DRIVER_VARIANT));
}

int pci_group(const char *bdf)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	pci_path(path, bdf, "iommu_group");
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -1;
	target[n] = 0;
	return atoi(strrchr(target, '/') + 1);
}

const char *cdev_name(const char *bdf)
{
	static char name[64];
	char path[PATH_MAX];
	struct dirent *ent;
	bool found = false;
	DIR *dir;

	pci_path(path, bdf, "vfio-dev");
	dir = opendir(path);
	if (!dir)
		return NULL;
	while (!found && (ent = readdir(dir))) {
		if (strncmp(ent->d_name, "vfio", 4))
			continue;
		snprintf(name, sizeof(name), "%.63s", ent->d_name);
		found = true;
	}
	closedir(dir);
	return found ? name : NULL;
}

void cdev_path(const char *bdf, char *path, size_t size)
{
	long long end = now_ms() + 5000;
	const char *name = NULL;

	do {
		name = cdev_name(bdf);
		if (name) {
			snprintf(path, size, "/dev/vfio/devices/%s", name);
			if (path_exists(path))
				return;
		}
		sleep_ms(10);
	} while (now_ms() < end);
	fail_test("%s (%s) has no cdev", bdf, name ? name : "no vfio-dev");
}

int cdev_open(const char *bdf)
{
	char path[PATH_MAX];

	cdev_path(bdf, path, sizeof(path));
	return keep_fd(open(path, O_RDWR | O_CLOEXEC));
}

int cdev_bind(int fd, int iommufd, uint32_t *devid)
{
	struct vfio_cdev_bind cmd = {
		.argsz = sizeof(cmd),
		.iommufd = iommufd,
	};
	int rc = ioctl(fd, VFIO_CDEV_BIND, &cmd);

	if (devid)
		*devid = cmd.out_devid;
	return rc;
}

int cdev_attach(int fd, uint32_t pt, uint32_t *out)
{
	struct vfio_cdev_attach cmd = {
		.argsz = sizeof(cmd),
		.pt_id = pt,
	};
	int rc = ioctl(fd, VFIO_CDEV_ATTACH, &cmd);

	if (out)
		*out = cmd.pt_id;
	return rc;
}

int cdev_detach(int fd)
{
	struct vfio_cdev_detach cmd = { .argsz = sizeof(cmd) };

	return ioctl(fd, VFIO_CDEV_DETACH, &cmd);
}

int vfio_hot_reset(int fd)
{
	struct vfio_pci_hot_reset cmd = { .argsz = sizeof(cmd) };

	return ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd);
}

void vfio_reset_info(int fd, struct reset_info *info)
{
	*info = (struct reset_info){ .head.argsz = sizeof(*info) };
	assert_ok(ioctl(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info));
}

/* group_id and devid share their place. */
uint32_t vfio_reset_devid(const struct reset_info *info, const char *bdf)
{
	unsigned int domain, bus, slot, fn;
	size_t i;
	int got;

	got = sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &fn);
	check_eq(4, got);
	for (i = 0; i < info->head.count; i++) {
		check(i < ARRAY_SIZE(info->devices));
		if (info->devices[i].segment == domain &&
		    info->devices[i].bus == bus &&
		    info->devices[i].devfn == (slot << 3 | fn))
			return info->devices[i].group_id;
	}
	fail_test("%s is not in the reset info", bdf);
}

void check_reset_refused(int fd, const char *bdf, const char *why)
{
	struct reset_info info;
	struct refusal refusal;

	vfio_reset_info(fd, &info);
	check_eq(2, info.head.count);
	check_eq(VFIO_CDEV_HOT_RESET_FLAG_DEV_ID, info.head.flags);
	check_eq((uint32_t)VFIO_CDEV_DEVID_NOT_OWNED,
		 vfio_reset_devid(&info, bdf));
	assert_errno(EINVAL, vfio_hot_reset(fd));
	check_refusal(fd, EINVAL, bdf, &refusal);
	check_refusal(fd, EINVAL, why, &refusal);
}

int cdev_open_bound(const char *bdf, int iommufd, uint32_t *devid)
{
	int fd = assert_ok(cdev_open(bdf));

	assert_ok(cdev_bind(fd, iommufd, devid));
	return fd;
}

int vfio_region(int fd, uint32_t index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){
		.argsz = sizeof(*info),
		.index = index,
	};
	return ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, info);
}

void *vfio_map(int fd, uint32_t index, size_t len)
{
	struct vfio_region_info info;

	assert_ok(vfio_region(fd, index, &info));
	return keep_map(mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     info.offset),
			len);
}

static sigjmp_buf touch_ends;

static void end_touch(int sig)
{
	siglongjmp(touch_ends, sig);
}

/* Here and not in a child, whose page tables may differ from ours. */
int touch(const volatile void *addr)
{
	struct sigaction action = { .sa_handler = end_touch }, bus, segv;
	int sig;

	assert_ok(sigaction(SIGBUS, &action, &bus));
	assert_ok(sigaction(SIGSEGV, &action, &segv));
	sig = sigsetjmp(touch_ends, 1);
	if (!sig)
		(void)*(const volatile uint32_t *)addr;
	assert_ok(sigaction(SIGSEGV, &segv, NULL));
	assert_ok(sigaction(SIGBUS, &bus, NULL));
	return sig;
}

int vfio_irq_info(int fd, uint32_t index, struct vfio_irq_info *info)
{
	*info = (struct vfio_irq_info){
		.argsz = sizeof(*info),
		.index = index,
	};
	return ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, info);
}

static int irq_eventfd(int fd, uint32_t action, uint32_t index, uint32_t start,
		       int efd)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	struct vfio_irq_set *set = (struct vfio_irq_set *)buf;

	*set = (struct vfio_irq_set){
		.argsz = sizeof(buf),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | action,
		.index = index,
		.start = start,
		.count = 1,
	};
	memcpy(set->data, &efd, sizeof(efd));
	return ioctl(fd, VFIO_DEVICE_SET_IRQS, set);
}

int vfio_irq_eventfd(int fd, uint32_t index, uint32_t start, int efd)
{
	return irq_eventfd(fd, VFIO_IRQ_SET_ACTION_TRIGGER, index, start, efd);
}

int vfio_irq_unmask_eventfd(int fd, uint32_t index, int efd)
{
	return irq_eventfd(fd, VFIO_IRQ_SET_ACTION_UNMASK, index, 0, efd);
}

static int irq_plain(int fd, uint32_t index, uint32_t action, uint32_t count)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | action,
		.index = index,
		.count = count,
	};

	return ioctl(fd, VFIO_DEVICE_SET_IRQS, &set);
}

int vfio_irq_disable(int fd, uint32_t index)
{
	return irq_plain(fd, index, VFIO_IRQ_SET_ACTION_TRIGGER, 0);
}

int vfio_irq_unmask(int fd, uint32_t index)
{
	return irq_plain(fd, index, VFIO_IRQ_SET_ACTION_UNMASK, 1);
}

static uint64_t config_base(int fd)
{
	struct vfio_region_info info;

	assert_ok(vfio_region(fd, VFIO_PCI_CONFIG_REGION_INDEX, &info));
	return info.offset;
}

uint16_t vfio_config16(int fd, uint32_t offset)
{
	uint16_t value = 0;

	check_eq(2, assert_ok(pread(fd, &value, 2, config_base(fd) + offset)));
	return value;
}

void vfio_config16_set(int fd, uint32_t offset, uint16_t value)
{
	check_eq(2, assert_ok(pwrite(fd, &value, 2, config_base(fd) + offset)));
}

void vfio_bus_master(int fd)
{
	uint16_t command = vfio_config16(fd, PCI_COMMAND);

	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	vfio_config16_set(fd, PCI_COMMAND, command);
}

int eventfd_new(void)
{
	return assert_ok(keep_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
}

uint64_t eventfd_wait(int efd, int ms)
{
	struct pollfd pfd = { .fd = efd, .events = POLLIN };
	uint64_t count = 0;

	if (poll(&pfd, 1, ms) != 1 || read(efd, &count, sizeof(count)) < 0)
		return 0;
	return count;
}

struct later {
	const char *path;
	const char *text;
};

static void write_it(void *arg)
{
	struct later *later = arg;

	/* Both the files and the mappings of them are uses of the device. */
	drop_maps();
	assert_ok(close_range(3, ~0U, 0));
	assert_ok(write_file(later->path, later->text));
}

pid_t write_start(const char *path, const char *text)
{
	struct later later = { path, text };

	return child_start(write_it, &later);
}

int container_open(void)
{
	if (system("modprobe -q vfio_iommu_type1"))
		skip_test("no vfio_iommu_type1");
	return assert_ok(keep_fd(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC)));
}

int container_with(int group)
{
	int fd = container_open();

	assert_ok(group_set_container(group, fd));
	assert_ok(ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	return fd;
}

int group_open(int group)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	return keep_fd(open(path, O_RDWR | O_CLOEXEC));
}

int group_status(int fd, uint32_t *flags)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int rc = ioctl(fd, VFIO_GROUP_GET_STATUS, &status);

	*flags = status.flags;
	return rc;
}

int group_set_container(int fd, int container)
{
	return ioctl(fd, VFIO_GROUP_SET_CONTAINER, &container);
}

int group_device(int fd, const char *bdf)
{
	return keep_fd(ioctl(fd, VFIO_GROUP_GET_DEVICE_FD, bdf));
}

int vfio_group_hot_reset(int fd, const int *groups, int count)
{
	struct {
		struct vfio_pci_hot_reset head;
		int32_t groups[2];
	} cmd = {
		.head.argsz = sizeof(cmd),
		.head.count = count,
	};

	check(count <= 2);
	memcpy(cmd.groups, groups, count * sizeof(*groups));
	return ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd);
}

void test_add_drivers(struct test_list *list, const struct driver_test *tests,
		      size_t count)
{
	static const char *const drivers[] = { DRIVER_EXT, DRIVER_STOCK };
	static const char *const prefix[] = { "ext", "stock" };
	size_t d, i;

	for (d = 0; d < ARRAY_SIZE(drivers); d++)
		for (i = 0; i < count; i++)
			test_add(list, tests[i].fn, (void *)drivers[d], "%s.%s",
				 prefix[d], tests[i].name);
}
