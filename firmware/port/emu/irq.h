/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt vectors as event descriptors of the client. Every function may be called from any thread.
 *
 * A client takes descriptors away and gives others while the card runs. A vector that fires meanwhile is remembered and sent
 * when its descriptor comes, as the pending bit of a masked MSI-X vector would be.
 */
#ifndef PROVCARD_EMU_IRQ_H
#define PROVCARD_EMU_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define IRQ_VECTORS_MAX 32

struct irqs {
	pthread_mutex_t mutex;
	uint32_t count; /* vectors the function has */
	bool master; /* Bus Master Enable: an interrupt message is a memory write */
	int fd[IRQ_VECTORS_MAX]; /* -1: none */
	bool pending[IRQ_VECTORS_MAX];
};

void irqs_init(struct irqs *irqs, uint32_t count);
void irqs_destroy(struct irqs *irqs);
/* Give @count vectors from @start the descriptors @fds, which become ours, or none (NULL). The range is within the vectors. */
void irqs_assign(struct irqs *irqs, uint32_t start, uint32_t count, const int *fds);
void irqs_fire(struct irqs *irqs, uint32_t vector);
void irqs_set_master(struct irqs *irqs, bool master);
/* Forget what is pending. */
void irqs_quiet(struct irqs *irqs);
/* The MSI-X pending bits. */
uint64_t irqs_pending(struct irqs *irqs);

#endif
