/* Undecided instances of a restored machine, out of the store: draft {#state}. */
#ifndef DAEMON_UNDECIDED_H
#define DAEMON_UNDECIDED_H

#include "daemon/disk.h"

struct run;

/* After each machine_restore() from octets, with the store at that sequence. 0, or DISK_EDAMAGED. */
int undecided_refill(struct run *, struct disk_error *why);

#endif
