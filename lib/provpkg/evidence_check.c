// SPDX-License-Identifier: LGPL-2.1-or-later
/* Evidence: keys in it, whose it is, and whether it will do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "provcard-refusal.h"
#include "provcard-service.h"
#include "provpkg/evidence.h"
#include "provpkg/sign.h"
#include "x509.h"

static int key_digest(EVP_PKEY *key, uint8_t digest[PROVPKG_HASH_SIZE])
{
	unsigned char *der = NULL;
	int size = key ? i2d_PUBKEY(key, &der) : -1;
	int result = size > 0 && EVP_Digest(der, (size_t)size, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;

	OPENSSL_free(der);
	return result;
}

static const char *key_algorithm(const EVP_PKEY *key)
{
	static const char *const curves[] = { "P-256", "P-384" };

	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (provpkg_key_is(key, curves[i]))
			return curves[i];
	return EVP_PKEY_get0_type_name(key);
}

int provpkg_evidence_add_key(struct provpkg_evidence *evidence, enum provpkg_key_role role, const char *owner, EVP_PKEY *key)
{
	struct provpkg_evidence_key *held = &evidence->key[evidence->keys];
	const char *algorithm = key ? key_algorithm(key) : NULL;

	if (evidence->keys == PROVPKG_EVIDENCE_KEYS_MAX || !algorithm || strlen(algorithm) >= sizeof(held->algorithm) ||
	    (owner && strlen(owner) >= sizeof(held->owner)))
		return -EINVAL;
	memset(held, 0, sizeof(*held));
	held->role = role;
	snprintf(held->algorithm, sizeof(held->algorithm), "%s", algorithm);
	snprintf(held->owner, sizeof(held->owner), "%s", owner ? owner : "");
	if (key_digest(key, held->digest))
		return -EIO;
	evidence->keys++;
	return 0;
}

static bool signed_by(const struct provpkg_signed *object, X509 *certificate)
{
	for (size_t i = 0; i < provpkg_signed_count(object); i++)
		if (!X509_cmp(provpkg_signed_signer(object, i), certificate))
			return true;
	return false;
}

static bool is_of(const struct provpkg_signed *object, const struct provpkg_evidence *evidence, const struct provpkg_card *card)
{
	return provpkg_signed_count(object) == 2 && signed_by(object, card->certificates.identity_classical) &&
	       signed_by(object, card->certificates.identity_pq) &&
	       !memcmp(evidence->card_id, card->card_id, PROVPKG_CARD_ID_SIZE) && !strcmp(evidence->serial, card->serial);
}

int provpkg_evidence_open(struct provpkg_view cms, const struct provpkg_card *card, struct provpkg_evidence *evidence)
{
	struct provpkg_evidence *opened = OPENSSL_zalloc(sizeof(*opened));
	struct provpkg_signed *object = NULL;
	int result = opened ? provpkg_signed_open(PROVPKG_CONTENT_EVIDENCE, cms, &object) : -ENOMEM;

	if (!result)
		result = provpkg_evidence_decode(provpkg_signed_content(object), opened);
	if (!result && !is_of(object, opened, card))
		result = PROVCARD_REFUSAL_STATEMENT_SIGNER;
	if (!result)
		*evidence = *opened;
	provpkg_signed_free(object);
	OPENSSL_free(opened);
	return result;
}

static int judge_age(const struct provpkg_evidence *evidence, const struct provpkg_evidence_demands *demands)
{
	int64_t apart = evidence->time > demands->now ? evidence->time - demands->now : demands->now - evidence->time;

	if (demands->nonce && CRYPTO_memcmp(evidence->nonce, demands->nonce, PROVPKG_NONCE_SIZE))
		return PROVCARD_REFUSAL_EVIDENCE_STALE;
	if (demands->max_age && (!evidence->time_authenticated || (uint64_t)apart > demands->max_age))
		return PROVCARD_REFUSAL_EVIDENCE_STALE;
	return 0;
}

static bool holds(const struct provpkg_evidence *evidence, enum provpkg_key_role role, X509 *certificate)
{
	uint8_t digest[PROVPKG_HASH_SIZE];

	if (key_digest(X509_get0_pubkey(certificate), digest))
		return false;
	for (size_t i = 0; i < evidence->keys; i++)
		if (evidence->key[i].role == role && !memcmp(evidence->key[i].digest, digest, sizeof(digest)))
			return true;
	return false;
}

int provpkg_evidence_judge(const struct provpkg_evidence *evidence, const struct provpkg_card *card,
			   const struct provpkg_evidence_demands *demands)
{
	int code = judge_age(evidence, demands);

	if (code)
		return code;
	if (demands->firmware_digest && memcmp(evidence->firmware_digest, demands->firmware_digest, PROVPKG_HASH_SIZE))
		return PROVCARD_REFUSAL_EVIDENCE_FIRMWARE;
	if (demands->packing && evidence->state != PROVCARD_CARD_INITIALISED && evidence->state != PROVCARD_CARD_OPERATIONAL)
		return PROVCARD_REFUSAL_EVIDENCE_STATE;
	if (demands->packing && (!holds(evidence, PROVPKG_KEY_AGREEMENT, card->certificates.agreement) ||
				 !holds(evidence, PROVPKG_KEY_KEM, card->certificates.kem_768) ||
				 !holds(evidence, PROVPKG_KEY_KEM, card->certificates.kem_1024)))
		return PROVCARD_REFUSAL_EVIDENCE_KEYS;
	if (demands->issuer && !holds(evidence, PROVPKG_KEY_ISSUING, demands->issuer))
		return PROVCARD_REFUSAL_EVIDENCE_KEYS;
	return 0;
}
