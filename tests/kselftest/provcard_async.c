// SPDX-License-Identifier: GPL-2.0
/* Many commands from one thread: cancelling, waiting for room or not, what signals do, how completions are read. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "provcard_selftest.h"

#define COMMANDS_MAX 1024 /* of one job, in flight and unread */
#define SLOTS_MAX 256

FIXTURE(async)
{
	int card;
	int fd;
	bool holds;
	char out[OP_STATUS_SIZE];
};

FIXTURE_SETUP(async)
{
	self->card = open(device_path(), O_RDWR | O_CLOEXEC);
	if (self->card < 0)
		SKIP(return, "no card at %s", device_path());
	self->fd = job_create(self->card, O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
	self->holds = card_holds(self->card);
}

FIXTURE_TEARDOWN(async)
{
	close(self->fd);
	close(self->card);
}

#define NEEDS_HOLDING()                                                       \
	do {                                                                  \
		if (!self->holds)                                             \
			SKIP(return, "needs a card that holds commands");     \
	} while (0)

static int cancel(int job, __u64 user_data, __u32 flags)
{
	struct provcard_cancel cancel = { .size = sizeof(cancel), .flags = flags, .user_data = user_data };
	int ret = call(job, PROVCARD_CANCEL, &cancel);

	return ret ? ret : (int)cancel.out_commands;
}

static int submit_status(FIXTURE_DATA(async) *self, __u64 user_data)
{
	struct provcard_command command = status_command(self->out, sizeof(self->out));

	command.user_data = user_data;
	return call(self->fd, PROVCARD_SUBMIT, &command);
}

static int submit_held(int job, __u64 user_data, __u32 queue, __u32 flags)
{
	struct provcard_command command = held_command(user_data, queue);

	command.flags = flags;
	return call(job, PROVCARD_SUBMIT, &command);
}

/* Until every slot of queue 1 is taken; how many that were. */
static int fill(int job)
{
	int count = 0;

	while (count < SLOTS_MAX && !submit_held(job, count, 1, PROVCARD_COMMAND_NOWAIT))
		count++;
	return count;
}

static short polled(int fd, short events, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = events };

	return poll(&wait, 1, timeout_ms) < 0 ? -1 : wait.revents;
}

static struct provcard_completion next(int job)
{
	struct provcard_completion completion = { .error = UINT32_MAX };

	if (read(job, &completion, sizeof(completion)) != sizeof(completion))
		completion.error = UINT32_MAX;
	return completion;
}

TEST_F(async, capabilities)
{
	struct provcard_info info = { .size = sizeof(info) };

	ASSERT_EQ(0, call(self->card, PROVCARD_INFO, &info));
	EXPECT_TRUE(info.out_capabilities & PROVCARD_CAPABILITY_CANCEL);
}

TEST_F(async, cancel_fields)
{
	struct provcard_cancel cancel = { .size = sizeof(cancel), .flags = PROVCARD_CANCEL_ALL << 1 };

	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, PROVCARD_CANCEL, &cancel));
	cancel = (struct provcard_cancel){ .size = sizeof(cancel), .__reserved = 1 };
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, PROVCARD_CANCEL, &cancel));
	cancel = (struct provcard_cancel){ .size = sizeof(cancel), .flags = PROVCARD_CANCEL_ALL, .user_data = 1 };
	EXPECT_EQ(-EINVAL, call(self->fd, PROVCARD_CANCEL, &cancel));
	cancel = (struct provcard_cancel){ .size = sizeof(cancel), .out_commands = 7 };
	EXPECT_EQ(-ENOENT, call(self->fd, PROVCARD_CANCEL, &cancel));
	EXPECT_EQ(7, cancel.out_commands);
}

/* What has ended is not in flight, though nobody has read it yet. */
TEST_F(async, cancel_nothing)
{
	EXPECT_EQ(-ENOENT, cancel(self->fd, 0, 0));
	EXPECT_EQ(-ENOENT, cancel(self->fd, 0, PROVCARD_CANCEL_ALL));
	ASSERT_EQ(0, submit_status(self, 5));
	ASSERT_EQ(POLLIN, polled(self->fd, POLLIN, 20000));
	EXPECT_EQ(-ENOENT, cancel(self->fd, 5, 0));
	EXPECT_EQ(0, next(self->fd).error);
}

TEST_F(async, cancel_one)
{
	struct provcard_completion completion;

	NEEDS_HOLDING();
	ASSERT_EQ(0, submit_held(self->fd, 1, 1, 0));
	ASSERT_EQ(0, submit_held(self->fd, 2, 2, 0));
	EXPECT_EQ(-ENOENT, cancel(self->fd, 3, 0));
	EXPECT_EQ(1, cancel(self->fd, 1, 0));
	completion = next(self->fd);
	EXPECT_EQ(1, completion.user_data);
	EXPECT_EQ(ECANCELED, completion.error);
	EXPECT_EQ(STATUS_ABORTED, completion.status);
	EXPECT_EQ(-ENOENT, cancel(self->fd, 1, 0));
	EXPECT_EQ(0, polled(self->fd, POLLIN, 300));
	EXPECT_EQ(1, cancel(self->fd, 2, 0));
	EXPECT_EQ(2, next(self->fd).user_data);
}

/* All that have the name, wherever they are: on several queues, behind one another, as PROVCARD_COMMAND. */
static void *command_thread(void *argument)
{
	struct provcard_command command = held_command(9, 2);

	command.timeout_ms = 20000;
	return (void *)(intptr_t)call(*(int *)argument, PROVCARD_COMMAND, &command);
}

TEST_F(async, cancel_all_of_a_name)
{
	pthread_t thread;
	void *ret;

	NEEDS_HOLDING();
	for (unsigned int i = 0; i < 4; i++)
		ASSERT_EQ(0, submit_held(self->fd, 9, i % 2, 0));
	ASSERT_EQ(0, submit_held(self->fd, 10, 1, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, command_thread, &self->fd));
	usleep(300000);
	EXPECT_EQ(5, cancel(self->fd, 9, 0));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(-ECANCELED, (intptr_t)ret);
	for (unsigned int i = 0; i < 4; i++) {
		struct provcard_completion completion = next(self->fd);

		EXPECT_EQ(9, completion.user_data);
		EXPECT_EQ(ECANCELED, completion.error);
	}
	EXPECT_EQ(0, polled(self->fd, POLLIN, 100));
	EXPECT_EQ(1, cancel(self->fd, 0, PROVCARD_CANCEL_ALL));
	EXPECT_EQ(10, next(self->fd).user_data);
}

/* Another job's commands have the same names and are none of its business. */
TEST_F(async, cancel_own_only)
{
	int other = job_create(self->card, O_CLOEXEC);

	NEEDS_HOLDING();
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, submit_held(self->fd, 1, 1, 0));
	ASSERT_EQ(0, submit_held(other, 1, 1, 0));
	EXPECT_EQ(1, cancel(other, 0, PROVCARD_CANCEL_ALL));
	EXPECT_EQ(ECANCELED, next(other).error);
	EXPECT_EQ(0, polled(self->fd, POLLIN, 100));
	close(other);
}

/* Asking again changes nothing. A card that does not let go is reset in the end, and that is what they came to. */
TEST_F_TIMEOUT(async, cancel_again, 60)
{
	struct provcard_command command = held_command(1, 1);

	NEEDS_HOLDING();
	command.opcode = OP_HOLD_UNTIL_RESET;
	ASSERT_EQ(0, call(self->fd, PROVCARD_SUBMIT, &command));
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(1, cancel(self->fd, 1, 0));
		usleep(100000);
	}
	EXPECT_EQ(ECANCELED, next(self->fd).error);
	EXPECT_EQ(-ENOENT, cancel(self->fd, 1, 0));
	EXPECT_EQ(-1, read(self->fd, &command, sizeof(command)));
	EXPECT_EQ(EIO, errno);
}

/* Whoever comes first, each command completes once: with its answer, or cancelled. */
TEST_F(async, cancel_races_with_the_end)
{
	for (unsigned int i = 0; i < 300; i++) {
		struct provcard_completion completion;
		int ret;

		ASSERT_EQ(0, submit_status(self, i));
		if (i % 3)
			usleep(i);
		ret = cancel(self->fd, i, 0);
		ASSERT_TRUE(ret == 1 || ret == -ENOENT);
		completion = next(self->fd);
		ASSERT_EQ(i, completion.user_data);
		ASSERT_TRUE(!completion.error || completion.error == ECANCELED);
	}
	EXPECT_EQ(0, polled(self->fd, POLLIN, 0));
}

/* A submitter on a thread of its own, which tells how its ioctl ended. */
struct submitter {
	pthread_t thread;
	int job;
	int pipe[2];
};

static void *submitter_main(void *argument)
{
	struct submitter *submitter = argument;
	int ret = submit_held(submitter->job, 1000, 1, 0);

	if (write(submitter->pipe[1], &ret, sizeof(ret)) != sizeof(ret))
		abort();
	return NULL;
}

static int submitter_start(struct submitter *submitter, int job)
{
	submitter->job = job;
	return pipe(submitter->pipe) ? -errno : -pthread_create(&submitter->thread, NULL, submitter_main, submitter);
}

static bool submitter_waits(struct submitter *submitter)
{
	return !polled(submitter->pipe[0], POLLIN, 300);
}

static int submitter_join(struct submitter *submitter)
{
	int ret = -EIO;

	if (!polled(submitter->pipe[0], POLLIN, 20000) ||
	    read(submitter->pipe[0], &ret, sizeof(ret)) != sizeof(ret))
		return -ETIME;
	pthread_join(submitter->thread, NULL);
	close(submitter->pipe[0]);
	close(submitter->pipe[1]);
	return ret;
}

TEST_F(async, submit_waits_for_a_slot)
{
	struct submitter submitter;

	NEEDS_HOLDING();
	EXPECT_EQ(POLLOUT, polled(self->fd, POLLOUT, 0));
	ASSERT_GT(fill(self->fd), 0);
	EXPECT_EQ(0, polled(self->fd, POLLOUT, 100));
	ASSERT_EQ(0, submitter_start(&submitter, self->fd));
	EXPECT_TRUE(submitter_waits(&submitter));
	EXPECT_EQ(1, cancel(self->fd, 0, 0));
	EXPECT_EQ(0, submitter_join(&submitter));
	EXPECT_EQ(-EAGAIN, submit_held(self->fd, 2000, 1, PROVCARD_COMMAND_NOWAIT));
	EXPECT_EQ(0, polled(self->fd, POLLOUT, 100));
	EXPECT_EQ(1, cancel(self->fd, 1, 0));
	EXPECT_EQ(POLLOUT, polled(self->fd, POLLOUT, 20000));
	EXPECT_EQ(0, submit_held(self->fd, 2000, 1, PROVCARD_COMMAND_NOWAIT));
}

/* The end of the card's work on the job is the end of the wait. */
TEST_F_TIMEOUT(async, submit_wait_ends_with_the_job, 60)
{
	struct provcard_command command = held_command(1, 2);
	struct submitter submitter;

	NEEDS_HOLDING();
	ASSERT_GT(fill(self->fd), 0);
	ASSERT_EQ(0, submitter_start(&submitter, self->fd));
	EXPECT_TRUE(submitter_waits(&submitter));
	command.opcode = OP_HOLD_UNTIL_RESET;
	command.timeout_ms = 100;
	ASSERT_EQ(0, call(self->fd, PROVCARD_SUBMIT, &command));
	EXPECT_EQ(-EIO, submitter_join(&submitter));
}

/* Epoll takes its wait queues when the descriptor is added, before anyone was refused. */
TEST_F(async, epoll_tells_of_room)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	NEEDS_HOLDING();
	ASSERT_GE(epoll, 0);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, 0));
	ASSERT_GT(fill(self->fd), 0);
	while (epoll_wait(epoll, &event, 1, 100) > 0)
		;
	EXPECT_EQ(1, cancel(self->fd, 0, 0));
	ASSERT_EQ(1, epoll_wait(epoll, &event, 1, 20000));
	EXPECT_TRUE(event.events & EPOLLOUT);
	close(epoll);
}

TEST_F(async, submit_waits_for_readers)
{
	struct submitter submitter;

	for (unsigned int i = 0; i < COMMANDS_MAX; i++)
		ASSERT_EQ(0, submit_status(self, i));
	while (polled(self->fd, POLLOUT, 0))
		;
	ASSERT_EQ(0, submitter_start(&submitter, self->fd));
	EXPECT_TRUE(submitter_waits(&submitter));
	EXPECT_EQ(0, next(self->fd).error);
	EXPECT_EQ(0, submitter_join(&submitter));
	EXPECT_EQ(0, next(self->fd).error);
	EXPECT_EQ(POLLOUT, polled(self->fd, POLLOUT, 20000));
}

TEST_F(async, nonblocking)
{
	struct provcard_completion completion;
	int job = job_create(self->card, O_CLOEXEC | O_NONBLOCK);
	struct provcard_command command = held_command(0, 1);

	ASSERT_GE(job, 0);
	EXPECT_EQ(O_NONBLOCK, fcntl(job, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(FD_CLOEXEC, fcntl(job, F_GETFD));
	EXPECT_EQ(0, fcntl(self->fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(-1, read(job, &completion, sizeof(completion)));
	EXPECT_EQ(EAGAIN, errno);
	NEEDS_HOLDING();
	ASSERT_GT(fill(self->fd), 0);
	EXPECT_EQ(-EAGAIN, submit_held(job, 1, 1, 0));
	EXPECT_EQ(-EAGAIN, call(job, PROVCARD_COMMAND, &command));
	command.flags = PROVCARD_COMMAND_NOWAIT;
	EXPECT_EQ(-EAGAIN, call(self->card, PROVCARD_COMMAND, &command));
	command.flags = 0;
	ASSERT_EQ(0, fcntl(self->card, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, call(self->card, PROVCARD_COMMAND, &command));
	close(job);
}

static volatile sig_atomic_t signals;

static void note_signal(int signal)
{
	(void)signal;
	signals++;
}

static void alarm_in(int milliseconds, int flags)
{
	const struct sigaction action = { .sa_handler = note_signal, .sa_flags = flags };
	const struct itimerval time = { .it_value = { milliseconds / 1000, milliseconds % 1000 * 1000 } };

	signals = 0;
	sigaction(SIGVTALRM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &time, NULL);
}

/* The harness's own alarm bounds the test; ours ends before. */
TEST_F(async, signals)
{
	struct provcard_completion completion;
	struct provcard_command command = held_command(0, 1);

	alarm_in(200, 0);
	EXPECT_EQ(-1, read(self->fd, &completion, sizeof(completion)));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(1, signals);
	NEEDS_HOLDING();
	ASSERT_GT(fill(self->fd), 0);
	alarm_in(200, 0);
	EXPECT_EQ(-EINTR, submit_held(self->fd, 3000, 1, 0));
	alarm_in(200, 0);
	EXPECT_EQ(-EINTR, call(self->card, PROVCARD_COMMAND, &command));
	/* Nothing was sent. */
	EXPECT_EQ(-ENOENT, cancel(self->fd, 3000, 0));
}

/* A handler that restarts system calls goes unnoticed. */
TEST_F(async, signals_restart)
{
	struct submitter submitter;

	NEEDS_HOLDING();
	ASSERT_GT(fill(self->fd), 0);
	alarm_in(0, SA_RESTART); /* the handler alone */
	ASSERT_EQ(0, submitter_start(&submitter, self->fd));
	pthread_kill(submitter.thread, SIGVTALRM);
	EXPECT_TRUE(submitter_waits(&submitter));
	pthread_kill(submitter.thread, SIGVTALRM);
	EXPECT_TRUE(submitter_waits(&submitter));
	EXPECT_GE(signals, 2);
	EXPECT_EQ(1, cancel(self->fd, 0, 0));
	EXPECT_EQ(0, submitter_join(&submitter));
}

/* A command that the card has is not given up for a signal; it runs on and the call ends with its answer. */
TEST_F(async, signals_do_not_end_a_command)
{
	struct provcard_command command = held_command(0, 1);

	NEEDS_HOLDING();
	command.timeout_ms = 1000;
	alarm_in(100, 0);
	EXPECT_EQ(-ETIMEDOUT, call(self->card, PROVCARD_COMMAND, &command));
	EXPECT_EQ(1, signals);
}

/* Completions are read in the order in which commands ended. */
TEST_F(async, order)
{
	struct provcard_completion completions[8];

	for (unsigned int i = 0; i < ARRAY_SIZE(completions); i++) {
		ASSERT_EQ(0, submit_status(self, i));
		while (cancel(self->fd, i, 0) != -ENOENT)
			;
		usleep(20000);
	}
	ASSERT_EQ(sizeof(completions), read(self->fd, completions, sizeof(completions)));
	for (unsigned int i = 0; i < ARRAY_SIZE(completions); i++)
		EXPECT_EQ(i, completions[i].user_data);
}

/* Whole entries only, and no more than fit. */
TEST_F(async, small_buffers)
{
	struct provcard_completion completions[4];
	const size_t one = sizeof(completions[0]);

	for (unsigned int i = 0; i < 3; i++) {
		ASSERT_EQ(0, submit_status(self, i));
		usleep(50000);
	}
	EXPECT_EQ(one, read(self->fd, completions, 2 * one - 1));
	EXPECT_EQ(one, read(self->fd, completions, one));
	EXPECT_EQ(one, read(self->fd, completions, sizeof(completions)));
	EXPECT_EQ(0, polled(self->fd, POLLIN, 0));
	EXPECT_EQ(-1, pread(self->fd, completions, one, 0));
	EXPECT_EQ(ESPIPE, errno);
}

/* What cannot be written stays to be read, also in the middle. */
TEST_F(async, fault_in_the_middle)
{
	const size_t one = sizeof(struct provcard_completion);
	char *end = guarded_pages(1) + sysconf(_SC_PAGESIZE);
	struct provcard_completion *last = (void *)(end - one);

	for (unsigned int i = 0; i < 2; i++) {
		ASSERT_EQ(0, submit_status(self, i));
		usleep(100000);
	}
	EXPECT_EQ(one, read(self->fd, last, 2 * one));
	EXPECT_EQ(0, last->user_data);
	EXPECT_EQ(-1, read(self->fd, end - one + 1, one));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(one, read(self->fd, last, one));
	EXPECT_EQ(1, last->user_data);
}

TEST_HARNESS_MAIN
