// SPDX-License-Identifier: GPL-2.0-or-later
#include "head/crc.h"

#include <errno.h>
#include <string.h>

#include "head/cortex_m.h"
#include "head/crc_routine.h"
#include "provcard-refusal.h"

#define POLYNOMIAL 0xedb88320u
#define BATCH 64 /* regions in one run: the list stays below the routine's table */
#define CODE_WORDS (sizeof(crc_routine) / sizeof(crc_routine[0]))
#define LIST_WORDS 3

/* About 13 cycles for a byte at 1 MHz or faster, and the table. */
#define TIMEOUT_US(bytes) (100000u + (uint32_t)(bytes) * 13u)

static uint32_t crc32_update(uint32_t crc, uint8_t byte)
{
	crc ^= byte;
	for (int bit = 0; bit < 8; bit++)
		crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
	return crc;
}

static uint32_t crc32(const uint8_t *data, size_t size)
{
	uint32_t table[256];
	uint32_t crc = 0xffffffff;

	for (unsigned int i = 0; i < 256; i++)
		table[i] = crc32_update(0, (uint8_t)i);
	for (size_t i = 0; i < size; i++)
		crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
	return ~crc;
}

static int run_routine(struct adiv5 *dap, uint32_t ram, size_t bytes)
{
	int error = cortex_m_start(dap, ram);

	if (!error)
		error = cortex_m_wait(dap, TIMEOUT_US(bytes));
	if (error != PROVCARD_REFUSAL_SWD_WAIT)
		return error;
	error = cortex_m_halt(dap);
	return error ? error : -EOPNOTSUPP;
}

/* The results start as what they must not become: one that is still there was never computed. */
static size_t build(uint32_t *words, const struct head_region *regions, size_t count, uint32_t *crcs)
{
	size_t bytes = 0;

	memcpy(words, crc_routine, sizeof(crc_routine));
	words += CODE_WORDS;
	for (size_t i = 0; i < count; i++, words += LIST_WORDS) {
		crcs[i] = crc32(regions[i].data, regions[i].size);
		words[0] = regions[i].address;
		words[1] = (uint32_t)regions[i].size;
		words[2] = ~crcs[i];
		bytes += regions[i].size;
	}
	words[0] = words[1] = 0;
	return bytes;
}

static int judge(const uint32_t *list, const uint32_t *crcs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i * LIST_WORDS + 2] == (uint32_t)~crcs[i])
			return -EOPNOTSUPP;
	for (size_t i = 0; i < count; i++)
		if (list[i * LIST_WORDS + 2] != crcs[i])
			return PROVCARD_REFUSAL_VERIFY_FAILED;
	return 0;
}

static int verify_batch(struct adiv5 *dap, uint32_t ram, const struct head_region *regions, size_t count)
{
	uint32_t words[CODE_WORDS + (BATCH + 1) * LIST_WORDS];
	uint32_t *list = words + CODE_WORDS;
	uint32_t crcs[BATCH];
	size_t bytes = build(words, regions, count, crcs);
	int error = adiv5_write(dap, ram, words, CODE_WORDS + count * LIST_WORDS + 2, NULL);

	if (!error)
		error = run_routine(dap, ram, bytes);
	if (!error)
		error = adiv5_read(dap, ram + CODE_WORDS * 4, list, count * LIST_WORDS);
	return error ? error : judge(list, crcs, count);
}

int crc_verify(struct adiv5 *dap, uint32_t ram, const struct head_region *regions, size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count && !error; i += BATCH)
		error = verify_batch(dap, ram, regions + i, count - i < BATCH ? count - i : BATCH);
	return error;
}
