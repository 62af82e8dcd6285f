// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupt messages: MSI-X or MSI, one vector for the admin queue and one per I/O queue, or all
 * queues on one vector where there is only one.
 */
#include <linux/interrupt.h>

#include "card.h"

static irqreturn_t provcard_interrupt(int irq, void *data)
{
	struct provcard_vector *vector = data;
	struct provcard *card = vector->card;
	bool any = false;

	for (unsigned int id = 0; id <= card->io_queues; id++)
		if (card->queues[id].vector == vector->index)
			any |= provcard_queue_reap(&card->queues[id]);
	return IRQ_RETVAL(any);
}

/* Decides how many I/O queues there are: one per head, fewer when vectors are short. */
int provcard_irq_alloc(struct provcard *card)
{
	unsigned int offered =
		min_t(unsigned int, PROVCARD_CAP_IOQ(card->cap), PROVCARD_MAX_IO_QUEUES);
	int count = pci_alloc_irq_vectors(card->pdev, 1, offered + 1, PCI_IRQ_MSIX | PCI_IRQ_MSI);

	if (count < 0)
		return count;
	card->vectors_count = count;
	card->io_queues = count > 1 ? min_t(unsigned int, offered, count - 1) : offered;
	for (unsigned int id = 0; id <= card->io_queues; id++)
		card->queues[id].vector = count > 1 ? id : 0;
	return 0;
}

/* The vectors below @count are free of handlers afterwards. */
static void provcard_irq_release(struct provcard *card, unsigned int count)
{
	while (count--)
		pci_free_irq(card->pdev, count, &card->vectors[count]);
}

int provcard_irq_request(struct provcard *card)
{
	for (unsigned int i = 0; i < card->vectors_count; i++) {
		int ret;

		card->vectors[i].card = card;
		card->vectors[i].index = i;
		ret = pci_request_irq(card->pdev, i, provcard_interrupt, NULL, &card->vectors[i],
				      "%s-%u", dev_name(&card->dev), i);
		if (ret) {
			provcard_irq_release(card, i);
			return ret;
		}
	}
	return 0;
}

void provcard_irq_free(struct provcard *card)
{
	provcard_irq_release(card, card->vectors_count);
}
