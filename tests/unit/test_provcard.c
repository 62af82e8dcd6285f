// SPDX-License-Identifier: GPL-2.0-or-later
/* libprovcard against a scripted card. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loopback.h"

#define CARD(...)                                                                                                                          \
	const struct loopback_step steps[] = { __VA_ARGS__ };                                                                              \
	struct loopback script;                                                                                                            \
	struct provcard *card = loopback_open(&script, steps, sizeof(steps) / sizeof(steps[0]), 4096)

/* Every step was taken and nothing is left open. */
static void finish(struct provcard *card, const struct loopback *script)
{
	provcard_close(card);
	assert_int_equal(script->done, script->count);
	assert_int_equal(script->closes, 1);
	assert_int_equal(script->open_jobs, 0);
}

static void test_status(void **state)
{
	struct provcard_service_status wire = {
		.version = htole32(1), .state = htole32(PROVCARD_CARD_OPERATIONAL), .time = htole64(0x1122334455667788),
		.boot_count = htole32(7), .heads = htole32(4), .jobs = htole32(2), .log_size = htole64(99), .card_id = { 1, 2, 3 },
	};
	struct provcard_status status;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_STATUS, .out = &wire, .out_size = sizeof(wire) });

	(void)state;
	memset(wire.serial, 'x', sizeof(wire.serial)); /* not terminated by the card */
	assert_int_equal(provcard_status_read(card, &status, &answer), 0);
	assert_int_equal(answer.refusal, 0);
	assert_int_equal(status.state, PROVCARD_CARD_OPERATIONAL);
	assert_int_equal(status.time, 0x1122334455667788);
	assert_int_equal(status.boot_count, 7);
	assert_int_equal(status.log_size, 99);
	assert_int_equal(status.card_id[2], 3);
	assert_int_equal(strlen(status.serial), 32);
	finish(card, &script);
}

static void test_refusal_is_not_an_error(void **state)
{
	struct provcard_status status = { .heads = 77 };
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_STATUS, .status = PROVCARD_REFUSAL_SELF_TEST, .result = 5 });

	(void)state;
	assert_int_equal(provcard_status_read(card, &status, &answer), 0);
	assert_int_equal(answer.refusal, PROVCARD_REFUSAL_SELF_TEST);
	assert_int_equal(answer.result, 5);
	assert_int_equal(status.heads, 77); /* untouched */
	finish(card, &script);
}

static void test_error_is_not_a_refusal(void **state)
{
	struct provcard_status status = { .heads = 77 };
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_STATUS, .error = -ENODEV });

	(void)state;
	assert_int_equal(provcard_status_read(card, &status, &answer), -ENODEV);
	assert_int_equal(answer.refusal, 0);
	assert_int_equal(status.heads, 77);
	finish(card, &script);
}

static void test_lying_card(void **state)
{
	struct provcard_service_status wire = { .version = 0 };
	struct provcard_service_head head = { .uid_size = htole32(PROVCARD_UID_MAX + 1) };
	struct provcard_status status;
	struct provcard_head heads[4];
	uint8_t nonce[PROVCARD_NONCE_SIZE];
	size_t count;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_STATUS, .out = &wire, .out_size = sizeof(wire) },
	     { .opcode = PROVCARD_OP_STATUS, .out = &wire, .out_size = sizeof(wire) - 1 },
	     { .opcode = PROVCARD_OP_STATUS, .out_claim = sizeof(wire) + 1 },
	     { .opcode = PROVCARD_OP_STATUS, .status = 0x8000 },
	     { .opcode = PROVCARD_OP_HEAD_STATUS, .out = &head, .out_size = sizeof(head), .result = 1 },
	     { .opcode = PROVCARD_OP_HEAD_STATUS, .out = &head, .out_size = sizeof(head), .result = 2 },
	     { .opcode = PROVCARD_OP_NONCE, .out = &wire, .out_size = 31 });

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(provcard_status_read(card, &status, &answer), -EPROTO);
	for (int i = 0; i < 2; i++)
		assert_int_equal(provcard_head_list(card, heads, 4, &count, &answer), -EPROTO);
	assert_int_equal(provcard_nonce_draw(card, nonce, &answer), -EPROTO);
	finish(card, &script);
}

static void test_heads(void **state)
{
	struct provcard_service_head wire[2] = {
		{ .head = htole32(0), .step = htole32(PROVCARD_STEP_PROGRAM), .done = htole32(10), .total = htole32(40) },
		{ .head = htole32(1), .last_status = htole32(PROVCARD_REFUSAL_NO_PART), .uid_size = htole32(8), .uid = { 9 } },
	};
	struct provcard_head heads[2];
	size_t count;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_HEAD_STATUS, .out = wire, .out_size = sizeof(wire), .result = 2 },
	     { .opcode = PROVCARD_OP_HEAD_STATUS, .out = wire, .out_size = sizeof(wire), .result = 2 });

	(void)state;
	assert_int_equal(provcard_head_list(card, heads, 2, &count, &answer), 0);
	assert_int_equal(count, 2);
	assert_int_equal(heads[0].total, 40);
	assert_int_equal(heads[1].last_refusal, PROVCARD_REFUSAL_NO_PART);
	assert_int_equal(heads[1].uid[0], 9);
	assert_int_equal(provcard_head_list(card, heads, 1, &count, &answer), 0);
	assert_int_equal(count, 1);
	finish(card, &script);
}

static void test_job_list(void **state)
{
	struct provcard_service_job wire = { .package_id = { 0xaa }, .ceiling_good = htole64(10), .good = htole64(4),
					     .reserved = htole64(1), .product = "Thing" };
	struct provcard_job_status jobs[2];
	size_t count, total;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_JOB_LIST, .arg = { 3 }, .out = &wire, .out_size = sizeof(wire), .result = 4 });

	(void)state;
	assert_int_equal(provcard_job_list(card, 3, jobs, 2, &count, &total, &answer), 0);
	assert_int_equal(count, 1);
	assert_int_equal(total, 4);
	assert_int_equal(jobs[0].ceiling_good, 10);
	assert_int_equal(jobs[0].reserved_units, 1);
	assert_string_equal(jobs[0].product, "Thing");
	finish(card, &script);
}

static void test_object_in_pieces(void **state)
{
	static char text[5000];
	void *data;
	size_t size;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_OBJECT_READ, .arg = { PROVCARD_OBJECT_ISSUER_CSR, 0 }, .in = "ACME", .in_size = 4, .out = text,
	       .out_size = 4096, .result = 5000 },
	     { .opcode = PROVCARD_OP_OBJECT_READ, .arg = { PROVCARD_OBJECT_ISSUER_CSR, 4096 }, .in = "ACME", .in_size = 4,
	       .out = text + 4096, .out_size = 904, .result = 5000 });

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = 'a' + i % 26;
	assert_int_equal(provcard_object_read(card, PROVCARD_OBJECT_ISSUER_CSR, "ACME", 4, &data, &size, &answer), 0);
	assert_int_equal(size, 5000);
	assert_memory_equal(data, text, 5000);
	assert_int_equal(((char *)data)[5000], 0);
	free(data);
	finish(card, &script);
}

static void test_object_bad(void **state)
{
	static const char text[4096];
	void *data = NULL;
	size_t size;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_OBJECT_READ, .arg = { 4, 0 }, .out = text, .out_size = 4096, .result = 5000 },
	     { .opcode = PROVCARD_OP_OBJECT_READ, .arg = { 4, 4096 }, .out = text, .out_size = 900, .result = 5001 },
	     { .opcode = PROVCARD_OP_OBJECT_READ, .arg = { 4, 0 }, .out_size = 0, .result = 5000 },
	     { .opcode = PROVCARD_OP_OBJECT_READ, .arg = { 4, 0 }, .out = text, .out_size = 9, .result = 8 },
	     { .opcode = PROVCARD_OP_OBJECT_READ, .arg = { 4, 0 }, .status = PROVCARD_REFUSAL_NO_SUCH_OBJECT },
	     { .opcode = PROVCARD_OP_OBJECT_READ, .arg = { 4, 0 }, .out = text, .out_size = 4096, .result = 0x80000000 });

	(void)state;
	assert_int_equal(provcard_object_read(card, 4, NULL, 0, &data, &size, &answer), -EAGAIN);
	assert_int_equal(provcard_object_read(card, 4, NULL, 0, &data, &size, &answer), -EPROTO);
	assert_int_equal(provcard_object_read(card, 4, NULL, 0, &data, &size, &answer), -EPROTO);
	assert_int_equal(provcard_object_read(card, 4, NULL, 0, &data, &size, &answer), 0);
	assert_int_equal(answer.refusal, PROVCARD_REFUSAL_NO_SUCH_OBJECT);
	assert_int_equal(provcard_object_read(card, 4, NULL, 0, &data, &size, &answer), -EPROTO);
	assert_null(data);
	finish(card, &script);
}

static void test_load_in_place(void **state)
{
	static uint8_t package[10000];
	struct provcard_service_job wire = { .state = htole32(PROVCARD_JOB_ARMED) };
	struct provcard_job_status status;
	struct provcard_job *job;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_PACKAGE_WRITE, .on_job = true, .arg = { 0, 10000 }, .in_size = 4096, .in_place = package },
	     { .opcode = PROVCARD_OP_PACKAGE_WRITE, .on_job = true, .arg = { 4096, 10000 }, .in_size = 4096, .in_place = package + 4096 },
	     { .opcode = PROVCARD_OP_PACKAGE_WRITE, .on_job = true, .arg = { 8192, 10000 }, .in_size = 1808, .in_place = package + 8192 },
	     { .opcode = PROVCARD_OP_PACKAGE_COMMIT, .on_job = true, .out = &wire, .out_size = sizeof(wire) });

	(void)state;
	assert_int_equal(provcard_job_create(card, &job), 0);
	assert_int_equal(provcard_job_load(job, package, sizeof(package), NULL, NULL, &status, &answer), 0);
	assert_int_equal(status.state, PROVCARD_JOB_ARMED);
	provcard_job_close(job);
	finish(card, &script);
}

static void test_load_refused(void **state)
{
	static uint8_t package[5000];
	struct provcard_job_status status;
	struct provcard_job *job;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_PACKAGE_WRITE, .on_job = true, .arg = { 0, 5000 },
	       .status = PROVCARD_REFUSAL_PACKAGE_TOO_LARGE },
	     { .opcode = PROVCARD_OP_PACKAGE_COMMIT, .on_job = true, .status = PROVCARD_REFUSAL_SEGMENT_TAG, .result = 3 });

	(void)state;
	assert_int_equal(provcard_job_create(card, &job), 0);
	assert_int_equal(provcard_job_load(job, package, sizeof(package), NULL, NULL, &status, &answer), 0);
	assert_int_equal(answer.refusal, PROVCARD_REFUSAL_PACKAGE_TOO_LARGE);
	assert_int_equal(provcard_job_commit(job, &status, &answer), 0);
	assert_int_equal(answer.refusal, PROVCARD_REFUSAL_SEGMENT_TAG);
	assert_int_equal(answer.result, 3);
	assert_int_equal(provcard_job_load(job, package, 0, NULL, NULL, &status, &answer), -EINVAL);
	assert_int_equal(provcard_job_write(job, 4999, 5000, package, 2, &answer), -EINVAL);
	assert_int_equal(provcard_job_write(job, UINT64_MAX, 5000, package, 2, &answer), -EINVAL);
	provcard_job_close(job);
	finish(card, &script);
}

static int stop_at_once(void *context, uint64_t done, uint64_t whole)
{
	assert_int_equal(whole, 9 << 20);
	*(uint64_t *)context = done;
	return -EINTR;
}

static void test_load_stopped(void **state)
{
	static uint8_t package[9 << 20];
	static const struct loopback_step steps[] = {
		{ .opcode = PROVCARD_OP_PACKAGE_WRITE, .on_job = true, .arg = { 0, 9 << 20 }, .in_size = 4 << 20 },
	};
	struct loopback script;
	struct provcard *card = loopback_open(&script, steps, 1, 16 << 20);
	struct provcard_answer answer;
	struct provcard_job_status status;
	struct provcard_job *job;
	uint64_t done = 0;

	(void)state;
	assert_int_equal(provcard_job_create(card, &job), 0);
	assert_int_equal(provcard_job_load(job, package, sizeof(package), stop_at_once, &done, &status, &answer), -EINTR);
	assert_int_equal(done, 4 << 20);
	provcard_job_close(job);
	finish(card, &script);
}

static void test_units(void **state)
{
	struct provcard_service_unit good = { .state = htole32(PROVCARD_UNIT_GOOD), .proof = htole32(PROVCARD_PROOF_CHALLENGE),
					      .uid_size = htole32(8), .uid = { 5 }, .log_index = htole64(12) };
	struct provcard_service_unit scrap = { .state = htole32(PROVCARD_UNIT_SCRAP), .code = htole32(PROVCARD_REFUSAL_LOCK_FAILED) };
	struct provcard_unit unit;
	struct provcard_job *job;
	CARD({ .opcode = PROVCARD_OP_UNIT_RUN, .on_job = true, .arg = { 3 }, .error = -ENODEV },
	     { .opcode = PROVCARD_OP_UNIT_RUN, .on_job = true, .arg = { 2, PROVCARD_UNIT_RECOVER },
	       .status = PROVCARD_REFUSAL_NO_PART },
	     { .opcode = PROVCARD_OP_UNIT_RUN, .on_job = true, .arg = { 1 }, .out = &scrap, .out_size = sizeof(scrap),
	       .status = PROVCARD_REFUSAL_LOCK_FAILED },
	     { .opcode = PROVCARD_OP_UNIT_RUN, .on_job = true, .arg = { 0 }, .out = &good, .out_size = sizeof(good) });

	(void)state;
	assert_int_equal(provcard_job_create(card, &job), 0);
	assert_int_equal(provcard_unit_wait(job, &unit, 0), -ENOENT);
	assert_int_equal(provcard_unit_begin(job, 4, 0), -EINVAL);
	assert_int_equal(provcard_unit_begin(job, 0, 2), -EINVAL);
	for (uint32_t head = 0; head < 4; head++)
		assert_int_equal(provcard_unit_begin(job, head, head == 2 ? PROVCARD_UNIT_RECOVER : 0), 0);
	assert_int_equal(provcard_unit_begin(job, 1, 0), -EBUSY);
	for (uint32_t head = 0; head < 4; head++)
		assert_int_equal(script.flight[head].queue, 1 + head);

	assert_int_equal(provcard_unit_wait(job, &unit, -1), 0);
	assert_int_equal(unit.head, 3);
	assert_int_equal(unit.error, ENODEV);
	assert_int_equal(provcard_unit_wait(job, &unit, -1), 0);
	assert_int_equal(unit.refusal, PROVCARD_REFUSAL_NO_PART);
	assert_int_equal(unit.state, PROVCARD_UNIT_NONE);
	assert_true(unit.log_index == UINT64_MAX);
	assert_int_equal(provcard_unit_wait(job, &unit, -1), 0);
	assert_int_equal(unit.refusal, PROVCARD_REFUSAL_LOCK_FAILED);
	assert_int_equal(unit.state, PROVCARD_UNIT_SCRAP);
	assert_int_equal(provcard_unit_wait(job, &unit, -1), 0);
	assert_int_equal(unit.refusal, 0);
	assert_int_equal(unit.proof, PROVCARD_PROOF_CHALLENGE);
	assert_int_equal(unit.log_index, 12);
	assert_int_equal(provcard_unit_wait(job, &unit, 0), -ENOENT);
	provcard_job_close(job);
	finish(card, &script);
}

static void test_units_of_a_lying_card(void **state)
{
	struct provcard_service_unit none = { .state = htole32(PROVCARD_UNIT_LOCKED) };
	struct provcard_unit unit = { .head = 9 };
	struct provcard_job *job;
	CARD({ .opcode = PROVCARD_OP_UNIT_RUN, .on_job = true, .arg = { 1 } },
	     { .opcode = PROVCARD_OP_UNIT_RUN, .on_job = true, .arg = { 0 }, .out = &none, .out_size = sizeof(none) });

	(void)state;
	assert_int_equal(provcard_job_create(card, &job), 0);
	assert_int_equal(provcard_unit_begin(job, 0, 0), 0);
	assert_int_equal(provcard_unit_begin(job, 1, 0), 0);
	assert_int_equal(provcard_unit_wait(job, &unit, -1), -EPROTO); /* "good" without saying of which part */
	assert_int_equal(provcard_unit_wait(job, &unit, -1), -EPROTO); /* "good", yet only locked */
	assert_int_equal(unit.head, 9);
	provcard_job_close(job);
	finish(card, &script);
}

static void test_submit(void **state)
{
	static const char in[] = "question", out_text[] = "answer";
	char out[16] = { 0 };
	struct provcard_submission submission = { .opcode = PROVCARD_OP_JOB_STATUS, .queue = 1, .in = in, .in_size = 8, .out = out,
						  .out_size = sizeof(out), .token = 7 };
	struct provcard_job_completion completions[2];
	struct provcard_unit unit;
	struct provcard_job *job;
	size_t count = 99;
	CARD({ .opcode = PROVCARD_OP_JOB_STATUS, .on_job = true, .in = in, .in_size = 8, .out = out_text, .out_size = 6, .result = 3 },
	     { .opcode = PROVCARD_OP_UNIT_RUN, .on_job = true, .arg = { 2 }, .status = PROVCARD_REFUSAL_NO_PART },
	     { .opcode = PROVCARD_OP_JOB_STATUS, .on_job = true, .status = PROVCARD_REFUSAL_JOB_NOT_LOADED });

	(void)state;
	assert_int_equal(provcard_job_create(card, &job), 0);
	assert_int_equal(provcard_job_read_completions(job, completions, 2, &count, 0), -ENOENT);
	submission.token = 1ull << 63;
	assert_int_equal(provcard_job_submit(job, &submission), -EINVAL);
	submission.token = (1ull << 63) - 1;
	assert_int_equal(provcard_job_submit(job, &submission), 0);
	assert_int_equal(provcard_unit_begin(job, 2, 0), 0);
	submission.token = 7;
	assert_int_equal(provcard_job_submit(job, &submission), 0);
	/* The unit comes in between and is kept for who asks for it; so is the command that ended before it. */
	assert_int_equal(provcard_unit_wait(job, &unit, 0), 0);
	assert_int_equal(unit.head, 2);
	assert_int_equal(unit.refusal, PROVCARD_REFUSAL_NO_PART);
	assert_int_equal(provcard_job_read_completions(job, completions, 0, &count, 0), -EINVAL);
	assert_int_equal(provcard_job_read_completions(job, completions, 2, &count, -1), 0);
	assert_int_equal(count, 2);
	assert_int_equal(completions[0].token, 7);
	assert_int_equal(completions[0].refusal, 0);
	assert_int_equal(completions[0].result, 3);
	assert_int_equal(completions[0].length, 6);
	assert_string_equal(out, "answer");
	assert_true(completions[1].token == (1ull << 63) - 1);
	assert_int_equal(completions[1].refusal, PROVCARD_REFUSAL_JOB_NOT_LOADED);
	assert_int_equal(provcard_unit_wait(job, &unit, 0), -ENOENT);
	provcard_job_close(job);
	finish(card, &script);
}

static void test_cancel(void **state)
{
	struct provcard_submission submission = { .opcode = PROVCARD_OP_JOB_STATUS, .token = 1 };
	struct provcard_job_completion completion;
	struct provcard_unit unit;
	struct provcard_job *job;
	size_t count;
	CARD({ .opcode = PROVCARD_OP_UNIT_RUN, .on_job = true, .arg = { 1 }, .status = PROVCARD_REFUSAL_NO_PART });

	(void)state;
	assert_int_equal(provcard_job_create(card, &job), 0);
	assert_int_equal(provcard_job_cancel_all(job), -ENOENT);
	assert_int_equal(provcard_unit_begin(job, 1, 0), 0);
	assert_int_equal(provcard_job_submit(job, &submission), 0);
	/* A token and a head of the same number are not the same. */
	assert_int_equal(provcard_job_cancel(job, 2), -ENOENT);
	assert_int_equal(provcard_job_cancel(job, 1ull << 63), -EINVAL);
	assert_int_equal(provcard_job_cancel(job, 1), 0);
	assert_int_equal(provcard_unit_cancel(job, 4), -EINVAL);
	assert_int_equal(provcard_unit_cancel(job, 0), -ENOENT);
	assert_int_equal(provcard_job_read_completions(job, &completion, 1, &count, -1), 0);
	assert_int_equal(completion.error, ECANCELED);
	assert_int_equal(provcard_unit_wait(job, &unit, -1), 0);
	assert_int_equal(unit.refusal, PROVCARD_REFUSAL_NO_PART);
	assert_int_equal(provcard_unit_begin(job, 1, 0), 0);
	assert_int_equal(provcard_unit_cancel(job, 1), 0);
	assert_int_equal(provcard_unit_wait(job, &unit, -1), 0);
	assert_int_equal(unit.error, ECANCELED);
	provcard_job_close(job);
	finish(card, &script);
}

static void put_entry(uint8_t *at, uint64_t index, uint32_t record, uint32_t attachment)
{
	struct provcard_service_log_entry header = { htole64(index), htole32(record), htole32(attachment) };

	memcpy(at, &header, sizeof(header));
}

static void test_log(void **state)
{
	uint8_t wire[100] = { 0 };
	uint8_t buffer[200];
	struct provcard_log_entry entry;
	size_t length, offset = 0;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_LOG_READ, .arg = { 7 }, .out = wire, .out_size = 16 + 5 + 3 + 16 + 4, .result = 2 });

	(void)state;
	put_entry(wire, 7, 5, 3);
	put_entry(wire + 24, 8, 4, 0);
	assert_int_equal(provcard_log_read(card, 7, buffer, sizeof(buffer), &length, &answer), 0);
	assert_int_equal(provcard_log_next(buffer, length, &offset, &entry), 1);
	assert_int_equal(entry.index, 7);
	assert_int_equal(entry.record_size, 5);
	assert_ptr_equal(entry.attachment, buffer + 21);
	assert_int_equal(provcard_log_next(buffer, length, &offset, &entry), 1);
	assert_int_equal(entry.index, 8);
	assert_int_equal(entry.attachment_size, 0);
	assert_int_equal(provcard_log_next(buffer, length, &offset, &entry), 0);
	finish(card, &script);
}

static void test_log_cut_off(void **state)
{
	uint8_t wire[40] = { 0 };
	struct provcard_log_entry entry;
	size_t offset = 0;

	(void)state;
	put_entry(wire, 1, 5, 3);
	assert_int_equal(provcard_log_next(wire, 15, &offset, &entry), -EPROTO);
	assert_int_equal(provcard_log_next(wire, 23, &offset, &entry), -EPROTO);
	put_entry(wire, 1, UINT32_MAX, UINT32_MAX);
	assert_int_equal(provcard_log_next(wire, sizeof(wire), &offset, &entry), -EPROTO);
	put_entry(wire, 1, 4, UINT32_MAX);
	assert_int_equal(provcard_log_next(wire, sizeof(wire), &offset, &entry), -EPROTO);
	assert_int_equal(offset, 0);
	offset = 41;
	assert_int_equal(provcard_log_next(wire, sizeof(wire), &offset, &entry), -EINVAL);
}

static void test_proof(void **state)
{
	uint8_t wire[2][32] = { { 1 }, { 2 } };
	uint8_t hashes[4][32];
	size_t count;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_LOG_PROOF, .arg = { 3, 9 }, .out = wire, .out_size = 64, .result = 2 },
	     { .opcode = PROVCARD_OP_LOG_PROOF, .arg = { 3, 9 }, .out = wire, .out_size = 63, .result = 2 });

	(void)state;
	assert_int_equal(provcard_log_proof(card, 3, 9, hashes, 4, &count, &answer), 0);
	assert_int_equal(count, 2);
	assert_int_equal(hashes[1][0], 2);
	assert_int_equal(provcard_log_proof(card, 3, 9, hashes, 4, &count, &answer), -EPROTO);
	finish(card, &script);
}

static void test_job_log(void **state)
{
	uint64_t wire[2] = { htole64(11), htole64(13) };
	uint64_t indexes[4];
	size_t count, total;
	struct provcard_job *job;
	struct provcard_answer answer = { 0 };
	CARD({ .opcode = PROVCARD_OP_JOB_LOG, .on_job = true, .arg = { 1 }, .out = wire, .out_size = 16, .result = 3 },
	     { .opcode = PROVCARD_OP_JOB_LOG, .on_job = true, .arg = { 1 }, .out = wire, .out_size = 15, .result = 3 });

	(void)state;
	assert_int_equal(provcard_job_create(card, &job), 0);
	assert_int_equal(provcard_job_log(job, 1, indexes, 4, &count, &total, &answer), 0);
	assert_int_equal(count, 2);
	assert_int_equal(total, 3);
	assert_int_equal(indexes[1], 13);
	assert_int_equal(provcard_job_log(job, 1, indexes, 4, &count, &total, &answer), -EPROTO);
	provcard_job_close(job);
	finish(card, &script);
}

static void test_open_refusals(void **state)
{
	struct provcard *card = NULL;

	(void)state;
	assert_int_equal(provcard_open("provcard0", &card), -EINVAL);
	assert_int_equal(provcard_open("", &card), -EINVAL);
	assert_int_equal(provcard_open(NULL, &card), -EINVAL);
	assert_int_equal(provcard_open("/nonexistent/provcard0", &card), -ENODEV);
	assert_int_equal(provcard_open("/dev/null", &card), -ENODEV); /* a device, but no card */
	assert_int_equal(provcard_open("/proc/self/status", &card), -ENODEV);
	assert_null(card);
	provcard_close(NULL);
	provcard_job_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_refusal_is_not_an_error),
		cmocka_unit_test(test_error_is_not_a_refusal),
		cmocka_unit_test(test_lying_card),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_job_list),
		cmocka_unit_test(test_object_in_pieces),
		cmocka_unit_test(test_object_bad),
		cmocka_unit_test(test_load_in_place),
		cmocka_unit_test(test_load_refused),
		cmocka_unit_test(test_load_stopped),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_units_of_a_lying_card),
		cmocka_unit_test(test_submit),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_cut_off),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_job_log),
		cmocka_unit_test(test_open_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
