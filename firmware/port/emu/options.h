/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of the emulated card. */
#ifndef PROVCARD_EMU_OPTIONS_H
#define PROVCARD_EMU_OPTIONS_H

#include "emu_port.h"
#include "provcard_hif.h"

struct options {
	const char *socket;
	const char *state;
	const char *serial;
	unsigned int heads;
	const char *cables[EMU_HEADS_MAX];
	unsigned int cable_count;
	uint64_t nv_sizes[PORT_NV_REGIONS];
	int64_t clock_offset;
	bool msi_only;
	uint32_t version; /* of the host interface that is offered */
	bool jumper;
	const char *factory; /* the boot stage's: firmware for a new card's slot A */
	/* The firmware's, from the boot stage: descriptors of its report and of the state folder's lock; -1 without a boot stage. */
	int report;
	int lock;
};

/* What holds when nothing is given. */
#define OPTIONS_DEFAULT { .serial = "EMU0001", .heads = 4, .version = PROVCARD_HIF_VERSION, .report = -1, .lock = -1 }

/* 0 to go on, or the exit status plus one, after a message. */
int options_parse(int argc, char **argv, struct options *options);
const char *options_state_complaint(int error);

#endif
