// SPDX-License-Identifier: GPL-2.0-or-later
#include "statistics.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "log.h"

static const char *const names[STATISTICS] = {
	[STATISTIC_COMMANDS] = "commands", [STATISTIC_DOORBELLS] = "doorbells", [STATISTIC_INTERRUPTS] = "interrupts",
	[STATISTIC_READS] = "reads",	   [STATISTIC_WRITES] = "writes",
};
static atomic_ullong counts[STATISTICS];

void statistics_count(enum statistic statistic)
{
	atomic_fetch_add_explicit(&counts[statistic], 1, memory_order_relaxed);
}

static void print(void)
{
	char line[256];
	size_t used = 0, i;

	for (i = 0; i < STATISTICS; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used, " %s=%llu", names[i], atomic_load(&counts[i]));
	emu_log("statistics:%s", line);
}

static void *answer(void *context)
{
	sigset_t *signals = context;
	int number;

	while (!sigwait(signals, &number))
		print();
	return NULL;
}

int statistics_on_signal(void)
{
	static sigset_t signals;
	pthread_t thread;
	int error;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	error = pthread_create(&thread, NULL, answer, &signals);
	if (!error)
		pthread_detach(thread);
	return -error;
}
