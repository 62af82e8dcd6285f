// SPDX-License-Identifier: GPL-2.0-or-later
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

void bus_add(struct bus *bus, const struct bus_region *region)
{
	if (bus->count == BUS_REGIONS_MAX)
		abort();
	bus->regions[bus->count++] = *region;
}

struct bus_region *bus_find(struct bus *bus, uint32_t address)
{
	for (unsigned int i = 0; i < bus->count; i++)
		if (address - bus->regions[i].base < bus->regions[i].size)
			return &bus->regions[i];
	return NULL;
}

static uint32_t bytes_get(const uint8_t *bytes, unsigned int size)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint32_t)bytes[i] << (8 * i);
	return value;
}

static void bytes_put(uint8_t *bytes, unsigned int size, uint32_t value)
{
	for (unsigned int i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

enum bus_result bus_read(struct bus *bus, enum bus_master master, uint32_t address, unsigned int size, uint32_t *value)
{
	struct bus_region *region = bus_find(bus, address);

	if (!region || address % size)
		return BUS_FAULT;
	struct bus_access access = { .offset = address - region->base, .size = size, .master = master };

	if (region->read)
		return region->read(region->context, &access, value);
	if (!region->memory)
		return BUS_FAULT;
	*value = bytes_get(region->memory + access.offset, size);
	return BUS_OK;
}

enum bus_result bus_write(struct bus *bus, enum bus_master master, uint32_t address, unsigned int size, uint32_t value)
{
	struct bus_region *region = bus_find(bus, address);

	if (!region || address % size)
		return BUS_FAULT;
	struct bus_access access = { .offset = address - region->base, .size = size, .master = master };

	if (region->write)
		return region->write(region->context, &access, value);
	if (!region->memory)
		return BUS_FAULT;
	bytes_put(region->memory + access.offset, size, value);
	bus_changed(bus, address, size);
	return BUS_OK;
}

void bus_changed(struct bus *bus, uint32_t address, uint32_t size)
{
	struct bus_region *region = bus_find(bus, address);

	if (!region)
		return;
	uint32_t low = address - region->base, high = low + size;

	if (region->dirty_low == region->dirty_high) {
		region->dirty_low = low;
		region->dirty_high = high;
		return;
	}
	if (low < region->dirty_low)
		region->dirty_low = low;
	if (high > region->dirty_high)
		region->dirty_high = high;
}
