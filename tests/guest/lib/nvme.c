// SPDX-License-Identifier: GPL-2.0-only
/*
 * One queue for administration, number 0, and one for input and output, number 1, both of
 * QUEUE_SIZE commands, of which one at a time is under way.
 */
#include <sched.h>
#include <sys/mman.h>

#include "nvme.h"
#include "test.h"
#include "vfio.h"

#define NVME_BAR_SIZE 0x4000UL

#define REG_CC 0x14
#define REG_CSTS 0x1c
#define REG_AQA 0x24
#define REG_ASQ 0x28
#define REG_ACQ 0x30
#define REG_DOORBELL 0x1000

/* Entries of 64 and of 16 bytes, pages of 4096 bytes. */
#define CC_ENABLE (4U << 20 | 6U << 16 | 1)
#define CSTS_READY 1U
#define CSTS_FATAL 2U

#define ADMIN_CREATE_SQ 0x01
#define ADMIN_CREATE_CQ 0x05
#define IO_WRITE 0x01
#define IO_READ 0x02

#define QUEUE_SIZE 16U
#define NVME_MS 20000

/* Of the disk's 4 MiB, what nobody else looks at. */
#define BLOCK 512UL
#define FIRST_BLOCK ((4 * MB - NVME_PAGES * PAGE) / BLOCK)

/* The memory, in pages: two queues each of commands and of completions, the list, the buffer. */
#define PAGE_COMMANDS(queue) (2 * (queue))
#define PAGE_COMPLETIONS(queue) (2 * (queue) + 1)
#define PAGE_LIST 4
#define PAGE_BUFFER 5

struct command {
	uint32_t opcode;
	uint32_t namespace;
	uint64_t reserved;
	uint64_t metadata;
	uint64_t page1;
	uint64_t page2;
	uint32_t arg[6];
};

struct completion {
	uint32_t result;
	uint32_t reserved;
	uint16_t head;
	uint16_t queue;
	uint16_t id;
	/* Bit 0 changes each time the queue begins anew. */
	uint16_t status;
};

static volatile uint32_t *reg(const struct nvme *nvme, uint32_t offset)
{
	return (volatile uint32_t *)(nvme->bar + offset);
}

static uint8_t *memory(const struct nvme *nvme, size_t page)
{
	return nvme->memory + page * PAGE;
}

static uint64_t iova(const struct nvme *nvme, size_t page)
{
	return nvme->iova + page * PAGE;
}

static void wait_status(const struct nvme *nvme, uint32_t status)
{
	long long end = now_ms() + NVME_MS;

	while ((*reg(nvme, REG_CSTS) & (CSTS_READY | CSTS_FATAL)) != status) {
		if (now_ms() > end)
			fail_test("the nvme's status is %#x, not %#x",
				  *reg(nvme, REG_CSTS), status);
		sleep_ms(1);
	}
}

/* Let the device execute a command, and wait for it. */
static void execute(struct nvme *nvme, unsigned int queue, struct command *c)
{
	struct command *commands = (void *)memory(nvme, PAGE_COMMANDS(queue));
	volatile struct completion *done =
		(void *)memory(nvme, PAGE_COMPLETIONS(queue));
	long long end = now_ms() + NVME_MS;
	uint32_t head = nvme->head[queue]++;
	uint32_t phase = ~(head / QUEUE_SIZE) & 1;

	done += head % QUEUE_SIZE;
	commands[nvme->tail[queue]++ % QUEUE_SIZE] = *c;
	__sync_synchronize();
	*reg(nvme, REG_DOORBELL + 8 * queue) = nvme->tail[queue] % QUEUE_SIZE;
	while ((done->status & 1) != phase) {
		if (now_ms() > end)
			fail_test("the nvme does not do command %#x",
				  c->opcode);
		sched_yield();
	}
	__sync_synchronize();
	*reg(nvme, REG_DOORBELL + 8 * queue + 4) =
		nvme->head[queue] % QUEUE_SIZE;
	check_eq(0, done->status >> 1);
}

static void create_queues(struct nvme *nvme)
{
	struct command c = {
		.opcode = ADMIN_CREATE_CQ,
		.page1 = iova(nvme, PAGE_COMPLETIONS(1)),
		/* Number 1, contiguous. */
		.arg = { (QUEUE_SIZE - 1) << 16 | 1, 1 },
	};

	execute(nvme, 0, &c);
	c.opcode = ADMIN_CREATE_SQ;
	c.page1 = iova(nvme, PAGE_COMMANDS(1));
	c.arg[1] = 1 << 16 | 1;
	execute(nvme, 0, &c);
}

void nvme_open(struct nvme *nvme, int fd, uint8_t *memory, uint64_t iova)
{
	void *bar;

	vfio_bus_master(fd);
	bar = vfio_map(fd, VFIO_PCI_BAR0_REGION_INDEX, NVME_BAR_SIZE);
	if (bar == MAP_FAILED)
		fail_test("mmap of BAR 0: %s", errno_name(errno));
	*nvme = (struct nvme){
		.fd = fd,
		.bar = bar,
		.memory = memory,
		.iova = iova,
	};
	memset(memory, 0, NVME_MEMORY);
	*reg(nvme, REG_CC) = 0;
	wait_status(nvme, 0);
	*reg(nvme, REG_AQA) = (QUEUE_SIZE - 1) << 16 | (QUEUE_SIZE - 1);
	*reg(nvme, REG_ASQ) = iova + PAGE_COMMANDS(0) * PAGE;
	*reg(nvme, REG_ASQ + 4) = (iova + PAGE_COMMANDS(0) * PAGE) >> 32;
	*reg(nvme, REG_ACQ) = iova + PAGE_COMPLETIONS(0) * PAGE;
	*reg(nvme, REG_ACQ + 4) = (iova + PAGE_COMPLETIONS(0) * PAGE) >> 32;
	*reg(nvme, REG_CC) = CC_ENABLE;
	wait_status(nvme, CSTS_READY);
	create_queues(nvme);
}

void nvme_close(struct nvme *nvme)
{
	*reg(nvme, REG_CC) = 0;
	wait_status(nvme, 0);
	drop_map((void *)nvme->bar);
	nvme->bar = NULL;
}

uint8_t *nvme_buffer(const struct nvme *nvme, size_t page)
{
	return memory(nvme, PAGE_BUFFER + page);
}

/* Copy between the disk and the pages. */
static void transfer(struct nvme *nvme, uint32_t opcode, const uint64_t *iovas,
		     size_t num)
{
	struct command c = {
		.opcode = opcode,
		.namespace = 1,
		.page1 = iovas[0],
		.arg = { FIRST_BLOCK, 0, num * PAGE / BLOCK - 1 },
	};

	check(num && num <= NVME_PAGES);
	if (num == 2) {
		c.page2 = iovas[1];
	} else if (num > 2) {
		c.page2 = iova(nvme, PAGE_LIST);
		memcpy(memory(nvme, PAGE_LIST), iovas + 1,
		       (num - 1) * sizeof(*iovas));
	}
	execute(nvme, 1, &c);
}

static void transfer_buffer(struct nvme *nvme, uint32_t opcode, size_t num)
{
	uint64_t iovas[NVME_PAGES];
	size_t i;

	for (i = 0; i < num; i++)
		iovas[i] = iova(nvme, PAGE_BUFFER + i);
	transfer(nvme, opcode, iovas, num);
}

void nvme_read_pages(struct nvme *nvme, const uint64_t *iovas, size_t num)
{
	transfer(nvme, IO_WRITE, iovas, num);
	transfer_buffer(nvme, IO_READ, num);
}

void nvme_write_pages(struct nvme *nvme, const uint64_t *iovas, size_t num)
{
	transfer_buffer(nvme, IO_WRITE, num);
	transfer(nvme, IO_READ, iovas, num);
}

/* What stands at both ends of a page: who wrote it, and which page it is. */
struct tag {
	uint32_t magic;
	uint32_t round;
	uint64_t page;
};

#define TAG_CPU 0x55504321
#define TAG_DEVICE 0x56454421

static void tag_page(uint8_t *page, uint32_t magic, uint32_t round, uint64_t nr)
{
	struct tag tag = { magic, round, nr };

	memcpy(page, &tag, sizeof(tag));
	memcpy(page + PAGE - sizeof(tag), &tag, sizeof(tag));
}

/* Is there such a tag at either end? Then *@tag is it. */
static bool find_tag(const uint8_t *page, uint32_t magic, uint32_t round,
		     struct tag *tag)
{
	memcpy(tag, page, sizeof(*tag));
	if (tag->magic == magic && tag->round == round)
		return true;
	memcpy(tag, page + PAGE - sizeof(*tag), sizeof(*tag));
	return tag->magic == magic && tag->round == round;
}

/* Are both ends the same? */
static bool is_whole(const uint8_t *page)
{
	return !memcmp(page, page + PAGE - sizeof(struct tag),
		       sizeof(struct tag));
}

static const char *wrong_read(const struct nvme_page *page, const uint8_t *read,
			      uint32_t round)
{
	struct tag tag;

	if (!find_tag(read, TAG_CPU, round, &tag))
		return page->va && page->read == REACH_YES ?
			       "the device does not read what is there" :
			       NULL;
	if (page->read == REACH_NO)
		return "the device reads what must be out of reach";
	if (tag.page != (uintptr_t)page->va || !is_whole(read))
		return "the device reads other memory";
	return NULL;
}

static const char *wrong_write(const struct nvme_page *pages, size_t num,
			       size_t i, uint32_t round)
{
	const struct nvme_page *page = &pages[i];
	struct tag tag;

	if (find_tag(page->va, TAG_DEVICE, round, &tag)) {
		/* Memory can be at several IOVAs. */
		if (tag.page >= num || pages[tag.page].va != page->va)
			return "the device writes to other memory";
		if (pages[tag.page].write == REACH_NO)
			return "the device writes to what must be out of reach";
		return NULL;
	}
	return page->write == REACH_YES ?
		       "what the device writes is not there" :
		       NULL;
}

const char *nvme_try_pages(struct nvme *nvme, const struct nvme_page *pages,
			   size_t num, size_t *which)
{
	static uint32_t round;
	uint64_t iovas[NVME_PAGES] = { 0 };
	const char *wrong;
	size_t i;

	check(num <= NVME_PAGES);
	round++;
	for (i = 0; i < num; i++) {
		iovas[i] = pages[i].iova;
		if (pages[i].va)
			tag_page(pages[i].va, TAG_CPU, round,
				 (uintptr_t)pages[i].va);
	}
	nvme_read_pages(nvme, iovas, num);
	for (i = 0; i < num; i++) {
		wrong = wrong_read(&pages[i], nvme_buffer(nvme, i), round);
		if (wrong) {
			*which = i;
			return wrong;
		}
	}
	for (i = 0; i < num; i++)
		tag_page(nvme_buffer(nvme, i), TAG_DEVICE, round, i);
	nvme_write_pages(nvme, iovas, num);
	for (i = 0; i < num; i++) {
		if (!pages[i].va)
			continue;
		wrong = wrong_write(pages, num, i, round);
		if (wrong) {
			*which = i;
			return wrong;
		}
	}
	return NULL;
}

void nvme_check_range(struct nvme *nvme, uint64_t iova, uint8_t *va, size_t len,
		      enum reach reach)
{
	struct nvme_page pages[NVME_PAGES];
	const char *wrong;
	size_t num, which;

	while (len) {
		for (num = 0; num < NVME_PAGES && len; num++) {
			pages[num] =
				(struct nvme_page){ iova, va, reach, reach };
			iova += PAGE;
			va += PAGE;
			len -= PAGE;
		}
		wrong = nvme_try_pages(nvme, pages, num, &which);
		if (wrong)
			fail_test("%s, at IOVA %#llx", wrong,
				  (unsigned long long)pages[which].iova);
	}
}
