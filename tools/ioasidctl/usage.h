/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host uses a device for, and who uses it through VFIO. */
#ifndef IOASIDCTL_USAGE_H
#define IOASIDCTL_USAGE_H

#include "device.h"

/**
 * struct use - one thing a device is used for
 * @text: what that is
 * @action: the command that ends it, or shows it if it is not sure, or NULL
 * @unsure: it cannot be seen, and may be so
 */
struct use {
	char *text;
	char *action;
	bool unsure;
};

/**
 * struct usage - all of them
 * @n: how many there are
 * @list: the uses
 */
struct usage {
	size_t n;
	struct use *list;
};

struct use *usage_add(struct usage *usage, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
void use_set_action(struct use *use, const char *command, const char *word,
		    const char *rest);
bool usage_is_sure(const struct usage *usage);

/* Each of these adds uses of one kind. */
void usage_find_interfaces(const struct device *dev, struct usage *usage);
void usage_find_hidden(const struct device *dev, struct usage *usage);
void usage_find_display(const struct device *dev, struct usage *usage);
void usage_find_firmware_display(const struct device *dev, struct usage *usage);
void usage_find_keyboards(const struct device *dev, struct usage *usage);
void usage_find_sound(const struct device *dev, struct usage *usage);

void usage_find(const struct device *dev, struct usage *usage);
void usage_find_claims(const struct device *dev, struct usage *usage);
void usage_free(struct usage *usage);

enum vfio_user { VFIO_FREE, VFIO_USED, VFIO_UNKNOWN };

enum vfio_user vfio_user_find(const struct device *dev, char **who);

#endif
