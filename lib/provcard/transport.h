/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A way to a card: the kernel's device node, or a vfio-user socket straight to an emulated card (tests, no VM). The rest of the
 * library sees only this table. Functions return 0 or a negative errno with the meanings of the UAPI header; the card's own
 * answer is in the command's out_status.
 */
#ifndef PROVCARD_TRANSPORT_H
#define PROVCARD_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/provcard.h>

struct provcard_transport; /* one open card */
struct provcard_transport_job; /* one job of it */

struct provcard_transport_ops {
	int (*open)(const char *address, struct provcard_transport **transport);
	void (*close)(struct provcard_transport *transport); /* all its jobs are closed before */
	int (*info)(struct provcard_transport *transport, struct provcard_info *info);
	/* Send one command and wait; @job may be NULL. The pointers in @command are addresses of this process. */
	int (*command)(struct provcard_transport *transport, struct provcard_transport_job *job, struct provcard_command *command);
	int (*job_create)(struct provcard_transport *transport, struct provcard_transport_job **job);
	void (*job_close)(struct provcard_transport_job *job);
	/* Send and return; the buffers stay the card's until the completion was taken. -EAGAIN when every slot is in use. */
	int (*submit)(struct provcard_transport_job *job, const struct provcard_command *command);
	/* Take one completion; timeout_ms -1 waits, 0 polls; -EAGAIN when none came. */
	int (*reap)(struct provcard_transport_job *job, struct provcard_completion *completion, int timeout_ms);
	/* Have the card let go of submitted commands named @user_data, or of all; they end as usual. -ENOENT when none is in flight. */
	int (*cancel)(struct provcard_transport_job *job, uint64_t user_data, bool all);
	/* A descriptor that polls readable when reap would return one. */
	int (*job_fd)(struct provcard_transport_job *job);
};

extern const struct provcard_transport_ops provcard_transport_kernel; /* address: /dev/provcardN */
extern const struct provcard_transport_ops provcard_transport_vfio_user; /* address: path of the card's socket */

#endif
