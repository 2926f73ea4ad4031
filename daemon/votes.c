#include "config.h"

#include "daemon/votes.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "libproto/vote.h"

enum {
	VERDICTS = 1 << 15, /* remembered; a newer one takes the place of an older one */
	KNOWN_EACH = 64,    /* that were verified in a bundle, and are met again in its batch */
	WAITING = 256,	    /* bundles; of more than that the oldest are verified as they execute */
};

/* The whole digest: two votes with one verdict would split the replicas. */
struct verdict {
	uint8_t digest[32];
	bool known, good;
};

struct votes {
	struct verdict verdicts[VERDICTS];
	uint8_t waiting[WAITING][32]; /* digests of bundles: a ring */
	size_t first, n;
	/* of the first one: bundles that are done with, and octets of the next one's operations */
	size_t bundle, at;
	struct votes_info info;
};

struct votes *votes_new(void)
{
	return calloc(1, sizeof(struct votes));
}

void votes_free(struct votes *v)
{
	free(v);
}

void votes_info(const struct votes *v, struct votes_info *info)
{
	*info = v->info;
}

/* ---- verdicts ---- */

static bool is_good(const uint8_t key[32], const uint8_t sig[64], const uint8_t *message,
		    size_t len)
{
	return crypto_sign_verify_detached(sig, message, len, key) == 0;
}

static int vote_check(void *arg, const uint8_t key[32], const uint8_t sig[64],
		      const uint8_t *message, size_t len)
{
	struct votes *v = arg;
	uint8_t digest[32];
	struct verdict *known;

	ap_sha256(digest, (const ap_bytes[]){{key, 32}, {sig, 64}, {message, len}}, 3);
	known = &v->verdicts[(size_t)(digest[0] | digest[1] << 8) % VERDICTS];
	if (known->known && memcmp(known->digest, digest, sizeof(digest)) == 0) {
		v->info.remembered++;
		return known->good ? 0 : AGREE_ECREDENTIAL;
	}
	memcpy(known->digest, digest, sizeof(digest));
	known->good = is_good(key, sig, message, len);
	known->known = true;
	v->info.verified++;
	return known->good ? 0 : AGREE_ECREDENTIAL;
}

void votes_funcs(struct votes *v, struct machine_funcs *out)
{
	out->vote_check = vote_check;
	out->votes = v;
}

/* ---- votes ---- */

static int credential_check(struct votes *v, const uint8_t id[AP_ID_LEN], const ap_propose *p,
			    const ap_descriptor *d)
{
	uint8_t message[AP_VOTE_MAX];
	size_t len;

	if (p->credential.kind == AP_CREDENTIAL_SECRET)
		return ap_vote_opens(ap_sha256, d, id, p->party, p->verb == AP_VERB_APPROVE,
				     p->credential.octets)
			       ? 0
			       : AGREE_ECREDENTIAL;
	len = ap_vote_put(message, p->verb, id, &p->value);
	return vote_check(v, d->terms.parties[p->party].key.it.octets, p->credential.octets,
			  message, len);
}

int votes_check(struct votes *v, const struct machine *m, const uint8_t id[AP_ID_LEN],
		const ap_propose *p, const ap_descriptor *carried)
{
	uint8_t octets[AP_MAX_descriptor];
	ap_descriptor registered;
	const char *why;
	size_t len;
	int status;

	if (p->verb == AP_VERB_OBSERVE)
		return 0;
	if (carried == NULL) {
		len = machine_undecided(m, id, octets);
		if (len == 0 ||
		    ap_descriptor_parse(&registered, (ap_bytes){octets, len}, &why) != 0)
			return 0;
		carried = &registered;
	}
	status = ap_vote_check(&carried->terms, p);
	if (status != 0 || ap_terms_is_open(&carried->terms))
		return status;
	return credential_check(v, id, p, carried);
}

/* ---- bundles that have come ---- */

void votes_arrived(struct votes *v, const uint8_t digest[32])
{
	if (v->n == WAITING) {
		v->first = (v->first + 1) % WAITING;
		v->n--;
		v->bundle = v->at = 0;
	}
	memcpy(v->waiting[(v->first + v->n++) % WAITING], digest, 32);
}

/* A vote with a signature: party and credential stand behind what is easily passed over. */
static bool has_signature(const ap_request *request)
{
	enum { PARTY = 1 + 1 + 16 };
	const ap_span16 *p = &request->propose;
	size_t credential;

	if (p->len <= PARTY + 1 || p->data[PARTY] == AP_PARTY_NONE)
		return false;
	credential = PARTY + 2 + (size_t)p->data[PARTY + 1];
	return p->len > credential && p->data[credential] == AP_CREDENTIAL_SIGNATURE;
}

static void verify_request(struct votes *v, const struct machine *m, const ap_request *request)
{
	ap_descriptor descriptor;
	struct ap_reader r;
	ap_propose propose;
	const char *why;

	ap_reader_init(&r, request->propose.data, request->propose.len);
	ap_propose_get(&r, &propose);
	if (!ap_reader_done(&r))
		return;
	if (propose.descriptor.len == 0)
		(void)votes_check(v, m, request->id.octets, &propose, NULL);
	else if (ap_descriptor_parse(&descriptor, propose.descriptor, &why) == 0)
		(void)votes_check(v, m, request->id.octets, &propose, &descriptor);
}

/* Goes on behind v->at until one vote was verified, or a few were known; false: the operations are
 * at their end. */
static bool verify_next(struct votes *v, const struct machine *m, ap_span ops)
{
	uint64_t before = v->info.verified;
	struct ap_reader r, inner;
	ap_request request;
	unsigned known = 0;
	ap_op op;

	if (v->at >= ops.len)
		return false;
	ap_reader_init(&r, ops.data + v->at, ops.len - v->at);
	while (ap_reader_left(&r) > 0) {
		ap_op_get(&r, &op);
		if (r.bad != NULL)
			return false;
		v->at = ops.len - ap_reader_left(&r);
		if (op.kind != AP_OP_request)
			continue;
		ap_reader_init(&inner, op.body.data, op.body.len);
		ap_request_get(&inner, &request);
		if (!ap_reader_done(&inner) || !has_signature(&request))
			continue;
		verify_request(v, m, &request);
		if (v->info.verified != before || ++known == KNOWN_EACH)
			return true;
	}
	return false;
}

/* The operations of a body's bundle number n: it is one bundle, or a batch of them. */
static bool ops_of(const struct body *body, size_t n, ap_span *ops)
{
	ap_span span = {body->octets, body->len};
	struct ap_reader r;
	ap_bundle bundle;
	ap_batch batch;

	ap_reader_init(&r, body->octets, body->len);
	if (body->refs != NULL) {
		ap_batch_get(&r, &batch);
		ap_reader_init(&r, batch.bundles.data, batch.bundles.len);
		for (size_t i = 0; i <= n; i++)
			ap_span_get(&r, &span);
		if (r.bad != NULL)
			return false;
		ap_reader_init(&r, span.data, span.len);
	} else if (n > 0) {
		return false;
	}
	ap_bundle_get(&r, &bundle);
	*ops = bundle.ops;
	return ap_reader_done(&r);
}

bool votes_turn(struct votes *v, const struct machine *m, const struct bodies *bodies)
{
	while (v->n > 0) {
		const struct body *body = bodies_find(bodies, v->waiting[v->first]);
		ap_span ops;

		/* NULL: it has executed, or was dropped */
		for (; body != NULL && ops_of(body, v->bundle, &ops); v->bundle++, v->at = 0)
			if (verify_next(v, m, ops))
				return true;
		v->first = (v->first + 1) % WAITING;
		v->n--;
		v->bundle = v->at = 0;
	}
	return false;
}
