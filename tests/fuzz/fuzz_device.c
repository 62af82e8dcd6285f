// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Device certificates as a verifier judges them. Besides whole certificates, the part that is signed comes from the input and is
 * signed by the issuer: so that what is behind the signature check is reached, too.
 */
#include <string.h>

#include <openssl/core_names.h>

#include "fuzz.h"
#include "lib/provpkg/device.h"
#include "provpkg.h"
#include "tests/unit/pki.h"

enum { WHOLE, TO_BE_SIGNED };

static const uint8_t uid[8] = { 0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe };
static struct pki_chain issuing;
static struct provpkg_blob issued;

static const struct provpkg_identity identity = {
	.present = true,
	.algorithm = PROVPKG_KEY_P256,
	.organisation = "Acme",
	.common_name = "sensor",
	.hardware_type = "1.3.6.1.4.1.99999.1",
};

void fuzz_begin(void)
{
	static const uint8_t serial[16] = { 0x11, 0x22 };
	struct provpkg_device_template *device;
	EVP_PKEY *key = pki_key("P-256");
	uint8_t point[65];
	size_t size;

	pki_chain_new(&issuing, "P-256", &(struct pki_profile){ .subject = "issuing", .ca = true });
	FUZZ_MUST(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size) == 1);
	FUZZ_MUST(!provpkg_device_template_new(issuing.certificate, &identity, &device));
	FUZZ_MUST(!provpkg_device_issue(device, issuing.key, (struct provpkg_view){ point, 65 }, (struct provpkg_view){ uid, sizeof(uid) }, serial, PKI_NOW,
					&issued));
	provpkg_device_template_free(device);
	EVP_PKEY_free(key);
}

static void check(struct provpkg_view der)
{
	const uint8_t other[sizeof(uid)] = { 0 };
	X509 *certificate;

	if (provpkg_der_certificate(der, &certificate))
		return;
	if (!provpkg_device_check(certificate, issuing.certificate, (struct provpkg_view){ uid, sizeof(uid) })) {
		fuzz_accepted();
		FUZZ_MUST(provpkg_device_check(certificate, issuing.certificate, (struct provpkg_view){ other, sizeof(other) }));
	}
	X509_free(certificate);
}

/* DER header of @size bytes. */
static void put_header(struct fuzz_writer *out, uint8_t tag, size_t size)
{
	fuzz_put_u8(out, tag);
	if (size >= 0x100)
		fuzz_put_u8(out, 0x82);
	else if (size >= 0x80)
		fuzz_put_u8(out, 0x81);
	if (size >= 0x100)
		fuzz_put_u8(out, (uint8_t)(size >> 8));
	fuzz_put_u8(out, (uint8_t)size);
}

/* A certificate around what the issuer signs. */
static void sign_and_check(struct provpkg_view tbs)
{
	static const uint8_t ecdsa_with_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
	static struct fuzz_writer out;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t signature[80];
	size_t size = sizeof(signature);

	if (tbs.size > 4096)
		tbs.size = 4096;
	FUZZ_MUST(context && EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, issuing.key, NULL) == 1);
	FUZZ_MUST(EVP_DigestSign(context, signature, &size, tbs.data, tbs.size) == 1);
	EVP_MD_CTX_free(context);
	out.size = 0;
	put_header(&out, 0x30, tbs.size + sizeof(ecdsa_with_sha256) + 3 + size);
	fuzz_put(&out, tbs.data, tbs.size);
	fuzz_put(&out, ecdsa_with_sha256, sizeof(ecdsa_with_sha256));
	put_header(&out, 0x03, size + 1);
	fuzz_put_u8(&out, 0);
	fuzz_put(&out, signature, size);
	check((struct provpkg_view){ out.data, out.size });
}

void fuzz_one(struct provpkg_view input)
{
	if (fuzz_u8(&input) % 2 == WHOLE)
		check(input);
	else
		sign_and_check(input);
}

static void seed(const char *name, uint8_t kind, struct provpkg_view bytes)
{
	static struct fuzz_writer out;

	out.size = 0;
	fuzz_put_u8(&out, kind);
	fuzz_put(&out, bytes.data, bytes.size);
	fuzz_seed(name, out.data, out.size);
}

void fuzz_seeds(void)
{
	const uint8_t *at = issued.data;
	unsigned char *tbs = NULL;
	X509 *certificate = d2i_X509(NULL, &at, (long)issued.size);
	int size = certificate ? i2d_re_X509_tbs(certificate, &tbs) : 0;

	FUZZ_MUST(size > 0);
	seed("whole", WHOLE, provpkg_blob_view(&issued));
	seed("signed", TO_BE_SIGNED, (struct provpkg_view){ tbs, (size_t)size });
	OPENSSL_free(tbs);
	X509_free(certificate);
}
