/* records.json: RDATA of PROPOSE and AGREE. */
#include <string.h>

#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
#include "tests/vectors/json.h"
#include "tests/vectors/make.h"
#include "tests/vectors/sample.h"

static void propose_show(struct json *j, const char *what, enum sample_instance which,
			 ap_propose *propose, bool bare)
{
	uint8_t descriptor[AP_MAX_descriptor], octets[2048], id[AP_ID_LEN];
	struct ap_writer w;
	ap_descriptor d;

	sample_descriptor(&d, which);
	sample_id(id, which);
	propose->version = AP_PROPOSE_VERSION;
	if (!bare)
		propose->descriptor = sample_encode(descriptor, sizeof(descriptor), &d);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_propose_put(&w, propose);
	MUST(w.bad == NULL);
	json_object(j, NULL);
	json_text(j, "what", what);
	json_text(j, "type", "PROPOSE");
	json_hex(j, "id", id, sizeof(id));
	json_number(j, "verb", propose->verb);
	json_hex(j, "nonce", propose->nonce.octets, sizeof(propose->nonce.octets));
	json_number(j, "party", propose->party);
	json_bytes(j, "value", propose->value);
	json_number(j, "credential", propose->credential.kind);
	json_bytes(j, "rdata", ap_writer_bytes(&w));
	json_end(j);
}

static ap_propose open_propose(uint8_t verb, ap_value value)
{
	ap_propose propose;

	memset(&propose, 0, sizeof(propose));
	propose.verb = verb;
	propose.party = AP_PARTY_NONE;
	propose.value = value;
	memset(propose.nonce.octets, 0xa5, sizeof(propose.nonce.octets));
	return propose;
}

static void proposals(struct json *j)
{
	ap_propose propose = open_propose(AP_VERB_APPROVE, BYTES("host-a"));
	uint8_t octets[AP_VOTE_MAX], seed[32], id[AP_ID_LEN];
	struct ap_sign_key key;
	size_t len;

	propose_show(j, "an open instance", SAMPLE_OPEN, &propose, false);
	propose = open_propose(AP_VERB_OBSERVE, (ap_bytes){NULL, 0});
	propose_show(j, "an observe", SAMPLE_OPEN, &propose, false);
	propose = open_propose(AP_VERB_APPROVE, BYTES("yes"));
	propose.party = 1;
	propose.credential.kind = AP_CREDENTIAL_SIGNATURE;
	sample_id(id, SAMPLE_BOARD);
	sample_party_seed(seed, 1);
	MUST(ap_sign_key_init(&key, seed) == 0);
	len = ap_vote_put(octets, AP_VERB_APPROVE, id, &propose.value);
	MUST(ap_sign(&key, propose.credential.octets, octets, len) == 0);
	ap_sign_key_clear(&key);
	propose_show(j, "a party that signs", SAMPLE_BOARD, &propose, false);
	propose = open_propose(AP_VERB_APPROVE, BYTES("moved"));
	propose.party = 0;
	propose.credential.kind = AP_CREDENTIAL_SECRET;
	sample_secret(propose.credential.octets, 0, true);
	propose_show(j, "a party that reveals its secret", SAMPLE_HANDOVER, &propose, false);
	propose.descriptor = (ap_bytes){NULL, 0};
	propose_show(j, "the same by the id alone", SAMPLE_HANDOVER, &propose, true);
	propose = open_propose(AP_VERB_VETO, (ap_bytes){NULL, 0});
	propose.party = 1;
	propose.credential.kind = AP_CREDENTIAL_SECRET;
	sample_secret(propose.credential.octets, 1, false);
	propose_show(j, "a veto", SAMPLE_HANDOVER, &propose, false);
}

/* One outcome of every kind, each alone in a batch. */
struct row {
	const char *what;
	enum sample_instance which;
	ap_outcome o;
	uint64_t time_ms; /* of the signing batch */
};

static void agree_show(struct json *j, const struct row *row)
{
	static struct sample_batch b;
	uint8_t octets[AP_MAX_agree];
	struct ap_verify_key verifier;
	struct ap_sign_key key;
	ap_agree agree;

	sample_batch(&b, 1);
	sample_id(b.ids[0], row->which);
	b.outcomes[0] = row->o;
	b.statement.time_ms = row->time_ms;
	MUST(ap_outcome_leaf(ap_sha256, b.nodes, b.ids[0], &b.outcomes[0]));
	memcpy(b.statement.root, b.nodes, 32);
	ap_statement_batch_put(b.octets, &b.statement);
	sample_key(&key);
	MUST(ap_sign(&key, b.sig, b.octets, sizeof(b.octets)) == 0);
	MUST(ap_verify_key_init(&verifier, key.public_key) == 0);
	agree = sample_agree(&b, 0);
	MUST(ap_proof_check(&verifier, b.ids[0], &agree, NULL) == 0);
	json_object(j, NULL);
	json_text(j, "what", row->what);
	json_text(j, "type", "AGREE");
	json_hex(j, "network", key.public_key, 32);
	json_hex(j, "id", b.ids[0], AP_ID_LEN);
	json_text(j, "status", ap_status_name(row->o.status));
	json_text(j, "reason", ap_reason_name(row->o.reason));
	json_bytes(j, "value", row->o.value);
	json_number(j, "sequence", row->o.sequence);
	json_number(j, "time", row->o.time);
	json_hex(j, "statement", b.octets, sizeof(b.octets));
	json_bytes(j, "rdata", sample_rdata(octets, &agree));
	json_end(j);
	ap_sign_key_clear(&key);
	ap_verify_key_clear(&verifier);
}

static void outcomes(struct json *j)
{
	const uint64_t late = SAMPLE_DEADLINE_S * 1000 + 5000;
	struct row rows[] = {
		{"decided, open", SAMPLE_OPEN, sample_decided(), SAMPLE_TIME_MS},
		{"decided, signed again later", SAMPLE_OPEN, sample_decided(), late},
		{"decided by two of three", SAMPLE_BOARD, sample_decided(), SAMPLE_TIME_MS},
		{"pending, with locks", SAMPLE_HANDOVER, sample_decided(), SAMPLE_TIME_MS},
		{"vetoed", SAMPLE_HANDOVER, sample_decided(), SAMPLE_TIME_MS},
		{"split", SAMPLE_BOARD, sample_decided(), SAMPLE_TIME_MS},
		{"aborted at the deadline", SAMPLE_OPEN, sample_decided(), late},
		{"unknown", SAMPLE_OPEN, sample_decided(), SAMPLE_TIME_MS},
		{"forgotten", SAMPLE_OPEN, sample_decided(), late + 604800000},
	};
	const ap_value none = {NULL, 0};
	ap_descriptor d;

	rows[1].o.sequence = 17;
	rows[1].o.time -= 60000;
	rows[2].o.k = 2;
	rows[2].o.yes = 0x05;
	for (size_t i = 3; i < sizeof(rows) / sizeof(rows[0]); i++)
		rows[i].o.value = none;
	sample_descriptor(&d, SAMPLE_HANDOVER);
	for (size_t i = 3; i < 5; i++) {
		rows[i].o.k = 2;
		rows[i].o.terms.present = true;
		MUST(ap_descriptor_digest(ap_sha256, rows[i].o.terms.it.octets, &d));
	}
	rows[3].o.status = AP_STATUS_PENDING;
	rows[3].o.yes = 0x01;
	rows[4].o.status = rows[5].o.status = rows[6].o.status = AP_STATUS_ABORTED;
	rows[4].o.reason = AP_REASON_VETOED;
	rows[4].o.no = 0x02;
	rows[5].o.reason = AP_REASON_SPLIT;
	rows[5].o.k = 3;
	rows[5].o.yes = 0x03;
	rows[6].o.reason = AP_REASON_DEADLINE;
	rows[6].o.sequence = 0;
	rows[6].o.time = SAMPLE_DEADLINE_S * 1000;
	rows[7].o.status = AP_STATUS_UNKNOWN;
	rows[7].o.k = rows[8].o.k = 0;
	rows[8].o.status = AP_STATUS_FORGOTTEN;
	rows[8].o.sequence = rows[8].o.time = 0;
	for (size_t i = 3; i < 8; i += 4) {
		rows[i].o.nonce.present = true;
		memset(rows[i].o.nonce.it.octets, 0xa5, sizeof(rows[i].o.nonce.it.octets));
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		agree_show(j, &rows[i]);
}

void make_records(const char *dir)
{
	struct json j;

	json_open(&j, dir, "records.json",
		  "RDATA of PROPOSE records for the instances of instances.json, and of AGREE "
		  "records, each the only leaf of its batch. Sections PROPOSE, Outcome, AGREE.");
	proposals(&j);
	outcomes(&j);
	json_close(&j);
}
