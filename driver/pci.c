// SPDX-License-Identifier: GPL-2.0-only
/*
 * provcard: a PCIe card that is an HSM and a device programmer in one. The driver moves commands
 * and memory between user space and the card; it knows no formats, keeps no secret, takes no
 * decision.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "card.h"

unsigned int provcard_default_timeout_ms = 60000;
module_param_named(default_timeout_ms, provcard_default_timeout_ms, uint, 0644);
MODULE_PARM_DESC(default_timeout_ms, "time for a command whose sender gave none, in ms (60000)");

/* Nothing here is device-managed: open descriptors outlive the binding. */
static int provcard_pci_enable(struct provcard *card)
{
	struct pci_dev *pdev = card->pdev;
	int ret = pci_enable_device_mem(pdev);

	if (ret)
		return ret;
	ret = pci_request_mem_regions(pdev, KBUILD_MODNAME);
	if (ret)
		goto disable;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		goto release;
	dma_set_max_seg_size(&pdev->dev, PROVCARD_MAX_TRANSFER);
	ret = -ENODEV;
	if (pci_resource_len(pdev, PROVCARD_BAR_REGS) < PROVCARD_BAR_REGS_SIZE)
		goto release;
	card->regs = pci_iomap(pdev, PROVCARD_BAR_REGS, PROVCARD_BAR_REGS_SIZE);
	if (!card->regs)
		goto release;
	ret = -ENOMEM;
	pci_save_state(pdev);
	card->config = pci_store_saved_state(pdev);
	if (!card->config)
		goto unmap;
	return 0;

unmap:
	pci_iounmap(pdev, card->regs);
release:
	pci_release_mem_regions(pdev);
disable:
	pci_disable_device(pdev);
	return ret;
}

static void provcard_pci_disable(struct provcard *card)
{
	kfree(card->config);
	pci_iounmap(card->pdev, card->regs);
	pci_release_mem_regions(card->pdev);
	pci_disable_device(card->pdev);
}

static int provcard_resources_alloc(struct provcard *card)
{
	int ret = provcard_irq_alloc(card);

	if (ret)
		return ret;
	ret = provcard_queues_alloc(card);
	if (ret)
		goto free;
	ret = -ENOMEM;
	card->finishers = alloc_workqueue("%s", WQ_UNBOUND, 0, dev_name(&card->dev));
	if (!card->finishers)
		goto free;
	card->recovery = alloc_workqueue("%s-recovery", WQ_UNBOUND, 0, dev_name(&card->dev));
	if (!card->recovery)
		goto destroy_finishers;
	ret = provcard_irq_request(card);
	if (ret)
		goto destroy_recovery;
	return 0;

destroy_recovery:
	destroy_workqueue(card->recovery);
destroy_finishers:
	destroy_workqueue(card->finishers);
free:
	provcard_queues_free(card);
	pci_free_irq_vectors(card->pdev);
	return ret;
}

/*
 * The card is stopped, so every command has ended and no new one can begin. First those who came
 * through the gate leave, then the finishers; only then can nobody ask for a reset any more.
 */
static void provcard_resources_free(struct provcard *card)
{
	cancel_delayed_work_sync(&card->watchdog);
	synchronize_srcu(&card->gate);
	destroy_workqueue(card->finishers);
	cancel_delayed_work_sync(&card->event_work);
	provcard_irq_free(card);
	destroy_workqueue(card->recovery);
	provcard_queues_free(card);
	pci_free_irq_vectors(card->pdev);
}

static int provcard_bind(struct provcard *card)
{
	int ret = provcard_pci_enable(card);

	if (ret)
		return ret;
	ret = provcard_controller_probe(card);
	if (ret)
		goto disable;
	ret = provcard_resources_alloc(card);
	if (ret)
		goto disable;
	ret = provcard_controller_start(card);
	if (ret)
		goto stop;
	ret = cdev_device_add(&card->access.cdev, &card->dev);
	if (ret)
		goto stop;
	provcard_watchdog_start(card);
	provcard_debugfs_add(card);
	provcard_netlink_add(card);
	return 0;

stop:
	provcard_controller_stop(card);
	provcard_resources_free(card);
disable:
	provcard_pci_disable(card);
	return ret;
}

static int provcard_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct provcard *card = provcard_alloc(pdev);
	int ret;

	if (IS_ERR(card))
		return PTR_ERR(card);
	ret = provcard_bind(card);
	if (ret) {
		put_device(&card->dev);
		return dev_err_probe(&pdev->dev, ret, "no usable card\n");
	}
	pci_set_drvdata(pdev, card);
	provcard_hwmon_add(card);
	provcard_hwrng_add(card);
	provcard_upload_add(card);
	dev_info(&pdev->dev, "%s: serial %s, firmware %s, %u heads, %u I/O queues, %u vectors\n",
		 dev_name(&card->dev), card->serial, card->firmware, card->heads, card->io_queues,
		 card->vectors_count);
	return 0;
}

static void provcard_remove(struct pci_dev *pdev)
{
	struct provcard *card = pci_get_drvdata(pdev);

	provcard_netlink_remove(card);
	provcard_debugfs_remove(card);
	provcard_nodes_remove(card);
	cdev_device_del(&card->access.cdev, &card->dev);
	provcard_controller_stop(card);
	/* The stop has ended the commands that their callbacks wait for, so this takes no time. */
	provcard_upload_remove(card);
	provcard_hwrng_remove(card);
	provcard_hwmon_remove(card);
	provcard_resources_free(card);
	provcard_pci_disable(card);
	put_device(&card->dev);
}

/* Before a reboot, and before kexec gives the memory to another kernel. */
static void provcard_shutdown(struct pci_dev *pdev)
{
	provcard_controller_stop(pci_get_drvdata(pdev));
}

static const struct pci_device_id provcard_ids[] = {
	{ PCI_DEVICE(PROVCARD_PCI_VENDOR_ID, PROVCARD_PCI_DEVICE_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, provcard_ids);

static struct pci_driver provcard_driver = {
	.name = KBUILD_MODNAME,
	.id_table = provcard_ids,
	.probe = provcard_probe,
	.remove = provcard_remove,
	.shutdown = provcard_shutdown,
	.driver.pm = pm_sleep_ptr(&provcard_pm_ops),
	.err_handler = &provcard_error_handlers,
};

static int __init provcard_init(void)
{
	int ret = provcard_cdev_init();

	if (ret)
		return ret;
	ret = provcard_netlink_init();
	if (ret)
		goto cdev_exit;
	provcard_debugfs_init();
	ret = pci_register_driver(&provcard_driver);
	if (ret)
		goto netlink_exit;
	return 0;

netlink_exit:
	provcard_debugfs_exit();
	provcard_netlink_exit();
cdev_exit:
	provcard_cdev_exit();
	return ret;
}
module_init(provcard_init);

static void __exit provcard_exit(void)
{
	pci_unregister_driver(&provcard_driver);
	provcard_debugfs_exit();
	provcard_netlink_exit();
	provcard_cdev_exit();
}
module_exit(provcard_exit);

MODULE_DESCRIPTION("provcard HSM and device programmer");
MODULE_AUTHOR("The provcard authors");
MODULE_LICENSE("GPL");
