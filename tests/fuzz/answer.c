/*
 * What clients send to a replica that is live, from the message to the reply and the operation that
 * it orders: daemon/answer.h. Input: how it comes (u8: bit 0 TCP, bit 1 cut), the message. What is
 * ordered is executed, so the network lives on from input to input.
 */
#include "daemon/answer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/edge.h"

enum { CHECKPOINT_EVERY = 256 };

static struct edge *edge;

static void edge_end(void)
{
	edge_free(edge);
}

static void reply_check(const uint8_t *wire, const uint8_t *out, size_t len, size_t limit)
{
	static struct ap_dns reply;

	MUST(len <= limit);
	MUST(ap_dns_reply(&reply, out, len) == 0);
	MUST(memcmp(out, wire, 2) == 0); /* the id */
}

static void order(void)
{
	static unsigned batches;
	uint64_t seq = edge_batch(edge);

	(void)edge_sign(edge, seq);
	if (++batches % CHECKPOINT_EVERY == 0)
		edge_checkpoint(edge);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static uint8_t out[ANSWER_MAX];
	struct asker asker;
	size_t n;

	if (len < 1 || len > 1 + AP_DNS_MAX)
		return 0;
	if (edge == NULL) {
		edge = edge_live();
		MUST(atexit(edge_end) == 0);
	}
	edge_asker(&asker, 1, 5353);
	asker.tcp = (octets[0] & 1) != 0;
	n = answers_request(edge->answers, octets + 1, len - 1, (octets[0] & 2) != 0, &asker, out);
	if (n > 0)
		reply_check(octets + 1, out, n, asker.tcp ? ANSWER_MAX : AP_UDP_MAX);
	if (relay_waiting(edge->relay))
		order();
	return 0;
}
