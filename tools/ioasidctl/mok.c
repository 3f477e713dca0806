// SPDX-License-Identifier: GPL-2.0-only
/*
 * The key that DKMS signs modules with: does this machine know it?
 *
 * What mokutil(1) would say is in variables of the firmware that everybody may read: shim
 * leaves a copy of its list of certificates there. This needs neither root nor a program.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mok.h"
#include "root.h"

#define VARIABLES "sys/firmware/efi/efivars"

/* What is enrolled, in one variable or more, and what is to be when the machine starts. */
#define ENROLLED "MokListRT"
#define PENDING "MokNew-"

/* A shorter id may be in a certificate by chance. */
#define ID_MIN 8

/* A file of dkms is a script; the last value counts. */
static void read_config(char *file, size_t size, const char *config)
{
	static const char name[] = "mok_certificate=";
	char *text = root_read_all("%s", config), *next = text, *line;

	while (next && *next) {
		line = strsep(&next, "\n");
		line += strspn(line, " \t");
		if (!str_starts(line, name))
			continue;
		line += strlen(name);
		line += strspn(line, "\"'");
		line[strcspn(line, "\"' \t;#")] = '\0';
		if (*line == '/')
			str_copy(file, size, line);
	}
	free(text);
}

static bool is_ubuntu(void)
{
	char *text = root_read_all("etc/os-release"), *next = text, *line;
	bool is = false;

	while (next && *next) {
		line = strsep(&next, "\n");
		is |= !strcmp(line, "ID=ubuntu") ||
		      !strcmp(line, "ID=\"ubuntu\"");
	}
	free(text);
	return is;
}

/* The one that dkms makes, and Ubuntu's; debian/iommufd-ext-dkms.postinst has them, too. */
static void find_default(char *file, size_t size)
{
	static const char own[] = "/var/lib/dkms/mok.pub";
	static const char ubuntus[] = "/var/lib/shim-signed/mok/MOK.der";

	str_copy(file, size,
		 is_ubuntu() && root_exists("%s", ubuntus + 1) ? ubuntus : own);
}

static bool is_config(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && !strcmp(dot, ".conf");
}

static void find_file(char *file, size_t size)
{
	static const char directory[] = "etc/dkms/framework.conf.d";
	struct strv names = {};
	char config[512];
	size_t i;

	find_default(file, size);
	read_config(file, size, "etc/dkms/framework.conf");
	root_list(&names, directory);
	for (i = 0; i < names.n; i++) {
		if (!is_config(names.s[i]))
			continue;
		snprintf(config, sizeof(config), "%s/%s", directory,
			 names.s[i]);
		read_config(file, size, config);
	}
	strv_free(&names);
}

static bool file_has(const char *name, const struct mok *mok, bool *readable)
{
	size_t size;
	char *data = root_read_data(&size, VARIABLES "/%s", name);
	bool has;

	has = data && memmem(data, size, mok->certificate, mok->size);
	*readable = data;
	free(data);
	return has;
}

/* @readable becomes true if one of the variables can be read. */
static bool variable_has(const char *prefix, const struct mok *mok,
			 bool *readable)
{
	struct strv names = {};
	bool has = false, one = false;
	size_t i;

	root_list(&names, VARIABLES);
	for (i = 0; i < names.n && !has; i++) {
		if (!str_starts(names.s[i], prefix))
			continue;
		has = file_has(names.s[i], mok, &one);
		*readable |= one;
	}
	strv_free(&names);
	return has;
}

static enum mok_state find_state(const struct mok *mok)
{
	bool readable = false, ignored = false;

	if (variable_has(ENROLLED, mok, &readable))
		return MOK_ENROLLED;
	if (variable_has(PENDING, mok, &ignored))
		return MOK_PENDING;
	return readable ? MOK_MISSING : MOK_UNKNOWN;
}

void mok_query(struct mok *mok)
{
	memset(mok, 0, sizeof(*mok));
	find_file(mok->file, sizeof(mok->file));
	mok->certificate = root_read_data(&mok->size, "%s", mok->file + 1);
	if (mok->certificate && mok->size)
		mok->state = find_state(mok);
	else if (!mok->certificate && errno == ENOENT)
		mok->state = MOK_NONE;
}

/* "0A:1B", of several lines if it is long; 0 if it is anything else. */
static size_t parse_id(unsigned char *id, size_t size, const char *text)
{
	size_t n = 0;
	int len;

	for (; *text && n < size; n++) {
		if (sscanf(text, "%2hhx%n", &id[n], &len) != 1)
			return 0;
		text += len;
		text += strspn(text, ":\n\t ");
	}
	return *text ? 0 : n;
}

/*
 * Whether it is the key of this id: the serial number of the certificate, or the id of its
 * subject, which are in it as they are.
 */
bool mok_is(const struct mok *mok, const char *key)
{
	unsigned char id[64];
	size_t size = parse_id(id, sizeof(id), key);

	return mok->certificate && size >= ID_MIN &&
	       memmem(mok->certificate, mok->size, id, size);
}

void mok_free(struct mok *mok)
{
	free(mok->certificate);
}
