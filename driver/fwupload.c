// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firmware for the card through /sys/class/firmware/provcardN. The file goes to the card as it is,
 * and the card alone judges it. It is stored beside the firmware that runs; that it is started
 * takes a request that the card's officers have signed, which is not the driver's business.
 */
#include <linux/bitops.h>
#include <linux/completion.h>
#include <linux/firmware.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "card.h"
#include "compat.h"

#define PROVCARD_UPLOAD_PIECE SZ_64K
/* The card reads the file three times and writes it once. */
#define PROVCARD_UPLOAD_COMMIT_TIMEOUT_MS (5 * 60 * 1000)

/* Offered to the card when it is bound, where the admin wants that. */
#define PROVCARD_FIRMWARE_FILE "provcard/firmware.pfw"
MODULE_FIRMWARE(PROVCARD_FIRMWARE_FILE);

static bool provcard_firmware_autostage;
module_param_named(firmware_autostage, provcard_firmware_autostage, bool, 0444);
MODULE_PARM_DESC(firmware_autostage,
		 "offer " PROVCARD_FIRMWARE_FILE " to each card, which stores it if it is new (N)");

/*
 * struct provcard_upload - a card's place for firmware files
 * @piece: what is under way to the card, and room for its last answer
 * @whole: bytes of the file
 * @canceled: somebody does not want it any more; looked at between two pieces
 * @busy: bit 0: a file is under way, whosever it is
 * @staged: the file that was asked for at the binding is done with
 */
struct provcard_upload {
	struct provcard *card;
	struct fw_upload *fw;
	void *piece;
	dma_addr_t piece_dma;
	u32 piece_size;
	u32 whole;
	bool canceled;
	unsigned long busy;
	struct completion staged;
};

/* The card's reason is a number here, for those who have the table. */
static enum fw_upload_err provcard_upload_refused(struct provcard_upload *upload, u8 opcode,
						  u16 status)
{
	dev_err(&upload->card->pdev->dev, "firmware: command %#x refused with status %#x\n", opcode,
		status);
	switch (status) {
	case PROVCARD_SC_FIRMWARE_BUSY:
		return FW_UPLOAD_ERR_BUSY;
	case PROVCARD_SC_FIRMWARE_TOO_LARGE:
		return FW_UPLOAD_ERR_INVALID_SIZE;
	case PROVCARD_SC_DATA_TRANSFER:
		return FW_UPLOAD_ERR_RW_ERROR;
	case PROVCARD_SC_ABORTED:
		return FW_UPLOAD_ERR_CANCELED;
	default:
		return opcode == PROVCARD_OPC_FIRMWARE_COMMIT ? PROVCARD_FW_UPLOAD_ERR_INVALID :
								FW_UPLOAD_ERR_HW_ERROR;
	}
}

static enum fw_upload_err provcard_upload_command(struct provcard_upload *upload,
						  const struct provcard_hif_sqe *sqe,
						  unsigned int timeout_ms)
{
	struct provcard_answer answer;
	int ret = provcard_admin_call(upload->card, sqe, le32_to_cpu(sqe->out.length), timeout_ms,
				      false, &answer);

	if (ret == -ETIMEDOUT)
		return FW_UPLOAD_ERR_TIMEOUT;
	if (ret)
		return FW_UPLOAD_ERR_HW_ERROR;
	if (answer.status)
		return provcard_upload_refused(upload, sqe->opcode, answer.status);
	return FW_UPLOAD_ERR_NONE;
}

/* The framework passes on a cancel also while there is nothing to cancel: forgotten here. */
static enum fw_upload_err provcard_upload_prepare(struct fw_upload *fw, const u8 *data, u32 size)
{
	struct provcard_upload *upload = fw->dd_handle;

	if (test_and_set_bit(0, &upload->busy))
		return FW_UPLOAD_ERR_BUSY;
	upload->whole = size;
	WRITE_ONCE(upload->canceled, false);
	return FW_UPLOAD_ERR_NONE;
}

static enum fw_upload_err provcard_upload_piece(struct provcard_upload *upload, const u8 *data,
						u32 offset, u32 size, u32 *written)
{
	u32 length = min(size, upload->piece_size);
	const struct provcard_hif_sqe sqe = {
		.opcode = PROVCARD_OPC_FIRMWARE_WRITE,
		.in = { .address = cpu_to_le64(upload->piece_dma), .length = cpu_to_le32(length) },
		.arg = { cpu_to_le64(offset), cpu_to_le64(upload->whole) },
	};

	memcpy(upload->piece, data + offset, length);
	*written = length;
	return provcard_upload_command(upload, &sqe, PROVCARD_ADMIN_TIMEOUT_MS);
}

static enum fw_upload_err provcard_upload_write(struct fw_upload *fw, const u8 *data, u32 offset,
						u32 size, u32 *written)
{
	struct provcard_upload *upload = fw->dd_handle;

	if (READ_ONCE(upload->canceled))
		return FW_UPLOAD_ERR_CANCELED;
	return provcard_upload_piece(upload, data, offset, size, written);
}

/* The card answers with the state of its slots, which is for others to read. */
static enum fw_upload_err provcard_upload_commit(struct provcard_upload *upload, u64 flags)
{
	const struct provcard_hif_sqe sqe = {
		.opcode = PROVCARD_OPC_FIRMWARE_COMMIT,
		.out = { .address = cpu_to_le64(upload->piece_dma),
			 .length = cpu_to_le32(upload->piece_size) },
		.arg = { cpu_to_le64(flags) },
	};

	return provcard_upload_command(upload, &sqe, PROVCARD_UPLOAD_COMMIT_TIMEOUT_MS);
}

static enum fw_upload_err provcard_upload_poll_complete(struct fw_upload *fw)
{
	struct provcard_upload *upload = fw->dd_handle;

	if (READ_ONCE(upload->canceled))
		return FW_UPLOAD_ERR_CANCELED;
	return provcard_upload_commit(upload, 0);
}

static void provcard_upload_cancel(struct fw_upload *fw)
{
	struct provcard_upload *upload = fw->dd_handle;

	WRITE_ONCE(upload->canceled, true);
}

static void provcard_upload_cleanup(struct fw_upload *fw)
{
	struct provcard_upload *upload = fw->dd_handle;

	clear_bit(0, &upload->busy);
}

static const struct fw_upload_ops provcard_upload_ops = {
	.prepare = provcard_upload_prepare,
	.write = provcard_upload_write,
	.poll_complete = provcard_upload_poll_complete,
	.cancel = provcard_upload_cancel,
	.cleanup = provcard_upload_cleanup,
};

static enum fw_upload_err provcard_stage_file(struct provcard_upload *upload,
					      const struct firmware *file)
{
	enum fw_upload_err ret = FW_UPLOAD_ERR_NONE;
	u32 offset, written;

	upload->whole = file->size;
	for (offset = 0; offset < file->size && ret == FW_UPLOAD_ERR_NONE; offset += written)
		ret = provcard_upload_piece(upload, file->data, offset, file->size - offset,
					    &written);
	return ret == FW_UPLOAD_ERR_NONE ? provcard_upload_commit(upload, PROVCARD_COMMIT_IF_NEW) :
					   ret;
}

/* Whether the card has something to gain from the file is for the card to say. */
static void provcard_stage(const struct firmware *file, void *context)
{
	struct provcard_upload *upload = context;
	struct device *dev = &upload->card->pdev->dev;

	if (file && !test_and_set_bit(0, &upload->busy)) {
		enum fw_upload_err ret = provcard_stage_file(upload, file);

		clear_bit(0, &upload->busy);
		if (ret == FW_UPLOAD_ERR_NONE)
			dev_info(dev, "the card has " PROVCARD_FIRMWARE_FILE "\n");
		else
			dev_warn(dev, "the card does not take " PROVCARD_FIRMWARE_FILE "\n");
	}
	release_firmware(file);
	complete(&upload->staged);
}

static void provcard_stage_begin(struct provcard_upload *upload)
{
	if (!provcard_firmware_autostage ||
	    request_firmware_nowait(THIS_MODULE, FW_ACTION_UEVENT, PROVCARD_FIRMWARE_FILE,
				    &upload->card->pdev->dev, GFP_KERNEL, upload, provcard_stage))
		complete(&upload->staged);
}

static void provcard_upload_free(struct provcard_upload *upload)
{
	dma_free_coherent(&upload->card->pdev->dev, upload->piece_size, upload->piece,
			  upload->piece_dma);
	kfree(upload);
}

static struct provcard_upload *provcard_upload_alloc(struct provcard *card)
{
	struct provcard_upload *upload = kzalloc(sizeof(*upload), GFP_KERNEL);

	if (!upload)
		return NULL;
	upload->card = card;
	init_completion(&upload->staged);
	upload->piece_size = min_t(u64, PROVCARD_UPLOAD_PIECE, card->max_transfer);
	upload->piece = dma_alloc_coherent(&card->pdev->dev, upload->piece_size,
					   &upload->piece_dma, GFP_KERNEL);
	if (upload->piece)
		return upload;
	kfree(upload);
	return NULL;
}

/*
 * Without a reference to this module: removal unregisters, and that waits for an upload under way.
 * With one no module could be removed while it has a card.
 */
static int provcard_upload_register(struct provcard_upload *upload)
{
	struct provcard *card = upload->card;

	upload->fw = firmware_upload_register(NULL, &card->pdev->dev, dev_name(&card->dev),
					      &provcard_upload_ops, upload);
	return PTR_ERR_OR_ZERO(upload->fw);
}

/* A card that takes no firmware this way is a card all the same. */
void provcard_upload_add(struct provcard *card)
{
	struct provcard_upload *upload;
	int ret = -ENOMEM;

	if (!IS_ENABLED(CONFIG_FW_UPLOAD) || !(card->features & PROVCARD_FEATURE_FIRMWARE))
		return;
	upload = provcard_upload_alloc(card);
	if (upload)
		ret = provcard_upload_register(upload);
	if (!ret) {
		card->upload = upload;
		provcard_stage_begin(upload);
		return;
	}
	dev_warn(&card->pdev->dev, "no firmware upload (%d)\n", ret);
	if (upload)
		provcard_upload_free(upload);
}

/* The card is stopped: an upload under way has failed, or does so with its next piece. */
void provcard_upload_remove(struct provcard *card)
{
	if (!card->upload)
		return;
	firmware_upload_unregister(card->upload->fw);
	wait_for_completion(&card->upload->staged);
	provcard_upload_free(card->upload);
	card->upload = NULL;
}
