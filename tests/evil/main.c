// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * evil-card --socket S --state FOLDER --heads N [--vectors N] [--bar BYTES] [--config OFFSET=VALUE] [--do LINE]...
 *
 * The script is read from FOLDER/script, a socket. --do carries a line out before the host sees the card; --bar and --config are
 * what the PCI function says of itself. Other options of the emulated card are taken and ignored.
 */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "evil.h"
#include "port/emu/log.h"
#include "port/emu/server.h"

#define LINES_MAX 16
#define CONFIG_MAX 8

static struct {
	const char *socket;
	const char *state;
	unsigned int heads;
	unsigned int vectors;
	bool msi_only;
	uint64_t bar;
	char *lines[LINES_MAX];
	unsigned int line_count;
	struct {
		size_t offset;
		uint8_t value;
	} config[CONFIG_MAX];
	unsigned int config_count;
} options = { .heads = 4, .bar = PROVCARD_BAR_REGS_SIZE };

/* The linker puts these two in place of the endpoint's. */
uint64_t __real_endpoint_region_size(const struct endpoint *endpoint, uint32_t region);
uint64_t __wrap_endpoint_region_size(const struct endpoint *endpoint, uint32_t region);
void __real_pci_read(const struct pci *pci, size_t offset, void *data, size_t size);
void __wrap_pci_read(const struct pci *pci, size_t offset, void *data, size_t size);

uint64_t __wrap_endpoint_region_size(const struct endpoint *endpoint, uint32_t region)
{
	if (region == VFIO_PCI_BAR0_REGION_INDEX + PROVCARD_BAR_REGS)
		return options.bar;
	return __real_endpoint_region_size(endpoint, region);
}

void __wrap_pci_read(const struct pci *pci, size_t offset, void *data, size_t size)
{
	__real_pci_read(pci, offset, data, size);
	for (unsigned int i = 0; i < options.config_count; i++)
		if (options.config[i].offset >= offset && options.config[i].offset - offset < size)
			((uint8_t *)data)[options.config[i].offset - offset] = options.config[i].value;
}

static void add_config(char *text)
{
	char *end;

	if (options.config_count == CONFIG_MAX)
		return;
	options.config[options.config_count].offset = strtoul(text, &end, 0);
	options.config[options.config_count++].value = (uint8_t)strtoul(*end ? end + 1 : end, NULL, 0);
}

static void take(int option)
{
	if (option == 's')
		options.socket = optarg;
	else if (option == 'd')
		options.state = optarg;
	else if (option == 'h')
		options.heads = (unsigned int)atoi(optarg);
	else if (option == 'v')
		options.vectors = (unsigned int)atoi(optarg);
	else if (option == 'b')
		options.bar = strtoull(optarg, NULL, 0);
	else if (option == 'c')
		add_config(optarg);
	else if (option == 'm')
		options.msi_only = true;
	else if (option == 'o' && options.line_count < LINES_MAX)
		options.lines[options.line_count++] = optarg;
}

static bool parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "state", required_argument, NULL, 'd' },
		{ "heads", required_argument, NULL, 'h' },
		{ "vectors", required_argument, NULL, 'v' },
		{ "bar", required_argument, NULL, 'b' },
		{ "config", required_argument, NULL, 'c' },
		{ "do", required_argument, NULL, 'o' },
		{ "msi-only", no_argument, NULL, 'm' },
		{ "serial", required_argument, NULL, 'i' },
		{ "cable", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		take(option);
	return optind == argc && options.socket && options.state && options.heads && options.heads < EVIL_QUEUES;
}

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

static int serve(struct endpoint *endpoint, int stop)
{
	static struct server server;
	int listener = server_listen(options.socket), error;

	if (listener < 0)
		return listener;
	server_init(&server, endpoint, listener, stop);
	error = server_run(&server);
	unlink(options.socket);
	close(listener);
	server_destroy(&server);
	return error;
}

/* Fewer vectors than heads is one of the things a card may come with. */
static int start(struct endpoint *endpoint)
{
	unsigned int vectors = options.vectors ? options.vectors : options.heads + 1;
	int error = endpoint_init(endpoint, NULL, options.heads, options.msi_only, PROVCARD_HIF_VERSION);

	if (error)
		return error;
	endpoint->irqs.count = vectors;
	pci_init(&endpoint->pci, vectors, options.msi_only);
	for (unsigned int i = 0; i < options.line_count; i++)
		script_line(options.lines[i], stderr);
	return 0;
}

int main(int argc, char **argv)
{
	static struct endpoint endpoint;
	char path[108];
	int stop;

	if (!parse(argc, argv)) {
		fputs("evil-card: --socket, --state and 1 to 32 --heads are needed\n", stderr);
		return 2;
	}
	stop = stop_signal();
	snprintf(path, sizeof(path), "%s/script", options.state);
	if (stop < 0 || start(&endpoint) || script_serve(path)) {
		emu_log("the evil card does not start");
		return 1;
	}
	return serve(&endpoint, stop) ? 1 : 0;
}
