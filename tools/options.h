/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands and their options as tables. Parsing, help, completion and the manual page's lists all come from them.
 */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct context;
struct options;

enum option_use {
	OPTION_OPTIONAL,
	OPTION_REQUIRED,
	OPTION_REPEATED, /* any number of times */
	OPTION_SOME, /* at least once */
};

/* What kind of value: completion goes by it. */
enum option_value {
	VALUE_NONE, /* a switch */
	VALUE_FILE,
	VALUE_FOLDER,
	VALUE_NUMBER,
	VALUE_TEXT,
	VALUE_CHOICE, /* one of the words of argument, separated by | */
};

struct option_spec {
	const char *name; /* long name, without dashes */
	char letter; /* short name, 0 for none */
	enum option_use use;
	enum option_value value;
	const char *argument; /* how help names the value */
	const char *help; /* no capital, no full stop */
};

#define ARGUMENTS_MAX 1

struct command {
	const char *name;
	const char *summary; /* no capital, no full stop */
	const char *details; /* further lines of help, may be NULL */
	const char *argument; /* how help names the argument, NULL for none */
	enum option_value argument_value;
	bool argument_optional;
	const struct option_spec *options; /* ends with a name of NULL, may be NULL */
	int (*run)(struct context *context, const struct options *options);
};

extern const struct option_spec global_options[]; /* before or after the command's name */
extern const struct command commands[]; /* ends with a name of NULL */

const struct command *command_find(const char *name);

/*
 * Parse what follows the program's name. 0, or EXIT_USAGE after a message. *command is NULL when none was named, which is
 * allowed with --help and --version only.
 */
int options_parse(int argc, char **argv, const struct command **command, struct options **options);
void options_free(struct options *options);

/* Values as given. An option that the command does not have is a defect of the caller. */
size_t option_count(const struct options *options, const char *name);
bool option_given(const struct options *options, const char *name);
const char *option_at(const struct options *options, const char *name, size_t index);
const char *option_text(const struct options *options, const char *name); /* the last one, NULL when not given */
const char *option_argument(const struct options *options); /* the argument, NULL when not given */

/* A decimal number between @least and @most; @value is untouched when the option was not given. 0 or EXIT_USAGE after a message. */
int option_number(const struct options *options, const char *name, unsigned long long least, unsigned long long most,
		  unsigned long long *value);

/* A moment in UTC, 2026-01-31 or 2026-01-31T12:00:00Z, as seconds since 1970; likewise. */
int option_time(const struct options *options, const char *name, int64_t *seconds);

void help_print(const struct command *command); /* NULL: of all */
void commands_dump(void); /* the tables as JSON, for completion and manual page */

#endif
