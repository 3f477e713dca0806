/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of documents, as they stand there: scripts/commands says which test runs which. */
#ifndef TEST_DOCUMENT_H
#define TEST_DOCUMENT_H

#include <stddef.h>

/* A program that reads a document has it in itself, with a 0 at its end. */
#define DOCUMENT(symbol, path)                                   \
	asm(".pushsection .rodata; " #symbol ": .incbin \"" path \
	    "\"; .byte 0; .popsection")

extern const char packages_doc[];
extern const char readme_doc[];
extern const char tracing_doc[];

/* The block that begins with "```sh NAME"; a test fails without it. */
void document_block(const char *doc, const char *name, char *block,
		    size_t size);

#endif
