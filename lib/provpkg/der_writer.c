// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "der_writer.h"

void der_put(struct der_writer *writer, const void *data, size_t size)
{
	if (writer->full || (size_t)(writer->cursor - writer->start) < size) {
		writer->full = true;
		return;
	}
	writer->cursor -= size;
	memcpy(writer->cursor, data, size);
}

static void put_byte(struct der_writer *writer, uint8_t byte)
{
	der_put(writer, &byte, 1);
}

void der_wrap(struct der_writer *writer, uint8_t tag, size_t mark)
{
	size_t size = der_written(writer) - mark;
	uint8_t count = 0;

	if (size < 0x80) {
		put_byte(writer, size);
	} else {
		for (; size; size >>= 8, count++)
			put_byte(writer, size & 0xff);
		put_byte(writer, 0x80 | count);
	}
	put_byte(writer, tag);
}

void der_put_element(struct der_writer *writer, uint8_t tag, const void *data, size_t size)
{
	size_t mark = der_written(writer);

	der_put(writer, data, size);
	der_wrap(writer, tag, mark);
}
