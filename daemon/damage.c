/* What was stored is not what it was: draft {#damage}. Found by whoever reads it, or by scrub.c. */
#include "config.h"

#include "daemon/damage.h"

#include "daemon/log.h"
#include "daemon/run_priv.h"

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
	if (machine_key(r->machine)->phase != MACHINE_ENCKEYS)
		r->is_first_run = false; /* it was there from the beginning */
	if (run_renew_store(r, &why) != 0) {
		run_fail(r, why.text);
		return;
	}
	lose(r, true, false);
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
	if (r->votes_lost)
		return;
	log_say(LOG_L_ERROR,
		"%s; what this replica has voted for is no longer known for sure: from here on it "
		"votes in "
		"nothing, and follows; look into the kernel log for disk errors",
		what);
	r->damages++;
	r->votes_lost = true;
	lose(r, false, true);
}
