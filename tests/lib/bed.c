#include "config.h"

#include "tests/lib/bed.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/journal_priv.h"
#include "libproto/outcome.h"

void bed_decide(struct bed *b, struct bed_kept *k, unsigned i)
{
	const ap_agree *agree;
	char label[32];

	snprintf(label, sizeof(label), "instance %u", b->number);
	snprintf(k->value, sizeof(k->value), "a value to be damaged %u", b->number++);
	cluster_instance(b->c, &k->instance, label);
	agree = cluster_propose(b->c, i, &k->instance, k->value);
	assert_int_equal(agree->outcome.status, AP_STATUS_DECIDED);
	k->sequence = agree->outcome.sequence;
	k->time = agree->outcome.time;
}

void bed_assert_stand(struct bed *b, unsigned i)
{
	for (unsigned n = 0; n < BED_KEPT; n++) {
		const struct bed_kept *k = &b->kept[n];
		const ap_agree *agree = cluster_get(b->c, i, &k->instance);

		assert_int_equal(agree->outcome.status, AP_STATUS_DECIDED);
		assert_int_equal(agree->outcome.sequence, k->sequence);
		assert_int_equal(agree->outcome.time, k->time);
		assert_int_equal(agree->outcome.value.len, strlen(k->value));
		assert_memory_equal(agree->outcome.value.data, k->value, strlen(k->value));
	}
}

static void order(struct bed *b, unsigned i, const uint8_t *op, size_t len)
{
	assert_int_equal(
		relay_submit_own(clients_relay(b->c->run[i]->clients), AP_OP_request, op, len), 0);
	run_wake(b->c->run[i]);
}

static void vote(struct bed *b, unsigned i, const struct dnsask_instance *of, uint8_t party)
{
	uint8_t op[DNSASK_OP];

	order(b, i, op, dnsask_vote_op(op, of, party, 2));
}

/* Does every replica that is up have so many? */
static bool are_open(struct cluster *c, void *n)
{
	for (unsigned i = 0; i < CLUSTER_N; i++)
		if (c->run[i] != NULL &&
		    machine_undecided_count(c->run[i]->machine) != *(size_t *)n)
			return false;
	return true;
}

static void open_some(struct bed *b, unsigned i)
{
	size_t n = BED_OPEN;

	for (unsigned at = 0; at < BED_OPEN; at++) {
		uint8_t op[DNSASK_OP];
		char label[32];

		snprintf(label, sizeof(label), "custody %u", at);
		dnsask_custody(&b->open[at], cluster_key(b->c), label, (uint64_t)time(NULL) + 600);
		order(b, i, op, dnsask_observe_op(op, &b->open[at], 1));
	}
	vote(b, i, &b->open[BED_OPEN - 1], 0);
	cluster_until(b->c, are_open, &n);
}

void bed_assert_open(const struct bed *b, unsigned i)
{
	for (unsigned at = 0; at < BED_OPEN; at++) {
		uint8_t octets[AP_MAX_descriptor];
		const struct dnsask_instance *open = &b->open[at];

		assert_int_equal(machine_undecided(b->c->run[i]->machine, open->id, octets),
				 open->len);
		assert_memory_equal(octets, open->descriptor, open->len);
	}
}

void bed_end(struct bed *b, unsigned i)
{
	size_t none = 0;

	for (unsigned at = 0; at < BED_OPEN; at++) {
		if (at < BED_OPEN - 1)
			vote(b, i, &b->open[at], 0);
		vote(b, i, &b->open[at], 1);
	}
	cluster_until(b->c, are_open, &none);
	cluster_settle(b->c);
	for (unsigned n = 0; n < CLUSTER_N * BED_OPEN; n++) {
		unsigned of = n / BED_OPEN;
		const ap_agree *agree;

		if (b->c->run[of] == NULL)
			continue;
		agree = cluster_get(b->c, of, &b->open[n % BED_OPEN]);
		assert_int_equal(agree->outcome.status, AP_STATUS_DECIDED);
		assert_int_equal(agree->outcome.yes, 3);
	}
}

/* All that are up have merged up to here. */
static bool is_merged(struct cluster *c, void *seq)
{
	for (unsigned i = 0; i < CLUSTER_N; i++) {
		struct index_info info;

		if (c->run[i] == NULL)
			continue;
		index_info(c->run[i]->index, &info);
		if (info.merged_seq < *(uint64_t *)seq)
			return false;
	}
	return true;
}

void bed_pass_checkpoint(struct bed *b, unsigned i)
{
	uint64_t to = (machine_seq(b->c->run[i]->machine) / RUN_INTERVAL + 1) * RUN_INTERVAL;
	struct bed_kept k;

	while (machine_seq(b->c->run[i]->machine) < to)
		bed_decide(b, &k, i);
	cluster_until(b->c, is_merged, &to);
}

void bed_crowd(struct bed *b, unsigned i)
{
	static const struct ap_edns_out padded = {.udp_size = AP_UDP_MAX, .pad_to = 1200};
	const struct addr *to = &b->c->net.members[i].client;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct bed_kept k;

	assert_true(fd >= 0);
	for (unsigned n = 0; n < 40; n++) {
		uint8_t wire[AP_DNS_MAX];
		char label[32];
		size_t len;

		snprintf(label, sizeof(label), "instance %u", b->number++);
		cluster_instance(b->c, &k.instance, label);
		len = dnsask_update(wire, k.instance.name,
				    dnsask_propose(&k.instance, 1, "one of many"), false, &padded);
		assert_int_equal(
			sendto(fd, wire, len, 0, (const struct sockaddr *)&to->ss, to->len),
			(ssize_t)len);
	}
	bed_decide(b, &k, i);
	cluster_settle(b->c);
	close(fd);
}

int bed_up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->c = cluster_live();
	open_some(b, 1);
	for (unsigned n = 0; n < BED_KEPT; n++)
		bed_decide(b, &b->kept[n], n % 4);
	bed_crowd(b, 0);
	bed_pass_checkpoint(b, 0);
	bed_pass_checkpoint(b, 0); /* signatures, too, are merged now */
	cluster_settle(b->c);
	*state = b;
	return 0;
}

int bed_down(void **state)
{
	struct bed *b = *state;

	cluster_free(b->c);
	free(b);
	return 0;
}

unsigned bed_flip(const struct bed *b, unsigned i, const char *file, const void *what, size_t len,
		  size_t behind)
{
	char path[TEMPDIR_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", b->c->data[i], file);
	return tempdir_flip(path, what, len, behind);
}

unsigned bed_flip_values(const struct bed *b, unsigned i)
{
	return bed_flip(b, i, "store/data.mdb", "a value to be damaged", 21, 3);
}

bool bed_has_file(const struct bed *b, unsigned i, const char *name)
{
	char path[TEMPDIR_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", b->c->data[i], name);
	return access(path, F_OK) == 0;
}

void bed_trim(const struct bed *b, unsigned i)
{
	struct journal *j = b->c->run[i]->journal;

	for (size_t t = 0; t < JOURNAL_INDEXED_MAX; t++)
		if (j->index[t] != NULL)
			j->index[t][1].at = 0;
}

struct kv *bed_store(const struct bed *b, unsigned i)
{
	static const struct kv_table tables[BED_TABLES] = {
		{"index", AP_ID_LEN}, {"leaves", 10}, {"trees", 10}, {"blocks", 8},
		{"meta", 0},	      {"history", 9}, {"chunks", 8}};
	struct kv_options options = {.tables = tables, .n_tables = BED_TABLES};
	char dir[TEMPDIR_MAX + 64];
	struct disk_error why;
	struct kv *kv;

	assert_null(b->c->run[i]);
	snprintf(dir, sizeof(dir), "%s/store", b->c->data[i]);
	options.dir = dir;
	memcpy(options.owner, b->c->net.genesis, 32);
	if (kv_open(&kv, &options, &why) != 0)
		fail_msg("%s", why.text);
	return kv;
}
