// SPDX-License-Identifier: GPL-2.0-only
/*
 * The card's random bytes for the kernel's hardware generator framework, /dev/hwrng.
 *
 * The card tests its noise source and gives nothing when it fails; but what comes from the other
 * end of a bus is not for the driver to believe in. So it claims as good as no entropy, and an
 * admin who knows the card says what its bytes are worth, in rng_quality.
 */
#include <linux/hw_random.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "card.h"

/* Of 1024. Not 0, which the framework takes for the best there is since 6.2. */
#define PROVCARD_RNG_QUALITY 1

static bool provcard_hwrng = true;
module_param_named(hwrng, provcard_hwrng, bool, 0444);
MODULE_PARM_DESC(hwrng, "offer the card's random bytes as a hardware generator (Y)");

/* @bytes: where the card writes. Zero between two readings, of which there is one at a time. */
struct provcard_rng {
	struct hwrng rng;
	struct provcard *card;
	u8 *bytes;
	dma_addr_t bytes_dma;
};

static int provcard_rng_fetch(struct provcard_rng *rng, size_t size, bool wait)
{
	const struct provcard_hif_sqe sqe = {
		.opcode = PROVCARD_OPC_RANDOM,
		.out = { .address = cpu_to_le64(rng->bytes_dma), .length = cpu_to_le32(size) },
	};
	struct provcard_answer answer;
	int ret = provcard_admin_call(rng->card, &sqe, size, PROVCARD_ADMIN_TIMEOUT_MS, !wait,
				      &answer);

	if (ret)
		return ret;
	if (!answer.status && answer.length == size)
		return 0;
	dev_err_ratelimited(&rng->card->pdev->dev, "no random bytes, status %#x\n", answer.status);
	return -EIO;
}

static int provcard_rng_read(struct hwrng *hwrng, void *data, size_t max, bool wait)
{
	struct provcard_rng *rng = container_of(hwrng, struct provcard_rng, rng);
	size_t size = min_t(size_t, max, PROVCARD_RANDOM_MAX);
	int ret = provcard_rng_fetch(rng, size, wait);

	if (!ret)
		memcpy(data, rng->bytes, size);
	memzero_explicit(rng->bytes, size);
	return ret ?: size;
}

static void provcard_rng_free(struct provcard_rng *rng)
{
	dma_free_coherent(&rng->card->pdev->dev, PROVCARD_RANDOM_MAX, rng->bytes, rng->bytes_dma);
	kfree(rng);
}

static struct provcard_rng *provcard_rng_alloc(struct provcard *card)
{
	struct provcard_rng *rng = kzalloc(sizeof(*rng), GFP_KERNEL);

	if (!rng)
		return NULL;
	rng->card = card;
	rng->rng.name = dev_name(&card->dev);
	rng->rng.read = provcard_rng_read;
	rng->rng.quality = PROVCARD_RNG_QUALITY;
	rng->bytes = dma_alloc_coherent(&card->pdev->dev, PROVCARD_RANDOM_MAX, &rng->bytes_dma,
					GFP_KERNEL);
	if (rng->bytes)
		return rng;
	kfree(rng);
	return NULL;
}

/* A card that cannot be the kernel's generator is a card all the same. */
void provcard_hwrng_add(struct provcard *card)
{
	struct provcard_rng *rng;
	int ret = -ENOMEM;

	if (!provcard_hwrng || !(card->features & PROVCARD_FEATURE_RANDOM))
		return;
	rng = provcard_rng_alloc(card);
	if (rng)
		ret = hwrng_register(&rng->rng);
	if (!ret) {
		card->rng = rng;
		return;
	}
	dev_warn(&card->pdev->dev, "no hardware generator (%d)\n", ret);
	if (rng)
		provcard_rng_free(rng);
}

/* The card is stopped, so a reading that waits for it has ended; this waits for the reader. */
void provcard_hwrng_remove(struct provcard *card)
{
	if (!card->rng)
		return;
	hwrng_unregister(&card->rng->rng);
	provcard_rng_free(card->rng);
	card->rng = NULL;
}
