// SPDX-License-Identifier: GPL-2.0-only
/* What src/compat/native.h says of the options it is compiled with: see tests/kconfig/natives. */
#include <stdbool.h>
#include <stdio.h>

#include <linux/kconfig.h>

#include "native.h"

static const char *answer(bool coexist, bool devices)
{
	static const char *const words[] = {
		[EXT_NATIVE_NOTHING] = "loads",
		[EXT_NATIVE_CDEVS] = "cdevs",
		[EXT_NATIVE_DIRECTORY] = "directory",
		[EXT_NATIVE_GROUPS] = "groups",
		[EXT_NATIVE_NO_GROUPS] = "ungrouped",
	};

	return words[ext_native_in_the_way(coexist, devices)];
}

int main(void)
{
	printf("%s %s %s %s\n", answer(false, true), answer(false, false),
	       answer(true, true), answer(true, false));
	return 0;
}
