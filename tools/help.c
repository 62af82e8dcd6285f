// SPDX-License-Identifier: GPL-2.0-or-later
/* Help, and the tables as JSON: what people and generators read of the commands. */
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>
#include <provpkg.h>

#include "errors.h"
#include "options.h"
#include "output.h"

#define COLUMN 32 /* where explanations begin */

static void print_option(const struct option_spec *spec)
{
	static const char *const notes[] = {
		[OPTION_OPTIONAL] = "",
		[OPTION_REQUIRED] = " (required)",
		[OPTION_REPEATED] = " (may be repeated)",
		[OPTION_SOME] = " (required, may be repeated)",
	};
	char left[128];
	int used = snprintf(left, sizeof(left), "  %s%.1s%s--%s%s%s", spec->letter ? "-" : "", spec->letter ? &spec->letter : "",
			    spec->letter ? ", " : "    ", spec->name, spec->argument ? " " : "", spec->argument ? spec->argument : "");

	printf("%-*s%s%s%s\n", COLUMN, left, used < COLUMN ? "" : "\n                                ", spec->help, notes[spec->use]);
}

static void print_options(const char *title, const struct option_spec *specs)
{
	if (!specs || !specs->name)
		return;
	printf("\n%s:\n", title);
	for (; specs->name; specs++)
		print_option(specs);
}

static void print_exit_codes(void)
{
	printf("\nexit codes:\n");
	for (int code = 0; code <= EXIT_LAST; code++)
		printf("  %d  %s\n", code, exit_code_meaning(code));
}

static void print_all(void)
{
	printf("usage: provcard [OPTIONS] COMMAND [OPTIONS]\n\nSecure provisioning: packages from an OEM, cards that make devices of "
	       "them.\n\ncommands:\n");
	for (const struct command *command = commands; command->name; command++)
		printf("  %-20s%s\n", command->name, command->summary);
	print_options("options of every command", global_options);
	print_exit_codes();
	printf("\n'provcard COMMAND --help' says more.\n");
}

void help_print(const struct command *command)
{
	if (!command) {
		print_all();
		return;
	}
	printf("usage: provcard %s [OPTIONS]", command->name);
	if (command->argument)
		printf(command->argument_optional ? " [%s]" : " %s", command->argument);
	printf("\n\n%s\n", command->summary);
	if (command->details)
		printf("\n%s\n", command->details);
	print_options("options", command->options);
	if (!strcmp(command->name, "pack")) {
		printf("\nparts:\n");
		for (size_t i = 0; provpkg_memory_part(i); i++)
			printf("  %s\n", provpkg_memory_part(i));
	}
	print_options("options of every command", global_options);
}

static const char *const value_names[] = {
	[VALUE_NONE] = "none", [VALUE_FILE] = "file", [VALUE_FOLDER] = "folder",
	[VALUE_NUMBER] = "number", [VALUE_TEXT] = "text", [VALUE_CHOICE] = "choice",
};

static struct json_object *dump_options(const struct option_spec *specs)
{
	struct json_object *list = json_object_new_array();

	for (; specs && specs->name; specs++) {
		struct json_object *entry = json_object_new_object();
		char letter[2] = { specs->letter, 0 };

		json_add_text(entry, "name", specs->name);
		if (specs->letter)
			json_add_text(entry, "letter", letter);
		json_add_text(entry, "value", value_names[specs->value]);
		if (specs->argument)
			json_add_text(entry, "argument", specs->argument);
		json_add_text(entry, "help", specs->help);
		json_object_object_add(entry, "required", json_object_new_boolean(specs->use == OPTION_REQUIRED || specs->use == OPTION_SOME));
		json_object_object_add(entry, "repeated", json_object_new_boolean(specs->use >= OPTION_REPEATED));
		json_object_array_add(list, entry);
	}
	return list;
}

static struct json_object *dump_command(const struct command *command)
{
	struct json_object *entry = json_object_new_object();

	json_add_text(entry, "name", command->name);
	json_add_text(entry, "summary", command->summary);
	if (command->details)
		json_add_text(entry, "details", command->details);
	if (command->argument) {
		json_add_text(entry, "argument", command->argument);
		json_add_text(entry, "argument_value", value_names[command->argument_value]);
		json_object_object_add(entry, "argument_optional", json_object_new_boolean(command->argument_optional));
	}
	json_object_object_add(entry, "options", dump_options(command->options));
	return entry;
}

void commands_dump(void)
{
	struct json_object *root = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct json_object *codes = json_object_new_array();

	for (const struct command *command = commands; command->name; command++)
		json_object_array_add(list, dump_command(command));
	for (int code = 0; code <= EXIT_LAST; code++)
		json_object_array_add(codes, json_object_new_string(exit_code_meaning(code)));
	json_object_object_add(root, "schema_version", json_object_new_int(OUTPUT_SCHEMA_VERSION));
	json_object_object_add(root, "options", dump_options(global_options));
	json_object_object_add(root, "commands", list);
	json_object_object_add(root, "exit_codes", codes);
	printf("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
}
