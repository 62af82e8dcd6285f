// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading the command line by the tables. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "errors.h"
#include "options.h"

struct value {
	const struct option_spec *spec;
	const char *text;
};

struct options {
	const struct command *command;
	const char *argument;
	size_t count;
	struct value values[]; /* never more than there are words */
};

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static const struct option_spec *find_in(const struct option_spec *specs, const char *name, size_t length, char letter)
{
	for (; specs && specs->name; specs++) {
		if (letter && specs->letter == letter)
			return specs;
		if (!letter && strlen(specs->name) == length && !strncmp(specs->name, name, length))
			return specs;
	}
	return NULL;
}

static const struct option_spec *find_spec(const struct command *command, const char *name, size_t length, char letter)
{
	const struct option_spec *spec = find_in(global_options, name, length, letter);

	return spec || !command ? spec : find_in(command->options, name, length, letter);
}

/* The spec of the word at argv[*at], and its value: behind "=", behind the letter, or the next word. */
static int parse_option(int argc, char **argv, int *at, struct options *options)
{
	char *word = argv[*at];
	bool is_long = word[1] == '-';
	const char *name = word + (is_long ? 2 : 1);
	size_t length = is_long ? strcspn(name, "=") : 1;
	const struct option_spec *spec = find_spec(options->command, name, length, is_long ? 0 : *name);
	const char *text = NULL;

	if (!spec)
		return report_usage(options->command, "there is no option %.*s", (int)(length + (is_long ? 2 : 1)), word);
	if (name[length])
		text = name + length + (is_long ? 1 : 0);
	if (spec->value == VALUE_NONE && text)
		return report_usage(options->command, "--%s takes no value", spec->name);
	if (spec->value != VALUE_NONE && !text) {
		if (*at + 1 >= argc)
			return report_usage(options->command, "--%s needs %s", spec->name, spec->argument);
		text = argv[++*at];
	}
	options->values[options->count++] = (struct value){ spec, text };
	return 0;
}

/* A command of two words, the second right behind the first. */
static const struct command *find_second(const struct command *first, const char *word)
{
	char name[64];

	return snprintf(name, sizeof(name), "%s %s", first->name, word) < (int)sizeof(name) ? command_find(name) : NULL;
}

static int parse_word(char *word, bool behind_command, struct options *options)
{
	const struct command *second = behind_command ? find_second(options->command, word) : NULL;

	if (second) {
		options->command = second;
		return 0;
	}
	if (!options->command) {
		options->command = command_find(word);
		return options->command ? 0 : report_usage(NULL, "there is no command '%s'", word);
	}
	if (!options->command->argument || options->argument)
		return report_usage(options->command, "'%s' is one word too many", word);
	options->argument = word;
	return 0;
}

static bool is_choice(const char *choices, const char *text)
{
	size_t length = strlen(text);

	for (const char *at = choices; *at; at += strcspn(at, "|"), at += *at == '|')
		if (strcspn(at, "|") == length && !strncmp(at, text, length))
			return true;
	return false;
}

static int check_values(const struct options *options)
{
	for (size_t i = 0; i < options->count; i++) {
		const struct option_spec *spec = options->values[i].spec;

		if (spec->value == VALUE_CHOICE && !is_choice(spec->argument, options->values[i].text))
			return report_usage(options->command, "--%s is one of %s", spec->name, spec->argument);
		if (spec->use < OPTION_REPEATED && option_count(options, spec->name) > 1)
			return report_usage(options->command, "--%s is given twice", spec->name);
	}
	return 0;
}

static int check_required(const struct options *options)
{
	const struct command *command = options->command;

	for (const struct option_spec *spec = command->options; spec && spec->name; spec++)
		if ((spec->use == OPTION_REQUIRED || spec->use == OPTION_SOME) && !option_given(options, spec->name))
			return report_usage(command, "--%s is missing", spec->name);
	if (command->argument && !command->argument_optional && !options->argument)
		return report_usage(command, "%s is missing", command->argument);
	return 0;
}

int options_parse(int argc, char **argv, const struct command **command, struct options **options)
{
	struct options *parsed = calloc(1, sizeof(*parsed) + argc * sizeof(parsed->values[0]));
	bool only_words = false, behind_command = false;
	int code = parsed ? 0 : report_errno("reading the command line", -ENOMEM);

	for (int at = 1; at < argc && !code; at++) {
		if (!only_words && !strcmp(argv[at], "--"))
			only_words = true;
		else if (!only_words && argv[at][0] == '-' && argv[at][1])
			code = parse_option(argc, argv, &at, parsed);
		else
			code = parse_word(argv[at], behind_command, parsed);
		behind_command = !code && parsed->command && !strcmp(argv[at], parsed->command->name);
	}
	if (!code)
		code = check_values(parsed);
	if (!code && !option_given(parsed, "help") && !option_given(parsed, "version"))
		code = parsed->command ? check_required(parsed) : report_usage(NULL, "no command is given");
	if (code) {
		free(parsed);
		return code;
	}
	*command = parsed->command;
	*options = parsed;
	return 0;
}

void options_free(struct options *options)
{
	free(options);
}

size_t option_count(const struct options *options, const char *name)
{
	size_t count = 0;

	assert(find_spec(options->command, name, strlen(name), 0));
	for (size_t i = 0; i < options->count; i++)
		count += !strcmp(options->values[i].spec->name, name);
	return count;
}

bool option_given(const struct options *options, const char *name)
{
	for (size_t i = 0; i < options->count; i++)
		if (!strcmp(options->values[i].spec->name, name))
			return true;
	return false;
}

const char *option_at(const struct options *options, const char *name, size_t index)
{
	for (size_t i = 0; i < options->count; i++)
		if (!strcmp(options->values[i].spec->name, name) && !index--)
			return options->values[i].text;
	return NULL;
}

const char *option_text(const struct options *options, const char *name)
{
	size_t count = option_count(options, name);

	return count ? option_at(options, name, count - 1) : NULL;
}

const char *option_argument(const struct options *options)
{
	return options->argument;
}

int option_number(const struct options *options, const char *name, unsigned long long least, unsigned long long most,
		  unsigned long long *value)
{
	const char *text = option_text(options, name);
	unsigned long long number;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || *end || text[strspn(text, "0123456789")] || !*text || number < least || number > most)
		return report_usage(options->command, "--%s is a number from %llu to %llu", name, least, most);
	*value = number;
	return 0;
}

int option_time(const struct options *options, const char *name, int64_t *seconds)
{
	const char *text = option_text(options, name);
	struct tm parts = { 0 };
	const char *end;

	if (!text)
		return 0;
	end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts);
	if (!end) {
		parts = (struct tm){ 0 };
		end = strptime(text, "%Y-%m-%d", &parts);
	}
	if (!end || *end)
		return report_usage(options->command, "--%s is like 2026-01-31 or 2026-01-31T12:00:00Z, in UTC", name);
	*seconds = timegm(&parts);
	return 0;
}
