// SPDX-License-Identifier: GPL-2.0-or-later
/* What the emulated card keeps without power, and its end of the cable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/emu/cable.h"
#include "port/emu/cable_client.h"
#include "port/emu/state.h"

struct fixture {
	char folder[32];
	char path[48];
};

static const uint64_t small[PORT_NV_REGIONS] = { 8192, 8192, 8192, 8192 };

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->folder, "/tmp/emu-state-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->path, sizeof(fixture->path), "%s/state", fixture->folder);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", fixture->folder);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static void path_of(const struct fixture *fixture, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", fixture->path, name);
}

static void test_memory(void **state)
{
	struct fixture *fixture = *state;
	struct state card;
	uint8_t data[16], zeroes[16] = { 0 };

	assert_int_equal(state_open(&card, fixture->path, small), 0);
	assert_int_equal(nv_read(&card, PORT_NV_LEDGER, 8176, data, 16), 0);
	assert_memory_equal(data, zeroes, 16);
	assert_int_equal(nv_write(&card, PORT_NV_LEDGER, 8180, "0123456789ab", 12), 0);
	assert_int_equal(nv_write(&card, PORT_NV_LEDGER, 8181, "0123456789ab", 12), -EINVAL);
	assert_int_equal(nv_read(&card, PORT_NV_LEDGER, UINT64_MAX - 3, data, 16), -EINVAL);
	assert_int_equal(nv_read(&card, PORT_NV_REGIONS, 0, data, 16), -EINVAL);
	assert_int_equal(nv_flush(&card, PORT_NV_LEDGER), 0);
	assert_int_equal(nv_flush(&card, PORT_NV_REGIONS), -EINVAL);
	assert_int_equal(nv_read(&card, PORT_NV_VAULT, 8180, data, 12), 0);
	assert_memory_equal(data, zeroes, 12);
	state_close(&card);
	assert_int_equal(state_open(&card, fixture->path, NULL), 0);
	assert_int_equal(card.nv_size[PORT_NV_LEDGER], 8192);
	assert_int_equal(nv_read(&card, PORT_NV_LEDGER, 8180, data, 12), 0);
	assert_memory_equal(data, "0123456789ab", 12);
	state_close(&card);
}

static void test_sizes(void **state)
{
	struct fixture *fixture = *state;
	uint64_t sizes[PORT_NV_REGIONS] = { 0 };
	struct state card;

	assert_int_equal(state_open(&card, fixture->path, small), 0);
	state_close(&card);
	sizes[PORT_NV_STAGING] = 16384;
	assert_int_equal(state_open(&card, fixture->path, sizes), 0);
	assert_int_equal(card.nv_size[PORT_NV_STAGING], 16384);
	assert_int_equal(card.nv_size[PORT_NV_LOG], 8192);
	state_close(&card);
	assert_int_equal(state_open(&card, fixture->path, small), -EINVAL);
}

static void test_one_card_at_a_time(void **state)
{
	struct fixture *fixture = *state;
	struct state first, second;

	assert_int_equal(state_open(&first, fixture->path, small), 0);
	assert_int_equal(state_open(&second, fixture->path, small), -EBUSY);
	state_close(&first);
	assert_int_equal(state_open(&second, fixture->path, small), 0);
	state_close(&second);
}

static void test_fuse(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	struct state card;
	int fd;

	assert_int_equal(state_open(&card, fixture->path, small), 0);
	assert_int_equal(card.fuse, 0);
	assert_int_equal(fuse_increment(&card), 0);
	assert_int_equal(fuse_increment(&card), 0);
	state_close(&card);
	/* What a crash in the middle of an increment leaves behind. */
	path_of(fixture, "fuse.new", path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "12345", 5), 5);
	close(fd);
	assert_int_equal(state_open(&card, fixture->path, NULL), 0);
	assert_int_equal(card.fuse, 2);
	assert_int_equal(fuse_increment(&card), 0);
	state_close(&card);
	assert_int_equal(state_open(&card, fixture->path, NULL), 0);
	assert_int_equal(card.fuse, 3);
	state_close(&card);
}

/* The floor of the firmware rises and stays. */
static void test_floor(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	struct state card;

	assert_int_equal(state_open(&card, fixture->path, small), 0);
	assert_int_equal(card.floor, 0);
	assert_int_equal(floor_raise(&card, 5), 0);
	assert_int_equal(floor_raise(&card, 3), 0);
	assert_int_equal(card.floor, 5);
	state_close(&card);
	assert_int_equal(state_open(&card, fixture->path, NULL), 0);
	assert_int_equal(card.floor, 5);
	assert_int_equal(card.fuse, 0);
	state_close(&card);
	path_of(fixture, "floor", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(state_open(&card, fixture->path, NULL), -EUCLEAN);
}

static void spoil_fuse(const struct fixture *fixture, off_t offset)
{
	char path[128];
	int fd;

	path_of(fixture, "fuse", path);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "torn", 4, offset), 4);
	close(fd);
}

/* A power cut in the middle of an increment leaves the count before it. */
static void test_fuse_torn(void **state)
{
	struct fixture *fixture = *state;
	struct state card;

	assert_int_equal(state_open(&card, fixture->path, small), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(fuse_increment(&card), 0);
	state_close(&card);
	spoil_fuse(fixture, 4096);
	assert_int_equal(state_open(&card, fixture->path, NULL), 0);
	assert_int_equal(card.fuse, 4);
	assert_int_equal(fuse_increment(&card), 0);
	state_close(&card);
	spoil_fuse(fixture, 0);
	assert_int_equal(state_open(&card, fixture->path, NULL), 0);
	assert_int_equal(card.fuse, 5);
	state_close(&card);
	spoil_fuse(fixture, 4096);
	assert_int_equal(state_open(&card, fixture->path, NULL), -EUCLEAN);
}

static void test_fuse_tampered(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	struct state card;
	int fd;

	assert_int_equal(state_open(&card, fixture->path, small), 0);
	state_close(&card);
	path_of(fixture, "fuse", path);
	fd = open(path, O_WRONLY);
	assert_int_equal(write(fd, "\001", 1), 1);
	close(fd);
	assert_int_equal(state_open(&card, fixture->path, NULL), -EUCLEAN);
	assert_int_equal(truncate(path, 15), 0);
	assert_int_equal(state_open(&card, fixture->path, NULL), -EUCLEAN);
	unlink(path);
	assert_int_equal(state_open(&card, fixture->path, NULL), -EUCLEAN);
}

static void test_root(void **state)
{
	struct fixture *fixture = *state;
	uint8_t first[32], again[32], fresh[32];
	struct state card;

	assert_int_equal(state_open(&card, fixture->path, small), 0);
	assert_int_equal(root_secret(&card, first), 0);
	state_close(&card);
	assert_int_equal(state_open(&card, fixture->path, NULL), 0);
	assert_int_equal(root_secret(&card, again), 0);
	assert_memory_equal(first, again, 32);
	assert_int_equal(root_destroy(&card), 0);
	assert_int_equal(root_destroy(&card), 0);
	assert_int_equal(root_secret(&card, fresh), 0);
	assert_memory_not_equal(first, fresh, 32);
	state_close(&card);
}

/* A process that dies between increments: the counter is never below what it was told. */
static void test_fuse_survives_kill(void **state)
{
	struct fixture *fixture = *state;
	unsigned int round;

	for (round = 0; round < 10; round++) {
		uint64_t told = 0, before;
		struct state card;
		int pipes[2], status;
		pid_t child;

		assert_int_equal(state_open(&card, fixture->path, round ? NULL : small), 0);
		before = card.fuse;
		state_close(&card);
		assert_int_equal(pipe(pipes), 0);
		child = fork();
		if (!child) {
			if (state_open(&card, fixture->path, NULL))
				_exit(1);
			while (!fuse_increment(&card) && write(pipes[1], &card.fuse, 8) == 8)
				;
			_exit(1);
		}
		close(pipes[1]);
		usleep(3000 + round * 1700);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		while (read(pipes[0], &told, 8) == 8)
			;
		close(pipes[0]);
		assert_int_equal(state_open(&card, fixture->path, NULL), 0);
		assert_true(card.fuse >= told && card.fuse >= before);
		state_close(&card);
	}
}

/* A part that answers HELLO, then inverts SWD bits, then leaves in the middle of an answer. */
static void part(int listener)
{
	static uint8_t body[CABLE_BODY_MAX];
	struct cable_hello hello = { CABLE_MAGIC, 1 };
	struct cable_header header, answer;
	int fd = accept(listener, NULL, NULL);
	uint32_t clocks, i;

	while (recv(fd, &header, sizeof(header), MSG_WAITALL) == sizeof(header)) {
		if (header.size)
			recv(fd, body, header.size, MSG_WAITALL);
		answer = (struct cable_header){ 0, header.type };
		if (header.type == CABLE_HELLO) {
			answer.size = sizeof(hello);
			send(fd, &answer, sizeof(answer), 0);
			send(fd, &hello, sizeof(hello), 0);
		} else if (header.type == CABLE_SWD) {
			memcpy(&clocks, body, 4);
			answer.size = (clocks + 7) / 8;
			for (i = 0; i < answer.size; i++)
				body[4 + i] = (uint8_t)~body[4 + i];
			send(fd, &answer, sizeof(answer), 0);
			send(fd, body + 4, answer.size, 0);
		} else {
			send(fd, &answer, 4, 0);
			break;
		}
	}
	_exit(0);
}

static void test_cable(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const size_t bytes = 600000; /* more than one message takes */
	uint8_t *out = malloc(bytes), *in = malloc(bytes), *drive = calloc(1, bytes);
	struct port_swd swd = { bytes * 8 - 3, out, drive, in };
	struct cable cable;
	size_t i, received;
	int listener;
	pid_t child;

	cable_init(&cable, NULL);
	assert_int_equal(cable_open(&cable), -ENODEV);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/part", fixture->folder);
	cable_init(&cable, address.sun_path);
	assert_int_equal(cable_open(&cable), -ENODEV);
	assert_int_equal(cable_swd(&cable, &swd), -EPIPE);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	child = fork();
	if (!child)
		part(listener);
	close(listener);
	assert_int_equal(cable_open(&cable), 0);
	assert_int_equal(cable_open(&cable), -EBUSY);
	for (i = 0; i < bytes; i++)
		out[i] = (uint8_t)(i * 11 >> 2);
	assert_int_equal(cable_swd(&cable, &swd), 0);
	for (i = 0; i < bytes; i++)
		assert_int_equal(in[i], (uint8_t)~out[i]);
	assert_int_equal(cable_control(&cable, CABLE_RESET, 1), -EPIPE);
	assert_int_equal(cable_swd(&cable, &swd), -EPIPE);
	assert_int_equal(cable_uart(&cable, "x", 1, in, 4, 1000, &received), -EPIPE);
	cable_close(&cable);
	waitpid(child, NULL, 0);
	assert_int_equal(cable_open(&cable), -ENODEV);
	free(out);
	free(in);
	free(drive);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_memory),
		TEST(test_sizes),
		TEST(test_one_card_at_a_time),
		TEST(test_fuse),
		TEST(test_floor),
		TEST(test_fuse_torn),
		TEST(test_fuse_tampered),
		TEST(test_root),
		TEST(test_fuse_survives_kill),
		TEST(test_cable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
