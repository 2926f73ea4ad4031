/*
 * Octets of the store's tables, written and read, nothing else. By key:
 *
 *   index    id (37)             where it lies in leaves: a place
 *   leaves   place (10)          u8 relay, u8 proven, outcome          (protocol.def's encodings)
 *   trees    place (10)          nodes of a batch's Merkle tree, 32 octets each, in groups; see
 * below blocks   u64 seq             the statement's fields, u8 signed, sig meta     "snapshot" u64
 * seq, the machine's octets after it "proof"             of that checkpoint, as RECORD_STABLE has
 * it "journal"           u64 number, u64 sum: a record that was durable in the journal
 *
 * A place is u64 seq, u16 leaf: of the block that proves the outcome; or, of an outcome whose leaf
 * is not known yet, its deciding batch and its first leaf there with the top bit set.
 *
 * A tree of up to 1024 leaves is cut into groups of 32 leaves and what stands above them, so that a
 * path is two short reads, and no value needs pages of its own. Group g holds, level by level from
 * the leaves (levels 0 to 4), the nodes over leaves 32 g to 32 g + 31; the group MERGE_TREE_TOP
 * holds levels 5 and up without the root. Nothing is stored of what would be empty.
 */
#ifndef DAEMON_MERGE_FORMAT_H
#define DAEMON_MERGE_FORMAT_H

#include "daemon/index_priv.h"

enum {
	MERGE_UNPROVEN = 0x8000,
	MERGE_PLACE = 8 + 2,
	MERGE_LEAF_MAX = 1 + 1 + AP_MAX_outcome,
	MERGE_BLOCK = 4 + 8 + 8 + 4 + 32 + 32 + 1 + 64,
	MERGE_TREE_LEVELS = 5,
	MERGE_TREE_TOP = 0xffff,
	/* outcomes, and changes, which are no longer than the requests that make them */
	MERGE_CHUNK_MAX = AP_BATCH_REQUESTS_MAX * (AP_ID_LEN + 1 + 2 + AP_MAX_outcome) +
			  AP_BATCH_OCTETS_MAX,
	MERGE_TREE_MAX = 32 * (32 + 16 + 8 + 4 + 2),
};

void merge_place(uint8_t out[MERGE_PLACE], uint64_t seq, uint16_t leaf);

size_t merge_leaf_put(uint8_t out[MERGE_LEAF_MAX], const struct merge_item *item);
bool merge_leaf_get(struct kv_span value, struct merged_outcome *out);

size_t merge_block_put(uint8_t out[MERGE_BLOCK], const struct merge_block *b);
bool merge_block_get(struct kv_span value, struct merged_block *out);

/* Octets of a group of the tree that ap_merkle_build() made over n_leaves; 0: it is empty. */
size_t merge_tree_put(uint8_t out[MERGE_TREE_MAX], const uint8_t *nodes, size_t n_leaves,
		      uint16_t group);
/* Adds a group's part of the way of leaf `index`: first that of its own group, then the top's.
 * false: the value is not what merge_tree_put() made of such a tree. */
bool merge_tree_path(ap_path *path, struct kv_span value, size_t n_leaves, size_t index,
		     uint16_t group);

/* Entries of a chunk, as machine.c puts them into the history's leaf: in the order of
 * merge_by_sequence(), which compares pointers to entries. */
int merge_by_sequence(const void *a, const void *b);
void merge_chunk_add(struct ap_writer *, const struct entry *);
/* One as it stands in a chunk; all of it borrows from there. */
struct merge_chunk_entry {
	uint8_t id[AP_ID_LEN], relay;
	ap_span16 octets; /* of the outcome */
	ap_outcome outcome;
};
/* The next outcome; false: there is none: changes of what is undecided, or the end, or r->bad. */
bool merge_chunk_next(struct ap_reader *r, struct merge_chunk_entry *out);

#endif
