/*
 * Whether the system's resolver is trusted to say that a record was validated. draft {#trust}
 */
#ifndef STUB_RESOLVCONF_H
#define STUB_RESOLVCONF_H

#include <stdbool.h>
#include <stddef.h>

#define STUB_RESOLVCONF_PATH "/etc/resolv.conf"

/*
 * The AD bit is worth something if the way to the resolver is safe: `options trust-ad` says so, or
 * all its addresses are loopback (and there is one). c-ares looks at neither.
 */
bool stub_resolvconf_trusts(const char *text, size_t len);
/* Of a file; false if it cannot be read. */
bool stub_resolvconf_file_trusts(const char *path);

#endif
