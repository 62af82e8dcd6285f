/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Evidence from files, and what the command line demands of it. Functions return 0 or the exit code, after a message. */
#ifndef TOOL_EVIDENCE_H
#define TOOL_EVIDENCE_H

#include <provpkg.h>

#include "options.h"

#define EVIDENCE_FILE_MAX (256u << 10)

/* The options that say what is demanded. */
#define EVIDENCE_OPTIONS                                                                                                                   \
	{ "nonce", 0, OPTION_OPTIONAL, VALUE_TEXT, "HEX", "the nonce that the card was asked with, 32 bytes in hexadecimal" },             \
	{ "nonce-file", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "the same from a file of 32 bytes" },                                      \
	{ "firmware-digest", 0, OPTION_OPTIONAL, VALUE_TEXT, "HEX", "the firmware that the card must run, by the SHA-256 of its image" },  \
	{ "max-age", 0, OPTION_OPTIONAL, VALUE_NUMBER, "SECONDS", "how old evidence may be, by the card's authenticated time" }

/* What the options demand; its pointers lead into itself. */
struct evidence_demands {
	struct provpkg_evidence_demands demands;
	uint8_t nonce[PROVPKG_NONCE_SIZE];
	uint8_t firmware_digest[PROVPKG_HASH_SIZE];
};

int evidence_demands_load(const struct options *options, struct evidence_demands *wanted);
/* Open @path as @card's and judge it. */
int evidence_check(const char *path, const struct provpkg_card *card, const struct provpkg_evidence_demands *demands,
		   struct provpkg_evidence *evidence);

#endif
