// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_ioctl: everything a program can do to a card's descriptors, in senseless order and with senseless arguments.
 *
 * An input is a string of bytes that is read as a list of calls (fuzz_calls.c). Inputs that reach code of the driver that none
 * before has reached, as KCOV tells, are kept and changed further. Each thread makes its own inputs and all share the descriptors
 * and the memory, so calls meet each other. The kernel finds the mistakes; this program only asks, between rounds, whether the card
 * answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/kcov.h>

#include "fuzz_calls.h"

#define COVER_SIZE (64 << 10)
#define POINTS_SIZE (64 << 10)
#define CORPUS_SIZE 1024
#define THREADS_MAX 8

/* Places in the driver that were reached: an open hash table. */
static unsigned long points[POINTS_SIZE];
static unsigned int points_count;
static pthread_mutex_t points_lock = PTHREAD_MUTEX_INITIALIZER;

struct corpus {
	struct fuzz_input inputs[CORPUS_SIZE];
	unsigned int count;
};

struct fuzzer {
	pthread_t thread;
	uint64_t random;
	int kcov;
	unsigned long *cover;
	struct corpus corpus;
	unsigned long inputs;
};

static struct fuzzer fuzzers[THREADS_MAX];
static unsigned int threads = 3;
static unsigned int seconds = 30;
static time_t end;

/* True when the place is new. */
static bool points_add(unsigned long place)
{
	unsigned int slot = (place * 0x9e3779b97f4a7c15ul) >> 48;

	while (points[slot] && points[slot] != place)
		slot = (slot + 1) % POINTS_SIZE;
	if (points[slot])
		return false;
	points[slot] = place;
	points_count++;
	return true;
}

static bool cover_open(struct fuzzer *fuzzer)
{
	void *area;

	fuzzer->kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (fuzzer->kcov < 0 || ioctl(fuzzer->kcov, KCOV_INIT_TRACE, COVER_SIZE))
		return false;
	area = mmap(NULL, COVER_SIZE * sizeof(unsigned long), PROT_READ | PROT_WRITE, MAP_SHARED, fuzzer->kcov, 0);
	fuzzer->cover = area;
	return area != MAP_FAILED && !ioctl(fuzzer->kcov, KCOV_ENABLE, KCOV_TRACE_PC);
}

/* What the last input has reached; true when some of it is new. */
static bool cover_collect(struct fuzzer *fuzzer)
{
	unsigned long count = __atomic_load_n(&fuzzer->cover[0], __ATOMIC_RELAXED);
	bool news = false;

	pthread_mutex_lock(&points_lock);
	for (unsigned long i = 1; i <= count && i < COVER_SIZE; i++)
		news |= points_add(fuzzer->cover[i]);
	pthread_mutex_unlock(&points_lock);
	return news;
}

static void corpus_keep(struct fuzzer *fuzzer, const struct fuzz_input *input)
{
	struct corpus *corpus = &fuzzer->corpus;
	unsigned int place = corpus->count < CORPUS_SIZE ? corpus->count++ : fuzz_below(&fuzzer->random, CORPUS_SIZE);

	corpus->inputs[place] = *input;
}

static void input_make(struct fuzzer *fuzzer, struct fuzz_input *input)
{
	const struct corpus *corpus = &fuzzer->corpus;

	if (!corpus->count || !fuzz_below(&fuzzer->random, 8)) {
		fuzz_input_random(&fuzzer->random, input);
		return;
	}
	*input = corpus->inputs[fuzz_below(&fuzzer->random, corpus->count)];
	fuzz_input_change(&fuzzer->random, input, &corpus->inputs[fuzz_below(&fuzzer->random, corpus->count)]);
}

static void *fuzzer_run(void *argument)
{
	struct fuzzer *fuzzer = argument;
	struct fuzz_input input;

	if (!cover_open(fuzzer)) {
		perror("fuzz_ioctl: no KCOV in this kernel");
		exit(2);
	}
	while (time(NULL) < end) {
		input_make(fuzzer, &input);
		__atomic_store_n(&fuzzer->cover[0], 0, __ATOMIC_RELAXED);
		fuzz_input_run(&input);
		if (cover_collect(fuzzer))
			corpus_keep(fuzzer, &input);
		fuzzer->inputs++;
	}
	return NULL;
}

/* Who waits for what does not come is woken by a signal now and then. */
static void fuzzers_run(void)
{
	for (unsigned int i = 0; i < threads; i++)
		pthread_create(&fuzzers[i].thread, NULL, fuzzer_run, &fuzzers[i]);
	for (unsigned int i = 0; i < threads; i++)
		while (pthread_tryjoin_np(fuzzers[i].thread, NULL)) {
			for (unsigned int j = i; j < threads; j++)
				pthread_kill(fuzzers[j].thread, SIGIO);
			usleep(100000);
		}
}

static int points_write(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return 1;
	for (unsigned int i = 0; i < POINTS_SIZE; i++)
		if (points[i])
			fprintf(file, "%#lx\n", points[i]);
	return fclose(file) != 0;
}

static int report(const char *path)
{
	unsigned long inputs = 0;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < threads; i++) {
		inputs += fuzzers[i].inputs;
		kept += fuzzers[i].corpus.count;
	}
	printf("inputs %lu\ncorpus %u\npoints %u\n", inputs, kept, points_count);
	fuzz_calls_report();
	if (path && points_write(path))
		return 1;
	if (fuzz_card_answers())
		return 0;
	fprintf(stderr, "fuzz_ioctl: the card does not answer any more\n");
	return 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: fuzz_ioctl [--seed N] [--time SECONDS] [--threads N] [--points FILE] [DEVICE]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "time", required_argument, NULL, 't' },
		{ "threads", required_argument, NULL, 'n' },
		{ "points", required_argument, NULL, 'p' },
		{},
	};
	const char *path = NULL;
	uint64_t seed = 1;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			threads = strtoul(optarg, NULL, 0);
			break;
		case 'p':
			path = optarg;
			break;
		default:
			return usage();
		}
	}
	if (!threads || threads > THREADS_MAX || !fuzz_calls_open(argv[optind] ? argv[optind] : "/dev/provcard0"))
		return usage();
	for (unsigned int i = 0; i < threads; i++)
		fuzzers[i].random = seed * THREADS_MAX + i + 1;
	end = time(NULL) + seconds;
	fuzzers_run();
	return report(path);
}
