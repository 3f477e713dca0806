/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel modules: what is loaded, and what is installed. */
#ifndef IOASIDCTL_MODULE_H
#define IOASIDCTL_MODULE_H

#include <stdbool.h>

/**
 * struct module - a kernel module
 * @name: its name
 * @loaded: whether it is in the kernel
 * @built_in: whether it is a part of the kernel
 * @version: of the one in the kernel, "" if it has none
 * @srcversion: as @version
 * @installed: whether there is a file for this kernel
 * @file: its path
 * @file_version: of the file
 * @file_srcversion: of the file
 * @signer: who has signed the file, "" if nobody has
 * @key: the id of the key it is signed with, as libkmod writes it: "0A:1B"
 * @is_signed: whether the file has a signature
 */
struct module {
	const char *name;
	bool loaded;
	bool built_in;
	char version[64];
	char srcversion[64];
	bool installed;
	char file[256];
	char file_version[64];
	char file_srcversion[64];
	char signer[128];
	char key[256];
	bool is_signed;
};

void module_query(const char *name, struct module *module);
bool module_is_stale(const struct module *module);
int module_parameter(const char *module, const char *parameter);
int module_load(const char *name);
const char *kernel_release(void);

#endif
