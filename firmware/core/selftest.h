/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Power-on self-test: a known answer for every algorithm that the card uses. */
#ifndef CORE_SELFTEST_H
#define CORE_SELFTEST_H

#include <stddef.h>
#include <stdint.h>

/* One algorithm. The answer stands apart from the code, so that a test can hand in a wrong one. */
struct selftest {
	const char *name;
	int (*run)(const struct selftest *test); /* 0 when right */
	const uint8_t *expected;
	size_t expected_size;
	const char *covers; /* names by which libcrypto is asked for what this tests */
};

/* The card's own, *count of them. */
const struct selftest *selftest_all(size_t *count);
/* The first that fails, NULL when all are right. */
const struct selftest *selftest_run(const struct selftest *tests, size_t count);

#endif
