/* file.c: octets of key files: integers big-endian, a checksum at the end. */
#include <string.h>

#include "daemon/frost/inner.h"

uint8_t *frost_put_uint(uint8_t *at, uint64_t value, size_t octets)
{
	for (size_t i = octets; i > 0; i--) {
		at[i - 1] = (uint8_t)(value & 0xff);
		value >>= 8;
	}
	return at + octets;
}

uint8_t *frost_put_octets(uint8_t *at, const uint8_t *octets, size_t size)
{
	memcpy(at, octets, size);
	return at + size;
}

const uint8_t *frost_get_uint(const uint8_t *at, uint64_t *value, size_t octets)
{
	*value = 0;
	for (size_t i = 0; i < octets; i++)
		*value = *value << 8 | at[i];
	return at + octets;
}

const uint8_t *frost_get_octets(const uint8_t *at, uint8_t *octets, size_t size)
{
	memcpy(octets, at, size);
	return at + size;
}

static void checksum(const uint8_t *octets, size_t size, uint8_t out[FROST_CHECKSUM])
{
	struct frost_hash h;

	frost_hash_begin_tag(&h, "agree1-keyfile");
	frost_hash_add(&h, octets, size);
	frost_hash_half(&h, out);
}

uint8_t *frost_put_checksum(const uint8_t *start, uint8_t *at)
{
	checksum(start, (size_t)(at - start), at);
	return at + FROST_CHECKSUM;
}

int frost_checksum_check(const uint8_t *octets, size_t size)
{
	uint8_t sum[FROST_CHECKSUM];

	if (size < FROST_CHECKSUM)
		return FROST_EFORMAT;
	checksum(octets, size - FROST_CHECKSUM, sum);
	if (memcmp(sum, octets + size - FROST_CHECKSUM, FROST_CHECKSUM) != 0)
		return FROST_ECHECKSUM;
	return 0;
}
