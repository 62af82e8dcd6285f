// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A unit's lifecycle-management keys: what goes into the part, and what goes back to the OEM, sealed, with the unit's record.
 */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "unit.h"

/* Random to everybody but this card, and the same again when the unit is resumed. */
static int draw(const struct unit_run *run, const struct provpkg_lifecycle *lifecycle, uint8_t *key)
{
	static const char label[] = "provcard random lifecycle key";
	uint8_t numbers[sizeof(uint64_t) + 1];
	struct crypto_piece info[] = { { label, sizeof(label) },
				       { run->package_id, PROVPKG_ID_SIZE },
				       { numbers, sizeof(numbers) },
				       { run->uid, run->uid_size },
				       { lifecycle->name, strlen(lifecycle->name) } };

	memcpy(numbers, &run->charge, sizeof(run->charge));
	/* So that where the UID ends and the name begins cannot be mistaken. */
	numbers[sizeof(numbers) - 1] = (uint8_t)run->uid_size;
	return crypto_derive(run->package->device_secret, sizeof(((struct vault_secrets *)0)->device_secret), info, 5, key,
			     lifecycle->size);
}

int unit_lifecycle_key(const struct unit_run *run, const struct provpkg_lifecycle *lifecycle, uint8_t *key)
{
	if (lifecycle->mode == PROVPKG_LIFECYCLE_RANDOM)
		return draw(run, lifecycle, key);
	return provpkg_lifecycle_key(lifecycle, (struct provpkg_view){ run->uid, run->uid_size }, key);
}

/* Every key that is returned. */
static int collect(const struct unit_run *run, struct provpkg_secrets *secrets)
{
	const struct provpkg_rot *rot = &run->package->contents.rot;
	int code = 0;

	for (size_t i = 0; i < rot->lifecycles && !code; i++) {
		struct provpkg_secret *secret = &secrets->secret[secrets->count];

		if (!rot->lifecycle[i].returned)
			continue;
		memcpy(secret->name, rot->lifecycle[i].name, sizeof(secret->name));
		secret->size = rot->lifecycle[i].size;
		code = unit_lifecycle_key(run, &rot->lifecycle[i], secret->value);
		secrets->count++;
	}
	return code;
}

static int seal(const struct unit_run *run, struct provpkg_blob *sealed)
{
	struct provpkg_secrets *secrets = OPENSSL_secure_zalloc(sizeof(*secrets));
	int code = secrets ? collect(run, secrets) : -ENOMEM;

	if (!code)
		code = provpkg_secrets_seal(run->package->escrow_key, (struct provpkg_view){ run->uid, run->uid_size }, run->charge,
					    secrets, sealed);
	OPENSSL_secure_clear_free(secrets, sizeof(*secrets));
	return code;
}

int unit_make_attachment(struct unit_run *run)
{
	struct provpkg_blob *certificate = &run->identity.certificate, sealed = { 0 };
	int code = run->package->escrow_key ? seal(run, &sealed) : 0;

	if (code)
		return code;
	run->attachment.size = certificate->size + sealed.size;
	run->attachment.data = OPENSSL_malloc(run->attachment.size + 1);
	if (!run->attachment.data) {
		run->attachment.size = 0;
		code = -ENOMEM;
	}
	if (!code && certificate->size)
		memcpy(run->attachment.data, certificate->data, certificate->size);
	if (!code && sealed.size)
		memcpy(run->attachment.data + certificate->size, sealed.data, sealed.size);
	provpkg_blob_free(&sealed);
	return code;
}
