// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "commands.h"
#include "context.h"
#include "pin.h"

const struct option_spec global_options[] = {
	{ "card", 0, OPTION_OPTIONAL, VALUE_TEXT, "ADDRESS", "/dev/provcardN or vfio-user:PATH; left out: the only card there is" },
	{ "format", 'o', OPTION_OPTIONAL, VALUE_CHOICE, "text|json", "how to print results" },
	{ "pin-file", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "has PIN or passphrase of the keys as its first line; else PROVCARD_PIN has it, else you are asked" },
	{ "help", 'h', OPTION_OPTIONAL, VALUE_NONE, NULL, "explain the command and its options" },
	{ "version", 0, OPTION_OPTIONAL, VALUE_NONE, NULL, "versions of tool and library, and of the card if there is one" },
	END_OF_OPTIONS,
};

static int print_versions(struct context *context)
{
	struct versions versions = { .tool = PROVCARD_VERSION, .library = provcard_version() };
	struct provcard_card_info info;

	if (!card_try_open(context)) {
		provcard_info_get(context->card, &info);
		versions.card = info.serial;
		versions.firmware = info.firmware;
	}
	context->output.ops->versions(&context->output, &versions);
	return EXIT_GOOD;
}

static int run(struct context *context, const struct command *command, const struct options *options)
{
	const char *format = option_text(options, "format");
	int code;

	context->address = option_text(options, "card");
	context->output.ops = format && !strcmp(format, "json") ? &print_json : &print_text;
	errors_to(&context->output);
	pin_from_file(option_text(options, "pin-file"));
	if (option_given(options, "version"))
		code = print_versions(context);
	else
		code = command->run(context, options);
	context->output.ops->finish(&context->output);
	errors_to(NULL);
	provcard_close(context->card);
	return code;
}

int main(int argc, char **argv)
{
	struct context context = { 0 };
	const struct command *command;
	struct options *options;
	int code;

	/* Modules of tokens use libcrypto themselves and end later: it must still be there, and the process ends anyway. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	if (argc == 2 && !strcmp(argv[1], "--dump-commands")) {
		commands_dump();
		return EXIT_GOOD;
	}
	code = options_parse(argc, argv, &command, &options);
	if (code)
		return code;
	if (option_given(options, "help"))
		help_print(command);
	else
		code = run(&context, command, options);
	options_free(options);
	if (code == REQUEST_WRITTEN)
		code = EXIT_GOOD;
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	return code == EXIT_GOOD ? report_errno("standard output", errno ? -errno : -EIO) : code;
}
