// SPDX-License-Identifier: GPL-2.0-or-later
/* The order of judging a request: form, signatures, card, nonce, approvers, state. Each refusal has its code. */
#include "request.h"

#include <string.h>

#include <openssl/crypto.h>

/* Refused requests leave records, but a host must not fill the log with them. */
#define REFUSALS_LOGGED_MAX 256

int command_nonce(struct core *core, const struct core_command *command, struct core_result *result)
{
	uint8_t nonce[PROVPKG_NONCE_SIZE];
	int code = 0;

	if (core->port->ops->entropy(core->port->context, nonce, sizeof(nonce)))
		code = PROVCARD_REFUSAL_ENTROPY;
	else
		code = output_all(command, result, nonce, sizeof(nonce));
	core->nonce_valid = !code;
	memcpy(core->nonce, nonce, sizeof(nonce));
	return code;
}

/* Right or wrong, the nonce is spent: nobody gets a second try with it. */
static int check_nonce(struct request *request)
{
	struct core *core = request->core;
	bool right = core->nonce_valid && !CRYPTO_memcmp(core->nonce, request->body.nonce, sizeof(core->nonce));

	core->nonce_valid = false;
	OPENSSL_cleanse(core->nonce, sizeof(core->nonce));
	return right ? 0 : PROVCARD_REFUSAL_REQUEST_REPLAYED;
}

static int open_request(struct request *request)
{
	int code = provpkg_signed_open(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(&request->cms), &request->object);

	if (code)
		return code;
	return provpkg_request_decode(provpkg_signed_content(request->object), &request->body);
}

static int judge_request(struct request *request)
{
	int code = open_request(request);

	if (code)
		return code;
	if (CRYPTO_memcmp(request->body.card_id, request->vault->card_id, sizeof(request->body.card_id)))
		return PROVCARD_REFUSAL_REQUEST_WRONG_CARD;
	code = check_nonce(request);
	return code ? code : people_approve(request);
}

static void log_refusal(struct request *request, int code)
{
	struct core *core = request->core;
	struct provpkg_record record;
	struct commit commit = { .record = &record };

	if (core->refusals_logged >= REFUSALS_LOGGED_MAX)
		return;
	core->refusals_logged++;
	record_begin(core, &record, PROVPKG_EVENT_REQUEST_REFUSED, request->actor);
	record.code = core_code(code);
	/* That it cannot be logged does not change the answer. */
	(void)commit_run(core, &commit);
}

static int serve(struct request *request)
{
	int code = judge_request(request);

	if (!code)
		code = operation_execute(request);
	if (code > 0 && !atomic_load(&request->core->fault))
		log_refusal(request, code);
	return code;
}

int command_request(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct request request = { .core = core, .command = command, .result = result };
	int code = input_all(command, LOG_ATTACHMENT_MAX, &request.cms);

	if (code)
		return code;
	request.vault = core_vault(core);
	code = serve(&request);
	vault_put(request.vault);
	provpkg_request_clear(&request.body);
	provpkg_signed_free(request.object);
	provpkg_blob_free(&request.cms);
	return code;
}
