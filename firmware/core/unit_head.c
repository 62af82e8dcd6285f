// SPDX-License-Identifier: GPL-2.0-or-later
/* The heads as others see them, and what their failures mean. */
#include <string.h>

#include "provcard_hif.h"
#include "status.h"
#include "unit.h"

bool unit_head_claim(struct core *core, unsigned int head)
{
	bool claimed;

	mtx_lock(&core->head_lock);
	claimed = !core->head[head].busy;
	if (claimed) {
		core->head[head].busy = true;
		core->head[head].report.uid_size = 0;
		memset(core->head[head].report.uid, 0, sizeof(core->head[head].report.uid));
	}
	mtx_unlock(&core->head_lock);
	return claimed;
}

void unit_head_release(struct core *core, unsigned int head, const struct provcard_service_unit *report)
{
	struct head_state *state = &core->head[head];

	mtx_lock(&core->head_lock);
	state->busy = false;
	state->report.step = PROVCARD_STEP_IDLE;
	state->report.done = 0;
	state->report.total = 0;
	state->report.last_status = report->code;
	state->report.good += report->state == PROVCARD_UNIT_GOOD;
	state->report.scrap += report->state == PROVCARD_UNIT_SCRAP;
	mtx_unlock(&core->head_lock);
	core_event(core, PROVCARD_EVENT_HEAD, head);
}

void unit_head_step(struct unit_run *run, enum provcard_unit_step step)
{
	struct head_state *state = &run->core->head[run->number];

	mtx_lock(&run->core->head_lock);
	state->report.step = step;
	state->report.done = 0;
	state->report.total = 0;
	state->report.uid_size = (uint32_t)run->uid_size;
	memcpy(state->report.uid, run->uid, sizeof(state->report.uid));
	mtx_unlock(&run->core->head_lock);
}

bool unit_head_progress(void *context, size_t done, size_t total)
{
	struct unit_run *run = context;
	struct head_state *state = &run->core->head[run->number];

	mtx_lock(&run->core->head_lock);
	state->report.done = (uint32_t)done;
	state->report.total = (uint32_t)total;
	mtx_unlock(&run->core->head_lock);
	return !unit_is_stopped(run) && !atomic_load(&run->core->fault);
}

/* Heads and parts have the 0x04xx of the refusal table; everything else is not the part's fault. */
static bool is_about_part(int code)
{
	return (code & 0xff00) == 0x0400;
}

/*
 * After a lock that cannot be undone nobody reaches the part again, and a part that was exchanged for another may have left its
 * secrets in the wrong one: no resuming either.
 */
bool unit_failure_is_transient(const struct unit_run *run, int code)
{
	const struct provcard_refusal_info *info = provcard_refusal_find(core_code(code));

	if (run->irreversible)
		return false;
	if (code == PROVCARD_REFUSAL_PART_SWAPPED)
		return !run->delivered;
	return code < 0 || (info && !info->permanent) || !is_about_part(code);
}

int command_head_status(struct core *core, const struct core_command *command, struct core_result *result)
{
	size_t room = command->out.size / sizeof(struct provcard_service_head);
	struct provcard_service_head report;
	int code = 0;

	result->result = core->heads;
	for (unsigned int i = 0; i < core->heads && i < room && !code; i++) {
		mtx_lock(&core->head_lock);
		report = core->head[i].report;
		mtx_unlock(&core->head_lock);
		code = output_write(command, i * sizeof(report), &report, sizeof(report));
		result->length = (i + 1) * (uint32_t)sizeof(report);
	}
	return code;
}
