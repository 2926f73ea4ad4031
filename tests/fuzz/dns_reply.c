/* What a server sends, kept or walked, and what discovery reads out of records: libproto/dns.h. */
#include "libproto/dns.h"
#include "tests/fuzz/fuzz.h"

static void record_read(const struct ap_rr *rr, const uint8_t *message)
{
	struct ap_reader r;
	struct ap_srv srv;
	ap_bytes string;

	if (ap_srv_get(&srv, rr->rdata, message))
		MUST(srv.target.len >= 1);
	ap_reader_init(&r, rr->rdata.data, rr->rdata.len);
	while (ap_txt_next(&r, &string))
		MUST(string.len <= 255);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct ap_dns m;
	struct ap_name owner;
	struct ap_walk w;
	struct ap_rr rr;
	size_t n = 0, index = 0;

	ap_walk_init(&w, octets, len);
	while (ap_walk_next(&w, &rr, &owner)) {
		MUST(rr.rdata.data >= octets && rr.rdata.data + rr.rdata.len <= octets + len);
		record_read(&rr, octets);
		n++;
	}
	if (ap_dns_reply(&m, octets, len) != 0)
		return 0;
	MUST(m.n_records <= n);
	while (ap_dns_next(&m, AP_ANSWER, &index) != NULL)
		MUST(index <= m.n_records);
	return 0;
}
