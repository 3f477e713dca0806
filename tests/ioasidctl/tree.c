// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees of sysfs, procfs and others in text, unfolded for a test. A line is
 *
 *	c DIR			what follows is below DIR; without DIR: below the root
 *	d PATH			a directory
 *	l PATH -> TARGET	a link
 *	f PATH CONTENT		a file; \n, \t, \e and \\ in CONTENT; a newline comes at the end
 *	m PATH KEY=VALUE...	a kernel module with this information; signer=NAME signs it, with
 *				a key whose id is the bytes of sig_key=TEXT
 *	# ...			a comment
 *
 * Directories on the way are made.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tree.h"

extern char **environ;

static char root[64];
static char below[1024];

static void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "tree: %s: %s\n", what, strerror(errno));
	abort();
}

const char *tree_root(void)
{
	return root;
}

static void full_path(char path[PATH_MAX], const char *relative)
{
	int len = snprintf(path, PATH_MAX, "%s/%s%s%s", root, below,
			   *below ? "/" : "", relative);

	if (len < 0 || len >= PATH_MAX)
		give_up(relative);
}

static void make_parents(const char *path)
{
	char part[PATH_MAX];
	char *slash;

	snprintf(part, sizeof(part), "%s", path);
	for (slash = part + strlen(root) + 1; (slash = strchr(slash, '/'));
	     slash++) {
		*slash = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			give_up(part);
		*slash = '/';
	}
}

static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s != '\\' || !s[1]) {
			*to++ = *s;
			continue;
		}
		s++;
		*to++ = *s == 'n' ? '\n' : *s == 't' ? '\t' :
			*s == 'e' ? '\033' : *s;
	}
	*to = '\0';
}

static void make_file(const char *path, char *content)
{
	FILE *f = fopen(path, "w");

	if (!f)
		give_up(path);
	if (content) {
		unescape(content);
		fprintf(f, "%s\n", content);
	}
	fclose(f);
}

/* --- modules ------------------------------------------------------------------- */

static const char section_names[] = "\0.modinfo\0.shstrtab";

/* As much of an object file as libkmod and depmod look at. */
static void write_object(FILE *f, const char *info, size_t size)
{
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_REL,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(header),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 3,
		.e_shstrndx = 2,
	};
	Elf64_Shdr sections[3] = {
		[1] = { .sh_name = 1, .sh_type = SHT_PROGBITS },
		[2] = { .sh_name = 10, .sh_type = SHT_STRTAB },
	};

	sections[1].sh_offset = sizeof(header);
	sections[1].sh_size = size;
	sections[2].sh_offset = sections[1].sh_offset + size;
	sections[2].sh_size = sizeof(section_names);
	header.e_shoff = (sections[2].sh_offset + sizeof(section_names) + 7) &
			 ~7ull;
	fwrite(&header, sizeof(header), 1, f);
	fwrite(info, size, 1, f);
	fwrite(section_names, sizeof(section_names), 1, f);
	while ((size_t)ftell(f) < header.e_shoff)
		putc(0, f);
	fwrite(sections, sizeof(sections), 1, f);
}

/* struct module_signature of the kernel, with a key that is named in the clear. */
static void write_signature(FILE *f, const char *signer, const char *key)
{
	unsigned char signature[12] = { 0, 4, 1, strlen(signer), strlen(key) };

	signature[11] = 1;
	fprintf(f, "%s%sS", signer, key);
	fwrite(signature, sizeof(signature), 1, f);
	fputs("~Module signature appended~\n", f);
}

static void make_module(const char *path, char *keys)
{
	const char *signer = NULL, *sig_key = "k";
	char info[512], *key;
	size_t size = 0;
	FILE *f;

	while (keys && (key = strsep(&keys, " "))) {
		if (!strncmp(key, "signer=", 7)) {
			signer = key + 7;
			continue;
		}
		if (!strncmp(key, "sig_key=", 8)) {
			sig_key = key + 8;
			continue;
		}
		strcpy(info + size, key);
		size += strlen(key) + 1;
	}
	f = fopen(path, "w");
	if (!f)
		give_up(path);
	write_object(f, info, size);
	if (signer)
		write_signature(f, signer, sig_key);
	fclose(f);
}

/* The index that libkmod looks modules up in. */
static void run_depmod(void)
{
	char *argv[5] = { "depmod", "-b", root };
	char path[PATH_MAX], release[128] = "";
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/sys/kernel/osrelease", root);
	f = fopen(path, "r");
	if (!f)
		return;
	if (!fgets(release, sizeof(release), f))
		release[0] = '\0';
	fclose(f);
	release[strcspn(release, "\n")] = '\0';
	snprintf(path, sizeof(path), "%s/lib/modules/%s", root, release);
	if (!*release || access(path, F_OK))
		return;

	argv[3] = release;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
	if (posix_spawnp(&pid, "depmod", &actions, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid || status)
		give_up("depmod");
	posix_spawn_file_actions_destroy(&actions);
}

/* --- lines --------------------------------------------------------------------- */

void tree_line(const char *text)
{
	char line[16384], path[PATH_MAX];
	char *name, *rest;

	snprintf(line, sizeof(line), "%s", text);
	line[strcspn(line, "\n")] = '\0';
	if (!*line || *line == '#')
		return;
	name = line[1] ? line + 2 : line + 1;
	if (*line == 'c') {
		if (strlen(name) >= sizeof(below))
			give_up(name);
		strcpy(below, name);
		return;
	}
	rest = strstr(name, *line == 'l' ? " -> " : " ");
	if (rest) {
		*rest = '\0';
		rest += *line == 'l' ? 4 : 1;
	}
	full_path(path, name);
	make_parents(path);
	switch (*line) {
	case 'd':
		if (mkdir(path, 0755) && errno != EEXIST)
			give_up(path);
		break;
	case 'l':
		unlink(path);
		if (!rest || symlink(rest, path))
			give_up(path);
		break;
	case 'f':
		make_file(path, rest);
		break;
	case 'm':
		make_module(path, rest);
		break;
	default:
		give_up(text);
	}
}

void tree_make(const char *name)
{
	char line[16384];
	FILE *f;

	strcpy(root, "/tmp/ioasidctl-test-XXXXXX");
	/* "exec" runs programs as others, who are to find what is in it. */
	if (!mkdtemp(root) || chmod(root, 0755))
		give_up(root);
	below[0] = '\0';
	snprintf(line, sizeof(line), "%s/trees/%s.tree", TESTS, name);
	f = fopen(line, "r");
	if (!f)
		give_up(line);
	while (fgets(line, sizeof(line), f))
		tree_line(line);
	fclose(f);
	below[0] = '\0';
}

void tree_done(void)
{
	below[0] = '\0';
	run_depmod();
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_all(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void tree_delete(const char *name)
{
	char path[PATH_MAX];

	full_path(path, name);
	if (remove_all(path))
		give_up(path);
}

void tree_remove(void)
{
	if (*root && remove_all(root))
		give_up(root);
	*root = '\0';
}
