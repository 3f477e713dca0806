// SPDX-License-Identifier: GPL-2.0-only
/* Strings, lists of strings, and numbers in strings. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioasidctl.h"
#include "text.h"

static void *checked(void *p)
{
	if (p)
		return p;
	fputs("ioasidctl: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

void *xcalloc(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size));
}

void *xgrow(void *array, size_t n, size_t size)
{
	return checked(reallocarray(array, n, size));
}

char *xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *xvprintf(const char *fmt, va_list args)
{
	char *s;

	return checked(vasprintf(&s, fmt, args) < 0 ? NULL : s);
}

char *xprintf(const char *fmt, ...)
{
	va_list args;
	char *s;

	va_start(args, fmt);
	s = xvprintf(fmt, args);
	va_end(args);
	return s;
}

/* Takes over @s. */
void strv_take(struct strv *v, char *s)
{
	v->s = xgrow(v->s, v->n + 1, sizeof(*v->s));
	v->s[v->n++] = s;
}

void strv_add(struct strv *v, const char *s)
{
	strv_take(v, xstrdup(s));
}

void strv_addf(struct strv *v, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	strv_take(v, xvprintf(fmt, args));
	va_end(args);
}

bool strv_has(const struct strv *v, const char *s)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		if (!strcmp(v->s[i], s))
			return true;
	return false;
}

/* Numbers count as such, eth2 comes before eth10; those of PCI addresses are hexadecimal. */
static int by_version(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	if (strchr(x, ':') && strchr(y, ':'))
		return strcmp(x, y);
	return strverscmp(x, y);
}

void strv_sort(struct strv *v)
{
	if (v->n)
		qsort(v->s, v->n, sizeof(*v->s), by_version);
}

char *strv_join(const struct strv *v, const char *between)
{
	char *joined, *longer;
	size_t i;

	joined = xstrdup(v->n ? v->s[0] : "");
	for (i = 1; i < v->n; i++) {
		longer = xprintf("%s%s%s", joined, between, v->s[i]);
		free(joined);
		joined = longer;
	}
	return joined;
}

void strv_free(struct strv *v)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		free(v->s[i]);
	free(v->s);
	v->s = NULL;
	v->n = 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool str_ends(const char *s, const char *suffix)
{
	size_t len = strlen(s), n = strlen(suffix);

	return len >= n && !strcmp(s + len - n, suffix);
}

/* What does not fit is cut. */
void str_copy(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size - 1);

	memcpy(to, from, len);
	to[len] = '\0';
}

/* By any terminal: what is above ASCII depends on it. */
static bool is_shown(unsigned char c)
{
	return c >= 0x20 && c < 0x7f;
}

/* What a terminal could take for a command, as in C. The caller frees it. */
char *str_escape(const char *s)
{
	char *escaped = xcalloc(4 * strlen(s) + 1, 1), *to = escaped;

	for (; *s; s++)
		if (is_shown(*s))
			*to++ = *s;
		else
			to += sprintf(to, "\\%03o", (unsigned char)*s);
	return escaped;
}

/* Whether a terminal shows it as it is. */
bool str_is_shown(const char *s)
{
	for (; *s; s++)
		if (!is_shown(*s))
			return false;
	return true;
}

static bool plain(const char *s)
{
	size_t i;

	for (i = 0; s[i]; i++)
		if (!isalnum((unsigned char)s[i]) &&
		    !strchr("/._:+@%,=-", s[i]))
			return false;
	return i;
}

/* One word for a shell. The caller frees it. */
char *str_quote(const char *s)
{
	char *quoted, *to;

	if (plain(s))
		return xstrdup(s);
	quoted = xcalloc(4 * strlen(s) + 3, 1);
	to = quoted;
	*to++ = '\'';
	for (; *s; s++) {
		if (*s == '\'')
			to = stpcpy(to, "'\\'");
		*to++ = *s;
	}
	*to = '\'';
	return quoted;
}

/* The whole of @s has to be a number without a sign. */
bool parse_u64(const char *s, int base, unsigned long long *value)
{
	char *end;

	if (!isxdigit((unsigned char)*s))
		return false;
	errno = 0;
	*value = strtoull(s, &end, base);
	return !errno && end != s && !*end;
}

/* 4096, 512M, 4G, 4GiB. */
bool parse_size(const char *s, unsigned long long *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	int shift = 0;
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*bytes = strtoull(s, &end, 10);
	if (errno)
		return false;

	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unit - units + 1);
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B')
		end++;
	if (*end || *bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

/* The largest unit with an exact or three-digit value. The caller frees it. */
char *format_size(unsigned long long bytes)
{
	static const char *const units[] = { "B",   "KiB", "MiB", "GiB",
					     "TiB", "PiB", "EiB" };
	size_t unit = 0;
	unsigned long long whole = bytes, rest = 0;

	while (whole >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		rest = whole % 1024;
		whole /= 1024;
		unit++;
	}
	if (rest)
		return xprintf("%llu.%llu %s", whole, rest * 10 / 1024,
			       units[unit]);
	return xprintf("%llu %s", whole, units[unit]);
}
