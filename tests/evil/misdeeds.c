// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of misdeeds, and the rules that choose among them. */
#include <endian.h>
#include <string.h>

#include "evil.h"

#define GARBLED_REGISTER 97 /* in random mode registers lie so many times less often than completions */

static void shift_cid(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->cqe.cid = htole16((uint16_t)(le16toh(post->cqe.cid) + value));
}

static void name_slot(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->cqe.cid = htole16((uint16_t)((le16toh(post->cqe.cid) & 0xff00) | (value & 0xff)));
}

static void name_queue(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->cqe.sq_id = htole16((uint16_t)value);
}

static void claim_length(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->cqe.length = htole32((uint32_t)value);
}

static void claim_status(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->cqe.status = htole16((uint16_t)(value << 1));
}

static void claim_result(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->cqe.result = htole32((uint32_t)value);
}

static void claim_head(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->cqe.sq_head = htole16((uint16_t)value);
}

static void repeat(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->copies = (unsigned int)value;
}

static void keep_silent(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	(void)value;
	post->held = true;
}

static void answer_at_once(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->cqe.result = htole32((uint32_t)value);
	post->held = false;
}

static void announce(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->interrupts = (unsigned int)value;
}

static void announce_first(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	(void)value;
	post->interrupt_first = true;
}

static void turn_phase(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	(void)value;
	post->wrong_phase = true;
}

static void tear(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	(void)value;
	post->phase_first = true;
}

static void use_ring(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->ring = (unsigned int)value;
}

static void write_again(struct evil *evil, struct post *post, uint64_t value)
{
	(void)evil;
	post->rewrites = (unsigned int)value;
}

/* What @value says is wrong with the answer to IDENTIFY, which is in host memory already. */
static void garble_identity(struct evil *evil, struct post *post, uint64_t value)
{
	struct provcard_hif_identify identity = { .serial = "EVIL0001", .firmware = "evil" };
	static const struct dma_gate open;

	(void)post;
	identity.heads = htole32(value == 4 ? 0 : value == 5 ? UINT32_MAX : evil->heads);
	if (value == 0)
		memset(identity.serial, 0, sizeof(identity.serial));
	else if (value == 1)
		memcpy(identity.serial, "../../sda", 10);
	else if (value == 2)
		memset(identity.serial, 0x80, sizeof(identity.serial));
	else if (value == 3)
		memcpy(identity.firmware, "1.0\n<0>owned", 13);
	else if (value == 6)
		memset(identity.serial, 'A', sizeof(identity.serial) + sizeof(identity.firmware));
	dma_write(evil->dma, &open, evil->out.address, &identity, sizeof(identity));
}

static const struct misdeed misdeeds[] = {
	{ .name = "cid", .complete = shift_cid },
	{ .name = "slot", .complete = name_slot },
	{ .name = "sq-id", .complete = name_queue },
	{ .name = "length", .complete = claim_length },
	{ .name = "status", .complete = claim_status },
	{ .name = "result", .complete = claim_result },
	{ .name = "sq-head", .complete = claim_head },
	{ .name = "copies", .complete = repeat },
	{ .name = "interrupts", .complete = announce },
	{ .name = "interrupt-first", .complete = announce_first },
	{ .name = "wrong-phase", .complete = turn_phase },
	{ .name = "phase-first", .complete = tear },
	{ .name = "ring", .complete = use_ring },
	{ .name = "rewrite", .complete = write_again },
	{ .name = "silent", .complete = keep_silent },
	{ .name = "at-once", .complete = answer_at_once },
	{ .name = "identity", .complete = garble_identity },
	{ .name = "ones", .kind = ON_REGISTER, .offset = UINT64_MAX, .set = UINT32_MAX },
	{ .name = "csts", .kind = ON_REGISTER, .offset = PROVCARD_REG_CSTS, .clear = UINT32_MAX, .by_value = true },
	{ .name = "never-ready", .kind = ON_REGISTER, .offset = PROVCARD_REG_CSTS, .clear = PROVCARD_CSTS_RDY },
	{ .name = "never-idle", .kind = ON_REGISTER, .offset = PROVCARD_REG_CSTS, .set = PROVCARD_CSTS_RDY },
	{ .name = "never-shut", .kind = ON_REGISTER, .offset = PROVCARD_REG_CSTS, .clear = PROVCARD_CSTS_SHST_MASK },
	{ .name = "fatal", .kind = ON_REGISTER, .offset = PROVCARD_REG_CSTS, .set = PROVCARD_CSTS_CFS },
	{ .name = "cap", .kind = ON_REGISTER, .offset = PROVCARD_REG_CAP, .clear = UINT32_MAX, .by_value = true },
	{ .name = "cap-high", .kind = ON_REGISTER, .offset = PROVCARD_REG_CAP + 4, .clear = UINT32_MAX, .by_value = true },
	{ .name = "version", .kind = ON_REGISTER, .offset = PROVCARD_REG_VS, .clear = UINT32_MAX, .by_value = true },
	{ .name = "features", .kind = ON_REGISTER, .offset = PROVCARD_REG_FEATURES, .clear = UINT32_MAX, .by_value = true },
};

#define COUNT (sizeof(misdeeds) / sizeof(misdeeds[0]))

const struct misdeed *misdeed_find(const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (!strcmp(misdeeds[i].name, name))
			return &misdeeds[i];
	return NULL;
}

void misdeeds_list(FILE *answer)
{
	for (size_t i = 0; i < COUNT; i++)
		fprintf(answer, "%s%s", i ? " " : "", misdeeds[i].name);
}

/* xorshift64*: the same seed, the same misdeeds. */
uint64_t evil_random(struct evil *evil)
{
	evil->random ^= evil->random >> 12;
	evil->random ^= evil->random << 25;
	evil->random ^= evil->random >> 27;
	return evil->random * 0x2545f4914f6cdd1d >> 8;
}

static bool chance(struct evil *evil, unsigned int rarer)
{
	return evil->chance && !(evil_random(evil) % ((uint64_t)evil->chance * rarer));
}

/* Whether this is one of the matches the rule is for. */
static bool due(struct evil *evil, struct rule *rule)
{
	unsigned int number = rule->seen++;

	if (number < rule->after || (rule->times && number - rule->after >= rule->times))
		return false;
	evil->hits++;
	return true;
}

/* Small values are near what is right, large ones are far from it; both are tried. */
static uint64_t wild(struct evil *evil)
{
	uint64_t value = evil_random(evil);

	return value & 1 ? value >> 8 : value >> 8 & 0x3f;
}

static void complete_at_random(struct evil *evil, struct post *post)
{
	const struct misdeed *misdeed = &misdeeds[evil_random(evil) % COUNT];

	if (misdeed->kind != ON_COMPLETION || misdeed->complete == garble_identity)
		return;
	evil->hits++;
	misdeed->complete(evil, post, wild(evil));
	post->copies %= 300;
	post->interrupts %= 5000;
	post->rewrites %= 1000;
}

void misdeeds_complete(struct evil *evil, struct post *post, unsigned int queue, uint8_t opcode)
{
	for (unsigned int i = 0; i < evil->rule_count; i++) {
		struct rule *rule = &evil->rules[i];

		if (rule->misdeed->kind != ON_COMPLETION || (rule->queue >= 0 && (unsigned int)rule->queue != queue) ||
		    (rule->opcode >= 0 && rule->opcode != opcode))
			continue;
		if (due(evil, rule))
			rule->misdeed->complete(evil, post, rule->value);
	}
	if (chance(evil, 1))
		complete_at_random(evil, post);
}

uint32_t misdeeds_register(struct evil *evil, uint64_t offset, uint32_t honest)
{
	uint64_t value = honest;

	for (unsigned int i = 0; i < evil->rule_count; i++) {
		struct rule *rule = &evil->rules[i];
		const struct misdeed *misdeed = rule->misdeed;

		if (misdeed->kind != ON_REGISTER || (misdeed->offset != UINT64_MAX && misdeed->offset != offset) ||
		    !due(evil, rule))
			continue;
		value = (value & ~misdeed->clear) | (misdeed->by_value ? rule->value : misdeed->set);
	}
	if (chance(evil, GARBLED_REGISTER)) {
		evil->hits++;
		value = wild(evil);
	}
	return (uint32_t)value;
}
