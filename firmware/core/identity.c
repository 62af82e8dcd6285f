// SPDX-License-Identifier: GPL-2.0-or-later
#include "identity.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "package.h"
#include "provcard-refusal.h"

#define DEVICE_SECRET 48
#define SERIAL 16

/* Private key, by rejection where it is a scalar (FIPS 186-5 A.2.2), and serial number, from one expansion per attempt. */
static int derive(const struct package *package, const struct identity_unit *unit, struct identity *identity, uint8_t serial[SERIAL])
{
	static const char label[] = "provcard device identity ";
	const struct provpkg_key_kind *kind = identity->kind;
	uint8_t numbers[sizeof(uint64_t) + 1], both[PROVPKG_DEVICE_PRIVATE_MAX + SERIAL];
	struct crypto_piece info[] = { { label, sizeof(label) - 1 },
				       { kind->name, strlen(kind->name) + 1 },
				       { unit->package_id, PROVPKG_ID_SIZE },
				       { numbers, sizeof(numbers) },
				       { unit->uid.data, unit->uid.size } };
	int error = -EIO;

	memcpy(numbers, &unit->charge, sizeof(unit->charge));
	for (unsigned int attempt = 0; attempt < 8; attempt++) {
		numbers[sizeof(numbers) - 1] = (uint8_t)attempt;
		error = crypto_derive(package->device_secret, DEVICE_SECRET, info, 5, both, kind->private_size + SERIAL);
		if (error || identity_key_in_range(kind->algorithm, both))
			break;
		error = -EIO;
	}
	memcpy(identity->private_key, both, kind->private_size);
	memcpy(serial, both + kind->private_size, SERIAL);
	OPENSSL_cleanse(both, sizeof(both));
	return error;
}

int identity_make(const struct package *package, const struct identity_unit *unit, struct identity *identity)
{
	const struct provpkg_key_kind *kind = provpkg_key_kind(package->contents.rot.identity.algorithm);
	uint8_t serial[SERIAL];
	int code;

	memset(identity, 0, sizeof(*identity));
	if (!kind)
		return -EINVAL;
	identity->kind = kind;
	identity->private_key = OPENSSL_secure_malloc(kind->private_size);
	if (!identity->private_key)
		return -ENOMEM;
	code = derive(package, unit, identity, serial);
	if (!code)
		code = identity_key_public(kind, identity->private_key, identity->public_key);
	if (!code)
		code = provpkg_device_issue(package->template, package->issuing_key,
					    (struct provpkg_view){ identity->public_key, kind->public_size }, unit->uid, serial,
					    (int64_t)unit->charged_at, &identity->certificate);
	if (!code)
		code = crypto_sha256(identity->certificate.data, identity->certificate.size, identity->digest);
	if (code)
		identity_clear(identity);
	return code;
}

void identity_clear(struct identity *identity)
{
	OPENSSL_secure_clear_free(identity->private_key, identity->kind ? identity->kind->private_size : 0);
	provpkg_blob_free(&identity->certificate);
	memset(identity, 0, sizeof(*identity));
}

int identity_verify(const struct identity *identity, struct provpkg_view message, struct provpkg_view signature)
{
	X509 *certificate = NULL;
	bool good = !provpkg_der_certificate(provpkg_blob_view(&identity->certificate), &certificate) &&
		    identity_key_signed(identity->kind, X509_get0_pubkey(certificate), message, signature);

	X509_free(certificate);
	return good ? 0 : PROVCARD_REFUSAL_PROOF_FAILED;
}
