/*
 * What the disk below $TMPDIR gives the journal: the wait for one durable vote, and how fast bodies
 * of batches go through.
 */
#include "config.h"
#include "daemon/journal.h"
#include <ftw.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { VOTES = 1000, VOTE = 4096, BODIES = 1000, BODY = 100 << 10 };

static struct journal *journal;

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void stop(const char *why)
{
	(void)fprintf(stderr, "bench_journal: %s\n", why);
	exit(1);
}

static void wait_event(void)
{
	struct pollfd p = {journal_fd(journal), POLLIN, 0};
	uint64_t count;

	if (poll(&p, 1, 60000) != 1 || read(p.fd, &count, sizeof(count)) < 0)
		stop("the disk does not answer");
	if (journal_error(journal) != NULL)
		stop(journal_error(journal));
}

static uint64_t append(uint64_t seq, const void *octets, size_t n)
{
	struct iovec part = {(void *)(uintptr_t)octets, n};
	uint64_t token;
	int r;

	while ((r = journal_append(journal, 1, seq, &part, 1, &token)) == DISK_EAGAIN)
		wait_event();
	if (r != 0)
		stop("a record was refused");
	return token;
}

static void wait_done(uint64_t token)
{
	while (journal_done(journal) < token)
		wait_event();
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int nothing(void *arg, const struct journal_record *record)
{
	(void)arg;
	(void)record;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void votes(const uint8_t *octets)
{
	static double us[VOTES];
	double before;
	uint64_t i;

	for (i = 0; i < VOTES; i++) {
		before = now_us();
		wait_done(append(i, octets, VOTE));
		us[i] = now_us() - before;
	}
	qsort(us, VOTES, sizeof(us[0]), by_value);
	(void)printf("journal_durable_p50: %.0f us\n", us[VOTES / 2]);
	(void)printf("journal_durable_p99: %.0f us\n", us[VOTES * 99 / 100]);
}

static void bodies(const uint8_t *octets)
{
	double before = now_us(), us;
	clock_t cpu = clock();
	uint64_t i, token = 0;

	for (i = 0; i < BODIES; i++)
		token = append(VOTES + i, octets, BODY);
	wait_done(token);
	us = now_us() - before;
	(void)printf("journal_throughput: %.0f MB/s\n", (double)BODIES * BODY / us);
	(void)printf("journal_cpu_per_body: %.0f us\n",
		     (double)(clock() - cpu) * 1e6 / CLOCKS_PER_SEC / BODIES);
}

int main(void)
{
	struct journal_options options = {.indexed = 1u << 1};
	const char *tmp = getenv("TMPDIR");
	uint8_t *octets = malloc(BODY);
	struct disk_error why;
	char dir[512];

	(void)snprintf(dir, sizeof(dir), "%s/agree-bench-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (octets == NULL || sodium_init() < 0 || mkdtemp(dir) == NULL)
		stop("no room for a directory");
	randombytes_buf(octets, BODY);
	options.dir = dir;
	if (journal_open(&journal, &options, &why) != 0 ||
	    journal_replay(journal, 0, nothing, NULL, NULL, &why) != 0)
		stop(why.text);
	votes(octets);
	bodies(octets);
	if (journal_close(journal, &why) != 0)
		stop(why.text);
	free(octets);
	(void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}
