/*
 * The shell's part of coming back: draft {#rejoin}. What is lost or damaged is noted on disk and
 * set aside, the replica takes a run number that nobody has used, has its REJOIN ordered, and says
 * what happens. The core does the rest: daemon/pbft/rejoin.c.
 */
#ifndef DAEMON_RECOVER_H
#define DAEMON_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/disk.h"

struct pbft_effect;
struct pbft_event;
struct run;

/* In the data directory while the replica is recovering; `agreectl restored` makes one too. Lines
 * `why=TEXT` and, once REJOIN has taken effect, `incarnation=NUMBER`. */
#define RECOVER_FILE	 "recovering"
#define RECOVER_RESTORED "why=restored from a backup\n"
enum { RECOVER_FILE_MAX = 1024 };

struct recover {
	bool is, numbered; /* numbered: this run number is one that no earlier run can have had */
	bool unsure;
	uint64_t rejoined; /* incarnation that came of it; 0: none yet */
	uint64_t ask_ms;   /* REJOIN not before */
	char why[DISK_ERROR_MAX];
};

/* Reads the note, at a start. 0, or DISK_E* and its sentence. */
int recover_load(struct run *, struct disk_error *why);
/* From here on this replica votes in nothing: durable when it returns 0. */
int recover_begin(struct run *, const char *what, struct disk_error *why);
/* Damage at a start: notes it, and sets the journal aside (the first time), or the store too. 0:
 * start again; else DISK_E*. `why` brings the damage and takes away what is wrong now. */
int recover_damaged(struct run *, unsigned attempt, struct disk_error *why);

/* Asks for REJOIN when it is due. */
void recover_turn(struct run *, uint64_t now_ms);
/* May this run order operations of its own? Not before its number is settled. */
bool recover_may_submit(const struct run *);
/* A batch was executed: what the core must know of incarnations. */
void recover_executed(struct run *, struct pbft_event *);
/* PBFT_RECOVERING, PBFT_RECOVERED. */
void recover_effect(struct run *, const struct pbft_effect *);

#endif
