/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A board's boot stage in memory: what it starts is noted, and runs from then on as far as the board can tell. */
#ifndef TEST_ROM_H
#define TEST_ROM_H

#include "boot/boot.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/vendor.h"

struct rom {
	struct fake_port *board;
	const struct vendor *vendor;
	uint8_t *image; /* loaded last */
	bool bend; /* a bit changes on the way to where it is executed */
	bool load_fails;
	bool start_fails;
	unsigned int started; /* slot started last, BOOT_SLOTS for none */
	int passed[BOOT_SLOTS]; /* why it was passed over, 0: it was not */
};

/* On @board, with @vendor's anchors in its read-only memory. */
void rom_new(struct rom *rom, struct fake_port *board, const struct vendor *vendor);
void rom_free(struct rom *rom);
/* Power on: as boot_run(). */
int rom_boot(struct rom *rom);

/* What stands in a slot, durably. */
void rom_put(struct fake_port *board, unsigned int slot, const struct provpkg_blob *file);
void rom_set_flags(struct fake_port *board, unsigned int active, enum boot_state a, enum boot_state b);
struct boot_flags rom_flags(struct fake_port *board);
/* Flip a bit of a region, durably. */
void rom_flip(struct fake_port *board, enum port_region region, uint64_t bit);

#endif
