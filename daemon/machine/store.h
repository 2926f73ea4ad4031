/*
 * Where the machine keeps final outcomes: LMDB with a cache in agreed (daemon/index.c), memory in
 * tests and simulator (tests/lib). The machine never iterates: what is forgotten is judged from the
 * floor F and the deadline in the id, so that a purge may run late, or not at all, without changing
 * an answer (draft {#retention}).
 */
#ifndef DAEMON_MACHINE_STORE_H
#define DAEMON_MACHINE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "libproto/codec.h"

struct machine_final {
	uint8_t id[AP_ID_LEN];
	uint8_t relay;	    /* whose share of the capacity it fills */
	uint64_t sequence;  /* at which it became final */
	ap_outcome outcome; /* as a leaf has it; value borrows from the store or the batch until the
			       next call */
};

struct machine_store {
	void *ctx;
	/* true and *out filled if a final outcome is stored under id, forgotten or not. */
	bool (*find)(void *ctx, const uint8_t id[AP_ID_LEN], struct machine_final *out);
	/* Keeps a new one; copies it. Called at most once an id. Durability is the shell's: it is
	 * replayed from the log. */
	void (*put)(void *ctx, const struct machine_final *);
};

#endif
