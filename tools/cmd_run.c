// SPDX-License-Identifier: GPL-2.0-or-later
/* Production: units on all heads at once, with a live view. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "progress.h"

#define HEADS_MAX 256
#define LOOK_MS 200 /* how often the heads are looked at, and sockets tried again */
#define RETRY_SECONDS 1.0

const struct option_spec options_of_run[] = {
	JOB_OPTION,
	{ "heads", 0, OPTION_OPTIONAL, VALUE_TEXT, "LIST", "heads to use, as 0,2,3; left out: all" },
	{ "once", 0, OPTION_OPTIONAL, VALUE_NONE, NULL, "one unit on each head, then stop; this is what happens anyway" },
	{ "wait-for-parts", 0, OPTION_OPTIONAL, VALUE_NONE, NULL, "go on with the next part as soon as it is in the socket" },
	{ "units", 0, OPTION_OPTIONAL, VALUE_NUMBER, "N", "stop when so many units are good" },
	{ "recover", 0, OPTION_OPTIONAL, VALUE_NONE, NULL,
	  "erase every part that is locked, a finished one as well, and make it anew if the job may; new hardened parts need it" },
	END_OF_OPTIONS,
};

enum head_use {
	HEAD_UNUSED,
	HEAD_READY,
	HEAD_WORKING,
	HEAD_WAITING, /* for another part, until its time comes to be tried again */
	HEAD_FINISHED,
};

struct run {
	struct context *context;
	struct provcard_job *job;
	uint32_t heads;
	bool wait_for_parts;
	uint32_t flags;		   /* PROVCARD_UNIT_* */
	bool stopping;		   /* begin no further unit */
	bool cancelled;		   /* and end those in progress at their next safe points */
	unsigned long long wanted; /* good units */
	size_t working;
	enum head_use use[HEADS_MAX];
	double retry_at[HEADS_MAX];
	unsigned int last_refusal[HEADS_MAX];
	bool holds_good[HEADS_MAX]; /* the part in the socket is one that was made good here */
	struct run_summary summary;
	unsigned int first_refusal;
};

/* Ctrl-C: how often. A signal handler can reach nothing but a variable of the file. */
static volatile sig_atomic_t interrupts;

static void note_interrupt(int signal)
{
	(void)signal;
	interrupts++;
}

static void catch_interrupts(void)
{
	struct sigaction action = { .sa_handler = note_interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int choose_heads(struct run *run, const char *list)
{
	for (uint32_t head = 0; !list && head < run->heads; head++)
		run->use[head] = HEAD_READY;
	while (list && *list) {
		char *end;
		unsigned long head = strtoul(list, &end, 10);

		if (end == list || *list < '0' || *list > '9' || (*end && *end != ','))
			return report_usage(command_find("run"), "--heads is a list of numbers, as 0,2,3");
		if (head >= run->heads)
			return report_refusal("run", PROVCARD_REFUSAL_HEAD_UNKNOWN, list);
		run->use[head] = HEAD_READY;
		list = end + (*end == ',');
	}
	return 0;
}

/* Refusals that another part in the socket would not meet. */
static bool another_part_helps(unsigned int refusal)
{
	switch (refusal) {
	case 0:
	case PROVCARD_REFUSAL_NO_PART:
	case PROVCARD_REFUSAL_UNIT_DONE:
	case PROVCARD_REFUSAL_UNIT_SCRAPPED:
	case PROVCARD_REFUSAL_UNIT_BUSY:
	case PROVCARD_REFUSAL_UID_ELSEWHERE:
	case PROVCARD_REFUSAL_CABLE:
		return true;
	default: /* the 0x0400 range is about this part; the others are about the job or the card */
		return refusal >> 8 == PROVCARD_REFUSAL_NO_PART >> 8 && refusal != PROVCARD_REFUSAL_HEAD_UNKNOWN &&
		       refusal != PROVCARD_REFUSAL_FAMILY_UNKNOWN && refusal != PROVCARD_REFUSAL_UNIT_STOPPED;
	}
}

/*
 * While waiting for parts a socket is tried each second, and what was said of it once is not said again. A good part that still
 * lies there answers as done, or as locked when its lock hides which part it is.
 */
static bool is_news(struct run *run, const struct provcard_unit *unit)
{
	bool begun = unit->state != PROVCARD_UNIT_NONE && unit->refusal != PROVCARD_REFUSAL_UNIT_DONE &&
		     unit->refusal != PROVCARD_REFUSAL_UNIT_SCRAPPED;
	bool repeated = unit->refusal == run->last_refusal[unit->head] || unit->refusal == PROVCARD_REFUSAL_NO_PART ||
			(run->holds_good[unit->head] &&
			 (unit->refusal == PROVCARD_REFUSAL_UNIT_DONE || unit->refusal == PROVCARD_REFUSAL_PART_LOCKED));

	run->last_refusal[unit->head] = unit->refusal;
	if (unit->refusal == PROVCARD_REFUSAL_NO_PART)
		run->holds_good[unit->head] = false;
	if (!unit->refusal)
		run->holds_good[unit->head] = true;
	return !run->wait_for_parts || begun || !repeated;
}

static void count_unit(struct run *run, const struct provcard_unit *unit)
{
	if (!unit->refusal)
		run->summary.good++;
	else if (unit->state == PROVCARD_UNIT_SCRAP && unit->refusal != PROVCARD_REFUSAL_UNIT_SCRAPPED)
		run->summary.scrap++;
	else
		run->summary.refused++;
	if (unit->refusal && !run->first_refusal)
		run->first_refusal = unit->refusal;
}

static void take_unit(struct run *run, const struct provcard_unit *unit)
{
	run->working--;
	if (is_news(run, unit)) {
		count_unit(run, unit);
		run->context->output.ops->unit(&run->context->output, unit);
	}
	if (run->wanted && run->summary.good >= run->wanted)
		run->stopping = true;
	if (run->wait_for_parts && another_part_helps(unit->refusal)) {
		run->use[unit->head] = HEAD_WAITING;
		run->retry_at[unit->head] = seconds_now() + RETRY_SECONDS;
	} else {
		run->use[unit->head] = HEAD_FINISHED;
	}
}

/* Units that may still be begun without making more good ones than were asked for. */
static bool may_begin(const struct run *run)
{
	return !run->stopping && (!run->wanted || run->summary.good + run->working < run->wanted);
}

static int begin_units(struct run *run)
{
	for (uint32_t head = 0; head < run->heads && may_begin(run); head++) {
		bool due = run->use[head] == HEAD_READY || (run->use[head] == HEAD_WAITING && seconds_now() >= run->retry_at[head]);
		int error = due ? provcard_unit_begin(run->job, head, run->flags) : -EAGAIN;

		if (error == -EAGAIN)
			continue;
		if (error)
			return report_card_errno("run", error);
		run->use[head] = HEAD_WORKING;
		run->working++;
	}
	return 0;
}

static void show_heads(struct run *run)
{
	static struct provcard_head heads[HEADS_MAX];
	struct provcard_answer answer;
	char text[256];
	size_t count, used;

	if (!progress_wanted() || provcard_head_list(run->context->card, heads, HEADS_MAX, &count, &answer) || answer.refusal)
		return;
	used = snprintf(text, sizeof(text), "%" PRIu64 " good, %" PRIu64 " scrap", run->summary.good, run->summary.scrap);
	for (size_t i = 0; i < count && used < sizeof(text) - 1; i++) {
		const struct provcard_head *head = &heads[i];

		if (head->head >= run->heads || run->use[head->head] == HEAD_UNUSED)
			continue;
		used += snprintf(text + used, sizeof(text) - used, " | %u %s", head->head,
				 run->use[head->head] == HEAD_WAITING ? "next part?" : unit_step_name(head->step));
		if (head->total && used < sizeof(text) - 1)
			used += snprintf(text + used, sizeof(text) - used, " %u%%",
					 (unsigned int)(100 * (uint64_t)head->done / head->total));
	}
	progress_show("%s", text);
}

/* Take what ended within LOOK_MS. */
static int wait_units(struct run *run)
{
	struct provcard_unit unit;
	int error;

	if (!run->working) {
		poll(NULL, 0, LOOK_MS);
		return 0;
	}
	error = provcard_unit_wait(run->job, &unit, LOOK_MS);
	if (error == -EAGAIN || error == -EINTR)
		return 0;
	if (!error && unit.error == ECANCELED) {
		unit.error = 0;
		unit.refusal = PROVCARD_REFUSAL_UNIT_STOPPED;
	}
	if (!error && unit.error)
		error = -(int)unit.error;
	if (error)
		return report_card_errno("run", error);
	take_unit(run, &unit);
	return 0;
}

static bool is_over(const struct run *run)
{
	if (run->working)
		return false;
	if (run->stopping)
		return true;
	for (uint32_t head = 0; head < run->heads; head++)
		if (run->use[head] == HEAD_READY || run->use[head] == HEAD_WAITING)
			return false;
	return true;
}

/* Once: begin nothing more. Twice: end what is in progress, and tell of it. Oftener: do not even wait for that. */
static int heed_interrupts(struct run *run)
{
	int error = 0;

	run->stopping |= interrupts > 0;
	if (interrupts > 1 && !run->cancelled) {
		run->cancelled = true;
		error = provcard_job_cancel_all(run->job);
	}
	if (error && error != -ENOENT)
		return report_card_errno("run", error);
	return interrupts > 2 ? report_refusal("run", PROVCARD_REFUSAL_UNIT_STOPPED, NULL) : 0;
}

static int make_units(struct run *run)
{
	int code = 0;

	while (!code && !is_over(run)) {
		code = heed_interrupts(run);
		if (code)
			return code;
		code = begin_units(run);
		show_heads(run);
		if (!code && !is_over(run))
			code = wait_units(run);
	}
	return !code && run->cancelled ? report_refusal("run", PROVCARD_REFUSAL_UNIT_STOPPED, NULL) : code;
}

/* The counts in the summary are the ledger's. */
static void finish(struct run *run, double begun)
{
	struct provcard_answer answer;

	run->summary.seconds = seconds_now() - begun;
	run->summary.has_job = !provcard_job_status_read(run->job, &run->summary.job, &answer) && !answer.refusal;
	run->context->output.ops->run_summary(&run->context->output, &run->summary);
}

static int result_of(const struct run *run)
{
	if (!run->first_refusal)
		return EXIT_GOOD;
	return run->summary.good ? EXIT_PARTIAL : report_refusal("run", run->first_refusal, NULL);
}

int command_run(struct context *context, const struct options *options)
{
	struct provcard_job_status status;
	struct provcard_card_info info;
	struct run run = { .context = context, .wait_for_parts = option_given(options, "wait-for-parts") };
	double begun = seconds_now();
	int code;

	if (run.wait_for_parts && option_given(options, "once"))
		return report_usage(command_find("run"), "--once and --wait-for-parts exclude each other");
	if (run.wait_for_parts && option_given(options, "recover"))
		return report_usage(command_find("run"),
				    "--recover and --wait-for-parts exclude each other: good parts would be erased");
	run.flags = option_given(options, "recover") ? PROVCARD_UNIT_RECOVER : 0;
	code = option_number(options, "units", 1, UINT32_MAX, &run.wanted);
	if (!code)
		code = card_find_job(context, options, &status);
	if (code)
		return code;
	provcard_info_get(context->card, &info);
	run.heads = info.heads < HEADS_MAX ? info.heads : HEADS_MAX;
	code = choose_heads(&run, option_text(options, "heads"));
	if (!code)
		code = card_bind_job(context, status.package_id, &run.job, &status);
	if (code)
		return code;
	catch_interrupts();
	code = make_units(&run);
	if (code != EXIT_UNREACHABLE)
		finish(&run, begun);
	provcard_job_close(run.job);
	return code ? code : result_of(&run);
}
