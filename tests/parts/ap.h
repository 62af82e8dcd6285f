/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The AHB-AP of a Cortex-M4 (ADIv5.2, chapters C2 and E1): the debugger's door to the bus. */
#ifndef PART_AP_H
#define PART_AP_H

#include <stdbool.h>
#include <stdint.h>

#include "dp.h"
#include "memory.h"

struct part;

struct ahb_ap {
	struct part *part;
	uint32_t csw, tar;
};

void ahb_ap_power_on(struct ahb_ap *ap, struct part *part);
struct access_port ahb_ap_port(struct ahb_ap *ap);

#endif
