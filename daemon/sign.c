#include "config.h"

#include "daemon/sign.h"
#include "daemon/bug.h"

#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/evidence.h"
#include "daemon/log.h"
#include "daemon/sign_priv.h"
#include "libproto/agree_errors.h"

static struct slot *slot_at(struct sign *s, uint64_t seq)
{
	struct slot *slot = &s->slots[seq % SLOTS];

	if (!s->touched[seq % SLOTS]) {
		s->touched[seq % SLOTS] = true;
		slot->seq = 0;
		slot->state = FREE;
	}
	return slot;
}

static struct slot *slot_find(struct sign *s, uint64_t seq)
{
	struct slot *slot = slot_at(s, seq);

	return slot->state != FREE && slot->seq == seq ? slot : NULL;
}

void sign_slot_state(struct sign *s, struct slot *slot, enum state state)
{
	s->missing -= slot->state == SIGNING;
	s->missing += state == SIGNING;
	slot->state = state;
	s->signing[slot - s->slots] = state == SIGNING;
}

static void slot_take(struct sign *s, struct slot *slot, uint64_t seq, enum state state)
{
	slot->seq = seq;
	sign_slot_state(s, slot, state);
	for (size_t i = 0; i < TRIES; i++)
		slot->tries[i].made = false;
	slot->has_early_sig = false;
	slot->early = 0;
	slot->want_ms = 0;
	slot->other_ms = 0;
	slot->lazy_ms = 0;
	slot->retry_ms = 0;
}

int sign_new(struct sign **out, const struct sign_conf *conf)
{
	*out = malloc(sizeof(**out));
	if (*out == NULL)
		return AGREE_ENOMEM;
	memset(*out, 0, offsetof(struct sign, slots));
	(*out)->conf = *conf;
	return 0;
}

void sign_free(struct sign *s)
{
	free(s);
}

/* ---- a signature is there ---- */

static void finish(struct sign *s, struct slot *slot, const uint8_t sig[64])
{
	sign_slot_state(s, slot, DONE);
	slot->want_ms = 0;
	s->conf.done(s->conf.arg, slot->seq, slot->statement.epoch, sig);
}

static bool set_is_complete(const struct set *set)
{
	return !set->dead && set->have == (1u << set->list.count) - 1;
}

static void aggregate(struct sign *s, struct slot *slot, struct try *try, struct set *set)
{
	uint8_t sig[64];
	int rc;

	if (slot->lazy_ms != 0)
		(void)sched_yield(); /* on this host too */
	if (!set->has_session) {
		rc = frost_session_make(&set->session, frost_public(s->conf.frost), slot->kind,
					&slot->statement, &set->list);
		if (rc == FROST_EPOINT)
			sign_badpoint(s, slot, try, set, set->session.culprit);
		if (rc != 0)
			return;
		set->has_session = true;
	}
	if (frost_aggregate(s->conf.frost, &set->session, &set->shares, sig) == 0)
		finish(s, slot, sig);
	else
		sign_blame(s, slot, try, set);
}

/* The own set first: its session is made already. Another one only when the own lags. */
static void try_sets(struct sign *s, struct slot *slot, struct try *try)
{
	if (try->own >= 0 && set_is_complete(&try->sets[try->own]))
		aggregate(s, slot, try, &try->sets[try->own]);
	for (int i = 0; i < try->n_sets && slot->state == SIGNING; i++) {
		if (i == try->own || !set_is_complete(&try->sets[i]))
			continue;
		if (try->own < 0 || (slot->other_ms != 0 && s->now_ms >= slot->other_ms))
			aggregate(s, slot, try, &try->sets[i]);
		else if (slot->other_ms == 0)
			slot->other_ms = s->now_ms + GRACE_MS;
	}
}

/* All that can come has come: everybody has executed the batch, and nobody waits for this replica
 * to give way. */
static bool is_whole(const struct try *try)
{
	for (int i = 0; i < try->n_sets; i++)
		if (!set_is_complete(&try->sets[i]))
			return false;
	return true;
}

static void try_all(struct sign *s, struct slot *slot)
{
	for (size_t i = 0; i < TRIES; i++) {
		struct try *try = &slot->tries[i];

		if (try->made && slot->state == SIGNING &&
		    (s->now_ms >= slot->lazy_ms || is_whole(try)))
			try_sets(s, slot, try);
	}
}

/* ---- shares ---- */

static int member_index(const struct set *set, uint8_t id)
{
	for (uint32_t i = 0; i < set->list.count; i++) {
		if (set->list.entry[i].id == id)
			return (int)i;
	}
	return -1;
}

/* Its sender executed something else, or this replica did: no fault of the share. */
static void say_other(struct sign *s, const ap_share_body *share)
{
	uint16_t bit = (uint16_t)(1u << (share->replica - 1));

	if ((s->other & bit) == 0)
		log_say(LOG_L_ERROR,
			"member=%u signs another statement sequence=%llu: its state differs from "
			"this replica's; compare with a third one's",
			share->replica, (unsigned long long)share->seq);
	s->other |= bit;
}

static void take_share(struct sign *s, struct slot *slot, const ap_share *whole)
{
	const ap_share_body *share = &whole->share;
	struct try *try = &slot->tries[share->attempt % TRIES];
	struct set *set;
	int i;

	if (!try->made || try->attempt != share->attempt || share->set >= try->n_sets ||
	    share->epoch != slot->statement.epoch || s->ignore_ms[share->replica - 1] > s->now_ms)
		return;
	set = &try->sets[BUG(45) ? 0 : share->set];
	i = member_index(set, share->replica);
	if (i < 0 || set->dead || ((set->have | set->refused) >> i & 1) != 0)
		return;
	if (memcmp(share->statement.octets, slot->digest.octets, sizeof(slot->digest.octets)) !=
	    0) {
		say_other(s, share);
		return;
	}
	memcpy(set->shares.z[i], share->z.octets, 32);
	memcpy(set->sig[i], whole->sig.octets, 64);
	set->have |= (uint16_t)(1u << i);
}

static uint32_t early_bit(uint8_t id, uint8_t set)
{
	return UINT32_C(1) << (2 * (id - 1) + set);
}

/* The newest attempt's counts, the first share of it. */
static void keep_early(struct slot *slot, uint8_t from, const ap_share *share)
{
	ap_share *kept;

	if (share->share.set >= MACHINE_SETS_MAX)
		return;
	kept = &slot->early_share[from - 1][share->share.set];
	if ((slot->early & early_bit(from, share->share.set)) != 0 &&
	    kept->share.attempt >= share->share.attempt)
		return;
	*kept = *share;
	slot->early |= early_bit(from, share->share.set);
}

static void take_early(struct sign *s, struct slot *slot, uint8_t attempt)
{
	for (uint8_t id = 1; id <= s->conf.n; id++)
		for (uint8_t k = 0; k < MACHINE_SETS_MAX; k++)
			if ((slot->early & early_bit(id, k)) != 0 &&
			    slot->early_share[id - 1][k].share.attempt == attempt)
				take_share(s, slot, &slot->early_share[id - 1][k]);
}

void sign_share_in(struct sign *s, uint8_t from, const ap_share *share, uint64_t now_ms)
{
	uint64_t seq = share->share.seq;
	struct slot *slot = slot_at(s, seq);
	const struct try *try;

	s->now_ms = now_ms;
	if (seq > s->executed && seq <= s->executed + SLOTS / 2) {
		if (slot->state != EARLY || slot->seq != seq)
			slot_take(s, slot, seq, EARLY);
		keep_early(slot, from, share);
		return;
	}
	if (slot->state != SIGNING || slot->seq != seq)
		return;
	try = &slot->tries[share->share.attempt % TRIES];
	if (try->made && try->attempt >= share->share.attempt)
		take_share(s, slot, share);
	else
		keep_early(slot, from, share);
	try_all(s, slot);
}

bool sign_signed_in(struct sign *s, uint64_t seq, const uint8_t sig[64])
{
	struct slot *slot = slot_at(s, seq);
	const struct index_block *b;

	if (seq > s->executed && seq <= s->executed + SLOTS / 2) {
		if (slot->state != EARLY || slot->seq != seq)
			slot_take(s, slot, seq, EARLY);
		slot->has_early_sig = true;
		memcpy(slot->early_sig, sig, 64);
		return true;
	}
	if (frost_public(s->conf.frost) == NULL)
		return true;
	slot = slot_find(s, seq);
	if (slot != NULL && slot->state == SIGNING) {
		if (frost_verify_own(s->conf.frost, slot->kind, &slot->statement, sig) != 0)
			return false;
		finish(s, slot, sig);
		return true;
	}
	b = index_block(s->conf.index, seq);
	if (b == NULL || b->has_sig)
		return true;
	if (frost_verify_own(s->conf.frost, b->trial ? FROST_TRIAL : FROST_BATCH, &b->statement,
			     sig) != 0)
		return false;
	s->conf.done(s->conf.arg, seq, b->statement.epoch, sig);
	return true;
}

void sign_want_in(struct sign *s, uint8_t from, uint64_t seq)
{
	const struct slot *slot = slot_find(s, seq);

	for (size_t k = 0; slot != NULL && k < TRIES; k++)
		for (int i = 0; slot->tries[k].made && i < slot->tries[k].n_sets; i++)
			if ((slot->tries[k].sent >> i & 1) != 0)
				s->conf.send(s->conf.arg, (uint16_t)(1u << (from - 1)),
					     &slot->tries[k].share[i]);
}

/* ---- execution ---- */

static void set_copy(struct set *to, const struct machine_set *from, uint32_t epoch, uint8_t t)
{
	to->has_session = to->dead = false;
	to->have = to->refused = 0;
	to->list.epoch = epoch;
	to->list.count = t;
	for (uint8_t i = 0; i < t; i++) {
		to->list.entry[i].id = from->members[i];
		memcpy(to->list.entry[i].hiding, from->hiding[i], 32);
		memcpy(to->list.entry[i].binding, from->binding[i], 32);
	}
}

static void own_share(struct sign *s, struct slot *slot, struct try *try, int which, int i,
		      const uint8_t z[32])
{
	struct set *set = &try->sets[which];
	ap_share_body *share = &try->share[which];

	set->has_session = true;
	memcpy(set->shares.z[i], z, 32);
	set->have |= (uint16_t)(1u << i);
	*share = (ap_share_body){.epoch = slot->statement.epoch,
				 .seq = slot->seq,
				 .attempt = try->attempt,
				 .set = (uint8_t)which,
				 .replica = s->conf.self,
				 .statement = slot->digest};
	memcpy(share->z.octets, z, 32);
	try->sent |= (uint8_t)(1u << which);
	s->conf.send(s->conf.arg, PBFT_EVERYONE, share);
}

/* Signs where this replica is in the set. The nonce is spent whatever comes of it. */
static void sign_own(struct sign *s, struct slot *slot, struct try *try, int which,
		     const struct machine_set *m)
{
	struct set *set = &try->sets[which];
	int i = member_index(set, s->conf.self), rc;
	uint8_t z[32];

	if (i < 0)
		return;
	if (try->own < 0)
		try->own = which;
	if (m->boot[i] != frost_boot(s->conf.frost))
		return; /* an earlier run's: that nonce is gone */
	rc = frost_sign(s->conf.frost, slot->kind, &slot->statement, &set->list, m->boot[i],
			m->ctr[i], &set->session, z);
	if (rc == 0)
		own_share(s, slot, try, which, i, z);
	else if (rc == FROST_EPOINT)
		sign_badpoint(s, slot, try, set, set->session.culprit);
	frost_wipe_behind(s->conf.frost, m->ctr[i]);
}

/* An attempt is made: this replica's part of it, and what came of the others' before. */
static void begin_try(struct sign *s, struct slot *slot, uint8_t attempt,
		      const struct machine_set sets[], size_t n_sets)
{
	struct try *try = &slot->tries[attempt % TRIES];

	try->made = true;
	try->attempt = attempt;
	try->n_sets = (uint8_t)n_sets;
	try->own = -1;
	try->sent = 0;
	slot->other_ms = 0;
	slot->retry_ms = sign_retry_due(s->now_ms, attempt);
	for (size_t i = 0; i < n_sets; i++)
		set_copy(&try->sets[i], &sets[i], slot->statement.epoch,
			 (uint8_t)frost_public(s->conf.frost)->t);
	for (int i = 0; i < try->n_sets; i++)
		sign_own(s, slot, try, i, &sets[i]);
	take_early(s, slot, attempt);
}

static void slot_begin(struct sign *s, struct slot *slot, bool trial,
		       const struct ap_statement *statement)
{
	slot->kind = trial ? FROST_TRIAL : FROST_BATCH;
	slot->statement = *statement;
	evidence_statement(&slot->digest, trial, statement);
	slot->since_ms = s->now_ms;
	slot->want_ms = s->now_ms + WANT_FIRST_MS;
}

/* Entries of this replica that it does not sign with are gone all the same. */
static void wipe_own(struct sign *s, const struct machine_retry *r)
{
	uint32_t t = frost_public(s->conf.frost)->t;

	for (size_t k = 0; k < r->n_sets; k++)
		for (uint32_t i = 0; i < t; i++)
			if (r->sets[k].members[i] == s->conf.self &&
			    r->sets[k].boot[i] == frost_boot(s->conf.frost))
				frost_wipe_behind(s->conf.frost, r->sets[k].ctr[i] + 1);
}

static void retried(struct sign *s, const struct machine_retry *r)
{
	uint64_t seq = r->statement.seq;
	struct slot *slot = slot_at(s, seq);
	uint8_t sig[64];
	uint32_t epoch;

	/* draft {#retry}: "One that has the group signature sends SIGNED to all others instead" */
	if (index_signature(s->conf.index, seq, &epoch, sig)) {
		wipe_own(s, r);
		s->conf.give(s->conf.arg, PBFT_EVERYONE, seq);
		return;
	}
	if (slot->seq != seq || (slot->state != SIGNING && slot->state != DONE)) {
		slot_take(s, slot, seq, SIGNING);
		slot_begin(s, slot, r->trial, &r->statement);
	}
	sign_slot_state(s, slot, SIGNING);
	slot->want_ms = s->now_ms + WANT_FIRST_MS;
	begin_try(s, slot, r->attempt, r->sets, r->n_sets);
	try_all(s, slot);
}

/* The batch itself. */
static void executed(struct sign *s, const struct machine_result *r, bool urgent)
{
	struct slot *slot = slot_at(s, r->seq);
	bool was_early = slot->state == EARLY && slot->seq == r->seq;
	const struct index_block *b = index_block(s->conf.index, r->seq);
	uint32_t early = was_early ? slot->early : 0;
	bool has_sig = was_early && slot->has_early_sig;

	if (r->sign == MACHINE_SIGN_NOTHING || b == NULL) {
		sign_slot_state(s, slot, FREE);
		return;
	}
	slot_take(s, slot, r->seq, SIGNING);
	slot->early = early;
	slot_begin(s, slot, r->sign == MACHINE_SIGN_TRIAL, &b->statement);
	slot->lazy_ms = urgent ? 0 : s->now_ms + LAZY_MS;
	if (r->n_sets > 0)
		begin_try(s, slot, 0, r->sets, r->n_sets);
	if (has_sig)
		sign_signed_in(s, r->seq, slot->early_sig);
	if (slot->state == SIGNING)
		try_all(s, slot);
}

void sign_executed(struct sign *s, const struct machine_result *r, bool urgent, uint64_t now_ms)
{
	s->now_ms = now_ms;
	s->executed = r->seq;
	if (r->signers_changed)
		sign_say_signers(s);
	if (frost_public(s->conf.frost) == NULL) {
		sign_slot_state(s, slot_at(s, r->seq), FREE);
		return;
	}
	/* in the order in which the entries were popped */
	executed(s, r, urgent);
	for (size_t i = 0; i < r->n_retries; i++)
		retried(s, &r->retries[i]);
}

void sign_resume(struct sign *s, uint64_t now_ms)
{
	uint64_t seq;

	s->now_ms = now_ms;
	s->executed = machine_seq(s->conf.machine);
	seq = s->executed < MACHINE_PENDING_MAX ? 1 : s->executed - MACHINE_PENDING_MAX + 1;
	for (; seq <= s->executed; seq++) {
		const struct machine_pending *it = machine_pending(s->conf.machine, seq);
		const struct index_block *b = index_block(s->conf.index, seq);
		struct slot *slot = slot_at(s, seq);

		if (it == NULL || b == NULL || b->has_sig)
			continue;
		slot_take(s, slot, seq, SIGNING);
		slot_begin(s, slot, it->trial, &it->statement);
		slot->retry_ms = sign_retry_due(now_ms, 0);
	}
	sign_say_signers(s);
}

/* ---- time ---- */

static void slot_due(struct sign *s, struct slot *slot)
{
	uint64_t now_ms = s->now_ms;

	if ((slot->other_ms != 0 && now_ms >= slot->other_ms) ||
	    (slot->lazy_ms != 0 && now_ms >= slot->lazy_ms)) {
		slot->lazy_ms = 0;
		try_all(s, slot);
	}
	if (slot->state == SIGNING && slot->want_ms != 0 && now_ms >= slot->want_ms) {
		uint64_t age = now_ms - slot->since_ms;

		s->conf.want(s->conf.arg, PBFT_EVERYONE, slot->seq);
		slot->want_ms = age > WANT_LAST_MS ? 0 : now_ms + age;
	}
	if (slot->state == SIGNING && slot->retry_ms != 0 && now_ms >= slot->retry_ms)
		sign_retry(s, slot);
}

static uint64_t slot_tick(struct sign *s, struct slot *slot)
{
	const uint64_t dues[] = {slot->other_ms, slot->lazy_ms};
	uint64_t next = UINT64_MAX;

	slot_due(s, slot);
	if (slot->state != SIGNING)
		return UINT64_MAX;
	if (slot->want_ms != 0)
		next = slot->want_ms;
	if (slot->retry_ms != 0 && slot->retry_ms < next)
		next = slot->retry_ms;
	for (size_t i = 0; i < sizeof(dues) / sizeof(dues[0]); i++)
		if (dues[i] > s->now_ms && dues[i] < next)
			next = dues[i];
	return next;
}

uint64_t sign_tick(struct sign *s, uint64_t now_ms)
{
	const uint8_t *at = s->signing, *end = s->signing + SLOTS;
	uint64_t next = UINT64_MAX;

	s->now_ms = now_ms;
	for (; (at = memchr(at, 1, (size_t)(end - at))) != NULL; at++) {
		uint64_t due = slot_tick(s, &s->slots[at - s->signing]);

		next = due < next ? due : next;
	}
	return next;
}

bool sign_idle(struct sign *s, const struct machine *m)
{
	struct machine_set sets[MACHINE_SETS_MAX];
	const struct frost_group *group = frost_public(s->conf.frost);
	size_t n;

	if (s->ahead == machine_seq(m) + 1 || group == NULL)
		return false;
	s->ahead = machine_seq(m) + 1;
	n = machine_next_sets(m, sets);
	for (size_t i = 0; i < n; i++) {
		bool own = false;

		for (uint32_t j = 0; j < group->t; j++)
			own = own || sets[i].members[j] == s->conf.self;
		for (uint32_t j = 0; own && j < group->t; j++) {
			if (sets[i].members[j] != s->conf.self)
				(void)frost_precheck(s->conf.frost, sets[i].hiding[j]);
		}
	}
	return n > 0;
}

size_t sign_missing(const struct sign *s)
{
	return s->missing;
}
