// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: debugfs: whose contexts there are, and what they hold
 *
 * What the administrator reads of all contexts in debugfs: whose they are, what they hold, and
 * that nobody holds up who reads it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "dma.h"
#include "held.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define CONTEXTS "/sys/kernel/debug/iommufd_ext/contexts"
#define SIZE (4 * MB)

/* The file, read @step bytes at a time; the caller frees it. */
static char *contexts(size_t step)
{
	int fd = keep_fd(assert_ok(open(CONTEXTS, O_RDONLY)));
	char *text = malloc(SIZE);
	size_t len = 0;
	ssize_t got;

	check(text);
	do {
		check(len + step < SIZE);
		got = assert_ok(read(fd, text + len, step));
		len += got;
	} while (got);
	text[len] = '\0';
	drop_fd(fd);
	return text;
}

/*
 * The lines of the context whose first line has @mark in it, in @out; their number. There is one
 * such context, or none.
 */
static int context_with(const char *mark, char *out, size_t size)
{
	char *text = contexts(PAGE), *line, *next, *save;
	bool in = false, seen = false;
	size_t len = 0;
	int lines = 0;

	out[0] = '\0';
	for (line = strtok_r(text, "\n", &save); line; line = next) {
		next = strtok_r(NULL, "\n", &save);
		if (line[0] != ' ') {
			check(!strncmp(line, "context id=", 11));
			in = strstr(line, mark);
			check(!in || !seen);
			seen = seen || in;
		}
		if (!in)
			continue;
		lines++;
		len += snprintf(out + len, size - len, "%s\n", line);
		check(len < size);
	}
	free(text);
	return lines;
}

static const char *my_mark(void)
{
	static char mark[32];

	snprintf(mark, sizeof(mark), " pid=%d ", getpid());
	return mark;
}

static void test_content(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(4 * PAGE);
	struct ioasid_object objects[8];
	uint32_t num = ARRAY_SIZE(objects), i, hwpt = 0;
	char text[4096], name[16] = "";
	uint64_t cursor = 0;

	(void)state;
	map_at(&s, va, 4 * PAGE, IOVA);
	assert_ok(list_objects(s.ctx, &cursor, objects, &num));
	for (i = 0; i < num; i++)
		if (objects[i].type == IOASID_OBJECT_HWPT)
			hwpt = objects[i].id;
	check(hwpt);

	check_eq(4, context_with(my_mark(), text, sizeof(text)));
	assert_ok(prctl(PR_GET_NAME, name));
	check_contains(text, " ioases=1 page_tables=1 devices=1 endpoints=1 ");
	check_contains(text,
		       " accesses=0 mappings=1 mapped=16384 pinned=16384 ");
	check_contains(text, " kept=0 comm=%s\n", name);
	check_contains(text, "\n ioas id=%u\n", s.ioas);
	check_contains(text, "\n page_table id=%u ioas=%u\n", hwpt, s.ioas);
	check_contains(text, "\n device id=%u group=%d attached=%u name=%s\n",
		       s.devid, pci_group(edu_bdf), hwpt, edu_bdf);

	assert_ok(cdev_detach(s.dev));
	context_with(my_mark(), text, sizeof(text));
	check_contains(text, " endpoints=0 ");
	check_contains(text, " attached=0 ");
	check_contains(text, " pinned=0 ");
	/* The registers of the device that are mapped keep it open. */
	release_all();
	check_eq(0, context_with(my_mark(), text, sizeof(text)));
}

/* A process chooses its name, and has no say in how the list looks. */
static void test_name(void **state)
{
	int ctx = ioasid_open();
	char text[4096], old[16];

	(void)state;
	assert_ok(prctl(PR_GET_NAME, old));
	assert_ok(prctl(PR_SET_NAME, "a\nb \x1b[1m"));
	ioas_new(ctx);
	check_eq(2, context_with(my_mark(), text, sizeof(text)));
	assert_ok(prctl(PR_SET_NAME, old));
	check_contains(text, " comm=a\\012b \\033[1m\n");
}

static void open_and_pass(void *arg)
{
	int *ctx = arg;

	ioas_new(*ctx);
}

/* Who used it last has ended: the number may be another's by now. */
static void test_ended(void **state)
{
	char text[4096];
	int ctx = ioasid_open();

	(void)state;
	run_child(open_and_pass, &ctx);
	context_with(" ioases=1 page_tables=0 devices=0 ", text, sizeof(text));
	check_contains(text, " pid=0 ");
	check_contains(text, " comm=\n");
}

#define MANY 3000

/* A reader takes it in small parts, and nothing is left out or comes twice. */
static void test_many(void **state)
{
	int ctx = ioasid_open(), fewer = ioasid_open(), i;
	char *text, *at, want[32];
	uint32_t first, last;

	(void)state;
	first = ioas_new(ctx);
	for (i = 1; i < MANY; i++)
		last = ioas_new(ctx);
	check_eq(first + MANY - 1, last);
	ioas_new(fewer);
	text = contexts(100);
	at = strstr(text, " ioases=3000 ");
	check(at);
	for (i = 0; i < MANY; i++) {
		at = strchr(at, '\n');
		check(at);
		snprintf(want, sizeof(want), "\n ioas id=%u\n", first + i);
		if (strncmp(at, want, strlen(want)))
			fail_test("%.40s is not%s", at, want);
		at++;
	}
	at = strchr(at, '\n');
	check(at && !strncmp(at, "\ncontext ", 9));
	free(text);
}

/* What a reader has not come to goes: it reads on behind that, and ends. */
static void test_vanishing(void **state)
{
	int ctx = ioasid_open(), other = ioasid_open(), fd;
	uint32_t first = ioas_new(ctx), last = first, i;
	char text[SIZE / 64], want[32];
	ssize_t len, got;

	(void)state;
	for (i = 1; i < MANY; i++)
		last = ioas_new(ctx);
	ioas_new(other);
	fd = keep_fd(assert_ok(open(CONTEXTS, O_RDONLY)));
	/* The kernel has prepared a page of lines by then, and not those behind it. */
	len = assert_ok(read(fd, text, 100));
	for (i = first + 1; i < last; i++)
		assert_ok(ioasid_destroy(ctx, i));
	do {
		got = assert_ok(read(fd, text + len, sizeof(text) - 1 - len));
		len += got;
	} while (got);
	text[len] = '\0';
	snprintf(want, sizeof(want), "\n ioas id=%u\ncontext id=", last);
	check(strstr(text, want));
	drop_fd(fd);

	/* The context itself, and one that comes. */
	fd = keep_fd(assert_ok(open(CONTEXTS, O_RDONLY)));
	len = assert_ok(read(fd, text, 1));
	drop_fd(ctx);
	drop_fd(other);
	ctx = ioasid_open();
	for (i = 0; i < 3; i++)
		ioas_new(ctx);
	do {
		got = assert_ok(read(fd, text + len, sizeof(text) - 1 - len));
		len += got;
	} while (got);
	text[len] = '\0';
	check(strstr(text, " ioases=3 "));
}

static void read_as_user(void *arg)
{
	(void)arg;
	assert_ok(setuid(LIMIT_UID));
	assert_errno(EACCES, open(CONTEXTS, O_RDONLY));
}

static void test_root_only(void **state)
{
	struct stat st;

	(void)state;
	run_child(read_as_user, NULL);
	/* Somebody may open the directory to others. */
	assert_ok(stat(CONTEXTS, &st));
	check_eq(S_IFREG | 0400, st.st_mode);
}

struct busy {
	struct setup s;
	struct held held;
	char text[4096];
};

static void *attach_held(void *arg)
{
	struct busy *b = arg;

	/* How it ends is not the matter here: the memory is no longer what it was. */
	cdev_attach(b->s.dev, b->s.ioas, NULL);
	return NULL;
}

static void *read_meanwhile(void *arg)
{
	struct busy *b = arg;

	context_with(my_mark(), b->text, sizeof(b->text));
	return NULL;
}

/*
 * An ATTACH waits for memory of its user, and who reads the list does not. The kernel for which
 * nobody can wait like this pins no such memory.
 */
static void test_busy(void **state)
{
	static struct busy b;

	(void)state;
	b.s = setup_bound();
	b.held = held_alloc(PAGE);
	map_at(&b.s, b.held.va, PAGE, IOVA);
	if (!kernel_since(6, 12)) {
		assert_errno(EFAULT, cdev_attach(b.s.dev, b.s.ioas, NULL));
		return;
	}
	check(held_meanwhile(&b.held, attach_held, read_meanwhile, &b));
	check_contains(b.text, " device id=%u group=%d attached=busy name=%s\n",
		       b.s.devid, pci_group(edu_bdf), edu_bdf);
	check_contains(b.text, " mappings=1 ");
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	ADD(content);
	ADD(name);
	ADD(ended);
	ADD(many);
	ADD(vanishing);
	ADD(root_only);
	ADD(busy);
	return test_main(argc, argv, "debugfs", &list, NULL, NULL);
}
