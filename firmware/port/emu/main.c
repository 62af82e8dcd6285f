// SPDX-License-Identifier: GPL-2.0-or-later
/* provcard-card: the emulated card. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "emu_port.h"
#include "log.h"
#include "server.h"
#include "statistics.h"

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
	"  --nv-size REGION=BYTES  size of vault, ledger, log or staging; a region can grow, not shrink; K, M and G are known\n"
	"  --msi-only              offer MSI instead of MSI-X\n"
	"  --zeroise-jumper        somebody stands before the card: one that has failed or was tampered with obeys a zeroise\n"
	"  --clock-offset SECONDS  let the card's clock differ from this machine's\n"
	"  --help\n"
	"\n"
	"Writes 'ready' to standard output when it listens, and its log to standard error. SIGTERM and SIGINT are an orderly\n"
	"power off; SIGKILL is a power cut, after which nothing that the card acknowledged is lost. SIGUSR1 writes a line of\n"
	"counters to the log: commands completed, doorbells, interrupts, the host's reads and writes of registers. SIGUSR2 is the\n"
	"tamper input: the card destroys its secrets. A file named tamper in the state folder is its latch, also without power.\n"
	"Exit status: 0 after an orderly stop, 1 when the card cannot start or go on, 2 for a wrong command line.\n";

struct options {
	const char *socket;
	const char *state;
	const char *serial;
	unsigned int heads;
	const char *cables[EMU_HEADS_MAX];
	unsigned int cable_count;
	uint64_t nv_sizes[PORT_NV_REGIONS];
	int64_t clock_offset;
	bool msi_only;
	bool jumper;
};

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
	case 'j':
		options->jumper = true;
		return true;
	default:
		return parse_number(text, INT32_MIN, INT32_MAX, &options->clock_offset);
	}
}

/* 0 to go on, or the exit status plus one. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option long_options[] = {
		{ "socket", required_argument, NULL, 's' },  { "state", required_argument, NULL, 'd' },
		{ "serial", required_argument, NULL, 'n' },  { "heads", required_argument, NULL, 'h' },
		{ "cable", required_argument, NULL, 'c' },   { "staging", required_argument, NULL, 'g' },
		{ "nv-size", required_argument, NULL, 'z' }, { "msi-only", no_argument, NULL, 'm' },
		{ "help", no_argument, NULL, '?' + 1 },	     { "clock-offset", required_argument, NULL, 'o' },
		{ "zeroise-jumper", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 },
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

/* Nothing of this process goes into a dump that another limit might allow. */
static void empty_dump(void)
{
	int filter = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

	if (filter < 0)
		return;
	if (write(filter, "0", 1) != 1)
		emu_log("the filter of core dumps does not obey");
	close(filter);
}

/* Keys are in this process: no core dump, no debugger of another user. */
static void protect(void)
{
	struct rlimit none = { 0, 0 };

	empty_dump();
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

/* Readable on SIGTERM and SIGINT; every thread has them blocked. */
static int stop_signal(void)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* Readable on SIGUSR2, likewise. */
static int tamper_signal(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

struct board {
	struct emu_port *emu;
	struct endpoint *endpoint;
	int tamper;
};

static void break_in(void *context)
{
	struct board *board = context;

	emu_port_tamper(board->emu);
	controller_tamper(board->endpoint->controller);
}

static int serve(const struct options *options, struct board *board, int stop)
{
	static struct server server;
	int listener = server_listen(options->socket), error;

	if (listener < 0) {
		emu_log("cannot listen on %s: %s", options->socket, strerror(-listener));
		return listener;
	}
	server_init(&server, board->endpoint, listener, stop);
	server.tamper = board->tamper;
	server.on_tamper = break_in;
	server.tamper_context = board;
	emu_log("card %s, %u heads, listens on %s", options->serial, options->heads, options->socket);
	puts("ready");
	fflush(stdout);
	error = server_run(&server);
	unlink(options->socket);
	close(listener);
	server_destroy(&server);
	return error;
}

static int run(const struct options *options, struct state *state, int stop, int tamper)
{
	static struct endpoint endpoint;
	static struct emu_port emu;
	struct board board = { &emu, &endpoint, tamper };
	int error;

	emu_port_init(&emu, state, options->serial, options->heads, options->cables, options->clock_offset);
	emu.present = options->jumper;
	error = endpoint_init(&endpoint, &emu.port, options->heads, options->msi_only);
	if (error) {
		emu_log("the card does not start: %s", strerror(-error));
		return error;
	}
	emu_port_listen(&emu, controller_event, endpoint.controller);
	error = serve(options, &board, stop);
	emu_port_listen(&emu, NULL, NULL);
	endpoint_destroy(&endpoint);
	emu_log("powered off");
	return error;
}

static const char *state_complaint(int error)
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

int main(int argc, char **argv)
{
	struct options options = { .serial = "EMU0001", .heads = 4 };
	struct state state;
	int status = parse(argc, argv, &options), stop, tamper, error;

	if (status)
		return status - 1;
	protect();
	stop = stop_signal();
	tamper = tamper_signal();
	if (stop < 0 || tamper < 0 || statistics_on_signal())
		return 1;
	error = state_open(&state, options.state, options.nv_sizes);
	if (error) {
		emu_log("cannot use the state in %s: %s", options.state, state_complaint(error));
		return 1;
	}
	error = run(&options, &state, stop, tamper);
	state_close(&state);
	return error ? 1 : 0;
}
