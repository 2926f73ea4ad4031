/*
 * agreed.conf: sections of `attribute: value`, `#` comments, "quoted strings", `include: GLOB`. The
 * table of attributes is daemon/conf.def; agreed.conf(5) is made of the same rows.
 */
#ifndef DAEMON_CONF_H
#define DAEMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/addr.h"
#include "libproto/tsig.h"

#define CONF_LISTEN_MAX	 16   /* listen: lines */
#define CONF_KEYS_MAX	 16   /* tsig-key: lines */
#define CONF_LINE_MAX	 1024 /* octets of a line, final NUL included */
#define CONF_LINES_MAX	 10000
#define CONF_INCLUDE_MAX 8   /* include: inside include: */
#define CONF_WHY_MAX	 512 /* octets of a sentence about what is wrong: room for `why` */

struct conf_addrs {
	struct addr at[CONF_LISTEN_MAX];
	size_t n;
};

struct conf_keys {
	struct ap_tsig_key at[CONF_KEYS_MAX];
	size_t n;
};

/* What conf.def's kinds are in memory. Strings and paths are owned, never NULL, "" if not set. */
typedef char *conf_text;
typedef char *conf_path; /* absolute */
typedef bool conf_bool;
typedef uint32_t conf_number;
typedef struct conf_addrs conf_addrs;
typedef struct conf_keys conf_keys;

struct conf {
#define ATTR(section, field, key, kind, def, min, max, help) conf_##kind field;
#include "daemon/conf.def"
};

/* $(sysconfdir)/agreed/agreed.conf */
extern const char conf_file_default[];

/*
 * Defaults, then the file. Paths in it are relative to its directory. 0, or AGREE_EFILE,
 * AGREE_EUSAGE, AGREE_ENOMEM: then why says `file:line: what is wrong: what to do` and conf is
 * clear.
 */
int conf_load(struct conf *conf, const char *path, struct ap_text *why);
void conf_clear(struct conf *conf); /* frees; harmless on all zero and twice */

/* The whole configuration, defaults too, in the form that conf_load() reads. */
void conf_show(struct ap_text *t, const struct conf *conf);
/* The value of one attribute, by key or `section.key`; several: a line each. false: no such one. */
bool conf_get(struct ap_text *t, const struct conf *conf, const char *key);
/* The list of attributes as it stands in agreed.conf(5), in mdoc. */
void conf_manual(struct ap_text *t);

#endif
