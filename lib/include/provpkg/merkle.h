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

/*
 * What a growing tree completes: leaves, and the roots of subtrees of 2^level leaves. They are numbered in the order in which they
 * are completed; the one of leaves [index << level, (index + 1) << level) is number provpkg_node_place(level, index). A tree of n
 * leaves has completed 2n - popcount(n) of them.
 */
uint64_t provpkg_node_place(unsigned int level, uint64_t index);

/* Takes what was completed; 0 or a negative errno. Places ascend; they leave gaps where subtrees are put in whole. */
typedef int (*provpkg_node_sink)(void *context, uint64_t place, const uint8_t hash[PROVPKG_HASH_SIZE]);
/* Gives it back; 0 or a negative errno. */
typedef int (*provpkg_node_source)(void *context, uint64_t place, uint8_t hash[PROVPKG_HASH_SIZE]);

/*
 * Append a complete subtree by its root, a leaf when @level is 0. The tree's size must be a multiple of 2^level: -EINVAL. @sink may
 * be NULL; when it fails, so does this, and the tree stands as it was.
 */
PROVPKG_MUST_CHECK int provpkg_tree_put(struct provpkg_tree *tree, unsigned int level, const uint8_t hash[PROVPKG_HASH_SIZE],
					provpkg_node_sink sink, void *context);

/* Nodes in memory, 64 bytes a leaf. Zero-initialise. */
struct provpkg_nodes {
	uint8_t (*hash)[PROVPKG_HASH_SIZE];
	uint64_t count;
	uint64_t room;
};

/* Sink and source with a struct provpkg_nodes as their context, for trees without gaps. */
PROVPKG_MUST_CHECK int provpkg_nodes_keep(void *nodes, uint64_t place, const uint8_t hash[PROVPKG_HASH_SIZE]);
PROVPKG_MUST_CHECK int provpkg_nodes_give(void *nodes, uint64_t place, uint8_t hash[PROVPKG_HASH_SIZE]);
void provpkg_nodes_free(struct provpkg_nodes *nodes);

/* Root of the tree's first @size leaves. All that asks a source asks it O(log n) times, O(log^2 n) for proofs. */
PROVPKG_MUST_CHECK int provpkg_root_at(provpkg_node_source source, void *context, uint64_t size, uint8_t root[PROVPKG_HASH_SIZE]);

/*
 * A run of leaves [first, first + count) in its one shortest form: the roots of complete subtrees, from left to right each the
 * largest that begins there and ends within. Where the next one begins is @first, how many leaves are left is @count, at least 1:
 */
unsigned int provpkg_run_level(uint64_t first, uint64_t count);

#define PROVPKG_RUN_MAX 128 /* roots of the longest run */

/* -EINVAL for a run that has no leaf or no end. *roots: how many. */
PROVPKG_MUST_CHECK int provpkg_run(provpkg_node_source source, void *context, uint64_t first, uint64_t count,
				   uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE], size_t *roots);

#define PROVPKG_PROOF_MAX 64

/* Inclusion proof of leaf @index in the tree of the first @size leaves: *count hashes, from the leaf upwards. -EINVAL. */
PROVPKG_MUST_CHECK int provpkg_inclusion_proof(provpkg_node_source source, void *context, uint64_t index, uint64_t size,
					       uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], size_t *count);
/* 0 or PROOF_MISMATCH. */
PROVPKG_MUST_CHECK int provpkg_inclusion_verify(const uint8_t leaf_hash[PROVPKG_HASH_SIZE], uint64_t index, uint64_t size,
						const uint8_t (*proof)[PROVPKG_HASH_SIZE], size_t count,
						const uint8_t root[PROVPKG_HASH_SIZE]);

/*
 * Proof that the tree of @older leaves, at least one, is the beginning of that of @newer, in the order of RFC 9162 2.1.4; empty
 * when they are as large. -EINVAL for other sizes.
 */
PROVPKG_MUST_CHECK int provpkg_consistency_proof(provpkg_node_source source, void *context, uint64_t older, uint64_t newer,
						 uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], size_t *count);
/* 0 or CONSISTENCY_MISMATCH, also for sizes of which there is no proof. */
PROVPKG_MUST_CHECK int provpkg_consistency_verify(uint64_t older, const uint8_t older_root[PROVPKG_HASH_SIZE], uint64_t newer,
						  const uint8_t newer_root[PROVPKG_HASH_SIZE],
						  const uint8_t (*proof)[PROVPKG_HASH_SIZE], size_t count);

PROVPKG_END

#endif
