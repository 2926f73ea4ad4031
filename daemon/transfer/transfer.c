/* The way of a transfer, as transfer.h has it step by step. */
#include "daemon/transfer/transfer.h"

#include <string.h>

enum { FREE, UNASKED, ASKED, UNSEEN, FETCHING }; /* steps of a section */
enum { MISSING, COMING, HERE };			 /* chunks */

static uint16_t bit(uint8_t id)
{
	return (uint16_t)(1u << (id - 1));
}

void transfer_init(struct transfer *t, const struct transfer_conf *conf)
{
	memset(t, 0, sizeof(*t));
	t->conf = *conf;
}

static void forget(struct transfer *t)
{
	for (size_t i = 0; i < TRANSFER_OPEN; i++)
		t->open[i].step = FREE;
	memset(t->asked, 0, sizeof(t->asked));
	t->size = t->left = t->bottom = 0;
	t->barren = 0;
}

void transfer_begin(struct transfer *t, uint64_t above, uint64_t now_ms)
{
	if (t->phase != TRANSFER_IDLE)
		return;
	forget(t);
	t->phase = TRANSFER_STATE;
	t->above = above;
	t->lied = 0;
	t->late_ms = t->conf.late_ms;
	t->pause_ms = now_ms;
	memset(t->rest_ms, 0, sizeof(t->rest_ms));
	t->begun++;
}

void transfer_end(struct transfer *t)
{
	forget(t);
	t->phase = TRANSFER_IDLE;
}

/* Everybody was asked in vain: what is stored stays, the rest begins again, with another state. Who
 * has lied is asked for one again only if nobody else has one. */
static void begin_again(struct transfer *t, uint64_t now_ms)
{
	if (t->phase == TRANSFER_STATE)
		t->lied = 0;
	forget(t);
	t->phase = TRANSFER_STATE;
	memset(t->rest_ms, 0, sizeof(t->rest_ms));
	t->pause_ms = now_ms + t->conf.late_ms;
	if (t->late_ms < t->conf.late_ms << TRANSFER_SLOWER)
		t->late_ms *= 2; /* what comes may be on the way, and the way be narrow */
	t->begun++;
}

/* ---- sections ---- */

static struct transfer_section *section_of(const struct transfer *t, uint64_t seq)
{
	uint64_t index = (seq - 1) >> t->conf.bits;

	for (size_t i = 0; i < TRANSFER_OPEN; i++)
		if (t->open[i].step != FREE && t->open[i].index == index)
			return (struct transfer_section *)(uintptr_t)&t->open[i];
	return NULL;
}

static uint64_t first_of(const struct transfer *t, const struct transfer_section *s)
{
	return (s->index << t->conf.bits) + 1;
}

static uint8_t *place(const struct transfer *t, struct transfer_section *s, uint64_t seq)
{
	return &s->have[seq - first_of(t, s)];
}

const uint8_t *transfer_leaf(const struct transfer *t, uint64_t seq)
{
	const struct transfer_section *s = seq > 0 ? section_of(t, seq) : NULL;

	if (s == NULL || s->step < UNSEEN || seq - first_of(t, s) >= s->n)
		return NULL;
	return s->leaf[seq - first_of(t, s)];
}

/* What has become complete makes room. */
static void close_done(struct transfer *t)
{
	for (size_t i = 0; i < TRANSFER_OPEN; i++) {
		struct transfer_section *s = &t->open[i];
		bool done = true;

		if (s->step == FREE)
			continue;
		for (uint16_t k = 0; k < s->n; k++)
			done &= s->have[k] == HERE || first_of(t, s) + k <= t->bottom;
		if (done)
			s->step = FREE;
	}
}

/* The top of the section above is here, so its age is known: nobody is asked for what is so old
 * that nobody keeps it. */
static bool is_reached(const struct transfer *t)
{
	const struct transfer_section *above = section_of(t, (t->left << t->conf.bits) + 1);

	return above == NULL || above->have[above->n - 1] == HERE;
}

static void open_next(struct transfer *t)
{
	for (size_t i = 0; i < TRANSFER_OPEN && t->left > 0; i++) {
		struct transfer_section *s = &t->open[i];

		if (s->step != FREE)
			continue;
		if (!is_reached(t))
			return;
		t->left--;
		s->index = t->left;
		s->n = transfer_section_leaves(t->conf.bits, t->size, s->index);
		s->step = UNASKED;
		memset(s->have, MISSING, sizeof(s->have));
		/* draft {#transfer}: "It and all below it are not needed" */
		if (first_of(t, s) + s->n - 1 <= t->bottom) {
			s->step = FREE;
			t->left = 0;
		}
	}
}

static bool is_complete(const struct transfer *t)
{
	for (size_t i = 0; i < TRANSFER_OPEN; i++)
		if (t->open[i].step != FREE)
			return false;
	return t->left == 0;
}

/* ---- members ---- */

static struct transfer_asked *asked_find(struct transfer *t, uint8_t to, enum transfer_kind kind,
					 uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < sizeof(t->asked) / sizeof(t->asked[0]); i++) {
		struct transfer_asked *a = &t->asked[i];

		if (a->to == to && a->kind == kind && a->first == first && a->last == last)
			return a;
	}
	return NULL;
}

/* A question is over: what it has not brought is missing again. */
static void asked_close(struct transfer *t, struct transfer_asked *a)
{
	struct transfer_section *s;

	a->to = 0;
	if (a->kind == TRANSFER_ASK_SECTION) {
		s = section_of(t, (a->last << t->conf.bits) + 1);
		if (s != NULL && s->step == ASKED)
			s->step = UNASKED;
	} else if (a->kind == TRANSFER_ASK_CHUNKS) {
		s = section_of(t, a->first);
		for (uint64_t seq = a->first; s != NULL && seq <= a->last; seq++)
			if (*place(t, s, seq) == COMING)
				*place(t, s, seq) = MISSING;
	}
}

static void close_all(struct transfer *t, uint8_t id)
{
	for (size_t i = 0; i < sizeof(t->asked) / sizeof(t->asked[0]); i++)
		if (t->asked[i].to == id)
			asked_close(t, &t->asked[i]);
}

/* It was silent, or has not what it was asked for: others are asked before it. */
static void rest(struct transfer *t, uint8_t id, uint64_t now_ms)
{
	t->rest_ms[id - 1] = now_ms + (uint64_t)TRANSFER_REST * t->conf.late_ms;
	t->barren++;
}

void transfer_liar(struct transfer *t, uint8_t id)
{
	if ((t->lied & bit(id)) != 0)
		return; /* however much it sends, it is one member that was asked in vain */
	close_all(t, id);
	t->lied |= bit(id);
	t->barren++;
}

void transfer_link(struct transfer *t, uint8_t id, bool up)
{
	t->up = up ? (uint16_t)(t->up | bit(id)) : (uint16_t)(t->up & ~bit(id));
	if (up)
		t->rest_ms[id - 1] = 0;
	else
		close_all(t, id);
}

static unsigned load_of(const struct transfer *t, uint8_t id)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(t->asked) / sizeof(t->asked[0]); i++)
		n += t->asked[i].to == id;
	return n;
}

/* Who has least to do, in turn. 0: nobody. */
static uint8_t choose(struct transfer *t, uint64_t now_ms)
{
	unsigned least = TRANSFER_ASKED_MAX;
	uint8_t best = 0;

	for (uint8_t step = 0; step < t->conf.n; step++) {
		uint8_t id = (uint8_t)((t->turn + step) % t->conf.n + 1);

		if (id == t->conf.self || (t->up & ~t->lied & bit(id)) == 0 ||
		    t->rest_ms[id - 1] > now_ms || load_of(t, id) >= least)
			continue;
		least = load_of(t, id);
		best = id;
	}
	if (best != 0)
		t->turn = best;
	return best;
}

static void ask(struct transfer *t, uint8_t to, enum transfer_kind kind, uint64_t first,
		uint64_t last, uint64_t now_ms, struct transfer_order *out)
{
	struct transfer_asked *a = t->asked;

	while (a->to != 0)
		a++; /* choose() counts: there is a free one */
	*a = (struct transfer_asked){.to = to, .kind = kind, .first = first, .last = last};
	a->at_ms = now_ms;
	*out = (struct transfer_order){.kind = kind, .to = to, .first = first, .last = last};
}

static void drop_late(struct transfer *t, uint64_t now_ms)
{
	for (size_t i = 0; i < sizeof(t->asked) / sizeof(t->asked[0]); i++) {
		struct transfer_asked *a = &t->asked[i];
		uint8_t to = a->to;

		if (to == 0 || now_ms < a->at_ms + t->late_ms)
			continue;
		asked_close(t, a);
		rest(t, to, now_ms);
	}
}

static bool is_asking(const struct transfer *t)
{
	for (size_t i = 0; i < sizeof(t->asked) / sizeof(t->asked[0]); i++)
		if (t->asked[i].to != 0)
			return true;
	return false;
}

/* ---- what is next ---- */

static bool next_look(struct transfer *t, struct transfer_order *out)
{
	for (size_t i = 0; i < TRANSFER_OPEN; i++) {
		const struct transfer_section *s = &t->open[i];

		if (s->step != UNSEEN)
			continue;
		out->kind = TRANSFER_LOOK;
		out->first = first_of(t, s);
		out->last = out->first + s->n - 1;
		return true;
	}
	return false;
}

static bool ask_section(struct transfer *t, struct transfer_section *s, uint64_t now_ms,
			struct transfer_order *out)
{
	uint8_t to = choose(t, now_ms);

	if (to == 0)
		return false;
	s->step = ASKED;
	ask(t, to, TRANSFER_ASK_SECTION, t->size, s->index, now_ms, out);
	return true;
}

/* The highest row of missing ones. */
static bool ask_chunks(struct transfer *t, struct transfer_section *s, uint64_t now_ms,
		       struct transfer_order *out)
{
	uint64_t first = first_of(t, s), from, to;
	uint16_t i, end = s->n;
	uint8_t id;

	while (end > 0 && s->have[end - 1] != MISSING)
		end--;
	for (i = end; i > 0 && s->have[i - 1] == MISSING && first + i - 1 > t->bottom &&
		      end - i < TRANSFER_RUN_MAX;)
		i--;
	if (end == i || (id = choose(t, now_ms)) == 0)
		return false;
	memset(&s->have[i], COMING, end - i);
	from = first + i;
	to = first + end - 1;
	ask(t, id, TRANSFER_ASK_CHUNKS, from, to, now_ms, out);
	return true;
}

static bool next_history(struct transfer *t, uint64_t now_ms, struct transfer_order *out)
{
	close_done(t);
	open_next(t);
	if (is_complete(t)) {
		if (t->no_room)
			return false;
		t->phase = TRANSFER_INSTALLING;
		out->kind = TRANSFER_INSTALL;
		return true;
	}
	if (next_look(t, out))
		return true;
	for (size_t i = 0; i < TRANSFER_OPEN && !t->full && !t->no_room; i++) {
		struct transfer_section *s = &t->open[i];

		if (s->step == FETCHING && ask_chunks(t, s, now_ms, out))
			return true;
		if (s->step == UNASKED && ask_section(t, s, now_ms, out))
			return true;
	}
	return false;
}

/* Something is missing of this state, and nobody is left to ask for it. */
static bool is_deserted(const struct transfer *t, uint64_t now_ms)
{
	if (t->full || t->up == 0 || is_asking(t))
		return false;
	for (uint8_t id = 1; id <= t->conf.n; id++)
		if ((t->up & ~t->lied & bit(id)) != 0 && t->rest_ms[id - 1] <= now_ms)
			return false;
	return true;
}

void transfer_next(struct transfer *t, uint64_t now_ms, struct transfer_order *out)
{
	uint8_t to;

	memset(out, 0, sizeof(*out));
	if (t->phase == TRANSFER_IDLE || t->phase == TRANSFER_INSTALLING)
		return;
	drop_late(t, now_ms);
	if (t->barren >= (uint32_t)TRANSFER_BARREN * t->conf.n ||
	    (t->up != 0 && (t->up & ~t->lied) == 0))
		begin_again(t, now_ms);
	if (t->phase == TRANSFER_HISTORY) {
		if (!next_history(t, now_ms, out) && is_deserted(t, now_ms))
			begin_again(t, now_ms);
	} else if (now_ms >= t->pause_ms && !is_asking(t) && (to = choose(t, now_ms)) != 0)
		ask(t, to, TRANSFER_ASK_STATE, t->above, 0, now_ms, out);
}

uint64_t transfer_wake(const struct transfer *t, uint64_t now_ms)
{
	uint64_t at = UINT64_MAX;

	if (t->phase == TRANSFER_IDLE || t->phase == TRANSFER_INSTALLING)
		return at;
	for (size_t i = 0; i < sizeof(t->asked) / sizeof(t->asked[0]); i++)
		if (t->asked[i].to != 0 && t->asked[i].at_ms + t->late_ms < at)
			at = t->asked[i].at_ms + t->late_ms;
	for (uint8_t i = 0; i < t->conf.n; i++)
		if (t->rest_ms[i] > now_ms && t->rest_ms[i] < at)
			at = t->rest_ms[i];
	return t->pause_ms > now_ms && t->pause_ms < at ? t->pause_ms : at;
}

/* ---- what comes ---- */

bool transfer_state(struct transfer *t, uint8_t from, uint64_t size, uint64_t floor_ms,
		    const struct ap_frontier *frontier, uint64_t now_ms)
{
	struct transfer_asked *a = asked_find(t, from, TRANSFER_ASK_STATE, t->above, 0);

	if (t->phase != TRANSFER_STATE || a == NULL)
		return false;
	asked_close(t, a);
	if (size <= t->above) {
		rest(t, from, now_ms);
		return false;
	}
	t->phase = TRANSFER_HISTORY;
	t->size = size;
	t->floor_ms = floor_ms;
	t->frontier = *frontier;
	t->left = (size >> t->conf.bits) + ((size & ((1u << t->conf.bits) - 1)) != 0);
	t->bottom = 0;
	t->barren = 0;
	return true;
}

enum transfer_verdict transfer_section(struct transfer *t, uint8_t from, uint64_t size,
				       uint64_t section, const uint8_t *leaves, size_t n_leaves,
				       const uint8_t *path, size_t n_path, uint64_t now_ms)
{
	struct transfer_asked *a = asked_find(t, from, TRANSFER_ASK_SECTION, size, section);
	struct transfer_section *s;

	if (t->phase != TRANSFER_HISTORY || a == NULL)
		return TRANSFER_REPEAT; /* late: somebody else was asked, or nobody was */
	asked_close(t, a);
	s = section_of(t, (section << t->conf.bits) + 1);
	if (s == NULL || s->step != UNASKED)
		return TRANSFER_REPEAT;
	if (n_leaves == 0) {
		rest(t, from, now_ms);
		return TRANSFER_REPEAT;
	}
	if (!transfer_section_check(t->conf.sha256, t->conf.bits, &t->frontier, section, leaves,
				    n_leaves, path, n_path)) {
		transfer_liar(t, from);
		return TRANSFER_WRONG;
	}
	memcpy(s->leaf, leaves, 32 * n_leaves);
	s->step = UNSEEN;
	t->barren = 0;
	return TRANSFER_TAKE;
}

bool transfer_is_asked(const struct transfer *t, uint8_t from, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < sizeof(t->asked) / sizeof(t->asked[0]); i++) {
		const struct transfer_asked *a = &t->asked[i];

		if (a->to == from && a->kind == TRANSFER_ASK_CHUNKS && a->first == first &&
		    a->last == last)
			return t->phase == TRANSFER_HISTORY;
	}
	return false;
}

/* draft {#transfer}: "A chunk with T + horizon <= F holds nothing but forgotten outcomes" */
static void judge_age(struct transfer *t, uint64_t seq, uint64_t time_ms)
{
	if (time_ms <= t->floor_ms && t->floor_ms - time_ms >= t->conf.horizon_ms &&
	    seq > t->bottom)
		t->bottom = seq;
}

enum transfer_verdict transfer_chunk(struct transfer *t, uint8_t from, uint64_t seq,
				     const uint8_t leaf[32], uint64_t time_ms)
{
	const uint8_t *right = t->phase == TRANSFER_HISTORY ? transfer_leaf(t, seq) : NULL;
	struct transfer_section *s;

	if (right == NULL)
		return TRANSFER_REPEAT;
	if (memcmp(right, leaf, 32) != 0) {
		transfer_liar(t, from);
		return TRANSFER_WRONG;
	}
	s = section_of(t, seq);
	judge_age(t, seq, time_ms);
	if (*place(t, s, seq) == HERE)
		return TRANSFER_REPEAT;
	*place(t, s, seq) = HERE;
	t->barren = 0;
	t->chunks++;
	return TRANSFER_TAKE;
}

void transfer_chunks_end(struct transfer *t, uint8_t from, uint64_t first, uint64_t last,
			 size_t count, uint64_t now_ms)
{
	struct transfer_asked *a = asked_find(t, from, TRANSFER_ASK_CHUNKS, first, last);

	if (a == NULL)
		return;
	asked_close(t, a);
	if (count == 0)
		rest(t, from, now_ms);
}

void transfer_found(struct transfer *t, uint64_t seq, uint64_t time_ms)
{
	struct transfer_section *s = section_of(t, seq);

	judge_age(t, seq, time_ms);
	if (s != NULL)
		*place(t, s, seq) = HERE;
}

void transfer_looked(struct transfer *t, uint64_t first)
{
	struct transfer_section *s = section_of(t, first);

	if (s != NULL && s->step == UNSEEN)
		s->step = FETCHING;
}
