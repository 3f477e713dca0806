/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes, and what they have open. */
#ifndef IOASIDCTL_PROCESS_H
#define IOASIDCTL_PROCESS_H

#include <stdbool.h>

#include "text.h"

bool process_list(struct strv *pids);
char *process_command(const char *pid);
char *process_name(const char *pid);
char *process_end(const struct strv *names);
bool process_list_users(const char *path, struct strv *users);

#endif
