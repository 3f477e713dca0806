// SPDX-License-Identifier: GPL-2.0-only
/* Functions that take apart what others have written, with good and bad input. */
#include <errno.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "device.h"
#include "driver.h"
#include "explain.h"
#include "ioasidctl.h"
#include "mok.h"
#include "root.h"
#include "text.h"
#include "tree.h"

static void test_sizes(void **state)
{
	static const char *const bad[] = { "",
					   "G",
					   "-1",
					   "4X",
					   "4GG",
					   "4G4",
					   " 4",
					   "4 G",
					   "4Gi4",
					   "99999999999999999999",
					   "99999999999T" };
	unsigned long long bytes;
	size_t i;

	(void)state;
	assert_true(parse_size("0", &bytes) && !bytes);
	assert_true(parse_size("4096", &bytes) && bytes == 4096);
	assert_true(parse_size("4k", &bytes) && bytes == 4096);
	assert_true(parse_size("4G", &bytes) && bytes == 4ull << 30);
	assert_true(parse_size("4GiB", &bytes) && bytes == 4ull << 30);
	assert_true(parse_size("2TB", &bytes) && bytes == 2ull << 40);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse_size(bad[i], &bytes))
			fail_msg("\"%s\" is no size", bad[i]);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "0x", "99999999999999999999", "1\n"
	};
	unsigned long long value;
	size_t i;

	(void)state;
	assert_true(parse_u64("18446744073709551615", 10, &value) &&
		    value == UINT64_MAX);
	assert_true(parse_u64("0x10", 0, &value) && value == 16);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse_u64(bad[i], 0, &value))
			fail_msg("\"%s\" is no number", bad[i]);
}

static void check_text(char *is, const char *should)
{
	assert_string_equal(is, should);
	free(is);
}

static void test_text(void **state)
{
	(void)state;
	check_text(format_size(0), "0 B");
	check_text(format_size(1023), "1023 B");
	check_text(format_size(1536), "1.5 KiB");
	check_text(format_size(UINT64_MAX), "15.9 EiB");
	check_text(str_escape("a\033[2J\n\x80"), "a\\033[2J\\012\\200");
	check_text(str_quote("/srv/a-b_c.d"), "/srv/a-b_c.d");
	check_text(str_quote(""), "''");
	check_text(str_quote("a b;c'd"), "'a b;c'\\''d'");
}

static void test_addresses(void **state)
{
	static const char *const bad[] = {
		"",
		"01:00",
		"01:00.8",
		"1:00.0",
		"0000:01:00",
		"0000:01:00.0 ",
		"000:01:00.0",
		"g000:01:00.0",
		"01:00.00",
		"0000:01:00.0/..",
		"0000:0000:01:00.0",
		"000000001:01:00.0",
	};
	size_t i;

	(void)state;
	assert_true(is_bdf("0000:01:00.0"));
	assert_true(is_bdf("10000:e1:1f.7"));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (is_bdf(bad[i]))
			fail_msg("\"%s\" is no address", bad[i]);
	assert_true(path_is_below("a/0000:01:00.0/net/eth0", "0000:01:00.0"));
	assert_true(path_is_below("../a/0000:01:00.0", "0000:01:00.0"));
	assert_false(path_is_below("../a/10000:01:00.0/x", "0000:01:00.0"));
	assert_false(path_is_below("../a/0000:01:00.01/x", "0000:01:00.0"));
	assert_false(path_is_below("", "0000:01:00.0"));
}

static void test_resolve(void **state)
{
	static const char *const same[] = { "02:00.0",		"0000:02:00.0",
					    "pci_0000_02_00_0", "nvme1n1",
					    "/dev/nvme1n1p2",	"nvme1n1p2" };
	struct device dev;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(same); i++) {
		assert_int_equal(device_resolve(same[i], &dev), 0);
		assert_string_equal(dev.bdf, "0000:02:00.0");
	}
	assert_int_equal(device_resolve("0A:00.0", &dev), 0);
	assert_string_equal(dev.bdf, "0000:0a:00.0");
	assert_int_equal(device_resolve("vfio1", &dev), 0);
	assert_string_equal(dev.bdf, "0000:0a:00.1");
	assert_int_equal(device_resolve("/dev/vfio/devices/vfio1", &dev), 0);
	assert_int_equal(device_resolve("../block/nvme1n1", &dev), -ENODEV);
	assert_int_equal(device_resolve("/etc/nvme1n1", &dev), -ENODEV);
	assert_int_equal(device_resolve("..", &dev), -ENODEV);
	assert_int_equal(device_resolve("", &dev), -ENODEV);
}

static void test_drivers(void **state)
{
	(void)state;
	assert_true(driver_name_valid("vfio-pci"));
	assert_false(driver_name_valid("a/b"));
	assert_false(driver_name_valid(".."));
	assert_false(driver_name_valid(""));
	assert_false(driver_name_valid("a b"));
	assert_true(driver_is_vfio("mlx5_vfio_pci"));
	assert_true(driver_is_vfio("nvgrace-gpu-vfio-pci"));
	assert_false(driver_is_vfio("vfio-pci-not"));
	assert_false(driver_is_vfio("nvme"));
	assert_true(driver_manages_dma("pcieport"));
	assert_false(driver_manages_dma("shpchp"));
}

/* Lines of the kernel that are no messages of the modules, however much they look like them. */
static void check_foreign(void)
{
	static const char *const lines[] = {
		"EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.",
		"x86/fpu: Supporting XSAVE feature 0x001: 'x87 floating point registers'",
		"systemd[1]: the default is none",
		"rcu: RCU debug flags 3 are on",
		"DMAR: Intel IOMMU has PASID width 20",
		"ata1: a driver for this port is missing",
		"audit: denied access to /dev/kmem",
		"sd 0:0:0:0: the drive refuses to spin up",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++)
		if (explain_message(lines[i]))
			fail_msg("explained: %s", lines[i]);
}

static void test_explain(void **state)
{
	const char *beyond =
		"4096 bytes from IOVA 0x1000 reach beyond the last IOVA";

	(void)state;
	check_foreign();
	assert_non_null(explain_message("BIND does not know the flags 0x8"));
	assert_non_null(explain_message("eth0 was not made for PASIDs"));
	assert_non_null(strstr(explain_message(beyond), "more than 64 bits"));
	assert_non_null(explain_message("[ 12.3] driver x leaves: it waits for y"));
	assert_null(explain_message("usb 1-1: new high-speed USB device"));
	assert_null(explain_message(""));
	assert_string_not_equal(explain_error(EBUSY,
					      "VFIO_DEVICE_BIND_IOMMUFD"),
				explain_error(EBUSY, NULL));
	assert_null(explain_error(ELIBBAD, NULL));
	/* "MAP" is a word of the former, and not of the others. */
	assert_string_not_equal(explain_error(ENOMEM, "IOMMU_IOAS_MAP_FILE"),
				explain_error(ENOMEM, NULL));
	assert_string_equal(explain_error(ENOMEM,
					  "IOMMU_HWPT_GET_DIRTY_BITMAP"),
			    explain_error(ENOMEM, NULL));
	assert_string_equal(explain_error(EFAULT, "IOMMU_IOAS_UNMAP"),
			    explain_error(EFAULT, NULL));
}

#define LISTING "sys/kernel/debug/iommufd_ext/contexts"

static void write_listing(const char *text)
{
	char line[1024], *to;

	to = stpcpy(line, "f " LISTING " ");
	for (; *text; text++) {
		if (*text == '\n' || *text == '\\')
			*to++ = '\\';
		*to++ = *text == '\n' ? 'n' : *text;
	}
	*to = '\0';
	tree_line(line);
}

static void check_listing(const char *text)
{
	struct contexts contexts;

	write_listing(text);
	contexts_load(&contexts);
	assert_true(contexts.n <= 2);
	contexts_free(&contexts);
}

/* Each beginning of a listing of the kernel, and each with one byte changed. */
static void test_fuzz_contexts(void **state)
{
	static const char good[] =
		"context id=1 pid=12 ioases=1 mapped=1073741824 comm=a b\n"
		" ioas id=2\n"
		" device id=1 group=12 attached=busy name=0000:01:00.0\n"
		"context id=2 comm=";
	char text[sizeof(good)];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) - 1; i++) {
		memcpy(text, good, sizeof(good));
		text[i] = '\0';
		check_listing(text);
		memcpy(text, good, sizeof(good));
		text[i] = (i * 7919) % 95 + ' ';
		check_listing(text);
	}
}

static void write_bytes(const char *name, const char *bytes, size_t size)
{
	char line[256];
	FILE *f;

	snprintf(line, sizeof(line), "f %s", name);
	tree_line(line);
	snprintf(line, sizeof(line), "%s/%s", tree_root(), name);
	f = fopen(line, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	fclose(f);
}

#define MOK_LIST "sys/firmware/efi/efivars/MokListRT-605dab50"

static enum mok_state key_state(void)
{
	struct mok mok;

	mok_query(&mok);
	mok_free(&mok);
	return mok.state;
}

/* Certificates are no text: each byte counts. */
static void test_key(void **state)
{
	static const char key[] = "0\n\0\n\0key\n";
	static const char list[] = "\7\0\0\0x\0"
				   "0\n\0\n\0key\n"
				   "\0";
	static const char other[] = "\7\0\0\0x\0"
				    "0\n\0\0key\n"
				    "\0";

	(void)state;
	assert_int_equal(key_state(), MOK_NONE);
	write_bytes("var/lib/dkms/mok.pub", "", 0);
	write_bytes(MOK_LIST, list, sizeof(list));
	assert_int_equal(key_state(), MOK_UNKNOWN);
	write_bytes("var/lib/dkms/mok.pub", key, sizeof(key) - 1);
	assert_int_equal(key_state(), MOK_ENROLLED);
	write_bytes(MOK_LIST, other, sizeof(other));
	assert_int_equal(key_state(), MOK_MISSING);
	write_bytes(MOK_LIST, "", 0);
	assert_int_equal(key_state(), MOK_MISSING);
}

/* Of a key, its id counts as a whole, and as bytes. */
static void test_key_id(void **state)
{
	char certificate[] = "0\202\0\20\1\2\3\4\5\6\7\10\11DKMS";
	static const char *const bad[] = { "",
					   "DKMS",
					   "44:4B:4D:53",
					   "02:03:04:05:06:07:08:0A",
					   "02:03:04:05:06:07:08:09:0A",
					   "02:03:04:05:06:07:08:09 and more",
					   "02:03:04:05:06:07:08:09:-1" };
	struct mok mok = { .certificate = certificate,
			   .size = sizeof(certificate) - 1 };
	size_t i;

	(void)state;
	assert_true(mok_is(&mok, "02:03:04:05:06:07:08:09"));
	assert_true(mok_is(&mok, "00:10:01:02:03:04:\n\t\t05:06:07:08:09:44"));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (mok_is(&mok, bad[i]))
			fail_msg("\"%s\" is no id of it", bad[i]);
	mok.certificate = NULL;
	assert_false(mok_is(&mok, "02:03:04:05:06:07:08:09"));
}

#define POSTINST SOURCES "/../debian/iommufd-ext-dkms.postinst"

/* What the script of the package finds in the tree: its function, with other paths. */
static void script_file(char *file, size_t size)
{
	size_t len = strlen(tree_root());
	char command[1024];
	FILE *f;

	snprintf(command, sizeof(command),
		 "{ sed -n '/^certificate() {/,/^}/p' '" POSTINST
		 "' | sed 's,/etc/\\|/var/lib/,%s&,g'; echo certificate; } | sh -e",
		 tree_root());
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(file, size, f));
	assert_int_equal(pclose(f), 0);
	file[strcspn(file, "\n")] = '\0';
	if (!strncmp(file, tree_root(), len))
		memmove(file, file + len, strlen(file + len) + 1);
}

static void check_key_file(const char *should)
{
	struct mok mok;
	char file[256];

	mok_query(&mok);
	assert_string_equal(mok.file, should);
	mok_free(&mok);
	script_file(file, sizeof(file));
	assert_string_equal(file, should);
}

/* The program and the script of the package know the same files. */
static void test_key_file(void **state)
{
	(void)state;
	tree_line("d var/lib/dkms");
	tree_delete("var/lib/dkms");
	check_key_file("/var/lib/dkms/mok.pub");
	tree_line("f var/lib/dkms/mok.pub");
	check_key_file("/var/lib/dkms/mok.pub");
	/* Others have it for their own modules. */
	tree_line("f var/lib/shim-signed/mok/MOK.der");
	check_key_file("/var/lib/dkms/mok.pub");
	tree_line("f etc/os-release ID=debian\\nID_LIKE=ubuntu\\nNAME=ID=ubuntu");
	check_key_file("/var/lib/dkms/mok.pub");
	tree_line("f etc/os-release NAME=Ubuntu\\nID=ubuntu");
	check_key_file("/var/lib/shim-signed/mok/MOK.der");
	tree_line("f etc/os-release ID=\"ubuntu\"\\nNAME=Ubuntu");
	check_key_file("/var/lib/shim-signed/mok/MOK.der");
	tree_line("f etc/dkms/framework.conf mok_certificate=/etc/a.der");
	check_key_file("/etc/a.der");
	tree_line("f etc/dkms/framework.conf.d/b.conf mok_certificate='/etc/b.der' # b");
	tree_line("f etc/dkms/framework.conf.d/b.conf.bak mok_certificate=/etc/c.der");
	check_key_file("/etc/b.der");
}

/* What "env" says if root runs it by "exec" as nobody; @sudo is who has called sudo. */
static void run_env(const char *sudo, char *said, size_t size)
{
	char line[] = "ioasidctl exec --device 0a:00.0 --user nobody -- env";
	char *next = line, *argv[16];
	FILE *out = tmpfile();
	int status, argc = 0;
	pid_t pid;

	while ((argv[argc] = strsep(&next, " ")))
		argc++;
	assert_non_null(out);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(fileno(out), STDOUT_FILENO);
		/* A build of a package has more than fits in @said. */
		clearenv();
		setenv("PATH", "/usr/bin:/bin", 1);
		setenv("SUDO_UID", sudo, 1);
		setenv("SECRET", "of root", 1);
		setenv("TERM", "vt100", 1);
		_exit(ioasidctl(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rewind(out);
	said[fread(said, 1, size - 1, out)] = '\0';
	fclose(out);
}

/* What "exec" with these options exits with if root has called sudo. */
static int exec_by_root(const char *user)
{
	char line[128], *next = line, *argv[16];
	int status, argc = 0;
	pid_t pid;

	snprintf(line, sizeof(line),
		 "ioasidctl exec --device 0a:00.0 %s -- true", user);
	while ((argv[argc] = strsep(&next, " ")))
		argc++;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		setenv("SUDO_UID", "0", 1);
		_exit(ioasidctl(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Its programs would have all capabilities. */
static void test_exec_as_root(void **state)
{
	(void)state;
	if (geteuid())
		return;
	assert_int_equal(exec_by_root("--device=0a:00.1"), EXIT_BAD_USAGE);
	assert_int_equal(exec_by_root("--user=root"), EXIT_BAD_USAGE);
	assert_int_equal(exec_by_root("--user=nobody"), EXIT_YES);
}

static void test_environment(void **state)
{
	const struct passwd *nobody = getpwnam("nobody");
	char said[4096], uid[16];

	(void)state;
	/* Others cannot become anybody. */
	if (geteuid())
		return;
	assert_non_null(nobody);
	run_env("0", said, sizeof(said));
	assert_non_null(strstr(said, "USER=nobody\n"));
	assert_non_null(strstr(said, "TERM=vt100\n"));
	assert_non_null(strstr(said, "PATH="));
	assert_null(strstr(said, "SECRET="));
	assert_null(strstr(said, "SUDO_UID="));
	snprintf(uid, sizeof(uid), "%u", nobody->pw_uid);
	run_env(uid, said, sizeof(said));
	assert_non_null(strstr(said, "USER=nobody\n"));
	assert_non_null(strstr(said, "SECRET=of root\n"));
}

/* With an empty file for the program, below the tree. */
static void run_make(const char *target)
{
	const char *root = tree_root();
	char command[512];

	snprintf(command, sizeof(command),
		 "env -u MAKEFLAGS -u PREFIX make -s -o all -C '" SOURCES
		 "/../tools/ioasidctl' 'O=%s/built' 'DESTDIR=%s/to' %s",
		 root, root, target);
	assert_int_equal(system(command), 0);
}

static void test_install(void **state)
{
	static const char *const files[] = {
		"bin/ioasidctl", "share/man/man8/ioasidctl.8",
		"share/bash-completion/completions/ioasidctl"
	};
	size_t i;

	(void)state;
	tree_line("f built/ioasidctl");
	run_make("install");
	for (i = 0; i < ARRAY_SIZE(files); i++)
		assert_true(root_exists("to/usr/local/%s", files[i]));
	run_make("uninstall");
	for (i = 0; i < ARRAY_SIZE(files); i++)
		assert_false(root_exists("to/usr/local/%s", files[i]));
}

#define COMPLETION SOURCES "/../tools/ioasidctl/completion/ioasidctl"

/* What bash is offered with these words, and bash's own in COMP_WORDS, in the tree. */
static void check_words(const char *words, const char *should)
{
	char command[2048], offered[2048];
	size_t size;
	FILE *f;

	snprintf(command, sizeof(command),
		 "cd '%s' && { sed 's,/sys/,%s&,' '" COMPLETION "'; cat; } <<'END' | bash\n"
		 "__ltrim_colon_completions() { :; }\n"
		 "_command_offset() { COMPREPLY=(\"command $1 of ${#COMP_WORDS[*]}\"); }\n"
		 "_init_completion() { %s; }\n"
		 "_ioasidctl\n"
		 "echo \"${COMPREPLY[*]}\"\n"
		 "END\n",
		 tree_root(), tree_root(), words);
	f = popen(command, "r");
	assert_non_null(f);
	size = fread(offered, 1, sizeof(offered) - 1, f);
	assert_int_equal(pclose(f), 0);
	offered[size] = '\0';
	assert_string_equal(offered, should);
}

/* For the word after "ioasidctl why". */
static void check_completion(const char *word, const char *should)
{
	char words[256];

	snprintf(words, sizeof(words),
		 "cur='%s' words=(x why) cword=2 prev=why COMP_CWORD=2", word);
	check_words(words, should);
}

/* An interface may have any name. It is quoted, and not run. */
static void test_completion(void **state)
{
	char words[256];

	(void)state;
	check_completion("--m", "--memory\n");
	check_completion("0000:0a", "0000:0a:00.0 0000:0a:00.1\n");
	/* The program of "exec" comes after "--", with arguments of its own. */
	snprintf(words, sizeof(words),
		 "cur=4 prev=-m words=(%s) cword=7 COMP_WORDS=(%s) COMP_CWORD=11",
		 "x exec --device 0000:0a:00.0 -- qemu -m 4",
		 "x exec --device 0000 : 0a : 00.0 -- qemu -m 4");
	check_words(words, "command 9 of 12\n");
	tree_line("d sys/class/net/$(touch${IFS}run)/device");
	tree_line("d sys/class/net/*;ls/device");
	check_completion("\\", "\\$\\(touch\\$\\{IFS\\}run\\) \\*\\;ls\n");
	assert_false(root_exists("run"));
}

static int set_up(void **state)
{
	(void)state;
	tree_make("amd-desktop");
	setenv("IOASIDCTL_ROOT", tree_root(), 1);
	return root_init();
}

static int tear_down(void **state)
{
	(void)state;
	tree_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_drivers),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_fuzz_contexts),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_key_file),
		cmocka_unit_test(test_key_id),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_exec_as_root),
		cmocka_unit_test(test_install),
		cmocka_unit_test(test_completion),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
