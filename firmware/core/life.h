/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The states of a card's life: which one it is in, what it does in each, and the ways between them. */
#ifndef CORE_LIFE_H
#define CORE_LIFE_H

#include "internal.h"
#include "request.h"

/* Sets of states. */
#define LIFE(state) (1u << PROVCARD_CARD_##state)
#define LIFE_SERVICE (LIFE(INITIALISED) | LIFE(OPERATIONAL))
#define LIFE_READABLE (LIFE(BLANK) | LIFE_SERVICE | LIFE(MAINTENANCE) | LIFE(DECOMMISSIONED)) /* ledger and log are open */
#define LIFE_ANY (LIFE_READABLE | LIFE(TAMPERED) | LIFE(FAILED))

/* 0 when @states holds the state that @core is in, else why not: CARD_STOPPED, TAMPERED, NOT_INITIALISED, ... */
int life_permits(struct core *core, unsigned int states);
/* May an approved request for @operation be executed now? */
int life_permits_operation(struct core *core, enum provpkg_operation operation);

/* STATE_EDGE, and whatever keeps a change from being written. */
int operation_set_state(struct request *request);

#endif
