// SPDX-License-Identifier: LGPL-2.1-or-later
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "crypto.h"
#include "device.h"
#include "provcard-refusal.h"
#include "provpkg/merkle.h"
#include "x509.h"

int unit_digest_is(struct provpkg_view data, const uint8_t expected[PROVPKG_HASH_SIZE], int refusal)
{
	uint8_t digest[PROVPKG_HASH_SIZE];
	int result = provpkg_digest(EVP_sha256(), &data, 1, digest);

	if (result)
		return result;
	return memcmp(digest, expected, PROVPKG_HASH_SIZE) ? refusal : 0;
}

int unit_check_issuer(STACK_OF(X509) *chain, int64_t at)
{
	X509 *issuer = sk_X509_value(chain, 0);
	STACK_OF(X509) *root;
	bool good;

	if (!issuer || !provpkg_x509_is_issuer(issuer))
		return PROVCARD_REFUSAL_DEVICE_CERTIFICATE;
	root = sk_X509_new_null();
	if (!root || !sk_X509_push(root, sk_X509_value(chain, sk_X509_num(chain) - 1))) {
		sk_X509_free(root);
		return -ENOMEM;
	}
	good = provpkg_x509_chains(issuer, chain, root, at, NULL);
	sk_X509_free(root);
	return good ? 0 : PROVCARD_REFUSAL_DEVICE_CERTIFICATE;
}

static int check_der(const struct provpkg_record *record, X509 *issuer, struct provpkg_view der)
{
	struct provpkg_view uid = { record->uid, record->uid_size };
	X509 *certificate;
	int result = unit_digest_is(der, record->certificate_digest, PROVCARD_REFUSAL_DEVICE_CERTIFICATE);

	if (result)
		return result;
	result = provpkg_der_certificate(der, &certificate);
	if (result)
		return result < 0 ? result : PROVCARD_REFUSAL_DEVICE_CERTIFICATE;
	result = provpkg_device_check(certificate, issuer, uid);
	X509_free(certificate);
	return result;
}

int unit_check_certificate(const struct provpkg_record *record, X509 *issuer, struct provpkg_view certificate)
{
	static const uint8_t none[PROVPKG_HASH_SIZE];
	bool certified = memcmp(record->certificate_digest, none, sizeof(none)) != 0;

	if (!issuer)
		return certified || certificate.size ? PROVCARD_REFUSAL_DEVICE_CERTIFICATE : 0;
	if (certified != (certificate.size != 0) || (record->event == PROVPKG_EVENT_UNIT_GOOD && !certified))
		return PROVCARD_REFUSAL_DEVICE_CERTIFICATE;
	return certified ? check_der(record, issuer, certificate) : 0;
}

/* ---- One alone ---- */

/* Certificate and sealed secrets are all that the log keeps with the record: neither is missing, neither was added. */
static int check_kept(const struct provpkg_birth *birth, const struct provpkg_record *record)
{
	const struct provpkg_view kept[] = { birth->certificate, birth->sealed };
	uint8_t digest[PROVPKG_HASH_SIZE] = { 0 };
	int result = 0;

	if (birth->certificate.size || birth->sealed.size)
		result = provpkg_digest(EVP_sha256(), kept, 2, digest);
	if (result)
		return result;
	return memcmp(digest, record->attachment_digest, sizeof(digest)) ? PROVCARD_REFUSAL_ATTACHMENT_MISMATCH : 0;
}

int provpkg_birth_verify(const struct provpkg_birth *birth, struct provpkg_record *record)
{
	X509 *issuer = birth->issuer_chain ? sk_X509_value(birth->issuer_chain, 0) : NULL;
	uint8_t leaf[PROVPKG_HASH_SIZE];
	int result = provpkg_record_decode(birth->record, record);

	if (!result)
		result = provpkg_merkle_leaf(birth->record, leaf);
	if (!result)
		result = provpkg_inclusion_verify(leaf, record->index, birth->checkpoint.size, birth->inclusion, birth->inclusion_count,
						  birth->checkpoint.root);
	if (!result && (record->event != PROVPKG_EVENT_UNIT_GOOD || !record->has_unit))
		result = PROVCARD_REFUSAL_RECORD_MISPLACED;
	if (!result && birth->issuer_chain)
		result = unit_check_issuer(birth->issuer_chain, record->time);
	if (!result)
		result = unit_check_certificate(record, issuer, birth->certificate);
	return result ? result : check_kept(birth, record);
}
