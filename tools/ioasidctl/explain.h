/* SPDX-License-Identifier: GPL-2.0-only */
/* What a sentence of the modules, or an error number, means. */
#ifndef IOASIDCTL_EXPLAIN_H
#define IOASIDCTL_EXPLAIN_H

const char *explain_message(const char *text);
const char *explain_error(int error, const char *call);

#endif
