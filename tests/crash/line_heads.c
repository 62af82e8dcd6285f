// SPDX-License-Identifier: GPL-2.0-or-later
/* The heads of a production line, one by one and side by side. */
#include <stdatomic.h>
#include <string.h>

#include "core/internal.h"
#include "tests/crash/line.h"

enum place { AT_WORK, BEFORE_COMMIT, IN_COMMIT, DONE };

struct worker {
	struct line *line;
	struct line_run *run;
	uint32_t handle;
	_Atomic enum place place;
	atomic_bool go;
	thrd_t thread;
};

static _Thread_local struct worker *self;

int __real_commit_run(struct core *core, struct commit *commit);

/* The linker puts this before the core's commit_run(): a head at work beside others waits until it is told to go. */
int __wrap_commit_run(struct core *core, struct commit *commit)
{
	int status;

	if (!self)
		return __real_commit_run(core, commit);
	atomic_store(&self->place, BEFORE_COMMIT);
	while (!atomic_exchange(&self->go, false))
		thrd_yield();
	status = __real_commit_run(core, commit);
	atomic_store(&self->place, AT_WORK);
	return status;
}

static void claim_outcome(struct line *line, const struct line_run *run, const struct provcard_service_unit *unit)
{
	struct claim claim = { .index = run->part };

	if (unit->state != PROVCARD_UNIT_GOOD && unit->state != PROVCARD_UNIT_SCRAP)
		return;
	claim.kind = unit->state == PROVCARD_UNIT_GOOD ? CLAIM_UNIT_GOOD : CLAIM_UNIT_SCRAP;
	board_claim(line->board, claim);
}

static void run_on(struct line *line, struct line_run *run, uint32_t handle)
{
	struct provcard_service_unit unit = { 0 };

	parts_insert(run->head, run->part, run->fate, run->job);
	run->status = station_run(&line->station, handle, run->head, &unit);
	claim_outcome(line, run, &unit);
}

void line_run(struct line *line, struct line_run *run)
{
	uint32_t handle;

	run->status = line_handle(line, run->job, &handle);
	if (run->status)
		return;
	run_on(line, run, handle);
	line_look(line);
}

static int work(void *context)
{
	struct worker *worker = context;

	self = worker;
	chance_seed_thread(worker->run->part);
	run_on(worker->line, worker->run, worker->handle);
	atomic_store(&worker->place, DONE);
	return 0;
}

static size_t queued(struct commit_queue *queue)
{
	size_t count = 0;

	mtx_lock(&queue->lock);
	for (const struct commit *commit = queue->first; commit; commit = commit->next)
		count++;
	mtx_unlock(&queue->lock);
	return count;
}

static void set_led(struct commit_queue *queue, bool led)
{
	mtx_lock(&queue->lock);
	queue->led = led;
	cnd_broadcast(&queue->finished);
	mtx_unlock(&queue->lock);
}

/* Until nobody is at work; false when all are done. */
static bool settle(struct worker *workers, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		while (atomic_load(&workers[i].place) == AT_WORK || atomic_load(&workers[i].place) == IN_COMMIT)
			thrd_yield();
		any |= atomic_load(&workers[i].place) != DONE;
	}
	return any;
}

/* Some of those that wait go, in this order, as one batch: while they gather, the queue thinks that a leader is at work. */
static void pass_batch(struct line *line, struct worker *workers, size_t count, struct chance *chance)
{
	struct commit_queue *queue = &line->station.core->commits;
	uint64_t turn = chance_below(chance, count), most = 1 + chance_below(chance, 2 * count);
	size_t passed = 0;

	set_led(queue, true);
	for (size_t i = 0; i < count && passed < most; i++) {
		struct worker *worker = &workers[(i + turn) % count];

		if (atomic_load(&worker->place) != BEFORE_COMMIT)
			continue;
		atomic_store(&worker->place, IN_COMMIT);
		atomic_store(&worker->go, true);
		/* A card that has stopped does not queue. */
		while (queued(queue) == passed && atomic_load(&worker->place) == IN_COMMIT)
			thrd_yield();
		passed = queued(queue);
	}
	set_led(queue, false);
}

void line_run_together(struct line *line, struct line_run *runs, size_t count, struct chance *chance)
{
	struct worker workers[PARTS_HEADS];

	memset(workers, 0, sizeof(workers));
	for (size_t i = 0; i < count; i++) {
		runs[i].status = line_handle(line, runs[i].job, &workers[i].handle);
		workers[i].line = line;
		workers[i].run = &runs[i];
		atomic_init(&workers[i].place, runs[i].status ? DONE : AT_WORK);
	}
	for (size_t i = 0; i < count; i++)
		if (!runs[i].status)
			thrd_create(&workers[i].thread, work, &workers[i]);
	while (settle(workers, count))
		pass_batch(line, workers, count, chance);
	for (size_t i = 0; i < count; i++)
		if (workers[i].thread)
			thrd_join(workers[i].thread, NULL);
	line_look(line);
}
