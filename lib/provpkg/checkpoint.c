// SPDX-License-Identifier: LGPL-2.1-or-later
/* Checkpoints, c2sp.org/tlog-checkpoint: origin, size and root of the card's log, one line each; no extension lines. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "crypto.h"
#include "der.h"
#include "note.h"
#include "provcard-refusal.h"
#include "provpkg/record.h"

#define ROOT_TEXT 44 /* base64 of 32 bytes */
#define TEXT_MAX (PROVPKG_NAME_MAX + 1 + 20 + 1 + ROOT_TEXT + 1)

static bool origin_valid(const char *origin)
{
	return provpkg_name_valid(provpkg_text_view(origin)) && provpkg_note_name_valid(origin);
}

static struct provpkg_view format(const struct provpkg_checkpoint *checkpoint, char text[TEXT_MAX + 1])
{
	unsigned char root[ROOT_TEXT + 1];
	int size;

	EVP_EncodeBlock(root, checkpoint->root, PROVPKG_HASH_SIZE);
	size = snprintf(text, TEXT_MAX + 1, "%s\n%" PRIu64 "\n%s\n", checkpoint->origin, checkpoint->size, root);
	return (struct provpkg_view){ (const uint8_t *)text, size };
}

int provpkg_checkpoint_sign(const struct provpkg_checkpoint *checkpoint, const struct provpkg_signer *signers, size_t count,
			    struct provpkg_blob *note)
{
	char text[TEXT_MAX + 1];

	if (!count || !origin_valid(checkpoint->origin))
		return -EINVAL;
	return provpkg_note_sign(format(checkpoint, text), checkpoint->origin, signers, count, note);
}

/* Reads leniently, then demands that writing gives the same bytes. */
static bool parse(struct provpkg_view text, struct provpkg_checkpoint *checkpoint)
{
	char copy[TEXT_MAX + 1] = { 0 }, again[TEXT_MAX + 1];
	char *origin = copy, *size, *root;
	uint8_t decoded[ROOT_TEXT];
	struct provpkg_view written;

	if (text.size > TEXT_MAX)
		return false;
	memcpy(copy, text.data, text.size);
	size = strchr(origin, '\n');
	root = size ? strchr(size + 1, '\n') : NULL;
	if (!root || (size_t)(size - origin) > PROVPKG_NAME_MAX || strlen(root + 1) != ROOT_TEXT + 1)
		return false;
	*size++ = *root++ = 0;
	if (EVP_DecodeBlock(decoded, (unsigned char *)root, ROOT_TEXT) != PROVPKG_HASH_SIZE + 1)
		return false;
	strcpy(checkpoint->origin, origin);
	checkpoint->size = strtoull(size, NULL, 10);
	memcpy(checkpoint->root, decoded, PROVPKG_HASH_SIZE);
	written = format(checkpoint, again);
	return origin_valid(origin) && written.size == text.size && !memcmp(written.data, text.data, text.size);
}

int provpkg_checkpoint_open(struct provpkg_view note, X509 *const *certificates, size_t count,
			    struct provpkg_checkpoint *checkpoint)
{
	struct provpkg_checkpoint parsed = { 0 };
	struct provpkg_view text;

	if (!provpkg_note_text(note, &text) || !parse(text, &parsed) ||
	    !provpkg_note_verify(note, parsed.origin, certificates, count))
		return PROVCARD_REFUSAL_CHECKPOINT;
	*checkpoint = parsed;
	return 0;
}
