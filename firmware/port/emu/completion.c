// SPDX-License-Identifier: GPL-2.0-or-later
/* Completion queues: entries in the host's ring, and when an interrupt announces them. */
#include <endian.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "controller_private.h"
#include "statistics.h"

static bool has_room(const struct completion_queue *cq)
{
	return (cq->tail + 1) % cq->entries != cq->head;
}

/* Behind a closed gate entries are dropped, and that needs no room. */
bool cq_postable(const struct controller *c, const struct completion_queue *cq)
{
	return cq->used && !cq->posting && cq->done && (c->gate.closed || has_room(cq));
}

static void command_release(struct controller *c, struct command *command)
{
	struct submission_queue *sq = command->queue;
	struct command **link;

	for (link = &sq->commands; *link != command; link = &(*link)->next)
		;
	*link = command->next;
	if (!*link)
		sq->commands_end = link;
	sq->count--;
	sq->long_count -= is_head_command(command);
	free(command);
	pthread_cond_broadcast(&sq->moved);
	if (c->waiting)
		pthread_cond_signal(&c->work);
}

/* Without the lock. The word with the phase bit becomes visible last. */
static int write_entry(struct controller *c, uint64_t address, const struct provcard_hif_cqe *cqe)
{
	const size_t before = offsetof(struct provcard_hif_cqe, status);
	int error = dma_write(c->config.dma, &c->gate, address, cqe, before);

	atomic_thread_fence(memory_order_seq_cst);
	return error ? error : dma_write(c->config.dma, &c->gate, address + before, &cqe->status, sizeof(cqe->status));
}

/* The host has seen what it released, and waits for no announcement of it. */
void cq_forget(struct completion_queue *cq)
{
	uint32_t unseen = (cq->tail + cq->entries - cq->head) % cq->entries;

	if (cq->unannounced > unseen)
		cq->unannounced = unseen;
}

/* Whether commands will report to this ring soon: an announcement may then be put off. */
static bool more_to_come(const struct controller *c, uint16_t id)
{
	size_t i;

	for (i = 0; i < QUEUES_MAX; i++)
		if (c->sq[i].used && c->sq[i].cq == id &&
		    (c->sq[i].count > c->sq[i].long_count || c->sq[i].published != c->sq[i].taken))
			return true;
	return false;
}

static void arm_timer(struct controller *c)
{
	uint64_t nanoseconds = (uint64_t)(c->coalescing >> 8) * 100000;
	struct itimerspec when = { .it_value = { .tv_nsec = (long)nanoseconds } };

	if (!c->timer_armed)
		c->timer_armed = !timerfd_settime(c->timer, 0, &when, NULL);
}

static void announce(struct controller *c, struct completion_queue *cq)
{
	uint16_t id = (uint16_t)(cq - c->cq);

	if (c->gate.closed || !cq->unannounced)
		return;
	if (id && c->coalescing >> 8 && cq->unannounced <= (c->coalescing & 0xff) && more_to_come(c, id)) {
		arm_timer(c);
		if (c->timer_armed)
			return;
	}
	cq->unannounced = 0;
	irqs_fire(c->config.irqs, cq->vector);
}

static void note_posted(struct completion_queue *cq)
{
	cq->unannounced++;
	statistics_count(STATISTIC_COMMANDS);
}

static void post_one(struct controller *c, struct completion_queue *cq)
{
	struct command *command = cq->done;
	uint64_t address = cq->address + (uint64_t)cq->tail * sizeof(struct provcard_hif_cqe);
	struct provcard_hif_cqe cqe = {
		.result = htole32(command->result.result),
		.length = htole32(command->result.length),
		.sq_head = htole16((uint16_t)command->queue->head),
		.sq_id = htole16(command->queue->id),
		.cid = command->sqe.cid,
		.status = htole16((uint16_t)(command->result.status << 1 | cq->phase)),
	};
	bool failed = true;

	cq->done = command->next_done;
	if (!cq->done)
		cq->done_end = &cq->done;
	if (!c->gate.closed) {
		pthread_mutex_unlock(&c->lock);
		failed = write_entry(c, address, &cqe);
		pthread_mutex_lock(&c->lock);
		cq->tail = (cq->tail + 1) % cq->entries;
		cq->phase ^= !cq->tail;
	}
	if (failed)
		controller_fatal(c, "a completion entry cannot be written");
	else
		note_posted(cq);
	command_release(c, command);
	announce(c, cq);
}

void cq_post(struct controller *c, struct completion_queue *cq)
{
	while (cq_postable(c, cq)) {
		cq->posting = true;
		c->posting++;
		post_one(c, cq);
		cq->posting = false;
		c->posting--;
	}
	if (c->state != CONTROLLER_ON)
		pthread_cond_broadcast(&c->changed);
}

void command_finish(struct controller *c, struct command *command)
{
	struct completion_queue *cq = &c->cq[command->queue->cq];

	command->state = COMMAND_DONE;
	command->next_done = NULL;
	*cq->done_end = command;
	cq->done_end = &command->next_done;
	cq_post(c, cq);
}

void controller_timer(struct controller *c)
{
	uint64_t expirations;
	size_t i;

	if (read(c->timer, &expirations, sizeof(expirations)) != sizeof(expirations))
		return;
	pthread_mutex_lock(&c->lock);
	c->timer_armed = false;
	for (i = 0; i < QUEUES_MAX; i++) {
		if (!c->cq[i].used || !c->cq[i].unannounced || c->gate.closed)
			continue;
		c->cq[i].unannounced = 0;
		irqs_fire(c->config.irqs, c->cq[i].vector);
	}
	pthread_mutex_unlock(&c->lock);
}

int controller_timer_fd(const struct controller *c)
{
	return c->timer;
}
