// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_target.h"

#include <errno.h>
#include <string.h>

enum state { DEAF, RESET, IDLE, HEADER, ACK, READ, WRITE, TURN };

#define ORUNDETECT 1u
#define STICKYORUN 2u
#define STICKYERR 0x20u
#define WDATAERR 0x80u
#define S_HALT (1u << 17)
#define S_REGRDY (1u << 16)
#define S_RESET_ST (1u << 25)

#define IS_AP(target) ((target)->header & 2)
#define IS_READ(target) ((target)->header & 4)
#define REGISTER(target) ((target)->header >> 1 & 0xc)

static bool take(uint32_t *count)
{
	if (!*count)
		return false;
	if (*count != FAKE_ALWAYS)
		(*count)--;
	return true;
}

static void read_lock_word(struct fake_target *target)
{
	bool lock_word = (target->uicr[0x82] & 0xff) != 0xff;

	target->closed = target->hardened_locked || target->old_locked || (lock_word && !target->lock_does_nothing);
}

static uint32_t *memory(struct fake_target *target, uint32_t address)
{
	if (address < sizeof(target->flash))
		return &target->flash[address / 4];
	if (address - 0x10001000u < sizeof(target->uicr))
		return &target->uicr[(address - 0x10001000u) / 4];
	return NULL;
}

static uint32_t read_uid(struct fake_target *target, unsigned int word)
{
	if (word == 0)
		target->uid_reads++;
	if (target->uid_reads_until_swap && target->uid_reads > target->uid_reads_until_swap)
		return target->uid[word] ^ 1;
	return target->uid[word];
}

static bool bus_read(struct fake_target *target, uint32_t address, uint32_t *value)
{
	uint32_t *word = memory(target, address);

	if ((target->closed && !target->lock_leaks) || (target->fault_address && address == target->fault_address))
		return false;
	if (word)
		*value = *word;
	else if (address == 0x10000060 || address == 0x10000064)
		*value = read_uid(target, address == 0x10000064);
	else if (address == 0x10000100)
		*value = target->part_number;
	else if (address == 0x10000104)
		*value = target->variant;
	else if (address == 0x4001e400)
		*value = !target->never_ready && target->clocks >= target->busy_until;
	else if (address == 0xe000edf0) {
		*value = target->dhcsr | S_REGRDY;
		target->dhcsr &= ~S_RESET_ST;
	} else {
		*value = 0;
	}
	return true;
}

static bool bus_write(struct fake_target *target, uint32_t address, uint32_t value)
{
	uint32_t *word = memory(target, address);

	if (target->closed || (target->fault_address && address == target->fault_address))
		return false;
	if (word && target->nvmc_config == 1) {
		*word &= target->flash_weak ? value | 0x80 : value;
		/* The port holds one word while the flash is busy with another. */
		target->held_until = target->clocks < target->busy_until ? target->busy_until : target->clocks;
		target->busy_until = target->held_until + target->busy_clocks;
	} else if (address == 0x4001e504) {
		target->nvmc_config = value;
	} else if (address == 0xe000edf0) {
		target->dhcsr = (target->dhcsr & ~S_HALT) | (value & 2 ? S_HALT : 0);
	} else if (address == 0xe000ed0c) {
		target->dhcsr |= S_RESET_ST;
		read_lock_word(target);
	}
	return true;
}

static void erase(struct fake_target *target)
{
	if (target->erase_does_nothing)
		return;
	memset(target->flash, 0xff, sizeof(target->flash));
	memset(target->uicr, 0xff, sizeof(target->uicr));
	target->old_locked = false;
	if (target->hardened_locked)
		target->closed = false; /* until the next reset */
}

static uint32_t ctrl_ap_read(struct fake_target *target, uint32_t reg)
{
	switch (reg) {
	case 0x08:
		return target->erase_never_ends;
	case 0x0c:
		return !target->closed;
	case 0xfc:
		return target->ctrl_ap_idr;
	default:
		return 0;
	}
}

static void ctrl_ap_write(struct fake_target *target, uint32_t reg, uint32_t value)
{
	if (reg == 0x04 && value)
		erase(target);
	if (reg == 0x00 && value)
		read_lock_word(target);
}

static void access_port(struct fake_target *target, uint32_t value)
{
	uint32_t reg = (target->select & 0xf0) | REGISTER(target);
	bool good = true;

	if (target->select >> 24 == 1) {
		if (IS_READ(target))
			target->result = ctrl_ap_read(target, reg);
		else
			ctrl_ap_write(target, reg, value);
	} else if (reg == 4 && !IS_READ(target)) {
		target->tar = value;
	} else if (reg == 12) {
		good = IS_READ(target) ? bus_read(target, target->tar, &target->result) : bus_write(target, target->tar, value);
		target->tar = (target->tar & ~0x3ffu) | ((target->tar + 4) & 0x3ff);
	}
	if (!good)
		target->ctrl_stat |= STICKYERR;
}

static uint8_t acknowledge(struct fake_target *target)
{
	bool always = !IS_AP(target) && (REGISTER(target) == 0 || (IS_READ(target) && REGISTER(target) == 4));
	bool busy = target->clocks < target->held_until && (IS_AP(target) || REGISTER(target) == 12);
	uint8_t ack = 1;

	if (always)
		return 1;
	if (target->ctrl_stat & (STICKYORUN | STICKYERR | WDATAERR))
		ack = 4;
	else if (busy || (IS_AP(target) && take(&target->waits)))
		ack = 2;
	target->overruns += ack == 2;
	if (ack != 1 && (target->ctrl_stat & ORUNDETECT))
		target->ctrl_stat |= STICKYORUN;
	return ack;
}

static uint32_t read_data(struct fake_target *target)
{
	uint32_t previous = target->result;

	if (IS_AP(target)) {
		target->drw_reads += REGISTER(target) == 12;
		access_port(target, 0);
		return previous;
	}
	switch (REGISTER(target)) {
	case 0:
		return 0x2ba01477;
	case 4:
		return target->ctrl_stat | (target->ctrl_stat & 0x50000000) << 1;
	default:
		return target->result;
	}
}

static void write_data(struct fake_target *target, uint32_t value, bool good)
{
	if (IS_AP(target) && REGISTER(target) == 12 && ++target->drw_writes == target->spoiled_write)
		good = false;
	if (!good)
		target->ctrl_stat |= WDATAERR;
	else if (IS_AP(target))
		access_port(target, value);
	else if (REGISTER(target) == 0)
		target->ctrl_stat &= ~((value & 4 ? STICKYERR : 0) | (value & 8 ? WDATAERR : 0) | (value & 16 ? STICKYORUN : 0));
	else if (REGISTER(target) == 4)
		target->ctrl_stat = (target->ctrl_stat & 0xa2) | (value & 0x50000001);
	else if (REGISTER(target) == 8)
		target->select = value;
}

static void go(struct fake_target *target, enum state state)
{
	target->state = state;
	target->count = 0;
	target->bits = 0;
}

static void send(struct fake_target *target, bool level)
{
	target->driving = true;
	target->level = level;
}

static void start_read(struct fake_target *target)
{
	bool data = target->ack == 1;
	uint32_t value = data ? read_data(target) : 0;
	uint64_t parity = (uint64_t)__builtin_parity(value);

	go(target, READ);
	if (data && target->drw_reads > target->spoiled_read_after && take(&target->spoiled_reads))
		parity ^= 1;
	target->bits = value | parity << 32;
}

static void header_bit(struct fake_target *target, bool level)
{
	target->header |= (uint8_t)(level << target->count);
	if (++target->count < 8)
		return;
	target->transfers++;
	/* Parity over the four bits before it, stop bit low, park bit high. */
	if (target->transfers == target->deaf_at || __builtin_parity(target->header & 0x3e) || (target->header & 0xc0) != 0x80) {
		go(target, DEAF);
		return;
	}
	target->ack = acknowledge(target);
	go(target, ACK);
}

/* What happens at the rising edge; the data phase comes whatever the acknowledgement, as with overrun detection. */
static void edge(struct fake_target *target, bool driven, bool level)
{
	target->driving = false;
	target->ones = driven && level ? target->ones + 1 : 0;
	if (target->ones >= 50) {
		go(target, RESET);
		return;
	}
	switch ((enum state)target->state) {
	case DEAF:
		break;
	case RESET:
		if (driven && !level)
			go(target, IDLE);
		break;
	case IDLE:
		if (!driven || !level)
			break;
		go(target, HEADER);
		target->header = 0;
		header_bit(target, level);
		break;
	case HEADER:
		header_bit(target, level);
		break;
	case ACK: /* clocks 8 to 10: the bit is on the line before the next edge */
		if (target->count < 3)
			send(target, target->ack >> target->count & 1);
		if (++target->count < 4)
			break;
		if (!IS_READ(target)) {
			go(target, WRITE);
			break;
		}
		start_read(target);
		send(target, target->bits & 1);
		target->count = 1;
		break;
	case READ:
		if (target->count < 33)
			send(target, target->bits >> target->count & 1);
		if (++target->count == 34)
			go(target, TURN);
		break;
	case WRITE: /* the turnaround, then 33 bits */
		if (target->count)
			target->bits |= (uint64_t)level << (target->count - 1);
		if (++target->count < 34)
			break;
		if (target->ack == 1)
			write_data(target, (uint32_t)target->bits,
				   (unsigned int)__builtin_parity((uint32_t)target->bits) == target->bits >> 32);
		go(target, IDLE);
		break;
	case TURN:
		go(target, IDLE);
		break;
	}
}

static bool bit(const uint8_t *bytes, size_t index)
{
	return bytes[index / 8] >> index % 8 & 1;
}

static int cable_swd(void *port, unsigned int head, const struct port_swd *swd)
{
	struct fake_target *target = port;
	size_t traced = (swd->clocks + 7) / 8 < FAKE_TRACE ? (swd->clocks + 7) / 8 : FAKE_TRACE;

	(void)head;
	target->exchanges++;
	if (target->swd_error && !take(&target->swd_calls_left))
		return target->swd_error;
	memcpy(target->trace_out, swd->out, traced);
	memcpy(target->trace_drive, swd->drive, traced);
	target->trace_clocks = swd->clocks;
	memset(swd->in, 0, (swd->clocks + 7) / 8);
	for (size_t i = 0; i < swd->clocks; i++) {
		bool driven = bit(swd->drive, i);
		bool level = driven ? bit(swd->out, i) : !target->driving || target->level;

		if (++target->clocks == target->flip_at)
			level = !level;
		swd->in[i / 8] |= (uint8_t)(level << i % 8);
		if (target->present)
			edge(target, driven, level);
	}
	return 0;
}

static unsigned int heads(void *port)
{
	(void)port;
	return 1;
}

static int cable_open(void *port, unsigned int head)
{
	struct fake_target *target = port;
	int error = target->open_error;

	(void)head;
	target->open_error = target->reopen_error;
	return error;
}

static void cable_close(void *port, unsigned int head)
{
	struct fake_target *target = port;

	(void)head;
	/* Whoever is plugged in next has a cable that works. */
	target->swd_error = 0;
}

static int cable_power(void *port, unsigned int head, bool on)
{
	struct fake_target *target = port;

	(void)head;
	if (on)
		return 0;
	target->powered_off++;
	target->ctrl_stat = 0;
	target->dhcsr = 0;
	go(target, DEAF);
	read_lock_word(target);
	return 0;
}

static int cable_delay(void *port, unsigned int head, uint32_t microseconds)
{
	struct fake_target *target = port;

	(void)head;
	(void)microseconds;
	target->busy_until = target->held_until = 0;
	return 0;
}

static int cable_uart(void *port, unsigned int head, const void *tx, size_t tx_size, void *rx, size_t rx_size,
		      uint32_t timeout_us, size_t *received)
{
	struct fake_target *target = port;
	size_t size = target->uart_answer ? strlen(target->uart_answer) : 0;

	(void)head;
	(void)tx;
	(void)tx_size;
	(void)timeout_us;
	*received = size < rx_size ? size : rx_size;
	if (*received)
		memcpy(rx, target->uart_answer, *received);
	return 0;
}

void fake_target_init(struct fake_target *target)
{
	memset(target, 0, sizeof(*target));
	target->ops = (struct port_ops){
		.heads = heads,
		.cable_open = cable_open,
		.cable_close = cable_close,
		.cable_swd = cable_swd,
		.cable_power = cable_power,
		.cable_delay = cable_delay,
		.cable_uart = cable_uart,
	};
	target->port = (struct port){ .ops = &target->ops, .context = target, .serial = "fake" };
	target->present = true;
	target->part_number = 0x52840;
	target->variant = 0x41414430; /* AAD0 */
	target->ctrl_ap_idr = 0x02880000;
	target->uid[0] = 0x44556677;
	target->uid[1] = 0x00112233;
	memset(target->flash, 0xff, sizeof(target->flash));
	memset(target->uicr, 0xff, sizeof(target->uicr));
}
