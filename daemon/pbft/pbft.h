/*
 * The protocol core: PBFT's normal case, view changes, checkpoints and catch-up by fetching (draft
 * {#ordering}, {#view-change}; Castro's thesis, chapter 2, with signed PRE-PREPARE, PREPARE,
 * VIEW-CHANGE and NEW-VIEW, and channel-authenticated COMMIT).
 *
 * Event in, update out: pbft_step() is the only way to make it act. It has no clock, no I/O, no
 * allocation after pbft_init(), no randomness, no library but mem* and the hash given at init. The
 * shell must
 *
 *  - feed only messages that daemon/verify.c has accepted (signatures, sender, bounds);
 *  - carry out the effects of an update in their order;
 *  - report each PBFT_WRITE as PBFT_EV_WRITTEN when it is durable: what depends on it leaves only
 *    then, and a replica's own vote counts only then (DESIGN "Durable before sent");
 *  - report each PBFT_EXECUTE as PBFT_EV_EXECUTED before it feeds another event that could ask
 *    for the next.
 *
 * Octets of bundles and batches stay with the shell (daemon/bodies.h): the core knows their
 * digests. Each PBFT_EV_BUNDLE, PBFT_EV_PRE_PREPARE, PBFT_EV_BODY, each PBFT_WRITE_PROPOSAL of a
 * batch made here (primary is self, not reproposed: the shell puts it together from the bundles,
 * which are all still there) and each PBFT_HELD of a restore call stands for one hold on a body,
 * and the core gives up every one of them by exactly one PBFT_DROP_*, also where the event has no
 * other effect. Batches stay held until a stable checkpoint covers them.
 *
 * Octets of VIEW-CHANGEs and of the NEW-VIEW in force stay with the shell too, one VIEW-CHANGE a
 * member: it keeps those that PBFT_KEEP_VIEW_CHANGE and the writes below say, and sends them again.
 *
 * Signatures of the own replica are zeros in whatever the core hands out: the shell makes them
 * where it writes or sends (Ed25519 is deterministic).
 */
#ifndef DAEMON_PBFT_PBFT_H
#define DAEMON_PBFT_PBFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/machine/numbers.h"
#include "libproto/limits.h"
#include "libproto/merkle.h" /* ap_sha256_fn */

/* clang-format off */
enum {
	PBFT_WINDOW_MAX = 256,       /* slots between the watermarks; two checkpoint intervals */
	PBFT_BATCH_BUNDLES_MAX = 64, /* bundles in one batch */
	PBFT_OWN_MAX = 64,           /* own bundles not yet executed; at the primary: waiting, of one relay */
	PBFT_QUEUE_MAX = AP_REPLICAS_MAX * PBFT_OWN_MAX, /* waiting at the primary, of all relays */
	PBFT_FETCH_MAX = 64,         /* batches under way to a replica that catches up */
	PBFT_EFFECTS_MAX = 256,      /* of one update */
	PBFT_WATCH_MAX = 8,          /* bundles of one relay whose ordering a backup watches */
	PBFT_EVERYONE = 0xffff,      /* in pbft_effect.to: all others */
};
/* clang-format on */

/* Configuration, fixed for the life of the core. Times in ms. */
struct pbft_conf {
	uint8_t n;		     /* members, 3f+1 */
	uint8_t self;		     /* own identifier, 1 to n */
	uint16_t window;	     /* <= PBFT_WINDOW_MAX, a multiple of interval */
	uint16_t interval;	     /* of checkpoints, in sequence numbers */
	uint16_t pipeline;	     /* fresh batches that may be in flight while bundles wait */
	uint16_t batch_requests_max; /* <= AP_BATCH_REQUESTS_MAX */
	uint32_t batch_octets_max;
	uint32_t resend_ms;	 /* no progress for so long: send again */
	uint32_t heartbeat_ms;	 /* STATUS to everyone */
	uint32_t timeout_ms;	 /* a bundle handed to the primary is ordered by then; 0: the
				    primary is never replaced */
	uint32_t timeout_max_ms; /* where doubling ends */
	uint32_t fill_ms;	 /* while a member comes back: idle for so long, a null batch */
	bool trusting; /* what it is shown of its own is never strange: Twins have one key */
	uint64_t clock_bound_ms; /* how far a fresh proposal's time may be from the own clock */
	uint8_t running0[32];	 /* running(0), of the genesis id */
	ap_sha256_fn *sha256;
};

struct pbft_bundle { /* what the core knows of a bundle */
	uint8_t relay;
	uint64_t start, counter;
	uint8_t digest[32];
	uint16_t requests;
	bool keeps;	 /* it keeps the network alive, and asks for nothing: draft {#disk-marks} */
	uint32_t octets; /* as encoded in a batch */
};

struct pbft_batch {
	uint64_t time; /* ms since 1970, as proposed */
	uint16_t n_bundles;
	struct pbft_bundle bundles[PBFT_BATCH_BUNDLES_MAX];
	uint8_t digest[32];
};

struct pbft_proposal { /* protocol.def: proposal */
	uint64_t view, seq, incarnation;
	uint8_t replica;
	uint8_t batch[32];
};

/* The prepared certificate, draft {#prepare}: with the PRE-PREPARE 2f+1 members. */
struct pbft_certificate {
	uint8_t pre_prepare_sig[64];
	uint16_t who; /* bit id-1: has a valid PREPARE; 2f or more, never the primary */
	uint64_t incarnation[AP_REPLICAS_MAX]; /* as each signed it */
	uint8_t sig[AP_REPLICAS_MAX][64];
};

/* A prepared certificate as it outlives its view. */
struct pbft_prepared {
	bool is_there;
	uint64_t view, incarnation; /* of the PRE-PREPARE */
	uint8_t batch[32];
	struct pbft_certificate cert;
};

/* What a VIEW-CHANGE says, its certificates proven: draft {#view-change}. */
struct pbft_claim {
	uint64_t seq, view;
	uint8_t batch[32];
};
struct pbft_view_change {
	uint64_t view, incarnation; /* the view that it asks for; 0: none */
	uint8_t replica;
	uint64_t stable; /* last stable checkpoint, and the state there */
	uint8_t state[32];
	uint16_t n_prepared;
	struct pbft_claim prepared[PBFT_WINDOW_MAX]; /* by rising seq, above stable */
};

/* What a NEW-VIEW says: draft {#new-view}. */
struct pbft_new_view {
	uint64_t view, incarnation;
	uint8_t replica; /* its primary */
	uint64_t first;	 /* low watermark; the batches are those of first + 1 to first + n */
	uint16_t n;
	uint8_t batch[PBFT_WINDOW_MAX][32];
	uint8_t sig[PBFT_WINDOW_MAX][64]; /* the primary's, as of PRE-PREPAREs */
};

/* How full the own disk is: draft {#disk-marks}. */
enum pbft_disk {
	PBFT_DISK_ENOUGH,
	PBFT_DISK_SHORT, /* the first mark: only what keeps the network alive is voted on */
	PBFT_DISK_FULL,	 /* the second: nothing */
};

/* ---- events ---- */

enum pbft_event_kind {
	PBFT_EV_START = 1,   /* once, after the restore calls; asks for what is due */
	PBFT_EV_TIMER,	     /* wake_ms of the last update has come (an early one does no harm) */
	PBFT_EV_LINK,	     /* from: link is up (up = true) or down */
	PBFT_EV_BUNDLE,	     /* from: self for an own bundle just filled, else who handed it on */
	PBFT_EV_PRE_PREPARE, /* whole and valid; the shell holds the body under batch.digest */
	PBFT_EV_PREPARE,
	PBFT_EV_COMMIT,
	PBFT_EV_CHECKPOINT,
	PBFT_EV_STATUS,
	PBFT_EV_FETCH,
	PBFT_EV_BODY, /* answer to a fetch: a batch; the shell holds the body under batch.digest */
	PBFT_EV_ATTEST,
	PBFT_EV_VIEW_CHANGE, /* all signatures in it are good, whoever handed it on */
	PBFT_EV_NEW_VIEW,    /* likewise */
	PBFT_EV_FETCH_BATCH,
	PBFT_EV_WRITTEN,  /* all writes up to and including token are durable */
	PBFT_EV_EXECUTED, /* the batch of the last PBFT_EXECUTE has been executed */
	PBFT_EV_DISK,	  /* disk: a mark was passed, either way */
	PBFT_EV_FROZEN,	  /* the primary keeps time from passing: draft {#deadlines} */
	PBFT_EV_STATE,	  /* a certified state was transferred, and is durable */
	PBFT_EV_LOST,	  /* what was stored is damaged: draft {#damage} */
};

struct pbft_event {
	enum pbft_event_kind kind;
	uint64_t now_ms;  /* monotonic */
	uint64_t wall_ms; /* since 1970; 0: it cannot be told, and nothing fresh is voted for */
	uint8_t from;	  /* sender's identifier, authenticated by the link; 0: none */
	union {
		bool up;
		struct pbft_bundle bundle;
		struct {
			struct pbft_proposal p;
			uint8_t sig[64];
			const struct pbft_batch *batch; /* borrowed for the call */
		} pre_prepare;
		struct {
			struct pbft_proposal p;
			uint8_t sig[64];
		} prepare;
		struct {
			uint64_t view, seq;
			uint8_t batch[32];
		} commit;
		struct {
			uint64_t seq, incarnation;
			uint8_t replica, state[32], sig[64];
		} checkpoint;
		struct {
			uint64_t view, executed, stable;
			uint8_t running[32];
			enum pbft_disk disk;
			uint16_t heard; /* bit id-1: draft {#rejoin} */
			bool slow;	/* draft {#pace} */
		} status;
		enum pbft_disk disk;
		struct {
			uint64_t from, to;
			bool bodies;
		} fetch;
		struct {
			uint64_t seq;
			const struct pbft_batch *batch;
		} body;
		struct {
			uint64_t seq;
			uint8_t running[32];
		} attest;
		const struct pbft_view_change *view_change; /* borrowed for the call */
		struct {
			const struct pbft_new_view *says;
			uint8_t n_changes;
			const struct pbft_view_change *changes[AP_REPLICAS_MAX];
		} new_view; /* borrowed for the call */
		struct {
			uint64_t seq;
			uint8_t batch[32];
		} fetch_batch;
		uint64_t token;
		struct {
			uint64_t seq;
			uint64_t time_ms;  /* T(seq) */
			uint8_t state[32]; /* state digest, where seq is a checkpoint */
			/* Members' incarnations after it, by identifier - 1; NULL: as before. */
			const uint64_t *incarnation;
			bool rejoined; /* a REJOIN for which this run asked took effect in it */
		} executed;
		struct {
			uint64_t seq, time_ms; /* of the checkpoint */
			uint8_t running[32], state[32];
			bool silent;		 /* from here on nothing is voted for */
			const uint64_t *members; /* incarnations in the state, of all n */
			uint16_t who;		 /* signers: 2f+1 or more; by identifier - 1: */
			const uint64_t *incarnation;
			const uint8_t (*sig)[64];
			const struct machine_numbers *numbers; /* of bundles, of all n relays */
		} transferred;				       /* borrowed for the call */
		struct {
			bool state; /* the machine is that of a new network: before the first stable
				       checkpoint it executes all batches again, else nothing is
				       executed or voted for until PBFT_EV_STATE */
			bool votes; /* the log of the own votes: it is recovering from here on */
			bool regained; /* neither: the machine is at `executed` again */
		} lost;
	} u;
};

/* ---- updates ---- */

/* clang-format off */
enum pbft_effect_kind {
	/* Durable. The shell appends a record (with the body where said) and reports the token. Order on disk is
	 * the order of tokens. */
	PBFT_WRITE_PROPOSAL = 1, /* u.slot: PRE-PREPARE accepted or made here, with the body; is the own PREPARE too */
	PBFT_WRITE_PREPARED,     /* u.slot: the prepared certificate; the own COMMIT depends on it */
	PBFT_WRITE_FETCHED,      /* u.slot: a batch proven committed by others, with the body; no certificate */
	PBFT_WRITE_CHECKPOINT,   /* u.checkpoint: own vote */
	PBFT_WRITE_VIEW_CHANGE,  /* u.view_change: own one: made, signed, kept; `again`: the one that is kept, once more */
	PBFT_WRITE_NEW_VIEW,     /* u.new_view: of an own one made, signed and kept, else the one that this event brought;
	                            `again`: as above */
	PBFT_WRITE_STABLE,       /* u.stable: certificate; PBFT_STABLE follows when it is durable */
	PBFT_WRITE_EXECUTED,     /* u.executed: marker; lazy */
	/* Sent to the members in `to`; the shell signs, attaches bodies, frames. */
	PBFT_SEND_BUNDLE,        /* u.bundle */
	PBFT_SEND_PRE_PREPARE,   /* u.slot */
	PBFT_SEND_PREPARE,       /* u.slot */
	PBFT_SEND_COMMIT,        /* u.slot */
	PBFT_SEND_CHECKPOINT,    /* u.checkpoint */
	PBFT_SEND_STATUS,        /* u.status */
	PBFT_SEND_FETCH,         /* u.fetch */
	PBFT_SEND_ATTEST,        /* u.attest: the shell looks up running(seq) in what it stored; not there: nothing */
	PBFT_SEND_VIEW_CHANGE,   /* u.kept: the one of that member that is kept */
	PBFT_SEND_NEW_VIEW,      /* the one that is kept */
	PBFT_SEND_FETCH_BATCH,   /* u.drop: a batch by its digest */
	PBFT_SHOW_PRE_PREPARE,   /* u.slot: a member's own vote, to that member */
	PBFT_SHOW_PREPARE,       /* u.shown likewise */
	PBFT_SHOW_CHECKPOINT,    /* u.shown likewise; its digest is the state's */
	PBFT_SERVE_BATCH,        /* u.drop: send BODY of it: held, or else in the journal under that sequence */
	PBFT_SERVE,              /* u.fetch: send BODY for each of from..to out of the journal, as far as it has them */
	/* Local. */
	PBFT_EXECUTE,            /* u.slot: committed, next in order: run the machine, then report PBFT_EV_EXECUTED */
	PBFT_STABLE,             /* u.stable: merge, trim, forget what is below */
	PBFT_DROP_BUNDLE,        /* u.bundle: one hold less on its octets */
	PBFT_DROP_BATCH,         /* u.drop: one hold less on its octets */
	PBFT_HOLD_NULL,          /* u.drop: make the octets of the null batch (time 0, no bundles), with one hold */
	PBFT_KEEP_VIEW_CHANGE,   /* u.kept: keep the octets of the VIEW-CHANGE that this event brought, in place of older ones */
	PBFT_BEHIND,             /* u.behind: no peer gave what is missing: state transfer is needed; asking goes on */
	PBFT_RECOVERING,         /* u.recovering: from here on it votes in nothing; durable before what follows */
	PBFT_RECOVERED,          /* u.recovered: it votes again */
	PBFT_DIVERGED,           /* u.diverged: q others have another state: alarm. The core does nothing until PBFT_EV_STATE */
};
/* clang-format on */

/* Why a replica votes in nothing: draft {#rejoin}. */
enum pbft_forgot {
	PBFT_FORGOT_NOTHING,
	PBFT_FORGOT_EMPTY,   /* its history is empty, those of others are not */
	PBFT_FORGOT_MARKED,  /* the shell said so at the start */
	PBFT_FORGOT_SHOWN,   /* it was shown a vote of its own that it does not know */
	PBFT_FORGOT_CLONE,   /* a REJOIN for which it did not ask */
	PBFT_FORGOT_DAMAGED, /* the shell found its log damaged: PBFT_EV_LOST */
};

/* What an effect says of a slot; pointers borrow from the core until the next step. */
struct pbft_slot_view {
	uint64_t view, seq;
	uint64_t incarnation; /* of who signs: of the own replica in SEND_PREPARE, else of the
				 primary */
	uint8_t primary;      /* who proposed it */
	bool reproposed;      /* by a NEW-VIEW: its body is held already */
	const struct pbft_batch *batch;
	const struct pbft_certificate *cert; /* NULL where there was no PRE-PREPARE */
};

struct pbft_effect {
	enum pbft_effect_kind kind;
	uint16_t to;	/* bit id-1; sends only. PBFT_EVERYONE: all others */
	uint64_t token; /* writes only; rises by one each */
	union {
		struct pbft_slot_view slot;
		struct pbft_bundle bundle;
		struct {
			uint64_t seq, incarnation;
			uint8_t state[32];
		} checkpoint;
		struct {
			uint64_t seq;
			uint8_t state[32];
			uint16_t who;		     /* signers; by identifier - 1: */
			const uint64_t *incarnation; /* as each signed it */
			const uint8_t (*sig)[64];
		} stable; /* pointers as in a slot view */
		struct {
			uint64_t seq;
			uint8_t batch[32];
		} drop;
		struct {
			const struct pbft_view_change *says;
			bool again;
			const struct pbft_prepared *const
				*prepared; /* its certificates, likewise */
			uint16_t who;	   /* signers of its checkpoint, as in `stable` */
			const uint64_t *incarnation;
			const uint8_t (*sig)[64];
		} view_change;
		struct {
			const struct pbft_new_view *says;
			bool again;
			uint16_t who; /* whose VIEW-CHANGEs make an own one */
		} new_view;
		struct {
			uint64_t view;
			uint8_t replica;
		} kept;
		struct {
			uint64_t seq, time_ms;
			uint8_t running[32];
		} executed;
		struct {
			uint64_t view, executed, stable;
			uint8_t running[32];
			enum pbft_disk disk;
			uint16_t heard; /* bit id-1: draft {#rejoin} */
			bool slow;	/* draft {#pace} */
		} status;
		struct {
			uint64_t from, to;
			bool bodies;
		} fetch;
		struct {
			uint64_t seq;
		} attest;
		struct {
			uint64_t have, offered;
		} behind;
		struct {
			struct pbft_proposal
				p; /* of a CHECKPOINT seq, incarnation, replica, batch */
			const uint8_t *sig;
		} shown;
		struct {
			enum pbft_forgot why;
		} recovering;
		struct {
			uint64_t incarnation, stable;
		} recovered;
		struct {
			uint64_t seq; /* of the checkpoint */
			uint8_t own[32], others[32];
			uint16_t who; /* has signed `others` */
		} diverged;
	} u;
};

struct pbft_update {
	uint64_t wake_ms; /* monotonic; UINT64_MAX: nothing to wait for */
	size_t n;
	struct pbft_effect effects[PBFT_EFFECTS_MAX];
};

/* ---- life ---- */

struct pbft;
struct pbft_slot;

/* Octets that pbft_init() needs; 0 if the configuration is impossible. */
size_t pbft_size(const struct pbft_conf *);

/* Takes memory of pbft_size() octets, aligned as malloc's. The state is that of a new network: view
 * 0, nothing executed. */
struct pbft *pbft_init(void *memory, const struct pbft_conf *);

/*
 * What the journal tells at a start, in its order, before PBFT_EV_START. `base` first, once: the
 * machine has been replayed up to `executed`. Records of sequences outside the window are ignored.
 * Of several bodies recorded for one sequence a fetched one is what was committed. All return -1 if
 * the record contradicts an earlier one (damage), else 0 or these bits:
 */
enum {
	PBFT_HELD = 1,	   /* the core counts on one hold on the record's body */
	PBFT_REPLACED = 2, /* it gives up the hold on the body that `replaced` names */
};
struct pbft_restore_base {
	uint64_t view;
	uint64_t executed, time_ms; /* T(executed) */
	uint8_t running[32];	    /* running(executed) */
	uint8_t state[32];	    /* state digest at executed; read where that is a checkpoint */
	bool lacks;  /* the state at `executed`, which is `stable`, is not here: nothing is executed
			and nothing voted for until PBFT_EV_STATE brings one */
	bool silent; /* nothing is voted for at all */
	uint64_t stable; /* last stable checkpoint, and the state digest there */
	uint8_t stable_state[32];
	const uint64_t *incarnation; /* at executed, by identifier - 1; NULL: all 0 */
	/* draft {#rejoin} */
	bool empty;	   /* no history: complete only if all others are in genesis too */
	bool recovering;   /* the history is not whole */
	uint64_t rejoined; /* ... and this is the incarnation that came of it; 0: none yet */
};
int pbft_restore_base(struct pbft *, const struct pbft_restore_base *);
/* Which bundles of a relay have executed, as the machine knows it at `executed`: an old one that
 * somebody sends once more is nothing that a primary owes. */
void pbft_restore_numbers(struct pbft *, uint8_t relay, const struct machine_numbers *);
/* PBFT_WRITE_PROPOSAL; of the certificate only pre_prepare_sig is read. */
int pbft_restore_proposal(struct pbft *, const struct pbft_slot_view *, uint8_t replaced[32]);
/* PBFT_WRITE_PREPARED; of the batch only the digest is read. */
int pbft_restore_prepared(struct pbft *, const struct pbft_slot_view *);
/* PBFT_WRITE_FETCHED; no certificate. */
int pbft_restore_fetched(struct pbft *, const struct pbft_slot_view *, uint8_t replaced[32]);
int pbft_restore_checkpoint(struct pbft *, uint64_t seq, uint64_t incarnation,
			    const uint8_t state[32]);
/* PBFT_WRITE_STABLE: what proves the base's stable checkpoint; others are ignored. */
int pbft_restore_stable(struct pbft *, uint64_t seq, uint16_t who, const uint64_t *incarnation,
			const uint8_t (*sig)[64]);
/* PBFT_WRITE_VIEW_CHANGE, PBFT_WRITE_NEW_VIEW: the shell keeps the octets of the last of each. */
int pbft_restore_view_change(struct pbft *, const struct pbft_view_change *);
int pbft_restore_new_view(struct pbft *, const struct pbft_new_view *);

void pbft_step(struct pbft *, const struct pbft_event *, struct pbft_update *);

/* Is there a checkpoint after this batch? Then PBFT_EV_EXECUTED brings the state digest. */
bool pbft_is_checkpoint(const struct pbft *, uint64_t seq);

/* false: this PREPARE, valid or not, changes nothing any more, so its signature need not be
 * verified. */
bool pbft_wants_prepare(const struct pbft *, const struct pbft_proposal *);

/* For status, statistics and tests; nothing else reads the core. */
struct pbft_info {
	uint64_t view, executed, stable, next_seq; /* next_seq: what a primary would propose */
	uint32_t queued, in_flight;
	/* Own bundles that are not executed yet. Also PBFT_OWN_MAX when the next one would be too
	 * far beyond the oldest of them for others to take it: fill none then. */
	uint32_t own;
	uint8_t primary;
	bool view_active; /* false: a view change is going on */
	bool diverged;
	enum pbft_disk disk;
	bool is_short; /* f+1 disks are nearly full: requests wait */
	bool lacks, silent;
	uint64_t low; /* a state that is transferred must not be below it */
	uint64_t others_executed, others_stable; /* f+1 others say so much, or more */
	uint64_t proven;   /* stable, as the NEW-VIEW of the active view proves; 0: nothing */
	bool empty;	   /* does not know yet whether it has forgotten anything */
	bool recovering;   /* votes in nothing */
	bool caught_up;	   /* as far as f+1 others say that they are, with a quorum in reach */
	uint64_t rejoined; /* recovering: incarnation in which it will vote; 0: REJOIN is due */
	uint64_t incarnation, votes_from; /* votes_from: recovering, rejoined: stable checkpoint */
	uint8_t running[32];
	uint32_t timeout_ms;   /* now */
	uint64_t view_changes; /* own VIEW-CHANGEs of this run */
	uint64_t dropped[8];   /* messages without effect, by enum pbft_drop */
};
enum pbft_drop {
	PBFT_DROP_VIEW,
	PBFT_DROP_WINDOW,
	PBFT_DROP_REPEAT,
	PBFT_DROP_CONFLICT,
	PBFT_DROP_CLOCK,
	PBFT_DROP_FULL,
	PBFT_DROP_NOT_PRIMARY,
	PBFT_DROP_OTHER
};
void pbft_info(const struct pbft *, struct pbft_info *);
/* The parts of it that are asked for after each event. */
uint32_t pbft_own_weight(const struct pbft *); /* info.own */
bool pbft_is_idle(const struct pbft *);	       /* nothing of its own, nothing in flight */
bool pbft_is_empty(const struct pbft *);
bool pbft_is_recovering(const struct pbft *);

#endif
