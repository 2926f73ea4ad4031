/*
 * The file of keys that were once trusted, like ssh's known_hosts. A network is a line, five words:
 *
 *	domain  key (base64url)  epoch  first seen (RFC 3339)  source
 *
 * Lines that are empty or begin with # are kept as they are. The file, or what a symbolic link in
 * its place leads to, is replaced by rename, under a lock, so that readers need none.
 * draft {#trust}
 */
#ifndef STUB_KNOWN_H
#define STUB_KNOWN_H

#include <stdint.h>

#include "libproto/name.h"

enum { STUB_KNOWN_FILE_MAX = 1024 * 1024, STUB_KNOWN_PATH_MAX = 4096 };

struct stub_known {
	uint8_t key[32];
	uint64_t epoch; /* when it was first seen; 0 if that is not known */
	uint64_t seen_ms;
	const char *source; /* "tofu"; only stub_known_add() reads it */
	unsigned long line; /* from 1; with AGREE_EKNOWN the first one that is wrong */
};

enum { STUB_KNOWN_NONE = 0, STUB_KNOWN_FOUND = 1 };
/*
 * The domain's line. A missing file has none. AGREE_EFILE: it cannot be read or is too large.
 * AGREE_EKNOWN: a line is damaged, or contradicts an earlier one; it may have been this domain's,
 * so that it is not taken for "unknown".
 */
int stub_known_find(const char *path, const struct ap_name *domain, struct stub_known *known);

/*
 * Adds a line; directories above the file are made, for the user alone. AGREE_EKEYCHANGED: there
 * is a line with another key by now. AGREE_EFILE (also for a symbolic link that leads nowhere),
 * AGREE_EKNOWN, AGREE_ENOMEM.
 */
int stub_known_add(const char *path, const struct ap_name *domain, const struct stub_known *known);

/* Where it is by default, from the environment: false if there is no such place. */
bool stub_known_path(char path[STUB_KNOWN_PATH_MAX]);

#endif
