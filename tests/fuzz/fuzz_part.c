// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The simulated part's end of the cable: messages of any kind and length. It must answer or hang up, and serve the next plug.
 * Like the part itself this program does without libcrypto.
 */
#include <endian.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"
#include "port/emu/cable.h"
#include "tests/parts/frontend.h"
#include "tests/parts/part.h"

#define MESSAGES_MAX 64
#define DELAY_MAX 100000u /* microseconds; more is only slower */
#define CLOCKS_MAX 4096u

static char folder[] = "/tmp/fuzz-part-XXXXXX";
static char path[64];
static struct part *part;
static struct cable *cable;

void stats_write(const struct part *counted)
{
	(void)counted;
}

void fuzz_random_begin(uint64_t seed)
{
	(void)seed;
}

static void end(void)
{
	cable_close(cable);
	part_destroy(part);
	rmdir(folder);
}

void fuzz_begin(void)
{
	const struct part_options options = { .uid = 1, .swclk_hz = 4000000 };

	signal(SIGPIPE, SIG_IGN);
	FUZZ_MUST(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/cable", folder);
	part = part_create(family_find("nrf52840"), &options);
	FUZZ_MUST(part);
	cable = cable_open(part, path);
	FUZZ_MUST(cable);
	atexit(end);
}

static int plug_in(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int plug = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	FUZZ_MUST(plug >= 0 && !connect(plug, (struct sockaddr *)&address, sizeof(address)));
	cable_ready(cable);
	FUZZ_MUST(cable_descriptor(cable) >= 0);
	return plug;
}

/* Let it answer; false when it hung up. What it sends fits the socket, for no answer is longer than the input. */
static bool serve(int plug, bool whole)
{
	static uint8_t answer[CABLE_BODY_MAX];
	struct cable_header header;
	ssize_t got;

	cable_ready(cable);
	got = recv(plug, &header, sizeof(header), MSG_DONTWAIT);
	if (got <= 0)
		return false;
	FUZZ_MUST(whole && got == sizeof(header) && le32toh(header.size) <= sizeof(answer));
	FUZZ_MUST(recv(plug, answer, le32toh(header.size), MSG_DONTWAIT | MSG_WAITALL) == (ssize_t)le32toh(header.size) ||
		  !header.size);
	return true;
}

/* A body as the input says, except that virtual time stays short. */
static size_t make_body(uint32_t type, struct provpkg_view from, uint8_t *body)
{
	uint32_t word;

	if (from.size)
		memcpy(body, from.data, from.size);
	if (type == CABLE_DELAY && from.size == sizeof(word)) {
		memcpy(&word, body, sizeof(word));
		word %= DELAY_MAX;
		memcpy(body, &word, sizeof(word));
	}
	if (type == CABLE_UART && from.size >= 2 * sizeof(word)) {
		memcpy(&word, body + sizeof(word), sizeof(word));
		word %= DELAY_MAX;
		memcpy(body + sizeof(word), &word, sizeof(word));
	}
	return from.size;
}

static bool exchange(int plug, struct provpkg_view *input)
{
	static uint8_t message[sizeof(struct cable_header) + UINT16_MAX];
	uint8_t kind = fuzz_u8(input);
	struct cable_header header = { .type = kind % 16 };
	size_t size = make_body(header.type, fuzz_view(input), message + sizeof(header));
	bool torn = kind & 0x80;

	header.size = htole32((uint32_t)size + (torn ? fuzz_u32(input) : 0));
	header.type = htole32(header.type);
	memcpy(message, &header, sizeof(header));
	if (send(plug, message, sizeof(header) + size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false;
	if (torn)
		shutdown(plug, SHUT_WR);
	return serve(plug, true) && !torn;
}

void fuzz_one(struct provpkg_view input)
{
	int plug = plug_in();

	part_power(part, false);
	part_power(part, fuzz_u8(&input) % 4);
	for (unsigned int i = 0; input.size && i < MESSAGES_MAX; i++) {
		if (!exchange(plug, &input))
			break;
		fuzz_accepted();
	}
	close(plug);
	/* It notices, whatever state it is in. */
	while (cable_descriptor(cable) >= 0) {
		struct pollfd file = { .fd = cable_descriptor(cable), .events = POLLIN };

		if (poll(&file, 1, 0) != 1)
			break;
		cable_ready(cable);
	}
}

static void put(struct fuzz_writer *out, uint8_t type, const void *body, size_t size)
{
	fuzz_put_u8(out, type);
	fuzz_put_view(out, (struct provpkg_view){ body, size });
}

/* Line reset, the switch sequence from JTAG, line reset, idle, and a read of DPIDR. */
static void put_connect(struct fuzz_writer *out)
{
	uint8_t body[4 + 2 * 28];
	const uint32_t clocks = 28 * 8;

	memset(body, 0xff, sizeof(body));
	memcpy(body, &clocks, sizeof(clocks));
	body[4 + 7] = 0x9e;
	body[4 + 8] = 0xe7;
	memset(body + 4 + 16, 0, 2);
	body[4 + 18] = 0xa5;
	memset(body + 4 + 19, 0, 9);
	memset(body + 4 + 28 + 19, 0, 5);
	put(out, CABLE_SWD, body, sizeof(body));
}

void fuzz_seeds(void)
{
	static const uint32_t on = 1, off = 0, uart[3] = { 8, 1000, 0x41414141 }, delay = 1000;
	struct fuzz_writer out = { .size = 0 };

	fuzz_put_u8(&out, 1);
	put(&out, CABLE_HELLO, "", 0);
	put(&out, CABLE_RESET, &on, 4);
	put_connect(&out);
	put(&out, CABLE_RESET, &off, 4);
	put(&out, CABLE_DELAY, &delay, 4);
	put(&out, CABLE_UART, uart, sizeof(uart));
	put(&out, CABLE_STATS, "", 0);
	put(&out, CABLE_POWER, &off, 4);
	put_connect(&out);
	fuzz_seed("session", out.data, out.size);
	out.size = 0;
	fuzz_put_u8(&out, 1);
	put(&out, CABLE_HELLO, "", 0);
	put(&out, 0x80 | CABLE_SWD, &on, 4);
	fuzz_put_u32(&out, 10);
	fuzz_seed("torn", out.data, out.size);
}
