// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupt messages: MSI-X or MSI, one vector for the admin queue and one per I/O queue, or all
 * queues on one vector where there is only one.
 */
#include <linux/interrupt.h>

#include "card.h"

/*
 * A vector may interrupt for nothing as often as its queues had completions, which somebody else
 * may have taken already, and this often a second beyond that.
 */
#define PROVCARD_IDLE_INTERRUPTS 1000

static unsigned int provcard_vector_completions(const struct provcard_vector *vector)
{
	struct provcard *card = vector->card;
	unsigned int completions = 0;

	for (unsigned int id = 0; id <= card->io_queues; id++)
		if (card->queues[id].vector == vector->index)
			completions += READ_ONCE(card->queues[id].completions);
	return completions;
}

/* An interrupt found nothing to do. Are these too many? */
static bool provcard_vector_storms(struct provcard_vector *vector)
{
	unsigned int completions = provcard_vector_completions(vector);

	if (time_after(jiffies, vector->since + HZ)) {
		vector->since = jiffies;
		vector->completions = completions;
		vector->idle = 0;
	}
	return ++vector->idle > PROVCARD_IDLE_INTERRUPTS + (completions - vector->completions);
}

/* A card that interrupts without end must not take a processor. */
static void provcard_vector_silence(struct provcard_vector *vector, int irq)
{
	struct provcard *card = vector->card;

	dev_err_ratelimited(&card->pdev->dev, "vector %u: a storm of interrupts, silenced\n",
			    vector->index);
	disable_irq_nosync(irq);
	WRITE_ONCE(vector->silenced, true);
	provcard_reset_schedule(card, READ_ONCE(card->generation));
}

/*
 * Always handled, as far as the kernel is told: its own watch over idle interrupts would disable
 * the vector for good, and at a rate that is no harm yet.
 */
static irqreturn_t provcard_interrupt(int irq, void *data)
{
	struct provcard_vector *vector = data;
	struct provcard *card = vector->card;
	bool any = false;

	for (unsigned int id = 0; id <= card->io_queues; id++)
		if (card->queues[id].vector == vector->index)
			any |= provcard_queue_reap(&card->queues[id]);
	if (!any && provcard_vector_storms(vector))
		provcard_vector_silence(vector, irq);
	return IRQ_HANDLED;
}

/* Listen again to vectors that were silenced. The card is disabled, or gives reason for it soon. */
void provcard_irq_rearm(struct provcard *card)
{
	for (unsigned int i = 0; i < card->vectors_count; i++) {
		struct provcard_vector *vector = &card->vectors[i];

		if (!READ_ONCE(vector->silenced))
			continue;
		WRITE_ONCE(vector->silenced, false);
		vector->idle = 0;
		enable_irq(pci_irq_vector(card->pdev, i));
	}
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
