// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of how user memory is described to the card. The test reads the descriptors as a
 * card does, and what they name must be the user's buffer, byte for byte, and not a byte more.
 */
#include "../dma.c"

#include <kunit/test.h>
#include <linux/io.h>
#include <linux/mman.h>
#include <linux/module.h>

#define AREA (2 * SZ_1M)

struct place {
	struct provcard *card;
	unsigned long area;
};

static int place_init(struct kunit *test)
{
	struct place *place = kunit_kzalloc(test, sizeof(*place), GFP_KERNEL);
	struct provcard *card = kunit_kzalloc(test, sizeof(*card), GFP_KERNEL);
	struct pci_dev *pdev = kunit_kzalloc(test, sizeof(*pdev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, place);
	KUNIT_ASSERT_NOT_NULL(test, card);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	pdev->dev.init_name = "provcard-test";
	pdev->dev.coherent_dma_mask = DMA_BIT_MASK(64);
	pdev->dev.dma_mask = &pdev->dev.coherent_dma_mask;
	pdev->dev.dma_parms = &pdev->dma_parms;
	dma_set_max_seg_size(&pdev->dev, PROVCARD_MAX_TRANSFER);
	card->pdev = pdev;
	card->max_transfer = PROVCARD_MAX_TRANSFER;
	place->card = card;
	place->area = kunit_vm_mmap(test, NULL, 0, AREA, PROT_READ | PROT_WRITE,
				    MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE_MSG(test, place->area, 0, "no user memory");
	test->priv = place;
	return 0;
}

/* The pattern repeats after a prime number of bytes, so no two pages are alike. */
static u8 pattern(size_t offset)
{
	return offset % 251;
}

static void fill(struct kunit *test, unsigned long at, size_t length)
{
	u8 *bytes = kunit_kmalloc(test, length, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	for (size_t i = 0; i < length; i++)
		bytes[i] = pattern(i);
	KUNIT_ASSERT_EQ(test, copy_to_user((void __user *)at, bytes, length), 0);
}

/* Without an IOMMU a bus address is a physical one. */
static void *bus_to_memory(__le64 address)
{
	return phys_to_virt(le64_to_cpu(address));
}

/* The descriptors of a buffer, from the command or from the list it names. */
static const struct provcard_hif_sgl *pieces(struct kunit *test, const struct provcard_hif_sgl *sgl,
					     unsigned int *count)
{
	u32 length = le32_to_cpu(sgl->length);

	*count = 1;
	if (sgl->type == PROVCARD_SGL_DATA)
		return sgl;
	KUNIT_EXPECT_EQ(test, sgl->type, PROVCARD_SGL_LIST);
	KUNIT_EXPECT_EQ(test, length % sizeof(*sgl), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(sgl->address) % 8, 0);
	*count = length / sizeof(*sgl);
	KUNIT_EXPECT_GT(test, *count, 1);
	KUNIT_EXPECT_LE(test, *count, PROVCARD_MAX_TRANSFER / 4096 + 1);
	return bus_to_memory(sgl->address);
}

/* Returns how many bytes the descriptors name; all of them hold the pattern. */
static u64 read_as_card(struct kunit *test, const struct provcard_hif_sgl *sgl)
{
	unsigned int count;
	const struct provcard_hif_sgl *piece = pieces(test, sgl, &count);
	u64 bytes = 0, wrong = 0;

	for (; count--; piece++) {
		const u8 *memory = bus_to_memory(piece->address);
		u32 length = le32_to_cpu(piece->length);

		KUNIT_EXPECT_NE(test, length, 0);
		KUNIT_EXPECT_EQ(test, piece->type, PROVCARD_SGL_DATA);
		KUNIT_EXPECT_FALSE(test, memchr_inv(piece->reserved, 0, sizeof(piece->reserved)));
		for (u32 i = 0; i < length; i++)
			wrong += memory[i] != pattern(bytes + i);
		bytes += length;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	return bytes;
}

struct extent {
	const char *name;
	unsigned long offset;
	u64 length;
};

static const struct extent extents[] = {
	{ "one-byte", 0, 1 },
	{ "last-byte-of-a-page", PAGE_SIZE - 1, 1 },
	{ "a-page", PAGE_SIZE, PAGE_SIZE },
	{ "across-two-pages", PAGE_SIZE - 1, 2 },
	{ "across-many-pages", 100, 20 * PAGE_SIZE + 7 },
	{ "most", 0, PROVCARD_MAX_TRANSFER },
	{ "most-and-unaligned", 1, PROVCARD_MAX_TRANSFER },
};

static void extent_name(const struct extent *param, char *name)
{
	strscpy(name, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(extent, extents, extent_name);

static void test_described(struct kunit *test)
{
	const struct extent *param = test->param_value;
	struct place *place = test->priv;
	unsigned long at = place->area + param->offset;
	atomic_long_t *locked = &current_user()->locked_vm;
	long before = atomic_long_read(locked);
	struct provcard_buffer buffer = {};
	struct provcard_hif_sgl sgl = {};

	fill(test, at, param->length);
	KUNIT_ASSERT_EQ(test, provcard_buffer_map(place->card, &buffer, at, param->length,
						  DMA_TO_DEVICE, &sgl), 0);
	KUNIT_EXPECT_EQ(test, read_as_card(test, &sgl), param->length);
	KUNIT_EXPECT_EQ(test, atomic_long_read(locked) - before,
			DIV_ROUND_UP(offset_in_page(at) + param->length, PAGE_SIZE));
	provcard_buffer_unmap(place->card, &buffer);
	KUNIT_EXPECT_EQ(test, atomic_long_read(locked), before);
	KUNIT_EXPECT_EQ(test, buffer.length, 0);
}

/* What the card writes is where the user looks for it. */
static void test_written(struct kunit *test)
{
	struct place *place = test->priv;
	struct provcard_buffer buffer = {};
	struct provcard_hif_sgl sgl = {};
	const struct provcard_hif_sgl *piece;
	unsigned int count;
	size_t length = 3 * PAGE_SIZE;
	u8 *found = kunit_kmalloc(test, length, GFP_KERNEL);
	unsigned long at = place->area + 33;

	KUNIT_ASSERT_NOT_NULL(test, found);
	KUNIT_ASSERT_EQ(test, provcard_buffer_map(place->card, &buffer, at, length, DMA_FROM_DEVICE,
						  &sgl), 0);
	for (piece = pieces(test, &sgl, &count); count--; piece++)
		memset(bus_to_memory(piece->address), 0x5a, le32_to_cpu(piece->length));
	provcard_buffer_unmap(place->card, &buffer);
	KUNIT_ASSERT_EQ(test, copy_from_user(found, (void __user *)at, length), 0);
	KUNIT_EXPECT_FALSE(test, memchr_inv(found, 0x5a, length));
	KUNIT_ASSERT_EQ(test, copy_from_user(found, (void __user *)place->area, 33), 0);
	KUNIT_EXPECT_FALSE(test, memchr_inv(found, 0, 33));
}

struct refusal {
	const char *name;
	u64 address, length;
	int error;
};

/* An address of 0 stands for the test's memory. */
static const struct refusal refusals[] = {
	{ "a-byte-too-many", 0, PROVCARD_MAX_TRANSFER + 1, -EINVAL },
	{ "all-there-is", 0, U64_MAX, -EINVAL },
	{ "nothing-there", 1, 100, -EFAULT },
	{ "kernel-memory", 0xffff800000000000, 100, -EFAULT },
	{ "wraps", U64_MAX - 10, 100, -EFAULT },
	{ "ends-at-the-end", U64_MAX - 99, 100, -EFAULT },
};

static void refusal_name(const struct refusal *param, char *name)
{
	strscpy(name, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(refusal, refusals, refusal_name);

static void test_refused(struct kunit *test)
{
	const struct refusal *param = test->param_value;
	struct place *place = test->priv;
	atomic_long_t *locked = &current_user()->locked_vm;
	long before = atomic_long_read(locked);
	struct provcard_buffer buffer = {};
	struct provcard_hif_sgl sgl = {};

	KUNIT_EXPECT_EQ(test, provcard_buffer_map(place->card, &buffer,
						  param->address ?: place->area, param->length,
						  DMA_TO_DEVICE, &sgl), param->error);
	KUNIT_EXPECT_EQ(test, buffer.length, 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(locked), before);
	KUNIT_EXPECT_FALSE(test, memchr_inv(&sgl, 0, sizeof(sgl)));
}

static void test_no_buffer(struct kunit *test)
{
	struct place *place = test->priv;
	struct provcard_buffer buffer = {};
	struct provcard_hif_sgl sgl = {};

	KUNIT_EXPECT_EQ(test, provcard_buffer_map(place->card, &buffer, U64_MAX, 0, DMA_TO_DEVICE,
						  &sgl), 0);
	KUNIT_EXPECT_FALSE(test, memchr_inv(&sgl, 0, sizeof(sgl)));
	provcard_buffer_unmap(place->card, &buffer);
}

static struct kunit_case dma_cases[] = {
	KUNIT_CASE_PARAM(test_described, extent_gen_params),
	KUNIT_CASE(test_written),
	KUNIT_CASE_PARAM(test_refused, refusal_gen_params),
	KUNIT_CASE(test_no_buffer),
	{}
};

static struct kunit_suite dma_suite = {
	.name = "provcard-dma",
	.init = place_init,
	.test_cases = dma_cases,
};

kunit_test_suite(dma_suite);

MODULE_DESCRIPTION("KUnit tests of provcard's scatter lists");
MODULE_LICENSE("GPL");
