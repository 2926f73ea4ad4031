/*
 * From a domain to replicas and what their TXT record says: which lookups to make, and what the
 * answers mean. No sockets. draft {#discovery}
 *
 *	stub_discover_init(&d, &conf);
 *	while (stub_discover_next(&d, &name, &type, &tag))  look it up, all at once
 *	stub_discover_answer(&d, tag, ...)                  for each: then there may be next ones
 *	when stub_discover_is_over(&d):                     stub_discover_status(&d), targets, txt
 */
#ifndef STUB_DISCOVER_H
#define STUB_DISCOVER_H

#include "libproto/dns.h"
#include "libproto/name.h"
#include "resolver/address.h"
#include "resolver/jar.h"

enum {
	STUB_TARGETS_MAX =
		16, /* more than a network has replicas; SRV records beyond are ignored */
	STUB_TARGET_ADDRESSES_MAX = 4,
	STUB_LOOKUPS_MAX = 3 + 2 * STUB_TARGETS_MAX,
};

/* ---- SRV: RFC 2782 ---- */

struct stub_target {
	struct ap_srv srv;
	struct stub_address addresses[STUB_TARGET_ADDRESSES_MAX];
	size_t n_addresses;
};

/* Into the order in which to ask: 0, or AGREE_EINTERNAL (no random octets, 4 for each choice). */
int stub_targets_order(struct stub_target *targets, size_t n, stub_random_fn *random);

/* ---- TXT ---- */

struct stub_txt {
	uint8_t key[32];
	bool has_key;
	bool authenticated; /* by a resolver that is trusted for that */
	bool has_n, has_f, has_e, has_r;
	uint64_t n, f, e, r; /* they inform; nothing secure depends on them */
};

enum { STUB_TXT_OTHER = 0, STUB_TXT_OURS = 1 };
/* Reads one record: STUB_TXT_OTHER if it does not begin with v=agree1; AGREE_ETXT if it does, and
 * has no good key. */
int stub_txt_parse(struct stub_txt *txt, ap_bytes rdata);

/* ---- all of it ---- */

struct stub_discover_conf {
	struct ap_name domain;
	bool txt_only;	  /* the replica is known already */
	bool trusts_ad;	  /* the resolver's AD bit is believed */
	uint8_t families; /* STUB_V4, STUB_V6 */
	stub_random_fn *random;
};
enum { STUB_V4 = 1, STUB_V6 = 2 };

struct stub_lookup_row {
	struct ap_name name;
	uint16_t type;
	int16_t target; /* whose address it is; -1 */
	bool asked, answered;
	int error; /* why there is no good answer: AGREE_ERESOLVER, AGREE_ENOMEM */
};

struct stub_srv_set {
	struct stub_target targets[STUB_TARGETS_MAX];
	size_t n;
};

/* The fields are discover.c's own; others read targets, txt. */
struct stub_discover {
	struct stub_discover_conf conf;
	struct stub_lookup_row rows[STUB_LOOKUPS_MAX];
	size_t n_rows;
	struct stub_srv_set udp, tcp;
	struct stub_srv_set *chosen; /* of these two; NULL as yet */
	bool tcp_only;		     /* there are SRV records for TCP alone */
	struct stub_txt txt;
	unsigned n_txt; /* records that begin with v=agree1 */
	int txt_error;	/* of the only one */
	int error;	/* AGREE_EINTERNAL: no random octets */
};

/* AGREE_EDOMAIN: too long for _agree._udp below it. */
int stub_discover_init(struct stub_discover *d, const struct stub_discover_conf *conf);

/* The next lookup to make, if there is one now. The tag comes back with its answer. */
bool stub_discover_next(struct stub_discover *d, const struct ap_name **name, uint16_t *type,
			unsigned *tag);
/* error: 0, and then the octets are a DNS message; or why there is none. */
void stub_discover_answer(struct stub_discover *d, unsigned tag, int error, const void *wire,
			  size_t len);
/* No lookup is to be made or waited for. */
bool stub_discover_is_over(const struct stub_discover *d);

/* Of the replicas: 0; AGREE_ENONETWORK, AGREE_ERESOLVER, AGREE_ENOMEM, AGREE_EINTERNAL. Always 0
 * with txt_only. */
int stub_discover_status(const struct stub_discover *d);
/* Of the TXT record: 0; AGREE_ENONETWORK: none; AGREE_ETXT: several, or a bad one;
 * AGREE_ERESOLVER, AGREE_ENOMEM. */
int stub_discover_txt_status(const struct stub_discover *d);

const struct stub_target *stub_discover_targets(const struct stub_discover *d, size_t *n);

#endif
