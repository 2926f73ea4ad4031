/* The history that merge_history.c keeps in LMDB, in memory that outlives the process. */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "daemon/merge_format.h"

struct history;

struct history *history_new(void);
void history_free(struct history *);
void history_take_merge(struct history *, const struct merge_job *);
void history_take(struct history *, const struct absorb *);
bool history_section(const struct history *, uint64_t size, uint64_t section, uint8_t leaves[][32],
		     size_t *n, uint8_t path[][32], size_t *n_path);
bool history_chunk(const struct history *, uint64_t seq, uint64_t *time_ms, ap_bytes *outcomes);

#endif
