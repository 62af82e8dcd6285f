// SPDX-License-Identifier: GPL-2.0-or-later
/* The direct transport against the emulated card. */
#include "emu_harness.h"
#include "lib/provcard/transport.h"

static const struct provcard_transport_ops *const ops = &provcard_transport_vfio_user;

struct fixture {
	struct card card;
	struct provcard_transport *transport;
};

static int set_up_as(void **state, bool msi_only)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	card_start(&fixture->card, 3, msi_only);
	assert_int_equal(ops->open(fixture->card.socket, &fixture->transport), 0);
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

	if (fixture->transport)
		ops->close(fixture->transport);
	card_stop(&fixture->card);
	free(fixture);
	return 0;
}

static struct provcard_command make(uint32_t opcode, uint32_t queue)
{
	return (struct provcard_command){ .size = sizeof(struct provcard_command), .opcode = opcode, .queue = queue };
}

static void test_info(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_info info;

	assert_int_equal(ops->info(fixture->transport, &info), 0);
	assert_string_equal((char *)info.out_serial, "TEST-1");
	assert_string_equal((char *)info.out_firmware, "1.2-test");
	assert_int_equal(info.out_heads, 3);
	assert_int_equal(info.out_queues, 3);
	assert_int_equal(info.out_hif_version, PROVCARD_HIF_VERSION);
	assert_int_equal(info.out_max_transfer, 4u << 20);
}

static void test_echo(void **state)
{
	static const size_t sizes[] = { 0, 1, 63, 4096, 4097, 1000003, 4u << 20 };
	struct fixture *fixture = *state;
	uint8_t *in = malloc(4u << 20), *out = malloc(4u << 20);
	size_t i, j;

	for (j = 0; j < 4u << 20; j++)
		in[j] = (uint8_t)(j * 131 >> 3);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct provcard_command command = make(FAKE_ECHO, (uint32_t)i % 4);

		memset(out, 0x55, 4u << 20);
		command.in_uptr = (uintptr_t)in;
		command.in_len = sizes[i];
		command.out_uptr = (uintptr_t)out;
		command.out_len = sizes[i];
		assert_int_equal(ops->command(fixture->transport, NULL, &command), 0);
		assert_int_equal(command.out_status, 0);
		assert_int_equal(command.out_length, sizes[i]);
		assert_memory_equal(in, out, sizes[i]);
	}
	free(in);
	free(out);
}

static void test_bad_arguments(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_command command = make(PROVCARD_OPC_IDENTIFY, 0);

	assert_int_equal(ops->command(fixture->transport, NULL, &command), -EPERM);
	command = make(FAKE_ECHO, 4);
	assert_int_equal(ops->command(fixture->transport, NULL, &command), -EINVAL);
	command = make(FAKE_ECHO, 0);
	command.in_len = (4u << 20) + 1;
	assert_int_equal(ops->command(fixture->transport, NULL, &command), -EINVAL);
	command = make(FAKE_ECHO, 0);
	command.in_uptr = 8;
	command.in_len = 8;
	assert_int_equal(ops->command(fixture->transport, NULL, &command), -EFAULT);
	command = make(0xf0, 1);
	assert_int_equal(ops->command(fixture->transport, NULL, &command), 0);
	assert_int_equal(command.out_status, PROVCARD_SC_INVALID_OPCODE);
}

static void test_no_card(void **state)
{
	struct provcard_transport *transport;

	(void)state;
	assert_int_equal(ops->open("/tmp/there/is/no/card", &transport), -ENODEV);
}

static void test_second_client(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_transport *second;
	struct provcard_info info;

	assert_int_equal(ops->open(fixture->card.socket, &second), -ENODEV);
	assert_int_equal(ops->info(fixture->transport, &info), 0);
}

static void test_reconnect(void **state)
{
	struct fixture *fixture = *state;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		ops->close(fixture->transport);
		fixture->transport = NULL;
		assert_int_equal(ops->open(fixture->card.socket, &fixture->transport), 0);
	}
	assert_int_equal(fake.starts, 1);
}

static void test_submit(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_transport_job *job;
	struct provcard_completion completion;
	uint64_t seen = 0;
	unsigned int i;

	assert_int_equal(ops->job_create(fixture->transport, &job), 0);
	assert_int_equal(fake.job_count, 1);
	assert_int_equal(ops->reap(job, &completion, 0), -EAGAIN);
	for (i = 0; i < 30; i++) {
		struct provcard_command command = make(FAKE_STATUS, 1 + i % 3);

		command.arg[0] = i;
		command.user_data = i;
		assert_int_equal(ops->submit(job, &command), 0);
	}
	for (i = 0; i < 30; i++) {
		assert_int_equal(ops->reap(job, &completion, 5000), 0);
		assert_int_equal(completion.status, completion.user_data);
		assert_int_equal(completion.error, 0);
		seen |= 1ull << completion.user_data;
	}
	assert_int_equal(seen, (1ull << 30) - 1);
	assert_int_equal(ops->reap(job, &completion, 0), -EAGAIN);
	ops->job_close(job);
	assert_int_equal(fake.job_count, 0);
}

/* Closing a job stops what it runs. */
static void test_job_close_stops(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_transport_job *job;
	unsigned int i;

	assert_int_equal(ops->job_create(fixture->transport, &job), 0);
	for (i = 0; i < 3; i++) {
		struct provcard_command command = make(FAKE_UNIT, 1 + i);

		assert_int_equal(ops->submit(job, &command), 0);
	}
	fake_await_held(3);
	ops->job_close(job);
	assert_int_equal(fake.held, 0);
	assert_int_equal(fake.aborted_all, 0);
	assert_int_equal(fake.job_count, 0);
}

static void test_too_many_jobs(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_transport_job *jobs[CORE_MAX_JOBS], *extra;
	size_t i;

	for (i = 0; i < CORE_MAX_JOBS; i++)
		assert_int_equal(ops->job_create(fixture->transport, &jobs[i]), 0);
	assert_int_equal(ops->job_create(fixture->transport, &extra), -EMFILE);
	for (i = 0; i < CORE_MAX_JOBS; i++)
		ops->job_close(jobs[i]);
}

static void test_slots_run_out(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_transport_job *job;
	struct provcard_command command = make(FAKE_UNIT, 2);
	struct provcard_completion completion;
	unsigned int count = 0;
	int error;

	assert_int_equal(ops->job_create(fixture->transport, &job), 0);
	while (!(error = ops->submit(job, &command)))
		count++;
	assert_int_equal(error, -EAGAIN);
	assert_int_equal(count, 63);
	fake_release(63);
	while (count--)
		assert_int_equal(ops->reap(job, &completion, 5000), 0);
	ops->job_close(job);
}

static void test_timeout(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_transport_job *job;
	struct provcard_command command = make(FAKE_UNIT, 1);
	struct provcard_completion completion;

	assert_int_equal(ops->job_create(fixture->transport, &job), 0);
	command.timeout_ms = 50;
	assert_int_equal(ops->command(fixture->transport, job, &command), -ETIMEDOUT);
	ops->job_close(job);
	assert_int_equal(ops->job_create(fixture->transport, &job), 0);
	assert_int_equal(ops->submit(job, &command), 0);
	assert_int_equal(ops->reap(job, &completion, 5000), 0);
	assert_int_equal(completion.error, ETIMEDOUT);
	command = make(FAKE_STATUS, 1);
	assert_int_equal(ops->command(fixture->transport, job, &command), 0);
	ops->job_close(job);
}

/* What works on a head comes to its safe point; what waits behind another never begins; the rest goes on. */
static void test_cancel(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_transport_job *job;
	struct provcard_command unit = make(FAKE_UNIT, 1), hold = make(FAKE_HOLD, 2);
	struct provcard_completion completion;

	assert_int_equal(ops->job_create(fixture->transport, &job), 0);
	assert_int_equal(ops->cancel(job, 0, true), -ENOENT);
	unit.user_data = 1;
	assert_int_equal(ops->submit(job, &unit), 0);
	for (hold.user_data = 2; hold.user_data < 4; hold.user_data++)
		assert_int_equal(ops->submit(job, &hold), 0);
	fake_await_held(2);
	assert_int_equal(ops->cancel(job, 3, false), 0);
	assert_int_equal(ops->reap(job, &completion, 5000), 0);
	assert_int_equal(completion.user_data, 3);
	assert_int_equal(completion.error, ECANCELED);
	assert_int_equal(ops->cancel(job, 1, false), 0);
	assert_int_equal(ops->reap(job, &completion, 5000), 0);
	assert_int_equal(completion.user_data, 1);
	assert_int_equal(completion.error, 0);
	assert_int_equal(completion.status, PROVCARD_REFUSAL_UNIT_STOPPED);
	assert_int_equal(ops->cancel(job, 1, false), -ENOENT);
	assert_int_equal(ops->reap(job, &completion, 50), -EAGAIN);
	assert_int_equal(ops->cancel(job, 0, true), 0);
	assert_int_equal(ops->cancel(job, 0, true), 0);
	assert_int_equal(ops->reap(job, &completion, 5000), 0);
	assert_int_equal(completion.user_data, 2);
	ops->job_close(job);
}

/* The card's process goes away with a command in flight. */
static void test_card_gone(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_transport_job *job;
	struct provcard_command command = make(FAKE_UNIT, 1);
	struct provcard_completion completion;
	struct provcard_info info;

	assert_int_equal(ops->job_create(fixture->transport, &job), 0);
	assert_int_equal(ops->submit(job, &command), 0);
	fake_await_held(1);
	shutdown(fixture->card.server.session.fd, SHUT_RDWR);
	assert_int_equal(ops->reap(job, &completion, 5000), 0);
	assert_int_equal(completion.error, ENODEV);
	assert_int_equal(ops->reap(job, &completion, 0), -ENODEV);
	assert_int_equal(ops->submit(job, &command), -ENODEV);
	assert_int_equal(ops->command(fixture->transport, job, &command), -ENODEV);
	assert_int_equal(ops->info(fixture->transport, &info), -ENODEV);
	ops->job_close(job);
}

/* A completion that claims more than the buffer holds must not reach the caller. */
static void test_lying_core(void **state)
{
	struct fixture *fixture = *state;
	struct provcard_command command = make(FAKE_LIE, 1);
	uint8_t out[16];

	command.out_uptr = (uintptr_t)out;
	command.out_len = sizeof(out);
	command.arg[0] = 17;
	assert_int_equal(ops->command(fixture->transport, NULL, &command), 0);
	assert_int_equal(command.out_status, PROVCARD_SC_INTERNAL);
	assert_int_equal(command.out_length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_info, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_info, set_up_msi, tear_down),
		cmocka_unit_test_setup_teardown(test_echo, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_echo, set_up_msi, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_arguments, set_up, tear_down),
		cmocka_unit_test(test_no_card),
		cmocka_unit_test_setup_teardown(test_second_client, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reconnect, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_submit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_job_close_stops, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_jobs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slots_run_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timeout, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_card_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lying_core, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
