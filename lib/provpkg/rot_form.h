/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of the RoT configuration that others name. Internal to libprovpkg. */
#ifndef PROVPKG_ROT_FORM_H
#define PROVPKG_ROT_FORM_H

#include "provpkg/rot.h"

/* SHA-256 of the identity's DER: the certificate template that the manifest names. */
PROVPKG_MUST_CHECK int provpkg_identity_digest(const struct provpkg_identity *identity, uint8_t digest[PROVPKG_HASH_SIZE]);

#endif
