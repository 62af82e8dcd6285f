/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the emulated card: the card in a thread, around a core that only pretends, and a raw vfio-user client that can do
 * everything wrong. A program includes this file once; it defines the core's functions for it.
 */
#ifndef EMU_HARNESS_H
#define EMU_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "port/emu/emu_port.h"
#include "port/emu/server.h"
#include "provcard-refusal.h"
#include "provcard-service.h"

#define FAKE_RANDOM 0x5a

#define HARNESS __attribute__((unused)) static

/* ---- the core that pretends ---- */

#define FAKE_ECHO 0x40 /* out = in; result: bytes */
#define FAKE_STATUS 0x41 /* status arg0 */
#define FAKE_HOLD 0x60 /* returns when released or aborted; not on a head */
#define FAKE_UNIT PROVCARD_OP_UNIT_RUN /* the same, on a head */
#define FAKE_NOTE 0x61 /* notes arg0; in the order of their running */
#define FAKE_LIE 0x62 /* claims to have written arg0 bytes */

static struct core {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const struct port *port;
	unsigned int starts, stops;
	uint32_t jobs[CORE_MAX_JOBS];
	size_t job_count;
	uint32_t next_job;
	unsigned int aborted_all;
	unsigned int held; /* commands that wait */
	unsigned int released;
	uint64_t notes[64];
	size_t note_count;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .next_job = 1 };

struct core *core_start(const struct port *port)
{
	pthread_mutex_lock(&fake.lock);
	fake.port = port;
	fake.starts++;
	pthread_mutex_unlock(&fake.lock);
	return &fake;
}

void core_stop(struct core *core)
{
	pthread_mutex_lock(&core->lock);
	core->stops++;
	pthread_mutex_unlock(&core->lock);
}

uint16_t core_job_create(struct core *core, uint32_t *handle)
{
	uint16_t status = PROVCARD_SC_TOO_MANY_JOBS;

	pthread_mutex_lock(&core->lock);
	if (core->job_count < CORE_MAX_JOBS) {
		*handle = core->next_job++;
		core->jobs[core->job_count++] = *handle;
		status = 0;
	}
	pthread_mutex_unlock(&core->lock);
	return status;
}

uint16_t core_job_delete(struct core *core, uint32_t handle)
{
	uint16_t status = PROVCARD_SC_UNKNOWN_JOB;
	size_t i;

	pthread_mutex_lock(&core->lock);
	for (i = 0; i < core->job_count; i++) {
		if (core->jobs[i] != handle)
			continue;
		core->jobs[i] = core->jobs[--core->job_count];
		status = 0;
		break;
	}
	pthread_mutex_unlock(&core->lock);
	return status;
}

void core_tamper(struct core *core)
{
	(void)core;
}

void core_job_abort(struct core *core, uint32_t handle)
{
	pthread_mutex_lock(&core->lock);
	core->aborted_all += !handle;
	pthread_cond_broadcast(&core->changed);
	pthread_mutex_unlock(&core->lock);
}

/* What the noise source gives, without the generator; the tests know it. */
uint16_t core_random(struct core *core, void *data, size_t size)
{
	(void)core;
	memset(data, FAKE_RANDOM, size);
	return 0;
}

uint32_t core_security_version(void)
{
	return 1;
}

const char *core_version(void)
{
	return "1.2-test";
}

/* An aborted command wakes nobody. */
static void fake_wait_a_little(struct core *core)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 5000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&core->changed, &core->lock, &until);
}

static uint16_t fake_hold(struct core *core, const struct core_command *command)
{
	uint16_t status = 0;
	unsigned int all;

	pthread_mutex_lock(&core->lock);
	all = core->aborted_all;
	core->held++;
	pthread_cond_broadcast(&core->changed);
	while (!core->released && core->aborted_all == all && !atomic_load(command->aborted))
		fake_wait_a_little(core);
	if (core->released)
		core->released--;
	else
		status = PROVCARD_REFUSAL_UNIT_STOPPED;
	core->held--;
	pthread_cond_broadcast(&core->changed);
	pthread_mutex_unlock(&core->lock);
	return status;
}

static void fake_echo(const struct core_command *command, struct core_result *result)
{
	uint8_t *data = malloc(command->in.size + 1);

	if (command->in.size > command->out.size)
		result->status = PROVCARD_SC_BUFFER_TOO_SMALL;
	else if (command->in.read(command->in.context, 0, data, command->in.size) ||
		 command->out.write(command->out.context, 0, data, command->in.size))
		result->status = PROVCARD_SC_DATA_TRANSFER;
	else
		result->length = result->result = (uint32_t)command->in.size;
	free(data);
}

void core_execute(struct core *core, const struct core_command *command, struct core_result *result)
{
	*result = (struct core_result){ 0 };
	switch (command->opcode) {
	case FAKE_ECHO:
		fake_echo(command, result);
		break;
	case FAKE_STATUS:
		result->status = (uint16_t)command->arg[0];
		break;
	case FAKE_HOLD:
	case FAKE_UNIT:
		result->status = fake_hold(core, command);
		break;
	case FAKE_NOTE:
		usleep(2000);
		pthread_mutex_lock(&core->lock);
		if (core->note_count < 64)
			core->notes[core->note_count++] = command->arg[0];
		pthread_mutex_unlock(&core->lock);
		break;
	case FAKE_LIE:
		result->length = (uint32_t)command->arg[0];
		break;
	default:
		result->status = PROVCARD_SC_INVALID_OPCODE;
	}
}

HARNESS void fake_release(unsigned int count)
{
	pthread_mutex_lock(&fake.lock);
	fake.released += count;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

/* Wait until as many commands are held. */
HARNESS void fake_await_held(unsigned int count)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&fake.lock);
	while (fake.held != count)
		assert_int_equal(pthread_cond_timedwait(&fake.changed, &fake.lock, &until), 0);
	pthread_mutex_unlock(&fake.lock);
}

HARNESS void fake_forget(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.starts = fake.stops = fake.aborted_all = fake.released = 0;
	fake.note_count = fake.job_count = 0;
	pthread_mutex_unlock(&fake.lock);
}

/* ---- the card ---- */

struct card {
	char folder[64];
	char socket[96];
	char state_path[96];
	struct state state;
	struct emu_port port;
	struct endpoint endpoint;
	struct server server;
	int stop;
	pthread_t thread;
};

static void *card_main(void *context)
{
	struct card *card = context;

	server_run(&card->server);
	return NULL;
}

HARNESS void card_start_version(struct card *card, unsigned int heads, bool msi_only, uint32_t version)
{
	static const char *const no_cables[EMU_HEADS_MAX];
	static const uint64_t sizes[PORT_NV_REGIONS] = { 65536, 65536, 65536, 65536 };
	int listener;

	memset(card, 0, sizeof(*card));
	fake_forget();
	strcpy(card->folder, "/tmp/emu-test-XXXXXX");
	assert_non_null(mkdtemp(card->folder));
	snprintf(card->socket, sizeof(card->socket), "%s/card.sock", card->folder);
	snprintf(card->state_path, sizeof(card->state_path), "%s/state", card->folder);
	assert_int_equal(state_open(&card->state, card->state_path, sizes), 0);
	emu_port_init(&card->port, &card->state, "TEST-1", heads, no_cables, 0);
	assert_int_equal(endpoint_init(&card->endpoint, &card->port.port, heads, msi_only, version), 0);
	emu_port_listen(&card->port, controller_event, card->endpoint.controller);
	listener = server_listen(card->socket);
	assert_true(listener >= 0);
	card->stop = eventfd(0, EFD_CLOEXEC);
	server_init(&card->server, &card->endpoint, listener, card->stop);
	assert_int_equal(pthread_create(&card->thread, NULL, card_main, card), 0);
}

HARNESS void card_start(struct card *card, unsigned int heads, bool msi_only)
{
	card_start_version(card, heads, msi_only, PROVCARD_HIF_VERSION);
}

HARNESS void card_stop(struct card *card)
{
	char command[128];
	uint64_t one = 1;

	assert_int_equal(write(card->stop, &one, sizeof(one)), sizeof(one));
	pthread_join(card->thread, NULL);
	emu_port_listen(&card->port, NULL, NULL);
	endpoint_destroy(&card->endpoint);
	server_destroy(&card->server);
	close(card->server.listener);
	close(card->stop);
	state_close(&card->state);
	snprintf(command, sizeof(command), "rm -rf %s", card->folder);
	assert_int_equal(system(command), 0);
}

/* ---- the raw client ---- */

#define RAW_MEMORY 0x400000
#define RAW_ADDRESS 0x10000000ull /* where the card sees it */
#define RAW_QUEUES 4
#define RAW_ENTRIES 16
#define RAW_DATA 0x100000 /* offset of memory for buffers */
#define RAW_CLOSED (-1)

struct raw {
	int fd;
	uint16_t id;
	int memory_fd;
	uint8_t *memory;
	int interrupts[RAW_QUEUES];
	struct {
		uint32_t tail, head;
		uint16_t phase;
	} queue[RAW_QUEUES];
};

HARNESS void raw_connect(struct raw *raw, const struct card *card)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 10 };

	memset(raw, 0, sizeof(*raw));
	strcpy(address.sun_path, card->socket);
	raw->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(raw->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(raw->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	raw->memory_fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(raw->memory_fd, RAW_MEMORY), 0);
	raw->memory = mmap(NULL, RAW_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, raw->memory_fd, 0);
	assert_ptr_not_equal(raw->memory, MAP_FAILED);
}

HARNESS void raw_close(struct raw *raw)
{
	size_t i;

	close(raw->fd);
	munmap(raw->memory, RAW_MEMORY);
	close(raw->memory_fd);
	for (i = 0; i < RAW_QUEUES; i++)
		if (raw->interrupts[i])
			close(raw->interrupts[i]);
}

HARNESS void raw_send_bytes(struct raw *raw, const void *data, size_t size, const int *fds, size_t fd_count)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(64 * sizeof(int))] = { 0 };
	struct iovec part = { (void *)data, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd_count) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, fd_count * sizeof(int));
	}
	(void)!sendmsg(raw->fd, &message, MSG_NOSIGNAL);
}

HARNESS void raw_send(struct raw *raw, uint16_t command, uint32_t flags, const void *payload, size_t size, const int *fds,
		      size_t fd_count)
{
	uint8_t data[8192];
	struct vfio_user_header header = { .id = ++raw->id, .command = command, .size = (uint32_t)(16 + size), .flags = flags };

	assert_true(size <= sizeof(data) - 16);
	memcpy(data, &header, 16);
	if (size)
		memcpy(data + 16, payload, size);
	raw_send_bytes(raw, data, 16 + size, fds, fd_count);
}

/* 0, a positive errno that the card answered, or RAW_CLOSED. */
HARNESS int raw_receive(struct raw *raw, void *reply, size_t room, size_t *size)
{
	struct vfio_user_header header;
	uint8_t rest[4096];
	size_t length;

	if (recv(raw->fd, &header, sizeof(header), MSG_WAITALL) != sizeof(header))
		return RAW_CLOSED;
	length = header.size - sizeof(header);
	assert_true(length <= sizeof(rest));
	if (length && recv(raw->fd, rest, length, MSG_WAITALL) != (ssize_t)length)
		return RAW_CLOSED;
	assert_int_equal(header.flags & VFIO_USER_TYPE_MASK, VFIO_USER_TYPE_REPLY);
	assert_int_equal(header.id, raw->id);
	if (header.flags & VFIO_USER_ERROR)
		return (int)header.error;
	if (reply)
		memcpy(reply, rest, length < room ? length : room);
	if (size)
		*size = length;
	return 0;
}

HARNESS int raw_call(struct raw *raw, uint16_t command, const void *payload, size_t size, void *reply, size_t room)
{
	raw_send(raw, command, 0, payload, size, NULL, 0);
	return raw_receive(raw, reply, room, NULL);
}

HARNESS int raw_version(struct raw *raw)
{
	struct vfio_user_version version = { 0, 0 };

	return raw_call(raw, VFIO_USER_VERSION, &version, sizeof(version), NULL, 0);
}

HARNESS int raw_map(struct raw *raw, uint64_t address, uint64_t size, uint64_t offset, uint32_t flags, int fd)
{
	struct vfio_user_dma_map map = { sizeof(map), flags, offset, address, size };

	raw_send(raw, VFIO_USER_DMA_MAP, 0, &map, sizeof(map), &fd, fd >= 0);
	return raw_receive(raw, NULL, 0, NULL);
}

HARNESS int raw_unmap(struct raw *raw, uint64_t address, uint64_t size)
{
	struct vfio_user_dma_unmap unmap = { sizeof(unmap), 0, address, size };

	return raw_call(raw, VFIO_USER_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0);
}

HARNESS int raw_read(struct raw *raw, uint32_t region, uint64_t offset, void *data, uint32_t size)
{
	struct vfio_user_region_access access = { offset, region, size };
	uint8_t reply[4096 + sizeof(access)];
	int error = raw_call(raw, VFIO_USER_REGION_READ, &access, sizeof(access), reply, sizeof(reply));

	if (!error && size <= 4096)
		memcpy(data, reply + sizeof(access), size);
	return error;
}

HARNESS int raw_write(struct raw *raw, uint32_t region, uint64_t offset, const void *data, uint32_t size)
{
	struct vfio_user_region_access access = { offset, region, size };
	uint8_t message[64 + sizeof(access)];

	assert_true(size <= 64);
	memcpy(message, &access, sizeof(access));
	memcpy(message + sizeof(access), data, size);
	return raw_call(raw, VFIO_USER_REGION_WRITE, message, sizeof(access) + size, NULL, 0);
}

HARNESS uint32_t raw_register(struct raw *raw, uint64_t offset)
{
	uint32_t value = 0;

	assert_int_equal(raw_read(raw, 0, offset, &value, 4), 0);
	return value;
}

HARNESS void raw_set(struct raw *raw, uint64_t offset, uint32_t value)
{
	assert_int_equal(raw_write(raw, 0, offset, &value, 4), 0);
}

HARNESS void raw_await(struct raw *raw, uint32_t mask, uint32_t value)
{
	unsigned int i;

	for (i = 0; i < 5000 && (raw_register(raw, PROVCARD_REG_CSTS) & mask) != value; i++)
		usleep(1000);
	assert_int_equal(raw_register(raw, PROVCARD_REG_CSTS) & mask, value);
}

HARNESS void raw_master(struct raw *raw, bool on)
{
	uint16_t command = on ? PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER : PCI_COMMAND_MEMORY;

	assert_int_equal(raw_write(raw, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command, 2), 0);
}

HARNESS int raw_interrupt(struct raw *raw, uint32_t index, uint32_t vector, int fd)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
		.start = vector,
		.count = 1,
	};

	raw_send(raw, VFIO_USER_DEVICE_SET_IRQS, 0, &set, sizeof(set), &fd, fd >= 0);
	return raw_receive(raw, NULL, 0, NULL);
}

/* Whether the vector fires within a moment. */
HARNESS bool raw_fired(struct raw *raw, uint32_t vector, unsigned int milliseconds)
{
	uint64_t count;

	for (;; milliseconds--, usleep(1000)) {
		if (read(raw->interrupts[vector], &count, sizeof(count)) == sizeof(count))
			return true;
		if (!milliseconds)
			return false;
	}
}

static uint64_t sq_address(unsigned int queue)
{
	return RAW_ADDRESS + queue * 0x2000;
}

static uint64_t cq_address(unsigned int queue)
{
	return RAW_ADDRESS + queue * 0x2000 + 0x1000;
}

/* Enabled, with these bits of AQA beside the entries. */
HARNESS void raw_enable_with(struct raw *raw, uint32_t aqa)
{
	unsigned int i;

	memset(raw->memory, 0, RAW_DATA);
	for (i = 0; i < RAW_QUEUES; i++) {
		raw->queue[i].tail = raw->queue[i].head = 0;
		raw->queue[i].phase = 1;
	}
	raw_set(raw, PROVCARD_REG_CC, 0);
	raw_await(raw, PROVCARD_CSTS_RDY, 0);
	raw_set(raw, PROVCARD_REG_AQA, aqa | (RAW_ENTRIES - 1) | (RAW_ENTRIES - 1) << 16);
	raw_set(raw, PROVCARD_REG_ASQ, (uint32_t)sq_address(0));
	raw_set(raw, PROVCARD_REG_ASQ + 4, 0);
	raw_set(raw, PROVCARD_REG_ACQ, (uint32_t)cq_address(0));
	raw_set(raw, PROVCARD_REG_ACQ + 4, 0);
	raw_set(raw, PROVCARD_REG_CC, PROVCARD_CC_EN);
	raw_await(raw, PROVCARD_CSTS_RDY | PROVCARD_CSTS_CFS, PROVCARD_CSTS_RDY);
}

HARNESS void raw_enable(struct raw *raw)
{
	raw_enable_with(raw, 0);
}

/* Connected, memory and interrupts given, enabled. */
HARNESS void raw_drive(struct raw *raw, const struct card *card)
{
	uint32_t index = card->endpoint.pci.msi_only ? VFIO_PCI_MSI_IRQ_INDEX : VFIO_PCI_MSIX_IRQ_INDEX;
	unsigned int i;

	raw_connect(raw, card);
	assert_int_equal(raw_version(raw), 0);
	assert_int_equal(raw_map(raw, RAW_ADDRESS, RAW_MEMORY, 0, 3, raw->memory_fd), 0);
	for (i = 0; i < RAW_QUEUES && i <= card->port.heads; i++) {
		raw->interrupts[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_int_equal(raw_interrupt(raw, index, i, raw->interrupts[i]), 0);
	}
	raw_master(raw, true);
	raw_enable(raw);
}

HARNESS void raw_put(struct raw *raw, unsigned int queue, const struct provcard_hif_sqe *sqe)
{
	memcpy(raw->memory + queue * 0x2000 + raw->queue[queue].tail * 64, sqe, sizeof(*sqe));
	raw->queue[queue].tail = (raw->queue[queue].tail + 1) % RAW_ENTRIES;
}

HARNESS void raw_ring(struct raw *raw, unsigned int queue)
{
	raw_set(raw, PROVCARD_REG_DOORBELL + 8 * queue, raw->queue[queue].tail);
}

HARNESS void raw_submit(struct raw *raw, unsigned int queue, const struct provcard_hif_sqe *sqe)
{
	raw_put(raw, queue, sqe);
	raw_ring(raw, queue);
}

/* The next completion of a queue; false when none comes in time. */
HARNESS bool raw_take(struct raw *raw, unsigned int queue, struct provcard_hif_cqe *cqe, unsigned int milliseconds)
{
	volatile struct provcard_hif_cqe *entry = (void *)(raw->memory + queue * 0x2000 + 0x1000 + raw->queue[queue].head * 16);

	for (; (entry->status & 1) != raw->queue[queue].phase; milliseconds--) {
		if (!milliseconds)
			return false;
		usleep(1000);
	}
	__sync_synchronize();
	*cqe = *entry;
	raw->queue[queue].head = (raw->queue[queue].head + 1) % RAW_ENTRIES;
	raw->queue[queue].phase ^= !raw->queue[queue].head;
	return true;
}

HARNESS void raw_free(struct raw *raw, unsigned int queue)
{
	raw_set(raw, PROVCARD_REG_DOORBELL + 8 * queue + 4, raw->queue[queue].head);
}

/* Submit one command and return its status; its completion in @cqe unless NULL. */
HARNESS uint16_t raw_run(struct raw *raw, unsigned int queue, const struct provcard_hif_sqe *sqe, struct provcard_hif_cqe *cqe)
{
	struct provcard_hif_cqe mine;

	raw_submit(raw, queue, sqe);
	assert_true(raw_take(raw, queue, &mine, 5000));
	raw_free(raw, queue);
	assert_int_equal(mine.cid, sqe->cid);
	assert_int_equal(mine.sq_id, queue);
	if (cqe)
		*cqe = mine;
	return PROVCARD_CQE_STATUS(mine.status);
}

HARNESS uint16_t raw_admin(struct raw *raw, uint8_t opcode, uint64_t arg0, uint64_t arg1, uint32_t *result)
{
	struct provcard_hif_sqe sqe = { .opcode = opcode, .cid = 7, .arg = { arg0, arg1 } };
	struct provcard_hif_cqe cqe;
	uint16_t status = raw_run(raw, 0, &sqe, &cqe);

	if (result)
		*result = cqe.result;
	return status;
}

HARNESS void raw_create_queue(struct raw *raw, unsigned int queue)
{
	uint64_t shape = queue | (RAW_ENTRIES - 1) << 16 | (uint64_t)queue << 32;

	assert_int_equal(raw_admin(raw, PROVCARD_OPC_CREATE_CQ, cq_address(queue), shape, NULL), 0);
	assert_int_equal(raw_admin(raw, PROVCARD_OPC_CREATE_SQ, sq_address(queue), shape, NULL), 0);
}

HARNESS struct provcard_hif_sgl raw_data(uint64_t offset, uint32_t length)
{
	return (struct provcard_hif_sgl){ .address = RAW_ADDRESS + RAW_DATA + offset, .length = length };
}

/* The card is alive and well: another client can use it. */
HARNESS void card_check(struct card *card)
{
	struct raw raw;
	uint32_t vs = 0;

	raw_connect(&raw, card);
	assert_int_equal(raw_version(&raw), 0);
	assert_int_equal(raw_read(&raw, 0, PROVCARD_REG_VS, &vs, 4), 0);
	assert_int_equal(vs, PROVCARD_HIF_VERSION);
	raw_close(&raw);
}

#endif
