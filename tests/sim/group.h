/*
 * A group of prime order 2^61 - 1 in the place of Ed25519's, in which discrete logarithms are read
 * off the octets: everything of daemon/frost/ above group.c runs on it unchanged.
 */
#ifndef SIM_GROUP_H
#define SIM_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool group_is_point(const uint8_t octets[32]);
bool group_verify(const uint8_t sig[64], const void *text, size_t len, const uint8_t key[32]);

#endif
