// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Commands of a job in flight, and what becomes of them. Units and other commands share the job's completions, which come in any
 * order; who asks for one kind keeps what comes of the other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"

/* Units are named by their heads, other commands by the caller's token with this bit. */
#define COMMAND_NAME (1ull << 63)

uint64_t provcard_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* There is a place for every completion that may have to be kept before the command goes out, so keeping never fails. */
static int make_room(struct provcard_job *job)
{
	size_t needed = job->commands + 1, room = job->kept_room ? 2 * job->kept_room : 16;
	struct provcard_completion *kept;

	if (needed <= job->kept_room)
		return 0;
	kept = realloc(job->kept, room * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	job->kept = kept;
	job->kept_room = room;
	return 0;
}

int provcard_job_submit(struct provcard_job *job, const struct provcard_submission *submission)
{
	struct provcard_command command = provcard_command_make(submission->opcode, submission->arg[0], submission->arg[1]);
	int error;

	if (submission->token & COMMAND_NAME)
		return -EINVAL;
	command.arg[2] = submission->arg[2];
	command.queue = submission->queue;
	command.timeout_ms = submission->timeout_ms;
	command.user_data = submission->token | COMMAND_NAME;
	provcard_command_in(&command, submission->in, submission->in_size);
	provcard_command_out(&command, submission->out, submission->out_size);
	error = make_room(job);
	if (!error)
		error = job->card->ops->submit(job->transport, &command);
	if (!error)
		job->commands++;
	return error;
}

/* Put a completion where its kind is asked for. */
static int keep(struct provcard_job *job, const struct provcard_completion *completion)
{
	struct provcard_unit_slot *slot;

	if (completion->user_data & COMMAND_NAME) {
		if (job->kept_count == job->commands)
			return -EPROTO;
		job->kept[job->kept_count++] = *completion;
		return 0;
	}
	if (completion->user_data >= job->card->info.out_heads)
		return -EPROTO;
	slot = &job->slot[completion->user_data];
	if (!slot->busy || slot->ended)
		return -EPROTO;
	slot->ended = true;
	slot->completion = *completion;
	return 0;
}

int provcard_job_reap(struct provcard_job *job, int timeout_ms)
{
	struct provcard_completion completion;
	int error = job->card->ops->reap(job->transport, &completion, timeout_ms);

	return error ? error : keep(job, &completion);
}

static struct provcard_job_completion decode(const struct provcard_completion *completion)
{
	return (struct provcard_job_completion){
		.token = completion->user_data & ~COMMAND_NAME,
		.error = completion->error,
		.refusal = completion->status,
		.result = completion->result,
		.length = completion->length,
	};
}

int provcard_job_read_completions(struct provcard_job *job, struct provcard_job_completion *completions, size_t room, size_t *count,
				  int timeout_ms)
{
	int error = 0;

	if (!room)
		return -EINVAL;
	if (!job->commands)
		return -ENOENT;
	while (!error && job->kept_count < room && job->kept_count < job->commands)
		error = provcard_job_reap(job, job->kept_count ? 0 : timeout_ms);
	if (!job->kept_count)
		return error;
	*count = job->kept_count < room ? job->kept_count : room;
	for (size_t i = 0; i < *count; i++)
		completions[i] = decode(&job->kept[i]);
	job->kept_count -= *count;
	job->commands -= *count;
	memmove(job->kept, job->kept + *count, job->kept_count * sizeof(*job->kept));
	return 0;
}

int provcard_job_cancel(struct provcard_job *job, uint64_t token)
{
	if (token & COMMAND_NAME)
		return -EINVAL;
	return job->card->ops->cancel(job->transport, token | COMMAND_NAME, false);
}

int provcard_job_cancel_all(struct provcard_job *job)
{
	return job->card->ops->cancel(job->transport, 0, true);
}

int provcard_unit_cancel(struct provcard_job *job, uint32_t head)
{
	if (head >= job->card->info.out_heads)
		return -EINVAL;
	return job->card->ops->cancel(job->transport, head, false);
}
