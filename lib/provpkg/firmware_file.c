// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The file of a firmware: magic (8), version (4), header size (4), then offset and size (8 each) of manifest and image,
 * little-endian; the rest of the header is zero. Sizes leave one layout only. And the digests of the image.
 */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "endian.h"
#include "provcard-refusal.h"
#include "provpkg/firmware.h"

#define VERSION 1
#define SECTIONS_AT 16
#define FIELDS_SIZE (SECTIONS_AT + 2 * 16)

static const uint8_t magic[8] = { 'P', 'R', 'O', 'V', 'F', 'I', 'R', '\n' };

int provpkg_firmware_layout(uint64_t manifest_size, uint64_t image_size, struct provpkg_firmware_layout *layout)
{
	uint64_t end = PROVPKG_HEADER_SIZE + manifest_size;

	if (!manifest_size || manifest_size > PROVPKG_FIRMWARE_MANIFEST_MAX || !image_size || image_size > PROVPKG_FIRMWARE_IMAGE_MAX)
		return -EINVAL;
	layout->manifest = (struct provpkg_section){ PROVPKG_HEADER_SIZE, manifest_size };
	layout->image.offset = (end + PROVPKG_ALIGNMENT - 1) / PROVPKG_ALIGNMENT * PROVPKG_ALIGNMENT;
	layout->image.size = image_size;
	return 0;
}

void provpkg_firmware_header(const struct provpkg_firmware_layout *layout, uint8_t header[PROVPKG_HEADER_SIZE])
{
	memset(header, 0, PROVPKG_HEADER_SIZE);
	memcpy(header, magic, sizeof(magic));
	provpkg_put_le(header + 8, 4, VERSION);
	provpkg_put_le(header + 12, 4, PROVPKG_HEADER_SIZE);
	provpkg_put_le(header + SECTIONS_AT, 8, layout->manifest.offset);
	provpkg_put_le(header + SECTIONS_AT + 8, 8, layout->manifest.size);
	provpkg_put_le(header + SECTIONS_AT + 16, 8, layout->image.offset);
	provpkg_put_le(header + SECTIONS_AT + 24, 8, layout->image.size);
}

int provpkg_firmware_layout_decode(struct provpkg_view header, uint64_t file_size, struct provpkg_firmware_layout *layout)
{
	uint8_t expected[PROVPKG_HEADER_SIZE];
	struct provpkg_firmware_layout read;
	uint64_t end;

	if (header.size < PROVPKG_HEADER_SIZE || file_size < PROVPKG_HEADER_SIZE ||
	    provpkg_firmware_layout(provpkg_get_le(header.data + SECTIONS_AT + 8, 8),
				    provpkg_get_le(header.data + SECTIONS_AT + 24, 8), &read))
		return PROVCARD_REFUSAL_FIRMWARE_FILE;
	provpkg_firmware_header(&read, expected);
	if (memcmp(header.data, expected, sizeof(expected)))
		return PROVCARD_REFUSAL_FIRMWARE_FILE;
	end = read.image.offset + read.image.size;
	if (end > file_size)
		return PROVCARD_REFUSAL_FIRMWARE_FILE;
	if (end < file_size && file_size != UINT64_MAX)
		return PROVCARD_REFUSAL_TRAILING_DATA;
	*layout = read;
	return 0;
}

int provpkg_firmware_check_gap(struct provpkg_view bytes)
{
	for (size_t i = 0; i < bytes.size; i++)
		if (bytes.data[i])
			return PROVCARD_REFUSAL_FIRMWARE_FILE;
	return 0;
}

struct provpkg_firmware_digest {
	EVP_MD_CTX *sha256;
	EVP_MD_CTX *sha384;
	uint64_t size;
};

int provpkg_firmware_digest_new(struct provpkg_firmware_digest **digest)
{
	struct provpkg_firmware_digest *made = OPENSSL_zalloc(sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->sha256 = EVP_MD_CTX_new();
	made->sha384 = EVP_MD_CTX_new();
	if (made->sha256 && made->sha384 && EVP_DigestInit_ex2(made->sha256, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestInit_ex2(made->sha384, EVP_sha384(), NULL) == 1) {
		*digest = made;
		return 0;
	}
	provpkg_firmware_digest_free(made);
	return -EIO;
}

void provpkg_firmware_digest_free(struct provpkg_firmware_digest *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->sha256);
	EVP_MD_CTX_free(digest->sha384);
	OPENSSL_free(digest);
}

int provpkg_firmware_digest_add(struct provpkg_firmware_digest *digest, struct provpkg_view piece)
{
	digest->size += piece.size;
	return EVP_DigestUpdate(digest->sha256, piece.data, piece.size) == 1 &&
			       EVP_DigestUpdate(digest->sha384, piece.data, piece.size) == 1 ?
		       0 :
		       -EIO;
}

int provpkg_firmware_digest_end(struct provpkg_firmware_digest *digest, struct provpkg_firmware *firmware)
{
	firmware->size = digest->size;
	return EVP_DigestFinal_ex(digest->sha256, firmware->sha256, NULL) == 1 &&
			       EVP_DigestFinal_ex(digest->sha384, firmware->sha384, NULL) == 1 ?
		       0 :
		       -EIO;
}

int provpkg_firmware_same_image(const struct provpkg_firmware *manifest, const struct provpkg_firmware *image)
{
	bool same = manifest->size == image->size && !CRYPTO_memcmp(manifest->sha256, image->sha256, sizeof(image->sha256)) &&
		    !CRYPTO_memcmp(manifest->sha384, image->sha384, sizeof(image->sha384));

	return same ? 0 : PROVCARD_REFUSAL_FIRMWARE_DIGEST;
}

static int measure(struct provpkg_view image, struct provpkg_firmware *firmware)
{
	struct provpkg_firmware_digest *digest;
	int result = provpkg_firmware_digest_new(&digest);

	if (result)
		return result;
	result = provpkg_firmware_digest_add(digest, image);
	if (!result)
		result = provpkg_firmware_digest_end(digest, firmware);
	provpkg_firmware_digest_free(digest);
	return result;
}

int provpkg_firmware_check_image(const struct provpkg_firmware *manifest, struct provpkg_view image)
{
	struct provpkg_firmware found = { .size = 0 };
	int result = measure(image, &found);

	return result ? result : provpkg_firmware_same_image(manifest, &found);
}

/* Header and manifest, zeroes up to the image. */
static int make_head(struct provpkg_view manifest, const struct provpkg_firmware *firmware, struct provpkg_blob *head)
{
	struct provpkg_firmware_layout layout;
	int result = provpkg_firmware_layout(manifest.size, firmware->size, &layout);

	if (result)
		return result;
	head->size = (size_t)layout.image.offset;
	head->data = OPENSSL_zalloc(head->size);
	if (!head->data)
		return -ENOMEM;
	provpkg_firmware_header(&layout, head->data);
	memcpy(head->data + layout.manifest.offset, manifest.data, manifest.size);
	return 0;
}

int provpkg_firmware_make(struct provpkg_firmware *firmware, struct provpkg_view image, const struct provpkg_signer *signers,
			  size_t count, struct provpkg_blob *head)
{
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct provpkg_firmware made = *firmware;
	int result = measure(image, &made);

	if (!result)
		result = provpkg_firmware_encode(&made, &der);
	if (!result)
		result = provpkg_sign(PROVPKG_CONTENT_FIRMWARE, provpkg_blob_view(&der), signers, count, &cms);
	/* What is made must be what is accepted. */
	if (!result)
		result = provpkg_firmware_open(provpkg_blob_view(&cms), NULL, &made);
	if (!result)
		result = make_head(provpkg_blob_view(&cms), &made, head);
	if (!result)
		*firmware = made;
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
	return result;
}
