// SPDX-License-Identifier: GPL-2.0-only
/*
 * mapbench : what it costs to map and to unmap memory for a device.
 *
 * Prints a line per measure: its name, the unit, map, unmap. In counting mode, which
 * is for a machine whose time stamp counter counts instructions (QEMU with -icount),
 * the unit is instructions per page; otherwise it is nanoseconds per page. Values are
 * medians, system call and this program's few instructions included. Warm-up rounds
 * come first, and a mapping nearby keeps the upper levels of the page table.
 *
 * What is measured of a guest is whole, not per page, and a line of its own kind:
 * measure_guest().
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "memory.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Where what is measured goes. The anchor is in the first 2M of the region, so that
 * the table of the last level stays for what is smaller than that.
 */
#define ANCHOR (4 * GB)
#define REGION (4 * GB + 2 * MB)
#define SMALL_REGION (4 * GB + 64 * KB)
#define COPY_REGION (4 * GB + 512 * MB)
#define LIVE_REGION (6 * GB)

#define POOL (64 * MB)
#define WARM_UP 2
#define MAX_ROUNDS 512

static const struct backend *be;
static struct target target = { .cdevs = "/dev/vfio/devices" };
static bool counting;
static char *pools[NR_LAYOUTS];
static double map_cost[MAX_ROUNDS], unmap_cost[MAX_ROUNDS];

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("mapbench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

int open_or_die(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EROFS))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static inline uint64_t now(void)
{
	return counting ? __builtin_ia32_rdtsc() : now_ns();
}

static char *pool(enum layout layout)
{
	if (!pools[layout])
		pools[layout] = memory_make(layout, POOL);
	return pools[layout];
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void result(const char *name, double map, double unmap)
{
	printf("%s\t%s\t%.2f\t%.2f\n", name, counting ? "insn" : "ns", map,
	       unmap);
	fflush(stdout);
}

/* The measured calls. @round < 0 is warming up. */
static void map_timed(int round, uint64_t iova, void *va, size_t len)
{
	uint64_t start = now();

	be->map(iova, va, len);
	if (round >= 0)
		map_cost[round] = (double)(now() - start) / (len / PAGE);
}

static void unmap_timed(int round, uint64_t iova, size_t len)
{
	uint64_t start = now();

	be->unmap(iova, len);
	if (round >= 0)
		unmap_cost[round] = (double)(now() - start) / (len / PAGE);
}

static void measure_region(const char *name, enum layout layout, size_t len,
			   int rounds)
{
	size_t places = POOL / len;
	uint64_t iova = len < 2 * MB ? SMALL_REGION : REGION;
	char *memory = pool(layout);
	char *va;

	for (int round = -WARM_UP; round < rounds; round++) {
		va = memory + (random() % places) * len;
		map_timed(round, iova, va, len);
		unmap_timed(round, iova, len);
	}
	result(name, median(map_cost, rounds), median(unmap_cost, rounds));
}

/* The I-th of many small mappings; they share the pages of the pool. */
static void map_live(unsigned long i)
{
	be->map(LIVE_REGION + i * PAGE,
		pool(LAYOUT_RAND) + i % (POOL / PAGE) * PAGE, PAGE);
}

/* Small mappings there are; they stay for the next measure that wants more. */
static unsigned long live;

static void fill(unsigned long n)
{
	while (live < n)
		map_live(live++);
}

static void empty(void)
{
	if (live)
		be->unmap_all();
	else
		be->unmap(ANCHOR, PAGE);
	live = 0;
	be->map(ANCHOR, pool(LAYOUT_RAND), PAGE);
}

static void measure_live(const char *name, unsigned long n)
{
	const int rounds = 255;
	unsigned long i;

	fill(n);
	for (int round = -WARM_UP; round < rounds; round++) {
		i = random() % n;
		unmap_timed(round, LIVE_REGION + i * PAGE, PAGE);
		map_timed(round, LIVE_REGION + i * PAGE,
			  pool(LAYOUT_RAND) + i % (POOL / PAGE) * PAGE, PAGE);
	}
	result(name, median(map_cost, rounds), median(unmap_cost, rounds));
}

static void measure_unmap_all(const char *name, unsigned long n)
{
	uint64_t start, filled, emptied;

	empty();
	start = now();
	fill(n);
	filled = now();
	be->unmap_all();
	emptied = now();
	live = 0;
	be->map(ANCHOR, pool(LAYOUT_RAND), PAGE);
	result(name, (double)(filled - start) / n,
	       (double)(emptied - filled) / n);
}

struct slab {
	double objects;
	double whole;
};

/* Bytes of slab memory: in objects, and with what the slabs waste. */
static struct slab slab_bytes(void)
{
	unsigned long active, size, per_slab, pages, slabs;
	struct slab slab = { 0 };
	char line[512];
	FILE *file = fopen("/proc/slabinfo", "re");

	if (!file)
		die("/proc/slabinfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line,
			   "%*s %lu %*u %lu %lu %lu : tunables %*u %*u %*u : slabdata %*u %lu",
			   &active, &size, &per_slab, &pages, &slabs) != 5)
			continue;
		slab.objects += (double)active * size;
		slab.whole += (double)slabs * pages * PAGE;
	}
	fclose(file);
	return slab;
}

/* In the columns of map and unmap: bytes per mapping in objects, and in whole slabs. */
static void measure_slab(const char *name, unsigned long n)
{
	struct slab before, after;

	empty();
	before = slab_bytes();
	fill(n);
	after = slab_bytes();
	printf("%s\tbytes\t%.1f\t%.1f\n", name,
	       (after.objects - before.objects) / n,
	       (after.whole - before.whole) / n);
	fflush(stdout);
	empty();
}

static void measure_copy(const char *name, enum layout layout, size_t len)
{
	const int rounds = 7;
	uint64_t start;

	if (!be->copy)
		return;
	be->map(REGION, pool(layout), len);
	for (int round = -WARM_UP; round < rounds; round++) {
		start = now();
		be->copy(COPY_REGION, REGION, len);
		if (round >= 0)
			map_cost[round] =
				(double)(now() - start) / (len / PAGE);
		unmap_timed(round, COPY_REGION, len);
	}
	be->unmap(REGION, len);
	result(name, median(map_cost, rounds), median(unmap_cost, rounds));
}

/* ---- guests ------------------------------------------------------------------------ */

/* Where a VMM puts the memory of a guest. */
#define LOW_MEMORY (3 * GB)
#define HIGH_MEMORY (4 * GB)

/**
 * struct usage - memory the kernel counts
 * @pinned: VmPin of this process, in bytes
 * @locked: VmLck of this process, in bytes
 * @tables: page tables of IOMMUs, in bytes
 * @objects: objects in slabs, in bytes
 */
struct usage {
	double pinned;
	double locked;
	double tables;
	double objects;
};

/* The number behind @name in a file of such lines. */
static double read_count(const char *path, const char *name)
{
	size_t len = strlen(name);
	FILE *file = fopen(path, "re");
	char line[256];

	if (!file)
		die("%s: %s", path, strerror(errno));
	do {
		if (!fgets(line, sizeof(line), file))
			die("%s: no %s", path, name);
	} while (strncmp(line, name, len) ||
		 (line[len] != ' ' && line[len] != '\t'));
	fclose(file);
	return strtod(line + len, NULL);
}

static struct usage usage_now(void)
{
	char text[64];
	int fd = open_or_die("/proc/sys/vm/stat_refresh");

	/* Reading it adds up what each processor has counted. */
	if (read(fd, text, sizeof(text)) < 0)
		die("/proc/sys/vm/stat_refresh: %s", strerror(errno));
	close(fd);
	return (struct usage){
		.pinned = KB * read_count("/proc/self/status", "VmPin:"),
		.locked = KB * read_count("/proc/self/status", "VmLck:"),
		.tables = PAGE * read_count("/proc/vmstat", "nr_iommu_pages"),
		.objects = slab_bytes().objects,
	};
}

static void map_guest(char *memory, size_t len)
{
	size_t low = len < LOW_MEMORY ? len : LOW_MEMORY;

	be->map(0, memory, low);
	if (len > low)
		be->map(HIGH_MEMORY, memory + low, len - low);
}

/*
 * What a VMM does for a guest: it takes the devices, gives them one address space, maps
 * all memory, and in the end is gone. Prints what taking the devices costs, mapping, and
 * closing all; then, with all of it mapped, VmPin, VmLck, page tables of the IOMMU and
 * objects in slabs, in bytes.
 */
static void measure_guest(const char *name, enum layout layout, size_t len,
			  unsigned int devices)
{
	char *memory = memory_guest(layout, len);
	struct usage before, mapped;
	uint64_t times[5];

	if (devices > target.ndevices)
		die("%s: there are %u devices", name, target.ndevices);
	/* Once to warm up, with all devices and little memory. */
	be->open(&target, devices);
	be->map(0, memory, 2 * MB);
	be->close();

	before = usage_now();
	times[0] = now();
	be->open(&target, devices);
	times[1] = now();
	map_guest(memory, len);
	times[2] = now();
	mapped = usage_now();
	times[3] = now();
	be->close();
	times[4] = now();
	if (mapped.pinned + mapped.locked != len)
		die("%s: pinned %.0f, locked %.0f", name, mapped.pinned,
		    mapped.locked);
	printf("%s\tguest\t%lu\t%lu\t%lu\t%.0f\t%.0f\t%.0f\t%.0f\n", name,
	       times[1] - times[0], times[2] - times[1], times[4] - times[3],
	       mapped.pinned - before.pinned, mapped.locked - before.locked,
	       mapped.tables - before.tables, mapped.objects - before.objects);
	fflush(stdout);
}

/* ---- threads ---------------------------------------------------------------------- */

#define SLICE_NS 200000000UL
#define SLICES 7

struct worker {
	pthread_t thread;
	uint64_t iova;
	char *va;
	size_t len;
	unsigned long pairs;
};

static pthread_barrier_t start_line;
static atomic_bool stop;

/* Without @len it only counts: how the machine itself scales. */
static void *work(void *arg)
{
	struct worker *worker = arg;
	volatile int sink = 0;

	pthread_barrier_wait(&start_line);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		if (worker->len) {
			be->map(worker->iova, worker->va, worker->len);
			be->unmap(worker->iova, worker->len);
		} else {
			for (int i = 0; i < 10000; i++)
				sink++;
		}
		worker->pairs++;
	}
	return NULL;
}

/* Pairs of map and unmap per second, of @n threads together. */
static double run_threads(int n, char *memory, size_t len)
{
	struct worker workers[2] = { 0 };
	unsigned long pairs = 0;
	uint64_t start;
	int i;

	pthread_barrier_init(&start_line, NULL, n + 1);
	atomic_store(&stop, false);
	for (i = 0; i < n; i++) {
		workers[i].iova = LIVE_REGION + i * GB;
		workers[i].va = memory + i * (POOL / 2);
		workers[i].len = len;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			die("no thread");
	}
	pthread_barrier_wait(&start_line);
	start = now_ns();
	usleep(SLICE_NS / 1000);
	atomic_store(&stop, true);
	for (i = 0; i < n; i++) {
		pthread_join(workers[i].thread, NULL);
		pairs += workers[i].pairs;
	}
	pthread_barrier_destroy(&start_line);
	return pairs * 1e9 / (now_ns() - start);
}

/*
 * The best of several tries of each, taken in turn: on a machine that does other
 * things too, the best is what was disturbed least.
 */
static void measure_threads(const char *name, enum layout layout, size_t len)
{
	double one = 0, two = 0, got;
	char *memory = pool(layout);

	if (counting)
		return;
	if (len) {
		be->map(LIVE_REGION + 512 * MB, memory, PAGE);
		be->map(LIVE_REGION + GB + 512 * MB, memory, PAGE);
	}
	for (int i = 0; i < SLICES; i++) {
		got = run_threads(1, memory, len);
		one = got > one ? got : one;
		got = run_threads(2, memory, len);
		two = got > two ? got : two;
	}
	if (len) {
		be->unmap(LIVE_REGION + 512 * MB, PAGE);
		be->unmap(LIVE_REGION + GB + 512 * MB, PAGE);
	}
	printf("%s\tpairs/s\t%.0f\t%.0f\n", name, one, two);
	fflush(stdout);
}

/* ---- what there is to measure ------------------------------------------------------ */

enum kind {
	KIND_REGION,
	KIND_LIVE,
	KIND_UNMAP_ALL,
	KIND_SLAB,
	KIND_COPY,
	KIND_THREADS,
	KIND_GUEST
};

static const struct measure {
	const char *name;
	enum kind kind;
	enum layout layout;
	size_t size; /* bytes, or how many mappings */
	int rounds; /* of a guest: how many devices */
} measures[] = {
	{ "4K-rand", KIND_REGION, LAYOUT_RAND, 4 * KB, 255 },
	{ "64K-rand", KIND_REGION, LAYOUT_RAND, 64 * KB, 101 },
	{ "2M-rand", KIND_REGION, LAYOUT_RAND, 2 * MB, 31 },
	{ "64M-rand", KIND_REGION, LAYOUT_RAND, 64 * MB, 7 },
	{ "64K-contig", KIND_REGION, LAYOUT_CONTIG, 64 * KB, 101 },
	{ "2M-contig", KIND_REGION, LAYOUT_CONTIG, 2 * MB, 31 },
	{ "64M-contig", KIND_REGION, LAYOUT_CONTIG, 64 * MB, 7 },
	{ "2M-thp", KIND_REGION, LAYOUT_THP, 2 * MB, 31 },
	{ "64M-thp", KIND_REGION, LAYOUT_THP, 64 * MB, 7 },
	{ "2M-huge", KIND_REGION, LAYOUT_HUGE, 2 * MB, 31 },
	{ "64M-huge", KIND_REGION, LAYOUT_HUGE, 64 * MB, 7 },
	{ "copy-64M-rand", KIND_COPY, LAYOUT_RAND, 64 * MB, 0 },
	{ "copy-64M-huge", KIND_COPY, LAYOUT_HUGE, 64 * MB, 0 },
	{ "threads-none", KIND_THREADS, LAYOUT_RAND, 0, 0 },
	{ "threads-4K-rand", KIND_THREADS, LAYOUT_RAND, 4 * KB, 0 },
	{ "threads-64K-rand", KIND_THREADS, LAYOUT_RAND, 64 * KB, 0 },
	{ "threads-2M-rand", KIND_THREADS, LAYOUT_RAND, 2 * MB, 0 },
	{ "threads-2M-huge", KIND_THREADS, LAYOUT_HUGE, 2 * MB, 0 },
	{ "slab-60000", KIND_SLAB, LAYOUT_RAND, 60000, 0 },
	{ "unmap-all-30000", KIND_UNMAP_ALL, LAYOUT_RAND, 30000, 0 },
	{ "live-1", KIND_LIVE, LAYOUT_RAND, 1, 0 },
	{ "live-1000", KIND_LIVE, LAYOUT_RAND, 1000, 0 },
	{ "live-10000", KIND_LIVE, LAYOUT_RAND, 10000, 0 },
	{ "live-60000", KIND_LIVE, LAYOUT_RAND, 60000, 0 },
	{ "live-1000000", KIND_LIVE, LAYOUT_RAND, 1000000, 0 },
	{ "guest-1G-rand-1", KIND_GUEST, LAYOUT_RAND, GB, 1 },
	{ "guest-1G-rand-2", KIND_GUEST, LAYOUT_RAND, GB, 2 },
	{ "guest-1G-rand-8", KIND_GUEST, LAYOUT_RAND, GB, 8 },
	{ "guest-1G-huge-1", KIND_GUEST, LAYOUT_HUGE, GB, 1 },
	{ "guest-1G-huge-2", KIND_GUEST, LAYOUT_HUGE, GB, 2 },
	{ "guest-1G-huge-8", KIND_GUEST, LAYOUT_HUGE, GB, 8 },
	{ "guest-16G-rand-1", KIND_GUEST, LAYOUT_RAND, 16 * GB, 1 },
	{ "guest-16G-rand-2", KIND_GUEST, LAYOUT_RAND, 16 * GB, 2 },
	{ "guest-16G-rand-8", KIND_GUEST, LAYOUT_RAND, 16 * GB, 8 },
	{ "guest-16G-huge-1", KIND_GUEST, LAYOUT_HUGE, 16 * GB, 1 },
	{ "guest-16G-huge-2", KIND_GUEST, LAYOUT_HUGE, 16 * GB, 2 },
	{ "guest-16G-huge-8", KIND_GUEST, LAYOUT_HUGE, 16 * GB, 8 },
	{ "guest-256G-huge-1", KIND_GUEST, LAYOUT_HUGE, 256 * GB, 1 },
	{ "guest-256G-huge-2", KIND_GUEST, LAYOUT_HUGE, 256 * GB, 2 },
	{ "guest-256G-huge-8", KIND_GUEST, LAYOUT_HUGE, 256 * GB, 8 },
};

static void run_measure(const struct measure *m)
{
	switch (m->kind) {
	case KIND_REGION:
		measure_region(m->name, m->layout, m->size, m->rounds);
		break;
	case KIND_LIVE:
		measure_live(m->name, m->size);
		break;
	case KIND_UNMAP_ALL:
		measure_unmap_all(m->name, m->size);
		break;
	case KIND_SLAB:
		measure_slab(m->name, m->size);
		break;
	case KIND_COPY:
		measure_copy(m->name, m->layout, m->size);
		break;
	case KIND_THREADS:
		measure_threads(m->name, m->layout, m->size);
		break;
	case KIND_GUEST:
		measure_guest(m->name, m->layout, m->size, m->rounds);
		break;
	}
}

static const struct measure *find_measure(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(measures); i++)
		if (!strcmp(measures[i].name, name))
			return &measures[i];
	return NULL;
}

static void usage(void)
{
	fputs("mapbench [-c] -b type1|iommufd -d BDF... -I CONTEXT-NODE [-D CDEV-DIRECTORY]\n"
	      "         MEASURE...\n"
	      "  -c  the time stamp counter counts instructions\n"
	      "  -d  once for each device; a guest has as many as it says, other measures one\n"
	      "mapbench -l   names all measures\n",
	      stderr);
	exit(2);
}

/* Guests take the devices themselves, all other measures share one that stays taken. */
static void run_measures(int n, char **names)
{
	const struct measure *m;
	bool opened = false;

	for (int i = 0; i < n; i++) {
		m = find_measure(names[i]);
		if (opened && m->kind == KIND_GUEST) {
			be->close();
			live = 0;
			opened = false;
		} else if (!opened && m->kind != KIND_GUEST) {
			be->open(&target, 1);
			be->map(ANCHOR, pool(LAYOUT_RAND), PAGE);
			opened = true;
		}
		run_measure(m);
	}
}

int main(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "cb:d:I:D:l")) != -1) {
		switch (opt) {
		case 'c':
			counting = true;
			break;
		case 'b':
			be = !strcmp(optarg, "type1") ? &type1_backend :
							&iommufd_backend;
			break;
		case 'd':
			if (target.ndevices == MAX_DEVICES)
				die("more than %d devices", MAX_DEVICES);
			target.bdfs[target.ndevices++] = optarg;
			break;
		case 'I':
			target.context = optarg;
			break;
		case 'D':
			target.cdevs = optarg;
			break;
		case 'l':
			for (size_t i = 0; i < ARRAY_SIZE(measures); i++)
				puts(measures[i].name);
			return 0;
		default:
			usage();
		}
	}
	if (!be || !target.ndevices || !target.context || optind == argc)
		usage();
	for (int i = optind; i < argc; i++)
		if (!find_measure(argv[i]))
			die("no measure %s", argv[i]);

	srandom(1);
	run_measures(argc - optind, argv + optind);
	return 0;
}
