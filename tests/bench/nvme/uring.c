// SPDX-License-Identifier: GPL-2.0-or-later
/* Passthrough by io_uring, the same for both drivers. */
#include <errno.h>
#include <string.h>

#include <liburing.h>

#include "commands.h"

#define COMPLETIONS 64

/* What has ended. A command's own answer comes in res for NVMe, in the big entry for ours. */
static unsigned int reap(struct io_uring *ring)
{
	struct io_uring_cqe *entries[COMPLETIONS];
	unsigned int count = io_uring_peek_batch_cqe(ring, entries, COMPLETIONS);

	for (unsigned int i = 0; i < count; i++)
		if (entries[i]->res || (__u32)entries[i]->big_cqe[0]) {
			errno = entries[i]->res < 0 ? -entries[i]->res : EIO;
			fail("completion");
		}
	io_uring_cq_advance(ring, count);
	return count;
}

void uring_run(const struct load *load, void (*prepare)(struct io_uring_sqe *entry, const void *context), const void *context)
{
	unsigned long sent = 0, ended = 0;
	struct io_uring_sqe *entry;
	struct io_uring ring;

	errno = -io_uring_queue_init(load->depth, &ring, IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
	if (errno)
		fail("io_uring");
	while (ended < load->count) {
		for (; sent < load->count && sent - ended < load->depth; sent++) {
			entry = io_uring_get_sqe(&ring);
			if (!entry)
				fail("ring");
			memset(entry, 0, 2 * sizeof(*entry));
			entry->opcode = IORING_OP_URING_CMD;
			prepare(entry, context);
		}
		if (io_uring_submit_and_wait(&ring, 1) < 0)
			fail("submit");
		ended += reap(&ring);
	}
}
