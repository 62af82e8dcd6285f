// SPDX-License-Identifier: GPL-2.0-only
/*
 * User memory for the card: pinned, mapped, described by a scatter list. The CPU never copies a
 * byte of it.
 *
 * Pins are long-term ones, because how long a command takes is up to the card, and are charged to
 * the user's RLIMIT_MEMLOCK. Shared file pages can therefore not be written by the card: an out
 * buffer is anonymous memory, memfd or tmpfs.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "card.h"

/* So many pages are pinned without memory for their list. */
#define PROVCARD_FEW_PAGES 17

static int provcard_buffer_charge(struct provcard_buffer *buffer, unsigned long pages)
{
	struct user_struct *user = current_user();
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long locked = atomic_long_add_return(pages, &user->locked_vm);

	if (locked > limit && !capable(CAP_IPC_LOCK)) {
		atomic_long_sub(pages, &user->locked_vm);
		return -ENOMEM;
	}
	buffer->owner = get_current_cred();
	buffer->pages = pages;
	return 0;
}

static void provcard_buffer_uncharge(struct provcard_buffer *buffer)
{
	atomic_long_sub(buffer->pages, &buffer->owner->user->locked_vm);
	put_cred(buffer->owner);
}

static int provcard_buffer_pin(struct provcard_buffer *buffer, unsigned long start,
			       struct page **pages)
{
	unsigned int flags = FOLL_LONGTERM;
	int pinned;

	if (buffer->direction == DMA_FROM_DEVICE)
		flags |= FOLL_WRITE;
	pinned = pin_user_pages_fast(start, buffer->pages, flags, pages);
	if (pinned == buffer->pages)
		return 0;
	if (pinned > 0)
		unpin_user_pages(pages, pinned);
	return pinned < 0 ? pinned : -EFAULT;
}

static void provcard_buffer_unpin(struct provcard_buffer *buffer)
{
	bool dirty = buffer->direction == DMA_FROM_DEVICE;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(&buffer->table, sg, i)
		unpin_user_page_range_dirty_lock(sg_page(sg),
						 PAGE_ALIGN(sg->offset + sg->length) >> PAGE_SHIFT,
						 dirty);
}

/* A bounce buffer, where the platform has to use one, takes only so much in one piece. */
static unsigned int provcard_segment_max(struct device *dma)
{
	size_t most = min_t(size_t, dma_max_mapping_size(dma), dma_get_max_seg_size(dma));

	return max_t(unsigned int, most & PAGE_MASK, PAGE_SIZE);
}

/* Pin and gather: afterwards the table alone knows the pages. */
static int provcard_buffer_gather(struct device *dma, struct provcard_buffer *buffer,
				  unsigned long start)
{
	struct page *few[PROVCARD_FEW_PAGES], **pages = few;
	int ret;

	if (buffer->pages > ARRAY_SIZE(few))
		pages = kvmalloc_array(buffer->pages, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	ret = provcard_buffer_pin(buffer, start & PAGE_MASK, pages);
	if (!ret) {
		ret = sg_alloc_table_from_pages_segment(&buffer->table, pages, buffer->pages,
							offset_in_page(start), buffer->length,
							provcard_segment_max(dma),
							GFP_KERNEL_ACCOUNT);
		if (ret)
			unpin_user_pages(pages, buffer->pages);
	}
	if (pages != few)
		kvfree(pages);
	return ret;
}

static void provcard_sgl_set(struct provcard_hif_sgl *sgl, dma_addr_t address, u32 length, u8 type)
{
	sgl->address = cpu_to_le64(address);
	sgl->length = cpu_to_le32(length);
	sgl->type = type;
}

/* One piece stands in the command itself, more in a list of their own. */
static int provcard_buffer_describe(struct device *dma, struct provcard_buffer *buffer,
				    struct provcard_hif_sgl *sgl)
{
	struct scatterlist *sg = buffer->table.sgl;
	unsigned int i;

	if (buffer->table.nents == 1) {
		provcard_sgl_set(sgl, sg_dma_address(sg), sg_dma_len(sg), PROVCARD_SGL_DATA);
		return 0;
	}
	buffer->list_bytes = array_size(buffer->table.nents, sizeof(*buffer->list));
	buffer->list = kzalloc(buffer->list_bytes, GFP_KERNEL_ACCOUNT);
	if (!buffer->list)
		return -ENOMEM;
	for_each_sgtable_dma_sg(&buffer->table, sg, i)
		provcard_sgl_set(&buffer->list[i], sg_dma_address(sg), sg_dma_len(sg),
				 PROVCARD_SGL_DATA);
	buffer->list_dma = dma_map_single(dma, buffer->list, buffer->list_bytes, DMA_TO_DEVICE);
	if (dma_mapping_error(dma, buffer->list_dma)) {
		kfree(buffer->list);
		buffer->list = NULL;
		return -ENOMEM;
	}
	provcard_sgl_set(sgl, buffer->list_dma, buffer->list_bytes, PROVCARD_SGL_LIST);
	return 0;
}

static int provcard_buffer_map_table(struct device *dma, struct provcard_buffer *buffer,
				     struct provcard_hif_sgl *sgl)
{
	int ret = dma_map_sgtable(dma, &buffer->table, buffer->direction, 0);

	if (ret)
		return ret == -EREMOTEIO ? -EIO : -ENOMEM;
	ret = provcard_buffer_describe(dma, buffer, sgl);
	if (ret)
		dma_unmap_sgtable(dma, &buffer->table, buffer->direction, 0);
	return ret;
}

static int provcard_buffer_map_pages(struct device *dma, struct provcard_buffer *buffer,
				     unsigned long start, struct provcard_hif_sgl *sgl)
{
	int ret = provcard_buffer_gather(dma, buffer, start);

	if (ret)
		return ret;
	ret = provcard_buffer_map_table(dma, buffer, sgl);
	if (!ret)
		return 0;
	provcard_buffer_unpin(buffer);
	sg_free_table(&buffer->table);
	return ret;
}

static void provcard_buffer_unmap_pages(struct device *dma, struct provcard_buffer *buffer)
{
	if (buffer->list)
		dma_unmap_single(dma, buffer->list_dma, buffer->list_bytes, DMA_TO_DEVICE);
	kfree(buffer->list);
	buffer->list = NULL;
	dma_unmap_sgtable(dma, &buffer->table, buffer->direction, 0);
	provcard_buffer_unpin(buffer);
	sg_free_table(&buffer->table);
}

/* Most buffers lie within a page, and need nothing allocated for them. */
static int provcard_buffer_map_page(struct device *dma, struct provcard_buffer *buffer,
				    unsigned long start, struct provcard_hif_sgl *sgl)
{
	int ret = provcard_buffer_pin(buffer, start & PAGE_MASK, &buffer->page);

	if (ret)
		return ret;
	buffer->address = dma_map_page(dma, buffer->page, offset_in_page(start), buffer->length,
				       buffer->direction);
	if (!dma_mapping_error(dma, buffer->address)) {
		provcard_sgl_set(sgl, buffer->address, buffer->length, PROVCARD_SGL_DATA);
		return 0;
	}
	unpin_user_page(buffer->page);
	buffer->page = NULL;
	return -ENOMEM;
}

static void provcard_buffer_unmap_page(struct device *dma, struct provcard_buffer *buffer)
{
	dma_unmap_page(dma, buffer->address, buffer->length, buffer->direction);
	unpin_user_pages_dirty_lock(&buffer->page, 1, buffer->direction == DMA_FROM_DEVICE);
	buffer->page = NULL;
}

/**
 * provcard_buffer_map - give user memory to the card
 * @card: the card
 * @buffer: keeps what provcard_buffer_unmap() needs; zeroed
 * @address: user address
 * @length: bytes, 0 for no buffer
 * @direction: DMA_TO_DEVICE or DMA_FROM_DEVICE
 * @sgl: the command's descriptor, zeroed
 *
 * The caller is inside the gate. Returns 0, -EINVAL for a length above what the card takes,
 * -EFAULT, -ENOMEM (also for RLIMIT_MEMLOCK), or what pinning met.
 */
int provcard_buffer_map(struct provcard *card, struct provcard_buffer *buffer, u64 address,
			u64 length, enum dma_data_direction direction, struct provcard_hif_sgl *sgl)
{
	unsigned long start = address;
	unsigned long end;
	int ret;

	if (!length)
		return 0;
	if (length > card->max_transfer)
		return -EINVAL;
	if (start != address || check_add_overflow(start, (unsigned long)length, &end) ||
	    end > ULONG_MAX - PAGE_SIZE)
		return -EFAULT;

	buffer->direction = direction;
	buffer->length = length;
	ret = provcard_buffer_charge(buffer, (PAGE_ALIGN(end) - (start & PAGE_MASK)) >> PAGE_SHIFT);
	if (ret)
		goto none;
	if (buffer->pages == 1)
		ret = provcard_buffer_map_page(&card->pdev->dev, buffer, start, sgl);
	else
		ret = provcard_buffer_map_pages(&card->pdev->dev, buffer, start, sgl);
	if (!ret)
		return 0;
	provcard_buffer_uncharge(buffer);
none:
	buffer->length = 0;
	return ret;
}

/* Take it back. The card has ended the command, or cannot access memory. */
void provcard_buffer_unmap(struct provcard *card, struct provcard_buffer *buffer)
{
	struct device *dma = &card->pdev->dev;

	if (!buffer->length)
		return;
	if (buffer->page)
		provcard_buffer_unmap_page(dma, buffer);
	else
		provcard_buffer_unmap_pages(dma, buffer);
	provcard_buffer_uncharge(buffer);
	buffer->length = 0;
}
