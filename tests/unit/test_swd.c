// SPDX-License-Identifier: GPL-2.0-or-later
/* The head's engine on the wire and behind it: exact bits, disturbances, busy targets. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_target.h"
#include "head/adiv5.h"
#include "provcard-refusal.h"

struct bench {
	struct fake_target target;
	struct swd swd;
	struct adiv5 dap;
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	fake_target_init(&bench->target);
	assert_int_equal(swd_open(&bench->swd, &bench->target.port, 0), 0);
	assert_int_equal(adiv5_connect(&bench->dap, &bench->swd), 0);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	swd_close(&bench->swd);
	free(bench);
	return 0;
}

/* The last exchange as text: 0 and 1 where the head drives, z where it listens. */
static void trace(const struct fake_target *target, char *text, size_t size)
{
	assert_true(target->trace_clocks < size);
	for (size_t i = 0; i < target->trace_clocks; i++) {
		bool driven = target->trace_drive[i / 8] >> i % 8 & 1;

		text[i] = !driven ? 'z' : target->trace_out[i / 8] >> i % 8 & 1 ? '1' : '0';
	}
	text[target->trace_clocks] = '\0';
}

static void headers_are_those_of_the_standard(void **state)
{
	(void)state;
	assert_int_equal(swd_header(false, true, 0x0), 0xa5); /* read DPIDR */
	assert_int_equal(swd_header(false, false, 0x0), 0x81); /* write ABORT */
	assert_int_equal(swd_header(false, true, 0x4), 0x8d); /* read CTRL/STAT */
	assert_int_equal(swd_header(false, false, 0x4), 0xa9); /* write CTRL/STAT */
	assert_int_equal(swd_header(false, false, 0x8), 0xb1); /* write SELECT */
	assert_int_equal(swd_header(false, true, 0xc), 0xbd); /* read RDBUFF */
	assert_int_equal(swd_header(true, false, 0x4), 0x8b); /* write TAR */
	assert_int_equal(swd_header(true, true, 0xc), 0x9f); /* read DRW */
	assert_int_equal(swd_header(true, false, 0xc), 0xbb); /* write DRW */
}

static void a_write_is_46_clocks_on_the_wire(void **state)
{
	struct bench *bench = *state;
	struct swd_transfer write = { .header = 0xb1, .data = 0x000000f1 };
	char text[64];

	assert_int_equal(swd_exchange(&bench->swd, &write, 1), 0);
	trace(&bench->target, text, sizeof(text));
	assert_string_equal(text, "10001101" "z" "zzz" "z" "10001111" "00000000" "00000000" "00000000" "1");
	assert_int_equal(write.ack, SWD_ACK_OK);
	assert_int_equal(bench->target.select, 0xf1);
}

static void a_read_is_46_clocks_on_the_wire(void **state)
{
	struct bench *bench = *state;
	struct swd_transfer read = { .header = 0xa5 };
	char text[64];

	assert_int_equal(swd_exchange(&bench->swd, &read, 1), 0);
	trace(&bench->target, text, sizeof(text));
	assert_string_equal(text, "10100101" "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz");
	assert_int_equal(read.ack, SWD_ACK_OK);
	assert_int_equal(read.data, 0x2ba01477);
	assert_false(read.parity_error);
}

static void connecting_switches_the_port_to_swd(void **state)
{
	struct bench *bench = *state;
	struct swd_transfer read = { .header = 0xa5 };
	char text[256], expected[256];

	swd_switch_from_jtag(&bench->swd);
	assert_int_equal(swd_exchange(&bench->swd, &read, 1), 0);
	trace(&bench->target, text, sizeof(text));
	memset(expected, '1', 52);
	memcpy(expected + 52, "0111100111100111", 16); /* 0xe79e, least significant bit first */
	memset(expected + 68, '1', 52);
	memcpy(expected + 120, "0000" "10100101", 12);
	assert_memory_equal(text, expected, 132);
	assert_int_equal(read.data, 0x2ba01477);
}

static void fill(uint32_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		words[i] = (uint32_t)i * 2654435761u;
}

#define WORDS 2000

static int write_flash(struct bench *bench, const uint32_t *words, struct adiv5_pace *pace)
{
	bench->target.nvmc_config = 1;
	return adiv5_write(&bench->dap, 0, words, WORDS, pace);
}

static void words_stream_in_one_sequence_each(void **state)
{
	struct bench *bench = *state;
	uint32_t words[1024];
	uint32_t exchanges;

	fill(words, 1024);
	bench->target.nvmc_config = 1;
	assert_int_equal(adiv5_write(&bench->dap, 0, words, 4, NULL), 0); /* SELECT and CSW are set now */
	exchanges = bench->target.exchanges;
	bench->swd.clocks = 0;
	assert_int_equal(adiv5_write(&bench->dap, 0x1000, words, 1024, NULL), 0);
	assert_int_equal(bench->target.exchanges - exchanges, 1);
	assert_int_equal(bench->swd.clocks, (1024 + 4 + 1) * 46); /* words, TAR in each KiB, RDBUFF */
	assert_memory_equal((uint8_t *)bench->target.flash + 0x1000, words, sizeof(words));
}

static void blocks_read_back_across_the_wrap(void **state)
{
	struct bench *bench = *state;
	uint32_t words[WORDS], back[WORDS];

	fill(words, WORDS);
	assert_int_equal(write_flash(bench, words, NULL), 0);
	assert_int_equal(adiv5_read(&bench->dap, 0, back, WORDS), 0);
	assert_memory_equal(words, back, sizeof(words));
	assert_int_equal(adiv5_read(&bench->dap, 0x3f8, back, 4), 0);
	assert_memory_equal(words + 0xfe, back, 16);
}

static void a_read_with_wrong_parity_is_repeated(void **state)
{
	struct bench *bench = *state;
	uint32_t words[WORDS], back[WORDS];

	fill(words, WORDS);
	assert_int_equal(write_flash(bench, words, NULL), 0);
	bench->target.spoiled_read_after = 300;
	bench->target.spoiled_reads = 2;
	assert_int_equal(adiv5_read(&bench->dap, 0, back, WORDS), 0);
	assert_int_equal(bench->target.spoiled_reads, 0);
	assert_memory_equal(words, back, sizeof(words));
	bench->target.spoiled_reads = FAKE_ALWAYS;
	assert_int_equal(adiv5_read(&bench->dap, 0, back, WORDS), PROVCARD_REFUSAL_SWD_PARITY);
}

static void a_write_that_arrived_spoiled_is_repeated(void **state)
{
	static const uint32_t places[] = { 1, 2, 256, 257, WORDS };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct bench *bench = *state;
		uint32_t words[WORDS];

		fill(words, WORDS);
		memset(bench->target.flash, 0xff, sizeof(bench->target.flash));
		bench->target.drw_writes = 0;
		bench->target.spoiled_write = places[i];
		assert_int_equal(write_flash(bench, words, NULL), 0);
		assert_true(bench->target.drw_writes > WORDS);
		assert_memory_equal(words, bench->target.flash, sizeof(words));
	}
}

static void a_header_lost_on_the_way_is_repeated(void **state)
{
	struct bench *bench = *state;
	uint32_t words[WORDS];

	fill(words, WORDS);
	for (uint32_t i = 1; i < 12; i++) {
		memset(bench->target.flash, 0xff, sizeof(bench->target.flash));
		bench->target.deaf_at = bench->target.transfers + i * 97;
		assert_int_equal(write_flash(bench, words, NULL), 0);
		assert_memory_equal(words, bench->target.flash, sizeof(words));
	}
}

/* One disturbance in any clock of a session is repaired, and never leaves other data than was meant. */
static void a_single_disturbance_anywhere_is_repaired(void **state)
{
	struct bench *bench = *state;
	uint32_t words[40], back[40];
	uint64_t start, end = UINT64_MAX;

	fill(words, 40);
	for (uint64_t flip = 1; flip < end; flip++) {
		memset(bench->target.flash, 0xff, sizeof(bench->target.flash));
		start = bench->target.clocks;
		bench->target.flip_at = start + flip;
		assert_int_equal(adiv5_connect(&bench->dap, &bench->swd), 0);
		bench->target.nvmc_config = 1;
		assert_int_equal(adiv5_write(&bench->dap, 0x3e0, words, 40, NULL), 0);
		assert_int_equal(adiv5_read(&bench->dap, 0x3e0, back, 40), 0);
		assert_memory_equal(bench->target.flash + 0x3e0 / 4, words, sizeof(words));
		assert_memory_equal(back, words, sizeof(words));
		if (flip == 1)
			end = bench->target.clocks - start;
	}
	assert_true(end > 3500);
}

static void nobody_answering_any_more_is_a_part_gone(void **state)
{
	struct bench *bench = *state;
	uint32_t word;

	bench->target.present = false;
	assert_int_equal(adiv5_read(&bench->dap, 0, &word, 1), PROVCARD_REFUSAL_PART_GONE);
}

/* The line works again after a disturbance, but the port behind it lost its power meanwhile. */
static void a_part_that_lost_its_power_is_gone(void **state)
{
	struct bench *bench = *state;
	uint32_t word;

	bench->target.ops.cable_power(&bench->target, 0, false);
	assert_int_equal(adiv5_read(&bench->dap, 0, &word, 1), PROVCARD_REFUSAL_PART_GONE);
}

static void a_pulled_cable_is_a_part_gone_and_a_broken_one_is_named(void **state)
{
	struct bench *bench = *state;
	uint32_t word;

	bench->target.swd_error = -EPIPE;
	assert_int_equal(adiv5_read(&bench->dap, 0, &word, 1), PROVCARD_REFUSAL_PART_GONE);
	bench->target.swd_error = -EIO;
	assert_int_equal(adiv5_read(&bench->dap, 0, &word, 1), PROVCARD_REFUSAL_CABLE);
}

static void a_bus_error_is_reported_once_and_cleared(void **state)
{
	struct bench *bench = *state;
	uint32_t words[WORDS], word;

	fill(words, WORDS);
	bench->target.fault_address = 0x800;
	assert_int_equal(write_flash(bench, words, NULL), PROVCARD_REFUSAL_SWD_FAULT);
	assert_int_equal(adiv5_read(&bench->dap, 0x800, &word, 1), PROVCARD_REFUSAL_SWD_FAULT);
	assert_int_equal(adiv5_read(&bench->dap, 0x7fc, &word, 1), 0);
	assert_int_equal(word, words[0x7fc / 4]);
}

static void a_fault_of_the_last_word_is_noticed(void **state)
{
	struct bench *bench = *state;
	uint32_t words[4] = { 0 };

	bench->target.fault_address = 0x1c;
	assert_int_equal(adiv5_write(&bench->dap, 0x10, words, 4, NULL), PROVCARD_REFUSAL_SWD_FAULT);
}

static void a_busy_target_is_waited_for(void **state)
{
	struct bench *bench = *state;
	uint32_t words[WORDS], back[WORDS];

	fill(words, WORDS);
	bench->target.waits = 20;
	assert_int_equal(write_flash(bench, words, NULL), 0);
	bench->target.waits = 20;
	assert_int_equal(adiv5_read(&bench->dap, 0, back, WORDS), 0);
	assert_int_equal(bench->target.waits, 0);
	assert_memory_equal(words, back, sizeof(words));
}

static void a_target_busy_for_ever_is_given_up(void **state)
{
	struct bench *bench = *state;
	uint32_t word = 0;

	bench->target.waits = FAKE_ALWAYS;
	assert_int_equal(adiv5_read(&bench->dap, 0, &word, 1), PROVCARD_REFUSAL_SWD_WAIT);
	assert_int_equal(adiv5_write(&bench->dap, 0, &word, 1, NULL), PROVCARD_REFUSAL_SWD_WAIT);
	assert_int_equal(adiv5_ap_read(&bench->dap, 1, 0xc, &word), PROVCARD_REFUSAL_SWD_WAIT);
}

/* 41 us at 4 MHz are 164 clocks: the time of the words themselves is the floor, and little is added to it. */
static void the_pace_of_a_busy_flash_is_found(void **state)
{
	static const uint32_t busy[] = { 164, 1025, 60, 40 };

	for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
		struct bench *bench = *state;
		struct adiv5_pace pace = { 0 };
		uint32_t words[WORDS];
		uint32_t word = busy[i] > 46 ? busy[i] : 46;
		uint64_t clocks = 0;

		fill(words, WORDS);
		bench->target.busy_clocks = busy[i];
		for (int round = 0; round < 8; round++) {
			uint64_t before = bench->target.clocks;

			memset(bench->target.flash, 0xff, sizeof(bench->target.flash));
			assert_int_equal(write_flash(bench, words, &pace), 0);
			assert_memory_equal(words, bench->target.flash, sizeof(words));
			clocks += bench->target.clocks - before;
		}
		assert_true(clocks < 8ull * WORDS * word * 105 / 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_those_of_the_standard),
#define ON_TARGET(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		ON_TARGET(a_write_is_46_clocks_on_the_wire),
		ON_TARGET(a_read_is_46_clocks_on_the_wire),
		ON_TARGET(connecting_switches_the_port_to_swd),
		ON_TARGET(words_stream_in_one_sequence_each),
		ON_TARGET(blocks_read_back_across_the_wrap),
		ON_TARGET(a_read_with_wrong_parity_is_repeated),
		ON_TARGET(a_write_that_arrived_spoiled_is_repeated),
		ON_TARGET(a_header_lost_on_the_way_is_repeated),
		ON_TARGET(a_single_disturbance_anywhere_is_repaired),
		ON_TARGET(nobody_answering_any_more_is_a_part_gone),
		ON_TARGET(a_part_that_lost_its_power_is_gone),
		ON_TARGET(a_pulled_cable_is_a_part_gone_and_a_broken_one_is_named),
		ON_TARGET(a_bus_error_is_reported_once_and_cleared),
		ON_TARGET(a_fault_of_the_last_word_is_noticed),
		ON_TARGET(a_busy_target_is_waited_for),
		ON_TARGET(a_target_busy_for_ever_is_given_up),
		ON_TARGET(the_pace_of_a_busy_flash_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
