#include "libproto/tsig.h"

#include <string.h>

#include "libproto/agree_errors.h"
#include "libproto/crypto.h"

enum { MAC = 32, HEADER = 12 };

static void algorithm_name(struct ap_name *name)
{
	ap_name_parse(name, "hmac-sha256");
}

/* ---- keys ---- */

/* The alphabet of RFC 4648 section 4, with padding. */
static int base64_parse(uint8_t *out, size_t max, const char *text)
{
	char url[2 * AP_TSIG_SECRET_MAX];
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '=')
		len--;
	if (len >= sizeof(url))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '-' || text[i] == '_')
			return -1;
		url[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	}
	return ap_base64url_parse(out, max, url, len);
}

int ap_tsig_key_parse(struct ap_tsig_key *key, const char *text)
{
	const char *colon = strchr(text, ':');
	char name[AP_NAME_TEXT];
	int len;

	memset(key, 0, sizeof(*key));
	if (colon == NULL || (size_t)(colon - text) >= sizeof(name))
		return AGREE_EUSAGE;
	memcpy(name, text, (size_t)(colon - text));
	name[colon - text] = '\0';
	len = base64_parse(key->secret, sizeof(key->secret), colon + 1);
	if (len < AP_TSIG_SECRET_MIN || ap_name_parse(&key->name, name) != 0)
		return AGREE_EUSAGE;
	key->len = (uint8_t)len;
	return 0;
}

void ap_tsig_key_show(struct ap_text *t, const struct ap_tsig_key *key)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	ap_name_show(t, &key->name);
	ap_text_add(t, ":");
	for (size_t i = 0; i < key->len; i += 3) {
		uint32_t left = key->len - (uint32_t)i, bits = (uint32_t)key->secret[i] << 16;

		bits |= left > 1 ? (uint32_t)key->secret[i + 1] << 8 : 0;
		bits |= left > 2 ? (uint32_t)key->secret[i + 2] : 0;
		ap_text_addf(t, "%c%c%c%c", digits[bits >> 18], digits[bits >> 12 & 63],
			     left > 1 ? digits[bits >> 6 & 63] : '=',
			     left > 2 ? digits[bits & 63] : '=');
	}
}

/* ---- the record ---- */

struct record {
	struct ap_name owner, algorithm;
	uint8_t time[6];
	uint16_t fudge, id, error;
	ap_span16 mac, other;
};

/* ap_dns_request() has looked at its form. */
static void record_get(const struct ap_dns *m, struct record *t)
{
	struct ap_reader r;

	ap_dns_owner(m, &m->tsig, &t->owner);
	ap_reader_init(&r, m->tsig.rdata.data, m->tsig.rdata.len);
	ap_name_get(&r, NULL, &t->algorithm);
	ap_octets_get(&r, t->time, sizeof(t->time));
	ap_u16_get(&r, &t->fudge);
	ap_span16_get(&r, &t->mac);
	ap_u16_get(&r, &t->id);
	ap_u16_get(&r, &t->error);
	ap_span16_get(&r, &t->other);
}

static uint64_t time_get(const uint8_t octets[6])
{
	uint64_t t = 0;

	for (size_t i = 0; i < 6; i++)
		t = t << 8 | octets[i];
	return t;
}

static void time_put(uint8_t octets[6], uint64_t t)
{
	for (size_t i = 0; i < 6; i++)
		octets[i] = (uint8_t)(t >> (40 - 8 * i));
}

/* RFC 8945 section 4.3.3; names in lower case. */
static size_t variables_put(uint8_t *out, size_t cap, const struct record *t)
{
	const uint16_t class = AP_CLASS_ANY;
	const uint32_t ttl = 0;
	struct ap_writer w;
	struct ap_name names[2] = {t->owner, t->algorithm};

	for (size_t n = 0; n < 2; n++)
		for (size_t i = 0; i < names[n].len; i++)
			if (names[n].octets[i] >= 'A' && names[n].octets[i] <= 'Z')
				names[n].octets[i] |= 0x20; /* lengths are below 'A' */
	ap_writer_init(&w, out, cap);
	ap_name_put(&w, &names[0]);
	ap_u16_put(&w, &class);
	ap_u32_put(&w, &ttl);
	ap_name_put(&w, &names[1]);
	ap_octets_put(&w, t->time, sizeof(t->time));
	ap_u16_put(&w, &t->fudge);
	ap_u16_put(&w, &t->error);
	ap_span16_put(&w, &t->other);
	return ap_writer_len(&w);
}

enum { VARIABLES_MAX = 2 * AP_NAME_MAX + 32 };

/* ---- requests ---- */

/* The message as it was before TSIG came: without it, under its own id. */
static void request_mac(uint8_t mac[MAC], const struct ap_dns *m, const struct record *t,
			const struct ap_tsig_key *key)
{
	uint8_t variables[VARIABLES_MAX], header[HEADER];
	uint16_t additional = (uint16_t)(m->counts[AP_ADDITIONAL] - 1);
	size_t len = variables_put(variables, sizeof(variables), t);

	memcpy(header, m->wire.data, sizeof(header));
	header[0] = (uint8_t)(t->id >> 8);
	header[1] = (uint8_t)t->id;
	header[10] = (uint8_t)(additional >> 8);
	header[11] = (uint8_t)additional;
	ap_hmac_sha256(
		mac, (ap_bytes){key->secret, key->len},
		(const ap_bytes[]){{header, sizeof(header)},
				   {m->wire.data + HEADER, m->tsig.owner_at - (size_t)HEADER},
				   {variables, len}},
		3);
}

enum ap_tsig_error ap_tsig_check(const struct ap_dns *request, const struct ap_tsig_key *keys,
				 size_t n, uint64_t now_s, struct ap_tsig *out)
{
	struct ap_name algorithm;
	uint8_t mac[MAC];
	struct record t;

	algorithm_name(&algorithm);
	record_get(request, &t);
	out->time_s = time_get(t.time);
	for (out->key = 0; out->key < n; out->key++)
		if (ap_name_equal(&keys[out->key].name, &t.owner))
			break;
	if (out->key == n || !ap_name_equal(&algorithm, &t.algorithm))
		return AP_TSIG_BADKEY;
	if (t.mac.len > MAC)
		return AP_TSIG_FORMERR;
	request_mac(mac, request, &t, &keys[out->key]);
	if (t.mac.len < MAC)
		return t.mac.len < MAC / 2 ? AP_TSIG_FORMERR : AP_TSIG_BADTRUNC;
	if (!ap_equal(mac, t.mac.data, MAC))
		return AP_TSIG_BADSIG;
	memcpy(out->mac, mac, MAC);
	if (now_s > out->time_s + t.fudge || out->time_s > now_s + t.fudge)
		return AP_TSIG_BADTIME;
	return AP_TSIG_GOOD;
}

/* ---- replies ---- */

size_t ap_tsig_size(const struct ap_tsig_key *key)
{
	struct ap_name algorithm;

	algorithm_name(&algorithm);
	return (size_t)key->name.len + 10 + algorithm.len + 6 + 2 + 2 + (size_t)MAC + 2 + 2 + 2 + 6;
}

static void reply_mac(uint8_t mac[MAC], const uint8_t *reply, size_t len, const struct record *t,
		      const struct ap_tsig_key *key, const struct ap_tsig *request)
{
	const uint8_t mac_len[2] = {0, MAC};
	uint8_t variables[VARIABLES_MAX];

	ap_hmac_sha256(
		mac, (ap_bytes){key->secret, key->len},
		(const ap_bytes[]){{mac_len, sizeof(mac_len)},
				   {request->mac, MAC},
				   {reply, len},
				   {variables, variables_put(variables, sizeof(variables), t)}},
		4);
}

static void record_put(struct ap_writer *w, const struct record *t)
{
	const uint16_t type = AP_RR_TSIG, class = AP_CLASS_ANY;
	const uint32_t ttl = 0;
	size_t rdata_at;

	ap_name_put(w, &t->owner);
	ap_u16_put(w, &type);
	ap_u16_put(w, &class);
	ap_u32_put(w, &ttl);
	ap_u16_put(w, &(const uint16_t){0});
	rdata_at = ap_writer_len(w);
	ap_name_put(w, &t->algorithm);
	ap_octets_put(w, t->time, sizeof(t->time));
	ap_u16_put(w, &t->fudge);
	ap_span16_put(w, &t->mac);
	ap_u16_put(w, &t->id);
	ap_u16_put(w, &t->error);
	ap_span16_put(w, &t->other);
	if (w->bad == NULL)
		ap_writer_patch(w, rdata_at - 2, (uint16_t)(ap_writer_len(w) - rdata_at));
}

size_t ap_tsig_sign(uint8_t *reply, size_t len, size_t cap, const struct ap_tsig_key *key,
		    const struct ap_tsig *request, enum ap_tsig_error error, uint64_t now_s)
{
	struct record t = {.owner = key->name, .fudge = AP_TSIG_FUDGE_S, .error = (uint16_t)error};
	uint8_t mac[MAC], now[6];
	uint16_t additional;
	struct ap_writer w;

	if (len < HEADER || cap < len)
		return 0;
	algorithm_name(&t.algorithm);
	/* RFC 8945 section 5.2.3: under BADTIME the client's time, and the server's as other data
	 */
	time_put(now, now_s);
	time_put(t.time, error == AP_TSIG_BADTIME ? request->time_s : now_s);
	if (error == AP_TSIG_BADTIME)
		t.other = (ap_span16){now, sizeof(now)};
	t.id = (uint16_t)(reply[0] << 8 | reply[1]);
	reply_mac(mac, reply, len, &t, key, request);
	t.mac = (ap_span16){mac, sizeof(mac)};
	ap_writer_init(&w, reply + len, cap - len);
	record_put(&w, &t);
	if (w.bad != NULL)
		return 0;
	additional = (uint16_t)((reply[10] << 8 | reply[11]) + 1);
	reply[10] = (uint8_t)(additional >> 8);
	reply[11] = (uint8_t)additional;
	return len + ap_writer_len(&w);
}
