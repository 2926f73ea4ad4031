/*
 * ENCKEY, DEAL, COMPLAINT, READY: the group key is made in public, through the log. draft {#keygen}
 *
 * The sender is the bundle's relay; of each kind its first valid message counts. Messages of
 * another attempt (sid), or for another phase, have no effect. Whoever is proven to have sent a bad
 * one ends the attempt and is named.
 */
#include <string.h>

#include "daemon/machine/inner.h"
#include "libproto/digest.h"

typedef const uint8_t (*enckeys_ref)[32];

static uint16_t bit_of(uint8_t id)
{
	return (uint16_t)(1U << (id - 1));
}

static bool is_all(const struct machine *m, uint16_t have)
{
	return have == (1U << m->conf.n) - 1;
}

static bool is_sid(const struct machine *m, const ap_digest *sid)
{
	return memcmp(sid->octets, m->state.key.sid, sizeof(sid->octets)) == 0;
}

static void fail(struct machine *m, struct machine_run *run, uint8_t culprit)
{
	m->state.key.phase = MACHINE_FAILED;
	m->state.key.culprit = culprit;
	run->result->key_changed = true;
}

/* A valid point, and nobody else's: a copied key would open what is sealed for its owner. */
static bool is_good_enckey(const struct machine *m, const uint8_t point[32])
{
	const struct machine_key *key = &m->state.key;

	for (uint8_t id = 1; id <= m->conf.n; id++)
		if ((key->have_enckey & bit_of(id)) != 0 &&
		    memcmp(key->enckeys[id - 1], point, 32) == 0)
			return false;
	return m->funcs.point_check(m->funcs.ctx, point) == 0;
}

void machine_op_enckey(struct machine *m, struct machine_run *run, ap_bytes body)
{
	struct machine_key *key = &m->state.key;
	uint16_t bit = bit_of(run->relay);
	struct ap_reader r;
	ap_enckey op;

	ap_reader_init(&r, body.data, body.len);
	ap_enckey_get(&r, &op);
	if (!ap_reader_done(&r) || !is_sid(m, &op.sid) || key->phase != MACHINE_ENCKEYS ||
	    (key->have_enckey & bit) != 0 || !is_good_enckey(m, op.key.octets))
		return;
	memcpy(key->enckeys[run->relay - 1], op.key.octets, sizeof(op.key.octets));
	key->have_enckey |= bit;
	if (is_all(m, key->have_enckey))
		key->phase = MACHINE_DEALS; /* the set of keys is frozen before the first DEAL */
	run->result->key_changed = true;
}

/* draft {#keygen}: "SHA-256(T(agree1-dealings) ‖ sid ‖ the n dealings as encoded)" */
static void hash_dealings(struct machine *m)
{
	struct machine_key *key = &m->state.key;
	uint8_t octets[AP_REPLICAS_MAX][AP_MAX_deal], tag[AP_TAG_LEN];
	ap_bytes parts[2 + AP_REPLICAS_MAX] = {{tag, sizeof(tag)}, {key->sid, sizeof(key->sid)}};

	ap_tag(tag, "agree1-dealings");
	for (size_t i = 0; i < m->conf.n; i++) {
		struct ap_writer w;

		ap_writer_init(&w, octets[i], sizeof(octets[i]));
		ap_deal_put(&w, &key->deals[i]);
		parts[2 + i] = ap_writer_bytes(&w);
	}
	m->funcs.sha256(key->dealings, parts, (size_t)2 + m->conf.n);
}

void machine_op_deal(struct machine *m, struct machine_run *run, ap_bytes body)
{
	struct machine_key *key = &m->state.key;
	uint16_t bit = bit_of(run->relay);
	struct ap_reader r;
	ap_deal op;

	ap_reader_init(&r, body.data, body.len);
	ap_deal_get(&r, &op);
	if (!ap_reader_done(&r) || !is_sid(m, &op.sid) || key->phase != MACHINE_DEALS ||
	    (key->have_deal & bit) != 0)
		return;
	if (m->funcs.deal_check(m->funcs.ctx, m->conf.n, key->sid, run->relay,
				(enckeys_ref)key->enckeys, &op) != 0) {
		fail(m, run, run->relay);
		return;
	}
	key->deals[run->relay - 1] = op;
	key->have_deal |= bit;
	if (is_all(m, key->have_deal)) {
		hash_dealings(m);
		key->phase = MACHINE_READIES;
	}
	run->result->key_changed = true;
}

/* Whoever complains has read the DEAL in the log, so a complaint about none there is false too. */
static bool is_upheld(const struct machine *m, uint8_t sender, const ap_complaint *op)
{
	const struct machine_key *key = &m->state.key;

	if (op->dealer < 1 || op->dealer > m->conf.n || (key->have_deal & bit_of(op->dealer)) == 0)
		return false;
	return m->funcs.complaint_check(m->funcs.ctx, m->conf.n, key->sid, sender,
					(enckeys_ref)key->enckeys, &key->deals[op->dealer - 1],
					op) == 0;
}

void machine_op_complaint(struct machine *m, struct machine_run *run, ap_bytes body)
{
	const struct machine_key *key = &m->state.key;
	struct ap_reader r;
	ap_complaint op;

	ap_reader_init(&r, body.data, body.len);
	ap_complaint_get(&r, &op);
	if (!ap_reader_done(&r) || !is_sid(m, &op.sid) ||
	    (key->phase != MACHINE_DEALS && key->phase != MACHINE_READIES))
		return;
	fail(m, run, is_upheld(m, run->relay, &op) ? op.dealer : run->relay);
}

void machine_op_ready(struct machine *m, struct machine_run *run, ap_bytes body)
{
	struct machine_key *key = &m->state.key;
	uint16_t bit = bit_of(run->relay);
	struct ap_reader r;
	ap_ready op;

	ap_reader_init(&r, body.data, body.len);
	ap_ready_get(&r, &op);
	if (!ap_reader_done(&r) || !is_sid(m, &op.sid) || key->phase != MACHINE_READIES ||
	    (key->have_ready & bit) != 0 ||
	    memcmp(op.dealings.octets, key->dealings, sizeof(key->dealings)) != 0)
		return;
	key->have_ready |= bit;
	run->result->key_changed = true;
	if (!is_all(m, key->have_ready))
		return;
	if (m->funcs.keys(m->funcs.ctx, m->conf.n, key->deals, key->pk, key->y) == 0) {
		key->phase = MACHINE_TRIAL;
		return;
	}
	memset(key->pk, 0, sizeof(key->pk));
	memset(key->y, 0, sizeof(key->y));
	fail(m, run, 0);
}
