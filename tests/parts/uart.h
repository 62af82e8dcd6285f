/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UART0 and UARTE0 of the nRF52 series, which share one set of registers, and the wire behind them. The far end of the wire
 * honours flow control: bytes wait there until the receiver takes them.
 */
#ifndef PART_UART_H
#define PART_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"

#define UART_WIRE_SIZE 65536
#define UART_REGISTERS 0x1000

struct part;

struct uart_wire {
	uint8_t bytes[UART_WIRE_SIZE];
	size_t head, count;
};

struct uart {
	struct part *part;
	struct uart_wire to_part, from_part;
	uint32_t registers[UART_REGISTERS / 4];
	bool receiving, sending, holds_byte;
	uint32_t dma_count; /* bytes received into memory since STARTRX */
	uint64_t next_byte_at, sent_at;
};

void uart_reset(struct uart *uart, struct part *part);
enum bus_result uart_read(void *context, const struct bus_access *access, uint32_t *value);
enum bus_result uart_write(void *context, const struct bus_access *access, uint32_t value);

/* The far end. Returns how many bytes the wire took, or gave. */
size_t uart_wire_put(struct uart_wire *wire, const void *bytes, size_t size);
size_t uart_wire_take(struct uart_wire *wire, void *bytes, size_t size);

#endif
