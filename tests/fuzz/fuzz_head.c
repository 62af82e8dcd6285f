// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A head with a hostile part in its socket: a target that goes wrong in the ways the input says, and whose answers on the line
 * are changed on their way, clock by clock; or a line that carries nothing but the input.
 */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "head/head.h"
#include "provcard-refusal.h"
#include "tests/unit/fake_target.h"

/* Bits of the first byte. */
enum { NOISE = 1, OLD_LOCK = 2, HARDENED = 4, LOCK_LEAKS = 8, FLASH_WEAK = 16, SWAPS = 32, NEVER_READY = 64, BUSY = 128 };

static struct fake_target target;
static struct port_ops ops;
static struct provpkg_view script; /* how many exchanges to leave alone, then what to change in one */
static uint32_t left_alone;
static bool noise, changed;

/* Flips what the script says, from the front of one exchange; noise replaces all. */
static int tampered_swd(void *port, unsigned int head, const struct port_swd *swd)
{
	int error = target.ops.cable_swd(port, head, swd);
	size_t bytes = (swd->clocks + 7) / 8;
	struct provpkg_view flips;

	if (error || (!noise && (!script.size || left_alone--)))
		return error;
	flips = noise ? fuzz_take(&script, bytes) : fuzz_view(&script);
	left_alone = fuzz_u16(&script);
	for (size_t i = 0; i < bytes; i++) {
		uint8_t flip = i < flips.size ? flips.data[i] : 0;

		changed |= noise || flip;
		swd->in[i] = noise ? flip : swd->in[i] ^ flip;
	}
	return 0;
}

void fuzz_begin(void)
{
}

static void make_target(uint8_t kind, struct provpkg_view *input)
{
	fake_target_init(&target);
	ops = target.ops;
	ops.cable_swd = tampered_swd;
	target.port.ops = &ops;
	noise = kind & NOISE;
	changed = false;
	target.old_locked = kind & OLD_LOCK;
	target.hardened_locked = kind & HARDENED;
	target.lock_leaks = kind & LOCK_LEAKS;
	target.flash_weak = kind & FLASH_WEAK;
	target.uid_reads_until_swap = kind & SWAPS ? 1 + fuzz_u8(input) % 4 : 0;
	target.never_ready = kind & NEVER_READY;
	target.busy_clocks = kind & BUSY ? fuzz_u8(input) : 0;
	target.waits = fuzz_u8(input);
	target.spoiled_reads = fuzz_u8(input) % 8;
	target.fault_address = fuzz_u8(input) * 4u;
	left_alone = fuzz_u16(input);
}

/* Codes that a head may give: its own range, or that of an errno. */
static int must_be_code(int result)
{
	FUZZ_MUST(result <= 0 || provcard_refusal_find((unsigned int)result));
	FUZZ_MUST(result <= 0 || (result & 0xff00) == 0x0400);
	return result;
}

static void work(struct head *head)
{
	static const uint8_t image[600] = "an image", key[] = "a key of an odd length";
	static const struct head_region regions[] = { { 0x100, image, sizeof(image) }, { 0x2001, key, sizeof(key) } };
	bool locked = false;
	uint8_t answer[64];

	if (must_be_code(head_erase(head, NULL, NULL)))
		return;
	if (must_be_code(head_program(head, regions, 2, NULL, NULL)) || must_be_code(head_verify(head, regions, 2, NULL, NULL)))
		return;
	/* Who says that it verified has seen those bytes, unless the line lied. */
	FUZZ_MUST(changed || !memcmp((uint8_t *)target.flash + 0x100, image, sizeof(image)));
	if (must_be_code(head_lock(head, HEAD_LOCK_RECOVERABLE)) || must_be_code(head_read_lock(head, &locked)))
		return;
	FUZZ_MUST(changed || !locked || !target.lock_leaks);
	(void)must_be_code(head_uart(head, key, sizeof(key), answer, sizeof(answer), 1000));
	fuzz_accepted();
}

void fuzz_one(struct provpkg_view input)
{
	struct head *head = NULL;
	uint8_t kind = fuzz_u8(&input);

	make_target(kind, &input);
	script = input;
	if (must_be_code(head_attach(&target.port, 0, "nRF52840", &head)) && !head)
		return;
	FUZZ_MUST(head_identity(head)->uid_size <= HEAD_UID_MAX);
	FUZZ_MUST(memchr(head_identity(head)->part, 0, sizeof(head_identity(head)->part)));
	work(head);
	head_detach(head);
}

void fuzz_seeds(void)
{
	static const uint8_t good[] = { 0, 0, 0, 0, 0, 0 };
	static const uint8_t locked[] = { OLD_LOCK, 0, 0, 0, 0, 0 }, hardened[] = { HARDENED, 1, 1, 0, 0, 0 };
	static const uint8_t flips[] = { 0, 0, 0, 0, 3, 0, 2, 0, 0, 1, 2, 0, 4, 0, 0xff, 0xff, 0, 1, 10, 0, 1, 0, 8 };
	static const uint8_t noisy[64] = { NOISE, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x55, 0xaa, 0x11, 0x22 };
	static const uint8_t swaps[] = { SWAPS | BUSY, 1, 20, 0, 0, 0, 0, 0 };

	fuzz_seed("good", good, sizeof(good));
	fuzz_seed("locked", locked, sizeof(locked));
	fuzz_seed("hardened", hardened, sizeof(hardened));
	fuzz_seed("flips", flips, sizeof(flips));
	fuzz_seed("noise", noisy, sizeof(noisy));
	fuzz_seed("swaps", swaps, sizeof(swaps));
}
