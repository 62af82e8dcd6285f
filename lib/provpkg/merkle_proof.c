// SPDX-License-Identifier: LGPL-2.1-or-later
/* Proofs on Merkle trees, RFC 9162 sections 2.1.3 and 2.1.4, made of what the tree completed while it grew. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "merkle.h"
#include "provcard-refusal.h"

/* ---- What a tree completed ---- */

int provpkg_nodes_keep(void *context, uint64_t place, const uint8_t hash[PROVPKG_HASH_SIZE])
{
	struct provpkg_nodes *nodes = context;

	if (place >= nodes->room) {
		uint64_t room = 2 * place + 64;
		uint8_t(*bigger)[PROVPKG_HASH_SIZE] = reallocarray(nodes->hash, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		nodes->hash = bigger;
		nodes->room = room;
	}
	memcpy(nodes->hash[place], hash, PROVPKG_HASH_SIZE);
	nodes->count = place + 1;
	return 0;
}

int provpkg_nodes_give(void *context, uint64_t place, uint8_t hash[PROVPKG_HASH_SIZE])
{
	const struct provpkg_nodes *nodes = context;

	if (place >= nodes->count)
		return -EINVAL;
	memcpy(hash, nodes->hash[place], PROVPKG_HASH_SIZE);
	return 0;
}

void provpkg_nodes_free(struct provpkg_nodes *nodes)
{
	free(nodes->hash);
	*nodes = (struct provpkg_nodes){ 0 };
}

unsigned int provpkg_run_level(uint64_t first, uint64_t count)
{
	unsigned int within = 63 - (unsigned int)__builtin_clzll(count);
	unsigned int aligned = first ? (unsigned int)__builtin_ctzll(first) : 63;

	return within < aligned ? within : aligned;
}

int provpkg_run(provpkg_node_source source, void *context, uint64_t first, uint64_t count,
		uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE], size_t *roots)
{
	size_t filled = 0;

	if (!count || count > INT64_MAX || first > INT64_MAX - count)
		return -EINVAL;
	while (count) {
		unsigned int level = provpkg_run_level(first, count);
		int result = source(context, provpkg_node_place(level, first >> level), hash[filled++]);

		if (result)
			return result;
		first += 1ull << level;
		count -= 1ull << level;
	}
	*roots = filled;
	return 0;
}

/* Root over leaves [first, first + size), which is the right edge of a tree or a complete subtree. */
static int range_root(provpkg_node_source source, void *context, uint64_t first, uint64_t size, uint8_t root[PROVPKG_HASH_SIZE])
{
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	size_t count;
	int result = provpkg_run(source, context, first, size, hash, &count);

	if (result)
		return result;
	while (--count)
		if (merkle_node(hash[count - 1], hash[count], hash[count - 1]))
			return -EIO;
	memcpy(root, hash[0], PROVPKG_HASH_SIZE);
	return 0;
}

int provpkg_root_at(provpkg_node_source source, void *context, uint64_t size, uint8_t root[PROVPKG_HASH_SIZE])
{
	static const struct provpkg_tree empty;

	return size ? range_root(source, context, 0, size, root) : provpkg_tree_root(&empty, root);
}

/* ---- Proofs ---- */

/* Largest power of two below @size, which is at least 2. */
static uint64_t split(uint64_t size)
{
	return 1ull << (63 - __builtin_clzll(size - 1));
}

/* A proof as it is found, from the root downwards. */
struct path {
	provpkg_node_source source;
	void *context;
	uint8_t hash[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	size_t count;
};

static int path_add(struct path *path, uint64_t first, uint64_t size)
{
	return range_root(path->source, path->context, first, size, path->hash[path->count++]);
}

/* It is wanted from the leaves upwards. */
static void path_give(const struct path *path, uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], size_t *count)
{
	for (size_t i = 0; i < path->count; i++)
		memcpy(proof[i], path->hash[path->count - 1 - i], PROVPKG_HASH_SIZE);
	*count = path->count;
}

/* RFC 9162 2.1.3.1. */
int provpkg_inclusion_proof(provpkg_node_source source, void *context, uint64_t index, uint64_t size,
			    uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], size_t *count)
{
	struct path path = { .source = source, .context = context };
	uint64_t first = 0;

	if (index >= size || size > INT64_MAX)
		return -EINVAL;
	while (size > 1) {
		uint64_t left = split(size);
		bool goes_left = index - first < left;
		int result = goes_left ? path_add(&path, first + left, size - left) : path_add(&path, first, left);

		if (result)
			return result;
		first += goes_left ? 0 : left;
		size = goes_left ? left : size - left;
	}
	path_give(&path, proof, count);
	return 0;
}

/*
 * RFC 9162 2.1.4.1: down to where the older tree ends. Only when the way there turned right is the older tree's last subtree not
 * its whole, and so part of the proof.
 */
int provpkg_consistency_proof(provpkg_node_source source, void *context, uint64_t older, uint64_t newer,
			      uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], size_t *count)
{
	struct path path = { .source = source, .context = context };
	uint64_t first = 0, rest = older, size = newer;
	int result = 0;

	if (!older || older > newer || newer > INT64_MAX)
		return -EINVAL;
	while (!result && rest < size) {
		uint64_t left = split(size);

		if (rest <= left) {
			result = path_add(&path, first + left, size - left);
			size = left;
		} else {
			result = path_add(&path, first, left);
			first += left;
			rest -= left;
			size -= left;
		}
	}
	if (!result && first)
		result = path_add(&path, first, size);
	if (!result)
		path_give(&path, proof, count);
	return result;
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

/* One hash of a consistency proof taken into both roots; RFC 9162 2.1.4.2, step 6. */
static int climb(const uint8_t *hash, uint64_t *node, uint64_t *last, uint8_t *older, uint8_t *newer)
{
	if (*node & 1 || *node == *last) {
		if (merkle_node(hash, older, older) || merkle_node(hash, newer, newer))
			return -EIO;
		while (!(*node & 1) && *node) {
			*node >>= 1;
			*last >>= 1;
		}
	} else if (merkle_node(newer, hash, newer)) {
		return -EIO;
	}
	*node >>= 1;
	*last >>= 1;
	return 0;
}

static bool same(const uint8_t *one, const uint8_t *other)
{
	return !memcmp(one, other, PROVPKG_HASH_SIZE);
}

/* RFC 9162 2.1.4.2. */
int provpkg_consistency_verify(uint64_t older, const uint8_t older_root[PROVPKG_HASH_SIZE], uint64_t newer,
			       const uint8_t newer_root[PROVPKG_HASH_SIZE], const uint8_t (*proof)[PROVPKG_HASH_SIZE], size_t count)
{
	uint64_t node = older - 1, last = newer - 1;
	uint8_t from_older[PROVPKG_HASH_SIZE], from_newer[PROVPKG_HASH_SIZE];
	/* The older tree is a complete subtree of the newer: its root is not sent. */
	bool known = !(older & (older - 1));
	size_t at = known ? 0 : 1;

	if (older == newer && older && !count)
		return same(older_root, newer_root) ? 0 : PROVCARD_REFUSAL_CONSISTENCY_MISMATCH;
	if (!older || older >= newer || !count)
		return PROVCARD_REFUSAL_CONSISTENCY_MISMATCH;
	while (node & 1) {
		node >>= 1;
		last >>= 1;
	}
	memcpy(from_older, known ? older_root : proof[0], PROVPKG_HASH_SIZE);
	memcpy(from_newer, from_older, PROVPKG_HASH_SIZE);
	for (; at < count; at++) {
		if (!last)
			return PROVCARD_REFUSAL_CONSISTENCY_MISMATCH;
		if (climb(proof[at], &node, &last, from_older, from_newer))
			return -EIO;
	}
	return !last && same(from_older, older_root) && same(from_newer, newer_root) ? 0 : PROVCARD_REFUSAL_CONSISTENCY_MISMATCH;
}
