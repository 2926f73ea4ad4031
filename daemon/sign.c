#include "config.h"

#include "daemon/sign.h"
#include "daemon/bug.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "libproto/agree_errors.h"

enum {
	SLOTS = 512,  /* batches whose signing may be under way or remembered for peers that ask */
	LAZY_MS = 4,  /* nobody waits here: others go first */
	GRACE_MS = 4, /* how long the own set may lag behind the other one, when that is complete */
	WANT_FIRST_MS = 150, /* then peers are asked for what is missing, */
	WANT_LAST_MS = 4000, /* less and less often, until here */
};

struct set {
	struct frost_list list;
	struct frost_session session;
	bool has_session;
	uint16_t have;	  /* bit i: share of list.entry[i], */
	uint16_t refused; /* which has sent a bad one: no second try */
	struct frost_shares shares;
};

enum state { FREE, EARLY, SIGNING, DONE };

struct slot {
	uint64_t seq;
	enum state state;
	enum frost_kind kind;
	struct ap_statement statement;
	ap_half digest; /* of the statement */
	uint8_t n_sets;
	int own; /* set that this replica is in, or -1 */
	struct set sets[MACHINE_SETS_MAX];
	uint64_t since_ms, want_ms, other_ms; /* want_ms: next time to ask, 0: given up */
	uint64_t lazy_ms;		      /* shares are not added up before; 0: at once */
	uint8_t sent; /* bit i: set i has a share of ours, kept for peers that ask: */
	ap_share_body share[MACHINE_SETS_MAX];
	/* before the batch is executed here */
	bool has_early_sig;
	uint8_t early_sig[64];
	uint16_t early; /* bit id-1 */
	ap_share_body early_share[AP_REPLICAS_MAX];
};

struct sign {
	struct sign_conf conf;
	uint64_t executed;	/* highest */
	uint64_t ahead;		/* sequence for which points were checked ahead */
	uint16_t bad;		/* members whose share was wrong, said once */
	uint16_t other;		/* members who signed another statement, said once */
	uint8_t signing[SLOTS]; /* 1: that slot is SIGNING; apart from them, to be looked through at
				   each turn */
	struct slot slots[SLOTS];
};

static struct slot *slot_at(struct sign *s, uint64_t seq)
{
	return &s->slots[seq % SLOTS];
}

static struct slot *slot_find(struct sign *s, uint64_t seq)
{
	struct slot *slot = slot_at(s, seq);

	return slot->state != FREE && slot->seq == seq ? slot : NULL;
}

static void slot_state(struct sign *s, struct slot *slot, enum state state)
{
	slot->state = state;
	s->signing[slot - s->slots] = state == SIGNING;
}

static void slot_take(struct sign *s, struct slot *slot, uint64_t seq, enum state state)
{
	slot->seq = seq;
	slot_state(s, slot, state);
	slot->n_sets = 0;
	slot->own = -1;
	slot->sent = 0;
	slot->has_early_sig = false;
	slot->early = 0;
	slot->want_ms = 0;
	slot->other_ms = 0;
	slot->lazy_ms = 0;
}

int sign_new(struct sign **out, const struct sign_conf *conf)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return AGREE_ENOMEM;
	(*out)->conf = *conf;
	return 0;
}

void sign_free(struct sign *s)
{
	free(s);
}

void sign_resume(struct sign *s, uint64_t executed)
{
	s->executed = executed;
}

/* ---- a signature is there ---- */

static void finish(struct sign *s, struct slot *slot, const uint8_t sig[64])
{
	slot_state(s, slot, DONE);
	slot->want_ms = 0;
	s->conf.done(s->conf.arg, slot->seq, slot->statement.epoch, sig);
}

static void blame(struct sign *s, const struct slot *slot, struct set *set)
{
	uint32_t culprits =
		frost_culprits(&set->session, frost_public(s->conf.frost), &set->shares);

	for (uint32_t i = 0; i < set->list.count; i++) {
		uint16_t id = set->list.entry[i].id;

		if ((culprits >> i & 1) == 0)
			continue;
		set->have &= (uint16_t) ~(1u << i);
		set->refused |= (uint16_t)(1u << i);
		if ((s->bad >> (id - 1) & 1) == 0)
			log_say(LOG_L_INFO,
				"bad signature share member=%u sequence=%llu: tell its operator",
				id, (unsigned long long)slot->seq);
		s->bad |= (uint16_t)(1u << (id - 1));
	}
}

static bool set_is_complete(const struct set *set)
{
	return set->have == (1u << set->list.count) - 1;
}

static void aggregate(struct sign *s, struct slot *slot, struct set *set)
{
	uint8_t sig[64];

	if (!set->has_session) {
		if (frost_session_make(&set->session, frost_public(s->conf.frost), slot->kind,
				       &slot->statement, &set->list) != 0)
			return;
		set->has_session = true;
	}
	if (frost_aggregate(&set->session, &set->shares, sig) == 0)
		finish(s, slot, sig);
	else
		blame(s, slot, set);
}

/* The own set first: its session is made already. Another one only when the own lags. */
static void try_sets(struct sign *s, struct slot *slot, uint64_t now_ms)
{
	if (now_ms < slot->lazy_ms)
		return;
	if (slot->own >= 0 && set_is_complete(&slot->sets[slot->own]))
		aggregate(s, slot, &slot->sets[slot->own]);
	for (int i = 0; i < slot->n_sets && slot->state == SIGNING; i++) {
		if (i == slot->own || !set_is_complete(&slot->sets[i]))
			continue;
		if (slot->own < 0 || (slot->other_ms != 0 && now_ms >= slot->other_ms))
			aggregate(s, slot, &slot->sets[i]);
		else if (slot->other_ms == 0)
			slot->other_ms = now_ms + GRACE_MS;
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

static void take_share(struct sign *s, struct slot *slot, const ap_share_body *share)
{
	struct set *set;
	int i;

	if (share->set >= slot->n_sets || share->epoch != slot->statement.epoch)
		return;
	set = &slot->sets[BUG(45) ? 0 : share->set];
	i = member_index(set, share->replica);
	if (i < 0 || ((set->have | set->refused) >> i & 1) != 0)
		return;
	if (memcmp(share->statement.octets, slot->digest.octets, sizeof(slot->digest.octets)) !=
	    0) {
		say_other(s, share);
		return;
	}
	memcpy(set->shares.z[i], share->z.octets, 32);
	set->have |= (uint16_t)(1u << i);
}

void sign_share_in(struct sign *s, uint8_t from, const ap_share_body *share, uint64_t now_ms)
{
	struct slot *slot = slot_at(s, share->seq);

	if (share->seq > s->executed && share->seq <= s->executed + SLOTS / 2) {
		if (slot->state != EARLY || slot->seq != share->seq)
			slot_take(s, slot, share->seq, EARLY);
		if ((slot->early >> (from - 1) & 1) == 0)
			slot->early_share[from - 1] = *share;
		slot->early |= (uint16_t)(1u << (from - 1));
		return;
	}
	if (slot->state != SIGNING || slot->seq != share->seq)
		return;
	take_share(s, slot, share);
	try_sets(s, slot, now_ms);
}

void sign_signed_in(struct sign *s, uint64_t seq, const uint8_t sig[64])
{
	struct slot *slot = slot_at(s, seq);
	const struct index_block *b;

	if (seq > s->executed && seq <= s->executed + SLOTS / 2) {
		if (slot->state != EARLY || slot->seq != seq)
			slot_take(s, slot, seq, EARLY);
		slot->has_early_sig = true;
		memcpy(slot->early_sig, sig, 64);
		return;
	}
	b = index_block(s->conf.index, seq);
	if (b == NULL || b->has_sig || frost_public(s->conf.frost) == NULL)
		return;
	if (frost_verify(frost_public(s->conf.frost)->key, b->trial ? FROST_TRIAL : FROST_BATCH,
			 &b->statement, sig) != 0)
		return;
	slot = slot_find(s, seq);
	if (slot != NULL && slot->state == SIGNING)
		finish(s, slot, sig);
	else
		s->conf.done(s->conf.arg, seq, b->statement.epoch, sig);
}

void sign_want_in(struct sign *s, uint8_t from, uint64_t seq)
{
	const struct slot *slot = slot_find(s, seq);

	for (int i = 0; slot != NULL && i < slot->n_sets; i++) {
		if ((slot->sent >> i & 1) != 0)
			s->conf.send(s->conf.arg, (uint16_t)(1u << (from - 1)), &slot->share[i]);
	}
}

/* ---- execution ---- */

static void set_copy(struct set *to, const struct machine_set *from, uint32_t epoch, uint8_t t)
{
	to->has_session = false;
	to->have = to->refused = 0;
	to->list.epoch = epoch;
	to->list.count = t;
	for (uint8_t i = 0; i < t; i++) {
		to->list.entry[i].id = from->members[i];
		memcpy(to->list.entry[i].hiding, from->hiding[i], 32);
		memcpy(to->list.entry[i].binding, from->binding[i], 32);
	}
}

static void statement_digest(struct slot *slot)
{
	uint8_t text[AP_STATEMENT_MAX], digest[64];
	size_t n = slot->kind == FROST_TRIAL ? ap_statement_trial_put(text, &slot->statement)
					     : ap_statement_batch_put(text, &slot->statement);

	crypto_hash_sha512(digest, text, n);
	memcpy(slot->digest.octets, digest, sizeof(slot->digest.octets));
}

/* Signs where this replica is in the set. The nonce is spent whatever comes of it. */
static void sign_own(struct sign *s, struct slot *slot, int which, const struct machine_set *m)
{
	struct set *set = &slot->sets[which];
	int i = member_index(set, s->conf.self);
	uint8_t z[32];

	if (i < 0)
		return;
	if (slot->own < 0)
		slot->own = which;
	if (m->boot[i] != frost_boot(s->conf.frost))
		return; /* an earlier run's: that nonce is gone */
	if (frost_sign(s->conf.frost, slot->kind, &slot->statement, &set->list, m->boot[i],
		       m->ctr[i], &set->session, z) == 0) {
		set->has_session = true;
		memcpy(set->shares.z[i], z, 32);
		set->have |= (uint16_t)(1u << i);
		slot->share[which] = (ap_share_body){.epoch = slot->statement.epoch,
						     .seq = slot->seq,
						     .set = (uint8_t)which,
						     .replica = s->conf.self};
		memcpy(slot->share[which].z.octets, z, 32);
		slot->share[which].statement = slot->digest;
		slot->sent |= (uint8_t)(1u << which);
		s->conf.send(s->conf.arg, PBFT_EVERYONE, &slot->share[which]);
	}
	frost_wipe_behind(s->conf.frost, m->ctr[i]);
}

static void take_early(struct sign *s, struct slot *slot, uint16_t early,
		       const ap_share_body shares[])
{
	for (uint8_t id = 1; id <= AP_REPLICAS_MAX; id++) {
		if ((early >> (id - 1) & 1) != 0)
			take_share(s, slot, &shares[id - 1]);
	}
}

void sign_executed(struct sign *s, const struct machine_result *r, bool urgent, uint64_t now_ms)
{
	struct slot *slot = slot_at(s, r->seq);
	bool was_early = slot->state == EARLY && slot->seq == r->seq;
	const struct index_block *b = index_block(s->conf.index, r->seq);
	uint16_t early = was_early ? slot->early : 0;
	bool has_sig = was_early && slot->has_early_sig;

	s->executed = r->seq;
	if (r->sign == MACHINE_SIGN_NOTHING || b == NULL || frost_public(s->conf.frost) == NULL) {
		slot_state(s, slot, FREE);
		return;
	}
	slot_take(s, slot, r->seq, SIGNING);
	slot->kind = r->sign == MACHINE_SIGN_TRIAL ? FROST_TRIAL : FROST_BATCH;
	slot->statement = b->statement;
	statement_digest(slot);
	slot->since_ms = now_ms;
	slot->want_ms = now_ms + WANT_FIRST_MS;
	slot->lazy_ms = urgent ? 0 : now_ms + LAZY_MS;
	slot->n_sets = (uint8_t)r->n_sets;
	for (int i = 0; i < slot->n_sets; i++)
		set_copy(&slot->sets[i], &r->sets[i], r->epoch,
			 (uint8_t)frost_public(s->conf.frost)->t);
	for (int i = 0; i < slot->n_sets; i++)
		sign_own(s, slot, i, &r->sets[i]);
	take_early(s, slot, early, slot->early_share);
	if (has_sig)
		sign_signed_in(s, r->seq, slot->early_sig);
	if (slot->state == SIGNING)
		try_sets(s, slot, now_ms);
}

/* ---- time ---- */

static uint64_t slot_tick(struct sign *s, struct slot *slot, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	if ((slot->other_ms != 0 && now_ms >= slot->other_ms) ||
	    (slot->lazy_ms != 0 && now_ms >= slot->lazy_ms)) {
		slot->lazy_ms = 0;
		try_sets(s, slot, now_ms);
	}
	if (slot->state != SIGNING)
		return UINT64_MAX;
	if (slot->want_ms != 0 && now_ms >= slot->want_ms) {
		uint64_t age = now_ms - slot->since_ms;

		s->conf.want(s->conf.arg, PBFT_EVERYONE, slot->seq);
		slot->want_ms = age > WANT_LAST_MS ? 0 : now_ms + age;
	}
	if (slot->want_ms != 0)
		next = slot->want_ms;
	if (slot->other_ms > now_ms && slot->other_ms < next)
		next = slot->other_ms;
	if (slot->lazy_ms > now_ms && slot->lazy_ms < next)
		next = slot->lazy_ms;
	return next;
}

uint64_t sign_tick(struct sign *s, uint64_t now_ms)
{
	const uint8_t *at = s->signing, *end = s->signing + SLOTS;
	uint64_t next = UINT64_MAX;

	for (; (at = memchr(at, 1, (size_t)(end - at))) != NULL; at++) {
		uint64_t due = slot_tick(s, &s->slots[at - s->signing], now_ms);

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
	size_t n = 0;

	for (size_t i = 0; i < SLOTS; i++)
		n += s->signing[i];
	return n;
}
