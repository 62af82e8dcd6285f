// SPDX-License-Identifier: GPL-2.0-only
/* The nodes under /dev: the object behind them, who may come in, and how long it lives. */
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "card.h"
#include "compat.h"

/* Minors of the cards, then those of the nodes with a mask: a card's number is its minor. */
#define PROVCARD_CARDS 256
#define PROVCARD_MINORS (2 * PROVCARD_CARDS)

static dev_t provcard_first;
static DEFINE_IDA(provcard_minors);

/* udev gives the card's node its group; whose a node with a mask is, root says. */
static char *provcard_devnode(provcard_devnode_const struct device *dev, umode_t *mode)
{
	if (mode)
		*mode = MINOR(dev->devt) < PROVCARD_CARDS ? 0660 : 0600;
	return NULL;
}

struct class provcard_class = {
	.name = "provcard",
	.devnode = provcard_devnode,
};

/* Gives the device its number. 0 or an errno. */
int provcard_minor_get(struct device *dev, bool node)
{
	unsigned int first = node ? PROVCARD_CARDS : 0;
	int minor;

	minor = ida_alloc_range(&provcard_minors, first, first + PROVCARD_CARDS - 1, GFP_KERNEL);
	if (minor < 0)
		return minor;
	dev->devt = provcard_first + minor;
	return 0;
}

void provcard_minor_put(struct device *dev)
{
	ida_free(&provcard_minors, dev->devt - provcard_first);
}

/**
 * provcard_enter - come in through the gate
 * @card: the card
 * @index: for provcard_leave()
 *
 * Until provcard_leave() the card's registers, queues and PCI device stay. -ENODEV when the card
 * is gone. Remove waits for all who are inside, so whoever waits inside must be woken by the
 * card's end.
 */
int provcard_enter(struct provcard *card, int *index)
{
	*index = srcu_read_lock(&card->gate);
	if (!READ_ONCE(card->gone))
		return 0;
	srcu_read_unlock(&card->gate, *index);
	return -ENODEV;
}

void provcard_leave(struct provcard *card, int index)
{
	srcu_read_unlock(&card->gate, index);
}

static int provcard_open(struct inode *inode, struct file *file)
{
	struct provcard_access *access =
		container_of(inode->i_cdev, struct provcard_access, cdev);

	if (READ_ONCE(access->card->gone) || READ_ONCE(access->withdrawn))
		return -ENODEV;
	file->private_data = access;
	return nonseekable_open(inode, file);
}

/* The descriptor keeps the cdev, the cdev keeps its device, and that the card. */
static const struct file_operations provcard_fops = {
	.owner = THIS_MODULE,
	.open = provcard_open,
	.unlocked_ioctl = provcard_card_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
#ifdef PROVCARD_URING
	.uring_cmd = provcard_card_uring,
#endif
};

void provcard_access_init(struct provcard_access *access, struct provcard *card,
			  struct device *dev)
{
	access->card = card;
	access->dev = dev;
	cdev_init(&access->cdev, &provcard_fops);
	access->cdev.owner = THIS_MODULE;
}

static void provcard_release(struct device *dev)
{
	struct provcard *card = container_of(dev, struct provcard, dev);

	provcard_minor_put(dev);
	cleanup_srcu_struct(&card->gate);
	kfree(card);
}

static void provcard_init_fields(struct provcard *card, struct pci_dev *pdev)
{
	card->pdev = pdev;
	card->error = -EAGAIN;
	mutex_init(&card->reset_lock);
	init_waitqueue_head(&card->writable);
	spin_lock_init(&card->jobs_lock);
	INIT_LIST_HEAD(&card->jobs);
	INIT_LIST_HEAD(&card->listed);
	INIT_WORK(&card->reset_work, provcard_reset_work);
	INIT_DELAYED_WORK(&card->watchdog, provcard_watchdog);
	INIT_DELAYED_WORK(&card->event_work, provcard_event_work);
	mutex_init(&card->nodes_lock);
	INIT_LIST_HEAD(&card->nodes);
	provcard_access_init(&card->access, card, &card->dev);
}

/* put_device(&card->dev) is its opposite. */
struct provcard *provcard_alloc(struct pci_dev *pdev)
{
	struct provcard *card = kzalloc(sizeof(*card), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!card)
		return ERR_PTR(ret);
	ret = init_srcu_struct(&card->gate);
	if (ret)
		goto free;
	ret = provcard_minor_get(&card->dev, false);
	if (ret)
		goto cleanup;
	card->minor = MINOR(card->dev.devt);
	provcard_init_fields(card, pdev);
	device_initialize(&card->dev);
	card->dev.class = &provcard_class;
	card->dev.parent = &pdev->dev;
	card->dev.groups = provcard_groups;
	card->dev.release = provcard_release;
	ret = dev_set_name(&card->dev, "provcard%d", card->minor);
	if (ret) {
		put_device(&card->dev);
		return ERR_PTR(ret);
	}
	return card;

cleanup:
	cleanup_srcu_struct(&card->gate);
free:
	kfree(card);
	return ERR_PTR(ret);
}

int provcard_cdev_init(void)
{
	int ret = alloc_chrdev_region(&provcard_first, 0, PROVCARD_MINORS, "provcard");

	if (ret)
		return ret;
	ret = class_register(&provcard_class);
	if (ret)
		unregister_chrdev_region(provcard_first, PROVCARD_MINORS);
	return ret;
}

void provcard_cdev_exit(void)
{
	class_unregister(&provcard_class);
	unregister_chrdev_region(provcard_first, PROVCARD_MINORS);
	ida_destroy(&provcard_minors);
}
