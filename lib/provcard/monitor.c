// SPDX-License-Identifier: LGPL-2.1-or-later
/* Listening to the driver's netlink family. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/genetlink.h>
#include <linux/provcard_netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/socket.h>

#include "internal.h"

#define MESSAGE_MAX 4096	 /* an event has a few hundred bytes */
#define RECEIVE_BUFFER (1 << 20) /* some thousand events, as far as the machine allows */

/*
 * @socket: listens; @asker: asks for the family's numbers, so that answers and events do not come through the same socket
 * @family: the family's number, changes when the driver is loaded anew
 * @next: number of the next event, 0 before the first
 */
struct provcard_monitor {
	struct nl_sock *socket;
	struct nl_sock *asker;
	uint16_t family;
	uint64_t next;
};

static int from_netlink(int error)
{
	switch (-error) {
	case 0:
		return 0;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	default:
		return -EIO;
	}
}

static int join(struct provcard_monitor *monitor)
{
	int family = genl_ctrl_resolve(monitor->asker, PROVCARD_FAMILY_NAME);
	int group = family < 0 ? family : genl_ctrl_resolve_grp(monitor->asker, PROVCARD_FAMILY_NAME, PROVCARD_MCGRP_EVENTS);

	if (group < 0)
		return from_netlink(group);
	monitor->family = (uint16_t)family;
	return from_netlink(nl_socket_add_membership(monitor->socket, group));
}

/* The controller's group, which tells of families that come. */
static int connect_both(struct provcard_monitor *monitor)
{
	int error = genl_connect(monitor->asker);

	if (!error)
		error = genl_connect(monitor->socket);
	if (!error)
		error = nl_socket_set_buffer_size(monitor->socket, RECEIVE_BUFFER, 0);
	if (!error)
		error = nl_socket_add_membership(monitor->socket, GENL_ID_CTRL);
	return from_netlink(error);
}

int provcard_monitor_open(struct provcard_monitor **monitor)
{
	struct provcard_monitor *opened = calloc(1, sizeof(*opened));
	int error = -ENOMEM;

	if (!opened)
		return error;
	opened->socket = nl_socket_alloc();
	opened->asker = nl_socket_alloc();
	if (opened->socket && opened->asker)
		error = connect_both(opened);
	if (!error)
		error = join(opened);
	if (error) {
		provcard_monitor_close(opened);
		return error;
	}
	*monitor = opened;
	return 0;
}

void provcard_monitor_close(struct provcard_monitor *monitor)
{
	if (!monitor)
		return;
	nl_socket_free(monitor->socket);
	nl_socket_free(monitor->asker);
	free(monitor);
}

int provcard_monitor_descriptor(const struct provcard_monitor *monitor)
{
	return nl_socket_get_fd(monitor->socket);
}

/* A family has come that may be ours. What it told before we joined counts as lost. -EAGAIN, or why it cannot be joined. */
static int look_for_family(struct provcard_monitor *monitor, const void *message, size_t size)
{
	const struct nlmsghdr *header = message;
	int error;

	if (size < NLMSG_SPACE(GENL_HDRLEN) || header->nlmsg_type != GENL_ID_CTRL)
		return -EAGAIN;
	if (((const struct genlmsghdr *)NLMSG_DATA(header))->cmd != CTRL_CMD_NEWFAMILY)
		return -EAGAIN;
	error = join(monitor);
	return !error || error == -ENODEV ? -EAGAIN : error;
}

/* One message; -EAGAIN when it was no event. Only the kernel's count: any program can send to our socket. */
static int receive(struct provcard_monitor *monitor, struct provcard_monitor_event *event)
{
	uint8_t message[MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	ssize_t size = recvfrom(provcard_monitor_descriptor(monitor), message, sizeof(message), MSG_DONTWAIT,
				(struct sockaddr *)&from, &from_size);

	if (size < 0 && errno == ENOBUFS) {
		*event = (struct provcard_monitor_event){ .kind = PROVCARD_MONITOR_LOST };
		return 0;
	}
	if (size < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (from_size != sizeof(from) || from.nl_pid)
		return -EAGAIN;
	if (provcard_monitor_decode(message, (size_t)size, monitor->family, event))
		return look_for_family(monitor, message, (size_t)size);
	provcard_monitor_count(event, &monitor->next);
	return 0;
}

static int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int provcard_monitor_next(struct provcard_monitor *monitor, struct provcard_monitor_event *event, int timeout_ms)
{
	struct pollfd poller = { .fd = provcard_monitor_descriptor(monitor), .events = POLLIN };
	int64_t end = timeout_ms < 0 ? 0 : milliseconds_now() + timeout_ms;

	for (;;) {
		int error = receive(monitor, event), ready;
		int64_t left = end - milliseconds_now();

		if (error != -EAGAIN)
			return error;
		ready = poll(&poller, 1, timeout_ms < 0 ? -1 : left < 0 ? 0 : (int)left);
		if (ready <= 0)
			return ready ? -errno : -EAGAIN;
	}
}
