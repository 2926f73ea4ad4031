/* clang-format off */
/*
 * The fixed state as octets, back, and its digest. draft {#state}
 *
 *   configuration  u8 version, u8 n, genesis id, u64 retention, u64 horizon, u64 capacity
 *   clock          u64 sequence, u64 T, u64 F, running hash
 *   key            u8 phase, u32 epoch, u32 attempt, u8 culprit, sid, u16 each: who has sent
 *                  ENCKEY, DEAL, READY (bit id - 1); for each of those: key, then for each: DEAL as
 *                  encoded; hash of the dealings, group key, n verification shares (zero if not
 *                  known yet)
 *   numbers        for each relay: u64 start, u64 counter, 4 times u64: which were executed
 *   incarnations   for each member: u64
 *   pools          for each member: u64 boot, u64 next, u16 count and that many commitments
 *   signing        snapshot_signing.c
 *   kept           u16 count of buckets that are not empty, and for each, ascending: u64 number,
 *                  and n times u32
 *   undecided      u32 count, u64 sequence at which the oldest was registered, id of the last one
 *                  expired: what they are follows from the history
 *   history        u64 batches, and the peaks of their tree
 *
 * One state has one encoding: machine_restore() encodes what it has decoded and compares.
 */
/* clang-format on */
#include <string.h>

#include "daemon/machine/inner.h"
#include "daemon/bug.h"
#include "libproto/digest.h"

enum { VERSION = 3 };

static void u8_put(struct ap_writer *w, uint8_t v)
{
	ap_u8_put(w, &v);
}

static void u16_put(struct ap_writer *w, uint16_t v)
{
	ap_u16_put(w, &v);
}

static uint8_t u8_get(struct ap_reader *r)
{
	uint8_t v;

	ap_u8_get(r, &v);
	return v;
}

static uint16_t u16_get(struct ap_reader *r)
{
	uint16_t v;

	ap_u16_get(r, &v);
	return v;
}

static uint64_t u64_get(struct ap_reader *r)
{
	uint64_t v;

	ap_u64_get(r, &v);
	return v;
}

static void check(struct ap_reader *r, bool good)
{
	if (!good)
		ap_reader_fail(r);
}

/* ---- configuration, clock ---- */

static void conf_put(struct ap_writer *w, const struct machine_conf *conf)
{
	u8_put(w, VERSION);
	u8_put(w, conf->n);
	ap_octets_put(w, conf->genesis, sizeof(conf->genesis));
	ap_u64_put(w, &conf->retention_s);
	ap_u64_put(w, &conf->horizon_s);
	ap_u64_put(w, &conf->capacity);
}

static void conf_get(struct ap_reader *r, const struct machine_conf *conf)
{
	uint8_t genesis[32];

	r->field = "configuration";
	check(r, u8_get(r) == VERSION);
	check(r, u8_get(r) == conf->n);
	ap_octets_get(r, genesis, sizeof(genesis));
	check(r, memcmp(genesis, conf->genesis, sizeof(genesis)) == 0);
	check(r, u64_get(r) == conf->retention_s);
	check(r, u64_get(r) == conf->horizon_s);
	check(r, u64_get(r) == conf->capacity);
}

static void clock_put(struct ap_writer *w, const struct machine_state *state)
{
	ap_u64_put(w, &state->seq);
	ap_u64_put(w, &state->time_ms);
	ap_u64_put(w, &state->retain.floor_ms);
	ap_octets_put(w, state->running, sizeof(state->running));
}

static void clock_get(struct ap_reader *r, struct machine_state *state)
{
	r->field = "clock";
	state->seq = u64_get(r);
	state->time_ms = u64_get(r);
	state->retain.floor_ms = u64_get(r);
	ap_octets_get(r, state->running, sizeof(state->running));
	check(r, state->retain.floor_ms <= state->time_ms);
}

/* ---- key ---- */

static bool has(uint16_t have, size_t i)
{
	return (have >> i & 1) != 0;
}

static void key_put(struct ap_writer *w, const struct machine_key *key, uint8_t n)
{
	u8_put(w, (uint8_t)key->phase);
	ap_u32_put(w, &key->epoch);
	ap_u32_put(w, &key->attempt);
	u8_put(w, key->culprit);
	ap_octets_put(w, key->sid, sizeof(key->sid));
	u16_put(w, key->have_enckey);
	u16_put(w, key->have_deal);
	u16_put(w, key->have_ready);
	for (size_t i = 0; i < n; i++)
		if (has(key->have_enckey, i))
			ap_octets_put(w, key->enckeys[i], sizeof(key->enckeys[i]));
	for (size_t i = 0; i < n; i++)
		if (has(key->have_deal, i))
			ap_deal_put(w, &key->deals[i]);
	ap_octets_put(w, key->dealings, sizeof(key->dealings));
	ap_octets_put(w, key->pk, sizeof(key->pk));
	ap_octets_put(w, key->y, (size_t)n * sizeof(key->y[0]));
}

static void key_get(struct ap_reader *r, struct machine_key *key, uint8_t n)
{
	uint16_t others = (uint16_t) ~((1U << n) - 1);
	uint8_t phase;

	r->field = "key";
	phase = u8_get(r);
	check(r, phase >= MACHINE_ENCKEYS && phase <= MACHINE_FAILED);
	key->phase = r->bad == NULL ? (enum machine_phase)phase : MACHINE_ENCKEYS;
	ap_u32_get(r, &key->epoch);
	ap_u32_get(r, &key->attempt);
	key->culprit = u8_get(r);
	check(r, key->culprit <= n);
	ap_octets_get(r, key->sid, sizeof(key->sid));
	key->have_enckey = u16_get(r);
	key->have_deal = u16_get(r);
	key->have_ready = u16_get(r);
	check(r, ((key->have_enckey | key->have_deal | key->have_ready) & others) == 0);
	for (size_t i = 0; i < n; i++)
		if (has(key->have_enckey, i))
			ap_octets_get(r, key->enckeys[i], sizeof(key->enckeys[i]));
	for (size_t i = 0; i < n; i++)
		if (has(key->have_deal, i))
			ap_deal_get(r, &key->deals[i]);
	r->field = "key";
	ap_octets_get(r, key->dealings, sizeof(key->dealings));
	ap_octets_get(r, key->pk, sizeof(key->pk));
	ap_octets_get(r, key->y, (size_t)n * sizeof(key->y[0]));
}

/* ---- bundle numbers ---- */

static void numbers_put(struct ap_writer *w, const struct machine_numbers *numbers)
{
	ap_u64_put(w, &numbers->start);
	ap_u64_put(w, &numbers->counter);
	for (size_t i = 0; i < MACHINE_NUMBERS_WORDS; i++)
		ap_u64_put(w, &numbers->seen[i]);
}

static void numbers_get(struct ap_reader *r, struct machine_numbers *numbers)
{
	r->field = "numbers";
	numbers->start = u64_get(r);
	numbers->counter = u64_get(r);
	for (size_t i = 0; i < MACHINE_NUMBERS_WORDS; i++)
		numbers->seen[i] = u64_get(r);
	check(r, machine_numbers_is_sound(numbers));
}

/* ---- incarnations ---- */

static void incarnations_get(struct ap_reader *r, struct machine_state *state, uint8_t n)
{
	r->field = "incarnations";
	for (size_t i = 0; i < n; i++) {
		state->incarnations[i] = u64_get(r);
		check(r, state->incarnations[i] <= state->seq);
	}
}

/* ---- pools ---- */

static void pool_put(struct ap_writer *w, const struct machine_nonces *pool)
{
	ap_u64_put(w, &pool->boot);
	ap_u64_put(w, &pool->next);
	u16_put(w, BUG(44) ? 0 : (uint16_t)pool->left);
	for (uint32_t i = 0; i < pool->left && !BUG(44); i++)
		ap_commitment_put(w, machine_nonces_at(pool, i));
}

static void pool_get(struct ap_reader *r, struct machine_nonces *pool)
{
	uint16_t left;

	r->field = "pool";
	pool->boot = u64_get(r);
	pool->next = u64_get(r);
	left = u16_get(r);
	check(r, left <= MACHINE_POOL_MAX && left <= pool->next);
	if (r->bad != NULL)
		return;
	pool->first = 0;
	pool->left = left;
	for (size_t i = 0; i < left; i++)
		ap_commitment_get(r, &pool->held[i]);
}

/* ---- kept instances ---- */

static bool is_empty(const uint32_t kept[AP_REPLICAS_MAX])
{
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		if (kept[i] != 0)
			return false;
	return true;
}

/* How many are kept of all relays together. */
static uint64_t total(const uint32_t kept[AP_REPLICAS_MAX])
{
	uint64_t sum = 0;

	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		sum += kept[i];
	return sum;
}

static uint64_t total_used(const struct machine_retain *retain)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		sum += retain->used[i];
	return sum;
}

/* Buckets that are not empty: what is used is in them, so nobody looks behind the last one. */
static uint16_t count_kept(const struct machine_retain *retain)
{
	uint64_t left = total_used(retain), low = machine_retain_low(retain);
	uint16_t count = 0;

	for (uint64_t i = 0; i < MACHINE_BUCKETS && left > 0; i++) {
		uint64_t kept = total(retain->kept[(low + i) % MACHINE_BUCKETS]);

		if (kept > 0)
			count++;
		left -= kept < left ? kept : left;
	}
	return count;
}

static void kept_put(struct ap_writer *w, const struct machine_retain *retain, uint8_t n)
{
	uint16_t count = count_kept(retain);
	uint64_t low = machine_retain_low(retain), bucket;

	u16_put(w, count);
	for (bucket = low; count > 0 && bucket - low < MACHINE_BUCKETS; bucket++) {
		const uint32_t *kept = retain->kept[bucket % MACHINE_BUCKETS];

		if (is_empty(kept))
			continue;
		ap_u64_put(w, &bucket);
		for (size_t i = 0; i < n; i++)
			ap_u32_put(w, &kept[i]);
		count--;
	}
}

static void kept_get(struct ap_reader *r, struct machine_retain *retain, uint8_t n)
{
	uint64_t low = machine_retain_low(retain);
	uint16_t count;

	r->field = "kept";
	count = u16_get(r);
	for (; count > 0 && r->bad == NULL; count--) {
		uint64_t bucket = u64_get(r);
		uint32_t *kept = retain->kept[bucket % MACHINE_BUCKETS];

		/* Order and emptiness show when this is encoded again; a place is filled once. */
		check(r, bucket >= low && bucket - low < MACHINE_BUCKETS && is_empty(kept));
		for (size_t i = 0; i < n && r->bad == NULL; i++) {
			ap_u32_get(r, &kept[i]);
			retain->used[i] += kept[i];
		}
	}
}

/* ---- undecided instances ---- */

static void undecided_put(struct ap_writer *w, const struct machine_undecided *it)
{
	ap_u32_put(w, &it->count);
	ap_u64_put(w, &it->oldest);
	ap_octets_put(w, it->expired, sizeof(it->expired));
}

static void undecided_get(struct ap_reader *r, struct machine_undecided *it, uint64_t seq)
{
	r->field = "undecided";
	ap_u32_get(r, &it->count);
	it->oldest = u64_get(r);
	ap_octets_get(r, it->expired, sizeof(it->expired));
	check(r, (it->count == 0) == (it->oldest == 0) && it->oldest <= seq);
}

/* ---- the whole ---- */

static void state_put(struct ap_writer *w, const struct machine *m)
{
	const struct machine_state *state = &m->state;

	w->field = "state";
	conf_put(w, &m->conf);
	clock_put(w, state);
	key_put(w, &state->key, m->conf.n);
	for (size_t i = 0; i < m->conf.n; i++)
		numbers_put(w, &state->numbers[i]);
	for (size_t i = 0; i < m->conf.n; i++)
		ap_u64_put(w, &state->incarnations[i]);
	for (size_t i = 0; i < m->conf.n; i++)
		pool_put(w, &state->pools[i]);
	machine_signing_put(w, m);
	kept_put(w, &state->retain, m->conf.n);
	undecided_put(w, &state->undecided);
	ap_frontier_put(w, &state->history);
}

static void state_get(struct ap_reader *r, struct machine *m)
{
	struct machine_state *state = &m->state;

	conf_get(r, &m->conf);
	clock_get(r, state);
	key_get(r, &state->key, m->conf.n);
	for (size_t i = 0; i < m->conf.n; i++)
		numbers_get(r, &state->numbers[i]);
	incarnations_get(r, state, m->conf.n);
	for (size_t i = 0; i < m->conf.n; i++)
		pool_get(r, &state->pools[i]);
	machine_signing_get(r, m);
	kept_get(r, &state->retain, m->conf.n);
	undecided_get(r, &state->undecided, state->seq);
	r->field = "history";
	ap_frontier_get(r, &state->history);
	check(r, state->history.count == state->seq);
}

size_t machine_snapshot_max(const struct machine *m)
{
	(void)m;
	return MACHINE_SNAPSHOT_MAX;
}

size_t machine_snapshot(const struct machine *m, uint8_t *out, size_t cap)
{
	struct ap_writer w;

	ap_writer_init(&w, out, cap);
	state_put(&w, m);
	return w.bad == NULL ? ap_writer_len(&w) : 0;
}

bool machine_snapshot_known(const uint8_t *octets, size_t len)
{
	return len > 0 && octets[0] == VERSION;
}

int machine_restore(struct machine *m, const uint8_t *octets, size_t len)
{
	struct ap_reader r;

	machine_reset(m);
	ap_reader_init(&r, octets, len);
	state_get(&r, m);
	if (ap_reader_done(&r) && machine_snapshot(m, m->scratch, MACHINE_SCRATCH) == len &&
	    memcmp(m->scratch, octets, len) == 0)
		return 0;
	machine_reset(m);
	return -1;
}

/* draft {#state}: "SHA-256(T(agree1-state) ‖ SHA-256(fixed state) ‖ u64 size ‖ root of the
 * history)" */
void machine_digest(const struct machine *m, uint8_t out[32])
{
	uint8_t octets[AP_TAG_LEN + 32 + 8 + 32];
	uint8_t *fixed = octets + AP_TAG_LEN, *root = fixed + 32 + 8;
	size_t len = machine_snapshot(m, m->scratch, MACHINE_SCRATCH);
	struct ap_writer w;

	ASSERT(len > 0);
	ap_tag(octets, "agree1-state");
	m->funcs.sha256(fixed, &(const ap_bytes){m->scratch, len}, 1);
	ap_writer_init(&w, fixed + 32, 8);
	ap_u64_put(&w, &m->state.history.count);
	ap_frontier_root(m->funcs.sha256, &m->state.history, root);
	m->funcs.sha256(out, &(const ap_bytes){octets, sizeof(octets)}, 1);
}
