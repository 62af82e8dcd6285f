// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/storage.h"

#include "firmware/port/emu/state.h"
#include "tests/bench/bench.h"

static struct state state;
static struct port_ops ops;

static uint64_t size_of(void *port, enum port_region region)
{
	(void)port;
	return state.nv_size[region];
}

static int read_nv(void *port, enum port_region region, uint64_t offset, void *data, size_t size)
{
	(void)port;
	return nv_read(&state, region, offset, data, size);
}

static int write_nv(void *port, enum port_region region, uint64_t offset, const void *data, size_t size)
{
	(void)port;
	return nv_write(&state, region, offset, data, size);
}

static int flush_nv(void *port, enum port_region region)
{
	(void)port;
	return nv_flush(&state, region);
}

static int read_fuse(void *port, uint64_t *count)
{
	(void)port;
	*count = state.fuse;
	return 0;
}

static int increment_fuse(void *port)
{
	(void)port;
	return fuse_increment(&state);
}

static int read_root(void *port, uint8_t secret[32])
{
	(void)port;
	return root_secret(&state, secret);
}

void storage_use(struct station *station, const char *folder, uint64_t ledger_size, uint64_t log_size)
{
	const uint64_t sizes[PORT_NV_REGIONS] = { [PORT_NV_LEDGER] = ledger_size, [PORT_NV_LOG] = log_size };

	NEED(!state_open(&state, folder, sizes));
	ops = *station->board.port.ops;
	ops.nv_size = size_of;
	ops.nv_read = read_nv;
	ops.nv_write = write_nv;
	ops.nv_flush = flush_nv;
	ops.fuse_read = read_fuse;
	ops.fuse_increment = increment_fuse;
	ops.root_secret = read_root;
	station->board.port.ops = &ops;
}

void storage_close(void)
{
	state_close(&state);
}
