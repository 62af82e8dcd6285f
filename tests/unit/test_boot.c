// SPDX-License-Identifier: GPL-2.0-or-later
/* The boot stage: which slot it starts, and what it never starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/unit/rom.h"

#define FIRMWARE(name) PROVCARD_REFUSAL_FIRMWARE_##name

static struct vendor vendor, stranger;
static struct provpkg_blob first, second; /* security versions 1 and 2 */
static struct fake_port board;
static struct rom rom;

static int make_all(void **state)
{
	(void)state;
	vendor_new(&vendor, "Firmware signer");
	vendor_new(&stranger, "Firmware signer");
	first = vendor_pack(&vendor, FAKE_BOARD, "1.0", 1, "the first image");
	second = vendor_pack(&vendor, FAKE_BOARD, "2.0", 2, "the second one");
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	provpkg_blob_free(&first);
	provpkg_blob_free(&second);
	vendor_free(&vendor);
	vendor_free(&stranger);
	return 0;
}

/* A card with its first firmware in slot A, and the second one in slot B. */
static int set_up(void **state)
{
	(void)state;
	fake_port_new(&board, 1);
	rom_new(&rom, &board, &vendor);
	rom_put(&board, 0, &first);
	rom_put(&board, 1, &second);
	rom_set_flags(&board, 0, BOOT_GOOD, BOOT_STORED);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rom_free(&rom);
	fake_port_free(&board);
	return 0;
}

static void assert_starts(unsigned int slot)
{
	assert_int_equal(rom_boot(&rom), 0);
	assert_int_equal(rom.started, slot);
	assert_int_equal(board.firmware.slot, slot);
	assert_string_equal(board.firmware.version, slot ? "2.0" : "1.0");
	assert_int_equal(board.firmware.security_version, slot ? 2 : 1);
}

static void assert_states(enum boot_state a, enum boot_state b)
{
	struct boot_flags flags = rom_flags(&board);

	assert_int_equal(flags.slot[0].state, a);
	assert_int_equal(flags.slot[1].state, b);
}

static void nothing_starts_from_empty_slots(void **state)
{
	(void)state;
	rom_set_flags(&board, 0, BOOT_EMPTY, BOOT_EMPTY);
	assert_int_equal(rom_boot(&rom), FIRMWARE(NOT_STORED));
	assert_int_equal(rom.started, BOOT_SLOTS);
}

static void the_active_one_starts(void **state)
{
	(void)state;
	assert_starts(0);
	assert_states(BOOT_GOOD, BOOT_STORED);
	rom_set_flags(&board, 1, BOOT_GOOD, BOOT_GOOD);
	assert_starts(1);
}

/* Stored is not approved: not even as the last resort. */
static void what_nobody_approved_does_not_start(void **state)
{
	(void)state;
	rom_flip(&board, PORT_NV_FIRMWARE_A, 8 * first.size - 1);
	assert_int_equal(rom_boot(&rom), FIRMWARE(DIGEST));
	assert_int_equal(rom.started, BOOT_SLOTS);
	assert_states(BOOT_BAD, BOOT_STORED);
}

static void a_new_one_has_so_many_attempts(void **state)
{
	(void)state;
	rom_set_flags(&board, 0, BOOT_GOOD, BOOT_PENDING);
	for (unsigned int attempt = 1; attempt <= BOOT_ATTEMPTS; attempt++) {
		assert_starts(1);
		assert_states(BOOT_GOOD, BOOT_TRYING);
		assert_int_equal(rom_flags(&board).slot[1].attempts, attempt);
		assert_int_equal(rom_flags(&board).active, 0);
	}
	assert_starts(0);
	assert_int_equal(rom.passed[1], FIRMWARE(FELL_BACK));
	assert_states(BOOT_GOOD, BOOT_BAD);
	assert_starts(0);
	assert_int_equal(rom.passed[1], 0);
}

/* Whatever the power does, an attempt counts before it is made. */
static void attempts_outlive_power_cuts(void **state)
{
	(void)state;
	rom_set_flags(&board, 0, BOOT_GOOD, BOOT_PENDING);
	for (unsigned int i = 0; i < BOOT_ATTEMPTS; i++) {
		assert_starts(1);
		fake_port_cut(&board, FAKE_CUT_LOSE_ALL, 0);
	}
	assert_starts(0);
}

static void an_attempt_that_cannot_be_counted_is_not_made(void **state)
{
	(void)state;
	rom_set_flags(&board, 0, BOOT_GOOD, BOOT_PENDING);
	board.flush_fails[PORT_NV_BOOT] = true;
	assert_starts(0);
	assert_int_equal(rom.passed[1], PROVCARD_REFUSAL_STORAGE_FAILED);
}

static void assert_falls_back(const struct provpkg_blob *file, int code)
{
	rom_put(&board, 1, file);
	rom_set_flags(&board, 0, BOOT_GOOD, BOOT_PENDING);
	assert_starts(0);
	assert_int_equal(rom.passed[1], code);
	assert_states(BOOT_GOOD, BOOT_BAD);
}

static void what_is_not_the_makers_does_not_start(void **state)
{
	struct provpkg_blob strange = vendor_pack(&stranger, FAKE_BOARD, "2.0", 2, "the second one");
	struct provpkg_blob other = vendor_pack(&vendor, "another-board", "2.0", 2, "the second one");
	struct provpkg_blob garbage = { OPENSSL_zalloc(8192), 8192 };

	(void)state;
	assert_falls_back(&strange, FIRMWARE(UNTRUSTED));
	assert_falls_back(&other, FIRMWARE(WRONG_BOARD));
	assert_falls_back(&garbage, FIRMWARE(FILE));
	provpkg_blob_free(&strange);
	provpkg_blob_free(&other);
	provpkg_blob_free(&garbage);
}

/* A bit anywhere in the file, at 200 places and all of the header. */
static void no_bit_may_flip(void **state)
{
	const uint64_t bits = 8 * second.size;

	(void)state;
	for (uint64_t bit = 0; bit < bits; bit += bit < 512 ? 7 : bits / 200) {
		rom_put(&board, 1, &second);
		rom_flip(&board, PORT_NV_FIRMWARE_B, bit);
		rom_set_flags(&board, 0, BOOT_GOOD, BOOT_PENDING);
		assert_starts(0);
		assert_true(rom.passed[1] > 0);
	}
	rom_put(&board, 1, &second);
	rom_set_flags(&board, 0, BOOT_GOOD, BOOT_PENDING);
	assert_starts(1);
}

/* What is measured is what was loaded, so a change between reading and executing is seen. */
static void what_is_executed_is_measured(void **state)
{
	(void)state;
	rom.bend = true;
	assert_int_equal(rom_boot(&rom), FIRMWARE(DIGEST));
	assert_int_equal(rom.started, BOOT_SLOTS);
}

static void below_the_floor_nothing_starts(void **state)
{
	(void)state;
	rom_set_flags(&board, 0, BOOT_GOOD, BOOT_GOOD);
	board.floor = 2;
	assert_starts(1);
	assert_int_equal(rom.passed[0], FIRMWARE(ROLLBACK));
	assert_int_equal(rom_flags(&board).active, 1);
	board.floor = 3;
	assert_int_equal(rom_boot(&rom), FIRMWARE(ROLLBACK));
	assert_int_equal(rom.started, BOOT_SLOTS);
}

/* The machine's own trouble is not the slot's: next time it may be over. */
static void trouble_of_the_machine_condemns_no_slot(void **state)
{
	(void)state;
	rom.load_fails = true;
	assert_int_equal(rom_boot(&rom), -ENOMEM);
	rom.load_fails = false;
	rom.start_fails = true;
	assert_int_equal(rom_boot(&rom), -ENOEXEC);
	rom.start_fails = false;
	assert_starts(0);
	assert_states(BOOT_GOOD, BOOT_STORED);
}

static void without_anchors_nothing_starts(void **state)
{
	STACK_OF(X509) *none = sk_X509_new_null();
	struct vendor bare = { .anchors = none };

	(void)state;
	rom.vendor = &bare;
	assert_int_equal(rom_boot(&rom), FIRMWARE(UNTRUSTED));
	sk_X509_free(none);
	assert_null(boot_anchors(vendor.der.data, 0));
	assert_null(boot_anchors(vendor.der.data, vendor.der.size - 1));
	assert_null(boot_anchors((const uint8_t *)"not a certificate", 17));
}

/* One copy of the flags may be lost; with both gone, what is genuine starts. */
static void damaged_flags(void **state)
{
	enum boot_found found;
	struct boot_flags flags;

	(void)state;
	rom_set_flags(&board, 0, BOOT_GOOD, BOOT_PENDING);
	rom_flip(&board, PORT_NV_BOOT, 8 * (4096 * (rom_flags(&board).sequence % 2) + 8));
	assert_states(BOOT_GOOD, BOOT_STORED);
	assert_starts(0);
	rom_flip(&board, PORT_NV_BOOT, 8 * 8);
	rom_flip(&board, PORT_NV_BOOT, 8 * 4104);
	memset(board.region[PORT_NV_BOOT].now, 0x5a, 8192);
	assert_int_equal(boot_flags_read(&board.port, &flags, &found), 0);
	assert_int_equal(found, BOOT_FLAGS_DAMAGED);
	assert_starts(0);
	rom_flip(&board, PORT_NV_FIRMWARE_A, 8 * first.size - 1);
	assert_starts(1);
}

/* Every cut of every writing of the flags leaves the old ones or the new. */
static void flags_are_written_whole(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct boot_flags before = rom_flags(&board), after = before;

		after.active = (uint32_t)seed % 2;
		after.slot[1] = (struct boot_slot){ BOOT_TRYING, (uint32_t)seed };
		board.power_ends_at = board.operations + 1 + seed % 2;
		(void)boot_flags_write(&board.port, &after);
		fake_port_cut(&board, (enum fake_cut)(seed % 3), seed);
		struct boot_flags now = rom_flags(&board);

		assert_true(now.sequence == before.sequence || now.sequence == before.sequence + 1);
		if (now.sequence == before.sequence)
			assert_memory_equal(&now, &before, sizeof(now));
		else
			assert_int_equal(now.slot[1].attempts, seed);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_starts_from_empty_slots),
		TEST(the_active_one_starts),
		TEST(what_nobody_approved_does_not_start),
		TEST(a_new_one_has_so_many_attempts),
		TEST(attempts_outlive_power_cuts),
		TEST(an_attempt_that_cannot_be_counted_is_not_made),
		TEST(what_is_not_the_makers_does_not_start),
		TEST(no_bit_may_flip),
		TEST(what_is_executed_is_measured),
		TEST(below_the_floor_nothing_starts),
		TEST(trouble_of_the_machine_condemns_no_slot),
		TEST(without_anchors_nothing_starts),
		TEST(damaged_flags),
		TEST(flags_are_written_whole),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
