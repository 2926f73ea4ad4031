/*
 * The journal: this replica's own votes and the batches it voted on, durable before they count.
 *
 * Why not LMDB: an LMDB commit costs two flushes and rewrites pages; a vote needs one append and
 * one flush. So votes and batches are appended here, into files whose octets were all written
 * before (an fdatasync then has no metadata to write), and what must be found by key is merged into
 * kv later.
 *
 * Who does what. The caller's thread copies records into a buffer and never waits for a disk. The
 * writer thread takes everything that is queued, writes it with one pwrite, makes it durable with
 * one fdatasync, and signals an eventfd; what is queued meanwhile goes with the next sync (group
 * commit). A second thread writes the next segment's zeros ahead of need and deletes trimmed
 * segments. All functions but journal_read(), journal_find(), journal_done(), journal_error(),
 * journal_room(), journal_last(), journal_trim(), journal_scrub() and journal_octets() belong to
 * one thread.
 *
 * Order of calls: journal_open, journal_replay once, then append, read, trim; journal_close.
 * Call journal_open after the last fork() and after sodium_init().
 *
 * Files in the directory (mode 0700, files 0600):
 *     lock                  held with flock() while the journal is open; holds the process id
 *     journal-0000000001    segments, numbered upwards without gaps, all octets allocated
 *     journal-next          a segment being prepared; thrown away at start
 *
 * Segment, numbers big-endian, sizes in octets:
 *     at     size
 *     0      8     "AGREEJNL"
 *     8      4     format (JOURNAL_FORMAT)
 *     12     4     size of the segment
 *     16     8     number of the segment, as in its name
 *     24     8     number of its first record
 *     32     8     sum of the record before that (0 in the very first segment)
 *     40     8     highest sequence of all records in earlier segments
 *     48     32    owner: the genesis id of the network
 *     80     16    key of the sums in this segment: random, so that nothing that a client or a
 *                  peer sends can look like a record and make a torn tail pass for damage
 *     96     8     sum of octets 0 to 95
 *     512    8     mark: offset before which everything is durable; written when idle, at close
 *     520    8     mark: sum of octets 512 to 519
 *     4096         records
 *
 * Record, at a multiple of 8; zeros behind the last one:
 *     at     size
 *     0      4     length of the payload, at most JOURNAL_PAYLOAD_MAX
 *     4      4     group: offset in this segment of the first record that was synced together
 *                  with this one; what lies before it was durable, and may have been acted on,
 *                  when this record was written
 *     8      8     number: 1, 2, 3, ... through the life of the journal
 *     16     8     sequence of the batch that it belongs to
 *     24     1     type, 1 to 63
 *     25     7     zero
 *     32     8     sum of the record before (this chains them)
 *     40     8     sum of the payload
 *     48     8     sum of octets 0 to 47
 *     56           payload, then zeros up to a multiple of 8
 *
 * Torn tail or damage. The log ends at the first place where no valid, chained record stands. That
 * is the torn tail of an unsynced write, and is cut, unless something proves that records from
 * there on had been durable: a later segment, the mark, or a record behind it whose group began
 * after that place. Then it is damage. (The order in which sectors of one unsynced write reach the
 * disk is free, so a valid record behind a torn one of the same group proves nothing.)
 *
 * What was read back at start may still be in the page cache only, or marked clean after a failed
 * sync of an earlier process; so journal_replay() writes the last group again and syncs it before
 * anything is built on it.
 */
#ifndef DAEMON_JOURNAL_H
#define DAEMON_JOURNAL_H

#include "daemon/disk.h"
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#define JOURNAL_FORMAT	    1
#define JOURNAL_OWNER_SIZE  32
#define JOURNAL_PAYLOAD_MAX (4u << 20) /* octets in one record */
#define JOURNAL_PARTS_MAX   16	       /* pieces that one record is gathered from */
#define JOURNAL_TYPE_MAX    63
#define JOURNAL_SEGMENT	    (64u << 20) /* octets of a segment unless the options say otherwise */
#define JOURNAL_SEGMENT_MIN (16u << 10)
#define JOURNAL_SEGMENT_MAX (1u << 30)
#define JOURNAL_BUFFER	    (8u << 20) /* octets that may wait for the disk; there are two such */
#define JOURNAL_KEEP	    100000u /* batches that journal_trim() leaves for peers that catch up */
#define JOURNAL_INDEX_SLOTS (1u << 17) /* highest sequences that journal_read() finds */
#define JOURNAL_INDEXED_MAX 4	       /* types that are found by sequence */
#define JOURNAL_LAZY_MS	    1000u      /* longest time that a lazy record waits for company */

/* The system calls that a test may let fail; as in POSIX (fallocate returns an error number). */
struct journal_ops {
	ssize_t (*pwrite)(int fd, const void *octets, size_t n, off_t at);
	int (*fdatasync)(int fd);
	int (*fallocate)(int fd, off_t at, off_t n);
};

struct journal_options {
	const char *dir; /* made if it is missing; its parent has to exist */
	uint8_t owner[JOURNAL_OWNER_SIZE];
	uint64_t indexed;      /* bit t: journal_read() finds type t; at most JOURNAL_INDEXED_MAX */
	uint32_t segment_size; /* a multiple of 4096, for new segments; 0: JOURNAL_SEGMENT */
	uint32_t buffer_size;  /* 0: JOURNAL_BUFFER */
	uint32_t index_slots;  /* a power of two, 16 octets each; 0: JOURNAL_INDEX_SLOTS */
	uint32_t keep;	       /* 0: JOURNAL_KEEP */
	const struct journal_ops *ops; /* NULL: the system's */
};

struct journal; /* opaque */

struct journal_record {
	uint64_t number; /* position in the journal, from 1 */
	uint64_t seq;
	const uint8_t *payload; /* borrowed, until the visitor returns */
	uint32_t length;
	uint8_t type;
};

/* Which record, and that it is this one: its sum is chained to all before it. Number 0: none. */
struct journal_place {
	uint64_t number, sum;
};

/* What journal_replay() found. */
struct journal_report {
	uint64_t records; /* visited */
	uint64_t highest; /* highest sequence of all records; 0: none */
	uint64_t last;	  /* number of the last record; 0: none */
	uint64_t cut;	  /* octets of torn tail that were thrown away */
	uint64_t floor;	  /* records of sequences up to this may be gone: trimmed, or in a segment
			   * that was skipped. A stable checkpoint below it: votes are missing.
			   * 0: the whole history is here */
	uint32_t skipped; /* segments passed over: missing or damaged, but wholly below from_seq */
	uint8_t is_new;	  /* 1: there was no journal, an empty one was made */
	uint8_t is_other; /* 1: the record of journal_expect() is not in it, and not trimmed: this
			   * is an older copy, or another journal */
};

/* Opens or makes the directory, locks it, checks the segments' headers. Returns 0, DISK_ELOCKED,
 * DISK_EOWNER, DISK_EVERSION, DISK_EDAMAGED, DISK_ENOROOM, DISK_EUSAGE or DISK_ESYSTEM; then *j is
 * NULL and why->text has the sentence. The options are copied. */
int journal_open(struct journal **j, const struct journal_options *options, struct disk_error *why);

/* Before journal_replay(): a record that was durable, as journal_last() said then. Number 0:
 * nothing is known. */
void journal_expect(struct journal *j, const struct journal_place *place);

/* Visits, in the order in which they were written, all records with seq >= from_seq (0: all there
 * are), cuts a torn tail, fills the index, makes what it read durable, starts the threads. Segments
 * that lie wholly below from_seq are read by their headers only, and damage there costs no more
 * than their batches (report.skipped). A visitor that returns other than 0 stops it
 * (DISK_ESTOPPED). Returns 0, DISK_EDAMAGED (the vote history has a hole, or is shorter than it
 * was: why->text names file and offset), DISK_ENOROOM, DISK_ESYSTEM; after an error the only call
 * left is journal_close. `report` may be NULL. */
typedef int journal_visit(void *arg, const struct journal_record *record);
int journal_replay(struct journal *j, uint64_t from_seq, journal_visit *visit, void *arg,
		   struct journal_report *report, struct disk_error *why);

/* Queues one record, gathered from the parts, which are copied; type 1 to JOURNAL_TYPE_MAX. *token
 * rises with each call: the record is durable once journal_done() >= *token. Returns 0, or, with
 * nothing queued: DISK_EAGAIN (wait for journal_fd, try again), DISK_ENOROOM (as that, but the disk
 * has to be given room), DISK_ETOOBIG, DISK_EUSAGE, DISK_EFAILED (journal_error says why; stop the
 * process). journal_append_lazy: the same for what nobody waits for: it asks for no sync, but goes
 * with the next one, or after JOURNAL_LAZY_MS. Order on disk is the order of the calls of both. */
int journal_append(struct journal *j, uint8_t type, uint64_t seq, const struct iovec *parts,
		   size_t n_parts, uint64_t *token);
int journal_append_lazy(struct journal *j, uint8_t type, uint64_t seq, const struct iovec *parts,
			size_t n_parts, uint64_t *token);

/* An eventfd (non-blocking; the caller reads its 8 octets) that becomes readable when
 * journal_done() has risen, when an append that was refused may be tried again, and when the
 * journal has failed. */
int journal_fd(const struct journal *j);

/* Highest token that is durable, and with it all lower ones; 0: none yet in this run. */
uint64_t journal_done(const struct journal *j);

/* The last record that is durable. */
struct journal_place journal_last(struct journal *j);

/* NULL, or the sentence about the first write or sync that failed. It stays: nothing is tried
 * again, since the kernel drops the pages of a failed sync and reports success the next time. The
 * caller stops the process; the next start reads what the disk really has. */
const char *journal_error(const struct journal *j);

/* Octets of records that can be appended before the disk has to give more: below the caller's mark
 * only what frees room is voted. The thread asks the disk once a second while it is refused. */
uint64_t journal_room(struct journal *j);

/* The disk refuses room for the next segment: what journal_room() says is all there is. */
bool journal_is_short(struct journal *j);

/* Length of the newest record of this sequence and indexed type, or DISK_ENOTFOUND. Found are
 * durable records of the last index_slots sequences that are not trimmed yet. */
int journal_find(struct journal *j, uint64_t seq, uint8_t type);

/* Copies its payload into buf. Returns the length, DISK_ENOTFOUND, DISK_ETOOBIG (cap is too small),
 * DISK_EDAMAGED (fetch it from a peer), DISK_ESYSTEM. Reads the disk: may take as long as that
 * takes. */
int journal_read(struct journal *j, uint64_t seq, uint8_t type, void *buf, size_t cap);

/* Reads on through all that is durable, from the place where the last call has ended: about
 * `budget` octets, one record at least. Begin with all zero, and end at is_done. Returns 0,
 * DISK_ESYSTEM (no memory), or DISK_EDAMAGED, and why->text says where; the next call goes on in
 * the next segment. */
struct journal_scrub {
	uint64_t number; /* of the segment at hand */
	uint32_t at;
	uint64_t record, chain;
	uint64_t octets;  /* read by the last call */
	uint64_t highest; /* of damage: sequence of all records up to the end of that segment */
	bool is_done;
};
int journal_scrub(struct journal *j, struct journal_scrub *scrub, uint64_t budget,
		  struct disk_error *why);
uint64_t journal_octets(struct journal *j); /* that it has to read */

/* Lets the thread delete the oldest segments, as far as all their records have seq < before_seq and
 * lie below the last `keep` sequences. Before the call, what is needed of lower sequences is
 * elsewhere and durable: the stable checkpoint, the view, outcomes. */
void journal_trim(struct journal *j, uint64_t before_seq);

/* Waits until all that is queued is durable. Returns 0 or DISK_EFAILED. For start and stop, not for
 * the loop. */
int journal_flush(struct journal *j);

/* Flushes, marks the end as durable, ends the threads, unlocks, frees. Returns 0 or DISK_EFAILED,
 * then with the sentence in `why` if that is not NULL. j may be NULL. */
int journal_close(struct journal *j, struct disk_error *why);

#endif
