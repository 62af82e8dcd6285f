// SPDX-License-Identifier: LGPL-2.1-or-later
/* The way through the kernel driver: a character device, and a descriptor a job. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "provcard-refusal.h"
#include "transport.h"

struct provcard_transport {
	int fd;
};

struct provcard_transport_job {
	int fd;
};

/* One meaning for one return: the driver's ioctls give 0 or fail. */
static int call(int fd, unsigned long request, void *argument)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		return -errno;
	return result ? -EPROTO : 0;
}

static void kernel_close(struct provcard_transport *transport)
{
	close(transport->fd);
	free(transport);
}

static int kernel_info(struct provcard_transport *transport, struct provcard_info *info)
{
	int error;

	*info = (struct provcard_info){ .size = sizeof(*info) };
	error = call(transport->fd, PROVCARD_INFO, info);
	return error == -ENOTTY ? -ENODEV : error; /* a device, but not one of ours */
}

static int kernel_open(const char *address, struct provcard_transport **transport)
{
	struct provcard_transport *opened = malloc(sizeof(*opened));
	struct stat state;

	if (!opened)
		return -ENOMEM;
	opened->fd = open(address, O_RDWR | O_CLOEXEC);
	if (opened->fd < 0) {
		int error = errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;

		free(opened);
		return error;
	}
	if (fstat(opened->fd, &state) || !S_ISCHR(state.st_mode)) {
		kernel_close(opened);
		return -ENODEV;
	}
	*transport = opened;
	return 0;
}

static int kernel_command(struct provcard_transport *transport, struct provcard_transport_job *job, struct provcard_command *command)
{
	return call(job ? job->fd : transport->fd, PROVCARD_COMMAND, command);
}

static int kernel_job_create(struct provcard_transport *transport, struct provcard_transport_job **job)
{
	struct provcard_job_create create = { .size = sizeof(create), .flags = O_CLOEXEC };
	struct provcard_transport_job *created = malloc(sizeof(*created));
	int error;

	if (!created)
		return -ENOMEM;
	error = call(transport->fd, PROVCARD_JOB_CREATE, &create);
	if (!error && create.out_status)
		error = -EBUSY; /* TOO_MANY_JOBS is all a card can say here */
	if (error) {
		free(created);
		return error;
	}
	created->fd = create.out_fd;
	*job = created;
	return 0;
}

static void kernel_job_close(struct provcard_transport_job *job)
{
	close(job->fd);
	free(job);
}

static int kernel_submit(struct provcard_transport_job *job, const struct provcard_command *command)
{
	struct provcard_command copy = *command;

	copy.flags |= PROVCARD_COMMAND_NOWAIT;
	return call(job->fd, PROVCARD_SUBMIT, &copy);
}

static int kernel_reap(struct provcard_transport_job *job, struct provcard_completion *completion, int timeout_ms)
{
	struct pollfd wait = { .fd = job->fd, .events = POLLIN };
	int ready = poll(&wait, 1, timeout_ms);
	ssize_t length;

	if (ready < 0)
		return -errno;
	if (!ready)
		return -EAGAIN;
	/* Without POLLIN there is nothing and read() says why: the card is gone, or a reset has ended the job. */
	length = read(job->fd, completion, sizeof(*completion));
	if (length < 0)
		return -errno;
	return length == sizeof(*completion) ? 0 : -EPROTO;
}

static int kernel_cancel(struct provcard_transport_job *job, uint64_t user_data, bool all)
{
	struct provcard_cancel cancel = {
		.size = sizeof(cancel),
		.flags = all ? PROVCARD_CANCEL_ALL : 0,
		.user_data = user_data,
	};

	return call(job->fd, PROVCARD_CANCEL, &cancel);
}

static int kernel_job_fd(struct provcard_transport_job *job)
{
	return job->fd;
}

const struct provcard_transport_ops provcard_transport_kernel = {
	.open = kernel_open,
	.close = kernel_close,
	.info = kernel_info,
	.command = kernel_command,
	.job_create = kernel_job_create,
	.job_close = kernel_job_close,
	.submit = kernel_submit,
	.reap = kernel_reap,
	.cancel = kernel_cancel,
	.job_fd = kernel_job_fd,
};
