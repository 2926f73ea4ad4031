/*
 * What each side keeps on paper about an instance, as lines of text: its ticket and its own secrets
 * while the outcome is not known, the ticket and the record that proves the outcome afterwards.
 */
#ifndef CUSTODY_PAPER_H
#define CUSTODY_PAPER_H

#include <agree.h>

enum { PAPER_TICKET_MAX = 8192, PAPER_ID = 2 * AGREE_ID_LEN + 1 };

/* The instance's id in hex: the name of its files. */
void paper_id(const agree_ticket *ticket, char id[PAPER_ID]);
/* Text of a ticket, draft or not, the caller's to free. */
char *paper_ticket(const agree_ticket *ticket);

/* Terms of a hand-over: both have to agree, to this value, with secrets. */
int paper_terms(const agree_network *network, const void *value, size_t len,
		unsigned long long deadline_s, agree_ticket **draft);

/* Keeps a deal in DIRECTORY/NAME, and has it back: NULL, with nothing in ticket and party, if there
 * is none that can be read. index: which party's secrets these are. */
void paper_deal_put(const char *directory, const char *name, const agree_ticket *ticket,
		    const agree_party *party);
int paper_deal_get(const agree_network *network, const char *directory, const char *name,
		   unsigned index, agree_ticket **ticket, agree_party **party);

/* Keeps the end of a deal: word ("decided", "aborted", "withdrawn"), and the record that proves it,
 * or none. */
void paper_end_put(const char *directory, const char *id, const char *word,
		   const agree_ticket *ticket, const void *record, size_t len);
struct paper_end {
	char *text; /* owns what follows */
	const char *word, *ticket;
	unsigned char record[4096];
	size_t len; /* 0: there is none */
};
int paper_end_get(const char *directory, const char *id, struct paper_end *end);
void paper_end_free(struct paper_end *end);

#endif
