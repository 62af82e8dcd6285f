// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * commands WAY DEPTH COUNT BYTES: send so many commands of so many bytes, so many in flight, and print how many seconds it took.
 *
 * WAY is provcard-ioctl or nvme-ioctl (one command after the other, each system call waits), provcard-submit (SUBMIT and read() on
 * a job), provcard-uring or nvme-uring (io_uring passthrough); provcard-hold leaves DEPTH commands in flight and waits to be
 * killed. A command without bytes is one that the card answers at once, beside NVMe's Flush; one with bytes the card takes and
 * leaves unread, beside NVMe's Write to a drive that does the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "commands.h"

#define HUGE_PAGE (2ul << 20)

static const struct {
	const char *name;
	void (*run)(const struct load *load);
} ways[] = {
	{ "provcard-ioctl", provcard_ioctl_run }, { "provcard-submit", provcard_submit_run },
	{ "provcard-uring", provcard_uring_run }, { "provcard-hold", provcard_hold_run },
	{ "nvme-ioctl", nvme_ioctl_run },	  { "nvme-uring", nvme_uring_run },
};

void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* In few pieces where the kernel has huge pages, and touched. */
static void *make_buffer(size_t bytes)
{
	char *map = mmap(NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *place = (char *)(((unsigned long)map + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);

	if (map == MAP_FAILED || bytes > HUGE_PAGE)
		fail("buffer");
	madvise(place, HUGE_PAGE, MADV_HUGEPAGE);
	memset(place, 0x5a, bytes);
	return place;
}

int main(int argc, char **argv)
{
	struct load load;
	double begun;
	size_t i;

	if (argc != 5)
		return 2;
	load.depth = (unsigned int)strtoul(argv[2], NULL, 10);
	load.count = strtoul(argv[3], NULL, 10);
	load.bytes = strtoul(argv[4], NULL, 10);
	load.buffer = make_buffer(load.bytes);
	for (i = 0; i < sizeof(ways) / sizeof(*ways) && strcmp(ways[i].name, argv[1]); i++)
		;
	if (i == sizeof(ways) / sizeof(*ways) || !load.depth || load.depth > load.count)
		return 2;
	begun = now();
	ways[i].run(&load);
	printf("%.6f\n", now() - begun);
	return 0;
}
