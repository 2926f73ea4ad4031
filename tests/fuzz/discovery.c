/*
 * What discovery makes of answers: resolver/discover.h, txt.c, srv.c. Input: DNS messages, each
 * behind a u16 length, for the lookups in the order in which they are made.
 */
#include "resolver/discover.h"
#include "tests/fuzz/fuzz.h"

static uint8_t next_octet;

static int counting(void *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)octets)[i] = next_octet++;
	return 0;
}

static void targets_look(const struct stub_discover *d)
{
	size_t n;
	const struct stub_target *targets = stub_discover_targets(d, &n);

	MUST(n <= STUB_TARGETS_MAX);
	for (size_t i = 0; i < n; i++) {
		MUST(targets[i].n_addresses <= STUB_TARGET_ADDRESSES_MAX);
		MUST(i == 0 || targets[i - 1].srv.priority <= targets[i].srv.priority);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct stub_discover d;
	struct stub_discover_conf conf = {
		.trusts_ad = true, .families = STUB_V4 | STUB_V6, .random = counting};
	const struct ap_name *name;
	unsigned tag, lookups = 0;
	struct ap_reader r;
	uint16_t type;

	next_octet = 0;
	MUST(ap_name_parse(&conf.domain, "example.test") == 0);
	MUST(stub_discover_init(&d, &conf) == 0);
	ap_reader_init(&r, octets, len);
	while (stub_discover_next(&d, &name, &type, &tag)) {
		ap_span16 wire;

		MUST(++lookups <= STUB_LOOKUPS_MAX);
		ap_span16_get(&r, &wire);
		stub_discover_answer(&d, tag, r.bad == NULL ? 0 : AGREE_ERESOLVER, wire.data,
				     wire.len);
	}
	MUST(stub_discover_is_over(&d));
	MUST(stub_discover_txt_status(&d) != 0 || d.txt.has_key);
	if (stub_discover_status(&d) == 0)
		targets_look(&d);
	return 0;
}
