/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every command gets, and the ways to the card that commands share. */
#ifndef TOOL_CONTEXT_H
#define TOOL_CONTEXT_H

#include <provcard.h>
#include <provpkg.h>

#include "errors.h"
#include "options.h"
#include "output.h"

struct context {
	const char *address; /* of the card, NULL: the only one of this machine */
	struct output output;
	struct provcard *card; /* once card_open() was called */
};

/* All of these return 0 or the exit code, after a message. */

int card_open(struct context *context);
/* The same for whom no card is no failure: no message, 0 or a negative errno. */
int card_try_open(struct context *context);
/* What became of a question to the card. @detail may be NULL. */
int card_check(const char *what, int error, const struct provcard_answer *answer, const char *detail);
/* A whole object; free() *data. */
int card_object(struct context *context, const char *what, uint32_t kind, const void *selector, size_t selector_size, void **data,
		size_t *size);
/*
 * Sign @request with the keys that the options --key and --cert name, and send it; or with --request-only, write it to a file and
 * return REQUEST_WRITTEN.
 */
int card_request(struct context *context, const struct options *options, const char *what, struct provpkg_request *request);
/* The job that --job names; else the only one that is armed; else the only one. */
int card_find_job(struct context *context, const struct options *options, struct provcard_job_status *job);
/* A job bound to @package_id; provcard_job_close() it. */
int card_bind_job(struct context *context, const uint8_t package_id[PROVCARD_PACKAGE_ID_SIZE], struct provcard_job **job,
		  struct provcard_job_status *status);

/* Not sent, but put aside for others to sign. */
#define REQUEST_ONLY_OPTION                                                                                                                \
	{ "request-only", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "do not send the request: write it here for others to sign" }

/* The options by which a request is signed. */
#define SIGNING_OPTIONS                                                                                                                    \
	{ "key", 0, OPTION_SOME, VALUE_FILE, "KEY", "private key that approves: a PEM file or a pkcs11: URI; one for each person" },       \
	{ "cert", 0, OPTION_SOME, VALUE_FILE, "FILE", "its certificate, PEM file or pkcs11: URI; in the same order" },                     \
	REQUEST_ONLY_OPTION

/* Where signing is one way of several. */
#define OPTIONAL_SIGNING_OPTIONS                                                                                                           \
	{ "key", 0, OPTION_REPEATED, VALUE_FILE, "KEY", "private key that approves: a PEM file or a pkcs11: URI; one for each person" },   \
	{ "cert", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "its certificate, PEM file or pkcs11: URI; in the same order" },                 \
	REQUEST_ONLY_OPTION

#define JOB_OPTION                                                                                                                         \
	{ "job", 0, OPTION_OPTIONAL, VALUE_TEXT, "ID", "the job, by the package's id; left out: the only one there is" }

#define END_OF_OPTIONS { NULL, 0, OPTION_OPTIONAL, VALUE_NONE, NULL, NULL }

#endif
