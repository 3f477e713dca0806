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

/* ---- what the table has not ---- */

#define MANY (12 * MB)

/* A device, and memory of each kind: ordinary, of huge pages, of a file, and in two places. */
static void setup_bound_device(struct scene *sc)
{
	sc->w = world_new_device();
	sc->fd = sc->w.dev;
	sc->other = ioas_new(sc->w.ctx);
	sc->va = huge_alloc(4 * MB, false);
}

static void fill_ioas(struct scene *sc, uint32_t ioas)
{
	int ctx = sc->w.ctx;

	assert_ok(ioas_map_fixed(ctx, ioas, sc->va, 4 * MB, 16 * MB, MAP_RW));
	assert_ok(ioas_map_fixed(ctx, ioas, sc->w.va, PAGE, GB, MAP_R));
	assert_ok(ioas_map_file_fixed(ctx, ioas, sc->w.memfd, 0, PAGE, 2 * GB,
				      MAP_RW));
	assert_ok(ioas_copy_fixed(ctx, ioas, 3 * GB, ioas, 16 * MB + PAGE,
				  2 * PAGE, MAP_RW));
}

static void setup_attach(struct scene *sc)
{
	setup_bound_device(sc);
	fill_ioas(sc, sc->w.ioas);
}

static int attach(struct scene *sc)
{
	return cdev_attach(sc->w.dev, sc->w.ioas, NULL);
}

static void setup_replace(struct scene *sc)
{
	setup_attach(sc);
	fill_ioas(sc, sc->other);
	assert_ok(attach(sc));
}

static int replace(struct scene *sc)
{
	return cdev_attach(sc->w.dev, sc->other, NULL);
}

static void undo_replace(struct scene *sc)
{
	assert_ok(attach(sc));
}

/* Memory that is there, and of small pages. */
static uint8_t *small_pages(size_t len)
{
	uint8_t *va = small_alloc(len);

	memset(va, 1, len);
	return va;
}

static void setup_map_many(struct scene *sc)
{
	setup_bound_device(sc);
	sc->fd = sc->w.ctx;
	assert_ok(option_set(sc->fd, IOASID_OPTION_HUGE_PAGES, sc->w.ioas, 0));
	assert_ok(attach(sc));
	sc->va = small_pages(MANY);
}

static int map_many(struct scene *sc)
{
	return ioas_map_fixed(sc->w.ctx, sc->w.ioas, sc->va, MANY, 16 * MB,
			      MAP_RW);
}

/* The first of a context, and of memory that is not there yet. */
static void setup_map_first(struct scene *sc)
{
	setup_bound_device(sc);
	sc->fd = sc->w.ctx;
	assert_ok(attach(sc));
	sc->va = keep_map(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			  PAGE);
}

static int map_first(struct scene *sc)
{
	return ioas_map_fixed(sc->w.ctx, sc->w.ioas, sc->va, PAGE, 16 * MB,
			      MAP_RW);
}

static void setup_bind_first(struct scene *sc)
{
	sc->w = world_new();
	sc->w.parked = assert_ok(cdev_open(edu_bdf));
	sc->fd = sc->w.parked;
}

static int bind(struct scene *sc)
{
	return cdev_bind(sc->w.parked, sc->w.ctx, NULL);
}

static void undo_bind_first(struct scene *sc)
{
	undo_bind(sc);
	sc->fd = sc->w.parked;
}

/* ---- page tables, and who has them ---- */

static void setup_group(struct scene *sc)
{
	need_shared();
	setup_bound_device(sc);
	fill_ioas(sc, sc->w.ioas);
	fill_ioas(sc, sc->other);
	sc->dev = cdev_open_bound(shared1, sc->w.ctx, NULL);
	sc->dev2 = cdev_open_bound(shared2, sc->w.ctx, NULL);
	sc->fd = sc->dev2;
	assert_ok(cdev_attach(sc->dev, sc->w.ioas, NULL));
}

static int attach_second_device(struct scene *sc)
{
	return cdev_attach(sc->dev2, sc->w.ioas, NULL);
}

static void undo_attach_second(struct scene *sc)
{
	assert_ok(cdev_detach(sc->dev2));
}

static void setup_group_replace(struct scene *sc)
{
	setup_group(sc);
	assert_ok(attach_second_device(sc));
}

/* The whole group moves. */
static int replace_group(struct scene *sc)
{
	return cdev_attach(sc->dev2, sc->other, NULL);
}

static void undo_replace_group(struct scene *sc)
{
	assert_ok(cdev_attach(sc->dev2, sc->w.ioas, NULL));
}

static void setup_bind_group(struct scene *sc)
{
	need_shared();
	sc->w = world_new();
	sc->dev = cdev_open_bound(shared1, sc->w.ctx, NULL);
	sc->w.parked = assert_ok(cdev_open(shared2));
	sc->fd = sc->w.parked;
}

static void undo_bind_group(struct scene *sc)
{
	drop_fd(sc->w.parked);
	sc->w.parked = assert_ok(cdev_open(shared2));
	sc->fd = sc->w.parked;
}

static int detach(struct scene *sc)
{
	return cdev_detach(sc->w.dev);
}

static void prepare_attach(struct scene *sc)
{
	assert_ok(attach(sc));
}

/* ---- memory ---- */

#define SMALL_MAPS 12

static void setup_copy_many(struct scene *sc)
{
	unsigned int i;

	setup_map_many(sc);
	for (i = 0; i < SMALL_MAPS; i++)
		assert_ok(ioas_map_fixed(sc->w.ctx, sc->other,
					 sc->va + 2 * i * PAGE, PAGE,
					 16 * MB + i * PAGE, MAP_RW));
}

static int copy_many(struct scene *sc)
{
	return ioas_copy_fixed(sc->w.ctx, sc->w.ioas, 64 * MB, sc->other,
			       16 * MB, SMALL_MAPS * PAGE, MAP_RW);
}

static void undo_copy_many(struct scene *sc)
{
	assert_ok(ioas_unmap_exact(sc->w.ctx, sc->w.ioas, 64 * MB,
				   SMALL_MAPS * PAGE));
}

static void prepare_large_page(struct scene *sc)
{
	unmap_all(sc);
	assert_ok(ioas_map_fixed(sc->w.ctx, sc->w.ioas, sc->va, 4 * MB, 16 * MB,
				 MAP_RW));
}

static void setup_cut(struct scene *sc)
{
	setup_bound_device(sc);
	sc->fd = sc->w.ctx;
	assert_ok(attach(sc));
}

/* A hole in the first large page. */
static int unmap_hole(struct scene *sc)
{
	uint64_t len = PAGE;

	return ioas_unmap_partial(sc->w.ctx, sc->w.ioas, 16 * MB + 8 * PAGE,
				  &len, 0);
}

static int unmap_everything(struct scene *sc)
{
	uint64_t len = UINT64_MAX;

	return ioas_unmap(sc->w.ctx, sc->w.ioas, 0, &len);
}

static void setup_file_many(struct scene *sc)
{
	setup_map_many(sc);
	assert_ok(ftruncate(sc->w.memfd, 4 * MB));
}

static int map_file_many(struct scene *sc)
{
	return ioas_map_file_fixed(sc->w.ctx, sc->w.ioas, sc->w.memfd, 0,
				   4 * MB, 16 * MB, MAP_RW);
}

static int allow_many(struct scene *sc)
{
	struct ioasid_iova_range ranges[20];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i] = (struct ioasid_iova_range){
			i * 2 * MB + PAGE,
			i * 2 * MB + MB,
		};
	return ioas_allow(sc->w.ctx, sc->w.ioas, ranges, ARRAY_SIZE(ranges));
}

/* ---- the process that memory is charged to ---- */

static struct gate take, taken;

static void take_over(void *arg)
{
	struct scene *sc = arg;

	for (;;) {
		gate_wait(&take);
		assert_ok(change_process(sc->w.ctx));
		gate_open(&taken);
	}
}

/* It is another's before each call. */
static void prepare_change(struct scene *sc)
{
	(void)sc;
	gate_open(&take);
	gate_wait(&taken);
}

static void setup_change(struct scene *sc)
{
	setup_bound_device(sc);
	sc->fd = sc->w.ctx;
	assert_ok(attach(sc));
	assert_ok(ftruncate(sc->w.memfd, 8 * PAGE));
	assert_ok(ioas_map_file_fixed(sc->w.ctx, sc->w.ioas, sc->w.memfd, 0,
				      PAGE, MB, MAP_RW));
	assert_ok(ioas_map_file_fixed(sc->w.ctx, sc->other, sc->w.memfd, PAGE,
				      7 * PAGE, MB, MAP_RW));
	gate_init(&take);
	gate_init(&taken);
	child_start(take_over, sc);
}

static int change(struct scene *sc)
{
	return change_process(sc->w.ctx);
}

/* ---- the node ---- */

static int get_info(struct scene *sc)
{
	struct {
		struct vfio_device_info info;
		uint8_t caps[256];
	} cmd = { .info.argsz = sizeof(cmd) };

	return ioctl(sc->w.dev, VFIO_DEVICE_GET_INFO, &cmd);
}

static int region_info(struct scene *sc)
{
	struct {
		struct vfio_region_info info;
		uint8_t caps[256];
	} cmd = { .info.argsz = sizeof(cmd) };

	return ioctl(sc->w.dev, VFIO_DEVICE_GET_REGION_INFO, &cmd);
}

static int irq_info(struct scene *sc)
{
	struct vfio_irq_info info;

	return vfio_irq_info(sc->w.dev, VFIO_PCI_MSI_IRQ_INDEX, &info);
}

static int read_config(struct scene *sc)
{
	struct vfio_region_info info;
	uint16_t value;

	if (vfio_region(sc->w.dev, VFIO_PCI_CONFIG_REGION_INDEX, &info))
		return -1;
	return pread(sc->w.dev, &value, 2, info.offset) == 2 ? 0 : -1;
}

static void setup_hot_reset(struct scene *sc)
{
	need_shared();
	sc->w = world_new();
	sc->dev = cdev_open_bound(shared1, sc->w.ctx, NULL);
	sc->dev2 = cdev_open_bound(shared2, sc->w.ctx, NULL);
	sc->fd = sc->dev;
}

static int hot_reset(struct scene *sc)
{
	return vfio_hot_reset(sc->dev);
}

static int hot_reset_info(struct scene *sc)
{
	struct reset_info info = { .head.argsz = sizeof(info) };

	return ioctl(sc->dev, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info);
}

/* ---- files ---- */

static void setup_files(struct scene *sc)
{
	sc->w = world_new();
	cdev_path(edu_bdf, sc->path, sizeof(sc->path));
}

static int open_path(struct scene *sc, const char *path)
{
	sc->opened = open(path, O_RDWR | O_CLOEXEC);
	return sc->opened;
}

static int open_context(struct scene *sc)
{
	return open_path(sc, IOASID_NODE);
}

static int open_node(struct scene *sc)
{
	return open_path(sc, sc->path);
}

static void undo_open(struct scene *sc)
{
	assert_ok(close(sc->opened));
}

static int read_it(struct scene *sc)
{
	int fd = open(sc->path, O_RDONLY | O_CLOEXEC), err;
	char text[512];
	ssize_t len;

	if (fd < 0)
		return -1;
	len = read(fd, text, sizeof(text));
	err = errno;
	close(fd);
	errno = err;
	return len < 0 ? -1 : 0;
}

static void setup_fdinfo(struct scene *sc)
{
	setup_attach(sc);
	sc->fd = -1;
	snprintf(sc->path, sizeof(sc->path), "/proc/self/fdinfo/%d", sc->w.ctx);
}

static void setup_node_fdinfo(struct scene *sc)
{
	setup_attach(sc);
	sc->fd = -1;
	snprintf(sc->path, sizeof(sc->path), "/proc/self/fdinfo/%d", sc->w.dev);
}

static void setup_viable(struct scene *sc)
{
	setup_attach(sc);
	sc->fd = -1;
	snprintf(sc->path, sizeof(sc->path),
		 "/sys/bus/pci/devices/%s/vfio-dev/%s/viable", edu_bdf,
		 cdev_name(edu_bdf));
}

static void setup_debugfs(struct scene *sc)
{
	setup_attach(sc);
	sc->fd = -1;
	snprintf(sc->path, sizeof(sc->path),
		 "/sys/kernel/debug/iommufd_ext/contexts");
}

/* ---- what the drivers of the test build call ---- */

static int open_kept(const char *path)
{
	return (int)assert_ok(keep_fd(open(path, O_RDWR | O_CLOEXEC)));
}

static void insert(const char *module)
{
	int rc = module_load(module, "");

	if (rc && rc != EEXIST)
		fail_test("cannot load %s: %s", module, errno_name(rc));
}

static void use_modules(bool use)
{
	if (use) {
		insert("ext_test_dmabuf");
		insert("ext_test_access");
	} else {
		unload_module("ext_test_access");
		unload_module("ext_test_dmabuf");
	}
}

static int access_call(struct scene *sc, unsigned long number, uint32_t id,
		       uint32_t flags)
{
	struct ext_test_access cmd = {
		.id = id,
		.flags = flags,
		.iova = 16 * MB + 100,
		.length = 3 * PAGE,
		.data = (uintptr_t)sc->w.array,
	};

	return ioctl(sc->opened, number, &cmd);
}

/* Memory that is pinned for no device, in two mappings of which one is a copy. */
static void setup_access(struct scene *sc)
{
	sc->w = world_new();
	sc->w.array = page_alloc(4 * PAGE);
	sc->va = page_alloc(2 * PAGE);
	sc->opened = open_kept("/dev/ext_test_access");
	assert_ok(access_call(sc, EXT_TEST_CREATE, sc->w.ctx,
			      EXT_TEST_NEEDS_PIN));
}

static void map_for_access(struct scene *sc)
{
	int ctx = sc->w.ctx;

	assert_ok(ioas_map_fixed(ctx, sc->w.ioas, sc->va, 2 * PAGE, 16 * MB,
				 MAP_RW));
	assert_ok(ioas_map_fixed(ctx, sc->w.ioas, sc->w.va, PAGE, GB, MAP_RW));
	assert_ok(ioas_copy_fixed(ctx, sc->w.ioas, 16 * MB + 2 * PAGE,
				  sc->w.ioas, GB, PAGE, MAP_RW));
	assert_ok(ioas_map_fixed(ctx, sc->w.ioas, sc->va, PAGE,
				 16 * MB + 3 * PAGE, MAP_RW));
}

static int access_attach(struct scene *sc)
{
	return access_call(sc, EXT_TEST_ATTACH, sc->w.ioas, 0);
}

static void undo_access_attach(struct scene *sc)
{
	assert_ok(ioctl(sc->opened, EXT_TEST_DETACH));
}

static void setup_access_attached(struct scene *sc)
{
	setup_access(sc);
	map_for_access(sc);
	assert_ok(access_attach(sc));
}

static int access_pin(struct scene *sc)
{
	struct ext_test_access cmd = {
		.flags = 1,
		.iova = 16 * MB,
		.length = 3 * PAGE + 100,
	};
	int rc = ioctl(sc->opened, EXT_TEST_PIN, &cmd);

	sc->pin = cmd.id;
	return rc;
}

static void undo_access_pin(struct scene *sc)
{
	assert_ok(access_call(sc, EXT_TEST_UNPIN, sc->pin, 0));
}

static int access_write(struct scene *sc)
{
	return access_call(sc, EXT_TEST_RW, 0, 1);
}

static int access_create(struct scene *sc)
{
	return access_call(sc, EXT_TEST_CREATE, sc->w.ctx, 0);
}

static void setup_access_create(struct scene *sc)
{
	sc->w = world_new();
	sc->opened = open_kept("/dev/ext_test_access");
}

static void undo_access_create(struct scene *sc)
{
	assert_ok(ioctl(sc->opened, EXT_TEST_DESTROY));
}

#define DMABUF_SIZE (16 * PAGE)

static void setup_dmabuf(struct scene *sc)
{
	int exporter = open_kept("/dev/ext_test_dmabuf");

	setup_bound_device(sc);
	sc->fd = sc->w.ctx;
	assert_ok(attach(sc));
	sc->opened = ioctl(exporter, EXT_TEST_EXPORT, DMABUF_SIZE);
	assert_ok(keep_fd(sc->opened));
}

static int map_dmabuf(struct scene *sc)
{
	return ioas_map_file_fixed(sc->w.ctx, sc->w.ioas, sc->opened, 0,
				   DMABUF_SIZE, 16 * MB, MAP_RW);
}

static void setup_dmabuf_attach(struct scene *sc)
{
	setup_dmabuf(sc);
	sc->fd = sc->w.dev;
	assert_ok(map_dmabuf(sc));
	assert_ok(cdev_detach(sc->w.dev));
}

/* ---- memory that goes through the core of the kernel ---- */

#define HUGE (2 * MB)
#define HUGE_PAGES 16

/* Where in physical memory a page is that is there. */
static uint64_t page_frame(const void *va)
{
	int fd = assert_ok(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	uint64_t entry;

	check_eq(sizeof(entry), pread(fd, &entry, sizeof(entry),
				      (uintptr_t)va / PAGE * sizeof(entry)));
	close(fd);
	return entry & ((1ULL << 55) - 1);
}

/* Which huge page of a file is the one behind another, or -1. */
static int next_page(const uint64_t *frames, uint64_t frame)
{
	int i;

	for (i = 0; i < HUGE_PAGES; i++)
		if (frames[i] == frame + HUGE / PAGE)
			return i;
	return -1;
}

/* Three huge pages, each behind the last one in physical memory. */
static uint8_t *adjacent_pages(void)
{
	uint64_t frames[HUGE_PAGES];
	int file, order[3], i, k;
	uint8_t *all, *va;

	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "16"));
	file = keep_fd(memfd_create("fail", MFD_CLOEXEC | MFD_HUGETLB));
	assert_ok(ftruncate(file, HUGE_PAGES * HUGE));
	all = keep_map(mmap(NULL, HUGE_PAGES * HUGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, file, 0),
		       HUGE_PAGES * HUGE);
	check(all != MAP_FAILED);
	for (i = 0; i < HUGE_PAGES; i++) {
		all[i * HUGE] = 1;
		frames[i] = page_frame(all + i * HUGE);
	}
	for (i = 0; i < HUGE_PAGES; i++) {
		order[0] = i;
		for (k = 1; k < 3 && order[k - 1] >= 0; k++)
			order[k] = next_page(frames, frames[order[k - 1]]);
		if (k == 3 && order[2] >= 0)
			break;
	}
	if (i == HUGE_PAGES)
		fail_test("no three huge pages are adjacent");
	va = huge_alloc(4 * HUGE, false);
	for (k = 0; k < 3; k++)
		check(mmap(va + k * HUGE, HUGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, file,
			   order[k] * HUGE) != MAP_FAILED);
	drop_map(all);
	return va;
}

static void setup_core(struct scene *sc)
{
	setup_bound_device(sc);
	sc->fd = sc->w.ctx;
	assert_ok(attach(sc));
	sc->va = adjacent_pages();
}

/* One block for the core, of small pages for the driver: two of its tables. */
static int map_core(struct scene *sc)
{
	return ioas_map_fixed(sc->w.ctx, sc->w.ioas, sc->va + PAGE, 4 * MB,
			      16 * MB, MAP_RW);
}

/* ---- modules ---- */

/*
 * A device of vfio-pci is there to be adopted, and none that the driver would take: the VFIO
 * core warns if it has no memory for a group.
 */
static void setup_load(struct scene *sc)
{
	(void)sc;
	pci_bind(edu_bdf, DRIVER_STOCK);
	if (shared1 && shared2) {
		pci_bind(shared1, NULL);
		pci_bind(shared2, NULL);
	}
	unload_module("vfio_cdev_ext");
}

static int load(const char *module)
{
	errno = module_load(module, "");
	return errno ? -1 : 0;
}

static int load_vfio(struct scene *sc)
{
	(void)sc;
	return load("vfio_cdev_ext");
}

static void undo_load_vfio(struct scene *sc)
{
	(void)sc;
	unload_module("vfio_cdev_ext");
}

static void setup_load_both(struct scene *sc)
{
	setup_load(sc);
	unload_module("iommufd_ext");
}

static int load_iommufd(struct scene *sc)
{
	(void)sc;
	return load("iommufd_ext");
}

static void undo_load_iommufd(struct scene *sc)
{
	(void)sc;
	unload_module("iommufd_ext");
}

static const struct scenario scenarios[] = {
	{ .name = "attach_full",
	  .setup = setup_attach,
	  .call = attach,
	  .undo = undo_attach },
	{ .name = "attach_first",
	  .setup = setup_attach,
	  .call = attach,
	  .undo = undo_attach,
	  .fresh = true },
	{ .name = "attach_group",
	  .setup = setup_group,
	  .call = attach_second_device,
	  .undo = undo_attach_second },
	{ .name = "replace_full",
	  .setup = setup_replace,
	  .call = replace,
	  .undo = undo_replace },
	{ .name = "replace_group",
	  .setup = setup_group_replace,
	  .call = replace_group,
	  .undo = undo_replace_group },
	{ .name = "detach_full",
	  .setup = setup_attach,
	  .prepare = prepare_attach,
	  .call = detach },
	{ .name = "map_many",
	  .setup = setup_map_many,
	  .call = map_many,
	  .undo = unmap_all },
	{ .name = "map_first",
	  .setup = setup_map_first,
	  .call = map_first,
	  .undo = unmap_all,
	  .fresh = true },
	{ .name = "map_file_many",
	  .setup = setup_file_many,
	  .call = map_file_many,
	  .undo = unmap_all },
	{ .name = "copy_many",
	  .setup = setup_copy_many,
	  .call = copy_many,
	  .undo = undo_copy_many },
	{ .name = "unmap_hole",
	  .setup = setup_cut,
	  .prepare = prepare_large_page,
	  .call = unmap_hole,
	  .lost = true },
	{ .name = "unmap_everything",
	  .setup = setup_cut,
	  .prepare = prepare_large_page,
	  .call = unmap_everything },
	{ .name = "allow_many", .setup = setup_cut, .call = allow_many },
	{ .name = "change",
	  .setup = setup_change,
	  .prepare = prepare_change,
	  .call = change },
	{ .name = "bind_first",
	  .setup = setup_bind_first,
	  .call = bind,
	  .undo = undo_bind_first,
	  .fresh = true },
	{ .name = "bind_group",
	  .setup = setup_bind_group,
	  .call = bind,
	  .undo = undo_bind_group },
	{ .name = "get_info", .setup = setup_bound_device, .call = get_info },
	{ .name = "region_info",
	  .setup = setup_bound_device,
	  .call = region_info },
	{ .name = "irq_info", .setup = setup_bound_device, .call = irq_info },
	{ .name = "read_config",
	  .setup = setup_bound_device,
	  .call = read_config },
	{ .name = "hot_reset_both",
	  .setup = setup_hot_reset,
	  .call = hot_reset },
	{ .name = "hot_reset_info_both",
	  .setup = setup_hot_reset,
	  .call = hot_reset_info },
	{ .name = "open_context",
	  .setup = setup_files,
	  .call = open_context,
	  .undo = undo_open },
	{ .name = "open_node",
	  .setup = setup_files,
	  .call = open_node,
	  .undo = undo_open },
	{ .name = "read_fdinfo", .setup = setup_fdinfo, .call = read_it },
	{ .name = "read_node_fdinfo",
	  .setup = setup_node_fdinfo,
	  .call = read_it },
	{ .name = "read_viable", .setup = setup_viable, .call = read_it },
	{ .name = "read_debugfs", .setup = setup_debugfs, .call = read_it },
	{ .name = "access_create",
	  .setup = setup_access_create,
	  .call = access_create,
	  .undo = undo_access_create },
	{ .name = "access_attach",
	  .setup = setup_access,
	  .call = access_attach,
	  .undo = undo_access_attach },
	{ .name = "access_pin",
	  .setup = setup_access_attached,
	  .call = access_pin,
	  .undo = undo_access_pin },
	{ .name = "access_pin_first",
	  .setup = setup_access_attached,
	  .call = access_pin,
	  .undo = undo_access_pin,
	  .fresh = true },
	{ .name = "access_write",
	  .setup = setup_access_attached,
	  .call = access_write },
	{ .name = "dmabuf_map",
	  .setup = setup_dmabuf,
	  .call = map_dmabuf,
	  .undo = unmap_all },
	{ .name = "dmabuf_attach",
	  .setup = setup_dmabuf_attach,
	  .call = attach,
	  .undo = undo_attach },
	{ .name = "map_core",
	  .setup = setup_core,
	  .call = map_core,
	  .undo = unmap_all,
	  .alone = true,
	  .core = true },
	{ .name = "load_vfio_cdev_ext",
	  .setup = setup_load,
	  .call = load_vfio,
	  .undo = undo_load_vfio,
	  .last = 200,
	  .every = 10,
	  .alone = true },
	{ .name = "load_iommufd_ext",
	  .setup = setup_load_both,
	  .call = load_iommufd,
	  .undo = undo_load_iommufd,
	  .last = 60,
	  .every = 5,
	  .alone = true },
};

static void use_all_modules(bool direct)
{
	insert("iommufd_ext");
	insert("vfio_cdev_ext");
	use_direct_map(direct);
}

static void test_scenario(void **state)
{
	const struct scenario *s = test_arg(state);

	run_scenario(s, NULL);
	if (!s->last)
		return;
	/* As it was before. */
	use_all_modules(true);
	use_all(NULL);
}

/* NULL for a command. */
static const struct scenario *find_scenario(const void *arg)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		if (arg == &scenarios[i])
			return &scenarios[i];
	return NULL;
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
	const struct scenario *s = find_scenario(arg);
	static bool enabled;

	if (s && s->alone)
		use_modules(false);
	use_all_modules(!s || !s->core);
	if (!s || !s->alone)
		use_modules(true);
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
	use_modules(false);
	enable_devices(false);
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
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
	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		test_add(&list, test_scenario, (void *)&scenarios[i], "%s",
			 scenarios[i].name);
	return test_main(argc, argv, "fail", &list, NULL, finish);
}
