// SPDX-License-Identifier: LGPL-2.1-or-later
/* Jobs: a place on the card, the package loaded into it, its counts. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

/* Package commands go to an I/O queue where there is one, so that the admin queue stays free for questions. */
#define PACKAGE_QUEUE(card) ((card)->info.out_queues ? 1 : 0)
#define COMMIT_TIMEOUT_MS (30 * 60 * 1000) /* the card verifies every segment of the package meanwhile */
#define LOAD_STEP (4u << 20)

int provcard_job_create(struct provcard *card, struct provcard_job **job)
{
	struct provcard_job *created = calloc(1, sizeof(*created) + card->info.out_heads * sizeof(created->slot[0]));
	int error;

	if (!created)
		return -ENOMEM;
	created->card = card;
	error = card->ops->job_create(card->transport, &created->transport);
	if (error) {
		free(created);
		return error;
	}
	*job = created;
	return 0;
}

void provcard_job_close(struct provcard_job *job)
{
	if (!job)
		return;
	job->card->ops->job_close(job->transport);
	free(job->kept);
	free(job);
}

static struct provcard_upload package_upload(struct provcard_job *job)
{
	return (struct provcard_upload){ job->card, job, PROVCARD_OP_PACKAGE_WRITE, PACKAGE_QUEUE(job->card) };
}

int provcard_job_write(struct provcard_job *job, uint64_t offset, uint64_t whole, const void *data, size_t size,
		       struct provcard_answer *answer)
{
	const struct provcard_upload upload = package_upload(job);

	return provcard_upload_piece(&upload, offset, whole, data, size, answer);
}

/* Send a command whose answer is the job. */
static int ask_job(struct provcard_job *job, struct provcard_command *command, struct provcard_job_status *status,
		   struct provcard_answer *answer)
{
	struct provcard_service_job wire;
	int error;

	provcard_command_out(command, &wire, sizeof(wire));
	error = provcard_command_send(job->card, job, command, answer);
	if (error || answer->refusal)
		return error;
	if (command->out_length < sizeof(wire))
		return -EPROTO;
	provcard_decode_job(&wire, status);
	return 0;
}

int provcard_job_commit(struct provcard_job *job, struct provcard_job_status *status, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_PACKAGE_COMMIT, 0, 0);

	command.queue = PACKAGE_QUEUE(job->card);
	command.timeout_ms = COMMIT_TIMEOUT_MS;
	return ask_job(job, &command, status, answer);
}

int provcard_job_load(struct provcard_job *job, const void *package, size_t size, provcard_load_progress progress, void *context,
		      struct provcard_job_status *status, struct provcard_answer *answer)
{
	const struct provcard_upload upload = package_upload(job);
	int error = provcard_upload_file(&upload, package, size, LOAD_STEP, progress, context, answer);

	return error || answer->refusal ? error : provcard_job_commit(job, status, answer);
}

int provcard_job_bind(struct provcard_job *job, const uint8_t package_id[PROVCARD_PACKAGE_ID_SIZE], struct provcard_job_status *status,
		      struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_JOB_BIND, 0, 0);

	command.queue = PACKAGE_QUEUE(job->card);
	command.timeout_ms = COMMIT_TIMEOUT_MS;
	provcard_command_in(&command, package_id, PROVCARD_PACKAGE_ID_SIZE);
	return ask_job(job, &command, status, answer);
}

int provcard_job_status_read(struct provcard_job *job, struct provcard_job_status *status, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_JOB_STATUS, 0, 0);

	return ask_job(job, &command, status, answer);
}

int provcard_job_log(struct provcard_job *job, uint64_t first, uint64_t *indexes, size_t room, size_t *count, size_t *total,
		     struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_JOB_LOG, first, 0);
	int error;

	provcard_command_out(&command, indexes, room * sizeof(*indexes));
	error = provcard_command_send(job->card, job, &command, answer);
	if (error || answer->refusal)
		return error;
	if (command.out_length % sizeof(*indexes))
		return -EPROTO;
	*count = command.out_length / sizeof(*indexes);
	*total = answer->result;
	for (size_t i = 0; i < *count; i++)
		indexes[i] = le64toh(indexes[i]);
	return 0;
}
