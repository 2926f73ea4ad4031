#include "config.h"

#include "daemon/recover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/damage.h"
#include "daemon/files.h"
#include "daemon/log.h"
#include "daemon/run_priv.h"
#include "libproto/crypto.h"

/* ---- the note on disk ---- */

static void line_get(char *out, size_t cap, const char *text, const char *key)
{
	size_t n = strlen(key), len;
	const char *at = strstr(text, key);

	out[0] = '\0';
	if (at == NULL)
		return;
	at += n;
	len = strcspn(at, "\n");
	if (len >= cap)
		len = cap - 1;
	memcpy(out, at, len);
	out[len] = '\0';
}

int recover_load(struct run *r, struct disk_error *why)
{
	char text[RECOVER_FILE_MAX + 1], number[32];
	int n = files_get(r->conf->data, RECOVER_FILE, text, RECOVER_FILE_MAX, why);

	if (n == DISK_ENOTFOUND)
		return 0;
	if (n < 0 && n != DISK_ETOOBIG)
		return n;
	text[n < 0 ? 0 : n] = '\0';
	r->recover.is = true;
	line_get(r->recover.why, sizeof(r->recover.why), text, "why=");
	line_get(number, sizeof(number), text, "incarnation=");
	r->recover.rejoined = strtoull(number, NULL, 10);
	r->recover.numbered = r->recover.rejoined != 0;
	return 0;
}

static int note(struct run *r, struct disk_error *why)
{
	char text[RECOVER_FILE_MAX];
	int n = snprintf(text, sizeof(text), "why=%s\n", r->recover.why);

	if (r->recover.rejoined != 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "incarnation=%" PRIu64 "\n",
			      r->recover.rejoined);
	return files_put(r->conf->data, RECOVER_FILE, text, (size_t)n, 0600, why);
}

int recover_begin(struct run *r, const char *what, struct disk_error *why)
{
	r->recover.is = true;
	r->recover.numbered = false;
	r->recover.rejoined = 0;
	snprintf(r->recover.why, sizeof(r->recover.why), "%s", what);
	for (char *c = r->recover.why; *c != '\0'; c++)
		if (*c == '\n')
			*c = ' '; /* a line of its own in the note */
	return note(r, why);
}

int recover_damaged(struct run *r, unsigned attempt, struct disk_error *why)
{
	char damage[DISK_ERROR_MAX];
	int status;

	snprintf(damage, sizeof(damage), "%s", why->text);
	log_say(LOG_L_ERROR,
		"%s; this replica no longer knows what it voted for: it sets its %s aside and "
		"fetches what it lacks from the others",
		damage, attempt == 0 ? "journal" : "store");
	status = recover_begin(r, damage, why);
	if (status == 0)
		status = files_aside(r->conf->data, attempt == 0 ? "journal" : "store", why);
	return status;
}

/* ---- run number ---- */

/* draft {#rejoin-op}: "a run number that no run before it can have had" */
static int renumber(struct run *r, struct disk_error *why)
{
	struct machine_pool_info pool;
	uint64_t start, counter, low, boot = r->boot;
	char text[32];
	uint32_t any;
	int n;

	machine_number(r->machine, r->self, &start, &counter);
	machine_pool(r->machine, r->self, &pool);
	boot = start > boot ? start : boot;
	boot = pool.boot > boot ? pool.boot : boot;
	if (ap_random(&any, sizeof(any)) != 0)
		return disk_say(why, DISK_ESYSTEM, "the system gives no random octets");
	low = any;
	boot = ((boot >> 32) + 1) << 32 | low;
	n = snprintf(text, sizeof(text), "%" PRIu64 "\n", boot);
	if (files_put(r->conf->data, "boot", text, (size_t)n, 0600, why) != 0)
		return DISK_ESYSTEM;
	r->boot = boot;
	r->recover.numbered = true;
	keygen_reboot(r->keygen, boot);
	return 0;
}

bool recover_may_submit(const struct run *r)
{
	if (r->recover.is)
		return r->recover.numbered;
	return !pbft_is_empty(
		r->pbft); /* this number may be in use: a lost disk shows only later */
}

/* ---- REJOIN ---- */

static void submit(struct run *r)
{
	ap_rejoin op = {.replaces = machine_incarnations(r->machine)[r->self - 1]};
	uint8_t body[AP_MAX_rejoin];
	struct ap_writer w;

	ap_writer_init(&w, body, sizeof(body));
	ap_rejoin_put(&w, &op);
	log_say(LOG_L_INFO, "recovering: asks to rejoin run=%" PRIu64 " replaces=%" PRIu64, r->boot,
		op.replaces);
	if (relay_submit_own(clients_relay(r->clients), AP_OP_rejoin, body, ap_writer_len(&w)) != 0)
		run_fail(r, "out of memory for an operation: give this replica more");
}

/* Numbers in the log that are as high as this run's are of a life that is forgotten. */
static bool is_outdone(const struct run *r)
{
	uint64_t start, counter;

	machine_number(r->machine, r->self, &start, &counter);
	return start > r->boot;
}

void recover_turn(struct run *r, uint64_t now_ms)
{
	struct disk_error why = {""};
	struct pbft_info core;

	if (r->recover.unsure && !pbft_is_empty(r->pbft) && !pbft_is_recovering(r->pbft))
		execute_keygen(r); /* all others are in genesis too */
	r->recover.unsure = pbft_is_empty(r->pbft);
	if (!pbft_is_recovering(r->pbft)) {
		/* draft {#rejoin}: "a bundle of its own of a later run"; all that it relays is void
		 * under this number */
		if (!r->recover.is && is_outdone(r))
			damage_votes(r, "a later run of this replica is in the log: its disk is an "
					"older copy, or another process has its identity");
		return;
	}
	pbft_info(r->pbft, &core);
	if (core.rejoined != 0 || !core.caught_up)
		return;
	if (r->recover.ask_ms == 0)
		r->recover.ask_ms =
			now_ms + RUN_REJOIN_MS / 2; /* what others have is still coming in */
	if (now_ms < r->recover.ask_ms)
		return;
	if (!r->recover.numbered || is_outdone(r)) {
		if (renumber(r, &why) != 0) {
			run_fail(r, why.text);
			return;
		}
		/* what waits in the relay (a RETRY, say) goes first, under the new number */
		if (relay_waiting(clients_relay(r->clients)))
			return;
	}
	r->recover.ask_ms = now_ms + RUN_REJOIN_MS;
	submit(r);
	execute_keygen(r); /* under the new number */
}

void recover_executed(struct run *r, struct pbft_event *ev)
{
	const struct machine_result *result = &r->result;
	size_t self = r->self - 1u;
	struct disk_error why = {""};

	ev->u.executed.incarnation = machine_incarnations(r->machine);
	for (uint8_t id = 1; id <= r->net.n; id++)
		if ((result->rejoined >> (id - 1) & 1) != 0)
			log_say(LOG_L_INFO, "rejoined member=%u incarnation=%" PRIu64, id,
				result->seq);
	if ((result->rejoined >> self & 1) == 0 || !r->recover.is ||
	    r->bundles[result->rejoin_bundle[self]].start != r->boot || !r->recover.numbered)
		return;
	ev->u.executed.rejoined = true;
	r->recover.rejoined = result->seq;
	if (note(r, &why) != 0)
		run_fail(r, why.text);
	log_say(LOG_L_INFO,
		"recovering: incarnation=%" PRIu64 " votes once a checkpoint is stable at %" PRIu64
		" or above",
		result->seq, result->seq + RUN_WINDOW);
}

/* ---- what the core says ---- */

static const char *reason(enum pbft_forgot why)
{
	switch (why) {
	case PBFT_FORGOT_EMPTY:
		return "its data directory is empty, and the network is past its beginning";
	case PBFT_FORGOT_SHOWN:
		return "it was shown a vote of its own that it does not know: its disk is an older "
		       "copy, or another process has its identity";
	case PBFT_FORGOT_CLONE:
		return "it rejoined without having asked: another process has its identity";
	default:
		return "its vote history is not whole";
	}
}

static void recovering(struct run *r, enum pbft_forgot forgot)
{
	const char *what = forgot == PBFT_FORGOT_DAMAGED ? r->votes_damage : reason(forgot);
	struct disk_error why = {""};

	log_say(LOG_L_ERROR,
		"recovering: %s; it votes in nothing, fetches what it lacks, and comes back by "
		"itself",
		what);
	if (recover_begin(r, what, &why) != 0)
		run_fail(r, why.text);
	r->recover.ask_ms = 0;
}

static void recovered(struct run *r, uint64_t incarnation, uint64_t stable)
{
	struct disk_error why = {""};

	r->recover.is = false;
	r->recover.rejoined = 0;
	if (files_wipe(r->conf->data, RECOVER_FILE, &why) != 0)
		run_fail(r, why.text);
	log_say(LOG_L_INFO, "recovered: votes again incarnation=%" PRIu64 " stable=%" PRIu64,
		incarnation, stable);
}

void recover_effect(struct run *r, const struct pbft_effect *e)
{
	if (e->kind == PBFT_RECOVERING)
		recovering(r, e->u.recovering.why);
	else
		recovered(r, e->u.recovered.incarnation, e->u.recovered.stable);
}
