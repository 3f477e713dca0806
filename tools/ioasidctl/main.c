// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidctl: which devices can be assigned to a virtual machine, why not, and who has
 * them. All of it is read from sysfs and procfs; the modules need not be there.
 */
#include <stdio.h>

#include "ioasidctl.h"

int main(int argc, char **argv)
{
	int ret = ioasidctl(argc, argv);

	if (fflush(stdout) || ferror(stdout)) {
		perror("ioasidctl: standard output");
		return EXIT_FAILED;
	}
	return ret;
}
