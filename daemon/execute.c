/* Committed batches to outcomes: machine, index, relay, signer, one after the other. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/bug.h"
#include "daemon/run_priv.h"

/* Bundles of an encoded batch, borrowed from its octets. It was verified before it was voted on, or
 * comes from the own journal; still nothing is believed about its bounds. */
static size_t bundles_of(struct run *r, ap_bytes octets, uint64_t *time_ms)
{
	struct ap_reader reader;
	ap_batch batch;
	size_t n = 0;

	ap_reader_init(&reader, octets.data, octets.len);
	ap_batch_get(&reader, &batch);
	*time_ms = batch.time;
	ap_reader_init(&reader, batch.bundles.data, batch.bundles.len);
	while (ap_reader_left(&reader) > 0 && n < PBFT_BATCH_BUNDLES_MAX) {
		struct ap_reader inner;
		ap_bundle b;
		ap_span span;

		ap_span_get(&reader, &span);
		ap_reader_init(&inner, span.data, span.len);
		ap_bundle_get(&inner, &b);
		if (reader.bad != NULL || !ap_reader_done(&inner))
			break;
		r->bundles[n++] = (struct machine_bundle){.relay = b.relay,
							  .start = b.start,
							  .counter = b.counter,
							  .ops = b.ops.data,
							  .ops_len = b.ops.len};
	}
	return n;
}

/* What is due shows in the state alone; who is in quarantine has no part; and what is executed once
 * more was answered to when it was for the first time. */
static bool has_keygen(const struct run *r)
{
	struct pbft_info core;

	pbft_info(r->pbft, &core);
	return !core.lacks && !core.diverged && r->quarantine == QUARANTINE_NONE &&
	       machine_seq(r->machine) >= r->again_to;
}

uint64_t execute_keygen_wake(const struct run *r)
{
	return has_keygen(r) ? keygen_wake(r->keygen) : UINT64_MAX;
}

void execute_keygen(struct run *r)
{
	struct disk_error why = {""};

	if (!has_keygen(r))
		return;
	keygen_hold(r->keygen, !recover_may_submit(r));
	if (keygen_step(r->keygen, r->machine, run_now(), &why) != 0)
		run_fail(r, why.text);
}

static void remember_running(struct run *r, uint64_t seq)
{
	r->ring[seq % RUN_RUNNING_RING].seq = seq;
	memcpy(r->ring[seq % RUN_RUNNING_RING].running, r->result.running, 32);
}

static void snapshot(struct run *r, uint64_t seq)
{
	size_t n = machine_snapshot(r->machine, r->snapshot, r->snapshot_cap);

	if (n == 0)
		run_fail(r, "the state does not fit its buffer: report this");
	else
		index_snapshot(r->index, seq, BUG(38) ? run_wall() : machine_floor(r->machine),
			       r->snapshot, n);
}

/* Were there any? Then a client waits here. */
static bool answer_own(struct run *r, size_t n_bundles)
{
	struct relay *relay = clients_relay(r->clients);
	bool own = false;

	for (size_t i = 0; i < n_bundles; i++) {
		if (r->bundles[i].relay == r->self && r->bundles[i].start == r->boot &&
		    r->result.executed_bundles[i] != 0) {
			relay_executed(relay, r->bundles[i].counter, i, &r->result, run_now());
			own = true;
		}
	}
	return own;
}

/* Does a client of a member wait whose set of signers this replica is in? Its answer needs the
 * share that comes now; else another set gives it, if nobody in that is faulty, and on a host that
 * members share their work comes first. */
static bool is_waited_for(const struct run *r, size_t n_bundles)
{
	for (size_t k = 0; k < r->result.n_sets; k++) {
		const struct machine_set *set = &r->result.sets[k];
		bool own = false, relays = false;

		for (size_t i = 0; i < AP_THRESHOLD_MAX && set->members[i] != 0; i++) {
			own = own || set->members[i] == r->self;
			for (size_t b = 0; b < n_bundles; b++)
				relays = relays || set->members[i] == r->bundles[b].relay;
		}
		if (own && relays)
			return true;
	}
	return false;
}

void execute_batch(struct run *r, uint64_t seq, const uint8_t digest[32], ap_bytes octets,
		   bool live)
{
	struct machine_batch batch = {.seq = seq, .bundles = r->bundles};
	bool checkpoint = pbft_is_checkpoint(r->pbft, seq);

	memcpy(batch.digest, digest, 32);
	batch.n_bundles = bundles_of(r, octets, &batch.time_ms);
	index_begin(r->index, seq);
	machine_apply(r->machine, &batch, &r->result);
	index_end(r->index, &r->result);
	if (index_error(r->index) != NULL) {
		run_fail(r,
			 index_error(r->index)); /* no answer, no share: the state may be wrong */
		return;
	}
	if (index_damage(r->index) != NULL)
		return; /* likewise; damage.c does the rest */
	remember_running(r, seq);
	r->batches++;
	r->requests += r->result.n_entries;
	if (checkpoint)
		snapshot(r, seq);
	if (!live)
		return;
	clock_judge(&r->clock, r->result.time_ms, run_wall(), run_now());
	if (!is_waited_for(r, batch.n_bundles))
		run_give_way();
	r->is_urgent = answer_own(r, batch.n_bundles);
	r->is_urgent |= clients_executed(r->clients, &r->result, run_now());
	sign_executed(r->sign, &r->result, r->is_urgent, run_now());
	if (r->result.key_changed || r->result.pools_changed || r->result.n_sets > 0 ||
	    r->result.n_retries > 0)
		execute_keygen(r);
	r->executed = (struct pbft_event){.kind = PBFT_EV_EXECUTED};
	r->executed.u.executed.seq = seq;
	r->executed.u.executed.time_ms = r->result.time_ms;
	recover_executed(r, &r->executed);
	if (checkpoint)
		machine_digest(r->machine, r->executed.u.executed.state);
	r->executed_due = true;
}

/* A verified group signature: kept, answered with, written down when it suits. */
void execute_signed(void *arg, uint64_t seq, uint32_t epoch, const uint8_t sig[64])
{
	struct run *r = arg;
	struct disk_error why = {""};
	uint8_t record[4 + 64];
	uint64_t token;

	if (!index_signed(r->index, seq, sig))
		return;
	disk_put32(record, epoch);
	memcpy(record + 4, sig, 64);
	/* lost in a crash, it is made again when somebody asks: draft {#shares} */
	(void)journal_append_lazy(r->journal, RECORD_SIGNATURE, seq,
				  (struct iovec[]){{record, sizeof(record)}}, 1, &token);
	if (clients_signed(r->clients, seq, run_now()) > 0) {
		clients_flush(r->clients); /* before the links' turn comes, and the store's */
		r->spare_ms = run_now() + RUN_SPARE_MS;
	}
	if (keygen_proven(r->keygen, index_block(r->index, seq), &why) != 0)
		run_fail(r, why.text);
}
