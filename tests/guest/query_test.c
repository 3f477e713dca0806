// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: lists of objects, mappings and groups
 * vm: --smp 2
 *
 * What a program can ask about a context and a device: the lists of objects and
 * mappings, the group of a device, and what this kernel serves.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "dma.h"
#include "held.h"
#include "ioasid.h"
#include "test.h"
#include "vfio.h"

#define MAX_OBJECTS 64

struct objects {
	struct ioasid_object list[MAX_OBJECTS];
	size_t num;
};

/* All of them, taken @step at a time. */
static void take_objects(int fd, struct objects *all, uint32_t step)
{
	uint64_t cursor = 0;
	uint32_t num;

	all->num = 0;
	do {
		num = step;
		check(all->num + step <= MAX_OBJECTS);
		assert_ok(list_objects(fd, &cursor, all->list + all->num,
				       &num));
		all->num += num;
	} while (cursor);
}

static const struct ioasid_object *find_object(const struct objects *all,
					       uint32_t id, uint32_t type)
{
	size_t i;

	for (i = 0; i < all->num; i++)
		if (all->list[i].id == id && all->list[i].type == type)
			return &all->list[i];
	fail_test("no object %u of type %u in the list", id, type);
}

/* ---- objects ---- */

static void test_objects_none(void **state)
{
	struct objects all;

	(void)state;
	take_objects(ioasid_open(), &all, 8);
	check_eq(0, all.num);
}

static void test_objects_ioas(void **state)
{
	int fd = ioasid_open();
	uint32_t first = ioas_new(fd), second = ioas_new(fd), id = second;
	struct objects all;

	(void)state;
	assert_ok(option_set(fd, IOASID_OPTION_HUGE_PAGES, first, 0));
	assert_ok(vfio_ioas(fd, IOASID_VFIO_IOAS_SET, &id));
	take_objects(fd, &all, 8);
	check_eq(2, all.num);
	check_eq(0, find_object(&all, first, IOASID_OBJECT_IOAS)->flags);
	check_eq(IOASID_OBJECT_LARGE_PAGES | IOASID_OBJECT_VFIO,
		 find_object(&all, second, IOASID_OBJECT_IOAS)->flags);
	check(all.list[0].group == -1);
	check(!all.list[0].name[0]);
}

static void test_objects_paged(void **state)
{
	int fd = ioasid_open();
	struct objects all, again;
	uint32_t i;

	(void)state;
	for (i = 0; i < 40; i++)
		ioas_new(fd);
	take_objects(fd, &all, 64);
	check_eq(40, all.num);
	for (i = 1; i < 8; i++) {
		take_objects(fd, &again, i);
		check_eq(40, again.num);
		check(!memcmp(all.list, again.list, 40 * sizeof(*all.list)));
	}
}

static void test_objects_relations(void **state)
{
	struct setup s = setup_attached();
	const struct ioasid_object *o;
	struct objects all, again;
	uint32_t hwpt, i;

	(void)state;
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	take_objects(s.ctx, &all, 16);
	check_eq(5, all.num);

	o = find_object(&all, s.devid, IOASID_OBJECT_DEVICE);
	assert_string_equal(edu_bdf, o->name);
	check_eq(pci_group(edu_bdf), o->group);
	check_eq(0, o->target_id);
	o = find_object(&all, hwpt, IOASID_OBJECT_HWPT);
	check_eq(s.ioas, o->target_id);
	check(!(o->flags & IOASID_OBJECT_AUTO));

	/* The endpoint leads to the page table that the attach has made. */
	o = find_object(&all, s.devid, IOASID_OBJECT_ENDPOINT);
	check_eq(0, o->flags & IOASID_OBJECT_PASID);
	o = find_object(&all, o->target_id, IOASID_OBJECT_HWPT);
	check(o->flags & IOASID_OBJECT_AUTO);
	check_eq(s.ioas, o->target_id);

	/* However small the steps, the endpoint follows its device once. */
	for (i = 1; i < 4; i++) {
		take_objects(s.ctx, &again, i);
		check_eq(all.num, again.num);
		check(!memcmp(all.list, again.list,
			      all.num * sizeof(*all.list)));
	}

	assert_ok(cdev_detach(s.dev));
	take_objects(s.ctx, &all, 16);
	check_eq(3, all.num);
}

/* An entry of another size: the kernel fills what it knows, and zeros the rest. */
static void test_entry_size(void **state)
{
	struct {
		struct ioasid_object object;
		uint32_t more[3];
	} entries[2];
	int fd = ioasid_open();
	struct ioasid_list cmd = {
		.size = sizeof(cmd),
		.num = 2,
		.entry_size = sizeof(entries[0]),
		.objects = (uintptr_t)entries,
	};

	(void)state;
	memset(entries, 0xff, sizeof(entries));
	ioas_new(fd);
	ioas_new(fd);
	assert_ok(ioctl(fd, IOASID_LIST, &cmd));
	check_eq(2, cmd.num);
	check_eq(sizeof(struct ioasid_object), cmd.entry_size);
	check_eq(IOASID_OBJECT_IOAS, entries[1].object.type);
	check_eq(0, entries[1].more[2]);

	cmd.cursor = 0;
	cmd.entry_size = sizeof(struct ioasid_object) - 1;
	assert_errno(EINVAL, ioctl(fd, IOASID_LIST, &cmd));
	cmd.entry_size = 2 * PAGE;
	assert_errno(EINVAL, ioctl(fd, IOASID_LIST, &cmd));
}

static void test_objects_bad_array(void **state)
{
	struct ioasid_object *page = page_alloc(2 * PAGE);
	uint64_t cursor = 0;
	uint32_t num = 8;
	int fd = ioasid_open();

	(void)state;
	ioas_new(fd);
	ioas_new(fd);
	assert_ok(munmap((char *)page + PAGE, PAGE));
	assert_errno(EFAULT,
		     list_objects(fd, &cursor,
				  (void *)((char *)page + PAGE - sizeof(*page)),
				  &num));
}

/* ---- mappings ---- */

static struct ioasid_mapping one_mapping(int fd, uint32_t ioas)
{
	struct ioasid_mapping mappings[2];
	uint64_t iova = 0;
	uint32_t num = 2;
	bool end;

	assert_ok(list_mappings(fd, ioas, &iova, mappings, &num, &end));
	check_eq(1, num);
	check(end);
	return mappings[0];
}

static void test_mapping(void **state)
{
	struct setup s = setup_bound();
	uint8_t *va = page_alloc(4 * PAGE);
	struct ioasid_mapping m;

	(void)state;
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, va, 3 * PAGE, IOVA, MAP_R));
	m = one_mapping(s.ctx, s.ioas);
	check_eq(IOVA, m.iova);
	check_eq(3 * PAGE, m.length);
	check_eq((uintptr_t)va, m.start);
	check_eq(IOASID_MAPPING_READABLE, m.flags);
	/* We are root: nothing is limited. */
	check_eq(IOASID_CHARGE_NONE, m.charge);
	check_eq(0, m.pinned_pages);

	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_eq(3, one_mapping(s.ctx, s.ioas).pinned_pages);
	assert_ok(cdev_detach(s.dev));
	check_eq(0, one_mapping(s.ctx, s.ioas).pinned_pages);
}

static void charged_child(void *arg)
{
	struct setup *s = arg;

	become_limited(LIMIT_PAGES);
	map_at(s, page_alloc(PAGE), PAGE, IOVA);
}

static void test_mapping_charge(void **state)
{
	bool process = test_arg(state);
	struct setup s = setup_limit(process);

	run_child(charged_child, &s);
	check_eq(process ? IOASID_CHARGE_PROCESS : IOASID_CHARGE_USER,
		 one_mapping(s.ctx, s.ioas).charge);
}

static void test_mapping_file(void **state)
{
	int fd = ioasid_open(), file;
	uint32_t ioas = ioas_new(fd), copy = ioas_new(fd);
	struct ioasid_mapping m;

	(void)state;
	file = assert_ok(keep_fd(memfd_create("query", 0)));
	assert_ok(ftruncate(file, 4 * PAGE));
	assert_ok(ioas_map_file_fixed(fd, ioas, file, PAGE, 2 * PAGE, IOVA,
				      MAP_RW));
	m = one_mapping(fd, ioas);
	check_eq(PAGE, m.start);
	check_eq(IOASID_MAPPING_READABLE | IOASID_MAPPING_WRITEABLE |
			 IOASID_MAPPING_FILE,
		 m.flags);
	assert_ok(ioas_copy_fixed(fd, copy, 0, ioas, IOVA + PAGE, PAGE, MAP_R));
	check(one_mapping(fd, ioas).flags & IOASID_MAPPING_SHARED);
	m = one_mapping(fd, copy);
	check_eq(2 * PAGE, m.start);
	check_eq(0, m.iova);
	check_eq(PAGE, m.length);
	check_eq(IOASID_MAPPING_READABLE | IOASID_MAPPING_FILE |
			 IOASID_MAPPING_SHARED,
		 m.flags);
}

#define MANY 1000UL

static void test_mappings_paged(void **state)
{
	struct ioasid_mapping mappings[7];
	uint8_t *va = page_alloc(PAGE);
	int fd = ioasid_open();
	uint32_t ioas = ioas_new(fd), num, i;
	uint64_t iova = 0, next = 0;
	bool end;

	(void)state;
	for (i = 0; i < MANY; i++)
		assert_ok(ioas_map_fixed(fd, ioas, va, PAGE, 2 * i * PAGE,
					 MAP_RW));
	do {
		num = ARRAY_SIZE(mappings);
		assert_ok(list_mappings(fd, ioas, &iova, mappings, &num, &end));
		for (i = 0; i < num; i++, next++)
			check_eq(2 * next * PAGE, mappings[i].iova);
	} while (!end);
	check_eq(MANY, next);

	/* From the middle of a mapping on, that one is the first. */
	iova = 2 * PAGE + 1;
	num = 1;
	assert_ok(list_mappings(fd, ioas, &iova, mappings, &num, &end));
	check_eq(2 * PAGE, mappings[0].iova);
	check_eq(3 * PAGE, iova);
	check(!end);

	iova = 2 * MANY * PAGE;
	num = 1;
	assert_ok(list_mappings(fd, ioas, &iova, mappings, &num, &end));
	check_eq(0, num);
	check(end);
}

static void test_mappings_last(void **state)
{
	int fd = ioasid_open();
	uint32_t ioas = ioas_new(fd);
	uint64_t last = UINT64_MAX - 2 * PAGE + 1;
	struct ioasid_mapping m;

	(void)state;
	assert_ok(ioas_map_fixed(fd, ioas, page_alloc(PAGE), PAGE, last,
				 MAP_RW));
	m = one_mapping(fd, ioas);
	check_eq(last, m.iova);
	check_eq(PAGE, m.length);
}

static void test_mappings_bad(void **state)
{
	struct ioasid_mapping mapping;
	int fd = ioasid_open();
	uint64_t iova = 0;
	uint32_t num = 1;
	bool end;

	(void)state;
	assert_errno(ENOENT,
		     list_mappings(fd, ABSENT_ID, &iova, &mapping, &num, &end));
}

struct changer {
	int fd;
	uint32_t ioas;
	uint8_t *va;
	unsigned long many;
	volatile unsigned long changes;
	volatile bool stop;
};

/* Maps and unmaps between the mappings that stay. */
static void *change_mappings(void *arg)
{
	struct changer *c = arg;
	uint64_t i;

	for (i = 0; !c->stop; i = (i + 1) % c->many) {
		ioas_map_fixed(c->fd, c->ioas, c->va, PAGE, (2 * i + 1) * PAGE,
			       MAP_RW);
		ioas_unmap_exact(c->fd, c->ioas, (2 * i + 1) * PAGE, PAGE);
		c->changes++;
	}
	return NULL;
}

/* Mappings that stay, with room for others in between. */
static struct changer changer_new(unsigned long many)
{
	struct changer c = { .fd = ioasid_open(), .many = many };
	uint64_t i;

	c.va = page_alloc(PAGE);
	c.ioas = ioas_new(c.fd);
	for (i = 0; i < many; i++)
		assert_ok(ioas_map_fixed(c.fd, c.ioas, c.va, PAGE, 2 * i * PAGE,
					 MAP_RW));
	return c;
}

/*
 * A page of the list is in order, and what stays is in it, each once: counted in @next.
 * True at the end.
 */
static bool check_page(struct changer *c, uint64_t *iova,
		       struct ioasid_mapping *mappings, uint32_t num,
		       uint64_t *next)
{
	uint32_t i;
	bool end;

	assert_ok(list_mappings(c->fd, c->ioas, iova, mappings, &num, &end));
	for (i = 0; i < num; i++) {
		check(!i || mappings[i].iova > mappings[i - 1].iova);
		if (mappings[i].iova / PAGE % 2 == 0)
			check_eq(2 * (*next)++ * PAGE, mappings[i].iova);
	}
	return end;
}

static void test_mappings_changing(void **state)
{
	struct changer c = changer_new(MANY);
	struct ioasid_mapping mappings[7];
	uint64_t iova, next;
	pthread_t thread;
	int round;

	(void)state;
	check_eq(0, pthread_create(&thread, NULL, change_mappings, &c));
	for (round = 0; round < 20; round++) {
		iova = 0;
		next = 0;
		while (!check_page(&c, &iova, mappings, ARRAY_SIZE(mappings),
				   &next))
			;
		check_eq(MANY, next);
	}
	c.stop = true;
	check_eq(0, pthread_join(thread, NULL));
}

/* ---- a million mappings ---- */

/* It takes its time, and keeps what is freed for a while. */
static bool debug_kernel(void)
{
	return path_exists("/proc/lockdep");
}

/* A line of /proc/meminfo, in KiB. */
static long memory_kb(const char *name)
{
	char text[2 * PAGE], *line;

	read_file("/proc/meminfo", text, sizeof(text));
	line = strstr(text, name);
	check(line);
	return strtol(line + strlen(name), NULL, 10);
}

static long fdinfo_number(int fd, const char *name)
{
	char path[64], text[PAGE], *line;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	read_file(path, text, sizeof(text));
	line = strstr(text, name);
	if (!line)
		fail_test("no \"%s\" in \"%s\"", name, text);
	return strtol(line + strlen(name), NULL, 10);
}

#define LIST_PAGE 512U
/* More than a page of the list, and much less than all of it. */
#define SLACK_KB 4096

/*
 * They can all be read, a page at a time, while others come and go: none is missing,
 * who changes goes on, and the kernel needs no memory for the list.
 */
static void test_mappings_million(void **state)
{
	unsigned long many = debug_kernel() ? 20000 : 1000000;
	unsigned long before, pages = 0;
	struct ioasid_mapping *mappings;
	uint64_t iova = 0, next = 0;
	struct changer c = changer_new(many);
	long long begin, listed;
	pthread_t thread;
	long slab, most = 0, found;

	(void)state;
	mappings = page_alloc(LIST_PAGE * sizeof(*mappings));
	check_eq(0, pthread_create(&thread, NULL, change_mappings, &c));
	while (!c.changes)
		sleep_ms(1);
	slab = memory_kb("\nSlab:");
	before = c.changes;
	begin = now_ms();
	while (!check_page(&c, &iova, mappings, LIST_PAGE, &next)) {
		if (pages++ % 100 == 0) {
			found = memory_kb("\nSlab:") - slab;
			most = found > most ? found : most;
		}
	}
	listed = now_ms();
	check_eq(many, next);
	check(c.changes > before);
	check(debug_kernel() || most < SLACK_KB);

	/* The one that changes is there or not. */
	found = fdinfo_number(c.fd, "\nioasid-mappings:");
	check(found == (long)many || found == (long)many + 1);
	print_message("# %lu mappings: list %lld ms, fdinfo %lld ms, %lu changes, slab +%ld KiB\n",
		      many, listed - begin, now_ms() - listed,
		      c.changes - before, most);
	c.stop = true;
	check_eq(0, pthread_join(thread, NULL));
	check_eq(many, fdinfo_number(c.fd, "\nioasid-mappings:"));
	check_eq(many * PAGE, fdinfo_number(c.fd, "\nioasid-mapped-bytes:"));
	check_eq(0, fdinfo_number(c.fd, "\nioasid-pinned-pages:"));
}

static void *read_fdinfo(void *arg)
{
	struct changer *c = arg;

	for (; !c->stop; c->changes++)
		fdinfo_number(c->fd, "\nioasid-ioas:");
	return NULL;
}

/* Who looks at an IOAS does not keep it from being destroyed. */
static void test_destroy_watched(void **state)
{
	struct changer c = changer_new(MANY);
	unsigned long before;
	pthread_t thread;
	uint32_t ioas;
	int round;

	(void)state;
	check_eq(0, pthread_create(&thread, NULL, read_fdinfo, &c));
	for (round = 0; round < 50; round++) {
		ioas = ioas_new(c.fd);
		assert_ok(ioas_map_fixed(c.fd, ioas, c.va, PAGE, IOVA, MAP_RW));
		before = c.changes;
		while (c.changes == before)
			sleep_ms(1);
		assert_ok(ioasid_destroy(c.fd, ioas));
	}
	assert_ok(ioasid_destroy(c.fd, c.ioas));
	c.stop = true;
	check_eq(0, pthread_join(thread, NULL));
}

/* ---- fdinfo ---- */

static void check_fdinfo(int fd, const char *want)
{
	char path[64], text[PAGE];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	read_file(path, text, sizeof(text));
	if (!strstr(text, want))
		fail_test("no \"%s\" in \"%s\"", want, text);
}

static void test_fdinfo(void **state)
{
	struct setup s = setup_attached();
	char want[64];

	(void)state;
	map_at(&s, page_alloc(2 * PAGE), 2 * PAGE, IOVA);
	map_at(&s, page_alloc(PAGE), PAGE, 2 * IOVA);
	check_fdinfo(s.ctx, "\nioasid-ioas: 1\n");
	check_fdinfo(s.ctx, "\nioasid-page-tables: 1\n");
	check_fdinfo(s.ctx, "\nioasid-devices: 1\n");
	check_fdinfo(s.ctx, "\nioasid-endpoints: 1\n");
	check_fdinfo(s.ctx, "\nioasid-accesses: 0\n");
	check_fdinfo(s.ctx, "\nioasid-mappings: 2\n");
	check_fdinfo(s.ctx, "\nioasid-mapped-bytes: 12288\n");
	check_fdinfo(s.ctx, "\nioasid-pinned-pages: 3\n");
	snprintf(want, sizeof(want), "\nioasid-groups: %d\n",
		 pci_group(edu_bdf));
	check_fdinfo(s.ctx, want);

	check_fdinfo(s.dev, "\nvfio-device-syspath: /sys/devices/");
	snprintf(want, sizeof(want), "\nioasid-device-id: %u\n", s.devid);
	check_fdinfo(s.dev, want);
}

static uint64_t count_type(const struct objects *all, uint32_t type)
{
	uint64_t num = 0;
	size_t i;

	for (i = 0; i < all->num; i++)
		num += all->list[i].type == type;
	return num;
}

/* fdinfo says how much the lists have. */
static void check_counts(int fd)
{
	uint64_t bytes = 0, pinned = 0, iova, mappings = 0;
	struct ioasid_mapping list[8];
	struct objects all;
	uint32_t num, n;
	size_t i;
	bool end;

	take_objects(fd, &all, 8);
	for (i = 0; i < all.num; i++) {
		if (all.list[i].type != IOASID_OBJECT_IOAS)
			continue;
		iova = 0;
		do {
			num = ARRAY_SIZE(list);
			assert_ok(list_mappings(fd, all.list[i].id, &iova, list,
						&num, &end));
			for (n = 0; n < num; n++) {
				mappings++;
				bytes += list[n].length;
				pinned += list[n].pinned_pages;
			}
		} while (!end);
	}
	check_eq(count_type(&all, IOASID_OBJECT_IOAS),
		 fdinfo_number(fd, "\nioasid-ioas:"));
	check_eq(count_type(&all, IOASID_OBJECT_HWPT) +
			 count_type(&all, IOASID_OBJECT_HWPT_NESTED),
		 fdinfo_number(fd, "\nioasid-page-tables:"));
	check_eq(count_type(&all, IOASID_OBJECT_DEVICE),
		 fdinfo_number(fd, "\nioasid-devices:"));
	check_eq(count_type(&all, IOASID_OBJECT_ENDPOINT),
		 fdinfo_number(fd, "\nioasid-endpoints:"));
	check_eq(count_type(&all, IOASID_OBJECT_ACCESS),
		 fdinfo_number(fd, "\nioasid-accesses:"));
	check_eq(mappings, fdinfo_number(fd, "\nioasid-mappings:"));
	check_eq(bytes, fdinfo_number(fd, "\nioasid-mapped-bytes:"));
	check_eq(pinned, fdinfo_number(fd, "\nioasid-pinned-pages:"));
}

/* Whatever comes, goes, or fails. */
static void test_fdinfo_counts(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(64 * PAGE), *gone = page_alloc(PAGE);
	int file = assert_ok(keep_fd(memfd_create("query", 0)));
	uint32_t other = ioas_new(s.ctx), hwpt;
	uint64_t len;

	(void)state;
	assert_ok(ftruncate(file, 8 * PAGE));
	check_counts(s.ctx);
	map_at(&s, va, 64 * PAGE, IOVA);
	map_at(&s, va + PAGE, PAGE, 2 * IOVA);
	assert_ok(ioas_map_file_fixed(s.ctx, s.ioas, file, PAGE, 3 * PAGE,
				      3 * IOVA, MAP_RW));
	check_counts(s.ctx);
	/* Copies, also to where nothing is pinned. */
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, 4 * IOVA, s.ioas, IOVA,
				  4 * PAGE, MAP_RW));
	assert_ok(ioas_copy_fixed(s.ctx, other, IOVA, s.ioas, IOVA, 64 * PAGE,
				  MAP_RW));
	check_counts(s.ctx);

	/* What fails changes nothing. */
	drop_map(gone);
	assert_errno(EFAULT, ioas_map_fixed(s.ctx, s.ioas, gone, PAGE, 6 * IOVA,
					    MAP_RW));
	assert_errno(EEXIST,
		     ioas_map_fixed(s.ctx, s.ioas, va, PAGE, IOVA, MAP_RW));
	assert_errno(EEXIST, ioas_copy_fixed(s.ctx, s.ioas, 2 * IOVA - PAGE,
					     s.ioas, IOVA, 2 * PAGE, MAP_RW));
	assert_errno(ENOENT, ioas_unmap_exact(s.ctx, s.ioas, IOVA, PAGE));
	check_counts(s.ctx);

	/* Cut, also inside a page where nothing is attached. */
	len = PAGE;
	assert_ok(ioas_unmap_partial(s.ctx, s.ioas, IOVA + PAGE, &len, 0));
	len = PAGE + 100;
	assert_ok(ioas_unmap_partial(s.ctx, other, IOVA + PAGE, &len, 0));
	check_counts(s.ctx);

	assert_ok(cdev_detach(s.dev));
	check_counts(s.ctx);
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_ok(cdev_attach(s.dev, hwpt, NULL));
	check_counts(s.ctx);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_counts(s.ctx);
	len = UINT64_MAX;
	assert_ok(ioas_unmap(s.ctx, s.ioas, 0, &len));
	check_counts(s.ctx);
	assert_ok(cdev_detach(s.dev));
	assert_ok(ioasid_destroy(s.ctx, hwpt));
	assert_ok(ioasid_destroy(s.ctx, other));
	check_counts(s.ctx);
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
	drop_fd(s.dev);
	check_counts(s.ctx);
	check_eq(0, fdinfo_number(s.ctx, "\nioasid-mapped-bytes:"));
	check_eq(0, fdinfo_number(s.ctx, "\nioasid-pinned-pages:"));
}

struct held_attach {
	struct setup s;
	struct gate seen;
	volatile bool done;
};

static void *attach_held(void *arg)
{
	struct held_attach *a = arg;

	/* Some kernels have nobody wait for such memory. */
	if (cdev_attach(a->s.dev, a->s.ioas, NULL))
		check_eq(EFAULT, errno);
	a->done = true;
	return NULL;
}

static void see_states(void *arg)
{
	static const char * const names[] = {
		"viable", "owner", "blocked_by", "dev",
	};
	char node[64], path[256], text[PAGE];
	struct held_attach *a = arg;
	size_t i;

	check_eq(1, fdinfo_number(a->s.ctx, "\nioasid-ioas:"));
	check_eq(2, fdinfo_number(a->s.ctx, "\nioasid-mappings:"));
	fdinfo_number(a->s.ctx, "\nioasid-pinned-pages:");
	check_eq(a->s.devid, fdinfo_number(a->s.dev, "\nioasid-device-id:"));
	cdev_path(edu_bdf, node, sizeof(node));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path),
			 "/sys/bus/pci/devices/%s/vfio-dev%s/%s", edu_bdf,
			 strrchr(node, '/'), names[i]);
		read_file(path, text, sizeof(text));
	}
	gate_open(&a->seen);
}

/* Who attaches waits for memory of the user, and whoever looks does not wait for him. */
static void test_states_held(void **state)
{
	struct held_attach a = { .s = setup_bound() };
	struct held held = held_alloc(2 * PAGE);
	pthread_t thread;
	pid_t reader;
	bool seen;
	int i;

	(void)state;
	map_at(&a.s, page_alloc(PAGE), PAGE, IOVA);
	map_at(&a.s, held.va, 2 * PAGE, 2 * IOVA);
	gate_init(&a.seen);
	check_eq(0, pthread_create(&thread, NULL, attach_held, &a));
	for (i = 0; i < 100 && !a.done; i++)
		if (held_touched(&held, 100))
			break;
	reader = child_start(see_states, &a);
	seen = gate_wait_ms(&a.seen, 5000);
	/* Who waits cannot be killed. */
	held_release(&held);
	child_ok(reader);
	check_eq(0, pthread_join(thread, NULL));
	check(seen);
}

/* ---- groups ---- */

#define ROOM 8

struct group {
	struct ioasid_group_info info;
	struct ioasid_group_member members[ROOM];
};

static const struct ioasid_group_member *member(const struct group *g,
						const char *bdf)
{
	uint32_t i;

	for (i = 0; i < g->info.num; i++)
		if (!strcmp(g->members[i].name, bdf))
			return &g->members[i];
	fail_test("%s is not in the group", bdf);
}

static void ask(int fd, uint32_t dev, struct group *g)
{
	assert_ok(group_info(fd, dev, &g->info, g->members, ROOM));
	check_eq(sizeof(struct ioasid_group_member), g->info.entry_size);
}

static void test_group_alone(void **state)
{
	struct group g;
	struct setup s;
	int fd;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	ask(fd, 0, &g);
	check_eq(pci_group(edu_bdf), g.info.out_group);
	check_eq(IOASID_GROUP_VIABLE, g.info.out_flags);
	check_eq(0, g.info.out_owner_pid);
	check_eq(1, g.info.num);
	check_eq(IOASID_GROUP_MEMBER_SELF, member(&g, edu_bdf)->flags);
	assert_string_equal(DRIVER_EXT, member(&g, edu_bdf)->driver);
	check_eq(0, member(&g, edu_bdf)->dev_id);

	s = setup_bound();
	/* Seen by another file of the same device: somebody has it. */
	ask(fd, 0, &g);
	check_eq(IOASID_GROUP_CONTEXT | IOASID_GROUP_CLAIMED |
			 IOASID_GROUP_DEVICE_OPEN,
		 g.info.out_flags);
	check_eq(getpid(), g.info.out_owner_pid);
	/* By the one that has it, and by the context. */
	ask(s.dev, 0, &g);
	check_eq(IOASID_GROUP_OWNED | IOASID_GROUP_CONTEXT |
			 IOASID_GROUP_CLAIMED | IOASID_GROUP_DEVICE_OPEN,
		 g.info.out_flags);
	check_eq(s.devid, member(&g, edu_bdf)->dev_id);
	ask(s.ctx, s.devid, &g);
	check_eq(IOASID_GROUP_OWNED | IOASID_GROUP_CONTEXT |
			 IOASID_GROUP_CLAIMED | IOASID_GROUP_DEVICE_OPEN,
		 g.info.out_flags);
	check_eq(s.devid, member(&g, edu_bdf)->dev_id);
}

static void test_group_shared(void **state)
{
	int first, second, ctx = ioasid_open();
	struct group g;
	uint32_t id;

	(void)state;
	need_shared();
	first = assert_ok(cdev_open(shared1));
	second = assert_ok(cdev_open(shared2));
	ask(second, 0, &g);
	check_eq(IOASID_GROUP_VIABLE, g.info.out_flags);
	check(g.info.num >= 2);
	check_eq(0, member(&g, shared1)->flags);
	check_eq(IOASID_GROUP_MEMBER_SELF, member(&g, shared2)->flags);

	assert_ok(cdev_bind(first, ctx, &id));
	/* The other one can go to the same context. */
	ask(second, 0, &g);
	check_eq(IOASID_GROUP_CONTEXT | IOASID_GROUP_CLAIMED |
			 IOASID_GROUP_VIABLE,
		 g.info.out_flags);
	check_eq(0, member(&g, shared1)->dev_id);
	ask(first, 0, &g);
	check_eq(id, member(&g, shared1)->dev_id);
	check_eq(0, member(&g, shared2)->dev_id);
	assert_ok(cdev_bind(second, ctx, NULL));
}

static void test_group_blocked(void **state)
{
	struct group g;
	int fd, rc;

	(void)state;
	need_shared();
	fd = assert_ok(cdev_open(shared2));
	if (system("modprobe -q e1000") || pci_try_bind(shared1, "e1000"))
		skip_test("no host driver for SHARED_BDF1");
	rc = group_info(fd, 0, &g.info, g.members, ROOM);
	pci_bind(shared1, DRIVER_EXT);
	assert_ok(rc);
	check_eq(IOASID_GROUP_CLAIMED, g.info.out_flags);
	check_eq(IOASID_GROUP_MEMBER_BLOCKS, member(&g, shared1)->flags);
	assert_string_equal("e1000", member(&g, shared1)->driver);
	check_eq(IOASID_GROUP_MEMBER_SELF, member(&g, shared2)->flags);
}

static void test_group_room(void **state)
{
	struct group g;
	int fd;

	(void)state;
	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	assert_errno(EMSGSIZE, group_info(fd, 0, &g.info, NULL, 0));
	check_eq(1, g.info.num);
	check_eq(pci_group(edu_bdf), g.info.out_group);
	assert_errno(EINVAL, group_info(fd, 1, &g.info, g.members, ROOM));
	assert_errno(ENOENT, group_info(ioasid_open(), ABSENT_ID, &g.info,
					g.members, ROOM));
	/* Nobody was disturbed. */
	assert_ok(cdev_bind(fd, ioasid_open(), NULL));
}

/* How long 100 questions take with @num objects before the device, in milliseconds. */
static long long ask_among(unsigned int num)
{
	int ctx = ioasid_open(), fd = assert_ok(cdev_open(edu_bdf)), i;
	long long begin;
	struct group g;
	uint32_t id;

	while (num--)
		ioas_new(ctx);
	assert_ok(cdev_bind(fd, ctx, &id));
	begin = now_ms();
	for (i = 0; i < 100; i++)
		ask(fd, 0, &g);
	begin = now_ms() - begin;
	check_eq(id, member(&g, edu_bdf)->dev_id);
	release_all();
	return begin;
}

/* The lock of the group is held meanwhile, and others need it. */
static void test_group_many_objects(void **state)
{
	(void)state;
	need_edu();
	check_grows(ask_among, 1, path_exists("/proc/lockdep") ? 2000 : 20000,
		    4);
}

/* ---- what is served ---- */

static void test_features_commands(void **state)
{
	struct ioasid_features f;
	int fd = ioasid_open();
	unsigned int nr;
	bool known;

	(void)state;
	assert_ok(features(fd, 0, &f));
	for (nr = 0; nr < 128; nr++) {
		known = ioctl(fd, _IO(IOASID_TYPE, 0x80 + nr), NULL) != -1 ||
			errno != ENOTTY;
		check_eq(known, f.out_commands[nr / 64] >> (nr % 64) & 1);
	}
}

static int fault_queue(int fd)
{
	struct ioasid_fault_alloc cmd = { .size = sizeof(cmd) };
	int rc = ioctl(fd, IOASID_FAULT_QUEUE_ALLOC, &cmd);

	if (!rc)
		keep_fd((int)cmd.out_fault_fd);
	return rc;
}

static int attach_pasid(struct setup *s, uint32_t pt)
{
	struct vfio_cdev_attach cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_CDEV_ATTACH_PASID,
		.pt_id = pt,
		.pasid = 5,
	};

	return ioctl(s->dev, VFIO_CDEV_ATTACH, &cmd);
}

static bool kernel_has(const char *function)
{
	char command[128];

	snprintf(command, sizeof(command), "grep -qw %s /proc/kallsyms",
		 function);
	return !system(command);
}

#define TRACING "/sys/kernel/tracing/"
#define ATTACH_EVENT "attach_device_to_domain"

static void trace_attaches(const char *on)
{
	check_eq(0, write_file(TRACING "events/iommu/" ATTACH_EVENT "/enable",
			       on));
}

/* So many the trace has of the edu. */
static unsigned int count_attaches(void)
{
	FILE *trace = fopen(TRACING "trace", "r");
	unsigned int n = 0;
	char line[512];

	check(trace);
	while (fgets(line, sizeof(line), trace))
		n += strstr(line, ATTACH_EVENT ":") && strstr(line, edu_bdf);
	fclose(trace);
	return n;
}

/* How often the kernel gives the device to a page table in one replace. */
static unsigned int attaches_in_replace(struct setup *s)
{
	uint32_t other = ioas_new(s->ctx);
	unsigned int before = count_attaches();

	trace_attaches("1");
	assert_ok(cdev_attach(s->dev, other, NULL));
	trace_attaches("0");
	return count_attaches() - before;
}

/* Where it is not one step, what blocks the device comes in between. */
static void test_features_replace(void **state)
{
	struct setup s = setup_attached();
	struct ioasid_features f;

	(void)state;
	assert_ok(features(s.ctx, s.devid, &f));
	check_eq(f.out_features & IOASID_FEATURE_ATOMIC_REPLACE ? 1 : 2,
		 attaches_in_replace(&s));
}

static int unmap_half(struct setup *s)
{
	uint64_t len = PAGE;

	map_at(s, page_alloc(2 * PAGE), 2 * PAGE, 2 * IOVA);
	return ioas_unmap_partial(s->ctx, s->ioas, 2 * IOVA, &len, 0);
}

/* Each feature of a device, tried. */
static void test_features_device(void **state)
{
	struct setup s = setup_attached();
	struct ioasid_features f, kernel, node;
	uint32_t parent;
	bool parents;
	int file;

	(void)state;
	assert_ok(features(s.ctx, 0, &kernel));
	assert_ok(features(s.ctx, s.devid, &f));
	assert_ok(features(s.dev, 0, &node));
	check_eq(f.out_features, node.out_features & ~IOASID_FEATURE_KVM);
	/* A device can have less than the kernel, and no more. */
	check_eq(0, f.out_features & ~kernel.out_features);
	check(f.out_features & IOASID_FEATURE_VFIO_COMPAT);
	check(f.out_features & IOASID_FEATURE_CHANGE_PROCESS);

	file = assert_ok(keep_fd(memfd_create("features", 0)));
	assert_ok(ftruncate(file, PAGE));
	check(f.out_features & IOASID_FEATURE_MAP_FILE);
	assert_ok(ioas_map_file_fixed(s.ctx, s.ioas, file, 0, PAGE, IOVA,
				      MAP_RW));

	/* Where there can be nested ones, there can be parents. */
	parents = !hwpt_alloc(s.ctx, s.devid, s.ioas,
			      IOASID_HWPT_ALLOC_NEST_PARENT, &parent);
	if (!parents)
		check_eq(EOPNOTSUPP, errno);
	check(parents || !(f.out_features & IOASID_FEATURE_NESTED));
	check_eq(!!(f.out_features & IOASID_FEATURE_DIRTY_TRACKING),
		 !hwpt_alloc(s.ctx, s.devid, s.ioas,
			     IOASID_HWPT_ALLOC_DIRTY_TRACKING, &parent));
	check_eq(!!(f.out_features & IOASID_FEATURE_FAULT_QUEUE),
		 !fault_queue(s.ctx));
	check_eq(!!(f.out_features & IOASID_FEATURE_UNMAP_PARTIAL),
		 !unmap_half(&s));
	/* No driver is loaded that says where its dma-bufs are; dmabuf_test has one. */
	check_eq(0, f.out_features & IOASID_FEATURE_MAP_DMABUF);
	check_eq(!!(f.out_features & IOASID_FEATURE_ACCESS),
		 kernel_has("iommufd_ext_access_create"));

	assert_ok(cdev_detach(s.dev));
	if (hwpt_alloc(s.ctx, s.devid, s.ioas, IOASID_HWPT_ALLOC_PASID,
		       &parent)) {
		check_eq(EOPNOTSUPP, errno);
		parent = s.ioas;
	}
	check_eq(!!(f.out_features & IOASID_FEATURE_PASID),
		 !attach_pasid(&s, parent));
	/* Why not: the kernel's fault, or the device's. */
	if (!(kernel.out_features & IOASID_FEATURE_PASID))
		assert_errno(EOPNOTSUPP, attach_pasid(&s, parent));
}

static void test_features_bad(void **state)
{
	struct ioasid_features f;
	int fd = ioasid_open();

	(void)state;
	assert_errno(ENOENT, features(fd, ABSENT_ID, &f));
	assert_errno(ENOENT, features(fd, ioas_new(fd), &f));
	need_edu();
	assert_errno(EINVAL,
		     features((int)assert_ok(cdev_open(edu_bdf)), 1, &f));
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_all;
	ADD(objects_none);
	ADD(objects_ioas);
	ADD(objects_paged);
	ADD(objects_relations);
	ADD(entry_size);
	ADD(objects_bad_array);
	ADD(mapping);
	test_add(&list, test_mapping_charge, NULL, "mapping_charge.user");
	test_add(&list, test_mapping_charge, (void *)1,
		 "mapping_charge.process");
	ADD(mapping_file);
	ADD(mappings_paged);
	ADD(mappings_last);
	ADD(mappings_bad);
	ADD(mappings_changing);
	ADD(mappings_million);
	ADD(destroy_watched);
	ADD(fdinfo);
	ADD(fdinfo_counts);
	ADD(states_held);
	ADD(group_alone);
	ADD(group_shared);
	ADD(group_blocked);
	ADD(group_room);
	ADD(group_many_objects);
	ADD(features_commands);
	ADD(features_device);
	ADD(features_replace);
	ADD(features_bad);
	return test_main(argc, argv, "query", &list, NULL, NULL);
}
