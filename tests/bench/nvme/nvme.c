// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands to an NVMe drive: Flush, or Write to its beginning. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <liburing.h>
#include <linux/nvme_ioctl.h>

#include "commands.h"

#define OPCODE_FLUSH 0x00
#define OPCODE_WRITE 0x01
#define BLOCK 512

static int open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	return fd;
}

void nvme_ioctl_run(const struct load *load)
{
	int drive = open_device("/dev/nvme0n1"), space = ioctl(drive, NVME_IOCTL_ID);
	struct nvme_passthru_cmd command = {
		.opcode = load->bytes ? OPCODE_WRITE : OPCODE_FLUSH,
		.nsid = (uint32_t)space,
		.addr = load->bytes ? (uintptr_t)load->buffer : 0,
		.data_len = (uint32_t)load->bytes,
		.cdw12 = load->bytes ? (uint32_t)(load->bytes / BLOCK - 1) : 0,
	};

	for (unsigned long i = 0; i < load->count; i++)
		if (ioctl(drive, NVME_IOCTL_IO_CMD, &command))
			fail("command");
}

struct drive {
	int fd;
	int space;
	const struct load *load;
};

static void prepare(struct io_uring_sqe *entry, const void *context)
{
	struct nvme_uring_cmd *command = (struct nvme_uring_cmd *)entry->cmd;
	const struct drive *drive = context;

	entry->fd = drive->fd;
	entry->cmd_op = NVME_URING_CMD_IO;
	command->opcode = drive->load->bytes ? OPCODE_WRITE : OPCODE_FLUSH;
	command->nsid = (uint32_t)drive->space;
	command->addr = drive->load->bytes ? (uintptr_t)drive->load->buffer : 0;
	command->data_len = (uint32_t)drive->load->bytes;
	command->cdw12 = drive->load->bytes ? (uint32_t)(drive->load->bytes / BLOCK - 1) : 0;
}

void nvme_uring_run(const struct load *load)
{
	struct drive drive = { .fd = open_device("/dev/ng0n1"), .load = load };

	drive.space = ioctl(drive.fd, NVME_IOCTL_ID);
	uring_run(load, prepare, &drive);
}
