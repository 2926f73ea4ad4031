#include "libproto/merkle.h"

#include <string.h>

bool ap_merkle_leaf(ap_sha256_fn *sha256, uint8_t leaf[32], const ap_bytes *parts, size_t n_parts)
{
	static const uint8_t prefix[1] = {0x00};
	ap_bytes all[AP_HASH_PARTS_MAX + 1] = {{prefix, 1}};

	if (n_parts > AP_HASH_PARTS_MAX)
		return false;
	for (size_t i = 0; i < n_parts; i++)
		all[i + 1] = parts[i];
	sha256(leaf, all, n_parts + 1);
	return true;
}

void ap_merkle_node(ap_sha256_fn *sha256, uint8_t node[32], const uint8_t left[32],
		    const uint8_t right[32])
{
	uint8_t both[1 + 32 + 32] = {0x01};
	const ap_bytes whole = {both, sizeof(both)};

	memcpy(both + 1, left, 32);
	memcpy(both + 33, right, 32);
	sha256(node, &whole, 1);
}

size_t ap_merkle_nodes(size_t n_leaves)
{
	size_t nodes = n_leaves;

	for (size_t level = n_leaves; level > 1; nodes += level)
		level = level / 2 + level % 2;
	return nodes;
}

const uint8_t *ap_merkle_build(ap_sha256_fn *sha256, uint8_t *nodes, size_t n_leaves)
{
	uint8_t *level = nodes;

	if (n_leaves == 0 || n_leaves > AP_BATCH_REQUESTS_MAX)
		return NULL;
	for (size_t n = n_leaves; n > 1; n = n / 2 + n % 2) {
		uint8_t *above = level + n * 32;

		for (size_t i = 0; i < n / 2; i++)
			ap_merkle_node(sha256, above + i * 32, level + i * 64, level + i * 64 + 32);
		/* RFC 9162 splits at a power of two, which leaves an odd node alone at the right:
		 * it is its own subtree on each level until it meets a neighbour */
		if (n % 2 == 1)
			memcpy(above + n / 2 * 32, level + (n - 1) * 32, 32);
		level = above;
	}
	return level;
}

bool ap_merkle_path(ap_path *path, const uint8_t *nodes, size_t n_leaves, size_t index)
{
	const uint8_t *level = nodes;

	memset(path, 0, sizeof(*path));
	if (index >= n_leaves || n_leaves > AP_BATCH_REQUESTS_MAX)
		return false;
	for (size_t n = n_leaves; n > 1; n = n / 2 + n % 2) {
		size_t sibling = index ^ 1;

		if (sibling < n)
			memcpy(path->node[path->count++].octets, level + sibling * 32, 32);
		level += n * 32;
		index /= 2;
	}
	return true;
}

/* RFC 9162 section 2.1.3.2, with its letters. */
bool ap_merkle_root(ap_sha256_fn *sha256, uint8_t root[32], const uint8_t leaf[32], uint64_t index,
		    uint64_t count, const ap_path *path)
{
	uint64_t fn = index, sn = count - 1;
	uint8_t r[32];

	if (index >= count || path->count > AP_PATH_MAX)
		return false;
	memcpy(r, leaf, 32);
	for (size_t i = 0; i < path->count; i++) {
		const uint8_t *p = path->node[i].octets;

		if (sn == 0)
			return false;
		if ((fn & 1) == 1 || fn == sn) {
			ap_merkle_node(sha256, r, p, r);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			ap_merkle_node(sha256, r, r, p);
		}
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0)
		return false;
	memcpy(root, r, 32);
	return true;
}

/* ---- a tree that grows ---- */

bool ap_frontier_append(ap_sha256_fn *sha256, struct ap_frontier *f, const uint8_t leaf[32])
{
	uint8_t node[32];
	unsigned b = 0;

	if (f->count == UINT64_MAX)
		return false;
	memcpy(node, leaf, 32);
	for (; f->count >> b & 1; b++) {
		ap_merkle_node(sha256, node, f->peak[b].octets, node);
		memset(&f->peak[b], 0, sizeof(f->peak[b]));
	}
	memcpy(f->peak[b].octets, node, 32);
	f->count++;
	return true;
}

void ap_frontier_root(ap_sha256_fn *sha256, const struct ap_frontier *f, uint8_t root[32])
{
	bool have = false;

	for (unsigned b = 0; b < AP_FRONTIER_MAX; b++) {
		if (!(f->count >> b & 1))
			continue;
		if (have)
			ap_merkle_node(sha256, root, f->peak[b].octets, root);
		else
			memcpy(root, f->peak[b].octets, 32);
		have = true;
	}
	if (!have)
		sha256(root, NULL, 0);
}

void ap_frontier_put(struct ap_writer *w, const struct ap_frontier *f)
{
	ap_u64_put(w, &f->count);
	for (unsigned b = 0; b < AP_FRONTIER_MAX; b++)
		if (f->count >> b & 1)
			ap_digest_put(w, &f->peak[b]);
}

void ap_frontier_get(struct ap_reader *r, struct ap_frontier *f)
{
	memset(f, 0, sizeof(*f));
	ap_u64_get(r, &f->count);
	for (unsigned b = 0; b < AP_FRONTIER_MAX; b++)
		if (f->count >> b & 1)
			ap_digest_get(r, &f->peak[b]);
	if (r->bad != NULL)
		memset(f, 0, sizeof(*f));
}
