#include "config.h"

#define CARES_NO_DEPRECATED /* what is deprecated since 1.28 stays, and 1.18 has nothing else */
#include "resolver/lookup.h"

#include <ares.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "libproto/dns.h"

struct stub_lookup {
	struct stub_lookup_conf conf;
	ares_channel channel;
	struct stub_watch watches[STUB_LOOKUP_SOCKETS_MAX];
	unsigned in_flight;
	bool silent; /* being freed */
};

struct question {
	struct stub_lookup *lookup;
	unsigned tag;
};

/* ares_library_init() is not thread-safe, and is never undone: others may use c-ares too. */
static int library_init(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool done;
	int err = 0;

	pthread_mutex_lock(&lock);
	if (!done) {
		err = ares_library_init(ARES_LIB_INIT_ALL);
		done = err == ARES_SUCCESS;
	}
	pthread_mutex_unlock(&lock);
	return err == ARES_SUCCESS ? 0 : AGREE_ENOMEM;
}

/* ---- sockets ---- */

static void socket_ready(struct stub_watch *watch, unsigned events)
{
	struct stub_lookup *lookup = watch->arg;
	ares_socket_t fd = watch->fd;

	ares_process_fd(lookup->channel, (events & AGREE_READ) != 0 ? fd : ARES_SOCKET_BAD,
			(events & AGREE_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
	lookup->conf.progress(lookup->conf.arg);
}

static struct stub_watch *watch_of(struct stub_lookup *lookup, int fd)
{
	struct stub_watch *unused = NULL;

	for (size_t i = 0; i < STUB_LOOKUP_SOCKETS_MAX; i++) {
		if (lookup->watches[i].events != 0 && lookup->watches[i].fd == fd)
			return &lookup->watches[i];
		if (lookup->watches[i].events == 0)
			unused = &lookup->watches[i];
	}
	return unused;
}

/* A socket that cannot be watched gets no answer: its lookup runs into its time limit. */
static void socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct stub_lookup *lookup = arg;
	struct stub_watch *watch = watch_of(lookup, fd);
	unsigned events = (readable ? AGREE_READ : 0U) | (writable ? AGREE_WRITE : 0U);

	if (watch == NULL)
		return;
	if (watch->events == 0)
		*watch = (struct stub_watch){.fd = fd, .ready = socket_ready, .arg = lookup};
	(void)stub_io_watch(lookup->conf.io, watch, events);
}

/* ---- channel ---- */

static int servers_set(struct stub_lookup *lookup)
{
	struct ares_addr_port_node nodes[STUB_SERVERS_MAX];
	size_t n = lookup->conf.n_servers;

	if (n == 0)
		return ARES_SUCCESS;
	memset(nodes, 0, sizeof(nodes));
	for (size_t i = 0; i < n && i < STUB_SERVERS_MAX; i++) {
		const struct stub_address *a = &lookup->conf.servers[i];

		nodes[i].next = i + 1 < n && i + 1 < STUB_SERVERS_MAX ? &nodes[i + 1] : NULL;
		nodes[i].family = a->len == 4 ? AF_INET : AF_INET6;
		memcpy(&nodes[i].addr, a->octets, a->len);
		nodes[i].udp_port = a->port;
		nodes[i].tcp_port = a->port;
	}
	return ares_set_servers_ports(lookup->channel, nodes);
}

static int channel_open(struct stub_lookup *lookup)
{
	struct ares_options options = {
		.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH |
			 ARES_FLAG_NOALIASES,
		.timeout = (int)lookup->conf.time_ms,
		.tries = lookup->conf.tries,
		.ednspsz = AP_UDP_MAX,
		.sock_state_cb = socket_state,
		.sock_state_cb_data = lookup,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
		   ARES_OPT_SOCK_STATE_CB;
	int status;

#ifdef ARES_OPT_QUERY_CACHE
	/* its key lacks AD: what others asked without would be what we get */
	options.qcache_max_ttl = 0;
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	status = ares_init_options(&lookup->channel, &options, mask);
	if (status == ARES_SUCCESS) {
		status = servers_set(lookup);
		if (status != ARES_SUCCESS)
			ares_destroy(lookup->channel);
	}
	if (status != ARES_SUCCESS)
		return status == ARES_ENOMEM ? AGREE_ENOMEM : AGREE_ERESOLVER;
	return 0;
}

int stub_lookup_new(struct stub_lookup **out, const struct stub_lookup_conf *conf)
{
	struct stub_lookup *lookup = calloc(1, sizeof(*lookup));
	int err;

	*out = NULL;
	if (lookup == NULL)
		return AGREE_ENOMEM;
	lookup->conf = *conf;
	err = library_init();
	if (err == 0)
		err = channel_open(lookup);
	if (err != 0) {
		free(lookup);
		return err;
	}
	*out = lookup;
	return 0;
}

void stub_lookup_free(struct stub_lookup *lookup)
{
	if (lookup == NULL)
		return;
	lookup->silent = true;
	ares_destroy(lookup->channel);
	for (size_t i = 0; i < STUB_LOOKUP_SOCKETS_MAX; i++)
		if (lookup->watches[i].events != 0)
			(void)stub_io_watch(lookup->conf.io, &lookup->watches[i], 0);
	free(lookup);
}

/* ---- lookups ---- */

static void answer_came(void *arg, int status, int timeouts, unsigned char *octets, int len)
{
	struct question *question = arg;
	struct stub_lookup *lookup = question->lookup;
	unsigned tag = question->tag;
	int error = status == ARES_SUCCESS  ? 0
		    : status == ARES_ENOMEM ? AGREE_ENOMEM
					    : AGREE_ERESOLVER;

	(void)timeouts;
	free(question);
	lookup->in_flight--;
	if (!lookup->silent)
		lookup->conf.answer(lookup->conf.arg, tag, error, octets,
				    len > 0 ? (size_t)len : 0);
}

/*
 * AD in a query asks for AD in the answer (RFC 6840 section 5.7), which ares_query() does not; and
 * 1.18 takes OPT off a message by its length, so it is bare and comes last.
 */
static size_t message_put(struct stub_lookup *lookup, const struct ap_name *name, uint16_t type,
			  uint8_t *message, size_t size)
{
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX};
	struct ap_dns_writer d;
	uint16_t id;

	if (lookup->conf.random(&id, sizeof(id)) != 0)
		return 0;
	ap_dns_begin(&d, message, size, size, id, AP_OPCODE_QUERY, AP_FLAG_RD | AP_FLAG_AD);
	ap_dns_question(&d, name, type, AP_CLASS_IN);
	ap_dns_edns(&d, &edns);
	return ap_dns_end(&d);
}

void stub_lookup_ask(struct stub_lookup *lookup, const struct ap_name *name, uint16_t type,
		     unsigned tag)
{
	struct question *question = malloc(sizeof(*question));
	uint8_t message[AP_DNS_BARE_MAX];
	size_t len = message_put(lookup, name, type, message, sizeof(message));

	if (question == NULL || len == 0) {
		free(question);
		lookup->conf.answer(lookup->conf.arg, tag, AGREE_ENOMEM, NULL, 0);
		return;
	}
	*question = (struct question){.lookup = lookup, .tag = tag};
	lookup->in_flight++;
	ares_send(lookup->channel, message, (int)len, answer_came, question);
}

uint64_t stub_lookup_deadline(const struct stub_lookup *lookup, uint64_t now_ms)
{
	struct timeval buffer, *left;

	if (lookup->in_flight == 0)
		return UINT64_MAX;
	left = ares_timeout(lookup->channel, NULL, &buffer);
	if (left == NULL)
		return UINT64_MAX;
	/* rounded up: c-ares does nothing before its time */
	return now_ms + (uint64_t)left->tv_sec * 1000 + ((uint64_t)left->tv_usec + 999) / 1000;
}

void stub_lookup_expire(struct stub_lookup *lookup)
{
	ares_process_fd(lookup->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
