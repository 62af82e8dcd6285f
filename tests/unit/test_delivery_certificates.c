// SPDX-License-Identifier: GPL-2.0-or-later
/* The certificates in a delivery: each belongs to its record, its part and its issuer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

#include "lib/provpkg/crypto.h"
#include "tests/unit/delivery.h"

static void certificates_belong_to_their_records(void **state)
{
	struct delivery delivery;
	struct provpkg_verifier *verifier;
	struct provpkg_view other;

	(void)state;
	delivery_new(&delivery);
	verifier = delivery_begin(&delivery);
	other = provpkg_blob_view(&delivery.entry[SECOND_GOOD].attachment);
	assert_int_equal(delivery_feed_range(verifier, &delivery, LOADED, FIRST_GOOD), 0);
	assert_int_equal(delivery_feed_with(verifier, &delivery, FIRST_GOOD, other), PROVCARD_REFUSAL_ATTACHMENT_MISMATCH);
	assert_int_equal(delivery_feed_with(verifier, &delivery, FIRST_GOOD, (struct provpkg_view){ 0 }),
			 PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
	assert_int_equal(delivery_feed(verifier, &delivery, FIRST_GOOD), 0);
	provpkg_verifier_free(verifier);
	delivery_free(&delivery);
}

/* The request of an allocation may be left out of a delivery, but not replaced. */
static void other_attachments_may_be_absent(void **state)
{
	struct delivery delivery;
	struct provpkg_verifier *verifier;

	(void)state;
	delivery_new(&delivery);
	verifier = delivery_begin(&delivery);
	assert_int_equal(delivery_feed(verifier, &delivery, LOADED), 0);
	assert_int_equal(
		delivery_feed_with(verifier, &delivery, ALLOCATED, (struct provpkg_view){ (const uint8_t *)"replaced", 8 }),
		PROVCARD_REFUSAL_ATTACHMENT_MISMATCH);
	assert_int_equal(delivery_feed_with(verifier, &delivery, ALLOCATED, (struct provpkg_view){ 0 }), 0);
	provpkg_verifier_free(verifier);
	delivery_free(&delivery);
}

/* A record that names the digest of a certificate that was made for another part, or by another issuer. */
static int verify_with_certificate(struct provpkg_blob certificate)
{
	struct delivery delivery;
	struct entry *entry = &delivery.entry[FIRST_GOOD];
	int result;

	delivery_new(&delivery);
	provpkg_blob_free(&entry->attachment);
	delivery_attach(entry, certificate);
	memcpy(entry->record.certificate_digest, entry->record.attachment_digest, PROVPKG_HASH_SIZE);
	result = delivery_verify_resealed(&delivery);
	delivery_free(&delivery);
	return result;
}

static struct provpkg_blob der_of(X509 *certificate)
{
	struct provpkg_blob der = { 0 };
	int size = i2d_X509(certificate, &der.data);

	assert_true(size > 0);
	der.size = size;
	return der;
}

static void certificates_name_their_part(void **state)
{
	const uint8_t right[8] = { 1, 1, 1, 1, 1, 1, 1, 1 }, wrong[8] = { 1, 1, 1, 1, 1, 1, 1, 2 };

	(void)state;
	assert_int_equal(verify_with_certificate(delivery_certificate((struct provpkg_view){ right, 8 })), 0);
	assert_int_equal(verify_with_certificate(delivery_certificate((struct provpkg_view){ wrong, 8 })),
			 PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
	assert_int_equal(verify_with_certificate(delivery_certificate((struct provpkg_view){ right, 7 })),
			 PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
	assert_int_equal(verify_with_certificate(der_of(world.issuer.certificate)), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
	assert_int_equal(verify_with_certificate(der_of(world.made.certificates.agreement)), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
}

/* Same names, same key identifiers, a signature by another key: only the signature tells. */
static void certificates_are_signed_by_the_issuer(void **state)
{
	const uint8_t uid[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	EVP_PKEY *kept = world.issuer.key;
	struct provpkg_blob forged;

	(void)state;
	world.issuer.key = pki_key("P-256");
	forged = delivery_certificate((struct provpkg_view){ uid, 8 });
	EVP_PKEY_free(world.issuer.key);
	world.issuer.key = kept;
	assert_int_equal(verify_with_certificate(forged), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
}

/* ---- Well signed by the issuing key, but not by the profile ---- */

static void replace_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509_EXTENSION_free(X509_delete_ext(certificate, X509_get_ext_by_NID(certificate, nid, -1)));
	if (!value)
		return;
	X509V3_set_ctx(&context, world.issuer.certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_true(extension && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static void replace_name(X509 *certificate, int nid, const char *value)
{
	X509_NAME *subject = X509_get_subject_name(certificate);

	X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, X509_NAME_get_index_by_NID(subject, nid, -1)));
	if (value)
		assert_true(X509_NAME_add_entry_by_NID(subject, nid, MBSTRING_ASC, (const unsigned char *)value, -1, -1, 0));
}

static void is_kept(X509 *certificate)
{
	(void)certificate;
}

static void other_common_name(X509 *certificate)
{
	replace_name(certificate, NID_commonName, "sensor-0101010101010102");
}

static void no_common_name(X509 *certificate)
{
	replace_name(certificate, NID_commonName, NULL);
}

static void other_serial_number(X509 *certificate)
{
	replace_name(certificate, NID_serialNumber, "0101010101010102");
}

static void no_alternative_name(X509 *certificate)
{
	replace_extension(certificate, NID_subject_alt_name, NULL);
}

static void other_alternative_name(X509 *certificate)
{
	replace_extension(certificate, NID_subject_alt_name, "DNS:example.com");
}

static void alternative_name_of_another(X509 *certificate)
{
	const uint8_t uid[8] = { 1, 1, 1, 1, 1, 1, 1, 2 };
	struct provpkg_blob der = delivery_certificate((struct provpkg_view){ uid, 8 });
	X509 *other;

	assert_int_equal(provpkg_der_certificate(provpkg_blob_view(&der), &other), 0);
	replace_extension(certificate, NID_subject_alt_name, NULL);
	assert_true(X509_add_ext(certificate, X509_get_ext(other, X509_get_ext_by_NID(other, NID_subject_alt_name, -1)), -1));
	X509_free(other);
	provpkg_blob_free(&der);
}

static void usage_to_sign_certificates(X509 *certificate)
{
	replace_extension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign");
}

static void usage_left_open(X509 *certificate)
{
	replace_extension(certificate, NID_key_usage, NULL);
}

static void authority(X509 *certificate)
{
	replace_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
}

static void constraints_left_open(X509 *certificate)
{
	replace_extension(certificate, NID_basic_constraints, NULL);
}

static void no_issuer_key_id(X509 *certificate)
{
	replace_extension(certificate, NID_authority_key_identifier, NULL);
}

static void key_of_another_kind(X509 *certificate)
{
	EVP_PKEY *key = pki_key("P-521");

	assert_true(X509_set_pubkey(certificate, key));
	EVP_PKEY_free(key);
}

static int verify_altered(void (*alter)(X509 *certificate))
{
	const uint8_t uid[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	struct provpkg_blob der = delivery_certificate((struct provpkg_view){ uid, 8 });
	X509 *certificate;

	assert_int_equal(provpkg_der_certificate(provpkg_blob_view(&der), &certificate), 0);
	provpkg_blob_free(&der);
	alter(certificate);
	assert_true(X509_sign(certificate, world.issuer.key, EVP_sha256()) > 0);
	der = der_of(certificate);
	X509_free(certificate);
	return verify_with_certificate(der);
}

static void certificates_keep_the_profile(void **state)
{
	static void (*const alterations[])(X509 *) = {
		other_common_name,	    no_common_name,	    other_serial_number,
		no_alternative_name,	    other_alternative_name, alternative_name_of_another,
		usage_to_sign_certificates, usage_left_open,	    authority,
		constraints_left_open,	    no_issuer_key_id,	    key_of_another_kind,
	};

	(void)state;
	assert_int_equal(verify_altered(is_kept), 0);
	for (size_t i = 0; i < sizeof(alterations) / sizeof(alterations[0]); i++)
		assert_int_equal(verify_altered(alterations[i]), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
}

static void no_certificate_in_a_record(struct provpkg_record *record)
{
	memset(record->certificate_digest, 0, sizeof(record->certificate_digest));
}

static void good_units_have_certificates(void **state)
{
	(void)state;
	assert_int_equal(delivery_verify_changed(FIRST_GOOD, no_certificate_in_a_record), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
	assert_int_equal(delivery_verify_changed(SCRAP, no_certificate_in_a_record), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
}

/* A job without identities: no certificates, and the root of nothing. */
static void jobs_without_certificates_verify(void **state)
{
	struct provpkg_verifier *verifier;
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	assert_int_equal(provpkg_verifier_new(provpkg_blob_view(&delivery.cms), world.made.card, NULL, &verifier), 0);
	assert_int_equal(delivery_feed_range(verifier, &delivery, 0, LOG_SIZE), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
	provpkg_verifier_free(verifier);
	for (size_t i = 0; i < LOG_SIZE; i++) {
		provpkg_blob_free(&delivery.entry[i].attachment);
		memset(delivery.entry[i].record.certificate_digest, 0, PROVPKG_HASH_SIZE);
		memset(delivery.entry[i].record.attachment_digest, 0, PROVPKG_HASH_SIZE);
	}
	delivery_seal(&delivery);
	delivery_sign(&delivery, world.made.signers, 2);
	assert_int_equal(provpkg_verifier_new(provpkg_blob_view(&delivery.cms), world.made.card, NULL, &verifier), 0);
	assert_int_equal(delivery_feed_range(verifier, &delivery, 0, LOG_SIZE), 0);
	assert_int_equal(provpkg_verifier_finish(verifier), 0);
	assert_int_equal(provpkg_verifier_end(verifier)->good, DELIVERY_GOOD);
	provpkg_verifier_free(verifier);
	delivery_free(&delivery);
}

/* ---- One alone ---- */

/* A good unit whose record keeps @kept behind its certificate, and what comes with it instead. */
static int verify_sealed_birth(struct provpkg_view kept, struct provpkg_view given)
{
	struct provpkg_birth birth = { .issuer_chain = world.issuer.chain, .sealed = given, .checkpoint.size = LOG_SIZE };
	struct provpkg_view pieces[2] = { { 0 }, kept };
	struct provpkg_record record;
	struct delivery delivery;
	struct entry *entry = &delivery.entry[FIRST_GOOD];
	int result;

	delivery_new(&delivery);
	pieces[0] = provpkg_blob_view(&entry->attachment);
	assert_int_equal(provpkg_digest(EVP_sha256(), pieces, 2, entry->record.attachment_digest), 0);
	delivery_seal(&delivery);
	birth.record = provpkg_blob_view(&entry->der);
	birth.certificate = pieces[0];
	memcpy(birth.checkpoint.root, delivery.end.log_root, PROVPKG_HASH_SIZE);
	assert_int_equal(provpkg_inclusion_proof(provpkg_nodes_give, &delivery.nodes, FIRST_GOOD, LOG_SIZE, birth.inclusion,
						 &birth.inclusion_count),
			 0);
	result = provpkg_birth_verify(&birth, &record);
	delivery_free(&delivery);
	return result;
}

static void sealed_secrets_are_the_records(void **state)
{
	const struct provpkg_view none = { 0 }, one = { (const uint8_t *)"one", 3 }, two = { (const uint8_t *)"two", 3 };

	(void)state;
	assert_int_equal(verify_sealed_birth(one, one), 0);
	assert_int_equal(verify_sealed_birth(none, none), 0);
	assert_int_equal(verify_sealed_birth(one, two), PROVCARD_REFUSAL_ATTACHMENT_MISMATCH);
	assert_int_equal(verify_sealed_birth(one, none), PROVCARD_REFUSAL_ATTACHMENT_MISMATCH);
	assert_int_equal(verify_sealed_birth(none, one), PROVCARD_REFUSAL_ATTACHMENT_MISMATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_belong_to_their_records), cmocka_unit_test(other_attachments_may_be_absent),
		cmocka_unit_test(certificates_name_their_part),		cmocka_unit_test(certificates_are_signed_by_the_issuer),
		cmocka_unit_test(certificates_keep_the_profile),	cmocka_unit_test(good_units_have_certificates),
		cmocka_unit_test(jobs_without_certificates_verify),	cmocka_unit_test(sealed_secrets_are_the_records),
	};

	return cmocka_run_group_tests(tests, delivery_world_new, delivery_world_free);
}
