// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linked to the programs of the suite: their harness ends a test after 30 seconds, by
 * the timeout of a poll(). An emulated machine with a debug kernel takes longer.
 */
#include <poll.h>

#define PATIENCE 10

int __real_poll(struct pollfd *fds, nfds_t nfds, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t nfds, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t nfds, int timeout)
{
	return __real_poll(fds, nfds,
			   timeout > 0 ? PATIENCE * timeout : timeout);
}
