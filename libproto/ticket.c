#include "libproto/ticket.h"

#include <string.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "libproto/instance.h"
#include "libproto/name.h"

enum { CHECK_LEN = 4 };

/* The 4 octets that find a damaged ticket, and one of another network, before anything is sent. */
static void check_octets(uint8_t check[CHECK_LEN], const uint8_t network[32], ap_bytes descriptor)
{
	uint8_t tag[AP_TAG_LEN];
	uint8_t digest[32];

	ap_tag(tag, "agree1-ticket");
	ap_sha256(digest,
		  (const ap_bytes[]){
			  {tag, sizeof(tag)},
			  {network, 32},
			  descriptor,
		  },
		  3);
	memcpy(check, digest, CHECK_LEN);
}

int ap_ticket_make(char *text, size_t size, const uint8_t network[32],
		   const ap_descriptor *descriptor)
{
	uint8_t octets[AP_TICKET_OCTETS];
	struct ap_writer w;
	struct ap_text t;

	if (size == 0)
		return AGREE_ESPACE;
	text[0] = '\0';
	if (ap_descriptor_check_draft(descriptor) != NULL)
		return AGREE_EBADTERMS;
	ap_writer_init(&w, octets, AP_MAX_descriptor);
	ap_descriptor_put(&w, descriptor);
	if (w.bad != NULL)
		return AGREE_EBADTERMS;
	check_octets(octets + ap_writer_len(&w), network, ap_writer_bytes(&w));
	ap_text_init(&t, text, size);
	ap_text_add(&t, AP_TICKET_PREFIX);
	ap_base64url_show(&t, octets, ap_writer_len(&w) + CHECK_LEN);
	if (t.cut) {
		text[0] = '\0';
		return AGREE_ESPACE;
	}
	return 0;
}

bool ap_ticket_is(const char *text, size_t len)
{
	size_t prefix = strlen(AP_TICKET_PREFIX);

	return len >= prefix && memcmp(text, AP_TICKET_PREFIX, prefix) == 0;
}

int ap_ticket_parse(ap_descriptor *descriptor, uint8_t octets[AP_TICKET_OCTETS],
		    const uint8_t network[32], const char *text, size_t len)
{
	uint8_t check[CHECK_LEN];
	size_t prefix = strlen(AP_TICKET_PREFIX);
	struct ap_reader r;
	size_t body;
	int n;

	if (!ap_ticket_is(text, len))
		return AGREE_ETICKET;
	n = ap_base64url_parse(octets, AP_TICKET_OCTETS, text + prefix, len - prefix);
	if (n < CHECK_LEN)
		return AGREE_ETICKET;
	body = (size_t)n - CHECK_LEN;
	check_octets(check, network, (ap_bytes){octets, body});
	if (memcmp(check, octets + body, CHECK_LEN) != 0)
		return AGREE_ETICKETNET;
	ap_reader_init(&r, octets, body);
	ap_descriptor_get(&r, descriptor);
	if (!ap_reader_done(&r) || ap_descriptor_check_draft(descriptor) != NULL)
		return AGREE_ETICKETTERMS;
	return 0;
}

int ap_ticket_open(ap_descriptor *descriptor, ap_bytes label, uint64_t deadline_s)
{
	ap_terms *terms = &descriptor->terms;

	memset(descriptor, 0, sizeof(*descriptor));
	if (label.len == 0 || label.len > AP_LABEL_MAX)
		return AGREE_ELABEL;
	if (deadline_s == 0 || deadline_s > AP_DEADLINE_MAX)
		return AGREE_ETIME;
	terms->version = AP_DESCRIPTOR_VERSION;
	terms->k = 1;
	terms->deadline = deadline_s;
	terms->label = label;
	return ap_descriptor_check(descriptor) == NULL ? 0 : AGREE_ELABEL;
}

/* Terms still have a zero salt here. */
static int salt_make(ap_salt *salt, const uint8_t network[32], const ap_terms *terms,
		     ap_bytes secret)
{
	uint8_t buffer[AP_MAX_terms];
	uint8_t tag[AP_TAG_LEN];
	uint8_t mac[32];
	struct ap_writer w;

	ap_writer_init(&w, buffer, sizeof(buffer));
	ap_terms_put(&w, terms);
	if (w.bad != NULL)
		return AGREE_EINTERNAL;
	ap_tag(tag, "agree1-period");
	ap_hmac_sha256(mac, secret,
		       (const ap_bytes[]){
			       {tag, sizeof(tag)},
			       {network, 32},
			       ap_writer_bytes(&w),
		       },
		       3);
	memcpy(salt->octets, mac, sizeof(salt->octets));
	ap_wipe(mac, sizeof(mac));
	return 0;
}

int ap_ticket_recurring(ap_descriptor *descriptor, const uint8_t network[32], ap_bytes label,
			uint64_t period_s, uint64_t now_s, ap_bytes secret)
{
	uint64_t start;
	int rc;

	memset(descriptor, 0, sizeof(*descriptor));
	if (period_s < AP_PERIOD_MIN_S || period_s > AP_PERIOD_MAX_S)
		return AGREE_EPERIOD;
	if (now_s > AP_DEADLINE_MAX || (now_s + AP_PERIOD_AHEAD_S) / period_s == 0)
		return AGREE_ETIME;
	start = (now_s + AP_PERIOD_AHEAD_S) / period_s * period_s - AP_PERIOD_AHEAD_S;
	/* a period of a minute has its first start at 0, which means "not recurring" */
	if (start == 0)
		return AGREE_ETIME;
	rc = ap_ticket_open(descriptor, label, start + period_s);
	if (rc != 0)
		return rc;
	descriptor->terms.start = start;
	if (secret.len > 0)
		rc = salt_make(&descriptor->terms.salt, network, &descriptor->terms, secret);
	return rc;
}
