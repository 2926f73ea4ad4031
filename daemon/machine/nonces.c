#include "daemon/machine/nonces.h"
#include "daemon/bug.h"

#include <string.h>

#include "libproto/digest.h"

static uint32_t place(const struct machine_nonces *p, uint32_t i)
{
	return (p->first + i) % MACHINE_POOL_MAX;
}

const ap_commitment *machine_nonces_at(const struct machine_nonces *p, uint32_t i)
{
	return &p->held[place(p, i)];
}

static bool is_same_point(const ap_point *a, const ap_point *b)
{
	/* 64 pairs are held against 256: most differ in their first octet */
	return a->octets[0] == b->octets[0] && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

/* Do two pairs have a point in common? One nonce in two places would give its owner's key away. */
static bool is_crossed(const ap_commitment *a, const ap_commitment *b)
{
	return is_same_point(&a->hiding, &b->hiding) || is_same_point(&a->hiding, &b->binding) ||
	       is_same_point(&a->binding, &b->hiding) || is_same_point(&a->binding, &b->binding);
}

/* Does a pair repeat a point of its own, of one before it, or of one of the `held` oldest entries?
 */
static bool is_repeating(const struct machine_nonces *p, uint32_t held, const ap_nonces *op)
{
	for (size_t i = 0; i < op->n_pairs; i++) {
		const ap_commitment *pair = &op->pairs[i];

		if (is_same_point(&pair->hiding, &pair->binding))
			return true;
		for (size_t j = 0; j < i; j++)
			if (is_crossed(pair, &op->pairs[j]))
				return true;
		for (uint32_t j = 0; j < held; j++)
			if (is_crossed(pair, machine_nonces_at(p, j)))
				return true;
	}
	return false;
}

/*
 * draft {#nonces}: "boot lower than the member's pool has: no effect; equal: `first` is the counter
 * expected next, and there is at least one pair; higher: `first` is 0, and all older entries are
 * void"
 */
bool machine_nonces_add(struct machine_nonces *p, const ap_nonces *op)
{
	bool renew = op->boot > p->boot;
	uint32_t held = renew ? 0 : p->left;

	if (op->boot < p->boot || op->first != (renew ? 0 : p->next))
		return false;
	if (op->n_pairs == 0 && !renew)
		return false;
	if (op->n_pairs > AP_NONCES_MAX || held + op->n_pairs > MACHINE_POOL_MAX ||
	    op->first > UINT64_MAX - op->n_pairs || is_repeating(p, held, op))
		return false;
	p->boot = op->boot;
	p->left = held;
	for (size_t i = 0; i < op->n_pairs; i++)
		p->held[place(p, p->left++)] = op->pairs[i];
	p->next = op->first + op->n_pairs;
	return true;
}

/* The oldest entry becomes member number `at` of the set. */
static void pop(struct machine_nonces *p, struct machine_set *set, size_t at)
{
	const ap_commitment *pair = machine_nonces_at(p, 0);

	set->boot[at] = p->boot;
	set->ctr[at] = p->next - p->left;
	memcpy(set->hiding[at], pair->hiding.octets, sizeof(set->hiding[at]));
	memcpy(set->binding[at], pair->binding.octets, sizeof(set->binding[at]));
	if (BUG(42))
		return;
	p->first = place(p, 1);
	p->left--;
}

static void shuffle(ap_sha256_fn *sha256, uint8_t *e, size_t m, uint32_t epoch, uint64_t seq,
		    uint8_t attempt)
{
	uint8_t seed[AP_TAG_LEN + 4 + 8 + 1], h[32];
	struct ap_writer w;

	ap_tag(seed, "agree1-sets");
	ap_writer_init(&w, seed + AP_TAG_LEN, sizeof(seed) - AP_TAG_LEN);
	ap_u32_put(&w, &epoch);
	ap_u64_put(&w, &seq);
	ap_u8_put(&w, &attempt);
	sha256(h, &(const ap_bytes){seed, sizeof(seed)}, 1);
	for (size_t i = m - 1; i > 0; i--) {
		size_t draw = 2 * (m - 1 - i);
		size_t j = ((size_t)h[draw] << 8 | h[draw + 1]) % (i + 1);
		uint8_t was = e[i];

		e[i] = e[j];
		e[j] = was;
	}
}

static void sort(uint8_t *e, size_t m)
{
	for (size_t i = 1; i < m; i++) {
		uint8_t it = e[i];
		size_t j = i;

		for (; j > 0 && e[j - 1] > it; j--)
			e[j] = e[j - 1];
		e[j] = it;
	}
}

static void pair_up(const uint8_t e[4], uint64_t turn, uint8_t sets[][AP_THRESHOLD_MAX])
{
	size_t x = turn % 3, other = 0;

	sets[0][0] = e[0];
	sets[0][1] = e[1 + x];
	for (size_t i = 1; i < 4; i++)
		if (i != 1 + x)
			sets[1][other++] = e[i];
}

/* Can every member of both sets give two entries? */
static bool is_affordable(size_t t, const uint32_t left[], uint8_t sets[][AP_THRESHOLD_MAX])
{
	for (size_t i = 0; i < t; i++)
		if (memchr(sets[1], sets[0][i], t) != NULL && left[sets[0][i] - 1] < 2)
			return false;
	return true;
}

size_t machine_sets_choose(ap_sha256_fn *sha256, uint8_t n, const uint32_t left[], uint32_t epoch,
			   uint64_t seq, uint8_t attempt,
			   uint8_t sets[MACHINE_SETS_MAX][AP_THRESHOLD_MAX])
{
	uint8_t e[AP_REPLICAS_MAX];
	size_t m = 0, t = (size_t)(n - 1) / 3 + 1;

	for (uint8_t id = 1; id <= n; id++)
		if (left[id - 1] > 0)
			e[m++] = id;
	if (m < t)
		return 0;
	if (n == 4 && m == 4) {
		pair_up(e, seq % 3 + attempt, sets);
		return 2;
	}
	shuffle(sha256, e, m, epoch, seq, attempt);
	memcpy(sets[0], e, t);
	memcpy(sets[1], e + m - t, t);
	sort(sets[0], t);
	sort(sets[1], t);
	return m > t && is_affordable(t, left, sets) ? 2 : 1;
}

size_t machine_sets_take(ap_sha256_fn *sha256, uint8_t n, struct machine_nonces pools[],
			 uint16_t out, uint32_t epoch, uint64_t seq, uint8_t attempt,
			 struct machine_set sets[MACHINE_SETS_MAX])
{
	uint8_t chosen[MACHINE_SETS_MAX][AP_THRESHOLD_MAX];
	uint32_t left[AP_REPLICAS_MAX];
	size_t n_sets, t = (size_t)(n - 1) / 3 + 1;

	for (size_t i = 0; i < n; i++)
		left[i] = (out >> i & 1) != 0 ? 0 : pools[i].left;
	n_sets = machine_sets_choose(sha256, n, left, epoch, seq, attempt, chosen);
	for (size_t s = 0; s < n_sets; s++)
		for (size_t i = 0; i < t; i++) {
			sets[s].members[i] = chosen[s][i];
			pop(&pools[chosen[s][i] - 1], &sets[s], i);
		}
	return n_sets;
}
