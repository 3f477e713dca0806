// SPDX-License-Identifier: GPL-2.0-only
/* What all commands print alike. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ioasidctl.h"
#include "output.h"

bool out_json;
static bool coloured;

/* With --json: what was said, in case that nothing else is printed. */
static struct strv errors;
static bool json_printed;

/* https://no-color.org: set and not empty means no. */
void out_init(void)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	coloured = !(no && *no) && isatty(STDOUT_FILENO) && term &&
		   strcmp(term, "dumb");
}

const char *colour_on(enum colour colour)
{
	static const char *const codes[] = {
		[PLAIN] = "",
		[RED] = "\033[31m",
		[GREEN] = "\033[32m",
		[YELLOW] = "\033[33m",
		[BOLD] = "\033[1m",
	};

	return coloured ? codes[colour] : "";
}

const char *colour_off(enum colour colour)
{
	return coloured && colour != PLAIN ? "\033[0m" : "";
}

/* One line, whatever names are in it. */
void say_error(const char *fmt, ...)
{
	char *raw, *escaped;
	va_list args;

	va_start(args, fmt);
	raw = xvprintf(fmt, args);
	va_end(args);
	escaped = str_escape(raw);
	if (out_json)
		strv_add(&errors, raw);
	fflush(stdout);
	fprintf(stderr, "ioasidctl: %s\n", escaped);
	free(escaped);
	free(raw);
}

/* What to exit with after a negative errno. */
int exit_code(int error)
{
	return error == -EACCES || error == -EPERM ? EXIT_NOT_PERMITTED :
						     EXIT_FAILED;
}

/* Nothing known is null. Bytes that JSON cannot have are escaped as in C. */
void json_string(struct json_object *to, const char *key, const char *value)
{
	struct json_object *string = NULL;
	char *escaped;

	if (value && *value) {
		escaped = str_escape(value);
		string = json_object_new_string(escaped);
		free(escaped);
	}
	json_object_object_add(to, key, string);
}

void json_number(struct json_object *to, const char *key,
		 unsigned long long value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

void json_boolean(struct json_object *to, const char *key, bool value)
{
	json_object_object_add(to, key, json_object_new_boolean(value));
}

struct json_object *json_strings(const struct strv *v)
{
	struct json_object *array = json_object_new_array();
	char *escaped;
	size_t i;

	for (i = 0; i < v->n; i++) {
		escaped = str_escape(v->s[i]);
		json_object_array_add(array, json_object_new_string(escaped));
		free(escaped);
	}
	return array;
}

/* Drops the reference on @object. */
void json_print(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object,
					    JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	json_printed = true;
}

/* Who reads JSON is to find some, whatever becomes of the command. */
void json_print_errors(void)
{
	struct json_object *json;
	char *text;

	if (out_json && !json_printed) {
		text = strv_join(&errors, "; ");
		json = json_object_new_object();
		json_string(json, "error",
			    errors.n ? text : "the command line is wrong");
		json_print(json);
		free(text);
	}
	strv_free(&errors);
}
