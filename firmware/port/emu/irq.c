// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <unistd.h>

#include "irq.h"
#include "statistics.h"

void irqs_init(struct irqs *irqs, uint32_t count)
{
	uint32_t i;

	memset(irqs, 0, sizeof(*irqs));
	pthread_mutex_init(&irqs->mutex, NULL);
	irqs->count = count;
	for (i = 0; i < IRQ_VECTORS_MAX; i++)
		irqs->fd[i] = -1;
}

void irqs_destroy(struct irqs *irqs)
{
	irqs_assign(irqs, 0, irqs->count, NULL);
	pthread_mutex_destroy(&irqs->mutex);
}

/* The descriptor is the client's and may be anything; it does not block, and when it cannot be written the loss is the client's. */
static void send_pending(struct irqs *irqs, uint32_t vector)
{
	uint64_t one = 1;

	if (!irqs->pending[vector] || irqs->fd[vector] < 0 || !irqs->master)
		return;
	irqs->pending[vector] = false;
	if (write(irqs->fd[vector], &one, sizeof(one)) == sizeof(one))
		statistics_count(STATISTIC_INTERRUPTS);
}

void irqs_assign(struct irqs *irqs, uint32_t start, uint32_t count, const int *fds)
{
	uint32_t i;

	pthread_mutex_lock(&irqs->mutex);
	for (i = start; i < start + count; i++) {
		if (irqs->fd[i] >= 0)
			close(irqs->fd[i]);
		irqs->fd[i] = fds ? fds[i - start] : -1;
		send_pending(irqs, i);
	}
	pthread_mutex_unlock(&irqs->mutex);
}

void irqs_fire(struct irqs *irqs, uint32_t vector)
{
	pthread_mutex_lock(&irqs->mutex);
	irqs->pending[vector] = true;
	send_pending(irqs, vector);
	pthread_mutex_unlock(&irqs->mutex);
}

void irqs_set_master(struct irqs *irqs, bool master)
{
	uint32_t i;

	pthread_mutex_lock(&irqs->mutex);
	irqs->master = master;
	for (i = 0; i < irqs->count; i++)
		send_pending(irqs, i);
	pthread_mutex_unlock(&irqs->mutex);
}

void irqs_quiet(struct irqs *irqs)
{
	pthread_mutex_lock(&irqs->mutex);
	memset(irqs->pending, 0, sizeof(irqs->pending));
	pthread_mutex_unlock(&irqs->mutex);
}

uint64_t irqs_pending(struct irqs *irqs)
{
	uint64_t bits = 0;
	uint32_t i;

	pthread_mutex_lock(&irqs->mutex);
	for (i = 0; i < irqs->count; i++)
		bits |= (uint64_t)irqs->pending[i] << i;
	pthread_mutex_unlock(&irqs->mutex);
	return bits;
}
