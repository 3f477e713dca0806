// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control: must compile and then not link, because nobody exports this. If it is yes, the lookup in
 * Module.symvers does not work and a declared but unexported function would break the real build.
 */
#include <linux/kernel.h>
#include <linux/module.h>

int ext_control_never_exported(int x);

int ext_probe(void)
{
	return ext_control_never_exported(1);
}
