/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part's internal bus: who answers which address, for the debugger's AHB-AP and for the CPU alike. */
#ifndef PART_MEMORY_H
#define PART_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define BUS_REGIONS_MAX 16

enum bus_result {
	BUS_OK,
	BUS_FAULT, /* nobody there, or refused: the master gets a bus error */
	BUS_WAIT, /* not finished; the master must come again with the same access */
};

/* The CPU's stores stall it until the memory is ready; a debugger is told to wait. */
enum bus_master { BUS_DEBUG, BUS_CPU };

struct bus_access {
	uint32_t offset; /* within the region, aligned to size */
	unsigned int size; /* 1, 2 or 4 bytes */
	enum bus_master master;
};

struct bus_region {
	const char *name;
	uint32_t base, size;
	uint8_t *memory; /* bytes that can be executed in place; NULL for registers */
	/* Either may be NULL where memory is set: the bytes are then plain RAM. */
	enum bus_result (*read)(void *context, const struct bus_access *access, uint32_t *value);
	enum bus_result (*write)(void *context, const struct bus_access *access, uint32_t value);
	void *context;
	/* Bytes changed behind the CPU's back since the CPU last ran: [dirty_low, dirty_high). */
	uint32_t dirty_low, dirty_high;
};

struct bus {
	struct bus_region regions[BUS_REGIONS_MAX];
	unsigned int count;
};

void bus_add(struct bus *bus, const struct bus_region *region);
struct bus_region *bus_find(struct bus *bus, uint32_t address);
/* @address must be aligned to @size. Values lie in the low bits. */
enum bus_result bus_read(struct bus *bus, enum bus_master master, uint32_t address, unsigned int size, uint32_t *value);
enum bus_result bus_write(struct bus *bus, enum bus_master master, uint32_t address, unsigned int size, uint32_t value);
/* Memory at @address was changed by other than the CPU's own store. */
void bus_changed(struct bus *bus, uint32_t address, uint32_t size);

#endif
