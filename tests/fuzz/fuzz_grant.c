// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Grants and quota authorities: what decodes encodes to the same bytes. Signed grants: whatever is done to them, nothing but whole
 * signatures of enough members make one good.
 */
#include <string.h>

#include "fuzz.h"
#include "tests/unit/pki.h"

#define MEMBERS 2

static struct pki_oem member[MEMBERS], other;
static struct provpkg_authority authority;

void fuzz_begin(void)
{
	for (size_t i = 0; i < MEMBERS; i++)
		pki_oem_new(&member[i], "member");
	pki_oem_new(&other, "other");
	pki_authority(member, MEMBERS, MEMBERS, &authority);
}

static void read_grant(struct provpkg_view input)
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

static void read_authority(struct provpkg_view input)
{
	struct provpkg_blob again = { 0 };
	struct provpkg_authority read;

	if (provpkg_authority_decode(input, &read))
		return;
	fuzz_accepted();
	FUZZ_MUST(read.threshold && read.threshold <= read.members && read.members <= PROVPKG_MEMBERS_MAX);
	FUZZ_MUST(!provpkg_authority_encode(&read, &again));
	FUZZ_MUST(again.size == input.size && !memcmp(again.data, input.data, input.size));
	provpkg_blob_free(&again);
}

/* What is good for these members was signed by each of them, with both keys. */
static void judge(const struct provpkg_signed *object)
{
	uint32_t signed_by = 0;

	if (provpkg_authority_judge(&authority, PROVPKG_SUITE_HYBRID, object, PKI_NOW, &signed_by))
		return;
	fuzz_accepted();
	FUZZ_MUST(signed_by == 3);
	for (size_t i = 0; i < MEMBERS; i++)
		for (size_t k = 0; k < 2; k++) {
			bool found = false;

			for (size_t at = 0; at < provpkg_signed_count(object); at++)
				found |= !X509_cmp(provpkg_signed_signer(object, at), member[i].signers[k].certificate);
			FUZZ_MUST(found);
		}
}

/* Another signature changes nothing that is there, and makes it nobody's who does not belong to it. */
static void add_signature(struct provpkg_view input, const struct provpkg_signed *object)
{
	struct provpkg_blob more = { 0 };
	struct provpkg_signed *again;

	if (provpkg_sign_add(PROVPKG_CONTENT_GRANT, input, other.signers, 1, &more))
		return;
	FUZZ_MUST(!provpkg_signed_open(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&more), &again));
	FUZZ_MUST(provpkg_signed_count(again) == provpkg_signed_count(object) + 1);
	FUZZ_MUST(provpkg_authority_judge(&authority, PROVPKG_SUITE_HYBRID, again, PKI_NOW, NULL) == PROVCARD_REFUSAL_GRANT_AUTHORITY);
	provpkg_signed_free(again);
	provpkg_blob_free(&more);
}

static void read_signed(struct provpkg_view input)
{
	struct provpkg_signed *object;

	if (provpkg_signed_open(PROVPKG_CONTENT_GRANT, input, &object))
		return;
	judge(object);
	read_grant(provpkg_signed_content(object));
	add_signature(input, object);
	provpkg_signed_free(object);
}

void fuzz_one(struct provpkg_view input)
{
	read_grant(input);
	read_authority(input);
	read_signed(input);
}

static void seed(const char *name, const struct provpkg_grant *grant)
{
	struct provpkg_blob der = { 0 };

	FUZZ_MUST(!provpkg_grant_encode(grant, &der));
	fuzz_seed(name, der.data, der.size);
	provpkg_blob_free(&der);
}

static void seed_signed(const struct provpkg_grant *grant)
{
	struct provpkg_blob der = { 0 }, one = { 0 }, both = { 0 };

	FUZZ_MUST(!provpkg_grant_encode(grant, &der));
	FUZZ_MUST(!provpkg_sign(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&der), member[0].signers, 2, &one));
	FUZZ_MUST(!provpkg_sign_add(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&one), member[1].signers, 2, &both));
	fuzz_seed("signed", both.data, both.size);
	provpkg_blob_free(&der);
	provpkg_blob_free(&one);
	provpkg_blob_free(&both);
}

void fuzz_seeds(void)
{
	const struct provpkg_grant first = { .sequence = 1, .ceiling_good = 10, .ceiling_scrap = 2 };
	struct provpkg_blob der = { 0 };

	seed("first", &first);
	seed("window", &(struct provpkg_grant){ .grant_id = "an id",
						.sequence = 2,
						.ceiling_good = 1000000,
						.window = { 1790000000, 1790086400 },
						.previous = "a digest" });
	seed("end", &(struct provpkg_grant){
			    .sequence = 300, .window = { .not_after = 1790000000 }, .previous = "a digest", .termination = true });
	FUZZ_MUST(!provpkg_authority_encode(&authority, &der));
	fuzz_seed("authority", der.data, der.size);
	provpkg_blob_free(&der);
	seed_signed(&first);
}
