// SPDX-License-Identifier: GPL-2.0-only
/* Keyboards behind a device, on USB. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "root.h"
#include "usage.h"

/* Escape, digits, letters: what udev takes for a keyboard as well. */
#define KEYS 0xfffffffeull

static bool is_keyboard(const char *input)
{
	unsigned long long keys;
	const char *last;
	char text[512];

	if (!str_starts(input, "input") ||
	    root_read(text, sizeof(text), "sys/class/input/%s/capabilities/key",
		      input) <= 0)
		return false;
	last = strrchr(text, ' ');
	return parse_u64(last ? last + 1 : text, 16, &keys) &&
	       (keys & KEYS) == KEYS;
}

/* One that a program pretends to be is nobody's. On Bluetooth it is not below this. */
static bool is_virtual(const char *input)
{
	char target[PATH_MAX];

	return root_readlink(target, sizeof(target), "sys/class/input/%s",
			     input) > 0 &&
	       strstr(target, "/devices/virtual/input/");
}

/* A device of USB calls itself what it likes. */
static void add_name(struct strv *names, const char *input)
{
	char text[128], *name;

	root_read(text, sizeof(text), "sys/class/input/%s/name", input);
	name = str_escape(text);
	strv_addf(names, "\"%s\"", name);
	free(name);
}

static size_t count_keyboards(void)
{
	struct strv inputs = {};
	size_t i, n = 0;

	root_list(&inputs, "sys/class/input");
	for (i = 0; i < inputs.n; i++)
		n += is_keyboard(inputs.s[i]) && !is_virtual(inputs.s[i]);
	strv_free(&inputs);
	return n;
}

static void add_keyboards(struct usage *usage, const struct strv *names)
{
	bool last = count_keyboards() <= names->n;
	char *text = strv_join(names, ", ");
	struct use *use;

	use = usage_add(usage, "by keyboard %s, which is behind it%s", text,
			last ? ", and there is no other" : "");
	use->unsure = true;
	free(text);
}

/*
 * Nobody knows whether one is in use, and the last one is no exception: the keys that log
 * in, a receiver of mice, and what a server's management pretends to be are keyboards, too.
 */
void usage_find_keyboards(const struct device *dev, struct usage *usage)
{
	struct strv inputs = {}, names = {};
	size_t i;

	device_class_names(dev, "input", &inputs);
	for (i = 0; i < inputs.n; i++)
		if (is_keyboard(inputs.s[i]))
			add_name(&names, inputs.s[i]);
	if (names.n)
		add_keyboards(usage, &names);
	strv_free(&names);
	strv_free(&inputs);
}
