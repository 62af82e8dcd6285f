// SPDX-License-Identifier: GPL-2.0-or-later
#include <getopt.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend.h"
#include "part.h"

#define DEFAULT_UID 0x0123456789abcdefull
#define DEFAULT_SWCLK_HZ 4000000
#define MAX_SWCLK_HZ 1000000000

static const char usage[] = "usage: provcard-part --family NAME [--cable SOCKET] [--bus-pirate LINK] [options]\n"
			    "\n"
			    "One simulated microcontroller, of which its debug port, reset, power and UART can be reached.\n"
			    "\n"
			    "  --family NAME      nrf52840\n"
			    "  --cable SOCKET     Unix socket for a programming head\n"
			    "  --bus-pirate LINK  symbolic link to a terminal that behaves like a Bus Pirate, for OpenOCD\n"
			    "  --flash FILE       non-volatile memory; made blank when absent. Default: in memory, blank\n"
			    "  --uid HEX16        unique id, 16 hexadecimal digits, most significant first\n"
			    "  --timing ideal     flash takes no time, and waiting for the CPU neither (default)\n"
			    "  --timing real      flash takes the vendor's worst case in virtual time\n"
			    "  --swclk HZ         frequency of SWCLK in virtual time (default 4000000)\n"
			    "  --hardened         silicon whose debug port is closed at reset unless opened\n"
			    "  --stats FILE       clocks and virtual time, written after a host has left and at the end\n"
			    "  --fault SCRIPT     faults; tests/parts/fault.h describes the script\n"
			    "  --off              begin without power; the cable switches it on\n"
			    "  --help             this text\n";

enum option_value {
	OPTION_FAMILY = 1,
	OPTION_CABLE,
	OPTION_BUS_PIRATE,
	OPTION_FLASH,
	OPTION_UID,
	OPTION_TIMING,
	OPTION_SWCLK,
	OPTION_HARDENED,
	OPTION_STATS,
	OPTION_FAULT,
	OPTION_OFF,
	OPTION_HELP,
};

static const struct option options[] = {
	{ "family", required_argument, NULL, OPTION_FAMILY },
	{ "cable", required_argument, NULL, OPTION_CABLE },
	{ "bus-pirate", required_argument, NULL, OPTION_BUS_PIRATE },
	{ "flash", required_argument, NULL, OPTION_FLASH },
	{ "uid", required_argument, NULL, OPTION_UID },
	{ "timing", required_argument, NULL, OPTION_TIMING },
	{ "swclk", required_argument, NULL, OPTION_SWCLK },
	{ "hardened", no_argument, NULL, OPTION_HARDENED },
	{ "stats", required_argument, NULL, OPTION_STATS },
	{ "fault", required_argument, NULL, OPTION_FAULT },
	{ "off", no_argument, NULL, OPTION_OFF },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

struct settings {
	const struct family *family;
	struct part_options part;
	const char *cable, *bus_pirate, *fault;
	bool off;
};

static const char *stats_path;
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

void stats_write(const struct part *part)
{
	char temporary[4096];

	if (!stats_path)
		return;
	snprintf(temporary, sizeof(temporary), "%s.new", stats_path);
	FILE *file = fopen(temporary, "w");

	if (!file) {
		perror(temporary);
		return;
	}
	fprintf(file, "{\"schema_version\": 1, \"clocks\": %" PRIu64 ", \"nanoseconds\": %" PRIu64, part->clocks,
		part->nanoseconds);
	fprintf(file, ", \"erases\": %" PRIu64 ", \"writes\": %" PRIu64 "}\n", part->faults.erases, part->faults.writes);
	if (fclose(file) || rename(temporary, stats_path))
		perror(stats_path);
}

static bool parse_number(const char *text, int base, uint64_t most, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, base);
	return !errno && end != text && !*end && *text != '-' && *number <= most;
}

static bool parse_uid(const char *text, uint64_t *uid)
{
	return strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16 && parse_number(text, 16, UINT64_MAX, uid);
}

static bool parse_option(struct settings *settings, int option, const char *argument)
{
	uint64_t number;

	switch (option) {
	case OPTION_FAMILY:
		settings->family = family_find(argument);
		return settings->family;
	case OPTION_CABLE:
		settings->cable = argument;
		return true;
	case OPTION_BUS_PIRATE:
		settings->bus_pirate = argument;
		return true;
	case OPTION_FLASH:
		settings->part.flash = argument;
		return true;
	case OPTION_UID:
		return parse_uid(argument, &settings->part.uid);
	case OPTION_TIMING:
		settings->part.real_timing = !strcmp(argument, "real");
		return settings->part.real_timing || !strcmp(argument, "ideal");
	case OPTION_SWCLK:
		if (!parse_number(argument, 10, MAX_SWCLK_HZ, &number) || !number)
			return false;
		settings->part.swclk_hz = (uint32_t)number;
		return true;
	case OPTION_HARDENED:
		settings->part.hardened = true;
		return true;
	case OPTION_STATS:
		stats_path = argument;
		return true;
	case OPTION_FAULT:
		settings->fault = argument;
		return true;
	case OPTION_OFF:
		settings->off = true;
		return true;
	default:
		return false;
	}
}

static void parse_options(struct settings *settings, int argc, char **argv)
{
	int option, index;

	while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (option == OPTION_HELP) {
			fputs(usage, stdout);
			exit(0);
		}
		if (option != '?' && parse_option(settings, option, optarg))
			continue;
		if (option != '?')
			fprintf(stderr, "provcard-part: --%s: cannot be %s\n", options[option - 1].name, optarg);
		fputs(usage, stderr);
		exit(2);
	}
	if (optind == argc && settings->family && (settings->cable || settings->bus_pirate))
		return;
	fputs(usage, stderr);
	exit(2);
}

static void serve(struct part *part, struct cable *cable, struct bus_pirate *pirate, const sigset_t *unblocked)
{
	while (!ended) {
		struct pollfd files[2] = {
			{ .fd = cable ? cable_descriptor(cable) : -1, .events = POLLIN },
			{ .fd = pirate ? bus_pirate_descriptor(pirate) : -1, .events = POLLIN },
		};

		if (ppoll(files, 2, NULL, unblocked) < 0)
			continue;
		if (files[0].revents)
			cable_ready(cable);
		if (files[1].revents)
			bus_pirate_ready(pirate);
	}
	stats_write(part);
}

/* Signals arrive only inside ppoll, so that none is missed between a look at the flag and the wait. */
static void catch_signals(sigset_t *unblocked)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, unblocked);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

int main(int argc, char **argv)
{
	struct settings settings = { .part = { .uid = DEFAULT_UID, .swclk_hz = DEFAULT_SWCLK_HZ } };
	struct bus_pirate *pirate = NULL;
	struct cable *cable = NULL;
	sigset_t unblocked;

	parse_options(&settings, argc, argv);
	catch_signals(&unblocked);
	struct part *part = part_create(settings.family, &settings.part);

	if (!part || (settings.fault && !faults_load(&part->faults, settings.fault)))
		return 1;
	part_power(part, !settings.off);
	/* The socket comes last: who finds it finds everything. */
	if (settings.bus_pirate && !(pirate = bus_pirate_open(part, settings.bus_pirate)))
		return 1;
	if (settings.cable && !(cable = cable_open(part, settings.cable)))
		return 1;
	serve(part, cable, pirate, &unblocked);
	cable_close(cable);
	bus_pirate_close(pirate);
	part_destroy(part);
	return 0;
}
