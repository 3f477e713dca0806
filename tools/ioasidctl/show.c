// SPDX-License-Identifier: GPL-2.0-only
/* ioasidctl show, top: who holds what for DMA. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "context.h"
#include "ioasidctl.h"
#include "output.h"

static void print_count(unsigned long long n, const char *one,
			const char *several)
{
	if (n)
		printf(", %llu %s", n, n == 1 ? one : several);
}

static void print_bytes(const struct context *context)
{
	char *mapped = format_size(context->mapped);
	char *pinned = format_size(context->pinned);
	char *kept = format_size(context->kept);

	printf("    mapped %s, pinned %s", mapped, pinned);
	if (context->kept)
		printf(", %s%s kept for good%s", colour_on(RED), kept,
		       colour_off(RED));
	putchar('\n');
	free(kept);
	free(pinned);
	free(mapped);
}

static char *attached_text(const char *line)
{
	unsigned long long table;
	char value[24];

	if (!context_word(line, "attached", value, sizeof(value)))
		return xstrdup("");
	if (!parse_u64(value, 10, &table))
		return xprintf(", %s", value);
	return table ? xprintf(", attached to page table %llu", table) :
		       xstrdup(", not attached");
}

static char *device_text(const char *line, const char *id)
{
	char name[64] = "?", group[24] = "?";
	char *attached = attached_text(line), *text;

	context_word(line, "name", name, sizeof(name));
	context_word(line, "group", group, sizeof(group));
	text = xprintf("device %s: %s, group %s%s", id, name, group, attached);
	free(attached);
	return text;
}

/* Kinds of objects that are not known are left out. */
static void print_object(const char *line)
{
	char id[24] = "?", ioas[24] = "?";
	char *text, *escaped;

	context_word(line, "id", id, sizeof(id));
	context_word(line, "ioas", ioas, sizeof(ioas));
	if (str_starts(line, "device "))
		text = device_text(line, id);
	else if (str_starts(line, "page_table "))
		text = xprintf("page table %s of IOAS %s", id, ioas);
	else if (str_starts(line, "ioas "))
		text = xprintf("IOAS %s", id);
	else
		return;
	escaped = str_escape(text);
	printf("    %s\n", escaped);
	free(escaped);
	free(text);
}

static void print_context(const struct context *context)
{
	char *comm = str_escape(context->comm);
	size_t i;

	printf("%s%s%s", colour_on(BOLD), *comm ? comm : "nobody known",
	       colour_off(BOLD));
	free(comm);
	if (context->pid)
		printf(" (%llu)", context->pid);
	if (context->id)
		printf(", context %llu", context->id);
	print_count(context->ioases, "IOAS", "IOASs");
	print_count(context->page_tables, "page table", "page tables");
	print_count(context->devices, "device", "devices");
	print_count(context->endpoints, "endpoint", "endpoints");
	print_count(context->accesses, "access", "accesses");
	print_count(context->mappings, "mapping", "mappings");
	putchar('\n');
	print_bytes(context);
	for (i = 0; i < context->objects.n; i++)
		print_object(context->objects.s[i]);
}

/* "device id=1 group=12": the first word is its type. */
static struct json_object *object_json(const char *line)
{
	struct json_object *json = json_object_new_object();
	char *copy = xstrdup(line), *next = copy, *word, *value;
	unsigned long long number;

	json_string(json, "type", strsep(&next, " "));
	while ((word = strsep(&next, " "))) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (parse_u64(value, 10, &number))
			json_number(json, word, number);
		else
			json_string(json, word, value);
	}
	free(copy);
	return json;
}

static struct json_object *objects_json(const struct strv *lines)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < lines->n; i++)
		json_object_array_add(array, object_json(lines->s[i]));
	return array;
}

static struct json_object *context_json(const struct context *context)
{
	struct json_object *json = json_object_new_object();

	json_number(json, "context", context->id);
	json_number(json, "pid", context->pid);
	json_string(json, "command", context->comm);
	json_number(json, "ioases", context->ioases);
	json_number(json, "page_tables", context->page_tables);
	json_number(json, "devices", context->devices);
	json_number(json, "endpoints", context->endpoints);
	json_number(json, "accesses", context->accesses);
	json_number(json, "mappings", context->mappings);
	json_number(json, "mapped_bytes", context->mapped);
	json_number(json, "pinned_bytes", context->pinned);
	json_number(json, "kept_bytes", context->kept);
	json_object_object_add(json, "objects",
			       objects_json(&context->objects));
	return json;
}

/* Drops what other processes than @pid have, unless that is 0. */
static void keep_process(struct contexts *contexts, unsigned long long pid)
{
	size_t i, n = 0;

	if (!pid)
		return;
	for (i = 0; i < contexts->n; i++)
		if (contexts->list[i].pid == pid)
			contexts->list[n++] = contexts->list[i];
		else
			strv_free(&contexts->list[i].objects);
	contexts->n = n;
}

static void print_contexts(const struct contexts *contexts)
{
	struct json_object *json, *array;
	size_t i;

	if (!out_json) {
		for (i = 0; i < contexts->n; i++)
			print_context(&contexts->list[i]);
		return;
	}
	array = json_object_new_array();
	for (i = 0; i < contexts->n; i++)
		json_object_array_add(array, context_json(&contexts->list[i]));
	json = json_object_new_object();
	json_object_object_add(json, "contexts", array);
	json_string(json, "missing", contexts->missing);
	json_print(json);
}

static int show(unsigned long long pid)
{
	struct contexts contexts;
	int ret = EXIT_YES;

	contexts_load(&contexts);
	keep_process(&contexts, pid);
	print_contexts(&contexts);
	if (contexts.missing && !out_json)
		say_error("%s", contexts.missing);
	if (pid && !contexts.n) {
		say_error("process %llu has no /dev/ioasid file open that can be seen",
			  pid);
		ret = EXIT_NO;
	}
	contexts_free(&contexts);
	return ret;
}

int cmd_show(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	unsigned long long pid = 0;
	int option, ret;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		ret = args_common(option, "show");
		if (ret >= 0)
			return ret;
	}
	if (optind < argc - 1 ||
	    (optind < argc && (!parse_u64(argv[optind], 10, &pid) || !pid)))
		return args_wrong("show");
	return show(pid);
}

/* --- top ----------------------------------------------------------------------- */

static int by_pinned(const void *a, const void *b)
{
	const struct context *x = a, *y = b;

	if (x->pinned != y->pinned)
		return x->pinned < y->pinned ? 1 : -1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* A process can have several files open. */
static void merge_processes(struct contexts *contexts)
{
	struct context *to, *from;
	size_t i, j, n = 0;

	for (i = 0; i < contexts->n; i++) {
		from = &contexts->list[i];
		for (j = 0; j < n && from->pid; j++)
			if (contexts->list[j].pid == from->pid)
				break;
		to = &contexts->list[j];
		if (j == n || !from->pid) {
			contexts->list[n++] = *from;
			continue;
		}
		to->ioases += from->ioases;
		to->page_tables += from->page_tables;
		to->devices += from->devices;
		to->endpoints += from->endpoints;
		to->accesses += from->accesses;
		to->mappings += from->mappings;
		to->mapped += from->mapped;
		to->pinned += from->pinned;
		to->kept += from->kept;
		strv_free(&from->objects);
	}
	contexts->n = n;
}

static void print_row(const struct context *context)
{
	char *mapped = format_size(context->mapped);
	char *pinned = format_size(context->pinned);
	char *comm = str_escape(context->comm);

	printf("%7llu %7llu %5llu %6llu %8llu %10s %10s  %s\n", context->pid,
	       context->devices, context->ioases, context->page_tables,
	       context->mappings, mapped, pinned, comm);
	free(comm);
	free(pinned);
	free(mapped);
}

static void print_frame(void)
{
	struct contexts contexts;
	size_t i;

	contexts_load(&contexts);
	merge_processes(&contexts);
	if (contexts.n)
		qsort(contexts.list, contexts.n, sizeof(*contexts.list),
		      by_pinned);
	if (out_json) {
		print_contexts(&contexts);
	} else {
		printf("%s%7s %7s %5s %6s %8s %10s %10s  %s%s\n",
		       colour_on(BOLD), "PID", "DEVICES", "IOAS", "TABLES",
		       "MAPPINGS", "MAPPED", "PINNED", "COMMAND",
		       colour_off(BOLD));
		for (i = 0; i < contexts.n; i++)
			print_row(&contexts.list[i]);
		if (contexts.missing)
			printf("%s\n", contexts.missing);
	}
	contexts_free(&contexts);
}

/* @count is 0 to go on until the user ends it. */
static int watch(unsigned long long seconds, unsigned long long count)
{
	struct timespec pause = { .tv_sec = seconds };
	bool screen = isatty(STDOUT_FILENO) && !out_json;
	unsigned long long i;

	for (i = 0; !count || i < count; i++) {
		if (i)
			nanosleep(&pause, NULL);
		if (screen)
			fputs("\033[H\033[J", stdout);
		print_frame();
		if (fflush(stdout))
			return EXIT_FAILED;
	}
	return EXIT_YES;
}

int cmd_top(int argc, char **argv)
{
	static const struct option options[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	unsigned long long seconds = 2, count = !isatty(STDOUT_FILENO);
	int option, ret;

	while ((option = getopt_long(argc, argv, "d:n:", options, NULL)) !=
	       -1) {
		switch (option) {
		case 'd':
			if (!parse_u64(optarg, 10, &seconds) || !seconds ||
			    seconds > 86400)
				return args_wrong("top");
			break;
		case 'n':
			if (!parse_u64(optarg, 10, &count))
				return args_wrong("top");
			break;
		default:
			ret = args_common(option, "top");
			if (ret >= 0)
				return ret;
		}
	}
	return optind == argc ? watch(seconds, count) : args_wrong("top");
}
