// SPDX-License-Identifier: GPL-2.0-or-later
#include "head/adiv5.h"

#include <assert.h>

#include "provcard-refusal.h"

/* Debug port registers, ADIv5.2 B2.2. */
#define DP_DPIDR 0x0 /* read */
#define DP_ABORT 0x0 /* write */
#define DP_CTRL_STAT 0x4
#define DP_SELECT 0x8 /* write */
#define DP_RDBUFF 0xc /* read */

#define ABORT_CLEAR_ALL 0x1eu /* STKCMPCLR, STKERRCLR, WDERRCLR, ORUNERRCLR */
#define CTRL_ORUNDETECT (1u << 0)
#define STAT_STICKYERR (1u << 5)
#define STAT_WDATAERR (1u << 7)
#define CTRL_POWER_UP (1u << 30 | 1u << 28) /* CSYSPWRUPREQ, CDBGPWRUPREQ */
#define STAT_DEBUG_POWERED (1u << 29) /* CDBGPWRUPACK */
#define STAT_POWERED (1u << 31 | 1u << 29)

/* MEM-AP registers, ADIv5.2 C2.6. */
#define AP_CSW 0x00
#define AP_TAR 0x04
#define AP_DRW 0x0c
#define CSW_WORDS 0x23000012u /* debug master, privileged data access; single increment; 32-bit */
#define TAR_WRAP 0x400u /* TAR is sure to increment within 1 KiB only, C2.2.2 */

#define PATIENCE_ERRORS 3 /* disturbed transfers without progress */
#define PATIENCE_WAITS 60 /* busy answers without progress: about 0.6 s with the pauses below */
#define WAITS_WITHOUT_PAUSE 8
#define PAUSE_MAX_US 12800u

#define FIRST_WINDOW 16
#define PACED_WINDOW 256 /* an overrun wastes the rest of its sequence */
#define FREE_WINDOW 1024
#define IDLE_MAX 16384u

struct patience {
	unsigned int waits, errors;
};

static struct swd_transfer *push(struct adiv5 *dap, bool access_port, bool read, unsigned int reg, uint32_t data)
{
	struct swd_transfer *transfer = &dap->list[dap->count++];

	*transfer = (struct swd_transfer){ .header = swd_header(access_port, read, reg), .data = data };
	return transfer;
}

static void push_select(struct adiv5 *dap, unsigned int port, unsigned int reg)
{
	uint32_t select = (uint32_t)port << 24 | (reg & 0xf0);

	if (dap->select_known && dap->select == select)
		return;
	push(dap, false, false, DP_SELECT, select);
	dap->select = select;
	dap->select_known = true;
}

/* Start a list that uses the MEM-AP. */
static void begin_memory(struct adiv5 *dap)
{
	dap->count = 0;
	push_select(dap, 0, 0);
	if (!dap->memory_ready)
		push(dap, true, false, AP_CSW, CSW_WORDS);
}

static bool transfer_good(const struct swd_transfer *transfer)
{
	return transfer->ack == SWD_ACK_OK && !transfer->parity_error;
}

/* SWD_FAULT when the target does not take it, which only one that has lost the line does. */
static int clear_errors(struct adiv5 *dap, uint32_t *status)
{
	struct swd_transfer look[] = { { .header = swd_header(false, true, DP_CTRL_STAT) },
				       { .header = swd_header(false, false, DP_ABORT), .data = ABORT_CLEAR_ALL } };
	int error = swd_exchange(dap->swd, look, 2);

	if (error)
		return error;
	*status = look[0].data;
	if (look[1].ack != SWD_ACK_OK)
		return PROVCARD_REFUSAL_SWD_FAULT;
	if (!transfer_good(&look[0]))
		return PROVCARD_REFUSAL_SWD_PARITY;
	/* Without the power we asked for it has been off, or this is another part. */
	return *status & STAT_DEBUG_POWERED ? 0 : PROVCARD_REFUSAL_PART_GONE;
}

/* After a garbled header the target is deaf until a line reset. */
static int restore_line(struct adiv5 *dap)
{
	struct swd_transfer look = { .header = swd_header(false, true, DP_DPIDR) };
	uint32_t status;
	int error;

	for (int attempt = 0; attempt < PATIENCE_ERRORS; attempt++) {
		swd_line_reset(dap->swd);
		error = swd_exchange(dap->swd, &look, 1);
		if (error)
			return error;
		if (look.ack == SWD_ACK_OK && look.data == dap->dpidr) {
			error = clear_errors(dap, &status);
			return error ? error : PROVCARD_REFUSAL_SWD_PARITY;
		}
	}
	return PROVCARD_REFUSAL_PART_GONE;
}

/*
 * What became of the transfer at @done, which was not good, and make the port usable again. A write whose data arrived with
 * wrong parity is acknowledged and dropped; the fault that follows it tells, so the one before is the one to repeat.
 */
static int judge(struct adiv5 *dap, size_t *done)
{
	const struct swd_transfer *bad = &dap->list[*done];
	uint32_t status;
	int error;

	if (bad->ack != SWD_ACK_OK && bad->ack != SWD_ACK_WAIT && bad->ack != SWD_ACK_FAULT)
		return restore_line(dap);
	error = clear_errors(dap, &status);
	if (error == PROVCARD_REFUSAL_SWD_FAULT)
		return restore_line(dap);
	if (error)
		return error;
	if (bad->ack == SWD_ACK_WAIT)
		return PROVCARD_REFUSAL_SWD_WAIT;
	if (bad->ack == SWD_ACK_OK)
		return PROVCARD_REFUSAL_SWD_PARITY;
	if (!(status & STAT_WDATAERR) || (status & STAT_STICKYERR))
		return PROVCARD_REFUSAL_SWD_FAULT;
	*done -= *done > 0;
	return PROVCARD_REFUSAL_SWD_PARITY;
}

/* Send the list. On an error @done says how many transfers had their effect, and nothing the target remembers is relied on. */
static int run_list(struct adiv5 *dap, size_t *done)
{
	int error = swd_exchange(dap->swd, dap->list, dap->count);

	*done = 0;
	while (!error && *done < dap->count && transfer_good(&dap->list[*done]))
		(*done)++;
	if (!error && *done < dap->count)
		error = judge(dap, done);
	if (error) {
		dap->select_known = false;
		dap->memory_ready = false;
	}
	return error;
}

/* Is it worth trying again? A busy target is given time. 0, or the error to return. */
static int try_again(struct adiv5 *dap, struct patience *patience, int error, bool progress)
{
	unsigned int step;

	if (progress)
		*patience = (struct patience){ 0 };
	if (error == PROVCARD_REFUSAL_SWD_PARITY)
		return ++patience->errors <= PATIENCE_ERRORS ? 0 : error;
	if (error != PROVCARD_REFUSAL_SWD_WAIT || ++patience->waits > PATIENCE_WAITS)
		return error;
	if (patience->waits <= WAITS_WITHOUT_PAUSE)
		return 0;
	step = patience->waits - WAITS_WITHOUT_PAUSE;
	return swd_delay(dap->swd, step < 8 ? 50u << step : PAUSE_MAX_US);
}

static int power_up(struct adiv5 *dap)
{
	struct patience patience = { 0 };
	size_t done;

	for (;;) {
		int error;

		dap->count = 0;
		push(dap, false, true, DP_CTRL_STAT, 0);
		error = run_list(dap, &done);
		if (!error && (dap->list[0].data & STAT_POWERED) == STAT_POWERED)
			return 0;
		error = try_again(dap, &patience, error ? error : PROVCARD_REFUSAL_SWD_WAIT, false);
		if (error)
			return error;
	}
}

/* One attempt. The target ignores what it does not understand here, so no answer is not yet an error of the line. */
static int connect_once(struct adiv5 *dap)
{
	int error;

	dap->count = 0;
	push(dap, false, true, DP_DPIDR, 0);
	push(dap, false, false, DP_ABORT, ABORT_CLEAR_ALL);
	push(dap, false, false, DP_SELECT, 0);
	push(dap, false, false, DP_CTRL_STAT, CTRL_POWER_UP | CTRL_ORUNDETECT);
	swd_switch_from_jtag(dap->swd);
	error = swd_exchange(dap->swd, dap->list, dap->count);
	if (error)
		return error;
	/* Bit 0 of every DPIDR is one; an open line can look like an acknowledgement but hardly like this. */
	if (dap->list[0].ack != SWD_ACK_OK || !(dap->list[0].data & 1))
		return PROVCARD_REFUSAL_NO_PART;
	for (size_t i = 0; i < dap->count; i++)
		if (!transfer_good(&dap->list[i]))
			return PROVCARD_REFUSAL_SWD_PARITY;
	dap->dpidr = dap->list[0].data;
	dap->select = 0;
	dap->select_known = true;
	return 0;
}

int adiv5_connect(struct adiv5 *dap, struct swd *swd)
{
	int error = 0;

	dap->swd = swd;
	dap->select_known = false;
	dap->memory_ready = false;
	for (int attempt = 0; attempt <= PATIENCE_ERRORS; attempt++) {
		error = connect_once(dap);
		if (!error)
			return power_up(dap);
		if (error != PROVCARD_REFUSAL_SWD_PARITY && error != PROVCARD_REFUSAL_NO_PART)
			return error;
	}
	return error;
}

int adiv5_ap_read(struct adiv5 *dap, unsigned int port, unsigned int reg, uint32_t *value)
{
	struct patience patience = { 0 };
	size_t done;
	int error;

	for (;;) {
		dap->count = 0;
		push_select(dap, port, reg);
		push(dap, true, true, reg, 0);
		push(dap, false, true, DP_RDBUFF, 0);
		error = run_list(dap, &done);
		if (!error) {
			*value = dap->list[dap->count - 1].data;
			return 0;
		}
		error = try_again(dap, &patience, error, false);
		if (error)
			return error;
	}
}

int adiv5_ap_write(struct adiv5 *dap, unsigned int port, unsigned int reg, uint32_t value)
{
	struct patience patience = { 0 };
	size_t done;
	int error;

	for (;;) {
		dap->count = 0;
		push_select(dap, port, reg);
		push(dap, true, false, reg, value);
		push(dap, false, true, DP_RDBUFF, 0);
		error = run_list(dap, &done);
		if (!error)
			return 0;
		error = try_again(dap, &patience, error, false);
		if (error)
			return error;
	}
}

static size_t words_to_wrap(uint32_t address)
{
	return (TAR_WRAP - address % TAR_WRAP) / 4;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

int adiv5_read(struct adiv5 *dap, uint32_t address, uint32_t *words, size_t count)
{
	struct patience patience = { 0 };

	while (count) {
		size_t some = smaller(count, words_to_wrap(address));
		size_t first, done, good;
		int error;

		begin_memory(dap);
		push(dap, true, false, AP_TAR, address);
		/* Reads are posted: each returns what the one before it fetched. */
		first = dap->count + 1;
		for (size_t i = 0; i < some; i++)
			push(dap, true, true, AP_DRW, 0);
		push(dap, false, true, DP_RDBUFF, 0);
		error = run_list(dap, &done);
		good = error ? (done > first ? done - first : 0) : some;
		for (size_t i = 0; i < good; i++)
			words[i] = dap->list[first + i].data;
		dap->memory_ready = !error;
		if (error)
			error = try_again(dap, &patience, error, good > 0);
		if (error)
			return error;
		words += good;
		address += (uint32_t)good * 4;
		count -= good;
	}
	return 0;
}

static void pace_overrun(struct adiv5_pace *pace)
{
	pace->too_few = pace->idle;
	if (pace->enough <= pace->idle)
		pace->enough = 0;
	if (pace->enough)
		pace->idle = (pace->too_few + pace->enough + 1) / 2;
	else
		pace->idle += pace->settled ? 2 + pace->idle / 32 : 16 + pace->idle / 4;
	if (pace->idle > IDLE_MAX)
		pace->idle = IDLE_MAX;
	pace->window = FIRST_WINDOW;
}

static void pace_passed(struct adiv5_pace *pace)
{
	if (pace->idle && !pace->settled) {
		pace->enough = pace->idle;
		if (pace->enough - pace->too_few > (SWD_TRANSFER_CLOCKS + pace->enough) / 32) {
			pace->idle = (pace->too_few + pace->enough) / 2;
			return;
		}
		pace->settled = true;
	}
	pace->window = smaller(2 * pace->window, pace->idle ? PACED_WINDOW : FREE_WINDOW);
}

/* Build a list that writes @count words. */
static void build_write(struct adiv5 *dap, uint32_t address, const uint32_t *words, size_t count, unsigned int idle)
{
	begin_memory(dap);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || address % TAR_WRAP == 0)
			push(dap, true, false, AP_TAR, address);
		push(dap, true, false, AP_DRW, words[i])->idle = (uint16_t)idle;
		address += 4;
	}
	/* Answers when the last write is through, and with a fault if one was not. */
	push(dap, false, true, DP_RDBUFF, 0);
}

static size_t count_words(const struct adiv5 *dap, size_t transfers)
{
	size_t words = 0;

	for (size_t i = 0; i < transfers; i++)
		words += dap->list[i].header == swd_header(true, false, AP_DRW);
	return words;
}

int adiv5_write(struct adiv5 *dap, uint32_t address, const uint32_t *words, size_t count, struct adiv5_pace *pace)
{
	struct patience patience = { 0 };
	struct adiv5_pace unpaced = { .window = FREE_WINDOW };
	bool confirmed = false;

	if (!pace)
		pace = &unpaced;
	if (!pace->window)
		pace->window = FIRST_WINDOW;
	while (count || !confirmed) {
		size_t some = smaller(count, pace->window);
		size_t done, good;
		int error;

		build_write(dap, address, words, some, pace->idle);
		error = run_list(dap, &done);
		good = count_words(dap, done);
		confirmed = !error;
		dap->memory_ready = !error;
		if (!error && some == pace->window)
			pace_passed(pace);
		else if (error == PROVCARD_REFUSAL_SWD_WAIT && good && good < some)
			pace_overrun(pace);
		if (error)
			error = try_again(dap, &patience, error, good > 0);
		if (error)
			return error;
		words += good;
		address += (uint32_t)good * 4;
		count -= good;
	}
	return 0;
}

int adiv5_poke(struct adiv5 *dap, const struct adiv5_poke *pokes, size_t count)
{
	struct patience patience = { 0 };
	size_t done;
	int error;

	assert(count <= ADIV5_POKES);
	for (;;) {
		begin_memory(dap);
		for (size_t i = 0; i < count; i++) {
			push(dap, true, false, AP_TAR, pokes[i].address);
			push(dap, true, false, AP_DRW, pokes[i].value);
		}
		push(dap, false, true, DP_RDBUFF, 0);
		error = run_list(dap, &done);
		dap->memory_ready = !error;
		if (!error)
			return 0;
		error = try_again(dap, &patience, error, false);
		if (error)
			return error;
	}
}
