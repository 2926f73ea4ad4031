/*
 * A state transfer whose peers send what they like, when they like: daemon/transfer/transfer.h.
 * Each two octets of the input are one thing that happens; an answer is the right one, or wrong in
 * an octet, or too short, or to a question that nobody asked. What is taken must be right, and all
 * that is needed must have been taken when the state is to be installed.
 */
#include "daemon/transfer/transfer.h"
#include "libproto/crypto.h"
#include "tests/fuzz/fuzz.h"

enum { BITS = 2, N = 4, SELF = 4, SIZE = 21, LATE = 10, HORIZON = 1000, FLOOR = 1600 };

struct world {
	uint8_t leaf[SIZE + 4][32];
	struct ap_frontier frontier;
	struct transfer t;
	struct transfer_order asked[8]; /* the newest */
	size_t n_asked;
	bool here[SIZE + 1];
	uint64_t now;
};

static uint64_t time_of(uint64_t seq)
{
	return seq * 100;
}

static void begin(struct world *w)
{
	struct transfer_conf conf = {.n = N,
				     .self = SELF,
				     .bits = BITS,
				     .late_ms = LATE,
				     .horizon_ms = HORIZON,
				     .sha256 = ap_sha256};

	memset(w, 0, sizeof(*w));
	for (uint64_t seq = 1; seq <= SIZE; seq++) {
		transfer_leaf_hash(ap_sha256, seq, time_of(seq), (ap_bytes){NULL, 0},
				   w->leaf[seq - 1]);
		ap_frontier_append(ap_sha256, &w->frontier, w->leaf[seq - 1]);
	}
	transfer_init(&w->t, &conf);
	for (uint8_t id = 1; id < N; id++)
		transfer_link(&w->t, id, true);
	w->now = 1;
	transfer_begin(&w->t, 3, w->now);
}

static void looked(struct world *w, const struct transfer_order *o)
{
	for (uint64_t seq = o->first; seq <= o->last; seq++) {
		const uint8_t *leaf = transfer_leaf(&w->t, seq);

		MUST(leaf != NULL && seq <= SIZE && memcmp(leaf, w->leaf[seq - 1], 32) == 0);
		if (w->here[seq])
			transfer_found(&w->t, seq, time_of(seq));
	}
	transfer_looked(&w->t, o->first);
}

static void installed(struct world *w)
{
	for (uint64_t seq = 1; seq <= SIZE; seq++)
		MUST(w->here[seq] || time_of(seq) + HORIZON <= FLOOR);
	transfer_end(&w->t);
	memset(w->here, 0, sizeof(w->here));
	transfer_begin(&w->t, 3, w->now);
}

static void orders(struct world *w)
{
	struct transfer_order o;
	int turns = 0;

	for (transfer_next(&w->t, w->now, &o); o.kind != TRANSFER_NOTHING;
	     transfer_next(&w->t, w->now, &o)) {
		MUST(turns++ < 1000);
		if (o.kind == TRANSFER_LOOK) {
			looked(w, &o);
		} else if (o.kind == TRANSFER_INSTALL) {
			installed(w);
		} else {
			MUST(o.to >= 1 && o.to < N);
			w->asked[w->n_asked++ % 8] = o;
		}
	}
}

/* Root over 2^level sections from `first` on. */
static void node_of(const struct world *w, uint64_t first, unsigned level, uint8_t out[32])
{
	struct ap_frontier f;

	memset(&f, 0, sizeof(f));
	for (uint64_t i = first << BITS; i < (first + ((uint64_t)1 << level)) << BITS; i++)
		ap_frontier_append(ap_sha256, &f, w->leaf[i]);
	memcpy(out, f.peak[BITS + level].octets, 32);
}

static void section(struct world *w, uint8_t from, const struct transfer_order *o, uint8_t how)
{
	uint8_t leaves[1 << BITS][32], path[8][32];
	uint64_t index = o->last % (SIZE / 4 + 1);
	uint16_t n = transfer_section_leaves(BITS, SIZE, index);
	unsigned height = n == 1 << BITS ? transfer_section_height(BITS, SIZE, index) : 0;

	memset(leaves, 0, sizeof(leaves));
	memcpy(leaves, w->leaf[index << BITS], 32u * n);
	for (unsigned i = 0; i < height; i++)
		node_of(w, ((index >> i) ^ 1) << i, i, path[i]);
	if (how & 1)
		leaves[how % n][how & 31] ^= 1;
	if ((how & 2) && height > 0)
		path[how % height][how & 31] ^= 1;
	if (how & 4)
		n = how >> 3 & 3;
	if (transfer_section(&w->t, from, o->first, how == 0xf0 ? UINT64_MAX - index : o->last,
			     leaves[0], n, path[0], height, w->now) == TRANSFER_TAKE)
		for (uint16_t i = 0; i < n; i++)
			MUST(memcmp(leaves[i], w->leaf[(index << BITS) + i], 32) == 0);
}

static void chunks(struct world *w, uint8_t from, const struct transfer_order *o, uint8_t how)
{
	size_t count = 0, most = how & 4 ? how >> 3 : 64;

	if (!(how & 2) && !transfer_is_asked(&w->t, from, o->first, o->last))
		return;
	for (uint64_t seq = o->last; seq >= o->first && seq > 0 && count < most; seq--, count++) {
		uint8_t leaf[32];
		bool wrong = (how & 1) && count == (how >> 5);

		memcpy(leaf, w->leaf[(seq - 1) % SIZE], 32);
		leaf[0] ^= wrong;
		switch (transfer_chunk(&w->t, from, seq, leaf, time_of(seq))) {
		case TRANSFER_TAKE:
			MUST(!wrong && seq <= SIZE);
			w->here[seq] = true;
			break;
		case TRANSFER_WRONG:
			return;
		case TRANSFER_REPEAT:
			break;
		}
	}
	transfer_chunks_end(&w->t, from, o->first, o->last, count, w->now);
}

static void answer(struct world *w, uint8_t what, uint8_t how)
{
	const struct transfer_order *o = &w->asked[what >> 3 & 7];
	uint8_t from = what & 0x40 ? (uint8_t)(how % (N - 1) + 1) : o->to;

	if (o->to == 0)
		return;
	if (o->kind == TRANSFER_ASK_STATE)
		transfer_state(&w->t, from, how & 1 ? how >> 1 & 3 : SIZE, FLOOR, &w->frontier,
			       w->now);
	else if (o->kind == TRANSFER_ASK_SECTION)
		section(w, from, o, how);
	else
		chunks(w, from, o, how);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct world w;

	begin(&w);
	for (size_t i = 0; i + 1 < len && i < 4096; i += 2) {
		uint8_t what = octets[i], how = octets[i + 1];

		orders(&w);
		MUST(transfer_wake(&w.t, w.now) > w.now); /* or the shell's loop would spin */
		switch (what & 7) {
		case 0:
			w.now += how;
			break;
		case 1:
			transfer_link(&w.t, (uint8_t)(how % (N - 1) + 1), how & 0x80);
			break;
		case 2:
			w.t.full = how & 1;
			break;
		case 3:
			transfer_liar(&w.t, (uint8_t)(how % (N - 1) + 1));
			break;
		default:
			answer(&w, what, how);
		}
	}
	return 0;
}
