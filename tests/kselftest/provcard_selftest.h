/* SPDX-License-Identifier: GPL-2.0 */
/* What the provcard selftests share. They leave the card as it was. */
#ifndef PROVCARD_SELFTEST_H
#define PROVCARD_SELFTEST_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/provcard.h>

#include "kselftest_harness.h"

/* Service commands that every card answers and that change nothing. */
#define OP_STATUS 0x40 /* out: a structure with the serial number at 40 */
#define OP_STATUS_SIZE 160
#define OP_STATUS_SERIAL 40
#define OP_HEAD_STATUS 0x45 /* result: how many heads */
#define OP_JOB_STATUS 0x63
#define OP_UNKNOWN 0xff

/* Two that a card made for tests, firmware "stubborn", works on until it is asked to stop. */
#define OP_HOLD 0xe0 /* until it is aborted */
#define OP_HOLD_UNTIL_RESET 0xe1

#define STATUS_INVALID_OPCODE 0x0001
#define STATUS_ABORTED 0x0005
#define STATUS_TOO_MANY_JOBS 0x0009

static inline const char *device_path(void)
{
	const char *path = getenv("PROVCARD_DEVICE");

	return path ? path : "/dev/provcard0";
}

/* 0 or -errno, like the kernel's own side of it. */
static inline int call(int fd, unsigned long number, void *argument)
{
	return ioctl(fd, number, argument) ? -errno : 0;
}

static inline struct provcard_command status_command(void *out, size_t size)
{
	return (struct provcard_command){
		.size = sizeof(struct provcard_command),
		.opcode = OP_STATUS,
		.out_uptr = (uintptr_t)out,
		.out_len = size,
	};
}

static inline struct provcard_command held_command(__u64 user_data, __u32 queue)
{
	return (struct provcard_command){
		.size = sizeof(struct provcard_command),
		.opcode = OP_HOLD,
		.queue = queue,
		.user_data = user_data,
	};
}

static inline bool card_holds(int card)
{
	struct provcard_info info = { .size = sizeof(info) };

	return !call(card, PROVCARD_INFO, &info) && !strcmp((char *)info.out_firmware, "stubborn");
}

static inline int job_create(int card, unsigned int flags)
{
	struct provcard_job_create create = { .size = sizeof(create), .flags = flags };
	int ret = call(card, PROVCARD_JOB_CREATE, &create);

	return ret ? ret : create.out_status ? -(int)create.out_status : create.out_fd;
}

/* @pages readable and writable pages with one behind them that is neither. */
static inline char *guarded_pages(unsigned int pages)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *start = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED || mprotect(start + pages * page, page, PROT_NONE))
		abort();
	return start;
}

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Of the whole machine. */
static inline long pinned_pages(void)
{
	long acquired = 0, released = 0, value;
	char name[64];
	FILE *file;

	write_file("/proc/sys/vm/stat_refresh", "1"); /* sums up what each CPU has counted */
	file = fopen("/proc/vmstat", "r");
	while (file && fscanf(file, "%63s %ld", name, &value) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			acquired = value;
		if (!strcmp(name, "nr_foll_pin_released"))
			released = value;
	}
	if (file)
		fclose(file);
	return acquired - released;
}

#endif
