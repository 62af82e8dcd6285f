/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The card as a PCI function: configuration space, BARs, interrupts, memory. Used by the serving thread. */
#ifndef PROVCARD_EMU_ENDPOINT_H
#define PROVCARD_EMU_ENDPOINT_H

#include "controller.h"
#include "pci.h"
#include "provcard_hif.h"

struct endpoint {
	struct pci pci;
	struct dma dma;
	struct irqs irqs;
	uint8_t msix_table[PROVCARD_MSIX_PBA_OFFSET];
	struct controller *controller;
};

/* Starts the card. @version: of the host interface to offer, PROVCARD_HIF_VERSION or an older one. 0 or a negative errno. */
int endpoint_init(struct endpoint *endpoint, const struct port *port, unsigned int heads, bool msi_only, uint32_t version);
void endpoint_destroy(struct endpoint *endpoint);
/* A reset of the function: configuration space and controller. Maps and event descriptors are the client's and stay. */
void endpoint_reset(struct endpoint *endpoint);
/* Bytes of a region (VFIO_PCI_*_REGION_INDEX), 0 when there is none. */
uint64_t endpoint_region_size(const struct endpoint *endpoint, uint32_t region);
/* Interrupts of an index (VFIO_PCI_*_IRQ_INDEX). */
uint32_t endpoint_irq_count(const struct endpoint *endpoint, uint32_t index);
/* The range is within the region. */
void endpoint_read(struct endpoint *endpoint, uint32_t region, uint64_t offset, void *data, size_t size);
void endpoint_write(struct endpoint *endpoint, uint32_t region, uint64_t offset, const void *data, size_t size);

#endif
