/* The crowd's sockets: each keeps its window full, sends again what is overdue, and gives up. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load.h"

enum { DRAIN = 64, ANSWER = 4096, SWEEP_US = 10000, PAUSE_US = 100000 };

/* One socket, connected to one replica: one client, as far as the replica can see. */
struct link {
	int fd;
	struct load_cookie cookie;
	struct load_job jobs[LOAD_WINDOW_MAX];
	/* what goes out at the end of this turn */
	uint8_t out[DRAIN][AP_UDP_MAX];
	size_t out_len[DRAIN], n_out;
};

uint64_t load_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* A datagram that the kernel does not take, or whose receiver is dead, is a lost one: sent again
 * when it is overdue. */
static void flush(struct link *k)
{
	struct mmsghdr headers[DRAIN];
	struct iovec parts[DRAIN];

	memset(headers, 0, sizeof(headers));
	for (size_t i = 0; i < k->n_out; i++) {
		parts[i] = (struct iovec){k->out[i], k->out_len[i]};
		headers[i].msg_hdr.msg_iov = &parts[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	for (size_t at = 0; at < k->n_out;) {
		int sent = sendmmsg(k->fd, headers + at, (unsigned)(k->n_out - at), 0);

		at += sent > 0 ? (size_t)sent : 1;
	}
	k->n_out = 0;
}

static void send_job(const struct load *l, struct link *k, size_t place, uint64_t now_us)
{
	struct load_job *job = &k->jobs[place];

	if (k->n_out == DRAIN)
		flush(k);
	job->due_us = now_us + l->wait_us;
	k->out_len[k->n_out] = load_ask_put(l, job, (uint16_t)(job->turn << 8 | (uint8_t)place),
					    &k->cookie, k->out[k->n_out]);
	if (k->out_len[k->n_out] > 0)
		k->n_out++;
}

static bool is_more(const struct load *l)
{
	return l->next < l->count && !l->stop;
}

/* The next request into an empty place, if it is time for it. */
static void begin(struct load *l, struct link *k, size_t place, uint64_t now_us)
{
	struct load_job *job = &k->jobs[place];

	job->busy = is_more(l) &&
		    (l->rate == 0 || l->next * 1000000 < (now_us - l->began_us) * l->rate);
	if (!job->busy)
		return;
	load_ask_init(l, job, l->next++);
	job->turn++;
	job->tries = 1;
	job->first_us = now_us;
	send_job(l, k, place, now_us);
}

static void again(struct load *l, struct link *k, size_t place, uint64_t now_us)
{
	struct load_job *job = &k->jobs[place];

	if (job->tries++ < l->tries) {
		l->resent++;
		send_job(l, k, place, now_us);
		return;
	}
	l->lost++;
	begin(l, k, place, now_us);
}

static void acknowledge(struct load *l, const struct load_job *job,
			const struct load_record *record, uint64_t now_us)
{
	char label[AP_ID_TEXT + 1];

	if (l->acknowledged == NULL)
		return;
	ap_label_of_id(label, record->id);
	fprintf(l->acknowledged, "%s ", label);
	for (size_t i = 0; i < record->value_len; i++)
		fprintf(l->acknowledged, "%02x", record->value[i]);
	fprintf(l->acknowledged, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		record->sequence, record->time_ms, record->ours ? l->epoch_us + job->first_us : 0,
		l->epoch_us + now_us);
}

/* Why the first refusal was one: the rest is counted. */
static void tell(const struct ap_dns *m)
{
	const char *name = ap_rcode_name(m->rcode);
	char text[AP_EDE_TEXT_MAX * 4 + 1];
	struct ap_text t;

	ap_text_init(&t, text, sizeof(text));
	ap_text_hostile(&t, m->edns.ede_text.data, m->edns.ede_text.len, 0);
	fprintf(stderr, "load: refused: %s %s\n", name != NULL ? name : "?", text);
}

static void on_answer(struct load *l, struct link *k, const uint8_t *octets, size_t len,
		      uint64_t now_us)
{
	struct load_record record;
	struct load_job *job;
	struct ap_dns m;
	size_t place;

	if (ap_dns_reply(&m, octets, len) != 0) {
		l->wrong++;
		return;
	}
	place = m.id & 0xff;
	job = &k->jobs[place];
	if (!job->busy || job->turn != m.id >> 8)
		return;
	if (m.edns.cookie.len > AP_COOKIE_CLIENT_LEN &&
	    memcmp(m.edns.cookie.data, k->cookie.octets, AP_COOKIE_CLIENT_LEN) == 0) {
		k->cookie.len = m.edns.cookie.len;
		memcpy(k->cookie.octets, m.edns.cookie.data, m.edns.cookie.len);
	}
	switch (load_ask_check(l, job, &m, &record)) {
	case LOAD_GOOD:
		l->latency_us[l->good++] = (uint32_t)(now_us - job->first_us);
		acknowledge(l, job, &record, now_us);
		begin(l, k, place, now_us);
		break;
	case LOAD_AGAIN:
		again(l, k, place, now_us);
		break;
	case LOAD_REFUSED:
		if (l->refused++ == 0)
			tell(&m);
		job->due_us = now_us + PAUSE_US;
		break;
	case LOAD_WRONG:
		l->wrong++;
		begin(l, k, place, now_us);
		break;
	}
}

static void drain(struct load *l, struct link *k)
{
	static uint8_t octets[DRAIN][ANSWER];
	struct mmsghdr headers[DRAIN];
	struct iovec parts[DRAIN];
	uint64_t now_us;
	int n;

	memset(headers, 0, sizeof(headers));
	for (size_t i = 0; i < DRAIN; i++) {
		parts[i] = (struct iovec){octets[i], ANSWER};
		headers[i].msg_hdr.msg_iov = &parts[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(k->fd, headers, DRAIN, MSG_DONTWAIT, NULL);
	now_us = load_now_us();
	for (int i = 0; i < n; i++)
		on_answer(l, k, octets[i], headers[i].msg_len, now_us);
	flush(k);
}

/* What is overdue is sent again, and empty places are filled. Gives the number of requests under
 * way. */
static size_t sweep(struct load *l, struct link *k, uint64_t now_us)
{
	size_t busy = 0;

	for (size_t i = 0; i < l->window; i++) {
		if (!k->jobs[i].busy)
			begin(l, k, i, now_us);
		else if (k->jobs[i].due_us <= now_us)
			again(l, k, i, now_us);
		busy += k->jobs[i].busy;
	}
	flush(k);
	return busy;
}

static bool link_open(struct link *k, const struct sockaddr_storage *server, int epoll)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = k};
	socklen_t len = server->ss_family == AF_INET ? sizeof(struct sockaddr_in)
						     : sizeof(struct sockaddr_in6);
	int room = 4 << 20;

	k->cookie.len = AP_COOKIE_CLIENT_LEN;
	k->fd = socket(server->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->fd < 0 || ap_random(k->cookie.octets, AP_COOKIE_CLIENT_LEN) != 0 ||
	    connect(k->fd, (const struct sockaddr *)server, len) != 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, k->fd, &event) != 0)
		return false;
	/* Less than asked for is enough: what is lost is sent again. */
	setsockopt(k->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return true;
}

static void loop(struct load *l, struct link *links, size_t n_links, int epoll)
{
	struct epoll_event events[LOAD_LINKS_MAX];
	/* a rate is kept in small steps */
	const uint64_t sweep_us = l->rate > 0 ? SWEEP_US / 10 : SWEEP_US;
	uint64_t swept_us = load_now_us();
	size_t busy = 1;

	l->began_us = swept_us;
	for (size_t i = 0; i < n_links; i++)
		sweep(l, &links[i], swept_us);
	do {
		int n = epoll_wait(epoll, events, LOAD_LINKS_MAX, (int)(sweep_us / 1000));

		for (int i = 0; i < n; i++)
			drain(l, events[i].data.ptr);
		if (load_now_us() < swept_us + sweep_us)
			continue;
		swept_us = load_now_us();
		busy = 0;
		for (size_t i = 0; i < n_links; i++)
			busy += sweep(l, &links[i], swept_us);
	} while ((busy > 0 || is_more(l)) && !(l->stop && l->acknowledged == NULL));
}

bool load_run(struct load *l)
{
	size_t n_links = l->n_servers * l->links;
	struct link *links = calloc(n_links, sizeof(*links));
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	bool opened = links != NULL && epoll >= 0;

	for (size_t i = 0; opened && i < n_links; i++)
		opened = link_open(&links[i], &l->servers[i % l->n_servers], epoll);
	if (opened)
		loop(l, links, n_links, epoll);
	else
		fprintf(stderr, "load: cannot open sockets: %s\n", strerror(errno));
	for (size_t i = 0; links != NULL && i < n_links; i++)
		if (links[i].fd > 0)
			close(links[i].fd);
	if (epoll >= 0)
		close(epoll);
	free(links);
	return opened;
}
