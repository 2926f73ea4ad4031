#include "paper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spool.h"
#include "step.h"

static void hex_put(char *text, const unsigned char *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", octets[i]);
}

static int hex_digit(char c)
{
	const char *all = "0123456789abcdef", *at = c != '\0' ? strchr(all, c) : NULL;

	return at != NULL ? (int)(at - all) : -1;
}

/* Octets of it; -1: it is not hex, or more than there is room for. */
static long hex_get(unsigned char *octets, size_t room, const char *text)
{
	size_t n = strlen(text);

	if (n % 2 != 0 || n / 2 > room)
		return -1;
	for (size_t i = 0; i < n / 2; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		octets[i] = (unsigned char)(high << 4 | low);
	}
	return (long)(n / 2);
}

/* The rest of the line `name: rest`, which is cut off there; NULL: the text has no such line. */
static char *line_take(char *text, const char *name)
{
	size_t n = strlen(name);

	for (char *at = text; at != NULL && *at != '\0'; at = strchr(at, '\n'), at += at != NULL)
		if (strncmp(at, name, n) == 0 && strncmp(at + n, ": ", 2) == 0)
			return at + n + 2;
	return NULL;
}

static void lines_cut(char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '\n')
			*text = '\0';
}

/* ---- tickets ---- */

void paper_id(const agree_ticket *ticket, char id[PAPER_ID])
{
	unsigned char octets[AGREE_ID_LEN];

	agree_ticket_id(ticket, octets);
	hex_put(id, octets, sizeof(octets));
}

char *paper_ticket(const agree_ticket *ticket)
{
	size_t size = PAPER_TICKET_MAX;
	char *text = malloc(size);

	if (text == NULL || agree_ticket_text(ticket, text, &size) != 0)
		step_die("a ticket has no text");
	return text;
}

int paper_terms(const agree_network *network, const void *value, size_t len,
		unsigned long long deadline_s, agree_ticket **draft)
{
	agree_terms *terms;
	int err = agree_terms_new(&terms);

	*draft = NULL;
	if (err != 0)
		return err;
	err = agree_terms_label(terms, "custody", 7);
	if (err == 0)
		err = agree_terms_party(terms, NULL); /* 0: the sender */
	if (err == 0)
		err = agree_terms_party(terms, NULL); /* 1: the receiver */
	if (err == 0)
		err = agree_terms_value(terms, value, len);
	if (err == 0)
		err = agree_terms_deadline(terms, deadline_s);
	if (err == 0)
		err = agree_terms_fresh(terms);
	if (err == 0)
		err = agree_ticket_new(network, terms, draft);
	agree_terms_free(terms);
	return err;
}

/* ---- deals ---- */

void paper_deal_put(const char *directory, const char *name, const agree_ticket *ticket,
		    const agree_party *party)
{
	char *text = paper_ticket(ticket), lines[PAPER_TICKET_MAX + 256];
	char hex[2][2 * AGREE_SECRET_LEN + 1];
	unsigned char secret[AGREE_SECRET_LEN];
	int n;

	for (int yes = 0; yes < 2; yes++) {
		if (agree_party_secret(party, yes, secret) != 0)
			step_die("a party has no secrets");
		hex_put(hex[yes], secret, sizeof(secret));
	}
	n = snprintf(lines, sizeof(lines), "ticket: %s\nyes: %s\nno: %s\n", text, hex[1], hex[0]);
	spool_put(directory, name, lines, (size_t)n);
	agree_wipe(secret, sizeof(secret));
	agree_wipe(hex, sizeof(hex));
	agree_wipe(lines, sizeof(lines));
	free(text);
}

static int deal_read(const agree_network *network, char *text, unsigned index,
		     agree_ticket **ticket, agree_party **party)
{
	unsigned char secrets[2][AGREE_SECRET_LEN];
	char *t = line_take(text, "ticket"), *yes = line_take(text, "yes"),
	     *no = line_take(text, "no");
	int err;

	if (t == NULL || yes == NULL || no == NULL)
		return AGREE_EFILE;
	lines_cut(text);
	if (hex_get(secrets[0], AGREE_SECRET_LEN, no) != AGREE_SECRET_LEN ||
	    hex_get(secrets[1], AGREE_SECRET_LEN, yes) != AGREE_SECRET_LEN) {
		agree_wipe(secrets, sizeof(secrets));
		return AGREE_EFILE;
	}
	err = agree_ticket_parse(network, t, ticket);
	if (err == 0)
		err = agree_party_secrets(*ticket, index, secrets[1], secrets[0], party);
	agree_wipe(secrets, sizeof(secrets));
	return err;
}

int paper_deal_get(const agree_network *network, const char *directory, const char *name,
		   unsigned index, agree_ticket **ticket, agree_party **party)
{
	size_t len;
	char *text = spool_get(directory, name, &len);
	int err;

	*ticket = NULL;
	*party = NULL;
	if (text == NULL)
		return AGREE_EFILE;
	err = deal_read(network, text, index, ticket, party);
	if (err != 0) {
		agree_ticket_free(*ticket);
		*ticket = NULL;
	}
	agree_wipe(text, len);
	free(text);
	return err;
}

/* ---- their ends ---- */

void paper_end_put(const char *directory, const char *id, const char *word,
		   const agree_ticket *ticket, const void *record, size_t len)
{
	char *text = paper_ticket(ticket);
	size_t size = strlen(text) + 2 * len + 128;
	char *lines = malloc(size), *hex = calloc(1, 2 * len + 1);

	if (lines == NULL || hex == NULL)
		step_die("no memory for a record");
	hex_put(hex, record, len);
	snprintf(lines, size, "outcome: %s\nticket: %s\nrecord: %s\n", word, text, hex);
	spool_put(directory, id, lines, strlen(lines));
	free(hex);
	free(lines);
	free(text);
}

int paper_end_get(const char *directory, const char *id, struct paper_end *end)
{
	size_t len;
	char *record;
	long n = -1;

	end->text = spool_get(directory, id, &len);
	if (end->text == NULL)
		return AGREE_EFILE;
	end->word = line_take(end->text, "outcome");
	end->ticket = line_take(end->text, "ticket");
	record = line_take(end->text, "record");
	lines_cut(end->text);
	if (record != NULL)
		n = hex_get(end->record, sizeof(end->record), record);
	if (end->word == NULL || end->ticket == NULL || n < 0) {
		paper_end_free(end);
		return AGREE_EFILE;
	}
	end->len = (size_t)n;
	return 0;
}

void paper_end_free(struct paper_end *end)
{
	free(end->text);
	end->text = NULL;
}
