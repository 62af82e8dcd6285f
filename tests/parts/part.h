/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One simulated microcontroller. Front ends reach it by part_clock and the pins below; everything else is inside.
 */
#ifndef PART_PART_H
#define PART_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ap.h"
#include "core.h"
#include "cpu.h"
#include "dp.h"
#include "fault.h"
#include "memory.h"
#include "uart.h"
#include "wire.h"

enum part_reset {
	PART_RESET_POWER, /* power came */
	PART_RESET_PIN, /* reset pin or its equal by the debug port */
	PART_RESET_SOFT, /* AIRCR.SYSRESETREQ */
};

struct part_options {
	const char *flash; /* file of the non-volatile memory; NULL: in memory only */
	uint64_t uid;
	bool real_timing; /* flash takes its time */
	bool hardened; /* silicon whose debug port is closed unless opened */
	uint32_t swclk_hz;
};

/* What is particular to a family of microcontrollers. */
struct family {
	const char *name;
	uint32_t cpu_hz;
	/* Add memory, peripherals and access ports. Returns the family's own state, NULL with a message when it cannot. */
	void *(*create)(struct part *part);
	void (*reset)(void *state, enum part_reset reset);
	bool (*debug_open)(void *state); /* the lock lets the debugger at memory */
	bool (*reset_pin_works)(void *state);
	uint8_t *(*nonvolatile)(void *state, uint32_t address); /* for stuck bits; NULL: no such byte */
	void (*destroy)(void *state);
};

struct part {
	const struct family *family;
	void *state;
	struct part_options options;
	struct wire wire;
	struct dp dp;
	struct ahb_ap ahb_ap;
	struct bus bus;
	struct core core;
	struct cpu *cpu;
	struct uart uart;
	struct faults faults;
	bool powered, reset_asserted;
	bool cpu_active; /* inside part_cpu_run: what happens now happens in the CPU's time */
	bool patient; /* the front end cannot repeat a transaction: pass time instead of answering WAIT */
	uint64_t clocks, nanoseconds; /* since power on */
	uint64_t cpu_nanoseconds; /* up to where the CPU has run */
};

extern const struct family family_nrf52840;

const struct family *family_find(const char *name);

/* Returns NULL after a message on stderr. */
struct part *part_create(const struct family *family, const struct part_options *options);
void part_destroy(struct part *part);

/* One SWCLK cycle: the only place where clocks are counted. Returns the line before the edge. */
bool part_clock(struct part *part, bool driven, bool level);
bool part_level(const struct part *part); /* the line now */
void part_power(struct part *part, bool on);
void part_reset_pin(struct part *part, bool asserted);
void part_delay(struct part *part, uint64_t nanoseconds);
/* Exchange bytes with the running part; returns the number received. */
size_t part_uart(struct part *part, const void *tx, size_t tx_size, void *rx, size_t rx_size, uint32_t timeout_us);

/* For the inside. */
void part_reset(struct part *part, enum part_reset reset);
bool part_debug_open(struct part *part);
bool part_memory_open(struct part *part);
/* Let the CPU run up to the present. */
void part_catch_up(struct part *part);
/* Ideal timing: waiting costs nothing, so a debugger that asks whether the core has stopped sees it stopped if it ever will. */
void part_hurry(struct part *part);
void part_pass(struct part *part, uint64_t nanoseconds);
/* The present of whoever is acting, CPU or debugger. */
uint64_t part_now(const struct part *part);
/* @until is when the non-volatile memory becomes ready: BUS_OK at once, or after the master has been made to wait. */
enum bus_result part_wait_for(struct part *part, enum bus_master master, uint64_t until);

#endif
