// SPDX-License-Identifier: GPL-2.0-or-later
/* The end of a card's life, and the beginning of the next; and what is done when somebody breaks in. */
#include "gate.h"
#include "job.h"
#include "object.h"
#include "provcard_hif.h"
#include "request.h"

/* Whether or not the log can take it: nothing may stand between an officer and zeroising. */
static void log_zeroising(struct request *request)
{
	struct provpkg_record record;
	struct commit commit = { .record = &record, .attachment = provpkg_blob_view(&request->cms) };

	record_begin(request->core, &record, PROVPKG_EVENT_ZEROISED, request->actor);
	(void)commit_run(request->core, &commit);
}

/* From here on nothing on the card's memory can be opened any more. */
static int destroy_root(struct core *core)
{
	return core->port->ops->root_destroy(core->port->context) ? PROVCARD_REFUSAL_STORAGE_FAILED : 0;
}

/* Everything secret leaves the card's working memory. The gate is shut. */
static void forget(struct core *core)
{
	job_unbind_all(core);
	object_forget_all(core);
	core_close_storage(core);
	core_set_vault(core, NULL);
}

/*
 * A card that has stopped stays so until it is switched on again, then blank. Its storage may not obey, so the root secret is all
 * that counts; that the vault is overwritten as well, where that is possible, is for good measure.
 */
static int zeroise_stopped(struct core *core)
{
	int code = destroy_root(core);

	if (code)
		return code;
	if (core->port->ops->tamper_clear && core->port->ops->tamper_clear(core->port->context))
		code = PROVCARD_REFUSAL_TAMPERED;
	gate_shut(core);
	forget(core);
	gate_open(core);
	(void)vault_wipe(core->port);
	core_log(core, "zeroised");
	core_event(core, PROVCARD_EVENT_CARD, 0);
	return code;
}

int operation_zeroise(struct request *request)
{
	struct core *core = request->core;
	int code;

	if (atomic_load(&core->fault))
		return zeroise_stopped(core);
	log_zeroising(request);
	code = destroy_root(core);
	if (code) {
		core_stop_production(core, code);
		return code;
	}
	core_job_abort(core, 0);
	gate_shut(core);
	forget(core);
	code = core_rebirth(core);
	if (code)
		core_stop_production(core, code);
	else
		core_log_boot(core);
	gate_open(core);
	core_event(core, PROVCARD_EVENT_CARD, 0);
	return code;
}

int zeroise_present(struct request *request)
{
	struct core *core = request->core;
	int code = request_spend_nonce(request);

	if (!code && (!core->port->ops->presence || !core->port->ops->presence(core->port->context)))
		code = PROVCARD_REFUSAL_PRESENCE_MISSING;
	return code ? code : zeroise_stopped(core);
}

/* The last record of this life, when there is somewhere to write it. */
static void log_tampering(struct core *core)
{
	struct provpkg_record record;
	struct commit commit = { .record = &record };

	gate_enter(core);
	if (core->storage_open) {
		record_begin(core, &record, PROVPKG_EVENT_TAMPERED, "");
		(void)commit_run(core, &commit);
	}
	gate_leave(core);
}

void core_tamper(struct core *core)
{
	/* First of all, before anything that could wait. */
	int code = destroy_root(core);

	log_tampering(core);
	atomic_store(&core->fault, PROVCARD_REFUSAL_TAMPERED);
	core_log(core, "tampered with: %s", code ? "the root secret could not be destroyed" : "the root secret is destroyed");
	core_job_abort(core, 0);
	mtx_lock(&core->request_lock);
	gate_enter(core);
	gate_shut(core);
	/* Whatever was stored meanwhile has made itself a new root secret: that one, too. */
	(void)destroy_root(core);
	forget(core);
	(void)vault_wipe(core->port);
	gate_open(core);
	gate_leave(core);
	mtx_unlock(&core->request_lock);
	core_event(core, PROVCARD_EVENT_TAMPER, PROVCARD_REFUSAL_TAMPERED);
	core_event(core, PROVCARD_EVENT_FAULT, PROVCARD_REFUSAL_TAMPERED);
}

bool core_starts_tampered(struct core *core)
{
	bool latched = false;

	if (!core->port->ops->tampered)
		return false;
	/* A latch that cannot be read is believed to be set. */
	if (core->port->ops->tampered(core->port->context, &latched))
		latched = true;
	if (!latched)
		return false;
	(void)destroy_root(core);
	(void)vault_wipe(core->port);
	core_log(core, "tampered with: the root secret is destroyed");
	core_stop_production(core, PROVCARD_REFUSAL_TAMPERED);
	return true;
}
