// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/board.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/chance.h"
#include "tests/crash/parts.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/pki.h"

const char *const board_break_names[] = { "nothing",	"flush-vault", "flush-ledger",	"flush-log", "flush-staging",
					  "flush-late", "fuse-stuck",  "fuse-volatile", "fuse-old",  NULL };

void trace_clear(struct trace *trace)
{
	for (size_t i = 0; i < trace->ops; i++)
		free(trace->op[i].data);
	free(trace->op);
	free(trace->claim);
	memset(trace, 0, sizeof(*trace));
}

static void *grown(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = 2 * *room + 64;
	array = realloc(array, *room * size);
	if (!array)
		abort();
	return array;
}

static struct op *add_op(struct trace *trace, enum op_kind kind, enum port_region region)
{
	struct op *op;

	trace->op = grown(trace->op, trace->ops, &trace->op_room, sizeof(*op));
	op = &trace->op[trace->ops++];
	*op = (struct op){ .kind = kind, .region = region };
	return op;
}

void board_claim(struct board *board, struct claim claim)
{
	struct trace *trace = board->trace;

	mtx_lock(&board->lock);
	if (trace) {
		claim.at = trace->ops;
		trace->claim = grown(trace->claim, trace->claims, &trace->claim_room, sizeof(claim));
		trace->claim[trace->claims++] = claim;
	}
	mtx_unlock(&board->lock);
}

static void watched(struct board *board)
{
	if (board->trace && board->watch)
		board->watch(board->watch_context);
}

static uint64_t nv_size(void *context, enum port_region region)
{
	return ((struct board *)context)->memory->size[region];
}

static bool within(const struct board *board, enum port_region region, uint64_t offset, size_t size)
{
	return offset <= board->memory->size[region] && size <= board->memory->size[region] - offset;
}

static int nv_read(void *context, enum port_region region, uint64_t offset, void *data, size_t size)
{
	struct board *board = context;

	if (!within(board, region, offset, size))
		return -EINVAL;
	mtx_lock(&board->lock);
	memcpy(data, board->memory->bytes[region] + offset, size);
	mtx_unlock(&board->lock);
	return 0;
}

static void keep_write(struct trace *trace, enum port_region region, uint64_t offset, const void *data, size_t size)
{
	struct op *op = add_op(trace, OP_WRITE, region);

	op->offset = offset;
	op->size = size;
	op->data = malloc(size);
	if (!op->data)
		abort();
	memcpy(op->data, data, size);
}

/* What cannot be staged is refused, and that is all. */
static bool is_staged(enum port_region region)
{
	return region == PORT_NV_STAGING || region == PORT_NV_FIRMWARE_A || region == PORT_NV_FIRMWARE_B;
}

/* Is this the step that fails? */
static bool step_fails(struct board *board, enum port_region region)
{
	bool fails = ++board->steps == board->fail_at;

	board->failed |= fails && !is_staged(region);
	return fails;
}

static int nv_write(void *context, enum port_region region, uint64_t offset, const void *data, size_t size)
{
	struct board *board = context;
	bool fails;

	if (!within(board, region, offset, size))
		return -EINVAL;
	if (!board->powered)
		return -EIO;
	watched(board);
	mtx_lock(&board->lock);
	fails = step_fails(board, region);
	/* Of a write that fails nobody knows how far it came. */
	size = fails ? size / 2 : size;
	memory_write(board->memory, region, offset, data, size);
	if (board->trace && size)
		keep_write(board->trace, region, offset, data, size);
	if (board->trace && fails)
		add_op(board->trace, OP_FLUSH_FAILED, region);
	mtx_unlock(&board->lock);
	return fails ? -EIO : 0;
}

static void flush_now(struct board *board, enum port_region region)
{
	bool idle = (board->broken == BREAK_FLUSH_VAULT && region == PORT_NV_VAULT) ||
		    (board->broken == BREAK_FLUSH_LEDGER && region == PORT_NV_LEDGER) ||
		    (board->broken == BREAK_FLUSH_LOG && region == PORT_NV_LOG) ||
		    (board->broken == BREAK_FLUSH_STAGING && region == PORT_NV_STAGING);
	unsigned int late = board->late;

	board->late = board->broken == BREAK_FLUSH_LATE ? 1u << region : 0;
	if (!board->trace || idle)
		return;
	if (board->broken != BREAK_FLUSH_LATE)
		add_op(board->trace, OP_FLUSH, region);
	for (int i = 0; i < PORT_NV_REGIONS; i++)
		if (late & 1u << i)
			add_op(board->trace, OP_FLUSH, (enum port_region)i);
}

static int nv_flush(void *context, enum port_region region)
{
	struct board *board = context;
	int error = 0;

	if (!board->powered)
		return -EIO;
	watched(board);
	mtx_lock(&board->lock);
	if (step_fails(board, region)) {
		error = -EIO;
		if (board->trace)
			add_op(board->trace, OP_FLUSH_FAILED, region);
	} else {
		flush_now(board, region);
	}
	mtx_unlock(&board->lock);
	return error;
}

static int fuse_read(void *context, uint64_t *count)
{
	*count = ((struct board *)context)->memory->fuse;
	return 0;
}

static int fuse_increment(void *context)
{
	struct board *board = context;
	int error = 0;

	if (!board->powered)
		return -EIO;
	watched(board);
	mtx_lock(&board->lock);
	if (step_fails(board, PORT_NV_LEDGER)) {
		error = -EIO;
	} else if (board->broken != BREAK_FUSE_STUCK) {
		board->memory->fuse++;
		if (board->trace)
			add_op(board->trace, OP_FUSE, PORT_NV_LEDGER);
	}
	mtx_unlock(&board->lock);
	return error;
}

static int firmware_identity(void *context, struct port_firmware *identity)
{
	*identity = ((struct board *)context)->firmware;
	return 0;
}

static void firmware_anchors(void *context, const uint8_t **der, size_t *size)
{
	const struct board *board = context;

	*der = board->anchors.data;
	*size = board->anchors.size;
}

static int floor_read(void *context, uint32_t *floor)
{
	*floor = ((struct board *)context)->memory->floor;
	return 0;
}

static int floor_raise(void *context, uint32_t floor)
{
	struct board *board = context;

	while (board->memory->floor < floor) {
		if (!board->powered)
			return -EIO;
		watched(board);
		mtx_lock(&board->lock);
		board->memory->floor++;
		if (board->trace)
			add_op(board->trace, OP_FLOOR, PORT_NV_BOOT);
		mtx_unlock(&board->lock);
	}
	return 0;
}

static void keep_root(struct board *board)
{
	struct op *op = board->trace ? add_op(board->trace, OP_ROOT, PORT_NV_VAULT) : NULL;

	if (!op)
		return;
	memcpy(op->root, board->memory->root, sizeof(op->root));
	op->root_gone = board->memory->root_gone;
}

static int root_secret(void *context, uint8_t secret[32])
{
	struct board *board = context;
	struct memory *memory = board->memory;

	mtx_lock(&board->lock);
	if (memory->root_gone) {
		chance_fill(memory->root, sizeof(memory->root));
		memory->root_gone = false;
		keep_root(board);
	}
	memcpy(secret, memory->root, sizeof(memory->root));
	mtx_unlock(&board->lock);
	return 0;
}

static int root_destroy(void *context)
{
	struct board *board = context;

	if (!board->powered)
		return -EIO;
	mtx_lock(&board->lock);
	memset(board->memory->root, 0, sizeof(board->memory->root));
	board->memory->root_gone = true;
	keep_root(board);
	mtx_unlock(&board->lock);
	return 0;
}

static int entropy(void *context, void *data, size_t size)
{
	(void)context;
	chance_fill(data, size);
	return 0;
}

static uint64_t clock_seconds(void *context)
{
	struct board *board = context;
	uint64_t now;

	mtx_lock(&board->lock);
	now = board->clock + board->steps / 4;
	mtx_unlock(&board->lock);
	return now;
}

static uint64_t monotonic_ns(void *context)
{
	struct board *board = context;
	uint64_t now;

	mtx_lock(&board->lock);
	now = board->steps * 250000000u;
	mtx_unlock(&board->lock);
	return now;
}

static unsigned int heads(void *context)
{
	(void)context;
	return PARTS_HEADS;
}

static void event(void *context, const struct port_event *happened)
{
	(void)context;
	(void)happened;
}

static void log_line(void *context, const char *line)
{
	(void)context;
	(void)line;
}

static const struct port_ops ops = {
	.nv_size = nv_size,
	.nv_read = nv_read,
	.nv_write = nv_write,
	.nv_flush = nv_flush,
	.fuse_read = fuse_read,
	.fuse_increment = fuse_increment,
	.firmware_identity = firmware_identity,
	.firmware_anchors = firmware_anchors,
	.floor_read = floor_read,
	.floor_raise = floor_raise,
	.root_secret = root_secret,
	.root_destroy = root_destroy,
	.entropy = entropy,
	.clock_seconds = clock_seconds,
	.monotonic_ns = monotonic_ns,
	.heads = heads,
	.event = event,
	.log = log_line,
};

void board_new(struct board *board, struct memory *memory)
{
	memset(board, 0, sizeof(*board));
	board->port = (struct port){ .ops = &ops, .context = board, .serial = "TEST-1", .board = FAKE_BOARD };
	board->firmware = (struct port_firmware){ .version = "test", .slot = PORT_NO_SLOT };
	board->memory = memory;
	board->powered = true;
	board->clock = PKI_NOW - PKI_DAY / 2;
	mtx_init(&board->lock, mtx_plain);
}

void board_free(struct board *board)
{
	mtx_destroy(&board->lock);
}
