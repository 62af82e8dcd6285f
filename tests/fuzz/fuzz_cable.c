// SPDX-License-Identifier: GPL-2.0-or-later
/* The head's end of the cable: answers of any type and length, short ones, and a part that is pulled. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "port/emu/cable.h"
#include "port/emu/cable_client.h"

#define ANSWERS_MAX 32768 /* fits the socket */
#define CLOCKS_MAX 4096
#define GUARD 0x5a

void fuzz_random_begin(uint64_t seed)
{
	(void)seed;
}

void fuzz_begin(void)
{
	signal(SIGPIPE, SIG_IGN);
}

/* What a part that was asked may say: frames whose headers are mostly as expected. */
static void answer(int part, struct provpkg_view input)
{
	static uint8_t stream[ANSWERS_MAX];
	size_t size = 0;

	while (input.size && size < sizeof(stream) - UINT16_MAX / 4) {
		uint8_t kind = fuzz_u8(&input);
		struct cable_header header = { .type = kind % 8 };
		struct provpkg_view body = fuzz_take(&input, fuzz_u16(&input) % 4096);

		header.size = (uint32_t)body.size + (kind & 0x80 ? fuzz_u32(&input) : 0);
		memcpy(stream + size, &header, sizeof(header));
		size += sizeof(header);
		if (body.size)
			memcpy(stream + size, body.data, body.size);
		size += body.size;
	}
	FUZZ_MUST(send(part, stream, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size);
	shutdown(part, SHUT_WR);
}

static int clock_line(struct cable *cable, size_t clocks)
{
	static const uint8_t bits[CLOCKS_MAX / 8 + 1];
	uint8_t in[CLOCKS_MAX / 8 + 2];
	const struct port_swd swd = { .clocks = clocks, .out = bits, .drive = bits, .in = in };
	int error;

	memset(in, GUARD, sizeof(in));
	error = cable_swd(cable, &swd);
	FUZZ_MUST(!error || error == -EPIPE);
	FUZZ_MUST(in[(clocks + 7) / 8] == GUARD);
	if (!error && clocks)
		fuzz_accepted();
	return error;
}

static void talk(struct cable *cable, size_t room)
{
	uint8_t rx[300];
	size_t received = 0;

	memset(rx, GUARD, sizeof(rx));
	if (!cable_uart(cable, "hello", 5, rx, room, 1000, &received))
		FUZZ_MUST(received <= room);
	FUZZ_MUST(rx[room] == GUARD);
}

void fuzz_one(struct provpkg_view input)
{
	struct provpkg_view script = fuzz_take(&input, 16);
	struct cable cable;
	int pair[2];

	FUZZ_MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	cable_init(&cable, NULL);
	cable.open = true;
	cable.fd = pair[0];
	answer(pair[1], input);
	while (script.size) {
		uint8_t kind = fuzz_u8(&script);

		if (kind % 4 == 0)
			(void)clock_line(&cable, kind * 16u);
		else if (kind % 4 == 1)
			talk(&cable, kind);
		else
			(void)cable_control(&cable, kind % 4 == 2 ? CABLE_RESET : CABLE_DELAY, kind);
	}
	cable_close(&cable);
	FUZZ_MUST(cable.fd == -1 && clock_line(&cable, 8) == -EPIPE);
	pthread_mutex_destroy(&cable.mutex);
	close(pair[1]);
}

static void put_frame(struct fuzz_writer *out, uint8_t type, uint16_t size)
{
	static const uint8_t zeroes[64];

	fuzz_put_u8(out, type);
	fuzz_put_u16(out, size);
	fuzz_put(out, zeroes, size);
}

void fuzz_seeds(void)
{
	static const uint8_t script[16] = { 4, 2, 16, 1, 3, 4 };
	struct fuzz_writer out = { .size = 0 };

	fuzz_put(&out, script, sizeof(script));
	put_frame(&out, CABLE_SWD, 8);
	put_frame(&out, CABLE_RESET, 0);
	put_frame(&out, CABLE_SWD, 32);
	put_frame(&out, CABLE_UART, 1);
	put_frame(&out, CABLE_DELAY, 0);
	put_frame(&out, CABLE_SWD, 7);
	fuzz_seed("session", out.data, out.size);
}
