// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/campaigns.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUND 16	      /* campaigns of a round: each kind of history the same number of times */
#define CAMPAIGN_STATES 25000 /* of each, when hours are asked for */
#define STATE_SECONDS 120     /* a card that takes longer hangs */
#define VIOLATIONS_ENOUGH 8   /* of a campaign */
#define PROGRESS_SECONDS 10

/* One campaign, between its process and this one. */
struct slot {
	struct explore_counts counts;
	atomic_ullong violations;
	char at[PATH_TEXT];
	pid_t child; /* 0: none, or over */
};

static struct slot *slots; /* of a round, in memory that the processes share */
static struct slot *own;   /* in a campaign's process */
static const struct campaigns *running;
static int64_t begun, shown; /* seconds */

/* Of the machine: the program's own time() stands still. */
static int64_t seconds(void)
{
	struct timespec now;

	timespec_get(&now, TIME_UTC);
	return now.tv_sec;
}

static void print_again(const char *at)
{
	printf("  again: --seed %" PRIu64 " --replay %s", running->seed, at);
	if (running->broken)
		printf(" --break %s", board_break_names[running->broken]);
	printf("\n");
	fflush(stdout);
}

static void enter(const struct explorer *explorer)
{
	path_print(&explorer->path, own->at);
	own->counts = explorer->counts;
	alarm(STATE_SECONDS);
}

static void violation(const struct explorer *explorer, const char *text)
{
	char at[PATH_TEXT];

	path_print(&explorer->path, at);
	own->counts = explorer->counts;
	printf("violation: %s\n", text);
	print_again(at);
	if (++own->violations >= VIOLATIONS_ENOUGH)
		exit(0);
}

static void explore(uint64_t campaign, uint64_t limit)
{
	struct explorer *explorer = calloc(1, sizeof(*explorer));

	if (!explorer)
		abort();
	explorer->seed = running->seed;
	explorer->limit = limit;
	explorer->broken = running->broken;
	explorer->only = running->only;
	explorer->enter = enter;
	explorer->violation = violation;
	chance_rule_libcrypto();
	explore_campaign(explorer, campaign);
	own->counts = explorer->counts;
	free(explorer);
}

static int start(struct slot *slot, uint64_t campaign, uint64_t limit)
{
	pid_t child;

	memset(slot, 0, sizeof(*slot));
	snprintf(slot->at, sizeof(slot->at), "%" PRIu64 "/0.0.0", campaign);
	fflush(stdout);
	child = fork();
	if (child < 0)
		return -1;
	if (!child) {
		own = slot;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		explore(campaign, limit);
		exit(0);
	}
	slot->child = child;
	return 0;
}

/* What the process left behind. */
static void judge_end(struct slot *slot, int status)
{
	slot->child = 0;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return;
	if (WIFSIGNALED(status))
		printf("violation: the card's process ended with signal %d\n", WTERMSIG(status));
	else
		printf("violation: the card's process ended with code %d\n", WEXITSTATUS(status));
	print_again(slot->at);
	slot->violations++;
}

/* Those that are over are judged; how many are not. */
static unsigned int reap(void)
{
	unsigned int busy = 0;
	int status;

	for (int i = 0; i < ROUND; i++) {
		if (slots[i].child && waitpid(slots[i].child, &status, WNOHANG) == slots[i].child)
			judge_end(&slots[i], status);
		busy += slots[i].child != 0;
	}
	return busy;
}

static void show_progress(const struct campaigns *campaigns)
{
	uint64_t states = campaigns->counts.states, violations = campaigns->violations;
	int64_t now = seconds();

	if (now < shown + PROGRESS_SECONDS)
		return;
	shown = now;
	for (int i = 0; i < ROUND; i++) {
		states += slots[i].counts.states;
		violations += slots[i].violations;
	}
	printf("%" PRIu64 " crash states in %" PRId64 " s, %" PRIu64 " violations\n", states, now - begun, violations);
	fflush(stdout);
}

static void wait_for(const struct campaigns *campaigns, unsigned int most)
{
	static const struct timespec while_waiting = { .tv_nsec = 20000000 };

	while (reap() > most) {
		nanosleep(&while_waiting, NULL);
		show_progress(campaigns);
	}
}

static bool time_is_up(const struct campaigns *campaigns)
{
	return campaigns->hours > 0 && (double)(seconds() - begun) > campaigns->hours * 3600;
}

static void add_round(struct campaigns *campaigns)
{
	struct explore_counts *counts = &campaigns->counts;

	for (int i = 0; i < ROUND; i++) {
		counts->states += slots[i].counts.states;
		counts->nested += slots[i].counts.nested;
		counts->restored += slots[i].counts.restored;
		counts->finished += slots[i].counts.finished;
		counts->shape = chance_mix(counts->shape, slots[i].counts.shape);
		campaigns->violations += slots[i].violations;
	}
	memset(slots, 0, ROUND * sizeof(*slots));
}

static int run_round(struct campaigns *campaigns, uint64_t first, uint64_t count, uint64_t limit)
{
	int error = 0;

	for (uint64_t i = 0; i < count && !error && !time_is_up(campaigns); i++) {
		wait_for(campaigns, campaigns->jobs - 1);
		error = start(&slots[i], first + i, limit);
	}
	wait_for(campaigns, 0);
	add_round(campaigns);
	return error;
}

/* A history may have fewer states than its share: then there are more rounds. */
static int run_rounds(struct campaigns *campaigns)
{
	struct explore_counts *counts = &campaigns->counts;
	uint64_t left;

	for (uint64_t first = 0;; first += ROUND) {
		if (campaigns->hours > 0 ? time_is_up(campaigns) : counts->states >= campaigns->states)
			return 0;
		left = campaigns->states - counts->states;
		if (run_round(campaigns, first, ROUND, campaigns->hours > 0 ? CAMPAIGN_STATES : (left + ROUND - 1) / ROUND))
			return -1;
		if (campaigns->violations)
			return 0;
	}
}

int campaigns_run(struct campaigns *campaigns)
{
	int error;

	running = campaigns;
	begun = shown = seconds();
	slots = mmap(NULL, ROUND * sizeof(*slots), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED)
		return -1;
	error = campaigns->only ? run_round(campaigns, campaigns->only->campaign, 1, UINT64_MAX) : run_rounds(campaigns);
	munmap(slots, ROUND * sizeof(*slots));
	return error;
}
