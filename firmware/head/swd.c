// SPDX-License-Identifier: GPL-2.0-or-later
#include "head/swd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "provcard-refusal.h"

#define BUFFER_CLOCKS (512u * 1024u) /* a port's message holds at least this many */

/* Where things lie in the 46 clocks of a transfer, ADIv5.2 figures B4-1 to B4-3: header, turnaround, acknowledgement, then
 * data, parity, turnaround when reading, or turnaround, data, parity when writing. */
#define ACK_AT 9
#define READ_DATA_AT 12
#define WRITE_DATA_AT 13
#define DATA_BITS 33 /* with parity */
#define HEADER_START 0x01
#define HEADER_AP 0x02
#define HEADER_READ 0x04
#define HEADER_PARITY 0x20
#define HEADER_PARK 0x80

#define LINE_RESET_CLOCKS 52
#define LINE_RESET_IDLE 4
#define JTAG_TO_SWD 0xe79eu /* ADIv5.2, B5.2.2, least significant bit first */
#define JTAG_TO_SWD_CLOCKS 16

static uint64_t ones(unsigned int bits)
{
	return (1ull << bits) - 1;
}

static unsigned int parity(uint32_t value)
{
	return (unsigned int)__builtin_parity(value);
}

static void put_bits(uint8_t *bytes, size_t position, uint64_t value, unsigned int count)
{
	while (count) {
		unsigned int shift = position % 8;
		unsigned int taken = 8 - shift < count ? 8 - shift : count;
		uint8_t mask = (uint8_t)(ones(taken) << shift);

		bytes[position / 8] = (uint8_t)((bytes[position / 8] & ~mask) | ((value << shift) & mask));
		value >>= taken;
		position += taken;
		count -= taken;
	}
}

static uint64_t get_bits(const uint8_t *bytes, size_t position, unsigned int count)
{
	uint64_t value = 0;
	unsigned int have = 0;

	while (have < count) {
		unsigned int shift = position % 8;
		unsigned int taken = 8 - shift < count - have ? 8 - shift : count - have;

		value |= (bytes[position / 8] >> shift & ones(taken)) << have;
		position += taken;
		have += taken;
	}
	return value;
}

static void build(struct swd *swd, uint64_t out, uint64_t drive, unsigned int clocks)
{
	put_bits(swd->out, swd->used, out, clocks);
	put_bits(swd->drive, swd->used, drive, clocks);
	swd->used += clocks;
}

static void build_idle(struct swd *swd, unsigned int clocks)
{
	while (clocks) {
		unsigned int some = clocks < 32 ? clocks : 32;

		build(swd, 0, ones(some), some);
		clocks -= some;
	}
}

static int run(struct swd *swd)
{
	struct port_swd wire = { .clocks = swd->used, .out = swd->out, .drive = swd->drive, .in = swd->in };

	swd->clocks += swd->used;
	swd->used = 0;
	return swd_cable_error(swd->port->ops->cable_swd(swd->port->context, swd->number, &wire));
}

static unsigned int transfer_clocks(const struct swd_transfer *transfer)
{
	return SWD_TRANSFER_CLOCKS + transfer->idle;
}

static void build_transfer(struct swd *swd, const struct swd_transfer *transfer)
{
	uint64_t out = transfer->header;
	uint64_t drive = 0xff;

	if (!swd_is_read(transfer)) {
		out |= (transfer->data | (uint64_t)parity(transfer->data) << 32) << WRITE_DATA_AT;
		drive |= ones(DATA_BITS) << WRITE_DATA_AT;
	}
	build(swd, out, drive, SWD_TRANSFER_CLOCKS);
	build_idle(swd, transfer->idle);
}

static void read_transfer(const struct swd *swd, size_t position, struct swd_transfer *transfer)
{
	uint64_t in = get_bits(swd->in, position, SWD_TRANSFER_CLOCKS);

	transfer->ack = (uint8_t)(in >> ACK_AT & 7);
	transfer->parity_error = false;
	if (!swd_is_read(transfer))
		return;
	transfer->data = (uint32_t)(in >> READ_DATA_AT);
	transfer->parity_error = (in >> (READ_DATA_AT + 32) & 1) != parity(transfer->data);
}

uint8_t swd_header(bool access_port, bool read, unsigned int address)
{
	unsigned int header = (access_port ? HEADER_AP : 0) | (read ? HEADER_READ : 0) | (address & 0xc) << 1;

	return (uint8_t)(header | HEADER_START | HEADER_PARK | (parity(header) ? HEADER_PARITY : 0));
}

bool swd_is_read(const struct swd_transfer *transfer)
{
	return transfer->header & HEADER_READ;
}

int swd_cable_error(int error)
{
	if (!error)
		return 0;
	return error == -EPIPE ? PROVCARD_REFUSAL_PART_GONE : PROVCARD_REFUSAL_CABLE;
}

int swd_open(struct swd *swd, const struct port *port, unsigned int number)
{
	*swd = (struct swd){ .port = port, .number = number };
	swd->out = calloc(3, BUFFER_CLOCKS / 8);
	if (!swd->out)
		return -ENOMEM;
	swd->drive = swd->out + BUFFER_CLOCKS / 8;
	swd->in = swd->drive + BUFFER_CLOCKS / 8;
	return 0;
}

void swd_close(struct swd *swd)
{
	/* The buffer held keys on their way to the part. */
	if (swd->out)
		explicit_bzero(swd->out, 3 * (BUFFER_CLOCKS / 8));
	free(swd->out);
	swd->out = NULL;
}

void swd_line_reset(struct swd *swd)
{
	build(swd, ones(LINE_RESET_CLOCKS), ones(LINE_RESET_CLOCKS), LINE_RESET_CLOCKS);
	build_idle(swd, LINE_RESET_IDLE);
}

void swd_switch_from_jtag(struct swd *swd)
{
	build(swd, ones(LINE_RESET_CLOCKS), ones(LINE_RESET_CLOCKS), LINE_RESET_CLOCKS);
	build(swd, JTAG_TO_SWD, ones(JTAG_TO_SWD_CLOCKS), JTAG_TO_SWD_CLOCKS);
	swd_line_reset(swd);
}

int swd_exchange(struct swd *swd, struct swd_transfer *transfers, size_t count)
{
	while (count) {
		size_t start = swd->used;
		size_t some = 0;
		int error;

		while (some < count && swd->used + transfer_clocks(&transfers[some]) <= BUFFER_CLOCKS)
			build_transfer(swd, &transfers[some++]);
		error = run(swd);
		if (error)
			return error;
		for (size_t i = 0; i < some; i++) {
			read_transfer(swd, start, &transfers[i]);
			start += transfer_clocks(&transfers[i]);
		}
		transfers += some;
		count -= some;
	}
	return 0;
}

int swd_delay(struct swd *swd, uint32_t microseconds)
{
	return swd_cable_error(swd->port->ops->cable_delay(swd->port->context, swd->number, microseconds));
}
