// SPDX-License-Identifier: GPL-2.0-or-later
/* The card's life: its state, its time, its end. */
#include <string.h>
#include <time.h>

#include "commands.h"

const struct option_spec options_of_state[] = {
	SIGNING_OPTIONS,
	END_OF_OPTIONS,
};

const struct option_spec options_of_time[] = {
	{ "set", 0, OPTION_OPTIONAL, VALUE_TEXT, "TIME", "the time: now, 2026-01-31 or 2026-01-31T12:00:00Z" },
	OPTIONAL_SIGNING_OPTIONS,
	END_OF_OPTIONS,
};

const struct option_spec options_of_zeroise[] = {
	{ "present", 0, OPTION_OPTIONAL, VALUE_NONE, NULL, "nobody signs: the card has stopped, and its zeroise jumper is set" },
	OPTIONAL_SIGNING_OPTIONS,
	END_OF_OPTIONS,
};

/* Those that a request may name; which of them may follow which is the card's to say. */
static bool find_state(const char *name, uint32_t *state)
{
	for (*state = PROVCARD_CARD_BLANK; *state <= PROVCARD_CARD_DECOMMISSIONED; (*state)++)
		if (!strcmp(name, card_state_name(*state)))
			return true;
	return false;
}

int command_state(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_SET_STATE };
	const char *wanted = option_argument(options);
	int code;

	if (!find_state(wanted, &request.set_state.state))
		return report_usage(command_find("state"), "there is no state '%s'", wanted);
	code = card_request(context, options, "state", &request);
	if (!code)
		output_done(&context->output, "the card is %s now", wanted);
	return code;
}

static int show_time(struct context *context)
{
	struct provcard_answer answer;
	struct provcard_status status;
	char when[32];
	int code = card_open(context);

	if (!code)
		code = card_check("time", provcard_status_read(context->card, &status, &answer), &answer, NULL);
	if (!code)
		output_done(&context->output, "%s, %s", to_time(when, (int64_t)status.time),
			    status.flags & PROVCARD_STATUS_FLAG_TIME_AUTHENTICATED ? "authenticated" : "not authenticated");
	return code;
}

int command_time(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_SET_TIME, .set_time.time = time(NULL) };
	const char *wanted = option_text(options, "set");
	int code = 0;

	if (!wanted)
		return show_time(context);
	if (!option_given(options, "key") || !option_given(options, "cert"))
		return report_usage(command_find("time"), "--set needs --key and --cert of a time authority");
	if (strcmp(wanted, "now"))
		code = option_time(options, "set", &request.set_time.time);
	if (!code && request.set_time.time <= 0)
		code = report_usage(command_find("time"), "--set lies before 1970");
	if (!code)
		code = card_request(context, options, "time", &request);
	return code ? code : show_time(context);
}

/* Nobody signs it: the card looks at its jumper. */
static int zeroise_present(struct context *context)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ZEROISE };
	struct provpkg_blob der = { 0 };
	struct provcard_answer answer;
	int result, code = card_open(context);

	if (!code)
		code = card_check("zeroise", provcard_nonce_draw(context->card, request.nonce, &answer), &answer, NULL);
	if (code)
		return code;
	result = provpkg_request_encode(&request, &der);
	if (result)
		return report_provpkg("zeroise", result, NULL);
	code = card_check("zeroise", provcard_request_send(context->card, der.data, der.size, NULL, 0, NULL, &answer), &answer, NULL);
	provpkg_blob_free(&der);
	return code;
}

int command_zeroise(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ZEROISE };
	bool present = option_given(options, "present");
	int code;

	if (present == option_given(options, "key") || option_given(options, "key") != option_given(options, "cert"))
		return report_usage(command_find("zeroise"), "give --key and --cert of an officer, or --present");
	code = present ? zeroise_present(context) : card_request(context, options, "zeroise", &request);
	if (!code)
		output_done(&context->output, "the card's secrets are destroyed; %s",
			    present ? "switch it off and on again" : "it is blank");
	return code;
}
