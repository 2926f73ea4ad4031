#include "daemon/machine/instances.h"

#include <string.h>

#include "daemon/machine/inner.h"
#include "libproto/instance.h"

#define NONE UINT32_MAX

_Static_assert(sizeof(struct machine_instance) <= MACHINE_INSTANCE, "what the header says");
_Static_assert(sizeof(struct machine_cell) == 4 + MACHINE_CELL, "no octet lost");

/* ---- memory ---- */

/* draft {#capacity}: "the lesser of capacity / n, rounded down, and 32768" */
static uint32_t bounded(uint64_t share)
{
	return share < MACHINE_SHARE_MAX ? (uint32_t)share : MACHINE_SHARE_MAX;
}

static size_t slots_of(uint8_t n, uint64_t share)
{
	return (size_t)n * bounded(share) + MACHINE_UNDECIDED_SPARE;
}

static size_t cells_of(uint8_t n, uint64_t share)
{
	return (size_t)n * bounded(share) * MACHINE_CELLS_EACH + MACHINE_CELLS_SPARE;
}

size_t machine_instances_size(uint8_t n, uint64_t share)
{
	return slots_of(n, share) *
		       (sizeof(struct machine_instance) + sizeof(struct machine_ids_node)) +
	       cells_of(n, share) * sizeof(struct machine_cell);
}

void machine_instances_init(struct machine_instances *s, void *memory, uint8_t n, uint64_t share)
{
	s->share = bounded(share);
	s->at = memory;
	s->cells = (struct machine_cell *)(void *)(s->at + slots_of(n, share));
	s->nodes = (struct machine_ids_node *)(void *)(s->cells + cells_of(n, share));
	s->n_slots = (uint32_t)slots_of(n, share);
	s->n_cells = (uint32_t)cells_of(n, share);
	machine_instances_clear(s);
}

void machine_instances_clear(struct machine_instances *s)
{
	s->count = 0;
	memset(s->used, 0, sizeof(s->used));
	memset(s->cells_used, 0, sizeof(s->cells_used));
	machine_ids_init(&s->ids, s->nodes, s->at->id, sizeof(s->at[0]));
	s->free = s->free_cell = s->oldest = s->newest = NONE;
	s->touched = s->touched_cells = 0;
	s->due_s = UINT64_MAX;
}

static uint32_t slot_of(const struct machine_instances *s, const struct machine_instance *it)
{
	return (uint32_t)(it - s->at);
}

static struct machine_instance *at_slot(const struct machine_instances *s, uint32_t slot)
{
	return slot == NONE ? NULL : &s->at[slot];
}

/* ---- cells: a chain each, of all that is charged ---- */

static size_t values_size(const ap_terms *terms)
{
	return terms->fixed.present ? 0 : (size_t)32 * terms->n_parties;
}

static uint32_t cells_for(const ap_terms *terms, size_t len)
{
	return (uint32_t)((len + values_size(terms) + MACHINE_CELL - 1) / MACHINE_CELL);
}

static uint32_t cell_take(struct machine_instances *s)
{
	uint32_t cell = s->free_cell;

	if (cell == NONE)
		return s->touched_cells++;
	s->free_cell = s->cells[cell].next;
	return cell;
}

static uint32_t chain_take(struct machine_instances *s, uint32_t n)
{
	uint32_t first = NONE;

	for (; n > 0; n--) {
		uint32_t cell = cell_take(s);

		s->cells[cell].next = first;
		first = cell;
	}
	return first;
}

static void chain_give(struct machine_instances *s, uint32_t cell)
{
	while (cell != NONE) {
		uint32_t next = s->cells[cell].next;

		s->cells[cell].next = s->free_cell;
		s->free_cell = cell;
		cell = next;
	}
}

/* Octets from `offset` on, into the chain or out of it. */
static void chain_copy(const struct machine_instances *s, const struct machine_instance *it,
		       size_t offset, uint8_t *out, const uint8_t *in, size_t len)
{
	uint32_t cell = it->cell;

	for (; offset >= MACHINE_CELL; offset -= MACHINE_CELL)
		cell = s->cells[cell].next;
	while (len > 0) {
		size_t part = MACHINE_CELL - offset < len ? MACHINE_CELL - offset : len;
		uint8_t *octets = s->cells[cell].octets + offset;

		if (in != NULL) {
			memcpy(octets, in, part);
			in += part;
		} else {
			memcpy(out, octets, part);
			out += part;
		}
		len -= part;
		offset = 0;
		cell = s->cells[cell].next;
	}
}

size_t machine_instances_descriptor(const struct machine_instances *s,
				    const struct machine_instance *it,
				    uint8_t out[AP_MAX_descriptor])
{
	chain_copy(s, it, 0, out, NULL, it->len);
	return it->len;
}

/* ---- coming and going ---- */

struct machine_instance *machine_instances_find(const struct machine_instances *s,
						const uint8_t id[AP_ID_LEN])
{
	return at_slot(s, machine_ids_find(&s->ids, id));
}

struct machine_instance *machine_instances_first(const struct machine_instances *s)
{
	return at_slot(s, machine_ids_first(&s->ids));
}

const struct machine_instance *machine_instances_oldest(const struct machine_instances *s)
{
	return at_slot(s, s->oldest);
}

bool machine_instances_room(const struct machine_instances *s, uint8_t relay, const ap_terms *terms,
			    size_t len)
{
	return s->used[relay - 1] < s->share &&
	       s->cells_used[relay - 1] + cells_for(terms, len) <= s->share * MACHINE_CELLS_EACH;
}

static uint32_t slot_take(struct machine_instances *s)
{
	uint32_t slot = s->free;

	if (slot == NONE)
		return s->touched++;
	s->free = s->at[slot].newer;
	return slot;
}

static bool has_space(const struct machine_instances *s, uint32_t n_cells)
{
	uint64_t cells = 0;

	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		cells += s->cells_used[i];
	return s->count < s->n_slots && cells + n_cells <= s->n_cells;
}

static void line_up(struct machine_instances *s, uint32_t slot)
{
	struct machine_instance *it = &s->at[slot];

	it->older = s->newest;
	it->newer = NONE;
	*(s->newest == NONE ? &s->oldest : &s->at[s->newest].newer) = slot;
	s->newest = slot;
}

struct machine_instance *machine_instances_add(struct machine_instances *s,
					       const uint8_t id[AP_ID_LEN], uint8_t relay,
					       uint64_t seq, const ap_terms *terms,
					       ap_bytes descriptor)
{
	uint32_t n_cells = cells_for(terms, descriptor.len), slot;
	uint64_t due_s = ap_id_deadline(id);
	struct machine_instance *it;

	if (!has_space(s, n_cells))
		return NULL;
	slot = slot_take(s);
	it = &s->at[slot];
	memset(it, 0, sizeof(*it));
	memcpy(it->id, id, sizeof(it->id));
	it->relay = relay;
	it->k = terms->k;
	it->parties = terms->n_parties;
	it->fixed = terms->fixed.present;
	it->locks = ap_terms_hash_parties(terms) > 0;
	it->len = (uint16_t)descriptor.len;
	it->n_cells = (uint16_t)n_cells;
	it->cell = chain_take(s, n_cells);
	it->registered = seq;
	chain_copy(s, it, 0, NULL, descriptor.data, descriptor.len);
	line_up(s, slot);
	machine_ids_add(&s->ids, slot);
	s->count++;
	s->used[relay - 1]++;
	s->cells_used[relay - 1] += n_cells;
	if (due_s < s->due_s)
		s->due_s = due_s;
	return it;
}

void machine_instances_remove(struct machine_instances *s, struct machine_instance *it)
{
	uint32_t slot = slot_of(s, it);
	bool was_due = ap_id_deadline(it->id) == s->due_s;

	machine_ids_remove(&s->ids, slot);
	*(it->older == NONE ? &s->oldest : &s->at[it->older].newer) = it->newer;
	*(it->newer == NONE ? &s->newest : &s->at[it->newer].older) = it->older;
	chain_give(s, it->cell);
	s->count--;
	s->used[it->relay - 1]--;
	s->cells_used[it->relay - 1] -= it->n_cells;
	it->newer = s->free;
	s->free = slot;
	if (was_due) {
		const struct machine_instance *first = machine_instances_first(s);

		s->due_s = first == NULL ? UINT64_MAX : ap_id_deadline(first->id);
	}
}

/* ---- votes ---- */

bool machine_instances_vote(struct machine_instances *s, struct machine_instance *it,
			    ap_sha256_fn *sha256, uint8_t party, bool approve, ap_value value,
			    struct machine_verdict *verdict)
{
	uint8_t hashes[AP_PARTIES_MAX][32], hash[32];
	struct machine_tally t;
	bool counted;

	machine_tally_init(&t, it->k, it->parties);
	t.yes = it->yes;
	t.no = it->no;
	t.n_values = it->fixed ? (uint8_t)(it->yes != 0) : it->n_values;
	memcpy(t.choice, it->choice, sizeof(t.choice));
	for (size_t i = 0; i < t.n_values && it->fixed; i++)
		t.value[i] = value; /* the only one there is */
	if (!it->fixed) {
		chain_copy(s, it, it->len, hashes[0], NULL, (size_t)32 * it->n_values);
		for (size_t i = 0; i < it->n_values; i++)
			t.value[i] = (ap_value){hashes[i], 32};
		sha256(hash, &value, 1);
		value = (ap_value){hash, sizeof(hash)};
	}
	counted = machine_tally_vote(&t, party, approve, value);
	*verdict = machine_tally_judge(&t, false);
	verdict->value = (ap_value){NULL, 0};
	if (!counted)
		return false;
	it->yes = t.yes;
	it->no = t.no;
	memcpy(it->choice, t.choice, sizeof(it->choice));
	if (!it->fixed && t.n_values > it->n_values)
		chain_copy(s, it, it->len + (size_t)32 * it->n_values, NULL, hash, sizeof(hash));
	it->n_values = it->fixed ? 0 : t.n_values;
	return true;
}
