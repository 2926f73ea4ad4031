/*
 * rig.h: one protocol core under test. Feeds it events, gathers what its updates say (copied, so
 * that it can be looked at later), plays the machine, and counts holds on bodies. A fresh rig is at
 * time 1000 ms, started, with nothing in its trace.
 */
#ifndef TESTS_LIB_RIG_H
#define TESTS_LIB_RIG_H

#include "daemon/pbft/pbft.h"
#include "tests/lib/map.h"

struct rig_effect {
	struct pbft_effect e; /* slot.batch and slot.cert point below */
	struct pbft_batch batch;
	struct pbft_certificate cert;
};

struct rig {
	struct pbft_conf conf;
	struct pbft *core;
	void *memory;
	uint64_t now_ms, wall_ms, wake_ms;
	uint64_t token; /* highest seen */
	bool executes;	/* reports PBFT_EXECUTE as done at once (the default) */
	uint64_t executed, machine_ms;
	uint64_t incarnation[AP_REPLICAS_MAX]; /* that its machine reports */
	bool rejoined;	    /* ... and that the next batch holds its own REJOIN */
	uint8_t state_salt; /* of the state digests that its machine makes */
	struct rig_effect *trace;
	size_t n, size;
	struct map holds;
};

/* Window 8, interval 4, pipeline 2, 10 requests and 10000 octets a batch, resend 100 ms, heartbeat
 * 1000 ms, clock bound 5000 ms, as `conf` may change before rig_start(). */
void rig_init(struct rig *r, uint8_t n, uint8_t self);
void rig_make(struct rig *r);  /* the core, not started: for restore calls */
void rig_start(struct rig *r); /* makes it if it is not there yet, starts it, clears the trace */
void rig_free(struct rig *r);

void rig_event(struct rig *r, struct pbft_event *ev);
void rig_written(struct rig *r);	    /* everything is durable */
void rig_wait(struct rig *r, uint64_t ms);  /* time passes; no event */
void rig_timer(struct rig *r, uint64_t ms); /* time passes, then PBFT_EV_TIMER */
void rig_link(struct rig *r, uint8_t from, bool up);
void rig_links(struct rig *r);	  /* all up, trace cleared */
void rig_executed(struct rig *r); /* reports the PBFT_EXECUTE that is out */

/* A bundle of one request and 100 octets. */
struct pbft_bundle rig_bundle_of(uint8_t relay, uint64_t start, uint64_t counter);
void rig_bundle(struct rig *r, uint8_t from, const struct pbft_bundle *b);
void rig_own(struct rig *r, uint64_t counter); /* an own one of run 1 */

/* A batch of one bundle of member 4, all made from `number`; its time is the rig's wall clock. */
struct pbft_batch rig_batch(struct rig *r, uint64_t number);
void rig_seal(struct pbft_batch *b); /* its digest */
void rig_pre_prepare(struct rig *r, uint64_t seq, const struct pbft_batch *b);
void rig_prepare(struct rig *r, uint8_t from, uint64_t seq, const struct pbft_batch *b);
void rig_commit(struct rig *r, uint8_t from, uint64_t seq, const struct pbft_batch *b);
/* Through all phases to executed and durable; a backup's rig. Gives the batch. */
struct pbft_batch rig_order(struct rig *r, uint64_t seq);
void rig_checkpoint(struct rig *r, uint8_t from, uint64_t seq, const uint8_t state[32]);
void rig_state(const struct rig *r, uint64_t seq, uint8_t state[32]); /* as its machine makes it */
void rig_status(struct rig *r, uint8_t from, uint64_t executed, uint64_t stable);
void rig_fetch(struct rig *r, uint8_t from, uint64_t first, uint64_t last, bool bodies);
void rig_body(struct rig *r, uint8_t from, uint64_t seq, const struct pbft_batch *b);
void rig_attest(struct rig *r, uint8_t from, uint64_t seq, const uint8_t running[32]);

void rig_clear(struct rig *r); /* the trace */
size_t rig_count(const struct rig *r, enum pbft_effect_kind kind);
/* The last one of a kind, or the nth from 0; NULL: none. */
const struct pbft_effect *rig_last(const struct rig *r, enum pbft_effect_kind kind);
const struct pbft_effect *rig_nth(const struct rig *r, enum pbft_effect_kind kind, size_t nth);
/* The identifier of whom bodies were asked last; stops the test if nobody was. */
uint8_t rig_source(const struct rig *r);
size_t rig_votes(const struct rig *r); /* PRE-PREPAREs, PREPAREs, COMMITs, CHECKPOINTs sent */
struct pbft_info rig_info(const struct rig *r);
int64_t rig_held(const struct rig *r, const uint8_t digest[32]);
int64_t rig_held_all(const struct rig *r);

#endif
