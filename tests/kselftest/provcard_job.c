// SPDX-License-Identifier: GPL-2.0
/* Job descriptors: completions to read and poll, many commands in flight, closing. */
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "provcard_selftest.h"

#define COMMANDS 200
#define HANDLES_MAX 4096

FIXTURE(job)
{
	int card;
	int fd;
	char out[COMMANDS][OP_STATUS_SIZE];
};

FIXTURE_SETUP(job)
{
	self->card = open(device_path(), O_RDWR | O_CLOEXEC);
	if (self->card < 0)
		SKIP(return, "no card at %s", device_path());
	self->fd = job_create(self->card, O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(job)
{
	close(self->fd);
	close(self->card);
}

static int submit(int job, void *out, __u64 user_data, __u32 queue)
{
	struct provcard_command command = status_command(out, OP_STATUS_SIZE);

	command.flags = PROVCARD_COMMAND_NOWAIT;
	command.user_data = user_data;
	command.queue = queue;
	return call(job, PROVCARD_SUBMIT, &command);
}

/* Others' commands that ended may hold their slots for a moment still. */
static int submit_when_room(int job, void *out, __u64 user_data, __u32 queue)
{
	int ret;

	for (int tries = 0; tries < 10000; tries++) {
		ret = submit(job, out, user_data, queue);
		if (ret != -EAGAIN)
			break;
		poll(NULL, 0, 1);
	}
	return ret;
}

/* POLL* bits of the descriptor; a wait of twenty seconds means that nothing comes. */
static int polled(int job)
{
	struct pollfd wait = { .fd = job, .events = POLLIN };

	return poll(&wait, 1, 20000) < 0 ? -errno : wait.revents;
}

static int set_nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

TEST_F(job, close_on_exec)
{
	int plain = job_create(self->card, 0);

	ASSERT_GE(plain, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
	EXPECT_EQ(0, fcntl(plain, F_GETFD));
	close(plain);
}

/* Closing gives the card's handle back, at once. */
TEST_F(job, create_and_close)
{
	for (int i = 0; i < 300; i++) {
		int other = job_create(self->card, O_CLOEXEC);

		ASSERT_GE(other, 0);
		close(other);
	}
}

TEST_F(job, too_many)
{
	static int jobs[HANDLES_MAX];
	int count = 0;

	while (count < HANDLES_MAX && (jobs[count] = job_create(self->card, O_CLOEXEC)) >= 0)
		count++;
	EXPECT_EQ(-STATUS_TOO_MANY_JOBS, jobs[count]);
	ASSERT_GT(count, 0);
	close(jobs[0]);
	jobs[0] = job_create(self->card, O_CLOEXEC);
	EXPECT_GE(jobs[0], 0);
	while (count--)
		close(jobs[count]);
}

TEST_F(job, command_carries_job)
{
	char out[512];
	struct provcard_command command = status_command(out, sizeof(out));

	command.opcode = OP_JOB_STATUS;
	EXPECT_EQ(0, call(self->fd, PROVCARD_COMMAND, &command));
	EXPECT_EQ(0, command.out_status);
	command = status_command(out, sizeof(out));
	command.opcode = OP_JOB_STATUS;
	EXPECT_EQ(0, call(self->card, PROVCARD_COMMAND, &command));
	EXPECT_NE(0, command.out_status);
}

TEST_F(job, submit_and_read)
{
	struct provcard_completion completion;

	ASSERT_EQ(0, submit(self->fd, self->out[0], 0x1122334455667788, 1));
	EXPECT_EQ(POLLIN, polled(self->fd));
	ASSERT_EQ(sizeof(completion), read(self->fd, &completion, sizeof(completion)));
	EXPECT_EQ(0x1122334455667788, completion.user_data);
	EXPECT_EQ(0, completion.error);
	EXPECT_EQ(0, completion.status);
	EXPECT_EQ(0, completion.__reserved);
	EXPECT_GE(completion.length, OP_STATUS_SERIAL + 32);
	EXPECT_NE(0, self->out[0][OP_STATUS_SERIAL]);
}

TEST_F(job, refusal_is_a_status)
{
	struct provcard_command command = status_command(self->out, OP_STATUS_SIZE);
	struct provcard_completion completion;

	command.opcode = OP_UNKNOWN;
	ASSERT_EQ(0, call(self->fd, PROVCARD_SUBMIT, &command));
	ASSERT_EQ(sizeof(completion), read(self->fd, &completion, sizeof(completion)));
	EXPECT_EQ(STATUS_INVALID_OPCODE, completion.status);
	EXPECT_EQ(0, completion.error);
}

TEST_F(job, nothing_to_read)
{
	struct pollfd wait = { .fd = self->fd, .events = POLLIN };
	struct provcard_completion completion;

	EXPECT_EQ(0, poll(&wait, 1, 50));
	EXPECT_EQ(-1, read(self->fd, &completion, sizeof(completion) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, read(self->fd, &completion, 0));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, set_nonblocking(self->fd));
	EXPECT_EQ(-1, read(self->fd, &completion, sizeof(completion)));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(job, unreadable_stays)
{
	void *nowhere = guarded_pages(1) + sysconf(_SC_PAGESIZE);
	struct provcard_completion completion;

	ASSERT_EQ(0, submit(self->fd, self->out[0], 7, 0));
	ASSERT_EQ(POLLIN, polled(self->fd));
	EXPECT_EQ(-1, read(self->fd, nowhere, sizeof(completion)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(POLLIN, polled(self->fd));
	ASSERT_EQ(sizeof(completion), read(self->fd, &completion, sizeof(completion)));
	EXPECT_EQ(7, completion.user_data);
}

/* Submit, retrying while every slot is in use, and read what has come. */
static int submit_patiently(FIXTURE_DATA(job) *self, unsigned int index, bool *seen)
{
	struct provcard_completion completion;
	int ret;

	while ((ret = submit(self->fd, self->out[index], index, index % 2)) == -EAGAIN) {
		if (read(self->fd, &completion, sizeof(completion)) != sizeof(completion))
			return -EIO;
		if (completion.user_data >= COMMANDS || seen[completion.user_data] ||
		    completion.error || completion.status)
			return -EPROTO;
		seen[completion.user_data] = true;
	}
	return ret;
}

/* Each completes once, however many there are and in whatever order. */
TEST_F(job, many_in_flight)
{
	struct provcard_completion completions[8];
	bool seen[COMMANDS] = {};
	unsigned int left = COMMANDS;

	for (unsigned int i = 0; i < COMMANDS; i++)
		ASSERT_EQ(0, submit_patiently(self, i, seen));
	for (unsigned int i = 0; i < COMMANDS; i++)
		left -= seen[i];
	while (left) {
		ssize_t bytes = read(self->fd, completions, sizeof(completions));

		ASSERT_GT(bytes, 0);
		ASSERT_EQ(0, bytes % sizeof(completions[0]));
		for (size_t i = 0; i < bytes / sizeof(completions[0]); i++, left--) {
			ASSERT_LT(completions[i].user_data, COMMANDS);
			ASSERT_FALSE(seen[completions[i].user_data]);
			seen[completions[i].user_data] = true;
			EXPECT_EQ(0, completions[i].error);
		}
	}
	for (unsigned int i = 0; i < COMMANDS; i++)
		EXPECT_NE(0, self->out[i][OP_STATUS_SERIAL]);
	ASSERT_EQ(0, set_nonblocking(self->fd));
	EXPECT_EQ(-1, read(self->fd, completions, sizeof(completions)));
	EXPECT_EQ(EAGAIN, errno);
}

/* Who never reads cannot fill the kernel's memory. */
TEST_F(job, unread_are_bounded)
{
	struct provcard_completion completion;
	struct pollfd wait = { .fd = self->fd, .events = POLLIN };
	unsigned int accepted = 0, tries;

	for (tries = 0; tries < 100000 && accepted < 5000; tries++) {
		int ret = submit(self->fd, self->out[0], accepted, 1);

		accepted += !ret;
		if (ret == -EAGAIN)
			poll(NULL, 0, 1);
		if (ret == -EAGAIN && accepted >= 1024)
			break;
		ASSERT_TRUE(!ret || ret == -EAGAIN);
	}
	EXPECT_EQ(1024, accepted);
	ASSERT_EQ(1, poll(&wait, 1, 5000));
	ASSERT_EQ(sizeof(completion), read(self->fd, &completion, sizeof(completion)));
	EXPECT_EQ(0, submit(self->fd, self->out[0], 0, 1));
}

/* The memory may go before the card is done with it: it is the card's until then. */
TEST_F(job, close_in_flight)
{
	for (int round = 0; round < 20; round++) {
		char *pages = guarded_pages(4);
		int other = job_create(self->card, O_CLOEXEC);

		ASSERT_GE(other, 0);
		for (unsigned int i = 0; i < 20; i++)
			submit(other, pages + i * OP_STATUS_SIZE, i, i % 2);
		munmap(pages, 4 * sysconf(_SC_PAGESIZE));
		close(other);
	}
	EXPECT_EQ(0, submit_when_room(self->fd, self->out[0], 0, 0));
	EXPECT_EQ(POLLIN, polled(self->fd));
}

TEST_F(job, killed_in_flight)
{
	for (int round = 0; round < 10; round++) {
		pid_t child = fork();

		ASSERT_GE(child, 0);
		if (!child) {
			int other = job_create(self->card, O_CLOEXEC);

			for (unsigned int i = 0;; i++) {
				submit(other, self->out[i % COMMANDS], i, i % 2);
				submit(self->fd, self->out[i % COMMANDS], i, i % 2);
			}
		}
		usleep(20000);
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, NULL, 0));
	}
	EXPECT_EQ(POLLIN, polled(self->fd));
}

/* The job lives as long as anyone has the descriptor. */
TEST_F(job, passed_to_another)
{
	struct provcard_completion completion;
	int copy = dup(self->fd);
	int status;
	pid_t child;

	ASSERT_GE(copy, 0);
	close(self->fd);
	self->fd = copy;
	child = fork();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(submit(copy, self->out[0], 42, 0) ? 1 : 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(sizeof(completion), read(copy, &completion, sizeof(completion)));
	EXPECT_EQ(42, completion.user_data);
}

/* The card's descriptor may be closed before the job's. */
TEST_F(job, outlives_card_descriptor)
{
	close(self->card);
	EXPECT_EQ(0, submit(self->fd, self->out[0], 0, 0));
	EXPECT_EQ(POLLIN, polled(self->fd));
	self->card = open(device_path(), O_RDWR | O_CLOEXEC);
}

TEST_HARNESS_MAIN
