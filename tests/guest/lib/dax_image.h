/* SPDX-License-Identifier: GPL-2.0-only */
/* A file system that is part of the program: see pin_test.c. */
#ifndef TEST_DAX_IMAGE_H
#define TEST_DAX_IMAGE_H

extern const char dax_image[], dax_image_end[];

#endif
