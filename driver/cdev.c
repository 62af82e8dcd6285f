// SPDX-License-Identifier: GPL-2.0-only
/* /dev/provcardN: the object behind it, who may come in, and how long it lives. */
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "card.h"
#include "compat.h"

#define PROVCARD_MINORS 256

static dev_t provcard_first;
static DEFINE_IDA(provcard_minors);

/* udev gives the node its group; until then it is root's. */
static char *provcard_devnode(provcard_devnode_const struct device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0660;
	return NULL;
}

static struct class provcard_class = {
	.name = "provcard",
	.devnode = provcard_devnode,
};

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
	struct provcard *card = container_of(inode->i_cdev, struct provcard, cdev);

	if (READ_ONCE(card->gone))
		return -ENODEV;
	file->private_data = card;
	return nonseekable_open(inode, file);
}

/* The descriptor keeps the cdev, the cdev keeps its parent, struct provcard. */
static const struct file_operations provcard_fops = {
	.owner = THIS_MODULE,
	.open = provcard_open,
	.unlocked_ioctl = provcard_card_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static void provcard_release(struct device *dev)
{
	struct provcard *card = container_of(dev, struct provcard, dev);

	ida_free(&provcard_minors, card->minor);
	cleanup_srcu_struct(&card->gate);
	kfree(card);
}

static void provcard_init_fields(struct provcard *card, struct pci_dev *pdev)
{
	card->pdev = pdev;
	card->error = -EAGAIN;
	mutex_init(&card->reset_lock);
	spin_lock_init(&card->jobs_lock);
	INIT_LIST_HEAD(&card->jobs);
	INIT_WORK(&card->reset_work, provcard_reset_work);
	INIT_DELAYED_WORK(&card->watchdog, provcard_watchdog);
	INIT_DELAYED_WORK(&card->event_work, provcard_event_work);
	cdev_init(&card->cdev, &provcard_fops);
	card->cdev.owner = THIS_MODULE;
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
	card->minor = ida_alloc_max(&provcard_minors, PROVCARD_MINORS - 1, GFP_KERNEL);
	ret = card->minor;
	if (ret < 0)
		goto cleanup;
	provcard_init_fields(card, pdev);
	device_initialize(&card->dev);
	card->dev.class = &provcard_class;
	card->dev.parent = &pdev->dev;
	card->dev.groups = provcard_groups;
	card->dev.release = provcard_release;
	card->dev.devt = provcard_first + card->minor;
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
