/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board that the emulated card is: struct port of firmware/port.h over files, sockets and the clock of this machine. */
#ifndef PROVCARD_EMU_PORT_H
#define PROVCARD_EMU_PORT_H

#include "boot_report.h"
#include "cable_client.h"
#include "state.h"

/* Most heads a card can have: each takes one interrupt vector beside the admin queue's, and MSI has 32. */
#define EMU_HEADS_MAX 31

/* What firmware for it is made for. */
#define EMU_BOARD "provcard-emulated"

struct emu_port {
	struct port port;
	struct state *state;
	int64_t clock_offset; /* seconds that the card's clock is ahead of this machine's */
	unsigned int heads;
	bool present; /* the zeroise jumper is set */
	struct cable cables[EMU_HEADS_MAX];
	struct boot_report boot; /* the boot stage's; no version: there was none, and nobody has measured */
	/* Where events go; set before the endpoint serves, cleared before it is destroyed. */
	pthread_mutex_t mutex;
	void (*event)(void *context, const struct port_event *event);
	void *event_context;
};

void emu_port_init(struct emu_port *emu, struct state *state, const char *serial, unsigned int heads, const char *const *cables,
		   int64_t clock_offset);
/* The tamper input fires: the latch is set and, as tamper logic in silicon does, the root secret destroyed at once. */
void emu_port_tamper(struct emu_port *emu);
void emu_port_listen(struct emu_port *emu, void (*event)(void *context, const struct port_event *event), void *context);

#endif
