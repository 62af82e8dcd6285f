// SPDX-License-Identifier: GPL-2.0-or-later
/* Submission queues: rings in host memory, each read by a thread of its own. */
#include <stdlib.h>

#include "controller_private.h"

void cq_create(struct controller *c, uint16_t id, uint64_t address, uint32_t entries, uint16_t vector)
{
	struct completion_queue *cq = &c->cq[id];

	*cq = (struct completion_queue){ .used = true, .address = address, .entries = entries, .vector = vector, .phase = 1 };
	cq->done_end = &cq->done;
}

void sq_doorbell(struct controller *c, uint16_t id, uint32_t value)
{
	struct submission_queue *sq = &c->sq[id];
	uint32_t tail = sq->releases ? value & 0xffff : value;

	if (!sq->used)
		return;
	if (sq->releases) {
		cq_doorbell(c, sq->cq, value >> 16);
		cq_forget(&c->cq[sq->cq]);
	}
	if (tail >= sq->entries) {
		controller_fatal(c, "a submission doorbell is outside its queue");
		return;
	}
	sq->published += (tail + sq->entries - sq->tail) % sq->entries;
	sq->tail = tail;
	pthread_cond_broadcast(&sq->moved);
}

void cq_doorbell(struct controller *c, uint16_t id, uint32_t head)
{
	struct completion_queue *cq = &c->cq[id];

	if (!cq->used)
		return;
	if (head >= cq->entries) {
		controller_fatal(c, "a completion doorbell is outside its queue");
		return;
	}
	cq->head = head;
	if (cq_postable(c, cq))
		pthread_cond_signal(&c->work);
}

/* Wait for an entry that may be read; false when there will be none. */
static bool await_entry(struct controller *c, struct submission_queue *sq)
{
	for (;;) {
		if (sq->stop || (sq->draining && (c->fatal || sq->head == sq->tail)))
			return false;
		if (!c->fatal && sq->head != sq->tail && sq->count < QUEUE_FETCHED_MAX)
			return true;
		pthread_cond_wait(&sq->moved, &c->lock);
	}
}

static void append(struct controller *c, struct submission_queue *sq, struct command *command)
{
	command->queue = sq;
	command->sequence = c->sequence++;
	*sq->commands_end = command;
	sq->commands_end = &command->next;
	sq->count++;
	sq->long_count += is_head_command(command);
	sq->head = (sq->head + 1) % sq->entries;
	sq->taken++;
	pthread_cond_broadcast(&sq->moved);
}

static void *fetcher_main(void *context)
{
	struct submission_queue *sq = context;
	struct controller *c = sq->controller;
	struct command *command;
	uint64_t address;
	int error;

	pthread_mutex_lock(&c->lock);
	while (await_entry(c, sq)) {
		address = sq->address + (uint64_t)sq->head * sizeof(command->sqe);
		pthread_mutex_unlock(&c->lock);
		command = calloc(1, sizeof(*command));
		error = command ? dma_read(c->config.dma, &c->gate, address, &command->sqe, sizeof(command->sqe)) : -1;
		pthread_mutex_lock(&c->lock);
		if (error) {
			free(command);
			controller_fatal(c, "a submission entry cannot be read");
			continue;
		}
		append(c, sq, command);
		command_dispatch(c, command);
	}
	sq->fetched = true;
	pthread_cond_broadcast(&sq->moved);
	pthread_cond_broadcast(&c->changed);
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int sq_create(struct controller *c, uint16_t id, uint64_t address, uint32_t entries, uint16_t cq)
{
	struct submission_queue *sq = &c->sq[id];
	int error;

	*sq = (struct submission_queue){ .controller = c, .id = id, .cq = cq, .address = address, .entries = entries };
	sq->commands_end = &sq->commands;
	pthread_cond_init(&sq->moved, NULL);
	error = pthread_create(&sq->fetcher, NULL, fetcher_main, sq);
	if (error) {
		pthread_cond_destroy(&sq->moved);
		return -error;
	}
	sq->used = true;
	return 0;
}

void sq_destroy(struct submission_queue *sq)
{
	struct command *command;

	pthread_join(sq->fetcher, NULL);
	while ((command = sq->commands)) {
		sq->commands = command->next;
		free(command);
	}
	pthread_cond_destroy(&sq->moved);
	sq->used = false;
}

void sq_catch_up(struct controller *c, struct submission_queue *sq)
{
	uint64_t wanted = sq->published;

	while (sq->used && !sq->stop && !sq->fetched && !c->fatal && sq->count < QUEUE_FETCHED_MAX && sq->taken < wanted)
		pthread_cond_wait(&sq->moved, &c->lock);
}
