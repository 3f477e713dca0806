// SPDX-License-Identifier: GPL-2.0-only
#include <sys/mman.h>

#include "edu.h"
#include "test.h"
#include "vfio.h"

#define EDU_ID 0x00
#define EDU_LIVENESS 0x04
#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_RAISE 0x60
#define EDU_IRQ_ACK 0x64
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_CMD 0x98
#define EDU_DMA_START 1
#define EDU_DMA_TO_RAM 2
#define EDU_BUFFER 0x40000
#define EDU_BAR_SIZE (1UL << 20)
#define EDU_DMA_MS 10000

static uint32_t reg32(struct edu *edu, uint32_t reg)
{
	return *(volatile uint32_t *)(edu->bar + reg);
}

static void reg32_set(struct edu *edu, uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)(edu->bar + reg) = value;
}

static void reg64_set(struct edu *edu, uint32_t reg, uint64_t value)
{
	*(volatile uint64_t *)(edu->bar + reg) = value;
}

void edu_open(struct edu *edu, int fd)
{
	struct vfio_region_info info;
	void *bar;

	assert_ok(vfio_region(fd, VFIO_PCI_BAR0_REGION_INDEX, &info));
	check_eq(EDU_BAR_SIZE, info.size);
	check(info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	vfio_bus_master(fd);
	bar = keep_map(mmap(NULL, EDU_BAR_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, fd, info.offset),
		       EDU_BAR_SIZE);
	if (bar == MAP_FAILED)
		fail_test("mmap of BAR 0: %s", errno_name(errno));
	edu->fd = fd;
	edu->bar = bar;
	check_eq(0xed, reg32(edu, EDU_ID) & 0xff);
	/* What a user before us may have begun. */
	edu_wait(edu);
}

void edu_close(struct edu *edu)
{
	drop_map((void *)edu->bar);
	edu->bar = NULL;
}

static void dma_start(struct edu *edu, uint64_t src, uint64_t dst, size_t len,
		      uint32_t direction)
{
	check(len && len <= EDU_MAX_COPY);
	reg64_set(edu, EDU_DMA_SRC, src);
	reg64_set(edu, EDU_DMA_DST, dst);
	reg64_set(edu, EDU_DMA_COUNT, len);
	reg32_set(edu, EDU_DMA_CMD, EDU_DMA_START | direction);
}

void edu_wait(struct edu *edu)
{
	long long end = now_ms() + EDU_DMA_MS;

	while (reg32(edu, EDU_DMA_CMD) & EDU_DMA_START) {
		if (now_ms() > end)
			fail_test("the device's DMA does not end");
		sleep_ms(5);
	}
}

void edu_read_ram(struct edu *edu, uint64_t iova, uint32_t offset, size_t len)
{
	check(offset + len < PAGE);
	dma_start(edu, iova, EDU_BUFFER + offset, len, 0);
	edu_wait(edu);
}

void edu_start_write(struct edu *edu, uint64_t iova, uint32_t offset,
		     size_t len)
{
	check(offset + len < PAGE);
	dma_start(edu, EDU_BUFFER + offset, iova, len, EDU_DMA_TO_RAM);
}

void edu_write_ram(struct edu *edu, uint64_t iova, uint32_t offset, size_t len)
{
	edu_start_write(edu, iova, offset, len);
	edu_wait(edu);
}

void edu_raise_irq(struct edu *edu, uint32_t value)
{
	reg32_set(edu, EDU_IRQ_RAISE, value);
}

uint32_t edu_irq_status(struct edu *edu)
{
	return reg32(edu, EDU_IRQ_STATUS);
}

void edu_ack_irq(struct edu *edu, uint32_t value)
{
	reg32_set(edu, EDU_IRQ_ACK, value);
}

uint32_t edu_liveness(struct edu *edu, uint32_t value)
{
	reg32_set(edu, EDU_LIVENESS, value);
	return reg32(edu, EDU_LIVENESS);
}
