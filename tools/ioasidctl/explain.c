// SPDX-License-Identifier: GPL-2.0-only
/* ioasidctl explain: what an error, or a message of the modules, means. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "explain.h"
#include "ioasidctl.h"
#include "output.h"

#define ERRNO_MAX 4095

/* "EBUSY", "16" or "-16"; 0 if it is none of these. */
static int parse_error(const char *word)
{
	unsigned long long number;
	const char *name;
	int error;

	word += *word == '-';
	if (parse_u64(word, 10, &number))
		return number <= ERRNO_MAX ? number : 0;
	for (error = 1; error <= ERRNO_MAX; error++) {
		name = strerrorname_np(error);
		if (name && !strcmp(name, word))
			return error;
	}
	return 0;
}

static void print_meaning(const char *what, const char *meaning)
{
	struct json_object *json;

	if (!out_json) {
		printf("%s%s%s\n  %s\n", colour_on(BOLD), what,
		       colour_off(BOLD), meaning);
		return;
	}
	json = json_object_new_object();
	json_string(json, "what", what);
	json_string(json, "meaning", meaning);
	json_print(json);
}

static int print_error(int error, const char *call)
{
	const char *meaning = explain_error(error, call);
	const char *name = strerrorname_np(error);
	char *what;

	if (!name || !meaning) {
		say_error("the modules give no error %d", error);
		return EXIT_NO;
	}
	what = xprintf("%s (%d)%s%s: %s", name, error, call ? " of " : "",
		       call ? call : "", strerrordesc_np(error));
	print_meaning(what, meaning);
	free(what);
	return EXIT_YES;
}

static int print_message(const char *text)
{
	const char *meaning = explain_message(text);
	char *what = str_escape(text);

	if (meaning)
		print_meaning(what, meaning);
	else
		say_error("this is no message of the modules: %s", what);
	free(what);
	return meaning ? EXIT_YES : EXIT_NO;
}

/* As the kernel writes an error: getopt, which begins with 0, is not to take it for options. */
static bool at_negative(char **argv)
{
	const char *word = argv[optind ? optind : 1];

	return word && *word == '-' && isdigit((unsigned char)word[1]);
}

int cmd_explain(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	struct strv words = {};
	int option, error, ret;
	char *text;

	/* "+": a message may have words that look like options. */
	while (!at_negative(argv) &&
	       (option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		ret = args_common(option, "explain");
		if (ret >= 0)
			return ret;
	}
	if (!optind)
		optind = 1;
	if (optind == argc)
		return args_wrong("explain");
	error = argc - optind <= 2 ? parse_error(argv[optind]) : 0;
	if (error)
		return print_error(error, argv[optind + 1]);
	for (; optind < argc; optind++)
		strv_add(&words, argv[optind]);
	text = strv_join(&words, " ");
	ret = print_message(text);
	free(text);
	strv_free(&words);
	return ret;
}
