// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of the system, below the root directory or, in tests, below another one.
 *
 * What is read is small, and nobody vouches for it: each read has a limit.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root.h"

/* More than any list of mounts or contexts has a use for. */
#define READ_ALL_MAX (16 << 20)

/* More than any directory of sysfs that is looked at has. */
#define LIST_MAX 65536

static int root = -1;
static const char *prefix = "/";

/*
 * The variable is for tests. secure_getenv() has none for a program that got more
 * rights than its caller has.
 */
int root_init(void)
{
	const char *dir = secure_getenv("IOASIDCTL_ROOT");

	if (dir && *dir)
		prefix = dir;
	root = open(prefix, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -errno : 0;
}

bool root_is_real(void)
{
	return !strcmp(prefix, "/");
}

/* To put before "/sys"; "" outside tests. */
const char *root_prefix(void)
{
	return root_is_real() ? "" : prefix;
}

static bool make_path(char path[PATH_MAX], const char *fmt, va_list args)
{
	int len = vsnprintf(path, PATH_MAX, fmt, args);

	return len > 0 && len < PATH_MAX;
}

#define MAKE_PATH(path, fmt, ok)                  \
	do {                                      \
		va_list _args;                    \
		va_start(_args, fmt);             \
		ok = make_path(path, fmt, _args); \
		va_end(_args);                    \
	} while (0)

static int open_path(const char *path, int flags)
{
	int fd = openat(root, path, flags | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

int root_open(int flags, const char *fmt, ...)
{
	char path[PATH_MAX];
	bool ok;

	MAKE_PATH(path, fmt, ok);
	return ok ? open_path(path, flags) : -ENAMETOOLONG;
}

static ssize_t read_fd(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += n;
	}
	return len;
}

static void chomp(char *s)
{
	size_t len = strlen(s);

	while (len && s[len - 1] == '\n')
		s[--len] = '\0';
}

static ssize_t read_path(const char *path, char *buf, size_t size)
{
	ssize_t len;
	int fd;

	*buf = '\0';
	fd = open_path(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	len = read_fd(fd, buf, size - 1);
	close(fd);
	if (len < 0)
		len = (*buf = '\0', len);
	else
		buf[len] = '\0';
	chomp(buf);
	return len;
}

/* The first @size - 1 bytes, without the newlines at the end; "" if there is an error. */
ssize_t root_read(char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	bool ok;

	*buf = '\0';
	MAKE_PATH(path, fmt, ok);
	return ok ? read_path(path, buf, size) : -ENAMETOOLONG;
}

static char *read_all_path(const char *path, size_t *size)
{
	size_t room = 4096, len = 0;
	char *buf = NULL;
	ssize_t n;
	int fd;

	fd = open_path(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	do {
		room *= 2;
		buf = xgrow(buf, room, 1);
		n = read_fd(fd, buf + len, room - len - 1);
		if (n > 0)
			len += n;
	} while (n > 0 && len == room - 1 && room < READ_ALL_MAX);
	close(fd);
	if (n < 0) {
		free(buf);
		errno = -n;
		return NULL;
	}
	buf[len] = '\0';
	*size = len;
	return buf;
}

static char *name_too_long(void)
{
	errno = ENAMETOOLONG;
	return NULL;
}

/* The whole file, which the caller frees; NULL with errno if it cannot be read. */
char *root_read_all(const char *fmt, ...)
{
	char path[PATH_MAX];
	size_t size;
	bool ok;

	MAKE_PATH(path, fmt, ok);
	return ok ? read_all_path(path, &size) : name_too_long();
}

/* The same of a file that is no text. */
char *root_read_data(size_t *size, const char *fmt, ...)
{
	char path[PATH_MAX];
	bool ok;

	MAKE_PATH(path, fmt, ok);
	return ok ? read_all_path(path, size) : name_too_long();
}

static ssize_t readlink_path(const char *path, char *buf, size_t size)
{
	ssize_t len = readlinkat(root, path, buf, size - 1);

	if (len < 0)
		len = -errno;
	buf[len < 0 ? 0 : len] = '\0';
	return len;
}

/* What a link says; "" if there is an error. */
ssize_t root_readlink(char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	bool ok;

	*buf = '\0';
	MAKE_PATH(path, fmt, ok);
	return ok ? readlink_path(path, buf, size) : -ENAMETOOLONG;
}

/* The last part of what a link says; false and "" if there is none. */
bool root_link_name(char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;
	bool ok;

	*buf = '\0';
	MAKE_PATH(path, fmt, ok);
	if (!ok || readlink_path(path, target, sizeof(target)) <= 0)
		return false;
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (!*name || strlen(name) >= size)
		return false;
	str_copy(buf, size, name);
	return true;
}

/* A file with one number, decimal or with 0x. */
bool root_number(unsigned long long *value, const char *fmt, ...)
{
	char path[PATH_MAX], text[64];
	bool ok;

	MAKE_PATH(path, fmt, ok);
	return ok && read_path(path, text, sizeof(text)) > 0 &&
	       parse_u64(text, 0, value);
}

static bool is_directory(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return !fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISDIR(st.st_mode);
}

static int list_path(struct strv *names, const char *path,
		     bool only_directories)
{
	struct dirent *entry;
	DIR *dir;
	int fd;

	fd = open_path(path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (names->n < LIST_MAX && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    (!only_directories || is_directory(fd, entry)))
			strv_add(names, entry->d_name);
	closedir(dir);
	strv_sort(names);
	return 0;
}

/* The names in a directory, sorted. */
int root_list(struct strv *names, const char *fmt, ...)
{
	char path[PATH_MAX];
	bool ok;

	MAKE_PATH(path, fmt, ok);
	return ok ? list_path(names, path, false) : -ENAMETOOLONG;
}

/* Those that are directories themselves: a link to one is not. */
int root_list_directories(struct strv *names, const char *fmt, ...)
{
	char path[PATH_MAX];
	bool ok;

	MAKE_PATH(path, fmt, ok);
	return ok ? list_path(names, path, true) : -ENAMETOOLONG;
}

bool root_exists(const char *fmt, ...)
{
	char path[PATH_MAX];
	struct stat st;
	bool ok;

	MAKE_PATH(path, fmt, ok);
	return ok && !fstatat(root, path, &st, 0);
}

/* Whether the caller, as he is now, could open a file in this way. */
bool root_accessible(int mode, const char *fmt, ...)
{
	char path[PATH_MAX];
	bool ok;

	MAKE_PATH(path, fmt, ok);
	return ok && !faccessat(root, path, mode, AT_EACCESS);
}

static int write_fd(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

/* To a file of sysfs, which takes what it is given in one piece. */
int root_write(const char *path, const char *text)
{
	int fd, ret;

	fd = open_path(path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return fd;
	ret = write_fd(fd, text);
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

static int replace_at(int dir, const char *name, const char *text)
{
	char temporary[NAME_MAX + 1];
	int fd, ret;

	ret = snprintf(temporary, sizeof(temporary), ".%s.new", name);
	if (ret < 0 || (size_t)ret >= sizeof(temporary))
		return -ENAMETOOLONG;
	if (unlinkat(dir, temporary, 0) && errno != ENOENT)
		return -errno;
	fd = openat(dir, temporary,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	ret = write_fd(fd, text);
	if (!ret && fsync(fd))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && renameat(dir, temporary, dir, name))
		ret = -errno;
	if (ret)
		unlinkat(dir, temporary, 0);
	return ret;
}

/* A file of configuration, made or replaced in one step; its directory is made, too. */
int root_replace(const char *dir, const char *name, const char *text)
{
	int fd, ret;

	if (mkdirat(root, dir, 0755) && errno != EEXIST)
		return -errno;
	fd = open_path(dir, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	ret = replace_at(fd, name, text);
	close(fd);
	return ret;
}

int root_remove(const char *path)
{
	return unlinkat(root, path, 0) ? -errno : 0;
}
