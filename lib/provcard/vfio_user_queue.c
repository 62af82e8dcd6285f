// SPDX-License-Identifier: LGPL-2.1-or-later
/* Rings, commands in flight, and the thread that takes completions. */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "vfio_user_device.h"

/* How long an aborted command may still take before the card counts as dead. */
#define ABORT_MS 30000

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		return;
}

int vfio_user_rings_get(struct provcard_transport *device, uint32_t queue)
{
	struct vfio_user_queue *rings = &device->queues[queue];
	int error = vfio_user_memory_get(device, QUEUE_ENTRIES * sizeof(struct provcard_hif_sqe), &rings->sq);

	if (!error)
		error = vfio_user_memory_get(device, QUEUE_ENTRIES * sizeof(struct provcard_hif_cqe), &rings->cq);
	if (error)
		return error;
	memset(vfio_user_memory_at(device, &rings->sq), 0, PAGE);
	memset(vfio_user_memory_at(device, &rings->cq), 0, PAGE);
	rings->phase = PROVCARD_CQE_PHASE;
	rings->made = true;
	return 0;
}

static void release_slot(struct provcard_transport *device, struct vfio_user_slot *slot)
{
	if (slot->in.pages)
		vfio_user_memory_put(device, &slot->in);
	if (slot->out.pages)
		vfio_user_memory_put(device, &slot->out);
	if (slot->job)
		slot->job->busy--;
	slot->busy = false;
	pthread_cond_broadcast(&device->changed);
}

/* The command is over and its results are in the slot. */
static void finish_slot(struct provcard_transport *device, struct vfio_user_slot *slot)
{
	struct vfio_user_done *waiting = slot->waiting;

	slot->done = true;
	if (slot->expired && !slot->error && !slot->cancelled)
		slot->error = -ETIMEDOUT;
	if (slot->cancelled && !slot->error && slot->status == PROVCARD_SC_ABORTED)
		slot->error = -ECANCELED;
	if (!waiting && !slot->forgotten) {
		pthread_cond_broadcast(&device->changed);
		return;
	}
	if (waiting) {
		waiting->completion.status = slot->error ? 0 : slot->status;
		waiting->completion.result = slot->error ? 0 : slot->result;
		waiting->completion.length = slot->error ? 0 : slot->length;
		waiting->completion.error = (uint32_t)-slot->error;
		*slot->job->done_end = waiting;
		slot->job->done_end = &waiting->next;
		signal_fd(slot->job->fd);
	}
	release_slot(device, slot);
}

void vfio_user_fail(struct provcard_transport *device, int error)
{
	uint32_t i, j;

	if (device->gone)
		return;
	device->gone = error;
	for (i = 0; i < QUEUES_MAX; i++) {
		for (j = 0; j < QUEUE_ENTRIES - 1; j++) {
			struct vfio_user_slot *slot = &device->queues[i].slots[j];

			if (!slot->busy || slot->done)
				continue;
			slot->error = slot->cancelled ? -ECANCELED : slot->expired ? -ETIMEDOUT : error;
			finish_slot(device, slot);
		}
	}
	pthread_cond_broadcast(&device->changed);
}

static struct vfio_user_slot *free_slot(struct vfio_user_queue *queue, uint32_t *number)
{
	for (*number = 0; *number < QUEUE_ENTRIES - 1; ++*number)
		if (!queue->slots[*number].busy)
			return &queue->slots[*number];
	return NULL;
}

static struct provcard_hif_sgl describe(const struct vfio_user_memory *memory, uint64_t length)
{
	struct provcard_hif_sgl sgl = { .type = PROVCARD_SGL_DATA };

	if (length) {
		sgl.address = htole64(vfio_user_memory_address(memory));
		sgl.length = htole32((uint32_t)length);
	}
	return sgl;
}

/* Puts the entry into the ring and tells the card. */
static int ring(struct provcard_transport *device, uint32_t queue, uint32_t number, const struct provcard_command *command)
{
	struct vfio_user_queue *rings = &device->queues[queue];
	struct vfio_user_slot *slot = &rings->slots[number];
	struct provcard_hif_sqe sqe = {
		.opcode = (uint8_t)command->opcode,
		.cid = htole16((uint16_t)number),
		.job = htole32(slot->job ? slot->job->handle : 0),
		.in = describe(&slot->in, command->in_len),
		.out = describe(&slot->out, command->out_len),
		.arg = { htole64(command->arg[0]), htole64(command->arg[1]), htole64(command->arg[2]) },
	};

	memcpy((uint8_t *)vfio_user_memory_at(device, &rings->sq) + rings->sq_tail * sizeof(sqe), &sqe, sizeof(sqe));
	rings->sq_tail = (rings->sq_tail + 1) % QUEUE_ENTRIES;
	return vfio_user_register_write(device, PROVCARD_REG_DOORBELL + 8 * queue, rings->sq_tail);
}

static int prepare(struct provcard_transport *device, struct vfio_user_slot *slot, const struct provcard_command *command)
{
	int error = vfio_user_memory_get(device, command->in_len, &slot->in);

	if (!error)
		error = vfio_user_memory_get(device, command->out_len, &slot->out);
	if (!error)
		error = vfio_user_copy_in(vfio_user_memory_at(device, &slot->in), command->in_uptr, command->in_len);
	return error;
}

/* Under the lock. */
static int send_locked(struct provcard_transport *device, struct provcard_transport_job *job,
		       const struct provcard_command *command, struct vfio_user_done *waiting, uint32_t *number)
{
	struct vfio_user_slot *slot;
	int error;

	if (device->gone)
		return device->gone;
	slot = free_slot(&device->queues[command->queue], number);
	if (!slot)
		return -EAGAIN;
	*slot = (struct vfio_user_slot){
		.busy = true,
		.waiting = waiting,
		.job = job,
		.out_uptr = command->out_uptr,
		.out_len = command->out_len,
		.deadline_ms = command->timeout_ms ? now_ms() + command->timeout_ms : 0,
	};
	if (job)
		job->busy++;
	error = prepare(device, slot, command);
	if (error) {
		release_slot(device, slot);
		return error;
	}
	if (ring(device, command->queue, *number, command)) {
		slot->waiting = NULL;
		release_slot(device, slot);
		vfio_user_fail(device, -ENODEV);
		return -ENODEV;
	}
	if (slot->deadline_ms)
		signal_fd(device->wake);
	return 0;
}

int vfio_user_send(struct provcard_transport *device, struct provcard_transport_job *job, const struct provcard_command *command,
		   struct vfio_user_done *waiting, uint32_t *slot)
{
	int error;

	pthread_mutex_lock(&device->lock);
	error = send_locked(device, job, command, waiting, slot);
	/* Who waits for the answer can wait for a slot as well. */
	while (error == -EAGAIN && !waiting) {
		pthread_cond_wait(&device->changed, &device->lock);
		error = send_locked(device, job, command, waiting, slot);
	}
	pthread_mutex_unlock(&device->lock);
	return error;
}

int vfio_user_wait(struct provcard_transport *device, uint32_t queue, uint32_t number, struct provcard_command *command)
{
	struct vfio_user_slot *slot = &device->queues[queue].slots[number];
	int error;

	pthread_mutex_lock(&device->lock);
	while (!slot->done)
		pthread_cond_wait(&device->changed, &device->lock);
	error = slot->error;
	if (!error) {
		command->out_status = slot->status;
		command->out_result = slot->result;
		command->out_length = slot->length;
	}
	release_slot(device, slot);
	pthread_mutex_unlock(&device->lock);
	return error;
}

int vfio_user_admin(struct provcard_transport *device, uint8_t opcode, const uint64_t arg[2], void *out, size_t out_size,
		    uint32_t *status, uint32_t *result)
{
	struct provcard_command command = {
		.opcode = opcode,
		.out_uptr = (uintptr_t)out,
		.out_len = out_size,
		.arg = { arg[0], arg[1] },
	};
	uint32_t slot;
	int error = vfio_user_send(device, NULL, &command, NULL, &slot);

	if (!error)
		error = vfio_user_wait(device, 0, slot, &command);
	*status = command.out_status;
	if (result)
		*result = command.out_result;
	return error;
}

/* A command's time is over: ask the card to end it, or give the card up when it was asked already. */
static void expire(struct provcard_transport *device, uint32_t queue, uint32_t number)
{
	struct vfio_user_slot *slot = &device->queues[queue].slots[number];
	struct provcard_command abort = { .opcode = PROVCARD_OPC_ABORT, .arg = { queue | (uint64_t)number << 16 } };
	uint32_t abort_number;

	if (slot->expired || slot->forgotten) {
		vfio_user_fail(device, -EIO);
		return;
	}
	slot->expired = true;
	slot->deadline_ms = now_ms() + ABORT_MS;
	if (!send_locked(device, NULL, &abort, NULL, &abort_number)) {
		device->queues[0].slots[abort_number].forgotten = true;
		device->queues[0].slots[abort_number].deadline_ms = now_ms() + ABORT_MS;
	}
}

/* The reaper does it, as if its time were over. */
static bool cancel_slot(struct provcard_transport_job *job, struct vfio_user_slot *slot, uint64_t user_data, bool all)
{
	if (!slot->busy || slot->done || slot->job != job || !slot->waiting ||
	    (!all && slot->waiting->completion.user_data != user_data))
		return false;
	if (!slot->expired && !slot->cancelled) {
		slot->cancelled = true;
		slot->deadline_ms = now_ms();
	}
	return true;
}

int vfio_user_cancel(struct provcard_transport_job *job, uint64_t user_data, bool all)
{
	struct provcard_transport *device = job->device;
	bool found = false;
	uint32_t i, j;

	pthread_mutex_lock(&device->lock);
	for (i = 0; i < device->queue_count; i++)
		for (j = 0; j < QUEUE_ENTRIES - 1; j++)
			found |= cancel_slot(job, &device->queues[i].slots[j], user_data, all);
	if (found)
		signal_fd(device->wake);
	pthread_mutex_unlock(&device->lock);
	return found ? 0 : -ENOENT;
}

/* Milliseconds until the next deadline, -1 for none; those that have passed are dealt with. */
static int check_deadlines(struct provcard_transport *device)
{
	uint64_t now = now_ms(), nearest = UINT64_MAX;
	uint32_t i, j;

	for (i = 0; i < device->queue_count && !device->gone; i++) {
		for (j = 0; j < QUEUE_ENTRIES - 1; j++) {
			struct vfio_user_slot *slot = &device->queues[i].slots[j];

			if (slot->busy && !slot->done && slot->deadline_ms && slot->deadline_ms <= now)
				expire(device, i, j);
			if (slot->busy && !slot->done && slot->deadline_ms && slot->deadline_ms < nearest)
				nearest = slot->deadline_ms;
		}
	}
	if (nearest == UINT64_MAX)
		return -1;
	return nearest > now ? (int)(nearest - now) : 0;
}

/* False when the card broke the interface. */
static bool complete(struct provcard_transport *device, uint32_t queue, const struct provcard_hif_cqe *cqe)
{
	uint32_t number = le16toh(cqe->cid);
	struct vfio_user_slot *slot = &device->queues[queue].slots[number];

	if (number >= QUEUE_ENTRIES - 1 || le16toh(cqe->sq_id) != queue || !slot->busy || slot->done ||
	    le32toh(cqe->length) > slot->out_len)
		return false;
	slot->status = PROVCARD_CQE_STATUS(le16toh(cqe->status));
	slot->result = le32toh(cqe->result);
	slot->length = le32toh(cqe->length);
	if (slot->length && !slot->forgotten)
		slot->error = vfio_user_copy_out(slot->out_uptr, vfio_user_memory_at(device, &slot->out), slot->length);
	finish_slot(device, slot);
	return true;
}

static void take_completions(struct provcard_transport *device, uint32_t queue)
{
	struct vfio_user_queue *rings = &device->queues[queue];
	struct provcard_hif_cqe *ring_of = vfio_user_memory_at(device, &rings->cq), cqe;
	uint32_t before = rings->cq_head;

	while (!device->gone) {
		uint16_t status = *(volatile uint16_t *)&ring_of[rings->cq_head].status;

		if ((le16toh(status) & PROVCARD_CQE_PHASE) != rings->phase)
			break;
		atomic_thread_fence(memory_order_acquire);
		memcpy(&cqe, &ring_of[rings->cq_head], sizeof(cqe));
		rings->cq_head = (rings->cq_head + 1) % QUEUE_ENTRIES;
		rings->phase ^= !rings->cq_head;
		if (!complete(device, queue, &cqe))
			vfio_user_fail(device, -EIO);
	}
	if (rings->cq_head != before && !device->gone &&
	    vfio_user_register_write(device, PROVCARD_REG_DOORBELL + 8 * queue + 4, rings->cq_head))
		vfio_user_fail(device, -ENODEV);
}

static void drain(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return;
}

/* Waits for interrupts, deadlines and the end of the connection. */
static void *reaper_main(void *context)
{
	struct provcard_transport *device = context;
	struct pollfd polls[QUEUES_MAX + 2];
	uint32_t i, vectors = device->vectors;
	int timeout;

	polls[0] = (struct pollfd){ .fd = device->wake, .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = device->socket, .events = POLLRDHUP };
	for (i = 0; i < vectors; i++)
		polls[i + 2] = (struct pollfd){ .fd = device->interrupts[i], .events = POLLIN };
	pthread_mutex_lock(&device->lock);
	while (!device->ending && !device->gone) {
		timeout = check_deadlines(device);
		pthread_mutex_unlock(&device->lock);
		poll(polls, vectors + 2, timeout);
		if (polls[0].revents)
			drain(device->wake);
		pthread_mutex_lock(&device->lock);
		for (i = 0; i < vectors; i++) {
			if (!polls[i + 2].revents)
				continue;
			drain(device->interrupts[i]);
			if (i < QUEUES_MAX && device->queues[i].made)
				take_completions(device, i);
		}
		if (polls[1].revents)
			vfio_user_fail(device, -ENODEV);
	}
	pthread_mutex_unlock(&device->lock);
	return NULL;
}

int vfio_user_reaper_start(struct provcard_transport *device)
{
	device->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (device->wake < 0)
		return -errno;
	device->reaping = !pthread_create(&device->reaper, NULL, reaper_main, device);
	return device->reaping ? 0 : -ENOMEM;
}

void vfio_user_reaper_stop(struct provcard_transport *device)
{
	if (device->reaping) {
		pthread_mutex_lock(&device->lock);
		device->ending = true;
		pthread_mutex_unlock(&device->lock);
		signal_fd(device->wake);
		pthread_join(device->reaper, NULL);
	}
	if (device->wake >= 0)
		close(device->wake);
}
