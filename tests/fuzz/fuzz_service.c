// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Service commands against the real core: any opcode, arguments and buffers by a host that changes them while the card reads;
 * signed requests of every kind; packages with a byte wrong; units, and the power failing in between. Whatever happens, the card
 * goes on, no count is exceeded, and no secret of the package is in an answer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

enum { COMMAND, REQUEST, REQUEST_DER, WRITE_PACKAGE, UNIT, PART, POWER, JOB, KINDS };

#define HEADS 2
#define JOBS 3
#define STEPS_MAX 24
#define OUT_MAX 8192
#define GRANTED 10

static struct station station;
static struct fake_port snapshot; /* prepared, with one job of four allocated units */
static struct provpkg_blob package;
static uint8_t package_id[PROVPKG_ID_SIZE];
static uint32_t jobs[JOBS];
static unsigned int parts;
static uint64_t operations; /* of the board when the card had started */
static bool power_failed, changed; /* by an input, beside what the board counts */

/* ---- The host's memory ---- */

struct host_buffer {
	const uint8_t *data;
	size_t size;
	uint8_t flip; /* what a second look shows differently */
	unsigned int looks;
};

static int read_host(void *context, size_t offset, void *data, size_t size)
{
	struct host_buffer *buffer = context;

	FUZZ_MUST(offset <= buffer->size && size <= buffer->size - offset);
	memcpy(data, buffer->data + offset, size);
	if (buffer->looks++ && size)
		((uint8_t *)data)[size / 2] ^= buffer->flip;
	return buffer->flip == 0xff ? -EFAULT : 0;
}

static int write_host(void *context, size_t offset, const void *data, size_t size)
{
	struct host_buffer *buffer = context;

	FUZZ_MUST(offset <= buffer->size && size <= buffer->size - offset);
	memcpy((uint8_t *)buffer->data + offset, data, size);
	return 0;
}

static void execute(uint8_t opcode, uint32_t job, const uint64_t arg[3], struct host_buffer *in, size_t room)
{
	static const char secret[] = "thirty-two bytes of a secret ...";
	static uint8_t answer[OUT_MAX];
	struct host_buffer out = { .data = answer, .size = room };
	struct core_command command = { .opcode = opcode,
					.job = job,
					.arg = { arg[0], arg[1], arg[2] },
					.in = { in, in->size, read_host, write_host },
					.out = { &out, room, read_host, write_host } };
	struct core_result result;

	core_execute(station.core, &command, &result);
	FUZZ_MUST(result.length <= room && (!result.status || provcard_refusal_find(result.status)));
	FUZZ_MUST(!memmem(answer, room, secret, 16) && !memmem(answer, room, station.image + 256, 16));
	if (!result.status)
		fuzz_accepted();
}

/* ---- The card ---- */

static void start(void)
{
	station.core = core_start(&station.board.port);
	FUZZ_MUST(station.core);
	for (size_t i = 0; i < JOBS; i++)
		FUZZ_MUST(!core_job_create(station.core, &jobs[i]));
	operations = station.board.operations;
}

/* The card as it was, if an input has changed anything; starting it takes longer than most inputs. */
static void restore(void)
{
	if (station.board.operations == operations && !power_failed && !changed)
		return;
	power_failed = changed = false;
	core_stop(station.core);
	fake_port_free(&station.board);
	fake_port_copy(&station.board, &snapshot);
	fake_remove_all();
	parts = 0;
	start();
}

/* A new one, that is quickly copied. */
static void make_small_board(void)
{
	fake_port_free(&station.board);
	fake_port_new(&station.board, HEADS);
	fake_port_resize(&station.board, PORT_NV_STAGING, 128u << 10);
}

void fuzz_begin(void)
{
	struct order order;

	station_new(&station, HEADS);
	station_off(&station);
	make_small_board();
	station_on(&station);
	station_prepare(&station);
	station_order(&station, &order);
	package = station_pack(&order, package_id);
	FUZZ_MUST(!station_load(&station, station_job(&station), &package, NULL));
	FUZZ_MUST(!station_allocate(&station, package_id, 4));
	station_off(&station);
	fake_port_copy(&snapshot, &station.board);
	start();
}

static void check_card(void)
{
	struct provcard_service_status status = station_status(&station);
	struct provcard_service_job job[8];
	const uint64_t arg[3] = { 0 };
	struct core_result result;

	FUZZ_MUST(!status.fault);
	if (status.state == PROVCARD_CARD_BLANK || status.state == PROVCARD_CARD_DECOMMISSIONED)
		return;
	FUZZ_MUST(!station_command(&station, PROVCARD_OP_JOB_LIST, 0, arg, (struct provpkg_view){ 0 }, job, sizeof(job), &result));
	for (size_t i = 0; i < result.length / sizeof(job[0]); i++) {
		FUZZ_MUST(job[i].good + job[i].reserved <= GRANTED && job[i].good + job[i].reserved <= job[i].ceiling_good);
		FUZZ_MUST(job[i].scrap <= job[i].ceiling_scrap);
	}
}

/* ---- Steps ---- */

static void command(struct provpkg_view *input)
{
	uint8_t opcode = fuzz_u8(input), job = fuzz_u8(input);
	uint64_t arg[3] = { fuzz_u32(input), fuzz_u32(input), 0 };
	size_t room = fuzz_u16(input) % (OUT_MAX + 1);
	struct host_buffer in = { .flip = fuzz_u8(input) };
	struct provpkg_view bytes = fuzz_view(input);

	if (opcode < 0x30) /* the commands that exist, more often */
		opcode = (uint8_t)(0x40 + opcode % 9 + (opcode & 0x20 ? 0x20 : 0));
	if (arg[0] == UINT32_MAX)
		arg[0] = UINT64_MAX;
	if (arg[1] == UINT32_MAX)
		arg[1] = UINT64_MAX;
	if (bytes.size == 1) /* stands for the package's id */
		bytes = (struct provpkg_view){ package_id, sizeof(package_id) };
	in.data = bytes.data;
	in.size = bytes.size;
	execute(opcode, job < JOBS ? jobs[job] : job, arg, &in, room);
}

static const struct person *who(uint8_t number)
{
	const struct person *people[] = { &station.officer, &station.operator, &station.auditor, &station.stranger };

	return people[number % 4];
}

static void send_cms(struct provpkg_blob *cms, uint8_t flip)
{
	struct host_buffer in = { cms->data, cms->size, flip, 0 };
	const uint64_t arg[3] = { 0 };

	execute(PROVCARD_OP_REQUEST, 0, arg, &in, OUT_MAX);
	provpkg_blob_free(cms);
}

/* A request that is well signed, for this card and its nonce. */
static void request(struct provpkg_view *input)
{
	const struct person *person = who(fuzz_u8(input));
	struct provpkg_request asked = { .operation = (enum provpkg_operation)(fuzz_u8(input) % 7) };
	struct provpkg_blob der = { 0 };
	struct provpkg_view name;
	uint8_t own = fuzz_u8(input);

	asked.allocate.count = fuzz_u16(input);
	if (own % 2)
		asked.allocate.count = UINT64_MAX - asked.allocate.count;
	memcpy(asked.allocate.package_id, package_id, own & 2 ? 3 : sizeof(package_id));
	memcpy(asked.close.package_id, package_id, own & 2 ? 3 : sizeof(package_id));
	name = fuzz_take(input, own >> 4);
	if (name.size)
		memcpy(asked.enrol.name, name.data, name.size);
	asked.enrol.role = (enum provpkg_role)(own >> 2 & 7);
	asked.enrol.certificates = sk_X509_new_null();
	FUZZ_MUST(sk_X509_push(asked.enrol.certificates, who(own)->certificate));
	station_address(&station, &asked);
	if (!provpkg_request_encode(&asked, &der)) {
		struct provpkg_blob cms = station_sign(&asked, &person, 1);

		send_cms(&cms, own & 0x80 ? own : 0);
		provpkg_blob_free(&der);
	}
	sk_X509_free(asked.enrol.certificates);
}

/* Any bytes, signed by somebody the card knows. */
static void request_der(struct provpkg_view *input)
{
	const struct person *person = who(fuzz_u8(input));
	const struct provpkg_signer signer = { person->key, person->certificate, NULL };
	struct provpkg_view der = fuzz_view(input);
	struct provpkg_blob cms = { 0 };

	if (!der.size) /* cannot be signed */
		return;
	FUZZ_MUST(!provpkg_sign(PROVPKG_CONTENT_REQUEST, der, &signer, 1, &cms));
	send_cms(&cms, 0);
}

/* The package, with some bytes of it changed, written in pieces and committed. */
static void write_package(struct provpkg_view *input)
{
	uint32_t job = jobs[fuzz_u8(input) % JOBS];
	struct provpkg_view changes = fuzz_take(input, fuzz_u8(input) % 16);
	struct provpkg_blob file = { OPENSSL_memdup(package.data, package.size), package.size };
	struct host_buffer none = { 0 };
	const uint64_t arg[3] = { 0 };

	FUZZ_MUST(file.data);
	while (changes.size) {
		uint32_t at = fuzz_u16(&changes);

		file.data[at * 3u % file.size] ^= fuzz_u8(&changes);
	}
	if (!station_write(&station, job, &file))
		execute(PROVCARD_OP_PACKAGE_COMMIT, job, arg, &none, sizeof(struct provcard_service_job));
	provpkg_blob_free(&file);
}

static void unit(struct provpkg_view *input)
{
	uint8_t number = fuzz_u8(input);
	const uint64_t arg[3] = { number % 4, 0, 0 };
	struct host_buffer none = { 0 };

	execute(PROVCARD_OP_UNIT_RUN, jobs[(number >> 2) % JOBS], arg, &none, sizeof(struct provcard_service_unit));
}

/* Another part in a socket, and what will go wrong with it. */
static void part(struct provpkg_view *input)
{
	uint8_t number = fuzz_u8(input), fault = fuzz_u8(input);
	struct fake_part *inserted = &fake_part[number % HEADS];

	changed = true;
	fake_insert(number % HEADS, number & 0x80 ? 1 : ++parts);
	inserted->fails_at = (enum fake_step)(fault % 8);
	inserted->code = 0x401 + (fault >> 3) % 20;
	inserted->locked = number & 2;
	inserted->lock_broken = number & 4;
	inserted->uid_readable = number & 8;
}

static void power(struct provpkg_view *input)
{
	uint8_t number = fuzz_u8(input);

	power_failed = true;
	if (number & 0x80) {
		station.board.power_ends_at = station.board.operations + number % 32;
		return;
	}
	station.board.power_ends_at = 1;
	core_stop(station.core);
	fake_port_cut(&station.board, (enum fake_cut)(number % 3), number);
	start();
}

static void job(struct provpkg_view *input)
{
	uint8_t number = fuzz_u8(input);

	changed = true;
	(void)core_job_delete(station.core, number & 0x10 ? number : jobs[number % JOBS]);
	core_job_abort(station.core, jobs[number % JOBS]);
	FUZZ_MUST(!core_job_create(station.core, &jobs[number % JOBS]) || number & 0x10);
}

static void restart(void)
{
	core_stop(station.core);
	fake_port_cut(&station.board, FAKE_CUT_LOSE_ALL, 0);
	start();
}

void fuzz_one(struct provpkg_view input)
{
	static void (*const steps[KINDS])(struct provpkg_view *) = {
		command, request, request_der, write_package, unit, part, power, job,
	};

	for (unsigned int i = 0; input.size && i < STEPS_MAX; i++)
		steps[fuzz_u8(&input) % KINDS](&input);
	/* Without power it is faulty, and whole again when it comes back. */
	if (power_failed)
		restart();
	check_card();
	restore();
}

static void put_command(struct fuzz_writer *out, uint8_t opcode, uint32_t arg0, bool id)
{
	fuzz_put_u8(out, COMMAND);
	fuzz_put_u8(out, opcode);
	fuzz_put_u8(out, 0);
	fuzz_put_u32(out, arg0);
	fuzz_put_u32(out, 0);
	fuzz_put_u16(out, OUT_MAX);
	fuzz_put_u8(out, 0);
	fuzz_put_view(out, (struct provpkg_view){ package_id, id ? 1 : 0 });
}

void fuzz_seeds(void)
{
	static const uint8_t run[] = { PART, 0, 0, UNIT, 0, UNIT, 0, PART, 1, 0x0a, UNIT, 1, POWER, 1, UNIT, 0 };
	static const uint8_t requests[] = { REQUEST, 1, 3, 0, 2, 0, REQUEST, 0, 2, 0x10 | 2 << 2, 0, 0, 'x', REQUEST, 1, 4, 0, 0, 0,
					    REQUEST, 0, 5, 0, 0, 0 };
	static const uint8_t load[] = { WRITE_PACKAGE, 1, 0, WRITE_PACKAGE, 2, 3, 0x60, 0x20, 1, POWER, 0x85, PART, 0, 0, UNIT, 0 };
	struct fuzz_writer out = { .size = 0 };

	for (uint8_t opcode = PROVCARD_OP_STATUS; opcode <= PROVCARD_OP_LOG_PROOF; opcode++)
		if (opcode != PROVCARD_OP_REQUEST)
			put_command(&out, opcode, opcode == PROVCARD_OP_OBJECT_READ ? PROVCARD_OBJECT_CHECKPOINT : 0, false);
	fuzz_seed("read", out.data, out.size);
	out.size = 0;
	put_command(&out, PROVCARD_OP_JOB_BIND, 0, true);
	put_command(&out, PROVCARD_OP_JOB_STATUS, 0, false);
	put_command(&out, PROVCARD_OP_JOB_LOG, 0, false);
	fuzz_put(&out, run, sizeof(run));
	fuzz_seed("run", out.data, out.size);
	out.size = 0;
	put_command(&out, PROVCARD_OP_JOB_BIND, 0, true);
	fuzz_put(&out, requests, sizeof(requests));
	put_command(&out, PROVCARD_OP_OBJECT_READ, PROVCARD_OBJECT_END_CERTIFICATE, true);
	fuzz_seed("requests", out.data, out.size);
	fuzz_seed("load", load, sizeof(load));
}
