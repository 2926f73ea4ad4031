/* VIEW-CHANGE and NEW-VIEW as octets: daemon/views.c. Certificates are built here on their own, good
 * ones and bad ones of each kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/views.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"

enum { STABLE = 128, VIEW = 5, CERTS = 3 };

static uint8_t keys[AP_REPLICAS_MAX][32], secrets[AP_REPLICAS_MAX][64];
static struct verify_cache cache;
static struct verifier verifier;
static struct views *views;

/* A certificate of the test's own making. */
struct signer {
	uint16_t who, ghosts; /* ghosts: bits with nothing behind them */
	uint64_t incarnation[16];
	uint8_t sig[16][64];
};
struct certificate {
	ap_proposal p;
	uint8_t sig[64];
	struct signer prepares;
};
struct change {
	uint64_t view, stable;
	uint8_t replica, state[32];
	bool has_signers, has_tail;
	struct signer checkpoints;
	size_t n;
	struct certificate cert[PBFT_WINDOW_MAX + 1];
};

static struct change change;
static uint8_t octets[VIEWS_CHANGE_MAX + 2048], whole[VIEWS_NEW_VIEW_MAX + 2048];
static size_t len;

static void members(uint8_t n)
{
	verifier = (struct verifier){.n = n,
				     .self = 1,
				     .genesis = {7},
				     .keys = (const uint8_t(*)[32])keys,
				     .cache = &cache};
	memset(&cache, 0, sizeof(cache));
}

static uint8_t faulty(void)
{
	return (uint8_t)((verifier.n - 1) / 3);
}

static uint8_t primary_of(uint64_t view)
{
	return (uint8_t)(1 + view % verifier.n);
}

/* ---- building ---- */

static void prepare_by(struct certificate *c, uint8_t id)
{
	ap_proposal p = c->p;

	p.replica = id;
	p.incarnation = c->prepares.incarnation[id - 1];
	sign_proposal(secrets[id - 1], verifier.genesis, "agree1-prepare", &p,
		      c->prepares.sig[id - 1]);
	c->prepares.who |= (uint16_t)(1u << (id - 1));
}

static void propose(struct certificate *c)
{
	sign_proposal(secrets[c->p.replica - 1], verifier.genesis, "agree1-preprep", &c->p, c->sig);
}

static void certify(struct certificate *c, uint64_t seq, uint64_t view)
{
	uint8_t left = (uint8_t)(2 * faulty());

	memset(c, 0, sizeof(*c));
	c->p = (ap_proposal){.view = view, .seq = seq, .replica = primary_of(view)};
	memset(c->p.batch.octets, (int)(seq % 251 + 1), 32);
	propose(c);
	for (uint8_t id = 1; left > 0; id++) {
		if (id == c->p.replica)
			continue;
		c->prepares.incarnation[id - 1] = id * 3u;
		prepare_by(c, id);
		left--;
	}
}

static void checkpoint_by(uint8_t id)
{
	ap_checkpoint_vote vote = {.seq = change.stable, .replica = id};

	change.checkpoints.incarnation[id - 1] = vote.incarnation = id;
	memcpy(vote.state.octets, change.state, 32);
	sign_checkpoint(secrets[id - 1], verifier.genesis, &vote, change.checkpoints.sig[id - 1]);
	change.checkpoints.who |= (uint16_t)(1u << (id - 1));
}

/* Of `replica`, with that many certificates of views 0 and up. */
static void good(uint8_t replica, uint64_t stable, size_t n)
{
	memset(&change, 0, sizeof(change));
	change.view = VIEW;
	change.replica = replica;
	change.stable = stable;
	change.has_signers = stable > 0;
	change.n = n;
	memset(change.state, 0x5a, 32);
	for (uint8_t id = 1; stable > 0 && id <= 2 * faulty() + 1; id++)
		checkpoint_by(id);
	for (size_t i = 0; i < n; i++)
		certify(&change.cert[i], stable + 1 + i, i % VIEW);
}

static void put_signers(struct ap_writer *w, const struct signer *s)
{
	uint16_t bits = (uint16_t)(s->who | s->ghosts);

	ap_u16_put(w, &bits);
	for (size_t i = 0; i < 16; i++)
		if ((s->who >> i & 1) != 0) {
			ap_u64_put(w, &s->incarnation[i]);
			ap_octets_put(w, s->sig[i], 64);
		}
}

static void put_signature(struct ap_writer *w, const char *tag, uint8_t replica)
{
	ap_bytes said = ap_writer_bytes(w);
	uint8_t text[AP_TAG_LEN + 64], sig[64];

	ap_tag(text, tag);
	memcpy(text + AP_TAG_LEN, verifier.genesis, 32);
	ap_sha256(text + AP_TAG_LEN + 32, &said, 1);
	crypto_sign_detached(sig, NULL, text, sizeof(text), secrets[replica - 1]);
	ap_octets_put(w, sig, 64);
}

/* `change` in octets, signed by whom it says. */
static void encode(void)
{
	static uint8_t certs[VIEWS_CHANGE_MAX + 2048], signers[2048];
	ap_view_change_says says = {
		.view = change.view, .replica = change.replica, .stable = change.stable};
	struct ap_writer w;

	memcpy(says.state.octets, change.state, 32);
	ap_writer_init(&w, signers, sizeof(signers));
	if (change.has_signers)
		put_signers(&w, &change.checkpoints);
	if (change.has_tail)
		ap_octets_put(&w, change.state, 1);
	says.stable_signers = ap_writer_bytes(&w);
	ap_writer_init(&w, certs, sizeof(certs));
	for (size_t i = 0; i < change.n; i++) {
		ap_proposal_put(&w, &change.cert[i].p);
		ap_octets_put(&w, change.cert[i].sig, 64);
		put_signers(&w, &change.cert[i].prepares);
	}
	assert_null(w.bad);
	says.prepared = ap_writer_bytes(&w);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_view_change_says_put(&w, &says);
	put_signature(&w, "agree1-viewchng", change.replica);
	assert_null(w.bad);
	len = ap_writer_len(&w);
}

/* Out of memory of exactly that length, so that a read behind the end is seen. */
static const char *read_octets(void)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	const char *why;

	assert_non_null(copy);
	memcpy(copy, octets, len);
	why = views_read_change(views, &verifier, (ap_bytes){copy, len}, false);
	free(copy);
	return why;
}

static void assert_taken(void)
{
	const char *why;

	encode();
	why = read_octets();
	if (why != NULL)
		fail_msg("refused: %s", why);
}

static void assert_refused(const char *why)
{
	const char *said;

	encode();
	said = read_octets();
	assert_non_null(said);
	assert_string_equal(said, why);
	good(2, STABLE, CERTS);
}

static int setup(void **state)
{
	(void)state;
	if (sodium_init() < 0)
		return -1;
	for (uint8_t i = 0; i < AP_REPLICAS_MAX; i++) {
		uint8_t seed[32] = {i};

		crypto_sign_seed_keypair(keys[i], secrets[i], seed);
	}
	return 0;
}

static int seven(void **state)
{
	(void)state;
	views = views_new();
	members(7);
	good(2, STABLE, CERTS);
	return views == NULL ? -1 : 0;
}

static int after(void **state)
{
	(void)state;
	views_free(views);
	return 0;
}

/* ---- VIEW-CHANGE ---- */

static void a_good_view_change_is_taken(void **state)
{
	const struct pbft_view_change *c = &views->changes[0];

	(void)state;
	assert_taken();
	assert_int_equal(c->view, VIEW);
	assert_int_equal(c->replica, 2);
	assert_int_equal(c->stable, STABLE);
	assert_memory_equal(c->state, change.state, 32);
	assert_int_equal(c->n_prepared, CERTS);
	for (size_t i = 0; i < CERTS; i++) {
		assert_int_equal(c->prepared[i].seq, STABLE + 1 + i);
		assert_int_equal(c->prepared[i].view, i);
		assert_memory_equal(c->prepared[i].batch, change.cert[i].p.batch.octets, 32);
	}
	good(3, 0, 0); /* at genesis, nothing prepared */
	assert_taken();
}

/* What the core hands out, as the shell makes it, is the same octets. */
static void what_is_made_here_is_what_the_draft_lays_out(void **state)
{
	static struct pbft_prepared prepared[CERTS];
	const struct pbft_prepared *pointers[CERTS];
	static struct pbft_view_change says;
	struct pbft_effect e = {.kind = PBFT_WRITE_VIEW_CHANGE};

	(void)state;
	verifier.self = 2;
	says.view = VIEW;
	says.replica = 2;
	says.stable = STABLE;
	memcpy(says.state, change.state, 32);
	says.n_prepared = CERTS;
	for (size_t i = 0; i < CERTS; i++) {
		const struct certificate *c = &change.cert[i];

		says.prepared[i] = (struct pbft_claim){.seq = c->p.seq, .view = c->p.view};
		memcpy(says.prepared[i].batch, c->p.batch.octets, 32);
		prepared[i].cert.who = c->prepares.who;
		memcpy(prepared[i].cert.pre_prepare_sig, c->sig, 64);
		for (size_t k = 0; k < AP_REPLICAS_MAX; k++) {
			prepared[i].cert.incarnation[k] = c->prepares.incarnation[k];
			if (k != 1) /* the own one is not kept */
				memcpy(prepared[i].cert.sig[k], c->prepares.sig[k], 64);
		}
		pointers[i] = &prepared[i];
	}
	memset(prepared[1].cert.pre_prepare_sig, 0, 64); /* view 1 was its own */
	e.u.view_change.says = &says;
	e.u.view_change.prepared = pointers;
	e.u.view_change.who = change.checkpoints.who;
	e.u.view_change.incarnation = change.checkpoints.incarnation;
	e.u.view_change.sig = (const uint8_t(*)[64])change.checkpoints.sig;
	assert_true(views_make_change(views, &verifier, secrets[1], &e));
	encode();
	assert_int_equal(views_change(views, 2).len, len);
	assert_memory_equal(views_change(views, 2).data, octets, len);
}

static void no_octet_may_be_changed_or_missing(void **state)
{
	(void)state;
	good(2, STABLE, 1);
	encode();
	for (size_t i = 0; i < len; i++) {
		octets[i] ^= 1;
		assert_non_null(read_octets());
		octets[i] ^= 1;
	}
	for (size_t whole_len = len--; len > 0; len--) {
		assert_non_null(read_octets());
		assert_true(len < whole_len);
	}
	encode();
	octets[len++] = 0;
	assert_non_null(read_octets());
}

static void it_is_of_a_member_for_a_view_above_0(void **state)
{
	(void)state;
	change.view = 0;
	assert_refused("view-change: does not decode");
	change.replica = 8;
	assert_refused("view-change: of no member");
	encode();
	octets[16] = 3; /* another one's name over this signature */
	assert_string_equal(read_octets(), "view-change: bad signature");
}

static void a_certificate_has_2f_backups(void **state)
{
	struct certificate *c = &change.cert[1];

	(void)state;
	c->prepares.who &= (uint16_t)(c->prepares.who - 1); /* one less */
	assert_refused("view-change: a certificate does not decode");
	prepare_by(c, 7);
	assert_refused("view-change: a certificate does not decode");
	/* the primary in place of a backup: its PREPARE adds nothing */
	c->prepares.who &= (uint16_t)(c->prepares.who - 1);
	prepare_by(c, c->p.replica);
	assert_refused("view-change: a certificate of the wrong members");
	/* somebody that is no member */
	c->prepares.who &= (uint16_t)(c->prepares.who - 1);
	prepare_by(c, 8);
	assert_refused("view-change: a certificate does not decode");
	c->prepares.ghosts = 1u << 7; /* beside those that it takes */
	assert_refused("view-change: a certificate does not decode");
}

static void its_proposal_is_of_the_primary_of_its_view(void **state)
{
	struct certificate *c = &change.cert[1];

	(void)state;
	c->p.replica = 7; /* neither primary nor among the signers */
	propose(c);
	assert_refused("view-change: a certificate of the wrong members");
	c->p.replica = 0;
	assert_refused("view-change: a certificate of the wrong members");
}

static void its_view_is_below_the_new_one(void **state)
{
	(void)state;
	certify(&change.cert[2], STABLE + 3, VIEW);
	assert_refused("view-change: a certificate out of bounds");
	certify(&change.cert[2], STABLE + 3, UINT64_MAX);
	assert_refused("view-change: a certificate out of bounds");
	certify(&change.cert[2], STABLE + 3, VIEW - 1);
	assert_taken();
}

static void sequences_rise_within_the_window(void **state)
{
	(void)state;
	certify(&change.cert[1], STABLE + 1, 1); /* twice */
	assert_refused("view-change: a certificate out of bounds");
	certify(&change.cert[1], STABLE + 4, 1); /* above the next one */
	assert_refused("view-change: a certificate out of bounds");
	certify(&change.cert[0], STABLE, 1); /* covered by the checkpoint */
	assert_refused("view-change: a certificate out of bounds");
	certify(&change.cert[0], 0, 1);
	assert_refused("view-change: a certificate out of bounds");
	certify(&change.cert[2], STABLE + PBFT_WINDOW_MAX + 1, 1);
	assert_refused("view-change: a certificate out of bounds");
	certify(&change.cert[2], UINT64_MAX, 1);
	assert_refused("view-change: a certificate out of bounds");
	certify(&change.cert[2], STABLE + PBFT_WINDOW_MAX, 1);
	assert_taken();
}

static void every_signature_in_it_is_over_what_it_says(void **state)
{
	static const char bad[] = "view-change: bad signature in a certificate";
	struct certificate *c = &change.cert[1];
	ap_proposal p;

	(void)state;
	assert_taken(); /* the good ones are remembered, which makes no bad one good */
	c->sig[40] ^= 1;
	assert_refused(bad);
	c->prepares.sig[0][3] ^= 1;
	assert_refused(bad);
	c->prepares.incarnation[0]++;
	assert_refused(bad);
	c->p.incarnation++;
	assert_refused(bad);
	c->p.batch.octets[31] ^= 1;
	assert_refused(bad);
	/* a PRE-PREPARE in place of a PREPARE, a PREPARE for another batch, another one's */
	p = c->p;
	p.replica = 1;
	p.incarnation = c->prepares.incarnation[0];
	sign_proposal(secrets[0], verifier.genesis, "agree1-preprep", &p, c->prepares.sig[0]);
	assert_refused(bad);
	p.batch.octets[0] ^= 1;
	sign_proposal(secrets[0], verifier.genesis, "agree1-prepare", &p, c->prepares.sig[0]);
	assert_refused(bad);
	memcpy(c->prepares.sig[0], c->prepares.sig[2], 64);
	assert_refused(bad);
	/* of another network */
	verifier.genesis[0]++;
	prepare_by(c, 1);
	verifier.genesis[0]--;
	assert_refused(bad);
}

static void one_bad_certificate_spoils_the_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < CERTS; i++) {
		change.cert[i].sig[0] ^= 1;
		assert_refused("view-change: bad signature in a certificate");
	}
}

static void a_stable_checkpoint_has_2f_plus_1_signers(void **state)
{
	static const char few[] = "view-change: no quorum for its checkpoint";

	(void)state;
	change.checkpoints.who &= (uint16_t)(change.checkpoints.who - 1);
	assert_refused(few);
	checkpoint_by(7);
	assert_refused(few);
	change.has_signers = false;
	assert_refused(few);
	change.has_tail = true;
	assert_refused(few);
	change.state[0] ^= 1;
	assert_refused("view-change: bad signature of a checkpoint");
	change.checkpoints.incarnation[4]++;
	assert_refused("view-change: bad signature of a checkpoint");
	memcpy(change.checkpoints.sig[1], change.checkpoints.sig[0], 64);
	assert_refused("view-change: bad signature of a checkpoint");
	change.stable = STABLE - 1;
	assert_refused("view-change: bad signature of a checkpoint");
	change.stable = 0;
	assert_refused("view-change: signers of nothing");
}

static void there_are_no_more_certificates_than_the_window_has_places(void **state)
{
	(void)state;
	good(2, STABLE, PBFT_WINDOW_MAX);
	assert_taken();
	change.cert[PBFT_WINDOW_MAX] = change.cert[PBFT_WINDOW_MAX - 1];
	change.n++;
	assert_refused("view-change: too many certificates");
}

/* ---- NEW-VIEW ---- */

struct whole {
	uint64_t first, view;
	uint8_t replica;
	uint8_t who[AP_REPLICAS_MAX], n_who;
	uint16_t n;
	int spoiled; /* this proposal's signature; -1: none */
	uint8_t signer;
};
static struct whole nv;

static void good_new_view(void)
{
	nv = (struct whole){.first = STABLE, .view = VIEW, .spoiled = -1, .n = CERTS};
	nv.replica = nv.signer = primary_of(VIEW);
	for (uint8_t id = 1; id <= 2 * faulty() + 1; id++)
		nv.who[nv.n_who++] = id;
}

static void put_proposals(struct ap_writer *w)
{
	ap_proposal p = {.view = nv.view, .replica = nv.replica};

	for (uint16_t i = 0; i < nv.n; i++) {
		uint8_t sig[64];

		p.seq = nv.first + 1 + i;
		memset(p.batch.octets, (int)(p.seq % 251 + 1), 32);
		sign_proposal(secrets[nv.signer - 1], verifier.genesis, "agree1-preprep", &p, sig);
		if (nv.spoiled == (int)i)
			sig[0] ^= 1;
		ap_octets_put(w, p.batch.octets, 32);
		ap_octets_put(w, sig, 64);
	}
}

static size_t encode_new_view(size_t certs)
{
	static uint8_t changes[VIEWS_NEW_VIEW_MAX + 2048], proposals[(PBFT_WINDOW_MAX + 1) * 96];
	ap_new_view_says says = {.view = nv.view, .replica = nv.replica, .first = nv.first};
	struct ap_writer w;

	ap_writer_init(&w, changes, sizeof(changes));
	for (uint8_t i = 0; i < nv.n_who; i++) {
		ap_span span = {octets, 0};

		change.replica = nv.who[i];
		change.n = certs;
		encode();
		span.len = len;
		ap_span_put(&w, &span);
	}
	assert_null(w.bad);
	says.changes = ap_writer_bytes(&w);
	ap_writer_init(&w, proposals, sizeof(proposals));
	put_proposals(&w);
	assert_null(w.bad);
	says.proposals = ap_writer_bytes(&w);
	ap_writer_init(&w, whole, sizeof(whole));
	ap_new_view_says_put(&w, &says);
	put_signature(&w, "agree1-newview", nv.signer);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

static const char *read_new_view(void)
{
	size_t n = encode_new_view(CERTS);
	const char *why = views_read_new_view(views, &verifier, (ap_bytes){whole, n}, false);

	good_new_view();
	return why;
}

static void a_good_new_view_is_taken(void **state)
{
	(void)state;
	good_new_view();
	assert_null(read_new_view());
	assert_int_equal(views->says.view, VIEW);
	assert_int_equal(views->says.replica, primary_of(VIEW));
	assert_int_equal(views->says.first, STABLE);
	assert_int_equal(views->says.n, CERTS);
	assert_int_equal(views->n_changes, 5);
	for (uint8_t i = 0; i < 5; i++)
		assert_int_equal(views->changes[i].replica, i + 1);
}

static void its_parts_are_proven_one_by_one(void **state)
{
	(void)state;
	good_new_view();
	nv.replica = 1;
	assert_string_equal(read_new_view(), "new-view: not of its primary");
	nv.signer = 1;
	assert_string_equal(read_new_view(), "new-view: bad signature");
	nv.spoiled = 2;
	assert_string_equal(read_new_view(), "new-view: bad signature of a proposal");
	nv.who[1] = 1; /* twice */
	assert_string_equal(read_new_view(), "new-view: view-changes out of order");
	nv.who[0] = 2;
	nv.who[1] = 1;
	assert_string_equal(read_new_view(), "new-view: view-changes out of order");
	nv.who[nv.n_who++] = 6; /* 2f+2 */
	assert_string_equal(read_new_view(), "new-view: too many view-changes");
	change.cert[1].sig[0] ^= 1;
	assert_string_equal(read_new_view(), "view-change: bad signature in a certificate");
}

static void a_truncated_new_view_is_refused(void **state)
{
	size_t n;

	(void)state;
	good_new_view();
	n = encode_new_view(0);
	for (size_t cut = 0; cut < n; cut += cut < 100 || n - cut < 100 ? 1 : 37)
		assert_non_null(views_read_new_view(views, &verifier, (ap_bytes){whole, cut}, false));
}

/* Scenario 19: the largest ones there can be. */
static void full_windows_of_thirteen_fit_a_frame(void **state)
{
	size_t n;

	(void)state;
	members(13);
	good(2, STABLE, PBFT_WINDOW_MAX);
	encode();
	assert_int_equal(len, VIEWS_CHANGE_MAX);
	assert_int_equal(len, 179723);
	assert_null(read_octets());
	good_new_view();
	nv.n = PBFT_WINDOW_MAX;
	n = encode_new_view(PBFT_WINDOW_MAX);
	assert_int_equal(n, VIEWS_NEW_VIEW_MAX);
	assert_int_equal(n, 1642216);
	assert_true(n < AP_FRAME_MAX);
	assert_null(views_read_new_view(views, &verifier, (ap_bytes){whole, n}, false));
	assert_int_equal(views->says.n, PBFT_WINDOW_MAX);
	assert_int_equal(views->n_changes, 9);
}

/* ---- what is kept ---- */

static void the_last_one_of_each_member_is_kept(void **state)
{
	static const uint8_t a[] = "first", b[] = "the second";

	(void)state;
	assert_null(views_change(views, 3).data);
	assert_null(views_new_view(views).data);
	assert_true(views_keep_change(views, 3, (ap_bytes){a, sizeof(a)}));
	assert_true(views_keep_change(views, 4, (ap_bytes){a, sizeof(a)}));
	assert_true(views_keep_change(views, 3, (ap_bytes){b, sizeof(b)}));
	assert_true(views_keep_new_view(views, (ap_bytes){b, sizeof(b)}));
	assert_int_equal(views_change(views, 3).len, sizeof(b));
	assert_memory_equal(views_change(views, 3).data, b, sizeof(b));
	assert_int_equal(views_change(views, 4).len, sizeof(a));
	assert_int_equal(views_new_view(views).len, sizeof(b));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, seven, after)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(a_good_view_change_is_taken),
		EACH(what_is_made_here_is_what_the_draft_lays_out),
		EACH(no_octet_may_be_changed_or_missing),
		EACH(it_is_of_a_member_for_a_view_above_0),
		EACH(a_certificate_has_2f_backups),
		EACH(its_proposal_is_of_the_primary_of_its_view),
		EACH(its_view_is_below_the_new_one),
		EACH(sequences_rise_within_the_window),
		EACH(every_signature_in_it_is_over_what_it_says),
		EACH(one_bad_certificate_spoils_the_whole),
		EACH(a_stable_checkpoint_has_2f_plus_1_signers),
		EACH(there_are_no_more_certificates_than_the_window_has_places),
		EACH(a_good_new_view_is_taken),
		EACH(its_parts_are_proven_one_by_one),
		EACH(a_truncated_new_view_is_refused),
		EACH(full_windows_of_thirteen_fit_a_frame),
		EACH(the_last_one_of_each_member_is_kept),
	};

	return cmocka_run_group_tests_name("views", tests, setup, NULL);
}
