/*
 * All layouts of libproto/protocol.def: what decodes, encodes to the same octets, and can be shown.
 * The first octet says which: a message (0 to 63), an operation (64 to 127), or by its place in the
 * file (128 on).
 */
#include "libproto/codec.h"
#include "tests/fuzz/fuzz.h"

enum { ROOM = 1 << 16 };

static uint8_t out[ROOM];
static char text[ROOM];

static void same(const struct ap_writer *w, const uint8_t *octets, size_t len)
{
	ap_bytes again = ap_writer_bytes(w);

	MUST(w->bad == NULL);
	MUST(fuzz_same(again.data, again.len, octets, len));
}

/* clang-format off */
#define LAYOUT(name)                                                                               \
	static bool layout_##name(struct ap_reader *r, struct ap_writer *w, struct ap_text *t)     \
	{                                                                                          \
		static ap_##name it;                                                               \
		ap_##name##_get(r, &it);                                                           \
		if (!ap_reader_done(r))                                                            \
			return false;                                                              \
		ap_##name##_put(w, &it);                                                           \
		ap_##name##_show(t, &it);                                                          \
		return true;                                                                       \
	}
#include "libproto/protocol.def"

static bool (*const layouts[])(struct ap_reader *, struct ap_writer *, struct ap_text *) = {
#define LAYOUT(name) layout_##name,
#include "libproto/protocol.def"
};
/* clang-format on */

static void place_read(size_t which, const uint8_t *octets, size_t len, struct ap_writer *w,
		       struct ap_text *t)
{
	struct ap_reader r;

	ap_reader_init(&r, octets, len);
	if (which < sizeof(layouts) / sizeof(layouts[0]) && layouts[which](&r, w, t))
		same(w, octets, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct ap_message m;
	static struct ap_operation o;
	struct ap_writer w;
	struct ap_text t;

	if (len == 0 || len > ROOM)
		return 0;
	ap_writer_init(&w, out, sizeof(out));
	ap_text_init(&t, text, sizeof(text));
	if (octets[0] < 64) {
		if (ap_message_get(&m, octets[0], octets + 1, len - 1) == NULL) {
			ap_message_put(&w, &m);
			ap_message_show(&t, &m);
			same(&w, octets + 1, len - 1);
		}
	} else if (octets[0] < 128) {
		if (ap_operation_get(&o, octets[0] - 64, octets + 1, len - 1) == NULL) {
			ap_operation_put(&w, &o);
			ap_operation_show(&t, &o);
			same(&w, octets + 1, len - 1);
		}
	} else {
		place_read(octets[0] - 128u, octets + 1, len - 1, &w, &t);
	}
	return 0;
}
