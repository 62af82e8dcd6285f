/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_PROVCARD_H
#define _UAPI_LINUX_PROVCARD_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: General ioctl format
 *
 * Every structure begins with its size as user space knows it. A shorter structure than the
 * kernel's is filled up with zeroes; a longer one is accepted when the bytes that the kernel does
 * not know are zero. Fields named out_* are written by the kernel; the others are read. All
 * lengths are bytes. Pointers are carried in __aligned_u64, so 32-bit callers use the same
 * layout.
 *
 * errno has one meaning each; what the card itself answers is never an errno but in out_status:
 *
 *  - ENOTTY: unknown ioctl for this descriptor
 *  - E2BIG: a non-zero byte beyond what the kernel knows
 *  - EOPNOTSUPP: a known field holds a value this kernel or this card does not support
 *  - EINVAL: a field is malformed
 *  - EFAULT: an address cannot be read or written
 *  - EPERM: the command is reserved to the driver
 *  - EACCES: the command is not among those of the node that the descriptor comes from
 *  - ENODEV: the card is gone; the descriptor is an orphan, close it
 *  - EIO: the card broke the host interface, or is dead
 *  - ETIMEDOUT: the command ran out of time and was aborted
 *  - EINTR: a signal came before the command was sent
 *  - EAGAIN: nothing to read (non-blocking), or every slot is in use
 *  - ENOMEM, EMFILE: no memory, no descriptor
 */

#define PROVCARD_IOCTL_TYPE 0xBC

enum {
	PROVCARD_CMD_INFO = 0,
	PROVCARD_CMD_COMMAND = 1,
	PROVCARD_CMD_JOB_CREATE = 2,
	PROVCARD_CMD_SUBMIT = 3,
};

/**
 * struct provcard_info - what the kernel knows of the card; PROVCARD_INFO
 * @size: sizeof(struct provcard_info)
 * @flags: Must be 0
 * @out_capabilities: PROVCARD_CAP_* bits
 * @out_max_transfer: largest in or out buffer of one command
 * @out_hif_version: host interface version of the card: major << 16 | minor << 8
 * @out_queues: I/O queues; valid values of a command's queue field are 0 to this
 * @out_heads: programming heads of the card
 * @__reserved: 0
 * @out_serial: serial number, zero terminated
 * @out_firmware: firmware version, zero terminated
 * @out_commands: what may be sent through this descriptor: bit n % 64 of word n / 64 is opcode n,
 *                opcode 0x10 stands for PROVCARD_JOB_CREATE. All of them but on a node with a mask,
 *                whose owner may change it at any time
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

/* There are jobs, and completions can be read from their descriptors. */
#define PROVCARD_CAPABILITY_JOBS (1u << 0)
/* The descriptor comes from a node with a mask: not every command may be sent through it. */
#define PROVCARD_CAPABILITY_RESTRICTED (1u << 4)

/**
 * struct provcard_command - one command to the card; PROVCARD_COMMAND and PROVCARD_SUBMIT
 * @size: sizeof(struct provcard_command)
 * @flags: Must be 0
 * @opcode: service command, 0x40 to 0xff; the kernel does not interpret it
 * @queue: 0 the admin queue, 1 to provcard_info.out_queues an I/O queue
 * @in_uptr: what the card reads; pinned until the command ends, read in place by DMA
 * @in_len: 0 for none
 * @out_uptr: where the card may write, likewise
 * @out_len: 0 for none
 * @arg: per command
 * @user_data: PROVCARD_SUBMIT: returned in the completion
 * @timeout_ms: PROVCARD_COMMAND: 0 for the driver's default; PROVCARD_SUBMIT: 0 for none
 * @out_status: the card's answer: 0, or a code of the refusal table
 * @out_result: per command
 * @__reserved: Must be 0
 * @out_length: bytes written to @out_uptr
 *
 * PROVCARD_COMMAND waits for the answer; on a job's descriptor the command carries the job.
 * PROVCARD_SUBMIT exists on a job's descriptor only and returns when the command is queued: the
 * buffers belong to the card until its completion was read, the out_* fields stay 0.
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
 * struct provcard_job_create - make a job; PROVCARD_JOB_CREATE
 * @size: sizeof(struct provcard_job_create)
 * @flags: 0 or O_CLOEXEC
 * @out_fd: the job, -1 when the card refused. Closing the last reference stops its units and frees
 *          what the card holds for it
 * @out_status: the card's answer: 0, or a code of the refusal table
 */
struct provcard_job_create {
	__u32 size;
	__u32 flags;
	__s32 out_fd;
	__u32 out_status;
};

#define PROVCARD_JOB_CREATE _IO(PROVCARD_IOCTL_TYPE, PROVCARD_CMD_JOB_CREATE)

/**
 * struct provcard_completion - what read() on a job's descriptor returns, whole entries only
 * @user_data: of the command
 * @status: 0, or a code of the refusal table
 * @result: per command
 * @length: bytes written to the command's out buffer
 * @error: 0, or a positive errno when the card gave no answer (ENODEV, EIO, ETIMEDOUT)
 * @__reserved: 0
 *
 * poll() says POLLIN when one can be read, POLLHUP | POLLERR when the card is gone and none is
 * left.
 */
struct provcard_completion {
	__aligned_u64 user_data;
	__u32 status;
	__u32 result;
	__aligned_u64 length;
	__u32 error;
	__u32 __reserved;
};

#endif
