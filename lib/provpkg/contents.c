// SPDX-License-Identifier: LGPL-2.1-or-later
/* What stands before the images inside the encryption: RoT configuration, OEM certificate, issuing certificates. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "contents_form.h"
#include "der.h"
#include "issuing_key.h"
#include "manifest.h"
#include "provcard-refusal.h"
#include "rot_form.h"
#include "x509.h"

ASN1_SEQUENCE(CONTENTS) = {
	ASN1_EMBED(CONTENTS, version, UINT32),
	ASN1_SIMPLE(CONTENTS, rot, ASN1_SEQUENCE),
	ASN1_SIMPLE(CONTENTS, oem, X509),
	ASN1_SEQUENCE_OF(CONTENTS, issuers, X509),
	ASN1_SEQUENCE_OF(CONTENTS, issuer_chain, X509),
	ASN1_IMP_OPT(CONTENTS, issuing_key, ASN1_OCTET_STRING, 0),
	ASN1_IMP_SEQUENCE_OF_OPT(CONTENTS, escrow, X509, 1),
} ASN1_SEQUENCE_END(CONTENTS)

static void cleanse(const ASN1_STRING *string)
{
	if (string && ASN1_STRING_length(string))
		OPENSSL_cleanse((void *)ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

void provpkg_contents_form_free(CONTENTS *contents)
{
	if (contents) {
		cleanse(contents->rot);
		cleanse(contents->issuing_key);
	}
	ASN1_item_free((ASN1_VALUE *)contents, ASN1_ITEM_rptr(CONTENTS));
}

int provpkg_certificate_digest(const X509 *certificate, uint8_t digest[PROVPKG_HASH_SIZE])
{
	return X509_digest(certificate, EVP_sha256(), digest, NULL) == 1 ? 0 : -EIO;
}

uint64_t provpkg_image_area(uint64_t size)
{
	return (size + PROVPKG_ALIGNMENT - 1) / PROVPKG_ALIGNMENT * PROVPKG_ALIGNMENT;
}

void provpkg_contents_clear(struct provpkg_contents *contents)
{
	X509_free(contents->oem);
	sk_X509_pop_free(contents->issuers, X509_free);
	sk_X509_pop_free(contents->issuer_chain, X509_free);
	EVP_PKEY_free(contents->issuing_key);
	sk_X509_pop_free(contents->escrow, X509_free);
	OPENSSL_cleanse(contents, sizeof(*contents));
}

/* Absent on both sides, or the same. */
static bool digest_agrees(const ASN1_OCTET_STRING *announced, const uint8_t *digest)
{
	if (!announced || !digest)
		return !announced && !digest;
	return !memcmp(ASN1_STRING_get0_data(announced), digest, PROVPKG_HASH_SIZE);
}

/* Is what the manifest said in the clear what stands here? */
static bool announced(const MANIFEST_CORE *core, const struct provpkg_contents *contents)
{
	uint8_t template[PROVPKG_HASH_SIZE], issuer[PROVPKG_HASH_SIZE];
	bool identity = contents->rot.identity.present, chain = sk_X509_num(contents->issuer_chain) > 0;

	if ((identity && provpkg_identity_digest(&contents->rot.identity, template)) ||
	    (chain && provpkg_certificate_digest(sk_X509_value(contents->issuer_chain, 0), issuer)))
		return false;
	return digest_agrees(core->template_digest, identity ? template : NULL) &&
	       digest_agrees(core->issuer_digest, chain ? issuer : NULL) && identity == (sk_X509_num(contents->issuers) > 0);
}

static bool images_inside(const struct provpkg_manifest *manifest, const struct provpkg_contents *contents)
{
	uint64_t area = provpkg_manifest_plain_size(manifest);

	if (area < contents->image_area)
		return false;
	area -= contents->image_area;
	for (size_t i = 0; i < contents->rot.images; i++)
		if (contents->rot.image[i].offset > area || contents->rot.image[i].size > area - contents->rot.image[i].offset)
			return false;
	return true;
}

/* The OEM certificate inside is that of the suite's first signer. */
static bool oem_signed(const struct provpkg_manifest *manifest, X509 *oem)
{
	if (!provpkg_key_is(X509_get0_pubkey(oem), manifest->suite->signer[0].kind))
		return false;
	for (size_t i = 0; i < provpkg_signed_count(manifest->object); i++)
		if (!X509_cmp(provpkg_signed_signer(manifest->object, i), oem))
			return true;
	return false;
}

/* The key of the one issuing certificate. */
static int take_issuing_key(const CONTENTS *form, struct provpkg_contents *contents)
{
	int result = provpkg_issuing_key_decode(provpkg_string_view(form->issuing_key), &contents->issuing_key);

	if (result)
		return result;
	return sk_X509_num(contents->issuers) == 1 ?
		       provpkg_issuing_key_check(contents->issuing_key, sk_X509_value(contents->issuers, 0)) :
		       PROVCARD_REFUSAL_ISSUER_MISMATCH;
}

static int take(const struct provpkg_manifest *manifest, CONTENTS *form, struct provpkg_contents *contents)
{
	int result;

	if (form->version != PROVPKG_CONTENTS_VERSION)
		return PROVCARD_REFUSAL_ROT_DER;
	result = provpkg_rot_decode(provpkg_string_view(form->rot), &contents->rot);
	if (result)
		return result == PROVCARD_REFUSAL_TRAILING_DATA ? PROVCARD_REFUSAL_ROT_DER : result;
	if (!oem_signed(manifest, form->oem))
		return PROVCARD_REFUSAL_SIGNER_MISMATCH;
	contents->oem = form->oem;
	contents->issuers = form->issuers;
	contents->issuer_chain = form->issuer_chain;
	contents->escrow = form->escrow;
	form->oem = NULL;
	form->issuers = NULL;
	form->issuer_chain = NULL;
	form->escrow = NULL;
	if (!announced(manifest->form->core, contents))
		return PROVCARD_REFUSAL_CONTENTS_MISMATCH;
	if (!images_inside(manifest, contents))
		return PROVCARD_REFUSAL_ROT_RANGE;
	result = form->issuing_key ? take_issuing_key(form, contents) : 0;
	return result ? result : provpkg_escrow_fits(manifest->suite->id, &contents->rot, contents->escrow);
}

static bool filled_with_zeros(struct provpkg_view plain, uint64_t from, uint64_t until)
{
	for (uint64_t i = from; i < until; i++)
		if (i >= plain.size || plain.data[i])
			return false;
	return true;
}

int provpkg_contents_decode(const struct provpkg_manifest *manifest, struct provpkg_view plain, struct provpkg_contents *contents)
{
	struct provpkg_contents taken = { .oem = NULL };
	void *form;
	size_t size;
	int result;

	if (!provpkg_der_walk(plain, &size) || size > PROVPKG_SEGMENT_PLAIN)
		return PROVCARD_REFUSAL_ROT_DER;
	taken.image_area = provpkg_image_area(size);
	if (!filled_with_zeros(plain, size, taken.image_area))
		return PROVCARD_REFUSAL_ROT_DER;
	plain.size = size;
	result = provpkg_der_decode(plain, PROVPKG_SEGMENT_PLAIN, ASN1_ITEM_rptr(CONTENTS), PROVCARD_REFUSAL_ROT_DER, &form);
	if (result)
		return result;
	result = take(manifest, form, &taken);
	provpkg_contents_form_free(form);
	if (!result)
		*contents = taken;
	else
		provpkg_contents_clear(&taken);
	OPENSSL_cleanse(&taken, sizeof(taken));
	return result;
}
