#include "config.h"

#include "daemon/relay.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/limit.h"
#include "daemon/prefix.h"
#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
#include "libproto/siphash.h"

/*
 * A request is QUEUED, then BUNDLED (its bundle is on its way), then UNSIGNED (executed, the
 * batch's signature is awaited), then answered and gone. It is in one list, by its state; the list
 * of all is in the order of arrival.
 */
enum {
	TABLE = 4096,	 /* chains, to find equal requests */
	BUNDLES = 256,	 /* own bundles whose requests are remembered: more than can be under way */
	SIGNINGS = 1024, /* batches whose signature is awaited, by sequence */
	ATTEMPTS_MAX = 5, /* orderings of one request for want of a signature */
	OP_HEAD = 1 + 2,
};

enum state { QUEUED, BUNDLED, UNSIGNED };

struct request {
	struct request *next, *prev; /* all, by arrival */
	struct request *chain;	     /* equal hash */
	struct request *line;	     /* queue, or batch that is being signed */
	struct asker asker;
	enum state state;
	uint8_t kind, attempts;
	uint16_t prefix;
	uint64_t hash, since_ms, executed_ms;
	uint64_t counter; /* BUNDLED */
	uint64_t seq;	  /* UNSIGNED */
	uint16_t leaf;
	ap_outcome outcome;
	uint8_t value[AP_VALUE_MAX];
	uint8_t id[AP_ID_LEN];
	size_t op_len;
	uint8_t op[];
};

struct own_op {
	struct own_op *next;
	uint8_t kind;
	size_t len;
	uint8_t octets[];
};

struct line {
	struct request *first, **end;
};

struct bundle {
	uint64_t counter; /* 0: free */
	uint16_t n;
	struct request *requests[AP_BUNDLE_REQUESTS_MAX]; /* by op; NULL: own, or given up */
};

struct relay {
	struct relay_conf conf;
	uint8_t key[16];
	bool is_short;
	uint64_t next_counter;
	uint32_t queued, total, unsigned_now;
	struct request *oldest, *newest;
	struct line queue;
	struct own_op *own, **own_end;
	struct request *table[TABLE];
	uint32_t prefixes[PREFIXES];
	struct bundle bundles[BUNDLES];
	struct {
		uint64_t seq;
		struct line line;
	} signings[SIGNINGS];
};

/* ---- lists ---- */

static void line_init(struct line *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void line_add(struct line *l, struct request *q)
{
	q->line = NULL;
	*l->end = q;
	l->end = &q->line;
}

static void line_remove(struct line *l, struct request *q)
{
	struct request **at = &l->first;

	while (*at != NULL && *at != q)
		at = &(*at)->line;
	if (*at == NULL)
		return;
	*at = q->line;
	if (l->end == &q->line)
		l->end = at;
}

static struct request *line_pop(struct line *l)
{
	struct request *q = l->first;

	if (q == NULL)
		return NULL;
	l->first = q->line;
	if (l->first == NULL)
		l->end = &l->first;
	return q;
}

/* ---- equal requests, and how many of one client network ---- */

static uint64_t siphash64(const struct relay *r, const void *octets, size_t len)
{
	uint8_t out[8];
	uint64_t v;

	ap_siphash(out, r->key, octets, len);
	memcpy(&v, out, sizeof(v));
	return v;
}

/* Over what makes an asker the same one, address and port and the message's id, and what it asks.
 */
static uint64_t hash_of(const struct relay *r, const struct asker *a, uint8_t kind,
			const uint8_t *op, size_t len)
{
	uint8_t who[sizeof(a->peer) + 16] = {0};
	uint64_t parts[2];

	memcpy(who, &a->peer, a->peer_len);
	memcpy(who + sizeof(a->peer), &a->id, 2);
	memcpy(who + sizeof(a->peer) + 2, &a->socket, 2);
	who[sizeof(a->peer) + 8] = kind;
	who[sizeof(a->peer) + 9] = (uint8_t)(a->txt << 1 | a->nxrrset);
	parts[0] = siphash64(r, who, sizeof(who));
	parts[1] = siphash64(r, op, len);
	return siphash64(r, parts, sizeof(parts));
}

static struct request *find_equal(const struct relay *r, uint64_t hash)
{
	struct request *q = r->table[hash % TABLE];

	while (q != NULL && q->hash != hash)
		q = q->chain;
	return q;
}

/* ---- coming and going ---- */

static void enter(struct relay *r, struct request *q)
{
	q->prev = r->newest;
	q->next = NULL;
	*(r->newest != NULL ? &r->newest->next : &r->oldest) = q;
	r->newest = q;
	q->chain = r->table[q->hash % TABLE];
	r->table[q->hash % TABLE] = q;
	r->prefixes[q->prefix]++;
	r->total++;
}

static void leave(struct relay *r, struct request *q)
{
	struct request **at = &r->table[q->hash % TABLE];

	while (*at != q)
		at = &(*at)->chain;
	*at = q->chain;
	*(q->prev != NULL ? &q->prev->next : &r->oldest) = q->next;
	*(q->next != NULL ? &q->next->prev : &r->newest) = q->prev;
	r->prefixes[q->prefix]--;
	r->total--;
}

/* Out of the list of its state. */
static void unlist(struct relay *r, struct request *q)
{
	struct bundle *b = &r->bundles[q->counter % BUNDLES];

	switch (q->state) {
	case QUEUED:
		line_remove(&r->queue, q);
		r->queued--;
		break;
	case BUNDLED:
		for (uint16_t i = 0; b->counter == q->counter && i < b->n; i++) {
			if (b->requests[i] == q)
				b->requests[i] = NULL;
		}
		break;
	case UNSIGNED:
		if (r->signings[q->seq % SIGNINGS].seq == q->seq)
			line_remove(&r->signings[q->seq % SIGNINGS].line, q);
		r->unsigned_now--;
		break;
	}
}

/* The answer, and the end of the request; it is in no state's list any more. */
static void done(struct relay *r, struct request *q, const ap_agree *agree, int refusal)
{
	leave(r, q);
	r->conf.answer(r->conf.arg, &q->asker, q->id, agree, refusal);
	free(q);
}

static void queue_add(struct relay *r, struct request *q)
{
	q->state = QUEUED;
	line_add(&r->queue, q);
	r->queued++;
	r->conf.wake(r->conf.wake_arg);
}

int relay_submit(struct relay *r, uint8_t kind, const uint8_t *op, size_t len,
		 const uint8_t id[AP_ID_LEN], const struct asker *asker, uint64_t now_ms)
{
	uint64_t hash = hash_of(r, asker, kind, op, len);
	uint16_t prefix = prefix_of(r->key, &asker->peer);
	struct request *q;

	/* a datagram that came twice; over TCP nothing does, and each message is owed an answer */
	if (!asker->tcp && find_equal(r, hash) != NULL)
		return 0;
	if (r->is_short)
		return AGREE_EDISK;
	if (r->total >= r->conf.pending_max)
		return AGREE_EORDER;
	if (r->prefixes[prefix] >= r->conf.prefix_max)
		return AGREE_ERATE;
	if (OP_HEAD + len > AP_BUNDLE_OPS_MAX || len > AP_SPAN16_MAX)
		return AGREE_ETOOBIG;
	q = malloc(sizeof(*q) + len);
	if (q == NULL)
		return AGREE_ENOMEM;
	q->asker = *asker;
	q->kind = kind;
	q->attempts = 0;
	q->prefix = prefix;
	q->hash = hash;
	q->since_ms = now_ms;
	memcpy(q->id, id, AP_ID_LEN);
	q->op_len = len;
	memcpy(q->op, op, len);
	enter(r, q);
	queue_add(r, q);
	return 0;
}

int relay_submit_own(struct relay *r, uint8_t kind, const uint8_t *op, size_t len)
{
	struct own_op *o = malloc(sizeof(*o) + len);

	if (o == NULL)
		return AGREE_ENOMEM;
	*o = (struct own_op){.kind = kind, .len = len};
	if (len > 0)
		memcpy(o->octets, op, len);
	*r->own_end = o;
	r->own_end = &o->next;
	r->conf.wake(r->conf.wake_arg);
	return 0;
}

/* ---- bundles ---- */

void relay_short(struct relay *r, bool is_short)
{
	r->is_short = is_short;
}

bool relay_waiting(const struct relay *r)
{
	return r->own != NULL || r->queue.first != NULL;
}

static bool op_put(struct ap_writer *w, uint8_t kind, const uint8_t *octets, size_t len)
{
	ap_op op = {.kind = kind, .body = {octets, len}};

	if ((size_t)(w->end - w->at) < OP_HEAD + len)
		return false;
	ap_op_put(w, &op);
	return true;
}

static void fill_own(struct relay *r, struct bundle *b, struct ap_writer *w)
{
	while (r->own != NULL && b->n < AP_BUNDLE_REQUESTS_MAX) {
		struct own_op *o = r->own;

		if (!op_put(w, o->kind, o->octets, o->len))
			return;
		b->requests[b->n++] = NULL;
		r->own = o->next;
		if (r->own == NULL)
			r->own_end = &r->own;
		free(o);
	}
}

size_t relay_fill(struct relay *r, uint8_t *out, size_t cap, uint64_t *counter, uint16_t *requests,
		  uint64_t now_ms)
{
	struct bundle *b = &r->bundles[r->next_counter % BUNDLES];
	struct ap_writer w;

	(void)now_ms;
	if (!relay_waiting(r))
		return 0;
	b->counter = r->next_counter;
	b->n = 0;
	ap_writer_init(&w, out, cap);
	fill_own(r, b, &w);
	while (r->queue.first != NULL && b->n < AP_BUNDLE_REQUESTS_MAX) {
		struct request *q = r->queue.first;

		if (!op_put(&w, q->kind, q->op, q->op_len))
			break;
		line_pop(&r->queue);
		r->queued--;
		q->state = BUNDLED;
		q->counter = b->counter;
		b->requests[b->n++] = q;
	}
	*counter = r->next_counter++;
	*requests = b->n;
	return ap_writer_len(&w);
}

/* ---- outcomes ---- */

static void await_signature(struct relay *r, struct request *q, const struct machine_result *result,
			    const struct machine_entry *e, uint64_t now_ms)
{
	size_t at = result->seq % SIGNINGS;

	if (r->signings[at].seq != result->seq) {
		/* whoever still waits there is ordered again by relay_tick() */
		r->signings[at].seq = result->seq;
		line_init(&r->signings[at].line);
	}
	q->state = UNSIGNED;
	q->seq = result->seq;
	q->leaf = (uint16_t)e->leaf;
	q->executed_ms = now_ms;
	q->outcome = e->outcome;
	if (e->outcome.value.len > 0)
		memcpy(q->value, e->outcome.value.data, e->outcome.value.len);
	q->outcome.value.data = q->value;
	line_add(&r->signings[at].line, q);
	r->unsigned_now++;
}

/* Its answer is due later, from elsewhere. */
static bool is_held(struct relay *r, struct request *q, const struct machine_entry *e,
		    uint64_t now_ms)
{
	if (q->asker.wait_until_ms <= now_ms || r->conf.hold == NULL ||
	    ap_outcome_is_final(&e->outcome) ||
	    !r->conf.hold(r->conf.arg, &q->asker, q->id, q->kind, q->op, q->op_len, now_ms))
		return false;
	leave(r, q);
	free(q);
	return true;
}

void relay_executed(struct relay *r, uint64_t counter, size_t bundle,
		    const struct machine_result *result, uint64_t now_ms)
{
	struct bundle *b = &r->bundles[counter % BUNDLES];

	if (b->counter != counter)
		return;
	for (size_t i = 0; i < result->n_entries; i++) {
		const struct machine_entry *e = &result->entries[i];
		struct request *q;

		if (e->bundle != bundle || e->op >= b->n || b->requests[e->op] == NULL)
			continue;
		q = b->requests[e->op];
		b->requests[e->op] = NULL;
		if (r->conf.pending != NULL && e->leaf >= 0 &&
		    e->outcome.status == AP_STATUS_PENDING)
			r->conf.pending(r->conf.arg, &q->asker, q->id, result->seq);
		if (e->leaf < 0)
			done(r, q, NULL, e->refusal);
		else if (!is_held(r, q, e, now_ms))
			await_signature(r, q, result, e, now_ms);
	}
	for (uint16_t i = 0; i < b->n; i++) { /* no entry: the batch was full */
		if (b->requests[i] != NULL)
			queue_add(r, b->requests[i]);
	}
	b->counter = 0;
}

size_t relay_signed(struct relay *r, uint64_t seq, uint64_t now_ms)
{
	const struct index_block *block = index_block(r->conf.index, seq);
	size_t at = seq % SIGNINGS;
	struct request *q;
	size_t n = 0;

	(void)now_ms;
	if (block == NULL || !block->has_sig || r->signings[at].seq != seq)
		return 0;
	while ((q = line_pop(&r->signings[at].line)) != NULL) {
		ap_agree agree;
		bool good = ap_agree_make(&agree, &q->outcome, &block->statement, block->nodes,
					  q->leaf, block->sig);

		r->unsigned_now--;
		done(r, q, good ? &agree : NULL, good ? 0 : AGREE_EINTERNAL);
		n++;
	}
	return n;
}

/* ---- time ---- */

/* Its signature does not come: perhaps another leaf of the same outcome has one; else it is ordered
 * once more. */
static void ask_again(struct relay *r, struct request *q)
{
	ap_agree agree;
	uint64_t seq;

	unlist(r, q);
	if (ap_outcome_is_final(&q->outcome) &&
	    index_answer(r->conf.index, q->id, &agree, &seq) == INDEX_SIGNED) {
		done(r, q, &agree, 0);
	} else if (++q->attempts >= ATTEMPTS_MAX) {
		done(r, q, NULL, AGREE_EORDER);
	} else {
		queue_add(r, q);
	}
}

uint64_t relay_tick(struct relay *r, uint64_t now_ms)
{
	uint64_t wake = UINT64_MAX;
	struct request *next;

	/* arrival orders both deadlines, near enough: what is young ends the walk */
	for (struct request *q = r->oldest; q != NULL; q = next) {
		uint64_t give_up = q->since_ms + r->conf.give_up_ms;
		uint64_t due = give_up;

		next = q->next;
		if (q->state == UNSIGNED && q->executed_ms + r->conf.again_ms < due)
			due = q->executed_ms + r->conf.again_ms;
		if (now_ms >= give_up && (q->state != UNSIGNED || q->attempts > 0)) {
			unlist(r, q);
			done(r, q, NULL, AGREE_EORDER);
		} else if (q->state == UNSIGNED && now_ms >= due) {
			ask_again(r, q);
		} else if (due < wake) {
			wake = due;
		}
		if (now_ms < give_up && now_ms < due && q->since_ms + r->conf.again_ms > now_ms) {
			if (q->since_ms + r->conf.again_ms < wake)
				wake = q->since_ms + r->conf.again_ms;
			break;
		}
	}
	return wake;
}

/* ---- life ---- */

int relay_new(struct relay **out, const struct relay_conf *conf)
{
	struct relay *r = calloc(1, sizeof(*r));

	*out = r;
	if (r == NULL)
		return AGREE_ENOMEM;
	r->conf = *conf;
	r->next_counter = 1;
	line_init(&r->queue);
	r->own_end = &r->own;
	for (size_t i = 0; i < SIGNINGS; i++)
		line_init(&r->signings[i].line);
	if (ap_random(r->key, sizeof(r->key)) == 0)
		return 0;
	free(r);
	*out = NULL;
	return AGREE_EINTERNAL;
}

void relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	while (r->oldest != NULL) {
		struct request *next = r->oldest->next;

		free(r->oldest);
		r->oldest = next;
	}
	while (r->own != NULL) {
		struct own_op *next = r->own->next;

		free(r->own);
		r->own = next;
	}
	free(r);
}

void relay_info(const struct relay *r, struct relay_info *info)
{
	*info = (struct relay_info){
		.queued = r->queued, .outstanding = r->total, .unsigned_ = r->unsigned_now};
}
