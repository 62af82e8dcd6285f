// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the tests of hostile cards run in the guest.
 *
 *   evil-load command QUEUE TIMEOUT-MS BYTES   one command that echoes: "ERRNO status=N length=N data=good|bad margins=good|bad"
 *   evil-load jobs COUNT                       so many job descriptors, open together: one errno each
 *   evil-load run SECONDS THREADS              commands and jobs without a pause, whatever they come to: counts by errno
 *
 * Memory around every buffer has a pattern that must stay: the card was not given it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/provcard.h>

#define NODE "/dev/provcard0"
#define ECHO 0x50
#define MARGIN 4096
#define IN_PATTERN 0x3c
#define PATTERN 0xa5
#define ERRNO_MAX 200
#define BATCH 16
#define BATCH_BYTES 5000

struct area {
	size_t bytes;
	unsigned char *in;
	unsigned char *out; /* MARGIN bytes of pattern before and behind it; begins and ends in the middle of a page */
	unsigned char *whole;
	size_t whole_bytes;
};

static int area_make(struct area *area, size_t bytes)
{
	area->bytes = bytes;
	area->whole_bytes = bytes + 2 * MARGIN;
	area->in = malloc(bytes + 1);
	area->whole = mmap(NULL, area->whole_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!area->in || area->whole == MAP_FAILED)
		return ENOMEM;
	memset(area->in, IN_PATTERN, bytes);
	memset(area->whole, PATTERN, area->whole_bytes);
	area->out = area->whole + MARGIN + 100;
	return 0;
}

static void area_drop(struct area *area)
{
	free(area->in);
	munmap(area->whole, area->whole_bytes);
}

static int is_all(const unsigned char *at, size_t bytes, unsigned char value)
{
	while (bytes--)
		if (*at++ != value)
			return 0;
	return 1;
}

static int margins_good(const struct area *area)
{
	size_t before = (size_t)(area->out - area->whole);

	return is_all(area->whole, before, PATTERN) &&
	       is_all(area->out + area->bytes, area->whole_bytes - before - area->bytes, PATTERN);
}

static void command_fill(struct provcard_command *command, const struct area *area, unsigned int queue)
{
	*command = (struct provcard_command){
		.size = sizeof(*command),
		.opcode = ECHO,
		.queue = queue,
		.in_uptr = (__u64)(unsigned long)area->in,
		.in_len = (__u32)area->bytes,
		.out_uptr = (__u64)(unsigned long)area->out,
		.out_len = (__u32)area->bytes,
	};
}

static int open_card(void)
{
	return open(NODE, O_RDWR | O_CLOEXEC);
}

static int one_command(unsigned int queue, unsigned int timeout_ms, size_t bytes)
{
	struct provcard_command command;
	struct area area;
	int card = open_card(), error;

	if (area_make(&area, bytes))
		return 2;
	command_fill(&command, &area, queue);
	command.timeout_ms = timeout_ms;
	error = card < 0 || ioctl(card, PROVCARD_COMMAND, &command) ? errno : 0;
	printf("%s status=%u length=%u data=%s margins=%s\n", strerrorname_np(error), (unsigned int)command.out_status,
	       (unsigned int)command.out_length, is_all(area.out, bytes, IN_PATTERN) ? "good" : "bad",
	       margins_good(&area) ? "good" : "bad");
	return 0;
}

static int job_create(int card, int *job)
{
	struct provcard_job_create create = { .size = sizeof(create) };

	if (ioctl(card, PROVCARD_JOB_CREATE, &create))
		return errno;
	*job = create.out_fd;
	return create.out_status ? EREMOTEIO : 0;
}

static int some_jobs(unsigned int count)
{
	int card = open_card(), job;

	while (count--)
		printf("%s\n", strerrorname_np(card < 0 ? errno : job_create(card, &job)));
	return 0;
}

struct worker {
	pthread_t thread;
	unsigned int number;
	time_t end;
	unsigned long counts[ERRNO_MAX];
	unsigned long bad;
};

static void count(struct worker *worker, int error)
{
	worker->counts[error >= 0 && error < ERRNO_MAX ? error : 0]++;
}

/* A batch of a job's commands; what comes back is read until there is nothing to wait for. */
static void job_batch(struct worker *worker, int card, const struct area *area)
{
	struct provcard_completion completion;
	struct provcard_command command;
	int job = -1, error = job_create(card, &job), in_flight = 0;

	count(worker, error);
	if (error)
		return;
	for (int i = 0; i < BATCH; i++) {
		command_fill(&command, area, 1 + (worker->number + (unsigned int)i) % 4);
		command.timeout_ms = 200;
		command.in_len = 0;
		command.out_len = 0;
		error = ioctl(job, PROVCARD_SUBMIT, &command) ? errno : 0;
		count(worker, error);
		in_flight += !error;
	}
	/* One in four leaves them to the kernel. */
	while (in_flight-- && rand() % 4 && read(job, &completion, sizeof(completion)) == sizeof(completion))
		count(worker, (int)completion.error);
	close(job);
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct area area;

	if (area_make(&area, BATCH_BYTES + 7 * worker->number))
		return NULL;
	while (time(NULL) < worker->end) {
		struct provcard_command command;
		int card = open_card();

		if (card < 0) {
			count(worker, errno);
			usleep(20000);
			continue;
		}
		command_fill(&command, &area, worker->number % 5);
		command.timeout_ms = 200;
		count(worker, ioctl(card, PROVCARD_COMMAND, &command) ? errno : 0);
		worker->bad += !margins_good(&area);
		job_batch(worker, card, &area);
		close(card);
	}
	area_drop(&area);
	return NULL;
}

static int run(unsigned int seconds, unsigned int threads)
{
	struct worker *workers = calloc(threads, sizeof(*workers));
	unsigned long bad = 0;

	for (unsigned int i = 0; i < threads; i++) {
		workers[i].number = i;
		workers[i].end = time(NULL) + (time_t)seconds;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return 2;
	}
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		bad += workers[i].bad;
	}
	for (int error = 0; error < ERRNO_MAX; error++) {
		unsigned long total = 0;

		for (unsigned int i = 0; i < threads; i++)
			total += workers[i].counts[error];
		if (total)
			printf("%s %lu\n", strerrorname_np(error), total);
	}
	printf("margins %lu\n", bad);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "command"))
		return one_command((unsigned int)atoi(argv[2]), (unsigned int)atoi(argv[3]), (size_t)atol(argv[4]));
	if (argc == 3 && !strcmp(argv[1], "jobs"))
		return some_jobs((unsigned int)atoi(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "run"))
		return run((unsigned int)atoi(argv[2]), (unsigned int)atoi(argv[3]));
	fputs("usage: evil-load command QUEUE TIMEOUT-MS BYTES | jobs COUNT | run SECONDS THREADS\n", stderr);
	return 2;
}
