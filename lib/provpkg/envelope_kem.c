// SPDX-License-Identifier: LGPL-2.1-or-later
/* The envelope for ML-KEM recipients. libcrypto 3.5 has no KEMRecipientInfo, so the templates are ours. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "crypto.h"
#include "der.h"
#include "envelope.h"
#include "oid.h"
#include "provcard-refusal.h"

#define KEY_SIZE 32 /* AES-256, for content and key wrap alike */
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define SECRET_SIZE 32 /* ML-KEM shared secret, every parameter set */
#define CIPHERTEXT_MAX 1568 /* ML-KEM-1024 */
#define WRAPPED_SIZE (KEY_SIZE + 8)

typedef struct {
	uint32_t version;
	ASN1_TYPE *recipient;
	X509_ALGOR *kem;
	ASN1_OCTET_STRING *ciphertext;
	X509_ALGOR *kdf;
	uint32_t kek_size;
	ASN1_OCTET_STRING *ukm;
	X509_ALGOR *wrap;
	ASN1_OCTET_STRING *encrypted_key;
} KEM_RECIPIENT;

typedef struct {
	ASN1_OBJECT *type;
	KEM_RECIPIENT *value;
} OTHER_RECIPIENT;

typedef struct {
	int type;
	union {
		OTHER_RECIPIENT *other;
	} value;
} RECIPIENT;

typedef struct {
	ASN1_OCTET_STRING *nonce;
	uint32_t tag_size;
} GCM_PARAMETERS;

typedef struct {
	ASN1_OBJECT *type;
	X509_ALGOR *algorithm;
	ASN1_OCTET_STRING *content;
} ENCRYPTED_CONTENT;

typedef struct {
	uint32_t version;
	STACK_OF(RECIPIENT) *recipients;
	ENCRYPTED_CONTENT *content;
	ASN1_OCTET_STRING *tag;
} AUTH_ENVELOPED;

typedef struct {
	ASN1_OBJECT *type;
	AUTH_ENVELOPED *data;
} ENVELOPE;

/* CMSORIforKEMOtherInfo, RFC 9629 section 5. */
typedef struct {
	X509_ALGOR *wrap;
	uint32_t kek_size;
	ASN1_OCTET_STRING *ukm;
} KEM_OTHER_INFO;

DEFINE_STACK_OF(RECIPIENT)

ASN1_SEQUENCE(KEM_RECIPIENT) = {
	ASN1_EMBED(KEM_RECIPIENT, version, UINT32),
	ASN1_SIMPLE(KEM_RECIPIENT, recipient, ASN1_ANY),
	ASN1_SIMPLE(KEM_RECIPIENT, kem, X509_ALGOR),
	ASN1_SIMPLE(KEM_RECIPIENT, ciphertext, ASN1_OCTET_STRING),
	ASN1_SIMPLE(KEM_RECIPIENT, kdf, X509_ALGOR),
	ASN1_EMBED(KEM_RECIPIENT, kek_size, UINT32),
	ASN1_EXP_OPT(KEM_RECIPIENT, ukm, ASN1_OCTET_STRING, 0),
	ASN1_SIMPLE(KEM_RECIPIENT, wrap, X509_ALGOR),
	ASN1_SIMPLE(KEM_RECIPIENT, encrypted_key, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(KEM_RECIPIENT)

ASN1_SEQUENCE(OTHER_RECIPIENT) = {
	ASN1_SIMPLE(OTHER_RECIPIENT, type, ASN1_OBJECT),
	ASN1_SIMPLE(OTHER_RECIPIENT, value, KEM_RECIPIENT),
} static_ASN1_SEQUENCE_END(OTHER_RECIPIENT)

ASN1_CHOICE(RECIPIENT) = {
	ASN1_IMP(RECIPIENT, value.other, OTHER_RECIPIENT, 4),
} static_ASN1_CHOICE_END(RECIPIENT)

ASN1_SEQUENCE(GCM_PARAMETERS) = {
	ASN1_SIMPLE(GCM_PARAMETERS, nonce, ASN1_OCTET_STRING),
	ASN1_EMBED(GCM_PARAMETERS, tag_size, UINT32),
} static_ASN1_SEQUENCE_END(GCM_PARAMETERS)

ASN1_SEQUENCE(ENCRYPTED_CONTENT) = {
	ASN1_SIMPLE(ENCRYPTED_CONTENT, type, ASN1_OBJECT),
	ASN1_SIMPLE(ENCRYPTED_CONTENT, algorithm, X509_ALGOR),
	ASN1_IMP(ENCRYPTED_CONTENT, content, ASN1_OCTET_STRING, 0),
} static_ASN1_SEQUENCE_END(ENCRYPTED_CONTENT)

ASN1_SEQUENCE(AUTH_ENVELOPED) = {
	ASN1_EMBED(AUTH_ENVELOPED, version, UINT32),
	ASN1_SET_OF(AUTH_ENVELOPED, recipients, RECIPIENT),
	ASN1_SIMPLE(AUTH_ENVELOPED, content, ENCRYPTED_CONTENT),
	ASN1_SIMPLE(AUTH_ENVELOPED, tag, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(AUTH_ENVELOPED)

ASN1_SEQUENCE(ENVELOPE) = {
	ASN1_SIMPLE(ENVELOPE, type, ASN1_OBJECT),
	ASN1_EXP(ENVELOPE, data, AUTH_ENVELOPED, 0),
} static_ASN1_SEQUENCE_END(ENVELOPE)

ASN1_SEQUENCE(KEM_OTHER_INFO) = {
	ASN1_SIMPLE(KEM_OTHER_INFO, wrap, X509_ALGOR),
	ASN1_EMBED(KEM_OTHER_INFO, kek_size, UINT32),
	ASN1_EXP_OPT(KEM_OTHER_INFO, ukm, ASN1_OCTET_STRING, 0),
} static_ASN1_SEQUENCE_END(KEM_OTHER_INFO)

int provpkg_recipient_name(struct provpkg_view key_id, struct provpkg_blob *der)
{
	int result;

	if (!key_id.size || key_id.size > 127)
		return -EINVAL;
	result = provpkg_blob_new(2 + key_id.size, der);
	if (result)
		return result;
	der->data[0] = 0x80;
	der->data[1] = (uint8_t)key_id.size;
	memcpy(der->data + 2, key_id.data, key_id.size);
	return 0;
}

/* The KDFs of RFC 8619 that a suite may name. */
static const struct kdf {
	const char *digest;
	const char *oid;
} kdfs[] = {
	{ "SHA256", PROVPKG_OID_HKDF_SHA256 },
	{ "SHA384", PROVPKG_OID_HKDF_SHA384 },
};

static const struct kdf *kdf_find(const char *digest)
{
	for (size_t i = 0; i < sizeof(kdfs) / sizeof(kdfs[0]); i++)
		if (!strcmp(kdfs[i].digest, digest))
			return &kdfs[i];
	return NULL;
}

/* The key-encryption key from the KEM's secret, bound to what it is for. */
static int derive_kek(const KEM_RECIPIENT *recipient, const struct kdf *kdf, const uint8_t secret[SECRET_SIZE],
		      uint8_t kek[KEY_SIZE])
{
	KEM_OTHER_INFO other = { recipient->wrap, recipient->kek_size, recipient->ukm };
	struct provpkg_hkdf hkdf = { .digest = kdf->digest, .ikm = { secret, SECRET_SIZE } };
	struct provpkg_blob info = { 0 };
	int result = provpkg_der_encode(&other, ASN1_ITEM_rptr(KEM_OTHER_INFO), &info);

	if (result)
		return result;
	hkdf.info = provpkg_blob_view(&info);
	result = provpkg_hkdf(&hkdf, kek, KEY_SIZE);
	provpkg_blob_free(&info);
	return result;
}

static bool gcm_seal(const uint8_t key[KEY_SIZE], const uint8_t nonce[NONCE_SIZE], struct provpkg_view plain, uint8_t *out,
		     uint8_t tag[TAG_SIZE])
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int size = 0, rest = 0;
	bool good = context && EVP_EncryptInit_ex2(context, EVP_aes_256_gcm(), key, nonce, NULL) &&
		    EVP_EncryptUpdate(context, out, &size, plain.data, (int)plain.size) &&
		    EVP_EncryptFinal_ex(context, out + size, &rest) &&
		    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag);

	EVP_CIPHER_CTX_free(context);
	return good;
}

static bool gcm_open(const uint8_t key[KEY_SIZE], const ASN1_OCTET_STRING *nonce, const AUTH_ENVELOPED *data, uint8_t *plain)
{
	struct provpkg_view cipher = provpkg_string_view(data->content->content);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int size = 0, rest = 0;
	bool good = context && EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(), key, ASN1_STRING_get0_data(nonce), NULL) &&
		    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, (void *)ASN1_STRING_get0_data(data->tag)) &&
		    EVP_DecryptUpdate(context, plain, &size, cipher.data, (int)cipher.size) &&
		    EVP_DecryptFinal_ex(context, plain + size, &rest);

	EVP_CIPHER_CTX_free(context);
	return good;
}

static bool set_algorithm(X509_ALGOR *algorithm, const char *oid)
{
	return X509_ALGOR_set0(algorithm, OBJ_txt2obj(oid, 1), V_ASN1_UNDEF, NULL) == 1;
}

static bool is_algorithm(const X509_ALGOR *algorithm, const char *oid)
{
	const ASN1_OBJECT *object;
	ASN1_OBJECT *expected = OBJ_txt2obj(oid, 1);
	int type;
	bool same;

	X509_ALGOR_get0(&object, &type, NULL, algorithm);
	same = expected && type == V_ASN1_UNDEF && !OBJ_cmp(object, expected);
	ASN1_OBJECT_free(expected);
	return same;
}

/* ---- Sealing ---- */

static const char *const aes256_wrap = "2.16.840.1.101.3.4.1.45";

static bool encapsulate(EVP_PKEY *key, KEM_RECIPIENT *recipient, uint8_t secret[SECRET_SIZE])
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	uint8_t ciphertext[CIPHERTEXT_MAX];
	size_t size = sizeof(ciphertext), secret_size = SECRET_SIZE;
	bool good = context && EVP_PKEY_encapsulate_init(context, NULL) == 1 &&
		    EVP_PKEY_encapsulate(context, ciphertext, &size, secret, &secret_size) == 1 && secret_size == SECRET_SIZE &&
		    provpkg_octets_set(recipient->ciphertext, ciphertext, size);

	EVP_PKEY_CTX_free(context);
	return good;
}

static bool wrap_for(EVP_PKEY *key, const struct kdf *kdf, const uint8_t content_key[KEY_SIZE], KEM_RECIPIENT *recipient)
{
	uint8_t secret[SECRET_SIZE], kek[KEY_SIZE], wrapped[WRAPPED_SIZE];
	bool good = encapsulate(key, recipient, secret) && !derive_kek(recipient, kdf, secret, kek) &&
		    provpkg_key_wrap(kek, (struct provpkg_view){ content_key, KEY_SIZE }, wrapped, sizeof(wrapped)) &&
		    provpkg_octets_set(recipient->encrypted_key, wrapped, sizeof(wrapped));

	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(kek, sizeof(kek));
	return good;
}

static bool name_recipient(KEM_RECIPIENT *recipient, X509 *certificate)
{
	struct provpkg_blob name = { 0 };
	ASN1_STRING *string = ASN1_STRING_new();
	bool good = string && !provpkg_recipient_name(provpkg_string_view(X509_get0_subject_key_id(certificate)), &name) &&
		    provpkg_octets_set(string, name.data, name.size);

	provpkg_blob_free(&name);
	if (good)
		ASN1_TYPE_set(recipient->recipient, V_ASN1_OTHER, string);
	else
		ASN1_STRING_free(string);
	return good;
}

static bool fill_recipient(KEM_RECIPIENT *recipient, X509 *certificate, const struct kdf *kdf, const uint8_t content_key[KEY_SIZE])
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	char kem[64];

	recipient->kek_size = KEY_SIZE;
	return OBJ_obj2txt(kem, sizeof(kem), OBJ_nid2obj(EVP_PKEY_is_a(key, "ML-KEM-1024") ? NID_ML_KEM_1024 : NID_ML_KEM_768), 1) >
		       0 &&
	       name_recipient(recipient, certificate) && set_algorithm(recipient->kem, kem) &&
	       set_algorithm(recipient->kdf, kdf->oid) && set_algorithm(recipient->wrap, aes256_wrap) &&
	       wrap_for(key, kdf, content_key, recipient);
}

static bool add_recipient(AUTH_ENVELOPED *data, X509 *certificate, const struct kdf *kdf, const uint8_t content_key[KEY_SIZE])
{
	RECIPIENT *recipient = (RECIPIENT *)ASN1_item_new(ASN1_ITEM_rptr(RECIPIENT));

	if (!recipient || !sk_RECIPIENT_push(data->recipients, recipient)) {
		ASN1_item_free((ASN1_VALUE *)recipient, ASN1_ITEM_rptr(RECIPIENT));
		return false;
	}
	recipient->type = 0;
	recipient->value.other = (OTHER_RECIPIENT *)ASN1_item_new(ASN1_ITEM_rptr(OTHER_RECIPIENT));
	if (!recipient->value.other)
		return false;
	recipient->value.other->type = OBJ_txt2obj(PROVPKG_OID_KEM_RECIPIENT, 1);
	return recipient->value.other->type && fill_recipient(recipient->value.other->value, certificate, kdf, content_key);
}

static bool set_content_algorithm(X509_ALGOR *algorithm, const uint8_t nonce[NONCE_SIZE])
{
	GCM_PARAMETERS *parameters = (GCM_PARAMETERS *)ASN1_item_new(ASN1_ITEM_rptr(GCM_PARAMETERS));
	ASN1_STRING *packed = NULL;

	if (parameters && provpkg_octets_set(parameters->nonce, nonce, NONCE_SIZE)) {
		parameters->tag_size = TAG_SIZE;
		packed = ASN1_item_pack(parameters, ASN1_ITEM_rptr(GCM_PARAMETERS), NULL);
	}
	ASN1_item_free((ASN1_VALUE *)parameters, ASN1_ITEM_rptr(GCM_PARAMETERS));
	if (packed && X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_aes_256_gcm), V_ASN1_SEQUENCE, packed))
		return true;
	ASN1_STRING_free(packed);
	return false;
}

static bool seal_content(AUTH_ENVELOPED *data, struct provpkg_view plain, const uint8_t content_key[KEY_SIZE])
{
	uint8_t nonce[NONCE_SIZE], tag[TAG_SIZE];
	struct provpkg_blob cipher = { 0 };
	bool good = RAND_bytes(nonce, sizeof(nonce)) == 1 && !provpkg_blob_new(plain.size, &cipher) &&
		    gcm_seal(content_key, nonce, plain, cipher.data, tag) && set_content_algorithm(data->content->algorithm, nonce) &&
		    provpkg_octets_set(data->content->content, cipher.data, cipher.size) &&
		    provpkg_octets_set(data->tag, tag, sizeof(tag));

	provpkg_blob_free(&cipher);
	data->content->type = OBJ_nid2obj(NID_pkcs7_data);
	return good;
}

static int seal(ENVELOPE *envelope, X509 *const *certificates, size_t count, const struct kdf *kdf, struct provpkg_view plain)
{
	uint8_t content_key[KEY_SIZE];
	int result = -EIO;

	envelope->type = OBJ_nid2obj(NID_id_smime_ct_authEnvelopedData);
	if (RAND_priv_bytes(content_key, sizeof(content_key)) != 1)
		return -EIO;
	for (size_t i = 0; i < count; i++)
		if (!add_recipient(envelope->data, certificates[i], kdf, content_key))
			goto out;
	if (seal_content(envelope->data, plain, content_key))
		result = 0;
out:
	OPENSSL_cleanse(content_key, sizeof(content_key));
	return result;
}

int provpkg_envelope_seal_kem(X509 *const *certificates, size_t count, const char *digest, struct provpkg_view plain,
			      struct provpkg_blob *cms)
{
	const struct kdf *kdf = kdf_find(digest);
	ENVELOPE *envelope;
	int result = -ENOMEM;

	if (!kdf)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (!X509_get0_subject_key_id(certificates[i]))
			return PROVCARD_REFUSAL_CARD_CERTIFICATE;
	ERR_set_mark();
	envelope = (ENVELOPE *)ASN1_item_new(ASN1_ITEM_rptr(ENVELOPE));
	if (envelope)
		result = seal(envelope, certificates, count, kdf, plain);
	if (!result)
		result = provpkg_der_encode(envelope, ASN1_ITEM_rptr(ENVELOPE), cms);
	ASN1_item_free((ASN1_VALUE *)envelope, ASN1_ITEM_rptr(ENVELOPE));
	ERR_pop_to_mark();
	return result;
}

/* ---- Opening ---- */

/* RecipientIdentifiers are compared as DER: a SEQUENCE (issuer and serial number) or [0] keeps its own. */
static bool is_named(const KEM_RECIPIENT *recipient, struct provpkg_view name)
{
	struct provpkg_view has;

	if (recipient->recipient->type != V_ASN1_SEQUENCE && recipient->recipient->type != V_ASN1_OTHER)
		return false;
	has = provpkg_string_view(recipient->recipient->value.asn1_string);
	return has.size == name.size && !memcmp(has.data, name.data, name.size);
}

static const KEM_RECIPIENT *find_recipient(const AUTH_ENVELOPED *data, struct provpkg_view name)
{
	ASN1_OBJECT *kem = OBJ_txt2obj(PROVPKG_OID_KEM_RECIPIENT, 1);
	const KEM_RECIPIENT *found = NULL;
	const OTHER_RECIPIENT *other;

	for (int i = 0; kem && !found && i < sk_RECIPIENT_num(data->recipients); i++) {
		other = sk_RECIPIENT_value(data->recipients, i)->value.other;
		if (!OBJ_cmp(other->type, kem) && is_named(other->value, name))
			found = other->value;
	}
	ASN1_OBJECT_free(kem);
	return found;
}

static bool recipient_fits(const KEM_RECIPIENT *recipient, const EVP_PKEY *key, const struct kdf *kdf)
{
	const ASN1_OBJECT *kem;
	int type;

	X509_ALGOR_get0(&kem, &type, NULL, recipient->kem);
	return recipient->version == 0 && recipient->kek_size == KEY_SIZE && type == V_ASN1_UNDEF &&
	       EVP_PKEY_is_a(key, OBJ_nid2sn(OBJ_obj2nid(kem))) && is_algorithm(recipient->kdf, kdf->oid) &&
	       is_algorithm(recipient->wrap, aes256_wrap) && ASN1_STRING_length(recipient->encrypted_key) == WRAPPED_SIZE;
}

static bool decapsulate(EVP_PKEY *key, const KEM_RECIPIENT *recipient, uint8_t secret[SECRET_SIZE])
{
	struct provpkg_view ciphertext = provpkg_string_view(recipient->ciphertext);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	size_t size = SECRET_SIZE;
	bool good = context && EVP_PKEY_decapsulate_init(context, NULL) == 1 &&
		    EVP_PKEY_decapsulate(context, secret, &size, ciphertext.data, ciphertext.size) == 1 && size == SECRET_SIZE;

	EVP_PKEY_CTX_free(context);
	return good;
}

static bool unwrap(const KEM_RECIPIENT *recipient, EVP_PKEY *key, const struct kdf *kdf, uint8_t content_key[KEY_SIZE])
{
	uint8_t secret[SECRET_SIZE], kek[KEY_SIZE], unwrapped[WRAPPED_SIZE];
	bool good = decapsulate(key, recipient, secret) && !derive_kek(recipient, kdf, secret, kek) &&
		    provpkg_key_unwrap(kek, provpkg_string_view(recipient->encrypted_key), unwrapped, KEY_SIZE);

	if (good)
		memcpy(content_key, unwrapped, KEY_SIZE);
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(kek, sizeof(kek));
	OPENSSL_cleanse(unwrapped, sizeof(unwrapped));
	return good;
}

static GCM_PARAMETERS *content_parameters(const AUTH_ENVELOPED *data)
{
	const ASN1_OBJECT *algorithm;
	const void *value;
	void *parameters;
	int type;

	X509_ALGOR_get0(&algorithm, &type, &value, data->content->algorithm);
	if (OBJ_obj2nid(algorithm) != NID_aes_256_gcm || type != V_ASN1_SEQUENCE ||
	    provpkg_der_decode(provpkg_string_view(value), 64, ASN1_ITEM_rptr(GCM_PARAMETERS), 1, &parameters))
		return NULL;
	return parameters;
}

static bool open_content(const AUTH_ENVELOPED *data, const uint8_t content_key[KEY_SIZE], uint8_t *plain, size_t size)
{
	GCM_PARAMETERS *parameters = content_parameters(data);
	bool good = parameters && OBJ_obj2nid(data->content->type) == NID_pkcs7_data &&
		    ASN1_STRING_length(parameters->nonce) == NONCE_SIZE && parameters->tag_size == TAG_SIZE &&
		    ASN1_STRING_length(data->tag) == TAG_SIZE && (size_t)ASN1_STRING_length(data->content->content) == size &&
		    gcm_open(content_key, parameters->nonce, data, plain);

	ASN1_item_free((ASN1_VALUE *)parameters, ASN1_ITEM_rptr(GCM_PARAMETERS));
	return good;
}

static bool open_envelope(const ENVELOPE *envelope, struct provpkg_view name, EVP_PKEY *key, const struct kdf *kdf, uint8_t *plain,
			  size_t size)
{
	uint8_t content_key[KEY_SIZE];
	const KEM_RECIPIENT *recipient;
	bool good;

	if (OBJ_obj2nid(envelope->type) != NID_id_smime_ct_authEnvelopedData || envelope->data->version)
		return false;
	recipient = find_recipient(envelope->data, name);
	good = recipient && recipient_fits(recipient, key, kdf) && unwrap(recipient, key, kdf, content_key) &&
	       open_content(envelope->data, content_key, plain, size);
	OPENSSL_cleanse(content_key, sizeof(content_key));
	return good;
}

int provpkg_envelope_open_kem(struct provpkg_view cms, struct provpkg_view recipient, EVP_PKEY *key, const char *digest,
			      uint8_t *plain, size_t size)
{
	const struct kdf *kdf = kdf_find(digest);
	void *envelope;
	int result = 0;

	if (!kdf)
		return -EINVAL;
	if (provpkg_der_decode(cms, PROVPKG_ENVELOPE_MAX, ASN1_ITEM_rptr(ENVELOPE), PROVCARD_REFUSAL_ENVELOPE, &envelope))
		return PROVCARD_REFUSAL_ENVELOPE;
	ERR_set_mark();
	if (!open_envelope(envelope, recipient, key, kdf, plain, size)) {
		OPENSSL_cleanse(plain, size);
		result = PROVCARD_REFUSAL_ENVELOPE;
	}
	ERR_pop_to_mark();
	ASN1_item_free(envelope, ASN1_ITEM_rptr(ENVELOPE));
	return result;
}
