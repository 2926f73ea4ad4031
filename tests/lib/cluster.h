/*
 * Whole replicas, as many as a network has, in one process and one event loop: real links, journals
 * and stores, on loopback. The test runs the loop until something holds.
 */
#ifndef TESTS_LIB_CLUSTER_H
#define TESTS_LIB_CLUSTER_H

#include "daemon/run_priv.h"
#include "tests/lib/dnsask.h"
#include "tests/lib/tempdir.h"

enum { CLUSTER_N = 4 };

struct cluster {
	char dir[TEMPDIR_MAX];
	struct event_base *base;
	struct netfile net;
	uint8_t seeds[CLUSTER_N][32];
	struct conf conf[CLUSTER_N];
	char data[CLUSTER_N][TEMPDIR_MAX + 16];
	struct run *run[CLUSTER_N]; /* NULL: stopped */
};

/* Members with keys and free ports; nothing runs yet. */
struct cluster *cluster_new(void);
/* Formed: all four are up, live, and have published the key. */
struct cluster *cluster_live(void);
void cluster_free(struct cluster *c);

/* Of replica i, 0 to 3. cluster_try: 0, or an error and the sentence in why. */
int cluster_try(struct cluster *c, unsigned i, char why[512]);
void cluster_start(struct cluster *c, unsigned i);
void cluster_stop(struct cluster *c, unsigned i);
/* As SIGKILL: what the files are at this moment is what it starts from the next time. */
void cluster_kill(struct cluster *c, unsigned i);

/* Runs the loop until `holds`; stops the test if that takes too long or a replica fails. */
void cluster_until(struct cluster *c, bool (*holds)(struct cluster *, void *), void *arg);
/* Until all that are up have executed the same batches, and nothing is under way. */
void cluster_settle(struct cluster *c);

/* Asks replica i over UDP, again and again, until it answers with no SERVFAIL; the reply lives
 * until the next call. */
const struct ap_dns *cluster_ask(struct cluster *c, unsigned i, const uint8_t *wire, size_t len);
/* Proposes, and gets the proven record. */
const ap_agree *cluster_propose(struct cluster *c, unsigned i,
				const struct dnsask_instance *instance, const char *value);
/* Reads it; the record is proven. */
const ap_agree *cluster_get(struct cluster *c, unsigned i, const struct dnsask_instance *instance);

const uint8_t *cluster_key(const struct cluster *c);
/* An open instance that ends in ten minutes. */
void cluster_instance(const struct cluster *c, struct dnsask_instance *out, const char *label);
/* All that are up have this state; stops the test if they differ. */
void cluster_state(const struct cluster *c, uint8_t digest[32]);

#endif
