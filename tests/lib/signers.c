#include "tests/lib/signers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/evidence.h"
#include "daemon/verify.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "tests/lib/fakegroup.h"
#include "tests/lib/testkeys.h"

static const uint8_t genesis[32] = "signers";
static struct frost_key group_keys[AP_REPLICAS_MAX];
static uint8_t identity_keys[AP_REPLICAS_MAX][32], identity_secrets[AP_REPLICAS_MAX][64];

/* ---- mail ---- */

static void post(struct signers *s, const struct mail *mail)
{
	if (s->silent[mail->from - 1])
		return;
	assert_in_range(s->n_queue, 0, sizeof(s->queue) / sizeof(s->queue[0]) - 1);
	s->queue[s->n_queue] = *mail;
	if (s->change != NULL)
		s->change(s, &s->queue[s->n_queue]);
	s->n_queue++;
}

static void post_all(struct signer *m, uint16_t to, struct mail *mail)
{
	mail->from = m->id;
	for (uint8_t id = 1; id <= m->all->n; id++) {
		mail->to = id;
		if (id != m->id && (to >> (id - 1) & 1) != 0)
			post(m->all, mail);
	}
}

void signers_sign(struct signers *s, struct mail *mail)
{
	(void)s;
	sign_share(identity_secrets[mail->from - 1], genesis, &mail->share.share,
		   mail->share.sig.octets);
}

static void on_send(void *arg, uint16_t to, const ap_share_body *share)
{
	const struct signer *m = arg;
	struct mail mail = {.kind = MAIL_SHARE, .seq = share->seq, .share = {.share = *share}};

	sign_share(identity_secrets[m->id - 1], genesis, share, mail.share.sig.octets);
	post_all(arg, to, &mail);
}

static void on_want(void *arg, uint16_t to, uint64_t seq)
{
	struct mail mail = {.kind = MAIL_WANT, .seq = seq};

	((struct signer *)arg)->wants++;
	post_all(arg, to, &mail);
}

static void on_done(void *arg, uint64_t seq, uint32_t epoch, const uint8_t sig[64])
{
	struct signer *m = arg;

	assert_int_equal(epoch, 1);
	m->done[seq]++;
	assert_true(index_signed(m->index, seq, sig));
}

static void give(struct signer *m, uint16_t to, uint64_t seq)
{
	struct mail mail = {.kind = MAIL_SIGNED, .seq = seq};
	uint32_t epoch;

	assert_true(index_signature(m->index, seq, &epoch, mail.sig));
	post_all(m, to, &mail);
}

static void on_give(void *arg, uint16_t to, uint64_t seq)
{
	give(arg, to, seq);
}

static void on_submit(void *arg, uint8_t kind, const uint8_t *op, size_t len)
{
	struct signer *m = arg;

	assert_in_range(m->n_own, 0, sizeof(m->own) / sizeof(m->own[0]) - 1);
	assert_in_range(len, 0, sizeof(m->own[0].octets));
	m->own[m->n_own].kind = kind;
	m->own[m->n_own].len = len;
	memcpy(m->own[m->n_own++].octets, op, len);
	m->retries += kind == AP_OP_retry;
	m->blames += kind == AP_OP_blame;
	m->badpoints += kind == AP_OP_badpoint;
}

static void want_in(struct signer *m, const struct mail *mail)
{
	uint8_t sig[64];
	uint32_t epoch;

	if (index_signature(m->index, mail->seq, &epoch, sig))
		give(m, (uint16_t)(1u << (mail->from - 1)), mail->seq);
	else
		sign_want_in(m->sign, mail->from, mail->seq);
}

void signers_deliver(struct signers *s, uint16_t to)
{
	for (size_t at = 0; at < s->n_queue; at++) {
		const struct mail mail = s->queue[at];
		struct signer *m = &s->member[mail.to - 1];

		if ((to >> (mail.to - 1) & 1) == 0)
			continue;
		if (mail.kind == MAIL_SHARE)
			sign_share_in(m->sign, mail.from, &mail.share, s->now_ms);
		else if (mail.kind == MAIL_WANT)
			want_in(m, &mail);
		else
			sign_signed_in(m->sign, mail.seq, mail.sig);
	}
	s->n_queue = 0;
}

void signers_pass(struct signers *s, uint64_t ms)
{
	s->now_ms += ms;
	for (uint8_t i = 0; i < s->n; i++)
		sign_tick(s->member[i].sign, s->now_ms);
	signers_deliver(s, PBFT_EVERYONE);
}

/* ---- log ---- */

static void octets_add(struct signers *s, uint64_t seq, uint8_t relay, uint8_t kind, ap_bytes body)
{
	ap_op whole = {.kind = kind, .body = {body.data, body.len}};
	uint8_t **ops = &s->log[seq].ops[relay - 1];
	size_t *len = &s->log[seq].len[relay - 1];
	struct ap_writer w;

	*ops = realloc(*ops, *len + 3 + whole.body.len);
	assert_non_null(*ops);
	ap_writer_init(&w, *ops + *len, 3 + whole.body.len);
	ap_op_put(&w, &whole);
	assert_null(w.bad);
	*len += ap_writer_len(&w);
}

static void op_add(struct signers *s, uint64_t seq, uint8_t relay, const struct ap_operation *op)
{
	static uint8_t body[1 << 14];
	struct ap_writer w;

	ap_writer_init(&w, body, sizeof(body));
	ap_operation_put(&w, op);
	assert_null(w.bad);
	octets_add(s, seq, relay, op->kind, ap_writer_bytes(&w));
}

uint64_t signers_order_own(struct signers *s, uint16_t who)
{
	bool any = false;

	for (uint8_t i = 0; i < s->n; i++)
		any = any || ((who >> i & 1) != 0 && s->member[i].n_own > 0);
	if (!any)
		return 0;
	s->head++;
	for (uint8_t i = 0; i < s->n; i++) {
		struct signer *m = &s->member[i];

		for (size_t k = 0; (who >> i & 1) != 0 && k < m->n_own; k++)
			octets_add(s, s->head, m->id, m->own[k].kind,
				   (ap_bytes){m->own[k].octets, m->own[k].len});
		if ((who >> i & 1) != 0)
			m->n_own = 0;
	}
	return s->head;
}

uint64_t signers_order(struct signers *s, unsigned leaves)
{
	struct ap_operation op = {.kind = AP_OP_read};

	s->head++;
	for (unsigned i = 0; i < leaves; i++) {
		memcpy(op.as_read.id.octets, &i, sizeof(i));
		op.as_read.id.octets[36] = 1;
		op_add(s, s->head, 1, &op);
	}
	return s->head;
}

uint64_t signers_nonces(struct signers *s)
{
	s->head++;
	for (uint8_t id = 1; id <= s->n; id++) {
		struct ap_operation op = {.kind = AP_OP_nonces};
		struct frost_nonces made;

		assert_int_equal(frost_commit(s->member[id - 1].frost, 64, &made), 0);
		op.as_nonces.epoch = 1;
		op.as_nonces.boot = made.boot;
		op.as_nonces.first = made.first;
		op.as_nonces.n_pairs = (ap_u8)made.count;
		for (uint32_t i = 0; i < made.count; i++) {
			memcpy(op.as_nonces.pairs[i].hiding.octets, made.pair[i].hiding, 32);
			memcpy(op.as_nonces.pairs[i].binding.octets, made.pair[i].binding, 32);
			if (s->bad_point_of == id)
				memset(op.as_nonces.pairs[i].hiding.octets, 0xff - (int)i, 32);
		}
		op_add(s, s->head, id, &op);
	}
	return s->head;
}

static void execute_next(struct signers *s, struct signer *m)
{
	struct machine_bundle bundles[AP_REPLICAS_MAX];
	struct machine_batch batch = {.seq = machine_seq(m->machine) + 1, .bundles = bundles};
	uint8_t digests[AP_REPLICAS_MAX][32];

	batch.time_ms = batch.seq * 1000;
	for (uint8_t relay = 1; relay <= s->n; relay++) {
		size_t len = s->log[batch.seq].len[relay - 1];
		const uint8_t *ops = s->log[batch.seq].ops[relay - 1];

		if (len == 0)
			continue;
		ap_digest_bundle(ap_sha256, digests[batch.n_bundles], genesis, relay, 1, batch.seq,
				 (ap_bytes){ops, len});
		bundles[batch.n_bundles++] = (struct machine_bundle){relay, 1, batch.seq, ops, len};
	}
	ap_digest_batch(ap_sha256, batch.digest, batch.time_ms, (uint16_t)batch.n_bundles,
			digests[0]);
	index_begin(m->index, batch.seq);
	machine_apply(m->machine, &batch, &m->result);
	index_end(m->index, &m->result);
	if (m->sign != NULL)
		sign_executed(m->sign, &m->result, !s->no_clients, s->now_ms);
}

void signers_execute(struct signers *s, uint8_t id, uint64_t seq)
{
	assert_true(seq <= s->head);
	while (machine_seq(s->member[id - 1].machine) < seq)
		execute_next(s, &s->member[id - 1]);
}

void signers_execute_all(struct signers *s, uint64_t seq)
{
	for (uint8_t id = 1; id <= s->n; id++)
		signers_execute(s, id, seq);
}

/* ---- life ---- */

static int keys(void *ctx, uint8_t n, const ap_deal deals[], uint8_t pk[32], uint8_t y[][32])
{
	(void)ctx;
	(void)deals;
	memcpy(pk, group_keys[0].group.key, 32);
	for (uint8_t i = 0; i < n; i++)
		memcpy(y[i], group_keys[0].group.verifier[i], 32);
	return 0;
}

/* fakegroup's own points, which key generation is played with, are none, and begin with 0x11 */
static int point_check(void *ctx, const uint8_t point[32])
{
	(void)ctx;
	return point[0] == 0x11 || frost_point_is_valid(point) ? 0 : -1;
}

static int blame_check(void *ctx, const struct machine_case *about, const ap_share_body *share,
		       const uint8_t sig[64])
{
	(void)ctx;
	return evidence_check((const uint8_t(*)[32])identity_keys, about, share, sig);
}

static void index_start(struct signer *m)
{
	struct index_conf conf = {.dir = m->dir, .horizon_ms = 1000000};
	struct disk_error why = {""};

	memcpy(conf.genesis, genesis, 32);
	if (index_open(&m->index, &conf, &why) != 0)
		fail_msg("%s", why.text);
}

static void machine_start(struct signer *m, uint8_t n)
{
	struct machine_conf conf = {
		.n = n, .retention_s = 1000, .horizon_s = 1000, .capacity = 1000};
	struct machine_funcs funcs = fakegroup_funcs;
	struct machine_store store;

	memcpy(conf.genesis, genesis, 32);
	funcs.keys = keys;
	funcs.blame_check = blame_check;
	funcs.point_check = point_check;
	index_store(m->index, &store);
	m->memory = malloc(machine_size(&conf));
	assert_non_null(m->memory);
	m->machine = machine_init(m->memory, &conf, &funcs, &store);
}

static void sign_start(struct signer *m)
{
	struct sign_conf conf = {.n = m->all->n,
				 .self = m->id,
				 .index = m->index,
				 .machine = m->machine,
				 .frost = m->frost,
				 .send = on_send,
				 .want = on_want,
				 .give = on_give,
				 .submit = on_submit,
				 .done = on_done,
				 .arg = m};

	assert_int_equal(sign_new(&m->sign, &conf), 0);
}

static void form(struct signers *s)
{
	struct ap_operation op;
	const struct machine_key *key = machine_key(s->member[0].machine);

	for (uint8_t kind = AP_OP_enckey; kind <= AP_OP_ready; kind++) {
		if (kind == AP_OP_complaint)
			continue;
		s->head++;
		for (uint8_t id = 1; id <= s->n; id++) {
			op = (struct ap_operation){.kind = kind};
			if (kind == AP_OP_enckey)
				fakegroup_enckey(&op.as_enckey, key->sid, id);
			else if (kind == AP_OP_deal)
				fakegroup_deal(&op.as_deal, key->sid, s->n, id);
			else
				memcpy(op.as_ready.sid.octets, key->sid, 32);
			if (kind == AP_OP_ready)
				memcpy(op.as_ready.dealings.octets, key->dealings, 32);
			op_add(s, s->head, id, &op);
		}
		signers_execute_all(s, s->head);
	}
	assert_int_equal(key->phase, MACHINE_TRIAL);
}

struct signers *signers_new(uint8_t n)
{
	struct signers *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->n = n;
	s->t = (uint8_t)((n - 1) / 3 + 1);
	s->now_ms = 1000;
	testkeys(group_keys, n, s->t, 1, 42);
	memcpy(s->key, group_keys[0].group.key, 32);
	for (uint8_t i = 0; i < n; i++) {
		uint8_t seed[32] = {(uint8_t)(i + 1)};

		crypto_sign_seed_keypair(identity_keys[i], identity_secrets[i], seed);
	}
	for (uint8_t i = 0; i < n; i++) {
		struct signer *m = &s->member[i];

		m->all = s;
		m->id = (uint8_t)(i + 1);
		m->boot = 1;
		tempdir_make(m->dir);
		index_start(m);
		machine_start(m, n);
		assert_int_equal(frost_new(&m->frost, NULL), 0);
		assert_int_equal(frost_load(m->frost, &group_keys[i], m->boot), 0);
	}
	form(s);
	for (uint8_t i = 0; i < n; i++) {
		sign_start(&s->member[i]);
		sign_resume(s->member[i].sign, s->now_ms);
	}
	return s;
}

void signers_free(struct signers *s)
{
	for (uint8_t i = 0; i < s->n; i++) {
		struct signer *m = &s->member[i];

		sign_free(m->sign);
		frost_free(m->frost);
		index_close(m->index);
		free(m->memory);
		tempdir_remove(m->dir);
	}
	for (uint64_t seq = 0; seq <= s->head; seq++) {
		for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
			free(s->log[seq].ops[i]);
	}
	free(s);
}

void signers_restart(struct signers *s, uint8_t id)
{
	struct signer *m = &s->member[id - 1];

	sign_free(m->sign);
	m->sign = NULL;
	assert_int_equal(frost_load(m->frost, &group_keys[id - 1], ++m->boot), 0);
	sign_start(m);
	sign_resume(m->sign, s->now_ms);
}

bool signers_is_signed(struct signers *s, uint8_t id, uint64_t seq)
{
	const struct signer *m = &s->member[id - 1];
	const struct index_block *b = index_block(m->index, seq);
	uint8_t text[AP_STATEMENT_MAX];
	size_t n;

	if (b == NULL || !b->has_sig)
		return false;
	n = b->trial ? ap_statement_trial_put(text, &b->statement)
		     : ap_statement_batch_put(text, &b->statement);
	assert_true(testkeys_openssl_verify(s->key, text, n, b->sig));
	assert_int_equal(m->done[seq], 1);
	return true;
}

int signers_set_of(const struct signers *s, uint8_t id)
{
	const struct machine_result *r = &s->member[id - 1].result;

	for (size_t set = 0; set < r->n_sets; set++) {
		for (uint8_t i = 0; i < s->t; i++) {
			if (r->sets[set].members[i] == id)
				return (int)set;
		}
	}
	return -1;
}
