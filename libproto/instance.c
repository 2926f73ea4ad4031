#include "libproto/instance.h"

#include <string.h>

#include "libproto/digest.h"

bool ap_terms_is_open(const ap_terms *terms)
{
	return terms->n_parties == 0;
}

size_t ap_terms_hash_parties(const ap_terms *terms)
{
	size_t n = 0;

	for (size_t i = 0; i < terms->n_parties; i++)
		n += !terms->parties[i].key.present;
	return n;
}

/* Keys only: hash-lock parties differ by their place, which is in their locks. */
static bool has_repeated_key(const ap_terms *terms)
{
	for (size_t i = 0; i < terms->n_parties; i++) {
		for (size_t j = 0; j < i; j++) {
			if (terms->parties[i].key.present && terms->parties[j].key.present &&
			    memcmp(&terms->parties[i].key.it, &terms->parties[j].key.it, 32) == 0)
				return true;
		}
	}
	return false;
}

/* C1 controls are C2 80 to C2 9F in UTF-8. */
static bool has_control(const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (octets[i] < 0x20 || octets[i] == 0x7f)
			return true;
		if (octets[i] == 0xc2 && i + 1 < len && octets[i + 1] < 0xa0)
			return true;
	}
	return false;
}

static const char *label_check(const ap_label *label)
{
	if (label->len == 0)
		return "the label is empty";
	if (label->len > AP_LABEL_MAX)
		return "the label is longer than 63 octets";
	if (!ap_utf8_is(label->data, label->len))
		return "the label is not UTF-8";
	if (has_control(label->data, label->len))
		return "the label has a control character";
	return NULL;
}

static const char *times_check(const ap_terms *terms)
{
	if (terms->deadline == 0)
		return "there is no deadline";
	if (terms->deadline > AP_DEADLINE_MAX)
		return "the deadline is after the year 9999";
	if (terms->start >= terms->deadline)
		return "the start is not before the deadline";
	return NULL;
}

static const char *parties_check(const ap_terms *terms)
{
	if (terms->n_parties > AP_PARTIES_MAX)
		return "more than 32 parties";
	if (terms->k == 0)
		return "k is 0";
	if (terms->n_parties == 0)
		return terms->k == 1 ? NULL : "k is not 1 in an open instance";
	if (terms->k > terms->n_parties)
		return "k is above the number of parties";
	if (has_repeated_key(terms))
		return "two parties have the same key";
	if (ap_terms_hash_parties(terms) > 0 && !terms->fixed.present)
		return "parties with secrets need a fixed value";
	return NULL;
}

const char *ap_terms_check(const ap_terms *terms)
{
	const char *why;

	if (terms->version != AP_DESCRIPTOR_VERSION)
		return "unknown version";
	why = label_check(&terms->label);
	if (why == NULL)
		why = times_check(terms);
	if (why == NULL)
		why = parties_check(terms);
	return why;
}

const char *ap_descriptor_check_draft(const ap_descriptor *descriptor)
{
	const char *why = ap_terms_check(&descriptor->terms);

	if (why == NULL && descriptor->n_locks != 0 &&
	    descriptor->n_locks != ap_terms_hash_parties(&descriptor->terms))
		why = "not one pair of locks for each party without a key";
	return why;
}

const char *ap_descriptor_check(const ap_descriptor *descriptor)
{
	const char *why = ap_descriptor_check_draft(descriptor);

	if (why == NULL && descriptor->n_locks != ap_terms_hash_parties(&descriptor->terms))
		why = "the locks of the parties without a key are missing";
	return why;
}

int ap_descriptor_parse(ap_descriptor *out, ap_bytes octets, const char **why)
{
	struct ap_reader r;

	ap_reader_init(&r, octets.data, octets.len);
	ap_descriptor_get(&r, out);
	*why = ap_reader_error(&r);
	if (*why != NULL)
		return AGREE_EDESCRIPTOR;
	*why = ap_descriptor_check(out);
	return *why == NULL ? 0 : AGREE_EBADTERMS;
}

bool ap_terms_takes(const ap_terms *terms, const ap_value *value)
{
	const ap_value *fixed = &terms->fixed.it;

	if (!terms->fixed.present)
		return true;
	return value->len == fixed->len &&
	       (fixed->len == 0 || memcmp(value->data, fixed->data, fixed->len) == 0);
}

bool ap_instance_id(ap_sha256_fn *sha256, uint8_t id[AP_ID_LEN], const uint8_t network[32],
		    const ap_terms *terms)
{
	uint8_t buffer[AP_MAX_terms];
	uint8_t tag[AP_TAG_LEN];
	struct ap_writer w;

	memset(id, 0, AP_ID_LEN);
	ap_writer_init(&w, buffer, sizeof(buffer));
	ap_terms_put(&w, terms);
	if (w.bad != NULL)
		return false;
	ap_tag(tag, "agree1-instance");
	for (size_t i = 0; i < 5; i++)
		id[i] = (uint8_t)(terms->deadline >> (32 - 8 * i));
	sha256(id + 5,
	       (const ap_bytes[]){
		       {tag, sizeof(tag)},
		       {network, 32},
		       ap_writer_bytes(&w),
	       },
	       3);
	return true;
}

bool ap_descriptor_digest(ap_sha256_fn *sha256, uint8_t digest[32], const ap_descriptor *descriptor)
{
	uint8_t buffer[AP_MAX_descriptor];
	uint8_t tag[AP_TAG_LEN];
	struct ap_writer w;

	memset(digest, 0, 32);
	ap_writer_init(&w, buffer, sizeof(buffer));
	ap_descriptor_put(&w, descriptor);
	if (w.bad != NULL)
		return false;
	ap_tag(tag, "agree1-descript");
	sha256(digest, (const ap_bytes[]){{tag, sizeof(tag)}, ap_writer_bytes(&w)}, 2);
	return true;
}

void ap_lock_digest(ap_sha256_fn *sha256, uint8_t lock[32], const uint8_t id[AP_ID_LEN],
		    uint8_t party, bool yes, const uint8_t secret[32])
{
	uint8_t tag[AP_TAG_LEN];
	const uint8_t which[2] = {party, yes ? 1 : 0};

	ap_tag(tag, "agree1-lock");
	sha256(lock,
	       (const ap_bytes[]){
		       {tag, sizeof(tag)},
		       {id, AP_ID_LEN},
		       {which, sizeof(which)},
		       {secret, 32},
	       },
	       4);
}

size_t ap_vote_put(uint8_t out[AP_VOTE_MAX], uint8_t verb, const uint8_t id[AP_ID_LEN],
		   const ap_value *value)
{
	struct ap_writer w;
	uint8_t *tag;

	ap_writer_init(&w, out, AP_VOTE_MAX);
	tag = ap_grow(&w, AP_TAG_LEN);
	if (tag != NULL)
		ap_tag(tag, "agree1-vote");
	ap_u8_put(&w, &verb);
	ap_octets_put(&w, id, AP_ID_LEN);
	ap_value_put(&w, value);
	return ap_writer_len(&w);
}

uint64_t ap_id_deadline(const uint8_t id[AP_ID_LEN])
{
	uint64_t deadline = 0;

	for (size_t i = 0; i < 5; i++)
		deadline = deadline << 8 | id[i];
	return deadline;
}
