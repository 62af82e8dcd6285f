/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between dma.c and dma_map.c. */
#ifndef PROVCARD_EMU_DMA_PRIVATE_H
#define PROVCARD_EMU_DMA_PRIVATE_H

#include "dma.h"

/* The map that holds @address, NULL for none. Caller holds the lock. */
struct dma_map *dma_find(struct dma *dma, uint64_t address);
/* Makes a bus error in a transfer an error of that transfer; for the whole process. */
void dma_guard_install(void);

#endif
