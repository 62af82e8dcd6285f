// SPDX-License-Identifier: LGPL-2.1-or-later
/* Units: begun on a head, taken when they end. */
#include <errno.h>
#include <string.h>

#include "internal.h"

int provcard_unit_begin(struct provcard_job *job, uint32_t head, uint32_t flags)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_UNIT_RUN, head, flags);
	const struct provcard_info *info = &job->card->info;
	struct provcard_unit_slot *slot;
	int error;

	if (head >= info->out_heads || (flags & ~PROVCARD_UNIT_RECOVER))
		return -EINVAL;
	slot = &job->slot[head];
	if (slot->busy)
		return -EBUSY;
	slot->ended = false;
	memset(&slot->wire, 0, sizeof(slot->wire));
	command.queue = info->out_queues ? 1 + head % info->out_queues : 0;
	command.user_data = head;
	provcard_command_out(&command, &slot->wire, sizeof(slot->wire));
	error = job->card->ops->submit(job->transport, &command);
	if (error)
		return error;
	slot->busy = true;
	job->units++;
	return 0;
}

/* What the completion and the card's structure say of the unit; the status is the last word on whether it is good. */
static int take_unit(struct provcard_unit_slot *slot, const struct provcard_completion *completion, struct provcard_unit *unit)
{
	struct provcard_unit taken = { .head = completion->user_data, .error = completion->error, .log_index = UINT64_MAX };
	int error = 0;

	if (!completion->error && completion->length >= sizeof(slot->wire))
		error = provcard_decode_unit(&slot->wire, &taken);
	else if (!completion->error && !completion->status)
		error = -EPROTO;
	if (!error && !completion->error && !completion->status && (taken.state != PROVCARD_UNIT_GOOD || taken.refusal))
		error = -EPROTO;
	if (error)
		return error;
	taken.refusal = completion->status;
	*unit = taken;
	return 0;
}

static struct provcard_unit_slot *ended_slot(struct provcard_job *job)
{
	for (uint32_t head = 0; head < job->card->info.out_heads; head++)
		if (job->slot[head].busy && job->slot[head].ended)
			return &job->slot[head];
	return NULL;
}

int provcard_unit_wait(struct provcard_job *job, struct provcard_unit *unit, int timeout_ms)
{
	struct provcard_unit_slot *slot;
	uint64_t end = timeout_ms > 0 ? provcard_now_ms() + (uint64_t)timeout_ms : 0;
	int error = 0;

	if (!job->units)
		return -ENOENT;
	while (!(slot = ended_slot(job)) && !error) {
		uint64_t now = end ? provcard_now_ms() : 0;

		error = provcard_job_reap(job, end ? (int)(end > now ? end - now : 0) : timeout_ms);
	}
	if (!slot)
		return error;
	slot->busy = false;
	job->units--;
	return take_unit(slot, &slot->completion, unit);
}

int provcard_job_fd(struct provcard_job *job)
{
	return job->card->ops->job_fd(job->transport);
}
