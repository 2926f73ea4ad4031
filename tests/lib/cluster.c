#include "config.h"

#include "tests/lib/cluster.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/log.h"
#include "libproto/name.h"

enum { PATIENCE_MS = 60000, ASK_AGAIN_MS = 500 };

/* ---- sockets ---- */

/* One of 127/8 for this process: other tests, which run at the same time, have all ports of
 * 127.0.0.1 to choose from, also while a replica here is stopped. */
static uint32_t host(void)
{
	static uint32_t address;

	if (address == 0)
		address =
			0x7f010000 + 256 * randombytes_uniform(256) + 1 + randombytes_uniform(254);
	return address;
}

static int bound(int type, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	in.sin_addr.s_addr = htonl(host());
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, 64) == 0))
		return fd;
	close(fd);
	return -1;
}

/* A port that is free for both TCP and UDP; below those that the system gives to other programs'
 * connections, since it is left and bound again whenever a replica starts. */
static uint16_t free_port(void)
{
	for (int tries = 0; tries < 1000; tries++) {
		uint16_t port = (uint16_t)(10000 + randombytes_uniform(20000));
		int tcp = bound(SOCK_STREAM, port);
		int udp = tcp < 0 ? -1 : bound(SOCK_DGRAM, port);

		if (tcp >= 0)
			close(tcp);
		if (udp < 0)
			continue;
		close(udp);
		return port;
	}
	fail_msg("no free port");
	return 0;
}

static void place(struct addr *to)
{
	char text[64];
	uint32_t at = host();

	snprintf(text, sizeof(text), "127.%u.%u.%u#%u", at >> 16 & 255, at >> 8 & 255, at & 255,
		 free_port());
	assert_int_equal(addr_parse(to, text), 0);
}

/* ---- members ---- */

static void member(struct cluster *c, uint8_t i)
{
	static const char *const names[] = {"alpha", "beta", "gamma", "delta"};
	struct netfile_member *m = &c->net.members[i];
	uint8_t secret[64];

	memset(c->seeds[i], 0x30 + i, 32);
	crypto_sign_seed_keypair(m->key, secret, c->seeds[i]);
	snprintf(m->name, sizeof(m->name), "%s", names[i]);
	place(&m->client);
	place(&m->link);
	snprintf(c->data[i], sizeof(c->data[i]), "%s/data-%u", c->dir, i);
	c->conf[i].data = c->data[i];
	c->conf[i].nsid = c->conf[i].username = c->conf[i].pidfile = c->conf[i].log_file =
		c->data[i] + strlen(c->data[i]);
	c->conf[i].cookieless_rate = 100000;
	c->conf[i].clients_max = 100;
	c->conf[i].tcp_idle = 30;
	c->conf[i].pending_max = 16384;
	c->conf[i].address_pending_max = 8192;
	c->conf[i].journal_segment = 16;
	c->conf[i].journal_keep = 100000;
}

struct cluster *cluster_new(void)
{
	struct cluster *c = calloc(1, sizeof(*c));
	char text[NETFILE_WHY_MAX];
	struct ap_text why;

	assert_non_null(c);
	assert_true(sodium_init() >= 0);
	log_verbosity(0);
	signal(SIGPIPE, SIG_IGN); /* as main() does */
	ap_text_init(&why, text, sizeof(text));
	tempdir_make(c->dir);
	netfile_defaults(&c->net);
	assert_int_equal(netfile_set_domain(&c->net, "example.test", &why), 0);
	c->net.n = CLUSTER_N;
	for (uint8_t i = 0; i < CLUSTER_N; i++)
		member(c, i);
	netfile_finish(&c->net);
	c->base = event_base_new();
	assert_non_null(c->base);
	return c;
}

int cluster_try(struct cluster *c, unsigned i, char why_text[512])
{
	struct run_sockets s = {.n = 1};
	struct self self = {.net = c->net, .id = (uint8_t)(i + 1)};
	struct ap_text why;
	uint16_t port = addr_port((const struct sockaddr *)&c->net.members[i].client.ss);
	int status;

	ap_text_init(&why, why_text, 512);
	memcpy(self.seed, c->seeds[i], 32);
	s.link_fd =
		bound(SOCK_STREAM, addr_port((const struct sockaddr *)&c->net.members[i].link.ss));
	s.udp_fds[0] = bound(SOCK_DGRAM, port);
	s.tcp_fds[0] = bound(SOCK_STREAM, port);
	assert_true(s.link_fd >= 0 && s.udp_fds[0] >= 0 && s.tcp_fds[0] >= 0);
	status = run_new(&c->run[i], c->base, &c->conf[i], &self, &s, &why);
	if (status != 0) { /* a process would end here, and its sockets with it */
		close(s.link_fd);
		close(s.udp_fds[0]);
		close(s.tcp_fds[0]);
	}
	return status;
}

void cluster_start(struct cluster *c, unsigned i)
{
	char why[512];

	if (cluster_try(c, i, why) != 0)
		fail_msg("replica %u: %s", i, why);
}

void cluster_stop(struct cluster *c, unsigned i)
{
	run_free(c->run[i]);
	c->run[i] = NULL;
}

void cluster_free(struct cluster *c)
{
	for (unsigned i = 0; i < CLUSTER_N; i++)
		cluster_stop(c, i);
	event_base_free(c->base);
	tempdir_remove(c->dir);
	free(c);
}

/* ---- files at a moment ---- */

static void copy_file(const char *from, const char *to)
{
	size_t n;
	uint8_t *octets = tempdir_load(from, &n);

	tempdir_store(to, octets, n);
	assert_int_equal(chmod(to, 0600), 0);
	free(octets);
}

static void copy_dir(const char *from, const char *to)
{
	const struct dirent *entry;
	DIR *d = opendir(from);

	assert_non_null(d);
	assert_int_equal(mkdir(to, 0700), 0);
	while ((entry = readdir(d)) != NULL) {
		char a[TEMPDIR_MAX + 300], b[TEMPDIR_MAX + 300];
		struct stat st;

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "journal-next") == 0)
			continue;
		snprintf(a, sizeof(a), "%s/%s", from, entry->d_name);
		snprintf(b, sizeof(b), "%s/%s", to, entry->d_name);
		assert_int_equal(stat(a, &st), 0);
		if (S_ISDIR(st.st_mode))
			copy_dir(a, b);
		else
			copy_file(a, b);
	}
	closedir(d);
}

void cluster_kill(struct cluster *c, unsigned i)
{
	char copy[TEMPDIR_MAX + 32];

	snprintf(copy, sizeof(copy), "%s/copy-%u", c->dir, i);
	copy_dir(c->data[i], copy);
	cluster_stop(c, i);
	tempdir_remove(c->data[i]);
	assert_int_equal(rename(copy, c->data[i]), 0);
}

/* ---- the loop ---- */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void check_failures(const struct cluster *c)
{
	for (unsigned i = 0; i < CLUSTER_N; i++) {
		if (c->run[i] != NULL && run_failure(c->run[i]) != NULL)
			fail_msg("replica %u: %s", i, run_failure(c->run[i]));
	}
}

static void turn(struct cluster *c, uint64_t at_most_ms)
{
	struct timeval tv = {.tv_sec = (time_t)(at_most_ms / 1000),
			     .tv_usec = (suseconds_t)(at_most_ms % 1000) * 1000};

	event_base_loopexit(c->base, &tv);
	event_base_loop(c->base, EVLOOP_ONCE);
	check_failures(c);
}

void cluster_until(struct cluster *c, bool (*holds)(struct cluster *, void *), void *arg)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while (!holds(c, arg)) {
		if (now_ms() >= end)
			fail_msg("it took too long");
		turn(c, 20);
	}
}

static bool is_settled(struct cluster *c, void *arg)
{
	const struct run *first = NULL;

	(void)arg;
	for (unsigned i = 0; i < CLUSTER_N; i++) {
		struct pbft_info core;

		if (c->run[i] == NULL)
			continue;
		if (first == NULL)
			first = c->run[i];
		pbft_info(c->run[i]->pbft, &core);
		if (core.in_flight > 0 || core.own > 0 ||
		    relay_waiting(clients_relay(c->run[i]->clients)) ||
		    machine_seq(c->run[i]->machine) != machine_seq(first->machine))
			return false;
	}
	return true;
}

void cluster_settle(struct cluster *c)
{
	cluster_until(c, is_settled, NULL);
}

static bool is_live(struct cluster *c, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < CLUSTER_N; i++) {
		char path[TEMPDIR_MAX + 32];

		snprintf(path, sizeof(path), "%s/group.pub", c->data[i]);
		if (c->run[i] == NULL || machine_key(c->run[i]->machine)->phase != MACHINE_LIVE ||
		    access(path, F_OK) != 0)
			return false;
	}
	return true;
}

struct cluster *cluster_live(void)
{
	struct cluster *c = cluster_new();

	for (unsigned i = 0; i < CLUSTER_N; i++)
		cluster_start(c, i);
	cluster_until(c, is_live, NULL);
	return c;
}

/* ---- asking ---- */

struct question {
	int fd;
	unsigned to;
	const uint8_t *wire;
	size_t len;
	uint64_t again_ms;
	struct ap_dns reply;
	uint8_t octets[4096];
};

static bool is_answered(struct cluster *c, void *arg)
{
	struct question *q = arg;
	const struct addr *to = &c->net.members[q->to].client;
	ssize_t n = recv(q->fd, q->octets, sizeof(q->octets), MSG_DONTWAIT);

	if (n > 0) {
		assert_int_equal(ap_dns_reply(&q->reply, q->octets, (size_t)n), 0);
		if (q->reply.rcode != AP_RCODE_SERVFAIL)
			return true;
	}
	if (now_ms() < q->again_ms)
		return false;
	q->again_ms = now_ms() + ASK_AGAIN_MS;
	assert_int_equal(
		sendto(q->fd, q->wire, q->len, 0, (const struct sockaddr *)&to->ss, to->len),
		(ssize_t)q->len);
	return false;
}

const struct ap_dns *cluster_ask(struct cluster *c, unsigned i, const uint8_t *wire, size_t len)
{
	static struct question q;

	q = (struct question){.fd = bound(SOCK_DGRAM, 0), .to = i, .wire = wire, .len = len};
	assert_true(q.fd >= 0);
	cluster_until(c, is_answered, &q);
	close(q.fd);
	return &q.reply;
}

static const struct ap_edns_out padded = {.udp_size = AP_UDP_MAX, .pad_to = 1200};

const ap_agree *cluster_propose(struct cluster *c, unsigned i,
				const struct dnsask_instance *instance, const char *value)
{
	static uint8_t wire[AP_DNS_MAX];
	size_t n = dnsask_update(wire, instance->name, dnsask_propose(instance, 1, value), false,
				 &padded);
	const struct ap_dns *m = cluster_ask(c, i, wire, n);

	assert_int_equal(m->rcode, 0);
	return dnsask_agree(m, AP_PREREQUISITE, cluster_key(c), instance->id);
}

const ap_agree *cluster_get(struct cluster *c, unsigned i, const struct dnsask_instance *instance)
{
	static uint8_t wire[AP_DNS_MAX];
	size_t n = dnsask_make(wire, &(struct dnsask){.id = 9,
						      .name = instance->name,
						      .type = AP_RR_AGREE,
						      .class = AP_CLASS_IN,
						      .edns = &padded});
	const struct ap_dns *m = cluster_ask(c, i, wire, n);

	assert_int_equal(m->rcode, 0);
	return dnsask_agree(m, AP_ANSWER, cluster_key(c), instance->id);
}

/* ---- looking ---- */

const uint8_t *cluster_key(const struct cluster *c)
{
	static uint8_t key[32];
	char path[TEMPDIR_MAX + 32];
	uint8_t *text;
	size_t n;

	snprintf(path, sizeof(path), "%s/group.pub", c->data[0]);
	text = tempdir_load(path, &n);
	assert_int_equal(n, 44);
	assert_int_equal(ap_key_parse(key, (const char *)text, 43), 0);
	free(text);
	return key;
}

void cluster_instance(const struct cluster *c, struct dnsask_instance *out, const char *label)
{
	dnsask_open(out, cluster_key(c), label, (uint64_t)time(NULL) + 600);
}

void cluster_state(const struct cluster *c, uint8_t digest[32])
{
	bool first = true;

	for (unsigned i = 0; i < CLUSTER_N; i++) {
		uint8_t other[32];

		if (c->run[i] == NULL)
			continue;
		machine_digest(c->run[i]->machine, first ? digest : other);
		if (!first)
			assert_memory_equal(digest, other, 32);
		first = false;
	}
	assert_false(first);
}
