// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Device certificates: IEEE 802.1AR IDevID profile on RFC 5280. What is the same in every certificate of a job is encoded once;
 * to issue is to set the pieces together and to sign.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "der.h"
#include "der_writer.h"
#include "device.h"
#include "provcard-refusal.h"
#include "provpkg/certificate.h"
#include "x509.h"

#define KEY_ID_SIZE 20
#define SERIAL_SIZE 16
#define COMMON_NAME_MAX 64 /* ub-common-name, RFC 5280 appendix A */
#define UID_TEXT_MAX (2 * PROVPKG_UID_MAX)
#define SIGNATURE_MAX PROVPKG_DEVICE_SIGNATURE_MAX /* ML-DSA-65; ECDSA P-384 takes at most 104 */
#define TBS_MAX (4096 + PROVPKG_DEVICE_PUBLIC_MAX)
#define WRAPPING_MAX 64 /* of TBS and signature: two headers and an algorithm */
#define ISSUER_NAME_MAX 2048
#define UTC_TIME_END INT64_C(2524608000) /* 2050-01-01: from then on GeneralizedTime, RFC 5280 section 4.1.2.5 */

#define SEQUENCE (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
#define SET (V_ASN1_SET | V_ASN1_CONSTRUCTED)
#define CONTEXT(number) (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED | (number))

struct provpkg_device_template {
	struct provpkg_blob issuer; /* Name */
	struct provpkg_blob hardware_type; /* OBJECT IDENTIFIER */
	char organisation[PROVPKG_NAME_MAX + 1];
	char common_name[PROVPKG_NAME_MAX + 1];
	uint8_t issuer_key_id[KEY_ID_SIZE];
	const struct provpkg_key_kind *kind; /* the device's */
	const struct issuing *issuing;
	int issuer_bits;
	EVP_MD *sha256; /* fetched once; fetching costs as much as hashing */
	EVP_MD *digest; /* of an ECDSA signature */
	EVP_SIGNATURE *signature; /* where the algorithm brings its own digest */
};

static const uint8_t oid_common_name[] = { 0x06, 0x03, 0x55, 0x04, 0x03 };
static const uint8_t oid_serial_number[] = { 0x06, 0x03, 0x55, 0x04, 0x05 };
static const uint8_t oid_organisation[] = { 0x06, 0x03, 0x55, 0x04, 0x0a };
static const uint8_t ecdsa_with_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
static const uint8_t ecdsa_with_sha384[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03 };
/* SEQUENCE { id-ecPublicKey, curve }, RFC 5480 */
static const uint8_t p256_algorithm[] = { 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
					  0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t p384_algorithm[] = { 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
					  0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
/* SEQUENCE { the algorithm } without parameters: RFC 8410, RFC 9881. ML-DSA has the same for keys and signatures. */
static const uint8_t ed25519_algorithm[] = { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70 };
static const uint8_t ml_dsa_44_algorithm[] = { 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11 };
static const uint8_t ml_dsa_65_algorithm[] = { 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12 };

#define BYTES(array) { (array), sizeof(array) }

static const struct provpkg_view key_algorithm[] = {
	[PROVPKG_KEY_P256] = BYTES(p256_algorithm),	      [PROVPKG_KEY_P384] = BYTES(p384_algorithm),
	[PROVPKG_KEY_ED25519] = BYTES(ed25519_algorithm),     [PROVPKG_KEY_ML_DSA_44] = BYTES(ml_dsa_44_algorithm),
	[PROVPKG_KEY_ML_DSA_65] = BYTES(ml_dsa_65_algorithm),
};

/* How an issuing key signs. */
static const struct issuing {
	const char *kind;
	struct provpkg_view algorithm;
	const char *digest; /* NULL: the algorithm brings its own */
} issuers[] = {
	{ "P-256", BYTES(ecdsa_with_sha256), "SHA256" },
	{ "P-384", BYTES(ecdsa_with_sha384), "SHA384" },
	{ "ML-DSA-65", BYTES(ml_dsa_65_algorithm), NULL },
};
/* basicConstraints critical {}; keyUsage critical digitalSignature */
static const uint8_t extensions_fixed[] = { 0x30, 0x0c, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff,
					    0x04, 0x02, 0x30, 0x00, 0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d,
					    0x0f, 0x01, 0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x07, 0x80 };
static const uint8_t oid_subject_key_id[] = { 0x06, 0x03, 0x55, 0x1d, 0x0e };
static const uint8_t oid_subject_alt_name[] = { 0x06, 0x03, 0x55, 0x1d, 0x11 };
static const uint8_t oid_authority_key_id[] = { 0x06, 0x03, 0x55, 0x1d, 0x23 };
/* id-on-hardwareModuleName, RFC 4108 section 5 */
static const uint8_t oid_hardware_module[] = { 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04 };
static const uint8_t version_3[] = { 0xa0, 0x03, 0x02, 0x01, 0x02 };
static const char not_after[] = "99991231235959Z"; /* no well-defined end, RFC 5280 section 4.1.2.5 */

/* ---- The template ---- */

static size_t characters(const char *utf8)
{
	size_t count = 0;

	for (; *utf8; utf8++)
		count += (*utf8 & 0xc0) != 0x80;
	return count;
}

static bool name_valid(const char *name)
{
	return provpkg_name_valid((struct provpkg_view){ (const uint8_t *)name, strnlen(name, PROVPKG_NAME_MAX + 1) });
}

/* The longest UID's digits must fit behind the common name's prefix: production must not find out. */
bool provpkg_device_identity_valid(const struct provpkg_identity *identity)
{
	return provpkg_key_kind(identity->algorithm) && name_valid(identity->organisation) && name_valid(identity->common_name) &&
	       characters(identity->common_name) + 1 + UID_TEXT_MAX <= COMMON_NAME_MAX;
}

static const struct issuing *find_issuing(const EVP_PKEY *key)
{
	for (size_t i = 0; i < sizeof(issuers) / sizeof(issuers[0]); i++)
		if (provpkg_key_is(key, issuers[i].kind))
			return &issuers[i];
	return NULL;
}

static bool issuer_valid(X509 *issuer)
{
	return provpkg_x509_is_issuer(issuer) && ASN1_STRING_length(X509_get0_subject_key_id(issuer)) == KEY_ID_SIZE &&
	       find_issuing(X509_get0_pubkey(issuer));
}

static int take_issuer(struct provpkg_device_template *device, X509 *issuer)
{
	unsigned char *name = NULL;
	int size = i2d_X509_NAME(X509_get_subject_name(issuer), &name);

	if (size <= 0)
		return -EIO;
	device->issuer = (struct provpkg_blob){ name, size };
	memcpy(device->issuer_key_id, ASN1_STRING_get0_data(X509_get0_subject_key_id(issuer)), KEY_ID_SIZE);
	device->issuing = find_issuing(X509_get0_pubkey(issuer));
	device->issuer_bits = EVP_PKEY_get_bits(X509_get0_pubkey(issuer));
	return size <= ISSUER_NAME_MAX ? 0 : PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
}

static int take_hardware_type(struct provpkg_device_template *device, const char *dotted)
{
	unsigned char *data = NULL;
	ASN1_OBJECT *object;
	int size;

	ERR_set_mark();
	object = OBJ_txt2obj(dotted, 1);
	size = object ? i2d_ASN1_OBJECT(object, &data) : 0;
	ASN1_OBJECT_free(object);
	ERR_pop_to_mark();
	if (size <= 0)
		return PROVCARD_REFUSAL_ROT_RANGE;
	device->hardware_type = (struct provpkg_blob){ data, size };
	return 0;
}

static int take_algorithms(struct provpkg_device_template *device)
{
	const struct issuing *issuing = device->issuing;

	device->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (issuing->digest)
		device->digest = EVP_MD_fetch(NULL, issuing->digest, NULL);
	else
		device->signature = EVP_SIGNATURE_fetch(NULL, issuing->kind, NULL);
	return device->sha256 && (device->digest || device->signature) ? 0 : -EIO;
}

int provpkg_device_template_new(X509 *issuer, const struct provpkg_identity *identity, struct provpkg_device_template **device)
{
	struct provpkg_device_template *template;
	int result;

	if (!issuer_valid(issuer))
		return PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
	if (!provpkg_device_identity_valid(identity))
		return PROVCARD_REFUSAL_ROT_RANGE;
	template = OPENSSL_zalloc(sizeof(*template));
	if (!template)
		return -ENOMEM;
	strcpy(template->organisation, identity->organisation);
	strcpy(template->common_name, identity->common_name);
	template->kind = provpkg_key_kind(identity->algorithm);
	result = take_issuer(template, issuer);
	if (!result)
		result = take_hardware_type(template, identity->hardware_type);
	if (!result)
		result = take_algorithms(template);
	if (result)
		provpkg_device_template_free(template);
	else
		*device = template;
	return result;
}

void provpkg_device_template_free(struct provpkg_device_template *device)
{
	if (!device)
		return;
	provpkg_blob_free(&device->issuer);
	provpkg_blob_free(&device->hardware_type);
	EVP_MD_free(device->sha256);
	EVP_MD_free(device->digest);
	EVP_SIGNATURE_free(device->signature);
	OPENSSL_free(device);
}

/* ---- Issuing ---- */

/* What differs from unit to unit. */
struct unit {
	struct provpkg_view public_key;
	struct provpkg_view uid;
	const uint8_t *serial;
	char uid_text[UID_TEXT_MAX + 1];
	char common_name[PROVPKG_NAME_MAX + 1 + UID_TEXT_MAX + 1];
	char not_before[16];
	uint8_t key_id[EVP_MAX_MD_SIZE]; /* its first KEY_ID_SIZE bytes */
};

static int format_time(char text[16], int64_t at)
{
	time_t seconds = at;
	struct tm tm;

	if (at < 0 || !gmtime_r(&seconds, &tm) || tm.tm_year + 1900 > 9999)
		return -EINVAL;
	strftime(text, 16, at < UTC_TIME_END ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", &tm);
	return 0;
}

static void format_uid(struct unit *unit)
{
	static const char digits[] = "0123456789ABCDEF";
	char *text = unit->uid_text;

	for (size_t i = 0; i < unit->uid.size; i++) {
		*text++ = digits[unit->uid.data[i] >> 4];
		*text++ = digits[unit->uid.data[i] & 0xf];
	}
	*text = 0;
}

#define PUT_FIXED(writer, bytes) der_put((writer), (bytes), sizeof(bytes))

/* Extension { oid, value written since @mark }, not critical. */
static void wrap_extension(struct der_writer *writer, const uint8_t oid[5], size_t mark)
{
	der_wrap(writer, V_ASN1_OCTET_STRING, mark);
	der_put(writer, oid, 5);
	der_wrap(writer, SEQUENCE, mark);
}

/* GeneralNames { otherName { id-on-hardwareModuleName, [0] HardwareModuleName { hwType, hwSerialNum } } } */
static void put_alt_name(struct der_writer *writer, const struct provpkg_device_template *device, struct provpkg_view uid)
{
	size_t mark = der_written(writer);

	der_put_element(writer, V_ASN1_OCTET_STRING, uid.data, uid.size);
	der_put(writer, device->hardware_type.data, device->hardware_type.size);
	der_wrap(writer, SEQUENCE, mark);
	der_wrap(writer, CONTEXT(0), mark);
	PUT_FIXED(writer, oid_hardware_module);
	der_wrap(writer, CONTEXT(0), mark);
	der_wrap(writer, SEQUENCE, mark);
	wrap_extension(writer, oid_subject_alt_name, mark);
}

static void put_key_ids(struct der_writer *writer, const struct provpkg_device_template *device, const uint8_t *key_id)
{
	size_t mark = der_written(writer);

	der_put_element(writer, V_ASN1_OCTET_STRING, key_id, KEY_ID_SIZE);
	wrap_extension(writer, oid_subject_key_id, mark);
	mark = der_written(writer);
	der_put_element(writer, V_ASN1_CONTEXT_SPECIFIC | 0, device->issuer_key_id, KEY_ID_SIZE);
	der_wrap(writer, SEQUENCE, mark);
	wrap_extension(writer, oid_authority_key_id, mark);
}

static void put_extensions(struct der_writer *writer, const struct provpkg_device_template *device, const struct unit *unit)
{
	size_t mark = der_written(writer);

	put_alt_name(writer, device, unit->uid);
	put_key_ids(writer, device, unit->key_id);
	PUT_FIXED(writer, extensions_fixed);
	der_wrap(writer, SEQUENCE, mark);
	der_wrap(writer, CONTEXT(3), mark);
}

static void put_view(struct der_writer *writer, struct provpkg_view bytes)
{
	der_put(writer, bytes.data, bytes.size);
}

static void put_key(struct der_writer *writer, const struct provpkg_device_template *device, struct provpkg_view public_key)
{
	static const uint8_t unused_bits = 0;
	size_t mark = der_written(writer);

	put_view(writer, public_key);
	der_put(writer, &unused_bits, 1);
	der_wrap(writer, V_ASN1_BIT_STRING, mark);
	put_view(writer, key_algorithm[device->kind->algorithm]);
	der_wrap(writer, SEQUENCE, mark);
}

static void put_attribute(struct der_writer *writer, const uint8_t oid[5], uint8_t tag, const char *text)
{
	size_t mark = der_written(writer);

	der_put_element(writer, tag, text, strlen(text));
	der_put(writer, oid, 5);
	der_wrap(writer, SEQUENCE, mark);
	der_wrap(writer, SET, mark);
}

static void put_subject(struct der_writer *writer, const struct provpkg_device_template *device, const struct unit *unit)
{
	size_t mark = der_written(writer);

	put_attribute(writer, oid_serial_number, V_ASN1_PRINTABLESTRING, unit->uid_text);
	put_attribute(writer, oid_common_name, V_ASN1_UTF8STRING, unit->common_name);
	put_attribute(writer, oid_organisation, V_ASN1_UTF8STRING, device->organisation);
	der_wrap(writer, SEQUENCE, mark);
}

static void put_validity(struct der_writer *writer, const char *not_before)
{
	size_t mark = der_written(writer);
	size_t size = strlen(not_before);

	der_put_element(writer, V_ASN1_GENERALIZEDTIME, not_after, strlen(not_after));
	der_put_element(writer, size == 13 ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME, not_before, size);
	der_wrap(writer, SEQUENCE, mark);
}

/* Sixteen octets always, and positive: the top bits are 01. */
static void put_serial(struct der_writer *writer, const uint8_t *random)
{
	uint8_t serial[SERIAL_SIZE];

	memcpy(serial, random, SERIAL_SIZE);
	serial[0] = (serial[0] & 0x3f) | 0x40;
	der_put_element(writer, V_ASN1_INTEGER, serial, SERIAL_SIZE);
}

static void put_tbs(struct der_writer *writer, const struct provpkg_device_template *device, const struct unit *unit)
{
	put_extensions(writer, device, unit);
	put_key(writer, device, unit->public_key);
	put_subject(writer, device, unit);
	put_validity(writer, unit->not_before);
	der_put(writer, device->issuer.data, device->issuer.size);
	put_view(writer, device->issuing->algorithm);
	put_serial(writer, unit->serial);
	PUT_FIXED(writer, version_3);
	der_wrap(writer, SEQUENCE, 0);
}

/* Digest first, then sign it. */
static bool sign_ecdsa(EVP_PKEY_CTX *context, const EVP_MD *md, struct provpkg_view tbs, uint8_t *signature, size_t *size)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int digest_size, deterministic = 1;
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_uint(OSSL_SIGNATURE_PARAM_NONCE_TYPE, &deterministic),
				      OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char *)EVP_MD_get0_name(md), 0),
				      OSSL_PARAM_construct_end() };

	return EVP_Digest(tbs.data, tbs.size, digest, &digest_size, md, NULL) == 1 && EVP_PKEY_sign_init_ex(context, params) == 1 &&
	       EVP_PKEY_sign(context, signature, size, digest, digest_size) == 1;
}

static bool sign_whole(EVP_PKEY_CTX *context, EVP_SIGNATURE *algorithm, struct provpkg_view tbs, uint8_t *signature, size_t *size)
{
	int deterministic = 1;
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_DETERMINISTIC, &deterministic),
				      OSSL_PARAM_construct_end() };

	return EVP_PKEY_sign_message_init(context, algorithm, params) == 1 &&
	       EVP_PKEY_sign(context, signature, size, tbs.data, tbs.size) == 1;
}

/*
 * The one public-key operation. Deterministic (RFC 6979; FIPS 204 section 3.4), so that a unit that is resumed gets the very
 * certificate again that it had.
 */
static int sign_tbs(const struct provpkg_device_template *device, EVP_PKEY *key, const struct der_writer *tbs, uint8_t *signature,
		    size_t *size)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	struct provpkg_view bytes = { tbs->cursor, der_written(tbs) };
	bool made = context && (device->digest ? sign_ecdsa(context, device->digest, bytes, signature, size) :
						 sign_whole(context, device->signature, bytes, signature, size));

	EVP_PKEY_CTX_free(context);
	return made ? 0 : -EIO;
}

static int put_together(const struct provpkg_device_template *device, const struct der_writer *tbs, const uint8_t *signature,
			size_t signature_size, struct provpkg_blob *der)
{
	static const uint8_t unused_bits = 0;
	uint8_t room[TBS_MAX + SIGNATURE_MAX + WRAPPING_MAX];
	struct der_writer writer = der_writer_over(room, sizeof(room));
	uint8_t *copy;

	der_put(&writer, signature, signature_size);
	der_put(&writer, &unused_bits, 1);
	der_wrap(&writer, V_ASN1_BIT_STRING, 0);
	put_view(&writer, device->issuing->algorithm);
	der_put(&writer, tbs->cursor, der_written(tbs));
	der_wrap(&writer, SEQUENCE, 0);
	if (writer.full)
		return -EIO;
	copy = OPENSSL_memdup(writer.cursor, der_written(&writer));
	if (!copy)
		return -ENOMEM;
	*der = (struct provpkg_blob){ copy, der_written(&writer) };
	return 0;
}

static bool public_key_good(const struct provpkg_device_template *device, struct provpkg_view key)
{
	bool point = device->kind->algorithm == PROVPKG_KEY_P256 || device->kind->algorithm == PROVPKG_KEY_P384;

	return key.size == device->kind->public_size && (!point || key.data[0] == POINT_CONVERSION_UNCOMPRESSED);
}

int provpkg_device_issue(const struct provpkg_device_template *device, EVP_PKEY *issuer_key, struct provpkg_view public_key,
			 struct provpkg_view uid, const uint8_t serial[16], int64_t not_before, struct provpkg_blob *der)
{
	struct unit unit = { .public_key = public_key, .uid = uid, .serial = serial };
	uint8_t room[TBS_MAX], signature[SIGNATURE_MAX];
	struct der_writer tbs = der_writer_over(room, sizeof(room));
	size_t size = sizeof(signature);
	int result = format_time(unit.not_before, not_before);

	if (result || !uid.size || uid.size > PROVPKG_UID_MAX || !public_key_good(device, public_key) ||
	    EVP_PKEY_get_bits(issuer_key) != device->issuer_bits)
		return -EINVAL;
	/* RFC 7093's method 1: the leftmost 160 bits of SHA-256 over the public key. */
	if (EVP_Digest(public_key.data, public_key.size, unit.key_id, NULL, device->sha256, NULL) != 1)
		return -EIO;
	format_uid(&unit);
	snprintf(unit.common_name, sizeof(unit.common_name), "%s-%s", device->common_name, unit.uid_text);
	put_tbs(&tbs, device, &unit);
	if (tbs.full)
		return -EIO;
	result = sign_tbs(device, issuer_key, &tbs, signature, &size);
	if (result)
		return result;
	return put_together(device, &tbs, signature, size, der);
}
