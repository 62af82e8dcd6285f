// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Bus Pirate's binary raw-wire protocol, as its documentation ("Bitbang", "Raw-wire (binary)") gives it, least significant
 * bit first: the way stock OpenOCD reaches the wire edge by edge.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "frontend.h"
#include "part.h"

#define ZEROES_TO_BITBANG 20
#define LONGEST_PAUSE 1000000000ull /* nanoseconds of a host's pause that the part lives through */

enum mode { MODE_TERMINAL, MODE_BITBANG, MODE_RAW_WIRE };

struct bus_pirate {
	struct part *part;
	char *link;
	int master, slave; /* the slave stays open here, so that a client's closing is no hang-up */
	enum mode mode;
	unsigned int zeroes;
	unsigned int bytes_to_write; /* still to come of a bulk write */
	bool driven, level; /* the data pin */
	uint64_t answered; /* when the host last had its answer, wall clock */
	uint8_t answer[4096];
	size_t answer_size;
};

static bool set_up_terminal(struct bus_pirate *pirate)
{
	struct termios raw;

	pirate->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (pirate->master < 0 || grantpt(pirate->master) || unlockpt(pirate->master))
		return false;
	pirate->slave = open(ptsname(pirate->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (pirate->slave < 0 || tcgetattr(pirate->slave, &raw))
		return false;
	cfmakeraw(&raw);
	if (tcsetattr(pirate->slave, TCSANOW, &raw))
		return false;
	unlink(pirate->link);
	return symlink(ptsname(pirate->master), pirate->link) == 0;
}

struct bus_pirate *bus_pirate_open(struct part *part, const char *link)
{
	struct bus_pirate *pirate = calloc(1, sizeof(*pirate));

	if (!pirate)
		return NULL;
	pirate->part = part;
	pirate->master = pirate->slave = -1;
	pirate->link = strdup(link);
	if (!pirate->link || !set_up_terminal(pirate)) {
		perror(link);
		bus_pirate_close(pirate);
		return NULL;
	}
	return pirate;
}

void bus_pirate_close(struct bus_pirate *pirate)
{
	if (!pirate)
		return;
	if (pirate->link)
		unlink(pirate->link);
	if (pirate->slave >= 0)
		close(pirate->slave);
	if (pirate->master >= 0)
		close(pirate->master);
	free(pirate->link);
	free(pirate);
}

int bus_pirate_descriptor(const struct bus_pirate *pirate)
{
	return pirate->master;
}

static void flush(struct bus_pirate *pirate)
{
	size_t done = 0;

	while (done < pirate->answer_size) {
		ssize_t put = write(pirate->master, pirate->answer + done, pirate->answer_size - done);

		if (put <= 0)
			break;
		done += (size_t)put;
	}
	pirate->answer_size = 0;
}

static void answer_byte(struct bus_pirate *pirate, uint8_t byte)
{
	if (pirate->answer_size == sizeof(pirate->answer))
		flush(pirate);
	pirate->answer[pirate->answer_size++] = byte;
}

static void answer_text(struct bus_pirate *pirate, const char *text)
{
	while (*text)
		answer_byte(pirate, (uint8_t)*text++);
}

static void clock_out(struct bus_pirate *pirate, bool level)
{
	pirate->driven = true;
	pirate->level = level;
	part_clock(pirate->part, true, level);
}

/* The Bus Pirate samples after the rising edge, when the part has already put its next bit there. */
static bool clock_in(struct bus_pirate *pirate)
{
	pirate->driven = false;
	part_clock(pirate->part, false, true);
	return part_level(pirate->part);
}

static void write_byte(struct bus_pirate *pirate, uint8_t byte)
{
	for (unsigned int i = 0; i < 8; i++)
		clock_out(pirate, byte >> i & 1);
	answer_byte(pirate, 1);
}

static void read_byte(struct bus_pirate *pirate)
{
	uint8_t byte = 0;

	for (unsigned int i = 0; i < 8; i++)
		byte |= (uint8_t)(clock_in(pirate) << i);
	answer_byte(pirate, byte);
}

static void tick(struct bus_pirate *pirate, unsigned int clocks)
{
	while (clocks--)
		part_clock(pirate->part, pirate->driven, pirate->level);
	answer_byte(pirate, 1);
}

static void raw_wire_command(struct bus_pirate *pirate, uint8_t command)
{
	unsigned int count = (command & 0x0f) + 1u;

	switch (command >> 4) {
	case 0x1:
		pirate->bytes_to_write = count;
		answer_byte(pirate, 1);
		return;
	case 0x2:
		tick(pirate, count);
		return;
	case 0x4: /* power and pull-ups */
	case 0x6: /* speed */
	case 0x8: /* pin configuration */
		answer_byte(pirate, 1);
		return;
	}
	switch (command) {
	case 0x00:
		pirate->mode = MODE_BITBANG;
		answer_text(pirate, "BBIO1");
		break;
	case 0x01:
		answer_text(pirate, "RAW1");
		break;
	case 0x06:
		read_byte(pirate);
		break;
	case 0x07:
		answer_byte(pirate, clock_in(pirate));
		break;
	case 0x08:
		answer_byte(pirate, part_level(pirate->part));
		break;
	case 0x09:
		tick(pirate, 1);
		break;
	default:
		answer_byte(pirate, 0);
		break;
	}
}

static void bitbang_command(struct bus_pirate *pirate, uint8_t command)
{
	switch (command) {
	case 0x00:
		answer_text(pirate, "BBIO1");
		break;
	case 0x05:
		pirate->mode = MODE_RAW_WIRE;
		answer_text(pirate, "RAW1");
		break;
	case 0x0f:
		pirate->mode = MODE_TERMINAL;
		answer_byte(pirate, 1);
		stats_write(pirate->part);
		break;
	default:
		answer_byte(pirate, command >= 0x40 ? 1 : 0);
		break;
	}
}

static void terminal_byte(struct bus_pirate *pirate, uint8_t byte)
{
	pirate->zeroes = byte ? 0 : pirate->zeroes + 1;
	if (pirate->zeroes < ZEROES_TO_BITBANG)
		return;
	pirate->zeroes = 0;
	pirate->mode = MODE_BITBANG;
	answer_text(pirate, "BBIO1");
}

static void take(struct bus_pirate *pirate, uint8_t byte)
{
	if (pirate->bytes_to_write) {
		pirate->bytes_to_write--;
		write_byte(pirate, byte);
	} else if (pirate->mode == MODE_RAW_WIRE) {
		raw_wire_command(pirate, byte);
	} else if (pirate->mode == MODE_BITBANG) {
		bitbang_command(pirate, byte);
	} else {
		terminal_byte(pirate, byte);
	}
}

static uint64_t wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/*
 * The host counts its time-outs by the wall clock, so flash that takes time must be ready by that clock too. Of that clock only what
 * the host took for itself counts: a part that lived through its own slowness as well would on a busy machine never catch up.
 */
static void live_through_pause(struct bus_pirate *pirate)
{
	uint64_t pause = wall_clock() - pirate->answered;

	if (pirate->part->options.real_timing)
		part_delay(pirate->part, pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE);
}

void bus_pirate_ready(struct bus_pirate *pirate)
{
	uint8_t bytes[1024];
	ssize_t got = read(pirate->master, bytes, sizeof(bytes));

	live_through_pause(pirate);
	pirate->part->patient = true; /* OpenOCD's driver drops a transaction that was answered WAIT */
	for (ssize_t i = 0; i < got; i++)
		take(pirate, bytes[i]);
	flush(pirate);
	pirate->answered = wall_clock();
}
