// SPDX-License-Identifier: GPL-2.0-only
/* Processes, and what they have open. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
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
