#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/answer.h"
#include "daemon/client.h"
#include "daemon/quota.h"
#include "daemon/tcp.h"
#include "daemon/udp.h"
#include "daemon/waiters.h"
#include "libproto/agree_errors.h"

enum {
	GIVE_UP_MS = 2000, /* draft {#transport}: answered within two seconds, or SERVFAIL */
	AGAIN_MS = 1000,   /* executed, and no signature: the question is ordered once more */
};

struct clients {
	struct answers *answers;
	struct relay *relay;
	struct udp *udp;
	struct tcp *tcp;
	struct waiters *waiters;
	struct quota *quota;
	uint8_t answer[ANSWER_MAX];
};

static void on_answer(void *arg, const struct asker *asker, const uint8_t id[AP_ID_LEN],
		      const ap_agree *agree, int refusal)
{
	struct clients *c = arg;
	size_t n = answers_outcome(c->answers, asker, id, agree, refusal, c->answer);

	if (asker->tcp) {
		tcp_send(c->tcp, asker, c->answer, n);
		return;
	}
	answers_info(c->answers)->udp_out++;
	udp_send(c->udp, asker, c->answer, n);
}

/* What waits where nobody is any more is forgotten. */
static bool on_hold(void *arg, const struct asker *asker, const uint8_t id[AP_ID_LEN], uint8_t kind,
		    const uint8_t *op, size_t len, uint64_t now_ms)
{
	struct clients *c = arg;

	if (!tcp_has(c->tcp, asker))
		return true;
	if (!waiters_hold(c->waiters, asker, id, kind, op, len, now_ms))
		return false;
	if (!asker->held)
		tcp_hold(c->tcp, asker);
	return true;
}

static void on_pending(void *arg, const struct asker *asker, const uint8_t id[AP_ID_LEN],
		       uint64_t seq)
{
	const struct clients *c = arg;

	quota_pending(c->quota, &asker->peer, id, seq);
}

static int again(void *arg, uint8_t kind, const uint8_t *op, size_t len,
		 const uint8_t id[AP_ID_LEN], const struct asker *asker, uint64_t now_ms)
{
	const struct clients *c = arg;

	return relay_submit(c->relay, kind, op, len, id, asker, now_ms);
}

static void on_closed(void *arg, uint16_t socket)
{
	const struct clients *c = arg;

	waiters_closed(c->waiters, socket);
}

static uint64_t wall_ms(void *arg)
{
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int start(struct clients *c, struct event_base *base, const struct clients_conf *conf)
{
	struct answers_conf ac = {.conf = conf->conf,
				  .net = conf->net,
				  .self = conf->self,
				  .index = conf->index,
				  .machine = conf->machine,
				  .votes = conf->votes};
	struct relay_conf rc = {.self = conf->self,
				.start = conf->start,
				.pending_max = conf->conf->pending_max,
				.prefix_max = conf->conf->address_pending_max,
				.give_up_ms = GIVE_UP_MS,
				.again_ms = AGAIN_MS,
				.index = conf->index,
				.answer = on_answer,
				.pending = on_pending,
				.hold = on_hold,
				.wake = conf->wake,
				.arg = c,
				.wake_arg = conf->arg};
	struct tcp_conf tc = {.clients_max = conf->conf->clients_max,
			      .idle_s = conf->conf->tcp_idle,
			      .closed = on_closed,
			      .arg = c};
	struct waiters_conf wc = {.max = conf->conf->waiting_max,
				  .prefix_max = conf->conf->address_waiting_max,
				  .sockets = conf->conf->clients_max,
				  .index = conf->index,
				  .machine = conf->machine,
				  .wall = wall_ms,
				  .answer = on_answer,
				  .again = again,
				  .arg = c};
	struct quota_conf qc = {.undecided_max = conf->conf->address_undecided_max,
				.votes_rate = conf->conf->address_votes_rate,
				.self = conf->self,
				.machine = conf->machine};
	int status = waiters_new(&c->waiters, &wc);

	if (status == 0)
		status = quota_new(&c->quota, &qc);
	ac.waiters = c->waiters;
	ac.quota = c->quota;
	if (status == 0)
		status = answers_new(&c->answers, &ac);
	if (status == 0)
		status = relay_new(&c->relay, &rc);
	if (status != 0)
		return status;
	answers_relay(c->answers, c->relay);
	status = udp_new(&c->udp, base, c->answers, conf->udp_fds, conf->n_fds);
	if (status == 0)
		status = tcp_new(&c->tcp, base, c->answers, &tc, conf->tcp_fds, conf->n_fds);
	return status;
}

int clients_new(struct clients **out, struct event_base *base, const struct clients_conf *conf)
{
	struct clients *c = calloc(1, sizeof(*c));
	int status;

	*out = c;
	if (c == NULL)
		return AGREE_ENOMEM;
	status = start(c, base, conf);
	if (status != 0) {
		clients_free(c);
		*out = NULL;
	}
	return status;
}

void clients_free(struct clients *c)
{
	if (c == NULL)
		return;
	udp_free(c->udp);
	tcp_free(c->tcp);
	relay_free(c->relay);
	answers_free(c->answers);
	waiters_free(c->waiters);
	quota_free(c->quota);
	free(c);
}

struct relay *clients_relay(struct clients *c)
{
	return c->relay;
}

bool clients_executed(struct clients *c, const struct machine_result *result, uint64_t now_ms)
{
	quota_executed(c->quota, result);
	return waiters_executed(c->waiters, result, now_ms);
}

void clients_overtaken(struct clients *c, uint64_t now_ms)
{
	waiters_overtaken(c->waiters, now_ms);
	quota_overtaken(c->quota);
}

size_t clients_signed(struct clients *c, uint64_t seq, uint64_t now_ms)
{
	size_t n = relay_signed(c->relay, seq, now_ms);

	return n + waiters_signed(c->waiters, seq);
}

uint64_t clients_tick(struct clients *c, uint64_t now_ms)
{
	uint64_t relay = relay_tick(c->relay, now_ms), waiters = waiters_tick(c->waiters, now_ms);

	return relay < waiters ? relay : waiters;
}

void clients_flush(struct clients *c)
{
	udp_flush(c->udp);
}

void clients_info(const struct clients *c, struct clients_info *info)
{
	*info = *answers_info(c->answers);
	info->tcp_open = tcp_open(c->tcp);
	info->waiting = waiters_count(c->waiters);
}
