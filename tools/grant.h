/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants in files of their own: one that follows those before. Functions return 0 or the exit code, after a message. */
#ifndef TOOL_GRANT_H
#define TOOL_GRANT_H

#include "context.h"

/* Does this begin as a signed object does, and not as a package? */
bool grant_is_one(struct provpkg_view file);
bool grant_is_file(const char *path); /* false too when it cannot be read */
/* The grant in such a file; its signatures are good, whoever made them. */
int grant_open(const char *path, struct provpkg_view file, struct provpkg_grant *grant);
/* What a grant is held against; NULL members are not known. */
struct grant_check {
	STACK_OF(X509) *anchors;
	struct provpkg_manifest *package;
	bool strict; /* too few signatures are an error */
};

/* Say what @object, a grant, is, and who signed it. */
int grant_show(struct context *context, const char *path, const struct provpkg_signed *object, const struct grant_check *check);
/* The same of a file, and that it is right. */
int grant_verify(struct context *context, const char *path, const struct grant_check *check);
/*
 * The last grant that @path holds: a grant's file, or a package, from which the one for @card_id is taken, NULL: the only one. Of a
 * package whose grants come from a quota authority: what its first grant follows, number 0. @suite: of the package, or what a grant's
 * own signatures fit.
 */
int grant_previous(const char *path, const uint8_t *card_id, struct provpkg_grant *grant, unsigned int *suite);

#endif
