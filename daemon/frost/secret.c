/* secret.c: see secret.h */
#include "config.h"

#include "daemon/frost/secret.h"

#include <sys/mman.h>

#include <sodium.h>

void *frost_secret_new(size_t size, bool *locked)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* a child must not go on with the parent's nonces: two computations with one nonce give the
	 * share away */
	if (madvise(p, size, MADV_DONTDUMP) != 0 || madvise(p, size, MADV_WIPEONFORK) != 0) {
		munmap(p, size);
		return NULL;
	}
	*locked = mlock(p, size) == 0;
	return p;
}

void frost_secret_free(void *memory, size_t size)
{
	if (memory == NULL)
		return;
	sodium_memzero(memory, size);
	munmap(memory, size); /* unlocks */
}
