// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "crypto.h"
#include "note.h"
#include "x509.h"

#define KEY_ID_SIZE 4
#define SIGNATURE_MAX 5120 /* ML-DSA-87: 4627 */
#define NOTE_MAX (128u << 10)
#define LINES_MAX 16
#define DASH "\xe2\x80\x94 " /* em dash, space */

bool provpkg_note_name_valid(const char *name)
{
	return *name && !strpbrk(name, " +");
}

/* ---- Keys ---- */

static int key_id_ecdsa(const EVP_PKEY *key, uint8_t hash[PROVPKG_HASH_SIZE])
{
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(key, &der);
	struct provpkg_view piece = { der, size > 0 ? size : 0 };
	int result = size > 0 ? provpkg_digest(EVP_sha256(), &piece, 1, hash) : -EIO;

	OPENSSL_free(der);
	return result;
}

static int key_id_ml_dsa(const EVP_PKEY *key, const char *name, uint8_t hash[PROVPKG_HASH_SIZE])
{
	uint8_t raw[2592]; /* ML-DSA-87 */
	size_t size = sizeof(raw);
	struct provpkg_view pieces[] = {
		provpkg_text_view(name),
		provpkg_text_view("\n" PROVPKG_NOTE_ML_DSA_87),
		{ raw, 0 },
	};

	if (EVP_PKEY_get_raw_public_key(key, raw, &size) != 1)
		return -EIO;
	pieces[2].size = size;
	return provpkg_digest(EVP_sha256(), pieces, 3, hash);
}

/* -EINVAL for a key that signs no notes. */
static int key_id(const EVP_PKEY *key, const char *name, uint8_t id[KEY_ID_SIZE])
{
	uint8_t hash[PROVPKG_HASH_SIZE];
	int result = -EINVAL;

	if (provpkg_key_is(key, "P-384"))
		result = key_id_ecdsa(key, hash);
	else if (provpkg_key_is(key, "ML-DSA-87"))
		result = key_id_ml_dsa(key, name, hash);
	if (!result)
		memcpy(id, hash, KEY_ID_SIZE);
	return result;
}

static const EVP_MD *note_digest(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "EC") ? EVP_sha256() : NULL;
}

/* ---- Signing ---- */

static int sign_text(struct provpkg_view text, EVP_PKEY *key, uint8_t *signature, size_t *size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool made = context && EVP_DigestSignInit(context, NULL, note_digest(key), NULL, key) == 1 &&
		    EVP_DigestSign(context, signature, size, text.data, text.size) == 1;

	EVP_MD_CTX_free(context);
	return made ? 0 : -EIO;
}

static int append_line(BIO *bio, struct provpkg_view text, const char *name, EVP_PKEY *key)
{
	uint8_t line[KEY_ID_SIZE + SIGNATURE_MAX];
	char base64[(sizeof(line) + 2) / 3 * 4 + 1];
	size_t size = SIGNATURE_MAX;
	int result = key_id(key, name, line);

	if (!result)
		result = sign_text(text, key, line + KEY_ID_SIZE, &size);
	if (result)
		return result;
	EVP_EncodeBlock((unsigned char *)base64, line, KEY_ID_SIZE + size);
	return BIO_printf(bio, DASH "%s %s\n", name, base64) > 0 ? 0 : -ENOMEM;
}

int provpkg_note_sign(struct provpkg_view text, const char *name, const struct provpkg_signer *signers, size_t count,
		      struct provpkg_blob *note)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct provpkg_blob made = { 0 };
	int result = bio && BIO_write(bio, text.data, text.size) > 0 && BIO_puts(bio, "\n") > 0 ? 0 : -ENOMEM;

	for (size_t i = 0; !result && i < count; i++)
		result = append_line(bio, text, name, signers[i].key);
	if (!result)
		result = provpkg_blob_append_bio(&made, bio);
	if (!result)
		*note = made;
	BIO_free(bio);
	return result;
}

/* ---- Reading ---- */

static bool characters_valid(struct provpkg_view note)
{
	while (note.size) {
		unsigned long character;
		int used = UTF8_getc(note.data, note.size, &character);

		if (used <= 0 || (character < 0x20 && character != '\n'))
			return false;
		note.data += used;
		note.size -= used;
	}
	return true;
}

/* The text ends at the last empty line. */
bool provpkg_note_text(struct provpkg_view note, struct provpkg_view *text)
{
	if (note.size < 3 || note.size > NOTE_MAX || note.data[note.size - 1] != '\n' || !characters_valid(note))
		return false;
	for (size_t at = note.size - 2; at > 0; at--) {
		if (note.data[at] == '\n' && note.data[at - 1] == '\n') {
			*text = (struct provpkg_view){ note.data, at };
			return true;
		}
	}
	return false;
}

/* Next line of @rest without its newline; every line has one. */
static struct provpkg_view take_line(struct provpkg_view *rest)
{
	const uint8_t *end = memchr(rest->data, '\n', rest->size);
	struct provpkg_view line = { rest->data, end - rest->data };

	rest->data += line.size + 1;
	rest->size -= line.size + 1;
	return line;
}

/* One encoding only: what decodes must encode to the same characters. */
static bool base64_decode(struct provpkg_view text, uint8_t *data, size_t room, size_t *size)
{
	char again[(KEY_ID_SIZE + SIGNATURE_MAX + 2) / 3 * 4 + 1];
	size_t padding = 0;
	int decoded;

	if (!text.size || text.size % 4 || text.size / 4 * 3 > room || text.size >= sizeof(again))
		return false;
	while (padding < 2 && text.data[text.size - 1 - padding] == '=')
		padding++;
	decoded = EVP_DecodeBlock(data, text.data, text.size);
	if (decoded < 0)
		return false;
	*size = decoded - padding;
	EVP_EncodeBlock((unsigned char *)again, data, *size);
	return strlen(again) == text.size && !memcmp(again, text.data, text.size);
}

struct signature_line {
	struct provpkg_view name;
	uint8_t id[KEY_ID_SIZE];
	uint8_t signature[SIGNATURE_MAX + KEY_ID_SIZE];
	size_t size;
};

static bool parse_line(struct provpkg_view line, struct signature_line *parsed)
{
	uint8_t data[KEY_ID_SIZE + SIGNATURE_MAX];
	const uint8_t *space;
	size_t size;

	if (line.size < strlen(DASH) || memcmp(line.data, DASH, strlen(DASH)))
		return false;
	line.data += strlen(DASH);
	line.size -= strlen(DASH);
	space = memchr(line.data, ' ', line.size);
	if (!space || space == line.data)
		return false;
	parsed->name = (struct provpkg_view){ line.data, space - line.data };
	line.size -= parsed->name.size + 1;
	if (!base64_decode((struct provpkg_view){ space + 1, line.size }, data, sizeof(data), &size) || size <= KEY_ID_SIZE)
		return false;
	memcpy(parsed->id, data, KEY_ID_SIZE);
	parsed->size = size - KEY_ID_SIZE;
	memcpy(parsed->signature, data + KEY_ID_SIZE, parsed->size);
	return true;
}

static bool signature_good(struct provpkg_view text, EVP_PKEY *key, const struct signature_line *line)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestVerifyInit(context, NULL, note_digest(key), NULL, key) == 1 &&
		    EVP_DigestVerify(context, line->signature, line->size, text.data, text.size) == 1;

	EVP_MD_CTX_free(context);
	return good;
}

/* Lines of keys that are not @key's are passed over, as the specification demands; a bad line of @key's spoils the note. */
static bool key_signed(struct provpkg_view text, struct provpkg_view lines, const char *name, EVP_PKEY *key)
{
	struct signature_line line;
	uint8_t id[KEY_ID_SIZE];
	bool found = false;
	size_t count = 0;

	if (key_id(key, name, id))
		return false;
	while (lines.size) {
		if (++count > LINES_MAX || !parse_line(take_line(&lines), &line))
			return false;
		if (line.name.size != strlen(name) || memcmp(line.name.data, name, line.name.size) ||
		    memcmp(line.id, id, KEY_ID_SIZE))
			continue;
		if (!signature_good(text, key, &line))
			return false;
		found = true;
	}
	return found;
}

bool provpkg_note_verify(struct provpkg_view note, const char *name, X509 *const *certificates, size_t count)
{
	struct provpkg_view text, lines;
	bool good = count > 0;

	if (!provpkg_note_text(note, &text))
		return false;
	lines = (struct provpkg_view){ note.data + text.size + 1, note.size - text.size - 1 };
	ERR_set_mark();
	for (size_t i = 0; good && i < count; i++)
		good = key_signed(text, lines, name, X509_get0_pubkey(certificates[i]));
	ERR_pop_to_mark();
	return good;
}
