// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <provcard-refusal.h>

#include "errors.h"
#include "options.h"
#include "output.h"
#include "progress.h"

/* The one piece of state of the tool: errors are reported from everywhere, and JSON output must hold them. */
static struct output *error_output;

void errors_to(struct output *output)
{
	error_output = output;
}

const char *exit_code_meaning(int code)
{
	static const char *const meanings[] = {
		[EXIT_GOOD] = "done",
		[EXIT_REFUSED] = "the card refused; the code says why",
		[EXIT_USAGE] = "the command line is wrong",
		[EXIT_INPUT] = "an input file is bad, or what was to be verified is not right",
		[EXIT_UNREACHABLE] = "the card cannot be reached or is gone",
		[EXIT_PARTIAL] = "some units were made, others failed",
		[EXIT_MACHINE] = "this machine failed: memory, storage, rights",
	};

	return code >= 0 && code <= EXIT_LAST ? meanings[code] : NULL;
}

static int report(int exit_code, const struct error_report *error)
{
	progress_clear();
	fprintf(stderr, "provcard: %s: %s%s%s", error->what, error->sentence, error->detail && *error->detail ? ": " : "",
		error->detail ? error->detail : "");
	if (error->name)
		fprintf(stderr, " (%s, 0x%04x)", error->name, error->code);
	fprintf(stderr, "\n");
	if (error->remedy)
		fprintf(stderr, "what to do: %s\n", error->remedy);
	if (error_output)
		output_error(error_output, error);
	return exit_code;
}

int report_usage(const struct command *command, const char *format, ...)
{
	char sentence[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	fprintf(stderr, "provcard: %s%s%s\nwhat to do: see 'provcard %s%s--help'\n", command ? command->name : "", command ? ": " : "",
		sentence, command ? command->name : "", command ? " " : "");
	return EXIT_USAGE;
}

static int report_code(int exit_code, const char *what, unsigned int code, const char *detail)
{
	const struct provcard_refusal_info *info = provcard_refusal_find(code);

	return report(exit_code, &(struct error_report){
					 .what = what,
					 .code = code,
					 .name = info ? info->name : "UNKNOWN",
					 .sentence = info ? info->sentence : "refused with a code that this version does not know",
					 .remedy = info ? info->remedy : "use a tool that matches the card's firmware version",
					 .detail = detail,
				 });
}

int report_refusal(const char *what, unsigned int code, const char *detail)
{
	return report_code(EXIT_REFUSED, what, code, detail);
}

int report_input(const char *what, unsigned int code, const char *detail)
{
	return report_code(EXIT_INPUT, what, code, detail);
}

int report_bad_input(const char *what, const char *sentence, const char *remedy)
{
	return report(EXIT_INPUT, &(struct error_report){ .what = what, .sentence = sentence, .remedy = remedy });
}

int report_machine(const char *what, const char *sentence, const char *remedy)
{
	return report(EXIT_MACHINE, &(struct error_report){ .what = what, .sentence = sentence, .remedy = remedy });
}

static const char *machine_remedy(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return "make room where it is written, or write elsewhere; then repeat the command";
	case EACCES:
	case EPERM:
	case EROFS:
		return "check who may read and write there, or choose another place";
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
		return "check the name, and that its folder is there";
	case EEXIST:
	case ENOTEMPTY:
		return "choose a name that is not taken, or remove what is there";
	case ENOMEM:
		return "end other programs, or use a machine with more memory; then repeat the command";
	default:
		return "look into the kernel log of this machine, then repeat the command";
	}
}

int report_errno(const char *what, int error)
{
	int positive = error < 0 ? -error : error;

	return report(EXIT_MACHINE, &(struct error_report){
					    .what = what,
					    .sentence = strerror(positive),
					    .remedy = machine_remedy(positive),
				    });
}

static const char *card_remedy(int error)
{
	switch (error) {
	case -ENODEV:
		return "check that the card is powered and its driver loaded; 'provcard status' shows when it is back; then repeat the command";
	case -EACCES:
	case -EPERM:
		return "join the group provcard-operator or provcard-admin, log in again";
	case -ECONNREFUSED:
	case -ENOENT:
		return "check the address and that the card is running";
	case -EBUSY:
	case -EAGAIN:
	case -EMFILE:
		return "wait until another program has finished with the card";
	case -ETIMEDOUT:
		return "look at 'provcard status' and 'provcard heads', then repeat the command";
	default:
		return "look into the kernel log and the card's own log";
	}
}

int report_card_errno(const char *what, int error)
{
	return report(error == -ENOMEM ? EXIT_MACHINE : EXIT_UNREACHABLE,
		      &(struct error_report){ .what = what,
					      .sentence = error == -ENODEV ? "the card is not there or is gone" : strerror(-error),
					      .remedy = card_remedy(error) });
}

int report_provpkg(const char *what, int result, const char *detail)
{
	return result > 0 ? report_input(what, result, detail) : report_errno(what, result);
}
