/*
 * What the journal holds, and its headers: daemon/records.h, journal_format.h. Input: which one
 * (u8), its octets.
 */
#include "daemon/journal_format.h"
#include "daemon/records.h"
#include "tests/fuzz/fuzz.h"

enum { SEGMENT = 1 << 20 };

static void prepared(const uint8_t *octets, size_t len)
{
	uint8_t again[RECORD_CERTIFICATE_MAX];
	struct pbft_batch batch = {.n_bundles = 0};
	struct pbft_certificate cert;
	struct pbft_slot_view slot = {.batch = &batch, .cert = &cert};
	ap_proposal p;

	if (!record_prepared_parse(octets, len, &p, &cert))
		return;
	slot.view = p.view;
	slot.seq = p.seq;
	slot.incarnation = p.incarnation;
	slot.primary = p.replica;
	memcpy(batch.digest, p.batch.octets, 32);
	MUST(fuzz_same(again, record_prepared(again, &slot), octets, len));
}

/* Sums are set right first, so that what they guard is looked at. */
static void headers(const uint8_t *octets, size_t len)
{
	static const uint8_t key[DISK_SUM_KEY];
	uint8_t at[JOURNAL_HEAD], again[JOURNAL_HEAD];
	struct journal_head head;
	struct journal_rec rec;

	if (len < JOURNAL_HEAD)
		return;
	memcpy(at, octets, sizeof(at));
	disk_put64(at + 96, disk_sum(at + 80, at, 96));
	if (journal_head_get(at, &head) == 0) {
		journal_head_put(again, &head);
		MUST(memcmp(again, at, JOURNAL_HEAD) == 0);
	}
	disk_put64(at + 48, disk_sum(key, at, 48));
	if (journal_rec_get(at, &rec, key, SEGMENT)) {
		MUST(rec.length <= SEGMENT && rec.group < SEGMENT);
		journal_rec_put(again, &rec, key);
		MUST(memcmp(again, at, JOURNAL_REC) == 0);
	}
	disk_put64(at + 8, disk_sum(key, at, 8));
	journal_mark_put(again, journal_mark_get(at, key), key);
	MUST(memcmp(again, at, JOURNAL_MARK) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct record_stable stable;

	if (len == 0)
		return 0;
	if (octets[0] == RECORD_PREPARED)
		prepared(octets + 1, len - 1);
	else if (octets[0] == RECORD_STABLE)
		MUST(!record_stable_parse(octets + 1, len - 1, &stable) ||
		     memcmp(stable.state, octets + 1 + 8, 32) == 0);
	else
		headers(octets + 1, len - 1);
	return 0;
}
