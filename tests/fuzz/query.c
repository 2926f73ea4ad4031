/*
 * What a client makes of answers: resolver/query.h. Input: what is asked (u8), then DNS messages,
 * each behind a u16 length, as the answers to what it sends. Their ids are set right, since nobody
 * guesses them; instance, network and client cookie are those of the draft's vectors.
 */
#include "resolver/query.h"
#include "tests/fuzz/fuzz.h"

enum { ENDPOINTS = 4, STEPS_MAX = 1000 };

static const char instance[] = "01lgaap8999h2a9e4vkivgpo4mrak2ooacu5nncdrgil2rhovh9tg27bsifg";
static const uint8_t network[32] = {
	0x8a, 0x88, 0xe3, 0xdd, 0x74, 0x09, 0xf1, 0x95, 0xfd, 0x52, 0xdb,
	0x2d, 0x3c, 0xba, 0x5d, 0x72, 0xca, 0x67, 0x09, 0xbf, 0x1d, 0x94,
	0x12, 0x1b, 0xf3, 0x74, 0x88, 0x01, 0xb4, 0x0f, 0x6f, 0x5c,
};
static const uint8_t cookie[8] = {0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57};

static struct stub_query q;
static struct stub_jar jar;
static struct ap_verify_key key;
static struct stub_endpoint endpoints[ENDPOINTS];

static int no_random(void *octets, size_t len)
{
	memset(octets, 0xa5, len);
	if (len == sizeof(cookie))
		memcpy(octets, cookie, len);
	return 0;
}

static void query_begin(uint8_t ask)
{
	struct stub_query_conf conf = {
		.ask = ask % 3 == 0 ? STUB_READ : (ask % 3 == 1 ? STUB_APPROVE : STUB_OBSERVE),
		.value = {(const uint8_t *)"host-a", 6},
		.wait_ms = (ask & 0x80) != 0 ? 2000 : 0,
		.endpoints = endpoints,
		.n_endpoints = ENDPOINTS,
		.f = 1,
		.key = &key,
		.jar = &jar,
		.random = no_random,
		.tuning = {.time_ms = 500, .hedge_ms = 100, .tries = 2, .udp_size = 1232},
	};

	for (uint8_t i = 0; i < ENDPOINTS; i++)
		endpoints[i] = (struct stub_endpoint){
			.address = {.len = 4, .octets = {192, 0, 2, i}, .port = 7853},
			.replica = i};
	MUST(ap_name_parse(&conf.zone, "example.test") == 0);
	MUST(ap_label_to_id(conf.id.octets, instance, strlen(instance)) == 0);
	MUST(key.key != NULL || ap_verify_key_init(&key, network) == 0);
	stub_jar_init(&jar);
	MUST(stub_query_init(&q, &conf, 0) == 0);
}

static void answer(struct ap_reader *r, const struct stub_send *send, const uint8_t *message,
		   uint64_t now_ms)
{
	uint8_t *wire;
	ap_span16 it;

	ap_span16_get(r, &it);
	if (r->bad != NULL || it.len == 0) {
		stub_query_fail(&q, send->endpoint, send->tcp, AGREE_ENOANSWER, now_ms);
		return;
	}
	wire = malloc(it.len);
	MUST(wire != NULL);
	memcpy(wire, it.data, it.len);
	memcpy(wire, message, it.len < 2 ? it.len : 2);
	(void)stub_query_answer(&q, send->endpoint, send->tcp, wire, it.len, now_ms);
	free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static uint8_t message[STUB_MESSAGE_MAX];
	unsigned steps = 0;
	uint64_t now_ms = 0;
	struct stub_send send;
	enum stub_step step;
	struct ap_reader r;

	if (len == 0)
		return 0;
	query_begin(octets[0]);
	ap_reader_init(&r, octets + 1, len - 1);
	while ((step = stub_query_next(&q, now_ms, message, &send)) != STUB_DONE) {
		MUST(++steps < STEPS_MAX);
		if (step == STUB_SEND) {
			MUST(send.len >= 12 && send.len <= sizeof(message));
			answer(&r, &send, message, now_ms);
		} else {
			MUST(stub_query_deadline(&q) > now_ms);
			now_ms = stub_query_deadline(&q);
		}
	}
	MUST((q.status == 0) == (q.record_len > 0));
	return 0;
}
