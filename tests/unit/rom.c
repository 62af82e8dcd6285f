// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/rom.h"

#define NEED(what) ((what) ? (void)0 : need_failed(#what, __LINE__))

static _Noreturn void need_failed(const char *what, int line)
{
	fprintf(stderr, "rom.c:%d: %s\n", line, what);
	abort();
}

static int load(void *context, const struct boot_place *place, const struct provpkg_section *section, struct provpkg_view *image)
{
	struct rom *rom = context;
	const struct port *port = &rom->board->port;

	if (rom->load_fails)
		return -ENOMEM;
	free(rom->image);
	rom->image = malloc((size_t)section->size);
	NEED(!port->ops->nv_read(port->context, place->region, place->offset + section->offset, rom->image, (size_t)section->size));
	if (rom->bend)
		rom->image[section->size / 2] ^= 0x10;
	*image = (struct provpkg_view){ rom->image, (size_t)section->size };
	return 0;
}

static int start(void *context, const struct port_firmware *firmware)
{
	struct rom *rom = context;

	if (rom->start_fails)
		return -ENOEXEC;
	rom->started = firmware->slot;
	rom->board->firmware = *firmware;
	return 0;
}

static void passed_over(void *context, unsigned int slot, int code)
{
	((struct rom *)context)->passed[slot] = code;
}

void rom_new(struct rom *rom, struct fake_port *board, const struct vendor *vendor)
{
	*rom = (struct rom){ .board = board, .vendor = vendor };
	board->anchors = vendor->der.data;
	board->anchors_size = vendor->der.size;
}

void rom_free(struct rom *rom)
{
	free(rom->image);
	rom->image = NULL;
}

int rom_boot(struct rom *rom)
{
	const struct boot_board board = { rom, load, start, passed_over };

	rom->started = BOOT_SLOTS;
	memset(rom->passed, 0, sizeof(rom->passed));
	return boot_run(&rom->board->port, rom->vendor->anchors, &board);
}

static void write_durably(struct fake_port *board, enum port_region region, uint64_t offset, const void *data, size_t size)
{
	const struct port *port = &board->port;

	NEED(!port->ops->nv_write(port->context, region, offset, data, size) && !port->ops->nv_flush(port->context, region));
}

void rom_put(struct fake_port *board, unsigned int slot, const struct provpkg_blob *file)
{
	write_durably(board, slot ? PORT_NV_FIRMWARE_B : PORT_NV_FIRMWARE_A, 0, file->data, file->size);
}

void rom_set_flags(struct fake_port *board, unsigned int active, enum boot_state a, enum boot_state b)
{
	struct boot_flags flags = rom_flags(board);

	flags.active = active;
	flags.slot[0] = (struct boot_slot){ .state = a };
	flags.slot[1] = (struct boot_slot){ .state = b };
	NEED(!boot_flags_write(&board->port, &flags));
}

struct boot_flags rom_flags(struct fake_port *board)
{
	struct boot_flags flags;
	enum boot_found found;

	NEED(!boot_flags_read(&board->port, &flags, &found));
	return flags;
}

void rom_flip(struct fake_port *board, enum port_region region, uint64_t bit)
{
	uint8_t byte = board->region[region].now[bit / 8] ^ (uint8_t)(1 << bit % 8);

	write_durably(board, region, bit / 8, &byte, 1);
}
