/*
 * What follows from libproto/protocol.def: of each layout `x` in it
 *
 *   struct ap_x (typedef ap_x)   its fields; a LIST `xs` is n_xs and xs[max]
 *   AP_MAX_x                     octets on the wire, at most
 *   ap_x_put, ap_x_get, ap_x_show   as of a kind, see libproto/kinds.h
 *
 * Spans, values and labels that were got borrow from the octets that were read.
 */
#ifndef AP_CODEC_H
#define AP_CODEC_H

#include "libproto/kinds.h"

/* clang-format off */

#define LAYOUT(name)            typedef struct ap_##name ap_##name; struct ap_##name {
#define FIELD(kind, name)               ap_##kind name;
#define LIST(layout, name, max)         ap_u8 n_##name; ap_##layout name[max];
#define END                     };
#include "libproto/protocol.def"

#define LAYOUT(name)            enum { AP_MAX_##name = 0
#define FIELD(kind, name)               + AP_MAX_##kind
#define LIST(layout, name, max)         + 1 + (max) * AP_MAX_##layout
#define END                     };
#include "libproto/protocol.def"

#define LIST(layout, name, max) _Static_assert((max) <= UINT8_MAX, #name ": the count is a u8");
#include "libproto/protocol.def"

#define LAYOUT(name)            AP_KIND_FUNCTIONS(name)
#include "libproto/protocol.def"

/* ---- codes ---- */

#define LAYOUT(name)
#define RECORD(type, name)      AP_TYPE_##name = (type),
#define MESSAGE(code, name)     AP_MESSAGE_##name = (code),
#define OP(code, name)          AP_OP_##name = (code),
enum ap_code {
#include "libproto/protocol.def"
};

/* ---- frames between replicas, by code ---- */

#define LAYOUT(name)
#define RECORD(type, name)
#define OP(code, name)
#define MESSAGE(code, name)     ap_##name as_##name;
struct ap_message {
	uint8_t code;
	union {
#include "libproto/protocol.def"
	};
};

/* ---- operations in bundles, by kind ---- */

#define LAYOUT(name)
#define RECORD(type, name)
#define MESSAGE(code, name)
#define OP(code, name)          ap_##name as_##name;
struct ap_operation {
	uint8_t kind;
	union {
#include "libproto/protocol.def"
	};
};
/* clang-format on */

/* Decodes a whole body. NULL, or what is bad: "code", a field's name, "trailing octets". */
const char *ap_message_get(struct ap_message *m, uint8_t code, const void *octets, size_t len);
/* Encodes the body; an unknown code is bad. */
void ap_message_put(struct ap_writer *w, const struct ap_message *m);
void ap_message_show(struct ap_text *t, const struct ap_message *m);
/* NULL, 0 for codes that there are not. The maximum is that of the body, below AP_FRAME_MAX. */
const char *ap_message_name(uint8_t code);
uint32_t ap_message_max(uint8_t code);

const char *ap_operation_get(struct ap_operation *o, uint8_t kind, const void *octets, size_t len);
void ap_operation_put(struct ap_writer *w, const struct ap_operation *o);
void ap_operation_show(struct ap_text *t, const struct ap_operation *o);
const char *ap_operation_name(uint8_t kind);

#endif
