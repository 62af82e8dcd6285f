// SPDX-License-Identifier: GPL-2.0-or-later
/* BAR 0: registers and doorbells. */
#include <endian.h>
#include <string.h>

#include "controller_private.h"
#include "statistics.h"

static uint64_t capabilities(const struct controller *c)
{
	return (QUEUE_ENTRIES_MAX - 1) | (uint64_t)c->config.heads << 16 | (uint64_t)READY_TIMEOUT << 24 |
	       (uint64_t)TRANSFER_SHIFT << 32;
}

static uint32_t features(const struct controller *c)
{
	uint32_t later = PROVCARD_FEATURE_RANDOM | PROVCARD_FEATURE_FIRMWARE | PROVCARD_FEATURE_RELEASE;

	if (c->config.port->ops->sensors)
		later |= PROVCARD_FEATURE_TELEMETRY;
	return PROVCARD_FEATURE_COALESCING | (c->config.version > HIF_VERSION_1_0 ? later : 0);
}

static uint32_t status(const struct controller *c)
{
	uint32_t value = c->fatal ? PROVCARD_CSTS_CFS : 0;

	if (c->state == CONTROLLER_ON || c->state == CONTROLLER_SHUTTING || c->state == CONTROLLER_SHUT)
		value |= PROVCARD_CSTS_RDY;
	if (c->state == CONTROLLER_SHUT)
		value |= PROVCARD_CSTS_SHST_DONE;
	return value;
}

static uint32_t read32(const struct controller *c, uint64_t offset)
{
	switch (offset) {
	case PROVCARD_REG_CAP:
		return (uint32_t)capabilities(c);
	case PROVCARD_REG_CAP + 4:
		return (uint32_t)(capabilities(c) >> 32);
	case PROVCARD_REG_VS:
		return c->config.version;
	case PROVCARD_REG_FEATURES:
		return features(c);
	case PROVCARD_REG_CC:
		return c->cc;
	case PROVCARD_REG_CSTS:
		return status(c);
	case PROVCARD_REG_AQA:
		return c->aqa;
	case PROVCARD_REG_ASQ:
		return (uint32_t)c->asq;
	case PROVCARD_REG_ASQ + 4:
		return (uint32_t)(c->asq >> 32);
	case PROVCARD_REG_ACQ:
		return (uint32_t)c->acq;
	case PROVCARD_REG_ACQ + 4:
		return (uint32_t)(c->acq >> 32);
	default:
		return 0;
	}
}

bool controller_offers(const struct controller *c, uint32_t feature)
{
	return features(c) & feature;
}

static void set_half(uint64_t *reg, bool high, uint32_t value)
{
	*reg = high ? (*reg & UINT32_MAX) | (uint64_t)value << 32 : (*reg & ~(uint64_t)UINT32_MAX) | value;
}

static void doorbell(struct controller *c, uint64_t offset, uint32_t value)
{
	uint64_t index = (offset - PROVCARD_REG_DOORBELL) / 4;

	if (index / 2 >= QUEUES_MAX || c->fatal || (c->state != CONTROLLER_ON && c->state != CONTROLLER_SHUTTING))
		return;
	if (index % 2)
		cq_doorbell(c, (uint16_t)(index / 2), value);
	else
		sq_doorbell(c, (uint16_t)(index / 2), value);
}

static void write32(struct controller *c, uint64_t offset, uint32_t value)
{
	if (offset >= PROVCARD_REG_DOORBELL) {
		statistics_count(STATISTIC_DOORBELLS);
		doorbell(c, offset, value);
		return;
	}
	if (offset == PROVCARD_REG_CC) {
		lifecycle_control(c, value & (PROVCARD_CC_EN | PROVCARD_CC_SHN_MASK));
		return;
	}
	if (c->cc & PROVCARD_CC_EN)
		return;
	switch (offset) {
	case PROVCARD_REG_AQA:
		c->aqa = value & (PROVCARD_AQA_RELEASE | 0x0fff0fff);
		break;
	case PROVCARD_REG_ASQ:
	case PROVCARD_REG_ASQ + 4:
		set_half(&c->asq, offset != PROVCARD_REG_ASQ, value);
		break;
	case PROVCARD_REG_ACQ:
	case PROVCARD_REG_ACQ + 4:
		set_half(&c->acq, offset != PROVCARD_REG_ACQ, value);
		break;
	}
}

/* One aligned 4-byte access, or one of 8 bytes to a register that has as many. */
static bool is_access(uint64_t offset, size_t size)
{
	if (size == 8)
		return offset == PROVCARD_REG_CAP || offset == PROVCARD_REG_ASQ || offset == PROVCARD_REG_ACQ;
	return size == 4 && offset % 4 == 0;
}

void controller_read(struct controller *c, uint64_t offset, void *data, size_t size)
{
	uint32_t words[2];

	statistics_count(STATISTIC_READS);
	memset(data, 0, size);
	if (!is_access(offset, size))
		return;
	pthread_mutex_lock(&c->lock);
	words[0] = htole32(read32(c, offset));
	words[1] = htole32(read32(c, offset + 4));
	pthread_mutex_unlock(&c->lock);
	memcpy(data, words, size);
}

void controller_write(struct controller *c, uint64_t offset, const void *data, size_t size)
{
	uint32_t words[2];

	statistics_count(STATISTIC_WRITES);
	if (!is_access(offset, size))
		return;
	memcpy(words, data, size);
	pthread_mutex_lock(&c->lock);
	write32(c, offset, le32toh(words[0]));
	if (size == 8)
		write32(c, offset + 4, le32toh(words[1]));
	pthread_mutex_unlock(&c->lock);
}
