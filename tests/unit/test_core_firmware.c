// SPDX-License-Identifier: GPL-2.0-or-later
/* A card that gets new firmware: who may do it, what is refused, and every power cut on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/rom.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define NOTHING ((struct provpkg_view){ 0 })
#define PIECE 5000

static struct station station;
static struct vendor vendor, stranger;
static struct rom rom;
static struct provpkg_blob first, second, third; /* security versions 1, 2 and 1 */
static struct fake_port prepared; /* initialised, runs the first from slot A */

static struct provpkg_blob pack(const char *version, uint32_t security_version)
{
	char image[9000];

	memset(image, 'i', sizeof(image));
	snprintf(image + sizeof(image) - 64, 64, "image of version %s", version);
	return vendor_pack(&vendor, FAKE_BOARD, version, security_version, image);
}

static void power_on(void)
{
	assert_int_equal(rom_boot(&rom), 0);
	station_on(&station);
}

static void restart(void)
{
	station_off(&station);
	power_on();
}

static int make_all(void **state)
{
	(void)state;
	vendor_new(&vendor, "Firmware signer");
	vendor_new(&stranger, "Firmware signer");
	first = pack("1.0", 1);
	second = pack("2.0", 2);
	third = pack("1.1", 1);
	station_new(&station, 1);
	station_off(&station);
	rom_new(&rom, &station.board, &vendor);
	rom_put(&station.board, 0, &first);
	rom_set_flags(&station.board, 0, BOOT_GOOD, BOOT_EMPTY);
	power_on();
	station_prepare(&station);
	station_off(&station);
	fake_port_copy(&prepared, &station.board);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	fake_port_free(&prepared);
	station_free(&station);
	rom_free(&rom);
	provpkg_blob_free(&first);
	provpkg_blob_free(&second);
	provpkg_blob_free(&third);
	vendor_free(&vendor);
	vendor_free(&stranger);
	return 0;
}

/* The board as it was prepared, not yet switched on. */
static void begin_anew(void)
{
	if (station.core)
		station_off(&station);
	fake_port_free(&station.board);
	fake_port_copy(&station.board, &prepared);
}

static int set_up(void **state)
{
	(void)state;
	begin_anew();
	power_on();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (station.core)
		station_off(&station);
	return 0;
}

static uint16_t write_at(const struct provpkg_blob *file, uint64_t offset, size_t size, uint64_t whole)
{
	const uint64_t arg[3] = { offset, whole };

	return station_command(&station, PROVCARD_OP_FIRMWARE_WRITE, 0, arg, (struct provpkg_view){ file->data + offset, size }, NULL, 0,
			       NULL);
}

static uint16_t write_file(const struct provpkg_blob *file)
{
	uint16_t code = 0;

	for (size_t done = 0; done < file->size && !code; done += PIECE)
		code = write_at(file, done, file->size - done < PIECE ? file->size - done : PIECE, file->size);
	return code;
}

static uint16_t commit(struct provcard_service_firmware *status)
{
	struct provcard_service_firmware unused;

	return station_command(&station, PROVCARD_OP_FIRMWARE_COMMIT, 0, NULL, NOTHING, status ? status : &unused, sizeof(unused), NULL);
}

static uint16_t load_with(const struct provpkg_blob *file, uint64_t flags)
{
	const uint64_t arg[3] = { flags };
	struct provcard_service_firmware unused;
	uint16_t code = write_file(file);

	return code ? code : station_command(&station, PROVCARD_OP_FIRMWARE_COMMIT, 0, arg, NOTHING, &unused, sizeof(unused), NULL);
}

static uint16_t load(const struct provpkg_blob *file)
{
	uint16_t code = write_file(file);

	return code ? code : commit(NULL);
}

static struct provcard_service_firmware firmware_status(void)
{
	struct provcard_service_firmware status;

	assert_int_equal(station_command(&station, PROVCARD_OP_FIRMWARE_STATUS, 0, NULL, NOTHING, &status, sizeof(status), NULL), 0);
	return status;
}

/* The manifest inside a file. */
static struct provpkg_firmware manifest_of(const struct provpkg_blob *file)
{
	struct provpkg_firmware_layout layout;
	struct provpkg_firmware firmware;

	assert_int_equal(provpkg_firmware_layout_decode(provpkg_blob_view(file), file->size, &layout), 0);
	assert_int_equal(provpkg_firmware_open((struct provpkg_view){ file->data + layout.manifest.offset, (size_t)layout.manifest.size },
					       NULL, &firmware),
			 0);
	return firmware;
}

static uint16_t activate_as(const struct provpkg_blob *file, const struct person *person, uint32_t security_version)
{
	struct provpkg_firmware firmware = manifest_of(file);
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ACTIVATE_FIRMWARE };

	memcpy(request.activate.digest, firmware.sha256, sizeof(firmware.sha256));
	request.activate.security_version = security_version ? security_version : firmware.security_version;
	return station_request(&station, &request, person, NULL);
}

static uint16_t activate(const struct provpkg_blob *file)
{
	return activate_as(file, &station.officer, 0);
}

/* Does the log tell of an activation that came to nothing? */
static bool fell_back(void)
{
	struct station_entry entry;
	bool found = false;

	for (uint64_t i = 0; station_log(&station, i, &entry); i++) {
		found |= entry.record.code == REFUSED(FIRMWARE_FELL_BACK);
		provpkg_blob_free(&entry.bytes);
	}
	return found;
}

/* The newest record of this kind: its code; -1 for none. */
static int last_record(enum provpkg_event event, size_t *attachment)
{
	struct station_entry entry;
	int code = -1;

	for (uint64_t i = 0; station_log(&station, i, &entry); i++) {
		if (entry.record.event == event) {
			code = entry.record.code;
			*attachment = entry.attachment.size;
		}
		provpkg_blob_free(&entry.bytes);
	}
	return code;
}

static void update_runs_through(void **state)
{
	struct provcard_service_firmware status;
	size_t attachment;

	(void)state;
	status = firmware_status();
	assert_int_equal(status.running, 0);
	assert_int_equal(status.floor, 1);
	assert_int_equal(status.slot[1].state, PROVCARD_SLOT_EMPTY);
	assert_int_equal(load(&second), 0);
	status = firmware_status();
	assert_int_equal(status.slot[1].state, PROVCARD_SLOT_STORED);
	assert_string_equal(status.slot[1].version, "2.0");
	assert_int_equal(last_record(PROVPKG_EVENT_FIRMWARE_STORED, &attachment), 0);
	assert_true(attachment > 8000);
	restart();
	assert_int_equal(rom.started, 0);
	assert_int_equal(activate(&second), 0);
	assert_int_equal(firmware_status().slot[1].state, PROVCARD_SLOT_PENDING);
	assert_int_equal(last_record(PROVPKG_EVENT_FIRMWARE_ACTIVATED, &attachment), 0);
	restart();
	status = firmware_status();
	assert_int_equal(status.running, 1);
	assert_int_equal(status.active, 1);
	assert_int_equal(status.floor, 2);
	assert_string_equal(status.firmware, "2.0");
	assert_int_equal(status.slot[0].refusal, REFUSED(FIRMWARE_ROLLBACK));
	assert_int_equal(status.slot[1].state, PROVCARD_SLOT_GOOD);
	assert_int_equal(last_record(PROVPKG_EVENT_FIRMWARE_CONFIRMED, &attachment), 0);
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_OPERATIONAL);
}

static void roll_back_is_refused(void **state)
{
	(void)state;
	assert_int_equal(load(&second), 0);
	assert_int_equal(activate(&second), 0);
	restart();
	assert_int_equal(load(&first), REFUSED(FIRMWARE_ROLLBACK));
	assert_int_equal(load(&third), REFUSED(FIRMWARE_ROLLBACK));
	assert_int_equal(activate(&first), REFUSED(FIRMWARE_ROLLBACK));
	assert_int_equal(firmware_status().running, 1);
}

/* As long as the security version allows it, the one before is a good choice again. */
static void the_one_before_can_be_activated_again(void **state)
{
	(void)state;
	assert_int_equal(load(&third), 0);
	assert_int_equal(activate(&third), 0);
	restart();
	assert_int_equal(firmware_status().running, 1);
	assert_int_equal(activate(&first), 0);
	restart();
	assert_int_equal(firmware_status().running, 0);
	assert_int_equal(firmware_status().active, 0);
}

static void only_officers_activate(void **state)
{
	(void)state;
	assert_int_equal(load(&second), 0);
	assert_int_equal(activate_as(&second, &station.operator, 0), REFUSED(APPROVER_ROLE));
	assert_int_equal(activate_as(&second, &station.stranger, 0), REFUSED(APPROVER_UNKNOWN));
	assert_int_equal(activate_as(&second, &station.officer, 3), REFUSED(FIRMWARE_NOT_STORED));
	assert_int_equal(activate(&third), REFUSED(FIRMWARE_NOT_STORED));
	assert_int_equal(activate(&first), REFUSED(FIRMWARE_NOT_STORED));
	restart();
	assert_int_equal(rom.started, 0);
}

static void only_the_makers_is_stored(void **state)
{
	struct provpkg_blob strange = vendor_pack(&stranger, FAKE_BOARD, "2.0", 2, "i");
	struct provpkg_blob other = vendor_pack(&vendor, "another-board", "2.0", 2, "i");
	struct provpkg_blob bent = pack("2.0", 2);

	(void)state;
	assert_int_equal(load(&strange), REFUSED(FIRMWARE_UNTRUSTED));
	assert_int_equal(load(&other), REFUSED(FIRMWARE_WRONG_BOARD));
	bent.data[bent.size - 1] ^= 1;
	assert_int_equal(load(&bent), REFUSED(FIRMWARE_DIGEST));
	bent.data[PROVPKG_HEADER_SIZE + 1] ^= 0x80;
	assert_int_equal(load(&bent), REFUSED(FIRMWARE_DER));
	bent.data[0] ^= 1;
	assert_int_equal(load(&bent), REFUSED(FIRMWARE_FILE));
	/* The slot was not touched by any of them. */
	assert_int_equal(firmware_status().slot[1].state, PROVCARD_SLOT_EMPTY);
	assert_int_equal(rom_flags(&station.board).sequence, rom_flags(&prepared).sequence);
	provpkg_blob_free(&strange);
	provpkg_blob_free(&other);
	provpkg_blob_free(&bent);
}

/* Who offers the same file with each start wears no memory out, and does not write over the one to fall back to. */
static void what_is_there_is_not_written_again(void **state)
{
	uint64_t entries;

	(void)state;
	assert_int_equal(load_with(&first, 2), PROVCARD_REFUSAL_INVALID_FIELD);
	assert_int_equal(load_with(&first, PROVCARD_FIRMWARE_IF_NEW), 0);
	assert_int_equal(firmware_status().slot[1].state, PROVCARD_SLOT_EMPTY);
	assert_int_equal(load_with(&second, PROVCARD_FIRMWARE_IF_NEW), 0);
	assert_int_equal(firmware_status().slot[1].state, PROVCARD_SLOT_STORED);
	entries = station_status(&station).log_size;
	assert_int_equal(load_with(&second, PROVCARD_FIRMWARE_IF_NEW), 0);
	assert_int_equal(station_status(&station).log_size, entries);
	assert_int_equal(load_with(&third, PROVCARD_FIRMWARE_IF_NEW), 0);
	assert_int_equal(station_status(&station).log_size, entries + 1);
	assert_int_equal(load_with(&third, 0), 0);
	assert_int_equal(station_status(&station).log_size, entries + 2);
}

static void pieces_follow_each_other(void **state)
{
	struct provpkg_blob longer = { OPENSSL_zalloc(second.size + 1), second.size + 1 };

	(void)state;
	assert_int_equal(commit(NULL), REFUSED(INVALID_FIELD));
	assert_int_equal(write_at(&second, PIECE, PIECE, second.size), REFUSED(FIRMWARE_BUSY));
	assert_int_equal(write_at(&second, 0, PIECE, second.size), 0);
	assert_int_equal(write_at(&second, PIECE + 1, PIECE, second.size), REFUSED(INVALID_FIELD));
	assert_int_equal(write_at(&second, PIECE, PIECE, second.size + 1), REFUSED(INVALID_FIELD));
	assert_int_equal(write_at(&second, PIECE, 0, second.size), REFUSED(INVALID_FIELD));
	assert_int_equal(commit(NULL), REFUSED(INVALID_FIELD));
	assert_int_equal(write_at(&second, 0, 100, 100), REFUSED(FIRMWARE_FILE));
	assert_int_equal(write_at(&second, 0, 100, UINT64_MAX), REFUSED(FIRMWARE_TOO_LARGE));
	assert_int_equal(write_at(&second, 0, 100, (96 << 10) + 1), REFUSED(FIRMWARE_TOO_LARGE));
	memcpy(longer.data, second.data, second.size);
	assert_int_equal(load(&longer), REFUSED(TRAILING_DATA));
	assert_int_equal(load(&second), 0);
	provpkg_blob_free(&longer);
}

/* An approved firmware cannot be pushed aside, nor the one to fall back to while a new one is on trial. */
static void what_is_approved_stays(void **state)
{
	(void)state;
	assert_int_equal(load(&second), 0);
	assert_int_equal(activate(&second), 0);
	assert_int_equal(load(&third), REFUSED(FIRMWARE_BUSY));
	assert_int_equal(activate(&second), 0);
	station_off(&station);
	assert_int_equal(rom_boot(&rom), 0);
	assert_int_equal(rom.started, 1);
	/* It crashes; the card comes up with what it had, in a boot stage that lost count. */
	station.board.firmware.slot = 0;
	station_on(&station);
	assert_int_equal(load(&third), REFUSED(FIRMWARE_BUSY));
	assert_int_equal(activate(&second), REFUSED(FIRMWARE_BUSY));
}

/* A package coming in and a firmware coming in share one memory. */
static void packages_and_firmware_wait_for_each_other(void **state)
{
	static uint8_t bytes[8192];
	const struct provpkg_blob some = { bytes, sizeof(bytes) };
	const uint64_t arg[3] = { 0, 2 * sizeof(bytes) };
	uint32_t job = station_job(&station);

	(void)state;
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_WRITE, job, arg, provpkg_blob_view(&some), NULL, 0, NULL), 0);
	assert_int_equal(write_at(&second, 0, PIECE, second.size), REFUSED(FIRMWARE_BUSY));
	assert_int_equal(core_job_delete(station.core, job), 0);
	assert_int_equal(write_at(&second, 0, PIECE, second.size), 0);
	job = station_job(&station);
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_WRITE, job, arg, provpkg_blob_view(&some), NULL, 0, NULL), 0);
	assert_int_equal(write_at(&second, PIECE, PIECE, second.size), REFUSED(FIRMWARE_BUSY));
	assert_int_equal(core_job_delete(station.core, job), 0);
}

static void without_boot_stage_there_are_no_slots(void **state)
{
	struct provcard_service_firmware status;

	(void)state;
	station_off(&station);
	station.board.firmware = (struct port_firmware){ .version = "plain", .slot = PORT_NO_SLOT };
	station_on(&station);
	status = firmware_status();
	assert_int_equal(status.running, PROVCARD_NO_SLOT);
	assert_int_equal(status.active, PROVCARD_NO_SLOT);
	assert_string_equal(status.firmware, "plain");
	assert_int_equal(load(&second), REFUSED(FIRMWARE_NO_SLOTS));
	assert_int_equal(activate(&second), REFUSED(FIRMWARE_NO_SLOTS));
}

/* It starts, and never gets as far as to confirm itself. */
static void a_bad_one_falls_back(void **state)
{
	size_t attachment;

	(void)state;
	assert_int_equal(load(&second), 0);
	assert_int_equal(activate(&second), 0);
	station_off(&station);
	for (unsigned int i = 0; i < BOOT_ATTEMPTS; i++) {
		assert_int_equal(rom_boot(&rom), 0);
		assert_int_equal(rom.started, 1);
	}
	power_on();
	assert_int_equal(rom.started, 0);
	assert_int_equal(firmware_status().slot[1].state, PROVCARD_SLOT_BAD);
	assert_int_equal(firmware_status().floor, 1);
	assert_int_equal(last_record(PROVPKG_EVENT_FIRMWARE_ACTIVATED, &attachment), REFUSED(FIRMWARE_FELL_BACK));
	assert_true(fell_back());
	assert_int_equal(activate(&second), REFUSED(FIRMWARE_NOT_STORED));
	assert_int_equal(load(&third), 0);
	assert_int_equal(activate(&third), 0);
	restart();
	assert_string_equal(firmware_status().firmware, "1.1");
}

/* A self-test that fails, or a memory that cannot be read, is no good start. */
static void a_stopped_card_confirms_nothing(void **state)
{
	(void)state;
	assert_int_equal(load(&second), 0);
	assert_int_equal(activate(&second), 0);
	station_off(&station);
	assert_int_equal(rom_boot(&rom), 0);
	rom_flip(&station.board, PORT_NV_LEDGER, 8 * 9000);
	station.board.entropy_fails = true;
	station_on(&station);
	assert_int_not_equal(station_status(&station).fault, 0);
	assert_int_equal(rom_flags(&station.board).slot[1].state, BOOT_TRYING);
	assert_int_equal(station.board.floor, 1);
	assert_int_equal(firmware_status().slot[1].state, PROVCARD_SLOT_TRYING);
}

/* A new owner begins with the firmware that the one before had approved; what is in the slots is the maker's, not an owner's. */
static void zeroising_leaves_the_slots_alone(void **state)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ZEROISE };
	size_t attachment;

	(void)state;
	assert_int_equal(load(&second), 0);
	assert_int_equal(activate(&second), 0);
	assert_int_equal(station_request(&station, &request, &station.officer, NULL), 0);
	assert_int_equal(firmware_status().slot[1].state, PROVCARD_SLOT_PENDING);
	restart();
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_BLANK);
	assert_int_equal(firmware_status().running, 1);
	assert_int_equal(firmware_status().floor, 2);
	assert_int_equal(last_record(PROVPKG_EVENT_FIRMWARE_CONFIRMED, &attachment), 0);
}

/* ---- Power cuts ---- */

/* What was acknowledged before the power went. */
struct told {
	bool stored;
	bool activated;
	bool confirmed;
};

/* The whole way to the new firmware, with so many starts that come to nothing; ends when the power does. */
static struct told walk(unsigned int crashes)
{
	struct told told = { 0 };

	if (rom_boot(&rom))
		return told;
	station_on(&station);
	told.stored = !load(&second);
	told.activated = told.stored && !activate(&second);
	station_off(&station);
	for (unsigned int i = 0; i <= crashes; i++)
		if (!told.activated || rom_boot(&rom))
			return told;
	station_on(&station);
	told.confirmed = rom.started == 1 && firmware_status().slot[1].state == PROVCARD_SLOT_GOOD && firmware_status().floor == 2 &&
			 !station_status(&station).fault;
	station_off(&station);
	return told;
}

/* After the power is back: something starts, all that was told holds, and the way can be walked to its end. */
static void assert_whole(const struct told *told)
{
	struct provcard_service_firmware status;

	power_on();
	status = firmware_status();
	assert_int_equal(station_status(&station).fault, 0);
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_OPERATIONAL);
	assert_true(status.floor <= status.security_version);
	if (told->stored)
		assert_true(status.slot[1].state == PROVCARD_SLOT_STORED || status.slot[1].state >= PROVCARD_SLOT_PENDING);
	if (told->activated)
		assert_int_equal(status.running, 1);
	if (told->confirmed)
		assert_int_equal(status.floor, 2);
	assert_int_not_equal(status.slot[1].state, PROVCARD_SLOT_BAD);
	if (status.running == 0 && status.slot[1].state == PROVCARD_SLOT_EMPTY)
		assert_int_equal(load(&second), 0);
	if (status.running == 0 && firmware_status().slot[1].state == PROVCARD_SLOT_STORED)
		assert_int_equal(activate(&second), 0);
	restart();
	status = firmware_status();
	assert_int_equal(status.running, 1);
	assert_int_equal(status.active, 1);
	assert_int_equal(status.floor, 2);
}

static void every_power_cut_leaves_a_slot_that_starts(void **state)
{
	unsigned int cuts = 0;
	bool through = false;

	(void)state;
	for (uint64_t at = 1; !through; at++) {
		for (int cut = FAKE_CUT_LOSE_ALL; cut <= FAKE_CUT_RANDOM; cut++) {
			struct told told;
			size_t attachment;

			begin_anew();
			station.board.power_ends_at = station.board.operations + at;
			told = walk(0);
			through = told.confirmed;
			fake_port_cut(&station.board, (enum fake_cut)cut, at);
			assert_whole(&told);
			/* Whatever came in between, the log has it. */
			assert_int_equal(last_record(PROVPKG_EVENT_FIRMWARE_STORED, &attachment), 0);
			assert_int_equal(last_record(PROVPKG_EVENT_FIRMWARE_ACTIVATED, &attachment), 0);
			assert_int_equal(last_record(PROVPKG_EVENT_FIRMWARE_CONFIRMED, &attachment), 0);
			/* An approval on record is carried out, not given up. */
			assert_false(fell_back());
			station_off(&station);
			cuts++;
		}
	}
	print_message("%u power cuts\n", cuts);
}

/*
 * The last attempt, and the power goes while it confirms itself: it may have lost, but then the one before must start. With the floor
 * raised before the flags, nothing would.
 */
static void power_cuts_in_the_last_attempt(void **state)
{
	unsigned int lost = 0, won = 0;
	struct told told = { 0 };

	(void)state;
	for (uint64_t at = 1; !told.confirmed; at++) {
		begin_anew();
		station.board.power_ends_at = station.board.operations + at;
		told = walk(BOOT_ATTEMPTS - 1);
		fake_port_cut(&station.board, at % 2 ? FAKE_CUT_LOSE_ALL : FAKE_CUT_KEEP_ALL, at);
		power_on();
		assert_int_equal(station_status(&station).fault, 0);
		assert_true(firmware_status().floor <= firmware_status().security_version);
		if (firmware_status().slot[1].state == PROVCARD_SLOT_BAD)
			lost++;
		won += firmware_status().floor == 2;
	}
	/* Both ends of the way were seen. */
	assert_true(lost > 0 && won > 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(update_runs_through),
		TEST(roll_back_is_refused),
		TEST(the_one_before_can_be_activated_again),
		TEST(only_officers_activate),
		TEST(only_the_makers_is_stored),
		TEST(what_is_there_is_not_written_again),
		TEST(pieces_follow_each_other),
		TEST(what_is_approved_stays),
		TEST(packages_and_firmware_wait_for_each_other),
		TEST(without_boot_stage_there_are_no_slots),
		TEST(a_bad_one_falls_back),
		TEST(zeroising_leaves_the_slots_alone),
		TEST(a_stopped_card_confirms_nothing),
		cmocka_unit_test_setup_teardown(power_cuts_in_the_last_attempt, NULL, tear_down),
		cmocka_unit_test_setup_teardown(every_power_cut_leaves_a_slot_that_starts, NULL, tear_down),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
