/*
 * A network that makes its key, in one process: members with files, machine, signer and key
 * generation, real all of it. The test orders what they submit, batch by batch, and may change it,
 * drop it, or stop and start members.
 */
#ifndef TESTS_LIB_FORMER_H
#define TESTS_LIB_FORMER_H

#include "daemon/keygen.h"
#include "daemon/sign.h"
#include "libproto/codec.h"
#include "tests/lib/tempdir.h"

enum { FORMER_LOG_MAX = 512, FORMER_OPS_MAX = 64 };

struct former_op {
	uint8_t kind, relay;
	size_t len;
	uint8_t octets[8192];
};

struct former_member {
	struct former *all;
	uint8_t id;
	bool up;
	char dir[TEMPDIR_MAX];
	void *memory;
	struct machine *machine;
	struct index *index;
	struct frost *frost;
	struct keygen *keygen;
	struct sign *sign;
	struct machine_result result;
	uint64_t boot;
	int status; /* of its last keygen_step() or keygen_proven() */
	struct disk_error why;
};

struct former {
	uint8_t n;
	uint8_t identities[AP_REPLICAS_MAX][32];
	uint64_t now_ms;
	struct former_member member[AP_REPLICAS_MAX];
	/* submitted, not yet ordered */
	struct former_op ops[FORMER_OPS_MAX];
	size_t n_ops;
	/* the log */
	struct former_op *log[FORMER_LOG_MAX][FORMER_OPS_MAX];
	size_t log_ops[FORMER_LOG_MAX];
	uint64_t head;
	bool mute; /* shares are lost */
	struct {
		uint8_t to, from;
		ap_share_body share;
	} shares[1024];
	size_t n_shares;
	/* sees each operation before it is ordered; false: it is lost */
	bool (*change)(struct former *, struct former_op *);
};

struct former *former_new(uint8_t n);
void former_free(struct former *f);

/* Orders what is submitted, in one batch, an empty one too; who is up executes it and signs. */
void former_batch(struct former *f);
/* Batches until all who are up are in this phase or beyond; stops the test if that takes too many.
 */
void former_until(struct former *f, enum machine_phase phase);
/* A submission of the test's own, as of member relay. */
void former_submit(struct former *f, uint8_t relay, const struct ap_operation *op);
void former_submit_octets(struct former *f, uint8_t relay, uint8_t kind, const uint8_t *octets,
			  size_t len);

/* Its process ends; what it has submitted is lost if `lose`. */
void former_stop(struct former *f, uint8_t id, bool lose);
/* It starts again under the next run number, with the log as it is, and takes its step: its status.
 */
int former_start(struct former *f, uint8_t id);

/* A file of the member: false if there is none. */
bool former_has(const struct former *f, uint8_t id, const char *name);
void former_path(const struct former *f, uint8_t id, const char *name, char path[TEMPDIR_MAX + 32]);

#endif
