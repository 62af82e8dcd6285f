// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * send_command OPCODE TIMEOUT-MS COUNT: send so many commands of a job at once, wait for all of them, and print how each ended:
 * "errno status", then what a further command of the same job comes to.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/provcard.h>

#define STATUS 0x40

static int call(int fd, unsigned long number, void *argument)
{
	return ioctl(fd, number, argument) ? errno : 0;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	return 2;
}

/* One after the other over the card's queues. */
static int submit(int job, unsigned int opcode, unsigned int timeout_ms, unsigned int number, unsigned int queues)
{
	struct provcard_command command = {
		.size = sizeof(command),
		.opcode = opcode,
		.queue = 1 + number % queues,
		.timeout_ms = timeout_ms,
		.user_data = number,
	};

	return call(job, PROVCARD_SUBMIT, &command);
}

static int reap(int job, int count)
{
	struct provcard_completion completion;

	while (count--) {
		if (read(job, &completion, sizeof(completion)) != sizeof(completion))
			return errno;
		printf("%s %u\n", strerrorname_np((int)completion.error), completion.status);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int card = open("/dev/provcard0", O_RDWR | O_CLOEXEC), count = argc == 4 ? atoi(argv[3]) : 0, error = 0;
	struct provcard_job_create create = { .size = sizeof(create) };
	struct provcard_info info = { .size = sizeof(info) };
	struct provcard_command status = { .size = sizeof(status), .opcode = STATUS };

	if (card < 0 || !count || call(card, PROVCARD_INFO, &info) || call(card, PROVCARD_JOB_CREATE, &create) || create.out_status)
		return fail("no job", errno);
	for (int i = 0; i < count && !error; i++)
		error = submit(create.out_fd, (unsigned int)strtoul(argv[1], NULL, 0), (unsigned int)atoi(argv[2]), (unsigned int)i,
			       info.out_queues);
	if (!error)
		error = reap(create.out_fd, count);
	if (error)
		return fail("a command", error);
	printf("%s\n", strerrorname_np(call(create.out_fd, PROVCARD_COMMAND, &status)));
	return 0;
}
