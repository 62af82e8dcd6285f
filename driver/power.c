// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the PCI core and the power management do to a bound card: resets of the function, recovery
 * from errors of the link, sleep. Each stops the controller first and starts it anew afterwards,
 * so commands in flight end with -EIO, jobs are void, and users who come meanwhile wait.
 *
 * Error recovery names no command that lost a transaction, so after any uncorrectable error none
 * in flight is believed. Correctable errors have done no harm; the PCI core counts them in
 * aer_dev_correctable, and there is no handler for them.
 *
 * There is no runtime power management: a card without sessions still guards its tamper inputs
 * and keeps its clock, and may not lose power because nobody talks to it. It wakes no system.
 */
#include <linux/pm.h>

#include "card.h"

static int provcard_suspend(struct device *dev)
{
	provcard_controller_suspend(dev_get_drvdata(dev));
	return 0;
}

static int provcard_resume(struct device *dev)
{
	return provcard_controller_resume(dev_get_drvdata(dev));
}

/* Hibernation is the same: the image must not be written to while it is made or loaded. */
DEFINE_SIMPLE_DEV_PM_OPS(provcard_pm_ops, provcard_suspend, provcard_resume);

/* The PCI core's own copy may be of a function that had just been reset, or be used up (6.1). */
static void provcard_config_restore(struct provcard *card)
{
	pci_load_saved_state(card->pdev, card->config);
	pci_restore_state(card->pdev);
}

/* After a recovery that failed the PCI core must not save, and restore, what a reset has left. */
static void provcard_reset_prepare(struct pci_dev *pdev)
{
	struct provcard *card = pci_get_drvdata(pdev);

	if (provcard_controller_is_frozen(card))
		provcard_config_restore(card);
	provcard_controller_freeze(card);
}

static void provcard_reset_done(struct pci_dev *pdev)
{
	provcard_controller_unfreeze(pci_get_drvdata(pdev));
}

static pci_ers_result_t provcard_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct provcard *card = pci_get_drvdata(pdev);

	if (READ_ONCE(card->gone))
		return PCI_ERS_RESULT_DISCONNECT;
	switch (state) {
	case pci_channel_io_normal:
		provcard_controller_freeze(card);
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		provcard_controller_cut_off(card);
		return PCI_ERS_RESULT_NEED_RESET;
	default:
		provcard_controller_abandon(card);
		return PCI_ERS_RESULT_DISCONNECT;
	}
}

static pci_ers_result_t provcard_mmio_enabled(struct pci_dev *pdev)
{
	return provcard_controller_reconnect(pci_get_drvdata(pdev)) ? PCI_ERS_RESULT_RECOVERED :
								      PCI_ERS_RESULT_NEED_RESET;
}

/*
 * The function may have been reset or not: the PCI core of 6.12 comes here without a reset when
 * another device under the same port asked for one. Reconnecting stops the card either way.
 */
static pci_ers_result_t provcard_slot_reset(struct pci_dev *pdev)
{
	struct provcard *card = pci_get_drvdata(pdev);

	provcard_config_restore(card);
	if (provcard_controller_reconnect(card))
		return PCI_ERS_RESULT_RECOVERED;
	provcard_controller_abandon(card);
	return PCI_ERS_RESULT_DISCONNECT;
}

static void provcard_error_resume(struct pci_dev *pdev)
{
	if (!provcard_controller_unfreeze(pci_get_drvdata(pdev)))
		pci_info(pdev, "recovered from an error of the link\n");
}

const struct pci_error_handlers provcard_error_handlers = {
	.error_detected = provcard_error_detected,
	.mmio_enabled = provcard_mmio_enabled,
	.slot_reset = provcard_slot_reset,
	.reset_prepare = provcard_reset_prepare,
	.reset_done = provcard_reset_done,
	.resume = provcard_error_resume,
};
