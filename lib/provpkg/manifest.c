// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading a manifest: the card's order of checks, steps 1 to 6. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "der.h"
#include "manifest.h"
#include "provcard-refusal.h"

void provpkg_manifest_free(struct provpkg_manifest *manifest)
{
	if (!manifest)
		return;
	provpkg_signed_free(manifest->object);
	ASN1_item_free((ASN1_VALUE *)manifest->form, ASN1_ITEM_rptr(MANIFEST));
	OPENSSL_free(manifest->card_ids);
	OPENSSL_free(manifest->grants);
	OPENSSL_free(manifest);
}

const struct provpkg_manifest_fields *provpkg_manifest_fields(const struct provpkg_manifest *manifest)
{
	return &manifest->fields;
}

const struct provpkg_signed *provpkg_manifest_signed(const struct provpkg_manifest *manifest)
{
	return manifest->object;
}

uint64_t provpkg_manifest_plain_size(const struct provpkg_manifest *manifest)
{
	return manifest->fields.payload_size - manifest->fields.segments * PROVPKG_FLOE_OVERHEAD;
}

/* Every segment but the last is full, and the last is not empty of everything. */
static bool sizes_fit(const MANIFEST_CORE *core)
{
	uint64_t last;

	if (core->segment_size != PROVPKG_SEGMENT_SIZE || !core->segments || core->segments > INT64_MAX / PROVPKG_SEGMENT_SIZE ||
	    core->payload_size > core->segments * PROVPKG_SEGMENT_SIZE)
		return false;
	last = (core->segments - 1) * PROVPKG_SEGMENT_SIZE;
	return core->payload_size > last && core->payload_size - last > PROVPKG_FLOE_OVERHEAD;
}

static bool digest_or_absent(const ASN1_OCTET_STRING *digest)
{
	return !digest || ASN1_STRING_length(digest) == PROVPKG_HASH_SIZE;
}

static bool take_core(const MANIFEST_CORE *core, struct provpkg_manifest_fields *fields)
{
	fields->suite = core->suite;
	fields->security_version = core->security_version;
	fields->payload_size = core->payload_size;
	fields->segments = core->segments;
	return sizes_fit(core) && provpkg_octets_get(core->package_id, fields->package_id, sizeof(fields->package_id)) &&
	       provpkg_name_get(core->product, fields->product, sizeof(fields->product)) &&
	       provpkg_window_get(&core->window, &fields->window) && digest_or_absent(core->template_digest) &&
	       digest_or_absent(core->issuer_digest);
}

/* Who grants, and what the OEM demands of the programming house. */
static bool take_demands(struct provpkg_manifest *manifest)
{
	const MANIFEST_CORE *core = manifest->form->core;
	struct provpkg_manifest_fields *fields = &manifest->fields;

	if (!provpkg_approvals_get(core->approvals, manifest->approvals, &fields->approvals))
		return false;
	fields->approval = manifest->approvals;
	if (!core->authority)
		return true;
	fields->authority = &manifest->authority;
	return provpkg_authority_get(core->authority, &manifest->authority) &&
	       provpkg_authority_valid(&manifest->authority, core->suite);
}

static bool card_listed(const struct provpkg_manifest *manifest, const uint8_t *card_id, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!memcmp(manifest->card_ids[i], card_id, PROVPKG_CARD_ID_SIZE))
			return true;
	return false;
}

static bool take_recipients(struct provpkg_manifest *manifest)
{
	const STACK_OF(MANIFEST_RECIPIENT) *recipients = manifest->form->recipients;
	size_t count = (size_t)sk_MANIFEST_RECIPIENT_num(recipients);

	if (!count || count > PROVPKG_RECIPIENTS_MAX)
		return false;
	manifest->card_ids = OPENSSL_zalloc(count * sizeof(*manifest->card_ids));
	if (!manifest->card_ids)
		return false;
	for (size_t i = 0; i < count; i++) {
		const MANIFEST_RECIPIENT *recipient = sk_MANIFEST_RECIPIENT_value(recipients, (int)i);

		if (!recipient->agreement_key_id != !manifest->suite->agreement ||
		    !provpkg_octets_get(recipient->card_id, manifest->card_ids[i], PROVPKG_CARD_ID_SIZE) ||
		    card_listed(manifest, manifest->card_ids[i], i))
			return false;
	}
	manifest->fields.recipients = count;
	manifest->fields.card_ids = (const uint8_t(*)[PROVPKG_CARD_ID_SIZE])manifest->card_ids;
	return true;
}

/* The grants that come with a package are each card's first: one per card, for this package, for a recipient. */
static bool grant_fits(const struct provpkg_manifest *manifest, size_t index)
{
	const struct provpkg_grant *grant = &manifest->grants[index];

	for (size_t i = 0; i < index; i++)
		if (!memcmp(manifest->grants[i].card_id, grant->card_id, sizeof(grant->card_id)))
			return false;
	return grant->sequence == 1 && !grant->termination &&
	       !memcmp(grant->package_id, manifest->fields.package_id, sizeof(grant->package_id)) &&
	       card_listed(manifest, grant->card_id, manifest->fields.recipients);
}

static bool take_grants(struct provpkg_manifest *manifest)
{
	const STACK_OF(ASN1_TYPE) *grants = manifest->form->grants;
	size_t count = (size_t)sk_ASN1_TYPE_num(grants);

	/* With a quota authority nothing is granted by the signatures on the package. */
	if (count > (manifest->fields.authority ? 0 : manifest->fields.recipients))
		return false;
	manifest->grants = OPENSSL_zalloc((count + 1) * sizeof(*manifest->grants));
	if (!manifest->grants)
		return false;
	for (size_t i = 0; i < count; i++) {
		const ASN1_TYPE *grant = sk_ASN1_TYPE_value(grants, (int)i);

		if (grant->type != V_ASN1_SEQUENCE ||
		    provpkg_grant_decode(provpkg_string_view(grant->value.sequence), &manifest->grants[i]) ||
		    !grant_fits(manifest, i))
			return false;
	}
	manifest->fields.grants = count;
	manifest->fields.grant = manifest->grants;
	return true;
}

static int check_extensions(const MANIFEST_CORE *core)
{
	for (int i = 0; i < sk_X509_EXTENSION_num(core->extensions); i++)
		if (X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(core->extensions, i)))
			return PROVCARD_REFUSAL_CRITICAL_UNKNOWN;
	return 0;
}

static int take_form(struct provpkg_manifest *manifest)
{
	const MANIFEST *form = manifest->form;

	if (form->core->version != PROVPKG_MANIFEST_VERSION)
		return PROVCARD_REFUSAL_PACKAGE_VERSION;
	manifest->suite = provpkg_suite_find(form->core->suite);
	if (!manifest->suite)
		return PROVCARD_REFUSAL_SUITE_UNKNOWN;
	/* The second share is there exactly when the suite has one. */
	if (!form->agreement_envelope != !manifest->suite->agreement)
		return PROVCARD_REFUSAL_MANIFEST_DER;
	if (!take_core(form->core, &manifest->fields) || !take_demands(manifest) || !take_recipients(manifest) || !take_grants(manifest) ||
	    ASN1_STRING_length(form->payload_header) != PROVPKG_FLOE_HEADER_SIZE ||
	    !provpkg_octets_get(form->payload_root, manifest->fields.root, sizeof(manifest->fields.root)))
		return PROVCARD_REFUSAL_MANIFEST_DER;
	return check_extensions(form->core);
}

static int open_manifest(struct provpkg_view cms, struct provpkg_manifest *manifest)
{
	void *form;
	int result = provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, cms, &manifest->object);

	if (!result)
		result = provpkg_der_decode(provpkg_signed_content(manifest->object), PROVPKG_MANIFEST_MAX, ASN1_ITEM_rptr(MANIFEST),
					    PROVCARD_REFUSAL_MANIFEST_DER, &form);
	if (result)
		return result;
	manifest->form = form;
	return take_form(manifest);
}

int provpkg_manifest_open(struct provpkg_view cms, struct provpkg_manifest **manifest)
{
	struct provpkg_manifest *opened = OPENSSL_zalloc(sizeof(*opened));
	int result;

	if (!opened)
		return -ENOMEM;
	result = open_manifest(cms, opened);
	if (result)
		provpkg_manifest_free(opened);
	else
		*manifest = opened;
	return result;
}

int provpkg_manifest_trust(struct provpkg_manifest *manifest, STACK_OF(X509) *anchors, int64_t at)
{
	int result = provpkg_signed_suite(manifest->object, manifest->fields.suite, anchors, at);

	manifest->trusted = !result;
	return result;
}

int provpkg_manifest_recipient(const struct provpkg_manifest *manifest, const uint8_t card_id[PROVPKG_CARD_ID_SIZE])
{
	return card_listed(manifest, card_id, manifest->fields.recipients) ? 0 : PROVCARD_REFUSAL_NOT_A_RECIPIENT;
}

int provpkg_manifest_grant(const struct provpkg_manifest *manifest, const uint8_t card_id[PROVPKG_CARD_ID_SIZE],
			   const struct provpkg_grant **grant)
{
	if (!card_listed(manifest, card_id, manifest->fields.recipients))
		return PROVCARD_REFUSAL_NOT_A_RECIPIENT;
	for (size_t i = 0; i < manifest->fields.grants; i++) {
		if (memcmp(manifest->grants[i].card_id, card_id, PROVPKG_CARD_ID_SIZE))
			continue;
		*grant = &manifest->grants[i];
		return 0;
	}
	return PROVCARD_REFUSAL_GRANT_MISSING;
}

int provpkg_manifest_leaves(const struct provpkg_manifest *manifest, struct provpkg_view leaves)
{
	uint8_t root[PROVPKG_HASH_SIZE];
	int result;

	if (leaves.size % PROVPKG_HASH_SIZE || leaves.size / PROVPKG_HASH_SIZE != manifest->fields.segments)
		return PROVCARD_REFUSAL_LEAVES_MISMATCH;
	result = provpkg_leaves_root(leaves.data, manifest->fields.segments, root);
	if (result)
		return result;
	return memcmp(root, manifest->fields.root, sizeof(root)) ? PROVCARD_REFUSAL_LEAVES_MISMATCH : 0;
}

static const MANIFEST_RECIPIENT *find_recipient(const struct provpkg_manifest *manifest, const uint8_t *card_id)
{
	for (size_t i = 0; i < manifest->fields.recipients; i++)
		if (!memcmp(manifest->card_ids[i], card_id, PROVPKG_CARD_ID_SIZE))
			return sk_MANIFEST_RECIPIENT_value(manifest->form->recipients, (int)i);
	return NULL;
}

static int open_kem_share(const struct provpkg_manifest *manifest, const MANIFEST_RECIPIENT *recipient,
			  const struct provpkg_card_keys *keys, uint8_t share[PROVPKG_SHARE_SIZE])
{
	struct provpkg_blob name = { 0 };
	int result;

	if (provpkg_recipient_name(provpkg_string_view(recipient->kem_key_id), &name))
		return PROVCARD_REFUSAL_ENVELOPE;
	result = provpkg_envelope_open_kem(provpkg_string_view(manifest->form->kem_envelope), provpkg_blob_view(&name),
					   provpkg_suite_kem_key(manifest->suite, keys), manifest->suite->kem_digest, share,
					   PROVPKG_SHARE_SIZE);
	provpkg_blob_free(&name);
	return result;
}

int provpkg_manifest_key(const struct provpkg_manifest *manifest, const uint8_t card_id[PROVPKG_CARD_ID_SIZE],
			 const struct provpkg_card_keys *keys, uint8_t key[PROVPKG_KEY_SIZE])
{
	const MANIFEST_RECIPIENT *recipient = find_recipient(manifest, card_id);
	uint8_t shares[PROVPKG_SHARES_MAX * PROVPKG_SHARE_SIZE];
	int result;

	if (!manifest->trusted)
		return -EINVAL;
	if (!recipient)
		return PROVCARD_REFUSAL_NOT_A_RECIPIENT;
	result = open_kem_share(manifest, recipient, keys, shares);
	if (!result && manifest->suite->agreement)
		result = provpkg_envelope_open_agreement(provpkg_string_view(manifest->form->agreement_envelope),
							 provpkg_string_view(recipient->agreement_key_id), keys->agreement,
							 shares + PROVPKG_SHARE_SIZE, PROVPKG_SHARE_SIZE);
	if (!result)
		result = provpkg_job_key(manifest->form->core,
					 (struct provpkg_view){ shares, manifest->suite->shares * PROVPKG_SHARE_SIZE }, key);
	OPENSSL_cleanse(shares, sizeof(shares));
	return result;
}
