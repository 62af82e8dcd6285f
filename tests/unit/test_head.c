// SPDX-License-Identifier: GPL-2.0-or-later
/* Every refusal a head can give, on a target that fails as told. What heads do on a faithful part is in test_head_part.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_target.h"
#include "head/head.h"
#include "provcard-refusal.h"

#define REFUSED(call, name) assert_int_equal(call, PROVCARD_REFUSAL_##name)

static uint8_t image[9001];
static const uint8_t key[] = { 1, 2, 3, 4, 5, 6, 7 };
static const struct head_region regions[] = {
	{ .address = 0, .data = image, .size = sizeof(image) },
	{ .address = 0x8003, .data = key, .size = sizeof(key) },
	{ .address = 0x10001080, .data = key, .size = sizeof(key) },
};

#define REGIONS (sizeof(regions) / sizeof(regions[0]))

static int setup(void **state)
{
	struct fake_target *target = malloc(sizeof(*target));

	fake_target_init(target);
	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = i / 512 % 3 == 1 ? 0xff : (uint8_t)(i * 7 + 1);
	*state = target;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct head *attach(struct fake_target *target)
{
	struct head *head;

	assert_int_equal(head_attach(&target->port, 0, "nRF52840", &head), 0);
	return head;
}

static struct head *programmed(struct fake_target *target)
{
	struct head *head = attach(target);

	assert_int_equal(head_erase(head, NULL, NULL), 0);
	assert_int_equal(head_program(head, regions, REGIONS, NULL, NULL), 0);
	return head;
}

static void refuse_attach(struct fake_target *target, unsigned int number, const char *part, int refusal)
{
	struct head *head = (struct head *)target;

	assert_int_equal(head_attach(&target->port, number, part, &head), refusal);
	assert_null(head);
	head_detach(head);
}

static void a_part_is_programmed_verified_and_locked(void **state)
{
	struct fake_target *target = *state;
	struct head *head = attach(target);
	const struct head_identity *identity = head_identity(head);
	const uint8_t uid[8] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77 };
	bool locked;

	assert_string_equal(identity->part, "nRF52840");
	assert_int_equal(identity->uid_size, 8);
	assert_memory_equal(identity->uid, uid, 8);
	assert_false(identity->locked);
	target->flash[5] = 0;
	assert_int_equal(head_erase(head, NULL, NULL), 0);
	assert_int_equal(head_program(head, regions, REGIONS, NULL, NULL), 0);
	assert_memory_equal(target->flash, image, sizeof(image));
	assert_memory_equal((uint8_t *)target->flash + 0x8003, key, sizeof(key));
	assert_int_equal(((uint8_t *)target->flash)[0x8002], 0xff);
	assert_int_equal(head_verify(head, regions, REGIONS, NULL, NULL), 0);
	assert_int_equal(head_read_lock(head, &locked), 0);
	assert_false(locked);
	assert_int_equal(head_lock(head, HEAD_LOCK_RECOVERABLE), 0);
	assert_int_equal(target->powered_off, 1);
	assert_int_equal(head_read_lock(head, &locked), 0);
	assert_true(locked);
	head_detach(head);
	assert_int_equal(target->nvmc_config, 0);
}

static void what_is_not_there_is_refused(void **state)
{
	struct fake_target *target = *state;

	refuse_attach(target, 1, "nRF52840", PROVCARD_REFUSAL_HEAD_UNKNOWN);
	refuse_attach(target, 0, "nRF52841", PROVCARD_REFUSAL_FAMILY_UNKNOWN);
	target->open_error = -ENODEV;
	refuse_attach(target, 0, "nRF52840", PROVCARD_REFUSAL_NO_PART);
	target->open_error = -EBUSY;
	refuse_attach(target, 0, "nRF52840", PROVCARD_REFUSAL_HEAD_BUSY);
	target->open_error = -EPROTO;
	refuse_attach(target, 0, "nRF52840", PROVCARD_REFUSAL_CABLE);
	target->present = false;
	refuse_attach(target, 0, "nRF52840", PROVCARD_REFUSAL_NO_PART);
	target->swd_error = -EPIPE;
	refuse_attach(target, 0, "nRF52840", PROVCARD_REFUSAL_NO_PART);
}

static void another_part_is_refused(void **state)
{
	struct fake_target *target = *state;

	target->part_number = 0x52832;
	refuse_attach(target, 0, "nRF52840", PROVCARD_REFUSAL_WRONG_PART);
	target->part_number = 0x52840;
	target->ctrl_ap_idr = 0;
	refuse_attach(target, 0, "nRF52840", PROVCARD_REFUSAL_WRONG_PART);
}

static void a_locked_part_is_seen_and_left_alone(void **state)
{
	struct fake_target *target = *state;
	struct head *head;

	target->old_locked = target->closed = true;
	head = attach(target);
	assert_true(head_identity(head)->locked);
	assert_int_equal(head_identity(head)->uid_size, 0);
	REFUSED(head_program(head, regions, REGIONS, NULL, NULL), PART_LOCKED);
	REFUSED(head_verify(head, regions, REGIONS, NULL, NULL), PART_LOCKED);
	REFUSED(head_lock(head, HEAD_LOCK_RECOVERABLE), PART_LOCKED);
	head_detach(head);
	assert_int_equal(target->powered_off, 1); /* to see whether it is closed after a reset, too */
}

/* Its erasure was cut short: blank, and closed until it is reset. */
static void a_part_still_closed_is_opened_by_a_restart(void **state)
{
	struct fake_target *target = *state;
	struct head *head;

	target->closed = true;
	head = attach(target);
	assert_false(head_identity(head)->locked);
	assert_int_equal(head_identity(head)->uid_size, 8);
	head_detach(head);
}

static void a_locked_part_is_recovered(void **state)
{
	struct fake_target *target = *state;
	struct head *head;

	target->old_locked = target->closed = true;
	head = attach(target);
	assert_int_equal(head_erase(head, NULL, NULL), 0);
	assert_false(head_identity(head)->locked);
	assert_int_equal(head_identity(head)->uid_size, 8);
	assert_int_equal(head_program(head, regions, REGIONS, NULL, NULL), 0);
	head_detach(head);
}

/* Blank hardened silicon is closed as it comes; it must not be reset between erase and lock. */
static void hardened_silicon_is_provisioned_without_a_reset(void **state)
{
	struct fake_target *target = *state;
	struct head *head;
	bool locked;

	target->variant = 0x41414630; /* AAF0 */
	target->hardened_locked = target->closed = true;
	head = attach(target);
	assert_true(head_identity(head)->locked);
	assert_int_equal(head_erase(head, NULL, NULL), 0);
	assert_int_equal(head_program(head, regions, REGIONS, NULL, NULL), 0);
	assert_int_equal(head_verify(head, regions, REGIONS, NULL, NULL), 0);
	assert_int_equal(head_lock(head, HEAD_LOCK_RECOVERABLE), 0);
	assert_int_equal(target->uicr[0x82], 0xffffff00);
	assert_int_equal(head_read_lock(head, &locked), 0);
	assert_true(locked);
	head_detach(head);
}

static void an_open_part_gets_the_word_its_silicon_takes_as_open(void **state)
{
	struct fake_target *target = *state;
	struct head *head = programmed(target);

	assert_int_equal(head_lock(head, HEAD_LOCK_NONE), 0);
	assert_int_equal(target->uicr[0x82], 0xffffffff);
	head_detach(head);
	target->variant = 0x41414630;
	head = programmed(target);
	assert_int_equal(head_lock(head, HEAD_LOCK_NONE), 0);
	assert_int_equal(target->uicr[0x82], 0xffffff5a);
	head_detach(head);
}

static void a_wire_that_fails_has_a_name(void **state)
{
	struct fake_target *target = *state;
	struct head *head = programmed(target);

	target->spoiled_reads = FAKE_ALWAYS;
	REFUSED(head_verify(head, regions, REGIONS, NULL, NULL), SWD_PARITY);
	target->spoiled_reads = 0;
	target->waits = FAKE_ALWAYS;
	REFUSED(head_verify(head, regions, REGIONS, NULL, NULL), SWD_WAIT);
	target->waits = 0;
	target->fault_address = 0x1000;
	REFUSED(head_verify(head, regions, REGIONS, NULL, NULL), SWD_FAULT);
	target->fault_address = 0;
	target->swd_error = -EIO;
	REFUSED(head_verify(head, regions, REGIONS, NULL, NULL), CABLE);
	head_detach(head);
}

static void a_part_pulled_is_gone(void **state)
{
	struct fake_target *target = *state;
	struct head *head = attach(target);

	target->swd_error = -EPIPE;
	target->reopen_error = target->open_error = -ENODEV;
	REFUSED(head_erase(head, NULL, NULL), PART_GONE);
	head_detach(head);
}

static void a_part_put_back_is_gone_and_another_is_swapped(void **state)
{
	struct fake_target *target = *state;
	struct head *head = programmed(target);

	target->swd_error = -EPIPE;
	REFUSED(head_verify(head, regions, REGIONS, NULL, NULL), PART_GONE);
	head_detach(head);
	head = programmed(target);
	target->swd_error = -EPIPE;
	target->uid[0]++;
	REFUSED(head_program(head, regions, REGIONS, NULL, NULL), PART_SWAPPED);
	head_detach(head);
}

static void another_part_is_not_locked(void **state)
{
	struct fake_target *target = *state;
	struct head *head = programmed(target);

	target->uid_reads_until_swap = target->uid_reads;
	REFUSED(head_lock(head, HEAD_LOCK_RECOVERABLE), PART_SWAPPED);
	assert_int_equal(target->uicr[0x82], 0xffffffff);
	head_detach(head);
}

static void an_erase_that_fails_is_noticed(void **state)
{
	struct fake_target *target = *state;
	struct head *head = attach(target);

	target->erase_never_ends = true;
	REFUSED(head_erase(head, NULL, NULL), ERASE_FAILED);
	target->erase_never_ends = false;
	target->erase_does_nothing = true;
	target->flash[0] = 0;
	REFUSED(head_erase(head, NULL, NULL), ERASE_FAILED);
	head_detach(head);
	target->old_locked = target->closed = true;
	head = attach(target);
	REFUSED(head_erase(head, NULL, NULL), RECOVER_FAILED);
	target->erase_never_ends = true;
	REFUSED(head_erase(head, NULL, NULL), RECOVER_FAILED);
	head_detach(head);
}

static void what_cannot_be_programmed_is_refused(void **state)
{
	struct fake_target *target = *state;
	static const struct head_region outside[] = {
		{ .address = 0xfffff, .data = key, .size = 2 }, /* beyond the flash */
		{ .address = 0x10001208, .data = key, .size = 4 }, /* the lock word */
		{ .address = 0x10001206, .data = key, .size = 4 },
		{ .address = 0x10000ffe, .data = key, .size = 4 },
		{ .address = 0xfffffffe, .data = key, .size = 4 }, /* around the end of the address space */
	};
	struct head *head = attach(target);

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		REFUSED(head_program(head, &outside[i], 1, NULL, NULL), PROGRAM_FAILED);
		REFUSED(head_verify(head, &outside[i], 1, NULL, NULL), VERIFY_FAILED);
	}
	target->never_ready = true;
	REFUSED(head_program(head, regions, REGIONS, NULL, NULL), PROGRAM_FAILED);
	head_detach(head);
}

static void what_differs_is_noticed(void **state)
{
	struct fake_target *target = *state;
	struct head *head = programmed(target);
	uint8_t *flash = (uint8_t *)target->flash;
	static const uint32_t places[] = { 0, 9000, 0x8003, 0x8009 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		flash[places[i]] ^= 0x10;
		REFUSED(head_verify(head, regions, REGIONS, NULL, NULL), VERIFY_FAILED);
		flash[places[i]] ^= 0x10;
	}
	flash[9001] ^= 0x10; /* not ours */
	assert_int_equal(head_verify(head, regions, REGIONS, NULL, NULL), 0);
	head_detach(head);
	target->flash_weak = true;
	head = programmed(target);
	REFUSED(head_verify(head, regions, REGIONS, NULL, NULL), VERIFY_FAILED);
	head_detach(head);
}

static void a_lock_that_does_not_hold_is_noticed(void **state)
{
	struct fake_target *target = *state;
	struct head *head = programmed(target);
	bool locked = true;

	REFUSED(head_lock(head, HEAD_LOCK_PERMANENT), LOCK_FAILED);
	target->flash_weak = true;
	REFUSED(head_lock(head, HEAD_LOCK_RECOVERABLE), LOCK_FAILED);
	target->flash_weak = false;
	target->lock_does_nothing = true;
	assert_int_equal(head_lock(head, HEAD_LOCK_RECOVERABLE), 0);
	assert_int_equal(head_read_lock(head, &locked), 0);
	assert_false(locked);
	head_detach(head);
	target->lock_does_nothing = false;
	target->lock_leaks = true;
	head = programmed(target);
	assert_int_equal(head_lock(head, HEAD_LOCK_RECOVERABLE), 0);
	REFUSED(head_read_lock(head, &locked), LOCK_FAILED);
	target->present = false;
	REFUSED(head_read_lock(head, &locked), PART_GONE);
	head_detach(head);
}

static bool stop_after(void *context, size_t done, size_t total)
{
	size_t *calls = context;

	assert_true(done <= total);
	return --*calls > 0;
}

static void work_stops_when_asked(void **state)
{
	struct fake_target *target = *state;
	struct head *head = programmed(target);
	size_t calls = 1;

	REFUSED(head_erase(head, stop_after, &calls), UNIT_STOPPED);
	calls = 2;
	REFUSED(head_program(head, regions, REGIONS, stop_after, &calls), UNIT_STOPPED);
	assert_int_equal(target->flash[0x2000 / 4], 0xffffffff);
	calls = 100;
	assert_int_equal(head_program(head, regions, REGIONS, stop_after, &calls), 0);
	calls = 1;
	REFUSED(head_verify(head, regions, REGIONS, stop_after, &calls), UNIT_STOPPED);
	head_detach(head);
}

static void a_running_part_is_asked_over_its_uart(void **state)
{
	struct fake_target *target = *state;
	struct head *head = programmed(target);
	uint8_t answer[5];

	target->uart_answer = "proof";
	assert_int_equal(head_uart(head, key, sizeof(key), answer, 5, 1000), 0);
	assert_memory_equal(answer, "proof", 5);
	assert_int_equal(target->powered_off, 1); /* so that it runs again */
	target->uart_answer = "pro";
	REFUSED(head_uart(head, key, sizeof(key), answer, 5, 1000), PROOF_FAILED);
	head_detach(head);
	assert_int_equal(target->powered_off, 1);
}

static void a_part_stopped_by_us_runs_again_when_let_go(void **state)
{
	struct fake_target *target = *state;

	head_detach(attach(target));
	assert_int_equal(target->powered_off, 0);
	head_detach(programmed(target));
	assert_int_equal(target->powered_off, 1);
	assert_int_equal(target->dhcsr, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ON_TARGET(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		ON_TARGET(a_part_is_programmed_verified_and_locked),
		ON_TARGET(what_is_not_there_is_refused),
		ON_TARGET(another_part_is_refused),
		ON_TARGET(a_locked_part_is_seen_and_left_alone),
		ON_TARGET(a_part_still_closed_is_opened_by_a_restart),
		ON_TARGET(a_locked_part_is_recovered),
		ON_TARGET(hardened_silicon_is_provisioned_without_a_reset),
		ON_TARGET(an_open_part_gets_the_word_its_silicon_takes_as_open),
		ON_TARGET(a_wire_that_fails_has_a_name),
		ON_TARGET(a_part_pulled_is_gone),
		ON_TARGET(a_part_put_back_is_gone_and_another_is_swapped),
		ON_TARGET(another_part_is_not_locked),
		ON_TARGET(an_erase_that_fails_is_noticed),
		ON_TARGET(what_cannot_be_programmed_is_refused),
		ON_TARGET(what_differs_is_noticed),
		ON_TARGET(a_lock_that_does_not_hold_is_noticed),
		ON_TARGET(work_stops_when_asked),
		ON_TARGET(a_running_part_is_asked_over_its_uart),
		ON_TARGET(a_part_stopped_by_us_runs_again_when_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
