/*
 * Operations as the machine executes them, whatever they are: daemon/machine/machine.h. Input:
 * bundles, each behind a u16 length: relay (u8), counter (u8), operations. An odd counter ends the
 * batch; the number is half of it. Messages of key generation are good as far as octets can be.
 */
#include "daemon/machine/inner.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/fakegroup.h"
#include "tests/lib/memstore.h"

enum { BUNDLES = 8 };
#define TIME_MS UINT64_C(1795499999000)

/* The network of the draft's vectors, whose first batches make it live; see make_seeds.py. */
static const struct machine_conf conf = {
	.n = 4,
	.genesis = {0xd1, 0x2a, 0xd8, 0x09, 0x56, 0xdb, 0x93, 0x7b, 0x11, 0x9b, 0xf3,
		    0x8d, 0x1d, 0x31, 0xdc, 0xd3, 0xaa, 0x7e, 0xc6, 0x45, 0xea, 0x17,
		    0x33, 0xdf, 0x34, 0x53, 0xe6, 0x5e, 0x77, 0xf4, 0x93, 0x7a},
	.retention_s = 604800,
	.horizon_s = 2678400,
	.capacity = 1000000,
};
static const uint8_t group_key[32] = {0xc9, 0xb1, 0xae, 0x96, 0x0f, 0xc6, 0x77, 0xbd,
				      0x99, 0xf2, 0x1e, 0xce, 0xce, 0x29, 0x2a, 0x45,
				      0xca, 0xbd, 0x03, 0x3a, 0x14, 0x75, 0x6d, 0x32,
				      0xcf, 0x6c, 0x88, 0xfc, 0x80, 0xfb, 0xd4, 0x44};
static const uint8_t attempt_sid[32] = {0x35, 0xfd, 0x74, 0xa7, 0xa7, 0x00, 0x48, 0xe4,
					0xf4, 0x3f, 0x0b, 0xa5, 0x70, 0x29, 0x1d, 0xbe,
					0x6d, 0x94, 0xf7, 0x1c, 0x58, 0xdf, 0x01, 0xd8,
					0xa3, 0x60, 0x29, 0xe3, 0xe5, 0x0e, 0x91, 0xc6};

static void sid(void *ctx, const uint8_t genesis[32], uint32_t epoch, uint8_t n, uint32_t attempt,
		uint8_t out[32])
{
	(void)ctx;
	(void)genesis;
	(void)epoch;
	(void)n;
	(void)attempt;
	memcpy(out, attempt_sid, 32);
}

static int keys(void *ctx, uint8_t n, const ap_deal deals[], uint8_t pk[32], uint8_t y[][32])
{
	(void)ctx;
	(void)deals;
	memcpy(pk, group_key, 32);
	for (uint8_t i = 0; i < n; i++)
		memset(y[i], i + 1, 32);
	return 0;
}

static struct machine_result result;
static struct machine_bundle bundles[BUNDLES];
static size_t n_bundles;

static void apply(struct machine *m)
{
	struct machine_batch batch = {.seq = machine_seq(m) + 1,
				      .time_ms = TIME_MS + 1000 * (machine_seq(m) + 1),
				      .n_bundles = n_bundles,
				      .bundles = bundles};

	batch.digest[0] = (uint8_t)batch.seq;
	machine_apply(m, &batch, &result);
	MUST(machine_seq(m) == batch.seq);
	MUST(result.n_leaves <= result.n_entries);
	for (size_t i = 0; i < result.n_entries; i++)
		MUST((result.entries[i].leaf < 0) == (result.entries[i].refusal != 0));
	n_bundles = 0;
}

static void bundle_add(struct machine *m, uint8_t relay, uint64_t counter, ap_bytes ops)
{
	bundles[n_bundles++] = (struct machine_bundle){.relay = relay,
						       .start = 1,
						       .counter = counter / 2,
						       .ops = ops.data,
						       .ops_len = ops.len};
	if (n_bundles == BUNDLES || (counter & 1) != 0)
		apply(m);
}

/* What the state says must be readable as a state again: draft {#state} */
static void state_look(struct machine *m)
{
	size_t cap = machine_snapshot_max(m), len;
	uint8_t *octets = malloc(cap), before[32], after[32];

	MUST(octets != NULL);
	len = machine_snapshot(m, octets, cap);
	MUST(len > 0);
	machine_digest(m, before);
	MUST(machine_restore(m, octets, len) == 0);
	machine_digest(m, after);
	MUST(memcmp(before, after, sizeof(before)) == 0);
	free(octets);
}

static struct memstore *store;
static void *memory, *image;

/* A new network at the vectors' time. Made once: the first leap of time visits every bucket. */
static void image_make(void)
{
	struct machine_funcs funcs = fakegroup_funcs;
	size_t size = machine_size(&conf);
	struct machine_store table;

	funcs.sid = sid;
	funcs.keys = keys;
	store = memstore_new();
	memory = malloc(size);
	image = malloc(sizeof(struct machine));
	MUST(store != NULL && memory != NULL && image != NULL);
	memstore_table(store, &table);
	apply(machine_init(memory, &conf, &funcs, &table));
	memcpy(image, memory, sizeof(struct machine)); /* what lies behind it is touched when it is used */
}

/* The same network again; the machine lies at the start of its memory, and points into it. */
static struct machine *machine_again(void)
{
	if (image == NULL)
		image_make();
	memcpy(memory, image, sizeof(struct machine));
	memstore_purge(store, UINT64_MAX, 1);
	n_bundles = 0;
	return memory;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct machine *m = machine_again();
	struct ap_reader r;

	ap_reader_init(&r, octets, len);
	while (ap_reader_left(&r) > 0) {
		ap_span16 bundle;

		ap_span16_get(&r, &bundle);
		if (r.bad != NULL || bundle.len < 2 || bundle.data[0] == 0 ||
		    bundle.data[0] > conf.n)
			break;
		bundle_add(m, bundle.data[0], bundle.data[1],
			   (ap_bytes){bundle.data + 2, bundle.len - 2});
	}
	apply(m);
	if (len > 0 && octets[len - 1] == 0)
		state_look(m); /* of some: it takes as long as a hundred batches */
	return 0;
}
