// SPDX-License-Identifier: GPL-2.0-or-later
/* Secrets that go back to the OEM: who can open them, what is taken for one, and how records have them attached. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provcard-refusal.h"
#include "tests/unit/pki.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name

struct pair {
	EVP_PKEY *key;
	X509 *certificate;
};

static struct pair agreement, kem, kem_1024;
static const uint8_t card_id[PROVPKG_CARD_ID_SIZE] = { 1 }, package_id[PROVPKG_ID_SIZE] = { 2 };
static const struct provpkg_escrow_job job = { card_id, package_id };
static const uint8_t shares[PROVPKG_ESCROW_SHARES] = { 3 };
static const uint8_t uid_bytes[8] = { 4, 5, 6, 7, 8, 9, 10, 11 };
static const struct provpkg_view uid = { uid_bytes, sizeof(uid_bytes) };

static struct pair make_pair(const char *kind, const char *usage)
{
	EVP_PKEY *issuer_key = pki_key("P-384"), *key = pki_key(kind);
	X509 *issuer = pki_certificate(issuer_key, &(struct pki_profile){ .subject = "root", .ca = true }, NULL, NULL);
	X509 *certificate = pki_certificate(key, &(struct pki_profile){ .usage = usage }, issuer, issuer_key);

	EVP_PKEY_free(issuer_key);
	X509_free(issuer);
	return (struct pair){ key, certificate };
}

static void free_pair(struct pair *pair)
{
	EVP_PKEY_free(pair->key);
	X509_free(pair->certificate);
}

static int set_up(void **state)
{
	(void)state;
	agreement = make_pair("P-384", "critical,keyAgreement");
	kem = make_pair("ML-KEM-768", "critical,keyEncipherment");
	kem_1024 = make_pair("ML-KEM-1024", "critical,keyEncipherment");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free_pair(&agreement);
	free_pair(&kem);
	free_pair(&kem_1024);
	return 0;
}

static int check(unsigned int suite, X509 *first, X509 *second)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	int result;

	if (first)
		sk_X509_push(certificates, first);
	if (second)
		sk_X509_push(certificates, second);
	result = provpkg_escrow_check(suite, certificates);
	sk_X509_free(certificates);
	return result;
}

static void certificates_are_the_suites(void **state)
{
	struct pair signer = make_pair("P-384", "critical,digitalSignature");

	(void)state;
	assert_int_equal(check(PROVPKG_SUITE_HYBRID, agreement.certificate, kem.certificate), 0);
	assert_int_equal(check(PROVPKG_SUITE_HYBRID, kem.certificate, agreement.certificate), 0);
	assert_int_equal(check(PROVPKG_SUITE_CNSA2, kem_1024.certificate, NULL), 0);
	assert_int_equal(check(PROVPKG_SUITE_HYBRID, agreement.certificate, NULL), REFUSED(ESCROW_CERTIFICATE));
	assert_int_equal(check(PROVPKG_SUITE_HYBRID, kem.certificate, kem.certificate), REFUSED(ESCROW_CERTIFICATE));
	assert_int_equal(check(PROVPKG_SUITE_HYBRID, signer.certificate, kem.certificate), REFUSED(ESCROW_CERTIFICATE));
	assert_int_equal(check(PROVPKG_SUITE_HYBRID, agreement.certificate, kem_1024.certificate), REFUSED(ESCROW_CERTIFICATE));
	assert_int_equal(check(PROVPKG_SUITE_CNSA2, kem.certificate, NULL), REFUSED(ESCROW_CERTIFICATE));
	assert_int_equal(check(PROVPKG_SUITE_CNSA2, kem_1024.certificate, agreement.certificate), REFUSED(ESCROW_CERTIFICATE));
	assert_int_equal(check(99, agreement.certificate, kem.certificate), REFUSED(SUITE_UNKNOWN));
	free_pair(&signer);
}

static struct provpkg_blob seal(unsigned int suite, uint8_t key[PROVPKG_KEY_SIZE])
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	struct provpkg_blob envelope = { 0 };

	sk_X509_push(certificates, suite == PROVPKG_SUITE_CNSA2 ? kem_1024.certificate : kem.certificate);
	if (suite == PROVPKG_SUITE_HYBRID)
		sk_X509_push(certificates, agreement.certificate);
	assert_int_equal(provpkg_escrow_seal(suite, certificates, &job, shares, &envelope, key), 0);
	sk_X509_free(certificates);
	return envelope;
}

static void envelopes_open_with_every_key_of_the_suite(void **state)
{
	EVP_PKEY *both[] = { agreement.key, kem.key }, *one[] = { kem_1024.key };
	uint8_t sealed[PROVPKG_KEY_SIZE], opened[PROVPKG_KEY_SIZE], other[PROVPKG_KEY_SIZE];
	struct provpkg_blob hybrid = seal(PROVPKG_SUITE_HYBRID, sealed), cnsa;
	uint8_t other_card[PROVPKG_CARD_ID_SIZE] = { 9 };
	struct provpkg_escrow_job elsewhere = { other_card, package_id };

	(void)state;
	assert_int_equal(provpkg_escrow_open(provpkg_blob_view(&hybrid), &job, both, 2, opened), 0);
	assert_memory_equal(sealed, opened, sizeof(opened));
	/* Moved to another card's records it opens to another key. */
	assert_int_equal(provpkg_escrow_open(provpkg_blob_view(&hybrid), &elsewhere, both, 2, other), 0);
	assert_memory_not_equal(sealed, other, sizeof(other));
	assert_int_equal(provpkg_escrow_open(provpkg_blob_view(&hybrid), &job, both, 1, opened), REFUSED(ESCROW_KEY));
	assert_int_equal(provpkg_escrow_open(provpkg_blob_view(&hybrid), &job, both + 1, 1, opened), REFUSED(ESCROW_KEY));
	assert_int_equal(provpkg_escrow_open(provpkg_blob_view(&hybrid), &job, one, 1, opened), REFUSED(ESCROW_KEY));
	cnsa = seal(PROVPKG_SUITE_CNSA2, sealed);
	assert_int_equal(provpkg_escrow_open(provpkg_blob_view(&cnsa), &job, one, 1, opened), 0);
	assert_memory_equal(sealed, opened, sizeof(opened));
	assert_int_equal(provpkg_escrow_open(provpkg_blob_view(&cnsa), &job, both, 2, opened), REFUSED(ESCROW_KEY));
	provpkg_blob_free(&hybrid);
	provpkg_blob_free(&cnsa);
}

/* Whatever bit is another: no key comes out, and if it is form that broke, that is said. */
static void altered_envelopes_open_to_nothing(void **state)
{
	EVP_PKEY *both[] = { agreement.key, kem.key };
	uint8_t key[PROVPKG_KEY_SIZE], opened[PROVPKG_KEY_SIZE];
	struct provpkg_blob envelope = seal(PROVPKG_SUITE_HYBRID, key);

	(void)state;
	for (size_t at = 0; at < envelope.size; at += at < 128 ? 1 : 7) {
		int result;

		envelope.data[at] ^= 1;
		result = provpkg_escrow_open(provpkg_blob_view(&envelope), &job, both, 2, opened);
		if (!result || (result != REFUSED(ESCROW_KEY) && result != REFUSED(SEALED_SECRETS)))
			fail_msg("byte %zu of %zu: %d", at, envelope.size, result);
		envelope.data[at] ^= 1;
	}
	assert_int_equal(provpkg_escrow_open(provpkg_blob_view(&envelope), &job, both, 2, opened), 0);
	provpkg_blob_free(&envelope);
}

static struct provpkg_secrets two_secrets(void)
{
	struct provpkg_secrets secrets = { .count = 2, .secret = { { "debug", 16, "sixteen bytes .." }, { "reset", 64, "sixty-four" } } };

	return secrets;
}

static void units_secrets_come_back(void **state)
{
	static const uint8_t key[PROVPKG_KEY_SIZE] = { 5 }, wrong[PROVPKG_KEY_SIZE] = { 6 };
	struct provpkg_view other = { uid_bytes, 7 };
	struct provpkg_secrets secrets = two_secrets(), opened;
	struct provpkg_blob first = { 0 }, second = { 0 };

	(void)state;
	assert_int_equal(provpkg_secrets_seal(key, uid, 77, &secrets, &first), 0);
	assert_int_equal(provpkg_secrets_seal(key, uid, 77, &secrets, &second), 0);
	/* A nonce of its own each time. */
	assert_true(first.size == second.size && memcmp(first.data, second.data, first.size));
	assert_int_equal(provpkg_secrets_open(key, uid, provpkg_blob_view(&first), &opened), 0);
	assert_memory_equal(&opened, &secrets, sizeof(opened));
	assert_int_equal(provpkg_secrets_open(wrong, uid, provpkg_blob_view(&first), &opened), REFUSED(ESCROW_KEY));
	assert_int_equal(provpkg_secrets_open(key, other, provpkg_blob_view(&first), &opened), REFUSED(ESCROW_KEY));
	for (size_t bit = 0; bit < 8 * first.size; bit++) {
		int result;

		first.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		result = provpkg_secrets_open(key, uid, provpkg_blob_view(&first), &opened);
		assert_true(result == REFUSED(ESCROW_KEY) || result == REFUSED(SEALED_SECRETS));
		first.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	first.size--;
	assert_int_equal(provpkg_secrets_open(key, uid, provpkg_blob_view(&first), &opened), REFUSED(SEALED_SECRETS));
	provpkg_blob_free(&first);
	provpkg_blob_free(&second);
}

static void mistakes_are_not_sealed(void **state)
{
	static const uint8_t key[PROVPKG_KEY_SIZE] = { 5 };
	struct provpkg_secrets secrets = two_secrets();
	struct provpkg_blob sealed = { 0 };

	(void)state;
	secrets.count = 0;
	assert_int_equal(provpkg_secrets_seal(key, uid, 1, &secrets, &sealed), -EINVAL);
	secrets = two_secrets();
	secrets.secret[1].size = 65;
	assert_int_equal(provpkg_secrets_seal(key, uid, 1, &secrets, &sealed), -EINVAL);
	secrets = two_secrets();
	secrets.secret[0].name[0] = 0;
	assert_int_equal(provpkg_secrets_seal(key, uid, 1, &secrets, &sealed), -EINVAL);
	assert_int_equal(provpkg_secrets_seal(key, (struct provpkg_view){ uid_bytes, 0 }, 1, &secrets, &sealed), -EINVAL);
	assert_null(sealed.data);
}

/* At their longest they fit the entry that the log keeps free for a unit. */
static void the_longest_secrets_are_sealed(void **state)
{
	static const uint8_t key[PROVPKG_KEY_SIZE] = { 5 }, long_uid[PROVPKG_UID_MAX] = { 1 };
	struct provpkg_secrets secrets = { .count = PROVPKG_LIFECYCLE_MAX }, opened;
	struct provpkg_blob sealed = { 0 };

	(void)state;
	for (size_t i = 0; i < secrets.count; i++) {
		memset(secrets.secret[i].name, 'a' + (int)i, PROVPKG_NAME_MAX);
		secrets.secret[i].size = 64;
	}
	assert_int_equal(provpkg_secrets_seal(key, (struct provpkg_view){ long_uid, 16 }, UINT64_MAX, &secrets, &sealed), 0);
	assert_in_range(sealed.size, 1000, 1300);
	assert_int_equal(provpkg_secrets_open(key, (struct provpkg_view){ long_uid, 16 }, provpkg_blob_view(&sealed), &opened), 0);
	assert_memory_equal(&opened, &secrets, sizeof(opened));
	provpkg_blob_free(&sealed);
}

static int split(const uint8_t *first, size_t first_size, const struct provpkg_blob *rest, size_t rest_size, bool loaded,
		 struct provpkg_attachment *parts)
{
	static uint8_t bytes[16384];

	memcpy(bytes, first, first_size);
	if (rest)
		memcpy(bytes + first_size, rest->data, rest_size);
	return provpkg_attachment_split((struct provpkg_view){ bytes, first_size + rest_size }, loaded, parts);
}

static void attachments_are_one_form(void **state)
{
	static const uint8_t sequence[] = { 0x30, 3, 2, 1, 5 }, indefinite[] = { 0x30, 0x80, 0, 0 }, octets[] = { 4, 1, 1 };
	uint8_t key[PROVPKG_KEY_SIZE];
	struct provpkg_blob envelope = seal(PROVPKG_SUITE_HYBRID, key), sealed = { 0 };
	struct provpkg_secrets secrets = two_secrets();
	struct provpkg_attachment parts;

	(void)state;
	assert_int_equal(provpkg_secrets_seal(key, uid, 1, &secrets, &sealed), 0);
	assert_int_equal(split(sequence, 5, NULL, 0, false, &parts), 0);
	assert_true(parts.first.size == 5 && !parts.sealed.size);
	assert_int_equal(split(sequence, 5, &sealed, sealed.size, false, &parts), 0);
	assert_true(parts.first.size == 5 && parts.sealed.size == sealed.size);
	assert_int_equal(split(sequence, 0, &sealed, sealed.size, false, &parts), 0);
	assert_true(!parts.first.size && parts.sealed.size == sealed.size);
	assert_int_equal(split(sequence, 5, &envelope, envelope.size, true, &parts), 0);
	assert_true(parts.first.size == 5 && parts.sealed.size == envelope.size);
	/* The one in place of the other, cut off, behind what is no DER, or nothing where something must be. */
	assert_int_equal(split(sequence, 5, &envelope, envelope.size, false, &parts), REFUSED(SEALED_SECRETS));
	assert_int_equal(split(sequence, 5, &sealed, sealed.size, true, &parts), REFUSED(SEALED_SECRETS));
	assert_int_equal(split(sequence, 5, &sealed, sealed.size - 1, false, &parts), REFUSED(SEALED_SECRETS));
	assert_int_equal(split(indefinite, 4, &sealed, sealed.size, false, &parts), REFUSED(SEALED_SECRETS));
	assert_int_equal(split(octets, 3, NULL, 0, false, &parts), REFUSED(SEALED_SECRETS));
	assert_int_equal(split(sequence, 0, &envelope, envelope.size, true, &parts), REFUSED(SEALED_SECRETS));
	assert_int_equal(split(sequence, 4, NULL, 0, false, &parts), REFUSED(SEALED_SECRETS));
	provpkg_blob_free(&envelope);
	provpkg_blob_free(&sealed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_are_the_suites),
		cmocka_unit_test(envelopes_open_with_every_key_of_the_suite),
		cmocka_unit_test(altered_envelopes_open_to_nothing),
		cmocka_unit_test(units_secrets_come_back),
		cmocka_unit_test(mistakes_are_not_sealed),
		cmocka_unit_test(the_longest_secrets_are_sealed),
		cmocka_unit_test(attachments_are_one_form),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
