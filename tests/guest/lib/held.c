// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/userfaultfd.h>

#include "held.h"
#include "test.h"

struct held held_alloc(size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct held held = { .len = len };

	/* poll() wants it not to block. */
	held.uffd = assert_ok(keep_fd(syscall(SYS_userfaultfd,
					      O_CLOEXEC | O_NONBLOCK)));
	assert_ok(ioctl(held.uffd, UFFDIO_API, &api));
	held.va = keep_map(mmap(NULL, len, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), len);
	check(held.va != MAP_FAILED);
	reg.range.start = (uintptr_t)held.va;
	reg.range.len = len;
	assert_ok(ioctl(held.uffd, UFFDIO_REGISTER, &reg));
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

	assert_ok(ioctl(held->uffd, UFFDIO_ZEROPAGE, &zero));
	drop_fd(held->uffd);
}
