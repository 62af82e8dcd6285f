// SPDX-License-Identifier: GPL-2.0-or-later
/* Evidence: what decodes encodes to the same bytes; judging it never leaves what it says. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "provcard-refusal.h"
#include "provpkg/evidence.h"

static struct provpkg_evidence evidence;

void fuzz_begin(void)
{
}

void fuzz_one(struct provpkg_view input)
{
	const struct provpkg_evidence_demands demands = { .nonce = evidence.nonce, .firmware_digest = evidence.firmware_digest,
							  .now = INT64_MAX, .max_age = 1 };
	struct provpkg_blob again = { 0 };
	int verdict;

	if (provpkg_evidence_decode(input, &evidence))
		return;
	fuzz_accepted();
	FUZZ_MUST(evidence.keys <= PROVPKG_EVIDENCE_KEYS_MAX && evidence.time >= 0);
	FUZZ_MUST(memchr(evidence.serial, 0, sizeof(evidence.serial)) && memchr(evidence.firmware, 0, sizeof(evidence.firmware)));
	for (size_t i = 0; i < evidence.keys; i++)
		FUZZ_MUST(provpkg_key_role_name(evidence.key[i].role) && evidence.key[i].algorithm[0]);
	FUZZ_MUST(!provpkg_evidence_encode(&evidence, &again));
	FUZZ_MUST(again.size == input.size && !memcmp(again.data, input.data, input.size));
	provpkg_blob_free(&again);
	verdict = provpkg_evidence_judge(&evidence, NULL, &demands);
	FUZZ_MUST(!verdict || verdict == PROVCARD_REFUSAL_EVIDENCE_STALE);
}

static void seed(const char *name)
{
	struct provpkg_blob der = { 0 };

	FUZZ_MUST(!provpkg_evidence_encode(&evidence, &der));
	fuzz_seed(name, der.data, der.size);
	provpkg_blob_free(&der);
}

void fuzz_seeds(void)
{
	evidence = (struct provpkg_evidence){ .serial = "PC-0001", .firmware = "1.0", .state = 2, .boots = 3, .time = 1790000000 };
	seed("no-keys");
	for (; evidence.keys < PROVPKG_KEY_ISSUING; evidence.keys++) {
		struct provpkg_evidence_key *key = &evidence.key[evidence.keys];

		key->role = (enum provpkg_key_role)(evidence.keys + 1);
		snprintf(key->algorithm, sizeof(key->algorithm), "ML-DSA-87");
		memset(key->digest, (int)evidence.keys, sizeof(key->digest));
	}
	snprintf(evidence.key[evidence.keys - 1].owner, sizeof(evidence.key[0].owner), "Example Devices");
	evidence.time_authenticated = true;
	evidence.good = 1ull << 40;
	seed("keys");
}
