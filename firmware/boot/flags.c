// SPDX-License-Identifier: GPL-2.0-or-later
#include "flags.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <openssl/evp.h>

#define MAGIC 0x42564350 /* "PCVB" */
#define COPY_SIZE 4096 /* no two copies in one block of a memory */

/* Little-endian, as every machine that this runs on lays it out. */
struct copy {
	uint32_t magic;
	uint32_t active;
	uint64_t sequence;
	struct boot_slot slot[BOOT_SLOTS];
	uint8_t digest[32]; /* SHA-256 of what is before it */
};

static int digest_of(const struct copy *copy, uint8_t digest[32])
{
	return EVP_Q_digest(NULL, "SHA256", NULL, copy, offsetof(struct copy, digest), digest, NULL) == 1 ? 0 : -EIO;
}

static bool is_whole(const struct copy *copy, unsigned int parity)
{
	uint8_t digest[32];

	if (copy->magic != MAGIC || copy->active >= BOOT_SLOTS || copy->sequence % 2 != parity)
		return false;
	for (unsigned int i = 0; i < BOOT_SLOTS; i++)
		if (copy->slot[i].state > BOOT_BAD)
			return false;
	return !digest_of(copy, digest) && !memcmp(digest, copy->digest, sizeof(digest));
}

int boot_flags_read(const struct port *port, struct boot_flags *flags, enum boot_found *found)
{
	static const struct copy zero;
	struct copy copy;

	memset(flags, 0, sizeof(*flags));
	*found = BOOT_FLAGS_FRESH;
	for (unsigned int i = 0; i < 2; i++) {
		int error = port->ops->nv_read(port->context, PORT_NV_BOOT, i * COPY_SIZE, &copy, sizeof(copy));

		if (error)
			return error;
		if (is_whole(&copy, i)) {
			if (*found != BOOT_FLAGS_FOUND || copy.sequence > flags->sequence)
				*flags = (struct boot_flags){ copy.sequence, copy.active, { copy.slot[0], copy.slot[1] } };
			*found = BOOT_FLAGS_FOUND;
		} else if (*found == BOOT_FLAGS_FRESH && memcmp(&copy, &zero, sizeof(copy))) {
			*found = BOOT_FLAGS_DAMAGED;
		}
	}
	return 0;
}

int boot_flags_write(const struct port *port, struct boot_flags *flags)
{
	struct copy copy = { .magic = MAGIC, .active = flags->active, .sequence = flags->sequence + 1 };
	int error;

	memcpy(copy.slot, flags->slot, sizeof(copy.slot));
	error = digest_of(&copy, copy.digest);
	if (!error)
		error = port->ops->nv_write(port->context, PORT_NV_BOOT, copy.sequence % 2 * COPY_SIZE, &copy, sizeof(copy));
	if (!error)
		error = port->ops->nv_flush(port->context, PORT_NV_BOOT);
	if (!error)
		flags->sequence = copy.sequence;
	return error;
}

unsigned int boot_flags_candidate(const struct boot_flags *flags)
{
	unsigned int slot = 0;

	while (slot < BOOT_SLOTS && flags->slot[slot].state != BOOT_PENDING && flags->slot[slot].state != BOOT_TRYING)
		slot++;
	return slot;
}
