/*
 * What the state has on signing under faults, as octets and back. draft {#state}
 *
 *   signers  for each member: u8 blamed, u64 since, u64 until, u8 level, n times u64: reports
 *   pending  u16 count, and for each batch, ascending: u64 sequence, u8 trial, u64 T, u32 leaves,
 *            root (genesis id if trial), running hash, u8 attempts made, u8 due, u16 asked; for
 * each attempt: u8 sets, for each: u16 members, list digest
 */
#include <string.h>

#include "daemon/machine/inner.h"

static void u8_put(struct ap_writer *w, uint8_t v)
{
	ap_u8_put(w, &v);
}

static void check(struct ap_reader *r, bool good)
{
	if (!good)
		ap_reader_fail(r);
}

/* 0 or 1 */
static bool flag_get(struct ap_reader *r)
{
	uint8_t v;

	ap_u8_get(r, &v);
	check(r, v <= 1);
	return v == 1;
}

/* ---- signers ---- */

static void signer_put(struct ap_writer *w, const struct machine_signer *it, uint8_t n)
{
	u8_put(w, it->blamed);
	ap_u64_put(w, &it->since);
	ap_u64_put(w, &it->until);
	ap_u8_put(w, &it->level);
	for (uint8_t i = 0; i < n; i++)
		ap_u64_put(w, &it->reports[i]);
}

static void signer_get(struct ap_reader *r, struct machine_signer *it, uint8_t n, uint64_t seq)
{
	r->field = "signers";
	it->blamed = flag_get(r);
	ap_u64_get(r, &it->since);
	ap_u64_get(r, &it->until);
	ap_u8_get(r, &it->level);
	for (uint8_t i = 0; i < n; i++)
		ap_u64_get(r, &it->reports[i]);
	check(r, machine_signers_is_sound(it, seq));
}

/* ---- pending ---- */

static void attempt_put(struct ap_writer *w, const struct machine_attempt *a)
{
	ap_u8_put(w, &a->n_sets);
	for (size_t s = 0; s < a->n_sets; s++) {
		ap_u16_put(w, &a->members[s]);
		ap_octets_put(w, a->list[s], sizeof(a->list[s]));
	}
}

static bool is_set(uint16_t members, uint8_t n)
{
	unsigned count = 0;

	for (uint8_t i = 0; i < n; i++)
		count += members >> i & 1;
	return count == (n - 1u) / 3 + 1 && members >> n == 0;
}

static void attempt_get(struct ap_reader *r, struct machine_attempt *a, uint8_t n)
{
	ap_u8_get(r, &a->n_sets);
	check(r, a->n_sets >= 1 && a->n_sets <= MACHINE_SETS_MAX);
	for (size_t s = 0; r->bad == NULL && s < a->n_sets; s++) {
		ap_u16_get(r, &a->members[s]);
		check(r, is_set(a->members[s], n));
		ap_octets_get(r, a->list[s], sizeof(a->list[s]));
	}
}

static void pending_put(struct ap_writer *w, const struct machine_pending *it)
{
	const struct ap_statement *s = &it->statement;

	ap_u64_put(w, &it->seq);
	u8_put(w, it->trial);
	ap_u64_put(w, &s->time_ms);
	ap_u32_put(w, &s->count);
	ap_octets_put(w, it->trial ? s->genesis : s->root, 32);
	ap_octets_put(w, s->running, sizeof(s->running));
	ap_u8_put(w, &it->made);
	u8_put(w, it->due);
	ap_u16_put(w, &it->asked);
	for (size_t i = 0; i < it->made; i++)
		attempt_put(w, &it->attempts[i]);
}

static void pending_get(struct ap_reader *r, struct machine *m, uint64_t seq)
{
	struct machine_pending *it = &m->state.pendings.at[seq % MACHINE_PENDING_MAX];
	struct ap_statement *s = &it->statement;

	it->seq = s->seq = seq;
	s->epoch = m->state.key.epoch;
	it->trial = flag_get(r);
	ap_u64_get(r, &s->time_ms);
	ap_u32_get(r, &s->count);
	ap_octets_get(r, it->trial ? s->genesis : s->root, 32);
	ap_octets_get(r, s->running, sizeof(s->running));
	ap_u8_get(r, &it->made);
	it->due = flag_get(r);
	ap_u16_get(r, &it->asked);
	check(r, it->made <= MACHINE_ATTEMPTS_MAX && it->asked >> m->conf.n == 0);
	check(r, it->due ? it->made < MACHINE_ATTEMPTS_MAX : it->made > 0);
	for (size_t i = 0; r->bad == NULL && i < it->made; i++)
		attempt_get(r, &it->attempts[i], m->conf.n);
	m->state.pendings.n_due += it->due;
}

static uint64_t oldest(uint64_t seq)
{
	return seq < MACHINE_PENDING_MAX ? 1 : seq - MACHINE_PENDING_MAX + 1;
}

/* Those that are not given up, from the oldest on; writes them where there is something to write to. */
static uint16_t walk_pending(struct ap_writer *w, const struct machine_state *state)
{
	uint64_t first = oldest(state->seq);
	uint16_t count = 0;

	for (uint64_t i = 0; first <= state->seq && i <= state->seq - first; i++) {
		const struct machine_pending *it =
			machine_pending_peek(&state->pendings, first + i);

		if (it == NULL)
			continue;
		count++;
		if (w != NULL)
			pending_put(w, it);
	}
	return count;
}

void machine_signing_put(struct ap_writer *w, const struct machine *m)
{
	const struct machine_state *state = &m->state;
	uint16_t count = walk_pending(NULL, state);

	for (size_t i = 0; i < m->conf.n; i++)
		signer_put(w, &state->signers[i], m->conf.n);
	ap_u16_put(w, &count);
	walk_pending(w, state);
}

void machine_signing_get(struct ap_reader *r, struct machine *m)
{
	struct machine_state *state = &m->state;
	uint64_t seq, above = oldest(state->seq) - 1;
	uint16_t count;

	for (size_t i = 0; i < m->conf.n; i++)
		signer_get(r, &state->signers[i], m->conf.n, state->seq);
	r->field = "pending";
	ap_u16_get(r, &count);
	for (; count > 0 && r->bad == NULL; count--, above = seq) {
		ap_u64_get(r, &seq);
		check(r, seq > above && seq <= state->seq);
		if (r->bad == NULL)
			pending_get(r, m, seq);
	}
}
