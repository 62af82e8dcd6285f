// SPDX-License-Identifier: LGPL-2.1-or-later
/* Signed objects: made and checked by libcrypto's CMS, after their form has been checked by ours. */
#include <errno.h>
#include <limits.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "der.h"
#include "oid.h"
#include "provcard-refusal.h"
#include "provpkg/sign.h"
#include "signed_form.h"
#include "suite.h"
#include "x509.h"

/* Explicit SHA-512: ML-DSA has no default digest in CMS and RFC 9882 makes this one mandatory to support. */
#define SIGNER_FLAGS (CMS_BINARY | CMS_NOSMIMECAP)
#define CONTENT_FLAGS (CMS_BINARY | CMS_NOCERTS | CMS_PARTIAL)

struct content_type {
	enum provpkg_content type;
	const char *oid;
	int bad_der;
	int bad_signature;
};

static const struct content_type content_types[] = {
	{ PROVPKG_CONTENT_MANIFEST, PROVPKG_OID_MANIFEST, PROVCARD_REFUSAL_MANIFEST_DER, PROVCARD_REFUSAL_MANIFEST_SIGNATURE },
	{ PROVPKG_CONTENT_GRANT, PROVPKG_OID_GRANT, PROVCARD_REFUSAL_MANIFEST_DER, PROVCARD_REFUSAL_MANIFEST_SIGNATURE },
	{ PROVPKG_CONTENT_REQUEST, PROVPKG_OID_REQUEST, PROVCARD_REFUSAL_REQUEST_DER, PROVCARD_REFUSAL_REQUEST_SIGNATURE },
	{ PROVPKG_CONTENT_END_CERTIFICATE, PROVPKG_OID_END_CERTIFICATE, PROVCARD_REFUSAL_STATEMENT_DER,
	  PROVCARD_REFUSAL_STATEMENT_SIGNATURE },
	{ PROVPKG_CONTENT_EVIDENCE, PROVPKG_OID_EVIDENCE, PROVCARD_REFUSAL_STATEMENT_DER, PROVCARD_REFUSAL_STATEMENT_SIGNATURE },
	{ PROVPKG_CONTENT_FIRMWARE, PROVPKG_OID_FIRMWARE, PROVCARD_REFUSAL_FIRMWARE_DER, PROVCARD_REFUSAL_FIRMWARE_SIGNATURE },
};

static const struct content_type *content_type_find(enum provpkg_content type)
{
	for (size_t i = 0; i < sizeof(content_types) / sizeof(content_types[0]); i++)
		if (content_types[i].type == type)
			return &content_types[i];
	return NULL;
}

static bool is_among(STACK_OF(X509) *certificates, X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(certificates); i++)
		if (!X509_cmp(sk_X509_value(certificates, i), certificate))
			return true;
	return false;
}

static bool issued_any(X509 *issuer, STACK_OF(X509) *certificates)
{
	for (int i = 0; i < sk_X509_num(certificates); i++)
		if (provpkg_x509_issued(issuer, sk_X509_value(certificates, i)))
			return true;
	return false;
}

/*
 * The same certificate may come with several signers; it goes in once. An issuer only if it is above one that is
 * there. 1 when it was added, 0 when not, -1 for a failure.
 */
static int add_certificate(CMS_ContentInfo *cms, X509 *certificate, bool is_issuer)
{
	STACK_OF(X509) *present = CMS_get1_certs(cms);
	int added = 0;

	if (!is_among(present, certificate) && (!is_issuer || issued_any(certificate, present)))
		added = CMS_add1_cert(cms, certificate) == 1 ? 1 : -1;
	sk_X509_pop_free(present, X509_free);
	return added;
}

/* Of the chains that came with the signers what is above one of them: more would be refused, for nobody signs it. */
static bool add_chains(CMS_ContentInfo *cms, const struct provpkg_signer *signers, size_t count)
{
	int added;

	do {
		added = 0;
		for (size_t i = 0; i < count; i++)
			for (int k = 0; k < sk_X509_num(signers[i].chain) && added >= 0; k++) {
				int one = add_certificate(cms, sk_X509_value(signers[i].chain, k), true);

				added = one < 0 ? -1 : added + one;
			}
	} while (added > 0);
	return !added;
}

static bool add_signer(CMS_ContentInfo *cms, const struct provpkg_signer *signer, unsigned int flags)
{
	return add_certificate(cms, signer->certificate, false) >= 0 &&
	       CMS_add1_signer(cms, signer->certificate, signer->key, EVP_sha512(), SIGNER_FLAGS | CMS_NOCERTS | flags);
}

static CMS_ContentInfo *sign_all(const ASN1_OBJECT *type, BIO *content, const struct provpkg_signer *signers, size_t count)
{
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CONTENT_FLAGS);
	bool good = cms && CMS_set1_eContentType(cms, type);

	for (size_t i = 0; good && i < count; i++)
		good = add_signer(cms, &signers[i], 0);
	if (good && add_chains(cms, signers, count) && CMS_final(cms, content, NULL, CMS_BINARY))
		return cms;
	CMS_ContentInfo_free(cms);
	return NULL;
}

int provpkg_sign(enum provpkg_content type, struct provpkg_view content, const struct provpkg_signer *signers, size_t count,
		 struct provpkg_blob *cms)
{
	const struct content_type *known = content_type_find(type);
	CMS_ContentInfo *made = NULL;
	ASN1_OBJECT *oid;
	BIO *bytes;
	int result = -EIO;

	if (!known || !content.size || content.size > INT_MAX || !count || count > PROVPKG_SIGNERS_MAX)
		return -EINVAL;
	ERR_set_mark();
	oid = OBJ_txt2obj(known->oid, 1);
	bytes = BIO_new_mem_buf(content.data, (int)content.size);
	if (oid && bytes)
		made = sign_all(oid, bytes, signers, count);
	if (made)
		result = provpkg_der_encode(made, ASN1_ITEM_rptr(CMS_ContentInfo), cms);
	CMS_ContentInfo_free(made);
	BIO_free(bytes);
	ASN1_OBJECT_free(oid);
	ERR_pop_to_mark();
	return result;
}

struct provpkg_signed {
	CMS_ContentInfo *cms;
	STACK_OF(X509) *certificates; /* all that came along */
	STACK_OF(X509) *signers; /* borrowed from the CMS, in the order of the SignerInfos */
};

void provpkg_signed_free(struct provpkg_signed *object)
{
	if (!object)
		return;
	sk_X509_free(object->signers);
	sk_X509_pop_free(object->certificates, X509_free);
	CMS_ContentInfo_free(object->cms);
	OPENSSL_free(object);
}

/* Finds each signer's certificate among those that came along and checks its signature. */
static bool signatures_good(struct provpkg_signed *object)
{
	if (CMS_verify(object->cms, NULL, NULL, NULL, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1)
		return false;
	object->signers = CMS_get0_signers(object->cms);
	return sk_X509_num(object->signers) == sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(object->cms));
}

/* By form only. */
static int open_form(const struct content_type *known, struct provpkg_view cms, struct provpkg_signed *object)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(known->oid, 1);
	void *decoded;
	int result = oid ? provpkg_signed_form(cms, oid, known->bad_der) : -ENOMEM;

	ASN1_OBJECT_free(oid);
	if (!result)
		result = provpkg_der_decode(cms, PROVPKG_SIGNED_MAX, ASN1_ITEM_rptr(CMS_ContentInfo), known->bad_der, &decoded);
	if (result)
		return result;
	object->cms = decoded;
	object->certificates = CMS_get1_certs(object->cms);
	return 0;
}

static int open_known(const struct content_type *known, struct provpkg_view cms, struct provpkg_signed *object)
{
	int result = open_form(known, cms, object);

	if (result)
		return result;
	if (!signatures_good(object))
		return known->bad_signature;
	return provpkg_signed_certificates_belong(object->certificates, object->signers) ? 0 : PROVCARD_REFUSAL_SURPLUS_CERTIFICATE;
}

int provpkg_signed_open(enum provpkg_content type, struct provpkg_view cms, struct provpkg_signed **object)
{
	const struct content_type *known = content_type_find(type);
	struct provpkg_signed *opened;
	int result;

	if (!known)
		return -EINVAL;
	opened = OPENSSL_zalloc(sizeof(*opened));
	if (!opened)
		return -ENOMEM;
	ERR_set_mark();
	result = open_known(known, cms, opened);
	ERR_pop_to_mark();
	if (result)
		provpkg_signed_free(opened);
	else
		*object = opened;
	return result;
}

static int find_claims(struct provpkg_signed *object, STACK_OF(X509) *claims)
{
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(object->cms);

	for (int i = 0; i < sk_CMS_SignerInfo_num(infos); i++) {
		for (int j = 0; j < sk_X509_num(object->certificates); j++) {
			X509 *certificate = sk_X509_value(object->certificates, j);

			if (CMS_SignerInfo_cert_cmp(sk_CMS_SignerInfo_value(infos, i), certificate))
				continue;
			if (!X509_up_ref(certificate))
				return -ENOMEM;
			if (!sk_X509_push(claims, certificate)) {
				X509_free(certificate);
				return -ENOMEM;
			}
		}
	}
	return 0;
}

int provpkg_signed_claims(enum provpkg_content type, struct provpkg_view cms, STACK_OF(X509) **certificates)
{
	const struct content_type *known = content_type_find(type);
	struct provpkg_signed *opened = OPENSSL_zalloc(sizeof(*opened));
	STACK_OF(X509) *claims = sk_X509_new_null();
	int result = known ? -ENOMEM : -EINVAL;

	ERR_set_mark();
	if (known && opened && claims)
		result = open_form(known, cms, opened);
	if (!result)
		result = find_claims(opened, claims);
	ERR_pop_to_mark();
	provpkg_signed_free(opened);
	if (result)
		sk_X509_pop_free(claims, X509_free);
	else
		*certificates = claims;
	return result;
}

struct provpkg_view provpkg_signed_content(const struct provpkg_signed *object)
{
	return provpkg_string_view(*CMS_get0_content(object->cms));
}

size_t provpkg_signed_count(const struct provpkg_signed *object)
{
	return (size_t)sk_X509_num(object->signers);
}

X509 *provpkg_signed_signer(const struct provpkg_signed *object, size_t index)
{
	return index < provpkg_signed_count(object) ? sk_X509_value(object->signers, (int)index) : NULL;
}

static bool has_signed(const struct provpkg_signed *object, const X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(object->signers); i++)
		if (!X509_cmp(sk_X509_value(object->signers, i), certificate))
			return true;
	return false;
}

/* The digest of the content is taken over from the signatures that are there and were just checked. */
static int sign_too(struct provpkg_signed *object, const struct provpkg_signer *signers, size_t count, struct provpkg_blob *cms)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < i; k++)
			if (!X509_cmp(signers[k].certificate, signers[i].certificate))
				return PROVCARD_REFUSAL_SIGNED_ALREADY;
		if (has_signed(object, signers[i].certificate))
			return PROVCARD_REFUSAL_SIGNED_ALREADY;
	}
	for (size_t i = 0; i < count; i++)
		if (!add_signer(object->cms, &signers[i], CMS_REUSE_DIGEST))
			return -EIO;
	if (!add_chains(object->cms, signers, count))
		return -EIO;
	return provpkg_der_encode(object->cms, ASN1_ITEM_rptr(CMS_ContentInfo), cms);
}

int provpkg_sign_add(enum provpkg_content type, struct provpkg_view cms, const struct provpkg_signer *signers, size_t count,
		     struct provpkg_blob *out)
{
	struct provpkg_signed *object = NULL;
	int result;

	if (!count)
		return -EINVAL;
	result = provpkg_signed_open(type, cms, &object);
	if (result)
		return result;
	ERR_set_mark();
	if (count > PROVPKG_SIGNERS_MAX - provpkg_signed_count(object))
		result = -E2BIG;
	else
		result = sign_too(object, signers, count, out);
	ERR_pop_to_mark();
	provpkg_signed_free(object);
	return result;
}

/* Anchors may be end certificates (pinned), so a partial chain is a whole one here. */
static int verify_chain(X509_STORE *store, X509 *certificate, STACK_OF(X509) *others, int64_t at)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	int result = -EIO;

	if (!context || !X509_STORE_CTX_init(context, store, certificate, others))
		goto out;
	if (at == PROVPKG_ANY_TIME)
		X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
	else
		X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), (time_t)at);
	X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
	if (X509_verify_cert(context) == 1) {
		result = 0;
		goto out;
	}
	switch (X509_STORE_CTX_get_error(context)) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		result = PROVCARD_REFUSAL_SIGNER_EXPIRED;
		break;
	case X509_V_ERR_OUT_OF_MEM:
		result = -ENOMEM;
		break;
	default:
		result = PROVCARD_REFUSAL_SIGNER_UNTRUSTED;
	}
out:
	X509_STORE_CTX_free(context);
	return result;
}

/* Those of @certificates whose keys are of a family; NULL: all. What a chain must not run through is not there for it. */
static STACK_OF(X509) *of_family(const STACK_OF(X509) *certificates, const char *family)
{
	STACK_OF(X509) *chosen = sk_X509_new_null();
	X509 *certificate;

	for (int i = 0; chosen && i < sk_X509_num(certificates); i++) {
		certificate = sk_X509_value(certificates, i);
		if (family && !provpkg_key_begins(X509_get0_pubkey(certificate), family))
			continue;
		if (!sk_X509_push(chosen, certificate)) {
			sk_X509_free(chosen);
			return NULL;
		}
	}
	return chosen;
}

static int chain_within(const struct provpkg_signed *object, X509 *signer, const char *family, STACK_OF(X509) *anchors, int64_t at)
{
	STACK_OF(X509) *trusted = of_family(anchors, family), *others = of_family(object->certificates, family);
	X509_STORE *store = X509_STORE_new();
	int result = -ENOMEM;

	for (int i = 0; store && i < sk_X509_num(trusted); i++)
		if (!X509_STORE_add_cert(store, sk_X509_value(trusted, i)))
			goto out;
	if (store && trusted && others)
		result = verify_chain(store, signer, others, at);
out:
	X509_STORE_free(store);
	sk_X509_free(trusted);
	sk_X509_free(others);
	return result;
}

static int signer_chain(const struct provpkg_signed *object, size_t index, const char *family, STACK_OF(X509) *anchors, int64_t at)
{
	X509 *signer = provpkg_signed_signer(object, index);
	int result;

	if (!signer)
		return -EINVAL;
	if (!(X509_get_key_usage(signer) & KU_DIGITAL_SIGNATURE))
		return PROVCARD_REFUSAL_SIGNER_UNTRUSTED;
	ERR_set_mark();
	result = chain_within(object, signer, family, anchors, at);
	ERR_pop_to_mark();
	return result;
}

int provpkg_signed_chain(const struct provpkg_signed *object, size_t index, STACK_OF(X509) *anchors, int64_t at)
{
	return signer_chain(object, index, NULL, anchors, at);
}

/* The suite's signatures are made over SHA-512. */
bool provpkg_signed_is(const struct provpkg_signed *object, size_t index, const char *kind)
{
	CMS_SignerInfo *info = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(object->cms), (int)index);
	const ASN1_OBJECT *digest;
	X509_ALGOR *algorithm;

	CMS_SignerInfo_get0_algs(info, NULL, NULL, &algorithm, NULL);
	X509_ALGOR_get0(&digest, NULL, NULL, algorithm);
	return provpkg_key_is(X509_get0_pubkey(provpkg_signed_signer(object, index)), kind) && OBJ_obj2nid(digest) == NID_sha512;
}

static bool has_signer(const struct provpkg_signed *object, const char *kind)
{
	for (size_t i = 0; i < provpkg_signed_count(object); i++)
		if (provpkg_signed_is(object, i, kind))
			return true;
	return false;
}

static bool has_signers(const struct provpkg_signed *object, const struct provpkg_suite *suite)
{
	for (size_t i = 0; i < suite->signers; i++)
		if (!has_signer(object, suite->signer[i].kind))
			return false;
	return true;
}

unsigned int provpkg_signed_kinds(const struct provpkg_signed *object)
{
	const struct provpkg_suite *suite;

	for (unsigned int id = 1; (suite = provpkg_suite_find(id)); id++)
		if (has_signers(object, suite))
			return id;
	return 0;
}

/* The family that a signer's chain must keep to; NULL for one that the suite does not ask for. */
static const char *family_of(const struct provpkg_suite *suite, X509 *signer)
{
	for (size_t i = 0; i < suite->signers; i++)
		if (provpkg_key_is(X509_get0_pubkey(signer), suite->signer[i].kind))
			return suite->signer[i].chain;
	return NULL;
}

int provpkg_signed_suite(const struct provpkg_signed *object, unsigned int suite, STACK_OF(X509) *anchors, int64_t at)
{
	const struct provpkg_suite *demands = provpkg_suite_find(suite);
	const X509_NAME *first, *subject;
	int result;

	if (!demands)
		return PROVCARD_REFUSAL_SUITE_UNKNOWN;
	if (!has_signers(object, demands))
		return PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING;
	first = X509_get_subject_name(provpkg_signed_signer(object, 0));
	for (size_t i = 0; i < provpkg_signed_count(object); i++) {
		result = signer_chain(object, i, family_of(demands, provpkg_signed_signer(object, i)), anchors, at);
		if (result)
			return result;
		subject = X509_get_subject_name(provpkg_signed_signer(object, i));
		if (X509_NAME_cmp(first, subject))
			return PROVCARD_REFUSAL_SIGNER_UNTRUSTED;
	}
	return 0;
}
