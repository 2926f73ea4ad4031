/* bench_verify.c: what a signature of a known key costs to verify, by libsodium and with a prepared
 * key, and a sum of commitments, as `name: value unit` lines; medians over many rounds on one core.
 * "cold": after a walk over more memory than the first two caches hold. */
#include "config.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/curve/curve.h"

enum { ROUNDS = 1001, KEYS = 13, TEXT = 48 }; /* octets of what is signed in a bundle */

static struct curve_key prepared[KEYS];
static uint8_t keys[KEYS][32], sigs[KEYS][64], text[TEXT] = {1};
static volatile uint8_t elsewhere[4 << 20];
static double samples[ROUNDS];

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *name, unsigned n, const char *how)
{
	qsort(samples, ROUNDS, sizeof(samples[0]), compare);
	printf("%s_%u%s: %.1f us\n", name, n, how, samples[ROUNDS / 2]);
}

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "bench_verify: %s\n", what);
	exit(1);
}

static void make_keys(void)
{
	uint8_t secret[64];
	double start;

	for (unsigned i = 0; i < KEYS; i++) {
		crypto_sign_keypair(keys[i], secret);
		crypto_sign_detached(sigs[i], NULL, text, TEXT, secret);
		start = now_us();
		must(curve_key_init(&prepared[i], keys[i]) == 0, "key");
		if (i < 2)
			printf("%s: %.1f us\n", i == 0 ? "curve_key_init_first" : "curve_key_init",
			       now_us() - start);
	}
	printf("curve_key: %zu octets\n", sizeof(prepared[0]));
}

static bool verify(unsigned at, bool is_prepared)
{
	if (is_prepared)
		return curve_verify(&prepared[at], sigs[at], text, TEXT);
	return crypto_sign_verify_detached(sigs[at], text, TEXT, keys[at]) == 0;
}

/* `n` keys in turn. */
static void bench_verify(unsigned n, bool is_prepared, bool is_cold)
{
	for (unsigned r = 0; r < ROUNDS; r++) {
		double start;

		for (size_t i = 0; is_cold && i < sizeof(elsewhere); i += 64)
			elsewhere[i]++;
		start = now_us();
		must(verify(r % n, is_prepared), "signature");
		samples[r] = now_us() - start;
	}
	report(is_prepared ? "verify_curve" : "verify_libsodium", n, is_cold ? "_cold" : "");
}

/* The sum of a set of two: our own term, and a peer's D + [k]E. */
static void bench_terms(void)
{
	uint8_t k[4][32], point[4][32], sum[32];
	struct curve_term terms[2];
	size_t bad;

	for (unsigned i = 0; i < 4; i++) {
		crypto_core_ed25519_scalar_random(k[i]);
		must(crypto_scalarmult_ed25519_base_noclamp(point[i], k[i]) == 0, "point");
	}
	terms[0] = (struct curve_term){.point = point[0]};
	terms[1] = (struct curve_term){.point = point[1], .other = point[2], .factor = k[3]};
	for (unsigned r = 0; r < ROUNDS; r++) {
		double start = now_us();

		must(curve_terms_sum(sum, terms, 2, &bad) == 0, "sum");
		samples[r] = now_us() - start;
	}
	report("terms_curve", 2, "");
	for (unsigned r = 0; r < ROUNDS; r++) {
		uint8_t term[32], added[32];
		double start = now_us();

		must(crypto_scalarmult_ed25519_noclamp(term, k[3], point[2]) == 0 &&
			     crypto_core_ed25519_add(added, point[1], term) == 0 &&
			     crypto_core_ed25519_add(term, point[0], added) == 0,
		     "sum");
		samples[r] = now_us() - start;
		must(memcmp(term, sum, 32) == 0, "another sum");
	}
	report("terms_libsodium", 2, "");
}

int main(void)
{
	static const unsigned in_turn[] = {1, 4, KEYS};

	must(sodium_init() >= 0, "libsodium");
	make_keys();
	for (size_t i = 0; i < sizeof(in_turn) / sizeof(in_turn[0]); i++) {
		bench_verify(in_turn[i], false, false);
		bench_verify(in_turn[i], true, false);
		bench_verify(in_turn[i], true, true);
	}
	bench_terms();
	return 0;
}
