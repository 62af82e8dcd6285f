/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every command passes the gate; zeroising shuts it and waits until it is the only one inside. */
#ifndef CORE_GATE_H
#define CORE_GATE_H

struct core;

void gate_enter(struct core *core);
void gate_leave(struct core *core);
/* The caller is inside, and holds request_lock: nobody else shuts the gate. */
void gate_shut(struct core *core);
void gate_open(struct core *core);

#endif
