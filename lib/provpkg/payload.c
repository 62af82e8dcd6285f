// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading a payload, segment by segment, from any thread. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "der.h"
#include "floe.h"
#include "manifest.h"
#include "provcard-refusal.h"

struct provpkg_payload {
	struct provpkg_floe *floe;
	EVP_MD *sha256;
	uint64_t size;
	uint64_t segments;
};

void provpkg_payload_free(struct provpkg_payload *payload)
{
	if (!payload)
		return;
	provpkg_floe_free(payload->floe);
	EVP_MD_free(payload->sha256);
	OPENSSL_free(payload);
}

int provpkg_payload_new(const struct provpkg_manifest *manifest, const uint8_t key[PROVPKG_KEY_SIZE], struct provpkg_payload **payload)
{
	uint8_t aad[PROVPKG_PAYLOAD_AAD_SIZE];
	struct provpkg_payload *made = OPENSSL_zalloc(sizeof(*made));
	int result = -EIO;

	if (!made)
		return -ENOMEM;
	provpkg_payload_aad(manifest->form->core, aad);
	made->size = manifest->fields.payload_size;
	made->segments = manifest->fields.segments;
	made->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (made->sha256)
		result = provpkg_floe_open(&provpkg_payload_parameters, key, (struct provpkg_view){ aad, sizeof(aad) },
					   provpkg_string_view(manifest->form->payload_header), &made->floe);
	if (result)
		provpkg_payload_free(made);
	else
		*payload = made;
	return result;
}

size_t provpkg_payload_segment_plain(void)
{
	return PROVPKG_SEGMENT_PLAIN;
}

int provpkg_payload_segment(const struct provpkg_payload *payload, uint64_t index, const uint8_t leaf[PROVPKG_HASH_SIZE],
			    struct provpkg_view cipher, uint8_t *plain, size_t *plain_size)
{
	struct provpkg_floe_segment segment = { index, index + 1 == payload->segments };
	uint64_t expected;
	uint8_t digest[PROVPKG_HASH_SIZE];

	if (index >= payload->segments)
		return -EINVAL;
	expected = segment.last ? payload->size - index * PROVPKG_SEGMENT_SIZE : PROVPKG_SEGMENT_SIZE;
	if (cipher.size != expected)
		return PROVCARD_REFUSAL_SEGMENT_DIGEST;
	if (provpkg_digest(payload->sha256, &cipher, 1, digest))
		return -EIO;
	if (memcmp(digest, leaf, sizeof(digest)))
		return PROVCARD_REFUSAL_SEGMENT_DIGEST;
	return provpkg_floe_unseal(payload->floe, segment, cipher, plain, plain_size);
}
