/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Heads for tests of the card's mind: the functions of firmware/head/head.h over parts in memory. Include it in one file of a test
 * program: it defines them, in place of the real ones.
 */
#ifndef TEST_FAKE_HEAD_H
#define TEST_FAKE_HEAD_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include "head/head.h"
#include "provcard-refusal.h"
#include "provpkg.h"

#define FAKE_FLASH (1u << 20)
#define FAKE_HEADS 32

enum fake_step { FAKE_ATTACH = 1, FAKE_ERASE, FAKE_PROGRAM, FAKE_VERIFY, FAKE_LOCK, FAKE_READ_LOCK, FAKE_UART };

struct fake_part {
	bool present;
	const char *name; /* NULL: nRF52840 */
	uint8_t uid[8];
	bool locked;
	bool lock_broken;	 /* accepts the lock and stays open */
	bool uid_readable;	 /* even when locked */
	uint8_t *flash;		 /* FAKE_FLASH bytes, NULL while blank */
	enum fake_step fails_at; /* with this code */
	int code;
	uint32_t key_address; /* answers challenges with the key found there; 0: does not answer */
	bool answers_wrongly;
	enum provpkg_key_algorithm key_kind; /* of that key; 0: P-256 */
	uint8_t replayed[64]; /* answers with this, when it is not zero */
	uint8_t answer[64];   /* the last one given */
	unsigned int asked;   /* challenges */
	unsigned int erased;
	void (*on_program)(void *context); /* while it is programmed */
	void *context;
	bool discard; /* instant: keeps nothing */
};

static struct fake_part fake_part[FAKE_HEADS];

struct head {
	struct fake_part *part;
	struct head_identity identity;
};

static const struct head_part fake_nrf52840 = { .part = "nRF52840", .flash_size = FAKE_FLASH, .page_size = 4096, .word_size = 4 };

/* A blank part of this number in the socket. */
static inline void fake_insert(unsigned int head, uint32_t number)
{
	free(fake_part[head].flash);
	memset(&fake_part[head], 0, sizeof(fake_part[head]));
	fake_part[head].present = true;
	fake_part[head].uid[0] = 0x5a;
	memcpy(fake_part[head].uid + 1, &number, sizeof(number));
}

static inline void fake_remove_all(void)
{
	for (unsigned int i = 0; i < FAKE_HEADS; i++) {
		free(fake_part[i].flash);
		memset(&fake_part[i], 0, sizeof(fake_part[i]));
	}
}

static int fake_fault(const struct fake_part *part, enum fake_step step)
{
	return part->fails_at == step ? part->code : 0;
}

const struct head_part *head_part_find(const char *part)
{
	return strcmp(part, fake_nrf52840.part) ? NULL : &fake_nrf52840;
}

static void fake_identify(struct head *head)
{
	const struct fake_part *part = head->part;

	head->identity = (struct head_identity){ .locked = part->locked };
	if (!part->locked || part->uid_readable) {
		memcpy(head->identity.uid, part->uid, sizeof(part->uid));
		head->identity.uid_size = sizeof(part->uid);
	}
}

int head_attach(const struct port *port, unsigned int number, const char *name, struct head **out)
{
	struct fake_part *part = &fake_part[number];
	struct head *head;

	(void)port;
	if (!part->present)
		return PROVCARD_REFUSAL_NO_PART;
	if (fake_fault(part, FAKE_ATTACH))
		return fake_fault(part, FAKE_ATTACH);
	if (strcmp(part->name ? part->name : fake_nrf52840.part, name))
		return PROVCARD_REFUSAL_WRONG_PART;
	head = calloc(1, sizeof(*head));
	head->part = part;
	fake_identify(head);
	*out = head;
	return 0;
}

void head_detach(struct head *head)
{
	free(head);
}

const struct head_identity *head_identity(const struct head *head)
{
	return &head->identity;
}

int head_erase(struct head *head, head_progress progress, void *context)
{
	struct fake_part *part = head->part;

	if (fake_fault(part, FAKE_ERASE))
		return fake_fault(part, FAKE_ERASE);
	part->locked = false;
	part->erased++;
	fake_identify(head);
	if (part->discard)
		return 0;
	if (!part->flash)
		part->flash = malloc(FAKE_FLASH);
	memset(part->flash, 0xff, FAKE_FLASH);
	return progress(context, 1, 1) ? 0 : PROVCARD_REFUSAL_UNIT_STOPPED;
}

int head_program(struct head *head, const struct head_region *regions, size_t count, head_progress progress, void *context)
{
	struct fake_part *part = head->part;

	if (part->on_program)
		part->on_program(part->context);
	if (part->discard)
		return 0;
	for (size_t i = 0; i < count; i++) {
		memcpy(part->flash + regions[i].address, regions[i].data, regions[i].size);
		/* Half of it is there when the fault comes. */
		if (i >= count / 2 && fake_fault(part, FAKE_PROGRAM))
			return fake_fault(part, FAKE_PROGRAM);
		if (!progress(context, i + 1, count))
			return PROVCARD_REFUSAL_UNIT_STOPPED;
	}
	return 0;
}

int head_verify(struct head *head, const struct head_region *regions, size_t count, head_progress progress, void *context)
{
	struct fake_part *part = head->part;

	(void)progress;
	(void)context;
	if (part->discard)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (memcmp(part->flash + regions[i].address, regions[i].data, regions[i].size))
			return PROVCARD_REFUSAL_VERIFY_FAILED;
	return fake_fault(part, FAKE_VERIFY);
}

int head_lock(struct head *head, enum head_lock lock)
{
	if (fake_fault(head->part, FAKE_LOCK))
		return fake_fault(head->part, FAKE_LOCK);
	head->part->locked = lock != HEAD_LOCK_NONE && !head->part->lock_broken;
	return 0;
}

int head_read_lock(struct head *head, bool *locked)
{
	*locked = head->part->locked;
	return fake_fault(head->part, FAKE_READ_LOCK);
}

static EVP_PKEY *fake_ec_key(const struct provpkg_key_kind *kind, const uint8_t *scalar)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EC_GROUP *group = EC_GROUP_new_by_curve_name(kind->algorithm == PROVPKG_KEY_P256 ? NID_X9_62_prime256v1 : NID_secp384r1);
	EC_POINT *point = EC_POINT_new(group);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *private = BN_bin2bn(scalar, (int)kind->private_size, NULL);
	uint8_t public[PROVPKG_DEVICE_PUBLIC_MAX];
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	EC_POINT_mul(group, point, private, NULL, NULL, NULL);
	EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, public, sizeof(public), NULL);
	OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, kind->name, 0);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, private);
	OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, public, kind->public_size);
	params = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_fromdata_init(context);
	EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	BN_free(private);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *fake_ml_dsa_key(const struct provpkg_key_kind *kind, const uint8_t *seed)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_DSA_SEED, (void *)seed, kind->private_size),
				OSSL_PARAM_construct_end() };
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind->name, NULL);
	EVP_PKEY *key = NULL;

	EVP_PKEY_fromdata_init(context);
	EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(context);
	return key;
}

/* What a part makes of the private key that it finds in its flash. */
static inline EVP_PKEY *fake_device_key_of(enum provpkg_key_algorithm algorithm, const uint8_t *private)
{
	const struct provpkg_key_kind *kind = provpkg_key_kind(algorithm);

	if (algorithm == PROVPKG_KEY_ED25519)
		return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private, kind->private_size);
	if (algorithm == PROVPKG_KEY_ML_DSA_44 || algorithm == PROVPKG_KEY_ML_DSA_65)
		return fake_ml_dsa_key(kind, private);
	return fake_ec_key(kind, private);
}

static inline EVP_PKEY *fake_device_key(const uint8_t scalar[32])
{
	return fake_device_key_of(PROVPKG_KEY_P256, scalar);
}

/* Sign as a device does: r and s at full width, the others as they are. */
static void fake_sign(const struct provpkg_key_kind *kind, const uint8_t *private, const uint8_t *message, size_t message_size,
		      uint8_t *raw)
{
	bool ec = kind->algorithm == PROVPKG_KEY_P256 || kind->algorithm == PROVPKG_KEY_P384;
	const char *digest = !ec ? NULL : kind->algorithm == PROVPKG_KEY_P256 ? "SHA256" : "SHA384";
	EVP_PKEY *key = fake_device_key_of(kind->algorithm, private);
	uint8_t signature[PROVPKG_DEVICE_SIGNATURE_MAX];
	size_t size = sizeof(signature);
	const uint8_t *at = signature;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int half = (int)kind->signature_size / 2;

	EVP_DigestSignInit_ex(md, NULL, digest, NULL, NULL, key, NULL);
	EVP_DigestSign(md, signature, &size, message, message_size);
	if (ec) {
		ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &at, (long)size);

		BN_bn2binpad(ECDSA_SIG_get0_r(both), raw, half);
		BN_bn2binpad(ECDSA_SIG_get0_s(both), raw + half, half);
		ECDSA_SIG_free(both);
	} else {
		memcpy(raw, signature, kind->signature_size);
	}
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(md);
}

int head_uart(struct head *head, const void *tx, size_t tx_size, void *rx, size_t rx_size, uint32_t timeout_us)
{
	static const char label[] = "provcard proof";
	struct fake_part *part = head->part;
	const struct provpkg_key_kind *kind = provpkg_key_kind(part->key_kind ? part->key_kind : PROVPKG_KEY_P256);
	uint8_t message[sizeof(label) - 1 + 32];

	(void)timeout_us;
	part->asked++;
	if (part->key_address && tx_size == 32 && rx_size == kind->signature_size) {
		memcpy(message, label, sizeof(label) - 1);
		memcpy(message + sizeof(label) - 1, tx, 32);
		message[0] ^= part->answers_wrongly;
		fake_sign(kind, part->flash + part->key_address, message, sizeof(message), rx);
		if (memcmp(part->replayed, (const uint8_t[64]){ 0 }, sizeof(part->replayed)))
			memcpy(rx, part->replayed, sizeof(part->replayed));
		memcpy(part->answer, rx, sizeof(part->answer));
	}
	if (!part->key_address)
		return PROVCARD_REFUSAL_PROOF_FAILED;
	return fake_fault(part, FAKE_UART);
}

uint64_t head_clocks(const struct head *head)
{
	(void)head;
	return 0;
}

#endif
