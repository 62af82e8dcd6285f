// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "firmware/port/emu/cable.h"

#include "frontend.h"
#include "part.h"

#define STALLED_PEER_SECONDS 10

struct cable {
	struct part *part;
	char *path;
	int listener, plug; /* plug: the connection, -1 when nobody is plugged in */
	uint8_t body[CABLE_BODY_MAX], answer[CABLE_BODY_MAX];
};

/* The socket gets its name when it listens already, so whoever finds it can plug in. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t room = sizeof(address.sun_path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if ((size_t)snprintf(address.sun_path, room, "%s.new", path) >= room) {
		fprintf(stderr, "provcard-part: %s: too long for a socket; use a shorter folder\n", path);
		return -1;
	}
	unlink(address.sun_path);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 8) ||
	    rename(address.sun_path, path)) {
		perror(path);
		return -1;
	}
	return listener;
}

struct cable *cable_open(struct part *part, const char *path)
{
	struct cable *cable = calloc(1, sizeof(*cable));

	if (!cable)
		return NULL;
	cable->part = part;
	cable->plug = -1;
	cable->path = strdup(path);
	cable->listener = listen_at(path);
	if (!cable->path || cable->listener < 0) {
		free(cable->path);
		free(cable);
		return NULL;
	}
	return cable;
}

void cable_close(struct cable *cable)
{
	if (!cable)
		return;
	if (cable->plug >= 0)
		close(cable->plug);
	close(cable->listener);
	unlink(cable->path);
	free(cable->path);
	free(cable);
}

int cable_descriptor(const struct cable *cable)
{
	return cable->plug >= 0 ? cable->plug : cable->listener;
}

static bool read_all(int file, void *data, size_t size)
{
	uint8_t *to = data;

	while (size) {
		ssize_t got = read(file, to, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		size -= (size_t)got;
	}
	return true;
}

static bool write_all(int file, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size) {
		ssize_t put = send(file, from, size, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		from += put;
		size -= (size_t)put;
	}
	return true;
}

static uint32_t word_at(const struct cable *cable, size_t offset)
{
	uint32_t word;

	memcpy(&word, cable->body + offset, sizeof(word));
	return le32toh(word);
}

static bool bit_get(const uint8_t *bits, uint32_t index)
{
	return bits[index / 8] >> (index % 8) & 1;
}

/* Handlers return the size of the answer, -1 for a message that makes no sense. */
static ssize_t do_hello(struct cable *cable, uint32_t size)
{
	struct cable_hello hello = { .magic = htole32(CABLE_MAGIC), .version = htole32(1) };

	memcpy(cable->answer, &hello, sizeof(hello));
	return size ? -1 : (ssize_t)sizeof(hello);
}

static ssize_t do_swd(struct cable *cable, uint32_t size)
{
	uint32_t clocks = size >= 4 ? word_at(cable, 0) : 0;
	size_t bytes = ((size_t)clocks + 7) / 8;
	const uint8_t *out = cable->body + 4, *drive = out + bytes;

	if (size < 4 || size != 4 + 2 * bytes)
		return -1;
	memset(cable->answer, 0, bytes);
	for (uint32_t i = 0; i < clocks; i++)
		if (part_clock(cable->part, bit_get(drive, i), bit_get(out, i)))
			cable->answer[i / 8] |= (uint8_t)(1u << (i % 8));
	return (ssize_t)bytes;
}

static ssize_t do_uart(struct cable *cable, uint32_t size)
{
	if (size < 8 || word_at(cable, 0) > CABLE_BODY_MAX)
		return -1;
	return (ssize_t)part_uart(cable->part, cable->body + 8, size - 8, cable->answer, word_at(cable, 0), word_at(cable, 4));
}

static ssize_t do_stats(struct cable *cable, uint32_t size)
{
	struct cable_stats stats = {
		.clocks = htole64(cable->part->clocks),
		.nanoseconds = htole64(cable->part->nanoseconds),
	};

	memcpy(cable->answer, &stats, sizeof(stats));
	return size ? -1 : (ssize_t)sizeof(stats);
}

static ssize_t handle(struct cable *cable, const struct cable_header *header)
{
	bool one_word = header->size == 4;

	cable->part->patient = false;
	switch (header->type) {
	case CABLE_HELLO:
		return do_hello(cable, header->size);
	case CABLE_SWD:
		return do_swd(cable, header->size);
	case CABLE_UART:
		return do_uart(cable, header->size);
	case CABLE_STATS:
		return do_stats(cable, header->size);
	case CABLE_RESET:
		if (one_word)
			part_reset_pin(cable->part, word_at(cable, 0));
		return one_word ? 0 : -1;
	case CABLE_POWER:
		if (one_word)
			part_power(cable->part, word_at(cable, 0));
		return one_word ? 0 : -1;
	case CABLE_DELAY:
		if (one_word)
			part_delay(cable->part, word_at(cable, 0) * 1000ull);
		return one_word ? 0 : -1;
	default:
		return -1;
	}
}

static bool serve_one(struct cable *cable)
{
	struct cable_header header;

	if (!read_all(cable->plug, &header, sizeof(header)))
		return false;
	header.size = le32toh(header.size);
	header.type = le32toh(header.type);
	if (header.size > CABLE_BODY_MAX || !read_all(cable->plug, cable->body, header.size))
		return false;
	ssize_t size = handle(cable, &header);

	if (size < 0) {
		fprintf(stderr, "provcard-part: cable: message of type %u and %u bytes makes no sense\n", header.type, header.size);
		return false;
	}
	header.size = htole32((uint32_t)size);
	header.type = htole32(header.type);
	return write_all(cable->plug, &header, sizeof(header)) && write_all(cable->plug, cable->answer, (size_t)size);
}

static void plug_in(struct cable *cable)
{
	struct timeval limit = { .tv_sec = STALLED_PEER_SECONDS };

	cable->plug = accept4(cable->listener, NULL, NULL, SOCK_CLOEXEC);
	if (cable->plug >= 0)
		setsockopt(cable->plug, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

void cable_ready(struct cable *cable)
{
	if (cable->plug < 0) {
		plug_in(cable);
		return;
	}
	if (serve_one(cable))
		return;
	close(cable->plug);
	cable->plug = -1;
	stats_write(cable->part);
}
