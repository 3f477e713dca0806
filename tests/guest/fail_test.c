// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: each allocation and each copy of a call fails
 * vm: --no-kmemleak
 *
 * A scenario is a call that succeeds. It is made again and again, and of what it allocates, and
 * copies from and to user space, the n-th fails, until there are less than n. A call that was
 * hit and failed must say so with an errno of its own, and why; it leaves everything as it was,
 * and the same call then succeeds. One that was hit and succeeded, because it could do without,
 * leaves what success leaves. Every row of lib/commands.c is a scenario by itself.
 *
 * What is left is looked for after each call in what the interface shows: pinned and locked
 * memory of the process, its open files, the objects of the context, what is mapped in each
 * IOAS and pinned for it. Pins of the whole system, groups and references to the modules are
 * compared once a scenario is over (lib/state.c), and KASAN sees what is used after it was freed.
 * Memory that nobody frees is not looked for: kmemleak allocates with each allocation, and gives
 * up when one of its own fails.
 *
 * The larger n is, the more are left out, unless FAIL_ALL is in the environment.
 *
 * Not here, as the kernel itself warns if it runs short: close(), after which the IOMMU core
 * attaches the domain of the host, for which Intel's driver allocates; a probe of a driver, in
 * which the VFIO core makes a group; and interrupts that are set up.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>
#include <linux/vfio.h>
#include <linux/vfio_cdev_ext.h>

#include "../module/ext_test_access.h"
#include "../module/ext_test_dmabuf.h"
#include "commands.h"
#include "dma.h"
#include "fail.h"
#include "ioasid.h"
#include "module.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

/* How many faults follow each other before some are left out, and where something is wrong. */
#define ALL_UP_TO 100
#define MAX_FAULTS 20000
#define MANY_FAULTS 1000000

struct scene {
	struct world w;
	/* A second IOAS, and two devices of one group. */
	uint32_t other;
	int dev;
	int dev2;
	/* A row of the table, and its structure. */
	const struct command *c;
	uint64_t cmd[CMD_MAX / 8];
	/* What the call gives without a fault. */
	int result;
	/* Who is asked for the sentence; -1 if nobody has one. */
	int fd;
	uint8_t *va;
	/* A file, by its name, and open. */
	char path[128];
	int opened;
	/* Of an access. */
	uint32_t pin;
};

struct scenario {
	const char *name;
	/* Once; and before each call, which finds it the same each time. */
	void (*setup)(struct scene *sc);
	void (*prepare)(struct scene *sc);
	/* Returns as ioctl() does. */
	int (*call)(struct scene *sc);
	/* After success. */
	void (*undo)(struct scene *sc);
	/* Each call is the first of its kind: all is set up anew. */
	bool fresh;
	/* The answer can be lost when all is done: EFAULT then comes with success. */
	bool lost;
	/*
	 * Much of it is the kernel's own, and may be done in part: of that the last faults
	 * alone are tried, each @every, and what comes of them is not compared.
	 */
	unsigned int last;
	unsigned int every;
	/* It takes our modules out, or loads them anew: no other may need them. */
	bool alone;
	/* With IOMMU drivers called through the core of the kernel. */
	bool core;
};

/* ---- what there is ---- */

struct text {
	char text[2048];
	size_t len;
};

struct look {
	struct text left;
	/* Where one can map: see check_survivor(). */
	struct text ranges;
};

static void add(struct text *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text->len += vsnprintf(text->text + text->len,
			       sizeof(text->text) - text->len, fmt, args);
	va_end(args);
	check(text->len < sizeof(text->text));
}

static unsigned int count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	check(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Where one can map, for which what is reserved and aligned counts. */
static void look_at_ranges(struct text *text, int ctx, uint32_t ioas)
{
	struct ioasid_iova_range ranges[64];
	uint32_t num = ARRAY_SIZE(ranges), i;
	uint64_t align, sum = 0;

	assert_ok(ioas_ranges(ctx, ioas, ranges, &num, &align));
	for (i = 0; i < num; i++)
		sum += ranges[i].last - ranges[i].start;
	add(text, "%u ranges of %#lx bytes, aligned to %#lx\n", num, sum,
	    align);
}

/* In bytes, and not in mappings: one that was cut is as good as two. */
static void look_at_ioas(struct look *look, int ctx, uint32_t ioas)
{
	struct ioasid_mapping mappings[64];
	uint64_t iova = 0, len = 0, pinned = 0;
	uint32_t num, i;
	bool end = false;

	while (!end) {
		num = ARRAY_SIZE(mappings);
		if (list_mappings(ctx, ioas, &iova, mappings, &num, &end))
			fail_test("LIST_MAPPINGS: %s", errno_name(errno));
		for (i = 0; i < num; i++) {
			len += mappings[i].length;
			pinned += mappings[i].pinned_pages;
		}
	}
	add(&look->left, "an IOAS of %#lx bytes, %lu pages pinned\n", len,
	    pinned);
	look_at_ranges(&look->ranges, ctx, ioas);
}

static void look_at_context(struct look *look, int ctx)
{
	struct ioasid_object objects[32];
	unsigned int types[16] = { 0 };
	uint32_t num = ARRAY_SIZE(objects), i;
	uint64_t cursor = 0;

	assert_ok(list_objects(ctx, &cursor, objects, &num));
	check(num < ARRAY_SIZE(objects));
	for (i = 0; i < num; i++) {
		check(objects[i].type < ARRAY_SIZE(types));
		types[objects[i].type]++;
		if (objects[i].type == IOASID_OBJECT_IOAS)
			look_at_ioas(look, ctx, objects[i].id);
	}
	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i])
			add(&look->left, "%u objects of type %u\n", types[i],
			    i);
}

static struct look look_at(const struct scene *sc)
{
	struct look look = { 0 };

	add(&look.left, "%u files, VmPin %ld, VmLck %ld\n", count_files(),
	    state_vm("VmPin"), state_vm("VmLck"));
	if (sc->w.ctx >= 0)
		look_at_context(&look, sc->w.ctx);
	return look;
}

/* ---- the calls ---- */

struct run {
	const struct scenario *s;
	struct scene sc;
	struct look before;
	struct look after;
	unsigned int nth;
	/* How many there were without a fault, which is about right the next time. */
	unsigned int total;
	unsigned int refused;
	unsigned int survived;
};

static void check_text(const struct run *run, const struct text *want,
		       const struct text *got, const char *when)
{
	if (strcmp(want->text, got->text))
		fail_test("%s, fault %u, %s:\n%swas expected, and there is\n%s",
			  run->s->name, run->nth, when, want->text, got->text);
}

static void check_look(struct run *run, const struct look *want,
		       const char *when)
{
	struct look got = look_at(&run->sc);

	check_text(run, &want->left, &got.left, when);
	check_text(run, &want->ranges, &got.ranges, when);
}

/*
 * A call succeeded, though it was hit. Where one can map then is not compared: of what a device
 * reserves, its IOMMU driver leaves out what it has no memory for, and tells nobody.
 */
static void check_survivor(struct run *run)
{
	struct look got = look_at(&run->sc);

	check_text(run, &run->after.left, &got.left, "when it succeeds");
}

static void prepare(struct run *run)
{
	if (run->s->prepare)
		run->s->prepare(&run->sc);
}

static void undo(struct run *run)
{
	if (run->s->undo && !run->sc.result)
		run->s->undo(&run->sc);
	prepare(run);
	check_look(run, &run->before, "when it is undone");
}

static int call(struct run *run)
{
	errno = 0;
	return run->s->call(&run->sc) < 0 ? errno : 0;
}

static void setup(struct run *run, const struct command *c)
{
	run->sc = (struct scene){ .c = c, .fd = -1 };
	run->sc.w.ctx = -1;
	run->s->setup(&run->sc);
	prepare(run);
	run->before = look_at(&run->sc);
}

/* Without a fault: what is there before, and after. */
static void run_clean(struct run *run)
{
	int err;

	fail_begin(MANY_FAULTS);
	err = call(run);
	run->total = MANY_FAULTS - fail_end();
	if (err != run->sc.result)
		fail_test("%s after fault %u: expected %s, got %s",
			  run->s->name, run->nth, errno_name(run->sc.result),
			  errno_name(err));
	if (!run->nth)
		run->after = look_at(&run->sc);
	else
		check_look(run, &run->after, "when it is repeated");
	undo(run);
}

static void check_errno(struct run *run, int err)
{
	if (err != ENOMEM && err != EFAULT && err != run->sc.result)
		fail_test("%s, fault %u: %s", run->s->name, run->nth,
			  errno_name(err));
}

/* What is refused anyway may have had no memory for its sentence. */
static void check_sentence(struct run *run, int err)
{
	struct scene *sc = &run->sc;
	struct refusal r;

	if (sc->fd < 0 || (run->sc.result && err == run->sc.result))
		return;
	check_refusal(sc->fd, err, "", &r);
	if (sc->c)
		check_eq(sc->c->cmd, r.error.out_cmd);
	if (r.error.out_flags & IOASID_ERROR_GENERIC || !r.text[0])
		fail_test("%s, fault %u: %s and no reason: \"%s\"",
			  run->s->name, run->nth, errno_name(err), r.text);
	if (getenv("FAIL_SAY"))
		print_message("# %s %u: %s\n", run->s->name, run->nth, r.text);
}

static void check_refused(struct run *run, int err)
{
	struct look now;

	run->refused++;
	if (run->s->last) {
		undo(run);
		run_clean(run);
		return;
	}
	check_errno(run, err);
	check_sentence(run, err);
	now = look_at(&run->sc);
	if (run->s->lost && err == EFAULT &&
	    !strcmp(now.left.text, run->after.left.text)) {
		undo(run);
		return;
	}
	check_look(run, &run->before, "when it is refused");
	prepare(run);
	run_clean(run);
}

/* Returns whether there was one to be had. */
static bool run_fault(struct run *run)
{
	bool left;
	int err;

	fail_begin(run->nth);
	err = call(run);
	left = fail_end();
	if (err && !left) {
		check_refused(run, err);
		return true;
	}
	if (left)
		check_eq(run->sc.result, err);
	else
		run->survived++;
	if (!err && !run->s->last && left)
		check_look(run, &run->after, "when it succeeds");
	else if (!err && !run->s->last)
		check_survivor(run);
	undo(run);
	return !left;
}

static unsigned int first_nth(const struct run *run)
{
	unsigned int last = run->s->last;

	return last && last < run->total ? run->total - last : 1;
}

static unsigned int next_nth(const struct run *run)
{
	unsigned int nth = run->nth;

	if (getenv("FAIL_ALL"))
		return nth + 1;
	if (run->s->every)
		return nth + run->s->every;
	return nth < ALL_UP_TO ? nth + 1 : nth + nth / 16;
}

/* As klog_mark(), but for as long as the program. */
static int log_mark(void)
{
	static int file = -1;
	int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;

	if (file < 0)
		file = assert_ok(open("/dev/kmsg", flags));
	assert_ok(lseek(file, 0, SEEK_END));
	return file;
}

static void run_scenario(const struct scenario *s, const struct command *c)
{
	long long start = now_ms();
	struct run run = { .s = s };
	int mark = log_mark();

	need_faults();
	need_edu();
	setup(&run, c);
	run_clean(&run);
	for (run.nth = first_nth(&run);; run.nth = next_nth(&run)) {
		if (s->fresh) {
			release_all();
			setup(&run, c);
		}
		if (!run_fault(&run))
			break;
		check(run.nth < MAX_FAULTS);
	}
	/* Of what others would find mapped, some drivers tell the log alone. */
	if (klog_wait(mark, "WARNING", "", 0))
		fail_test("%s: a warning in the kernel log", s->name);
	print_message("# %s: %u of %u faults refuse it, %u do not; %lld ms\n",
		      s->name, run.refused, run.total, run.survived,
		      now_ms() - start);
}

/* ---- the table of commands ---- */

static int command_fd(struct scene *sc)
{
	return world_file(&sc->w, sc->c);
}

/* With a device in the way, wherever one can be. */
static void command_setup(struct scene *sc)
{
	if (sc->c->file == ON_PARKED || sc->c->variant)
		sc->w = world_for(sc->c);
	else
		sc->w = world_new_device();
	if (sc->c->file == ON_CONTEXT)
		assert_ok(cdev_attach(sc->w.dev, sc->w.ioas, NULL));
	/* Two pages, which is as much as an IOAS needs to be cut. */
	sc->va = page_alloc(2 * PAGE);
}

static void command_prepare(struct scene *sc)
{
	sc->result = good_cmd(sc->c, &sc->w, sc->cmd, sc->c->size);
	sc->fd = sc->c->cmd == IOASID_GET_ERROR ? -1 : command_fd(sc);
}

static int command_issue(struct scene *sc)
{
	return ioctl(command_fd(sc), sc->c->cmd, sc->cmd);
}

static bool get_answer(struct scene *sc, enum field_kind kind, uint32_t *value)
{
	const struct field *f;

	for (f = sc->c->fields; f < sc->c->fields + MAX_FIELDS && f->name; f++)
		if (f->kind == kind) {
			memcpy(value, (char *)sc->cmd + f->offset,
			       sizeof(*value));
			return true;
		}
	return false;
}

/* A file goes, and then the object behind it. */
static void command_undo(struct scene *sc)
{
	uint32_t value;

	if (get_answer(sc, FIELD_NEW_FD, &value))
		assert_ok(close((int)value));
	if (get_answer(sc, FIELD_NEW_ID, &value))
		assert_ok(ioasid_destroy(sc->w.ctx, value));
}

static void unmap_all(struct scene *sc)
{
	uint64_t len = UINT64_MAX;

	assert_ok(ioas_unmap(sc->w.ctx, sc->w.ioas, 0, &len));
}

/* There is something to unmap, whole or in part. */
static void prepare_pages(struct scene *sc, size_t len)
{
	if (ioas_map_fixed(sc->w.ctx, sc->w.ioas, sc->va, len, FIXED_IOVA,
			   MAP_RW))
		check_eq(EEXIST, errno);
	command_prepare(sc);
}

static void prepare_mapped(struct scene *sc)
{
	prepare_pages(sc, PAGE);
}

static void prepare_to_cut(struct scene *sc)
{
	prepare_pages(sc, 2 * PAGE);
}

static void undo_attach(struct scene *sc)
{
	assert_ok(cdev_detach(sc->w.dev));
}

static void prepare_attached(struct scene *sc)
{
	assert_ok(cdev_attach(sc->w.dev, sc->w.ioas, NULL));
	command_prepare(sc);
}

static void undo_bind(struct scene *sc)
{
	drop_fd(sc->w.parked);
	sc->w.parked = assert_ok(cdev_open(edu_bdf));
}

/* Where a command differs: the rest is as in command_scenario. */
static const struct scenario command_scenarios[] = {
	{ "map", .undo = unmap_all },
	{ "map_file", .undo = unmap_all },
	{ "copy", .undo = unmap_all },
	{ "container_map", .undo = unmap_all },
	{ "unmap", .prepare = prepare_mapped },
	{ "unmap_partial", .prepare = prepare_to_cut, .lost = true },
	{ "container_unmap", .prepare = prepare_mapped, .lost = true },
	{ "attach", .undo = undo_attach },
	{ "detach", .prepare = prepare_attached },
	{ "bind", .undo = undo_bind },
};

static void test_command(void **state)
{
	const struct command *c = test_arg(state);
	struct scenario s = {
		.name = c->name,
		.setup = command_setup,
		.prepare = command_prepare,
		.call = command_issue,
		.undo = command_undo,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(command_scenarios); i++) {
		if (strcmp(command_scenarios[i].name, c->name))
			continue;
		s.prepare = command_scenarios[i].prepare ?: s.prepare;
		s.undo = command_scenarios[i].undo ?: s.undo;
		s.lost = command_scenarios[i].lost;
	}
	run_scenario(&s, c);
}

/* ---- the machine ---- */

static void insert(const char *module)
{
	int rc = module_load(module, "");

	if (rc && rc != EEXIST)
		fail_test("cannot load %s: %s", module, errno_name(rc));
}

static void use_all_modules(bool direct)
{
	insert("iommufd_ext");
	insert("vfio_cdev_ext");
	use_direct_map(direct);
}

/*
 * A device that is enabled before it is bound has its interrupt line. To find it, ACPI runs
 * code of the firmware, and the kernel's interpreter does not survive each allocation that
 * fails (6.12: use after free).
 */
static void enable_devices(bool enable)
{
	const char *const bdfs[] = { edu_bdf, shared1, shared2 };
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bdfs); i++) {
		if (!bdfs[i])
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable",
			 bdfs[i]);
		pci_bind(bdfs[i], NULL);
		assert_ok(write_file(path, enable ? "1" : "0"));
	}
}

static void before_test(void *arg)
{
	static bool enabled;

	use_all_modules(true);
	if (!enabled) {
		use_devices(DRIVER_EXT);
		enable_devices(true);
		enabled = true;
	}
	use_all(arg);
}

static int finish(void **state)
{
	(void)state;
	before_test(NULL);
	enable_devices(false);
	if (edu_bdf)
		variant_unload(edu_bdf);
	return 0;
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };
	size_t i;

	test_before = before_test;
	for (i = 0; i < num_commands; i++)
		test_add(&list, test_command, (void *)&commands[i], "%s",
			 commands[i].name);
	return test_main(argc, argv, "fail", &list, NULL, finish);
}
