/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the boot stage leaves for the firmware that it starts: a sealed memory file, named by its descriptor. */
#ifndef PROVCARD_EMU_BOOT_REPORT_H
#define PROVCARD_EMU_BOOT_REPORT_H

#include "port.h"

#define BOOT_ANCHORS_MAX 16384

struct boot_report {
	struct port_firmware firmware;
	uint32_t anchors_size;
	uint8_t anchors[BOOT_ANCHORS_MAX]; /* DER certificates, one behind the other */
};

/* A sealed descriptor that stays open over exec, or a negative errno. */
int boot_report_write(const struct boot_report *report);
/* Reads and closes it. 0 or a negative errno. */
int boot_report_read(int fd, struct boot_report *report);
/* Without a boot stage: SHA-256 of this process's own executable, no slot, no anchors. */
int boot_report_measure(struct boot_report *report);

#endif
