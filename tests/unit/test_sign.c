// SPDX-License-Identifier: GPL-2.0-or-later
/* Signed objects: what is accepted, and above all what is not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/cms.h>

#include "tests/unit/pki.h"

static struct pki_oem oem;
static const struct provpkg_view content = { (const uint8_t *)"not less than these bytes", 25 };

static int setup(void **state)
{
	(void)state;
	pki_oem_new(&oem, "Acme");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_oem_free(&oem);
	return 0;
}

static struct provpkg_blob sign(const struct provpkg_signer *signers, size_t count)
{
	struct provpkg_blob cms = { 0 };

	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_MANIFEST, content, signers, count, &cms), 0);
	return cms;
}

static int open_bytes(const uint8_t *data, size_t size)
{
	struct provpkg_signed *object = NULL;
	int result = provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, (struct provpkg_view){ data, size }, &object);

	assert_true(result ? object == NULL : object != NULL);
	provpkg_signed_free(object);
	return result;
}

/* Sign with @signers and ask for suite 1 at @at. */
static int suite_of(const struct provpkg_signer *signers, size_t count, unsigned int suite, STACK_OF(X509) *anchors, int64_t at)
{
	struct provpkg_blob cms = sign(signers, count);
	struct provpkg_signed *object;
	int result;

	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&cms), &object), 0);
	result = provpkg_signed_suite(object, suite, anchors, at);
	provpkg_signed_free(object);
	provpkg_blob_free(&cms);
	return result;
}

static void both_signatures_round_trip(void **state)
{
	struct provpkg_blob cms = sign(oem.signers, 2);
	struct provpkg_signed *object;
	struct provpkg_view got;

	(void)state;
	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&cms), &object), 0);
	got = provpkg_signed_content(object);
	assert_int_equal(got.size, content.size);
	assert_memory_equal(got.data, content.data, content.size);
	assert_int_equal(provpkg_signed_count(object), 2);
	assert_null(provpkg_signed_signer(object, 2));
	assert_int_equal(provpkg_signed_suite(object, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW), 0);
	provpkg_signed_free(object);
	provpkg_blob_free(&cms);
}

static void one_signature_of_two_is_not_enough(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(suite_of(&oem.signers[i], 1, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW),
				 PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
}

static void two_classical_signatures_are_not_a_suite(void **state)
{
	struct pki_chain other;
	struct provpkg_signer signers[2] = { oem.signers[0] };

	(void)state;
	pki_chain_new(&other, "P-384", &(struct pki_profile){ .subject = "Acme" });
	signers[1] = (struct provpkg_signer){ other.key, other.certificate, NULL };
	assert_int_equal(suite_of(signers, 2, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	pki_chain_free(&other);
}

static void unknown_suites_are_refused(void **state)
{
	(void)state;
	assert_int_equal(suite_of(oem.signers, 2, 0, oem.anchors, PKI_NOW), PROVCARD_REFUSAL_SUITE_UNKNOWN);
	assert_int_equal(suite_of(oem.signers, 2, 99, oem.anchors, PKI_NOW), PROVCARD_REFUSAL_SUITE_UNKNOWN);
}

static void a_signer_without_anchor_is_untrusted(void **state)
{
	STACK_OF(X509) *half = sk_X509_new_null();

	(void)state;
	sk_X509_push(half, oem.classical.root);
	assert_int_equal(suite_of(oem.signers, 2, PROVPKG_SUITE_HYBRID, half, PKI_NOW), PROVCARD_REFUSAL_SIGNER_UNTRUSTED);
	assert_int_equal(suite_of(oem.signers, 2, PROVPKG_SUITE_HYBRID, NULL, PKI_NOW), PROVCARD_REFUSAL_SIGNER_UNTRUSTED);
	sk_X509_free(half);
}

static void an_extra_signer_must_be_trusted_too(void **state)
{
	struct pki_chain other;
	struct provpkg_signer signers[3] = { oem.signers[0], oem.signers[1] };

	(void)state;
	pki_chain_new(&other, "P-384", &(struct pki_profile){ .subject = "Acme" });
	signers[2] = (struct provpkg_signer){ other.key, other.certificate, NULL };
	assert_int_equal(suite_of(signers, 3, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW), PROVCARD_REFUSAL_SIGNER_UNTRUSTED);
	pki_chain_free(&other);
}

static void pinned_certificates_are_anchors(void **state)
{
	STACK_OF(X509) *pinned = sk_X509_new_null();

	(void)state;
	sk_X509_push(pinned, oem.classical.certificate);
	sk_X509_push(pinned, oem.pq.certificate);
	assert_int_equal(suite_of(oem.signers, 2, PROVPKG_SUITE_HYBRID, pinned, PKI_NOW), 0);
	sk_X509_free(pinned);
}

static void dates_are_judged_by_the_time_given(void **state)
{
	(void)state;
	assert_int_equal(suite_of(oem.signers, 2, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW + 400 * PKI_DAY),
			 PROVCARD_REFUSAL_SIGNER_EXPIRED);
	assert_int_equal(suite_of(oem.signers, 2, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW - 40 * PKI_DAY),
			 PROVCARD_REFUSAL_SIGNER_EXPIRED);
}

/* Suite 1 with the classical end certificate replaced by one of @profile. */
static int suite_with(const struct pki_profile *profile)
{
	X509 *certificate = pki_certificate(oem.classical.key, profile, oem.classical.root, oem.classical.root_key);
	struct provpkg_signer signers[2] = { { oem.classical.key, certificate, NULL }, oem.signers[1] };
	int result = suite_of(signers, 2, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW);

	X509_free(certificate);
	return result;
}

static void a_signer_needs_the_signing_usage(void **state)
{
	(void)state;
	assert_int_equal(suite_with(&(struct pki_profile){ .subject = "Acme" }), 0);
	assert_int_equal(suite_with(&(struct pki_profile){ .subject = "Acme", .usage = "critical,keyAgreement" }),
			 PROVCARD_REFUSAL_SIGNER_UNTRUSTED);
}

static void signers_of_two_names_are_refused(void **state)
{
	(void)state;
	assert_int_equal(suite_with(&(struct pki_profile){ .subject = "Somebody else" }), PROVCARD_REFUSAL_SIGNER_UNTRUSTED);
}

static void an_intermediate_may_come_along(void **state)
{
	EVP_PKEY *ca_key = pki_key("P-384"), *key = pki_key("P-384");
	X509 *ca = pki_certificate(ca_key, &(struct pki_profile){ .subject = "CA", .ca = true }, oem.classical.root,
				   oem.classical.root_key);
	X509 *end = pki_certificate(key, &(struct pki_profile){ .subject = "Acme" }, ca, ca_key);
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct provpkg_signer signers[2] = { { key, end, chain }, oem.signers[1] };

	(void)state;
	assert_int_equal(suite_of(signers, 2, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW), PROVCARD_REFUSAL_SIGNER_UNTRUSTED);
	sk_X509_push(chain, ca);
	assert_int_equal(suite_of(signers, 2, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW), 0);
	sk_X509_free(chain);
	X509_free(end);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}

static void each_type_has_its_own_codes(void **state)
{
	static const struct {
		enum provpkg_content type;
		int der;
		int signature;
	} types[] = {
		{ PROVPKG_CONTENT_GRANT, PROVCARD_REFUSAL_MANIFEST_DER, PROVCARD_REFUSAL_MANIFEST_SIGNATURE },
		{ PROVPKG_CONTENT_REQUEST, PROVCARD_REFUSAL_REQUEST_DER, PROVCARD_REFUSAL_REQUEST_SIGNATURE },
		{ PROVPKG_CONTENT_END_CERTIFICATE, PROVCARD_REFUSAL_STATEMENT_DER, PROVCARD_REFUSAL_STATEMENT_SIGNATURE },
	};
	struct provpkg_blob manifest = sign(oem.signers, 2), cms;
	struct provpkg_signed *object;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(provpkg_signed_open(types[i].type, provpkg_blob_view(&manifest), &object), types[i].der);
		cms = (struct provpkg_blob){ 0 };
		assert_int_equal(provpkg_sign(types[i].type, content, oem.signers, 1, &cms), 0);
		cms.data[cms.size - 5] ^= 1;
		assert_int_equal(provpkg_signed_open(types[i].type, provpkg_blob_view(&cms), &object), types[i].signature);
		provpkg_blob_free(&cms);
	}
	provpkg_blob_free(&manifest);
}

static void trailing_and_missing_bytes_are_refused(void **state)
{
	struct provpkg_blob cms = sign(oem.signers, 2);
	uint8_t *longer = malloc(cms.size + 1);

	(void)state;
	memcpy(longer, cms.data, cms.size);
	longer[cms.size] = 0;
	assert_int_equal(open_bytes(longer, cms.size + 1), PROVCARD_REFUSAL_TRAILING_DATA);
	for (size_t size = 0; size < cms.size; size += size < 64 ? 1 : 211)
		assert_int_equal(open_bytes(cms.data, size), PROVCARD_REFUSAL_MANIFEST_DER);
	free(longer);
	provpkg_blob_free(&cms);
}

/* The outer SEQUENCE with another spelling of its length. */
static void other_spellings_of_lengths_are_refused(void **state)
{
	static const uint8_t indefinite[] = { 0x30, 0x80 }, huge[] = { 0x30, 0x84, 0xff, 0xff, 0xff, 0xff };
	struct provpkg_blob cms = sign(oem.signers, 2);
	size_t body = cms.size - 4;
	uint8_t *other = calloc(1, cms.size + 8);

	(void)state;
	assert_int_equal(cms.data[1], 0x82);
	memcpy(other, indefinite, 2);
	memcpy(other + 2, cms.data + 4, body);
	assert_int_equal(open_bytes(other, body + 4), PROVCARD_REFUSAL_MANIFEST_DER);
	memcpy(other, (uint8_t[]){ 0x30, 0x83, 0x00, cms.data[2], cms.data[3] }, 5);
	memcpy(other + 5, cms.data + 4, body);
	assert_int_equal(open_bytes(other, body + 5), PROVCARD_REFUSAL_MANIFEST_DER);
	memcpy(other, huge, sizeof(huge));
	assert_int_equal(open_bytes(other, cms.size), PROVCARD_REFUSAL_MANIFEST_DER);
	free(other);
	provpkg_blob_free(&cms);
}

/* A message of the library's that is correct CMS, but not in the form that we accept. */
static int open_foreign(int (*alter)(CMS_ContentInfo *cms))
{
	struct provpkg_blob cms = sign(oem.signers, 2);
	const unsigned char *at = cms.data;
	CMS_ContentInfo *foreign = d2i_CMS_ContentInfo(NULL, &at, (long)cms.size);
	unsigned char *der = NULL;
	int size, result;

	assert_int_equal(alter(foreign), 1);
	size = i2d_CMS_ContentInfo(foreign, &der);
	assert_true(size > 0);
	result = open_bytes(der, (size_t)size);
	OPENSSL_free(der);
	CMS_ContentInfo_free(foreign);
	provpkg_blob_free(&cms);
	return result;
}

static int alter_nothing(CMS_ContentInfo *cms)
{
	return cms != NULL;
}

static int alter_unsigned_attribute(CMS_ContentInfo *cms)
{
	CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);

	return CMS_unsigned_add1_attr_by_NID(signer, NID_pkcs9_unstructuredName, V_ASN1_UTF8STRING, "note", 4);
}

static int alter_detach(CMS_ContentInfo *cms)
{
	return CMS_set_detached(cms, 1);
}

static int alter_content_type(CMS_ContentInfo *cms)
{
	return CMS_set1_eContentType(cms, OBJ_nid2obj(NID_pkcs7_data));
}

static int alter_revocation_list(CMS_ContentInfo *cms)
{
	X509_CRL *crl = X509_CRL_new();
	int good = X509_CRL_set_issuer_name(crl, X509_get_subject_name(oem.classical.root)) &&
		   X509_CRL_set1_lastUpdate(crl, X509_get0_notBefore(oem.classical.root)) &&
		   X509_CRL_sign(crl, oem.classical.root_key, EVP_sha384()) && CMS_add1_crl(cms, crl);

	X509_CRL_free(crl);
	return good;
}

static void what_no_signature_covers_may_not_vary(void **state)
{
	(void)state;
	assert_int_equal(open_foreign(alter_nothing), 0);
	assert_int_equal(open_foreign(alter_unsigned_attribute), PROVCARD_REFUSAL_MANIFEST_DER);
	assert_int_equal(open_foreign(alter_detach), PROVCARD_REFUSAL_MANIFEST_DER);
	assert_int_equal(open_foreign(alter_content_type), PROVCARD_REFUSAL_MANIFEST_DER);
	assert_int_equal(open_foreign(alter_revocation_list), PROVCARD_REFUSAL_MANIFEST_DER);
}

/* Whom an object names, whether or not they signed it. */
static void claims_are_no_signatures(void **state)
{
	struct provpkg_blob cms = sign(oem.signers, 2);
	STACK_OF(X509) *claims = NULL;
	struct provpkg_signed *object;

	(void)state;
	cms.data[cms.size - 1] ^= 1;
	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&cms), &object),
			 PROVCARD_REFUSAL_MANIFEST_SIGNATURE);
	assert_int_equal(provpkg_signed_claims(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&cms), &claims), 0);
	assert_int_equal(sk_X509_num(claims), 2);
	for (int i = 0; i < 2; i++)
		assert_true(!X509_cmp(sk_X509_value(claims, i), oem.signers[0].certificate) ||
			    !X509_cmp(sk_X509_value(claims, i), oem.signers[1].certificate));
	assert_int_not_equal(X509_cmp(sk_X509_value(claims, 0), sk_X509_value(claims, 1)), 0);
	sk_X509_pop_free(claims, X509_free);
	assert_int_equal(provpkg_signed_claims(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(&cms), &claims), PROVCARD_REFUSAL_REQUEST_DER);
	cms.size--;
	assert_int_equal(provpkg_signed_claims(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&cms), &claims),
			 PROVCARD_REFUSAL_MANIFEST_DER);
	provpkg_blob_free(&cms);
}

/* No single altered bit may leave an object that opens and is trusted. */
static void no_altered_bit_is_accepted(void **state)
{
	struct provpkg_blob cms = sign(oem.signers, 2);
	struct provpkg_signed *object;

	(void)state;
	for (size_t bit = 0; bit < cms.size * 8; bit += 97) {
		cms.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		object = NULL;
		if (!provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&cms), &object))
			assert_int_not_equal(provpkg_signed_suite(object, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW), 0);
		provpkg_signed_free(object);
		cms.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	assert_int_equal(open_bytes(cms.data, cms.size), 0);
	provpkg_blob_free(&cms);
}

/* ---- Certificates that nobody signs ---- */

/* What opening says of an object to which @extra was added behind the signatures. */
static int open_with(X509 *extra)
{
	struct provpkg_blob cms = sign(oem.signers, 2);
	const unsigned char *at = cms.data;
	CMS_ContentInfo *info = d2i_CMS_ContentInfo(NULL, &at, (long)cms.size);
	unsigned char *der = NULL;
	int size, result;

	assert_non_null(info);
	assert_int_equal(CMS_add1_cert(info, extra), 1);
	size = i2d_CMS_ContentInfo(info, &der);
	assert_true(size > 0);
	result = open_bytes(der, (size_t)size);
	OPENSSL_free(der);
	CMS_ContentInfo_free(info);
	provpkg_blob_free(&cms);
	return result;
}

static void surplus_certificates_are_refused(void **state)
{
	struct pki_oem other;

	(void)state;
	pki_oem_new(&other, "Other");
	assert_int_equal(open_with(oem.classical.root), 0); /* above a signer */
	assert_int_equal(open_with(other.classical.root), PROVCARD_REFUSAL_SURPLUS_CERTIFICATE);
	assert_int_equal(open_with(other.signers[1].certificate), PROVCARD_REFUSAL_SURPLUS_CERTIFICATE);
	pki_oem_free(&other);
}

/* ---- Signing one after another ---- */

static int add(const struct provpkg_blob *cms, const struct provpkg_signer *signers, size_t count, struct provpkg_blob *out)
{
	*out = (struct provpkg_blob){ 0 };
	return provpkg_sign_add(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(cms), signers, count, out);
}

static bool signed_by(const struct provpkg_signed *object, const X509 *certificate)
{
	for (size_t i = 0; i < provpkg_signed_count(object); i++)
		if (!X509_cmp(provpkg_signed_signer(object, i), certificate))
			return true;
	return false;
}

static void others_sign_what_somebody_signed(void **state)
{
	struct provpkg_blob first = sign(oem.signers, 1), second, third;
	struct provpkg_signed *object;
	struct pki_oem other;
	struct provpkg_view got;

	(void)state;
	pki_oem_new(&other, "Other");
	other.signers[0].chain = other.anchors;
	assert_int_equal(add(&first, &oem.signers[1], 1, &second), 0);
	assert_int_equal(add(&second, other.signers, 2, &third), 0);
	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&second), &object), 0);
	assert_int_equal(provpkg_signed_suite(object, PROVPKG_SUITE_HYBRID, oem.anchors, PKI_NOW), 0);
	provpkg_signed_free(object);
	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&third), &object), 0);
	assert_int_equal(provpkg_signed_count(object), 4);
	for (size_t i = 0; i < 2; i++) {
		assert_true(signed_by(object, oem.signers[i].certificate));
		assert_true(signed_by(object, other.signers[i].certificate));
	}
	got = provpkg_signed_content(object);
	assert_int_equal(got.size, content.size);
	assert_memory_equal(got.data, content.data, content.size);
	provpkg_signed_free(object);
	provpkg_blob_free(&first);
	provpkg_blob_free(&second);
	provpkg_blob_free(&third);
	other.signers[0].chain = NULL;
	pki_oem_free(&other);
}

static void nobody_signs_twice(void **state)
{
	struct provpkg_signer twice[2] = { oem.signers[1], oem.signers[1] };
	struct provpkg_blob first = sign(oem.signers, 1), out;

	(void)state;
	assert_int_equal(add(&first, oem.signers, 1, &out), PROVCARD_REFUSAL_SIGNED_ALREADY);
	assert_int_equal(add(&first, oem.signers, 2, &out), PROVCARD_REFUSAL_SIGNED_ALREADY);
	assert_int_equal(add(&first, twice, 2, &out), PROVCARD_REFUSAL_SIGNED_ALREADY);
	assert_null(out.data);
	provpkg_blob_free(&first);
}

/* Nobody puts a good signature beside a bad one, on another type, or with a key that is not the certificate's. */
static void what_is_not_good_is_not_signed(void **state)
{
	struct provpkg_signer mixed = { oem.signers[0].key, oem.signers[1].certificate, NULL };
	struct provpkg_blob first = sign(oem.signers, 1), out = { 0 };

	(void)state;
	assert_int_equal(provpkg_sign_add(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&first), &oem.signers[1], 1, &out),
			 PROVCARD_REFUSAL_MANIFEST_DER);
	assert_int_equal(add(&first, &mixed, 1, &out), -EIO);
	assert_int_equal(add(&first, &oem.signers[1], 0, &out), -EINVAL);
	first.data[first.size - 1] ^= 1;
	assert_int_equal(add(&first, &oem.signers[1], 1, &out), PROVCARD_REFUSAL_MANIFEST_SIGNATURE);
	first.size--;
	assert_int_equal(add(&first, &oem.signers[1], 1, &out), PROVCARD_REFUSAL_MANIFEST_DER);
	assert_null(out.data);
	provpkg_blob_free(&first);
}

static void signers_have_an_end(void **state)
{
	EVP_PKEY *key = pki_key("P-384");
	struct provpkg_blob cms = sign(oem.signers, 1), more;
	int result = 0;

	(void)state;
	for (size_t count = 1; count <= PROVPKG_SIGNERS_MAX; count++) {
		X509 *certificate = pki_certificate(key, NULL, NULL, NULL);

		assert_int_equal(open_bytes(cms.data, cms.size), 0);
		result = add(&cms, &(struct provpkg_signer){ key, certificate, NULL }, 1, &more);
		X509_free(certificate);
		if (result)
			break;
		provpkg_blob_free(&cms);
		cms = more;
	}
	assert_int_equal(result, -E2BIG);
	provpkg_blob_free(&cms);
	EVP_PKEY_free(key);
}

static void callers_mistakes_are_einval(void **state)
{
	struct provpkg_blob cms = { 0 };
	struct provpkg_signed *object;

	(void)state;
	assert_int_equal(provpkg_sign(99, content, oem.signers, 1, &cms), -22);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_GRANT, content, oem.signers, 0, &cms), -22);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_GRANT, (struct provpkg_view){ NULL, 0 }, oem.signers, 1, &cms), -22);
	assert_int_equal(provpkg_signed_open(99, content, &object), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_signatures_round_trip),
		cmocka_unit_test(one_signature_of_two_is_not_enough),
		cmocka_unit_test(two_classical_signatures_are_not_a_suite),
		cmocka_unit_test(unknown_suites_are_refused),
		cmocka_unit_test(a_signer_without_anchor_is_untrusted),
		cmocka_unit_test(an_extra_signer_must_be_trusted_too),
		cmocka_unit_test(pinned_certificates_are_anchors),
		cmocka_unit_test(dates_are_judged_by_the_time_given),
		cmocka_unit_test(a_signer_needs_the_signing_usage),
		cmocka_unit_test(signers_of_two_names_are_refused),
		cmocka_unit_test(an_intermediate_may_come_along),
		cmocka_unit_test(each_type_has_its_own_codes),
		cmocka_unit_test(trailing_and_missing_bytes_are_refused),
		cmocka_unit_test(other_spellings_of_lengths_are_refused),
		cmocka_unit_test(what_no_signature_covers_may_not_vary),
		cmocka_unit_test(claims_are_no_signatures),
		cmocka_unit_test(no_altered_bit_is_accepted),
		cmocka_unit_test(surplus_certificates_are_refused),
		cmocka_unit_test(others_sign_what_somebody_signed),
		cmocka_unit_test(nobody_signs_twice),
		cmocka_unit_test(what_is_not_good_is_not_signed),
		cmocka_unit_test(signers_have_an_end),
		cmocka_unit_test(callers_mistakes_are_einval),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
