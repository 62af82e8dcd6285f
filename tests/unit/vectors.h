/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test vectors made by others, from the folder that PROVCARD_VECTORS names. Without it a test says SKIP: vectors_need().
 */
#ifndef TEST_VECTORS_H
#define TEST_VECTORS_H

#include <stdbool.h>
#include <stddef.h>

#include "provpkg/types.h"

/* Ends the test as skipped when the folder has no @path. */
void vectors_need(const char *path);
/* The whole file; and one of hexadecimal text, as bytes. An empty view when it is missing. */
struct provpkg_blob vectors_read(const char *path);
struct provpkg_blob vectors_hex(const char *path);

/* A Wycheproof file, read test by test. */
struct vectors_case {
	const char *begin; /* text of this test's JSON object */
	const char *end;
};

bool vectors_next(const struct provpkg_blob *file, struct vectors_case *test); /* zero-initialise before the first */
/* A member of the test: its hexadecimal string as bytes; whether its string equals @value; its number. */
struct provpkg_blob vectors_bytes(const struct vectors_case *test, const char *member);
bool vectors_is(const struct vectors_case *test, const char *member, const char *value);
long vectors_number(const struct vectors_case *test, const char *member);

#endif
