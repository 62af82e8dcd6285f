// SPDX-License-Identifier: GPL-2.0-or-later
/* The algorithms under the envelopes against Wycheproof: ours where we wrap them, libcrypto's where we call them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "lib/provpkg/crypto.h"
#include "tests/unit/vectors.h"

/* Runs @check on each test of @path and wants at least @least of them to apply. */
static void run(const char *path, size_t least, bool (*check)(const struct vectors_case *test))
{
	struct provpkg_blob file;
	struct vectors_case test = { NULL, NULL };
	size_t applied = 0;

	vectors_need(path);
	file = vectors_read(path);
	while (vectors_next(&file, &test)) {
		applied += check(&test);
		ERR_clear_error();
	}
	print_message("%s: %zu tests\n", path, applied);
	assert_true(applied >= least);
	provpkg_blob_free(&file);
}

static void wrong(const struct vectors_case *test)
{
	fail_msg("test %ld", strtol(strchr(test->begin, ':') + 1, NULL, 10));
}

static bool check_hkdf(const struct vectors_case *test)
{
	struct provpkg_blob ikm = vectors_bytes(test, "ikm"), salt = vectors_bytes(test, "salt"), info = vectors_bytes(test, "info");
	struct provpkg_blob okm = vectors_bytes(test, "okm"), out = { 0 };
	size_t size = (size_t)vectors_number(test, "size");
	const struct provpkg_hkdf hkdf = {
		.digest = "SHA384",
		.salt = provpkg_blob_view(&salt),
		.ikm = provpkg_blob_view(&ikm),
		.info = provpkg_blob_view(&info),
	};
	bool good;

	assert_int_equal(provpkg_blob_new(size, &out), 0);
	good = !provpkg_hkdf(&hkdf, out.data, size) && okm.size == size && !memcmp(out.data, okm.data, size);
	if (good != vectors_is(test, "result", "valid"))
		wrong(test);
	provpkg_blob_free(&ikm);
	provpkg_blob_free(&salt);
	provpkg_blob_free(&info);
	provpkg_blob_free(&okm);
	provpkg_blob_free(&out);
	return true;
}

static bool check_wrap(const struct vectors_case *test)
{
	struct provpkg_blob key = vectors_bytes(test, "key"), msg = vectors_bytes(test, "msg"), ct = vectors_bytes(test, "ct");
	struct provpkg_blob out = { 0 };
	bool valid = vectors_is(test, "result", "valid"), applies = key.size == 32 && msg.size >= 16, good;

	if (applies) {
		assert_int_equal(provpkg_blob_new(ct.size + msg.size + 16, &out), 0);
		good = provpkg_key_unwrap(key.data, provpkg_blob_view(&ct), out.data, msg.size) && !memcmp(out.data, msg.data, msg.size);
		if (good != valid)
			wrong(test);
		if (valid && (!provpkg_key_wrap(key.data, provpkg_blob_view(&msg), out.data, ct.size) || memcmp(out.data, ct.data, ct.size)))
			wrong(test);
	}
	provpkg_blob_free(&key);
	provpkg_blob_free(&msg);
	provpkg_blob_free(&ct);
	provpkg_blob_free(&out);
	return applies;
}

static EVP_PKEY *kem_key(const struct provpkg_blob *seed)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_KEM_SEED, seed->data, seed->size),
				OSSL_PARAM_construct_end() };
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "ML-KEM-768", NULL);
	EVP_PKEY *key = NULL;

	if (EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

static bool check_kem(const struct vectors_case *test)
{
	struct provpkg_blob seed = vectors_bytes(test, "seed"), ct = vectors_bytes(test, "c"), secret = vectors_bytes(test, "K");
	EVP_PKEY *key = kem_key(&seed);
	EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	uint8_t out[32];
	size_t size = sizeof(out);
	bool good = context && EVP_PKEY_decapsulate_init(context, NULL) == 1 &&
		    EVP_PKEY_decapsulate(context, out, &size, ct.data, ct.size) == 1 && size == secret.size &&
		    !memcmp(out, secret.data, size);

	if (good != vectors_is(test, "result", "valid"))
		wrong(test);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
	provpkg_blob_free(&seed);
	provpkg_blob_free(&ct);
	provpkg_blob_free(&secret);
	return true;
}

static EVP_PKEY *agreement_key(const struct provpkg_blob *scalar)
{
	BIGNUM *number = BN_bin2bn(scalar->data, (int)scalar->size, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params;

	OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-384", 0);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number);
	params = OSSL_PARAM_BLD_to_param(builder);
	assert_true(EVP_PKEY_fromdata_init(context) == 1 && EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	BN_free(number);
	return key;
}

/*
 * What is valid gives the right secret, and nothing gives a wrong one. libcrypto reads some spellings of public keys that Wycheproof calls
 * invalid; the certificates' keys are held to named curves elsewhere.
 */
static bool check_agreement(const struct vectors_case *test)
{
	struct provpkg_blob public = vectors_bytes(test, "public"), scalar = vectors_bytes(test, "private");
	struct provpkg_blob shared = vectors_bytes(test, "shared");
	const unsigned char *at = public.data;
	EVP_PKEY *peer = d2i_PUBKEY(NULL, &at, (long)public.size), *key = agreement_key(&scalar);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	uint8_t out[48];
	size_t size = sizeof(out);
	bool derived = peer && EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1 &&
		       EVP_PKEY_derive(context, out, &size) == 1;
	bool right = derived && size == shared.size && !memcmp(out, shared.data, size);

	if ((vectors_is(test, "result", "valid") && !right) || (derived && !right))
		wrong(test);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
	EVP_PKEY_free(peer);
	provpkg_blob_free(&public);
	provpkg_blob_free(&scalar);
	provpkg_blob_free(&shared);
	return true;
}

static void hkdf_sha384(void **state)
{
	(void)state;
	run("wycheproof/hkdf_sha384_test.json", 83, check_hkdf);
}

static void aes_key_wrap(void **state)
{
	(void)state;
	run("wycheproof/aes_wrap_test.json", 40, check_wrap);
}

static void ml_kem_768(void **state)
{
	(void)state;
	run("wycheproof/mlkem_768_test.json", 193, check_kem);
}

static void ecdh_p384(void **state)
{
	(void)state;
	run("wycheproof/ecdh_secp384r1_test.json", 1047, check_agreement);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hkdf_sha384),
		cmocka_unit_test(aes_key_wrap),
		cmocka_unit_test(ml_kem_768),
		cmocka_unit_test(ecdh_p384),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
