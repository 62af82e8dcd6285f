// SPDX-License-Identifier: GPL-2.0-or-later
/* The head's end of the emulated cable (cable.h): one request, one answer, in order. */
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "cable.h"
#include "cable_client.h"

/* A part that runs its CPU for a long virtual time answers late; one that never answers is as good as pulled. */
#define ANSWER_SECONDS 30
/* Clocks of one message: as many as fit, and whole bytes. */
#define SWD_CLOCKS_MAX ((CABLE_BODY_MAX - 4) / 2 / 8 * 8 * 8)

void cable_init(struct cable *cable, const char *path)
{
	cable->path = path;
	cable->open = false;
	cable->fd = -1;
	pthread_mutex_init(&cable->mutex, NULL);
}

static int pulled(struct cable *cable)
{
	if (cable->fd >= 0)
		close(cable->fd);
	cable->fd = -1;
	return -EPIPE;
}

static int send_all(int fd, struct iovec *parts, size_t count)
{
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
	ssize_t done;

	while (message.msg_iovlen) {
		done = sendmsg(fd, &message, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -EPIPE;
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

static int receive_all(int fd, void *data, size_t size)
{
	ssize_t done;

	while (size) {
		done = recv(fd, data, size, MSG_WAITALL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -EPIPE;
		data = (uint8_t *)data + done;
		size -= (size_t)done;
	}
	return 0;
}

/*
 * Send a request whose body is @parts, receive the answer into @answer. @parts[0] is left free for the header. An answer of
 * another type, or larger than @room, means that the other end has lost its way: the plug is drawn.
 */
static int exchange(struct cable *cable, uint32_t type, struct iovec *parts, size_t count, void *answer, size_t room, size_t *got)
{
	struct cable_header header = { .type = htole32(type) };
	size_t body = 0, i;

	if (cable->fd < 0)
		return -EPIPE;
	for (i = 1; i < count; i++)
		body += parts[i].iov_len;
	header.size = htole32((uint32_t)body);
	parts[0] = (struct iovec){ &header, sizeof(header) };
	if (send_all(cable->fd, parts, count) || receive_all(cable->fd, &header, sizeof(header)))
		return pulled(cable);
	if (le32toh(header.type) != type || le32toh(header.size) > room)
		return pulled(cable);
	*got = le32toh(header.size);
	if (receive_all(cable->fd, answer, *got))
		return pulled(cable);
	return 0;
}

static int plug_in(struct cable *cable)
{
	struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct cable_hello hello;
	struct iovec parts[1];
	size_t got;

	if (!cable->path || strlen(cable->path) >= sizeof(address.sun_path))
		return -ENODEV;
	strcpy(address.sun_path, cable->path);
	cable->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (cable->fd < 0)
		return -errno;
	setsockopt(cable->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(cable->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(cable->fd, (struct sockaddr *)&address, sizeof(address))) {
		pulled(cable);
		return -ENODEV;
	}
	if (exchange(cable, CABLE_HELLO, parts, 1, &hello, sizeof(hello), &got))
		return -ENODEV;
	if (got == sizeof(hello) && le32toh(hello.magic) == CABLE_MAGIC && le32toh(hello.version) == 1)
		return 0;
	pulled(cable);
	return -EPROTO;
}

int cable_open(struct cable *cable)
{
	int error = -EBUSY;

	pthread_mutex_lock(&cable->mutex);
	if (!cable->open) {
		error = plug_in(cable);
		cable->open = !error;
	}
	pthread_mutex_unlock(&cable->mutex);
	return error;
}

void cable_close(struct cable *cable)
{
	pthread_mutex_lock(&cable->mutex);
	pulled(cable);
	cable->open = false;
	pthread_mutex_unlock(&cable->mutex);
}

int cable_swd(struct cable *cable, const struct port_swd *swd)
{
	size_t first, clocks, bytes, got;
	int error = 0;

	for (first = 0; first < swd->clocks && !error; first += clocks) {
		clocks = swd->clocks - first < SWD_CLOCKS_MAX ? swd->clocks - first : SWD_CLOCKS_MAX;
		bytes = (clocks + 7) / 8;

		uint32_t count = htole32((uint32_t)clocks);
		struct iovec parts[4] = {
			[1] = { &count, sizeof(count) },
			[2] = { (void *)(swd->out + first / 8), bytes },
			[3] = { (void *)(swd->drive + first / 8), bytes },
		};

		error = exchange(cable, CABLE_SWD, parts, 4, swd->in + first / 8, bytes, &got);
		if (!error && got != bytes)
			error = pulled(cable);
	}
	return error;
}

int cable_control(struct cable *cable, uint32_t type, uint32_t value)
{
	uint32_t word = htole32(value);
	struct iovec parts[2] = { [1] = { &word, sizeof(word) } };
	size_t got;

	return exchange(cable, type, parts, 2, NULL, 0, &got);
}

int cable_uart(struct cable *cable, const void *tx, size_t tx_size, void *rx, size_t rx_size, uint32_t timeout_us,
	       size_t *received)
{
	uint32_t words[2] = { htole32((uint32_t)rx_size), htole32(timeout_us) };
	struct iovec parts[3] = { [1] = { words, sizeof(words) }, [2] = { (void *)tx, tx_size } };

	*received = 0;
	if (tx_size > CABLE_BODY_MAX - sizeof(words) || rx_size > CABLE_BODY_MAX)
		return -EMSGSIZE;
	return exchange(cable, CABLE_UART, parts, 3, rx, rx_size, received);
}
