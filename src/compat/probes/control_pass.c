// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control: must be yes on every kernel tree. A symbol exported since the first git commit, called
 * with the right types. If this is no, the tree or the compiler is broken and no answer counts.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>

int ext_probe(void **p)
{
	*p = kzalloc(PAGE_SIZE, GFP_KERNEL);
	return *p ? 0 : -ENOMEM;
}
