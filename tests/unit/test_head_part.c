// SPDX-License-Identifier: GPL-2.0-or-later
/* Heads on the simulated part, a process of its own on the emulated cable: the whole work, its cost, and parts that fail. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cable_port.h"
#include "head/head.h"
#include "port/emu/cable.h"
#include "provcard-refusal.h"

#define REFUSED(call, name) assert_int_equal(call, PROVCARD_REFUSAL_##name)
#define ARGUMENTS 24
#define START_MS 5000
#define TEST_SECONDS 60

struct bench {
	char folder[32], socket[64], script[64], flash[64];
	pid_t part;
	struct cable_port socket_port;
};

static char part_program[PATH_MAX];
static uint8_t image[64 * 1024];
static const uint8_t key[] = "a key and a certificate, not aligned to anything";
static const struct head_region regions[] = {
	{ .address = 0, .data = image, .size = sizeof(image) },
	{ .address = 0x80001, .data = key, .size = sizeof(key) },
	{ .address = 0xff000, .data = key, .size = 32 },
	{ .address = 0x10001080, .data = key, .size = 32 },
};

#define REGIONS (sizeof(regions) / sizeof(regions[0]))

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	strcpy(bench->folder, "/tmp/test_head_XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	snprintf(bench->socket, sizeof(bench->socket), "%s/cable", bench->folder);
	snprintf(bench->script, sizeof(bench->script), "%s/faults", bench->folder);
	snprintf(bench->flash, sizeof(bench->flash), "%s/flash", bench->folder);
	cable_port_init(&bench->socket_port, bench->socket);
	*state = bench;
	alarm(TEST_SECONDS);
	return 0;
}

static void stop_part(struct bench *bench)
{
	if (bench->part > 0) {
		kill(bench->part, SIGKILL);
		waitpid(bench->part, NULL, 0);
	}
	bench->part = 0;
	unlink(bench->socket);
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	stop_part(bench);
	unlink(bench->script);
	unlink(bench->flash);
	rmdir(bench->folder);
	free(bench);
	alarm(0);
	return 0;
}

/* Arguments beyond the usual ones end with NULL. */
static void start_part(struct bench *bench, const char *first, ...)
{
	const char *arguments[ARGUMENTS] = { part_program, "--family", "nrf52840", "--cable", bench->socket };
	size_t count = 5;
	va_list more;

	va_start(more, first);
	for (const char *next = first; next; next = va_arg(more, const char *))
		arguments[count++] = next;
	va_end(more);
	bench->part = fork();
	if (!bench->part) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(part_program, (char **)arguments);
		_exit(127);
	}
	for (int i = 0; access(bench->socket, F_OK); i++) {
		assert_true(i < START_MS);
		usleep(1000);
	}
}

static void write_script(struct bench *bench, const char *text)
{
	FILE *file = fopen(bench->script, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static struct head *attach(struct bench *bench)
{
	struct head *head;

	assert_int_equal(head_attach(&bench->socket_port.port, 0, "nRF52840", &head), 0);
	return head;
}

static struct head *erased(struct bench *bench)
{
	struct head *head = attach(bench);

	assert_int_equal(head_erase(head, NULL, NULL), 0);
	return head;
}

static struct head *programmed(struct bench *bench)
{
	struct head *head = erased(bench);

	assert_int_equal(head_program(head, regions, REGIONS, NULL, NULL), 0);
	return head;
}

static void provision(struct bench *bench)
{
	struct head *head = attach(bench);
	bool locked = false;

	assert_int_equal(head_erase(head, NULL, NULL), 0);
	assert_int_equal(head_identity(head)->uid_size, 8);
	assert_memory_equal(head_identity(head)->uid, "\xde\xad\xbe\xef\x01\x23\x45\x67", 8);
	assert_int_equal(head_program(head, regions, REGIONS, NULL, NULL), 0);
	assert_int_equal(head_verify(head, regions, REGIONS, NULL, NULL), 0);
	assert_int_equal(head_lock(head, HEAD_LOCK_RECOVERABLE), 0);
	assert_int_equal(head_read_lock(head, &locked), 0);
	assert_true(locked);
	head_detach(head);
}

/* Locked, seen as locked by the next session, recovered, blank, and provisioned again. */
static void live(struct bench *bench)
{
	struct head *head;
	bool locked = true;

	provision(bench);
	head = attach(bench);
	assert_true(head_identity(head)->locked);
	REFUSED(head_program(head, regions, REGIONS, NULL, NULL), PART_LOCKED);
	assert_int_equal(head_erase(head, NULL, NULL), 0);
	assert_int_equal(head_read_lock(head, &locked), 0);
	assert_false(locked);
	REFUSED(head_verify(head, regions, REGIONS, NULL, NULL), VERIFY_FAILED);
	head_detach(head);
	provision(bench);
}

#define UID "--uid", "deadbeef01234567"

static void a_part_lives_its_life(void **state)
{
	start_part(*state, UID, NULL);
	live(*state);
}

static void so_does_one_that_takes_its_time(void **state)
{
	start_part(*state, UID, "--timing", "real", NULL);
	live(*state);
}

static void so_does_hardened_silicon(void **state)
{
	start_part(*state, UID, "--hardened", "--timing", "real", NULL);
	live(*state);
}

static void an_empty_socket_is_no_part(void **state)
{
	struct bench *bench = *state;
	struct head *head;

	REFUSED(head_attach(&bench->socket_port.port, 0, "nRF52840", &head), NO_PART);
	assert_null(head);
}

/* The aims: 12,200 clocks for each KiB of 64, 3,000 for what every session needs. */
static void the_work_costs_few_clocks(void **state)
{
	struct bench *bench = *state;
	struct head *head;
	uint64_t session, end;

	start_part(bench, NULL);
	head = attach(bench);
	assert_int_equal(head_erase(head, NULL, NULL), 0);
	session = head_clocks(head);
	assert_int_equal(head_program(head, regions, 1, NULL, NULL), 0);
	assert_int_equal(head_verify(head, regions, 1, NULL, NULL), 0);
	end = head_clocks(head);
	print_message("attach, erase and halt %u clocks; program and verify %u clocks for each KiB of 64\n", (unsigned int)session,
		      (unsigned int)((end - session) / 64));
	assert_true(session <= 3000);
	assert_true((end - session) / 64 <= 12200);
	head_detach(head);
}

static struct cable_stats stats(struct bench *bench)
{
	struct cable_header header = { .type = CABLE_STATS };
	struct cable_stats stats;

	assert_int_equal(send(bench->socket_port.cable.fd, &header, sizeof(header), 0), sizeof(header));
	assert_int_equal(recv(bench->socket_port.cable.fd, &header, sizeof(header), MSG_WAITALL), sizeof(header));
	assert_int_equal(header.size, sizeof(stats));
	assert_int_equal(recv(bench->socket_port.cable.fd, &stats, sizeof(stats), MSG_WAITALL), sizeof(stats));
	return stats;
}

/* 41 us for a word and 169 ms for the mass erase are the floor that no programmer can pass. */
static void real_flash_is_kept_busy(void **state)
{
	static const char *const clocks[] = { "4000000", "10000000", "25000000" };
	double floor_ms = 169.0 + sizeof(image) / 4 * 0.041;

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct bench *bench = *state;
		struct head *head;
		double took_ms;

		start_part(bench, "--timing", "real", "--swclk", clocks[i], NULL);
		head = erased(bench);
		assert_int_equal(head_program(head, regions, 1, NULL, NULL), 0);
		assert_int_equal(head_verify(head, regions, 1, NULL, NULL), 0);
		took_ms = (double)stats(bench).nanoseconds / 1e6;
		print_message("64 KiB in %.1f ms at %s Hz, %.3f of the flash's own time\n", took_ms, clocks[i], took_ms / floor_ms);
		assert_true(took_ms <= 1.05 * floor_ms);
		head_detach(head);
		stop_part(bench);
	}
}

static int work_with(struct bench *bench, const char *script)
{
	struct head *head;
	int error;

	write_script(bench, script);
	start_part(bench, "--fault", bench->script, NULL);
	head = attach(bench);
	error = head_erase(head, NULL, NULL);
	if (!error)
		error = head_program(head, regions, REGIONS, NULL, NULL);
	if (!error)
		error = head_verify(head, regions, REGIONS, NULL, NULL);
	head_detach(head);
	stop_part(bench);
	return error;
}

static void a_stuck_bit_is_found(void **state)
{
	REFUSED(work_with(*state, "stuck 0x0 0 0\n"), ERASE_FAILED);
	REFUSED(work_with(*state, "stuck 0xfffe 3 1\n"), VERIFY_FAILED);
	REFUSED(work_with(*state, "stuck 0x80010 2 0\n"), VERIFY_FAILED);
	REFUSED(work_with(*state, "stuck 0xff01f 1 1\n"), VERIFY_FAILED);
	REFUSED(work_with(*state, "stuck 0x10001080 0 0\n"), VERIFY_FAILED);
	assert_int_equal(work_with(*state, "stuck 0x10000 3 0\n"), 0); /* not ours */
}

static void disturbed_lines_do_no_harm(void **state)
{
	char script[1024] = "", line[64];

	/* Levels flipped in headers, acknowledgements and data, at odd distances. */
	for (unsigned int i = 0; i < 12; i++) {
		snprintf(line, sizeof(line), "clock %u flip\n", 9000 + i * 50021);
		strcat(script, line);
	}
	strcat(script, "write 2000 parity\nwrite 4000 wait 12\n");
	assert_int_equal(work_with(*state, script), 0);
}

static void a_part_pulled_in_the_middle_is_gone(void **state)
{
	REFUSED(work_with(*state, "write 3000 pull\n"), PART_GONE);
}

static void a_part_without_power_in_the_middle_is_gone(void **state)
{
	REFUSED(work_with(*state, "write 3000 power\n"), PART_GONE);
}

static void a_bus_error_in_the_middle_is_a_fault(void **state)
{
	REFUSED(work_with(*state, "write 3000 fault\n"), SWD_FAULT);
}

static void a_part_busy_for_ever_is_given_up(void **state)
{
	REFUSED(work_with(*state, "write 3000 wait 100000000\n"), SWD_WAIT);
}

static void another_part_in_the_middle_is_swapped(void **state)
{
	struct bench *bench = *state;
	struct head *head;

	start_part(bench, NULL);
	head = programmed(bench);
	stop_part(bench);
	start_part(bench, UID, NULL);
	REFUSED(head_lock(head, HEAD_LOCK_RECOVERABLE), PART_SWAPPED);
	head_detach(head);
}

/* Pulled half-way and put back with what its flash has got: erased and provisioned as if new. */
static void a_half_done_part_is_reworked(void **state)
{
	struct bench *bench = *state;
	struct head *head;

	write_script(bench, "write 3000 pull\n");
	start_part(bench, UID, "--flash", bench->flash, "--fault", bench->script, NULL);
	head = erased(bench);
	REFUSED(head_program(head, regions, REGIONS, NULL, NULL), PART_GONE);
	head_detach(head);
	stop_part(bench);
	start_part(bench, UID, "--flash", bench->flash, NULL);
	provision(bench);
}

static void silence_on_the_uart_is_no_proof(void **state)
{
	struct bench *bench = *state;
	struct head *head;
	uint8_t answer[4];

	start_part(bench, NULL);
	head = programmed(bench);
	REFUSED(head_uart(head, key, 8, answer, sizeof(answer), 1000), PROOF_FAILED);
	head_detach(head);
}

/* The program is in unit/ beside the part. */
static void find_part(const char *self)
{
	char folder[PATH_MAX - 32];
	char *slash;

	assert_non_null(realpath(self, folder));
	slash = strrchr(folder, '/');
	*slash = '\0';
	slash = strrchr(folder, '/');
	*slash = '\0';
	snprintf(part_program, sizeof(part_program), "%s/provcard-part", folder);
	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)((i * 2654435761u) >> 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		ON_BENCH(a_part_lives_its_life),
		ON_BENCH(so_does_one_that_takes_its_time),
		ON_BENCH(so_does_hardened_silicon),
		ON_BENCH(an_empty_socket_is_no_part),
		ON_BENCH(the_work_costs_few_clocks),
		ON_BENCH(real_flash_is_kept_busy),
		ON_BENCH(a_stuck_bit_is_found),
		ON_BENCH(disturbed_lines_do_no_harm),
		ON_BENCH(a_part_pulled_in_the_middle_is_gone),
		ON_BENCH(a_part_without_power_in_the_middle_is_gone),
		ON_BENCH(a_bus_error_in_the_middle_is_a_fault),
		ON_BENCH(a_part_busy_for_ever_is_given_up),
		ON_BENCH(another_part_in_the_middle_is_swapped),
		ON_BENCH(a_half_done_part_is_reworked),
		ON_BENCH(silence_on_the_uart_is_no_proof),
	};

	find_part("/proc/self/exe");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
