#include "config.h"

#include "daemon/quota.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/limit.h"
#include "daemon/prefix.h"
#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"

enum { CHAINS = 1 << 14 };

struct held { /* an instance that a client of this replica has registered */
	struct held *next;
	uint8_t id[AP_ID_LEN];
	uint16_t prefix;
};

struct quota {
	struct quota_conf conf;
	uint8_t key[16];
	size_t n;
	struct held *chains[CHAINS]; /* ids end in a hash */
	uint32_t counts[PREFIXES];
	uint64_t earliest_s[PREFIXES]; /* a deadline of theirs, or one that has been */
	struct limit votes[PREFIXES];
};

static struct held **find(struct quota *q, const uint8_t id[AP_ID_LEN])
{
	struct held **at =
		&q->chains[(size_t)(id[AP_ID_LEN - 1] | id[AP_ID_LEN - 2] << 8) % CHAINS];

	while (*at != NULL && memcmp((*at)->id, id, AP_ID_LEN) != 0)
		at = &(*at)->next;
	return at;
}

static void forget(struct quota *q, struct held **at)
{
	struct held *h = *at;

	*at = h->next;
	q->counts[h->prefix]--;
	q->n--;
	free(h);
}

/* Those that went without an outcome, long after their deadline. */
static void sweep(struct quota *q)
{
	struct machine_registration info;

	for (size_t i = 0; i < CHAINS; i++)
		for (struct held **at = &q->chains[i]; *at != NULL;) {
			if (machine_registration(q->conf.machine, (*at)->id, &info))
				at = &(*at)->next;
			else
				forget(q, at);
		}
}

void quota_pending(struct quota *q, const struct sockaddr_storage *client,
		   const uint8_t id[AP_ID_LEN], uint64_t seq)
{
	uint16_t prefix = prefix_of(q->key, client);
	struct machine_registration info;
	struct held **at, *h;

	if (!machine_registration(q->conf.machine, id, &info) || info.seq != seq ||
	    info.relay != q->conf.self)
		return; /* it was there already */
	if (q->n >= 2 * (size_t)MACHINE_SHARE_MAX)
		sweep(q);
	at = find(q, id);
	if (*at != NULL)
		return;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return; /* not counted: the relay's share bounds it */
	memcpy(h->id, id, AP_ID_LEN);
	h->prefix = prefix;
	*at = h;
	q->n++;
	if (q->counts[prefix]++ == 0 || ap_id_deadline(id) < q->earliest_s[prefix])
		q->earliest_s[prefix] = ap_id_deadline(id);
}

void quota_executed(struct quota *q, const struct machine_result *r)
{
	for (size_t i = 0; q->n > 0 && i < r->n_entries; i++) {
		const struct machine_entry *e = &r->entries[i];
		struct held **at;

		if (e->leaf < 0 || !ap_outcome_is_final(&e->outcome))
			continue;
		at = find(q, e->id);
		if (*at != NULL)
			forget(q, at);
	}
}

void quota_overtaken(struct quota *q)
{
	sweep(q);
}

int quota_take(struct quota *q, const struct sockaddr_storage *client, unsigned use,
	       uint64_t now_ms, uint64_t now_s, uint64_t *in_s)
{
	uint16_t prefix = prefix_of(q->key, client);

	*in_s = 1;
	if ((use & QUOTA_REGISTER) != 0 && q->counts[prefix] >= q->conf.undecided_max) {
		if (q->earliest_s[prefix] > now_s)
			*in_s = q->earliest_s[prefix] - now_s;
		return AGREE_ECLIENTINSTANCES;
	}
	if ((use & QUOTA_VOTE) != 0 && !limit_take(&q->votes[prefix], now_ms))
		return AGREE_ECLIENTVOTES;
	return 0;
}

size_t quota_count(const struct quota *q)
{
	return q->n;
}

int quota_new(struct quota **out, const struct quota_conf *conf)
{
	struct quota *q = calloc(1, sizeof(*q));

	*out = q;
	if (q == NULL)
		return AGREE_ENOMEM;
	q->conf = *conf;
	for (size_t i = 0; i < PREFIXES; i++)
		limit_init(&q->votes[i], conf->votes_rate);
	if (ap_random(q->key, sizeof(q->key)) == 0)
		return 0;
	free(q);
	*out = NULL;
	return AGREE_EINTERNAL;
}

void quota_free(struct quota *q)
{
	for (size_t i = 0; q != NULL && i < CHAINS; i++)
		while (q->chains[i] != NULL)
			forget(q, &q->chains[i]);
	free(q);
}
