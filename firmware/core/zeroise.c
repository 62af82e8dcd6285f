// SPDX-License-Identifier: GPL-2.0-or-later
/* The end of a card's life, and the beginning of the next. */
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

int operation_zeroise(struct request *request)
{
	struct core *core = request->core;
	int code;

	log_zeroising(request);
	/* First of all: from here on nothing on the card's memory can be opened any more. */
	if (core->port->ops->root_destroy(core->port->context)) {
		core_stop_production(core, PROVCARD_REFUSAL_STORAGE_FAILED);
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	}
	core_job_abort(core, 0);
	gate_shut(core);
	job_unbind_all(core);
	object_forget_all(core);
	core_close_storage(core);
	code = core_rebirth(core);
	if (code)
		core_stop_production(core, code);
	else
		core_log_boot(core);
	gate_open(core);
	core_event(core, PROVCARD_EVENT_CARD, 0);
	return code;
}
