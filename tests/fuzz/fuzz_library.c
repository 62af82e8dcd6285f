// SPDX-License-Identifier: GPL-2.0-or-later
/* libprovcard on a card that answers whatever the input says: statuses, lengths, data, completions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lib/provcard/internal.h"

enum { STATUS, HEADS, JOBS, NONCE, REQUEST, OBJECT, OBJECT_AT, LOG, PROOF, JOB, LOAD, JOB_LOG, UNIT, KINDS };

#define ROOM 3000
#define STEPS_MAX 32
#define HEAD_COUNT 4

static struct provpkg_view answers;
static struct provcard_command flight[HEAD_COUNT];
static size_t flying;

/* The card's word on one command: as the driver passes it on, so no more is written than there is room. */
static void take_answer(const struct provcard_command *command, uint32_t *status, uint32_t *result, uint64_t *length)
{
	uint8_t kind = fuzz_u8(&answers);
	struct provpkg_view data = fuzz_view(&answers);

	if (data.size > command->out_len)
		data.size = command->out_len;
	if (data.size)
		memcpy((void *)(uintptr_t)command->out_uptr, data.data, data.size);
	*status = kind & 1 ? fuzz_u16(&answers) : 0;
	*result = kind & 2 ? fuzz_u32(&answers) : (uint32_t)data.size;
	*length = kind & 4 ? fuzz_u32(&answers) : data.size;
}

static int card_open(const char *address, struct provcard_transport **transport)
{
	(void)address;
	*transport = (struct provcard_transport *)&answers;
	return 0;
}

static void card_close(struct provcard_transport *transport)
{
	(void)transport;
}

static int card_info(struct provcard_transport *transport, struct provcard_info *info)
{
	(void)transport;
	*info = (struct provcard_info){ .size = sizeof(*info), .out_queues = HEAD_COUNT, .out_heads = HEAD_COUNT };
	info->out_max_transfer = 1u << (12 + fuzz_u8(&answers) % 11);
	memset(info->out_serial, 'x', sizeof(info->out_serial));
	return 0;
}

static int card_command(struct provcard_transport *transport, struct provcard_transport_job *job, struct provcard_command *command)
{
	uint32_t status, result;
	uint64_t length;

	(void)transport;
	(void)job;
	if (!answers.size)
		return -ENODEV;
	take_answer(command, &status, &result, &length);
	command->out_status = status;
	command->out_result = result;
	command->out_length = length;
	return 0;
}

static int card_job_create(struct provcard_transport *transport, struct provcard_transport_job **job)
{
	*job = (struct provcard_transport_job *)transport;
	return 0;
}

static void card_job_close(struct provcard_transport_job *job)
{
	(void)job;
	flying = 0;
}

static int card_submit(struct provcard_transport_job *job, const struct provcard_command *command)
{
	(void)job;
	if (flying == HEAD_COUNT)
		return -EAGAIN;
	flight[flying++] = *command;
	return 0;
}

static int card_reap(struct provcard_transport_job *job, struct provcard_completion *completion, int timeout_ms)
{
	const struct provcard_command *command;
	uint32_t status, result;
	uint64_t length;

	(void)job;
	(void)timeout_ms;
	if (!flying)
		return -EAGAIN;
	command = &flight[--flying];
	take_answer(command, &status, &result, &length);
	*completion = (struct provcard_completion){
		.user_data = command->user_data,
		.status = status,
		.result = result,
		.length = length,
		.error = status == 0x7ffe ? EIO : 0,
	};
	return 0;
}

static int card_job_fd(struct provcard_transport_job *job)
{
	(void)job;
	return -1;
}

static const struct provcard_transport_ops ops = {
	.open = card_open,
	.close = card_close,
	.info = card_info,
	.command = card_command,
	.job_create = card_job_create,
	.job_close = card_job_close,
	.submit = card_submit,
	.reap = card_reap,
	.job_fd = card_job_fd,
};

void fuzz_random_begin(uint64_t seed)
{
	(void)seed;
}

void fuzz_begin(void)
{
}

/* ---- Steps; each looks at all it is given ---- */

static void read_log(struct provcard *card)
{
	static uint8_t buffer[ROOM];
	struct provcard_answer answer;
	struct provcard_log_entry entry;
	size_t length = 0, offset = 0;

	if (provcard_log_read(card, 0, buffer, sizeof(buffer), &length, &answer) || answer.refusal)
		return;
	FUZZ_MUST(length <= sizeof(buffer));
	while (provcard_log_next(buffer, length, &offset, &entry) == 1) {
		FUZZ_MUST(entry.record >= buffer && entry.record + entry.record_size + entry.attachment_size <= buffer + length);
		fuzz_accepted();
	}
}

static void read_objects(struct provcard *card, bool at)
{
	static uint8_t buffer[ROOM];
	struct provcard_answer answer = { 0 };
	size_t length = 0, whole = 0;
	void *data = NULL;

	if (at) {
		int error = provcard_object_read_at(card, 1, "selector", 8, 5, buffer, sizeof(buffer), &length, &whole, &answer);

		FUZZ_MUST(error || answer.refusal || (length <= sizeof(buffer) && 5 + length <= whole));
	} else if (!provcard_object_read(card, 1, NULL, 0, &data, &length, &answer) && !answer.refusal) {
		FUZZ_MUST(data && !((char *)data)[length]);
		free(data);
	}
}

static void read_lists(struct provcard *card, bool jobs)
{
	struct provcard_job_status list[3];
	struct provcard_head heads[3];
	struct provcard_answer answer;
	size_t count = 0, total = 0;
	int error;

	if (jobs)
		error = provcard_job_list(card, 0, list, 3, &count, &total, &answer);
	else
		error = provcard_head_list(card, heads, 3, &count, &answer);
	if (error)
		return;
	FUZZ_MUST(answer.refusal || count <= 3);
	for (size_t i = 0; jobs && !answer.refusal && i < count; i++)
		FUZZ_MUST(memchr(list[i].oem, 0, sizeof(list[i].oem)) && memchr(list[i].part, 0, sizeof(list[i].part)));
}

static void run_units(struct provcard_job *job)
{
	struct provcard_unit unit;

	for (uint32_t head = 0; head < HEAD_COUNT; head++)
		if (provcard_unit_begin(job, head, 0))
			return;
	for (uint32_t head = 0; head < HEAD_COUNT; head++)
		if (!provcard_unit_wait(job, &unit, -1))
			FUZZ_MUST(unit.head < HEAD_COUNT && unit.uid_size <= sizeof(unit.uid));
}

static void use_job(struct provcard *card, unsigned int kind)
{
	static const uint8_t package[10000];
	struct provcard_job_status status;
	struct provcard_answer answer;
	uint64_t indexes[9];
	size_t count = 0, total = 0;
	struct provcard_job *job;

	if (provcard_job_create(card, &job))
		return;
	if (kind == JOB)
		(void)!provcard_job_status_read(job, &status, &answer);
	else if (kind == LOAD)
		(void)!provcard_job_load(job, package, sizeof(package), NULL, NULL, &status, &answer);
	else if (kind == UNIT)
		run_units(job);
	else if (!provcard_job_log(job, 0, indexes, 9, &count, &total, &answer))
		FUZZ_MUST(answer.refusal || count <= 9);
	provcard_job_close(job);
}

static void step(struct provcard *card, unsigned int kind)
{
	struct provcard_status status;
	struct provcard_answer answer;
	uint8_t nonce[PROVCARD_NONCE_SIZE], hashes[8][32], reply[64];
	size_t count = 0;

	if (kind == STATUS && !provcard_status_read(card, &status, &answer) && !answer.refusal)
		FUZZ_MUST(memchr(status.serial, 0, sizeof(status.serial)) && memchr(status.firmware, 0, sizeof(status.firmware)));
	else if (kind == HEADS || kind == JOBS)
		read_lists(card, kind == JOBS);
	else if (kind == NONCE)
		(void)!provcard_nonce_draw(card, nonce, &answer);
	else if (kind == REQUEST && !provcard_request_send(card, "r", 1, reply, sizeof(reply), &count, &answer) && !answer.refusal)
		FUZZ_MUST(count <= sizeof(reply));
	else if (kind == OBJECT || kind == OBJECT_AT)
		read_objects(card, kind == OBJECT_AT);
	else if (kind == LOG)
		read_log(card);
	else if (kind == PROOF && !provcard_log_proof(card, 0, 1, hashes, 8, &count, &answer) && !answer.refusal)
		FUZZ_MUST(count <= 8);
	else if (kind >= JOB)
		use_job(card, kind);
}

void fuzz_one(struct provpkg_view input)
{
	struct provcard_card_info info;
	struct provcard *card;

	answers = input;
	flying = 0;
	if (provcard_open_transport(&ops, "", &card))
		return;
	provcard_info_get(card, &info);
	FUZZ_MUST(memchr(info.serial, 0, sizeof(info.serial)));
	for (unsigned int i = 0; answers.size && i < STEPS_MAX; i++)
		step(card, fuzz_u8(&answers) % KINDS);
	provcard_close(card);
}

static void put_answer(struct fuzz_writer *out, uint8_t kind, const void *data, size_t size)
{
	fuzz_put_u8(out, kind);
	fuzz_put_u8(out, 0);
	fuzz_put_view(out, (struct provpkg_view){ data, size });
}

void fuzz_seeds(void)
{
	static const struct provcard_service_status status = { .version = 1, .serial = "PC-1" };
	static const struct provcard_service_head heads[2] = { { .uid_size = 8 }, { .head = 1 } };
	static const struct provcard_service_unit unit = { .state = PROVCARD_UNIT_GOOD, .uid_size = 8 };
	static const struct provcard_service_job job = { .product = "sensor" };
	struct fuzz_writer out = { .size = 0 };
	struct {
		struct provcard_service_log_entry header;
		uint8_t bytes[6];
	} entry = { { 0, 4, 2 }, "entry" };

	fuzz_put_u8(&out, 4);
	put_answer(&out, STATUS, &status, sizeof(status));
	put_answer(&out, HEADS, heads, sizeof(heads));
	put_answer(&out, JOBS, &job, sizeof(job));
	put_answer(&out, LOG, &entry, 22);
	put_answer(&out, OBJECT, "an object", 9);
	put_answer(&out, OBJECT_AT, "part of one", 11);
	fuzz_seed("reads", out.data, out.size);
	out.size = 0;
	fuzz_put_u8(&out, 0);
	put_answer(&out, UNIT, &unit, sizeof(unit));
	fuzz_put_u8(&out, 0);
	fuzz_put_view(&out, (struct provpkg_view){ (const uint8_t *)&unit, sizeof(unit) });
	fuzz_seed("units", out.data, out.size);
}
