// SPDX-License-Identifier: LGPL-2.1-or-later
/* The suites. Another one is another row. */
#include "provpkg/types.h"
#include "suite.h"

static const struct provpkg_suite suites[] = {
	{ PROVPKG_SUITE_HYBRID, 2, { "P-384", "ML-DSA-65" }, "P-384", "ML-KEM-768", "ML-DSA" },
};

const struct provpkg_suite *provpkg_suite_find(unsigned int id)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}
