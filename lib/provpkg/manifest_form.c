// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "der.h"
#include "endian.h"
#include "manifest_form.h"
#include "provpkg/merkle.h"

#define LABEL "provcard job key"

ASN1_SEQUENCE(MANIFEST_CORE) = {
	ASN1_EMBED(MANIFEST_CORE, version, UINT32),
	ASN1_EMBED(MANIFEST_CORE, suite, UINT32),
	ASN1_SIMPLE(MANIFEST_CORE, package_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(MANIFEST_CORE, product, ASN1_UTF8STRING),
	ASN1_EMBED(MANIFEST_CORE, security_version, UINT32),
	ASN1_EMBED(MANIFEST_CORE, window, PROVPKG_WINDOW),
	ASN1_EMBED(MANIFEST_CORE, segment_size, UINT32),
	ASN1_EMBED(MANIFEST_CORE, payload_size, UINT64),
	ASN1_EMBED(MANIFEST_CORE, segments, UINT64),
	ASN1_EXP_OPT(MANIFEST_CORE, template_digest, ASN1_OCTET_STRING, 0),
	ASN1_EXP_OPT(MANIFEST_CORE, issuer_digest, ASN1_OCTET_STRING, 1),
	ASN1_EXP_SEQUENCE_OF_OPT(MANIFEST_CORE, extensions, X509_EXTENSION, 2),
	ASN1_EXP_SEQUENCE_OF_OPT(MANIFEST_CORE, approvals, APPROVAL, 3),
	ASN1_EXP_OPT(MANIFEST_CORE, authority, QUOTA_AUTHORITY, 4),
} static_ASN1_SEQUENCE_END(MANIFEST_CORE)

ASN1_SEQUENCE(MANIFEST_RECIPIENT) = {
	ASN1_SIMPLE(MANIFEST_RECIPIENT, card_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(MANIFEST_RECIPIENT, kem_key_id, ASN1_OCTET_STRING),
	ASN1_OPT(MANIFEST_RECIPIENT, agreement_key_id, ASN1_OCTET_STRING),
} ASN1_SEQUENCE_END(MANIFEST_RECIPIENT)

ASN1_SEQUENCE(MANIFEST) = {
	ASN1_SIMPLE(MANIFEST, core, MANIFEST_CORE),
	ASN1_SIMPLE(MANIFEST, payload_header, ASN1_OCTET_STRING),
	ASN1_SIMPLE(MANIFEST, payload_root, ASN1_OCTET_STRING),
	ASN1_SEQUENCE_OF(MANIFEST, recipients, MANIFEST_RECIPIENT),
	ASN1_SIMPLE(MANIFEST, kem_envelope, ASN1_OCTET_STRING),
	ASN1_OPT(MANIFEST, agreement_envelope, ASN1_OCTET_STRING),
	ASN1_SEQUENCE_OF(MANIFEST, grants, ASN1_ANY),
} ASN1_SEQUENCE_END(MANIFEST)

const struct provpkg_floe_parameters provpkg_payload_parameters = { .segment_size = PROVPKG_SEGMENT_SIZE, .rotation_bits = 20 };

void provpkg_payload_aad(const MANIFEST_CORE *core, uint8_t aad[PROVPKG_PAYLOAD_AAD_SIZE])
{
	memcpy(aad, ASN1_STRING_get0_data(core->package_id), PROVPKG_ID_SIZE);
	provpkg_put_be(aad + PROVPKG_ID_SIZE, 4, core->suite);
}

int provpkg_job_key(const MANIFEST_CORE *core, struct provpkg_view shares, uint8_t key[PROVPKG_KEY_SIZE])
{
	uint8_t salt[48], info[sizeof(LABEL) - 1 + PROVPKG_PAYLOAD_AAD_SIZE];
	const struct provpkg_hkdf hkdf = {
		.digest = "SHA384",
		.salt = { salt, sizeof(salt) },
		.ikm = shares,
		.info = { info, sizeof(info) },
	};
	struct provpkg_blob der = { 0 };
	struct provpkg_view view;
	int result = provpkg_der_encode(core, ASN1_ITEM_rptr(MANIFEST_CORE), &der);

	if (result)
		return result;
	view = provpkg_blob_view(&der);
	result = provpkg_digest(EVP_sha384(), &view, 1, salt);
	provpkg_blob_free(&der);
	if (result)
		return result;
	memcpy(info, LABEL, sizeof(LABEL) - 1);
	provpkg_payload_aad(core, info + sizeof(LABEL) - 1);
	return provpkg_hkdf(&hkdf, key, PROVPKG_KEY_SIZE);
}

uint64_t provpkg_segment_count(uint64_t plain_size)
{
	return plain_size ? (plain_size - 1) / PROVPKG_SEGMENT_PLAIN + 1 : 1;
}

int provpkg_leaves_root(const uint8_t *leaves, uint64_t count, uint8_t root[PROVPKG_HASH_SIZE])
{
	struct provpkg_tree tree = { .size = 0 };
	uint8_t hash[PROVPKG_HASH_SIZE];
	int result;

	for (uint64_t i = 0; i < count; i++) {
		result = provpkg_merkle_leaf((struct provpkg_view){ leaves + i * PROVPKG_HASH_SIZE, PROVPKG_HASH_SIZE }, hash);
		if (!result)
			result = provpkg_tree_add(&tree, hash);
		if (result)
			return result;
	}
	return provpkg_tree_root(&tree, root);
}
