/* The key share's file: daemon/frost/frost.h. A sum is set right, so that more is looked at. */
#include "daemon/frost/inner.h"
#include "tests/fuzz/fuzz.h"

static void key_read(const uint8_t *octets, size_t len)
{
	uint8_t again[FROST_KEY_MAX];
	struct frost_key key;

	if (frost_key_get(&key, octets, len) != 0)
		return;
	MUST(frost_key_check(&key) == 0);
	MUST(fuzz_same(again, frost_key_put(again, &key), octets, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	uint8_t room[FROST_KEY_MAX + FROST_CHECKSUM];

	key_read(octets, len);
	if (len < FROST_CHECKSUM || len > FROST_KEY_MAX)
		return 0;
	memcpy(room, octets, len - FROST_CHECKSUM);
	MUST(frost_put_checksum(room, room + len - FROST_CHECKSUM) == room + len);
	key_read(room, len);
	return 0;
}
