// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings: putting commands in, taking completions out. Nothing the card writes is believed: a
 * completion must name a command in flight on this very queue and may not claim more bytes than its
 * buffer has, or the controller is reset.
 */
#include <linux/bitmap.h>
#include <linux/blkdev.h>
#include <linux/cleanup.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/poll.h>

#include "card.h"
#include "compat.h"
#include "trace.h"

/* Calls what ended requests wait for, all that have gathered at once and in their order. */
static void provcard_queue_finish(struct work_struct *work)
{
	struct provcard_queue *queue = container_of(work, struct provcard_queue, finish_work);
	struct llist_node *ended = llist_reverse_order(llist_del_all(&queue->ended));
	struct provcard_request *request, *next;

	llist_for_each_entry_safe(request, next, ended, ended)
		request->finish(request);
}

/*
 * A command's time-out waits for an abort, so hundreds of them may fill a queue. The time-outs that
 * end aborts, and the bring-up within a reset, must not stand behind those.
 */
static struct workqueue_struct *provcard_expiry_queue(const struct provcard_request *request)
{
	if (request->origin == PROVCARD_ORIGIN_SETUP || request->sqe.opcode == PROVCARD_OPC_ABORT)
		return request->queue->card->recovery;
	return system_long_wq;
}

/* The time of a command in flight is over, or nobody wants it any more. Caller holds the lock. */
void provcard_queue_hasten(struct provcard_request *request)
{
	lockdep_assert_held(&request->queue->lock);
	if (request->expiring)
		return;
	request->expiring = true;
	queue_work(provcard_expiry_queue(request), &request->expiry);
}

/*
 * One timer for all: it is not touched again for a command whose time is over later than that of
 * another, which is nearly every one. Caller holds the lock.
 */
static void provcard_queue_arm(struct provcard_queue *queue, unsigned long deadline)
{
	if (!timer_pending(&queue->timer) || time_before(deadline, queue->timer.expires))
		mod_timer(&queue->timer, deadline);
}

static void provcard_queue_timer(struct timer_list *timer)
{
	struct provcard_queue *queue = container_of(timer, struct provcard_queue, timer);
	unsigned long now = jiffies;

	guard(spinlock_irqsave)(&queue->lock);
	for (unsigned int slot = 0; slot < queue->slots_all; slot++) {
		struct provcard_request *request = queue->requests[slot];

		if (!request || !request->timeout_ms || request->expiring)
			continue;
		if (time_before(now, request->deadline))
			provcard_queue_arm(queue, request->deadline);
		else
			provcard_queue_hasten(request);
	}
}

static int provcard_queue_alloc(struct provcard *card, unsigned int id, unsigned int cq_entries)
{
	struct provcard_queue *queue = &card->queues[id];
	struct device *dma = &card->pdev->dev;

	queue->card = card;
	queue->id = id;
	queue->cq_entries = cq_entries;
	queue->sq_entries = cq_entries / 2;
	queue->slots_all = queue->sq_entries - 1;
	queue->slots_user = queue->slots_all;
	if (!id)
		queue->slots_user -= min_t(unsigned int, PROVCARD_ADMIN_RESERVED,
					   queue->slots_all / 2);
	queue->closed = -EAGAIN;
	spin_lock_init(&queue->bell);
	spin_lock_init(&queue->lock);
	init_llist_head(&queue->ended);
	INIT_WORK(&queue->finish_work, provcard_queue_finish);
	timer_setup(&queue->timer, provcard_queue_timer, 0);
	init_waitqueue_head(&queue->room);
	queue->sq = dma_alloc_coherent(dma, queue->sq_entries * sizeof(*queue->sq), &queue->sq_dma,
				       GFP_KERNEL);
	queue->cq = dma_alloc_coherent(dma, queue->cq_entries * sizeof(*queue->cq), &queue->cq_dma,
				       GFP_KERNEL);
	return queue->sq && queue->cq ? 0 : -ENOMEM;
}

/* On failure provcard_queues_free() frees what was had. */
int provcard_queues_alloc(struct provcard *card)
{
	unsigned int cq_entries =
		min_t(unsigned int, PROVCARD_CQ_ENTRIES, PROVCARD_CAP_MQES(card->cap) + 1);
	int ret = 0;

	for (unsigned int id = 0; id <= card->io_queues && !ret; id++)
		ret = provcard_queue_alloc(card, id, cq_entries);
	return ret;
}

void provcard_queues_free(struct provcard *card)
{
	struct device *dma = &card->pdev->dev;

	for (unsigned int id = 0; id <= card->io_queues; id++) {
		struct provcard_queue *queue = &card->queues[id];

		if (!queue->card)
			continue;
		timer_delete_sync(&queue->timer);
		if (queue->sq)
			dma_free_coherent(dma, queue->sq_entries * sizeof(*queue->sq), queue->sq,
					  queue->sq_dma);
		if (queue->cq)
			dma_free_coherent(dma, queue->cq_entries * sizeof(*queue->cq), queue->cq,
					  queue->cq_dma);
	}
}

/*
 * Begin with empty rings. The card does not know them yet, or just forgot them, and no doorbell
 * that was meant for the rings before is still on its way.
 */
void provcard_queue_enable(struct provcard_queue *queue)
{
	guard(spinlock)(&queue->bell);
	guard(spinlock_irqsave)(&queue->lock);
	memset(queue->cq, 0, queue->cq_entries * sizeof(*queue->cq));
	queue->sq_tail = 0;
	queue->sq_rung = 0;
	queue->cq_head = 0;
	queue->cq_unreleased = 0;
	queue->phase = PROVCARD_CQE_PHASE;
	queue->overdue = false;
	queue->releases = queue->card->features & PROVCARD_FEATURE_RELEASE;
	queue->enabled = true;
}

/*
 * Open every queue to user commands (0), or close them all with an errno. A closed queue takes no
 * command but those of PROVCARD_ORIGIN_SETUP, and these only once it is enabled again.
 */
void provcard_queues_set(struct provcard *card, int error)
{
	bool changed = card->error != error;

	WRITE_ONCE(card->error, error);
	for (unsigned int id = 0; id <= card->io_queues; id++) {
		struct provcard_queue *queue = &card->queues[id];

		scoped_guard(spinlock_irqsave, &queue->lock) {
			queue->closed = error;
			if (error)
				queue->enabled = false;
		}
		wake_up_all(&queue->room);
	}
	wake_up_all(&card->writable);
	if (changed)
		provcard_tell(card, PROVCARD_NL_CMD_CARD_CHANGED_NTF, 0);
}

/*
 * The command has ended and the card has let go of its memory. Caller holds the queue's lock. Once
 * the owner, the waiter or the work, knows, the request may be freed.
 */
static void provcard_queue_end(struct provcard_queue *queue, struct provcard_request *request,
			       const struct provcard_answer *answer)
{
	bool has_finish = request->finish;

	queue->requests[request->slot] = NULL;
	request->answer = *answer;
	trace_provcard_complete(request);
	complete_all(&request->done);
	if (has_finish && llist_add(&request->ended, &queue->ended))
		queue_work(queue->card->finishers, &queue->finish_work);
}

/* End everything in flight. Only after the card has stopped to access memory. */
void provcard_queues_cancel(struct provcard *card, int error)
{
	const struct provcard_answer answer = { .error = error };

	for (unsigned int id = 0; id <= card->io_queues; id++) {
		struct provcard_queue *queue = &card->queues[id];

		guard(spinlock_irqsave)(&queue->lock);
		for (unsigned int slot = 0; slot < queue->slots_all; slot++)
			if (queue->requests[slot])
				provcard_queue_end(queue, queue->requests[slot], &answer);
	}
}

static void __iomem *provcard_doorbell(struct provcard_queue *queue)
{
	return queue->card->regs + PROVCARD_REG_DOORBELL + 8 * queue->id;
}

static int provcard_queue_may_submit(struct provcard_queue *queue, struct provcard_request *request)
{
	if (request->origin == PROVCARD_ORIGIN_SETUP)
		return queue->enabled ? 0 : -EIO;
	if (queue->closed)
		return queue->closed;
	/* It names a job handle from before the last reset, which may be another job's by now. */
	if (request->bound && request->generation != queue->card->generation)
		return -EIO;
	return queue->enabled ? 0 : -EAGAIN;
}

/*
 * What was submitted, unless another thread has told of it already. What has been taken goes with
 * it where the card takes that: no more commands are in flight than fit into half of the completion
 * ring, so it never needs a write of its own.
 */
static bool provcard_queue_news(struct provcard_queue *queue, u32 *value)
{
	guard(spinlock_irqsave)(&queue->lock);
	if (!queue->enabled || queue->sq_rung == queue->sq_tail)
		return false;
	queue->sq_rung = queue->sq_tail;
	*value = queue->sq_tail;
	if (queue->releases) {
		*value = PROVCARD_DOORBELL(queue->sq_tail, queue->cq_head);
		queue->cq_unreleased = 0;
	}
	return true;
}

/* Tell the card of all that was submitted. */
void provcard_queue_ring(struct provcard_queue *queue)
{
	u32 value;

	guard(spinlock)(&queue->bell);
	if (provcard_queue_news(queue, &value))
		writel(value, provcard_doorbell(queue));
}

/* One doorbell for all that a thread submits at once, through io_uring. */
struct provcard_plug {
	struct blk_plug_cb plug;
	struct provcard_queue *queue;
	int gate;
};

static void provcard_queue_unplug(struct blk_plug_cb *plug, bool from_schedule)
{
	struct provcard_plug *own = container_of(plug, struct provcard_plug, plug);

	provcard_queue_ring(own->queue);
	provcard_leave(own->queue->card, own->gate);
	kfree(own);
}

/*
 * Ring when the thread has submitted all it wants to, or sleeps. Until then it is inside the gate,
 * whatever becomes of its descriptor.
 */
static void provcard_queue_ring_soon(struct provcard_queue *queue)
{
	struct blk_plug_cb *plug = blk_check_plugged(provcard_queue_unplug, queue,
						     sizeof(struct provcard_plug));
	struct provcard_plug *own = container_of(plug, struct provcard_plug, plug);

	if (!plug) {
		provcard_queue_ring(queue);
		return;
	}
	if (own->queue)
		return;
	own->queue = queue;
	own->gate = srcu_read_lock(&queue->card->gate);
}

static int provcard_queue_put(struct provcard_queue *queue, struct provcard_request *request)
{
	unsigned int limit = request->origin == PROVCARD_ORIGIN_USER ? queue->slots_user :
								       queue->slots_all;
	unsigned int slot;
	int ret;

	guard(spinlock_irqsave)(&queue->lock);
	ret = provcard_queue_may_submit(queue, request);
	if (ret)
		return ret;
	slot = find_first_zero_bit(queue->slots, limit);
	if (slot >= limit)
		return -EAGAIN;

	__set_bit(slot, queue->slots);
	queue->requests[slot] = request;
	request->slot = slot;
	request->submitted = true;
	request->submitted_at = jiffies;
	request->generation = queue->card->generation;
	request->sqe.cid = cpu_to_le16(++queue->cid_generation << 8 | slot);
	queue->depths[ilog2(bitmap_weight(queue->slots, PROVCARD_SQ_ENTRIES))]++;
	if (trace_provcard_complete_enabled())
		request->traced_ns = ktime_get_ns();
	trace_provcard_submit(request);
	queue->sq[queue->sq_tail] = request->sqe;
	queue->sq_tail = (queue->sq_tail + 1) % queue->sq_entries;
	if (request->timeout_ms) {
		request->deadline = jiffies + msecs_to_jiffies(request->timeout_ms);
		provcard_queue_arm(queue, request->deadline);
	}
	return 0;
}

/*
 * Give a command to the card. -EAGAIN: no slot, or a reset in progress; wait on queue->room. Once
 * it is there it may end at any time, and the request with it.
 *
 * The generation is stable here: it changes only while every queue is closed.
 */
int provcard_queue_submit(struct provcard_queue *queue, struct provcard_request *request)
{
	int ret = provcard_queue_put(queue, request);

	if (!ret)
		provcard_queue_ring_soon(queue);
	return ret;
}

void provcard_queue_put_slot(struct provcard_queue *queue, unsigned int slot)
{
	struct provcard *card = queue->card;

	scoped_guard(spinlock_irqsave, &queue->lock)
		__clear_bit(slot, queue->slots);
	wake_up(&queue->room);
	if (wq_has_sleeper(&card->writable))
		wake_up_poll(&card->writable, EPOLLOUT | EPOLLWRNORM);
}

/* Would a user's command not have to wait? It may be refused at once, though. */
bool provcard_queue_has_room(struct provcard_queue *queue)
{
	guard(spinlock_irqsave)(&queue->lock);
	if (queue->closed)
		return queue->closed != -EAGAIN;
	return queue->enabled &&
	       find_first_zero_bit(queue->slots, queue->slots_user) < queue->slots_user;
}

/* The command a completion names, NULL when there is no such one in flight. */
static struct provcard_request *provcard_queue_find(struct provcard_queue *queue, u16 cid)
{
	unsigned int slot = cid & 0xff;

	if (slot >= queue->slots_all || !queue->requests[slot])
		return NULL;
	return le16_to_cpu(queue->requests[slot]->sqe.cid) == cid ? queue->requests[slot] : NULL;
}

/* Every field is fetched once: the card may write the entry again while it is read. */
static bool provcard_queue_take(struct provcard_queue *queue, u16 status)
{
	const struct provcard_hif_cqe *cqe = &queue->cq[queue->cq_head];
	const struct provcard_answer answer = {
		.status = PROVCARD_CQE_STATUS(status),
		.result = le32_to_cpu(READ_ONCE(cqe->result)),
		.length = le32_to_cpu(READ_ONCE(cqe->length)),
	};
	struct provcard_request *request =
		provcard_queue_find(queue, le16_to_cpu(READ_ONCE(cqe->cid)));

	if (!request || le16_to_cpu(READ_ONCE(cqe->sq_id)) != queue->id ||
	    answer.length > request->out_limit)
		return false;
	if (++queue->cq_head == queue->cq_entries) {
		queue->cq_head = 0;
		queue->phase ^= PROVCARD_CQE_PHASE;
	}
	queue->cq_unreleased++;
	queue->overdue = false;
	WRITE_ONCE(queue->completions, queue->completions + 1);
	provcard_queue_end(queue, request, &answer);
	return true;
}

static bool provcard_queue_pending(struct provcard_queue *queue, u16 *status)
{
	*status = le16_to_cpu(READ_ONCE(queue->cq[queue->cq_head].status));
	return (*status & PROVCARD_CQE_PHASE) == queue->phase;
}

/* Take what has come. Ends: each completion takes a command out of flight or disables the queue. */
bool provcard_queue_reap(struct provcard_queue *queue)
{
	bool any = false;
	u16 status;

	guard(spinlock_irqsave)(&queue->lock);
	while (queue->enabled && provcard_queue_pending(queue, &status)) {
		any = true;
		dma_rmb(); /* the phase first, then the rest of the entry and the out data */
		if (!provcard_queue_take(queue, status)) {
			dev_err_ratelimited(&queue->card->pdev->dev,
					    "queue %u: completion without a command\n", queue->id);
			queue->enabled = false;
			provcard_reset_schedule(queue->card, queue->card->generation);
		}
	}
	if (queue->enabled && queue->cq_unreleased >= queue->cq_entries / 2) {
		queue->cq_unreleased = 0;
		writel(queue->cq_head, provcard_doorbell(queue) + 4);
	}
	return any;
}

/* An entry that was there at the last look and still is: its interrupt did not come. */
static bool provcard_queue_overdue(struct provcard_queue *queue)
{
	bool before;
	u16 status;

	guard(spinlock_irqsave)(&queue->lock);
	before = queue->overdue;
	queue->overdue = queue->enabled && provcard_queue_pending(queue, &status);
	return before && queue->overdue;
}

/* For the watchdog: a card that forgets its interrupts costs seconds, not each command's time. */
void provcard_queues_look(struct provcard *card)
{
	for (unsigned int id = 0; id <= card->io_queues; id++) {
		struct provcard_queue *queue = &card->queues[id];

		if (!provcard_queue_overdue(queue))
			continue;
		dev_warn_ratelimited(&card->pdev->dev, "queue %u: an interrupt was lost\n", id);
		provcard_queue_reap(queue);
	}
}
