// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control: must not compile. If it does, the compiler takes undeclared functions (or is not run at
 * all) and every other yes would be worthless.
 */
#include <linux/kernel.h>
#include <linux/module.h>

int ext_probe(void)
{
	return ext_control_never_declared(1);
}
