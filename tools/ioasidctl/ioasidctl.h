/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands, and what they exit with. */
#ifndef IOASIDCTL_H
#define IOASIDCTL_H

/* Documented in ioasidctl(8): scripts depend on them. */
enum {
	EXIT_YES = 0,
	EXIT_NO = 1,
	EXIT_BAD_USAGE = 2,
	EXIT_NO_DEVICE = 3,
	EXIT_NOT_PERMITTED = 4,
	EXIT_FAILED = 5,
};

int ioasidctl(int argc, char **argv);

int cmd_list(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_bind(int argc, char **argv);
int cmd_unbind(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_report(int argc, char **argv);

#endif
