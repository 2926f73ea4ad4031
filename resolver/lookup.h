/*
 * DNS lookups through c-ares, one channel for one discovery: a fresh one has fresh source ports,
 * and reads resolv.conf as it is now. draft {#discovery}
 */
#ifndef STUB_LOOKUP_H
#define STUB_LOOKUP_H

#include "libproto/name.h"
#include "resolver/address.h"
#include "resolver/io.h"
#include "resolver/jar.h"

enum { STUB_SERVERS_MAX = 8, STUB_LOOKUP_SOCKETS_MAX = 64 };

struct stub_lookup;

/* An answer, or why there is none: AGREE_ERESOLVER, AGREE_ENOMEM. Called inside any function here
 * but _new and _free; the lookup must be there when it returns. */
typedef void stub_lookup_fn(void *arg, unsigned tag, int error, const void *wire, size_t len);
/* Answers may have come. Called by stub_io_poll(), stub_io_ready(). */
typedef void stub_progress_fn(void *arg);

struct stub_lookup_conf {
	const struct stub_address *servers; /* none: those of resolv.conf */
	size_t n_servers;
	uint32_t time_ms; /* for each try */
	int tries;
	struct stub_io *io;
	stub_random_fn *random;
	stub_lookup_fn *answer;
	stub_progress_fn *progress;
	void *arg;
};

/* 0, AGREE_ENOMEM, AGREE_ERESOLVER (c-ares cannot begin). */
int stub_lookup_new(struct stub_lookup **lookup, const struct stub_lookup_conf *conf);
/* No answers come any more. Not inside the answer function. */
void stub_lookup_free(struct stub_lookup *lookup);

void stub_lookup_ask(struct stub_lookup *lookup, const struct ap_name *name, uint16_t type,
		     unsigned tag);

/* When to call stub_lookup_expire(); UINT64_MAX: nothing is in flight. */
uint64_t stub_lookup_deadline(const struct stub_lookup *lookup, uint64_t now_ms);
void stub_lookup_expire(struct stub_lookup *lookup);

#endif
