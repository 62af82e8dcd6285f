// SPDX-License-Identifier: GPL-2.0-or-later
/* Grants: what decodes encodes to the same bytes. */
#include <string.h>

#include "fuzz.h"
#include "provpkg/grant.h"

void fuzz_begin(void)
{
}

void fuzz_one(struct provpkg_view input)
{
	struct provpkg_blob again = { 0 };
	struct provpkg_grant grant;

	if (provpkg_grant_decode(input, &grant))
		return;
	fuzz_accepted();
	FUZZ_MUST(!provpkg_grant_encode(&grant, &again));
	FUZZ_MUST(again.size == input.size && !memcmp(again.data, input.data, input.size));
	provpkg_blob_free(&again);
}

static void seed(const char *name, const struct provpkg_grant *grant)
{
	struct provpkg_blob der = { 0 };

	FUZZ_MUST(!provpkg_grant_encode(grant, &der));
	fuzz_seed(name, der.data, der.size);
	provpkg_blob_free(&der);
}

void fuzz_seeds(void)
{
	seed("first", &(struct provpkg_grant){ .sequence = 1, .ceiling_good = 10, .ceiling_scrap = 2 });
	seed("window", &(struct provpkg_grant){ .grant_id = "an id",
						.sequence = 2,
						.ceiling_good = 1000000,
						.window = { 1790000000, 1790086400 },
						.previous = "a digest" });
	seed("end", &(struct provpkg_grant){
			    .sequence = 300, .window = { .not_after = 1790000000 }, .previous = "a digest", .termination = true });
}
