/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration space of the card's one PCI function. Used by the serving thread alone. */
#ifndef PROVCARD_EMU_PCI_H
#define PROVCARD_EMU_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_CONFIG_SIZE 4096

struct pci {
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* bits that the host may change */
	bool msi_only;
};

/* @vectors: interrupt vectors, 1 to 32; with MSI as many messages, rounded up to a power of two. */
void pci_init(struct pci *pci, uint32_t vectors, bool msi_only);
/* What a reset of the function does to configuration space. Masks and severities of errors are sticky: they stay. */
void pci_reset(struct pci *pci);
void pci_read(const struct pci *pci, size_t offset, void *data, size_t size);
/* Returns true when the write asked for a function level reset. */
bool pci_write(struct pci *pci, size_t offset, const void *data, size_t size);
bool pci_is_master(const struct pci *pci);
uint32_t pci_msi_messages(uint32_t vectors);

#endif
