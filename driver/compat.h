/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels this driver builds on: 6.1, 6.12 and newer. */
#ifndef PROVCARD_COMPAT_H
#define PROVCARD_COMPAT_H

#include <linux/version.h>

/* ff62b8e6588f ("driver core: make struct class.devnode() take a const *"), 6.2 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define provcard_devnode_const
#else
#define provcard_devnode_const const
#endif

/*
 * a066f906ba39 ("firmware_loader: Expand Firmware upload error codes with firmware invalid
 * error"), 6.8
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define PROVCARD_FW_UPLOAD_ERR_INVALID FW_UPLOAD_ERR_RW_ERROR
#else
#define PROVCARD_FW_UPLOAD_ERR_INVALID FW_UPLOAD_ERR_FW_INVALID
#endif

/* A kernel without the block layer has no plugs: every submission rings for itself. */
#ifndef CONFIG_BLOCK
struct blk_plug_cb {
	void *data;
};

static inline struct blk_plug_cb *
blk_check_plugged(void (*unplug)(struct blk_plug_cb *plug, bool from_schedule), void *data,
		  int size)
{
	return NULL;
}
#endif

/*
 * io_uring commands that their ring can cancel are of 6.7 (93b8cc60c37b, "io_uring: cancelable
 * uring_cmd"), their header of 6.8 (b66509b8497f, "io_uring: split out cmd api into a separate
 * header"); what is between the kernels built for was never run.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0) && IS_ENABLED(CONFIG_IO_URING)
#include <linux/io_uring/cmd.h>

#define PROVCARD_URING

/* 79525b51acc1 ("io_uring: fix nvme's 32b cqes on mixed cq"), 6.18 */
static inline void provcard_uring_done(struct io_uring_cmd *uring, s32 ret, u64 result,
				       unsigned int issue_flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	io_uring_cmd_done(uring, ret, result, issue_flags);
#else
	io_uring_cmd_done32(uring, ret, result, issue_flags);
#endif
}

/*
 * c33e779aba68 ("io_uring: add wrapper type for io_req_tw_func_t arg") and 20fb3d05a34b
 * ("io_uring/uring_cmd: avoid double indirect call in task work dispatch"), which brought the
 * macro that is asked for
 */
#ifdef IO_URING_CMD_TASK_WORK_ISSUE_FLAGS
#define PROVCARD_URING_TASK_WORK(name, complete)                                              \
	static void name(struct io_tw_req request, io_tw_token_t token)                       \
	{                                                                                     \
		complete(io_uring_cmd_from_tw(request), IO_URING_CMD_TASK_WORK_ISSUE_FLAGS);  \
	}
#else
#define PROVCARD_URING_TASK_WORK(name, complete)                                              \
	static void name(struct io_uring_cmd *uring, unsigned int issue_flags)                \
	{                                                                                     \
		complete(uring, issue_flags);                                                 \
	}
#endif
#endif

#endif
