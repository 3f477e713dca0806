// SPDX-License-Identifier: GPL-2.0-only
/* Processes, and what they have open. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "root.h"

/* All pids, in order. */
bool process_list(struct strv *pids)
{
	struct strv names = {};
	size_t i;
	int ret;

	ret = root_list(&names, "proc");
	for (i = 0; i < names.n; i++)
		if (names.s[i][strspn(names.s[i], "0123456789")] == '\0')
			strv_add(pids, names.s[i]);
	strv_free(&names);
	return !ret;
}

/* What it calls itself, escaped; the caller frees it. */
char *process_command(const char *pid)
{
	char command[64];

	if (root_read(command, sizeof(command), "proc/%s/comm", pid) <= 0)
		return xstrdup("?");
	return str_escape(command);
}

/* That, and its number, for a sentence; the caller frees it. */
char *process_name(const char *pid)
{
	char *command = process_command(pid), *name;

	name = xprintf("%s (%s)", command, pid);
	free(command);
	return name;
}

/* The service of the system that a process belongs to, and that systemd would start again. */
static bool find_service(const char *pid, char *service, size_t size)
{
	static const char system[] = "/system.slice/";
	char text[512], *next, *part;

	root_read(text, sizeof(text), "proc/%s/cgroup", pid);
	next = strstr(text, system);
	if (!next)
		return false;
	next += strlen(system);
	next[strcspn(next, "\n")] = '\0';
	while ((part = strsep(&next, "/"))) {
		if (!str_ends(part, ".service") || !str_is_shown(part))
			continue;
		str_copy(service, size, part);
		return true;
	}
	return false;
}

static char *join_command(const char *command, const struct strv *words)
{
	char *text = strv_join(words, " "), *joined;

	joined = words->n ? xprintf("%s %s", command, text) : NULL;
	free(text);
	return joined;
}

/* The command that ends processes, of names as process_name() has them; NULL if it is none. */
char *process_end(const struct strv *names)
{
	struct strv services = {}, pids = {}, commands = {};
	char service[256], pid[16], *text;
	const char *at;
	size_t i;

	for (i = 0; i < names->n; i++) {
		at = strrchr(names->s[i], '(');
		if (!at || sscanf(at, "(%15[0-9])", pid) != 1)
			continue;
		if (!find_service(pid, service, sizeof(service))) {
			if (!strv_has(&pids, pid))
				strv_add(&pids, pid);
			continue;
		}
		text = str_quote(service);
		if (!strv_has(&services, text))
			strv_add(&services, text);
		free(text);
	}
	text = join_command("systemctl stop", &services);
	if (text)
		strv_take(&commands, text);
	text = join_command("kill", &pids);
	if (text)
		strv_take(&commands, text);
	text = commands.n ? strv_join(&commands, " && ") : NULL;
	strv_free(&commands);
	strv_free(&pids);
	strv_free(&services);
	return text;
}

/* Return: 1 if it has @path open, 0 if not, negative if nobody may know. */
static int has_open(const char *pid, const char *path)
{
	struct strv fds = {};
	char target[PATH_MAX];
	int ret;
	size_t i;

	ret = root_list(&fds, "proc/%s/fd", pid);
	for (i = 0; i < fds.n && !ret; i++)
		if (root_readlink(target, sizeof(target), "proc/%s/fd/%s", pid,
				  fds.s[i]) > 0 &&
		    !strcmp(target, path))
			ret = 1;
	strv_free(&fds);
	return ret;
}

/*
 * Adds "command (pid)" for each process that has a file open. Return: whether all
 * processes could be asked.
 */
bool process_list_users(const char *path, struct strv *users)
{
	struct strv pids = {};
	bool complete;
	size_t i;
	int ret;

	complete = process_list(&pids);
	for (i = 0; i < pids.n; i++) {
		ret = has_open(pids.s[i], path);
		/* What has ended meanwhile has nothing open. */
		if (ret < 0 && ret != -ENOENT && ret != -ESRCH)
			complete = false;
		if (ret <= 0)
			continue;
		strv_take(users, process_name(pids.s[i]));
	}
	strv_free(&pids);
	return complete;
}
