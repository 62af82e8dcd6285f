// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation and every copy to or from user space that an entry into the driver makes fails
 * once. Whatever failed, the entry says so, nothing of it stays behind and the card goes on
 * answering. That no memory is lost and nothing is touched twice is for kmemleak and KASAN to
 * see. Needs CONFIG_FAULT_INJECTION, and the kinds of it named in configure_faults() as far as
 * there are.
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>

#include "provcard_selftest.h"

#define FAULTS_MAX 5000
#define PAGES 5
#define DRIVER "/sys/bus/pci/drivers/provcard"

/* What an entry may say when memory or a copy was refused to it. */
static const int refusals[] = { 0, -ENOMEM, -EFAULT, -EAGAIN, -EMFILE };

FIXTURE(fail_nth)
{
	int faults; /* /proc/thread-self/fail-nth */
	int card;
	int job;
	int victim; /* what the entry opened or is to close, -1 for nothing */
	char *memory;
	size_t size;
	char function[64];
};

FIXTURE_VARIANT(fail_nth)
{
	int (*prepare)(FIXTURE_DATA(fail_nth) *self);
	int (*enter)(FIXTURE_DATA(fail_nth) *self);
	int (*clean)(FIXTURE_DATA(fail_nth) *self);
};

/* Faults hit what may sleep, too, and the smallest allocations; nothing is said of each. */
static void configure_faults(void)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	static const char *const settings[][2] = {
		{ "ignore-gfp-wait", "N" }, { "ignore-gfp-highmem", "N" }, { "cache-filter", "N" },
		{ "min-order", "0" }, { "verbose", "0" },
	};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (size_t j = 0; j < ARRAY_SIZE(settings); j++) {
			snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", kinds[i],
				 settings[j][0]);
			write_file(path, settings[j][1]);
		}
}

static void find_function(char *function, size_t size)
{
	const char *slash = strrchr(device_path(), '/');
	char path[128], target[256] = "";

	snprintf(path, sizeof(path), "/sys/class/provcard/%s/device", slash ? slash + 1 : "");
	if (readlink(path, target, sizeof(target) - 1) > 0)
		snprintf(function, size, "%s", strrchr(target, '/') + 1);
}

FIXTURE_SETUP(fail_nth)
{
	self->card = -1;
	self->job = -1;
	self->victim = -1;
	self->faults = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self->faults < 0)
		SKIP(return, "no fault injection in this kernel");
	configure_faults();
	self->card = open(device_path(), O_RDWR | O_CLOEXEC);
	if (self->card < 0)
		SKIP(return, "no card at %s", device_path());
	find_function(self->function, sizeof(self->function));
	self->job = job_create(self->card, O_CLOEXEC);
	ASSERT_GE(self->job, 0);
	self->size = PAGES * sysconf(_SC_PAGESIZE);
	self->memory = guarded_pages(PAGES);
	memset(self->memory, 0xa5, self->size);
}

FIXTURE_TEARDOWN(fail_nth)
{
	close(self->job);
	close(self->card);
	close(self->faults);
}

static int descriptors_open(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

/* A fault that is still to come may hit this very write. */
static void fault_set(struct __test_metadata *_metadata, int faults, unsigned int nth)
{
	ssize_t length, written = -1;
	char text[16];

	length = snprintf(text, sizeof(text), "%u", nth);
	for (int tries = 0; tries < 10 && written != length; tries++)
		written = pwrite(faults, text, length, 0);
	ASSERT_EQ(length, written);
}

/* The fault may hit this read; then it had not hit the entry. */
static bool fault_has_fired(struct __test_metadata *_metadata, int faults)
{
	char text[16];
	bool fired = pread(faults, text, sizeof(text), 0) > 0 && text[0] == '0';

	fault_set(_metadata, faults, 0);
	return fired;
}

static bool is_refusal(int ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (ret == refusals[i])
			return true;
	return false;
}

static struct provcard_command large_command(FIXTURE_DATA(fail_nth) *self)
{
	size_t half = self->size / 2;
	struct provcard_command command = status_command(self->memory + half, self->size - half);

	command.in_uptr = (uintptr_t)self->memory;
	command.in_len = half;
	command.queue = 1;
	return command;
}

static int enter_open(FIXTURE_DATA(fail_nth) *self)
{
	self->victim = open(device_path(), O_RDWR | O_CLOEXEC);
	return self->victim < 0 ? -errno : 0;
}

static int prepare_job(FIXTURE_DATA(fail_nth) *self)
{
	self->victim = job_create(self->card, O_CLOEXEC);
	return self->victim < 0 ? self->victim : 0;
}

static int enter_close(FIXTURE_DATA(fail_nth) *self)
{
	int fd = self->victim;

	self->victim = -1;
	return close(fd) ? -errno : 0;
}

static int enter_info(FIXTURE_DATA(fail_nth) *self)
{
	struct provcard_info info = { .size = sizeof(info) };

	return call(self->card, PROVCARD_INFO, &info);
}

static int enter_command(FIXTURE_DATA(fail_nth) *self)
{
	struct provcard_command command = large_command(self);

	return call(self->card, PROVCARD_COMMAND, &command);
}

static int enter_job_command(FIXTURE_DATA(fail_nth) *self)
{
	struct provcard_command command = large_command(self);

	return call(self->job, PROVCARD_COMMAND, &command);
}

static int enter_job_create(FIXTURE_DATA(fail_nth) *self)
{
	int fd = job_create(self->card, O_CLOEXEC);

	if (fd < 0)
		return fd;
	self->victim = fd;
	return 0;
}

static int clean_victim(FIXTURE_DATA(fail_nth) *self)
{
	if (self->victim >= 0)
		close(self->victim);
	self->victim = -1;
	return 0;
}

static int enter_submit(FIXTURE_DATA(fail_nth) *self)
{
	struct provcard_command command = large_command(self);
	int ret = call(self->job, PROVCARD_SUBMIT, &command);

	self->victim = ret ? -1 : self->job;
	return ret;
}

/* A submitted command completes, whatever fails afterwards. */
static int clean_completion(FIXTURE_DATA(fail_nth) *self)
{
	struct provcard_completion completion;
	int ret = 0;

	if (self->victim == self->job &&
	    read(self->job, &completion, sizeof(completion)) != sizeof(completion))
		ret = -EIO;
	self->victim = -1;
	return ret;
}

static int prepare_completion(FIXTURE_DATA(fail_nth) *self)
{
	int ret = enter_submit(self);
	struct pollfd wait = { .fd = self->job, .events = POLLIN };

	return ret ? ret : poll(&wait, 1, 60000) == 1 ? 0 : -EIO;
}

static int enter_read(FIXTURE_DATA(fail_nth) *self)
{
	struct provcard_completion completion;
	ssize_t bytes = read(self->job, &completion, sizeof(completion));

	if (bytes < 0)
		return -errno;
	self->victim = -1;
	return bytes == sizeof(completion) ? 0 : -EIO;
}

/* Its command may have ended before, so that there is none to cancel. */
static int enter_cancel(FIXTURE_DATA(fail_nth) *self)
{
	struct provcard_cancel cancel = { .size = sizeof(cancel), .flags = PROVCARD_CANCEL_ALL };
	int ret = call(self->job, PROVCARD_CANCEL, &cancel);

	return ret == -ENOENT ? 0 : ret;
}

static int enter_poll(FIXTURE_DATA(fail_nth) *self)
{
	struct pollfd wait = { .fd = self->job, .events = POLLIN };

	return poll(&wait, 1, 0) < 0 ? -errno : 0;
}

static int enter_map(FIXTURE_DATA(fail_nth) *self)
{
	void *area = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, self->card, 0);

	if (area != MAP_FAILED || errno == ENOMEM)
		return area != MAP_FAILED ? -EIO : -ENOMEM;
	return errno == ENODEV ? 0 : -errno;
}

FIXTURE_VARIANT_ADD(fail_nth, open) { .enter = enter_open, .clean = clean_victim };
FIXTURE_VARIANT_ADD(fail_nth, close) { .prepare = enter_open, .enter = enter_close };
FIXTURE_VARIANT_ADD(fail_nth, info) { .enter = enter_info };
FIXTURE_VARIANT_ADD(fail_nth, command) { .enter = enter_command };
FIXTURE_VARIANT_ADD(fail_nth, job_command) { .enter = enter_job_command };
FIXTURE_VARIANT_ADD(fail_nth, job_create) { .enter = enter_job_create, .clean = clean_victim };
FIXTURE_VARIANT_ADD(fail_nth, job_close) { .prepare = prepare_job, .enter = enter_close };
FIXTURE_VARIANT_ADD(fail_nth, submit) { .enter = enter_submit, .clean = clean_completion };
FIXTURE_VARIANT_ADD(fail_nth, read) {
	.prepare = prepare_completion, .enter = enter_read, .clean = clean_completion,
};

FIXTURE_VARIANT_ADD(fail_nth, cancel) {
	.prepare = enter_submit, .enter = enter_cancel, .clean = clean_completion,
};

FIXTURE_VARIANT_ADD(fail_nth, poll) { .enter = enter_poll };
FIXTURE_VARIANT_ADD(fail_nth, map) { .enter = enter_map };

/* The card is as it was: it answers, and no reset has voided the job. */
static void check_card(struct __test_metadata *_metadata, FIXTURE_DATA(fail_nth) *self,
		       unsigned int nth)
{
	struct provcard_command command = large_command(self);

	command.in_len = 0;
	ASSERT_EQ(0, call(self->job, PROVCARD_COMMAND, &command)) {
		TH_LOG("after fault %u", nth);
	}
	ASSERT_EQ(0, command.out_status);
}

TEST_F_TIMEOUT(fail_nth, sweep, 600)
{
	int before = descriptors_open();
	unsigned int nth, failed = 0;
	bool fired = true;

	for (nth = 1; fired && nth < FAULTS_MAX; nth++) {
		int ret;

		if (variant->prepare)
			ASSERT_EQ(0, variant->prepare(self));
		fault_set(_metadata, self->faults, nth);
		ret = variant->enter(self);
		fired = fault_has_fired(_metadata, self->faults);
		EXPECT_TRUE(is_refusal(ret)) {
			TH_LOG("fault %u: %d", nth, ret);
		}
		if (!fired)
			EXPECT_EQ(0, ret);
		failed += ret != 0;
		if (variant->clean)
			ASSERT_EQ(0, variant->clean(self));
		check_card(_metadata, self, nth);
		ASSERT_EQ(before, descriptors_open());
	}
	TH_LOG("%u faults, %u refusals", nth - 2, failed);
	EXPECT_FALSE(fired);
}

FIXTURE(fail_nth_bind)
{
	int faults;
	char function[64];
};

static bool is_bound(const char *function)
{
	char path[128];

	snprintf(path, sizeof(path), DRIVER "/%s", function);
	return !access(path, F_OK);
}

FIXTURE_SETUP(fail_nth_bind)
{
	self->faults = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self->faults < 0)
		SKIP(return, "no fault injection in this kernel");
	configure_faults();
	find_function(self->function, sizeof(self->function));
	if (geteuid() || !self->function[0] || !is_bound(self->function))
		SKIP(return, "needs root and a card on PCI");
}

FIXTURE_TEARDOWN(fail_nth_bind)
{
	close(self->faults);
}

/* Binds or unbinds with a fault, once for each there is; what was refused leaves nothing behind. */
static unsigned int sweep_binding(struct __test_metadata *_metadata,
				  FIXTURE_DATA(fail_nth_bind) *self,
				  const char *faulty, const char *sure, bool bound)
{
	unsigned int nth;
	bool fired = true;

	for (nth = 1; fired && nth < FAULTS_MAX; nth++) {
		int ret;

		if (is_bound(self->function) == bound)
			ASSERT_EQ(0, write_file(sure, self->function));
		ASSERT_NE(bound, is_bound(self->function));
		fault_set(_metadata, self->faults, nth);
		ret = write_file(faulty, self->function);
		fired = fault_has_fired(_metadata, self->faults);
		if (!fired)
			EXPECT_EQ(0, ret);
		if (!ret)
			EXPECT_EQ(bound, is_bound(self->function));
	}
	EXPECT_FALSE(fired);
	return nth - 2;
}

static void check_bound(struct __test_metadata *_metadata, FIXTURE_DATA(fail_nth_bind) *self)
{
	char out[512];
	struct provcard_command command = status_command(out, sizeof(out));
	int card;

	if (!is_bound(self->function))
		ASSERT_EQ(0, write_file(DRIVER "/bind", self->function));
	card = open(device_path(), O_RDWR | O_CLOEXEC);
	ASSERT_GE(card, 0);
	EXPECT_EQ(0, call(card, PROVCARD_COMMAND, &command));
	close(card);
}

TEST_F_TIMEOUT(fail_nth_bind, bind, 900)
{
	TH_LOG("%u faults",
	       sweep_binding(_metadata, self, DRIVER "/bind", DRIVER "/unbind", true));
	check_bound(_metadata, self);
}

TEST_F_TIMEOUT(fail_nth_bind, unbind, 900)
{
	TH_LOG("%u faults",
	       sweep_binding(_metadata, self, DRIVER "/unbind", DRIVER "/bind", false));
	check_bound(_metadata, self);
}

TEST_HARNESS_MAIN
