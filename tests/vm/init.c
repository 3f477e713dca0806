// SPDX-License-Identifier: GPL-2.0-only
/*
 * First process of a test machine.
 *
 * Loads the few modules the disks need, puts a tmpfs over the read-only user land, mounts what
 * programs expect, and hands over to /ext/stage2 there. A C program and no shell: under emulation
 * every process counts, and the initramfs stays a few hundred kilobytes.
 *
 * With the argument "poweroff" it is the way stage2 ends the machine.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static void fail(const char *what)
{
	fprintf(stderr, "vm init: %s: %s\n", what, strerror(errno));
	sleep(1);
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void try_mount(const char *src, const char *dst, const char *type,
		      unsigned long flags, const char *data)
{
	mkdir(dst, 0755);
	if (mount(src, dst, type, flags, data))
		fail(dst);
}

static void load(const char *dir, const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		fail(path);
	close(fd);
}

static int no_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* What a user land expects. A kernel without one of these file systems has tests that say so. */
static void mount_usual(void)
{
	static const struct {
		const char *where, *type;
	} usual[] = {
		{ "/proc", "proc" },
		{ "/sys", "sysfs" },
		{ "/run", "tmpfs" },
		{ "/tmp", "tmpfs" },
		{ "/dev/pts", "devpts" },
		{ "/dev/shm", "tmpfs" },
		{ "/dev/hugepages", "hugetlbfs" },
		{ "/sys/kernel/debug", "debugfs" },
		{ "/sys/kernel/tracing", "tracefs" },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		mkdir(usual[i].where, 0755);
		if (mount(usual[i].type, usual[i].where, usual[i].type, 0,
			  NULL))
			fprintf(stderr, "vm init: %s: %s\n", usual[i].where,
				strerror(errno));
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			fail(links[i][1]);
}

/* The names begin with the number of their turn. */
static void load_all(const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, no_dots, alphasort);

	for (int i = 0; i < n; i++)
		load(dir, names[i]->d_name);
}

static void wait_for(const char *path)
{
	for (int i = 0; i < 1000; i++) {
		if (!access(path, F_OK))
			return;
		usleep(10000);
	}
	fail(path);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "poweroff")) {
		reboot(RB_POWER_OFF);
		return 1;
	}
	try_mount("dev", "/dev", "devtmpfs", 0, NULL);
	load_all("/ext/early");
	wait_for("/dev/vda");
	wait_for("/dev/vdb");
	try_mount("/dev/vda", "/lower", "ext4", MS_RDONLY, NULL);
	try_mount("tmpfs", "/upper", "tmpfs", 0, NULL);
	mkdir("/upper/data", 0755);
	mkdir("/upper/work", 0755);
	try_mount("overlay", "/root", "overlay", 0,
		  "lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work");
	try_mount("/dev/vdb", "/root/usr/lib/modules", "ext4", MS_RDONLY, NULL);
	try_mount("/ext", "/root/ext", NULL, MS_BIND, NULL);
	try_mount("/dev", "/root/dev", NULL, MS_MOVE, NULL);
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		fail("new root");
	mount_usual();
	execl("/usr/bin/bash", "bash", "/ext/stage2", (char *)NULL);
	fail("/ext/stage2");
}
