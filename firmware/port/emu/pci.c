// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A PCI Express endpoint: type 0 header, then power management, PCI Express and MSI-X or MSI capabilities, and advanced error
 * reporting. The client (QEMU) keeps BARs, MSI and MSI-X tables for itself, and forwards the writes.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "provcard_hif.h"
#include "pci.h"

#define CAP_PM 0x40
#define CAP_EXPRESS 0x50
#define CAP_MSI 0x90 /* MSI-X or MSI */
#define CAP_ERRORS PCI_CFG_SPACE_SIZE
#define ERRORS_SIZE 0x48
/* What the PCI Express base specification has after power-on: which errors are fatal, which are masked. */
#define ERRORS_SEVERITY 0x00462030
#define ERRORS_SEVERITY_BITS 0x07fff030
#define ERRORS_MASK 0x00400000
#define ERRORS_CORRECTABLE_MASK 0x0000e000
#define ERRORS_CORRECTABLE_BITS 0x0000f1c1
#define LINK_GEN3_X4 (PCI_EXP_LNKCAP_SLS_8_0GB | 4 << 4)

static void put16(struct pci *pci, size_t offset, uint16_t value, uint16_t writable)
{
	pci->config[offset] = (uint8_t)value;
	pci->config[offset + 1] = (uint8_t)(value >> 8);
	pci->writable[offset] = (uint8_t)writable;
	pci->writable[offset + 1] = (uint8_t)(writable >> 8);
}

static void put32(struct pci *pci, size_t offset, uint32_t value, uint32_t writable)
{
	put16(pci, offset, (uint16_t)value, (uint16_t)writable);
	put16(pci, offset + 2, (uint16_t)(value >> 16), (uint16_t)(writable >> 16));
}

static uint16_t get16(const struct pci *pci, size_t offset)
{
	return (uint16_t)(pci->config[offset] | pci->config[offset + 1] << 8);
}

uint32_t pci_msi_messages(uint32_t vectors)
{
	uint32_t messages = 1;

	while (messages < vectors)
		messages *= 2;
	return messages;
}

static void header(struct pci *pci)
{
	put16(pci, PCI_VENDOR_ID, PROVCARD_PCI_VENDOR_ID, 0);
	put16(pci, PCI_DEVICE_ID, PROVCARD_PCI_DEVICE_ID, 0);
	put16(pci, PCI_COMMAND, 0,
	      PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	put16(pci, PCI_STATUS, PCI_STATUS_CAP_LIST, 0);
	put32(pci, PCI_CLASS_REVISION, (uint32_t)PROVCARD_PCI_CLASS << 8 | 1, 0);
	put32(pci, PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_MEM_TYPE_64, ~(PROVCARD_BAR_REGS_SIZE - 1u));
	put32(pci, PCI_BASE_ADDRESS_1, 0, ~0u);
	if (!pci->msi_only) {
		put32(pci, PCI_BASE_ADDRESS_2, PCI_BASE_ADDRESS_MEM_TYPE_64, ~(PROVCARD_BAR_MSIX_SIZE - 1u));
		put32(pci, PCI_BASE_ADDRESS_3, 0, ~0u);
	}
	put16(pci, PCI_SUBSYSTEM_VENDOR_ID, PROVCARD_PCI_VENDOR_ID, 0);
	put16(pci, PCI_SUBSYSTEM_ID, PROVCARD_PCI_DEVICE_ID, 0);
	pci->config[PCI_CAPABILITY_LIST] = CAP_PM;
	pci->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	pci->writable[PCI_INTERRUPT_LINE] = 0xff;
}

/* D0 and D3hot; going back to D0 resets nothing. */
static void power_management(struct pci *pci)
{
	put16(pci, CAP_PM, PCI_CAP_ID_PM | CAP_EXPRESS << 8, 0);
	put16(pci, CAP_PM + PCI_PM_PMC, 3, 0);
	put16(pci, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET, PCI_PM_CTRL_STATE_MASK);
}

static void express(struct pci *pci)
{
	put16(pci, CAP_EXPRESS, PCI_CAP_ID_EXP | CAP_MSI << 8, 0);
	put16(pci, CAP_EXPRESS + PCI_EXP_FLAGS, 2 | PCI_EXP_TYPE_ENDPOINT << 4, 0);
	put32(pci, CAP_EXPRESS + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR, 0);
	/* Function level reset is a bit that reads zero: it acts when written. */
	put16(pci, CAP_EXPRESS + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN,
	      (uint16_t)~PCI_EXP_DEVCTL_BCR_FLR);
	put32(pci, CAP_EXPRESS + PCI_EXP_LNKCAP, LINK_GEN3_X4, 0);
	put16(pci, CAP_EXPRESS + PCI_EXP_LNKCTL, 0, PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC);
	put16(pci, CAP_EXPRESS + PCI_EXP_LNKSTA, LINK_GEN3_X4, 0);
	put32(pci, CAP_EXPRESS + PCI_EXP_LNKCAP2, PCI_EXP_LNKCAP2_SLS_2_5GB | PCI_EXP_LNKCAP2_SLS_5_0GB | PCI_EXP_LNKCAP2_SLS_8_0GB,
	      0);
	put16(pci, CAP_EXPRESS + PCI_EXP_LNKCTL2, PCI_EXP_LNKCTL2_TLS_8_0GT, 0);
}

/* An emulated link has no errors: the status registers stay 0. Masks and severities are the host's. */
static void errors(struct pci *pci)
{
	put32(pci, CAP_ERRORS, PCI_EXT_CAP_ID_ERR | 2 << 16, 0);
	put32(pci, CAP_ERRORS + PCI_ERR_UNCOR_MASK, ERRORS_MASK, ERRORS_SEVERITY_BITS);
	put32(pci, CAP_ERRORS + PCI_ERR_UNCOR_SEVER, ERRORS_SEVERITY, ERRORS_SEVERITY_BITS);
	put32(pci, CAP_ERRORS + PCI_ERR_COR_MASK, ERRORS_CORRECTABLE_MASK, ERRORS_CORRECTABLE_BITS);
}

static void msi(struct pci *pci, uint32_t vectors)
{
	uint16_t log2 = 0;

	while (1u << log2 < vectors)
		log2++;
	put16(pci, CAP_MSI, PCI_CAP_ID_MSI, 0);
	put16(pci, CAP_MSI + PCI_MSI_FLAGS, (uint16_t)(PCI_MSI_FLAGS_64BIT | log2 << 1),
	      PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	put32(pci, CAP_MSI + PCI_MSI_ADDRESS_LO, 0, ~3u);
	put32(pci, CAP_MSI + PCI_MSI_ADDRESS_HI, 0, ~0u);
	put16(pci, CAP_MSI + PCI_MSI_DATA_64, 0, 0xffff);
}

static void msix(struct pci *pci, uint32_t vectors)
{
	put16(pci, CAP_MSI, PCI_CAP_ID_MSIX, 0);
	put16(pci, CAP_MSI + PCI_MSIX_FLAGS, (uint16_t)(vectors - 1), PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	put32(pci, CAP_MSI + PCI_MSIX_TABLE, PROVCARD_BAR_MSIX, 0);
	put32(pci, CAP_MSI + PCI_MSIX_PBA, PROVCARD_MSIX_PBA_OFFSET | PROVCARD_BAR_MSIX, 0);
}

void pci_init(struct pci *pci, uint32_t vectors, bool msi_only)
{
	memset(pci, 0, sizeof(*pci));
	pci->msi_only = msi_only;
	header(pci);
	power_management(pci);
	express(pci);
	errors(pci);
	if (msi_only)
		msi(pci, vectors);
	else
		msix(pci, vectors);
}

void pci_reset(struct pci *pci)
{
	uint32_t vectors = pci->msi_only ? 1u << (get16(pci, CAP_MSI + PCI_MSI_FLAGS) >> 1 & 7) :
					   (get16(pci, CAP_MSI + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1u;
	uint8_t sticky[ERRORS_SIZE];

	memcpy(sticky, pci->config + CAP_ERRORS, sizeof(sticky));
	pci_init(pci, vectors, pci->msi_only);
	memcpy(pci->config + CAP_ERRORS, sticky, sizeof(sticky));
}

static bool inside(size_t offset, size_t size)
{
	return offset <= PCI_CONFIG_SIZE && size <= PCI_CONFIG_SIZE - offset;
}

void pci_read(const struct pci *pci, size_t offset, void *data, size_t size)
{
	if (inside(offset, size))
		memcpy(data, pci->config + offset, size);
	else
		memset(data, 0xff, size);
}

bool pci_write(struct pci *pci, size_t offset, const void *data, size_t size)
{
	const size_t control = CAP_EXPRESS + PCI_EXP_DEVCTL + 1; /* the byte with the reset bit */
	const uint8_t *bytes = data;
	size_t i;

	if (!inside(offset, size))
		return false;
	for (i = 0; i < size; i++) {
		uint8_t mask = pci->writable[offset + i];

		pci->config[offset + i] = (uint8_t)((pci->config[offset + i] & ~mask) | (bytes[i] & mask));
	}
	return offset <= control && control - offset < size && bytes[control - offset] & PCI_EXP_DEVCTL_BCR_FLR >> 8;
}

bool pci_is_master(const struct pci *pci)
{
	return get16(pci, PCI_COMMAND) & PCI_COMMAND_MASTER;
}
