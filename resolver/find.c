/* agree_network_find(): discovery, lookups and trust put together. draft {#discovery}, {#trust} */
#include "config.h"

#include "resolver/ctx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libproto/crypto.h"
#include "resolver/resolvconf.h"

enum { LOOKUP_TRIES_MAX = 3, LOOKUP_TIME_MAX_MS = 2000 };

struct find {
	struct agree_request request; /* first: they are one object */
	agree_network_cb *cb;
	void *arg;
	struct agree_network *network;
	bool has_key;
	uint8_t key[32];
	struct stub_settings settings; /* as they were */
	struct stub_discover discover;
	struct stub_lookup *lookup;
};

static struct find *find_of(struct agree_request *request)
{
	return (struct find *)request;
}

/* ---- the result ---- */

static uint64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void network_fill(const struct find *find, struct agree_network *network)
{
	const struct stub_settings *s = &find->settings;
	size_t n;
	const struct stub_target *targets = stub_discover_targets(&find->discover, &n);
	char name[AP_NAME_TEXT];
	struct ap_text t;

	if (stub_discover_txt_status(&find->discover) == 0)
		network->txt = find->discover.txt;
	network->tcp_only = find->discover.tcp_only;
	if (s->server.len != 0) {
		stub_address_show_host(name, &s->server);
		stub_network_add(network, name, &s->server, 1);
	}
	for (size_t i = 0; i < n; i++) {
		ap_text_init(&t, name, sizeof(name));
		ap_name_show(&t, &targets[i].srv.target);
		stub_network_add(network, name, targets[i].addresses, targets[i].n_addresses);
	}
	/* what the TXT record says of f only has errors believed too early or too late */
	if (s->has_f)
		network->f = s->f;
	else if (network->txt.has_f && network->txt.f < AP_THRESHOLD_MAX)
		network->f = (unsigned)network->txt.f;
	else
		network->f = n > 0 ? (unsigned)(n - 1) / 3 : 0;
}

/* line 0: there is none to name. */
static void known_trace(struct agree_ctx *ctx, const char *path, int err, unsigned long line)
{
	char words[STUB_KNOWN_PATH_MAX + 32];

	if (err != AGREE_EKNOWN && err != AGREE_EFILE)
		return;
	if (line > 0)
		snprintf(words, sizeof(words), "%s:%lu", path, line);
	else
		snprintf(words, sizeof(words), "%s", path);
	stub_trace_note(ctx, NULL, false, err, words);
}

/* What a person would like to know about why there is no network. */
static void failure_trace(const struct find *find, int err)
{
	struct agree_ctx *ctx = find->request.ctx;
	char words[128];
	struct ap_text t;
	size_t n;

	ap_text_init(&t, words, sizeof(words));
	(void)stub_discover_targets(&find->discover, &n);
	if (err == AGREE_ENOKEY) {
		ap_text_add(&t, "the DNS has ");
		ap_base64url_show(&t, find->discover.txt.key, sizeof(find->discover.txt.key));
		ap_text_add(&t, ", which nothing authenticates");
	} else if (err == AGREE_ENONETWORK && n > 0) {
		ap_text_add(&t, "the replicas of this network have no address that may be used: "
				"leave out -4 or -6");
	} else {
		return;
	}
	stub_trace_note(ctx, NULL, false, err, words);
}

static void find_conclude(struct find *find)
{
	struct stub_trust_conf conf = {
		.caller = find->has_key ? find->key : NULL,
		.known_path =
			find->settings.known_path[0] != '\0' ? find->settings.known_path : NULL,
		.tofu = find->settings.tofu,
		.now_ms = wall_ms(),
	};
	struct stub_discover *d = &find->discover;
	struct stub_trust trust;
	int err = stub_discover_status(d);

	if (err == 0) {
		err = stub_trust_choose(&trust, &conf, &d->conf.domain, &d->txt,
					stub_discover_txt_status(d));
		known_trace(find->request.ctx, find->settings.known_path, err, trust.known_line);
	}
	if (err == 0)
		err = stub_network_new(&find->network, &d->conf.domain, &trust);
	if (err == 0)
		network_fill(find, find->network);
	failure_trace(find, err);
	stub_request_done(&find->request, err);
}

/* ---- on the way ---- */

static void lookup_trace(struct find *find, const struct ap_name *name, uint16_t type)
{
	char words[AP_NAME_TEXT + 32];
	struct ap_text t;

	if (find->request.ctx->trace == NULL)
		return;
	ap_text_init(&t, words, sizeof(words));
	ap_text_addf(&t, "looking up %s ",
		     type == AP_RR_TXT	 ? "TXT"
		     : type == AP_RR_SRV ? "SRV"
		     : type == AP_RR_A	 ? "A"
					 : "AAAA");
	ap_name_show(&t, name);
	stub_trace_note(find->request.ctx, find->settings.n_dns > 0 ? &find->settings.dns[0] : NULL,
			false, 0, words);
}

/* Called inside c-ares too: only notes what came. */
static void answer_came(void *arg, unsigned tag, int error, const void *wire, size_t len)
{
	struct find *find = arg;

	stub_discover_answer(&find->discover, tag, error, wire, len);
}

static void find_go_on(struct agree_request *request, uint64_t now_ms)
{
	struct find *find = find_of(request);
	const struct ap_name *name;
	uint16_t type;
	unsigned tag;

	(void)now_ms;
	if (request->done)
		return;
	stub_lookup_expire(find->lookup);
	while (stub_discover_next(&find->discover, &name, &type, &tag)) {
		lookup_trace(find, name, type);
		stub_lookup_ask(find->lookup, name, type, tag);
	}
	if (stub_discover_is_over(&find->discover))
		find_conclude(find);
}

static void progress(void *arg)
{
	struct find *find = arg;

	find_go_on(&find->request, stub_now_ms());
}

static uint64_t find_deadline(const struct agree_request *request, uint64_t now_ms)
{
	const struct find *find = (const struct find *)request;

	return stub_lookup_deadline(find->lookup, now_ms);
}

static void find_stop(struct agree_request *request)
{
	struct find *find = find_of(request);

	stub_lookup_free(find->lookup);
	find->lookup = NULL;
}

static void find_call(struct agree_request *request, int status)
{
	struct find *find = find_of(request);
	struct agree_network *network = find->network;

	find->network = NULL;
	if (status != 0) {
		agree_network_free(network);
		network = NULL;
	}
	find->cb(find->arg, status, network);
}

static void find_free(struct agree_request *request)
{
	agree_network_free(find_of(request)->network);
	free(request);
}

static const struct stub_request_kind find_kind = {find_go_on, find_deadline, find_stop, find_call,
						   find_free};

/* ---- the beginning ---- */

/* With a replica to ask, that one also tells what it has in its TXT record. */
static int find_lookup(struct find *find, struct agree_ctx *ctx)
{
	const struct stub_settings *s = &find->settings;
	struct stub_lookup_conf conf = {
		.servers = s->server.len != 0 ? &s->server : s->dns,
		.n_servers = s->server.len != 0 ? 1 : s->n_dns,
		.time_ms = s->tuning.time_ms < LOOKUP_TIME_MAX_MS ? s->tuning.time_ms
								  : LOOKUP_TIME_MAX_MS,
		.tries = s->tuning.tries < LOOKUP_TRIES_MAX ? s->tuning.tries : LOOKUP_TRIES_MAX,
		.io = &ctx->io,
		.random = ap_random,
		.answer = answer_came,
		.progress = progress,
		.arg = find,
	};

	return stub_lookup_new(&find->lookup, &conf);
}

static int find_init(struct find *find, struct agree_ctx *ctx, const char *domain, const char *key)
{
	struct stub_discover_conf conf = {.random = ap_random};
	const struct stub_settings *s = &ctx->settings;
	int err = ap_name_parse(&conf.domain, domain);

	if (err == 0 && key != NULL) {
		find->has_key = true;
		err = ap_key_parse(find->key, key, strlen(key));
		if (err == 0 && !ap_key_is_usable(find->key))
			err = AGREE_EKEY;
	}
	if (err != 0)
		return err;
	find->settings = *s;
	conf.txt_only = s->server.len != 0;
	conf.families = s->families;
	/* a server that was named is not the system's resolver, however near it is */
	conf.trusts_ad = s->trust_ad || (s->n_dns == 0 && s->server.len == 0 &&
					 stub_resolvconf_file_trusts(STUB_RESOLVCONF_PATH));
	err = stub_discover_init(&find->discover, &conf);
	return err != 0 ? err : find_lookup(find, ctx);
}

int agree_network_find(agree_ctx *ctx, const char *domain, const char *key, agree_network_cb *cb,
		       void *arg, agree_request **request)
{
	struct find *find;
	int err = stub_ctx_check(ctx);

	if (err != 0)
		return err;
	if (domain == NULL || cb == NULL)
		return AGREE_EUSAGE;
	find = calloc(1, sizeof(*find));
	if (find == NULL)
		return AGREE_ENOMEM;
	find->cb = cb;
	find->arg = arg;
	err = find_init(find, ctx, domain, key);
	if (err != 0) {
		free(find);
		return err;
	}
	stub_request_begin(&find->request, ctx, &find_kind);
	if (request != NULL)
		*request = &find->request;
	return 0;
}

int agree_known_key(agree_ctx *ctx, const char *domain, unsigned char key[AGREE_KEY_LEN])
{
	struct stub_known known;
	struct ap_name name;
	int err = stub_ctx_check(ctx);

	if (err != 0)
		return err;
	if (domain == NULL || key == NULL)
		return AGREE_EUSAGE;
	err = ap_name_parse(&name, domain);
	if (err == 0 && ctx->settings.known_path[0] != '\0')
		err = stub_known_find(ctx->settings.known_path, &name, &known);
	known_trace(ctx, ctx->settings.known_path, err, err == AGREE_EKNOWN ? known.line : 0);
	if (err == STUB_KNOWN_FOUND)
		memcpy(key, known.key, AGREE_KEY_LEN);
	return err == STUB_KNOWN_FOUND ? 0 : err < 0 ? err : AGREE_ENOKEY;
}
