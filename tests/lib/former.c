#include "tests/lib/former.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"

static const uint8_t genesis[32] = "former";

/* ---- submissions ---- */

void former_submit_octets(struct former *f, uint8_t relay, uint8_t kind, const uint8_t *octets,
			  size_t len)
{
	struct former_op *op = &f->ops[f->n_ops];

	assert_in_range(f->n_ops, 0, FORMER_OPS_MAX - 1);
	assert_in_range(len, 0, sizeof(op->octets));
	*op = (struct former_op){.kind = kind, .relay = relay, .len = len};
	if (len > 0)
		memcpy(op->octets, octets, len);
	if (f->change == NULL || f->change(f, op))
		f->n_ops++;
}

void former_submit(struct former *f, uint8_t relay, const struct ap_operation *op)
{
	static uint8_t octets[8192];
	struct ap_writer w;

	ap_writer_init(&w, octets, sizeof(octets));
	ap_operation_put(&w, op);
	assert_null(w.bad);
	former_submit_octets(f, relay, op->kind, octets, ap_writer_len(&w));
}

static void on_submit(void *arg, uint8_t kind, const uint8_t *octets, size_t len)
{
	struct former_member *m = arg;

	former_submit_octets(m->all, m->id, kind, octets, len);
}

/* ---- signing ---- */

static void on_send(void *arg, uint16_t to, const ap_share_body *share)
{
	struct former_member *m = arg;
	struct former *f = m->all;

	for (uint8_t id = 1; id <= f->n && !f->mute; id++) {
		if (id == m->id || (to >> (id - 1) & 1) == 0)
			continue;
		assert_in_range(f->n_shares, 0, 1023);
		f->shares[f->n_shares].to = id;
		f->shares[f->n_shares].from = m->id;
		f->shares[f->n_shares++].share = *share;
	}
}

static void on_want(void *arg, uint16_t to, uint64_t seq)
{
	(void)arg;
	(void)to;
	(void)seq;
}

static void on_give(void *arg, uint16_t to, uint64_t seq)
{
	(void)arg;
	(void)to;
	(void)seq;
}

static void on_done(void *arg, uint64_t seq, uint32_t epoch, const uint8_t sig[64])
{
	struct former_member *m = arg;

	(void)epoch;
	if (index_signed(m->index, seq, sig))
		m->status = keygen_proven(m->keygen, index_block(m->index, seq), &m->why);
}

static void deliver(struct former *f)
{
	for (size_t i = 0; i < f->n_shares; i++) {
		struct former_member *m = &f->member[f->shares[i].to - 1];

		if (m->up)
			sign_share_in(m->sign, f->shares[i].from,
				      &(ap_share){.share = f->shares[i].share}, f->now_ms);
	}
	f->n_shares = 0;
	f->now_ms += 10;
	for (uint8_t i = 0; i < f->n; i++) {
		if (f->member[i].up)
			sign_tick(f->member[i].sign, f->now_ms);
	}
}

/* ---- the log ---- */

/* Each operation in a bundle of its own; numbers are the place in the log. */
static void execute_next(struct former_member *m)
{
	static uint8_t ops[FORMER_OPS_MAX][8200];
	struct machine_bundle bundles[FORMER_OPS_MAX];
	struct machine_batch batch = {.seq = machine_seq(m->machine) + 1, .bundles = bundles};
	const struct former *f = m->all;
	uint8_t digests[FORMER_OPS_MAX][32];

	batch.time_ms = batch.seq * 10;
	batch.n_bundles = f->log_ops[batch.seq];
	for (size_t i = 0; i < batch.n_bundles; i++) {
		const struct former_op *op = f->log[batch.seq][i];
		ap_op whole = {.kind = op->kind, .body = {op->octets, op->len}};
		struct ap_writer w;

		ap_writer_init(&w, ops[i], sizeof(ops[i]));
		ap_op_put(&w, &whole);
		assert_null(w.bad);
		bundles[i] = (struct machine_bundle){op->relay, 1, batch.seq * FORMER_OPS_MAX + i,
						     ops[i], ap_writer_len(&w)};
		ap_digest_bundle(ap_sha256, digests[i], genesis, op->relay, 1, bundles[i].counter,
				 (ap_bytes){ops[i], bundles[i].ops_len});
	}
	ap_digest_batch(ap_sha256, batch.digest, batch.time_ms, (uint16_t)batch.n_bundles,
			digests[0]);
	index_begin(m->index, batch.seq);
	machine_apply(m->machine, &batch, &m->result);
	index_end(m->index, &m->result);
}

static void step(struct former_member *m)
{
	if (m->status == 0)
		m->status = keygen_step(m->keygen, m->machine, m->all->now_ms, &m->why);
}

void former_batch(struct former *f)
{
	assert_in_range(f->head, 0, FORMER_LOG_MAX - 2);
	f->head++;
	for (size_t i = 0; i < f->n_ops; i++) {
		struct former_op *op = malloc(sizeof(*op));

		assert_non_null(op);
		*op = f->ops[i];
		f->log[f->head][i] = op;
	}
	f->log_ops[f->head] = f->n_ops;
	f->n_ops = 0;
	for (uint8_t i = 0; i < f->n; i++) {
		struct former_member *m = &f->member[i];

		if (!m->up)
			continue;
		execute_next(m);
		sign_executed(m->sign, &m->result, true, f->now_ms);
	}
	deliver(f);
	for (uint8_t i = 0; i < f->n; i++) {
		if (f->member[i].up)
			step(&f->member[i]);
	}
}

void former_until(struct former *f, enum machine_phase phase)
{
	for (int n = 0; n < 50; n++) {
		bool there = true;

		for (uint8_t i = 0; i < f->n; i++)
			there = there && (!f->member[i].up ||
					  machine_key(f->member[i].machine)->phase >= phase);
		if (there)
			return;
		former_batch(f);
	}
	fail_msg("the phase is not reached");
}

/* ---- members ---- */

static void index_start(struct former_member *m)
{
	struct index_conf conf = {.dir = m->dir, .horizon_ms = 1000000};
	struct disk_error why = {""};

	memcpy(conf.genesis, genesis, 32);
	if (index_open(&m->index, &conf, &why) != 0)
		fail_msg("%s", why.text);
}

static void machine_start(struct former_member *m)
{
	struct machine_conf conf = {
		.n = m->all->n, .retention_s = 1000, .horizon_s = 1000, .capacity = 1000};
	struct machine_funcs funcs;
	struct machine_store store;

	memcpy(conf.genesis, genesis, 32);
	keygen_funcs(m->keygen, &funcs);
	index_store(m->index, &store);
	m->memory = malloc(machine_size(&conf));
	assert_non_null(m->memory);
	m->machine = machine_init(m->memory, &conf, &funcs, &store);
}

int former_start(struct former *f, uint8_t id)
{
	struct former_member *m = &f->member[id - 1];
	struct keygen_conf kc = {.n = f->n,
				 .self = id,
				 .keys = (const uint8_t(*)[32])f->identities,
				 .dir = m->dir,
				 .submit = on_submit,
				 .arg = m};
	struct sign_conf sc = {.n = f->n,
			       .self = id,
			       .send = on_send,
			       .want = on_want,
			       .give = on_give,
			       .submit = on_submit,
			       .done = on_done,
			       .arg = m};

	m->up = true;
	m->status = 0;
	memcpy(kc.genesis, genesis, 32);
	assert_int_equal(frost_new(&m->frost, NULL), 0);
	kc.frost = sc.frost = m->frost;
	assert_int_equal(keygen_new(&m->keygen, &kc), 0);
	index_start(m);
	machine_start(m);
	while (machine_seq(m->machine) < f->head)
		execute_next(m);
	keygen_boot(m->keygen, ++m->boot);
	sc.index = m->index;
	sc.machine = m->machine;
	assert_int_equal(sign_new(&m->sign, &sc), 0);
	sign_resume(m->sign, f->now_ms);
	step(m);
	return m->status;
}

void former_stop(struct former *f, uint8_t id, bool lose)
{
	struct former_member *m = &f->member[id - 1];
	size_t kept = 0;

	m->up = false;
	sign_free(m->sign);
	keygen_free(m->keygen);
	frost_free(m->frost);
	index_close(m->index);
	free(m->memory);
	for (size_t i = 0; i < f->n_ops; i++) {
		if (!lose || f->ops[i].relay != id)
			f->ops[kept++] = f->ops[i];
	}
	f->n_ops = kept;
}

struct former *former_new(uint8_t n)
{
	struct former *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->n = n;
	f->now_ms = 1000;
	for (uint8_t i = 0; i < n; i++)
		memset(f->identities[i], 0x40 + i, 32);
	for (uint8_t i = 0; i < n; i++) {
		f->member[i].all = f;
		f->member[i].id = (uint8_t)(i + 1);
		tempdir_make(f->member[i].dir);
		assert_int_equal(former_start(f, (uint8_t)(i + 1)), 0);
	}
	return f;
}

void former_free(struct former *f)
{
	for (uint8_t i = 0; i < f->n; i++) {
		if (f->member[i].up)
			former_stop(f, (uint8_t)(i + 1), true);
		if (access(f->member[i].dir, F_OK) == 0)
			tempdir_remove(f->member[i].dir);
	}
	for (uint64_t seq = 1; seq <= f->head; seq++) {
		for (size_t i = 0; i < f->log_ops[seq]; i++)
			free(f->log[seq][i]);
	}
	free(f);
}

void former_path(const struct former *f, uint8_t id, const char *name, char path[TEMPDIR_MAX + 32])
{
	snprintf(path, TEMPDIR_MAX + 32, "%s/%s", f->member[id - 1].dir, name);
}

bool former_has(const struct former *f, uint8_t id, const char *name)
{
	char path[TEMPDIR_MAX + 32];

	former_path(f, id, name, path);
	return access(path, F_OK) == 0;
}
