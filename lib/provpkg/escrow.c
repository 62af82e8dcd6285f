// SPDX-License-Identifier: LGPL-2.1-or-later
/* The job's escrow key, wrapped for the OEM's own certificates in both families at once. */
#include "provpkg/escrow.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "der.h"
#include "envelope.h"
#include "escrow_form.h"
#include "provcard-refusal.h"
#include "suite.h"
#include "x509.h"

#define LABEL "provcard escrow key"

ASN1_SEQUENCE(ESCROW_ENVELOPE_FIELDS) = {
	ASN1_EMBED(ESCROW_ENVELOPE_FIELDS, suite, UINT32),
	ASN1_SIMPLE(ESCROW_ENVELOPE_FIELDS, kem_key_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(ESCROW_ENVELOPE_FIELDS, kem_envelope, ASN1_OCTET_STRING),
	ASN1_IMP_OPT(ESCROW_ENVELOPE_FIELDS, agreement_key_id, ASN1_OCTET_STRING, 0),
	ASN1_IMP_OPT(ESCROW_ENVELOPE_FIELDS, agreement_envelope, ASN1_OCTET_STRING, 1),
} static_ASN1_SEQUENCE_END(ESCROW_ENVELOPE_FIELDS)

/* Tagged, so that it cannot be taken for what stands before it. */
ASN1_CHOICE(ESCROW_ENVELOPE) = {
	ASN1_IMP(ESCROW_ENVELOPE, value.fields, ESCROW_ENVELOPE_FIELDS, 0),
} ASN1_CHOICE_END(ESCROW_ENVELOPE)

/* ---- Certificates ---- */

static bool usable(X509 *certificate, const char *kind, uint32_t usage)
{
	return provpkg_key_is(X509_get0_pubkey(certificate), kind) && X509_get0_subject_key_id(certificate) &&
	       (X509_get_extension_flags(certificate) & EXFLAG_KUSAGE) && (X509_get_key_usage(certificate) & usage);
}

/* The one certificate for this purpose. */
static X509 *find(STACK_OF(X509) *certificates, const char *kind, uint32_t usage)
{
	for (int i = 0; i < sk_X509_num(certificates); i++)
		if (usable(sk_X509_value(certificates, i), kind, usage))
			return sk_X509_value(certificates, i);
	return NULL;
}

static X509 *find_kem(const struct provpkg_suite *suite, STACK_OF(X509) *certificates)
{
	return find(certificates, suite->kem, KU_KEY_ENCIPHERMENT);
}

static X509 *find_agreement(const struct provpkg_suite *suite, STACK_OF(X509) *certificates)
{
	return find(certificates, suite->agreement, KU_KEY_AGREEMENT);
}

int provpkg_escrow_check(unsigned int id, STACK_OF(X509) *certificates)
{
	const struct provpkg_suite *suite = provpkg_suite_find(id);

	if (!suite)
		return PROVCARD_REFUSAL_SUITE_UNKNOWN;
	if (sk_X509_num(certificates) != (suite->agreement ? 2 : 1) || !find_kem(suite, certificates) ||
	    (suite->agreement && !find_agreement(suite, certificates)))
		return PROVCARD_REFUSAL_ESCROW_CERTIFICATE;
	return 0;
}

/* ---- The key ---- */

static int derive(const struct provpkg_suite *suite, const struct provpkg_escrow_job *job,
		  const uint8_t shares[PROVPKG_ESCROW_SHARES], uint8_t key[PROVPKG_KEY_SIZE])
{
	uint8_t info[sizeof(LABEL) - 1 + PROVPKG_ID_SIZE + 4], *at = info + sizeof(LABEL) - 1 + PROVPKG_ID_SIZE;
	const struct provpkg_hkdf hkdf = {
		.digest = "SHA384",
		.salt = { job->card_id, PROVPKG_CARD_ID_SIZE },
		.ikm = { shares, suite->agreement ? PROVPKG_ESCROW_SHARES : PROVPKG_SHARE_SIZE },
		.info = { info, sizeof(info) },
	};

	memcpy(info, LABEL, sizeof(LABEL) - 1);
	memcpy(info + sizeof(LABEL) - 1, job->package_id, PROVPKG_ID_SIZE);
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(suite->id >> (24 - 8 * i));
	return provpkg_hkdf(&hkdf, key, PROVPKG_KEY_SIZE);
}

/* What a share was sealed into, and the name of the key that it was sealed for. Releases @cms. */
static int set_envelope(X509 *certificate, struct provpkg_blob *cms, ASN1_OCTET_STRING *name, ASN1_OCTET_STRING *envelope)
{
	struct provpkg_view key_id = provpkg_string_view(X509_get0_subject_key_id(certificate));
	bool set = provpkg_octets_set(name, key_id.data, key_id.size) && provpkg_octets_set(envelope, cms->data, cms->size);

	provpkg_blob_free(cms);
	return set ? 0 : -ENOMEM;
}

static int fill_kem(const struct provpkg_suite *suite, X509 *certificate, const uint8_t *share, ESCROW_ENVELOPE_FIELDS *fields)
{
	struct provpkg_blob cms = { 0 };
	int result = provpkg_envelope_seal_kem(&certificate, 1, suite->kem_digest, (struct provpkg_view){ share, PROVPKG_SHARE_SIZE }, &cms);

	return result ? result : set_envelope(certificate, &cms, fields->kem_key_id, fields->kem_envelope);
}

static int fill_agreement(X509 *certificate, const uint8_t *share, ESCROW_ENVELOPE_FIELDS *fields)
{
	struct provpkg_blob cms = { 0 };
	int result = provpkg_envelope_seal_agreement(&certificate, 1, (struct provpkg_view){ share, PROVPKG_SHARE_SIZE }, &cms);

	if (result)
		return result;
	fields->agreement_key_id = ASN1_OCTET_STRING_new();
	fields->agreement_envelope = ASN1_OCTET_STRING_new();
	if (fields->agreement_key_id && fields->agreement_envelope)
		return set_envelope(certificate, &cms, fields->agreement_key_id, fields->agreement_envelope);
	provpkg_blob_free(&cms);
	return -ENOMEM;
}

static int fill(const struct provpkg_suite *suite, STACK_OF(X509) *certificates, const uint8_t shares[PROVPKG_ESCROW_SHARES],
		ESCROW_ENVELOPE_FIELDS *fields)
{
	int result;

	fields->suite = suite->id;
	result = fill_kem(suite, find_kem(suite, certificates), shares, fields);
	if (result || !suite->agreement)
		return result;
	return fill_agreement(find_agreement(suite, certificates), shares + PROVPKG_SHARE_SIZE, fields);
}

int provpkg_escrow_seal(unsigned int id, STACK_OF(X509) *certificates, const struct provpkg_escrow_job *job,
			const uint8_t shares[PROVPKG_ESCROW_SHARES], struct provpkg_blob *envelope, uint8_t key[PROVPKG_KEY_SIZE])
{
	const struct provpkg_suite *suite = provpkg_suite_find(id);
	int result = provpkg_escrow_check(id, certificates);
	ESCROW_ENVELOPE form = { .type = 0 };
	struct provpkg_blob der = { 0 };

	if (result)
		return result;
	form.value.fields = (ESCROW_ENVELOPE_FIELDS *)ASN1_item_new(ASN1_ITEM_rptr(ESCROW_ENVELOPE_FIELDS));
	result = form.value.fields ? fill(suite, certificates, shares, form.value.fields) : -ENOMEM;
	if (!result)
		result = provpkg_der_encode(&form, ASN1_ITEM_rptr(ESCROW_ENVELOPE), &der);
	ASN1_item_free((ASN1_VALUE *)form.value.fields, ASN1_ITEM_rptr(ESCROW_ENVELOPE_FIELDS));
	if (!result)
		result = derive(suite, job, shares, key);
	if (result)
		provpkg_blob_free(&der);
	else
		*envelope = der;
	return result;
}

/* ---- Opening ---- */

static EVP_PKEY *find_key(const char *kind, EVP_PKEY *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (provpkg_key_is(keys[i], kind))
			return keys[i];
	return NULL;
}

static int open_kem(const struct provpkg_suite *suite, const ESCROW_ENVELOPE_FIELDS *fields, EVP_PKEY *key,
		    uint8_t share[PROVPKG_SHARE_SIZE])
{
	struct provpkg_blob name = { 0 };
	int result = provpkg_recipient_name(provpkg_string_view(fields->kem_key_id), &name);

	if (!result)
		result = provpkg_envelope_open_kem(provpkg_string_view(fields->kem_envelope), provpkg_blob_view(&name), key,
						   suite->kem_digest, share, PROVPKG_SHARE_SIZE);
	provpkg_blob_free(&name);
	return result;
}

static int open_shares(const struct provpkg_suite *suite, const ESCROW_ENVELOPE_FIELDS *fields, EVP_PKEY *const *keys, size_t count,
		       uint8_t shares[PROVPKG_ESCROW_SHARES])
{
	EVP_PKEY *kem = find_key(suite->kem, keys, count);
	EVP_PKEY *agreement = suite->agreement ? find_key(suite->agreement, keys, count) : NULL;
	int result;

	if (!kem || (suite->agreement && !agreement))
		return PROVCARD_REFUSAL_ESCROW_KEY;
	result = open_kem(suite, fields, kem, shares);
	if (!result && suite->agreement)
		result = provpkg_envelope_open_agreement(provpkg_string_view(fields->agreement_envelope),
							 provpkg_string_view(fields->agreement_key_id), agreement,
							 shares + PROVPKG_SHARE_SIZE, PROVPKG_SHARE_SIZE);
	return result ? PROVCARD_REFUSAL_ESCROW_KEY : 0;
}

/* The agreement's fields are there exactly when the suite has one. */
static const struct provpkg_suite *suite_of(const ESCROW_ENVELOPE_FIELDS *fields)
{
	const struct provpkg_suite *suite = provpkg_suite_find(fields->suite);
	bool agreement = suite && suite->agreement;

	return suite && !fields->agreement_key_id == !agreement && !fields->agreement_envelope == !agreement ? suite : NULL;
}

int provpkg_escrow_envelope_decode(struct provpkg_view der, ESCROW_ENVELOPE **envelope)
{
	void *decoded;
	int result = provpkg_der_decode(der, PROVPKG_ENVELOPE_MAX, ASN1_ITEM_rptr(ESCROW_ENVELOPE), PROVCARD_REFUSAL_SEALED_SECRETS,
					&decoded);

	if (result)
		return result == PROVCARD_REFUSAL_TRAILING_DATA ? PROVCARD_REFUSAL_SEALED_SECRETS : result;
	*envelope = decoded;
	if (suite_of((*envelope)->value.fields))
		return 0;
	ASN1_item_free(decoded, ASN1_ITEM_rptr(ESCROW_ENVELOPE));
	return PROVCARD_REFUSAL_SEALED_SECRETS;
}

int provpkg_escrow_open(struct provpkg_view der, const struct provpkg_escrow_job *job, EVP_PKEY *const *keys, size_t count,
			uint8_t key[PROVPKG_KEY_SIZE])
{
	uint8_t shares[PROVPKG_ESCROW_SHARES];
	const struct provpkg_suite *suite;
	ESCROW_ENVELOPE *envelope;
	int result = provpkg_escrow_envelope_decode(der, &envelope);

	if (result)
		return result;
	suite = suite_of(envelope->value.fields);
	result = open_shares(suite, envelope->value.fields, keys, count, shares);
	if (!result)
		result = derive(suite, job, shares, key);
	OPENSSL_cleanse(shares, sizeof(shares));
	ASN1_item_free((ASN1_VALUE *)envelope, ASN1_ITEM_rptr(ESCROW_ENVELOPE));
	return result;
}
