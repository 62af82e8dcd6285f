/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vault: the card's keys, certificates and enrolments. On non-volatile memory one blob, AES-256-GCM under a key derived from
 * the port's root secret, in two slots written alternately with a rising generation. Which generation is in force the ledger says:
 * a slot that was written and never got its ledger record does not count.
 *
 * In memory a vault is immutable and counted by reference; a change makes a new one.
 */
#ifndef CORE_VAULT_H
#define CORE_VAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "port.h"
#include "provpkg.h"

#define VAULT_PEOPLE_MAX 64
#define VAULT_FIRST_GENERATION 1
#define VAULT_TAG_SIZE 16

/* One enrolment: a person with one pinned certificate, or an OEM with its anchors and the card's issuing keys for it. */
struct vault_person {
	enum provpkg_role role;
	char name[PROVPKG_NAME_MAX + 1];
	STACK_OF(X509) * certificates;
	EVP_PKEY *issuing_key[PROVPKG_ISSUING_KINDS]; /* OEM only; in the order of provpkg_issuing_kind() */
};

/* How officers approve, and when a person is locked out. */
struct vault_policy {
	uint32_t officers; /* different ones that must sign what officers sign */
	uint32_t failures; /* of one person in a row, 0: no lockout */
};

/* Until the officers set another: who takes a card into service is alone at first. */
#define VAULT_POLICY_DEFAULT ((struct vault_policy){ .officers = 1, .failures = 10 })

/* Drawn once in a card's life, between zeroisings. */
struct vault_secrets {
	uint8_t ledger_key[32];	   /* HMAC-SHA-256 of the journal */
	uint8_t log_key[32];	   /* of the log */
	uint8_t device_secret[48]; /* device identities derive from it */
};

struct vault {
	atomic_uint references;
	uint64_t generation;
	uint8_t tag[VAULT_TAG_SIZE]; /* of its slot: tells it from every other one */
	struct vault_secrets *secrets; /* on the secure heap */
	struct provpkg_card_keys keys;
	struct provpkg_card_certificates certificates; /* all NULL while BLANK */
	uint8_t card_id[PROVPKG_CARD_ID_SIZE];
	struct vault_policy policy;
	size_t people;
	struct vault_person person[VAULT_PEOPLE_MAX];
};

/* A blank card: new keys. */
int vault_new(const struct port *port, struct vault **vault);
/* A copy to change and then to store; the generation is the next one. */
int vault_copy(const struct vault *vault, struct vault **copy);
struct vault *vault_get(struct vault *vault);
void vault_put(struct vault *vault); /* NULL is fine */
/* After certificates changed. */
int vault_set_card_id(struct vault *vault);

/* Write to the slot of its generation, durably; @vault gets its tag. TOO_MANY_PEOPLE when it does not fit, STORAGE_FAILED. */
int vault_store(const struct port *port, struct vault *vault);

enum vault_found { VAULT_FOUND, VAULT_NONE }; /* none: new memory, or one whose root secret was destroyed */
/*
 * Reads both slots. vault[1] is the newer; vault[0] the one before, or NULL. VAULT_CORRUPT when there is something and none of it
 * is genuine.
 */
int vault_load(const struct port *port, struct vault *vault[2], enum vault_found *found);
/* Overwrite both slots. STORAGE_FAILED. */
int vault_wipe(const struct port *port);
/* Overwrite the slot that @vault is not in. STORAGE_FAILED. */
int vault_wipe_other(const struct port *port, const struct vault *vault);
/* The end of a card's service: issuing and encryption keys and the device secret go, identity, certificates and people stay. */
void vault_strip(struct vault *vault);

bool vault_is_initialised(const struct vault *vault);
bool vault_is_operational(const struct vault *vault); /* has an operator and an OEM */
const struct vault_person *vault_find_name(const struct vault *vault, const char *name);
/* Out of a vault that nobody shares yet; its room is free again. */
void vault_remove(struct vault *vault, const struct vault_person *person);

/* The blob inside a slot. -ENOMEM, -EIO, or -EBADMSG for a malformed one. */
int vault_encode(const struct vault *vault, uint8_t **blob, size_t *size); /* secure heap */
int vault_decode(const uint8_t *blob, size_t size, struct vault **vault);

#endif
