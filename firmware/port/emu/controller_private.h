/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the controller: shared by registers.c, lifecycle.c, queue.c, completion.c, scheduler.c, transport.c and buffer.c.
 *
 * Locks: controller.lock guards everything here. It is held for short stretches only, never across host memory accesses and
 * never across calls into the core; under it dma.lock and irqs.mutex may be taken.
 *
 * Life of a command: a queue's fetcher thread reads its entry and appends it to the queue's list; a thread of the pool picks it
 * when the order rules allow, executes it and moves it to its completion queue's list; there it is posted as soon as the ring
 * has room, and only then leaves the queue's list.
 */
#ifndef PROVCARD_EMU_CONTROLLER_PRIVATE_H
#define PROVCARD_EMU_CONTROLLER_PRIVATE_H

#include <stdatomic.h>

#include "controller.h"
#include "emu_port.h"
#include "provcard_hif.h"

#define HIF_VERSION_1_0 0x00010000
#define QUEUE_ENTRIES_MAX 256
#define QUEUE_FETCHED_MAX 512 /* commands of one queue in flight; a host that keeps to its rings never gets there */
#define TRANSFER_SHIFT 22 /* MDTS */
#define TRANSFER_MAX (1u << TRANSFER_SHIFT)
#define READY_TIMEOUT 120 /* TO, 500 ms units: a unit may be far from its safe point */
#define QUEUES_MAX (EMU_HEADS_MAX + 1)
#define POOL_MAX (EMU_HEADS_MAX * 2 + 4)
#define EVENTS_MAX 64
#define ASYNC_EVENTS_MAX 4

/* A command's buffer in host memory. */
struct segment {
	uint64_t address;
	uint32_t length;
	uint32_t start; /* within the buffer */
};

struct buffer {
	struct controller *controller;
	size_t size;
	size_t count;
	struct segment one; /* when a list would be too much */
	struct segment *segments;
};

enum command_state { COMMAND_WAITING, COMMAND_RUNNING, COMMAND_DONE };

struct command {
	struct command *next; /* in the queue's list, by age */
	struct command *next_done; /* in the completion queue's list */
	struct submission_queue *queue;
	uint64_t sequence; /* age among all queues */
	enum command_state state;
	atomic_bool aborted; /* the core looks at it without the lock */
	struct provcard_hif_sqe sqe;
	struct core_result result;
};

struct completion_queue {
	bool used;
	uint16_t vector;
	uint32_t entries;
	uint64_t address;
	uint32_t head; /* the host's */
	uint32_t tail;
	uint16_t phase;
	uint32_t unannounced; /* entries without an interrupt yet */
	bool posting; /* a thread is at it */
	struct command *done, **done_end;
};

struct submission_queue {
	struct controller *controller;
	bool used;
	bool stop; /* reset: read nothing more */
	bool draining; /* deletion or shutdown: read on, run nothing more */
	bool fetched; /* the fetcher has ended */
	bool releases; /* its doorbell has the completion queue's head, too */
	uint16_t id;
	uint16_t cq;
	uint32_t entries;
	uint64_t address;
	uint32_t head;
	uint32_t tail; /* the host's */
	uint64_t published, taken; /* entries the host ever submitted, entries read */
	pthread_t fetcher;
	pthread_cond_t moved; /* tail, head, stop or draining changed, or a command left the list */
	struct command *commands, **commands_end;
	size_t count;
	size_t long_count; /* those that work on a head */
};

enum controller_state {
	CONTROLLER_OFF,
	CONTROLLER_ON,
	CONTROLLER_SHUTTING, /* completing what is in flight */
	CONTROLLER_SHUT, /* the core is stopped */
	CONTROLLER_RESETTING, /* queues are being torn down; already not ready to the host */
};

struct controller {
	struct controller_config config;
	struct core *core; /* NULL while shut down */
	pthread_mutex_t lock;
	enum controller_state state;
	bool fatal;
	bool tampered; /* the core is still to be told */
	bool ending; /* controller_destroy() waits for the janitor */
	bool ended; /* and then for the pool */
	uint32_t cc, aqa;
	uint64_t asq, acq;
	uint32_t coalescing; /* value of the feature */
	int timer;
	bool timer_armed;
	struct dma_gate gate; /* closed unless ON or SHUTTING, and not fatal */
	struct submission_queue sq[QUEUES_MAX];
	struct completion_queue cq[QUEUES_MAX];
	struct port_event events[EVENTS_MAX];
	size_t event_count;
	uint32_t jobs[CORE_MAX_JOBS];
	size_t job_count;

	pthread_t janitor; /* enables, resets, shuts down */
	pthread_cond_t changed; /* for the janitor: state, CC, or a command ended */
	pthread_t pool[POOL_MAX];
	size_t pool_size;
	pthread_cond_t work; /* for the pool */
	size_t next_queue; /* where the pool looks first */
	uint64_t sequence;
	size_t waiting; /* commands for the pool, other than those that wait for an event */
	size_t running; /* commands that a thread of the pool executes */
	size_t posting; /* threads in a post */
};

/* registers.c: PROVCARD_FEATURE_* */
bool controller_offers(const struct controller *c, uint32_t feature);

/* lifecycle.c: under the lock */
void lifecycle_control(struct controller *c, uint32_t cc); /* the host writes CC */
void lifecycle_reset(struct controller *c);
void controller_fatal(struct controller *c, const char *why);

/* queue.c: under the lock */
int sq_create(struct controller *c, uint16_t id, uint64_t address, uint32_t entries, uint16_t cq); /* 0 or a negative errno */
void cq_create(struct controller *c, uint16_t id, uint64_t address, uint32_t entries, uint16_t vector);
/* Ends a submission queue whose fetcher has ended and whose list is empty, or is to be thrown away. */
void sq_destroy(struct submission_queue *sq);
void sq_doorbell(struct controller *c, uint16_t id, uint32_t value);
void cq_doorbell(struct controller *c, uint16_t id, uint32_t head);
/* Wait until what the host has submitted so far is read, or cannot be. Gives the lock up meanwhile. */
void sq_catch_up(struct controller *c, struct submission_queue *sq);

/* completion.c: under the lock */
/* The command's result is known: hand it to the host as soon as the ring has room. Gives the lock up meanwhile. */
void command_finish(struct controller *c, struct command *command);
/* Post what waits in this completion queue, as far as there is room. Gives the lock up meanwhile. */
void cq_post(struct controller *c, struct completion_queue *cq);
/* Nothing that the host has released is announced any more. */
void cq_forget(struct completion_queue *cq);
bool cq_postable(const struct controller *c, const struct completion_queue *cq);

/* scheduler.c: under the lock, except pool_main() */
void *pool_main(void *controller);
/* A command was read: refuse it, run it, or leave it to the pool. Gives the lock up meanwhile. */
void command_dispatch(struct controller *c, struct command *command);
/* Works on a head, so it may take seconds and holds up nobody. */
bool is_head_command(const struct command *command);
/* Ask a command to end early. */
void command_abort(struct controller *c, struct command *command);

/* transport.c */
/* Under the lock: 0, or why this transport command is refused at once. */
uint16_t transport_check(struct controller *c, const struct command *command);
/* Under the lock: for a command that stays in flight, what it begins with; false for one that does not. */
bool transport_begin(struct controller *c, struct command *command);
/* Under the lock: whether a command that stays in flight can be executed now. */
bool transport_due(struct controller *c, const struct command *command);
/* Without the lock. */
void transport_execute(struct controller *c, struct command *command);

/* buffer.c: without the lock. 0 or a refusal code. */
uint16_t buffer_parse(struct controller *c, const struct provcard_hif_sgl *sgl, struct buffer *buffer);
void buffer_release(struct buffer *buffer);
int buffer_read(void *buffer, size_t offset, void *data, size_t size);
int buffer_write(void *buffer, size_t offset, const void *data, size_t size);

#endif
