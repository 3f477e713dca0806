// SPDX-License-Identifier: GPL-2.0-only
#include "document.h"
#include "test.h"

void document_block(const char *doc, const char *name, char *block, size_t size)
{
	const char *begin, *end;
	char fence[64];

	snprintf(fence, sizeof(fence), "\n```sh %s\n", name);
	begin = strstr(doc, fence);
	if (!begin)
		fail_test("the document has no commands \"%s\"", name);
	begin += strlen(fence);
	end = strstr(begin, "\n```\n");
	check(end && (size_t)(end - begin) + 2 <= size);
	snprintf(block, size, "%.*s\n", (int)(end - begin), begin);
}
