/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Judging what was inside the encryption. */
#ifndef CORE_PACKAGE_CONTENTS_H
#define CORE_PACKAGE_CONTENTS_H

#include "package.h"

/* Does the RoT configuration fit a part that the heads know? ROT_*, FAMILY_UNKNOWN. */
int package_judge_rot(const struct provpkg_rot *rot);
/* Find this card's issuing certificate, check that it chains, and make the template. ISSUER_MISMATCH, ROT_DOES_NOT_FIT. */
int package_prepare_identity(struct core *core, struct package *package, const struct vault *vault, const char *oem);

#endif
