/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a record says of a part, set against its certificate. Internal to libprovpkg. */
#ifndef UNIT_H
#define UNIT_H

#include "provpkg/delivery.h"

/* @refusal unless @data has this SHA-256. */
PROVPKG_MUST_CHECK int unit_digest_is(struct provpkg_view data, const uint8_t expected[PROVPKG_HASH_SIZE], int refusal);
/* The first of @chain issues device certificates and leads to the last at @at; whom to believe is the caller's. DEVICE_CERTIFICATE. */
PROVPKG_MUST_CHECK int unit_check_issuer(STACK_OF(X509) *chain, int64_t at);
/*
 * A good unit has its certificate, if there is an issuer; others may have one. It is the record's, @issuer's, and for this part.
 * DEVICE_CERTIFICATE.
 */
PROVPKG_MUST_CHECK int unit_check_certificate(const struct provpkg_record *record, X509 *issuer, struct provpkg_view certificate);

#endif
