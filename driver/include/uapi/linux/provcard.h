/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_PROVCARD_H
#define _UAPI_LINUX_PROVCARD_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: General ioctl format
 *
 * A card is a character device, a job on it a descriptor that PROVCARD_JOB_CREATE returns. Every
 * structure begins with its size as user space knows it. A shorter structure than the kernel's is
 * filled up with zeroes; a longer one is accepted when the bytes that the kernel does not know are
 * zero. The size is not part of an ioctl's number, so structures can grow. Fields named out_* are
 * written by the kernel, and only when it returns 0; the others are read. All lengths are bytes.
 * Pointers are carried in __aligned_u64, so 32-bit callers use the same layout.
 *
 * There is no version to compare: a new ioctl is ENOTTY on an older kernel, a new flag EOPNOTSUPP,
 * and PROVCARD_INFO has a bit for each ability.
 *
 * errno has one meaning each; what the card itself answers is never an errno but in out_status,
 * or in a completion's status:
 *
 *  - ENOTTY: unknown ioctl, or one for the other kind of descriptor
 *  - E2BIG: a non-zero byte beyond what the kernel knows
 *  - EOPNOTSUPP: a known field holds a value this kernel or this card does not support
 *  - EINVAL: a field is malformed, or a read buffer too small for one completion
 *  - EFAULT: an address cannot be read, written or pinned
 *  - EPERM: the command is reserved to the driver
 *  - EACCES: the command is not among those of the node that the descriptor comes from
 *  - ENODEV: the card is gone; the descriptor is an orphan, close it
 *  - EIO: the card broke the host interface or is dead, or a reset has ended the job
 *  - ETIMEDOUT: the command ran out of time and was aborted
 *  - ECANCELED: the command was cancelled by PROVCARD_CANCEL, or its ring went away
 *  - ENOENT: PROVCARD_CANCEL: no such command is in flight
 *  - EINTR: a signal came before the command was sent
 *  - EAGAIN: it would have to wait, and may not: O_NONBLOCK, PROVCARD_COMMAND_NOWAIT
 *  - ENOMEM: no memory, or the pinned pages exceed RLIMIT_MEMLOCK
 *  - EMFILE, ENFILE: no descriptor left in the process, in the system
 */

#define PROVCARD_IOCTL_TYPE 0xBC

enum {
	PROVCARD_CMD_INFO = 0,
	PROVCARD_CMD_COMMAND = 1,
	PROVCARD_CMD_JOB_CREATE = 2,
	PROVCARD_CMD_SUBMIT = 3,
	PROVCARD_CMD_CANCEL = 4,
	PROVCARD_CMD_URING_COMMAND = 0x20,
};

/* There are jobs, and completions can be read from their descriptors. */
#define PROVCARD_CAPABILITY_JOBS (1u << 0)
/*
 * PROVCARD_CANCEL; PROVCARD_COMMAND_NOWAIT; PROVCARD_SUBMIT waits for room, POLLOUT tells of it;
 * PROVCARD_JOB_CREATE takes O_NONBLOCK.
 */
#define PROVCARD_CAPABILITY_CANCEL (1u << 1)
/* PROVCARD_URING_COMMAND. */
#define PROVCARD_CAPABILITY_URING (1u << 2)
/* The descriptor comes from a node with a mask: not every command may be sent through it. */
#define PROVCARD_CAPABILITY_RESTRICTED (1u << 4)

/**
 * struct provcard_info - ioctl(PROVCARD_INFO)
 * @size: sizeof(struct provcard_info)
 * @flags: Must be 0
 * @out_capabilities: PROVCARD_CAPABILITY_* bits
 * @out_max_transfer: largest in or out buffer of one command
 * @out_hif_version: host interface version of the card: major << 16 | minor << 8
 * @out_queues: I/O queues; valid values of a command's queue field are 0 to this
 * @out_heads: programming heads of the card
 * @__reserved: Must be 0
 * @out_serial: serial number, zero terminated
 * @out_firmware: firmware version, zero terminated
 * @out_commands: what may be sent through this descriptor: bit n % 64 of word n / 64 is opcode n,
 *                opcode 0x10 stands for PROVCARD_JOB_CREATE. All of them but on a node with a mask,
 *                whose owner may change it at any time
 *
 * What the kernel knows of the card, as it was when the card was bound. The card is not asked.
 */
struct provcard_info {
	__u32 size;
	__u32 flags;
	__aligned_u64 out_capabilities;
	__aligned_u64 out_max_transfer;
	__u32 out_hif_version;
	__u32 out_queues;
	__u32 out_heads;
	__u32 __reserved;
	__u8 out_serial[36];
	__u8 out_firmware[36];
	__aligned_u64 out_commands[4];
};

#define PROVCARD_INFO _IO(PROVCARD_IOCTL_TYPE, PROVCARD_CMD_INFO)

/* provcard_command.flags: EAGAIN rather than wait for room, as if the descriptor were O_NONBLOCK */
#define PROVCARD_COMMAND_NOWAIT (1u << 0)

/**
 * struct provcard_command - ioctl(PROVCARD_COMMAND), ioctl(PROVCARD_SUBMIT)
 * @size: sizeof(struct provcard_command)
 * @flags: 0 or PROVCARD_COMMAND_NOWAIT
 * @opcode: service command, 0x40 to 0xff; the kernel does not interpret it
 * @queue: 0 the admin queue, 1 to provcard_info.out_queues an I/O queue
 * @in_uptr: what the card reads; pinned until the command ends, read in place by DMA
 * @in_len: 0 for none
 * @out_uptr: where the card may write, likewise
 * @out_len: 0 for none
 * @arg: per command
 * @user_data: the caller's name for the command: PROVCARD_CANCEL finds it by that, and a
 *             completion returns it
 * @timeout_ms: PROVCARD_COMMAND: 0 for the driver's default; PROVCARD_SUBMIT: 0 for none
 * @out_status: the card's answer: 0, or a code of the refusal table
 * @out_result: per command
 * @__reserved: Must be 0
 * @out_length: bytes written to @out_uptr, at most @out_len
 *
 * PROVCARD_COMMAND waits for the answer; on a job's descriptor the command carries the job.
 * PROVCARD_SUBMIT exists on a job's descriptor only and returns when the card has the command: the
 * buffers belong to the card until its completion can be read, and out_* fields are not written.
 */
struct provcard_command {
	__u32 size;
	__u32 flags;
	__u32 opcode;
	__u32 queue;
	__aligned_u64 in_uptr;
	__aligned_u64 in_len;
	__aligned_u64 out_uptr;
	__aligned_u64 out_len;
	__aligned_u64 arg[3];
	__aligned_u64 user_data;
	__u32 timeout_ms;
	__u32 out_status;
	__u32 out_result;
	__u32 __reserved;
	__aligned_u64 out_length;
};

#define PROVCARD_COMMAND _IO(PROVCARD_IOCTL_TYPE, PROVCARD_CMD_COMMAND)
#define PROVCARD_SUBMIT _IO(PROVCARD_IOCTL_TYPE, PROVCARD_CMD_SUBMIT)

/**
 * struct provcard_job_create - ioctl(PROVCARD_JOB_CREATE)
 * @size: sizeof(struct provcard_job_create)
 * @flags: O_CLOEXEC and O_NONBLOCK of the new descriptor
 * @out_fd: the job, -1 when the card refused
 * @out_status: the card's answer: 0, or a code of the refusal table
 *
 * On a card's descriptor only. Closing the last reference to the job stops its units and frees what
 * the card holds for it.
 */
struct provcard_job_create {
	__u32 size;
	__u32 flags;
	__s32 out_fd;
	__u32 out_status;
};

#define PROVCARD_JOB_CREATE _IO(PROVCARD_IOCTL_TYPE, PROVCARD_CMD_JOB_CREATE)

/* provcard_cancel.flags: every command of the job; user_data must be 0 */
#define PROVCARD_CANCEL_ALL (1u << 0)

/**
 * struct provcard_cancel - ioctl(PROVCARD_CANCEL)
 * @size: sizeof(struct provcard_cancel)
 * @flags: 0 or PROVCARD_CANCEL_ALL
 * @user_data: of the commands to cancel, all that have it
 * @out_commands: how many are being ended, those included that were cancelled before
 * @__reserved: Must be 0
 *
 * On a job's descriptor only. Asks the card to let go of commands of the job that are in flight,
 * however they were sent, and returns at once. Each still ends as it would have otherwise: with
 * ECANCELED when it did not come to its end, with the card's answer when it did. ENOENT when no
 * command in flight matches.
 */
struct provcard_cancel {
	__u32 size;
	__u32 flags;
	__aligned_u64 user_data;
	__u32 out_commands;
	__u32 __reserved;
};

#define PROVCARD_CANCEL _IO(PROVCARD_IOCTL_TYPE, PROVCARD_CMD_CANCEL)

/**
 * struct provcard_completion - what read() on a job's descriptor returns, whole entries only
 * @user_data: of the command
 * @status: 0, or a code of the refusal table
 * @result: per command
 * @length: bytes written to the command's out buffer
 * @error: 0, or a positive errno when the command did not come to its end: ECANCELED, ETIMEDOUT,
 *         EIO, ENODEV
 * @__reserved: 0
 *
 * poll() says POLLIN when one can be read, POLLOUT when PROVCARD_SUBMIT would not wait,
 * POLLHUP | POLLERR when nothing can be read and nothing will come.
 */
struct provcard_completion {
	__aligned_u64 user_data;
	__u32 status;
	__u32 result;
	__aligned_u64 length;
	__u32 error;
	__u32 __reserved;
};

/**
 * struct provcard_uring_command - io_uring's IORING_OP_URING_CMD, cmd_op PROVCARD_URING_COMMAND
 * @size: sizeof(struct provcard_uring_command)
 * @flags: as in struct provcard_command
 * @opcode: as in struct provcard_command
 * @queue: as in struct provcard_command
 * @in_uptr: as in struct provcard_command
 * @in_len: as in struct provcard_command
 * @out_uptr: as in struct provcard_command
 * @out_len: as in struct provcard_command
 * @arg: as in struct provcard_command
 * @timeout_ms: 0 for none
 * @__reserved: Must be 0
 *
 * It lies in the sqe's cmd field, so the ring must have been made with IORING_SETUP_SQE128 and
 * IORING_SETUP_CQE32. On a job's descriptor the command carries the job, and PROVCARD_CANCEL finds
 * it by the sqe's user_data.
 *
 * The cqe's res is the bytes written to @out_uptr, or a negative errno as a completion's error;
 * big_cqe[0] has the card's answer, for PROVCARD_URING_STATUS() and PROVCARD_URING_RESULT().
 */
struct provcard_uring_command {
	__u32 size;
	__u32 flags;
	__u32 opcode;
	__u32 queue;
	__aligned_u64 in_uptr;
	__aligned_u64 in_len;
	__aligned_u64 out_uptr;
	__aligned_u64 out_len;
	__aligned_u64 arg[3];
	__u32 timeout_ms;
	__u32 __reserved;
};

#define PROVCARD_URING_COMMAND _IO(PROVCARD_IOCTL_TYPE, PROVCARD_CMD_URING_COMMAND)
#define PROVCARD_URING_STATUS(big_cqe) ((__u32)(big_cqe))
#define PROVCARD_URING_RESULT(big_cqe) ((__u32)((big_cqe) >> 32))

#endif
