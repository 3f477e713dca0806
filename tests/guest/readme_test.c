// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: the commands of README.md, as they are written there
 * vm: --topology none --file build/guest/ioasidctl:/ioasidctl
 * vm: --qemu-arg -device --qemu-arg pcie-root-port,id=first,addr=10
 * vm: --qemu-arg -device --qemu-arg e1000e,bus=first
 *
 * The commands of README.md, and those of docs/packages.md that are the same, taken out of these
 * documents. What is behind the only port has the address that they use.
 */
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "document.h"
#include "test.h"
#include "vfio.h"

#define BDF "0000:01:00.0"
#define SCRIPT "/tmp/commands"

DOCUMENT(readme_doc, "README.md");
DOCUMENT(packages_doc, "docs/packages.md");

static char said[64 * KB];

/* As in a shell that somebody types into: the status of the last, and in @said what all wrote. */
static int run_block(const char *doc, const char *name)
{
	char block[4 * KB];
	FILE *file, *pipe;
	size_t len;
	int status;

	document_block(doc, name, block, sizeof(block));
	file = fopen(SCRIPT, "we");
	check(file && fputs(block, file) >= 0 && !fclose(file));
	pipe = popen("PATH=/ioasidctl:$PATH bash " SCRIPT " 2>&1", "r");
	check(pipe);
	len = fread(said, 1, sizeof(said) - 1, pipe);
	said[len] = '\0';
	status = pclose(pipe);
	check(WIFEXITED(status));
	if (strstr(said, "command not found") || strstr(said, "syntax error"))
		fail_test("%s: %s", name, said);
	return WEXITSTATUS(status);
}

#define check_block(doc, name)                                     \
	do {                                                       \
		if (run_block(doc, name))                          \
			fail_test("\"%s\" fails: %s", name, said); \
	} while (0)

static void check_driver(const char *driver)
{
	if (strcmp(pci_driver(BDF), driver))
		fail_test("%s is on \"%s\", not on \"%s\": %s", BDF,
			  pci_driver(BDF), driver, said);
}

/* The machine is as one that has booted, with a driver for its card. */
static void use_host(void *arg)
{
	(void)arg;
	check(pci_present(BDF));
	check_eq(0, system("modprobe e1000e"));
	pci_bind_host(BDF);
	said[0] = '\0';
	check_driver("e1000e");
}

/* The user land of these machines has no /boot. This kernel is one for which the answer is yes. */
static void test_kernel(void **state)
{
	const char *doc = test_arg(state);
	struct utsname name;
	char path[160];
	FILE *file;

	assert_ok(uname(&name));
	snprintf(path, sizeof(path), "/boot/config-%s", name.release);
	mkdir("/boot", 0755);
	file = fopen(path, "we");
	check(file &&
	      fputs("CONFIG_IOMMU_API=y\n# CONFIG_IOMMUFD is not set\nCONFIG_VFIO_PCI_CORE=m\n",
		    file) >= 0 &&
	      !fclose(file));
	/* It fails for one of the files, which it does not find. */
	check_eq(2, run_block(doc, "kernel"));
	check_eq(0, unlink(path));
	check(!strncmp(said,
		       "# CONFIG_IOMMUFD is not set\nCONFIG_VFIO_PCI_CORE=m\n",
		       51));
}

static void test_device(void **state)
{
	(void)state;
	check_block(readme_doc, "device");
	check_contains(said,
		       "can be assigned once it is bound: ioasidctl bind %s\n",
		       BDF);
	check_contains(said, "%s vfio-pci /dev/vfio/devices/%s\n", BDF,
		       cdev_name(BDF));
	check_driver("vfio-pci");
}

static void test_look(void **state)
{
	(void)state;
	check_block(readme_doc, "look");
	check_contains(said, "    %s ", BDF);
}

/* The device has a node, nobody is in the way, and nobody has it. */
static void test_shell(void **state)
{
	(void)state;
	check_block(readme_doc, "shell");
	check_driver("vfio_cdev_ext");
	check(!strncmp(said, "1\n", 2));
	check(path_exists("/dev/vfio/devices"));
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	/* The libraries that the guest does not have. */
	setenv("LD_LIBRARY_PATH", "/ioasidctl", 1);
	setenv("NO_COLOR", "1", 1);
	test_before = use_host;
	test_add(&list, test_kernel, (void *)readme_doc, "readme.kernel");
	test_add(&list, test_device, NULL, "readme.device");
	test_add(&list, test_look, NULL, "readme.look");
	test_add(&list, test_shell, NULL, "readme.shell");
	test_add(&list, test_kernel, (void *)packages_doc, "packages.kernel");
	return test_main(argc, argv, "readme", &list, NULL, NULL);
}
