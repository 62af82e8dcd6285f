// SPDX-License-Identifier: GPL-2.0
/* The ioctls of a provcard as an ABI: sizes, tails, fields, addresses. */
#include <stddef.h>
#include <sys/resource.h>

#include "provcard_selftest.h"

/* Structures as raw bytes, with room for a tail this kernel does not know. */
union arguments {
	__u32 size;
	struct provcard_info info;
	struct provcard_command command;
	struct provcard_job_create job_create;
	struct provcard_cancel cancel;
	char bytes[512];
};

FIXTURE(card)
{
	int fd;
	int job;
	size_t page;
	struct provcard_info info;
	char out[4096];
};

FIXTURE_SETUP(card)
{
	self->fd = open(device_path(), O_RDWR | O_CLOEXEC);
	if (self->fd < 0)
		SKIP(return, "no card at %s", device_path());
	self->page = sysconf(_SC_PAGESIZE);
	self->info.size = sizeof(self->info);
	ASSERT_EQ(0, call(self->fd, PROVCARD_INFO, &self->info));
	self->job = job_create(self->fd, O_CLOEXEC);
	ASSERT_GE(self->job, 0);
}

FIXTURE_TEARDOWN(card)
{
	close(self->job);
	close(self->fd);
}

/* Every ioctl there is, as a variant: how to call it right. */
FIXTURE(structure)
{
	int card;
	int fd;
	char out[4096];
};

FIXTURE_VARIANT(structure)
{
	unsigned long number;
	size_t size;
	size_t least; /* of its first version, when it has grown */
	bool job;
	bool command;
	int accepted; /* what a call that is right returns */
};

FIXTURE_VARIANT_ADD(structure, info) {
	.number = PROVCARD_INFO, .size = sizeof(struct provcard_info),
	.least = offsetof(struct provcard_info, out_commands),
};

FIXTURE_VARIANT_ADD(structure, command) {
	.number = PROVCARD_COMMAND, .size = sizeof(struct provcard_command), .command = true,
};

FIXTURE_VARIANT_ADD(structure, job_create) {
	.number = PROVCARD_JOB_CREATE, .size = sizeof(struct provcard_job_create),
};

FIXTURE_VARIANT_ADD(structure, job_command) {
	.number = PROVCARD_COMMAND, .size = sizeof(struct provcard_command),
	.job = true, .command = true,
};

FIXTURE_VARIANT_ADD(structure, submit) {
	.number = PROVCARD_SUBMIT, .size = sizeof(struct provcard_command),
	.job = true, .command = true,
};

/* With nothing to cancel, as nothing is in flight, ENOENT says that the structure was taken. */
FIXTURE_VARIANT_ADD(structure, cancel) {
	.number = PROVCARD_CANCEL, .size = sizeof(struct provcard_cancel),
	.job = true, .accepted = -ENOENT,
};

FIXTURE_SETUP(structure)
{
	self->card = open(device_path(), O_RDWR | O_CLOEXEC);
	if (self->card < 0)
		SKIP(return, "no card at %s", device_path());
	self->fd = variant->job ? job_create(self->card, O_CLOEXEC) : self->card;
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(structure)
{
	if (self->fd != self->card)
		close(self->fd);
	close(self->card);
}

/* Call with @size in the size field and @tail in the byte behind the structure. */
static int structure_call(FIXTURE_DATA(structure) *self, const FIXTURE_VARIANT(structure) *variant,
			  __u32 size, char tail)
{
	union arguments arguments = {};
	int ret;

	if (variant->command)
		arguments.command = status_command(self->out, sizeof(self->out));
	arguments.size = size;
	arguments.bytes[variant->size] = tail;
	ret = call(self->fd, variant->number, &arguments);
	if (!ret && variant->number == PROVCARD_JOB_CREATE)
		close(arguments.job_create.out_fd);
	return ret;
}

TEST_F(structure, exact_size)
{
	EXPECT_EQ(variant->accepted, structure_call(self, variant, variant->size, 0));
}

TEST_F(structure, too_small)
{
	EXPECT_EQ(-EINVAL, structure_call(self, variant, 0, 0));
	EXPECT_EQ(-EINVAL, structure_call(self, variant, sizeof(__u32), 0));
	EXPECT_EQ(-EINVAL, structure_call(self, variant, (variant->least ?: variant->size) - 1, 0));
}

/* Callers that were built before the structure grew. */
TEST_F(structure, first_version)
{
	if (!variant->least)
		SKIP(return, "has not grown");
	EXPECT_EQ(0, structure_call(self, variant, variant->least, 0));
}

TEST_F(structure, unknown_tail)
{
	EXPECT_EQ(variant->accepted, structure_call(self, variant, variant->size + 1, 0));
	EXPECT_EQ(-E2BIG, structure_call(self, variant, variant->size + 1, 1));
	EXPECT_EQ(-E2BIG, structure_call(self, variant, 1u << 20, 0));
	EXPECT_EQ(-E2BIG, structure_call(self, variant, UINT32_MAX, 0));
}

/* At the end of a page all is well; one byte further nothing is read that is not there. */
TEST_F(structure, page_end)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *end = guarded_pages(1) + page;
	union arguments arguments = {};

	if (variant->command)
		arguments.command = status_command(self->out, sizeof(self->out));
	arguments.size = variant->size;
	memcpy(end - variant->size, &arguments, variant->size);
	EXPECT_EQ(variant->accepted, call(self->fd, variant->number, end - variant->size));
	memcpy(end - variant->size + 1, &arguments, variant->size - 1);
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, end - variant->size + 1));
	memcpy(end - sizeof(__u32), &arguments, sizeof(__u32));
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, end - sizeof(__u32)));
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, end));
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, NULL));
}

/* What cannot be answered must not happen either: no descriptor stays behind. */
TEST_F(structure, read_only)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *start = guarded_pages(1);
	union arguments arguments = {};
	int before = dup(0), after;

	if (variant->number == PROVCARD_SUBMIT || variant->accepted)
		SKIP(return, "writes nothing back");
	if (variant->command)
		arguments.command = status_command(self->out, sizeof(self->out));
	arguments.size = variant->size;
	memcpy(start, &arguments, sizeof(arguments));
	ASSERT_EQ(0, mprotect(start, page, PROT_READ));
	close(before);
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, start));
	after = dup(0);
	EXPECT_EQ(before, after);
	close(after);
}

TEST_F(card, information)
{
	EXPECT_TRUE(self->info.out_capabilities & PROVCARD_CAPABILITY_JOBS);
	EXPECT_GE(self->info.out_max_transfer, 4096);
	EXPECT_GE(self->info.out_queues, 1);
	EXPECT_GE(self->info.out_heads, 1);
	EXPECT_EQ(1, self->info.out_hif_version >> 16);
	EXPECT_NE(0, self->info.out_serial[0]);
	EXPECT_EQ(0, self->info.out_serial[sizeof(self->info.out_serial) - 1]);
	EXPECT_EQ(0, self->info.__reserved);
}

TEST_F(card, unknown_ioctl)
{
	union arguments arguments = { .size = sizeof(struct provcard_command) };

	EXPECT_EQ(-ENOTTY, call(self->fd, _IO(PROVCARD_IOCTL_TYPE, 0x7f), &arguments));
	EXPECT_EQ(-ENOTTY, call(self->fd, _IO('X', PROVCARD_CMD_INFO), &arguments));
	EXPECT_EQ(-ENOTTY, call(self->fd, _IOR(PROVCARD_IOCTL_TYPE, PROVCARD_CMD_INFO, int),
				&arguments));
	EXPECT_EQ(-ENOTTY, call(self->fd, PROVCARD_SUBMIT, &arguments));
	EXPECT_EQ(-ENOTTY, call(self->fd, PROVCARD_CANCEL, &arguments));
	EXPECT_EQ(-ENOTTY, call(self->fd, PROVCARD_URING_COMMAND, &arguments));
	EXPECT_EQ(-ENOTTY, call(self->job, PROVCARD_URING_COMMAND, &arguments));
	EXPECT_EQ(-ENOTTY, call(self->job, PROVCARD_JOB_CREATE, &arguments));
	EXPECT_EQ(-ENOTTY, call(self->job, PROVCARD_INFO, &arguments));
}

TEST_F(card, unknown_flags)
{
	struct provcard_info info = { .size = sizeof(info), .flags = 1 };
	struct provcard_job_create create = { .size = sizeof(create), .flags = O_APPEND };
	struct provcard_command command = status_command(self->out, sizeof(self->out));

	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, PROVCARD_INFO, &info));
	info.flags = 0;
	info.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, PROVCARD_INFO, &info));
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, PROVCARD_JOB_CREATE, &create));
	for (__u32 flag = PROVCARD_COMMAND_NOWAIT << 1; flag; flag <<= 1) {
		command.flags = flag;
		EXPECT_EQ(-EOPNOTSUPP, call(self->fd, PROVCARD_COMMAND, &command));
		EXPECT_EQ(-EOPNOTSUPP, call(self->job, PROVCARD_SUBMIT, &command));
	}
	command.flags = 0;
	command.__reserved = 0x80000000;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, PROVCARD_COMMAND, &command));
}

/* No transport command comes through: not one that makes queues, aborts others, or ends jobs. */
TEST_F(card, reserved_opcodes)
{
	struct provcard_command command = status_command(self->out, sizeof(self->out));

	for (command.opcode = 0; command.opcode < OP_STATUS; command.opcode++) {
		EXPECT_EQ(-EPERM, call(self->fd, PROVCARD_COMMAND, &command));
		EXPECT_EQ(-EPERM, call(self->job, PROVCARD_COMMAND, &command));
		EXPECT_EQ(-EPERM, call(self->job, PROVCARD_SUBMIT, &command));
	}
	command.opcode = 0x100 | OP_STATUS;
	EXPECT_EQ(-EINVAL, call(self->fd, PROVCARD_COMMAND, &command));
	command.opcode = 0x100;
	EXPECT_EQ(-EINVAL, call(self->fd, PROVCARD_COMMAND, &command));
}

TEST_F(card, every_queue)
{
	struct provcard_command command = status_command(self->out, sizeof(self->out));

	for (command.queue = 0; command.queue <= self->info.out_queues; command.queue++) {
		memset(self->out, 0, sizeof(self->out));
		ASSERT_EQ(0, call(self->fd, PROVCARD_COMMAND, &command));
		EXPECT_EQ(0, command.out_status);
		EXPECT_GE(command.out_length, OP_STATUS_SERIAL + 32);
		EXPECT_STREQ((char *)self->info.out_serial, self->out + OP_STATUS_SERIAL);
	}
	EXPECT_EQ(-EINVAL, call(self->fd, PROVCARD_COMMAND, &command));
	command.queue = UINT32_MAX;
	EXPECT_EQ(-EINVAL, call(self->fd, PROVCARD_COMMAND, &command));
}

/* The card's refusal is an answer, not an errno. */
TEST_F(card, refusal)
{
	struct provcard_command command = status_command(self->out, sizeof(self->out));

	command.opcode = OP_UNKNOWN;
	ASSERT_EQ(0, call(self->fd, PROVCARD_COMMAND, &command));
	EXPECT_EQ(STATUS_INVALID_OPCODE, command.out_status);
	EXPECT_EQ(0, command.out_length);
}

TEST_F(card, lengths)
{
	struct provcard_command command = status_command(self->out, sizeof(self->out));

	command.out_len = self->info.out_max_transfer + 1;
	EXPECT_EQ(-EINVAL, call(self->fd, PROVCARD_COMMAND, &command));
	command.out_len = UINT64_MAX;
	EXPECT_EQ(-EINVAL, call(self->fd, PROVCARD_COMMAND, &command));
	command.out_len = (1ull << 32) + 4096;
	EXPECT_EQ(-EINVAL, call(self->fd, PROVCARD_COMMAND, &command));
	command.out_len = sizeof(self->out);
	command.in_uptr = (uintptr_t)self->out;
	command.in_len = self->info.out_max_transfer + 1;
	EXPECT_EQ(-EINVAL, call(self->fd, PROVCARD_COMMAND, &command));
}

TEST_F(card, bad_addresses)
{
	char *pages = guarded_pages(2);
	const __u64 bad[] = {
		0, 1, (uintptr_t)pages + 2 * self->page, (uintptr_t)pages + 2 * self->page - 1,
		1ull << 47, 1ull << 63, UINT64_MAX, UINT64_MAX - 4095,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct provcard_command command = status_command(self->out, sizeof(self->out));

		command.out_uptr = bad[i];
		EXPECT_EQ(-EFAULT, call(self->fd, PROVCARD_COMMAND, &command));
		EXPECT_EQ(-EFAULT, call(self->job, PROVCARD_SUBMIT, &command));
		command.out_uptr = (uintptr_t)self->out;
		command.in_uptr = bad[i];
		command.in_len = 4096;
		EXPECT_EQ(-EFAULT, call(self->fd, PROVCARD_COMMAND, &command));
	}
}

/* The card must not be a way to write what the process itself may not write. */
TEST_F(card, read_only_memory)
{
	char *page = guarded_pages(1);
	struct provcard_command command = status_command(page, self->page);
	int file;

	memset(page, 0x55, self->page);
	ASSERT_EQ(0, mprotect(page, self->page, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->fd, PROVCARD_COMMAND, &command));
	EXPECT_EQ(0x55, page[OP_STATUS_SERIAL]);

	file = open("/proc/self/exe", O_RDONLY);
	ASSERT_GE(file, 0);
	page = mmap(NULL, self->page, PROT_READ, MAP_SHARED, file, 0);
	if (page != MAP_FAILED) {
		command.out_uptr = (uintptr_t)page;
		EXPECT_EQ(-EFAULT, call(self->fd, PROVCARD_COMMAND, &command));
	}
	close(file);
}

/* An answer lands where it should whatever the buffer's place, and nowhere else. */
TEST_F(card, placement)
{
	char *pages = guarded_pages(2);
	const size_t places[] = {
		0, 1, 7, self->page - OP_STATUS_SIZE, self->page - OP_STATUS_SERIAL - 3,
		self->page - 1, 2 * self->page - OP_STATUS_SIZE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *place = pages + places[i];
		struct provcard_command command = status_command(place, OP_STATUS_SIZE);

		memset(pages, 0xa5, 2 * self->page);
		ASSERT_EQ(0, call(self->fd, PROVCARD_COMMAND, &command));
		ASSERT_EQ(0, command.out_status);
		EXPECT_STREQ((char *)self->info.out_serial, place + OP_STATUS_SERIAL);
		for (char *byte = pages; byte < pages + 2 * self->page; byte++)
			if (byte < place || byte >= place + command.out_length)
				ASSERT_EQ((char)0xa5, *byte);
	}
}

/* Memory in one piece, which bounce buffers do not take at once: as much as a command moves. */
TEST_F(card, contiguous_memory)
{
	const size_t huge = 2u << 20;
	char *area = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
	char *start = (char *)(((uintptr_t)area + huge - 1) & ~(huge - 1));
	struct provcard_command command = status_command(start, self->info.out_max_transfer);

	ASSERT_NE(MAP_FAILED, area);
	ASSERT_LE(self->info.out_max_transfer, huge);
	madvise(start, huge, MADV_HUGEPAGE);
	memset(start, 0xa5, huge);
	ASSERT_EQ(0, call(self->fd, PROVCARD_COMMAND, &command));
	EXPECT_EQ(0, command.out_status);
	EXPECT_STREQ((char *)self->info.out_serial, start + OP_STATUS_SERIAL);
	EXPECT_EQ((char)0xa5, start[self->info.out_max_transfer - 1]);
	munmap(area, 2 * huge);
}

/* Pinned memory is charged to the user, and given back. */
TEST_F(card, locked_memory_limit)
{
	const struct rlimit none = { 0, 4 * self->page };
	const struct rlimit few = { 4 * self->page, 4 * self->page };
	struct provcard_command command = status_command(self->out, sizeof(self->out));

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &none));
	if (setresuid(65534, 65534, 65534))
		SKIP(return, "needs root to become nobody");
	EXPECT_EQ(-ENOMEM, call(self->fd, PROVCARD_COMMAND, &command));
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &few));
	for (int i = 0; i < 100; i++)
		ASSERT_EQ(0, call(self->fd, PROVCARD_COMMAND, &command));
}

/* The descriptor is an object of the kernel: another process may use it, and outlive its opener. */
TEST_F(card, second_open)
{
	struct provcard_command command = status_command(self->out, sizeof(self->out));
	int other = open(device_path(), O_RDWR | O_CLOEXEC);

	ASSERT_GE(other, 0);
	EXPECT_EQ(0, call(other, PROVCARD_COMMAND, &command));
	close(other);
	EXPECT_EQ(0, call(self->fd, PROVCARD_COMMAND, &command));
}

TEST_HARNESS_MAIN
