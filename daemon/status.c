#include "config.h"

#include <inttypes.h>

#include "daemon/status.h"

static bool key_is_there(const uint8_t key[32])
{
	uint8_t any = 0;

	for (size_t i = 0; i < 32; i++)
		any |= key[i];
	return any != 0;
}

static void number_show(struct ap_text *t, const char *key, uint64_t value)
{
	ap_text_addf(t, "%s=%" PRIu64 "\n", key, value);
}

static void time_show(struct ap_text *t, const char *key, uint64_t ms)
{
	ap_text_addf(t, "%s=", key);
	ap_text_time(t, ms);
	ap_text_add(t, "\n");
}

static void who_show(struct ap_text *t, const struct status *s)
{
	const struct netfile *net = s->net;

	ap_text_addf(t, "domain=%s\nreplica=%s\n", net->domain, net->members[s->self - 1].name);
	number_show(t, "id", s->self);
	number_show(t, "n", net->n);
	number_show(t, "f", net->f);
	ap_text_addf(t, "phase=%s\n", s->phase);
	if (s->culprit != 0 && s->culprit <= net->n)
		ap_text_addf(t, "culprit=%s\n", net->members[s->culprit - 1].name);
	ap_text_add(t, "genesis=");
	ap_text_hex(t, net->genesis, sizeof net->genesis);
	ap_text_add(t, "\ngroup_key=");
	if (key_is_there(s->key))
		ap_base64url_show(t, s->key, sizeof s->key);
	ap_text_add(t, "\n");
	number_show(t, "epoch", s->epoch);
}

static void peers_show(struct ap_text *t, const struct status *s)
{
	unsigned up = 0;

	for (uint8_t i = 0; i < s->net->n; i++)
		up += i + 1 != s->self && (s->up >> i & 1) != 0;
	number_show(t, "peers_up", up);
	for (uint8_t i = 0; i < s->net->n; i++) {
		const struct netfile_member *m = &s->net->members[i];

		if (i + 1 == s->self)
			continue;
		ap_text_addf(t, "peer.%u=%s %s ", i + 1U, m->name,
			     (s->up >> i & 1) != 0 ? "up" : "down");
		addr_show(t, (const struct sockaddr *)&m->link.ss);
		ap_text_add(t, "\n");
	}
	for (uint8_t i = 0; i < s->net->n; i++)
		ap_text_addf(t, "pool.%u=%" PRIu32 "\n", i + 1U, s->pool[i]);
}

static void voting_show(struct ap_text *t, const struct status *s)
{
	ap_text_addf(t, "recovering=%s\n", s->unsure ? "unsure" : s->recovering ? "yes" : "no");
	number_show(t, "incarnation", s->incarnation);
	if (s->recovering)
		number_show(t, "votes_from", s->votes_from);
	ap_text_addf(t, "signing=%s\n", s->shareless ? "no-share" : "yes");
}

void status_show(struct ap_text *t, const struct status *s)
{
	who_show(t, s);
	voting_show(t, s);
	number_show(t, "view", s->view);
	/* draft {#ordering}: the primary of view v has identifier 1 + (v mod n) */
	ap_text_addf(t, "primary=%s\n", s->net->members[s->view % s->net->n].name);
	number_show(t, "sequence", s->seq);
	number_show(t, "stable_checkpoint", s->stable);
	time_show(t, "time", s->time_ms);
	time_show(t, "floor", s->floor_ms);
	peers_show(t, s);
	number_show(t, "queued", s->queued);
	number_show(t, "outstanding", s->outstanding);
	number_show(t, "unsigned_batches", s->unsigned_batches);
	number_show(t, "instances", s->instances);
	ap_text_addf(t, "disk=%s\n", s->disk);
	number_show(t, "journal_octets", s->journal_octets);
	number_show(t, "store_octets", s->store_octets);
	number_show(t, "disk_free_octets", s->disk_free_octets);
	number_show(t, "uptime_s", s->uptime_s);
}
