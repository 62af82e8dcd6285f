// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nordic nRF52840. Registers: nRF52840 Product Specification 1.7, chapters NVMC, FICR, UICR, CTRL-AP; the names are its own.
 *
 * There are two kinds of silicon. Up to build code D, UICR.APPROTECT closes the debug port when its low byte is other than
 * 0xff. From build code F on ("hardened", Nordic's informational notice IN-141) every reset closes it, unless that byte is 0x5a
 * and the firmware opens it as well; an erase by CTRL-AP opens it until the next reset, so nothing here resets such a part
 * between erase and lock. A low byte of 0x00 closes both kinds. Neither has a lock that an erase by CTRL-AP does not undo.
 */
#include <errno.h>
#include <string.h>

#include "head/cortex_m.h"
#include "head/crc.h"
#include "head/family.h"
#include "provcard-refusal.h"

#define FLASH_SIZE 0x100000u
#define PAGE_SIZE 0x1000u
#define RAM 0x20000000u

#define FICR_DEVICEID 0x10000060u /* two words */
#define FICR_INFO_PART 0x10000100u /* and INFO.VARIANT: four characters, the last two are the build code */
#define PART_NUMBER 0x52840u
#define FIRST_HARDENED_BUILD 'F'

#define UICR_FIRST 0x10001000u
#define UICR_APPROTECT 0x10001208u
#define APPROTECT_ENABLED 0xffffff00u
#define APPROTECT_HARDWARE_DISABLED 0xffffff5au /* hardened silicon only: the other kind takes it as a lock */

#define NVMC_READY 0x4001e400u
#define NVMC_CONFIG 0x4001e504u
#define CONFIG_READ 0u
#define CONFIG_WRITE 1u

#define CTRL_AP 1u
#define CTRL_AP_RESET 0x00
#define CTRL_AP_ERASEALL 0x04
#define CTRL_AP_ERASEALLSTATUS 0x08
#define CTRL_AP_APPROTECTSTATUS 0x0c
#define CTRL_AP_IDR 0x02880000u

#define BLANK 0xffffffffu
#define SHORTEST_GAP 4 /* blank words worth a new address */
#define ERASE_POLL_US 2000u
#define ERASE_POLLS 500
#define READY_POLL_US 20u
#define READY_POLLS 500

static const struct head_part part = {
	.part = "nRF52840",
	.flash_address = 0,
	.flash_size = FLASH_SIZE,
	.page_size = PAGE_SIZE,
	.word_size = 4,
	.permanent_lock = false,
};

static int debug_closed(struct target *target, bool *closed)
{
	uint32_t status;
	int error = adiv5_ap_read(&target->dap, CTRL_AP, CTRL_AP_APPROTECTSTATUS, &status);

	*closed = !(status & 1);
	return error;
}

/* As Nordic's tools print it: one 64-bit number, DEVICEID[1] first, most significant byte first. */
static int unique_id(struct target *target, uint8_t *uid)
{
	uint32_t words[2];
	int error = adiv5_read(&target->dap, FICR_DEVICEID, words, 2);

	for (unsigned int i = 0; !error && i < 8; i++)
		uid[i] = (uint8_t)(words[i < 4 ? 1 : 0] >> (24 - 8 * (i % 4)));
	return error;
}

static int identify_open(struct target *target)
{
	uint32_t info[2];
	int error = adiv5_read(&target->dap, FICR_INFO_PART, info, 2);

	if (error)
		return error;
	if (info[0] != PART_NUMBER)
		return PROVCARD_REFUSAL_WRONG_PART;
	target->hardened = (info[1] >> 8 & 0xff) >= FIRST_HARDENED_BUILD;
	target->identity.uid_size = 8;
	return unique_id(target, target->identity.uid);
}

/* A locked part shows no more than that it is of the nRF52 family. */
static int identify(struct target *target)
{
	struct head_identity *identity = &target->identity;
	uint32_t idr;
	int error = adiv5_ap_read(&target->dap, CTRL_AP, ADIV5_AP_IDR, &idr);

	if (error)
		return error;
	if (idr != CTRL_AP_IDR)
		return PROVCARD_REFUSAL_WRONG_PART;
	*identity = (struct head_identity){ 0 };
	strcpy(identity->part, part.part);
	error = debug_closed(target, &identity->locked);
	return error || identity->locked ? error : identify_open(target);
}

/* Stop the core; where a reset does not close the port, by one, so that no protection set by running firmware is left. */
static int stop(struct target *target)
{
	int error = 0;

	if (!target->halted)
		error = target->hardened ? cortex_m_halt(&target->dap) : cortex_m_reset_halt(&target->dap);
	if (!error)
		target->halted = true;
	return error;
}

static int wait_erased(struct target *target)
{
	for (int i = 0; i < ERASE_POLLS; i++) {
		uint32_t busy;
		int error = adiv5_ap_read(&target->dap, CTRL_AP, CTRL_AP_ERASEALLSTATUS, &busy);

		if (error || !(busy & 1))
			return error;
		error = swd_delay(&target->swd, ERASE_POLL_US);
		if (error)
			return error;
	}
	return PROVCARD_REFUSAL_SWD_WAIT;
}

/* The older silicon looks at its lock in a reset only. */
static int reset_by_port(struct target *target)
{
	int error = adiv5_ap_write(&target->dap, CTRL_AP, CTRL_AP_RESET, 1);

	if (!error)
		error = adiv5_ap_write(&target->dap, CTRL_AP, CTRL_AP_RESET, 0);
	return error ? error : adiv5_connect(&target->dap, &target->swd);
}

static int erase_by_port(struct target *target)
{
	bool closed;
	int error = adiv5_ap_write(&target->dap, CTRL_AP, CTRL_AP_ERASEALL, 1);

	if (!error)
		error = wait_erased(target);
	if (!error)
		error = debug_closed(target, &closed);
	if (!error && closed)
		error = reset_by_port(target);
	return error;
}

static int check_blank(struct target *target, int refusal)
{
	uint32_t first, lock;
	int error = adiv5_read(&target->dap, 0, &first, 1);

	if (!error)
		error = adiv5_read(&target->dap, UICR_APPROTECT, &lock, 1);
	if (!error && (first & lock) != BLANK)
		error = refusal;
	return error;
}

/* One way for open and closed parts of both kinds. @refusal is given when the part does not end up open and blank. */
static int erase_all(struct target *target, struct work *work, int refusal)
{
	int error = erase_by_port(target);

	if (error == PROVCARD_REFUSAL_SWD_WAIT)
		return refusal;
	target->halted = false;
	if (!error && target->identity.locked)
		error = identify(target);
	if (!error && target->identity.locked)
		return refusal;
	if (!error)
		error = stop(target);
	if (!error)
		error = check_blank(target, refusal);
	return error ? error : work_done(work, 1);
}

static int erase(struct target *target, struct work *work)
{
	return erase_all(target, work, PROVCARD_REFUSAL_ERASE_FAILED);
}

static int recover(struct target *target, struct work *work)
{
	return erase_all(target, work, PROVCARD_REFUSAL_RECOVER_FAILED);
}

static int configure(struct target *target, uint32_t config)
{
	const struct adiv5_poke poke = { NVMC_CONFIG, config };

	return adiv5_poke(&target->dap, &poke, 1);
}

static int wait_ready(struct target *target)
{
	for (int i = 0; i < READY_POLLS; i++) {
		uint32_t ready;
		int error = adiv5_read(&target->dap, NVMC_READY, &ready, 1);

		if (error || (ready & 1))
			return error;
		error = swd_delay(&target->swd, READY_POLL_US);
		if (error)
			return error;
	}
	return PROVCARD_REFUSAL_PROGRAM_FAILED;
}

/* Flash, and what of UICR is the user's; the lock word is written by lock() alone. */
static bool writable(const struct head_region *region)
{
	uint64_t end = (uint64_t)region->address + region->size;

	return end <= FLASH_SIZE || (region->address >= UICR_FIRST && end <= UICR_APPROTECT);
}

/* Write what is not blank of target->page, which belongs at @address. */
static int write_page(struct target *target, uint32_t address, size_t words)
{
	const uint32_t *page = target->page;
	size_t start = 0;

	while (start < words) {
		size_t end, blank = 0;
		int error;

		while (start < words && page[start] == BLANK)
			start++;
		for (end = start; end < words && blank < SHORTEST_GAP; end++)
			blank = page[end] == BLANK ? blank + 1 : 0;
		end -= blank;
		error = end > start ? adiv5_write(&target->dap, address + (uint32_t)start * 4, page + start, end - start,
						  &target->pace) :
				      0;
		if (error)
			return error;
		start = end + blank;
	}
	return 0;
}

static int program_region(struct target *target, const struct head_region *region, struct work *work)
{
	uint32_t address = region->address & ~3u;
	uint32_t end = region->address + (uint32_t)region->size;

	while (address < end) {
		uint32_t stop_at = (address / PAGE_SIZE + 1) * PAGE_SIZE;
		size_t words;
		int error;

		if (stop_at > end)
			stop_at = end;
		words = (stop_at - address + 3) / 4;
		for (size_t i = 0; i < words; i++)
			target->page[i] = region_word(region, address + (uint32_t)i * 4);
		error = write_page(target, address, words);
		if (!error)
			error = work_done(work, region_bytes(region, address, stop_at));
		if (error)
			return error;
		address = stop_at;
	}
	return 0;
}

/* Words go straight to the flash: the bus makes a word wait that comes while the one before is still being written. */
static int program(struct target *target, const struct head_region *regions, size_t count, struct work *work)
{
	int error = stop(target);

	if (!error)
		error = configure(target, CONFIG_WRITE);
	for (size_t i = 0; i < count && !error; i++)
		error = writable(&regions[i]) ? program_region(target, &regions[i], work) : PROVCARD_REFUSAL_PROGRAM_FAILED;
	if (!error)
		error = wait_ready(target);
	return error ? error : configure(target, CONFIG_READ);
}

static int compare(struct target *target, const struct head_region *regions, size_t count, struct work *work)
{
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = region_compare(target, &regions[i], work);
	return error;
}

static int verify(struct target *target, const struct head_region *regions, size_t count, struct work *work)
{
	int error;

	for (size_t i = 0; i < count; i++)
		if (!writable(&regions[i]))
			return PROVCARD_REFUSAL_VERIFY_FAILED;
	error = stop(target);
	if (!error)
		error = crc_verify(&target->dap, RAM, regions, count);
	if (error == -EOPNOTSUPP)
		return compare(target, regions, count, work);
	return error ? error : work_done(work, work->total);
}

static int write_lock_word(struct target *target, uint32_t word)
{
	uint32_t written;
	int error = stop(target);

	if (!error)
		error = configure(target, CONFIG_WRITE);
	if (!error)
		error = adiv5_write(&target->dap, UICR_APPROTECT, &word, 1, NULL);
	if (!error)
		error = wait_ready(target);
	if (!error)
		error = configure(target, CONFIG_READ);
	if (!error)
		error = adiv5_read(&target->dap, UICR_APPROTECT, &written, 1);
	if (!error && written != word)
		error = PROVCARD_REFUSAL_LOCK_FAILED;
	return error;
}

static int lock(struct target *target, enum head_lock lock)
{
	if (lock == HEAD_LOCK_RECOVERABLE)
		return write_lock_word(target, APPROTECT_ENABLED);
	if (lock == HEAD_LOCK_PERMANENT)
		return PROVCARD_REFUSAL_LOCK_FAILED;
	return target->hardened ? write_lock_word(target, APPROTECT_HARDWARE_DISABLED) : 0;
}

static int read_lock(struct target *target, bool *locked)
{
	uint32_t word;
	int error = debug_closed(target, locked);

	if (error || !*locked)
		return error;
	error = adiv5_read(&target->dap, 0, &word, 1);
	if (!error)
		return PROVCARD_REFUSAL_LOCK_FAILED;
	return error == PROVCARD_REFUSAL_SWD_FAULT ? 0 : error;
}

const struct family family_nrf52840 = {
	.parts = &part,
	.part_count = 1,
	.identify = identify,
	.unique_id = unique_id,
	.erase = erase,
	.recover = recover,
	.program = program,
	.verify = verify,
	.lock = lock,
	.read_lock = read_lock,
};
