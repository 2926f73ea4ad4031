/* The history's tree, section by section: draft {#transfer}, step 2. */
#include "daemon/transfer/transfer.h"

#include <string.h>

#include "libproto/digest.h"

uint16_t transfer_section_leaves(uint8_t bits, uint64_t size, uint64_t section)
{
	uint64_t whole = size >> bits;

	if (section < whole)
		return (uint16_t)(1u << bits);
	return (uint16_t)(section == whole ? size & ((1u << bits) - 1) : 0);
}

/* The peaks stand for the bits of the number of sections, the highest for the first of them. */
unsigned transfer_section_height(uint8_t bits, uint64_t size, uint64_t section)
{
	uint64_t whole = size >> bits, start = 0;

	for (unsigned b = AP_FRONTIER_MAX - 1; b > 0; b--) {
		if (!(whole >> b & 1))
			continue;
		if (section - start < (uint64_t)1 << b)
			return b;
		start += (uint64_t)1 << b;
	}
	return 0;
}

static void append_all(ap_sha256_fn *sha256, struct ap_frontier *f, const uint8_t *leaves, size_t n)
{
	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < n; i++)
		ap_frontier_append(sha256, f, leaves + 32 * i);
}

void transfer_section_root(ap_sha256_fn *sha256, uint8_t bits, const uint8_t *leaves,
			   uint8_t root[32])
{
	struct ap_frontier f;

	append_all(sha256, &f, leaves, (size_t)1 << bits);
	memcpy(root, f.peak[bits].octets, 32);
}

/* "a shorter one if its leaves give all peaks below 128" */
static bool short_check(ap_sha256_fn *sha256, uint8_t bits, const struct ap_frontier *frontier,
			const uint8_t *leaves, size_t n)
{
	struct ap_frontier f;

	append_all(sha256, &f, leaves, n);
	for (unsigned b = 0; b < bits; b++)
		if (memcmp(f.peak[b].octets, frontier->peak[b].octets, 32) != 0)
			return false;
	return true;
}

bool transfer_section_check(ap_sha256_fn *sha256, uint8_t bits, const struct ap_frontier *frontier,
			    uint64_t section, const uint8_t *leaves, size_t n_leaves,
			    const uint8_t *path, size_t n_path)
{
	unsigned height = transfer_section_height(bits, frontier->count, section);
	uint8_t node[32];

	if (n_leaves == 0 || n_leaves != transfer_section_leaves(bits, frontier->count, section))
		return false;
	if (n_leaves < (size_t)1 << bits)
		return n_path == 0 && short_check(sha256, bits, frontier, leaves, n_leaves);
	if (n_path != height)
		return false;
	transfer_section_root(sha256, bits, leaves, node);
	for (unsigned i = 0; i < height; i++) {
		if (section >> i & 1)
			ap_merkle_node(sha256, node, path + (size_t)32 * i, node);
		else
			ap_merkle_node(sha256, node, node, path + (size_t)32 * i);
	}
	return memcmp(node, frontier->peak[bits + height].octets, 32) == 0;
}

void transfer_leaf_hash(ap_sha256_fn *sha256, uint64_t seq, uint64_t time_ms, ap_bytes outcomes,
			uint8_t leaf[32])
{
	uint8_t head[AP_TAG_LEN + 8 + 8];
	struct ap_writer w;

	ap_tag(head, "agree1-chunk");
	ap_writer_init(&w, head + AP_TAG_LEN, 8 + 8);
	ap_u64_put(&w, &seq);
	ap_u64_put(&w, &time_ms);
	ap_merkle_leaf(sha256, leaf, (const ap_bytes[]){{head, sizeof(head)}, outcomes}, 2);
}
