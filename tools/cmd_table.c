// SPDX-License-Identifier: GPL-2.0-or-later
/* What the tool knows without a card: the refusals, and completion. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "commands.h"

const struct option_spec options_of_refusals[] = { END_OF_OPTIONS };
const struct option_spec options_of_completion[] = {
	{ "tables", 0, OPTION_OPTIONAL, VALUE_NONE, NULL, "print the tables of commands as JSON instead" },
	END_OF_OPTIONS,
};

static const struct provcard_refusal_info *find_refusal(const char *text)
{
	const struct provcard_refusal_info *info;
	char *end;
	unsigned long code = strtoul(text, &end, 0);

	if (*text && !*end)
		return provcard_refusal_find(code);
	for (size_t i = 0; (info = provcard_refusal_at(i)); i++)
		if (!strcasecmp(info->name, text))
			return info;
	return NULL;
}

int command_refusals(struct context *context, const struct options *options)
{
	const char *wanted = option_argument(options);
	const struct provcard_refusal_info *info;

	if (wanted) {
		info = find_refusal(wanted);
		if (!info)
			return report_usage(command_find("refusals"), "there is no refusal '%s'", wanted);
		context->output.ops->refusal(&context->output, info);
		return 0;
	}
	for (size_t i = 0; (info = provcard_refusal_at(i)); i++)
		context->output.ops->refusal(&context->output, info);
	return 0;
}

static void print_words(const struct option_spec *specs)
{
	for (; specs->name; specs++) {
		printf(" --%s", specs->name);
		if (specs->letter)
			printf(" -%c", specs->letter);
	}
}

/* case arms: what may follow an option that takes a value */
static void print_values(const char *command, const struct option_spec *specs)
{
	for (; specs->name; specs++) {
		if (specs->value == VALUE_NONE)
			continue;
		printf("\t\"%s --%s\"", command, specs->name);
		if (specs->letter)
			printf("|\"%s -%c\"", command, specs->letter);
		printf(")");
		if (specs->value == VALUE_FILE)
			printf(" COMPREPLY=($(compgen -f -- \"$word\"));");
		else if (specs->value == VALUE_FOLDER)
			printf(" COMPREPLY=($(compgen -d -- \"$word\"));");
		else if (specs->value == VALUE_CHOICE)
			printf(" COMPREPLY=($(compgen -W \"$(tr '|' ' ' <<<'%s')\" -- \"$word\"));", specs->argument);
		printf(" return ;;\n");
	}
}

static void print_second_words(const struct command *first)
{
	size_t length = strlen(first->name);

	for (const struct command *command = commands; command->name; command++)
		if (!strncmp(command->name, first->name, length) && command->name[length] == ' ')
			printf("%s ", command->name + length + 1);
}

int command_completion(struct context *context, const struct options *options)
{
	(void)context;
	if (option_given(options, "tables")) {
		commands_dump();
		return 0;
	}
	printf("# bash completion of provcard, made by 'provcard completion'\n_provcard()\n{\n"
	       "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= words=\n\tlocal at\n"
	       "\tCOMPREPLY=()\n\tfor ((at = 1; at < COMP_CWORD; at++)); do\n\t\tcase ${COMP_WORDS[at]} in\n\t\t");
	for (const struct command *command = commands; command->name; command++)
		printf("%s\"%s\"", command == commands ? "" : "|", command->name);
	printf(") command=${COMP_WORDS[at]}; break ;;\n\t\tesac\n\tdone\n");
	/* The second of two words, when the word to be completed is behind it. */
	printf("\tif ((at + 1 < COMP_CWORD)); then\n\t\tcase \"$command ${COMP_WORDS[at+1]}\" in\n");
	for (const struct command *command = commands; command->name; command++)
		if (strchr(command->name, ' '))
			printf("\t\t\"%s\") command=\"%s\" ;;\n", command->name, command->name);
	printf("\t\tesac\n\tfi\n\tcase \"$command $before\" in\n");
	for (const struct command *command = commands; command->name; command++) {
		print_values(command->name, command->options);
		print_values(command->name, global_options);
	}
	print_values("", global_options);
	printf("\tesac\n\tcase $command in\n\t\"\") words=\"");
	for (const struct command *command = commands; command->name; command++)
		if (!strchr(command->name, ' '))
			printf("%s ", command->name);
	print_words(global_options);
	printf("\" ;;\n");
	for (const struct command *command = commands; command->name; command++) {
		printf("\t\"%s\") words=\"", command->name);
		print_second_words(command);
		print_words(command->options);
		print_words(global_options);
		printf("\"%s ;;\n", command->argument_value == VALUE_FILE ? "; COMPREPLY=($(compgen -f -- \"$word\"))" : "");
	}
	printf("\tesac\n\tCOMPREPLY+=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -o filenames -F _provcard provcard\n");
	return 0;
}
