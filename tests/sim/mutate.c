#include "config.h"

#include "tests/sim/mutate.h"

#include <string.h>

enum { COPY_MAX = 8192, FIELDS_MAX = 24 };

struct mutation {
	unsigned at, target, way; /* at: number of the field that comes next */
	struct rng *rng;	  /* NULL: they are only counted */
};

/* Is it this one's turn? */
static bool is_due(struct mutation *m)
{
	return m->at++ == m->target && m->rng != NULL;
}

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
		if (is_due(m))                                                                     \
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
		if (is_due(m))                                                                     \
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

	if (!is_due(m) || len + 1 > sizeof(copy))
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
	if (is_due(m))
		octets(m, it->octets, sizeof(it->octets));
}

static inline void mut_path(ap_path *it, struct mutation *m)
{
	if (is_due(m) && it->count > 0)
		octets(m, it->node[0].octets, 32);
}

#define OPTIONAL(name, kind)                                                                       \
	static inline void mut_##name(ap_##name *it, struct mutation *m)                           \
	{                                                                                          \
		if (is_due(m))                                                                     \
			it->present = !it->present;                                                \
		if (it->present)                                                                   \
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
#define FIELD(kind, name)               mut_##kind(&it->name, m);
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
	struct mutation m = {.rng = NULL};

	copy = *message;
	walk(&copy, &m);
	return m.at;
}

void mutate_field(struct ap_message *message, unsigned field, unsigned way, struct rng *rng)
{
	struct mutation m = {.target = field, .way = way, .rng = rng};

	walk(message, &m);
}

/* ---- mutation mode ---- */

static const uint8_t codes[] = {
#define LAYOUT(name)
#define RECORD(type, name)
#define OP(code, name)
#define MESSAGE(code, name) code,
#include "libproto/protocol.def"
};

unsigned mutate_count(void)
{
	return sizeof(codes) * FIELDS_MAX * MUTATE_WAYS;
}

/* Fields are taken modulo how many the message has. */
void mutate_target(unsigned index, uint8_t *code, unsigned *field, unsigned *way)
{
	*way = index % MUTATE_WAYS;
	index /= MUTATE_WAYS;
	*field = index % FIELDS_MAX;
	*code = codes[index / FIELDS_MAX % sizeof(codes)];
}
