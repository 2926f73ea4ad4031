/* Changes the state in the store of a replica that is stopped, with good sums, and takes the signatures away that would
 * show it: what a fault of the program or of memory would do. `alter NETWORK-FILE DATA-DIRECTORY`. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kv.h"
#include "daemon/netfile.h"
#include "libproto/limits.h"

enum { META };
static const struct kv_table tables[] = {{"meta", 0}};

/* One more kept instance of the last relay's: draft {#state} has the layout. */
static int alter(struct kv *kv)
{
	struct kv_span key = {"snapshot", 8}, proof = {"proof", 5}, value;
	struct kv_txn *txn = kv_write_begin(kv);
	uint8_t *octets = NULL;
	size_t history;

	if (kv_get(txn, META, key, &value) == 0 && value.n > 8)
		octets = malloc(value.n);
	if (octets == NULL)
		return -1;
	memcpy(octets, value.at, value.n);
	history = 8 + 32 * (size_t)__builtin_popcountll(disk_get64(octets));
	octets[value.n - history - 1] ^= 1;
	kv_put(txn, META, key, (struct kv_span){octets, value.n});
	kv_delete(txn, META, proof);
	free(octets);
	return kv_commit(txn);
}

int main(int argc, char **argv)
{
	struct kv_options options = {.tables = tables, .n_tables = 1};
	char text[NETFILE_WHY_MAX], dir[DISK_PATH_MAX];
	struct disk_error why;
	struct ap_text t;
	static struct netfile net;
	struct kv *kv;
	int status;

	ap_text_init(&t, text, sizeof(text));
	if (argc != 3 || netfile_load(&net, argv[1], &t) != 0) {
		fprintf(stderr, "usage: alter NETWORK-FILE DATA-DIRECTORY\n");
		return 1;
	}
	snprintf(dir, sizeof(dir), "%s/store", argv[2]);
	options.dir = dir;
	memcpy(options.owner, net.genesis, sizeof(options.owner));
	if (kv_open(&kv, &options, &why) != 0) {
		fprintf(stderr, "alter: %s\n", why.text);
		return 1;
	}
	status = alter(kv);
	kv_close(kv);
	return status == 0 ? 0 : 1;
}
