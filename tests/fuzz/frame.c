/*
 * Frames between replicas, up to the event that the core takes: daemon/verify.h. Input: type, body.
 * Every signature may be good.
 */
#include "daemon/verify.h"
#include "tests/fuzz/fuzz.h"

static void event_look(const struct verifier *v, const struct pbft_event *ev, uint8_t type)
{
	switch (type) {
	case AP_MESSAGE_bundle:
		MUST(ev->u.bundle.relay >= 1 && ev->u.bundle.relay <= v->n);
		break;
	case AP_MESSAGE_pre_prepare:
		MUST(ev->u.pre_prepare.p.replica >= 1 && ev->u.pre_prepare.p.replica <= v->n);
		MUST(memcmp(ev->u.pre_prepare.p.batch, ev->u.pre_prepare.batch->digest, 32) == 0);
		break;
	case AP_MESSAGE_prepare:
		MUST(ev->u.prepare.p.replica >= 1 && ev->u.prepare.p.replica <= v->n);
		break;
	case AP_MESSAGE_checkpoint:
		MUST(ev->u.checkpoint.replica >= 1 && ev->u.checkpoint.replica <= v->n);
		break;
	case AP_MESSAGE_fetch:
		MUST(ev->u.fetch.from <= ev->u.fetch.to);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static const uint8_t keys[4][32];
	static const struct verifier v = {.n = 4, .self = 1, .keys = keys};
	static struct pbft_batch batch, stored;
	struct pbft_event ev;
	ap_bytes body;

	if (len == 0 || len - 1 > ap_message_max(octets[0]))
		return 0; /* as peer.c has it */
	memset(&ev, 0, sizeof(ev));
	if (verify_frame(&v, 2, octets[0], octets + 1, len - 1, &ev, &batch, &body) != NULL)
		return 0;
	MUST(ev.from == 2);
	event_look(&v, &ev, octets[0]);
	if (body.len == 0)
		return 0;
	MUST(body.data > octets && body.data + body.len <= octets + len);
	if (octets[0] != AP_MESSAGE_bundle) /* what goes into the body store is that batch */
		MUST(verify_batch_octets(&v, body.data, body.len, &stored) == NULL &&
		     memcmp(stored.digest, batch.digest, 32) == 0);
	return 0;
}
