/*
 * Four replicas that have passed two checkpoints, with outcomes that are remembered, and means to
 * damage what one of them has stored: draft {#damage}.
 */
#ifndef TESTS_LIB_BED_H
#define TESTS_LIB_BED_H

#include "daemon/kv.h"
#include "tests/lib/cluster.h"

enum { BED_KEPT = 12, BED_OPEN = 2 };
/* The store's tables, as daemon/merge.c has them. */
enum {
	BED_INDEX,
	BED_LEAVES,
	BED_TREES,
	BED_BLOCKS,
	BED_META,
	BED_HISTORY,
	BED_CHUNKS,
	BED_TABLES
};

struct bed_kept { /* of a decided instance */
	struct dnsask_instance instance;
	char value[48];
	uint64_t sequence, time;
};

struct bed {
	struct cluster *c;
	struct bed_kept kept[BED_KEPT];
	struct dnsask_instance open[BED_OPEN]; /* undecided; a party has voted on the last */
	unsigned number;		       /* of the next instance */
};

/* cmocka's setup and teardown */
int bed_up(void **state);
int bed_down(void **state);

void bed_decide(struct bed *b, struct bed_kept *k, unsigned i); /* through replica i */
/* Replica i answers for all that is kept, as it was decided. */
void bed_assert_stand(struct bed *b, unsigned i);
/* Replica i knows what is undecided. */
void bed_assert_open(const struct bed *b, unsigned i);
/* It is decided by the votes that were missing, through replica i, and all that are up say so. */
void bed_end(struct bed *b, unsigned i);
/* Orders on to the next checkpoint through replica i, and until all have merged it. */
void bed_pass_checkpoint(struct bed *b, unsigned i);
/* Several at once: batches of more than one leaf. */
void bed_crowd(struct bed *b, unsigned i);

/* Flips a bit `behind` each place where the octets stand in a file of replica i; how many there
 * are. */
unsigned bed_flip(const struct bed *b, unsigned i, const char *file, const void *what, size_t len,
		  size_t behind);
unsigned bed_flip_values(const struct bed *b, unsigned i); /* in its store */
bool bed_has_file(const struct bed *b, unsigned i, const char *name);

/* The journal of replica i no longer reaches back to its beginning. */
void bed_trim(const struct bed *b, unsigned i);

/* The store of a replica that is stopped, to be written to with good sums. */
struct kv *bed_store(const struct bed *b, unsigned i);

#endif
