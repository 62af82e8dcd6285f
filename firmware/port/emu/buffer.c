// SPDX-License-Identifier: GPL-2.0-or-later
/* Scatter lists of the host, read once and judged, and the core's view of the memory behind them. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "controller_private.h"

#define LIST_MAX (TRANSFER_MAX / 4096 + 1)

static bool reserved_set(const struct provcard_hif_sgl *sgl)
{
	return sgl->reserved[0] || sgl->reserved[1] || sgl->reserved[2];
}

static bool wraps(uint64_t address, uint32_t length)
{
	return address > UINT64_MAX - length;
}

/* Appends a data descriptor that is not empty. */
static uint16_t append(struct buffer *buffer, const struct provcard_hif_sgl *sgl)
{
	uint64_t address = le64toh(sgl->address);
	uint32_t length = le32toh(sgl->length);

	if (sgl->type != PROVCARD_SGL_DATA || reserved_set(sgl) || !length || wraps(address, length) ||
	    length > TRANSFER_MAX - buffer->size)
		return PROVCARD_SC_INVALID_FIELD;
	buffer->segments[buffer->count++] = (struct segment){ address, length, (uint32_t)buffer->size };
	buffer->size += length;
	return 0;
}

static uint16_t parse_list(struct buffer *buffer, uint64_t address, uint32_t length)
{
	size_t count = length / sizeof(struct provcard_hif_sgl), i;
	struct provcard_hif_sgl *list;
	uint16_t status = 0;

	if (length % sizeof(*list) || count > LIST_MAX || address % 8 || wraps(address, length))
		return PROVCARD_SC_INVALID_FIELD;
	list = calloc(count, sizeof(*list));
	buffer->segments = calloc(count, sizeof(*buffer->segments));
	if (!list || !buffer->segments)
		status = PROVCARD_SC_INTERNAL;
	else if (dma_read(buffer->controller->config.dma, &buffer->controller->gate, address, list, length))
		status = PROVCARD_SC_DATA_TRANSFER;
	for (i = 0; i < count && !status; i++)
		status = append(buffer, &list[i]);
	free(list);
	return status;
}

uint16_t buffer_parse(struct controller *c, const struct provcard_hif_sgl *sgl, struct buffer *buffer)
{
	uint32_t length = le32toh(sgl->length);

	*buffer = (struct buffer){ .controller = c };
	buffer->segments = &buffer->one;
	if (reserved_set(sgl))
		return PROVCARD_SC_INVALID_FIELD;
	if (!length)
		return sgl->type == PROVCARD_SGL_DATA ? 0 : PROVCARD_SC_INVALID_FIELD;
	if (sgl->type == PROVCARD_SGL_LIST)
		return parse_list(buffer, le64toh(sgl->address), length);
	return append(buffer, sgl);
}

void buffer_release(struct buffer *buffer)
{
	if (buffer->segments != &buffer->one)
		free(buffer->segments);
}

/* Index of the segment that holds @offset, which is within the buffer. */
static size_t segment_at(const struct buffer *buffer, size_t offset)
{
	size_t low = 0, high = buffer->count - 1, middle;

	while (low < high) {
		middle = low + (high - low + 1) / 2;
		if (buffer->segments[middle].start <= offset)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static int buffer_access(struct buffer *buffer, size_t offset, uint8_t *data, size_t size, bool write)
{
	struct controller *c = buffer->controller;
	size_t i, within, piece;
	int error = 0;

	if (offset > buffer->size || size > buffer->size - offset)
		return -EINVAL;
	for (i = size ? segment_at(buffer, offset) : 0; size && !error; i++) {
		within = offset - buffer->segments[i].start;
		piece = buffer->segments[i].length - within;
		if (piece > size)
			piece = size;
		if (write)
			error = dma_write(c->config.dma, &c->gate, buffer->segments[i].address + within, data, piece);
		else
			error = dma_read(c->config.dma, &c->gate, buffer->segments[i].address + within, data, piece);
		offset += piece;
		data += piece;
		size -= piece;
	}
	return error;
}

int buffer_read(void *buffer, size_t offset, void *data, size_t size)
{
	return buffer_access(buffer, offset, data, size, false);
}

int buffer_write(void *buffer, size_t offset, const void *data, size_t size)
{
	return buffer_access(buffer, offset, (void *)data, size, true);
}
