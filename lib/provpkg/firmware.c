// SPDX-License-Identifier: LGPL-2.1-or-later
/* The manifest of a firmware: FirmwareManifest in Documentation/asn1/provcard.asn1, and who may have signed it. */
#include <errno.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>

#include "der.h"
#include "provcard-refusal.h"
#include "provpkg/firmware.h"
#include "signed_form.h"
#include "x509.h"

#define VERSION 1
#define MANIFEST_DER_MAX 1024

typedef struct {
	uint32_t version;
	ASN1_UTF8STRING *board;
	ASN1_UTF8STRING *name;
	uint32_t security_version;
	uint64_t size;
	ASN1_OCTET_STRING *sha256;
	ASN1_OCTET_STRING *sha384;
} FIRMWARE;

ASN1_SEQUENCE(FIRMWARE) = {
	ASN1_EMBED(FIRMWARE, version, UINT32),
	ASN1_SIMPLE(FIRMWARE, board, ASN1_UTF8STRING),
	ASN1_SIMPLE(FIRMWARE, name, ASN1_UTF8STRING),
	ASN1_EMBED(FIRMWARE, security_version, UINT32),
	ASN1_EMBED(FIRMWARE, size, UINT64),
	ASN1_SIMPLE(FIRMWARE, sha256, ASN1_OCTET_STRING),
	ASN1_SIMPLE(FIRMWARE, sha384, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(FIRMWARE)

/* A signature of each, and which anchors it may lead to. */
static const struct {
	const char *kind;
	const char *family;
} signer_kinds[PROVPKG_FIRMWARE_SIGNERS] = { { "P-384", "EC" }, { "ML-DSA-87", "ML-DSA" } };

static bool values_good(const struct provpkg_firmware *firmware)
{
	return firmware->security_version >= 1 && firmware->security_version <= PROVPKG_FIRMWARE_SECURITY_MAX &&
	       firmware->size >= 1 && firmware->size <= PROVPKG_FIRMWARE_IMAGE_MAX;
}

static bool fill(FIRMWARE *to, const struct provpkg_firmware *firmware)
{
	to->version = VERSION;
	to->security_version = firmware->security_version;
	to->size = firmware->size;
	return provpkg_name_set(to->board, firmware->board) && provpkg_name_set(to->name, firmware->version) &&
	       provpkg_octets_set(to->sha256, firmware->sha256, sizeof(firmware->sha256)) &&
	       provpkg_octets_set(to->sha384, firmware->sha384, sizeof(firmware->sha384));
}

int provpkg_firmware_encode(const struct provpkg_firmware *firmware, struct provpkg_blob *der)
{
	FIRMWARE *form;
	int result;

	if (!values_good(firmware))
		return -EINVAL;
	form = (FIRMWARE *)ASN1_item_new(ASN1_ITEM_rptr(FIRMWARE));
	if (!form)
		return -ENOMEM;
	result = fill(form, firmware) ? provpkg_der_encode(form, ASN1_ITEM_rptr(FIRMWARE), der) : -EINVAL;
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(FIRMWARE));
	return result;
}

static bool take(const FIRMWARE *from, struct provpkg_firmware *firmware)
{
	firmware->security_version = from->security_version;
	firmware->size = from->size;
	return from->version == VERSION && provpkg_name_get(from->board, firmware->board, sizeof(firmware->board)) &&
	       provpkg_name_get(from->name, firmware->version, sizeof(firmware->version)) &&
	       provpkg_octets_get(from->sha256, firmware->sha256, sizeof(firmware->sha256)) &&
	       provpkg_octets_get(from->sha384, firmware->sha384, sizeof(firmware->sha384)) && values_good(firmware);
}

int provpkg_firmware_decode(struct provpkg_view der, struct provpkg_firmware *firmware)
{
	struct provpkg_firmware taken = { .size = 0 };
	void *form;
	int result = provpkg_der_decode(der, MANIFEST_DER_MAX, ASN1_ITEM_rptr(FIRMWARE), PROVCARD_REFUSAL_FIRMWARE_DER, &form);

	if (result)
		return result;
	if (take(form, &taken))
		*firmware = taken;
	else
		result = PROVCARD_REFUSAL_FIRMWARE_DER;
	ASN1_item_free(form, ASN1_ITEM_rptr(FIRMWARE));
	return result;
}

/* Those whose key is of the family: whoever breaks one family must not certify himself a key of the other. */
static STACK_OF(X509) *anchors_of(STACK_OF(X509) *anchors, const char *family)
{
	STACK_OF(X509) *chosen = sk_X509_new_null();

	for (int i = 0; chosen && i < sk_X509_num(anchors); i++) {
		EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(anchors, i));
		const char *name = key ? EVP_PKEY_get0_type_name(key) : NULL;

		if (name && !strncmp(name, family, strlen(family)) && !sk_X509_push(chosen, sk_X509_value(anchors, i))) {
			sk_X509_free(chosen);
			return NULL;
		}
	}
	return chosen;
}

static int trust_one(const struct provpkg_signed *object, size_t index, STACK_OF(X509) *anchors, const char *family)
{
	STACK_OF(X509) *chosen = anchors_of(anchors, family);
	int result;

	if (!chosen)
		return -ENOMEM;
	result = provpkg_signed_chain(object, index, chosen, PROVPKG_ANY_TIME);
	sk_X509_free(chosen);
	return result > 0 ? PROVCARD_REFUSAL_FIRMWARE_UNTRUSTED : result;
}

static int trust(const struct provpkg_signed *object, STACK_OF(X509) *anchors)
{
	for (size_t i = 0; i < PROVPKG_FIRMWARE_SIGNERS; i++) {
		EVP_PKEY *key = X509_get0_pubkey(provpkg_signed_signer(object, i));
		size_t kind = provpkg_key_is(key, signer_kinds[0].kind) ? 0 : 1;
		int result = trust_one(object, i, anchors, signer_kinds[kind].family);

		if (result)
			return result;
	}
	return 0;
}

static bool both_signed(const struct provpkg_signed *object)
{
	size_t classical;

	if (provpkg_signed_count(object) != PROVPKG_FIRMWARE_SIGNERS)
		return false;
	classical = provpkg_signed_is(object, 0, signer_kinds[0].kind) ? 0 : 1;
	return provpkg_signed_is(object, classical, signer_kinds[0].kind) &&
	       provpkg_signed_is(object, !classical, signer_kinds[1].kind) &&
	       !X509_NAME_cmp(X509_get_subject_name(provpkg_signed_signer(object, 0)),
			      X509_get_subject_name(provpkg_signed_signer(object, 1)));
}

int provpkg_firmware_open(struct provpkg_view cms, STACK_OF(X509) *anchors, struct provpkg_firmware *firmware)
{
	struct provpkg_firmware decoded;
	struct provpkg_signed *object;
	int result;

	if (cms.size > PROVPKG_FIRMWARE_MANIFEST_MAX)
		return PROVCARD_REFUSAL_FIRMWARE_DER;
	result = provpkg_signed_open(PROVPKG_CONTENT_FIRMWARE, cms, &object);
	if (result)
		return result;
	if (!both_signed(object))
		result = PROVCARD_REFUSAL_FIRMWARE_SIGNATURE;
	else if (anchors)
		result = trust(object, anchors);
	if (!result)
		result = provpkg_firmware_decode(provpkg_signed_content(object), &decoded);
	provpkg_signed_free(object);
	if (!result)
		*firmware = decoded;
	return result;
}
