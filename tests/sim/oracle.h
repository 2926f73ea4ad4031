/*
 * What must never happen, looked for at every step of a run (S1 to S18), and what must
 * happen in its second phase (L1 to L8). The oracle sees every frame, write and execution.
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "libproto/codec.h"
#include "tests/sim/sim.h"

struct pbft_event;

/* What was known of the network when a client began to ask. */
struct oracle_asked {
	uint64_t sequence; /* highest that a client had an answer of */
	uint64_t at_us;
};

void oracle_init(void);
void oracle_clear(void);
void oracle_started(struct node *n);
void oracle_forgets(struct node *n); /* it no longer knows what it voted for */
void oracle_ended(struct node *n);
/* A replica says this to those in `to`; before a faulty one's lies. */
void oracle_frame(struct node *n, uint16_t to, const struct blob *b);
void oracle_asks(struct oracle_asked *asked);
/* A client believes this record: S7, S10, S11, S13. */
void oracle_answer(unsigned client, const uint8_t id[AP_ID_LEN], const struct ap_agree *agree,
		   const struct oracle_asked *asked);
/* A correct replica names a member whose signature share is bad. */
void oracle_blamed(uint8_t id);
/* The group key; NULL: none yet. */
const uint8_t *oracle_key(void);
/* Every correct replica's machine is live, and the key is tried out. */
bool oracle_formed(void);
/* The core alone can do what the second phase demands. */
bool oracle_can_live(void);
/* Second phase: NULL once all that it demands is reached, else what is missing. */
const char *oracle_missing(void);
/* Everything is reached, and nothing is asked any more: from here on nobody leaves the view of a
 * correct primary. Gives how long that is watched, in ms; 0: it is not the view of one. */
bool oracle_is_watching(void); /* somebody waits for a bundle of others: not yet */
uint64_t oracle_calm_begin(void);
void oracle_calm(void);
/* The end of a run that was good so far. */
void oracle_end(void);
uint64_t oracle_batches(void);
const uint8_t *oracle_running(uint64_t seq); /* of the log */

/* In oracle_log.c: before the core takes a transferred state. */
void oracle_transferred(struct node *n, const struct pbft_event *ev);
void oracle_lost(struct node *n);

#endif
