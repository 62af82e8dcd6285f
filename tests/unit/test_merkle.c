// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "provpkg.h"

#define LEAVES 70

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

static int leaf_at(void *context, uint64_t index, uint8_t hash[PROVPKG_HASH_SIZE])
{
	(void)context;
	assert_true(index < LEAVES);
	memcpy(hash, leaves[index], PROVPKG_HASH_SIZE);
	return 0;
}

static int make_leaves(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < LEAVES; i++)
		if (provpkg_merkle_leaf((struct provpkg_view){ &i, 1 }, leaves[i]))
			return -1;
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
			assert_int_equal(provpkg_inclusion_proof(leaf_at, NULL, index, size, proof, &count), 0);
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
	assert_int_equal(provpkg_inclusion_proof(leaf_at, NULL, 3, 8, proof, &count), 0);
	assert_int_equal(provpkg_inclusion_verify(leaves[3], 3, 8, proof, count + 1, root), PROVCARD_REFUSAL_PROOF_MISMATCH);
}

static void index_beyond_the_tree_is_refused(void **state)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	size_t count;

	(void)state;
	assert_int_equal(provpkg_inclusion_proof(leaf_at, NULL, 8, 8, proof, &count), -22);
	assert_int_equal(provpkg_inclusion_verify(leaves[0], 0, 0, proof, 0, leaves[0]), PROVCARD_REFUSAL_PROOF_MISMATCH);
	assert_int_equal(provpkg_inclusion_verify(leaves[0], 1, 1, proof, 0, leaves[0]), PROVCARD_REFUSAL_PROOF_MISMATCH);
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
	};

	return cmocka_run_group_tests(tests, make_leaves, NULL);
}
