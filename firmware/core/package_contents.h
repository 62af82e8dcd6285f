/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Judging what was inside the encryption. */
#ifndef CORE_PACKAGE_CONTENTS_H
#define CORE_PACKAGE_CONTENTS_H

#include "package.h"

/* Does the RoT configuration fit a part that the heads know? ROT_*, FAMILY_UNKNOWN. */
int package_judge_rot(const struct provpkg_rot *rot);
/* What everything that is made for this job's units alone derives from, where something is. */
int package_take_secret(struct package *package, const struct vault *vault);
/* Find the issuing key and its certificate, check that it chains, and make the template. ISSUER_MISMATCH, ROT_DOES_NOT_FIT. */
int package_prepare_identity(struct core *core, struct package *package, const struct vault *vault, const char *oem);
/* Where secrets are returned: the escrow key, and its envelope for the OEM. @terms: package id and manifest digest count. */
int package_prepare_escrow(struct package *package, const struct vault *vault, const struct ledger_load *terms, unsigned int suite);

#endif
