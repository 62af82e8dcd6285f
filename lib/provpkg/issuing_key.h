/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a package brings along for the card's work: a CA's key, escrow certificates. Internal to libprovpkg. */
#ifndef PROVPKG_ISSUING_KEY_H
#define PROVPKG_ISSUING_KEY_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "provpkg/rot.h"
#include "provpkg/types.h"

/* PKCS#8, DER, unencrypted. ISSUING_KEY. */
PROVPKG_MUST_CHECK int provpkg_issuing_key_encode(const EVP_PKEY *key, struct provpkg_blob *der);
PROVPKG_MUST_CHECK int provpkg_issuing_key_decode(struct provpkg_view der, EVP_PKEY **key);
/* May it issue, are its halves of one piece (ISSUING_KEY), and is @certificate its own (ISSUER_MISMATCH)? */
PROVPKG_MUST_CHECK int provpkg_issuing_key_check(EVP_PKEY *key, X509 *certificate);

/* Certificates exactly when something is returned, and fit for the suite. ESCROW_MISSING, ESCROW_CERTIFICATE. */
PROVPKG_MUST_CHECK int provpkg_escrow_fits(unsigned int suite, const struct provpkg_rot *rot, STACK_OF(X509) *certificates);

#endif
