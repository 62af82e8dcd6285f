/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Merkle trees, RFC 9162 section 2.1, SHA-256. The same tree serves payload segments, certificates and the log. */
#ifndef PROVPKG_MERKLE_H
#define PROVPKG_MERKLE_H

#include "provpkg/types.h"

PROVPKG_BEGIN

/* Leaf hash of @data: SHA-256(0x00 || data). */
PROVPKG_MUST_CHECK int provpkg_merkle_leaf(struct provpkg_view data, uint8_t hash[PROVPKG_HASH_SIZE]);

/* A tree that grows at its right edge, in constant memory. Zero-initialise. */
struct provpkg_tree {
	uint64_t size; /* leaves */
	uint8_t edge[64][PROVPKG_HASH_SIZE]; /* roots of the complete subtrees, largest first */
};

PROVPKG_MUST_CHECK int provpkg_tree_add(struct provpkg_tree *tree, const uint8_t leaf_hash[PROVPKG_HASH_SIZE]);
/* Root of the tree as it is; SHA-256 of nothing when empty. */
PROVPKG_MUST_CHECK int provpkg_tree_root(const struct provpkg_tree *tree, uint8_t root[PROVPKG_HASH_SIZE]);

#define PROVPKG_PROOF_MAX 64

/* Gives leaf hash @index; 0 or a negative errno. */
typedef int (*provpkg_leaf_source)(void *context, uint64_t index, uint8_t hash[PROVPKG_HASH_SIZE]);

/* Inclusion proof of leaf @index in the tree of the first @size leaves: *count hashes, from the leaf upwards. */
PROVPKG_MUST_CHECK int provpkg_inclusion_proof(provpkg_leaf_source source, void *context, uint64_t index, uint64_t size,
					       uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], size_t *count);
/* 0 or PROOF_MISMATCH. */
PROVPKG_MUST_CHECK int provpkg_inclusion_verify(const uint8_t leaf_hash[PROVPKG_HASH_SIZE], uint64_t index, uint64_t size,
						const uint8_t (*proof)[PROVPKG_HASH_SIZE], size_t count,
						const uint8_t root[PROVPKG_HASH_SIZE]);

PROVPKG_END

#endif
