#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/merkle.h"

static uint8_t nodes[AP_TREE_NODES_MAX * 32];
static uint8_t leaves[AP_BATCH_REQUESTS_MAX * 32];

static void leaf_of(uint8_t out[32], size_t i)
{
	const uint8_t data[2] = {(uint8_t)(i >> 8), (uint8_t)i};
	const ap_bytes part = {data, sizeof(data)};

	assert_true(ap_merkle_leaf(ap_sha256, out, &part, 1));
}

static int make_leaves(void **state)
{
	(void)state;
	for (size_t i = 0; i < AP_BATCH_REQUESTS_MAX; i++)
		leaf_of(leaves + i * 32, i);
	return 0;
}

static const uint8_t *build(size_t n)
{
	memcpy(nodes, leaves, n * 32);
	return ap_merkle_build(ap_sha256, nodes, n);
}

/* RFC 9162 section 2.1.1, word for word: k is the largest power of two below n. */
static void definition(uint8_t root[32], const uint8_t *first, size_t n)
{
	uint8_t left[32], right[32];
	size_t k = 1;

	if (n == 1) {
		memcpy(root, first, 32);
		return;
	}
	while (k * 2 < n)
		k *= 2;
	definition(left, first, k);
	definition(right, first + k * 32, n - k);
	ap_merkle_node(ap_sha256, root, left, right);
}

static void octets_of(uint8_t *out, const char *hex, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

/* The vectors of the Certificate Transparency reference implementation. */
static void known_trees_have_their_roots(void **state)
{
	static const char *const data[] = {"",
					   "00",
					   "10",
					   "2021",
					   "3031",
					   "40414243",
					   "5051525354555657",
					   "606162636465666768696a6b6c6d6e6f"};
	static const char *const roots[] = {
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
	uint8_t digests[8 * 32], octets[16], root[32], grown[32];
	struct ap_frontier f = {0};

	(void)state;
	for (size_t n = 1; n <= 8; n++) {
		size_t len = strlen(data[n - 1]) / 2;
		/* in two parts, which changes nothing */
		const ap_bytes parts[] = {{octets, len / 2}, {octets + len / 2, len - len / 2}};

		octets_of(octets, data[n - 1], len);
		assert_true(ap_merkle_leaf(ap_sha256, digests + (n - 1) * 32, parts, 2));
		octets_of(root, roots[n - 1], 32);
		memcpy(nodes, digests, n * 32);
		assert_memory_equal(ap_merkle_build(ap_sha256, nodes, n), root, 32);
		assert_true(ap_frontier_append(ap_sha256, &f, digests + (n - 1) * 32));
		ap_frontier_root(ap_sha256, &f, grown);
		assert_memory_equal(grown, root, 32);
	}
}

static void every_size_is_the_tree_of_the_definition(void **state)
{
	uint8_t root[32];

	(void)state;
	for (size_t n = 1; n <= AP_BATCH_REQUESTS_MAX; n += n < 140 ? 1 : 97) {
		const uint8_t *built = build(n);

		definition(root, leaves, n);
		assert_memory_equal(built, root, 32);
		assert_ptr_equal(built, nodes + (ap_merkle_nodes(n) - 1) * 32);
	}
	definition(root, leaves, AP_BATCH_REQUESTS_MAX);
	assert_memory_equal(build(AP_BATCH_REQUESTS_MAX), root, 32);
	assert_int_equal(ap_merkle_nodes(AP_BATCH_REQUESTS_MAX), AP_TREE_NODES_MAX);
}

static void sizes_that_there_are_not_have_no_tree(void **state)
{
	ap_path path;

	(void)state;
	assert_null(ap_merkle_build(ap_sha256, nodes, 0));
	assert_null(ap_merkle_build(ap_sha256, nodes, AP_BATCH_REQUESTS_MAX + 1));
	assert_int_equal(ap_merkle_nodes(0), 0);
	build(5);
	assert_false(ap_merkle_path(&path, nodes, 5, 5));
	assert_false(ap_merkle_path(&path, nodes, 0, 0));
}

static void every_path_leads_to_the_root(void **state)
{
	uint8_t root[32];
	ap_path path;

	(void)state;
	for (size_t n = 1; n <= AP_BATCH_REQUESTS_MAX; n = n < 40 ? n + 1 : n * 2 - 17) {
		const uint8_t *built = build(n);

		for (size_t i = 0; i < n; i++) {
			assert_true(ap_merkle_path(&path, nodes, n, i));
			assert_true(ap_merkle_root(ap_sha256, root, leaves + i * 32, i, n, &path));
			assert_memory_equal(root, built, 32);
		}
	}
	build(AP_BATCH_REQUESTS_MAX);
	assert_true(ap_merkle_path(&path, nodes, AP_BATCH_REQUESTS_MAX, 1023));
	assert_int_equal(path.count, AP_PATH_MAX);
}

/* Another index, count, leaf or length either has no root or another one. */
static void path_proves_nothing_else(void **state)
{
	enum { N = 11, I = 6 };
	const uint8_t *built;
	uint8_t root[32];
	ap_path path, other;

	(void)state;
	built = build(N);
	assert_true(ap_merkle_path(&path, nodes, N, I));
	for (uint64_t count = 0; count < 40; count++)
		for (uint64_t index = 0; index < 40; index++) {
			bool is = ap_merkle_root(ap_sha256, root, leaves + I * 32, index, count,
						 &path);

			if (index >= count)
				assert_false(is);
			/* a path says nothing of levels above lone nodes; index and root do */
			if (is && index != I)
				assert_memory_not_equal(root, built, 32);
		}
	assert_true(ap_merkle_root(ap_sha256, root, leaves + 7 * 32, I, N, &path));
	assert_memory_not_equal(root, built, 32);

	other = path;
	other.count--;
	assert_false(ap_merkle_root(ap_sha256, root, leaves + I * 32, I, N, &other));
	other = path;
	other.count++;
	assert_false(ap_merkle_root(ap_sha256, root, leaves + I * 32, I, N, &other));
	other.count = AP_PATH_MAX + 1;
	assert_false(ap_merkle_root(ap_sha256, root, leaves + I * 32, I, UINT64_MAX, &other));
	other = path;
	other.node[2].octets[0] ^= 1;
	assert_true(ap_merkle_root(ap_sha256, root, leaves + I * 32, I, N, &other));
	assert_memory_not_equal(root, built, 32);
}

static void leaf_is_no_node(void **state)
{
	const ap_bytes two[] = {{leaves, 32}, {leaves + 32, 32}};
	uint8_t node[32], leaf[32];
	ap_bytes many[AP_HASH_PARTS_MAX + 1];

	(void)state;
	ap_merkle_node(ap_sha256, node, leaves, leaves + 32);
	assert_true(ap_merkle_leaf(ap_sha256, leaf, two, 2));
	assert_memory_not_equal(node, leaf, 32);
	for (size_t i = 0; i <= AP_HASH_PARTS_MAX; i++)
		many[i] = two[0];
	assert_true(ap_merkle_leaf(ap_sha256, leaf, many, AP_HASH_PARTS_MAX));
	assert_false(ap_merkle_leaf(ap_sha256, leaf, many, AP_HASH_PARTS_MAX + 1));
}

static void growing_tree_has_the_root_of_the_whole_one(void **state)
{
	static const uint8_t of_nothing[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
					       0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
					       0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
					       0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
	struct ap_frontier f = {0};
	uint8_t root[32];

	(void)state;
	ap_frontier_root(ap_sha256, &f, root);
	assert_memory_equal(root, of_nothing, 32);
	for (size_t n = 1; n <= 300; n++) {
		assert_true(ap_frontier_append(ap_sha256, &f, leaves + (n - 1) * 32));
		assert_int_equal(f.count, n);
		ap_frontier_root(ap_sha256, &f, root);
		assert_memory_equal(root, build(n), 32);
	}
}

static void growing_tree_ends_at_its_maximum(void **state)
{
	struct ap_frontier f = {.count = UINT64_MAX}, before = f;

	(void)state;
	assert_false(ap_frontier_append(ap_sha256, &f, leaves));
	assert_memory_equal(&f, &before, sizeof(f));
}

static void growing_tree_can_be_stored(void **state)
{
	struct ap_frontier f = {0}, again;
	uint8_t octets[AP_MAX_frontier];
	struct ap_writer w;
	struct ap_reader r;
	size_t len;

	(void)state;
	for (size_t n = 0; n < 70; n++) {
		ap_writer_init(&w, octets, sizeof(octets));
		ap_frontier_put(&w, &f);
		len = ap_writer_len(&w);
		ap_reader_init(&r, octets, len);
		memset(&again, 0xee, sizeof(again));
		ap_frontier_get(&r, &again);
		assert_true(ap_reader_done(&r));
		assert_memory_equal(&again, &f, sizeof(f));
		ap_reader_init(&r, octets, len - 1);
		r.field = "frontier";
		ap_frontier_get(&r, &again);
		assert_string_equal(ap_reader_error(&r), "frontier");
		assert_int_equal(again.count, 0);
		ap_frontier_append(ap_sha256, &f, leaves + n * 32);
	}
	f.count = UINT64_MAX;
	ap_writer_init(&w, octets, sizeof(octets));
	ap_frontier_put(&w, &f);
	assert_int_equal(ap_writer_len(&w), AP_MAX_frontier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_trees_have_their_roots),
		cmocka_unit_test(every_size_is_the_tree_of_the_definition),
		cmocka_unit_test(sizes_that_there_are_not_have_no_tree),
		cmocka_unit_test(every_path_leads_to_the_root),
		cmocka_unit_test(path_proves_nothing_else),
		cmocka_unit_test(leaf_is_no_node),
		cmocka_unit_test(growing_tree_has_the_root_of_the_whole_one),
		cmocka_unit_test(growing_tree_ends_at_its_maximum),
		cmocka_unit_test(growing_tree_can_be_stored),
	};

	return cmocka_run_group_tests_name("merkle", tests, make_leaves, NULL);
}
