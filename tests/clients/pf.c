// SPDX-License-Identifier: GPL-2.0-only
/*
 * pf BDF UUID [again] : drives an nvme that has virtual functions, as a user of its char
 * device with a VF token.
 *
 * It gives each virtual function its queues and its interrupt and takes it online,
 * which nobody else can do, says "ready", and then keeps the device until its
 * standard input ends. "again" leaves a device as it is that has run before.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#define PAGE 4096
#define ENTRIES 16

/* Of the device: registers, and the commands of the administrator's queue. */
#define REG_CC 0x14
#define REG_CSTS 0x1c
#define REG_AQA 0x24
#define REG_ASQ 0x28
#define REG_ACQ 0x30
#define REG_DOORBELLS 0x1000
#define CC_ENABLE 0x00460001 /* entries of 64 and 16 bytes */
#define OP_VIRT_MGMT 0x1c
#define ACT_PRIMARY 1
#define ACT_ASSIGN 8
#define ACT_ONLINE 9
#define RT_QUEUES 0
#define RT_INTERRUPTS 1
#define NUM_VFS 2

struct command {
	uint32_t dw[16];
};

struct completion {
	uint32_t dw[3];
	uint16_t id;
	uint16_t status;
};

static volatile uint8_t *bar;
/* The queue of commands, then that of completions, where the device sees them, too. */
static volatile struct command *sq;
static volatile struct completion *cq;
static unsigned int tail;

static void write32(unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(bar + reg) = value;
}

static void write64(unsigned int reg, uint64_t value)
{
	write32(reg, value);
	write32(reg + 4, value >> 32);
}

static uint32_t read32(unsigned int reg)
{
	return *(volatile uint32_t *)(bar + reg);
}

/* Ten seconds for anything. */
static void wait_ready(uint32_t ready)
{
	for (int i = 0; i < 1000; i++) {
		if ((read32(REG_CSTS) & 3) == ready)
			return;
		usleep(10000);
	}
	errx(1, "the device does not get ready: %#x", read32(REG_CSTS));
}

/* What is given away counts from the next start of the device. */
static void start_device(void)
{
	write32(REG_CC, 0);
	wait_ready(0);
	memset((void *)sq, 0, 2 * PAGE);
	tail = 0;
	write32(REG_AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	write64(REG_ASQ, 0);
	write64(REG_ACQ, PAGE);
	write32(REG_CC, CC_ENABLE);
	wait_ready(1);
}

static void virt_mgmt(unsigned int controller, unsigned int resource,
		      unsigned int action, unsigned int count)
{
	unsigned int slot = tail;
	struct command cmd = {
		.dw[0] = OP_VIRT_MGMT | slot << 16,
		.dw[10] = controller << 16 | resource << 8 | action,
		.dw[11] = count,
	};

	if (++tail == ENTRIES)
		errx(1, "more commands than the queue has room for");
	memcpy((void *)&sq[slot], &cmd, sizeof(cmd));
	__sync_synchronize();
	write32(REG_DOORBELLS, tail);
	for (int i = 0; i < 1000; i++) {
		if (cq[slot].status & 1) {
			write32(REG_DOORBELLS + 4, tail);
			if (cq[slot].status >> 1)
				errx(1, "controller %u, action %u: status %#x",
				     controller, action, cq[slot].status >> 1);
			return;
		}
		usleep(10000);
	}
	errx(1, "controller %u, action %u: no answer", controller, action);
}

static int open_node(const char *bdf)
{
	char path[512];
	struct dirent *entry;
	int fd = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		err(1, "%s", path);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s",
			 entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	closedir(dir);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void parse_uuid(const char *text, uint8_t *uuid)
{
	for (int i = 0; i < 16; i++) {
		if (*text == '-')
			text++;
		if (sscanf(text, "%2hhx", &uuid[i]) != 1)
			errx(1, "not a UUID");
		text += 2;
	}
}

/* Bind with the token, one address space, the queues in it at 0. */
static int open_device(const char *bdf, const char *token)
{
	uint8_t uuid[16];
	int fd = open_node(bdf), iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	struct vfio_cdev_bind bind = {
		.argsz = sizeof(bind),
		.flags = VFIO_CDEV_BIND_FLAG_TOKEN,
		.iommufd = iommu,
		.token_uuid_ptr = (uintptr_t)uuid,
	};
	struct ioasid_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_cdev_attach attach = { .argsz = sizeof(attach) };
	struct ioasid_ioas_map map = {
		.size = sizeof(map),
		.flags = IOASID_IOAS_MAP_FIXED_IOVA |
			 IOASID_IOAS_MAP_READABLE | IOASID_IOAS_MAP_WRITEABLE,
		.length = 2 * PAGE,
	};

	parse_uuid(token, uuid);
	if (iommu < 0)
		err(1, "/dev/iommu");
	if (ioctl(fd, VFIO_CDEV_BIND, &bind))
		err(1, "BIND");
	if (ioctl(iommu, IOASID_IOAS_ALLOC, &alloc))
		err(1, "IOAS_ALLOC");
	attach.pt_id = alloc.out_ioas_id;
	if (ioctl(fd, VFIO_CDEV_ATTACH, &attach))
		err(1, "ATTACH");
	sq = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sq == MAP_FAILED)
		err(1, "mmap of memory");
	cq = (void *)((uint8_t *)sq + PAGE);
	map.ioas_id = alloc.out_ioas_id;
	map.user_va = (uintptr_t)sq;
	if (ioctl(iommu, IOASID_IOAS_MAP, &map))
		err(1, "IOAS_MAP");
	return fd;
}

/* Memory and bus master, in the command register of the device's config space. */
static void enable_device(int fd)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command;

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "GET_REGION_INFO");
	if (pread(fd, &command, 2, info.offset + 4) != 2)
		err(1, "config space");
	command |= 6;
	if (pwrite(fd, &command, 2, info.offset + 4) != 2)
		err(1, "config space");
	info.index = VFIO_PCI_BAR0_REGION_INDEX;
	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "GET_REGION_INFO");
	bar = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   info.offset);
	if (bar == MAP_FAILED)
		err(1, "mmap of registers");
}

static void configure(void)
{
	start_device();
	virt_mgmt(0, RT_QUEUES, ACT_PRIMARY, 0);
	virt_mgmt(0, RT_INTERRUPTS, ACT_PRIMARY, 0);
	start_device();
	for (unsigned int vf = 1; vf <= NUM_VFS; vf++) {
		virt_mgmt(vf, RT_QUEUES, ACT_ASSIGN, 2);
		virt_mgmt(vf, RT_INTERRUPTS, ACT_ASSIGN, 1);
		virt_mgmt(vf, 0, ACT_ONLINE, 0);
	}
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3 || argc > 4)
		errx(2, "usage: pf BDF UUID [again]");
	fd = open_device(argv[1], argv[2]);
	if (argc == 3) {
		enable_device(fd);
		configure();
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
