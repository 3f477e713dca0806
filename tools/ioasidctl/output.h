/* SPDX-License-Identifier: GPL-2.0-only */
/* What all commands print alike. */
#ifndef IOASIDCTL_OUTPUT_H
#define IOASIDCTL_OUTPUT_H

#include <json.h>
#include <stdbool.h>

#include "text.h"

enum colour { PLAIN, RED, GREEN, YELLOW, BOLD };

/* Set by --json. */
extern bool out_json;

void out_init(void);
const char *colour_on(enum colour colour);
const char *colour_off(enum colour colour);

void say_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
int exit_code(int error);

void json_string(struct json_object *to, const char *key, const char *value);
void json_number(struct json_object *to, const char *key,
		 unsigned long long value);
void json_boolean(struct json_object *to, const char *key, bool value);
struct json_object *json_strings(const struct strv *v);
void json_print(struct json_object *object);
void json_print_errors(void);

#endif
