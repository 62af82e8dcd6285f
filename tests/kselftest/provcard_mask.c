// SPDX-License-Identifier: GPL-2.0
/* Nodes with a mask: what is not in it cannot be sent, by whatever way; needs root. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "provcard_selftest.h"

#define NODE "selftest"
#define OPCODE_JOB_CREATE 0x10

FIXTURE(mask)
{
	int fd;
	char out[OP_STATUS_SIZE];
};

static int write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static const char *card_name(void)
{
	const char *slash = strrchr(device_path(), '/');

	return slash ? slash + 1 : device_path();
}

/* "create" and "destroy" of the card's nodes. */
static int nodes(const char *attribute, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/class/provcard/%s/nodes/%s", card_name(), attribute);
	return write_to(path, name);
}

static int set_mask(const char *mask)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/class/provcard/%s-" NODE "/command_mask", card_name());
	return write_to(path, mask);
}

static int open_node(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s-%s", device_path(), name);
	return open(path, O_RDWR | O_CLOEXEC);
}

FIXTURE_SETUP(mask)
{
	if (access(device_path(), R_OK | W_OK))
		SKIP(return, "no card at %s", device_path());
	if (geteuid())
		SKIP(return, "needs root to make nodes");
	nodes("destroy", NODE);
	ASSERT_EQ(0, nodes("create", NODE));
	self->fd = open_node(NODE);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(mask)
{
	close(self->fd);
	nodes("destroy", NODE);
}

static int send_opcode(FIXTURE_DATA(mask) *self, int fd, unsigned long number, __u32 opcode)
{
	struct provcard_command command = status_command(self->out, sizeof(self->out));

	command.opcode = opcode;
	return call(fd, number, &command);
}

static int told(int fd, struct provcard_info *info)
{
	*info = (struct provcard_info){ .size = sizeof(*info) };
	return call(fd, PROVCARD_INFO, info);
}

TEST_F(mask, nothing_at_first)
{
	struct provcard_info info;

	for (__u32 opcode = OP_STATUS; opcode <= 0xff; opcode++)
		EXPECT_EQ(-EACCES, send_opcode(self, self->fd, PROVCARD_COMMAND, opcode));
	EXPECT_EQ(-EPERM, send_opcode(self, self->fd, PROVCARD_COMMAND, OP_STATUS - 1));
	EXPECT_EQ(-EACCES, job_create(self->fd, O_CLOEXEC));
	ASSERT_EQ(0, told(self->fd, &info));
	EXPECT_TRUE(info.out_capabilities & PROVCARD_CAPABILITY_RESTRICTED);
	for (size_t i = 0; i < ARRAY_SIZE(info.out_commands); i++)
		EXPECT_EQ(0, info.out_commands[i]);
	EXPECT_NE(0, info.out_serial[0]);
}

TEST_F(mask, only_what_it_holds)
{
	struct provcard_info info;

	ASSERT_EQ(0, set_mask("64"));
	EXPECT_EQ(0, send_opcode(self, self->fd, PROVCARD_COMMAND, OP_STATUS));
	EXPECT_EQ(-EACCES, send_opcode(self, self->fd, PROVCARD_COMMAND, OP_STATUS + 1));
	EXPECT_EQ(-EACCES, send_opcode(self, self->fd, PROVCARD_COMMAND, OP_UNKNOWN));
	EXPECT_EQ(-EACCES, job_create(self->fd, O_CLOEXEC));
	ASSERT_EQ(0, told(self->fd, &info));
	EXPECT_EQ(0, info.out_commands[0]);
	EXPECT_EQ(1, info.out_commands[1]);
	EXPECT_EQ(0, info.out_commands[2]);
	EXPECT_EQ(0, info.out_commands[3]);
	ASSERT_EQ(0, set_mask("\n"));
	EXPECT_EQ(-EACCES, send_opcode(self, self->fd, PROVCARD_COMMAND, OP_STATUS));
}

/* The bit of JOB_CREATE lets jobs be made; it is no way to send that transport command. */
TEST_F(mask, making_jobs)
{
	int job;

	ASSERT_EQ(0, set_mask("16"));
	EXPECT_EQ(-EPERM, send_opcode(self, self->fd, PROVCARD_COMMAND, OPCODE_JOB_CREATE));
	job = job_create(self->fd, O_CLOEXEC);
	ASSERT_GE(job, 0);
	EXPECT_EQ(-EACCES, send_opcode(self, job, PROVCARD_COMMAND, OP_STATUS));
	EXPECT_EQ(-EACCES, send_opcode(self, job, PROVCARD_SUBMIT, OP_STATUS));
	close(job);
}

/* A job is worth no more than its node, also later, also in another process without the node. */
TEST_F(mask, jobs_keep_it)
{
	struct provcard_completion completion;
	int job, status;
	pid_t child;

	ASSERT_EQ(0, set_mask("16,64"));
	job = job_create(self->fd, O_CLOEXEC);
	ASSERT_GE(job, 0);
	EXPECT_EQ(0, send_opcode(self, job, PROVCARD_COMMAND, OP_STATUS));
	EXPECT_EQ(-EACCES, send_opcode(self, job, PROVCARD_COMMAND, OP_JOB_STATUS));
	EXPECT_EQ(-EACCES, send_opcode(self, job, PROVCARD_SUBMIT, OP_JOB_STATUS));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		close(self->fd);
		_exit(send_opcode(self, job, PROVCARD_SUBMIT, OP_JOB_STATUS) == -EACCES &&
		      send_opcode(self, job, PROVCARD_COMMAND, OP_STATUS) == 0 ? 0 : 1);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);

	EXPECT_EQ(0, send_opcode(self, job, PROVCARD_SUBMIT, OP_STATUS));
	EXPECT_EQ(sizeof(completion), read(job, &completion, sizeof(completion)));
	ASSERT_EQ(0, set_mask("16"));
	EXPECT_EQ(-EACCES, send_opcode(self, job, PROVCARD_SUBMIT, OP_STATUS));
	ASSERT_EQ(0, set_mask("64-255"));
	EXPECT_EQ(0, send_opcode(self, job, PROVCARD_COMMAND, OP_JOB_STATUS));
	EXPECT_EQ(-EACCES, job_create(self->fd, O_CLOEXEC));
	close(job);
}

static void *read_until_error(void *argument)
{
	struct provcard_completion completion;
	int *fd = argument;

	*fd = read(*fd, &completion, sizeof(completion)) < 0 ? -errno : 0;
	return NULL;
}

/* Orphans of a destroyed node; who waits on one is told. The card's own node goes on. */
TEST_F(mask, destroyed_while_open)
{
	int card = open(device_path(), O_RDWR | O_CLOEXEC);
	struct pollfd poller = { .events = POLLIN };
	pthread_t thread;
	int job, waiter;

	ASSERT_GE(card, 0);
	ASSERT_EQ(0, set_mask("16,64"));
	job = job_create(self->fd, O_CLOEXEC);
	ASSERT_GE(job, 0);
	waiter = job;
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_until_error, &waiter));
	usleep(100000);
	ASSERT_EQ(0, nodes("destroy", NODE));
	pthread_join(thread, NULL);
	EXPECT_EQ(-ENODEV, waiter);
	poller.fd = job;
	EXPECT_EQ(1, poll(&poller, 1, 1000));
	EXPECT_EQ(POLLHUP | POLLERR, poller.revents);
	EXPECT_EQ(-ENODEV, send_opcode(self, job, PROVCARD_SUBMIT, OP_STATUS));
	EXPECT_EQ(-ENODEV, send_opcode(self, self->fd, PROVCARD_COMMAND, OP_STATUS));
	EXPECT_EQ(-ENODEV, job_create(self->fd, O_CLOEXEC));
	EXPECT_LT(open_node(NODE), 0);
	EXPECT_EQ(0, send_opcode(self, card, PROVCARD_COMMAND, OP_STATUS));

	/* A new node of the same name does not bring the old descriptors back. */
	ASSERT_EQ(0, nodes("create", NODE));
	ASSERT_EQ(0, set_mask("64"));
	EXPECT_EQ(-ENODEV, send_opcode(self, self->fd, PROVCARD_COMMAND, OP_STATUS));
	close(job);
	close(card);
}

TEST_F(mask, malformed)
{
	EXPECT_EQ(-EINVAL, set_mask("1"));
	EXPECT_EQ(-EINVAL, set_mask("63-64"));
	EXPECT_EQ(-EINVAL, set_mask("all"));
	EXPECT_EQ(-EINVAL, set_mask("status"));
	EXPECT_EQ(-ERANGE, set_mask("256"));
	EXPECT_EQ(-EACCES, send_opcode(self, self->fd, PROVCARD_COMMAND, OP_STATUS));
}

TEST_F(mask, names)
{
	EXPECT_EQ(-EEXIST, nodes("create", NODE));
	EXPECT_EQ(-EINVAL, nodes("create", "\n"));
	EXPECT_EQ(-EINVAL, nodes("create", "../dot"));
	EXPECT_EQ(-EINVAL, nodes("create", "a-b"));
	EXPECT_EQ(-EINVAL, nodes("create", "two\nlines"));
	EXPECT_EQ(-EINVAL, nodes("create", "sixteen_is_most17"));
	EXPECT_EQ(-ENOENT, nodes("destroy", "nobody"));
	ASSERT_EQ(0, nodes("create", "sixteen_is_most_\n"));
	EXPECT_EQ(0, nodes("destroy", "sixteen_is_most_"));
}

TEST_F(mask, not_without_end)
{
	char name[16];
	int made = 0;

	do
		snprintf(name, sizeof(name), "many%d", made);
	while (!nodes("create", name) && ++made < 1000);
	EXPECT_EQ(-ENOSPC, nodes("create", "one_more"));
	while (made--) {
		snprintf(name, sizeof(name), "many%d", made);
		EXPECT_EQ(0, nodes("destroy", name));
	}
}

/* Nobody but root gets a node that no rule has given away, or makes one. */
TEST_F(mask, belongs_to_root)
{
	char path[256];
	struct stat node;

	snprintf(path, sizeof(path), "%s-" NODE, device_path());
	ASSERT_EQ(0, stat(path, &node));
	EXPECT_EQ(0600, node.st_mode & 07777);
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	EXPECT_EQ(-EACCES, nodes("create", "mine"));
	EXPECT_EQ(-EACCES, set_mask("64"));
	EXPECT_LT(open_node(NODE), 0);
}

TEST_F(mask, card_is_unrestricted)
{
	int card = open(device_path(), O_RDWR | O_CLOEXEC);
	struct provcard_info info;

	ASSERT_GE(card, 0);
	ASSERT_EQ(0, told(card, &info));
	EXPECT_FALSE(info.out_capabilities & PROVCARD_CAPABILITY_RESTRICTED);
	EXPECT_EQ(1ull << OPCODE_JOB_CREATE, info.out_commands[0]);
	for (size_t i = 1; i < ARRAY_SIZE(info.out_commands); i++)
		EXPECT_EQ(UINT64_MAX, info.out_commands[i]);
	close(card);
}

TEST_HARNESS_MAIN
