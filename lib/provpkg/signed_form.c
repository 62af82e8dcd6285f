// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The form of signed objects, RFC 5652 section 5, narrowed. libcrypto's own reading accepts what signatures do not cover in
 * many spellings; here there is one, so that two different files are never the same signed object.
 */
#include <openssl/cms.h>
#include <openssl/x509.h>

#include "der.h"
#include "signed_form.h"

typedef struct {
	X509_NAME *issuer;
	ASN1_INTEGER *serial;
} SIGNER_NAME;

typedef struct {
	uint32_t version;
	SIGNER_NAME *name;
	X509_ALGOR *digest;
	STACK_OF(X509_ATTRIBUTE) *attributes;
	X509_ALGOR *algorithm;
	ASN1_OCTET_STRING *signature;
} SIGNER_FORM;

typedef struct {
	ASN1_OBJECT *type;
	ASN1_OCTET_STRING *content;
} CONTENT_FORM;

typedef struct {
	uint32_t version;
	STACK_OF(X509_ALGOR) *digests;
	CONTENT_FORM *content;
	STACK_OF(X509) *certificates;
	STACK_OF(SIGNER_FORM) *signers;
} SIGNED_DATA;

typedef struct {
	ASN1_OBJECT *type;
	SIGNED_DATA *data;
} SIGNED_FORM;

DEFINE_STACK_OF(SIGNER_FORM)

ASN1_SEQUENCE(SIGNER_NAME) = {
	ASN1_SIMPLE(SIGNER_NAME, issuer, X509_NAME),
	ASN1_SIMPLE(SIGNER_NAME, serial, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(SIGNER_NAME)

ASN1_SEQUENCE(SIGNER_FORM) = {
	ASN1_EMBED(SIGNER_FORM, version, UINT32),
	ASN1_SIMPLE(SIGNER_FORM, name, SIGNER_NAME),
	ASN1_SIMPLE(SIGNER_FORM, digest, X509_ALGOR),
	ASN1_IMP_SET_OF(SIGNER_FORM, attributes, X509_ATTRIBUTE, 0),
	ASN1_SIMPLE(SIGNER_FORM, algorithm, X509_ALGOR),
	ASN1_SIMPLE(SIGNER_FORM, signature, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(SIGNER_FORM)

ASN1_SEQUENCE(CONTENT_FORM) = {
	ASN1_SIMPLE(CONTENT_FORM, type, ASN1_OBJECT),
	ASN1_EXP(CONTENT_FORM, content, ASN1_OCTET_STRING, 0),
} static_ASN1_SEQUENCE_END(CONTENT_FORM)

ASN1_SEQUENCE(SIGNED_DATA) = {
	ASN1_EMBED(SIGNED_DATA, version, UINT32),
	ASN1_SET_OF(SIGNED_DATA, digests, X509_ALGOR),
	ASN1_SIMPLE(SIGNED_DATA, content, CONTENT_FORM),
	ASN1_IMP_SET_OF(SIGNED_DATA, certificates, X509, 0),
	ASN1_SET_OF(SIGNED_DATA, signers, SIGNER_FORM),
} static_ASN1_SEQUENCE_END(SIGNED_DATA)

ASN1_SEQUENCE(SIGNED_FORM) = {
	ASN1_SIMPLE(SIGNED_FORM, type, ASN1_OBJECT),
	ASN1_EXP(SIGNED_FORM, data, SIGNED_DATA, 0),
} static_ASN1_SEQUENCE_END(SIGNED_FORM)

/* The algorithm's number, NID_undef when its parameters are neither absent nor (where allowed) NULL. */
static int algorithm_nid(const X509_ALGOR *algorithm, bool allow_null)
{
	const ASN1_OBJECT *object;
	int type;

	X509_ALGOR_get0(&object, &type, NULL, algorithm);
	if (type != V_ASN1_UNDEF && !(allow_null && type == V_ASN1_NULL))
		return NID_undef;
	return OBJ_obj2nid(object);
}

static bool digest_accepted(int nid)
{
	return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

/* ECDSA names its digest a second time; ML-DSA in CMS goes with SHA-512 (RFC 9882). */
static bool algorithm_fits(int algorithm, int digest)
{
	switch (algorithm) {
	case NID_ecdsa_with_SHA256:
		return digest == NID_sha256;
	case NID_ecdsa_with_SHA384:
		return digest == NID_sha384;
	case NID_ecdsa_with_SHA512:
	case NID_ML_DSA_44:
	case NID_ML_DSA_65:
	case NID_ML_DSA_87:
		return digest == NID_sha512;
	default:
		return false;
	}
}

/* The signed attribute @nid, which must occur once with one value. */
static const ASN1_TYPE *single_attribute(const STACK_OF(X509_ATTRIBUTE) *attributes, int nid)
{
	int at = X509at_get_attr_by_NID(attributes, nid, -1);
	X509_ATTRIBUTE *attribute;

	if (at < 0 || X509at_get_attr_by_NID(attributes, nid, at) >= 0)
		return NULL;
	attribute = X509at_get_attr(attributes, at);
	return X509_ATTRIBUTE_count(attribute) == 1 ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;
}

static bool attributes_fit(const STACK_OF(X509_ATTRIBUTE) *attributes, const ASN1_OBJECT *content_type)
{
	const ASN1_TYPE *type = single_attribute(attributes, NID_pkcs9_contentType);
	const ASN1_TYPE *digest = single_attribute(attributes, NID_pkcs9_messageDigest);

	return type && type->type == V_ASN1_OBJECT && !OBJ_cmp(type->value.object, content_type) && digest &&
	       digest->type == V_ASN1_OCTET_STRING;
}

static bool signer_fits(const SIGNER_FORM *signer, const STACK_OF(X509_ALGOR) *digests, const ASN1_OBJECT *content_type)
{
	int digest = algorithm_nid(signer->digest, true);
	bool announced = false;

	for (int i = 0; i < sk_X509_ALGOR_num(digests); i++)
		announced |= !X509_ALGOR_cmp(sk_X509_ALGOR_value(digests, i), signer->digest);
	return signer->version == 1 && announced && digest_accepted(digest) &&
	       algorithm_fits(algorithm_nid(signer->algorithm, false), digest) && attributes_fit(signer->attributes, content_type);
}

/* Every digest announced must belong to a signer, or it could be added by anyone. */
static bool digests_used(const SIGNED_DATA *data)
{
	const X509_ALGOR *digest;
	bool used;

	for (int i = 0; i < sk_X509_ALGOR_num(data->digests); i++) {
		digest = sk_X509_ALGOR_value(data->digests, i);
		used = false;
		for (int k = 0; k < sk_SIGNER_FORM_num(data->signers); k++)
			used |= !X509_ALGOR_cmp(sk_SIGNER_FORM_value(data->signers, k)->digest, digest);
		for (int k = 0; k < i; k++)
			used &= X509_ALGOR_cmp(sk_X509_ALGOR_value(data->digests, k), digest) != 0;
		if (!used)
			return false;
	}
	return true;
}

static bool form_fits(const SIGNED_FORM *form, const ASN1_OBJECT *content_type)
{
	const SIGNED_DATA *data = form->data;
	int count = sk_SIGNER_FORM_num(data->signers);

	if (OBJ_obj2nid(form->type) != NID_pkcs7_signed || data->version != 3 || OBJ_cmp(data->content->type, content_type) ||
	    !ASN1_STRING_length(data->content->content) || count < 1 || count > PROVPKG_SIGNERS_MAX || !digests_used(data))
		return false;
	for (int i = 0; i < count; i++)
		if (!signer_fits(sk_SIGNER_FORM_value(data->signers, i), data->digests, content_type))
			return false;
	return true;
}

int provpkg_signed_form(struct provpkg_view cms, const ASN1_OBJECT *content_type, int refusal)
{
	void *form;
	int result = provpkg_der_decode(cms, PROVPKG_SIGNED_MAX, ASN1_ITEM_rptr(SIGNED_FORM), refusal, &form);

	if (result)
		return result;
	if (!form_fits(form, content_type))
		result = refusal;
	ASN1_item_free(form, ASN1_ITEM_rptr(SIGNED_FORM));
	return result;
}
