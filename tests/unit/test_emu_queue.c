// SPDX-License-Identifier: GPL-2.0-or-later
/* The emulated card's queues and what their entries point to: used as Documentation/host-interface.rst says, and otherwise. */
#include "emu_fixture.h"
#include "port/emu/dma_private.h"

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

/* Submit a command whose doorbell also releases what was taken. */
static void submit_and_release(struct raw *raw, const struct provcard_hif_sqe *sqe)
{
	raw_put(raw, 1, sqe);
	raw_set(raw, PROVCARD_REG_DOORBELL + 8, PROVCARD_DOORBELL(raw->queue[1].tail, raw->queue[1].head));
}

/* Several rings' worth of commands without a write to the completion doorbell; what is released needs no announcement. */
static void test_release_with_submission(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe status = { .opcode = FAKE_STATUS, .cid = 2 }, hold = { .opcode = FAKE_HOLD, .job = 1 };
	const uint64_t shape = 1 | (RAW_ENTRIES - 1) << 16 | 1ull << 32;
	struct provcard_hif_cqe cqe;
	unsigned int i;

	assert_int_equal(raw_register(raw, PROVCARD_REG_FEATURES) & PROVCARD_FEATURE_RELEASE, PROVCARD_FEATURE_RELEASE);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_SET_FEATURE, PROVCARD_FEAT_COALESCING, 255 << 8 | 7, NULL), 0);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_CREATE_CQ, cq_address(1), shape, NULL), 0);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_CREATE_SQ, sq_address(1), shape | PROVCARD_SQ_RELEASE, NULL), 0);
	for (i = 0; i < 4; i++, hold.job++)
		submit_and_release(raw, &hold);
	fake_await_held(4);
	for (i = 0; i < 3 * RAW_ENTRIES; i++) {
		submit_and_release(raw, &status);
		assert_true(raw_take(raw, 1, &cqe, 1000));
	}
	fake_release(4);
	for (i = 0; i < 4; i++)
		assert_true(raw_take(raw, 1, &cqe, 1000));
	assert_true(raw_fired(raw, 1, 1000));
	assert_int_equal(raw_register(raw, PROVCARD_REG_CSTS), PROVCARD_CSTS_RDY);
	raw_set(raw, PROVCARD_REG_DOORBELL + 8, PROVCARD_DOORBELL(raw->queue[1].tail, RAW_ENTRIES));
	raw_await(raw, PROVCARD_CSTS_CFS, PROVCARD_CSTS_CFS);
}

/* The same on the admin queue, which a register makes. */
static void test_admin_release_with_submission(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe status = { .opcode = FAKE_STATUS };
	struct provcard_hif_cqe cqe;
	unsigned int i;

	raw_enable_with(raw, PROVCARD_AQA_RELEASE);
	for (i = 0; i < 3 * RAW_ENTRIES; i++) {
		raw_put(raw, 0, &status);
		raw_set(raw, PROVCARD_REG_DOORBELL, PROVCARD_DOORBELL(raw->queue[0].tail, raw->queue[0].head));
		assert_true(raw_take(raw, 0, &cqe, 1000));
		assert_true(raw_fired(raw, 0, 1000));
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_queue_creation),
		TEST(test_disable_then_bad_admin_queue),
		TEST(test_doorbells),
		TEST(test_release_with_submission),
		TEST(test_admin_release_with_submission),
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
		TEST(test_delete_queue_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
