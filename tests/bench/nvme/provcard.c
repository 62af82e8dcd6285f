// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands to a provcard. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <liburing.h>
#include <linux/provcard.h>

#include "../../vm/stubborn_core.h"
#include "commands.h"

#define OPCODE 0x60 /* PACKAGE_WRITE, to a card that answers everything at once */
#define QUEUE 1
#define COMPLETIONS 64

static int open_card(void)
{
	int card = open("/dev/provcard0", O_RDWR | O_CLOEXEC);

	if (card < 0)
		fail("/dev/provcard0");
	return card;
}

static int open_job(void)
{
	struct provcard_job_create create = { .size = sizeof(create) };

	if (ioctl(open_card(), PROVCARD_JOB_CREATE, &create) || create.out_status)
		fail("job");
	return create.out_fd;
}

static struct provcard_command make_command(const struct load *load)
{
	return (struct provcard_command){
		.size = sizeof(struct provcard_command),
		.opcode = OPCODE,
		.queue = QUEUE,
		.in_uptr = load->bytes ? (uintptr_t)load->buffer : 0,
		.in_len = load->bytes,
		.timeout_ms = 60000,
	};
}

void provcard_ioctl_run(const struct load *load)
{
	struct provcard_command command = make_command(load);
	int card = open_card();

	for (unsigned long i = 0; i < load->count; i++)
		if (ioctl(card, PROVCARD_COMMAND, &command) || command.out_status)
			fail("command");
}

void provcard_submit_run(const struct load *load)
{
	struct provcard_completion completions[COMPLETIONS];
	struct provcard_command command = make_command(load);
	unsigned long sent = 0, ended = 0;
	int job = open_job();
	ssize_t got;

	while (ended < load->count) {
		for (; sent < load->count && sent - ended < load->depth; sent++)
			if (ioctl(job, PROVCARD_SUBMIT, &command))
				fail("submit");
		got = read(job, completions, sizeof(completions));
		if (got <= 0)
			fail("read");
		for (got /= (ssize_t)sizeof(*completions); got; got--, ended++)
			if (completions[got - 1].error || completions[got - 1].status)
				fail("completion");
	}
}

struct job {
	int fd;
	const struct load *load;
};

static void prepare(struct io_uring_sqe *entry, const void *context)
{
	const struct job *job = context;

	entry->fd = job->fd;
	entry->cmd_op = PROVCARD_URING_COMMAND;
	*(struct provcard_uring_command *)entry->cmd = (struct provcard_uring_command){
		.size = sizeof(struct provcard_uring_command),
		.opcode = OPCODE,
		.queue = QUEUE,
		.in_uptr = job->load->bytes ? (uintptr_t)job->load->buffer : 0,
		.in_len = job->load->bytes,
		.timeout_ms = 60000,
	};
}

void provcard_uring_run(const struct load *load)
{
	struct job job = { open_job(), load };

	uring_run(load, prepare, &job);
}

/* Leave them in flight until the program is killed, which ends the job. */
void provcard_hold_run(const struct load *load)
{
	struct provcard_command command = make_command(load);
	int job = open_job();

	command.opcode = STUBBORN_UNTIL_ABORT;
	for (unsigned long i = 0; i < load->depth; i++)
		if (ioctl(job, PROVCARD_SUBMIT, &command))
			fail("submit");
	pause();
}
