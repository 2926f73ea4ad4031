/*
 * From RDATA to "proven": libproto/proof.h. Input: the id, then the record. What no signature
 * stops is read too: checks, leaf, root, statement.
 */
#include "libproto/proof.h"
#include "libproto/outcome.h"
#include "tests/fuzz/fuzz.h"

/* of the draft's vectors, see make_seeds.py */
static const uint8_t network[32] = {
	0x8a, 0x88, 0xe3, 0xdd, 0x74, 0x09, 0xf1, 0x95, 0xfd, 0x52, 0xdb,
	0x2d, 0x3c, 0xba, 0x5d, 0x72, 0xca, 0x67, 0x09, 0xbf, 0x1d, 0x94,
	0x12, 0x1b, 0xf3, 0x74, 0x88, 0x01, 0xb4, 0x0f, 0x6f, 0x5c,
};

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct ap_statement statement;
	struct ap_reader r;
	ap_bytes rdata;
	ap_agree agree;
	bool decoded;
	int err;

	if (len < AP_ID_LEN)
		return 0;
	rdata = (ap_bytes){octets + AP_ID_LEN, len - AP_ID_LEN};
	ap_reader_init(&r, rdata.data, rdata.len);
	ap_agree_get(&r, &agree);
	decoded = ap_reader_done(&r);
	if (decoded && ap_agree_check(&agree, octets) == NULL &&
	    ap_agree_statement(ap_sha256, &statement, octets, &agree))
		MUST(statement.count == agree.proof.count);
	err = ap_proof_parse(&agree, network, octets, rdata, NULL);
	MUST(err == 0 || err == AGREE_ERECORD || err == AGREE_EPROOF || err == AGREE_ESIGNATURE ||
	     err == AGREE_ENOMEM);
	MUST((err == AGREE_ERECORD) == !decoded);
	return 0;
}
