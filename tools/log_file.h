/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The card's log as a file: a heading with the checkpoint, the card's certificates and a consistency proof, then the entries as a
 * delivery has them, all that there are from one index on. Functions return 0 or the exit code, after a message.
 */
#ifndef TOOL_LOG_FILE_H
#define TOOL_LOG_FILE_H

#include "context.h"

/* Entries from @from on; with @brief none, but the proof that the log of @from entries is the beginning of what it is now. */
int log_file_write(struct context *context, uint64_t from, bool brief, const char *path);

struct log_check {
	const char *path;
	const char *after; /* an earlier file or checkpoint, which this one must continue; NULL for none */
	STACK_OF(X509) *maker_ca;
	bool at_given; /* judge the card's certificates by @at, not by the last entry's time */
	int64_t at;
};

/* @head: if not NULL, gets what the file's checkpoint says. */
int log_file_verify(struct context *context, const struct log_check *check, struct provpkg_checkpoint *head);

#endif
