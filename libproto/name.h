/*
 * Domain names, and the texts that octets have in them and beside them: base32hex, base64url.
 */
#ifndef AP_NAME_H
#define AP_NAME_H

#include "libproto/agree_errors.h"
#include "libproto/kinds.h"

/* Uncompressed, letter case kept, the root's zero octet included: len 1 is the root. */
struct ap_name {
	uint8_t len;
	uint8_t octets[AP_NAME_MAX];
};

/*
 * Reads one name at the reader, which goes on behind it. `message` is where compression pointers
 * count from; NULL: none are allowed. Each pointer must lead to an earlier place than the one
 * before, and never into the header (12 octets). Bad names are an error of the reader.
 */
void ap_name_get(struct ap_reader *r, const uint8_t *message, struct ap_name *name);
/* As it is, without compression. */
void ap_name_put(struct ap_writer *w, const struct ap_name *name);

/*
 * From text: labels and dots, \DDD and \X escapes, with or without the last dot. 0 or
 * AGREE_EDOMAIN. The root is "."
 */
int ap_name_parse(struct ap_name *name, const char *text);
/* As ap_name_parse() reads it: hostile octets escaped, without the last dot; the root is "." */
void ap_name_show(struct ap_text *t, const struct ap_name *name);

/* Letter case (ASCII) does not count. */
bool ap_name_equal(const struct ap_name *a, const struct ap_name *b);
/* Is it the zone's name or below? */
bool ap_name_is_within(const struct ap_name *name, const struct ap_name *zone);
/* Octets of the longest tail of whole labels that both have: at least 1, the root. */
size_t ap_name_common(const struct ap_name *a, const struct ap_name *b);
/* Labels, the root not counted. */
unsigned ap_name_labels(const struct ap_name *name);
/* Its parent: false for the root. */
bool ap_name_parent(struct ap_name *parent, const struct ap_name *name);
/* `label` in front of `name`: false if that is too long. */
bool ap_name_prepend(struct ap_name *out, const char *label, size_t len,
		     const struct ap_name *name);

/* ---- instance ids: draft {#id} ---- */

/* AP_ID_TEXT characters of base32hex in lower case, and a NUL. */
void ap_label_of_id(char text[AP_ID_TEXT + 1], const uint8_t id[AP_ID_LEN]);
/* In any letter case. AGREE_EID: other characters, another length, or one of the 4 spare bits is
 * not zero. */
int ap_label_to_id(uint8_t id[AP_ID_LEN], const char *text, size_t len);
/* Is `name` `<id>.<zone>`? Then the id too. */
bool ap_name_is_instance(const struct ap_name *name, const struct ap_name *zone,
			 uint8_t id[AP_ID_LEN]);
/* `<id>.<zone>`; false if the zone's name is too long for that. */
bool ap_name_of_instance(struct ap_name *name, const uint8_t id[AP_ID_LEN],
			 const struct ap_name *zone);

/* ---- base64url (RFC 4648 section 5), without padding ---- */

void ap_base64url_show(struct ap_text *t, const uint8_t *octets, size_t len);
/*
 * Octets written to `out` (room for `max`), or -1: a character of another alphabet, padding, an
 * impossible length, spare bits that are not zero, or too much for `out`.
 */
int ap_base64url_parse(uint8_t *out, size_t max, const char *text, size_t len);
/* Exactly 32 octets, as keys are: 0 or AGREE_EKEY. */
int ap_key_parse(uint8_t key[32], const char *text, size_t len);

#endif
