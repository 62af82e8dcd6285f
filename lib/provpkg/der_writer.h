/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DER written from its end to its beginning, so that every length is known when it is written. Internal to libprovpkg. */
#ifndef PROVPKG_DER_WRITER_H
#define PROVPKG_DER_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct der_writer {
	uint8_t *start;
	uint8_t *end;
	uint8_t *cursor; /* first byte written */
	bool full;	 /* something did not fit; nothing more is written */
};

static inline struct der_writer der_writer_over(uint8_t *room, size_t size)
{
	return (struct der_writer){ room, room + size, room + size, false };
}

static inline size_t der_written(const struct der_writer *writer)
{
	return writer->end - writer->cursor;
}

void der_put(struct der_writer *writer, const void *data, size_t size);
/* Tag and length before all that was written since der_written() was @mark. */
void der_wrap(struct der_writer *writer, uint8_t tag, size_t mark);
/* A whole primitive element. */
void der_put_element(struct der_writer *writer, uint8_t tag, const void *data, size_t size);

#endif
