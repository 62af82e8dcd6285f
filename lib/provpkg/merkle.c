// SPDX-License-Identifier: LGPL-2.1-or-later
/* Merkle trees as RFC 9162 section 2.1 defines them, while they grow. Leaves are hashed behind 0x00, nodes behind 0x01. */
#include <errno.h>
#include <string.h>

#include "crypto.h"
#include "merkle.h"
#include "provpkg/merkle.h"

int provpkg_merkle_leaf(struct provpkg_view data, uint8_t hash[PROVPKG_HASH_SIZE])
{
	static const uint8_t prefix = 0x00;
	const struct provpkg_view pieces[] = { { &prefix, 1 }, data };

	return provpkg_digest(EVP_sha256(), pieces, 2, hash);
}

int merkle_node(const uint8_t *left, const uint8_t *right, uint8_t *hash)
{
	uint8_t input[1 + 2 * PROVPKG_HASH_SIZE] = { 0x01 };
	const struct provpkg_view piece = { input, sizeof(input) };

	memcpy(input + 1, left, PROVPKG_HASH_SIZE);
	memcpy(input + 1 + PROVPKG_HASH_SIZE, right, PROVPKG_HASH_SIZE);
	return provpkg_digest(EVP_sha256(), &piece, 1, hash);
}

uint64_t provpkg_node_place(unsigned int level, uint64_t index)
{
	uint64_t last = ((index + 1) << level) - 1;

	/* Before its last leaf a tree of @last leaves was complete; then come the leaf and what it completes, from below. */
	return 2 * last - (uint64_t)__builtin_popcountll(last) + level;
}

/*
 * The edge has one entry per bit set in @size, so a new subtree merges once per trailing one bit from its level on, as a carry
 * does.
 */
int provpkg_tree_put(struct provpkg_tree *tree, unsigned int level, const uint8_t hash[PROVPKG_HASH_SIZE], provpkg_node_sink sink,
		     void *context)
{
	size_t top = (size_t)__builtin_popcountll(tree->size);
	uint8_t merged[PROVPKG_HASH_SIZE];
	unsigned int at = level;
	uint64_t index;
	int result;

	if (level > 62 || tree->size & ((1ull << level) - 1))
		return -EINVAL;
	index = tree->size >> level;
	if (tree->size > UINT64_MAX >> 1)
		return -EOVERFLOW;
	memcpy(merged, hash, sizeof(merged));
	for (;;) {
		result = sink ? sink(context, provpkg_node_place(at, index), merged) : 0;
		if (result || !(index & 1))
			break;
		if (merkle_node(tree->edge[--top], merged, merged))
			return -EIO;
		index >>= 1;
		at++;
	}
	if (result)
		return result;
	memcpy(tree->edge[top], merged, sizeof(merged));
	tree->size += 1ull << level;
	return 0;
}

int provpkg_tree_add(struct provpkg_tree *tree, const uint8_t leaf_hash[PROVPKG_HASH_SIZE])
{
	return provpkg_tree_put(tree, 0, leaf_hash, NULL, NULL);
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
