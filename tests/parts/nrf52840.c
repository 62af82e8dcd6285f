// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nRF52840: memory map, flash controller, access port protection. From the vendor's product specification, chapters Memory,
 * NVMC, FICR, UICR and Debug; old silicon is everything before revision F0, hardened silicon from there on.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "part.h"

#define FLASH_SIZE 0x100000u
#define PAGE_SIZE 0x1000u
#define FICR_BASE 0x10000000u
#define UICR_BASE 0x10001000u
#define RAM_BASE 0x20000000u
#define RAM_SIZE 0x40000u
#define IMAGE_SIZE (FLASH_SIZE + PAGE_SIZE) /* flash, then UICR */

#define POWER_BASE 0x40000000u
#define UART0_BASE 0x40002000u
#define NVMC_BASE 0x4001e000u
#define APB_BASE 0x40000000u
#define APB_SIZE 0x30000u
#define GPIO_BASE 0x50000000u
#define PERIPHERAL_SIZE 0x1000u

#define NVMC_READY 0x400
#define NVMC_READYNEXT 0x408
#define NVMC_CONFIG 0x504
#define NVMC_ERASEPAGE 0x508
#define NVMC_ERASEALL 0x50c
#define NVMC_ERASEUICR 0x514
#define CONFIG_WRITE 1
#define CONFIG_ERASE 2

#define POWER_RESETREAS 0x400
#define RESETREAS_RESETPIN (1u << 0)
#define RESETREAS_SREQ (1u << 2)
#define APPROTECT_FORCEPROTECT 0x550
#define APPROTECT_DISABLE 0x558
#define APPROTECT_OPEN 0x5a /* HwDisabled in the UICR, SwDisable in the register; hardened silicon */

#define UICR_PSELRESET0 0x200
#define UICR_PSELRESET1 0x204
#define UICR_APPROTECT 0x208
#define PSELRESET_PIN 18u
#define PSELRESET_MASK 0x8000003fu

#define CTRL_AP_RESET 0x00
#define CTRL_AP_ERASEALL 0x04
#define CTRL_AP_ERASEALLSTATUS 0x08
#define CTRL_AP_APPROTECTSTATUS 0x0c
#define CTRL_AP_IDR 0xfc
#define CTRL_AP_IDR_VALUE 0x02880000

/* Electrical specification of the NVMC, worst case, in nanoseconds. */
#define WORD_TIME 41000ull
#define PAGE_ERASE_TIME 85000000ull
#define MASS_ERASE_TIME 169000000ull

struct nrf52840 {
	struct part *part;
	uint8_t *image; /* flash, then UICR */
	uint8_t *ram, *ficr;
	uint32_t gpio[PERIPHERAL_SIZE / 4];
	uint32_t config; /* of the NVMC */
	uint64_t busy_until; /* the NVMC is erasing or writing */
	uint64_t mass_erase_until; /* started by the control port */
	uint32_t reset_reason;
	bool locked; /* old silicon: what the UICR said at the last reset */
	bool erased_open; /* hardened: opened by ERASEALL until the next reset that is more than a soft one */
	bool forced; /* hardened: FORCEPROTECT was written */
	uint8_t disable; /* hardened: APPROTECT.DISABLE */
	bool ctrl_ap_reset;
};

static uint32_t word_get(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void word_put(uint8_t *bytes, uint32_t word)
{
	for (unsigned int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(word >> (8 * i));
}

static uint32_t uicr(const struct nrf52840 *chip, uint32_t offset)
{
	return word_get(chip->image + FLASH_SIZE + offset);
}

static bool debug_open(void *state)
{
	const struct nrf52840 *chip = state;
	bool opened = (uicr(chip, UICR_APPROTECT) & 0xff) == APPROTECT_OPEN && chip->disable == APPROTECT_OPEN;

	if (!chip->part->options.hardened)
		return !chip->locked;
	return chip->erased_open || (opened && !chip->forced);
}

/* The pin is a reset pin only where both words of PSELRESET name it; on a blank part it is not. */
static bool reset_pin_works(void *state)
{
	const struct nrf52840 *chip = state;

	return (uicr(chip, UICR_PSELRESET0) & PSELRESET_MASK) == PSELRESET_PIN &&
	       (uicr(chip, UICR_PSELRESET1) & PSELRESET_MASK) == PSELRESET_PIN;
}

static uint8_t *nonvolatile(void *state, uint32_t address)
{
	struct nrf52840 *chip = state;

	if (address < FLASH_SIZE)
		return chip->image + address;
	return address - UICR_BASE < PAGE_SIZE ? chip->image + FLASH_SIZE + (address - UICR_BASE) : NULL;
}

static void busy_for(struct nrf52840 *chip, uint64_t nanoseconds)
{
	if (chip->part->options.real_timing)
		chip->busy_until = part_now(chip->part) + nanoseconds;
}

static void erase(struct nrf52840 *chip, uint32_t address, uint32_t size, uint64_t time)
{
	memset(nonvolatile(chip, address), 0xff, size);
	bus_changed(&chip->part->bus, address, size);
	busy_for(chip, time);
}

static void erase_all(struct nrf52840 *chip)
{
	erase(chip, 0, FLASH_SIZE, MASS_ERASE_TIME);
	erase(chip, UICR_BASE, PAGE_SIZE, MASS_ERASE_TIME);
	faults_erased(chip->part);
}

/* Programming can only clear bits, in whole words, and only while CONFIG says so. */
static enum bus_result program_word(struct nrf52840 *chip, const struct bus_access *access, uint32_t address, uint32_t value)
{
	uint8_t *bytes = nonvolatile(chip, address);

	if (chip->config != CONFIG_WRITE || access->size != 4)
		return BUS_FAULT;
	if (part_wait_for(chip->part, access->master, chip->busy_until) == BUS_WAIT)
		return BUS_WAIT;
	word_put(bytes, word_get(bytes) & value);
	bus_changed(&chip->part->bus, address, 4);
	busy_for(chip, WORD_TIME);
	faults_written(chip->part);
	return BUS_OK;
}

static enum bus_result read_bytes(struct nrf52840 *chip, const struct bus_access *access, uint32_t address, uint32_t *value)
{
	const uint8_t *bytes = nonvolatile(chip, address);

	if (part_wait_for(chip->part, access->master, chip->busy_until) == BUS_WAIT)
		return BUS_WAIT;
	*value = 0;
	for (unsigned int i = 0; i < access->size; i++)
		*value |= (uint32_t)bytes[i] << (8 * i);
	return BUS_OK;
}

static enum bus_result flash_read(void *context, const struct bus_access *access, uint32_t *value)
{
	return read_bytes(context, access, access->offset, value);
}

static enum bus_result flash_write(void *context, const struct bus_access *access, uint32_t value)
{
	return program_word(context, access, access->offset, value);
}

static enum bus_result uicr_read(void *context, const struct bus_access *access, uint32_t *value)
{
	return read_bytes(context, access, UICR_BASE + access->offset, value);
}

static enum bus_result uicr_write(void *context, const struct bus_access *access, uint32_t value)
{
	return program_word(context, access, UICR_BASE + access->offset, value);
}

static enum bus_result ficr_write(void *context, const struct bus_access *access, uint32_t value)
{
	(void)context;
	(void)access;
	(void)value;
	return BUS_FAULT;
}

static enum bus_result nvmc_read(void *context, const struct bus_access *access, uint32_t *value)
{
	const struct nrf52840 *chip = context;

	*value = 0;
	if (access->offset == NVMC_READY || access->offset == NVMC_READYNEXT)
		*value = part_now(chip->part) >= chip->busy_until;
	else if (access->offset == NVMC_CONFIG)
		*value = chip->config;
	return BUS_OK;
}

static bool nvmc_erase(struct nrf52840 *chip, uint32_t reg, uint32_t value)
{
	if (chip->config != CONFIG_ERASE)
		return false;
	if (reg == NVMC_ERASEPAGE && value < FLASH_SIZE) {
		erase(chip, value & ~(PAGE_SIZE - 1), PAGE_SIZE, PAGE_ERASE_TIME);
		faults_erased(chip->part);
	} else if (reg == NVMC_ERASEUICR && value == 1) {
		erase(chip, UICR_BASE, PAGE_SIZE, PAGE_ERASE_TIME);
		faults_erased(chip->part);
	} else if (reg == NVMC_ERASEALL && value == 1) {
		erase_all(chip);
	}
	return true;
}

static enum bus_result nvmc_write(void *context, const struct bus_access *access, uint32_t value)
{
	struct nrf52840 *chip = context;

	if (access->size != 4)
		return BUS_FAULT;
	if (part_wait_for(chip->part, access->master, chip->busy_until) == BUS_WAIT)
		return BUS_WAIT;
	if (access->offset == NVMC_CONFIG)
		chip->config = value & 3;
	else if (nvmc_erase(chip, access->offset, value) && access->master == BUS_CPU)
		part_cpu_pause(chip->part->cpu); /* what it is executing may have gone */
	return BUS_OK;
}

static enum bus_result power_read(void *context, const struct bus_access *access, uint32_t *value)
{
	const struct nrf52840 *chip = context;

	*value = 0;
	if (access->offset == POWER_RESETREAS)
		*value = chip->reset_reason;
	else if (chip->part->options.hardened && access->offset == APPROTECT_DISABLE)
		*value = chip->disable;
	else if (chip->part->options.hardened && access->offset == APPROTECT_FORCEPROTECT)
		*value = chip->forced ? 0 : 0xffffffff;
	return BUS_OK;
}

static enum bus_result power_write(void *context, const struct bus_access *access, uint32_t value)
{
	struct nrf52840 *chip = context;

	if (access->size != 4)
		return BUS_FAULT;
	if (access->offset == POWER_RESETREAS)
		chip->reset_reason &= ~value;
	else if (chip->part->options.hardened && access->offset == APPROTECT_DISABLE)
		chip->disable = (uint8_t)value;
	else if (chip->part->options.hardened && access->offset == APPROTECT_FORCEPROTECT && value == 0)
		chip->forced = true;
	return BUS_OK;
}

static enum bus_result gpio_read(void *context, const struct bus_access *access, uint32_t *value)
{
	const struct nrf52840 *chip = context;

	*value = chip->gpio[access->offset / 4];
	return BUS_OK;
}

static enum bus_result gpio_write(void *context, const struct bus_access *access, uint32_t value)
{
	struct nrf52840 *chip = context;

	chip->gpio[access->offset / 4] = value;
	return BUS_OK;
}

/* Peripherals that exist but do nothing here. */
static enum bus_result idle_read(void *context, const struct bus_access *access, uint32_t *value)
{
	(void)context;
	(void)access;
	*value = 0;
	return BUS_OK;
}

static enum bus_result idle_write(void *context, const struct bus_access *access, uint32_t value)
{
	(void)context;
	(void)access;
	(void)value;
	return BUS_OK;
}

/* The control port answers whether or not the part is locked. */
static enum bus_result ctrl_ap_read(void *context, uint8_t reg, uint32_t *value)
{
	struct nrf52840 *chip = context;

	*value = 0;
	if (reg == CTRL_AP_IDR)
		*value = CTRL_AP_IDR_VALUE;
	else if (reg == CTRL_AP_RESET)
		*value = chip->ctrl_ap_reset;
	else if (reg == CTRL_AP_ERASEALLSTATUS)
		*value = part_now(chip->part) < chip->busy_until;
	else if (reg == CTRL_AP_APPROTECTSTATUS)
		*value = debug_open(chip);
	return BUS_OK;
}

static void ctrl_ap_reset(struct nrf52840 *chip, bool asserted)
{
	bool released = chip->ctrl_ap_reset && !asserted;

	chip->ctrl_ap_reset = asserted;
	chip->part->core.in_reset = asserted || (chip->part->reset_asserted && reset_pin_works(chip));
	if (asserted || released)
		part_reset(chip->part, PART_RESET_SOFT);
}

/* RAM too. Hardened silicon is open from then on, old silicon from the next reset. */
static enum bus_result ctrl_ap_erase_all(struct nrf52840 *chip)
{
	if (part_now(chip->part) < chip->mass_erase_until)
		return BUS_OK; /* is at it already */
	if (part_wait_for(chip->part, BUS_DEBUG, chip->busy_until) == BUS_WAIT)
		return BUS_WAIT;
	erase_all(chip);
	chip->mass_erase_until = chip->busy_until;
	memset(chip->ram, 0, RAM_SIZE);
	bus_changed(&chip->part->bus, RAM_BASE, RAM_SIZE);
	chip->erased_open = chip->part->options.hardened;
	return BUS_OK;
}

static enum bus_result ctrl_ap_write(void *context, uint8_t reg, uint32_t value)
{
	struct nrf52840 *chip = context;

	if (reg == CTRL_AP_RESET)
		ctrl_ap_reset(chip, value & 1);
	else if (reg == CTRL_AP_ERASEALL && (value & 1))
		return ctrl_ap_erase_all(chip);
	return BUS_OK;
}

static void write_ficr(struct nrf52840 *chip)
{
	bool hardened = chip->part->options.hardened;
	uint64_t uid = chip->part->options.uid;
	const struct {
		uint32_t offset, value;
	} words[] = {
		{ 0x010, PAGE_SIZE }, /* CODEPAGESIZE */
		{ 0x014, FLASH_SIZE / PAGE_SIZE }, /* CODESIZE */
		{ 0x060, (uint32_t)uid }, /* DEVICEID[0] */
		{ 0x064, (uint32_t)(uid >> 32) }, /* DEVICEID[1] */
		{ 0x0a0, 1 }, /* DEVICEADDRTYPE: random */
		{ 0x100, 0x52840 }, /* INFO.PART */
		{ 0x104, hardened ? 0x41414630 : 0x41414430 }, /* INFO.VARIANT: AAF0, AAD0 */
		{ 0x108, 0x2004 }, /* INFO.PACKAGE: QI */
		{ 0x10c, RAM_SIZE / 1024 }, /* INFO.RAM */
		{ 0x110, FLASH_SIZE / 1024 }, /* INFO.FLASH */
	};

	memset(chip->ficr, 0xff, PAGE_SIZE);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		word_put(chip->ficr + words[i].offset, words[i].value);
}

static void reset(void *state, enum part_reset kind)
{
	struct nrf52840 *chip = state;

	chip->config = 0;
	memset(chip->gpio, 0, sizeof(chip->gpio));
	chip->locked = (uicr(chip, UICR_APPROTECT) & 0xff) != 0xff;
	chip->disable = 0;
	chip->forced = false;
	if (kind == PART_RESET_SOFT) {
		chip->reset_reason |= RESETREAS_SREQ;
		return;
	}
	chip->erased_open = false;
	chip->reset_reason |= RESETREAS_RESETPIN;
	if (kind == PART_RESET_PIN)
		return;
	chip->reset_reason = 0;
	chip->busy_until = 0;
	chip->mass_erase_until = 0;
	chip->ctrl_ap_reset = false;
	memset(chip->ram, 0, RAM_SIZE);
	bus_changed(&chip->part->bus, RAM_BASE, RAM_SIZE);
}

static void destroy(void *state)
{
	struct nrf52840 *chip = state;

	image_close(chip->image, IMAGE_SIZE);
	free(chip->ram);
	free(chip->ficr);
	free(chip);
}

static void add_memories(struct nrf52840 *chip, struct bus *bus)
{
	const struct bus_region regions[] = {
		{ "flash", 0, FLASH_SIZE, chip->image, flash_read, flash_write, chip, 0, 0 },
		{ "FICR", FICR_BASE, PAGE_SIZE, chip->ficr, NULL, ficr_write, chip, 0, 0 },
		{ "UICR", UICR_BASE, PAGE_SIZE, chip->image + FLASH_SIZE, uicr_read, uicr_write, chip, 0, 0 },
		{ "RAM", RAM_BASE, RAM_SIZE, chip->ram, NULL, NULL, NULL, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
		bus_add(bus, &regions[i]);
}

/* The first region that holds an address answers, so the one for all others comes last. */
static void add_peripherals(struct nrf52840 *chip, struct bus *bus)
{
	const struct bus_region regions[] = {
		{ "POWER", POWER_BASE, PERIPHERAL_SIZE, NULL, power_read, power_write, chip, 0, 0 },
		{ "UART0", UART0_BASE, PERIPHERAL_SIZE, NULL, uart_read, uart_write, &chip->part->uart, 0, 0 },
		{ "NVMC", NVMC_BASE, PERIPHERAL_SIZE, NULL, nvmc_read, nvmc_write, chip, 0, 0 },
		{ "GPIO", GPIO_BASE, PERIPHERAL_SIZE, NULL, gpio_read, gpio_write, chip, 0, 0 },
		{ "APB", APB_BASE, APB_SIZE, NULL, idle_read, idle_write, chip, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
		bus_add(bus, &regions[i]);
}

static void *create(struct part *part)
{
	struct nrf52840 *chip = calloc(1, sizeof(*chip));

	if (!chip)
		return NULL;
	chip->part = part;
	chip->ram = aligned_alloc(PAGE_SIZE, RAM_SIZE);
	chip->ficr = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	chip->image = image_open(part->options.flash, IMAGE_SIZE);
	if (!chip->ram || !chip->ficr || !chip->image) {
		destroy(chip);
		return NULL;
	}
	write_ficr(chip);
	add_memories(chip, &part->bus);
	add_peripherals(chip, &part->bus);
	part->dp.ports[1] = (struct access_port){ .read = ctrl_ap_read, .write = ctrl_ap_write, .context = chip };
	return chip;
}

const struct family family_nrf52840 = {
	.name = "nrf52840",
	.cpu_hz = 64000000,
	.create = create,
	.reset = reset,
	.debug_open = debug_open,
	.reset_pin_works = reset_pin_works,
	.nonvolatile = nonvolatile,
	.destroy = destroy,
};
