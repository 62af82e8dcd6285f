// SPDX-License-Identifier: GPL-2.0-or-later
/* What happens to the cards of this machine, as the driver tells it. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "commands.h"

const struct option_spec options_of_monitor[] = {
	{ "count", 0, OPTION_OPTIONAL, VALUE_NUMBER, "N", "end after so many events" },
	END_OF_OPTIONS,
};

struct monitor {
	struct provcard_monitor *events;
	int signals;		 /* a descriptor that has those which end the command */
	char card[NAME_MAX + 1]; /* events of this one alone, empty for all */
	unsigned long long left;
};

/* The name of the node that the address leads to, by links too. */
static int choose_card(struct monitor *monitor, const char *address)
{
	char path[PATH_MAX];

	if (!address)
		return 0;
	if (address[0] != '/')
		return report_usage(command_find("monitor"),
				    "it is the driver that tells of events: --card is a node as /dev/provcard0");
	if (!realpath(address, path))
		return report_errno(address, -errno);
	strncpy(monitor->card, strrchr(path, '/') + 1, sizeof(monitor->card) - 1);
	return 0;
}

static int catch_signals(struct monitor *monitor)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &ends, NULL))
		return report_errno("monitor", -errno);
	monitor->signals = signalfd(-1, &ends, SFD_CLOEXEC);
	return monitor->signals < 0 ? report_errno("monitor", -errno) : 0;
}

static int begin(struct monitor *monitor)
{
	int error = provcard_monitor_open(&monitor->events);

	switch (error) {
	case 0:
		return 0;
	case -EPERM:
		return report_machine(
			"monitor", "events tell how production goes, and this user may not listen to them",
			"run it as root, or give its service the capability CAP_NET_ADMIN (systemd: AmbientCapabilities=)");
	case -ENODEV:
		return report_machine("monitor", "there is no driver that tells of events",
				      "load the module provcard; in a container, share the host's network namespace");
	default:
		return report_errno("monitor", error);
	}
}

/* Those that have come. What was lost may have been of any card. */
static int print_events(struct context *context, struct monitor *monitor)
{
	struct provcard_monitor_event event;
	int error = 0;

	while (monitor->left && !(error = provcard_monitor_next(monitor->events, &event, 0))) {
		bool is_wanted = !monitor->card[0] || !strcmp(event.name, monitor->card) || event.kind == PROVCARD_MONITOR_LOST;

		if (!is_wanted)
			continue;
		context->output.ops->event(&context->output, &event);
		monitor->left--;
	}
	return error && error != -EAGAIN ? report_errno("monitor", error) : 0;
}

static int follow(struct context *context, struct monitor *monitor)
{
	struct pollfd polled[] = {
		{ .fd = provcard_monitor_descriptor(monitor->events), .events = POLLIN },
		{ .fd = monitor->signals, .events = POLLIN },
	};
	int code = 0;

	while (!code && monitor->left && !polled[1].revents && !ferror(stdout)) {
		if (poll(polled, 2, -1) < 0)
			return report_errno("monitor", -errno);
		code = print_events(context, monitor);
	}
	return code;
}

int command_monitor(struct context *context, const struct options *options)
{
	struct monitor monitor = { .signals = -1, .left = ~0ull };
	int code = option_number(options, "count", 1, ~0ull, &monitor.left);

	context->output.is_stream = true;
	if (!code)
		code = choose_card(&monitor, context->address);
	if (!code)
		code = catch_signals(&monitor);
	if (!code)
		code = begin(&monitor);
	if (!code)
		code = follow(context, &monitor);
	provcard_monitor_close(monitor.events);
	if (monitor.signals >= 0)
		close(monitor.signals);
	return code;
}
