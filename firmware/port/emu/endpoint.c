// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <linux/vfio.h>

#include "endpoint.h"

int endpoint_init(struct endpoint *endpoint, const struct port *port, unsigned int heads, bool msi_only, uint32_t version)
{
	struct controller_config config = {
		.port = port, .dma = &endpoint->dma, .irqs = &endpoint->irqs, .heads = heads, .version = version
	};

	pci_init(&endpoint->pci, heads + 1, msi_only);
	dma_init(&endpoint->dma);
	irqs_init(&endpoint->irqs, heads + 1);
	memset(endpoint->msix_table, 0, sizeof(endpoint->msix_table));
	endpoint->controller = controller_create(&config);
	if (endpoint->controller)
		return 0;
	irqs_destroy(&endpoint->irqs);
	dma_destroy(&endpoint->dma);
	return -ENOMEM;
}

void endpoint_destroy(struct endpoint *endpoint)
{
	controller_destroy(endpoint->controller);
	irqs_destroy(&endpoint->irqs);
	dma_destroy(&endpoint->dma);
}

static void follow_master(struct endpoint *endpoint)
{
	bool master = pci_is_master(&endpoint->pci);

	if (master == endpoint->dma.master)
		return;
	dma_set_master(&endpoint->dma, master);
	irqs_set_master(&endpoint->irqs, master);
}

void endpoint_reset(struct endpoint *endpoint)
{
	controller_reset(endpoint->controller);
	pci_reset(&endpoint->pci);
	follow_master(endpoint);
	memset(endpoint->msix_table, 0, sizeof(endpoint->msix_table));
}

uint64_t endpoint_region_size(const struct endpoint *endpoint, uint32_t region)
{
	switch (region) {
	case VFIO_PCI_BAR0_REGION_INDEX + PROVCARD_BAR_REGS:
		return PROVCARD_BAR_REGS_SIZE;
	case VFIO_PCI_BAR0_REGION_INDEX + PROVCARD_BAR_MSIX:
		return endpoint->pci.msi_only ? 0 : PROVCARD_BAR_MSIX_SIZE;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return PCI_CONFIG_SIZE;
	default:
		return 0;
	}
}

uint32_t endpoint_irq_count(const struct endpoint *endpoint, uint32_t index)
{
	if (index == VFIO_PCI_MSIX_IRQ_INDEX && !endpoint->pci.msi_only)
		return endpoint->irqs.count;
	if (index == VFIO_PCI_MSI_IRQ_INDEX && endpoint->pci.msi_only)
		return pci_msi_messages(endpoint->irqs.count);
	return 0;
}

/* The client keeps the table that works; ours only remembers. The pending bits are ours. */
static void msix_read(struct endpoint *endpoint, uint64_t offset, void *data, size_t size)
{
	uint8_t bar[PROVCARD_BAR_MSIX_SIZE] = { 0 };
	uint64_t pending = htole64(irqs_pending(&endpoint->irqs));

	memcpy(bar, endpoint->msix_table, sizeof(endpoint->msix_table));
	memcpy(bar + PROVCARD_MSIX_PBA_OFFSET, &pending, sizeof(pending));
	memcpy(data, bar + offset, size);
}

static void msix_write(struct endpoint *endpoint, uint64_t offset, const void *data, size_t size)
{
	size_t table = (endpoint->irqs.count) * 16;

	if (offset < table && size <= table - offset)
		memcpy(endpoint->msix_table + offset, data, size);
}

void endpoint_read(struct endpoint *endpoint, uint32_t region, uint64_t offset, void *data, size_t size)
{
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		pci_read(&endpoint->pci, offset, data, size);
	else if (region == VFIO_PCI_BAR0_REGION_INDEX + PROVCARD_BAR_REGS)
		controller_read(endpoint->controller, offset, data, size);
	else
		msix_read(endpoint, offset, data, size);
}

void endpoint_write(struct endpoint *endpoint, uint32_t region, uint64_t offset, const void *data, size_t size)
{
	if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
		if (pci_write(&endpoint->pci, offset, data, size))
			endpoint_reset(endpoint);
		else
			follow_master(endpoint);
	} else if (region == VFIO_PCI_BAR0_REGION_INDEX + PROVCARD_BAR_REGS) {
		controller_write(endpoint->controller, offset, data, size);
	} else {
		msix_write(endpoint, offset, data, size);
	}
}
