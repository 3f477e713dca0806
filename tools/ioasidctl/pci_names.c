// SPDX-License-Identifier: GPL-2.0-only
/* Names of PCI ids, as lspci has them. libpci is asked for names alone. */
#include <pci/pci.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ioasidctl.h"
#include "pci_names.h"
#include "root.h"

static int lookup_flags;

static void __attribute__((noreturn, format(printf, 1, 2)))
fatal(char *fmt, ...)
{
	va_list args;

	fputs("ioasidctl: libpci: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILED);
}

static void __attribute__((format(printf, 1, 2))) quiet(char *fmt, ...)
{
	(void)fmt;
}

/* No access to devices is set up: pci_init() would look for a way to them. */
static struct pci_access *names(void)
{
	static struct pci_access *access;

	if (access)
		return access;
	access = pci_alloc();
	access->error = fatal;
	access->warning = quiet;
	access->debug = quiet;
	if (!root_is_real()) {
		pci_set_name_list_path(access,
				       xprintf("%s/usr/share/misc/pci.ids",
					       root_prefix()),
				       1);
		lookup_flags = PCI_LOOKUP_NO_HWDB;
	}
	return access;
}

void pci_class_name(unsigned int class, char *buf, size_t size)
{
	struct pci_access *access = names();
	const char *name;

	name = pci_lookup_name(access, buf, size,
			       PCI_LOOKUP_CLASS | lookup_flags, class);
	if (name != buf)
		snprintf(buf, size, "%s", name ? name : "");
}

void pci_device_name(unsigned int vendor, unsigned int product, char *buf,
		     size_t size)
{
	struct pci_access *access = names();
	const char *name;

	name = pci_lookup_name(access, buf, size,
			       PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE |
				       lookup_flags,
			       vendor, product);
	if (name != buf)
		snprintf(buf, size, "%s", name ? name : "");
}
