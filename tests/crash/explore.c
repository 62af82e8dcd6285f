// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/explore.h"

#include <stdlib.h>
#include <string.h>

#include "core/internal.h"
#include "tests/crash/seen.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define SNAPSHOTS 3
#define SNAPSHOT_REGIONS 3 /* vault, ledger, log: restored old packages are verified like new ones */
#define ALL_REGIONS ((1u << SNAPSHOT_REGIONS) - 1)
#define IDLE_ROUNDS 64 /* without a new state: the history has no more */

/* Choices above the systematic ones say what is done with the state, too. */
enum mode { MODE_PLAIN, MODE_NEST, MODE_RESTORE, MODE_FINISH, MODES };
#define CHANCE_BASE (UINT64_C(1) << 20)

/* An image that somebody took. */
struct snapshot {
	uint8_t *bytes[SNAPSHOT_REGIONS];
	uint64_t fuse;
	bool born; /* it has a vault */
};

/* A trace on its way to its end. */
struct frame {
	const struct trace *trace;
	size_t claims; /* learnt so far */
	uint64_t round;
	struct world world;
	struct world bound; /* when the fuse counted last: no image from before is believed */
	struct pending pending;
	struct snapshot snapshot[SNAPSHOTS];
	size_t snapshots;
};

static void explore_trace(struct explorer *explorer, const struct trace *trace, const struct world *world, uint64_t round);

static uint64_t path_seed(const struct explorer *explorer)
{
	uint64_t seed = chance_mix(explorer->seed, explorer->path.campaign);

	for (size_t i = 0; i < explorer->path.depth; i++) {
		seed = chance_mix(seed, explorer->path.step[i].round);
		seed = chance_mix(seed, explorer->path.step[i].position);
		seed = chance_mix(seed, explorer->path.step[i].choice);
	}
	return seed;
}

static bool is_over(const struct explorer *explorer)
{
	return !explorer->only && explorer->counts.states >= explorer->limit;
}

/* In a replay: is this state on the way? */
static bool is_wanted(const struct explorer *explorer)
{
	const struct path *path = &explorer->path, *only = explorer->only;

	return !only || (path->depth <= only->depth && !memcmp(path->step, only->step, path->depth * sizeof(path->step[0])));
}

static void report(struct explorer *explorer, const struct finding *finding)
{
	if (finding_any(finding))
		explorer->violation(explorer, finding->text);
}

/* The power comes back; the clock may have fallen behind. */
static void start(struct explorer *explorer, uint64_t seed)
{
	chance_seed_thread(seed);
	explorer->board.steps = 0;
	explorer->board.failed = false;
	explorer->board.late = 0;
	explorer->board.clock = (uint64_t)PKI_NOW - 7200 * (seed % 12);
	line_power_on(&explorer->line);
}

static bool has_started(struct explorer *explorer, struct finding *finding)
{
	uint32_t fault = line_fault(&explorer->line);

	if (fault)
		finding_add(finding, "the card does not start: 0x%04x", fault);
	return !fault;
}

static void try_plain(struct explorer *explorer, const struct world *world, uint64_t seed, bool finish)
{
	struct finding finding = { 0 };
	struct world after = *world;

	check_memory(&explorer->line, world, &finding);
	start(explorer, seed);
	if (has_started(explorer, &finding))
		check_card(&explorer->line, world, world, &finding);
	if (finish && !finding_any(&finding)) {
		check_finish(&explorer->line, &after, plan_is_tight(explorer->kind), &finding);
		explorer->counts.finished++;
	}
	line_power_cut(&explorer->line);
	report(explorer, &finding);
}

/* Work on, with a memory that may fail at one of its next steps. */
static void act(struct explorer *explorer, const struct world *world, struct chance *chance, struct finding *finding)
{
	struct board *board = &explorer->board;
	struct line *line = &explorer->line;

	if (board->failed && !line_fault(line))
		finding_add(finding, "the memory failed and the card started");
	if (line_fault(line) && !board->failed)
		(void)has_started(explorer, finding);
	if (line_fault(line))
		return;
	check_card(line, world, world, finding);
	for (uint64_t acts = chance_below(chance, 3); acts; acts--)
		plan_act(line, chance);
	if (board->failed && !line_fault(line))
		finding_add(finding, "the memory failed and the card goes on");
}

/* The recovery of this state, and acts after it, have crash states of their own. */
static void try_nested(struct explorer *explorer, const struct world *world, uint64_t seed)
{
	struct memory_mark mark = memory_mark(&explorer->memory);
	struct finding finding = { 0 };
	struct chance chance = { seed };
	struct trace trace = { 0 };

	explorer->board.trace = &trace;
	explorer->board.fail_at = chance_below(&chance, 4) ? 0 : 1 + chance_below(&chance, 60);
	start(explorer, seed);
	act(explorer, world, &chance, &finding);
	if (chance_below(&chance, 4))
		line_power_cut(&explorer->line);
	else
		line_switch_off(&explorer->line);
	explorer->board.trace = NULL;
	explorer->board.fail_at = 0;
	memory_undo(&explorer->memory, &mark);
	report(explorer, &finding);
	if (!finding_any(&finding))
		explore_trace(explorer, &trace, world, 1);
	trace_clear(&trace);
}

static void check_restored(struct explorer *explorer, const struct frame *frame, bool old, struct finding *finding)
{
	uint32_t fault = line_fault(&explorer->line);

	if (fault && fault != REFUSED(LEDGER_ROLLBACK) && fault != REFUSED(LEDGER_CORRUPT) && fault != REFUSED(VAULT_CORRUPT))
		finding_add(finding, "an old image is refused with 0x%04x", fault);
	if (old && fault != REFUSED(LEDGER_ROLLBACK))
		finding_add(finding, "an old image is answered with 0x%04x, not with LEDGER_ROLLBACK", fault);
	/* Wiped to before its first vault, a card may begin a new life: an empty one. */
	if (!fault && line_is_reborn(&explorer->line, &frame->world))
		check_card(&explorer->line, world_blank(), world_blank(), finding);
	else if (!fault)
		check_card(&explorer->line, &frame->bound, &frame->world, finding);
}

/* All of a region, or by chance some of its sectors. */
static void put_back(struct explorer *explorer, enum port_region region, const struct snapshot *snapshot, struct chance *chance)
{
	static const uint64_t eighths[] = { 1, 4, 7 };
	struct memory *memory = &explorer->memory;
	uint64_t share = chance ? eighths[chance_below(chance, 3)] : 8;

	for (uint64_t at = 0; at < memory->size[region]; at += MEMORY_SECTOR)
		if (share == 8 || chance_below(chance, 8) < share)
			memory_write(memory, region, at, snapshot->bytes[region] + at, MEMORY_SECTOR);
}

static void try_restored(struct explorer *explorer, const struct frame *frame, uint64_t seed)
{
	struct chance chance = { seed };
	const struct snapshot *snapshot = &frame->snapshot[chance_below(&chance, frame->snapshots)];
	unsigned int mask = chance_below(&chance, 2) ? ALL_REGIONS : 1 + (unsigned int)chance_below(&chance, ALL_REGIONS);
	bool whole = chance_below(&chance, 4);
	bool old = whole && mask == ALL_REGIONS && snapshot->born && snapshot->fuse + 1 < explorer->memory.fuse &&
		   !frame->world.zeroise_asked && !frame->world.zeroised;
	struct finding finding = { 0 };

	for (int i = 0; i < SNAPSHOT_REGIONS; i++)
		if (mask & 1u << i)
			put_back(explorer, (enum port_region)i, snapshot, whole ? NULL : &chance);
	if (explorer->broken == BREAK_FUSE_OLD)
		explorer->memory.fuse = snapshot->fuse;
	start(explorer, seed);
	check_restored(explorer, frame, old, &finding);
	line_power_cut(&explorer->line);
	explorer->counts.restored++;
	report(explorer, &finding);
}

static void try_state(struct explorer *explorer, const struct frame *frame, enum mode mode, uint64_t seed)
{
	switch (mode) {
	case MODE_NEST:
		try_nested(explorer, &frame->world, seed);
		return;
	case MODE_RESTORE:
		try_restored(explorer, frame, seed);
		return;
	default:
		try_plain(explorer, &frame->world, seed, mode == MODE_FINISH);
	}
}

static enum mode choice_mode(uint64_t choice, uint64_t seed)
{
	if (choice >= CHANCE_BASE)
		return (enum mode)(choice / CHANCE_BASE - 1);
	return seed % 64 ? MODE_PLAIN : MODE_FINISH;
}

/* One crash state: the memory as the power cut leaves it, then the card's try at it, then back. */
static void visit(struct explorer *explorer, struct frame *frame, uint64_t position, uint64_t choice)
{
	struct path *path = &explorer->path;
	struct memory *memory = &explorer->memory;
	struct memory_mark mark = memory_mark(memory);
	uint64_t seed;
	enum mode mode;
	bool fresh;

	path->step[path->depth - 1].position = position;
	path->step[path->depth - 1].choice = choice;
	if (is_over(explorer) || !is_wanted(explorer))
		return;
	seed = path_seed(explorer);
	mode = choice_mode(choice, seed);
	if (mode != MODE_RESTORE)
		choice_apply(&frame->pending, choice, seed, memory);
	if (explorer->broken == BREAK_FUSE_VOLATILE && memory->fuse)
		memory->fuse--;
	fresh = mode == MODE_RESTORE || seen_add(explorer->seen, chance_mix(memory_digest(memory), frame->world.claims));
	if (fresh || mode == MODE_NEST || explorer->only) {
		explorer->counts.states += fresh;
		explorer->counts.nested += fresh && path->depth > 1;
		explorer->counts.shape = chance_mix(explorer->counts.shape, seed);
		explorer->enter(explorer);
		try_state(explorer, frame, mode, seed);
	}
	memory_undo(memory, &mark);
}

static void visit_by_chance(struct explorer *explorer, struct frame *frame, uint64_t position, enum mode mode)
{
	visit(explorer, frame, position, (uint64_t)(mode + 1) * CHANCE_BASE);
}

/* Of the history itself. */
static void visit_history(struct explorer *explorer, struct frame *frame, uint64_t position, struct chance *chance)
{
	if (frame->round == 0) {
		visit(explorer, frame, position, 0);
		visit(explorer, frame, position, choice_everything(&frame->pending));
		for (uint64_t i = 0; i < choice_systematic(&frame->pending); i++)
			if (chance_below(chance, explorer->stride) == 0)
				visit(explorer, frame, position, i);
		return;
	}
	if (frame->pending.count)
		visit_by_chance(explorer, frame, position, MODE_PLAIN);
	if (!chance_below(chance, 24))
		visit_by_chance(explorer, frame, position, MODE_FINISH);
	if (!chance_below(chance, 12))
		visit_by_chance(explorer, frame, position, MODE_NEST);
	if (frame->snapshots && !chance_below(chance, 4))
		visit_by_chance(explorer, frame, position, MODE_RESTORE);
}

/* Of what came after a crash. */
static void visit_aftermath(struct explorer *explorer, struct frame *frame, uint64_t position, struct chance *chance)
{
	visit(explorer, frame, position, 0);
	visit(explorer, frame, position, choice_everything(&frame->pending));
	if (frame->pending.count)
		visit_by_chance(explorer, frame, position, MODE_PLAIN);
	if (!chance_below(chance, 64))
		visit_by_chance(explorer, frame, position, MODE_FINISH);
	if (explorer->path.depth < EXPLORE_DEPTH && !chance_below(chance, 32))
		visit_by_chance(explorer, frame, position, MODE_NEST);
	if (frame->snapshots && !chance_below(chance, 16))
		visit_by_chance(explorer, frame, position, MODE_RESTORE);
}

static void learn(struct explorer *explorer, struct frame *frame, size_t position)
{
	const struct trace *trace = frame->trace;
	struct finding finding = { 0 };

	while (frame->claims < trace->claims && trace->claim[frame->claims].at <= position) {
		const struct claim *claim = &trace->claim[frame->claims++];

		if (!world_learn(&frame->world, claim))
			finding_add(&finding, "the card contradicts itself: claim %d on %u", claim->kind, claim->index);
	}
	if (is_wanted(explorer))
		report(explorer, &finding);
}

static void take_snapshot(struct explorer *explorer, struct frame *frame, struct chance *chance)
{
	const struct memory *memory = &explorer->memory;
	size_t place = frame->snapshots < SNAPSHOTS ? frame->snapshots++ : (size_t)chance_below(chance, SNAPSHOTS);
	struct snapshot *snapshot = &frame->snapshot[place];

	for (int i = 0; i < SNAPSHOT_REGIONS; i++) {
		if (!snapshot->bytes[i])
			snapshot->bytes[i] = malloc(memory->size[i]);
		if (!snapshot->bytes[i])
			abort();
		memcpy(snapshot->bytes[i], memory->bytes[i], memory->size[i]);
	}
	snapshot->fuse = memory->fuse;
	snapshot->born = frame->world.person[0].told;
}

static void apply_op(struct explorer *explorer, struct frame *frame, const struct op *op)
{
	struct memory *memory = &explorer->memory;

	switch (op->kind) {
	case OP_WRITE:
		pending_write(&frame->pending, op);
		return;
	case OP_FLUSH:
		pending_flush(&frame->pending, op->region, memory);
		return;
	case OP_FLUSH_FAILED:
		pending_lose_hope(&frame->pending, op->region);
		return;
	case OP_FUSE:
		memory->fuse++;
		frame->bound = frame->world;
		return;
	case OP_FLOOR:
		memory->floor++;
		return;
	case OP_ROOT:
		memcpy(memory->root, op->root, sizeof(memory->root));
		memory->root_gone = op->root_gone;
	}
}

static void free_frame(struct frame *frame)
{
	for (size_t i = 0; i < frame->snapshots; i++)
		for (int region = 0; region < SNAPSHOT_REGIONS; region++)
			free(frame->snapshot[i].bytes[region]);
	pending_clear(&frame->pending);
	free(frame);
}

/* Of a history now and then; of what comes after a crash the image that the crash left. */
static bool is_time_for_snapshot(size_t depth, uint64_t round, size_t position, struct chance *chance)
{
	return depth == 1 ? round && !chance_below(chance, 24) : !position && !chance_below(chance, 4);
}

/* From the memory before the trace to the end of it, a crash at every operation. */
static void explore_trace(struct explorer *explorer, const struct trace *trace, const struct world *world, uint64_t round)
{
	struct path *path = &explorer->path;
	struct frame *frame = calloc(1, sizeof(*frame));
	struct chance chance = { path_seed(explorer) + round };

	if (!frame || path->depth == EXPLORE_DEPTH)
		abort();
	frame->trace = trace;
	frame->round = round;
	frame->world = frame->bound = *world;
	path->step[path->depth++].round = round;
	for (size_t i = 0; i <= trace->ops && !is_over(explorer); i++) {
		path->step[path->depth - 1].position = i;
		learn(explorer, frame, i);
		if (is_time_for_snapshot(path->depth, round, i, &chance))
			take_snapshot(explorer, frame, &chance);
		if (path->depth == 1)
			visit_history(explorer, frame, i, &chance);
		else
			visit_aftermath(explorer, frame, i, &chance);
		if (i < trace->ops)
			apply_op(explorer, frame, &trace->op[i]);
	}
	path->depth--;
	free_frame(frame);
}

static void note_shape(struct explorer *explorer, const struct trace *trace)
{
	for (size_t i = 0; i < trace->ops; i++) {
		const struct op *op = &trace->op[i];

		explorer->counts.shape = chance_mix(explorer->counts.shape, op->kind * PORT_NV_REGIONS + op->region);
		explorer->counts.shape = chance_mix(explorer->counts.shape, op->offset + op->size);
	}
}

/* A campaign that is too short for all systematic choices makes some of them, and has time for the others left. */
static uint64_t find_stride(struct explorer *explorer, const struct trace *trace)
{
	struct memory_mark mark = memory_mark(&explorer->memory);
	struct frame frame = { .trace = trace };
	uint64_t count = 0;

	for (size_t i = 0; i < trace->ops; i++) {
		count += choice_systematic(&frame.pending);
		apply_op(explorer, &frame, &trace->op[i]);
	}
	memory_undo(&explorer->memory, &mark);
	pending_clear(&frame.pending);
	return 1 + 3 * count / explorer->limit;
}

static void explore_history(struct explorer *explorer, const struct trace *trace)
{
	struct memory_mark mark = memory_mark(&explorer->memory);
	uint64_t before, idle = 0;
	struct world world;

	world_new(&world);
	for (uint64_t round = 0; !is_over(explorer) && idle < IDLE_ROUNDS; round++) {
		if (explorer->only && round != explorer->only->step[0].round) {
			idle += round > explorer->only->step[0].round ? IDLE_ROUNDS : 0;
			continue;
		}
		before = explorer->counts.states;
		explore_trace(explorer, trace, &world, round);
		memory_undo(&explorer->memory, &mark);
		idle = explorer->counts.states == before ? idle + 1 : 0;
	}
}

static void play(struct explorer *explorer, struct trace *trace)
{
	struct memory_mark mark = memory_mark(&explorer->memory);
	struct chance chance = { path_seed(explorer) };

	explorer->board.trace = trace;
	plan_play(&explorer->line, explorer->kind, &chance);
	explorer->board.trace = NULL;
	memory_undo(&explorer->memory, &mark);
	note_shape(explorer, trace);
}

void explore_campaign(struct explorer *explorer, uint64_t campaign)
{
	uint64_t size[PORT_NV_REGIONS];
	struct trace trace = { 0 };

	explorer->path = (struct path){ .campaign = campaign };
	explorer->kind = (enum plan_kind)(campaign % PLAN_KINDS);
	chance_seed_thread(path_seed(explorer));
	plan_sizes(explorer->kind, size);
	memory_new(&explorer->memory, size);
	board_new(&explorer->board, &explorer->memory);
	explorer->board.broken = explorer->broken;
	line_new(&explorer->line, &explorer->board);
	if (plan_boots(explorer->kind))
		line_add_firmware(&explorer->line);
	explorer->seen = seen_new();
	play(explorer, &trace);
	explorer->stride = find_stride(explorer, &trace);
	explore_history(explorer, &trace);
	seen_free(explorer->seen);
	trace_clear(&trace);
	line_free(&explorer->line);
	board_free(&explorer->board);
	memory_free(&explorer->memory);
}
