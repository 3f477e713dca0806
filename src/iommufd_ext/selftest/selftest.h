/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rest of the module knows of the selftest: nothing but these, and in a
 * build without it (make IOMMUFD_EXT_TEST=1) not even that.
 */
#ifndef _IOMMUFD_EXT_SELFTEST_H
#define _IOMMUFD_EXT_SELFTEST_H

struct ioas;
struct obj;
struct ucmd;

#if IOMMUFD_EXT_TEST
/* The name of the mock in /sys/class/iommu. */
#define SELFTEST_IOMMU "iommufd_ext_mock"

int selftest_init(void);
void selftest_exit(void);
int selftest_ioctl(struct ucmd *ucmd);
void selftest_destroy(struct obj *obj);
void selftest_free_ioas(struct ioas *ioas);
#else
static inline int selftest_init(void)
{
	return 0;
}

static inline void selftest_exit(void)
{
}

static inline void selftest_destroy(struct obj *obj)
{
}

static inline void selftest_free_ioas(struct ioas *ioas)
{
}
#endif

#endif
