// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compared around each test: pages pinned in the system, this process's
 * VmPin and VmLck, references to both modules (an open node, a bound device),
 * and for each device of the topology whether its group has a DMA owner, which
 * the legacy group reports as "viable".
 *
 * The charge per user (user_struct.locked_vm) has no file to read it from; the
 * tests that run as a user of their own measure it by using it up.
 */
#include <fcntl.h>

#include "state.h"
#include "test.h"
#include "vfio.h"

#define SETTLE_MS 5000
#define NUM_DEVICES 5

static const char * const device_names[NUM_DEVICES] = {
	"EDU_BDF", "NVME_BDF", "SHARED_BDF1", "SHARED_BDF2", "E1000E_BDF",
};

struct state {
	long pins;
	long vmpin;
	long vmlck;
	long iommufd_refs;
	long cdev_refs;
	/* -1: cannot be asked, else 1 for a group that nobody owns */
	int viable[NUM_DEVICES];
};

static struct state before;

bool kernel_has_lockdep(void)
{
	return path_exists("/proc/lockdep_stats");
}

long state_pins(void)
{
	long acquired = 0, released = 0;
	char line[128], *value;
	FILE *file;

	/* Fold the counters of each CPU into the sum that is shown. */
	read_file("/proc/sys/vm/stat_refresh", line, sizeof(line));
	file = fopen("/proc/vmstat", "re");
	if (!file)
		fail_test("no /proc/vmstat");
	while (fgets(line, sizeof(line), file)) {
		value = strchr(line, ' ');
		if (!strncmp(line, "nr_foll_pin_acquired ", 21))
			acquired = strtol(value, NULL, 10);
		if (!strncmp(line, "nr_foll_pin_released ", 21))
			released = strtol(value, NULL, 10);
	}
	fclose(file);
	return acquired - released;
}

long state_vm(const char *field)
{
	char line[128];
	long value = -1;
	FILE *file = fopen("/proc/self/status", "re");

	if (!file)
		fail_test("no /proc/self/status");
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, field, strlen(field)))
			value = strtol(line + strlen(field) + 1, NULL, 10);
	}
	fclose(file);
	return value;
}

static long module_refs(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	return path_exists(path) ? read_long(path) : -1;
}

static int group_viable(const char *name)
{
	const char *bdf = topology(name);
	int group, fd, rc;
	uint32_t flags;
	char path[64];

	if (!bdf)
		return -1;
	group = pci_group(bdf);
	if (group < 0)
		return -1;
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = group_status(fd, &flags);
	close(fd);
	if (rc)
		return -1;
	return !!(flags & VFIO_GROUP_FLAGS_VIABLE);
}

static void state_read(struct state *state)
{
	size_t i;

	state->pins = state_pins();
	state->vmpin = state_vm("VmPin");
	state->vmlck = state_vm("VmLck");
	state->iommufd_refs = module_refs("iommufd_ext");
	state->cdev_refs = module_refs("vfio_cdev_ext");
	for (i = 0; i < NUM_DEVICES; i++)
		state->viable[i] = group_viable(device_names[i]);
}

static bool state_same(const struct state *after)
{
	size_t i;

	for (i = 0; i < NUM_DEVICES; i++) {
		/* A test may move a device to another driver. */
		if (after->viable[i] >= 0 && before.viable[i] >= 0 &&
		    after->viable[i] != before.viable[i])
			return false;
	}
	return after->pins == before.pins && after->vmpin == before.vmpin &&
	       after->vmlck == before.vmlck &&
	       after->iommufd_refs == before.iommufd_refs &&
	       after->cdev_refs == before.cdev_refs;
}

void state_take(void)
{
	state_read(&before);
}

static void say_change(const char *what, long was, long is)
{
	if (was != is)
		print_message("# %s: %ld before, %ld after\n", what, was, is);
}

void state_compare(void)
{
	long long end = now_ms() + SETTLE_MS;
	struct state after;
	size_t i;

	for (;;) {
		state_read(&after);
		if (state_same(&after))
			return;
		if (now_ms() > end)
			break;
		sleep_ms(50);
	}
	say_change("pins", before.pins, after.pins);
	say_change("VmPin", before.vmpin, after.vmpin);
	say_change("VmLck", before.vmlck, after.vmlck);
	say_change("references to iommufd_ext", before.iommufd_refs,
		   after.iommufd_refs);
	say_change("references to vfio_cdev_ext", before.cdev_refs,
		   after.cdev_refs);
	for (i = 0; i < NUM_DEVICES; i++)
		say_change(device_names[i], before.viable[i], after.viable[i]);
	fail_test("the test did not leave things as they were");
}

int klog_mark(void)
{
	int fd = assert_ok(keep_fd(open("/dev/kmsg", O_RDONLY | O_NONBLOCK |
					O_CLOEXEC)));

	assert_ok(lseek(fd, 0, SEEK_END));
	return fd;
}

bool klog_wait(int mark, const char *first, const char *second, int ms)
{
	long long end = now_ms() + ms;
	char line[2048];
	ssize_t n;

	do {
		n = read(mark, line, sizeof(line) - 1);
		if (n < 0) {
			sleep_ms(20);
			continue;
		}
		line[n] = 0;
		if (strstr(line, first) && strstr(line, second))
			return true;
		/* What is there is read, however short the time. */
	} while (n >= 0 || now_ms() < end);
	return false;
}
