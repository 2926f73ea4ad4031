/* proofs.json: from leaves to the signature, for batches of several sizes. */
#include "libproto/merkle.h"
#include "libproto/proof.h"
#include "tests/vectors/json.h"
#include "tests/vectors/make.h"
#include "tests/vectors/sample.h"

/* Of large batches only some leaves are shown whole. */
static bool is_shown(size_t count, size_t i)
{
	return count <= 7 || i == 0 || i == 1 || i == count / 2 - 1 || i == count - 1;
}

static void leaf_show(struct json *j, const struct sample_batch *b, size_t i)
{
	ap_agree agree = sample_agree(b, i);
	uint8_t outcome[AP_MAX_outcome], octets[AP_MAX_agree];
	struct ap_writer w;

	ap_writer_init(&w, outcome, sizeof(outcome));
	ap_outcome_put(&w, &b->outcomes[i]);
	json_object(j, NULL);
	json_number(j, "index", i);
	json_hex(j, "id", b->ids[i], AP_ID_LEN);
	json_bytes(j, "outcome", ap_writer_bytes(&w));
	json_hex(j, "leaf", b->nodes + 32 * i, 32);
	json_array(j, "path");
	for (size_t k = 0; k < agree.proof.path.count; k++)
		json_hex(j, NULL, agree.proof.path.node[k].octets, 32);
	json_end(j);
	json_bytes(j, "rdata", sample_rdata(octets, &agree));
	json_end(j);
}

static void batch_show(struct json *j, size_t count)
{
	static struct sample_batch b;

	sample_batch(&b, count);
	json_object(j, NULL);
	json_number(j, "count", count);
	json_hex(j, "network", sample_network(), 32);
	json_number(j, "epoch", b.statement.epoch);
	json_number(j, "sequence", b.statement.seq);
	json_number(j, "time", b.statement.time_ms);
	json_hex(j, "running", b.statement.running, 32);
	json_array(j, "leaves");
	for (size_t i = 0; i < count; i++)
		if (is_shown(count, i))
			leaf_show(j, &b, i);
	json_end(j);
	if (count > 7) {
		json_array(j, "leaf_hashes");
		for (size_t i = 0; i < count; i++)
			json_hex(j, NULL, b.nodes + 32 * i, 32);
		json_end(j);
	}
	json_hex(j, "root", b.statement.root, 32);
	json_hex(j, "statement", b.octets, sizeof(b.octets));
	json_hex(j, "sig", b.sig, sizeof(b.sig));
	json_end(j);
}

void make_proofs(const char *dir)
{
	static const size_t counts[] = {1, 2, 3, 7, 256};
	struct json j;

	json_open(&j, dir, "proofs.json",
		  "Batches of 1, 2, 3, 7 and 256 leaves: leaf hashes, tree, paths, statement and "
		  "signature. Of the largest some leaves are shown, and the hashes of all. Section "
		  "The Signed Record.");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		batch_show(&j, counts[i]);
	json_close(&j);
}
