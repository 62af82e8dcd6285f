// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/parts.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "provcard-refusal.h"
#include "tests/unit/station.h"

static struct {
	bool present;
	uint32_t number;
	enum part_fate fate;
	uint32_t job;
} socket[PARTS_HEADS];

static struct parts_watch watcher;

struct head {
	uint32_t part;
	enum part_fate fate;
	uint32_t job;
	bool locked;
	struct head_identity identity;
};

static const struct head_part part = { .part = "nRF52840", .flash_size = 1u << 20, .page_size = 4096, .word_size = 4 };

void parts_watch(const struct parts_watch *watch)
{
	watcher = *watch;
}

void parts_insert(unsigned int head, uint32_t number, enum part_fate fate, uint32_t job)
{
	socket[head].present = true;
	socket[head].number = number;
	socket[head].fate = fate;
	socket[head].job = job;
}

void parts_uid(uint32_t number, uint8_t uid[PARTS_UID_SIZE])
{
	memset(uid, 0, PARTS_UID_SIZE);
	uid[0] = 0x5a;
	memcpy(uid + 1, &number, sizeof(number));
}

uint32_t parts_number(const uint8_t *uid, size_t size)
{
	uint32_t number = UINT32_MAX;

	if (size == PARTS_UID_SIZE && uid[0] == 0x5a)
		memcpy(&number, uid + 1, sizeof(number));
	return number;
}

const struct head_part *head_part_find(const char *name)
{
	return strcmp(name, part.part) ? NULL : &part;
}

int head_attach(const struct port *port, unsigned int number, const char *name, struct head **out)
{
	struct head *head;

	(void)port;
	if (!socket[number].present)
		return PROVCARD_REFUSAL_NO_PART;
	if (strcmp(part.part, name))
		return PROVCARD_REFUSAL_WRONG_PART;
	head = calloc(1, sizeof(*head));
	head->part = socket[number].number;
	head->fate = socket[number].fate;
	head->job = socket[number].job;
	head->identity.uid_size = PARTS_UID_SIZE;
	parts_uid(head->part, head->identity.uid);
	watcher.met(watcher.context, head->part);
	*out = head;
	return 0;
}

void head_detach(struct head *head)
{
	free(head);
}

const struct head_identity *head_identity(const struct head *head)
{
	return &head->identity;
}

int head_erase(struct head *head, head_progress progress, void *context)
{
	(void)head;
	return progress(context, 1, 1) ? 0 : PROVCARD_REFUSAL_UNIT_STOPPED;
}

static const struct head_region *region_at(const struct head_region *regions, size_t count, uint32_t address)
{
	for (size_t i = 0; i < count; i++)
		if (regions[i].address == address)
			return &regions[i];
	abort();
}

int head_program(struct head *head, const struct head_region *regions, size_t count, head_progress progress, void *context)
{
	const struct head_region *key = region_at(regions, count, STATION_KEY_ADDRESS);
	const struct head_region *certificate = region_at(regions, count, STATION_CERTIFICATE_ADDRESS);
	uint8_t key_digest[PROVPKG_HASH_SIZE], certificate_digest[PROVPKG_HASH_SIZE];

	SHA256(key->data, key->size, key_digest);
	/* Before the certificate stands its length. */
	SHA256(certificate->data + sizeof(uint32_t), certificate->size - sizeof(uint32_t), certificate_digest);
	watcher.exposed(watcher.context, head->part, head->job, key_digest, certificate_digest);
	if (head->fate == PART_PULLED)
		return PROVCARD_REFUSAL_PART_GONE;
	return progress(context, 1, 1) ? 0 : PROVCARD_REFUSAL_UNIT_STOPPED;
}

int head_verify(struct head *head, const struct head_region *regions, size_t count, head_progress progress, void *context)
{
	(void)regions;
	(void)count;
	(void)progress;
	(void)context;
	if (head->fate != PART_BROKEN)
		return 0;
	watcher.broken(watcher.context, head->part);
	return PROVCARD_REFUSAL_VERIFY_FAILED;
}

int head_lock(struct head *head, enum head_lock lock)
{
	head->locked = lock != HEAD_LOCK_NONE;
	return 0;
}

int head_read_lock(struct head *head, bool *locked)
{
	*locked = head->locked;
	watcher.finished(watcher.context, head->part);
	return 0;
}

int head_uart(struct head *head, const void *tx, size_t tx_size, void *rx, size_t rx_size, uint32_t timeout_us)
{
	(void)head;
	(void)tx;
	(void)tx_size;
	(void)rx;
	(void)rx_size;
	(void)timeout_us;
	return PROVCARD_REFUSAL_PROOF_FAILED;
}

uint64_t head_clocks(const struct head *head)
{
	(void)head;
	return 0;
}
