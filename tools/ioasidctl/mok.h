/* SPDX-License-Identifier: GPL-2.0-only */
/* The key that DKMS signs modules with: does this machine know it? */
#ifndef IOASIDCTL_MOK_H
#define IOASIDCTL_MOK_H

#include <stdbool.h>
#include <stddef.h>

enum mok_state {
	MOK_UNKNOWN,
	MOK_NONE,
	MOK_MISSING,
	MOK_PENDING,
	MOK_ENROLLED
};

/**
 * struct mok - the key
 * @file: path of its certificate
 * @state: unknown, or there is no certificate yet, or the machine does not know it, will
 *	ask about it when it starts, or knows it
 * @certificate: what is in the file, NULL if it cannot be read
 * @size: of that
 */
struct mok {
	char file[256];
	enum mok_state state;
	char *certificate;
	size_t size;
};

void mok_query(struct mok *mok);
bool mok_is(const struct mok *mok, const char *key);
void mok_free(struct mok *mok);

#endif
