// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/fake_port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "tests/unit/pki.h"

#define SECTOR 512

static const uint64_t default_size[PORT_NV_REGIONS] = {
	[PORT_NV_VAULT] = 256u << 10,
	[PORT_NV_LEDGER] = 256u << 10,
	[PORT_NV_LOG] = 2u << 20,
	[PORT_NV_STAGING] = 4u << 20,
	[PORT_NV_FIRMWARE_A] = 96u << 10,
	[PORT_NV_FIRMWARE_B] = 96u << 10,
	[PORT_NV_BOOT] = 8u << 10,
};

static uint64_t nv_size(void *context, enum port_region region)
{
	return ((struct fake_port *)context)->region[region].size;
}

static bool powered(struct fake_port *fake)
{
	fake->operations++;
	return !fake->power_ends_at || fake->operations < fake->power_ends_at;
}

static int nv_read(void *context, enum port_region region, uint64_t offset, void *data, size_t size)
{
	struct fake_port *fake = context;
	struct fake_region *at = &fake->region[region];

	if (offset > at->size || size > at->size - offset)
		return -EINVAL;
	mtx_lock(&fake->lock);
	memcpy(data, at->now + offset, size);
	mtx_unlock(&fake->lock);
	return 0;
}

static void remember(struct fake_region *region, uint64_t offset, const void *data, size_t size)
{
	struct fake_write *write = malloc(sizeof(*write));

	*write = (struct fake_write){ .offset = offset, .data = malloc(size), .size = size };
	memcpy(write->data, data, size);
	memcpy(region->now + offset, data, size);
	*region->last = write;
	region->last = &write->next;
}

static int nv_write(void *context, enum port_region region, uint64_t offset, const void *data, size_t size)
{
	struct fake_port *fake = context;
	struct fake_region *at = &fake->region[region];
	int error = 0;

	if (offset > at->size || size > at->size - offset)
		return -EINVAL;
	if (fake->write_fails[region])
		return -EIO;
	mtx_lock(&fake->lock);
	/* The write during which the power ends may still reach the memory in part. */
	if (!fake->power_ends_at || fake->operations < fake->power_ends_at)
		remember(at, offset, data, size);
	if (!powered(fake))
		error = -EIO;
	mtx_unlock(&fake->lock);
	return error;
}

static void forget(struct fake_region *region)
{
	while (region->first) {
		struct fake_write *write = region->first;

		region->first = write->next;
		free(write->data);
		free(write);
	}
	region->last = &region->first;
}

static int nv_flush(void *context, enum port_region region)
{
	struct fake_port *fake = context;
	struct fake_region *at = &fake->region[region];
	int error = -EIO;

	mtx_lock(&fake->lock);
	if (powered(fake) && !fake->flush_fails[region]) {
		for (struct fake_write *write = at->first; write; write = write->next)
			memcpy(at->durable + write->offset, write->data, write->size);
		forget(at);
		error = 0;
	}
	mtx_unlock(&fake->lock);
	return error;
}

static int fuse_read(void *context, uint64_t *count)
{
	*count = ((struct fake_port *)context)->fuse;
	return 0;
}

static int fuse_increment(void *context)
{
	struct fake_port *fake = context;
	int error = -EIO;

	mtx_lock(&fake->lock);
	if (powered(fake) && !fake->fuse_fails) {
		fake->fuse++;
		error = 0;
	}
	mtx_unlock(&fake->lock);
	return error;
}

static int firmware_identity(void *context, struct port_firmware *identity)
{
	*identity = ((struct fake_port *)context)->firmware;
	return ((struct fake_port *)context)->firmware_unknown ? -EIO : 0;
}

static void firmware_anchors(void *context, const uint8_t **der, size_t *size)
{
	struct fake_port *fake = context;

	*der = fake->anchors;
	*size = fake->anchors_size;
}

static int floor_read(void *context, uint32_t *floor)
{
	*floor = ((struct fake_port *)context)->floor;
	return 0;
}

/* Fuse by fuse: a power cut may leave it half way. */
static int floor_raise(void *context, uint32_t floor)
{
	struct fake_port *fake = context;
	int error = 0;

	mtx_lock(&fake->lock);
	while (fake->floor < floor && !error) {
		if (powered(fake) && !fake->fuse_fails)
			fake->floor++;
		else
			error = -EIO;
	}
	mtx_unlock(&fake->lock);
	return error;
}

static int root_secret(void *context, uint8_t secret[32])
{
	struct fake_port *fake = context;

	if (fake->root_gone)
		RAND_bytes(fake->root, sizeof(fake->root));
	fake->root_gone = false;
	memcpy(secret, fake->root, sizeof(fake->root));
	return 0;
}

static int root_destroy(void *context)
{
	struct fake_port *fake = context;

	if (!powered(fake))
		return -EIO;
	memset(fake->root, 0, sizeof(fake->root));
	fake->root_gone = true;
	return 0;
}

static int tampered(void *context, bool *latched)
{
	*latched = ((struct fake_port *)context)->tampered;
	return 0;
}

static int tamper_clear(void *context)
{
	struct fake_port *fake = context;

	if (fake->tamper_active)
		return -EBUSY;
	fake->tampered = false;
	return 0;
}

static bool presence(void *context)
{
	return ((struct fake_port *)context)->present;
}

static int entropy(void *context, void *data, size_t size)
{
	struct fake_port *fake = context;

	if (fake->entropy_fails)
		return -EIO;
	if (fake->entropy_sticks) {
		memset(data, 0x5a, size);
		return 0;
	}
	return RAND_bytes(data, (int)size) == 1 ? 0 : -EIO;
}

static uint64_t clock_seconds(void *context)
{
	return ((struct fake_port *)context)->clock;
}

static uint64_t monotonic_ns(void *context)
{
	struct timespec now;

	timespec_get(&now, TIME_UTC);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + ((struct fake_port *)context)->monotonic_extra;
}

static unsigned int heads(void *context)
{
	return ((struct fake_port *)context)->heads;
}

static void event(void *context, const struct port_event *happened)
{
	(void)happened;
	atomic_fetch_add(&((struct fake_port *)context)->events, 1);
}

static void log_line(void *context, const char *line)
{
	struct fake_port *fake = context;
	size_t used;

	mtx_lock(&fake->lock);
	used = strlen(fake->said);
	snprintf(fake->said + used, sizeof(fake->said) - used, "%s\n", line);
	mtx_unlock(&fake->lock);
	if (fake->echo)
		fprintf(stderr, "card: %s\n", line);
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
	.tampered = tampered,
	.tamper_clear = tamper_clear,
	.presence = presence,
	.entropy = entropy,
	.clock_seconds = clock_seconds,
	.monotonic_ns = monotonic_ns,
	.heads = heads,
	.event = event,
	.log = log_line,
};

static void set_port(struct fake_port *fake)
{
	fake->port = (struct port){ .ops = &ops, .context = fake, .serial = "TEST-1", .board = FAKE_BOARD };
	mtx_init(&fake->lock, mtx_plain);
}

void fake_port_resize(struct fake_port *fake, enum port_region region, uint64_t size)
{
	struct fake_region *at = &fake->region[region];

	forget(at);
	free(at->now);
	free(at->durable);
	at->size = size;
	at->now = calloc(1, size);
	at->durable = calloc(1, size);
}

void fake_port_new(struct fake_port *fake, unsigned int number)
{
	memset(fake, 0, sizeof(*fake));
	set_port(fake);
	for (int i = 0; i < PORT_NV_REGIONS; i++)
		fake_port_resize(fake, (enum port_region)i, default_size[i]);
	RAND_bytes(fake->root, sizeof(fake->root));
	fake->clock = PKI_NOW;
	fake->firmware = (struct port_firmware){ .version = "test", .slot = PORT_NO_SLOT };
	fake->heads = number;
}

void fake_port_free(struct fake_port *fake)
{
	for (int i = 0; i < PORT_NV_REGIONS; i++) {
		forget(&fake->region[i]);
		free(fake->region[i].now);
		free(fake->region[i].durable);
	}
	mtx_destroy(&fake->lock);
}

static uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	uint64_t z = *state;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* One write, piece by piece between sector boundaries. */
static void cut_write(struct fake_region *region, const struct fake_write *write, enum fake_cut cut, uint64_t *state)
{
	for (size_t done = 0; done < write->size;) {
		size_t piece = SECTOR - (size_t)((write->offset + done) % SECTOR);

		if (piece > write->size - done)
			piece = write->size - done;
		if (cut == FAKE_CUT_KEEP_ALL || (cut == FAKE_CUT_RANDOM && next_random(state) % 2))
			memcpy(region->durable + write->offset + done, write->data + done, piece);
		done += piece;
	}
}

void fake_port_cut(struct fake_port *fake, enum fake_cut cut, uint64_t seed)
{
	for (int i = 0; i < PORT_NV_REGIONS; i++) {
		struct fake_region *region = &fake->region[i];

		for (struct fake_write *write = region->first; write; write = write->next)
			cut_write(region, write, cut, &seed);
		forget(region);
		memcpy(region->now, region->durable, region->size);
	}
	fake->power_ends_at = 0;
}

void fake_port_copy(struct fake_port *copy, const struct fake_port *from)
{
	*copy = *from;
	set_port(copy);
	for (int i = 0; i < PORT_NV_REGIONS; i++) {
		struct fake_region *region = &copy->region[i];

		region->first = NULL;
		region->last = &region->first;
		region->durable = malloc(region->size);
		region->now = malloc(region->size);
		memcpy(region->durable, from->region[i].durable, region->size);
		memcpy(region->now, from->region[i].now, region->size);
		for (struct fake_write *write = from->region[i].first; write; write = write->next)
			remember(region, write->offset, write->data, write->size);
	}
}

void fake_port_restore(struct fake_port *fake, const struct fake_port *image)
{
	for (int i = 0; i < PORT_NV_REGIONS; i++) {
		forget(&fake->region[i]);
		memcpy(fake->region[i].durable, image->region[i].now, fake->region[i].size);
		memcpy(fake->region[i].now, image->region[i].now, fake->region[i].size);
	}
}

bool fake_port_holds(const struct fake_port *fake, const void *data, size_t size)
{
	for (int i = 0; i < PORT_NV_REGIONS; i++)
		if (memmem(fake->region[i].now, fake->region[i].size, data, size))
			return true;
	return false;
}
