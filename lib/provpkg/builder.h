/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From what shall be packed to the structures of a package. Internal to libprovpkg. */
#ifndef PROVPKG_BUILDER_H
#define PROVPKG_BUILDER_H

#include "manifest_form.h"
#include "suite.h"

/* Can a package be made of this? SUITE_UNKNOWN, MANIFEST_SIGNER_MISSING, CARD_CERTIFICATE, ISSUER_MISMATCH, ROT_*. */
PROVPKG_MUST_CHECK int provpkg_build_check(const struct provpkg_build *build);
/* DER of the contents, filled with zeros up to the image area. -E2BIG when more than a segment. */
PROVPKG_MUST_CHECK int provpkg_build_contents(const struct provpkg_build *build, struct provpkg_blob *contents);
/* The manifest but for envelopes and payload; draws the package id and the grants' ids. */
PROVPKG_MUST_CHECK int provpkg_build_form(const struct provpkg_build *build, uint64_t plain_size, MANIFEST **form);
/* @shares: as many as the suite has. */
PROVPKG_MUST_CHECK int provpkg_build_envelopes(const struct provpkg_build *build, const uint8_t *shares, MANIFEST *form);

#endif
