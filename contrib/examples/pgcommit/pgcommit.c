/*
 * Atomic commit across the databases of several parties: PostgreSQL holds each party's half of a
 * deal, prepared; a network of replicas decides whether all of them commit. See README.md.
 *
 *	pgcommit run DOMAIN TICKET	does our half; harmless to repeat
 *	pgcommit recover		goes on with all that a crash has left prepared
 *	pgcommit settle GID PROOF	without the network, by the proof that another party has
 *
 * The rule that all rests on: we approve only what is prepared here, and what is prepared ends only
 * as the network has decided. So whatever dies at whatever moment, nobody commits alone.
 *
 * Environment: that of libpq (PGHOST, PGDATABASE...); AGREE_IDENTITY, the file with our key, made
 * by agree keygen; AGREE_KEY, the network's key, else it is that of known_networks or DNSSEC;
 * AGREE_DNS, the server to look the network up at. PGCOMMIT_HOOK is for tests: a command that is
 * run at each step, with the step's name.
 */
#define _POSIX_C_SOURCE 200809L

#include <agree.h>
#include <libpq-fe.h>

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* As those of agree(1). */
enum result { COMMITTED = 0, FAILED = 1, BROKEN = 10, ABORTED = 13, IN_DOUBT = 14, FORGOTTEN = 16 };

enum {
	ID_TEXT = 60,	  /* characters of an instance's id, the first label of its name */
	GID_MAX = 200,	  /* PostgreSQL's limit, NUL included */
	NAME_MAX_ = 512,  /* of an instance's domain name */
	PROOF_MAX = 1232, /* octets of a record */
	LONGEST = 3600,	  /* seconds: locks are held so long at most if a party is silent */
	GRACE_MS = 2000	  /* the network's clock may be behind ours */
};

/* ---- a deal: one instance, and our half of it ---- */

struct deal {
	agree_ctx *ctx;
	PGconn *db;
	agree_network *network;
	agree_ticket *ticket;
	agree_party *party;
	char id[ID_TEXT + 1];
	char gid[GID_MAX]; /* DOMAIN/TICKET: all that is needed to ask for the outcome */
};

static void step(const char *name)
{
	const char *hook = getenv("PGCOMMIT_HOOK");
	char command[1024];

	if (hook == NULL)
		return;
	snprintf(command, sizeof(command), "%s %s", hook, name);
	if (system(command) != 0)
		fprintf(stderr, "pgcommit: the hook failed at %s\n", name);
}

static enum result fail(const char *what, int err)
{
	fprintf(stderr, "pgcommit: %s: %s\n", what, agree_strerror(err));
	return FAILED;
}

static enum result refuse(const char *why)
{
	fprintf(stderr, "pgcommit: refused: %s\n", why);
	return FAILED;
}

static enum result said(const struct deal *d, enum result result, const char *word)
{
	printf("%s %s\n", word, d->id);
	return result;
}

static void deal_clear(struct deal *d)
{
	agree_party_free(d->party);
	agree_ticket_free(d->ticket);
	agree_network_free(d->network);
	d->party = NULL;
	d->ticket = NULL;
	d->network = NULL;
}

/* The line "seed: ..." of what agree keygen has made. */
static int seed_read(unsigned char seed[AGREE_SECRET_LEN])
{
	const char *path = getenv("AGREE_IDENTITY");
	char line[128], text[44];
	int err = AGREE_EIDENTITY;
	FILE *f = path != NULL ? fopen(path, "r") : NULL;

	if (f == NULL)
		return AGREE_EFILE;
	setvbuf(f, NULL, _IONBF, 0); /* no copies of secrets */
	while (err != 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "seed: %43s", text) == 1)
			err = agree_key_parse(seed, text);
	fclose(f);
	agree_wipe(line, sizeof(line));
	agree_wipe(text, sizeof(text));
	return err;
}

/* With fewer than all, one could be committed without the other; a key shows who it is. */
static const char *terms_refused(const agree_ticket *t)
{
	size_t n = agree_ticket_parties(t), len = 0;
	const void *value = agree_ticket_value(t, &len);

	if (n < 2 || agree_ticket_k(t) != n)
		return "the ticket must name two parties or more, and need all of them";
	for (unsigned i = 0; i < n; i++)
		if (agree_ticket_party_key(t, i, NULL) != 1)
			return "the ticket must name its parties by their keys";
	if (value == NULL || memchr(value, '\0', len) != NULL || agree_ticket_start(t) != 0)
		return "the ticket must fix the value, as text, and not be a recurring one";
	if (agree_ticket_deadline(t) > (unsigned long long)time(NULL) + LONGEST)
		return "the ticket's deadline is more than an hour ahead";
	return NULL;
}

/* From network and ticket: id, gid, who we are. */
static enum result deal_open(struct deal *d, const char *text)
{
	unsigned char seed[AGREE_SECRET_LEN];
	char name[NAME_MAX_], ticket[GID_MAX];
	size_t name_size = sizeof(name), ticket_size = sizeof(ticket);
	int err = agree_ticket_parse(d->network, text, &d->ticket);

	if (err == 0 && terms_refused(d->ticket) != NULL)
		return refuse(terms_refused(d->ticket));
	if (err == 0)
		err = agree_ticket_name(d->ticket, name, &name_size);
	if (err == 0)
		err = agree_ticket_text(d->ticket, ticket, &ticket_size);
	if (err != 0 && err != AGREE_ESPACE)
		return fail("ticket", err);
	if (err == AGREE_ESPACE || snprintf(d->gid, sizeof(d->gid), "%s/%s",
					    agree_network_domain(d->network), ticket) >= GID_MAX)
		return refuse("ticket and domain have more than 198 characters in all, which is "
			      "what PostgreSQL can note: choose a shorter value");
	snprintf(d->id, sizeof(d->id), "%.60s", name);
	err = seed_read(seed);
	if (err == 0)
		err = agree_party_identity(d->ticket, seed, &d->party);
	agree_wipe(seed, sizeof(seed));
	return err == 0 ? COMMITTED : fail("AGREE_IDENTITY", err);
}

/* ---- the database ---- */

static bool db_good(const struct deal *d, PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);
	bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!good)
		fprintf(stderr, "pgcommit: %s", PQerrorMessage(d->db));
	PQclear(res);
	return good;
}

/* One command with what is behind it, which is quoted; a test can come between asking and answer.
 */
static bool db_command(const struct deal *d, const char *name, const char *verb)
{
	char *gid = PQescapeLiteral(d->db, d->gid, strlen(d->gid)), sql[1024], sent[64];
	PGresult *res, *last = NULL;

	if (gid == NULL)
		return false;
	snprintf(sql, sizeof(sql), "%s %s", verb, gid);
	snprintf(sent, sizeof(sent), "%s-sent", name);
	PQfreemem(gid);
	step(name);
	if (PQsendQuery(d->db, sql) != 1)
		return db_good(d, NULL);
	step(sent);
	while ((res = PQgetResult(d->db)) != NULL) {
		PQclear(last);
		last = res;
	}
	return db_good(d, last);
}

/* 1: it gives a row; 0: none; negative: it is not known. */
static int db_has(const struct deal *d, const char *sql, const char *parameter)
{
	PGresult *res = PQexecParams(d->db, sql, 1, NULL, &parameter, NULL, NULL, 0);
	int rows = PQntuples(res) > 0;

	return db_good(d, res) ? rows : -1;
}

static int is_prepared(const struct deal *d)
{
	return db_has(d,
		      "SELECT 1 FROM pg_prepared_xacts WHERE gid = $1 AND "
		      "database = current_database()",
		      d->gid);
}

/*
 * It is, as the server itself says, and so it stays. The server shows it a moment before a
 * synchronous standby has it, if there is one; a commit of ours ends only when the standby has all
 * that is before.
 */
static bool is_promised(const struct deal *d)
{
	return is_prepared(d) == 1 &&
	       db_has(d, "SELECT pg_logical_emit_message(true, $1, '')", "pgcommit") == 1;
}

static int is_done(const struct deal *d)
{
	return db_has(d, "SELECT 1 FROM agree_done WHERE id = $1", d->id);
}

static bool db_open(struct deal *d)
{
	d->db = PQconnectdb("");
	if (PQstatus(d->db) != CONNECTION_OK) {
		fprintf(stderr, "pgcommit: %s", PQerrorMessage(d->db));
		return false;
	}
	/* what is prepared must still be so after a power cut: it is a promise */
	if (!db_good(d, PQexec(d->db, "SET synchronous_commit = on")))
		return false;
	if (db_has(d, "SELECT 1 WHERE current_setting('fsync') = $1", "on") == 1)
		return true;
	refuse("the server runs with fsync off, so it cannot keep a promise");
	return false;
}

/*
 * Our half of the deal, up to the point from which on it can be committed whatever happens. Its row
 * in agree_done, of the same transaction, keeps it from being done twice.
 */
static bool work(const struct deal *d)
{
	size_t len;
	const char *value = agree_ticket_value(d->ticket, &len);
	const char *row[] = {d->id, d->gid};
	char text[AGREE_VALUE_MAX + 1];

	step("work");
	snprintf(text, sizeof(text), "%.*s", (int)len, value);
	if (agree_ticket_deadline(d->ticket) <= (unsigned long long)time(NULL)) {
		refuse("the ticket's deadline has passed");
		return false;
	}
	return db_good(d, PQexec(d->db, "BEGIN; SET LOCAL lock_timeout = '10s'")) &&
	       db_good(d, PQexecParams(d->db, "INSERT INTO agree_done (id, gid) VALUES ($1, $2)", 2,
				       NULL, row, NULL, NULL, 0)) &&
	       db_good(d, PQexecParams(d->db, "SELECT deal($1)", 1, NULL, &(const char *){text},
				       NULL, NULL, 0)) &&
	       db_command(d, "prepare", "PREPARE TRANSACTION");
}

/* The other party may need it one day. */
static bool proof_keep(const struct deal *d, const agree_outcome *outcome)
{
	size_t len;
	const void *wire = agree_outcome_wire(outcome, &len);
	const char *row[] = {d->id, d->gid, agree_status_text(agree_outcome_status(outcome)), wire};
	const int lengths[] = {0, 0, 0, (int)len}, formats[] = {0, 0, 0, 1};

	step("proof");
	return db_good(d, PQexecParams(d->db,
				       "INSERT INTO agree_proof (id, gid, outcome, proof) "
				       "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
				       4, NULL, row, lengths, formats, 0));
}

/* As decided. Somebody else may be at it too, or have been. */
static enum result finish(const struct deal *d, bool commit)
{
	int prepared = is_prepared(d), done = -1;

	for (int tries = 0; prepared == 1 && tries < 10; tries++) {
		if (db_command(d, "finish", commit ? "COMMIT PREPARED" : "ROLLBACK PREPARED"))
			break;
		if (PQstatus(d->db) == CONNECTION_OK)
			poll(NULL, 0, 200);
		prepared = is_prepared(d);
	}
	step("end");
	if (prepared >= 0 && is_prepared(d) == 0)
		done = is_done(d);
	if (done < 0)
		return said(d, IN_DOUBT, "to be finished by recover:");
	if (commit == (done == 1))
		return commit ? said(d, COMMITTED, "committed") : said(d, ABORTED, "aborted");
	fprintf(stderr,
		"pgcommit: BROKEN PROMISE: %s is %s, but here it was %s by other means than "
		"this program\n",
		d->id, commit ? "decided" : "aborted", commit ? "lost" : "committed");
	return BROKEN;
}

/* ---- the network ---- */

struct answer {
	int status;
	agree_outcome *outcome;
};

static void on_outcome(void *arg, int status, const agree_outcome *outcome)
{
	struct answer *answer = arg;

	answer->status = status;
	answer->outcome = agree_outcome_ref(outcome);
}

static int vote(const struct deal *d, int yes, int wait_ms, agree_outcome **outcome)
{
	struct answer answer = {AGREE_EINTERNAL, NULL};
	agree_request *request;
	int err;

	step("vote");
	err = agree_vote(d->ctx, d->network, d->ticket, d->party, yes, NULL, 0, wait_ms, 0,
			 on_outcome, &answer, &request);
	if (err == 0) {
		step("vote-sent");
		err = agree_wait(d->ctx, request, -1);
	}
	*outcome = answer.outcome;
	return err != 0 ? err : answer.status;
}

/* draft {#retention}: there was an end, but this does not say which. So nothing is done. */
static enum result forgotten(const struct deal *d)
{
	fprintf(stderr,
		"pgcommit: FORGOTTEN: the network no longer knows whether %s was committed\n",
		d->id);
	if (is_prepared(d) != 1)
		return FORGOTTEN;
	fprintf(stderr,
		"It stays prepared, since to guess could be wrong. Ask the other party for its "
		"record,\n"
		"  SELECT encode(proof, 'hex') FROM agree_proof WHERE id = '%s'\n"
		"and run: pgcommit settle '%s' PROOF\n"
		"If it has none, see \"Forgotten\" in README.md.\n",
		d->id, d->gid);
	return FORGOTTEN;
}

static enum result conclude(const struct deal *d, const agree_outcome *outcome)
{
	switch (agree_outcome_status(outcome)) {
	case AGREE_DECIDED:
	case AGREE_ABORTED:
		if (!proof_keep(d, outcome))
			return said(d, IN_DOUBT, "to be finished by recover:");
		return finish(d, agree_outcome_status(outcome) == AGREE_DECIDED);
	case AGREE_FORGOTTEN:
		return forgotten(d);
	default:
		return said(d, IN_DOUBT, "undecided");
	}
}

/*
 * What is prepared may be approved, be it for the second time. All else may be vetoed, even if we
 * do not know what is prepared: our first vote counts, so if an approval of ours went out before,
 * it stands.
 */
static enum result vote_and_conclude(const struct deal *d, bool yes, int wait_ms)
{
	agree_outcome *outcome;
	enum result result;
	int err = vote(d, yes ? AGREE_YES : AGREE_NO, wait_ms, &outcome);

	if (err != 0) {
		fail("asking the network", err);
		return said(d, IN_DOUBT, "undecided");
	}
	result = conclude(d, outcome);
	agree_outcome_free(outcome);
	return result;
}

/* ---- verbs ---- */

static enum result run_deal(struct deal *d)
{
	long long left = (long long)agree_ticket_deadline(d->ticket) - (long long)time(NULL);
	int wait_ms = (left > 0 ? (int)left * 1000 : 0) + GRACE_MS;
	int done = is_done(d), prepared = done == 0 ? is_prepared(d) : -1;

	if (done == 1)
		return said(d, COMMITTED, "committed before");
	if (prepared < 0)
		return FAILED;
	if (prepared == 0 && !work(d) && PQstatus(d->db) == CONNECTION_OK)
		PQclear(PQexec(d->db, "ROLLBACK"));
	/* not what became of our command counts, but what the server says now */
	return vote_and_conclude(d, is_promised(d), wait_ms);
}

static int find(struct deal *d, const char *domain)
{
	return agree_network_find_now(d->ctx, domain, getenv("AGREE_KEY"), &d->network);
}

static enum result verb_run(struct deal *d, char **args)
{
	int err = find(d, args[0]);
	enum result result = err == 0 ? deal_open(d, args[1]) : fail(args[0], err);

	if (result == COMMITTED)
		result = db_open(d) ? run_deal(d) : FAILED;
	return result;
}

/* Sets d->network by the domain in the gid; gives the ticket behind it. */
static const char *gid_split(const char *gid, char domain[GID_MAX])
{
	const char *slash = strrchr(gid, '/');

	snprintf(domain, GID_MAX, "%.*s", slash != NULL ? (int)(slash - gid) : 0, gid);
	return slash != NULL ? slash + 1 : "";
}

static enum result recover_one(struct deal *d, const char *gid)
{
	char domain[GID_MAX];
	const char *ticket = gid_split(gid, domain);
	enum result result = IN_DOUBT;
	int err = find(d, domain);

	if (err != 0)
		fail(gid, err);
	else if (deal_open(d, ticket) == COMMITTED && is_promised(d))
		result = vote_and_conclude(d, true, 0);
	deal_clear(d);
	return result;
}

static enum result verb_recover(struct deal *d, char **args)
{
	enum result worst = COMMITTED;
	PGresult *res;

	(void)args;
	if (!db_open(d))
		return FAILED;
	res = PQexec(d->db, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() "
			    "AND gid LIKE '%/agree1-%' ORDER BY prepared");
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		worst = FAILED;
	for (int i = 0; i < PQntuples(res); i++) {
		enum result result = recover_one(d, PQgetvalue(res, i, 0));

		if (worst != BROKEN && result != ABORTED && (result > worst || result == BROKEN))
			worst = result;
	}
	return db_good(d, res) ? worst : FAILED;
}

static int key_know(const struct deal *d, const char *domain, unsigned char key[AGREE_KEY_LEN])
{
	const char *text = getenv("AGREE_KEY");

	return text != NULL ? agree_key_parse(key, text) : agree_known_key(d->ctx, domain, key);
}

/* Hexadecimal; 0 if it is not. */
static size_t octets_parse(const char *hex, unsigned char *octets, size_t size)
{
	size_t n = 0;

	while (n < size && sscanf(hex + 2 * n, "%2hhx", &octets[n]) == 1 && hex[2 * n + 1] != '\0')
		n++;
	return hex[2 * n] == '\0' ? n : 0;
}

static enum result verb_settle(struct deal *d, char **args)
{
	unsigned char key[AGREE_KEY_LEN], id[AGREE_ID_LEN], wire[PROOF_MAX];
	char domain[GID_MAX];
	const char *ticket = gid_split(args[0], domain);
	size_t len = octets_parse(args[1], wire, sizeof(wire));
	agree_outcome *outcome = NULL;
	enum result result;
	int err = key_know(d, domain, key);

	if (err == 0)
		err = agree_network_of_key(domain, key, &d->network);
	result = err == 0 ? deal_open(d, ticket) : fail(domain, err);
	if (result != COMMITTED)
		return result;
	agree_ticket_id(d->ticket, id);
	err = agree_verify(key, id, wire, len, &outcome);
	if (err != 0)
		return fail("proof", err);
	if (!agree_outcome_final(outcome))
		result = refuse("the proof is of no final outcome");
	else
		result = db_open(d) ? conclude(d, outcome) : FAILED;
	agree_outcome_free(outcome);
	return result;
}

static const struct {
	const char *name;
	enum result (*run)(struct deal *d, char **args);
	int args;
} verbs[] = {
	{"run", verb_run, 2},
	{"recover", verb_recover, 0},
	{"settle", verb_settle, 2},
};

int main(int argc, char **argv)
{
	struct deal d = {0};
	enum result result = FAILED;
	size_t i = 0, n = sizeof(verbs) / sizeof(verbs[0]);
	int err;

	while (i < n && (argc < 2 || strcmp(argv[1], verbs[i].name) != 0))
		i++;
	if (i == n || argc - 2 != verbs[i].args) {
		fprintf(stderr, "usage: pgcommit run DOMAIN TICKET | recover | settle GID PROOF\n");
		return FAILED;
	}
	err = agree_ctx_new(&d.ctx);
	if (err == 0)
		err = agree_ctx_set(d.ctx, "dns", getenv("AGREE_DNS"));
	result = err == 0 ? verbs[i].run(&d, argv + 2) : fail("AGREE_DNS", err);
	deal_clear(&d);
	PQfinish(d.db);
	agree_ctx_free(d.ctx);
	return (int)result;
}
