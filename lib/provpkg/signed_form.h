/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one form of SignedData that provcard accepts. Internal to libprovpkg. */
#ifndef PROVPKG_SIGNED_FORM_H
#define PROVPKG_SIGNED_FORM_H

#include <openssl/objects.h>

#include "provpkg/sign.h"

/* Largest signed object, a manifest; PROVPKG_MANIFEST_MAX. */
#define PROVPKG_SIGNED_MAX (16u << 20)

/*
 * Is @cms the DER of a SignedData with attached @content_type content where nothing that the signatures do not cover can be
 * varied: versions as RFC 5652 demands, digests SHA-256/384/512, signature algorithms ECDSA or ML-DSA that fit the digest, signed
 * attributes with that content type, no unsigned attributes, no CRLs, at most PROVPKG_SIGNERS_MAX signers, each named by issuer
 * and serial number? TRAILING_DATA or @refusal.
 */
PROVPKG_MUST_CHECK int provpkg_signed_form(struct provpkg_view cms, const ASN1_OBJECT *content_type, int refusal);

/* Did signer @index sign with a key of @kind, over SHA-512, as the suites demand? */
bool provpkg_signed_is(const struct provpkg_signed *object, size_t index, const char *kind);

/* Is each of @certificates a signer's, or that of an issuer of one that is? */
bool provpkg_signed_certificates_belong(STACK_OF(X509) *certificates, STACK_OF(X509) *signers);

#endif
