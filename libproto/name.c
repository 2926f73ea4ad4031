#include "libproto/name.h"

#include <string.h>

static uint8_t lower(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet + 32) : octet;
}

/* ---- wire ---- */

/* Labels up to the root or a pointer: false for the latter, and where it leads. */
static bool labels_get(struct ap_reader *r, struct ap_name *name, size_t *pointer)
{
	for (;;) {
		const uint8_t *len = ap_take(r, 1), *more;

		if (len == NULL)
			return true;
		if ((*len & 0xc0) == 0xc0) {
			more = ap_take(r, 1);
			if (more == NULL)
				return true;
			*pointer = (size_t)(*len & 0x3f) << 8 | *more;
			return false;
		}
		/* one octet must be left for the root */
		if (*len > 63 || (*len > 0 && name->len + 1U + *len >= AP_NAME_MAX)) {
			ap_reader_fail(r);
			return true;
		}
		name->octets[name->len++] = *len;
		if (*len == 0)
			return true;
		more = ap_take(r, *len);
		if (more == NULL)
			return true;
		memcpy(name->octets + name->len, more, *len);
		name->len = (uint8_t)(name->len + *len);
	}
}

/*
 * Every pointer leads before the place where the labels that it ends began. So places only sink,
 * and no octet of the message is read twice for one name.
 */
void ap_name_get(struct ap_reader *r, const uint8_t *message, struct ap_name *name)
{
	enum { HEADER = 12 };
	struct ap_reader part = *r;
	size_t below = message != NULL ? (size_t)(r->at - message) : 0, pointer;
	unsigned hops = 0;
	bool jumped = false;

	name->len = 0;
	while (!labels_get(&part, name, &pointer)) {
		if (!jumped)
			r->at = part.at;
		jumped = true;
		if (message == NULL || pointer < HEADER || pointer >= below ||
		    ++hops > AP_NAME_HOPS_MAX) {
			ap_reader_fail(&part);
			break;
		}
		ap_reader_init(&part, message + pointer, below - pointer);
		below = pointer;
	}
	if (!jumped)
		r->at = part.at;
	if (part.bad != NULL) {
		ap_reader_fail(r);
		name->len = 1;
		name->octets[0] = 0;
	}
}

void ap_name_put(struct ap_writer *w, const struct ap_name *name)
{
	ap_octets_put(w, name->octets, name->len);
}

/* ---- text ---- */

static int digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : -1;
}

/* One octet at *text, escaped or not: -1 if it is none. Moves on. */
static int octet_parse(const char **text)
{
	const char *c = *text;
	int value;

	if (*c != '\\') {
		*text = c + 1;
		return (uint8_t)*c;
	}
	if (c[1] == '\0')
		return -1;
	if (digit_of(c[1]) < 0) {
		*text = c + 2;
		return (uint8_t)c[1];
	}
	if (digit_of(c[2]) < 0 || digit_of(c[3]) < 0)
		return -1;
	value = digit_of(c[1]) * 100 + digit_of(c[2]) * 10 + digit_of(c[3]);
	*text = c + 4;
	return value <= 255 ? value : -1;
}

/* One label and the dot behind it, if any. */
static bool label_parse(struct ap_name *name, const char **text)
{
	uint8_t *len = &name->octets[name->len++];

	*len = 0;
	while (**text != '\0' && **text != '.') {
		int octet = octet_parse(text);

		if (octet < 0 || *len == 63 || name->len >= AP_NAME_MAX - 1)
			return false;
		name->octets[name->len++] = (uint8_t)octet;
		++*len;
	}
	if (**text == '.')
		++*text;
	return *len > 0;
}

int ap_name_parse(struct ap_name *name, const char *text)
{
	struct ap_name parsed = {0, {0}};

	if (strcmp(text, ".") == 0)
		text++;
	else if (*text == '\0')
		return AGREE_EDOMAIN;
	while (*text != '\0')
		if (parsed.len >= AP_NAME_MAX - 2 || !label_parse(&parsed, &text))
			return AGREE_EDOMAIN;
	parsed.octets[parsed.len++] = 0;
	*name = parsed;
	return 0;
}

/*
 * A dot inside a label would look like one between labels; space and what means something in zone
 * files or to a shell is escaped too, so that the text can be pasted.
 */
static void octet_show(struct ap_text *t, uint8_t octet)
{
	char plain[2] = {(char)octet, '\0'};

	if (octet <= 0x20 || octet >= 0x7f || octet == '"' || octet == '\\')
		ap_text_addf(t, "\\%03u", octet);
	else if (strchr(".;()@$", octet) != NULL)
		ap_text_addf(t, "\\%c", octet);
	else
		ap_text_add(t, plain);
}

void ap_name_show(struct ap_text *t, const struct ap_name *name)
{
	if (name->len <= 1)
		ap_text_add(t, ".");
	for (size_t at = 0; at + 1 < name->len; at += 1U + name->octets[at]) {
		if (at > 0)
			ap_text_add(t, ".");
		for (size_t i = 0; i < name->octets[at]; i++)
			octet_show(t, name->octets[at + 1 + i]);
	}
}

/* ---- comparing ---- */

/* Lengths of labels are below 64 and so have no letter case: whole names compare octet by octet. */
static bool is_same(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool ap_name_equal(const struct ap_name *a, const struct ap_name *b)
{
	return a->len == b->len && is_same(a->octets, b->octets, a->len);
}

bool ap_name_is_within(const struct ap_name *name, const struct ap_name *zone)
{
	size_t at = 0;

	/* the zone's octets at the end count only where a label begins */
	while (name->len - at > zone->len && name->octets[at] > 0)
		at += 1U + name->octets[at];
	return name->len - at == zone->len && is_same(name->octets + at, zone->octets, zone->len);
}

/* Does a label, or the root, begin at `place`? */
static bool is_boundary(const struct ap_name *name, size_t place)
{
	size_t at = 0;

	while (at < place && name->octets[at] > 0)
		at += 1U + name->octets[at];
	return at == place;
}

size_t ap_name_common(const struct ap_name *a, const struct ap_name *b)
{
	for (size_t at = 0; at + 1 < a->len; at += 1U + a->octets[at]) {
		size_t tail = a->len - at;

		if (tail <= b->len && is_boundary(b, b->len - tail) &&
		    is_same(a->octets + at, b->octets + b->len - tail, tail))
			return tail;
	}
	return 1;
}

unsigned ap_name_labels(const struct ap_name *name)
{
	unsigned n = 0;

	for (size_t at = 0; at + 1 < name->len; at += 1U + name->octets[at])
		n++;
	return n;
}

bool ap_name_parent(struct ap_name *parent, const struct ap_name *name)
{
	size_t first = 1U + name->octets[0];

	if (name->len <= 1)
		return false;
	memmove(parent->octets, name->octets + first, name->len - first);
	parent->len = (uint8_t)(name->len - first);
	return true;
}

bool ap_name_prepend(struct ap_name *out, const char *label, size_t len, const struct ap_name *name)
{
	struct ap_name longer;

	if (len == 0 || len > 63 || 1 + len + name->len > AP_NAME_MAX)
		return false;
	longer.len = (uint8_t)(1 + len + name->len);
	longer.octets[0] = (uint8_t)len;
	memcpy(longer.octets + 1, label, len);
	memcpy(longer.octets + 1 + len, name->octets, name->len);
	*out = longer;
	return true;
}

/* ---- base32hex ---- */

void ap_label_of_id(char text[AP_ID_TEXT + 1], const uint8_t id[AP_ID_LEN])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned bits = 0, have = 0;
	size_t at = 0;

	for (size_t i = 0; i < AP_ID_LEN; i++) {
		bits = (bits << 8 | id[i]) & 0xfff;
		for (have += 8; have >= 5; have -= 5)
			text[at++] = digits[bits >> (have - 5) & 31];
	}
	text[at++] = digits[bits << (5 - have) & 31];
	text[at] = '\0';
}

static int base32hex_digit(char c)
{
	uint8_t l = lower((uint8_t)c);

	if (l >= '0' && l <= '9')
		return l - '0';
	return l >= 'a' && l <= 'v' ? l - 'a' + 10 : -1;
}

int ap_label_to_id(uint8_t id[AP_ID_LEN], const char *text, size_t len)
{
	uint8_t octets[AP_ID_LEN];
	unsigned bits = 0, have = 0;
	size_t at = 0;

	if (len != AP_ID_TEXT)
		return AGREE_EID;
	for (size_t i = 0; i < len; i++) {
		int digit = base32hex_digit(text[i]);

		if (digit < 0)
			return AGREE_EID;
		bits = (bits << 5 | (unsigned)digit) & 0xfff;
		have += 5;
		if (have >= 8) {
			have -= 8;
			octets[at++] = (uint8_t)(bits >> have);
		}
	}
	if ((bits & ((1U << have) - 1)) != 0)
		return AGREE_EID;
	memcpy(id, octets, AP_ID_LEN);
	return 0;
}

bool ap_name_is_instance(const struct ap_name *name, const struct ap_name *zone,
			 uint8_t id[AP_ID_LEN])
{
	return name->octets[0] == AP_ID_TEXT && name->len == 1 + AP_ID_TEXT + zone->len &&
	       is_same(name->octets + 1 + AP_ID_TEXT, zone->octets, zone->len) &&
	       ap_label_to_id(id, (const char *)name->octets + 1, AP_ID_TEXT) == 0;
}

bool ap_name_of_instance(struct ap_name *name, const uint8_t id[AP_ID_LEN],
			 const struct ap_name *zone)
{
	char label[AP_ID_TEXT + 1];

	ap_label_of_id(label, id);
	return ap_name_prepend(name, label, AP_ID_TEXT, zone);
}

/* ---- base64url ---- */

void ap_base64url_show(struct ap_text *t, const uint8_t *octets, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t at = 0; at < len && !t->cut; at += 3) {
		size_t n = len - at < 3 ? len - at : 3;
		uint32_t bits = (uint32_t)octets[at] << 16;
		char group[4];

		if (n > 1)
			bits |= (uint32_t)octets[at + 1] << 8;
		if (n > 2)
			bits |= octets[at + 2];
		for (size_t i = 0; i < 4; i++)
			group[i] = digits[bits >> (18 - 6 * i) & 63];
		ap_text_addn(t, group, n + 1);
	}
}

static int base64url_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

int ap_base64url_parse(uint8_t *out, size_t max, const char *text, size_t len)
{
	unsigned bits = 0, have = 0;
	size_t at = 0;

	if (len % 4 == 1)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int digit = base64url_digit(text[i]);

		if (digit < 0)
			return -1;
		bits = (bits << 6 | (unsigned)digit) & 0x3fff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (at == max || at == INT32_MAX)
			return -1;
		out[at++] = (uint8_t)(bits >> have);
	}
	if ((bits & ((1U << have) - 1)) != 0)
		return -1;
	return (int)at;
}

int ap_key_parse(uint8_t key[32], const char *text, size_t len)
{
	uint8_t octets[32];

	if (ap_base64url_parse(octets, sizeof(octets), text, len) != 32)
		return AGREE_EKEY;
	memcpy(key, octets, 32);
	return 0;
}
