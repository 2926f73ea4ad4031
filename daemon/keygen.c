#include "config.h"

#include "daemon/keygen.h"
#include "daemon/bug.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/evidence.h"
#include "daemon/files.h"
#include "daemon/frost/dkg.h"
#include "daemon/log.h"
#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/name.h"

enum {
	POOL_LOW = 192,	 /* refill when fewer pairs than this are left, held or on their way, */
	PROBE_MS = 2000, /* live, but no signature seen in this run and the key not yet published:
			    ask for one */
};

static const char ENCKEY_FILE[] = "enckey", SHARE_FILE[] = "share", PUB_FILE[] = "group.pub";

struct keygen {
	struct keygen_conf conf;
	char dir[DISK_PATH_MAX];
	uint32_t t;
	enum machine_phase said; /* last phase logged */
	bool enckey_sent, deal_sent, ready_sent, complained;
	bool has_ek, loaded, published, held, shareless, told;
	uint8_t ek[32];
	uint64_t boot;	  /* run number */
	uint64_t sent;	  /* own nonce counters given out in this run */
	uint32_t stocked; /* commitments made and not yet given out: */
	uint64_t stock_first;
	ap_commitment stock[FROST_COMMIT_MAX];
	uint64_t probe_ms; /* 0: none planned */
};

int keygen_new(struct keygen **out, const struct keygen_conf *conf)
{
	struct keygen *k = sodium_malloc(sizeof(*k));

	*out = k;
	if (k == NULL)
		return AGREE_ENOMEM;
	memset(k, 0, sizeof(*k));
	k->conf = *conf;
	if (k->conf.pool_low == 0)
		k->conf.pool_low = POOL_LOW;
	if (k->conf.pool_step == 0 || k->conf.pool_step > FROST_COMMIT_MAX)
		k->conf.pool_step = FROST_COMMIT_MAX;
	k->t = (conf->n - 1u) / 3 + 1;
	if (strlen(conf->dir) >= sizeof(k->dir)) {
		keygen_free(k);
		*out = NULL;
		return AGREE_EUSAGE;
	}
	strcpy(k->dir, conf->dir);
	return 0;
}

void keygen_boot(struct keygen *k, uint64_t boot)
{
	k->boot = boot;
}

void keygen_reboot(struct keygen *k, uint64_t boot)
{
	k->boot = boot;
	k->enckey_sent = k->deal_sent = k->ready_sent = k->complained = false;
	k->sent = k->stocked = 0;
	if (k->loaded)
		(void)frost_reboot(k->conf.frost, boot); /* larger than any before */
}

void keygen_hold(struct keygen *k, bool held)
{
	k->held = held;
}

bool keygen_shareless(const struct keygen *k)
{
	return k->shareless;
}

void keygen_free(struct keygen *k)
{
	sodium_free(k); /* wipes */
}

/* ---- verdicts: pure, the same at every replica ---- */

static void deal_from_wire(struct dkg_deal *to, const ap_deal *from)
{
	memset(to, 0, sizeof(*to));
	to->points = from->n_phi;
	to->shares = from->n_shares;
	for (size_t i = 0; i < from->n_phi && i < FROST_THRESHOLD_MAX; i++)
		memcpy(to->phi[i], from->phi[i].point.octets, 32);
	for (size_t i = 0; i < from->n_shares && i < FROST_MEMBERS_MAX; i++)
		memcpy(to->ct[i], from->shares[i].share.octets, 32);
	memcpy(to->R, from->proof_r.octets, 32);
	memcpy(to->mu, from->proof_mu.octets, 32);
	memcpy(to->K, from->eph.octets, 32);
	memcpy(to->KR, from->eph_r.octets, 32);
	memcpy(to->Kmu, from->eph_mu.octets, 32);
}

static void deal_to_wire(ap_deal *to, const struct dkg_deal *from, const uint8_t sid[32])
{
	memset(to, 0, sizeof(*to));
	memcpy(to->sid.octets, sid, 32);
	to->n_phi = (ap_u8)from->points;
	to->n_shares = (ap_u8)from->shares;
	for (size_t i = 0; i < from->points; i++)
		memcpy(to->phi[i].point.octets, from->phi[i], 32);
	for (size_t i = 0; i < from->shares; i++)
		memcpy(to->shares[i].share.octets, from->ct[i], 32);
	memcpy(to->proof_r.octets, from->R, 32);
	memcpy(to->proof_mu.octets, from->mu, 32);
	memcpy(to->eph.octets, from->K, 32);
	memcpy(to->eph_r.octets, from->KR, 32);
	memcpy(to->eph_mu.octets, from->Kmu, 32);
}

static void run_make(struct dkg_run *run, uint8_t n, uint32_t epoch, const uint8_t sid[32],
		     const uint8_t enckeys[][32])
{
	memset(run, 0, sizeof(*run));
	memcpy(run->sid, sid, 32);
	run->epoch = epoch;
	run->n = n;
	run->t = (n - 1u) / 3 + 1;
	memcpy(run->enckey, enckeys, (size_t)n * 32);
}

static int deal_check(void *ctx, uint8_t n, const uint8_t sid[32], uint8_t dealer,
		      const uint8_t enckeys[][32], const ap_deal *wire)
{
	struct dkg_deal deal;
	struct dkg_run run;

	(void)ctx;
	run_make(&run, n, 0, sid, enckeys);
	deal_from_wire(&deal, wire);
	return dkg_deal_check(&run, dealer, &deal);
}

static int point_check(void *ctx, const uint8_t point[32])
{
	(void)ctx;
	return frost_point_is_valid(point) ? 0 : FROST_EPOINT;
}

static int complaint_check(void *ctx, uint8_t n, const uint8_t sid[32], uint8_t sender,
			   const uint8_t enckeys[][32], const ap_deal *wire, const ap_complaint *c)
{
	struct dkg_complaint complaint = {.sender = sender, .dealer = c->dealer};
	struct dkg_deal deal;
	struct dkg_run run;

	(void)ctx;
	run_make(&run, n, 0, sid, enckeys);
	deal_from_wire(&deal, wire);
	memcpy(complaint.S, c->secret.octets, 32);
	memcpy(complaint.A1, c->a1.octets, 32);
	memcpy(complaint.A2, c->a2.octets, 32);
	memcpy(complaint.w, c->w.octets, 32);
	return dkg_complaint_check(&run, &deal, &complaint);
}

static int keys(void *ctx, uint8_t n, const ap_deal wire[], uint8_t pk[32], uint8_t y[][32])
{
	static const uint8_t none[AP_REPLICAS_MAX][32];
	struct dkg_deal deals[AP_REPLICAS_MAX];
	struct frost_group group;
	struct dkg_run run;
	int status;

	(void)ctx;
	run_make(&run, n, 0, wire[0].sid.octets, none);
	for (uint8_t i = 0; i < n; i++)
		deal_from_wire(&deals[i], &wire[i]);
	status = dkg_public(&group, &run, deals);
	if (status != 0)
		return status;
	memcpy(pk, group.key, 32);
	memcpy(y, group.verifier, (size_t)n * 32);
	return 0;
}

static int blame_check(void *ctx, const struct machine_case *about, const ap_share_body *share,
		       const uint8_t sig[64])
{
	const struct keygen *k = ctx;

	return evidence_check(k->conf.keys, about, share, sig);
}

static void sid_make(void *ctx, const uint8_t genesis[32], uint32_t epoch, uint8_t n,
		     uint32_t attempt, uint8_t sid[32])
{
	const struct keygen *k = ctx;

	dkg_sid(sid, genesis, epoch, attempt, n, (n - 1u) / 3 + 1, k->conf.keys[0]);
}

void keygen_funcs(struct keygen *k, struct machine_funcs *out)
{
	*out = (struct machine_funcs){.sha256 = ap_sha256,
				      .deal_check = deal_check,
				      .point_check = point_check,
				      .complaint_check = complaint_check,
				      .keys = keys,
				      .blame_check = blame_check,
				      .sid = sid_make,
				      .ctx = k};
}

/* ---- what is due ---- */

#define OP_MAX 8192
_Static_assert((int)AP_MAX_nonces <= OP_MAX && (int)AP_MAX_deal <= OP_MAX, "an operation fits");

static bool is_set(uint16_t bits, uint8_t id)
{
	return (bits >> (id - 1) & 1) != 0;
}

static int ek_load(struct keygen *k, const struct machine_key *key, struct disk_error *why)
{
	uint8_t octets[DKG_ENCKEY_OCTETS];
	int n = files_get(k->dir, ENCKEY_FILE, octets, sizeof(octets), why);

	if (n >= 0 && dkg_enckey_get(k->ek, key->sid, k->conf.self, octets, (size_t)n) == 0)
		k->has_ek = true;
	sodium_memzero(octets, sizeof(octets));
	return n == DISK_ESYSTEM ? n : 0;
}

/* On disk before it is named to anybody, or a crash would end the attempt. */
static int enckey(struct keygen *k, const struct machine_key *key, struct disk_error *why)
{
	uint8_t octets[DKG_ENCKEY_OCTETS], body[AP_MAX_enckey];
	struct ap_writer w;
	ap_enckey op;
	int status = 0;

	if (k->enckey_sent || is_set(key->have_enckey, k->conf.self))
		return 0;
	if (k->has_ek) { /* of an earlier run: its ENCKEY may still be on its way */
		frost_point_base(op.key.octets, k->ek);
	} else {
		dkg_enckey_make(k->ek, op.key.octets, &frost_random_system);
		status =
			files_put(k->dir, ENCKEY_FILE, octets,
				  dkg_enckey_put(octets, key->sid, k->conf.self, k->ek), 0600, why);
		sodium_memzero(octets, sizeof(octets));
		if (status != 0)
			return status;
		k->has_ek = true;
	}
	memcpy(op.sid.octets, key->sid, 32);
	ap_writer_init(&w, body, sizeof(body));
	ap_enckey_put(&w, &op);
	k->conf.submit(k->conf.arg, AP_OP_enckey, body, ap_writer_len(&w));
	k->enckey_sent = true;
	return 0;
}

static void deal(struct keygen *k, const struct machine_key *key)
{
	uint8_t body[OP_MAX];
	struct ap_writer w;
	struct dkg_deal made;
	struct dkg_run run;
	ap_deal op;

	if (k->deal_sent || is_set(key->have_deal, k->conf.self))
		return;
	run_make(&run, k->conf.n, key->epoch, key->sid, key->enckeys);
	if (dkg_deal_make(&made, &run, k->conf.self, &frost_random_system) != 0)
		return;
	deal_to_wire(&op, &made, key->sid);
	ap_writer_init(&w, body, sizeof(body));
	ap_deal_put(&w, &op);
	k->conf.submit(k->conf.arg, AP_OP_deal, body, ap_writer_len(&w));
	k->deal_sent = true;
}

static void complain(struct keygen *k, const struct machine_key *key, const struct dkg_run *run,
		     const struct dkg_deal deals[], uint16_t culprit)
{
	uint8_t body[AP_MAX_complaint];
	struct dkg_complaint made;
	struct ap_writer w;
	ap_complaint op;

	if (k->complained || culprit == 0 ||
	    dkg_complaint_make(&made, run, culprit, &deals[culprit - 1], k->conf.self, k->ek,
			       &frost_random_system) != 0)
		return;
	log_say(LOG_L_ERROR, "key generation: share that does not fit its dealing member=%u",
		culprit);
	memcpy(op.sid.octets, key->sid, 32);
	op.dealer = (ap_u8)culprit;
	memcpy(op.secret.octets, made.S, 32);
	memcpy(op.a1.octets, made.A1, 32);
	memcpy(op.a2.octets, made.A2, 32);
	memcpy(op.w.octets, made.w, 32);
	ap_writer_init(&w, body, sizeof(body));
	ap_complaint_put(&w, &op);
	k->conf.submit(k->conf.arg, AP_OP_complaint, body, ap_writer_len(&w));
	k->complained = true;
}

static int share_save(const struct keygen *k, const struct frost_key *share, struct disk_error *why)
{
	uint8_t octets[FROST_KEY_MAX];
	int status = files_put(k->dir, SHARE_FILE, octets, frost_key_put(octets, share), 0600, why);

	sodium_memzero(octets, sizeof(octets));
	return status;
}

/* The share is on disk before READY, and the encryption key goes only after the own READY was
 * executed; a crash may have taken the marks of that execution, not those of the share. */
static bool has_share(const struct keygen *k)
{
	struct disk_error why = {""};
	uint8_t octets[FROST_KEY_MAX];
	int n = files_get(k->dir, SHARE_FILE, octets, sizeof(octets), &why);

	sodium_memzero(octets, sizeof(octets));
	return n > 0;
}

/* draft {#loss}: it orders and votes, but this key generation cannot end. */
static void cannot_finish(struct keygen *k, const char *what)
{
	if (!k->told)
		log_say(LOG_L_ERROR,
			"%s/%s is %s: this replica cannot finish the key generation that it began; "
			"restore the file, or the members must form the network anew",
			k->dir, ENCKEY_FILE, what);
	k->told = true;
}

/* All dealings are there: own share out of them, on disk, then READY. */
static int ready(struct keygen *k, const struct machine_key *key, struct disk_error *why)
{
	struct dkg_deal deals[AP_REPLICAS_MAX];
	uint8_t body[AP_MAX_ready];
	struct frost_key share;
	uint16_t culprit = 0;
	struct dkg_run run;
	struct ap_writer w;
	int status = 0;
	ap_ready op;

	if (k->ready_sent || k->complained || is_set(key->have_ready, k->conf.self))
		return 0;
	if (!k->has_ek && has_share(k) && !BUG(108))
		return 0; /* an earlier run finished, and the log says so further on */
	if (!k->has_ek) {
		cannot_finish(k, "missing or damaged");
		return 0;
	}
	run_make(&run, k->conf.n, key->epoch, key->sid, key->enckeys);
	for (uint8_t i = 0; i < k->conf.n; i++)
		deal_from_wire(&deals[i], &key->deals[i]);
	status = dkg_result(&share, &run, deals, k->conf.self, k->ek, &culprit);
	if (status != 0 && culprit == 0) {
		cannot_finish(k, "not the key that this replica has sent to the others");
		return 0;
	}
	if (status != 0) {
		complain(k, key, &run, deals, culprit);
		return 0;
	}
	status = share_save(k, &share, why);
	frost_key_wipe(&share);
	if (status != 0)
		return status;
	memcpy(op.sid.octets, key->sid, 32);
	memcpy(op.dealings.octets, key->dealings, 32);
	ap_writer_init(&w, body, sizeof(body));
	ap_ready_put(&w, &op);
	k->conf.submit(k->conf.arg, AP_OP_ready, body, ap_writer_len(&w));
	k->ready_sent = true;
	return 0;
}

/* A key that an earlier run has proven and published needs no new proof. */
static bool is_published(const struct keygen *k, const uint8_t pk[32])
{
	struct disk_error why = {""};
	uint8_t text[64], key[32];
	int n = files_get(k->dir, PUB_FILE, text, sizeof(text), &why);

	return n == 44 && ap_base64url_parse(key, 32, (const char *)text, 43) == 32 &&
	       memcmp(key, pk, 32) == 0;
}

/* draft {#loss}: "the replica orders, executes and votes, and signs nothing" */
static int watch(struct keygen *k, const struct machine_key *key, const char *what,
		 struct disk_error *why)
{
	struct frost_group group = {.epoch = key->epoch, .n = k->conf.n, .t = k->t};

	for (uint8_t i = 0; i < k->conf.n; i++)
		group.id[i] = (uint16_t)(i + 1);
	memcpy(group.key, key->pk, 32);
	memcpy(group.verifier, key->y, (size_t)k->conf.n * 32);
	if (frost_watch(k->conf.frost, &group, k->boot) != 0)
		return disk_say(why, DISK_EDAMAGED, "the group key in the state is no group key");
	log_say(LOG_L_ERROR,
		"%s/%s, the key share, is %s: this replica votes and answers, but signs nothing; "
		"restore the file and start it again, or have the members share the key anew",
		k->dir, SHARE_FILE, what);
	k->loaded = k->shareless = true;
	k->published = is_published(k, key->pk);
	return 0;
}

/* The share into the signer; the key for decrypting dealings has done its work. */
static int load(struct keygen *k, const struct machine_key *key, struct disk_error *why)
{
	uint8_t octets[FROST_KEY_MAX];
	struct frost_key share;
	int n, status;

	if (k->loaded)
		return 0;
	n = files_get(k->dir, SHARE_FILE, octets, sizeof(octets), why);
	if (n == DISK_ENOTFOUND)
		return watch(k, key, "missing", why);
	if (n < 0 && n != DISK_ETOOBIG) {
		sodium_memzero(octets, sizeof(octets)); /* it may have been read in part */
		return n;
	}
	status = frost_key_get(&share, octets, n < 0 ? 0 : (size_t)n);
	sodium_memzero(octets, sizeof(octets));
	if (status == 0 && (share.id != k->conf.self || memcmp(share.group.key, key->pk, 32) != 0))
		status = FROST_EKEY;
	if (status == 0)
		status = frost_load(k->conf.frost, &share, k->boot);
	frost_key_wipe(&share);
	if (status != 0)
		return watch(k, key, "damaged, or of another network or member", why);
	k->loaded = true;
	k->published = is_published(k, key->pk);
	sodium_memzero(k->ek, sizeof(k->ek));
	k->has_ek = false;
	return files_wipe(k->dir, ENCKEY_FILE, why);
}

/* Pairs for the next NONCES are made one by one while there is nothing else to do, so that no
 * request waits for 64. */
static bool stock_up(struct keygen *k, uint32_t want)
{
	while (k->stocked < want) {
		struct frost_nonces made;

		if (frost_commit(k->conf.frost, 1, &made) != 0)
			return false;
		if (k->stocked == 0)
			k->stock_first = made.first;
		memcpy(k->stock[k->stocked].hiding.octets, made.pair[0].hiding, 32);
		memcpy(k->stock[k->stocked].binding.octets, made.pair[0].binding, 32);
		k->stocked++;
	}
	return true;
}

bool keygen_idle(struct keygen *k)
{
	return k->loaded && !k->shareless && !k->held && k->stocked < k->conf.pool_step &&
	       stock_up(k, k->stocked + 1);
}

/* One NONCES at a time, when the pairs that are left, ordered or on their way, run low. */
static void refill(struct keygen *k, const struct machine *m, const struct machine_key *key)
{
	struct machine_pool_info pool;
	uint8_t body[OP_MAX];
	struct ap_writer w;
	ap_nonces op;

	if (k->shareless || k->held)
		return;
	machine_pool(m, k->conf.self, &pool);
	if (pool.boot == k->boot && pool.next < k->sent)
		return; /* the last one is not ordered yet */
	if (k->sent > 0 && pool.boot != k->boot)
		return;
	if (pool.boot == k->boot && pool.left >= k->conf.pool_low)
		return;
	stock_up(k, k->conf.pool_step);
	if (k->stocked == 0)
		return;
	memset(&op, 0, sizeof(op));
	op.epoch = key->epoch;
	op.boot = k->boot;
	op.first = k->stock_first;
	op.n_pairs = (ap_u8)k->stocked;
	memcpy(op.pairs, k->stock, k->stocked * sizeof(op.pairs[0]));
	k->sent = k->stock_first + k->stocked;
	k->stocked = 0;
	ap_writer_init(&w, body, sizeof(body));
	ap_nonces_put(&w, &op);
	k->conf.submit(k->conf.arg, AP_OP_nonces, body, ap_writer_len(&w));
}

/* All crashed before anybody kept the trial's signature: any leaf will do for a proof that the key
 * works. */
static void probe(struct keygen *k, uint64_t now_ms)
{
	uint8_t body[AP_MAX_read];
	struct ap_writer w;
	ap_read op;

	if (k->published || k->held)
		return;
	if (k->probe_ms == 0)
		k->probe_ms = now_ms + PROBE_MS;
	if (now_ms < k->probe_ms)
		return;
	k->probe_ms = now_ms + PROBE_MS;
	randombytes_buf(&op, sizeof(op));
	ap_writer_init(&w, body, sizeof(body));
	ap_read_put(&w, &op);
	k->conf.submit(k->conf.arg, AP_OP_read, body, ap_writer_len(&w));
}

static void say_phase(struct keygen *k, const struct machine_key *key)
{
	static const char *const names[] = {
		[MACHINE_ENCKEYS] = "key generation: encryption keys",
		[MACHINE_DEALS] = "key generation: dealings",
		[MACHINE_READIES] = "key generation: shares",
		[MACHINE_TRIAL] = "key generation: trial signature",
		[MACHINE_LIVE] = "network is live",
		[MACHINE_FAILED] =
			"key generation failed: form the network anew without this member"};

	if (key->phase == k->said)
		return;
	k->said = key->phase;
	if (key->phase == MACHINE_FAILED)
		log_say(LOG_L_ERROR, "%s member=%u", names[key->phase], key->culprit);
	else
		log_say(LOG_L_INFO, "%s", names[key->phase]);
}

int keygen_step(struct keygen *k, const struct machine *m, uint64_t now_ms, struct disk_error *why)
{
	const struct machine_key *key = machine_key(m);
	int status = 0;

	say_phase(k, key);
	if (!k->has_ek && !k->loaded && key->phase < MACHINE_TRIAL)
		status = ek_load(k, key, why);
	if (status != 0)
		return status;
	if (k->held && key->phase < MACHINE_TRIAL)
		return 0;
	switch (key->phase) {
	case MACHINE_ENCKEYS:
		return enckey(k, key, why);
	case MACHINE_DEALS:
		deal(k, key);
		return 0;
	case MACHINE_READIES:
		return ready(k, key, why);
	case MACHINE_TRIAL:
	case MACHINE_LIVE:
		status = load(k, key, why);
		if (status != 0)
			return status;
		refill(k, m, key);
		if (key->phase == MACHINE_LIVE)
			probe(k, now_ms);
		return 0;
	case MACHINE_FAILED:
		return 0;
	}
	return 0;
}

/* draft {#trial}: "with an implementation of RFC 8032 other than the one that made it" */
static bool is_proof(const uint8_t key[32], const struct index_block *b)
{
	uint8_t text[AP_STATEMENT_MAX];
	size_t n = b->trial ? ap_statement_trial_put(text, &b->statement)
			    : ap_statement_batch_put(text, &b->statement);

	return ap_verify_once(key, b->sig, text, n) == 0;
}

int keygen_proven(struct keygen *k, const struct index_block *b, struct disk_error *why)
{
	char text[64];
	struct ap_text t;

	if (k->published || frost_public(k->conf.frost) == NULL)
		return 0;
	if (!is_proof(frost_public(k->conf.frost)->key, b))
		return disk_say(
			why, DISK_EDAMAGED,
			"OpenSSL refuses a signature of the group that libsodium takes: do not "
			"use this network, and report this");
	k->published = true;
	k->probe_ms = 0;
	ap_text_init(&t, text, sizeof(text));
	ap_base64url_show(&t, frost_public(k->conf.frost)->key, 32);
	log_say(LOG_L_INFO, "group key proven key=%s", text);
	ap_text_add(&t, "\n");
	return files_put(k->dir, PUB_FILE, text, ap_text_len(&t), 0644, why);
}

uint64_t keygen_wake(const struct keygen *k)
{
	return k->probe_ms != 0 ? k->probe_ms : UINT64_MAX;
}
