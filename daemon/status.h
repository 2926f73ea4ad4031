/*
 * What `agreectl status` shows: run.c fills it in, status_show() writes it as the reply of the
 * control command `status`, stable `key=value` lines that agreectl prints and turns into JSON.
 */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/netfile.h"

struct status {
	const struct netfile *net;
	uint8_t self;	   /* identifier */
	const char *phase; /* enckeys, deals, readies, trial, live, failed; behind: needs state
			      transfer */
	uint8_t culprit;   /* phase failed: identifier; else 0 */
	uint32_t epoch;	   /* 0: no key yet */
	uint8_t key[32];   /* group key; all zero: none yet */
	bool recovering;   /* votes in nothing; or, no history yet: waits for all others */
	bool unsure;
	bool shareless; /* the key share is lost: signs nothing */
	uint64_t incarnation;
	uint64_t votes_from; /* recovering: once a checkpoint is stable here or above; 0: REJOIN is
				due */
	uint64_t view;
	uint64_t seq;	   /* last executed */
	uint64_t stable;   /* last stable checkpoint */
	uint64_t time_ms;  /* T */
	uint64_t floor_ms; /* F */
	uint16_t up;	   /* links, bit id - 1; own bit is ignored */
	uint32_t queued, outstanding, unsigned_batches;
	uint32_t pool[AP_REPLICAS_MAX]; /* nonce pairs left of each member */
	uint64_t instances;		/* that count against this relay's share */
	const char *disk;		/* enough, nearly-full, full: draft {#disk-marks} */
	uint64_t journal_octets, store_octets, disk_free_octets;
	uint64_t uptime_s;
};

void status_show(struct ap_text *t, const struct status *status);

#endif
