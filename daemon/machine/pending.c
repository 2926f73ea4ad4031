#include "daemon/machine/pending.h"
#include "daemon/bug.h"

#include <string.h>

#include "libproto/digest.h"

static struct machine_pending *place(struct machine_pendings *p, uint64_t seq)
{
	return &p->at[seq % MACHINE_PENDING_MAX];
}

struct machine_pending *machine_pending_find(struct machine_pendings *p, uint64_t seq)
{
	struct machine_pending *it = place(p, seq);

	return seq != 0 && it->seq == seq ? it : NULL;
}

const struct machine_pending *machine_pending_peek(const struct machine_pendings *p, uint64_t seq)
{
	const struct machine_pending *it = &p->at[seq % MACHINE_PENDING_MAX];

	return seq != 0 && it->seq == seq ? it : NULL;
}

void machine_pending_add(struct machine_pendings *p, uint64_t seq,
			 const struct ap_statement *statement, bool trial)
{
	struct machine_pending *it = place(p, seq);

	p->n_due -= it->due;
	memset(it, 0, sizeof(*it));
	if (statement == NULL)
		return;
	p->n_due++;
	it->seq = seq;
	it->statement = *statement;
	it->trial = trial;
	it->due = true;
}

static unsigned count_bits(uint16_t bits)
{
	unsigned n = 0;

	for (; bits != 0; bits &= (uint16_t)(bits - 1))
		n++;
	return n;
}

void machine_pending_ask(struct machine_pendings *p, struct machine_pending *it, uint8_t n,
			 uint8_t id)
{
	if (it->due || it->made >= MACHINE_ATTEMPTS_MAX)
		return;
	it->asked |= (uint16_t)(1U << (id - 1));
	if (count_bits(it->asked) <= (BUG(116) ? 0 : (n - 1u) / 3))
		return;
	it->due = true;
	p->n_due++;
}

void machine_list_digest(ap_sha256_fn *sha256, uint16_t members, const ap_commitment pairs[],
			 size_t n_pairs, uint8_t out[32])
{
	uint8_t octets[AP_TAG_LEN + 2 + AP_THRESHOLD_MAX * AP_MAX_commitment];
	struct ap_writer w;

	ap_tag(octets, "agree1-list");
	ap_writer_init(&w, octets + AP_TAG_LEN, sizeof(octets) - AP_TAG_LEN);
	ap_u16_put(&w, &members);
	for (size_t i = 0; i < n_pairs && i < AP_THRESHOLD_MAX; i++)
		ap_commitment_put(&w, &pairs[i]);
	sha256(out, &(const ap_bytes){octets, AP_TAG_LEN + ap_writer_len(&w)}, 1);
}

static void remember(struct machine_attempt *attempt, ap_sha256_fn *sha256, size_t t,
		     const struct machine_set sets[], size_t n_sets)
{
	attempt->n_sets = (uint8_t)n_sets;
	for (size_t s = 0; s < n_sets; s++) {
		ap_commitment pairs[AP_THRESHOLD_MAX];

		for (size_t i = 0; i < t; i++) {
			attempt->members[s] |= (uint16_t)(1U << (sets[s].members[i] - 1));
			memcpy(pairs[i].hiding.octets, sets[s].hiding[i], 32);
			memcpy(pairs[i].binding.octets, sets[s].binding[i], 32);
		}
		machine_list_digest(sha256, attempt->members[s], pairs, t, attempt->list[s]);
	}
}

size_t machine_pending_take(struct machine_pendings *p, struct machine_pending *it,
			    ap_sha256_fn *sha256, uint8_t n, struct machine_nonces pools[],
			    uint16_t out, struct machine_set sets[MACHINE_SETS_MAX])
{
	size_t n_sets = machine_sets_take(sha256, n, pools, out, it->statement.epoch, it->seq,
					  it->made, sets);

	if (n_sets == 0)
		return 0;
	remember(&it->attempts[it->made++], sha256, (size_t)(n - 1) / 3 + 1, sets, n_sets);
	it->due = false;
	p->n_due--;
	it->asked = 0;
	return n_sets;
}
