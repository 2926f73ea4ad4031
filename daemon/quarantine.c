/*
 * A replica whose state differs from that of 2f+1 others: draft {#checkpoints}. It votes no more,
 * says so, puts its store and its state aside as evidence, and transfers the others' state. The
 * file `quarantine` in the data directory says how far that is; as long as it is there nothing is
 * voted for. An operator who knows what has happened removes it.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/fetch_state.h"
#include "daemon/files.h"
#include "daemon/index_priv.h"
#include "daemon/log.h"
#include "daemon/run_priv.h"

static const char FILE_NAME[] = "quarantine", EVIDENCE[] = "state.aside";
static const char *const words[] = {[QUARANTINE_SUSPECT] = "suspect",
				    [QUARANTINE_FETCHING] = "fetching",
				    [QUARANTINE_FOLLOWS] = "follows"};

enum quarantine quarantine_read(const char *dir)
{
	char text[64] = "";
	struct disk_error why;
	int n = files_get(dir, FILE_NAME, text, sizeof(text) - 1, &why);

	if (n == DISK_ENOTFOUND)
		return QUARANTINE_NONE;
	for (int q = QUARANTINE_FETCHING; q <= QUARANTINE_FOLLOWS; q++)
		if (n > 0 && strncmp(text, words[q], strlen(words[q])) == 0)
			return (enum quarantine)q;
	return QUARANTINE_SUSPECT; /* whatever it says */
}

int quarantine_write(struct run *r, enum quarantine q, struct disk_error *why)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s checkpoint=%" PRIu64 "\n", words[q],
			 r->diverged_seq);

	r->quarantine = q;
	return files_put(r->conf->data, FILE_NAME, text, (size_t)n, 0600, why);
}

static void digest_show(char out[65], const uint8_t digest[32])
{
	for (size_t i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* The state that was wrong, as octets: with the journal's batches it shows where it went wrong. */
static int keep_evidence(struct run *r, struct disk_error *why)
{
	size_t n = machine_snapshot(r->machine, r->snapshot, r->snapshot_cap);

	return files_put(r->conf->data, EVIDENCE, r->snapshot, n, 0600, why);
}

void quarantine_begin(struct run *r, uint64_t seq, const uint8_t own[32], const uint8_t others[32],
		      uint16_t who)
{
	struct disk_error why = {""};
	char mine[65], theirs[65];
	int status;

	digest_show(mine, own);
	digest_show(theirs, others);
	log_say(LOG_L_ERROR,
		"quarantine: this replica's state differs from that of the others "
		"checkpoint=%" PRIu64 " own=%s others=%s signers=%04x: it votes no more and "
		"fetches theirs; its own is kept in "
		"%s/%s and %s/store.aside; when it is known what has happened, remove %s/%s and "
		"start it again",
		seq, mine, theirs, who, r->conf->data, EVIDENCE, r->conf->data, r->conf->data,
		FILE_NAME);
	r->diverged_seq = seq;
	status = quarantine_write(r, QUARANTINE_SUSPECT, &why);
	if (status == 0)
		status = keep_evidence(r, &why);
	if (status == 0)
		status = run_put_store_aside(r, &why);
	/* noted before there is another store: who starts as suspect puts aside what it finds, and
	 * that would be the empty one, in the place of the evidence */
	if (status == 0)
		status = quarantine_write(r, QUARANTINE_FETCHING, &why);
	if (status == 0)
		status = run_renew_store(r, &why);
	if (status != 0)
		run_fail(r, why.text);
}

int quarantine_start(struct run *r, struct disk_error *why)
{
	struct index_conf conf = {.dir = r->conf->data};
	int status;

	r->quarantine = quarantine_read(r->conf->data);
	if (r->quarantine == QUARANTINE_NONE)
		return 0;
	log_say(LOG_L_ERROR,
		"in quarantine since its state differed from that of the others: it follows and "
		"votes in "
		"nothing; when it is known what has happened, remove %s/%s and start it again",
		r->conf->data, FILE_NAME);
	if (r->quarantine != QUARANTINE_SUSPECT)
		return 0;
	status = merge_put_aside(&conf, why);
	return status == 0 || status == DISK_ENOTFOUND
		       ? quarantine_write(r, QUARANTINE_FETCHING, why)
		       : status;
}
