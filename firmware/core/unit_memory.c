// SPDX-License-Identifier: GPL-2.0-or-later
/* What goes into one part: images shared by all, and what is this part's own, in one block on the secure heap. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "unit.h"

#define LENGTH_FIELD sizeof(uint32_t)

static size_t own_size(const struct unit_run *run)
{
	const struct provpkg_rot *rot = &run->package->contents.rot;
	size_t size = 0;

	if (rot->identity.present)
		size += run->identity.kind->private_size + LENGTH_FIELD + run->identity.certificate.size;
	for (size_t i = 0; i < rot->lifecycles; i++)
		size += rot->lifecycle[i].size;
	return size;
}

static void add(struct head_region *regions, size_t *count, uint32_t address, const uint8_t *data, size_t size)
{
	regions[(*count)++] = (struct head_region){ .address = address, .data = data, .size = size };
}

static uint8_t *add_identity(struct unit_run *run, struct head_region *regions, size_t *count, uint8_t *at)
{
	const struct provpkg_identity *identity = &run->package->contents.rot.identity;
	const struct provpkg_blob *certificate = &run->identity.certificate;
	size_t key_size = run->identity.kind->private_size;
	uint32_t length = (uint32_t)certificate->size;

	memcpy(at, run->identity.private_key, key_size);
	add(regions, count, identity->key_address, at, key_size);
	at += key_size;
	memcpy(at, &length, LENGTH_FIELD);
	memcpy(at + LENGTH_FIELD, certificate->data, certificate->size);
	add(regions, count, identity->certificate_address, at, LENGTH_FIELD + certificate->size);
	return at + LENGTH_FIELD + certificate->size;
}

int unit_regions(struct unit_run *run, struct head_region regions[UNIT_REGIONS], size_t *count)
{
	const struct provpkg_rot *rot = &run->package->contents.rot;
	uint8_t *at;
	int code = 0;

	*count = 0;
	run->memory_size = own_size(run);
	run->memory = OPENSSL_secure_zalloc(run->memory_size ? run->memory_size : 1);
	if (!run->memory)
		return -ENOMEM;
	if (rot->identity.present && LENGTH_FIELD + run->identity.certificate.size > rot->identity.certificate_size)
		return PROVCARD_REFUSAL_ROT_DOES_NOT_FIT;
	for (size_t i = 0; i < rot->images; i++)
		add(regions, count, rot->image[i].address, run->package->image[i], rot->image[i].size);
	at = rot->identity.present ? add_identity(run, regions, count, run->memory) : run->memory;
	for (size_t i = 0; i < rot->lifecycles && !code; i++) {
		code = unit_lifecycle_key(run, &rot->lifecycle[i], at);
		add(regions, count, rot->lifecycle[i].address, at, rot->lifecycle[i].size);
		at += rot->lifecycle[i].size;
	}
	return code;
}
