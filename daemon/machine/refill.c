/*
 * Undecided instances out of the history. draft {#state}: "applies the changes of each, but for
 * those whose id is not above that of the last one expired, and then strikes out what became final
 * in it"
 */
#include <string.h>

#include "daemon/machine/inner.h"
#include "libproto/instance.h"

struct row {
	ap_id id;
	uint8_t relay; /* 128 and more: a change */
	ap_span16 body;
};

static bool row_get(struct ap_reader *r, struct row *row)
{
	ap_id_get(r, &row->id);
	ap_u8_get(r, &row->relay);
	ap_span16_get(r, &row->body);
	return r->bad == NULL;
}

static struct machine_instance *add(struct machine *m, uint64_t seq, const struct row *row,
				    ap_bytes octets)
{
	ap_descriptor descriptor;
	const char *why;

	if (ap_descriptor_parse(&descriptor, octets, &why) != 0)
		return NULL;
	return machine_instances_add(&m->instances, row->id.octets, row->relay & 127, seq,
				     &descriptor.terms, octets);
}

static int apply(struct machine *m, uint64_t seq, const struct row *row)
{
	struct machine_instance *it;
	struct machine_verdict verdict;
	struct ap_reader r;
	ap_change change;
	uint8_t relay = row->relay & 127;

	ap_reader_init(&r, row->body.data, row->body.len);
	ap_change_get(&r, &change);
	if (!ap_reader_done(&r) || relay == 0 || relay > m->conf.n)
		return -1;
	if (memcmp(row->id.octets, m->state.undecided.expired, AP_ID_LEN) <= 0)
		return 0;
	it = machine_instances_find(&m->instances, row->id.octets);
	if (change.descriptor.len > 0) {
		it = it == NULL ? add(m, seq, row, change.descriptor) : NULL;
		if (it == NULL)
			return -1;
	}
	/* without an instance: it was registered before the oldest that is left, and has ended */
	if (it != NULL && change.verb != AP_VERB_OBSERVE)
		machine_instances_vote(&m->instances, it, m->funcs.sha256, change.party,
				       change.verb == AP_VERB_APPROVE, change.value, &verdict);
	return 0;
}

static int strike_out(struct machine *m, ap_bytes chunk)
{
	struct ap_reader r;
	struct row row;

	ap_reader_init(&r, chunk.data, chunk.len);
	while (ap_reader_left(&r) > 0 && row_get(&r, &row)) {
		struct machine_instance *it = machine_instances_find(&m->instances, row.id.octets);

		if (row.relay < 128 && it != NULL)
			machine_instances_remove(&m->instances, it);
	}
	return ap_reader_done(&r) ? 0 : -1;
}

int machine_refill(struct machine *m, uint64_t seq, ap_bytes chunk)
{
	struct ap_reader r;
	struct row row;

	ap_reader_init(&r, chunk.data, chunk.len);
	while (ap_reader_left(&r) > 0) {
		if (!row_get(&r, &row) || (row.relay >= 128 && apply(m, seq, &row) != 0))
			return -1;
	}
	return strike_out(m, chunk);
}

uint64_t machine_refill_from(const struct machine *m)
{
	return m->state.undecided.oldest;
}

int machine_refill_done(const struct machine *m)
{
	const struct machine_instance *oldest = machine_instances_oldest(&m->instances);

	return m->instances.count == m->state.undecided.count &&
			       (oldest == NULL ? 0 : oldest->registered) ==
				       m->state.undecided.oldest
		       ? 0
		       : -1;
}

size_t machine_undecided(const struct machine *m, const uint8_t id[AP_ID_LEN], uint8_t *out)
{
	const struct machine_instance *it = machine_instances_find(&m->instances, id);

	return it == NULL ? 0 : machine_instances_descriptor(&m->instances, it, out);
}

bool machine_registration(const struct machine *m, const uint8_t id[AP_ID_LEN],
			  struct machine_registration *out)
{
	const struct machine_instance *it = machine_instances_find(&m->instances, id);

	if (it == NULL)
		return false;
	out->relay = it->relay;
	out->seq = it->registered;
	return true;
}

size_t machine_undecided_count(const struct machine *m)
{
	return m->instances.count;
}
