/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serial Wire Debug: transfers as runs of clocks on a head's cable (ADIv5.2, IHI 0031, chapter B4).
 *
 * Every transfer is sent with its data phase, whatever the target acknowledges, so a list of any length goes out as one fixed
 * sequence and its acknowledgements are read afterwards. That is the protocol once the target has ORUNDETECT set; adiv5.c sees
 * to it. A transfer takes 46 clocks in either direction and needs no idle clock before the next.
 *
 * Functions return 0, PART_GONE when the part was pulled, or CABLE.
 */
#ifndef HEAD_SWD_H
#define HEAD_SWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port.h"

#define SWD_TRANSFER_CLOCKS 46u

struct swd {
	const struct port *port;
	unsigned int number; /* of the head */
	uint64_t clocks; /* given since swd_open */
	size_t used; /* clocks built and not yet run */
	uint8_t *out, *drive, *in;
};

enum swd_ack { SWD_ACK_OK = 1, SWD_ACK_WAIT = 2, SWD_ACK_FAULT = 4 };

struct swd_transfer {
	uint8_t header; /* swd_header() */
	uint8_t ack; /* enum swd_ack; anything else is no answer */
	bool parity_error; /* of data read */
	uint16_t idle; /* clocks to let pass after it */
	uint32_t data; /* to write, or read */
};

/* The eight header bits, first one on the wire in bit 0. @address is the register's, 0 to 0xc. */
uint8_t swd_header(bool access_port, bool read, unsigned int address);
bool swd_is_read(const struct swd_transfer *transfer);

/* -ENOMEM, or 0; only memory, the cable is the caller's. */
int swd_open(struct swd *swd, const struct port *port, unsigned int number);
void swd_close(struct swd *swd);

/* More than 50 clocks high, then idle: the target then waits for a read of DPIDR. Built only, goes out with what follows. */
void swd_line_reset(struct swd *swd);
/* The same for a target whose port may still be in JTAG mode. */
void swd_switch_from_jtag(struct swd *swd);
/* Send @count transfers and fill in what came back. */
int swd_exchange(struct swd *swd, struct swd_transfer *transfers, size_t count);
/* Let the part's time pass without clocks. */
int swd_delay(struct swd *swd, uint32_t microseconds);

/* A refusal code for what a function of the port returned. */
int swd_cable_error(int error);

#endif
