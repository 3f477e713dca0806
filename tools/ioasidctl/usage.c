// SPDX-License-Identifier: GPL-2.0-only
/* What the host uses a device for, and who uses it through VFIO. */
#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "driver.h"
#include "process.h"
#include "root.h"
#include "usage.h"

/* Disks on disks: no more than this many. */
#define DEPTH_MAX 8

/* Users mount where they like, and programs call themselves what they like: escaped. */
struct use *usage_add(struct usage *usage, const char *fmt, ...)
{
	struct use *use;
	char raw[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	usage->list = xgrow(usage->list, usage->n + 1, sizeof(*usage->list));
	use = &usage->list[usage->n++];
	use->text = str_escape(raw);
	use->action = NULL;
	use->unsure = false;
	return use;
}

/* None for a word that a terminal does not show as it is: nobody could paste it. */
void use_set_action(struct use *use, const char *command, const char *word,
		    const char *rest)
{
	char *quoted;

	if (!str_is_shown(word))
		return;
	quoted = str_quote(word);
	use->action = xprintf("%s %s%s", command, quoted, rest);
	free(quoted);
}

/* Whether one of them is. */
bool usage_is_sure(const struct usage *usage)
{
	size_t i;

	for (i = 0; i < usage->n; i++)
		if (!usage->list[i].unsure)
			return true;
	return false;
}

/* --- disks --------------------------------------------------------------------- */

static struct libmnt_table *load_table(const char *file, bool swaps)
{
	struct libmnt_table *table = mnt_new_table();
	char *path = xprintf("%s/%s", root_prefix(), file);

	if (table && swaps)
		mnt_table_parse_swaps(table, path);
	else if (table)
		mnt_table_parse_file(table, path);
	free(path);
	return table;
}

static struct libmnt_table *mount_table(void)
{
	static struct libmnt_table *table;

	if (!table)
		table = load_table("proc/self/mountinfo", false);
	return table;
}

static struct libmnt_table *swap_table(void)
{
	static struct libmnt_table *table;

	if (!table)
		table = load_table("proc/swaps", true);
	return table;
}

/**
 * struct disk - a disk, a partition, or what is made of them
 * @name: its name in sysfs
 * @path: its node, by the name people know
 * @devno: its number
 */
struct disk {
	const char *name;
	char path[160];
	dev_t devno;
};

static void load_disk(const char *name, struct disk *disk)
{
	unsigned int major, minor;
	char text[128];

	disk->name = name;
	disk->devno = 0;
	if (root_read(text, sizeof(text), "sys/class/block/%s/dev", name) > 0 &&
	    sscanf(text, "%u:%u", &major, &minor) == 2)
		disk->devno = makedev(major, minor);
	if (root_read(text, sizeof(text), "sys/class/block/%s/dm/name",
		      name) > 0)
		snprintf(disk->path, sizeof(disk->path), "/dev/mapper/%s",
			 text);
	else
		snprintf(disk->path, sizeof(disk->path), "/dev/%s", name);
}

static bool source_is(const struct disk *disk, const char *source)
{
	return source && (!strcmp(source, disk->path) ||
			  (str_starts(source, "/dev/") &&
			   !strcmp(source + 5, disk->name)));
}

/* The system cannot go on without these. */
static bool is_system_mount(const char *target)
{
	static const char *const targets[] = { "/",	"/boot", "/boot/efi",
					       "/efi",	"/usr",	 "/var" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(targets); i++)
		if (!strcmp(target, targets[i]))
			return true;
	return false;
}

static void add_mount(struct usage *usage, const struct disk *disk,
		      const char *target)
{
	if (is_system_mount(target))
		usage_add(usage, "%s is mounted at %s: the system runs from it",
			  disk->path, target);
	else
		use_set_action(usage_add(usage, "%s is mounted at %s",
					 disk->path, target),
			       "umount", target, "");
}

/* The source of a mount in user space is what its user says; "fuseblk" is root's. */
static bool source_is_users(const char *type)
{
	return type && (!strcmp(type, "fuse") || str_starts(type, "fuse."));
}

static bool is_mount_of(const struct disk *disk, struct libmnt_fs *fs)
{
	if (disk->devno && mnt_fs_get_devno(fs) == disk->devno)
		return true;
	return !source_is_users(mnt_fs_get_fstype(fs)) &&
	       source_is(disk, mnt_fs_get_source(fs));
}

/* Adds where a disk is mounted. */
static void list_targets(struct strv *targets, const struct disk *disk)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;

	while (iter && mount_table() &&
	       !mnt_table_next_fs(mount_table(), iter, &fs))
		if (mnt_fs_get_target(fs) && is_mount_of(disk, fs))
			strv_add(targets, mnt_fs_get_target(fs));
	mnt_free_iter(iter);
}

static void find_mounts(struct usage *usage, const struct disk *disk)
{
	struct strv targets = {};
	size_t i;

	list_targets(&targets, disk);
	for (i = 0; i < targets.n; i++)
		add_mount(usage, disk, targets.s[i]);
	strv_free(&targets);
}

static void find_swaps(struct usage *usage, const struct disk *disk)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;

	while (iter && swap_table() && !mnt_table_next_fs(swap_table(), iter, &fs))
		if (source_is(disk, mnt_fs_get_source(fs)))
			use_set_action(usage_add(usage, "%s is swap space",
						 disk->path),
				       "swapoff", disk->path, "");
	mnt_free_iter(iter);
}

static void add_holder(struct usage *usage, const struct disk *disk,
		       const struct disk *holder)
{
	struct use *use;
	char uuid[16];

	use = usage_add(usage, "%s is a part of %s", disk->path, holder->path);
	root_read(uuid, sizeof(uuid), "sys/class/block/%s/dm/uuid",
		  holder->name);
	if (str_starts(uuid, "LVM-"))
		use_set_action(use, "lvchange -an", holder->path, "");
	else if (str_starts(uuid, "CRYPT-"))
		use_set_action(use, "cryptsetup close", holder->path, "");
	else if (uuid[0])
		use_set_action(use, "dmsetup remove", holder->path, "");
	else if (root_exists("sys/class/block/%s/md", holder->name))
		use_set_action(use, "mdadm --stop", holder->path, "");
}

static void add_btrfs(struct usage *usage, const struct disk *disk,
		      const char *system)
{
	struct strv names = {}, targets = {};
	bool runs = false;
	struct disk part;
	struct use *use;
	size_t i;

	root_list(&names, "sys/fs/btrfs/%s/devices", system);
	for (i = 0; i < names.n; i++) {
		load_disk(names.s[i], &part);
		list_targets(&targets, &part);
	}
	for (i = 0; i < targets.n; i++)
		runs |= is_system_mount(targets.s[i]);
	use = usage_add(usage, "%s is a part of a mounted btrfs, %s%s",
			disk->path, system,
			runs ? ": the system runs from it" : "");
	/* Of several mounts, one after the other; without any, it is another namespace's. */
	if (targets.n && !runs)
		use_set_action(use, "umount", targets.s[0], "");
	else if (!targets.n)
		use->action = xstrdup("grep btrfs /proc/[0-9]*/mountinfo");
	strv_free(&targets);
	strv_free(&names);
}

/* A file system of several disks names one of them as its source. */
static void find_btrfs(struct usage *usage, const struct disk *disk)
{
	struct strv systems = {};
	size_t i, before = usage->n;

	root_list(&systems, "sys/fs/btrfs");
	for (i = 0; i < systems.n && usage->n == before; i++)
		if (root_exists("sys/fs/btrfs/%s/devices/%s", systems.s[i],
				disk->name))
			add_btrfs(usage, disk, systems.s[i]);
	strv_free(&systems);
}

static void find_disk_uses(struct usage *usage, const char *name, int depth)
{
	struct strv holders = {};
	struct disk disk, holder;
	size_t i;

	load_disk(name, &disk);
	find_mounts(usage, &disk);
	find_swaps(usage, &disk);
	find_btrfs(usage, &disk);
	root_list(&holders, "sys/class/block/%s/holders", name);
	for (i = 0; i < holders.n && depth < DEPTH_MAX; i++) {
		find_disk_uses(usage, holders.s[i], depth + 1);
		load_disk(holders.s[i], &holder);
		add_holder(usage, &disk, &holder);
	}
	strv_free(&holders);
}

static bool disk_is_below(const char *path, const char *bdf)
{
	struct strv controllers = {};
	bool below = path_is_below(path, bdf);
	size_t i;

	nvme_controllers(path, &controllers);
	for (i = 0; i < controllers.n && !below; i++)
		below = path_is_below(controllers.s[i], bdf);
	strv_free(&controllers);
	return below;
}

/* The disks of a device, and their partitions. */
static void list_disks(struct strv *disks, const struct device *dev)
{
	struct strv names = {};
	char target[PATH_MAX];
	size_t i;

	root_list(&names, "sys/class/block");
	for (i = 0; i < names.n; i++) {
		root_readlink(target, sizeof(target), "sys/class/block/%s",
			      names.s[i]);
		if (disk_is_below(target, dev->bdf))
			strv_add(disks, names.s[i]);
	}
	strv_free(&names);
}

static void find_disks(struct usage *usage, const struct device *dev)
{
	struct strv disks = {};
	size_t i;

	list_disks(&disks, dev);
	for (i = 0; i < disks.n; i++)
		find_disk_uses(usage, disks.s[i], 0);
	strv_free(&disks);
}

/* --- all of them --------------------------------------------------------------- */

static void find_functions(struct usage *usage, const struct device *dev)
{
	struct use *use;

	if (!dev->vfs)
		return;
	use = usage_add(usage,
			"it has %u virtual functions, which go with its driver",
			dev->vfs);
	use->action = xprintf("echo 0 > /sys/bus/pci/devices/%s/sriov_numvfs",
			      dev->bdf);
}

/* With a driver of VFIO, or none, only the firmware can have made use of it. */
void usage_find(const struct device *dev, struct usage *usage)
{
	usage->n = 0;
	usage->list = NULL;
	if (!device_blocks_group(dev)) {
		usage_find_firmware_display(dev, usage);
		return;
	}
	find_disks(usage, dev);
	usage_find_interfaces(dev, usage);
	usage_find_hidden(dev, usage);
	if (device_is_display(dev))
		usage_find_display(dev, usage);
	usage_find_keyboards(dev, usage);
	usage_find_sound(dev, usage);
	find_functions(usage, dev);
}

/*
 * What no table tells: whoever in the kernel uses a disk has opened it for itself alone,
 * a file system of any kind wherever it is mounted, swap, RAID, a target. Only root can ask,
 * and the disk is ours for that moment, so this is for who is about to take it.
 */
void usage_find_claims(const struct device *dev, struct usage *usage)
{
	struct strv disks = {};
	size_t i;
	int fd;

	list_disks(&disks, dev);
	for (i = 0; i < disks.n; i++) {
		fd = root_open(O_RDONLY | O_EXCL | O_NONBLOCK, "dev/%s",
			       disks.s[i]);
		if (fd == -EBUSY)
			usage_add(usage,
				  "the kernel has /dev/%s open for itself",
				  disks.s[i]);
		else if (fd >= 0)
			close(fd);
	}
	strv_free(&disks);
}

void usage_free(struct usage *usage)
{
	size_t i;

	for (i = 0; i < usage->n; i++) {
		free(usage->list[i].text);
		free(usage->list[i].action);
	}
	free(usage->list);
}

/* The first line of the file "owner" is the one that counts. The kernel has escaped it. */
static enum vfio_user parse_owner(char *owner, char **who)
{
	char *command;

	owner[strcspn(owner, "\n")] = '\0';
	if (!*owner)
		return VFIO_FREE;
	command = strchr(owner, ' ');
	if (!strcmp(owner, "0"))
		*who = xstrdup("a process of another PID namespace");
	else if (!strcmp(owner, "ended"))
		*who = xstrdup("a process that got its file from another, which has ended");
	else if (str_starts(owner, "group "))
		*who = xprintf("a user of /dev/vfio/%s", owner + 6);
	else if (command)
		*who = xprintf("%s (%.*s)", command + 1,
			       (int)(command - owner), owner);
	else
		*who = xprintf("%s", owner);
	return VFIO_USED;
}

static enum vfio_user scan_processes(const struct device *dev, char **who)
{
	struct strv users = {};
	bool complete;
	char *path;

	path = xprintf("/dev/vfio/%d", dev->group);
	complete = process_list_users(path, &users);
	free(path);
	path = device_node(dev);
	if (path)
		process_list_users(path, &users);
	free(path);
	if (users.n)
		*who = strv_join(&users, ", ");
	strv_free(&users);
	return *who ? VFIO_USED : complete ? VFIO_FREE : VFIO_UNKNOWN;
}

/* Who has a device, or its group, through VFIO; @who is freed by the caller. */
enum vfio_user vfio_user_find(const struct device *dev, char **who)
{
	char owner[256];
	ssize_t len;

	*who = NULL;
	if (!dev->vfio[0])
		return VFIO_FREE;
	len = root_read(owner, sizeof(owner),
			"sys/bus/pci/devices/%s/vfio-dev/%s/owner", dev->bdf,
			dev->vfio);
	if (len >= 0)
		return parse_owner(owner, who);
	return scan_processes(dev, who);
}
