// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can still be read of a card that was given up, at /sys/class/devcoredump. Text, one fact a
 * line; Documentation/driver.rst has the format. It never holds an address, an argument, a job
 * handle or a byte of anybody's buffer: those are where secrets could be.
 */
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/devcoredump.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/jiffies.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>

#include "card.h"

#define PROVCARD_COREDUMP_VERSION 1
/* Longest lines, rounded up generously; text that does not fit is cut off and harms nobody. */
#define PROVCARD_COREDUMP_HEAD 2048
#define PROVCARD_COREDUMP_QUEUE 160
#define PROVCARD_COREDUMP_COMMAND 96

static const char *const provcard_origin_names[] = {
	[PROVCARD_ORIGIN_USER] = "user",
	[PROVCARD_ORIGIN_DRIVER] = "driver",
	[PROVCARD_ORIGIN_SETUP] = "setup",
};

static void provcard_coredump_card(struct provcard *card, struct seq_buf *dump)
{
	seq_buf_printf(dump, "provcard-coredump %u\n", PROVCARD_COREDUMP_VERSION);
	seq_buf_printf(dump, "time %lld\n", ktime_get_boottime_seconds());
	seq_buf_printf(dump, "function %s\n", pci_name(card->pdev));
	seq_buf_printf(dump, "serial %s\n", card->serial);
	seq_buf_printf(dump, "firmware %s\n", card->firmware);
	seq_buf_printf(dump, "generation %u\n", card->generation);
	seq_buf_printf(dump, "vectors %u\n", card->vectors_count);
}

/* Whose link is down is not asked. The addresses of the admin rings are left out. */
static void provcard_coredump_registers(struct provcard *card, struct seq_buf *dump)
{
	u16 command = 0, status = 0;

	pci_read_config_word(card->pdev, PCI_COMMAND, &command);
	pci_read_config_word(card->pdev, PCI_STATUS, &status);
	seq_buf_printf(dump, "register PCI_COMMAND %#x\n", command);
	seq_buf_printf(dump, "register PCI_STATUS %#x\n", status);
	if (pci_channel_offline(card->pdev)) {
		seq_buf_printf(dump, "register unreachable\n");
		return;
	}
	seq_buf_printf(dump, "register CAP %#llx\n", lo_hi_readq(card->regs + PROVCARD_REG_CAP));
	seq_buf_printf(dump, "register VS %#x\n", readl(card->regs + PROVCARD_REG_VS));
	seq_buf_printf(dump, "register FEATURES %#x\n", readl(card->regs + PROVCARD_REG_FEATURES));
	seq_buf_printf(dump, "register CC %#x\n", readl(card->regs + PROVCARD_REG_CC));
	seq_buf_printf(dump, "register CSTS %#x\n", readl(card->regs + PROVCARD_REG_CSTS));
	seq_buf_printf(dump, "register AQA %#x\n", readl(card->regs + PROVCARD_REG_AQA));
}

static void provcard_coredump_command(const struct provcard_request *request, struct seq_buf *dump)
{
	seq_buf_printf(dump, "command queue %u slot %u opcode %#x origin %s age_ms %u%s\n",
		       request->queue->id, request->slot, request->sqe.opcode,
		       provcard_origin_names[request->origin],
		       jiffies_to_msecs(jiffies - request->submitted_at),
		       READ_ONCE(request->expired) ? " expired" : "");
}

static void provcard_coredump_queue(struct provcard_queue *queue, struct seq_buf *dump)
{
	guard(spinlock_irqsave)(&queue->lock);
	seq_buf_printf(dump,
		       "queue %u vector %u enabled %u closed %d sq_tail %u cq_head %u phase %u unreleased %u slots %u of %u\n",
		       queue->id, queue->vector, queue->enabled, queue->closed, queue->sq_tail,
		       queue->cq_head, queue->phase, queue->cq_unreleased,
		       bitmap_weight(queue->slots, PROVCARD_SQ_ENTRIES), queue->slots_all);
	for (unsigned int slot = 0; slot < queue->slots_all; slot++)
		if (queue->requests[slot])
			provcard_coredump_command(queue->requests[slot], dump);
}

/**
 * provcard_coredump_begin - note what the card is like, before it is stopped
 * @card: the card; the caller holds its reset_lock
 * @dump: for provcard_coredump_publish() or provcard_coredump_discard(), which must follow
 *
 * Without memory for it there is no dump, and nothing else changes.
 */
void provcard_coredump_begin(struct provcard *card, struct seq_buf *dump)
{
	size_t size = PROVCARD_COREDUMP_HEAD +
		      (card->io_queues + 1) *
			      (PROVCARD_COREDUMP_QUEUE +
			       PROVCARD_SQ_ENTRIES * PROVCARD_COREDUMP_COMMAND);
	char *text = vmalloc(size);

	seq_buf_init(dump, text, text ? size : 0);
	if (!text)
		return;
	provcard_coredump_card(card, dump);
	provcard_coredump_registers(card, dump);
	for (unsigned int id = 0; id <= card->io_queues; id++)
		provcard_coredump_queue(&card->queues[id], dump);
}

static void provcard_coredump_history(struct provcard *card, struct seq_buf *dump)
{
	unsigned int total = card->resets_total;
	unsigned int count = min_t(unsigned int, total, PROVCARD_HISTORY);

	seq_buf_printf(dump, "resets %u\n", total);
	for (unsigned int i = total - count; i != total; i++) {
		const struct provcard_reset_record *record = &card->history[i % PROVCARD_HISTORY];

		seq_buf_printf(dump, "reset time %lld CSTS %#x result %d\n", record->when,
			       record->status, record->result);
	}
}

/**
 * provcard_coredump_publish - offer the dump to user space
 * @card: the card, given up; the caller holds its reset_lock
 * @dump: from provcard_coredump_begin(); consumed
 * @error: why it was given up
 *
 * The kernel keeps it five minutes, or until somebody writes to it. Of a card that has died again
 * meanwhile the older dump stays.
 */
void provcard_coredump_publish(struct provcard *card, struct seq_buf *dump, int error)
{
	if (!dump->buffer)
		return;
	provcard_coredump_history(card, dump);
	seq_buf_printf(dump, "given-up %d\n", error);
	dev_coredumpv(&card->pdev->dev, dump->buffer, seq_buf_used(dump), GFP_KERNEL);
}

/**
 * provcard_coredump_discard - the card lives
 * @dump: from provcard_coredump_begin(); consumed
 */
void provcard_coredump_discard(struct seq_buf *dump)
{
	vfree(dump->buffer);
}
