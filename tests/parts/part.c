// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "part.h"

#define DPIDR_CORTEX_M4 0x2ba01477
#define SECOND 1000000000ull
#define SLICE 100000ull /* nanoseconds that CPU and outside may be apart while nobody clocks */
#define HURRY_CYCLES 5000000ull /* how long an idle debugger lets the CPU of a part with ideal timing run */

static const struct family *const families[] = { &family_nrf52840 };

const struct family *family_find(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (!strcmp(families[i]->name, name))
			return families[i];
	return NULL;
}

struct part *part_create(const struct family *family, const struct part_options *options)
{
	struct part *part = calloc(1, sizeof(*part));

	if (!part)
		return NULL;
	part->family = family;
	part->options = *options;
	part->dp.dpidr = DPIDR_CORTEX_M4;
	part->dp.ports[0] = ahb_ap_port(&part->ahb_ap);
	core_add_to_bus(&part->core, part, &part->bus);
	part->state = family->create(part);
	if (part->state)
		part->cpu = part_cpu_create(&part->bus);
	if (!part->cpu) {
		part_destroy(part);
		return NULL;
	}
	return part;
}

void part_destroy(struct part *part)
{
	part_cpu_destroy(part->cpu);
	if (part->state)
		part->family->destroy(part->state);
	free(part);
}

uint64_t part_now(const struct part *part)
{
	if (!part->cpu_active)
		return part->nanoseconds;
	return part->cpu_nanoseconds + part_cpu_used(part->cpu) * SECOND / part->family->cpu_hz;
}

static void cpu_ended(struct part *part, enum cpu_stop stop)
{
	if (part->core.reset_requested)
		part_reset(part, PART_RESET_SOFT);
	else if (stop == CPU_BREAKPOINT)
		core_stopped(&part->core, DFSR_BKPT);
	else if (stop == CPU_FAULT)
		part->core.locked_up = true;
}

static void run(struct part *part, uint64_t cycles)
{
	uint64_t used = 0;

	part->cpu_active = true;
	enum cpu_stop stop = part_cpu_run(part->cpu, cycles, &used);

	part->cpu_active = false;
	part->cpu_nanoseconds += used * SECOND / part->family->cpu_hz;
	cpu_ended(part, stop);
}

void part_catch_up(struct part *part)
{
	if (part->cpu_active)
		return;
	while (core_runs(&part->core) && part->cpu_nanoseconds < part->nanoseconds) {
		uint64_t cycles = (part->nanoseconds - part->cpu_nanoseconds) * part->family->cpu_hz / SECOND;

		if (!cycles)
			return;
		run(part, cycles);
	}
	if (part->cpu_nanoseconds < part->nanoseconds)
		part->cpu_nanoseconds = part->nanoseconds;
}

void part_hurry(struct part *part)
{
	if (part->options.real_timing || part->cpu_active || !core_runs(&part->core))
		return;
	run(part, HURRY_CYCLES);
	part->cpu_nanoseconds = part->nanoseconds;
}

void part_pass(struct part *part, uint64_t nanoseconds)
{
	part->nanoseconds += nanoseconds;
}

enum bus_result part_wait_for(struct part *part, enum bus_master master, uint64_t until)
{
	uint64_t now = part_now(part);

	if (until <= now)
		return BUS_OK;
	if (master == BUS_DEBUG && !part->patient)
		return BUS_WAIT;
	if (master == BUS_CPU && part->cpu_active)
		part_cpu_stall(part->cpu, (until - now) * part->family->cpu_hz / SECOND);
	else
		part_pass(part, until - now);
	return BUS_OK;
}

bool part_debug_open(struct part *part)
{
	return part->family->debug_open(part->state);
}

/* While the reset pin is held there is no bus to reach. */
bool part_memory_open(struct part *part)
{
	return part_debug_open(part) && !part->core.in_reset;
}

void part_reset(struct part *part, enum part_reset reset)
{
	uart_reset(&part->uart, part);
	part->family->reset(part->state, reset);
	core_reset(&part->core, reset != PART_RESET_SOFT);
	part->cpu_nanoseconds = part->nanoseconds;
}

static void forget_wires(struct part *part)
{
	memset(&part->uart.to_part, 0, sizeof(part->uart.to_part));
	memset(&part->uart.from_part, 0, sizeof(part->uart.from_part));
}

void part_power(struct part *part, bool on)
{
	if (on == part->powered)
		return;
	part->powered = on;
	part->clocks = 0;
	part->nanoseconds = 0;
	part->cpu_nanoseconds = 0;
	part->faults.erases = 0;
	part->faults.writes = 0;
	part->core.in_reset = false;
	forget_wires(part);
	if (!on)
		return;
	wire_power_on(&part->wire, &part->dp);
	dp_power_on(&part->dp);
	ahb_ap_power_on(&part->ahb_ap, part);
	faults_hold(part);
	part_reset(part, PART_RESET_POWER);
	part_reset_pin(part, part->reset_asserted);
}

void part_reset_pin(struct part *part, bool asserted)
{
	bool released = part->core.in_reset && !asserted;

	part->reset_asserted = asserted;
	if (!part->powered)
		return;
	part_catch_up(part);
	part->core.in_reset = asserted && part->family->reset_pin_works(part->state);
	if (part->core.in_reset || released)
		part_reset(part, PART_RESET_PIN);
}

/* Not in the middle of what triggered it: its caller would go on with the state from before. */
static void power_fault(struct part *part)
{
	if (!part->faults.power_fails)
		return;
	part->faults.power_fails = false;
	part_power(part, false);
	part_power(part, true);
}

bool part_clock(struct part *part, bool driven, bool level)
{
	if (!part->powered)
		return false; /* its protection diodes hold the line low */
	part->clocks++;
	part_pass(part, SECOND / part->options.swclk_hz);
	part->faults.flip = false;
	faults_check(part, FAULT_AT_CLOCK, part->clocks);
	bool line = wire_clock(&part->wire, driven, level ^ part->faults.flip);

	power_fault(part);
	return line;
}

bool part_level(const struct part *part)
{
	return part->powered && wire_level(&part->wire);
}

void part_delay(struct part *part, uint64_t nanoseconds)
{
	while (part->powered && nanoseconds) {
		uint64_t slice = nanoseconds < SLICE ? nanoseconds : SLICE;

		if (!core_runs(&part->core))
			slice = nanoseconds;
		part_pass(part, slice);
		part_catch_up(part);
		power_fault(part);
		nanoseconds -= slice;
	}
}

size_t part_uart(struct part *part, const void *tx, size_t tx_size, void *rx, size_t rx_size, uint32_t timeout_us)
{
	uint64_t deadline = part->nanoseconds + timeout_us * 1000ull;
	uint8_t *to = rx;
	size_t received = 0;

	if (!part->powered)
		return 0;
	uart_wire_put(&part->uart.to_part, tx, tx_size);
	for (;;) {
		received += uart_wire_take(&part->uart.from_part, to + received, rx_size - received);
		if (received == rx_size || part->nanoseconds >= deadline)
			return received;
		part_delay(part, core_runs(&part->core) ? SLICE : deadline - part->nanoseconds);
	}
}
