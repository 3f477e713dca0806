/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's nvme as a DMA engine: it copies up to NVME_PAGES pages at a time from and to any
 * IOVAs, by way of the end of its disk, in about a millisecond.
 */
#ifndef TEST_NVME_H
#define TEST_NVME_H

#include <stddef.h>
#include <stdint.h>

/* As many pages as one command of the device can have. */
#define NVME_PAGES 120

/*
 * What the device needs mapped for reading and writing while it works: its queues, the list
 * of a command's pages, and a buffer of NVME_PAGES pages.
 */
#define NVME_MEMORY ((5 + NVME_PAGES) * PAGE)

struct nvme {
	int fd;
	volatile uint8_t *bar;
	uint8_t *memory;
	uint64_t iova;
	/* The last command's number, by queue; and how many are done. */
	uint32_t tail[2];
	uint32_t head[2];
};

/*
 * Start a bound device. Its page table has @memory, of NVME_MEMORY bytes, at @iova; as does
 * each page table it is used with.
 */
void nvme_open(struct nvme *nvme, int fd, uint8_t *memory, uint64_t iova);
void nvme_close(struct nvme *nvme);

/* The buffer, page by page. */
uint8_t *nvme_buffer(const struct nvme *nvme, size_t page);
/*
 * Read the pages at the IOVAs into the buffer, and write the buffer to them. The device says
 * nothing of pages that it does not reach.
 */
void nvme_read_pages(struct nvme *nvme, const uint64_t *iovas, size_t num);
void nvme_write_pages(struct nvme *nvme, const uint64_t *iovas, size_t num);

/* What a device may do to a page. */
enum reach {
	REACH_NO,
	REACH_YES,
	/* That depends on the IOMMU. */
	REACH_ANY,
};

/* An IOVA, and the memory that is there, or was. */
struct nvme_page {
	uint64_t iova;
	uint8_t *va;
	enum reach read;
	enum reach write;
};

/*
 * Let the device read and write pages, NVME_PAGES at most, and compare what it reaches with
 * what it may. It spoils all of them. Returns NULL, or what is wrong with which page.
 */
const char *nvme_try_pages(struct nvme *nvme, const struct nvme_page *pages,
			   size_t num, size_t *which);
/* The same for a range of memory that is, or was, at one of IOVAs; fails the test. */
void nvme_check_range(struct nvme *nvme, uint64_t iova, uint8_t *va, size_t len,
		      enum reach reach);

#endif
