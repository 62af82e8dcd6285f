// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * crash [--states N | --hours H] [--seed N] [--jobs N] [--break NAME] [--replay PATH]
 *
 * Enumerates crash states of the card's durable memory and starts a card on each. Ends with "N crash states, M violations", and 1
 * when there are any.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/crash/campaigns.h"

#define STATES 100000

static struct path only;
static struct campaigns campaigns = { .states = STATES, .seed = 1 };

static void usage(void)
{
	fprintf(stderr, "usage: crash [--states N | --hours H] [--seed N] [--jobs N] [--break NAME] [--replay PATH]\nbreaks:");
	for (int i = 1; board_break_names[i]; i++)
		fprintf(stderr, " %s", board_break_names[i]);
	fprintf(stderr, "\n");
	exit(2);
}

static enum board_break find_break(const char *name)
{
	for (int i = 1; board_break_names[i]; i++)
		if (!strcmp(board_break_names[i], name))
			return (enum board_break)i;
	usage();
	return BREAK_NOTHING;
}

static void read_option(int option, const char *argument)
{
	switch (option) {
	case 's':
		campaigns.states = strtoull(argument, NULL, 0);
		break;
	case 'h':
		campaigns.hours = strtod(argument, NULL);
		break;
	case 'e':
		campaigns.seed = strtoull(argument, NULL, 0);
		break;
	case 'j':
		campaigns.jobs = (unsigned int)strtoul(argument, NULL, 0);
		break;
	case 'b':
		campaigns.broken = find_break(argument);
		break;
	case 'r':
		campaigns.only = path_read(&only, argument) ? &only : NULL;
		if (campaigns.only)
			break;
		/* fallthrough */
	default:
		usage();
	}
}

static void read_options(int argc, char **argv)
{
	static const struct option names[] = { { "states", required_argument, NULL, 's' },
					       { "hours", required_argument, NULL, 'h' },
					       { "seed", required_argument, NULL, 'e' },
					       { "jobs", required_argument, NULL, 'j' },
					       { "break", required_argument, NULL, 'b' },
					       { "replay", required_argument, NULL, 'r' },
					       { 0 } };
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int option;

	campaigns.jobs = processors > 0 ? (unsigned int)processors : 1;
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		read_option(option, optarg);
	if (optind != argc || !campaigns.jobs)
		usage();
}

int main(int argc, char **argv)
{
	const struct explore_counts *counts = &campaigns.counts;

	read_options(argc, argv);
	if (campaigns_run(&campaigns)) {
		perror("crash");
		return 2;
	}
	printf("%" PRIu64 " cut again after a first cut, %" PRIu64 " with old images, %" PRIu64 " carried on to the hand-over\n",
	       counts->nested, counts->restored, counts->finished);
	printf("seed %" PRIu64 ", shape %016" PRIx64 "\n", campaigns.seed, counts->shape);
	printf("%" PRIu64 " crash states, %" PRIu64 " violations\n", counts->states, campaigns.violations);
	return campaigns.violations ? 1 : 0;
}
