// SPDX-License-Identifier: GPL-2.0-or-later
/* A production line and the firmware of its card: a boot stage, a maker, updates. */
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"
#include "core/internal.h"
#include "tests/crash/line.h"

#define PIECE 8192

static int load(void *context, const struct boot_place *place, const struct provpkg_section *section, struct provpkg_view *image)
{
	const struct line *line = context;

	/* Where it lies is where it is executed. */
	*image = (struct provpkg_view){ line->board->memory->bytes[place->region] + place->offset + section->offset,
					(size_t)section->size };
	return 0;
}

static int start(void *context, const struct port_firmware *firmware)
{
	((struct line *)context)->board->firmware = *firmware;
	return 0;
}

static void passed_over(void *context, unsigned int slot, int code)
{
	(void)context;
	(void)slot;
	(void)code;
}

void line_boot(struct line *line)
{
	const struct boot_board board = { line, load, start, passed_over };
	int code = line->vendor ? boot_run(&line->board->port, line->vendor->anchors, &board) : 0;

	line->unbootable = code ? core_code(code) : 0;
	/* An attempt that cannot be written down is not made, and the firmware in force starts instead. */
	line->board->failed = false;
}

static void need(bool holds)
{
	if (!holds)
		abort();
}

void line_add_firmware(struct line *line)
{
	static const char *const version[LINE_FIRMWARE] = { "1.0", "2.0", "3.0" };
	struct boot_flags flags = { .slot = { { .state = BOOT_GOOD } } };
	const struct port *port = &line->board->port;

	line->vendor = calloc(1, sizeof(*line->vendor));
	need(line->vendor);
	vendor_new(line->vendor, "Firmware signer");
	line->board->anchors = provpkg_blob_view(&line->vendor->der);
	for (uint32_t i = 0; i < LINE_FIRMWARE; i++)
		line->firmware[i] = vendor_pack(line->vendor, port->board, version[i], i + 1, version[i]);
	need(!port->ops->nv_write(port->context, PORT_NV_FIRMWARE_A, 0, line->firmware[0].data, line->firmware[0].size));
	need(!boot_flags_write(port, &flags));
}

void line_free_firmware(struct line *line)
{
	if (!line->vendor)
		return;
	for (uint32_t i = 0; i < LINE_FIRMWARE; i++)
		provpkg_blob_free(&line->firmware[i]);
	vendor_free(line->vendor);
	free(line->vendor);
	line->vendor = NULL;
}

/* What runs has confirmed itself when the card has come up. */
void line_look_at_firmware(struct line *line)
{
	struct claim claim = { .kind = CLAIM_FIRMWARE_TOLD, .value = line->board->firmware.security_version };

	if (!line->vendor || line->seen.firmware == claim.value)
		return;
	line->seen.firmware = claim.value;
	board_claim(line->board, claim);
}

uint16_t line_store_firmware(struct line *line, uint32_t number)
{
	const struct provpkg_blob *file = &line->firmware[number];
	struct provcard_service_firmware status;
	uint16_t code = 0;

	for (size_t done = 0; done < file->size && !code; done += PIECE) {
		const uint64_t arg[3] = { done, file->size };
		size_t size = file->size - done < PIECE ? file->size - done : PIECE;

		code = station_command(&line->station, PROVCARD_OP_FIRMWARE_WRITE, 0, arg,
				       (struct provpkg_view){ file->data + done, size }, NULL, 0, NULL);
	}
	if (!code)
		code = station_command(&line->station, PROVCARD_OP_FIRMWARE_COMMIT, 0, NULL, (struct provpkg_view){ 0 }, &status,
				       sizeof(status), NULL);
	line_look(line);
	return code;
}

uint16_t line_activate_firmware(struct line *line, uint32_t number)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ACTIVATE_FIRMWARE,
					   .activate.security_version = number + 1 };
	const struct provpkg_blob *file = &line->firmware[number];
	struct provpkg_firmware_layout layout;
	struct provpkg_firmware firmware;
	uint16_t status;

	need(!provpkg_firmware_layout_decode(provpkg_blob_view(file), file->size, &layout));
	need(!provpkg_firmware_open((struct provpkg_view){ file->data + layout.manifest.offset, (size_t)layout.manifest.size },
				    NULL, &firmware));
	memcpy(request.activate.digest, firmware.sha256, sizeof(request.activate.digest));
	board_claim(line->board, (struct claim){ .kind = CLAIM_FIRMWARE_ASKED, .value = number + 1 });
	status = station_request(&line->station, &request, &line->station.officer, NULL);
	line_look(line);
	return status;
}
