// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/provcard/provcardN: what the queues and registers hold, for whoever looks for a
 * fault. Root reads, nobody writes, and no file shows what a command carries.
 *
 * The files exist from the end of probe to the begin of remove, and debugfs_remove() waits for who
 * is reading: that is their gate. What was open stays so and reads as an error.
 */
#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>

#include "card.h"

static struct dentry *provcard_debugfs;

static void provcard_show_depths(struct seq_file *file, const struct provcard_queue *queue)
{
	seq_puts(file, "  submissions by depth:");
	for (unsigned int i = 0; i < ARRAY_SIZE(queue->depths); i++)
		seq_printf(file, " %u+:%lu", 1u << i, queue->depths[i]);
	seq_putc(file, '\n');
}

static void provcard_show_queue(struct seq_file *file, struct provcard_queue *queue)
{
	guard(spinlock_irqsave)(&queue->lock);
	seq_printf(file, "queue %u: vector %u, %s, closed %d\n", queue->id, queue->vector,
		   str_enabled_disabled(queue->enabled), queue->closed);
	seq_printf(file, "  submission: %u entries, tail %u\n", queue->sq_entries, queue->sq_tail);
	seq_printf(file, "  completion: %u entries, head %u, phase %u, %u not released\n",
		   queue->cq_entries, queue->cq_head, queue->phase, queue->cq_unreleased);
	seq_printf(file, "  slots: %u of %u taken, %u for users\n",
		   bitmap_weight(queue->slots, PROVCARD_SQ_ENTRIES), queue->slots_all,
		   queue->slots_user);
	provcard_show_depths(file, queue);
}

static int provcard_queues_show(struct seq_file *file, void *unused)
{
	struct provcard *card = file->private;

	for (unsigned int id = 0; id <= card->io_queues; id++)
		provcard_show_queue(file, &card->queues[id]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(provcard_queues);

static void provcard_show_request(struct seq_file *file, const struct provcard_request *request)
{
	static const char *const origins[] = {
		[PROVCARD_ORIGIN_USER] = "user",
		[PROVCARD_ORIGIN_DRIVER] = "driver",
		[PROVCARD_ORIGIN_SETUP] = "setup",
	};

	seq_printf(file, "queue %u: cid %#06x opcode %#04x job %u in %llu out %u timeout_ms %u %s%s\n",
		   request->queue->id, le16_to_cpu(request->sqe.cid), request->sqe.opcode,
		   le32_to_cpu(request->sqe.job), request->in.length, request->out_limit,
		   request->timeout_ms, origins[request->origin],
		   READ_ONCE(request->expired) ? ", expired" : "");
}

/* The lock keeps what is in flight from ending, and so from being freed. */
static int provcard_requests_show(struct seq_file *file, void *unused)
{
	struct provcard *card = file->private;

	for (unsigned int id = 0; id <= card->io_queues; id++) {
		struct provcard_queue *queue = &card->queues[id];

		guard(spinlock_irqsave)(&queue->lock);
		for (unsigned int slot = 0; slot < queue->slots_all; slot++)
			if (queue->requests[slot])
				provcard_show_request(file, queue->requests[slot]);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(provcard_requests);

/*
 * They hold bus addresses of kernel memory. debugfs leaves files that can only be read open in a
 * locked down kernel, so it is asked here: for what guards the function's resource files, which
 * show the same registers.
 */
static int provcard_registers_show(struct seq_file *file, void *unused)
{
	struct provcard *card = file->private;
	int ret = security_locked_down(LOCKDOWN_PCI_ACCESS);
	u32 status;

	if (ret)
		return ret;
	status = readl(card->regs + PROVCARD_REG_CSTS);
	if (status == U32_MAX) {
		seq_puts(file, "gone\n");
		return 0;
	}
	seq_printf(file, "CAP      %#018llx\n", lo_hi_readq(card->regs + PROVCARD_REG_CAP));
	seq_printf(file, "VS       %#010x\n", readl(card->regs + PROVCARD_REG_VS));
	seq_printf(file, "FEATURES %#010x\n", readl(card->regs + PROVCARD_REG_FEATURES));
	seq_printf(file, "CC       %#010x\n", readl(card->regs + PROVCARD_REG_CC));
	seq_printf(file, "CSTS     %#010x\n", status);
	seq_printf(file, "AQA      %#010x\n", readl(card->regs + PROVCARD_REG_AQA));
	seq_printf(file, "ASQ      %#018llx\n", lo_hi_readq(card->regs + PROVCARD_REG_ASQ));
	seq_printf(file, "ACQ      %#018llx\n", lo_hi_readq(card->regs + PROVCARD_REG_ACQ));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(provcard_registers);

/* Without debugfs, or without memory for it, the card works as well. */
void provcard_debugfs_add(struct provcard *card)
{
	card->debugfs = debugfs_create_dir(dev_name(&card->dev), provcard_debugfs);
	debugfs_create_file("queues", 0400, card->debugfs, card, &provcard_queues_fops);
	debugfs_create_file("requests", 0400, card->debugfs, card, &provcard_requests_fops);
	debugfs_create_file("registers", 0400, card->debugfs, card, &provcard_registers_fops);
}

void provcard_debugfs_remove(struct provcard *card)
{
	debugfs_remove(card->debugfs);
}

void __init provcard_debugfs_init(void)
{
	provcard_debugfs = debugfs_create_dir("provcard", NULL);
}

void provcard_debugfs_exit(void)
{
	debugfs_remove(provcard_debugfs);
}
