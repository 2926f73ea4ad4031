/*
 * Which member this replica is: network file and identity key, read and compared.
 */
#ifndef DAEMON_SELF_H
#define DAEMON_SELF_H

#include <stdint.h>

#include "daemon/conf.h"
#include "daemon/netfile.h"

struct self {
	struct netfile net;
	uint8_t id;	  /* 1 to net.n */
	uint8_t seed[32]; /* identity: wiped by self_wipe() */
	/* Where to listen: the configuration's addresses, else the member's own. */
	struct addr listen[CONF_LISTEN_MAX];
	size_t n_listen;
	struct addr link_listen;
};

/* 0 or AGREE_E*, and why has a sentence that names the file. */
int self_load(struct self *self, const struct conf *conf, struct ap_text *why);
/*
 * Has this host what the configuration names: the account, a place for the data, the addresses?
 * 0 or AGREE_E*, and why has a sentence that names the attribute. Nothing is changed.
 */
int self_check_host(const struct self *self, const struct conf *conf, struct ap_text *why);
/* The seed goes as soon as links and signer have it. */
void self_wipe(struct self *self);

#endif
