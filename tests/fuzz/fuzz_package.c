// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packages: the header, the manifest as anyone may make it, and manifests that an enrolled but hostile OEM signed, through every
 * step of the card's order that needs no payload.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "tests/unit/parcel.h"

enum { HEADER, WHOLE, CONTENT, CONTENT_SECOND, KINDS };

static struct parcel parcel, second; /* of suite 1 and 2; they have nobody in common */

void fuzz_begin(void)
{
	parcel_new(&parcel, 4096);
	parcel_pack(&parcel);
	parcel_new(&second, 4096);
	parcel_suite(&second, PROVPKG_SUITE_CNSA2);
	parcel_pack(&second);
}

static void read_header(struct provpkg_view input)
{
	uint8_t header[PROVPKG_HEADER_SIZE] = { 0 }, again[PROVPKG_HEADER_SIZE];
	uint64_t file_size = fuzz_u64(&input);
	struct provpkg_layout layout;
	bool whole = fuzz_u8(&input) % 2;

	if (whole && input.size <= sizeof(header) && input.size)
		memcpy(header, input.data, input.size);
	if (provpkg_layout_decode(whole ? (struct provpkg_view){ header, sizeof(header) } : input, file_size, &layout))
		return;
	fuzz_accepted();
	FUZZ_MUST(layout.payload.offset <= file_size && layout.payload.size <= file_size - layout.payload.offset);
	FUZZ_MUST(layout.leaves.size / PROVPKG_HASH_SIZE >= layout.payload.size / PROVPKG_SEGMENT_SIZE);
	FUZZ_MUST(!provpkg_layout_encode(&layout, again) && !memcmp(again, whole ? header : input.data, sizeof(again)));
}

/* Everything that the card does with a manifest whose signatures are good. */
static void use(struct provpkg_manifest *manifest)
{
	const struct provpkg_manifest_fields *fields = provpkg_manifest_fields(manifest);
	uint8_t key[PROVPKG_KEY_SIZE];
	const struct provpkg_grant *grant;
	struct provpkg_payload *payload;
	const struct parcel *own = fields->suite == PROVPKG_SUITE_CNSA2 ? &second : &parcel;
	const uint8_t *card_id = own->cards[0].card.card_id;

	FUZZ_MUST(fields->recipients && fields->grants <= (fields->authority ? 0 : fields->recipients));
	FUZZ_MUST(provpkg_approvals_valid(fields->approval, fields->approvals));
	FUZZ_MUST(!fields->authority || provpkg_authority_valid(fields->authority, fields->suite));
	FUZZ_MUST(memchr(fields->product, 0, sizeof(fields->product)));
	FUZZ_MUST(parcel_key(own, manifest, 0, key) == -EINVAL);
	if (provpkg_manifest_trust(manifest, own->oem.anchors, PKI_NOW))
		return;
	if (!provpkg_manifest_grant(manifest, card_id, &grant))
		FUZZ_MUST(!memcmp(grant->card_id, card_id, PROVPKG_CARD_ID_SIZE));
	(void)!provpkg_manifest_leaves(manifest, provpkg_blob_view(&own->leaves));
	if (parcel_key(own, manifest, 0, key))
		return;
	if (!provpkg_payload_new(manifest, key, &payload)) {
		fuzz_accepted();
		provpkg_payload_free(payload);
	}
}

static void read_manifest(struct provpkg_view cms)
{
	struct provpkg_manifest *manifest;

	if (provpkg_manifest_open(cms, &manifest))
		return;
	use(manifest);
	provpkg_manifest_free(manifest);
}

static void sign_by(const struct parcel *own, struct provpkg_view content)
{
	struct provpkg_blob cms = { 0 };

	if (!content.size) /* cannot be signed */
		return;
	FUZZ_MUST(!provpkg_sign(PROVPKG_CONTENT_MANIFEST, content, own->build.signers, own->build.signer_count, &cms));
	read_manifest(provpkg_blob_view(&cms));
	provpkg_blob_free(&cms);
}

static void sign_content(struct provpkg_view content)
{
	sign_by(&parcel, content);
}

static void sign_content_second(struct provpkg_view content)
{
	sign_by(&second, content);
}

void fuzz_one(struct provpkg_view input)
{
	static void (*const kinds[KINDS])(struct provpkg_view) = { read_header, read_manifest, sign_content, sign_content_second };

	kinds[fuzz_u8(&input) % KINDS](input);
}

static void seed(const char *name, uint8_t kind, struct provpkg_view bytes)
{
	struct fuzz_writer out = { .size = 0 };

	fuzz_put_u8(&out, kind);
	if (kind == HEADER) {
		fuzz_put_u64(&out, 1u << 20);
		fuzz_put_u8(&out, 1);
	}
	fuzz_put(&out, bytes.data, bytes.size);
	fuzz_seed(name, out.data, out.size);
}

/* The content of @parcel's manifest. */
static void seed_content(const char *name, uint8_t kind, const struct parcel *from)
{
	struct provpkg_signed *object;

	FUZZ_MUST(!provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&from->manifest), &object));
	seed(name, kind, provpkg_signed_content(object));
	provpkg_signed_free(object);
}

/* One with a quota authority and approvals. */
static void seed_demands(void)
{
	static const struct provpkg_approval approval = { PROVPKG_OPERATION_CLOSE, PROVPKG_ROLE_AUDITOR, 2 };
	struct provpkg_authority authority;
	struct parcel demanding;

	parcel_new(&demanding, 4096);
	pki_authority(&demanding.oem, 1, 1, &authority);
	demanding.build.authority = &authority;
	demanding.build.approvals = &approval;
	demanding.build.approval_count = 1;
	for (size_t i = 0; i < PARCEL_CARDS; i++)
		demanding.recipients[i].ceiling_good = demanding.recipients[i].ceiling_scrap = 0;
	parcel_pack(&demanding);
	seed_content("demands", CONTENT, &demanding);
	parcel_free(&demanding);
}

void fuzz_seeds(void)
{
	const struct provpkg_layout layout = { { 4096, 100 }, { 8192, 32 }, { 12288, (1u << 20) - 12288 } };
	uint8_t header[PROVPKG_HEADER_SIZE];

	FUZZ_MUST(!provpkg_layout_encode(&layout, header));
	seed("header", HEADER, (struct provpkg_view){ header, 128 });
	seed("manifest", WHOLE, provpkg_blob_view(&parcel.manifest));
	seed_content("content", CONTENT, &parcel);
	seed("manifest-second", WHOLE, provpkg_blob_view(&second.manifest));
	seed_content("content-second", CONTENT_SECOND, &second);
	seed_demands();
}
