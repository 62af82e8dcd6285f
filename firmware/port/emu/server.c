// SPDX-License-Identifier: GPL-2.0-or-later
/* The serving thread: connections and the framing of messages. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "server.h"

static bool is_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat stat;
	bool stale;

	if (fd < 0)
		return false;
	stale = !lstat(address->sun_path, &stat) && S_ISSOCK(stat.st_mode) &&
		connect(fd, (const struct sockaddr *)address, sizeof(*address)) && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

/* The name appears when somebody listens behind it: until then the socket has another. An occupied name is left alone. */
static int listen_as(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s.%d", path, getpid()), error = 0;

	if (length < 0 || (size_t)length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	if (listen(fd, 4) || link(address.sun_path, path))
		error = errno == EEXIST ? -EADDRINUSE : -errno;
	unlink(address.sun_path);
	return error;
}

int server_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (is_stale(&address))
		unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	error = listen_as(fd, path);
	if (!error)
		return fd;
	close(fd);
	return error;
}

void server_init(struct server *server, struct endpoint *endpoint, int listener, int stop)
{
	memset(server, 0, sizeof(*server));
	server->listener = listener;
	server->stop = stop;
	server->tamper = -1;
	server->session.endpoint = endpoint;
	server->session.fd = -1;
	pthread_mutex_init(&server->session.sending, NULL);
	remote_init(&server->session.remote);
}

void server_destroy(struct server *server)
{
	pthread_mutex_destroy(&server->session.sending);
	remote_destroy(&server->session.remote);
}

/* Descriptors count as the message's wherever in it they come. False: more than any message may bring. */
static bool take_fds(struct message *message, struct msghdr *received)
{
	bool fit = !(received->msg_flags & MSG_CTRUNC);
	struct cmsghdr *control;
	size_t count, i;
	int *fds;

	for (control = CMSG_FIRSTHDR(received); control; control = CMSG_NXTHDR(received, control)) {
		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		fds = (int *)(void *)CMSG_DATA(control);
		count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			if (message->fd_count < SESSION_FDS_MAX) {
				message->fds[message->fd_count++] = fds[i];
				continue;
			}
			close(fds[i]);
			fit = false;
		}
	}
	return fit;
}

/* Reads towards @wanted bytes of the message. 1: there; 0: later; or a negative errno, -ECONNRESET at the end. */
static int receive(struct session *session, size_t wanted)
{
	struct message *message = &session->message;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(SESSION_FDS_MAX * sizeof(int))];
	struct iovec part;
	struct msghdr received;
	ssize_t got;

	while (message->have < wanted) {
		if (message->have < sizeof(message->header))
			part.iov_base = (uint8_t *)&message->header + message->have;
		else
			part.iov_base = message->payload + message->have - sizeof(message->header);
		part.iov_len = wanted - message->have;
		received = (struct msghdr){
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		got = recvmsg(session->fd, &received, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (!got)
			return -ECONNRESET;
		if (!take_fds(message, &received))
			return -EMFILE;
		message->have += (size_t)got;
	}
	return 1;
}

static const char *check_header(const struct vfio_user_header *header)
{
	if (header->size < sizeof(*header))
		return "a message shorter than its header";
	if (header->size > sizeof(*header) + SESSION_PAYLOAD_MAX)
		return "a message too long";
	if ((header->flags & VFIO_USER_TYPE_MASK) > VFIO_USER_TYPE_REPLY)
		return "a message of unknown type";
	return NULL;
}

static void next_message(struct message *message)
{
	size_t i;

	for (i = 0; i < message->fd_count; i++)
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	message->fd_count = 0;
	message->have = 0;
}

/* Empty for a client that left in good order. */
static const char *end_reason(int error, size_t have)
{
	if (error == -ECONNRESET)
		return have ? "it left in the middle of a message" : "";
	return error == -EMFILE ? "more descriptors than a message may bring" : strerror(-error);
}

/* Everything that can be read now. False when the connection is over. */
static bool serve_client(struct session *session)
{
	struct message *message = &session->message;
	const char *wrong = NULL;
	int got;

	while (!wrong) {
		got = receive(session, sizeof(message->header));
		if (got == 1)
			wrong = check_header(&message->header);
		if (got == 1 && !wrong)
			got = receive(session, message->header.size);
		if (!got)
			return true;
		if (got < 0)
			wrong = end_reason(got, message->have);
		if (wrong)
			break;
		message->size = message->header.size - sizeof(message->header);
		wrong = message_handle(session, message);
		next_message(message);
	}
	if (*wrong)
		emu_log("client disconnected: %s", wrong);
	else
		emu_log("client has gone");
	return false;
}

static void accept_client(struct server *server)
{
	int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (server->session.fd >= 0) {
		emu_log("a second client was turned away");
		close(fd);
		return;
	}
	session_open(&server->session, fd);
	emu_log("client connected");
}

int server_run(struct server *server)
{
	struct session *session = &server->session;

	for (;;) {
		struct pollfd polls[5] = {
			{ .fd = server->stop, .events = POLLIN },
			{ .fd = controller_timer_fd(session->endpoint->controller), .events = POLLIN },
			{ .fd = session->fd, .events = POLLIN },
			{ .fd = server->listener, .events = POLLIN },
			{ .fd = server->tamper, .events = POLLIN },
		};

		if (poll(polls, 5, -1) < 0 && errno != EINTR)
			return -errno;
		if (polls[4].revents) {
			server->tamper = -1;
			server->on_tamper(server->tamper_context);
		}
		if (polls[0].revents)
			break;
		if (polls[1].revents)
			controller_timer(session->endpoint->controller);
		if (polls[2].revents && !serve_client(session))
			session_close(session);
		/* A client that came after the last one left must find the place free: the end of the last is seen first. */
		if (polls[3].revents && (session->fd < 0 || !(polls[2].revents & (POLLHUP | POLLRDHUP))))
			accept_client(server);
	}
	if (session->fd >= 0)
		session_close(session);
	return 0;
}
