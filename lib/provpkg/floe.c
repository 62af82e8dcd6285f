// SPDX-License-Identifier: LGPL-2.1-or-later
/* FLOE as c2sp.org/FLOE specifies it; its names stand in the comments. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "crypto.h"
#include "endian.h"
#include "floe.h"
#include "provcard-refusal.h"
#include "provpkg/package.h"

#define PARAMETERS_SIZE 10 /* PARAM_ENCODE */
#define HEADER_TAG_SIZE 32
#define MESSAGE_KEY_SIZE 48 /* KDF_KEY_LEN */
#define TAG_SIZE 16 /* AEAD_TAG_LEN */
#define LENGTH_SIZE 4
#define NOT_LAST UINT32_C(0xffffffff)
#define SEGMENTS_MAX (UINT64_C(1) << 40) /* AEAD_MAX_SEGMENTS */

_Static_assert(PROVPKG_SEGMENT_PREFIX == LENGTH_SIZE + PROVPKG_FLOE_NONCE_SIZE, "what callers of the package interface rely on");

struct provpkg_floe {
	struct provpkg_floe_parameters parameters;
	uint8_t iv[PROVPKG_FLOE_IV_SIZE];
	uint8_t aad[PROVPKG_FLOE_AAD_MAX];
	size_t aad_size;
	uint8_t message_key[MESSAGE_KEY_SIZE];
	uint8_t first_key[PROVPKG_KEY_SIZE]; /* of the first 2^rotation_bits segments, derived once */
	EVP_CIPHER *cipher;
};

static void encode_parameters(const struct provpkg_floe_parameters *parameters, uint8_t encoded[PARAMETERS_SIZE])
{
	encoded[0] = 0; /* AES-256-GCM */
	encoded[1] = 0; /* HKDF-Expand-SHA-384 */
	provpkg_put_be(encoded + 2, 4, parameters->segment_size);
	provpkg_put_be(encoded + 6, 4, PROVPKG_FLOE_IV_SIZE);
}

/* FLOE_KDF. */
static int derive(const struct provpkg_floe *floe, struct provpkg_view key, struct provpkg_view purpose, uint8_t *out, size_t size)
{
	uint8_t info[PARAMETERS_SIZE + PROVPKG_FLOE_IV_SIZE + 16 + PROVPKG_FLOE_AAD_MAX], *end = info;
	struct provpkg_hkdf hkdf = { .digest = "SHA384", .expand_only = true, .ikm = key };

	encode_parameters(&floe->parameters, end);
	end += PARAMETERS_SIZE;
	memcpy(end, floe->iv, sizeof(floe->iv));
	end += sizeof(floe->iv);
	memcpy(end, purpose.data, purpose.size);
	end += purpose.size;
	memcpy(end, floe->aad, floe->aad_size);
	end += floe->aad_size;
	hkdf.info = (struct provpkg_view){ info, (size_t)(end - info) };
	return provpkg_hkdf(&hkdf, out, size);
}

/* DERIVE_KEY for the key period that begins with segment @first. */
static int derive_segment_key(const struct provpkg_floe *floe, uint64_t first, uint8_t key[PROVPKG_KEY_SIZE])
{
	uint8_t purpose[12] = "DEK:";

	provpkg_put_be(purpose + 4, 8, first);
	return derive(floe, (struct provpkg_view){ floe->message_key, sizeof(floe->message_key) },
		      (struct provpkg_view){ purpose, sizeof(purpose) }, key, PROVPKG_KEY_SIZE);
}

static int segment_key(const struct provpkg_floe *floe, uint64_t index, uint8_t key[PROVPKG_KEY_SIZE])
{
	uint64_t first = index >> floe->parameters.rotation_bits << floe->parameters.rotation_bits;

	if (first)
		return derive_segment_key(floe, first, key);
	memcpy(key, floe->first_key, PROVPKG_KEY_SIZE);
	return 0;
}

void provpkg_floe_free(struct provpkg_floe *floe)
{
	if (!floe)
		return;
	EVP_CIPHER_free(floe->cipher);
	OPENSSL_clear_free(floe, sizeof(*floe));
}

/* All but the header tag, which the two ways of beginning treat differently. */
static int begin(const struct provpkg_floe_parameters *parameters, struct provpkg_view key, struct provpkg_view aad, const uint8_t *iv,
		 struct provpkg_floe **floe)
{
	struct provpkg_floe *begun;
	int result;

	if (aad.size > PROVPKG_FLOE_AAD_MAX || parameters->segment_size <= PROVPKG_FLOE_OVERHEAD ||
	    parameters->segment_size > INT_MAX || parameters->rotation_bits > 40)
		return -EINVAL;
	begun = OPENSSL_zalloc(sizeof(*begun));
	if (!begun)
		return -ENOMEM;
	begun->parameters = *parameters;
	begun->aad_size = aad.size;
	memcpy(begun->aad, aad.data, aad.size);
	memcpy(begun->iv, iv, sizeof(begun->iv));
	begun->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	result = begun->cipher ? derive(begun, key, provpkg_text_view("MESSAGE_KEY:"), begun->message_key, MESSAGE_KEY_SIZE) : -EIO;
	if (!result)
		result = derive_segment_key(begun, 0, begun->first_key);
	if (result)
		provpkg_floe_free(begun);
	else
		*floe = begun;
	return result;
}

static int write_header(const struct provpkg_floe *floe, struct provpkg_view key, uint8_t header[PROVPKG_FLOE_HEADER_SIZE])
{
	encode_parameters(&floe->parameters, header);
	memcpy(header + PARAMETERS_SIZE, floe->iv, sizeof(floe->iv));
	return derive(floe, key, provpkg_text_view("HEADER_TAG:"), header + PARAMETERS_SIZE + sizeof(floe->iv), HEADER_TAG_SIZE);
}

int provpkg_floe_new(const struct provpkg_floe_parameters *parameters, const uint8_t key[PROVPKG_KEY_SIZE], struct provpkg_view aad,
		     const uint8_t iv[PROVPKG_FLOE_IV_SIZE], uint8_t header[PROVPKG_FLOE_HEADER_SIZE], struct provpkg_floe **floe)
{
	const struct provpkg_view key_view = { key, PROVPKG_KEY_SIZE };
	struct provpkg_floe *begun;
	int result = begin(parameters, key_view, aad, iv, &begun);

	if (result)
		return result;
	result = write_header(begun, key_view, header);
	if (result)
		provpkg_floe_free(begun);
	else
		*floe = begun;
	return result;
}

int provpkg_floe_open(const struct provpkg_floe_parameters *parameters, const uint8_t key[PROVPKG_KEY_SIZE], struct provpkg_view aad,
		      struct provpkg_view header, struct provpkg_floe **floe)
{
	uint8_t expected[PROVPKG_FLOE_HEADER_SIZE];
	struct provpkg_floe *begun;
	int result;

	if (header.size != sizeof(expected))
		return PROVCARD_REFUSAL_FLOE_HEADER;
	result = provpkg_floe_new(parameters, key, aad, header.data + PARAMETERS_SIZE, expected, &begun);
	if (result)
		return result;
	if (CRYPTO_memcmp(expected, header.data, sizeof(expected))) {
		provpkg_floe_free(begun);
		return PROVCARD_REFUSAL_FLOE_HEADER;
	}
	*floe = begun;
	return 0;
}

/* Ready for the segment's content: key, nonce and associated data (position and whether it is the last) are in. */
static EVP_CIPHER_CTX *cipher_begin(const struct provpkg_floe *floe, struct provpkg_floe_segment segment, const uint8_t *nonce,
				    int encrypt)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t key[PROVPKG_KEY_SIZE], aad[9];
	int done, good;

	provpkg_put_be(aad, 8, segment.index);
	aad[8] = segment.last;
	good = context && !segment_key(floe, segment.index, key) &&
	       EVP_CipherInit_ex2(context, floe->cipher, key, nonce, encrypt, NULL) &&
	       EVP_CipherUpdate(context, NULL, &done, aad, sizeof(aad));
	OPENSSL_cleanse(key, sizeof(key));
	if (good)
		return context;
	EVP_CIPHER_CTX_free(context);
	return NULL;
}

static int seal_pieces(EVP_CIPHER_CTX *context, const struct provpkg_view *pieces, size_t count, uint8_t *out)
{
	int done;

	for (size_t i = 0; i < count; i++) {
		if (!pieces[i].size)
			continue;
		if (!EVP_CipherUpdate(context, out, &done, pieces[i].data, (int)pieces[i].size))
			return -EIO;
		out += done;
	}
	return EVP_CipherFinal_ex(context, out, &done) && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, out) ? 0 : -EIO;
}

int provpkg_floe_seal(const struct provpkg_floe *floe, struct provpkg_floe_segment segment,
		      const uint8_t nonce[PROVPKG_FLOE_NONCE_SIZE], const struct provpkg_view *pieces, size_t count, uint8_t *out,
		      size_t *size)
{
	size_t room = floe->parameters.segment_size - PROVPKG_FLOE_OVERHEAD, total = 0;
	EVP_CIPHER_CTX *context;
	int result;

	for (size_t i = 0; i < count; i++) {
		if (pieces[i].size > room - total)
			return -EINVAL;
		total += pieces[i].size;
	}
	if ((!segment.last && total != room) || segment.index >= SEGMENTS_MAX)
		return -EINVAL;
	context = cipher_begin(floe, segment, nonce, 1);
	if (!context)
		return -EIO;
	provpkg_put_be(out, LENGTH_SIZE, segment.last ? total + PROVPKG_FLOE_OVERHEAD : NOT_LAST);
	memcpy(out + LENGTH_SIZE, nonce, PROVPKG_FLOE_NONCE_SIZE);
	result = seal_pieces(context, pieces, count, out + LENGTH_SIZE + PROVPKG_FLOE_NONCE_SIZE);
	EVP_CIPHER_CTX_free(context);
	if (!result)
		*size = total + PROVPKG_FLOE_OVERHEAD;
	return result;
}

static bool length_right(const struct provpkg_floe *floe, struct provpkg_floe_segment segment, struct provpkg_view cipher)
{
	size_t size = floe->parameters.segment_size;
	uint64_t said;

	if (cipher.size < PROVPKG_FLOE_OVERHEAD || cipher.size > size || segment.index >= SEGMENTS_MAX)
		return false;
	said = provpkg_get_be(cipher.data, LENGTH_SIZE);
	return segment.last ? said == cipher.size : said == NOT_LAST && cipher.size == size;
}

static int unseal_body(EVP_CIPHER_CTX *context, const uint8_t *body, size_t size, uint8_t *plain)
{
	uint8_t *tag = (uint8_t *)body + size;
	int done;

	if (!EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) ||
	    (size && !EVP_CipherUpdate(context, plain, &done, body, (int)size)))
		return -EIO;
	return EVP_CipherFinal_ex(context, plain + size, &done) ? 0 : PROVCARD_REFUSAL_SEGMENT_TAG;
}

/* GCM takes equal buffers, but not shifted ones: at the segment's own beginning, the content is moved after it was decrypted. */
int provpkg_floe_unseal(const struct provpkg_floe *floe, struct provpkg_floe_segment segment, struct provpkg_view cipher,
			uint8_t *plain, size_t *size)
{
	const uint8_t *nonce = cipher.data + LENGTH_SIZE, *body = nonce + PROVPKG_FLOE_NONCE_SIZE;
	size_t body_size = cipher.size - PROVPKG_FLOE_OVERHEAD;
	uint8_t *to = plain == cipher.data ? plain + (body - cipher.data) : plain;
	EVP_CIPHER_CTX *context;
	int result;

	if (!length_right(floe, segment, cipher))
		return PROVCARD_REFUSAL_SEGMENT_TAG;
	context = cipher_begin(floe, segment, nonce, 0);
	if (!context)
		return -EIO;
	ERR_set_mark();
	result = unseal_body(context, body, body_size, to);
	ERR_pop_to_mark();
	EVP_CIPHER_CTX_free(context);
	if (result) {
		OPENSSL_cleanse(to, body_size);
		return result;
	}
	if (to != plain)
		memmove(plain, to, body_size);
	*size = body_size;
	return 0;
}
