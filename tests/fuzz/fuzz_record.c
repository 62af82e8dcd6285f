// SPDX-License-Identifier: GPL-2.0-or-later
/* Log records: what decodes encodes to the same bytes. */
#include <string.h>

#include "fuzz.h"
#include "provpkg/record.h"

void fuzz_begin(void)
{
}

void fuzz_one(struct provpkg_view input)
{
	struct provpkg_blob again = { 0 };
	struct provpkg_record record;

	if (provpkg_record_decode(input, &record))
		return;
	fuzz_accepted();
	FUZZ_MUST(provpkg_event_name(record.event) && record.uid_size <= sizeof(record.uid));
	FUZZ_MUST(memchr(record.actor, 0, sizeof(record.actor)) && memchr(record.part, 0, sizeof(record.part)));
	FUZZ_MUST(!provpkg_record_encode(&record, &again));
	FUZZ_MUST(again.size == input.size && !memcmp(again.data, input.data, input.size));
	provpkg_blob_free(&again);
}

static void seed(const char *name, const struct provpkg_record *record)
{
	struct provpkg_blob der = { 0 };

	FUZZ_MUST(!provpkg_record_encode(record, &der));
	fuzz_seed(name, der.data, der.size);
	provpkg_blob_free(&der);
}

void fuzz_seeds(void)
{
	const struct provpkg_counters before = { 1, 0, 2, 9 }, after = { 2, 0, 1, 9 };

	seed("boot", &(struct provpkg_record){ .event = PROVPKG_EVENT_BOOT, .boot = 1, .time = 1790000000 });
	seed("enrolled", &(struct provpkg_record){ .index = 2, .event = PROVPKG_EVENT_ENROLLED, .actor = "olga",
						   .attachment_digest = "digest", .previous = "previous" });
	seed("unit", &(struct provpkg_record){ .index = 70000, .event = PROVPKG_EVENT_UNIT_GOOD, .actor = "otto", .has_job = true,
					       .package_id = "package", .before = before, .after = after, .has_unit = true,
					       .head = 3, .uid_size = 8, .uid = "unique", .part = "nRF52840", .locked = true,
					       .certificate_digest = "certificate", .proof = 2, .time_authenticated = true });
	seed("scrap", &(struct provpkg_record){
			      .event = PROVPKG_EVENT_UNIT_SCRAP, .has_job = true, .has_unit = true, .code = 0x404 });
}
