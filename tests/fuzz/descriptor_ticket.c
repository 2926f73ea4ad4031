/* Descriptors as octets and as tickets: libproto/instance.h, ticket.h. Input: either of them. */
#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "libproto/ticket.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t network[32] = {1};

static void encoded_same(const ap_descriptor *d, const uint8_t *octets, size_t len)
{
	uint8_t room[AP_MAX_descriptor];
	struct ap_writer w;

	ap_writer_init(&w, room, sizeof(room));
	ap_descriptor_put(&w, d);
	MUST(w.bad == NULL);
	MUST(fuzz_same(room, ap_writer_len(&w), octets, len));
}

static void ticket_again(const ap_descriptor *d, const uint8_t *octets, size_t len)
{
	static char text[AP_TICKET_MAX];
	uint8_t room[AP_TICKET_OCTETS], id[AP_ID_LEN];
	ap_descriptor again;

	MUST(ap_ticket_make(text, sizeof(text), network, d) == 0);
	MUST(ap_ticket_is(text, strlen(text)));
	MUST(ap_ticket_parse(&again, room, network, text, strlen(text)) == 0);
	encoded_same(&again, octets, len);
	MUST(ap_instance_id(ap_sha256, id, network, &again.terms));
	MUST(ap_id_deadline(id) == again.terms.deadline);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	uint8_t room[AP_TICKET_OCTETS];
	const char *why = NULL;
	ap_descriptor d;
	int err = ap_descriptor_parse(&d, (ap_bytes){octets, len}, &why);

	MUST((err != 0) == (why != NULL));
	if (err == 0) {
		encoded_same(&d, octets, len);
		ticket_again(&d, octets, len);
	}
	if (ap_ticket_parse(&d, room, network, (const char *)octets, len) == 0)
		MUST(ap_descriptor_check_draft(&d) == NULL);
	return 0;
}
