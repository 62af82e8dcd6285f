// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is packed, as the structures of a package. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "builder.h"
#include "contents_form.h"
#include "crypto.h"
#include "der.h"
#include "issuing_key.h"
#include "provcard-refusal.h"
#include "rot_form.h"
#include "x509.h"

/* ---- Contents ---- */

static bool push(STACK_OF(X509) *to, X509 *certificate)
{
	if (!X509_up_ref(certificate))
		return false;
	if (sk_X509_push(to, certificate))
		return true;
	X509_free(certificate);
	return false;
}

static bool fill_certificates(const struct provpkg_build *build, CONTENTS *form)
{
	for (size_t i = 0; i < build->recipient_count; i++)
		if (build->recipients[i].issuer && !push(form->issuers, build->recipients[i].issuer))
			return false;
	if (build->issuing_certificate && !push(form->issuers, build->issuing_certificate))
		return false;
	for (int i = 0; i < sk_X509_num(build->issuer_chain); i++)
		if (!push(form->issuer_chain, sk_X509_value(build->issuer_chain, i)))
			return false;
	if (build->escrow) {
		form->escrow = X509_chain_up_ref(build->escrow);
		if (!form->escrow)
			return false;
	}
	X509_free(form->oem);
	form->oem = build->signers[0].certificate;
	return X509_up_ref(form->oem) == 1;
}

static int fill_issuing_key(const struct provpkg_build *build, CONTENTS *form)
{
	struct provpkg_blob der = { 0 };
	int result;

	if (!build->issuing_key)
		return 0;
	result = provpkg_issuing_key_encode(build->issuing_key, &der);
	if (result)
		return result;
	form->issuing_key = ASN1_OCTET_STRING_new();
	if (!form->issuing_key || !provpkg_octets_set(form->issuing_key, der.data, der.size))
		result = -ENOMEM;
	provpkg_blob_free(&der);
	return result;
}

static int encode_contents(const struct provpkg_build *build, CONTENTS *form, struct provpkg_blob *der)
{
	struct provpkg_blob rot = { 0 };
	bool good;
	int result = provpkg_rot_encode(build->rot, &rot);

	if (result)
		return result;
	form->version = PROVPKG_CONTENTS_VERSION;
	good = provpkg_octets_set(form->rot, rot.data, rot.size) && fill_certificates(build, form);
	provpkg_blob_free(&rot);
	result = good ? fill_issuing_key(build, form) : -ENOMEM;
	return result ? result : provpkg_der_encode(form, ASN1_ITEM_rptr(CONTENTS), der);
}

int provpkg_build_contents(const struct provpkg_build *build, struct provpkg_blob *contents)
{
	CONTENTS *form = (CONTENTS *)ASN1_item_new(ASN1_ITEM_rptr(CONTENTS));
	struct provpkg_blob der = { 0 };
	int result = form ? encode_contents(build, form, &der) : -ENOMEM;

	provpkg_contents_form_free(form);
	if (result)
		return result;
	result = provpkg_image_area(der.size) > PROVPKG_SEGMENT_PLAIN ? -E2BIG : 0;
	if (!result)
		result = provpkg_blob_new(provpkg_image_area(der.size), contents);
	if (!result)
		memcpy(contents->data, der.data, der.size);
	provpkg_blob_free(&der);
	return result;
}

/* ---- Manifest ---- */

static bool set_optional(ASN1_OCTET_STRING **to, const uint8_t digest[PROVPKG_HASH_SIZE])
{
	*to = ASN1_OCTET_STRING_new();
	return *to && provpkg_octets_set(*to, digest, PROVPKG_HASH_SIZE);
}

static bool fill_references(const struct provpkg_build *build, MANIFEST_CORE *core)
{
	uint8_t digest[PROVPKG_HASH_SIZE];

	if (build->rot->identity.present &&
	    (provpkg_identity_digest(&build->rot->identity, digest) || !set_optional(&core->template_digest, digest)))
		return false;
	return sk_X509_num(build->issuer_chain) <= 0 ||
	       (!provpkg_certificate_digest(sk_X509_value(build->issuer_chain, 0), digest) &&
		set_optional(&core->issuer_digest, digest));
}

static bool fill_core(const struct provpkg_build *build, uint64_t plain_size, MANIFEST_CORE *core)
{
	uint8_t package_id[PROVPKG_ID_SIZE];

	core->version = PROVPKG_MANIFEST_VERSION;
	core->suite = build->suite;
	core->security_version = build->security_version;
	core->segment_size = PROVPKG_SEGMENT_SIZE;
	core->segments = provpkg_segment_count(plain_size);
	core->payload_size = plain_size + core->segments * PROVPKG_FLOE_OVERHEAD;
	return RAND_bytes(package_id, sizeof(package_id)) == 1 &&
	       provpkg_octets_set(core->package_id, package_id, sizeof(package_id)) &&
	       provpkg_name_set(core->product, build->product) && fill_references(build, core);
}

/* Who grants, and what is demanded of the programming house: fields that are absent when there is nothing to say. */
static int fill_demands(const struct provpkg_build *build, MANIFEST_CORE *core)
{
	int result;

	if (build->approval_count) {
		core->approvals = sk_APPROVAL_new_null();
		result = core->approvals ? provpkg_approvals_set(core->approvals, build->approvals, build->approval_count) : -ENOMEM;
		if (result)
			return result;
	}
	if (!build->authority)
		return 0;
	core->authority = (QUOTA_AUTHORITY *)ASN1_item_new(ASN1_ITEM_rptr(QUOTA_AUTHORITY));
	return core->authority ? provpkg_authority_set(core->authority, build->authority) : -ENOMEM;
}

static bool copy_key_id(ASN1_OCTET_STRING *to, X509 *certificate)
{
	struct provpkg_view id = provpkg_string_view(X509_get0_subject_key_id(certificate));

	return provpkg_octets_set(to, id.data, id.size);
}

static bool name_keys(const struct provpkg_suite *suite, const struct provpkg_card_certificates *card,
		      MANIFEST_RECIPIENT *recipient)
{
	if (!copy_key_id(recipient->kem_key_id, provpkg_suite_kem_certificate(suite, card)))
		return false;
	if (!suite->agreement)
		return true;
	recipient->agreement_key_id = ASN1_OCTET_STRING_new();
	return recipient->agreement_key_id && copy_key_id(recipient->agreement_key_id, card->agreement);
}

static bool add_recipient(const struct provpkg_suite *suite, const struct provpkg_card *card, MANIFEST *form)
{
	MANIFEST_RECIPIENT *recipient = (MANIFEST_RECIPIENT *)ASN1_item_new(ASN1_ITEM_rptr(MANIFEST_RECIPIENT));

	if (!recipient || !sk_MANIFEST_RECIPIENT_push(form->recipients, recipient)) {
		ASN1_item_free((ASN1_VALUE *)recipient, ASN1_ITEM_rptr(MANIFEST_RECIPIENT));
		return false;
	}
	return provpkg_octets_set(recipient->card_id, card->card_id, sizeof(card->card_id)) &&
	       name_keys(suite, &card->certificates, recipient);
}

static bool push_grant(struct provpkg_view der, MANIFEST *form)
{
	ASN1_STRING *string = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
	ASN1_TYPE *grant = ASN1_TYPE_new();

	if (!string || !grant || !provpkg_octets_set(string, der.data, der.size) || !sk_ASN1_TYPE_push(form->grants, grant)) {
		ASN1_STRING_free(string);
		ASN1_TYPE_free(grant);
		return false;
	}
	ASN1_TYPE_set(grant, V_ASN1_SEQUENCE, string);
	return true;
}

static int add_grant(const struct provpkg_build *build, const struct provpkg_recipient *recipient, MANIFEST *form)
{
	struct provpkg_grant grant = {
		.sequence = 1,
		.ceiling_good = recipient->ceiling_good,
		.ceiling_scrap = recipient->ceiling_scrap,
		.window = build->window,
	};
	struct provpkg_blob der = { 0 };
	int result;

	memcpy(grant.card_id, recipient->card->card_id, sizeof(grant.card_id));
	if (RAND_bytes(grant.grant_id, sizeof(grant.grant_id)) != 1 ||
	    !provpkg_octets_get(form->core->package_id, grant.package_id, sizeof(grant.package_id)))
		return -EIO;
	result = provpkg_grant_encode(&grant, &der);
	if (!result && !push_grant(provpkg_blob_view(&der), form))
		result = -ENOMEM;
	provpkg_blob_free(&der);
	return result;
}

int provpkg_build_form(const struct provpkg_build *build, uint64_t plain_size, MANIFEST **form)
{
	const struct provpkg_suite *suite = provpkg_suite_find(build->suite);
	MANIFEST *made = (MANIFEST *)ASN1_item_new(ASN1_ITEM_rptr(MANIFEST));
	int result = made && fill_core(build, plain_size, made->core) ? 0 : -ENOMEM;

	if (!result && !provpkg_window_set(&made->core->window, &build->window))
		result = -EINVAL;
	if (!result)
		result = fill_demands(build, made->core);
	for (size_t i = 0; !result && i < build->recipient_count; i++) {
		result = add_recipient(suite, build->recipients[i].card, made) ? 0 : -ENOMEM;
		if (!result && !build->authority)
			result = add_grant(build, &build->recipients[i], made);
	}
	if (result)
		ASN1_item_free((ASN1_VALUE *)made, ASN1_ITEM_rptr(MANIFEST));
	else
		*form = made;
	return result;
}

/* ---- Envelopes ---- */

/* @cms becomes the content of @envelope, and is freed. */
static int put_envelope(struct provpkg_blob *cms, ASN1_OCTET_STRING *envelope)
{
	int result = envelope && provpkg_octets_set(envelope, cms->data, cms->size) ? 0 : -ENOMEM;

	provpkg_blob_free(cms);
	return result;
}

static int seal_kem(const struct provpkg_suite *suite, const struct provpkg_build *build, X509 **certificates, const uint8_t *share,
		    MANIFEST *form)
{
	struct provpkg_blob cms = { 0 };
	int result;

	for (size_t i = 0; i < build->recipient_count; i++)
		certificates[i] = provpkg_suite_kem_certificate(suite, &build->recipients[i].card->certificates);
	result = provpkg_envelope_seal_kem(certificates, build->recipient_count, suite->kem_digest,
					   (struct provpkg_view){ share, PROVPKG_SHARE_SIZE }, &cms);
	return result ? result : put_envelope(&cms, form->kem_envelope);
}

static int seal_agreement(const struct provpkg_build *build, X509 **certificates, const uint8_t *share, MANIFEST *form)
{
	struct provpkg_blob cms = { 0 };
	int result;

	for (size_t i = 0; i < build->recipient_count; i++)
		certificates[i] = build->recipients[i].card->certificates.agreement;
	result = provpkg_envelope_seal_agreement(certificates, build->recipient_count,
						 (struct provpkg_view){ share, PROVPKG_SHARE_SIZE }, &cms);
	if (result)
		return result;
	form->agreement_envelope = ASN1_OCTET_STRING_new();
	return put_envelope(&cms, form->agreement_envelope);
}

int provpkg_build_envelopes(const struct provpkg_build *build, const uint8_t *shares, MANIFEST *form)
{
	const struct provpkg_suite *suite = provpkg_suite_find(build->suite);
	X509 **certificates = OPENSSL_zalloc(build->recipient_count * sizeof(*certificates));
	int result;

	if (!certificates)
		return -ENOMEM;
	result = seal_kem(suite, build, certificates, shares, form);
	if (!result && suite->agreement)
		result = seal_agreement(build, certificates, shares + PROVPKG_SHARE_SIZE, form);
	OPENSSL_free(certificates);
	return result;
}
