/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The private peripheral bus of a Cortex-M4 (ARMv7-M, parts B3 and C1): system control, debug control, breakpoints, and the
 * ROM table by which debuggers find them.
 */
#ifndef PART_CORE_H
#define PART_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

#define PPB_BASE 0xe0000000u
#define PPB_SIZE 0x00100000u
#define FPB_COMPARATORS 8
#define FPB_CODE_COMPARATORS 6
#define DWT_COMPARATORS 4
#define PPB_PAGE 0x1000

struct part;

struct core {
	struct part *part;
	bool halted, locked_up, in_reset;
	bool reset_seen, retired; /* sticky bits of DHCSR */
	bool single_step;
	uint32_t debug_control; /* C_* bits of DHCSR */
	uint32_t demcr, dcrdr, dfsr, vtor;
	uint32_t fpb_control, fpb[FPB_COMPARATORS];
	uint32_t scs[PPB_PAGE / 4], dwt[PPB_PAGE / 4], itm[PPB_PAGE / 4]; /* registers that only remember */
	bool reset_requested; /* by AIRCR; the part resets when the current instruction is done */
};

/* @debug: the debug registers too, as when power comes. */
void core_reset(struct core *core, bool debug);
bool core_runs(const struct core *core);
/* The CPU came to a stop by itself: bit of DFSR that says why. */
void core_stopped(struct core *core, uint32_t reason);
void core_add_to_bus(struct core *core, struct part *part, struct bus *bus);

#define DFSR_HALTED (1u << 0)
#define DFSR_BKPT (1u << 1)
#define DFSR_VCATCH (1u << 3)

#endif
