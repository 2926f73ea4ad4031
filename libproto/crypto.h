/*
 * SHA-256, HMAC, Ed25519, random octets: the only caller of OpenSSL in libproto. Key objects live
 * in the caller's memory, are made by _init and end with _clear; OpenSSL allocates behind them, so
 * _init can return AGREE_ENOMEM. One object serves one thread at a time.
 */
#ifndef AP_CRYPTO_H
#define AP_CRYPTO_H

#include "libproto/agree_errors.h"
#include "libproto/kinds.h"

/* SHA-256 of the parts, one after the other; an ap_sha256_fn. Cannot fail. */
void ap_sha256(uint8_t out[32], const ap_bytes *parts, size_t n_parts);

/* RFC 2104 with SHA-256, key of any length. */
void ap_hmac_sha256(uint8_t out[32], ap_bytes key, const ap_bytes *parts, size_t n_parts);

/*
 * A public key to verify many signatures with. Keys that are not canonical or have small order are
 * refused with AGREE_EKEY: under those one signature fits every message. draft {#verification}
 */
struct ap_verify_key {
	void *key;
	void *context;
};

int ap_verify_key_init(struct ap_verify_key *k, const uint8_t key[32]);
void ap_verify_key_clear(struct ap_verify_key *k);

/* RFC 8032, without cofactor. 0, AGREE_ESIGNATURE, or AGREE_ENOMEM (nothing said about the
 * signature). */
int ap_verify(struct ap_verify_key *k, const uint8_t sig[64], const void *message, size_t len);
/* The same with a key that is used once. */
int ap_verify_once(const uint8_t key[32], const uint8_t sig[64], const void *message, size_t len);

/* Is this key's encoding canonical and its order not small? */
bool ap_key_is_usable(const uint8_t key[32]);

/* A private key; the seed is the caller's to wipe. */
struct ap_sign_key {
	void *key;
	void *context;
	uint8_t public_key[32];
};

int ap_sign_key_init(struct ap_sign_key *k, const uint8_t seed[32]);
void ap_sign_key_clear(struct ap_sign_key *k);
/* 0 or AGREE_ENOMEM. */
int ap_sign(struct ap_sign_key *k, uint8_t sig[64], const void *message, size_t len);

/* From the system's generator: 0, or AGREE_EINTERNAL and the octets are zero. */
int ap_random(void *octets, size_t len);

/* In constant time. */
bool ap_equal(const void *a, const void *b, size_t len);

/* Overwritten even where the compiler sees no use of it. */
void ap_wipe(void *octets, size_t len);

#endif
