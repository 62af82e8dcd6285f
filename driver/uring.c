// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands by io_uring, on a card's and on a job's descriptor.
 *
 * Two sides meet in a request: who issues it, and the finisher that has its answer. The last of
 * them completes the ring's command, since a command must be cancelable before it is completed and
 * must not be cancelable unless it was sent: only completing it takes that back.
 *
 * When a ring or its task goes away, io_uring asks for each command until it is completed. It gets
 * ECANCELED at once; the card's command is left to the finishers, as a killed thread's is.
 */
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/fs.h>

#include "card.h"
#include "compat.h"

#ifdef PROVCARD_URING

#define PROVCARD_URING_BIG (IO_URING_F_SQE128 | IO_URING_F_CQE32)

struct provcard_uring_pdu {
	struct provcard_request *request;
};

static struct provcard_request *provcard_uring_request(struct io_uring_cmd *uring)
{
	return io_uring_cmd_to_pdu(uring, struct provcard_uring_pdu)->request;
}

/* The entry may be memory that user space can write: each field is fetched once. */
static int provcard_uring_fetch(const struct io_uring_sqe *sqe, struct provcard_command *command)
{
	const struct provcard_uring_command *wire = (const void *)sqe->cmd;

	command->size = READ_ONCE(wire->size);
	if (command->size < sizeof(*wire))
		return -EINVAL;
	if (command->size > sizeof(*wire))
		return -E2BIG;
	command->flags = READ_ONCE(wire->flags);
	command->opcode = READ_ONCE(wire->opcode);
	command->queue = READ_ONCE(wire->queue);
	command->in_uptr = READ_ONCE(wire->in_uptr);
	command->in_len = READ_ONCE(wire->in_len);
	command->out_uptr = READ_ONCE(wire->out_uptr);
	command->out_len = READ_ONCE(wire->out_len);
	for (unsigned int i = 0; i < ARRAY_SIZE(command->arg); i++)
		command->arg[i] = READ_ONCE(wire->arg[i]);
	command->timeout_ms = READ_ONCE(wire->timeout_ms);
	command->__reserved = READ_ONCE(wire->__reserved);
	command->user_data = READ_ONCE(sqe->user_data);
	return 0;
}

/* Afterwards neither the ring's command nor the request exists. */
static void provcard_uring_complete(struct io_uring_cmd *uring, unsigned int issue_flags)
{
	struct provcard_request *request = provcard_uring_request(uring);
	const struct provcard_answer *answer = &request->answer;
	u64 result = (u64)answer->result << 32 | answer->status;

	provcard_uring_done(uring, answer->error ?: answer->length, result, issue_flags);
	provcard_request_drop(request);
}

PROVCARD_URING_TASK_WORK(provcard_uring_in_task, provcard_uring_complete)

static void provcard_uring_finish(struct provcard_request *request)
{
	struct provcard_queue *queue = request->queue;
	bool issued;

	provcard_request_release(request);
	scoped_guard(spinlock_irqsave, &queue->lock) {
		request->uring_ended = true;
		issued = request->uring_issued;
	}
	if (issued)
		io_uring_cmd_do_in_task_lazy(request->uring, provcard_uring_in_task);
}

static int provcard_uring_issued(struct io_uring_cmd *uring, unsigned int issue_flags)
{
	struct provcard_request *request = provcard_uring_request(uring);
	bool ended;

	io_uring_cmd_mark_cancelable(uring, issue_flags);
	scoped_guard(spinlock_irqsave, &request->queue->lock) {
		request->uring_issued = true;
		ended = request->uring_ended;
	}
	if (ended)
		provcard_uring_complete(uring, issue_flags);
	return -EIOCBQUEUED;
}

static int provcard_uring_send(const struct provcard_access *access, struct provcard_job *job,
			       struct io_uring_cmd *uring, unsigned int issue_flags)
{
	struct provcard_command command = {};
	struct provcard_request *request;
	bool nonblock;
	int ret = provcard_uring_fetch(uring->sqe, &command);

	if (ret)
		return ret;
	nonblock = issue_flags & IO_URING_F_NONBLOCK || uring->file->f_flags & O_NONBLOCK ||
		   command.flags & PROVCARD_COMMAND_NOWAIT;
	request = provcard_command_prepare(access, job, &command);
	if (IS_ERR(request))
		return PTR_ERR(request);
	request->uring = uring;
	io_uring_cmd_to_pdu(uring, struct provcard_uring_pdu)->request = request;
	ret = provcard_request_start(request, provcard_uring_finish, nonblock);
	if (!ret)
		return provcard_uring_issued(uring, issue_flags);
	provcard_request_free(request);
	return ret == -ERESTARTSYS ? -EINTR : ret;
}

/* The ring's lock is held, so the request stays: to complete the command takes that lock too. */
static void provcard_uring_cancel(struct io_uring_cmd *uring, unsigned int issue_flags)
{
	struct provcard_request *request = provcard_uring_request(uring);
	bool abandoned;

	scoped_guard(spinlock_irqsave, &request->queue->lock)
		abandoned = request->uring_issued && provcard_request_abandon(request);
	if (abandoned)
		provcard_uring_done(uring, -ECANCELED, 0, issue_flags);
}

static int provcard_uring(const struct provcard_access *access, struct provcard_job *job,
			  struct io_uring_cmd *uring, unsigned int issue_flags)
{
	int gate, ret;

	if (issue_flags & IO_URING_F_CANCEL) {
		provcard_uring_cancel(uring, issue_flags);
		return 0;
	}
	if (uring->cmd_op != PROVCARD_URING_COMMAND)
		return -ENOTTY;
	if ((issue_flags & PROVCARD_URING_BIG) != PROVCARD_URING_BIG)
		return -EOPNOTSUPP;
	ret = provcard_enter(access->card, &gate);
	if (ret)
		return ret;
	ret = provcard_uring_send(access, job, uring, issue_flags);
	provcard_leave(access->card, gate);
	return ret;
}

int provcard_card_uring(struct io_uring_cmd *uring, unsigned int issue_flags)
{
	return provcard_uring(uring->file->private_data, NULL, uring, issue_flags);
}

int provcard_job_uring(struct io_uring_cmd *uring, unsigned int issue_flags)
{
	struct provcard_job *job = uring->file->private_data;

	return provcard_uring(job->access, job, uring, issue_flags);
}

#endif
