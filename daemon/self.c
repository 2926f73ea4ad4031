#include "config.h"

#include <string.h>

#include "daemon/idkey.h"
#include "daemon/self.h"
#include "libproto/agree_errors.h"
#include "libproto/crypto.h"

static void addresses_fill(struct self *self, const struct conf *conf)
{
	const struct netfile_member *own = &self->net.members[self->id - 1];

	self->n_listen = conf->listen.n;
	memcpy(self->listen, conf->listen.at, sizeof self->listen);
	if (conf->listen.n == 0) {
		self->listen[0] = own->client;
		self->n_listen = 1;
	}
	self->link_listen = conf->link_listen.n > 0 ? conf->link_listen.at[0] : own->link;
}

int self_load(struct self *self, const struct conf *conf, struct ap_text *why)
{
	uint8_t public_key[32];
	int result;

	memset(self, 0, sizeof *self);
	result = netfile_load(&self->net, conf->network, why);
	if (result == 0)
		result = idkey_load(conf->identity, self->seed, public_key, why);
	if (result != 0)
		return result;
	self->id = netfile_find_key(&self->net, public_key);
	if (self->id == 0) {
		self_wipe(self);
		ap_text_addf(why,
			     "%s: not the key of any member in %s: name the key whose card is in "
			     "it, or the file made with this key's card",
			     conf->identity, conf->network);
		return AGREE_EIDENTITY;
	}
	addresses_fill(self, conf);
	return 0;
}

void self_wipe(struct self *self)
{
	ap_wipe(self->seed, sizeof self->seed);
}
