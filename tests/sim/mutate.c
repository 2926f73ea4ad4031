#include "config.h"

#include "tests/sim/mutate.h"

#include <string.h>

enum { COPY_MAX = 8192 };

enum doing { COUNT_ALL, NAME, CHANGE, TAKE, GIVE };

struct mutation {
	enum doing doing;
	unsigned at, target, way; /* at: number of the field that comes next */
	struct rng *rng;
	const void *leaf; /* TAKE: the field, in the message that it comes from */
	const char *name; /* NAME */
	bool is_span;
};

/* Is it this one's turn to be changed? */
static bool is_due(struct mutation *m)
{
	return m->at++ == m->target && m->doing == CHANGE;
}

/* Its turn, but not to be changed: the same field of another message takes its place. */
static bool is_taken(struct mutation *m, void *it, size_t size)
{
	if (m->at != m->target || (m->doing != TAKE && m->doing != GIVE))
		return false;
	m->at++;
	if (m->doing == TAKE)
		m->leaf = it;
	else if (m->leaf != NULL)
		memcpy(it, m->leaf, size);
	return true;
}
#define TAKEN(m, it) is_taken(m, it, sizeof(*(it)))

/* ---- kinds ---- */

static uint64_t number(struct mutation *m, uint64_t v, uint64_t max)
{
	switch (m->way) {
	case 0:
		return v == max ? 0 : v + 1;
	case 1:
		return v == 0 ? max : v - 1;
	case 2:
		return 0;
	case 3:
		return max;
	case 4:
		return v ^ (UINT64_C(1) << rng_below(m->rng, 8 * sizeof(v)) & max);
	default:
		return rng_next(m->rng) & max;
	}
}

static void octets(struct mutation *m, uint8_t *at, size_t len)
{
	size_t place = rng_below(m->rng, len);

	switch (m->way) {
	case 0:
		at[len - 1]++;
		break;
	case 1:
		at[len - 1]--;
		break;
	case 2:
	case 3:
		memset(at, m->way == 2 ? 0 : 0xff, len);
		break;
	case 4:
		at[place] ^= (uint8_t)(1u << rng_below(m->rng, 8));
		break;
	default:
		rng_fill(m->rng, at, len);
	}
}

#define INTEGER(name, max)                                                                         \
	static inline void mut_##name(ap_##name *it, struct mutation *m)                           \
	{                                                                                          \
		if (!TAKEN(m, it) && is_due(m))                                                    \
			*it = (ap_##name)number(m, *it, max);                                      \
	}
INTEGER(u8, UINT8_MAX)
INTEGER(u16, UINT16_MAX)
INTEGER(u32, UINT32_MAX)
INTEGER(u40, AP_U40_MAX)
INTEGER(u64, UINT64_MAX)

/* not all of them are in a message */
#define FIXED(name, size)                                                                          \
	__attribute__((unused)) static void mut_##name(ap_##name *it, struct mutation *m)          \
	{                                                                                          \
		if (!TAKEN(m, it) && is_due(m))                                                    \
			octets(m, it->octets, size);                                               \
	}
AP_FIXED_KINDS(FIXED)
#undef FIXED

static inline void mut_none(ap_none *it, struct mutation *m)
{
	(void)it;
	(void)m;
}

/* A copy that is shorter, longer, or has other octets. */
static void bytes(ap_bytes *it, struct mutation *m, size_t max)
{
	static uint8_t copy[COPY_MAX];
	size_t len = it->len;

	m->is_span = m->is_span || m->at == m->target;
	if (TAKEN(m, it) || !is_due(m) || len + 1 > sizeof(copy))
		return;
	if (len > 0)
		memcpy(copy, it->data, len);
	if (m->way == 0 && len < max)
		copy[len++] = 0;
	else if (m->way == 1 && len > 0)
		len--;
	else if (m->way == 2)
		len = 0;
	else if (len > 0)
		octets(m, copy, len);
	*it = (ap_bytes){copy, len};
}

#define BYTES(name, max)                                                                           \
	static inline void mut_##name(ap_##name *it, struct mutation *m)                           \
	{                                                                                          \
		bytes(it, m, max);                                                                 \
	}
BYTES(value, AP_VALUE_MAX)
BYTES(label, AP_LABEL_MAX)
BYTES(span16, AP_SPAN16_MAX)
BYTES(span, AP_SPAN_MAX)

static inline void mut_credential(ap_credential *it, struct mutation *m)
{
	if (!TAKEN(m, it) && is_due(m))
		octets(m, it->octets, sizeof(it->octets));
}

static inline void mut_path(ap_path *it, struct mutation *m)
{
	if (!TAKEN(m, it) && is_due(m) && it->count > 0)
		octets(m, it->node[0].octets, 32);
}

#define OPTIONAL(name, kind)                                                                       \
	static inline void mut_##name(ap_##name *it, struct mutation *m)                           \
	{                                                                                          \
		if (!TAKEN(m, &it->present) && is_due(m))                                          \
			it->present = !it->present;                                                \
		if (it->present || m->doing <= NAME)                                                                   \
			mut_##kind(&it->it, m);                                                    \
		else                                                                               \
			memset(&it->it, 0, sizeof(it->it));                                        \
	}
AP_OPTIONAL_KINDS(OPTIONAL)
#undef OPTIONAL

/* ---- layouts ---- */

/* One entry more is a copy of the last. */
#define COUNT(list, n, max)                                                                        \
	do {                                                                                       \
		if (is_due(m) && (n) > 0) {                                                        \
			if (m->way == 0 && (n) < (max)) {                                          \
				(list)[n] = (list)[(n)-1];                                         \
				(n)++;                                                             \
			} else {                                                                   \
				(n)--;                                                             \
			}                                                                          \
		}                                                                                  \
	} while (0)

/* clang-format off */
#define LAYOUT(name)            static inline void mut_##name(ap_##name *it, struct mutation *m) {
#define FIELD(kind, field)              if (m->doing == NAME && m->at <= m->target) m->name = #field; \
					mut_##kind(&it->field, m);
#define LIST(layout, name, max)         COUNT(it->name, it->n_##name, max); \
					for (size_t i = 0; i < it->n_##name; i++) mut_##layout(&it->name[i], m);
#define END                     }
#include "libproto/protocol.def"

static void walk(struct ap_message *message, struct mutation *m)
{
	switch (message->code) {
#define LAYOUT(name)
#define RECORD(type, name)
#define OP(code, name)
#define MESSAGE(code, name)     case code: mut_##name(&message->as_##name, m); break;
#include "libproto/protocol.def"
	default:
		break;
	}
}
/* clang-format on */

unsigned mutate_fields(const struct ap_message *message)
{
	static struct ap_message copy;
	struct mutation m = {.doing = COUNT_ALL};

	copy = *message;
	walk(&copy, &m);
	return m.at;
}

void mutate_field(struct ap_message *message, unsigned field, unsigned way, struct rng *rng)
{
	struct mutation m = {.doing = CHANGE, .target = field, .way = way, .rng = rng};

	walk(message, &m);
}

bool mutate_take(struct ap_message *to, const struct ap_message *from, unsigned field)
{
	static struct ap_message copy; /* what is taken stays where it is until the next call */
	struct mutation m = {.doing = TAKE, .target = field};

	if (from->code != to->code)
		return false;
	copy = *from;
	walk(&copy, &m);
	m.doing = GIVE;
	m.at = 0;
	walk(to, &m);
	return m.leaf != NULL;
}

/* ---- mutation mode ---- */

static const struct {
	uint8_t code;
	const char *name;
} messages[] = {
#define LAYOUT(name)
#define RECORD(type, name)
#define OP(code, name)
#define MESSAGE(code, name) {code, #name},
#include "libproto/protocol.def"
};
enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

/* How many fields the i-th message has, with all that is optional. */
static unsigned fields_of(size_t i)
{
	static struct ap_message empty;
	static unsigned known[MESSAGES];

	if (known[i] == 0) {
		memset(&empty, 0, sizeof(empty));
		empty.code = messages[i].code;
		known[i] = mutate_fields(&empty);
	}
	return known[i];
}

unsigned mutate_count(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < MESSAGES; i++)
		n += fields_of(i) * MUTATE_ALL;
	return n;
}

void mutate_target(unsigned index, struct mutate_target *t)
{
	static struct ap_message empty;
	struct mutation m = {.doing = NAME};
	size_t i = 0;

	for (; i + 1 < MESSAGES && index >= fields_of(i) * MUTATE_ALL; i++)
		index -= fields_of(i) * MUTATE_ALL;
	t->way = index % MUTATE_ALL;
	t->field = m.target = index / MUTATE_ALL;
	t->code = messages[i].code;
	t->message = messages[i].name;
	memset(&empty, 0, sizeof(empty));
	empty.code = t->code;
	walk(&empty, &m);
	t->name = m.name;
	t->is_span = m.is_span;
}
