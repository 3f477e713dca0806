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
#define I386_NR_GETPID 20
#define I386_NR_IOCTL 54

static inline long syscall32(long nr, long a, long b, uint32_t c)
{
	long rc;

	asm volatile("int $0x80" : "=a" (rc)
		     : "0" (nr), "b" (a), "c" (b), "d" (c)
		     : "memory", "r8", "r9", "r10", "r11", "cc");
	return (int)rc;
}

/* @arg lies below 4 GiB. */
static inline int ioctl32(int fd, unsigned int cmd, void *arg)
{
	long rc = syscall32(I386_NR_IOCTL, fd, cmd, (uintptr_t)arg);

	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

static inline void try_syscall32(void *arg)
{
	(void)arg;
	check(syscall32(I386_NR_GETPID, 0, 0, 0) > 0);
}

/* A kernel without 32-bit programs ends whoever tries. */
static inline bool has_ioctl32(void)
{
	return !child_status(child_start(try_syscall32, NULL));
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
