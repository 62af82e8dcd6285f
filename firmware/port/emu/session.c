// SPDX-License-Identifier: GPL-2.0-or-later
/* One client's connection: what begins and ends with it, and messages to it. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "server.h"

/* A client that does not read its socket for so long is gone. */
#define SEND_SECONDS 5

static int send_parts(int fd, struct iovec *parts, size_t count)
{
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
	ssize_t done;

	while (message.msg_iovlen) {
		if (!message.msg_iov->iov_len) {
			message.msg_iov++;
			message.msg_iovlen--;
			continue;
		}
		done = sendmsg(fd, &message, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		while (message.msg_iovlen && (size_t)done >= message.msg_iov->iov_len) {
			done -= (ssize_t)message.msg_iov->iov_len;
			message.msg_iov++;
			message.msg_iovlen--;
		}
		if (message.msg_iovlen) {
			message.msg_iov->iov_base = (uint8_t *)message.msg_iov->iov_base + done;
			message.msg_iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

int session_send(struct session *session, const struct vfio_user_header *header, const void *payload, size_t size, const void *data,
		 size_t data_size)
{
	struct vfio_user_header whole = *header;
	struct iovec parts[3] = { { &whole, sizeof(whole) }, { (void *)payload, size }, { (void *)data, data_size } };
	int error;

	whole.size = (uint32_t)(sizeof(whole) + size + data_size);
	pthread_mutex_lock(&session->sending);
	error = session->fd < 0 ? -EIO : send_parts(session->fd, parts, 3);
	/* Half a message may be out, after which nothing makes sense; the serving thread sees the end of the connection. */
	if (error && session->fd >= 0)
		shutdown(session->fd, SHUT_RDWR);
	pthread_mutex_unlock(&session->sending);
	return error;
}

void session_open(struct session *session, int fd)
{
	struct dma_remote remote = { session, remote_read, remote_write };
	struct timeval limit = { .tv_sec = SEND_SECONDS };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	session->agreed = false;
	session->message.have = 0;
	session->message.fd_count = 0;
	pthread_mutex_lock(&session->sending);
	session->fd = fd;
	pthread_mutex_unlock(&session->sending);
	dma_set_remote(&session->endpoint->dma, &remote);
}

void session_close(struct session *session)
{
	struct endpoint *endpoint = session->endpoint;
	size_t i;

	endpoint_reset(endpoint);
	dma_set_remote(&endpoint->dma, NULL);
	dma_unmap_all(&endpoint->dma);
	irqs_assign(&endpoint->irqs, 0, endpoint->irqs.count, NULL);
	for (i = 0; i < session->message.fd_count; i++)
		if (session->message.fds[i] >= 0)
			close(session->message.fds[i]);
	session->message.fd_count = 0;
	pthread_mutex_lock(&session->sending);
	close(session->fd);
	session->fd = -1;
	pthread_mutex_unlock(&session->sending);
	remote_fail(&session->remote);
}
