/* bench_frost.c: what the signer costs, as `name: value unit` lines; medians over many rounds on
 * one core. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/frost/dkg.h"
#include "daemon/frost/frost.h"
#include "tests/lib/testkeys.h"

#define ROUNDS 501
#define EPOCH  1
#define SEED   1

static double samples[ROUNDS];

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *name, unsigned t, unsigned n)
{
	qsort(samples, n, sizeof(samples[0]), compare);
	printf("%s_t%u: %.1f us\n", name, t, samples[n / 2]);
}

static void must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "bench_frost: %s: %s\n", what, frost_error_text(rc));
	exit(1);
}

/* Members 1..t of n, with a pool each. */
static struct frost_key keys[FROST_MEMBERS_MAX];
static struct frost *f[FROST_MEMBERS_MAX];
static struct frost_nonces nonces[FROST_MEMBERS_MAX];

static void refill(unsigned t)
{
	for (unsigned i = 0; i < t; i++) {
		frost_wipe_behind(f[i], UINT64_MAX);
		must(frost_commit(f[i], FROST_COMMIT_MAX, &nonces[i]), "commit");
	}
}

static void list_of(struct frost_list *list, unsigned t, unsigned pair)
{
	memset(list, 0, sizeof(*list));
	list->epoch = EPOCH;
	list->count = t;
	for (unsigned i = 0; i < t; i++)
		list->entry[i] = nonces[i].pair[pair];
}

static void bench_commit(unsigned t)
{
	for (unsigned r = 0; r < ROUNDS; r++) {
		double start;

		frost_wipe_behind(f[0], UINT64_MAX);
		start = now_us();
		must(frost_commit(f[0], FROST_COMMIT_MAX, &nonces[0]), "commit");
		samples[r] = (now_us() - start) / FROST_COMMIT_MAX;
	}
	report("frost_commit", t, ROUNDS);
}

enum step { SIGN, SIGN_CHECKED, AGGREGATE, OUTSIDE, SHARE_CHECK, STEPS };

static const char *const step_names[STEPS] = {
	[SIGN] = "frost_sign",
	[SIGN_CHECKED] = "frost_sign_prechecked",
	[AGGREGATE] = "frost_aggregate_verify",
	[OUTSIDE] = "frost_session_of_others",
	[SHARE_CHECK] = "frost_share_check",
};

static double step_time(enum step step, unsigned t, uint64_t seq, unsigned pair)
{
	struct ap_statement statement = {.epoch = EPOCH, .seq = seq, .count = 1};
	struct frost_session session;
	struct frost_shares shares;
	struct frost_list list;
	uint8_t signature[64];
	double start = 0;

	list_of(&list, t, pair);
	for (unsigned i = t; i-- > 0;) {
		for (unsigned j = 1; step == SIGN_CHECKED && i == 0 && j < t; j++)
			must(frost_precheck(f[0], list.entry[j].hiding), "precheck");
		start = now_us();
		must(frost_sign(f[i], FROST_BATCH, &statement, &list, nonces[i].boot,
				nonces[i].first + pair, &session, shares.z[i]),
		     "sign");
	}
	if (step == SIGN || step == SIGN_CHECKED)
		return now_us() - start;
	start = now_us();
	if (step == AGGREGATE)
		must(frost_aggregate(f[0], &session, &shares, signature), "aggregate");
	else if (step == OUTSIDE)
		must(frost_session_make(&session, &keys[0].group, FROST_BATCH, &statement, &list),
		     "session");
	else
		must(frost_share_check(&session, &keys[0].group, 0, shares.z[0]), "share");
	return now_us() - start;
}

static void bench_steps(unsigned t)
{
	uint64_t seq = 1;

	for (enum step step = SIGN; step < STEPS; step++) {
		for (unsigned r = 0; r < ROUNDS; r++) {
			if (r % FROST_COMMIT_MAX == 0)
				refill(t);
			samples[r] = step_time(step, t, seq++, r % FROST_COMMIT_MAX);
		}
		report(step_names[step], t, ROUNDS);
	}
}

static void bench_dkg(unsigned n, unsigned t)
{
	static struct dkg_deal deals[FROST_MEMBERS_MAX];
	uint8_t ek[FROST_MEMBERS_MAX][32];
	struct dkg_run run = {.epoch = EPOCH, .n = n, .t = t};
	struct frost_key key;
	uint16_t culprit;
	double start, dealt, checked;

	for (unsigned j = 0; j < n; j++)
		dkg_enckey_make(ek[j], run.enckey[j], &frost_random_system);
	start = now_us();
	for (uint16_t i = 1; i <= n; i++)
		must(dkg_deal_make(&deals[i - 1], &run, i, &frost_random_system), "deal");
	dealt = now_us();
	printf("dkg_deal_make_n%u: %.1f us\n", n, (dealt - start) / n);
	for (uint16_t i = 1; i <= n; i++)
		must(dkg_deal_check(&run, i, &deals[i - 1]), "check");
	checked = now_us();
	printf("dkg_deal_check_n%u: %.1f us\n", n, (checked - dealt) / n);
	must(dkg_result(&key, &run, deals, 1, ek[0], &culprit), "result");
	printf("dkg_result_n%u: %.1f us\n", n, now_us() - checked);
	frost_key_wipe(&key);
}

int main(void)
{
	must(frost_canary(), "libsodium");
	for (unsigned faulty = 1; faulty <= 4; faulty++) {
		unsigned n = 3 * faulty + 1, t = faulty + 1;

		testkeys(keys, n, t, EPOCH, SEED);
		for (unsigned i = 0; i < t; i++) {
			must(frost_new(&f[i], NULL), "memory");
			must(frost_load(f[i], &keys[i], 1), "key");
		}
		if (faulty == 1)
			bench_commit(t);
		bench_steps(t);
		bench_dkg(n, t);
		for (unsigned i = 0; i < t; i++)
			frost_free(f[i]);
	}
	return 0;
}
