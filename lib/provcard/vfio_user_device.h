/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the direct transport: a user-space driver for an emulated card, without a kernel or a VM between.
 *
 *   vfio_user_device.c  the socket: messages, registers, memory, interrupts
 *   vfio_user_queue.c   rings, slots, completions
 *   vfio_user_reset.c   bringing the controller up and down
 *   vfio_user.c         the transport table
 *
 * Functions return 0 or a negative errno with the meanings of the UAPI header.
 */
#ifndef PROVCARD_VFIO_USER_DEVICE_H
#define PROVCARD_VFIO_USER_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provcard_hif.h"
#include "transport.h"

#define QUEUE_ENTRIES 64
#define QUEUES_MAX 33
#define PAGE 4096u
#define ARENA_PAGES 16384u /* 64 MiB, sparse: rings, and copies of the buffers in flight */
#define ARENA_ADDRESS 0x100000000ull /* where the card sees it */

/* A stretch of the arena. */
struct vfio_user_memory {
	uint32_t page;
	uint32_t pages; /* 0: none */
};

struct provcard_transport_job {
	struct provcard_transport *device;
	uint32_t handle;
	int fd; /* readable while completions wait */
	unsigned int busy; /* slots */
	struct vfio_user_done *done, **done_end;
};

/* A completion that waits to be taken. */
struct vfio_user_done {
	struct vfio_user_done *next;
	struct provcard_completion completion;
};

/* A command in flight; its index is the command identifier. */
struct vfio_user_slot {
	bool busy;
	bool done;
	bool expired; /* its time is over, or it was cancelled, and ABORT was sent */
	bool cancelled;
	struct vfio_user_done *waiting; /* a submitted command: what its completion will be; else NULL and a thread waits */
	bool forgotten; /* nobody waits at all: the ABORT of an expired command */
	struct provcard_transport_job *job;
	struct vfio_user_memory in, out;
	uint64_t out_uptr, out_len;
	uint64_t deadline_ms; /* 0: none */
	int error; /* negative errno */
	uint32_t status, result;
	uint64_t length;
};

struct vfio_user_queue {
	struct vfio_user_memory sq, cq;
	bool made;
	uint32_t sq_tail, cq_head;
	uint16_t phase;
	struct vfio_user_slot slots[QUEUE_ENTRIES - 1];
};

struct provcard_transport {
	int socket;
	pthread_mutex_t exchange; /* one message and its reply */
	uint16_t message_id;

	pthread_mutex_t lock; /* of what follows; taken before exchange */
	pthread_cond_t changed; /* a slot is done */
	int gone; /* 0, or the negative errno that everything returns from now on */
	uint32_t vectors;
	uint32_t irq_index;
	int interrupts[QUEUES_MAX];
	int wake; /* event descriptor: the reaper is to look at its deadlines, or to end */
	bool ending;
	bool reaping; /* the thread exists */
	pthread_t reaper;
	struct vfio_user_queue queues[QUEUES_MAX];
	uint32_t queue_count; /* the admin queue included */
	uint64_t max_transfer;
	uint32_t version;
	struct provcard_hif_identify identity;

	int arena_fd;
	uint8_t *arena;
	uint8_t used[ARENA_PAGES / 8];
};

/* vfio_user_device.c */
int vfio_user_connect(struct provcard_transport *device, const char *path);
void vfio_user_disconnect(struct provcard_transport *device);
int vfio_user_region_read(struct provcard_transport *device, uint32_t region, uint64_t offset, void *data, uint32_t size);
int vfio_user_region_write(struct provcard_transport *device, uint32_t region, uint64_t offset, const void *data, uint32_t size);
int vfio_user_register_read(struct provcard_transport *device, uint64_t offset, uint32_t *value);
int vfio_user_register_write(struct provcard_transport *device, uint64_t offset, uint32_t value);

/* vfio_user_memory.c: under the lock, except the two copies */
int vfio_user_memory_open(struct provcard_transport *device);
void vfio_user_memory_close(struct provcard_transport *device);
/* -EAGAIN when there is no stretch so long. Contents are undefined. */
int vfio_user_memory_get(struct provcard_transport *device, size_t size, struct vfio_user_memory *memory);
void vfio_user_memory_put(struct provcard_transport *device, struct vfio_user_memory *memory);
void *vfio_user_memory_at(struct provcard_transport *device, const struct vfio_user_memory *memory);
uint64_t vfio_user_memory_address(const struct vfio_user_memory *memory);
/* Copy from or to addresses that a caller gave; -EFAULT when they are none. */
int vfio_user_copy_in(void *to, uint64_t uptr, size_t size);
int vfio_user_copy_out(uint64_t uptr, const void *from, size_t size);

/* vfio_user_reset.c */
int vfio_user_bring_up(struct provcard_transport *device);
void vfio_user_take_down(struct provcard_transport *device);

/* vfio_user_queue.c */
int vfio_user_rings_get(struct provcard_transport *device, uint32_t queue);
/* Under the lock. Everything in flight ends with @error, as does every later call. */
void vfio_user_fail(struct provcard_transport *device, int error);
/* Send a command. @waiting: for a submitted one, what becomes its completion. The slot's number in @slot. */
int vfio_user_send(struct provcard_transport *device, struct provcard_transport_job *job, const struct provcard_command *command,
		   struct vfio_user_done *waiting, uint32_t *slot);
/* Wait for a slot that vfio_user_send() gave, take its result and free it. */
int vfio_user_wait(struct provcard_transport *device, uint32_t queue, uint32_t slot, struct provcard_command *command);
/* A command of the transport's own on the admin queue, sent and waited for. Status of the card in @status. */
int vfio_user_admin(struct provcard_transport *device, uint8_t opcode, const uint64_t arg[2], void *out, size_t out_size,
		    uint32_t *status, uint32_t *result);
/* Have the card let go of submitted commands of a job; -ENOENT when there is none. */
int vfio_user_cancel(struct provcard_transport_job *job, uint64_t user_data, bool all);
int vfio_user_reaper_start(struct provcard_transport *device);
void vfio_user_reaper_stop(struct provcard_transport *device);

#endif
