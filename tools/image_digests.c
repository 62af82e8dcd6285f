// SPDX-License-Identifier: GPL-2.0-or-later
#include "image_digests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

struct image_digests {
	const struct provpkg_rot *rot;
	const struct image_area *area;
	size_t first[PROVPKG_IMAGES_MAX]; /* leaf of each image's first piece */
	uint8_t (*leaf)[PROVPKG_HASH_SIZE];
};

static size_t count_pieces(const struct provpkg_image *image)
{
	return (image->size + (uint64_t)PROVPKG_IMAGE_PIECE - 1) / PROVPKG_IMAGE_PIECE;
}

struct image_digests *image_digests_new(const struct provpkg_rot *rot, const struct image_area *area)
{
	struct image_digests *digests = calloc(1, sizeof(*digests));
	size_t pieces = 0;

	if (!digests)
		return NULL;
	digests->rot = rot;
	digests->area = area;
	for (size_t i = 0; i < rot->images; i++) {
		digests->first[i] = pieces;
		pieces += count_pieces(&rot->image[i]);
	}
	digests->leaf = calloc(pieces ? pieces : 1, sizeof(*digests->leaf));
	if (digests->leaf)
		return digests;
	free(digests);
	return NULL;
}

void image_digests_free(struct image_digests *digests)
{
	if (digests)
		free(digests->leaf);
	free(digests);
}

/* A piece of which the first @size bytes are at hand, and the others still in the area. */
static int digest_cut_piece(const struct image_digests *digests, uint64_t offset, struct provpkg_view piece, size_t size,
			    uint8_t *leaf)
{
	uint8_t *whole = malloc(piece.size);
	int error;

	if (!whole)
		return -ENOMEM;
	memcpy(whole, piece.data, size);
	error = image_read(digests->area, offset + size, whole + size, piece.size - size);
	if (!error)
		error = provpkg_merkle_leaf((struct provpkg_view){ whole, piece.size }, leaf);
	OPENSSL_cleanse(whole, piece.size);
	free(whole);
	return error;
}

static int pass_image(struct image_digests *digests, size_t number, uint64_t offset, const uint8_t *data, size_t size)
{
	const struct provpkg_image *image = &digests->rot->image[number];
	uint64_t end = offset + size, skipped = offset > image->offset ? offset - image->offset : 0;
	int error = 0;

	for (size_t i = (skipped + PROVPKG_IMAGE_PIECE - 1) / PROVPKG_IMAGE_PIECE; i < count_pieces(image) && !error; i++) {
		uint64_t within = (uint64_t)i * PROVPKG_IMAGE_PIECE, from = image->offset + within;
		size_t length = image->size - within < PROVPKG_IMAGE_PIECE ? image->size - within : PROVPKG_IMAGE_PIECE;
		uint8_t *leaf = digests->leaf[digests->first[number] + i];
		struct provpkg_view piece;

		if (from >= end)
			break;
		piece = (struct provpkg_view){ data + (from - offset), length };
		if (from + length <= end)
			error = provpkg_merkle_leaf(piece, leaf);
		else
			error = digest_cut_piece(digests, from, piece, end - from, leaf);
	}
	return error;
}

int image_digests_pass(struct image_digests *digests, uint64_t offset, const uint8_t *data, size_t size)
{
	int error = 0;

	for (size_t i = 0; i < digests->rot->images && !error; i++)
		error = pass_image(digests, i, offset, data, size);
	return error;
}

int image_digests_finish(const struct image_digests *digests, struct provpkg_rot *rot)
{
	int error = 0;

	for (size_t i = 0; i < rot->images && !error; i++) {
		struct provpkg_tree tree = { 0 };

		for (size_t piece = 0; piece < count_pieces(&rot->image[i]) && !error; piece++)
			error = provpkg_tree_add(&tree, digests->leaf[digests->first[i] + piece]);
		if (!error)
			error = provpkg_tree_root(&tree, rot->image[i].digest);
	}
	return error;
}
