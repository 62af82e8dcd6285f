// SPDX-License-Identifier: GPL-2.0
/*
 * Removal and reset under load: who waits is woken, who holds a descriptor holds an orphan, no
 * page stays pinned.
 */
#include <glob.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "provcard_selftest.h"

#define OP_PACKAGE_WRITE 0x60
#define LOAD_SIZE 65536
#define THREADS 3

struct load {
	pthread_t thread;
	int fd;
	int ended; /* the errno that ended it */
	char buffer[LOAD_SIZE];
};

FIXTURE(removal)
{
	int card;
	int job;
	char function[64]; /* the card's PCI function, "0000:01:00.0" */
	struct load commands[THREADS];
	struct load submits;
};

static bool find_function(char *function, size_t size)
{
	const char *slash = strrchr(device_path(), '/');
	char path[128], target[256];
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/class/provcard/%s/device", slash ? slash + 1 : "");
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = 0;
	slash = strrchr(target, '/');
	return slash && (size_t)snprintf(function, size, "%s", slash + 1) < size;
}

/* The node of a function that was bound anew; another number while the old node is held open. */
static int open_function(const char *function)
{
	char pattern[128], node[64];
	glob_t found;
	int fd;

	snprintf(pattern, sizeof(pattern), "/sys/bus/pci/devices/%s/provcard/provcard*", function);
	if (glob(pattern, 0, NULL, &found))
		return -ENODEV;
	snprintf(node, sizeof(node), "/dev/%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	fd = open(node, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void *run_commands(void *argument)
{
	struct load *load = argument;

	do {
		struct provcard_command command = status_command(load->buffer, LOAD_SIZE);

		load->ended = -call(load->fd, PROVCARD_COMMAND, &command);
	} while (!load->ended);
	return NULL;
}

/* Keeps the queue full, so that commands are in flight whenever the card goes. */
static void *run_submits(void *argument)
{
	struct provcard_completion completion;
	struct load *load = argument;

	do {
		struct provcard_command command = {
			.size = sizeof(command),
			.flags = PROVCARD_COMMAND_NOWAIT,
			.opcode = OP_PACKAGE_WRITE,
			.queue = 1,
			.in_uptr = (uintptr_t)load->buffer,
			.in_len = LOAD_SIZE,
			.arg = { 0, LOAD_SIZE },
		};

		load->ended = -call(load->fd, PROVCARD_SUBMIT, &command);
		if (load->ended == EAGAIN && read(load->fd, &completion, sizeof(completion)) > 0)
			load->ended = 0;
	} while (!load->ended || load->ended == EAGAIN);
	return NULL;
}

static void load_start(FIXTURE_DATA(removal) *self)
{
	for (int i = 0; i < THREADS; i++) {
		self->commands[i].fd = self->card;
		pthread_create(&self->commands[i].thread, NULL, run_commands, &self->commands[i]);
	}
	self->submits.fd = self->job;
	pthread_create(&self->submits.thread, NULL, run_submits, &self->submits);
	usleep(300000);
}

FIXTURE_SETUP(removal)
{
	self->card = open(device_path(), O_RDWR | O_CLOEXEC);
	if (self->card < 0)
		SKIP(return, "no card at %s", device_path());
	if (geteuid() || !find_function(self->function, sizeof(self->function)))
		SKIP(return, "needs root and a card on PCI");
	self->job = job_create(self->card, O_CLOEXEC);
	ASSERT_GE(self->job, 0);
}

FIXTURE_TEARDOWN(removal)
{
	close(self->job);
	close(self->card);
	/* Under its old number, which is free now. */
	write_file("/sys/bus/pci/drivers/provcard/unbind", self->function);
	write_file("/sys/bus/pci/drivers/provcard/bind", self->function);
}

/* What a job says after its end: what is left to read, then an error. */
static int job_last_error(int job)
{
	struct provcard_completion completion;

	while (read(job, &completion, sizeof(completion)) == sizeof(completion))
		;
	return errno;
}

TEST_F(removal, unbind_under_load)
{
	struct provcard_info info = { .size = sizeof(info) };
	struct pollfd wait = { .fd = self->job, .events = POLLIN };
	int again;

	load_start(self);
	ASSERT_EQ(0, write_file("/sys/bus/pci/drivers/provcard/unbind", self->function));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(self->commands[i].thread, NULL);
		EXPECT_EQ(ENODEV, self->commands[i].ended);
	}
	pthread_join(self->submits.thread, NULL);
	EXPECT_EQ(ENODEV, self->submits.ended);
	EXPECT_EQ(ENODEV, job_last_error(self->job));
	EXPECT_EQ(1, poll(&wait, 1, 0));
	EXPECT_EQ(POLLHUP | POLLERR, wait.revents);
	EXPECT_EQ(-ENODEV, call(self->card, PROVCARD_INFO, &info));
	EXPECT_EQ(0, pinned_pages());

	ASSERT_EQ(0, write_file("/sys/bus/pci/drivers/provcard/bind", self->function));
	again = open_function(self->function);
	ASSERT_GE(again, 0);
	EXPECT_EQ(0, call(again, PROVCARD_INFO, &info));
	EXPECT_EQ(-ENODEV, call(self->card, PROVCARD_INFO, &info));
	close(again);
}

/* The PCI core resets the function: the card comes back at once, its jobs do not. */
TEST_F(removal, function_reset_under_load)
{
	struct pollfd wait = { .fd = self->job, .events = POLLIN };
	struct provcard_command command;
	char path[128], out[OP_STATUS_SIZE];
	int job;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", self->function);
	if (access(path, W_OK))
		SKIP(return, "the card cannot be reset alone");
	self->submits.fd = self->job;
	pthread_create(&self->submits.thread, NULL, run_submits, &self->submits);
	usleep(300000);
	ASSERT_EQ(0, write_file(path, "1"));
	pthread_join(self->submits.thread, NULL);
	EXPECT_EQ(EIO, self->submits.ended);
	EXPECT_EQ(EIO, job_last_error(self->job));
	EXPECT_EQ(1, poll(&wait, 1, 0));
	EXPECT_EQ(POLLHUP | POLLERR, wait.revents);

	job = job_create(self->card, O_CLOEXEC);
	ASSERT_GE(job, 0);
	command = status_command(out, sizeof(out));
	EXPECT_EQ(0, call(job, PROVCARD_COMMAND, &command));
	EXPECT_EQ(0, command.out_status);
	EXPECT_EQ(-EIO, call(self->job, PROVCARD_COMMAND, &command));
	close(job);
	EXPECT_EQ(0, pinned_pages());
}

/* A job alone keeps the module, without any descriptor of the card. */
TEST_F(removal, module_is_held)
{
	close(self->card);
	EXPECT_EQ(-1, syscall(SYS_delete_module, "provcard", O_NONBLOCK));
	EXPECT_TRUE(errno == EAGAIN || errno == ENOENT);
	self->card = open(device_path(), O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->card, 0);
}

TEST_HARNESS_MAIN
