// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "dma.h"
#include "ioasid.h"
#include "test.h"
#include "vfio.h"

const char *edu_bdf, *nvme_bdf, *shared1, *shared2;

void use_devices(const char *driver)
{
	edu_bdf = topology("EDU_BDF");
	nvme_bdf = topology("NVME_BDF");
	shared1 = topology("SHARED_BDF1");
	shared2 = topology("SHARED_BDF2");
	if (edu_bdf)
		pci_bind(edu_bdf, driver);
}

void use_edu(void *arg)
{
	(void)arg;
	use_devices(DRIVER_EXT);
}

void use_all(void *arg)
{
	use_edu(arg);
	if (!shared1 || !shared2)
		return;
	pci_bind(shared1, DRIVER_EXT);
	pci_bind(shared2, DRIVER_EXT);
}

enum iommu_kind iommu_kind(void)
{
	enum iommu_kind kind = IOMMU_OTHER;
	struct dirent *entry;
	DIR *dir = opendir("/sys/class/iommu");

	while (dir && (entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "dmar", 4))
			kind = IOMMU_INTEL;
		if (!strncmp(entry->d_name, "ivhd", 4))
			kind = IOMMU_AMD;
		if (!strncmp(entry->d_name, "smmu3", 5))
			kind = IOMMU_ARM;
	}
	if (dir)
		closedir(dir);
	return kind;
}

bool core_maps(void)
{
	return iommu_kind() != IOMMU_INTEL && iommu_kind() != IOMMU_AMD;
}

void need_edu(void)
{
	if (!edu_bdf)
		skip_test("no EDU_BDF");
}

void need_nvme(void)
{
	if (!nvme_bdf)
		skip_test("no NVME_BDF");
}

void need_shared(void)
{
	if (!shared1 || !shared2)
		skip_test("no SHARED_BDF1 and SHARED_BDF2");
}

static struct setup setup_on(int ctx)
{
	struct setup s = { .ctx = ctx };

	s.dev = cdev_open_bound(edu_bdf, s.ctx, &s.devid);
	s.ioas = ioas_new(s.ctx);
	edu_open(&s.edu, s.dev);
	return s;
}

struct setup setup_bound(void)
{
	need_edu();
	return setup_on(ioasid_open());
}

struct setup setup_attached(void)
{
	struct setup s = setup_bound();

	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	return s;
}

struct setup setup_limit(uint64_t mode)
{
	struct setup s;
	int ctx;

	need_edu();
	ctx = ioasid_open();
	/* Only a file without objects takes it. */
	assert_ok(option_set(ctx, IOASID_OPTION_RLIMIT_MODE, 0, mode));
	s = setup_on(ctx);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	return s;
}

int attach_second(struct setup *s, uint32_t pt)
{
	int dev;

	need_nvme();
	pci_bind(nvme_bdf, DRIVER_EXT);
	dev = cdev_open_bound(nvme_bdf, s->ctx, NULL);
	assert_ok(cdev_attach(dev, pt, NULL));
	return dev;
}

void map_at(struct setup *s, void *va, size_t len, uint64_t iova)
{
	assert_ok(ioas_map_fixed(s->ctx, s->ioas, va, len, iova, MAP_RW));
}

void unmap_at(struct setup *s, uint64_t iova, size_t len)
{
	assert_ok(ioas_unmap_exact(s->ctx, s->ioas, iova, len));
}

uint8_t *huge_alloc(size_t len, bool hugetlb)
{
	uint8_t *map, *va;

	if (hugetlb) {
		va = keep_map(mmap(NULL, len, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
				   -1, 0), len);
		check(va != MAP_FAILED);
	} else {
		map = keep_map(mmap(NULL, len + 2 * MB, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			       len + 2 * MB);
		check(map != MAP_FAILED);
		va = (uint8_t *)(((uintptr_t)map + 2 * MB - 1) & -(2 * MB));
		madvise(va, len, MADV_HUGEPAGE);
	}
	memset(va, 0, len);
	return va;
}

uint8_t *small_alloc(size_t len)
{
	uint8_t *va = keep_map(mmap(NULL, len, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			       len);

	check(va != MAP_FAILED);
	/* Without huge pages there is nothing to be advised of. */
	madvise(va, len, MADV_NOHUGEPAGE);
	return va;
}

void pattern(uint8_t *buf, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = (i * 31 + seed * 17 + (i >> 8)) ^ 0x5a;
}

bool has_pattern(const uint8_t *buf, size_t len, unsigned int seed)
{
	uint8_t want[EDU_MAX_COPY];

	pattern(want, len, seed);
	return !memcmp(buf, want, len);
}

bool all_bytes(const uint8_t *buf, size_t len, uint8_t value)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (buf[i] != value)
			return false;
	return true;
}

/* Put a pattern into the device through a mapping made and undone for it. */
void edu_load(struct setup *s, unsigned int seed)
{
	uint64_t iova = EDU_IOVA_END - MB;
	uint8_t *page = page_alloc(PAGE);

	pattern(page, COPY, seed);
	map_at(s, page, PAGE, iova);
	edu_read_ram(&s->edu, iova, SPOT, COPY);
	unmap_at(s, iova, PAGE);
	drop_map(page);
}

/* The device can read @va and write to it at @iova. */
void check_dma(struct setup *s, uint8_t *va, uint64_t iova, unsigned int seed)
{
	pattern(va, COPY, seed);
	edu_read_ram(&s->edu, iova, SPOT, COPY);
	memset(va, 0, COPY);
	edu_write_ram(&s->edu, iova, SPOT, COPY);
	check(has_pattern(va, COPY, seed));
}

/* The device, which holds some pattern, cannot change the zero page at @va. */
void check_no_write(struct setup *s, uint8_t *va, uint64_t iova)
{
	memset(va, 0, PAGE);
	edu_write_ram(&s->edu, iova, SPOT, COPY);
	check(all_bytes(va, PAGE, 0));
}

/* What the device holds is seen through a mapping made and undone for it. */
void check_no_read(struct setup *s, uint8_t *va, uint64_t iova,
		   unsigned int seed)
{
	uint64_t seen_iova = EDU_IOVA_END - 2 * MB;
	uint8_t *seen = page_alloc(PAGE);

	edu_load(s, seed + 1);
	pattern(va, COPY, seed);
	edu_read_ram(&s->edu, iova, SPOT, COPY);
	map_at(s, seen, PAGE, seen_iova);
	edu_write_ram(&s->edu, seen_iova, SPOT, COPY);
	unmap_at(s, seen_iova, PAGE);
	check(!has_pattern(seen, COPY, seed));
	drop_map(seen);
}

void become_user(uid_t uid, unsigned long pages)
{
	struct rlimit limit = { pages * PAGE, pages * PAGE };

	assert_ok(setrlimit(RLIMIT_MEMLOCK, &limit));
	assert_ok(setgroups(0, NULL));
	assert_ok(setresgid(uid, uid, uid));
	assert_ok(setresuid(uid, uid, uid));
}

void become_limited(unsigned long pages)
{
	become_user(LIMIT_UID, pages);
}

/* Exactly @pages more fit under the limit. */
void check_room(struct setup *s, uint8_t *va, unsigned long pages)
{
	if (pages) {
		map_at(s, va, pages * PAGE, 144 * MB);
		assert_errno(ENOMEM, ioas_map_fixed(s->ctx, s->ioas, va, PAGE,
						    64 * MB, MAP_RW));
		unmap_at(s, 144 * MB, pages * PAGE);
	}
	assert_errno(ENOMEM,
		     ioas_map_fixed(s->ctx, s->ioas, va, (pages + 1) * PAGE,
				    144 * MB, MAP_RW));
}
