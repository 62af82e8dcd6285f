// SPDX-License-Identifier: GPL-2.0-or-later
/* Sending a request that people signed, each in a place of their own. */
#include "commands.h"
#include "files.h"

#define REQUEST_MAX (256u << 10)

const struct option_spec options_of_submit[] = { END_OF_OPTIONS };

static int show(struct context *context, const char *path, const struct provpkg_blob *cms)
{
	struct provpkg_request request = { 0 };
	struct provpkg_signed *object = NULL;
	int result = provpkg_signed_open(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(cms), &object);

	if (!result)
		result = provpkg_request_decode(provpkg_signed_content(object), &request);
	if (!result)
		context->output.ops->request(&context->output, &(struct request_report){ path, &request });
	provpkg_request_clear(&request);
	provpkg_signed_free(object);
	return result ? report_provpkg(path, result, "a signed request is needed") : 0;
}

int command_submit(struct context *context, const struct options *options)
{
	const char *path = option_argument(options);
	struct provpkg_blob cms = { 0 };
	struct provcard_answer answer;
	int code = file_read(path, REQUEST_MAX, &cms);

	if (!code)
		code = show(context, path, &cms);
	if (!code)
		code = card_open(context);
	if (!code)
		code = card_check("submit", provcard_request_send(context->card, cms.data, cms.size, NULL, 0, NULL, &answer), &answer, NULL);
	if (!code)
		output_done(&context->output, "the card has done it");
	provpkg_blob_free(&cms);
	return code;
}
