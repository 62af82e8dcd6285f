// SPDX-License-Identifier: GPL-2.0
/* A job's descriptor in several hands: forked, passed over a socket, closed by another thread, left by exec and by death. */
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "provcard_selftest.h"

#define JOBS 8
#define NOBODY 65534

FIXTURE(share)
{
	int card;
	int fd;
	bool holds;
	char out[OP_STATUS_SIZE];
};

FIXTURE_SETUP(share)
{
	self->card = open(device_path(), O_RDWR | O_CLOEXEC);
	if (self->card < 0)
		SKIP(return, "no card at %s", device_path());
	self->fd = job_create(self->card, O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
	self->holds = card_holds(self->card);
}

FIXTURE_TEARDOWN(share)
{
	close(self->fd);
	close(self->card);
}

#define NEEDS_HOLDING()                                                       \
	do {                                                                  \
		if (!self->holds)                                             \
			SKIP(return, "needs a card that holds commands");     \
	} while (0)

static int submit_status(int job, void *out, __u64 user_data)
{
	struct provcard_command command = status_command(out, OP_STATUS_SIZE);

	command.user_data = user_data;
	return call(job, PROVCARD_SUBMIT, &command);
}

static int submit_held(int job, __u64 user_data, __u32 timeout_ms, void *out)
{
	struct provcard_command command = held_command(user_data, 1);

	command.timeout_ms = timeout_ms;
	command.out_uptr = (uintptr_t)out;
	command.out_len = OP_STATUS_SIZE;
	return call(job, PROVCARD_SUBMIT, &command);
}

static struct provcard_completion next(int job)
{
	struct provcard_completion completion;

	if (read(job, &completion, sizeof(completion)) != sizeof(completion))
		completion.error = UINT32_MAX;
	return completion;
}

static bool soon_unpinned(void)
{
	for (int i = 0; i < 200 && pinned_pages(); i++)
		usleep(100000);
	return !pinned_pages();
}

static int result_of(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int send_descriptor(int socket, int fd)
{
	char space[CMSG_SPACE(sizeof(fd))] = {}, byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fd)) };
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1 ? 0 : -errno;
}

static int receive_descriptor(int socket)
{
	char space[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space),
	};
	int fd;

	if (recvmsg(socket, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		return -EIO;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* Both hold the job: what one sends the other may read. The last one's end is the job's end. */
TEST_F(share, fork)
{
	pid_t child = fork();

	ASSERT_GE(child, 0);
	if (!child)
		_exit(submit_status(self->fd, self->out, 1) ? 1 : 0);
	EXPECT_EQ(0, result_of(child));
	EXPECT_EQ(1, next(self->fd).user_data);
	EXPECT_EQ(0, submit_status(self->fd, self->out, 2));
	EXPECT_EQ(2, next(self->fd).user_data);
}

TEST_F(share, fork_and_leave)
{
	int leave[2];
	pid_t child;
	char byte;

	NEEDS_HOLDING();
	ASSERT_EQ(0, pipe(leave));
	ASSERT_EQ(0, submit_held(self->fd, 1, 0, self->out));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		close(leave[1]);
		_exit(read(leave[0], &byte, 1) != 0);
	}
	close(leave[0]);
	close(self->fd);
	usleep(300000);
	EXPECT_NE(0, pinned_pages());
	close(leave[1]);
	EXPECT_EQ(0, result_of(child));
	EXPECT_TRUE(soon_unpinned());
	self->fd = job_create(self->card, O_CLOEXEC);
	EXPECT_GE(self->fd, 0);
}

/* Who gets it over a socket needs no right on the node, and works on after the sender has let go. */
static int receiver(int socket, struct rlimit limit)
{
	static char out[OP_STATUS_SIZE];
	int fd, ret;

	setrlimit(RLIMIT_MEMLOCK, &limit);
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return 10;
	if (open(device_path(), O_RDWR) >= 0 || errno != EACCES)
		return 11;
	fd = receive_descriptor(socket);
	if (fd < 0)
		return 12;
	ret = submit_status(fd, out, 77);
	if (ret)
		return ret == -ENOMEM ? 13 : 14;
	return next(fd).user_data == 77 ? 0 : 15;
}

static int pass_to_nobody(FIXTURE_DATA(share) *self, rlim_t locked, int before)
{
	int sockets[2];
	pid_t child;
	int ret;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		return -1;
	child = fork();
	if (!child) {
		close(self->fd);
		close(self->card);
		_exit(receiver(sockets[1], (struct rlimit){ locked, locked }));
	}
	ret = send_descriptor(sockets[0], self->fd);
	if (before)
		close(self->fd);
	close(sockets[0]);
	close(sockets[1]);
	return ret ? ret : result_of(child);
}

TEST_F(share, passed_over_a_socket)
{
	if (geteuid())
		SKIP(return, "needs root to become nobody");
	EXPECT_EQ(0, pass_to_nobody(self, 1 << 20, true));
	self->fd = job_create(self->card, O_CLOEXEC);
	EXPECT_GE(self->fd, 0);
}

/* Memory is charged to who submits, not to who opened. */
TEST_F(share, charged_to_the_submitter)
{
	if (geteuid())
		SKIP(return, "needs root to become nobody");
	EXPECT_EQ(13, pass_to_nobody(self, 0, false));
	EXPECT_EQ(0, pass_to_nobody(self, 1 << 20, false));
	EXPECT_EQ(0, submit_status(self->fd, self->out, 0));
	EXPECT_EQ(0, next(self->fd).error);
}

static void *reader_main(void *argument)
{
	return (void *)(uintptr_t)next(*(int *)argument).error;
}

/* Who is inside read() holds the job: it gets what comes, though the descriptor is closed meanwhile. */
TEST_F(share, closed_by_another_thread)
{
	pthread_t reader;
	int fd = self->fd;
	void *error;

	NEEDS_HOLDING();
	ASSERT_EQ(0, submit_held(fd, 1, 1000, self->out));
	ASSERT_EQ(0, pthread_create(&reader, NULL, reader_main, &fd));
	usleep(300000);
	EXPECT_EQ(0, close(self->fd));
	ASSERT_EQ(0, pthread_join(reader, &error));
	EXPECT_EQ(ETIMEDOUT, (uintptr_t)error);
	EXPECT_EQ(0, pinned_pages());
	self->fd = job_create(self->card, O_CLOEXEC);
	EXPECT_GE(self->fd, 0);
}

static void *commander_main(void *argument)
{
	struct provcard_command command = held_command(0, 1);

	command.timeout_ms = 1000;
	return (void *)(intptr_t)call(*(int *)argument, PROVCARD_COMMAND, &command);
}

TEST_F(share, closed_inside_a_command)
{
	pthread_t commander;
	int fd = self->fd;
	void *ret;

	NEEDS_HOLDING();
	ASSERT_EQ(0, pthread_create(&commander, NULL, commander_main, &fd));
	usleep(300000);
	EXPECT_EQ(0, close(self->fd));
	ASSERT_EQ(0, pthread_join(commander, &ret));
	EXPECT_EQ(-ETIMEDOUT, (intptr_t)ret);
	self->fd = job_create(self->card, O_CLOEXEC);
	EXPECT_GE(self->fd, 0);
}

/* Death inside read() or a command, with commands in flight: nothing stays pinned, no place on the card stays taken. */
TEST_F(share, killed_while_it_waits)
{
	NEEDS_HOLDING();
	for (int round = 0; round < 6; round++) {
		struct provcard_command command = held_command(0, 2);
		pid_t child = fork();

		ASSERT_GE(child, 0);
		if (!child) {
			int job = job_create(self->card, O_CLOEXEC);

			for (unsigned int i = 0; i < 20; i++)
				submit_held(job, i, 0, self->out);
			command.out_uptr = (uintptr_t)self->out;
			command.out_len = sizeof(self->out);
			if (round % 2)
				_exit(next(job).error);
			_exit(call(job, PROVCARD_COMMAND, &command));
		}
		usleep(300000);
		EXPECT_NE(0, pinned_pages());
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, NULL, 0));
		EXPECT_TRUE(soon_unpinned());
	}
}

/* What exec closes is closed as by close(): the jobs' commands end, and their places on the card are free again. */
TEST_F(share, exec)
{
	int jobs[JOBS];
	pid_t child = fork();
	int count = 0;

	ASSERT_GE(child, 0);
	if (!child) {
		while (count < JOBS && (jobs[count] = job_create(self->card, O_CLOEXEC)) >= 0)
			submit_held(jobs[count++], 0, 0, self->out);
		execl("/bin/sleep", "sleep", "60", NULL);
		_exit(1);
	}
	for (int tries = 0; tries < 300; tries++) {
		char path[64], name[16] = "";
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/comm", child);
		fd = open(path, O_RDONLY);
		if (fd >= 0 && read(fd, name, sizeof(name) - 1) > 0 && !strncmp(name, "sleep", 5))
			count = 1;
		close(fd);
		if (count)
			break;
		usleep(100000);
	}
	EXPECT_EQ(1, count);
	EXPECT_TRUE(soon_unpinned());
	for (count = 0; count < JOBS; count++) {
		jobs[count] = job_create(self->card, O_CLOEXEC);
		EXPECT_GE(jobs[count], 0);
	}
	while (count--)
		close(jobs[count]);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

TEST_HARNESS_MAIN
