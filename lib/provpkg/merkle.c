// SPDX-License-Identifier: LGPL-2.1-or-later
/* Merkle trees as RFC 9162 section 2.1 defines them. Leaves are hashed behind 0x00, nodes behind 0x01. */
#include <errno.h>
#include <string.h>

#include "crypto.h"
#include "provcard-refusal.h"
#include "provpkg/merkle.h"

int provpkg_merkle_leaf(struct provpkg_view data, uint8_t hash[PROVPKG_HASH_SIZE])
{
	static const uint8_t prefix = 0x00;
	const struct provpkg_view pieces[] = { { &prefix, 1 }, data };

	return provpkg_digest(EVP_sha256(), pieces, 2, hash);
}

/* @hash may be @left or @right. */
static int merkle_node(const uint8_t *left, const uint8_t *right, uint8_t *hash)
{
	uint8_t input[1 + 2 * PROVPKG_HASH_SIZE] = { 0x01 };
	const struct provpkg_view piece = { input, sizeof(input) };

	memcpy(input + 1, left, PROVPKG_HASH_SIZE);
	memcpy(input + 1 + PROVPKG_HASH_SIZE, right, PROVPKG_HASH_SIZE);
	return provpkg_digest(EVP_sha256(), &piece, 1, hash);
}

/* The edge has one entry per bit set in @size, so a new leaf merges once per trailing one bit, as a carry does. */
int provpkg_tree_add(struct provpkg_tree *tree, const uint8_t leaf_hash[PROVPKG_HASH_SIZE])
{
	size_t top = (size_t)__builtin_popcountll(tree->size);
	uint8_t hash[PROVPKG_HASH_SIZE];

	if (tree->size == UINT64_MAX)
		return -EOVERFLOW;
	memcpy(hash, leaf_hash, sizeof(hash));
	for (uint64_t size = tree->size; size & 1; size >>= 1)
		if (merkle_node(tree->edge[--top], hash, hash))
			return -EIO;
	memcpy(tree->edge[top], hash, sizeof(hash));
	tree->size++;
	return 0;
}

int provpkg_tree_root(const struct provpkg_tree *tree, uint8_t root[PROVPKG_HASH_SIZE])
{
	size_t count = (size_t)__builtin_popcountll(tree->size);
	uint8_t hash[PROVPKG_HASH_SIZE];

	if (!count)
		return provpkg_digest(EVP_sha256(), NULL, 0, root);
	memcpy(hash, tree->edge[--count], sizeof(hash));
	while (count)
		if (merkle_node(tree->edge[--count], hash, hash))
			return -EIO;
	memcpy(root, hash, sizeof(hash));
	return 0;
}

static int subtree_root(provpkg_leaf_source source, void *context, uint64_t first, uint64_t size, uint8_t root[PROVPKG_HASH_SIZE])
{
	struct provpkg_tree tree = { .size = 0 };
	uint8_t hash[PROVPKG_HASH_SIZE];
	int result;

	for (uint64_t i = 0; i < size; i++) {
		result = source(context, first + i, hash);
		if (!result)
			result = provpkg_tree_add(&tree, hash);
		if (result)
			return result;
	}
	return provpkg_tree_root(&tree, root);
}

/* Largest power of two below @size, which is at least 2. */
static uint64_t split(uint64_t size)
{
	return 1ull << (63 - __builtin_clzll(size - 1));
}

/* RFC 9162 2.1.3.1, from the root downwards; the proof is wanted from the leaf upwards, so it is filled from the end. */
int provpkg_inclusion_proof(provpkg_leaf_source source, void *context, uint64_t index, uint64_t size,
			    uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], size_t *count)
{
	uint8_t path[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	uint64_t first = 0;
	size_t filled = 0;
	int result;

	if (index >= size)
		return -EINVAL;
	while (size > 1) {
		uint64_t left = split(size);
		bool goes_left = index - first < left;

		result = goes_left ? subtree_root(source, context, first + left, size - left, path[filled]) :
				     subtree_root(source, context, first, left, path[filled]);
		if (result)
			return result;
		filled++;
		first += goes_left ? 0 : left;
		size = goes_left ? left : size - left;
	}
	for (size_t i = 0; i < filled; i++)
		memcpy(proof[i], path[filled - 1 - i], PROVPKG_HASH_SIZE);
	*count = filled;
	return 0;
}

/* RFC 9162 2.1.3.2. */
int provpkg_inclusion_verify(const uint8_t leaf_hash[PROVPKG_HASH_SIZE], uint64_t index, uint64_t size,
			     const uint8_t (*proof)[PROVPKG_HASH_SIZE], size_t count, const uint8_t root[PROVPKG_HASH_SIZE])
{
	uint8_t hash[PROVPKG_HASH_SIZE];
	uint64_t node = index, last = size - 1;

	if (index >= size)
		return PROVCARD_REFUSAL_PROOF_MISMATCH;
	memcpy(hash, leaf_hash, sizeof(hash));
	for (size_t i = 0; i < count; i++) {
		bool sibling_left = (node & 1) || node == last;

		if (!last)
			return PROVCARD_REFUSAL_PROOF_MISMATCH;
		if (sibling_left ? merkle_node(proof[i], hash, hash) : merkle_node(hash, proof[i], hash))
			return -EIO;
		while (sibling_left && !(node & 1) && node) {
			node >>= 1;
			last >>= 1;
		}
		node >>= 1;
		last >>= 1;
	}
	return last || memcmp(hash, root, sizeof(hash)) ? PROVCARD_REFUSAL_PROOF_MISMATCH : 0;
}
