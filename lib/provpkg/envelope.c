// SPDX-License-Identifier: LGPL-2.1-or-later
/* The envelope for P-384 recipients: libcrypto's CMS, held to one form. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "crypto.h"
#include "der.h"
#include "envelope.h"
#include "provcard-refusal.h"

#define TAG_SIZE 16

/* The outer form, for what libcrypto's CMS does not look at or let look at. */
typedef struct {
	ASN1_OBJECT *type;
	X509_ALGOR *algorithm;
	ASN1_OCTET_STRING *content;
} CONTENT_FORM;

typedef struct {
	uint32_t version;
	STACK_OF(ASN1_TYPE) *recipients;
	CONTENT_FORM *content;
	ASN1_OCTET_STRING *tag;
} AUTH_ENVELOPED_FORM;

typedef struct {
	ASN1_OBJECT *type;
	AUTH_ENVELOPED_FORM *data;
} ENVELOPE_FORM;

ASN1_SEQUENCE(CONTENT_FORM) = {
	ASN1_SIMPLE(CONTENT_FORM, type, ASN1_OBJECT),
	ASN1_SIMPLE(CONTENT_FORM, algorithm, X509_ALGOR),
	ASN1_IMP(CONTENT_FORM, content, ASN1_OCTET_STRING, 0),
} static_ASN1_SEQUENCE_END(CONTENT_FORM)

ASN1_SEQUENCE(AUTH_ENVELOPED_FORM) = {
	ASN1_EMBED(AUTH_ENVELOPED_FORM, version, UINT32),
	ASN1_SET_OF(AUTH_ENVELOPED_FORM, recipients, ASN1_ANY),
	ASN1_SIMPLE(AUTH_ENVELOPED_FORM, content, CONTENT_FORM),
	ASN1_SIMPLE(AUTH_ENVELOPED_FORM, tag, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(AUTH_ENVELOPED_FORM)

ASN1_SEQUENCE(ENVELOPE_FORM) = {
	ASN1_SIMPLE(ENVELOPE_FORM, type, ASN1_OBJECT),
	ASN1_EXP(ENVELOPE_FORM, data, AUTH_ENVELOPED_FORM, 0),
} static_ASN1_SEQUENCE_END(ENVELOPE_FORM)

/* AuthEnvelopedData of plain data under AES-256-GCM with a whole tag, without further attributes. */
static bool form_accepted(struct provpkg_view cms)
{
	const ASN1_OBJECT *algorithm;
	ENVELOPE_FORM *form;
	void *decoded;
	bool good;

	if (provpkg_der_decode(cms, PROVPKG_ENVELOPE_MAX, ASN1_ITEM_rptr(ENVELOPE_FORM), 1, &decoded))
		return false;
	form = decoded;
	X509_ALGOR_get0(&algorithm, NULL, NULL, form->data->content->algorithm);
	good = OBJ_obj2nid(form->type) == NID_id_smime_ct_authEnvelopedData && form->data->version == 0 &&
	       OBJ_obj2nid(form->data->content->type) == NID_pkcs7_data && OBJ_obj2nid(algorithm) == NID_aes_256_gcm &&
	       ASN1_STRING_length(form->data->tag) == TAG_SIZE;
	ASN1_item_free(decoded, ASN1_ITEM_rptr(ENVELOPE_FORM));
	return good;
}

static bool add_recipient(CMS_ContentInfo *cms, X509 *certificate)
{
	CMS_RecipientInfo *recipient = CMS_add1_recipient_cert(cms, certificate, CMS_USE_KEYID | CMS_KEY_PARAM);
	EVP_PKEY_CTX *context = recipient ? CMS_RecipientInfo_get0_pkey_ctx(recipient) : NULL;

	return context && EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha384()) == 1;
}

static int seal(CMS_ContentInfo *cms, X509 *const *certificates, size_t count, struct provpkg_view plain, struct provpkg_blob *der)
{
	BIO *bytes = BIO_new_mem_buf(plain.data, (int)plain.size);
	int result = -EIO;

	for (size_t i = 0; i < count; i++)
		if (!add_recipient(cms, certificates[i]))
			goto out;
	if (bytes && CMS_set_detached(cms, 0) && CMS_final(cms, bytes, NULL, CMS_BINARY))
		result = provpkg_der_encode(cms, ASN1_ITEM_rptr(CMS_ContentInfo), der);
out:
	BIO_free(bytes);
	return result;
}

int provpkg_envelope_seal_agreement(X509 *const *certificates, size_t count, struct provpkg_view plain, struct provpkg_blob *cms)
{
	CMS_ContentInfo *made;
	int result = -EIO;

	for (size_t i = 0; i < count; i++)
		if (!X509_get0_subject_key_id(certificates[i]))
			return PROVCARD_REFUSAL_CARD_CERTIFICATE;
	ERR_set_mark();
	made = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
	if (made)
		result = seal(made, certificates, count, plain, cms);
	CMS_ContentInfo_free(made);
	ERR_pop_to_mark();
	return result;
}

/* dhSinglePass-stdDH-sha384kdf-scheme, and nothing weaker. */
static bool scheme_accepted(CMS_RecipientInfo *recipient)
{
	const ASN1_OBJECT *scheme;
	X509_ALGOR *algorithm;

	if (!CMS_RecipientInfo_kari_get0_alg(recipient, &algorithm, NULL))
		return false;
	X509_ALGOR_get0(&scheme, NULL, NULL, algorithm);
	return OBJ_obj2nid(scheme) == NID_dhSinglePass_stdDH_sha384kdf_scheme;
}

/* The only encrypted key of @recipient when it is for @key_id. */
static CMS_RecipientEncryptedKey *encrypted_key(CMS_RecipientInfo *recipient, struct provpkg_view key_id)
{
	STACK_OF(CMS_RecipientEncryptedKey) *keys;
	ASN1_OCTET_STRING *name = NULL;
	CMS_RecipientEncryptedKey *key;

	if (CMS_RecipientInfo_type(recipient) != CMS_RECIPINFO_AGREE)
		return NULL;
	keys = CMS_RecipientInfo_kari_get0_reks(recipient);
	if (sk_CMS_RecipientEncryptedKey_num(keys) != 1)
		return NULL;
	key = sk_CMS_RecipientEncryptedKey_value(keys, 0);
	if (!CMS_RecipientEncryptedKey_get0_id(key, &name, NULL, NULL, NULL, NULL) || !name ||
	    (size_t)ASN1_STRING_length(name) != key_id.size || memcmp(ASN1_STRING_get0_data(name), key_id.data, key_id.size))
		return NULL;
	return key;
}

/* Recover the content key for the recipient named @key_id. */
static bool unwrap(CMS_ContentInfo *cms, struct provpkg_view key_id, EVP_PKEY *key)
{
	STACK_OF(CMS_RecipientInfo) *recipients = CMS_get0_RecipientInfos(cms);
	CMS_RecipientEncryptedKey *encrypted;
	CMS_RecipientInfo *recipient;
	bool good;

	for (int i = 0; i < sk_CMS_RecipientInfo_num(recipients); i++) {
		recipient = sk_CMS_RecipientInfo_value(recipients, i);
		encrypted = encrypted_key(recipient, key_id);
		if (!encrypted)
			continue;
		good = scheme_accepted(recipient) && CMS_RecipientInfo_kari_set0_pkey(recipient, key) &&
		       CMS_RecipientInfo_kari_decrypt(cms, recipient, encrypted) == 1;
		CMS_RecipientInfo_kari_set0_pkey(recipient, NULL);
		return good;
	}
	return false;
}

static bool open_content(CMS_ContentInfo *cms, uint8_t *plain, size_t size)
{
	BIO *bytes = BIO_new(BIO_s_secmem());
	char *content;
	bool good = bytes && CMS_decrypt(cms, NULL, NULL, NULL, bytes, CMS_BINARY) == 1 &&
		    BIO_get_mem_data(bytes, &content) == (long)size;

	if (good)
		memcpy(plain, content, size);
	BIO_free(bytes);
	return good;
}

int provpkg_envelope_open_agreement(struct provpkg_view cms, struct provpkg_view key_id, EVP_PKEY *key, uint8_t *plain, size_t size)
{
	void *envelope;
	int result = 0;

	if (!form_accepted(cms) || provpkg_der_decode(cms, PROVPKG_ENVELOPE_MAX, ASN1_ITEM_rptr(CMS_ContentInfo), 1, &envelope))
		return PROVCARD_REFUSAL_ENVELOPE;
	ERR_set_mark();
	if (!unwrap(envelope, key_id, key) || !open_content(envelope, plain, size))
		result = PROVCARD_REFUSAL_ENVELOPE;
	ERR_pop_to_mark();
	CMS_ContentInfo_free(envelope);
	return result;
}
