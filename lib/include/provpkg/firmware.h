/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Firmware of a card. File (.pfw): fixed header (4 KiB), manifest (CMS, PROVPKG_CONTENT_FIRMWARE), image; each section begins at a
 * multiple of 4 KiB, zeroes between. The maker signs the manifest twice, with a P-384 and with an ML-DSA-87 key, and the manifest
 * names the image by its digests.
 */
#ifndef PROVPKG_FIRMWARE_H
#define PROVPKG_FIRMWARE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "provpkg/package.h"
#include "provpkg/sign.h"
#include "provpkg/types.h"

PROVPKG_BEGIN

#define PROVPKG_FIRMWARE_TEXT_MAX 31
#define PROVPKG_FIRMWARE_MANIFEST_MAX (256u << 10)
#define PROVPKG_FIRMWARE_IMAGE_MAX (64u << 20)
#define PROVPKG_FIRMWARE_SECURITY_MAX 1023 /* the floor is a row of fuses */
#define PROVPKG_FIRMWARE_SIGNERS 2 /* P-384, ML-DSA-87 */
#define PROVPKG_SHA384_SIZE 48

struct provpkg_firmware {
	char board[PROVPKG_FIRMWARE_TEXT_MAX + 1]; /* what it is made for */
	char version[PROVPKG_FIRMWARE_TEXT_MAX + 1]; /* for people */
	uint32_t security_version; /* compared with the floor; at least 1 */
	uint64_t size; /* of the image, at least 1 */
	uint8_t sha256[PROVPKG_HASH_SIZE]; /* of the image; this one names it */
	uint8_t sha384[PROVPKG_SHA384_SIZE];
};

/* The manifest's DER. -EINVAL for values out of range. */
PROVPKG_MUST_CHECK int provpkg_firmware_encode(const struct provpkg_firmware *firmware, struct provpkg_blob *der);
/* FIRMWARE_DER, TRAILING_DATA. */
PROVPKG_MUST_CHECK int provpkg_firmware_decode(struct provpkg_view der, struct provpkg_firmware *firmware);

/*
 * Open the signed manifest: both signatures good, over SHA-512, by certificates of one subject, nobody else's beside them. With
 * @anchors, each chains to an anchor of its own family of algorithms, at whatever time: a card must start without a clock, and what
 * is no longer to start is told by the floor. FIRMWARE_DER, FIRMWARE_SIGNATURE, FIRMWARE_UNTRUSTED, TRAILING_DATA.
 */
PROVPKG_MUST_CHECK int provpkg_firmware_open(struct provpkg_view cms, STACK_OF(X509) *anchors, struct provpkg_firmware *firmware);

struct provpkg_firmware_layout {
	struct provpkg_section manifest;
	struct provpkg_section image;
};

/* The one layout that sections of these sizes have. -EINVAL for sizes out of range. */
PROVPKG_MUST_CHECK int provpkg_firmware_layout(uint64_t manifest_size, uint64_t image_size, struct provpkg_firmware_layout *layout);
void provpkg_firmware_header(const struct provpkg_firmware_layout *layout, uint8_t header[PROVPKG_HEADER_SIZE]);
/* FIRMWARE_FILE, TRAILING_DATA. @file_size: what is there; UINT64_MAX where something may follow (a slot of a card). */
PROVPKG_MUST_CHECK int provpkg_firmware_layout_decode(struct provpkg_view header, uint64_t file_size,
						      struct provpkg_firmware_layout *layout);
/* FIRMWARE_FILE unless all bytes between manifest and image are zero. */
PROVPKG_MUST_CHECK int provpkg_firmware_check_gap(struct provpkg_view bytes);

/* Both digests of an image, piece by piece. */
struct provpkg_firmware_digest;
PROVPKG_MUST_CHECK int provpkg_firmware_digest_new(struct provpkg_firmware_digest **digest);
PROVPKG_MUST_CHECK int provpkg_firmware_digest_add(struct provpkg_firmware_digest *digest, struct provpkg_view piece);
/* Fills in size, sha256 and sha384; no more pieces after that. */
PROVPKG_MUST_CHECK int provpkg_firmware_digest_end(struct provpkg_firmware_digest *digest, struct provpkg_firmware *firmware);
void provpkg_firmware_digest_free(struct provpkg_firmware_digest *digest);
/* Is it the same image, by size and both digests? FIRMWARE_DIGEST. */
PROVPKG_MUST_CHECK int provpkg_firmware_same_image(const struct provpkg_firmware *manifest, const struct provpkg_firmware *image);
/* The whole image at once: FIRMWARE_DIGEST unless it is the one that @manifest names. */
PROVPKG_MUST_CHECK int provpkg_firmware_check_image(const struct provpkg_firmware *manifest, struct provpkg_view image);

/*
 * Make a firmware file: all that stands before @image. @firmware has board, version and security version; the rest is filled in.
 * -EINVAL for values out of range; FIRMWARE_SIGNATURE unless the signers are those that a firmware needs.
 */
PROVPKG_MUST_CHECK int provpkg_firmware_make(struct provpkg_firmware *firmware, struct provpkg_view image,
					     const struct provpkg_signer *signers, size_t count, struct provpkg_blob *head);

PROVPKG_END

#endif
