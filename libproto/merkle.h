/*
 * Merkle trees as in RFC 9162 section 2.1: leaf 0x00 before the data, node 0x01 before two digests,
 * an odd node at the end of a level stands for itself on the next one. draft {#proof}.
 * Pure: the caller brings the memory and the hash function.
 */
#ifndef AP_MERKLE_H
#define AP_MERKLE_H

#include "libproto/kinds.h"

/* Digest of a leaf given in at most AP_HASH_PARTS_MAX parts; false if there are more. */
bool ap_merkle_leaf(ap_sha256_fn *sha256, uint8_t leaf[32], const ap_bytes *parts, size_t n_parts);
void ap_merkle_node(ap_sha256_fn *sha256, uint8_t node[32], const uint8_t left[32],
		    const uint8_t right[32]);

/* Nodes of a tree of so many leaves, all levels: n + n/2 rounded up + ... + 1; 0 for none. */
size_t ap_merkle_nodes(size_t n_leaves);

/*
 * Builds a whole tree in `nodes`: 32 octets each, one behind the other. The first n_leaves hold the
 * digests of the leaves, the rest of the ap_merkle_nodes(n_leaves) is filled, level behind level;
 * the last one is the root. n_leaves 1 to AP_BATCH_REQUESTS_MAX. Gives the root, NULL for other
 * numbers.
 */
const uint8_t *ap_merkle_build(ap_sha256_fn *sha256, uint8_t *nodes, size_t n_leaves);

/* Way of leaf `index` in a tree that ap_merkle_build() made; false if there is no such leaf. */
bool ap_merkle_path(ap_path *path, const uint8_t *nodes, size_t n_leaves, size_t index);

/*
 * Root of a tree of `count` leaves in which `leaf` is number `index` and `path` its way up (RFC
 * 9162 section 2.1.3.2). False if index is not below count, or the path has not exactly the length
 * that these two demand: then no tree of that many leaves has it.
 */
bool ap_merkle_root(ap_sha256_fn *sha256, uint8_t root[32], const uint8_t leaf[32], uint64_t index,
		    uint64_t count, const ap_path *path);

/*
 * A tree that only grows, kept as the roots of its full subtrees: peak[b] is there where bit b of
 * count is set, and is zero elsewhere. All zero is the empty one.
 */
struct ap_frontier {
	uint64_t count;
	ap_digest peak[AP_FRONTIER_MAX];
};

/* False, and nothing appended, at 2^64 - 1 leaves. */
bool ap_frontier_append(ap_sha256_fn *sha256, struct ap_frontier *f, const uint8_t leaf[32]);
/* The root of the tree of all appended leaves; of none the SHA-256 of nothing. */
void ap_frontier_root(ap_sha256_fn *sha256, const struct ap_frontier *f, uint8_t root[32]);
/* u64 count, then the peaks that are there, the smallest first. */
enum { AP_MAX_frontier = 8 + 32 * AP_FRONTIER_MAX };
void ap_frontier_put(struct ap_writer *w, const struct ap_frontier *f);
void ap_frontier_get(struct ap_reader *r, struct ap_frontier *f);

#endif
