/* Inside the signer: sign.c (shares and signatures), sign_fault.c (what to do about those that are
 * bad or missing). */
#ifndef DAEMON_SIGN_PRIV_H
#define DAEMON_SIGN_PRIV_H

#include "daemon/sign.h"

enum {
	SLOTS = 512,  /* batches whose signing may be under way or remembered for peers that ask */
	TRIES = 2,    /* attempts at one batch whose shares are taken: the last two */
	LAZY_MS = 4,  /* nobody waits here: others go first, while shares are missing */
	GRACE_MS = 4, /* how long the own set may lag behind the other one, when that is complete */
	WANT_FIRST_MS = 100,  /* then peers are asked for what is missing, */
	WANT_LAST_MS = 4000,  /* less and less often, until here */
	RETRY_FIRST_MS = 300, /* then new signers are asked for, doubled with each attempt */
	RETRY_LAST_MS = 4000, /* up to here: draft {#retry} */
	IGNORE_MS = 10000,    /* whose share was bad: so long nothing more of it is looked at */
};

struct set {
	struct frost_list list;
	struct frost_session session;
	bool has_session;
	bool dead;	  /* it holds a bad point: nobody signs */
	uint16_t have;	  /* bit i: share of list.entry[i], */
	uint16_t refused; /* which has sent a bad one: no second try */
	struct frost_shares shares;
	uint8_t sig[AP_THRESHOLD_MAX][64]; /* of each share: evidence */
};

/* An attempt. */
struct
try {
	bool made;
	uint8_t attempt;
	uint8_t n_sets;
	int own; /* set that this replica is in, or -1 */
	struct set sets[MACHINE_SETS_MAX];
	uint8_t sent; /* bit i: set i has a share of ours, kept for peers that ask: */
	ap_share_body share[MACHINE_SETS_MAX];
};

enum state { FREE, EARLY, SIGNING, DONE };

struct slot {
	uint64_t seq;
	enum state state;
	enum frost_kind kind;
	struct ap_statement statement;
	ap_half digest;		    /* of the statement */
	struct try tries[TRIES];    /* at attempt modulo TRIES */
	uint64_t since_ms, want_ms; /* want_ms: next time to ask, 0: given up */
	uint64_t other_ms;	    /* another set than the own one is good enough from then on */
	uint64_t lazy_ms;	    /* shares are not added up before; 0: at once */
	uint64_t retry_ms;	    /* RETRY goes then; 0: not, or it went */
	/* before the batch, or the attempt, is executed here */
	bool has_early_sig;
	uint8_t early_sig[64];
	uint32_t early; /* bit 2 (id-1) + set */
	ap_share early_share[AP_REPLICAS_MAX][MACHINE_SETS_MAX];
};

struct sign {
	struct sign_conf conf;
	uint64_t executed;		     /* highest */
	uint64_t now_ms;		     /* as told last */
	uint64_t ahead;			     /* sequence for which points were checked ahead */
	uint64_t ignore_ms[AP_REPLICAS_MAX]; /* of member id - 1: until then */
	uint16_t pointed;		     /* members whose bad point was said to the others */
	uint16_t other;			     /* members who signed another statement, said once */
	uint16_t out;			     /* members that are left out, as it was said last */
	size_t missing;			     /* slots that are SIGNING */
	uint8_t signing[SLOTS]; /* 1: that slot is SIGNING; apart from them, to be looked through at
				   each turn */
	bool touched[SLOTS];	/* slots are megabytes: one begins when it is looked at first */
	struct slot slots[SLOTS];
};

/* sign.c */
void sign_slot_state(struct sign *, struct slot *, enum state);

/* sign_fault.c */
/* The set's shares do not add up to a signature: whose fault is it? */
void sign_blame(struct sign *, const struct slot *, const struct try *, struct set *);
/* The member has ordered a bad point, which is in this set. */
void sign_badpoint(struct sign *, const struct slot *, const struct try *, struct set *,
		   uint16_t culprit);
/* When RETRY is due for an attempt taken now. */
uint64_t sign_retry_due(uint64_t now_ms, uint8_t attempt);
/* It is due: asks for new signers, if that can be. */
void sign_retry(struct sign *, struct slot *);
/* Says who is left out since it was said last. */
void sign_say_signers(struct sign *);

#endif
