// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What stands inside the encryption, as an enrolled but hostile OEM can make it: contents against a manifest, the RoT
 * configuration alone, and the payload's segments.
 */
#include <string.h>

#include "fuzz.h"
#include "lib/provpkg/contents_form.h"
#include "tests/unit/parcel.h"

enum { CONTENTS_DER, ROT, SEGMENT, KINDS };

static struct parcel parcel;
static struct provpkg_manifest *manifest;
static struct provpkg_payload *payload;

void fuzz_begin(void)
{
	uint8_t key[PROVPKG_KEY_SIZE];

	parcel_new(&parcel, 4096);
	parcel_pack(&parcel);
	FUZZ_MUST(!parcel_open(&parcel, &manifest) && !parcel_key(&parcel, manifest, 0, key));
	FUZZ_MUST(!provpkg_payload_new(manifest, key, &payload));
}

static bool is_text(const char *text, size_t room)
{
	return memchr(text, 0, room);
}

static void check_rot(const struct provpkg_rot *rot)
{
	char detail[64];

	FUZZ_MUST(rot->images <= PROVPKG_IMAGES_MAX && rot->lifecycles <= PROVPKG_LIFECYCLE_MAX);
	FUZZ_MUST(is_text(rot->part, sizeof(rot->part)));
	for (size_t i = 0; i < rot->images; i++)
		FUZZ_MUST(is_text(rot->image[i].name, sizeof(rot->image[i].name)));
	if (!provpkg_rot_check(rot, detail, sizeof(detail)))
		fuzz_accepted();
}

static void decode_rot(struct provpkg_view der)
{
	struct provpkg_blob again = { 0 };
	struct provpkg_rot rot;

	if (provpkg_rot_decode(der, &rot))
		return;
	check_rot(&rot);
	FUZZ_MUST(!provpkg_rot_encode(&rot, &again));
	FUZZ_MUST(again.size == der.size && !memcmp(again.data, der.data, der.size));
	provpkg_blob_free(&again);
}

/* With the fill that a package has behind the contents. */
static void decode_contents(struct provpkg_view der)
{
	static uint8_t plain[256u << 10];
	struct provpkg_contents contents;
	uint64_t until = provpkg_image_area(der.size);

	if (until > sizeof(plain))
		return;
	memset(plain, 0, (size_t)until);
	memcpy(plain, der.data, der.size);
	if (provpkg_contents_decode(manifest, (struct provpkg_view){ plain, (size_t)until }, &contents))
		return;
	check_rot(&contents.rot);
	provpkg_contents_clear(&contents);
}

/* A segment whose leaf is right: what is left is the cipher's tag. */
static void open_segment(struct provpkg_view cipher)
{
	static uint8_t plain[PROVPKG_SEGMENT_SIZE];
	uint8_t leaf[PROVPKG_HASH_SIZE];
	uint64_t index = fuzz_u8(&cipher);
	size_t size = 0;

	if (cipher.size > sizeof(plain) || EVP_Digest(cipher.data, cipher.size, leaf, NULL, EVP_sha256(), NULL) != 1)
		return;
	if (provpkg_payload_segment(payload, index, leaf, cipher, plain, &size))
		return;
	fuzz_accepted();
	FUZZ_MUST(!index && cipher.size == parcel.payload.size && !memcmp(cipher.data, parcel.payload.data, cipher.size));
}

void fuzz_one(struct provpkg_view input)
{
	static void (*const kinds[KINDS])(struct provpkg_view) = { decode_contents, decode_rot, open_segment };

	kinds[fuzz_u8(&input) % KINDS](input);
}

static void seed(const char *name, uint8_t kind, const void *data, size_t size)
{
	struct fuzz_writer out = { .size = 0 };

	fuzz_put_u8(&out, kind);
	if (kind == SEGMENT)
		fuzz_put_u8(&out, 0);
	fuzz_put(&out, data, size);
	fuzz_seed(name, out.data, out.size);
}

static void seed_rot(const char *name, const struct provpkg_rot *rot)
{
	struct provpkg_blob der = { 0 };

	FUZZ_MUST(!provpkg_rot_encode(rot, &der));
	seed(name, ROT, der.data, der.size);
	provpkg_blob_free(&der);
}

void fuzz_seeds(void)
{
	static uint8_t plain[PROVPKG_SEGMENT_SIZE];
	uint8_t leaf[PROVPKG_HASH_SIZE];
	struct provpkg_rot rot = parcel.rot;
	size_t size, whole;

	FUZZ_MUST(EVP_Digest(parcel.payload.data, parcel.payload.size, leaf, NULL, EVP_sha256(), NULL) == 1);
	FUZZ_MUST(!provpkg_payload_segment(payload, 0, leaf, provpkg_blob_view(&parcel.payload), plain, &whole));
	/* Contents: a SEQUENCE of more than 255 bytes. */
	size = 4 + ((size_t)plain[2] << 8 | plain[3]);
	FUZZ_MUST(plain[0] == 0x30 && plain[1] == 0x82 && size < whole);
	seed("contents", CONTENTS_DER, plain, size);
	seed("segment", SEGMENT, parcel.payload.data, parcel.payload.size);
	seed_rot("rot", &rot);
	rot.identity.present = false;
	rot.lifecycles = 0;
	rot.lock = PROVPKG_LOCK_NONE;
	seed_rot("rot-bare", &rot);
	rot.images = 2;
	rot.image[1] = rot.image[0];
	rot.image[1].address = 0x8000;
	memcpy(rot.image[1].name, "second", 7);
	rot.responder_timeout_us = 1000;
	seed_rot("rot-two", &rot);
}
