/*
 * Cursors over octets, and the kinds: what a field in libproto/protocol.def can be. A kind `x` is a
 * type ap_x, a maximum AP_MAX_x (octets on the wire), and ap_x_put, ap_x_get, ap_x_show. Integers
 * are big-endian. Every kind has exactly one encoding: what decodes re-encodes to the same octets.
 *
 * Errors stick. After the first field that did not fit, or held a length beyond its maximum, `bad`
 * names that field, nothing moves any more and reads give zeros; so a decoder is a straight line
 * with one test at its end: ap_reader_done().
 */
#ifndef AP_KINDS_H
#define AP_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libproto/limits.h"
#include "libproto/text.h"

/* Octets that belong to somebody else and die with their owner. */
typedef struct ap_bytes {
	const uint8_t *data;
	size_t len;
} ap_bytes;

/* Hashing as pure code gets it: SHA-256 over the parts, one after the other. */
typedef void ap_sha256_fn(uint8_t out[32], const ap_bytes *parts, size_t n_parts);

struct ap_reader {
	const uint8_t *at;
	const uint8_t *end;
	const char *field; /* what is being read: set by the caller */
	const char *bad;   /* NULL, or the first field that did not fit */
};

struct ap_writer {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	const char *field;
	const char *bad;
};

void ap_reader_init(struct ap_reader *r, const void *octets, size_t len);
size_t ap_reader_left(const struct ap_reader *r);
/* Decoding has succeeded: nothing bad, nothing left over. */
bool ap_reader_done(const struct ap_reader *r);
/* The current field is bad for another reason than its length. */
void ap_reader_fail(struct ap_reader *r);
/* Field's name where decoding failed; "trailing octets" if all fields were good; NULL if it
 * succeeded. */
const char *ap_reader_error(const struct ap_reader *r);

void ap_writer_init(struct ap_writer *w, void *buffer, size_t size);
size_t ap_writer_len(const struct ap_writer *w);
void ap_writer_fail(struct ap_writer *w);
/* What was written so far; nothing if something did not fit. */
ap_bytes ap_writer_bytes(const struct ap_writer *w);

/* Back to an earlier length: what came behind it is taken back, and was not bad. */
void ap_writer_back(struct ap_writer *w, size_t len);
/* Two octets written before, at a place below the length: for what is known only afterwards. */
void ap_writer_patch(struct ap_writer *w, size_t at, uint16_t value);

/* The next n octets, borrowed, or NULL: the only bounds check of all decoders. */
const uint8_t *ap_take(struct ap_reader *r, size_t n);
/* Room for n octets, or NULL: the only bounds check of all encoders. */
uint8_t *ap_grow(struct ap_writer *w, size_t n);
/* n octets without a length before them. */
void ap_octets_put(struct ap_writer *w, const void *octets, size_t n);
void ap_octets_get(struct ap_reader *r, void *octets, size_t n);

/* ---- integers ---- */

typedef uint8_t ap_u8;
typedef uint16_t ap_u16;
typedef uint32_t ap_u32;
typedef uint64_t ap_u40; /* at most AP_U40_MAX: more cannot be put */
typedef uint64_t ap_u64;
#define AP_U40_MAX 0xffffffffffULL

/* ---- fixed numbers of octets: struct { uint8_t octets[size]; } ---- */

#define AP_FIXED_KINDS(FIXED)                                                                      \
	FIXED(digest, 32) /* SHA-256 */                                                            \
	FIXED(key, 32)	  /* Ed25519 public key */                                                 \
	FIXED(sig, 64)	  /* Ed25519 signature */                                                  \
	FIXED(point, 32)  /* encoded group element: draft {#keygen} */                             \
	FIXED(scalar, 32) /* little-endian, below the group order */                               \
	FIXED(secret, 32) /* hash lock's; not shown */                                             \
	FIXED(id, AP_ID_LEN)                                                                       \
	FIXED(nonce, 16) /* an asker's */                                                          \
	FIXED(salt, 16)                                                                            \
	FIXED(half, 16) /* digest cut to 16 octets */

/* ---- a length or a count first ---- */

/* What the length covers is borrowed from the octets read: it dies with them. */
typedef ap_bytes ap_value;  /* u8 length */
typedef ap_bytes ap_label;  /* u8 length, at most AP_LABEL_MAX */
typedef ap_bytes ap_span16; /* u16 length */
typedef ap_bytes ap_span;   /* u32 length, at most AP_SPAN_MAX */

/* How a party shows that it is that party: u8 kind, then as many octets as the kind has. */
enum { AP_CREDENTIAL_NONE = 0, AP_CREDENTIAL_SIGNATURE = 1, AP_CREDENTIAL_SECRET = 2 };
typedef struct ap_credential {
	uint8_t kind;
	uint8_t octets[AP_CREDENTIAL_MAX]; /* 0, 64 or 32 of them; the rest is zero */
} ap_credential;

typedef struct ap_none { /* no octets: the field of a layout that has none */
	uint8_t unused;
} ap_none;

/* ---- a u8 that is 0 (absent, nothing follows, `it` is all zero) or 1 ---- */

#define AP_OPTIONAL_KINDS(OPTIONAL)                                                                \
	OPTIONAL(optkey, key)                                                                      \
	OPTIONAL(optvalue, value)                                                                  \
	OPTIONAL(optdigest, digest)                                                                \
	OPTIONAL(optnonce, nonce)                                                                  \
	OPTIONAL(optsig, sig)

/* clang-format off */
enum ap_kind_max {
	AP_MAX_u8 = 1, AP_MAX_u16 = 2, AP_MAX_u32 = 4, AP_MAX_u40 = 5, AP_MAX_u64 = 8,
	AP_MAX_none = 0,
#define FIXED(name, size) AP_MAX_##name = (size),
	AP_FIXED_KINDS(FIXED)
#undef FIXED
	AP_MAX_value = 1 + AP_VALUE_MAX,
	AP_MAX_label = 1 + AP_LABEL_MAX,
	AP_MAX_credential = 1 + AP_CREDENTIAL_MAX,
	AP_MAX_span = 4 + AP_SPAN_MAX,
	AP_MAX_span16 = 2 + AP_SPAN16_MAX,
	AP_MAX_path = 1 + AP_PATH_MAX * 32,
#define OPTIONAL(name, kind) AP_MAX_##name = 1 + AP_MAX_##kind,
	AP_OPTIONAL_KINDS(OPTIONAL)
#undef OPTIONAL
};

#define AP_KIND_FUNCTIONS(name)                                                                    \
	void ap_##name##_put(struct ap_writer *w, const ap_##name *it);                            \
	void ap_##name##_get(struct ap_reader *r, ap_##name *it);                                  \
	void ap_##name##_show(struct ap_text *t, const ap_##name *it);

AP_KIND_FUNCTIONS(u8)
AP_KIND_FUNCTIONS(u16)
AP_KIND_FUNCTIONS(u32)
AP_KIND_FUNCTIONS(u40)
AP_KIND_FUNCTIONS(u64)
AP_KIND_FUNCTIONS(none)

#define FIXED(name, size)                                                                          \
	typedef struct ap_##name {                                                                 \
		uint8_t octets[size];                                                              \
	} ap_##name;                                                                               \
	AP_KIND_FUNCTIONS(name)
AP_FIXED_KINDS(FIXED)
#undef FIXED

AP_KIND_FUNCTIONS(value)
AP_KIND_FUNCTIONS(label)
AP_KIND_FUNCTIONS(credential)
AP_KIND_FUNCTIONS(span)
AP_KIND_FUNCTIONS(span16)

typedef struct ap_path { /* u8 count, at most AP_PATH_MAX; from the leaf's sibling upwards */
	uint8_t count;
	ap_digest node[AP_PATH_MAX];
} ap_path;
AP_KIND_FUNCTIONS(path)

#define OPTIONAL(name, kind)                                                                       \
	typedef struct ap_##name {                                                                 \
		bool present;                                                                      \
		ap_##kind it;                                                                      \
	} ap_##name;                                                                               \
	AP_KIND_FUNCTIONS(name)
AP_OPTIONAL_KINDS(OPTIONAL)
#undef OPTIONAL
/* clang-format on */

#endif
