/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot stage: chooses a slot, makes sure that what stands there is the maker's firmware for this board and not below the floor,
 * and starts it. It trusts nothing on the card's memory, and needs neither clock nor ledger.
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "flags.h"
#include "image.h"

/* How the board executes an image. */
struct boot_board {
	void *context;
	/*
	 * Bring an image to where it is executed, so that nobody changes it any more, and show it there: that is what is measured.
	 * 0 or a negative errno.
	 */
	int (*load)(void *context, const struct boot_place *place, const struct provpkg_section *section, struct provpkg_view *image);
	/* Execute what was loaded last. Returns only when that failed: a negative errno. A test's may return 0. */
	int (*start)(void *context, const struct port_firmware *firmware);
	/* Why a slot is not started: @code is a refusal or a negative errno. */
	void (*passed_over)(void *context, unsigned int slot, int code);
};

/*
 * Start the firmware: the one that waits for its trial, else the one in force, else the one before. A slot whose trials are used up
 * or that is not genuine is marked BAD. Returns when nothing could be started: a refusal or a negative errno, of the last slot that
 * was looked at; or 0 as board->start() does.
 */
int boot_run(const struct port *port, STACK_OF(X509) *anchors, const struct boot_board *board);

#endif
