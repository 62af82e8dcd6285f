// SPDX-License-Identifier: GPL-2.0-or-later
/* Certificates as they come in: PEM, DER, a card's bundle, certificates as OEM input of a package. */
#include <string.h>

#include "fuzz.h"
#include "provpkg.h"
#include "tests/unit/maker.h"

enum { PEM, DER, BUNDLE, ISSUER, KINDS };

static struct maker maker;
static struct made_card card;
static struct pki_chain issuing;

static const struct provpkg_identity identity = {
	.present = true,
	.algorithm = PROVPKG_KEY_P256,
	.organisation = "Acme",
	.common_name = "sensor",
	.hardware_type = "1.3.6.1.4.1.99999.1",
};

void fuzz_begin(void)
{
	maker_new(&maker);
	made_card_new(&card, &maker, "PC-1");
	pki_chain_new(&issuing, "P-256", &(struct pki_profile){ .subject = "issuing", .ca = true });
}

static void read_pem(struct provpkg_view pem)
{
	STACK_OF(X509) *certificates;

	if (provpkg_pem_certificates(pem, &certificates))
		return;
	fuzz_accepted();
	FUZZ_MUST(sk_X509_num(certificates) > 0);
	sk_X509_pop_free(certificates, X509_free);
}

static void read_der(struct provpkg_view der)
{
	unsigned char *again = NULL;
	X509 *certificate;
	int size;

	if (provpkg_der_certificate(der, &certificate))
		return;
	fuzz_accepted();
	size = i2d_X509(certificate, &again);
	FUZZ_MUST(size > 0 && (size_t)size == der.size && !memcmp(again, der.data, der.size));
	OPENSSL_free(again);
	X509_free(certificate);
}

static void read_bundle(struct provpkg_view pem)
{
	struct provpkg_card *read;

	if (provpkg_card_decode(pem, &read))
		return;
	FUZZ_MUST(memchr(read->serial, 0, sizeof(read->serial)));
	/* Whom the maker vouches for is our card: nothing else was ever signed. */
	if (!provpkg_card_trust(read, PROVPKG_SUITE_HYBRID, maker.anchors, PKI_NOW)) {
		FUZZ_MUST(!memcmp(read->card_id, card.card->card_id, sizeof(read->card_id)));
		fuzz_accepted();
	}
	provpkg_card_free(read);
}

/* An issuing certificate that an OEM sends back, as the card takes it in. */
static void use_issuer(struct provpkg_view der)
{
	static const uint8_t uid_bytes[8] = { 1, 2, 3 }, serial[16] = { 4 };
	const struct provpkg_view uid = { uid_bytes, sizeof(uid_bytes) };
	static const uint8_t point[65] = { 4 };
	struct provpkg_device_template *device;
	struct provpkg_blob made = { 0 };
	X509 *issuer;

	if (provpkg_der_certificate(der, &issuer))
		return;
	if (!provpkg_device_template_new(issuer, &identity, &device)) {
		if (!provpkg_device_issue(device, issuing.key, (struct provpkg_view){ point, 65 }, uid, serial, PKI_NOW, &made))
			fuzz_accepted();
		provpkg_blob_free(&made);
		provpkg_device_template_free(device);
	}
	X509_free(issuer);
}

void fuzz_one(struct provpkg_view input)
{
	static void (*const read[KINDS])(struct provpkg_view) = { read_pem, read_der, read_bundle, use_issuer };

	read[fuzz_u8(&input) % KINDS](input);
}

static void seed(const char *name, uint8_t kind, struct provpkg_view bytes)
{
	struct fuzz_writer out = { .size = 0 };

	fuzz_put_u8(&out, kind);
	fuzz_put(&out, bytes.data, bytes.size);
	fuzz_seed(name, out.data, out.size);
}

void fuzz_seeds(void)
{
	struct provpkg_blob pem = { 0 };
	unsigned char *der = NULL;
	int size = i2d_X509(issuing.certificate, &der);

	FUZZ_MUST(size > 0 && !provpkg_pem_append(&pem, issuing.certificate) && !provpkg_pem_append(&pem, issuing.root));
	seed("pem", PEM, provpkg_blob_view(&pem));
	seed("der", DER, (struct provpkg_view){ der, (size_t)size });
	seed("issuer", ISSUER, (struct provpkg_view){ der, (size_t)size });
	seed("bundle", BUNDLE, provpkg_blob_view(&card.bundle));
	OPENSSL_free(der);
	provpkg_blob_free(&pem);
}
