#include "daemon/bodies.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/agree_errors.h"

/* A chained table: digests are SHA-256, so their first octets are as good as a hash of them. A peer
 * that grinds for one chain still meets the bound on octets, and the window bounds how many bodies
 * it can leave here. */
enum { BODIES_CHAINS = 4096 };

struct entry {
	struct body body;
	struct entry *next;
	uint32_t holders;
	struct pbft_batch *refs;
	uint8_t octets[];
};

struct bodies {
	size_t octets, octets_max;
	struct entry *chains[BODIES_CHAINS];
};

static size_t chain_of(const uint8_t digest[32])
{
	return ((size_t)digest[0] << 8 | digest[1]) % BODIES_CHAINS;
}

static struct entry **find(const struct bodies *b, const uint8_t digest[32])
{
	struct entry *const *at = &b->chains[chain_of(digest)];

	while (*at != NULL && memcmp((*at)->body.digest, digest, 32) != 0)
		at = &(*at)->next;
	return (struct entry **)(uintptr_t)at;
}

static void entry_free(struct entry *e)
{
	free(e->refs);
	free(e);
}

struct bodies *bodies_new(size_t octets_max)
{
	struct bodies *b = calloc(1, sizeof(*b));

	if (b != NULL)
		b->octets_max = octets_max;
	return b;
}

void bodies_free(struct bodies *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < BODIES_CHAINS; i++) {
		while (b->chains[i] != NULL) {
			struct entry *next = b->chains[i]->next;

			entry_free(b->chains[i]);
			b->chains[i] = next;
		}
	}
	free(b);
}

/* Room for the used bundles only: a whole struct pbft_batch is some kilobytes. */
static struct pbft_batch *refs_copy(const struct pbft_batch *refs)
{
	struct pbft_batch *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		return NULL;
	copy->time = refs->time;
	copy->n_bundles = refs->n_bundles;
	memcpy(copy->digest, refs->digest, 32);
	memcpy(copy->bundles, refs->bundles, refs->n_bundles * sizeof(refs->bundles[0]));
	return copy;
}

int bodies_put(struct bodies *b, const uint8_t digest[32], const uint8_t *octets, size_t len,
	       const struct pbft_batch *refs)
{
	struct entry **at = find(b, digest);
	struct entry *e;

	if (*at != NULL) {
		(*at)->holders++;
		return 0;
	}
	if (len > b->octets_max - b->octets)
		return AGREE_EORDER;
	e = malloc(sizeof(*e) + len);
	if (e == NULL)
		return AGREE_ENOMEM;
	*e = (struct entry){.holders = 1};
	if (refs != NULL && (e->refs = refs_copy(refs)) == NULL) {
		free(e);
		return AGREE_ENOMEM;
	}
	memcpy(e->octets, octets, len);
	memcpy(e->body.digest, digest, 32);
	e->body.octets = e->octets;
	e->body.len = len;
	e->body.refs = e->refs;
	b->octets += len;
	*at = e;
	return 0;
}

const struct body *bodies_find(const struct bodies *b, const uint8_t digest[32])
{
	struct entry *const *at = find(b, digest);

	return *at != NULL ? &(*at)->body : NULL;
}

void bodies_drop(struct bodies *b, const uint8_t digest[32])
{
	struct entry **at = find(b, digest);
	struct entry *e = *at;

	if (e == NULL || --e->holders > 0)
		return;
	*at = e->next;
	b->octets -= e->body.len;
	entry_free(e);
}

size_t bodies_octets(const struct bodies *b)
{
	return b->octets;
}
