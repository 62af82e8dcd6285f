// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The signed secure element manifest: a JSON array with a flattened JWS (RFC 7515 section 7.2.2) for each device, after the public
 * description of Microchip's Trust Platform, "Manifest File Full Format", version 1 of its SecureElement object.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include "export.h"

#define FIELD_MAX 48 /* bytes of a coordinate or half a signature, P-384 */

struct algorithm {
	const char *group;
	const char *name; /* RFC 7518 section 3.1 */
	const char *digest;
	size_t field;
};

static const struct algorithm algorithms[] = {
	{ "prime256v1", "ES256", "SHA256", 32 },
	{ "secp384r1", "ES384", "SHA384", 48 },
};

/* NULL for keys that a manifest cannot be signed with. */
static const struct algorithm *algorithm_of(EVP_PKEY *key)
{
	char group[32];

	if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
		return NULL;
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (!strcmp(group, algorithms[i].group))
			return &algorithms[i];
	return NULL;
}

static void add_base64_url(struct json_object *json, const char *key, const void *data, size_t size)
{
	char *text = base64_url(data, size);

	json_add_text(json, key, text ? text : "");
	free(text);
}

static const char *plain_text(struct json_object *json)
{
	return json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* Names the key by its certificate. */
static struct json_object *protected_header(const struct provpkg_signer *signer, const struct algorithm *algorithm)
{
	const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(signer->certificate);
	struct json_object *header = json_object_new_object();
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int size;

	if (!key_id || X509_digest(signer->certificate, EVP_sha256(), digest, &size) != 1) {
		json_object_put(header);
		return NULL;
	}
	json_add_text(header, "typ", "JWT");
	json_add_text(header, "alg", algorithm->name);
	add_base64_url(header, "kid", ASN1_STRING_get0_data(key_id), ASN1_STRING_length(key_id));
	add_base64_url(header, "x5t#S256", digest, size);
	return header;
}

static void add_certificate(struct json_object *list, const void *der, size_t size)
{
	char *text = base64_text(der, size);

	json_object_array_add(list, json_object_new_string(text ? text : ""));
	free(text);
}

/* The device's certificate and those above it; a root is the reader's own. */
static struct json_object *certificate_chain(const struct delivery_unit *unit)
{
	struct json_object *list = json_object_new_array();

	add_certificate(list, unit->certificate.data, unit->certificate.size);
	for (int i = 0; unit->chain && i < sk_X509_num(unit->chain); i++) {
		X509 *above = sk_X509_value(unit->chain, i);
		unsigned char *der = NULL;
		int size = X509_get_extension_flags(above) & EXFLAG_SS ? 0 : i2d_X509(above, &der);

		if (size > 0)
			add_certificate(list, der, (size_t)size);
		OPENSSL_free(der);
	}
	return list;
}

/* RFC 7518 section 6.2, RFC 8037 section 2, RFC 9964 section 3. */
static struct json_object *jwk_of(const struct provpkg_key_kind *kind, const uint8_t *public_key)
{
	struct json_object *jwk = json_object_new_object();
	size_t half = kind->public_size / 2;

	json_add_text(jwk, "kid", "0");
	switch (kind->algorithm) {
	case PROVPKG_KEY_P256:
	case PROVPKG_KEY_P384:
		json_add_text(jwk, "kty", "EC");
		json_add_text(jwk, "crv", kind->name);
		add_base64_url(jwk, "x", public_key + 1, half);
		add_base64_url(jwk, "y", public_key + 1 + half, half);
		break;
	case PROVPKG_KEY_ED25519:
		json_add_text(jwk, "kty", "OKP");
		json_add_text(jwk, "crv", kind->name);
		add_base64_url(jwk, "x", public_key, kind->public_size);
		break;
	default:
		json_add_text(jwk, "kty", "AKP");
		json_add_text(jwk, "alg", kind->name);
		add_base64_url(jwk, "pub", public_key, kind->public_size);
		break;
	}
	return jwk;
}

/* A JWK (RFC 7517) with the device's public key; NULL unless it is of a kind that devices have. */
static struct json_object *public_key(const struct delivery_unit *unit)
{
	const struct provpkg_key_kind *kind;
	struct json_object *jwk = NULL;
	X509 *certificate = NULL;
	uint8_t key[PROVPKG_DEVICE_PUBLIC_MAX];
	size_t size = 0;

	if (provpkg_der_certificate(unit->certificate, &certificate))
		return NULL;
	kind = provpkg_key_kind_of(X509_get0_pubkey(certificate));
	if (kind && EVP_PKEY_get_octet_string_param(X509_get0_pubkey(certificate), OSSL_PKEY_PARAM_PUB_KEY, key, sizeof(key), &size) == 1 &&
	    size == kind->public_size) {
		jwk = jwk_of(kind, key);
		json_object_object_add(jwk, "x5c", certificate_chain(unit));
	}
	X509_free(certificate);
	return jwk;
}

static void add_entity(struct json_object *json, const char *key, const char *organisation)
{
	struct json_object *entity = json_object_new_object();

	json_add_text(entity, "organizationName", organisation);
	json_object_object_add(json, key, entity);
}

/* The organisation that signs, else its common name. */
static void organisation_of(X509 *certificate, char *text, int size)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);

	if (X509_NAME_get_text_by_NID(subject, NID_organizationName, text, size) < 0 &&
	    X509_NAME_get_text_by_NID(subject, NID_commonName, text, size) < 0)
		*text = '\0';
}

static struct json_object *secure_element(const struct exporter *exporter, const struct delivery_unit *unit)
{
	struct json_object *element, *set, *keys, *jwk = public_key(unit);
	char organisation[128];

	if (!jwk)
		return NULL;
	organisation_of(exporter->signer.certificate, organisation, sizeof(organisation));
	element = json_object_new_object();
	json_add_number(element, "version", 1);
	json_add_text(element, "model", unit->record->part);
	json_add_text(element, "partNumber", unit->record->part);
	add_entity(element, "provisioner", organisation);
	add_entity(element, "distributor", organisation);
	json_add_hex(element, "groupId", unit->end->package_id, PROVPKG_ID_SIZE);
	json_add_time(element, "provisioningTimestamp", unit->record->time);
	json_add_hex(element, "uniqueId", unit->record->uid, unit->record->uid_size);
	keys = json_object_new_array();
	json_object_array_add(keys, jwk);
	set = json_object_new_object();
	json_object_object_add(set, "keys", keys);
	json_object_object_add(element, "publicKeySet", set);
	return element;
}

/* ECDSA as JWS wants it: both numbers at full width, big-endian (RFC 7518 section 3.4). */
static char *raw_signature(const struct algorithm *algorithm, const uint8_t *der, size_t size)
{
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)size);
	uint8_t raw[2 * FIELD_MAX];
	int field = (int)algorithm->field;
	char *text = NULL;

	if (signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, field) == field &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + field, field) == field)
		text = base64_url(raw, 2 * algorithm->field);
	ECDSA_SIG_free(signature);
	return text;
}

static char *sign(const struct provpkg_signer *signer, const struct algorithm *algorithm, const char *header, const char *payload)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t der[256];
	size_t size = sizeof(der);
	char *text = NULL;

	if (md && EVP_DigestSignInit_ex(md, NULL, algorithm->digest, NULL, NULL, signer->key, NULL) == 1 &&
	    EVP_DigestSignUpdate(md, header, strlen(header)) == 1 && EVP_DigestSignUpdate(md, ".", 1) == 1 &&
	    EVP_DigestSignUpdate(md, payload, strlen(payload)) == 1 && EVP_DigestSignFinal(md, der, &size) == 1)
		text = raw_signature(algorithm, der, size);
	EVP_MD_CTX_free(md);
	return text;
}

/* @header and @element as they are signed; -EIO when they cannot be. */
static int write_signed(struct exporter *exporter, const struct algorithm *algorithm, struct json_object *header,
			struct json_object *element, const struct delivery_unit *unit)
{
	struct json_object *jws = json_object_new_object(), *plain = json_object_new_object();
	char *protected = base64_url(plain_text(header), strlen(plain_text(header)));
	char *payload = base64_url(plain_text(element), strlen(plain_text(element)));
	char *signature = protected && payload ? sign(&exporter->signer, algorithm, protected, payload) : NULL;

	if (signature) {
		json_add_text(jws, "payload", payload);
		json_add_text(jws, "protected", protected);
		json_add_hex(plain, "uniqueId", unit->record->uid, unit->record->uid_size);
		json_object_object_add(jws, "header", json_object_get(plain));
		json_add_text(jws, "signature", signature);
		fprintf(exporter->file, "%s\n  %s", exporter->units++ ? "," : "[", plain_text(jws));
	}
	json_object_put(jws);
	json_object_put(plain);
	free(protected);
	free(payload);
	free(signature);
	return signature ? 0 : -EIO;
}

int export_jws(struct exporter *exporter, const struct delivery_unit *unit)
{
	const struct algorithm *algorithm = algorithm_of(exporter->signer.key);
	struct json_object *header, *element;
	int result;

	if (unit->record->event != PROVPKG_EVENT_UNIT_GOOD || !unit->certificate.size)
		return 0;
	header = algorithm ? protected_header(&exporter->signer, algorithm) : NULL;
	if (!header)
		return report_input("export", PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE,
				    "a manifest is signed by a P-256 or P-384 key whose certificate has a subjectKeyIdentifier");
	element = secure_element(exporter, unit);
	result = element ? write_signed(exporter, algorithm, header, element, unit) : PROVCARD_REFUSAL_DEVICE_CERTIFICATE;
	json_object_put(header);
	json_object_put(element);
	return result ? report_provpkg("export", result, NULL) : 0;
}
