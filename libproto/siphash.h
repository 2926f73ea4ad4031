/*
 * SipHash-2-4 with 64 bits of output, for DNS cookies (RFC 9018 section 4.4).
 */
#ifndef AP_SIPHASH_H
#define AP_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* The eight octets of the result in the order in which they are sent. */
void ap_siphash(uint8_t out[8], const uint8_t key[16], const void *octets, size_t len);

#endif
