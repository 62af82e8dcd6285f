/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ARMv7-M core seen from its debug port (ARM DDI 0403, chapter C1): stop it, run code of ours in its RAM.
 *
 * Functions return 0 or a refusal code as adiv5.h; SWD_WAIT also when the core does not stop in time.
 */
#ifndef HEAD_CORTEX_M_H
#define HEAD_CORTEX_M_H

#include "head/adiv5.h"

int cortex_m_halt(struct adiv5 *dap);
/* System reset, stopped before the first instruction: peripherals are in their reset state. */
int cortex_m_reset_halt(struct adiv5 *dap);
/* The halted core starts at @entry, in Thumb state, interrupts masked, until it meets a breakpoint instruction. */
int cortex_m_start(struct adiv5 *dap, uint32_t entry);
/* SWD_WAIT when the core still runs after @timeout_us; it goes on running. */
int cortex_m_wait(struct adiv5 *dap, uint32_t timeout_us);

#endif
