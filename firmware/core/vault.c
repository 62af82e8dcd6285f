// SPDX-License-Identifier: GPL-2.0-or-later
#include "vault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "entropy.h"
#include "provcard-refusal.h"

#define SLOT_MAGIC 0x54564350 /* "PCVT" */

/* Before the ciphertext; authenticated up to the tag. */
struct slot {
	uint32_t magic;
	uint32_t size; /* of the ciphertext behind this header */
	uint64_t generation;
	uint8_t root_id[16]; /* which root secret it is under */
	uint8_t nonce[CRYPTO_GCM_NONCE];
	uint32_t reserved;
	uint8_t tag[VAULT_TAG_SIZE];
};

_Static_assert(VAULT_TAG_SIZE == CRYPTO_GCM_TAG, "the tag is the seal's");

static struct crypto_piece slot_aad(const struct slot *slot)
{
	return (struct crypto_piece){ slot, offsetof(struct slot, tag) };
}

/* The wrapping key, and the public name of the root secret. */
static int root_key(const struct port *port, uint8_t key[32], uint8_t id[16])
{
	static const char key_label[] = "provcard vault key", id_label[] = "provcard root id";
	struct crypto_piece key_info = { key_label, sizeof(key_label) }, id_info = { id_label, sizeof(id_label) };
	uint8_t secret[32];
	int error = port->ops->root_secret(port->context, secret) ? PROVCARD_REFUSAL_STORAGE_FAILED : 0;

	if (!error)
		error = crypto_derive(secret, sizeof(secret), &key_info, 1, key, 32);
	if (!error)
		error = crypto_derive(secret, sizeof(secret), &id_info, 1, id, 16);
	OPENSSL_cleanse(secret, sizeof(secret));
	return error;
}

static uint64_t slot_room(const struct port *port)
{
	return port->ops->nv_size(port->context, PORT_NV_VAULT) / 2;
}

static uint64_t slot_offset(const struct port *port, uint64_t generation)
{
	return generation % 2 * slot_room(port);
}

/* Seal the blob in place and write it behind its header. */
static int write_slot(const struct port *port, struct vault *vault, uint8_t *blob, size_t size)
{
	struct slot slot = { .magic = SLOT_MAGIC, .size = (uint32_t)size, .generation = vault->generation };
	uint64_t offset = slot_offset(port, vault->generation);
	uint8_t key[32];
	int code = root_key(port, key, slot.root_id);

	if (!code && entropy_draw(port, slot.nonce, sizeof(slot.nonce)))
		code = PROVCARD_REFUSAL_ENTROPY;
	if (!code)
		code = crypto_seal(key, slot.nonce, slot_aad(&slot), blob, size, slot.tag);
	OPENSSL_cleanse(key, sizeof(key));
	if (code)
		return code;
	if (port->ops->nv_write(port->context, PORT_NV_VAULT, offset, &slot, sizeof(slot)) ||
	    port->ops->nv_write(port->context, PORT_NV_VAULT, offset + sizeof(slot), blob, size) ||
	    port->ops->nv_flush(port->context, PORT_NV_VAULT))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	memcpy(vault->tag, slot.tag, sizeof(vault->tag));
	return 0;
}

int vault_store(const struct port *port, struct vault *vault)
{
	uint8_t *blob;
	size_t size;
	int code = vault_encode(vault, &blob, &size);

	if (code)
		return code;
	if (size + sizeof(struct slot) > slot_room(port))
		code = PROVCARD_REFUSAL_TOO_MANY_PEOPLE;
	else
		code = write_slot(port, vault, blob, size);
	OPENSSL_secure_clear_free(blob, size);
	return code;
}

/*
 * What a slot without a genuine vault may be. Empty: never written, or wrapped under a root secret that was destroyed since. The
 * very first vault torn in writing was never in use, so it does not count as damage when the other slot is empty.
 */
enum slot_state { SLOT_EMPTY, SLOT_GENUINE, SLOT_FIRST_TORN, SLOT_DAMAGED };

static enum slot_state slot_outside(const struct slot *slot, const uint8_t id[16])
{
	static const struct slot zero;

	if (!memcmp(slot, &zero, sizeof(zero)))
		return SLOT_EMPTY;
	if (slot->magic != SLOT_MAGIC)
		return SLOT_DAMAGED;
	if (memcmp(slot->root_id, id, sizeof(slot->root_id)))
		return SLOT_EMPTY;
	return slot->generation == VAULT_FIRST_GENERATION ? SLOT_FIRST_TORN : SLOT_DAMAGED;
}

static int read_slot(const struct port *port, uint64_t number, const uint8_t key[32], const uint8_t id[16], struct vault **vault,
		     enum slot_state *state)
{
	uint64_t offset = number * slot_room(port);
	struct slot slot;
	uint8_t *blob;
	int code = 0;

	if (port->ops->nv_read(port->context, PORT_NV_VAULT, offset, &slot, sizeof(slot)))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	*state = slot_outside(&slot, id);
	if (*state == SLOT_EMPTY || slot.size > slot_room(port) - sizeof(slot) || slot.generation % 2 != number)
		return 0;
	blob = OPENSSL_secure_malloc(slot.size);
	if (!blob)
		return -ENOMEM;
	if (port->ops->nv_read(port->context, PORT_NV_VAULT, offset + sizeof(slot), blob, slot.size))
		code = PROVCARD_REFUSAL_STORAGE_FAILED;
	else if (!crypto_open(key, slot.nonce, slot_aad(&slot), blob, slot.size, slot.tag) && !vault_decode(blob, slot.size, vault))
		*state = SLOT_GENUINE;
	if (*state == SLOT_GENUINE) {
		(*vault)->generation = slot.generation;
		memcpy((*vault)->tag, slot.tag, sizeof(slot.tag));
	}
	OPENSSL_secure_clear_free(blob, slot.size);
	return code;
}

/* No genuine vault: is that how it should be? */
static bool slots_vacant(const enum slot_state state[2])
{
	return state[0] == SLOT_EMPTY && (state[1] == SLOT_EMPTY || state[1] == SLOT_FIRST_TORN);
}

int vault_load(const struct port *port, struct vault *vault[2], enum vault_found *found)
{
	struct vault *read[2] = { NULL, NULL };
	enum slot_state state[2] = { SLOT_DAMAGED, SLOT_DAMAGED };
	uint8_t key[32], id[16];
	int newer, code = root_key(port, key, id);

	for (uint64_t i = 0; i < 2 && !code; i++)
		code = read_slot(port, i, key, id, &read[i], &state[i]);
	OPENSSL_cleanse(key, sizeof(key));
	if (!code && !read[0] && !read[1] && !slots_vacant(state))
		code = PROVCARD_REFUSAL_VAULT_CORRUPT;
	if (code) {
		vault_put(read[0]);
		vault_put(read[1]);
		return code;
	}
	*found = read[0] || read[1] ? VAULT_FOUND : VAULT_NONE;
	newer = read[1] && (!read[0] || read[1]->generation > read[0]->generation);
	vault[1] = read[newer];
	vault[0] = read[!newer];
	return 0;
}

static int wipe(const struct port *port, uint64_t offset, uint64_t size)
{
	static const uint8_t zero[4096];

	for (uint64_t at = offset; at < offset + size; at += sizeof(zero)) {
		size_t part = offset + size - at < sizeof(zero) ? (size_t)(offset + size - at) : sizeof(zero);

		if (port->ops->nv_write(port->context, PORT_NV_VAULT, at, zero, part))
			return PROVCARD_REFUSAL_STORAGE_FAILED;
	}
	return port->ops->nv_flush(port->context, PORT_NV_VAULT) ? PROVCARD_REFUSAL_STORAGE_FAILED : 0;
}

int vault_wipe(const struct port *port)
{
	return wipe(port, 0, port->ops->nv_size(port->context, PORT_NV_VAULT));
}

int vault_wipe_other(const struct port *port, const struct vault *vault)
{
	return wipe(port, slot_offset(port, vault->generation + 1), slot_room(port));
}

void vault_strip(struct vault *vault)
{
	EVP_PKEY_free(vault->keys.agreement);
	EVP_PKEY_free(vault->keys.kem_768);
	EVP_PKEY_free(vault->keys.kem_1024);
	vault->keys.agreement = vault->keys.kem_768 = vault->keys.kem_1024 = NULL;
	for (size_t i = 0; i < vault->people; i++) {
		for (size_t k = 0; k < PROVPKG_ISSUING_KINDS; k++) {
			EVP_PKEY_free(vault->person[i].issuing_key[k]);
			vault->person[i].issuing_key[k] = NULL;
		}
	}
	OPENSSL_cleanse(vault->secrets->device_secret, sizeof(vault->secrets->device_secret));
}

int vault_new(const struct port *port, struct vault **out)
{
	struct vault *vault = calloc(1, sizeof(*vault));
	int code = -ENOMEM;

	if (!vault)
		return code;
	atomic_init(&vault->references, 1);
	vault->generation = VAULT_FIRST_GENERATION;
	vault->policy = VAULT_POLICY_DEFAULT;
	vault->secrets = OPENSSL_secure_zalloc(sizeof(*vault->secrets));
	if (vault->secrets)
		code = entropy_draw(port, vault->secrets, sizeof(*vault->secrets));
	if (!code)
		code = provpkg_card_keys_generate(&vault->keys);
	if (!code)
		code = vault_set_card_id(vault);
	if (code)
		vault_put(vault);
	else
		*out = vault;
	return code;
}

int vault_copy(const struct vault *vault, struct vault **copy)
{
	uint8_t *blob;
	size_t size;
	int error = vault_encode(vault, &blob, &size);

	if (error)
		return error;
	error = vault_decode(blob, size, copy);
	OPENSSL_secure_clear_free(blob, size);
	if (!error)
		(*copy)->generation = vault->generation + 1;
	return error;
}

struct vault *vault_get(struct vault *vault)
{
	atomic_fetch_add(&vault->references, 1);
	return vault;
}

static void free_certificates(struct provpkg_card_certificates *certificates)
{
	X509_free(certificates->identity_classical);
	X509_free(certificates->identity_pq);
	X509_free(certificates->agreement);
	X509_free(certificates->kem_768);
	X509_free(certificates->kem_1024);
	sk_X509_pop_free(certificates->chain, X509_free);
}

static void free_person(struct vault_person *person)
{
	sk_X509_pop_free(person->certificates, X509_free);
	for (size_t kind = 0; kind < PROVPKG_ISSUING_KINDS; kind++)
		EVP_PKEY_free(person->issuing_key[kind]);
}

void vault_remove(struct vault *vault, const struct vault_person *person)
{
	size_t at = (size_t)(person - vault->person);

	free_person(&vault->person[at]);
	vault->people--;
	memmove(&vault->person[at], &vault->person[at + 1], (vault->people - at) * sizeof(*person));
}

void vault_put(struct vault *vault)
{
	if (!vault || atomic_fetch_sub(&vault->references, 1) != 1)
		return;
	for (size_t i = 0; i < vault->people; i++)
		free_person(&vault->person[i]);
	provpkg_card_keys_clear(&vault->keys);
	free_certificates(&vault->certificates);
	OPENSSL_secure_clear_free(vault->secrets, sizeof(*vault->secrets));
	free(vault);
}

int vault_set_card_id(struct vault *vault)
{
	if (!vault_is_initialised(vault))
		return provpkg_card_blank_id(&vault->keys, vault->card_id);
	return provpkg_card_id(&vault->certificates, vault->card_id);
}

bool vault_is_initialised(const struct vault *vault)
{
	return vault->certificates.agreement && vault->certificates.kem_768 && vault->certificates.kem_1024;
}

bool vault_is_operational(const struct vault *vault)
{
	bool operator= false, oem = false;

	for (size_t i = 0; i < vault->people; i++) {
		operator|= vault->person[i].role == PROVPKG_ROLE_OPERATOR;
		oem |= vault->person[i].role == PROVPKG_ROLE_OEM;
	}
	return operator&& oem;
}

const struct vault_person *vault_find_name(const struct vault *vault, const char *name)
{
	for (size_t i = 0; i < vault->people; i++)
		if (!strcmp(vault->person[i].name, name))
			return &vault->person[i];
	return NULL;
}
