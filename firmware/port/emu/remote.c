// SPDX-License-Identifier: GPL-2.0-or-later
/* Host memory that has no file: the client reads and writes it for the card. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "server.h"

/* There are clients, QEMU among them, that never answer. */
#define ANSWER_SECONDS 2

void remote_init(struct remote *remote)
{
	pthread_condattr_t attributes;

	memset(remote, 0, sizeof(*remote));
	pthread_mutex_init(&remote->one, NULL);
	pthread_mutex_init(&remote->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&remote->answered, &attributes);
	pthread_condattr_destroy(&attributes);
}

void remote_destroy(struct remote *remote)
{
	pthread_mutex_destroy(&remote->one);
	pthread_mutex_destroy(&remote->lock);
	pthread_cond_destroy(&remote->answered);
}

static void await(struct remote *remote)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ANSWER_SECONDS;
	while (remote->waiting) {
		if (pthread_cond_timedwait(&remote->answered, &remote->lock, &until) != ETIMEDOUT || !remote->waiting)
			continue;
		remote->waiting = false;
		remote->late++;
		remote->error = -ETIMEDOUT;
	}
}

static int request(struct session *session, uint16_t command, uint64_t address, void *read, const void *write, size_t size)
{
	struct remote *remote = &session->remote;
	struct vfio_user_dma_access access = { .address = address, .count = size };
	struct vfio_user_header header = { .command = command };
	int error;

	pthread_mutex_lock(&remote->one);
	pthread_mutex_lock(&remote->lock);
	header.id = ++remote->id;
	remote->waiting = true;
	remote->data = read;
	remote->size = size;
	remote->error = 0;
	pthread_mutex_unlock(&remote->lock);
	error = session_send(session, &header, &access, sizeof(access), write, write ? size : 0);
	pthread_mutex_lock(&remote->lock);
	if (error)
		remote->waiting = false;
	else
		await(remote);
	error = error ? error : remote->error;
	pthread_mutex_unlock(&remote->lock);
	pthread_mutex_unlock(&remote->one);
	return error;
}

int remote_read(void *session, uint64_t address, void *data, size_t size)
{
	return request(session, VFIO_USER_DMA_READ, address, data, NULL, size);
}

int remote_write(void *session, uint64_t address, const void *data, size_t size)
{
	return request(session, VFIO_USER_DMA_WRITE, address, NULL, data, size);
}

static const char *take(struct remote *remote, const struct message *message)
{
	const struct vfio_user_dma_access *access = (const void *)message->payload;

	if (message->header.flags & VFIO_USER_ERROR) {
		remote->error = -EFAULT;
		return NULL;
	}
	if (message->size != sizeof(*access) + (remote->data ? remote->size : 0) || access->count != remote->size)
		return "an answer of the wrong size";
	if (remote->data)
		memcpy(remote->data, access + 1, remote->size);
	return NULL;
}

const char *remote_answer(struct session *session, const struct message *message)
{
	struct remote *remote = &session->remote;
	const char *wrong = NULL;

	pthread_mutex_lock(&remote->lock);
	if (remote->waiting && message->header.id == remote->id) {
		wrong = take(remote, message);
		if (!wrong) {
			remote->waiting = false;
			pthread_cond_signal(&remote->answered);
		}
	} else if (remote->late) {
		remote->late--;
	} else {
		wrong = "an answer that nobody asked for";
	}
	pthread_mutex_unlock(&remote->lock);
	return wrong;
}

void remote_fail(struct remote *remote)
{
	pthread_mutex_lock(&remote->lock);
	if (remote->waiting) {
		remote->waiting = false;
		remote->error = -EIO;
		pthread_cond_signal(&remote->answered);
	}
	remote->late = 0;
	pthread_mutex_unlock(&remote->lock);
}
