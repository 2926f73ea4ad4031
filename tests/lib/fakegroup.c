#include "tests/lib/fakegroup.h"

#include <string.h>

#include "libproto/crypto.h"

static int is_zero_sum(uint8_t n, const ap_deal deals[])
{
	for (size_t i = 0; i < n; i++)
		if (deals[i].phi[0].point.octets[0] != FAKEGROUP_ZERO)
			return 0;
	return 1;
}

/* Octets that follow from the parts, none of them with a meaning in its first one. */
static void derive(uint8_t out[32], const char *what, uint8_t id, uint64_t a, uint64_t b)
{
	uint8_t seed[8 + 1 + 16] = {0};

	memcpy(seed, what, strlen(what) < 8 ? strlen(what) : 8);
	seed[8] = id;
	memcpy(seed + 9, &a, 8);
	memcpy(seed + 17, &b, 8);
	ap_sha256(out, &(const ap_bytes){seed, sizeof(seed)}, 1);
	out[0] = 0x11;
}

static int deal_check(void *ctx, uint8_t n, const uint8_t sid[32], uint8_t dealer,
		      const uint8_t enckeys[][32], const ap_deal *deal)
{
	(void)ctx;
	(void)enckeys;
	return memcmp(deal->sid.octets, sid, 32) != 0 || dealer < 1 || dealer > n ||
	       deal->n_phi != (n - 1) / 3 + 1 || deal->n_shares != n ||
	       deal->proof_mu.octets[0] == FAKEGROUP_BAD;
}

static int point_check(void *ctx, const uint8_t point[32])
{
	(void)ctx;
	return point[0] == FAKEGROUP_BAD;
}

static int complaint_check(void *ctx, uint8_t n, const uint8_t sid[32], uint8_t sender,
			   const uint8_t enckeys[][32], const ap_deal *deal,
			   const ap_complaint *complaint)
{
	(void)ctx;
	(void)enckeys;
	return sender < 1 || sender > n || memcmp(deal->sid.octets, sid, 32) != 0 ||
	       complaint->w.octets[0] != FAKEGROUP_GUILTY;
}

static int keys(void *ctx, uint8_t n, const ap_deal deals[], uint8_t pk[32], uint8_t y[][32])
{
	ap_bytes parts[AP_REPLICAS_MAX] = {{0}};

	(void)ctx;
	for (size_t i = 0; i < n; i++)
		parts[i] = (ap_bytes){deals[i].phi[0].point.octets, 32};
	ap_sha256(pk, parts, n);
	for (uint8_t i = 0; i < n; i++)
		derive(y[i], "y", i, pk[1], pk[2]);
	return is_zero_sum(n, deals);
}

static int blame_check(void *ctx, const struct machine_case *about, const ap_share_body *share,
		       const uint8_t sig[64])
{
	(void)ctx;
	(void)about;
	(void)share;
	return sig[0] != FAKEGROUP_GUILTY;
}

/* Real ones: tests vote with keys that they have made. */
static int vote_check(void *votes, const uint8_t key[32], const uint8_t sig[64],
		      const uint8_t *message, size_t len)
{
	(void)votes;
	return ap_verify_once(key, sig, message, len);
}

static void sid(void *ctx, const uint8_t genesis[32], uint32_t epoch, uint8_t n, uint32_t attempt,
		uint8_t out[32])
{
	uint8_t rest[32];

	(void)ctx;
	derive(rest, "sid", n, epoch, attempt);
	ap_sha256(out, (const ap_bytes[]){{genesis, 32}, {rest, sizeof(rest)}}, 2);
}

const struct machine_funcs fakegroup_funcs = {
	.sha256 = ap_sha256,
	.deal_check = deal_check,
	.point_check = point_check,
	.complaint_check = complaint_check,
	.keys = keys,
	.blame_check = blame_check,
	.sid = sid,
	.vote_check = vote_check,
};

void fakegroup_enckey(ap_enckey *op, const uint8_t sid_octets[32], uint8_t id)
{
	memset(op, 0, sizeof(*op));
	memcpy(op->sid.octets, sid_octets, 32);
	derive(op->key.octets, "enckey", id, 0, 0);
}

void fakegroup_deal(ap_deal *op, const uint8_t sid_octets[32], uint8_t n, uint8_t id)
{
	memset(op, 0, sizeof(*op));
	memcpy(op->sid.octets, sid_octets, 32);
	op->n_phi = (ap_u8)((n - 1) / 3 + 1);
	for (uint8_t i = 0; i < op->n_phi; i++)
		derive(op->phi[i].point.octets, "phi", id, i, 0);
	derive(op->proof_r.octets, "r", id, 0, 0);
	derive(op->proof_mu.octets, "mu", id, 0, 0);
	derive(op->eph.octets, "eph", id, 0, 0);
	derive(op->eph_r.octets, "ephr", id, 0, 0);
	derive(op->eph_mu.octets, "ephmu", id, 0, 0);
	op->n_shares = n;
	for (uint8_t i = 0; i < n; i++)
		derive(op->shares[i].share.octets, "share", id, i, 0);
}

void fakegroup_nonces(ap_nonces *op, uint8_t id, uint64_t boot, uint64_t first, uint8_t count)
{
	memset(op, 0, sizeof(*op));
	op->epoch = 1;
	op->boot = boot;
	op->first = first;
	op->n_pairs = count;
	for (uint8_t i = 0; i < count; i++) {
		derive(op->pairs[i].hiding.octets, "D", id, boot, first + i);
		derive(op->pairs[i].binding.octets, "E", id, boot, first + i);
	}
}
