/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the tool says no. Each function writes what was refused, why and what to do, and returns the exit code to end with.
 */
#ifndef TOOL_ERRORS_H
#define TOOL_ERRORS_H

#include <stddef.h>

struct command;
struct output;

enum exit_code {
	EXIT_GOOD = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	EXIT_INPUT = 3,
	EXIT_UNREACHABLE = 4,
	EXIT_PARTIAL = 5,
	EXIT_MACHINE = 6,
	EXIT_LAST = EXIT_MACHINE,
};

/* Instead of an exit code: nothing was refused, but the card was not asked either; the command has no more to do. */
#define REQUEST_WRITTEN (-1)

const char *exit_code_meaning(int code);

/* Where errors go besides the standard error stream: with JSON output they become part of it. NULL before output is set up. */
void errors_to(struct output *output);

int report_usage(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The card refused @what. @detail: a line that says where, may be NULL. */
int report_refusal(const char *what, unsigned int code, const char *detail);
/* Our own library refused an input, with a code of the same table. */
int report_input(const char *what, unsigned int code, const char *detail);
/* An input is not usable and no refusal code says so. */
int report_bad_input(const char *what, const char *sentence, const char *remedy);
/* This machine does not let us, and no errno says what to do. */
int report_machine(const char *what, const char *sentence, const char *remedy);
/* A negative errno of this machine: memory, files. */
int report_errno(const char *what, int error);
/* A negative errno of libprovcard. */
int report_card_errno(const char *what, int error);
/* A result of libprovpkg: a refusal code of an input, or a negative errno. */
int report_provpkg(const char *what, int result, const char *detail);

#endif
