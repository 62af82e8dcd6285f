/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A firmware file on the card's memory: is it genuine? Boot stage and firmware judge by the same lines. */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include "port.h"
#include "provpkg.h"

/* Where a file lies. @room: bytes from @offset on that may belong to it. @exact: all of them must. */
struct boot_place {
	enum port_region region;
	uint64_t offset;
	uint64_t room;
	bool exact;
};

struct boot_image {
	struct provpkg_firmware_layout layout; /* offsets count from the place's */
	struct provpkg_firmware firmware;
	struct provpkg_blob manifest; /* CMS; boot_image_clear() */
};

/* The slot as a place. */
struct boot_place boot_slot_place(const struct port *port, unsigned int slot);

/*
 * Everything but the image itself: header, gap, both signatures, chains to @anchors, board, floor. Refusal codes as they stand with
 * provpkg_firmware_open(); FIRMWARE_FILE, FIRMWARE_WRONG_BOARD, FIRMWARE_ROLLBACK, TRAILING_DATA; STORAGE_FAILED. A negative errno
 * where the machine failed. @image is to be cleared whatever it returned.
 */
int boot_image_open(const struct port *port, const struct boot_place *place, STACK_OF(X509) *anchors, struct boot_image *image);
void boot_image_clear(struct boot_image *image);
/* FIRMWARE_DIGEST unless the image in the card's memory is the one that the manifest names. */
int boot_image_check(const struct port *port, const struct boot_place *place, const struct boot_image *image);

/* DER certificates one behind the other; NULL when they are not that or there are none. */
STACK_OF(X509) *boot_anchors(const uint8_t *der, size_t size);

#endif
