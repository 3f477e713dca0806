/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's "edu" device: a 4 KiB buffer that it copies from and to memory by
 * DMA, and an interrupt that can be raised at will.
 */
#ifndef TEST_EDU_H
#define TEST_EDU_H

#include <stddef.h>
#include <stdint.h>

/*
 * The device drops the address bits above 28, unless told otherwise when QEMU
 * starts: every IOVA the tests give it is below this.
 */
#define EDU_IOVA_END 0x10000000UL
/* Largest copy; older QEMU ends itself when one reaches the buffer's end. */
#define EDU_MAX_COPY 2048UL

struct edu {
	int fd;
	volatile uint8_t *bar;
};

void edu_open(struct edu *edu, int fd);
void edu_close(struct edu *edu);
/* Memory to device, device to memory, at an offset of the device's buffer. */
void edu_read_ram(struct edu *edu, uint64_t iova, uint32_t offset, size_t len);
void edu_write_ram(struct edu *edu, uint64_t iova, uint32_t offset, size_t len);
/* Begin a write to memory; it happens about 100 ms later. */
void edu_start_write(struct edu *edu, uint64_t iova, uint32_t offset,
		     size_t len);
void edu_wait(struct edu *edu);
void edu_raise_irq(struct edu *edu, uint32_t value);
uint32_t edu_irq_status(struct edu *edu);
void edu_ack_irq(struct edu *edu, uint32_t value);
uint32_t edu_liveness(struct edu *edu, uint32_t value);

#endif
