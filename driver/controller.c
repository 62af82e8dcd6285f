// SPDX-License-Identifier: GPL-2.0-only
/* The controller as a whole: enable, disable, shutdown, reset, and the watch over it. */
#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/jiffies.h>
#include <linux/log2.h>

#include "card.h"
#include "trace.h"

#define PROVCARD_WATCH_INTERVAL HZ
/* A card that needs more resets than this within the period is dead. */
#define PROVCARD_RESETS_MAX 4
#define PROVCARD_RESETS_PERIOD (60 * HZ)

/*
 * What a bring-up, a reset or a shutdown may take as a whole: the lock is held meanwhile, and
 * whoever wants to remove the card waits for it.
 */
#define PROVCARD_PATIENCE (90 * HZ)
/* Who has frozen the card has it back by then; the PCI core waits a minute for a reset device. */
#define PROVCARD_FROZEN_MAX (90 * HZ)

#define PROVCARD_MIN_MQES 15
#define PROVCARD_MIN_MDTS 12

static u32 provcard_status(struct provcard *card)
{
	return readl(card->regs + PROVCARD_REG_CSTS);
}

/* A card that is gone reads as all ones, which no card returns. */
static bool provcard_lost(u32 status)
{
	return status == U32_MAX;
}

static void provcard_configure(struct provcard *card, u32 configuration)
{
	writel(configuration, card->regs + PROVCARD_REG_CC);
}

static void provcard_patience_begin(struct provcard *card)
{
	WRITE_ONCE(card->deadline, jiffies + PROVCARD_PATIENCE);
}

/* Whether the driver goes on with what it does to the card: 0, -ETIMEDOUT, -ENODEV. */
int provcard_controller_patience(struct provcard *card)
{
	if (READ_ONCE(card->stopping))
		return -ENODEV;
	return time_after(jiffies, READ_ONCE(card->deadline)) ? -ETIMEDOUT : 0;
}

/* Wait until (CSTS & mask) == value. The card's own longest time bounds it, and our patience. */
static int provcard_wait_status(struct provcard *card, u32 mask, u32 value)
{
	unsigned long limit = msecs_to_jiffies(500 * max_t(u32, 1, PROVCARD_CAP_TO(card->cap)));
	unsigned long end = jiffies + limit;

	for (;;) {
		int over = time_after(jiffies, end) ? -ETIMEDOUT :
						      provcard_controller_patience(card);
		u32 status = provcard_status(card);

		if (provcard_lost(status))
			return -ENODEV;
		if ((status & mask) == value)
			return 0;
		if (value && status & PROVCARD_CSTS_CFS)
			return -EIO;
		if (over)
			return over;
		usleep_range(500, 1000);
	}
}

/*
 * Disable. Afterwards the card does not access memory: it said so by RDY = 0, or it may not
 * because it is no bus master.
 */
static int provcard_disable(struct provcard *card)
{
	int ret;

	provcard_configure(card, 0);
	ret = provcard_wait_status(card, PROVCARD_CSTS_RDY, 0);
	if (ret)
		pci_clear_master(card->pdev);
	return ret;
}

/* A kernel that died, or whose kexec did not ask its drivers, has left the card at work. */
static int provcard_quiet(struct provcard *card)
{
	int ret = 0;

	if (readl(card->regs + PROVCARD_REG_CC) & PROVCARD_CC_EN) {
		dev_info(&card->pdev->dev, "the card was left enabled, stopping it\n");
		ret = provcard_disable(card);
	}
	pci_clear_master(card->pdev);
	return ret;
}

/* Read what the card is and whether this driver can drive it, and make it stop. */
int provcard_controller_probe(struct provcard *card)
{
	struct device *dev = &card->pdev->dev;

	provcard_patience_begin(card);
	if (provcard_lost(provcard_status(card)))
		return -ENODEV;
	card->cap = lo_hi_readq(card->regs + PROVCARD_REG_CAP);
	card->version = readl(card->regs + PROVCARD_REG_VS);
	card->features = readl(card->regs + PROVCARD_REG_FEATURES);
	if (card->version >> 16 != PROVCARD_HIF_VERSION >> 16) {
		dev_err(dev, "host interface version %#x is not supported\n", card->version);
		return -EOPNOTSUPP;
	}
	if (PROVCARD_CAP_MQES(card->cap) < PROVCARD_MIN_MQES || !PROVCARD_CAP_IOQ(card->cap) ||
	    PROVCARD_CAP_MDTS(card->cap) < PROVCARD_MIN_MDTS) {
		dev_err(dev, "capabilities %#llx are below what the interface demands\n",
			card->cap);
		return -EIO;
	}
	card->max_transfer = PROVCARD_MAX_TRANSFER;
	if (PROVCARD_CAP_MDTS(card->cap) < ilog2(PROVCARD_MAX_TRANSFER))
		card->max_transfer = 1u << PROVCARD_CAP_MDTS(card->cap);
	return provcard_quiet(card);
}

/*
 * The rings have their sizes, and users were told theirs: a card that comes back from a reset with
 * less is not driven on.
 */
static int provcard_controller_recheck(struct provcard *card)
{
	u64 cap = lo_hi_readq(card->regs + PROVCARD_REG_CAP);
	u32 version = readl(card->regs + PROVCARD_REG_VS);

	if (provcard_lost(version))
		return -ENODEV;
	if (version >> 16 == card->version >> 16 &&
	    PROVCARD_CAP_MQES(cap) + 1 >= card->queues[0].cq_entries &&
	    PROVCARD_CAP_IOQ(cap) >= card->io_queues &&
	    PROVCARD_CAP_MDTS(cap) >= ilog2(card->max_transfer))
		return 0;
	dev_err(&card->pdev->dev, "the card changed: version %#x, capabilities %#llx, were %#llx\n",
		version, cap, card->cap);
	return -EIO;
}

static int provcard_enable(struct provcard *card)
{
	struct provcard_queue *admin = &card->queues[0];
	int ret = provcard_disable(card);

	if (!ret)
		ret = provcard_controller_recheck(card);
	if (ret)
		return ret;
	provcard_irq_rearm(card);
	provcard_queue_enable(admin);
	writel((admin->sq_entries - 1) | (admin->cq_entries - 1) << 16 |
		       (admin->releases ? PROVCARD_AQA_RELEASE : 0),
	       card->regs + PROVCARD_REG_AQA);
	lo_hi_writeq(admin->sq_dma, card->regs + PROVCARD_REG_ASQ);
	lo_hi_writeq(admin->cq_dma, card->regs + PROVCARD_REG_ACQ);
	pci_set_master(card->pdev);
	provcard_configure(card, PROVCARD_CC_EN);
	return provcard_wait_status(card, PROVCARD_CSTS_RDY, PROVCARD_CSTS_RDY);
}

static int provcard_bring_up(struct provcard *card)
{
	int ret = provcard_enable(card);

	if (!ret && !card->serial[0])
		ret = provcard_admin_identify(card);
	if (!ret)
		ret = provcard_admin_create_queues(card);
	if (!ret)
		ret = provcard_admin_set_coalescing(card);
	return ret;
}

/* Bring the card to where users' commands can go in, or leave it disabled. */
int provcard_controller_start(struct provcard *card)
{
	int ret = provcard_bring_up(card);

	if (ret) {
		provcard_controller_halt(card, ret);
		return ret;
	}
	provcard_queues_set(card, 0);
	queue_delayed_work(system_long_wq, &card->event_work, 0);
	return 0;
}

/*
 * Stop the card hard and end what was in flight with @error. Queues stay closed as they are, or as
 * -EAGAIN if they were open.
 */
void provcard_controller_halt(struct provcard *card, int error)
{
	provcard_queues_set(card, card->error ?: -EAGAIN);
	provcard_disable(card);
	provcard_queues_cancel(card, error);
}

/* No way back: every user gets @error from now on. The card is silent before memory is released. */
static void provcard_end(struct provcard *card, int error)
{
	if (error == -ENODEV)
		WRITE_ONCE(card->gone, true);
	provcard_queues_set(card, error);
	pci_clear_master(card->pdev);
	provcard_queues_cancel(card, error);
	provcard_jobs_wake(card);
}

static void provcard_vanish(struct provcard *card)
{
	if (card->error == -ENODEV)
		return;
	dev_err(&card->pdev->dev, "the card does not answer any more\n");
	provcard_end(card, -ENODEV);
}

/* Power may go, or sleep begins: the card brings its units to a safe point, its state to memory. */
static void provcard_shut_down(struct provcard *card)
{
	provcard_configure(card, PROVCARD_CC_EN | PROVCARD_CC_SHN_NORMAL);
	if (provcard_wait_status(card, PROVCARD_CSTS_SHST_MASK, PROVCARD_CSTS_SHST_DONE))
		dev_warn(&card->pdev->dev, "no orderly shutdown\n");
}

/* The last stop, for remove and shutdown: a card that is still there is told first. */
void provcard_controller_stop(struct provcard *card)
{
	bool live;

	WRITE_ONCE(card->stopping, true);
	guard(mutex)(&card->reset_lock);
	WRITE_ONCE(card->stopping, false);
	provcard_patience_begin(card);
	live = !card->error && !provcard_lost(provcard_status(card));
	WRITE_ONCE(card->gone, true);
	provcard_queues_set(card, -ENODEV);
	if (live) {
		provcard_shut_down(card);
		provcard_disable(card);
	}
	provcard_end(card, -ENODEV);
}

/* May be called from interrupts. Asking again for the same generation does nothing. */
void provcard_reset_schedule(struct provcard *card, u32 generation)
{
	if (generation != READ_ONCE(card->generation))
		return;
	WRITE_ONCE(card->reset_generation, generation);
	queue_work(card->recovery, &card->reset_work);
}

static bool provcard_resets_exhausted(struct provcard *card)
{
	if (!card->resets || time_after(jiffies, card->resets_since + PROVCARD_RESETS_PERIOD)) {
		card->resets = 0;
		card->resets_since = jiffies;
	}
	return ++card->resets > PROVCARD_RESETS_MAX;
}

/* Job handles die with the generation; who waits on one is told. */
static void provcard_generation_end(struct provcard *card)
{
	provcard_controller_halt(card, -EIO);
	card->generation++;
	trace_provcard_reset(card);
	provcard_tell(card, PROVCARD_NL_CMD_RESET_NTF, card->generation);
	provcard_jobs_wake(card);
}

static void provcard_give_up(struct provcard *card, int ret, struct seq_buf *dump)
{
	dev_err(&card->pdev->dev, "the card is given up (%d)\n", ret);
	provcard_end(card, ret == -ENODEV ? -ENODEV : -EIO);
	provcard_coredump_publish(card, dump, ret);
}

/* With a dump of what can be seen now. */
static void provcard_give_up_now(struct provcard *card, int ret)
{
	struct seq_buf dump;

	provcard_coredump_begin(card, &dump);
	provcard_give_up(card, ret, &dump);
}

static void provcard_history_add(struct provcard *card, u32 status, int result)
{
	card->history[card->resets_total++ % PROVCARD_HISTORY] = (struct provcard_reset_record){
		.when = ktime_get_boottime_seconds(),
		.status = status,
		.result = result,
	};
}

static void provcard_reset(struct provcard *card)
{
	u32 status = provcard_status(card);
	struct seq_buf dump;
	int ret = -EIO;

	if (provcard_lost(status)) {
		provcard_vanish(card);
		return;
	}
	dev_warn(&card->pdev->dev, "resetting the controller, status %#x\n", status);
	provcard_patience_begin(card);
	provcard_coredump_begin(card, &dump);
	provcard_generation_end(card);
	if (!provcard_resets_exhausted(card))
		ret = provcard_controller_start(card);
	provcard_history_add(card, status, ret);
	if (ret)
		provcard_give_up(card, ret, &dump);
	else
		provcard_coredump_discard(&dump);
}

void provcard_reset_work(struct work_struct *work)
{
	struct provcard *card = container_of(work, struct provcard, reset_work);

	guard(mutex)(&card->reset_lock);
	if (!card->error && !card->frozen &&
	    READ_ONCE(card->reset_generation) == card->generation)
		provcard_reset(card);
}

/*
 * Somebody else has the card for a while: the PCI core resets the function or recovers the link,
 * or the system sleeps. Registers may read as all ones meanwhile, and a controller enabled now
 * would be disabled again, so until provcard_controller_unfreeze() neither the watchdog nor a
 * reset of ours touches it, and users wait. No lock is held in between: a recovery may fail
 * without a word to the driver, and remove may come first.
 */
static void provcard_freeze(struct provcard *card)
{
	card->frozen = true;
	card->frozen_since = jiffies;
	provcard_patience_begin(card);
}

/* Dead or gone. */
static bool provcard_over(struct provcard *card)
{
	return card->error && card->error != -EAGAIN;
}

/* Stop the card, end its commands, keep away from it. It may have been cut off before. */
void provcard_controller_freeze(struct provcard *card)
{
	guard(mutex)(&card->reset_lock);
	provcard_freeze(card);
	if (!provcard_over(card))
		provcard_generation_end(card);
}

bool provcard_controller_is_frozen(struct provcard *card)
{
	guard(mutex)(&card->reset_lock);
	return card->frozen;
}

/*
 * Keep away from a card whose link is down: its registers cannot be reached, so nothing says that
 * it is silent, and its commands keep their memory until provcard_controller_reconnect().
 */
void provcard_controller_cut_off(struct provcard *card)
{
	guard(mutex)(&card->reset_lock);
	provcard_freeze(card);
	if (provcard_over(card))
		return;
	provcard_queues_set(card, -EAGAIN);
	pci_clear_master(card->pdev);
}

/* End what was cut off. False when the card still cannot be reached. */
bool provcard_controller_reconnect(struct provcard *card)
{
	guard(mutex)(&card->reset_lock);
	provcard_patience_begin(card);
	if (!provcard_over(card))
		provcard_generation_end(card);
	return card->error != -ENODEV && !provcard_lost(provcard_status(card));
}

/* Recovery has failed for good. The card stays frozen: only a reset of the function helps. */
void provcard_controller_abandon(struct provcard *card)
{
	guard(mutex)(&card->reset_lock);
	if (!provcard_over(card))
		provcard_give_up_now(card, -EIO);
}

/* Begin anew. A card that had been given up gets another chance. */
int provcard_controller_unfreeze(struct provcard *card)
{
	int ret;

	guard(mutex)(&card->reset_lock);
	card->frozen = false;
	if (card->error == -ENODEV)
		return -ENODEV;
	provcard_patience_begin(card);
	ret = provcard_controller_start(card);
	if (ret)
		provcard_give_up_now(card, ret);
	return ret;
}

/* Users sleep when this is called, or wait for the card. Handles of jobs are void afterwards. */
void provcard_controller_suspend(struct provcard *card)
{
	cancel_delayed_work_sync(&card->watchdog);
	guard(mutex)(&card->reset_lock);
	provcard_freeze(card);
	if (card->error)
		return;
	provcard_queues_set(card, -EAGAIN);
	provcard_shut_down(card);
	provcard_generation_end(card);
}

int provcard_controller_resume(struct provcard *card)
{
	int ret = provcard_controller_unfreeze(card);

	if (!READ_ONCE(card->gone))
		provcard_watchdog_start(card);
	return ret;
}

static void provcard_watch(struct provcard *card)
{
	u32 status;

	if (card->frozen) {
		if (time_after(jiffies, card->frozen_since + PROVCARD_FROZEN_MAX) &&
		    !provcard_over(card))
			provcard_give_up_now(card, -ETIMEDOUT);
		return;
	}
	status = provcard_status(card);
	if (provcard_lost(status))
		provcard_vanish(card);
	else if (!card->error && ((status & PROVCARD_CSTS_CFS) || !(status & PROVCARD_CSTS_RDY)))
		provcard_reset_schedule(card, card->generation);
	else if (!card->error)
		provcard_queues_look(card);
}

/*
 * A card that vanished, failed, or was reset behind the driver's back (by a hypervisor) raises no
 * interrupt; one register read a second finds it.
 */
void provcard_watchdog(struct work_struct *work)
{
	struct provcard *card = container_of(to_delayed_work(work), struct provcard, watchdog);

	if (mutex_trylock(&card->reset_lock)) {
		provcard_watch(card);
		mutex_unlock(&card->reset_lock);
	}
	if (!READ_ONCE(card->gone))
		provcard_watchdog_start(card);
}

void provcard_watchdog_start(struct provcard *card)
{
	queue_delayed_work(system_power_efficient_wq, &card->watchdog, PROVCARD_WATCH_INTERVAL);
}
