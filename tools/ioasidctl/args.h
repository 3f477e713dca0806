/* SPDX-License-Identifier: GPL-2.0-only */
/* What all commands read alike. */
#ifndef IOASIDCTL_ARGS_H
#define IOASIDCTL_ARGS_H

#include <getopt.h>

#include "device.h"

/* Every command has --json and --help; these are their values. */
enum { OPT_JSON = 256, OPT_HELP };

int args_common(int option, const char *command);
int args_wrong(const char *command);
int args_device(const char *spec, struct device *dev);

#endif
