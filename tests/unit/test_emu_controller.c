// SPDX-License-Identifier: GPL-2.0-or-later
/* The emulated card's controller: registers, features, events, interrupts, and every way in which its work can be ended. */
#include "emu_fixture.h"

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

/* All of it, or none; the board's words, whatever they are. */
static void test_random(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe sqe = { .opcode = PROVCARD_OPC_RANDOM, .cid = 3, .out = raw_data(0, PROVCARD_RANDOM_MAX) };
	struct provcard_hif_cqe cqe;

	memset(raw->memory + RAW_DATA, 0, PROVCARD_RANDOM_MAX + 1);
	assert_int_equal(raw_run(raw, 0, &sqe, &cqe), 0);
	assert_int_equal(cqe.length, PROVCARD_RANDOM_MAX);
	for (size_t i = 0; i < PROVCARD_RANDOM_MAX; i++)
		assert_int_equal(raw->memory[RAW_DATA + i], FAKE_RANDOM);
	assert_int_equal(raw->memory[RAW_DATA + PROVCARD_RANDOM_MAX], 0);
	sqe.out.length = 1;
	assert_int_equal(raw_run(raw, 0, &sqe, &cqe), 0);
	assert_int_equal(cqe.length, 1);
	sqe.out.length = 0;
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_INVALID_FIELD);
	sqe.out.length = PROVCARD_RANDOM_MAX + 1;
	assert_int_equal(raw_run(raw, 0, &sqe, &cqe), PROVCARD_SC_INVALID_FIELD);
	assert_int_equal(cqe.length, 0);
	sqe = (struct provcard_hif_sqe){ .opcode = PROVCARD_OPC_RANDOM, .out = raw_data(0, 16), .arg = { 1 } };
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_INVALID_FIELD);
}

static void say(struct fixture *fixture, const char *sensors)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/sensors", fixture->card.state_path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(sensors, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_telemetry(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe sqe = { .opcode = PROVCARD_OPC_TELEMETRY, .cid = 3, .out = raw_data(0, 64) };
	struct provcard_hif_telemetry *said = (void *)(raw->memory + RAW_DATA);
	struct provcard_hif_cqe cqe;

	assert_int_equal(raw_run(raw, 0, &sqe, &cqe), 0);
	assert_int_equal(cqe.length, sizeof(*said));
	assert_int_equal(said->sensors, PROVCARD_SENSOR_TEMPERATURE | PROVCARD_SENSOR_SUPPLY);
	assert_int_equal(said->temperature, 42000);
	assert_int_equal(said->supply, 3300);
	say(*state, "-5500 3123 80000 90000 1 2\n");
	assert_int_equal(raw_run(raw, 0, &sqe, &cqe), 0);
	assert_int_equal((int32_t)said->temperature, -5500);
	assert_int_equal(said->supply, 3123);
	assert_int_equal(said->temperature_max, 80000);
	assert_int_equal(said->temperature_crit, 90000);
	assert_int_equal(said->supply_min, 1);
	assert_int_equal(said->supply_max, 2);
	sqe.out.length = 63;
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_BUFFER_TOO_SMALL);
}

/* A card from before 1.1 says so and does not know the commands. */
static void test_older_interface(void **state)
{
	struct provcard_hif_sqe sqe = { .opcode = PROVCARD_OPC_RANDOM, .out = raw_data(0, 16) };
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;

	raw_close(raw);
	card_stop(&fixture->card);
	card_start_version(&fixture->card, 3, false, 0x00010000);
	raw_drive(raw, &fixture->card);
	assert_int_equal(raw_register(raw, PROVCARD_REG_VS), 0x00010000);
	assert_int_equal(raw_register(raw, PROVCARD_REG_FEATURES), PROVCARD_FEATURE_COALESCING);
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_INVALID_OPCODE);
	sqe.opcode = PROVCARD_OPC_TELEMETRY;
	assert_int_equal(raw_run(raw, 0, &sqe, NULL), PROVCARD_SC_INVALID_OPCODE);
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

static void test_abort(void **state)
{
	struct raw *raw = raw_of(state);
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 4, .job = 1 };
	struct provcard_hif_sqe hold = { .opcode = FAKE_HOLD, .cid = 5, .job = 1 };
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
	/* Running on a head: stops at its safe point, and no other command of the job with it. */
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
	struct provcard_hif_sqe unit = { .opcode = FAKE_UNIT, .cid = 1, .job = 1 };
	struct provcard_hif_sqe hold = { .opcode = FAKE_HOLD, .cid = 1, .job = 1 };
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
	/* A command on a head does not count, another does. */
	raw_submit(raw, 1, &unit);
	fake_await_held(1);
	raw_submit(raw, 1, &status);
	assert_true(raw_take(raw, 1, &cqe, 1000));
	assert_true(raw_fired(raw, 1, 5));
	raw_submit(raw, 1, &hold);
	fake_await_held(2);
	raw_submit(raw, 1, &status);
	assert_true(raw_take(raw, 1, &cqe, 1000));
	assert_false(raw_fired(raw, 1, 2));
	assert_true(raw_fired(raw, 1, 1000));
	raw_submit(raw, 1, &status);
	raw_submit(raw, 1, &status);
	raw_submit(raw, 1, &status);
	assert_true(raw_fired(raw, 1, 1000));
	fake_release(2);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registers),
		TEST(test_identify),
		TEST_MSI(test_identify),
		TEST(test_random),
		TEST(test_telemetry),
		TEST(test_older_interface),
		TEST(test_command_fields),
		TEST(test_abort),
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
