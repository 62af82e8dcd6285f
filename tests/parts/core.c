// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "core.h"
#include "part.h"

#define PAGE_ITM 0x00000
#define PAGE_DWT 0x01000
#define PAGE_FPB 0x02000
#define PAGE_SCS 0x0e000
#define PAGE_TPIU 0x40000
#define PAGE_ROM_TABLE 0xff000

/* Offsets within the system control space. */
#define SCS_CPUID 0xd00
#define SCS_VTOR 0xd08
#define SCS_AIRCR 0xd0c
#define SCS_DFSR 0xd30
#define SCS_DHCSR 0xdf0
#define SCS_DCRSR 0xdf4
#define SCS_DCRDR 0xdf8
#define SCS_DEMCR 0xdfc
#define SCS_MVFR0 0xf40
#define SCS_MVFR1 0xf44

#define DHCSR_KEY 0xa05f
#define C_DEBUGEN (1u << 0)
#define C_HALT (1u << 1)
#define C_STEP (1u << 2)
#define C_BITS 0x2fu
#define S_REGRDY (1u << 16)
#define S_HALT (1u << 17)
#define S_LOCKUP (1u << 19)
#define S_RETIRE_ST (1u << 24)
#define S_RESET_ST (1u << 25)
#define DCRSR_WRITE (1u << 16)
#define DCRSR_REGISTER 0x7fu

#define AIRCR_KEY 0x05fa
#define AIRCR_READ_KEY 0xfa050000u
#define AIRCR_SYSRESETREQ (1u << 2)

#define DEMCR_VC_CORERESET (1u << 0)
#define DEMCR_WRITABLE 0x010f07f1u

#define FPB_CTRL 0x000
#define FPB_COMP0 0x008
#define FPB_CTRL_NUMBERS ((FPB_COMPARATORS - FPB_CODE_COMPARATORS) << 8 | FPB_CODE_COMPARATORS << 4)
#define FPB_KEY (1u << 1)
#define FPB_ENABLE (1u << 0)

#define CPUID_CORTEX_M4_R0P1 0x410fc241
#define MVFR0_M4 0x10110021
#define MVFR1_M4 0x11000011
#define VTOR_WRITABLE 0xffffff80u

/* Identification registers 0xfd0-0xffc of each component: peripheral id bytes 4-7, 0-3, component id bytes 0-3. */
#define ID_FIRST 0xfd0
struct component {
	uint32_t page;
	uint8_t id[12];
};

static const struct component components[] = {
	{ PAGE_ITM, { 0x04, 0, 0, 0, 0x01, 0xb0, 0x3b, 0, 0x0d, 0xe0, 0x05, 0xb1 } },
	{ PAGE_DWT, { 0x04, 0, 0, 0, 0x02, 0xb0, 0x3b, 0, 0x0d, 0xe0, 0x05, 0xb1 } },
	{ PAGE_FPB, { 0x04, 0, 0, 0, 0x03, 0xb0, 0x2b, 0, 0x0d, 0xe0, 0x05, 0xb1 } },
	{ PAGE_SCS, { 0x04, 0, 0, 0, 0x0c, 0xb0, 0x0b, 0, 0x0d, 0xe0, 0x05, 0xb1 } },
	{ PAGE_TPIU, { 0x04, 0, 0, 0, 0xa1, 0xb9, 0x0b, 0, 0x0d, 0x90, 0x05, 0xb1 } },
	{ PAGE_ROM_TABLE, { 0x02, 0, 0, 0, 0x08, 0x40, 0x0c, 0, 0x0d, 0x10, 0x05, 0xb1 } },
};

/* Offsets of the components from the table, present bit and format bit set; the ETM is absent. */
static const uint32_t rom_table[] = { 0xfff0f003, 0xfff02003, 0xfff03003, 0xfff01003, 0xfff41003, 0xfff42002 };

bool core_runs(const struct core *core)
{
	return !core->halted && !core->locked_up && !core->in_reset;
}

static void halt(struct core *core, uint32_t reason)
{
	core->halted = true;
	core->locked_up = false;
	core->dfsr |= reason;
}

void core_stopped(struct core *core, uint32_t reason)
{
	if (core->debug_control & C_DEBUGEN)
		halt(core, reason);
	else
		core->locked_up = true; /* a breakpoint without a debugger escalates, and there is no handler to go to */
}

static void load_vectors(struct core *core)
{
	struct bus *bus = &core->part->bus;
	uint32_t stack = 0, start = 0;

	if (bus_read(bus, BUS_CPU, 0, 4, &stack) != BUS_OK || bus_read(bus, BUS_CPU, 4, 4, &start) != BUS_OK)
		core->locked_up = true;
	part_cpu_reset(core->part->cpu, stack, start);
	/* A start address without the Thumb bit faults before the first instruction, and so does the handler of blank flash. */
	if (!(start & 1) || !bus_find(bus, start))
		core->locked_up = true;
}

void core_reset(struct core *core, bool debug)
{
	if (debug) {
		core->debug_control = 0;
		core->demcr = 0;
		core->fpb_control = 0;
		memset(core->fpb, 0, sizeof(core->fpb));
		memset(core->dwt, 0, sizeof(core->dwt));
		for (unsigned int i = 0; i < FPB_CODE_COMPARATORS; i++)
			part_cpu_breakpoint(core->part->cpu, i, false, 0);
	}
	memset(core->scs, 0, sizeof(core->scs));
	core->vtor = 0;
	core->halted = false;
	core->locked_up = false;
	core->reset_seen = true;
	core->reset_requested = false;
	load_vectors(core);
	if ((core->debug_control & C_DEBUGEN) && (core->demcr & DEMCR_VC_CORERESET))
		halt(core, DFSR_VCATCH);
	else if ((core->debug_control & (C_DEBUGEN | C_HALT)) == (C_DEBUGEN | C_HALT))
		halt(core, DFSR_HALTED);
}

static uint32_t dhcsr_read(struct core *core, enum bus_master master)
{
	uint32_t value = core->debug_control | S_REGRDY;

	if (master == BUS_DEBUG)
		part_hurry(core->part);
	value |= core->halted ? S_HALT | C_HALT : 0;
	value |= core->locked_up ? S_LOCKUP : 0;
	value |= core->retired || core_runs(core) ? S_RETIRE_ST : 0;
	value |= core->reset_seen || core->in_reset ? S_RESET_ST : 0;
	if (master == BUS_DEBUG) {
		core->reset_seen = false;
		core->retired = false;
	}
	return value;
}

static void step(struct core *core)
{
	enum cpu_stop stop = part_cpu_step(core->part->cpu);

	core->retired = true;
	if (stop == CPU_FAULT)
		core->locked_up = true;
	else
		halt(core, stop == CPU_BREAKPOINT ? DFSR_BKPT : DFSR_HALTED);
}

static void dhcsr_write(struct core *core, uint32_t value)
{
	if (value >> 16 != DHCSR_KEY)
		return;
	core->debug_control = value & C_BITS;
	if (!(value & C_DEBUGEN)) {
		core->debug_control = 0;
		core->halted = false;
		return;
	}
	if (value & C_HALT) {
		if (!core->halted && !core->in_reset)
			halt(core, DFSR_HALTED);
		return;
	}
	if (!core->halted)
		return;
	core->halted = false;
	if (value & C_STEP)
		step(core);
}

static void dcrsr_write(struct core *core, uint32_t value)
{
	if (!core->halted)
		return;
	if (value & DCRSR_WRITE)
		part_cpu_register_write(core->part->cpu, value & DCRSR_REGISTER, core->dcrdr);
	else if (!part_cpu_register_read(core->part->cpu, value & DCRSR_REGISTER, &core->dcrdr))
		core->dcrdr = 0;
}

static void aircr_write(struct core *core, enum bus_master master, uint32_t value)
{
	if (value >> 16 != AIRCR_KEY || !(value & AIRCR_SYSRESETREQ))
		return;
	if (master == BUS_DEBUG) {
		part_reset(core->part, PART_RESET_SOFT);
		return;
	}
	core->reset_requested = true;
	part_cpu_pause(core->part->cpu);
}

static uint32_t scs_read(struct core *core, enum bus_master master, uint32_t offset)
{
	switch (offset) {
	case SCS_CPUID:
		return CPUID_CORTEX_M4_R0P1;
	case SCS_VTOR:
		return core->vtor;
	case SCS_AIRCR:
		return AIRCR_READ_KEY;
	case SCS_DFSR:
		return core->dfsr;
	case SCS_DHCSR:
		return dhcsr_read(core, master);
	case SCS_DCRDR:
		return core->dcrdr;
	case SCS_DEMCR:
		return core->demcr;
	case SCS_MVFR0:
		return MVFR0_M4;
	case SCS_MVFR1:
		return MVFR1_M4;
	default:
		return core->scs[offset / 4];
	}
}

static void scs_write(struct core *core, enum bus_master master, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case SCS_VTOR:
		core->vtor = value & VTOR_WRITABLE;
		break;
	case SCS_AIRCR:
		aircr_write(core, master, value);
		break;
	case SCS_DFSR:
		core->dfsr &= ~value;
		break;
	case SCS_DHCSR:
		if (master == BUS_DEBUG)
			dhcsr_write(core, value);
		break;
	case SCS_DCRSR:
		if (master == BUS_DEBUG)
			dcrsr_write(core, value);
		break;
	case SCS_DCRDR:
		core->dcrdr = value;
		break;
	case SCS_DEMCR:
		core->demcr = value & DEMCR_WRITABLE;
		break;
	default:
		core->scs[offset / 4] = value;
		break;
	}
}

/* Comparator of the flash patch unit, revision 1: REPLACE in bits 31:30 says which halfword of the word breaks. */
static void fpb_apply(struct core *core, unsigned int index)
{
	uint32_t comparator = core->fpb[index], replace = comparator >> 30;
	bool enabled = (core->fpb_control & FPB_ENABLE) && (comparator & 1) && replace;

	part_cpu_breakpoint(core->part->cpu, index, enabled, (comparator & 0x1ffffffc) | (replace == 2 ? 2 : 0));
}

static uint32_t fpb_read(const struct core *core, uint32_t offset)
{
	if (offset == FPB_CTRL)
		return core->fpb_control | FPB_CTRL_NUMBERS;
	if (offset >= FPB_COMP0 && offset < FPB_COMP0 + 4 * FPB_COMPARATORS)
		return core->fpb[(offset - FPB_COMP0) / 4];
	return 0;
}

static void fpb_write(struct core *core, uint32_t offset, uint32_t value)
{
	if (offset == FPB_CTRL && (value & FPB_KEY))
		core->fpb_control = value & FPB_ENABLE;
	else if (offset >= FPB_COMP0 && offset < FPB_COMP0 + 4 * FPB_COMPARATORS)
		core->fpb[(offset - FPB_COMP0) / 4] = value;
	for (unsigned int i = 0; i < FPB_CODE_COMPARATORS; i++)
		fpb_apply(core, i);
}

static uint32_t dwt_read(const struct core *core, uint32_t offset)
{
	return core->dwt[offset / 4] | (offset == 0 ? DWT_COMPARATORS << 28 : 0);
}

static uint32_t rom_table_read(uint32_t offset)
{
	return offset < sizeof(rom_table) ? rom_table[offset / 4] : 0;
}

/* Identification bytes read alike in every component. The SCS keeps its own registers below them. */
static bool identification(uint32_t page, uint32_t offset, uint32_t *value)
{
	if (offset < ID_FIRST)
		return false;
	for (unsigned int i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
		if (components[i].page != page)
			continue;
		*value = components[i].id[(offset - ID_FIRST) / 4];
		return true;
	}
	return false;
}

static enum bus_result page_read(struct core *core, enum bus_master master, uint32_t page, uint32_t offset, uint32_t *value)
{
	if (identification(page, offset, value))
		return BUS_OK;
	switch (page) {
	case PAGE_ITM:
		*value = core->itm[offset / 4];
		return BUS_OK;
	case PAGE_DWT:
		*value = dwt_read(core, offset);
		return BUS_OK;
	case PAGE_FPB:
		*value = fpb_read(core, offset);
		return BUS_OK;
	case PAGE_SCS:
		*value = scs_read(core, master, offset);
		return BUS_OK;
	case PAGE_TPIU:
		*value = 0;
		return BUS_OK;
	case PAGE_ROM_TABLE:
		*value = rom_table_read(offset);
		return BUS_OK;
	default:
		return BUS_FAULT;
	}
}

static enum bus_result ppb_read(void *context, const struct bus_access *access, uint32_t *value)
{
	uint32_t page = access->offset & ~(PPB_PAGE - 1u), offset = access->offset & (PPB_PAGE - 4u), word = 0;
	enum bus_result result = page_read(context, access->master, page, offset, &word);
	uint32_t mask = access->size == 4 ? 0xffffffffu : (1u << (8 * access->size)) - 1;

	*value = (word >> (8 * (access->offset & 3))) & mask;
	return result;
}

static enum bus_result ppb_write(void *context, const struct bus_access *access, uint32_t value)
{
	uint32_t page = access->offset & ~(PPB_PAGE - 1u), offset = access->offset & (PPB_PAGE - 1u);
	struct core *core = context;

	if (access->size != 4)
		return BUS_FAULT;
	switch (page) {
	case PAGE_ITM:
		core->itm[offset / 4] = value;
		return BUS_OK;
	case PAGE_DWT:
		core->dwt[offset / 4] = offset ? value : value & 0x0fffffff;
		return BUS_OK;
	case PAGE_FPB:
		fpb_write(core, offset, value);
		return BUS_OK;
	case PAGE_SCS:
		scs_write(core, access->master, offset, value);
		return BUS_OK;
	case PAGE_TPIU:
	case PAGE_ROM_TABLE:
		return BUS_OK;
	default:
		return BUS_FAULT;
	}
}

void core_add_to_bus(struct core *core, struct part *part, struct bus *bus)
{
	core->part = part;
	bus_add(bus, &(struct bus_region){
			     .name = "private peripherals",
			     .base = PPB_BASE,
			     .size = PPB_SIZE,
			     .read = ppb_read,
			     .write = ppb_write,
			     .context = core,
		     });
}
