// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the program on trees as the files in transcripts/ say, and compares what it says
 * with what is written there. A line of such a file is
 *
 *	tree NAME	begin with trees/NAME.tree
 *	add LINE	a line of a tree (tree.c) more
 *	del PATH	a file or directory less
 *	$ ARGUMENT...	run the program, ROOT being the tree's directory; then
 *			comes its output after "| ", its errors
 *			after "! ", and "= " with its exit status unless that is 0
 *	cat PATH	show a file of the tree, after "| "
 *	# ...		a comment
 *
 * UPDATE=1 in the environment writes what it says now to the files.
 */
#include <dirent.h>
#include <fcntl.h>
#include <json.h>
#include <limits.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ioasidctl.h"
#include "tree.h"

#define ARGS_MAX 32

static char *read_stream(FILE *f)
{
	size_t size = 0, room = 1 << 20;
	char *text = malloc(room);

	assert_non_null(text);
	rewind(f);
	size = fread(text, 1, room - 1, f);
	assert_true(feof(f));
	text[size] = '\0';
	fclose(f);
	return text;
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		fail_msg("cannot read %s", path);
	return read_stream(f);
}

/* What differs from run to run, in the place of @found in a line, is @name. */
static void quote_as(FILE *to, const char *mark, const char *line,
		     const char *found, size_t len, const char *name)
{
	fprintf(to, "%s %.*s%s%s\n", mark, (int)(found - line), line, name,
		found + len);
}

/* The version of the program in a line that says it. */
static const char *own_version(const char *line)
{
	const char *own = strstr(line, "ioasidctl\":\"");

	if (own)
		own += strlen("ioasidctl\":\"");
	else if (!strncmp(line, "ioasidctl: ", 11))
		own = line + 11;
	return own && !strncmp(own, VERSION, strlen(VERSION)) ? own : NULL;
}

/* Each line of @text, after @mark, with "ROOT" for the tree's directory, and "VERSION" for ours. */
static void quote(FILE *to, const char *mark, char *text)
{
	const char *root, *version;
	char *next = text, *line;

	while (next && *next) {
		line = strsep(&next, "\n");
		root = strstr(line, tree_root());
		version = own_version(line);
		if (version)
			quote_as(to, mark, line, version, strlen(VERSION),
				 "VERSION");
		else if (root)
			quote_as(to, mark, line, root, strlen(tree_root()),
				 "ROOT");
		else
			fprintf(to, *line ? "%s %s\n" : "%s\n", mark, line);
	}
	free(text);
}

static void check_json(const char *text)
{
	enum json_tokener_error error;
	struct json_object *json;

	json = json_tokener_parse_verbose(text, &error);
	if (!json)
		fail_msg("no JSON (%s): %s", json_tokener_error_desc(error),
			 text);
	json_object_put(json);
}

/* In a process of its own: the program remembers, and may exit. */
static int run_program(char *arguments, FILE *out, FILE *err)
{
	char *argv[ARGS_MAX + 2] = { "ioasidctl" };
	int argc = 1, status;
	char path[PATH_MAX];
	pid_t pid;

	while (argc <= ARGS_MAX && (argv[argc] = strsep(&arguments, " "))) {
		if (!strncmp(argv[argc], "ROOT/", 5)) {
			snprintf(path, sizeof(path), "%s/%s", tree_root(),
				 argv[argc] + 5);
			argv[argc] = path;
		}
		argc++;
	}
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		setenv("IOASIDCTL_ROOT", tree_root(), 1);
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		/* Descriptors are to have the same numbers each time. */
		close_range(STDERR_FILENO + 1, ~0U, 0);
		status = ioasidctl(argc, argv);
		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("it was killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* An empty list or object takes one line or two, as the version of json-c has it. */
static void close_empty(char *text)
{
	char *in = text, *out = text, *end, open;

	while (*in) {
		open = *out++ = *in++;
		if ((open != '[' && open != '{') || *in != '\n')
			continue;
		end = in + strspn(in, "\n ");
		if (*end == (open == '[' ? ']' : '}'))
			in = end;
	}
	*out = '\0';
}

static void run(FILE *to, const char *line)
{
	FILE *out = tmpfile(), *err = tmpfile();
	char *arguments = strdup(line), *text;
	int status;

	assert_non_null(out);
	assert_non_null(err);
	assert_non_null(arguments);
	status = run_program(arguments, out, err);
	free(arguments);
	text = read_stream(out);
	if (strstr(line, "--json") && *text)
		check_json(text);
	close_empty(text);
	quote(to, "|", text);
	quote(to, "!", read_stream(err));
	if (status)
		fprintf(to, "= %d\n", status);
}

static void show_file(FILE *to, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", tree_root(), name);
	if (access(path, F_OK))
		fprintf(to, "| (no such file)\n");
	else
		quote(to, "|", read_file(path));
}

static bool is_answer(const char *line)
{
	return *line == '|' || *line == '!' || *line == '=';
}

static void play_line(FILE *to, const char *line, bool *indexed)
{
	if (!strncmp(line, "tree ", 5)) {
		tree_remove();
		tree_make(line + 5);
		*indexed = false;
	} else if (!strncmp(line, "add ", 4)) {
		tree_line(line + 4);
		*indexed = false;
	} else if (!strncmp(line, "del ", 4)) {
		tree_delete(line + 4);
		*indexed = false;
	} else if (!strncmp(line, "cat ", 4)) {
		show_file(to, line + 4);
	} else if (!strncmp(line, "$ ", 2)) {
		if (!*indexed)
			tree_done();
		*indexed = true;
		run(to, line + 2);
	} else if (*line && *line != '#') {
		fail_msg("not understood: %s", line);
	}
}

static char *play(char *script)
{
	bool indexed = false;
	FILE *to = tmpfile();
	char *line;

	assert_non_null(to);
	while (script && *script) {
		line = strsep(&script, "\n");
		if (is_answer(line))
			continue;
		fprintf(to, "%s\n", line);
		play_line(to, line, &indexed);
	}
	tree_remove();
	return read_stream(to);
}

/* The first line that is another one says more than both texts. */
static void compare(const char *name, char *is, char *should)
{
	char *a, *b;
	int n = 1;

	if (!strcmp(is, should))
		return;
	do {
		a = strsep(&is, "\n");
		b = strsep(&should, "\n");
	} while (a && b && !strcmp(a, b) && ++n);
	fail_msg("%s, line %d:\n  is     %s\n  should %s", name, n,
		 a ? a : "(the end)", b ? b : "(the end)");
}

static void test_transcript(void **state)
{
	const char *name = *state;
	char path[PATH_MAX];
	char *should, *copy, *is;
	FILE *f;

	snprintf(path, sizeof(path), "%s/transcripts/%s", TESTS, name);
	should = read_file(path);
	copy = strdup(should);
	assert_non_null(copy);
	is = play(copy);
	if (getenv("UPDATE")) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(is, f);
		fclose(f);
	} else {
		compare(name, is, should);
	}
	free(is);
	free(copy);
	free(should);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct CMUnitTest *)a)->name,
		      ((const struct CMUnitTest *)b)->name);
}

int main(void)
{
	static struct CMUnitTest tests[256];
	struct dirent *entry;
	const struct passwd *nobody = getpwnam("nobody");
	char uid[16];
	size_t n = 0;
	DIR *dir;
	int ret;

	snprintf(uid, sizeof(uid), "%u", nobody ? nobody->pw_uid : 65534);
	/* What a user has set is not to change what is said. */
	unsetenv("NO_COLOR");
	/* Whom root runs programs as; others run them as themselves. */
	setenv("SUDO_UID", uid, 1);
	setenv("TERM", "xterm", 1);
	dir = opendir(TESTS "/transcripts");
	if (!dir)
		return 1;
	while (n < 256 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		tests[n].name = strdup(entry->d_name);
		tests[n].test_func = test_transcript;
		tests[n].initial_state = (void *)tests[n].name;
		n++;
	}
	closedir(dir);
	qsort(tests, n, sizeof(tests[0]), by_name);
	ret = _cmocka_run_group_tests("transcripts", tests, n, NULL, NULL);
	while (n--)
		free((void *)tests[n].name);
	return ret;
}
