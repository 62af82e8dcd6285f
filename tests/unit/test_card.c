// SPDX-License-Identifier: GPL-2.0-or-later
/* Certificates in PEM and DER, the card's keys, requests and certificates, and whom to believe. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/maker.h"

static struct maker maker;
static struct made_card made;

static int setup(void **state)
{
	(void)state;
	maker_new(&maker);
	made_card_new(&made, &maker, "PC-0001");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	made_card_free(&made);
	maker_free(&maker);
	return 0;
}

/* ---- DER and PEM ---- */

static struct provpkg_blob der_of(X509 *certificate)
{
	struct provpkg_blob der = { 0 };
	int size = i2d_X509(certificate, &der.data);

	assert_true(size > 0);
	der.size = size;
	return der;
}

static int decode_der(const uint8_t *data, size_t size)
{
	X509 *certificate = NULL;
	int result = provpkg_der_certificate((struct provpkg_view){ data, size }, &certificate);

	assert_true(result ? !certificate : !!certificate);
	X509_free(certificate);
	return result;
}

static void der_is_exact(void **state)
{
	struct provpkg_blob der = der_of(made.certificates.agreement);
	uint8_t longer[2048] = { 0 };

	(void)state;
	assert_int_equal(decode_der(der.data, der.size), 0);
	for (size_t size = 0; size < der.size; size++)
		assert_int_equal(decode_der(der.data, size), PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	memcpy(longer, der.data, der.size);
	assert_int_equal(decode_der(longer, der.size + 1), PROVCARD_REFUSAL_TRAILING_DATA);
	provpkg_blob_free(&der);
}

/* keyUsage's critical TRUE as 0x01, and a default encoded: both are BER, both would verify if the signature were remade. */
static void der_refuses_second_encodings(void **state)
{
	static const uint8_t key_usage[] = { 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff };
	struct provpkg_blob der = der_of(made.certificates.agreement);
	uint8_t *found = memmem(der.data, der.size, key_usage, sizeof(key_usage));

	(void)state;
	assert_non_null(found);
	found[7] = 0x01;
	assert_int_equal(decode_der(der.data, der.size), PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	found[7] = 0x00; /* critical FALSE is the default, which DER leaves out */
	assert_int_equal(decode_der(der.data, der.size), PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	provpkg_blob_free(&der);
}

static int pem_count(const char *pem, size_t size)
{
	STACK_OF(X509) *certificates = NULL;
	int result = provpkg_pem_certificates((struct provpkg_view){ (const uint8_t *)pem, size }, &certificates);
	int count = result ? -result : sk_X509_num(certificates);

	sk_X509_pop_free(certificates, X509_free);
	return count;
}

static void pem_reads_all_in_order(void **state)
{
	struct provpkg_blob pem = { 0 };
	STACK_OF(X509) *read;

	(void)state;
	assert_int_equal(provpkg_pem_append(&pem, made.certificates.kem_768), 0);
	assert_int_equal(provpkg_pem_append(&pem, made.certificates.agreement), 0);
	assert_int_equal(provpkg_pem_certificates(provpkg_blob_view(&pem), &read), 0);
	assert_int_equal(sk_X509_num(read), 2);
	assert_int_equal(X509_cmp(sk_X509_value(read, 0), made.certificates.kem_768), 0);
	assert_int_equal(X509_cmp(sk_X509_value(read, 1), made.certificates.agreement), 0);
	sk_X509_pop_free(read, X509_free);
	provpkg_blob_free(&pem);
}

static void pem_refuses_damage(void **state)
{
	const char *text = (const char *)made.bundle.data;
	char *copy = strndup(text, made.bundle.size);

	(void)state;
	assert_int_equal(pem_count(text, made.bundle.size), 7);
	assert_int_equal(pem_count("", 0), -PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	assert_int_equal(pem_count("no certificate", 14), -PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	assert_int_equal(pem_count(text, made.bundle.size - 40), -PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	strstr(copy, "\nMII")[2] = '?';
	assert_int_equal(pem_count(copy, strlen(copy)), -PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	free(copy);
}

/* ---- Requests for certificates ---- */

static X509_REQ *next_request(BIO *bio)
{
	X509_REQ *request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);

	assert_non_null(request);
	assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
	return request;
}

static void assert_asks(X509_REQ *request, EVP_PKEY *key, const char *common_name, unsigned int usage)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
	BASIC_CONSTRAINTS *constraints;
	ASN1_BIT_STRING *bits;
	char name[80];
	int critical;

	assert_int_equal(EVP_PKEY_eq(X509_REQ_get0_pubkey(request), key), 1);
	assert_true(X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(request), NID_commonName, name, sizeof(name)) > 0);
	assert_string_equal(name, common_name);
	constraints = X509V3_get_d2i(extensions, NID_basic_constraints, &critical, NULL);
	assert_true(constraints && constraints->ca && critical == 1 && ASN1_INTEGER_get(constraints->pathlen) == 0);
	bits = X509V3_get_d2i(extensions, NID_key_usage, &critical, NULL);
	assert_true(bits && critical == 1);
	assert_int_equal(bits->data[0], usage);
	BASIC_CONSTRAINTS_free(constraints);
	ASN1_BIT_STRING_free(bits);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(request);
}

static void card_asks_for_two_identities(void **state)
{
	struct provpkg_blob pem;
	BIO *bio;

	(void)state;
	assert_int_equal(provpkg_card_csr(&made.keys, "PC-0001", &pem), 0);
	bio = BIO_new_mem_buf(pem.data, pem.size);
	assert_asks(next_request(bio), made.keys.identity_classical, "provcard PC-0001", KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN);
	assert_asks(next_request(bio), made.keys.identity_pq, "provcard PC-0001", KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN);
	assert_null(PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL));
	BIO_free(bio);
	provpkg_blob_free(&pem);
}

static void card_asks_for_an_issuer(void **state)
{
	struct provpkg_blob pem;
	EVP_PKEY *key = pki_key("P-256");
	X509_REQ *request;
	char name[80];
	BIO *bio;

	(void)state;
	assert_int_equal(provpkg_issuer_csr(key, "PC-0001", "Acme GmbH", &pem), 0);
	bio = BIO_new_mem_buf(pem.data, pem.size);
	request = next_request(bio);
	assert_true(X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(request), NID_organizationName, name, sizeof(name)) > 0);
	assert_string_equal(name, "Acme GmbH");
	assert_asks(request, key, "provcard PC-0001 issuing", KU_KEY_CERT_SIGN);
	BIO_free(bio);
	provpkg_blob_free(&pem);
	EVP_PKEY_free(key);
}

static void csr_refuses_bad_names(void **state)
{
	static const char *const serials[] = { "", "with space", "a/b", "plus+", "line\n", "12345678901234567890123456789012" };
	struct provpkg_blob pem = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(serials) / sizeof(serials[0]); i++) {
		assert_int_equal(provpkg_card_csr(&made.keys, serials[i], &pem), -EINVAL);
		assert_int_equal(provpkg_issuer_csr(made.keys.agreement, serials[i], "Acme", &pem), -EINVAL);
	}
	assert_int_equal(provpkg_issuer_csr(made.keys.agreement, "PC-0001", "", &pem), -EINVAL);
	assert_int_equal(provpkg_issuer_csr(made.keys.agreement, "PC-0001", "bell\a", &pem), -EINVAL);
	assert_int_equal(provpkg_issuer_csr(made.keys.agreement, "PC-0001", "\xff\xfe", &pem), -EINVAL);
	assert_null(pem.data);
}

/* ---- Issuing ---- */

static int issue(X509 *classical, X509 *pq, int64_t now)
{
	struct provpkg_card_certificates own = { .identity_classical = classical, .identity_pq = pq };
	int result = provpkg_card_issue(&made.keys, now, &own);

	assert_true(result ? !own.agreement && !own.kem_768 && !own.kem_1024 : own.agreement && own.kem_768 && own.kem_1024);
	X509_free(own.agreement);
	X509_free(own.kem_768);
	X509_free(own.kem_1024);
	return result;
}

static int issue_by(EVP_PKEY *key, const struct pki_profile *profile)
{
	X509 *identity = pki_certificate(key, profile, maker.classical, maker.classical_key);
	int result = issue(identity, made.certificates.identity_pq, PKI_NOW);

	X509_free(identity);
	return result;
}

static void issue_needs_fitting_identities(void **state)
{
	const struct provpkg_card_certificates *own = &made.certificates;
	EVP_PKEY *key = made.keys.identity_classical, *other = pki_key("P-384");

	(void)state;
	assert_int_equal(issue(own->identity_classical, own->identity_pq, PKI_NOW), 0);
	assert_int_equal(issue(own->identity_pq, own->identity_classical, PKI_NOW), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(issue(own->identity_classical, own->identity_pq, PKI_NOW - 60 * PKI_DAY),
			 PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(issue(own->identity_classical, own->identity_pq, PKI_NOW + 400 * PKI_DAY),
			 PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(issue_by(key, &(struct pki_profile){ .subject = "provcard PC-0001", .ca = true }), 0);
	assert_int_equal(
		issue_by(key, &(struct pki_profile){ .subject = "provcard PC-0001", .ca = true, .not_after = PKI_NOW - 1 }),
		PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(issue_by(other, &(struct pki_profile){ .subject = "provcard PC-0001", .ca = true }),
			 PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(issue_by(key, &(struct pki_profile){ .subject = "provcard PC-0002", .ca = true }),
			 PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(issue_by(key, &(struct pki_profile){ .subject = "PC-0001", .ca = true }),
			 PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(issue_by(key, &(struct pki_profile){ .subject = "provcard PC-0001" }), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(
		issue_by(key, &(struct pki_profile){ .subject = "provcard PC-0001", .ca = true, .usage = "critical,keyCertSign" }),
		PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(
		issue_by(key, &(struct pki_profile){ .subject = "provcard PC-0001", .ca = true, .no_key_identifier = true }),
		PROVCARD_REFUSAL_CARD_CERTIFICATE);
	EVP_PKEY_free(other);
}

static void assert_narrow(X509 *certificate, const char *kind, unsigned int usage, int signature)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);

	assert_true(EVP_PKEY_is_a(X509_get0_pubkey(certificate), kind));
	assert_int_equal(X509_get_key_usage(certificate), usage);
	assert_int_equal(X509_check_ca(certificate), 0);
	assert_int_equal(X509_get_signature_nid(certificate), signature);
	assert_int_not_equal(X509_NAME_cmp(subject, X509_get_issuer_name(certificate)), 0);
	assert_int_equal(X509_NAME_cmp(subject, X509_get_subject_name(made.certificates.agreement)), 0);
	assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(certificate)), 16);
}

static void encryption_certificates_are_narrow(void **state)
{
	(void)state;
	assert_narrow(made.certificates.agreement, "EC", KU_KEY_AGREEMENT, NID_ecdsa_with_SHA384);
	assert_narrow(made.certificates.kem_768, "ML-KEM-768", KU_KEY_ENCIPHERMENT, NID_ML_DSA_87);
	assert_narrow(made.certificates.kem_1024, "ML-KEM-1024", KU_KEY_ENCIPHERMENT, NID_ML_DSA_87);
}

static void ids_follow_the_certificates(void **state)
{
	uint8_t id[PROVPKG_CARD_ID_SIZE], blank[PROVPKG_CARD_ID_SIZE], swapped[PROVPKG_CARD_ID_SIZE];
	struct provpkg_card_certificates crossed = made.certificates;

	(void)state;
	assert_int_equal(provpkg_card_id(&made.certificates, id), 0);
	assert_memory_equal(id, made.card->card_id, sizeof(id));
	crossed.kem_768 = made.certificates.kem_1024;
	crossed.kem_1024 = made.certificates.kem_768;
	assert_int_equal(provpkg_card_id(&crossed, swapped), 0);
	assert_memory_not_equal(id, swapped, sizeof(id));
	crossed.kem_768 = crossed.kem_1024;
	assert_int_equal(provpkg_card_id(&crossed, swapped), 0);
	assert_memory_not_equal(id, swapped, sizeof(id));
	assert_int_equal(provpkg_card_blank_id(&made.keys, blank), 0);
	assert_memory_not_equal(id, blank, sizeof(id));
}

/* ---- The bundle ---- */

static int decode_card(const struct provpkg_card_certificates *certificates)
{
	struct provpkg_blob pem;
	struct provpkg_card *card = NULL;
	int result;

	assert_int_equal(provpkg_card_encode(certificates, &pem), 0);
	result = provpkg_card_decode(provpkg_blob_view(&pem), &card);
	assert_true(result ? !card : !!card);
	provpkg_card_free(card);
	provpkg_blob_free(&pem);
	return result;
}

static void bundle_round_trip(void **state)
{
	const struct provpkg_card_certificates *own = &made.card->certificates;

	(void)state;
	assert_string_equal(made.card->serial, "PC-0001");
	assert_int_equal(X509_cmp(own->identity_classical, made.certificates.identity_classical), 0);
	assert_int_equal(X509_cmp(own->identity_pq, made.certificates.identity_pq), 0);
	assert_int_equal(X509_cmp(own->agreement, made.certificates.agreement), 0);
	assert_int_equal(X509_cmp(own->kem_768, made.certificates.kem_768), 0);
	assert_int_equal(X509_cmp(own->kem_1024, made.certificates.kem_1024), 0);
	assert_int_equal(sk_X509_num(own->chain), 2);
}

static void bundle_refuses_a_mixture(void **state)
{
	struct made_card other;
	struct provpkg_card_certificates mixed;

	(void)state;
	made_card_new(&other, &maker, "PC-0001");
	mixed = made.certificates;
	mixed.kem_768 = other.certificates.kem_768;
	assert_int_equal(decode_card(&mixed), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	mixed = made.certificates;
	mixed.kem_1024 = other.certificates.kem_1024;
	assert_int_equal(decode_card(&mixed), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	mixed = made.certificates;
	mixed.agreement = other.certificates.agreement;
	assert_int_equal(decode_card(&mixed), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	mixed = made.certificates;
	mixed.identity_pq = other.certificates.identity_pq;
	assert_int_equal(decode_card(&mixed), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	mixed = made.certificates;
	mixed.agreement = made.certificates.kem_768;
	mixed.kem_768 = made.certificates.agreement;
	assert_int_equal(decode_card(&mixed), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	mixed = made.certificates;
	mixed.kem_768 = made.certificates.kem_1024;
	mixed.kem_1024 = made.certificates.kem_768;
	assert_int_equal(decode_card(&mixed), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	made_card_free(&other);
}

static void bundle_refuses_too_few(void **state)
{
	struct provpkg_blob pem = { 0 };
	struct provpkg_card *card;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(provpkg_pem_append(&pem, made.certificates.identity_classical), 0);
		assert_int_equal(provpkg_card_decode(provpkg_blob_view(&pem), &card), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	}
	assert_int_equal(provpkg_card_decode((struct provpkg_view){ 0 }, &card), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	provpkg_blob_free(&pem);
}

/* ---- Trust ---- */

static int trust_in(X509 *first, X509 *second, int64_t at)
{
	STACK_OF(X509) *anchors = sk_X509_new_null();
	int result;

	if (first)
		sk_X509_push(anchors, first);
	if (second)
		sk_X509_push(anchors, second);
	result = provpkg_card_trust(made.card, PROVPKG_SUITE_HYBRID, anchors, at);
	sk_X509_free(anchors);
	return result;
}

static void trust_needs_both_families(void **state)
{
	(void)state;
	assert_int_equal(trust_in(maker.classical, maker.pq, PKI_NOW + 1), 0);
	assert_int_equal(trust_in(maker.classical, NULL, PKI_NOW + 1), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(trust_in(maker.pq, NULL, PKI_NOW + 1), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(trust_in(NULL, NULL, PKI_NOW + 1), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(trust_in(maker.classical, maker.pq, PKI_NOW + 400 * PKI_DAY), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(trust_in(maker.classical, maker.pq, PKI_NOW - 1), PROVCARD_REFUSAL_CARD_CERTIFICATE);
}

static void trust_refuses_another_maker(void **state)
{
	struct maker other;

	(void)state;
	maker_new(&other);
	assert_int_equal(trust_in(other.classical, other.pq, PKI_NOW + 1), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(trust_in(maker.classical, other.pq, PKI_NOW + 1), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	maker_free(&other);
}

/* Both identities certified by the classical root: who breaks ECDSA would own the whole card. */
static void trust_refuses_a_crossed_chain(void **state)
{
	struct maker crossed = maker;
	struct made_card card;

	(void)state;
	crossed.pq = maker.classical;
	crossed.pq_key = maker.classical_key;
	made_card_new(&card, &crossed, "PC-0003");
	assert_int_equal(provpkg_card_trust(card.card, PROVPKG_SUITE_HYBRID, maker.anchors, PKI_NOW + 1),
			 PROVCARD_REFUSAL_CARD_CERTIFICATE);
	made_card_free(&card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(der_is_exact),
		cmocka_unit_test(der_refuses_second_encodings),
		cmocka_unit_test(pem_reads_all_in_order),
		cmocka_unit_test(pem_refuses_damage),
		cmocka_unit_test(card_asks_for_two_identities),
		cmocka_unit_test(card_asks_for_an_issuer),
		cmocka_unit_test(csr_refuses_bad_names),
		cmocka_unit_test(issue_needs_fitting_identities),
		cmocka_unit_test(encryption_certificates_are_narrow),
		cmocka_unit_test(ids_follow_the_certificates),
		cmocka_unit_test(bundle_round_trip),
		cmocka_unit_test(bundle_refuses_a_mixture),
		cmocka_unit_test(bundle_refuses_too_few),
		cmocka_unit_test(trust_needs_both_families),
		cmocka_unit_test(trust_refuses_another_maker),
		cmocka_unit_test(trust_refuses_a_crossed_chain),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
