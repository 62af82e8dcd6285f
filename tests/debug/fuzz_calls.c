// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an input means: a list of calls. Each takes its arguments from the bytes that follow it; where there are none left they are
 * 0. Descriptors and buffers are shared by all threads, and buffers also change their protection, or vanish, while calls use them.
 * The structures lie in memory that stays, so that this program does not fault where only the kernel may.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/provcard.h>

#include "fuzz_calls.h"

#define PAGE 4096ul
#define SLOTS 16
#define BUFFER_PAGES 64
#define OP_STATUS 0x40
#define OP_STATUS_SIZE 160

struct stream {
	const struct fuzz_input *input;
	size_t at;
};

static const char *device_path;
static int slots[SLOTS];      /* 0 for none */
static char *structures;      /* two pages, then one that is not there */
static char *structures_only; /* the first of them again, not to be written */
static char *buffers;
static int mailbox[2]; /* descriptors on their way */
static int epoll;
static _Thread_local int faults;

static uint8_t take(struct stream *stream)
{
	return stream->at < stream->input->length ? stream->input->bytes[stream->at++] : 0;
}

static uint64_t take_word(struct stream *stream, unsigned int bytes)
{
	uint64_t word = 0;

	while (bytes--)
		word = word << 8 | take(stream);
	return word;
}

/* One time in four something odd. */
static uint64_t take_number(struct stream *stream, uint64_t usual)
{
	static const uint64_t odd[] = {
		0,
		1,
		2,
		7,
		63,
		64,
		255,
		256,
		4095,
		4096,
		4097,
		65536,
		1 << 20,
		(1 << 20) + 1,
		INT32_MAX,
		1ull << 31,
		UINT32_MAX,
		1ull << 32,
		(1ull << 32) + 4096,
		INT64_MAX,
		1ull << 63,
		UINT64_MAX - 4095,
		UINT64_MAX,
	};
	uint8_t choice = take(stream);

	if (choice < 192)
		return usual;
	if (choice < 250)
		return odd[choice % (sizeof(odd) / sizeof(*odd))];
	return take_word(stream, 8);
}

/* Where a buffer may begin: in pages of ours, at their ends, beyond them, in the kernel, nowhere. */
static uint64_t take_address(struct stream *stream)
{
	static const uint64_t odd[] = {
		0,
		1,
		PAGE - 1,
		PAGE + 8,
		1ull << 47,
		0x00007ffffffff000,
		1ull << 63,
		0xffff888000000000,
		0xffffc90000000000,
		0xffffffff81000000,
		0xffffffffa0000000,
		UINT64_MAX - 7,
	};
	uint8_t choice = take(stream);

	if (choice < 160)
		return (uintptr_t)buffers + take(stream) % BUFFER_PAGES * PAGE + (choice & 1 ? 0 : take_word(stream, 2) % PAGE);
	if (choice < 208)
		return (uintptr_t)buffers + (BUFFER_PAGES - take(stream) % 4) * PAGE - take(stream);
	if (choice < 224)
		return (uintptr_t)structures_only + take(stream);
	return odd[choice % (sizeof(odd) / sizeof(*odd))];
}

static uint64_t take_length(struct stream *stream)
{
	uint8_t choice = take(stream);

	if (choice < 64)
		return OP_STATUS_SIZE;
	if (choice < 192)
		return take_word(stream, 2) % (8 * PAGE);
	return take_number(stream, BUFFER_PAGES * PAGE);
}

static int take_slot(struct stream *stream)
{
	return __atomic_load_n(&slots[take(stream) % SLOTS], __ATOMIC_RELAXED);
}

/* What was in the slot before is closed: their number is bounded. */
static void put_slot(struct stream *stream, int fd)
{
	int before = fd < 0 ? 0 : __atomic_exchange_n(&slots[take(stream) % SLOTS], fd, __ATOMIC_RELAXED);

	if (before)
		close(before);
}

/* Copies the structure to where the kernel is to find it, when it is to be there at all. */
static void *place(struct stream *stream, const void *structure, size_t size)
{
	uint8_t choice = take(stream);
	char *end = structures + 2 * PAGE, *to;

	if (choice < 200)
		to = structures + choice * 8;
	else if (choice < 220)
		to = end - size + (choice & 1);
	else if (choice < 235)
		to = structures + PAGE - choice % 64;
	else if (choice < 245)
		return structures_only + choice;
	else
		return (void *)(uintptr_t)take_address(stream);
	memcpy(to, structure, to + size > end ? (size_t)(end - to) : size);
	return to;
}

static int call(struct stream *stream, unsigned long number, void *structure, size_t size)
{
	return ioctl(take_slot(stream), number, place(stream, structure, size));
}

static int do_open(struct stream *stream)
{
	static const int flags[] = { O_RDWR, O_RDWR | O_NONBLOCK, O_RDONLY, O_WRONLY, O_PATH, O_RDWR | O_ASYNC, O_RDWR | O_DIRECT };
	int fd = open(device_path, flags[take(stream) % (sizeof(flags) / sizeof(*flags))] | O_CLOEXEC);

	put_slot(stream, fd);
	return fd;
}

static int do_info(struct stream *stream)
{
	struct provcard_info info = { .flags = take_number(stream, 0) };

	info.size = take_number(stream, sizeof(info));
	info.__reserved = take_number(stream, 0);
	return call(stream, PROVCARD_INFO, &info, sizeof(info));
}

static int do_job_create(struct stream *stream)
{
	struct provcard_job_create create = { .flags = take_number(stream, O_CLOEXEC), .out_fd = -1 };
	struct provcard_job_create *at;
	int ret;

	create.size = take_number(stream, sizeof(create));
	at = place(stream, &create, sizeof(create));
	ret = ioctl(take_slot(stream), PROVCARD_JOB_CREATE, at);
	/* Another thread may have written there meanwhile: then the descriptor is lost until the end. */
	if (!ret && (char *)at >= structures && (char *)at < structures + 2 * PAGE)
		put_slot(stream, at->out_fd > 2 ? dup(at->out_fd) : -1);
	return ret;
}

static struct provcard_command take_command(struct stream *stream)
{
	uint8_t choice = take(stream);
	struct provcard_command command = {
		.size = take_number(stream, sizeof(command)),
		.opcode = choice < 128	 ? OP_STATUS
			  : choice < 192 ? 0xff
					 : take_number(stream, take(stream)),
		.queue = take_number(stream, take(stream) % 5),
		.out_uptr = take_address(stream),
		.out_len = take_length(stream),
		.user_data = choice,
		.timeout_ms = take_number(stream, 1000),
	};

	if (choice & 1) {
		command.in_uptr = take_address(stream);
		command.in_len = take_length(stream);
	}
	command.flags = take_number(stream, choice & 4 ? PROVCARD_COMMAND_NOWAIT : 0);
	command.__reserved = take_number(stream, 0);
	for (unsigned int i = 0; choice & 2 && i < 3; i++)
		command.arg[i] = take_number(stream, take(stream));
	return command;
}

static int do_command(struct stream *stream)
{
	struct provcard_command command = take_command(stream);

	return call(stream, PROVCARD_COMMAND, &command, sizeof(command));
}

static int do_submit(struct stream *stream)
{
	struct provcard_command command = take_command(stream);
	unsigned int count = 1 + take(stream) % 100;
	int ret = 0;

	while (count-- && !ret)
		ret = call(stream, PROVCARD_SUBMIT, &command, sizeof(command));
	return ret;
}

static int do_cancel(struct stream *stream)
{
	struct provcard_cancel cancel = { .flags = take_number(stream, take(stream) & PROVCARD_CANCEL_ALL) };

	cancel.size = take_number(stream, sizeof(cancel));
	cancel.user_data = cancel.flags ? take_number(stream, 0) : take(stream);
	cancel.__reserved = take_number(stream, 0);
	return call(stream, PROVCARD_CANCEL, &cancel, sizeof(cancel));
}

/* Numbers that mean nothing to this program, with words that look like a structure. */
static int do_ioctl(struct stream *stream)
{
	uint8_t choice = take(stream);
	unsigned long number = choice < 224 ? _IO(PROVCARD_IOCTL_TYPE, choice % 8) : take_word(stream, 4);
	uint32_t words[32];

	for (unsigned int i = 0; i < 32; i++)
		words[i] = take_number(stream, take(stream));
	words[0] = take_number(stream, 8 * (1 + take(stream) % 16));
	return call(stream, number, words, sizeof(words));
}

static int do_read(struct stream *stream)
{
	int fd = take_slot(stream);
	struct iovec parts[2] = {
		{ (void *)(uintptr_t)take_address(stream), take_length(stream) },
		{ (void *)(uintptr_t)take_address(stream), sizeof(struct provcard_completion) },
	};
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	/* Not to wait long where nothing is in flight. Another thread may be quicker; then a signal ends the wait. */
	if (poll(&ready, 1, 1) != 1)
		return -1;
	return take(stream) & 1 ? readv(fd, parts, 2) : read(fd, parts[0].iov_base, parts[0].iov_len);
}

static int do_other_io(struct stream *stream)
{
	int fd = take_slot(stream);
	void *address = (void *)(uintptr_t)take_address(stream);
	uint64_t length = take_length(stream);

	switch (take(stream) % 6) {
	case 0:
		return write(fd, address, length);
	case 1:
		return pread(fd, address, length, take_number(stream, 0));
	case 2:
		return pwrite(fd, address, length, take_number(stream, 0));
	case 3:
		return lseek(fd, take_number(stream, 0), take(stream) % 5);
	case 4:
		return fsync(fd);
	default:
		return ftruncate(fd, take_number(stream, 0));
	}
}

static int do_poll(struct stream *stream)
{
	struct pollfd ready[3];

	for (unsigned int i = 0; i < 3; i++)
		ready[i] = (struct pollfd){ .fd = take_slot(stream), .events = take(stream) };
	return poll(ready, 3, take(stream) % 4);
}

static int do_epoll(struct stream *stream)
{
	struct epoll_event event = { .events = EPOLLIN | (take(stream) & 1 ? EPOLLET : 0) };

	if (take(stream) & 1)
		return epoll_wait(epoll, &event, 1, 1);
	return epoll_ctl(epoll, take(stream) & 1 ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, take_slot(stream), &event);
}

static int do_map(struct stream *stream)
{
	int fd = take_slot(stream);
	uint64_t length = take_number(stream, PAGE), offset = take_number(stream, 0);
	void *area = mmap(NULL, length, take(stream) % 8, take(stream) & 1 ? MAP_SHARED : MAP_PRIVATE, fd, offset);

	return area == MAP_FAILED ? -1 : munmap(area, length);
}

static int do_dup(struct stream *stream)
{
	int fd = dup(take_slot(stream));

	put_slot(stream, fd);
	return fd;
}

static int do_close(struct stream *stream)
{
	int fd = __atomic_exchange_n(&slots[take(stream) % SLOTS], 0, __ATOMIC_RELAXED);

	return fd ? close(fd) : -1;
}

static int do_flags(struct stream *stream)
{
	int fd = take_slot(stream);

	switch (take(stream) % 4) {
	case 0:
		return fcntl(fd, F_SETFL, O_NONBLOCK);
	case 1:
		return fcntl(fd, F_SETFL, 0);
	case 2:
		return fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK);
	default:
		return fcntl(fd, F_SETOWN, getpid());
	}
}

/* Buffers that others use become unreadable, other memory, or shared with a child. */
static int do_memory(struct stream *stream)
{
	unsigned int first = take(stream) % BUFFER_PAGES;
	size_t size = (1 + take(stream) % 8) * PAGE;
	char *start = buffers + first * PAGE;
	const int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	if (size > (BUFFER_PAGES - first) * PAGE)
		size = (BUFFER_PAGES - first) * PAGE;
	switch (take(stream) % 6) {
	case 0:
		return mprotect(start, size, PROT_READ);
	case 1:
		return mprotect(start, size, PROT_NONE);
	case 2:
		return madvise(start, size, MADV_DONTNEED);
	case 3:
		return munmap(start, size);
	default:
		return mmap(start, size, PROT_READ | PROT_WRITE, fixed, -1, 0) == MAP_FAILED;
	}
}

/* A descriptor on its way in a message is open without being anybody's. */
static int do_send(struct stream *stream)
{
	int fd = take_slot(stream);
	char control[CMSG_SPACE(sizeof(fd))] = {};
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	if (take(stream) & 1) {
		if (recvmsg(mailbox[1], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0 || !(header = CMSG_FIRSTHDR(&message)))
			return -1;
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
		put_slot(stream, fd);
		return 0;
	}
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(mailbox[0], &message, MSG_DONTWAIT);
}

static void ignore(int number)
{
	(void)number;
}

/* A signal soon, to whichever thread. */
static int do_signal(struct stream *stream)
{
	const struct itimerval soon = { .it_value.tv_usec = 1 + take(stream) * 16 };

	return setitimer(ITIMER_REAL, &soon, NULL);
}

static int do_fault(struct stream *stream);
static int do_fork(struct stream *stream);

static const struct {
	const char *name;
	int (*run)(struct stream *stream);
	unsigned int weight; /* of 64 in all */
} calls[] = {
	{ "open", do_open, 3 },	      { "info", do_info, 1 },	  { "cancel", do_cancel, 3 }, { "job_create", do_job_create, 6 },
	{ "command", do_command, 8 }, { "submit", do_submit, 8 }, { "ioctl", do_ioctl, 4 },   { "read", do_read, 8 },
	{ "other", do_other_io, 1 },  { "poll", do_poll, 1 },	  { "epoll", do_epoll, 2 },   { "map", do_map, 1 },
	{ "dup", do_dup, 2 },	      { "close", do_close, 4 },	  { "flags", do_flags, 2 },   { "memory", do_memory, 3 },
	{ "send", do_send, 2 },	      { "signal", do_signal, 1 }, { "fault", do_fault, 3 },   { "fork", do_fork, 1 },
};

#define CALLS (sizeof(calls) / sizeof(*calls))
static unsigned long called[CALLS], succeeded[CALLS];

static void run_one(struct stream *stream, bool may_wait)
{
	unsigned int choice = take(stream) % 64, i = 0;

	while (choice >= calls[i].weight)
		choice -= calls[i++].weight;
	if (!may_wait && (calls[i].run == do_read || calls[i].run == do_fault || calls[i].run == do_fork))
		return;
	__atomic_add_fetch(&called[i], 1, __ATOMIC_RELAXED);
	if (calls[i].run(stream) >= 0)
		__atomic_add_fetch(&succeeded[i], 1, __ATOMIC_RELAXED);
}

/*
 * One of the allocations or copies of the next call fails. It must not be a copy of a signal's delivery, which would be this
 * program's end, so none comes meanwhile; and nothing that waits for what only a signal ends may be called.
 */
static int do_fault(struct stream *stream)
{
	char text[8];
	int length = snprintf(text, sizeof(text), "%u", 1 + take(stream) % 40);
	sigset_t all, before;

	if (!faults)
		faults = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (faults < 0)
		return -1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pwrite(faults, text, length, 0) == length)
		run_one(stream, false);
	while (pwrite(faults, "0", 1, 0) < 0)
		;
	return pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A child that has all descriptors does the next calls; it may be killed in the middle of one. */
static int do_fork(struct stream *stream)
{
	unsigned int count = 1 + take(stream) % 4;
	bool murder = take(stream) & 1;
	pid_t child = fork();

	if (!child) {
		alarm(20);
		signal(SIGALRM, SIG_DFL);
		while (count--)
			run_one(stream, true);
		_exit(0);
	}
	if (child < 0)
		return -1;
	if (murder)
		kill(child, SIGKILL);
	return waitpid(child, NULL, 0);
}

void fuzz_input_run(const struct fuzz_input *input)
{
	struct stream stream = { .input = input };

	while (stream.at < input->length)
		run_one(&stream, true);
}

void fuzz_calls_report(void)
{
	for (size_t i = 0; i < CALLS; i++)
		printf("call %s %lu %lu\n", calls[i].name, called[i], succeeded[i]);
}

static bool map_memory(void)
{
	int file = memfd_create("structures", MFD_CLOEXEC);
	const int rights = PROT_READ | PROT_WRITE;

	if (file < 0 || ftruncate(file, 2 * PAGE))
		return false;
	structures = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	buffers = mmap(NULL, (BUFFER_PAGES + 4) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	structures_only = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
	return structures != MAP_FAILED && buffers != MAP_FAILED && structures_only != MAP_FAILED &&
	       mmap(structures, 2 * PAGE, rights, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED &&
	       !mprotect(buffers, BUFFER_PAGES * PAGE, rights);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		perror(path);
	if (fd >= 0)
		close(fd);
}

bool fuzz_calls_open(const char *device)
{
	const struct sigaction action = { .sa_handler = ignore };

	device_path = device;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGIO, &action, NULL);
	sigaction(SIGPIPE, &action, NULL);
	write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_file("/sys/kernel/debug/failslab/verbose", "0");
	write_file("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	write_file("/sys/kernel/debug/fail_usercopy/verbose", "0");
	return epoll >= 0 && !socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, mailbox) && map_memory();
}

bool fuzz_card_answers(void)
{
	char out[512];
	struct provcard_command command = {
		.size = sizeof(command),
		.opcode = OP_STATUS,
		.out_uptr = (uintptr_t)out,
		.out_len = sizeof(out),
	};
	int fd = open(device_path, O_RDWR | O_CLOEXEC);
	bool answers = fd >= 0 && !ioctl(fd, PROVCARD_COMMAND, &command) && !command.out_status;

	if (fd >= 0)
		close(fd);
	return answers;
}
