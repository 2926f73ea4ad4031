/*
 * State transfer in the shell: draft {#transfer}. daemon/transfer/ says what to ask whom; here are
 * frames, signatures, the store, and the moment at which a transferred state becomes this
 * replica's. serve_state.c answers others.
 */
#ifndef DAEMON_FETCH_STATE_H
#define DAEMON_FETCH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/disk.h"
#include "libproto/text.h"

struct run;
struct fetch_state;

struct fetch_state *fetch_state_new(const struct run *); /* NULL: no memory */
void fetch_state_free(struct fetch_state *);
uint8_t fetch_state_bits(void); /* leaves of a section: 2^bits */

/* At the end of each turn: begins one where it is needed, asks for what is next. When to call
 * again. */
uint64_t fetch_state_turn(struct run *);
/* A STATE, LEAVES or CHUNKS. false: its sender lies. Where nothing is transferred, or its sender is
 * known to lie, it is not looked at. */
bool fetch_state_frame(struct run *, uint8_t from, uint8_t type, const uint8_t *body, size_t len);
void fetch_state_link(struct run *, uint8_t id, bool up);
/* The store has become further: is a state installed? */
void fetch_state_stored(struct run *);

/* The store is another one: what came so far is not in it. What is needed begins again. */
void fetch_state_renewed(struct run *);
bool fetch_state_is_busy(const struct run *); /* one is under way */
/* Others no longer have what this replica lacks. */
void fetch_state_behind(struct run *);

/* draft {#checkpoints}: the quarantine of a replica that has diverged. Kept in a file, until an
 * operator removes it. */
enum quarantine { QUARANTINE_NONE, QUARANTINE_SUSPECT, QUARANTINE_FETCHING, QUARANTINE_FOLLOWS };
void quarantine_begin(struct run *, uint64_t seq, const uint8_t own[32], const uint8_t others[32],
		      uint16_t who);
enum quarantine quarantine_read(const char *dir);
int quarantine_write(struct run *, enum quarantine, struct disk_error *why);
/* Before the store is opened: a suspect one is moved away. */
int quarantine_start(struct run *, struct disk_error *why);

/* Its lines of the statistics. */
void fetch_state_show(const struct run *, struct ap_text *);

/* ---- serve_state.c: FETCH-STATE, FETCH-LEAVES, FETCH-CHUNKS. false: it does not decode. ---- */
bool serve_state(struct run *, uint8_t from, uint8_t type, const uint8_t *body, size_t len);

#endif
