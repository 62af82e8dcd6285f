/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Serial Wire debug port of ADIv5.2, chapter B2: registers, sticky flags, posted access-port transactions. */
#ifndef PART_DP_H
#define PART_DP_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

#define DP_DPIDR 0x0 /* read */
#define DP_ABORT 0x0 /* write */
#define DP_CTRL_STAT 0x4 /* bank 0; bank 1 is DLCR */
#define DP_SELECT 0x8 /* write */
#define DP_RESEND 0x8 /* read */
#define DP_RDBUFF 0xc

#define DP_PORTS 4

enum ack { ACK_OK = 1, ACK_WAIT = 2, ACK_FAULT = 4 };

/* One access port. Registers are word offsets 0x00-0xfc. BUS_WAIT: try the same access again later. */
struct access_port {
	enum bus_result (*read)(void *context, uint8_t reg, uint32_t *value);
	enum bus_result (*write)(void *context, uint8_t reg, uint32_t value);
	void *context;
};

struct dp_transaction {
	bool active, is_read;
	uint8_t port, reg;
	uint32_t value;
};

struct dp {
	uint32_t dpidr;
	struct access_port ports[DP_PORTS];
	uint32_t ctrl_stat, select, turnaround;
	uint32_t result; /* of the last read of an access port */
	uint32_t resend;
	struct dp_transaction pending; /* taken from the host, not finished by the access port */
	uint32_t wait_storm; /* fault: answers of WAIT still to give */
	bool next_fails; /* fault: the next transaction ends in a bus error */
};

void dp_power_on(struct dp *dp);
void dp_line_reset(struct dp *dp);

/* A read with its data, valid when the answer is ACK_OK. */
enum ack dp_read(struct dp *dp, bool is_ap, uint8_t address, uint32_t *data);
/* The answer to a write's header; dp_write follows when it was ACK_OK. */
enum ack dp_write_request(struct dp *dp, bool is_ap, uint8_t address);
void dp_write(struct dp *dp, bool is_ap, uint8_t address, uint32_t data, bool parity_good);

bool dp_overrun_detection(const struct dp *dp);
unsigned int dp_turnaround(const struct dp *dp); /* in clocks */

#endif
