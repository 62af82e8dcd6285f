// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes with a mask: further device nodes of a card, through which some commands only may be sent.
 * Root makes them for those whom it trusts with these; the file mode says who they are.
 *
 * A mask belongs to the node, not to a descriptor: descriptors, and the jobs made through them,
 * look at it with each command. So none of them, wherever it is passed on, is worth more than its
 * node, and what is taken from a mask is taken from all of them. A node lives as long as they do.
 */
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/ctype.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "card.h"

#define PROVCARD_NODE_NAME_MAX 16
#define PROVCARD_NODES_MAX 32

struct provcard_node {
	struct device dev;
	struct provcard_access access;
	struct list_head node;
};

static struct provcard_node *provcard_node_of(struct device *dev)
{
	return container_of(dev, struct provcard_node, dev);
}

/* What comes behind the card's name and a dash. */
static const char *provcard_node_name(struct provcard_node *node)
{
	return dev_name(&node->dev) + strlen(dev_name(&node->access.card->dev)) + 1;
}

/**
 * provcard_access_permits - may this command be sent through this node?
 * @access: the node
 * @opcode: a service command, or PROVCARD_OPC_JOB_CREATE for the making of a job
 *
 * The one place that decides it. -EACCES, or -ENODEV when the node was destroyed.
 */
int provcard_access_permits(const struct provcard_access *access, u8 opcode)
{
	if (READ_ONCE(access->withdrawn))
		return -ENODEV;
	return !access->restricted || test_bit(opcode, access->commands) ? 0 : -EACCES;
}

/* Commands that a mask can hold. The other transport commands are the driver's own. */
static void provcard_commands_known(unsigned long *known)
{
	bitmap_zero(known, PROVCARD_OPCODES);
	bitmap_set(known, PROVCARD_OPC_SERVICE_BASE, PROVCARD_OPCODES - PROVCARD_OPC_SERVICE_BASE);
	__set_bit(PROVCARD_OPC_JOB_CREATE, known);
}

/* For user space: 64-bit words, on every machine. */
void provcard_access_tell(const struct provcard_access *access, u64 *commands)
{
	DECLARE_BITMAP(known, PROVCARD_OPCODES);

	provcard_commands_known(known);
	if (access->restricted)
		bitmap_copy(known, access->commands, PROVCARD_OPCODES);
	bitmap_to_arr64(commands, known, PROVCARD_OPCODES);
}

static ssize_t command_mask_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%*pbl\n", PROVCARD_OPCODES, provcard_node_of(dev)->access.commands);
}

/* Word by word: who looks meanwhile sees of each command either what was or what will be. */
static ssize_t command_mask_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	unsigned long *commands = provcard_node_of(dev)->access.commands;
	DECLARE_BITMAP(known, PROVCARD_OPCODES);
	DECLARE_BITMAP(wanted, PROVCARD_OPCODES);
	int ret = bitmap_parselist(buf, wanted, PROVCARD_OPCODES);

	if (ret)
		return ret;
	provcard_commands_known(known);
	if (!bitmap_subset(wanted, known, PROVCARD_OPCODES))
		return -EINVAL;
	for (unsigned int i = 0; i < BITS_TO_LONGS(PROVCARD_OPCODES); i++)
		WRITE_ONCE(commands[i], wanted[i]);
	return count;
}
static DEVICE_ATTR_ADMIN_RW(command_mask);

static ssize_t name_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", provcard_node_name(provcard_node_of(dev)));
}
static DEVICE_ATTR_RO(name);

static struct attribute *provcard_node_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_command_mask.attr,
	NULL
};
ATTRIBUTE_GROUPS(provcard_node);

static void provcard_node_release(struct device *dev)
{
	struct provcard_node *node = provcard_node_of(dev);

	provcard_minor_put(dev);
	put_device(&node->access.card->dev);
	kfree(node);
}

/* put_device(&node->dev) is its opposite. */
static struct provcard_node *provcard_node_alloc(struct provcard *card, const char *name)
{
	struct provcard_node *node = kzalloc(sizeof(*node), GFP_KERNEL_ACCOUNT);
	int ret = -ENOMEM;

	if (!node)
		return ERR_PTR(ret);
	ret = provcard_minor_get(&node->dev, true);
	if (ret) {
		kfree(node);
		return ERR_PTR(ret);
	}
	get_device(&card->dev);
	provcard_access_init(&node->access, card, &node->dev);
	node->access.restricted = true;
	device_initialize(&node->dev);
	node->dev.class = &provcard_class;
	node->dev.parent = &card->dev;
	node->dev.groups = provcard_node_groups;
	node->dev.release = provcard_node_release;
	ret = dev_set_name(&node->dev, "%s-%s", dev_name(&card->dev), name);
	if (ret) {
		put_device(&node->dev);
		return ERR_PTR(ret);
	}
	return node;
}

static struct provcard_node *provcard_node_find(struct provcard *card, const char *name)
{
	struct provcard_node *node;

	list_for_each_entry(node, &card->nodes, node)
		if (!strcmp(provcard_node_name(node), name))
			return node;
	return NULL;
}

/* Caller holds nodes_lock. */
static int provcard_node_create(struct provcard *card, const char *name)
{
	struct provcard_node *node;
	int ret;

	if (card->nodes_closed || READ_ONCE(card->gone))
		return -ENODEV;
	if (provcard_node_find(card, name))
		return -EEXIST;
	if (card->nodes_count == PROVCARD_NODES_MAX)
		return -ENOSPC;
	node = provcard_node_alloc(card, name);
	if (IS_ERR(node))
		return PTR_ERR(node);
	ret = cdev_device_add(&node->access.cdev, &node->dev);
	if (ret) {
		put_device(&node->dev);
		return ret;
	}
	list_add(&node->node, &card->nodes);
	card->nodes_count++;
	return 0;
}

/* Nothing new goes through its descriptors; what the card has of them ends by itself. */
static void provcard_node_destroy(struct provcard *card, struct provcard_node *node)
{
	list_del(&node->node);
	card->nodes_count--;
	WRITE_ONCE(node->access.withdrawn, true);
	cdev_device_del(&node->access.cdev, &node->dev);
	provcard_jobs_wake(card);
	put_device(&node->dev);
}

/* Before the card's own device goes, whose children they are. No new ones come afterwards. */
void provcard_nodes_remove(struct provcard *card)
{
	struct provcard_node *node, *next;

	guard(mutex)(&card->nodes_lock);
	card->nodes_closed = true;
	list_for_each_entry_safe(node, next, &card->nodes, node)
		provcard_node_destroy(card, node);
}

/* It becomes part of a file's name. */
static int provcard_node_name_take(const char *buf, char name[PROVCARD_NODE_NAME_MAX + 1])
{
	size_t length = strcspn(buf, "\n");

	if (!length || length > PROVCARD_NODE_NAME_MAX || (buf[length] && buf[length + 1]))
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (!isascii(buf[i]) || !(isalnum(buf[i]) || buf[i] == '_'))
			return -EINVAL;
	strscpy(name, buf, length + 1);
	return 0;
}

static ssize_t create_store(struct device *dev, struct device_attribute *attr, const char *buf,
			    size_t count)
{
	struct provcard *card = container_of(dev, struct provcard, dev);
	char name[PROVCARD_NODE_NAME_MAX + 1];
	int ret = provcard_node_name_take(buf, name);

	if (ret)
		return ret;
	guard(mutex)(&card->nodes_lock);
	return provcard_node_create(card, name) ?: count;
}
static DEVICE_ATTR_WO(create);

static ssize_t destroy_store(struct device *dev, struct device_attribute *attr, const char *buf,
			     size_t count)
{
	struct provcard *card = container_of(dev, struct provcard, dev);
	char name[PROVCARD_NODE_NAME_MAX + 1];
	int ret = provcard_node_name_take(buf, name);
	struct provcard_node *node;

	if (ret)
		return ret;
	guard(mutex)(&card->nodes_lock);
	node = provcard_node_find(card, name);
	if (!node)
		return -ENOENT;
	provcard_node_destroy(card, node);
	return count;
}
static DEVICE_ATTR_WO(destroy);

static struct attribute *provcard_nodes_attrs[] = {
	&dev_attr_create.attr,
	&dev_attr_destroy.attr,
	NULL
};

const struct attribute_group provcard_nodes_group = {
	.name = "nodes",
	.attrs = provcard_nodes_attrs,
};
