/*
 * A network of four from its network file to a forgotten instance: identities, key generation,
 * signers, the machine, and batches executed by it. In one process, without links and disks; all
 * random octets come from a fixed seed.
 */
#ifndef TESTS_VECTORS_LIFE_H
#define TESTS_VECTORS_LIFE_H

#include "daemon/frost/dkg.h"
#include "daemon/frost/frost.h"
#include "daemon/machine/machine.h"
#include "daemon/netfile.h"
#include "libproto/codec.h"
#include "libproto/crypto.h"
#include "libproto/statement.h"

enum { LIFE_N = 4, LIFE_T = 2, LIFE_BUNDLES_MAX = 8, LIFE_OPS_MAX = 8192, LIFE_START = 1 };

struct life_bundle {
	uint8_t relay;
	uint64_t counter;
	uint8_t ops[LIFE_OPS_MAX];
	struct ap_writer w; /* into ops */
	uint8_t digest[32], sig[64];
};

struct life_batch {
	uint64_t seq, time_ms;
	size_t n_bundles;
	struct life_bundle bundles[LIFE_BUNDLES_MAX];
	uint8_t octets[LIFE_BUNDLES_MAX * (LIFE_OPS_MAX + 128)]; /* layout `batch` */
	size_t len;
	uint8_t digest[32];
};

/* What one signer set made of a batch. */
struct life_set {
	struct frost_shares shares;
	uint8_t sig[64];
};

struct life {
	char text[NETFILE_OCTETS_MAX];
	struct netfile net;
	uint8_t seeds[LIFE_N][32];
	struct ap_sign_key identity[LIFE_N];
	uint64_t random; /* counter of the generator */

	struct dkg_run run;
	uint8_t ek[LIFE_N][32];
	struct dkg_deal deals[LIFE_N];
	struct frost_key keys[LIFE_N];
	struct frost *signer[LIFE_N];

	void *memory;
	struct machine *machine;
	struct machine_result result;
	uint64_t counter[LIFE_N];

	struct life_batch batch;
	/* of the batch last executed, if it is signed; or of that which it retries */
	struct ap_statement statement;
	uint8_t statement_octets[AP_STATEMENT_MAX];
	size_t statement_len;
	struct life_set sets[MACHINE_SETS_MAX];
	struct machine_retry retried; /* the last one */

	size_t n_finals; /* the machine's store */
	struct machine_final finals[16];
	uint8_t values[16][AP_VALUE_MAX];
};

/* Network file, identities, an empty machine. */
void life_new(struct life *l);
void life_free(struct life *l);

/* A batch is begun, gets bundles, each bundle operations; then it is executed and, where due,
 * signed. */
void life_begin(struct life *l, uint64_t time_ms);
void life_bundle(struct life *l, uint8_t relay);
void life_op(struct life *l, uint8_t kind, ap_bytes body);
void life_run(struct life *l);

/* The operations of member id in key generation, and its first NONCES of `count` pairs. */
void life_op_enckey(struct life *l, uint8_t id);
void life_op_deal(struct life *l, uint8_t id);
void life_op_ready(struct life *l, uint8_t id);
void life_op_nonces(struct life *l, uint8_t id, uint32_t count);

/* RETRY for the next attempt at batch seq. */
void life_op_retry(struct life *l, uint64_t seq, uint8_t attempt, uint16_t missing);
/* Evidence of what the batch last executed retries: the first member's share in its first set, one
 * bit of it other than it was, as its owner would sign it; or, with good points, against that
 * member for its points. */
void life_op_blame(struct life *l);
void life_op_badpoint(struct life *l);

/* Signs an encoded layout as identity keys do: T(tag) ‖ genesis ‖ octets. */
void life_sign(struct life *l, uint8_t id, const char *tag, ap_bytes octets, uint8_t sig[64]);

#endif
