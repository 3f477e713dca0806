// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: trace events, as docs/tracing.md shows them
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <linux/vfio.h>

#include "document.h"
#include "dma.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define TRACING "/sys/kernel/tracing/"
#define EVENTS TRACING "events/"

static char text[256 * KB];

static void events(const char *on)
{
	assert_ok(write_file(EVENTS "iommufd_ext/enable", on));
	assert_ok(write_file(EVENTS "vfio_cdev_ext/enable", on));
}

static void begin(void)
{
	if (!path_exists(EVENTS "iommufd_ext"))
		skip_test("no trace events in this kernel");
	close(assert_ok(open(TRACING "trace", O_WRONLY | O_TRUNC)));
	events("1");
}

static void end(void)
{
	events("0");
	read_file(TRACING "trace", text, sizeof(text));
}

static void test_events(void **state)
{
	uint8_t *va = page_alloc(2 * PAGE);
	struct setup s;

	(void)state;
	need_edu();
	begin();
	s = setup_attached();
	map_at(&s, va, 2 * PAGE, IOVA);
	unmap_at(&s, IOVA, 2 * PAGE);
	assert_errno(EINVAL,
		     ioas_map_fixed(s.ctx, s.ioas, va, PAGE, IOVA + 1, MAP_RW));
	assert_ok(cdev_detach(s.dev));
	/* The edu has no way to be reset. */
	assert_errno(EINVAL, ioctl(s.dev, VFIO_DEVICE_RESET));
	check(vfio_hot_reset(s.dev) == -1);
	release_all();
	end();

	check_contains(text, " dev=%s id=%u rc=0\n", edu_bdf, s.devid);
	check_contains(text, "ioasid_bind: ctx=");
	check_contains(text, "ioasid_attach: ctx=");
	check_contains(text, " dev=%s pasid=0 pt=", edu_bdf);
	check_contains(text, "ioasid_map: ctx=");
	check_contains(text, " ioas=%u iova=%#lx length=0x2000 rc=0\n", s.ioas,
		       IOVA);
	check_contains(text, "ioasid_unmap: ctx=");
	check_contains(text, "ioasid_error: IOASID_IOAS_MAP rc=-22 ");
	check_contains(text, "ioasid_detach: ctx=");
	check_contains(text, "ioasid_unbind: ctx=");
	/* It is told of in the order in which it happens. */
	check(strstr(text, "ioasid_bind: ") < strstr(text, "ioasid_attach: "));
	check(strstr(text, "ioasid_attach: ") <
	      strstr(text, "ioasid_detach: "));
	check(strstr(text, "ioasid_detach: ") <
	      strstr(text, "ioasid_unbind: "));
	/* Of the detach that was asked for; at the end there was none to lose. */
	check(!strstr(strstr(text, "ioasid_detach: ") + 1, "ioasid_detach: "));
	check_contains(text, "vfio_reset: dev=%s hot=0 rc=-22\n", edu_bdf);
	check_contains(text, "vfio_reset: dev=%s hot=1 rc=-", edu_bdf);
}

/* ---- the examples of the document ---- */

DOCUMENT(tracing_doc, "docs/tracing.md");

#define SCRIPT "/tmp/example"
#define ANSWER "/tmp/answer"

/* In a session of its own: its last line may be a program that reads until it is ended. */
static void run_script(void *arg)
{
	(void)arg;
	setsid();
	execlp("sh", "sh", "-ec", "exec >" ANSWER " 2>&1; . " SCRIPT, NULL);
	_exit(127);
}

static pid_t start_example(const char *name)
{
	char script[KB];

	close(assert_ok(open(TRACING "trace", O_WRONLY | O_TRUNC)));
	document_block(tracing_doc, name, script, sizeof(script));
	unlink(SCRIPT);
	close(assert_ok(open(SCRIPT, O_CREAT | O_WRONLY, 0600)));
	assert_ok(write_file(SCRIPT, script));
	return child_start(run_script, NULL);
}

/* Until the event is on, the example has not come to its last line. */
static void await_event(const char *path)
{
	char on[8] = "";
	int i;

	for (i = 0; i < 3000 && on[0] != '1'; i++) {
		sleep_ms(10);
		read_file(path, on, sizeof(on));
	}
	check_eq('1', on[0]);
}

/* Whose last line has nothing more to say than that. */
static void end_example(pid_t pid, const char *last)
{
	int i;

	text[0] = '\0';
	for (i = 0; i < 3000 && !strstr(text, last); i++) {
		sleep_ms(10);
		read_file(ANSWER, text, sizeof(text));
	}
	check_contains(text, "%s", last);
	kill(-pid, SIGKILL);
	child_status(pid);
}

static void test_examples(void **state)
{
	uint8_t *va = page_alloc(2 * MB);
	struct setup s;
	pid_t pid;

	(void)state;
	if (!path_exists(EVENTS "iommufd_ext"))
		skip_test("no trace events in this kernel");
	s.ctx = ioasid_open();
	s.ioas = ioas_new(s.ctx);

	pid = start_example("errors");
	await_event(EVENTS "iommufd_ext/ioasid_error/enable");
	assert_errno(ENOENT,
		     ioas_map_fixed(s.ctx, s.ioas + 1, va, PAGE, IOVA, MAP_RW));
	end_example(pid, "ioasid_error: IOASID_IOAS_MAP rc=-2 ");

	pid = start_example("large");
	await_event(EVENTS "iommufd_ext/ioasid_map/enable");
	map_at(&s, va, PAGE, IOVA);
	map_at(&s, va, 2 * MB, IOVA + 2 * MB);
	end_example(pid, " length=0x200000 rc=0\n");
	check(!strstr(text, "length=0x1000 "));

	check_eq(0, child_status(start_example("off")));
	read_file(ANSWER, text, sizeof(text));
	check_eq(0, text[0]);
	read_file(EVENTS "iommufd_ext/ioasid_map/enable", text, sizeof(text));
	check_eq('0', text[0]);
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	test_add(&list, test_events, NULL, "events");
	test_add(&list, test_examples, NULL, "examples");
	return test_main(argc, argv, "trace", &list, NULL, NULL);
}
