// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a sequence on one side, in processes that end with it: everything is as new for the next.
 *
 * Ids and files are numbered in the order in which they appear, so that sides that give other
 * numbers are equal.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "program.h"
#include "test.h"
#include "vfio.h"
#include "world.h"

/* Longest for a sequence, in seconds of the machine's own clock. */
#define SEQUENCE_SECONDS 300
#define FILL 0xa5

struct world *world;
bool is_second;
enum aspect lie = NUM_ASPECTS;
static char device_names[NUM_DEVICES][32];

const char *const aspect_names[NUM_ASPECTS + 1] = {
	[RETURN] = "return",
	[ERRNO] = "errno",
	[BYTES] = "bytes",
	[RANGES] = "ranges",
	[PINNED] = "pinned",
	[SEEN] = "seen by DMA",
	[EXPECTED] = "expected errno",
};

void say(struct outcome *out, enum aspect aspect, const char *fmt, ...)
{
	size_t room;
	va_list ap;
	int n;

	if (!out->at[aspect])
		out->at[aspect] = ++out->used;
	room = sizeof(out->text) - out->used;
	va_start(ap, fmt);
	n = vsnprintf(out->text + out->used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		fail_test("no room for what is to be said");
	out->used += n;
}

const char *said(const struct outcome *out, enum aspect aspect)
{
	return out->at[aspect] ? out->text + out->at[aspect] : "";
}

void side_lie(enum aspect aspect)
{
	lie = aspect;
}

bool lies_about(enum aspect aspect)
{
	return world->lies && lie == aspect;
}

/* ---- files and ids ---- */

int context_fd(unsigned int nr)
{
	int *fd = &world->context[nr];

	if (*fd < 0 && !is_second)
		*fd = open(world->context_node, O_RDWR | O_CLOEXEC);
	return *fd;
}

int device_fd(unsigned int nr)
{
	int *fd = &world->device[nr];

	if (*fd < 0 && !is_second)
		*fd = open(world->device_node[nr], O_RDWR | O_CLOEXEC);
	return *fd;
}

uint32_t resolve_id(uint64_t value)
{
	if (!IS_SLOT(value))
		return value;
	value = world->ids[value & 0xff];
	return value ? value : ABSENT_ID;
}

int resolve_fd(uint64_t value)
{
	if (IS_SLOT(value))
		return world->files[value & 0xff];
	if (IS_CONTEXT(value))
		return context_fd(value & 0xff);
	return value;
}

/* The last that has this id. */
static struct known_id *find_id(int context, uint32_t id)
{
	unsigned int i;

	for (i = world->num_known; i--;)
		if (world->known[i].context == context &&
		    world->known[i].id == id)
			return &world->known[i];
	return NULL;
}

static void add_id(int context, uint32_t id)
{
	if (world->num_known < MAX_IDS) {
		world->known[world->num_known] =
			(struct known_id){ context, id, world->num_known + 1 };
		world->num_known++;
	}
}

static void add_space(int context, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < world->num_spaces; i++)
		if (world->spaces[i].context == context &&
		    world->spaces[i].ioas == id)
			return;
	if (world->num_spaces < MAX_SPACES)
		world->spaces[world->num_spaces++] =
			(struct mapped){ .context = context, .ioas = id };
}

void note_mapped(int context, uint32_t ioas, uint64_t iova, uint64_t len)
{
	if (world->num_mapped < MAX_MAPPED)
		world->mapped[world->num_mapped++] =
			(struct mapped){ context, ioas, iova, len };
}

/* ---- structures ---- */

static uint64_t load(const uint8_t *from, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, from, size);
	return value;
}

static void fill_structure(const struct call *call, uint8_t *buffer,
			   size_t room)
{
	const struct call_type *type = call->type;
	uint32_t size = call->size ? call->size : type->size, number;
	const struct value_type *v;
	uint64_t value;
	size_t i, n;

	memset(buffer, FILL, room);
	n = size > type->size ? size : type->size;
	memset(buffer, 0, n < room ? n : room);
	for (i = 0; i < MAX_VALUES && type->values[i].name; i++) {
		v = &type->values[i];
		value = call->value[i];
		if (v->kind == NEW_ID || v->kind == GOT_ID ||
		    v->kind == NEW_FD || v->offset + v->size > room)
			continue;
		if (v->kind == ID || v->kind == FD) {
			number = v->kind == ID ? resolve_id(value) :
						 (uint32_t)resolve_fd(value);
			value = number;
		}
		memcpy(buffer + v->offset, &value, v->size);
	}
	if (call->tail && type->size < room)
		buffer[type->size] = call->tail;
	memcpy(buffer, &size, sizeof(size));
}

/* What the call has made is found by its slot. */
static void keep_answers(const struct call *call, int context,
			 const uint8_t *buffer)
{
	const struct value_type *v;
	uint64_t slot, value;
	size_t i;

	for (i = 0; i < MAX_VALUES && call->type->values[i].name; i++) {
		v = &call->type->values[i];
		if (v->kind != NEW_ID && v->kind != GOT_ID && v->kind != NEW_FD)
			continue;
		slot = call->value[i];
		value = load(buffer + v->offset, v->size);
		if (v->kind == NEW_ID ||
		    (v->kind == GOT_ID && !find_id(context, value)))
			add_id(context, value);
		if (!IS_SLOT(slot) || (is_second && v->kind == NEW_FD)) {
			if (v->kind == NEW_FD)
				close(value);
			continue;
		}
		if (v->kind == NEW_FD)
			world->files[slot & 0xff] = value;
		else
			world->ids[slot & 0xff] = value;
	}
}

static void say_id(struct outcome *out, const char *name, int context,
		   uint32_t id)
{
	const struct known_id *known = find_id(context, id);

	if (known)
		say(out, BYTES, "%s=#%u ", name, known->number);
	else if (id)
		say(out, BYTES, "%s=%#x ", name, id);
}

static void say_field(const struct call *call, size_t i, int context, long rc,
		      const uint8_t *buffer, struct outcome *out)
{
	const struct value_type *v = &call->type->values[i];
	uint64_t value = load(buffer + v->offset, v->size);
	int flags;

	switch (v->kind) {
	case NUMBER:
		if (value)
			say(out, BYTES, "%s=%#llx ", v->name,
			    (unsigned long long)value);
		break;
	case ID:
	case NEW_ID:
		say_id(out, v->name, context, value);
		break;
	case FD:
		if ((int)value != resolve_fd(call->value[i]))
			say(out, BYTES, "%s changed ", v->name);
		break;
	case NEW_FD:
		flags = rc ? -1 : fcntl(value, F_GETFD);
		if (flags >= 0)
			say(out, BYTES, "%s is open, flags %d ", v->name,
			    flags);
		else if (value)
			say(out, BYTES, "%s=%#x ", v->name, (uint32_t)value);
		break;
	}
}

static void say_structure(const struct call *call, int context, long rc,
			  uint8_t *buffer, size_t room, struct outcome *out)
{
	const struct call_type *type = call->type;
	uint32_t size = call->size ? call->size : type->size;
	size_t i, n = size > type->size ? size : type->size;

	if (room < type->size)
		return;
	if (lies_about(BYTES))
		buffer[type->size - 1] ^= 1;
	if (load(buffer, 4) != size)
		say(out, BYTES, "size=%#llx ",
		    (unsigned long long)load(buffer, 4));
	for (i = 0; i < MAX_VALUES && type->values[i].name; i++)
		say_field(call, i, context, rc, buffer, out);
	for (i = type->size; i < room && i < n + 64; i++)
		if (buffer[i] != (i >= n	  ? FILL :
				  i == type->size ? call->tail :
						    0))
			say(out, BYTES, "[%zu]=%#x ", i, buffer[i]);
}

static void fill_data(const struct call *call)
{
	memset((void *)DATA, FILL, PAGE);
	memcpy((void *)DATA, call->words, call->num_words * 8);
}

/* The words that the call has changed. */
static void say_data(const struct call *call, struct outcome *out)
{
	const uint64_t *data = (const uint64_t *)DATA;
	uint64_t was;
	size_t i;

	for (i = 0; i < PAGE / 8; i++) {
		memset(&was, FILL, sizeof(was));
		if (i < call->num_words)
			was = call->words[i];
		if (data[i] != was && i < 32)
			say(out, BYTES, "data[%zu]=%#llx ", i,
			    (unsigned long long)data[i]);
		else if (data[i] != was)
			say(out, BYTES, "and more ");
		if (data[i] != was && i >= 32)
			break;
	}
}

/* ---- what can be seen besides ---- */

/* A line of /proc/PID/status, in KiB. */
static long status_field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

static void say_pinned(struct outcome *out)
{
	char status[4096];
	ssize_t n;
	int i;

	for (i = 0; i < 2; i++) {
		if (world->status[i] < 0)
			continue;
		n = pread(world->status[i], status, sizeof(status) - 1, 0);
		/* It has ended. */
		if (n <= 0)
			continue;
		status[n] = 0;
		say(out, PINNED, "%spinned %ld locked %ld",
		    i ? ", second: " : "",
		    status_field(status, "\nVmPin:") + lies_about(PINNED) * 4,
		    status_field(status, "\nVmLck:"));
	}
}

static void say_space(const struct mapped *space, struct outcome *out)
{
	struct ioasid_iova_range ranges[16] = { 0 };
	struct ioasid_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = space->ioas,
		.num_iovas = ARRAY_SIZE(ranges),
		.allowed_iovas = (uintptr_t)ranges,
	};
	size_t i;

	if (ioctl(world->context[space->context], IOASID_IOAS_IOVA_RANGES,
		  &cmd)) {
		say(out, RANGES, "[%s] ", errno_name(errno));
		return;
	}
	say(out, RANGES, "[");
	if (lies_about(RANGES))
		ranges[0].start += PAGE;
	for (i = 0; i < cmd.num_iovas && i < ARRAY_SIZE(ranges); i++)
		say(out, RANGES, "%#llx-%#llx ", ranges[i].start,
		    ranges[i].last);
	say(out, RANGES, "by %#llx] ", cmd.out_iova_alignment);
}

static void say_ranges(struct outcome *out)
{
	unsigned int i;

	for (i = 0; i < world->num_spaces; i++)
		say_space(&world->spaces[i], out);
}

/* ---- calls ---- */

/* Which context the ids of a call belong to. */
static int context_of(const struct call *call)
{
	return call->type->target == TO_DEVICE ?
		       world->device_context[call->on] :
		       call->on;
}

static void note_success(const struct call *call, const uint8_t *buffer)
{
	struct ioasid_vfio_ioas compat = {
		.size = sizeof(compat),
		.op = IOASID_VFIO_IOAS_GET,
	};
	const struct vfio_iommu_type1_dma_map *map_dma = (const void *)buffer;
	const struct ioasid_ioas_map_file *file = (const void *)buffer;
	const struct ioasid_ioas_copy *copy = (const void *)buffer;
	const struct ioasid_ioas_map *map = (const void *)buffer;
	int fd;

	switch (call->type->cmd) {
	case IOASID_IOAS_ALLOC:
		add_space(call->on, load(buffer + 8, 4));
		break;
	case IOASID_IOAS_MAP:
		note_mapped(call->on, map->ioas_id, map->iova, map->length);
		break;
	case IOASID_IOAS_MAP_FILE:
		note_mapped(call->on, file->ioas_id, file->iova, file->length);
		break;
	case IOASID_IOAS_COPY:
		note_mapped(call->on, copy->dst_ioas_id, copy->dst_iova,
			    copy->length);
		break;
	case VFIO_IOMMU_MAP_DMA:
		fd = context_fd(call->on);
		if (!ioctl(fd, IOASID_VFIO_IOAS, &compat))
			note_mapped(call->on, compat.ioas_id, map_dma->iova,
				    map_dma->size);
		break;
	case VFIO_CDEV_BIND:
		if (IS_CONTEXT(*call_value((struct call *)call, "fd")))
			world->device_context[call->on] =
				*call_value((struct call *)call, "fd") & 0xff;
		break;
	}
}

static long call_ioctl(const struct call *call, struct outcome *out)
{
	const struct call_type *type = call->type;
	bool null = call->at == AT_NULL;
	uint8_t *buffer = (uint8_t *)BUFFER + (null ? 0 : call->at);
	size_t room = BUFFER_SIZE - (null ? 0 : call->at);
	int fd, err;
	long rc;

	fd = type->target == TO_DEVICE ? device_fd(call->on) :
					 context_fd(call->on);
	if (type->target == TO_CONTEXT_NUMBER)
		return ioctl(fd, type->cmd, call->value[0]);

	fill_structure(call, buffer, room);
	fill_data(call);
	errno = 0;
	if (call->readonly)
		mprotect((void *)BUFFER, BUFFER_SIZE, PROT_READ);
	rc = ioctl(fd, type->cmd, null ? NULL : buffer);
	err = errno;
	if (call->readonly)
		mprotect((void *)BUFFER, BUFFER_SIZE, PROT_READ | PROT_WRITE);
	if (!rc && !null && room >= type->size) {
		note_success(call, buffer);
		keep_answers(call, context_of(call), buffer);
	}
	if (!null)
		say_structure(call, context_of(call), rc, buffer, room, out);
	say_data(call, out);
	errno = err;
	return rc;
}

static void do_call(unsigned int nr)
{
	const struct call *call = &world->seq->calls[nr];
	struct outcome *out = &world->trace->outcomes[nr];
	int err;
	long rc;

	errno = 0;
	rc = call->type->run ? call->type->run(call, out) :
			       call_ioctl(call, out);
	err = rc == -1 ? errno : 0;
	if (lies_about(RETURN) && rc != -1)
		rc++;
	if (lies_about(ERRNO) && err)
		err = EIO;
	say(out, RETURN, "%ld", rc);
	say(out, ERRNO, "%s", err ? errno_name(err) : "");
	if (call->type->ranges)
		say_ranges(out);
	say_pinned(out);
}

/* Have the second process do it, if there is one. */
static void do_by_second(unsigned int nr)
{
	char done;

	if (!world->second) {
		do_call(nr);
		return;
	}
	if (write(world->tell[1], &nr, sizeof(nr)) != sizeof(nr) ||
	    read(world->hear[0], &done, 1) != 1)
		fail_test("the second process is gone");
}

void second_loop(void)
{
	unsigned int nr;

	is_second = true;
	while (read(world->tell[0], &nr, sizeof(nr)) == sizeof(nr)) {
		do_call(nr);
		if (write(world->hear[1], "", 1) != 1)
			break;
	}
	_exit(0);
}

static void run_calls(void *arg)
{
	unsigned int i;

	(void)arg;
	alarm(SEQUENCE_SECONDS);
	make_memory();
	world->status[0] =
		assert_ok(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
	for (i = 0; i < world->seq->num; i++) {
		if (world->seq->calls[i].by)
			do_by_second(i);
		else
			do_call(i);
		world->trace->done = i + 1;
	}
	/* It ends when it is told nothing any more. */
	if (world->second) {
		close(world->tell[1]);
		child_status(world->second);
	}
}

/* ---- sides ---- */

static const struct {
	const char *context;
	const char *devices;
} nodes[] = {
	[KERNEL] = { "/dev/iommu", "/dev/vfio/devices" },
	[OURS] = { "/dev/ioasid", "/dev/vfio/ext" },
};

void sides_init(const char *const bdf[NUM_DEVICES])
{
	const char *name;
	int i;

	for (i = 0; i < NUM_DEVICES; i++) {
		name = cdev_name(bdf[i]);
		if (!name)
			fail_test("%s has no VFIO device", bdf[i]);
		snprintf(device_names[i], sizeof(device_names[i]), "%.31s",
			 name);
	}
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (world == MAP_FAILED)
		fail_test("no memory");
}

void side_run(enum side side, const struct sequence *seq, struct trace *trace)
{
	unsigned int i;

	memset(world, 0, sizeof(*world));
	for (i = 0; i < seq->num; i++) {
		memset(trace->outcomes[i].at, 0, sizeof(trace->outcomes[i].at));
		trace->outcomes[i].used = 0;
	}
	trace->done = 0;
	world->seq = seq;
	world->trace = trace;
	world->lies = side == OURS;
	strcpy(world->context_node, nodes[side].context);
	for (i = 0; i < NUM_CONTEXTS; i++)
		world->context[i] = -1;
	for (i = 0; i < NUM_DEVICES; i++) {
		world->device[i] = -1;
		snprintf(world->device_node[i], sizeof(world->device_node[i]),
			 "%s/%s", nodes[side].devices, device_names[i]);
	}
	for (i = 0; i < NUM_SLOTS; i++)
		world->files[i] = -1;
	world->status[0] = -1;
	world->status[1] = -1;
	trace->status = child_status(child_start(run_calls, NULL));
}
