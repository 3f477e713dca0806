/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of the system, below the root directory or, in tests, below another one.
 *
 * Paths are relative to it: "sys/bus/pci/devices". Functions return 0 or more, or a
 * negative errno.
 */
#ifndef IOASIDCTL_ROOT_H
#define IOASIDCTL_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "text.h"

int root_init(void);
bool root_is_real(void);
const char *root_prefix(void);

int root_open(int flags, const char *fmt, ...) PRINTF_LIKE(2, 3);
ssize_t root_read(char *buf, size_t size, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
char *root_read_all(const char *fmt, ...) PRINTF_LIKE(1, 2);
char *root_read_data(size_t *size, const char *fmt, ...) PRINTF_LIKE(2, 3);
ssize_t root_readlink(char *buf, size_t size, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
bool root_link_name(char *buf, size_t size, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
bool root_number(unsigned long long *value, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
int root_list(struct strv *names, const char *fmt, ...) PRINTF_LIKE(2, 3);
int root_list_directories(struct strv *names, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
bool root_exists(const char *fmt, ...) PRINTF_LIKE(1, 2);
bool root_accessible(int mode, const char *fmt, ...) PRINTF_LIKE(2, 3);
int root_write(const char *path, const char *text);
int root_replace(const char *dir, const char *name, const char *text);
int root_remove(const char *path);

#endif
