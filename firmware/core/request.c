// SPDX-License-Identifier: GPL-2.0-or-later
/* The order of judging a request: form, signatures, card, nonce, approvers, state. Each refusal has its code. */
#include <string.h>

#include <openssl/crypto.h>

#include "life.h"
#include "lockout.h"

/* Refused requests leave records, but a host must not fill the log with them. */
#define REFUSALS_LOGGED_MAX 256

int command_nonce(struct core *core, const struct core_command *command, struct core_result *result)
{
	uint8_t nonce[PROVPKG_NONCE_SIZE];
	int code = 0;

	if (entropy_draw(core->port, nonce, sizeof(nonce)))
		code = PROVCARD_REFUSAL_ENTROPY;
	else
		code = output_all(command, result, nonce, sizeof(nonce));
	core->nonce_valid = !code;
	core->nonce_drawn_ns = core->port->ops->monotonic_ns(core->port->context);
	memcpy(core->nonce, nonce, sizeof(nonce));
	return code;
}

void request_attach(struct request *request, enum provpkg_event event, struct provpkg_record *record, struct commit *commit)
{
	record_begin(request->core, record, event, request->actor);
	commit->record = record;
	commit->attachment = provpkg_blob_view(&request->cms);
}

/* Nobody gets a second try with it. */
int request_spend_nonce(struct request *request)
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
	code = request_spend_nonce(request);
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

/*
 * A card that has stopped does nothing but zeroise: for officers, as long as it knows them and can check what they sign; else for
 * whoever is present, by a bare Request.
 */
static int serve_stopped(struct request *request, unsigned int fault)
{
	int code = provpkg_request_decode(provpkg_blob_view(&request->cms), &request->body);

	if (!code)
		return request->body.operation == PROVPKG_OPERATION_ZEROISE ? zeroise_present(request) :
									      life_permits(request->core, 0);
	if (!request->vault || fault == PROVCARD_REFUSAL_SELF_TEST)
		return life_permits(request->core, 0);
	code = judge_request(request);
	return code ? code : operation_execute(request);
}

static int serve(struct request *request)
{
	unsigned int fault = atomic_load(&request->core->fault);
	int code = fault ? serve_stopped(request, fault) : judge_request(request);

	if (fault)
		return code;
	if (code)
		lockout_count(request, code);
	else
		lockout_forgive(request);
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
