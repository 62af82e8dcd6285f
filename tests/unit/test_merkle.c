// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "provpkg.h"

#define LEAVES 130

static uint8_t leaves[LEAVES][PROVPKG_HASH_SIZE];

/* RFC 9162 2.1.1 word for word, as the oracle. */
static void recursive_root(size_t first, size_t size, uint8_t *root)
{
	uint8_t node[65] = { 1 };
	size_t left = 1;

	if (size == 1) {
		memcpy(root, leaves[first], PROVPKG_HASH_SIZE);
		return;
	}
	while (left * 2 < size)
		left *= 2;
	recursive_root(first, left, node + 1);
	recursive_root(first + left, size - left, node + 33);
	SHA256(node, sizeof(node), root);
}

static struct provpkg_nodes nodes;

static int make_leaves(void **state)
{
	struct provpkg_tree tree = { .size = 0 };

	(void)state;
	for (uint8_t i = 0; i < LEAVES; i++)
		if (provpkg_merkle_leaf((struct provpkg_view){ &i, 1 }, leaves[i]) ||
		    provpkg_tree_put(&tree, 0, leaves[i], provpkg_nodes_keep, &nodes))
			return -1;
	return 0;
}

static int free_nodes(void **state)
{
	(void)state;
	provpkg_nodes_free(&nodes);
	return 0;
}

static void empty_tree_is_the_hash_of_nothing(void **state)
{
	struct provpkg_tree tree = { .size = 0 };
	uint8_t root[PROVPKG_HASH_SIZE], expected[PROVPKG_HASH_SIZE];

	(void)state;
	SHA256(NULL, 0, expected);
	assert_int_equal(provpkg_tree_root(&tree, root), 0);
	assert_memory_equal(root, expected, sizeof(root));
}

static void leaf_is_hashed_behind_a_zero(void **state)
{
	uint8_t hash[PROVPKG_HASH_SIZE], expected[PROVPKG_HASH_SIZE];

	(void)state;
	SHA256((const uint8_t *)"\0abc", 4, expected);
	assert_int_equal(provpkg_merkle_leaf((struct provpkg_view){ (const uint8_t *)"abc", 3 }, hash), 0);
	assert_memory_equal(hash, expected, sizeof(hash));
}

static void every_size_gives_the_recursive_root(void **state)
{
	struct provpkg_tree tree = { .size = 0 };
	uint8_t root[PROVPKG_HASH_SIZE], expected[PROVPKG_HASH_SIZE];

	(void)state;
	for (size_t size = 1; size <= LEAVES; size++) {
		assert_int_equal(provpkg_tree_add(&tree, leaves[size - 1]), 0);
		assert_int_equal(provpkg_tree_root(&tree, root), 0);
		recursive_root(0, size, expected);
		assert_memory_equal(root, expected, sizeof(root));
	}
}

static void every_proof_verifies_and_no_altered_one(void **state)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], root[PROVPKG_HASH_SIZE];
	const int mismatch = PROVCARD_REFUSAL_PROOF_MISMATCH;
	size_t count;

	(void)state;
	for (size_t size = 1; size <= LEAVES; size++) {
		recursive_root(0, size, root);
		for (size_t index = 0; index < size; index++) {
			assert_int_equal(provpkg_inclusion_proof(provpkg_nodes_give, &nodes, index, size, proof, &count), 0);
			assert_int_equal(provpkg_inclusion_verify(leaves[index], index, size, proof, count, root), 0);
			assert_int_equal(provpkg_inclusion_verify(leaves[index], index ^ 1, size, proof, count, root), mismatch);
			if (!count)
				continue;
			assert_int_equal(provpkg_inclusion_verify(leaves[index], index, size, proof, count - 1, root), mismatch);
			proof[count - 1][7] ^= 1;
			assert_int_equal(provpkg_inclusion_verify(leaves[index], index, size, proof, count, root), mismatch);
		}
	}
}

static void proof_that_is_too_long_is_refused(void **state)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], root[PROVPKG_HASH_SIZE];
	size_t count;

	(void)state;
	recursive_root(0, 8, root);
	assert_int_equal(provpkg_inclusion_proof(provpkg_nodes_give, &nodes, 3, 8, proof, &count), 0);
	assert_int_equal(provpkg_inclusion_verify(leaves[3], 3, 8, proof, count + 1, root), PROVCARD_REFUSAL_PROOF_MISMATCH);
}

static void index_beyond_the_tree_is_refused(void **state)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	size_t count;

	(void)state;
	assert_int_equal(provpkg_inclusion_proof(provpkg_nodes_give, &nodes, 8, 8, proof, &count), -22);
	assert_int_equal(provpkg_inclusion_verify(leaves[0], 0, 0, proof, 0, leaves[0]), PROVCARD_REFUSAL_PROOF_MISMATCH);
	assert_int_equal(provpkg_inclusion_verify(leaves[0], 1, 1, proof, 0, leaves[0]), PROVCARD_REFUSAL_PROOF_MISMATCH);
}

static void nodes_are_numbered_as_they_are_completed(void **state)
{
	uint64_t place = 0;

	(void)state;
	for (uint64_t leaf = 0; leaf < LEAVES; leaf++)
		for (unsigned int level = 0; !((leaf + 1) & ((1ull << level) - 1)) && level < 8; level++)
			assert_int_equal(provpkg_node_place(level, leaf >> level), place++);
	assert_int_equal(place, nodes.count);
	assert_int_equal(place, 2 * LEAVES - __builtin_popcount(LEAVES));
}

static void root_of_every_beginning(void **state)
{
	uint8_t root[PROVPKG_HASH_SIZE], expected[PROVPKG_HASH_SIZE];
	struct provpkg_tree empty = { .size = 0 };

	(void)state;
	assert_int_equal(provpkg_tree_root(&empty, expected), 0);
	assert_int_equal(provpkg_root_at(provpkg_nodes_give, &nodes, 0, root), 0);
	assert_memory_equal(root, expected, sizeof(root));
	for (size_t size = 1; size <= LEAVES; size++) {
		recursive_root(0, size, expected);
		assert_int_equal(provpkg_root_at(provpkg_nodes_give, &nodes, size, root), 0);
		assert_memory_equal(root, expected, sizeof(root));
	}
	assert_int_equal(provpkg_root_at(provpkg_nodes_give, &nodes, LEAVES + 1, root), -22);
}

/* Any tree, put together of three runs. */
static void runs_make_the_tree(void **state)
{
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE], root[PROVPKG_HASH_SIZE], expected[PROVPKG_HASH_SIZE];
	const size_t size = 77;
	size_t roots;

	(void)state;
	recursive_root(0, size, expected);
	for (size_t first = 1; first < size - 1; first++) {
		for (size_t second = first + 1; second < size; second++) {
			const uint64_t at[] = { 0, first, second, size };
			struct provpkg_tree tree = { .size = 0 };

			for (size_t run = 0; run < 3; run++) {
				assert_int_equal(provpkg_run(provpkg_nodes_give, &nodes, at[run], at[run + 1] - at[run], hash, &roots), 0);
				for (size_t i = 0; i < roots; i++)
					assert_int_equal(provpkg_tree_put(&tree, provpkg_run_level(tree.size, at[run + 1] - tree.size),
									  hash[i], NULL, NULL),
							 0);
			}
			assert_int_equal(tree.size, size);
			assert_int_equal(provpkg_tree_root(&tree, root), 0);
			assert_memory_equal(root, expected, sizeof(root));
		}
	}
}

static void runs_that_are_none(void **state)
{
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	struct provpkg_tree tree = { .size = 0 };
	size_t roots;

	(void)state;
	assert_int_equal(provpkg_run(provpkg_nodes_give, &nodes, 0, 0, hash, &roots), -22);
	assert_int_equal(provpkg_run(provpkg_nodes_give, &nodes, 1, UINT64_MAX, hash, &roots), -22);
	assert_int_equal(provpkg_run(provpkg_nodes_give, &nodes, LEAVES, 1, hash, &roots), -22);
	assert_int_equal(provpkg_run(provpkg_nodes_give, &nodes, 0, LEAVES, hash, &roots), 0);
	assert_int_equal(roots, __builtin_popcount(LEAVES));
	assert_int_equal(provpkg_tree_put(&tree, 0, hash[0], NULL, NULL), 0);
	assert_int_equal(provpkg_tree_put(&tree, 1, hash[0], NULL, NULL), -22); /* not at a multiple of two */
	assert_int_equal(provpkg_tree_put(&tree, 64, hash[0], NULL, NULL), -22);
	assert_int_equal(tree.size, 1);
}

/* RFC 9162 2.1.4.1 word for word, as the oracle: SUBPROOF(m, D[n], b). */
static size_t recursive_subproof(size_t first, size_t older, size_t newer, bool whole, uint8_t (*proof)[PROVPKG_HASH_SIZE])
{
	size_t left = 1, count;

	if (older == newer) {
		if (whole)
			return 0;
		recursive_root(first, newer, proof[0]);
		return 1;
	}
	while (left * 2 < newer)
		left *= 2;
	if (older <= left) {
		count = recursive_subproof(first, older, left, whole, proof);
		recursive_root(first + left, newer - left, proof[count]);
	} else {
		count = recursive_subproof(first + left, older - left, newer - left, false, proof);
		recursive_root(first, left, proof[count]);
	}
	return count + 1;
}

static void check_consistency(size_t older, size_t newer)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], expected[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	uint8_t first[PROVPKG_HASH_SIZE], second[PROVPKG_HASH_SIZE];
	const int mismatch = PROVCARD_REFUSAL_CONSISTENCY_MISMATCH;
	size_t count;

	recursive_root(0, older, first);
	recursive_root(0, newer, second);
	assert_int_equal(provpkg_consistency_proof(provpkg_nodes_give, &nodes, older, newer, proof, &count), 0);
	assert_int_equal(count, recursive_subproof(0, older, newer, true, expected));
	assert_memory_equal(proof, expected, count * sizeof(*proof));
	assert_int_equal(provpkg_consistency_verify(older, first, newer, second, proof, count), 0);
	/* Too long, too short, and any hash changed; another root on either side. */
	memset(proof[count], 0, sizeof(*proof));
	assert_int_equal(provpkg_consistency_verify(older, first, newer, second, proof, count + 1), mismatch);
	if (count)
		assert_int_equal(provpkg_consistency_verify(older, first, newer, second, proof, count - 1), mismatch);
	for (size_t i = 0; i < count; i++) {
		proof[i][i % 32] ^= 1;
		assert_int_equal(provpkg_consistency_verify(older, first, newer, second, proof, count), mismatch);
		proof[i][i % 32] ^= 1;
	}
	first[0] ^= 1;
	assert_int_equal(provpkg_consistency_verify(older, first, newer, second, proof, count), mismatch);
	first[0] ^= 1;
	second[31] ^= 1;
	assert_int_equal(provpkg_consistency_verify(older, first, newer, second, proof, count), mismatch);
}

static void every_consistency_proof(void **state)
{
	(void)state;
	for (size_t newer = 1; newer <= LEAVES; newer++)
		for (size_t older = 1; older <= newer; older++)
			check_consistency(older, newer);
}

/* The example of RFC 9162 2.1.5, its tree built by hand: seven leaves, proofs from three, four and six. */
static void consistency_example_of_the_standard(void **state)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], node[65] = { 1 };
	uint8_t g[PROVPKG_HASH_SIZE], h[PROVPKG_HASH_SIZE], i[PROVPKG_HASH_SIZE], k[PROVPKG_HASH_SIZE], l[PROVPKG_HASH_SIZE];
	const struct {
		uint8_t *of[2];
		uint8_t *to;
	} made[] = { { { leaves[0], leaves[1] }, g }, { { leaves[2], leaves[3] }, h }, { { leaves[4], leaves[5] }, i },
		     { { g, h }, k }, { { i, leaves[6] }, l } };
	const struct {
		uint64_t older;
		size_t count;
		const uint8_t *hash[4];
	} expected[] = { { 3, 4, { leaves[2], leaves[3], g, l } }, { 4, 1, { l } }, { 6, 3, { i, leaves[6], k } } };
	size_t count;

	(void)state;
	for (size_t at = 0; at < sizeof(made) / sizeof(made[0]); at++) {
		memcpy(node + 1, made[at].of[0], PROVPKG_HASH_SIZE);
		memcpy(node + 33, made[at].of[1], PROVPKG_HASH_SIZE);
		SHA256(node, sizeof(node), made[at].to);
	}
	for (size_t at = 0; at < sizeof(expected) / sizeof(expected[0]); at++) {
		assert_int_equal(provpkg_consistency_proof(provpkg_nodes_give, &nodes, expected[at].older, 7, proof, &count), 0);
		assert_int_equal(count, expected[at].count);
		for (size_t hash = 0; hash < count; hash++)
			assert_memory_equal(proof[hash], expected[at].hash[hash], PROVPKG_HASH_SIZE);
	}
}

static void consistency_of_no_sizes(void **state)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE] = { { 0 } };
	const int mismatch = PROVCARD_REFUSAL_CONSISTENCY_MISMATCH;
	size_t count;

	(void)state;
	assert_int_equal(provpkg_consistency_proof(provpkg_nodes_give, &nodes, 0, 5, proof, &count), -22);
	assert_int_equal(provpkg_consistency_proof(provpkg_nodes_give, &nodes, 6, 5, proof, &count), -22);
	assert_int_equal(provpkg_consistency_verify(0, leaves[0], 5, leaves[0], proof, 1), mismatch);
	assert_int_equal(provpkg_consistency_verify(0, leaves[0], 0, leaves[0], proof, 0), mismatch);
	assert_int_equal(provpkg_consistency_verify(6, leaves[0], 5, leaves[0], proof, 1), mismatch);
	assert_int_equal(provpkg_consistency_verify(5, leaves[0], 6, leaves[0], proof, 0), mismatch);
	assert_int_equal(provpkg_consistency_verify(5, leaves[0], 5, leaves[1], proof, 0), mismatch);
	assert_int_equal(provpkg_consistency_verify(1, leaves[0], UINT64_MAX, leaves[0], proof, 64), mismatch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_tree_is_the_hash_of_nothing),
		cmocka_unit_test(leaf_is_hashed_behind_a_zero),
		cmocka_unit_test(every_size_gives_the_recursive_root),
		cmocka_unit_test(every_proof_verifies_and_no_altered_one),
		cmocka_unit_test(proof_that_is_too_long_is_refused),
		cmocka_unit_test(index_beyond_the_tree_is_refused),
		cmocka_unit_test(nodes_are_numbered_as_they_are_completed),
		cmocka_unit_test(root_of_every_beginning),
		cmocka_unit_test(runs_make_the_tree),
		cmocka_unit_test(runs_that_are_none),
		cmocka_unit_test(every_consistency_proof),
		cmocka_unit_test(consistency_example_of_the_standard),
		cmocka_unit_test(consistency_of_no_sizes),
	};

	return cmocka_run_group_tests(tests, make_leaves, free_nodes);
}
