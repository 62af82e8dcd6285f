// SPDX-License-Identifier: GPL-2.0-or-later
/* The evil card's registers and its worker, in place of the emulated card's controller. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "evil.h"

#define MQES 255
#define READY_TIMEOUT 2 /* 500 ms units */
#define MDTS 20

struct evil *evil_card;

static struct evil *of(struct controller *controller)
{
	return (struct evil *)(void *)controller;
}

static uint64_t capabilities(const struct evil *evil)
{
	return MQES | (uint64_t)evil->heads << 16 | (uint64_t)READY_TIMEOUT << 24 | (uint64_t)MDTS << 32;
}

/* One entry of one queue; false when there is none. */
static bool work(struct evil *evil)
{
	static const struct dma_gate open;
	struct provcard_hif_sqe sqe;

	for (unsigned int i = 0; i < EVIL_QUEUES; i++) {
		struct ring *ring = &evil->rings[i];

		if (!ring->used || ring->head == ring->tail)
			continue;
		if (dma_read(evil->dma, &open, ring->sq + ring->head * sizeof(sqe), &sqe, sizeof(sqe))) {
			evil->csts |= PROVCARD_CSTS_CFS;
			ring->used = false;
			continue;
		}
		ring->head = (ring->head + 1) % ring->sq_entries;
		evil_execute(evil, i, &sqe);
		return true;
	}
	return false;
}

static void *worker_main(void *context)
{
	struct evil *evil = context;

	pthread_mutex_lock(&evil->lock);
	while (!evil->stop) {
		if (!work(evil)) {
			pthread_cond_wait(&evil->work, &evil->lock);
			continue;
		}
		/* The host's register accesses get their turn. */
		pthread_mutex_unlock(&evil->lock);
		pthread_mutex_lock(&evil->lock);
	}
	pthread_mutex_unlock(&evil->lock);
	return NULL;
}

struct controller *controller_create(const struct controller_config *config)
{
	struct evil *evil = calloc(1, sizeof(*evil));

	if (!evil)
		return NULL;
	evil->dma = config->dma;
	evil->irqs = config->irqs;
	evil->heads = config->heads;
	evil->random = 1;
	evil->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	pthread_mutex_init(&evil->lock, NULL);
	pthread_cond_init(&evil->work, NULL);
	if (evil->timer < 0 || pthread_create(&evil->worker, NULL, worker_main, evil))
		abort();
	evil_card = evil;
	return (struct controller *)(void *)evil;
}

void controller_destroy(struct controller *controller)
{
	struct evil *evil = of(controller);

	pthread_mutex_lock(&evil->lock);
	evil->stop = true;
	pthread_cond_signal(&evil->work);
	pthread_mutex_unlock(&evil->lock);
	pthread_join(evil->worker, NULL);
	close(evil->timer);
	free(evil);
}

static void disable(struct evil *evil)
{
	evil->csts = 0;
	memset(evil->rings, 0, sizeof(evil->rings));
	evil->held_count = 0;
	evil->listener_count = 0;
}

static void enable(struct evil *evil)
{
	disable(evil);
	evil->rings[0] = (struct ring){
		.used = true,
		.sq = evil->asq,
		.cq = evil->acq,
		.sq_entries = (evil->aqa & 0xfff) + 1,
		.cq_entries = (evil->aqa >> 16 & 0xfff) + 1,
		.phase = 1,
	};
	evil->csts = PROVCARD_CSTS_RDY;
}

static void configure(struct evil *evil, uint32_t cc)
{
	if (!(cc & PROVCARD_CC_EN))
		disable(evil);
	else if (!(evil->cc & PROVCARD_CC_EN))
		enable(evil);
	if (cc & PROVCARD_CC_EN && (cc & PROVCARD_CC_SHN_MASK) == PROVCARD_CC_SHN_NORMAL)
		evil->csts |= PROVCARD_CSTS_SHST_DONE;
	evil->cc = cc;
}

static uint32_t read32(const struct evil *evil, uint64_t offset)
{
	switch (offset) {
	case PROVCARD_REG_CAP:
		return (uint32_t)capabilities(evil);
	case PROVCARD_REG_CAP + 4:
		return (uint32_t)(capabilities(evil) >> 32);
	case PROVCARD_REG_VS:
		return PROVCARD_HIF_VERSION;
	case PROVCARD_REG_CC:
		return evil->cc;
	case PROVCARD_REG_CSTS:
		return evil->csts;
	default:
		return 0;
	}
}

static void set_half(uint64_t *reg, bool high, uint32_t value)
{
	*reg = high ? (*reg & UINT32_MAX) | (uint64_t)value << 32 : (*reg & ~(uint64_t)UINT32_MAX) | value;
}

/* What the host releases is nothing to this card, however it is told. */
static void doorbell(struct evil *evil, uint64_t index, uint32_t value)
{
	struct ring *ring = &evil->rings[index / 2];
	uint32_t tail = value & 0xffff;

	if (index / 2 >= EVIL_QUEUES || index % 2 || !ring->used || tail >= ring->sq_entries)
		return;
	ring->tail = tail;
	pthread_cond_signal(&evil->work);
}

static void write32(struct evil *evil, uint64_t offset, uint32_t value)
{
	if (offset >= PROVCARD_REG_DOORBELL)
		doorbell(evil, (offset - PROVCARD_REG_DOORBELL) / 4, value);
	else if (offset == PROVCARD_REG_CC)
		configure(evil, value);
	else if (offset == PROVCARD_REG_AQA)
		evil->aqa = value;
	else if (offset == PROVCARD_REG_ASQ || offset == PROVCARD_REG_ASQ + 4)
		set_half(&evil->asq, offset != PROVCARD_REG_ASQ, value);
	else if (offset == PROVCARD_REG_ACQ || offset == PROVCARD_REG_ACQ + 4)
		set_half(&evil->acq, offset != PROVCARD_REG_ACQ, value);
}

void controller_read(struct controller *controller, uint64_t offset, void *data, size_t size)
{
	struct evil *evil = of(controller);
	uint32_t words[2] = { 0 };

	pthread_mutex_lock(&evil->lock);
	for (size_t i = 0; i * 4 < size && i < 2; i++)
		words[i] = htole32(misdeeds_register(evil, offset + i * 4, read32(evil, offset + i * 4)));
	pthread_mutex_unlock(&evil->lock);
	memset(data, 0, size);
	memcpy(data, words, size < sizeof(words) ? size : sizeof(words));
}

void controller_write(struct controller *controller, uint64_t offset, const void *data, size_t size)
{
	struct evil *evil = of(controller);
	uint32_t words[2];

	if (size != 4 && size != 8)
		return;
	memcpy(words, data, size);
	pthread_mutex_lock(&evil->lock);
	for (size_t i = 0; i * 4 < size; i++)
		write32(evil, offset + i * 4, le32toh(words[i]));
	pthread_mutex_unlock(&evil->lock);
}

void controller_reset(struct controller *controller)
{
	struct evil *evil = of(controller);

	pthread_mutex_lock(&evil->lock);
	disable(evil);
	evil->cc = 0;
	pthread_mutex_unlock(&evil->lock);
}

void controller_tamper(struct controller *controller)
{
	(void)controller;
}

void controller_event(void *controller, const struct port_event *event)
{
	(void)controller;
	(void)event;
}

int controller_timer_fd(const struct controller *controller)
{
	return of((struct controller *)controller)->timer;
}

void controller_timer(struct controller *controller)
{
	(void)controller;
}
