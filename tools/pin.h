/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PINs of tokens and passphrases of key files. From the file that --pin-file names, else from the environment variable
 * PROVCARD_PIN, else asked for at the terminal without echo; never from the command line, where everybody sees them.
 */
#ifndef TOOL_PIN_H
#define TOOL_PIN_H

#include <stdbool.h>

#include <openssl/ui.h>

/* What the command line says; once, before the first key. NULL: no file. */
void pin_from_file(const char *path);

/* One key being opened. */
struct pin_ask {
	const char *location;
	bool is_token; /* counts wrong PINs and locks itself: it gets one try */
	bool given;
	bool failed; /* a message was printed */
};

/* For OSSL_STORE_open(), whose user data is a struct pin_ask. NULL when there is no memory; UI_destroy_method() it. */
UI_METHOD *pin_method(void);

#endif
