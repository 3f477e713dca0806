// SPDX-License-Identifier: GPL-2.0-only
/* What a look at a device or at the host has found. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "finding.h"
#include "output.h"

static const struct {
	const char *word;
	enum colour colour;
} levels[] = {
	[LEVEL_OK] = { "ok", GREEN },
	[LEVEL_WARN] = { "warn", YELLOW },
	[LEVEL_BLOCKS] = { "blocks", RED },
};

/* Return: the finding, good until the next is added. */
struct finding *finding_add(struct findings *findings, enum level level,
			    const char *id, const char *fmt, ...)
{
	struct finding *finding;
	char raw[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);

	findings->list =
		xgrow(findings->list, findings->n + 1, sizeof(*findings->list));
	finding = &findings->list[findings->n++];
	*finding = (struct finding){ .level = level, .id = id };
	finding->text = str_escape(raw);
	return finding;
}

/* The exact next command. */
void finding_do(struct finding *finding, const char *fmt, ...)
{
	char raw[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	strv_add(&finding->actions, raw);
}

size_t findings_count(const struct findings *findings, enum level level)
{
	size_t i, n = 0;

	for (i = 0; i < findings->n; i++)
		n += findings->list[i].level == level;
	return n;
}

void findings_print(const struct findings *findings)
{
	const struct finding *finding;
	char *action;
	size_t i, j;

	for (i = 0; i < findings->n; i++) {
		finding = &findings->list[i];
		printf("  %s%-6s%s  %-10s  %s\n",
		       colour_on(levels[finding->level].colour),
		       levels[finding->level].word,
		       colour_off(levels[finding->level].colour), finding->id,
		       finding->text);
		for (j = 0; j < finding->actions.n; j++) {
			action = str_escape(finding->actions.s[j]);
			printf("          do: %s%s%s\n", colour_on(BOLD),
			       action, colour_off(BOLD));
			free(action);
		}
	}
}

struct json_object *findings_json(const struct findings *findings)
{
	struct json_object *array = json_object_new_array(), *json;
	const struct finding *finding;
	size_t i;

	for (i = 0; i < findings->n; i++) {
		finding = &findings->list[i];
		json = json_object_new_object();
		json_string(json, "level", levels[finding->level].word);
		json_string(json, "check", finding->id);
		json_string(json, "text", finding->text);
		json_object_object_add(json, "do",
				       json_strings(&finding->actions));
		json_boolean(json, "fixed_by_bind", finding->by_bind);
		json_object_array_add(array, json);
	}
	return array;
}

void findings_free(struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->n; i++) {
		free(findings->list[i].text);
		strv_free(&findings->list[i].actions);
	}
	free(findings->list);
	findings->list = NULL;
	findings->n = 0;
}
