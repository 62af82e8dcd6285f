// SPDX-License-Identifier: GPL-2.0-or-later
/* The vault's plaintext: fields one after another, each behind its length. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "vault.h"

#define VAULT_VERSION 2

/* Sizes first, then bytes: with data NULL the writer only counts. */
struct writer {
	uint8_t *data;
	size_t size;
	int error;
};

static void put(struct writer *writer, const void *data, size_t size)
{
	uint32_t length = (uint32_t)size;

	if (writer->data) {
		memcpy(writer->data + writer->size, &length, sizeof(length));
		if (size)
			memcpy(writer->data + writer->size + sizeof(length), data, size);
	}
	writer->size += sizeof(length) + size;
}

static void put_number(struct writer *writer, uint64_t number)
{
	put(writer, &number, sizeof(number));
}

static void put_key(struct writer *writer, const EVP_PKEY *key)
{
	uint8_t *der = NULL;
	int size = key ? i2d_PrivateKey(key, &der) : 0;

	if (size < 0) {
		writer->error = -EIO;
		return;
	}
	put(writer, der, (size_t)size);
	OPENSSL_clear_free(der, (size_t)size);
}

static void put_certificate(struct writer *writer, const X509 *certificate)
{
	uint8_t *der = NULL;
	int size = certificate ? i2d_X509(certificate, &der) : 0;

	if (size < 0) {
		writer->error = -EIO;
		return;
	}
	put(writer, der, (size_t)size);
	OPENSSL_free(der);
}

static void put_certificates(struct writer *writer, const STACK_OF(X509) * certificates)
{
	int count = certificates ? sk_X509_num(certificates) : 0;

	put_number(writer, (uint64_t)count);
	for (int i = 0; i < count; i++)
		put_certificate(writer, sk_X509_value(certificates, i));
}

static void put_vault(struct writer *writer, const struct vault *vault)
{
	put_number(writer, VAULT_VERSION);
	put(writer, vault->secrets, sizeof(*vault->secrets));
	put_key(writer, vault->keys.identity_classical);
	put_key(writer, vault->keys.identity_pq);
	put_key(writer, vault->keys.agreement);
	put_key(writer, vault->keys.kem_768);
	put_key(writer, vault->keys.kem_1024);
	put_certificate(writer, vault->certificates.identity_classical);
	put_certificate(writer, vault->certificates.identity_pq);
	put_certificate(writer, vault->certificates.agreement);
	put_certificate(writer, vault->certificates.kem_768);
	put_certificate(writer, vault->certificates.kem_1024);
	put_certificates(writer, vault->certificates.chain);
	put(writer, &vault->policy, sizeof(vault->policy));
	put_number(writer, vault->people);
	for (size_t i = 0; i < vault->people; i++) {
		const struct vault_person *person = &vault->person[i];

		put_number(writer, person->role);
		put(writer, person->name, sizeof(person->name));
		put_certificates(writer, person->certificates);
		for (size_t k = 0; k < PROVPKG_ISSUING_KINDS; k++)
			put_key(writer, person->issuing_key[k]);
	}
}

int vault_encode(const struct vault *vault, uint8_t **blob, size_t *size)
{
	struct writer writer = { 0 };

	put_vault(&writer, vault);
	if (writer.error)
		return writer.error;
	*size = writer.size;
	writer = (struct writer){ .data = OPENSSL_secure_malloc(*size) };
	if (!writer.data)
		return -ENOMEM;
	put_vault(&writer, vault);
	*blob = writer.data;
	return 0;
}

struct reader {
	const uint8_t *data;
	size_t left;
	bool bad;
};

static const uint8_t *take(struct reader *reader, size_t *size)
{
	const uint8_t *data = reader->data;
	uint32_t length = 0;

	if (!reader->bad && reader->left >= sizeof(length))
		memcpy(&length, data, sizeof(length));
	if (reader->bad || reader->left < sizeof(length) || length > reader->left - sizeof(length)) {
		reader->bad = true;
		*size = 0;
		return NULL;
	}
	reader->data += sizeof(length) + length;
	reader->left -= sizeof(length) + length;
	*size = length;
	return data + sizeof(length);
}

static void take_exactly(struct reader *reader, void *to, size_t size)
{
	size_t found;
	const uint8_t *data = take(reader, &found);

	if (data && found == size)
		memcpy(to, data, size);
	else
		reader->bad = true;
}

static uint64_t take_number(struct reader *reader)
{
	uint64_t number = 0;

	take_exactly(reader, &number, sizeof(number));
	return number;
}

static EVP_PKEY *take_key(struct reader *reader)
{
	size_t size;
	const uint8_t *data = take(reader, &size);
	EVP_PKEY *key;

	if (!size)
		return NULL;
	key = d2i_AutoPrivateKey(NULL, &data, (long)size);
	if (!key)
		reader->bad = true;
	return key;
}

static X509 *take_certificate(struct reader *reader)
{
	size_t size;
	const uint8_t *data = take(reader, &size);
	X509 *certificate;

	if (!size)
		return NULL;
	certificate = d2i_X509(NULL, &data, (long)size);
	if (!certificate)
		reader->bad = true;
	return certificate;
}

static STACK_OF(X509) * take_certificates(struct reader *reader)
{
	uint64_t count = take_number(reader);
	STACK_OF(X509) *certificates = sk_X509_new_null();

	if (!certificates)
		reader->bad = true;
	for (uint64_t i = 0; i < count && !reader->bad; i++) {
		X509 *certificate = take_certificate(reader);

		if (certificate && sk_X509_push(certificates, certificate) <= 0) {
			X509_free(certificate);
			reader->bad = true;
		}
	}
	return certificates;
}

static void take_people(struct reader *reader, struct vault *vault)
{
	uint64_t count = take_number(reader);

	if (count > VAULT_PEOPLE_MAX)
		reader->bad = true;
	for (uint64_t i = 0; i < count && !reader->bad; i++) {
		struct vault_person *person = &vault->person[vault->people++];

		person->role = (enum provpkg_role)take_number(reader);
		take_exactly(reader, person->name, sizeof(person->name));
		person->certificates = take_certificates(reader);
		for (size_t k = 0; k < PROVPKG_ISSUING_KINDS; k++)
			person->issuing_key[k] = take_key(reader);
	}
}

static void take_vault(struct reader *reader, struct vault *vault)
{
	if (take_number(reader) != VAULT_VERSION)
		reader->bad = true;
	take_exactly(reader, vault->secrets, sizeof(*vault->secrets));
	vault->keys.identity_classical = take_key(reader);
	vault->keys.identity_pq = take_key(reader);
	vault->keys.agreement = take_key(reader);
	vault->keys.kem_768 = take_key(reader);
	vault->keys.kem_1024 = take_key(reader);
	vault->certificates.identity_classical = take_certificate(reader);
	vault->certificates.identity_pq = take_certificate(reader);
	vault->certificates.agreement = take_certificate(reader);
	vault->certificates.kem_768 = take_certificate(reader);
	vault->certificates.kem_1024 = take_certificate(reader);
	vault->certificates.chain = take_certificates(reader);
	take_exactly(reader, &vault->policy, sizeof(vault->policy));
	take_people(reader, vault);
	/* The encryption keys are missing together, once the card is decommissioned. */
	if (reader->left || !vault->keys.identity_classical || !vault->keys.identity_pq ||
	    !vault->keys.agreement != !vault->keys.kem_768 || !vault->keys.agreement != !vault->keys.kem_1024)
		reader->bad = true;
}

int vault_decode(const uint8_t *blob, size_t size, struct vault **out)
{
	struct reader reader = { .data = blob, .left = size };
	struct vault *vault = calloc(1, sizeof(*vault));

	if (!vault)
		return -ENOMEM;
	atomic_init(&vault->references, 1);
	vault->secrets = OPENSSL_secure_zalloc(sizeof(*vault->secrets));
	if (!vault->secrets)
		reader.bad = true;
	else
		take_vault(&reader, vault);
	if (reader.bad || vault_set_card_id(vault)) {
		vault_put(vault);
		return -EBADMSG;
	}
	*out = vault;
	return 0;
}
