/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vfio-user server: one client at a time on a Unix socket. A client that breaks the protocol is disconnected with one line
 * in the log. When a client has gone, the function is reset and its memory and descriptors are let go; the card lives on.
 */
#ifndef PROVCARD_EMU_SERVER_H
#define PROVCARD_EMU_SERVER_H

#include <pthread.h>

#include "endpoint.h"
#include "vfio_user.h"

#define SESSION_FDS_MAX 32 /* one per interrupt vector */
#define SESSION_DATA_MAX 65536 /* data of one message */
#define SESSION_PAYLOAD_MAX (SESSION_DATA_MAX + 64)

/* A message as it comes in. */
struct message {
	struct vfio_user_header header;
	uint8_t payload[SESSION_PAYLOAD_MAX];
	size_t have; /* bytes so far, header included */
	size_t size; /* of the payload */
	int fds[SESSION_FDS_MAX]; /* whoever takes one leaves -1 */
	size_t fd_count;
};

/* The card asks the client for memory that came without a file; one request at a time. */
struct remote {
	pthread_mutex_t one;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t answered;
	uint16_t id;
	bool waiting;
	unsigned int late; /* requests given up, whose answers may still come */
	int error;
	void *data; /* of a read */
	size_t size;
};

struct session {
	struct endpoint *endpoint;
	pthread_mutex_t sending;
	int fd; /* -1: no client; changes under sending */
	bool agreed; /* on a version */
	struct message message;
	struct remote remote;
};

struct server {
	int listener;
	int stop; /* readable: end */
	struct session session;
	int tamper; /* readable when the board was broken into, -1 for none: then on_tamper is called once */
	void (*on_tamper)(void *context);
	void *tamper_context;
};

/* A listening socket at @path; one left behind by a card that died is replaced. Or a negative errno. */
int server_listen(const char *path);
void server_init(struct server *server, struct endpoint *endpoint, int listener, int stop);
/* Serves until stop is readable. 0 or a negative errno. */
int server_run(struct server *server);
void server_destroy(struct server *server);

/* messages.c: carries out one message. NULL, or what is wrong with it: the client is to be disconnected. */
const char *message_handle(struct session *session, struct message *message);

/* session.c */
int session_send(struct session *session, const struct vfio_user_header *header, const void *payload, size_t size, const void *data,
		 size_t data_size);
void session_open(struct session *session, int fd);
void session_close(struct session *session);

/* remote.c */
void remote_init(struct remote *remote);
void remote_destroy(struct remote *remote);
int remote_read(void *session, uint64_t address, void *data, size_t size);
int remote_write(void *session, uint64_t address, const void *data, size_t size);
/* An answer came. NULL or what is wrong with it. */
const char *remote_answer(struct session *session, const struct message *message);
/* The client has gone. */
void remote_fail(struct remote *remote);

#endif
