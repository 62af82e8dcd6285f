/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verification by checksum: a small routine in the part's RAM computes a CRC-32 of each region, so that only the checksums
 * cross the wire. It finds what went wrong in programming; it is no proof against a part that lies.
 */
#ifndef HEAD_CRC_H
#define HEAD_CRC_H

#include "head/adiv5.h"
#include "head/head.h"

/*
 * The core must be halted; @ram is 3 KiB of its memory that may be overwritten. 0: equal. VERIFY_FAILED: different.
 * -EOPNOTSUPP: the part did not run the routine to its end, which says nothing of the regions. Others as adiv5.h.
 */
int crc_verify(struct adiv5 *dap, uint32_t ram, const struct head_region *regions, size_t count);

#endif
