// SPDX-License-Identifier: LGPL-2.1-or-later
/* Making a package: everything is fixed before the first segment but the tree's root, which the signature waits for. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "builder.h"
#include "crypto.h"
#include "der.h"
#include "provcard-refusal.h"

/* What a SignerInfo and the frame around all of them take beside signature and certificates, generously. */
#define SIGNER_ROOM 1024
#define FRAME_ROOM 1024

struct provpkg_builder {
	struct provpkg_build build; /* borrowed */
	MANIFEST *form;
	struct provpkg_layout layout;
	uint64_t manifest_room;
	struct provpkg_blob contents; /* with the fill behind it */
	struct provpkg_floe *floe;
	EVP_MD *sha256;
	uint64_t segments;
	uint64_t plain_size;
	struct provpkg_blob leaves;
	atomic_uchar *begun; /* per segment */
	atomic_uint_fast64_t done;
};

void provpkg_builder_free(struct provpkg_builder *builder)
{
	if (!builder)
		return;
	ASN1_item_free((ASN1_VALUE *)builder->form, ASN1_ITEM_rptr(MANIFEST));
	provpkg_blob_free(&builder->contents);
	provpkg_floe_free(builder->floe);
	EVP_MD_free(builder->sha256);
	provpkg_blob_free(&builder->leaves);
	OPENSSL_free(builder->begun);
	OPENSSL_free(builder);
}

static uint64_t aligned(uint64_t size)
{
	return (size + PROVPKG_ALIGNMENT - 1) / PROVPKG_ALIGNMENT * PROVPKG_ALIGNMENT;
}

/* Room for the signed manifest: its content is known to the byte, signatures vary a little. */
static int reserve_manifest(struct provpkg_builder *builder)
{
	struct provpkg_blob der = { 0 };
	uint64_t room = FRAME_ROOM;
	int result = provpkg_der_encode(builder->form, ASN1_ITEM_rptr(MANIFEST), &der);

	if (result)
		return result;
	room += der.size;
	provpkg_blob_free(&der);
	for (size_t i = 0; i < builder->build.signer_count; i++) {
		const struct provpkg_signer *signer = &builder->build.signers[i];

		room += SIGNER_ROOM + (uint64_t)EVP_PKEY_get_size(signer->key) + (uint64_t)i2d_X509(signer->certificate, NULL);
		for (int k = 0; k < sk_X509_num(signer->chain); k++)
			room += (uint64_t)i2d_X509(sk_X509_value(signer->chain, k), NULL);
	}
	builder->manifest_room = aligned(room);
	return builder->manifest_room > PROVPKG_MANIFEST_MAX ? -E2BIG : 0;
}

static int lay_out(struct provpkg_builder *builder)
{
	struct provpkg_layout *layout = &builder->layout;
	int result = reserve_manifest(builder);

	if (result)
		return result;
	layout->manifest = (struct provpkg_section){ PROVPKG_HEADER_SIZE, builder->manifest_room };
	layout->leaves = (struct provpkg_section){ layout->manifest.offset + builder->manifest_room, builder->leaves.size };
	layout->payload.offset = aligned(layout->leaves.offset + builder->leaves.size);
	layout->payload.size = builder->form->core->payload_size;
	return 0;
}

static int begin_payload(struct provpkg_builder *builder, const uint8_t key[PROVPKG_KEY_SIZE])
{
	uint8_t aad[PROVPKG_PAYLOAD_AAD_SIZE], iv[PROVPKG_FLOE_IV_SIZE], header[PROVPKG_FLOE_HEADER_SIZE];
	int result;

	if (RAND_bytes(iv, sizeof(iv)) != 1)
		return -EIO;
	provpkg_payload_aad(builder->form->core, aad);
	result = provpkg_floe_new(&provpkg_payload_parameters, key, (struct provpkg_view){ aad, sizeof(aad) }, iv, header,
				  &builder->floe);
	if (result)
		return result;
	return provpkg_octets_set(builder->form->payload_header, header, sizeof(header)) ? 0 : -ENOMEM;
}

/* Draw the shares, seal them, derive the job key from them. */
static int begin_keys(struct provpkg_builder *builder)
{
	size_t size = provpkg_suite_find(builder->build.suite)->shares * PROVPKG_SHARE_SIZE;
	uint8_t shares[PROVPKG_SHARES_MAX * PROVPKG_SHARE_SIZE], key[PROVPKG_KEY_SIZE];
	int result = RAND_priv_bytes(shares, (int)size) == 1 ? 0 : -EIO;

	if (!result)
		result = provpkg_build_envelopes(&builder->build, shares, builder->form);
	if (!result)
		result = provpkg_job_key(builder->form->core, (struct provpkg_view){ shares, size }, key);
	if (!result)
		result = begin_payload(builder, key);
	OPENSSL_cleanse(shares, sizeof(shares));
	OPENSSL_cleanse(key, sizeof(key));
	return result;
}

static int begin_segments(struct provpkg_builder *builder)
{
	int result;

	builder->plain_size = builder->contents.size + builder->build.image_size;
	builder->segments = provpkg_segment_count(builder->plain_size);
	builder->begun = OPENSSL_zalloc(builder->segments);
	builder->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	result = provpkg_blob_new(builder->segments * PROVPKG_HASH_SIZE, &builder->leaves);
	if (result)
		return result;
	return builder->begun && builder->sha256 ? 0 : -ENOMEM;
}

static int begin(struct provpkg_builder *builder)
{
	static const uint8_t no_root[PROVPKG_HASH_SIZE];
	int result = provpkg_build_check(&builder->build);

	if (!result)
		result = provpkg_build_contents(&builder->build, &builder->contents);
	if (!result && builder->build.image_size > INT64_MAX / 2)
		result = -E2BIG;
	if (!result)
		result = begin_segments(builder);
	if (!result)
		result = provpkg_build_form(&builder->build, builder->plain_size, &builder->form);
	if (!result)
		result = begin_keys(builder);
	if (!result && !provpkg_octets_set(builder->form->payload_root, no_root, sizeof(no_root)))
		result = -ENOMEM;
	return result ? result : lay_out(builder);
}

int provpkg_builder_new(const struct provpkg_build *build, struct provpkg_builder **builder)
{
	struct provpkg_builder *made = OPENSSL_zalloc(sizeof(*made));
	int result;

	if (!made)
		return -ENOMEM;
	made->build = *build;
	ERR_set_mark();
	result = begin(made);
	ERR_pop_to_mark();
	if (result)
		provpkg_builder_free(made);
	else
		*builder = made;
	return result;
}

const uint8_t *provpkg_builder_package_id(const struct provpkg_builder *builder)
{
	return ASN1_STRING_get0_data(builder->form->core->package_id);
}

const struct provpkg_layout *provpkg_builder_layout(const struct provpkg_builder *builder)
{
	return &builder->layout;
}

uint64_t provpkg_builder_segments(const struct provpkg_builder *builder)
{
	return builder->segments;
}

/* Segment @index of the plaintext as a part of the contents and a part of the image area. */
static void divide(const struct provpkg_builder *builder, uint64_t index, struct provpkg_view *contents, uint64_t *image_offset,
		   size_t *image_size)
{
	uint64_t begin = index * PROVPKG_SEGMENT_PLAIN, left = builder->plain_size - begin;
	size_t size = left < PROVPKG_SEGMENT_PLAIN ? (size_t)left : PROVPKG_SEGMENT_PLAIN;
	size_t before = begin < builder->contents.size ? (size_t)(builder->contents.size - begin) : 0;

	if (before > size)
		before = size;
	*contents = (struct provpkg_view){ builder->contents.data + (before ? begin : 0), before };
	*image_offset = begin + before > builder->contents.size ? begin + before - builder->contents.size : 0;
	*image_size = size - before;
}

void provpkg_builder_need(const struct provpkg_builder *builder, uint64_t index, uint64_t *image_offset, size_t *image_size)
{
	struct provpkg_view contents;

	*image_offset = 0;
	*image_size = 0;
	if (index < builder->segments)
		divide(builder, index, &contents, image_offset, image_size);
}

/* The images' digests are known when their bytes have passed, which may be after the builder was made. */
static int refresh_contents(struct provpkg_builder *builder)
{
	struct provpkg_blob contents = { 0 };
	int result = provpkg_build_contents(&builder->build, &contents);

	if (!result && contents.size != builder->contents.size)
		result = -EINVAL;
	if (!result)
		memcpy(builder->contents.data, contents.data, contents.size);
	provpkg_blob_free(&contents);
	return result;
}

int provpkg_builder_segment(struct provpkg_builder *builder, uint64_t index, struct provpkg_view image, uint8_t *out, size_t *out_size)
{
	struct provpkg_floe_segment segment = { index, index + 1 == builder->segments };
	uint8_t nonce[PROVPKG_FLOE_NONCE_SIZE];
	struct provpkg_view pieces[2], cipher;
	uint64_t image_offset;
	size_t image_size;
	int result;

	if (index >= builder->segments)
		return -EINVAL;
	provpkg_builder_need(builder, index, &image_offset, &image_size);
	if (image.size != image_size || atomic_exchange(&builder->begun[index], 1))
		return -EINVAL;
	result = index ? 0 : refresh_contents(builder);
	if (result)
		return result;
	divide(builder, index, &pieces[0], &image_offset, &image_size);
	if (RAND_bytes(nonce, sizeof(nonce)) != 1)
		return -EIO;
	pieces[1] = image;
	cipher.data = out;
	result = provpkg_floe_seal(builder->floe, segment, nonce, pieces, 2, out, &cipher.size);
	if (!result)
		result = provpkg_digest(builder->sha256, &cipher, 1, builder->leaves.data + index * PROVPKG_HASH_SIZE);
	if (result)
		return result;
	*out_size = cipher.size;
	atomic_fetch_add(&builder->done, 1);
	return 0;
}

static int sign_manifest(const struct provpkg_builder *builder, struct provpkg_blob *manifest)
{
	struct provpkg_blob der = { 0 };
	int result = provpkg_der_encode(builder->form, ASN1_ITEM_rptr(MANIFEST), &der);

	if (result)
		return result;
	result = provpkg_sign(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&der), builder->build.signers, builder->build.signer_count,
			      manifest);
	provpkg_blob_free(&der);
	return result;
}

int provpkg_builder_finish(struct provpkg_builder *builder, uint8_t header[PROVPKG_HEADER_SIZE], struct provpkg_blob *manifest,
			   struct provpkg_blob *leaves)
{
	struct provpkg_blob signed_manifest = { 0 }, copied = { 0 };
	uint8_t root[PROVPKG_HASH_SIZE];
	int result;

	if (atomic_load(&builder->done) != builder->segments)
		return -EINVAL;
	result = provpkg_leaves_root(builder->leaves.data, builder->segments, root);
	if (!result && !provpkg_octets_set(builder->form->payload_root, root, sizeof(root)))
		result = -ENOMEM;
	if (!result)
		result = sign_manifest(builder, &signed_manifest);
	if (!result && signed_manifest.size > builder->manifest_room)
		result = -E2BIG;
	if (!result)
		result = provpkg_blob_copy(provpkg_blob_view(&builder->leaves), &copied);
	if (!result) {
		builder->layout.manifest.size = signed_manifest.size;
		result = provpkg_layout_encode(&builder->layout, header);
	}
	if (result) {
		provpkg_blob_free(&signed_manifest);
		provpkg_blob_free(&copied);
		return result;
	}
	*manifest = signed_manifest;
	*leaves = copied;
	return 0;
}
