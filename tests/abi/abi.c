// SPDX-License-Identifier: GPL-2.0-only
/*
 * Our uAPI headers against the kernel's. checks.inc, made by tests/abi/run from the headers, has
 * one CHECK(text, condition) for each struct, field and constant, and one MISSING(text) where
 * the kernel's headers have no such name.
 *
 * With ABI_STATIC the conditions are assertions of the compiler: nothing is run, so this serves
 * targets for which the machine has no C library.
 */
#include <stddef.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>

#ifdef ABI_STATIC
#ifndef __cplusplus
#define static_assert _Static_assert
#endif
#define CHECK(text, condition) static_assert(condition, text)
#define MISSING(text) static_assert(1, text)
#include "checks.inc"
#else
#include <stdio.h>

static int number, failed;

static void check(const char *text, int good)
{
	failed += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", ++number, text);
}

#ifdef ABI_OLD_REFERENCE
#define MISSING(text)                                                  \
	printf("ok %d - %s # SKIP these kernel headers are too old\n", \
	       ++number, text)
#else
#define MISSING(text) check(text, 0)
#endif

int main(void)
{
#define CHECK(text, condition) check(text, condition)
#include "checks.inc"
	return failed ? 1 : 0;
}
#endif
