/* Between the files of the oracle. */
#ifndef SIM_ORACLE_INNER_H
#define SIM_ORACLE_INNER_H

#include "daemon/run_priv.h"
#include "libproto/outcome.h"
#include "tests/lib/map.h"
#include "tests/sim/oracle.h"

struct truth { /* of a sequence: as executed first by a correct replica */
	uint8_t batch[32], running[32], root[32], state[32];
	uint64_t time_ms, result; /* hash over all that follows from it */
	uint64_t view;		  /* it was committed in, or below it */
	uint16_t leaves;
	bool has_state;
	bool can_sign;		    /* a set of correct members, in time, is to sign it */
	uint64_t first_us, late_us; /* executed by the first correct one; by all of the core */
	uint16_t core;		    /* those of it that have: bit of identifier - 1 */
	uint8_t attempts;	    /* made before only signers were at fault; 0: not known yet */
};

struct seen {		   /* of a node */
	uint64_t executed; /* by the machine of this run */
	uint64_t stable, view;
};

struct final { /* of an instance, by the number in `finals` */
	uint8_t id[AP_ID_LEN];
	uint8_t status, reason;
	uint64_t sequence, time, value;
};

struct model;

struct oracle {
	struct truth *log; /* [seq] */
	size_t n_log, size_log;
	uint64_t calm_view; /* nobody is to leave it: oracle_calm_begin() */
	struct seen seen[SIM_NODES];
	struct map votes;    /* (replica, phase, view, seq): digest: S2 */
	struct map prepared; /* (view, seq): digest: S4 */
	struct map bundles;  /* (relay, start, counter): digest, of correct relays: S18 */
	struct map executed; /* (relay, start, counter): S18 */
	struct map nonces;   /* (replica, boot, counter): S12 */
	struct map taken;    /* (replica, boot, counter): in a signer set */
	struct map finals;   /* id: number in final */
	struct final *final;
	size_t n_final, size_final;
	struct model *model;
	uint8_t key[32];
	bool has_key, is_live, has_proof;
	uint64_t answered; /* highest sequence that a client has an answer of */
	uint64_t incarnation[AP_REPLICAS_MAX + 1]; /* as executed furthest */
	struct {
		bool is;
		uint64_t incarnation; /* when it forgot */
	} forgot[AP_REPLICAS_MAX + 1];
	uint64_t left_incarnation[AP_REPLICAS_MAX + 1];
	uint64_t left[AP_REPLICAS_MAX + 1]; /* view that a replica has said VIEW-CHANGE for */
	uint64_t healed_view;
	uint64_t named[AP_REPLICAS_MAX + 1]; /* sequence at which a correct replica reported it */
};

struct oracle *oracle(void);
unsigned
oracle_count(uint16_t who); /* bits: the oracle does not count with the code that it looks at */
struct map_key oracle_map_key(uint64_t a, uint64_t b, uint64_t c, uint64_t d);
struct truth *oracle_truth(uint64_t seq);

/* oracle_vote.c: S2, S3, S4, S15 */
void oracle_step(struct node *n, const struct pbft *p, const struct pbft_event *ev,
		 const struct pbft_update *u);
/* oracle_view.c: S2, S3, S5, S17 */
void oracle_view_frame(struct node *n, const struct blob *b);
void oracle_view_vote(const struct node *n, uint64_t view);
/* S17: may it vote at all? */
void oracle_may_vote(const struct node *n);
void oracle_view_step(const struct node *n, const struct pbft_event *ev,
		      const struct pbft_effect *e);
/* oracle_log.c: S1, S6, S7, S9, S18 */
void oracle_applied(struct node *n, const struct machine *m, const struct machine_batch *batch,
		    const struct machine_result *result, bool was_live);

/* oracle_sign.c: S12, L3: the first execution of a batch */
void oracle_signer_executes(const struct node *n, uint64_t seq);
void oracle_signers(const struct node *n, const struct machine *m,
		    const struct machine_batch *batch, const struct machine_result *r);

/* oracle_model.c: S8 */
struct model *model_new(void);
void model_free(struct model *m);
/* The first execution of a batch: what has to come out of it. */
void model_apply(struct model *model, const struct machine *m, const struct machine_batch *batch,
		 const struct machine_result *result, bool was_live);

#endif
