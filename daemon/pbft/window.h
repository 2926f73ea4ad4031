/*
 * The slots: what is known of each sequence number around the watermarks (draft {#watermarks}). A
 * ring over two windows: one above and, while a replica catches up without a stable checkpoint, one
 * below the last executed; so votes and PRE-PREPAREs of up to one window ahead of the own high
 * watermark find their place too.
 *
 * base moves up only. Slots at or below it are gone for everybody, but give up their bodies one by
 * one (pbft_window_sweep), since an update holds a bounded number of effects.
 */
#ifndef DAEMON_PBFT_WINDOW_H
#define DAEMON_PBFT_WINDOW_H

#include "daemon/pbft/pbft.h"

struct pbft_prepare_vote {
	bool is_there;
	uint64_t view, incarnation;
	uint8_t batch[32], sig[64];
};

struct pbft_commit_vote {
	bool is_there;
	uint64_t view;
	uint8_t batch[32];
};

struct pbft_slot {
	uint64_t seq; /* 0: free */

	/* The batch that stands here. */
	bool has_batch;
	bool committed;		/* proven: what is executed here */
	bool body_durable;	/* in the own journal */
	uint64_t fetched_token; /* of the PBFT_WRITE_FETCHED under way; 0: none */
	struct pbft_batch batch;

	/* Its PRE-PREPARE, if it is here; the signature is cert.pre_prepare_sig. */
	bool proposed;
	uint64_t view, incarnation;

	/* The own vote: PRE-PREPARE of a primary, PREPARE of a backup; at most one in a view. */
	bool voted;
	uint64_t vote_view;
	uint8_t vote[32];
	uint64_t proposal_token, prepared_token; /* writes under way; 0: none */
	bool waiting;				 /* is in the list of those with writes under way */
	bool vote_durable;			 /* it may leave, and counts */
	bool prepared,
		prepared_durable; /* for vote_view and vote: the certificate is whole, on disk */
	bool reproposed; /* by a NEW-VIEW: its time is not judged */
	struct pbft_certificate cert;

	/* The prepared certificate of the highest view, until a higher one replaces it: what a
	 * VIEW-CHANGE says. Its batch, where another one stands here now. */
	struct pbft_prepared best;
	bool has_kept;
	struct pbft_batch kept;

	/* Votes by identifier - 1, the own ones from when they are durable. */
	struct pbft_prepare_vote prepares[AP_REPLICAS_MAX];
	struct pbft_commit_vote commits[AP_REPLICAS_MAX];
};

struct pbft_window {
	struct pbft_slot *slots;
	uint32_t n_slots; /* two windows */
	uint64_t base;	  /* nothing is known of sequences up to this one */
	uint64_t swept;	  /* up to here the ring is free for new ones */
	uint64_t top;	  /* highest sequence that ever had a batch */
};

enum pbft_put { PBFT_PUT_NEW, PBFT_PUT_REPEAT, PBFT_PUT_CONFLICT };

void pbft_window_init(struct pbft_window *, struct pbft_slot *slots, uint32_t n_slots);
bool pbft_window_covers(const struct pbft_window *, uint64_t seq);
/* NULL: outside, or nothing known. */
struct pbft_slot *pbft_window_find(const struct pbft_window *, uint64_t seq);
/* seq must be covered. */
struct pbft_slot *pbft_window_take(struct pbft_window *, uint64_t seq);
/* Raises base; a lower one changes nothing. */
void pbft_window_rise(struct pbft_window *, uint64_t base);
/* The next slot whose body has to be given up, then pbft_slot_clear(); NULL: none is left. */
struct pbft_slot *pbft_window_sweep(struct pbft_window *);

void pbft_slot_clear(struct pbft_slot *);
/* Does the own vote stand for the batch that is here, in this view? */
bool pbft_slot_votes(const struct pbft_slot *, uint64_t view);

/* One vote per member and phase, the highest view's; a second one for another batch changes
 * nothing. */
enum pbft_put pbft_slot_put_prepare(struct pbft_slot *, const struct pbft_proposal *,
				    const uint8_t sig[64]);
enum pbft_put pbft_slot_put_commit(struct pbft_slot *, uint8_t id, uint64_t view,
				   const uint8_t batch[32]);

/* Who has voted for this batch in this view. */
uint16_t pbft_slot_prepares(const struct pbft_slot *, uint64_t view, const uint8_t batch[32]);
uint16_t pbft_slot_commits(const struct pbft_slot *, uint64_t view, const uint8_t batch[32]);

/* The batch that others' votes of this view single out, seen here or not: f+1 COMMITs (one of them
 * is of a correct member) or 2f PREPAREs of backups. NULL: none. */
const uint8_t *pbft_slot_certified(const struct pbft_slot *, uint8_t n, uint64_t view,
				   uint8_t primary);

/* The PREPAREs for the own vote as a certificate. */
void pbft_slot_certify(struct pbft_slot *);

/* Copies what is used of a batch. */
void pbft_batch_copy(struct pbft_batch *to, const struct pbft_batch *from);

#endif
