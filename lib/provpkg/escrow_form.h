/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands behind a grant or a device certificate in a record's attachment, as ASN.1. Internal to libprovpkg. */
#ifndef PROVPKG_ESCROW_FORM_H
#define PROVPKG_ESCROW_FORM_H

#include <openssl/asn1t.h>

#include "provpkg/types.h"

typedef struct {
	uint32_t suite;
	ASN1_OCTET_STRING *kem_key_id; /* subject key identifiers of the OEM's certificates; the envelopes name it so */
	ASN1_OCTET_STRING *kem_envelope; /* DER of CMS */
	ASN1_OCTET_STRING *agreement_key_id; /* NULL in a suite without key agreement, as the next */
	ASN1_OCTET_STRING *agreement_envelope;
} ESCROW_ENVELOPE_FIELDS;

typedef struct {
	int type;
	union {
		ESCROW_ENVELOPE_FIELDS *fields;
	} value;
} ESCROW_ENVELOPE;

DECLARE_ASN1_ITEM(ESCROW_ENVELOPE)

/* SEALED_SECRETS. Free with ASN1_item_free(). */
PROVPKG_MUST_CHECK int provpkg_escrow_envelope_decode(struct provpkg_view der, ESCROW_ENVELOPE **envelope);

#endif
