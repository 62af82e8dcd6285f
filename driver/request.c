// SPDX-License-Identifier: GPL-2.0-only
/*
 * A command's life: allocated, mapped, given to the card, ended by a completion, by its time or
 * by the end of the card, then released by whoever owns it. User memory stays pinned until the
 * card has answered or can no longer access memory, whatever becomes of the process.
 */
#include <linux/cleanup.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "card.h"
#include "trace.h"

/*
 * The command's time is over. Abort it; a card that does not even let go of the command is reset,
 * and the reset ends the command. The slot is not given to another command while this runs, since
 * provcard_request_free() waits for it: the abort cannot hit a stranger.
 */
static void provcard_request_expire(struct work_struct *work)
{
	struct provcard_request *request = container_of(work, struct provcard_request, expiry);
	struct provcard *card = request->queue->card;

	if (completion_done(&request->done))
		return;
	if (provcard_queue_reap(request->queue) && completion_done(&request->done)) {
		dev_warn_ratelimited(&card->pdev->dev, "queue %u: an interrupt was lost\n",
				     request->queue->id);
		return;
	}
	if (!READ_ONCE(request->cancelled)) {
		WRITE_ONCE(request->expired, true);
		trace_provcard_timeout(request);
	}
	if (request->origin == PROVCARD_ORIGIN_SETUP) {
		provcard_controller_halt(card, -ETIMEDOUT);
		return;
	}
	if (request->sqe.opcode != PROVCARD_OPC_ABORT && !provcard_admin_abort(request) &&
	    wait_for_completion_timeout(&request->done, msecs_to_jiffies(PROVCARD_ABORT_GRACE_MS)))
		return;
	provcard_queue_reap(request->queue);
	if (completion_done(&request->done))
		return;
	dev_warn(&card->pdev->dev, "queue %u: command %#x %s\n", request->queue->id,
		 request->sqe.opcode,
		 READ_ONCE(request->expired) ? "timed out" : "is not let go of");
	provcard_reset_schedule(card, request->generation);
}

struct provcard_request *provcard_request_alloc(struct provcard_queue *queue,
						enum provcard_origin origin, u8 opcode)
{
	struct provcard_request *request = kzalloc(sizeof(*request), GFP_KERNEL_ACCOUNT);

	if (!request)
		return NULL;
	request->queue = queue;
	request->origin = origin;
	request->sqe.opcode = opcode;
	request->timeout_ms = PROVCARD_ADMIN_TIMEOUT_MS;
	init_completion(&request->done);
	INIT_LIST_HEAD(&request->node);
	INIT_WORK(&request->expiry, provcard_request_expire);
	return request;
}

/* What ended because its time was over, or because it was cancelled, says so, by abort or reset. */
static void provcard_request_blame(struct provcard_request *request)
{
	struct provcard_answer *answer = &request->answer;

	if (answer->error != -EIO && (answer->error || answer->status != PROVCARD_SC_ABORTED))
		return;
	if (READ_ONCE(request->expired))
		answer->error = -ETIMEDOUT;
	else if (READ_ONCE(request->cancelled))
		answer->error = -ECANCELED;
}

/* Undo what submission took. Afterwards the request is plain memory. */
void provcard_request_release(struct provcard_request *request)
{
	struct provcard_queue *queue = request->queue;

	if (request->job)
		provcard_job_unlist(request);
	if (request->expiring)
		cancel_work_sync(&request->expiry);
	provcard_buffer_unmap(queue->card, &request->in);
	provcard_buffer_unmap(queue->card, &request->out);
	if (request->submitted)
		provcard_queue_put_slot(queue, request->slot);
	provcard_request_blame(request);
}

/* A released request's last step. */
void provcard_request_drop(struct provcard_request *request)
{
	if (request->job)
		provcard_job_put(request->job);
	kfree(request);
}

void provcard_request_free(struct provcard_request *request)
{
	provcard_request_release(request);
	provcard_request_drop(request);
}

static bool provcard_request_tried(struct provcard_request *request, int *ret)
{
	*ret = provcard_queue_submit(request->queue, request);
	return *ret != -EAGAIN;
}

/* Submit, waiting for a slot or for the end of a reset. */
static int provcard_request_submit(struct provcard_request *request, bool nonblock)
{
	struct provcard_queue *queue = request->queue;
	int ret = provcard_queue_submit(queue, request);

	if (ret != -EAGAIN || nonblock)
		return ret;
	if (request->origin != PROVCARD_ORIGIN_USER) {
		wait_event(queue->room, provcard_request_tried(request, &ret));
		return ret;
	}
	return wait_event_interruptible(queue->room,
					provcard_request_tried(request, &ret)) ?: ret;
}

/**
 * provcard_request_abandon - nobody waits for a command any more
 * @request: submitted
 *
 * It is left to the finishers: aborted at once, its memory released when the card has let go. False
 * when the command has ended meanwhile. Caller holds the queue's lock.
 */
bool provcard_request_abandon(struct provcard_request *request)
{
	lockdep_assert_held(&request->queue->lock);
	if (completion_done(&request->done))
		return false;
	request->finish = provcard_request_free;
	provcard_queue_hasten(request);
	return true;
}

static bool provcard_request_hand_over(struct provcard_request *request)
{
	guard(spinlock_irqsave)(&request->queue->lock);
	return provcard_request_abandon(request);
}

/**
 * provcard_request_cancel - have the card let go of a command
 * @request: on its job's list, by whose lock the caller keeps it there
 *
 * It ends as usual, soon. True when it is in flight; a second call changes nothing.
 */
bool provcard_request_cancel(struct provcard_request *request)
{
	guard(spinlock_irqsave)(&request->queue->lock);
	if (!request->submitted || completion_done(&request->done))
		return false;
	if (!request->cancelled) {
		WRITE_ONCE(request->cancelled, true);
		provcard_queue_hasten(request);
	}
	return true;
}

/**
 * provcard_request_execute - submit a command and wait for its end
 * @request: consumed in any case
 * @nonblock: -EAGAIN rather than wait for a slot
 * @answer: the card's answer when 0 is returned
 *
 * A user's wait ends early only by a fatal signal: the card has the caller's memory until it
 * answers. The driver's own commands are waited for to their end, which the time-out and the
 * reset bound. Neither wait keeps the system from sleep; what is held meanwhile is the gate, for
 * which no suspend waits.
 */
int provcard_request_execute(struct provcard_request *request, bool nonblock,
			     struct provcard_answer *answer)
{
	int ret = provcard_request_submit(request, nonblock);

	if (ret) {
		provcard_request_free(request);
		return ret;
	}
	if (request->origin != PROVCARD_ORIGIN_USER)
		wait_for_completion_state(&request->done,
					  TASK_UNINTERRUPTIBLE | TASK_FREEZABLE_UNSAFE);
	else if (wait_for_completion_state(&request->done,
					   TASK_KILLABLE | TASK_FREEZABLE_UNSAFE) &&
		 provcard_request_hand_over(request))
		return -EINTR;
	provcard_request_release(request);
	*answer = request->answer;
	provcard_request_drop(request);
	return answer->error;
}

/* Submit, waiting for a slot only. The request is consumed; nobody learns the answer. */
int provcard_request_send(struct provcard_request *request)
{
	int ret;

	request->finish = provcard_request_free;
	ret = provcard_request_submit(request, false);
	if (ret)
		provcard_request_free(request);
	return ret;
}

/*
 * Submit, waiting for a slot unless @nonblock. @finish gets the request when the command has ended;
 * on an error it stays the caller's.
 */
int provcard_request_start(struct provcard_request *request,
			   void (*finish)(struct provcard_request *request), bool nonblock)
{
	int ret;

	request->finish = finish;
	ret = provcard_request_submit(request, nonblock);
	if (ret)
		request->finish = NULL;
	return ret;
}
