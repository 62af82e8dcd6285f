/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPU, by libunicorn. It executes memory regions in place and reaches everything else through the bus. A cycle is one
 * halfword of executed code, which makes time deterministic, not exact. Exceptions and interrupts are not taken: a fault
 * locks the core up.
 *
 * Flash that the CPU itself programs can be read back by it from the next basic block or register access on.
 */
#ifndef PART_CPU_H
#define PART_CPU_H

#include <stdbool.h>
#include <stdint.h>

struct bus;
struct cpu;

enum cpu_stop {
	CPU_BUDGET, /* cycles used up, or part_cpu_pause was called */
	CPU_BREAKPOINT,
	CPU_FAULT,
};

enum { CPU_R0 = 0, CPU_SP = 13, CPU_LR = 14, CPU_PC = 15, CPU_XPSR = 16 };

/* NULL when libunicorn refuses. */
struct cpu *part_cpu_create(struct bus *bus);
void part_cpu_destroy(struct cpu *cpu);

/* Registers cleared; stack pointer and start address as given. */
void part_cpu_reset(struct cpu *cpu, uint32_t stack, uint32_t start);
/* Run until @cycles are used up; the number really used is stored. */
enum cpu_stop part_cpu_run(struct cpu *cpu, uint64_t cycles, uint64_t *used);
enum cpu_stop part_cpu_step(struct cpu *cpu);
/* From a bus access of the CPU's own: come back from part_cpu_run soon. */
void part_cpu_pause(struct cpu *cpu);
/* From there too: cycles used so far in this run, and cycles lost in waiting for a slow memory. */
uint64_t part_cpu_used(const struct cpu *cpu);
void part_cpu_stall(struct cpu *cpu, uint64_t cycles);

/* Registers by the numbers of DCRSR. False: no such register. */
bool part_cpu_register_read(struct cpu *cpu, unsigned int number, uint32_t *value);
bool part_cpu_register_write(struct cpu *cpu, unsigned int number, uint32_t value);

/* Hardware breakpoint @index at @address, or none. */
void part_cpu_breakpoint(struct cpu *cpu, unsigned int index, bool enabled, uint32_t address);

#endif
