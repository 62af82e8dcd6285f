// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>

#include "crypto.h"
#include "der.h"
#include "provcard-refusal.h"
#include "provpkg/grant.h"
#include "window.h"

#define VERSION 1
#define GRANT_DER_MAX 1024

ASN1_SEQUENCE(PROVPKG_WINDOW) = {
	ASN1_EMBED(PROVPKG_WINDOW, not_before, UINT64),
	ASN1_EMBED(PROVPKG_WINDOW, not_after, UINT64),
} ASN1_SEQUENCE_END(PROVPKG_WINDOW)

bool provpkg_window_set(PROVPKG_WINDOW *to, const struct provpkg_window *window)
{
	if (window->not_before < 0 || window->not_after < 0 || (window->not_after && window->not_after < window->not_before))
		return false;
	to->not_before = (uint64_t)window->not_before;
	to->not_after = (uint64_t)window->not_after;
	return true;
}

bool provpkg_window_get(const PROVPKG_WINDOW *from, struct provpkg_window *window)
{
	if (from->not_before > INT64_MAX || from->not_after > INT64_MAX || (from->not_after && from->not_after < from->not_before))
		return false;
	*window = (struct provpkg_window){ (int64_t)from->not_before, (int64_t)from->not_after };
	return true;
}

typedef struct {
	uint32_t version;
	ASN1_OCTET_STRING *grant_id;
	ASN1_OCTET_STRING *card_id;
	ASN1_OCTET_STRING *package_id;
	uint64_t sequence;
	uint64_t ceiling_good;
	uint64_t ceiling_scrap;
	PROVPKG_WINDOW window;
	ASN1_OCTET_STRING *previous;
	ASN1_BOOLEAN termination;
} GRANT;

ASN1_SEQUENCE(GRANT) = {
	ASN1_EMBED(GRANT, version, UINT32),
	ASN1_SIMPLE(GRANT, grant_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(GRANT, card_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(GRANT, package_id, ASN1_OCTET_STRING),
	ASN1_EMBED(GRANT, sequence, UINT64),
	ASN1_EMBED(GRANT, ceiling_good, UINT64),
	ASN1_EMBED(GRANT, ceiling_scrap, UINT64),
	ASN1_EMBED(GRANT, window, PROVPKG_WINDOW),
	ASN1_SIMPLE(GRANT, previous, ASN1_OCTET_STRING),
	ASN1_SIMPLE(GRANT, termination, ASN1_BOOLEAN),
} static_ASN1_SEQUENCE_END(GRANT)

/* The first of a sequence has nothing before it, and only the first. Ceilings leave room for sums of several. */
static bool values_good(const struct provpkg_grant *grant)
{
	static const uint8_t nothing[PROVPKG_HASH_SIZE];
	bool first = !memcmp(grant->previous, nothing, sizeof(nothing));

	return grant->sequence && (grant->sequence == 1) == first && grant->ceiling_good <= UINT32_MAX &&
	       grant->ceiling_scrap <= UINT32_MAX;
}

static bool fill(GRANT *to, const struct provpkg_grant *grant)
{
	to->version = VERSION;
	to->sequence = grant->sequence;
	to->ceiling_good = grant->ceiling_good;
	to->ceiling_scrap = grant->ceiling_scrap;
	to->termination = grant->termination ? 0xff : 0;
	return provpkg_octets_set(to->grant_id, grant->grant_id, sizeof(grant->grant_id)) &&
	       provpkg_octets_set(to->card_id, grant->card_id, sizeof(grant->card_id)) &&
	       provpkg_octets_set(to->package_id, grant->package_id, sizeof(grant->package_id)) &&
	       provpkg_octets_set(to->previous, grant->previous, sizeof(grant->previous));
}

int provpkg_grant_encode(const struct provpkg_grant *grant, struct provpkg_blob *der)
{
	GRANT *form;
	int result = -ENOMEM;

	if (!values_good(grant))
		return -EINVAL;
	form = (GRANT *)ASN1_item_new(ASN1_ITEM_rptr(GRANT));
	if (form && !provpkg_window_set(&form->window, &grant->window))
		result = -EINVAL;
	else if (form && fill(form, grant))
		result = provpkg_der_encode(form, ASN1_ITEM_rptr(GRANT), der);
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(GRANT));
	return result;
}

static bool take(const GRANT *from, struct provpkg_grant *grant)
{
	grant->sequence = from->sequence;
	grant->ceiling_good = from->ceiling_good;
	grant->ceiling_scrap = from->ceiling_scrap;
	grant->termination = from->termination;
	return from->version == VERSION && provpkg_octets_get(from->grant_id, grant->grant_id, sizeof(grant->grant_id)) &&
	       provpkg_octets_get(from->card_id, grant->card_id, sizeof(grant->card_id)) &&
	       provpkg_octets_get(from->package_id, grant->package_id, sizeof(grant->package_id)) &&
	       provpkg_octets_get(from->previous, grant->previous, sizeof(grant->previous)) &&
	       provpkg_window_get(&from->window, &grant->window) && values_good(grant);
}

int provpkg_grant_decode(struct provpkg_view der, struct provpkg_grant *grant)
{
	struct provpkg_grant taken = { .sequence = 0 };
	void *form;
	int result = provpkg_der_decode(der, GRANT_DER_MAX, ASN1_ITEM_rptr(GRANT), PROVCARD_REFUSAL_MANIFEST_DER, &form);

	if (result)
		return result;
	if (take(form, &taken))
		*grant = taken;
	else
		result = PROVCARD_REFUSAL_MANIFEST_DER;
	ASN1_item_free(form, ASN1_ITEM_rptr(GRANT));
	return result;
}

int provpkg_grant_digest(const struct provpkg_grant *grant, uint8_t digest[PROVPKG_HASH_SIZE])
{
	struct provpkg_blob der = { 0 };
	struct provpkg_view view;
	int result = provpkg_grant_encode(grant, &der);

	if (result)
		return result;
	view = provpkg_blob_view(&der);
	result = provpkg_digest(EVP_sha256(), &view, 1, digest);
	provpkg_blob_free(&der);
	return result;
}
