#include "config.h"

#include "daemon/waiters.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/prefix.h"
#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
#include "libproto/siphash.h"

enum { CHAINS = 1 << 15 };

/* Of the asker, what a TCP answer needs. */
struct waiter {
	struct waiter *next, **link;	       /* of the same chain, or of the same final outcome */
	struct waiter *conn_next, **conn_link; /* of the same connection */
	struct final *final;	    /* whose signature it waits for; NULL: for the outcome */
	uint64_t until_ms, wake_ms; /* monotonic */
	uint32_t heap;		    /* place there */
	uint32_t generation;
	uint16_t socket, prefix, port, dns_id, flags, question_len, op_len;
	uint8_t family, address[16];
	uint8_t opcode, value_len;
	uint8_t edns : 1, dnssec_ok : 1, nsid : 1, has_cookie : 1, txt : 1, nxrrset : 1,
		proposes : 1;
	uint8_t cookie[AP_COOKIE_LEN];
	uint8_t tsig, tsig_mac[32];
	uint8_t id[AP_ID_LEN], nonce[16];
	uint8_t octets[]; /* question, value, operation (kept of what is not registered) */
};
_Static_assert(sizeof(struct waiter) <= WAITER_OCTETS, "what the header says");

/* An outcome that has become final, and has waiters; its signature is on its way. */
struct final {
	struct final *next;
	uint64_t seq;
	uint16_t leaf;
	ap_outcome outcome;
	uint8_t value[AP_VALUE_MAX];
	struct waiter *waiters;
};

struct waiters {
	struct waiters_conf conf;
	uint8_t key[16];
	struct waiter **heap; /* the next to wake is first */
	size_t n, cap;
	struct waiter **conns; /* conf.sockets */
	struct final *finals;
	uint32_t prefixes[PREFIXES];
	struct waiter *chains[CHAINS];
};

/* ---- lists ---- */

static void link_in(struct waiter **list, struct waiter *w)
{
	w->next = *list;
	w->link = list;
	if (w->next != NULL)
		w->next->link = &w->next;
	*list = w;
}

static void link_out(struct waiter *w)
{
	*w->link = w->next;
	if (w->next != NULL)
		w->next->link = w->link;
}

static void conn_in(struct waiters *s, struct waiter *w)
{
	struct waiter **list = &s->conns[w->socket];

	w->conn_next = *list;
	w->conn_link = list;
	if (w->conn_next != NULL)
		w->conn_next->conn_link = &w->conn_next;
	*list = w;
}

static void conn_out(struct waiter *w)
{
	*w->conn_link = w->conn_next;
	if (w->conn_next != NULL)
		w->conn_next->conn_link = w->conn_link;
}

static struct waiter **chain_of(struct waiters *s, const uint8_t id[AP_ID_LEN])
{
	uint8_t out[8];

	ap_siphash(out, s->key, id, AP_ID_LEN);
	return &s->chains[(size_t)(out[0] | out[1] << 8) % CHAINS];
}

/* ---- the heap ---- */

static void heap_put(struct waiters *s, size_t at, struct waiter *w)
{
	s->heap[at] = w;
	w->heap = (uint32_t)at;
}

static void heap_up(struct waiters *s, size_t at)
{
	struct waiter *w = s->heap[at];

	for (; at > 0 && s->heap[(at - 1) / 2]->wake_ms > w->wake_ms; at = (at - 1) / 2)
		heap_put(s, at, s->heap[(at - 1) / 2]);
	heap_put(s, at, w);
}

static void heap_down(struct waiters *s, size_t at)
{
	struct waiter *w = s->heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < s->n && s->heap[child + 1]->wake_ms < s->heap[child]->wake_ms)
			child++;
		if (child >= s->n || s->heap[child]->wake_ms >= w->wake_ms)
			break;
		heap_put(s, at, s->heap[child]);
		at = child;
	}
	heap_put(s, at, w);
}

static bool heap_room(struct waiters *s)
{
	size_t cap = s->cap == 0 ? 64 : 2 * s->cap;
	struct waiter **heap;

	if (s->n < s->cap)
		return true;
	heap = realloc(s->heap, cap * sizeof(*heap));
	if (heap == NULL)
		return false;
	s->heap = heap;
	s->cap = cap;
	return true;
}

static void heap_remove(struct waiters *s, size_t at)
{
	struct waiter *last = s->heap[--s->n];

	if (at == s->n)
		return;
	heap_put(s, at, last);
	heap_up(s, at);
	heap_down(s, last->heap);
}

static void wake_at(struct waiters *s, struct waiter *w, uint64_t wake_ms)
{
	w->wake_ms = wake_ms;
	heap_up(s, w->heap);
	heap_down(s, w->heap);
}

/* ---- coming and going ---- */

static void remove_waiter(struct waiters *s, struct waiter *w)
{
	heap_remove(s, w->heap);
	link_out(w);
	conn_out(w);
	s->prefixes[w->prefix]--;
}

static void peer_in(struct waiter *w, const struct sockaddr_storage *peer)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)peer;
	const struct sockaddr_in *in = (const struct sockaddr_in *)peer;

	w->family = (uint8_t)peer->ss_family;
	w->port = peer->ss_family == AF_INET6 ? in6->sin6_port : in->sin_port;
	if (peer->ss_family == AF_INET6)
		memcpy(w->address, &in6->sin6_addr, 16);
	else
		memcpy(w->address, &in->sin_addr, 4);
}

static void peer_out(const struct waiter *w, struct asker *a)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->peer;
	struct sockaddr_in *in = (struct sockaddr_in *)&a->peer;

	a->peer.ss_family = w->family;
	if (w->family == AF_INET6) {
		in6->sin6_port = w->port;
		memcpy(&in6->sin6_addr, w->address, 16);
		a->peer_len = sizeof(*in6);
	} else {
		in->sin_port = w->port;
		memcpy(&in->sin_addr, w->address, 4);
		a->peer_len = sizeof(*in);
	}
}

/* The asker that is kept, and back. */
static void asker_in(struct waiter *w, const struct asker *a)
{
	w->generation = a->generation;
	w->socket = a->socket;
	w->dns_id = a->id;
	w->flags = a->flags;
	w->question_len = a->question_len;
	w->opcode = a->opcode;
	w->value_len = a->value_len;
	w->edns = a->edns;
	w->dnssec_ok = a->dnssec_ok;
	w->nsid = a->nsid;
	w->has_cookie = a->has_cookie;
	w->txt = a->txt;
	w->nxrrset = a->nxrrset;
	w->proposes = a->proposes;
	memcpy(w->cookie, a->cookie, sizeof(w->cookie));
	w->tsig = a->tsig;
	memcpy(w->tsig_mac, a->tsig_mac, sizeof(w->tsig_mac));
	memcpy(w->octets, a->question, a->question_len);
	memcpy(w->octets + a->question_len, a->value, a->value_len);
	peer_in(w, &a->peer);
}

static void asker_out(const struct waiter *w, struct asker *a)
{
	memset(a, 0, sizeof(*a));
	a->tcp = a->held = true;
	a->limit = AP_DNS_MAX;
	a->generation = w->generation;
	a->socket = w->socket;
	a->id = w->dns_id;
	a->flags = w->flags;
	a->question_len = w->question_len;
	a->opcode = w->opcode;
	a->value_len = w->value_len;
	a->edns = w->edns;
	a->dnssec_ok = w->dnssec_ok;
	a->nsid = w->nsid;
	a->has_cookie = w->has_cookie;
	a->txt = w->txt;
	a->nxrrset = w->nxrrset;
	a->proposes = w->proposes;
	memcpy(a->cookie, w->cookie, sizeof(a->cookie));
	a->tsig = w->tsig;
	memcpy(a->tsig_mac, w->tsig_mac, sizeof(a->tsig_mac));
	memcpy(a->question, w->octets, w->question_len);
	memcpy(a->value, w->octets + w->question_len, w->value_len);
	peer_out(w, a);
}

/* The nonce of a request or a read, which the last answer has to bear. */
static void nonce_of(uint8_t nonce[16], uint8_t kind, const uint8_t *op, size_t len)
{
	enum { READ = AP_ID_LEN, REQUEST = AP_ID_LEN + 2 + 1 + 1 };
	size_t at = kind == AP_OP_read ? READ : REQUEST;

	memset(nonce, 0, 16);
	if (len >= at + 16)
		memcpy(nonce, op + at, 16);
}

/* Nothing but this very request can end it when the deadline has come. */
static bool needs_request(const struct waiters *s, const uint8_t id[AP_ID_LEN], uint8_t kind)
{
	uint8_t octets[AP_MAX_descriptor];

	return kind == AP_OP_request && machine_undecided(s->conf.machine, id, octets) == 0;
}

/* Monotonic time at which it is asked anew: what is registered ends by itself. */
static uint64_t first_wake(const struct waiters *s, const struct waiter *w, uint64_t now_ms)
{
	uint64_t due_ms = ap_id_deadline(w->id) * 1000 + WAITERS_GRACE_MS,
		 wall_ms = s->conf.wall(s->conf.arg);
	uint64_t in_ms = due_ms > wall_ms ? due_ms - wall_ms : WAITERS_RETRY_MS;

	if (w->until_ms <= now_ms || in_ms >= w->until_ms - now_ms)
		return w->until_ms;
	return now_ms + in_ms;
}

bool waiters_room(const struct waiters *s, const struct asker *asker)
{
	return s->n < s->conf.max &&
	       s->prefixes[prefix_of(s->key, &asker->peer)] < s->conf.prefix_max;
}

/* draft {#absence}: what has no record when T has reached its deadline never gets one. */
static bool can_end(const struct waiters *s, const uint8_t id[AP_ID_LEN])
{
	return machine_time(s->conf.machine) < ap_id_deadline(id) * 1000;
}

bool waiters_hold(struct waiters *s, const struct asker *asker, const uint8_t id[AP_ID_LEN],
		  uint8_t kind, const uint8_t *op, size_t len, uint64_t now_ms)
{
	size_t op_len = needs_request(s, id, kind) ? len : 0;
	struct waiter *w;

	if (asker->wait_until_ms <= now_ms || !can_end(s, id) || asker->socket >= s->conf.sockets ||
	    !waiters_room(s, asker) || !heap_room(s))
		return false;
	w = calloc(1, sizeof(*w) + asker->question_len + asker->value_len + op_len);
	if (w == NULL)
		return false;
	asker_in(w, asker);
	w->until_ms = asker->wait_until_ms;
	w->op_len = (uint16_t)op_len;
	memcpy(w->octets + w->question_len + w->value_len, op, op_len);
	memcpy(w->id, id, AP_ID_LEN);
	nonce_of(w->nonce, kind, op, len);
	w->prefix = prefix_of(s->key, &asker->peer);
	w->wake_ms = first_wake(s, w, now_ms);
	s->prefixes[w->prefix]++;
	link_in(chain_of(s, id), w);
	conn_in(s, w);
	heap_put(s, s->n, w);
	heap_up(s, s->n++);
	return true;
}

/* ---- final outcomes ---- */

/* A waiter that is not in the lists any more gets its answer. */
static void answer(struct waiters *s, struct waiter *w, const ap_agree *agree, int refusal)
{
	struct asker asker;

	asker_out(w, &asker);
	s->conf.answer(s->conf.arg, &asker, w->id, agree, refusal);
	free(w);
}

static void final_free(struct final *f)
{
	free(f);
}

static struct final *final_new(struct waiters *s, const struct machine_result *r,
			       const struct machine_entry *e)
{
	struct final *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL; /* they ask again when their time is up */
	f->seq = r->seq;
	f->leaf = (uint16_t)e->leaf;
	f->outcome = e->outcome;
	if (e->outcome.value.len > 0)
		memcpy(f->value, e->outcome.value.data, e->outcome.value.len);
	f->outcome.value.data = f->value;
	f->next = s->finals;
	s->finals = f;
	return f;
}

static bool became_final(struct waiters *s, const struct machine_result *r,
			 const struct machine_entry *e, uint64_t now_ms)
{
	uint64_t again_ms = now_ms + WAITERS_AGAIN_MS;
	struct final *f = NULL;
	struct waiter *next;

	for (struct waiter *w = *chain_of(s, e->id); w != NULL; w = next) {
		next = w->next;
		if (memcmp(w->id, e->id, AP_ID_LEN) != 0)
			continue;
		if (f == NULL)
			f = final_new(s, r, e);
		if (f == NULL)
			break;
		link_out(w);
		link_in(&f->waiters, w);
		w->final = f;
		wake_at(s, w, again_ms < w->until_ms ? again_ms : w->until_ms);
	}
	return f != NULL;
}

bool waiters_executed(struct waiters *s, const struct machine_result *r, uint64_t now_ms)
{
	bool some = false;

	if (s->n == 0)
		return false;
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct machine_entry *e = &r->entries[i];

		if (e->leaf >= 0 && ap_outcome_is_final(&e->outcome))
			some |= became_final(s, r, e, now_ms);
	}
	return some;
}

static size_t final_signed(struct waiters *s, struct final *f, const struct index_block *block)
{
	ap_agree agree;
	bool good = ap_agree_make(&agree, &f->outcome, &block->statement, block->nodes, f->leaf,
				  block->sig);
	size_t n = 0;

	for (; f->waiters != NULL; n++) {
		struct waiter *w = f->waiters;

		remove_waiter(s, w);
		answer(s, w, good ? &agree : NULL, good ? 0 : AGREE_EINTERNAL);
	}
	return n;
}

size_t waiters_signed(struct waiters *s, uint64_t seq)
{
	const struct index_block *block;
	size_t n = 0;

	if (s->finals == NULL)
		return 0;
	block = index_block(s->conf.index, seq);
	for (struct final **at = &s->finals; *at != NULL;) {
		struct final *f = *at;

		if (f->seq == seq && block != NULL && block->has_sig)
			n += final_signed(s, f, block);
		if (f->waiters != NULL) {
			at = &f->next;
			continue;
		}
		*at = f->next;
		final_free(f);
	}
	return n;
}

/* ---- time, and connections ---- */

/* What is stored and signed needs no order. */
static bool answer_stored(struct waiters *s, struct waiter *w)
{
	ap_agree agree;
	uint64_t seq;

	if (ap_id_deadline(w->id) * 1000 <= machine_floor(s->conf.machine) ||
	    index_answer(s->conf.index, w->id, &agree, &seq) != INDEX_SIGNED)
		return false;
	remove_waiter(s, w);
	answer(s, w, &agree, 0);
	return true;
}

/* Its time is up, or the deadline of what is not registered has come; or the outcome was missed, or
 * its signature. */
static void ask_again(struct waiters *s, struct waiter *w, uint64_t now_ms)
{
	uint8_t read[AP_ID_LEN + 16];
	const uint8_t *op = read;
	uint8_t kind = AP_OP_read;
	size_t len = sizeof(read);
	struct asker asker;
	int status;

	if (answer_stored(s, w))
		return;
	asker_out(w, &asker);
	memcpy(read, w->id, AP_ID_LEN);
	memcpy(read + AP_ID_LEN, w->nonce, 16);
	if (w->op_len > 0) {
		kind = AP_OP_request;
		op = w->octets + w->question_len + w->value_len;
		len = w->op_len;
	}
	if (w->until_ms > now_ms)
		asker.wait_until_ms = w->until_ms;
	status = s->conf.again(s->conf.arg, kind, op, len, w->id, &asker, now_ms);
	if (status != 0 && w->until_ms > now_ms) {
		wake_at(s, w, now_ms + WAITERS_RETRY_MS);
		return;
	}
	remove_waiter(s, w);
	if (status == 0)
		free(w);
	else
		answer(s, w, NULL, status);
}

/* Of what the deadline has ended nothing but this very leaf is known: draft {#absence}. */
static bool may_be_signed(const struct waiters *s, const struct waiter *w, uint64_t now_ms)
{
	return w->final != NULL && w->until_ms > now_ms && w->final->outcome.sequence == 0 &&
	       index_block(s->conf.index, w->final->seq) != NULL;
}

/* The batch of its deadline may be on its way: behind that the id alone gets UNKNOWN. */
static bool ends_by_itself(const struct waiters *s, const struct waiter *w, uint64_t now_ms)
{
	struct machine_registration registered;

	return w->final == NULL && w->until_ms > now_ms &&
	       machine_registration(s->conf.machine, w->id, &registered);
}

uint64_t waiters_tick(struct waiters *s, uint64_t now_ms)
{
	for (size_t i = 0; s->n > 0 && s->heap[0]->wake_ms <= now_ms; i++) {
		struct waiter *w = s->heap[0];

		if (i == WAITERS_BURST)
			return now_ms;
		if (w->final != NULL && w->until_ms <= now_ms) { /* and no signature */
			remove_waiter(s, w);
			answer(s, w, NULL, AGREE_EORDER);
		} else if (ends_by_itself(s, w, now_ms)) {
			wake_at(s, w, w->until_ms);
		} else if (may_be_signed(s, w, now_ms)) {
			wake_at(s, w, now_ms + WAITERS_AGAIN_MS);
		} else {
			ask_again(s, w, now_ms);
		}
	}
	return s->n > 0 ? s->heap[0]->wake_ms : UINT64_MAX;
}

void waiters_overtaken(struct waiters *s, uint64_t now_ms)
{
	struct machine_registration registered;

	/* times that become earlier move up, where this has been already */
	for (size_t i = 0; i < s->n; i++) {
		struct waiter *w = s->heap[i];

		if (w->wake_ms > now_ms &&
		    (w->final != NULL ||
		     !machine_registration(s->conf.machine, w->id, &registered))) {
			w->wake_ms = now_ms;
			heap_up(s, i);
		}
	}
}

void waiters_closed(struct waiters *s, uint16_t socket)
{
	while (s->conns[socket] != NULL) {
		struct waiter *w = s->conns[socket];

		remove_waiter(s, w);
		free(w);
	}
}

size_t waiters_count(const struct waiters *s)
{
	return s->n;
}

/* ---- life ---- */

int waiters_new(struct waiters **out, const struct waiters_conf *conf)
{
	struct waiters *s = calloc(1, sizeof(*s));

	*out = s;
	if (s == NULL)
		return AGREE_ENOMEM;
	s->conf = *conf;
	s->conns = calloc(conf->sockets, sizeof(struct waiter *));
	if (s->conns != NULL && ap_random(s->key, sizeof(s->key)) == 0)
		return 0;
	waiters_free(s);
	*out = NULL;
	return AGREE_ENOMEM;
}

void waiters_free(struct waiters *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->heap[i]);
	while (s->finals != NULL) {
		struct final *next = s->finals->next;

		final_free(s->finals);
		s->finals = next;
	}
	free(s->heap);
	free(s->conns);
	free(s);
}
