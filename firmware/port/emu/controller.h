/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The controller behind BAR 0: registers, queues and commands as Documentation/host-interface.rst specifies them.
 *
 * The serving thread calls the register functions and the reset; none of them blocks on the card's work. Commands run in
 * threads of the controller's own.
 */
#ifndef PROVCARD_EMU_CONTROLLER_H
#define PROVCARD_EMU_CONTROLLER_H

#include "core/core.h"
#include "dma.h"
#include "irq.h"

struct controller;

struct controller_config {
	const struct port *port; /* the core is started on it, stopped at a shutdown, and started again after that */
	struct dma *dma;
	struct irqs *irqs;
	unsigned int heads;
	uint32_t version; /* of the host interface that is offered */
};

/* Starts the core. NULL when memory or threads are short. */
struct controller *controller_create(const struct controller_config *config);
/* Orderly power off: stops units at their next safe point, then the core. */
void controller_destroy(struct controller *controller);

/* One access to BAR 0; @size bytes at @offset are within it. */
void controller_read(struct controller *controller, uint64_t offset, void *data, size_t size);
void controller_write(struct controller *controller, uint64_t offset, const void *data, size_t size);
/* A reset of the function. When it returns the card touches neither host memory nor interrupts any more. */
void controller_reset(struct controller *controller);
/* The board was broken into: the core destroys what it holds as soon as it runs. Does not block. */
void controller_tamper(struct controller *controller);
/* Something happened that a host may want to know. Does not block. */
void controller_event(void *controller, const struct port_event *event);
/* A timer descriptor; when it is readable call controller_timer(). */
int controller_timer_fd(const struct controller *controller);
void controller_timer(struct controller *controller);

#endif
