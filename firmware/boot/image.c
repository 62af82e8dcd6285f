// SPDX-License-Identifier: GPL-2.0-or-later
#include "image.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (256u << 10)

struct boot_place boot_slot_place(const struct port *port, unsigned int slot)
{
	enum port_region region = slot ? PORT_NV_FIRMWARE_B : PORT_NV_FIRMWARE_A;

	return (struct boot_place){ .region = region, .room = port->ops->nv_size(port->context, region) };
}

/* Bytes of the file at @place. */
static int read_file(const struct port *port, const struct boot_place *place, uint64_t offset, void *data, size_t size)
{
	if (offset > place->room || size > place->room - offset)
		return PROVCARD_REFUSAL_FIRMWARE_FILE;
	return port->ops->nv_read(port->context, place->region, place->offset + offset, data, size) ? PROVCARD_REFUSAL_STORAGE_FAILED :
												      0;
}

static int read_layout(const struct port *port, const struct boot_place *place, struct provpkg_firmware_layout *layout)
{
	uint8_t header[PROVPKG_HEADER_SIZE];
	int code = read_file(port, place, 0, header, sizeof(header));

	if (!code)
		code = provpkg_firmware_layout_decode((struct provpkg_view){ header, sizeof(header) },
						      place->exact ? place->room : UINT64_MAX, layout);
	if (!code && layout->image.offset + layout->image.size > place->room)
		code = PROVCARD_REFUSAL_FIRMWARE_FILE;
	return code;
}

/* The manifest, and nothing between it and the image. */
static int read_manifest(const struct port *port, const struct boot_place *place, struct boot_image *image)
{
	const struct provpkg_section *at = &image->layout.manifest;
	size_t whole = (size_t)(image->layout.image.offset - at->offset);
	int code;

	image->manifest.data = OPENSSL_malloc(whole);
	if (!image->manifest.data)
		return -ENOMEM;
	image->manifest.size = (size_t)at->size;
	code = read_file(port, place, at->offset, image->manifest.data, whole);
	if (code)
		return code;
	return provpkg_firmware_check_gap((struct provpkg_view){ image->manifest.data + at->size, whole - (size_t)at->size });
}

int boot_image_open(const struct port *port, const struct boot_place *place, STACK_OF(X509) *anchors, struct boot_image *image)
{
	uint32_t floor;
	int code;

	memset(image, 0, sizeof(*image));
	code = read_layout(port, place, &image->layout);
	if (!code)
		code = read_manifest(port, place, image);
	if (!code)
		code = provpkg_firmware_open(provpkg_blob_view(&image->manifest), anchors, &image->firmware);
	if (code)
		return code;
	if (image->firmware.size != image->layout.image.size)
		return PROVCARD_REFUSAL_FIRMWARE_FILE;
	if (strcmp(image->firmware.board, port->board))
		return PROVCARD_REFUSAL_FIRMWARE_WRONG_BOARD;
	if (port->ops->floor_read(port->context, &floor))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	return image->firmware.security_version < floor ? PROVCARD_REFUSAL_FIRMWARE_ROLLBACK : 0;
}

void boot_image_clear(struct boot_image *image)
{
	provpkg_blob_free(&image->manifest);
}

static int digest_file(const struct port *port, const struct boot_place *place, const struct provpkg_section *section,
		       struct provpkg_firmware_digest *digest)
{
	uint8_t *piece = malloc(PIECE);
	int code = piece ? 0 : -ENOMEM;

	for (uint64_t done = 0; done < section->size && !code;) {
		size_t size = section->size - done < PIECE ? (size_t)(section->size - done) : PIECE;

		code = read_file(port, place, section->offset + done, piece, size);
		if (!code)
			code = provpkg_firmware_digest_add(digest, (struct provpkg_view){ piece, size });
		done += size;
	}
	free(piece);
	return code;
}

int boot_image_check(const struct port *port, const struct boot_place *place, const struct boot_image *image)
{
	struct provpkg_firmware found = { .size = 0 };
	struct provpkg_firmware_digest *digest;
	int code = provpkg_firmware_digest_new(&digest);

	if (code)
		return code;
	code = digest_file(port, place, &image->layout.image, digest);
	if (!code)
		code = provpkg_firmware_digest_end(digest, &found);
	provpkg_firmware_digest_free(digest);
	return code ? code : provpkg_firmware_same_image(&image->firmware, &found);
}

STACK_OF(X509) *boot_anchors(const uint8_t *der, size_t size)
{
	STACK_OF(X509) *anchors = sk_X509_new_null();
	const unsigned char *at = der, *end = der + size;

	while (anchors && at < end) {
		X509 *anchor = end - at > LONG_MAX ? NULL : d2i_X509(NULL, &at, end - at);

		if (!anchor || !sk_X509_push(anchors, anchor)) {
			X509_free(anchor);
			break;
		}
	}
	if (anchors && at == end && size)
		return anchors;
	sk_X509_pop_free(anchors, X509_free);
	return NULL;
}
