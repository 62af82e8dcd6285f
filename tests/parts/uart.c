// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "part.h"
#include "uart.h"

/* nRF52840 product specification, chapters UART and UARTE. */
#define TASKS_STARTRX 0x000
#define TASKS_STOPRX 0x004
#define TASKS_STARTTX 0x008
#define TASKS_STOPTX 0x00c
#define EVENTS_RXDRDY 0x108
#define EVENTS_ENDRX 0x110
#define EVENTS_TXDRDY 0x11c
#define EVENTS_ENDTX 0x120
#define ENABLE 0x500
#define ENABLE_UART 4
#define ENABLE_UARTE 8
#define RXD 0x518
#define TXD 0x51c
#define BAUDRATE 0x524
#define RXD_PTR 0x534
#define RXD_MAXCNT 0x538
#define RXD_AMOUNT 0x53c
#define TXD_PTR 0x544
#define TXD_MAXCNT 0x548
#define TXD_AMOUNT 0x54c

#define BITS_PER_BYTE 10 /* start, eight, stop */
#define BAUD_CLOCK 16000000ull /* BAUDRATE counts in 2^-32 of this */

size_t uart_wire_put(struct uart_wire *wire, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;
	size_t done = 0;

	for (; done < size && wire->count < UART_WIRE_SIZE; done++)
		wire->bytes[(wire->head + wire->count++) % UART_WIRE_SIZE] = from[done];
	return done;
}

size_t uart_wire_take(struct uart_wire *wire, void *bytes, size_t size)
{
	uint8_t *to = bytes;
	size_t done = 0;

	for (; done < size && wire->count; done++, wire->count--) {
		to[done] = wire->bytes[wire->head];
		wire->head = (wire->head + 1) % UART_WIRE_SIZE;
	}
	return done;
}

void uart_reset(struct uart *uart, struct part *part)
{
	uart->part = part;
	memset(uart->registers, 0, sizeof(uart->registers));
	uart->registers[BAUDRATE / 4] = 0x04000000;
	uart->receiving = false;
	uart->sending = false;
	uart->holds_byte = false;
	uart->dma_count = 0;
	uart->next_byte_at = 0;
	uart->sent_at = 0;
}

static uint64_t byte_time(const struct uart *uart)
{
	uint64_t baud = uart->registers[BAUDRATE / 4] * BAUD_CLOCK >> 32;

	if (!uart->part->options.real_timing || !baud)
		return 0;
	return BITS_PER_BYTE * 1000000000ull / baud;
}

static bool uses_dma(const struct uart *uart)
{
	return uart->registers[ENABLE / 4] == ENABLE_UARTE;
}

static void receive_to_memory(struct uart *uart, uint8_t byte)
{
	uint32_t address = uart->registers[RXD_PTR / 4] + uart->dma_count;

	bus_write(&uart->part->bus, BUS_CPU, address, 1, byte);
	uart->registers[RXD_AMOUNT / 4] = ++uart->dma_count;
	if (uart->dma_count < uart->registers[RXD_MAXCNT / 4])
		return;
	uart->registers[EVENTS_ENDRX / 4] = 1;
	uart->receiving = false;
}

/* Let the receiver take what has arrived by now. */
static void receive(struct uart *uart)
{
	uint8_t byte = 0;

	while (uart->receiving && !uart->holds_byte && uart->to_part.count && part_now(uart->part) >= uart->next_byte_at) {
		uart_wire_take(&uart->to_part, &byte, 1);
		uart->next_byte_at = part_now(uart->part) + byte_time(uart);
		uart->registers[EVENTS_RXDRDY / 4] = 1;
		if (uses_dma(uart)) {
			receive_to_memory(uart, byte);
			continue;
		}
		uart->registers[RXD / 4] = byte;
		uart->holds_byte = true;
	}
}

static void send(struct uart *uart, uint8_t byte)
{
	uart_wire_put(&uart->from_part, &byte, 1);
	uart->sending = true;
	uart->sent_at = part_now(uart->part) + byte_time(uart);
}

static void send_from_memory(struct uart *uart)
{
	uint32_t count = uart->registers[TXD_MAXCNT / 4], byte;

	for (uint32_t i = 0; i < count; i++) {
		if (bus_read(&uart->part->bus, BUS_CPU, uart->registers[TXD_PTR / 4] + i, 1, &byte) != BUS_OK)
			break;
		uart_wire_put(&uart->from_part, &(uint8_t){ (uint8_t)byte }, 1);
	}
	uart->registers[TXD_AMOUNT / 4] = count;
	uart->sending = true;
	uart->sent_at = part_now(uart->part) + count * byte_time(uart);
}

static void finish_sending(struct uart *uart)
{
	if (!uart->sending || part_now(uart->part) < uart->sent_at)
		return;
	uart->sending = false;
	uart->registers[EVENTS_TXDRDY / 4] = 1;
	if (uses_dma(uart))
		uart->registers[EVENTS_ENDTX / 4] = 1;
}

enum bus_result uart_read(void *context, const struct bus_access *access, uint32_t *value)
{
	struct uart *uart = context;

	if (access->size != 4)
		return BUS_FAULT;
	receive(uart);
	finish_sending(uart);
	*value = uart->registers[access->offset / 4];
	if (access->offset == RXD) {
		uart->holds_byte = false;
		receive(uart);
	}
	return BUS_OK;
}

static void start_receiving(struct uart *uart)
{
	uart->receiving = true;
	uart->dma_count = 0;
	uart->next_byte_at = part_now(uart->part) + byte_time(uart);
}

enum bus_result uart_write(void *context, const struct bus_access *access, uint32_t value)
{
	struct uart *uart = context;
	bool enabled = uart->registers[ENABLE / 4] == ENABLE_UART || uses_dma(uart);

	if (access->size != 4)
		return BUS_FAULT;
	uart->registers[access->offset / 4] = value;
	if (!enabled)
		return BUS_OK;
	if (access->offset == TASKS_STARTRX && value)
		start_receiving(uart);
	else if (access->offset == TASKS_STOPRX && value)
		uart->receiving = false;
	else if (access->offset == TASKS_STARTTX && value && uses_dma(uart))
		send_from_memory(uart);
	else if (access->offset == TXD && !uses_dma(uart))
		send(uart, (uint8_t)value);
	return BUS_OK;
}
