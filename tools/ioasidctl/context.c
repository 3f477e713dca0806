// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open /dev/ioasid files: what they hold, and whose they are.
 *
 * The module lists them for root in debugfs. Who cannot read that, or has an older
 * module, gets what /proc tells of processes he may look at: numbers, but no devices.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "context.h"
#include "process.h"
#include "root.h"

#define DEBUGFS_FILE "sys/kernel/debug/iommufd_ext/contexts"

static struct context *add_context(struct contexts *contexts)
{
	contexts->list =
		xgrow(contexts->list, contexts->n + 1, sizeof(*contexts->list));
	memset(&contexts->list[contexts->n], 0, sizeof(*contexts->list));
	return &contexts->list[contexts->n++];
}

/* The value of "key=value" in a line of words. */
bool context_word(const char *line, const char *key, char *value, size_t size)
{
	size_t len = strlen(key);

	while (*line) {
		line += strspn(line, " ");
		if (!strncmp(line, key, len) && line[len] == '=') {
			line += len + 1;
			snprintf(value, size, "%.*s", (int)strcspn(line, " "),
				 line);
			return true;
		}
		line += strcspn(line, " ");
	}
	return false;
}

static void take_number(const char *line, const char *key,
			unsigned long long *number)
{
	char value[32];

	if (!context_word(line, key, value, sizeof(value)) ||
	    !parse_u64(value, 10, number))
		*number = 0;
}

/* The command is the rest of the line: cut it off before words are looked for. */
static void take_header(struct context *context, char *line)
{
	char *comm = strstr(line, " comm=");

	if (comm) {
		*comm = '\0';
		str_copy(context->comm, sizeof(context->comm), comm + 6);
	}
	take_number(line, "id", &context->id);
	take_number(line, "pid", &context->pid);
	take_number(line, "ioases", &context->ioases);
	take_number(line, "page_tables", &context->page_tables);
	take_number(line, "devices", &context->devices);
	take_number(line, "endpoints", &context->endpoints);
	take_number(line, "accesses", &context->accesses);
	take_number(line, "mappings", &context->mappings);
	take_number(line, "mapped", &context->mapped);
	take_number(line, "pinned", &context->pinned);
	take_number(line, "kept", &context->kept);
}

static void parse_debugfs(struct contexts *contexts, char *text)
{
	struct context *context = NULL;
	char *next = text, *line;

	while (next && *next) {
		line = strsep(&next, "\n");
		if (str_starts(line, "context ")) {
			context = add_context(contexts);
			take_header(context, line);
		} else if (*line == ' ' && context) {
			strv_add(&context->objects, line + 1);
		} else {
			/* Of a kind that is not known: nothing below it is, either. */
			context = NULL;
		}
	}
}

static bool fdinfo_number(const char *text, const char *key,
			  unsigned long long *number)
{
	char *name = xprintf("\n%s:", key);
	const char *line = strstr(text, name);
	bool found;

	found = line && sscanf(line + strlen(name), "%llu", number) == 1;
	if (!found)
		*number = 0;
	free(name);
	return found;
}

static void parse_fdinfo(struct contexts *contexts, const char *pid,
			 const char *text)
{
	unsigned long long number, page = sysconf(_SC_PAGESIZE);
	struct context *context;
	char *command;

	if (!fdinfo_number(text, "ioasid-ioas", &number))
		return;
	context = add_context(contexts);
	context->ioases = number;
	parse_u64(pid, 10, &context->pid);
	command = process_command(pid);
	str_copy(context->comm, sizeof(context->comm), command);
	free(command);
	fdinfo_number(text, "ioasid-page-tables", &context->page_tables);
	fdinfo_number(text, "ioasid-devices", &context->devices);
	fdinfo_number(text, "ioasid-endpoints", &context->endpoints);
	fdinfo_number(text, "ioasid-accesses", &context->accesses);
	fdinfo_number(text, "ioasid-mappings", &context->mappings);
	fdinfo_number(text, "ioasid-mapped-bytes", &context->mapped);
	fdinfo_number(text, "ioasid-pinned-pages", &number);
	context->pinned = number * page;
	fdinfo_number(text, "ioasid-kept-pages", &number);
	context->kept = number * page;
}

/* Return: whether the process could be asked. */
static bool scan_process(struct contexts *contexts, const char *pid)
{
	struct strv fds = {};
	char text[2048];
	size_t i;
	int ret;

	ret = root_list(&fds, "proc/%s/fdinfo", pid);
	for (i = 0; i < fds.n; i++)
		if (root_read(text, sizeof(text), "proc/%s/fdinfo/%s", pid,
			      fds.s[i]) > 0)
			parse_fdinfo(contexts, pid, text);
	strv_free(&fds);
	return ret != -EACCES && ret != -EPERM;
}

static void scan_processes(struct contexts *contexts, bool may_read_debugfs)
{
	bool complete = may_read_debugfs;
	struct strv pids = {};
	size_t i;

	process_list(&pids);
	for (i = 0; i < pids.n; i++)
		if (!scan_process(contexts, pids.s[i]))
			complete = false;
	strv_free(&pids);
	contexts->missing =
		complete ?
			"devices are not shown: /" DEBUGFS_FILE
			" is not there" :
			"devices, and what others run, are not shown: root can see them";
}

void contexts_load(struct contexts *contexts)
{
	char *text = root_read_all(DEBUGFS_FILE);
	bool may_read = errno != EACCES;

	memset(contexts, 0, sizeof(*contexts));
	if (text)
		parse_debugfs(contexts, text);
	else
		scan_processes(contexts, may_read);
	free(text);
}

void contexts_free(struct contexts *contexts)
{
	size_t i;

	for (i = 0; i < contexts->n; i++)
		strv_free(&contexts->list[i].objects);
	free(contexts->list);
	contexts->list = NULL;
	contexts->n = 0;
}
