// SPDX-License-Identifier: GPL-2.0-or-later
/* provcard-firmware: the emulated card's firmware. Its boot stage (boot_main.c) starts it; started by hand it has no slots. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/core.h"
#include "log.h"
#include "options.h"
#include "server.h"
#include "statistics.h"

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
	/* Executed from memory, it would be called by a descriptor's number. */
	prctl(PR_SET_NAME, "provcard-card");
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

/* Packed under a false name it would confirm itself, and raise the floor to what it is not. */
static int take_report(struct emu_port *emu, int report)
{
	const struct port_firmware *named = &emu->boot.firmware;
	int error = boot_report_read(report, &emu->boot);

	if (error || (!strcmp(named->version, core_version()) && named->security_version == core_security_version()))
		return error;
	emu_log("the manifest calls this firmware %s, security version %u; it is %s, security version %u", named->version,
		named->security_version, core_version(), core_security_version());
	return -EINVAL;
}

static int run(const struct options *options, struct state *state, int stop, int tamper)
{
	static struct endpoint endpoint;
	static struct emu_port emu;
	struct board board = { &emu, &endpoint, tamper };
	int error;

	emu_port_init(&emu, state, options->serial, options->heads, options->cables, options->clock_offset);
	emu.present = options->jumper;
	error = options->report < 0 ? 0 : take_report(&emu, options->report);
	if (!error)
		error = endpoint_init(&endpoint, &emu.port, options->heads, options->msi_only, options->version);
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

int main(int argc, char **argv)
{
	struct options options = OPTIONS_DEFAULT;
	struct state state;
	int status = options_parse(argc, argv, &options), stop, tamper, error;

	if (status)
		return status - 1;
	protect();
	stop = stop_signal();
	tamper = tamper_signal();
	if (stop < 0 || tamper < 0 || statistics_on_signal())
		return 1;
	error = state_open_locked(&state, options.state, options.nv_sizes, options.lock);
	if (error) {
		emu_log("cannot use the state in %s: %s", options.state, options_state_complaint(error));
		return 1;
	}
	error = run(&options, &state, stop, tamper);
	state_close(&state);
	return error ? 1 : 0;
}
