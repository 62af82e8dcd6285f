// SPDX-License-Identifier: GPL-2.0-or-later
/* The controller of the emulated card, driven by a host that keeps to Documentation/host-interface.rst and by ones that do not. */
#include "emu_harness.h"
#include "port/emu/dma_private.h"

struct fixture {
	struct card card;
	struct raw raw;
};

static int set_up_as(void **state, bool msi_only)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	card_start(&fixture->card, 3, msi_only);
	raw_drive(&fixture->raw, &fixture->card);
	*state = fixture;
	return 0;
}

static int set_up(void **state)
{
	return set_up_as(state, false);
}

static int set_up_msi(void **state)
{
	return set_up_as(state, true);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	raw_close(&fixture->raw);
	card_stop(&fixture->card);
	free(fixture);
	return 0;
}

static struct raw *raw_of(void **state)
{
	return &((struct fixture *)*state)->raw;
}

static void test_registers(void **state)
{
	struct raw *raw = raw_of(state);
	uint64_t wide = 0;
	uint32_t narrow = 0xffff;

	assert_int_equal(raw_read(raw, 0, PROVCARD_REG_CAP, &wide, 8), 0);
	assert_int_equal(PROVCARD_CAP_IOQ(wide), 3);
	assert_int_equal(raw_register(raw, PROVCARD_REG_VS), PROVCARD_HIF_VERSION);
	assert_int_equal(raw_register(raw, 0x10), 0);
	assert_int_equal(raw_register(raw, PROVCARD_REG_DOORBELL), 0);
	assert_int_equal(raw_read(raw, 0, PROVCARD_REG_VS, &narrow, 2), 0);
	assert_int_equal(narrow & 0xffff, 0);
	assert_int_equal(raw_read(raw, 0, PROVCARD_REG_VS, &wide, 8), 0);
	assert_int_equal(wide, 0);
	assert_int_equal(raw_read(raw, 0, PROVCARD_REG_VS + 2, &narrow, 4), 0);
	assert_int_equal(narrow, 0);
	/* Locked while enabled. */
	raw_set(raw, PROVCARD_REG_AQA, 0);
	assert_int_equal(raw_register(raw, PROVCARD_REG_AQA), (RAW_ENTRIES - 1) | (RAW_ENTRIES - 1) << 16);
}

static void test_identify(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe sqe = { .opcode = PROVCARD_OPC_IDENTIFY, .cid = 3, .out = raw_data(0, 4096) };
	struct provcard_hif_identify *identify = (void *)(raw->memory + RAW_DATA);
	struct provcard_hif_cqe cqe;

	assert_int_equal(raw_run(raw, 0, &sqe, &cqe), 0);
	assert_int_equal(cqe.length, 4096);
	assert_string_equal((char *)identify->serial, "TEST-1");
	assert_int_equal(identify->heads, 3);
	assert_int_equal(identify->max_jobs, CORE_MAX_JOBS);
	assert_true(raw_fired(raw, 0, 1000));
	sqe.out.length = 4095;
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_BUFFER_TOO_SMALL);
}

static void test_command_fields(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe sqe = { .opcode = 0x3f };

	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_INVALID_OPCODE);
	sqe = (struct provcard_hif_sqe){ .opcode = PROVCARD_OPC_JOB_CREATE, .flags = 1 };
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_INVALID_FIELD);
	sqe = (struct provcard_hif_sqe){ .opcode = PROVCARD_OPC_JOB_CREATE, .job = 1 };
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_INVALID_FIELD);
	sqe = (struct provcard_hif_sqe){ .opcode = PROVCARD_OPC_JOB_CREATE, .arg = { 0, 0, 1 } };
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_INVALID_FIELD);
	sqe = (struct provcard_hif_sqe){ .opcode = PROVCARD_OPC_JOB_CREATE, .in = raw_data(0, 1) };
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_INVALID_FIELD);
	raw_create_queue(raw, 1);
	sqe = (struct provcard_hif_sqe){ .opcode = PROVCARD_OPC_JOB_CREATE };
	assert_int_equal(raw_run(raw, 1, &sqe, NULL), PROVCARD_SC_INVALID_QUEUE);
	sqe = (struct provcard_hif_sqe){ .opcode = FAKE_STATUS, .arg = { 0x234 } };
	assert_int_equal(raw_run(raw, 1, &sqe, NULL), 0x234);
}

static void test_queue_creation(void **state)
{
	struct raw *raw = raw_of(state);
	const uint64_t shape = 1 | 15 << 16;
	const uint8_t create_cq = PROVCARD_OPC_CREATE_CQ, create_sq = PROVCARD_OPC_CREATE_SQ;

	assert_int_equal(raw_admin(raw, create_cq, cq_address(1), 0 | 15 << 16, NULL), PROVCARD_SC_INVALID_QUEUE);
	assert_int_equal(raw_admin(raw, create_cq, cq_address(1), 4 | 15 << 16, NULL), PROVCARD_SC_INVALID_QUEUE);
	assert_int_equal(raw_admin(raw, create_cq, cq_address(1), 1, NULL), PROVCARD_SC_INVALID_FIELD);
	assert_int_equal(raw_admin(raw, create_cq, cq_address(1), 1 | 256ull << 16, NULL), PROVCARD_SC_INVALID_FIELD);
	assert_int_equal(raw_admin(raw, create_cq, cq_address(1) + 16, shape, NULL), PROVCARD_SC_INVALID_FIELD);
	assert_int_equal(raw_admin(raw, create_cq, ~0xfffull, shape, NULL), PROVCARD_SC_INVALID_FIELD);
	assert_int_equal(raw_admin(raw, create_cq, cq_address(1), shape | 4ull << 32, NULL), PROVCARD_SC_INVALID_FIELD);
	assert_int_equal(raw_admin(raw, create_cq, cq_address(1), shape | 1ull << 48, NULL), PROVCARD_SC_INVALID_FIELD);
	assert_int_equal(raw_admin(raw, create_sq, sq_address(1), shape | 1ull << 32, NULL), PROVCARD_SC_INVALID_QUEUE);
	raw_create_queue(raw, 1);
	assert_int_equal(raw_admin(raw, create_cq, cq_address(1), shape, NULL), PROVCARD_SC_INVALID_QUEUE);
	assert_int_equal(raw_admin(raw, create_sq, sq_address(1), shape | 1ull << 32, NULL), PROVCARD_SC_INVALID_QUEUE);
	assert_int_equal(raw_admin(raw, create_sq, sq_address(2), 2 | 15 << 16, NULL), PROVCARD_SC_INVALID_QUEUE);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_DELETE_CQ, 1, 0, NULL), PROVCARD_SC_INVALID_QUEUE);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_DELETE_SQ, 0, 0, NULL), PROVCARD_SC_INVALID_QUEUE);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_DELETE_SQ, 0x10001, 0, NULL), PROVCARD_SC_INVALID_QUEUE);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_DELETE_SQ, 1, 0, NULL), 0);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_DELETE_SQ, 1, 0, NULL), PROVCARD_SC_INVALID_QUEUE);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_DELETE_CQ, 1, 0, NULL), 0);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_DELETE_CQ, 1, 0, NULL), PROVCARD_SC_INVALID_QUEUE);
}

static void test_disable_then_bad_admin_queue(void **state)
{
	struct raw *raw = raw_of(state);

	raw_set(raw, PROVCARD_REG_CC, 0);
	raw_await(raw, PROVCARD_CSTS_RDY, 0);
	raw_set(raw, PROVCARD_REG_AQA, 0);
	raw_set(raw, PROVCARD_REG_CC, PROVCARD_CC_EN);
	raw_await(raw, PROVCARD_CSTS_RDY | PROVCARD_CSTS_CFS, PROVCARD_CSTS_CFS);
	raw_set(raw, PROVCARD_REG_CC, 0);
	raw_await(raw, PROVCARD_CSTS_CFS, 0);
	raw_set(raw, PROVCARD_REG_AQA, 15 | 15 << 16);
	raw_set(raw, PROVCARD_REG_ASQ, (uint32_t)sq_address(0) + 64);
	raw_set(raw, PROVCARD_REG_CC, PROVCARD_CC_EN);
	raw_await(raw, PROVCARD_CSTS_RDY | PROVCARD_CSTS_CFS, PROVCARD_CSTS_CFS);
	raw_enable(raw);
}

/* A doorbell outside its queue is fatal until a reset; one of a queue that does not exist means nothing. */
static void test_doorbells(void **state)
{
	struct raw *raw = raw_of(state);

	raw_set(raw, PROVCARD_REG_DOORBELL + 8 * 2, 5);
	raw_set(raw, PROVCARD_REG_DOORBELL + 8 * 200, 5);
	raw_set(raw, 0x3ffc, 0xffffffff);
	assert_int_equal(raw_register(raw, PROVCARD_REG_CSTS), PROVCARD_CSTS_RDY);
	raw_set(raw, PROVCARD_REG_DOORBELL, RAW_ENTRIES);
	raw_await(raw, PROVCARD_CSTS_CFS, PROVCARD_CSTS_CFS);
	raw_enable(raw);
	raw_set(raw, PROVCARD_REG_DOORBELL + 4, 0xffffffff);
	raw_await(raw, PROVCARD_CSTS_CFS, PROVCARD_CSTS_CFS);
	raw_enable(raw);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_CREATE, 0, 0, NULL), 0);
}

static void test_unreachable_rings(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe sqe = { .opcode = FAKE_STATUS };

	assert_int_equal(raw_admin(raw, PROVCARD_OPC_CREATE_CQ, cq_address(1), 1 | 15 << 16, NULL), 0);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_CREATE_SQ, 0x7000, 1 | 15 << 16 | 1ull << 32, NULL), 0);
	raw_submit(raw, 1, &sqe);
	raw_await(raw, PROVCARD_CSTS_CFS, PROVCARD_CSTS_CFS);
	raw_enable(raw);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_CREATE_CQ, 0x7000, 1 | 15 << 16, NULL), 0);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_CREATE_SQ, sq_address(1), 1 | 15 << 16 | 1ull << 32, NULL), 0);
	raw_submit(raw, 1, &sqe);
	raw_await(raw, PROVCARD_CSTS_CFS, PROVCARD_CSTS_CFS);
}

static uint16_t echo(struct raw *raw, struct provcard_hif_sgl in, struct provcard_hif_sgl out, struct provcard_hif_cqe *cqe)
{
	struct provcard_hif_sqe sqe = { .opcode = FAKE_ECHO, .cid = 9, .in = in, .out = out };

	return raw_run(raw, 0, &sqe, cqe);
}

static struct provcard_hif_sgl list(uint64_t offset, uint32_t count)
{
	uint64_t address = RAW_ADDRESS + RAW_DATA + offset;

	return (struct provcard_hif_sgl){ .address = address, .length = count * 16, .type = PROVCARD_SGL_LIST };
}

/* Buffers in pieces of odd lengths, of which some cross from one map into the next. */
static void test_scatter_lists(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sgl *entries = (void *)(raw->memory + RAW_DATA + 0x200000);
	struct provcard_hif_cqe cqe;
	uint32_t i, total = 0;

	/* The same file again, page by page, in another order: what a virtual IOMMU makes of memory. */
	for (i = 0; i < 64; i++)
		assert_int_equal(raw_map(raw, 0x80000000 + i * 4096, 4096, RAW_DATA + (63 - i) * 4096, 3, raw->memory_fd), 0);
	for (i = 0; i < 64 * 4096; i++)
		raw->memory[RAW_DATA + i] = (uint8_t)(i * 7 >> 5);
	for (i = 0; i < 50; i++) {
		entries[i] = (struct provcard_hif_sgl){ .address = 0x80000000 + i * 5000 + 13, .length = 4099 + i };
		total += entries[i].length;
	}
	entries[50] = raw_data(0x100000, total);
	assert_int_equal(echo(raw, list(0x200000, 50), list(0x200000 + 50 * 16, 1), &cqe), 0);
	assert_int_equal(cqe.length, total);
	for (i = total = 0; i < 50; total += entries[i++].length) {
		uint32_t j;

		for (j = 0; j < entries[i].length; j++) {
			uint32_t at = i * 5000 + 13 + j, place = (63 - at / 4096) * 4096 + at % 4096;

			if (raw->memory[RAW_DATA + 0x100000 + total + j] != raw->memory[RAW_DATA + place])
				fail_msg("segment %u differs at %u", i, j);
		}
	}
}

static void test_bad_buffers(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sgl *entries = (void *)(raw->memory + RAW_DATA);
	struct provcard_hif_sgl none = { 0 }, bad = raw_data(0, 16);

	bad.type = 1;
	assert_int_equal(echo(raw, bad, none, NULL), PROVCARD_SC_INVALID_FIELD);
	bad = raw_data(0, 16);
	bad.reserved[1] = 1;
	assert_int_equal(echo(raw, bad, none, NULL), PROVCARD_SC_INVALID_FIELD);
	bad = raw_data(0, 0);
	bad.type = PROVCARD_SGL_LIST;
	assert_int_equal(echo(raw, bad, none, NULL), PROVCARD_SC_INVALID_FIELD);
	bad = list(0, 1);
	bad.length = 17;
	assert_int_equal(echo(raw, bad, none, NULL), PROVCARD_SC_INVALID_FIELD);
	assert_int_equal(echo(raw, list(0, 1026), none, NULL), PROVCARD_SC_INVALID_FIELD);
	assert_int_equal(echo(raw, list(4, 1), none, NULL), PROVCARD_SC_INVALID_FIELD);
	bad = (struct provcard_hif_sgl){ .address = UINT64_MAX - 7, .length = 16 };
	assert_int_equal(echo(raw, bad, none, NULL), PROVCARD_SC_INVALID_FIELD);
	bad = raw_data(0, (4u << 20) + 1);
	assert_int_equal(echo(raw, bad, none, NULL), PROVCARD_SC_INVALID_FIELD);
	entries[0] = raw_data(64, 16);
	entries[1] = list(0, 1);
	assert_int_equal(echo(raw, list(0, 2), none, NULL), PROVCARD_SC_INVALID_FIELD);
	entries[1] = raw_data(0, 0);
	assert_int_equal(echo(raw, list(0, 2), none, NULL), PROVCARD_SC_INVALID_FIELD);
	entries[0] = entries[1] = raw_data(0, 3u << 20);
	assert_int_equal(echo(raw, list(0, 2), none, NULL), PROVCARD_SC_INVALID_FIELD);
	bad = (struct provcard_hif_sgl){ .address = 0x7000, .length = 16, .type = PROVCARD_SGL_LIST };
	assert_int_equal(echo(raw, bad, none, NULL), PROVCARD_SC_DATA_TRANSFER);
	bad = (struct provcard_hif_sgl){ .address = RAW_ADDRESS + RAW_MEMORY - 8, .length = 16 };
	assert_int_equal(echo(raw, bad, raw_data(0, 16), NULL), PROVCARD_SC_DATA_TRANSFER);
	assert_int_equal(echo(raw, raw_data(0, 16), bad, NULL), PROVCARD_SC_DATA_TRANSFER);
	assert_int_equal(echo(raw, raw_data(0, 16), raw_data(0x1000, 16), NULL), 0);
}

/* The file behind the memory shrinks under the card. */
static void test_shrunken_file(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sgl lost = { .address = 0x90000000, .length = 64 };
	int fd = memfd_create("short", MFD_CLOEXEC);

	dma_guard_install(); /* cmocka has put its own handler there */
	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(raw_map(raw, 0x90000000, 8192, 0, 3, fd), 0);
	assert_int_equal(raw_map(raw, 0x90010000, 8192, 4096, 3, fd), EINVAL);
	assert_int_equal(echo(raw, lost, raw_data(0, 64), NULL), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(echo(raw, lost, raw_data(0, 64), NULL), PROVCARD_SC_DATA_TRANSFER);
	assert_int_equal(echo(raw, raw_data(0, 64), lost, NULL), PROVCARD_SC_DATA_TRANSFER);
	close(fd);
}

static void test_permissions_of_maps(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sgl readable = { .address = 0x90000000, .length = 64 };
	struct provcard_hif_sgl writable = { .address = 0x90001000, .length = 64 };

	assert_int_equal(raw_map(raw, 0x90000000, 4096, RAW_DATA, VFIO_DMA_MAP_FLAG_READ, raw->memory_fd), 0);
	assert_int_equal(raw_map(raw, 0x90001000, 4096, RAW_DATA, VFIO_DMA_MAP_FLAG_WRITE, raw->memory_fd), 0);
	assert_int_equal(echo(raw, readable, writable, NULL), 0);
	assert_int_equal(echo(raw, writable, readable, NULL), PROVCARD_SC_DATA_TRANSFER);
	assert_int_equal(echo(raw, readable, readable, NULL), PROVCARD_SC_DATA_TRANSFER);
	assert_int_equal(raw_unmap(raw, 0x90000000, 4096), 0);
	assert_int_equal(echo(raw, readable, writable, NULL), PROVCARD_SC_DATA_TRANSFER);
}

static void test_rings_wrap(void **state)
{
	struct raw *raw = raw_of(state);
	unsigned int i;

	raw_create_queue(raw, 2);
	for (i = 0; i < 5 * RAW_ENTRIES + 3; i++) {
		struct provcard_hif_sqe sqe = { .opcode = FAKE_STATUS, .cid = (uint16_t)(i * 1021), .arg = { i } };

		assert_int_equal(raw_run(raw, 2, &sqe, NULL), i);
	}
}

/* Completions that do not fit the ring wait until the host has read some. */
static void test_full_completion_ring(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_cqe cqe;
	unsigned int i, taken = 0;

	raw_create_queue(raw, 1);
	for (i = 0; i < 40; i++) {
		struct provcard_hif_sqe sqe = { .opcode = FAKE_STATUS, .cid = (uint16_t)i, .arg = { 1 } };

		raw_submit(raw, 1, &sqe);
		usleep(1000);
	}
	while (raw_take(raw, 1, &cqe, 200))
		taken++;
	assert_int_equal(taken, RAW_ENTRIES - 1);
	/* The other queue is none the worse. */
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_CREATE, 0, 0, NULL), 0);
	while (taken < 40) {
		raw_free(raw, 1);
		assert_true(raw_take(raw, 1, &cqe, 2000));
		taken++;
	}
	raw_free(raw, 1);
	assert_false(raw_take(raw, 1, &cqe, 50));
}

/* Commands on heads pass each other; those of a job that are not on heads run one after the other. */
static void test_order(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe hold = { .opcode = FAKE_HOLD, .cid = 1, .job = 5 };
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 2, .job = 6 };
	struct provcard_hif_sqe note = { .opcode = FAKE_NOTE, .job = 6 };
	struct provcard_hif_cqe cqe;
	unsigned int i;

	raw_create_queue(raw, 1);
	raw_submit(raw, 1, &hold);
	raw_submit(raw, 1, &unit);
	unit.cid = 3;
	raw_submit(raw, 1, &unit);
	fake_await_held(3);
	for (i = 0; i < 8; i++) {
		note.cid = (uint16_t)(10 + i);
		note.arg[0] = i;
		raw_put(raw, 1, &note);
	}
	note.cid = 30;
	note.job = 5;
	note.arg[0] = 77;
	raw_put(raw, 1, &note);
	raw_ring(raw, 1);
	for (i = 0; i < 8; i++) {
		assert_true(raw_take(raw, 1, &cqe, 2000));
		assert_int_equal(cqe.cid, 10 + i);
		assert_int_equal(fake.notes[i], i);
	}
	/* The one behind the held command of its own job has to wait. */
	assert_false(raw_take(raw, 1, &cqe, 50));
	assert_int_equal(fake.note_count, 8);
	fake_release(3);
	for (i = 0; i < 4; i++)
		assert_true(raw_take(raw, 1, &cqe, 2000));
	assert_int_equal(fake.notes[8], 77);
}

static void test_two_queues_at_once(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 1, .job = 1 };
	struct provcard_hif_sqe status = { .opcode = FAKE_STATUS, .cid = 2, .arg = { 3 } };

	raw_create_queue(raw, 1);
	raw_create_queue(raw, 2);
	raw_submit(raw, 1, &unit);
	raw_submit(raw, 2, &unit);
	fake_await_held(2);
	assert_int_equal(raw_run(raw, 1, &status, NULL), 3);
	assert_int_equal(raw_run(raw, 2, &status, NULL), 3);
	assert_true(raw_fired(raw, 1, 1000));
	assert_true(raw_fired(raw, 2, 1000));
	fake_release(2);
}

static void test_abort(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 4, .job = 1 };
	struct provcard_hif_sqe hold = { .opcode = FAKE_HOLD, .cid = 5, .job = 2 };
	struct provcard_hif_cqe cqe;
	uint32_t result;

	raw_create_queue(raw, 1);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_ABORT, 1 | 4 << 16, 0, &result), 0);
	assert_int_equal(result, 1);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_ABORT, 2, 0, &result), PROVCARD_SC_INVALID_QUEUE);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_ABORT, 1ull << 32, 0, &result), PROVCARD_SC_INVALID_FIELD);
	raw_submit(raw, 1, &unit);
	raw_submit(raw, 1, &hold);
	hold.cid = 6;
	raw_submit(raw, 1, &hold);
	fake_await_held(2);
	/* Running on a head: stops at its safe point. */
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_ABORT, 1 | 4 << 16, 0, &result), 0);
	assert_int_equal(result, 0);
	assert_true(raw_take(raw, 1, &cqe, 2000));
	assert_int_equal(cqe.cid, 4);
	assert_int_equal(PROVCARD_CQE_STATUS(cqe.status), PROVCARD_REFUSAL_UNIT_STOPPED);
	assert_int_equal(fake.aborted_all, 0);
	/* Waiting behind another: never begins. */
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_ABORT, 1 | 6 << 16, 0, &result), 0);
	assert_int_equal(result, 0);
	assert_true(raw_take(raw, 1, &cqe, 2000));
	assert_int_equal(cqe.cid, 6);
	assert_int_equal(PROVCARD_CQE_STATUS(cqe.status), PROVCARD_SC_ABORTED);
	assert_int_equal(fake.held, 1);
	fake_release(1);
	assert_true(raw_take(raw, 1, &cqe, 2000));
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_ABORT, 1 | 5 << 16, 0, &result), 0);
	assert_int_equal(result, 1);
}

static void test_delete_queue_in_flight(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 4, .job = 1 };
	struct provcard_hif_sqe hold = { .opcode = FAKE_HOLD, .cid = 5, .job = 1 };
	struct provcard_hif_cqe cqe = { 0 };
	unsigned int i, aborted = 0;

	raw_create_queue(raw, 1);
	raw_submit(raw, 1, &unit);
	fake_await_held(1);
	for (i = 0; i < 5; i++)
		raw_put(raw, 1, &hold);
	raw_ring(raw, 1);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_DELETE_SQ, 1, 0, NULL), 0);
	for (i = 0; i < 6; i++) {
		assert_true(raw_take(raw, 1, &cqe, 0));
		aborted += PROVCARD_CQE_STATUS(cqe.status) == PROVCARD_SC_ABORTED;
	}
	assert_in_range(aborted, 4, 5);
	assert_int_equal(fake.held, 0);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_DELETE_CQ, 1, 0, NULL), 0);
}

static void test_async_events(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;
	struct provcard_hif_sqe sqe = { .opcode = PROVCARD_OPC_ASYNC_EVENT };
	struct port_event event = { PROVCARD_EVENT_HEAD, 2 };
	struct provcard_hif_cqe cqe;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		sqe.cid = (uint16_t)(20 + i);
		raw_submit(raw, 0, &sqe);
	}
	assert_false(raw_take(raw, 0, &cqe, 50));
	sqe.cid = 30;
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_INVALID_FIELD);
	fake.port->ops->event(fake.port->context, &event);
	assert_true(raw_take(raw, 0, &cqe, 2000));
	assert_int_equal(cqe.result, PROVCARD_EVENT_HEAD | 2 << 8);
	/* Aborted: two completions, in any order. */
	sqe = (struct provcard_hif_sqe){ .opcode = PROVCARD_OPC_ABORT, .cid = 40, .arg = { 22 << 16 } };
	raw_submit(raw, 0, &sqe);
	for (i = 0; i < 2; i++) {
		assert_true(raw_take(raw, 0, &cqe, 2000));
		assert_true(cqe.cid == 40 || cqe.cid == 22);
		assert_int_equal(PROVCARD_CQE_STATUS(cqe.status), cqe.cid == 22 ? PROVCARD_SC_ABORTED : 0);
	}
}

static void test_events_are_kept_once(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;
	struct provcard_hif_sqe sqe = { .opcode = PROVCARD_OPC_ASYNC_EVENT, .cid = 1 };
	struct port_event event = { PROVCARD_EVENT_JOB, 0 };
	struct provcard_hif_cqe cqe;
	unsigned int i;

	for (i = 0; i < 1000; i++)
		fake.port->ops->event(fake.port->context, &event);
	event = (struct port_event){ PROVCARD_EVENT_FAULT, 0x30f };
	fake.port->ops->event(fake.port->context, &event);
	assert_int_equal(raw_run(raw, 0, &sqe, &cqe), 0);
	assert_int_equal(cqe.result, PROVCARD_EVENT_JOB);
	assert_int_equal(raw_run(raw, 0, &sqe, &cqe), 0);
	assert_int_equal(cqe.result, PROVCARD_EVENT_FAULT | 0x30f << 8);
	raw_submit(raw, 0, &sqe);
	assert_false(raw_take(raw, 0, &cqe, 50));
}

static void test_jobs(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 4 };
	struct provcard_hif_cqe cqe;
	uint32_t handle;

	raw_create_queue(raw, 1);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_DELETE, 1, 0, NULL), PROVCARD_SC_UNKNOWN_JOB);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_CREATE, 0, 0, &handle), 0);
	assert_int_not_equal(handle, 0);
	unit.job = handle;
	raw_submit(raw, 1, &unit);
	fake_await_held(1);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_DELETE, handle | 1ull << 32, 0, NULL), PROVCARD_SC_UNKNOWN_JOB);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_DELETE, handle, 0, NULL), 0);
	assert_true(raw_take(raw, 1, &cqe, 0));
	assert_int_equal(PROVCARD_CQE_STATUS(cqe.status), PROVCARD_REFUSAL_UNIT_STOPPED);
	assert_int_equal(fake.job_count, 0);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_DELETE, handle, 0, NULL), PROVCARD_SC_UNKNOWN_JOB);
}

/* After RDY is 0 the card writes nothing and sends nothing, whatever its units still do; what it had is gone. */
static void test_reset_in_flight(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 4 };
	struct provcard_hif_cqe cqe;
	uint32_t handle, i;

	raw_create_queue(raw, 1);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_CREATE, 0, 0, &handle), 0);
	unit.job = handle;
	for (i = 0; i < 3; i++)
		raw_submit(raw, 1, &unit);
	fake_await_held(3);
	raw_set(raw, PROVCARD_REG_CC, 0);
	assert_int_equal(raw_register(raw, PROVCARD_REG_CSTS), 0);
	while (raw_fired(raw, 0, 0) || raw_fired(raw, 1, 0))
		;
	fake_await_held(0);
	assert_false(raw_take(raw, 1, &cqe, 50));
	assert_false(raw_fired(raw, 1, 0));
	raw_enable(raw);
	assert_int_equal(fake.job_count, 0);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_DELETE, handle, 0, NULL), PROVCARD_SC_UNKNOWN_JOB);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_DELETE_SQ, 1, 0, NULL), PROVCARD_SC_INVALID_QUEUE);
	raw_create_queue(raw, 1);
	assert_int_equal(fake.starts, 1);
}

static void test_function_level_reset(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 4, .job = 1 };
	uint8_t config[256];
	uint16_t control;
	uint8_t express;

	raw_create_queue(raw, 1);
	raw_submit(raw, 1, &unit);
	fake_await_held(1);
	assert_int_equal(raw_read(raw, VFIO_PCI_CONFIG_REGION_INDEX, 0, config, 256), 0);
	for (express = config[PCI_CAPABILITY_LIST]; express && config[express] != PCI_CAP_ID_EXP; express = config[express + 1])
		;
	assert_int_not_equal(express, 0);
	assert_true(config[express + PCI_EXP_DEVCAP + 3] & PCI_EXP_DEVCAP_FLR >> 24);
	control = (uint16_t)(config[express + PCI_EXP_DEVCTL] | config[express + PCI_EXP_DEVCTL + 1] << 8 | PCI_EXP_DEVCTL_BCR_FLR);
	assert_int_equal(raw_write(raw, VFIO_PCI_CONFIG_REGION_INDEX, express + PCI_EXP_DEVCTL, &control, 2), 0);
	assert_int_equal(raw_register(raw, PROVCARD_REG_CC), 0);
	assert_int_equal(raw_register(raw, PROVCARD_REG_ASQ), 0);
	assert_int_equal(raw_register(raw, PROVCARD_REG_CSTS), 0);
	assert_int_equal(raw_read(raw, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &control, 2), 0);
	assert_int_equal(control, 0);
	fake_await_held(0);
	raw_master(raw, true);
	raw_enable(raw);
	assert_int_equal(raw_call(raw, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0), 0);
	assert_int_equal(raw_register(raw, PROVCARD_REG_CSTS), 0);
}

static void test_no_bus_master(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe sqe = { .opcode = FAKE_STATUS };

	raw_master(raw, false);
	raw_submit(raw, 0, &sqe);
	raw_await(raw, PROVCARD_CSTS_CFS, PROVCARD_CSTS_CFS);
	raw_master(raw, true);
	raw_enable(raw);
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), 0);
}

static void test_shutdown(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 4, .job = 1 };
	struct provcard_hif_sqe event = { .opcode = PROVCARD_OPC_ASYNC_EVENT, .cid = 5 };
	struct provcard_hif_cqe cqe;

	raw_create_queue(raw, 1);
	raw_submit(raw, 1, &unit);
	raw_submit(raw, 0, &event);
	fake_await_held(1);
	raw_set(raw, PROVCARD_REG_CC, PROVCARD_CC_EN | 2 << 14);
	assert_int_equal(raw_register(raw, PROVCARD_REG_CSTS), PROVCARD_CSTS_RDY);
	raw_set(raw, PROVCARD_REG_CC, PROVCARD_CC_EN | PROVCARD_CC_SHN_NORMAL);
	raw_await(raw, PROVCARD_CSTS_SHST_MASK, PROVCARD_CSTS_SHST_DONE);
	assert_true(raw_take(raw, 1, &cqe, 0));
	assert_true(raw_take(raw, 0, &cqe, 0));
	assert_int_equal(PROVCARD_CQE_STATUS(cqe.status), PROVCARD_SC_ABORTED);
	assert_int_equal(fake.stops, 1);
	raw_submit(raw, 1, &unit);
	assert_false(raw_take(raw, 1, &cqe, 50));
	raw_enable(raw);
	assert_int_equal(fake.starts, 2);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_CREATE, 0, 0, NULL), 0);
}

static void test_coalescing(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe hold = { .opcode = FAKE_UNIT, .cid = 1, .job = 1 };
	struct provcard_hif_sqe status = { .opcode = FAKE_STATUS, .cid = 2 };
	struct provcard_hif_cqe cqe;
	uint32_t result;

	assert_int_equal(raw_admin(raw, PROVCARD_OPC_SET_FEATURE, 2, 0, NULL), PROVCARD_SC_INVALID_FIELD);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_SET_FEATURE, 1, 0x10000, NULL), PROVCARD_SC_INVALID_FIELD);
	/* Three entries or 20 ms. */
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_SET_FEATURE, 1, 200 << 8 | 2, &result), 0);
	assert_int_equal(result, 200 << 8 | 2);
	raw_create_queue(raw, 1);
	/* Nothing else in flight: at once. */
	assert_int_equal(raw_run(raw, 1, &status, NULL), 0);
	assert_true(raw_fired(raw, 1, 5));
	raw_submit(raw, 1, &hold);
	fake_await_held(1);
	raw_submit(raw, 1, &status);
	assert_true(raw_take(raw, 1, &cqe, 1000));
	assert_false(raw_fired(raw, 1, 2));
	assert_true(raw_fired(raw, 1, 1000));
	raw_submit(raw, 1, &status);
	raw_submit(raw, 1, &status);
	raw_submit(raw, 1, &status);
	assert_true(raw_fired(raw, 1, 1000));
	fake_release(1);
	assert_true(raw_fired(raw, 1, 1000));
}

/* An interrupt that finds no descriptor is kept for the next one. */
static void test_interrupt_without_descriptor(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;
	uint32_t index = fixture->card.endpoint.pci.msi_only ? VFIO_PCI_MSI_IRQ_INDEX : VFIO_PCI_MSIX_IRQ_INDEX;

	assert_int_equal(raw_interrupt(raw, index, 0, -1), 0);
	while (raw_fired(raw, 0, 0))
		;
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_JOB_CREATE, 0, 0, NULL), 0);
	assert_false(raw_fired(raw, 0, 20));
	assert_int_equal(raw_interrupt(raw, index, 0, raw->interrupts[0]), 0);
	assert_true(raw_fired(raw, 0, 1000));
}

static void test_leave_and_come_back(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 4, .job = 1 };
	unsigned int i;

	for (i = 0; i < 10; i++) {
		raw_create_queue(raw, 1);
		raw_submit(raw, 1, &unit);
		fake_await_held(1);
		raw_close(raw);
		raw_drive(raw, &fixture->card);
		assert_int_equal(fake.held, 0);
	}
	assert_int_equal(fake.starts, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_MSI(name) cmocka_unit_test_setup_teardown(name, set_up_msi, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registers),
		TEST(test_identify),
		TEST_MSI(test_identify),
		TEST(test_command_fields),
		TEST(test_queue_creation),
		TEST(test_disable_then_bad_admin_queue),
		TEST(test_doorbells),
		TEST(test_unreachable_rings),
		TEST(test_scatter_lists),
		TEST(test_bad_buffers),
		TEST(test_shrunken_file),
		TEST(test_permissions_of_maps),
		TEST(test_rings_wrap),
		TEST(test_full_completion_ring),
		TEST(test_order),
		TEST(test_two_queues_at_once),
		TEST_MSI(test_two_queues_at_once),
		TEST(test_abort),
		TEST(test_delete_queue_in_flight),
		TEST(test_async_events),
		TEST(test_events_are_kept_once),
		TEST(test_jobs),
		TEST(test_reset_in_flight),
		TEST(test_function_level_reset),
		TEST(test_no_bus_master),
		TEST(test_shutdown),
		TEST(test_coalescing),
		TEST(test_interrupt_without_descriptor),
		TEST_MSI(test_interrupt_without_descriptor),
		TEST(test_leave_and_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
