/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A card that breaks the host interface on command. Below the core nothing is the emulated card's but its PCI function: registers,
 * queues, memory accesses and interrupts are here, honest until a rule of the script says otherwise.
 *
 * A script is lines of words, each answered by one line: README.rst.
 *
 * Locks: evil.lock guards everything here; under it dma.lock and irqs.mutex are taken.
 */
#ifndef PROVCARD_EVIL_H
#define PROVCARD_EVIL_H

#include <pthread.h>
#include <stdio.h>

#include "port/emu/endpoint.h"
#include "provcard_hif.h"

#define EVIL_QUEUES 33
#define EVIL_RULES 16
#define EVIL_HELD 256
#define EVIL_TRANSFER_MAX (1u << 20)

/* A completion about to be written: what the misdeeds change. */
struct post {
	struct provcard_hif_cqe cqe; /* without its phase */
	unsigned int ring;
	unsigned int copies;
	unsigned int interrupts;
	unsigned int rewrites; /* with garbage, once it is announced */
	bool wrong_phase;
	bool phase_first; /* the rest of the entry comes after the interrupt */
	bool interrupt_first;
	bool held; /* kept back until "release" */
};

struct evil;

enum misdeed_kind { ON_COMPLETION, ON_REGISTER };

struct misdeed {
	const char *name;
	enum misdeed_kind kind;
	void (*complete)(struct evil *evil, struct post *post, uint64_t value);
	uint64_t offset; /* ON_REGISTER: which, and what is cleared and set in it */
	uint64_t clear;
	uint64_t set;
	bool by_value; /* the rule's value is set in place of @set */
};

struct rule {
	const struct misdeed *misdeed;
	int queue;	    /* -1: any */
	int opcode;	    /* -1: any */
	unsigned int after; /* matches that are let pass */
	unsigned int times; /* matches that are not, 0: all */
	uint64_t value;
	unsigned int seen;
};

struct ring {
	bool used;
	uint64_t sq;
	uint64_t cq;
	uint32_t sq_entries;
	uint32_t cq_entries;
	uint32_t head;
	uint32_t tail;
	uint32_t cq_tail;
	uint16_t phase;
	uint16_t vector;
};

/* Where a command's memory was. */
struct reach {
	uint64_t address;
	uint32_t length;
};

struct evil {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t worker;
	bool stop;
	struct dma *dma;
	struct irqs *irqs;
	unsigned int heads;
	int timer; /* never runs out; the server wants one */

	uint32_t cc, csts, aqa;
	uint64_t asq, acq;
	struct ring rings[EVIL_QUEUES];
	uint32_t handles;
	struct post held[EVIL_HELD];
	unsigned int held_count;
	uint16_t listeners[EVIL_HELD]; /* cids of ASYNC_EVENT */
	unsigned int listener_count;
	struct reach in, out, list; /* of the last service command */

	struct rule rules[EVIL_RULES];
	unsigned int rule_count;
	unsigned int hits;
	unsigned int chance; /* one completion in so many is garbled, 0: none */
	uint64_t random;
	bool storm;
	uint32_t storm_vector;
	pthread_t stormer;
	uint8_t data[EVIL_TRANSFER_MAX];
};

/* The endpoint's controller, once it exists: what a script works on. */
extern struct evil *evil_card;

/* misdeeds.c: under the lock */
const struct misdeed *misdeed_find(const char *name);
void misdeeds_complete(struct evil *evil, struct post *post, unsigned int queue, uint8_t opcode);
uint32_t misdeeds_register(struct evil *evil, uint64_t offset, uint32_t honest);
void misdeeds_list(FILE *answer);
uint64_t evil_random(struct evil *evil);

/* queues.c: under the lock */
void evil_execute(struct evil *evil, unsigned int queue, const struct provcard_hif_sqe *sqe);
void evil_post(struct evil *evil, struct post *post);
void evil_event(struct evil *evil, uint32_t result);

/* script.c: carries out one line and answers it. */
void script_line(char *line, FILE *answer);
/* Serves the control socket at @path in a thread of its own. 0 or a negative errno. */
int script_serve(const char *path);

#endif
