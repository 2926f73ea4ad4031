/*
 * What the journal holds, by type (daemon/journal.h has the container). A record carries the sequence of its
 * batch; payloads are protocol.def's encodings, so what is read back is checked like what comes from a peer.
 *
 *   PROPOSAL    pre_prepare    accepted or made; the own PREPARE with it (Ed25519 makes the same signature again)
 *   PREPARED    proposal, sig of the PRE-PREPARE, u16 who, u64 incarnation and sig for each bit: the own COMMIT
 *                         stands on it
 *   FETCHED     batch          proven committed by others
 *   CHECKPOINT  checkpoint_vote
 *   STABLE      u64 sequence, digest, u16 who, u64 incarnation and sig for each bit
 *   EXECUTED    u64 time, digest (running hash): lazy
 *   SIGNATURE   u32 epoch, sig: lazy
 *   VIEW_CHANGE view_change   the own one
 *   NEW_VIEW    new_view      made or accepted; of both the last one counts, and is written again behind each stable
 *                         checkpoint S with sequence S + 1, as STABLE is: a replay from there finds them
 */
#ifndef DAEMON_RECORDS_H
#define DAEMON_RECORDS_H

#include "daemon/pbft/pbft.h"
#include "libproto/codec.h"

enum record_type {
	RECORD_PROPOSAL = 1,
	RECORD_PREPARED,
	RECORD_FETCHED,
	RECORD_CHECKPOINT,
	RECORD_STABLE,
	RECORD_EXECUTED,
	RECORD_SIGNATURE,
	RECORD_VIEW_CHANGE,
	RECORD_NEW_VIEW,
};

/* journal_options.indexed: what is read back by sequence */
#define RECORD_INDEXED (1ull << RECORD_PROPOSAL | 1ull << RECORD_FETCHED | 1ull << RECORD_EXECUTED)

enum { RECORD_CERTIFICATE_MAX = 8 + AP_MAX_proposal + 64 + 2 + AP_REPLICAS_MAX * (8 + 64) };

void record_proposal_of(ap_proposal *out, const struct pbft_slot_view *slot, uint8_t replica);

/* All return the octets written. */
size_t record_prepared(uint8_t out[RECORD_CERTIFICATE_MAX], const struct pbft_slot_view *slot);
size_t record_stable(uint8_t out[RECORD_CERTIFICATE_MAX], uint64_t seq, const uint8_t state[32], uint16_t who, const uint64_t *incarnation,
		     const uint8_t (*sig)[64]);

/* And back: false if the octets are no such record. */
bool record_prepared_parse(const uint8_t *octets, size_t len, ap_proposal *p, struct pbft_certificate *cert);
struct record_stable {
	uint64_t seq;
	uint8_t state[32];
	uint16_t who;
	uint64_t incarnation[AP_REPLICAS_MAX];
	uint8_t sig[AP_REPLICAS_MAX][64];
};
bool record_stable_parse(const uint8_t *octets, size_t len, struct record_stable *out);

#endif
