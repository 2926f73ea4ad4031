#include "daemon/machine/ids.h"

#include <string.h>

/* Children from here on are slots. */
#define LEAF UINT32_C(0x80000000)

static const uint8_t *id_of(const struct machine_ids *t, uint32_t child)
{
	return t->at + t->stride * (child - LEAF);
}

static unsigned side_of(const uint8_t id[AP_ID_LEN], uint32_t bit)
{
	return id[bit / 8] >> (7 - bit % 8) & 1;
}

void machine_ids_init(struct machine_ids *t, struct machine_ids_node *nodes, const uint8_t *at,
		      size_t stride)
{
	*t = (struct machine_ids){.at = at,
				  .stride = stride,
				  .nodes = nodes,
				  .root = MACHINE_IDS_NONE,
				  .free = MACHINE_IDS_NONE};
}

/* The only leaf that can have this id. */
static uint32_t walk(const struct machine_ids *t, const uint8_t id[AP_ID_LEN])
{
	uint32_t at = t->root;

	while (at < LEAF)
		at = t->nodes[at].child[side_of(id, t->nodes[at].bit)];
	return at;
}

uint32_t machine_ids_find(const struct machine_ids *t, const uint8_t id[AP_ID_LEN])
{
	uint32_t at = walk(t, id);

	if (at == MACHINE_IDS_NONE || memcmp(id_of(t, at), id, AP_ID_LEN) != 0)
		return MACHINE_IDS_NONE;
	return at - LEAF;
}

uint32_t machine_ids_first(const struct machine_ids *t)
{
	uint32_t at = t->root;

	while (at < LEAF)
		at = t->nodes[at].child[0];
	return at == MACHINE_IDS_NONE ? MACHINE_IDS_NONE : at - LEAF;
}

/* First bit in which they differ; they do. */
static uint32_t differs_at(const uint8_t a[AP_ID_LEN], const uint8_t b[AP_ID_LEN])
{
	uint32_t octet = 0, bit = 0;

	while (a[octet] == b[octet])
		octet++;
	while (((a[octet] ^ b[octet]) >> (7 - bit) & 1) == 0)
		bit++;
	return octet * 8 + bit;
}

static uint32_t node_new(struct machine_ids *t)
{
	uint32_t node = t->free;

	if (node == MACHINE_IDS_NONE)
		return t->used++;
	t->free = t->nodes[node].child[0];
	return node;
}

void machine_ids_add(struct machine_ids *t, uint32_t slot)
{
	uint32_t leaf = LEAF + slot, other = t->root, node, *link = &t->root;
	const uint8_t *id = id_of(t, leaf);
	uint32_t bit;

	if (other == MACHINE_IDS_NONE) {
		t->root = leaf;
		return;
	}
	bit = differs_at(id, id_of(t, walk(t, id)));
	/* above the first node that looks at a later bit */
	while (*link < LEAF && t->nodes[*link].bit < bit)
		link = &t->nodes[*link].child[side_of(id, t->nodes[*link].bit)];
	other = *link;
	node = node_new(t);
	t->nodes[node].bit = bit;
	t->nodes[node].child[side_of(id, bit)] = leaf;
	t->nodes[node].child[side_of(id, bit) ^ 1] = other;
	*link = node;
}

void machine_ids_remove(struct machine_ids *t, uint32_t slot)
{
	const uint8_t *id = id_of(t, LEAF + slot);
	uint32_t *link = &t->root, *above = NULL, node;

	while (*link < LEAF) {
		above = link;
		link = &t->nodes[*link].child[side_of(id, t->nodes[*link].bit)];
	}
	if (above == NULL) {
		t->root = MACHINE_IDS_NONE;
		return;
	}
	/* what stood beside it takes the place of the node above */
	node = *above;
	*above = t->nodes[node].child[link == &t->nodes[node].child[0]];
	t->nodes[node].child[0] = t->free;
	t->free = node;
}
