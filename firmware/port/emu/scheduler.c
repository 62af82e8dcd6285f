// SPDX-License-Identifier: GPL-2.0-or-later
/* Which command runs when, and the threads that run them. */
#include <endian.h>

#include "controller_private.h"
#include "provcard-service.h"

static bool is_service(const struct command *command)
{
	return command->sqe.opcode >= PROVCARD_OPC_SERVICE_BASE;
}

bool is_head_command(const struct command *command)
{
	return command->sqe.opcode == PROVCARD_OP_UNIT_RUN;
}

/* A job that is being deleted takes no new commands: they come after the deletion, to a handle that is gone. */
static bool behind_deletion(const struct controller *c, const struct command *command)
{
	const struct command *other;

	for (other = c->sq[0].commands; other && command->sqe.job; other = other->next)
		if (other->sqe.opcode == PROVCARD_OPC_JOB_DELETE && other->state != COMMAND_DONE &&
		    other->sequence < command->sequence && le64toh(other->sqe.arg[0]) == le32toh(command->sqe.job))
			return true;
	return false;
}

/* The order within a queue: one service command of a job after the other, but for those that work on a head. */
static bool behind_older(const struct command *command)
{
	const struct command *other;

	for (other = command->queue->commands; other != command; other = other->next)
		if (is_service(other) && !is_head_command(other) && other->state != COMMAND_DONE &&
		    other->sqe.job == command->sqe.job)
			return true;
	return false;
}

/* An event request waits all day; it is no work to look for. */
static bool counts(const struct command *command)
{
	return command->sqe.opcode != PROVCARD_OPC_ASYNC_EVENT;
}

static bool is_due(struct controller *c, const struct command *command)
{
	if (command->state != COMMAND_WAITING)
		return false;
	if (command->aborted || command->queue->draining)
		return true;
	if (!is_service(command))
		return transport_due(c, command);
	return !behind_older(command) && !behind_deletion(c, command);
}

static struct command *pick(struct controller *c)
{
	struct command *command;
	size_t i;

	if (c->state != CONTROLLER_SHUTTING && (c->state != CONTROLLER_ON || c->fatal))
		return NULL;
	for (i = 0; i < QUEUES_MAX; i++) {
		struct submission_queue *sq = &c->sq[(c->next_queue + i) % QUEUES_MAX];

		for (command = sq->used ? sq->commands : NULL; command; command = command->next)
			if (is_due(c, command)) {
				c->next_queue = (size_t)(sq - c->sq) + 1;
				return command;
			}
	}
	return NULL;
}

/* Without the lock. */
static void run_on_core(struct controller *c, struct command *command)
{
	const struct provcard_hif_sqe *sqe = &command->sqe;
	struct core_command call = { .opcode = sqe->opcode, .job = le32toh(sqe->job), .aborted = &command->aborted };
	struct buffer in, out;
	uint16_t status;
	size_t i;

	for (i = 0; i < 3; i++)
		call.arg[i] = le64toh(sqe->arg[i]);
	status = buffer_parse(c, &sqe->in, &in);
	if (status) {
		buffer_release(&in);
		command->result.status = status;
		return;
	}
	status = buffer_parse(c, &sqe->out, &out);
	if (!status) {
		call.in = (struct core_buffer){ &in, in.size, buffer_read, buffer_write };
		call.out = (struct core_buffer){ &out, out.size, buffer_read, buffer_write };
		core_execute(c->core, &call, &command->result);
		if (command->result.length > out.size)
			command->result = (struct core_result){ .status = PROVCARD_SC_INTERNAL };
	} else {
		command->result.status = status;
	}
	buffer_release(&in);
	buffer_release(&out);
}

static void execute(struct controller *c, struct command *command)
{
	command->state = COMMAND_RUNNING;
	if (command->aborted || command->queue->draining) {
		command->result.status = PROVCARD_SC_ABORTED;
	} else {
		c->running++;
		pthread_mutex_unlock(&c->lock);
		if (is_service(command))
			run_on_core(c, command);
		else
			transport_execute(c, command);
		pthread_mutex_lock(&c->lock);
		c->running--;
	}
	command_finish(c, command);
}

void command_dispatch(struct controller *c, struct command *command)
{
	uint16_t status = 0;

	if (command->sqe.flags)
		status = PROVCARD_SC_INVALID_FIELD;
	else if (!is_service(command))
		status = command->queue->id ? PROVCARD_SC_INVALID_QUEUE : transport_check(c, command);
	if (!status && command->queue->draining)
		status = PROVCARD_SC_ABORTED;
	if (status) {
		command->result.status = status;
		command_finish(c, command);
	} else if (is_service(command) || transport_begin(c, command)) {
		c->waiting += counts(command);
		pthread_cond_signal(&c->work);
	} else {
		execute(c, command);
	}
}

void command_abort(struct controller *c, struct command *command)
{
	if (!is_service(command) && command->sqe.opcode != PROVCARD_OPC_ASYNC_EVENT)
		return;
	command->aborted = true;
	pthread_cond_broadcast(&c->work);
	pthread_cond_broadcast(&c->changed);
}

/* One signal wakes one thread; a command that ended can have made several due. */
static void take(struct controller *c, struct command *command)
{
	c->waiting -= counts(command);
	if (c->waiting)
		pthread_cond_signal(&c->work);
	execute(c, command);
}

static struct completion_queue *find_postable(struct controller *c)
{
	size_t i;

	for (i = 0; i < QUEUES_MAX; i++)
		if (cq_postable(c, &c->cq[i]))
			return &c->cq[i];
	return NULL;
}

void *pool_main(void *context)
{
	struct completion_queue *cq;
	struct controller *c = context;
	struct command *command;

	pthread_mutex_lock(&c->lock);
	while (!c->ended) {
		cq = find_postable(c);
		command = cq ? NULL : pick(c);
		if (cq)
			cq_post(c, cq);
		else if (command)
			take(c, command);
		else
			pthread_cond_wait(&c->work, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}
