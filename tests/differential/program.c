// SPDX-License-Identifier: GPL-2.0-only
/* What the program does itself between ioctls: files, memory, users, a second process, DMA. */
#include <fcntl.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "dma.h"
#include "edu.h"
#include "program.h"
#include "test.h"
#include "world.h"

/* Where the device shows what it has read; nothing else is mapped there. */
#define SHOW_IOVA 0xfe00000UL
/* As many pages as the device is shown at a time. */
#define MAX_SEEN 96
/* Where in a page it writes. */
#define WRITE_AT 64

/* ---- memory ---- */

void fill_page(void *page, uint64_t name)
{
	uint64_t *words = page;
	size_t i;

	for (i = 0; i < PAGE / 8; i++)
		words[i] = name << 16 | i;
}

static void *map_at_address(uint64_t va, size_t len, int prot, int flags)
{
	void *at = mmap((void *)va, len, prot,
			MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | flags, -1, 0);

	if (at != (void *)va)
		fail_test("no memory at %#lx: %s", (unsigned long)va,
			  errno_name(errno));
	return at;
}

static void fill_pages(uint64_t va, size_t len)
{
	size_t i;

	for (i = 0; i < len; i += PAGE)
		fill_page((void *)(va + i), (va + i) / PAGE);
}

void make_memory(void)
{
	uint64_t va;

	map_at_address(BUFFER, BUFFER_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE);
	map_at_address(BUFFER + BUFFER_SIZE, PAGE, PROT_NONE, MAP_PRIVATE);
	map_at_address(DATA, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	map_at_address(DATA + PAGE, PAGE, PROT_NONE, MAP_PRIVATE);
	map_at_address(MEM, MEM_SMALL_PAGES * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE);
	madvise((void *)MEM, MEM_SMALL_PAGES * PAGE, MADV_NOHUGEPAGE);
	fill_pages(MEM, MEM_SMALL_PAGES * PAGE);
	map_at_address(MEM + MEM_HUGE, MEM_HUGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE);
	madvise((void *)(MEM + MEM_HUGE), MEM_HUGE_SIZE, MADV_HUGEPAGE);
	for (va = MEM + MEM_HUGE; va < MEM + MEM_HUGE + MEM_HUGE_SIZE;
	     va += PAGE)
		*(uint64_t *)va = va / PAGE << 16;
	map_at_address(MEM + MEM_SHARED, MEM_PART, PROT_READ | PROT_WRITE,
		       MAP_SHARED);
	fill_pages(MEM + MEM_SHARED, MEM_PART);
	map_at_address(MEM + MEM_READ_ONLY, MEM_PART, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE);
	fill_pages(MEM + MEM_READ_ONLY, MEM_PART);
	mprotect((void *)(MEM + MEM_READ_ONLY), MEM_PART, PROT_READ);
}

/* Only what is for that: a sequence is not to lose its own program. */
static bool is_memory(uint64_t va, uint64_t len)
{
	return va >= MEM && len <= MEM_END && va - MEM <= MEM_END - len;
}

long run_munmap(const struct call *call, struct outcome *out)
{
	(void)out;
	if (!is_memory(call->value[0], call->value[1]))
		return 0;
	return munmap((void *)call->value[0], call->value[1]);
}

long run_renew(const struct call *call, struct outcome *out)
{
	void *va = (void *)call->value[0];
	size_t len = call->value[1], i;

	(void)out;
	if (!is_memory(call->value[0], len) || !len || len > 16 * PAGE)
		return 0;
	if (mmap(va, len, PROT_READ | PROT_WRITE,
		 MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, -1, 0) != va)
		return -1;
	for (i = 0; i + PAGE <= len; i += PAGE)
		fill_page(va + i, 0xeee0000 + i / PAGE);
	return 0;
}

/* ---- files ---- */

long run_raw_context(const struct call *call, struct outcome *out)
{
	(void)out;
	return ioctl(context_fd(call->on), call->value[0], call->value[1]);
}

long run_raw_device(const struct call *call, struct outcome *out)
{
	(void)out;
	return ioctl(device_fd(call->on), call->value[0], call->value[1]);
}

static long opened(int fd)
{
	return fd < 0 ? -1 : 0;
}

static long close_file(int *fd)
{
	long rc;

	if (is_second)
		return 0;
	rc = close(*fd);

	*fd = -1;
	return rc;
}

long run_open(const struct call *call, struct outcome *out)
{
	(void)out;
	return opened(context_fd(call->on));
}

long run_close(const struct call *call, struct outcome *out)
{
	(void)out;
	return close_file(&world->context[call->on]);
}

long run_open_device(const struct call *call, struct outcome *out)
{
	(void)out;
	return opened(device_fd(call->on));
}

long run_close_device(const struct call *call, struct outcome *out)
{
	(void)out;
	return close_file(&world->device[call->on]);
}

static int reopen(int fd, int mode)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, mode | O_CLOEXEC);
	close(fd);
	return again;
}

static int memory_file(enum file_type type, size_t len)
{
	int fd = memfd_create("differential",
			      MFD_CLOEXEC | MFD_ALLOW_SEALING |
				      (type == FILE_HUGE ? MFD_HUGETLB : 0));
	uint64_t page[PAGE / 8];
	size_t i;

	if (fd < 0 || ftruncate(fd, len))
		return -1;
	for (i = 0; type != FILE_HUGE && i + PAGE <= len; i += PAGE) {
		fill_page(page, 0xf000000 + i / PAGE);
		if (pwrite(fd, page, PAGE, i) != (ssize_t)PAGE)
			return -1;
	}
	if (type == FILE_SEALED && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))
		return -1;
	if (type == FILE_READ_ONLY)
		return reopen(fd, O_RDONLY);
	return type == FILE_WRITE_ONLY ? reopen(fd, O_WRONLY) : fd;
}

static int pipe_file(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	close(fds[1]);
	return fds[0];
}

long run_file(const struct call *call, struct outcome *out)
{
	uint64_t slot = call->value[0], len = call->value[2];
	int fd;

	(void)out;
	if (!IS_SLOT(slot) || len > 4 * MB || is_second)
		return 0;
	if (call->value[1] == FILE_DISK)
		fd = open("/bin/bash", O_RDONLY | O_CLOEXEC);
	else if (call->value[1] == FILE_PIPE)
		fd = pipe_file();
	else
		fd = memory_file(call->value[1], len);
	world->files[slot & 0xff] = fd;
	world->file_len[slot & 0xff] = call->value[1] < FILE_READ_ONLY ? len :
									 0;
	return opened(fd);
}

/* A file of a slot, of a context; what is no number of such is the device's. */
static int any_fd(const struct call *call)
{
	return call->value[0] ? resolve_fd(call->value[0]) :
				device_fd(call->on);
}

/* Some files cannot be read from a place. */
long run_read(const struct call *call, struct outcome *out)
{
	size_t len = call->value[1] < PAGE ? call->value[1] : PAGE;
	off_t pos = call->value[2];
	int fd = any_fd(call);

	(void)out;
	return pos ? pread(fd, (void *)DATA, len, pos) :
		     read(fd, (void *)DATA, len);
}

long run_write(const struct call *call, struct outcome *out)
{
	size_t len = call->value[1] < PAGE ? call->value[1] : PAGE;
	off_t pos = call->value[2];
	int fd = any_fd(call);

	(void)out;
	memset((void *)DATA, 0, PAGE);
	memcpy((void *)DATA, call->words, call->num_words * 8);
	return pos ? pwrite(fd, (void *)DATA, len, pos) :
		     write(fd, (void *)DATA, len);
}

long run_mmap(const struct call *call, struct outcome *out)
{
	void *at = mmap(NULL, call->value[1], call->value[2], call->value[3],
			any_fd(call), call->value[4]);

	(void)out;
	if (at == MAP_FAILED)
		return -1;
	munmap(at, call->value[1]);
	return 0;
}

/* ---- processes ---- */

long run_user(const struct call *call, struct outcome *out)
{
	rlim_t bytes = call->value[0] * PAGE;
	struct rlimit limit = { bytes, bytes };

	(void)out;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) ||
	    setresgid(LIMIT_UID, LIMIT_UID, LIMIT_UID))
		return -1;
	return setresuid(LIMIT_UID, LIMIT_UID, LIMIT_UID);
}

static void second(void *arg)
{
	(void)arg;
	close(world->tell[1]);
	close(world->hear[0]);
	second_loop();
}

/* There is one at most. */
long run_fork(const struct call *call, struct outcome *out)
{
	char path[64];

	(void)out;
	if (call->by || world->second)
		return 0;
	if (pipe2(world->tell, O_CLOEXEC) || pipe2(world->hear, O_CLOEXEC))
		return -1;
	world->second = child_start(second, NULL);
	close(world->tell[0]);
	close(world->hear[1]);
	snprintf(path, sizeof(path), "/proc/%d/status", world->second);
	world->status[1] = open(path, O_RDONLY | O_CLOEXEC);
	return opened(world->status[1]);
}

long run_exit(const struct call *call, struct outcome *out)
{
	(void)out;
	if (call->by || !world->second)
		return 0;
	close(world->tell[1]);
	close(world->hear[0]);
	child_status(world->second);
	world->second = 0;
	close_file(&world->status[1]);
	return 0;
}

/* ---- DMA ---- */

/* Pages that were mapped in an IOAS, each once; of what is large, some. */
static unsigned int list_pages(int context, uint32_t ioas, uint64_t *iovas)
{
	uint64_t iova, step, last;
	struct mapped *m;
	unsigned int i, j, n = 0;

	for (i = world->num_mapped; i--;) {
		m = &world->mapped[i];
		if (m->context != context || m->ioas != ioas || !m->len)
			continue;
		last = (m->iova + m->len - 1) & -PAGE;
		step = (last - (m->iova & -PAGE)) / 7 & -PAGE;
		for (iova = m->iova & -PAGE; iova <= last && n < MAX_SEEN;
		     iova += step ? step : PAGE) {
			for (j = 0; j < n && iovas[j] != iova; j++)
				;
			if (j == n && iova < SHOW_IOVA)
				iovas[n++] = iova;
		}
	}
	return n;
}

static bool is_bound(int fd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return !ioctl(fd, VFIO_DEVICE_GET_INFO, &info);
}

/* Which pages have the word that the device has written. */
static void say_written(struct outcome *out, uint64_t mark)
{
	uint64_t va, word;
	unsigned char there;
	size_t i, at;

	for (va = MEM; va < MEM + MEM_END; va += PAGE)
		if (!mincore((void *)va, PAGE, &there) &&
		    *(volatile uint64_t *)(va + WRITE_AT) == mark)
			say(out, SEEN, "wrote mem+%#llx ",
			    (unsigned long long)(va - MEM));
	for (i = 0; i < NUM_SLOTS; i++)
		for (at = 0; at < world->file_len[i]; at += PAGE)
			if (pread(world->files[i], &word, 8, at + WRITE_AT) ==
				    8 &&
			    word == mark)
				say(out, SEEN, "wrote %c+%#zx ",
				    (char)('A' + i), at);
}

/* The word the device has at @i is the one it read at the page @i. */
static void look(struct edu *edu, const uint64_t *iovas, unsigned int n,
		 volatile uint64_t *show, struct outcome *out)
{
	const uint64_t mark = 0x600dda7a600dda7aULL;
	unsigned int i;

	for (i = 0; i <= n; i++)
		show[i] = mark;
	edu_read_ram(edu, SHOW_IOVA, 0, (n + 1) * 8);
	for (i = 0; i < n; i++)
		edu_read_ram(edu, iovas[i], i * 8, 8);
	edu_write_ram(edu, SHOW_IOVA, 0, (n + 1) * 8);
	if (lies_about(SEEN))
		show[0] ^= 1;
	for (i = 0; i < n; i++)
		say(out, SEEN, "%#llx:%#llx ", (unsigned long long)iovas[i],
		    (unsigned long long)show[i]);
	/* The last word has been there all the time. */
	for (i = 0; i < n; i++)
		edu_write_ram(edu, iovas[i] + WRITE_AT, n * 8, 8);
	say_written(out, mark);
}

static long show_memory(struct edu *edu, int ctx, uint32_t ioas,
			const uint64_t *iovas, unsigned int n,
			struct outcome *out)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct ioasid_ioas_map map = {
		.size = sizeof(map),
		.flags = 7,
		.ioas_id = ioas,
		.user_va = (uintptr_t)page,
		.length = PAGE,
		.iova = SHOW_IOVA,
	};
	struct ioasid_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas,
		.iova = SHOW_IOVA,
		.length = PAGE,
	};
	long rc;

	if (page == MAP_FAILED)
		return -1;
	rc = ioctl(ctx, IOASID_IOAS_MAP, &map);
	if (!rc) {
		look(edu, iovas, n, page, out);
		rc = ioctl(ctx, IOASID_IOAS_UNMAP, &unmap);
	}
	munmap(page, PAGE);
	return rc;
}

long run_dma(const struct call *call, struct outcome *out)
{
	struct vfio_cdev_attach attach = { .argsz = 12 };
	int fd = device_fd(0), context = world->device_context[0];
	uint64_t iovas[MAX_SEEN];
	struct edu edu;
	long rc;

	attach.pt_id = resolve_id(call->value[0]);
	if (!is_bound(fd))
		return -1;
	rc = ioctl(fd, VFIO_CDEV_ATTACH, &attach);
	if (rc)
		return rc;
	edu_open(&edu, fd);
	rc = show_memory(&edu, world->context[context],
			 resolve_id(call->value[0]), iovas,
			 list_pages(context, resolve_id(call->value[0]), iovas),
			 out);
	edu_close(&edu);
	return rc;
}
