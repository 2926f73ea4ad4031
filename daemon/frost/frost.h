/* frost.h: the signer. The only holder of this replica's key share and nonces.
 *
 * It takes fields and fixed-size arrays, never octets from a network, and lays out what it signs
 * itself, so it is no oracle for other texts. One `struct frost` serves one epoch of one member.
 * Not for several threads. draft {#signing}
 *
 * The life of a nonce: frost_commit() makes it (FRESH) and gives its commitments away, to be
 * ordered; frost_sign() copies it, wipes its slot (SPENT) and only then computes, whether that
 * succeeds or not. A share once made is kept by the caller and sent again from there: no nonce ever
 * computes twice. Nothing here is ever written anywhere. */
#ifndef FROST_FROST_H
#define FROST_FROST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/frost/errors.h"
#include "daemon/frost/group.h"
#include "daemon/frost/round.h"
#include "libproto/statement.h"

#define FROST_COMMIT_MAX AP_NONCES_MAX /* pairs in one NONCES */
#define FROST_POOL_MAX	 256	       /* fresh pairs held */
#define FROST_WINDOW	 1024	       /* sequences whose statement is remembered */

/* What everybody knows of an epoch's key. */
struct frost_group {
	uint32_t epoch;
	uint32_t n;				 /* members, 1..13 */
	uint32_t t;				 /* threshold, 1..5, at most n */
	uint16_t id[FROST_MEMBERS_MAX];		 /* ascending, never 0 */
	uint8_t key[32];			 /* PK: the network id */
	uint8_t verifier[FROST_MEMBERS_MAX][32]; /* Y_i, in the order of id */
};

/* One member's key: secret. Whoever fills one wipes it, frost_key_wipe(). */
struct frost_key {
	struct frost_group group;
	uint16_t id;
	uint8_t share[32]; /* s_i */
};

/* Counts within limits, identifiers ascending, all points valid, and Y_1..Y_t interpolate to PK.
 * 0, FROST_ELIMIT, FROST_EORDER, FROST_EPOINT, FROST_EKEY. */
int frost_group_check(const struct frost_group *group);

/* Index of `id` in group->id, or -1. */
int frost_group_find(const struct frost_group *group, uint16_t id);

/* The group is sound, id is in it, and the share fits its Y_i. As above, also FROST_EMEMBER,
 * FROST_ESCALAR, FROST_EKEY. */
int frost_key_check(const struct frost_key *key);
void frost_key_wipe(struct frost_key *key);

/* A key as octets, for a file of its own: version, epoch, identifiers, share, public keys,
 * checksum. Returns the size. The octets hold the share: the caller wipes them. frost_key_get()
 * takes exactly what frost_key_put() gives, checks all of it, and leaves `key` wiped on failure: 0,
 * FROST_EFORMAT, FROST_EVERSION, FROST_ECHECKSUM or an error of frost_key_check(). */
#define FROST_KEY_MAX 576
size_t frost_key_put(uint8_t out[FROST_KEY_MAX], const struct frost_key *key);
int frost_key_get(struct frost_key *key, const uint8_t *octets, size_t size);

struct frost;

/* Memory for a signer, without a key: a private mapping, undumpable, zero in a forked child.
 * `random` is copied; NULL means the system's. 0, FROST_ESODIUM, FROST_ECANARY, FROST_EMEMORY. */
int frost_new(struct frost **out, const struct frost_random *random);
void frost_free(struct frost *f); /* wipes; NULL is fine */

/* False if the memory could not be locked (RLIMIT_MEMLOCK), so could be swapped out: worth a line
 * in the log. */
bool frost_is_locked(const struct frost *f);

/* Copies the key and begins run number `boot`, at least 1, with an empty pool. The caller has the
 * number on disk already. 0, an error of frost_key_check(), FROST_EBOOT (this signer has had a key
 * under this run number or a larger one), FROST_EEPOCH (it has had one of a later epoch). */
int frost_load(struct frost *f, const struct frost_key *key, uint64_t boot);

/* The group alone, without a share: signatures are verified and shares added up, nothing is signed
 * (FROST_ENOKEY). 0, an error of frost_group_check(), FROST_EBOOT, FROST_EEPOCH. */
int frost_watch(struct frost *f, const struct frost_group *group, uint64_t boot);

/* The public part of what is loaded; NULL without a key. Borrowed, valid until load or free. */
const struct frost_group *frost_public(const struct frost *f);
uint16_t frost_id(const struct frost *f);   /* 0 without a key, or with the group alone */
uint64_t frost_boot(const struct frost *f); /* 0 without a key */

/* Wipes all nonces and goes on under a larger run number: after any suspicion of a clone, a resume,
 * a fork. 0, FROST_ENOKEY, FROST_EBOOT. Statements stay remembered. */
int frost_reboot(struct frost *f, uint64_t boot);

/* Wipes the key and all nonces. Statements stay remembered. */
void frost_wipe(struct frost *f);

/* What goes into NONCES. Counters run from 0 in every run. */
struct frost_nonces {
	uint64_t boot;
	uint64_t first; /* counter of the first pair */
	uint32_t count;
	struct frost_commitment pair[FROST_COMMIT_MAX];
};

/* Makes `count` fresh pairs, 1..64. 0, FROST_ENOKEY, FROST_ELIMIT, FROST_EFULL (none is made). */
int frost_commit(struct frost *f, uint32_t count, struct frost_nonces *out);

/* Fresh pairs held, and how many more frost_commit() would take now. */
uint32_t frost_held(const struct frost *f);
uint32_t frost_room(const struct frost *f);

/* Wipes the slots of this run with a counter below `ctr`: the pool has moved past them. To be
 * called when the replicated pool has popped an own entry that is not signed with, and after a
 * transfer of state. */
void frost_wipe_behind(struct frost *f, uint64_t ctr);

/* Checks a peer's D ahead of time, while idle, and remembers that it is good, so that frost_sign()
 * need not. 0, FROST_EPOINT, FROST_ENOKEY. */
int frost_precheck(struct frost *f, const uint8_t hiding[32]);

enum frost_kind {
	FROST_BATCH = 1,
	FROST_TRIAL,
};

/* Signs. `statement` is computed by this replica from the batch that it executed; `list` is the
 * signer set's commitments as ordered; (boot, ctr) name the own entry. On success `z` is this
 * replica's share and `s` what frost_aggregate() needs.
 *
 * Nothing is touched on FROST_ENOKEY, _EKIND, _ELISTEPOCH, _ECOUNT, _EORDER, _EFOREIGN, _EABSENT,
 * _EEPOCH, _EWINDOW, _ESECOND, _ENOSLOT, _ESPENT, _EMISMATCH. The slot is spent on success and on
 * FROST_EPOINT (s->culprit has published a bad point: BLAME), _EIDENTITY. */
int frost_sign(struct frost *f, enum frost_kind kind, const struct ap_statement *statement,
	       const struct frost_list *list, uint64_t boot, uint64_t ctr, struct frost_session *s,
	       uint8_t z[32]);

/* What follows needs no secret. */

/* The session of a set that one is not in. Checks the list as frost_sign() does. */
int frost_session_make(struct frost_session *s, const struct frost_group *group,
		       enum frost_kind kind, const struct ap_statement *statement,
		       const struct frost_list *list);

/* The shares of a set, in the order of its session's identifiers. */
struct frost_shares {
	uint8_t z[FROST_THRESHOLD_MAX][32];
};

/* Adds the shares up to a signature and verifies it, fast if `f` has loaded the session's group;
 * NULL is fine. 0, FROST_ESCALAR (culprit), FROST_ESIGNATURE: now check the shares one by one. */
int frost_aggregate(const struct frost *f, struct frost_session *s,
		    const struct frost_shares *shares, uint8_t signature[64]);

/* One share against its owner's commitments and Y. 0, FROST_ESCALAR, FROST_ESHARE, FROST_ELIMIT (no
 * such index), FROST_EMEMBER; sets s->culprit. */
int frost_share_check(struct frost_session *s, const struct frost_group *group, uint32_t index,
		      const uint8_t z[32]);

/* All shares: bit i of the result is set if the share at index i is bad. */
uint32_t frost_culprits(struct frost_session *s, const struct frost_group *group,
			const struct frost_shares *shares);

/* 0, FROST_EKIND, FROST_ESIGNATURE. */
int frost_verify(const uint8_t key[32], enum frost_kind kind, const struct ap_statement *statement,
		 const uint8_t signature[64]);

/* The same with the key of the group loaded, and fast. Also FROST_ENOKEY. */
int frost_verify_own(const struct frost *f, enum frost_kind kind,
		     const struct ap_statement *statement, const uint8_t signature[64]);

#endif
