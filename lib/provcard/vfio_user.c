// SPDX-License-Identifier: LGPL-2.1-or-later
/* The way straight to an emulated card, without kernel and VM: for tests. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vfio_user_device.h"

#define DEFAULT_TIMEOUT_MS 120000

static void device_free(struct provcard_transport *device)
{
	vfio_user_disconnect(device);
	vfio_user_memory_close(device);
	pthread_mutex_destroy(&device->exchange);
	pthread_mutex_destroy(&device->lock);
	pthread_cond_destroy(&device->changed);
	free(device);
}

static struct provcard_transport *device_new(void)
{
	struct provcard_transport *device = calloc(1, sizeof(*device));
	size_t i;

	if (!device)
		return NULL;
	device->socket = device->wake = device->arena_fd = -1;
	for (i = 0; i < QUEUES_MAX; i++)
		device->interrupts[i] = -1;
	pthread_mutex_init(&device->exchange, NULL);
	pthread_mutex_init(&device->lock, NULL);
	pthread_cond_init(&device->changed, NULL);
	return device;
}

static void direct_close(struct provcard_transport *device)
{
	vfio_user_take_down(device);
	device_free(device);
}

static int direct_open(const char *address, struct provcard_transport **transport)
{
	struct provcard_transport *device = device_new();
	int error;

	if (!device)
		return -ENOMEM;
	error = vfio_user_memory_open(device);
	if (!error)
		error = vfio_user_connect(device, address);
	if (!error)
		error = vfio_user_bring_up(device);
	if (error) {
		direct_close(device);
		return error == -EREMOTEIO ? -EIO : error;
	}
	*transport = device;
	return 0;
}

static int direct_info(struct provcard_transport *device, struct provcard_info *info)
{
	int gone;

	pthread_mutex_lock(&device->lock);
	gone = device->gone;
	pthread_mutex_unlock(&device->lock);
	if (gone)
		return gone;
	*info = (struct provcard_info){
		.size = sizeof(*info),
		.out_capabilities = PROVCARD_CAPABILITY_JOBS,
		.out_max_transfer = device->max_transfer,
		.out_hif_version = device->version,
		.out_queues = device->queue_count - 1,
		.out_heads = device->identity.heads,
	};
	memcpy(info->out_serial, device->identity.serial, sizeof(device->identity.serial));
	memcpy(info->out_firmware, device->identity.firmware, sizeof(device->identity.firmware));
	return 0;
}

static int check(const struct provcard_transport *device, const struct provcard_command *command)
{
	if (command->size != sizeof(*command) || command->flags || command->__reserved || command->opcode > 0xff ||
	    command->queue >= device->queue_count || command->in_len > device->max_transfer ||
	    command->out_len > device->max_transfer)
		return -EINVAL;
	return command->opcode < PROVCARD_OPC_SERVICE_BASE ? -EPERM : 0;
}

static int direct_command(struct provcard_transport *device, struct provcard_transport_job *job, struct provcard_command *command)
{
	struct provcard_command sent = *command;
	uint32_t slot;
	int error = check(device, command);

	if (error)
		return error;
	if (!sent.timeout_ms)
		sent.timeout_ms = DEFAULT_TIMEOUT_MS;
	error = vfio_user_send(device, job, &sent, NULL, &slot);
	return error ? error : vfio_user_wait(device, command->queue, slot, command);
}

static int job_handle(struct provcard_transport *device, uint32_t *handle)
{
	const uint64_t none[2] = { 0 };
	uint32_t status;
	int error = vfio_user_admin(device, PROVCARD_OPC_JOB_CREATE, none, NULL, 0, &status, handle);

	if (error)
		return error;
	if (status == PROVCARD_SC_TOO_MANY_JOBS)
		return -EMFILE;
	return status ? -EIO : 0;
}

static int direct_job_create(struct provcard_transport *device, struct provcard_transport_job **job)
{
	struct provcard_transport_job *created = calloc(1, sizeof(*created));
	int error;

	if (!created)
		return -ENOMEM;
	created->device = device;
	created->done_end = &created->done;
	created->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	error = created->fd < 0 ? -errno : job_handle(device, &created->handle);
	if (error) {
		if (created->fd >= 0)
			close(created->fd);
		free(created);
		return error;
	}
	*job = created;
	return 0;
}

static void direct_job_close(struct provcard_transport_job *job)
{
	struct provcard_transport *device = job->device;
	const uint64_t arg[2] = { job->handle };
	struct vfio_user_done *done;
	uint32_t status;

	/* When the card is gone so are its handles. */
	(void)vfio_user_admin(device, PROVCARD_OPC_JOB_DELETE, arg, NULL, 0, &status, NULL);
	pthread_mutex_lock(&device->lock);
	while (job->busy)
		pthread_cond_wait(&device->changed, &device->lock);
	pthread_mutex_unlock(&device->lock);
	while ((done = job->done)) {
		job->done = done->next;
		free(done);
	}
	close(job->fd);
	free(job);
}

static int direct_submit(struct provcard_transport_job *job, const struct provcard_command *command)
{
	struct vfio_user_done *waiting;
	uint32_t slot;
	int error = check(job->device, command);

	if (error)
		return error;
	waiting = calloc(1, sizeof(*waiting));
	if (!waiting)
		return -ENOMEM;
	waiting->completion.user_data = command->user_data;
	error = vfio_user_send(job->device, job, command, waiting, &slot);
	if (error)
		free(waiting);
	return error;
}

static struct vfio_user_done *take_done(struct provcard_transport_job *job)
{
	struct vfio_user_done *done;
	uint64_t count;

	pthread_mutex_lock(&job->device->lock);
	done = job->done;
	if (done) {
		job->done = done->next;
		if (!job->done)
			job->done_end = &job->done;
		if (read(job->fd, &count, sizeof(count)) != sizeof(count))
			count = 0;
	}
	pthread_mutex_unlock(&job->device->lock);
	return done;
}

static int direct_reap(struct provcard_transport_job *job, struct provcard_completion *completion, int timeout_ms)
{
	struct pollfd wait = { .fd = job->fd, .events = POLLIN };
	struct vfio_user_done *done = take_done(job);
	int ready, gone;

	pthread_mutex_lock(&job->device->lock);
	gone = job->busy ? 0 : job->device->gone;
	pthread_mutex_unlock(&job->device->lock);
	if (!done && gone)
		return gone;
	if (!done) {
		ready = poll(&wait, 1, timeout_ms);
		if (ready < 0)
			return -errno;
		done = take_done(job);
	}
	if (!done)
		return -EAGAIN;
	*completion = done->completion;
	free(done);
	return 0;
}

static int direct_job_fd(struct provcard_transport_job *job)
{
	return job->fd;
}

const struct provcard_transport_ops provcard_transport_vfio_user = {
	.open = direct_open,
	.close = direct_close,
	.info = direct_info,
	.command = direct_command,
	.job_create = direct_job_create,
	.job_close = direct_job_close,
	.submit = direct_submit,
	.reap = direct_reap,
	.cancel = vfio_user_cancel,
	.job_fd = direct_job_fd,
};
