#include "config.h"

#include "daemon/scrub.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/damage.h"
#include "daemon/index_priv.h"
#include "daemon/log.h"
#include "daemon/run_priv.h"

enum {
	PIECE = 256 << 10, /* octets: some milliseconds of a disk */
	HURRY_MS = 5,	   /* between pieces of a pass that is waited for */
	WAIT_MS = 1000,	   /* while something else goes first */
	REST_MAX_MS = 600000,
};

enum phase { RESTS, STORE, JOURNAL };

struct scrub {
	uint64_t period_ms; /* of a pass; 0: only when asked for */
	enum phase phase;
	bool hurries;
	uint64_t due_ms; /* the next piece, or the next pass */
	uint64_t begun_ms;
	uint64_t octets, total; /* read in this pass; about that many there are */
	/* of all passes of this run */
	uint64_t passes, found, last_ms; /* last_ms: wall clock of the last one's end; 0: none */
	/* the thread's while it runs, and what it works on: */
	bool runs;
	struct journal *journal_of;
	struct merge_scrub store;
	struct journal_scrub journal;
	struct disk_error why;
	int status; /* of the journal's last piece */
};

struct scrub *scrub_new(const struct run *r)
{
	struct scrub *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->period_ms = (uint64_t)r->conf->scrub_hours * 3600 * 1000;
	s->journal_of = r->journal;
	/* members that start together do not read together */
	s->due_ms = s->period_ms == 0
			    ? UINT64_MAX
			    : run_now() + (r->boot * 7919 + r->self * 104729u) % 60000 + WAIT_MS;
	return s;
}

void scrub_free(struct scrub *s)
{
	free(s);
}

static void begin(struct run *r)
{
	struct scrub *s = r->scrub;

	s->phase = STORE;
	s->store = (struct merge_scrub){.horizon_ms = r->net.horizon_s * 1000};
	s->journal = (struct journal_scrub){.is_done = false};
	s->octets = 0;
	s->begun_ms = run_now();
	/* the store is read by pages, and by what refers to each other */
	s->total = journal_octets(r->journal) + 2 * index_octets(r->index) + PIECE;
	log_say(LOG_L_DETAIL, "scrub begins octets=%" PRIu64, s->total);
}

void scrub_hurry(struct run *r)
{
	r->scrub->hurries = true;
	r->scrub->due_ms = 0;
	run_wake(r);
}

void scrub_again(struct run *r)
{
	struct scrub *s = r->scrub;

	s->runs = false;
	if (s->phase != RESTS) /* what is fetched then is read as well */
		s->due_ms = run_now() + WAIT_MS;
	s->phase = RESTS;
}

/* In the thread. */
static void piece(struct merge *m, void *arg)
{
	struct scrub *s = arg;

	if (s->phase == STORE)
		merge_scrub(m, &s->store, PIECE);
	else
		s->status = journal_scrub(s->journal_of, &s->journal, PIECE, &s->why);
}

/* So that the rest of the pass ends in time. */
static uint64_t pace(const struct scrub *s, uint64_t octets)
{
	uint64_t ms = HURRY_MS;

	if (!s->hurries && s->total > 0)
		ms = s->period_ms / 4096 * octets / (s->total / 4096 + 1);
	return ms < HURRY_MS ? HURRY_MS : ms > REST_MAX_MS ? REST_MAX_MS : ms;
}

static void end(struct run *r)
{
	struct scrub *s = r->scrub;
	uint64_t now = run_now();

	s->passes++;
	s->last_ms = run_wall();
	s->phase = RESTS;
	log_say(LOG_L_INFO,
		"scrub ends octets=%" PRIu64 " ms=%" PRIu64 " damages=%" PRIu64 " (of all passes)",
		s->octets, now - s->begun_ms, s->found);
	s->hurries = false;
	s->due_ms = UINT64_MAX;
	if (s->period_ms > 0)
		s->due_ms = s->begun_ms + s->period_ms > now ? s->begun_ms + s->period_ms
							     : now + WAIT_MS;
}

static void on_store(struct run *r)
{
	struct scrub *s = r->scrub;

	s->octets += s->store.octets;
	s->due_ms = run_now() + pace(s, s->store.octets);
	if (s->store.damage[0] != '\0') {
		s->found++;
		index_damaged(r->index, s->store.damage); /* and the next turn looks */
		run_wake(r);
	} else if (s->store.is_done) {
		s->phase = JOURNAL;
	}
}

/* draft {#damage}: "where it has the votes above the last stable checkpoint whose state it has
 * stored" */
static void on_journal(struct run *r)
{
	struct scrub *s = r->scrub;
	struct index_info info;

	s->octets += s->journal.octets;
	s->due_ms = run_now() + pace(s, s->journal.octets);
	if (s->status == DISK_EDAMAGED) {
		s->found++;
		index_info(r->index, &info);
		if (s->journal.highest > info.merged_seq)
			damage_votes(r, s->why.text);
		else
			damage_batches(r, s->why.text);
	}
	if (s->journal.is_done)
		end(r);
}

void scrub_poll(struct run *r)
{
	struct scrub *s = r->scrub;

	if (!index_errand_ended(r->index) || !s->runs)
		return;
	s->runs = false;
	if (s->phase == STORE)
		on_store(r);
	else
		on_journal(r);
}

/* What is being fetched is looked at when it is complete. */
static bool must_wait(struct run *r)
{
	struct pbft_info core;

	pbft_info(r->pbft, &core);
	return core.lacks || core.diverged || fetch_state_is_busy(r) ||
	       index_damage(r->index) != NULL;
}

uint64_t scrub_turn(struct run *r)
{
	struct scrub *s = r->scrub;
	uint64_t now = run_now();

	if (s->runs)
		return UINT64_MAX; /* the index's event wakes */
	if (now < s->due_ms)
		return s->due_ms;
	if (must_wait(r)) {
		s->due_ms = now + WAIT_MS;
		return s->due_ms;
	}
	if (s->phase == RESTS)
		begin(r);
	s->runs = index_errand(r->index, piece, s);
	if (!s->runs)
		s->due_ms = now + HURRY_MS; /* it merges */
	return s->runs ? UINT64_MAX : s->due_ms;
}

void scrub_show(const struct run *r, struct ap_text *out)
{
	static const char *const phases[] = {
		[RESTS] = "rests", [STORE] = "store", [JOURNAL] = "journal"};
	const struct scrub *s = r->scrub;
	uint64_t percent = s->total > 0 ? s->octets * 100 / s->total : 0;

	ap_text_addf(out,
		     "scrub=%s\nscrub_percent=%" PRIu64 "\nscrub_passes=%" PRIu64 "\nscrub_last=",
		     phases[s->phase],
		     s->phase == RESTS ? 0
		     : percent > 99    ? 99
				       : percent,
		     s->passes);
	if (s->last_ms > 0)
		ap_text_time(out, s->last_ms);
	ap_text_addf(out, "\ndamages=%" PRIu64 "\n", r->damages);
}
