/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A debug target of a few lines that does what a test tells it to, behind a port of its own: for the head's engine and for
 * refusals that a faithful part would hardly ever give. Its core never runs anything, so a routine on it never ends.
 */
#ifndef FAKE_TARGET_H
#define FAKE_TARGET_H

#include "port.h"

#define FAKE_FLASH_WORDS (64 * 1024 / 4)
#define FAKE_ALWAYS 0xffffffffu
#define FAKE_TRACE 4096

struct fake_target {
	struct port port;
	struct port_ops ops;

	/* What it is. */
	bool present, old_locked, hardened_locked;
	uint32_t part_number, variant, ctrl_ap_idr;
	uint32_t uid[2];
	uint32_t flash[FAKE_FLASH_WORDS];
	uint32_t uicr[0x400];

	/* What shall go wrong; counts, FAKE_ALWAYS for ever. */
	int open_error, swd_error, reopen_error;
	uint32_t swd_calls_left; /* then swd_error */
	uint32_t waits; /* accesses to access ports answered WAIT */
	uint32_t spoiled_reads; /* data sent with wrong parity */
	uint32_t spoiled_read_after; /* the first of them after so many reads of DRW */
	uint32_t spoiled_write; /* this write of DRW arrives with wrong parity, counting from 1; 0: none */
	uint32_t deaf_at; /* this transfer's header is not understood, counting from 1; 0: none */
	uint64_t flip_at; /* in this clock both ends see the opposite of what is on the line; 0: never */
	uint32_t fault_address; /* accesses end in a bus error; 0: none */
	uint32_t uid_reads_until_swap; /* then another uid answers; 0: never */
	bool erase_never_ends, erase_does_nothing, flash_weak, lock_does_nothing, lock_leaks, never_ready;
	uint32_t busy_clocks; /* the flash is busy for so long after a word */

	/* What happened. */
	uint64_t clocks;
	uint32_t transfers, drw_reads, drw_writes, uid_reads, overruns, exchanges, powered_off;
	uint8_t trace_out[FAKE_TRACE], trace_drive[FAKE_TRACE]; /* the last exchange, one bit each as on the cable */
	size_t trace_clocks;
	const char *uart_answer;

	/* Inside. */
	unsigned int state, count, ones;
	uint64_t bits;
	uint8_t header, ack;
	bool driving, level;
	uint32_t ctrl_stat, select, csw, tar, result, dhcsr, nvmc_config, ctrl_ap_reset;
	uint64_t busy_until, held_until;
	bool closed;
};

/* A blank, open part of the older silicon in socket 0. */
void fake_target_init(struct fake_target *target);

#endif
