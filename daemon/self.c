#include "config.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* ---- can it start here? ---- */

/* The address alone, at any port: a replica that runs has the right one. */
static int address_check(const char *key, const struct addr *a, struct ap_text *why)
{
	struct addr any = *a;
	int fd = socket(a->ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (a->ss.ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)&any.ss)->sin6_port = 0;
	else
		((struct sockaddr_in *)(void *)&any.ss)->sin_port = 0;
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any.ss, any.len) != 0)
		err = errno;
	if (fd >= 0)
		close(fd);
	if (err == 0)
		return 0;
	ap_text_addf(why, "%s: cannot listen at ", key);
	addr_show(why, (const struct sockaddr *)&a->ss);
	ap_text_addf(why, ": %s: set an address that this host has", strerror(err));
	return AGREE_EADDRESS;
}

/* It is made at the first start, but not those above it. */
static int data_check(const char *data, struct ap_text *why)
{
	char copy[PATH_MAX];
	const char *place = data;
	struct stat st;
	int err = stat(data, &st) == 0 ? 0 : errno;

	if (err == ENOENT && strlen(data) < sizeof copy) {
		strcpy(copy, data);
		place = dirname(copy);
		err = stat(place, &st) == 0 ? 0 : errno;
	}
	if (err == 0 && !S_ISDIR(st.st_mode))
		err = ENOTDIR;
	if (err == 0)
		return 0;
	ap_text_addf(why, "data: %s: %s: make this directory, or set another", place,
		     strerror(err));
	return AGREE_EFILE;
}

int self_check_host(const struct self *self, const struct conf *conf, struct ap_text *why)
{
	int result = 0;

	if (conf->username[0] != '\0' && getpwnam(conf->username) == NULL) {
		ap_text_addf(why,
			     "username: there is no account %s: make it, or change agreed.conf",
			     conf->username);
		return AGREE_EFILE;
	}
	result = data_check(conf->data, why);
	for (size_t i = 0; result == 0 && i < self->n_listen; i++)
		result = address_check("listen", &self->listen[i], why);
	return result != 0 ? result : address_check("link-listen", &self->link_listen, why);
}

void self_wipe(struct self *self)
{
	ap_wipe(self->seed, sizeof self->seed);
}
