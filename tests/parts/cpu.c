// SPDX-License-Identifier: GPL-2.0-or-later
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unicorn/unicorn.h>

#include "core.h"
#include "cpu.h"
#include "memory.h"

#define PERIPHERALS_BASE 0x40000000u
#define PERIPHERALS_SIZE 0x20000000u
#define INTERRUPT_BREAKPOINT 7 /* EXCP_BKPT of the emulator */
#define NO_END 0xfffffffeu
#define CHANGED_MAX 64

struct window {
	struct cpu *cpu;
	uint32_t base;
};

/* A memory whose writes have rules of their own: the engine stores into a copy, which is corrected from the real bytes. */
struct shadow {
	struct bus_region *region;
	uint8_t *copy;
};

struct cpu {
	struct bus *bus;
	uc_engine *engine;
	struct window peripherals, private_bus;
	struct shadow shadows[BUS_REGIONS_MAX];
	unsigned int shadow_count;
	uint32_t changed[CHANGED_MAX]; /* words stored into a copy, to be corrected */
	unsigned int changed_count;
	uc_hook breakpoints[FPB_CODE_COMPARATORS];
	uint32_t breakpoint_address[FPB_CODE_COMPARATORS];
	bool breakpoint_set[FPB_CODE_COMPARATORS];
	bool ignore_breakpoint; /* for the first instruction of a step */
	uint64_t used, budget;
	enum cpu_stop stop;
};

static struct shadow *shadow_find(struct cpu *cpu, uint32_t address)
{
	for (unsigned int i = 0; i < cpu->shadow_count; i++)
		if (address - cpu->shadows[i].region->base < cpu->shadows[i].region->size)
			return &cpu->shadows[i];
	return NULL;
}

static void correct_copies(struct cpu *cpu)
{
	for (unsigned int i = 0; i < cpu->changed_count; i++) {
		struct shadow *shadow = shadow_find(cpu, cpu->changed[i]);
		uint32_t offset = cpu->changed[i] - shadow->region->base;

		memcpy(shadow->copy + offset, shadow->region->memory + offset, 4);
	}
	cpu->changed_count = 0;
}

static void stop(struct cpu *cpu, enum cpu_stop why)
{
	cpu->stop = why;
	uc_emu_stop(cpu->engine);
}

/* Stopping the engine within a block would run the block's beginning twice; the next block finds the budget used up. */
void part_cpu_pause(struct cpu *cpu)
{
	cpu->budget = 0;
}

uint64_t part_cpu_used(const struct cpu *cpu)
{
	return cpu->used;
}

void part_cpu_stall(struct cpu *cpu, uint64_t cycles)
{
	cpu->used += cycles;
}

static void on_block(uc_engine *engine, uint64_t address, uint32_t size, void *context)
{
	struct cpu *cpu = context;

	(void)engine;
	(void)address;
	if (cpu->changed_count)
		correct_copies(cpu);
	if (cpu->used >= cpu->budget)
		stop(cpu, CPU_BUDGET);
	else
		cpu->used += size / 2;
}

static void on_interrupt(uc_engine *engine, uint32_t number, void *context)
{
	(void)engine;
	stop(context, number == INTERRUPT_BREAKPOINT ? CPU_BREAKPOINT : CPU_FAULT);
}

static bool on_unmapped(uc_engine *engine, uc_mem_type type, uint64_t address, int size, int64_t value, void *context)
{
	(void)engine;
	(void)type;
	(void)address;
	(void)size;
	(void)value;
	stop(context, CPU_FAULT);
	return false;
}

/* Called before the store, which the engine then makes in the copy, as it stands. */
static void on_shadow_store(uc_engine *engine, uc_mem_type type, uint64_t address, int size, int64_t value, void *context)
{
	struct cpu *cpu = context;

	(void)engine;
	(void)type;
	if (bus_write(cpu->bus, BUS_CPU, (uint32_t)address, (unsigned int)size, (uint32_t)value) != BUS_OK)
		stop(cpu, CPU_FAULT);
	if (cpu->changed_count == CHANGED_MAX)
		correct_copies(cpu);
	cpu->changed[cpu->changed_count++] = (uint32_t)address & ~3u;
}

static uint64_t on_register_read(uc_engine *engine, uint64_t offset, unsigned int size, void *context)
{
	struct window *window = context;
	struct cpu *cpu = window->cpu;
	uint32_t value = 0;

	(void)engine;
	correct_copies(cpu);
	if (bus_read(cpu->bus, BUS_CPU, window->base + (uint32_t)offset, size, &value) != BUS_OK)
		stop(cpu, CPU_FAULT);
	return value;
}

static void on_register_write(uc_engine *engine, uint64_t offset, unsigned int size, uint64_t value, void *context)
{
	struct window *window = context;
	struct cpu *cpu = window->cpu;

	(void)engine;
	correct_copies(cpu);
	if (bus_write(cpu->bus, BUS_CPU, window->base + (uint32_t)offset, size, (uint32_t)value) != BUS_OK)
		stop(cpu, CPU_FAULT);
}

static void on_breakpoint(uc_engine *engine, uint64_t address, uint32_t size, void *context)
{
	struct cpu *cpu = context;

	(void)engine;
	(void)address;
	(void)size;
	if (!cpu->ignore_breakpoint)
		stop(cpu, CPU_BREAKPOINT);
}

static uc_err add_hook(struct cpu *cpu, int type, void *callback, uint32_t begin, uint32_t end)
{
	uc_hook hook;

	return uc_hook_add(cpu->engine, &hook, type, callback, cpu, begin, end);
}

static uc_err add_shadow(struct cpu *cpu, struct bus_region *region)
{
	struct shadow *shadow = &cpu->shadows[cpu->shadow_count++];

	shadow->region = region;
	shadow->copy = aligned_alloc(4096, region->size);
	if (!shadow->copy)
		return UC_ERR_NOMEM;
	memcpy(shadow->copy, region->memory, region->size);
	uc_err error = uc_mem_map_ptr(cpu->engine, region->base, region->size, UC_PROT_ALL, shadow->copy);

	return error ? error : add_hook(cpu, UC_HOOK_MEM_WRITE, on_shadow_store, region->base, region->base + region->size - 1);
}

static uc_err add_memory(struct cpu *cpu, struct bus_region *region)
{
	if (region->write)
		return add_shadow(cpu, region);
	return uc_mem_map_ptr(cpu->engine, region->base, region->size, UC_PROT_ALL, region->memory);
}

static uc_err add_window(struct cpu *cpu, struct window *window, uint32_t base, uint32_t size)
{
	*window = (struct window){ .cpu = cpu, .base = base };
	return uc_mmio_map(cpu->engine, base, size, on_register_read, window, on_register_write, window);
}

static uc_err set_up(struct cpu *cpu)
{
	uc_err error = uc_open(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, &cpu->engine);

	error = error ? error : uc_ctl_set_cpu_model(cpu->engine, UC_CPU_ARM_CORTEX_M4);
	for (unsigned int i = 0; !error && i < cpu->bus->count; i++)
		if (cpu->bus->regions[i].memory)
			error = add_memory(cpu, &cpu->bus->regions[i]);
	error = error ? error : add_window(cpu, &cpu->peripherals, PERIPHERALS_BASE, PERIPHERALS_SIZE);
	error = error ? error : add_window(cpu, &cpu->private_bus, PPB_BASE, PPB_SIZE);
	error = error ? error : add_hook(cpu, UC_HOOK_BLOCK, on_block, 1, 0);
	error = error ? error : add_hook(cpu, UC_HOOK_INTR, on_interrupt, 1, 0);
	return error ? error : add_hook(cpu, UC_HOOK_MEM_UNMAPPED, on_unmapped, 1, 0);
}

struct cpu *part_cpu_create(struct bus *bus)
{
	struct cpu *cpu = calloc(1, sizeof(*cpu));

	if (!cpu)
		return NULL;
	cpu->bus = bus;
	uc_err error = set_up(cpu);

	if (error) {
		fprintf(stderr, "provcard-part: libunicorn: %s\n", uc_strerror(error));
		part_cpu_destroy(cpu);
		return NULL;
	}
	return cpu;
}

void part_cpu_destroy(struct cpu *cpu)
{
	if (!cpu)
		return;
	if (cpu->engine)
		uc_close(cpu->engine);
	for (unsigned int i = 0; i < cpu->shadow_count; i++)
		free(cpu->shadows[i].copy);
	free(cpu);
}

/* Neither a store by the debugger nor one of ours makes the engine drop what it has translated. */
static void refresh(struct cpu *cpu)
{
	for (unsigned int i = 0; i < cpu->bus->count; i++) {
		struct bus_region *region = &cpu->bus->regions[i];
		uint32_t low = region->dirty_low, high = region->dirty_high;

		if (low == high)
			continue;
		struct shadow *shadow = shadow_find(cpu, region->base);

		if (shadow)
			memcpy(shadow->copy + low, region->memory + low, high - low);
		uc_ctl_remove_cache(cpu->engine, (uint64_t)region->base + low, (uint64_t)region->base + high);
		region->dirty_low = region->dirty_high = 0;
	}
}

static uint32_t register_get(struct cpu *cpu, int id)
{
	uint32_t value = 0;

	uc_reg_read(cpu->engine, id, &value);
	return value;
}

static enum cpu_stop start(struct cpu *cpu, size_t instructions)
{
	refresh(cpu);
	cpu->stop = CPU_BUDGET;
	uc_err error = uc_emu_start(cpu->engine, register_get(cpu, UC_ARM_REG_PC) | 1, NO_END, 0, instructions);

	correct_copies(cpu);
	return error ? CPU_FAULT : cpu->stop;
}

enum cpu_stop part_cpu_run(struct cpu *cpu, uint64_t cycles, uint64_t *used)
{
	cpu->used = 0;
	cpu->budget = cycles;
	enum cpu_stop stopped = start(cpu, 0);

	*used = cpu->used;
	return stopped;
}

enum cpu_stop part_cpu_step(struct cpu *cpu)
{
	cpu->used = 0;
	cpu->budget = UINT64_MAX;
	cpu->ignore_breakpoint = true;
	enum cpu_stop stopped = start(cpu, 1);

	cpu->ignore_breakpoint = false;
	return stopped;
}

void part_cpu_reset(struct cpu *cpu, uint32_t stack, uint32_t start_address)
{
	for (unsigned int i = CPU_R0; i < CPU_SP; i++)
		part_cpu_register_write(cpu, i, 0);
	part_cpu_register_write(cpu, CPU_XPSR, 1u << 24);
	part_cpu_register_write(cpu, 20, 0);
	part_cpu_register_write(cpu, CPU_SP, stack & ~3u);
	part_cpu_register_write(cpu, CPU_LR, 0xffffffff);
	part_cpu_register_write(cpu, CPU_PC, start_address & ~1u);
}

static int engine_register(unsigned int number)
{
	static const int fixed[] = {
		UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2,   UC_ARM_REG_R3,  UC_ARM_REG_R4,  UC_ARM_REG_R5,  UC_ARM_REG_R6,
		UC_ARM_REG_R7, UC_ARM_REG_R8, UC_ARM_REG_R9,   UC_ARM_REG_R10, UC_ARM_REG_R11, UC_ARM_REG_R12, UC_ARM_REG_SP,
		UC_ARM_REG_LR, UC_ARM_REG_PC, UC_ARM_REG_XPSR, UC_ARM_REG_MSP, UC_ARM_REG_PSP,
	};

	if (number < sizeof(fixed) / sizeof(fixed[0]))
		return fixed[number];
	if (number == 33)
		return UC_ARM_REG_FPSCR;
	if (number >= 64 && number < 96)
		return UC_ARM_REG_S0 + (int)(number - 64);
	return UC_ARM_REG_INVALID;
}

/* CONTROL, FAULTMASK, BASEPRI and PRIMASK travel as the bytes of one word. */
#define SPECIAL 20
static const int special_registers[4] = { UC_ARM_REG_PRIMASK, UC_ARM_REG_BASEPRI, UC_ARM_REG_FAULTMASK, UC_ARM_REG_CONTROL };

bool part_cpu_register_read(struct cpu *cpu, unsigned int number, uint32_t *value)
{
	if (number == SPECIAL) {
		*value = 0;
		for (unsigned int i = 0; i < 4; i++)
			*value |= (register_get(cpu, special_registers[i]) & 0xff) << (8 * i);
		return true;
	}
	if (engine_register(number) == UC_ARM_REG_INVALID)
		return false;
	*value = register_get(cpu, engine_register(number));
	return true;
}

bool part_cpu_register_write(struct cpu *cpu, unsigned int number, uint32_t value)
{
	if (number == SPECIAL) {
		for (unsigned int i = 0; i < 4; i++) {
			uint32_t byte = (value >> (8 * i)) & 0xff;

			uc_reg_write(cpu->engine, special_registers[i], &byte);
		}
		return true;
	}
	if (engine_register(number) == UC_ARM_REG_INVALID)
		return false;
	if (number == CPU_PC)
		value |= 1; /* the engine takes bit 0 for the instruction set */
	uc_reg_write(cpu->engine, engine_register(number), &value);
	return true;
}

void part_cpu_breakpoint(struct cpu *cpu, unsigned int index, bool enabled, uint32_t address)
{
	if (enabled == cpu->breakpoint_set[index] && (!enabled || address == cpu->breakpoint_address[index]))
		return;
	if (cpu->breakpoint_set[index]) {
		uc_hook_del(cpu->engine, cpu->breakpoints[index]);
		bus_changed(cpu->bus, cpu->breakpoint_address[index], 2);
	}
	cpu->breakpoint_set[index] = enabled;
	cpu->breakpoint_address[index] = address;
	if (!enabled)
		return;
	uc_hook_add(cpu->engine, &cpu->breakpoints[index], UC_HOOK_CODE, on_breakpoint, cpu, address, address);
	bus_changed(cpu->bus, address, 2);
}
