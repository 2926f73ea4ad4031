#include "libproto/outcome.h"

#include <string.h>

#include "libproto/digest.h"
#include "libproto/instance.h"
#include "libproto/merkle.h"

const char *ap_status_name(unsigned status)
{
	static const char *const names[] = {"?",       "pending", "decided",
					    "aborted", "unknown", "forgotten"};

	return names[status < sizeof(names) / sizeof(names[0]) ? status : 0];
}

const char *ap_reason_name(unsigned reason)
{
	static const char *const names[] = {"none", "vetoed", "split", "deadline"};

	return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : "?";
}

bool ap_outcome_is_final(const ap_outcome *outcome)
{
	return outcome->status == AP_STATUS_DECIDED || outcome->status == AP_STATUS_ABORTED;
}

static bool bytes_equal(ap_bytes a, ap_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool ap_outcome_is_same(const ap_outcome *a, const ap_outcome *b)
{
	return a->version == b->version && a->status == b->status && a->reason == b->reason &&
	       bytes_equal(a->value, b->value) && a->k == b->k && a->yes == b->yes &&
	       a->no == b->no && a->sequence == b->sequence && a->time == b->time &&
	       a->terms.present == b->terms.present &&
	       memcmp(&a->terms.it, &b->terms.it, sizeof(a->terms.it)) == 0;
}

static unsigned count_bits(uint32_t bits)
{
	unsigned n = 0;

	for (; bits != 0; bits &= bits - 1)
		n++;
	return n;
}

/* ---- one check a row of the table in outcome.h ---- */

/* What all that is decided by votes has: a place in the order, before the deadline. */
static const char *voted_check(const ap_outcome *o, uint64_t deadline_ms)
{
	if (o->sequence == 0)
		return "no sequence";
	if (o->time >= deadline_ms)
		return "decided after the deadline";
	return NULL;
}

static const char *pending_check(const ap_outcome *o, uint64_t deadline_ms)
{
	if (o->value.len != 0)
		return "pending with a value";
	/* k different parties that approve may still differ in their values, so the tally tells
	 * nothing. */
	return voted_check(o, deadline_ms);
}

static const char *decided_check(const ap_outcome *o, uint64_t deadline_ms)
{
	bool open = o->k == 1 && o->yes == 0 && o->no == 0 && !o->terms.present;

	if (!open && count_bits(o->yes) < o->k)
		return "decided by fewer than k parties";
	return voted_check(o, deadline_ms);
}

static const char *aborted_check(const ap_outcome *o, uint64_t deadline_ms)
{
	if (o->value.len != 0)
		return "aborted with a value";
	switch (o->reason) {
	case AP_REASON_VETOED:
		return o->no == 0 ? "vetoed by nobody" : voted_check(o, deadline_ms);
	case AP_REASON_SPLIT:
		return count_bits(o->yes) < 2 ? "split by fewer than two parties"
					      : voted_check(o, deadline_ms);
	case AP_REASON_DEADLINE:
		if (o->yes != 0 || o->no != 0)
			return "a tally at the deadline";
		return o->sequence != 0 || o->time != deadline_ms ? "not the deadline's time"
								  : NULL;
	default:
		return "aborted without a reason";
	}
}

/* UNKNOWN and FORGOTTEN are about a name, not about terms. */
static const char *bare_check(const ap_outcome *o)
{
	if (o->value.len != 0 || o->k != 0 || o->yes != 0 || o->no != 0 || o->terms.present)
		return "terms or votes of an instance without record";
	if (o->status == AP_STATUS_FORGOTTEN)
		return o->sequence != 0 || o->time != 0 ? "forgotten with a sequence or time"
							: NULL;
	return o->sequence == 0 ? "no sequence" : NULL;
}

static const char *common_check(const ap_outcome *o)
{
	bool fresh = o->status == AP_STATUS_PENDING || o->status == AP_STATUS_UNKNOWN;

	if (o->version != AP_OUTCOME_VERSION)
		return "unknown version";
	if (o->status < AP_STATUS_PENDING || o->status > AP_STATUS_FORGOTTEN)
		return "unknown status";
	if (o->status != AP_STATUS_ABORTED && o->reason != AP_REASON_NONE)
		return "a reason, but not aborted";
	if (o->nonce.present != fresh)
		return fresh ? "not final, but no nonce" : "a nonce in what cannot change";
	if ((o->yes & o->no) != 0)
		return "a party on both sides";
	return NULL;
}

const char *ap_outcome_check(const ap_outcome *o, const uint8_t id[AP_ID_LEN])
{
	uint64_t deadline_ms = ap_id_deadline(id) * 1000;
	const char *why = common_check(o);

	if (why != NULL)
		return why;
	if (o->status == AP_STATUS_UNKNOWN || o->status == AP_STATUS_FORGOTTEN)
		return bare_check(o);
	if (o->k == 0 || o->k > AP_PARTIES_MAX)
		return "k is not that of an instance";
	switch (o->status) {
	case AP_STATUS_PENDING:
		return pending_check(o, deadline_ms);
	case AP_STATUS_DECIDED:
		return decided_check(o, deadline_ms);
	default:
		return aborted_check(o, deadline_ms);
	}
}

bool ap_outcome_leaf(ap_sha256_fn *sha256, uint8_t leaf[32], const uint8_t id[AP_ID_LEN],
		     const ap_outcome *outcome)
{
	uint8_t buffer[AP_MAX_outcome];
	uint8_t tag[AP_TAG_LEN];
	struct ap_writer w;

	memset(leaf, 0, 32);
	ap_writer_init(&w, buffer, sizeof(buffer));
	ap_outcome_put(&w, outcome);
	if (w.bad != NULL)
		return false;
	ap_tag(tag, "agree1-leaf");
	return ap_merkle_leaf(sha256, leaf,
			      (const ap_bytes[]){
				      {tag, sizeof(tag)},
				      {id, AP_ID_LEN},
				      ap_writer_bytes(&w),
			      },
			      3);
}
