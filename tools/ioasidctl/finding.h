/* SPDX-License-Identifier: GPL-2.0-only */
/* What a look at a device or at the host has found. */
#ifndef IOASIDCTL_FINDING_H
#define IOASIDCTL_FINDING_H

#include <json.h>
#include <stdbool.h>

#include "text.h"

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_BLOCKS };

/**
 * struct finding - one of them
 * @level: how bad it is
 * @id: what was looked at, one word that scripts can depend on
 * @text: what is found
 * @actions: commands that change it
 * @by_bind: "ioasidctl bind" changes it
 */
struct finding {
	enum level level;
	const char *id;
	char *text;
	struct strv actions;
	bool by_bind;
};

/**
 * struct findings - all of them
 * @n: how many there are
 * @list: the findings, in the order they were made
 */
struct findings {
	size_t n;
	struct finding *list;
};

struct finding *finding_add(struct findings *findings, enum level level,
			    const char *id, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
void finding_do(struct finding *finding, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
size_t findings_count(const struct findings *findings, enum level level);
void findings_print(const struct findings *findings);
struct json_object *findings_json(const struct findings *findings);
void findings_free(struct findings *findings);

#endif
