#include "libproto/codec.h"

#include <inttypes.h>
#include <string.h>

/* clang-format off */

/* ---- encode ---- */

#define LAYOUT(name)            void ap_##name##_put(struct ap_writer *w, const ap_##name *m) {
#define FIELD(kind, name)               w->field = #name; ap_##kind##_put(w, &m->name);
#define LIST(layout, name, max)                                                                    \
					w->field = #name; count_put(w, m->n_##name, (max));        \
					for (size_t i = 0; w->bad == NULL && i < m->n_##name; i++) \
						ap_##layout##_put(w, &m->name[i]);
#define END                     }

static void count_put(struct ap_writer *w, uint8_t count, size_t max)
{
	if (count > max)
		ap_writer_fail(w);
	ap_u8_put(w, &count);
}

#include "libproto/protocol.def"

/* ---- decode ---- */

#define LAYOUT(name)            void ap_##name##_get(struct ap_reader *r, ap_##name *m) {
#define FIELD(kind, name)               r->field = #name; ap_##kind##_get(r, &m->name);
#define LIST(layout, name, max)                                                                    \
					r->field = #name; m->n_##name = count_get(r, (max));       \
					memset(m->name, 0, sizeof(m->name));                       \
					for (size_t i = 0; i < m->n_##name; i++)                   \
						ap_##layout##_get(r, &m->name[i]);                 \
					if (r->bad != NULL)                                        \
						m->n_##name = 0;
#define END                     }

static uint8_t count_get(struct ap_reader *r, size_t max)
{
	uint8_t count;

	ap_u8_get(r, &count);
	if (count > max)
		ap_reader_fail(r);
	return r->bad == NULL ? count : 0;
}

#include "libproto/protocol.def"

/* ---- print ---- */

#define LAYOUT(name)            void ap_##name##_show(struct ap_text *t, const ap_##name *m) {     \
					const char *gap = "";
#define FIELD(kind, name)               ap_text_add(t, gap); ap_text_add(t, #name "=");            \
					ap_##kind##_show(t, &m->name); gap = " ";
#define LIST(layout, name, max)         ap_text_add(t, gap); ap_text_add(t, #name "=[");           \
					for (size_t i = 0; i < m->n_##name; i++) {                 \
						ap_text_add(t, i > 0 ? " {" : "{");                \
						ap_##layout##_show(t, &m->name[i]);                \
						ap_text_add(t, "}");                               \
					}                                                          \
					ap_text_add(t, "]"); gap = " ";
#define END                     (void)gap; }
#include "libproto/protocol.def"

/* ---- frames ---- */

/* The largest body of a frame; layouts with a span could hold more. */
#define BODY_MAX(max) ((max) < AP_FRAME_MAX - 1 ? (uint32_t)(max) : AP_FRAME_MAX - 1)

#define LAYOUT(name)
#define RECORD(type, name)
#define OP(code, name)
#define MESSAGE(code, name)     case code: ap_##name##_get(&r, &m->as_##name); break;
const char *ap_message_get(struct ap_message *m, uint8_t code, const void *octets, size_t len)
{
	struct ap_reader r;

	ap_reader_init(&r, octets, len);
	m->code = code;
	switch (code) {
#include "libproto/protocol.def"
	default:
		return "code";
	}
	return ap_reader_error(&r);
}

#define LAYOUT(name)
#define RECORD(type, name)
#define OP(code, name)
#define MESSAGE(code, name)     case code: ap_##name##_put(w, &m->as_##name); break;
void ap_message_put(struct ap_writer *w, const struct ap_message *m)
{
	w->field = "code";
	switch (m->code) {
#include "libproto/protocol.def"
	default:
		ap_writer_fail(w);
	}
}

#define LAYOUT(name)
#define RECORD(type, name)
#define OP(code, name)
#define MESSAGE(code, name)     case code: ap_##name##_show(t, &m->as_##name); break;
void ap_message_show(struct ap_text *t, const struct ap_message *m)
{
	const char *name = ap_message_name(m->code);

	ap_text_add(t, name != NULL ? name : "?");
	ap_text_add(t, " ");
	switch (m->code) {
#include "libproto/protocol.def"
	default:
		break;
	}
}

#define LAYOUT(name)
#define RECORD(type, name)
#define OP(code, name)
#define MESSAGE(code, name)     case code: return #name;
const char *ap_message_name(uint8_t code)
{
	switch (code) {
#include "libproto/protocol.def"
	default:
		return NULL;
	}
}

#define LAYOUT(name)
#define RECORD(type, name)
#define OP(code, name)
#define MESSAGE(code, name)     case code: return BODY_MAX(AP_MAX_##name);
uint32_t ap_message_max(uint8_t code)
{
	switch (code) {
#include "libproto/protocol.def"
	default:
		return 0;
	}
}

/* ---- operations ---- */

#define LAYOUT(name)
#define RECORD(type, name)
#define MESSAGE(code, name)
#define OP(code, name)          case code: ap_##name##_get(&r, &o->as_##name); break;
const char *ap_operation_get(struct ap_operation *o, uint8_t kind, const void *octets, size_t len)
{
	struct ap_reader r;

	ap_reader_init(&r, octets, len);
	o->kind = kind;
	switch (kind) {
#include "libproto/protocol.def"
	default:
		return "kind";
	}
	return ap_reader_error(&r);
}

#define LAYOUT(name)
#define RECORD(type, name)
#define MESSAGE(code, name)
#define OP(code, name)          case code: ap_##name##_put(w, &o->as_##name); break;
void ap_operation_put(struct ap_writer *w, const struct ap_operation *o)
{
	w->field = "kind";
	switch (o->kind) {
#include "libproto/protocol.def"
	default:
		ap_writer_fail(w);
	}
}

#define LAYOUT(name)
#define RECORD(type, name)
#define MESSAGE(code, name)
#define OP(code, name)          case code: ap_##name##_show(t, &o->as_##name); break;
void ap_operation_show(struct ap_text *t, const struct ap_operation *o)
{
	const char *name = ap_operation_name(o->kind);

	ap_text_add(t, name != NULL ? name : "?");
	ap_text_add(t, " ");
	switch (o->kind) {
#include "libproto/protocol.def"
	default:
		break;
	}
}

#define LAYOUT(name)
#define RECORD(type, name)
#define MESSAGE(code, name)
#define OP(code, name)          case code: return #name;
const char *ap_operation_name(uint8_t kind)
{
	switch (kind) {
#include "libproto/protocol.def"
	default:
		return NULL;
	}
}
/* clang-format on */
