/* Lies about views: certificates left out, proposals put in, views asked for that nobody wants. */
#include "config.h"

#include <sodium.h>
#include <string.h>

#include "daemon/verify.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "tests/sim/byz.h"
#include "tests/sim/wrap.h"

enum { PROPOSAL = 57, SIGNER = 8 + 64, OF_BATCH = 32 + 64 }; /* octets */

/* draft {#view-change}: T(tag) ‖ genesis ‖ SHA-256 of all but the signature */
void byz_sign_view(const uint8_t secret[64], struct ap_message *m)
{
	static uint8_t octets[BYZ_COPY_MAX];
	bool change = m->code == AP_MESSAGE_view_change;
	uint8_t text[AP_TAG_LEN + 32 + 32];
	struct ap_writer w;

	ap_writer_init(&w, octets, sizeof(octets));
	ap_message_put(&w, m);
	if (w.bad != NULL)
		return;
	ap_tag(text, change ? "agree1-viewchng" : "agree1-newview");
	memcpy(text + AP_TAG_LEN, sim->nodes[0].self.net.genesis, 32);
	ap_sha256(text + AP_TAG_LEN + 32, &(const ap_bytes){octets, ap_writer_len(&w) - 64}, 1);
	crypto_sign_detached(change ? m->as_view_change.sig.octets : m->as_new_view.sig.octets, NULL,
			     text, sizeof(text), secret);
}

static unsigned bits(uint16_t who)
{
	unsigned n = 0;

	for (; who != 0; who >>= 1)
		n += who & 1u;
	return n;
}

/* Without the last prepared certificate, or any. */
static void hide_prepared(struct rng *r, ap_span *prepared)
{
	size_t at = 0, last = 0, head = PROPOSAL + 64;

	while (at + head + 2 <= prepared->len) {
		const uint8_t *who = prepared->data + at + head;

		last = at;
		at += head + 2 + SIGNER * bits((uint16_t)(who[0] << 8 | who[1]));
	}
	prepared->len = rng_chance(r, 500) ? last : 0;
}

static bool lie_change(struct rng *r, ap_view_change *m)
{
	switch (rng_below(r, 4)) {
	case 0:
		m->says.view += rng_chance(r, 100) ? UINT64_C(1) << 62 : rng_below(r, 4);
		break;
	case 1:
		m->says.stable = 0;
		m->says.stable_signers.len = 0;
		memset(&m->says.state, 0, sizeof(m->says.state));
		break;
	default:
		hide_prepared(r, &m->says.prepared);
	}
	return true;
}

/* Another batch where one was prepared; none more, one less. */
static bool lie_new(const struct node *n, struct rng *r, const uint8_t secret[64], ap_new_view *m)
{
	static uint8_t octets[BYZ_COPY_MAX];
	size_t count = m->says.proposals.len / OF_BATCH, i = rng_below(r, count);
	ap_proposal p = {.view = m->says.view, .incarnation = m->says.incarnation, .replica = n->id};

	if (count == 0 || m->says.proposals.len > sizeof(octets))
		return false;
	memcpy(octets, m->says.proposals.data, m->says.proposals.len);
	m->says.proposals.data = octets;
	if (rng_chance(r, 300)) {
		m->says.proposals.len -= OF_BATCH;
		return true;
	}
	if (rng_chance(r, 500))
		ap_digest_batch(ap_sha256, octets + i * OF_BATCH, 0, 0, NULL);
	else
		memcpy(octets + i * OF_BATCH, octets + rng_below(r, count) * OF_BATCH, 32);
	p.seq = m->says.first + 1 + i;
	memcpy(p.batch.octets, octets + i * OF_BATCH, 32);
	sign_proposal(secret, sim->nodes[0].self.net.genesis, "agree1-preprep", &p,
		      octets + i * OF_BATCH + 32);
	return true;
}

bool byz_lie_views(const struct node *n, struct rng *r, const uint8_t secret[64],
		   struct ap_message *m)
{
	uint64_t view;

	if (m->code == AP_MESSAGE_view_change)
		return lie_change(r, &m->as_view_change);
	if (m->code == AP_MESSAGE_new_view)
		return lie_new(n, r, secret, &m->as_new_view);
	if (m->code != AP_MESSAGE_status)
		return false;
	/* in the place of a STATUS: a VIEW-CHANGE out of nothing */
	view = m->as_status.view + 1 + rng_below(r, 3);
	memset(&m->as_view_change, 0, sizeof(m->as_view_change));
	m->as_view_change.says.view = view;
	m->code = AP_MESSAGE_view_change;
	m->as_view_change.says.replica = n->id;
	return true;
}
