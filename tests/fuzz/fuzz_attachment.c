// SPDX-License-Identifier: GPL-2.0-or-later
/* What records have attached: a first byte chooses a LOADED record's or a unit's; what is taken apart is all of it, in order. */
#include <string.h>

#include "fuzz.h"
#include "provpkg/escrow.h"

static const uint8_t key[PROVPKG_KEY_SIZE] = { 1 }, uid_bytes[8] = { 2 };
static const struct provpkg_view uid = { uid_bytes, sizeof(uid_bytes) };

void fuzz_begin(void)
{
}

void fuzz_one(struct provpkg_view input)
{
	bool loaded = fuzz_u8(&input) & 1;
	struct provpkg_attachment parts;
	struct provpkg_secrets secrets;

	if (!input.size || provpkg_attachment_split(input, loaded, &parts))
		return;
	FUZZ_MUST(parts.first.size + parts.sealed.size == input.size && parts.first.data == input.data);
	FUZZ_MUST(parts.sealed.data == input.data + parts.first.size);
	if (loaded || !parts.sealed.size || provpkg_secrets_open(key, uid, parts.sealed, &secrets))
		return;
	fuzz_accepted();
	FUZZ_MUST(secrets.count >= 1 && secrets.count <= PROVPKG_LIFECYCLE_MAX);
	for (size_t i = 0; i < secrets.count; i++)
		FUZZ_MUST(secrets.secret[i].size <= sizeof(secrets.secret[i].value) &&
			  memchr(secrets.secret[i].name, 0, sizeof(secrets.secret[i].name)));
}

void fuzz_seeds(void)
{
	static const uint8_t certificate[] = { 0x30, 3, 2, 1, 5 };
	const struct provpkg_secrets secrets = { .count = 1, .secret = { { "debug", 16, "sixteen bytes .." } } };
	struct provpkg_blob sealed = { 0 };
	struct fuzz_writer writer = { .size = 0 };

	FUZZ_MUST(!provpkg_secrets_seal(key, uid, 7, &secrets, &sealed));
	fuzz_put_u8(&writer, 0);
	fuzz_put(&writer, sealed.data, sealed.size);
	fuzz_seed("sealed", writer.data, writer.size);
	writer.size = 1;
	fuzz_put(&writer, certificate, sizeof(certificate));
	fuzz_put(&writer, sealed.data, sealed.size);
	fuzz_seed("both", writer.data, writer.size);
	provpkg_blob_free(&sealed);
}
