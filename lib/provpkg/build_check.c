// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a packer refuses to pack, before it draws a key: everything that the card would refuse afterwards. */
#include <errno.h>
#include <string.h>

#include "builder.h"
#include "crypto.h"
#include "der.h"
#include "issuing_key.h"
#include "provcard-refusal.h"
#include "suite.h"
#include "x509.h"

static int check_signers(const struct provpkg_build *build, const struct provpkg_suite *suite)
{
	if (build->signer_count != suite->signers)
		return PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING;
	for (size_t i = 0; i < suite->signers; i++) {
		X509 *certificate = build->signers[i].certificate;

		if (!provpkg_key_is(X509_get0_pubkey(certificate), suite->signer[i].kind))
			return PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING;
		if (EVP_PKEY_eq(X509_get0_pubkey(certificate), build->signers[i].key) != 1)
			return PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
	}
	return 0;
}

/* Of this kind of key, and with the identifier by which envelopes name it? */
static bool can_be_sealed_to(X509 *certificate, const char *kind)
{
	return certificate && provpkg_key_is(X509_get0_pubkey(certificate), kind) && X509_get0_subject_key_id(certificate);
}

static int check_card(const struct provpkg_build *build, size_t index, const struct provpkg_suite *suite)
{
	const struct provpkg_card *card = build->recipients[index].card;

	if (!can_be_sealed_to(provpkg_suite_kem_certificate(suite, &card->certificates), suite->kem) ||
	    (suite->agreement && !can_be_sealed_to(card->certificates.agreement, suite->agreement)))
		return PROVCARD_REFUSAL_CARD_CERTIFICATE;
	for (size_t i = 0; i < index; i++)
		if (!memcmp(build->recipients[i].card->card_id, card->card_id, PROVPKG_CARD_ID_SIZE))
			return PROVCARD_REFUSAL_CARD_CERTIFICATE;
	return 0;
}

static int check_issuing_certificate(const struct provpkg_build *build, X509 *issuer)
{
	if (!provpkg_x509_is_issuer(issuer))
		return PROVCARD_REFUSAL_ISSUER_MISMATCH;
	if (sk_X509_num(build->issuer_chain) > 0 && !provpkg_x509_issued(sk_X509_value(build->issuer_chain, 0), issuer))
		return PROVCARD_REFUSAL_ISSUER_MISMATCH;
	return provpkg_key_may_issue(X509_get0_pubkey(issuer)) ? 0 : PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
}

/* A certificate of the card's own key exactly when there is an identity to issue and no key comes with the package. */
static int check_issuer(const struct provpkg_build *build, X509 *issuer)
{
	if (!build->rot->identity.present || build->issuing_key)
		return issuer ? PROVCARD_REFUSAL_ISSUER_MISMATCH : 0;
	return issuer ? check_issuing_certificate(build, issuer) : PROVCARD_REFUSAL_ISSUER_MISMATCH;
}

/* Key and certificate go together, and with an identity. */
static int check_issuing_key(const struct provpkg_build *build)
{
	int result;

	if (!build->issuing_key != !build->issuing_certificate || (build->issuing_key && !build->rot->identity.present))
		return PROVCARD_REFUSAL_ISSUER_MISMATCH;
	if (!build->issuing_key)
		return 0;
	result = provpkg_issuing_key_check(build->issuing_key, build->issuing_certificate);
	return result ? result : check_issuing_certificate(build, build->issuing_certificate);
}

static int check_chain(const struct provpkg_build *build)
{
	int count = build->issuer_chain ? sk_X509_num(build->issuer_chain) : 0;

	if (count && !build->rot->identity.present)
		return PROVCARD_REFUSAL_ISSUER_MISMATCH;
	for (int i = 0; i + 1 < count; i++)
		if (!provpkg_x509_issued(sk_X509_value(build->issuer_chain, i + 1), sk_X509_value(build->issuer_chain, i)))
			return PROVCARD_REFUSAL_ISSUER_MISMATCH;
	return 0;
}

static int check_images(const struct provpkg_build *build)
{
	const struct provpkg_rot *rot = build->rot;

	for (size_t i = 0; i < rot->images; i++)
		if (rot->image[i].offset > build->image_size || rot->image[i].size > build->image_size - rot->image[i].offset)
			return PROVCARD_REFUSAL_ROT_RANGE;
	return 0;
}

static bool demands_fit(const struct provpkg_build *build)
{
	if (!provpkg_approvals_valid(build->approvals, build->approval_count))
		return false;
	if (!build->authority)
		return true;
	for (size_t i = 0; i < build->recipient_count; i++)
		if (build->recipients[i].ceiling_good || build->recipients[i].ceiling_scrap)
			return false;
	return provpkg_authority_valid(build->authority, build->suite);
}

int provpkg_build_check(const struct provpkg_build *build)
{
	const struct provpkg_suite *suite = provpkg_suite_find(build->suite);
	int result;

	if (!suite)
		return PROVCARD_REFUSAL_SUITE_UNKNOWN;
	if (!build->rot || !build->product || !provpkg_name_valid(provpkg_text_view(build->product)) || !build->recipient_count ||
	    build->recipient_count > PROVPKG_RECIPIENTS_MAX || !demands_fit(build))
		return -EINVAL;
	result = provpkg_rot_check(build->rot, NULL, 0);
	if (!result)
		result = check_images(build);
	if (!result)
		result = check_signers(build, suite);
	if (!result)
		result = check_chain(build);
	if (!result)
		result = check_issuing_key(build);
	if (!result)
		result = provpkg_escrow_fits(suite->id, build->rot, build->escrow);
	for (size_t i = 0; !result && i < build->recipient_count; i++) {
		result = check_card(build, i, suite);
		if (!result)
			result = check_issuer(build, build->recipients[i].issuer);
	}
	return result;
}
