// SPDX-License-Identifier: GPL-2.0
/* Commands by io_uring: answers, refusals, many at once, cancelling, and rings, processes and cards that go away meanwhile. */
#include <linux/io_uring.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "provcard_selftest.h"

#define ENTRIES 256
#define DEPTH 32
#define BIG (IORING_SETUP_SQE128 | IORING_SETUP_CQE32)

/* A ring by the system calls alone. Sizes of its entries follow from @flags. */
struct ring {
	int fd;
	__u32 flags;
	struct io_uring_params params;
	char *rings;
	char *entries;
	size_t rings_size, entries_size;
};

struct outcome {
	__u64 user_data;
	__s32 res;
	__u64 answer;
};

static int ring_open(struct ring *ring, __u32 flags)
{
	*ring = (struct ring){ .flags = flags, .params.flags = flags };
	ring->fd = syscall(__NR_io_uring_setup, ENTRIES, &ring->params);
	if (ring->fd < 0)
		return -errno;
	ring->rings_size = ring->params.cq_off.cqes +
			   ring->params.cq_entries * (sizeof(struct io_uring_cqe) << !!(flags & IORING_SETUP_CQE32));
	if (ring->rings_size < ring->params.sq_off.array + ring->params.sq_entries * sizeof(__u32))
		ring->rings_size = ring->params.sq_off.array + ring->params.sq_entries * sizeof(__u32);
	ring->entries_size = ring->params.sq_entries * (sizeof(struct io_uring_sqe) << !!(flags & IORING_SETUP_SQE128));
	ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
	ring->entries = mmap(NULL, ring->entries_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQES);
	return ring->rings == MAP_FAILED || ring->entries == MAP_FAILED ? -ENOMEM : 0;
}

static __u32 *ring_word(struct ring *ring, __u32 offset)
{
	return (__u32 *)(ring->rings + offset);
}

/* An entry for a command, put into the ring but not submitted. */
static struct provcard_uring_command *ring_add(struct ring *ring, int file, __u64 user_data)
{
	__u32 *tail = ring_word(ring, ring->params.sq_off.tail), mask = ring->params.sq_entries - 1, slot = *tail & mask;
	size_t size = sizeof(struct io_uring_sqe) << !!(ring->flags & IORING_SETUP_SQE128);
	struct io_uring_sqe *sqe = (struct io_uring_sqe *)(ring->entries + slot * size);
	struct provcard_uring_command *command = (void *)sqe->cmd;

	memset(sqe, 0, size);
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = file;
	sqe->cmd_op = PROVCARD_URING_COMMAND;
	sqe->user_data = user_data;
	ring_word(ring, ring->params.sq_off.array)[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	command->size = sizeof(*command);
	return command;
}

static struct io_uring_sqe *sqe_of(struct provcard_uring_command *command)
{
	return (struct io_uring_sqe *)((char *)command - offsetof(struct io_uring_sqe, cmd));
}

/* The one that was added last. */
static struct provcard_uring_command *last_command(struct ring *ring)
{
	__u32 slot = (*ring_word(ring, ring->params.sq_off.tail) - 1) & (ring->params.sq_entries - 1);

	return (void *)((struct io_uring_sqe *)(ring->entries + 2 * slot * sizeof(struct io_uring_sqe)))->cmd;
}

static void add_status(struct ring *ring, int file, __u64 user_data, void *out, __u32 queue)
{
	struct provcard_uring_command *command = ring_add(ring, file, user_data);

	command->opcode = OP_STATUS;
	command->queue = queue;
	command->out_uptr = (uintptr_t)out;
	command->out_len = OP_STATUS_SIZE;
}

static void add_held(struct ring *ring, int file, __u64 user_data, __u32 queue, void *out)
{
	struct provcard_uring_command *command = ring_add(ring, file, user_data);

	command->opcode = OP_HOLD;
	command->queue = queue;
	command->out_uptr = (uintptr_t)out;
	command->out_len = OP_STATUS_SIZE;
}

static int ring_enter(struct ring *ring, unsigned int submit, unsigned int wait)
{
	int ret = syscall(__NR_io_uring_enter, ring->fd, submit, wait, IORING_ENTER_GETEVENTS, NULL, 0);

	return ret < 0 ? -errno : ret;
}

/* False when none is there. */
static bool ring_take(struct ring *ring, struct outcome *outcome)
{
	__u32 *head = ring_word(ring, ring->params.cq_off.head), mask = ring->params.cq_entries - 1;
	size_t size = sizeof(struct io_uring_cqe) << !!(ring->flags & IORING_SETUP_CQE32);
	struct io_uring_cqe *cqe = (void *)(ring->rings + ring->params.cq_off.cqes + (*head & mask) * size);

	if (*head == __atomic_load_n(ring_word(ring, ring->params.cq_off.tail), __ATOMIC_ACQUIRE))
		return false;
	*outcome = (struct outcome){ cqe->user_data, cqe->res, ring->flags & IORING_SETUP_CQE32 ? cqe->big_cqe[0] : 0 };
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

static struct outcome ring_next(struct ring *ring)
{
	struct outcome outcome = { .res = -ETIME };

	if (!ring_take(ring, &outcome) && ring_enter(ring, 0, 1) >= 0)
		ring_take(ring, &outcome);
	return outcome;
}

/* Submit the one entry that was added, and wait for what becomes of it. */
static struct outcome ring_run(struct ring *ring)
{
	struct outcome outcome = { .res = -ETIME };

	return ring_enter(ring, 1, 1) == 1 && ring_take(ring, &outcome) ? outcome : (struct outcome){ .res = -ETIME };
}

/* Its memory keeps a ring as its descriptor does. */
static void ring_close(struct ring *ring)
{
	munmap(ring->rings, ring->rings_size);
	munmap(ring->entries, ring->entries_size);
	close(ring->fd);
}

FIXTURE(uring)
{
	int card;
	int job;
	bool holds;
	struct ring ring;
	char out[ENTRIES][OP_STATUS_SIZE];
};

FIXTURE_VARIANT(uring)
{
	__u32 flags;
};

FIXTURE_VARIANT_ADD(uring, plain) { .flags = BIG };
FIXTURE_VARIANT_ADD(uring, deferred) { .flags = BIG | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN };

FIXTURE_SETUP(uring)
{
	struct provcard_info info = { .size = sizeof(info) };
	int ret;

	self->card = open(device_path(), O_RDWR | O_CLOEXEC);
	if (self->card < 0)
		SKIP(return, "no card at %s", device_path());
	ASSERT_EQ(0, call(self->card, PROVCARD_INFO, &info));
	if (!(info.out_capabilities & PROVCARD_CAPABILITY_URING))
		SKIP(return, "no io_uring commands on this kernel");
	ret = ring_open(&self->ring, variant->flags);
	if (ret == -ENOSYS || ret == -EPERM)
		SKIP(return, "no io_uring here");
	ASSERT_EQ(0, ret);
	self->job = job_create(self->card, O_CLOEXEC);
	ASSERT_GE(self->job, 0);
	self->holds = card_holds(self->card);
}

FIXTURE_TEARDOWN(uring)
{
	ring_close(&self->ring);
	close(self->job);
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

/* What was abandoned has been let go of. */
static bool soon_unpinned(void)
{
	for (int i = 0; i < 200 && pinned_pages(); i++)
		usleep(100000);
	return !pinned_pages();
}

TEST_F(uring, answer)
{
	const int files[] = { self->card, self->job };

	for (unsigned int i = 0; i < ARRAY_SIZE(files); i++) {
		struct outcome outcome;

		memset(self->out[0], 0, OP_STATUS_SIZE);
		add_status(&self->ring, files[i], 0x1122334455667788, self->out[0], 1);
		outcome = ring_run(&self->ring);
		EXPECT_EQ(0x1122334455667788, outcome.user_data);
		if (!self->holds) {
			EXPECT_GE(outcome.res, OP_STATUS_SERIAL + 32);
			EXPECT_NE(0, self->out[0][OP_STATUS_SERIAL]);
		}
		EXPECT_EQ(0, PROVCARD_URING_STATUS(outcome.answer));
	}
}

/* Status and result of the card have halves of their own. */
TEST_F(uring, refusal_and_result)
{
	struct provcard_command same = { .size = sizeof(same), .opcode = OP_HEAD_STATUS };
	struct provcard_uring_command *command = ring_add(&self->ring, self->card, 0);
	struct outcome outcome;
	char heads[4096];

	same.out_uptr = (uintptr_t)heads;
	same.out_len = sizeof(heads);
	ASSERT_EQ(0, call(self->card, PROVCARD_COMMAND, &same));
	command->opcode = OP_HEAD_STATUS;
	command->out_uptr = (uintptr_t)heads;
	command->out_len = sizeof(heads);
	outcome = ring_run(&self->ring);
	EXPECT_EQ(same.out_length, outcome.res);
	EXPECT_EQ(same.out_result, PROVCARD_URING_RESULT(outcome.answer));
	EXPECT_EQ(same.out_status, PROVCARD_URING_STATUS(outcome.answer));

	same = (struct provcard_command){ .size = sizeof(same), .opcode = OP_UNKNOWN };
	ASSERT_EQ(0, call(self->card, PROVCARD_COMMAND, &same));
	ring_add(&self->ring, self->card, 0)->opcode = OP_UNKNOWN;
	outcome = ring_run(&self->ring);
	EXPECT_EQ(0, outcome.res);
	EXPECT_EQ(same.out_status, PROVCARD_URING_STATUS(outcome.answer));
}

/* On a job's descriptor the command carries the job. */
TEST_F(uring, carries_job)
{
	struct provcard_command same = { .size = sizeof(same), .opcode = OP_JOB_STATUS };
	char job[512];

	for (unsigned int i = 0; i < 2; i++) {
		int file = i ? self->job : self->card;
		struct provcard_uring_command *command = ring_add(&self->ring, file, 0);

		same.out_uptr = (uintptr_t)job;
		same.out_len = sizeof(job);
		command->out_uptr = same.out_uptr;
		command->out_len = same.out_len;
		command->opcode = OP_JOB_STATUS;
		ASSERT_EQ(0, call(file, PROVCARD_COMMAND, &same));
		EXPECT_EQ(same.out_status, PROVCARD_URING_STATUS(ring_run(&self->ring).answer));
	}
}

TEST_F(uring, fields)
{
	const size_t size = sizeof(struct provcard_uring_command);
	const __u32 sizes[] = { 0, size - 1, size + 1, UINT32_MAX };
	struct provcard_uring_command *command;

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		add_status(&self->ring, self->job, 0, self->out[0], 0);
		last_command(&self->ring)->size = sizes[i];
		EXPECT_EQ(sizes[i] < size ? -EINVAL : -E2BIG, ring_run(&self->ring).res);
	}
	ring_add(&self->ring, self->job, 0)->flags = PROVCARD_COMMAND_NOWAIT << 1;
	EXPECT_EQ(-EOPNOTSUPP, ring_run(&self->ring).res);
	ring_add(&self->ring, self->job, 0)->__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, ring_run(&self->ring).res);
	ring_add(&self->ring, self->job, 0)->opcode = OP_STATUS - 1;
	EXPECT_EQ(-EPERM, ring_run(&self->ring).res);
	ring_add(&self->ring, self->job, 0)->opcode = 0x100;
	EXPECT_EQ(-EINVAL, ring_run(&self->ring).res);
	command = ring_add(&self->ring, self->job, 0);
	command->opcode = OP_STATUS;
	command->queue = UINT32_MAX;
	EXPECT_EQ(-EINVAL, ring_run(&self->ring).res);
	add_status(&self->ring, self->job, 0, (void *)1, 0);
	EXPECT_EQ(-EFAULT, ring_run(&self->ring).res);
	command = ring_add(&self->ring, self->job, 0);
	sqe_of(command)->cmd_op = PROVCARD_COMMAND;
	EXPECT_EQ(-ENOTTY, ring_run(&self->ring).res);
}

/* There must be room for the command in the entry, and for the answer in its completion. */
TEST_F(uring, small_entries)
{
	const __u32 flags[] = { 0, IORING_SETUP_SQE128, IORING_SETUP_CQE32 };

	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		struct io_uring_sqe *sqe;
		struct ring small;

		ASSERT_EQ(0, ring_open(&small, flags[i]));
		sqe = (struct io_uring_sqe *)small.entries;
		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = IORING_OP_URING_CMD;
		sqe->fd = self->job;
		sqe->cmd_op = PROVCARD_URING_COMMAND;
		__atomic_store_n(ring_word(&small, small.params.sq_off.tail), 1, __ATOMIC_RELEASE);
		EXPECT_EQ(-EOPNOTSUPP, ring_run(&small).res);
		ring_close(&small);
	}
}

/* So many at a time, all the time; each completes once. */
TEST_F(uring, depth)
{
	unsigned int sent = 0, seen = 0, total = 1000;
	bool flying[DEPTH] = {};
	struct outcome outcome;

	while (seen < total) {
		unsigned int added = 0;

		for (unsigned int i = 0; i < DEPTH && sent < total; i++) {
			if (flying[i])
				continue;
			add_status(&self->ring, sent % 2 ? self->job : self->card, i, self->out[i], 1 + sent % 2);
			flying[i] = true;
			sent++;
			added++;
		}
		ASSERT_EQ(added, ring_enter(&self->ring, added, 1));
		while (ring_take(&self->ring, &outcome)) {
			ASSERT_LT(outcome.user_data, DEPTH);
			ASSERT_TRUE(flying[outcome.user_data]);
			ASSERT_GE(outcome.res, 0);
			flying[outcome.user_data] = false;
			seen++;
		}
	}
}

/* More than the queue has slots: io_uring waits for these, unless it is told not to. */
TEST_F(uring, more_than_slots)
{
	struct provcard_uring_command *command;
	unsigned int refused = 0;
	int cancelled;

	for (unsigned int i = 0; i < ENTRIES; i++)
		add_status(&self->ring, self->job, i, self->out[i], 1);
	ASSERT_EQ(ENTRIES, ring_enter(&self->ring, ENTRIES, ENTRIES));
	for (unsigned int i = 0; i < ENTRIES; i++)
		ASSERT_GE(ring_next(&self->ring).res, 0);
	NEEDS_HOLDING();
	for (unsigned int i = 0; i < 100; i++) {
		command = ring_add(&self->ring, self->job, i);
		command->opcode = OP_HOLD;
		command->queue = 1;
		command->flags = PROVCARD_COMMAND_NOWAIT;
	}
	ASSERT_EQ(100, ring_enter(&self->ring, 100, 10));
	usleep(300000);
	cancelled = cancel(self->job, 0, PROVCARD_CANCEL_ALL);
	for (unsigned int i = 0; i < 100; i++) {
		struct outcome outcome = ring_next(&self->ring);

		refused += outcome.res == -EAGAIN;
		cancelled -= outcome.res == -ECANCELED;
	}
	EXPECT_GE(refused, 10);
	EXPECT_EQ(0, cancelled);
}

TEST_F(uring, timeout)
{
	struct provcard_uring_command *command = ring_add(&self->ring, self->card, 0);

	NEEDS_HOLDING();
	command->opcode = OP_HOLD;
	command->timeout_ms = 100;
	EXPECT_EQ(-ETIMEDOUT, ring_run(&self->ring).res);
}

TEST_F(uring, cancel_by_name)
{
	struct outcome outcome;

	NEEDS_HOLDING();
	add_held(&self->ring, self->job, 41, 1, self->out[0]);
	add_held(&self->ring, self->job, 42, 2, self->out[1]);
	ASSERT_EQ(2, ring_enter(&self->ring, 2, 0));
	EXPECT_EQ(1, cancel(self->job, 42, 0));
	outcome = ring_next(&self->ring);
	EXPECT_EQ(42, outcome.user_data);
	EXPECT_EQ(-ECANCELED, outcome.res);
	EXPECT_EQ(STATUS_ABORTED, PROVCARD_URING_STATUS(outcome.answer));
	EXPECT_FALSE(ring_take(&self->ring, &outcome));
	EXPECT_EQ(1, cancel(self->job, 41, 0));
	EXPECT_EQ(41, ring_next(&self->ring).user_data);
}

/* A ring that is closed leaves nothing on the card, and no page pinned. */
TEST_F(uring, ring_goes_away)
{
	struct ring other;
	char *pages;

	NEEDS_HOLDING();
	ASSERT_EQ(0, ring_open(&other, variant->flags));
	pages = guarded_pages(2);
	for (unsigned int i = 0; i < 80; i++)
		add_held(&other, i % 2 ? self->job : self->card, i, 1 + i % 2, pages + i);
	ASSERT_EQ(80, ring_enter(&other, 80, 0));
	munmap(pages, 2 * sysconf(_SC_PAGESIZE));
	ring_close(&other);
	EXPECT_TRUE(soon_unpinned());
	add_status(&self->ring, self->card, 0, self->out[0], 1);
	EXPECT_GE(ring_run(&self->ring).res, 0);
}

/* The ring keeps the job: closing the descriptor does not end what is in flight. */
TEST_F(uring, job_closed_before_the_end)
{
	struct provcard_uring_command *command = ring_add(&self->ring, self->job, 7);
	struct outcome outcome;

	NEEDS_HOLDING();
	command->opcode = OP_HOLD;
	command->timeout_ms = 500;
	ASSERT_EQ(1, ring_enter(&self->ring, 1, 0));
	close(self->job);
	outcome = ring_next(&self->ring);
	EXPECT_EQ(7, outcome.user_data);
	EXPECT_EQ(-ETIMEDOUT, outcome.res);
	self->job = job_create(self->card, O_CLOEXEC);
	EXPECT_GE(self->job, 0);
}

TEST_F(uring, killed)
{
	NEEDS_HOLDING();
	for (int round = 0; round < 5; round++) {
		int ready[2];
		pid_t child;
		char byte;

		ASSERT_EQ(0, pipe(ready));
		child = fork();
		ASSERT_GE(child, 0);
		if (!child) {
			struct ring other;

			if (ring_open(&other, variant->flags))
				_exit(1);
			for (unsigned int i = 0; i < 100; i++)
				add_held(&other, i % 2 ? self->job : self->card, i, 1 + i % 2, self->out[i]);
			if (ring_enter(&other, 100, 0) != 100 || write(ready[1], "", 1) != 1)
				_exit(1);
			pause();
		}
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, NULL, 0));
		EXPECT_TRUE(soon_unpinned());
		close(ready[0]);
		close(ready[1]);
	}
}

/* A reset, of the card's or of its function, ends what is in flight; so does the driver's going. */
TEST_F(uring, unbind)
{
	const char *slash = strrchr(device_path(), '/');
	char path[128], target[256], *function;
	ssize_t length;
	int fd;

	NEEDS_HOLDING();
	snprintf(path, sizeof(path), "/sys/class/provcard/%s/device", slash ? slash + 1 : "");
	length = readlink(path, target, sizeof(target) - 1);
	fd = open("/sys/bus/pci/drivers/provcard/unbind", O_WRONLY | O_CLOEXEC);
	if (length < 0 || fd < 0)
		SKIP(return, "needs root and a card on PCI");
	target[length] = 0;
	function = strrchr(target, '/') + 1;
	for (unsigned int i = 0; i < 100; i++)
		add_held(&self->ring, i % 2 ? self->job : self->card, i, 1 + i % 2, self->out[i]);
	ASSERT_EQ(100, ring_enter(&self->ring, 100, 0));
	ASSERT_EQ(strlen(function), write(fd, function, strlen(function)));
	for (unsigned int i = 0; i < 100; i++)
		ASSERT_EQ(-ENODEV, ring_next(&self->ring).res);
	ring_add(&self->ring, self->card, 0)->opcode = OP_STATUS;
	EXPECT_EQ(-ENODEV, ring_run(&self->ring).res);
	close(fd);
	close(self->job);
	close(self->card);
	ring_close(&self->ring);
	fd = open("/sys/bus/pci/drivers/provcard/bind", O_WRONLY | O_CLOEXEC);
	EXPECT_EQ(strlen(function), write(fd, function, strlen(function)));
	close(fd);
	self->card = open(device_path(), O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->card, 0);
	self->job = job_create(self->card, O_CLOEXEC);
	EXPECT_GE(self->job, 0);
	ASSERT_EQ(0, ring_open(&self->ring, variant->flags));
}

/* A kernel thread may submit for us; the memory is ours all the same. */
TEST_F(uring, kernel_thread)
{
	struct ring polled;

	ASSERT_EQ(0, ring_open(&polled, BIG | IORING_SETUP_SQPOLL));
	for (unsigned int i = 0; i < 100; i++) {
		struct outcome outcome;

		add_status(&polled, self->job, i, self->out[0], i % 2);
		syscall(__NR_io_uring_enter, polled.fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, NULL, 0);
		ASSERT_TRUE(ring_take(&polled, &outcome));
		ASSERT_EQ(i, outcome.user_data);
		ASSERT_GE(outcome.res, 0);
	}
	ring_close(&polled);
}

TEST_HARNESS_MAIN
