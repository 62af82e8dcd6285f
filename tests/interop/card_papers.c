// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A card that has only its papers, for stock tools to judge: card-papers STEP FOLDER.
 *   requests     draws keys into FOLDER, writes identity.csr (two), issuer-p256.csr, issuer-p384.csr and issuer-mldsa65.csr
 *   certificates takes identity-classical.pem and identity-pq.pem, writes card.pem, agreement.pem, kem-768.pem, kem-1024.pem
 *   trust        decodes card.pem and checks it against anchors.pem
 *   devices      takes issuing-p256.pem and the two others, writes device-ISSUER-SIZE-KIND.pem: SIZE bytes of UID, each kind of key
 *   checkpoint   writes checkpoint.txt
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "provpkg.h"

#define SERIAL "PC-0001"

static const char *const key_names[] = { "identity-classical", "identity-pq", "agreement",   "kem-768",
					 "kem-1024",	       "issuer-p256", "issuer-p384", "issuer-mldsa65" };
enum { KEYS = sizeof(key_names) / sizeof(key_names[0]), ISSUERS = 5 };

static const char *folder;

static void need(int result, const char *what)
{
	const struct provcard_refusal_info *refusal = provcard_refusal_find(result);

	if (!result)
		return;
	fprintf(stderr, "%s: %s\n", what, refusal ? refusal->name : strerror(-result));
	exit(1);
}

static FILE *open_file(const char *name, const char *extension, const char *mode)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, extension);
	file = fopen(path, mode);
	if (!file) {
		perror(path);
		exit(1);
	}
	return file;
}

static void write_blob(const char *name, const char *extension, struct provpkg_blob *blob)
{
	FILE *file = open_file(name, extension, "w");

	need(fwrite(blob->data, blob->size, 1, file) == 1 ? 0 : -5, name);
	fclose(file);
	provpkg_blob_free(blob);
}

static struct provpkg_view read_file(const char *name)
{
	static uint8_t text[1 << 17];
	FILE *file = open_file(name, ".pem", "r");
	struct provpkg_view view = { text, fread(text, 1, sizeof(text), file) };

	fclose(file);
	return view;
}

static STACK_OF(X509) *read_certificates(const char *name)
{
	STACK_OF(X509) *certificates;

	need(provpkg_pem_certificates(read_file(name), &certificates), name);
	return certificates;
}

static X509 *read_certificate(const char *name)
{
	STACK_OF(X509) *certificates = read_certificates(name);
	X509 *first = sk_X509_shift(certificates);

	sk_X509_pop_free(certificates, X509_free);
	return first;
}

static EVP_PKEY *read_key(int which)
{
	FILE *file = open_file(key_names[which], ".key", "r");
	EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);

	fclose(file);
	need(key ? 0 : -5, key_names[which]);
	return key;
}

static struct provpkg_card_keys read_keys(void)
{
	return (struct provpkg_card_keys){ read_key(0), read_key(1), read_key(2), read_key(3), read_key(4) };
}

static void requests(void)
{
	struct provpkg_card_keys keys;
	struct provpkg_blob csr = { 0 };

	need(provpkg_card_keys_generate(&keys), "keys");
	EVP_PKEY *all[KEYS] = { keys.identity_classical, keys.identity_pq, keys.agreement, keys.kem_768, keys.kem_1024 };

	for (size_t i = 0; i < PROVPKG_ISSUING_KINDS; i++)
		all[ISSUERS + i] = provpkg_issuing_key_generate(provpkg_issuing_kind(i));
	for (int i = 0; i < KEYS; i++) {
		FILE *file = open_file(key_names[i], ".key", "w");

		need(PEM_write_PrivateKey(file, all[i], NULL, NULL, 0, NULL, NULL) == 1 ? 0 : -5, "key");
		fclose(file);
	}
	need(provpkg_card_csr(&keys, SERIAL, &csr), "identity requests");
	write_blob("identity", ".csr", &csr);
	for (int i = ISSUERS; i < KEYS; i++) {
		need(provpkg_issuer_csr(all[i], SERIAL, "Acme", &csr), "issuer request");
		write_blob(key_names[i], ".csr", &csr);
	}
}

static void certificates(void)
{
	struct provpkg_card_keys keys = read_keys();
	struct provpkg_card_certificates own = {
		.identity_classical = read_certificate("identity-classical"),
		.identity_pq = read_certificate("identity-pq"),
	};
	struct provpkg_blob pem = { 0 };

	need(provpkg_card_issue(&keys, time(NULL) + 1, &own), "issue");
	need(provpkg_pem_append(&pem, own.agreement), "agreement");
	write_blob("agreement", ".pem", &pem);
	need(provpkg_pem_append(&pem, own.kem_768), "kem-768");
	write_blob("kem-768", ".pem", &pem);
	need(provpkg_pem_append(&pem, own.kem_1024), "kem-1024");
	write_blob("kem-1024", ".pem", &pem);
	need(provpkg_card_encode(&own, &pem), "bundle");
	write_blob("card", ".pem", &pem);
}

static void trust(void)
{
	struct provpkg_card *card;

	need(provpkg_card_decode(read_file("card"), &card), "card");
	need(provpkg_card_trust(card, PROVPKG_SUITE_HYBRID, read_certificates("anchors"), time(NULL) + 2), "trust");
	printf("%s\n", card->serial);
}

static void device(const struct provpkg_device_template *template, int issuer, size_t size, const struct provpkg_key_kind *kind)
{
	bool ec = kind->algorithm == PROVPKG_KEY_P256 || kind->algorithm == PROVPKG_KEY_P384;
	EVP_PKEY *key = ec ? EVP_EC_gen(kind->name) : EVP_PKEY_Q_keygen(NULL, NULL, kind->name);
	struct provpkg_blob der = { 0 }, pem = { 0 };
	uint8_t public_key[PROVPKG_DEVICE_PUBLIC_MAX], uid[PROVPKG_UID_MAX], serial[16];
	char name[64];
	X509 *certificate;

	RAND_bytes(uid, sizeof(uid));
	RAND_bytes(serial, sizeof(serial));
	EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, public_key, sizeof(public_key), NULL);
	need(provpkg_device_issue(template, read_key(issuer), (struct provpkg_view){ public_key, kind->public_size },
				  (struct provpkg_view){ uid, size }, serial, time(NULL), &der),
	     "device");
	need(provpkg_der_certificate(provpkg_blob_view(&der), &certificate), "device");
	need(provpkg_pem_append(&pem, certificate), "device");
	snprintf(name, sizeof(name), "device-%s-%zu-%s", strrchr(key_names[issuer], '-') + 1, size, kind->name);
	write_blob(name, ".pem", &pem);
}

static void devices_of(int issuer, const struct provpkg_key_kind *kind)
{
	const struct provpkg_identity identity = {
		.algorithm = kind->algorithm,
		.organisation = "Acme",
		.common_name = "sensor",
		.hardware_type = "2.25.164986415590780601343394135739266742624.9.1",
	};
	struct provpkg_device_template *template;
	char issuing[32];

	snprintf(issuing, sizeof(issuing), "issuing-%s", strrchr(key_names[issuer], '-') + 1);
	need(provpkg_device_template_new(read_certificate(issuing), &identity, &template), "template");
	device(template, issuer, 1, kind);
	device(template, issuer, 8, kind);
	device(template, issuer, PROVPKG_UID_MAX, kind);
	provpkg_device_template_free(template);
}

static void devices(void)
{
	for (int issuer = ISSUERS; issuer < KEYS; issuer++)
		for (int kind = PROVPKG_KEY_P256; kind <= PROVPKG_KEY_ML_DSA_65; kind++)
			devices_of(issuer, provpkg_key_kind((enum provpkg_key_algorithm)kind));
}

static void checkpoint(void)
{
	struct provpkg_checkpoint head = { .origin = "provcard/" SERIAL, .size = 12345678901 };
	struct provpkg_card_keys keys = read_keys();
	struct provpkg_signer signers[] = { { .key = keys.identity_classical }, { .key = keys.identity_pq } };
	struct provpkg_blob note;

	memset(head.root, 0xa5, sizeof(head.root));
	need(provpkg_checkpoint_sign(&head, signers, 2, &note), "checkpoint");
	write_blob("checkpoint", ".txt", &note);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} steps[] = {
		{ "requests", requests }, { "certificates", certificates }, { "trust", trust },
		{ "devices", devices },	  { "checkpoint", checkpoint },
	};

	folder = argc == 3 ? argv[2] : ".";
	for (size_t i = 0; argc == 3 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (!strcmp(argv[1], steps[i].name)) {
			steps[i].run();
			return 0;
		}
	}
	fprintf(stderr, "usage: card-papers requests|certificates|trust|devices|checkpoint FOLDER\n");
	return 2;
}
