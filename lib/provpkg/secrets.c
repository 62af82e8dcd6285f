// SPDX-License-Identifier: LGPL-2.1-or-later
/* One unit's secrets, sealed for the OEM; and what records have attached. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "crypto.h"
#include "der.h"
#include "der_writer.h"
#include "escrow_form.h"
#include "provcard-refusal.h"
#include "provpkg/escrow.h"

#define NONCE_SIZE 12
#define TAG_SIZE 16
#define SECRET_MIN 16
#define PLAIN_MAX 2048
#define SEALED_MAX (PLAIN_MAX + 64)
#define SEQUENCE (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
#define LABEL "provcard unit secrets"

typedef struct {
	uint64_t charge;
	ASN1_OCTET_STRING *nonce;
	ASN1_OCTET_STRING *ciphertext; /* and the tag behind it */
} SEALED_FIELDS;

typedef struct {
	int type;
	union {
		SEALED_FIELDS *fields;
	} value;
} SEALED;

typedef struct {
	ASN1_UTF8STRING *name;
	ASN1_OCTET_STRING *value;
} UNIT_SECRET;

typedef STACK_OF(UNIT_SECRET) UNIT_SECRETS;

DEFINE_STACK_OF(UNIT_SECRET)

ASN1_SEQUENCE(SEALED_FIELDS) = {
	ASN1_EMBED(SEALED_FIELDS, charge, UINT64),
	ASN1_SIMPLE(SEALED_FIELDS, nonce, ASN1_OCTET_STRING),
	ASN1_SIMPLE(SEALED_FIELDS, ciphertext, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(SEALED_FIELDS)

/* Tagged, so that it cannot be taken for a certificate. */
ASN1_CHOICE(SEALED) = {
	ASN1_IMP(SEALED, value.fields, SEALED_FIELDS, 0),
} static_ASN1_CHOICE_END(SEALED)

ASN1_SEQUENCE(UNIT_SECRET) = {
	ASN1_SIMPLE(UNIT_SECRET, name, ASN1_UTF8STRING),
	ASN1_SIMPLE(UNIT_SECRET, value, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(UNIT_SECRET)

ASN1_ITEM_TEMPLATE(UNIT_SECRETS) = ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SEQUENCE_OF, 0, UNIT_SECRETS, UNIT_SECRET)
static_ASN1_ITEM_TEMPLATE_END(UNIT_SECRETS)

/* A key of this unit and this charge alone. */
static int unit_key(const uint8_t key[PROVPKG_KEY_SIZE], struct provpkg_view uid, uint64_t charge, uint8_t out[PROVPKG_KEY_SIZE])
{
	uint8_t info[sizeof(LABEL) + 8 + PROVPKG_UID_MAX];
	const struct provpkg_hkdf hkdf = {
		.digest = "SHA384",
		.ikm = { key, PROVPKG_KEY_SIZE },
		.info = { info, sizeof(LABEL) + 8 + uid.size },
	};

	if (!uid.size || uid.size > PROVPKG_UID_MAX)
		return -EINVAL;
	memcpy(info, LABEL, sizeof(LABEL));
	for (int i = 0; i < 8; i++)
		info[sizeof(LABEL) + i] = (uint8_t)(charge >> (56 - 8 * i));
	memcpy(info + sizeof(LABEL) + 8, uid.data, uid.size);
	return provpkg_hkdf(&hkdf, out, PROVPKG_KEY_SIZE);
}

/* ---- Sealing ---- */

/* UnitSecrets into the end of @room; returns its size, 0 when something is out of range. */
static size_t write_secrets(const struct provpkg_secrets *secrets, uint8_t room[PLAIN_MAX])
{
	struct der_writer writer = der_writer_over(room, PLAIN_MAX);

	if (!secrets->count || secrets->count > PROVPKG_LIFECYCLE_MAX)
		return 0;
	for (size_t i = secrets->count; i-- > 0;) {
		const struct provpkg_secret *secret = &secrets->secret[i];
		struct provpkg_view name = { (const uint8_t *)secret->name, strnlen(secret->name, sizeof(secret->name)) };
		size_t mark = der_written(&writer);

		if (!provpkg_name_valid(name) || secret->size < SECRET_MIN || secret->size > sizeof(secret->value))
			return 0;
		der_put_element(&writer, V_ASN1_OCTET_STRING, secret->value, secret->size);
		der_put_element(&writer, V_ASN1_UTF8STRING, name.data, name.size);
		der_wrap(&writer, SEQUENCE, mark);
	}
	der_wrap(&writer, SEQUENCE, 0);
	return writer.full ? 0 : der_written(&writer);
}

/* In place; the tag goes behind @data. */
static bool gcm_seal(const uint8_t key[PROVPKG_KEY_SIZE], const uint8_t nonce[NONCE_SIZE], uint8_t *data, size_t size)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int part = 0, rest = 0;
	bool good = context && EVP_EncryptInit_ex2(context, EVP_aes_256_gcm(), key, nonce, NULL) &&
		    EVP_EncryptUpdate(context, data, &part, data, (int)size) && EVP_EncryptFinal_ex(context, data + part, &rest) &&
		    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, data + size);

	EVP_CIPHER_CTX_free(context);
	return good;
}

static int encode(uint64_t charge, const uint8_t nonce[NONCE_SIZE], struct provpkg_view cipher, struct provpkg_blob *der)
{
	SEALED form = { .type = 0 };
	int result = -ENOMEM;

	form.value.fields = (SEALED_FIELDS *)ASN1_item_new(ASN1_ITEM_rptr(SEALED_FIELDS));
	if (form.value.fields && provpkg_octets_set(form.value.fields->nonce, nonce, NONCE_SIZE) &&
	    provpkg_octets_set(form.value.fields->ciphertext, cipher.data, cipher.size)) {
		form.value.fields->charge = charge;
		result = provpkg_der_encode(&form, ASN1_ITEM_rptr(SEALED), der);
	}
	ASN1_item_free((ASN1_VALUE *)form.value.fields, ASN1_ITEM_rptr(SEALED_FIELDS));
	return result;
}

int provpkg_secrets_seal(const uint8_t key[PROVPKG_KEY_SIZE], struct provpkg_view uid, uint64_t charge,
			 const struct provpkg_secrets *secrets, struct provpkg_blob *sealed)
{
	uint8_t room[PLAIN_MAX + TAG_SIZE], own[PROVPKG_KEY_SIZE], nonce[NONCE_SIZE];
	size_t size = write_secrets(secrets, room);
	uint8_t *plain = room + PLAIN_MAX - size;
	int result = size ? unit_key(key, uid, charge, own) : -EINVAL;

	/* Drawn each time: a unit that is resumed may be sealed again, by other firmware perhaps. */
	if (!result && (RAND_bytes(nonce, sizeof(nonce)) != 1 || !gcm_seal(own, nonce, plain, size)))
		result = -EIO;
	if (!result)
		result = encode(charge, nonce, (struct provpkg_view){ plain, size + TAG_SIZE }, sealed);
	OPENSSL_cleanse(own, sizeof(own));
	OPENSSL_cleanse(room, sizeof(room));
	return result;
}

/* ---- Opening ---- */

static int decode(struct provpkg_view der, SEALED **sealed)
{
	const SEALED_FIELDS *fields;
	void *decoded;
	int result = provpkg_der_decode(der, SEALED_MAX, ASN1_ITEM_rptr(SEALED), PROVCARD_REFUSAL_SEALED_SECRETS, &decoded);

	if (result)
		return result == PROVCARD_REFUSAL_TRAILING_DATA ? PROVCARD_REFUSAL_SEALED_SECRETS : result;
	*sealed = decoded;
	fields = (*sealed)->value.fields;
	if (ASN1_STRING_length(fields->nonce) == NONCE_SIZE && ASN1_STRING_length(fields->ciphertext) > TAG_SIZE &&
	    ASN1_STRING_length(fields->ciphertext) <= PLAIN_MAX + TAG_SIZE)
		return 0;
	ASN1_item_free(decoded, ASN1_ITEM_rptr(SEALED));
	return PROVCARD_REFUSAL_SEALED_SECRETS;
}

static bool gcm_open(const uint8_t key[PROVPKG_KEY_SIZE], const SEALED_FIELDS *fields, uint8_t *plain, size_t size)
{
	const uint8_t *cipher = ASN1_STRING_get0_data(fields->ciphertext);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int part = 0, rest = 0;
	bool good = context &&
		    EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(), key, ASN1_STRING_get0_data(fields->nonce), NULL) &&
		    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, (void *)(cipher + size)) &&
		    EVP_DecryptUpdate(context, plain, &part, cipher, (int)size) &&
		    EVP_DecryptFinal_ex(context, plain + part, &rest);

	EVP_CIPHER_CTX_free(context);
	return good;
}

static void free_form(UNIT_SECRETS *form)
{
	for (int i = 0; i < sk_UNIT_SECRET_num(form); i++) {
		ASN1_OCTET_STRING *value = sk_UNIT_SECRET_value(form, i)->value;

		OPENSSL_cleanse((void *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	}
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(UNIT_SECRETS));
}

static int take(const UNIT_SECRETS *form, struct provpkg_secrets *secrets)
{
	int count = sk_UNIT_SECRET_num(form);

	if (count < 1 || count > PROVPKG_LIFECYCLE_MAX)
		return PROVCARD_REFUSAL_SEALED_SECRETS;
	for (int i = 0; i < count; i++) {
		struct provpkg_view value = provpkg_string_view(sk_UNIT_SECRET_value(form, i)->value);
		struct provpkg_secret *secret = &secrets->secret[i];

		if (value.size < SECRET_MIN || value.size > sizeof(secret->value) ||
		    !provpkg_name_get(sk_UNIT_SECRET_value(form, i)->name, secret->name, sizeof(secret->name)))
			return PROVCARD_REFUSAL_SEALED_SECRETS;
		memcpy(secret->value, value.data, value.size);
		secret->size = value.size;
	}
	secrets->count = (size_t)count;
	return 0;
}

static int read_secrets(struct provpkg_view plain, struct provpkg_secrets *secrets)
{
	struct provpkg_secrets taken = { 0 };
	void *form;
	int result = provpkg_der_decode(plain, PLAIN_MAX, ASN1_ITEM_rptr(UNIT_SECRETS), PROVCARD_REFUSAL_SEALED_SECRETS, &form);

	if (result)
		return PROVCARD_REFUSAL_SEALED_SECRETS;
	result = take(form, &taken);
	if (!result)
		*secrets = taken;
	OPENSSL_cleanse(&taken, sizeof(taken));
	free_form(form);
	return result;
}

int provpkg_secrets_open(const uint8_t key[PROVPKG_KEY_SIZE], struct provpkg_view uid, struct provpkg_view der,
			 struct provpkg_secrets *secrets)
{
	uint8_t own[PROVPKG_KEY_SIZE], plain[PLAIN_MAX];
	SEALED *sealed;
	size_t size;
	int result = decode(der, &sealed);

	if (result)
		return result;
	size = (size_t)ASN1_STRING_length(sealed->value.fields->ciphertext) - TAG_SIZE;
	result = unit_key(key, uid, sealed->value.fields->charge, own);
	if (!result && !gcm_open(own, sealed->value.fields, plain, size))
		result = PROVCARD_REFUSAL_ESCROW_KEY;
	if (!result)
		result = read_secrets((struct provpkg_view){ plain, size }, secrets);
	OPENSSL_cleanse(own, sizeof(own));
	OPENSSL_cleanse(plain, sizeof(plain));
	ASN1_item_free((ASN1_VALUE *)sealed, ASN1_ITEM_rptr(SEALED));
	return result;
}

/* ---- Attachments ---- */

static int check_rest(struct provpkg_view rest, bool loaded)
{
	ESCROW_ENVELOPE *envelope;
	SEALED *sealed;
	int result;

	if (loaded) {
		result = provpkg_escrow_envelope_decode(rest, &envelope);
		if (!result)
			ASN1_item_free((ASN1_VALUE *)envelope, ASN1_ITEM_rptr(ESCROW_ENVELOPE));
		return result;
	}
	result = decode(rest, &sealed);
	if (!result)
		ASN1_item_free((ASN1_VALUE *)sealed, ASN1_ITEM_rptr(SEALED));
	return result;
}

int provpkg_attachment_split(struct provpkg_view attachment, bool loaded, struct provpkg_attachment *parts)
{
	bool first = attachment.size && attachment.data[0] == SEQUENCE;
	struct provpkg_attachment found = { .sealed = attachment };
	size_t size = 0;
	int result = 0;

	if ((first && !provpkg_der_walk(attachment, &size)) || (!first && loaded))
		return PROVCARD_REFUSAL_SEALED_SECRETS;
	found.first = (struct provpkg_view){ attachment.data, size };
	found.sealed = (struct provpkg_view){ attachment.data + size, attachment.size - size };
	if (found.sealed.size)
		result = check_rest(found.sealed, loaded);
	if (!result)
		*parts = found;
	return result;
}
