/*
 * TLS for links between replicas: version 1.3 alone, a self-signed certificate made from the identity key at each
 * start, the other side known by the Ed25519 key in its certificate and by nothing else. draft {#links}
 */
#ifndef DAEMON_TLS_H
#define DAEMON_TLS_H

#include <stdint.h>

#include <openssl/ssl.h>

/* A context for both directions; NULL if OpenSSL cannot. The seed is used during the call only. */
SSL_CTX *tls_context(const uint8_t seed[32]);

/* The key that the other side has proven to hold: 0, or -1 if it has shown none of the right kind. */
int tls_peer_key(const SSL *ssl, uint8_t key[32]);

#endif
