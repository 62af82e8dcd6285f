/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands before the images, as ASN.1. Internal to libprovpkg. */
#ifndef PROVPKG_CONTENTS_FORM_H
#define PROVPKG_CONTENTS_FORM_H

#include <openssl/asn1t.h>
#include <openssl/x509.h>

#include "provpkg/types.h"

#define PROVPKG_CONTENTS_VERSION 1

typedef struct {
	uint32_t version;
	ASN1_STRING *rot; /* its own DER, see rot.c */
	X509 *oem;
	STACK_OF(X509) *issuers;
	STACK_OF(X509) *issuer_chain;
	ASN1_OCTET_STRING *issuing_key; /* PKCS#8; NULL when the cards issue with keys of their own */
	STACK_OF(X509) *escrow; /* NULL when nothing is returned */
} CONTENTS;

DECLARE_ASN1_ITEM(CONTENTS)

/* Cleanses what is secret in it. */
void provpkg_contents_form_free(CONTENTS *contents);
/* Up to the image area: contents end at @size, images begin at the next multiple of PROVPKG_ALIGNMENT. */
uint64_t provpkg_image_area(uint64_t size);

#endif
