// SPDX-License-Identifier: GPL-2.0-or-later
/* What stands before main: vector table, initial memory, and the two functions that the compiler calls of its own accord. */
#include <stddef.h>
#include <stdint.h>

extern uint32_t stack_top[], data_start[], data_end[], data_image[], bss_start[], bss_end[];

int main(void);
void reset_handler(void);
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);

static void halt_handler(void)
{
	for (;;)
		;
}

struct vectors {
	uint32_t *stack;
	void (*handlers[15])(void);
};

__attribute__((section(".vectors"), used)) static const struct vectors vectors = {
	.stack = stack_top,
	.handlers = {
		reset_handler, halt_handler, halt_handler, halt_handler, halt_handler, halt_handler, NULL, NULL, NULL, NULL,
		halt_handler, halt_handler, NULL, halt_handler, halt_handler,
	},
};

void reset_handler(void)
{
	const uint32_t *from = data_image;

	for (uint32_t *to = data_start; to < data_end; to++)
		*to = *from++;
	for (uint32_t *to = bss_start; to < bss_end; to++)
		*to = 0;
	main();
	halt_handler();
}

void *memcpy(void *to, const void *from, size_t size)
{
	const uint8_t *source = from;

	for (uint8_t *target = to; size--;)
		*target++ = *source++;
	return to;
}

void *memset(void *to, int value, size_t size)
{
	for (uint8_t *target = to; size--;)
		*target++ = (uint8_t)value;
	return to;
}
