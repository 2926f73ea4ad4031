#include "tests/fuzz/nosig.h"

int __wrap_crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *message,
				       unsigned long long len, const unsigned char *key)
{
	(void)message;
	(void)len;
	(void)key;
	return sig[63] & 1 ? -1 : 0;
}
