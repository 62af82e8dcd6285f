// SPDX-License-Identifier: GPL-2.0-or-later
/* What the evil card does with commands: a service command's in data come back as its out data. */
#include <endian.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evil.h"

#define SEGMENTS_MAX (EVIL_TRANSFER_MAX / 4096 + 1)
#define TORN_US 2000

static const struct dma_gate open;

struct segments {
	struct provcard_hif_sgl list[SEGMENTS_MAX];
	size_t count;
};

static uint16_t parse(struct evil *evil, const struct provcard_hif_sgl *sgl, struct segments *segments)
{
	uint32_t length = le32toh(sgl->length);

	segments->count = length ? 1 : 0;
	segments->list[0] = *sgl;
	if (sgl->type != PROVCARD_SGL_LIST)
		return 0;
	if (length > sizeof(segments->list))
		return PROVCARD_SC_INVALID_FIELD;
	evil->list = (struct reach){ le64toh(sgl->address), length };
	segments->count = length / sizeof(*sgl);
	return dma_read(evil->dma, &open, le64toh(sgl->address), segments->list, length) ? PROVCARD_SC_DATA_TRANSFER : 0;
}

/* Between the buffer and evil->data; at most @most bytes. Returns the bytes moved, -1 when memory was not there. */
static int64_t transfer(struct evil *evil, const struct segments *segments, size_t most, bool write)
{
	size_t done = 0;

	for (size_t i = 0; i < segments->count && done < most; i++) {
		uint64_t address = le64toh(segments->list[i].address);
		size_t piece = le32toh(segments->list[i].length);

		if (piece > most - done)
			piece = most - done;
		if (write ? dma_write(evil->dma, &open, address, evil->data + done, piece)
			  : dma_read(evil->dma, &open, address, evil->data + done, piece))
			return -1;
		done += piece;
	}
	return (int64_t)done;
}

static struct reach first_of(const struct segments *segments)
{
	if (!segments->count)
		return (struct reach){ 0 };
	return (struct reach){ le64toh(segments->list[0].address), le32toh(segments->list[0].length) };
}

static void echo(struct evil *evil, const struct provcard_hif_sqe *sqe, struct post *post)
{
	static struct segments in, out;
	uint16_t status = parse(evil, &sqe->in, &in);
	int64_t bytes;

	if (!status)
		status = parse(evil, &sqe->out, &out);
	post->cqe.status = htole16((uint16_t)(status << 1));
	if (status)
		return;
	evil->in = first_of(&in);
	evil->out = first_of(&out);
	bytes = transfer(evil, &in, sizeof(evil->data), false);
	if (bytes >= 0)
		bytes = transfer(evil, &out, (size_t)bytes, true);
	if (bytes < 0)
		post->cqe.status = htole16(PROVCARD_SC_DATA_TRANSFER << 1);
	else
		post->cqe.length = htole32((uint32_t)bytes);
}

static void telemetry(struct evil *evil, const struct provcard_hif_sqe *sqe, struct post *post)
{
	const struct provcard_hif_telemetry said = {
		.sensors = htole32(PROVCARD_SENSOR_TEMPERATURE),
		.temperature = htole32(40000),
	};

	if (!dma_write(evil->dma, &open, le64toh(sqe->out.address), &said, sizeof(said)))
		post->cqe.length = htole32(sizeof(said));
}

static void identify(struct evil *evil, const struct provcard_hif_sqe *sqe, struct post *post)
{
	struct provcard_hif_identify identity = { .serial = "EVIL0001", .firmware = "evil", .max_jobs = htole32(64) };

	identity.heads = htole32(evil->heads);
	if (dma_write(evil->dma, &open, le64toh(sqe->out.address), &identity, sizeof(identity)))
		post->cqe.status = htole16(PROVCARD_SC_DATA_TRANSFER << 1);
	else
		post->cqe.length = htole32(sizeof(identity));
	evil->out = (struct reach){ le64toh(sqe->out.address), sizeof(identity) };
}

static void create(struct evil *evil, const struct provcard_hif_sqe *sqe)
{
	uint64_t where = le64toh(sqe->arg[0]), what = le64toh(sqe->arg[1]);
	struct ring *ring = &evil->rings[(what & 0xffff) % EVIL_QUEUES];

	if (sqe->opcode == PROVCARD_OPC_CREATE_CQ) {
		*ring = (struct ring){
			.cq = where, .cq_entries = (what >> 16 & 0xffff) + 1, .vector = (uint16_t)(what >> 32), .phase = 1
		};
		return;
	}
	ring->sq = where;
	ring->sq_entries = (what >> 16 & 0xffff) + 1;
	ring->used = true;
}

/* What an honest card would answer. */
static void answer(struct evil *evil, const struct provcard_hif_sqe *sqe, struct post *post)
{
	switch (sqe->opcode) {
	case PROVCARD_OPC_IDENTIFY:
		identify(evil, sqe, post);
		break;
	case PROVCARD_OPC_CREATE_CQ:
	case PROVCARD_OPC_CREATE_SQ:
		create(evil, sqe);
		break;
	case PROVCARD_OPC_TELEMETRY:
		telemetry(evil, sqe, post);
		break;
	case PROVCARD_OPC_ABORT:
		post->cqe.result = htole32(1);
		break;
	case PROVCARD_OPC_JOB_CREATE:
		post->cqe.result = htole32(++evil->handles);
		break;
	default:
		if (sqe->opcode >= PROVCARD_OPC_SERVICE_BASE)
			echo(evil, sqe, post);
	}
}

void evil_execute(struct evil *evil, unsigned int queue, const struct provcard_hif_sqe *sqe)
{
	struct post post = { .ring = queue, .copies = 1, .interrupts = 1 };

	post.cqe.cid = sqe->cid;
	post.cqe.sq_id = htole16((uint16_t)queue);
	post.cqe.sq_head = htole16((uint16_t)evil->rings[queue].head);
	if (sqe->opcode == PROVCARD_OPC_ASYNC_EVENT && evil->listener_count < EVIL_HELD)
		evil->listeners[evil->listener_count++] = sqe->cid;
	answer(evil, sqe, &post);
	post.held = sqe->opcode == PROVCARD_OPC_ASYNC_EVENT;
	misdeeds_complete(evil, &post, queue, sqe->opcode);
	if (sqe->opcode == PROVCARD_OPC_ASYNC_EVENT) {
		if (post.held)
			return;
		evil->listener_count--;
	}
	if (!post.held)
		evil_post(evil, &post);
	else if (evil->held_count < EVIL_HELD)
		evil->held[evil->held_count++] = post;
}

void evil_event(struct evil *evil, uint32_t result)
{
	struct post post = { .copies = 1, .interrupts = 1 };

	if (!evil->listener_count)
		return;
	post.cqe.cid = evil->listeners[--evil->listener_count];
	post.cqe.result = htole32(result);
	evil_post(evil, &post);
}

static void interrupt(struct evil *evil, const struct ring *ring, unsigned int count)
{
	while (count--)
		irqs_fire(evil->irqs, ring->vector);
}

/* Entries are written whether the host has released their places or not. */
static uint64_t put_entry(struct evil *evil, struct ring *ring, struct post *post)
{
	const size_t before = offsetof(struct provcard_hif_cqe, status);
	uint64_t place = ring->cq + ring->cq_tail * sizeof(post->cqe);
	uint16_t phase = post->wrong_phase ? !ring->phase : ring->phase;

	post->cqe.status = htole16((uint16_t)((le16toh(post->cqe.status) & ~1u) | phase));
	if (post->phase_first) {
		dma_write(evil->dma, &open, place + before, &post->cqe.status, sizeof(post->cqe.status));
		interrupt(evil, ring, 1);
		usleep(TORN_US);
	}
	dma_write(evil->dma, &open, place, &post->cqe, before);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	dma_write(evil->dma, &open, place + before, &post->cqe.status, sizeof(post->cqe.status));
	if (++ring->cq_tail == ring->cq_entries) {
		ring->cq_tail = 0;
		ring->phase ^= 1;
	}
	return place;
}

/* The entry changes under the reader's eyes, its phase but for a moment right. */
static void rewrite(struct evil *evil, uint64_t place, const struct post *post)
{
	struct provcard_hif_cqe garbage = post->cqe;

	for (unsigned int i = 0; i < post->rewrites; i++) {
		garbage.cid = (uint16_t)evil_random(evil);
		garbage.length = (uint32_t)evil_random(evil);
		dma_write(evil->dma, &open, place, i % 2 ? &post->cqe : &garbage, sizeof(garbage));
	}
	dma_write(evil->dma, &open, place, &post->cqe, sizeof(post->cqe));
}

void evil_post(struct evil *evil, struct post *post)
{
	struct ring *ring = &evil->rings[post->ring % EVIL_QUEUES];
	uint64_t place = 0;

	if (!ring->cq_entries)
		return;
	if (post->interrupt_first)
		interrupt(evil, ring, 1);
	for (unsigned int i = 0; i < post->copies; i++)
		place = put_entry(evil, ring, post);
	if (!post->interrupt_first)
		interrupt(evil, ring, post->interrupts);
	if (place)
		rewrite(evil, place, post);
}
