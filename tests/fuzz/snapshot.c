/*
 * The machine's fixed state: daemon/machine/machine.h. The configuration that it must fit is taken
 * from the octets, where that is a possible one.
 */
#include "daemon/machine/machine.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/fakegroup.h"
#include "tests/lib/memstore.h"

static bool conf_read(struct machine_conf *conf, const uint8_t *octets, size_t len)
{
	struct ap_reader r;

	memset(conf, 0, sizeof(*conf));
	ap_reader_init(&r, octets, len);
	(void)ap_take(&r, 1); /* version */
	ap_u8_get(&r, &conf->n);
	ap_octets_get(&r, conf->genesis, 32);
	ap_u64_get(&r, &conf->retention_s);
	ap_u64_get(&r, &conf->horizon_s);
	ap_u64_get(&r, &conf->capacity);
	return r.bad == NULL && machine_size(conf) > 0;
}

static void restored_again(const struct machine *m, const uint8_t *octets, size_t len)
{
	size_t cap = machine_snapshot_max(m);
	uint8_t *again = malloc(cap);

	MUST(again != NULL && len <= cap);
	MUST(fuzz_same(again, machine_snapshot(m, again, cap), octets, len));
	free(again);
}

/* Goes on from there: whatever was taken is a state that executes. */
static void goes_on(struct machine *m)
{
	static struct machine_result result;
	struct machine_batch batch = {.seq = machine_seq(m) + 1, .time_ms = machine_time(m) + 1};

	if (batch.seq == 0)
		return; /* no batch follows the last one */
	machine_apply(m, &batch, &result);
	MUST(machine_seq(m) == batch.seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct machine_store table;
	struct machine_conf conf;
	struct memstore *store;
	struct machine *m;
	void *memory;

	if (!conf_read(&conf, octets, len))
		return 0;
	store = memstore_new();
	memory = malloc(machine_size(&conf));
	MUST(store != NULL && memory != NULL);
	memstore_table(store, &table);
	m = machine_init(memory, &conf, &fakegroup_funcs, &table);
	if (machine_restore(m, octets, len) == 0) {
		restored_again(m, octets, len);
		goes_on(m);
	}
	free(memory);
	memstore_free(store);
	return 0;
}
