/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioctl() as a 32-bit program makes it, from a 64-bit one: the old system call
 * gate takes 32-bit arguments whoever uses it.
 */
#ifndef TEST_COMPAT32_H
#define TEST_COMPAT32_H

#include <stdint.h>

#include "test.h"

#ifdef __x86_64__
#define I386_NR_IOCTL 54

/* @arg lies below 4 GiB. */
static inline int ioctl32(int fd, unsigned int cmd, void *arg)
{
	long ret;
	int rc;

	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "0"(I386_NR_IOCTL), "b"(fd), "c"(cmd), "d"(arg)
		     : "memory", "r8", "r9", "r10", "r11", "cc");
	rc = ret;
	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

/* The gate is there, and this file, if the kernel runs 32-bit programs. */
static inline bool has_ioctl32(void)
{
	return path_exists("/proc/sys/abi/vsyscall32");
}
#else
static inline int ioctl32(int fd, unsigned int cmd, void *arg)
{
	(void)fd;
	(void)cmd;
	(void)arg;
	errno = EOPNOTSUPP;
	return -1;
}

static inline bool has_ioctl32(void)
{
	return false;
}
#endif

#endif
