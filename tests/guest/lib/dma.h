/* SPDX-License-Identifier: GPL-2.0-only */
/* The edu on a context of its own, what it can reach, and what that is charged. */
#ifndef TEST_DMA_H
#define TEST_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "edu.h"

#define IOVA 0x100000UL
#define COPY 512UL
/* Where the bytes rest in the device between reading and writing. */
#define SPOT 0

#define LIMIT_PAGES 64UL
/* Nobody else's pages are charged to this user. */
#define LIMIT_UID 64123

/* A context with the edu bound to it, and an IOAS. */
struct setup {
	int ctx;
	int dev;
	uint32_t devid;
	uint32_t ioas;
	struct edu edu;
};

/* The addresses of the devices, NULL for those this machine lacks. */
extern const char *edu_bdf, *nvme_bdf, *shared1, *shared2;

/* Find the devices, and give the edu to a driver. */
void use_devices(const char *driver);
/* For test_before: the driver is vfio_cdev_ext. */
void use_edu(void *arg);
/* The same, and so is that of both that share a group. */
void use_all(void *arg);
/* Whose IOMMU there is; OTHER has no interrupt remapping, and it and ARM no snoop control. */
enum iommu_kind { IOMMU_INTEL, IOMMU_AMD, IOMMU_ARM, IOMMU_OTHER };
enum iommu_kind iommu_kind(void);
/* Is memory mapped there through the IOMMU core, in blocks? */
bool core_maps(void);

/* Skip the test without the device, or without both that share a group. */
void need_edu(void);
void need_nvme(void);
void need_shared(void);
struct setup setup_bound(void);
struct setup setup_attached(void);
/* Attached, with memory charged to the process (1) or the user (0). */
struct setup setup_limit(uint64_t mode);
/*
 * Another device, attached to what may be another IOAS: some kernels fill a page
 * table only once a device is attached. Once in a test; detach and close are free.
 */
int attach_second(struct setup *s, uint32_t pt);

/* Memory at the alignment of a huge page, of hugetlb or what THP gives. */
uint8_t *huge_alloc(size_t len, bool hugetlb);
/* Memory that has no pages yet, and gets small ones. */
uint8_t *small_alloc(size_t len);

void map_at(struct setup *s, void *va, size_t len, uint64_t iova);
void unmap_at(struct setup *s, uint64_t iova, size_t len);

void pattern(uint8_t *buf, size_t len, unsigned int seed);
bool has_pattern(const uint8_t *buf, size_t len, unsigned int seed);
bool all_bytes(const uint8_t *buf, size_t len, uint8_t value);

/* Put a pattern into the device through a mapping made and undone for it. */
void edu_load(struct setup *s, unsigned int seed);
/* The device can read @va and write to it at @iova. */
void check_dma(struct setup *s, uint8_t *va, uint64_t iova, unsigned int seed);
/* The device, which holds some pattern, cannot change the page at @va. */
void check_no_write(struct setup *s, uint8_t *va, uint64_t iova);
/* The device cannot read at @iova what is now written to @va. */
void check_no_read(struct setup *s, uint8_t *va, uint64_t iova,
		   unsigned int seed);

/* Become a user that may lock @pages pages. */
void become_user(uid_t uid, unsigned long pages);
void become_limited(unsigned long pages);
/* Exactly @pages more fit under the limit. */
void check_room(struct setup *s, uint8_t *va, unsigned long pages);

#endif
