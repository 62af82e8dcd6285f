// SPDX-License-Identifier: GPL-2.0-or-later
#include "ap.h"
#include "part.h"

#define AP_CSW 0x00
#define AP_TAR 0x04
#define AP_DRW 0x0c
#define AP_BD0 0x10
#define AP_BD3 0x1c
#define AP_CFG 0xf4
#define AP_BASE 0xf8
#define AP_IDR 0xfc

#define AHB_AP_IDR 0x24770011
#define ROM_TABLE_ENTRY 0xe00ff003

#define CSW_SIZE 0x7u
#define CSW_INCREMENT (3u << 4)
#define CSW_INCREMENT_SINGLE (1u << 4)
#define CSW_INCREMENT_PACKED (2u << 4)
#define CSW_DEVICE_ENABLED (1u << 6)
#define CSW_PROTECTION 0x7f000000u
#define CSW_AFTER_RESET 0x23000042u
#define CSW_WRITABLE (CSW_SIZE | CSW_INCREMENT | CSW_PROTECTION)

/* The address increments within blocks of 4 KiB (Cortex-M4: 12 bits). */
#define TAR_WRAP 0xfffu

void ahb_ap_power_on(struct ahb_ap *ap, struct part *part)
{
	*ap = (struct ahb_ap){ .part = part, .csw = CSW_AFTER_RESET };
}

static bool packed(const struct ahb_ap *ap)
{
	return (ap->csw & CSW_INCREMENT) == CSW_INCREMENT_PACKED;
}

static unsigned int transfer_size(const struct ahb_ap *ap)
{
	return 1u << (ap->csw & CSW_SIZE);
}

static void increment(struct ahb_ap *ap)
{
	if (ap->csw & CSW_INCREMENT)
		ap->tar = (ap->tar & ~TAR_WRAP) | ((ap->tar + transfer_size(ap)) & TAR_WRAP);
}

/* Narrow transfers use the byte lanes that the address selects. */
static enum bus_result one_read(struct ahb_ap *ap, uint32_t address, unsigned int size, uint32_t *value)
{
	uint32_t lanes = 0;
	enum bus_result result = bus_read(&ap->part->bus, BUS_DEBUG, address, size, &lanes);

	if (result == BUS_OK)
		*value |= lanes << (8 * (address & 3));
	return result;
}

static enum bus_result one_write(struct ahb_ap *ap, uint32_t address, unsigned int size, uint32_t value)
{
	uint32_t mask = size == 4 ? 0xffffffffu : (1u << (8 * size)) - 1;

	return bus_write(&ap->part->bus, BUS_DEBUG, address, size, (value >> (8 * (address & 3))) & mask);
}

static enum bus_result data_access(struct ahb_ap *ap, bool is_read, uint32_t *value)
{
	unsigned int size = transfer_size(ap), times = packed(ap) ? 4 / size : 1;
	uint32_t collected = 0;

	if (ap->tar % size)
		return BUS_FAULT;
	for (unsigned int i = 0; i < times; i++) {
		enum bus_result result = is_read ? one_read(ap, ap->tar, size, &collected) : one_write(ap, ap->tar, size, *value);

		if (result != BUS_OK)
			return result;
		increment(ap);
	}
	if (is_read)
		*value = collected;
	return BUS_OK;
}

static enum bus_result banked_access(struct ahb_ap *ap, uint8_t reg, bool is_read, uint32_t *value)
{
	uint32_t address = (ap->tar & ~0xfu) | (reg & 0xc);

	if (!is_read)
		return one_write(ap, address, 4, *value);
	*value = 0;
	return one_read(ap, address, 4, value);
}

static enum bus_result memory_access(struct ahb_ap *ap, uint8_t reg, bool is_read, uint32_t *value)
{
	part_catch_up(ap->part);
	if (!part_memory_open(ap->part))
		return BUS_FAULT;
	return reg == AP_DRW ? data_access(ap, is_read, value) : banked_access(ap, reg, is_read, value);
}

static bool reaches_memory(uint8_t reg)
{
	return reg == AP_DRW || (reg >= AP_BD0 && reg <= AP_BD3);
}

/* A port that the part's lock has closed identifies itself as nothing. */
static enum bus_result ahb_ap_read(void *context, uint8_t reg, uint32_t *value)
{
	struct ahb_ap *ap = context;
	bool open = part_debug_open(ap->part);

	if (reaches_memory(reg))
		return memory_access(ap, reg, true, value);
	switch (reg) {
	case AP_CSW:
		*value = ap->csw & (open ? ~0u : ~CSW_DEVICE_ENABLED);
		break;
	case AP_TAR:
		*value = ap->tar;
		break;
	case AP_BASE:
		*value = open ? ROM_TABLE_ENTRY : 0;
		break;
	case AP_IDR:
		*value = open ? AHB_AP_IDR : 0;
		break;
	case AP_CFG: /* little-endian */
	default:
		*value = 0;
		break;
	}
	return BUS_OK;
}

static enum bus_result ahb_ap_write(void *context, uint8_t reg, uint32_t value)
{
	struct ahb_ap *ap = context;

	if (reaches_memory(reg))
		return memory_access(ap, reg, false, &value);
	if (reg == AP_TAR)
		ap->tar = value;
	/* A size this port does not have leaves the size as it was (E1.5.2). */
	if (reg == AP_CSW && (value & CSW_SIZE) > 2)
		value = (value & ~CSW_SIZE) | (ap->csw & CSW_SIZE);
	if (reg == AP_CSW)
		ap->csw = (ap->csw & ~CSW_WRITABLE) | (value & CSW_WRITABLE);
	return BUS_OK;
}

struct access_port ahb_ap_port(struct ahb_ap *ap)
{
	return (struct access_port){ .read = ahb_ap_read, .write = ahb_ap_write, .context = ap };
}
