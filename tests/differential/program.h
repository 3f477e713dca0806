/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls that the program does itself; each is as ioctl() would return. */
#ifndef DIFF_PROGRAM_H
#define DIFF_PROGRAM_H

#include "diff.h"

enum file_type {
	FILE_MEMFD,
	FILE_READ_ONLY,
	FILE_WRITE_ONLY,
	/* Nobody may write to it any more. */
	FILE_SEALED,
	FILE_HUGE,
	/* No memory at all. */
	FILE_DISK,
	FILE_PIPE,
	NUM_FILE_TYPES,
};

long run_raw_context(const struct call *call, struct outcome *out);
long run_raw_device(const struct call *call, struct outcome *out);
long run_open(const struct call *call, struct outcome *out);
long run_close(const struct call *call, struct outcome *out);
long run_open_device(const struct call *call, struct outcome *out);
long run_close_device(const struct call *call, struct outcome *out);
long run_file(const struct call *call, struct outcome *out);
long run_read(const struct call *call, struct outcome *out);
long run_write(const struct call *call, struct outcome *out);
long run_mmap(const struct call *call, struct outcome *out);
long run_munmap(const struct call *call, struct outcome *out);
long run_renew(const struct call *call, struct outcome *out);
long run_user(const struct call *call, struct outcome *out);
long run_fork(const struct call *call, struct outcome *out);
long run_exit(const struct call *call, struct outcome *out);
long run_dma(const struct call *call, struct outcome *out);

#endif
