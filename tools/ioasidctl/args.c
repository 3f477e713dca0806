// SPDX-License-Identifier: GPL-2.0-only
/* What all commands read alike, and the commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "ioasidctl.h"
#include "output.h"
#include "root.h"

/**
 * struct command - one of the program's commands
 * @name: what it is called by
 * @run: does it, and returns what to exit with
 * @arguments: for the line of usage
 * @summary: what it does
 */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *summary;
};

static const struct command commands[] = {
	{ "list", cmd_list, "[DEVICE...]",
	  "devices by IOMMU group, with their drivers and nodes" },
	{ "why", cmd_why, "[--memory SIZE] DEVICE",
	  "can a device be assigned, and if not, what to do" },
	{ "doctor", cmd_doctor, "[--memory SIZE]",
	  "can devices of this host be assigned" },
	{ "bind", cmd_bind,
	  "[--group] [--driver DRIVER] [--persist] [--force] DEVICE...",
	  "give devices to vfio-pci" },
	{ "unbind", cmd_unbind, "[--group] [--force] DEVICE...",
	  "give devices back to the drivers of the host" },
	{ "show", cmd_show, "[PID]",
	  "what programs hold for DMA: devices, page tables, memory" },
	{ "top", cmd_top, "[--delay SECONDS] [--count N]",
	  "the same as a table, again and again" },
	{ "exec", cmd_exec,
	  "--device DEVICE... [--memory SIZE] [--user USER] [--allow-new-privs] -- PROGRAM [ARGUMENT...]",
	  "run a program of a user with devices" },
	{ "explain", cmd_explain, "ERROR [IOCTL] | MESSAGE",
	  "what an error, or a message of the modules, means" },
	{ "report", cmd_report, "[--output FILE]",
	  "everything that a bug report needs" },
};

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void print_usage(FILE *to, const struct command *command)
{
	fprintf(to, "usage: ioasidctl %s [--json] %s\n", command->name,
		command->arguments);
}

static void print_help(FILE *to)
{
	size_t i;

	fputs("usage: ioasidctl [--json] COMMAND [ARGUMENT...]\n\n", to);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-8s %s\n", commands[i].name,
			commands[i].summary);
	fputs("\nA device is 01:00.0, 0000:01:00.0, pci_0000_01_00_0, or an interface, a disk or\n"
	      "a node of VFIO: eth0, nvme0n1, vfio0. See ioasidctl(8).\n",
	      to);
}

/* For options that a command does not know itself. Return: -1 to go on, or the exit code. */
int args_common(int option, const char *command)
{
	switch (option) {
	case OPT_JSON:
		out_json = true;
		return -1;
	case OPT_HELP:
		print_usage(stdout, find_command(command));
		return EXIT_YES;
	default:
		return args_wrong(command);
	}
}

int args_wrong(const char *command)
{
	print_usage(stderr, find_command(command));
	return EXIT_BAD_USAGE;
}

/* Return: 0, or EXIT_NO_DEVICE, and then it has been said. */
int args_device(const char *spec, struct device *dev)
{
	if (!device_resolve(spec, dev))
		return 0;
	say_error("%s: no such PCI device", spec);
	return EXIT_NO_DEVICE;
}

/* Return: -1 to go on, or what to exit with. */
static int parse_global(int argc, char **argv)
{
	static const struct option options[] = {
		{ "version", no_argument, NULL, 'V' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	int option;

	while ((option = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
		switch (option) {
		case OPT_JSON:
			out_json = true;
			break;
		case 'V':
			puts("ioasidctl " VERSION);
			return EXIT_YES;
		case 'h':
		case OPT_HELP:
			print_help(stdout);
			return EXIT_YES;
		default:
			print_help(stderr);
			return EXIT_BAD_USAGE;
		}
	}
	return -1;
}

static int run(int argc, char **argv)
{
	const struct command *command;
	int ret;

	out_init();
	ret = root_init();
	if (ret) {
		say_error("%s: %s", *root_prefix() ? root_prefix() : "/",
			  strerror(-ret));
		return EXIT_FAILED;
	}
	ret = parse_global(argc, argv);
	if (ret >= 0)
		return ret;
	if (optind == argc) {
		print_help(stderr);
		return EXIT_BAD_USAGE;
	}
	command = find_command(argv[optind]);
	if (!command) {
		say_error("there is no command \"%s\"", argv[optind]);
		print_help(stderr);
		return EXIT_BAD_USAGE;
	}
	argc -= optind;
	argv += optind;
	/* Zero, not one: getopt is to begin again. */
	optind = 0;
	return command->run(argc, argv);
}

int ioasidctl(int argc, char **argv)
{
	int ret = run(argc, argv);

	if (ret)
		json_print_errors();
	return ret;
}
