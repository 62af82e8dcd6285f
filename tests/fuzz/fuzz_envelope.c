// SPDX-License-Identifier: GPL-2.0-or-later
/* The share envelopes of both suites, opened with a card's keys. Only the shares that were sealed may come out. */
#include <string.h>

#include <openssl/x509v3.h>

#include "fuzz.h"
#include "lib/provpkg/envelope.h"
#include "tests/unit/pki.h"

enum { KEM, AGREEMENT, KEM_1024, KINDS };

static const uint8_t share[PROVPKG_SHARE_SIZE] = "a share of a job key, thirty-two";
static struct pki_card card;

void fuzz_begin(void)
{
	pki_card_new(&card, "card A");
}

static struct provpkg_view key_id(X509 *certificate)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(certificate);

	return (struct provpkg_view){ ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id) };
}

static const char *kdf_digest(unsigned int kind)
{
	return kind == KEM ? "SHA256" : "SHA384";
}

static int open_kem(struct provpkg_view cms, unsigned int kind, uint8_t *plain)
{
	X509 *certificate = kind == KEM ? card.card.certificates.kem_768 : card.card.certificates.kem_1024;
	EVP_PKEY *key = kind == KEM ? card.keys.kem_768 : card.keys.kem_1024;
	struct provpkg_blob name = { 0 };
	int result;

	FUZZ_MUST(!provpkg_recipient_name(key_id(certificate), &name));
	result = provpkg_envelope_open_kem(cms, provpkg_blob_view(&name), key, kdf_digest(kind), plain, PROVPKG_SHARE_SIZE);
	provpkg_blob_free(&name);
	return result;
}

void fuzz_one(struct provpkg_view input)
{
	unsigned int kind = fuzz_u8(&input) % KINDS;
	uint8_t plain[PROVPKG_SHARE_SIZE];
	int result;

	if (kind != AGREEMENT)
		result = open_kem(input, kind, plain);
	else
		result = provpkg_envelope_open_agreement(input, key_id(card.card.certificates.agreement), card.keys.agreement,
							 plain, PROVPKG_SHARE_SIZE);
	FUZZ_MUST(result >= 0);
	if (result)
		return;
	fuzz_accepted();
	FUZZ_MUST(!memcmp(plain, share, sizeof(share)));
}

static void seed(const char *name, uint8_t kind, X509 *const *certificates, size_t count)
{
	struct provpkg_view plain = { share, sizeof(share) };
	struct provpkg_blob cms = { 0 };
	struct fuzz_writer out = { .size = 0 };

	FUZZ_MUST(!(kind == AGREEMENT ? provpkg_envelope_seal_agreement(certificates, count, plain, &cms) :
					provpkg_envelope_seal_kem(certificates, count, kdf_digest(kind), plain, &cms)));
	fuzz_put_u8(&out, kind);
	fuzz_put(&out, cms.data, cms.size);
	fuzz_seed(name, out.data, out.size);
	provpkg_blob_free(&cms);
}

void fuzz_seeds(void)
{
	struct pki_card other;
	X509 *kem[2], *kem_1024[2], *agreement[2];

	pki_card_new(&other, "card B");
	kem[0] = other.card.certificates.kem_768;
	kem[1] = card.card.certificates.kem_768;
	kem_1024[0] = other.card.certificates.kem_1024;
	kem_1024[1] = card.card.certificates.kem_1024;
	agreement[0] = other.card.certificates.agreement;
	agreement[1] = card.card.certificates.agreement;
	seed("kem", KEM, kem + 1, 1);
	seed("kem-second", KEM, kem, 2);
	seed("kem-1024", KEM_1024, kem_1024 + 1, 1);
	seed("kem-1024-second", KEM_1024, kem_1024, 2);
	seed("agreement", AGREEMENT, agreement + 1, 1);
	seed("agreement-second", AGREEMENT, agreement, 2);
	pki_card_free(&other);
}
