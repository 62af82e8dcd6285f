/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ARM Debug Interface behind the wire: debug port, access ports, memory through a MEM-AP (ADIv5.2, IHI 0031).
 *
 * Functions return 0 or a refusal code: SWD_PARITY, SWD_FAULT, SWD_WAIT, PART_GONE, CABLE. A busy target is waited for, a
 * disturbed transfer is repeated a few times; the codes mean that this did not help. Repeating is safe because every list of
 * transfers here starts by setting the registers it depends on.
 */
#ifndef HEAD_ADIV5_H
#define HEAD_ADIV5_H

#include "head/swd.h"

#define ADIV5_LIST 1040 /* transfers in one list: a 4 KiB page and what goes around it */
#define ADIV5_AP_IDR 0xfc

struct adiv5 {
	struct swd *swd;
	uint32_t dpidr;
	uint32_t select; /* what DP SELECT holds */
	bool select_known;
	bool memory_ready; /* CSW of access port 0 is set */
	size_t count;
	struct swd_transfer list[ADIV5_LIST];
};

/*
 * Learned pace of writes into a memory that is busy after each: idle clocks between words, found by overruns, narrowed by
 * halving. All zero to begin with. A memory without busy time never needs any and gets long sequences soon.
 */
struct adiv5_pace {
	unsigned int idle; /* clocks between two words now */
	unsigned int too_few; /* the largest number known to overrun */
	unsigned int enough; /* the smallest known to do, 0 when none is */
	bool settled;
	size_t window; /* words in one sequence */
};

struct adiv5_poke {
	uint32_t address;
	uint32_t value;
};

/* Line reset, DPIDR, clear what an earlier session left, power up with overrun detection. NO_PART when nothing answers. */
int adiv5_connect(struct adiv5 *dap, struct swd *swd);

int adiv5_ap_read(struct adiv5 *dap, unsigned int port, unsigned int reg, uint32_t *value);
int adiv5_ap_write(struct adiv5 *dap, unsigned int port, unsigned int reg, uint32_t value);

/* Memory behind access port 0, whole words at aligned addresses. */
int adiv5_read(struct adiv5 *dap, uint32_t address, uint32_t *words, size_t count);
/* @pace is NULL for memory that takes words as they come. */
int adiv5_write(struct adiv5 *dap, uint32_t address, const uint32_t *words, size_t count, struct adiv5_pace *pace);
/* Single words to scattered addresses, in order. At most ADIV5_POKES. */
#define ADIV5_POKES 32
int adiv5_poke(struct adiv5 *dap, const struct adiv5_poke *pokes, size_t count);

#endif
