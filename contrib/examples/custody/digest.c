#include "digest.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "step.h"

void digest_make(char text[DIGEST_LEN + 1], const void *octets, size_t len)
{
	unsigned char digest[DIGEST_LEN / 2];

	if (EVP_Digest(octets, len, digest, NULL, EVP_sha256(), NULL) != 1)
		step_die("no SHA-256");
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}
