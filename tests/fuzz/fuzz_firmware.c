// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Firmware files: the header, the manifest as anyone may make it, content that a careless maker signed; and a boot stage whose slots
 * and flags somebody has written: whatever stands there, what starts is the maker's and not below the floor.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tests/unit/rom.h"

enum { HEADER, WHOLE, CONTENT, SLOTS, KINDS };

#define FLAGS_SIZE 8192
#define FLOOR 2

static struct vendor vendor;
static struct provpkg_blob old, current; /* security versions 1 and 2 */
static struct fake_port fresh;

void fuzz_begin(void)
{
	vendor_new(&vendor, "Firmware signer");
	old = vendor_pack(&vendor, FAKE_BOARD, "1.0", 1, "an old image");
	current = vendor_pack(&vendor, FAKE_BOARD, "2.0", 2, "the current image");
	fake_port_new(&fresh, 1);
	for (int i = 0; i < PORT_NV_REGIONS; i++)
		if (i != PORT_NV_FIRMWARE_A && i != PORT_NV_FIRMWARE_B && i != PORT_NV_BOOT)
			fake_port_resize(&fresh, (enum port_region)i, 512);
	fresh.floor = FLOOR;
}

static void read_header(struct provpkg_view input)
{
	uint8_t header[PROVPKG_HEADER_SIZE] = { 0 }, again[PROVPKG_HEADER_SIZE];
	struct provpkg_firmware_layout layout;
	uint64_t file_size = fuzz_u64(&input);

	if (input.size && input.size <= sizeof(header))
		memcpy(header, input.data, input.size);
	if (provpkg_firmware_layout_decode((struct provpkg_view){ header, sizeof(header) }, file_size, &layout))
		return;
	FUZZ_MUST(layout.image.offset >= layout.manifest.offset + layout.manifest.size);
	FUZZ_MUST(file_size == UINT64_MAX || layout.image.offset + layout.image.size == file_size);
	provpkg_firmware_header(&layout, again);
	FUZZ_MUST(!memcmp(again, header, sizeof(again)));
}

static void read_manifest(struct provpkg_view cms)
{
	struct provpkg_blob again = { 0 };
	struct provpkg_firmware firmware;

	if (provpkg_firmware_open(cms, vendor.anchors, &firmware))
		return;
	fuzz_accepted();
	FUZZ_MUST(memchr(firmware.board, 0, sizeof(firmware.board)) && memchr(firmware.version, 0, sizeof(firmware.version)));
	FUZZ_MUST(!provpkg_firmware_encode(&firmware, &again));
	provpkg_blob_free(&again);
}

static void sign_content(struct provpkg_view content)
{
	struct provpkg_firmware firmware;
	struct provpkg_blob cms = { 0 }, again = { 0 };

	if (!provpkg_firmware_decode(content, &firmware)) {
		FUZZ_MUST(!provpkg_firmware_encode(&firmware, &again));
		FUZZ_MUST(again.size == content.size && !memcmp(again.data, content.data, content.size));
		provpkg_blob_free(&again);
	}
	if (!content.size) /* cannot be signed */
		return;
	FUZZ_MUST(!provpkg_sign(PROVPKG_CONTENT_FIRMWARE, content, vendor.signers, 2, &cms));
	read_manifest(provpkg_blob_view(&cms));
	provpkg_blob_free(&cms);
}

static void spread(struct fake_port *board, enum port_region region, struct provpkg_view *input)
{
	struct provpkg_view patch = fuzz_view(input);
	size_t at = fuzz_u32(input) % board->region[region].size;

	if (patch.size > board->region[region].size - at)
		patch.size = board->region[region].size - at;
	if (patch.size)
		memcpy(board->region[region].now + at, patch.data, patch.size);
}

/* Genuine files with a patch each, flags with two. */
static void start(struct provpkg_view input)
{
	const struct provpkg_blob *files[] = { &old, &current };
	uint8_t active = fuzz_u8(&input), a = fuzz_u8(&input), b = fuzz_u8(&input);
	struct fake_port board;
	struct rom rom;

	fake_port_copy(&board, &fresh);
	rom_new(&rom, &board, &vendor);
	rom_put(&board, 0, files[active >> 1 & 1]);
	rom_put(&board, 1, files[active >> 2 & 1]);
	rom_set_flags(&board, active & 1, (enum boot_state)(a % (BOOT_BAD + 1)), (enum boot_state)(b % (BOOT_BAD + 1)));
	spread(&board, PORT_NV_FIRMWARE_A, &input);
	spread(&board, PORT_NV_FIRMWARE_B, &input);
	spread(&board, PORT_NV_BOOT, &input);
	spread(&board, PORT_NV_BOOT, &input);
	rom.bend = active & 0x80;
	if (!rom_boot(&rom)) {
		fuzz_accepted();
		FUZZ_MUST(rom.started < BOOT_SLOTS && board.firmware.security_version == FLOOR && !rom.bend);
		FUZZ_MUST(!memcmp(rom.image, "the current image", 17));
	}
	rom_free(&rom);
	fake_port_free(&board);
}

void fuzz_one(struct provpkg_view input)
{
	static void (*const kinds[KINDS])(struct provpkg_view) = { read_header, read_manifest, sign_content, start };

	kinds[fuzz_u8(&input) % KINDS](input);
}

static void seed(const char *name, uint8_t kind, const void *data, size_t size)
{
	struct fuzz_writer out = { .size = 0 };

	fuzz_put_u8(&out, kind);
	if (kind == HEADER)
		fuzz_put_u64(&out, current.size);
	fuzz_put(&out, data, size);
	fuzz_seed(name, out.data, out.size);
}

void fuzz_seeds(void)
{
	const uint8_t both_good[] = { 0x04, BOOT_GOOD, BOOT_GOOD }, pending[] = { 0x06, BOOT_GOOD, BOOT_PENDING };
	struct provpkg_firmware_layout layout;
	struct provpkg_signed *object;
	struct provpkg_view manifest;

	FUZZ_MUST(!provpkg_firmware_layout_decode(provpkg_blob_view(&current), current.size, &layout));
	manifest = (struct provpkg_view){ current.data + layout.manifest.offset, (size_t)layout.manifest.size };
	seed("header", HEADER, current.data, 64);
	seed("manifest", WHOLE, manifest.data, manifest.size);
	FUZZ_MUST(!provpkg_signed_open(PROVPKG_CONTENT_FIRMWARE, manifest, &object));
	seed("content", CONTENT, provpkg_signed_content(object).data, provpkg_signed_content(object).size);
	provpkg_signed_free(object);
	seed("both-good", SLOTS, both_good, sizeof(both_good));
	seed("pending", SLOTS, pending, sizeof(pending));
}
