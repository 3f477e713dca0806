/* SPDX-License-Identifier: GPL-2.0-only */
/* Strings, lists of strings, and numbers in strings. */
#ifndef IOASIDCTL_TEXT_H
#define IOASIDCTL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The program ends if there is no memory: no caller could go on. */
void *xcalloc(size_t n, size_t size);
void *xgrow(void *array, size_t n, size_t size);
char *xstrdup(const char *s);
char *xprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);
char *xvprintf(const char *fmt, va_list args) PRINTF_LIKE(1, 0);

/**
 * struct strv - a list of strings
 * @n: how many there are
 * @s: the strings, owned by the list
 */
struct strv {
	size_t n;
	char **s;
};

void strv_take(struct strv *v, char *s);
void strv_add(struct strv *v, const char *s);
void strv_addf(struct strv *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool strv_has(const struct strv *v, const char *s);
void strv_sort(struct strv *v);
char *strv_join(const struct strv *v, const char *between);
void strv_free(struct strv *v);

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
void str_copy(char *to, size_t size, const char *from);
char *str_escape(const char *s);
bool str_is_shown(const char *s);
char *str_quote(const char *s);
bool parse_u64(const char *s, int base, unsigned long long *value);
bool parse_size(const char *s, unsigned long long *bytes);
char *format_size(unsigned long long bytes);

#endif
