// SPDX-License-Identifier: GPL-2.0-or-later
#include "selftest.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto.h"
#include "provpkg.h"
#include "selftest_vectors.h"

static int same(const struct selftest *test, const uint8_t *got, size_t size)
{
	return size == test->expected_size && !memcmp(got, test->expected, size) ? 0 : -1;
}

static int run_sha256(const struct selftest *test)
{
	uint8_t digest[32];

	return crypto_sha256("abc", 3, digest) ? -1 : same(test, digest, sizeof(digest));
}

static int run_sha384(const struct selftest *test)
{
	uint8_t digest[48];

	return EVP_Q_digest(NULL, "SHA384", NULL, "abc", 3, digest, NULL) != 1 ? -1 : same(test, digest, sizeof(digest));
}

static int run_sha512(const struct selftest *test)
{
	uint8_t digest[64];

	return EVP_Q_digest(NULL, "SHA512", NULL, "abc", 3, digest, NULL) != 1 ? -1 : same(test, digest, sizeof(digest));
}

static int run_hmac(const struct selftest *test)
{
	static const uint8_t key[32] = "Jefe"; /* HMAC pads keys with zeroes */
	struct crypto_piece piece[] = { { "what do ya want ", 16 }, { "for nothing?", 12 } };
	EVP_MAC_CTX *mac = crypto_mac_new(key);
	uint8_t tag[32];
	int wrong = !mac || crypto_mac(mac, piece, 2, tag) || crypto_mac(mac, piece, 2, tag) ? -1 : same(test, tag, sizeof(tag));

	EVP_MAC_CTX_free(mac);
	return wrong;
}

static int hkdf(const struct selftest *test, const char *digest, struct crypto_piece ikm, struct crypto_piece salt,
		struct crypto_piece info)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)digest, 0),
				OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)ikm.data, ikm.size),
				OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt.data, salt.size),
				OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.data, info.size),
				OSSL_PARAM_construct_end() };
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	uint8_t okm[64];
	int wrong = !context || test->expected_size > sizeof(okm) || EVP_KDF_derive(context, okm, test->expected_size, params) != 1 ?
			    -1 :
			    same(test, okm, test->expected_size);

	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return wrong;
}

#define PIECE(bytes) ((struct crypto_piece){ bytes, sizeof(bytes) })

static int run_hkdf_sha256(const struct selftest *test)
{
	return hkdf(test, "SHA256", PIECE(hkdf256_ikm), PIECE(hkdf256_salt), PIECE(hkdf256_info));
}

static int run_hkdf_sha384(const struct selftest *test)
{
	return hkdf(test, "SHA384", PIECE(hkdf_ikm), PIECE(hkdf_salt), PIECE(hkdf_info));
}

static bool wrap(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, struct crypto_piece in, uint8_t *out, int *size, int encrypt)
{
	return EVP_CipherInit_ex2(context, cipher, wrap_kek, NULL, encrypt, NULL) == 1 &&
	       EVP_CipherUpdate(context, out, size, in.data, (int)in.size) == 1;
}

/* There and back, and a wrapped key that was altered is found out. */
static int run_wrap(const struct selftest *test)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t wrapped[sizeof(wrap_cipher)], plain[sizeof(wrap_cipher)];
	int size, wrong = -1;

	if (context)
		EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (context && cipher && wrap(context, cipher, PIECE(wrap_plain), wrapped, &size, 1) && !same(test, wrapped, (size_t)size) &&
	    wrap(context, cipher, PIECE(wrapped), plain, &size, 0) && size == sizeof(wrap_plain) &&
	    !memcmp(plain, wrap_plain, sizeof(wrap_plain))) {
		wrapped[0] ^= 1;
		wrong = wrap(context, cipher, PIECE(wrapped), plain, &size, 0) ? -1 : 0;
	}
	EVP_CIPHER_CTX_free(context);
	EVP_CIPHER_free(cipher);
	return wrong;
}

static int run_gcm(const struct selftest *test)
{
	struct crypto_piece aad = { gcm_aad, sizeof(gcm_aad) };
	uint8_t data[sizeof(gcm_plain) + CRYPTO_GCM_TAG], *tag = data + sizeof(gcm_plain);

	memcpy(data, gcm_plain, sizeof(gcm_plain));
	if (crypto_seal(gcm_key, gcm_nonce, aad, data, sizeof(gcm_plain), tag) || same(test, data, sizeof(data)))
		return -1;
	if (crypto_open(gcm_key, gcm_nonce, aad, data, sizeof(gcm_plain), tag) || memcmp(data, gcm_plain, sizeof(gcm_plain)))
		return -1;
	/* A wrong tag must be seen. */
	tag[0] ^= 1;
	return crypto_open(gcm_key, gcm_nonce, aad, data, sizeof(gcm_plain), tag) ? 0 : -1;
}

static EVP_PKEY *ec_key(const char *curve, const uint8_t *private, size_t private_size, const uint8_t *public, size_t public_size)
{
	BIGNUM *scalar = private ? BN_bin2bn(private, (int)private_size, NULL) : NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	uint8_t native[48];
	OSSL_PARAM params[4], *p = params;
	EVP_PKEY *key = NULL;

	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)curve, 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)public, public_size);
	if (scalar && BN_bn2nativepad(scalar, native, (int)private_size) > 0)
		*p++ = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, private_size);
	*p = OSSL_PARAM_construct_end();
	if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	BN_free(scalar);
	return key;
}

/* DER signature to r and s, each @half bytes. */
static int raw_signature(const uint8_t *der, size_t size, uint8_t *raw, size_t half)
{
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)size);
	int wrong = !signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, (int)half) < 0 ||
		    BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + half, (int)half) < 0;

	ECDSA_SIG_free(signature);
	return wrong;
}

/* Sign as RFC 6979 says, compare, and verify; a signature over something else must not verify. */
static int ecdsa(const struct selftest *test, EVP_PKEY *key, const char *digest)
{
	unsigned int deterministic = 1;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_uint(OSSL_SIGNATURE_PARAM_NONCE_TYPE, &deterministic),
				OSSL_PARAM_construct_end() };
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t der[160], raw[96];
	size_t size = sizeof(der);
	int wrong = -1;

	if (md && key && EVP_DigestSignInit_ex(md, NULL, digest, NULL, NULL, key, params) == 1 &&
	    EVP_DigestSign(md, der, &size, (const uint8_t *)"sample", 6) == 1 &&
	    !raw_signature(der, size, raw, test->expected_size / 2) && !same(test, raw, test->expected_size) &&
	    EVP_DigestVerifyInit_ex(md, NULL, digest, NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestVerify(md, der, size, (const uint8_t *)"sample", 6) == 1 &&
	    EVP_DigestVerifyInit_ex(md, NULL, digest, NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestVerify(md, der, size, (const uint8_t *)"simple", 6) != 1)
		wrong = 0;
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	return wrong;
}

static int run_ecdsa_p256(const struct selftest *test)
{
	return ecdsa(test, ec_key("P-256", p256_private, sizeof(p256_private), p256_public, sizeof(p256_public)), "SHA256");
}

static int run_ecdsa_p384(const struct selftest *test)
{
	return ecdsa(test, ec_key("P-384", p384_private, sizeof(p384_private), p384_public, sizeof(p384_public)), "SHA384");
}

static int run_ecdh(const struct selftest *test)
{
	/* The private key's own public half is not part of the vector and takes no part in the exchange. */
	EVP_PKEY *own = ec_key("P-384", ecdh_private, sizeof(ecdh_private), p384_public, sizeof(p384_public));
	EVP_PKEY *peer = ec_key("P-384", NULL, 0, ecdh_peer, sizeof(ecdh_peer));
	EVP_PKEY_CTX *context = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
	uint8_t shared[48];
	size_t size = sizeof(shared);
	int wrong = -1;

	if (context && peer && EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1 &&
	    EVP_PKEY_derive(context, shared, &size) == 1)
		wrong = same(test, shared, size);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(own);
	EVP_PKEY_free(peer);
	return wrong;
}

static EVP_PKEY *seeded_key(const char *algorithm, const char *parameter, const uint8_t *seed, size_t size)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(parameter, (void *)seed, size), OSSL_PARAM_construct_end() };
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	EVP_PKEY *key = NULL;

	if (!context || EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

static int mldsa(const struct selftest *test, const char *name, const uint8_t *seed)
{
	EVP_PKEY *key = seeded_key(name, OSSL_PKEY_PARAM_ML_DSA_SEED, seed, 32);
	EVP_SIGNATURE *algorithm = EVP_SIGNATURE_fetch(NULL, name, NULL);
	EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	int deterministic = 1, wrong = -1;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_DETERMINISTIC, &deterministic),
				OSSL_PARAM_construct_end() };
	static const uint8_t message[] = "Hello world";
	uint8_t signature[4627], digest[32];
	size_t size = sizeof(signature);

	if (context && algorithm && EVP_PKEY_sign_message_init(context, algorithm, params) == 1 &&
	    EVP_PKEY_sign(context, signature, &size, message, sizeof(message) - 1) == 1 &&
	    !crypto_sha256(signature, size, digest) && !same(test, digest, sizeof(digest)) &&
	    EVP_PKEY_verify_message_init(context, algorithm, NULL) == 1 &&
	    EVP_PKEY_verify(context, signature, size, message, sizeof(message) - 1) == 1 &&
	    EVP_PKEY_verify_message_init(context, algorithm, NULL) == 1 &&
	    EVP_PKEY_verify(context, signature, size, message, sizeof(message) - 2) != 1)
		wrong = 0;
	EVP_PKEY_CTX_free(context);
	EVP_SIGNATURE_free(algorithm);
	EVP_PKEY_free(key);
	return wrong;
}

static int run_mldsa44(const struct selftest *test)
{
	return mldsa(test, "ML-DSA-44", mldsa44_seed);
}

static int run_mldsa65(const struct selftest *test)
{
	return mldsa(test, "ML-DSA-65", mldsa_seed);
}

static int run_mldsa87(const struct selftest *test)
{
	return mldsa(test, "ML-DSA-87", mldsa87_seed);
}

static int run_ed25519(const struct selftest *test)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, ed25519_private, sizeof(ed25519_private));
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	const uint8_t message[2] = { 0x72, 0x73 };
	uint8_t signature[64];
	size_t size = sizeof(signature);
	int wrong = -1;

	if (key && md && EVP_DigestSignInit_ex(md, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestSign(md, signature, &size, message, 1) == 1 && !same(test, signature, size) &&
	    EVP_DigestVerifyInit_ex(md, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestVerify(md, signature, size, message, 1) == 1 &&
	    EVP_DigestVerifyInit_ex(md, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestVerify(md, signature, size, message, 2) != 1)
		wrong = 0;
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	return wrong;
}

struct kem_vector {
	const char *name;
	const uint8_t *seed; /* 64 bytes */
	const uint8_t *public_digest;
	struct crypto_piece ciphertext;
};

static int mlkem(const struct selftest *test, const struct kem_vector *vector)
{
	EVP_PKEY *key = seeded_key(vector->name, OSSL_PKEY_PARAM_ML_KEM_SEED, vector->seed, 64);
	EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	uint8_t public[1568], digest[32], shared[32];
	size_t public_size = 0, size = sizeof(shared);
	int wrong = -1;

	if (context && EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, public, sizeof(public), &public_size) == 1 &&
	    !crypto_sha256(public, public_size, digest) && !memcmp(digest, vector->public_digest, sizeof(digest)) &&
	    EVP_PKEY_decapsulate_init(context, NULL) == 1 &&
	    EVP_PKEY_decapsulate(context, shared, &size, vector->ciphertext.data, vector->ciphertext.size) == 1)
		wrong = same(test, shared, size);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
	return wrong;
}

static int run_mlkem768(const struct selftest *test)
{
	return mlkem(test, &(struct kem_vector){ "ML-KEM-768", mlkem_seed, mlkem_public_digest, PIECE(mlkem_ciphertext) });
}

static int run_mlkem1024(const struct selftest *test)
{
	return mlkem(test,
		     &(struct kem_vector){ "ML-KEM-1024", mlkem1024_seed, mlkem1024_public_digest, PIECE(mlkem1024_ciphertext) });
}

/* RFC 9162 section 2.1.1: a tree of two leaves, computed by hand from the definition. */
static int run_merkle(const struct selftest *test)
{
	struct provpkg_tree tree = { 0 };
	uint8_t node[1 + 2 * 32] = { 0x01 }, root[32], by_hand[32];

	for (int i = 0; i < 2; i++) {
		uint8_t leaf[2] = { 0x00, (uint8_t)i };

		if (crypto_sha256(leaf, sizeof(leaf), node + 1 + 32 * i) || provpkg_tree_add(&tree, node + 1 + 32 * i))
			return -1;
	}
	if (provpkg_tree_root(&tree, root) || crypto_sha256(node, sizeof(node), by_hand))
		return -1;
	return memcmp(root, by_hand, sizeof(root)) ? -1 : same(test, root, sizeof(root));
}

#define ANSWER(bytes) bytes, sizeof(bytes)

/* One line for each algorithm; a test compares the names in the last column with those that core and libprovpkg ask libcrypto for. */
static const struct selftest tests[] = {
	{ "SHA-256", run_sha256, ANSWER(sha256_digest), "SHA256" },
	{ "SHA-384", run_sha384, ANSWER(sha384_digest), "SHA384" },
	{ "SHA-512", run_sha512, ANSWER(sha512_digest), "SHA512" },
	{ "HMAC-SHA-256", run_hmac, ANSWER(hmac_tag), "HMAC" },
	{ "HKDF-SHA-256", run_hkdf_sha256, ANSWER(hkdf256_okm), "HKDF" },
	{ "HKDF-SHA-384", run_hkdf_sha384, ANSWER(hkdf_okm), "HKDF" },
	{ "AES-256-GCM", run_gcm, ANSWER(gcm_cipher_tag), "AES-256-GCM" },
	{ "AES-256 key wrap", run_wrap, ANSWER(wrap_cipher), "AES-256-WRAP" },
	{ "ECDSA P-256", run_ecdsa_p256, ANSWER(p256_signature), "EC P-256" },
	{ "ECDSA P-384", run_ecdsa_p384, ANSWER(p384_signature), "EC P-384" },
	{ "ECDH P-384", run_ecdh, ANSWER(ecdh_shared), "EC P-384" },
	{ "Ed25519", run_ed25519, ANSWER(ed25519_signature), "ED25519" },
	{ "ML-DSA-44", run_mldsa44, ANSWER(mldsa44_signature_digest), "ML-DSA-44" },
	{ "ML-DSA-65", run_mldsa65, ANSWER(mldsa_signature_digest), "ML-DSA-65" },
	{ "ML-DSA-87", run_mldsa87, ANSWER(mldsa87_signature_digest), "ML-DSA-87" },
	{ "ML-KEM-768", run_mlkem768, ANSWER(mlkem_shared), "ML-KEM-768" },
	{ "ML-KEM-1024", run_mlkem1024, ANSWER(mlkem1024_shared), "ML-KEM-1024" },
	{ "Merkle tree", run_merkle, ANSWER(merkle_root), "" },
};

const struct selftest *selftest_all(size_t *count)
{
	*count = sizeof(tests) / sizeof(tests[0]);
	return tests;
}

const struct selftest *selftest_run(const struct selftest *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].run(&list[i]))
			return &list[i];
	return NULL;
}
