/* What a client sends, and that whatever was read of it can be answered: libproto/dns.h. */
#include "libproto/dns.h"
#include "tests/fuzz/fuzz.h"

static struct ap_dns request, reply;

static void answer(uint16_t rcode)
{
	const struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .cookie = request.edns.cookie};
	uint8_t out[AP_DNS_BARE_MAX];
	struct ap_dns_writer d;
	size_t n;

	ap_dns_begin_reply(&d, out, sizeof(out), sizeof(out), &request);
	ap_dns_rcode(&d, rcode);
	if (request.edns.present)
		ap_dns_edns(&d, &edns);
	n = ap_dns_end(&d);
	MUST(n >= 12 && n <= sizeof(out));
	MUST(ap_dns_reply(&reply, out, n) == 0);
	MUST(reply.id == request.id && reply.rcode == rcode);
	MUST(!request.has_question || ap_name_equal(&reply.qname, &request.qname));
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	int rcode = ap_dns_request(&request, octets, len);

	if (rcode == AP_DNS_DROP)
		return 0;
	MUST(rcode != 0 || request.bad == NULL);
	MUST(request.n_records <= AP_DNS_RECORDS_MAX);
	for (size_t i = 0; rcode == 0 && i < request.n_records; i++) {
		struct ap_name owner;

		ap_dns_owner(&request, &request.records[i], &owner);
		MUST(owner.len >= 1);
	}
	/* an extended RCODE needs OPT to stand in */
	answer(rcode > 15 && !request.edns.present ? AP_RCODE_FORMERR : (uint16_t)rcode);
	return 0;
}
