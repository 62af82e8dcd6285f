/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A checked hand-over in forms that others read. Functions return 0 or the exit code, after a message. */
#ifndef TOOL_EXPORT_H
#define TOOL_EXPORT_H

#include <stdio.h>

#include "delivery.h"

/* Check @check's hand-over and write it as the options say; the file appears when all of it was right. */
int export_write(struct context *context, const struct options *options, struct delivery_check *check);

/* While it is written. */
struct exporter {
	FILE *file; /* or */
	const char *folder;
	uint64_t units; /* written so far */
	STACK_OF(X509) *chain; /* of the certificates; one reference each */
	struct provpkg_signer signer; /* jws */
};

/* What a form does with each unit. */
int export_jws(struct exporter *exporter, const struct delivery_unit *unit);

/* Base64 and its URL form without padding; free() it. NULL without memory. */
char *base64_text(const void *data, size_t size);
char *base64_url(const void *data, size_t size);

#endif
