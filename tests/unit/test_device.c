// SPDX-License-Identifier: GPL-2.0-or-later
/* Device certificates, read back field by field with libcrypto's own parser. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tests/unit/pki.h"

#define HARDWARE_TYPE "1.3.6.1.4.1.99999.1"

static const uint8_t uid_bytes[PROVPKG_UID_MAX] = { 0x12, 0xab, 0, 0xff, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const struct provpkg_view uid = { uid_bytes, 8 };
static const struct provpkg_identity identity = {
	.present = true,
	.algorithm = PROVPKG_KEY_P256,
	.organisation = "Größe & Söhne",
	.common_name = "sensor",
	.hardware_type = HARDWARE_TYPE,
};

struct issuer {
	EVP_PKEY *key;
	X509 *certificate;
	struct provpkg_device_template *device;
};

static struct issuer p256, p384;
static EVP_PKEY *unit_key;
static uint8_t point[65];
static const struct provpkg_view public_key = { point, sizeof(point) };

static void issuer_new(struct issuer *issuer, const char *kind)
{
	issuer->key = pki_key(kind);
	issuer->certificate = pki_certificate(issuer->key, &(struct pki_profile){ .subject = "issuer", .ca = true }, NULL, NULL);
	assert_int_equal(provpkg_device_template_new(issuer->certificate, &identity, &issuer->device), 0);
}

static void issuer_free(struct issuer *issuer)
{
	provpkg_device_template_free(issuer->device);
	X509_free(issuer->certificate);
	EVP_PKEY_free(issuer->key);
}

static int setup(void **state)
{
	size_t size;

	(void)state;
	issuer_new(&p256, "P-256");
	issuer_new(&p384, "P-384");
	unit_key = pki_key("P-256");
	assert_int_equal(EVP_PKEY_get_octet_string_param(unit_key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size), 1);
	assert_int_equal(size, sizeof(point));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	issuer_free(&p256);
	issuer_free(&p384);
	EVP_PKEY_free(unit_key);
	return 0;
}

static X509 *issue(const struct issuer *issuer, struct provpkg_view unit_uid, const uint8_t serial[16], int64_t not_before)
{
	struct provpkg_blob der = { 0 };
	X509 *certificate;

	assert_int_equal(provpkg_device_issue(issuer->device, issuer->key, public_key, unit_uid, serial, not_before, &der), 0);
	assert_int_equal(provpkg_der_certificate(provpkg_blob_view(&der), &certificate), 0);
	provpkg_blob_free(&der);
	return certificate;
}

static X509 *issue_plain(const struct issuer *issuer)
{
	static const uint8_t serial[16] = { 0xff, 0x01 };

	return issue(issuer, uid, serial, PKI_NOW);
}

static void assert_name(X509 *certificate, int nid, int type, const char *expected)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int index = X509_NAME_get_index_by_NID(subject, nid, -1);
	ASN1_STRING *text;

	assert_true(index >= 0);
	text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
	assert_int_equal(ASN1_STRING_type(text), type);
	assert_int_equal(ASN1_STRING_length(text), strlen(expected));
	assert_memory_equal(ASN1_STRING_get0_data(text), expected, strlen(expected));
}

static void names_are_the_profiles(void **state)
{
	X509 *certificate = issue_plain(&p256);

	(void)state;
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(certificate)), 3);
	assert_name(certificate, NID_organizationName, V_ASN1_UTF8STRING, "Größe & Söhne");
	assert_name(certificate, NID_commonName, V_ASN1_UTF8STRING, "sensor-12AB00FF04050607");
	assert_name(certificate, NID_serialNumber, V_ASN1_PRINTABLESTRING, "12AB00FF04050607");
	assert_int_equal(X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(p256.certificate)), 0);
	X509_free(certificate);
}

static void fields_are_the_profiles(void **state)
{
	X509 *certificate = issue_plain(&p256);
	char until[32] = { 0 };

	(void)state;
	assert_int_equal(X509_get_version(certificate), X509_VERSION_3);
	assert_int_equal(X509_get_signature_nid(certificate), NID_ecdsa_with_SHA256);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate), unit_key), 1);
	memcpy(until, ASN1_STRING_get0_data(X509_get0_notAfter(certificate)), ASN1_STRING_length(X509_get0_notAfter(certificate)));
	assert_string_equal(until, "99991231235959Z");
	assert_int_equal(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_check_ca(certificate), 0);
	assert_int_equal(X509_get_extension_flags(certificate) & (EXFLAG_INVALID | EXFLAG_CRITICAL), 0);
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(certificate), X509_get0_subject_key_id(p256.certificate)),
			 0);
	assert_int_equal(X509_get_ext_count(certificate), 5);
	assert_true(X509_EXTENSION_get_critical(
		X509_get_ext(certificate, X509_get_ext_by_NID(certificate, NID_basic_constraints, -1))));
	assert_true(X509_EXTENSION_get_critical(X509_get_ext(certificate, X509_get_ext_by_NID(certificate, NID_key_usage, -1))));
	X509_free(certificate);
}

/* RFC 7093 section 2, method 1. */
static void key_identifier_is_of_the_key(void **state)
{
	X509 *certificate = issue_plain(&p256);
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(certificate);
	uint8_t hash[32];

	(void)state;
	assert_int_equal(EVP_Digest(point, sizeof(point), hash, NULL, EVP_sha256(), NULL), 1);
	assert_int_equal(ASN1_STRING_length(id), 20);
	assert_memory_equal(ASN1_STRING_get0_data(id), hash, 20);
	X509_free(certificate);
}

static void hardware_module_is_named(void **state)
{
	static const uint8_t tail[] = { 0x04, 0x08, 0x12, 0xab, 0x00, 0xff, 0x04, 0x05, 0x06, 0x07 };
	X509 *certificate = issue_plain(&p256);
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);
	const ASN1_STRING *value;
	ASN1_OBJECT *type = OBJ_txt2obj(HARDWARE_TYPE, 1);
	unsigned char oid[32], *end = oid;
	int oid_size = i2d_ASN1_OBJECT(type, &end);

	(void)state;
	assert_int_equal(sk_GENERAL_NAME_num(names), 1);
	assert_int_equal(name->type, GEN_OTHERNAME);
	assert_int_equal(OBJ_obj2nid(name->d.otherName->type_id), NID_id_on_hardwareModuleName);
	value = name->d.otherName->value->value.sequence;
	assert_int_equal(ASN1_STRING_length(value), 2 + oid_size + sizeof(tail));
	assert_memory_equal(ASN1_STRING_get0_data(value) + 2, oid, oid_size);
	assert_memory_equal(ASN1_STRING_get0_data(value) + 2 + oid_size, tail, sizeof(tail));
	ASN1_OBJECT_free(type);
	GENERAL_NAMES_free(names);
	X509_free(certificate);
}

static void chain_is_good_by_strict_rules(const struct issuer *issuer, X509 *certificate, int expected)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();

	X509_STORE_add_cert(store, issuer->certificate);
	assert_int_equal(X509_STORE_CTX_init(context, store, certificate, NULL), 1);
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), PKI_NOW + 1);
	X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
	X509_verify_cert(context);
	assert_int_equal(X509_STORE_CTX_get_error(context), expected);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
}

static void chain_is_good(void **state)
{
	X509 *first = issue_plain(&p256), *second = issue_plain(&p384);

	(void)state;
	chain_is_good_by_strict_rules(&p256, first, X509_V_OK);
	chain_is_good_by_strict_rules(&p384, second, X509_V_OK);
	chain_is_good_by_strict_rules(&p384, first, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
	assert_int_equal(X509_get_signature_nid(second), NID_ecdsa_with_SHA384);
	X509_free(first);
	X509_free(second);
}

/* Positive and sixteen octets, whatever was drawn. */
static void serial_is_positive_and_fixed(void **state)
{
	static const uint8_t serials[][16] = { { 0 }, { 0x80 }, { 0xff, 0xff }, { 0x40 }, { 0x00, 0x80 }, { 0x7f } };

	(void)state;
	for (size_t i = 0; i < sizeof(serials) / sizeof(serials[0]); i++) {
		X509 *certificate = issue(&p256, uid, serials[i], PKI_NOW);
		const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);

		assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER);
		assert_int_equal(ASN1_STRING_length(serial), 16);
		assert_memory_equal(ASN1_STRING_get0_data(serial) + 1, serials[i] + 1, 15);
		X509_free(certificate);
	}
}

static void every_uid_size_works(void **state)
{
	static const uint8_t serial[16] = { 1 };

	(void)state;
	for (size_t size = 1; size <= PROVPKG_UID_MAX; size++) {
		X509 *certificate = issue(&p256, (struct provpkg_view){ uid_bytes, size }, serial, PKI_NOW);

		chain_is_good_by_strict_rules(&p256, certificate, X509_V_OK);
		X509_free(certificate);
	}
}

/* RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
static void dates_take_the_right_form(void **state)
{
	static const struct {
		int64_t at;
		int type;
		const char *text;
	} dates[] = {
		{ 0, V_ASN1_UTCTIME, "700101000000Z" },
		{ PKI_NOW, V_ASN1_UTCTIME, "260921141320Z" },
		{ INT64_C(2524607999), V_ASN1_UTCTIME, "491231235959Z" },
		{ INT64_C(2524608000), V_ASN1_GENERALIZEDTIME, "20500101000000Z" },
	};
	static const uint8_t serial[16] = { 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		X509 *certificate = issue(&p256, uid, serial, dates[i].at);
		const ASN1_TIME *from = X509_get0_notBefore(certificate);

		assert_int_equal(ASN1_STRING_type(from), dates[i].type);
		assert_int_equal(ASN1_STRING_length(from), strlen(dates[i].text));
		assert_memory_equal(ASN1_STRING_get0_data(from), dates[i].text, strlen(dates[i].text));
		X509_free(certificate);
	}
}

static void issue_refuses_callers_mistakes(void **state)
{
	static const uint8_t serial[16] = { 1 };
	uint8_t compressed[65] = { 0x02 };
	const struct provpkg_view keys[] = { { compressed, 65 }, { point, 64 }, { point, 0 } };
	const struct provpkg_view uids[] = { { uid_bytes, 0 }, { uid_bytes, 17 } };
	struct provpkg_blob der = { 0 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(provpkg_device_issue(p256.device, p256.key, keys[i], uid, serial, PKI_NOW, &der), -EINVAL);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(provpkg_device_issue(p256.device, p256.key, public_key, uids[i], serial, PKI_NOW, &der), -EINVAL);
	assert_int_equal(provpkg_device_issue(p256.device, p384.key, public_key, uid, serial, PKI_NOW, &der), -EINVAL);
	assert_int_equal(provpkg_device_issue(p256.device, p256.key, public_key, uid, serial, -1, &der), -EINVAL);
	assert_int_equal(provpkg_device_issue(p256.device, p256.key, public_key, uid, serial, INT64_C(253402300800), &der), -EINVAL);
	assert_null(der.data);
}

static int template_of(EVP_PKEY *key, const struct pki_profile *profile)
{
	X509 *certificate = pki_certificate(key, profile, NULL, NULL);
	struct provpkg_device_template *device = NULL;
	int result = provpkg_device_template_new(certificate, &identity, &device);

	assert_true(result ? !device : !!device);
	provpkg_device_template_free(device);
	X509_free(certificate);
	return result;
}

static void template_refuses_unfit_issuers(void **state)
{
	static const char *const kinds[] = { "P-521", "ED25519", "ML-DSA-44", "ML-DSA-87" };

	(void)state;
	assert_int_equal(template_of(p256.key, &(struct pki_profile){ .ca = true }), 0);
	assert_int_equal(template_of(p256.key, &(struct pki_profile){ 0 }), PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	assert_int_equal(template_of(p256.key, &(struct pki_profile){ .ca = true, .usage = "critical,digitalSignature" }),
			 PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	assert_int_equal(template_of(p256.key, &(struct pki_profile){ .ca = true, .no_key_identifier = true }),
			 PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		EVP_PKEY *key = pki_key(kinds[i]);

		assert_int_equal(template_of(key, &(struct pki_profile){ .ca = true }), PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
		EVP_PKEY_free(key);
	}
}

static int template_for(const struct provpkg_identity *wanted)
{
	struct provpkg_device_template *device = NULL;
	int result = provpkg_device_template_new(p256.certificate, wanted, &device);

	assert_true(result ? !device : !!device);
	provpkg_device_template_free(device);
	return result;
}

static void template_refuses_bad_identities(void **state)
{
	struct provpkg_identity wanted = identity;

	(void)state;
	strcpy(wanted.common_name, "1234567890123456789012345678901"); /* 31 characters */
	assert_int_equal(template_for(&wanted), 0);
	strcpy(wanted.common_name, "12345678901234567890123456789012");
	assert_int_equal(template_for(&wanted), PROVCARD_REFUSAL_ROT_RANGE);
	strcpy(wanted.common_name, "");
	assert_int_equal(template_for(&wanted), PROVCARD_REFUSAL_ROT_RANGE);
	strcpy(wanted.common_name, "bell\a");
	assert_int_equal(template_for(&wanted), PROVCARD_REFUSAL_ROT_RANGE);
	wanted = identity;
	strcpy(wanted.organisation, "");
	assert_int_equal(template_for(&wanted), PROVCARD_REFUSAL_ROT_RANGE);
	wanted = identity;
	strcpy(wanted.hardware_type, "not an OID");
	assert_int_equal(template_for(&wanted), PROVCARD_REFUSAL_ROT_RANGE);
	strcpy(wanted.hardware_type, "");
	assert_int_equal(template_for(&wanted), PROVCARD_REFUSAL_ROT_RANGE);
	wanted = identity;
	wanted.algorithm = 0;
	assert_int_equal(template_for(&wanted), PROVCARD_REFUSAL_ROT_RANGE);
	wanted.algorithm = PROVPKG_KEY_ML_DSA_65 + 1;
	assert_int_equal(template_for(&wanted), PROVCARD_REFUSAL_ROT_RANGE);
	assert_int_equal(ERR_peek_error(), 0);
}

/* What no certificate could hold must not be packed either. */
static void packing_refuses_bad_identities_too(void **state)
{
	struct provpkg_rot rot = { .part = "nRF52840", .images = 1, .identity = identity };
	struct provpkg_blob der = { 0 };

	(void)state;
	strcpy(rot.image[0].name, "application");
	rot.image[0].size = 4;
	rot.identity.certificate_size = 1024;
	strcpy(rot.identity.common_name, "1234567890123456789012345678901");
	assert_int_equal(provpkg_rot_encode(&rot, &der), 0);
	provpkg_blob_free(&der);
	strcpy(rot.identity.common_name, "12345678901234567890123456789012");
	assert_int_equal(provpkg_rot_encode(&rot, &der), PROVCARD_REFUSAL_ROT_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_the_profiles),
		cmocka_unit_test(fields_are_the_profiles),
		cmocka_unit_test(key_identifier_is_of_the_key),
		cmocka_unit_test(hardware_module_is_named),
		cmocka_unit_test(chain_is_good),
		cmocka_unit_test(serial_is_positive_and_fixed),
		cmocka_unit_test(every_uid_size_works),
		cmocka_unit_test(dates_take_the_right_form),
		cmocka_unit_test(issue_refuses_callers_mistakes),
		cmocka_unit_test(template_refuses_unfit_issuers),
		cmocka_unit_test(template_refuses_bad_identities),
		cmocka_unit_test(packing_refuses_bad_identities_too),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
