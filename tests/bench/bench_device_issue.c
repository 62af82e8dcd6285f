// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much a device certificate costs beyond what it cannot do without: issuing against one bare signature, P-256 and ML-DSA-65, and
 * for P-256 with the unit's key drawn in both. Rounds in turns, so that the machine's moods meet both. Medians of microseconds of
 * processor time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "provpkg.h"

#define ROUNDS 41
#define TBS_SIZE 2400 /* of a certificate for an ML-DSA-65 key, about */

static int per_round = 400;
static EVP_PKEY *issuer_key;
static X509 *issuer;
static struct provpkg_device_template *device;
static EVP_SIGNATURE *ml_dsa;
static uint8_t public_key[PROVPKG_DEVICE_PUBLIC_MAX]; /* of a device; any bytes do */

static void need(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench_device_issue: %s failed\n", what);
	exit(1);
}

static void add_extension(int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, issuer, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	need(extension && X509_add_ext(issuer, extension, -1), "extension");
	X509_EXTENSION_free(extension);
}

static void prepare(enum provpkg_key_algorithm kind)
{
	const struct provpkg_identity identity = {
		.algorithm = kind,
		.organisation = "Acme",
		.common_name = "sensor",
		.hardware_type = "1.3.6.1.4.1.99999.1",
	};

	issuer_key = provpkg_issuing_key_generate(provpkg_key_kind(kind));
	issuer = X509_new();
	need(issuer && X509_set_version(issuer, X509_VERSION_3) && X509_set_pubkey(issuer, issuer_key), "issuer");
	X509_NAME_add_entry_by_txt(X509_get_subject_name(issuer), "CN", MBSTRING_ASC, (const unsigned char *)"issuing", -1, -1, 0);
	X509_set_issuer_name(issuer, X509_get_subject_name(issuer));
	X509_gmtime_adj(X509_getm_notBefore(issuer), 0);
	X509_gmtime_adj(X509_getm_notAfter(issuer), 86400);
	add_extension(NID_basic_constraints, "critical,CA:TRUE");
	add_extension(NID_key_usage, "critical,keyCertSign");
	add_extension(NID_subject_key_identifier, "hash");
	need(X509_sign(issuer, issuer_key, kind == PROVPKG_KEY_P256 ? EVP_sha256() : NULL), "issuer");
	need(!provpkg_device_template_new(issuer, &identity, &device), "template");
}

static void release(void)
{
	provpkg_device_template_free(device);
	X509_free(issuer);
	EVP_PKEY_free(issuer_key);
}

/* As many messages as rounds need, for ML-DSA takes a different time with each. */
static void count_up(uint8_t *bytes)
{
	static uint32_t number;

	number++;
	memcpy(bytes, &number, sizeof(number));
}

static void sign_ml_dsa(void)
{
	static uint8_t message[TBS_SIZE], signature[PROVPKG_DEVICE_SIGNATURE_MAX];
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, issuer_key, NULL);
	size_t size = sizeof(signature);

	count_up(message);
	need(EVP_PKEY_sign_message_init(context, ml_dsa, NULL) == 1 &&
		     EVP_PKEY_sign(context, signature, &size, message, sizeof(message)) == 1,
	     "sign");
	EVP_PKEY_CTX_free(context);
}

static void sign(void)
{
	static const uint8_t digest[32] = { 1 };
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, issuer_key, NULL);
	uint8_t signature[128];
	size_t size = sizeof(signature);

	need(EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_sign(context, signature, &size, digest, sizeof(digest)) == 1, "sign");
	EVP_PKEY_CTX_free(context);
}

static void issue_for(struct provpkg_view key, const uint8_t serial[16])
{
	static const uint8_t uid[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct provpkg_blob der = { 0 };

	need(!provpkg_device_issue(device, issuer_key, key, (struct provpkg_view){ uid, sizeof(uid) }, serial, 1790000000, &der), "issue");
	provpkg_blob_free(&der);
}

static void issue(void)
{
	static const uint8_t point[65] = { 0x04 }, serial[16];

	issue_for((struct provpkg_view){ point, sizeof(point) }, serial);
}

static void issue_ml_dsa(void)
{
	static uint8_t serial[16];

	count_up(serial + 4);
	issue_for((struct provpkg_view){ public_key, sizeof(public_key) }, serial);
}

static void keygen_and_sign(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	need(!!key, "keygen");
	sign();
	EVP_PKEY_free(key);
}

/* With what a card must do in between: take the point out of the key, draw a serial number. */
static void keygen_and_issue(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	uint8_t point[65], serial[16];

	need(key && EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), NULL), "keygen");
	need(RAND_bytes(serial, sizeof(serial)) == 1, "serial");
	issue_for((struct provpkg_view){ point, sizeof(point) }, serial);
	EVP_PKEY_free(key);
}

static double measure(void (*work)(void))
{
	struct timespec from, until;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (int i = 0; i < per_round; i++)
		work();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &until);
	return ((until.tv_sec - from.tv_sec) * 1e6 + (until.tv_nsec - from.tv_nsec) / 1e3) / per_round;
}

static int ascending(const void *first, const void *second)
{
	const double *a = first, *b = second;

	return (*a > *b) - (*a < *b);
}

struct pair {
	double floor;
	double work;
	double ratio;
};

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), ascending);
	return values[ROUNDS / 2];
}

/* Rounds of both in turns. */
static struct pair compare(void (*floor)(void), void (*work)(void))
{
	double floors[ROUNDS], works[ROUNDS], ratios[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		floors[i] = measure(floor);
		works[i] = measure(work);
		ratios[i] = works[i] / floors[i];
	}
	return (struct pair){ median(floors), median(works), median(ratios) };
}

int main(void)
{
	struct pair alone, whole, pq;

	prepare(PROVPKG_KEY_P256);
	alone = compare(sign, issue);
	whole = compare(keygen_and_sign, keygen_and_issue);
	release();
	ml_dsa = EVP_SIGNATURE_fetch(NULL, "ML-DSA-65", NULL);
	need(ml_dsa && RAND_bytes(public_key, sizeof(public_key)) == 1, "ML-DSA-65");
	per_round = 50;
	prepare(PROVPKG_KEY_ML_DSA_65);
	pq = compare(sign_ml_dsa, issue_ml_dsa);
	release();
	EVP_SIGNATURE_free(ml_dsa);
	printf("{\"sign_us\": %.2f, \"issue_us\": %.2f, \"issue_vs_sign\": %.3f, ", alone.floor, alone.work, alone.ratio);
	printf("\"keygen_and_sign_us\": %.2f, \"keygen_and_issue_us\": %.2f, \"unit_vs_floor\": %.3f, ", whole.floor, whole.work,
	       whole.ratio);
	printf("\"ml_dsa_sign_us\": %.2f, \"ml_dsa_issue_us\": %.2f, \"ml_dsa_issue_vs_sign\": %.3f}\n", pq.floor, pq.work, pq.ratio);
	return 0;
}
