/*
 * Inside of the protocol core: its state, and what its files call of each other. Every handler gets
 * the core with the update of this step open (p->out); only effects.c adds to it.
 */
#ifndef DAEMON_PBFT_CORE_H
#define DAEMON_PBFT_CORE_H

#include "daemon/machine/numbers.h"
#include "daemon/pbft/pbft.h"
#include "daemon/pbft/queue.h"
#include "daemon/pbft/quorum.h"
#include "daemon/pbft/window.h"

/* Our own mistakes only, never what a peer can cause; kept in every build. No library call: the
 * core is pure. */
#define ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())

enum {
	PBFT_RESEND_SLOTS = 8,	 /* lowest slots whose votes are sent again at a time */
	PBFT_BACKOFF_MAX = 4,	 /* own bundles: waits grow up to resend_ms << this */
	PBFT_OWN_SPREAD = 48,	 /* own counters go so far beyond the lowest outstanding */
	PBFT_ROOM_SLOT = 8,	 /* effects that one slot can have at once */
	PBFT_ROOM_PROPOSE = 140, /* of a proposal: a batch of drops, as many of spent bundles */
	PBFT_SLOW = 8,		 /* time-outs in which everything handed in is ordered */
	PBFT_OVERTAKEN = 2,	 /* batches beyond the pipeline that may leave out what has room */
	PBFT_PACE_STEPS = 8,	 /* a batch has the weight of an eighth in the moving average */
	PBFT_PACE_PART = 4,	 /* of a time-out: so slow may it be at first */
	PBFT_PACE_AGAIN = 256,	 /* time-outs until less is allowed again, whatever is measured */
	PBFT_CALM = 8,		 /* batches executed before the time-out comes down by half */
	PBFT_ASK_MAX = 64,	 /* batches of a NEW-VIEW asked for at a time */
};
_Static_assert((int)PBFT_OWN_SPREAD < (int)PBFT_OWN_MAX &&
		       (int)PBFT_OWN_MAX <= (int)MACHINE_NUMBERS,
	       "a primary that lags a little has room for what others watch");
_Static_assert(PBFT_ROOM_PROPOSE > 2 * PBFT_BATCH_BUNDLES_MAX + 1,
	       "a proposal's effects have room");
_Static_assert(PBFT_EFFECTS_MAX > PBFT_ROOM_PROPOSE + PBFT_OWN_MAX + 16, "after an execution too");
_Static_assert(PBFT_EFFECTS_MAX > 2 * PBFT_FETCH_MAX + 16,
	       "a fetched range is taken over in one step");

struct pbft_watch {	    /* is it ordered in time? */
	uint64_t since_ms;  /* handed to the primary of this view; 0: not yet */
	uint64_t above;	    /* highest sequence that had a batch then */
	uint32_t overtaken; /* batches above it executed since, with room for this one */
};

struct pbft_pace {	     /* draft {#pace}: of the active view */
	bool is_slow;	     /* the primary, as this replica's STATUS says */
	uint64_t sum_ms;     /* moving average of the waits for batches, times PBFT_PACE_STEPS */
	uint32_t allowed_ms; /* on average */
	uint64_t since_ms;   /* it is what it is */
	uint32_t batches;    /* counted since allowed_ms was looked at */
};

struct pbft_watched { /* somebody else's bundle */
	struct pbft_bundle bundle;
	struct pbft_watch watch;
};

struct pbft_own { /* a bundle of ours that is not executed yet */
	struct pbft_bundle bundle;
	uint64_t due_ms; /* to be handed on again */
	uint32_t tries;
	struct pbft_watch watch;
};

struct pbft_served {		     /* what a peer was served last */
	uint64_t from, to, again_ms; /* the same again not before */
};

struct pbft_peer {
	bool up;
	uint64_t view, executed, stable; /* as it says */
	enum pbft_disk disk;		 /* likewise */
	bool is_slow;			 /* likewise: the primary of slow_view */
	uint64_t slow_view;
	uint64_t help_ms; /* not helped before */
	uint64_t show_ms; /* not shown its own votes before */
	struct pbft_served bodies, attest;
	struct machine_numbers handed; /* its bundles that were handed on to the primary */
	uint64_t handed_ms;	       /* since when they are remembered */
	uint64_t view_help_ms;	       /* not helped into the view before */
	uint32_t n_watched;
	struct pbft_watched watched[PBFT_WATCH_MAX];
};

struct pbft_checkpoint { /* votes on the state at seq */
	uint64_t seq;
	bool own_known, own_durable; /* state[self - 1] */
	bool own_void;		     /* known, but no vote: the replica was recovering */
	uint64_t token;		     /* of the own vote's write; 0: none under way */
	uint16_t who;		     /* others */
	uint64_t incarnation[AP_REPLICAS_MAX];
	uint8_t state[AP_REPLICAS_MAX][32], sig[AP_REPLICAS_MAX][64];
};

struct pbft_fetch { /* batches from executed + 1 on, out of one peer's journal */
	bool active;
	bool going; /* a range has come in: the next one is asked for at once */
	bool all; /* what the own slots hold did not lead to the attested value: take the peer's */
	uint64_t from, to;
	uint8_t source;
	uint8_t tried;	   /* sources that did not deliver */
	uint8_t more;	   /* of those that say they have got so far: what f+1 say, one of whom is
			      correct, the liars among them may not attest */
	uint8_t slower;	   /* a source has resend_ms << slower: nobody has delivered in less */
	uint64_t late_ms;  /* when it is late */
	uint16_t attested; /* bit id-1 */
	uint8_t running[AP_REPLICAS_MAX][32];
	bool have[PBFT_FETCH_MAX]; /* of from + i */
	struct pbft_batch batch[PBFT_FETCH_MAX];
};

struct pbft {
	struct pbft_conf conf;

	/* of the step */
	struct pbft_update *out;
	uint64_t now, wall;
	bool more; /* work was left for want of room: wake at once */

	bool started, diverged;
	bool lacks;  /* the state at `executed`: only PBFT_EV_STATE helps */
	bool silent; /* votes in nothing */
	uint64_t view;
	bool view_active;     /* votes are given in it */
	uint64_t incarnation; /* the own one */

	/* coming back */
	uint64_t incarnations[AP_REPLICAS_MAX];
	uint64_t fill_to; /* null batches fill the log up to here */
	bool empty, recovering;
	/* whose first STATUS of this run came, was one of genesis (all others where the history is
	 * not empty), who has heard ours, and who was past genesis in any STATUS */
	uint16_t said, genesis, heard_by, past;
	uint64_t rejoined;

	/* view changes: the highest VIEW-CHANGE of each member, the own one of `view` among them */
	struct pbft_view_change changes[AP_REPLICAS_MAX];
	const struct pbft_prepared *own_prepared[PBFT_WINDOW_MAX];
	bool has_change, change_durable; /* the own one */
	bool change_due;		 /* it came back outside of a view */
	uint64_t change_token;
	struct pbft_new_view nv; /* of the active view; view 0 has none */
	uint64_t nv_token;
	bool nv_left;		/* some of its batches have not found their slots yet */
	bool progress;		/* something was executed in this view */
	uint32_t timeout_ms;	/* between conf's two */
	uint32_t calm;		/* batches executed since it changed */
	uint64_t view_timer_ms; /* NEW-VIEW is due; UINT64_MAX: not running */
	uint64_t change_resend_ms, ask_ms;
	uint32_t change_tries;
	uint64_t executed_ms; /* when something was executed last */
	uint64_t voted_ms;    /* first vote for what was not executed since; 0: none */
	bool frozen;          /* told so by PBFT_EV_FROZEN, not acted on yet */
	uint64_t view_changes;
	struct pbft_pace pace;

	uint64_t executed, stable;
	uint64_t merge_token;	      /* PBFT_STABLE waits for it; 0: nothing */
	struct pbft_checkpoint proof; /* of the stable one: its place in the ring may be taken */
	uint16_t proof_who;
	uint64_t time;	     /* T(executed) */
	uint8_t running[32]; /* running(executed) */
	uint8_t stable_state[32];
	uint64_t stable_token, stable_incarnation;	 /* of the own vote; token 0: durable */
	uint8_t start_state[32];			 /* at executed, when the replica started */
	bool executing;					 /* PBFT_EXECUTE of executed + 1 is out */
	struct machine_numbers numbers[AP_REPLICAS_MAX]; /* of bundles executed */

	/* primary */
	uint64_t next_seq;	    /* nothing at or above it was ever proposed here in next_view */
	uint64_t next_view;	    /* of the restore calls */
	uint64_t time_proposed;	    /* highest */
	uint32_t proposed_requests; /* in the batch proposed last */
	struct pbft_queue queue;

	uint32_t n_own;
	struct pbft_own own[PBFT_OWN_MAX];

	uint64_t token, durable; /* last given, last reported */
	struct pbft_window window;
	uint32_t n_waiting; /* sequences whose slots have writes under way */
	uint64_t *waiting;
	uint32_t n_checkpoints;
	struct pbft_checkpoint *checkpoints;
	bool revote; /* PRE-PREPAREs held back may be acceptable now */

	enum pbft_disk disk; /* the own one */
	bool is_short;	     /* f+1 members say that theirs is: nothing new is proposed */
	bool rewrite;	     /* what the disk had no room for is due */

	struct pbft_peer peers[AP_REPLICAS_MAX];
	struct pbft_fetch fetch;

	uint64_t heartbeat_ms; /* due */
	uint64_t resend_ms;    /* due; UINT64_MAX: nothing outstanding */
	bool stuck;	       /* nothing executed for resend_ms, though something is outstanding */
	uint32_t turn;	       /* rotates among holders of a missing body */

	uint64_t dropped[8];
};

/* ---- effects.c ---- */

size_t pbft_room(const struct pbft *); /* effects that this update still takes */
struct pbft_effect *pbft_emit(struct pbft *, enum pbft_effect_kind);
struct pbft_effect *pbft_emit_slot(struct pbft *, enum pbft_effect_kind, const struct pbft_slot *,
				   uint16_t to);
uint64_t pbft_write_slot(struct pbft *, enum pbft_effect_kind, struct pbft_slot *); /* its token */
struct pbft_effect *pbft_write(struct pbft *, enum pbft_effect_kind);
void pbft_drop_batch(struct pbft *, uint64_t seq, const uint8_t batch[32]);
void pbft_drop_bundle(struct pbft *, const struct pbft_bundle *);
void pbft_send_status(struct pbft *, uint16_t to);
void pbft_send_bundle(struct pbft *, const struct pbft_bundle *, uint16_t to);
void pbft_send_fetch(struct pbft *, uint64_t from, uint64_t to, bool bodies, uint16_t who);
void pbft_send_checkpoint(struct pbft *, const struct pbft_checkpoint *, uint16_t to);

/* ---- pbft.c ---- */

uint8_t pbft_primary(const struct pbft *, uint64_t view);
bool pbft_is_primary(const struct pbft *);	      /* of the active view */
bool pbft_is_member(const struct pbft *, uint8_t id); /* another one */
uint16_t pbft_bit(const struct pbft *, uint8_t id);
void pbft_count(struct pbft *, enum pbft_drop);
uint16_t pbft_up(const struct pbft *); /* peers whose link is up */
/* (f+1)-th highest sequence that others say they have executed: one of them is correct. */
uint64_t pbft_others_executed(const struct pbft *);
/* The same of f+1 and `more` of them: up to f more, at least f+1 correct ones have got there. */
uint64_t pbft_others_reached(const struct pbft *, uint8_t more);
uint64_t pbft_others_stable(const struct pbft *);
bool pbft_is_outstanding(const struct pbft *);
uint32_t pbft_in_flight(const struct pbft *); /* own proposals not yet committed */

/* ---- votes.c: how a slot goes on ---- */

/* Gives up the batch that is here, or keeps it aside if the prepared certificate is about it. */
void pbft_slot_release(struct pbft *, struct pbft_slot *);

/* The highest sequence that the view has work at. What an older view left above it is none: else an
 * idle replica waits for it to be executed, and leaves its view. */
void pbft_top_settle(struct pbft *);

/* Puts a batch, with its hold, where none or another one was. */
void pbft_slot_set_batch(struct pbft *, struct pbft_slot *, const struct pbft_batch *);
/* Accepts the PRE-PREPARE that is here: writes it with the own vote. false: it is held back by the
 * clock or the high watermark. */
bool pbft_slot_vote(struct pbft *, struct pbft_slot *);
/* What the votes that are here lead to: prepared, committed, a committed body to be written. */
void pbft_slot_advance(struct pbft *, struct pbft_slot *);
/* Own durable votes of up to PBFT_RESEND_SLOTS slots above `above`, to those who may need them. */
void pbft_resend_votes(struct pbft *, uint64_t above, uint16_t to);
/* The slot has a write under way. */
void pbft_slot_wait(struct pbft *, struct pbft_slot *);
/* All PRE-PREPAREs held back, once more. */
void pbft_vote_held(struct pbft *);

/* ---- view_change.c ---- */

void pbft_view_change(struct pbft *, uint64_t view); /* leaves the view for this one */
void pbft_view_disk(struct pbft *);		     /* what the disk released of it */
void pbft_view_settle(struct pbft *);		     /* join, make, take up: what has become due */
void pbft_view_timer(struct pbft *);
uint64_t pbft_view_wake(const struct pbft *);
void pbft_view_help(struct pbft *, uint8_t id, uint64_t view);
void pbft_view_seen(struct pbft *, uint8_t id, uint64_t view); /* a vote or STATUS of it */
void pbft_view_again(struct pbft *); /* its record once more, behind a stable checkpoint */

/* ---- rejoin.c: draft {#rejoin} ---- */

/* Gives no vote: recovering, not sure whether it has to, without the state that its votes lead to,
 * or in quarantine. */
bool pbft_is_mute(const struct pbft *);
/* Sends none again: who only lacks the state stands by the votes that it has given. */
bool pbft_is_hushed(const struct pbft *);
/* How long incarnations of all members let null batches fill an idle network. */
bool pbft_is_filling(const struct pbft *);
void pbft_recover(struct pbft *, enum pbft_forgot why);
void pbft_rejoin_status(struct pbft *, const struct pbft_event *);
void pbft_rejoin_executed(struct pbft *, const struct pbft_event *);
/* A transferred state says what members' incarnations are. */
void pbft_rejoin_state(struct pbft *, const uint64_t *incarnations);
void pbft_rejoin_stable(struct pbft *); /* the record of a stable checkpoint is durable */
void pbft_rejoin_base(struct pbft *, const struct pbft_restore_base *);
/* A vote that its sender cannot have given in its present incarnation. */
bool pbft_is_stale(const struct pbft *, uint8_t id, uint64_t incarnation, uint64_t seq);

/* ---- show.c: draft {#showing} ---- */

void pbft_show(struct pbft *, uint8_t id); /* a member what it has voted for */
/* The own vote comes back from somebody else: is it one that this replica does not know? */
void pbft_shown_proposal(struct pbft *, const struct pbft_proposal *, bool pre_prepare);
void pbft_shown_checkpoint(struct pbft *, const struct pbft_event *);
void pbft_shown_view_change(struct pbft *, const struct pbft_view_change *);
void pbft_shown_new_view(struct pbft *, const struct pbft_new_view *);

/* ---- new_view.c ---- */

void pbft_null_batch(const struct pbft *, struct pbft_batch *);
void pbft_new_view_try(struct pbft *); /* the primary of the view has enough VIEW-CHANGEs? */
void pbft_new_view_place(struct pbft *);
void pbft_new_view_ask(struct pbft *); /* bodies that are missing */
/* The digest that the NEW-VIEW in force has for a sequence; NULL: none. */
const uint8_t *pbft_new_view_at(const struct pbft *, uint64_t seq);
bool pbft_new_view_check(struct pbft *, const struct pbft_event *);
void pbft_enter(struct pbft *); /* the view of p->nv */

/* ---- disk.c ---- */

/* The own disk has room for a vote on the batch here, or for its body. */
bool pbft_disk_takes(const struct pbft *, const struct pbft_slot *);
bool pbft_disk_is_short(const struct pbft *); /* at f+1 members */
void pbft_disk_settle(struct pbft *);

/* ---- watch.c ---- */

void pbft_watch_add(struct pbft *, const struct pbft_bundle *); /* handed to the primary */
void pbft_watch_clear(struct pbft *);				/* another view */
void pbft_watch_restart(struct pbft *); /* as if all had been handed in just now */
void pbft_watch_executed(struct pbft *, const struct pbft_slot *);
struct pbft_watch pbft_watch_begin(const struct pbft *); /* handed to the primary now */
bool pbft_watch_overdue(const struct pbft *);
uint64_t pbft_watch_wake(const struct pbft *);

/* ---- pace.c: draft {#pace} ---- */

void pbft_pace_clear(struct pbft *);				  /* another view */
void pbft_pace_executed(struct pbft *, const struct pbft_slot *); /* before it is noted elsewhere */
bool pbft_pace_is_slow(struct pbft *);				  /* 2f+1 say so; may say it too */

/* ---- the steps after each event; they leave what has no room to the next update ---- */

void pbft_disk_done(struct pbft *);    /* on_written.c */
void pbft_execute_next(struct pbft *); /* on_executed.c */
void pbft_propose(struct pbft *);      /* propose.c */
void pbft_fetch_next(struct pbft *);   /* fetch.c */

/* ---- on_bundle.c ---- */

/* Its number is executed, or void. */
bool pbft_is_spent(const struct pbft *, const struct pbft_bundle *);
void pbft_own_executed(struct pbft *); /* own list without what is spent */
void pbft_own_due(struct pbft *);      /* hands on again what is due */

/* ---- on_checkpoint.c ---- */

struct pbft_checkpoint *pbft_checkpoint_find(struct pbft *, uint64_t seq);
/* NULL: there is no place for it. */
struct pbft_checkpoint *pbft_checkpoint_take(struct pbft *, uint64_t seq);
/* Executed to here: writes the own vote. */
void pbft_checkpoint_own(struct pbft *, uint64_t seq, const uint8_t state[32]);
/* Stable now, or diverged? */
void pbft_checkpoint_check(struct pbft *, uint64_t seq);
/* Sends own votes that the disk released. */
void pbft_checkpoint_durable(struct pbft *);
void pbft_checkpoint_stable(struct pbft *); /* PBFT_STABLE, once its record is durable */
/* true: something was sent. */
bool pbft_checkpoint_help(struct pbft *, uint8_t id, uint64_t stable);

/* ---- fetch.c ---- */

void pbft_fetch_try(struct pbft *);    /* all bodies and f+1 attests here? */
void pbft_fetch_late(struct pbft *);   /* timer: the next source, what is missing */
void pbft_fetch_end(struct pbft *);    /* gives up what is not taken over */
void pbft_fetch_bodies(struct pbft *); /* timer: single bodies that votes single out */
/* true: a body of the range, kept with its hold. */
bool pbft_fetch_take(struct pbft *, uint8_t from, uint64_t seq, const struct pbft_batch *);

/* ---- events ---- */

typedef void pbft_handler(struct pbft *, const struct pbft_event *);
pbft_handler pbft_on_start, pbft_on_timer, pbft_on_link, pbft_on_bundle, pbft_on_pre_prepare,
	pbft_on_prepare, pbft_on_commit, pbft_on_checkpoint, pbft_on_status, pbft_on_fetch,
	pbft_on_body, pbft_on_attest, pbft_on_view_change, pbft_on_new_view, pbft_on_fetch_batch,
	pbft_on_written, pbft_on_executed, pbft_on_disk, pbft_on_frozen, pbft_on_state,
	pbft_on_lost;

#endif
