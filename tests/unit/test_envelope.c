// SPDX-License-Identifier: GPL-2.0-or-later
/* The two share envelopes, ours and foreign ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/cms.h>
#include <openssl/x509v3.h>

#include "lib/provpkg/envelope.h"
#include "tests/unit/pki.h"
#include "tests/unit/vectors.h"

static const uint8_t share[PROVPKG_SHARE_SIZE] = "a share of thirty-two bytes ....";
static const struct provpkg_view share_view = { share, sizeof(share) };

static struct pki_card cards[2];

static int setup(void **state)
{
	(void)state;
	pki_card_new(&cards[0], "one");
	pki_card_new(&cards[1], "two");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_card_free(&cards[0]);
	pki_card_free(&cards[1]);
	return 0;
}

/* One of the two kinds of envelope. */
struct kind {
	int (*seal)(X509 *const *certificates, size_t count, struct provpkg_view plain, struct provpkg_blob *cms);
	int (*open)(struct provpkg_view cms, X509 *certificate, EVP_PKEY *key, uint8_t *plain);
	const char *digest; /* of the KEM's HKDF; NULL: agreement */
};

static struct provpkg_view key_id_of(X509 *certificate)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(certificate);

	return (struct provpkg_view){ ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id) };
}

static int open_kem(struct provpkg_view cms, X509 *certificate, EVP_PKEY *key, const char *digest, uint8_t *plain)
{
	struct provpkg_blob name = { 0 };
	int result;

	assert_int_equal(provpkg_recipient_name(key_id_of(certificate), &name), 0);
	result = provpkg_envelope_open_kem(cms, provpkg_blob_view(&name), key, digest, plain, PROVPKG_SHARE_SIZE);
	provpkg_blob_free(&name);
	return result;
}

static int open_768(struct provpkg_view cms, X509 *certificate, EVP_PKEY *key, uint8_t *plain)
{
	return open_kem(cms, certificate, key, "SHA256", plain);
}

static int open_1024(struct provpkg_view cms, X509 *certificate, EVP_PKEY *key, uint8_t *plain)
{
	return open_kem(cms, certificate, key, "SHA384", plain);
}

static int seal_768(X509 *const *certificates, size_t count, struct provpkg_view plain, struct provpkg_blob *cms)
{
	return provpkg_envelope_seal_kem(certificates, count, "SHA256", plain, cms);
}

static int seal_1024(X509 *const *certificates, size_t count, struct provpkg_view plain, struct provpkg_blob *cms)
{
	return provpkg_envelope_seal_kem(certificates, count, "SHA384", plain, cms);
}

static int open_agreement(struct provpkg_view cms, X509 *certificate, EVP_PKEY *key, uint8_t *plain)
{
	return provpkg_envelope_open_agreement(cms, key_id_of(certificate), key, plain, PROVPKG_SHARE_SIZE);
}

static struct kind kem = { seal_768, open_768, "SHA256" };
static struct kind kem_1024 = { seal_1024, open_1024, "SHA384" };
static struct kind agreement = { provpkg_envelope_seal_agreement, open_agreement, NULL };

static X509 *certificate_of(const struct kind *kind, size_t index)
{
	const struct provpkg_card_certificates *own = &cards[index].card.certificates;

	if (!kind->digest)
		return own->agreement;
	return kind == &kem ? own->kem_768 : own->kem_1024;
}

static EVP_PKEY *key_of(const struct kind *kind, size_t index)
{
	const struct provpkg_card_keys *own = &cards[index].keys;

	if (!kind->digest)
		return own->agreement;
	return kind == &kem ? own->kem_768 : own->kem_1024;
}

static struct provpkg_blob seal(const struct kind *kind, size_t count)
{
	X509 *certificates[] = { certificate_of(kind, 0), certificate_of(kind, 1) };
	struct provpkg_blob cms = { 0 };

	assert_int_equal(kind->seal(certificates, count, share_view, &cms), 0);
	return cms;
}

static void every_recipient_opens_it(void **state)
{
	const struct kind *kind = *state;
	struct provpkg_blob cms = seal(kind, 2);
	uint8_t plain[PROVPKG_SHARE_SIZE];

	for (size_t i = 0; i < 2; i++) {
		memset(plain, 0, sizeof(plain));
		assert_int_equal(kind->open(provpkg_blob_view(&cms), certificate_of(kind, i), key_of(kind, i), plain), 0);
		assert_memory_equal(plain, share, sizeof(share));
	}
	provpkg_blob_free(&cms);
}

static void nobody_else_opens_it(void **state)
{
	const struct kind *kind = *state;
	struct provpkg_blob cms = seal(kind, 1);
	uint8_t plain[PROVPKG_SHARE_SIZE];
	struct provpkg_view view = provpkg_blob_view(&cms);

	assert_int_equal(kind->open(view, certificate_of(kind, 1), key_of(kind, 1), plain), PROVCARD_REFUSAL_ENVELOPE);
	assert_int_equal(kind->open(view, certificate_of(kind, 0), key_of(kind, 1), plain), PROVCARD_REFUSAL_ENVELOPE);
	assert_int_equal(kind->open(view, certificate_of(kind, 1), key_of(kind, 0), plain), PROVCARD_REFUSAL_ENVELOPE);
	provpkg_blob_free(&cms);
}

static void the_other_kind_does_not_open_it(void **state)
{
	const struct kind *kind = *state, *other = kind->digest ? &agreement : &kem;
	struct provpkg_blob cms = seal(kind, 1);
	uint8_t plain[PROVPKG_SHARE_SIZE];

	assert_int_equal(other->open(provpkg_blob_view(&cms), certificate_of(other, 0), key_of(other, 0), plain), PROVCARD_REFUSAL_ENVELOPE);
	provpkg_blob_free(&cms);
}

/*
 * Either it is refused or the share comes out unaltered. Our own template leaves no bit unchecked; libcrypto's CMS reads a few of
 * KeyAgreeRecipientInfo (versions, parameters) in more than one way, which is harmless below the manifest's signature.
 */
static void altered_bits_never_give_another_share(void **state)
{
	const struct kind *kind = *state;
	struct provpkg_blob cms = seal(kind, 1);
	uint8_t plain[PROVPKG_SHARE_SIZE];
	size_t accepted = 0;

	for (size_t bit = 0; bit < cms.size * 8; bit += kind->digest ? 41 : 7) {
		cms.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (!kind->open(provpkg_blob_view(&cms), certificate_of(kind, 0), key_of(kind, 0), plain)) {
			assert_memory_equal(plain, share, sizeof(share));
			accepted++;
		}
		cms.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	if (kind->digest)
		assert_int_equal(accepted, 0);
	provpkg_blob_free(&cms);
}

static void cut_and_lengthened_envelopes_are_refused(void **state)
{
	const struct kind *kind = *state;
	struct provpkg_blob cms = seal(kind, 1);
	uint8_t *longer = OPENSSL_zalloc(cms.size + 1), plain[PROVPKG_SHARE_SIZE];

	memcpy(longer, cms.data, cms.size);
	assert_int_equal(kind->open((struct provpkg_view){ longer, cms.size + 1 }, certificate_of(kind, 0), key_of(kind, 0), plain),
			 PROVCARD_REFUSAL_ENVELOPE);
	for (size_t size = 0; size < cms.size; size += 13)
		assert_int_equal(kind->open((struct provpkg_view){ cms.data, size }, certificate_of(kind, 0), key_of(kind, 0), plain),
				 PROVCARD_REFUSAL_ENVELOPE);
	OPENSSL_free(longer);
	provpkg_blob_free(&cms);
}

static void recipients_need_a_key_identifier(void **state)
{
	const struct kind *kind = *state;
	X509 *nameless = pki_certificate(cards[0].keys.agreement, &(struct pki_profile){ .no_key_identifier = true }, NULL, NULL);
	struct provpkg_blob cms = { 0 };

	assert_int_equal(kind->seal(&nameless, 1, share_view, &cms), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	X509_free(nameless);
}

static void another_size_is_refused(void **state)
{
	const struct kind *kind = *state;
	X509 *certificate = certificate_of(kind, 0);
	struct provpkg_blob cms = { 0 };
	uint8_t plain[PROVPKG_SHARE_SIZE];

	assert_int_equal(kind->seal(&certificate, 1, (struct provpkg_view){ share, 31 }, &cms), 0);
	assert_int_equal(kind->open(provpkg_blob_view(&cms), certificate, key_of(kind, 0), plain), PROVCARD_REFUSAL_ENVELOPE);
	provpkg_blob_free(&cms);
}

/* A weaker key derivation in an otherwise good message of libcrypto's. */
static void a_weaker_key_derivation_is_refused(void **state)
{
	CMS_ContentInfo *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
	BIO *bytes = BIO_new_mem_buf(share, sizeof(share));
	struct provpkg_blob der = { 0 };
	uint8_t plain[PROVPKG_SHARE_SIZE];
	CMS_RecipientInfo *recipient;
	int size;

	(void)state;
	recipient = CMS_add1_recipient_cert(cms, certificate_of(&agreement, 0), CMS_USE_KEYID | CMS_KEY_PARAM);
	assert_int_equal(EVP_PKEY_CTX_set_ecdh_kdf_md(CMS_RecipientInfo_get0_pkey_ctx(recipient), EVP_sha1()), 1);
	assert_int_equal(CMS_set_detached(cms, 0), 1);
	assert_int_equal(CMS_final(cms, bytes, NULL, CMS_BINARY), 1);
	size = i2d_CMS_ContentInfo(cms, &der.data);
	assert_true(size > 0);
	der.size = (size_t)size;
	assert_int_equal(open_agreement(provpkg_blob_view(&der), certificate_of(&agreement, 0), key_of(&agreement, 0), plain),
			 PROVCARD_REFUSAL_ENVELOPE);
	provpkg_blob_free(&der);
	BIO_free(bytes);
	CMS_ContentInfo_free(cms);
}

/* ---- Foreign messages: Bouncy Castle's, BER around a KEMRecipientInfo that names issuer and serial number ---- */

/* As DER: what a receiver that only takes DER would be sent. */
static struct provpkg_blob read_as_der(const char *path)
{
	struct provpkg_blob ber = vectors_read(path), der = { 0 };
	const unsigned char *at = ber.data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)ber.size);
	int size = i2d_CMS_ContentInfo(cms, &der.data);

	assert_true(size > 0);
	der.size = (size_t)size;
	CMS_ContentInfo_free(cms);
	provpkg_blob_free(&ber);
	return der;
}

/* DER of IssuerAndSerialNumber. */
static struct provpkg_blob issuer_and_serial(X509 *certificate)
{
	struct provpkg_blob name = { 0 };
	int issuer = i2d_X509_NAME(X509_get_issuer_name(certificate), NULL);
	int serial = i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), NULL);
	unsigned char *at;

	assert_true(issuer > 0 && serial > 0 && issuer + serial < 128);
	name.size = (size_t)(issuer + serial + 2);
	name.data = at = OPENSSL_malloc(name.size);
	*at++ = 0x30;
	*at++ = (unsigned char)(issuer + serial);
	i2d_X509_NAME(X509_get_issuer_name(certificate), &at);
	i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), &at);
	return name;
}

static void open_foreign(const char *family, const char *message, size_t size)
{
	char path[128];
	struct provpkg_blob cms, file, name, expected;
	const unsigned char *at;
	X509 *certificate;
	EVP_PKEY *key;
	uint8_t plain[64];

	snprintf(path, sizeof(path), "cms-ml-kem/%s_ee.der", family);
	file = vectors_read(path);
	at = file.data;
	certificate = d2i_X509(NULL, &at, (long)file.size);
	provpkg_blob_free(&file);
	snprintf(path, sizeof(path), "cms-ml-kem/%s_priv.der", family);
	file = vectors_read(path);
	at = file.data;
	key = d2i_AutoPrivateKey(NULL, &at, (long)file.size);
	provpkg_blob_free(&file);
	assert_true(certificate && key);
	snprintf(path, sizeof(path), "cms-ml-kem/%s_%s.der", family, message);
	cms = read_as_der(path);
	name = issuer_and_serial(certificate);
	expected = vectors_read("cms-ml-kem/expected_plaintext.txt");
	assert_int_equal(expected.size, size);
	assert_int_equal(provpkg_envelope_open_kem(provpkg_blob_view(&cms), provpkg_blob_view(&name), key, "SHA256", plain, size),
			 0);
	assert_memory_equal(plain, expected.data, size);
	provpkg_blob_free(&expected);
	provpkg_blob_free(&name);
	provpkg_blob_free(&cms);
	EVP_PKEY_free(key);
	X509_free(certificate);
}

/* The other suite's key, and the right key with the other suite's KDF. */
static void suites_do_not_mix(void **state)
{
	struct provpkg_blob weak = seal(&kem, 1), strong = seal(&kem_1024, 1), half = { 0 };
	X509 *const certificates[] = { certificate_of(&kem_1024, 0) };
	EVP_PKEY *small = key_of(&kem, 0), *large = key_of(&kem_1024, 0);
	uint8_t plain[PROVPKG_SHARE_SIZE];

	(void)state;
	assert_int_equal(provpkg_envelope_seal_kem(certificates, 1, "SHA256", share_view, &half), 0);
	assert_int_equal(open_1024(provpkg_blob_view(&weak), certificate_of(&kem, 0), small, plain), PROVCARD_REFUSAL_ENVELOPE);
	assert_int_equal(open_768(provpkg_blob_view(&strong), certificates[0], large, plain), PROVCARD_REFUSAL_ENVELOPE);
	assert_int_equal(open_1024(provpkg_blob_view(&half), certificates[0], large, plain), PROVCARD_REFUSAL_ENVELOPE);
	assert_int_equal(open_1024(provpkg_blob_view(&strong), certificates[0], small, plain), PROVCARD_REFUSAL_ENVELOPE);
	assert_int_equal(open_768(provpkg_blob_view(&weak), certificate_of(&kem, 0), large, plain), PROVCARD_REFUSAL_ENVELOPE);
	assert_int_equal(open_1024(provpkg_blob_view(&strong), certificates[0], large, plain), 0);
	assert_int_equal(provpkg_envelope_seal_kem(certificates, 1, "SHA1", share_view, &half), -EINVAL);
	provpkg_blob_free(&weak);
	provpkg_blob_free(&strong);
	provpkg_blob_free(&half);
}

static void foreign_messages_open(void **state)
{
	static const char *const families[] = { "ml-kem-768-2.16.840.1.101.3.4.4.2", "ml-kem-1024-2.16.840.1.101.3.4.4.3" };

	(void)state;
	vectors_need("cms-ml-kem/expected_plaintext.txt");
	for (size_t i = 0; i < 2; i++) {
		open_foreign(families[i], "kemri_auth_id-alg-hkdf-with-sha256", 13);
		open_foreign(families[i], "kemri_auth_id-alg-hkdf-with-sha256_ukm", 13);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(every_recipient_opens_it, &kem),
		cmocka_unit_test_prestate(every_recipient_opens_it, &kem_1024),
		cmocka_unit_test_prestate(every_recipient_opens_it, &agreement),
		cmocka_unit_test_prestate(nobody_else_opens_it, &kem),
		cmocka_unit_test_prestate(nobody_else_opens_it, &kem_1024),
		cmocka_unit_test_prestate(nobody_else_opens_it, &agreement),
		cmocka_unit_test_prestate(the_other_kind_does_not_open_it, &kem),
		cmocka_unit_test_prestate(the_other_kind_does_not_open_it, &kem_1024),
		cmocka_unit_test_prestate(the_other_kind_does_not_open_it, &agreement),
		cmocka_unit_test_prestate(altered_bits_never_give_another_share, &kem),
		cmocka_unit_test_prestate(altered_bits_never_give_another_share, &kem_1024),
		cmocka_unit_test_prestate(altered_bits_never_give_another_share, &agreement),
		cmocka_unit_test_prestate(cut_and_lengthened_envelopes_are_refused, &kem),
		cmocka_unit_test_prestate(cut_and_lengthened_envelopes_are_refused, &kem_1024),
		cmocka_unit_test_prestate(cut_and_lengthened_envelopes_are_refused, &agreement),
		cmocka_unit_test_prestate(recipients_need_a_key_identifier, &kem),
		cmocka_unit_test_prestate(recipients_need_a_key_identifier, &kem_1024),
		cmocka_unit_test_prestate(recipients_need_a_key_identifier, &agreement),
		cmocka_unit_test_prestate(another_size_is_refused, &kem),
		cmocka_unit_test_prestate(another_size_is_refused, &kem_1024),
		cmocka_unit_test_prestate(another_size_is_refused, &agreement),
		cmocka_unit_test(a_weaker_key_derivation_is_refused),
		cmocka_unit_test(suites_do_not_mix),
		cmocka_unit_test(foreign_messages_open),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
