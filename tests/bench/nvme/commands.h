/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One program shape for two drivers: @count commands, @depth of them in flight, by one thread. */
#ifndef PROVCARD_BENCH_COMMANDS_H
#define PROVCARD_BENCH_COMMANDS_H

#include <stddef.h>

struct load {
	unsigned int depth;
	unsigned long count;
	size_t bytes; /* that each command takes from memory; 0 for none */
	void *buffer; /* so many; all commands take the same */
};

_Noreturn void fail(const char *what);

/* provcard.c */
void provcard_ioctl_run(const struct load *load);
void provcard_submit_run(const struct load *load);
void provcard_uring_run(const struct load *load);
void provcard_hold_run(const struct load *load);

/* nvme.c */
void nvme_ioctl_run(const struct load *load);
void nvme_uring_run(const struct load *load);

/* uring.c: io_uring passthrough; @prepare makes one command in an entry of 128 bytes that is all zero */
struct io_uring_sqe;
void uring_run(const struct load *load, void (*prepare)(struct io_uring_sqe *entry, const void *context), const void *context);

#endif
