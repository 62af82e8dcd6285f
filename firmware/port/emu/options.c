// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line of the emulated card: the boot stage and the firmware that it starts read the same one. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: provcard-card --socket PATH --state DIR [OPTION]...\n"
	"The emulated provcard: a PCIe card as a vfio-user server, for QEMU's vfio-user-pci device or for libprovcard itself.\n"
	"\n"
	"  --socket PATH           listen here; a client at a time\n"
	"  --state DIR             what the card keeps without power; made when it is missing, locked while the card runs\n"
	"  --serial S              serial number, 1 to 31 letters, digits, '-', '_' or '.' (default EMU0001)\n"
	"  --heads N               programming heads, 1 to 31 (default 4)\n"
	"  --cable PATH            socket of the part at the next head, in the order of the heads; repeat. '' leaves a head\n"
	"                          without a cable\n"
	"  --staging BYTES         memory for packages; short for --nv-size staging=BYTES\n"
	"  --nv-size REGION=BYTES  size of vault, ledger, log, staging, firmware-a or firmware-b; a region can grow, not shrink;\n"
	"                          K, M and G are known\n"
	"  --factory FILE          firmware that a new card gets in its slot A (default: provcard-firmware.pfw beside this\n"
	"                          program)\n"
	"  --msi-only              offer MSI instead of MSI-X\n"
	"  --host-interface V      offer this version of the host interface, 1.0 or 1.1 (default: 1.1)\n"
	"  --zeroise-jumper        somebody stands before the card: one that has failed or was tampered with obeys a zeroise\n"
	"  --clock-offset SECONDS  let the card's clock differ from this machine's\n"
	"  --help\n"
	"\n"
	"Writes 'ready' to standard output when it listens, and its log to standard error. SIGTERM and SIGINT are an orderly\n"
	"power off; SIGKILL is a power cut, after which nothing that the card acknowledged is lost. SIGUSR1 writes a line of\n"
	"counters to the log: commands completed, doorbells, interrupts, the host's reads and writes of registers. SIGUSR2 is the\n"
	"tamper input: the card destroys its secrets. A file named tamper in the state folder is its latch, also without power.\n"
	"A file named sensors there is what the board's sensors say, read anew each time: temperature and supply in 1/1000 degrees\n"
	"Celsius and mV, then the temperature's max and crit and the supply's min and max; what is left out is as on a healthy board.\n"
	"A file named noise is what the noise source gives, again and again.\n"
	"Exit status: 0 after an orderly stop, 1 when the card cannot start or go on, 2 for a wrong command line.\n";

static bool parse_number(const char *text, int64_t low, int64_t high, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return !errno && end != text && !*end && *value >= low && *value <= high;
}

static bool parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMG";
	char digits[32];
	size_t length = strlen(text);
	const char *unit = length ? strchr(units, text[length - 1]) : NULL;
	int shift = unit && *unit ? 10 * (int)(unit - units + 1) : 0;
	int64_t value;

	if (length >= sizeof(digits))
		return false;
	memcpy(digits, text, length + 1);
	if (shift)
		digits[length - 1] = 0;
	if (!parse_number(digits, 1, INT64_MAX >> shift, &value))
		return false;
	*size = (uint64_t)value << shift;
	return true;
}

static bool parse_nv_size(const char *text, uint64_t sizes[PORT_NV_REGIONS])
{
	const char *equal = strchr(text, '=');
	size_t i;

	for (i = 0; equal && i < PORT_NV_REGIONS; i++) {
		const char *name = state_region_name((enum port_region)i);

		if (strlen(name) == (size_t)(equal - text) && !strncmp(text, name, strlen(name)))
			return parse_size(equal + 1, &sizes[i]);
	}
	return false;
}

static bool is_serial(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	size_t length = strlen(text);

	return length && length <= 31 && text[0] != '.' && strspn(text, allowed) == length;
}

static bool parse_version(const char *text, uint32_t *version)
{
	*version = strcmp(text, "1.0") ? 0x00010100 : 0x00010000;
	return !strcmp(text, "1.0") || !strcmp(text, "1.1");
}

static bool parse_option(int option, const char *text, struct options *options)
{
	int64_t number;

	switch (option) {
	case 's':
		options->socket = text;
		return true;
	case 'd':
		options->state = text;
		return true;
	case 'n':
		options->serial = text;
		return is_serial(text);
	case 'h':
		if (!parse_number(text, 1, EMU_HEADS_MAX, &number))
			return false;
		options->heads = (unsigned int)number;
		return true;
	case 'c':
		if (options->cable_count == EMU_HEADS_MAX)
			return false;
		options->cables[options->cable_count++] = *text ? text : NULL;
		return true;
	case 'g':
		return parse_size(text, &options->nv_sizes[PORT_NV_STAGING]);
	case 'z':
		return parse_nv_size(text, options->nv_sizes);
	case 'm':
		options->msi_only = true;
		return true;
	case 'i':
		return parse_version(text, &options->version);
	case 'j':
		options->jumper = true;
		return true;
	case 'f':
		options->factory = text;
		return true;
	case 'b':
		return sscanf(text, "%d,%d", &options->report, &options->lock) == 2 && options->report >= 0 && options->lock >= 0;
	default:
		return parse_number(text, INT32_MIN, INT32_MAX, &options->clock_offset);
	}
}

int options_parse(int argc, char **argv, struct options *options)
{
	static const struct option long_options[] = {
		{ "socket", required_argument, NULL, 's' },  { "state", required_argument, NULL, 'd' },
		{ "serial", required_argument, NULL, 'n' },  { "heads", required_argument, NULL, 'h' },
		{ "cable", required_argument, NULL, 'c' },   { "staging", required_argument, NULL, 'g' },
		{ "nv-size", required_argument, NULL, 'z' }, { "msi-only", no_argument, NULL, 'm' },
		{ "factory", required_argument, NULL, 'f' }, { "booted", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, '?' + 1 },	     { "clock-offset", required_argument, NULL, 'o' },
		{ "zeroise-jumper", no_argument, NULL, 'j' }, { "host-interface", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int option, index = 0;

	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (option == '?' + 1)
			return fputs(usage, stdout) < 0 ? 2 : 1;
		if (option == '?')
			return 3;
		if (!parse_option(option, optarg, options)) {
			fprintf(stderr, "provcard-card: --%s: not a usable value: %s\n", long_options[index].name, optarg);
			return 3;
		}
	}
	if (optind == argc && options->socket && options->state && options->cable_count <= options->heads)
		return 0;
	fprintf(stderr, "provcard-card: %s\n",
		optind < argc ? "unexpected argument" :
		options->cable_count > options->heads ? "more cables than heads" : "--socket and --state are needed");
	return 3;
}

const char *options_state_complaint(int error)
{
	switch (error) {
	case -EBUSY:
		return "another card runs on it";
	case -EUCLEAN:
		return "its fuse counter is missing or damaged; this memory is not to be trusted";
	case -EINVAL:
		return "a region would have to shrink";
	default:
		return strerror(-error);
	}
}
