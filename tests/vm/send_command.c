// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * send_command OPCODE TIMEOUT-MS COUNT [TEXT]: send so many commands of a job at once, wait for all of them, and print how each
 * ended: "errno status", then what a further command of the same job comes to. With a COUNT of 0 one command is sent and waited for
 * in one call. Arguments and in buffer of the commands are made of TEXT.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
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

static struct provcard_command prepare(char **argv)
{
	struct provcard_command command = {
		.size = sizeof(command),
		.opcode = (unsigned int)strtoul(argv[1], NULL, 0),
		.queue = 1,
		.timeout_ms = (unsigned int)atoi(argv[2]),
	};

	if (argv[4]) {
		command.in_uptr = (uintptr_t)argv[4];
		command.in_len = strlen(argv[4]);
		memcpy(command.arg, argv[4], command.in_len < sizeof(command.arg) ? command.in_len : sizeof(command.arg));
	}
	return command;
}

/* One after the other over the card's queues. */
static int submit(int job, struct provcard_command command, unsigned int number, unsigned int queues)
{
	command.queue = 1 + number % queues;
	command.user_data = number;
	return call(job, PROVCARD_SUBMIT, &command);
}

static void execute(int job, struct provcard_command command)
{
	int error = call(job, PROVCARD_COMMAND, &command);

	printf("%s %u\n", strerrorname_np(error), command.out_status);
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
	int card = open("/dev/provcard0", O_RDWR | O_CLOEXEC), count = argc == 4 || argc == 5 ? atoi(argv[3]) : -1, error = 0;
	struct provcard_job_create create = { .size = sizeof(create) };
	struct provcard_info info = { .size = sizeof(info) };
	struct provcard_command status = { .size = sizeof(status), .opcode = STATUS };

	if (card < 0 || count < 0 || call(card, PROVCARD_INFO, &info) || call(card, PROVCARD_JOB_CREATE, &create) ||
	    create.out_status)
		return fail("no job", errno);
	for (int i = 0; i < count && !error; i++)
		error = submit(create.out_fd, prepare(argv), (unsigned int)i, info.out_queues);
	if (!count)
		execute(create.out_fd, prepare(argv));
	else if (!error)
		error = reap(create.out_fd, count);
	if (error)
		return fail("a command", error);
	printf("%s\n", strerrorname_np(call(create.out_fd, PROVCARD_COMMAND, &status)));
	return 0;
}
