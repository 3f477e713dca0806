/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts of the machine and of its kernel. */
#ifndef IOASIDCTL_HOST_H
#define IOASIDCTL_HOST_H

#include <stdbool.h>
#include <stddef.h>

enum cpu_vendor { CPU_OTHER, CPU_INTEL, CPU_AMD };

char host_config(const char *option);
bool host_config_known(void);
bool host_config_line(const char *option, char *line, size_t size);
const char *host_cmdline(void);
bool host_option(const char *name, char *value, size_t size);
bool host_option_has(const char *name, const char *value);
enum cpu_vendor host_cpu(void);
bool host_is_guest(void);
bool host_has_groups(void);
bool host_native_iommufd(void);
bool host_native_cdevs(void);
bool host_lockdown(char *mode, size_t size);
bool host_may_lock_memory(void);
bool host_memlock(unsigned long long *soft, unsigned long long *hard);

/* A guest's firmware, video memory and BARs are mapped on top of its memory. */
#define MEMORY_MORE (256ull << 20)

#endif
