// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every kind of mistake that the debug kernel is to find, made on purpose: parameter "defect" names
 * it. For tests of the tests; never for a machine that is used.
 */
#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

#include "provcard_hif.h"

#define DEFECT_SIZE 64

static char *defect;
module_param(defect, charp, 0444);
MODULE_PARM_DESC(defect, "which mistake to make");

static DEFINE_MUTEX(defect_first);
static DEFINE_MUTEX(defect_second);
static DEFINE_SPINLOCK(defect_spinlock);

/* The compiler must not see what is wrong, or it warns, or leaves it out. */
static char *defect_memory(void)
{
	char *memory = kmalloc(DEFECT_SIZE, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(memory);
	return memory;
}

static void defect_use_after_free(void)
{
	char *memory = defect_memory();
	char *same = memory;

	OPTIMIZER_HIDE_VAR(same);
	kfree(memory);
	if (same)
		WRITE_ONCE(same[1], 1);
}

static void defect_out_of_bounds(void)
{
	char *memory = defect_memory();

	if (memory)
		WRITE_ONCE(memory[DEFECT_SIZE], 1);
	kfree(memory);
}

static void defect_leak(void)
{
	for (int i = 0; i < 16; i++)
		pr_info("a leak of %zu bytes\n", ksize(defect_memory()));
}

static void defect_lock_inversion(void)
{
	mutex_lock(&defect_first);
	mutex_lock(&defect_second);
	mutex_unlock(&defect_second);
	mutex_unlock(&defect_first);
	mutex_lock(&defect_second);
	mutex_lock(&defect_first);
	mutex_unlock(&defect_first);
	mutex_unlock(&defect_second);
}

static void defect_sleep_in_atomic(void)
{
	spin_lock(&defect_spinlock);
	mutex_lock(&defect_first);
	mutex_unlock(&defect_first);
	spin_unlock(&defect_spinlock);
}

static void defect_shift(void)
{
	int bits = BITS_PER_LONG;

	OPTIMIZER_HIDE_VAR(bits);
	pr_info("shifted: %lu\n", 1ul << bits);
}

static void defect_index(void)
{
	static int table[4];
	int index = ARRAY_SIZE(table);

	OPTIMIZER_HIDE_VAR(index);
	pr_info("behind a table: %d\n", table[index]);
}

static void defect_list(void)
{
	struct list_head entry;
	LIST_HEAD(list);

	list_add(&entry, &list);
	list_add(&entry, &list);
}

static void defect_refcount(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
}

static void defect_timer(struct timer_list *timer)
{
}

static void defect_live_timer(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, defect_timer, 0);
	mod_timer(timer, jiffies + HZ);
	kfree(timer);
}

static int defect_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	char *memory = defect_memory();

	if (!memory)
		return -ENOMEM;
	pci_set_drvdata(pdev, memory);
	return dma_mapping_error(&pdev->dev, dma_map_single(&pdev->dev, memory, DEFECT_SIZE,
							    DMA_TO_DEVICE));
}

/* Freed, and never unmapped. */
static void defect_remove(struct pci_dev *pdev)
{
	kfree(pci_get_drvdata(pdev));
}

static const struct pci_device_id defect_ids[] = {
	{ PCI_DEVICE(PROVCARD_PCI_VENDOR_ID, PROVCARD_PCI_DEVICE_ID) },
	{}
};

static struct pci_driver defect_driver = {
	.name = KBUILD_MODNAME,
	.id_table = defect_ids,
	.probe = defect_probe,
	.remove = defect_remove,
};

static void defect_mapped_memory(void)
{
	if (!pci_register_driver(&defect_driver))
		pci_unregister_driver(&defect_driver);
}

static const struct {
	const char *name;
	void (*make)(void);
} defects[] = {
	{ "use-after-free", defect_use_after_free },
	{ "out-of-bounds", defect_out_of_bounds },
	{ "leak", defect_leak },
	{ "lock-inversion", defect_lock_inversion },
	{ "sleep-in-atomic", defect_sleep_in_atomic },
	{ "shift", defect_shift },
	{ "index", defect_index },
	{ "list", defect_list },
	{ "refcount", defect_refcount },
	{ "live-timer", defect_live_timer },
	{ "mapped-memory", defect_mapped_memory },
};

static int __init defects_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(defects); i++)
		if (defect && !strcmp(defect, defects[i].name)) {
			defects[i].make();
			return 0;
		}
	return -EINVAL;
}
module_init(defects_init);

static void __exit defects_exit(void)
{
}
module_exit(defects_exit);

MODULE_DESCRIPTION("Mistakes for the debug kernel to find");
MODULE_LICENSE("GPL");
