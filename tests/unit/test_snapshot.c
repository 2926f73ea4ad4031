/* The fixed state as octets and its digest: daemon/machine/snapshot.c. Scenarios S6, 39, 40. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/machine/inner.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "libproto/instance.h"
#include "tests/lib/fakegroup.h"
#include "tests/lib/logbook.h"

static const char *const labels[] = {"a", "b", "c", "d", "e", "f", "g", "h"};

static void approve(struct logbook *l, uint8_t relay, const char *label, uint64_t deadline_s)
{
	struct instance in = {.label = label, .deadline_s = deadline_s};
	struct ask ask = {
		.instance = &in, .verb = AP_VERB_APPROVE, .value = label, .party = AP_PARTY_NONE};

	logbook_bundle(l, relay);
	logbook_ask(l, &ask);
}

/* A state with something in every part: wrapped pools, several buckets, numbers out of order. */
static struct logbook *rich(void)
{
	struct logbook *l = logbook_new(4, 50);

	logbook_live(l, 60);
	for (uint64_t i = 0; i < 200; i++) {
		approve(l, (uint8_t)(1 + i % 4), labels[i % 8], 6000 + i * 90);
		if (i % 40 == 0)
			for (uint8_t id = 1; id <= 4; id++)
				logbook_nonces(l, id, (uint8_t)(30 + id));
		logbook_apply(l, 1000 + i * 30000);
	}
	logbook_bundle_numbered(l, 3, 2, 100);
	logbook_bundle_numbered(l, 3, 2, 30);
	logbook_apply(l, 7000000);
	return l;
}

static struct logbook *shared;

static int make_shared(void **state)
{
	(void)state;
	shared = rich();
	return 0;
}

static int free_shared(void **state)
{
	(void)state;
	logbook_free(shared);
	return 0;
}

static uint8_t *snapshot_of(const struct logbook *l, size_t *len)
{
	size_t cap = machine_snapshot_max(l->machine);
	uint8_t *octets = malloc(cap);

	assert_non_null(octets);
	*len = machine_snapshot(l->machine, octets, cap);
	assert_in_range(*len, 1, cap);
	return octets;
}

static void assert_same_digest(const struct logbook *a, const struct logbook *b)
{
	uint8_t x[32], y[32];

	machine_digest(a->machine, x);
	machine_digest(b->machine, y);
	assert_memory_equal(x, y, 32);
}

/* ---- there and back ---- */

static void what_is_restored_has_the_same_octets_and_digest(void **state)
{
	struct logbook *twin = logbook_clone(shared);
	size_t len, twin_len;
	uint8_t *octets = snapshot_of(shared, &len), *twin_octets = snapshot_of(twin, &twin_len);

	(void)state;
	assert_int_equal(len, twin_len);
	assert_memory_equal(octets, twin_octets, len);
	assert_same_digest(shared, twin);
	for (uint8_t id = 1; id <= 4; id++) {
		assert_true(machine_used(shared->machine, id) > 0);
		assert_int_equal(machine_used(shared->machine, id),
				 machine_used(twin->machine, id));
	}
	free(octets);
	free(twin_octets);
	logbook_free(twin);
}

static void what_is_restored_goes_on_alike(void **state)
{
	struct logbook *l = rich(), *twin = logbook_clone(l);

	(void)state;
	for (uint64_t i = 0; i < 60; i++) {
		approve(l, (uint8_t)(1 + i % 4), labels[i % 8], 9000 + i * 90);
		logbook_bundle_numbered(l, 3, 2, 20 + i * 3);
		if (i % 20 == 7)
			logbook_nonces(l, 2, 9);
		logbook_apply_same(twin, l, 7000000 + i * 50000);
		logbook_apply(l, 7000000 + i * 50000);
		assert_same_digest(l, twin);
		assert_memory_equal(l->result->root, twin->result->root, 32);
		assert_int_equal(l->result->n_sets, twin->result->n_sets);
		for (size_t s = 0; s < l->result->n_sets; s++)
			for (size_t k = 0; k < 2; k++) {
				assert_int_equal(l->result->sets[s].ctr[k],
						 twin->result->sets[s].ctr[k]);
				assert_memory_equal(l->result->sets[s].hiding[k],
						    twin->result->sets[s].hiding[k], 32);
			}
	}
	logbook_free(l);
	logbook_free(twin);
}

static void every_phase_of_key_generation_is_restored(void **state)
{
	struct logbook *l = logbook_new(7, 3);

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct logbook *twin = logbook_clone(l);

		assert_same_digest(l, twin);
		assert_memory_equal(machine_key(l->machine), machine_key(twin->machine),
				    sizeof(struct machine_key));
		logbook_free(twin);
		if (i == 0)
			logbook_enckeys(l);
		else if (i == 1)
			logbook_deals(l);
		else if (i == 2)
			logbook_readies(l);
		else if (i == 3)
			logbook_nonces(l, 5, 3);
		else
			for (uint8_t id = 1; id <= 7; id++)
				logbook_nonces(l, id, 2);
		if (i < 3)
			l->n_bundles -= i; /* some are missing at first */
		logbook_apply(l, i);
		if (i == 1)
			logbook_deals(l);
		else if (i == 2)
			logbook_readies(l);
		logbook_apply(l, i);
	}
	assert_int_equal(machine_key(l->machine)->phase, MACHINE_LIVE);
	logbook_free(l);
}

static void a_new_network_is_restored(void **state)
{
	struct logbook *l = logbook_new(13, 3), *twin = logbook_clone(l);

	(void)state;
	assert_same_digest(l, twin);
	logbook_free(l);
	logbook_free(twin);
}

/* ---- the digest covers everything (scenario 40) ---- */

static void change_seq(struct machine_state *s)
{
	s->seq++;
}

static void change_time(struct machine_state *s)
{
	s->time_ms++;
}

static void change_floor(struct machine_state *s)
{
	s->retain.floor_ms++;
}

static void change_running(struct machine_state *s)
{
	s->running[31] ^= 1;
}

static void change_phase(struct machine_state *s)
{
	s->key.phase = MACHINE_TRIAL;
}

static void change_epoch(struct machine_state *s)
{
	s->key.epoch++;
}

static void change_attempt(struct machine_state *s)
{
	s->key.attempt++;
}

static void change_culprit(struct machine_state *s)
{
	s->key.culprit = 1;
}

static void change_sid(struct machine_state *s)
{
	s->key.sid[0] ^= 1;
}

static void change_have_enckey(struct machine_state *s)
{
	s->key.have_enckey ^= 2;
}

static void change_have_deal(struct machine_state *s)
{
	s->key.have_deal ^= 8;
}

static void change_have_ready(struct machine_state *s)
{
	s->key.have_ready ^= 1;
}

static void change_enckey(struct machine_state *s)
{
	s->key.enckeys[3][31] ^= 1;
}

static void change_deal(struct machine_state *s)
{
	s->key.deals[2].shares[3].share.octets[9] ^= 1;
}

static void change_dealings(struct machine_state *s)
{
	s->key.dealings[7] ^= 1;
}

static void change_pk(struct machine_state *s)
{
	s->key.pk[31] ^= 1;
}

static void change_y(struct machine_state *s)
{
	s->key.y[3][31] ^= 1;
}

static void change_number_start(struct machine_state *s)
{
	s->numbers[2].start++;
}

static void change_number_counter(struct machine_state *s)
{
	s->numbers[3].counter++;
}

static void change_number_seen(struct machine_state *s)
{
	s->numbers[2].seen[1] ^= 1;
}

static void change_number_seen_last(struct machine_state *s)
{
	s->numbers[0].seen[3] ^= 1;
}

static void change_incarnation(struct machine_state *s)
{
	s->incarnations[2]++;
}

static void change_pool_boot(struct machine_state *s)
{
	s->pools[3].boot++;
}

static void change_pool_next(struct machine_state *s)
{
	s->pools[0].next++;
}

static void change_pool_left(struct machine_state *s)
{
	s->pools[1].left--;
}

static void change_pool_first(struct machine_state *s)
{
	s->pools[1].first = (s->pools[1].first + 1) % MACHINE_POOL_MAX;
}

static void change_pool_hiding(struct machine_state *s)
{
	struct machine_nonces *p = &s->pools[2];

	p->held[(p->first + p->left - 1) % MACHINE_POOL_MAX].hiding.octets[31] ^= 1;
}

static void change_pool_binding(struct machine_state *s)
{
	struct machine_nonces *p = &s->pools[2];

	p->held[p->first].binding.octets[0] ^= 1;
}

static void change_kept(struct machine_state *s)
{
	s->retain.kept[machine_retain_low(&s->retain) % MACHINE_BUCKETS][1]++;
}

static void change_kept_in_another_bucket(struct machine_state *s)
{
	uint64_t low = machine_retain_low(&s->retain);

	for (size_t i = 0; i < AP_REPLICAS_MAX; i++) { /* two buckets change places */
		uint32_t *a = &s->retain.kept[(low + 1) % MACHINE_BUCKETS][i];
		uint32_t *b = &s->retain.kept[(low + 9) % MACHINE_BUCKETS][i];
		uint32_t was = *a;

		*a = *b;
		*b = was;
	}
}

static void change_undecided_count(struct machine_state *s)
{
	s->undecided.count++;
	s->undecided.oldest = 1;
}

static void change_undecided_oldest(struct machine_state *s)
{
	s->undecided.count = 1;
	s->undecided.oldest = 2;
}

static void change_undecided_expired(struct machine_state *s)
{
	s->undecided.expired[AP_ID_LEN - 1] ^= 1;
}

static void change_history(struct machine_state *s)
{
	s->history.peak[0].octets[0] ^= 1;
}

static void change_history_count(struct machine_state *s)
{
	s->history.count += 2;
}

struct part {
	const char *name;
	void (*change)(struct machine_state *s);
};

/* clang-format off */
#define PART(name) {#name, change_##name}
/* clang-format on */
static const struct part parts[] = {
	PART(seq),
	PART(time),
	PART(floor),
	PART(running),
	PART(phase),
	PART(epoch),
	PART(attempt),
	PART(culprit),
	PART(sid),
	PART(have_enckey),
	PART(have_deal),
	PART(have_ready),
	PART(enckey),
	PART(deal),
	PART(dealings),
	PART(pk),
	PART(y),
	PART(number_start),
	PART(number_counter),
	PART(number_seen),
	PART(number_seen_last),
	PART(incarnation),
	PART(pool_boot),
	PART(pool_next),
	PART(pool_left),
	PART(pool_first),
	PART(pool_hiding),
	PART(pool_binding),
	PART(kept),
	PART(kept_in_another_bucket),
	PART(undecided_count),
	PART(undecided_oldest),
	PART(undecided_expired),
	PART(history),
	PART(history_count),
};

static void a_change_of_any_part_changes_the_digest(void **state)
{
	struct machine *m = shared->machine;
	struct machine_state *was = malloc(sizeof(*was));
	uint8_t before[32], after[32];

	(void)state;
	assert_non_null(was);
	*was = m->state;
	assert_int_equal(m->state.history.count & 1, 1); /* peak 0 is there */
	machine_digest(m, before);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		print_message("# %s\n", parts[i].name);
		parts[i].change(&m->state);
		machine_digest(m, after);
		assert_memory_not_equal(before, after, 32);
		m->state = *was;
	}
	machine_digest(m, after);
	assert_memory_equal(before, after, 32);
	free(was);
}

static void the_digest_follows_the_draft(void **state)
{
	size_t len;
	uint8_t *octets = snapshot_of(shared, &len);
	uint8_t tag[AP_TAG_LEN], fixed[32], size[8] = {0}, root[32], expect[32], digest[32];

	(void)state;
	ap_tag(tag, "agree1-state");
	ap_sha256(fixed, &(const ap_bytes){octets, len}, 1);
	for (size_t i = 0; i < 8; i++)
		size[i] = (uint8_t)(machine_seq(shared->machine) >> (56 - 8 * i));
	ap_frontier_root(ap_sha256, &shared->machine->state.history, root);
	ap_sha256(expect, (const ap_bytes[]){{tag, 16}, {fixed, 32}, {size, 8}, {root, 32}}, 4);
	machine_digest(shared->machine, digest);
	assert_memory_equal(digest, expect, 32);
	free(octets);
}

/* A chunk of the history can be made from what the results said, and checked by itself. */
static void each_batch_is_a_leaf_of_the_history(void **state)
{
	struct logbook *l = logbook_new(4, 9);
	struct ap_frontier history;
	static uint8_t chunk[4096];

	(void)state;
	memset(&history, 0, sizeof(history));
	logbook_live(l, 60);
	history = l->machine->state.history;
	for (uint64_t i = 0; i < 5; i++) {
		uint64_t seq = machine_seq(l->machine) + 1;
		struct ap_writer w;
		uint8_t tag[AP_TAG_LEN], leaf[32], root[32], expect[32];

		approve(l, 1, "a", 500 + i / 2); /* every second one is not new */
		approve(l, 2, "b", 500 + i / 2);
		logbook_apply(l, i);
		ap_tag(tag, "agree1-chunk");
		ap_writer_init(&w, chunk, sizeof(chunk));
		ap_octets_put(&w, tag, sizeof(tag));
		ap_u64_put(&w, &seq);
		ap_u64_put(&w, &l->result->time_ms);
		for (size_t e = 0; e < l->result->n_entries; e++) {
			const struct machine_entry *entry = &l->result->entries[e];
			uint8_t octets[AP_MAX_outcome], relay = (uint8_t)(1 + e);
			struct ap_writer o;
			ap_bytes outcome;

			assert_int_equal(entry->fresh, i % 2 == 0);
			if (!entry->fresh)
				continue;
			ap_writer_init(&o, octets, sizeof(octets));
			ap_outcome_put(&o, &entry->outcome);
			outcome = ap_writer_bytes(&o);
			ap_octets_put(&w, entry->id, AP_ID_LEN);
			ap_u8_put(&w, &relay);
			ap_span16_put(&w, &outcome);
		}
		assert_null(w.bad);
		assert_true(ap_merkle_leaf(ap_sha256, leaf, (const ap_bytes[]){ap_writer_bytes(&w)},
					   1));
		assert_true(ap_frontier_append(ap_sha256, &history, leaf));
		ap_frontier_root(ap_sha256, &history, expect);
		ap_frontier_root(ap_sha256, &l->machine->state.history, root);
		assert_memory_equal(root, expect, 32);
	}
	logbook_free(l);
}

/* ---- what is refused ---- */

/* And leaves the state of a new network. */
static void assert_refuses(const uint8_t *octets, size_t len)
{
	struct logbook *l = logbook_new(4, 50), *fresh = logbook_new(4, 50);

	logbook_apply(l, 77);
	assert_int_equal(machine_restore(l->machine, octets, len), -1);
	assert_int_equal(machine_seq(l->machine), 0);
	assert_same_digest(l, fresh);
	logbook_free(l);
	logbook_free(fresh);
}

static void truncations_are_refused(void **state)
{
	size_t len;
	uint8_t *octets = snapshot_of(shared, &len);

	(void)state;
	for (size_t cut = 0; cut < len; cut += cut < 400 ? 1 : 997) {
		uint8_t *part = malloc(cut + 1); /* so that a sanitizer sees a read behind it */

		assert_non_null(part);
		memcpy(part, octets, cut);
		part = realloc(part, cut > 0 ? cut : 1);
		assert_non_null(part);
		assert_refuses(part, cut);
		free(part);
	}
	assert_refuses(octets, len - 1);
	free(octets);
}

static void trailing_octets_are_refused(void **state)
{
	size_t len;
	uint8_t *octets = snapshot_of(shared, &len);

	(void)state;
	octets = realloc(octets, len + 1);
	assert_non_null(octets);
	octets[len] = 0;
	assert_refuses(octets, len + 1);
	free(octets);
}

static void another_configuration_is_refused(void **state)
{
	struct logbook *others[4] = {logbook_new(7, 50), logbook_new(4, 51), logbook_new(4, 50),
				     logbook_new(4, 50)};
	size_t len;
	uint8_t *octets = snapshot_of(shared, &len);

	(void)state;
	others[2]->machine->conf.genesis[0] ^= 1;
	others[3]->machine->conf.retention_s++;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(machine_restore(others[i]->machine, octets, len), -1);
		logbook_free(others[i]);
	}
	free(octets);
}

/* Whatever is changed in a snapshot, it is refused or is another state: one state has one encoding.
 */
static void a_changed_octet_is_refused_or_another_state(void **state)
{
	struct logbook *l = logbook_new(4, 50);
	size_t len, refused = 0, accepted = 0;
	uint8_t *octets = snapshot_of(shared, &len), before[32], after[32];

	(void)state;
	machine_digest(shared->machine, before);
	for (size_t i = 0; i < len; i += i < 200 || i + 700 > len ? 1 : 61) {
		for (unsigned bit = 0; bit < 8; bit += 7) {
			octets[i] ^= (uint8_t)(1U << bit);
			if (machine_restore(l->machine, octets, len) == 0) {
				machine_digest(l->machine, after);
				assert_memory_not_equal(before, after, 32);
				accepted++;
			} else {
				refused++;
			}
			octets[i] ^= (uint8_t)(1U << bit);
		}
	}
	assert_true(refused > 100);
	assert_true(accepted > 100);
	assert_int_equal(machine_restore(l->machine, octets, len), 0);
	free(octets);
	logbook_free(l);
}

/* ---- states that no log leads to ---- */

static void change_no_phase(struct machine_state *s)
{
	s->key.phase = (enum machine_phase)(MACHINE_FAILED + 1);
}

static void change_culprit_of_no_member(struct machine_state *s)
{
	s->key.culprit = 5;
}

static void change_sender_of_no_member(struct machine_state *s)
{
	s->key.have_ready |= 1 << 4;
}

static void change_floor_above_time(struct machine_state *s)
{
	s->time_ms = s->retain.floor_ms - 1;
}

static void change_highest_number_not_executed(struct machine_state *s)
{
	s->numbers[1].seen[0] &= ~UINT64_C(1);
}

static void change_pool_too_full(struct machine_state *s)
{
	s->pools[3].next = 1000;
	s->pools[3].left = MACHINE_POOL_MAX + 1;
}

static void change_entry_before_the_first(struct machine_state *s)
{
	s->pools[3].next = s->pools[3].left - 1;
}

static void change_history_of_another_length(struct machine_state *s)
{
	s->seq++;
}

static void change_undecided_of_no_batch(struct machine_state *s)
{
	s->undecided.count = 1;
	s->undecided.oldest = 0;
}

static void change_undecided_of_a_later_batch(struct machine_state *s)
{
	s->undecided.count = 1;
	s->undecided.oldest = s->seq + 1;
}

static const struct part impossible[] = {
	PART(undecided_of_no_batch),
	PART(undecided_of_a_later_batch),
	PART(no_phase),
	PART(culprit_of_no_member),
	PART(sender_of_no_member),
	PART(floor_above_time),
	PART(highest_number_not_executed),
	PART(pool_too_full),
	PART(entry_before_the_first),
	PART(history_of_another_length),
};

static void states_that_cannot_be_are_refused(void **state)
{
	struct machine *m = shared->machine;
	struct machine_state *was = malloc(sizeof(*was));
	size_t len;
	uint8_t *octets;

	(void)state;
	assert_non_null(was);
	*was = m->state;
	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
		print_message("# %s\n", impossible[i].name);
		impossible[i].change(&m->state);
		octets = snapshot_of(shared, &len);
		m->state = *was;
		assert_refuses(octets, len);
		free(octets);
	}
	free(was);
}

/* The buckets stand before the undecided instances and the history, which is u64 and a peak for
 * each bit of the sequence. */
static void buckets_in_another_order_are_refused(void **state)
{
	enum { BUCKET = 8 + 4 * 4 };
	size_t len, history = 8 + MACHINE_SNAPSHOT_UNDECIDED;
	uint8_t *octets = snapshot_of(shared, &len), *last, was[BUCKET];

	(void)state;
	for (uint64_t seq = machine_seq(shared->machine); seq != 0; seq &= seq - 1)
		history += 32;
	last = octets + len - history - BUCKET;
	assert_int_equal(last[7], last[7 - BUCKET] + 1); /* two neighbours */
	memcpy(was, last, BUCKET);
	memcpy(last, last - BUCKET, BUCKET);
	memcpy(last - BUCKET, was, BUCKET);
	assert_refuses(octets, len);
	memcpy(last, last - BUCKET, BUCKET); /* the same one twice */
	assert_refuses(octets, len);
	free(octets);
}

static void a_buffer_too_small_gives_nothing(void **state)
{
	size_t len;
	uint8_t *octets = snapshot_of(shared, &len);

	(void)state;
	assert_int_equal(machine_snapshot(shared->machine, octets, len), len);
	assert_int_equal(machine_snapshot(shared->machine, octets, len - 1), 0);
	free(octets);
}

/* Every batch in reach unsigned after all attempts. */
static void all_pending(struct machine_state *s, uint64_t last)
{
	for (uint64_t i = 0; i < MACHINE_PENDING_MAX; i++) {
		struct machine_pending *it = &s->pendings.at[(last - i) % MACHINE_PENDING_MAX];

		it->seq = it->statement.seq = last - i;
		it->statement.epoch = s->key.epoch;
		it->made = MACHINE_ATTEMPTS_MAX;
		it->due = false;
		for (size_t a = 0; a < MACHINE_ATTEMPTS_MAX; a++) {
			it->attempts[a].n_sets = MACHINE_SETS_MAX;
			it->attempts[a].members[0] = 0x001f;
			it->attempts[a].members[1] = 0x03e0;
		}
	}
}

/* Full pools, a full key, all buckets in use, nothing signed: it still fits. */
static void the_largest_state_fits(void **state)
{
	struct logbook *l = logbook_new(13, 50);
	struct machine_state *s = &l->machine->state;
	struct ap_operation op = {.kind = AP_OP_deal};
	size_t len;
	uint8_t *octets;

	(void)state;
	logbook_live(l, 64);
	for (size_t i = 0; i < 13; i++) {
		fakegroup_deal(&op.as_deal, s->key.sid, 13, (uint8_t)(i + 1));
		assert_int_equal(op.as_deal.n_phi, AP_THRESHOLD_MAX);
		s->pools[i].left = MACHINE_POOL_MAX;
		s->pools[i].next = MACHINE_POOL_MAX;
		s->retain.used[i] = MACHINE_BUCKETS * UINT64_C(0x11111111);
	}
	for (size_t i = 0; i < MACHINE_BUCKETS; i++)
		memset(s->retain.kept[i], 0x11, sizeof(s->retain.kept[i]));
	s->seq = s->history.count = UINT64_MAX;
	all_pending(s, s->seq);
	octets = snapshot_of(l, &len);
	assert_int_equal(len, machine_snapshot_max(l->machine));
	assert_int_equal(machine_restore(l->machine, octets, len), 0);
	free(octets);
	logbook_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_restored_has_the_same_octets_and_digest),
		cmocka_unit_test(what_is_restored_goes_on_alike),
		cmocka_unit_test(every_phase_of_key_generation_is_restored),
		cmocka_unit_test(a_new_network_is_restored),
		cmocka_unit_test(a_change_of_any_part_changes_the_digest),
		cmocka_unit_test(the_digest_follows_the_draft),
		cmocka_unit_test(each_batch_is_a_leaf_of_the_history),
		cmocka_unit_test(truncations_are_refused),
		cmocka_unit_test(trailing_octets_are_refused),
		cmocka_unit_test(another_configuration_is_refused),
		cmocka_unit_test(a_changed_octet_is_refused_or_another_state),
		cmocka_unit_test(states_that_cannot_be_are_refused),
		cmocka_unit_test(buckets_in_another_order_are_refused),
		cmocka_unit_test(a_buffer_too_small_gives_nothing),
		cmocka_unit_test(the_largest_state_fits),
	};

	return cmocka_run_group_tests_name("snapshot", tests, make_shared, free_shared);
}
