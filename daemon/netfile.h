/*
 * The network file: what all members of a network share, and agree on before anything else. Its
 * octets are canonical (printing what was parsed gives them again), so that its SHA-256, the
 *genesis id, stands for it. draft {#network-file}
 *
 *	agree-network: 1
 *	domain: example.test
 *	nonce: <64 hex digits>
 *	retention: 604800
 *	horizon: 2678400
 *	capacity: 1000000
 *	outage-bound: 2592000
 *	clock-bound: 10
 *	member: NAME KEY ADDRESS#PORT ADDRESS#PORT
 *
 * One line a member, 4 to 13 of them, in the order of their identifiers. LF ends every line;
 *nothing else is in the file.
 */
#ifndef DAEMON_NETFILE_H
#define DAEMON_NETFILE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/addr.h"
#include "libproto/limits.h"
#include "libproto/name.h"

#define NETFILE_MEMBERS_MIN 4
#define NETFILE_NAME_MAX    32	 /* characters of a member's name: one label, never an instance's */
#define NETFILE_OCTETS_MAX  4096 /* of the file */
#define NETFILE_WHY_MAX	    512	 /* octets of a sentence about what is wrong: room for `why` */

struct netfile_member {
	char name[NETFILE_NAME_MAX + 1]; /* letters, digits, hyphens; lower case */
	uint8_t key[32];		 /* identity, Ed25519 public key */
	struct addr client;		 /* where clients ask: UDP and TCP */
	struct addr link;		 /* where other replicas dial */
};

struct netfile {
	char domain[AP_NAME_TEXT]; /* lower case, without the last dot */
	struct ap_name zone;	   /* the same as a wire name */
	uint8_t nonce[32];
	uint64_t retention_s;
	uint64_t horizon_s;
	uint64_t capacity;	 /* instances */
	uint64_t outage_bound_s; /* how long the network may have stood still */
	uint64_t clock_bound_s;	 /* how far apart clocks may be */
	uint8_t n;		 /* members: 3f+1 */
	uint8_t f;
	struct netfile_member members[AP_REPLICAS_MAX]; /* members[id - 1] */
	uint8_t genesis[32];				/* SHA-256 of the canonical octets */
};

/*
 * From octets; `path` is only for the sentence. 0, or AGREE_EUSAGE and why says `path:line: what is
 * wrong: what to do`. Checks every field, netfile_check(), and that the octets are canonical.
 */
int netfile_parse(struct netfile *net, const char *path, const char *octets, size_t len,
		  struct ap_text *why);
/* From a file: also AGREE_EFILE. */
int netfile_load(struct netfile *net, const char *path, struct ap_text *why);

/* The canonical octets; at most NETFILE_OCTETS_MAX. genesis is not looked at. */
void netfile_show(struct ap_text *t, const struct netfile *net);
/* Fills f and genesis from the rest. */
void netfile_finish(struct netfile *net);

/*
 * What holds between the fields: n = 3f+1 within bounds; names, keys and addresses all different;
 * horizon and retention within what a replica can count. NULL, or why not; *member is the member
 * that it is about, or 0.
 */
const char *netfile_check(const struct netfile *net, unsigned *member);

/* One parameter by its key in the file ("retention"), with its bounds: 0, or AGREE_EUSAGE and why.
 */
int netfile_set(struct netfile *net, const char *key, uint64_t value, struct ap_text *why);
/* Defaults of the five parameters. */
void netfile_defaults(struct netfile *net);
/* "domain:", from text in any letter case. 0, or AGREE_EDOMAIN and why. */
int netfile_set_domain(struct netfile *net, const char *text, struct ap_text *why);
/* Is it a member's name? NULL, or why not. */
const char *netfile_name_check(const char *name);

/* A member's identifier (1 to n), or 0. */
uint8_t netfile_find_key(const struct netfile *net, const uint8_t key[32]);

#endif
