/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signed notes, c2sp.org/signed-note. A P-384 key signs with ECDSA and SHA-256 (type 0x02; key id = SHA-256(SubjectPublicKeyInfo)),
 * an ML-DSA-87 key with a type that has no byte assigned: 0xff and an identifier of our own. Internal to libprovpkg.
 */
#ifndef PROVPKG_NOTE_H
#define PROVPKG_NOTE_H

#include "provpkg/sign.h"
#include "provpkg/types.h"

#define PROVPKG_NOTE_ML_DSA_87 "\xffprovcard/ML-DSA-87"

/* May @name name a key: no space, no '+', not empty? */
bool provpkg_note_name_valid(const char *name);
/* @text ends in a newline. Every signer signs as @name. */
PROVPKG_MUST_CHECK int provpkg_note_sign(struct provpkg_view text, const char *name, const struct provpkg_signer *signers,
					 size_t count, struct provpkg_blob *note);
/* The text of a well-formed note, not yet verified. False when it is none. */
PROVPKG_MUST_CHECK bool provpkg_note_text(struct provpkg_view note, struct provpkg_view *text);
/* Is there a good signature by the key of each certificate under @name, and no bad one? */
PROVPKG_MUST_CHECK bool provpkg_note_verify(struct provpkg_view note, const char *name, X509 *const *certificates, size_t count);

#endif
