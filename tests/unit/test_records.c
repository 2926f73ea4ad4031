/* What the journal holds, there and back: daemon/records.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/records.h"

static struct pbft_certificate cert;
static struct pbft_batch batch;
static struct pbft_slot_view slot;

static int each(void **state)
{
	(void)state;
	memset(&cert, 0, sizeof(cert));
	batch = (struct pbft_batch){.digest = {1, 2, 3}};
	slot = (struct pbft_slot_view){.view = 4,
				       .seq = 500,
				       .incarnation = 6,
				       .primary = 2,
				       .batch = &batch,
				       .cert = &cert};
	memset(cert.pre_prepare_sig, 0x11, 64);
	return 0;
}

static void signers(uint16_t who)
{
	cert.who = who;
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++) {
		if ((who >> i & 1) == 0)
			continue;
		cert.incarnation[i] = 100 + i;
		memset(cert.sig[i], (int)(0x20 + i), 64);
	}
}

static void a_certificate_comes_back_as_it_was(void **state)
{
	static const uint16_t sets[] = {0, 1, 0x000e, 0x1000, 0x1fff};
	uint8_t octets[RECORD_CERTIFICATE_MAX];
	struct pbft_certificate back;
	ap_proposal p;

	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		size_t n;

		memset(&cert.incarnation, 0, sizeof(cert.incarnation));
		memset(&cert.sig, 0, sizeof(cert.sig));
		signers(sets[i]);
		n = record_prepared(octets, &slot);
		assert_true(n > 0 && n <= sizeof(octets));
		assert_true(record_prepared_parse(octets, n, &p, &back));
		assert_memory_equal(&back, &cert, sizeof(cert));
		assert_int_equal(p.view, 4);
		assert_int_equal(p.seq, 500);
		assert_int_equal(p.incarnation, 6);
		assert_int_equal(p.replica, 2);
		assert_memory_equal(p.batch.octets, batch.digest, 32);
	}
}

static void other_octets_are_no_certificate(void **state)
{
	uint8_t octets[RECORD_CERTIFICATE_MAX + 1];
	struct pbft_certificate back;
	ap_proposal p;
	size_t n;

	(void)state;
	signers(7);
	n = record_prepared(octets, &slot);
	for (size_t len = 0; len < n; len++)
		assert_false(record_prepared_parse(octets, len, &p, &back));
	octets[n] = 0;
	assert_false(record_prepared_parse(octets, n + 1, &p, &back));
	octets[AP_MAX_proposal + 64] |= 0x20; /* a signer beyond the last possible member */
	assert_false(record_prepared_parse(octets, n, &p, &back));
}

static void a_stable_checkpoint_comes_back_as_it_was(void **state)
{
	uint8_t octets[RECORD_CERTIFICATE_MAX + 1], digest[32] = {5};
	struct record_stable back;
	size_t n;

	(void)state;
	signers(0x1fff);
	n = record_stable(octets, 77, digest, cert.who, cert.incarnation,
			  (const uint8_t(*)[64])cert.sig);
	assert_int_equal(n, 8 + 32 + 2 + 13 * (8 + 64));
	assert_true(record_stable_parse(octets, n, &back));
	assert_int_equal(back.seq, 77);
	assert_int_equal(back.who, 0x1fff);
	assert_memory_equal(back.state, digest, 32);
	assert_memory_equal(back.sig, cert.sig, sizeof(back.sig));
	for (size_t len = 0; len < n; len++)
		assert_false(record_stable_parse(octets, len, &back));
	octets[n] = 0;
	assert_false(record_stable_parse(octets, n + 1, &back));
}

static void a_proposal_names_who_signs(void **state)
{
	ap_proposal p;

	(void)state;
	record_proposal_of(&p, &slot, 3);
	assert_int_equal(p.replica, 3);
	assert_int_equal(p.seq, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_certificate_comes_back_as_it_was, each),
		cmocka_unit_test_setup(other_octets_are_no_certificate, each),
		cmocka_unit_test_setup(a_stable_checkpoint_comes_back_as_it_was, each),
		cmocka_unit_test_setup(a_proposal_names_who_signs, each),
	};

	return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
