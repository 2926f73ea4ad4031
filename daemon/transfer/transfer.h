/*
 * State transfer: draft {#transfer}. What to ask whom, and when; whether what comes is right.
 *
 * Pure, like daemon/pbft: no clock, I/O, allocation or randomness; hashing comes in as a function.
 * The shell (daemon/fetch_state.c) tells what has happened, and then takes one order after the
 * other by transfer_next() until there is none. Octets of states and chunks stay with the shell;
 * here are hashes.
 *
 *  1. A certified state above `above` of one member after the other (the shell proves it); from its
 *     frontier all else is judged.
 *  2. Sections of the history, from the last one downwards: the hashes of their leaves, judged by
 *     the frontier. A few are open at a time.
 *  3. Of an open section the shell says which chunks it has; the others are asked for, of several
 *     members at once, each for at most TRANSFER_ASKED_MAX things at a time.
 *  4. A chunk so old that all of it is forgotten ends the way downwards. When no section is open
 *     any more the state may be installed.
 * Who lies is not asked again; who is late, or does not have it, rests. Where all of that leads
 * nowhere, it begins again at 1 with a newer state.
 */
#ifndef DAEMON_TRANSFER_TRANSFER_H
#define DAEMON_TRANSFER_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libproto/limits.h"
#include "libproto/merkle.h"

enum {
	TRANSFER_OPEN = 8,	/* sections under way */
	TRANSFER_ASKED_MAX = 2, /* questions to one member that are not answered yet */
	TRANSFER_RUN_MAX = 32,	/* leaves in one question for chunks */
	TRANSFER_BARREN = 3,	/* times that all members are asked in vain: begin again */
	TRANSFER_SLOWER = 5,	/* late_ms doubles so often, where nobody answers in time */
	TRANSFER_REST = 4,	/* late_ms for which a member that was of no use is left alone */
	TRANSFER_PATH_MAX = AP_FRONTIER_MAX,
};

struct transfer_conf {
	uint8_t n, self;
	uint8_t bits;	     /* a section has 2^bits leaves, at most AP_SECTION_LEAVES */
	uint32_t late_ms;    /* no answer for so long: somebody else is asked; at first */
	uint64_t horizon_ms; /* no deadline is farther from its batch's time */
	ap_sha256_fn *sha256;
};

enum transfer_kind {
	TRANSFER_NOTHING,
	TRANSFER_ASK_STATE,   /* to; first: above which sequence */
	TRANSFER_ASK_SECTION, /* to; first: leaves of the tree; last: the section */
	TRANSFER_ASK_CHUNKS,  /* to; first, last: sequences */
	TRANSFER_LOOK,	      /* first, last: which of these chunks are stored here? answer by
				 transfer_found() for each, then transfer_looked() */
	TRANSFER_INSTALL,     /* all is there: make it the state, then transfer_end() */
};

struct transfer_order {
	enum transfer_kind kind;
	uint8_t to;
	uint64_t first, last;
};

enum transfer_phase { TRANSFER_IDLE, TRANSFER_STATE, TRANSFER_HISTORY, TRANSFER_INSTALLING };

enum transfer_verdict {			 /* of a section or a chunk */
			TRANSFER_TAKE,	 /* right, and wanted: store it */
			TRANSFER_REPEAT, /* not wanted (any more) */
			TRANSFER_WRONG,	 /* its sender lies, and is not asked again */
};

struct transfer_asked { /* a question under way */
	uint8_t to;	/* 0: free */
	enum transfer_kind kind;
	uint64_t first, last, at_ms;
};

struct transfer_section {
	uint64_t index;
	uint8_t step; /* free, its hashes to be asked for, asked, to be looked for, fetching */
	uint16_t n;   /* leaves */
	uint8_t have[AP_SECTION_LEAVES]; /* missing, asked for, here */
	uint8_t leaf[AP_SECTION_LEAVES][32];
};

struct transfer {
	struct transfer_conf conf;
	enum transfer_phase phase;
	uint64_t above, pause_ms;
	/* the target */
	uint64_t size, floor_ms;
	struct ap_frontier frontier;
	uint64_t left;	 /* sections below this one are not opened yet */
	uint64_t bottom; /* chunks up to here are not needed */
	struct transfer_section open[TRANSFER_OPEN];
	/* members */
	uint16_t up, lied;
	uint64_t rest_ms[AP_REPLICAS_MAX];
	uint8_t turn;
	struct transfer_asked asked[TRANSFER_ASKED_MAX * AP_REPLICAS_MAX];
	uint32_t barren; /* questions in vain since something useful came */
	uint32_t late_ms;
	bool full;    /* the shell has as much to store as it may: nothing is asked for */
	bool no_room; /* nor is anything installed: the disk is nearly full */
	/* of this run of the process */
	uint64_t chunks, begun; /* taken; times that it began (again) */
};

void transfer_init(struct transfer *, const struct transfer_conf *);
/* Wants a state above this sequence. Under way already: no effect. */
void transfer_begin(struct transfer *, uint64_t above, uint64_t now_ms);
void transfer_end(struct transfer *); /* installed, or not needed any more */

void transfer_link(struct transfer *, uint8_t id, bool up);
/* The next thing to do now; TRANSFER_NOTHING: wait. */
void transfer_next(struct transfer *, uint64_t now_ms, struct transfer_order *);
uint64_t transfer_wake(const struct transfer *, uint64_t now_ms); /* UINT64_MAX: never */

/* A STATE whose signatures, digest and snapshot are good; size 0: the member has none. true: it is
 * the target now, and the shell keeps its octets. */
bool transfer_state(struct transfer *, uint8_t from, uint64_t size, uint64_t floor_ms,
		    const struct ap_frontier *, uint64_t now_ms);
/* leaves: n_leaves * 32 octets. Only what is taken has been looked at, and is proven. */
enum transfer_verdict transfer_section(struct transfer *, uint8_t from, uint64_t size,
				       uint64_t section, const uint8_t *leaves, size_t n_leaves,
				       const uint8_t *path, size_t n_path, uint64_t now_ms);
/* One chunk of an answer to (first, last), by its leaf hash and its T. */
enum transfer_verdict transfer_chunk(struct transfer *, uint8_t from, uint64_t seq,
				     const uint8_t leaf[32], uint64_t time_ms);
/* The answer has ended, with so many chunks. */
void transfer_chunks_end(struct transfer *, uint8_t from, uint64_t first, uint64_t last,
			 size_t count, uint64_t now_ms);
/* Is this member still asked for these? */
bool transfer_is_asked(const struct transfer *, uint8_t from, uint64_t first, uint64_t last);
/* What this member sent proves that it lies. */
void transfer_liar(struct transfer *, uint8_t id);

/* Stored here, with this T; its leaf hash is transfer_leaf()'s. */
void transfer_found(struct transfer *, uint64_t seq, uint64_t time_ms);
void transfer_looked(struct transfer *, uint64_t first);
/* Hash of a leaf of an open section; NULL: none is known. */
const uint8_t *transfer_leaf(const struct transfer *, uint64_t seq);

/* ---- the tree: tree.c ---- */

/* Leaves of a section in a tree of `size`; 0: there is no such section. */
uint16_t transfer_section_leaves(uint8_t bits, uint64_t size, uint64_t section);
/* Steps from a whole section to its peak, in a tree of `size` leaves. */
unsigned transfer_section_height(uint8_t bits, uint64_t size, uint64_t section);
/* Do leaves and path lead to the frontier? */
bool transfer_section_check(ap_sha256_fn *, uint8_t bits, const struct ap_frontier *,
			    uint64_t section, const uint8_t *leaves, size_t n_leaves,
			    const uint8_t *path, size_t n_path);
/* Root of a whole section's leaves. */
void transfer_section_root(ap_sha256_fn *, uint8_t bits, const uint8_t *leaves, uint8_t root[32]);
/* Hash of a leaf: seq, T, and the outcomes of the chunk. draft {#state} */
void transfer_leaf_hash(ap_sha256_fn *, uint64_t seq, uint64_t time_ms, ap_bytes outcomes,
			uint8_t leaf[32]);

#endif
