// SPDX-License-Identifier: GPL-2.0-or-later
#include "package_contents.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "crypto.h"
#include "head/head.h"
#include "identity.h"
#include "internal.h"

int package_judge_rot(const struct provpkg_rot *rot)
{
	const struct head_part *part = head_part_find(rot->part);
	const struct provpkg_memory *memory = provpkg_memory_find(rot->part);
	int code = provpkg_rot_check(rot, NULL, 0);

	if (code)
		return code;
	if (!part || !memory)
		return PROVCARD_REFUSAL_FAMILY_UNKNOWN;
	/* The OEM's check and the head must mean the same part. */
	if (part->flash_address != memory->flash_address || part->flash_size != memory->flash_size)
		return PROVCARD_REFUSAL_ROT_DOES_NOT_FIT;
	if (rot->lock == PROVPKG_LOCK_PERMANENT && !part->permanent_lock)
		return PROVCARD_REFUSAL_ROT_RANGE;
	return 0;
}

/* The certificate of one of the card's keys for this OEM. */
static X509 *find_issuer(const struct provpkg_contents *contents, const struct vault_person *person, EVP_PKEY **key)
{
	for (int i = 0; i < sk_X509_num(contents->issuers); i++) {
		X509 *certificate = sk_X509_value(contents->issuers, i);

		for (size_t k = 0; k < PROVPKG_ISSUING_KINDS; k++) {
			*key = person->issuing_key[k];
			if (EVP_PKEY_eq(X509_get0_pubkey(certificate), *key) == 1)
				return certificate;
		}
	}
	return NULL;
}

/* The issuing certificate must be a CA's and signed by what comes with it. */
static int judge_chain(X509 *issuer, STACK_OF(X509) * chain, uint64_t now)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	int code = PROVCARD_REFUSAL_ISSUER_MISMATCH;

	for (int i = 0; store && i < sk_X509_num(chain); i++)
		X509_STORE_add_cert(store, sk_X509_value(chain, i));
	if (store && context && X509_STORE_CTX_init(context, store, issuer, NULL) == 1) {
		X509_STORE_CTX_set_time(context, 0, (time_t)now);
		X509_STORE_CTX_set_flags(context, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT);
		if (sk_X509_num(chain) > 0 && X509_check_ca(issuer) == 1 && (X509_get_key_usage(issuer) & KU_KEY_CERT_SIGN) &&
		    X509_verify_cert(context) == 1)
			code = 0;
	}
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return code;
}

/* A certificate at its largest must have room in the part; found out before a part is charged for it. */
static int judge_room(struct core *core, const struct package *package)
{
	static const uint8_t longest[PROVPKG_UID_MAX] = { 0xff };
	uint8_t package_id[PROVPKG_ID_SIZE];
	struct identity_unit unit = { .package_id = package_id,
				      .uid = { longest, sizeof(longest) },
				      .charged_at = core_time(core) };
	const struct provpkg_identity *wanted = &package->contents.rot.identity;
	struct identity identity;
	int code;

	/* Nobody's identity: a random package id leads to a key that is thrown away here. */
	if (entropy_draw(core->port, package_id, sizeof(package_id)))
		return PROVCARD_REFUSAL_ENTROPY;
	code = identity_make(package, &unit, &identity);
	if (code)
		return code;
	/* ECDSA signatures differ by a few bytes. */
	if (sizeof(uint32_t) + identity.certificate.size + 4 > wanted->certificate_size)
		code = PROVCARD_REFUSAL_ROT_DOES_NOT_FIT;
	identity_clear(&identity);
	return code;
}

/* The key that came with the package, or the card's own that one of the issuing certificates is for. */
static int take_issuer(struct package *package, const struct vault_person *person)
{
	EVP_PKEY *key = package->contents.issuing_key;

	if (key)
		package->issuer = sk_X509_value(package->contents.issuers, 0);
	else
		package->issuer = person ? find_issuer(&package->contents, person, &key) : NULL;
	if (!package->issuer || EVP_PKEY_up_ref(key) != 1)
		return PROVCARD_REFUSAL_ISSUER_MISMATCH;
	package->issuing_key = key;
	return 0;
}

int package_prepare_identity(struct core *core, struct package *package, const struct vault *vault, const char *oem)
{
	int code;

	if (!package->contents.rot.identity.present)
		return 0;
	code = take_issuer(package, vault_find_name(vault, oem));
	if (!code)
		code = judge_chain(package->issuer, package->contents.issuer_chain, core_time(core));
	if (!code)
		code = provpkg_device_template_new(package->issuer, &package->contents.rot.identity, &package->template);
	return code ? code : judge_room(core, package);
}

int package_take_secret(struct package *package, const struct vault *vault)
{
	const struct provpkg_rot *rot = &package->contents.rot;

	if (!rot->identity.present && !provpkg_rot_returns(rot))
		return 0;
	package->device_secret = OPENSSL_secure_malloc(sizeof(vault->secrets->device_secret));
	if (!package->device_secret)
		return -ENOMEM;
	memcpy(package->device_secret, vault->secrets->device_secret, sizeof(vault->secrets->device_secret));
	return 0;
}

/*
 * The job's escrow key follows from the card's device secret and the manifest, so that it is the same whenever the package is opened
 * again; the envelope that went into the log at first opens to it.
 */
int package_prepare_escrow(struct package *package, const struct vault *vault, const struct ledger_load *terms, unsigned int suite)
{
	static const char label[] = "provcard escrow shares";
	const struct provpkg_escrow_job job = { vault->card_id, terms->package_id };
	struct crypto_piece info[] = { { label, sizeof(label) },
				       { terms->package_id, sizeof(terms->package_id) },
				       { terms->manifest_digest, sizeof(terms->manifest_digest) } };
	uint8_t shares[PROVPKG_ESCROW_SHARES];
	int code;

	if (!package->contents.escrow)
		return 0;
	package->escrow_key = OPENSSL_secure_malloc(PROVPKG_KEY_SIZE);
	if (!package->escrow_key)
		return -ENOMEM;
	code = crypto_derive(package->device_secret, sizeof(vault->secrets->device_secret), info, 3, shares, sizeof(shares));
	if (!code)
		code = provpkg_escrow_seal(suite, package->contents.escrow, &job, shares, &package->escrow_envelope,
					   package->escrow_key);
	OPENSSL_cleanse(shares, sizeof(shares));
	return code;
}
