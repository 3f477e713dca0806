// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/userfaultfd.h>

#include "held.h"
#include "test.h"

static struct held held_new(size_t len, unsigned long long mode)
{
	struct uffdio_register reg = { .mode = mode };
	struct uffdio_api api = { .api = UFFD_API };
	struct held held = { .len = len };

	if (mode == UFFDIO_REGISTER_MODE_WP)
		api.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP;
	/* poll() wants it not to block. */
	held.uffd = assert_ok(keep_fd(syscall(SYS_userfaultfd,
					      O_CLOEXEC | O_NONBLOCK)));
	if (ioctl(held.uffd, UFFDIO_API, &api)) {
		check_eq(UFFDIO_REGISTER_MODE_WP, mode);
		check_eq(EINVAL, errno);
		skip_test("no memory can be write-protected on this platform");
	}
	held.va = keep_map(mmap(NULL, len, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), len);
	check(held.va != MAP_FAILED);
	reg.range.start = (uintptr_t)held.va;
	reg.range.len = len;
	assert_ok(ioctl(held.uffd, UFFDIO_REGISTER, &reg));
	return held;
}

static void protect(const struct held *held, unsigned long long mode)
{
	struct uffdio_writeprotect cmd = {
		.range = { .start = (uintptr_t)held->va, .len = held->len },
		.mode = mode,
	};

	assert_ok(ioctl(held->uffd, UFFDIO_WRITEPROTECT, &cmd));
}

struct held held_alloc(size_t len)
{
	return held_new(len, UFFDIO_REGISTER_MODE_MISSING);
}

struct held held_answer(const void *content, size_t size)
{
	struct held held = held_new(PAGE, UFFDIO_REGISTER_MODE_WP);

	held.writes = 1;
	memcpy(held.va, content, size);
	protect(&held, UFFDIO_WRITEPROTECT_MODE_WP);
	return held;
}

int held_touched(const struct held *held, int ms)
{
	struct pollfd poller = { .fd = held->uffd, .events = POLLIN };

	return assert_ok(poll(&poller, 1, ms)) && poller.revents == POLLIN;
}

void held_wait(const struct held *held)
{
	if (!held_touched(held, 10000))
		fail_test("nobody touches the memory");
}

void held_release(struct held *held)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)held->va, .len = held->len },
	};

	if (held->writes)
		protect(held, 0);
	else
		assert_ok(ioctl(held->uffd, UFFDIO_ZEROPAGE, &zero));
	drop_fd(held->uffd);
}

struct meanwhile {
	void *(*fn)(void *arg);
	void *arg;
	volatile bool over;
};

static void *run_meanwhile(void *arg)
{
	struct meanwhile *m = arg;

	m->fn(m->arg);
	m->over = true;
	return NULL;
}

bool held_meanwhile(struct held *held, void *(*touches)(void *),
		    void *(*meanwhile)(void *), void *arg)
{
	struct meanwhile m = { .fn = meanwhile, .arg = arg };
	pthread_t first, second;
	bool over;
	int ms;

	check_eq(0, pthread_create(&first, NULL, touches, arg));
	held_wait(held);
	check_eq(0, pthread_create(&second, NULL, run_meanwhile, &m));
	for (ms = 0; ms < 5000 && !m.over; ms += 20)
		sleep_ms(20);
	over = m.over;
	held_release(held);
	check_eq(0, pthread_join(second, NULL));
	check_eq(0, pthread_join(first, NULL));
	return over;
}
