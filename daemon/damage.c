/* What was stored is not what it was: draft {#damage}. Found by whoever reads it, or by scrub.c. */
#include "config.h"

#include "daemon/damage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/run_priv.h"

enum {
	REBUILD_MS = 5000,    /* a transfer goes first: it is faster, and brings proofs along */
	REBUILD_BATCHES = 16, /* in one turn: some milliseconds */
};

static void lose(struct run *r, bool state, bool votes)
{
	struct pbft_event ev = {.kind = PBFT_EV_LOST, .u.lost = {.state = state, .votes = votes}};

	run_step(r, &ev);
}

void damage_look(struct run *r)
{
	const char *what = index_damage(r->index);
	struct disk_error why = {""};
	struct pbft_info core;

	if (what == NULL || r->failure[0] != '\0')
		return;
	log_say(LOG_L_ERROR,
		"%s; nothing more is taken from it: it is kept as %s/store.aside, and what it had "
		"is "
		"fetched from the others; look into the kernel log for disk errors",
		what, r->conf->data);
	r->damages++;
	pbft_info(r->pbft, &core);
	r->again_to = core.executed;
	if (run_renew_store(r, &why) != 0) {
		run_fail(r, why.text);
		return;
	}
	lose(r, true, false);
	pbft_info(r->pbft, &core);
	r->rebuilds = core.lacks && r->quarantine == QUARANTINE_NONE;
	r->rebuild_ms = run_now() + REBUILD_MS;
}

static bool rebuild_one(struct run *r, uint64_t seq)
{
	ap_bytes octets = effect_batch(r, seq, NULL, r->frame, sizeof(r->frame));

	if (octets.data == NULL ||
	    verify_batch_octets(&r->verifier, octets.data, octets.len, &r->batch) != NULL)
		return false; /* it does not reach back so far: the others have to help */
	execute_batch(r, seq, r->batch.digest, octets, false);
	return index_damage(r->index) == NULL;
}

/* Is it what it was? */
static void regain(struct run *r, const struct pbft_info *core)
{
	struct pbft_event ev = {.kind = PBFT_EV_LOST, .u.lost = {.regained = true}};

	if (memcmp(machine_running(r->machine), core->running, 32) != 0)
		return;
	log_say(LOG_L_INFO, "the state is made again from the journal batches=%" PRIu64,
		machine_seq(r->machine));
	sign_resume(r->sign, run_now());
	run_step(r, &ev);
	execute_keygen(r);
}

void damage_turn(struct run *r)
{
	struct pbft_info core;
	uint64_t seq;

	if (!r->rebuilds || run_now() < r->rebuild_ms || r->failure[0] != '\0')
		return;
	pbft_info(r->pbft, &core);
	r->rebuilds = core.lacks && machine_seq(r->machine) < core.executed;
	for (unsigned i = 0; i < REBUILD_BATCHES && r->rebuilds; i++) {
		seq = machine_seq(r->machine) + 1;
		r->rebuilds = rebuild_one(r, seq);
		if (r->rebuilds && seq == core.executed) {
			r->rebuilds = false;
			regain(r, &core);
		}
	}
	if (r->rebuilds)
		run_wake(r);
}

void damage_batches(struct run *r, const char *what)
{
	log_say(LOG_L_ERROR,
		"%s; only batches that are settled long since stood there: others get them "
		"elsewhere; look "
		"into the kernel log for disk errors",
		what);
	r->damages++;
}

void damage_votes(struct run *r, const char *what)
{
	if (r->recover.is || strcmp(what, r->votes_damage) == 0)
		return; /* known; what was voted for since stands behind it */
	log_say(LOG_L_ERROR,
		"%s; what this replica has voted for is no longer known for sure; look into the "
		"kernel log for disk errors",
		what);
	r->damages++;
	snprintf(r->votes_damage, sizeof(r->votes_damage), "%s", what);
	lose(r, false, true);
}
