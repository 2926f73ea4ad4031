/* Octets of the store's tables: daemon/merge_format.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/merge_format.h"
#include "libproto/crypto.h"
#include "libproto/merkle.h"

static const size_t sizes[] = {1, 2, 3, 5, 31, 32, 33, 47, 64, 65, 96, 97, 500, 1023, 1024};

static uint8_t nodes[2 * AP_BATCH_REQUESTS_MAX + 16][32];

static void tree(size_t n_leaves)
{
	for (size_t i = 0; i < n_leaves; i++) {
		memset(nodes[i], 0, 32);
		nodes[i][0] = (uint8_t)i;
		nodes[i][1] = (uint8_t)(i >> 8);
	}
	assert_non_null(ap_merkle_build(ap_sha256, nodes[0], n_leaves));
}

static bool path_of(size_t n_leaves, size_t index, ap_path *path)
{
	uint8_t octets[MERGE_TREE_MAX];
	size_t n = merge_tree_put(octets, nodes[0], n_leaves, (uint16_t)(index / 32));

	path->count = 0;
	if (n > 0 && !merge_tree_path(path, (struct kv_span){octets, n}, n_leaves, index,
				      (uint16_t)(index / 32)))
		return false;
	n = merge_tree_put(octets, nodes[0], n_leaves, MERGE_TREE_TOP);
	return n == 0 ||
	       merge_tree_path(path, (struct kv_span){octets, n}, n_leaves, index, MERGE_TREE_TOP);
}

static void every_leaf_finds_its_way_in_two_groups(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		tree(sizes[s]);
		for (size_t i = 0; i < sizes[s]; i++) {
			ap_path whole, parts = {0};

			assert_true(ap_merkle_path(&whole, nodes[0], sizes[s], i));
			assert_true(path_of(sizes[s], i, &parts));
			assert_int_equal(parts.count, whole.count);
			assert_memory_equal(parts.node, whole.node, 32 * whole.count);
		}
	}
}

static void a_tree_without_inner_nodes_stores_nothing(void **state)
{
	uint8_t octets[MERGE_TREE_MAX];

	(void)state;
	tree(1);
	assert_int_equal(merge_tree_put(octets, nodes[0], 1, 0), 0);
	tree(32);
	assert_int_equal(merge_tree_put(octets, nodes[0], 32, MERGE_TREE_TOP), 0);
	assert_int_equal(merge_tree_put(octets, nodes[0], 32, 1), 0);
	assert_int_equal(merge_tree_put(octets, nodes[0], 32, 0), MERGE_TREE_MAX);
}

static void a_group_of_another_length_is_refused(void **state)
{
	uint8_t octets[MERGE_TREE_MAX + 32] = {0};
	ap_path path = {0};
	size_t n;

	(void)state;
	tree(100);
	n = merge_tree_put(octets, nodes[0], 100, 3);
	assert_int_equal(n, 32 * (4 + 2 + 1 + 1 + 1));
	assert_false(merge_tree_path(&path, (struct kv_span){octets, n - 1}, 100, 98, 3));
	path.count = 0;
	assert_false(merge_tree_path(&path, (struct kv_span){octets, n + 32}, 100, 98, 3));
	path.count = 0;
	assert_false(merge_tree_path(&path, (struct kv_span){octets, n}, 100, 5, 3));
	path.count = 0;
	assert_true(merge_tree_path(&path, (struct kv_span){octets, n}, 100, 98, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_leaf_finds_its_way_in_two_groups),
		cmocka_unit_test(a_tree_without_inner_nodes_stores_nothing),
		cmocka_unit_test(a_group_of_another_length_is_refused),
	};

	return cmocka_run_group_tests_name("merge_format", tests, NULL, NULL);
}
