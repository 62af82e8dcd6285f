/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packages as far as anybody can look into them. Functions return 0 or the exit code, after a message. */
#ifndef TOOL_PACKAGE_H
#define TOOL_PACKAGE_H

#include "context.h"

/* Check form, signatures and every segment's digest, and the signers against @anchors unless NULL. Reports what it is. */
int package_verify(struct context *context, const char *path, STACK_OF(X509) *anchors);

/* The manifest of a package, its signatures good, the rest of the file not looked at. Free it with provpkg_manifest_free(). */
int package_manifest(const char *path, struct provpkg_manifest **manifest, uint64_t *size);

enum package_trust {
	PACKAGE_PACKED, /* this tool just made it */
	PACKAGE_SEEN, /* its manifest alone was looked at */
	PACKAGE_INTACT, /* checked in itself */
	PACKAGE_TRUSTED, /* and against anchors */
};

void package_report(struct context *context, const char *path, uint64_t size, struct provpkg_manifest *manifest,
		    enum package_trust trust);

#endif
