// SPDX-License-Identifier: GPL-2.0-only
/* Sound cards of a device that programs play or record on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "root.h"
#include "usage.h"

/* "closed", or lines of which one is "owner_pid   : 1234". */
static void add_user(struct strv *users, const char *status)
{
	const char *line = strstr(status, "owner_pid");
	char pid[16], *user;

	if (!*status || str_starts(status, "closed"))
		return;
	if (!line || sscanf(line, "owner_pid : %15[0-9]", pid) != 1) {
		strv_add(users, "a program");
		return;
	}
	user = process_name(pid);
	if (!strv_has(users, user))
		strv_add(users, user);
	free(user);
}

static void list_users_of(struct strv *users, const char *card, const char *pcm)
{
	struct strv names = {};
	char status[512];
	size_t i;

	root_list(&names, "proc/asound/%s/%s", card, pcm);
	for (i = 0; i < names.n; i++)
		if (str_starts(names.s[i], "sub")) {
			root_read(status, sizeof(status),
				  "proc/asound/%s/%s/%s/status", card, pcm,
				  names.s[i]);
			add_user(users, status);
		}
	strv_free(&names);
}

static void find_card_users(struct usage *usage, const char *card)
{
	struct strv names = {}, users = {};
	struct use *use;
	char *text;
	size_t i;

	root_list(&names, "proc/asound/%s", card);
	for (i = 0; i < names.n; i++)
		if (str_starts(names.s[i], "pcm"))
			list_users_of(&users, card, names.s[i]);
	if (users.n) {
		text = strv_join(&users, ", ");
		use = usage_add(usage, "its sound, %s, is used by %s", card,
				text);
		use->action = process_end(&users);
		/* Who has not said: root can ask. */
		if (!use->action)
			use->action = xstrdup("fuser -v /dev/snd/*");
		free(text);
	}
	strv_free(&users);
	strv_free(&names);
}

void usage_find_sound(const struct device *dev, struct usage *usage)
{
	struct strv names = {};
	size_t i;

	device_class_names(dev, "sound", &names);
	for (i = 0; i < names.n; i++)
		if (str_starts(names.s[i], "card"))
			find_card_users(usage, names.s[i]);
	strv_free(&names);
}
