#include "config.h"

#include "daemon/tls.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

static EVP_PKEY *key_of(const uint8_t seed[32])
{
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
}

/* Names, serial and validity say nothing here: only the key is looked at. */
static X509 *certificate_of(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name;

	if (cert == NULL)
		return NULL;
	name = X509_get_subject_name(cert);
	if (X509_set_version(cert, 2) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
	    ASN1_TIME_set_string(X509_getm_notBefore(cert), "19700101000000Z") == 1 &&
	    ASN1_TIME_set_string(X509_getm_notAfter(cert), "99991231235959Z") == 1 &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"agreed",
				       -1, -1, 0) == 1 &&
	    X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
	    X509_sign(cert, key, NULL) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

/* TLS itself makes the peer sign the handshake with the certificate's key. Whose key it is, peer.c
 * compares; so any certificate of the right kind passes here, and no chain is ever looked at. */
static int accept_kind(X509_STORE_CTX *store, void *arg)
{
	X509 *cert = X509_STORE_CTX_get0_cert(store);
	const EVP_PKEY *key = cert != NULL ? X509_get0_pubkey(cert) : NULL;

	(void)arg;
	if (key != NULL && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519)
		return 1;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

SSL_CTX *tls_context(const uint8_t seed[32])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	EVP_PKEY *key = key_of(seed);
	X509 *cert = key != NULL ? certificate_of(key) : NULL;
	int good = ctx != NULL && cert != NULL &&
		   SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
		   SSL_CTX_set1_sigalgs_list(ctx, "ed25519") == 1 &&
		   SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	X509_free(cert);
	EVP_PKEY_free(key);
	if (!good) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, accept_kind, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	return ctx;
}

int tls_peer_key(const SSL *ssl, uint8_t key[32])
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	const EVP_PKEY *public_key = cert != NULL ? X509_get0_pubkey(cert) : NULL;
	size_t len = 32;

	if (public_key == NULL || EVP_PKEY_get_id(public_key) != EVP_PKEY_ED25519 ||
	    EVP_PKEY_get_raw_public_key(public_key, key, &len) != 1 || len != 32)
		return -1;
	return 0;
}
