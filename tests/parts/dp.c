// SPDX-License-Identifier: GPL-2.0-or-later
#include "dp.h"

#define ORUNDETECT (1u << 0)
#define STICKYORUN (1u << 1)
#define TRNMODE_SHIFT 2
#define STICKYCMP (1u << 4)
#define STICKYERR (1u << 5)
#define READOK (1u << 6)
#define WDATAERR (1u << 7)
#define MASKLANE_SHIFT 8
#define CDBGRSTREQ (1u << 26)
#define CDBGPWRUPREQ (1u << 28)
#define CSYSPWRUPREQ (1u << 30)
#define STICKY (STICKYORUN | STICKYCMP | STICKYERR | WDATAERR)
#define WRITABLE (ORUNDETECT | 3u << TRNMODE_SHIFT | 0xfu << MASKLANE_SHIFT | CDBGRSTREQ | CDBGPWRUPREQ | CSYSPWRUPREQ)

#define ABORT_DAPABORT (1u << 0)
#define ABORT_STKCMPCLR (1u << 1)
#define ABORT_STKERRCLR (1u << 2)
#define ABORT_WDERRCLR (1u << 3)
#define ABORT_ORUNERRCLR (1u << 4)

#define AP_DRW 0x0c

enum transfer_mode { TRANSFER_NORMAL, TRANSFER_VERIFY, TRANSFER_FIND };

void dp_power_on(struct dp *dp)
{
	dp->ctrl_stat = 0;
	dp->select = 0;
	dp->turnaround = 1;
	dp->result = 0;
	dp->resend = 0;
	dp->pending.active = false;
	dp->wait_storm = 0;
	dp->next_fails = false;
}

/* Sticky flags and power survive; the host cannot know the turnaround, so that one returns to its default. */
void dp_line_reset(struct dp *dp)
{
	dp->turnaround = 1;
	dp->select &= ~0xfu;
}

bool dp_overrun_detection(const struct dp *dp)
{
	return dp->ctrl_stat & ORUNDETECT;
}

unsigned int dp_turnaround(const struct dp *dp)
{
	return dp->turnaround;
}

static unsigned int bank(const struct dp *dp)
{
	return dp->select & 0xf;
}

static uint32_t ctrl_stat(const struct dp *dp)
{
	uint32_t requests = dp->ctrl_stat & (CDBGPWRUPREQ | CSYSPWRUPREQ);

	/* Each acknowledge stands one bit above its request, and follows at once. */
	return dp->ctrl_stat | requests << 1;
}

static enum bus_result port_access(struct dp *dp, const struct dp_transaction *transaction, uint32_t *value)
{
	uint32_t powered = CDBGPWRUPREQ | CSYSPWRUPREQ;

	if (dp->next_fails || (dp->ctrl_stat & powered) != powered) {
		dp->next_fails = false;
		return BUS_FAULT;
	}
	if (transaction->port >= DP_PORTS || !dp->ports[transaction->port].read) {
		*value = 0; /* ADIv5.2 C1: an absent port reads as zero, IDR included */
		return BUS_OK;
	}
	const struct access_port *port = &dp->ports[transaction->port];

	return transaction->is_read ? port->read(port->context, transaction->reg, value)
				    : port->write(port->context, transaction->reg, *value);
}

/* Pushed verify and pushed find, ADIv5.2 B2.3.3: a write of DRW becomes a read that is compared in the chosen byte lanes. */
static enum bus_result compare(struct dp *dp, struct dp_transaction *transaction, enum transfer_mode mode)
{
	struct dp_transaction read = *transaction;
	uint32_t value = 0, mask = 0;

	read.is_read = true;
	enum bus_result result = port_access(dp, &read, &value);

	if (result != BUS_OK)
		return result;
	for (unsigned int lane = 0; lane < 4; lane++)
		if (dp->ctrl_stat & (1u << (MASKLANE_SHIFT + lane)))
			mask |= 0xffu << (8 * lane);
	bool equal = (value & mask) == (transaction->value & mask);

	if (equal == (mode == TRANSFER_FIND))
		dp->ctrl_stat |= STICKYCMP;
	return BUS_OK;
}

/* Try to finish what is pending. */
static void settle(struct dp *dp)
{
	struct dp_transaction *pending = &dp->pending;
	enum transfer_mode mode = (dp->ctrl_stat >> TRNMODE_SHIFT) & 3;
	enum bus_result result;

	if (!pending->active)
		return;
	if (!pending->is_read && mode != TRANSFER_NORMAL && pending->reg == AP_DRW)
		result = compare(dp, pending, mode);
	else
		result = port_access(dp, pending, &pending->value);
	if (result == BUS_WAIT)
		return;
	pending->active = false;
	if (result == BUS_FAULT)
		dp->ctrl_stat |= STICKYERR;
	else if (pending->is_read)
		dp->result = pending->value;
}

static void post(struct dp *dp, bool is_read, uint8_t address, uint32_t value)
{
	dp->pending = (struct dp_transaction){
		.active = true,
		.is_read = is_read,
		.port = (uint8_t)(dp->select >> 24),
		.reg = (uint8_t)((dp->select & 0xf0) | address),
		.value = value,
	};
	settle(dp);
}

/* These three a debug port answers whatever its state is (B4.2.4, B4.2.5). */
static bool always_answered(const struct dp *dp, bool is_ap, bool is_read, uint8_t address)
{
	if (is_ap)
		return false;
	if (address == DP_DPIDR) /* or ABORT */
		return true;
	return is_read && address == DP_CTRL_STAT && bank(dp) == 0;
}

static bool storm(struct dp *dp, bool is_ap)
{
	if (!is_ap || !dp->wait_storm)
		return false;
	dp->wait_storm--;
	return true;
}

static enum ack request(struct dp *dp, bool is_ap, bool is_read, uint8_t address)
{
	enum ack ack = ACK_OK;

	settle(dp);
	if (always_answered(dp, is_ap, is_read, address))
		return ACK_OK;
	if (dp->ctrl_stat & STICKY)
		ack = ACK_FAULT;
	else if (dp->pending.active || storm(dp, is_ap))
		ack = ACK_WAIT;
	if (ack != ACK_OK && dp_overrun_detection(dp))
		dp->ctrl_stat |= STICKYORUN;
	return ack;
}

static void set_read_ok(struct dp *dp, bool good)
{
	dp->ctrl_stat = good ? dp->ctrl_stat | READOK : dp->ctrl_stat & ~READOK;
}

static uint32_t dp_register(const struct dp *dp, uint8_t address)
{
	switch (address) {
	case DP_DPIDR:
		return dp->dpidr;
	case DP_CTRL_STAT:
		if (bank(dp) == 0)
			return ctrl_stat(dp);
		return bank(dp) == 1 ? (dp->turnaround - 1) << 8 | 0x40 : 0;
	case DP_RESEND:
		return dp->resend;
	default:
		return dp->result;
	}
}

enum ack dp_read(struct dp *dp, bool is_ap, uint8_t address, uint32_t *data)
{
	enum ack ack = request(dp, is_ap, true, address);
	bool transfers = is_ap || address == DP_RDBUFF;

	if (transfers)
		set_read_ok(dp, ack == ACK_OK);
	if (ack != ACK_OK)
		return ack;
	if (transfers)
		dp->resend = dp->result;
	*data = is_ap ? dp->result : dp_register(dp, address);
	if (is_ap)
		post(dp, true, address, 0);
	return ACK_OK;
}

enum ack dp_write_request(struct dp *dp, bool is_ap, uint8_t address)
{
	return request(dp, is_ap, false, address);
}

static void write_abort(struct dp *dp, uint32_t data)
{
	if (data & ABORT_DAPABORT)
		dp->pending.active = false;
	if (data & ABORT_STKCMPCLR)
		dp->ctrl_stat &= ~STICKYCMP;
	if (data & ABORT_STKERRCLR)
		dp->ctrl_stat &= ~STICKYERR;
	if (data & ABORT_WDERRCLR)
		dp->ctrl_stat &= ~WDATAERR;
	if (data & ABORT_ORUNERRCLR)
		dp->ctrl_stat &= ~STICKYORUN;
}

void dp_write(struct dp *dp, bool is_ap, uint8_t address, uint32_t data, bool parity_good)
{
	if (!parity_good) {
		dp->ctrl_stat |= WDATAERR;
		return;
	}
	if (is_ap) {
		post(dp, false, address, data);
		return;
	}
	switch (address) {
	case DP_ABORT:
		write_abort(dp, data);
		break;
	case DP_CTRL_STAT:
		if (bank(dp) == 0)
			dp->ctrl_stat = (dp->ctrl_stat & ~WRITABLE) | (data & WRITABLE);
		else if (bank(dp) == 1)
			dp->turnaround = ((data >> 8) & 3) + 1;
		break;
	case DP_SELECT:
		dp->select = data;
		break;
	}
}
