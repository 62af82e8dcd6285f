// SPDX-License-Identifier: LGPL-2.1-or-later
/* A card as others see it: the five certificates, checked against each other, and the maker's chains. */
#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include "card.h"
#include "provcard-refusal.h"
#include "suite.h"
#include "x509.h"

#define CERTIFICATES 5

static bool is_identity(X509 *certificate, const char *kind)
{
	return provpkg_x509_is_issuer(certificate) && provpkg_key_is(X509_get0_pubkey(certificate), kind) &&
	       (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE);
}

bool provpkg_card_identity(X509 *classical, X509 *pq, char serial[PROVPKG_NAME_MAX + 1])
{
	const size_t prefix = strlen(PROVPKG_CARD_PREFIX);
	char common[2 * PROVPKG_NAME_MAX];

	if (!is_identity(classical, "P-384") || !is_identity(pq, "ML-DSA-87") ||
	    X509_NAME_cmp(X509_get_subject_name(classical), X509_get_subject_name(pq)))
		return false;
	if (!provpkg_x509_common_name(X509_get_subject_name(classical), common, sizeof(common)) ||
	    strncmp(common, PROVPKG_CARD_PREFIX, prefix) || !provpkg_serial_valid(common + prefix))
		return false;
	strcpy(serial, common + prefix);
	return true;
}

static bool is_encryption(X509 *certificate, const char *kind, unsigned int usage, X509 *identity)
{
	return provpkg_x509_is_end(certificate, usage) && provpkg_key_is(X509_get0_pubkey(certificate), kind) &&
	       provpkg_x509_issued(identity, certificate);
}

bool provpkg_card_encryption(const struct provpkg_card_certificates *certificates)
{
	const X509_NAME *subject = X509_get_subject_name(certificates->agreement);

	return is_encryption(certificates->agreement, "P-384", KU_KEY_AGREEMENT, certificates->identity_classical) &&
	       is_encryption(certificates->kem_768, "ML-KEM-768", KU_KEY_ENCIPHERMENT, certificates->identity_pq) &&
	       is_encryption(certificates->kem_1024, "ML-KEM-1024", KU_KEY_ENCIPHERMENT, certificates->identity_pq) &&
	       !X509_NAME_cmp(subject, X509_get_subject_name(certificates->kem_768)) &&
	       !X509_NAME_cmp(subject, X509_get_subject_name(certificates->kem_1024));
}

int provpkg_card_encode(const struct provpkg_card_certificates *certificates, struct provpkg_blob *pem)
{
	X509 *own[CERTIFICATES] = { certificates->identity_classical, certificates->identity_pq, certificates->agreement,
				    certificates->kem_768, certificates->kem_1024 };
	struct provpkg_blob text = { 0 };
	int result = 0;

	for (int i = 0; !result && i < CERTIFICATES; i++)
		result = provpkg_pem_append(&text, own[i]);
	for (int i = 0; !result && i < sk_X509_num(certificates->chain); i++)
		result = provpkg_pem_append(&text, sk_X509_value(certificates->chain, i));
	if (result)
		provpkg_blob_free(&text);
	else
		*pem = text;
	return result;
}

/* Takes the first five out of the stack; what remains is the chain. */
static void take(STACK_OF(X509) *stack, struct provpkg_card_certificates *certificates)
{
	certificates->identity_classical = sk_X509_shift(stack);
	certificates->identity_pq = sk_X509_shift(stack);
	certificates->agreement = sk_X509_shift(stack);
	certificates->kem_768 = sk_X509_shift(stack);
	certificates->kem_1024 = sk_X509_shift(stack);
	certificates->chain = stack;
}

static int card_check(struct provpkg_card *card)
{
	const struct provpkg_card_certificates *certificates = &card->certificates;

	if (!provpkg_card_identity(certificates->identity_classical, certificates->identity_pq, card->serial) ||
	    !provpkg_card_encryption(certificates))
		return PROVCARD_REFUSAL_CARD_CERTIFICATE;
	return provpkg_card_id(certificates, card->card_id);
}

int provpkg_card_decode(struct provpkg_view pem, struct provpkg_card **card)
{
	STACK_OF(X509) *stack;
	struct provpkg_card *decoded;
	int result = provpkg_pem_certificates(pem, &stack);

	if (result)
		return result < 0 ? result : PROVCARD_REFUSAL_CARD_CERTIFICATE;
	if (sk_X509_num(stack) < CERTIFICATES) {
		sk_X509_pop_free(stack, X509_free);
		return PROVCARD_REFUSAL_CARD_CERTIFICATE;
	}
	decoded = OPENSSL_zalloc(sizeof(*decoded));
	if (!decoded) {
		sk_X509_pop_free(stack, X509_free);
		return -ENOMEM;
	}
	take(stack, &decoded->certificates);
	result = card_check(decoded);
	if (result)
		provpkg_card_free(decoded);
	else
		*card = decoded;
	return result;
}

void provpkg_card_free(struct provpkg_card *card)
{
	if (!card)
		return;
	X509_free(card->certificates.identity_classical);
	X509_free(card->certificates.identity_pq);
	X509_free(card->certificates.agreement);
	X509_free(card->certificates.kem_768);
	X509_free(card->certificates.kem_1024);
	sk_X509_pop_free(card->certificates.chain, X509_free);
	OPENSSL_free(card);
}

/* The chain from an encryption certificate, through its identity, to an anchor. */
static bool trusted(X509 *certificate, X509 *identity, STACK_OF(X509) *chain, STACK_OF(X509) *anchors, int64_t at,
		    const char *family)
{
	STACK_OF(X509) *others = chain ? sk_X509_dup(chain) : sk_X509_new_null();
	bool result = others && sk_X509_push(others, identity) && provpkg_x509_chains(certificate, others, anchors, at, family);

	sk_X509_free(others);
	return result;
}

/* Each chain in one family of algorithms: one broken family must not be able to vouch for both. */
int provpkg_card_trust(const struct provpkg_card *card, unsigned int suite, STACK_OF(X509) *anchors, int64_t at)
{
	const struct provpkg_suite *demands = provpkg_suite_find(suite);
	const struct provpkg_card_certificates *own = &card->certificates;

	if (!demands)
		return PROVCARD_REFUSAL_SUITE_UNKNOWN;
	if (!trusted(own->agreement, own->identity_classical, own->chain, anchors, at, "EC") ||
	    !trusted(own->kem_768, own->identity_pq, own->chain, anchors, at, demands->kem_chain) ||
	    !trusted(own->kem_1024, own->identity_pq, own->chain, anchors, at, demands->kem_chain))
		return PROVCARD_REFUSAL_CARD_CERTIFICATE;
	return 0;
}
