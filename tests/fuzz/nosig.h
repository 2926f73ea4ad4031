/*
 * Targets behind signatures link with --wrap=crypto_sign_verify_detached, so that the fuzzer, which
 * cannot sign, comes past them: one is good if its last octet is even.
 */
#ifndef TESTS_FUZZ_NOSIG_H
#define TESTS_FUZZ_NOSIG_H

int __wrap_crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *message,
				       unsigned long long len, const unsigned char *key);

#endif
