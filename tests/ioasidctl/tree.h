/* SPDX-License-Identifier: GPL-2.0-only */
/* Trees of sysfs, procfs and others in text, and the kernel that is behind them. */
#ifndef TEST_TREE_H
#define TEST_TREE_H

#include <stdbool.h>

/* The files and directories of a tree are made below a temporary directory. */
void tree_make(const char *name);
void tree_line(const char *line);
void tree_done(void);
void tree_delete(const char *path);
void tree_remove(void);
const char *tree_root(void);

/* Names that the linker gives: functions of the program, and those of kernel.c. */
int __real_root_write(const char *path, const char *text);
int __wrap_root_write(const char *path, const char *text);
int __real_root_remove(const char *path);
int __wrap_root_remove(const char *path);

#endif
