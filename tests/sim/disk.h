/* A replica's disk: what outlives its process. Between disk.c, files.c and merged.c. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "tests/sim/sim.h"

struct record { /* of the journal */
	uint8_t type;
	bool lazy;
	uint64_t seq;
	size_t len;
	uint8_t *octets;
};

struct store; /* merged.c */

enum { DISK_FILES = 8, DISK_FILE_MAX = 1024, DISK_TYPES = 16 };

struct disk {
	struct record *records;
	size_t first, n, size; /* those before `first` are trimmed */
	size_t durable;
	bool has_journal;	      /* its first segment was made */
	uint64_t life;		      /* which journal it is */
	uint64_t floor, highest;      /* sequences: trimmed up to, of any record */
	uint32_t *newest[DISK_TYPES]; /* index + 1 of the newest durable record, by sequence */
	size_t newest_size[DISK_TYPES];
	struct {
		char name[16];
		size_t len;
		uint8_t octets[DISK_FILE_MAX];
	} files[DISK_FILES];
	struct store *store;
	/* of the process that runs */
	struct journal *journal;
	struct merge *merge;
};

/* A file that somebody else than the replica writes. */
void files_mark(struct disk *d, const char *name, const char *text);

struct store *store_new(void);
void store_free(struct store *s);
uint64_t store_seq(const struct store *s);
struct journal_place store_journal(const struct store *s); /* seen when it was merged */
/* A merge that is under way has been written, or not. */
void merge_crash(struct node *n);

#endif
